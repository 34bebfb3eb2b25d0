/*
 * What the tests of npexec share: one scripted broker, one client process, and short words for what the broker says.
 * Ids count from 1; with several devices the question for them is the first.
 */
#ifndef NP_EXECKIT_H
#define NP_EXECKIT_H

#include <stdbool.h>
#include <stddef.h>

#include "kit/fakebroker.h"

#define OK "\"exit_status\":0,\"device\":\"r1\",\"session\":1,\"reused\":true"

extern struct fakebroker f;
extern struct fakeclient c;

int kit_setup(void **state);
int kit_teardown(void **state);
#define WITH(test) cmocka_unit_test_setup_teardown(test, kit_setup, kit_teardown)

/* Starts npexec with the words of line; on_tty: with a terminal of its own. */
void begin_on(const char *line, bool on_tty);
/* Greets it, once it connects. */
void greet(void);
/* Both. */
void run_on(const char *line, bool on_tty);
void run(const char *line);
/* A notification about request id, with these further members of params. */
void note(const char *method, int id, const char *members);
/* stdout or stderr. */
void output(const char *method, int id, const void *p, size_t n);
void respond(int id, const char *members);
/* A result and the response, as for a single command. */
void finish(int id, const char *members);
void fail_request(int id, const char *reason, const char *text);
/* Fails unless exactly this comes until the end. */
void expect_text(int fd, const char *expected);
/* A member that is a string, or NULL. */
const char *member(const cJSON *params, const char *name);

#endif
