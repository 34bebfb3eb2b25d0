/*
 * What src/broker/link alone should see of a session.
 */
#ifndef NP_LINK_IMPL_H
#define NP_LINK_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/transcript.h"
#include "pool/pool.h"
#include "transport/session.h"
#include "ssh/shell.h"
#include "target/target.h"
#include "broker/device/device_impl.h"
#include "broker/link/link.h"
#include <ev.h>

#define BROKER_JUMPS_MAX 8

/* What the shell of a session is doing. */
enum link_use {
	SHELL_LOGIN,    /* until the driver is ready for the first time; the session still counts as connecting */
	SHELL_FREE,     /* at its prompt, no lease; a keep-alive may run */
	SHELL_LEASED,   /* a request has it, or its client holds it for the next one */
	SHELL_RESETTING /* the lease has ended: on the way back to the mode after login */
};

/* The interactive shell of a session whose device is driven by its command line. */
struct link_shell {
	struct shell *shell; /* NULL: none, or none any more */
	enum link_use use;
	struct request *runner; /* who has the lease, or NULL */
	struct client *holder;  /* between two requests of this client */
	double held_since;
	ev_timer clock;        /* the next keep-alive, or the end of the time that a lease may be held */
	struct np_error error; /* why it ended */
	char *secret;          /* from the connector, until the driver has them */
	char *password;
	bool outdated; /* the configuration changed while it connected */
	bool needed_person;
	bool secret_given;             /* one is configured: the base mode is where its shells belong */
	bool trial;                    /* what comes is looked at by request_platform.c */
	struct transcript *transcript; /* of a session that a recording made; NULL: none */
	bool provisional;              /* by the definition that fits most: of no use once the right one is known */
	bool detecting;                /* link_detect.c: */
	size_t asked;                  /* definitions whose commands were tried */
	struct buf seen;               /* the answer to the last one */
};

/*
 * One SSH session, from the decision to connect to its end.  Owned by the pool's list of entries; freed by
 * link_free(), which only the two ends (failed connect, closed session) call.
 */
struct link {
	struct pool_entry entry;
	struct device *dev;
	uint64_t id;             /* never repeats */
	uint64_t dial_job;       /* connector's id while dialling */
	struct session *session; /* NULL while connecting */
	struct target *target;   /* what was dialled: a reference */
	struct login_files tried;
	struct np_error jump_error; /* why the connection through the jump host ended under the dial */
	struct request *test;       /* shows how it comes about (request_test.c), or NULL */
	struct request *forward;    /* the lease on the jump host's session that carries this one, or NULL */
	char *agent_socket;         /* of the client that caused the login; only until it is done */
	char *auth;                 /* how it authenticated */
	bool closing;               /* told to end; closed() is on its way */
	double connect_seconds;
	uint64_t commands; /* run on it so far */
	struct link_shell sh;
	char *end_why; /* of a session whose shell says goodbye first */
};

#endif
