/*
 * Child processes: run to their end with everything about them bounded, or left running on a stream (ProxyCommand).
 *
 * A child gets default signal handling, a process group of its own, /dev/null as standard input, and no other
 * descriptor of ours.  It is the starter's (base/starter.h), not this process's.  Connector threads and tests.
 */
#ifndef NP_CHILD_H
#define NP_CHILD_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/starter.h"
#include "login/hooks.h"

struct child_limits {
	size_t out_max; /* bytes of standard output; more of it ends the child */
	size_t err_max; /* bytes of standard error kept; further ones are dropped */
	double seconds; /* then it is killed with its process group; INFINITY: no limit */
	int cancel_fd;  /* likewise when this stream is shut down; -1: none */
};

enum child_end {
	CHILD_EXITED,    /* by itself; status says how */
	CHILD_TIMED_OUT, /* killed */
	CHILD_CANCELLED, /* killed */
	CHILD_TOO_MUCH,  /* killed: more than out_max */
	CHILD_FAILED     /* never ran: error_number */
};

struct child_output {
	char *out; /* NUL-terminated; NULs inside are possible, out_size is the truth */
	size_t out_size;
	char *err;
	size_t err_size;
	int status;       /* as of waitpid(2) */
	bool plain;       /* no setuid program worked in it */
	int error_number; /* for starter_strerror() */
};

/*
 * Runs argv[0], looked up in $PATH, until it ends or a limit is reached.  Background processes that outlive it are not
 * waited for.  Fills *output in every case; the caller calls child_output_finish(), which wipes.
 */
enum child_end child_run(const char *const *argv, const struct child_limits *limits, struct child_output *output);
/*
 * The same for a connector's job: within the time that it has left, and ended when it is cancelled; limits->cancel_fd
 * is filled in here.  False with err, and nothing to finish, when that is so already.
 */
bool child_run_within(const struct dial_hooks *hooks, const char *const *argv, struct child_limits *limits,
    struct child_output *output, enum child_end *end, struct np_error *err) NP_MUST_CHECK;
void child_output_finish(struct child_output *output);
/* Its standard error made harmless, in lines.  Caller frees. */
char *child_error_text(const struct child_output *output) NP_MALLOC;

/*
 * Puts into words how a command ended that did not do what it should: "exited with status 2: its last words",
 * "was killed after 30 s", "could not be started: No such file or directory".  Standard error is made harmless.
 */
void child_describe(
    enum child_end end, const struct child_limits *limits, const struct child_output *output, char *text, size_t size);

/* A child that stays. */
struct child_stream {
	struct started process;
	int fd;     /* our end of the stream that is its standard input and output */
	int log_fd; /* what it wrote to standard error, at most the first 4 KiB; -1 where that cannot be had */
};

/* Starts `sh -c "exec COMMAND"` on a socket pair.  The child is ended by child_kill(). */
int child_stream_start(const char *command, struct child_stream *child, struct np_error *err) NP_MUST_CHECK;
/* The text gathered in log_fd, made harmless, without trailing newlines; "" when there is none.  Caller frees. */
char *child_log_text(int log_fd) NP_MALLOC;
/* Ends it and what is left of its group: TERM, and KILL when that has not helped after half a second. */
void child_kill(struct started *child);

#endif
