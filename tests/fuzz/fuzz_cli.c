/*
 * Fuzz target for the cli driver: whatever a device sends, in whatever pieces and pauses, the driver stays within its
 * bounds, says each result once, and ends READY or DEAD.
 *
 * The input is a program: a byte below 0x20 is an order (feed, drained, time, an operation), the rest is text of the
 * device; 0x1f stands for the escape character, which a device may send too.
 */
#include "fuzz.h"

#include <string.h>

#include "cli.h"
#include "log.h"
#include "platform.h"

static const char definition[] =
    "name: t\nbase_mode: priv\nprompt_lines: 2\nprompt_context: '(\\[edit\\])?'\nrepaint: true\n"
    "modes:\n"
    "  user: {prompt: '(?<host>\\w+)>', samples: ['R>']}\n"
    "  priv: {prompt: '(?<host>\\w+)#', parent: user, leave: disable, samples: ['R#'],\n"
    "    enter: {send: enable, questions: [{match: 'word:', reply: secret}]}}\n"
    "  config: {prompt: '(?<host>\\w+)\\(c\\)#', parent: priv, leave: end, config: true, samples: ['R(c)#']}\n"
    "passwords: 'word:'\nquestions: '\\?'\nlogin: {match: 'user:', reply: username}\n"
    "pager: {match: '--More--', keys: ' '}\npager_quit: q\nerrors: '%'\nasync: 'LOG'\nsentinel: '! {nonce}'\n"
    "prepare: 'term'\nlogout: {send: exit, questions: [{match: 'save', send: n}]}\n"
    "config: {enter: conf, leave: end, candidate: true, commit: commit, abort: abort, save: wr, blocks: 'b "
    "(?<end>.)'}\n";

struct world {
	struct cli *cli;
	double now;
	int operations, results;
	bool dead;
};

static void
settle(struct world *w)
{
	struct cli_event event;
	struct buf *send = cli_send(w->cli), *out = cli_output(w->cli);

	FUZZ_ASSERT(out->len <= CLI_OUTPUT_HIGH * 8);
	buf_consume(send, send->len);
	buf_consume(out, out->len);
	while (cli_next_event(w->cli, &event)) {
		FUZZ_ASSERT(!w->dead);
		if (event.kind == CLI_EVENT_RESULT)
			w->results++;
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
	static const struct cli_line lines[] = {{"a", 1}, {"b x", 3}, {"x", 1}};
	struct cli_command command = {.text = "run\nmore",
	    .size = order % 2 == 0 ? 8 : 3,
	    .limits = {5, 5, 20},
	    .prove = (order & 2) != 0,
	    .raw = order == 7,
	    .interactive = order == 8};
	struct cli_config config = {
	    .lines = lines, .count = 3, .limits = {5, 5, 20}, .save = true, .keep_going = order == 10};
	struct np_error err;
	int r = -1;

	if (order <= 8)
		r = cli_run(w->cli, &command, w->now, &err);
	else if (order <= 10)
		r = cli_configure(w->cli, &config, w->now, &err);
	else if (order == 11)
		r = cli_enable(w->cli, "sesame", w->now, &err);
	else if (order == 12)
		r = cli_keepalive(w->cli, w->now, &err);
	else if (order == 13)
		r = cli_reset(w->cli, w->now, &err);
	else if (order == 14)
		cli_cancel(w->cli, w->now);
	else if (order == 15)
		cli_logout(w->cli, w->now);
	else
		cli_answer(w->cli, order == 16 ? "yes" : NULL, w->now);
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct platform *platform;
	struct np_error err;
	struct cli_options options = {.name = "fuzz", .username = "u", .password = "passw", .secret = "secret"};
	struct world w = {.now = 1};

	if (platform == NULL) {
		log_set_level(LOG_LEVEL_ERROR);
		platform = platform_parse(definition, sizeof(definition) - 1, "t.yaml", NULL, NULL, &err);
		FUZZ_ASSERT(platform != NULL);
	}
	options.platform = platform;
	w.cli = cli_create(&options, w.now);
	for (size_t i = 0; i < size; i++) {
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
	return 0;
}
