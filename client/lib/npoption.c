/* Command lines by rows; see npoption.h. */
#include "lib/npoption.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define ROWS_MAX 64
/* getopt_long(3) returns the letter of a short option, and of a long one this and its row. */
#define LONG 256

int
npoption_usage(struct np_error *err, const char *option, const char *what)
{
	char shown[128];

	return error_set(err, REASON_INVALID_PARAMS, "%s: %s", text_vis_into(shown, sizeof(shown), option), what);
}

static void
make_tables(const struct npoption *rows, struct option longs[ROWS_MAX + 1], char shorts[2 * ROWS_MAX + 3], bool first)
{
	size_t count = 0, n = 0;

	if (first)
		shorts[n++] = '+';
	shorts[n++] = ':';
	for (int i = 0; rows[i].name != NULL; i++) {
		int argument = rows[i].argument != NULL ? required_argument : no_argument;

		if (rows[i].name[1] == '-') {
			longs[count++] = (struct option){rows[i].name + 2, argument, NULL, LONG + i};
			continue;
		}
		shorts[n++] = rows[i].name[1];
		if (argument != no_argument)
			shorts[n++] = ':';
	}
	shorts[n] = '\0';
	longs[count] = (struct option){.name = NULL};
}

static size_t
find_row(const struct npoption *rows, int option)
{
	size_t i = option >= LONG ? (size_t)(option - LONG) : 0;

	while (option < LONG && rows[i].name[1] != option)
		i++;
	return i;
}

/* What a long option that getopt_long(3) refused may mean: one that takes no argument, or the beginning of several. */
static void
guess_long(const struct npoption *rows, const char *word, char *what, size_t size)
{
	size_t typed = strcspn(word, "="), n = 0;
	int found = 0;

	for (int i = 0; rows[i].name != NULL && n < size; i++) {
		if (typed < 3 || strncmp(rows[i].name, word, typed) != 0)
			continue;
		if (rows[i].name[typed] == '\0' || optopt != 0) { /* it is the one, by its name or by its beginning */
			snprintf(what, size, "%s takes no argument", rows[i].name);
			return;
		}
		n += (size_t)snprintf(what + n, size - n, "%s%s", found++ == 0 ? "ambiguous: " : " or ", rows[i].name);
	}
}

static int
unknown(char **argv, const struct npoption *rows, int option, struct np_error *err)
{
	char name[3] = {'-', (char)optopt, '\0'}, what[256] = "an argument is missing";

	if (option == '?')
		snprintf(what, sizeof(what), "no such option; %s --help lists them", program_invocation_short_name);
	if (optopt > 0 && optopt < LONG)
		return npoption_usage(err, name, what);
	if (option == '?')
		guess_long(rows, argv[optind - 1], what, sizeof(what));
	return npoption_usage(err, argv[optind - 1], what);
}

static int
take(void *o, const struct npoption *row, const char *argument, struct np_error *err)
{
	char *member = (char *)o + row->member;

	if (argument != NULL && !row->bytes && !text_is_utf8(argument, strlen(argument)))
		return npoption_usage(err, row->name, "the text is not UTF-8");
	if (row->take != NULL)
		return row->take(o, row, argument, err);
	if (argument != NULL)
		*(const char **)(void *)member = argument;
	else
		*(bool *)(void *)member = true;
	return 0;
}

enum npoption_parsed
npoption_parse(
    int argc, char **argv, const struct npoption *rows, bool first, void *o, uint64_t *given, struct np_error *err)
{
	struct option longs[ROWS_MAX + 1];
	char shorts[2 * ROWS_MAX + 3];
	int option;

	*given = 0;
	make_tables(rows, longs, shorts, first);
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while ((option = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (option == '?' || option == ':') {
			unknown(argv, rows, option, err);
			return NPOPTION_USAGE;
		}
		size_t i = find_row(rows, option);
		if (strcmp(rows[i].name, "--help") == 0)
			return NPOPTION_HELP;
		if (strcmp(rows[i].name, "--version") == 0)
			return NPOPTION_VERSION;
		if (take(o, &rows[i], rows[i].argument != NULL ? optarg : NULL, err) == -1)
			return NPOPTION_USAGE;
		*given |= UINT64_C(1) << i;
	}
	return NPOPTION_PARSED;
}
