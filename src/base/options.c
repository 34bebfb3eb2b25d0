/*
 * netpulsed's command line; see options.h.
 */
#include "base/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef NETPULSE_VERSION
#define NETPULSE_VERSION "0"
#endif

static void
usage(FILE *out)
{
	fputs("usage: netpulsed [-d] [--system] [-f config] [-S socket] [--idle-exit SECONDS]\n"
	      "       netpulsed -t [-f config] [-P platform-file ...]\n"
	      "       netpulsed -T [-f config] [DEVICE]\n"
	      "       netpulsed -L [-f config] [PLATFORM]\n"
	      "       netpulsed -A [-f config] ROLE DEVICE [COMMAND [METHOD [UID]]]\n"
	      "  -f, --config FILE       read FILE instead of the default configuration files\n"
	      "  -S, --socket PATH       listen at PATH\n"
	      "  -d, --debug             log everything; the process can be traced and leaves core dumps\n"
	      "      --system            serve other users as well, as the policy says; with -t, -T, -A: its "
	      "configuration\n"
	      "      --idle-exit SECONDS end after so long without session, client or persistent device\n"
	      "  -t, --check             check the configuration, or the platform file of -P, and end\n"
	      "  -T, --show-config       print what would be used for DEVICE, or for all, as JSON\n"
	      "  -L, --show-platforms    print which platforms there are, or what one says, as JSON\n"
	      "  -A, --policy            print which rule decides, as JSON; with -t: check the policy\n"
	      "      --version, --help\n",
	    out);
}

static bool
parse_seconds(const char *text, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	return errno == 0 && *text != '\0' && *end == '\0' && *value >= 0 && *value < 1e9;
}

enum { OPT_IDLE_EXIT = 256, OPT_STARTUP_FD, OPT_SYSTEM, OPT_VERSION };

static int
set_task(struct daemon_options *o, enum daemon_task task)
{
	if (o->task != TASK_SERVE && o->task != task) {
		fputs("netpulsed: only one of -t, -T and -L can be done at once\n", stderr);
		return -1;
	}
	o->task = task;
	return 0;
}

static int
parse_option(struct daemon_options *o, int option)
{
	switch (option) {
	case 'f':
		o->config_file = optarg;
		return 0;
	case 'S':
		o->socket = optarg;
		return 0;
	case 'd':
		o->debug = true;
		return 0;
	case 't':
		return set_task(o, TASK_CHECK);
	case 'T':
		return set_task(o, TASK_SHOW_CONFIG);
	case 'L':
		return set_task(o, TASK_SHOW_PLATFORMS);
	case 'P':
		o->platform_file = optarg;
		return 0;
	case 'A':
		o->policy = true;
		return 0;
	case OPT_SYSTEM:
		o->system = true;
		return 0;
	case OPT_IDLE_EXIT:
		if (parse_seconds(optarg, &o->idle_exit))
			return 0;
		fprintf(stderr, "netpulsed: --idle-exit takes a number of seconds, not `%s`\n", optarg);
		return -1;
	case OPT_STARTUP_FD:
		o->startup_fd = atoi(optarg);
		return o->startup_fd > 2 ? 0 : -1;
	case OPT_VERSION:
		printf("netpulsed %s\n", NETPULSE_VERSION);
		o->task = TASK_DONE;
		return 0;
	case 'h':
		usage(stdout);
		o->task = TASK_DONE;
		return 0;
	default: /* option letters are no enum */
		usage(stderr);
		return -1;
	}
}

/* The one argument that some tasks take. */
static int
take_argument(struct daemon_options *o, int argc, char **argv)
{
	bool takes = o->task == TASK_SHOW_CONFIG || o->task == TASK_SHOW_PLATFORMS;

	if (o->policy && o->task == TASK_SERVE)
		o->task = TASK_POLICY;
	o->args = argv + optind;
	if (o->task == TASK_POLICY)
		return 0;
	if (o->policy && o->task != TASK_CHECK) {
		fputs("netpulsed: -A goes alone or with -t\n", stderr);
		return -1;
	}
	if (optind < argc && takes)
		o->name = argv[optind++];
	if (o->task == TASK_CHECK && o->platform_file != NULL) {
		o->more_files = argv + optind;
		return 0;
	}
	if (optind < argc) {
		fprintf(stderr, "netpulsed: unexpected argument `%s`\n", argv[optind]);
		return -1;
	}
	if (o->platform_file != NULL && o->task != TASK_CHECK) {
		fputs("netpulsed: -P is for -t: check that platform file\n", stderr);
		return -1;
	}
	return 0;
}

int
options_parse(struct daemon_options *o, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'f'},
	    {"socket", required_argument, NULL, 'S'},
	    {"debug", no_argument, NULL, 'd'},
	    {"check", no_argument, NULL, 't'},
	    {"show-config", no_argument, NULL, 'T'},
	    {"show-platforms", no_argument, NULL, 'L'},
	    {"platform", required_argument, NULL, 'P'},
	    {"policy", no_argument, NULL, 'A'},
	    {"system", no_argument, NULL, OPT_SYSTEM},
	    {"idle-exit", required_argument, NULL, OPT_IDLE_EXIT},
	    {"startup-fd", required_argument, NULL, OPT_STARTUP_FD}, /* npexec's: where it waits for our word */
	    {"version", no_argument, NULL, OPT_VERSION},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int option;

	*o = (struct daemon_options){.startup_fd = -1};
	optind = 0; /* glibc: start afresh */
	while ((option = getopt_long(argc, argv, "f:S:dtTLAP:h", longs, NULL)) != -1) {
		if (parse_option(o, option) == -1)
			return -1;
		if (o->task == TASK_DONE)
			return 0;
	}
	return take_argument(o, argc, argv);
}
