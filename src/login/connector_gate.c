/*
 * Between a dial and the accounts (src/account), the loop's half: a thread asks whether it may offer what it has in
 * hand (connector_offer.c); the accounts are asked, and it is told.  While it waits its time stands still.  Until it is
 * judged it takes none of the places for dials: it only waits, and others come as far as this meanwhile.
 */
#include "login/connector_job.h"
#include "base/clock.h"
#include "base/xalloc.h"

/* The thread goes on by itself with what is written here; what it asked for is over when it was cancelled. */
static void
tell_thread(struct job *job, struct account_ticket *t, enum account_answer answer)
{
	pthread_mutex_lock(&job->mailbox->lock);
	job->allowed = answer == ACCOUNT_GO;
	job->why = t->why;
	job->barred = t->claim.barred;
	t->claim.barred = NULL;
	job->offer_answered = true;
	pthread_cond_signal(&job->answer_came);
	pthread_mutex_unlock(&job->mailbox->lock);
}

static void
on_answered(struct account_ticket *t, enum account_answer answer)
{
	struct job *job = NP_CONTAINER(t, struct job_offer, ticket)->job;

	connector_park(job, false);
	connector_give_place(job, answer == ACCOUNT_GO);
	tell_thread(job, t, answer);
}

/* The command whose words these are comes before them. */
static void
tell_commands(struct job *job, const struct account_ticket *words)
{
	struct job_offer *offer;

	TAILQ_FOREACH (offer, &job->offers, link)
		if (offer->ticket.claim.command && !words->claim.command && !words->claim.code)
			accounts_words(&offer->ticket, words->account);
}

void
gate_asked(struct accounts *accounts, struct job *job, struct account_claim *claim)
{
	enum account_answer answer;
	struct job_offer *offer;

	if (job->cancelled)
		return;
	offer = xcalloc(1, sizeof(*offer));
	offer->job = job;
	offer->ticket.claim = *claim;
	*claim = (struct account_claim){.user = NULL};
	offer->ticket.answered = on_answered;
	TAILQ_INSERT_TAIL(&job->offers, offer, link);
	answer = accounts_ask(accounts, &offer->ticket, clock_now());
	tell_commands(job, &offer->ticket);
	connector_give_place(job, answer != ACCOUNT_BARRED);
	if (answer == ACCOUNT_WAIT)
		connector_park(job, true);
	else
		tell_thread(job, &offer->ticket, answer);
}

static void
settle(struct accounts *accounts, struct job *job, enum account_kind kind, const struct job_verdict *v)
{
	struct job_offer *offer;

	TAILQ_FOREACH (offer, &job->offers, link)
		if (offer->ticket.claim.kind == kind)
			accounts_settle(accounts, &offer->ticket, v->verdict, v->denied, v->words, clock_now());
}

void
gate_judged(struct accounts *accounts, struct job *job, struct job_verdict *v)
{
	/* The end that it saw was made here: a limit is the server's doing, all else is not. */
	if ((v->verdict == ACCOUNT_UNJUDGED || v->verdict == ACCOUNT_DOUBTED) && job->cancelled &&
	    job->cancel_err.reason != REASON_CONNECT_TIMEOUT)
		v->verdict = ACCOUNT_GIVEN_UP;
	connector_give_place(job, false);
	settle(accounts, job, v->denied != NULL ? ACCOUNT_KEYS : ACCOUNT_SECRET, v);
}

void
gate_left(struct accounts *accounts, struct job *job)
{
	struct job_offer *offer;

	if (accounts == NULL)
		return;
	connector_park(job, false);
	connector_give_place(job, false);
	TAILQ_FOREACH (offer, &job->offers, link)
		accounts_leave(accounts, &offer->ticket);
}

void
gate_ended(struct accounts *accounts, struct job *job)
{
	/* Its thread was abandoned: nobody knows what became of what it had. */
	static char words[] = "nothing was heard of the login any more";
	static const struct job_verdict given_up = {.verdict = ACCOUNT_GIVEN_UP, .words = words};

	if (accounts == NULL)
		return;
	gate_left(accounts, job);
	settle(accounts, job, ACCOUNT_KEYS, &given_up);
	settle(accounts, job, ACCOUNT_SECRET, &given_up);
}

void
gate_look(struct accounts *accounts, struct job *job)
{
	accounts_look(accounts, &TAILQ_LAST(&job->offers, job_offers)->ticket, clock_now());
}

const struct account_ticket *
gate_ticket(const struct job *job)
{
	return &TAILQ_LAST(&job->offers, job_offers)->ticket;
}

bool
gate_is_judged(const struct job *job)
{
	const struct job_offer *offer;

	TAILQ_FOREACH (offer, &job->offers, link) {
		const struct account_ticket *t = &offer->ticket;
		if (t->claim.kind == ACCOUNT_SECRET && t->flies)
			return true;
	}
	return false;
}

uint64_t
gate_awaits(const struct job *job)
{
	const struct job_offer *offer;

	TAILQ_FOREACH_REVERSE(offer, &job->offers, job_offers, link)
	if (account_ticket_is_open(&offer->ticket))
		return offer->ticket.account;
	return 0;
}

uint64_t
gate_bars(const struct accounts *accounts, const struct job *job)
{
	const struct job_offer *offer;
	uint64_t account = 0;

	if (accounts == NULL)
		return 0;
	TAILQ_FOREACH (offer, &job->offers, link) {
		const struct account_ticket *t = &offer->ticket;
		if ((account == 0 || t->claim.kind == ACCOUNT_SECRET) &&
		    accounts_bar(accounts, t->account, t->claim.place))
			account = t->account;
	}
	return account;
}
