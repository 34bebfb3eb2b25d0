/* npexec: runs a command on a device through the broker.  This file: the streams, the options, the exit status. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "npexec/npexec_options.h"
#include "npexec/npexec_report.h"
#include "lib/npstdio.h"

/*
 * Only ssh knows what `ssh -G' says.  Where we stand in its place, under that name and at that path, or there is none,
 * programs that ask want to know only that there is such an option.
 */
static int
show(const struct npexec_options *o, char **argv)
{
	struct stat ours, ssh;

	if (stat("/proc/self/exe", &ours) == 0 && stat(SSH_PATH, &ssh) == 0 &&
	    (ours.st_dev != ssh.st_dev || ours.st_ino != ssh.st_ino))
		execv(SSH_PATH, argv);
	return dprintf(STDOUT_FILENO, "host %s\n", o->device) < 0 ? NPEXEC_STATUS_FAILED : 0;
}

int
main(int argc, char **argv)
{
	struct npexec_world world;
	struct npexec_options options;
	struct np_error err;
	int status = NPEXEC_STATUS_FAILED;

	if (npstdio_keep(true) == -1) /* as ssh: how the command ends is worth something without what it says */
		return status;
	npexec_world_look(&world);
	switch (npexec_options_parse(argc, argv, &world, &options, &err)) {
	case NPOPTION_PARSED:
		status = options.show ? show(&options, argv) : npexec_run(&options);
		break;
	case NPOPTION_HELP:
		status = dprintf(STDOUT_FILENO, "%s", npexec_usage_text) < 0 ? NPEXEC_STATUS_FAILED : 0;
		break;
	case NPOPTION_VERSION:
		status = dprintf(STDOUT_FILENO, "npexec %s\n", NETPULSE_VERSION) < 0 ? NPEXEC_STATUS_FAILED : 0;
		break;
	case NPOPTION_USAGE:
		dprintf(STDERR_FILENO, "npexec: %s\n", err.text);
		break;
	}
	npexec_options_finish(&options);
	return status;
}
