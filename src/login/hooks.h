/* How what runs in a connector's thread reaches the world around it: the connector's doing, or a test's. */
#ifndef NP_HOOKS_H
#define NP_HOOKS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"
#include "login/attempt.h"
#include "secret/secret.h"

struct dial_hooks {
	/*
	 * Asks a person.  Returns an answer (caller: secret_unref()) or NULL: nobody can answer.  Time spent here does
	 * not count.
	 */
	struct secret *(*ask)(enum prompt_kind kind, const char *text, bool echo, void *arg);
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

/* Tells a step, if anybody asks. */
void hooks_step(const struct dial_hooks *hooks, const char *name, enum step_outcome outcome, const char *fmt, ...)
    NP_PRINTF(4, 5);

#endif
