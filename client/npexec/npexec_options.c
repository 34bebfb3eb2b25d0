/* npexec's command line.  Owns nothing but the struct it fills. */
#include "npexec/npexec_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "npexec/npexec_override.h"
#include "npexec/npexec_source.h"
#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"

#define CONFIRM_MINUTES_MAX 1440

enum long_only {
	OPT_TYPE = 256,
	OPT_TIMEOUT,
	OPT_IDLE_TIMEOUT,
	OPT_ANSWER,
	OPT_ENV,
	OPT_NO_START,
	OPT_CONFIRM,
	OPT_HELP,
	OPT_VERSION,
	OPT_FLAG /* and behind it the index in flags[] */
};

const char npexec_usage_text[] = "usage: npexec [options] [user@]device[:port] [command [argument ...]]\n"
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

enum flag_with { WITH_ALL, WITH_COMMANDS, WITH_CONFIG };

/* Options that only say yes: each is a param of the request as well. */
static const struct {
	const char *option, *param;
	enum flag_with with;
} flags[] = {
    {"--fresh", "fresh", WITH_ALL},
    {"--enable", "enable", WITH_ALL},
    {"--prove", "prove", WITH_COMMANDS},
    {"--raw", "raw", WITH_COMMANDS},
    {"--save", "save", WITH_CONFIG},
    {"--keep-going", "keep_going", WITH_CONFIG},
    {"--dry-run", "dry_run", WITH_CONFIG},
};
_Static_assert(NP_COUNT(flags) <= 32, "bits of npexec_options.flags");

static const struct option long_options[] = {
    {"type", required_argument, NULL, OPT_TYPE},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT},
    {"answer", required_argument, NULL, OPT_ANSWER},
    {"env", required_argument, NULL, OPT_ENV},
    {"no-start", no_argument, NULL, OPT_NO_START},
    {"confirm", required_argument, NULL, OPT_CONFIRM},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
};

int
npexec_usage(struct np_error *err, const char *option, const char *what)
{
	char shown[128];

	return error_set(err, REASON_INVALID_PARAMS, "%s: %s", text_vis_into(shown, sizeof(shown), option), what);
}

/* ---- values ---- */

static int
set_seconds(const char *option, const char *arg, double *seconds, struct np_error *err)
{
	char *end;

	errno = 0;
	*seconds = strtod(arg, &end);
	if (*arg < '0' || *arg > '9' || *end != '\0' || errno != 0 || !isfinite(*seconds))
		return npexec_usage(err, option, "write a number of seconds, 0 for no limit");
	return 0;
}

static int
set_number(const char *option, const char *arg, unsigned long max, unsigned long *value, struct np_error *err)
{
	if (text_parse_ulong(arg, max, value) && *value > 0)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "%s: write a number from 1 to %lu", option, max);
}

/* ---- options ---- */

/* Those above and the flags; all ends with one that is zero. */
static void
list_long_options(struct option *all)
{
	memcpy(all, long_options, sizeof(long_options));
	all += NP_COUNT(long_options);
	for (size_t i = 0; i < NP_COUNT(flags); i++)
		all[i] = (struct option){flags[i].option + 2, no_argument, NULL, OPT_FLAG + (int)i};
}

const char *
npexec_next_flag(const struct npexec_options *o, size_t *next)
{
	while (*next < NP_COUNT(flags)) {
		size_t i = (*next)++;
		if ((o->flags >> i & 1) != 0)
			return flags[i].param;
	}
	return NULL;
}

bool
npexec_flag(const struct npexec_options *o, const char *param)
{
	const char *given;

	for (size_t next = 0; (given = npexec_next_flag(o, &next)) != NULL;)
		if (strcmp(given, param) == 0)
			return true;
	return false;
}

static int
set_long(struct npexec_options *o, int option, const char *arg, struct np_error *err)
{
	unsigned long minutes;

	switch (option) {
	case OPT_TYPE:
		npexec_override(o, "device_type", arg);
		return 0;
	case OPT_TIMEOUT:
		return set_seconds("--timeout", arg, &o->timeout, err);
	case OPT_IDLE_TIMEOUT:
		return set_seconds("--idle-timeout", arg, &o->idle_timeout, err);
	case OPT_ANSWER:
		return npexec_override_answer(o, arg, err);
	case OPT_ENV:
		return npexec_override_env(o, arg, err);
	case OPT_CONFIRM:
		if (set_number("--confirm", arg, CONFIRM_MINUTES_MAX, &minutes, err) == -1)
			return -1;
		o->confirm_minutes = (int)minutes;
		return 0;
	case OPT_NO_START:
		o->no_start = true;
		return 0;
	default: /* of the long ones only flags are left */
		o->flags |= UINT32_C(1) << (option - OPT_FLAG);
		return 0;
	}
}

static int
set_with_argument(struct npexec_options *o, int option, const char *arg, struct np_error *err)
{
	unsigned long number;

	switch (option) {
	case 'e':
	case 'f':
		npexec_source_add(o, (char)option, arg);
		return 0;
	case 'l':
		npexec_override(o, "username", arg);
		return 0;
	case 'p':
		if (set_number("-p", arg, 65535, &number, err) == -1)
			return -1;
		npexec_override(o, "port", arg);
		return 0;
	case 'i':
		return npexec_override_path(o, "key_file", arg, err);
	case 'J':
		npexec_override(o, "proxy_jump", arg);
		return 0;
	case 'F':
		if (strcmp(arg, "none") != 0)
			return npexec_override_path(o, "ssh_config", arg, err);
		npexec_override(o, "ssh_config", arg);
		return 0;
	case 'o':
		return npexec_override_parse(o, arg, err);
	case 'P':
		if (set_number("-P", arg, NPEXEC_PARALLEL_MAX, &number, err) == -1)
			return -1;
		o->parallel = number;
		return 0;
	case 'S':
		o->socket = arg;
		return 0;
	default: /* option letters are no enum */
		return set_long(o, option, arg, err);
	}
}

static int
set_option(struct npexec_options *o, int option, const char *arg, struct np_error *err)
{
	switch (option) {
	case 'b':
		o->gather = true;
		return 0;
	case 'c':
		o->config = true;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'n':
		o->no_stdin = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 's':
		o->subsystem = true;
		return 0;
	case 't':
		o->tty = o->tty > 0 ? 2 : 1;
		return 0;
	case 'T':
		o->tty = -1;
		return 0;
	case 'v':
		o->verbose = true;
		return 0;
	default: /* option letters are no enum */
		return set_with_argument(o, option, arg, err);
	}
}

static int
unknown_option(char **argv, int option, struct np_error *err)
{
	char name[3] = {'-', (char)optopt, '\0'};
	const char *word = optopt > 0 && optopt < 256 ? name : argv[optind - 1];

	return npexec_usage(
	    err, word, option == ':' ? "an argument is missing" : "no such option; npexec --help lists them");
}

/* File names of -f and -S stay here; everything else travels in JSON. */
static int
check_utf8(int option, const char *arg, struct np_error *err)
{
	if (arg == NULL || option == 'f' || option == 'S' || text_is_utf8(arg, strlen(arg)))
		return 0;
	return npexec_usage(err, arg, "not UTF-8");
}

/* ---- what all of it means ---- */

static int
check_config(const struct npexec_options *o, struct np_error *err)
{
	static const char not_with[] = "not together with -c", only_with[] = "only for configuration lines, with -c";

	for (size_t i = 0; i < NP_COUNT(flags); i++)
		if (flags[i].with == (o->config ? WITH_COMMANDS : WITH_CONFIG) && npexec_flag(o, flags[i].param))
			return npexec_usage(err, flags[i].option, o->config ? not_with : only_with);
	if (!o->config)
		return o->confirm_minutes == 0 ? 0 : npexec_usage(err, "--confirm", only_with);
	if (o->subsystem || o->tty > 0 || o->env != NULL)
		return npexec_usage(err, "-s, -t, --env", not_with);
	if (npexec_flag(o, "dry_run") && (npexec_flag(o, "save") || o->confirm_minutes > 0))
		return npexec_usage(err, "--dry-run", "nothing is kept that could be saved or confirmed");
	if (npexec_flag(o, "save") && o->confirm_minutes > 0)
		return npexec_usage(err, "--confirm", "what may be undone is not to be saved yet: leave out --save");
	return 0;
}

static int
read_sources(struct npexec_options *o, struct np_error *err)
{
	if (o->mode == NPEXEC_CONFIG)
		return npexec_source_text(o, err);
	return npexec_source_commands(o, err);
}

static int
take_operands(struct npexec_options *o, int argc, char **argv, struct np_error *err)
{
	if (optind >= argc)
		return error_set(err, REASON_INVALID_PARAMS, "no device given; npexec --help shows how");
	o->device = argv[optind];
	if (o->device[0] == '\0')
		return error_set(err, REASON_INVALID_PARAMS, "the device's name is empty");
	if (!text_is_utf8(o->device, strlen(o->device)))
		return error_set(err, REASON_INVALID_PARAMS, "the device's name is not UTF-8");
	o->several = o->gather || operand_is_list(o->device);
	if (optind + 1 < argc)
		npexec_source_join(o, argv + optind + 1, argc - optind - 1);
	return 0;
}

enum npexec_parsed
npexec_options_parse(
    int argc, char **argv, const struct npexec_world *world, struct npexec_options *o, struct np_error *err)
{
	struct option all[NP_COUNT(long_options) + NP_COUNT(flags) + 1] = {{NULL, 0, NULL, 0}};
	int option;

	list_long_options(all);
	memset(o, 0, sizeof(*o));
	o->timeout = o->idle_timeout = -1;
	o->parallel = NPEXEC_PARALLEL;
	buf_init(&o->text, NPEXEC_TEXT_MAX);
	optind = 0; /* glibc: start afresh, also with `+` */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:bce:f:jtTnsqvl:p:P:i:J:F:o:S:", all, NULL)) != -1) {
		if (option == OPT_HELP)
			return NPEXEC_HELP;
		if (option == OPT_VERSION)
			return NPEXEC_VERSION;
		if (option == '?' || option == ':') {
			unknown_option(argv, option, err);
			return NPEXEC_USAGE;
		}
		if (check_utf8(option, optarg, err) == -1 || set_option(o, option, optarg, err) == -1)
			return NPEXEC_USAGE;
	}
	if (take_operands(o, argc, argv, err) == -1 || check_config(o, err) == -1 ||
	    npexec_mode_decide(o, world, err) == -1 || read_sources(o, err) == -1)
		return NPEXEC_USAGE;
	return NPEXEC_PARSED;
}

void
npexec_options_finish(struct npexec_options *o)
{
	for (size_t i = 0; i < o->commands_count; i++)
		free(o->commands[i]);
	free(o->commands);
	free(o->sources);
	free(o->command);
	buf_free(&o->text);
	cJSON_Delete(o->overrides);
	cJSON_Delete(o->env);
	cJSON_Delete(o->answers);
	memset(o, 0, sizeof(*o));
}
