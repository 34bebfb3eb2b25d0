/*
 * The options of a program: a row each, read by getopt_long(3).
 */
#ifndef NP_OPTION_H
#define NP_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"

enum npoption_parsed {
	NPOPTION_PARSED,
	NPOPTION_HELP,
	NPOPTION_VERSION,
	NPOPTION_USAGE /* err says what is wrong */
};

struct npoption {
	const char *name;     /* "-S", "--json" */
	const char *argument; /* as --help names it; NULL: none */
	const char *help;
	/* What becomes of the argument; NULL: it, or true, is kept in a member of o. */
	int (*take)(void *o, const struct npoption *row, const char *argument, struct np_error *err);
	size_t member;
	bool bytes;      /* a file's name: it need not be UTF-8 */
	const char *key; /* the program's own words for it, */
	int with;        /* and what it goes with */
};

/*
 * Reads the options into o, up to optind; bit i of *given is set for rows[i].  Of --help and --version nothing behind
 * is read.  first: options end before the first argument that is none.  At most 64 rows, the last one without a name.
 */
enum npoption_parsed npoption_parse(int argc, char **argv, const struct npoption *rows, bool first, void *o,
    uint64_t *given, struct np_error *err) NP_MUST_CHECK;
/* "OPTION: what is wrong with it" into err; -1. */
int npoption_usage(struct np_error *err, const char *option, const char *what);

#endif
