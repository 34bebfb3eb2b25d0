/*
 * The shells of sessions: opened when the session has been made, leased to one request at a time, brought back to the
 * mode after login when a lease ends, kept alive, closed with a goodbye.
 *
 *   LOGIN -> FREE -> LEASED -> RESETTING -> FREE
 *              ^        |          |
 *              +--------+----------+        any -> (the shell dies: its session is closed)
 *
 * The pool's lease of a session lasts until the shell is back: nobody gets it before that is proven.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/link/link_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/state.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conf/algorithm.h"
#include "wire/json.h"

static const char *const use_names[] = {
    [SHELL_LOGIN] = "login",
    [SHELL_FREE] = "free",
    [SHELL_LEASED] = "leased",
    [SHELL_RESETTING] = "resetting",
};

static const unsigned moves[] = {
    [SHELL_LOGIN] = STATE_TO(SHELL_FREE),
    [SHELL_FREE] = STATE_TO(SHELL_LEASED),
    [SHELL_LEASED] = STATE_TO(SHELL_RESETTING) | STATE_TO(SHELL_FREE),
    [SHELL_RESETTING] = STATE_TO(SHELL_FREE),
};

static const struct state_machine machine = {"shell", use_names, moves};

void
link_shell_set_use(struct link *link, enum link_use use)
{
	if (state_may_move(
		&machine, link->sh.use, use, "%s#%llu", link->home->conf->name, (unsigned long long)link->is.id))
		link->sh.use = use;
}

/* Types an empty line.  False: the shell is busy, nothing was sent. */
static bool
ask_shell(struct link *link)
{
	struct np_error err;

	if (link->sh.shell == NULL || link->sh.use != SHELL_FREE ||
	    cli_keepalive(shell_cli(link->sh.shell), clock_now(), &err) == -1)
		return false;
	shell_wake(link->sh.shell);
	return true;
}

/* Of those that ask by SSH one is in flight at most: it serves as well. */
bool
link_probe(struct link *link, bool by_line)
{
	if (by_line)
		return ask_shell(link);
	(void)session_probe(link->is.session);
	return true;
}

/* ---- what the driver says ---- */

static void
tell_witness(struct link *link)
{
	const struct cli *cli = shell_cli(link->sh.shell);

	if (link->is.witness != NULL)
		link->is.witness->events->shell(link->is.witness, cli_state(cli), cli_mode(cli));
}

static void
on_ready(struct link *link)
{
	if (link->sh.use != SHELL_LOGIN || link->sh.detecting)
		return;
	tell_witness(link);
	if (link_home_detects(link->home)) {
		link_detect_begin(link);
		return;
	}
	if (link->sh.provisional) { /* another session has found out meanwhile */
		link_blame(link, REASON_CANCELLED, "recognised as %s: connecting again", link->home->platform->name);
		shell_logout(link->sh.shell);
		return;
	}
	link_shell_set_use(link, SHELL_FREE);
	link->is.connect_seconds = clock_now() - link->entry.created;
	log_info("shell", "%s#%llu: at its prompt, mode %s, %.0f ms after the start", link->home->conf->name,
	    (unsigned long long)link->is.id, cli_mode(shell_cli(link->sh.shell))->name,
	    link->is.connect_seconds * 1000);
	link_ready(link);
}

static void
on_result(struct link *link, const struct cli_result *result)
{
	switch (result->op) {
	case CLI_OP_RESET:
		if (link->sh.use == SHELL_RESETTING)
			link_lease_over(link);
		break;
	case CLI_OP_KEEPALIVE:
		if (result->err.reason == REASON_NONE)
			link->home->events->alive(link, -1);
		break;
	case CLI_OP_NONE:
		break;
	case CLI_OP_RUN:
	case CLI_OP_CONFIG:
	case CLI_OP_ENABLE:
		if (link->sh.detecting)
			link_detect_result(link);
		else if (link->sh.runner != NULL)
			link->sh.runner->events->result(link->sh.runner, result);
		break;
	}
}

/* Of no further use: the session ends with it. */
static void
on_dead(struct link *link, const struct np_error *err)
{
	link_blame(link, err->reason, "%s", err->text);
	if (link->sh.use == SHELL_LOGIN)
		link_detect_forget(link);
	link_lease_died(link);
	if (link->sh.use == SHELL_RESETTING)
		link_lease_over(link);
	if (link->is.session == NULL)
		return;
	link_close(link);
	session_close(link->is.session, err->reason, "%s", link->end_why != NULL ? link->end_why : err->text);
}

static void
on_event(struct shell *sh NP_UNUSED, const struct cli_event *event, void *arg)
{
	struct link *link = arg;

	switch (event->kind) {
	case CLI_EVENT_READY:
		on_ready(link);
		break;
	case CLI_EVENT_RESULT:
		on_result(link, &event->result);
		break;
	case CLI_EVENT_LINE:
		if (link->sh.runner != NULL)
			link->sh.runner->events->line(link->sh.runner, event);
		break;
	case CLI_EVENT_QUESTION:
		if (link->sh.runner != NULL)
			link->sh.runner->events->question(link->sh.runner, event);
		else
			cli_answer(shell_cli(link->sh.shell), NULL, clock_now());
		break;
	case CLI_EVENT_OFFER:
		link_offer_ask(link, event);
		break;
	case CLI_EVENT_JUDGED:
		link_offer_judged(link, event);
		/* link_retire(): it went on for this. */
		if (link->is.closing && link->state == LINK_LOGIN && cli_state(shell_cli(link->sh.shell)) != CLI_CLOSED)
			link_end(link, REASON_CANCELLED, "given up while it logged in");
		break;
	case CLI_EVENT_DEAD:
		on_dead(link, &event->err);
		break;
	}
}

/* Output without a request that wants it is dropped: it must not reach the next one. */
static void
on_output(struct shell *sh, void *arg)
{
	struct link *link = arg;

	if (link->sh.runner != NULL) {
		link->sh.runner->events->output(link->sh.runner);
		return;
	}
	if (link->sh.detecting)
		link_see(link, buf_head(shell_output(sh)), shell_output(sh)->len);
	shell_consume(sh, shell_output(sh)->len);
}

static void
on_ended(struct shell *sh NP_UNUSED, void *arg)
{
	struct link *link = arg;

	link->sh.shell = NULL;
}

static void
on_tap(struct shell *sh NP_UNUSED, bool from_device, const void *bytes, size_t size, void *arg)
{
	struct link *link = arg;

	if (link->sh.sees_login && link->sh.use == SHELL_LOGIN && from_device)
		link_see(link, bytes, size);
	tell_witness(link);
	if (link->sh.transcript == NULL)
		return;
	if (from_device)
		transcript_received(link->sh.transcript, bytes, size, clock_now());
	else
		transcript_sent(link->sh.transcript, bytes, size, clock_now());
}

static const struct shell_events shell_callbacks = {
    .event = on_event, .output = on_output, .ended = on_ended, .tap = on_tap};

/* ---- life ---- */

static void
forget_secrets(struct link *link)
{
	secret_unref(link->sh.secret);
	secret_unref(link->sh.password);
	secret_unref(link->sh.offered);
	link->sh.secret = link->sh.password = link->sh.offered = NULL;
}

/* The session has been made: log in on its command line. */
void
link_shell_open(struct link *link)
{
	struct cli_options options = {.platform = link->home->platform,
	    .name = session_name(link->is.session),
	    .username = link->is.target->user,
	    .password = link->sh.password,
	    .secret = link->sh.secret,
	    .gated = link->home->accounts != NULL,
	    .login_timeout = link->home->conf->args.connection_timeout,
	    .seed = ((uint64_t)*link->home->random << 32) ^ link->is.id};

	buf_init(&link->sh.seen, LINK_SEEN_MAX);
	link->sh.use = SHELL_LOGIN;
	link->sh.provisional = link_home_detects(link->home);
	link->sh.secret_given = link->sh.secret != NULL;
	link->sh.known = redact_create(link->sh.records);
	redact_add(link->sh.known, link->sh.offered, REDACT_KEPT);
	if (link->sh.records)
		link->sh.transcript = transcript_create(link->home->platform, session_banner(link->is.session),
		    link->sh.known, link->sh.password != NULL, link->sh.secret != NULL, clock_now());
	options.known = link->sh.known;
	link->sh.shell = shell_open(link->home->loop, link->is.session, &options, &shell_callbacks, link);
	forget_secrets(link);
}

/* True when the shell logs out now and ends the session afterwards. */
bool
link_say_goodbye(struct link *link, const char *why)
{
	if (link->sh.shell == NULL || link->sh.use != SHELL_FREE || link->end_why != NULL ||
	    cli_state(shell_cli(link->sh.shell)) != CLI_IDLE)
		return false;
	link->end_why = xstrdup(why);
	shell_logout(link->sh.shell);
	return true;
}

/* Says goodbye just now. */
bool
link_is_leaving(const struct link *link)
{
	return link->sh.shell != NULL && link->end_why != NULL;
}

void
link_shell_finish(struct link *link)
{
	link_offer_finish(link);
	forget_secrets(link);
	transcript_destroy(link->sh.transcript);
	redact_unref(link->sh.known);
	buf_free(&link->sh.seen);
	free(link->end_why);
}

/* ---- shown by status: never a secret or a command ---- */

/* Where it is and what it has seen; NULL: there is none. */
static cJSON *
shell_json(const struct link *link)
{
	const struct cli_stats *stats;
	const struct platform_mode *mode;
	struct cli *cli;
	cJSON *o;

	if (link->sh.shell == NULL)
		return NULL;
	cli = shell_cli(link->sh.shell);
	stats = cli_stats(cli);
	mode = cli_mode(cli);
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "use", link->sh.kept.holder != NULL ? "held" : use_names[link->sh.use]);
	cJSON_AddStringToObject(o, "state", cli_state_name(cli_state(cli)));
	cJSON_AddStringToObject(o, "mode", mode != NULL ? mode->name : "");
	cJSON_AddNumberToObject(o, "keepalives", (double)stats->keepalives);
	cJSON_AddNumberToObject(o, "resyncs", (double)stats->resyncs);
	cJSON_AddNumberToObject(o, "late", (double)stats->late);
	cJSON_AddNumberToObject(o, "async", (double)stats->async);
	return o;
}

cJSON *
link_json(const struct link *link, double now)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *shell;
	char *remark;
	struct session_stats stats;

	cJSON_AddNumberToObject(o, "id", (double)link->is.id);
	cJSON_AddStringToObject(o, "state", pool_entry_state_word(&link->entry));
	json_add_rounded(o, "age", now - link->entry.created, 10);
	if (link->is.session == NULL)
		return o;
	stats = session_stats(link->is.session);
	json_add_rounded(o, "last_used", link->entry.leases > 0 ? 0 : now - link->entry.last_used, 10);
	if (stats.rtt >= 0)
		json_add_rounded(o, "rtt_ms", stats.rtt * 1000, 100);
	else
		cJSON_AddNullToObject(o, "rtt_ms");
	cJSON_AddNumberToObject(o, "channels_used", stats.slots_used);
	cJSON_AddNumberToObject(o, "channels_max", stats.slots_max);
	cJSON_AddNumberToObject(o, "commands", (double)link->is.commands);
	cJSON_AddNumberToObject(o, "bytes_in", (double)stats.bytes_in);
	cJSON_AddNumberToObject(o, "bytes_out", (double)stats.bytes_out);
	cJSON_AddStringToObject(o, "banner", session_banner(link->is.session));
	cJSON_AddStringToObject(o, "algorithms", session_algorithms(link->is.session));
	remark = algorithm_remark(session_algorithms(link->is.session), session_banner(link->is.session));
	if (remark != NULL)
		cJSON_AddStringToObject(o, "algorithms_remark", remark);
	free(remark);
	cJSON_AddStringToObject(o, "auth", link->is.auth);
	shell = shell_json(link);
	if (shell != NULL)
		cJSON_AddItemToObject(o, "shell", shell);
	return o;
}
