/*
 * Servers that do as a test tells them, on a loopback port, in a thread of the test: for logins that sshd cannot be
 * made to ask for without PAM, and for peers that misbehave.
 */
#ifndef NP_TESTSERVER_H
#define NP_TESTSERVER_H

#include <stdbool.h>

#define TESTSERVER_PROMPTS 4
#define TESTSERVER_STEPS 4

/* One round of keyboard-interactive: all prompts at once. */
struct testserver_prompt {
	const char *text;
	bool echo;
	const char *answer; /* the right one */
};

/* What a login must bring before the next step (a partial success) or the end. */
struct testserver_step {
	int methods;          /* SSH_AUTH_METHOD_* offered */
	const char *password; /* accepted by the method password */
	bool any_key;         /* any public key is accepted */
	const char *name, *instruction;
	struct testserver_prompt prompts[TESTSERVER_PROMPTS];
	int prompts_count;
	bool goes_on; /* in the conversation of the step before, which is no partial success then */
};

struct testserver_login {
	const char *banner;       /* sent before the login; NULL: none */
	bool open_door;           /* the method none is enough */
	int hang_up_after;        /* refusals, then the connection is closed; 0: never */
	int flood;                /* questions in a round of keyboard-interactive, all alike; 0: those of the step */
	bool endless;             /* each answer is followed by the same questions again */
	bool wants_new_password;  /* a password is answered by the request to change it */
	void (*stall)(void *arg); /* called when a password comes, which then is never judged; NULL: it is */
	void *stall_arg;
	struct testserver_step steps[TESTSERVER_STEPS];
	int steps_count;
};

/* What was received so far. */
struct testserver_counts {
	int connections, nones, passwords, keys, conversations;
};

struct testserver;

/*
 * An SSH server.  login is copied: the server's thread outlives the test function that has it on its stack.  Its texts
 * must last until testserver_stop().
 */
struct testserver *testserver_start_ssh(const struct testserver_login *login);
struct testserver_counts testserver_counts(struct testserver *s);
/* A TCP server: fn is called in the server's thread for each connection, one after the other, and closes it. */
struct testserver *testserver_start(void (*fn)(int fd, void *arg), void *arg);
int testserver_port(const struct testserver *s);
/* True once testserver_stop() was called: for functions that wait. */
bool testserver_ending(void *server);
/* Ends the thread and the connection that it serves.  NULL is fine. */
void testserver_stop(struct testserver *s);

#endif
