/*
 * The names of users; see username.h.  Asker and thread share one counted object under a lock; whoever lets it go last
 * frees it, so that a directory that never answers costs a thread and nobody's time.
 */
#include "serve/username.h"

#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cond.h"
#include "base/xalloc.h"

#define STACK_SIZE (256u * 1024u) /* modules of nsswitch.conf run on it */
#define SCRATCH_SIZE 16384
#define PATIENCE_NS 5000000 /* what files and caches answer comes within that: then the first record has it */

struct username {
	pthread_mutex_t lock;
	pthread_cond_t done;
	unsigned holders;
	uid_t uid;
	bool known;
	char text[64];
};

static void
let_go(struct username *name)
{
	bool last;

	pthread_mutex_lock(&name->lock);
	last = --name->holders == 0;
	pthread_mutex_unlock(&name->lock);
	if (!last)
		return;
	pthread_cond_destroy(&name->done);
	pthread_mutex_destroy(&name->lock);
	free(name);
}

static void *
run(void *arg)
{
	struct username *name = arg;
	char *scratch = xmalloc(SCRATCH_SIZE);
	struct passwd pw, *user = NULL;
	bool found = getpwuid_r(name->uid, &pw, scratch, SCRATCH_SIZE, &user) == 0 && user != NULL;

	pthread_mutex_lock(&name->lock);
	if (found)
		snprintf(name->text, sizeof(name->text), "%s", pw.pw_name);
	name->known = true;
	pthread_cond_signal(&name->done);
	pthread_mutex_unlock(&name->lock);
	free(scratch);
	let_go(name);
	return NULL;
}

struct username *
username_ask(uid_t uid)
{
	struct username *name = xcalloc(1, sizeof(*name));
	struct timespec until;
	int rc = 0;

	name->uid = uid;
	name->holders = 2;
	pthread_mutex_init(&name->lock, NULL);
	cond_init(&name->done);
	if (thread_detach(run, name, STACK_SIZE) != 0) {
		name->holders = 1;
		let_go(name);
		return NULL;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&name->lock);
	while (!name->known && rc == 0)
		rc = pthread_cond_timedwait(&name->done, &name->lock, &until);
	pthread_mutex_unlock(&name->lock);
	return name;
}

const char *
username_text(struct username *name)
{
	bool known;

	if (name == NULL)
		return "";
	pthread_mutex_lock(&name->lock);
	known = name->known;
	pthread_mutex_unlock(&name->lock);
	return known ? name->text : "";
}

void
username_free(struct username *name)
{
	if (name != NULL)
		let_go(name);
}
