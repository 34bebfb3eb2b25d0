/* npctl's command line: options may stand anywhere; which verb takes what is in one table. */
#include "npctl/npctl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Seconds between two looks at the broker. */
#define DELAY_MIN 0.1
#define DELAY_MAX 3600

enum {
	OPT_JSON = 256,
	OPT_NOW,
	OPT_ALL,
	OPT_WAIT,
	OPT_DEVICES,
	OPT_LABEL,
	OPT_OUTPUT,
	OPT_LOGIN,
	OPT_PAGE,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
    {"json", no_argument, NULL, OPT_JSON},
    {"now", no_argument, NULL, OPT_NOW},
    {"all", no_argument, NULL, OPT_ALL},
    {"wait", no_argument, NULL, OPT_WAIT},
    {"login", no_argument, NULL, OPT_LOGIN},
    {"page", required_argument, NULL, OPT_PAGE},
    {"text", required_argument, NULL, 'm'},
    {"devices", no_argument, NULL, OPT_DEVICES},
    {"label", required_argument, NULL, OPT_LABEL},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* Options that go with some verbs only. */
enum { NOW = 1, ALL = 2, WAIT = 4, TEXT = 8, SCREEN = 16, METRICS = 32, LOGIN = 64, PAGE = 128 };

static const struct verb {
	const char *name;
	int args_min, args_max;
	int options;
	const char *wants; /* what the least argument is */
} verbs[] = {
    {"close", 1, 1000, NOW | ALL | WAIT, "name a device or a session (#ID), or give --all"},
    {"config", 0, 1000, 0, NULL},
    {"disable", 1, 1000, ALL | WAIT | TEXT, "name a device, @group or glob, or give --all"},
    {"drain", 0, 1000, ALL | WAIT | TEXT, NULL},
    {"enable", 1, 1000, ALL, "name a device, @group or glob, or give --all"},
    {"kill", 1, 1, 0, "give the number of a session, request or client, as status shows it"},
    {"metrics", 0, 0, METRICS, NULL},
    {"open", 1, 1000, ALL, "name a device, @group or glob, or give --all"},
    {"pause", 1, 1000, ALL | WAIT, "name a device, @group or glob, or give --all"},
    {"ping", 0, 0, 0, NULL},
    {"platform", 0, 1000, 0, NULL},
    {"reconnect", 1, 1000, ALL | WAIT, "name a device, @group or glob, or give --all"},
    {"record", 1, 1000, 0, "name a device, and commands to run on it"},
    {"reload", 0, 0, 0, NULL},
    {"resume", 1, 1000, ALL, "name a device, @group or glob, or give --all"},
    {"status", 0, 1000, ALL | PAGE, NULL},
    {"stop", 0, 0, NOW, NULL},
    {"sync", 0, 0, 0, NULL},
    {"test", 1, 1, LOGIN, "name a device"},
    {"top", 0, 0, SCREEN, NULL},
    {"watch", 0, 1, 0, NULL},
};

/* The second word of some, and what it takes. */
static const struct {
	const char *verb, *word, *method;
	int args_min, args_max;
	const char *missing;
} subverbs[] = {
    {"config", "check", "check_config", 0, 0, NULL},
    {"config", "show", "config_show", 0, 1, NULL},
    {"platform", "check", "check_platform", 1, 1000, "name a platform file"},
    {"platform", "list", "platforms", 0, 0, NULL},
    {"platform", "test", "platform_test", 1, 1, "name a device"},
    {"platform", "show", "platforms", 1, 1, "name a platform; npctl platform list shows which there are"},
};

static int
usage(struct np_error *err, const char *word, const char *what)
{
	char shown[128];

	return error_set(err, REASON_INVALID_PARAMS, "%s: %s", text_vis_into(shown, sizeof(shown), word), what);
}

static int
unknown_verb(const char *verb, struct np_error *err)
{
	const char *names[NP_COUNT(verbs)], *near;
	char shown[128];

	for (size_t i = 0; i < NP_COUNT(verbs); i++)
		names[i] = verbs[i].name;
	near = text_nearest(verb, names, NP_COUNT(verbs));
	text_vis_into(shown, sizeof(shown), verb);
	if (near != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "%s: no such command; did you mean %s?", shown, near);
	return error_set(err, REASON_INVALID_PARAMS, "%s: no such command; npctl --help lists them", shown);
}

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < NP_COUNT(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int
check_options(const struct npctl_options *o, const struct verb *verb, struct np_error *err)
{
	if (o->now && (verb->options & NOW) == 0)
		return usage(err, o->verb, "--now does not go with it");
	if (o->all && (verb->options & ALL) == 0)
		return usage(err, o->verb, "--all does not go with it");
	if (o->wait && (verb->options & WAIT) == 0)
		return usage(err, o->verb, "--wait does not go with it");
	if (o->text != NULL && (verb->options & TEXT) == 0)
		return usage(err, o->verb, "-m does not go with it");
	if (o->delay > 0 && (verb->options & SCREEN) == 0)
		return usage(err, o->verb, "-d does not go with it");
	if (o->json && (verb->options & SCREEN) != 0)
		return usage(err, o->verb, "it is for people: status --json is for programs");
	if ((o->devices || o->labels_count > 0 || o->output != NULL) && (verb->options & METRICS) == 0)
		return usage(err, o->verb, "--devices, --label and --output go with metrics only");
	if (o->json && o->output != NULL)
		return usage(err, o->verb, "either --json or --output");
	if (o->login && (verb->options & LOGIN) == 0)
		return usage(err, o->verb, "--login does not go with it");
	if (o->page > 0 && (verb->options & PAGE) == 0)
		return usage(err, o->verb, "--page does not go with it");
	if (o->page > 0 && (o->all || o->json))
		return usage(err, o->verb, "--page goes neither with --all nor with --json");
	if (o->all && o->args_count > 0 && (verb->options & PAGE) == 0)
		return usage(err, o->args[0], "--all means all devices: name none beside it");
	return 0;
}

static int
unknown_subverb(const struct npctl_options *o, struct np_error *err)
{
	char names[128] = "", shown[64];
	size_t used = 0;

	for (size_t i = 0; i < NP_COUNT(subverbs); i++)
		if (strcmp(subverbs[i].verb, o->verb) == 0)
			used += (size_t)snprintf(
			    names + used, sizeof(names) - used, "%s%s", used > 0 ? ", " : "", subverbs[i].word);
	if (o->args_count == 0)
		return error_set(err, REASON_INVALID_PARAMS, "%s: say what to do with it: %s", o->verb, names);
	return error_set(err, REASON_INVALID_PARAMS, "%s %s: no such command; there are %s", o->verb,
	    text_vis_into(shown, sizeof(shown), o->args[0]), names);
}

/* Takes the second word off the arguments. */
static int
take_subverb(struct npctl_options *o, struct np_error *err)
{
	size_t i = 0;

	while (i < NP_COUNT(subverbs) && (strcmp(subverbs[i].verb, o->verb) != 0 || o->args_count == 0 ||
					     strcmp(subverbs[i].word, o->args[0]) != 0))
		i++;
	if (i == NP_COUNT(subverbs))
		return unknown_subverb(o, err);
	o->method = subverbs[i].method;
	o->args++;
	o->args_count--;
	if (o->args_count < subverbs[i].args_min)
		return usage(err, subverbs[i].word, subverbs[i].missing);
	if (o->args_count > subverbs[i].args_max)
		return usage(err, o->args[subverbs[i].args_max], "one argument too many; npctl --help shows how");
	if (o->json && strncmp(o->method, "check_", strlen("check_")) == 0)
		return usage(err, subverbs[i].word, "--json does not go with it: its lines are FILE:LINE: text");
	return 0;
}

static bool
has_subverbs(const struct npctl_options *o)
{
	return strcmp(o->verb, "config") == 0 || strcmp(o->verb, "platform") == 0;
}

static int
check_verb(struct npctl_options *o, struct np_error *err)
{
	const struct verb *verb = find_verb(o->verb);

	if (verb == NULL)
		return unknown_verb(o->verb, err);
	if (check_options(o, verb, err) == -1)
		return -1;
	if (o->args_count < verb->args_min && !o->all)
		return usage(err, o->verb, verb->wants);
	if (o->args_count > verb->args_max)
		return usage(err, o->args[verb->args_max], "one argument too many; npctl --help shows how");
	o->method = o->verb;
	if (o->file != NULL && !has_subverbs(o))
		return usage(err, o->verb, "-f does not go with it: the broker has its configuration");
	if (has_subverbs(o) && take_subverb(o, err) == -1)
		return -1;
	for (int k = 0; k < o->args_count; k++)
		if (o->args[k][0] == '\0' || !text_is_utf8(o->args[k], strlen(o->args[k])))
			return usage(err, o->verb, "a name is empty or not UTF-8");
	if (o->text != NULL && !text_is_utf8(o->text, strlen(o->text)))
		return usage(err, o->verb, "the text is not UTF-8");
	return 0;
}

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

static enum npctl_parsed
take_option(struct npctl_options *o, int option, char **argv, struct np_error *err)
{
	char name[3] = {'-', (char)optopt, '\0'};

	switch (option) {
	case 'S':
		o->socket = optarg;
		return NPCTL_PARSED;
	case 'f':
		o->file = optarg;
		return NPCTL_PARSED;
	case 'd':
		return take_delay(o, optarg, err) == -1 ? NPCTL_USAGE : NPCTL_PARSED;
	case OPT_JSON:
		o->json = true;
		return NPCTL_PARSED;
	case OPT_NOW:
		o->now = true;
		return NPCTL_PARSED;
	case OPT_ALL:
		o->all = true;
		return NPCTL_PARSED;
	case OPT_WAIT:
		o->wait = true;
		return NPCTL_PARSED;
	case OPT_PAGE:
		if (text_parse_ulong(optarg, 1000000, &o->page) && o->page > 0)
			return NPCTL_PARSED;
		usage(err, optarg, "--page takes a number from 1");
		return NPCTL_USAGE;
	case OPT_LOGIN:
		o->login = true;
		return NPCTL_PARSED;
	case 'm':
		o->text = optarg;
		return NPCTL_PARSED;
	case OPT_DEVICES:
		o->devices = true;
		return NPCTL_PARSED;
	case OPT_LABEL:
		return take_label(o, optarg, err) == -1 ? NPCTL_USAGE : NPCTL_PARSED;
	case OPT_OUTPUT:
		o->output = optarg;
		return NPCTL_PARSED;
	case OPT_HELP:
		return NPCTL_HELP;
	case OPT_VERSION:
		return NPCTL_VERSION;
	default: /* option letters are no enum */
		usage(err, optopt > 0 && optopt < 256 ? name : argv[optind - 1],
		    option == ':' ? "an argument is missing" : "no such option; npctl --help lists them");
		return NPCTL_USAGE;
	}
}

enum npctl_parsed
npctl_options_parse(int argc, char **argv, struct npctl_options *o, struct np_error *err)
{
	int option;

	memset(o, 0, sizeof(*o));
	optind = 0; /* glibc: start afresh */
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":S:d:f:m:", long_options, NULL)) != -1) {
		enum npctl_parsed parsed = take_option(o, option, argv, err);
		if (parsed != NPCTL_PARSED)
			return parsed;
	}
	if (optind >= argc) {
		error_set(err, REASON_INVALID_PARAMS, "no command given; npctl --help lists them");
		return NPCTL_USAGE;
	}
	o->verb = argv[optind];
	o->args = argv + optind + 1;
	o->args_count = argc - optind - 1;
	return check_verb(o, err) == -1 ? NPCTL_USAGE : NPCTL_PARSED;
}
