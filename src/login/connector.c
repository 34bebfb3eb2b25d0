/*
 * Connectors, the loop's half: jobs in the order of their lane, their limits, their ends; see connector.h.
 *
 *   WAITING -> RUNNING -> (gone)          RUNNING -> ENDING -> (gone, or its thread abandoned)
 *             RUNNING <-> PARKED (at the gate before accounts: connector_gate.c)
 */
#include "login/connector.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "login/connector_job.h"
#include "base/log.h"
#include "base/state.h"
#include "base/xalloc.h"

/* How long a cancelled thread may take before it is given up. */
#define GRACE 0.5
/* Abandoned log-ins, all in name look-ups, that may exist beside max_logins; more of them count like running ones. */
#define ABANDONED_FREE 64
/* ssh -G takes milliseconds, but seconds where it waits for a name server, and so does an agent that hangs. */
#define LOOKUPS_MAX 64

/* Log-ins wait for devices that may not answer; what is done before that does not wait behind them. */
enum lane_use { LANE_LOGIN, LANE_LOOKUP, LANES };

struct lane {
	int running, waiting, max;
};

struct connector {
	struct ev_loop *loop;
	struct connector_events events;
	void *arg;
	struct mailbox *mailbox;
	struct lane lanes[LANES];
	struct jobs jobs;          /* waiting, running or ending, in the order in which they came */
	struct accounts *accounts; /* or NULL: dials offer what they have */
	int abandoned_count;
	int gates_count; /* of jobs that gave up their place */
	uint64_t next_id;
};

static struct lane *
lane_of(struct connector *c, const struct job *job)
{
	return &c->lanes[job->attempt.kind == CONNECT_DIAL ? LANE_LOGIN : LANE_LOOKUP];
}

static void
job_move(struct job *job, enum job_state state)
{
	static const char *const names[] = {
	    [JOB_WAITING] = "waiting",
	    [JOB_RUNNING] = "running",
	    [JOB_PARKED] = "parked",
	    [JOB_ENDING] = "ending",
	};
	static const unsigned moves[] = {
	    [JOB_WAITING] = STATE_TO(JOB_RUNNING),
	    [JOB_RUNNING] = STATE_TO(JOB_PARKED) | STATE_TO(JOB_ENDING),
	    [JOB_PARKED] = STATE_TO(JOB_RUNNING),
	    [JOB_ENDING] = 0,
	};
	static const struct state_machine machine = {"connector", names, moves};

	if (state_may_move(&machine, job->state, state, "job %llu", (unsigned long long)job->id))
		job->state = state;
}

static struct job *
find_job(struct connector *c, uint64_t id)
{
	struct job *job;

	TAILQ_FOREACH (job, &c->jobs, link)
		if (job->id == id)
			return job;
	return NULL;
}

static void
set_timer(struct job *job, enum timer_use use, double seconds)
{
	ev_timer_stop(job->connector->loop, &job->timer);
	job->timer_use = use;
	if (seconds <= 0)
		return;
	ev_timer_set(&job->timer, seconds, 0.);
	ev_timer_start(job->connector->loop, &job->timer);
}

/* Posts the end of a cancelled job whose thread will not do so. */
static void
post_failure(struct job *job)
{
	struct message *m = message_new(MESSAGE_DONE, job->id);

	m->result.kind = job->attempt.kind;
	m->result.err = job->cancel_err;
	pthread_mutex_lock(&job->mailbox->lock);
	job->finished = true;
	mailbox_post(job->mailbox, m);
	pthread_mutex_unlock(&job->mailbox->lock);
}

static bool
has_room(const struct connector *c, const struct lane *lane)
{
	int over = lane == &c->lanes[LANE_LOGIN] ? c->abandoned_count - ABANDONED_FREE : 0;

	return lane->running + (over > 0 ? over : 0) < lane->max;
}

/* The next to run: not one that was cancelled meanwhile and whose end is on the way. */
static struct job *
first_waiting(struct connector *c, const struct lane *lane)
{
	struct job *job;

	TAILQ_FOREACH (job, &c->jobs, link)
		if (job->state == JOB_WAITING && lane_of(c, job) == lane && !job->cancelled)
			return job;
	return NULL;
}

static void
start_lane(struct connector *c, struct lane *lane)
{
	struct job *job;
	char text[128];
	int rc;

	while (lane->waiting > 0 && has_room(c, lane) && (job = first_waiting(c, lane)) != NULL) {
		rc = job_start(job);
		if (rc == EAGAIN && c->lanes[LANE_LOGIN].running + c->lanes[LANE_LOOKUP].running + c->gates_count > 0)
			break; /* out of threads for now: again when one of ours has ended */
		if (rc != 0) {
			(void)snprintf(text, sizeof(text), "cannot start a thread: %s", strerror(rc));
			connector_cancel(c, job->id, REASON_INTERNAL, text);
			break;
		}
		lane->waiting--;
		lane->running++;
		job_move(job, JOB_RUNNING);
		set_timer(job, TIMER_LIMIT, job->attempt.timeout);
	}
}

static void
start_jobs(struct connector *c)
{
	for (int i = 0; i < LANES; i++)
		start_lane(c, &c->lanes[i]);
}

/* Takes a job off the list; the loop's reference is dropped. */
static void
remove_job(struct connector *c, struct job *job)
{
	struct lane *lane = lane_of(c, job);

	gate_ended(c->accounts, job);
	ev_timer_stop(c->loop, &job->timer);
	if (job->state == JOB_WAITING)
		lane->waiting--;
	else
		lane->running--;
	TAILQ_REMOVE(&c->jobs, job, link);
	job_release(job);
}

/* Who cancelled a job is not given its fruits, even if they came at the same moment. */
static void
override_result(const struct job *job, struct connect_result *r)
{
	struct connect_result empty = {.id = r->id, .kind = r->kind, .duration = r->duration, .err = job->cancel_err};

	if (job->state != JOB_ENDING || !r->ok)
		return;
	result_finish(r);
	*r = empty;
}

static void
deliver_done(struct connector *c, struct job *job, struct message *m)
{
	bool has_thread = job->state != JOB_WAITING && !job->abandoned;

	override_result(job, &m->result);
	if (has_thread)
		pthread_join(job->thread, NULL); /* it posted this as its last act */
	gate_ended(c->accounts, job);
	if (!m->result.ok)
		m->result.account = gate_bars(c->accounts, job);
	remove_job(c, job);
	c->events.done(&m->result, c->arg);
	start_jobs(c);
}

static void
stop_limit(struct job *job)
{
	struct ev_loop *loop = job->connector->loop;

	job->limit_left = 0;
	if (ev_is_active(&job->timer)) {
		job->limit_left = ev_timer_remaining(loop, &job->timer);
		if (job->limit_left < 0.001)
			job->limit_left = 0.001; /* 0 would mean that there is none */
	}
	ev_timer_stop(loop, &job->timer);
}

void
connector_park(struct job *job, bool parked)
{
	if (parked == (job->state == JOB_PARKED))
		return;
	if (parked)
		stop_limit(job);
	job_move(job, parked ? JOB_PARKED : JOB_RUNNING);
	if (parked)
		set_timer(job, TIMER_NOTICE, ACCOUNT_NOTICE_AFTER);
	else
		set_timer(job, TIMER_LIMIT, job->limit_left);
}

void
connector_give_place(struct job *job, bool gives)
{
	struct connector *c = job->connector;

	if (gives == job->gives_place)
		return;
	job->gives_place = gives;
	c->gates_count += gives ? 1 : -1;
	lane_of(c, job)->running += gives ? -1 : 1;
	start_jobs(c);
}

/* Others wait for the verdict on a secret that a server has: all the questions behind it have the time of one. */
static double
time_to_answer(struct job *job)
{
	bool judged = gate_is_judged(job);

	if (!judged || job->ask_left == 0)
		job->ask_left = judged ? job->attempt.prompt_timeout : 0;
	return judged ? job->ask_left : job->attempt.prompt_timeout;
}

static void
deliver_prompt(struct connector *c, struct job *job, struct message *m)
{
	if (job->state != JOB_RUNNING)
		return;
	/* The limit stands still while a person thinks. */
	stop_limit(job);
	job->prompt_id = m->prompt.prompt_id;
	set_timer(job, TIMER_PROMPT, time_to_answer(job));
	c->events.prompt(&m->prompt, c->arg);
}

static void
deliver(struct connector *c, struct message *m)
{
	struct job *job = find_job(c, m->result.id);

	if (m->kind == MESSAGE_GONE) {
		c->abandoned_count--;
		start_jobs(c);
	} else if (job == NULL) {
		; /* gone meanwhile */
	} else if (m->kind == MESSAGE_DONE) {
		deliver_done(c, job, m);
	} else if (m->kind == MESSAGE_PROMPT) {
		deliver_prompt(c, job, m);
	} else if (m->kind == MESSAGE_OFFER) {
		gate_asked(c->accounts, job, &m->claim);
	} else if (m->kind == MESSAGE_JUDGED) {
		gate_judged(c->accounts, job, &m->verdict);
	} else if (m->kind == MESSAGE_NOTICE) {
		c->events.notice(job->id, m->text, c->arg);
	} else if (c->events.step != NULL) {
		c->events.step(job->id, &m->step, c->arg);
	}
	message_free(m);
}

static void
async_fired(struct ev_loop *loop NP_UNUSED, struct ev_async *w, int revents NP_UNUSED)
{
	struct connector *c = w->data;
	struct mailbox *box = c->mailbox;
	struct messages taken = TAILQ_HEAD_INITIALIZER(taken);
	struct message *m;

	pthread_mutex_lock(&box->lock);
	TAILQ_CONCAT(&taken, &box->queue, link);
	pthread_mutex_unlock(&box->lock);
	while ((m = TAILQ_FIRST(&taken)) != NULL) {
		TAILQ_REMOVE(&taken, m, link);
		deliver(c, m);
	}
}

/* Nobody waits for the job's thread any more.  False: it has ended, or that was so already. */
static bool
let_go(struct job *job)
{
	bool now;

	pthread_mutex_lock(&job->mailbox->lock);
	now = !job->finished && !job->abandoned;
	job->abandoned |= now;
	pthread_mutex_unlock(&job->mailbox->lock);
	if (now)
		pthread_detach(job->thread);
	return now;
}

/* Gives up a thread that does not react: it is in a name look-up, which nothing can end. */
static void
abandon(struct connector *c, struct job *job)
{
	if (!let_go(job))
		return; /* its message is on the way */
	c->abandoned_count++;
	log_warning("connector", "job %llu: its thread does not end (a name look-up?) and is abandoned",
	    (unsigned long long)job->id);
	post_failure(job);
}

static void
timer_fired(struct ev_loop *loop NP_UNUSED, struct ev_timer *w, int revents NP_UNUSED)
{
	struct job *job = w->data;
	struct connector *c = job->connector;
	struct np_error err;

	switch (job->timer_use) {
	case TIMER_LIMIT:
		job_error_late(job, &err);
		connector_cancel(c, job->id, err.reason, err.text);
		break;
	case TIMER_PROMPT:
		c->events.notice(job->id, "nobody answered in time (prompt_timeout)", c->arg);
		connector_answer(c, job->id, job->prompt_id, NULL);
		break;
	case TIMER_NOTICE:
		accounts_describe_wait(gate_ticket(job), err.text, sizeof(err.text));
		c->events.notice(job->id, err.text, c->arg);
		gate_look(c->accounts, job);
		break;
	case TIMER_GRACE:
		abandon(c, job);
		break;
	}
}

struct connector *
connector_create(
    struct ev_loop *loop, int max_logins, struct accounts *accounts, const struct connector_events *events, void *arg)
{
	struct connector *c = xcalloc(1, sizeof(*c));
	struct mailbox *box = mailbox_create(loop);

	ev_async_init(&box->async, async_fired);
	box->async.data = c;
	ev_async_start(loop, &box->async);
	c->loop = loop;
	c->accounts = accounts;
	c->events = *events;
	c->arg = arg;
	c->mailbox = box;
	c->lanes[LANE_LOGIN].max = max_logins > 0 ? max_logins : 1;
	c->lanes[LANE_LOOKUP].max = LOOKUPS_MAX;
	TAILQ_INIT(&c->jobs);
	return c;
}

uint64_t
connector_submit(struct connector *c, const struct attempt *attempt)
{
	struct job *job = job_create(c->mailbox, ++c->next_id, attempt);

	job->connector = c;
	job->gated = c->accounts != NULL;
	ev_init(&job->timer, timer_fired);
	job->timer.data = job;
	TAILQ_INSERT_TAIL(&c->jobs, job, link);
	lane_of(c, job)->waiting++;
	start_jobs(c);
	return job->id;
}

static void
cancel_job(struct job *job, enum np_reason reason, const char *text)
{
	pthread_mutex_lock(&job->mailbox->lock);
	if (!job->cancelled)
		error_set(&job->cancel_err, reason, "%s", text);
	job->cancelled = true;
	if (job->watch_fd != -1)
		shutdown(job->watch_fd, job->watch_how);
	pthread_cond_signal(&job->answer_came);
	pthread_mutex_unlock(&job->mailbox->lock);
}

void
connector_cancel(struct connector *c, uint64_t id, enum np_reason reason, const char *text)
{
	struct job *job = find_job(c, id);

	if (job == NULL || job->cancelled)
		return;
	cancel_job(job, reason, text);
	if (job->state == JOB_WAITING) {
		post_failure(job);
		return;
	}
	gate_left(c->accounts, job);
	job_move(job, JOB_ENDING);
	set_timer(job, TIMER_GRACE, GRACE);
}

bool
connector_is_judged(struct connector *c, uint64_t id)
{
	struct job *job = find_job(c, id);

	return job != NULL && job->state == JOB_RUNNING && gate_is_judged(job);
}

uint64_t
connector_awaits(struct connector *c, uint64_t id)
{
	struct job *job = find_job(c, id);

	return job != NULL ? gate_awaits(job) : 0;
}

bool
connector_answer(struct connector *c, uint64_t job_id, uint64_t prompt_id, struct secret *value)
{
	struct job *job = find_job(c, job_id);
	bool taken = false;

	if (job == NULL || job->state != JOB_RUNNING)
		return false;
	pthread_mutex_lock(&job->mailbox->lock);
	if (job->asking != 0 && job->asking == prompt_id && !job->answered) {
		job->answer = secret_ref(value);
		job->answered = taken = true;
		pthread_cond_signal(&job->answer_came);
	}
	pthread_mutex_unlock(&job->mailbox->lock);
	if (taken && job->ask_left > 0)
		job->ask_left = fmax(ev_timer_remaining(c->loop, &job->timer), 0.001);
	if (taken)
		set_timer(job, TIMER_LIMIT, job->limit_left);
	return taken;
}

void
connector_counts(const struct connector *c, int *running, int *waiting)
{
	*running = c->lanes[LANE_LOGIN].running + c->lanes[LANE_LOOKUP].running + c->gates_count;
	*waiting = c->lanes[LANE_LOGIN].waiting + c->lanes[LANE_LOOKUP].waiting;
}

/* Waits at most a second until all threads have posted their last message. */
static void
wait_for_threads(struct mailbox *box)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&box->lock);
	while (box->threads > 0 && pthread_cond_timedwait(&box->ended, &box->lock, &until) == 0)
		;
	pthread_mutex_unlock(&box->lock);
}

void
connector_destroy(struct connector *c)
{
	struct mailbox *box;
	struct job *job;

	if (c == NULL)
		return;
	box = c->mailbox;
	pthread_mutex_lock(&box->lock);
	box->closed = true;
	pthread_mutex_unlock(&box->lock);
	ev_async_stop(c->loop, &box->async);
	TAILQ_FOREACH (job, &c->jobs, link)
		cancel_job(job, REASON_SHUTTING_DOWN, "the broker ends");
	wait_for_threads(box);
	while ((job = TAILQ_FIRST(&c->jobs)) != NULL) {
		if (job->state != JOB_WAITING && !let_go(job) && !job->abandoned)
			pthread_join(job->thread, NULL);
		remove_job(c, job);
	}
	pthread_mutex_lock(&box->lock);
	mailbox_leave(box);
	free(c);
}
