/* See fakeconnector.h. */
#include "kit/fakeconnector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "target/sshconf.h"

#define JOBS_MAX 16

struct connector {
	struct ev_loop *loop;
	struct connector_events events;
	void *arg;
	ev_prepare turn; /* fed, never started: ends of what was cancelled */
	uint64_t last_id, last_prompt;
	struct fake_job jobs[JOBS_MAX];
};

static struct connector *latest;

static struct fake_job *
find(struct connector *c, uint64_t id)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (id != 0 && c->jobs[i].id == id)
			return &c->jobs[i];
	return NULL;
}

static struct fake_job *
need(uint64_t id)
{
	struct fake_job *job = find(latest, id);

	assert_non_null(job);
	return job;
}

static void
done(struct connector *c, struct fake_job *job, struct connect_result *r)
{
	struct fake_job gone = *job;

	*job = (struct fake_job){.id = 0};
	r->id = gone.id;
	r->kind = gone.attempt.kind;
	c->events.done(r, c->arg);
	dialled_discard(r->dialled);
	if (r->target != NULL)
		target_unref(r->target);
	secret_unref(r->password);
	file_stamps_finish(&r->read);
	attempt_finish(&gone.attempt);
}

static void
on_turn(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct connector *c = w->data;

	for (int i = 0; i < JOBS_MAX; i++)
		if (c->jobs[i].cancelled)
			done(c, &c->jobs[i], &(struct connect_result){.err = c->jobs[i].why});
}

/* ---- what the broker calls ---- */

struct connector *
connector_create(struct ev_loop *loop, int max_logins NP_UNUSED, struct accounts *accounts NP_UNUSED,
    const struct connector_events *events, void *arg)
{
	struct connector *c = xcalloc(1, sizeof(*c));

	c->loop = loop;
	c->events = *events;
	c->arg = arg;
	ev_prepare_init(&c->turn, on_turn);
	c->turn.data = c;
	latest = c;
	return c;
}

void
connector_destroy(struct connector *c)
{
	if (c == NULL)
		return;
	ev_clear_pending(c->loop, &c->turn);
	for (int i = 0; i < JOBS_MAX; i++)
		if (c->jobs[i].id != 0)
			attempt_finish(&c->jobs[i].attempt);
	free(c);
	latest = NULL;
}

uint64_t
connector_submit(struct connector *c, const struct attempt *attempt)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (c->jobs[i].id == 0) {
			c->jobs[i] = (struct fake_job){.id = ++c->last_id, .attempt = attempt_copy(attempt)};
			return c->last_id;
		}
	fail_msg("more than %d jobs", JOBS_MAX);
	return 0;
}

void
connector_cancel(struct connector *c, uint64_t id, enum np_reason reason, const char *text)
{
	struct fake_job *job = find(c, id);

	if (job == NULL || job->cancelled)
		return;
	job->cancelled = true;
	error_set(&job->why, reason, "%s", text);
	ev_feed_event(c->loop, &c->turn, EV_CUSTOM);
}

bool
connector_is_judged(struct connector *c NP_UNUSED, uint64_t id NP_UNUSED)
{
	return false;
}

uint64_t
connector_awaits(struct connector *c NP_UNUSED, uint64_t id NP_UNUSED)
{
	return 0;
}

bool
connector_answer(struct connector *c, uint64_t job_id, uint64_t prompt_id, struct secret *value)
{
	struct fake_job *job = find(c, job_id);

	if (job == NULL || job->prompt != prompt_id)
		return false;
	job->prompt = 0;
	job->answered = true;
	(void)snprintf(job->answer, sizeof(job->answer), "%s", value != NULL ? secret_text(value) : "");
	return true;
}

void
connector_counts(const struct connector *c, int *running, int *waiting)
{
	*running = *waiting = 0;
	for (int i = 0; i < JOBS_MAX; i++)
		*running += c->jobs[i].id != 0;
}

/* ---- what the test says ---- */

struct connector *
fakeconnector(void)
{
	return latest;
}

const struct fake_job *
fakeconnector_job(enum connect_kind kind)
{
	static const struct fake_job none;
	const struct fake_job *oldest = &none;

	for (int i = 0; i < JOBS_MAX; i++) {
		const struct fake_job *job = &latest->jobs[i];

		if (job->id != 0 && job->attempt.kind == kind && (oldest->id == 0 || job->id < oldest->id))
			oldest = job;
	}
	return oldest;
}

void
fakeconnector_resolve(uint64_t id, const char *ssh_says)
{
	struct fake_job *job = need(id);
	struct connect_result r = {.ok = true};

	assert_int_equal(job->attempt.kind, CONNECT_RESOLVE);
	r.target = target_make(job->attempt.device, ssh_says, NULL, &r.err);
	if (r.target == NULL)
		fail_msg("%s", r.err.text);
	done(latest, job, &r);
}

void
fakeconnector_connect(uint64_t id, struct dialled *dialled)
{
	struct fake_job *job = need(id);

	assert_int_equal(job->attempt.kind, CONNECT_DIAL);
	done(latest, job, &(struct connect_result){.ok = true, .dialled = dialled});
}

void
fakeconnector_fail(uint64_t id, enum np_reason reason, const char *text)
{
	struct connect_result r = {.ok = false};

	error_set(&r.err, reason, "%s", text);
	done(latest, need(id), &r);
}

void
fakeconnector_prompt(uint64_t id, enum prompt_kind kind, const char *text, bool echo)
{
	struct fake_job *job = need(id);
	struct connect_prompt prompt = {
	    .job_id = id, .prompt_id = ++latest->last_prompt, .kind = kind, .text = text, .echo = echo};

	job->prompt = prompt.prompt_id;
	job->answered = false;
	latest->events.prompt(&prompt, latest->arg);
}
