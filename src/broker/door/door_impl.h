/*
 * What src/broker/door alone sees.
 */
#ifndef NP_DOOR_IMPL_H
#define NP_DOOR_IMPL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <ev.h>

#include "base/buf.h"
#include "base/hashtab.h"
#include "base/queue.h"
#include "broker/door/door.h"
#include "broker/door/escape.h"
#include "serve/lent.h"
#include "wire/mux.h"
#include "wire/socks.h"

struct door;
struct forwarding;
struct guest;
struct visit;

struct doors {
	struct ev_loop *loop;
	const struct door_events *events;
	void *arg;
	char *folder;            /* .../mux */
	int lock;                /* the folder, locked; -1: another broker has it, or there is none */
	struct timespec changed; /* the folder, when it was looked at last */
	TAILQ_HEAD(, door) list;
	struct hashtab by_name;
	int count;
	struct door *everybodys; /* the socket for all; of list */
	TAILQ_HEAD(, guest) guests;
	int guests_count;
	TAILQ_HEAD(, visit) visits;
	TAILQ_HEAD(, forwarding) forwardings;
	int forwardings_count;
	ev_signal resized; /* SIGWINCH: of some terminal */
};

/*
 * One ssh at a door; or a connection to a port that one has asked us to forward, which comes as ASKED.
 *
 *   HELLO --> IDLE --> FILES --> ASKED --> OPEN --> ENDING --> GONE
 *              ^ |       \         |
 *              +-+        \--------+--> IDLE          refused: ssh goes by itself
 *
 *   HELLO    nothing was said yet                IDLE   it may ask
 *   FILES    it has asked, its descriptors come  ASKED  the broker has been asked, nothing has left for the device
 *   OPEN     ssh has been told that it runs      ENDING its output leaves, then its status
 *
 *   any --> GONE.  visit_move() is the only writer.
 */
enum visit_state { VISIT_HELLO, VISIT_IDLE, VISIT_FILES, VISIT_ASKED, VISIT_OPEN, VISIT_ENDING, VISIT_GONE };

/* What it has asked for. */
struct wish {
	uint32_t id;      /* of ssh's request */
	cJSON *params;    /* of its exec; NULL: asked, or refused */
	bool forward;     /* a connection from there: two descriptors, no status */
	const char *what; /* "exec", "shell", "subsystem": as ssh calls it when the server refuses it */
	bool tty;
	cJSON *again;        /* the same without the terminal, until that was tried */
	const char *refusal; /* given once its descriptors are there; NULL: none */
};

/* What the broker is told next. */
struct reply {
	bool cancel;
	cJSON *decline; /* an answer to its question */
	bool again;     /* wish.again is asked for */
	bool early;     /* what came behind a SOCKS request */
};

struct visit {
	TAILQ_ENTRY(visit) link;
	struct doors *all;
	struct whither to; /* a shell has no environment */
	struct client *client;
	enum visit_state state;
	int fd;     /* ssh's; -1: it is a connection */
	int socket; /* the connection, until it is used; -1: none */
	struct socks socks;
	bool holds; /* its ports end with it: it has asked for a session, or one was refused */
	struct buf in, out;
	int files[3];
	int files_count;
	struct wish wish;
	int64_t request;                 /* the id of what the broker was asked for last */
	struct lent *input, *streams[2]; /* NULL once they have ended */
	bool one_stream;                 /* both are the first: 2>&1 */
	int tty;                         /* for its size; -1: none */
	int cols, rows;
	struct {
		int looks;     /* left; 0: nobody waits for raw mode */
		size_t wanted; /* bytes of input, then */
		ev_timer timer;
	} raw;
	struct escape escape;
	bool denied; /* a stream was told that there is no room */
	bool cancelled;
	bool unread; /* nobody takes its output: nothing is said of how that ends */
	struct reply reply;
	ev_prepare replies; /* fed, never started */
	int status;
	struct client_bytes bytes;
	ev_io reader;
	ev_prepare turn; /* fed, never started: the end comes in no call of others */
};

/* ---- visit.c ---- */

/* An ssh; takes fd and `to` over. */
void visit_begin(struct doors *all, struct whither *to, int fd, uid_t uid, pid_t pid);
/* A connection to a forwarded port; takes fd over.  host NULL: it says by SOCKS where it wants to go. */
void visit_forwarded(
    struct doors *all, const struct whither *to, int fd, uid_t uid, pid_t pid, const char *host, uint32_t port);
void visit_move(struct visit *v, enum visit_state state);
/* Says what is in v->out; who does not take it in is sent away. */
void visit_say(struct visit *v);
/* ssh goes by itself, for what it has asked for will not be. */
void visit_refuse(struct visit *v, const char *why);
void visit_close_files(struct visit *v);
/* It ends, with all that it has, in a later turn. */
void visit_leave(struct visit *v);
/* Asks the broker for something, under an id of its own; takes params over. */
void visit_request(struct visit *v, const char *method, cJSON *params);
/* Notifies it of something about its last request; params may be NULL, and are taken over. */
void visit_note(struct visit *v, const char *method, cJSON *params, const void *data, size_t size);

/* ---- visit_wish.c ---- */

/* What ssh wants, of its message. */
void session_wish(struct visit *v, const struct mux_message *m);
/* A connection to there. */
void session_wish_connect(struct visit *v, const char *host, uint32_t port);
/* The same for a server that gives no terminal; the caller's. */
cJSON *session_without_terminal(const cJSON *params);

/* ---- visit_session.c ---- */

#define STREAM_MOST (1024u * 1024u) /* output that waits for whoever reads ssh's */

/* Its descriptors are there: the broker is asked. */
void session_begin(struct visit *v);
/* From now on it is ours: ssh is told so, and its descriptors are used. */
void session_open(struct visit *v);
/* Output waits for whoever reads it: bytes. */
size_t session_waiting(const struct visit *v);
/* More may come, if that was denied. */
void session_note_room(struct visit *v);
/* Output of the command: stdout (0) or stderr (1). */
void session_stream(struct visit *v, int which, const void *data, size_t size);
/* The far end of the connection says no more: nor do we, to whoever reads; it may listen on. */
void session_far_ended(struct visit *v);
/* What the broker is told soon, for it is in the middle of something. */
struct reply *session_reply(struct visit *v);
/* Its answer follows, and says that it was cancelled. */
void session_cancel(struct visit *v);
/* With this status, once all output has left. */
void session_end(struct visit *v, int status);
/* It will not be, or not any more. */
void session_forget(struct visit *v);
void session_finish(struct visit *v);

/* ---- visit_tty.c ---- */

/* Adds modes and size of the terminal fd to the params of an exec. */
void tty_describe(struct visit *v, int fd, cJSON *params);
/* It may have another size. */
void tty_resized(struct visit *v);
/* ssh has been told that its session is open. */
void tty_await(struct visit *v);
/* Whether ssh has it in raw mode: until then no output has room, and v->raw.wanted grows instead of what is read. */
bool tty_is_ready(struct visit *v);
void tty_finish(struct visit *v);

/* ---- door_forward.c ---- */

/* What ssh asks for; NULL: done, else why not. */
const char *forwarding_open(struct visit *v, const struct mux_message *m);
const char *forwarding_close(struct visit *v, const struct mux_message *m);
/* It goes by itself, or goes: its ports are closed; left: unless that was all it wanted, and it has no session. */
void forwardings_of_visit(struct visit *v, bool left);
void forwardings_of_device(struct doors *all, const char *ref);

/* ---- door_folder.c ---- */

#define DOOR_PATH_MAX 103 /* what every system and ssh takes */

/* Whether a socket may be made at path; a stale one is removed. */
bool folder_is_free(const char *path);
/* Makes and locks it, and sweeps it; what stands in the way is logged, and all->lock stays -1. */
void folder_take(struct doors *all);
/* Whether the one that stands there is the one that is locked; *st is what stat(2) says of it. */
bool folder_is_ours(const struct doors *all, struct stat *st);

/* ---- door_guest.c ---- */

struct whither whither_copy(const struct whither *to);
void whither_finish(struct whither *to);
/* That process gets there: 0, or -1 with err. */
int guest_announce(struct doors *all, pid_t pid, const struct whither *to, struct np_error *err) NP_MUST_CHECK;
/* Where it was announced to get; false: nowhere.  Either way *to is the caller's. */
bool guest_comes(struct doors *all, pid_t pid, struct whither *to);
/* Those who should have come before. */
void guests_forget(struct doors *all, double before);

/* ---- visit_end.c ---- */

extern const struct client_end visit_end;

/* What writes to standard error; NULL once that has ended. */
static inline struct lent *
visit_stderr(const struct visit *v)
{
	return v->streams[v->one_stream ? 0 : 1];
}

#endif
