/* Sessions with devices that end, refuse and hang up in ways that sshd does not. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "kit/testserver.h"
#include "kit/sshpair.h"
#include "transport/provider.h"

#define OUTPUT_SIZE 500000
#define RESULT_SIZE 16000 /* fits the kernel: what the device's libssh has not sent when it hangs up is lost there */

/* The server's end of a connection, in its thread, which only prints: failures are for the client's side to see. */
struct device {
	struct testserver *server;
	ssh_key host_key;
	bool refuse_opens;
	/* Acts on an exec request, which it answers or not; false hangs up. */
	bool (*on_exec)(struct device *d, ssh_session s, ssh_channel ch, ssh_message m);
	int refused_by_client; /* channels that the client did not let it open */
	atomic_bool speak, spoken;
	bool hangs_up;
};

static bool
serve_message(struct device *d, ssh_session s, ssh_channel *ch, ssh_message m)
{
	switch (ssh_message_type(m)) {
	case SSH_REQUEST_AUTH:
		return ssh_message_auth_reply_success(m, 0) == SSH_OK;
	case SSH_REQUEST_CHANNEL_OPEN:
		if (!d->refuse_opens) {
			*ch = ssh_message_channel_request_open_reply_accept(m);
			return true;
		}
		break;
	case SSH_REQUEST_CHANNEL:
		if (ssh_message_subtype(m) == SSH_CHANNEL_REQUEST_EXEC)
			return d->on_exec(d, s, *ch, m);
		break;
	default:
		break;
	}
	return ssh_message_reply_default(m) == SSH_OK;
}

static void
serve(int fd, void *arg)
{
	struct device *d = arg;
	ssh_session s = ssh_new();
	ssh_bind binding = ssh_bind_new();
	ssh_channel ch = NULL;
	ssh_message m;
	bool no_config = false;
	int yes = 1;

	/* Small packets do not wait for one another's acknowledgement: see run_at_once(). */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	ssh_bind_options_set(binding, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no_config);
	ssh_bind_options_set(binding, SSH_BIND_OPTIONS_IMPORT_KEY, ssh_key_dup(d->host_key));
	if (ssh_bind_accept_fd(binding, s, fd) == SSH_OK && ssh_handle_key_exchange(s) == SSH_OK) {
		bool more = true;

		while (more && (m = ssh_message_get(s)) != NULL) {
			more = serve_message(d, s, &ch, m);
			ssh_message_free(m);
		}
	}
	ssh_disconnect(s);
	ssh_free(s);
	ssh_bind_free(binding);
}

static void
device_start(struct sshpair *t, struct device *d)
{
	memset(t, 0, sizeof *t);
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_WARNING);
	assert_int_equal(ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &d->host_key), SSH_OK);
	d->server = testserver_start(serve, d);
	t->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(t->loop);
	sshpair_login_none(t, testserver_port(d->server));
}

static void
device_stop(struct sshpair *t, struct device *d)
{
	if (t->session != NULL)
		session_close(t->session, REASON_NONE, "over");
	sshpair_until(t, sshpair_closed, t);
	assert_int_equal(t->closes, 1);
	ev_loop_destroy(t->loop);
	testserver_stop(d->server);
	ssh_key_free(d->host_key);
}

static void
run(struct sshpair *t, struct record *r)
{
	record_exec(r, t->session, "show version");
	sshpair_until(t, record_done, r);
}

/* ---- */

static bool
close_without_answer(struct device *d NP_UNUSED, ssh_session s NP_UNUSED, ssh_channel ch, ssh_message m NP_UNUSED)
{
	ssh_channel_close(ch);
	return true;
}

static void
test_a_channel_closed_instead_of_an_answer_has_an_unknown_outcome(void **state NP_UNUSED)
{
	struct device d = {.on_exec = close_without_answer};
	struct sshpair t;

	device_start(&t, &d);
	for (int i = 0; i < 3; i++) {
		struct record r = {0};

		run(&t, &r);
		assert_false(r.started);
		assert_true(r.end.sent);
		assert_int_equal(r.end.err.reason, REASON_OUTCOME_UNKNOWN);
		record_free(&r);
	}
	assert_false(t.closed);
	device_stop(&t, &d);
}

static void
test_a_device_that_opens_no_channel_says_so(void **state NP_UNUSED)
{
	struct device d = {.refuse_opens = true};
	struct sshpair t;

	device_start(&t, &d);
	for (int i = 0; i < 3; i++) {
		struct record r = {0};

		run(&t, &r);
		assert_false(r.end.sent);
		assert_int_equal(r.end.err.reason, REASON_CHANNEL_REFUSED);
		record_free(&r);
	}
	assert_int_equal(session_stats(t.session).slots_max, 1);
	assert_int_equal(session_stats(t.session).slots_used, 0);
	device_stop(&t, &d);
}

static bool
refuse_command(struct device *d NP_UNUSED, ssh_session s NP_UNUSED, ssh_channel ch NP_UNUSED, ssh_message m)
{
	ssh_message_reply_default(m);
	return true;
}

static void
test_a_refused_command_is_not_taken_for_one_that_ran(void **state NP_UNUSED)
{
	struct device d = {.on_exec = refuse_command};
	struct record r = {0};
	struct sshpair t;

	device_start(&t, &d);
	run(&t, &r);
	assert_false(r.started);
	assert_true(r.end.sent);
	assert_int_equal(r.end.err.reason, REASON_EXEC_REFUSED);
	record_free(&r);
	device_stop(&t, &d);
}

static void
write_output(ssh_channel ch, uint32_t size)
{
	static char block[OUTPUT_SIZE];

	memset(block, 'x', sizeof block);
	ssh_channel_write(ch, block, size);
}

/* As IOS does: one command, then the whole connection is closed. */
static bool
hang_up_after_the_result(struct device *d NP_UNUSED, ssh_session s NP_UNUSED, ssh_channel ch, ssh_message m)
{
	ssh_message_channel_request_reply_success(m);
	write_output(ch, RESULT_SIZE);
	ssh_channel_request_send_exit_status(ch, 3);
	ssh_channel_close(ch);
	return false;
}

static bool
never_consumed(void *arg)
{
	struct record *r = arg;

	return r->done || chan_output(r->chan, 0)->len >= RESULT_SIZE;
}

static void
test_a_connection_closed_behind_the_result_loses_nothing_of_it(void **state NP_UNUSED)
{
	for (int paused = 0; paused < 2; paused++) {
		struct device d = {.on_exec = hang_up_after_the_result};
		struct record r = {.paused = paused == 1};
		struct sshpair t;

		device_start(&t, &d);
		record_exec(&r, t.session, "show version");
		if (paused)
			sshpair_until(&t, never_consumed, &r);
		sshpair_until(&t, sshpair_closed, &t);
		assert_true(r.done);
		assert_int_equal(r.end.err.reason, REASON_NONE);
		assert_true(r.end.has_status);
		assert_int_equal(r.end.status, 3);
		assert_int_equal(r.out[0].len, RESULT_SIZE);
		record_free(&r);
		device_stop(&t, &d);
	}
}

static bool
hang_up_without_close(struct device *d NP_UNUSED, ssh_session s NP_UNUSED, ssh_channel ch, ssh_message m)
{
	ssh_message_channel_request_reply_success(m);
	ssh_channel_write(ch, "done\n", 5);
	ssh_channel_request_send_exit_status(ch, 4);
	ssh_channel_send_eof(ch);
	return false;
}

static void
test_a_status_and_the_end_of_output_are_a_result_without_a_close(void **state NP_UNUSED)
{
	struct device d = {.on_exec = hang_up_without_close};
	struct record r = {0};
	struct sshpair t;

	device_start(&t, &d);
	run(&t, &r);
	assert_int_equal(r.end.err.reason, REASON_NONE);
	assert_int_equal(r.end.status, 4);
	assert_string_equal(record_text(&r, 0), "done\n");
	record_free(&r);
	device_stop(&t, &d);
}

static bool
hang_up_with_output_on_the_way(struct device *d NP_UNUSED, ssh_session s NP_UNUSED, ssh_channel ch, ssh_message m)
{
	ssh_message_channel_request_reply_success(m);
	write_output(ch, OUTPUT_SIZE);
	ssh_channel_request_send_exit_status(ch, 4);
	ssh_channel_send_eof(ch);
	return false;
}

/* What libssh still held for a slow reader is gone with the session: the result is not complete. */
static void
test_output_lost_with_the_session_makes_the_outcome_unknown(void **state NP_UNUSED)
{
	struct device d = {.on_exec = hang_up_with_output_on_the_way};
	struct record r = {.paused = true};
	struct sshpair t;

	device_start(&t, &d);
	run(&t, &r);
	assert_true(r.out[0].len < OUTPUT_SIZE);
	assert_int_equal(r.end.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_true(r.end.has_status);
	assert_int_equal(r.end.status, 4);
	record_free(&r);
	device_stop(&t, &d);
}

static bool
hang_up_in_mid_output(struct device *d NP_UNUSED, ssh_session s, ssh_channel ch, ssh_message m)
{
	ssh_message_channel_request_reply_success(m);
	ssh_channel_write(ch, "half a li", 9);
	/* ssh_disconnect() drops what waits for the socket, its own message included: see to it that nothing waits. */
	ssh_blocking_flush(s, 5000);
	(void)ssh_channel_poll(ch, 0);
	ssh_session_set_disconnect_message(s, "maintenance \033[2Jreboot");
	return false;
}

static void
test_the_device_s_last_words_are_passed_on_harmlessly(void **state NP_UNUSED)
{
	struct device d = {.on_exec = hang_up_in_mid_output};
	struct record r = {0};
	struct sshpair t;

	device_start(&t, &d);
	run(&t, &r);
	sshpair_until(&t, sshpair_closed, &t);
	assert_string_equal(record_text(&r, 0), "half a li");
	assert_int_equal(r.end.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_non_null(strstr(t.why.text, "maintenance"));
	assert_null(strchr(t.why.text, '\033'));
	assert_null(strchr(r.end.err.text, '\033'));
	record_free(&r);
	device_stop(&t, &d);
}

static bool
ask_for_channels(struct device *d, ssh_session s, ssh_channel ch, ssh_message m)
{
	ssh_message_channel_request_reply_success(m);
	for (int i = 0; i < 20; i++) {
		ssh_channel mine = ssh_channel_new(s);

		if (ssh_channel_open_reverse_forward(mine, "127.0.0.1", 22, "127.0.0.1", 1) != SSH_OK)
			d->refused_by_client++;
		ssh_channel_free(mine);
	}
	ssh_channel_request_send_exit_status(ch, 0);
	ssh_channel_close(ch);
	return true;
}

static void
test_a_device_opens_nothing_towards_us(void **state NP_UNUSED)
{
	struct device d = {.on_exec = ask_for_channels};
	struct record r = {0};
	struct sshpair t;

	device_start(&t, &d);
	run(&t, &r);
	assert_int_equal(r.end.status, 0);
	assert_int_equal(r.end.err.reason, REASON_NONE);
	record_free(&r);
	device_stop(&t, &d);
	assert_int_equal(d.refused_by_client, 20);
}

static bool
say_nothing(struct device *d NP_UNUSED, ssh_session s NP_UNUSED, ssh_channel ch NP_UNUSED, ssh_message m NP_UNUSED)
{
	return true;
}

static void
test_a_command_that_is_never_answered_can_be_given_up(void **state NP_UNUSED)
{
	struct device d = {.on_exec = say_nothing};
	struct record r = {0};
	struct sshpair t;

	device_start(&t, &d);
	record_exec(&r, t.session, "show version");
	sshpair_run(&t, 0.2);
	assert_false(r.done);
	chan_abandon(r.chan);
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.end.err.reason, REASON_CANCELLED);
	assert_true(r.end.sent);
	assert_int_equal(session_stats(t.session).slots_used, 1);
	record_free(&r);
	device_stop(&t, &d);
}

/* ---- all of it at once ---- */

/* The device speaks when told to and says when all has been said: then the client, which stood still, reads it at once.
 */
static bool
wait_until_set(atomic_bool *flag)
{
	double deadline = clock_now() + SSHPAIR_SECONDS;

	while (!*flag && clock_now() < deadline)
		(void)poll(NULL, 0, 1);
	return *flag;
}

static bool
is_sent(void *arg)
{
	return ((struct record *)arg)->chan->end.sent;
}

static void
run_at_once(struct sshpair *t, struct device *d, struct record *r)
{
	d->speak = d->spoken = false;
	record_exec(r, t->session, "show clock");
	sshpair_until(t, is_sent, r);
	d->speak = true;
	assert_true(wait_until_set(&d->spoken));
	sshpair_until(t, record_done, r);
}

static bool
answer_at_once(struct device *d, ssh_session s, ssh_channel ch, ssh_message m)
{
	(void)wait_until_set(&d->speak);
	ssh_message_channel_request_reply_success(m);
	ssh_channel_write(ch, "noon\n", 5);
	ssh_channel_request_send_exit_status(ch, 5);
	ssh_channel_close(ch);
	ssh_blocking_flush(s, 5000);
	d->spoken = true;
	return !d->hangs_up;
}

static void
test_a_command_that_began_and_ended_in_one_read_has_begun(void **state NP_UNUSED)
{
	for (int hangs_up = 0; hangs_up < 2; hangs_up++) {
		struct device d = {.on_exec = answer_at_once, .hangs_up = hangs_up == 1};
		struct record r = {0};
		struct sshpair t;

		device_start(&t, &d);
		run_at_once(&t, &d, &r);
		assert_true(r.started);
		assert_int_equal(r.end.err.reason, REASON_NONE);
		assert_int_equal(r.end.status, 5);
		assert_string_equal(record_text(&r, 0), "noon\n");
		record_free(&r);
		device_stop(&t, &d);
	}
}

static bool
refuse_at_once(struct device *d, ssh_session s, ssh_channel ch, ssh_message m)
{
	(void)wait_until_set(&d->speak);
	ssh_message_reply_default(m);
	ssh_channel_close(ch);
	ssh_blocking_flush(s, 5000);
	d->spoken = true;
	return true;
}

static void
test_a_refusal_with_the_close_in_one_read_is_one(void **state NP_UNUSED)
{
	struct device d = {.on_exec = refuse_at_once};
	struct sshpair t;

	device_start(&t, &d);
	for (int i = 0; i < 3; i++) {
		struct record r = {0};

		run_at_once(&t, &d, &r);
		assert_false(r.started);
		assert_int_equal(r.end.err.reason, REASON_EXEC_REFUSED);
		record_free(&r);
	}
	device_stop(&t, &d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_channel_closed_instead_of_an_answer_has_an_unknown_outcome),
	    cmocka_unit_test(test_a_device_that_opens_no_channel_says_so),
	    cmocka_unit_test(test_a_refused_command_is_not_taken_for_one_that_ran),
	    cmocka_unit_test(test_a_connection_closed_behind_the_result_loses_nothing_of_it),
	    cmocka_unit_test(test_a_status_and_the_end_of_output_are_a_result_without_a_close),
	    cmocka_unit_test(test_output_lost_with_the_session_makes_the_outcome_unknown),
	    cmocka_unit_test(test_the_device_s_last_words_are_passed_on_harmlessly),
	    cmocka_unit_test(test_a_device_opens_nothing_towards_us),
	    cmocka_unit_test(test_a_command_that_is_never_answered_can_be_given_up),
	    cmocka_unit_test(test_a_command_that_began_and_ended_in_one_read_has_begun),
	    cmocka_unit_test(test_a_refusal_with_the_close_in_one_read_is_one),
	};

	return cmocka_run_group_tests_name("session_device", tests, NULL, NULL);
}
