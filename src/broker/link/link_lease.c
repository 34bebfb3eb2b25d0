/*
 * Leases of sessions: channels for many at once, or the shell for one after the other.  A shell may be kept where it is
 * by the client between two of its requests, or wait for a client that reads slowly; what it is given back for is that
 * others want it.
 */
#include <stdlib.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "base/log.h"

static const char hold_taken[] =
    "others waited for longer than 5 s: the command line was given to them, and is in its first mode again";
static const char hold_died[] = "the session has ended meanwhile: the command line of a new one is in its first mode";

static bool
has_shell(const struct link *link)
{
	return link->dev->platform != NULL;
}

static struct cli *
driver_of(const struct lease *l)
{
	struct shell *sh = l->link != NULL ? l->link->sh.shell : NULL;

	return sh != NULL ? shell_cli(sh) : NULL;
}

/* ---- begin and end ---- */

static void
unlist(struct lease *l)
{
	TAILQ_REMOVE(&l->link->leases, l, in_link);
	if (l->link->sh.runner == l)
		l->link->sh.runner = NULL;
	if (l->paused)
		pool_unhold(&l->link->entry);
	l->link = NULL;
	l->paused = false;
}

void
link_leases_leave(struct link *link)
{
	holder_drop(&link->sh.kept);
	while (!TAILQ_EMPTY(&link->leases))
		unlist(TAILQ_FIRST(&link->leases));
}

void
link_lease_over(struct link *link)
{
	link_shell_set_use(link, SHELL_FREE);
	pool_release(&link->entry, clock_now());
	device_kick(link->dev);
	devices_kick_room(link->dev->broker);
}

void
link_lease_died(struct link *link)
{
	if (link->sh.kept.holder != NULL)
		link->sh.kept.holder->lost = hold_died;
	holder_drop(&link->sh.kept);
}

/* Back to the mode after login; nobody has the shell. */
static void
begin_reset(struct link *link)
{
	struct np_error err;

	holder_drop(&link->sh.kept);
	pool_unhold(&link->entry);
	link_shell_set_use(link, SHELL_RESETTING);
	if (link->sh.shell == NULL || cli_state(shell_cli(link->sh.shell)) == CLI_CLOSED) {
		link_lease_over(link); /* the session ends with its shell: nobody gets it */
		return;
	}
	if (cli_reset(shell_cli(link->sh.shell), clock_now(), &err) == -1) {
		log_error("shell", "%s#%llu: %s", link->dev->conf->name, (unsigned long long)link->id, err.text);
		pool_closing(&link->entry);
		link_lease_over(link);
		session_close(link->session, REASON_INTERNAL, "%s", err.text);
		return;
	}
	shell_wake(link->sh.shell);
}

void
link_lease(struct link *link, struct lease *l)
{
	l->link = link;
	l->paused = false;
	TAILQ_INSERT_TAIL(&link->leases, l, in_link);
	if (!has_shell(link))
		return;
	pool_unhold(&link->entry);
	holder_drop(&link->sh.kept);
	link->sh.runner = l;
	link_shell_set_use(link, SHELL_LEASED);
}

/* When that is over is the policy's to say: others may want the shell. */
static void
rest(struct link *link, const struct holder *holder)
{
	pool_hold(&link->entry, holder, clock_now());
	device_kick(link->dev); /* the holder's next request may wait already */
}

static void
give_back_shell(struct link *link, struct holder *holder)
{
	bool alive = link->sh.shell != NULL && cli_state(shell_cli(link->sh.shell)) != CLI_CLOSED;

	if (holder == NULL || !alive || link->entry.private_use) {
		begin_reset(link);
		return;
	}
	holder_keep(holder, &link->sh.kept);
	rest(link, holder);
}

static void
give_back_channel(struct link *link, bool carried)
{
	link_refresh(link);
	if (carried)
		pool_release_carried(&link->entry, clock_now());
	else
		pool_release(&link->entry, clock_now());
	device_kick(link->dev);
	devices_kick_room(link->dev->broker);
}

void
link_release(struct lease *l, struct holder *holder)
{
	struct link *link = l->link;

	if (link == NULL)
		return;
	unlist(l);
	if (has_shell(link))
		give_back_shell(link, holder);
	else
		give_back_channel(link, l->carried);
}

/* ---- kept where it is ---- */

struct link *
link_kept(const struct device *dev, const struct holder *holder)
{
	struct kept *k;

	TAILQ_FOREACH (k, &holder->list, entry) {
		struct link *link = NP_CONTAINER(k, struct link, sh.kept);
		if (link->dev == dev)
			return link;
	}
	return NULL;
}

void
link_take_back(struct link *link)
{
	struct holder *holder = link->sh.kept.holder;

	log_info("shell", "%s#%llu: its lease was held for %.0f s: taken back", link->dev->conf->name,
	    (unsigned long long)link->id, clock_now() - link->entry.held_since);
	if (holder != NULL)
		holder->lost = link->entry.state == POOL_DRAINING ? hold_died : hold_taken;
	else if (link->sh.runner != NULL)
		unlist(link->sh.runner); /* it goes back to the queue when its client has read */
	begin_reset(link);
}

void
links_unhold(struct holder *holder)
{
	struct kept *k;

	while ((k = TAILQ_FIRST(&holder->list)) != NULL)
		begin_reset(NP_CONTAINER(k, struct link, sh.kept));
}

/* ---- operations ---- */

static int
begun(struct lease *l, int rc)
{
	if (l->paused)
		pool_unhold(&l->link->entry);
	l->paused = false;
	if (rc == 0)
		shell_wake(l->link->sh.shell);
	return rc;
}

int
link_run(struct lease *l, const struct cli_command *command, struct np_error *err)
{
	int rc = begun(l, cli_run(driver_of(l), command, clock_now(), err));

	if (rc == 0)
		link_count_command(l->link);
	return rc;
}

int
link_configure(struct lease *l, const struct cli_config *config, struct np_error *err)
{
	int rc = begun(l, cli_configure(driver_of(l), config, clock_now(), err));

	if (rc == 0)
		link_count_command(l->link);
	return rc;
}

int
link_enable(struct lease *l, struct secret *secret, struct np_error *err)
{
	return begun(l, cli_enable(driver_of(l), secret, clock_now(), err));
}

const struct redact *
link_known(const struct lease *l)
{
	return l->link != NULL ? l->link->sh.known : NULL;
}

void
link_answer(struct lease *l, struct secret *value)
{
	cli_answer(driver_of(l), value, clock_now());
	shell_wake(l->link->sh.shell);
}

void
link_cancel(struct lease *l)
{
	cli_cancel(driver_of(l), clock_now());
	shell_wake(l->link->sh.shell);
}

void
link_pause(struct lease *l)
{
	if (l->link == NULL || !has_shell(l->link))
		return;
	l->paused = true;
	rest(l->link, NULL);
}

const struct buf *
link_output(const struct lease *l)
{
	return driver_of(l) != NULL ? shell_output(l->link->sh.shell) : NULL;
}

void
link_consume(struct lease *l, size_t n)
{
	shell_consume(l->link->sh.shell, n);
}

bool
link_serves(const struct lease *l)
{
	return driver_of(l) != NULL && cli_state(driver_of(l)) != CLI_CLOSED;
}

bool
link_asks(const struct lease *l)
{
	return driver_of(l) != NULL && cli_state(driver_of(l)) == CLI_QUESTION;
}

const struct platform_mode *
link_mode(const struct lease *l)
{
	return driver_of(l) != NULL ? cli_mode(driver_of(l)) : NULL;
}

/* ---- facts ---- */

uint64_t
link_id(const struct link *link)
{
	return link->id;
}

const char *
link_auth(const struct link *link)
{
	return link->auth != NULL ? link->auth : "none";
}

double
link_connect_seconds(const struct link *link)
{
	return link->connect_seconds;
}

double
link_ready_since(const struct link *link)
{
	return link->entry.ready_since;
}

const struct target *
link_target(const struct link *link)
{
	return link->target;
}

struct session *
link_session(struct link *link)
{
	return link->session;
}

void
link_count_command(struct link *link)
{
	link->commands++;
	link->dev->commands++;
}

struct transcript *
link_transcript(const struct link *link)
{
	return link->sh.transcript;
}

const struct buf *
link_seen(const struct link *link)
{
	return &link->sh.seen;
}

void
link_see(struct link *link, const void *bytes, size_t size)
{
	size_t room = buf_room(&link->sh.seen), n = size < room ? size : room; /* the rest would say nothing more */

	if (n > 0 && buf_append(&link->sh.seen, bytes, n) == -1)
		log_debug("shell", "%s: not all of it was seen", link->dev->conf->name);
}

void
link_forget_seen(struct link *link)
{
	buf_free(&link->sh.seen);
	buf_init(&link->sh.seen, LINK_SEEN_MAX);
}

bool
link_has_secret(const struct link *link)
{
	return link->sh.secret_given;
}
