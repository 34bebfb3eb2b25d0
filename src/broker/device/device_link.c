/*
 * A device's sessions: made when its policy says so, or for a trial; what they tell is passed on to the policy, to who
 * listens, and to whoever else waits for room.
 */
#include <math.h>

#include "broker/device/device_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "broker/device/forward.h"

/* ---- the way through a jump host ---- */

static void
on_needs_way(struct link *link)
{
	forward_begin(device_of_link(link), link);
}

static void
on_gives_way_up(struct link *link)
{
	forward_end(link_way(link));
}

/* ---- the login ---- */

static void
on_prompt(struct link *link, const struct connect_prompt *prompt)
{
	question_of_login(device_of_link(link), link, prompt);
}

static void
on_notice(struct link *link, const char *text)
{
	notice_of_login(device_of_link(link), link, text);
}

static void
on_dialled(struct link *link, uint64_t job)
{
	questions_drop_job(device_of_link(link)->all, job);
}

/* What was dialled is not where the device is now. */
static bool
is_outdated(const struct device *dev, struct link *link)
{
	const struct target *now = dev->target, *dialled = link_facts(link).target;

	return !link_entry(link)->trial && now != dialled && !target_same_login(now, dialled);
}

static void
on_ready(struct link *link)
{
	struct device *dev = device_of_link(link);

	dev->agent_hashes_count = 0;
	dev->prompted = false;
	pool_connect_done(&dev->policy, link_entry(link), link_facts(link).needed_person, clock_now());
	if (is_outdated(dev, link))
		pool_drain(link_entry(link), "its configuration changed while it connected");
	dev->logins++;
	dev->all->counts.logins++;
	device_report_up(dev, link);
	device_kick(dev);
}

static void
on_failed(struct link *link, const struct np_error *err, uint64_t agent_hash)
{
	struct device *dev = device_of_link(link);
	bool trial = link_entry(link)->trial;

	/* What a trial does not find out about the credentials must not hide when they were last found wrong. */
	if (!trial || err->reason == REASON_AUTH_FAILED) {
		device_failed(dev, link_tried(link), agent_hash);
		device_note_account(dev, link_facts(link).account, err);
	}
	if (err->reason == REASON_CANCELLED)
		device_tell_unjudged(dev, link);
	pool_connect_failed(&dev->policy, link_entry(link), err, clock_now());
	if (err->reason != REASON_CANCELLED && err->reason != REASON_SHUTTING_DOWN) { /* those are nobody's failure */
		dev->failures++;
		dev->all->counts.failures++;
	}
	if (!trial || err->reason != REASON_CANCELLED)
		device_report_failed(dev, link, err);
}

/* ---- its life ---- */

static void
on_closing(struct link *link)
{
	pool_closing(link_entry(link));
}

static void
on_closed(struct link *link, const struct np_error *why)
{
	device_report_down(device_of_link(link), link, why);
}

static void
on_gone(struct link *link)
{
	struct device *dev = device_of_link(link);
	struct devices *all = dev->all;
	struct session_stats stats = link_stats(link);

	dev->bytes_in += stats.bytes_in;
	dev->bytes_out += stats.bytes_out;
	if (link_entry(link)->pool != NULL)
		pool_entry_remove(link_entry(link));
	if (link_way(link) != NULL)
		forward_end(link_way(link));
	all->counts.sessions--;
	all->world.ended(all->world.arg);
	device_kick(dev);
	devices_kick_room(all);
}

static void
on_alive(struct link *link, double rtt)
{
	struct device *dev = device_of_link(link);

	pool_alive(link_entry(link), clock_now());
	if (rtt >= 0)
		metrics_rtt(dev->all->world.events->metrics, rtt);
	device_kick(dev);
}

static void
on_slots(struct link *link, int max)
{
	struct device *dev = device_of_link(link);

	/* Not compared with the entry's own number: that may have been brought up to date meanwhile. */
	if (max < dev->policy.max_channels)
		pool_learn_channels(&dev->policy, link_entry(link), max);
	device_kick(dev);
}

static void
on_freed(struct link *link, bool carried)
{
	struct device *dev = device_of_link(link);

	link_refresh(link);
	pool_release(link_entry(link), carried, clock_now());
	device_kick(dev);
	devices_kick_room(dev->all);
}

/* When that is over is the policy's to say: others may want the shell. */
static void
on_held(struct link *link, const struct holder *holder)
{
	pool_hold(link_entry(link), holder, clock_now());
	device_kick(device_of_link(link)); /* the holder's next request may wait already */
}

static void
on_unheld(struct link *link)
{
	pool_unhold(link_entry(link));
}

void
device_take_back(struct link *link)
{
	static const char taken[] = "others waited for longer than 5 s: the command line was given to them, and is in "
				    "its first mode again";
	const struct pool_entry *e = link_entry(link);

	log_info("shell", "%s#%llu: its lease was held for %.0f s: taken back", device_of_link(link)->conf->name,
	    (unsigned long long)link_facts(link).id, clock_now() - e->held_since);
	link_take_back(link, e->state == POOL_DRAINING ? link_hold_died : taken);
}

struct link *
device_kept(const struct device *dev, const struct holder *holder)
{
	return link_kept(&dev->home, holder);
}

/* By the platforms of now, which may be others than it was recognised by. */
static void
on_recognised(struct link *link, const struct platform *found)
{
	struct device *dev = device_of_link(link);
	struct devices *all = dev->all;
	struct platform *platform =
	    platforms_find(all->world.platforms, found != NULL ? found->name : PLATFORM_AUTODETECT);

	if (platform == NULL)
		return;
	if (found == NULL)
		log_info(
		    "platform", "%s: is %s no longer: to be recognised again", dev->conf->name, dev->platform->name);
	device_know(all, dev->conf->name, found != NULL ? found->name : NULL, link_was_asked(link));
	device_turn_out(dev, platform, found != NULL);
}

const struct link_events device_link_events = {
    .needs_way = on_needs_way,
    .gives_way_up = on_gives_way_up,
    .prompt = on_prompt,
    .notice = on_notice,
    .dialled = on_dialled,
    .ready = on_ready,
    .failed = on_failed,
    .closing = on_closing,
    .closed = on_closed,
    .gone = on_gone,
    .alive = on_alive,
    .slots = on_slots,
    .freed = on_freed,
    .held = on_held,
    .unheld = on_unheld,
    .recognised = on_recognised,
};

/* ---- made ---- */

static struct link *
make(struct device *dev, const struct link_wishes *wishes)
{
	struct devices *all = dev->all;

	all->counts.sessions++;
	return link_create(&dev->home, wishes);
}

/* The agent of the client whose request made us connect, so that its keys sign; else the daemon's own. */
static const char *
choose_agent(const struct device *dev, struct pool_waiter *w)
{
	struct pool_waiter *first = w != NULL ? w : TAILQ_FIRST(&dev->policy.waiters);

	for (w = first; w != NULL; w = TAILQ_NEXT(w, link)) {
		if (waiter_of(w)->agent_socket != NULL)
			return waiter_of(w)->agent_socket;
	}
	return dev->all->world.agent_socket;
}

/* A person waits for it, whatever servers think of the account: since when; who has been served wishes nothing more. */
static double
wished_at(const struct device *dev)
{
	struct pool_waiter *w;
	double at = 0;

	TAILQ_FOREACH (w, &dev->policy.waiters, link)
		at = fmax(at, waiter_of(w)->opens);
	return at;
}

/* Nobody else waits. */
static bool
is_for_ssh(const struct device *dev)
{
	struct pool_waiter *w;

	TAILQ_FOREACH (w, &dev->policy.waiters, link)
		if (!waiter_of(w)->as_ssh)
			return false;
	return !TAILQ_EMPTY(&dev->policy.waiters);
}

void
device_connect(struct device *dev, const struct pool_action *action)
{
	const struct waiter *w = action->private_use && action->waiter != NULL ? waiter_of(action->waiter) : NULL;
	const struct link_wishes wishes = {.id = devices_next_id(dev->all),
	    .target = dev->target,
	    .agent_socket = choose_agent(dev, action->waiter),
	    .records = w != NULL && w->records,
	    .sees_login = w != NULL && w->sees_login,
	    .insists = wished_at(dev),
	    .for_ssh = is_for_ssh(dev)};
	struct link *link = make(dev, &wishes);

	pool_connect_started(&dev->policy, link_entry(link), wishes.id, clock_now());
	link_begin(link);
}

void
device_try(struct device *dev, struct target *target, struct witness *t)
{
	const struct link_wishes wishes = {.id = devices_next_id(dev->all),
	    .target = target,
	    .agent_socket = t->agent_socket != NULL ? t->agent_socket : dev->all->world.agent_socket,
	    .witness = t};
	struct link *link = make(dev, &wishes);

	pool_trial_started(&dev->policy, link_entry(link), wishes.id, clock_now());
	link_begin(link);
}

/* ---- ended ---- */

void
device_drain_link(struct link *link, const char *why)
{
	pool_drain(link_entry(link), why);
	device_kick(device_of_link(link));
	link_tell_drain(link, why);
}
