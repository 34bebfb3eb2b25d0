/*
 * What a login says to the gate before accounts (src/account): what it is about to offer, and what became of that.
 *
 * One claim for the secrets of a login, made with the first of them and settled when the login is judged: servers count
 * logins.  One for the keys, as long as they are shown.
 */
#include <stdlib.h>
#include <string.h>

#include "login/auth_impl.h"
#include "base/clock.h"
#include "base/xalloc.h"

static struct account_claim
claim_of(const struct auth *a, enum account_kind kind)
{
	return (struct account_claim){.kind = kind,
	    .user = xstrdup(a->target->user),
	    .place = target_place(a->target),
	    .by_place = a->target->device->credential_scope == SCOPE_DEVICE,
	    .insists = a->attempt->insists};
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

void
auth_offers(struct auth *a, struct secret *secret, bool typed)
{
	a->has_secret = true;
	a->offer.typed |= typed;
	if (a->offer.next == NULL)
		a->offer.next = secret_ref(secret);
}

/* Each code is another one: what fails is the command. */
void
auth_offers_factor(struct auth *a, const char *command)
{
	char *text = xasprintf("otp_command %s", command);
	struct secret *stands_for = secret_make(text);

	auth_offers(a, stands_for, false);
	secret_unref(stands_for);
	secret_free(text);
}

void
auth_offers_nothing(struct auth *a)
{
	secret_unref(a->offer.next);
	a->offer.next = NULL;
	a->offer.typed = a->has_secret = false;
}

static void
settle(struct auth *a, enum account_verdict verdict, const char *words)
{
	if (a->offer.held)
		tell_gate(a, verdict, NULL, 0, words);
	a->offer.held = false;
	a->offer.word = WORD_NONE;
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

	auth_settle_denied(a);
	if (!a->offer.held && a->offer.next != NULL) {
		claim = claim_of(a, ACCOUNT_SECRET);
		claim.insists |= a->offer.typed;
		claim.secret = secret_ref(a->offer.next);
		a->offer.held = ask_gate(a, &claim) == 0;
		account_claim_finish(&claim);
		if (!a->offer.held)
			return -1;
	}
	secret_unref(a->offer.next);
	a->offer.next = NULL;
	a->offer.typed = false;
	return 0;
}

void
auth_secret_sent(struct auth *a)
{
	a->offer.word = WORD_SENT;
	a->offer.sent_at = clock_now();
}

/* ---- keys ---- */

int
auth_claim_keys(struct auth *a, const struct keyblob *blobs, size_t count)
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

void
auth_settle_keys(struct auth *a, enum auth_outcome outcome)
{
	struct auth_keys *k = &a->keys;
	bool accepted = outcome == AUTH_OUTCOME_DONE || outcome == AUTH_OUTCOME_PARTIAL;

	if (k->held)
		tell_gate(a, accepted ? ACCOUNT_ACCEPTED : ACCOUNT_UNJUDGED, k->denied, k->claim.count, NULL);
	account_claim_finish(&k->claim);
	free(k->denied);
	k->denied = NULL;
	k->held = false;
}

/* ---- the end ---- */

void
auth_settle(struct auth *a, enum auth_outcome outcome)
{
	static const enum account_verdict verdicts[] = {
	    [WORD_NONE] = ACCOUNT_UNUSED,
	    [WORD_SENT] = ACCOUNT_UNJUDGED,
	    [WORD_PART] = ACCOUNT_UNUSED,
	    [WORD_DENIED] = ACCOUNT_DENIED,
	};
	bool ours = a->err->reason != REASON_AUTH_FAILED && a->err->reason != REASON_AUTH_BACKOFF;
	bool done = outcome == AUTH_OUTCOME_DONE && a->offer.word != WORD_DENIED;

	/* Servers that end the login have refused it (auth_failed): another end is our own. */
	if (!done && a->offer.word == WORD_SENT && ours)
		settle(a, ACCOUNT_GIVEN_UP, a->err->text);
	else
		settle(a, done ? ACCOUNT_ACCEPTED : verdicts[a->offer.word], a->err->text);
	auth_offers_nothing(a);
}
