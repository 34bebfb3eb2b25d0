/*
 * Messages between ssh and its ControlMaster, version 4 of their protocol (PROTOCOL.mux in OpenSSH's tree): bytes in, a
 * view of one message out, and the answers of a master.  Pure.
 */
#ifndef NP_MUX_H
#define NP_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "wire/frame.h"

#define MUX_VERSION 4u
#define MUX_PACKET_MAX (256u * 1024u) /* ssh takes no larger ones either */
#define MUX_REASON_MAX 1024u
#define MUX_NO_ESCAPE 0xffffffffu

enum mux_type {
	MUX_HELLO = 0x00000001,
	MUX_NEW_SESSION = 0x10000002,
	MUX_ALIVE_CHECK = 0x10000004,
	MUX_TERMINATE = 0x10000005,
	MUX_OPEN_FORWARD = 0x10000006,
	MUX_CLOSE_FORWARD = 0x10000007,
	MUX_NEW_STDIO_FORWARD = 0x10000008,
	MUX_STOP_LISTENING = 0x10000009,
	MUX_OK = 0x80000001,
	MUX_PERMISSION_DENIED = 0x80000002,
	MUX_FAILURE = 0x80000003,
	MUX_EXIT = 0x80000004,
	MUX_ALIVE = 0x80000005,
	MUX_SESSION_OPENED = 0x80000006,
	MUX_TTY_ALLOC_FAIL = 0x80000008
};

enum mux_forward { MUX_FORWARD_LOCAL = 1, MUX_FORWARD_REMOTE = 2, MUX_FORWARD_DYNAMIC = 3 };
#define MUX_PORT_PATH 0xfffffffeu /* the host is the path of a Unix socket */

/* Some of the caller's bytes; not terminated, and a NUL may be among them. */
struct mux_text {
	const char *p;
	size_t size;
};

/* A view into the caller's bytes, as long as those are.  Members that the type does not have are zero. */
struct mux_message {
	uint32_t type; /* enum mux_type, or one that we do not know */
	uint32_t id;   /* of the request */
	uint32_t version;
	bool tty, x11, agent, subsystem;
	uint32_t escape;
	struct mux_text term, command;
	struct mux_text env;  /* what is left for mux_next_env() */
	struct mux_text host; /* to be connected to */
	uint32_t port;
	uint32_t forward; /* enum mux_forward */
	struct mux_text listen_host;
	uint32_t listen_port;
	size_t total; /* bytes to consume once done with it */
};

/*
 * Looks at the first message of p[0..n) without consuming it.  Its size is judged as soon as that is there.  FRAME_BAD
 * sets err (reason parse_error): it is too large, or what its type has is not in it.  Nothing is known of the members
 * of a type that is not in enum mux_type.
 */
enum frame_status mux_peek(const uint8_t *p, size_t n, struct mux_message *m, struct np_error *err);
/* The next variable, NAME=VALUE as far as its client keeps to that; false: there is none left. */
bool mux_next_env(struct mux_message *m, struct mux_text *env);

/* ---- what a master says: appended to out, of which the caller has made sure that it has room ---- */

void mux_add_hello(struct buf *out);
/* MUX_OK. */
void mux_add_ok(struct buf *out, uint32_t id);
/* MUX_ALIVE with a process, MUX_SESSION_OPENED with a session: of the request id.  MUX_EXIT with a status: of the
 * session id. */
void mux_add_number(struct buf *out, enum mux_type type, uint32_t id, uint32_t number);
/* MUX_FAILURE, MUX_PERMISSION_DENIED; a reason longer than MUX_REASON_MAX is cut. */
void mux_add_refusal(struct buf *out, enum mux_type type, uint32_t id, const char *reason);
void mux_add_tty_alloc_fail(struct buf *out, uint32_t session);

#endif
