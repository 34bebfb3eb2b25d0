/* The scripted device: what it must receive, what must come out; see clidev.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kit/clidev_impl.h"
#include "base/xalloc.h"

void
clidev_fail(const struct dev *d, const char *what, const char *expected, const char *got)
{
	fail_msg("%s:%d (pieces of %zu): %s: expected `%s', got `%s'", d->name, d->line, d->piece, what, expected, got);
}

/* --- text --- */

void
clidev_put(struct buf *b, const void *p, size_t n)
{
	assert_int_equal(buf_append(b, p, n), 0);
}

bool
clidev_unescape(const struct dev *d, const char *s, struct buf *out)
{
	static const char names[] = "rntbea0\\s", values[] = "\r\n\t\b\x1b\a\0\\ ";

	for (; *s != '\0'; s++) {
		const char *name;
		unsigned hex;

		if (*s != '\\') {
			clidev_put(out, s, 1);
			continue;
		}
		s++;
		if (*s == 'c' && s[1] == '\0')
			return true;
		if (*s == 'N') {
			clidev_put(out, d->nonce, strlen(d->nonce));
		} else if (*s == 'T') {
			clidev_put(out, d->tag, strlen(d->tag));
		} else if (*s == 'x' && sscanf(s + 1, "%2x", &hex) == 1) {
			char c = (char)hex;

			clidev_put(out, &c, 1);
			s += 2;
		} else {
			name = strchr(names, *s);
			if (*s == '\0' || name == NULL)
				clidev_fail(d, "escape", "one of \\r \\n ...", s);
			clidev_put(out, &values[name - names], 1);
		}
	}
	return false;
}

char *
clidev_visible(const struct buf *b)
{
	char *out = xmalloc(b->len * 4 + 1);
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		uint8_t c = buf_head(b)[i];

		if (c >= ' ' && c < 0x7f && c != '\\')
			out[n++] = (char)c;
		else
			n += (size_t)sprintf(out + n, "\\x%02x", c);
	}
	out[n] = '\0';
	return out;
}

/* --- the driver's side --- */

void
clidev_collect(struct dev *d)
{
	struct buf *b = cli_send(d->cli);

	clidev_put(&d->sent, buf_head(b), b->len);
	buf_consume(b, b->len);
	b = cli_output(d->cli);
	clidev_put(&d->output, buf_head(b), b->len);
	buf_consume(b, b->len);
}

struct cli_event
clidev_take_event(struct dev *d, enum cli_event_kind kind, const char *text)
{
	static const char *const names[] = {"ready", "result", "line", "question", "offer", "judged", "dead"};
	struct cli_event event;
	char got[700];

	if (d->range_left > 0 || !cli_next_event(d->cli, &event))
		clidev_fail(d, "event", text, d->range_left > 0 ? "about further lines" : "none");
	snprintf(got, sizeof(got), "%s %s %s (state %s)", names[event.kind],
	    event.kind == CLI_EVENT_RESULT ? event.result.err.text : event.text,
	    event.kind == CLI_EVENT_LINE ? (event.outcome < CLI_UNCLEAR ? "ok" : "not ok") : "",
	    cli_state_name(cli_state(d->cli)));
	if (event.kind != kind)
		clidev_fail(d, "event", text, got);
	return event;
}

/* --- checks --- */

static void
bind_nonce(const struct dev *d, char out[NONCE_SIZE + 1])
{
	const char *found = memmem(buf_head(&d->sent), d->sent.len, "np-", 3);

	if (found != NULL && found + NONCE_SIZE <= (const char *)buf_head(&d->sent) + d->sent.len)
		snprintf(out, NONCE_SIZE + 1, "%.*s", NONCE_SIZE, found);
}

void
clidev_check_sent(struct dev *d, const char *expected)
{
	struct buf want;
	char *shown;

	/* Nonces are bound where they are expected. */
	if (strstr(expected, "\\N") != NULL)
		bind_nonce(d, d->nonce);
	if (strstr(expected, "\\T") != NULL)
		bind_nonce(d, d->tag);
	buf_init(&want, 1 << 20);
	clidev_unescape(d, expected, &want);
	if (d->sent.len < want.len || memcmp(buf_head(&d->sent), buf_head(&want), want.len) != 0) {
		shown = clidev_visible(&d->sent);
		clidev_fail(d, "sent", expected, shown);
	}
	buf_consume(&d->sent, want.len);
	buf_free(&want);
}

void
clidev_check_output(struct dev *d, const char *expected)
{
	struct buf want;

	buf_init(&want, 1 << 20);
	if (!clidev_unescape(d, expected, &want))
		clidev_put(&want, "\n", 1);
	if (d->output.len < want.len || memcmp(buf_head(&d->output), buf_head(&want), want.len) != 0)
		clidev_fail(d, "output", expected, clidev_visible(&d->output));
	buf_consume(&d->output, want.len);
	buf_free(&want);
}

static void
check_result(struct dev *d, const char *text)
{
	char reason[64] = "", mode[64] = "";
	const char *got;

	d->result = clidev_take_event(d, CLI_EVENT_RESULT, text);
	sscanf(text, "%63s mode %63s", reason, mode);
	got = d->result.result.err.reason == REASON_NONE ? "ok" : reason_name(d->result.result.err.reason);
	if (strcmp(got, reason) != 0) {
		char both[800];

		snprintf(both, sizeof(both), "%s: %s", got, d->result.result.err.text);
		clidev_fail(d, "result", text, both);
	}
	if (mode[0] != '\0' && strcmp(mode, d->result.result.mode) != 0)
		clidev_fail(d, "mode", mode, d->result.result.mode);
}

/* Whether line `index` of the configuration is one that says something. */
static bool
line_counts(const struct dev *d, size_t index)
{
	const char *p = (const char *)buf_head(&d->lines);

	for (; index > 0; index--)
		p = strchr(p, '\n') + 1;
	return p[strspn(p, " \t\r")] != '\n';
}

/* A script names each line: of several that one event is about, one after the other. */
static void
check_line(struct dev *d, const char *text)
{
	static const char *const statuses[] = {"ok", "ok", "failed", "failed", "not_run"};
	static const char *const outcomes[] = {"taken", "remark", "unclear", "refused", "not_run"};
	struct cli_event *event = &d->range;
	const char *name;
	char got[700];

	if (d->range_left == 0) {
		*event = clidev_take_event(d, CLI_EVENT_LINE, text);
		d->range_left = event->count;
	}
	while (event->count < event->last - event->line + 1 && !line_counts(d, event->line))
		event->line++;
	/* Either word is understood: the status, or the outcome. */
	name = strchr(text, ' ');
	name = name != NULL && strncmp(name + 1, outcomes[event->outcome], strlen(outcomes[event->outcome])) == 0
		   ? outcomes[event->outcome]
		   : statuses[event->outcome];
	snprintf(got, sizeof(got), "%zu %s%s%s", event->line, name, event->text[0] != '\0' ? " " : "", event->text);
	if (strncmp(got, text, strlen(text)) != 0)
		clidev_fail(d, "line", text, got);
	event->line++;
	event->count--;
	d->range_left--;
}

/* A blank at the end is written \s, so that it is seen. */
static void
show_blank(const char *text, char *out, size_t size)
{
	size_t n = strlen(text);
	bool blank = n > 0 && text[n - 1] == ' ';

	snprintf(out, size, "%.*s%s", (int)(blank ? n - 1 : n), text, blank ? "\\s" : "");
}

static void
check_offer(struct dev *d, const char *text)
{
	struct cli_event event = clidev_take_event(d, CLI_EVENT_OFFER, text);
	char got[200];

	snprintf(got, sizeof(got), "%s%s %s", event.given ? "given " : "", event.enable ? "secret" : "password",
	    secret_text(event.secret));
	if (strcmp(got, text) != 0)
		clidev_fail(d, "offer", text, got);
}

static void
check_judged(struct dev *d, const char *text)
{
	static const char *const words[] = {"accepted", "denied", "unjudged", "given_up", "unused"};
	struct cli_event event = clidev_take_event(d, CLI_EVENT_JUDGED, text);
	char got[600];

	snprintf(got, sizeof(got), "%s %s", words[event.judged], event.text);
	if (strncmp(got, text, strlen(text)) != 0)
		clidev_fail(d, "judged", text, got);
}

void
clidev_check_event(struct dev *d, char *text)
{
	char *rest = strchr(text, ' ');
	char got[600];
	struct cli_event event;

	if (rest != NULL)
		*rest++ = '\0';
	else
		rest = text + strlen(text);
	if (strcmp(text, "ready") == 0) {
		clidev_take_event(d, CLI_EVENT_READY, text);
	} else if (strcmp(text, "result") == 0) {
		check_result(d, rest);
	} else if (strcmp(text, "device_error") == 0) {
		if (!d->result.result.device_error || strcmp(d->result.result.error_line, rest) != 0)
			clidev_fail(d, "device_error", rest, d->result.result.error_line);
	} else if (strcmp(text, "no_error") == 0) {
		if (d->result.result.device_error)
			clidev_fail(d, "device_error", "none", d->result.result.error_line);
	} else if (strcmp(text, "says") == 0) {
		if (strstr(d->result.result.err.text, rest) == NULL)
			clidev_fail(d, "message", rest, d->result.result.err.text);
	} else if (strcmp(text, "tally") == 0) {
		const struct cli_result *r = &d->result.result;

		snprintf(got, sizeof(got), "%zu ok %zu failed %zu not_run%s%s%s%s%s",
		    r->lines[CLI_TAKEN] + r->lines[CLI_REMARK], r->lines[CLI_REFUSED] + r->lines[CLI_UNCLEAR],
		    r->lines[CLI_NOT_RUN], r->committed ? " committed" : "", r->aborted ? " aborted" : "",
		    r->saved ? " saved" : "", r->live ? " live" : "", r->unended ? " unended" : "");
		if (strcmp(got, rest) != 0)
			clidev_fail(d, "tally", rest, got);
	} else if (strcmp(text, "line") == 0) {
		check_line(d, rest);
	} else if (strcmp(text, "lines") == 0) {
		event = clidev_take_event(d, CLI_EVENT_LINE, rest);
		snprintf(got, sizeof(got), "%zu to %zu, %zu", event.line, event.last, event.count);
		if (strcmp(got, rest) != 0)
			clidev_fail(d, "lines", rest, got);
	} else if (strcmp(text, "question") == 0) {
		event = clidev_take_event(d, CLI_EVENT_QUESTION, rest);
		show_blank(event.text, got, sizeof(got));
		if (strcmp(got, rest) != 0)
			clidev_fail(d, "question", rest, got);
	} else if (strcmp(text, "offer") == 0) {
		check_offer(d, rest);
	} else if (strcmp(text, "judged") == 0) {
		check_judged(d, rest);
	} else if (strcmp(text, "dead") == 0) {
		const char *reason;

		event = clidev_take_event(d, CLI_EVENT_DEAD, rest);
		d->result.result.err = event.err; /* for `says' */
		reason = event.err.reason == REASON_NONE ? "ok" : reason_name(event.err.reason);
		if (strcmp(reason, rest) != 0)
			clidev_fail(d, "dead", rest, event.err.text);
	} else {
		clidev_fail(d, "script", "a known check", text);
	}
}

void
clidev_check_stat(struct dev *d, const char *text)
{
	const struct cli_stats *s = cli_stats(d->cli);
	char got[160];

	if (strncmp(text, "state ", 6) == 0)
		snprintf(got, sizeof(got), "state %s", cli_state_name(cli_state(d->cli)));
	else if (strncmp(text, "resyncs ", 8) == 0)
		snprintf(got, sizeof(got), "resyncs %d", (int)s->resyncs);
	else if (strncmp(text, "late ", 5) == 0)
		snprintf(got, sizeof(got), "late %d", (int)s->late);
	else if (strncmp(text, "async ", 6) == 0)
		snprintf(got, sizeof(got), "async %d", (int)s->async);
	else if (strncmp(text, "status ", 7) == 0)
		snprintf(got, sizeof(got), "status %d", d->result.result.status);
	else if (strcmp(text, "absent") == 0)
		snprintf(got, sizeof(got), "%s", d->result.result.echo_absent ? "absent" : "present");
	else if (strncmp(text, "prompt ", 7) == 0) {
		show_blank(d->result.result.prompt, got, sizeof(got));
		text += 7;
	} else
		snprintf(got, sizeof(got), "(unknown check)");
	if (strcmp(got, text) != 0)
		clidev_fail(d, "check", text, got);
}
