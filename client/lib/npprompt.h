/*
 * Questions of the broker, put to the person at the terminal: passwords, passphrases, host keys.
 *
 * Talks to /dev/tty only, never to the standard streams, and restores the terminal whatever happens; or lets
 * $SSH_ASKPASS ask (npaskpass.h).
 */
#ifndef NP_PROMPT_H
#define NP_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include <cjson/cJSON.h>

#include "lib/npclient.h"

/* With many devices at once, each may ask. */
#define NPPROMPT_QUEUE_MAX 256

struct npprompt {
	int tty;             /* -1: no terminal, or not in its foreground; of askpass what it says, while it asks */
	const char *askpass; /* the program that asks, NULL: we do */
	pid_t asking;        /* its process; 0: none */
	bool changed;
	struct termios saved;
	cJSON *queue[NPPROMPT_QUEUE_MAX]; /* params of prompts; the first is being asked */
	size_t count;
	size_t size; /* of line */
	char line[1024];
};

/*
 * Opens /dev/tty when this process is in the foreground of it; else, and where nobody is to be asked (batch), prompts
 * will be declined, unless $SSH_ASKPASS is there.
 */
void npprompt_init(struct npprompt *p, bool batch);
/* Restores the terminal, forgets all prompts. */
void npprompt_finish(struct npprompt *p);
bool npprompt_available(const struct npprompt *p);
/* Whether that is a terminal of ours. */
bool npprompt_has_terminal(const struct npprompt *p);

/* Takes the params of a prompt (a copy), asks it when it is the only one.  False when it cannot be asked: decline it.
 */
bool npprompt_add(struct npprompt *p, const cJSON *params);
/* The params of the prompt that is on the screen, or NULL. */
const cJSON *npprompt_current(const struct npprompt *p);
/* Reads what was typed and sends the answer, if there is one now; call when p->tty is readable. */
void npprompt_type(struct npprompt *p, struct npclient *client);
/* Leaves all prompts without an answer. */
void npprompt_decline(struct npprompt *p, struct npclient *client);
/* A request has ended: its prompts go, the next one of another request is asked. */
void npprompt_drop(struct npprompt *p, int64_t request);
/* Around a stop of the process (Ctrl-Z). */
void npprompt_suspend(struct npprompt *p);
void npprompt_resume(struct npprompt *p);

#endif
