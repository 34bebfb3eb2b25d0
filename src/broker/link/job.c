/*
 * Answers of connectors, handed to who asked; see job.h.
 */
#include "broker/link/job.h"

#include "base/compiler.h"

void
jobs_init(struct jobs *jobs, struct connector *connector)
{
	*jobs = (struct jobs){.connector = connector};
}

static struct job *
find(const struct jobs *jobs, uint64_t id)
{
	struct hash_entry *e = hashtab_find(&jobs->table, id);

	return e != NULL ? NP_CONTAINER(e, struct job, entry) : NULL;
}

void
job_submit(struct jobs *jobs, struct job *j, const struct attempt *attempt)
{
	j->id = connector_submit(jobs->connector, attempt);
	hashtab_put(&jobs->table, &j->entry, j->id);
}

void
job_cancel(struct jobs *jobs, struct job *j, enum np_reason reason, const char *why)
{
	if (j->id != 0)
		connector_cancel(jobs->connector, j->id, reason, why);
}

bool
job_is_judged(const struct jobs *jobs, const struct job *j)
{
	return j->id != 0 && connector_is_judged(jobs->connector, j->id);
}

uint64_t
job_awaits(const struct jobs *jobs, const struct job *j)
{
	return j->id != 0 ? connector_awaits(jobs->connector, j->id) : 0;
}

void
job_forget(struct jobs *jobs, struct job *j)
{
	if (j->id != 0)
		hashtab_remove(&jobs->table, &j->entry);
	j->id = 0;
}

void
jobs_answer(struct jobs *jobs, uint64_t job, uint64_t prompt, struct secret *value)
{
	(void)connector_answer(jobs->connector, job, prompt, value);
}

bool
jobs_done(struct jobs *jobs, struct connect_result *result)
{
	struct job *j = find(jobs, result->id);

	if (j == NULL)
		return false;
	job_forget(jobs, j);
	j->events->done(j, result);
	return true;
}

void
jobs_finish(struct jobs *jobs)
{
	struct connect_result ended = {.err = {.reason = REASON_SHUTTING_DOWN, .text = "the broker ends"}};

	for (size_t i = 0; i < jobs->table.size; i++) {
		while (jobs->table.slots[i] != NULL) {
			struct job *j = NP_CONTAINER(jobs->table.slots[i], struct job, entry);
			ended.id = j->id;
			(void)jobs_done(jobs, &ended);
		}
	}
	hashtab_finish(&jobs->table);
}

void
jobs_prompt(struct jobs *jobs, const struct connect_prompt *prompt)
{
	struct job *j = find(jobs, prompt->job_id);

	if (j != NULL && j->events->prompt != NULL)
		j->events->prompt(j, prompt);
	else
		jobs_answer(jobs, prompt->job_id, prompt->prompt_id, NULL);
}

void
jobs_notice(struct jobs *jobs, uint64_t id, const char *text)
{
	struct job *j = find(jobs, id);

	if (j != NULL && j->events->notice != NULL)
		j->events->notice(j, text);
}

void
jobs_step(struct jobs *jobs, uint64_t id, const struct connect_step *step)
{
	struct job *j = find(jobs, id);

	if (j != NULL && j->events->step != NULL)
		j->events->step(j, step);
}
