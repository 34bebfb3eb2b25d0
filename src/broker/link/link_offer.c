/*
 * The gate before accounts (src/account), for what a shell's own login types: passwords behind a name that the device
 * asked for, secrets that lead to the privileged mode.  Servers count these as they count those of SSH.
 *
 * One at a time, as the driver has them: it asks (CLI_EVENT_OFFER), waits while it must, and says what became of it.
 */
#include "broker/link/link_impl.h"
#include "base/clock.h"
#include "base/xalloc.h"

static struct link *
of_ticket(struct account_ticket *t)
{
	return NP_CONTAINER(t, struct link, sh.ticket);
}

static void
note_account(struct link *link)
{
	const struct account_ticket *t = &link->sh.ticket;

	if (accounts_bar(link->home->accounts, t->account, t->claim.place))
		link->is.account = t->account;
}

static void
tell_driver(struct link *link, enum account_answer answer)
{
	struct account_ticket *t = &link->sh.ticket;

	if (answer == ACCOUNT_BARRED)
		note_account(link);
	cli_offer_answer(shell_cli(link->sh.shell), answer == ACCOUNT_BARRED ? &t->why : NULL, clock_now());
	shell_wake(link->sh.shell);
}

/* So long a wait is told. */
static void
on_notice(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct link *link = w->data;
	char text[256];

	accounts_describe_wait(&link->sh.ticket, text, sizeof(text));
	link->home->events->notice(link, text);
}

void
link_offer_init(struct link *link)
{
	ev_timer_init(&link->sh.notice, on_notice, ACCOUNT_NOTICE_AFTER, 0);
	link->sh.notice.data = link;
}

static void
on_answered(struct account_ticket *t, enum account_answer answer)
{
	ev_timer_stop(of_ticket(t)->home->loop, &of_ticket(t)->sh.notice);
	tell_driver(of_ticket(t), answer);
}

void
link_offer_ask(struct link *link, const struct cli_event *event)
{
	struct account_ticket *t = &link->sh.ticket;
	const struct target *target = link->is.target;
	enum account_answer answer;

	account_claim_finish(&t->claim);
	*t = (struct account_ticket){.answered = on_answered,
	    .claim = {.kind = event->enable ? ACCOUNT_ENABLE : ACCOUNT_SECRET,
		.user = xstrdup(target->user),
		.place = target_place(target),
		.by_place = target->device->credential_scope == SCOPE_DEVICE,
		.insists = event->given || (link->insists && link->state == LINK_LOGIN),
		.secret = secret_ref(event->secret)}};
	answer = accounts_ask(link->home->accounts, t, clock_now());
	if (answer != ACCOUNT_WAIT) {
		tell_driver(link, answer);
		return;
	}
	ev_timer_set(&link->sh.notice, ACCOUNT_NOTICE_AFTER, 0.);
	ev_timer_start(link->home->loop, &link->sh.notice);
}

bool
link_offer_is_judged(const struct link *link)
{
	return link->sh.ticket.flies;
}

static void
settle(struct link *link, enum account_verdict verdict, const char *words)
{
	struct account_ticket *t = &link->sh.ticket;

	if (t->claim.user == NULL)
		return;
	ev_timer_stop(link->home->loop, &link->sh.notice);
	accounts_leave(link->home->accounts, t);
	accounts_settle(link->home->accounts, t, verdict, NULL, words, clock_now());
	note_account(link);
	account_claim_finish(&t->claim);
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
	settle(link, verdict, event->text);
}

void
link_offer_finish(struct link *link)
{
	if (link->home->accounts != NULL)
		settle(link, ACCOUNT_GIVEN_UP, "the session has ended");
}
