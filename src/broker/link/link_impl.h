/*
 * What src/broker/link alone sees of a session.
 */
#ifndef NP_LINK_IMPL_H
#define NP_LINK_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "account/account.h"
#include "base/buf.h"
#include "base/error.h"
#include "broker/client/holder.h"
#include "broker/link/link.h"
#include "cli/transcript.h"
#include "pool/pool.h"
#include "target/target.h"
#include "transport/session.h"
#include "transport/shell.h"
#include <ev.h>

#define LINK_SEEN_MAX (256u * 1024u)

/* How it comes about; moved by link_move(). */
enum link_state { LINK_BORN, LINK_WAY, LINK_DIALLING, LINK_ADOPTED, LINK_LOGIN, LINK_READY };

/* What the shell of a session is doing; moved by link_shell_set_use(). */
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
	struct lease *runner;  /* who has the shell, or NULL */
	struct kept kept;      /* between two requests of a client */
	struct secret *secret; /* from the connector, until the driver has them */
	struct secret *password;
	struct secret *offered;        /* the server has had it: only masked */
	struct link_offer *offer;      /* what the driver types, until it is judged: link_offer.c */
	bool way_lost;                 /* what ends the shell is no answer of its device */
	struct redact *known;          /* all secrets of this shell, for what others see of it */
	bool secret_given;             /* one is configured: the base mode is where its shells belong */
	bool records;                  /* a transcript is wanted */
	bool sees_login;               /* what the login says is wanted in `seen` */
	struct transcript *transcript; /* NULL: none */
	bool provisional;              /* by the definition that fits most: of no use once the right one is known */
	bool detecting;                /* link_detect.c: */
	size_t asked;                  /* definitions whose commands were tried */
	struct buf seen;               /* the answer to the last one; by which the platform is recognised */
};

/* One SSH session.  Owned by its device's pool; freed by link_free() behind its last event. */
struct link {
	struct pool_entry entry;
	struct { /* as link_facts() tells, but ours to change */
		uint64_t id;
		struct target *target;
		struct session *session; /* NULL while it is being made */
		char *auth, *agent_socket;
		struct witness *witness;
		struct waiter *way;
		double connect_seconds;
		uint64_t commands, account, agent_hash;
		bool reached, needed_person, closing;
	} is;
	struct link_home *home;
	enum link_state state;
	struct job dial;
	struct session_stats last; /* of a session that has closed */
	struct login_files tried;
	struct file_stamps keys; /* as they were before the login */
	struct np_error *blamed; /* link_blame(); NULL: how it ends says why */
	ev_prepare given_up;     /* fed, never started: nothing else would end it */
	double insists;          /* as those of its wishes */
	bool for_ssh;
	struct lease_list leases;
	struct link_shell sh;
	char *end_why; /* of a session whose shell says goodbye first */
};

/* ---- link.c ---- */

void link_ready(struct link *link);
void link_close(struct link *link);
/* Why an attempt is about to fail: said before it ends, and told in place of what the end says.  The first counts. */
void link_blame(struct link *link, enum np_reason reason, const char *fmt, ...) NP_PRINTF(3, 4);

/* ---- link_shell.c ---- */

void link_shell_open(struct link *link);
void link_shell_finish(struct link *link);
void link_shell_set_use(struct link *link, enum link_use use);

/* ---- link_lease.c ---- */

/* The shell is back at its first mode: the lease that the pool counts is over. */
void link_lease_over(struct link *link);
/* Its shell has died: who kept it is told. */
void link_lease_died(struct link *link);
/* The session is gone. */
void link_leases_leave(struct link *link);

/* ---- link_offer.c ---- */

/* The driver wants to type a password or secret; what became of it. */
void link_offer_ask(struct link *link, const struct cli_event *event);
void link_offer_judged(struct link *link, const struct cli_event *event);
/* Its device has one, and has not judged it. */
bool link_offer_is_judged(const struct link *link);
/* There is no driver any more. */
void link_offer_finish(struct link *link);

/* ---- link_detect.c ---- */

void link_detect_begin(struct link *link);
void link_detect_result(struct link *link);
void link_detect_forget(struct link *link);

#endif
