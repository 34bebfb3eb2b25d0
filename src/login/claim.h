/* What the gate before accounts (src/account) is told of a login, as its target says; for dials and for shells. */
#ifndef NP_CLAIM_H
#define NP_CLAIM_H

#include "account/account.h"
#include "base/compiler.h"
#include "target/target.h"

/* A claim without secret and keys.  Caller: account_claim_finish().  Any thread. */
struct account_claim claim_make(const struct target *t, enum account_kind kind);
/* What stands for a command of that key.  Caller: secret_unref(). */
struct secret *claim_command(const char *key, const char *command) NP_MALLOC;
/* For the one that prints the configured password (ACCOUNT_SECRET) or secret (ACCOUNT_ENABLE); NULL: none does. */
struct secret *claim_printer(const struct device_conf *d, enum account_kind kind) NP_MUST_CHECK;

#endif
