/*
 * login/connector.h without threads, without ssh and without a network: links in place of the real one.  Jobs wait here
 * until the test says what comes of them.  With fake_dialled() (faketransport.h) a whole broker runs on nothing.
 */
#ifndef NP_FAKECONNECTOR_H
#define NP_FAKECONNECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "login/connector.h"

struct fake_job {
	uint64_t id; /* 0: no such job */
	struct attempt attempt;
	uint64_t prompt; /* open, or 0 */
	char answer[64]; /* to the last prompt, "" when there was none */
	bool answered;
	bool cancelled; /* its end comes by itself */
	struct np_error why;
};

/* The connector that connector_create() made last. */
struct connector *fakeconnector(void);
/* The oldest job of a kind that is under way; id 0: none. */
const struct fake_job *fakeconnector_job(enum connect_kind kind);

/* What comes of it.  Not from inside a call of the broker's. */
void fakeconnector_resolve(uint64_t id, const char *ssh_says); /* as ssh -G prints it */
void fakeconnector_connect(uint64_t id, struct dialled *dialled);
void fakeconnector_fail(uint64_t id, enum np_reason reason, const char *text);
void fakeconnector_prompt(uint64_t id, enum prompt_kind kind, const char *text, bool echo);

#endif
