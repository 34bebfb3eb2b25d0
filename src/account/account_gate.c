/*
 * What may be offered now, and what follows from the answers of servers; see account.h.
 *
 * How many attempts may be under way follows from what has succeeded in a row, a moment ago: a password that is changed
 * while it is in use, or that was good once only, is refused no more often than it can be without asking in between.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "account/account_impl.h"
#include "base/xalloc.h"

#define REFUSALS_MAX 2   /* in a row: the place's fault, then the account's */
#define PROOF_LASTS 60.0 /* seconds: of a place nobody has heard for longer one attempt at a time is made */
#define FRESH 2.0        /* seconds: an older success says nothing of how wide the gate may be */
#define WIDTH_MAX 256    /* attempts at a time: a password that changes meanwhile is refused by so many */
#define COUNT_LASTS 1.0  /* seconds: how many requests wait is not counted for each error of a storm */
#define SILENT (ACCOUNT_NOTICE_AFTER - 0.1) /* seconds: loops keep time less exactly */

/* ---- words ---- */

static void
add_refusal(char *text, size_t size, const struct account_place *p, const char *before, double wall)
{
	size_t used = strlen(text);
	time_t at = (time_t)(p->refused_at + wall);
	char when[32] = "";
	struct tm tm;

	if (localtime_r(&at, &tm) != NULL)
		(void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	(void)snprintf(text + used, size - used, "%s%.80s %s at %s (%.*s)", before, p->name,
	    p->judged ? "refused it" : "had it and gave no verdict", when, *before == '\0' ? 200 : 80, p->words);
}

/* Which account, since when, by which device's words, and what lifts it. */
static void
describe(struct accounts *all, struct account_ticket *t, enum np_reason reason, double now)
{
	const struct account *a = t->of;
	const struct account_place *place = a->state == ACCOUNT_REFUSED ? TAILQ_FIRST(&a->places) : t->place;
	char text[480] = "", others[48] = "";

	if (a->kind == ACCOUNT_KEYS) {
		error_set(&t->why, reason,
		    "npctl open or other keys lift this: all keys that could be shown were refused there before");
		return;
	}
	add_refusal(text, sizeof(text), place, "", all->wall);
	if (a->state == ACCOUNT_REFUSED && a->barred_places > 1)
		add_refusal(text, sizeof(text), TAILQ_NEXT(place, link), " and ", all->wall);
	if (a->waiting_count > 0 && now > all->counted_at + COUNT_LASTS)
		accounts_count_requests(all, now);
	if (a->requests > 1 && now <= all->counted_at + COUNT_LASTS)
		(void)snprintf(others, sizeof(others), "; %d requests waited for it", a->requests);
	/* What lifts it comes first: whoever has more to say may cut the end. */
	error_set(&t->why, reason,
	    "another one, npctl open or npctl accounts retry lifts this: the %s of %.64s is barred%s: %s%s",
	    account_kind_word(a, true), a->user, a->state == ACCOUNT_REFUSED ? "" : " there", text, others);
}

void
accounts_describe_wait(const struct account_ticket *t, char *text, size_t size)
{
	const struct account *a = t->of;
	const struct account_place *p;

	TAILQ_FOREACH (p, &a->places, link)
		if (p->flying > 0)
			break;
	(void)snprintf(text, size,
	    "waiting for the outcome of another login with the %s of %.64s, at %.80s; %d in all wait for that",
	    account_kind_word(a, true), a->user, p != NULL ? p->name : "another device", a->waiting_count);
}

/* ---- who may ---- */

static int
width(const struct account *a, double now)
{
	return a->state == ACCOUNT_PROVEN && now <= a->proven_since + FRESH && a->width > 1 ? a->width : 1;
}

static int
place_width(const struct account_place *p, double now)
{
	return p->of->state == ACCOUNT_PROVEN && now <= p->used + PROOF_LASTS && p->row > 1 ? p->row : 1;
}

/* Each burst opens the gate anew: what was accepted a moment ago may have been changed, and all would be refused. */
static void
forget_old_proof(struct account_ticket *t, double now)
{
	struct account *a = t->of;

	if (a->flying == 0 && a->waiting_count == 0 && a->width > 1)
		a->width = 1;
	if (now > a->proven_since + PROOF_LASTS)
		a->width = 0;
	if (now > t->place->used + PROOF_LASTS)
		t->place->row = 0;
}

/* A person decides about what he knows. */
static bool
insists(const struct account_ticket *t)
{
	const struct account_claim *c = &t->claim;

	return c->insists && (c->unless_since == 0 || t->of->refused_at <= c->unless_since);
}

static bool
is_barred(const struct account_ticket *t)
{
	const struct account_claim *c = &t->claim;
	size_t barred = 0;

	if (insists(t))
		return false;
	if (t->of->kind != ACCOUNT_KEYS)
		return account_bars_place(t->of, t->place);
	for (size_t i = 0; i < c->count; i++)
		barred += account_key_is_barred(t->of, c->keys[i]);
	return barred > 0 && barred == c->count;
}

/* Behind a command whose words were refused meanwhile, for example. */
static bool
began_before(const struct account_ticket *t)
{
	return t->claim.began > 0 && t->of->kind != ACCOUNT_KEYS && t->of->refused_at >= t->claim.began;
}

/* A device that says nothing must not hold up what others have taken: one more, and no more than that. */
static bool
may_probe_elsewhere(const struct account_ticket *t, double now)
{
	const struct account *a = t->of;

	return a->state == ACCOUNT_PROVEN && a->flying == width(a, now) && t->place->flying == 0 &&
	       now >= a->launched + SILENT;
}

static enum account_answer
judge(const struct account_ticket *t, double now)
{
	const struct account *a = t->of;
	const struct account_place *p = t->place;

	if (is_barred(t))
		return ACCOUNT_BARRED;
	/* Two that hold what the other one waits for would wait for ever; who joins is counted by what it holds. */
	if (t->claim.joins)
		return ACCOUNT_GO;
	if (p->flying >= place_width(p, now))
		return ACCOUNT_WAIT;
	if (a->flying >= width(a, now) && !may_probe_elsewhere(t, now))
		return ACCOUNT_WAIT;
	return ACCOUNT_GO;
}

static void
note_barred_keys(struct account_ticket *t)
{
	for (size_t i = 0; i < t->claim.count; i++)
		t->claim.barred[i] = !t->claim.insists && account_key_is_barred(t->of, t->claim.keys[i]);
}

static void
launch(struct account_ticket *t, double now)
{
	t->since = t->of->launched = now;
	note_barred_keys(t);
	t->flies = true;
	t->of->flying++;
	t->place->flying++;
}

static void
forget_ticket(struct account_ticket *t)
{
	t->of = NULL;
	t->place = NULL;
}

enum account_answer
accounts_ask(struct accounts *all, struct account_ticket *t, double now)
{
	enum account_answer answer;

	error_clear(&t->why);
	if (!account_find(all, t, now))
		return ACCOUNT_BARRED;
	forget_old_proof(t, now);
	if (t->of->kind == ACCOUNT_KEYS)
		account_keys_renew(t->of, &t->claim);
	answer = judge(t, now);
	switch (answer) {
	case ACCOUNT_GO:
		launch(t, now);
		break;
	case ACCOUNT_WAIT:
		t->since = now;
		TAILQ_INSERT_TAIL(&t->of->waiting, t, link);
		t->of->waiting_count++;
		break;
	case ACCOUNT_BARRED:
		note_barred_keys(t);
		describe(all, t, began_before(t) ? REASON_AUTH_FAILED : REASON_AUTH_BACKOFF, now);
		forget_ticket(t);
		break;
	}
	return answer;
}

static void
stop_waiting(struct account_ticket *t)
{
	TAILQ_REMOVE(&t->of->waiting, t, link);
	t->of->waiting_count--;
}

/* The first whose waiting is over; NULL: none. */
static struct account_ticket *
next_answered(const struct account *a, bool closed, double now, enum account_answer *answer)
{
	struct account_ticket *t;

	TAILQ_FOREACH (t, &a->waiting, link) {
		*answer = closed ? ACCOUNT_BARRED : judge(t, now);
		if (*answer != ACCOUNT_WAIT)
			break;
	}
	return t;
}

/*
 * closed: just now; whoever insisted did so before that was known.  From the head each time: whoever is answered may
 * end others that wait.
 */
static void
answer_waiting(struct accounts *all, struct account *a, bool closed, double now)
{
	uint64_t number = a->number;
	enum account_answer answer;
	struct account_ticket *t;

	if (closed && a->waiting_count > 0)
		accounts_count_requests(all, now);
	while (accounts_find(all, number) == a && (t = next_answered(a, closed, now, &answer)) != NULL) {
		stop_waiting(t);
		if (answer == ACCOUNT_GO) {
			launch(t, now);
		} else {
			note_barred_keys(t);
			describe(all, t, REASON_AUTH_FAILED, now);
			forget_ticket(t);
		}
		t->answered(t, answer);
	}
}

void
accounts_look(struct accounts *all, struct account_ticket *t, double now)
{
	if (t->of != NULL && !t->flies)
		answer_waiting(all, t->of, false, now);
}

void
accounts_words(struct account_ticket *command, uint64_t account)
{
	command->words = account;
}

void
accounts_leave(struct accounts *all NP_UNUSED, struct account_ticket *t)
{
	if (t->of == NULL || t->flies)
		return;
	stop_waiting(t);
	forget_ticket(t);
}

/* ---- what servers say ---- */

/*
 * A success in a row.  What took its time says that the secret was right while it was under way, not how many may be
 * under way now: those beside it and one more.
 */
static void
widen(struct account *a, double began, double now)
{
	if ((now > a->proven_since + FRESH || now > began + FRESH) && a->width > a->flying + 1)
		a->width = a->flying + 1;
	if (a->width < WIDTH_MAX)
		a->width++;
}

static void
accept(const struct account_ticket *t, double now)
{
	struct account *a = t->of;
	struct account_place *p = t->place;

	/* What began before the last refusal says nothing against it: the secret may have been changed in between. */
	if (t->since < a->refused_at) {
		if (t->since >= p->refused_at)
			account_place_clear(p);
		return;
	}
	/* Who insisted on what nobody was to try has shown that it was not the secret. */
	if (a->state == ACCOUNT_REFUSED && t->claim.insists)
		account_places_clear(a);
	account_place_clear(p);
	if (t->claim.insists)
		account_keys_clear(a);
	a->refusals = 0;
	a->given_up = 0;
	widen(a, t->since, now);
	p->row++;
	a->proven_since = now;
	xreplace(&a->proven_at, p->name);
	account_move(a, ACCOUNT_PROVEN);
}

/* True: the gate is closed. */
static bool
refuse(const struct account_ticket *t, bool judged, const char *words, double now)
{
	struct account *a = t->of;

	a->width = t->place->row = 0;
	if (a->kind == ACCOUNT_KEYS)
		return false;
	a->refused_at = now;
	account_place_bar(t->place, judged, words != NULL ? words : "refused", now);
	if (a->command && t->words == a->refused_words)
		return false;
	a->refused_words = t->words;
	if (++a->refusals >= REFUSALS_MAX)
		account_move(a, ACCOUNT_REFUSED);
	return a->state == ACCOUNT_REFUSED;
}

/*
 * A reload, or whoever closes a session that logs in, must not bar a password that is good.  That happens to all that
 * are under way at once, and a second time only when none of them has succeeded since.
 */
static bool
forgive(const struct account_ticket *t, double now)
{
	struct account *a = t->of;

	if (a->state != ACCOUNT_PROVEN || (a->given_up > 0 && t->since > a->given_up))
		return false;
	if (a->given_up == 0)
		a->given_up = now;
	a->width = t->place->row = 0;
	return true;
}

/* True: the gate is closed. */
static bool
doubt(const struct account_ticket *t, const char *words, double now)
{
	if (t->of->state != ACCOUNT_PROVEN || t->claim.code)
		return refuse(t, true, words, now);
	t->of->width = t->place->row = 0;
	if (!t->claim.command)
		account_place_bar(t->place, true, words != NULL ? words : "refused", now);
	return false;
}

void
accounts_settle(struct accounts *all, struct account_ticket *t, enum account_verdict verdict, const bool *denied,
    const char *words, double now)
{
	struct account *a = t->of;
	bool closed = false, spared = false;

	if (!t->flies)
		return;
	t->flies = false;
	a->flying--;
	t->place->flying--;
	a->used = t->place->used = now;
	switch (verdict) {
	case ACCOUNT_ACCEPTED:
		accept(t, now);
		break;
	case ACCOUNT_UNJUDGED:
		closed = a->kind != ACCOUNT_KEYS && refuse(t, false, words, now);
		break;
	case ACCOUNT_DOUBTED:
		closed = doubt(t, words, now);
		break;
	case ACCOUNT_GIVEN_UP:
		spared = (a->kind != ACCOUNT_KEYS || denied != NULL) && forgive(t, now);
		closed = a->kind != ACCOUNT_KEYS && !spared && refuse(t, false, words, now);
		break;
	case ACCOUNT_DENIED:
		closed = refuse(t, true, words, now);
		break;
	case ACCOUNT_UNUSED:
		break;
	}
	for (size_t i = 0; denied != NULL && !spared && i < t->claim.count; i++)
		if (denied[i]) {
			account_key_bar(a, t->claim.keys[i], i < t->claim.agents);
			a->refusals += verdict != ACCOUNT_ACCEPTED;
		}
	forget_ticket(t);
	account_weigh(all, a);
	answer_waiting(all, a, closed, now);
}

/* ---- what lifts a block ---- */

static void
lift(struct accounts *all, struct account *a)
{
	account_places_clear(a);
	account_keys_clear(a);
	a->refusals = 0;
	if (a->state == ACCOUNT_REFUSED)
		account_move(a, ACCOUNT_UNPROVEN);
	account_weigh(all, a);
}

int
accounts_retry(struct accounts *all, const char *user)
{
	struct account *a;
	int count = 0;

	TAILQ_FOREACH (a, &all->list, link) {
		if (strcasecmp(a->user, user) != 0 || (!account_is_barred(a) && a->keys_count == 0))
			continue;
		lift(all, a);
		count++;
	}
	return count;
}
