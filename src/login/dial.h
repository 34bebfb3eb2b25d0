/*
 * The dial: the blocking sequence that makes an authenticated session.  Resolve, connect (all addresses), key exchange,
 * host key, authentication.  Runs in a connector thread (connector.c) or directly in tests; knows no loop.
 */
#ifndef NP_DIAL_H
#define NP_DIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <libssh/libssh.h>

#include "base/compiler.h"
#include "login/connector.h"
#include "base/error.h"
#include "target/target.h"

/* How the dial reaches the world around it; implemented by the connector, by tests with plain functions. */
struct dial_hooks {
	/*
	 * Asks a person.  Returns an answer (caller: secret_free()) or NULL: nobody can answer.  Time spent here does
	 * not count.
	 */
	char *(*ask)(enum prompt_kind kind, const char *text, bool echo, void *arg);
	void (*notice)(const char *text, void *arg);
	/*
	 * Says which descriptor a cancel should shut down now, and how (shutdown(2)); a dup, owned by the callee from
	 * then on; -1: none.  A stream that libssh has is shut down for reading alone: the end of what it reads ends
	 * every call of it, while a write that fails under its callbacks makes 0.10 use what it has freed.
	 */
	void (*watch_fd)(int fd, int how, void *arg);
	/* Seconds left before the limit, INFINITY without one; negative when cancelled or past it (err is then set to
	 * why). */
	double (*left)(struct np_error *err, void *arg);
	/*
	 * A step is done; name is static, text may hold what a server said.  NULL: nobody asks.  The last one of a dial
	 * that fails has STEP_FAILED, or STEP_SKIPPED with no_login.
	 */
	void (*step)(const char *name, enum step_outcome outcome, const char *text, void *arg);
	void *arg;
};

struct dial_in {
	const struct target *target;
	const char *agent_socket; /* the client's, or NULL */
	const char
	    *login_suffix; /* goes behind the user name, where that tells the device about the terminal; or NULL */
	int ready_fd;      /* taken over, or -1 */
	bool no_login;     /* end before the login, with REASON_CANCELLED */
};

struct dial_out {
	ssh_session session; /* blocking mode as libssh left it: session_adopt() changes that */
	int fd;              /* dup of its descriptor, CLOEXEC */
	pid_t proxy_pid;
	bool needed_person;
	char *auth_method;
	uint64_t agent_keys_hash;
};

/* Tells a step, if anybody asks. */
void dial_step(const struct dial_hooks *hooks, const char *name, enum step_outcome outcome, const char *fmt, ...)
    NP_PRINTF(4, 5);

/* 0 with *out filled, or -1 with err (and out->agent_keys_hash). */
int dial(
    const struct dial_in *in, const struct dial_hooks *hooks, struct dial_out *out, struct np_error *err) NP_MUST_CHECK;

#endif
