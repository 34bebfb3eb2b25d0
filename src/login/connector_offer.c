/*
 * Between a dial and the accounts, the threads' half: by message, and the answer is waited for; see connector_gate.c.
 */
#include <stdlib.h>

#include "login/connector_job.h"
#include "base/clock.h"
#include "base/xalloc.h"

void
verdict_finish(struct job_verdict *v)
{
	free(v->denied);
	free(v->words);
}

int
hook_offer(struct account_claim *claim, struct np_error *err, void *arg)
{
	struct job *job = arg;
	struct mailbox *box = job->mailbox;
	struct message *m = message_new(MESSAGE_OFFER, job->id);
	double began = clock_now();
	int rc = -1;

	m->claim = account_claim_copy(claim);
	pthread_mutex_lock(&box->lock);
	job->offer_answered = false;
	mailbox_post(box, m);
	while (!job->offer_answered && !job->cancelled)
		pthread_cond_wait(&job->answer_came, &box->lock);
	if (!job->offer_answered) {
		*err = job->cancel_err;
	} else if (job->allowed) {
		rc = 0;
	} else {
		*err = job->why;
	}
	if (job->offer_answered) {
		free(claim->barred);
		claim->barred = job->barred;
		job->barred = NULL;
	}
	pthread_mutex_unlock(&box->lock);
	job->paused += clock_now() - began;
	return rc;
}

void
hook_judged(enum account_verdict verdict, const bool *denied, size_t count, const char *words, void *arg)
{
	struct job *job = arg;
	struct message *m = message_new(MESSAGE_JUDGED, job->id);

	m->verdict = (struct job_verdict){.verdict = verdict,
	    .denied = denied != NULL && count > 0 ? xmemdup(denied, count * sizeof(denied[0])) : NULL,
	    .words = xstrdup_null(words)};
	pthread_mutex_lock(&job->mailbox->lock);
	mailbox_post(job->mailbox, m);
	pthread_mutex_unlock(&job->mailbox->lock);
}
