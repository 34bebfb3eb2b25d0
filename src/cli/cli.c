/*
 * The cli driver: life, states, events, and the way of bytes and time into it.  The other files of the driver are
 * listed in cli_impl.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_impl.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

#define SLICE 4096u           /* bytes filtered at once: bounds what they can grow to */
#define OUTPUT_MAX (2u << 20) /* CLI_OUTPUT_HIGH, what one slice may become, and held lines */
#define SEND_MAX (64u * 1024u)
#define BANNER_MAX 4096u
#define LOGIN_TIMEOUT 30.0
#define RTT_MAX 2.0
#define SHOW_MAX 1024u /* bytes of a text for people that are looked at */

static const char *const state_names[] = {
    "login", "learn", "enable", "prepare", "idle", "running", "question", "resync", "logout", "closed"};

const char *
cli_state_name(enum cli_state state)
{
	return state_names[state];
}

enum cli_state
cli_state(const struct cli *cli)
{
	return cli->state;
}

const struct platform_mode *
cli_mode(const struct cli *cli)
{
	return cli->prompt.mode;
}

const struct cli_stats *
cli_stats(const struct cli *cli)
{
	return &cli->stats;
}

const char *
cli_banner(const struct cli *cli)
{
	return cli->banner.len > 0 ? (const char *)buf_head(&cli->banner) : "";
}

struct buf *
cli_send(struct cli *cli)
{
	return &cli->send;
}

struct buf *
cli_output(struct cli *cli)
{
	return &cli->output;
}

double
cli_wake_at(const struct cli *cli)
{
	return cli->wake_at;
}

/* --- events and states --- */

void
cli_emit(struct cli *cli, const struct cli_event *event)
{
	struct cli_event_item *item = xcalloc(1, sizeof(*item));

	item->event = *event;
	TAILQ_INSERT_TAIL(&cli->events, item, link);
}

bool
cli_next_event(struct cli *cli, struct cli_event *event)
{
	struct cli_event_item *item = TAILQ_FIRST(&cli->events);

	if (item == NULL)
		return false;
	*event = item->event;
	TAILQ_REMOVE(&cli->events, item, link);
	secret_wipe(item, sizeof(*item));
	free(item);
	return true;
}

static void
say(struct cli *cli, enum cli_event_kind kind)
{
	struct cli_event event = {.kind = kind};

	if (kind == CLI_EVENT_DEAD) {
		event.err = cli->dead;
		text_vis_into(event.text, sizeof(event.text), cli->dead.text);
	}
	cli_emit(cli, &event);
}

void
cli_set_state(struct cli *cli, enum cli_state state)
{
	if (cli->state == state || cli->state == CLI_CLOSED)
		return;
	log_debug("cli", "%s: %s -> %s%s%s", cli->name, cli_state_name(cli->state), cli_state_name(state),
	    cli->prompt.mode != NULL ? ", mode " : "", cli->prompt.mode != NULL ? cli->prompt.mode->name : "");
	cli->state = state;
	cli->changes++;
	if (state == CLI_CLOSED) {
		say(cli, CLI_EVENT_DEAD);
		return;
	}
	if (state != CLI_IDLE)
		return;
	cli->dirty = false;
	if (cli->pending.op != CLI_OP_NONE)
		cli_pending_start(cli);
	else
		say(cli, CLI_EVENT_READY);
}

void
cli_die(struct cli *cli, enum np_reason reason, const char *fmt, ...)
{
	struct np_error err = {0};
	char text[sizeof(err.text)];
	va_list ap;

	if (cli->state == CLI_CLOSED)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	error_set(&err, reason, "%s", text);
	cli->dead = err;
	log_info("cli", "%s: closed: %s", cli->name, text);
	cli->state = CLI_LOGOUT; /* so that the end of the operation leads nowhere else */
	if (cli->op == CLI_OP_CONFIG)
		cli_config_lost(cli, text);
	if (cli->op != CLI_OP_NONE)
		cli_op_end(cli, &err, false);
	if (cli->pending.op != CLI_OP_NONE) {
		struct cli_event event = {.kind = CLI_EVENT_RESULT, .result = {.op = cli->pending.op, .err = err}};

		cli_pending_clear(cli);
		cli_emit(cli, &event);
	}
	cli_job_clear(cli);
	cli_set_state(cli, CLI_CLOSED);
}

/* --- small services --- */

/* xorshift64*: nonces must differ, not be secret. */
static uint64_t
next_random(struct cli *cli)
{
	cli->random ^= cli->random >> 12;
	cli->random ^= cli->random << 25;
	cli->random ^= cli->random >> 27;
	return cli->random * 2685821657736338717u;
}

void
cli_nonce(struct cli *cli, char out[16])
{
	snprintf(out, 16, "np-%08x", (unsigned)(next_random(cli) >> 32));
}

void
cli_type_keys(struct cli *cli, const char *keys)
{
	cli->drained = false;
	if (buf_append_str(&cli->send, keys) < 0)
		cli_die(cli, REASON_INTERNAL, "what is to be sent is not taken");
}

void
cli_type_part(struct cli *cli, const char *text, size_t size)
{
	cli->drained = false;
	if (buf_append(&cli->send, text, size) < 0)
		cli_die(cli, REASON_INTERNAL, "what is to be sent is not taken");
}

void
cli_type(struct cli *cli, const char *text, size_t size)
{
	cli_type_part(cli, text, size);
	cli_type_keys(cli, cli->platform->newline);
}

struct platform_view
cli_view(const struct cli *cli)
{
	struct platform_view view = {0};
	size_t n = cli->context_count;

	view.tail = (const char *)terminal_tail(&cli->terminal, &view.size);
	view.context_count = n;
	for (size_t i = 0; i < n; i++) {
		view.context[i] = cli->context[n - 1 - i];
		view.context_size[i] = cli->context_size[n - 1 - i];
	}
	return view;
}

struct prompt_match
cli_look(const struct cli *cli)
{
	struct platform_view view = cli_view(cli);

	return prompt_test(&cli->prompt, &view, terminal_tail_is_whole(&cli->terminal), cli->drained);
}

double
cli_quiet(const struct cli *cli)
{
	double since = cli->last_rx;

	if (cli->job.active && cli->job.typed_at > since)
		since = cli->job.typed_at;
	return cli->now - since;
}

void
cli_wake_in(struct cli *cli, double seconds)
{
	double at = cli->now + (seconds > 0.001 ? seconds : 0.001);

	if (cli->wake_at == 0 || at < cli->wake_at)
		cli->wake_at = at;
}

void
cli_show(const struct cli *cli, const char *text, size_t size, char *out, size_t out_size)
{
	char *clean = redact_text(cli->known, text, size < SHOW_MAX ? size : SHOW_MAX, size > SHOW_MAX);

	text_vis_into(out, out_size, clean);
	secret_free(clean);
}

/* --- bytes and time --- */

void
cli_settle(struct cli *cli, const struct platform_view *view, const struct platform_mode *mode)
{
	size_t size;
	const uint8_t *tail = terminal_tail(&cli->terminal, &size);

	cli->rest_size = size <= sizeof(cli->rest) ? size : 0;
	memcpy(cli->rest, tail, cli->rest_size);
	prompt_learn(&cli->prompt, view, mode);
}

bool
cli_is_settled(const struct cli *cli)
{
	struct platform_view view = cli_view(cli);
	size_t rest = cli->rest_size;

	if (view.size == 0)
		return true;
	if (rest > 0 && view.size >= rest && memcmp(view.tail, cli->rest, rest) == 0 &&
	    prompt_trim(view.tail + rest, view.size - rest) == 0)
		return true;
	return prompt_test(&cli->prompt, &view, terminal_tail_is_whole(&cli->terminal), true).tier == PROMPT_LITERAL;
}

/* At rest: what comes by itself must be a log message or the prompt again, with the blank that it lacked perhaps. */
static void
look_idle(struct cli *cli)
{
	struct platform_view view = cli_view(cli);
	struct prompt_match match = cli_look(cli);

	if (match.tier == PROMPT_LITERAL && !cli->dirty) {
		cli_settle(cli, &view, match.mode);
		return;
	}
	if (!cli->dirty && cli_is_settled(cli))
		return;
	if (cli_quiet(cli) >= CLI_QUIET_ECHO)
		cli_resync_begin(cli, true);
	else
		cli_wake_in(cli, CLI_QUIET_ECHO - cli_quiet(cli));
}

static void
look(struct cli *cli)
{
	switch (cli->state) {
	case CLI_LOGIN:
		cli_login_look(cli);
		break;
	case CLI_LEARN:
	case CLI_ENABLE:
	case CLI_PREPARE:
	case CLI_RUNNING:
		if (cli->job.active)
			cli_job_look(cli);
		break;
	case CLI_IDLE:
		look_idle(cli);
		break;
	case CLI_RESYNC:
		cli_resync_look(cli);
		break;
	case CLI_LOGOUT:
		cli_logout_look(cli);
		break;
	case CLI_QUESTION:
		cli_question_look(cli);
		break;
	case CLI_CLOSED:
		break;
	}
}

static void
tick(struct cli *cli)
{
	if (cli->flow == CLI_FLOW_LOGIN)
		cli_login_tick(cli);
	switch (cli->state) {
	case CLI_LEARN:
	case CLI_ENABLE:
	case CLI_PREPARE:
	case CLI_RUNNING:
		if (cli->job.active)
			cli_job_tick(cli);
		break;
	case CLI_RESYNC:
		cli_resync_tick(cli);
		break;
	case CLI_LOGOUT:
		cli_logout_tick(cli);
		break;
	case CLI_LOGIN:
	case CLI_IDLE:
	case CLI_QUESTION:
	case CLI_CLOSED:
		break;
	}
}

/* After anything happened: act on the tail, then on the clock, until nothing moves. */
static void
think(struct cli *cli)
{
	unsigned before;
	int rounds = 0;

	/* Who does not read the output keeps the device from going on: its silence means nothing. */
	if (cli->output.len >= CLI_OUTPUT_HIGH)
		cli->last_rx = cli->now;
	cli->wake_at = 0;
	do {
		before = cli->changes;
		if (cli->drained)
			look(cli);
		tick(cli);
	} while (cli->changes != before && ++rounds < 8);
	if (rounds == 8)
		cli_wake_in(cli, 0);
	if (cli->state == CLI_CLOSED)
		cli->wake_at = 0;
}

static void
take(struct cli *cli, const uint8_t *p, size_t n)
{
	if (cli->job.active && cli->job.raw && cli->state != CLI_RESYNC &&
	    redact_write(cli->known, &cli->output, p, n) < 0)
		log_warning("cli", "%s: output lost", cli->name);
	terminal_feed(&cli->terminal, p, n);
	if (cli->terminal.answers.len > 0) {
		if (buf_append(&cli->send, buf_head(&cli->terminal.answers), cli->terminal.answers.len) < 0)
			log_debug("cli", "%s: no room for answers about the terminal", cli->name);
		buf_consume(&cli->terminal.answers, cli->terminal.answers.len);
	}
}

/* A device may think before it answers, and the network never answers early: short samples count for more. */
static void
note_rtt(struct cli *cli, double sample)
{
	if (sample > RTT_MAX)
		return;
	if (cli->rtt <= 0)
		cli->rtt = sample;
	else
		cli->rtt += (sample - cli->rtt) * (sample < cli->rtt ? 0.5 : 0.1);
}

size_t
cli_feed(struct cli *cli, const void *bytes, size_t n, double now)
{
	const uint8_t *p = bytes;
	size_t taken = 0;

	if (cli->state == CLI_CLOSED || n == 0)
		return n;
	cli->now = now;
	if (cli->job.active && !cli->job.received) {
		cli->job.received = true;
		note_rtt(cli, now - cli->job.sent_at);
	}
	while (taken < n && cli->output.len < CLI_OUTPUT_HIGH) {
		size_t part = n - taken < SLICE ? n - taken : SLICE;

		take(cli, p + taken, part);
		taken += part;
	}
	if (taken > 0) {
		cli->last_rx = now;
		cli->drained = false;
		cli->stats.bytes_in += taken;
	}
	think(cli);
	return taken;
}

void
cli_drained(struct cli *cli, double now)
{
	cli->now = now;
	cli->drained = true;
	think(cli);
}

void
cli_tick(struct cli *cli, double now)
{
	cli->now = now;
	think(cli);
}

void
cli_closed(struct cli *cli, const char *why, double now)
{
	struct platform_view view = cli_view(cli);
	char tail[160] = "";

	cli->now = now;
	/* Nothing more will come: a prompt that stands there did end the command. */
	if (cli->job.active && cli->job.kind == CLI_JOB_COMMAND && cli->job.echo_seen &&
	    cli->job.proof == CLI_PROOF_NONE) {
		cli->drained = true;
		if (cli_look(cli).tier == PROMPT_LITERAL)
			cli_job_look(cli);
	}
	if (cli->state == CLI_LOGOUT) {
		cli_die(cli, REASON_NONE, "logged out");
	} else if (cli->flow == CLI_FLOW_LOGIN) {
		cli_show(cli, view.tail, view.size, tail, sizeof(tail));
		cli_die(cli, REASON_CHANNEL_REFUSED, "the device closed the shell during login%s%s%s%s",
		    why != NULL ? ": " : "", why != NULL ? why : "", tail[0] != '\0' ? "; it said: " : "", tail);
	} else {
		cli_die(cli, REASON_OUTCOME_UNKNOWN, "the device closed the shell%s%s", why != NULL ? ": " : "",
		    why != NULL ? why : "");
	}
	cli->wake_at = 0;
}

/* --- life --- */

struct cli *
cli_create(const struct cli_options *options, double now)
{
	struct cli *cli = xcalloc(1, sizeof(*cli));
	struct platform *p = platform_ref(options->platform);

	cli->platform = p;
	cli->name = xstrdup(options->name);
	cli->username = xstrdup_null(options->username);
	cli->password = secret_ref(options->password);
	cli->secret = secret_ref(options->secret);
	cli->random = options->seed * 6364136223846793005u + 1442695040888963407u;
	if (cli->random == 0)
		cli->random = 1;
	cli_nonce(cli, cli->tag);
	TAILQ_INIT(&cli->events);
	buf_init(&cli->send, SEND_MAX);
	buf_init(&cli->output, OUTPUT_MAX);
	buf_init(&cli->banner, BANNER_MAX);
	buf_init(&cli->job.held, CLI_HELD_MAX);
	cli->known = options->known != NULL ? redact_ref(options->known) : redact_create(false);
	redact_add(cli->known, cli->password, REDACT_KEPT);
	redact_add(cli->known, cli->secret, REDACT_KEPT);
	terminal_init(&cli->terminal, p->cols, p->rows, cli_on_line, cli);
	cli->terminal.cr_ends_line = p->cr_ends_line;
	prompt_init(&cli->prompt, p);
	cli->now = now;
	cli->last_rx = now;
	cli->login_deadline = now + (options->login_timeout > 0 ? options->login_timeout : LOGIN_TIMEOUT);
	cli_login_begin(cli);
	think(cli);
	return cli;
}

void
cli_destroy(struct cli *cli)
{
	struct cli_event event;

	if (cli == NULL)
		return;
	while (cli_next_event(cli, &event))
		secret_wipe(&event, sizeof(event));
	cli_job_clear(cli);
	cli_pending_clear(cli);
	terminal_finish(&cli->terminal);
	redact_unref(cli->known);
	buf_wipe(&cli->send);
	buf_wipe(&cli->output);
	buf_wipe(&cli->banner);
	buf_wipe(&cli->job.held);
	secret_free(cli->username);
	secret_unref(cli->password);
	secret_unref(cli->secret);
	secret_unref(cli->lent);
	platform_unref(cli->platform);
	free(cli->name);
	secret_wipe(cli, sizeof(*cli));
	free(cli);
}
