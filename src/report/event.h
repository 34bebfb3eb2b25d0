/*
 * What happened, as one flat record: what watchers, the audit log and the metrics are told.  Pure.
 *
 * A record borrows everything that it points to: it is valid while its maker's call lasts.  Making one neither
 * allocates nor formats; event_to_json() does, and is called only when somebody listens.
 */
#ifndef NP_EVENT_H
#define NP_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/error.h"

enum event_kind {
	EVENT_STATE,           /* a device: from, to */
	EVENT_SESSION_UP,      /* logged in */
	EVENT_SESSION_DOWN,    /* closed, err says why */
	EVENT_LOGIN_FAILED,    /* an attempt to connect came to nothing */
	EVENT_REQUEST_QUEUED,  /* received */
	EVENT_REQUEST_STARTED, /* has a session */
	EVENT_COMMAND_ENDED,   /* one of its commands has ended, or was not run */
	EVENT_REQUEST_ENDED,   /* answered */
	EVENT_REFUSED,         /* a message that became no request, or a client that was turned away */
	EVENT_RELOAD,          /* the configuration was read again, or could not be */
	EVENT_STEERING,        /* somebody steered: action */
	EVENT_STARTED,         /* the broker begins */
	EVENT_STOPPING,        /* the broker drains, or ends */
	EVENT_CONFIRM,         /* to those who confirm: `request` is what may become one, text what it would do */
	EVENT_WATCHING,        /* to one watcher: from here on it is told everything */
	EVENT_MISSED,          /* to one watcher: it read too slowly for `count` events */
	EVENT_LOST,            /* in the audit log: `count` records could not be written */
	EVENT_KINDS
};

/* The client that asked, as it was when it asked; it may have left since. */
struct event_who {
	uint64_t peer; /* 0: the broker itself, or who was not let in */
	pid_t pid;     /* 0: the broker itself */
	uid_t uid;
	gid_t gid;
	char role[32];    /* of the socket by which it came; "" or "main": the broker's own */
	char user[64];    /* the name of another user than the broker's; made harmless, "" where unknown */
	const char *door; /* static: the one by which it came; NULL: the socket */
	char program[32]; /* made harmless; "" where unknown or not asked for */
	char parent[32];  /* the program that started it: all clients look alike, what runs them does not */
};

/* Where a member has nothing to say: NULL, 0, for counts and seconds a negative number. */
struct event {
	enum event_kind kind;
	uint64_t id;     /* grows by one with each event, whether or not somebody listens */
	int64_t time_ms; /* since the Epoch */
	const char *device;
	const char *alias; /* the name that several pools of one device share: watchers may have asked for it */
	const struct event_who *who;
	uint64_t session, request;
	const char *from, *to;          /* EVENT_STATE */
	const char *user, *host, *auth; /* EVENT_SESSION_UP */
	int port;
	const char *what;           /* the kind of request: exec, open, ...; EVENT_REFUSED: its method */
	const char *action;         /* EVENT_STEERING, EVENT_STOPPING */
	const char *text;           /* what the operator said */
	const char *command;        /* masked; audit only */
	size_t command_size;        /* of the whole */
	const struct np_error *err; /* what went wrong; without a reason: only the text counts */
	bool ended;                 /* has an outcome: exit_status and outcome are told */
	bool untold;                /* EVENT_REQUEST_ENDED: no EVENT_COMMAND_ENDED went before */
	bool has_status;
	int status;
	const char *signal;
	int reused; /* 0, 1; negative: nothing to say */
	bool blocked;
	double queue, connect, duration, age, retry_in; /* seconds */
	int64_t index, count, failed, commands, bytes_in, bytes_out;
};

/* A record of that kind with nothing to say. */
void event_init(struct event *e, enum event_kind kind);
/* "session_up", "state", ... */
const char *event_name(enum event_kind kind);
/* An object without the command; the caller owns it. */
cJSON *event_to_json(const struct event *e) NP_MUST_CHECK;
/* "2026-11-23T10:20:30.123Z" */
void event_time_text(int64_t time_ms, char *out, size_t size);

#endif
