/*
 * A broker that says what a test tells it to: listens on a Unix socket in a directory of its own, reads frames, sends
 * frames.  And a client process (npexec_run() or any function) with pipes or a terminal for its standard streams.
 *
 * Everything waits with a limit and fails the test past it.  Only for the test's own thread.
 */
#ifndef NP_FAKEBROKER_H
#define NP_FAKEBROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "wire/message.h"
#include "kit/slow.h"

#define FAKE_SECONDS slow(20)

struct fakebroker {
	char dir[64];
	char path[96];
	int listen_fd;
	int fd; /* the client, once accepted; -1 */
	struct buf in;
	/* The last message received; freed by the next one. */
	struct message message;
	bool have_message;
	struct buf data;
};

void fake_start(struct fakebroker *f);
/* Directory and path only: nobody listens. */
void fake_prepare(struct fakebroker *f);
void fake_listen(struct fakebroker *f);
void fake_finish(struct fakebroker *f);

void fake_accept(struct fakebroker *f);
void fake_hello(struct fakebroker *f);
void fake_hang_up(struct fakebroker *f);
/* The next message; fails unless it has this method.  Params may be NULL where there are none. */
const cJSON *fake_expect(struct fakebroker *f, const char *method);
/* Fails unless the client closes the connection now, without another message. */
void fake_expect_end(struct fakebroker *f);
/* Whether a whole message is there within the given milliseconds; it stays for fake_expect(). */
bool fake_has_message(struct fakebroker *f, int ms);
/* A frame with that JSON text, and bytes behind. */
void fake_send(struct fakebroker *f, const char *json);
void fake_send_data(struct fakebroker *f, const char *json, const void *p, size_t n);
void fake_send_raw(struct fakebroker *f, const void *p, size_t n);

struct fakeclient {
	pid_t pid;
	int in, out, err; /* our ends of its standard streams; in terminal mode out is the terminal's master */
	int status;
};

/* Runs npexec with these arguments (argv[0] first, NULL last) on pipes, or on a new terminal that it controls. */
void fake_npexec(struct fakeclient *c, char *const *argv);
void fake_npexec_tty(struct fakeclient *c, char *const *argv);
/* Reads until the end of file, or until text was seen (NULL: the end).  Returns what came; caller frees. */
char *fake_read(int fd, const char *until, size_t *size);
void fake_write(int fd, const char *text);
/* Closes what is open of in, waits; returns the exit status, or 1000 + signal. */
int fake_wait(struct fakeclient *c);

#endif
