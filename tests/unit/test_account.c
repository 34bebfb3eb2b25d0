/*
 * The gate before log-ins in invented time: whatever servers think of a secret or a key, and whoever logs in however
 * often, what they see of it is counted here as they count it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "account/account.h"
#include "base/compiler.h"
#include "base/hashtab.h"
#include "base/xalloc.h"

#define PLACES 20
#define ADDRESSES 300
#define DIALS_MAX 1000
#define HOUR 3600.0

/* ---- a world of servers and logins ---- */

enum method { PASSWORD, KEY, KBDINT, FACTOR, ENABLE, METHODS };
enum server {
	ACCEPTS,
	REFUSES,
	SILENT,
	RESETS,
	CHANGES,
	CHANGES_SOON,
	WRONG_FOR_ONE,
	WRONG_FOR_HALF,
	ACCEPTS_ONCE,
	SERVERS
};
enum drive { FAN_OUT, PERSISTENT, OVERRIDES, RELOAD, DRIVES };

static const char *const method_names[] = {"password", "key", "keyboard-interactive", "second factor", "enable secret"};
static const char *const server_names[] = {"accepts", "refuses", "silent", "resets", "changes", "changes soon",
    "wrong for one", "wrong for half", "accepts once"};
static const char *const drive_names[] = {"fan-out", "persistent", "overrides", "reload"};

/*
 * One login: waits at the gate, is with its server until `until`, and has ended.
 *
 * Each method in its own way: a second factor comes behind a password that the server calls right before it asks for
 * the code; keyboard-interactive asks for password and code in one round, so that both are held and judged together.
 */
struct dial {
	struct account_ticket ticket, first; /* what the scenario is about; what goes before it, or with it */
	struct world *world;
	int place;
	bool asked, waits, flies, ended, in;
	enum np_reason reason; /* why it did not get as far as a server */
	double until;
};

struct world {
	struct accounts *all;
	double now;
	enum method method;
	enum server server;
	struct dial dials[DIALS_MAX];
	size_t count;
	int attempts[ADDRESSES], refused, accepted, flying, most_flying;
	double delay;     /* of a verdict; 0: 0.1 s */
	double asked;     /* who insists did so then; 0: he always does */
	const char *user; /* NULL: admin */
	bool changed;     /* on the devices: what was right is wrong */
	char words[64];   /* the secret */
};

static void
fly(struct dial *d)
{
	struct world *w = d->world;
	bool quick = w->server != SILENT;

	d->waits = false;
	d->flies = true;
	d->until = w->now + (!quick ? 30.0 : w->delay > 0 ? w->delay : 0.1);
	w->attempts[d->place]++;
	if (++w->flying > w->most_flying)
		w->most_flying = w->flying;
}

static void
end(struct dial *d)
{
	d->waits = d->flies = false;
	d->ended = true;
	account_claim_finish(&d->ticket.claim);
	account_claim_finish(&d->first.claim);
}

static void
go_on(struct dial *d, const struct account_ticket *t, enum account_answer answer)
{
	switch (answer) {
	case ACCOUNT_GO:
		fly(d);
		break;
	case ACCOUNT_WAIT:
		d->waits = true;
		break;
	case ACCOUNT_BARRED:
		d->reason = t->why.reason;
		accounts_settle(d->world->all, &d->first, ACCOUNT_UNUSED, NULL, NULL, d->world->now);
		end(d);
		break;
	}
}

static void
on_answered(struct account_ticket *t, enum account_answer answer)
{
	struct dial *d = NP_CONTAINER(t, struct dial, ticket);

	assert_true(d->waits);
	d->waits = false;
	go_on(d, t, answer);
}

/* Now the code. */
static void
ask_second(struct dial *d)
{
	struct world *w = d->world;

	if (w->method == FACTOR)
		accounts_settle(w->all, &d->first, ACCOUNT_ACCEPTED, NULL, NULL, w->now);
	go_on(d, &d->ticket, accounts_ask(w->all, &d->ticket, w->now));
}

static void
on_first_answered(struct account_ticket *t, enum account_answer answer)
{
	struct dial *d = NP_CONTAINER(t, struct dial, first);

	assert_true(d->waits);
	d->waits = false;
	if (answer == ACCOUNT_GO)
		ask_second(d);
	else
		go_on(d, t, answer);
}

static void
ask_first(struct dial *d)
{
	struct world *w = d->world;
	enum account_answer answer;

	d->first.claim = account_claim_copy(&d->ticket.claim);
	secret_unref(d->first.claim.secret);
	d->first.claim.secret = secret_make("password");
	d->first.answered = on_first_answered;
	d->ticket.claim.code = true;
	d->ticket.claim.joins = w->method == KBDINT;
	answer = accounts_ask(w->all, &d->first, w->now);
	if (answer == ACCOUNT_GO)
		ask_second(d);
	else
		go_on(d, &d->first, answer);
}

static struct dial *
dial(struct world *w, int place, bool insists)
{
	struct dial *d = &w->dials[w->count++];
	char name[32];

	assert_true(w->count < DIALS_MAX);
	*d = (struct dial){.world = w, .place = place, .asked = true};
	(void)snprintf(name, sizeof(name), "192.0.2.%d:22", place + 1);
	d->ticket.claim = (struct account_claim){.kind = w->method == KEY      ? ACCOUNT_KEYS
							 : w->method == ENABLE ? ACCOUNT_ENABLE
									       : ACCOUNT_SECRET,
	    .user = xstrdup(w->user != NULL ? w->user : "admin"),
	    .place = xstrdup(name),
	    .insists = insists,
	    .unless_since = w->asked};
	if (w->method == KEY) {
		d->ticket.claim.count = 1;
		d->ticket.claim.keys = xcalloc(1, sizeof(uint64_t));
		d->ticket.claim.keys[0] = 4711;
		d->ticket.claim.barred = xcalloc(1, sizeof(bool));
	} else {
		d->ticket.claim.secret = secret_make(w->words);
	}
	d->ticket.answered = on_answered;
	if (w->method == FACTOR || w->method == KBDINT)
		ask_first(d);
	else
		go_on(d, &d->ticket, accounts_ask(w->all, &d->ticket, w->now));
	return d;
}

static enum account_verdict
judge(struct world *w, const struct dial *d)
{
	switch (w->server) {
	case ACCEPTS:
		return ACCOUNT_ACCEPTED;
	case REFUSES:
		return ACCOUNT_DENIED;
	case SILENT:
	case RESETS:
		return ACCOUNT_UNJUDGED;
	case CHANGES:
	case CHANGES_SOON:
		return w->changed ? ACCOUNT_DENIED : ACCOUNT_ACCEPTED;
	case WRONG_FOR_ONE:
		return d->place == 0 ? ACCOUNT_DENIED : ACCOUNT_ACCEPTED;
	case WRONG_FOR_HALF:
		return d->place % 2 != 0 ? ACCOUNT_DENIED : ACCOUNT_ACCEPTED;
	case ACCEPTS_ONCE:
		return w->accepted == 0 ? ACCOUNT_ACCEPTED : ACCOUNT_DENIED;
	case SERVERS:
		break;
	}
	fail();
	return ACCOUNT_UNUSED;
}

static void
land(struct world *w, struct dial *d)
{
	enum account_verdict verdict = judge(w, d);
	const bool denied[] = {verdict != ACCOUNT_ACCEPTED};

	w->flying--;
	w->accepted += verdict == ACCOUNT_ACCEPTED;
	w->refused += verdict != ACCOUNT_ACCEPTED;
	d->in = verdict == ACCOUNT_ACCEPTED;
	d->reason = d->in ? REASON_NONE : REASON_AUTH_FAILED;
	accounts_settle(w->all, &d->first, verdict, NULL, "permission denied", w->now);
	if (w->method == KEY && verdict == ACCOUNT_UNJUDGED) /* the last one of those denied */
		verdict = ACCOUNT_GIVEN_UP;
	accounts_settle(w->all, &d->ticket, verdict, w->method == KEY ? denied : NULL, "permission denied", w->now);
	end(d);
}

/* Time goes on, event by event. */
static void
run(struct world *w, double until)
{
	for (;;) {
		struct dial *next = NULL;

		for (size_t i = 0; i < w->count; i++) {
			struct dial *d = &w->dials[i];
			if (d->flies && (next == NULL || d->until < next->until))
				next = d;
		}
		if (next == NULL || next->until > until)
			break;
		w->now = next->until;
		land(w, next);
		/* What ended makes room for what comes later. */
		if (w->count > DIALS_MAX / 2 && w->flying == 0) {
			size_t waiting = 0;
			for (size_t i = 0; i < w->count; i++)
				waiting += w->dials[i].waits;
			if (waiting == 0)
				w->count = 0;
		}
	}
	w->now = until;
	accounts_tick(w->all, w->now);
}

static void
begin(struct world *w, enum method method, enum server server)
{
	*w = (struct world){.now = 1000, .method = method, .server = server};
	w->all = accounts_create(0);
	assert_non_null(w->all);
	(void)snprintf(w->words, sizeof(w->words), "secret");
}

static void
finish(struct world *w)
{
	for (size_t i = 0; i < w->count; i++) {
		struct dial *d = &w->dials[i];
		d->ticket.answered = d->first.answered = NULL;
		accounts_leave(w->all, &d->first);
		accounts_leave(w->all, &d->ticket);
	}
	for (size_t i = 0; i < w->count; i++) {
		struct dial *d = &w->dials[i];
		accounts_settle(w->all, &d->first, ACCOUNT_UNUSED, NULL, NULL, w->now);
		accounts_settle(w->all, &d->ticket, ACCOUNT_UNUSED, NULL, NULL, w->now);
		end(d);
	}
	accounts_destroy(w->all);
}

static int
attempts(const struct world *w)
{
	int sum = 0;

	for (int i = 0; i < ADDRESSES; i++)
		sum += w->attempts[i];
	return sum;
}

static void
fan_out(struct world *w)
{
	for (int i = 0; i < PLACES; i++)
		dial(w, i, false);
}

/* Each way in which logins come about, as far as nobody insists; a pool of its own for each is the worst case. */
static void
drive(struct world *w, enum drive how)
{
	fan_out(w);
	run(w, w->now + 100);
	switch (how) {
	case FAN_OUT:
		break;
	case PERSISTENT: /* no client at all: each session is made again as soon as that may be */
		for (int i = 0; i < 5; i++) {
			for (int place = 0; place < PLACES; place += 4)
				dial(w, place, false);
			run(w, w->now + 15);
		}
		break;
	case OVERRIDES:
		for (int i = 0; i < 5; i++)
			fan_out(w);
		run(w, w->now + 100);
		break;
	case RELOAD: /* all pools begin anew */
		fan_out(w);
		run(w, w->now + 1);
		break;
	case DRIVES:
		fail();
	}
	if (w->server == CHANGES_SOON) {
		fan_out(w);
		run(w, w->now + 2);
	}
	w->changed = true;
	run(w, w->now + (w->server == CHANGES_SOON ? 1 : 200));
	fan_out(w);
	run(w, w->now + 200);
}

static int
logins(enum drive how)
{
	static const int more[] = {[FAN_OUT] = 0, [PERSISTENT] = 25, [OVERRIDES] = 5 * PLACES, [RELOAD] = PLACES};

	return 2 * PLACES + more[how];
}

static void
check(const struct world *w, enum drive how)
{
	bool key = w->method == KEY;

	switch (w->server) {
	case ACCEPTS:
		assert_int_equal(attempts(w), logins(how));
		assert_int_equal(w->accepted, attempts(w));
		break;
	case REFUSES:
		assert_int_equal(attempts(w), key ? PLACES : 2);
		for (int i = 0; i < PLACES; i++)
			assert_true(w->attempts[i] <= 1);
		break;
	case SILENT:
	case RESETS:
		assert_int_equal(attempts(w), key ? PLACES : 2);
		for (int i = 0; i < PLACES; i++)
			assert_true(w->attempts[i] <= 1);
		break;
	case CHANGES:
		assert_int_equal(w->accepted, logins(how) - PLACES);
		assert_int_equal(w->refused, key ? PLACES : 2);
		break;
	case CHANGES_SOON:
		assert_int_equal(w->accepted, logins(how));
		assert_int_equal(w->refused, key ? PLACES : 2);
		break;
	case WRONG_FOR_ONE:
		assert_int_equal(w->attempts[0], 1);
		assert_int_equal(w->refused, 1);
		for (int i = 1; i < PLACES; i++)
			assert_true(w->attempts[i] >= 2);
		break;
	case WRONG_FOR_HALF: /* a success between any two: each device is its own fault, and sees it once */
		for (int i = 0; i < PLACES; i++)
			assert_true(i % 2 != 0 ? w->attempts[i] == 1 : w->attempts[i] >= 2);
		break;
	case ACCEPTS_ONCE:
		assert_true(attempts(w) <= (key ? PLACES + 1 : 3));
		break;
	case SERVERS:
		fail();
	}
	assert_int_equal(w->flying, 0);
}

static void
test_matrix_of_what_servers_see(void **state NP_UNUSED)
{
	struct world *w = xcalloc(1, sizeof(*w));

	for (int m = 0; m < METHODS; m++) {
		for (int s = 0; s < SERVERS; s++) {
			for (int d = 0; d < DRIVES; d++) {
				begin(w, (enum method)m, (enum server)s);
				drive(w, (enum drive)d);
				print_message("%s, %s, %s: %d attempts, %d refused\n", method_names[m], server_names[s],
				    drive_names[d], attempts(w), w->refused);
				check(w, (enum drive)d);
				finish(w);
			}
		}
	}
	free(w);
}

/* ---- single rules ---- */

static int
setup(void **state)
{
	*state = xcalloc(1, sizeof(struct world));
	return 0;
}

static int
teardown(void **state)
{
	finish(*state);
	free(*state);
	return 0;
}

static const struct account *
only(const struct world *w, struct account_facts *facts)
{
	const struct account *a = accounts_next(w->all, NULL);

	assert_non_null(a);
	assert_null(accounts_next(w->all, a));
	account_facts(a, facts);
	return a;
}

static void
test_gate_opens_step_by_step_and_never_wider_than_what_succeeded(void **state)
{
	static const int wide[] = {1, 1, 2, 4, 8};
	struct world *w = *state;

	begin(w, PASSWORD, ACCEPTS);
	for (int i = 0; i < 5; i++)
		fan_out(w);
	for (size_t i = 0; i < NP_COUNT(wide); i++) {
		assert_int_equal(w->flying, wide[i]);
		run(w, w->now + 0.11);
	}
	run(w, w->now + HOUR);
	assert_int_equal(w->accepted, 5 * PLACES);
	/* An old proof lets in one, as none does. */
	fan_out(w);
	assert_int_equal(w->flying, 1);
}

static void
test_one_place_is_opened_step_by_step_too(void **state)
{
	struct world *w = *state;

	begin(w, PASSWORD, ACCEPTS);
	for (int i = 0; i < 3; i++)
		fan_out(w);
	run(w, w->now + 10);
	for (int i = 0; i < 9; i++)
		dial(w, 7, false);
	/* Once, as each burst begins; then as often as it has been accepted. */
	for (int wide = 1; wide <= 4; wide *= 2) {
		assert_int_equal(w->flying, wide);
		run(w, w->now + 0.11);
	}
}

static void
test_who_waits_at_the_failure_has_failed_who_comes_later_is_barred(void **state)
{
	struct world *w = *state;
	struct dial *first, *second, *third, *late;
	struct account_facts facts;

	begin(w, PASSWORD, REFUSES);
	first = dial(w, 0, false);
	second = dial(w, 1, false);
	third = dial(w, 2, false);
	assert_true(first->flies && second->waits && third->waits);
	only(w, &facts);
	assert_int_equal(facts.waiting, 2);
	assert_true(facts.waiting_since == w->now);
	run(w, w->now + 10);
	late = dial(w, 3, false);

	assert_int_equal(attempts(w), 2);
	assert_int_equal(third->reason, REASON_AUTH_FAILED);
	assert_int_equal(late->reason, REASON_AUTH_BACKOFF);
	assert_non_null(strstr(late->ticket.why.text, "the password of admin is barred"));
	assert_non_null(strstr(late->ticket.why.text, "192.0.2.2:22 refused it at "));
	assert_non_null(strstr(late->ticket.why.text, "(permission denied)"));
	assert_non_null(strstr(late->ticket.why.text, "192.0.2.1:22"));
	assert_ptr_equal(strstr(late->ticket.why.text, "another one, npctl open or npctl accounts retry lifts this: "),
	    late->ticket.why.text);
	only(w, &facts);
	assert_int_equal(facts.state, ACCOUNT_REFUSED);
	assert_int_equal(facts.refused_places, 2);
}

/* Five behind each login. */
static void
count_requests(void *arg)
{
	struct world *w = arg;

	for (size_t i = 0; i < w->count; i++)
		if (account_ticket_is_open(&w->dials[i].ticket))
			accounts_add_requests(w->all, w->dials[i].ticket.account, 5);
}

static void
test_requests_behind_the_logins_are_counted(void **state)
{
	struct world *w = *state;
	struct account_facts facts;
	struct dial *last = NULL;

	begin(w, PASSWORD, REFUSES);
	accounts_counted_by(w->all, count_requests, w);
	for (int i = 0; i < 4; i++)
		last = dial(w, i, false);
	accounts_count_requests(w->all, w->now);
	only(w, &facts);
	assert_int_equal(facts.waiting, 3);
	assert_int_equal(facts.requests, 20); /* the one under way has some too */
	run(w, w->now + 10);
	assert_int_equal(last->reason, REASON_AUTH_FAILED);
	assert_non_null(strstr(last->ticket.why.text, "; 10 requests waited for it"));
	accounts_count_requests(w->all, w->now);
	only(w, &facts);
	assert_int_equal(facts.requests, 0);
}

static void
test_another_secret_or_user_is_another_account(void **state)
{
	struct world *w = *state;

	begin(w, PASSWORD, REFUSES);
	fan_out(w);
	run(w, w->now + 10);
	assert_int_equal(attempts(w), 2);
	(void)snprintf(w->words, sizeof(w->words), "changed");
	w->server = ACCEPTS;
	fan_out(w);
	run(w, w->now + 10);
	assert_int_equal(w->accepted, PLACES);
}

static void
test_enable_secret_is_another_account_than_the_password_of_the_same_words(void **state)
{
	struct world *w = *state;

	begin(w, ENABLE, REFUSES);
	fan_out(w);
	run(w, w->now + 10);
	assert_int_equal(attempts(w), 2);
	assert_non_null(strstr(dial(w, 7, false)->ticket.why.text, "the enable secret of admin is barred"));
	w->method = PASSWORD;
	w->server = ACCEPTS;
	fan_out(w);
	run(w, w->now + 10);
	assert_int_equal(w->accepted, PLACES);
}

static void
test_what_a_person_insists_on_is_tried_and_opens_the_gate(void **state)
{
	struct world *w = *state;

	begin(w, PASSWORD, REFUSES);
	fan_out(w);
	run(w, w->now + 10);
	dial(w, 5, true);
	run(w, w->now + 10);
	assert_int_equal(attempts(w), 3);
	assert_int_equal(dial(w, 6, false)->reason, REASON_AUTH_BACKOFF);
	w->server = ACCEPTS; /* mended on the servers */
	dial(w, 5, true);
	run(w, w->now + 10);
	fan_out(w);
	run(w, w->now + 10);
	assert_int_equal(w->accepted, 1 + PLACES);
}

static void
test_wishes_of_many_people_at_once_are_one(void **state)
{
	struct world *w = *state;

	begin(w, PASSWORD, REFUSES);
	for (int i = 0; i < PLACES; i++)
		dial(w, i, true);
	run(w, w->now + 10);
	assert_int_equal(attempts(w), 2);
	for (int i = 0; i < PLACES; i++)
		dial(w, i, true);
	run(w, w->now + 10);
	assert_int_equal(attempts(w), 3);
}

static void
test_retry_forgets_what_bars_that_user(void **state)
{
	struct world *w = *state;
	struct account_facts facts;

	begin(w, PASSWORD, REFUSES);
	fan_out(w);
	run(w, w->now + HOUR);
	only(w, &facts);
	assert_true(accounts_bar(w->all, facts.number, "192.0.2.9:22"));
	assert_int_equal(accounts_retry(w->all, "somebody"), 0);
	assert_int_equal(accounts_retry(w->all, "admin"), 1);
	assert_false(accounts_bar(w->all, facts.number, "192.0.2.1:22"));
	fan_out(w);
	run(w, w->now + 10);
	assert_int_equal(attempts(w), 4);
	assert_int_equal(w->attempts[0], 2);
}

static void
test_scope_of_the_device_keeps_equal_words_apart(void **state)
{
	struct world *w = *state;
	struct account_ticket t = {.answered = on_answered};

	begin(w, PASSWORD, REFUSES);
	fan_out(w);
	run(w, w->now + 10);
	t.claim = (struct account_claim){.user = xstrdup("admin"),
	    .place = xstrdup("192.0.2.9:22"),
	    .by_place = true,
	    .secret = secret_make(w->words)};
	assert_int_equal(accounts_ask(w->all, &t, w->now), ACCOUNT_GO);
	accounts_settle(w->all, &t, ACCOUNT_ACCEPTED, NULL, NULL, w->now);
	account_claim_finish(&t.claim);
}

static void
test_key_that_one_host_lacks_says_nothing_about_others_or_other_keys(void **state)
{
	struct account_facts facts;
	struct world *w = *state;
	struct account_ticket t = {.answered = on_answered};
	const bool denied[] = {true, true, false};

	begin(w, KEY, REFUSES);
	dial(w, 0, false);
	run(w, w->now + 1);
	only(w, &facts);
	assert_true(facts.barred);
	assert_int_equal(dial(w, 0, false)->reason, REASON_AUTH_BACKOFF);
	assert_true(dial(w, 1, false)->flies);
	t.claim = (struct account_claim){
	    .kind = ACCOUNT_KEYS, .user = xstrdup("admin"), .place = xstrdup("192.0.2.1:22"), .count = 3};
	t.claim.keys = xmemdup((const uint64_t[]){4711, 1, 2}, 3 * sizeof(uint64_t));
	t.claim.barred = xcalloc(3, sizeof(bool));
	assert_int_equal(accounts_ask(w->all, &t, w->now), ACCOUNT_GO);
	assert_true(t.claim.barred[0] && !t.claim.barred[1] && !t.claim.barred[2]);
	accounts_settle(w->all, &t, ACCOUNT_UNJUDGED, denied, NULL, w->now);
	assert_int_equal(accounts_ask(w->all, &t, w->now), ACCOUNT_GO);
	assert_true(t.claim.barred[1] && !t.claim.barred[2]);
	accounts_settle(w->all, &t, ACCOUNT_UNUSED, NULL, NULL, w->now);
	account_claim_finish(&t.claim);
}

/* An agent comes with keys 1 to 9, as far as they stand in `holds`; which of them are shown. */
static void
agent_shows(struct world *w, const char *holds, const char *expected)
{
	struct account_ticket t = {.answered = on_answered};
	size_t n = strlen(holds);
	char shown[10] = "";
	bool denied[9];

	t.claim = (struct account_claim){.kind = ACCOUNT_KEYS,
	    .user = xstrdup("admin"),
	    .place = xstrdup("192.0.2.1:22"),
	    .count = n,
	    .agents = n,
	    .list = hash_string(holds)};
	t.claim.keys = xcalloc(n, sizeof(uint64_t));
	t.claim.barred = xcalloc(n, sizeof(bool));
	for (size_t i = 0; i < n; i++)
		t.claim.keys[i] = (uint64_t)holds[i];
	if (accounts_ask(w->all, &t, w->now) == ACCOUNT_GO) {
		for (size_t i = 0; i < n; i++) {
			denied[i] = !t.claim.barred[i];
			if (denied[i])
				shown[strlen(shown)] = holds[i];
		}
		accounts_settle(w->all, &t, ACCOUNT_UNJUDGED, denied, NULL, w->now);
	}
	assert_string_equal(shown, expected);
	account_claim_finish(&t.claim);
}

static void
test_changed_agent_shows_what_is_new_and_its_rest_once_when_some_have_gone(void **state)
{
	struct world *w = *state;

	begin(w, KEY, REFUSES);
	agent_shows(w, "123", "123");
	for (int pool = 0; pool < 5; pool++)
		agent_shows(w, "123", "");
	agent_shows(w, "1234", "4"); /* one was added */
	agent_shows(w, "1234", "");
	agent_shows(w, "789", "789"); /* another client's */
	agent_shows(w, "123", "");
	agent_shows(w, "24", "24"); /* some have gone: somebody has set it up anew */
	for (int pool = 0; pool < 5; pool++)
		agent_shows(w, "24", "");
	agent_shows(w, "13", "13");
	agent_shows(w, "123", ""); /* a list that has been here lifts nothing */
}

static void
test_key_of_a_proven_place_that_is_swallowed_once_is_shown_once_more(void **state)
{
	struct world *w = *state;

	begin(w, KEY, ACCEPTS);
	dial(w, 0, false);
	run(w, w->now + HOUR);
	w->server = SILENT;
	for (int i = 0; i < 5; i++) {
		dial(w, 0, false);
		run(w, w->now + 100);
	}
	assert_int_equal(w->attempts[0], 1 + 2);
}

static void
test_who_leaves_waits_no_longer_and_holds_nobody_up(void **state)
{
	struct world *w = *state;
	struct dial *second, *third;

	begin(w, PASSWORD, ACCEPTS);
	dial(w, 0, false);
	second = dial(w, 1, false);
	third = dial(w, 2, false);
	accounts_leave(w->all, &second->ticket);
	end(second);
	run(w, w->now + 1);
	assert_true(third->in);
	assert_int_equal(attempts(w), 2);
}

static void
test_what_was_not_offered_is_no_refusal(void **state)
{
	struct world *w = *state;
	struct account_facts facts;
	struct dial *d;

	begin(w, PASSWORD, REFUSES);
	for (int i = 0; i < 5; i++) {
		d = dial(w, i, false);
		assert_true(d->flies);
		accounts_settle(w->all, &d->ticket, ACCOUNT_UNUSED, NULL, NULL, w->now);
		w->flying--;
		end(d);
	}
	only(w, &facts);
	assert_false(facts.barred);
	/* Nothing is left of it that is worth remembering. */
	run(w, w->now + HOUR);
	assert_null(accounts_next(w->all, NULL));
}

static void
test_what_only_people_were_refused_with_is_not_worth_keeping(void **state)
{
	struct world *w = *state;

	begin(w, PASSWORD, REFUSES);
	assert_false(accounts_are_worth_keeping(w->all));
	dial(w, 0, true);
	run(w, w->now + HOUR);
	assert_false(accounts_are_worth_keeping(w->all));
	dial(w, 0, false);
	assert_true(accounts_are_worth_keeping(w->all));
	assert_int_equal(accounts_retry(w->all, "admin"), 1);
	assert_false(accounts_are_worth_keeping(w->all));
	w->method = KEY;
	dial(w, 7, false);
	run(w, w->now + HOUR);
	assert_true(accounts_are_worth_keeping(w->all));
}

static void
give_up(struct world *w, struct dial *d)
{
	accounts_settle(w->all, &d->ticket, ACCOUNT_GIVEN_UP, NULL, "closed", w->now);
	w->flying--;
	end(d);
}

static void
test_giving_up_bars_what_is_unproven_and_spares_what_is_proven_once(void **state)
{
	struct world *w = *state;
	struct dial *d[3];
	struct account_facts facts;

	begin(w, PASSWORD, ACCEPTS);
	fan_out(w);
	run(w, w->now + 10);
	for (int i = 0; i < 3; i++)
		d[i] = dial(w, i, false);
	w->now += 1;
	for (int i = 0; i < 3; i++)
		give_up(w, d[i]);
	only(w, &facts);
	assert_false(facts.barred);
	w->now += 1; /* again, and nobody has heard a yes since */
	give_up(w, dial(w, 4, false));
	assert_int_equal(dial(w, 4, false)->reason, REASON_AUTH_BACKOFF);
	fan_out(w);
	run(w, w->now + 10);
	only(w, &facts);
	assert_int_equal(facts.refused_places, 1);

	(void)snprintf(w->words, sizeof(w->words), "unproven");
	give_up(w, dial(w, 0, false));
	assert_int_equal(dial(w, 0, false)->reason, REASON_AUTH_BACKOFF);
}

static void
test_two_silences_in_a_row_close_the_gate_of_what_is_proven(void **state)
{
	struct world *w = *state;
	struct account_facts facts;

	begin(w, PASSWORD, ACCEPTS);
	fan_out(w);
	run(w, w->now + 10);
	w->server = SILENT;
	dial(w, 0, false);
	run(w, w->now + 100);
	w->server = ACCEPTS; /* a success between */
	dial(w, 1, false);
	run(w, w->now + 10);
	w->server = SILENT;
	dial(w, 2, false);
	run(w, w->now + 100);
	only(w, &facts);
	assert_int_equal(facts.state, ACCOUNT_PROVEN);
	assert_true(dial(w, 3, false)->flies);
	run(w, w->now + 100);
	only(w, &facts);
	assert_int_equal(facts.state, ACCOUNT_REFUSED);
	assert_int_equal(dial(w, 4, false)->reason, REASON_AUTH_BACKOFF);
}

static void
refuse_many(struct world *w, int from, int to)
{
	for (int i = from; i < to; i++) {
		(void)snprintf(w->words, sizeof(w->words), "secret %d", i);
		w->count = 0;
		dial(w, 0, false);
		if (w->dials[0].flies)
			land(w, &w->dials[0]);
	}
}

static void
test_no_account_is_refused_because_others_are(void **state)
{
	struct world *w = *state;
	struct account_facts facts;
	int count = 0;

	begin(w, PASSWORD, REFUSES);
	refuse_many(w, 0, 9000);
	assert_int_equal(attempts(w), 9000);
	refuse_many(w, 0, 9000);
	assert_int_equal(attempts(w), 9000); /* all are remembered */
	/* They are bounded all the same: those that nobody tried for longest give way, and those that are tried stay.
	 */
	for (int i = 9000; i < 66000; i += 1000) {
		refuse_many(w, i, i + 1000);
		refuse_many(w, 8000, 8001);
	}
	assert_int_equal(attempts(w), 66000);
	for (const struct account *a = accounts_next(w->all, NULL); a != NULL; a = accounts_next(w->all, a))
		count++;
	assert_int_equal(count, 65536);
	account_facts(accounts_find(w->all, 8001), &facts);
	assert_int_equal(facts.number, 8001);
	assert_null(accounts_find(w->all, 1));
}

static void
test_who_waits_is_told_for_what(void **state)
{
	struct world *w = *state;
	char text[256];

	begin(w, PASSWORD, SILENT);
	dial(w, 3, false);
	accounts_describe_wait(&dial(w, 4, false)->ticket, text, sizeof(text));
	assert_string_equal(text, "waiting for the outcome of another login with the password of admin, at "
				  "192.0.2.4:22; 1 in all wait for that");
}

static void
test_what_was_had_and_not_judged_is_told_apart_from_a_refusal(void **state)
{
	struct world *w = *state;
	struct account_facts facts;

	begin(w, PASSWORD, SILENT);
	dial(w, 0, false);
	run(w, w->now + HOUR);
	assert_non_null(strstr(dial(w, 0, false)->ticket.why.text, "192.0.2.1:22 had it and gave no verdict at "));
	only(w, &facts);
	assert_false(facts.refusals[0].judged);
}

static void
test_code_behind_a_right_password_is_refused_alone(void **state)
{
	struct world *w = *state;
	struct account_facts facts;

	begin(w, FACTOR, REFUSES);
	fan_out(w);
	run(w, w->now + HOUR / 10);
	assert_int_equal(attempts(w), 2);
	for (const struct account *a = accounts_next(w->all, NULL); a != NULL; a = accounts_next(w->all, a)) {
		account_facts(a, &facts);
		assert_int_equal(facts.state, facts.code ? ACCOUNT_REFUSED : ACCOUNT_PROVEN);
	}
}

static void
test_success_that_began_before_a_refusal_opens_nothing(void **state)
{
	struct world *w = *state;
	struct account_facts facts;
	struct dial *slow = NULL;

	begin(w, PASSWORD, ACCEPTS);
	fan_out(w);
	run(w, w->now + 0.35);
	assert_int_equal(w->flying, 4);
	for (size_t i = 0; i < w->count; i++)
		if (w->dials[i].flies)
			slow = &w->dials[i];
	slow->until = w->now + 30;
	w->server = REFUSES; /* changed on the devices */
	run(w, w->now + 20);
	only(w, &facts);
	assert_int_equal(facts.state, ACCOUNT_REFUSED);
	w->server = ACCEPTS; /* so it was when that one was asked */
	run(w, w->now + 20);
	assert_true(slow->in);
	only(w, &facts);
	assert_int_equal(facts.state, ACCOUNT_REFUSED);
	assert_int_equal(dial(w, 9, false)->reason, REASON_AUTH_BACKOFF);
}

static void
test_slow_login_does_not_keep_the_gate_open(void **state)
{
	struct world *w = *state;
	struct dial *slow;

	begin(w, PASSWORD, ACCEPTS);
	dial(w, 0, false);
	run(w, w->now + 1);
	slow = dial(w, PLACES, false);
	slow->until = w->now + 100;
	fan_out(w);
	run(w, w->now + 5);
	slow->until = w->now + 1;
	w->server = REFUSES;
	fan_out(w);
	assert_int_equal(w->flying, 2); /* itself, and one as it says nothing */
	w->server = ACCEPTS;
	run(w, w->now + 1);
	assert_true(w->flying <= 2);
}

static void
test_slow_servers_open_it_all_the_same(void **state)
{
	static const int wide[] = {1, 1, 2, 4, 8};
	struct world *w = *state;

	begin(w, PASSWORD, ACCEPTS);
	w->delay = 5;
	for (int i = 0; i < 5; i++)
		fan_out(w);
	for (size_t i = 0; i < NP_COUNT(wide); i++) {
		assert_int_equal(w->flying, wide[i]);
		run(w, w->now + 5.01);
	}
}

static void
test_change_is_refused_by_those_under_way_alone(void **state)
{
	struct world *w = *state;
	int flying;

	begin(w, PASSWORD, ACCEPTS);
	for (int i = 0; i < ADDRESSES; i++)
		dial(w, i, false);
	run(w, w->now + 0.101 * 3);
	flying = w->flying;
	assert_in_range(flying, 4, 8);
	w->changed = true;
	w->server = CHANGES;
	run(w, w->now + 100);
	assert_true(w->refused <= flying);
}

static void
leave_all(struct account_ticket *t, enum account_answer answer)
{
	struct world *w = NP_CONTAINER(t, struct dial, ticket)->world;

	on_answered(t, answer);
	for (size_t i = 0; i < w->count; i++) {
		struct dial *d = &w->dials[i];
		if (!d->waits)
			continue;
		accounts_leave(w->all, &d->ticket);
		d->waits = false;
		end(d);
	}
}

static void
test_who_is_answered_may_end_others_that_wait(void **state)
{
	struct world *w = *state;

	begin(w, PASSWORD, REFUSES);
	fan_out(w);
	for (size_t i = 1; i < w->count; i++)
		w->dials[i].ticket.answered = leave_all;
	run(w, w->now + 10);
	assert_int_equal(attempts(w), 2);
}

static void
test_users_are_one_whatever_their_letters_case(void **state)
{
	struct world *w = *state;

	begin(w, PASSWORD, REFUSES);
	dial(w, 0, false);
	run(w, w->now + 1);
	w->user = "ADMIN";
	assert_int_equal(dial(w, 0, false)->reason, REASON_AUTH_BACKOFF);
	assert_int_equal(accounts_retry(w->all, "Admin"), 1);
}

static void
test_mute_device_does_not_hold_up_who_is_proven(void **state)
{
	struct world *w = *state;
	struct dial *mute, *next, *third;

	begin(w, PASSWORD, ACCEPTS);
	dial(w, 0, false);
	run(w, w->now + 1);
	mute = dial(w, 1, false);
	mute->until = w->now + 30;
	next = dial(w, 2, false);
	third = dial(w, 1, false);
	accounts_look(w->all, &next->ticket, w->now + 1);
	assert_true(next->waits);
	w->now += 2;
	accounts_look(w->all, &next->ticket, w->now);
	assert_true(next->flies && third->waits); /* elsewhere, and one */
	next->until = w->now + 30;
	third = dial(w, 3, false);
	w->now += 2;
	accounts_look(w->all, &third->ticket, w->now);
	assert_true(third->waits);
}

static void
test_failed_question_behind_a_proven_password_bars_the_place_alone(void **state)
{
	struct world *w = *state;
	struct account_facts facts;

	begin(w, PASSWORD, ACCEPTS);
	fan_out(w);
	run(w, w->now + 10);
	for (int i = 0; i < 3; i++) {
		struct dial *d = dial(w, i, false);
		accounts_settle(w->all, &d->ticket, ACCOUNT_DOUBTED, NULL, "nobody answered", w->now);
		w->flying--;
		end(d);
	}
	only(w, &facts);
	assert_int_equal(facts.state, ACCOUNT_PROVEN);
	assert_int_equal(facts.refused_places, 3);
	assert_int_equal(dial(w, 0, false)->reason, REASON_AUTH_BACKOFF);
	assert_true(dial(w, 5, false)->flies);
	/* Of what is not, nobody knows which of both was wrong. */
	(void)snprintf(w->words, sizeof(w->words), "unproven");
	for (int i = 0; i < 2; i++) {
		struct dial *d = dial(w, i, false);
		accounts_settle(w->all, &d->ticket, ACCOUNT_DOUBTED, NULL, "wrong code", w->now);
		w->flying--;
		end(d);
	}
	assert_int_equal(dial(w, 5, false)->reason, REASON_AUTH_BACKOFF);
}

/* Whether a command may be asked for words; what it printed is refused. */
static bool
command_goes(struct world *w, int place, uint64_t words)
{
	struct account_ticket t = {.answered = on_answered};
	enum account_answer answer;
	char name[32];

	(void)snprintf(name, sizeof(name), "192.0.2.%d:22", place + 1);
	t.claim = (struct account_claim){.user = xstrdup("admin"),
	    .place = xstrdup(name),
	    .command = true,
	    .secret = secret_make("password_command date")};
	answer = accounts_ask(w->all, &t, w->now);
	if (answer == ACCOUNT_BARRED)
		assert_non_null(strstr(t.why.text, "the password command of admin is barred"));
	accounts_words(&t, words);
	accounts_settle(w->all, &t, ACCOUNT_DENIED, NULL, "refused", w->now);
	account_claim_finish(&t.claim);
	return answer == ACCOUNT_GO;
}

static void
test_command_of_which_two_different_words_were_refused_is_barred(void **state)
{
	struct world *w = *state;
	struct account_facts facts;

	begin(w, PASSWORD, REFUSES);
	for (int i = 0; i < 5; i++) /* the same words: their own account's business */
		assert_true(command_goes(w, i, 7));
	assert_true(command_goes(w, 0, 8));
	assert_false(command_goes(w, 9, 9));
	only(w, &facts);
	assert_true(facts.command);
	assert_int_equal(accounts_retry(w->all, "admin"), 1);
	assert_true(command_goes(w, 9, 10));
}

/* It waited for the command while the words were refused elsewhere. */
static void
test_login_that_was_under_way_at_the_failure_has_failed(void **state)
{
	struct world *w = *state;
	struct account_ticket t = {.answered = on_answered};
	double began;

	begin(w, PASSWORD, REFUSES);
	began = w->now;
	fan_out(w);
	run(w, w->now + 10);
	t.claim = (struct account_claim){.user = xstrdup("admin"),
	    .place = xstrdup("192.0.2.9:22"),
	    .began = began,
	    .secret = secret_make(w->words)};
	assert_int_equal(accounts_ask(w->all, &t, w->now), ACCOUNT_BARRED);
	assert_int_equal(t.why.reason, REASON_AUTH_FAILED);
	t.claim.began = w->now;
	assert_int_equal(accounts_ask(w->all, &t, w->now), ACCOUNT_BARRED);
	assert_int_equal(t.why.reason, REASON_AUTH_BACKOFF);
	account_claim_finish(&t.claim);
}

static void
test_answer_insists_on_what_was_refused_before_its_question_only(void **state)
{
	struct world *w = *state;

	begin(w, PASSWORD, REFUSES);
	w->asked = w->now;
	for (int i = 0; i < PLACES; i++)
		dial(w, i, true);
	run(w, w->now + 10);
	assert_int_equal(attempts(w), 2);
	for (int i = 0; i < PLACES; i++) /* asked with the others, answered later: equal words */
		assert_int_equal(dial(w, i, true)->reason, REASON_AUTH_BACKOFF);
	w->asked = w->now;
	assert_true(dial(w, 0, true)->flies);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matrix_of_what_servers_see),
	    TEST(test_gate_opens_step_by_step_and_never_wider_than_what_succeeded),
	    TEST(test_one_place_is_opened_step_by_step_too),
	    TEST(test_who_waits_at_the_failure_has_failed_who_comes_later_is_barred),
	    TEST(test_requests_behind_the_logins_are_counted),
	    TEST(test_another_secret_or_user_is_another_account),
	    TEST(test_enable_secret_is_another_account_than_the_password_of_the_same_words),
	    TEST(test_what_a_person_insists_on_is_tried_and_opens_the_gate),
	    TEST(test_wishes_of_many_people_at_once_are_one),
	    TEST(test_retry_forgets_what_bars_that_user),
	    TEST(test_scope_of_the_device_keeps_equal_words_apart),
	    TEST(test_key_that_one_host_lacks_says_nothing_about_others_or_other_keys),
	    TEST(test_changed_agent_shows_what_is_new_and_its_rest_once_when_some_have_gone),
	    TEST(test_key_of_a_proven_place_that_is_swallowed_once_is_shown_once_more),
	    TEST(test_who_leaves_waits_no_longer_and_holds_nobody_up),
	    TEST(test_what_was_not_offered_is_no_refusal),
	    TEST(test_what_only_people_were_refused_with_is_not_worth_keeping),
	    TEST(test_giving_up_bars_what_is_unproven_and_spares_what_is_proven_once),
	    TEST(test_two_silences_in_a_row_close_the_gate_of_what_is_proven),
	    TEST(test_no_account_is_refused_because_others_are),
	    TEST(test_who_waits_is_told_for_what),
	    TEST(test_what_was_had_and_not_judged_is_told_apart_from_a_refusal),
	    TEST(test_code_behind_a_right_password_is_refused_alone),
	    TEST(test_success_that_began_before_a_refusal_opens_nothing),
	    TEST(test_slow_login_does_not_keep_the_gate_open),
	    TEST(test_slow_servers_open_it_all_the_same),
	    TEST(test_change_is_refused_by_those_under_way_alone),
	    TEST(test_who_is_answered_may_end_others_that_wait),
	    TEST(test_users_are_one_whatever_their_letters_case),
	    TEST(test_mute_device_does_not_hold_up_who_is_proven),
	    TEST(test_failed_question_behind_a_proven_password_bars_the_place_alone),
	    TEST(test_command_of_which_two_different_words_were_refused_is_barred),
	    TEST(test_login_that_was_under_way_at_the_failure_has_failed),
	    TEST(test_answer_insists_on_what_was_refused_before_its_question_only),
	};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
