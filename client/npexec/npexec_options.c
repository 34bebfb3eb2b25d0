/* npexec's command line.  Owns nothing but the struct it fills. */
#include "npexec/npexec_options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	OPT_FLAG /* and behind it those of enum npexec_flag */
};

static const struct option long_options[] = {
    {"type", required_argument, NULL, OPT_TYPE},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT},
    {"fresh", no_argument, NULL, OPT_FLAG + NPEXEC_FRESH},
    {"enable", no_argument, NULL, OPT_FLAG + NPEXEC_ENABLE},
    {"answer", required_argument, NULL, OPT_ANSWER},
    {"prove", no_argument, NULL, OPT_FLAG + NPEXEC_PROVE},
    {"env", required_argument, NULL, OPT_ENV},
    {"no-start", no_argument, NULL, OPT_NO_START},
    {"raw", no_argument, NULL, OPT_FLAG + NPEXEC_RAW},
    {"save", no_argument, NULL, OPT_FLAG + NPEXEC_SAVE},
    {"keep-going", no_argument, NULL, OPT_FLAG + NPEXEC_KEEP_GOING},
    {"dry-run", no_argument, NULL, OPT_FLAG + NPEXEC_DRY_RUN},
    {"confirm", required_argument, NULL, OPT_CONFIRM},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

int
npexec_usage(struct np_error *err, const char *option, const char *what)
{
	char shown[128];

	return error_set(err, REASON_INVALID_PARAMS, "%s: %s", text_vis_into(shown, sizeof(shown), option), what);
}

void
npexec_world_look(struct npexec_world *world)
{
	struct stat st;

	world->stdin_is_tty = isatty(STDIN_FILENO) != 0;
	world->stdin_has_data =
	    fstat(STDIN_FILENO, &st) == 0 && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
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
		o->flags[option - OPT_FLAG] = true;
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
	static const char *const names[NPEXEC_FLAGS] = {
	    "", "", "--prove", "--raw", "--save", "--keep-going", "--dry-run"};

	for (int i = NPEXEC_PROVE; i < NPEXEC_FLAGS; i++)
		if (o->flags[i] && (i >= NPEXEC_SAVE) != o->config)
			return npexec_usage(err, names[i], o->config ? not_with : only_with);
	if (!o->config)
		return o->confirm_minutes == 0 ? 0 : npexec_usage(err, "--confirm", only_with);
	if (o->subsystem || o->tty > 0 || o->env != NULL)
		return npexec_usage(err, "-s, -t, --env", not_with);
	if (o->flags[NPEXEC_DRY_RUN] && (o->flags[NPEXEC_SAVE] || o->confirm_minutes > 0))
		return npexec_usage(err, "--dry-run", "nothing is kept that could be saved or confirmed");
	if (o->flags[NPEXEC_SAVE] && o->confirm_minutes > 0)
		return npexec_usage(err, "--confirm", "what may be undone is not to be saved yet: leave out --save");
	return 0;
}

static int
decide_mode(struct npexec_options *o, const struct npexec_world *world, struct np_error *err)
{
	if (o->sources != NULL && o->command != NULL)
		return npexec_usage(err, "-e, -f", "no further command can be given behind the device");
	if (o->subsystem && o->command == NULL)
		return npexec_usage(err, "-s", "name the subsystem behind the device");
	if (o->subsystem && !text_is_utf8(o->command, strlen(o->command)))
		return npexec_usage(err, "-s", "the subsystem's name is not UTF-8");
	if (o->config)
		o->mode = NPEXEC_CONFIG;
	else if (o->command != NULL)
		o->mode = NPEXEC_COMMAND;
	else if (o->sources != NULL)
		o->mode = NPEXEC_LIST;
	else if (world->stdin_is_tty || o->tty == 2)
		o->mode = NPEXEC_SHELL;
	else
		o->mode = NPEXEC_LINES;
	if (o->no_stdin && o->command == NULL && o->sources == NULL)
		return npexec_usage(err, "-n", "without standard input there must be a command");
	if (o->json && o->mode == NPEXEC_SHELL)
		return npexec_usage(err, "-j", "there must be a command");
	return 0;
}

/* Several devices share no terminal and no input. */
static int
check_several(const struct npexec_options *o, const struct npexec_world *world, struct np_error *err)
{
	if (!o->several)
		return 0;
	if (o->json && o->gather)
		return npexec_usage(err, "-b", "not together with -j, which keeps the outputs apart");
	if (o->tty > 0)
		return npexec_usage(err, "-t", "a terminal is for one device");
	if (o->mode == NPEXEC_SHELL)
		return npexec_usage(err, o->device, "a shell is for one device: give a command");
	if (o->mode == NPEXEC_LINES)
		return npexec_usage(err, o->device,
		    "commands from standard input are for one device, or use -f - to run all of them on each");
	if (o->mode == NPEXEC_COMMAND && world->stdin_has_data && !o->no_stdin)
		return npexec_usage(err, o->device, "standard input is for one device: give -n to leave it alone");
	return 0;
}

static int
read_sources(struct npexec_options *o, struct np_error *err)
{
	if (o->mode == NPEXEC_CONFIG)
		return npexec_source_text(o, err);
	return npexec_source_commands(o, err);
}

static void
decide_pty(struct npexec_options *o, const struct npexec_world *world)
{
	bool wanted = o->tty > 0 || (o->tty == 0 && o->mode == NPEXEC_SHELL);

	o->want_pty = wanted && (o->tty == 2 || world->stdin_is_tty);
	o->pty_refused = wanted && !o->want_pty;
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
	int option;

	memset(o, 0, sizeof(*o));
	o->timeout = o->idle_timeout = -1;
	o->parallel = NPEXEC_PARALLEL;
	buf_init(&o->text, NPEXEC_TEXT_MAX);
	optind = 0; /* glibc: start afresh, also with `+` */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:bce:f:jtTnsqvl:p:P:i:J:F:o:S:", long_options, NULL)) != -1) {
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
	if (take_operands(o, argc, argv, err) == -1 || check_config(o, err) == -1 || decide_mode(o, world, err) == -1 ||
	    check_several(o, world, err) == -1 || read_sources(o, err) == -1)
		return NPEXEC_USAGE;
	decide_pty(o, world);
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
