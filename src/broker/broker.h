/*
 * The broker: owns peers, requests, pools and sessions, routes between them, and executes what pool policy decides.
 * Main thread only.  The parts: broker.c (life, peers), dispatch.c (messages), device.c (pool actions,
 * reload), link.c (connecting, jump hosts, prompts), request_exec.c (running commands), verbs.c and
 * verb_status.c (verbs of npctl).
 */
#ifndef NP_BROKER_H
#define NP_BROKER_H

#include <stdbool.h>

#include <ev.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "base/error.h"
#include "serve/sandbox.h"

struct broker;

struct broker_options {
	const char *config_file;  /* option -f, or NULL; read again on reload */
	const char *socket_path;  /* for listening and for status */
	const char *agent_socket; /* the daemon's own SSH_AUTH_SOCK, or NULL */
	double idle_exit; /* seconds without session, peer, persistent device, refused account or port; 0 = never */
	/* It drains from now on, or ends at once.  Called once. */
	void (*stopping)(void *arg);
	/* The broker has ended its work: leave the loop.  Called once. */
	void (*finished)(void *arg);
	/* For the service manager: a line about what is held. May be NULL. */
	void (*status)(const char *text, void *arg);
	/* For the service manager: the configuration is being read again; it was, or err says why nothing changed.  Not
	 * called while it stops.  May be NULL. */
	void (*reloading)(void *arg);
	void (*reloaded)(const struct np_error *err, void *arg);
	const struct sandbox
	    *sandbox;         /* what the process is in, for status; NULL: nothing.  Lives as long as the broker */
	bool fixed_log_level; /* option -d: the configuration does not set it */
	void *arg;
};

/* Takes the reference to config.  Options are copied, strings included. */
struct broker *broker_create(
    struct ev_loop *loop, struct config *config, const struct broker_options *options) NP_MALLOC;
/* Closes everything that is left without waiting. */
void broker_destroy(struct broker *b);

/* Binds the socket of options; or serves one that the service manager made. */
int broker_listen(struct broker *b, struct np_error *err) NP_MUST_CHECK;
int broker_listen_fd(struct broker *b, int fd, struct np_error *err) NP_MUST_CHECK;

/* Where it listens; lives as long as the broker. */
const char *broker_path(const struct broker *b);

/*
 * Reads the configuration again, and opens the log files anew: 0, or -1 with err and everything as it was.  changed:
 * devices whose sessions drain.
 */
int broker_reload(struct broker *b, int *changed, struct np_error *err) NP_MUST_CHECK;
/*
 * Drains: what runs may end within drain_timeout, what waits and what comes is answered shutting_down.  now: ends at
 * once.  A second call is as now.  finished() follows.
 */
void broker_stop(struct broker *b, bool now);

#endif
