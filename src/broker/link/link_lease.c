/*
 * Leases of sessions: channels for many at once, or the shell for one after the other.  A shell may be kept where it is
 * by the client between two of its requests, or wait for a client that reads slowly; what it is given back for is that
 * others want it.
 */
#include <stdlib.h>

#include "broker/link/link_impl.h"
#include "base/clock.h"
#include "base/log.h"

const char link_hold_died[] = "the session has ended meanwhile: the command line of a new one is in its first mode";

static bool
has_shell(const struct link *link)
{
	return link->home->platform != NULL;
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
		l->link->home->events->unheld(l->link);
	l->link = NULL;
	l->paused = false;
}

void
link_leases_leave(struct link *link)
{
	struct lease *l;

	holder_drop(&link->sh.kept);
	while ((l = TAILQ_FIRST(&link->leases)) != NULL) {
		unlist(l);
		if (l->events->lost != NULL)
			l->events->lost(l);
	}
}

void
link_lease_over(struct link *link)
{
	link_shell_set_use(link, SHELL_FREE);
	link->home->events->freed(link, false);
}

void
link_lease_died(struct link *link)
{
	if (link->sh.kept.holder != NULL)
		link->sh.kept.holder->lost = link_hold_died;
	holder_drop(&link->sh.kept);
}

/* Back to the mode after login; nobody has the shell. */
static void
begin_reset(struct link *link)
{
	struct np_error err;

	holder_drop(&link->sh.kept);
	link->home->events->unheld(link);
	link_shell_set_use(link, SHELL_RESETTING);
	if (link->sh.shell == NULL || cli_state(shell_cli(link->sh.shell)) == CLI_CLOSED) {
		link_lease_over(link); /* the session ends with its shell: nobody gets it */
		return;
	}
	if (cli_reset(shell_cli(link->sh.shell), clock_now(), &err) == -1) {
		log_error("shell", "%s#%llu: %s", link->home->conf->name, (unsigned long long)link->is.id, err.text);
		link_close(link);
		link_lease_over(link);
		session_close(link->is.session, REASON_INTERNAL, "%s", err.text);
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
	link->home->events->unheld(link);
	holder_drop(&link->sh.kept);
	link->sh.runner = l;
	link_shell_set_use(link, SHELL_LEASED);
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
	link->home->events->held(link, holder); /* when that is over is the policy's to say: others may want it */
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
		link->home->events->freed(link, l->carried);
}

/* ---- kept where it is ---- */

struct link *
link_kept(const struct link_home *home, const struct holder *holder)
{
	struct kept *k;

	TAILQ_FOREACH (k, &holder->list, entry) {
		struct link *link = NP_CONTAINER(k, struct link, sh.kept);
		if (link->home == home)
			return link;
	}
	return NULL;
}

void
link_take_back(struct link *link, const char *why)
{
	if (link->sh.kept.holder != NULL)
		link->sh.kept.holder->lost = why;
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
		l->link->home->events->unheld(l->link);
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
link_configure(struct lease *l, const struct cli_command *config, struct np_error *err)
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
	l->link->home->events->held(l->link, NULL);
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
