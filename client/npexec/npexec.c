/* npexec: runs a command on a device through the broker.  This file: the streams, the options, the exit status. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "npexec/npexec_options.h"
#include "npexec/npexec_report.h"
#include "npexec/npexec_run.h"
#include "lib/npstdio.h"

#ifndef NETPULSE_VERSION
#define NETPULSE_VERSION "0"
#endif

static const char usage_text[] = "usage: npexec [options] [user@]device[:port] [command [argument ...]]\n"
				 "Without a command: on a terminal a shell, else commands from standard input,\n"
				 "one a line.  Options stand before the device:\n"
				 "  -e COMMAND, -f FILE   commands, in order; from a file one a line (-: stdin)\n"
				 "  -j                    one JSON object a command, one a line\n"
				 "  -n                    standard input is empty\n"
				 "  -t, -T                a terminal there (-tt: even without one here), none\n"
				 "  -s                    the command is the name of a subsystem\n"
				 "  -q, -v                say less, say more (timing)\n"
				 "  -l USER -p PORT -i KEYFILE -J JUMP -F SSH_CONFIG   as in ssh\n"
				 "  -o KEY=VALUE          any key of a device, see netpulse.yaml(5)\n"
				 "  -S SOCKET, --no-start where the broker listens; start none\n"
				 "  --type TYPE           the kind of device\n"
				 "  --timeout SECONDS, --idle-timeout SECONDS\n"
				 "  --env NAME[=VALUE]    an environment variable for the command\n"
				 "  --fresh               on a connection of its own\n"
				 "  --help, --version\n"
				 "Several devices, as in a,b,@group,web*,db[01-20]:\n"
				 "  -P N                  so many at a time (32)\n"
				 "  -b                    gather: equal outputs once\n"
				 "Devices with a command line of their own:\n"
				 "  --enable --answer REGEX=TEXT --prove --raw\n"
				 "  -c                    the lines are configuration\n"
				 "  --dry-run, --keep-going, --confirm MINUTES, --save   with -c\n";

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
	case NPEXEC_PARSED:
		status = npexec_run(&options);
		break;
	case NPEXEC_HELP:
		status = dprintf(STDOUT_FILENO, "%s", usage_text) < 0 ? NPEXEC_STATUS_FAILED : 0;
		break;
	case NPEXEC_VERSION:
		status = dprintf(STDOUT_FILENO, "npexec %s\n", NETPULSE_VERSION) < 0 ? NPEXEC_STATUS_FAILED : 0;
		break;
	case NPEXEC_USAGE:
		dprintf(STDERR_FILENO, "npexec: %s\n", err.text);
		break;
	}
	npexec_options_finish(&options);
	return status;
}
