/*
 * Accounts and the places where they were tried: found, made, forgotten, shown.  What they allow is account_gate.c's to
 * say.
 */
#include <stdlib.h>
#include <string.h>

#include "account/account_impl.h"
#include "base/state.h"
#include "base/text.h"
#include "base/xalloc.h"

#define ACCOUNTS_MAX 65536   /* that are remembered, about 40 MB of them: see make_room() */
#define LOOK_MAX 64          /* of those that were used longest ago, for the one to be forgotten */
#define FORGET_SECONDS 900.0 /* without a refusal, unused */
#define PLACE_SECONDS 60.0   /* a place that refused nothing says nothing any more */
#define WORDS_MAX 240

/* ---- states ---- */

static const char *const state_names[] = {
    [ACCOUNT_UNPROVEN] = "unproven",
    [ACCOUNT_PROVEN] = "proven",
    [ACCOUNT_REFUSED] = "refused",
};

static const unsigned moves[] = {
    [ACCOUNT_UNPROVEN] = STATE_TO(ACCOUNT_PROVEN) | STATE_TO(ACCOUNT_REFUSED),
    [ACCOUNT_PROVEN] = STATE_TO(ACCOUNT_REFUSED),
    [ACCOUNT_REFUSED] = STATE_TO(ACCOUNT_PROVEN) | STATE_TO(ACCOUNT_UNPROVEN),
};

static const struct state_machine machine = {"account", state_names, moves};

void
account_move(struct account *a, enum account_state state)
{
	if (state_may_move(&machine, a->state, state, "%s, account %llu", a->user, (unsigned long long)a->number))
		a->state = state;
}

const char *
account_state_word(enum account_state state)
{
	return state_names[state];
}

const char *
account_kind_word(const struct account *a, bool for_people)
{
	static const char *const words[][2] = {
	    [ACCOUNT_SECRET] = {"password", "password"},
	    [ACCOUNT_ENABLE] = {"enable", "enable secret"},
	    [ACCOUNT_KEYS] = {"keys", "keys"},
	};

	if (a->command)
		return !for_people ? "command" : a->kind == ACCOUNT_ENABLE ? "secret command" : "password command";
	if (a->code)
		return for_people ? "one-time code" : "code";
	return words[a->kind][for_people];
}

/* ---- places ---- */

static uint64_t
place_hash(uint64_t account, const char *name)
{
	return hash_string(name) ^ account * UINT64_C(0x9e3779b97f4a7c15);
}

static struct account_place *
find_place(const struct accounts *all, const struct account *a, const char *name)
{
	struct hash_entry *e = hashtab_find(&all->places, place_hash(a->number, name));

	for (; e != NULL; e = hashtab_next(e)) {
		struct account_place *p = NP_CONTAINER(e, struct account_place, entry);
		if (p->of == a && strcmp(p->name, name) == 0)
			return p;
	}
	return NULL;
}

static struct account_place *
make_place(struct accounts *all, struct account *a, const char *name)
{
	struct account_place *p = xcalloc(1, sizeof(*p));

	p->of = a;
	p->name = xstrdup(name);
	hashtab_put(&all->places, &p->entry, place_hash(a->number, name));
	TAILQ_INSERT_TAIL(&a->places, p, link);
	return p;
}

static void
free_place(struct accounts *all, struct account_place *p)
{
	hashtab_remove(&all->places, &p->entry);
	TAILQ_REMOVE(&p->of->places, p, link);
	free(p->name);
	free(p->words);
	free(p);
}

void
account_place_bar(struct account_place *p, bool judged, const char *words, double now)
{
	struct account *a = p->of;

	a->barred_places += p->refused_at == 0;
	p->refused_at = now;
	p->judged = judged;
	free(p->words);
	p->words = text_vis(words, strnlen(words, WORDS_MAX), false);
	TAILQ_REMOVE(&a->places, p, link);
	TAILQ_INSERT_HEAD(&a->places, p, link);
}

void
account_place_clear(struct account_place *p)
{
	struct account *a = p->of;

	if (p->refused_at == 0)
		return;
	a->barred_places--;
	p->refused_at = 0;
	TAILQ_REMOVE(&a->places, p, link);
	TAILQ_INSERT_TAIL(&a->places, p, link);
}

void
account_places_clear(struct account *a)
{
	while (a->barred_places > 0)
		account_place_clear(TAILQ_FIRST(&a->places));
}

/* ---- keys ---- */

bool
account_key_is_barred(const struct account *a, uint64_t key)
{
	for (size_t i = 0; i < a->keys_count; i++)
		if (a->keys[i].key == key)
			return true;
	return false;
}

void
account_key_bar(struct account *a, uint64_t key, bool agent)
{
	if (account_key_is_barred(a, key))
		return;
	a->keys = xreallocarray(a->keys, a->keys_count + 1, sizeof(a->keys[0]));
	a->keys[a->keys_count++] = (struct account_key){key, agent};
}

static bool
has_key(const struct account_claim *c, uint64_t key)
{
	for (size_t i = 0; i < c->agents; i++)
		if (c->keys[i] == key)
			return true;
	return false;
}

static bool
list_is_new(struct account *a, uint64_t list)
{
	for (size_t i = 0; i < a->lists_count; i++)
		if (a->lists[i] == list)
			return false;
	a->lists = xreallocarray(a->lists, a->lists_count + 1, sizeof(a->lists[0]));
	a->lists[a->lists_count++] = list;
	return true;
}

/*
 * An agent that holds fewer was set up anew: what is left in it may be shown again, once for each such list, whichever
 * pool comes with it.  Keys that were only added are new by themselves, and lift nothing from the others.
 */
void
account_keys_renew(struct account *a, const struct account_claim *c)
{
	size_t kept = 0;
	bool fewer = false;

	if (c->list == 0 || !list_is_new(a, c->list))
		return;
	for (size_t i = 0; i < a->keys_count; i++)
		fewer |= a->keys[i].agent && !has_key(c, a->keys[i].key);
	for (size_t i = 0; fewer && i < a->keys_count; i++)
		if (!has_key(c, a->keys[i].key))
			a->keys[kept++] = a->keys[i];
	if (fewer)
		a->keys_count = kept;
}

void
account_keys_clear(struct account *a)
{
	free(a->keys);
	a->keys = NULL;
	a->keys_count = 0;
}

/* ---- accounts ---- */

/* A command is no device's fault. */
bool
account_bars_place(const struct account *a, const struct account_place *p)
{
	return a->state == ACCOUNT_REFUSED || (!a->command && p != NULL && p->refused_at > 0);
}

bool
account_is_barred(const struct account *a)
{
	return a->state == ACCOUNT_REFUSED || (!a->command && a->barred_places > 0) ||
	       (a->kind == ACCOUNT_KEYS && a->refusals > 0);
}

void
account_weigh(struct accounts *all, struct account *a)
{
	bool kept = a->unattended && account_is_barred(a);

	all->kept += kept - a->kept;
	a->kept = kept;
}

static bool
is_used(const struct account *a)
{
	return a->flying > 0 || a->waiting_count > 0;
}

static void
free_account(struct accounts *all, struct account *a)
{
	struct account_place *p;

	while ((p = TAILQ_FIRST(&a->places)) != NULL)
		free_place(all, p);
	hashtab_remove(&all->table, &a->entry);
	hashtab_remove(&all->numbers, &a->numbered);
	TAILQ_REMOVE(&all->list, a, link);
	all->count--;
	all->kept -= a->kept;
	free(a->user);
	free(a->scope);
	free(a->proven_at);
	free(a->keys);
	free(a->lists);
	free(a);
}

/*
 * Nobody is refused because others are.  Where there are too many, of those that were used longest ago one that bars
 * nobody is forgotten; else one that only people were refused with, who know it; else the first: nobody has tried it
 * since tens of thousands of others were refused.
 */
static void
make_room(struct accounts *all)
{
	struct account *a, *best = NULL;
	int worth, best_worth = 3, looked = 0;

	if (all->count < ACCOUNTS_MAX)
		return;
	TAILQ_FOREACH (a, &all->list, link) {
		worth = !account_is_barred(a) ? 0 : !a->unattended ? 1 : 2;
		if (!is_used(a) && worth < best_worth) {
			best = a;
			best_worth = worth;
		}
		if (++looked == LOOK_MAX)
			break;
	}
	if (best != NULL)
		free_account(all, best);
}

static uint64_t
number_of(const uint8_t id[ACCOUNT_ID_SIZE])
{
	uint64_t number;

	memcpy(&number, id, sizeof(number));
	return number;
}

static struct account *
find(const struct accounts *all, const uint8_t id[ACCOUNT_ID_SIZE])
{
	struct hash_entry *e = hashtab_find(&all->table, number_of(id));

	for (; e != NULL; e = hashtab_next(e)) {
		struct account *a = NP_CONTAINER(e, struct account, entry);
		if (memcmp(a->id, id, ACCOUNT_ID_SIZE) == 0)
			return a;
	}
	return NULL;
}

static struct account *
make(struct accounts *all, const struct account_claim *c, const uint8_t id[ACCOUNT_ID_SIZE])
{
	struct account *a = xcalloc(1, sizeof(*a));

	memcpy(a->id, id, ACCOUNT_ID_SIZE);
	a->number = ++all->last_number;
	a->kind = c->kind;
	a->code = c->code;
	a->command = c->command;
	a->user = xstrdup(c->user);
	a->scope = c->kind == ACCOUNT_KEYS || c->by_place ? xstrdup(c->place) : NULL;
	TAILQ_INIT(&a->places);
	TAILQ_INIT(&a->waiting);
	hashtab_put(&all->table, &a->entry, number_of(id));
	hashtab_put(&all->numbers, &a->numbered, a->number);
	TAILQ_INSERT_TAIL(&all->list, a, link);
	all->count++;
	return a;
}

bool
account_find(struct accounts *all, struct account_ticket *t, double now)
{
	const struct account_claim *c = &t->claim;
	uint8_t id[ACCOUNT_ID_SIZE];
	struct account *a;

	if (account_identify(all->key, c, id) == -1) {
		error_set(&t->why, REASON_INTERNAL, "libcrypto makes no hash of the secret of %s", c->user);
		return false;
	}
	a = find(all, id);
	if (a == NULL) {
		make_room(all);
		a = make(all, c, id);
	}
	a->unattended |= !c->insists;
	account_weigh(all, a);
	a->used = now;
	TAILQ_REMOVE(&all->list, a, link);
	TAILQ_INSERT_TAIL(&all->list, a, link);
	t->of = a;
	t->account = a->number;
	t->place = find_place(all, a, c->place);
	if (t->place == NULL)
		t->place = make_place(all, a, c->place);
	return true;
}

const struct account *
accounts_find(const struct accounts *all, uint64_t number)
{
	struct hash_entry *e = hashtab_find(&all->numbers, number);

	return e != NULL ? NP_CONTAINER(e, struct account, numbered) : NULL;
}

/* Keys: some were refused, and are not allowed again; whether there are others only its login knows. */
static bool
bars(const struct accounts *all, const struct account *a, const char *place)
{
	const struct account_place *p = a != NULL ? find_place(all, a, place) : NULL;

	return a != NULL && (account_bars_place(a, p) || a->keys_count > 0);
}

bool
accounts_bar(const struct accounts *all, uint64_t account, const char *place)
{
	return bars(all, accounts_find(all, account), place);
}

bool
accounts_allow(const struct accounts *all, const struct account_claim *c)
{
	uint8_t id[ACCOUNT_ID_SIZE];

	return account_identify(all->key, c, id) == 0 && !bars(all, find(all, id), c->place);
}

bool
accounts_are_worth_keeping(const struct accounts *all)
{
	return all->kept > 0;
}

/* That a place took a key makes it the network's doing when it once says nothing, however long that is ago. */
static bool
is_of_use(const struct account *a)
{
	return is_used(a) || account_is_barred(a) || a->keys_count > 0 ||
	       (a->kind == ACCOUNT_KEYS && a->state == ACCOUNT_PROVEN);
}

void
accounts_tick(struct accounts *all, double now)
{
	struct account_place *p, *next_place;
	struct account *a, *next;

	TAILQ_FOREACH_SAFE (a, &all->list, link, next) {
		if (is_used(a))
			continue;
		TAILQ_FOREACH_SAFE (p, &a->places, link, next_place) {
			if (p->refused_at == 0 && now - p->used > PLACE_SECONDS)
				free_place(all, p);
		}
		if (!is_of_use(a) && now - a->used > FORGET_SECONDS)
			free_account(all, a);
	}
}

struct accounts *
accounts_create(double wall)
{
	struct accounts *all = xcalloc(1, sizeof(*all));

	all->wall = wall;
	TAILQ_INIT(&all->list);
	if (account_key_make(all->key) == 0)
		return all;
	free(all);
	return NULL;
}

void
accounts_destroy(struct accounts *all)
{
	struct account *a;

	if (all == NULL)
		return;
	while ((a = TAILQ_FIRST(&all->list)) != NULL)
		free_account(all, a);
	hashtab_finish(&all->table);
	hashtab_finish(&all->numbers);
	hashtab_finish(&all->places);
	secret_wipe(all->key, sizeof(all->key));
	free(all);
}

/* ---- shown ---- */

void
accounts_counted_by(struct accounts *all, void (*count)(void *arg), void *arg)
{
	all->counter = count;
	all->counter_arg = arg;
}

void
accounts_add_requests(struct accounts *all, uint64_t account, int more)
{
	struct hash_entry *e = hashtab_find(&all->numbers, account);

	if (e != NULL)
		NP_CONTAINER(e, struct account, numbered)->requests += more;
}

void
accounts_count_requests(struct accounts *all, double now)
{
	struct account *a;

	if (all->counted_at == now)
		return;
	all->counted_at = now;
	TAILQ_FOREACH (a, &all->list, link)
		a->requests = all->counter == NULL ? a->waiting_count : 0;
	if (all->counter != NULL)
		all->counter(all->counter_arg);
}

const struct account *
accounts_next(const struct accounts *all, const struct account *after)
{
	return after == NULL ? TAILQ_FIRST(&all->list) : TAILQ_NEXT(after, link);
}

void
account_facts(const struct account *a, struct account_facts *facts)
{
	const struct account_ticket *first = TAILQ_FIRST(&a->waiting);
	const struct account_place *p;

	*facts = (struct account_facts){.number = a->number,
	    .user = a->user,
	    .scope = a->scope,
	    .kind = a->kind,
	    .code = a->code,
	    .command = a->command,
	    .state = a->state,
	    .barred = account_is_barred(a),
	    .proven_at = a->proven_at,
	    .proven_since = a->proven_since,
	    .flying = a->flying,
	    .waiting = a->waiting_count,
	    .requests = a->requests,
	    .waiting_since = first != NULL   ? first->since
			     : a->flying > 0 ? a->launched
					     : 0,
	    .refused_keys = (int)a->keys_count,
	    .refused_places = a->barred_places};
	TAILQ_FOREACH (p, &a->places, link) {
		if (p->refused_at == 0 || facts->refusals_count == ACCOUNT_REFUSALS_SHOWN)
			break;
		facts->refusals[facts->refusals_count++] = (struct account_refusal){
		    .place = p->name, .words = p->words, .judged = p->judged, .at = p->refused_at};
	}
}
