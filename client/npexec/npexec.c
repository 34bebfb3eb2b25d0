/* npexec: runs a command on a device through the broker.  This file: the streams, the options, the exit status. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "npexec/npexec_options.h"
#include "npexec/npexec_report.h"
#include "lib/npstdio.h"

/* The lines of `ssh -G' that the command line decides; programs that ask want to know that there is such an option. */
static int
show(const struct npexec_options *o)
{
	bool failed = dprintf(STDOUT_FILENO, "host %s\n", o->device) < 0;
	const cJSON *key;

	cJSON_ArrayForEach (key, o->overrides)
		failed |= dprintf(STDOUT_FILENO, "%s %s\n", key->string, key->valuestring) < 0;
	return failed ? NPEXEC_STATUS_FAILED : 0;
}

int
main(int argc, char **argv)
{
	struct npexec_world world;
	struct npexec_options options;
	struct np_error err;
	int status = NPEXEC_STATUS_FAILED;

	if (npstdio_keep() == -1)
		return status;
	npexec_world_look(&world);
	switch (npexec_options_parse(argc, argv, &world, &options, &err)) {
	case NPOPTION_PARSED:
		status = options.show ? show(&options) : npexec_run(&options);
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
