/*
 * simdev: an SSH server that behaves as badly as told, for what real servers cannot be made to do.
 *
 *   simdev.c          options
 *   simdev_listen.c   addresses, listening sockets, one thread per connection
 *   simdev_conn.c     one connection: handshake, channels
 *   simdev_auth.c     its login
 *   simdev_exec.c     what an exec channel runs without a scenario
 *   simdev_device.c   with one: the state of one device (simdev_config.c: its configurations)
 *   simdev_shell.c    ... and an interactive shell on it, with the files that simdev_shell.h lists
 *   simdev_scenario.c ... and the files that say what it does (simdev_settings, _script, _match, _text)
 *   simdev_control.c  what a test may tell it while it runs
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
	const char
	    *rounds[8]; /* likewise, each in a round of its own: "QUESTION=ANSWER", with a + in front it is shown */
	int rounds_count;
	bool any_key;       /* any public key logs in */
	bool open_door;     /* method none logs in */
	double auth_delay;  /* seconds before each answer to a login attempt */
	int accepts;        /* so many right logins, then none; 0: all */
	bool hang_up;       /* closes the connection instead of judging a secret */
	bool silent;        /* accepts TCP, says nothing */
	bool drip;          /* sends its identification string a byte at a time, without end */
	bool drop;          /* closes in the handshake, after the identification string */
	bool refuse_exec;   /* refuses the exec request */
	bool nagle;         /* leaves Nagle's algorithm on */
	bool no_keepalive;  /* never answers keepalive@openssh.com */
	bool no_status;     /* closes channels without exit status */
	int max_channels;   /* session channels open at once */
	int all_channels;   /* ... in the life of a connection */
	bool last_closes;   /* the connection ends with its last channel */
	bool exec_once;     /* refuses the second exec of a connection */
	int globals;        /* global requests that it sends in the beginning */
	uint64_t rekey;     /* bytes between key exchanges that it starts; 0: none */
	const char *banner; /* the software part of its identification string */
	const char *reply;  /* answer to commands that it does not know; NULL: the command itself */
	int events;         /* descriptor of the events file, or -1 */
	ssh_key host_key;
};

struct sim_conn;
struct sim_device;
struct sim_mail;

/* A session channel, from its opening until both sides have closed it. */
struct sim_channel {
	struct sim_conn *conn;
	ssh_channel ssh;
	const struct sim_program *program; /* NULL: nothing was requested yet */
	char *command;                     /* of exec; NULL for a shell */
	void *state;                       /* the program's; freed with free(3) behind its finish() */
	bool pty;
	int cols, rows;
	char *signal; /* the last one received */
	bool ended;   /* we have closed it */
	bool closed;  /* the client has closed it */
	bool dropped; /* sim_channel_drop() */
};

/* What runs on a channel.  Called again and again by the connection's thread, never from inside libssh. */
struct sim_program {
	/* Does what can be done now; true when something was.  *wake may be lowered to the time of the next call. */
	bool (*run)(struct sim_channel *ch, double now, double *wake);
	/* Something from another thread; may be NULL. */
	void (*mail)(struct sim_channel *ch, const struct sim_mail *mail);
	/* Frees what the state holds; may be NULL.  Only when there is a state. */
	void (*finish)(struct sim_channel *ch);
};

extern const struct sim_program sim_exec_program;
extern const struct sim_program sim_shell_program;

const struct sim_options *sim_channel_options(const struct sim_channel *ch);
struct sim_device *sim_channel_device(const struct sim_channel *ch);
/* Who logged in, "" when nobody said. */
const char *sim_channel_user(const struct sim_channel *ch);
/* Sends at most n bytes, as many as the window allows now; the number sent. */
size_t sim_channel_write(struct sim_channel *ch, const void *p, size_t n, bool is_stderr);
/* Received bytes; 0: none now, -1: end of file. */
int sim_channel_read(struct sim_channel *ch, void *p, size_t n);
/* Bytes that sim_channel_write() would take. */
size_t sim_channel_room(const struct sim_channel *ch);
/* Ends it: with a status, by a signal (status < 0), or with neither (status < 0, signal NULL). */
void sim_channel_end(struct sim_channel *ch, int status, const char *signal);
/* All was received. */
bool sim_channel_is_eof(const struct sim_channel *ch);
/* Breaks the TCP connection, soon. */
void sim_channel_drop(struct sim_channel *ch);

/* Serves one accepted connection until it ends; takes fd over.  In the connection's own thread. */
void sim_conn_serve(const struct sim_options *options, struct sim_device *device, int fd, const char *peer);

/* Appends one line to the events file. */
void sim_event(const struct sim_options *options, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
double sim_now(void);
void sim_sleep(double seconds);

#endif
