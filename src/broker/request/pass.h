/*
 * By which rules of the policy a request was let in, and whose it is: held until it ends, since rules and limits count
 * what is under way.  Main thread only.
 */
#ifndef NP_PASS_H
#define NP_PASS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

struct config;
struct pass;
struct policy_rule;
struct user;
struct user_limits;

/* Keeps the configuration, whose rules it holds. */
struct pass *pass_create(struct config *config, const char *device) NP_MALLOC;
const struct config *pass_config(const struct pass *pass);
/* A configuration whose lines decide; confirmed: by this rule a person has said yes before they were there (or NULL).
 */
void pass_await_lines(struct pass *pass, const struct policy_rule *confirmed);
bool pass_awaits_lines(const struct pass *pass);
const struct policy_rule *pass_confirmed(const struct pass *pass);
/* Whether a person has said yes to it. */
bool pass_is_confirmed(const struct pass *pass);
bool pass_has(const struct pass *pass, const struct policy_rule *rule);
/* One more command was let in by that rule (NULL: by none). */
void pass_add(struct pass *pass, struct policy_rule *rule);
/* Takes the commands that were added since from what their rules allow: 0, or -1 with err (denied: their limits). */
int pass_enter(struct pass *pass, double now, struct np_error *err) NP_MUST_CHECK;
/* It is one more of this user's (NULL: ours): 0, or -1 with err (queue_full: the limits of one user). */
int pass_count(
    struct pass *pass, struct user *user, const struct user_limits *limits, struct np_error *err) NP_MUST_CHECK;
/* It is over, or came to nothing.  NULL is fine. */
void pass_destroy(struct pass *pass);

#endif
