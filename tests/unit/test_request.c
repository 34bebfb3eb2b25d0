/*
 * Requests among fakes: a client, a device and a session that do what the test says, and time that goes on when the
 * test wants.  What each is told, and that nothing of a request is left, is checked for every way in which it may end.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "broker/request/request_impl.h"
#include "kit/drive.h"
#include "kit/fakerequest.h"
#include "kit/platdir.h"

static struct platforms *platforms;

static int
set_up(void **state)
{
	struct fake_around *f = calloc(1, sizeof *f);

	fake_around_init(f, "devices: {r1: {}}", "r1", NULL);
	*state = f;
	return 0;
}

static int
set_up_shell(void **state)
{
	struct fake_around *f = calloc(1, sizeof *f);

	fake_around_init(f, "devices: {r1: {device_type: cisco_ios}}", "r1", platforms_find(platforms, "cisco_ios"));
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	fake_around_finish(*state);
	free(*state);
	return 0;
}

/* ---- what a test does ---- */

static struct request *
ask(struct fake_around *f, const char *verb, const char *params)
{
	struct np_error err;

	if (fake_ask(f, 1, verb, params, &err) == -1)
		fail_msg("%s", err.text);
	return TAILQ_LAST(&f->b.requests.list, request_list);
}

/* The channel of the command that was started last. */
static struct fake_chan *
chan(struct fake_around *f)
{
	assert_int_not_equal(f->transport.count, 0);
	return &f->transport.chans[f->transport.count - 1];
}

static struct request *
running(struct fake_around *f, const char *params)
{
	struct request *r = ask(f, "exec", params);

	fake_assign(f);
	assert_int_equal(r->state, REQUEST_RUNNING);
	if (f->dev.platform == NULL) {
		fake_start(chan(f));
		fake_turn(f);
	}
	return r;
}

static void
say(struct fake_around *f, int stream, const char *text)
{
	fake_say(chan(f), stream, text, strlen(text));
	fake_turn(f);
}

static void
end(struct fake_around *f, int status)
{
	fake_exit(chan(f), status);
	fake_turn(f);
}

/* Its timer fires at that time. */
static void
fire(struct fake_around *f, struct request *r, double seconds)
{
	fake_now += seconds;
	assert_true(ev_is_active(&r->clock));
	ev_feed_event(f->b.loop, &r->clock, EV_TIMER);
	fake_turn(f);
}

static void
is_out(struct fake_around *f, int stream, const char *text)
{
	assert_int_equal(f->client.out[stream].len, strlen(text));
	assert_memory_equal(buf_head(&f->client.out[stream]), text, strlen(text));
}

static void
is_told(struct fake_around *f, const char *text)
{
	if (strstr(f->client.told, text) == NULL)
		fail_msg("`%s' is not among: %s", text, f->client.told);
}

static int
times_told(struct fake_around *f, const char *text)
{
	int n = 0;

	for (const char *p = f->client.told; (p = strstr(p, text)) != NULL; p += strlen(text))
		n++;
	return n;
}

/* It was answered, once, and is gone. */
static void
is_over(struct fake_around *f, const char *events)
{
	assert_int_equal(times_told(f, "=result") + times_told(f, "=error"), 1);
	assert_true(TAILQ_EMPTY(&f->b.requests.list));
	assert_null(f->link.lease);
	assert_null(f->dev.waiter);
	assert_int_equal(f->dev.postponed, 0);
	assert_int_equal(f->client.waiting, 0);
	assert_string_equal(f->events, events);
}

/* ---- a command on a channel ---- */

static void
test_command_waits_runs_and_is_answered(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"ls\"}");

	assert_int_equal(r->state, REQUEST_QUEUED);
	assert_int_equal(f->client.waiting, 1);
	fake_assign(f);
	assert_string_equal(chan(f)->command, "ls");
	assert_int_equal(f->client.waiting, 0);
	fake_start(chan(f));
	say(f, 0, "out");
	say(f, 1, "err");
	assert_int_equal(f->link.commands, 1);
	end(f, 3);
	is_out(f, 0, "out");
	is_out(f, 1, "err");
	is_told(f, "\"exit_status\":3");
	is_over(f, "queued started command:ok ended:ok");
}

static void
test_command_that_was_not_sent_goes_back_to_the_queue(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"ls\"}");
	int times;

	for (times = 1; f->dev.waiter != NULL; times++) {
		fake_assign(f);
		fake_refuse(chan(f), REASON_CHANNEL_REFUSED, "no more");
		fake_turn(f);
		f->transport.count = 0;
		if (times <= BROKER_REQUEUES_MAX)
			assert_int_equal(r->state, REQUEST_QUEUED);
	}
	assert_int_equal(f->dev.waits_again, BROKER_REQUEUES_MAX);
	is_told(f, "channel_refused");
	assert_true(TAILQ_EMPTY(&f->b.requests.list));
}

static void
test_command_that_was_sent_is_never_sent_again(void **state)
{
	struct fake_around *f = *state;

	(void)running(f, "{\"device\":\"r1\",\"command\":\"ls\"}");
	say(f, 0, "begun");
	fake_lose(&f->transport, "gone");
	fake_turn(f);
	assert_int_equal(f->dev.waits_again, 0);
	is_out(f, 0, "begun");
	is_told(f, "\"reason\":\"outcome_unknown\"");
	is_over(f, "queued started command:outcome_unknown ended:outcome_unknown");
}

static void
test_batch_goes_on_after_a_failure_and_stops_if_wished(void **state)
{
	struct fake_around *f = *state;

	(void)running(f, "{\"device\":\"r1\",\"commands\":[\"a\",\"b\"]}");
	end(f, 1);
	assert_string_equal(chan(f)->command, "b");
	assert_int_equal(f->link.leases, 1); /* one lease for all of it */
	fake_start(chan(f));
	end(f, 0);
	is_told(f, "\"count\":2,\"failed\":1");
	is_over(f, "queued started command:ok command:ok ended:ok");
	f->client.told[0] = f->events[0] = '\0';
	(void)running(f, "{\"device\":\"r1\",\"commands\":[\"a\",\"b\",\"c\"],\"on_error\":\"stop\"}");
	end(f, 1);
	assert_int_equal(times_told(f, "\"not_run\""), 2);
	is_told(f, "\"count\":3,\"failed\":3");
	is_over(f, "queued started command:ok command:not_run command:not_run ended:ok");
}

static void
test_killed_request_says_by_whom(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"command\":\"ls\"}");

	assert_ptr_equal(request_by_id(&f->b, r->uid), r);
	request_kill(r);
	fake_turn(f);
	is_told(f, "=error cancelled killed by the operator");
	is_over(f, "queued started command:cancelled ended:cancelled");
}

/* ---- output and credit ---- */

static void
test_output_waits_for_the_client(void **state)
{
	struct fake_around *f = *state;
	char text[10001];

	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	(void)running(f, "{\"device\":\"r1\",\"command\":\"ls\"}");
	f->client.room = 5000;
	say(f, 0, text);
	assert_int_equal(f->client.out[0].len, 5000);
	end(f, 0);
	assert_string_equal(f->client.told, "credit {\"id\":1,\"bytes\":262144,\"lend\":true}\n"); /* of stdin */
	fake_client_reads(f, 100000);
	is_out(f, 0, text);
	is_over(f, "queued started command:ok ended:ok");
}

static void
test_window_is_the_clients_to_open(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"command\":\"ls\",\"window\":3}");

	say(f, 0, "abcdef");
	is_out(f, 0, "abc");
	request_credit(r, 2);
	is_out(f, 0, "abcde");
	request_credit(r, UINT64_MAX); /* more than there is */
	is_out(f, 0, "abcdef");
	end(f, 0);
	is_over(f, "queued started command:ok ended:ok");
}

static void
test_captured_output_has_a_limit(void **state)
{
	struct fake_around *f = *state;
	char *big = calloc(1, PARAMS_CAPTURE_MAX);

	(void)running(f, "{\"device\":\"r1\",\"command\":\"ls\",\"capture\":true}");
	fake_say(chan(f), 0, big, PARAMS_CAPTURE_MAX);
	fake_turn(f);
	say(f, 0, "one more");
	is_over(f, "queued started command:output_limit ended:output_limit");
	free(big);
}

static void
test_standard_input_needs_credit(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"cat\"}");
	struct np_error err;

	assert_int_equal(request_stdin(r, "x", 1, &err), -1);
	assert_int_equal(err.reason, REASON_INVALID_REQUEST);
	fake_assign(f);
	fake_start(chan(f));
	fake_turn(f);
	is_told(f, "credit {\"id\":1,\"bytes\":262144,\"lend\":true}");
	assert_int_equal(request_stdin(r, "hello", 5, &err), 0);
	request_eof(r);
	fake_turn(f);
	assert_int_equal(chan(f)->input.len, 5);
	assert_true(chan(f)->eof);
	end(f, 0);
	is_over(f, "queued started command:ok ended:ok");
}

static bool
all_has_come(void *arg)
{
	return chan(arg)->eof;
}

static void
test_standard_input_is_read_in_the_clients_place(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"command\":\"cat\"}");
	FILE *file = tmpfile();
	struct np_error err;

	assert_int_equal(request_lend(r, -1, &err), -1);
	assert_int_equal(err.reason, REASON_INVALID_REQUEST);
	assert_int_equal(ftruncate(fileno(file), 1000000), 0);
	chan(f)->holds = true;
	f->client.told[0] = '\0';
	assert_int_equal(request_stdin(r, "hello", 5, &err), 0);
	assert_int_equal(request_lend(r, dup(fileno(file)), &err), 0);
	assert_int_equal(request_lend(r, dup(fileno(file)), &err), -1);
	assert_int_equal(request_stdin(r, "x", 1, &err), -1);
	fake_turn(f);
	fake_resume(chan(f));
	assert_true(drive_until(f->b.loop, all_has_come, f));
	assert_int_equal(chan(f)->input.len, 1000005);
	assert_string_equal(f->client.told, ""); /* no credit is due to the client */
	assert_int_equal(lseek(fileno(file), 0, SEEK_CUR), 1000000);
	end(f, 0);
	is_over(f, "queued started command:ok ended:ok");
	fclose(file);
}

/* A file that they may not read could be opened anew with our rights. */
static void
test_nothing_is_lent_by_other_users(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"cat\"}");
	struct np_error err;

	r->params.no_lend = true;
	fake_assign(f);
	fake_start(chan(f));
	fake_turn(f);
	is_told(f, "credit {\"id\":1,\"bytes\":262144}");
	assert_int_equal(request_lend(r, dup(0), &err), -1);
	assert_int_equal(err.reason, REASON_INVALID_REQUEST);
	request_eof(r);
	end(f, 0);
	is_over(f, "queued started command:ok ended:ok");
}

static void
test_a_command_may_end_before_what_was_lent(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"command\":\"true\"}");
	struct np_error err;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(request_lend(r, fds[0], &err), 0);
	end(f, 0);
	is_over(f, "queued started command:ok ended:ok");
	assert_int_equal(write(fds[1], "x", 1), -1); /* nobody reads */
	close(fds[1]);
}

/* ---- a client that does not read ---- */

static void
test_lease_ends_with_its_command_though_nobody_reads(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"command\":\"ls\"}");

	f->client.room = 0;
	say(f, 0, "abc");
	say(f, 1, "def");
	end(f, 0);
	assert_int_equal(r->state, REQUEST_FLUSHING);
	assert_null(f->link.lease);
	assert_in_range(f->client.backlogs[0].bytes, 6, 64 * 1024);
	fake_client_reads(f, 100);
	is_out(f, 0, "abc");
	is_out(f, 1, "def");
	is_over(f, "queued started command:ok ended:ok");
}

/* A command of which `more` bytes wait for the client. */
static void
leave_unread(struct fake_around *f, size_t more)
{
	(void)running(f, "{\"device\":\"r1\",\"command\":\"ls\"}");
	f->client.room = 0;
	say(f, 0, "abc");
	end(f, 0);
	f->client.backlogs[0].bytes += more; /* as by many such */
	f->events[0] = '\0';
}

static void
test_deaf_client_gets_nothing_more_begun(void **state)
{
	struct fake_around *f = *state;
	struct request *r;

	leave_unread(f, REQUEST_UNREAD_MAX);
	r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"two\"}");
	assert_int_equal(r->state, REQUEST_QUEUED);
	assert_null(f->dev.waiter);
	fake_client_reads(f, 100);
	f->client.backlogs[0].bytes -= REQUEST_UNREAD_MAX;
	fake_assign(f); /* it waits now */
	fake_start(chan(f));
	f->client.told[0] = f->events[0] = '\0';
	end(f, 0);
	is_over(f, "command:ok ended:ok");
}

static void
test_deaf_client_gives_back_what_it_is_given(void **state)
{
	struct fake_around *f = *state;
	struct request *r;

	leave_unread(f, 0);
	r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"two\"}");
	f->client.backlogs[0].bytes += REQUEST_UNREAD_MAX;
	fake_assign(f);
	assert_int_equal(r->state, REQUEST_QUEUED);
	assert_null(f->link.lease);
	assert_string_equal(f->events, "queued");
	fake_client_reads(f, 100);
	f->client.backlogs[0].bytes -= REQUEST_UNREAD_MAX;
	assert_ptr_equal(f->dev.waiter, &r->waiter);
	fake_client_cancels(f, 1);
}

static void
test_what_is_held_up_by_its_reader_waits_no_longer_than_it_said(void **state)
{
	struct fake_around *f = *state;
	struct request *r;

	leave_unread(f, REQUEST_UNREAD_MAX);
	r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"two\",\"queue_timeout\":10}");
	assert_int_equal(f->dev.postponed, 1);
	fire(f, r, 2);
	is_told(f, "are unread"); /* a notice */
	fire(f, r, 8);
	is_told(f, "=error queue_timeout not begun within queue_timeout: 8");
	assert_int_equal(f->dev.postponed, 0);
	assert_string_equal(f->events, "queued ended:queue_timeout");
	f->client.backlogs[0].bytes -= REQUEST_UNREAD_MAX;
	fake_client_reads(f, 100);
}

static void
test_time_that_was_spent_unread_counts(void **state)
{
	struct fake_around *f = *state;
	struct request *r;

	leave_unread(f, REQUEST_UNREAD_MAX);
	r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"two\"}");
	assert_true(r->stall.limit == f->dev.conf->args.queue_timeout);
	fake_now += 20;
	fake_client_reads(f, 100);
	f->client.backlogs[0].bytes -= REQUEST_UNREAD_MAX;
	assert_ptr_equal(f->dev.waiter, &r->waiter);
	assert_float_equal(r->waiter.queue_timeout, f->dev.conf->args.queue_timeout - 20, 0.01);
	assert_false(ev_is_active(&r->clock));
	fake_client_cancels(f, 1);
}

static void
test_what_waits_for_credit_holds_up_its_kind_alone(void **state)
{
	struct fake_around *f = *state;
	struct request *r;

	f->client.backlogs[1].bytes = REQUEST_UNREAD_MAX + 1;
	(void)running(f, "{\"device\":\"r1\",\"command\":\"ls\"}");
	end(f, 0);
	is_over(f, "queued started command:ok ended:ok");
	r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"ls\",\"window\":5}");
	assert_true(r->stall.is);
	assert_true(r->stall.limit == 0); /* the client knows what it waits for */
	fake_client_cancels(f, 1);
	r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"ls\",\"window\":5,\"queue_timeout\":7}");
	assert_true(r->stall.limit == 7);
	fire(f, r, 7);
	is_told(f, "=error queue_timeout not begun within queue_timeout: 8388609 bytes of output of commands of this "
		   "client that have ended wait for its credit");
	f->client.backlogs[1].bytes = 0;
}

static void
test_deaf_client_keeps_the_session_made_for_it(void **state)
{
	struct fake_around *f = *state;
	struct request *r;

	leave_unread(f, 0);
	f->link.entry.private_use = true;
	r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"two\",\"fresh\":true}");
	f->client.backlogs[0].bytes += REQUEST_UNREAD_MAX;
	fake_assign(f);
	assert_true(r->stall.is);
	assert_non_null(f->link.lease);
	fake_client_reads(f, 100);
	f->client.backlogs[0].bytes -= REQUEST_UNREAD_MAX;
	assert_int_equal(r->state, REQUEST_RUNNING); /* at once, on that session */
	assert_null(f->dev.waiter);
	fake_start(chan(f));
	f->client.told[0] = '\0';
	end(f, 0);
	is_told(f, "=result");
}

static void
test_deaf_client_keeps_no_shell_that_it_did_not_have(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"a\",\"hold\":true}");

	f->client.backlogs[0].bytes = REQUEST_UNREAD_MAX + 1;
	fake_assign(f);
	assert_true(r->stall.is);
	assert_null(f->link.lease);
	assert_null(f->link.holder);
	fake_client_cancels(f, 1);
	f->client.backlogs[0].bytes = 0;
	r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"a\",\"hold\":true}");
	f->dev.kept = &f->link; /* by its request before */
	f->client.backlogs[0].bytes = REQUEST_UNREAD_MAX + 1;
	fake_assign(f);
	assert_true(r->stall.is);
	assert_ptr_equal(f->link.holder, &f->client.holder);
	fake_client_cancels(f, 1);
	f->client.backlogs[0].bytes = 0;
}

static void
test_deaf_client_that_leaves_takes_what_stalled_along(void **state)
{
	struct fake_around *f = *state;

	leave_unread(f, REQUEST_UNREAD_MAX);
	(void)ask(f, "exec", "{\"device\":\"r1\",\"command\":\"two\"}");
	fake_client_leaves(f);
	f->client.backlogs[0].bytes -= REQUEST_UNREAD_MAX;
	assert_true(TAILQ_EMPTY(&f->b.requests.list));
	assert_null(f->dev.waiter);
}

static void
test_stalled_batch_that_fails_is_not_begun_again(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"commands\":[\"a\",\"b\",\"c\"]}");
	struct np_error err;

	f->client.room = 0;
	end(f, 0);
	fake_client_reads(f, 1000); /* now it waits for its channel */
	f->client.backlogs[0].bytes += REQUEST_UNREAD_MAX + 1;
	fake_assign(f);
	assert_true(r->stall.is);
	f->client.room = 0;
	error_set(&err, REASON_SHUTTING_DOWN, "ends");
	requests_fail_waiting(&f->b, &err);
	assert_int_equal(r->state, REQUEST_FLUSHING);
	assert_false(r->stall.is);
	f->client.backlogs[0].bytes -= REQUEST_UNREAD_MAX + 1;
	fake_client_reads(f, 1000);
	is_over(f, "queued started command:ok command:shutting_down command:not_run ended:shutting_down");
}

static void
test_batch_of_a_slow_reader_waits_for_its_channel_without_limit(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"commands\":[\"a\",\"b\"],\"queue_timeout\":3}");

	f->client.room = 0;
	end(f, 0);
	assert_null(f->link.lease);
	fake_client_reads(f, 1000);
	assert_int_equal(r->state, REQUEST_QUEUED);
	assert_true(r->waiter.queue_timeout == 0);
	fake_assign(f);
	assert_string_equal(chan(f)->command, "b");
	fake_start(chan(f));
	end(f, 0);
	is_over(f, "queued started command:ok started command:ok ended:ok");
}

static void
test_batch_stalls_between_two_commands_no_longer_than_it_said(void **state)
{
	struct fake_around *f = *state;
	struct request *r =
	    running(f, "{\"device\":\"r1\",\"commands\":[\"a\",\"b\",\"c\",\"d\"],\"queue_timeout\":3}");

	for (int i = 0; i < 2; i++) {
		f->client.room = 0;
		end(f, 0);
		fake_client_reads(f, 1000);
		f->client.backlogs[0].bytes += REQUEST_UNREAD_MAX + 1;
		fake_assign(f);
		assert_true(r->stall.is);
		assert_true(r->stall.limit == 3);
		fire(f, r, 2); /* a notice */
		f->client.told[0] = '\0';
		if (i == 1)
			break;
		f->client.backlogs[0].bytes -= REQUEST_UNREAD_MAX + 1;
		requests_go_on(&f->client.backlogs[0]);
		assert_true(r->waiter.queue_timeout == 0);
		fake_assign(f);
		fake_start(chan(f));
	}
	fire(f, r, 1);
	is_told(f, "queue_timeout");
	f->client.backlogs[0].bytes -= REQUEST_UNREAD_MAX + 1;
	fake_client_reads(f, 1000);
	is_over(f, "queued started command:ok started command:ok command:queue_timeout command:not_run "
		   "ended:queue_timeout");
}

/* ---- limits ---- */

static void
test_each_limit_ends_a_command_in_its_name(void **state)
{
	static const struct {
		const char *params;
		const char *reason;
	} rows[] = {
	    {"\"timeout\":10", "command_timeout"},
	    {"\"first_byte_timeout\":10", "first_byte_timeout"},
	    {"\"idle_timeout\":10", "idle_timeout"},
	};
	struct fake_around *f = *state;

	for (size_t i = 0; i < NP_COUNT(rows); i++) {
		char params[128], events[96];
		struct request *r;

		(void)snprintf(params, sizeof params, "{\"device\":\"r1\",\"command\":\"ls\",%s}", rows[i].params);
		(void)snprintf(
		    events, sizeof events, "queued started command:%s ended:%s", rows[i].reason, rows[i].reason);
		r = running(f, params);
		fire(f, r, 9);
		assert_int_equal(r->state, REQUEST_RUNNING);
		fire(f, r, 2);
		is_over(f, events);
		f->client.told[0] = f->events[0] = '\0';
	}
}

static void
test_output_that_waits_for_the_client_is_no_silence(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"command\":\"ls\",\"idle_timeout\":10}");

	f->client.room = 0;
	say(f, 0, "something");
	fire(f, r, 100);
	assert_int_equal(r->state, REQUEST_RUNNING);
	fake_client_reads(f, 1000);
	fire(f, r, 11);
	is_over(f, "queued started command:idle_timeout ended:idle_timeout");
}

/* ---- ends from outside, in each state ---- */

enum where { GATHERING, QUEUED, RUNNING, FLUSHING, PLACES };

static struct request *
bring_to(struct fake_around *f, enum where where)
{
	static const enum request_state states[] = {
	    [GATHERING] = REQUEST_GATHERING,
	    [QUEUED] = REQUEST_QUEUED,
	    [RUNNING] = REQUEST_RUNNING,
	    [FLUSHING] = REQUEST_FLUSHING,
	};
	struct request *r = where == GATHERING ? ask(f, "config", "{\"device\":\"r1\"}")
					       : ask(f, "exec", "{\"device\":\"r1\",\"command\":\"ls\"}");

	if (where >= RUNNING) {
		fake_assign(f);
		fake_start(chan(f));
		fake_turn(f);
	}
	if (where == FLUSHING) {
		f->client.room = 0;
		end(f, 0);
	}
	assert_int_equal(r->state, states[where]);
	return r;
}

static void
test_cancelled_in_each_state(void **state)
{
	struct fake_around *f = *state;

	for (enum where where = GATHERING; where < PLACES; where++) {
		(void)bring_to(f, where);
		fake_client_cancels(f, 1);
		fake_client_cancels(f, 1); /* again: nothing */
		is_told(f, "=error cancelled cancelled by the client");
		is_over(f, where == GATHERING ? "ended:cancelled"
			   : where == QUEUED  ? "queued ended:cancelled"
					      : "queued started command:cancelled ended:cancelled");
		f->client.told[0] = f->events[0] = '\0';
		f->client.room = 1000;
		requests_free(&f->b);
	}
}

static void
test_client_leaves_in_each_state(void **state)
{
	struct fake_around *f = *state;

	for (enum where where = GATHERING; where < PLACES; where++) {
		(void)bring_to(f, where);
		f->client.told[0] = '\0';
		fake_client_leaves(f);
		assert_string_equal(f->client.told, "");
		assert_true(TAILQ_EMPTY(&f->b.requests.list));
		assert_null(f->link.lease);
		assert_null(f->dev.waiter);
		assert_int_equal(f->b.requests.queued, 0);
		f->client.room = 1000;
		f->client.waiting = 0;
		requests_free(&f->b);
	}
}

static void
test_broker_that_stops_answers_who_waits_alone(void **state)
{
	struct fake_around *f = *state;
	struct np_error err;

	(void)running(f, "{\"device\":\"r1\",\"command\":\"ls\"}");
	(void)ask(f, "exec", "{\"device\":\"r1\",\"command\":\"ls\"}");
	assert_int_equal(requests_working(&f->b), 2);
	error_set(&err, REASON_SHUTTING_DOWN, "ends");
	requests_fail_waiting(&f->b, &err);
	assert_int_equal(requests_working(&f->b), 1);
	is_told(f, "=error shutting_down ends");
	f->b.stopping = true;
	assert_int_equal(fake_ask(f, 2, "exec", "{\"device\":\"r1\",\"command\":\"ls\"}", &err), -1);
	assert_int_equal(err.reason, REASON_SHUTTING_DOWN);
	end(f, 0);
	assert_true(TAILQ_EMPTY(&f->b.requests.list));
}

static void
test_failure_before_the_first_command_is_the_answer(void **state)
{
	struct fake_around *f = *state;

	(void)ask(f, "exec", "{\"device\":\"r1\",\"commands\":[\"a\",\"b\"]}");
	fake_fail(f, REASON_QUEUE_TIMEOUT, "too long");
	is_told(f, "=error queue_timeout too long");
	is_over(f, "queued ended:queue_timeout");
}

static void
test_failure_between_two_commands_is_the_result_of_the_next(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"commands\":[\"a\",\"b\",\"c\"]}");

	f->client.room = 0;
	end(f, 0);
	assert_int_equal(r->state, REQUEST_FLUSHING);
	assert_null(f->link.lease); /* others may have the channel meanwhile */
	fake_client_reads(f, 1000);
	assert_int_equal(r->state, REQUEST_QUEUED);
	fake_fail(f, REASON_CONNECT_FAILED, "refused");
	assert_int_equal(times_told(f, "connect_failed"), 1);
	assert_int_equal(times_told(f, "\"not_run\""), 1);
	is_told(f, "\"count\":3,\"failed\":2");
	is_over(f, "queued started command:ok command:connect_failed command:not_run ended:connect_failed");
}

static void
test_queue_has_a_limit_and_a_client_its_share(void **state)
{
	struct fake_around *f = *state;
	struct np_error err;
	int limit = f->b.config->max_queue, made;

	f->dev.awaited = true;
	for (made = 0; fake_ask(f, made, "exec", "{\"device\":\"r1\",\"command\":\"ls\"}", &err) == 0; made++)
		f->dev.waiter = NULL;
	assert_int_equal(err.reason, REASON_QUEUE_FULL);
	assert_int_equal(made, limit - limit / 8);
	f->client.waiting = 0; /* as another client */
	assert_int_equal(fake_ask(f, made, "exec", "{\"device\":\"r1\",\"command\":\"ls\"}", &err), 0);
	f->dev.waiter = NULL;
}

/* ---- on a command line ---- */

static void
test_shell_runs_one_command_after_the_other(void **state)
{
	struct fake_around *f = *state;

	(void)running(f, "{\"device\":\"r1\",\"commands\":[\"show a\",\"show b\"]}");
	assert_string_equal(f->link.text, "show a");
	assert_int_equal(f->link.limits.idle, 60);
	fake_print(f, "A\n");
	fake_result(f, REASON_NONE, NULL);
	assert_string_equal(f->link.text, "show b");
	fake_print(f, "B\n");
	fake_result(f, REASON_NONE, NULL);
	is_out(f, 0, "A\nB\n");
	is_told(f, "\"prompt\":\"r1#\"");
	is_told(f, "\"count\":2,\"failed\":0");
	is_over(f, "queued started command:ok command:ok ended:ok");
}

static void
test_shell_stops_at_an_error_of_the_device(void **state)
{
	struct fake_around *f = *state;

	(void)running(f, "{\"device\":\"r1\",\"commands\":[\"shwo a\",\"show b\"]}");
	fake_result(f, REASON_NONE, "% Invalid input");
	is_told(f, "\"device_error\":\"% Invalid input\"");
	is_told(f, "\"not_run\"");
	is_over(f, "queued started command:ok command:not_run ended:ok");
}

static void
test_shell_that_died_before_the_command_is_replaced(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"show a\"}");

	f->link.dead = true;
	fake_assign(f);
	assert_int_equal(r->state, REQUEST_QUEUED);
	f->link.dead = false;
	fake_assign(f);
	assert_string_equal(f->link.text, "show a");
	fake_shell_lost(f); /* under the command */
	is_told(f, "outcome_unknown");
	is_over(f, "queued started started command:outcome_unknown ended:outcome_unknown");
}

static void
test_cancelled_command_of_a_shell_ends_when_the_shell_is_proven(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"command\":\"ping\"}");

	fake_client_cancels(f, 1);
	assert_true(f->link.cancelled);
	assert_int_equal(r->state, REQUEST_RUNNING);
	fake_result(f, REASON_CANCELLED, NULL);
	is_told(f, "=error cancelled");
	is_over(f, "queued started command:cancelled ended:cancelled");
}

static void
ask_secret(struct fake_around *f)
{
	f->link.mode = NULL; /* not privileged */
	(void)running(f, "{\"device\":\"r1\",\"command\":\"show run\",\"enable\":true,\"interactive\":true}");
	assert_int_equal(f->link.op, CLI_OP_ENABLE);
	fake_result(f, REASON_PRIVILEGE_FAILED, NULL);
	assert_string_equal(f->dev.asked, "Enable password for r1: ");
}

static void
answer_secret(struct fake_around *f, const char *text)
{
	struct secret *value = text != NULL ? secret_make(text) : NULL;
	struct waiter *w = &TAILQ_FIRST(&f->b.requests.list)->waiter;

	w->ops->answered(w, value);
	secret_unref(value);
}

static void
test_person_is_asked_for_the_secret(void **state)
{
	struct fake_around *f = *state;

	ask_secret(f);
	answer_secret(f, "hush");
	assert_string_equal(f->link.secret, "hush");
	fake_result(f, REASON_NONE, NULL);
	assert_string_equal(f->link.text, "show run");
	fake_result(f, REASON_NONE, NULL);
	is_over(f, "queued started command:ok ended:ok");
}

static void
test_secret_that_nobody_gives_ends_the_request(void **state)
{
	struct fake_around *f = *state;

	ask_secret(f);
	answer_secret(f, NULL);
	is_told(f, "=error privilege_failed");
	is_over(f, "queued started ended:privilege_failed");
}

static void
test_shell_lost_while_the_secret_is_asked_for(void **state)
{
	struct fake_around *f = *state;

	ask_secret(f);
	fake_shell_lost(f);
	is_told(f, "=error privilege_failed the session ended");
	is_over(f, "queued started ended:privilege_failed");
}

static void
test_slow_client_lets_others_have_the_shell(void **state)
{
	struct fake_around *f = *state;
	struct request *r = running(f, "{\"device\":\"r1\",\"commands\":[\"show a\",\"show b\"]}");

	f->client.room = 0;
	fake_print(f, "A\n");
	fake_result(f, REASON_NONE, NULL);
	assert_int_equal(r->state, REQUEST_FLUSHING);
	assert_true(f->link.paused);
	fake_client_reads(f, 1000);
	assert_string_equal(f->link.text, "show b");
	fake_result(f, REASON_NONE, NULL);
	is_over(f, "queued started command:ok command:ok ended:ok");
}

/* ---- configuration ---- */

static void
test_configuration_is_gathered_before_it_asks_for_a_shell(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "config", "{\"device\":\"r1\"}");
	struct cli_event line = {.kind = CLI_EVENT_LINE, .outcome = CLI_TAKEN, .count = 1};
	struct np_error err;

	assert_int_equal(r->state, REQUEST_GATHERING);
	assert_int_equal(f->dev.postponed, 1);
	assert_null(f->dev.waiter);
	assert_int_equal(request_stdin(r, "ntp server\n", 11, &err), 0);
	request_eof(r);
	assert_int_equal(f->dev.postponed, 0);
	fake_assign(f);
	assert_int_equal(f->link.op, CLI_OP_CONFIG);
	assert_string_equal(f->link.text, "ntp server\n");
	f->link.lease->events->line(f->link.lease, &line);
	is_told(f, "result {\"id\":1,\"index\":0,\"status\":\"ok\",\"outcome\":\"taken\"}");
	fake_result(f, REASON_NONE, NULL);
	is_over(f, "queued started command:ok ended:ok");
}

static void
test_configuration_ends_before_the_device_sees_it(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "config", "{\"device\":\"r1\"}");

	request_eof(r);
	is_told(f, "=error invalid_params there are no configuration lines");
	is_over(f, "ended:invalid_params");
	f->client.told[0] = f->events[0] = '\0';
	r = ask(f, "config", "{\"device\":\"r1\"}");
	fire(f, r, f->dev.conf->args.prompt_timeout + 1);
	is_told(f, "=error idle_timeout no configuration line came");
	is_over(f, "ended:idle_timeout");
	assert_int_equal(f->link.leases, 0);
}

static void
test_lines_that_went_well_wait_as_one_for_a_slow_client(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "config", "{\"device\":\"r1\"}");
	struct np_error err;

	assert_int_equal(request_stdin(r, "a\nb\nc\n", 6, &err), 0);
	request_eof(r);
	fake_assign(f);
	f->client.room = 0;
	for (size_t i = 0; i < 3; i++) {
		struct cli_event line = {.kind = CLI_EVENT_LINE, .line = i, .last = i, .count = 1};
		f->link.lease->events->line(f->link.lease, &line);
	}
	assert_int_equal(times_told(f, "result"), 0);
	fake_client_reads(f, 1000);
	is_told(f, "result {\"id\":1,\"index\":0,\"last\":2,\"lines\":3,\"status\":\"ok\",\"outcome\":\"taken\"}");
	fake_result(f, REASON_NONE, NULL);
	is_over(f, "queued started command:ok ended:ok");
}

static void
test_clock_of_the_gathering_ends_with_it(void **state)
{
	struct fake_around *f = *state;
	struct request *r =
	    ask(f, "config", "{\"device\":\"r1\",\"first_byte_timeout\":1,\"idle_timeout\":1,\"timeout\":1}");
	struct np_error err;

	assert_int_equal(request_stdin(r, "ntp server\n", 11, &err), 0);
	assert_true(ev_is_active(&r->clock));
	request_eof(r);
	assert_false(ev_is_active(&r->clock));
	fake_assign(f);
	assert_false(ev_is_active(&r->clock)); /* the driver has limits of its own, for a line each */
	fake_now += 1000;
	ev_feed_event(f->b.loop, &r->clock, EV_TIMER);
	fake_turn(f);
	assert_false(f->link.cancelled);
	assert_int_equal(r->state, REQUEST_RUNNING);
	fake_result(f, REASON_NONE, NULL);
	is_over(f, "queued started command:ok ended:ok");
}

/* ---- everything that may be said to a request, at any time ---- */

static void
say_stdin(struct fake_around *f NP_UNUSED, struct request *r)
{
	struct np_error err;

	if (r->stdin_granted > 0)
		assert_int_equal(request_stdin(r, "x\n", 2, &err), 0);
}

static void
say_eof(struct fake_around *f NP_UNUSED, struct request *r)
{
	request_eof(r);
}

static void
say_signal(struct fake_around *f NP_UNUSED, struct request *r)
{
	request_signal(r, "TERM");
}

static void
say_interrupt(struct fake_around *f NP_UNUSED, struct request *r)
{
	request_signal(r, "INT");
}

static void
say_size(struct fake_around *f NP_UNUSED, struct request *r)
{
	request_resize(r, 100, 50);
}

static void
say_credit(struct fake_around *f NP_UNUSED, struct request *r)
{
	request_credit(r, 1000);
}

static void
say_answer(struct fake_around *f NP_UNUSED, struct request *r)
{
	request_answer_prompt(r, 1, NULL);
	r->waiter.ops->answered(&r->waiter, NULL);
}

static void
say_cancel(struct fake_around *f, struct request *r NP_UNUSED)
{
	fake_client_cancels(f, 1);
}

static void
say_kill(struct fake_around *f NP_UNUSED, struct request *r)
{
	request_kill(r);
}

static void
say_read(struct fake_around *f, struct request *r NP_UNUSED)
{
	fake_client_reads(f, f->client.room);
}

static void
say_give_up(struct fake_around *f NP_UNUSED, struct request *r)
{
	request_give_up(r, REASON_IDLE_TIMEOUT, "too long");
}

static void (*const sayings[])(struct fake_around *f, struct request *r) = {say_stdin, say_eof, say_signal,
    say_interrupt, say_size, say_credit, say_answer, say_cancel, say_kill, say_read, say_give_up};

static const struct {
	const char *verb, *params;
} kinds[] = {
    {"exec", "{\"device\":\"r1\",\"command\":\"a\"}"},
    {"exec", "{\"device\":\"r1\",\"commands\":[\"a\",\"b\"],\"window\":1,\"hold\":true}"},
    {"config", "{\"device\":\"r1\"}"},
    {"open", "{\"device\":\"r1\"}"},
    {"test", "{\"device\":\"r1\"}"},
    {"platform_test", "{\"device\":\"r1\"}"},
    {"record", "{\"device\":\"r1\"}"},
};

/* As far as it comes in so many steps: is made, waits, runs, has ended but for its reader. */
static void
advance(struct fake_around *f, struct request *r, int steps)
{
	struct np_error err;

	if (steps >= 1 && r->state == REQUEST_GATHERING) {
		assert_int_equal(request_stdin(r, "x\n", 2, &err), 0);
		request_eof(r);
	}
	if (steps >= 1 && r->kind == &request_test)
		fake_resolved(f);
	if (steps >= 2 && f->dev.waiter != NULL)
		fake_assign(f);
	if (steps < 3 || TAILQ_EMPTY(&f->b.requests.list) || f->link.lease == NULL)
		return;
	f->client.room = 0;
	if (f->dev.platform == NULL) {
		fake_start(chan(f));
		say(f, 0, "abc");
		end(f, 0);
	} else {
		fake_print(f, "abc\n");
		fake_result(f, REASON_NONE, NULL);
	}
}

/* Whatever is said: the request goes on, or ends and leaves nothing; and what is said after its end is said in vain. */
static void
test_anything_may_be_said_to_any_request_at_any_time(void **state)
{
	struct fake_around *f = *state;

	for (size_t kind = 0; kind < NP_COUNT(kinds); kind++) {
		if (f->dev.platform == NULL && kind != 0 && kind != 1 && kind != 3 && kind != 4)
			continue; /* it needs a command line */
		for (size_t i = 0; i < NP_COUNT(sayings) * 4; i++) {
			struct request *r = ask(f, kinds[kind].verb, kinds[kind].params);

			advance(f, r, (int)(i % 4));
			for (int twice = 0; twice < 2 && !TAILQ_EMPTY(&f->b.requests.list); twice++)
				sayings[i / 4](f, r);
			f->link.op = CLI_OP_NONE;
			fake_client_leaves(f);
			if (f->link.lease != NULL) { /* the command line says when it has ended */
				f->link.op = CLI_OP_RUN;
				fake_result(f, REASON_CANCELLED, NULL);
			}
			assert_true(TAILQ_EMPTY(&f->b.requests.list));
			assert_null(f->link.lease);
			assert_null(f->dev.waiter);
			assert_null(f->dev.witness);
			requests_free(&f->b);
			f->transport.count = 0;
			f->link.op = CLI_OP_NONE;
			buf_consume(&f->link.output, f->link.output.len);
			f->client.told[0] = f->events[0] = '\0';
			f->client.room = 100000;
		}
	}
}

static void
test_interrupt_before_the_command_ends_the_request(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"x\"}");

	request_signal(r, "TERM");
	is_told(f, "");
	request_signal(r, "INT");
	is_told(f, "=error cancelled");
	is_over(f, "queued ended:cancelled");
}

static void
test_interrupted_test_ends_with_what_it_made(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "test", "{\"device\":\"r1\"}");

	fake_resolved(f);
	assert_ptr_equal(f->dev.witness, &r->test.session);
	request_signal(r, "INT");
	assert_null(f->dev.witness);
	assert_int_equal(f->link.ends, 1);
	is_told(f, "=error cancelled");
	is_over(f, "queued ended:cancelled");
}

/* ---- the rest ---- */

static void
test_open_lets_go_of_what_it_opened(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "open", "{\"device\":\"r1\"}");

	assert_true(r->waiter.opens);
	fake_assign(f);
	is_told(f, "=result {\"device\":\"r1\",\"session\":7,\"reused\":true");
	is_over(f, "queued started ended:ok");
}

static char logged[256];

static void
note_log(enum log_level level NP_UNUSED, const char *line, void *arg NP_UNUSED)
{
	(void)snprintf(logged, sizeof logged, "%s", line);
}

static void
test_move_that_there_is_not_is_not_made(void **state)
{
	struct fake_around *f = *state;
	struct request *r = ask(f, "exec", "{\"device\":\"r1\",\"command\":\"ls\"}");

	log_set_sink(note_log, NULL);
	request_move(r, REQUEST_GATHERING);
	log_set_sink(NULL, NULL);
	assert_non_null(strstr(logged, "cannot go from queued to gathering"));
	assert_int_equal(r->state, REQUEST_QUEUED);
	assert_int_equal(f->dev.postponed, 0);
	assert_int_equal(f->b.requests.queued, 1);
}

#define ON_CHANNEL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define ON_SHELL(test) cmocka_unit_test_setup_teardown(test, set_up_shell, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_CHANNEL(test_command_waits_runs_and_is_answered),
	    ON_CHANNEL(test_command_that_was_not_sent_goes_back_to_the_queue),
	    ON_CHANNEL(test_command_that_was_sent_is_never_sent_again),
	    ON_CHANNEL(test_batch_goes_on_after_a_failure_and_stops_if_wished),
	    ON_CHANNEL(test_killed_request_says_by_whom),
	    ON_CHANNEL(test_output_waits_for_the_client),
	    ON_CHANNEL(test_window_is_the_clients_to_open),
	    ON_CHANNEL(test_captured_output_has_a_limit),
	    ON_CHANNEL(test_standard_input_needs_credit),
	    ON_CHANNEL(test_standard_input_is_read_in_the_clients_place),
	    ON_CHANNEL(test_nothing_is_lent_by_other_users),
	    ON_CHANNEL(test_a_command_may_end_before_what_was_lent),
	    ON_CHANNEL(test_lease_ends_with_its_command_though_nobody_reads),
	    ON_CHANNEL(test_deaf_client_gets_nothing_more_begun),
	    ON_CHANNEL(test_deaf_client_gives_back_what_it_is_given),
	    ON_CHANNEL(test_what_is_held_up_by_its_reader_waits_no_longer_than_it_said),
	    ON_CHANNEL(test_time_that_was_spent_unread_counts),
	    ON_CHANNEL(test_what_waits_for_credit_holds_up_its_kind_alone),
	    ON_CHANNEL(test_deaf_client_keeps_the_session_made_for_it),
	    ON_SHELL(test_deaf_client_keeps_no_shell_that_it_did_not_have),
	    ON_CHANNEL(test_deaf_client_that_leaves_takes_what_stalled_along),
	    ON_CHANNEL(test_stalled_batch_that_fails_is_not_begun_again),
	    ON_CHANNEL(test_batch_of_a_slow_reader_waits_for_its_channel_without_limit),
	    ON_CHANNEL(test_batch_stalls_between_two_commands_no_longer_than_it_said),
	    ON_CHANNEL(test_each_limit_ends_a_command_in_its_name),
	    ON_CHANNEL(test_output_that_waits_for_the_client_is_no_silence),
	    ON_CHANNEL(test_cancelled_in_each_state),
	    ON_CHANNEL(test_client_leaves_in_each_state),
	    ON_CHANNEL(test_broker_that_stops_answers_who_waits_alone),
	    ON_CHANNEL(test_failure_before_the_first_command_is_the_answer),
	    ON_CHANNEL(test_failure_between_two_commands_is_the_result_of_the_next),
	    ON_CHANNEL(test_queue_has_a_limit_and_a_client_its_share),
	    ON_SHELL(test_shell_runs_one_command_after_the_other),
	    ON_SHELL(test_shell_stops_at_an_error_of_the_device),
	    ON_SHELL(test_shell_that_died_before_the_command_is_replaced),
	    ON_SHELL(test_cancelled_command_of_a_shell_ends_when_the_shell_is_proven),
	    ON_SHELL(test_person_is_asked_for_the_secret),
	    ON_SHELL(test_secret_that_nobody_gives_ends_the_request),
	    ON_SHELL(test_shell_lost_while_the_secret_is_asked_for),
	    ON_SHELL(test_slow_client_lets_others_have_the_shell),
	    ON_SHELL(test_configuration_is_gathered_before_it_asks_for_a_shell),
	    ON_SHELL(test_configuration_ends_before_the_device_sees_it),
	    ON_SHELL(test_lines_that_went_well_wait_as_one_for_a_slow_client),
	    ON_SHELL(test_clock_of_the_gathering_ends_with_it),
	    ON_CHANNEL(test_anything_may_be_said_to_any_request_at_any_time),
	    ON_SHELL(test_anything_may_be_said_to_any_request_at_any_time),
	    ON_CHANNEL(test_interrupt_before_the_command_ends_the_request),
	    ON_CHANNEL(test_interrupted_test_ends_with_what_it_made),
	    ON_SHELL(test_interrupted_test_ends_with_what_it_made),
	    ON_CHANNEL(test_open_lets_go_of_what_it_opened),
	    ON_CHANNEL(test_move_that_there_is_not_is_not_made),
	};
	int rc;

	log_set_level(LOG_LEVEL_ERROR);
	platforms = platdir_load();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	platforms_destroy(platforms);
	return rc;
}
