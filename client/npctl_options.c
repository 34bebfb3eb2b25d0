/* npctl's command line: options may stand anywhere; which verb takes what is in one table. */
#include "npctl.h"

#include <getopt.h>
#include <string.h>

#include "text.h"

enum { OPT_JSON = 256, OPT_NOW, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
    {"json", no_argument, NULL, OPT_JSON},
    {"now", no_argument, NULL, OPT_NOW},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static const struct {
	const char *name;
	int args_min, args_max;
	bool now;
} verbs[] = {
    {"close", 1, 1, true},
    {"open", 1, 1000, false},
    {"ping", 0, 0, false},
    {"reload", 0, 0, false},
    {"status", 0, 1, false},
    {"stop", 0, 0, true},
    {"sync", 0, 0, false},
    {"watch", 0, 1, false},
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

static int
check_verb(const struct npctl_options *o, struct np_error *err)
{
	size_t i = 0;

	while (i < NP_COUNT(verbs) && strcmp(verbs[i].name, o->verb) != 0)
		i++;
	if (i == NP_COUNT(verbs))
		return unknown_verb(o->verb, err);
	if (o->args_count < verbs[i].args_min)
		return usage(
		    err, o->verb, strcmp(o->verb, "close") == 0 ? "name a device or a session (#ID)" : "name a device");
	if (o->args_count > verbs[i].args_max)
		return usage(err, o->args[verbs[i].args_max], "one argument too many; npctl --help shows how");
	if (o->now && !verbs[i].now)
		return usage(err, o->verb, "--now does not go with it");
	for (int k = 0; k < o->args_count; k++)
		if (o->args[k][0] == '\0' || !text_is_utf8(o->args[k], strlen(o->args[k])))
			return usage(err, o->verb, "a device's name is empty or not UTF-8");
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
	case OPT_JSON:
		o->json = true;
		return NPCTL_PARSED;
	case OPT_NOW:
		o->now = true;
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
	while ((option = getopt_long(argc, argv, ":S:", long_options, NULL)) != -1) {
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
