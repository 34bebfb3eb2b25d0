/*
 * Between a dial and the accounts (src/account), the loop's half: a thread asks whether it may offer what it has in
 * hand (connector_offer.c); the accounts are asked, and it is told.  While it waits its time stands still.  Until it is
 * judged it takes none of the places for dials: it only waits, and others come as far as this meanwhile.
 */
#include "login/connector_job.h"
#include "base/clock.h"

/* The thread goes on by itself with what is written here; what it asked for is over when it was cancelled. */
static void
tell_thread(struct job *job, enum account_answer answer)
{
	struct account_ticket *t = &job->ticket;

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
	struct job *job = NP_CONTAINER(t, struct job, ticket);

	connector_park(job, false);
	connector_give_place(job, answer == ACCOUNT_GO);
	tell_thread(job, answer);
}

void
gate_asked(struct accounts *accounts, struct job *job, struct account_claim *claim)
{
	enum account_answer answer;

	account_claim_finish(&job->ticket.claim);
	job->ticket.claim = *claim;
	*claim = (struct account_claim){.user = NULL};
	job->ticket.answered = on_answered;
	if (job->cancelled)
		return;
	answer = accounts_ask(accounts, &job->ticket, clock_now());
	connector_give_place(job, answer != ACCOUNT_BARRED);
	if (answer == ACCOUNT_WAIT)
		connector_park(job, true);
	else
		tell_thread(job, answer);
}

void
gate_judged(struct accounts *accounts, struct job *job, const struct job_verdict *v)
{
	connector_give_place(job, false);
	accounts_settle(accounts, &job->ticket, v->verdict, v->denied, v->words, clock_now());
}

void
gate_left(struct accounts *accounts, struct job *job)
{
	if (accounts == NULL)
		return;
	connector_park(job, false);
	connector_give_place(job, false);
	accounts_leave(accounts, &job->ticket);
}

void
gate_ended(struct accounts *accounts, struct job *job)
{
	if (accounts == NULL)
		return;
	gate_left(accounts, job);
	/* Its thread was abandoned: nobody knows what became of what it had. */
	accounts_settle(
	    accounts, &job->ticket, ACCOUNT_GIVEN_UP, NULL, "nothing was heard of the login any more", clock_now());
}

uint64_t
gate_bars(const struct accounts *accounts, const struct job *job)
{
	const struct account_ticket *t = &job->ticket;

	if (accounts == NULL || t->claim.place == NULL || t->claim.kind != ACCOUNT_SECRET ||
	    !accounts_bar(accounts, t->account, t->claim.place))
		return 0;
	return t->account;
}
