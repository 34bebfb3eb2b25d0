/*
 * The cli driver: its life, and the mover, which bytes and time set going: it asks what looks and what counts time, and
 * acts on what they wrote down.  The other files of the driver are listed in cli_impl.h.
 */
#include <stdlib.h>

#include "cli/cli_impl.h"
#include "base/log.h"
#include "base/xalloc.h"

#define SLICE 4096u           /* bytes filtered at once: bounds what they can grow to */
#define OUTPUT_MAX (2u << 20) /* CLI_OUTPUT_HIGH, what one slice may become, and held lines */
#define SEND_MAX (64u * 1024u)
#define BANNER_MAX 4096u
#define LOGIN_TIMEOUT 30.0
#define RTT_MAX 2.0
#define SLOW_PIECE 16u   /* bytes at once, at most */
#define LARGE_PIECE 64u  /* no slow line has so many */
#define WHOLE_PIECE 5u   /* a newline and a prompt */
#define SLOW_BYTE 0.0004 /* seconds for each byte, at least */
#define SLOW_GAP 0.05    /* between two pieces, at most */
#define SLOW_BYTES_MAX 1000u

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

bool
cli_was_asked(const struct cli *cli)
{
	return cli->asked_in_band;
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

/* --- bytes and time --- */

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
	if (cli->offer.stage == CLI_OFFER_ASKED)
		return;
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
		if (cli_question_stands(cli))
			break;
		cli_set_state(cli, CLI_RUNNING); /* the device goes on by itself */
		cli_job_look(cli);
		break;
	case CLI_CLOSED:
		break;
	}
}

static void
tick(struct cli *cli)
{
	if (cli->offer.stage == CLI_OFFER_ASKED)
		return;
	if (cli->state < CLI_IDLE)
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

/* Acts on what was written down: the shell's end before all, then that of a line, then what waited for IDLE. */
static void
act(struct cli *cli)
{
	for (;;) {
		if (cli->dead != NULL)
			cli_op_bury(cli);
		else if (cli->job.ended)
			cli_op_next(cli);
		else if (cli->state == CLI_IDLE && cli->pending.op != CLI_OP_NONE)
			cli_op_start(cli);
		else
			return;
	}
}

/* After anything happened: act on the tail, then on the clock, until nothing moves. */
void
cli_think(struct cli *cli)
{
	unsigned before;
	int rounds = 0;

	act(cli);
	/* Who does not read the output keeps the device from going on: its silence means nothing. */
	if (cli->output.len >= CLI_OUTPUT_HIGH)
		cli->last_rx = cli->heard = cli->now;
	cli->wake_at = 0;
	do {
		before = cli->changes;
		if (cli->drained)
			look(cli);
		act(cli);
		tick(cli);
		act(cli);
	} while (cli->changes != before && ++rounds < 8);
	if (rounds == 8)
		cli_wake_in(cli, 0);
	if (cli->state == CLI_CLOSED)
		cli->wake_at = 0;
}

static void
on_line(void *arg, const uint8_t *text, size_t size, bool end)
{
	struct cli *cli = arg;

	if (cli->state == CLI_RESYNC && !cli->job.active)
		cli_resync_line(cli, (const char *)text, size);
	else
		cli_line(cli, (const char *)text, size, end);
}

static void
take(struct cli *cli, const uint8_t *p, size_t n)
{
	if (cli->job.active && cli->job.raw && cli->state != CLI_RESYNC && buf_append(&cli->output, p, n) < 0)
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

/*
 * Lines from a console at 9600 baud come piece by piece, and a pause there is none of the device's: how long they are
 * is measured, where so much of them came slowly.  Not inside of echoes, which come so too where the way to the device
 * is jittery: that only counts as slow, and says nothing while prompts and output come in one piece.  What little the
 * login shows must do for the first command.
 */
static void
note_gap(struct cli *cli, const uint8_t *p, size_t n, double now)
{
	bool echoes = cli->job.active && !cli->job.echo_seen, newline = p[0] == '\r' || p[0] == '\n';
	double gap = now - cli->last_rx;
	size_t tail;

	terminal_tail(&cli->terminal, &tail);
	if (n > LARGE_PIECE)
		cli->slow_bytes = 0;
	else if (cli->typed_at >= cli->last_rx)
		return; /* the answer to something: the device's own time, and the network's */
	else if (newline && cli->state >= CLI_IDLE) /* between lines: likewise */
		cli->gap *= n >= WHOLE_PIECE ? 0.5 : 1;
	else if (n > SLOW_PIECE || (n > 1 && gap < SLOW_BYTE * (double)n))
		cli->slow_bytes /= 2;
	else if (tail > 0 && gap >= SLOW_BYTE && gap <= SLOW_GAP) {
		cli->slow_bytes += cli->slow_bytes < SLOW_BYTES_MAX ? n : 0;
		gap /= newline ? (double)n : 1;
		if (!echoes)
			cli->gap = gap > cli->gap ? gap : cli->gap * 0.999;
	}
}

size_t
cli_feed(struct cli *cli, const void *bytes, size_t n, double now)
{
	const uint8_t *p = bytes;
	size_t taken = 0, tail;

	if (cli->state == CLI_CLOSED || n == 0)
		return n;
	cli->now = now;
	note_gap(cli, p, n, now);
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
		terminal_tail(&cli->terminal, &tail);
		if (tail > 0)
			cli->heard = now;
		cli->drained = false;
		cli->stats.bytes_in += taken;
	}
	cli_think(cli);
	return taken;
}

void
cli_drained(struct cli *cli, double now)
{
	cli->now = now;
	cli->drained = true;
	cli_think(cli);
}

void
cli_tick(struct cli *cli, double now)
{
	cli->now = now;
	cli_think(cli);
}

void
cli_closed(struct cli *cli, const char *why, double now)
{
	struct platform_view view = cli_view(cli);
	char tail[160] = "";
	const char *words = tail;

	cli->now = now;
	/* Nothing more will come: a prompt that stands there did end the command. */
	if (cli->job.active && cli->job.kind == CLI_JOB_COMMAND && cli->job.echo_seen &&
	    cli->job.proof == CLI_PROOF_NONE) {
		cli->drained = true;
		if (cli_look(cli).tier == PROMPT_LITERAL)
			cli_job_look(cli);
		act(cli);
	}
	if (cli->state == CLI_LOGOUT) {
		cli_die(cli, REASON_NONE, "logged out");
	} else if (cli->state < CLI_IDLE) {
		cli_show(cli, view.tail, view.size, tail, sizeof(tail));
		if (prompt_trim(view.tail, view.size) == 0)
			words = cli->last_words;
		cli_die(cli, REASON_CHANNEL_REFUSED, "the device closed the shell during login%s%s%s%s",
		    why != NULL ? ": " : "", why != NULL ? why : "", words[0] != '\0' ? "; it said: " : "", words);
	} else {
		cli_die(cli, REASON_OUTCOME_UNKNOWN, "the device closed the shell%s%s", why != NULL ? ": " : "",
		    why != NULL ? why : "");
	}
	act(cli);
	cli->wake_at = 0;
}

void
cli_rest(struct cli *cli)
{
	terminal_rest(&cli->terminal);
	buf_rest(&cli->send);
	buf_rest(&cli->output);
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
	cli->gated = options->gated;
	cli->random = options->seed * 6364136223846793005u + 1442695040888963407u;
	if (cli->random == 0)
		cli->random = 1;
	cli_nonce(cli, cli->tag);
	TAILQ_INIT(&cli->events);
	buf_init(&cli->send, SEND_MAX);
	buf_init(&cli->output, OUTPUT_MAX);
	buf_init(&cli->banner, BANNER_MAX);
	buf_init(&cli->job.held, CLI_HELD_MAX);
	buf_init(&cli->job.aside, CLI_HELD_MAX);
	cli->known = options->known != NULL ? redact_ref(options->known) : redact_create(false);
	redact_add(cli->known, cli->password, REDACT_KEPT);
	redact_add(cli->known, cli->secret, REDACT_KEPT);
	terminal_init(&cli->terminal, p->cols, p->rows, on_line, cli);
	cli->terminal.cr_ends_line = p->cr_ends_line;
	prompt_init(&cli->prompt, p);
	cli->now = now;
	cli->last_rx = cli->heard = now;
	cli->login_deadline = now + (options->login_timeout > 0 ? options->login_timeout : LOGIN_TIMEOUT);
	cli_think(cli);
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
	cli_context_clear(cli);
	cli_keep(&cli->rest, NULL, 0);
	cli_keep(&cli->home_shown, NULL, 0);
	cli_keep(&cli->home_context, NULL, 0);
	cli_keep(&cli->walk_from, NULL, 0);
	cli_forget(cli->tally, sizeof(*cli->tally));
	free(cli->dead);
	terminal_finish(&cli->terminal);
	redact_unref(cli->known);
	buf_wipe(&cli->send);
	buf_wipe(&cli->output);
	buf_wipe(&cli->banner);
	buf_wipe(&cli->job.held);
	buf_wipe(&cli->job.aside);
	secret_free(cli->username);
	secret_unref(cli->password);
	secret_unref(cli->secret);
	secret_unref(cli->lent);
	secret_unref(cli->offer.value);
	platform_unref(cli->platform);
	free(cli->name);
	secret_wipe(cli, sizeof(*cli));
	free(cli);
}
