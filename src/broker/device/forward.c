/*
 * Ways through jump hosts; see forward.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "broker/device/device_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/state.h"
#include "base/xalloc.h"
#include "broker/device/forward.h"
#include "transport/relay.h"
#include "wire/json.h"

/*
 *   WAITING -> OPEN -> CLOSING (its relay ends)        WAITING -> CLOSING: given up before it was there
 */
enum forward_state { FORWARD_WAITING, FORWARD_OPEN, FORWARD_CLOSING };

/* Owned by the broker's list. */
struct forward {
	TAILQ_ENTRY(forward) entry; /* broker.forwards */
	struct devices *all;
	enum forward_state state;
	struct waiter waiter; /* of the jump host */
	struct lease lease;
	struct relay *relay;
	struct link *link; /* behind it; NULL: gone, or never to come */
	double begun, assigned;
};

static const char *const state_names[] = {
    [FORWARD_WAITING] = "waiting", [FORWARD_OPEN] = "open", [FORWARD_CLOSING] = "closing"};

static const unsigned moves[] = {
    [FORWARD_WAITING] = STATE_TO(FORWARD_OPEN) | STATE_TO(FORWARD_CLOSING),
    [FORWARD_OPEN] = STATE_TO(FORWARD_CLOSING),
    [FORWARD_CLOSING] = 0,
};

static const struct state_machine machine = {"request", state_names, moves};

static void
forward_move(struct forward *f, enum forward_state state)
{
	if (state_may_move(&machine, f->state, state, "%s: request %llu: way to the next", f->waiter.dev->conf->name,
		(unsigned long long)f->waiter.pool.id))
		f->state = state;
}

static struct forward *
of_waiter(struct waiter *w)
{
	return NP_CONTAINER(w, struct forward, waiter);
}

/* ---- the end ---- */

static void
forward_free(struct forward *f)
{
	struct devices *all = f->all;
	struct device *dev = f->waiter.dev;

	device_unwait(&f->waiter);
	link_release(&f->lease, NULL);
	dev->last_used = clock_now();
	dev->requests_done++;
	device_enter(NULL, &f->waiter);
	all->world.ended(all->world.arg);
	all->counts.ways--;
	TAILQ_REMOVE(&all->forwards, f, entry);
	free(f);
}

/* The link behind goes its own way from now on. */
static struct link *
let_go(struct forward *f)
{
	struct link *link = f->link;

	if (link != NULL)
		link_set_way(link, NULL);
	f->link = NULL;
	return link;
}

static void
name_failure(struct np_error *err, const struct device *jump)
{
	if (err->reason != REASON_CANCELLED && err->reason != REASON_SHUTTING_DOWN) { /* those are nobody's failure */
		if (err->reason != REASON_JUMP_FAILED)                                /* of several the last */
			err->cause = err->reason;
		err->reason = REASON_JUMP_FAILED;
	}
	error_prefix(err, "jump host %s", jump->conf->name);
}

/* There will be no way. */
static void
fail(struct forward *f, const struct np_error *why)
{
	struct link *link = let_go(f);
	struct np_error err = *why;

	name_failure(&err, f->waiter.dev);
	log_info("request", "%s: request %llu: %s: %s", f->waiter.dev->conf->name,
	    (unsigned long long)f->waiter.pool.id, reason_name(why->reason), why->text);
	forward_free(f);
	if (link != NULL)
		link_failed(link, &err);
}

/* Once: its end frees f. */
static void
close_relay(struct forward *f)
{
	if (f->state != FORWARD_OPEN)
		return;
	forward_move(f, FORWARD_CLOSING);
	relay_close(f->relay);
}

void
forward_end(struct waiter *way)
{
	struct forward *f = of_waiter(way);

	let_go(f);
	if (f->state == FORWARD_WAITING)
		forward_free(f);
	else
		close_relay(f);
}

/* The pair is closed, so that a dial over it ends: what it will say is less than what we know. */
static void
tell_dial(struct forward *f, const struct np_error *err)
{
	struct np_error why = *err;

	name_failure(&why, f->waiter.dev);
	if (f->link != NULL)
		link_way_lost(f->link, &why);
}

void
forward_kill(struct forward *f)
{
	struct np_error err;

	log_info("request", "%s: request %llu: killed by the operator", f->waiter.dev->conf->name,
	    (unsigned long long)f->waiter.pool.id);
	error_set(&err, REASON_JUMP_FAILED, "the connection through it was cancelled by the operator (npctl kill)");
	if (f->state == FORWARD_WAITING) {
		fail(f, &err);
		return;
	}
	tell_dial(f, &err);
	close_relay(f);
}

/* ---- open ---- */

static void
on_relay_opened(struct relay *relay NP_UNUSED, void *arg NP_UNUSED)
{
	/* The dial is already waiting at its end of the pair. */
}

static void
on_relay_closed(struct relay *relay NP_UNUSED, const struct np_error *err, void *arg)
{
	struct forward *f = arg;

	if (err != NULL && err->reason != REASON_NONE)
		tell_dial(f, err);
	let_go(f);
	forward_free(f);
}

static const struct relay_events relay_callbacks = {.opened = on_relay_opened, .closed = on_relay_closed};

/* The jump host's session is there: open the connection through it and dial over that. */
static void
on_assigned(struct waiter *w, struct link *jump)
{
	struct forward *f = of_waiter(w);
	const struct target *target = link_facts(f->link).target;
	struct np_error err;
	int pair[2];

	f->assigned = clock_now();
	link_lease(jump, &f->lease);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1) {
		error_set_errno(&err, REASON_JUMP_FAILED, "socketpair");
		fail(f, &err);
		return;
	}
	forward_move(f, FORWARD_OPEN);
	f->relay = relay_create(
	    f->all->world.loop, link_session(jump), target->host, target->port, pair[0], &relay_callbacks, f);
	link_dial_over(f->link, pair[1], w->dev->conf->name);
}

/* ---- waiting ---- */

static void
on_failed(struct waiter *w, const struct np_error *err)
{
	fail(of_waiter(w), err);
}

static void
on_notice(struct waiter *w NP_UNUSED, const char *text NP_UNUSED)
{
}

/* Who waits for the session behind it, or watches how that comes about. */
static struct waiter *
find_audience(struct waiter *w, int depth)
{
	const struct forward *f = of_waiter(w);

	return f->link != NULL && depth < FORWARD_HOPS_MAX ? link_audience(f->link, depth + 1) : NULL;
}

/* How the jump host is reached may tell those who wait behind it that they had better not go this way. */
static void
on_resolved(struct waiter *w)
{
	struct forward *f = of_waiter(w);
	struct device *behind = f->link != NULL ? device_of_link(f->link) : NULL;
	struct np_error err;

	if (behind == NULL || !device_is_awaited(behind))
		return;
	device_tell_resolved(behind);
	if (device_is_awaited(behind))
		return;
	error_set(&err, REASON_CANCELLED, "nobody waits for it any more");
	fail(f, &err);
}

static const struct waiter_ops waiter_callbacks = {.assigned = on_assigned,
    .failed = on_failed,
    .resolved = on_resolved,
    .notice = on_notice,
    .audience = find_audience};

/* The session that it carries holds the one of the jump host: it drains as well. */
static void
on_drains(struct lease *l, const char *why)
{
	const struct forward *f = NP_CONTAINER(l, const struct forward, lease);

	if (f->link != NULL)
		device_drain_link(f->link, why);
}

static const struct lease_events lease_callbacks = {.drains = on_drains};

/*
 * Whether a session of `behind` waits, over any number of hops, for one of `dev`: a jump through it would then wait
 * for itself.  Chains longer than FORWARD_HOPS_MAX count as endless.
 */
static bool
is_awaited_by(const struct device *dev, const struct device *behind, int depth)
{
	struct waiter *w;

	if (dev == behind || depth > FORWARD_HOPS_MAX)
		return true;
	TAILQ_FOREACH (w, &dev->users, user) {
		const struct forward *f = w->ops == &waiter_callbacks ? of_waiter(w) : NULL;
		if (f != NULL && f->link != NULL && is_awaited_by(device_of_link(f->link), behind, depth + 1))
			return true;
	}
	return false;
}

/* The jump host's device, or NULL with err. */
static struct device *
find_jump(struct device *dev, const struct target *target, struct np_error *err)
{
	struct device_ref ref = device_ref_of_jump(dev, target->proxy_jump);
	struct device *jump;

	jump = device_get(dev->all, &ref, WANT_CHANNEL, err);
	device_ref_finish(&ref);
	if (jump == NULL)
		return NULL;
	if (is_awaited_by(dev, jump, 0)) {
		error_set(err, REASON_JUMP_FAILED, "it leads back to %s, or through more than %d hops", dev->conf->name,
		    FORWARD_HOPS_MAX);
		return NULL;
	}
	return device_admit(jump, err) == 0 ? jump : NULL;
}

/* Who waits for the device waits for its jump host as well: a person may be asked, `npctl open` lifts blocks there. */
static void
inherit_wishes(struct waiter *mine, const struct device *dev, const struct witness *t)
{
	struct pool_waiter *w;

	mine->as_ssh = !TAILQ_EMPTY(&dev->policy.waiters);
	TAILQ_FOREACH (w, &dev->policy.waiters, link) {
		mine->interactive |= waiter_of(w)->interactive;
		mine->opens = fmax(mine->opens, waiter_of(w)->opens);
		mine->as_ssh &= waiter_of(w)->as_ssh;
	}
	if (t != NULL)
		mine->interactive |= t->waiter->interactive;
}

void
forward_begin(struct device *dev, struct link *link)
{
	struct devices *all = dev->all;
	const struct target *target = link_facts(link).target;
	struct np_error err;
	struct device *jump = find_jump(dev, target, &err);
	struct forward *f;

	if (jump == NULL) {
		err.reason = REASON_JUMP_FAILED;
		error_prefix(&err, "jump host %s", target->proxy_jump);
		link_failed(link, &err);
		return;
	}
	f = xcalloc(1, sizeof(*f));
	f->all = all;
	f->begun = clock_now();
	f->lease.events = &lease_callbacks;
	f->lease.carried = true;
	f->waiter.ops = &waiter_callbacks;
	f->waiter.pool.id = devices_next_id(all);
	f->waiter.pool.party = f->waiter.pool.id;
	f->waiter.pool.slotless = true;
	f->waiter.agent_socket = link_facts(link).agent_socket;
	f->waiter.queue_timeout = target->connection_timeout;
	f->link = link;
	link_set_way(link, &f->waiter);
	inherit_wishes(&f->waiter, dev, link_facts(link).witness);
	TAILQ_INSERT_TAIL(&all->forwards, f, entry);
	all->counts.ways++;
	device_enter(jump, &f->waiter);
	if (f->waiter.opens > 0)
		device_unblock(jump, false);
	device_wait(jump, &f->waiter);
}

/* ---- asked from outside ---- */

const struct device *
forward_device(const struct forward *f)
{
	return f->waiter.dev;
}

uint64_t
forward_id(const struct forward *f)
{
	return f->waiter.pool.id;
}

const struct forward *
forward_next(const struct devices *all, const struct forward *f)
{
	return f == NULL ? TAILQ_FIRST(&all->forwards) : TAILQ_NEXT(f, entry);
}

struct forward *
forward_by_id(struct devices *all, uint64_t id)
{
	struct forward *f;

	TAILQ_FOREACH (f, &all->forwards, entry) {
		if (f->waiter.pool.id == id)
			return f;
	}
	return NULL;
}

cJSON *
forward_json(const struct forward *f, double now)
{
	static const char *const zeros[] = {"index", "count", "bytes_in", "bytes_out"};
	cJSON *o = cJSON_CreateObject();
	bool queued = f->state == FORWARD_WAITING;

	cJSON_AddNumberToObject(o, "id", (double)f->waiter.pool.id);
	cJSON_AddNullToObject(o, "peer");
	cJSON_AddStringToObject(o, "device", f->waiter.dev->conf->name);
	cJSON_AddStringToObject(o, "kind", "forward");
	cJSON_AddStringToObject(o, "state", queued ? "queued" : "running");
	json_add_rounded(o, "age", now - f->begun, 10);
	json_add_rounded(o, "queue_ms", ((queued ? now : f->assigned) - f->begun) * 1000, 10);
	if (f->lease.link != NULL)
		cJSON_AddNumberToObject(o, "session", (double)link_facts(f->lease.link).id);
	else
		cJSON_AddNullToObject(o, "session");
	for (size_t i = 0; i < NP_COUNT(zeros); i++)
		cJSON_AddNumberToObject(o, zeros[i], 0);
	return o;
}

void
forwards_follow_drains(struct devices *all)
{
	struct forward *f;

	TAILQ_FOREACH (f, &all->forwards, entry) {
		if (f->waiter.dev->policy.draining && f->link != NULL && link_entry(f->link)->pool != NULL &&
		    device_of_link(f->link)->policy.waiters_count == 0)
			device_drain_link(f->link, "its jump host is drained by the operator");
	}
}
