/*
 * The bottom of the cli driver: its state, its events, what it sends, the tail and the silence behind it.  Nothing here
 * decides what comes next: an end is written down, and the mover (cli.c) acts on it.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_impl.h"
#include "base/log.h"
#include "base/state.h"
#include "base/text.h"
#include "base/xalloc.h"

#define SHOW_MAX 1024u /* bytes of a text for people that are looked at */

/* --- events and states --- */

static const char *const state_names[] = {
    "login", "learn", "enable", "prepare", "idle", "running", "question", "resync", "logout", "closed"};

const char *
cli_state_name(enum cli_state state)
{
	return state_names[state];
}

void
cli_emit(struct cli *cli, const struct cli_event *event)
{
	struct cli_event_item *item = xcalloc(1, sizeof(*item));

	item->event = *event;
	TAILQ_INSERT_TAIL(&cli->events, item, link);
}

#define ENDS (STATE_TO(CLI_LOGOUT) | STATE_TO(CLI_CLOSED)) /* at any time */

static const unsigned moves[] = {
    [CLI_LOGIN] = STATE_TO(CLI_LEARN) | ENDS,
    [CLI_LEARN] = STATE_TO(CLI_LOGIN) | STATE_TO(CLI_ENABLE) | ENDS,
    [CLI_ENABLE] = STATE_TO(CLI_PREPARE) | ENDS,
    [CLI_PREPARE] = STATE_TO(CLI_IDLE) | ENDS,
    [CLI_IDLE] = STATE_TO(CLI_RUNNING) | STATE_TO(CLI_RESYNC) | ENDS,
    [CLI_RUNNING] = STATE_TO(CLI_IDLE) | STATE_TO(CLI_QUESTION) | STATE_TO(CLI_RESYNC) | ENDS,
    [CLI_QUESTION] = STATE_TO(CLI_RUNNING) | ENDS,
    [CLI_RESYNC] = STATE_TO(CLI_IDLE) | STATE_TO(CLI_RUNNING) | ENDS,
    [CLI_LOGOUT] = STATE_TO(CLI_CLOSED),
    [CLI_CLOSED] = 0,
};

static const struct state_machine machine = {"cli", state_names, moves};

void
cli_set_state(struct cli *cli, enum cli_state state)
{
	struct cli_event ready = {.kind = CLI_EVENT_READY};
	const struct platform_mode *mode = cli->prompt.mode;

	/* What is still under way when the shell is gone may find its end late. */
	if (cli->state == CLI_CLOSED || !state_may_move(&machine, cli->state, state, "%s%s%s", cli->name,
					    mode != NULL ? ", mode " : "", mode != NULL ? mode->name : ""))
		return;
	cli->state = state;
	cli->changes++;
	if (state != CLI_IDLE)
		return;
	cli->dirty = false;
	if (cli->pending.op == CLI_OP_NONE)
		cli_emit(cli, &ready);
}

void
cli_die(struct cli *cli, enum np_reason reason, const char *fmt, ...)
{
	char text[sizeof(cli->dead->text)];
	va_list ap;

	if (cli->state == CLI_CLOSED)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cli->dead = xcalloc(1, sizeof(*cli->dead));
	error_set(cli->dead, reason, "%s", text);
	log_info("cli", "%s: closed: %s", cli->name, text);
	cli_set_state(cli, CLI_CLOSED);
}

/* --- what is remembered --- */

void
cli_forget(void *p, size_t size)
{
	if (p != NULL)
		secret_wipe(p, size);
	free(p);
}

void
cli_keep(struct cli_kept *kept, const char *text, size_t size)
{
	char *copy = text != NULL ? xmemdup(text, size) : NULL;

	cli_forget(kept->text, kept->size);
	*kept = (struct cli_kept){copy, size};
}

bool
cli_begins(const char *text, size_t size, const struct cli_kept *kept)
{
	return kept->size > 0 && size >= kept->size && memcmp(text, kept->text, kept->size) == 0;
}

/* --- sending --- */

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
	cli->typed_at = cli->now;
	if (buf_append_str(&cli->send, keys) < 0)
		cli_die(cli, REASON_INTERNAL, "what is to be sent is not taken");
}

void
cli_type_part(struct cli *cli, const char *text, size_t size)
{
	cli->drained = false;
	cli->typed_at = cli->now;
	if (buf_append(&cli->send, text, size) < 0)
		cli_die(cli, REASON_INTERNAL, "what is to be sent is not taken");
}

void
cli_type(struct cli *cli, const char *text, size_t size)
{
	cli_type_part(cli, text, size);
	cli_type_keys(cli, cli->platform->newline);
}

/* --- the tail, silence, texts for people --- */

struct platform_view
cli_view(const struct cli *cli)
{
	struct platform_view view = {0};
	size_t n = cli->context_count;

	view.tail = (const char *)terminal_tail(&cli->terminal, &view.size);
	view.context_count = n;
	for (size_t i = 0; i < n; i++) {
		view.context[i] = cli->context[n - 1 - i].text;
		view.context_size[i] = cli->context[n - 1 - i].size;
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

bool
cli_quiet_for(struct cli *cli, double seconds)
{
	double quiet = cli_quiet(cli);

	if (quiet >= seconds)
		return true;
	cli_wake_in(cli, seconds - quiet);
	return false;
}

bool
cli_is_mark(const char *text, size_t size)
{
	size = prompt_trim(text, size);
	for (size_t i = 0; i < size; i++) {
		if (isalnum((unsigned char)text[i]) || (unsigned char)text[i] >= 0x80)
			return false;
	}
	return size > 0 && size <= CLI_MARK_MAX;
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

void
cli_settle(struct cli *cli, const struct platform_view *view, const struct platform_mode *mode)
{
	size_t size;
	const char *tail = (const char *)terminal_tail(&cli->terminal, &size);

	cli_keep(&cli->rest, tail, size <= PROMPT_MAX ? size : 0);
	prompt_learn(&cli->prompt, view, mode);
}

bool
cli_is_settled(const struct cli *cli)
{
	struct platform_view view = cli_view(cli);
	size_t rest = cli->rest.size;

	if (view.size == 0)
		return true;
	if (cli_begins(view.tail, view.size, &cli->rest) && prompt_trim(view.tail + rest, view.size - rest) == 0)
		return true;
	return prompt_test(&cli->prompt, &view, terminal_tail_is_whole(&cli->terminal), true).tier == PROMPT_LITERAL;
}
