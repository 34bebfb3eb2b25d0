/*
 * A connector's thread and the one lock that it shares with the loop.  The linker leads its unlocking through here
 * (--wrap), so that something can happen between any two of its lock sections.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "kit/dialkit.h"
#include "login/connector_job.h"

struct fixture {
	struct kit kit;
	struct target *target;
	struct mailbox *box;
};

/* Written before the thread starts, and by the thread. */
static struct {
	pthread_t test;
	struct job *job;
	int unlocks;    /* of the mailbox by the job's thread */
	int abandon_at; /* the loop gives the job up behind that one; 0: never */
} script;

int __real_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
	struct job *job = script.job;

	if (job == NULL || lock != &job->mailbox->lock || pthread_equal(pthread_self(), script.test))
		return __real_pthread_mutex_unlock(lock);
	/* What abandon() of connector.c does under the lock, before anybody else has it. */
	if (++script.unlocks == script.abandon_at)
		job->abandoned = !job->finished;
	return __real_pthread_mutex_unlock(lock);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kit_begin(&f->kit);
	f->target = kit_target(&f->kit, 22, "", "");
	script.test = pthread_self();
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	target_unref(f->target);
	kit_end(&f->kit);
	free(f);
	return 0;
}

/* Runs a job to its end; the kind of the one message that it leaves. */
static enum message_kind
run_job(struct fixture *f, int abandon_at)
{
	struct attempt request = {.kind = CONNECT_AGENT_KEYS, .target = f->target, .ready_fd = -1, .timeout = 20};
	struct mailbox *box = mailbox_create(NULL);
	struct message *m;
	enum message_kind kind;

	box->closed = true; /* no loop listens */
	script.job = job_create(box, 1, &request);
	script.unlocks = 0;
	script.abandon_at = abandon_at;
	assert_int_equal(job_start(script.job), 0);
	pthread_join(script.job->thread, NULL);
	m = TAILQ_FIRST(&box->queue);
	assert_non_null(m);
	assert_null(TAILQ_NEXT(m, link));
	kind = m->kind;
	job_release(script.job);
	script.job = NULL;
	pthread_mutex_lock(&box->lock);
	mailbox_leave(box);
	return kind;
}

static void
test_job_that_is_abandoned_at_any_moment_says_that_it_is_gone(void **state)
{
	struct fixture *f = *state;
	int unlocks;

	assert_int_equal(run_job(f, 0), MESSAGE_DONE);
	unlocks = script.unlocks;
	assert_true(unlocks > 1);
	/* Behind the last one it has told its end: the loop finds it finished. */
	for (int i = 1; i < unlocks; i++)
		assert_int_equal(run_job(f, i), MESSAGE_GONE);
	assert_int_equal(run_job(f, unlocks), MESSAGE_DONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_job_that_is_abandoned_at_any_moment_says_that_it_is_gone, setup, teardown),
	};

	unsetenv("SSH_AUTH_SOCK");
	return cmocka_run_group_tests_name("connector_job", tests, NULL, NULL);
}
