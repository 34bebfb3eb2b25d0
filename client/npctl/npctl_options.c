/* npctl's command line: options may stand anywhere.  One row an option; which verb takes it says the verb's usage. */
#include "npctl/npctl.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "npctl/npctl_verb.h"
#include "base/compiler.h"
#include "base/text.h"

/* Seconds between two looks at the broker. */
#define DELAY_MIN 0.1
#define DELAY_MAX 3600

/* ---- the options ---- */

static int
take_delay(void *to, const struct npoption *row, const char *text, struct np_error *err)
{
	struct npctl_options *o = to;
	char *end;

	o->delay = strtod(text, &end);
	/* strtod() understands more than numbers as people write them. */
	if (end != text && *end == '\0' && text[strspn(text, "0123456789.")] == '\0' && o->delay >= DELAY_MIN &&
	    o->delay <= DELAY_MAX)
		return 0;
	return npoption_usage(err, row->name, "give seconds, from 0.1 to 3600");
}

/* What the broker says about names and values in general, it says itself. */
static int
take_label(void *to, const struct npoption *row, const char *label, struct np_error *err)
{
	struct npctl_options *o = to;
	const char *sign = strchr(label, '=');

	if (o->labels_count == NPCTL_LABELS_MAX)
		return npoption_usage(err, row->name, "8 labels are the most");
	if (sign == NULL || sign == label || strpbrk(sign, "\"\\\n") != NULL)
		return npoption_usage(err, label, "a label is written NAME=VALUE, without quotes or backslashes");
	o->labels[o->labels_count++] = label;
	return 0;
}

static int
take_page(void *to, const struct npoption *row NP_UNUSED, const char *number, struct np_error *err)
{
	struct npctl_options *o = to;

	if (text_parse_ulong(number, 1000000, &o->page) && o->page > 0)
		return 0;
	return npoption_usage(err, number, "--page takes a number from 1");
}

/* Goes with every verb, or each says itself why not. */
enum { WITH_SOME, WITH_ALL };

#define MEMBER(m) .member = offsetof(struct npctl_options, m)

/* A row without help is a second name of the one before it. */
static const struct npoption rows[] = {
    {"-S", "SOCKET", "where the broker listens", MEMBER(socket), .bytes = true, .with = WITH_ALL},
    {"--json", NULL, "for programs", MEMBER(json), .with = WITH_ALL},
    {"--all", NULL, "all devices, in place of DEVICE", MEMBER(all), .key = "DEVICE ..."},
    {"--wait", NULL, "return when the old sessions are gone", MEMBER(wait)},
    {"--now", NULL, "do not wait for what runs", MEMBER(now)},
    {"-m", "TEXT", "what those who are refused are told", MEMBER(text)},
    {"--text", "TEXT", NULL, MEMBER(text)},
    {"-f", "CONFIG", "with this configuration, without a broker", MEMBER(file), .bytes = true},
    {"--login", NULL, "try to log in although a failure bars it", MEMBER(login)},
    {"--confirm", NULL, "ask you what the policy has a person confirm", MEMBER(confirm)},
    {"--method", "METHOD", "exec, config, shell, subsystem, forward or steer", MEMBER(method)},
    {"--uid", "UID", "of the client", MEMBER(uid)},
    {"--page", "NUMBER", "of the table, as large as the screen", .take = take_page},
    {"-d", "SECONDS", "how often to look", .take = take_delay},
    {"--devices", NULL, "metrics of each device too", MEMBER(devices)},
    {"--label", "NAME=VALUE", "a label for each metric", .take = take_label},
    {"--output", "FILE", "replace this file", MEMBER(output), .bytes = true},
    {"--config", NULL, "print what to put into ssh_config", MEMBER(config)},
    {"--install", NULL, "have ~/.ssh/config include that", MEMBER(install)},
    {"--explain", NULL, "say what the answer is for an ssh with these arguments", MEMBER(explain)},
    {"--remove", NULL, "take that away", MEMBER(remove)},
    {"--help", NULL, "print this", .with = WITH_ALL},
    {"--version", NULL, "print the version", .with = WITH_ALL},
    {.name = NULL},
};

/* By its name in the usage, or by what it stands for there. */
static bool
takes(const struct npctl_verb *verb, const struct npoption *row)
{
	return npctl_verb_takes(verb, row->name) || (row->key != NULL && npctl_verb_takes(verb, row->key));
}

void
npctl_options_help(const struct npctl_verb *verb)
{
	for (const struct npoption *row = rows; row->name != NULL; row++)
		if (row->help != NULL && (verb == NULL || takes(verb, row)))
			printf("  %s %-*s %s\n", row->name, (int)(20 - strlen(row->name)),
			    row->argument != NULL ? row->argument : "", row->help);
}

/* ---- the verb ---- */

static int
check_option(const struct npctl_options *o, const struct npoption *row, struct np_error *err)
{
	char what[64];

	/* A second name stands behind the first. */
	while (row->help == NULL)
		row--;
	if (row->with == WITH_ALL || takes(o->verb, row))
		return 0;
	snprintf(what, sizeof(what), "%s does not go with it", row->name);
	return npoption_usage(err, o->verb->name, what);
}

static int
check_arguments(const struct npctl_options *o, struct np_error *err)
{
	const char *missing =
	    npctl_verb_takes(o->verb, "DEVICE ...") ? "name a device, @group or glob, or give --all" : "name a device";
	int min, max;

	npctl_verb_arguments(o->verb, &min, &max);
	if (o->all && o->args_count > 0 && !npctl_verb_takes(o->verb, "--all"))
		return npoption_usage(err, o->args[0], "--all means all devices: name none beside it");
	if (o->args_count < min && !o->all)
		return npoption_usage(err, o->verb->name, o->verb->missing != NULL ? o->verb->missing : missing);
	if (o->args_count > max)
		return npoption_usage(err, o->args[max], "one argument too many; npctl --help shows how");
	for (int k = 0; k < o->args_count; k++)
		if (o->args[k][0] == '\0' || !text_is_utf8(o->args[k], strlen(o->args[k])))
			return npoption_usage(err, o->verb->name, "a name is empty or not UTF-8");
	return 0;
}

static int
check_verb(const struct npctl_options *o, uint64_t given, struct np_error *err)
{
	for (size_t i = 0; rows[i].name != NULL; i++)
		if ((given >> i & 1) != 0 && check_option(o, &rows[i], err) == -1)
			return -1;
	if (o->json && o->verb->no_json != NULL)
		return npoption_usage(err, o->verb->name, o->verb->no_json);
	if (check_arguments(o, err) == -1)
		return -1;
	return o->verb->check != NULL ? o->verb->check(o, err) : 0;
}

enum npoption_parsed
npctl_options_parse(int argc, char **argv, struct npctl_options *o, struct np_error *err)
{
	enum npoption_parsed parsed;
	uint64_t given;
	int used;

	memset(o, 0, sizeof(*o));
	parsed = npoption_parse(argc, argv, rows, false, o, &given, err);
	if (parsed != NPOPTION_PARSED)
		return parsed;
	if (optind >= argc) {
		error_set(err, REASON_INVALID_PARAMS, "no command given; npctl --help lists them");
		return NPOPTION_USAGE;
	}
	o->verb = npctl_verb_find(argv + optind, argc - optind, &used, err);
	if (o->verb == NULL)
		return NPOPTION_USAGE;
	o->args = argv + optind + used;
	o->args_count = argc - optind - used;
	return check_verb(o, given, err) == -1 ? NPOPTION_USAGE : NPOPTION_PARSED;
}
