/* npctl's command line: options may stand anywhere.  One row an option; which verb takes it says the verb's usage. */
#include "npctl/npctl.h"

#include <getopt.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npctl/npctl_verb.h"
#include "base/compiler.h"
#include "base/text.h"

/* Seconds between two looks at the broker. */
#define DELAY_MIN 0.1
#define DELAY_MAX 3600

static int
usage(struct np_error *err, const char *word, const char *what)
{
	char shown[128];

	return error_set(err, REASON_INVALID_PARAMS, "%s: %s", text_vis_into(shown, sizeof(shown), word), what);
}

/* ---- the options ---- */

static int
take_delay(struct npctl_options *o, const char *text, struct np_error *err)
{
	char *end;
	double seconds = strtod(text, &end);

	/* strtod() understands more than numbers as people write them. */
	if (end == text || *end != '\0' || text[strspn(text, "0123456789.")] != '\0' || !(seconds >= DELAY_MIN) ||
	    seconds > DELAY_MAX)
		return usage(err, "-d", "give seconds, from 0.1 to 3600");
	o->delay = seconds;
	return 0;
}

/* What the broker says about names and values in general, it says itself. */
static int
take_label(struct npctl_options *o, const char *label, struct np_error *err)
{
	const char *sign = strchr(label, '=');

	if (o->labels_count == NPCTL_LABELS_MAX)
		return usage(err, "--label", "8 labels are the most");
	if (sign == NULL || sign == label || !text_is_utf8(label, strlen(label)) || strpbrk(sign, "\"\\\n") != NULL)
		return usage(err, label, "a label is written NAME=VALUE, without quotes or backslashes");
	o->labels[o->labels_count++] = label;
	return 0;
}

static int
take_page(struct npctl_options *o, const char *number, struct np_error *err)
{
	if (text_parse_ulong(number, 1000000, &o->page) && o->page > 0)
		return 0;
	return usage(err, number, "--page takes a number from 1");
}

static int
take_text(struct npctl_options *o, const char *text, struct np_error *err)
{
	o->text = text;
	return text_is_utf8(text, strlen(text)) ? 0 : usage(err, "-m", "the text is not UTF-8");
}

#define MEMBER(m) offsetof(struct npctl_options, m)

static const struct option_row {
	const char *name;
	const char *argument; /* NULL: none */
	const char *help;     /* NULL: a second name of the option before it */
	bool general;         /* goes with every verb, or each says itself why not */
	/* What becomes of the argument, or else where it, or true, is kept. */
	int (*take)(struct npctl_options *o, const char *argument, struct np_error *err);
	size_t member;
} rows[] = {
    {"-S", "SOCKET", "where the broker listens", .general = true, .member = MEMBER(socket)},
    {"--json", NULL, "for programs", .general = true, .member = MEMBER(json)},
    {"--all", NULL, "all devices, in place of DEVICE", .member = MEMBER(all)},
    {"--wait", NULL, "return when the old sessions are gone", .member = MEMBER(wait)},
    {"--now", NULL, "do not wait for what runs", .member = MEMBER(now)},
    {"-m", "TEXT", "what those who are refused are told", .take = take_text},
    {"--text", "TEXT", NULL, .take = take_text},
    {"-f", "CONFIG", "with this configuration, without a broker", .member = MEMBER(file)},
    {"--login", NULL, "try to log in although a failure bars it", .member = MEMBER(login)},
    {"--page", "NUMBER", "of the table, as large as the screen", .take = take_page},
    {"-d", "SECONDS", "how often to look", .take = take_delay},
    {"--devices", NULL, "metrics of each device too", .member = MEMBER(devices)},
    {"--label", "NAME=VALUE", "a label for each metric", .take = take_label},
    {"--output", "FILE", "replace this file", .member = MEMBER(output)},
    {"--help", NULL, "print this", .general = true},
    {"--version", NULL, "print the version", .general = true},
};

static bool
takes(const struct npctl_verb *verb, const struct option_row *row)
{
	return npctl_verb_takes(verb, row->name) ||
	       (row->member == MEMBER(all) && npctl_verb_takes(verb, "DEVICE ..."));
}

void
npctl_options_help(const struct npctl_verb *verb)
{
	for (size_t i = 0; i < NP_COUNT(rows); i++)
		if (rows[i].help != NULL && (verb == NULL || takes(verb, &rows[i])))
			printf("  %s %-*s %s\n", rows[i].name, (int)(20 - strlen(rows[i].name)),
			    rows[i].argument != NULL ? rows[i].argument : "", rows[i].help);
}

static void
keep(struct npctl_options *o, const struct option_row *row, const char *argument)
{
	char *member = (char *)o + row->member;

	if (row->argument == NULL)
		*(bool *)(void *)member = true;
	else
		*(const char **)(void *)member = argument;
}

/* getopt_long(3)'s tables for the rows: what it returns is the letter, or 256 and the row. */
static void
make_getopt(struct option longs[NP_COUNT(rows) + 1], char shorts[2 * NP_COUNT(rows) + 2])
{
	size_t count = 0, n = 0;

	shorts[n++] = ':';
	for (size_t i = 0; i < NP_COUNT(rows); i++) {
		int argument = rows[i].argument != NULL ? required_argument : no_argument;

		if (rows[i].name[1] == '-') {
			longs[count++] =
			    (struct option){.name = rows[i].name + 2, .has_arg = argument, .val = 256 + (int)i};
			continue;
		}
		shorts[n++] = rows[i].name[1];
		if (argument != no_argument)
			shorts[n++] = ':';
	}
	shorts[n] = '\0';
	longs[count] = (struct option){.name = NULL};
}

static const struct option_row *
row_of(int option)
{
	if (option >= 256)
		return &rows[option - 256];
	for (size_t i = 0; i < NP_COUNT(rows); i++)
		if (rows[i].name[1] == option)
			return &rows[i];
	return NULL;
}

/* ---- the verb ---- */

static int
check_option(const struct npctl_options *o, const struct option_row *row, struct np_error *err)
{
	char what[64];

	/* A second name stands behind the first. */
	while (row->help == NULL)
		row--;
	if (row->general || takes(o->verb, row))
		return 0;
	snprintf(what, sizeof(what), "%s does not go with it", row->name);
	return usage(err, o->verb->name, what);
}

static int
check_verb(const struct npctl_options *o, uint32_t given, struct np_error *err)
{
	for (size_t i = 0; i < NP_COUNT(rows); i++)
		if ((given & (uint32_t)1 << i) != 0 && check_option(o, &rows[i], err) == -1)
			return -1;
	if (o->json && o->verb->no_json != NULL)
		return usage(err, o->verb->name, o->verb->no_json);
	if (o->all && o->args_count > 0 && !npctl_verb_takes(o->verb, "--all"))
		return usage(err, o->args[0], "--all means all devices: name none beside it");
	if (o->args_count < o->verb->args_min && !o->all)
		return usage(err, o->verb->name, o->verb->missing);
	if (o->args_count > o->verb->args_max)
		return usage(err, o->args[o->verb->args_max], "one argument too many; npctl --help shows how");
	for (int k = 0; k < o->args_count; k++)
		if (o->args[k][0] == '\0' || !text_is_utf8(o->args[k], strlen(o->args[k])))
			return usage(err, o->verb->name, "a name is empty or not UTF-8");
	return o->verb->check != NULL ? o->verb->check(o, err) : 0;
}

static enum npctl_parsed
take_option(struct npctl_options *o, const struct option_row *row, struct np_error *err)
{
	if (strcmp(row->name, "--help") == 0)
		return NPCTL_HELP;
	if (strcmp(row->name, "--version") == 0)
		return NPCTL_VERSION;
	if (row->take != NULL)
		return row->take(o, optarg, err) == -1 ? NPCTL_USAGE : NPCTL_PARSED;
	keep(o, row, optarg);
	return NPCTL_PARSED;
}

enum npctl_parsed
npctl_options_parse(int argc, char **argv, struct npctl_options *o, struct np_error *err)
{
	struct option longs[NP_COUNT(rows) + 1];
	char shorts[2 * NP_COUNT(rows) + 2];
	int option, used;
	uint32_t given = 0;

	memset(o, 0, sizeof(*o));
	make_getopt(longs, shorts);
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while ((option = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *row = option != ':' && option != '?' ? row_of(option) : NULL;
		char name[3] = {'-', (char)optopt, '\0'};

		if (row == NULL) {
			usage(err, optopt > 0 && optopt < 256 ? name : argv[optind - 1],
			    option == ':' ? "an argument is missing" : "no such option; npctl --help lists them");
			return NPCTL_USAGE;
		}
		enum npctl_parsed parsed = take_option(o, row, err);
		if (parsed != NPCTL_PARSED)
			return parsed;
		given |= (uint32_t)1 << (row - rows);
	}
	if (optind >= argc) {
		error_set(err, REASON_INVALID_PARAMS, "no command given; npctl --help lists them");
		return NPCTL_USAGE;
	}
	o->verb = npctl_verb_find(argv + optind, argc - optind, &used, err);
	if (o->verb == NULL)
		return NPCTL_USAGE;
	o->args = argv + optind + used;
	o->args_count = argc - optind - used;
	return check_verb(o, given, err) == -1 ? NPCTL_USAGE : NPCTL_PARSED;
}
