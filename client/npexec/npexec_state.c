/* The facts of a run that many events change: its status, its end, what a request is told. */
#include "npexec/npexec_impl.h"

struct npexec_job *
npexec_job_find(struct npexec *x, double id)
{
	struct npexec_job *job;

	TAILQ_FOREACH (job, &x->live, link) {
		if (job->busy && (double)job->id == id)
			return job;
	}
	return NULL;
}

void
npexec_add_status(struct npexec *x, struct npexec_job *job, int status)
{
	if (job != NULL && status > job->status)
		job->status = status;
	if (status > x->status)
		x->status = status;
}

size_t
npexec_send_input(struct npexec *x, struct npexec_job *job, const struct buf *b, size_t from)
{
	size_t n = b->len - from;

	n = n > FRAME_DATA_MAX ? FRAME_DATA_MAX : n;
	n = n > job->credit ? (size_t)job->credit : n;
	npclient_stdin(&x->client, job->id, buf_head(b) + from, n);
	job->credit -= n;
	npclient_flush(&x->client);
	return n;
}

void
npexec_cancel(struct npexec *x, struct npexec_job *job)
{
	if (job->cancelled || !job->busy)
		return;
	job->cancelled = true;
	npclient_notify(&x->client, job->id, "cancel", NULL);
}

void
npexec_cancel_all(struct npexec *x)
{
	struct npexec_job *job;

	TAILQ_FOREACH (job, &x->live, link)
		npexec_cancel(x, job);
}

void
npexec_end(struct npexec *x, int status)
{
	npexec_add_status(x, NULL, status);
	x->done = true;
}
