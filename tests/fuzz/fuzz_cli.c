/*
 * Fuzz target for the cli driver: whatever a device sends, in whatever pieces and pauses, the driver stays within its
 * bounds, says each result once, and ends READY or DEAD.
 *
 * The input is a program: a byte below 0x20 is an order (feed, drained, time, an operation), the rest is text of the
 * device; 0x1f stands for the escape character, which a device may send too.  "V0" to "V3" at its beginning choose
 * another platform.  No secret comes out, however the device repeats it.
 */
#include "fuzz.h"

#include <string.h>

#include "cli/cli.h"
#include "base/log.h"
#include "platform/platform.h"

static const char common[] =
    "name: t\nbase_mode: priv\n"
    "modes:\n"
    "  user: {prompt: '(?<host>\\w+)>', samples: ['R>']}\n"
    "  priv: {prompt: '(?<host>\\w+)#', parent: user, leave: disable, samples: ['R#'],\n"
    "    enter: {send: enable, questions: [{match: 'word:', reply: secret}]}}\n"
    "  config: {prompt: '(?<host>\\w+)\\(c\\)#', parent: priv, leave: end, config: true, samples: ['R(c)#']}\n"
    "passwords: 'word:'\nquestions: '\\?'\nlogin: {match: 'user:', reply: username}\n"
    "pager: {match: '--More--', keys: ' '}\npager_quit: q\nerrors: '%'\nasync: 'LOG'\n"
    "prepare: 'term'\nlogout: {send: exit, questions: [{match: 'save', send: n}]}\n"
    "config: {enter: conf, leave: end, candidate: true, commit: commit, abort: abort, save: wr, blocks: 'b "
    "(?<end>.)'}\n";

static const char *const variants[] = {
    "prompt_lines: 2\nprompt_context: '(\\[edit\\])?'\nrepaint: true\nsentinel: '! {nonce}'\n",
    "sentinel: '! {nonce}'\nwindow: 16\nmask: ['\\A[*!]', '\\.\\d+']\nhost_cut: 2\n",
    "echo: false\nsentinel: '# {nonce}'\nprove: true\n",
    "prompt_lines: 3\nprompt_context: '-.*'\ncr_ends_line: true\n",
};

static const char *const secrets[] = {"pw-one-1", "sc-two-2"};

struct world {
	struct buf said; /* output of the operation */
	struct cli *cli;
	struct secret *sesame, *yes;
	double now;
	int operations, results;
	bool dead;
};

static void
check_texts(const struct cli_event *event)
{
	for (size_t i = 0; i < NP_COUNT(secrets); i++) {
		FUZZ_ASSERT(strstr(event->text, secrets[i]) == NULL);
		FUZZ_ASSERT(strstr(event->err.text, secrets[i]) == NULL);
		FUZZ_ASSERT(strstr(event->result.err.text, secrets[i]) == NULL);
		FUZZ_ASSERT(strstr(event->result.error_line, secrets[i]) == NULL);
		FUZZ_ASSERT(strstr(event->result.prompt, secrets[i]) == NULL);
	}
}

static void
settle(struct world *w)
{
	struct cli_event event;
	struct buf *send = cli_send(w->cli), *out = cli_output(w->cli);

	FUZZ_ASSERT(out->len <= CLI_OUTPUT_HIGH * 8);
	buf_consume(send, send->len);
	FUZZ_ASSERT(buf_append(&w->said, buf_head(out), out->len) == 0);
	buf_consume(out, out->len);
	for (size_t i = 0; i < NP_COUNT(secrets); i++)
		FUZZ_ASSERT(memmem(buf_head(&w->said), w->said.len, secrets[i], strlen(secrets[i])) == NULL);
	while (cli_next_event(w->cli, &event)) {
		FUZZ_ASSERT(!w->dead);
		check_texts(&event);
		if (event.kind == CLI_EVENT_RESULT) {
			w->results++;
			buf_free(&w->said);
		}
		if (event.kind == CLI_EVENT_DEAD)
			w->dead = true;
		if (event.kind == CLI_EVENT_READY)
			FUZZ_ASSERT(w->results == w->operations);
	}
	FUZZ_ASSERT(w->results <= w->operations);
	FUZZ_ASSERT((cli_state(w->cli) == CLI_CLOSED) == w->dead);
}

static void
operate(struct world *w, uint8_t order)
{
	struct cli_command command = {.text = "run\nmore",
	    .size = order % 2 == 0 ? 8 : 3,
	    .limits = {5, 5, 20},
	    .prove = (order & 2) != 0,
	    .raw = order == 7,
	    .interactive = order == 8};
	struct cli_command config = {
	    .text = "a\nb x\nx", .size = 7, .limits = {5, 5, 20}, .save = true, .keep_going = order == 10};
	struct np_error err;
	int r = -1;

	if (order <= 8)
		r = cli_run(w->cli, &command, w->now, &err);
	else if (order <= 10)
		r = cli_configure(w->cli, &config, w->now, &err);
	else if (order == 11)
		r = cli_enable(w->cli, w->sesame, w->now, &err);
	else if (order == 12)
		r = cli_keepalive(w->cli, w->now, &err);
	else if (order == 13)
		r = cli_reset(w->cli, w->now, &err);
	else if (order == 14)
		cli_cancel(w->cli, w->now);
	else if (order == 15)
		cli_logout(w->cli, w->now);
	else
		cli_answer(w->cli, order == 16 ? w->yes : NULL, w->now);
	if (r == 0)
		w->operations++;
}

static void
act(struct world *w, uint8_t order)
{
	double at;

	if (order < 2) {
		cli_drained(w->cli, w->now);
	} else if (order == 2) {
		at = cli_wake_at(w->cli);
		if (at > w->now)
			w->now = at;
		cli_tick(w->cli, w->now);
	} else if (order == 3) {
		w->now += 1;
		cli_tick(w->cli, w->now);
	} else if (order < 18) {
		operate(w, order);
	} else if (order == 18) {
		cli_closed(w->cli, "closed", w->now);
	} else {
		static const char *const texts[] = {"\r\nR#", "\r\nR>", "\r\nR(c)#", "run\r\n", "\r\n", "--More--",
		    "word:", "sure?", "% bad\r\n", "LOG x\r\n", "[edit]\r\n"};
		const char *text = texts[(order - 19) % (sizeof(texts) / sizeof(texts[0]))];

		FUZZ_ASSERT(cli_feed(w->cli, text, strlen(text), w->now) == strlen(text));
	}
}

/* What a device echoes: everything that was sent, when the input says so. */
static void
echo_back(struct world *w)
{
	struct buf *send = cli_send(w->cli);
	uint8_t copy[512];
	size_t n = send->len < sizeof(copy) ? send->len : sizeof(copy);

	memcpy(copy, buf_head(send), n);
	buf_consume(send, n);
	FUZZ_ASSERT(cli_feed(w->cli, copy, n, w->now) == n);
}

static struct platform *
make_platform(size_t variant)
{
	static struct platform *made[NP_COUNT(variants)];
	struct np_error err;
	struct buf text;

	if (made[variant] != NULL)
		return made[variant];
	log_set_level(LOG_LEVEL_ERROR);
	buf_init(&text, 10000);
	FUZZ_ASSERT(buf_append_str(&text, common) == 0 && buf_append_str(&text, variants[variant]) == 0);
	made[variant] = platform_parse((const char *)buf_head(&text), text.len, "t.yaml", NULL, NULL, &err);
	FUZZ_ASSERT(made[variant] != NULL);
	buf_free(&text);
	return made[variant];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cli_options options = {.name = "fuzz", .username = "u"};
	struct world w = {.now = 1};
	size_t variant = 0, i = 0;

	if (size >= 2 && data[0] == 'V') {
		variant = data[1] % NP_COUNT(variants);
		i = 2;
	}
	options.platform = make_platform(variant);
	buf_init(&w.said, SIZE_MAX / 2);
	options.password = secret_make(secrets[0]);
	options.secret = secret_make(secrets[1]);
	w.sesame = secret_make("sesame");
	w.yes = secret_make("yes");
	w.cli = cli_create(&options, w.now);
	for (; i < size; i++) {
		uint8_t c = data[i];

		if (c == 0x7e)
			echo_back(&w);
		else if (c < 0x1f)
			act(&w, c);
		else
			FUZZ_ASSERT(cli_feed(w.cli, c == 0x1f ? (const uint8_t *)"\033" : &c, 1, w.now) == 1);
		settle(&w);
	}
	cli_closed(w.cli, NULL, w.now);
	settle(&w);
	FUZZ_ASSERT(w.results == w.operations && w.dead);
	cli_destroy(w.cli);
	buf_free(&w.said);
	secret_unref(options.password);
	secret_unref(options.secret);
	secret_unref(w.sesame);
	secret_unref(w.yes);
	return 0;
}
