/*
 * The seam between transports and what uses them, on a transport that is a fake: what channels promise whatever is
 * behind them, relays and shells without a server.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "kit/drive.h"
#include "kit/faketransport.h"
#include "kit/platdir.h"
#include "transport/provider.h"
#include "transport/relay.h"
#include "transport/shell.h"

/* What the user of a channel was told. */
struct user {
	struct chan *chan;
	char log[256]; /* an event a word */
	size_t wrote;
	bool leaves; /* the output where it is */
	struct buf out;
	struct chan_end end;
	bool done;
	bool inside; /* a call of ours is under way: no event may come */
};

struct fixture {
	struct ev_loop *loop;
	struct fake fake;
	struct user user;
	struct np_error why;
	int closed, probed, slots;
	double rtt;
};

static void
on_closed(struct session *s NP_UNUSED, const struct np_error *why, void *arg)
{
	struct fixture *f = arg;

	f->closed++;
	f->why = *why;
}

static void
on_probed(struct session *s NP_UNUSED, double rtt, void *arg)
{
	struct fixture *f = arg;

	f->probed++;
	f->rtt = rtt;
}

static const struct session_events session_events = {.closed = on_closed, .probed = on_probed};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = ev_loop_new(EVFLAG_AUTO);
	fake_init(&f->fake);
	fake_adopt(&f->fake, f->loop, 2, &session_events, f);
	buf_init(&f->user.out, 1u << 20);
	*state = f;
	return 0;
}

static bool
is_closed(void *arg)
{
	return ((struct fixture *)arg)->closed > 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	if (f->fake.session != NULL)
		session_close(f->fake.session, REASON_NONE, "over");
	assert_true(drive_until(f->loop, is_closed, f));
	assert_int_equal(f->closed, 1);
	fake_finish(&f->fake);
	ev_loop_destroy(f->loop);
	buf_free(&f->user.out);
	free(f);
	return 0;
}

/* ---- channels ---- */

static void
told(struct user *u, const char *word)
{
	assert_false(u->inside);
	assert_false(u->done);
	strncat(u->log, word, sizeof u->log - strlen(u->log) - 1);
	strncat(u->log, " ", sizeof u->log - strlen(u->log) - 1);
}

static void
on_started(struct chan *ch NP_UNUSED, void *arg)
{
	told(arg, "started");
}

static void
take(struct user *u, struct chan *ch)
{
	const struct buf *b = chan_output(ch, 0);

	assert_int_equal(buf_append(&u->out, buf_head(b), b->len), 0);
	chan_consume(ch, 0, b->len);
}

static void
on_output(struct chan *ch, void *arg)
{
	struct user *u = arg;

	told(u, chan_output_ended(ch) ? "ended" : "output");
	if (!u->leaves)
		take(u, ch);
}

static void
on_wrote(struct chan *ch NP_UNUSED, size_t n, void *arg)
{
	struct user *u = arg;

	told(u, "wrote");
	u->wrote += n;
}

static void
on_freed(struct chan *ch, const struct chan_end *end, void *arg)
{
	told(arg, "freed");
	assert_true(end->has_status);
	assert_true(session_stats(ch->session).has_slot);
}

static void
on_done(struct chan *ch, const struct chan_end *end, void *arg)
{
	struct user *u = arg;

	told(u, "done");
	take(u, ch);
	u->end = *end;
	u->done = true;
	u->chan = NULL;
}

static const struct chan_events chan_events = {
    .started = on_started, .output = on_output, .wrote = on_wrote, .freed = on_freed, .done = on_done};

static struct fake_chan *
start(struct fixture *f, const struct chan_spec *spec)
{
	f->user.inside = true;
	f->user.chan = chan_start(f->fake.session, spec, &chan_events, &f->user);
	f->user.inside = false;
	assert_non_null(f->user.chan);
	return &f->fake.chans[f->fake.count - 1];
}

static struct fake_chan *
start_command(struct fixture *f, const char *command)
{
	struct chan_spec spec = {.kind = CHANNEL_EXEC, .command = command, .command_size = strlen(command)};

	return start(f, &spec);
}

/* One turn of the loop: all that is fed, nothing that has to be waited for. */
static void
turn(struct fixture *f)
{
	ev_run(f->loop, EVRUN_NOWAIT);
}

static void
test_a_channel_tells_in_order_and_done_comes_last(void **state)
{
	struct fixture *f = *state;
	struct user *u = &f->user;
	struct fake_chan *ch = start_command(f, "show version");

	assert_string_equal(ch->command, "show version");
	u->inside = true;
	assert_int_equal(chan_write(u->chan, "yes\n", 4), 0);
	chan_eof(u->chan);
	u->inside = false;
	turn(f);
	assert_string_equal(u->log, "");
	fake_start(ch);
	turn(f);
	turn(f);
	assert_string_equal(u->log, "started wrote ");
	assert_int_equal(u->wrote, 4);
	assert_true(ch->eof);
	assert_memory_equal(buf_head(&ch->input), "yes\n", 4);
	fake_say(ch, 0, "v1\n", 3);
	turn(f);
	fake_exit(ch, 3);
	turn(f);
	assert_string_equal(u->log, "started wrote output ended done ");
	assert_memory_equal(buf_head(&u->out), "v1\n", 3);
	assert_true(u->end.has_status);
	assert_int_equal(u->end.status, 3);
	assert_int_equal(session_stats(f->fake.session).slots_used, 0);
}

static void
test_done_waits_for_the_reader_unless_the_session_is_lost(void **state)
{
	struct fixture *f = *state;
	struct user *u = &f->user;
	struct fake_chan *ch = start_command(f, "true");

	u->leaves = true;
	fake_start(ch);
	fake_say(ch, 0, "late", 4);
	fake_exit(ch, 0);
	turn(f);
	turn(f);
	assert_string_equal(u->log, "started output freed ");
	assert_int_equal(chan_output(u->chan, 0)->len, 4);
	assert_int_equal(session_stats(f->fake.session).slots_used, 0);
	take(u, u->chan);
	turn(f);
	assert_true(u->done);

	*u = (struct user){.leaves = true, .out = u->out};
	ch = start_command(f, "true");
	fake_start(ch);
	fake_say(ch, 0, "rest", 4);
	turn(f);
	fake_lose(&f->fake, "cable cut");
	turn(f);
	assert_true(u->done); /* which took the rest */
	assert_int_equal(u->end.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_memory_equal(buf_head(&u->out), "laterest", 8);
	assert_string_equal(f->why.text, "cable cut");
}

static void
test_what_cannot_be_started_is_told_in_a_later_turn(void **state)
{
	struct fixture *f = *state;
	struct fake_chan *first = start_command(f, "a"), *second = start_command(f, "b");

	assert_false(session_stats(f->fake.session).has_slot);
	start_command(f, "c");
	turn(f);
	assert_string_equal(f->user.log, "done ");
	assert_int_equal(f->user.end.err.reason, REASON_CHANNEL_REFUSED);
	f->user.done = false;
	fake_refuse(second, REASON_EXEC_REFUSED, "no");
	turn(f);
	assert_int_equal(f->user.end.err.reason, REASON_EXEC_REFUSED);
	assert_false(f->user.end.sent);
	f->user.done = false;
	chan_abandon(first->chan);
	turn(f);
	assert_int_equal(f->user.end.err.reason, REASON_CANCELLED);
}

static void
test_an_unsent_command_learns_why_the_session_was_closed(void **state)
{
	struct fixture *f = *state;

	start_command(f, "a");
	session_close(f->fake.session, REASON_SHUTTING_DOWN, "%s", "the broker ends");
	assert_false(session_probe(f->fake.session));
	turn(f);
	assert_int_equal(f->user.end.err.reason, REASON_SHUTTING_DOWN);
	assert_int_equal(f->closed, 1);
}

static void
test_signals_and_sizes_reach_the_server_once_it_runs(void **state)
{
	struct fixture *f = *state;
	struct fake_chan *ch = start_command(f, "top");

	chan_signal(f->user.chan, "INT");
	chan_resize(f->user.chan, 132, 50);
	turn(f);
	assert_string_equal(ch->signals, "");
	fake_start(ch);
	chan_signal(f->user.chan, "TERM");
	turn(f);
	assert_string_equal(ch->signals, " INT TERM");
	assert_int_equal(ch->cols, 132);
	fake_exit(ch, -1);
	turn(f);
}

static void
test_one_probe_at_a_time(void **state)
{
	struct fixture *f = *state;

	assert_true(session_probe(f->fake.session));
	assert_false(session_probe(f->fake.session));
	turn(f);
	assert_int_equal(f->probed, 0);
	fake_answer_probe(&f->fake, 0.25);
	turn(f);
	assert_int_equal(f->probed, 1);
	assert_true(f->rtt == 0.25);
	assert_true(session_probe(f->fake.session));
	assert_int_equal(f->fake.probes, 2);
}

static void
test_a_connection_that_nobody_adopts_is_ended_with_its_secrets(void **state NP_UNUSED)
{
	struct fake fake;
	struct dialled *d;

	fake_init(&fake);
	d = fake_dialled(&fake);
	d->auth_method = xstrdup("password (typed)");
	d->secret = secret_make("s3cret");
	d->password = secret_make("pass");
	dialled_discard(d);
	dialled_discard(NULL);
	assert_true(fake.discarded);
	fake_finish(&fake);
}

/* ---- relays ---- */

struct hop {
	struct relay *relay;
	int fd;
	bool opened, closed;
	struct np_error err;
};

static void
on_hop_opened(struct relay *r NP_UNUSED, void *arg)
{
	((struct hop *)arg)->opened = true;
}

static void
on_hop_closed(struct relay *r NP_UNUSED, const struct np_error *err, void *arg)
{
	struct hop *h = arg;

	h->closed = true;
	h->err = *err;
}

static struct fake_chan *
hop_start(struct fixture *f, struct hop *h)
{
	static const struct relay_events events = {.opened = on_hop_opened, .closed = on_hop_closed};
	int pair[2];

	memset(h, 0, sizeof *h);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	h->fd = pair[1];
	h->relay = relay_create(f->loop, f->fake.session, "r9", 2222, pair[0], &events, h);
	return &f->fake.chans[f->fake.count - 1];
}

static bool
hop_closed(void *arg)
{
	return ((struct hop *)arg)->closed;
}

static bool
server_has_four(void *arg)
{
	return ((struct fake_chan *)arg)->input.len >= 4;
}

static void
test_a_relay_joins_a_channel_with_a_stream(void **state)
{
	struct fixture *f = *state;
	struct fake_chan *ch;
	struct hop h;
	char text[16];

	ch = hop_start(f, &h);
	assert_int_equal(ch->kind, CHANNEL_FORWARD);
	assert_string_equal(ch->command, "r9");
	assert_int_equal(ch->port, 2222);
	assert_int_equal(session_stats(f->fake.session).slots_used, 0);
	assert_int_equal(write(h.fd, "SSH-", 4), 4);
	fake_start(ch);
	assert_true(drive_until(f->loop, server_has_four, ch));
	assert_true(h.opened);
	fake_say(ch, 0, "2.0\n", 4);
	turn(f);
	assert_int_equal(read(h.fd, text, sizeof text), 4);
	assert_memory_equal(text, "2.0\n", 4);
	fake_exit(ch, -1);
	assert_true(drive_until(f->loop, hop_closed, &h));
	assert_int_equal(h.err.reason, REASON_NONE);
	assert_int_equal(read(h.fd, text, sizeof text), 0);
	close(h.fd);
}

static void
test_a_far_host_that_refuses_fails_the_jump(void **state)
{
	struct fixture *f = *state;
	struct fake_chan *ch;
	struct hop h;

	ch = hop_start(f, &h);
	fake_refuse(ch, REASON_CHANNEL_REFUSED, "no connection to r9 port 2222 from there");
	turn(f);
	assert_true(h.closed);
	assert_false(h.opened);
	assert_int_equal(h.err.reason, REASON_JUMP_FAILED);
	close(h.fd);
}

/* Writes until nothing moves any more; how many bytes went in. */
static size_t
fill(struct fixture *f, int fd)
{
	char block[4096] = "x";
	size_t sum = 0;
	int idle = 0;

	while (idle < 3) {
		ssize_t n = write(fd, block, sizeof block);

		if (n > 0) {
			sum += (size_t)n;
			idle = 0;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		turn(f);
		idle++;
	}
	return sum;
}

struct server_wants {
	struct fake_chan *ch;
	size_t bytes;
};

static bool
server_has_all(void *arg)
{
	const struct server_wants *w = arg;

	return w->ch->input.len == w->bytes;
}

static void
test_a_far_host_that_does_not_read_holds_the_stream(void **state)
{
	struct fixture *f = *state;
	struct fake_chan *ch;
	struct hop h;
	size_t sum;

	ch = hop_start(f, &h);
	fake_start(ch);
	turn(f);
	ch->holds = true;
	sum = fill(f, h.fd);
	assert_true(chan_write_room(ch->chan) < CHANNEL_BUFFER_MAX);
	assert_true(ch->chan != NULL && sum > CHANNEL_BUFFER_MAX / 2);
	assert_int_equal(ch->input.len, 0);
	fake_resume(ch);
	assert_true(drive_until(f->loop, server_has_all, &(struct server_wants){ch, sum}));
	relay_close(h.relay);
	turn(f);
	assert_true(h.closed);
	close(h.fd);
}

static void
test_the_loss_of_the_session_ends_its_relays(void **state)
{
	struct fixture *f = *state;
	struct fake_chan *ch;
	struct hop h;
	char c;

	ch = hop_start(f, &h);
	fake_start(ch);
	turn(f);
	fake_lose(&f->fake, "gone");
	turn(f);
	assert_true(h.closed);
	assert_int_equal(h.err.reason, REASON_JUMP_FAILED);
	assert_int_equal(read(h.fd, &c, 1), 0);
	close(h.fd);
}

/* ---- shells ---- */

struct terminal {
	struct fixture *f;
	struct platforms *set;
	struct shell *shell;
	struct fake_chan *device;
	size_t answered; /* bytes of its input */
	char out[256];
	int ready, results, ended;
	bool dead;
	struct cli_result result;
	struct np_error dead_err;
};

static void
on_shell_event(struct shell *sh NP_UNUSED, const struct cli_event *event, void *arg)
{
	struct terminal *t = arg;

	if (event->kind == CLI_EVENT_READY) {
		t->ready++;
	} else if (event->kind == CLI_EVENT_RESULT) {
		t->results++;
		t->result = event->result;
	} else if (event->kind == CLI_EVENT_DEAD) {
		t->dead = true;
		t->dead_err = event->err;
	} else {
		fail();
	}
}

static void
on_shell_output(struct shell *sh, void *arg)
{
	struct terminal *t = arg;
	const struct buf *b = shell_output(sh);

	strncat(t->out, (const char *)buf_head(b), b->len);
	shell_consume(sh, b->len);
}

static void
on_shell_ended(struct shell *sh NP_UNUSED, void *arg)
{
	struct terminal *t = arg;

	t->ended++;
	t->shell = NULL;
}

/* A device that echoes each line, answers `show clock` and prompts. */
static void
device_work(struct terminal *t)
{
	struct fake_chan *ch = t->device;
	const char *text, *end;

	while (ch->chan != NULL && t->answered < ch->input.len) {
		text = (const char *)buf_head(&ch->input) + t->answered;
		end = memchr(text, '\n', ch->input.len - t->answered);
		if (end == NULL)
			return;
		t->answered += (size_t)(end - text) + 1;
		fake_say(ch, 0, text, (size_t)(end - text));
		fake_say(ch, 0, "\r\n", 2);
		if (strncmp(text, "show clock\n", 11) == 0)
			fake_say(ch, 0, "noon\r\n", 6);
		if (strncmp(text, "exit\n", 5) == 0)
			fake_exit(ch, 0);
		else
			fake_say(ch, 0, "R1#", 3);
	}
}

static bool
is_ready(void *arg)
{
	device_work(arg);
	return ((struct terminal *)arg)->ready > 0;
}

static bool
has_result(void *arg)
{
	device_work(arg);
	return ((struct terminal *)arg)->results > 0;
}

static bool
has_ended(void *arg)
{
	device_work(arg);
	return ((struct terminal *)arg)->ended > 0;
}

static void
terminal_open(struct fixture *f, struct terminal *t)
{
	static const struct shell_events events = {
	    .event = on_shell_event, .output = on_shell_output, .ended = on_shell_ended};
	struct cli_options options = {.name = "fake#7", .seed = 1};

	memset(t, 0, sizeof *t);
	t->f = f;
	t->set = platdir_load();
	options.platform = platforms_find(t->set, "cisco_ios");
	assert_non_null(options.platform);
	t->shell = shell_open(f->loop, f->fake.session, &options, &events, t);
	t->device = &f->fake.chans[f->fake.count - 1];
	assert_int_equal(t->device->kind, CHANNEL_SHELL);
	assert_int_equal(t->device->cols, options.platform->cols);
	fake_start(t->device);
	fake_say(t->device, 0, "R1#", 3);
	assert_true(drive_until(f->loop, is_ready, t));
	assert_string_equal(t->device->term, options.platform->term);
}

static void
terminal_close(struct terminal *t)
{
	assert_int_equal(t->ended, 1);
	assert_null(t->device->chan);
	platforms_destroy(t->set);
}

static void
test_a_shell_runs_commands_and_says_goodbye(void **state)
{
	struct cli_command command = {.text = "show clock", .size = 10};
	struct fixture *f = *state;
	struct terminal t;
	struct np_error err;

	terminal_open(f, &t);
	assert_int_equal(cli_run(shell_cli(t.shell), &command, clock_now(), &err), 0);
	shell_wake(t.shell);
	assert_true(drive_until(f->loop, has_result, &t));
	assert_int_equal(t.result.err.reason, REASON_NONE);
	assert_string_equal(t.out, "noon\n");
	shell_logout(t.shell);
	assert_true(drive_until(f->loop, has_ended, &t));
	assert_true(t.dead);
	assert_int_equal(t.dead_err.reason, REASON_NONE);
	terminal_close(&t);
}

static void
test_a_shell_whose_session_is_lost_keeps_the_last_answer(void **state)
{
	struct cli_command command = {.text = "show clock", .size = 10};
	struct fixture *f = *state;
	struct terminal t;
	struct np_error err;
	size_t before;

	terminal_open(f, &t);
	before = t.device->input.len;
	assert_int_equal(cli_run(shell_cli(t.shell), &command, clock_now(), &err), 0);
	shell_wake(t.shell);
	while (t.device->input.len == before)
		turn(f);
	device_work(&t);
	fake_lose(&f->fake, "gone");
	assert_true(drive_until(f->loop, has_ended, &t));
	assert_int_equal(t.results, 1);
	assert_int_equal(t.result.err.reason, REASON_NONE);
	assert_string_equal(t.out, "noon\n");
	assert_true(t.dead);
	terminal_close(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_channel_tells_in_order_and_done_comes_last),
	    TEST(test_done_waits_for_the_reader_unless_the_session_is_lost),
	    TEST(test_what_cannot_be_started_is_told_in_a_later_turn),
	    TEST(test_an_unsent_command_learns_why_the_session_was_closed),
	    TEST(test_signals_and_sizes_reach_the_server_once_it_runs),
	    TEST(test_one_probe_at_a_time),
	    cmocka_unit_test(test_a_connection_that_nobody_adopts_is_ended_with_its_secrets),
	    TEST(test_a_relay_joins_a_channel_with_a_stream),
	    TEST(test_a_far_host_that_refuses_fails_the_jump),
	    TEST(test_a_far_host_that_does_not_read_holds_the_stream),
	    TEST(test_the_loss_of_the_session_ends_its_relays),
	    TEST(test_a_shell_runs_commands_and_says_goodbye),
	    TEST(test_a_shell_whose_session_is_lost_keeps_the_last_answer),
	};

	return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
