/*
 * The gate before accounts (src/account), for what a shell's own login types: passwords behind a name that the device
 * asked for, secrets that lead to the privileged mode.  Servers count these as they count those of SSH.
 *
 * One at a time, as the driver has them: it asks (CLI_EVENT_OFFER), waits while it must, and says what became of it.
 */
#include "broker/link/link_impl.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "login/claim.h"

struct link_offer {
	struct link *link;
	struct account_ticket ticket;
	struct account_ticket printer; /* of the command that printed it, or none */
	struct account_ticket *waits;  /* which of both */
	ev_timer notice;               /* it has waited for a while */
};

static void
note_account(struct link *link, const struct account_ticket *t)
{
	if (accounts_bar(link->home->accounts, t->account, t->claim.place))
		link->is.account = t->account;
}

static void ask(struct link_offer *o, struct account_ticket *t);

/* The command that printed a secret is asked for before its words: who holds it may wait for them. */
static void
take_answer(struct link_offer *o, struct account_ticket *t, enum account_answer answer)
{
	struct link *link = o->link;
	bool barred = answer == ACCOUNT_BARRED;

	if (!barred && t == &o->printer) {
		ask(o, &o->ticket);
		return;
	}
	if (barred)
		note_account(link, t);
	cli_offer_answer(shell_cli(link->sh.shell), barred ? &t->why : NULL, clock_now());
	shell_wake(link->sh.shell);
}

/* So long a wait is told. */
static void
on_notice(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct link_offer *o = w->data;
	struct link *link = o->link;
	char text[256];

	accounts_describe_wait(o->waits, text, sizeof(text));
	link->home->events->notice(link, text);
	accounts_look(link->home->accounts, o->waits, clock_now());
}

static void
on_answered(struct account_ticket *t, enum account_answer answer)
{
	struct link_offer *o = NP_CONTAINER(t, struct link_offer, ticket);

	ev_timer_stop(o->link->home->loop, &o->notice);
	take_answer(o, t, answer);
}

static void
on_printer_answered(struct account_ticket *t, enum account_answer answer)
{
	struct link_offer *o = NP_CONTAINER(t, struct link_offer, printer);

	ev_timer_stop(o->link->home->loop, &o->notice);
	take_answer(o, t, answer);
}

static void
ask(struct link_offer *o, struct account_ticket *t)
{
	struct link_home *home = o->link->home;
	enum account_answer answer = accounts_ask(home->accounts, t, clock_now());

	accounts_words(&o->printer, o->ticket.account);
	if (answer != ACCOUNT_WAIT) {
		take_answer(o, t, answer);
		return;
	}
	o->waits = t;
	ev_timer_set(&o->notice, ACCOUNT_NOTICE_AFTER, 0.);
	ev_timer_start(home->loop, &o->notice);
}

static struct account_claim
claim_of(const struct link *link, const struct cli_event *event, struct secret *secret)
{
	struct account_claim claim = claim_make(link->is.target, event->enable ? ACCOUNT_ENABLE : ACCOUNT_SECRET);

	bool given = event->given && !secret_is_by_program(secret);
	bool opened = link->insists > 0 && link->state == LINK_LOGIN;

	claim.insists = given || opened;
	claim.unless_since = given ? 0 : link->insists;
	claim.began = clock_now();
	claim.secret = secret;
	return claim;
}

void
link_offer_ask(struct link *link, const struct cli_event *event)
{
	struct link_offer *o = xcalloc(1, sizeof(*o));
	struct secret *printer = NULL;

	link_offer_finish(link);
	link->sh.offer = o;
	o->link = link;
	ev_timer_init(&o->notice, on_notice, ACCOUNT_NOTICE_AFTER, 0);
	o->notice.data = o;
	if (!event->given)
		printer = claim_printer(link->is.target->device, event->enable ? ACCOUNT_ENABLE : ACCOUNT_SECRET);
	o->printer.answered = on_printer_answered;
	o->ticket.answered = on_answered;
	o->ticket.claim = claim_of(link, event, secret_ref(event->secret));
	if (printer != NULL) {
		o->printer.claim = claim_of(link, event, printer);
		o->printer.claim.command = true;
	}
	ask(o, printer != NULL ? &o->printer : &o->ticket);
}

bool
link_offer_is_judged(const struct link *link)
{
	return link->sh.offer != NULL && link->sh.offer->ticket.flies;
}

uint64_t
link_awaits(const struct link *link)
{
	const struct link_offer *o = link->sh.offer;

	if (link->state == LINK_DIALLING)
		return job_awaits(link->home->jobs, &link->dial);
	if (o == NULL)
		return 0;
	if (account_ticket_is_open(&o->ticket))
		return o->ticket.account;
	return account_ticket_is_open(&o->printer) ? o->printer.account : 0;
}

static void
settle(struct link *link, struct account_ticket *t, enum account_verdict verdict, const char *words)
{
	if (t->claim.user == NULL)
		return;
	accounts_leave(link->home->accounts, t);
	accounts_settle(link->home->accounts, t, verdict, NULL, words, clock_now());
	note_account(link, t);
	account_claim_finish(&t->claim);
}

static void
settle_both(struct link *link, enum account_verdict verdict, const char *words)
{
	struct link_offer *o = link->sh.offer;

	if (o == NULL)
		return;
	ev_timer_stop(link->home->loop, &o->notice);
	settle(link, &o->printer, verdict, words);
	settle(link, &o->ticket, verdict, words);
	link->sh.offer = NULL;
	free(o);
}

void
link_offer_judged(struct link *link, const struct cli_event *event)
{
	static const enum account_verdict verdicts[] = {[CLI_ACCEPTED] = ACCOUNT_ACCEPTED,
	    [CLI_DENIED] = ACCOUNT_DENIED,
	    [CLI_UNJUDGED] = ACCOUNT_UNJUDGED,
	    [CLI_GIVEN_UP] = ACCOUNT_GIVEN_UP,
	    [CLI_UNUSED] = ACCOUNT_UNUSED};
	enum account_verdict verdict = verdicts[event->judged];

	if (verdict == ACCOUNT_UNJUDGED && (link->is.closing || link->sh.way_lost))
		verdict = ACCOUNT_GIVEN_UP;
	settle_both(link, verdict, event->text);
}

void
link_offer_finish(struct link *link)
{
	settle_both(link, ACCOUNT_GIVEN_UP, "the session has ended");
}
