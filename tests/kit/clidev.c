/* The scripted device; see clidev.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kit/clidev.h"
#include "kit/clidev_impl.h"
#include "base/log.h"
#include "platform/pattern.h"
#include "kit/platdir.h"
#include "base/xalloc.h"

/* --- the device's side --- */

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
		clidev_collect(d);
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
		clidev_collect(d);
	}
	d->now = until;
	cli_tick(d->cli, d->now);
}

/* --- requests --- */

static void
forget_command(struct dev *d)
{
	for (size_t i = 0; i < d->answers_count; i++) {
		pattern_destroy(d->answers[i].match);
		secret_unref(d->answers[i].text);
	}
	d->answers_count = 0;
	memset(&d->command, 0, sizeof(d->command));
	d->command.limits = (struct cli_limits){60, 60, 0};
}

static void
set_option(struct dev *d, char *text)
{
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
	} else if (strncmp(text, "answer ", 7) == 0 || strncmp(text, "hidden ", 7) == 0) {
		char *equals = strchr(text, '=');
		size_t n = d->answers_count++;

		assert_non_null(equals);
		*equals = '\0';
		d->answers[n] =
		    (struct cli_answer){pattern_create(text + 7, PATTERN_ANYWHERE, &err), secret_make(equals + 1)};
		assert_non_null(d->answers[n].match);
	} else {
		clidev_fail(d, "script", "a known option", text);
	}
}

static void
run_command(struct dev *d, const char *text, bool refused)
{
	struct np_error err = {0};
	struct buf bytes;
	int r;

	buf_init(&bytes, 1 << 20);
	clidev_unescape(d, text, &bytes);
	d->command.text = (const char *)buf_head(&bytes);
	d->command.size = bytes.len;
	d->command.answers = d->answers;
	d->command.answers_count = d->answers_count;
	r = cli_run(d->cli, &d->command, d->now, &err);
	if ((r < 0) != refused)
		clidev_fail(d, "run", refused ? "refused" : "accepted", err.text);
	buf_free(&bytes);
}

static void
run_config(struct dev *d, const char *options)
{
	struct cli_command config = {.text = (const char *)buf_head(&d->lines),
	    .size = d->lines.len,
	    .limits = {60, 60, 0},
	    .answers = d->answers,
	    .answers_count = d->answers_count};
	struct np_error err = {0};
	const char *confirm = strstr(options, "confirm ");
	bool refused = strstr(options, "refused") != NULL;

	config.save = strstr(options, "save") != NULL;
	config.keep_going = strstr(options, "keep_going") != NULL;
	config.dry_run = strstr(options, "dry_run") != NULL;
	config.confirm_minutes = confirm != NULL ? atoi(confirm + 8) : 0;
	if ((cli_configure(d->cli, &config, d->now, &err) < 0) != refused)
		clidev_fail(d, "config", refused ? "refused" : "accepted", err.text);
	d->lines_given = true;
}

static void
forget_lines(struct dev *d)
{
	buf_free(&d->lines);
	d->lines_given = false;
}

static void
add_line(struct dev *d, const char *text)
{
	if (d->lines_given)
		forget_lines(d);
	clidev_put(&d->lines, text, strlen(text));
	clidev_put(&d->lines, "\n", 1);
}

static void
begin(struct dev *d)
{
	struct cli_options options = {.platform = d->platform,
	    .name = "dev",
	    .username = d->username,
	    .password = d->password,
	    .secret = d->secret,
	    .gated = d->gated,
	    .seed = 42};

	assert_non_null(d->platform);
	d->cli = cli_create(&options, d->now);
	clidev_collect(d);
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

static const char *
escaped(const char *newline)
{
	return strcmp(newline, "\r\n") == 0 ? "\\r\\n" : strcmp(newline, "\r") == 0 ? "\\r" : "\\n";
}

/* The device says this, and pauses. */
static void
say(struct dev *d, const char *bytes)
{
	clidev_unescape(d, bytes, &d->feed);
	flush_feed(d);
	cli_drained(d->cli, d->now);
	clidev_collect(d);
}

static void
expect_line(struct dev *d, const char *line)
{
	char *with_newline = xasprintf("%s%s", line, d->newline);

	clidev_check_sent(d, with_newline);
	free(with_newline);
}

/* Repeats the one line that was sent, which begins as the step does, and paints the prompt again. */
static void
answer_step(struct dev *d, const struct platform_step *step, const char *prompt)
{
	const char *sent = (const char *)buf_head(&d->sent);
	size_t size = d->sent.len - strlen(d->platform->newline), known = strcspn(step->send, "{");

	if (d->sent.len < known || memcmp(sent, step->send, known) != 0)
		clidev_fail(d, "preparation", step->send, clidev_visible(&d->sent));
	clidev_put(&d->feed, sent, size);
	buf_consume(&d->sent, d->sent.len);
	say(d, prompt);
}

/* A login without surprises: the prompt, twice, and an echo and the prompt for each step of the preparation. */
static void
login(struct dev *d, const char *prompt)
{
	const struct platform_steps *steps = &d->platform->prepare;
	char *again = xasprintf("\\r\\n%s", prompt);

	begin(d);
	say(d, prompt);
	pass_time(d, 0.1);
	clidev_collect(d);
	expect_line(d, "");
	say(d, again);
	for (size_t i = 0; i < steps->count; i++)
		answer_step(d, &steps->items[i], again);
	clidev_take_event(d, CLI_EVENT_READY, "ready");
	free(again);
}

/* Where the platform wants each command proven. */
static void
answer_proof(struct dev *d, const char *prompt)
{
	const char *says = d->platform->sentinel_says;
	char *typed, *said, *status, *answer;

	if (!d->platform->prove)
		return;
	typed = platform_expand(d->platform->sentinel, "nonce", "\\N");
	said = platform_expand(says != NULL ? says : "", "nonce", "\\N");
	status = platform_expand(said, "status", "0");
	answer = xasprintf("%s\\r\\n%s%s%s", typed, status, says != NULL ? "\\r\\n" : "", prompt);
	clidev_collect(d);
	expect_line(d, typed);
	say(d, answer);
	free(typed);
	free(said);
	free(status);
	free(answer);
}

/* The next command gets its own answer, in one round trip and without a timer, and nothing of the one before. */
static void
next_command(struct dev *d, const char *prompt)
{
	char *answer = xasprintf("show clock\\r\\nnoon\\r\\n%s", prompt);
	uint64_t resyncs = cli_stats(d->cli)->resyncs;
	char result[] = "result ok";
	struct cli_event event;

	if (cli_next_event(d->cli, &event) && event.kind != CLI_EVENT_READY)
		clidev_fail(d, "event before the next command", "ready or none", event.text);
	if (d->output.len > 0)
		clidev_fail(d, "output before the next command", "none", clidev_visible(&d->output));
	run_command(d, "show clock", false);
	clidev_collect(d);
	expect_line(d, "show clock");
	say(d, answer);
	answer_proof(d, prompt);
	if (d->sent.len > 0)
		clidev_fail(d, "next command: sent", "nothing more", clidev_visible(&d->sent));
	clidev_check_event(d, result);
	clidev_check_output(d, "noon");
	if (d->output.len > 0)
		clidev_fail(d, "next command: output", "nothing more", clidev_visible(&d->output));
	if (cli_stats(d->cli)->resyncs != resyncs)
		clidev_fail(d, "next command", "no resync", "one");
	clidev_take_event(d, CLI_EVENT_READY, "ready");
	free(answer);
}

static bool
set_up(struct dev *d, char *line)
{
	char *rest;

	if (word(line, "platform", &rest)) {
		d->platform = platforms_find(d->set, rest);
		if (d->platform == NULL)
			clidev_fail(d, "platform", rest, "none");
		d->newline = escaped(d->platform->newline);
	} else if (word(line, "secret", &rest)) {
		d->secret = secret_make(rest);
	} else if (word(line, "password", &rest)) {
		d->password = secret_make(rest);
	} else if (word(line, "username", &rest)) {
		d->username = xstrdup(rest);
	} else if (word(line, "gated", &rest)) {
		d->gated = true;
	} else if (word(line, "begin", &rest)) {
		begin(d);
	} else if (word(line, "login", &rest)) {
		login(d, rest);
	} else if (word(line, "pauses", &rest)) {
		return true;
	} else {
		return false;
	}
	return true;
}

static void
enable(struct dev *d, const char *text)
{
	struct secret *secret = secret_make(text);
	struct np_error err = {0};

	assert_int_equal(cli_enable(d->cli, secret, d->now, &err), 0);
	secret_unref(secret);
}

static void
answer(struct dev *d, const char *text)
{
	struct secret *secret = secret_make(text);

	cli_answer(d->cli, secret, d->now);
	secret_unref(secret);
}

/* Of the gate: why empty, and it may. */
static void
allow(struct dev *d, const char *why)
{
	struct np_error err = {0};

	if (*why != '\0')
		error_set(&err, REASON_AUTH_BACKOFF, "%s", why);
	cli_offer_answer(d->cli, *why != '\0' ? &err : NULL, d->now);
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
		enable(d, *rest != '\0' ? rest : NULL);
	else if (word(line, "reset", &rest))
		assert_int_equal(cli_reset(d->cli, d->now, &err), 0);
	else if (word(line, "keepalive", &rest))
		assert_int_equal(cli_keepalive(d->cli, d->now, &err), 0);
	else if (word(line, "cancel", &rest))
		cli_cancel(d->cli, d->now);
	else if (word(line, "logout", &rest))
		cli_logout(d->cli, d->now);
	else if (word(line, "answer", &rest))
		answer(d, rest);
	else if (word(line, "allow", &rest) || word(line, "bar", &rest))
		allow(d, rest);
	else if (word(line, "noanswer", &rest))
		cli_answer(d->cli, NULL, d->now);
	else if (word(line, "closed", &rest))
		cli_closed(d->cli, NULL, d->now);
	else if (word(line, "next", &rest))
		next_command(d, rest);
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
		clidev_unescape(d, rest, &d->feed);
		return;
	}
	flush_feed(d);
	if (word(line, ".", &rest))
		cli_drained(d->cli, d->now);
	else if (word(line, "+", &rest))
		pass_time(d, atof(rest));
	else if (word(line, ">", &rest))
		clidev_check_sent(d, rest);
	else if (word(line, "=", &rest) && line[1] == ' ')
		clidev_check_output(d, rest);
	else if (word(line, "=", &rest)) {
		if (d->output.len > 0)
			clidev_fail(d, "output", "nothing", clidev_visible(&d->output));
	} else if (word(line, "!", &rest))
		clidev_check_event(d, rest);
	else if (word(line, "?", &rest))
		clidev_check_stat(d, rest);
	else if (!request(d, line))
		clidev_fail(d, "script", "a known line", line);
	clidev_collect(d);
}

static void
finish(struct dev *d)
{
	struct cli_event event;

	if (d->sent.len > 0)
		clidev_fail(d, "end of the script", "nothing more sent", clidev_visible(&d->sent));
	if (d->output.len > 0)
		clidev_fail(d, "end of the script", "no more output", clidev_visible(&d->output));
	if (d->range_left > 0)
		clidev_fail(d, "end of the script", "nothing more about lines", d->range.text);
	if (cli_next_event(d->cli, &event))
		clidev_fail(d, "end of the script", "no more events",
		    event.kind == CLI_EVENT_RESULT ? event.result.err.text : event.text);
	cli_destroy(d->cli);
	forget_command(d);
	forget_lines(d);
	secret_unref(d->secret);
	secret_unref(d->password);
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
	platforms_destroy(shared);
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
	buf_init(&d.lines, 1 << 20);
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
	if (strncmp(script, "pauses\n", 7) == 0)
		run_once(name, script, 1, true);
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
