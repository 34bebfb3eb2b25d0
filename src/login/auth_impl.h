/* What the parts of authentication share (auth.c, auth_pubkey.c, auth_answer.c); nobody else includes this. */
#ifndef NP_AUTH_IMPL_H
#define NP_AUTH_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "login/dial.h"
#include "base/compiler.h"
#include "login/identity.h"

enum auth_outcome {
	AUTH_OUTCOME_DONE,    /* logged in */
	AUTH_OUTCOME_PARTIAL, /* accepted, but the server wants more */
	AUTH_OUTCOME_DENIED,  /* not this way; others may be tried */
	AUTH_OUTCOME_FAILED   /* the end: err is set */
};

/* What the server has said of the secrets that were offered. */
enum auth_word {
	WORD_NONE, /* it has none */
	WORD_SENT, /* nothing yet, or further questions: no verdict */
	WORD_DENIED
};

/* NEXT: the next step carries it.  HELD: the gate has let it through. */
enum auth_stage { STAGE_NEXT, STAGE_HELD };

struct auth_secret {
	struct secret *secret;
	enum auth_stage stage;
	bool typed;   /* by a person, who wants it tried */
	bool code;    /* of one time */
	bool command; /* stands for the one whose words follow */
};

/* The secrets of a login, as the gate knows them: those that are not settled. */
struct auth_offer {
	struct auth_secret *secrets;
	size_t count;
	enum auth_word word; /* of those that are HELD */
	double sent_at;
	bool asked_on; /* another question followed */
};

/* The keys that may be shown. */
struct auth_keys {
	struct account_claim claim;
	bool *denied;
	size_t barred_count; /* in all of the login */
	bool held;
	bool out;        /* the server was shown one in this step */
	double heard_at; /* then: the last time that it said something */
	bool swallowed;  /* one was denied by silence */
};

struct auth {
	const struct attempt *attempt;
	const struct target *target;
	struct sshdialled *made;
	const struct dial_hooks *hooks;
	uint64_t *agent_hash;
	struct np_error *err;
	double began;
	int methods;           /* SSH_AUTH_METHOD_*: what the server offers now */
	char tried[200];       /* for the error's text */
	char trying[200];      /* the last of it: to be told as a step when its outcome is known */
	char method_text[256]; /* methods that succeeded, for status */
	const char *hint;      /* static text, or NULL */
	char note[160];        /* why a key was not used, for the error's text */
	int denials;
	bool key_answered; /* something came while an agent's keys were shown: a refusal, unless it told the end */
	bool told_end;     /* the server said that it ended the login, by a packet */
	char before[128];  /* libssh's error text when the step began: it is never taken back */
	bool has_secret;   /* the next step carries a password or answer */
	struct auth_offer offer;
	struct auth_keys keys;
	bool shown;             /* the server has seen a key or a secret */
	bool nobody;            /* a question found nobody to answer it */
	bool password_used;     /* the configured password was offered */
	bool password_accepted; /* and the server asked on */
	bool second_used;       /* otp_command was run */
	bool keys_loaded;
	struct identities ids;
	struct ssh_counter_struct traffic;
	struct keyblob used[8]; /* keys that the server has accepted in part */
	size_t used_count;
};

/* The calls to libssh that wait for the server. */
enum auth_step { STEP_NONE, STEP_PASSWORD, STEP_KBDINT, STEP_AGENT, STEP_TRY_KEY, STEP_SIGN };
/*
 * Makes one of them, to its end; password and key where the step has one.  Returns SSH_AUTH_*; SSH_AUTH_AGAIN: there
 * was no time left or a cancel, err is set.
 */
int auth_step(struct auth *a, enum auth_step step, const char *password, ssh_key key);
/* What its result means; sets err when it is the end.  SSH_AUTH_INFO is the caller's to handle. */
enum auth_outcome auth_outcome(struct auth *a, int rc);
/* What libssh has complained of since the step began, harmless; "" when it is silent. */
const char *auth_complaint(const struct auth *a, char *text, size_t size);
/* The login ends here, as the server does what no login survives; the text says what. */
enum auth_outcome auth_give_up(struct auth *a, const char *fmt, ...) NP_PRINTF(2, 3);
/* Seconds that a server has for a verdict. */
double auth_least_time(const struct auth *a);
/* Adds to the list of what was tried. */
void auth_note_tried(struct auth *a, const char *fmt, ...) NP_PRINTF(2, 3);
/* Remembers the method that has just succeeded, wholly or in part. */
void auth_note_success(struct auth *a, const char *fmt, ...) NP_PRINTF(2, 3);
/* Tells the person and keeps it for the error. */
void auth_note_problem(struct auth *a, const char *text);
/* Has a cancel shut the session down again, after a wait for something else. */
void auth_watch(struct auth *a);
/* Asks a person; NULL when nobody answers (a->nobody) or in batch mode. Caller: secret_unref(). */
struct secret *auth_ask(struct auth *a, enum prompt_kind kind, const char *text, bool echo);

enum auth_outcome auth_pubkey(struct auth *a);

/* ---- the gate before accounts (auth_account.c) ---- */

/* The next step carries this secret, or what stands for it. */
void auth_offers(struct auth *a, struct secret *secret, bool typed, bool code);
/* It does not after all. */
void auth_offers_nothing(struct auth *a);
void auth_offers_factor(struct auth *a, const char *command);
/* Likewise, before the configured password: where it comes from a command. */
void auth_offers_command(struct auth *a);
/* Whether it may: 0, or -1 with err.  It was sent. */
int auth_claim_secret(struct auth *a) NP_MUST_CHECK;
void auth_secret_sent(struct auth *a);
/* It was right, and more is wanted. */
void auth_secret_right(struct auth *a);
/* What was refused is settled: a person is asked for another one, who may take his time. */
void auth_settle_denied(struct auth *a);
/*
 * Whether keys may be shown now: 0, and which ones not says auth_key_is_barred(); or -1 with err.  The first are the
 * agent's, whose list has that number.
 */
int auth_claim_keys(
    struct auth *a, const struct keyblob *blobs, size_t count, size_t agents, uint64_t list) NP_MUST_CHECK;
/* Whether the key that was shown last counts as refused, as the login ended like this: nothing was said of it. */
bool auth_key_swallowed(struct auth *a, enum auth_outcome outcome);
bool auth_key_is_barred(const struct auth *a, const struct keyblob *blob);
void auth_key_denied(struct auth *a, const struct keyblob *blob);
void auth_settle_keys(struct auth *a, enum auth_outcome outcome);
/* The login is over. */
void auth_settle(struct auth *a, enum auth_outcome outcome);

/* The configured password, by the one method that fits. */
enum auth_outcome auth_configured_password(struct auth *a);
enum auth_outcome auth_typed_password(struct auth *a);
enum auth_outcome auth_kbdint(struct auth *a, struct secret *password);
bool auth_has_configured_password(const struct auth *a);

#endif
