/* What the parts of the accounts share (account.c, account_gate.c, account_id.c); nobody else includes this. */
#ifndef NP_ACCOUNT_IMPL_H
#define NP_ACCOUNT_IMPL_H

#include "account/account.h"
#include "base/hashtab.h"

#define ACCOUNT_ID_SIZE 32

/* Where an account was tried. */
struct account_place {
	TAILQ_ENTRY(account_place) link;
	struct hash_entry entry; /* accounts.places */
	struct account *of;
	char *name;
	char *words;       /* of its refusal */
	double refused_at; /* 0: it does not bar */
	bool judged;       /* then: it said so; else it had the secret, and nothing was heard */
	double used;
	int flying;
	int row; /* successes since the last refusal */
};

TAILQ_HEAD(account_places, account_place);
TAILQ_HEAD(account_tickets, account_ticket);

struct account_key {
	uint64_t key;
	bool agent; /* one held it */
};

struct account {
	TAILQ_ENTRY(account) link;
	struct hash_entry entry;    /* accounts.table */
	struct hash_entry numbered; /* accounts.numbers */
	uint8_t id[ACCOUNT_ID_SIZE];
	uint64_t number;
	enum account_kind kind;
	bool code;
	bool command;
	uint64_t refused_words; /* of a command: the account of those that were refused last */
	char *user, *scope, *proven_at;
	enum account_state state;
	bool unattended; /* somebody logs in with it who does not insist */
	bool kept;       /* counted by accounts.kept */
	int refusals;    /* in a row */
	int width;       /* attempts that may be under way while it is proven, see widen() */
	int flying;
	int waiting_count;
	int requests; /* accounts_count_requests() */
	double used, proven_since;
	double launched;   /* the last attempt */
	double refused_at; /* the last time, anywhere; 0: never */
	double given_up;   /* since the last success: the first time that an answer was not waited for; 0: none */
	struct account_places places; /* those that bar first, as they came */
	int barred_places;
	struct account_tickets waiting;
	struct account_key *keys; /* refused ones */
	size_t keys_count;
	uint64_t *lists; /* of agents that have come */
	size_t lists_count;
};

struct accounts {
	TAILQ_HEAD(, account) list; /* the one used last at the end */
	struct hashtab table, numbers, places;
	int count;
	int kept; /* see accounts_are_worth_keeping() */
	uint64_t last_number;
	double wall;
	void (*counter)(void *arg); /* accounts_counted_by() */
	void *counter_arg;
	double counted_at;
	uint8_t key[ACCOUNT_ID_SIZE];
};

/* ---- account_id.c ---- */

/* Random bytes; -1 when there are none. */
int account_key_make(uint8_t key[ACCOUNT_ID_SIZE]) NP_MUST_CHECK;
/* Which account a claim is about; -1 when libcrypto fails. */
int account_identify(
    const uint8_t key[ACCOUNT_ID_SIZE], const struct account_claim *claim, uint8_t id[ACCOUNT_ID_SIZE]) NP_MUST_CHECK;

/* ---- account.c ---- */

/* The account of a claim and its place there, made where they are not known; false: why, libcrypto fails. */
bool account_find(struct accounts *all, struct account_ticket *t, double now) NP_MUST_CHECK;
void account_move(struct account *a, enum account_state state);
bool account_key_is_barred(const struct account *a, uint64_t key);
void account_key_bar(struct account *a, uint64_t key, bool agent);
void account_keys_clear(struct account *a);
/* An agent's list of keys comes: what it may show again. */
void account_keys_renew(struct account *a, const struct account_claim *c);
void account_place_bar(struct account_place *p, bool judged, const char *words, double now);
void account_place_clear(struct account_place *p);
/* No place bars any more. */
void account_places_clear(struct account *a);
/* Whether nobody may offer it there. */
bool account_bars_place(const struct account *a, const struct account_place *p);
/* Whether it, or one of its places, bars anybody. */
bool account_is_barred(const struct account *a);
/* Behind whatever may have changed that: counts those that are worth keeping. */
void account_weigh(struct accounts *all, struct account *a);

#endif
