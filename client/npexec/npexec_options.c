/* npexec's command line.  Owns nothing but the struct it fills. */
#include "npexec/npexec_options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/npoption.h"
#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"

#define CONFIRM_MINUTES_MAX 1440

const char npexec_usage_text[] = "usage: npexec [options] [user@]device[:port] [command [argument ...]]\n"
				 "Without a command: a shell; where standard input is no terminal it is for that\n"
				 "or, on a device with a command line, holds commands, one a line.  Options stand\n"
				 "before the device, or behind it as with ssh:\n"
				 "  -e COMMAND, -f FILE   commands, in order; from a file one a line (-: stdin)\n"
				 "  -j                    one JSON object a command, one a line\n"
				 "  -n                    standard input is empty\n"
				 "  -t, -T                a terminal there (-tt: even without one here), none\n"
				 "  -s                    the command is the name of a subsystem\n"
				 "  -W HOST:PORT          a connection from there, on standard input and output\n"
				 "  -q, -v                say less, say more (timing)\n"
				 "  -l USER -p PORT -i KEYFILE -J JUMP -F SSH_CONFIG   as in ssh\n"
				 "  -o KEY=VALUE          any key of a device, see netpulse.yaml(5), or of ssh_config\n"
				 "  -2 -4 -6 -a -C -k -x  nothing: for programs that call ssh; -G shows the host\n"
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
				 "  --enable --answer REGEX=TEXT --prove --raw --ignore-errors\n"
				 "  -c                    the lines are configuration\n"
				 "  --dry-run, --keep-going, --confirm MINUTES, --save   with -c\n";

/* ---- values ---- */

static int
take_seconds(void *to, const struct npoption *row, const char *arg, struct np_error *err)
{
	double *seconds = (double *)(void *)((char *)to + row->member);
	char *end;

	errno = 0;
	*seconds = strtod(arg, &end);
	if (*arg < '0' || *arg > '9' || *end != '\0' || errno != 0 || !isfinite(*seconds))
		return npoption_usage(err, row->name, "write a number of seconds, 0 for no limit");
	return 0;
}

static int
read_number(const struct npoption *row, const char *arg, unsigned long max, unsigned long *value, struct np_error *err)
{
	if (text_parse_ulong(arg, max, value) && *value > 0)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "%s: write a number from 1 to %lu", row->name, max);
}

static int
take_parallel(void *to, const struct npoption *row, const char *arg, struct np_error *err)
{
	struct npexec_options *o = to;

	return read_number(row, arg, NPEXEC_PARALLEL_MAX, &o->parallel, err);
}

static int
take_confirm(void *to, const struct npoption *row, const char *arg, struct np_error *err)
{
	struct npexec_options *o = to;

	return read_number(row, arg, CONFIRM_MINUTES_MAX, &o->confirm_minutes, err);
}

static int
take_tty(void *to, const struct npoption *row, const char *arg NP_UNUSED, struct np_error *err NP_UNUSED)
{
	struct npexec_options *o = to;

	o->tty = row->name[1] == 'T' ? -1 : o->tty > 0 ? 2 : 1;
	return 0;
}

static int
take_source(void *to, const struct npoption *row, const char *arg, struct np_error *err)
{
	int habit = row->name[1] == 'e' ? npexec_habit_escape(to, arg, err) : 0;

	if (habit == 0)
		npexec_source_add(to, row->name[1], arg);
	return habit == -1 ? -1 : 0;
}

/* `-S none' is ssh's: no socket for sharing. */
static int
take_socket(void *to, const struct npoption *row NP_UNUSED, const char *arg, struct np_error *err NP_UNUSED)
{
	struct npexec_options *o = to;

	if (strcmp(arg, "none") != 0)
		o->socket = arg;
	return 0;
}

static int
take_key(void *to, const struct npoption *row, const char *arg, struct np_error *err NP_UNUSED)
{
	npexec_override(to, row->key, arg);
	return 0;
}

/* As the word of ssh that it stands for. */
static int
take_first(void *to, const struct npoption *row, const char *arg, struct np_error *err NP_UNUSED)
{
	npexec_override_first(to, row->key, arg);
	return 0;
}

static int
take_port(void *to, const struct npoption *row, const char *arg, struct np_error *err)
{
	unsigned long port;

	return read_number(row, arg, 65535, &port, err) == -1 ? -1 : take_first(to, row, arg, err);
}

static int
take_path(void *to, const struct npoption *row, const char *arg, struct np_error *err)
{
	return npexec_override_path(to, row->key, arg, err);
}

/* Only says yes, for a param of the request: that it was given is enough. */
static int
take_flag(
    void *to NP_UNUSED, const struct npoption *row NP_UNUSED, const char *arg NP_UNUSED, struct np_error *err NP_UNUSED)
{
	return 0;
}

/* ---- the options ---- */

enum { WITH_ALL, WITH_COMMANDS, WITH_CONFIG };

#define MEMBER(m) .member = offsetof(struct npexec_options, m)

static const struct npoption rows[] = {
    {"-b", MEMBER(gather)},
    {"-c", MEMBER(config)},
    {"-e", "COMMAND", .take = take_source},
    {"-f", "FILE", .take = take_source, .bytes = true},
    {"-j", MEMBER(json)},
    {"-t", .take = take_tty},
    {"-T", .take = take_tty},
    {"-n", MEMBER(no_stdin)},
    {"-s", MEMBER(subsystem)},
    {"-q", MEMBER(quiet)},
    {"-v", MEMBER(verbose)},
    {"-l", "USER", .take = take_first, .key = "username"},
    {"-p", "PORT", .take = take_port, .key = "port"},
    {"-P", "N", .take = take_parallel},
    {"-i", "KEYFILE", .take = npexec_identity},
    {"-J", "JUMP", .take = take_first, .key = "proxy_jump"},
    {"-F", "SSH_CONFIG", .take = take_path, .key = "ssh_config"},
    {"-o", "KEY=VALUE", .take = npexec_override_parse},
    {"-S", "SOCKET", .take = take_socket, .bytes = true},
    {"-W", "HOST:PORT", MEMBER(connect)},
    {"-G", MEMBER(show)},
    {"-2", .take = take_flag},
    {"-4", .take = take_flag},
    {"-6", .take = take_flag},
    {"-a", .take = take_flag},
    {"-C", .take = take_flag},
    {"-k", .take = take_flag},
    {"-x", .take = take_flag},
    {"--type", "TYPE", .take = take_key, .key = "device_type"},
    {"--timeout", "SECONDS", .take = take_seconds, MEMBER(timeout)},
    {"--idle-timeout", "SECONDS", .take = take_seconds, MEMBER(idle_timeout)},
    {"--answer", "REGEX=TEXT", .take = npexec_override_answer},
    {"--env", "NAME", .take = npexec_override_env},
    {"--no-start", MEMBER(no_start)},
    {"--confirm", "MINUTES", .take = take_confirm},
    {"--fresh", .take = take_flag, .key = "fresh", .with = WITH_ALL},
    {"--enable", .take = take_flag, .key = "enable", .with = WITH_ALL},
    {"--prove", .take = take_flag, .key = "prove", .with = WITH_COMMANDS},
    {"--raw", .take = take_flag, .key = "raw", .with = WITH_COMMANDS},
    {"--ignore-errors", .take = take_flag, .key = "ignore_errors", .with = WITH_COMMANDS},
    {"--save", .take = take_flag, .key = "save", .with = WITH_CONFIG},
    {"--keep-going", .take = take_flag, .key = "keep_going", .with = WITH_CONFIG},
    {"--dry-run", .take = take_flag, .key = "dry_run", .with = WITH_CONFIG},
    {.name = "--help"},
    {.name = "--version"},
    {.name = NULL},
};

const char *
npexec_next_flag(const struct npexec_options *o, size_t *next)
{
	while (rows[*next].name != NULL) {
		size_t i = (*next)++;
		if (rows[i].take == take_flag && rows[i].key != NULL && (o->given >> i & 1) != 0)
			return rows[i].key;
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

/* ---- what all of it means ---- */

static int
check_config(const struct npexec_options *o, struct np_error *err)
{
	static const char not_with[] = "not together with -c", only_with[] = "only for configuration lines, with -c";

	for (size_t i = 0; rows[i].name != NULL; i++)
		if (rows[i].with == (o->config ? WITH_COMMANDS : WITH_CONFIG) && (o->given >> i & 1) != 0)
			return npoption_usage(err, rows[i].name, o->config ? not_with : only_with);
	if (!o->config)
		return o->confirm_minutes == 0 ? 0 : npoption_usage(err, "--confirm", only_with);
	if (o->subsystem || o->tty > 0 || o->env != NULL)
		return npoption_usage(err, "-s, -t, --env", not_with);
	if (npexec_flag(o, "dry_run") && (npexec_flag(o, "save") || o->confirm_minutes > 0))
		return npoption_usage(err, "--dry-run", "nothing is kept that could be saved or confirmed");
	if (npexec_flag(o, "save") && o->confirm_minutes > 0)
		return npoption_usage(err, "--confirm", "what may be undone is not to be saved yet: leave out --save");
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
take_command(struct npexec_options *o, int argc, char **argv, struct np_error *err)
{
	if (o->connect != NULL && (argc > 0 || o->json || o->config || o->subsystem || o->several))
		return npoption_usage(err, "-W", "only a connection from one device, without a command");
	if (o->connect != NULL)
		o->command = xstrdup(o->connect);
	else if (argc > 0)
		npexec_source_join(o, argv, argc);
	return 0;
}

static int
take_device(struct npexec_options *o, const char *device, struct np_error *err)
{
	o->device = device;
	if (o->device[0] == '\0')
		return error_set(err, REASON_INVALID_PARAMS, "the device's name is empty");
	if (!text_is_utf8(o->device, strlen(o->device)))
		return error_set(err, REASON_INVALID_PARAMS, "the device's name is not UTF-8");
	o->several = o->gather || operand_is_list(o->device);
	return 0;
}

/* What ssh would do and npexec cannot is said, not that there is no such option. */
static enum npoption_parsed
parse_options(int argc, char **argv, struct npexec_options *o, struct np_error *err)
{
	static const char ssh_only[] = "ABDEIKLMNOQRVXYgmwy";
	uint64_t given;
	enum npoption_parsed parsed = npoption_parse(argc, argv, rows, true, o, &given, err);

	o->given |= given;
	if (parsed == NPOPTION_USAGE && optopt > 0 && optopt < 128 && strchr(ssh_only, optopt) != NULL &&
	    strstr(err->text, ": no such option") != NULL)
		error_set(
		    err, REASON_INVALID_PARAMS, "-%c: npexec cannot do what that asks for: use ssh for it", optopt);
	return parsed;
}

/* As ssh: options stand before the device and behind it, up to what is none, or to `--'. */
static enum npoption_parsed
parse_line(int argc, char **argv, struct npexec_options *o, struct np_error *err)
{
	enum npoption_parsed parsed = parse_options(argc, argv, o, err);
	int at = optind;

	if (parsed != NPOPTION_PARSED)
		return parsed;
	if (at >= argc) {
		error_set(err, REASON_INVALID_PARAMS, "no device given; npexec --help shows how");
		return NPOPTION_USAGE;
	}
	optind = 1;
	if (at + 1 < argc && argv[at + 1][0] == '-' && strcmp(argv[at - 1], "--") != 0)
		parsed = parse_options(argc - at, argv + at, o, err);
	if (parsed != NPOPTION_PARSED)
		return parsed;
	if (take_device(o, argv[at], err) == -1 || take_command(o, argc - at - optind, argv + at + optind, err) == -1)
		return NPOPTION_USAGE;
	return NPOPTION_PARSED;
}

enum npoption_parsed
npexec_options_parse(
    int argc, char **argv, const struct npexec_world *world, struct npexec_options *o, struct np_error *err)
{
	enum npoption_parsed parsed;

	*o = (struct npexec_options){.timeout = -1, .idle_timeout = -1, .parallel = NPEXEC_PARALLEL};
	buf_init(&o->text, NPEXEC_TEXT_MAX);
	parsed = parse_line(argc, argv, o, err);
	npexec_login_finish(o);
	if (parsed == NPOPTION_PARSED && (npexec_habit_check(o, err) == -1 || check_config(o, err) == -1 ||
					     npexec_mode_decide(o, world, err) == -1 || read_sources(o, err) == -1))
		return NPOPTION_USAGE;
	return parsed;
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
	strings_finish(&o->key_files);
	strings_finish(&o->certificate_files);
	strings_finish(&o->missing_keys);
	free(o->ignored);
	cJSON_Delete(o->overrides);
	cJSON_Delete(o->env);
	cJSON_Delete(o->answers);
	memset(o, 0, sizeof(*o));
}
