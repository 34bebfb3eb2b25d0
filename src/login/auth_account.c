/*
 * What a login says to the gate before accounts (src/account): what it is about to offer, and what became of that.
 *
 * One claim for each secret of a login.  The first may wait; those that are held together with it join.  A refusal is
 * of what was sent since the server last called something right: a password may be right and the second factor behind
 * it wrong, and while a person thinks about that nobody waits for the password.  One claim for the keys, as long as
 * they are shown.
 */
#include <stdlib.h>
#include <string.h>

#include "login/auth_impl.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "login/claim.h"

static struct account_claim
claim_of(const struct auth *a, enum account_kind kind)
{
	struct account_claim claim = claim_make(a->target, kind);

	claim.insists = a->attempt->insists > 0;
	claim.unless_since = a->attempt->insists;
	claim.began = a->began;
	return claim;
}

static int
ask_gate(struct auth *a, struct account_claim *claim)
{
	return a->hooks->offer != NULL ? a->hooks->offer(claim, a->err, a->hooks->arg) : 0;
}

static void
tell_gate(const struct auth *a, enum account_verdict verdict, const bool *denied, size_t count, const char *words)
{
	if (a->hooks->judged != NULL)
		a->hooks->judged(verdict, denied, count, words, a->hooks->arg);
}

/* ---- secrets ---- */

static bool
has(const struct auth *a, enum auth_stage stage)
{
	for (size_t i = 0; i < a->offer.count; i++)
		if (a->offer.secrets[i].stage == stage)
			return true;
	return false;
}

/* Commands are asked for before all else: who holds one may wait for its words, as nobody waits the other way round. */
static bool
holds_words(const struct auth *a)
{
	for (size_t i = 0; i < a->offer.count; i++)
		if (a->offer.secrets[i].stage == STAGE_HELD && !a->offer.secrets[i].command)
			return true;
	return false;
}

static void
forget(struct auth *a, enum auth_stage stage)
{
	struct auth_offer *o = &a->offer;
	size_t kept = 0;

	for (size_t i = 0; i < o->count; i++) {
		if (o->secrets[i].stage == stage)
			secret_unref(o->secrets[i].secret);
		else
			o->secrets[kept++] = o->secrets[i];
	}
	o->count = kept;
}

static struct auth_secret *
find_secret(const struct auth *a, const struct secret *secret)
{
	size_t size = secret_size(secret);

	for (size_t i = 0; i < a->offer.count; i++) {
		struct auth_secret *s = &a->offer.secrets[i];
		if (secret_size(s->secret) == size && memcmp(secret_text(s->secret), secret_text(secret), size) == 0)
			return s;
	}
	return NULL;
}

static struct auth_secret *
offer(struct auth *a, struct secret *secret, bool typed, bool code)
{
	struct auth_offer *o = &a->offer;
	struct auth_secret *known = find_secret(a, secret);

	a->has_secret = true;
	typed &= !secret_is_by_program(secret); /* which does not think about it */
	if (known != NULL) {                    /* one claim for equal words */
		known->typed |= typed;
		return known;
	}
	o->secrets = xreallocarray(o->secrets, o->count + 1, sizeof(o->secrets[0]));
	known = &o->secrets[o->count++];
	*known = (struct auth_secret){.secret = secret_ref(secret), .typed = typed, .code = code};
	return known;
}

void
auth_offers(struct auth *a, struct secret *secret, bool typed, bool code)
{
	(void)offer(a, secret, typed, code);
}

/* Each code is another one: what fails is the command. */
void
auth_offers_factor(struct auth *a, const char *command)
{
	struct secret *stands_for = claim_command("otp_command", command);

	auth_offers(a, stands_for, false, true);
	secret_unref(stands_for);
}

/* One that prints other words each time is stopped as well. */
void
auth_offers_command(struct auth *a)
{
	struct secret *printer = claim_printer(a->target->device, ACCOUNT_SECRET);

	if (printer == NULL)
		return;
	offer(a, printer, false, false)->command = true;
	secret_unref(printer);
}

void
auth_offers_nothing(struct auth *a)
{
	forget(a, STAGE_NEXT);
	a->has_secret = false;
}

static void
settle(struct auth *a, enum account_verdict verdict, const char *words)
{
	if ((verdict == ACCOUNT_DENIED || verdict == ACCOUNT_UNJUDGED) && a->offer.asked_on)
		verdict = ACCOUNT_DOUBTED;
	if (has(a, STAGE_HELD))
		tell_gate(a, verdict, NULL, 0, words);
	forget(a, STAGE_HELD);
	a->offer.word = WORD_NONE;
	a->offer.asked_on = false;
}

void
auth_settle_denied(struct auth *a)
{
	if (a->offer.word == WORD_DENIED)
		settle(a, ACCOUNT_DENIED, "refused");
}

int
auth_claim_secret(struct auth *a)
{
	struct account_claim claim;
	bool held;

	auth_settle_denied(a);
	for (size_t i = 0; i < a->offer.count; i++) {
		struct auth_secret *s = &a->offer.secrets[i];
		if (s->stage != STAGE_NEXT)
			continue;
		claim = claim_of(a, ACCOUNT_SECRET);
		/* He has not seen what became of it meanwhile, here or elsewhere. */
		if (s->typed)
			claim.unless_since = a->began;
		claim.insists |= s->typed;
		claim.code = s->code;
		claim.command = s->command;
		claim.joins = holds_words(a);
		claim.secret = secret_ref(s->secret);
		held = ask_gate(a, &claim) == 0;
		account_claim_finish(&claim);
		if (!held)
			return -1;
		s->stage = STAGE_HELD;
	}
	return 0;
}

void
auth_secret_sent(struct auth *a)
{
	a->offer.word = WORD_SENT;
	a->offer.sent_at = clock_now();
}

void
auth_secret_right(struct auth *a)
{
	if (a->offer.word == WORD_SENT)
		settle(a, ACCOUNT_ACCEPTED, NULL);
}

/* ---- keys ---- */

int
auth_claim_keys(struct auth *a, const struct keyblob *blobs, size_t count, size_t agents, uint64_t list)
{
	struct auth_keys *k = &a->keys;
	size_t barred = 0;

	if (count == 0)
		return 0;
	k->claim = claim_of(a, ACCOUNT_KEYS);
	k->claim.keys = xcalloc(count, sizeof(k->claim.keys[0]));
	k->claim.barred = xcalloc(count, sizeof(k->claim.barred[0]));
	k->denied = xcalloc(count, sizeof(k->denied[0]));
	k->claim.count = count;
	k->claim.agents = agents;
	k->claim.list = list;
	for (size_t i = 0; i < count; i++)
		k->claim.keys[i] = keyblob_hash(&blobs[i]);
	k->held = ask_gate(a, &k->claim) == 0;
	for (size_t i = 0; i < count; i++)
		barred += k->claim.barred[i];
	k->barred_count += barred;
	/* Where all were refused before the gate is closed, but the other ways remain. */
	return k->held || barred == count ? 0 : -1;
}

static size_t
find_key(const struct auth *a, const struct keyblob *blob)
{
	uint64_t hash = keyblob_hash(blob);
	size_t i = 0;

	while (i < a->keys.claim.count && a->keys.claim.keys[i] != hash)
		i++;
	return i;
}

bool
auth_key_is_barred(const struct auth *a, const struct keyblob *blob)
{
	size_t i = find_key(a, blob);

	return i < a->keys.claim.count && a->keys.claim.barred[i];
}

void
auth_key_denied(struct auth *a, const struct keyblob *blob)
{
	size_t i = find_key(a, blob);

	if (i < a->keys.claim.count)
		a->keys.denied[i] = true;
}

bool
auth_key_swallowed(struct auth *a, enum auth_outcome outcome)
{
	enum np_reason why = a->err->reason;
	bool silent = why == REASON_CONNECT_TIMEOUT && clock_now() - a->keys.heard_at >= auth_least_time(a);
	bool swallowed = outcome == AUTH_OUTCOME_FAILED && a->keys.out && (silent || why == REASON_CONNECT_FAILED);

	a->keys.swallowed |= swallowed;
	return swallowed;
}

void
auth_settle_keys(struct auth *a, enum auth_outcome outcome)
{
	struct auth_keys *k = &a->keys;
	bool accepted = outcome == AUTH_OUTCOME_DONE || outcome == AUTH_OUTCOME_PARTIAL;
	enum account_verdict verdict = accepted ? ACCOUNT_ACCEPTED : k->swallowed ? ACCOUNT_GIVEN_UP : ACCOUNT_UNJUDGED;

	if (k->held)
		tell_gate(a, verdict, k->denied, k->claim.count, NULL);
	account_claim_finish(&k->claim);
	free(k->denied);
	k->denied = NULL;
	k->held = false;
}

/* ---- the end ---- */

/* Servers that end the login have refused it (auth_failed): another end is our own. */
static enum account_verdict
verdict_at_end(const struct auth *a)
{
	if (a->offer.word == WORD_NONE)
		return ACCOUNT_UNUSED;
	return a->err->reason == REASON_AUTH_FAILED ? ACCOUNT_UNJUDGED : ACCOUNT_GIVEN_UP;
}

void
auth_settle(struct auth *a, enum auth_outcome outcome)
{
	bool done = outcome == AUTH_OUTCOME_DONE;

	if (a->offer.word == WORD_DENIED)
		settle(a, ACCOUNT_DENIED, done ? "refused" : a->err->text);
	auth_offers_nothing(a);
	if (done)
		settle(a, ACCOUNT_ACCEPTED, NULL);
	else
		settle(a, verdict_at_end(a), a->err->text);
	free(a->offer.secrets);
	a->offer.secrets = NULL;
}
