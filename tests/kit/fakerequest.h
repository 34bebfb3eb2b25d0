/*
 * What stands around a request in unit tests: a client, a device, a session with its command line, which do what the
 * test says and note what they were told; and a clock that stands still until it is moved.  Channels are those of
 * faketransport.h.  In place of the broker's own: a program that links this has no others.
 */
#ifndef NP_FAKEREQUEST_H
#define NP_FAKEREQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "broker/broker_impl.h"
#include "broker/client/holder.h"
#include "kit/faketransport.h"

/* clock_now() of the whole test. */
extern double fake_now;

struct client {
	size_t room; /* for streams; the test makes more */
	int begun;   /* told so often */
	int waiting;
	size_t lines;
	struct backlog backlogs[2];
	struct answer_list answers;
	struct holder holder;
	struct buf out[2]; /* streams */
	char told[16384];  /* all else, a line each: "METHOD {...}", "=result {...}", "=error REASON TEXT" */
};

struct device {
	struct config *config;
	const struct device_conf *conf;
	struct platform *platform; /* NULL: channels */
	struct device *shells;     /* of which channels run nothing, or NULL */
	struct pool pool;
	struct waiter *waiter; /* who waits, or NULL */
	int waits, waits_again, served, postponed, users;
	struct link *kept;
	bool awaited;
	struct witness *witness; /* device_try() */
	char asked[128];         /* the last question, "" when none is open */
};

struct link {
	struct device *dev;
	struct link_facts is;
	struct session *session;
	struct pool_entry entry;
	struct lease *lease; /* the last one, or NULL */
	int leases, released, commands, ends;
	const struct holder *holder; /* of the last release */
	/* Its command line. */
	bool dead, paused, asks, cancelled;
	const struct platform_mode *mode;
	enum cli_op op; /* under way */
	char text[128]; /* of the command or the configuration */
	struct cli_limits limits;
	char answer[64]; /* link_answer() */
	char secret[64]; /* link_enable() */
	struct buf output;
};

/* Those that fakes give away; a test may have more of them. */
struct fake_around {
	struct broker b;
	struct client client;
	struct device dev;
	struct link link;
	struct target target;
	struct fake transport;
	char events[512]; /* kinds of records, in their order: "queued started command:REASON ended:REASON" */
};

/* platform NULL: its commands have channels. */
void fake_around_init(struct fake_around *f, const char *yaml, const char *device, struct platform *platform);
void fake_around_finish(struct fake_around *f);
/* Turns of the loop, as many as it takes. */
void fake_turn(struct fake_around *f);

/* ---- the client ---- */

/* It asks for something: 0, or -1 with the reason in err. */
int fake_ask(struct fake_around *f, int id, const char *verb, const char *params, struct np_error *err);
void fake_client_reads(struct fake_around *f, size_t room);
void fake_client_cancels(struct fake_around *f, int id);
void fake_client_leaves(struct fake_around *f);

/* ---- the device and the session ---- */

/* Who waits has the lease. */
void fake_assign(struct fake_around *f);
/* Where the device of a test is has been found out. */
void fake_resolved(struct fake_around *f);
void fake_fail(struct fake_around *f, enum np_reason reason, const char *text);
/* The command line: says something; ends what is under way. */
void fake_print(struct fake_around *f, const char *text);
void fake_result(struct fake_around *f, enum np_reason reason, const char *error_line);
/* The shell goes, with its lease. */
void fake_shell_lost(struct fake_around *f);

#endif
