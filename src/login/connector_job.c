/*
 * The threads' half of the connectors: a job's life in its own thread, the hooks by which the dial reaches the loop,
 * the mailbox between them.  Nothing here but the first few functions runs on the loop.
 */
#include "login/connector_job.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libssh/libssh.h>

#include "login/agent.h"
#include "base/clock.h"
#include "base/cond.h"
#include "login/dial.h"
#include "login/resolve.h"
#include "base/text.h"
#include "login/hooks.h"
#include "base/xalloc.h"

#define AGENT_SECONDS 5.0

void
result_finish(struct connect_result *r)
{
	dialled_discard(r->dialled);
	target_unref(r->target);
	secret_unref(r->password);
	file_stamps_finish(&r->read);
}

struct message *
message_new(enum message_kind kind, uint64_t id)
{
	struct message *m = xcalloc(1, sizeof(*m));

	m->kind = kind;
	m->result.id = id;
	return m;
}

void
message_free(struct message *m)
{
	if (m->kind == MESSAGE_DONE)
		result_finish(&m->result);
	account_claim_finish(&m->claim);
	verdict_finish(&m->verdict);
	free(m->text);
	free(m);
}

struct mailbox *
mailbox_create(struct ev_loop *loop)
{
	struct mailbox *box = xcalloc(1, sizeof(*box));

	pthread_mutex_init(&box->lock, NULL);
	cond_init(&box->ended);
	TAILQ_INIT(&box->queue);
	box->refs = 1;
	box->loop = loop;
	return box;
}

void
mailbox_post(struct mailbox *box, struct message *m)
{
	TAILQ_INSERT_TAIL(&box->queue, m, link);
	if (!box->closed)
		ev_async_send(box->loop, &box->async);
}

void
mailbox_leave(struct mailbox *box)
{
	struct message *m;
	bool last = --box->refs == 0;

	pthread_mutex_unlock(&box->lock);
	if (!last)
		return;
	while ((m = TAILQ_FIRST(&box->queue)) != NULL) {
		TAILQ_REMOVE(&box->queue, m, link);
		message_free(m);
	}
	pthread_cond_destroy(&box->ended);
	pthread_mutex_destroy(&box->lock);
	free(box);
}

struct attempt
attempt_copy(const struct attempt *a)
{
	struct attempt copy = *a;

	copy.device = a->device != NULL ? device_conf_copy(a->device) : NULL;
	copy.default_ssh_config = xstrdup_null(a->default_ssh_config);
	copy.target = a->target != NULL ? target_ref(a->target) : NULL;
	copy.agent_socket = xstrdup_null(a->agent_socket);
	copy.login_suffix = xstrdup_null(a->login_suffix);
	copy.login_answers = (struct strings){0};
	strings_add_all(&copy.login_answers, &a->login_answers);
	if (a->kind != CONNECT_DIAL)
		copy.ready_fd = -1;
	return copy;
}

/* The members are const for those who lend them; a copy's are its own. */
static void
release(const char *text)
{
	free((void *)(uintptr_t)text);
}

void
attempt_finish(struct attempt *a)
{
	device_conf_free((struct device_conf *)(uintptr_t)a->device);
	release(a->default_ssh_config);
	target_unref(a->target);
	release(a->agent_socket);
	release(a->login_suffix);
	strings_finish(&a->login_answers);
	if (a->ready_fd != -1)
		close(a->ready_fd);
}

struct job *
job_create(struct mailbox *box, uint64_t id, const struct attempt *attempt)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->id = id;
	job->attempt = attempt_copy(attempt);
	job->mailbox = box;
	job->refs = 1;
	job->watch_fd = -1;
	TAILQ_INIT(&job->offers);
	pthread_cond_init(&job->answer_came, NULL);
	return job;
}

static void
job_free(struct job *job)
{
	struct job_offer *offer;

	attempt_finish(&job->attempt);
	if (job->watch_fd != -1)
		close(job->watch_fd);
	secret_unref(job->answer);
	while ((offer = TAILQ_FIRST(&job->offers)) != NULL) {
		TAILQ_REMOVE(&job->offers, offer, link);
		account_claim_finish(&offer->ticket.claim);
		free(offer);
	}
	free(job->barred);
	pthread_cond_destroy(&job->answer_came);
	free(job);
}

void
job_release(struct job *job)
{
	bool last;

	pthread_mutex_lock(&job->mailbox->lock);
	last = --job->refs == 0;
	pthread_mutex_unlock(&job->mailbox->lock);
	if (last)
		job_free(job);
}

void
job_error_late(const struct job *job, struct np_error *err)
{
	error_set(err, REASON_CONNECT_TIMEOUT, "not done within %g s (connection_timeout)", job->attempt.timeout);
}

static double
hook_left(struct np_error *err, void *arg)
{
	struct job *job = arg;
	bool cancelled;
	double left;

	pthread_mutex_lock(&job->mailbox->lock);
	cancelled = job->cancelled;
	if (cancelled && err != NULL)
		*err = job->cancel_err;
	pthread_mutex_unlock(&job->mailbox->lock);
	if (cancelled)
		return -1;
	if (job->attempt.timeout <= 0)
		return INFINITY;
	left = job->attempt.timeout - (clock_now() - job->started - job->paused);
	if (left > 0)
		return left;
	job_error_late(job, err);
	return -1;
}

static struct secret *
hook_ask(enum prompt_kind kind, const char *text, bool echo, void *arg)
{
	struct job *job = arg;
	struct mailbox *box = job->mailbox;
	struct message *m = message_new(MESSAGE_PROMPT, job->id);
	double began = clock_now();
	struct secret *answer;

	m->text = xstrdup(text);
	pthread_mutex_lock(&box->lock);
	job->asking = ++box->next_prompt;
	job->answered = false;
	m->prompt = (struct connect_prompt){
	    .job_id = job->id, .prompt_id = job->asking, .kind = kind, .text = m->text, .echo = echo};
	mailbox_post(box, m);
	while (!job->answered && !job->cancelled)
		pthread_cond_wait(&job->answer_came, &box->lock);
	answer = job->answer;
	job->answer = NULL;
	job->asking = 0;
	pthread_mutex_unlock(&box->lock);
	job->paused += clock_now() - began;
	return answer;
}

static void
post_text(struct job *job, struct message *m)
{
	pthread_mutex_lock(&job->mailbox->lock);
	mailbox_post(job->mailbox, m);
	pthread_mutex_unlock(&job->mailbox->lock);
}

static void
hook_notice(const char *text, void *arg)
{
	struct job *job = arg;
	struct message *m = message_new(MESSAGE_NOTICE, job->id);

	m->text = xstrdup(text);
	post_text(job, m);
}

static void
hook_step(const char *name, enum step_outcome outcome, const char *text, void *arg)
{
	struct job *job = arg;
	struct message *m = message_new(MESSAGE_STEP, job->id);
	double now = clock_now() - job->paused;

	m->text = text_vis(text, strlen(text), false);
	m->step =
	    (struct connect_step){.name = name, .outcome = outcome, .seconds = now - job->step_ended, .text = m->text};
	if (outcome != STEP_HEARD)
		job->step_ended = now;
	post_text(job, m);
}

static void
hook_watch_fd(int fd, int how, void *arg)
{
	struct job *job = arg;
	int old;

	pthread_mutex_lock(&job->mailbox->lock);
	old = job->watch_fd;
	job->watch_fd = fd;
	job->watch_how = how;
	if (fd != -1 && job->cancelled)
		shutdown(fd, how);
	pthread_mutex_unlock(&job->mailbox->lock);
	if (old != -1)
		close(old);
}

/* Whether the server has asked for the password, so that the shell behind it must not get it again. */
static bool
password_was_used(const char *auth_method)
{
	return auth_method != NULL &&
	       (strstr(auth_method, "password") != NULL || strstr(auth_method, "keyboard-interactive") != NULL);
}

static void
run_dial(struct job *job, const struct dial_hooks *hooks, struct connect_result *r)
{
	struct attempt *attempt = &job->attempt;
	const struct device_conf *device = attempt->target->device;
	struct secret *secret = NULL;

	/* First: a secret that cannot be had makes the login useless. */
	if (attempt->for_shell && credential_secret(device, hooks, &secret, &r->err) == -1)
		return;
	r->dialled = dial(attempt, hooks, &r->agent_keys_hash, &r->err);
	r->ok = r->dialled != NULL;
	if (!r->ok) {
		secret_unref(secret);
		return;
	}
	r->dialled->secret = secret;
	if (attempt->for_shell && !password_was_used(r->dialled->auth_method))
		r->ok = credential_password(device, hooks, &r->dialled->password, &r->err) == 0;
}

static void
run_agent_keys(struct job *job, const struct dial_hooks *hooks, struct connect_result *r)
{
	const struct device_conf *device = job->attempt.target->device;
	double left = hooks->left(&r->err, job);
	int wake_fd = left < 0 ? -1 : wake_open(hooks, &r->err);

	if (wake_fd == -1)
		return;
	r->agent_keys_hash = agent_keys_hash(
	    job->attempt.target, job->attempt.agent_socket, left < AGENT_SECONDS ? left : AGENT_SECONDS, wake_fd);
	wake_close(hooks, wake_fd);
	/* One that fails has printed nothing new. */
	if (job->attempt.for_secret)
		r->ok = credential_secret(device, hooks, &r->password, &r->err) == 0;
	else
		r->ok = !job->attempt.for_password || credential_password(device, hooks, &r->password, &r->err) == 0;
}

static void
run_job(struct job *job, struct connect_result *r)
{
	struct dial_hooks hooks = {
	    .ask = hook_ask, .notice = hook_notice, .watch_fd = hook_watch_fd, .left = hook_left, .arg = job};

	if (job->attempt.steps)
		hooks.step = hook_step;
	if (job->gated) {
		hooks.offer = hook_offer;
		hooks.judged = hook_judged;
	}
	switch (job->attempt.kind) {
	case CONNECT_RESOLVE:
		r->target =
		    resolve_target(job->attempt.device, job->attempt.default_ssh_config, &hooks, &r->read, &r->err);
		r->ok = r->target != NULL;
		break;
	case CONNECT_DIAL:
		run_dial(job, &hooks, r);
		break;
	case CONNECT_AGENT_KEYS:
		run_agent_keys(job, &hooks, r);
		break;
	}
}

static void *
thread_main(void *arg)
{
	struct job *job = arg;
	struct mailbox *box = job->mailbox;
	struct message *m = message_new(MESSAGE_DONE, job->id);
	bool last;

	ssh_set_log_level(SSH_LOG_NONE); /* libssh keeps it per thread */
	job->started = job->step_ended = clock_now();
	m->result.kind = job->attempt.kind;
	run_job(job, &m->result);
	m->result.duration = clock_now() - job->started - job->paused;

	pthread_mutex_lock(&box->lock);
	/* Nobody waits: what came of it ends here, not on the loop.  Until the message is posted that may come true. */
	while (job->abandoned && m->kind == MESSAGE_DONE) {
		pthread_mutex_unlock(&box->lock);
		message_free(m);
		m = message_new(MESSAGE_GONE, job->id);
		pthread_mutex_lock(&box->lock);
	}
	job->finished = true;
	mailbox_post(box, m);
	last = --job->refs == 0;
	box->threads--;
	pthread_cond_broadcast(&box->ended);
	mailbox_leave(box);
	if (last)
		job_free(job);
	return NULL;
}

int
job_start(struct job *job)
{
	int rc;

	pthread_mutex_lock(&job->mailbox->lock);
	job->mailbox->refs++;
	job->mailbox->threads++;
	job->refs++;
	pthread_mutex_unlock(&job->mailbox->lock);
	rc = thread_start(&job->thread, thread_main, job);
	if (rc == 0)
		return 0;
	pthread_mutex_lock(&job->mailbox->lock);
	job->mailbox->threads--;
	job->refs--;
	mailbox_leave(job->mailbox);
	return rc;
}
