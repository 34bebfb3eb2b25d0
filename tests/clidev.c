/* The scripted device; see clidev.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "buf.h"
#include "cli.h"
#include "clidev.h"
#include "log.h"
#include "pattern.h"
#include "platdir.h"
#include "platform.h"
#include "xalloc.h"

#define LINES_MAX 64
#define ANSWERS_MAX 8
#define NONCE_SIZE 11 /* np-01234567 */

struct dev {
	const char *name;
	int line;
	size_t piece;
	bool pauses; /* the channel is drained behind each piece */
	struct platforms *set;
	struct platform *platform;
	char *secret, *password, *username;
	struct cli *cli;
	double now;
	struct buf feed, sent, output;
	char nonce[NONCE_SIZE + 1], tag[NONCE_SIZE + 1];
	struct cli_command command;
	struct cli_answer answers[ANSWERS_MAX];
	char *answer_texts[ANSWERS_MAX];
	size_t answers_count;
	struct cli_line lines[LINES_MAX];
	char *line_texts[LINES_MAX];
	size_t lines_count;
	bool lines_given;        /* to a configuration: the next line begins another */
	struct cli_event result; /* the last RESULT taken */
};

static void
fail_at(const struct dev *d, const char *what, const char *expected, const char *got)
{
	fail_msg("%s:%d (pieces of %zu): %s: expected `%s', got `%s'", d->name, d->line, d->piece, what, expected, got);
}

/* --- text --- */

static void
put(struct buf *b, const void *p, size_t n)
{
	assert_int_equal(buf_append(b, p, n), 0);
}

/* Writes the bytes that a text with escapes stands for; true: it ended with \c. */
static bool
unescape(const struct dev *d, const char *s, struct buf *out)
{
	static const char names[] = "rntbea0\\s", values[] = "\r\n\t\b\x1b\a\0\\ ";

	for (; *s != '\0'; s++) {
		const char *name;
		unsigned hex;

		if (*s != '\\') {
			put(out, s, 1);
			continue;
		}
		s++;
		if (*s == 'c' && s[1] == '\0')
			return true;
		if (*s == 'N') {
			put(out, d->nonce, strlen(d->nonce));
		} else if (*s == 'T') {
			put(out, d->tag, strlen(d->tag));
		} else if (*s == 'x' && sscanf(s + 1, "%2x", &hex) == 1) {
			char c = (char)hex;

			put(out, &c, 1);
			s += 2;
		} else {
			name = strchr(names, *s);
			if (*s == '\0' || name == NULL)
				fail_at(d, "escape", "one of \\r \\n ...", s);
			put(out, &values[name - names], 1);
		}
	}
	return false;
}

static char *
visible(const struct buf *b)
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

static void
collect(struct dev *d)
{
	struct buf *b = cli_send(d->cli);

	put(&d->sent, buf_head(b), b->len);
	buf_consume(b, b->len);
	b = cli_output(d->cli);
	put(&d->output, buf_head(b), b->len);
	buf_consume(b, b->len);
}

static void
flush_feed(struct dev *d)
{
	while (d->feed.len > 0) {
		size_t n = d->feed.len < d->piece ? d->feed.len : d->piece;
		uint8_t *copy = xmemdup(buf_head(&d->feed), n);

		assert_int_equal(cli_feed(d->cli, copy, n, d->now), n);
		free(copy);
		buf_consume(&d->feed, n);
		if (d->pauses)
			cli_drained(d->cli, d->now);
		collect(d);
	}
}

static void
pass_time(struct dev *d, double seconds)
{
	double until = d->now + seconds, at;

	while ((at = cli_wake_at(d->cli)) != 0 && at <= until) {
		assert_true(at > d->now - 1e-9);
		d->now = at;
		cli_tick(d->cli, d->now);
		collect(d);
	}
	d->now = until;
	cli_tick(d->cli, d->now);
}

static struct cli_event
take_event(struct dev *d, enum cli_event_kind kind, const char *text)
{
	static const char *const names[] = {"ready", "result", "line", "question", "dead"};
	struct cli_event event;
	char got[700];

	if (!cli_next_event(d->cli, &event))
		fail_at(d, "event", text, "none");
	snprintf(got, sizeof(got), "%s %s %s (state %s)", names[event.kind],
	    event.kind == CLI_EVENT_RESULT ? event.result.err.text : event.text,
	    event.kind == CLI_EVENT_LINE ? (event.status == CLI_LINE_OK ? "ok" : "not ok") : "",
	    cli_state_name(cli_state(d->cli)));
	if (event.kind != kind)
		fail_at(d, "event", text, got);
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

static void
check_sent(struct dev *d, const char *expected)
{
	struct buf want;
	char *shown;

	/* Nonces are bound where they are expected. */
	if (strstr(expected, "\\N") != NULL)
		bind_nonce(d, d->nonce);
	if (strstr(expected, "\\T") != NULL)
		bind_nonce(d, d->tag);
	buf_init(&want, 1 << 20);
	unescape(d, expected, &want);
	if (d->sent.len < want.len || memcmp(buf_head(&d->sent), buf_head(&want), want.len) != 0) {
		shown = visible(&d->sent);
		fail_at(d, "sent", expected, shown);
	}
	buf_consume(&d->sent, want.len);
	buf_free(&want);
}

static void
check_output(struct dev *d, const char *expected)
{
	struct buf want;

	buf_init(&want, 1 << 20);
	if (!unescape(d, expected, &want))
		put(&want, "\n", 1);
	if (d->output.len < want.len || memcmp(buf_head(&d->output), buf_head(&want), want.len) != 0)
		fail_at(d, "output", expected, visible(&d->output));
	buf_consume(&d->output, want.len);
	buf_free(&want);
}

static void
check_result(struct dev *d, const char *text)
{
	char reason[64] = "", mode[64] = "";
	const char *got;

	d->result = take_event(d, CLI_EVENT_RESULT, text);
	sscanf(text, "%63s mode %63s", reason, mode);
	got = d->result.result.err.reason == REASON_NONE ? "ok" : reason_name(d->result.result.err.reason);
	if (strcmp(got, reason) != 0) {
		char both[800];

		snprintf(both, sizeof(both), "%s: %s", got, d->result.result.err.text);
		fail_at(d, "result", text, both);
	}
	if (mode[0] != '\0' && strcmp(mode, d->result.result.mode) != 0)
		fail_at(d, "mode", mode, d->result.result.mode);
}

static void
check_line(struct dev *d, const char *text)
{
	static const char *const names[] = {"ok", "failed", "not_run"};
	struct cli_event event = take_event(d, CLI_EVENT_LINE, text);
	char got[700];

	snprintf(got, sizeof(got), "%zu %s%s%s", event.line, names[event.status], event.text[0] != '\0' ? " " : "",
	    event.text);
	if (strncmp(got, text, strlen(text)) != 0)
		fail_at(d, "line", text, got);
}

static void
check_event(struct dev *d, char *text)
{
	char *rest = strchr(text, ' ');
	struct cli_event event;

	if (rest != NULL)
		*rest++ = '\0';
	else
		rest = text + strlen(text);
	if (strcmp(text, "ready") == 0) {
		take_event(d, CLI_EVENT_READY, text);
	} else if (strcmp(text, "result") == 0) {
		check_result(d, rest);
	} else if (strcmp(text, "device_error") == 0) {
		if (!d->result.result.device_error || strcmp(d->result.result.error_line, rest) != 0)
			fail_at(d, "device_error", rest, d->result.result.error_line);
	} else if (strcmp(text, "no_error") == 0) {
		if (d->result.result.device_error)
			fail_at(d, "device_error", "none", d->result.result.error_line);
	} else if (strcmp(text, "says") == 0) {
		if (strstr(d->result.result.err.text, rest) == NULL)
			fail_at(d, "message", rest, d->result.result.err.text);
	} else if (strcmp(text, "tally") == 0) {
		const struct cli_result *r = &d->result.result;
		char got[128];

		snprintf(got, sizeof(got), "%zu ok %zu failed %zu not_run%s%s%s%s", r->lines_ok, r->lines_failed,
		    r->lines_not_run, r->committed ? " committed" : "", r->aborted ? " aborted" : "",
		    r->saved ? " saved" : "", r->live ? " live" : "");
		if (strcmp(got, rest) != 0)
			fail_at(d, "tally", rest, got);
	} else if (strcmp(text, "line") == 0) {
		check_line(d, rest);
	} else if (strcmp(text, "question") == 0) {
		event = take_event(d, CLI_EVENT_QUESTION, rest);
		if (strcmp(event.text, rest) != 0)
			fail_at(d, "question", rest, event.text);
	} else if (strcmp(text, "dead") == 0) {
		const char *got;

		event = take_event(d, CLI_EVENT_DEAD, rest);
		got = event.err.reason == REASON_NONE ? "ok" : reason_name(event.err.reason);
		if (strcmp(got, rest) != 0)
			fail_at(d, "dead", rest, event.err.text);
	} else {
		fail_at(d, "script", "a known check", text);
	}
}

static void
check_stat(struct dev *d, const char *text)
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
	else if (strcmp(text, "absent") == 0)
		snprintf(got, sizeof(got), "%s", d->result.result.echo_absent ? "absent" : "present");
	else if (strncmp(text, "prompt ", 7) == 0)
		snprintf(got, sizeof(got), "prompt %s", d->result.result.prompt);
	else
		snprintf(got, sizeof(got), "(unknown check)");
	if (strcmp(got, text) != 0)
		fail_at(d, "check", text, got);
}

/* --- requests --- */

static void
forget_command(struct dev *d)
{
	for (size_t i = 0; i < d->answers_count; i++) {
		pattern_destroy(d->answers[i].match);
		free(d->answer_texts[i]);
	}
	d->answers_count = 0;
	memset(&d->command, 0, sizeof(d->command));
	d->command.limits = (struct cli_limits){60, 60, 0};
}

static void
set_option(struct dev *d, char *text)
{
	bool hidden = strncmp(text, "hidden ", 7) == 0;
	struct np_error err;

	if (strcmp(text, "prove") == 0) {
		d->command.prove = true;
	} else if (strcmp(text, "raw") == 0) {
		d->command.raw = true;
	} else if (strcmp(text, "interactive") == 0) {
		d->command.interactive = true;
	} else if (sscanf(text, "first %lf", &d->command.limits.first_byte) == 1 ||
		   sscanf(text, "idle %lf", &d->command.limits.idle) == 1 ||
		   sscanf(text, "total %lf", &d->command.limits.total) == 1) {
		return;
	} else if (hidden || strncmp(text, "answer ", 7) == 0) {
		char *equals = strchr(text, '=');
		size_t n = d->answers_count++;

		assert_non_null(equals);
		*equals = '\0';
		d->answer_texts[n] = xstrdup(equals + 1);
		d->answers[n] =
		    (struct cli_answer){pattern_create(text + 7, PATTERN_ANYWHERE, &err), d->answer_texts[n], hidden};
		assert_non_null(d->answers[n].match);
	} else {
		fail_at(d, "script", "a known option", text);
	}
}

static void
run_command(struct dev *d, const char *text, bool refused)
{
	struct np_error err = {0};
	struct buf bytes;
	int r;

	buf_init(&bytes, 1 << 20);
	unescape(d, text, &bytes);
	d->command.text = (const char *)buf_head(&bytes);
	d->command.size = bytes.len;
	d->command.answers = d->answers;
	d->command.answers_count = d->answers_count;
	r = cli_run(d->cli, &d->command, d->now, &err);
	if ((r < 0) != refused)
		fail_at(d, "run", refused ? "refused" : "accepted", err.text);
	buf_free(&bytes);
}

static void
run_config(struct dev *d, const char *options)
{
	struct cli_config config = {.lines = d->lines, .count = d->lines_count, .limits = {60, 60, 0}};
	struct np_error err = {0};
	const char *confirm = strstr(options, "confirm ");
	bool refused = strstr(options, "refused") != NULL;

	config.save = strstr(options, "save") != NULL;
	config.keep_going = strstr(options, "keep_going") != NULL;
	config.dry_run = strstr(options, "dry_run") != NULL;
	config.confirm_minutes = confirm != NULL ? atoi(confirm + 8) : 0;
	if ((cli_configure(d->cli, &config, d->now, &err) < 0) != refused)
		fail_at(d, "config", refused ? "refused" : "accepted", err.text);
	d->lines_given = true;
}

static void
forget_lines(struct dev *d)
{
	for (size_t i = 0; i < d->lines_count; i++)
		free(d->line_texts[i]);
	d->lines_count = 0;
	d->lines_given = false;
}

static void
add_line(struct dev *d, const char *text)
{
	if (d->lines_given)
		forget_lines(d);
	assert_true(d->lines_count < LINES_MAX);
	d->line_texts[d->lines_count] = xstrdup(text);
	d->lines[d->lines_count] = (struct cli_line){d->line_texts[d->lines_count], strlen(text)};
	d->lines_count++;
}

static void
begin(struct dev *d)
{
	struct cli_options options = {.platform = d->platform,
	    .name = "dev",
	    .username = d->username,
	    .password = d->password,
	    .secret = d->secret,
	    .seed = 42};

	assert_non_null(d->platform);
	d->cli = cli_create(&options, d->now);
	collect(d);
}

/* --- the script --- */

static bool
word(char *line, const char *name, char **rest)
{
	size_t n = strlen(name);

	if (strncmp(line, name, n) != 0 || (line[n] != ' ' && line[n] != '\0'))
		return false;
	*rest = line[n] == ' ' ? line + n + 1 : line + n;
	return true;
}

static bool
set_up(struct dev *d, char *line)
{
	char *rest;

	if (word(line, "platform", &rest)) {
		d->platform = platforms_find(d->set, rest);
		if (d->platform == NULL)
			fail_at(d, "platform", rest, "none");
	} else if (word(line, "secret", &rest)) {
		d->secret = xstrdup(rest);
	} else if (word(line, "password", &rest)) {
		d->password = xstrdup(rest);
	} else if (word(line, "username", &rest)) {
		d->username = xstrdup(rest);
	} else if (word(line, "begin", &rest)) {
		begin(d);
	} else {
		return false;
	}
	return true;
}

static bool
request(struct dev *d, char *line)
{
	struct np_error err = {0};
	char *rest;

	if (word(line, "run", &rest) || word(line, "refuse", &rest))
		run_command(d, rest, line[2] == 'f');
	else if (word(line, "set", &rest))
		set_option(d, rest);
	else if (word(line, "forget", &rest))
		forget_command(d);
	else if (word(line, "|", &rest))
		add_line(d, rest);
	else if (word(line, "config", &rest))
		run_config(d, rest);
	else if (word(line, "enable", &rest))
		assert_int_equal(cli_enable(d->cli, *rest != '\0' ? rest : NULL, d->now, &err), 0);
	else if (word(line, "reset", &rest))
		assert_int_equal(cli_reset(d->cli, d->now, &err), 0);
	else if (word(line, "keepalive", &rest))
		assert_int_equal(cli_keepalive(d->cli, d->now, &err), 0);
	else if (word(line, "cancel", &rest))
		cli_cancel(d->cli, d->now);
	else if (word(line, "logout", &rest))
		cli_logout(d->cli, d->now);
	else if (word(line, "answer", &rest))
		cli_answer(d->cli, rest, d->now);
	else if (word(line, "noanswer", &rest))
		cli_answer(d->cli, NULL, d->now);
	else if (word(line, "closed", &rest))
		cli_closed(d->cli, NULL, d->now);
	else
		return false;
	return true;
}

static void
step(struct dev *d, char *line)
{
	char *rest;

	if (line[0] == '\0' || line[0] == '#' || (d->cli == NULL && set_up(d, line)))
		return;
	assert_non_null(d->cli);
	if (word(line, "<", &rest)) {
		unescape(d, rest, &d->feed);
		return;
	}
	flush_feed(d);
	if (word(line, ".", &rest))
		cli_drained(d->cli, d->now);
	else if (word(line, "+", &rest))
		pass_time(d, atof(rest));
	else if (word(line, ">", &rest))
		check_sent(d, rest);
	else if (word(line, "=", &rest) && line[1] == ' ')
		check_output(d, rest);
	else if (word(line, "=", &rest)) {
		if (d->output.len > 0)
			fail_at(d, "output", "nothing", visible(&d->output));
	} else if (word(line, "!", &rest))
		check_event(d, rest);
	else if (word(line, "?", &rest))
		check_stat(d, rest);
	else if (!request(d, line))
		fail_at(d, "script", "a known line", line);
	collect(d);
}

static void
finish(struct dev *d)
{
	struct cli_event event;

	if (d->sent.len > 0)
		fail_at(d, "end of the script", "nothing more sent", visible(&d->sent));
	if (d->output.len > 0)
		fail_at(d, "end of the script", "no more output", visible(&d->output));
	if (cli_next_event(d->cli, &event))
		fail_at(d, "end of the script", "no more events",
		    event.kind == CLI_EVENT_RESULT ? event.result.err.text : event.text);
	cli_destroy(d->cli);
	forget_command(d);
	forget_lines(d);
	free(d->secret);
	free(d->password);
	free(d->username);
	buf_free(&d->feed);
	buf_free(&d->sent);
	buf_free(&d->output);
}

static struct platforms *shared; /* reading and checking all of them takes longer than a script */

static struct platforms *
load(void)
{
	if (shared == NULL)
		shared = platdir_load();
	return shared;
}

void
clidev_finish(void)
{
	platforms_unref(shared);
	shared = NULL;
}

static void
run_once(const char *name, const char *script, size_t piece, bool pauses)
{
	struct dev d = {.name = name, .piece = piece, .pauses = pauses, .now = 1000, .set = load()};
	char *copy = xstrdup(script), *next, *line;

	buf_init(&d.feed, 1 << 22);
	buf_init(&d.sent, 1 << 20);
	buf_init(&d.output, 1 << 22);
	forget_command(&d);
	for (line = copy; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		while (*line == '\t')
			line++;
		d.line++;
		step(&d, line);
	}
	flush_feed(&d);
	finish(&d);
	free(copy);
}

void
clidev_run(const char *name, const char *script)
{
	static const size_t pieces[] = {65536, 7, 1};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
		run_once(name, script, pieces[i], false);
}

void
clidev_run_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = xmalloc(1 << 20);
	size_t n;

	if (f == NULL)
		fail_msg("%s: cannot open", path);
	n = fread(text, 1, (1 << 20) - 1, f);
	fclose(f);
	text[n] = '\0';
	if (strncmp(text, "# origin: ", 10) != 0)
		fail_msg("%s: must begin with `# origin: recorded | simulated | documented (source)'", path);
	clidev_run(path, text);
	if (strstr(text, "\n# no pauses") == NULL)
		run_once(path, text, 1, true);
	free(text);
}

static void
run_as_test(void **state)
{
	const struct clidev_script *script = *state;

	clidev_run(script->name, script->text);
}

int
clidev_main(const char *group, const struct clidev_script *scripts, size_t count)
{
	struct CMUnitTest *tests = xcalloc(count, sizeof(*tests));
	int r;

	log_set_level(LOG_LEVEL_ERROR);
	for (size_t i = 0; i < count; i++) {
		union {
			const struct clidev_script *in;
			void *out;
		} arg = {.in = &scripts[i]};

		tests[i] = (struct CMUnitTest){scripts[i].name, run_as_test, NULL, NULL, arg.out};
	}
	r = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
	free(tests);
	clidev_finish();
	return r;
}
