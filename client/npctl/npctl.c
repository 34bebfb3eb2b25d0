/* npctl: looks at the broker and steers it.  This file: options and exit status. */
#include "npctl/npctl.h"

#include <stdio.h>

#include "lib/npstdio.h"
#include "npctl/npctl_verb.h"

#ifdef NPTOP
#include "top/nptop.h"
#endif

/* top alone needs curses, and so it stays out of what the tests and npexec link. */
static int
run(const struct npctl_options *options)
{
	if (options->verb != &npctl_verb_top)
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

	if (npstdio_keep(false) == -1)
		return NPCTL_EXIT_FAILED;
	npstdio_block_output();
	switch (npctl_options_parse(argc, argv, &options, &err)) {
	case NPOPTION_PARSED:
		return run(&options);
	case NPOPTION_HELP:
		npctl_help();
		return fflush(stdout) == EOF || ferror(stdout) ? NPCTL_EXIT_FAILED : 0;
	case NPOPTION_VERSION:
		return puts("npctl " NETPULSE_VERSION) == EOF || fflush(stdout) == EOF ? NPCTL_EXIT_FAILED : 0;
	case NPOPTION_USAGE:
		fprintf(stderr, "npctl: %s\n", err.text);
		return NPCTL_EXIT_USAGE;
	}
	return NPCTL_EXIT_FAILED;
}
