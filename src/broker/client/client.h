/*
 * The clients: their connections, what is said to them, what they have in flight (answer.h).  What they say is told by
 * events: no client knows what its frames mean.  Main thread only.
 */
#ifndef NP_CLIENT_H
#define NP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/error.h"
#include "broker/client/answer.h"
#include "broker/client/user.h"
#include "report/event.h"
#include "wire/frame.h"
#include "wire/message.h"

struct client;
struct clients;
struct ev_loop;
struct holder;

/*
 * Beyond max_clients somebody is let in all the same: an operator must always be able to look and to steer.  Who is one
 * shows what he asks for.
 *
 *   comes --> OWN                                 there is a place
 *        \--> GUEST --> OPERATOR                  looks or steers: the one before goes, unless he awaits an answer
 *             |    \--> OWN                       asks for anything, and a place has become free
 *             +--> refused                        asks for anything else; or is the first of too many guests
 */
enum client_place { PLACE_OWN, PLACE_GUEST, PLACE_OPERATOR };

struct client_events {
	/* A whole frame; it is valid during the call. */
	void (*frame)(struct client *client, const struct frame *frame, void *arg);
	/* It has gone, all its answers know; freed when this returns. */
	void (*left)(struct client *client, void *arg);
};

/* ---- ends ---- */

struct client_bytes {
	uint64_t in, out;
	size_t pending; /* said to it, and not left yet */
};

/*
 * The other end of a client: a connection to the socket (client_peer.c), or what else speaks netpulse-protocol(7) for
 * whoever comes by another door.  Its functions get what clients_admit() was given, and never free that.
 */
struct client_end {
	const char *door; /* a word for the audit log; NULL: the socket */
	/* A message, with data. */
	void (*send)(void *at, const char *json, size_t json_size, const void *data, size_t size);
	/* Bytes that a stream may add now; once there were none, client_drained() follows. */
	size_t (*room)(void *at);
	/* What has this id leaves for its device now, if it ever does.  NULL: it need not know. */
	void (*begins)(void *at, const struct message_id *id);
	/* client_gone() follows in a later turn: when it has read what was said to it, or at once. */
	void (*close)(void *at, bool at_once);
	bool (*is_closing)(const void *at);
	bool (*is_flushing)(const void *at); /* closing, and what was said to it has not left yet */
	bool (*lives)(
	    const void *at); /* the process of its pid is the one that came; NULL: nothing tells.  System calls */
	bool (*has_left)(const void *at); /* its process has gone; nobody may know yet.  A system call */
	struct client_bytes (*bytes)(const void *at);
	/* As client_take_descriptor().  NULL: none ever comes. */
	int (*take_descriptor)(void *at);
};

/* ---- all of them ---- */

struct clients *clients_create(struct ev_loop *loop, const struct client_events *events, void *arg) NP_MALLOC;
/* Nobody may be connected any more. */
void clients_destroy(struct clients *all);
/* Takes a connection over.  id: never used before. */
struct client *clients_accept(struct clients *all, uint64_t id, int fd, uid_t uid, pid_t pid);
/* The same, of another door: whoever has that end says what comes of it by the three functions below. */
struct client *clients_admit(
    struct clients *all, uint64_t id, uid_t uid, pid_t pid, const struct client_end *end, void *at);
void client_said(struct client *client, const struct frame *frame);
void client_drained(struct client *client);
/* All its answers are told; it is freed when this returns. */
void client_gone(struct client *client);
int clients_count(const struct clients *all);
/* Whether less than `max` have a place of their own: who leaves, or was refused, takes no other's. */
bool clients_have_place(const struct clients *all, int max);
/* The same, and who has gone counts no longer, although what he said last is still to be read.  Asks for each. */
bool clients_have_left_place(const struct clients *all, int max);
/* The one of more than `most` in such a place that has to make room: the first to come, never `but`.  Or NULL. */
struct client *clients_surplus(const struct clients *all, enum client_place place, int most, const struct client *but);
/*
 * The operator who has to make room for `but`, or NULL: one who awaits no answer at once; one who does (a watch, or a
 * drain that is waited for) only when more than `most` do, the first of them to come.
 */
struct client *clients_yielding(const struct clients *all, int most, const struct client *but);
/* The one after, in the order of their coming; NULL: the first, and after the last. */
struct client *clients_next(const struct clients *all, const struct client *after);
struct client *clients_by_id(const struct clients *all, uint64_t id); /* or NULL */
/* Whether one has been told to go and has not gone. */
bool clients_closing(const struct clients *all);
/* Whether somebody has not read what was said to him; watchers, who are told things without end, do not count. */
bool clients_unread(const struct clients *all);
/* What is to be answered later is answered by this failure: requests and watches end otherwise. */
void clients_fail_later(struct clients *all, const struct np_error *err);
/* Each is closed: once it has read, or at once. */
void clients_close(struct clients *all, bool at_once);
/* Bytes from and to those that are connected now. */
void clients_bytes(const struct clients *all, uint64_t *in, uint64_t *out);

/* ---- one ---- */

uint64_t client_id(const struct client *client);
pid_t client_pid(const struct client *client);
/* Who it is; the names of programs only after client_name_program(). */
const struct event_who *client_who(const struct client *client);
/* Asks for the names of its program and of that one's parent, while they are there; not those of another process that
 * got its number. */
void client_name_program(struct client *client);
/* How many of a kind it has in flight. */
int client_answers(const struct client *client, int kind);
struct client_bytes client_bytes(const struct client *client);

/* Sends; json is freed, as cJSON_free() does. */
void client_send(struct client *client, char *json, const void *data, size_t size);
/* One frame of a stream, as much as client_room() allows; head is kept by the caller. */
void client_stream(struct client *client, const char *head, const void *data, size_t size);
/* Bytes that a stream may add now; told once that there are none, its answers learn when there are. */
size_t client_room(struct client *client);
/* The descriptor that it has sent last, the caller's from now on; or -1. */
int client_take_descriptor(struct client *client);
/* What has this id begins: before anything of it leaves for its device. */
void client_begins(struct client *client, const struct message_id *id);
void client_result(struct client *client, const struct message_id *id, cJSON *result);
void client_error(struct client *client, const struct message_id *id, const struct np_error *err, const char *device);
void client_notify(struct client *client, const char *method, cJSON *params);
/* Greets, and names what this broker can. */
void client_hello(struct client *client);
/* It came by a socket of that role (default: main), or as another user (POLICY_USERS). */
void client_set_role(struct client *client, const char *role, gid_t gid);
/* The further groups of its process, which it takes over; and what they are. */
void client_set_groups(struct client *client, gid_t *groups, size_t count);
const gid_t *client_groups(const struct client *client, size_t *count);
/* It takes one of the connections of its user: 0, or -1 with err, and it has to go. */
int client_join(struct client *client, const struct user_limits *limits, struct np_error *err) NP_MUST_CHECK;
/* Whose it is; NULL: the broker's own user, or root. */
struct user *client_user(const struct client *client);
/* Whose turn it is when its requests are served: that of all clients of another user is one. */
uint64_t client_party(const struct client *client);
/* It came by the broker's own socket, or by its mux door, as the broker's own user or root. */
bool client_is_main(const struct client *client);
void client_set_place(struct client *client, enum client_place place);
enum client_place client_place(const struct client *client);
/* Turns it away: told so, then closed. */
void client_refuse(struct client *client, const struct np_error *err);
/* Closed when it has read, as one that has no place here: it takes nobody else's meanwhile. */
void client_dismiss(struct client *client);
/* It broke the protocol: told so without an id, then closed. */
void client_violated(struct client *client, const struct np_error *err);
/* Reads no more; closed when it has read. */
void client_close(struct client *client);

/* So many more of its requests wait.  Returns how many do. */
int client_note_waiting(struct client *client, int more);
/*
 * It opens something, or (not begins) that came to an end.  Since when it does so without having thought in between:
 * what a server refuses meanwhile is nothing that a person who opens many things knows of.
 */
double client_wishes(struct client *client, bool begins);
/*
 * Output of commands that have ended which the client has not taken: of streams that it gets as it reads; or (windowed)
 * of those that wait for its credit, which says nothing about its reading.  Kept by those whose answers they are.
 */
struct backlog {
	size_t bytes;
	struct answer_list stalled; /* not begun before that is less */
};
struct backlog *client_backlog(struct client *client, bool windowed);
/* Configuration lines that it has sent wait: so many bytes more, or (negative) less.  Returns all that wait. */
size_t client_note_lines(struct client *client, ptrdiff_t bytes);
/* What it keeps between two of its requests. */
struct holder *client_holder(struct client *client);

/* As `status` shows it. */
cJSON *client_json(const struct client *client, double now) NP_MUST_CHECK;

#endif
