/*
 * The threads' half of the connectors: a job's life in its own thread, the hooks by which the dial reaches the loop,
 * the mailbox between them.  Nothing here but the first few functions runs on the loop.
 */
#include "login/connector_job.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "login/agent.h"
#include "base/clock.h"
#include "login/credential.h"
#include "login/dial.h"
#include "login/resolve.h"
#include "base/text.h"
#include "login/wake.h"
#include "base/xalloc.h"

#define STACK_SIZE (512u * 1024u)
#define AGENT_SECONDS 5.0

void
result_finish(struct connect_result *r)
{
	int status;

	if (r->session != NULL) {
		ssh_silent_disconnect(r->session);
		ssh_free(r->session);
	}
	if (r->session_fd != -1)
		close(r->session_fd);
	if (r->proxy_pid > 0) {
		/* Without the patience of child_kill(): this may be the loop's thread, and nothing is lost. */
		kill(-r->proxy_pid, SIGKILL);
		while (waitpid(r->proxy_pid, &status, 0) == -1 && errno == EINTR)
			;
	}
	if (r->target != NULL)
		target_unref(r->target);
	file_stamps_finish(&r->read);
	free(r->auth_method);
	secret_free(r->secret);
	secret_free(r->password);
}

struct message *
message_new(enum message_kind kind, uint64_t id)
{
	struct message *m = xcalloc(1, sizeof(*m));

	m->kind = kind;
	m->result.id = id;
	m->result.session_fd = -1;
	return m;
}

void
message_free(struct message *m)
{
	if (m->kind == MESSAGE_DONE)
		result_finish(&m->result);
	free(m->text);
	free(m);
}

struct mailbox *
mailbox_create(struct ev_loop *loop)
{
	struct mailbox *box = xcalloc(1, sizeof(*box));

	pthread_mutex_init(&box->lock, NULL);
	pthread_cond_init(&box->ended, NULL);
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

struct job *
job_create(struct mailbox *box, uint64_t id, const struct connect_request *request)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->id = id;
	job->kind = request->kind;
	job->mailbox = box;
	job->device = request->device != NULL ? device_conf_copy(request->device) : NULL;
	job->default_ssh_config = xstrdup_null(request->default_ssh_config);
	job->target = request->target != NULL ? target_ref(request->target) : NULL;
	job->agent_socket = xstrdup_null(request->agent_socket);
	job->login_suffix = xstrdup_null(request->login_suffix);
	job->ready_fd = request->kind == CONNECT_DIAL ? request->ready_fd : -1;
	job->timeout = request->timeout;
	job->prompt_timeout = request->prompt_timeout;
	job->for_shell = request->for_shell;
	job->steps = request->steps;
	job->no_login = request->no_login;
	job->refs = 1;
	job->watch_fd = -1;
	pthread_cond_init(&job->answer_came, NULL);
	return job;
}

static void
job_free(struct job *job)
{
	device_conf_free(job->device);
	if (job->target != NULL)
		target_unref(job->target);
	if (job->ready_fd != -1)
		close(job->ready_fd);
	if (job->watch_fd != -1)
		close(job->watch_fd);
	secret_free(job->answer);
	pthread_cond_destroy(&job->answer_came);
	free(job->default_ssh_config);
	free(job->agent_socket);
	free(job->login_suffix);
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
	if (job->timeout <= 0)
		return INFINITY;
	left = job->timeout - (clock_now() - job->started - job->paused);
	if (left <= 0) {
		error_set(err, REASON_CONNECT_TIMEOUT, "not done within %g s (connection_timeout)", job->timeout);
		return -1;
	}
	return left;
}

static char *
hook_ask(enum prompt_kind kind, const char *text, bool echo, void *arg)
{
	struct job *job = arg;
	struct mailbox *box = job->mailbox;
	struct message *m = message_new(MESSAGE_PROMPT, job->id);
	double began = clock_now();
	char *answer;

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
hook_notice(const char *text, void *arg)
{
	struct job *job = arg;
	struct message *m = message_new(MESSAGE_NOTICE, job->id);

	m->text = xstrdup(text);
	pthread_mutex_lock(&job->mailbox->lock);
	mailbox_post(job->mailbox, m);
	pthread_mutex_unlock(&job->mailbox->lock);
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
	job->step_ended = now;
	pthread_mutex_lock(&job->mailbox->lock);
	mailbox_post(job->mailbox, m);
	pthread_mutex_unlock(&job->mailbox->lock);
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
	struct dial_in in = {.target = job->target,
	    .agent_socket = job->agent_socket,
	    .login_suffix = job->login_suffix,
	    .ready_fd = job->ready_fd,
	    .no_login = job->no_login};
	struct dial_out out;

	/* First: a secret that cannot be had makes the login useless. */
	if (job->for_shell && credential_secret(job->target->device, hooks, &r->secret, &r->err) == -1)
		return;
	job->ready_fd = -1; /* the dial takes it over */
	r->ok = dial(&in, hooks, &out, &r->err) == 0;
	r->session = out.session;
	r->session_fd = out.fd;
	r->proxy_pid = out.proxy_pid;
	r->needed_person = out.needed_person;
	r->auth_method = out.auth_method;
	r->agent_keys_hash = out.agent_keys_hash;
	if (r->ok && job->for_shell && !password_was_used(r->auth_method))
		r->ok = credential_password(job->target->device, hooks, &r->password, &r->err) == 0;
}

static void
run_agent_keys(struct job *job, const struct dial_hooks *hooks, struct connect_result *r)
{
	double left = hooks->left(&r->err, job);
	int wake_fd = left < 0 ? -1 : wake_open(hooks, &r->err);

	if (wake_fd == -1)
		return;
	r->agent_keys_hash =
	    agent_keys_hash(job->target, job->agent_socket, left < AGENT_SECONDS ? left : AGENT_SECONDS, wake_fd);
	wake_close(hooks, wake_fd);
	r->ok = true;
}

static void
run_job(struct job *job, struct connect_result *r)
{
	struct dial_hooks hooks = {
	    .ask = hook_ask, .notice = hook_notice, .watch_fd = hook_watch_fd, .left = hook_left, .arg = job};

	if (job->steps)
		hooks.step = hook_step;
	switch (job->kind) {
	case CONNECT_RESOLVE:
		r->target = resolve_target(job->device, job->default_ssh_config, &hooks, &r->read, &r->err);
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
	bool abandoned, last;

	ssh_set_log_level(SSH_LOG_NONE); /* libssh keeps it per thread */
	job->started = job->step_ended = clock_now();
	m->result.kind = job->kind;
	run_job(job, &m->result);
	m->result.duration = clock_now() - job->started - job->paused;

	pthread_mutex_lock(&box->lock);
	abandoned = job->abandoned;
	pthread_mutex_unlock(&box->lock);
	if (abandoned) {
		/* Nobody waits: what came of it ends here, not on the loop. */
		message_free(m);
		m = message_new(MESSAGE_GONE, job->id);
	}
	pthread_mutex_lock(&box->lock);
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
	pthread_attr_t attr;
	sigset_t all, old;
	int rc;

	pthread_mutex_lock(&job->mailbox->lock);
	job->mailbox->refs++;
	job->mailbox->threads++;
	job->refs++;
	pthread_mutex_unlock(&job->mailbox->lock);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	/* Signals are the main thread's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&job->thread, &attr, thread_main, job);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (rc == 0)
		return 0;
	pthread_mutex_lock(&job->mailbox->lock);
	job->mailbox->threads--;
	job->refs--;
	mailbox_leave(job->mailbox);
	return rc;
}
