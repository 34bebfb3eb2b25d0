/*
 * The gate before log-ins: what is known about each account, and who may offer its secret now.
 *
 * Servers count failures by account, over all devices (TACACS, RADIUS, directories): so does this.  An account is a
 * user with one secret, wherever it stands in the configuration, and whether SSH or a login inside the shell asks for
 * it; keys are counted by the device that they are shown to.  What leads to the privileged mode (enable, su) is another
 * account than the password of the same words: servers keep its failures apart, but count them by the user as well.
 * A login asks before it offers something and says what the server thought of it.
 *
 *              accepted                  two refusals in a row
 *   UNPROVEN ------------> PROVEN ------------------------------+
 *      |  ^                  ^                                  v
 *      |  |                  +----------- accepted ---------- REFUSED
 *      |  +------------- accounts_retry() ----------------------+ ^
 *      +------------------- two refusals in a row ----------------+
 *
 * UNPROVEN: one attempt at a time.  A refusal bars the place that refused, in any state; the next device that is tried
 * decides whether it was the place's fault.  PROVEN: no more attempts at a time than have succeeded in a row a moment
 * ago, so that the gate opens by 1, 2, 4 ... to 256; of a place nobody has heard for a while likewise.
 * A success counts for what began after the last refusal.  REFUSED: none, unless a person insists.  Keys only bar each
 * other: never the account.
 *
 * Pure: time (clock_now()) is an argument.  One thread.  Secrets are kept as keyed hashes, whose key is made at the
 * start and never leaves the process.
 */
#ifndef NP_ACCOUNT_H
#define NP_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/queue.h"
#include "secret/secret.h"

struct account;
struct account_place;
struct accounts;

enum account_kind {
	ACCOUNT_SECRET, /* a password, or an answer of keyboard-interactive */
	ACCOUNT_ENABLE, /* a secret of a user that leads to the privileged mode of a command line */
	ACCOUNT_KEYS    /* the public keys of a user at one place */
};

/* Of each account; moved by account_move(). */
enum account_state { ACCOUNT_UNPROVEN, ACCOUNT_PROVEN, ACCOUNT_REFUSED };

/* What a login is about to offer.  Owned by who asks; a copy by account_claim_copy(). */
struct account_claim {
	enum account_kind kind;
	char *user;
	char *place;         /* where: host:port and the way there */
	bool by_place;       /* equal words are another account at another place (credential_scope: device) */
	bool insists;        /* a person wants it: what is barred is tried all the same */
	double began;        /* its login, or 0: who is older than the refusal that bars him has waited for that */
	double unless_since; /* not what was refused after this time: then he did not know; 0: that too */
	bool command;        /* the secret stands for a command, whose words are another claim; see accounts_words() */
	bool code;           /* of one time, or the command that makes such */
	bool joins;          /* its login holds another one, and so waits for none */
	struct secret *secret; /* unless they are keys */
	uint64_t *keys;        /* ACCOUNT_KEYS: a number for each, those of an agent first */
	bool *barred;          /* likewise, filled in by the gate: the place has refused it */
	size_t count, agents;  /* keys; of these an agent's */
	uint64_t list;         /* a number for all that this agent holds; 0: there is none */
};

struct account_claim account_claim_copy(const struct account_claim *c);
void account_claim_finish(struct account_claim *c);

enum account_answer {
	ACCOUNT_GO,    /* offer it, then accounts_settle() */
	ACCOUNT_WAIT,  /* answered() follows */
	ACCOUNT_BARRED /* do not: ticket->why */
};

/* What the server thought of it. */
enum account_verdict {
	ACCOUNT_ACCEPTED, /* also where more is wanted behind it: that is another account's */
	ACCOUNT_DENIED,
	ACCOUNT_UNJUDGED, /* it has it, and said nothing: a refusal of a secret, nothing for keys */
	ACCOUNT_DOUBTED,  /* another question followed it, and the login failed: a proven password is not wrong for that
			   */
	ACCOUNT_GIVEN_UP, /* likewise, as we did not wait: a refusal, but once, of what is proven, none; with keys:
			     one of those denied is not judged */
	ACCOUNT_UNUSED    /* it never got it */
};

/* Embedded in who logs in.  All zero but claim and answered: asks nothing. */
struct account_ticket {
	struct account_claim claim; /* of its owner */
	/* What became of ACCOUNT_WAIT: go, or barred.  From inside another ticket's accounts_settle(). */
	void (*answered)(struct account_ticket *t, enum account_answer answer);
	struct np_error why; /* ACCOUNT_BARRED: auth_backoff; of a login that was under way then, auth_failed */
	uint64_t account;    /* which one it is, for accounts_bar(); 0: none yet */

	TAILQ_ENTRY(account_ticket) link; /* the module's from here on */
	struct account *of;
	struct account_place *place;
	uint64_t words; /* accounts_words() */
	bool flies;     /* it may be offered, and is not judged yet */
	double since;   /* it waits, or flies */
};

/* It waits, or may be with a server. */
static inline bool
account_ticket_is_open(const struct account_ticket *t)
{
	return t->of != NULL;
}

/* wall: what to add to clock_now() for the time of day.  NULL when there is no randomness for the key. */
struct accounts *accounts_create(double wall);
/* No ticket may be left. */
void accounts_destroy(struct accounts *all);

enum account_answer accounts_ask(struct accounts *all, struct account_ticket *t, double now) NP_MUST_CHECK;
/*
 * The end of a ticket that may fly.  denied: of the claim's keys, those that the server refused; or NULL.  words: how
 * the login failed, for people; or NULL.
 */
void accounts_settle(struct accounts *all, struct account_ticket *t, enum account_verdict verdict, const bool *denied,
    const char *words, double now);
/*
 * The words that this ticket's command printed are that account (a ticket's).  A command is refused when words are; two
 * refusals of different words bar it.
 */
void accounts_words(struct account_ticket *command, uint64_t account);
/* It has waited for a while: who is proven is tried elsewhere too, when nothing is heard from where it is tried. */
void accounts_look(struct accounts *all, struct account_ticket *t, double now);
/* It waits no longer; nothing happens to one that does not wait. */
void accounts_leave(struct accounts *all, struct account_ticket *t);
/* For who has waited for so many seconds: what a ticket waits for, in words for people. */
#define ACCOUNT_NOTICE_AFTER 2.0
void accounts_describe_wait(const struct account_ticket *t, char *text, size_t size);

/*
 * Who knows how many requests stand behind each login: count() says so by accounts_add_requests(), when that is
 * shown, once a moment.  Without it each login is for one.
 */
void accounts_counted_by(struct accounts *all, void (*count)(void *arg), void *arg);
void accounts_add_requests(struct accounts *all, uint64_t account, int more);
/* The facts of all accounts have the requests of now. */
void accounts_count_requests(struct accounts *all, double now);

/* Forgets what no longer matters: every few seconds. */
void accounts_tick(struct accounts *all, double now);
/* Whether nothing is known that bars this claim. */
bool accounts_allow(const struct accounts *all, const struct account_claim *c);
/* Whether this account (a ticket's) may not be tried at that place. */
bool accounts_bar(const struct accounts *all, uint64_t account, const char *place);
/* Whether one is refused that log-ins use without a person: who forgets it lets them fail again. */
bool accounts_are_worth_keeping(const struct accounts *all);
/* What bars this user is forgotten; how many accounts did. */
int accounts_retry(struct accounts *all, const char *user);

/* ---- shown ---- */

struct account_refusal {
	const char *place, *words;
	bool judged; /* it refused; else it had the secret, and nothing was heard of it */
	double at;
};

#define ACCOUNT_REFUSALS_SHOWN 2

/* Never a secret or its hash.  Texts live until the next call of anything but this. */
struct account_facts {
	uint64_t number;
	const char *user;
	const char *scope; /* the place, where it is an account of that alone; NULL: everywhere */
	enum account_kind kind;
	bool code; /* ACCOUNT_SECRET: of one time */
	bool command;
	enum account_state state;
	bool barred;           /* everywhere, or at some place; of keys: none was accepted since some were refused */
	const char *proven_at; /* the place; NULL: never */
	double proven_since;
	int flying, waiting;
	int requests;         /* that wait for its outcome, as accounts_count_requests() found */
	double waiting_since; /* the first of those that wait; else of those under way; 0: none */
	int refused_keys;
	int refused_places; /* of which these are the first */
	struct account_refusal refusals[ACCOUNT_REFUSALS_SHOWN];
	size_t refusals_count;
};

const char *account_state_word(enum account_state state);
/* "password", "code", "command", "enable" or "keys"; for people "enable secret", "one-time code" and so on. */
const char *account_kind_word(const struct account *a, bool for_people);
/* By its number; NULL: it is forgotten. */
const struct account *accounts_find(const struct accounts *all, uint64_t number);
/* The one after; NULL: the first, and after the last. */
const struct account *accounts_next(const struct accounts *all, const struct account *after);
void account_facts(const struct account *a, struct account_facts *facts);

#endif
