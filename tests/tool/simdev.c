/*
 * simdev: options (see simdev.h; `simdev --help` lists them and describes scenarios).
 *
 * Prints nothing.  --port-file is written once it listens; --events gets a line for every connection, login, command,
 * probe, shell, line that was typed, change of a configuration and end, which is what tests count.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tool/simdev.h"
#include "tool/simdev_listen.h"
#include "base/text.h"
#include "base/xalloc.h"

#define OVERRIDES_MAX 64

enum {
	OPT_PORT = 1000,
	OPT_ADDRESSES,
	OPT_LISTEN,
	OPT_PORT_FILE,
	OPT_KNOWN_HOSTS,
	OPT_HOST_KEY,
	OPT_EVENTS,
	OPT_CONTROL,
	OPT_SCENARIO,
	OPT_SET,
	OPT_CHECK,
	OPT_USER,
	OPT_PASSWORD,
	OPT_KBDINT,
	OPT_ROUND,
	OPT_ANY_KEY,
	OPT_OPEN_DOOR,
	OPT_AUTH_DELAY,
	OPT_ACCEPTS,
	OPT_HANG_UP,
	OPT_SILENT,
	OPT_DRIP,
	OPT_DROP,
	OPT_REFUSE_EXEC,
	OPT_NAGLE,
	OPT_NO_KEEPALIVE,
	OPT_NO_STATUS,
	OPT_MAX_CHANNELS,
	OPT_BANNER,
	OPT_REPLY,
	OPT_HELP
};

/* What main() alone needs. */
struct args {
	struct sim_listen listen;
	const char *port_file, *known_hosts, *scenario;
	char *overrides[OVERRIDES_MAX];
	size_t overrides_count;
	bool check;
};

struct usage {
	struct option option;
	const char *value, *help;
};

#define FLAG(name, opt, text)                                                                                          \
	{                                                                                                              \
		{name, no_argument, NULL, opt}, "", text                                                               \
	}
#define VALUE(name, opt, what, text)                                                                                   \
	{                                                                                                              \
		{name, required_argument, NULL, opt}, " " what, text                                                   \
	}

static const struct usage usages[] = {
    VALUE("port", OPT_PORT, "N", "on all addresses; without it a free one"),
    VALUE("listen", OPT_LISTEN, "A[-B]", "addresses 127.x.y.z, one device each"),
    VALUE("count", OPT_ADDRESSES, "N",
	"so many devices: from --listen's address on, else 127.0.0.1-250, 127.0.1.1-250 ..."),
    VALUE("addresses", OPT_ADDRESSES, "N", "the same"),
    VALUE("port-file", OPT_PORT_FILE, "FILE", "gets the port once it listens"),
    VALUE("known-hosts", OPT_KNOWN_HOSTS, "FILE", "gets a line for each address"),
    VALUE("host-key", OPT_HOST_KEY, "FILE", "a private key; without it a new one"),
    VALUE("events", OPT_EVENTS, "FILE", "gets a line for everything that happens"),
    VALUE("control", OPT_CONTROL, "FILE", "a FIFO that it makes: go WORD, async|set|close|drop|down ADDRESS ..."),
    VALUE("scenario", OPT_SCENARIO, "FILE", "what the devices are, see below"),
    VALUE("set", OPT_SET, "NAME=VALUE", "a setting of the scenario"),
    FLAG("check", OPT_CHECK, "reads the scenario and ends"),
    VALUE("user", OPT_USER, "NAME", "the only one that may log in"),
    VALUE("password", OPT_PASSWORD, "TEXT", "logs in"),
    VALUE("kbdint", OPT_KBDINT, "TEXT", "keyboard-interactive: an answer; may be repeated"),
    VALUE("round", OPT_ROUND, "[+]QUESTION=ANSWER", "keyboard-interactive, round by round; +: what is typed is shown"),
    FLAG("any-key", OPT_ANY_KEY, "any public key logs in"),
    FLAG("open-door", OPT_OPEN_DOOR, "method none logs in"),
    VALUE("auth-delay", OPT_AUTH_DELAY, "SECONDS", "before each answer to a login attempt"),
    VALUE("accepts", OPT_ACCEPTS, "N", "so many right logins, then none"),
    FLAG("hang-up", OPT_HANG_UP, "closes the connection instead of judging a password"),
    FLAG("silent", OPT_SILENT, "accepts TCP, says nothing"),
    FLAG("drip", OPT_DRIP, "sends its identification a byte at a time, without end"),
    FLAG("drop", OPT_DROP, "closes in the handshake"),
    FLAG("refuse-exec", OPT_REFUSE_EXEC, "refuses exec requests"),
    FLAG("nagle", OPT_NAGLE, "small packets wait for what was sent before, as where nobody set TCP_NODELAY"),
    FLAG("no-keepalive", OPT_NO_KEEPALIVE, "never answers keepalive@openssh.com"),
    FLAG("no-status", OPT_NO_STATUS, "closes channels without exit status"),
    VALUE("max-channels", OPT_MAX_CHANNELS, "N", "open at once in a connection"),
    VALUE("banner", OPT_BANNER, "TEXT", "its identification behind SSH-2.0-"),
    VALUE("reply", OPT_REPLY, "TEXT", "to commands that it does not know, without a scenario"),
    FLAG("help", OPT_HELP, "this"),
};

#define USAGES_COUNT (sizeof(usages) / sizeof(usages[0]))

double
sim_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void
sim_sleep(double seconds)
{
	struct timespec ts = {.tv_sec = (time_t)seconds};
	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

void
sim_event(const struct sim_options *options, const char *fmt, ...)
{
	va_list ap;
	if (options->events < 0)
		return;
	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	char *vis = text_vis(text, strlen(text), false);
	char *line = xasprintf("%s\n", vis);
	/* One write to an O_APPEND file: lines of different threads stay whole. */
	if (write(options->events, line, strlen(line)) < 0)
		perror("simdev: events");
	free(line);
	free(vis);
	free(text);
}

void
sim_die(const char *what)
{
	fprintf(stderr, "simdev: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
write_port(const char *path, int port)
{
	char tmp[512];
	snprintf(tmp, sizeof(tmp), "%s.new", path);
	FILE *f = fopen(tmp, "we");
	if (f == NULL || fprintf(f, "%d\n", port) < 0 || fclose(f) != 0 || rename(tmp, path) < 0)
		sim_die(path);
}

static void
usage(int status)
{
	printf("usage: simdev [option...]\n");
	for (size_t i = 0; i < USAGES_COUNT; i++) {
		char left[40];
		snprintf(left, sizeof(left), "--%s%s", usages[i].option.name, usages[i].value);
		printf("  %-22s %s\n", left, usages[i].help);
	}
	printf("\n");
	sim_scenario_help();
	exit(status);
}

static void
load_host_key(struct sim_options *o, const char *path)
{
	if (ssh_pki_import_privkey_file(path, NULL, NULL, NULL, &o->host_key) != SSH_OK) {
		fprintf(stderr, "simdev: %s: not a private key\n", path);
		exit(1);
	}
}

/* Options without a value. */
static void
set_switch(struct sim_options *o, struct args *a, int opt)
{
	a->check |= opt == OPT_CHECK;
	o->any_key |= opt == OPT_ANY_KEY;
	o->open_door |= opt == OPT_OPEN_DOOR;
	o->hang_up |= opt == OPT_HANG_UP;
	o->silent |= opt == OPT_SILENT;
	o->drip |= opt == OPT_DRIP;
	o->drop |= opt == OPT_DROP;
	o->refuse_exec |= opt == OPT_REFUSE_EXEC;
	o->nagle |= opt == OPT_NAGLE;
	o->no_keepalive |= opt == OPT_NO_KEEPALIVE;
	o->no_status |= opt == OPT_NO_STATUS;
	if (opt == OPT_HELP || opt == '?')
		usage(opt == '?' ? 2 : 0);
}

/* What it is; the rest of set_option(). */
static void
set_device(struct sim_options *o, struct args *a, int opt, const char *value)
{
	if (opt == OPT_USER)
		o->user = value;
	else if (opt == OPT_PASSWORD)
		o->password = value;
	else if (opt == OPT_KBDINT && o->kbdint_count < 8)
		o->kbdint[o->kbdint_count++] = value;
	else if (opt == OPT_ROUND && o->rounds_count < 8)
		o->rounds[o->rounds_count++] = value;
	else if (opt == OPT_AUTH_DELAY)
		o->auth_delay = strtod(value, NULL);
	else if (opt == OPT_ACCEPTS)
		o->accepts = atoi(value);
	else if (opt == OPT_MAX_CHANNELS)
		o->max_channels = atoi(value);
	else if (opt == OPT_BANNER)
		o->banner = value;
	else if (opt == OPT_REPLY)
		o->reply = value;
	else if (opt == OPT_SCENARIO)
		a->scenario = value;
	else if (opt == OPT_SET && a->overrides_count < OVERRIDES_MAX)
		a->overrides[a->overrides_count++] = xstrdup(value);
	else
		set_switch(o, a, opt);
}

static void
set_option(struct sim_options *o, struct args *a, int opt, const char *value)
{
	if (opt == OPT_PORT)
		a->listen.port = atoi(value);
	else if (opt == OPT_ADDRESSES)
		a->listen.count = atoi(value);
	else if (opt == OPT_LISTEN) {
		if (sim_listen_parse(&a->listen, value) < 0)
			usage(2);
	} else if (opt == OPT_PORT_FILE)
		a->port_file = value;
	else if (opt == OPT_KNOWN_HOSTS)
		a->known_hosts = value;
	else if (opt == OPT_HOST_KEY)
		load_host_key(o, value);
	else if (opt == OPT_EVENTS)
		o->events = open(value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	else if (opt == OPT_CONTROL)
		a->listen.control = value;
	else
		set_device(o, a, opt, value);
}

/* What the scenario says and no option does. */
static void
apply_settings(struct sim_options *o, const struct sim_settings *s)
{
	bool chosen = o->password != NULL || o->any_key || o->open_door || o->kbdint_count > 0 || o->rounds_count > 0;
	if (o->user == NULL && s->user[0] != '\0')
		o->user = s->user;
	if (o->banner == NULL && s->ident[0] != '\0')
		o->banner = s->ident;
	if (o->max_channels == 0)
		o->max_channels = (int)s->channels;
	o->all_channels = (int)s->channels_total;
	o->last_closes = s->last_closes;
	o->refuse_exec |= s->exec == SIM_EXEC_NO;
	o->exec_once = s->exec == SIM_EXEC_ONCE;
	o->globals = (int)s->globals;
	o->rekey = (uint64_t)s->rekey;
	if (chosen)
		return;
	if (sim_place_of(s->auth, "password") >= 0)
		o->password = s->password;
	if (sim_place_of(s->auth, "kbdint") >= 0)
		o->kbdint[o->kbdint_count++] = s->password;
	o->any_key = sim_place_of(s->auth, "publickey") >= 0;
	o->open_door = sim_place_of(s->auth, "none") >= 0;
}

static void
read_options(int argc, char **argv, struct sim_options *o, struct args *a)
{
	struct option options[USAGES_COUNT + 1] = {{0}};
	for (size_t i = 0; i < USAGES_COUNT; i++)
		options[i] = usages[i].option;
	for (int opt; (opt = getopt_long(argc, argv, "", options, NULL)) != -1;)
		set_option(o, a, opt, optarg);
	if (optind != argc || a->listen.count < 1 || a->listen.count > SIM_DEVICES_MAX)
		usage(2);
}

int
main(int argc, char **argv)
{
	static struct args a = {.listen = {.count = 1}};
	struct sim_options o = {.events = -1};
	struct sim_scenario *scenario = NULL;
	struct rlimit files;

	read_options(argc, argv, &o, &a);
	if (a.scenario != NULL) {
		scenario = sim_scenario_load(a.scenario, a.overrides, a.overrides_count);
		if (scenario == NULL)
			return 1;
		apply_settings(&o, &scenario->settings);
	}
	if (a.check)
		return 0;
	signal(SIGPIPE, SIG_IGN);
	/* A descriptor per listener and two per connection: a thousand of each exceed the usual soft limit. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (o.host_key == NULL && ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &o.host_key) != SSH_OK)
		sim_die("host key");
	sim_listen_open(&a.listen, &o, scenario);
	if (a.known_hosts != NULL)
		sim_listen_known_hosts(&a.listen, &o, a.known_hosts);
	if (a.port_file != NULL)
		write_port(a.port_file, a.listen.port);
	sim_listen_serve(&a.listen, &o);
}
