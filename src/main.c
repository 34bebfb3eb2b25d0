/*
 * netpulsed: signals, start and stop.  Everything else is in the library that the tests link as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ev.h>

#include "broker/broker.h"
#include "conf/conf.h"
#include "inspect/inspect.h"
#include "base/log.h"
#include "secret/secret.h"
#include "serve/notify.h"
#include "serve/process.h"
#include "serve/sandbox.h"
#include "base/starter.h"
#include "base/options.h"
#include "base/paths.h"
#include "base/xalloc.h"

#define LOG_FILE_MAX (4u * 1024u * 1024u)

/* The process: all that main() owns. */
struct daemon {
	struct daemon_options options;
	struct ev_loop *loop;
	struct config *config; /* until the broker has it */
	struct broker *broker;
	struct notify *notify;
	ev_signal term, interrupt, hup;
	ev_io starter;
	struct sandbox sandbox;
	char socket_path[256];
};

/* ---- telling who started us ---- */

static void
startup_word(struct daemon *d, const char *word)
{
	ssize_t n NP_UNUSED;

	if (d->options.startup_fd < 0)
		return;
	n = write(d->options.startup_fd, word, strlen(word));
	close(d->options.startup_fd);
	d->options.startup_fd = -1;
}

static int
startup_failed(struct daemon *d, const struct np_error *err)
{
	char *line = xasprintf("%s\n", err->text);

	if (d->options.startup_fd < 0)
		fprintf(stderr, "netpulsed: %s", line);
	else
		log_error("main", "%s", err->text);
	startup_word(d, line);
	free(line);
	return -1;
}

/* Started by npexec we have no terminal: the log goes to its file.  Otherwise it goes to stderr, for the journal. */
static int
open_log(struct daemon *d, struct np_error *err)
{
	char *path;
	int rc;

	if (d->options.startup_fd < 0)
		return 0;
	path = paths_log_file(err);
	if (path == NULL)
		return -1;
	rc = log_open_file(path, LOG_FILE_MAX, err);
	free(path);
	if (rc == 0)
		process_tell_heritage();
	return rc;
}

/* ---- events ---- */

static void
on_term(struct ev_loop *loop NP_UNUSED, ev_signal *w, int revents NP_UNUSED)
{
	struct daemon *d = w->data;

	log_info("main", "signal %d", w->signum);
	broker_stop(d->broker, false);
}

static void
on_hup(struct ev_loop *loop NP_UNUSED, ev_signal *w, int revents NP_UNUSED)
{
	struct daemon *d = w->data;
	struct np_error err;
	int changed;

	if (broker_reload(d->broker, &changed, &err) == -1)
		log_debug("main", "the reload that signal %d asked for was refused", w->signum); /* it has said why */
}

static void
on_reloading(void *arg)
{
	struct daemon *d = arg;

	notify_reloading(d->notify);
}

static void
on_reloaded(const struct np_error *err, void *arg)
{
	struct daemon *d = arg;

	if (err != NULL)
		notify_status(d->notify, "reload: %s", err->text);
	notify_ready(d->notify);
}

static void
on_finished(void *arg)
{
	struct daemon *d = arg;

	ev_break(d->loop, EVBREAK_ALL);
}

static void
on_stopping(void *arg)
{
	struct daemon *d = arg;

	notify_stopping(d->notify);
}

static void
on_status(const char *text, void *arg)
{
	struct daemon *d = arg;

	notify_status(d->notify, "%s", text);
}

static void
watch_signal(struct daemon *d, ev_signal *w, void (*run)(struct ev_loop *, ev_signal *, int), int number)
{
	ev_signal_init(w, run, number);
	w->data = d;
	ev_signal_start(d->loop, w);
}

/* ---- start and stop ---- */

static int
load_config(struct daemon *d, struct np_error *err)
{
	d->config = config_load(d->options.config_file, d->options.system, err);
	if (d->config == NULL)
		return -1;
	if (d->config->log_level_given)
		log_set_level(d->config->log_level);
	if (d->options.debug)
		log_set_level(LOG_LEVEL_DEBUG);
	for (size_t i = 0; i < d->config->warnings.n; i++)
		log_warning("config", "%s", d->config->warnings.v[i]);
	return 0;
}

static int
start_listening(struct daemon *d, int inherited, struct np_error *err)
{
	if (inherited > 1)
		return error_set(err, REASON_INVALID_REQUEST,
		    "the service manager handed over %d sockets: the broker serves exactly one", inherited);
	if (inherited == 1)
		return broker_listen_fd(d->broker, NOTIFY_LISTEN_FIRST, err);
	return broker_listen(d->broker, err);
}

/* Nothing can be done about it here: who needs a child is told. */
static void
on_starter_gone(struct ev_loop *loop, ev_io *w, int revents NP_UNUSED)
{
	ev_io_stop(loop, w);
	log_error(
	    "main", "%s; until then nothing that needs ssh or a command can log in", starter_strerror(STARTER_GONE));
}

static void
add_directory_of(struct strings *paths, const char *file)
{
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;

	if (slash != NULL && slash != file)
		strings_addf(paths, "%.*s", (int)(slash - file), file);
}

/* The file alone is let in, not its directory: ssh's configuration beside it names programs. */
static void
make_known_hosts(const char *path)
{
	char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	int fd;

	mkdir(dir, 0700);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd != -1)
		close(fd);
	free(dir);
}

/* Where this broker writes: its socket and those of ssh, its log and what it has learned, records, known hosts. */
static void
find_writable(const struct daemon *d, struct strings *paths)
{
	struct np_error ignored;
	char *log_file = paths_log_file(&ignored), *known = paths_expand_home("~/.ssh/known_hosts"), *more, *rest,
	     *path;

	if (!d->config->system && paths_make_dir(d->socket_path, &ignored) == -1)
		log_debug("main", "sandbox: %s", ignored.text); /* who listens there says it */
	add_directory_of(paths, d->socket_path);
	add_directory_of(paths, log_file);
	add_directory_of(paths, d->config->audit_log);
	for (size_t i = 0; i < d->config->sockets_count; i++)
		add_directory_of(paths, d->config->sockets[i].path);
	if (known[0] == '/') { /* there is a home */
		make_known_hosts(known);
		strings_add(paths, known);
	}
	rest = more = xstrdup_null(d->config->sandbox_writes);
	while ((path = strsep(&rest, ":")) != NULL)
		strings_add(paths, path);
	free(more);
	free(known);
	free(log_file);
}

/* From here on strangers are spoken to. */
static void
give_up(struct daemon *d)
{
	struct strings writable = {0};

	if (d->config->sandbox == SANDBOX_STRICT)
		find_writable(d, &writable);
	if (d->config->sandbox == SANDBOX_OFF)
		sandbox_decline(&d->sandbox);
	else
		sandbox_enter(&d->sandbox, d->config->sandbox == SANDBOX_STRICT ? &writable : NULL);
	strings_finish(&writable);
	d->sandbox.children = d->config->children_no_new_privileges;
	if (d->sandbox.children)
		starter_forbid_privileges();
	if (d->sandbox.lack[0] != '\0')
		log_warning("main", "sandbox: %s", d->sandbox.lack);
}

static int
start(struct daemon *d, struct np_error *err)
{
	struct broker_options options = {.config_file = d->options.config_file,
	    .sandbox = &d->sandbox,
	    .socket_path = d->socket_path,
	    .agent_socket = getenv("SSH_AUTH_SOCK"),
	    .idle_exit = d->options.idle_exit,
	    .stopping = on_stopping,
	    .finished = on_finished,
	    .reloading = on_reloading,
	    .reloaded = on_reloaded,
	    .fixed_log_level = d->options.debug,
	    .status = on_status,
	    .arg = d};
	const char *path = d->options.socket;
	int inherited = notify_listen_fds(err);

	if (secret_lock_memory() == -1)
		log_warning("main", "secrets may be swapped out: the system lets this process lock no memory");
	if (d->options.system && path == NULL)
		path = PATHS_SYSTEM_SOCKET; /* NETPULSE_SOCKET is a user's */
	if (inherited == -1 || open_log(d, err) == -1 || load_config(d, err) == -1 ||
	    paths_socket(path, d->socket_path, sizeof(d->socket_path), err) == -1)
		return -1;
	if (d->options.system && geteuid() == 0)
		log_warning(
		    "main", "serves other users as root: give it an account of its own (netpulsed(8), --system)");
	give_up(d);
	/* Not the default loop: that would reap children that threads of ours wait for. */
	d->loop = ev_loop_new(EVFLAG_AUTO);
	if (d->loop == NULL)
		return error_set(err, REASON_INTERNAL, "the event loop cannot be made");
	d->notify = notify_create(d->loop);
	d->broker = broker_create(d->loop, d->config, &options);
	d->config = NULL;
	if (start_listening(d, inherited, err) == -1)
		return -1;
	watch_signal(d, &d->term, on_term, SIGTERM);
	watch_signal(d, &d->interrupt, on_term, SIGINT);
	watch_signal(d, &d->hup, on_hup, SIGHUP);
	ev_io_set(&d->starter, starter_descriptor(), EV_READ);
	ev_set_cb(&d->starter, on_starter_gone);
	ev_io_start(d->loop, &d->starter);
	return 0;
}

static void
stop(struct daemon *d)
{
	if (d->broker != NULL)
		broker_destroy(d->broker);
	config_unref(d->config);
	notify_destroy(d->notify);
	if (d->loop != NULL) {
		ev_signal_stop(d->loop, &d->term);
		ev_signal_stop(d->loop, &d->interrupt);
		ev_signal_stop(d->loop, &d->hup);
		ev_io_stop(d->loop, &d->starter);
		ev_loop_destroy(d->loop);
	}
	starter_close();
	log_close();
}

/* What ends without serving; its exit status. */
static int
run_task(const struct daemon_options *o)
{
	switch (o->task) {
	case TASK_POLICY:
		return inspect_policy(o, o->args);
	case TASK_CHECK:
		if (o->policy)
			return inspect_check_policy(o);
		return o->platform_file != NULL ? inspect_check_platforms(o, o->platform_file, o->more_files)
						: inspect_check(o);
	case TASK_SHOW_CONFIG:
		return inspect_config(o, o->name);
	case TASK_SHOW_PLATFORMS:
		return inspect_platforms(o, o->name);
	case TASK_SERVE:
	case TASK_DONE:
		break;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct daemon d = {.loop = NULL};
	struct np_error err;

	process_fill_descriptors();
	if (options_parse(&d.options, argc, argv) == -1)
		return 2;
	if (d.options.startup_fd >= 0) {
		fcntl(d.options.startup_fd, F_SETFD, FD_CLOEXEC);
		process_disinherit();
	}
	umask(077);
	setenv("NETPULSE_MUX", "no", 1); /* an ssh of ours goes by itself: npctl(1), mux */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log that may grow no further is no reason to die */
	if (!d.options.debug)
		process_protect_memory();
	if (d.options.task != TASK_SERVE)
		return run_task(&d.options);
	process_raise_descriptors();
	ev_init(&d.term, NULL);
	ev_init(&d.interrupt, NULL);
	ev_init(&d.hup, NULL);
	ev_init(&d.starter, NULL);
	if (starter_open(argv, &err) == -1 || start(&d, &err) == -1) {
		startup_failed(&d, &err);
		stop(&d);
		return 1;
	}
	log_info("main", "netpulsed %s serves %s", NETPULSE_VERSION, broker_path(d.broker));
	startup_word(&d, "ready\n");
	notify_ready(d.notify);
	ev_run(d.loop, 0);
	stop(&d);
	return 0;
}
