/*
 * The guests of the door that is everybody's: ssh clients that `npctl mux` or npssh has announced.
 *
 * ssh can be told one path for all that it connects to (ControlPath, a text with tokens), and no token names the key,
 * the way or the options by which it would log in.  So the path says nothing: whoever is to come is announced as a
 * process (its number, and when it began, for numbers come again), together with the device that its own arguments
 * resolve to, and gets to that device and no other.  A process that nobody has announced is refused, and goes by
 * itself.
 *
 *   announced --it connects--> a visit        --it does not, for a minute--> forgotten
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/process.h"
#include "base/xalloc.h"
#include "broker/door/door_impl.h"

#define GUESTS_MAX 4096
#define GUEST_SECONDS 60

struct guest {
	TAILQ_ENTRY(guest) link;
	pid_t pid;
	uint64_t started;
	double until;
	struct whither to;
};

struct whither
whither_copy(const struct whither *to)
{
	return (struct whither){.device = xstrdup(to->device),
	    .ref = xstrdup_null(to->ref),
	    .agent_socket = xstrdup_null(to->agent_socket),
	    .shell = to->shell};
}

void
whither_finish(struct whither *to)
{
	free(to->device);
	free(to->ref);
	free(to->agent_socket);
	*to = (struct whither){0};
}

static void
guest_free(struct doors *all, struct guest *g)
{
	TAILQ_REMOVE(&all->guests, g, link);
	all->guests_count--;
	whither_finish(&g->to);
	free(g);
}

static struct guest *
find(const struct doors *all, pid_t pid)
{
	struct guest *g;

	TAILQ_FOREACH (g, &all->guests, link)
		if (g->pid == pid)
			return g;
	return NULL;
}

int
guest_announce(struct doors *all, pid_t pid, const struct whither *to, struct np_error *err)
{
	uint64_t started = process_began(pid);
	struct guest *g = find(all, pid);

	if (all->guests_count >= GUESTS_MAX)
		return error_set(err, REASON_INTERNAL, "too many have been announced and have not come");
	if (started == 0)
		return error_set(err, REASON_INTERNAL, "the process that is to come cannot be seen");
	if (g != NULL)
		guest_free(all, g);
	g = xcalloc(1, sizeof(*g));
	g->pid = pid;
	g->started = started;
	g->until = clock_now() + GUEST_SECONDS;
	g->to = whither_copy(to);
	TAILQ_INSERT_TAIL(&all->guests, g, link);
	all->guests_count++;
	return 0;
}

bool
guest_comes(struct doors *all, pid_t pid, struct whither *to)
{
	struct guest *g = find(all, pid);
	bool known = g != NULL && g->started == process_began(pid);

	*to = known ? whither_copy(&g->to) : (struct whither){.device = xstrdup("ssh")};
	if (g != NULL)
		guest_free(all, g);
	return known;
}

void
guests_forget(struct doors *all, double before)
{
	struct guest *g, *next;

	TAILQ_FOREACH_SAFE (g, &all->guests, link, next)
		if (g->until <= before)
			guest_free(all, g);
}
