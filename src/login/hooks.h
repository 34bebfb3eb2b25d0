/* How what runs in a connector's thread reaches the world around it: the connector's doing, or a test's. */
#ifndef NP_HOOKS_H
#define NP_HOOKS_H

#include <poll.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "account/account.h"
#include "base/compiler.h"
#include "base/error.h"
#include "login/connector.h"
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
	 * that fails has STEP_FAILED, or STEP_SKIPPED with no_login.  STEP_HEARD comes in the middle of one.
	 */
	void (*step)(const char *name, enum step_outcome outcome, const char *text, void *arg);
	/*
	 * May this be offered now (NULL: always)?  Waits for it; that time does not count.  0, with claim->barred
	 * filled in, and judged() must follow; or -1 with err: auth_backoff, auth_failed, or what left() says.
	 */
	int (*offer)(struct account_claim *claim, struct np_error *err, void *arg);
	/* What became of it; see accounts_settle(). */
	void (*judged)(enum account_verdict verdict, const bool *denied, size_t count, const char *words, void *arg);
	void *arg;
};

/* Tells a step, if anybody asks. */
void hooks_step(const struct dial_hooks *hooks, const char *name, enum step_outcome outcome, const char *fmt, ...)
    NP_PRINTF(4, 5);

/* Opens a regular file to read it; -1 with errno.  Never blocks: a FIFO in its place would hold the thread. */
int open_regular(const char *path, struct stat *st) NP_MUST_CHECK;
/* Whether this errno of it says nothing about the file, which must not count as empty then: no descriptors, no memory.
 */
bool open_was_wanting(int error);

/* ---- waiting that a cancel can end ---- */

/*
 * The poll(2) events that tell a cancel on a descriptor of wake_open(), or on any stream that is shut down, without
 * those that tell of mere data.
 */
#ifdef POLLRDHUP
#define WAKE_EVENTS POLLRDHUP
#else
#define WAKE_EVENTS 0
#endif

/*
 * A descriptor that has WAKE_EVENTS when the job is cancelled (the other end is given to hooks->watch_fd); -1 with err
 * when there are no descriptors left.  Ended by wake_close(), which also takes the watched end back.
 */
int wake_open(const struct dial_hooks *hooks, struct np_error *err) NP_MUST_CHECK;
void wake_close(const struct dial_hooks *hooks, int fd);

/* Milliseconds for poll(2) until the deadline (of clock_now()): rounded up, at least 0, -1 where the deadline is
 * infinite. */
int wake_poll_ms(double deadline);

#endif
