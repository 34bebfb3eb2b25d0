/* See transcript.h. */
#include "cli/transcript.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

#define PAUSE_MIN 0.01 /* seconds; shorter ones say nothing */
#define NONCE_SIZE 11  /* np-01234567, see cli_nonce() */

struct transcript {
	struct platform *platform;
	struct redact *known;
	struct buf text;
	struct buf received; /* since we sent something */
	struct buf output;
	double last;              /* of what was written down */
	double first_at;          /* the first byte in `received` */
	char own[NONCE_SIZE + 1]; /* the shell's own nonce: the first one sent */
	bool full;
};

static void
put(struct transcript *t, const void *p, size_t n)
{
	if (!t->full && buf_append(&t->text, p, n) == -1)
		t->full = true;
}

static void
put_str(struct transcript *t, const char *s)
{
	put(t, s, strlen(s));
}

struct transcript *
transcript_create(
    struct platform *platform, const char *source, struct redact *known, bool password, bool secret, double now)
{
	struct transcript *t = xcalloc(1, sizeof(*t));
	char shown[128];

	t->platform = platform_ref(platform);
	t->known = redact_ref(known);
	buf_init(&t->text, TRANSCRIPT_MAX);
	buf_init(&t->received, TRANSCRIPT_MAX);
	buf_init(&t->output, TRANSCRIPT_MAX);
	t->last = now;
	put_str(t, "# origin: recorded (");
	put_str(t, text_vis_into(shown, sizeof(shown), source));
	put_str(t, ")\nplatform ");
	put_str(t, platform->name);
	put_str(t, secret ? "\nsecret ********" : "");
	put_str(t, password ? "\npassword ********" : "");
	put_str(t, "\nbegin\n");
	return t;
}

void
transcript_destroy(struct transcript *t)
{
	if (t == NULL)
		return;
	platform_unref(t->platform);
	redact_unref(t->known);
	buf_wipe(&t->text);
	buf_wipe(&t->received);
	buf_wipe(&t->output);
	secret_wipe(t, sizeof(*t));
	free(t);
}

struct buf *
transcript_text(struct transcript *t)
{
	return &t->text;
}

/* ---- writing bytes down ---- */

static bool
is_nonce(const char *p, size_t size)
{
	if (size < NONCE_SIZE || memcmp(p, "np-", 3) != 0)
		return false;
	return strspn(p + 3, "0123456789abcdef") >= NONCE_SIZE - 3;
}

/* A nonce is another one each time: the replay has its own. */
static void
put_nonce(struct transcript *t, const char *p, bool sent)
{
	if (t->own[0] == '\0' && sent)
		memcpy(t->own, p, NONCE_SIZE);
	put_str(t, memcmp(p, t->own, NONCE_SIZE) == 0 ? "\\T" : "\\N");
}

static void
put_byte(struct transcript *t, unsigned char c, bool last)
{
	static const char names[] = "rntbea0\\", values[] = "\r\n\t\b\x1b\a\0\\";
	const char *value = memchr(values, c, sizeof(values) - 1);
	char hex[8];

	if (c == ' ' && last)
		put_str(t, "\\s");
	else if (value != NULL) {
		put_str(t, "\\");
		put(t, &names[value - values], 1);
	} else if (c < ' ' || c >= 0x7f) {
		snprintf(hex, sizeof(hex), "\\x%02x", c);
		put_str(t, hex);
	} else
		put(t, &c, 1);
}

/* p[0..size) is followed by a NUL. */
static void
put_escaped(struct transcript *t, const char *p, size_t size, bool sent)
{
	for (size_t i = 0; i < size; i++) {
		if (is_nonce(p + i, size - i)) {
			put_nonce(t, p + i, sent);
			i += NONCE_SIZE - 1;
		} else
			put_byte(t, (unsigned char)p[i], i + 1 == size);
	}
}

/* Without the known secrets, and without what the platform says is one. */
static void
put_harmless(struct transcript *t, const char *p, size_t size, bool sent)
{
	size_t left, shown_size;
	char *known = redact_bytes(t->known, p, size, false, &left), *shown;
	const char *line = known, *end = known + left;

	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t n = newline != NULL ? (size_t)(newline - line) + 1 : (size_t)(end - line);

		shown = platform_redact(t->platform, line, n, &shown_size);
		put_escaped(t, shown, shown_size, sent);
		secret_free(shown);
		line += n;
	}
	secret_free(known);
}

static void
put_pause(struct transcript *t, double at)
{
	char text[32];

	if (at - t->last >= PAUSE_MIN) {
		snprintf(text, sizeof(text), "+ %.3f\n", at - t->last);
		put_str(t, text);
	}
	t->last = at;
}

/* What the device has said up to now, as one line, and the pause behind it. */
static void
flush_received(struct transcript *t)
{
	if (t->received.len == 0)
		return;
	put_pause(t, t->first_at);
	put_str(t, "< ");
	put_harmless(t, (const char *)buf_head(&t->received), t->received.len, false);
	put_str(t, "\n.\n");
	buf_wipe(&t->received);
	buf_init(&t->received, TRANSCRIPT_MAX);
}

void
transcript_received(struct transcript *t, const void *bytes, size_t size, double now)
{
	if (t->received.len == 0)
		t->first_at = now;
	if (buf_append(&t->received, bytes, size) == -1)
		t->full = true;
}

/* A line that is a secret is masked however short it is. */
static void
put_sent(struct transcript *t, const char *p, size_t size)
{
	size_t n = size;

	while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r'))
		n--;
	if (redact_is_secret(t->known, p, n)) {
		put_str(t, REDACT_MASK);
		p += n;
		size -= n;
	}
	put_harmless(t, p, size, true);
}

void
transcript_sent(struct transcript *t, const void *bytes, size_t size, double now)
{
	flush_received(t);
	put_pause(t, now);
	put_str(t, "> ");
	put_sent(t, bytes, size);
	put_str(t, "\n");
}

void
transcript_note(struct transcript *t, const char *fmt, ...)
{
	char *text, *shown;
	va_list ap;

	flush_received(t);
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	shown = redact_text(t->known, text, strlen(text), false);
	put_str(t, shown);
	put_str(t, "\n");
	secret_free(text);
	secret_free(shown);
}

void
transcript_output(struct transcript *t, const void *bytes, size_t size)
{
	if (buf_append(&t->output, bytes, size) == -1)
		t->full = true;
}

void
transcript_output_end(struct transcript *t)
{
	const char *p = (const char *)buf_head(&t->output), *end = p + t->output.len;

	flush_received(t);
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = newline != NULL ? (size_t)(newline - p) : (size_t)(end - p);

		put_str(t, "= ");
		if (n > 0 && *p == ' ') { /* blanks at the beginning of a line of ours say nothing */
			put_str(t, "\\s");
			put_harmless(t, p + 1, n - 1, false);
		} else if (n > 0)
			put_harmless(t, p, n, false);
		put_str(t, newline != NULL ? "\n" : "\\c\n");
		p += n + 1;
	}
	if (t->output.len == 0)
		put_str(t, "=\n");
	buf_wipe(&t->output);
	buf_init(&t->output, TRANSCRIPT_MAX);
}
