/*
 * A private, real SSH server for tests: OpenSSH's sshd (or dropbear) on a free loopback port, with keys made for the
 * run in a directory of its own.  Works as root and as an ordinary user; logs in whoever runs the test.
 *
 * Failures of the harness itself end the test by fail_msg(); a server that is not installed is no failure, see
 * testsshd_start().
 */
#ifndef NP_TESTSSHD_H
#define NP_TESTSSHD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <libssh/libssh.h>

struct testsshd {
	pid_t pid;   /* the listener, our child */
	pid_t owner; /* the process that started it; when that ends, so does the server */
	int port;    /* on 127.0.0.1 */
	bool dropbear;
	char user[64];        /* the login name */
	char dir[64];         /* everything below it is removed at the end; absolute */
	char user_key[96];    /* private key that logs in; its public half has ".pub" behind the name */
	char host_key[96];    /* ditto, the server's */
	char known_hosts[96]; /* a file that knows [127.0.0.1]:port */
	char log[96];         /* what the server logged */
};

/*
 * Starts a server and waits until it answers.  extra: further sshd_config lines (they win over ours, a Match block may
 * end them), or NULL.  NULL is returned when sshd is not installed: skip() the test then.
 */
struct testsshd *testsshd_start(const char *extra);
/* The same with dropbear; NULL also where a private /etc/passwd cannot be made (needs a mount namespace). */
struct testsshd *testsshd_start_dropbear(void);
/* Whether the installed sshd takes such further lines; false when there is none. */
bool testsshd_accepts(const char *extra);
/*
 * Whether it passes signals (RFC 4254 section 6.9) on to commands: OpenSSH needs a monitor process for that, which a
 * login of root has not.
 */
bool testsshd_passes_signals(const struct testsshd *t);
/* Ends the server, its sessions and every process they started, and removes the directory.  NULL is fine. */
void testsshd_stop(struct testsshd *t);

/* A connected TCP socket to the server: CLOEXEC, TCP_NODELAY. */
int testsshd_dial(const struct testsshd *t);
/*
 * An authenticated session in blocking mode, as a connector hands it over.  fd: the stream to use, taken over, or -1
 * for a fresh connection; *dup_fd: a dup of it made before the connect, for session_adopt().
 */
ssh_session testsshd_login(const struct testsshd *t, int fd, int *dup_fd);

/* The processes that serve connections, oldest first; returns their number, at most max are stored. */
int testsshd_session_pids(const struct testsshd *t, pid_t *pids, int max);
/*
 * Sends a signal to every process that serves a connection, privileged or not, but to none that it started (SIGKILL:
 * they vanish; SIGSTOP: they fall silent).
 */
void testsshd_signal_sessions(const struct testsshd *t, int sig);
/*
 * How many processes that this server started for a login (shells, commands) are alive and have `word` in their
 * command line.  Linux only in its means: reads /proc.
 */
int testsshd_count_commands(const struct testsshd *t, const char *word);
/* Kills them all. */
void testsshd_kill_commands(const struct testsshd *t);

#endif
