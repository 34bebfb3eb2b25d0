/*
 * The mux door: for each configured device a socket `mux/NAME` beside the broker's, and one for all others, at
 * which an unmodified ssh finds a ControlMaster (wire/mux.h).  Who comes by it is a client as any other: what it asks
 * for is said in netpulse-protocol(7), and so is what it is answered.  Main thread only.
 */
#ifndef NP_DOOR_H
#define NP_DOOR_H

#include <sys/types.h>

#include "base/compiler.h"
#include "broker/client/client.h"
#include "conf/conf.h"

struct doors;
struct ev_loop;

struct door_events {
	/* Somebody has come: lets it in by clients_admit(). */
	struct client *(*comes)(uid_t uid, pid_t pid, const struct client_end *end, void *at, void *arg);
	/* A process of another user was turned away. */
	void (*refused)(uid_t uid, pid_t pid, void *arg);
};

/* Beside that socket; what stands in the way is logged, and concerns ssh alone.  Nobody is let in yet. */
struct doors *doors_create(
    struct ev_loop *loop, const char *socket_path, const struct door_events *events, void *arg) NP_MALLOC;

/* Where an ssh gets to. */
struct whither {
	char *device;       /* its name, for people */
	char *ref;          /* JSON: the `device` of a request; NULL: nowhere */
	char *agent_socket; /* of its ssh, "none" where that has none; NULL: the broker's */
	bool shell;         /* commands of that device may run on a command line */
};

/*
 * That process, an ssh that is about to come to the socket for all, gets there: a name where ssh itself would get to
 * the same.  The path of that socket, ours; NULL with err: it had better not come.
 */
const char *doors_announce(struct doors *all, pid_t pid, const struct whither *to, struct np_error *err);
/*
 * Whether an ssh that fails so may try by itself: only where that is known to break no promise, and to go round no
 * limit, operator or refused password, be it that of a jump host.
 */
bool door_lets_go(const struct np_error *err);

/* There is one for each device of this configuration, and no other. */
void doors_follow(struct doors *all, const struct config *config);
/* Every few seconds: sockets that were removed by others are made again. */
void doors_tick(struct doors *all);
/* Whether ports are forwarded. */
bool doors_listen(const struct doors *all);
/* They, an object each; the caller's. */
cJSON *doors_ports(const struct doors *all);
/* Nobody comes any more, the sockets are removed; who is there stays.  And again, before doors_follow(). */
void doors_open(struct doors *all);
void doors_close(struct doors *all);
/* The clients must be gone.  NULL is fine. */
void doors_destroy(struct doors *all);

#endif
