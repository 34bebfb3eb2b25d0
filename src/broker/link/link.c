/*
 * A session from its birth to its end: dialled by a connector, through a jump host's session where there is one,
 * adopted, ended.  What goes on meanwhile is link_shell.c's and link_lease.c's.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/link/link_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/state.h"
#include "base/xalloc.h"

static const char *const state_names[] = {
    [LINK_BORN] = "born",
    [LINK_WAY] = "way",
    [LINK_DIALLING] = "dialling",
    [LINK_ADOPTED] = "adopted",
    [LINK_LOGIN] = "login",
    [LINK_READY] = "ready",
};

/* They only follow in their order; some are left out. */
static const unsigned moves[] = {
    [LINK_BORN] = STATE_TO(LINK_WAY) | STATE_TO(LINK_DIALLING),
    [LINK_WAY] = STATE_TO(LINK_DIALLING),
    [LINK_DIALLING] = STATE_TO(LINK_ADOPTED),
    [LINK_ADOPTED] = STATE_TO(LINK_LOGIN) | STATE_TO(LINK_READY),
    [LINK_LOGIN] = STATE_TO(LINK_READY),
    [LINK_READY] = 0,
};

static const struct state_machine machine = {"session", state_names, moves};

static void
link_move(struct link *link, enum link_state state)
{
	if (state_may_move(
		&machine, link->state, state, "%s#%llu", link->home->conf->name, (unsigned long long)link->is.id))
		link->state = state;
}

/* ---- the end ---- */

void
link_blame(struct link *link, enum np_reason reason, const char *fmt, ...)
{
	va_list ap;

	if (link->blamed != NULL)
		return;
	link->blamed = xcalloc(1, sizeof(*link->blamed));
	link->blamed->reason = reason;
	va_start(ap, fmt);
	(void)vsnprintf(link->blamed->text, sizeof(link->blamed->text), fmt, ap);
	va_end(ap);
}

static void
link_free(struct link *link)
{
	link_leases_leave(link);
	link_shell_finish(link);
	link->home->events->gone(link);
	ev_clear_pending(link->home->loop, &link->given_up);
	job_forget(link->home->jobs, &link->dial);
	target_unref(link->is.target);
	login_files_finish(&link->tried);
	file_stamps_finish(&link->keys);
	free(link->is.agent_socket);
	free(link->is.auth);
	free(link->blamed);
	free(link);
}

static void
fail(struct link *link, const struct np_error *err, uint64_t agent_hash)
{
	struct witness *t = link->is.witness;

	log_warning("session", "%s#%llu: %s: %s", link->home->conf->name, (unsigned long long)link->is.id,
	    reason_name(err->reason), err->text);
	link->home->events->failed(link, err, agent_hash);
	if (t != NULL) {
		witness_leave(t);
		t->events->failed(t, link->state > LINK_DIALLING, err);
	}
	link_free(link);
}

void
link_failed(struct link *link, const struct np_error *err)
{
	fail(link, err, 0);
}

void
link_tell_drain(struct link *link, const char *why)
{
	struct lease *l;

	TAILQ_FOREACH (l, &link->leases, in_link) {
		if (l->events->drains != NULL)
			l->events->drains(l, why);
	}
}

/* From now on it only ends: nobody gets it any more. */
void
link_close(struct link *link)
{
	link->is.closing = true;
	if (link->state == LINK_READY)
		link->home->events->closing(link);
}

/* Who gives up a session that waits for its way may go on to look at it: it fails in a turn of its own. */
static void
on_given_up(struct ev_loop *loop NP_UNUSED, ev_prepare *w, int revents NP_UNUSED)
{
	struct link *link = w->data;

	fail(link, link->blamed, 0);
}

static void
give_up(struct link *link, const char *why)
{
	if (ev_is_pending(&link->given_up))
		return;
	link_blame(link, REASON_CANCELLED, "%s", why);
	link->home->events->gives_way_up(link);
	ev_feed_event(link->home->loop, &link->given_up, EV_PREPARE);
}

void
link_end(struct link *link, enum np_reason reason, const char *why)
{
	enum np_reason given = reason == REASON_NONE ? REASON_CANCELLED : reason;

	link_close(link);
	switch (link->state) {
	case LINK_BORN:
		break;
	case LINK_WAY:
		give_up(link, why);
		break;
	case LINK_DIALLING:
		job_cancel(link->home->jobs, &link->dial, given, why);
		break;
	case LINK_ADOPTED:
	case LINK_LOGIN:
		link_blame(link, given, "%s", why);
		session_close(link->is.session, reason, "%s", why);
		break;
	case LINK_READY:
		if (reason == REASON_SHUTTING_DOWN || !link_say_goodbye(link, why))
			session_close(link->is.session, reason, "%s", why);
		break;
	}
}

void
link_retire(struct link *link, const char *why)
{
	if ((link->state == LINK_DIALLING && job_is_judged(link->home->jobs, &link->dial)) ||
	    (link->state == LINK_LOGIN && link_offer_is_judged(link)))
		link_close(link);
	else
		link_end(link, REASON_NONE, why);
}

static void
on_session_closed(struct session *session, const struct np_error *why, void *arg)
{
	struct link *link = arg;

	log_info("session", "%s: closed: %s", session_name(session), why->text);
	link->last = session_stats(session);
	link->is.session = NULL;
	if (link->state < LINK_READY) { /* its command line was never reached */
		fail(link, link->blamed != NULL ? link->blamed : why, 0);
		return;
	}
	link->home->events->closed(link, why);
	link_free(link);
}

static void
on_session_probed(struct session *session NP_UNUSED, double rtt, void *arg)
{
	struct link *link = arg;

	link->home->events->alive(link, rtt);
}

static void
on_session_slots(struct session *session, void *arg)
{
	struct link *link = arg;

	link->home->events->slots(link, session_stats(session).slots_max);
}

static const struct session_events session_callbacks = {
    .closed = on_session_closed,
    .probed = on_session_probed,
    .slots = on_session_slots,
};

/* ---- dialling ---- */

/* Questions of the login come in keyboard-interactive, too. */
static struct strings
login_answers(const struct platform *platform)
{
	struct strings answers = {0};

	for (size_t i = 0; platform != NULL && i < platform->login.count; i++) {
		const struct platform_question *q = &platform->login.items[i];

		if (q->reply != PLATFORM_TEXT || q->send[0] == '\0')
			continue;
		strings_add(&answers, pattern_text(q->match));
		strings_add(&answers, q->send);
	}
	return answers;
}

/* Starts the dial over ready_fd (taken over), or over a connection that the dial makes itself (-1). */
static void
start_dial(struct link *link, int ready_fd)
{
	const struct platform *platform = link->home->platform;
	struct attempt attempt = {.kind = CONNECT_DIAL,
	    .target = link->is.target,
	    .agent_socket = link->is.agent_socket,
	    .login_suffix = platform != NULL ? platform->login_suffix : NULL,
	    .login_answers = login_answers(platform),
	    .ready_fd = ready_fd,
	    .timeout = link->is.target->connection_timeout,
	    .for_shell = platform != NULL,
	    .steps = true,
	    .no_login = link->is.witness != NULL && link->is.witness->no_login,
	    .insists = link->insists,
	    .for_ssh = link->for_ssh,
	    .prompt_timeout = link->home->conf->args.prompt_timeout};

	link_move(link, LINK_DIALLING);
	job_submit(link->home->jobs, &link->dial, &attempt);
	strings_finish(&attempt.login_answers);
}

static void
adopt(struct link *link, struct dialled *dialled)
{
	const struct link_home *home = link->home;
	struct session_setup setup = {.id = link->is.id,
	    .name = home->conf->name,
	    .max_channels = home->conf->args.max_channels,
	    .spare_channels = home->conf->args.enabled && !link->entry.private_use && home->platform == NULL};

	link_move(link, LINK_ADOPTED);
	link->is.session = dialled_adopt(dialled, home->loop, &setup, &session_callbacks, link);
	link->is.auth = dialled->auth_method != NULL ? dialled->auth_method : xstrdup("none");
	dialled->auth_method = NULL;
	link->is.needed_person = dialled->needed_person;
	link->sh.secret = dialled->secret;
	link->sh.password = dialled->password;
	link->sh.offered = dialled->offered;
	dialled->secret = dialled->password = dialled->offered = NULL;
	link->is.connect_seconds = clock_now() - link->entry.created;
	log_info("session", "%s: connected as %s@%s:%d in %.0f ms by %s", session_name(link->is.session),
	    link->is.target->user, link->is.target->host, link->is.target->port, link->is.connect_seconds * 1000,
	    link->is.auth);
}

/* Requests may have it. */
void
link_ready(struct link *link)
{
	struct witness *t = link->is.witness;

	link_move(link, LINK_READY);
	login_files_finish(&link->tried);
	link->home->events->ready(link);
	if (t != NULL) {
		witness_leave(t);
		t->events->passed(t, link);
	}
}

static struct link *
of_job(struct job *j)
{
	return NP_CONTAINER(j, struct link, dial);
}

static void
on_dialled(struct job *j, struct connect_result *result)
{
	struct link *link = of_job(j);

	link->home->events->dialled(link, result->id);
	free(link->is.agent_socket);
	link->is.agent_socket = NULL;
	link->is.agent_hash = result->agent_keys_hash;
	if (!result->ok) {
		link->is.account = result->account;
		fail(link, link->blamed != NULL ? link->blamed : &result->err, result->agent_keys_hash);
		return;
	}
	if (link->is.closing) { /* link_retire() */
		link_blame(link, REASON_CANCELLED, "given up while it logged in");
		fail(link, link->blamed, 0);
		return;
	}
	adopt(link, result->dialled);
	if (link->home->platform != NULL) {
		link_move(link, LINK_LOGIN);
		link_shell_open(link);
	} else
		link_ready(link);
}

static void
on_prompt(struct job *j, const struct connect_prompt *prompt)
{
	struct link *link = of_job(j);

	if (link->is.closing)
		link_end(link, REASON_CANCELLED, "given up while it logged in");
	else
		link->home->events->prompt(link, prompt);
}

static void
on_notice(struct job *j, const char *text)
{
	struct link *link = of_job(j);

	link->home->events->notice(link, text);
}

static void
on_step(struct job *j, const struct connect_step *step)
{
	struct link *link = of_job(j);

	link->is.reached |= step->outcome == STEP_HEARD;
	if (step->outcome != STEP_HEARD && link->is.witness != NULL)
		link->is.witness->events->step(link->is.witness, step);
}

static const struct job_events dial_callbacks = {
    .done = on_dialled, .prompt = on_prompt, .notice = on_notice, .step = on_step};

/* ---- the way through a jump host ---- */

void
link_dial_over(struct link *link, int fd, const char *jump)
{
	if (link->is.witness != NULL)
		link->is.witness->events->jumped(link->is.witness, jump);
	start_dial(link, fd);
}

/* A dial, or a login in its shell, is about to fail for this; a session that is made will say so itself. */
void
link_way_lost(struct link *link, const struct np_error *why)
{
	link->sh.way_lost = true;
	if (link->state < LINK_DIALLING || link->state == LINK_READY)
		return;
	link_blame(link, why->reason, "%s", why->text);
	/* So that the end which it sees is not taken for the server's answer. */
	if (link->state == LINK_DIALLING)
		job_cancel(link->home->jobs, &link->dial, why->reason, why->text);
}

/* ---- the beginning ---- */

static void
stamp_keys(struct file_stamps *set, const struct target *t)
{
	for (size_t i = 0; i < t->credential_files.n; i++)
		file_stamps_add(set, t->credential_files.v[i].path);
	for (size_t i = 0; i < t->identity_files.n; i++) {
		char *certificate = xasprintf("%s-cert.pub", t->identity_files.v[i]);

		file_stamps_add(set, certificate);
		free(certificate);
	}
}

struct link *
link_create(struct link_home *home, const struct link_wishes *wishes)
{
	struct link *link = xcalloc(1, sizeof(*link));

	link->home = home;
	link->is.id = wishes->id;
	link->dial.events = &dial_callbacks;
	TAILQ_INIT(&link->leases);
	ev_prepare_init(&link->given_up, on_given_up);
	link->given_up.data = link;
	link->is.target = target_ref(wishes->target);
	link->is.agent_socket = xstrdup_null(wishes->agent_socket);
	link->sh.records = wishes->records;
	link->sh.sees_login = wishes->sees_login;
	link->insists = wishes->insists;
	link->for_ssh = wishes->for_ssh;
	link->is.witness = wishes->witness;
	if (link->is.witness != NULL)
		link->is.witness->link = link;
	login_files_take(&link->tried, link->is.target);
	stamp_keys(&link->keys, link->is.target);
	return link;
}

void
link_begin(struct link *link)
{
	log_debug("session", "%s#%llu: connecting to %s:%d", link->home->conf->name, (unsigned long long)link->is.id,
	    link->is.target->host, link->is.target->port);
	if (link->is.target->proxy_jump != NULL) {
		link_move(link, LINK_WAY);
		link->home->events->needs_way(link);
	} else
		start_dial(link, -1);
}

struct link *
witness_leave(struct witness *t)
{
	struct link *link = t->link;

	if (link != NULL)
		link->is.witness = NULL;
	t->link = NULL;
	return link;
}
