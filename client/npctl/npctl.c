/* npctl: looks at the broker and steers it.  This file: options and exit status. */
#include "npctl/npctl.h"

#include <stdio.h>
#include <string.h>

#include "lib/npstdio.h"

#ifdef NPTOP
#include "top/nptop.h"
#endif

#ifndef NETPULSE_VERSION
#define NETPULSE_VERSION "0"
#endif

static const char usage_text[] =
    "usage: npctl [-S socket] [--json] command [argument ...]\n"
    "\n"
    "  ping                   is a broker running?\n"
    "  status [DEVICE]        devices and their sessions; one of them in full\n"
    "  open DEVICE ...        make a session now (starts a broker when none runs)\n"
    "  close DEVICE [--now]   close its sessions when their commands have ended, or now\n"
    "  close #ID [--now]      close one session\n"
    "  pause DEVICE           end its sessions gently, let new commands wait; resume\n"
    "  disable DEVICE [-m T]  refuse its commands with the text T; enable\n"
    "  drain [DEVICE]         serve what waits, refuse what is new, close; enable\n"
    "  reconnect DEVICE       new sessions from now on, old ones end gently\n"
    "  kill ID                end a session, a request or a client now\n"
    "  config show [DEVICE]   the settings in use and where each came from\n"
    "  config check           is the configuration good? (FILE:LINE: what is not)\n"
    "  platform list          which platforms there are, and which files were refused\n"
    "  platform show NAME     what a platform's definition says\n"
    "  platform test DEVICE   try its platform on the device itself\n"
    "  platform check FILE    is a platform file good?\n"
    "  record DEVICE [CMD...] a transcript of a session with its command line\n"
    "  reload                 read the configuration again\n"
    "  stop [--now]           end the broker when all commands have ended, or now\n"
    "  sync                   wait until everything asked before has had its effect\n"
    "  test DEVICE [--login]  connect step by step, say what to do, keep nothing\n"
    "  top [-d SECONDS]       a live screen of all devices; ? there shows its keys\n"
    "  watch [DEVICE]         what happens, one JSON object a line\n"
    "  metrics [--devices]    counters and histograms as OpenMetrics text; --label, --output\n"
    "\n"
    "DEVICE is a name, several of them, a @group or a glob; --all means all devices.\n"
    "\n"
    "  -S SOCKET              where the broker listens\n"
    "  --wait                 return when the old sessions are gone\n"
    "  -f FILE                config, platform: with this configuration, without a broker\n"
    "  --json                 for programs\n"
    "  --help, --version\n";

/* top alone needs curses, and so it stays out of what the tests and npexec link. */
static int
run(const struct npctl_options *options)
{
	if (strcmp(options->verb, "top") != 0)
		return npctl_run(options);
#ifdef NPTOP
	return nptop_run(options->socket, options->delay);
#else
	fprintf(stderr, "npctl: this npctl was built without curses, which top needs: install it with its headers "
			"(Debian: libncurses-dev), configure and build again\n");
	return NPCTL_EXIT_FAILED;
#endif
}

int
main(int argc, char **argv)
{
	struct npctl_options options;
	struct np_error err;

	if (npstdio_keep() == -1)
		return NPCTL_EXIT_FAILED;
	npstdio_block_output();
	switch (npctl_options_parse(argc, argv, &options, &err)) {
	case NPCTL_PARSED:
		return run(&options);
	case NPCTL_HELP:
		return fputs(usage_text, stdout) == EOF || fflush(stdout) == EOF ? NPCTL_EXIT_FAILED : 0;
	case NPCTL_VERSION:
		return puts("npctl " NETPULSE_VERSION) == EOF || fflush(stdout) == EOF ? NPCTL_EXIT_FAILED : 0;
	case NPCTL_USAGE:
		fprintf(stderr, "npctl: %s\n", err.text);
		return NPCTL_EXIT_USAGE;
	}
	return NPCTL_EXIT_FAILED;
}
