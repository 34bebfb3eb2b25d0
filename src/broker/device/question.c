/*
 * Questions that connectors ask people: relayed to the client at a terminal that waits, answered once, never kept.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/device/device_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"

/* Whoever tests is asked himself, and nobody else. */
static struct waiter *
trial_audience(const struct link *link)
{
	const struct witness *t = link_facts(link).witness;

	return t != NULL && t->waiter != NULL ? t->waiter->ops->audience(t->waiter, 0) : NULL;
}

/* Somebody at a terminal who waits for a session of this pool, or for one behind it. */
static struct waiter *
find_audience(struct device *dev, int depth)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &dev->policy.waiters, link) {
		struct waiter *found = waiter_of(w)->ops->audience(waiter_of(w), depth);
		if (found != NULL)
			return found;
	}
	return NULL;
}

struct waiter *
link_audience(struct link *link, int depth)
{
	struct device *dev = NP_CONTAINER(link_home(link), struct device, home);

	return link_entry(link)->trial ? trial_audience(link) : find_audience(dev, depth);
}

static const char *const kind_words[] = {
    [PROMPT_PASSWORD] = "password",
    [PROMPT_PASSPHRASE] = "passphrase",
    [PROMPT_KEYBOARD_INTERACTIVE] = "keyboard-interactive",
    [PROMPT_HOST_KEY] = "host_key",
    [PROMPT_SECRET] = "secret",
    [PROMPT_QUESTION] = "question",
};

/* Whether a person is being asked something that this pool's waiters wait for. */
static bool
pool_asks(const struct device *dev, int depth)
{
	const struct broker_prompt *p;
	struct pool_entry *e;

	TAILQ_FOREACH (p, &dev->all->prompts, link) {
		if (p->dev == dev && p->asker == NULL && !p->trial)
			return true;
	}
	TAILQ_FOREACH (e, &dev->policy.entries, link) {
		const struct waiter *way = link_facts(link_of_entry(e)).way;
		if (way != NULL && waiter_waits(way) && depth < FORWARD_HOPS_MAX && pool_asks(way->dev, depth + 1))
			return true;
	}
	return false;
}

static void
stop_clock(struct waiter *w, double now)
{
	w->queue_left = w->pool.deadline > 0 ? w->pool.deadline - now : 0;
	w->pool.deadline = 0;
	w->clock_stopped = true;
}

static void
start_clock(struct waiter *w, double now)
{
	w->pool.deadline = w->queue_left > 0 ? now + w->queue_left : 0;
	w->clock_stopped = false;
}

/* Queue limits do not run while a question is open.  Called whenever one opens or closes. */
static void
update_clocks(struct devices *all)
{
	struct device *dev;
	struct pool_waiter *w;
	double now = clock_now();

	TAILQ_FOREACH (dev, &all->list, link) {
		dev->asking = pool_asks(dev, 0);
		TAILQ_FOREACH (w, &dev->policy.waiters, link) {
			if (dev->asking && !waiter_of(w)->clock_stopped)
				stop_clock(waiter_of(w), now);
			else if (!dev->asking && waiter_of(w)->clock_stopped)
				start_clock(waiter_of(w), now);
		}
		device_kick(dev);
	}
}

static void
prompt_free(struct broker_prompt *p)
{
	struct devices *all = p->dev->all;

	ev_timer_stop(all->world.loop, &p->timer);
	TAILQ_REMOVE(&all->prompts, p, link);
	update_clocks(all);
	free(p->text);
	free(p);
}

static void
prompt_close(struct broker_prompt *p, struct secret *value)
{
	struct waiter *asker = p->asker;

	if (asker == NULL)
		jobs_answer(p->dev->all->world.jobs, p->job_id, p->prompt_id, value);
	prompt_free(p);
	if (asker != NULL)
		asker->ops->answered(asker, value);
}

static void
on_prompt_timeout(struct ev_loop *loop NP_UNUSED, ev_timer *w, int revents NP_UNUSED)
{
	struct broker_prompt *p = w->data;

	log_info("session", "%s: nobody answered within prompt_timeout", p->dev->conf->name);
	prompt_close(p, NULL);
}

static void
prompt_send(struct broker_prompt *p, struct waiter *w)
{
	const struct question q = {.prompt_id = p->prompt_id,
	    .device = p->dev->conf->name,
	    .kind = kind_words[p->kind],
	    .text = p->text,
	    .echo = p->echo};

	p->asked = w->pool.id;
	w->ops->ask(w, &q);
}

static struct broker_prompt *
prompt_create(struct device *dev, enum prompt_kind kind, const char *text, bool echo)
{
	struct broker_prompt *p = xcalloc(1, sizeof(*p));
	struct devices *all = dev->all;

	p->dev = dev;
	p->kind = kind;
	p->echo = echo;
	p->text = xstrdup(text);
	ev_timer_init(&p->timer, on_prompt_timeout, dev->conf->args.prompt_timeout, 0);
	p->timer.data = p;
	if (dev->conf->args.prompt_timeout > 0)
		ev_timer_start(all->world.loop, &p->timer);
	TAILQ_INSERT_TAIL(&all->prompts, p, link);
	return p;
}

/* Asks the person behind w, whose command waits for it (the caller has seen that there is one): see ops->answered. */
void
question_ask(struct waiter *w, enum prompt_kind kind, const char *text, bool echo)
{
	struct broker_prompt *p = prompt_create(w->dev, kind, text, echo);

	p->asker = w;
	/* Apart from the connectors' own numbers. */
	p->prompt_id = (UINT64_C(1) << 48) + devices_next_id(w->dev->all);
	prompt_send(p, w);
}

/* The command asks no longer: it ended, or the device went on by itself. */
void
question_drop(struct waiter *w)
{
	struct broker_prompt *p, *next;

	if (w->dev == NULL)
		return;
	TAILQ_FOREACH_SAFE (p, &w->dev->all->prompts, link, next) {
		if (p->asker == w)
			prompt_free(p);
	}
}

/* The dial of link asks. */
void
question_of_login(struct device *dev, struct link *link, const struct connect_prompt *prompt)
{
	struct devices *all = dev->all;
	bool trial = link_entry(link)->trial;
	struct waiter *w = link_audience(link, 0);
	struct broker_prompt *p;

	if (!trial)
		dev->prompted = true;
	if (w == NULL) {
		jobs_answer(all->world.jobs, prompt->job_id, prompt->prompt_id, NULL);
		return;
	}
	p = prompt_create(dev, prompt->kind, prompt->text, prompt->echo);
	p->job_id = prompt->job_id;
	p->trial = trial;
	p->prompt_id = prompt->prompt_id;
	update_clocks(all);
	prompt_send(p, w);
}

/* The person who was asked has left: ask the next one who waits, or give up. */
void
questions_reassign(struct devices *all, uint64_t asked)
{
	struct broker_prompt *p, *next;

	TAILQ_FOREACH_SAFE (p, &all->prompts, link, next) {
		struct waiter *w;
		if (p->asked != asked || p->asker != NULL)
			continue;
		w = p->trial ? NULL : find_audience(p->dev, 0);
		if (w != NULL)
			prompt_send(p, w);
		else
			prompt_close(p, NULL);
	}
}

bool
question_answer(struct devices *all, uint64_t asked, uint64_t prompt_id, struct secret *value)
{
	struct broker_prompt *p;

	TAILQ_FOREACH (p, &all->prompts, link) {
		if (p->prompt_id == prompt_id && p->asked == asked) {
			prompt_close(p, value);
			return true;
		}
	}
	return false;
}

static struct broker_prompt *
prompt_of(const struct device *dev)
{
	struct broker_prompt *p;

	TAILQ_FOREACH (p, &dev->all->prompts, link) {
		if (p->dev == dev)
			return p;
	}
	return NULL;
}

void
questions_drop_device(struct device *dev)
{
	struct broker_prompt *p;

	while ((p = prompt_of(dev)) != NULL) /* who asked may end, and others with him */
		prompt_close(p, NULL);
}

void
devices_drop_questions(struct devices *all)
{
	struct broker_prompt *p;

	while ((p = TAILQ_FIRST(&all->prompts)) != NULL)
		prompt_close(p, NULL);
}

/* Who asked has gone (the server closed the connection, the attempt was given up): nobody wants the answer. */
void
questions_drop_job(struct devices *all, uint64_t job_id)
{
	struct broker_prompt *p, *next;

	TAILQ_FOREACH_SAFE (p, &all->prompts, link, next) {
		if (p->asker == NULL && p->job_id == job_id)
			prompt_free(p);
	}
}

/* Something that the login of link has to say; NULL: what goes before all log-ins has. */
void
notice_of_login(struct device *dev, struct link *link, const char *text)
{
	const struct witness *t = link != NULL ? link_facts(link).witness : NULL;
	struct pool_waiter *w;

	log_info("session", "%s: %s", dev->conf->name, text);
	if (t != NULL)
		t->waiter->ops->notice(t->waiter, text);
	if (link != NULL && link_entry(link)->trial)
		return;
	TAILQ_FOREACH (w, &dev->policy.waiters, link)
		waiter_of(w)->ops->notice(waiter_of(w), text);
}
