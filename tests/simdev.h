/*
 * simdev: an SSH server that behaves as badly as told, for what real servers cannot be made to do.
 *
 *   simdev.c       options, listening sockets, one thread per connection
 *   simdev_conn.c  one connection: handshake, login, channels
 *   simdev_exec.c  what an exec channel runs
 *
 * A program of another kind (an interactive shell) is a further struct sim_program in a file of its own.
 */
#ifndef SIMDEV_H
#define SIMDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libssh/libssh.h>

struct sim_options {
	const char *user;      /* the only user that may log in; NULL: anyone */
	const char *password;  /* NULL: no password login */
	const char *kbdint[8]; /* keyboard-interactive: the expected answers, one prompt each */
	int kbdint_count;
	bool any_key;       /* any public key logs in */
	bool open_door;     /* method none logs in */
	double auth_delay;  /* seconds before each answer to a login attempt */
	bool silent;        /* accepts TCP, says nothing */
	bool drip;          /* sends its identification string a byte at a time, without end */
	bool drop;          /* closes in the handshake, after the identification string */
	bool refuse_exec;   /* refuses the exec request */
	bool no_keepalive;  /* never answers keepalive@openssh.com */
	bool no_status;     /* closes channels without exit status */
	int max_channels;   /* session channels open at once */
	const char *banner; /* the software part of its identification string */
	const char *reply;  /* answer to commands that it does not know; NULL: the command itself */
	int events;         /* descriptor of the events file, or -1 */
	ssh_key host_key;
};

struct sim_conn;

/* A session channel, from its opening until both sides have closed it. */
struct sim_channel {
	struct sim_conn *conn;
	ssh_channel ssh;
	const struct sim_program *program; /* NULL: nothing was requested yet */
	char *command;                     /* of exec; NULL for a shell */
	void *state;                       /* the program's; freed with free(3) */
	bool pty;
	int cols, rows;
	char *signal; /* the last one received */
	bool ended;   /* we have closed it */
	bool closed;  /* the client has closed it */
};

/* What runs on a channel.  Called again and again by the connection's thread, never from inside libssh. */
struct sim_program {
	/* Does what can be done now; true when something was.  *wake may be lowered to the time of the next call. */
	bool (*run)(struct sim_channel *ch, double now, double *wake);
};

extern const struct sim_program sim_exec_program;

const struct sim_options *sim_channel_options(const struct sim_channel *ch);
/* Sends at most n bytes, as many as the window allows now; the number sent. */
size_t sim_channel_write(struct sim_channel *ch, const void *p, size_t n, bool is_stderr);
/* Received bytes; 0: none now, -1: end of file. */
int sim_channel_read(struct sim_channel *ch, void *p, size_t n);
/* Bytes that sim_channel_write() would take. */
size_t sim_channel_room(const struct sim_channel *ch);
/* Ends it: with a status, by a signal (status < 0), or with neither (status < 0, signal NULL). */
void sim_channel_end(struct sim_channel *ch, int status, const char *signal);

/* Serves one accepted connection until it ends; takes fd over.  In the connection's own thread. */
void sim_conn_serve(const struct sim_options *options, int fd, const char *peer);

/* Appends one line to the events file. */
void sim_event(const struct sim_options *options, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
double sim_now(void);
void sim_sleep(double seconds);

#endif
