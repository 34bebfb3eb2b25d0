/*
 * npexec against a scripted broker: streams, limits, exit statuses, signals, and what happens on a terminal.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/compiler.h"
#include "kit/npexeckit.h"

/* ---- streams ---- */

static void
test_command_runs_and_its_status_is_ours(void **state NP_UNUSED)
{
	run("r1 show version");
	assert_string_equal(member(fake_expect(&f, "exec"), "command"), "show version");
	note("credit", 1, "\"bytes\":1000");
	output("stdout", 1, "out\n", 4);
	output("stderr", 1, "err\n", 4);
	finish(1, "\"exit_status\":44,\"device\":\"r1\"");

	expect_text(c.out, "out\n");
	expect_text(c.err, "err\n");
	assert_int_equal(fake_wait(&c), 44);
}

static void
test_stdin_is_not_read_before_credit(void **state NP_UNUSED)
{
	int unread = 0;

	run("r1 cat");
	fake_write(c.in, "0123456789");
	fake_expect(&f, "exec");
	assert_false(fake_has_message(&f, 50));
	assert_int_equal(ioctl(c.in, FIONREAD, &unread), 0);
	assert_int_equal(unread, 10);

	note("credit", 1, "\"bytes\":4");
	fake_expect(&f, "stdin");
	assert_int_equal(f.data.len, 4);
	assert_memory_equal(buf_head(&f.data), "0123", 4);
	assert_false(fake_has_message(&f, 50));

	note("credit", 1, "\"bytes\":100");
	fake_expect(&f, "stdin");
	assert_int_equal(f.data.len, 6);
	close(c.in);
	c.in = -1;
	fake_expect(&f, "eof");
	output("stdout", 1, "after", 5); /* half-close: output goes on */
	finish(1, OK);
	expect_text(c.out, "after");
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_end_does_not_wait_for_stdin(void **state NP_UNUSED)
{
	run("r1 true");
	fake_expect(&f, "exec");
	note("credit", 1, "\"bytes\":100");
	finish(1, OK);

	assert_int_equal(fake_wait(&c), 0); /* its standard input is still open here */
}

static void
test_n_gives_an_empty_input(void **state NP_UNUSED)
{
	run("-n r1 cat");
	fake_expect(&f, "exec");
	fake_expect(&f, "eof"); /* with the request */
	note("credit", 1, "\"bytes\":100");
	assert_false(fake_has_message(&f, 50));
	finish(1, OK);

	assert_int_equal(fake_wait(&c), 0);
}

static void
test_every_byte_comes_through_both_ways(void **state NP_UNUSED)
{
	uint8_t all[256];
	char *text;
	size_t size;

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	run("r1 cat");
	fake_expect(&f, "exec");
	assert_int_equal(write(c.in, all, sizeof(all)), sizeof(all));
	note("credit", 1, "\"bytes\":100000");
	fake_expect(&f, "stdin");
	assert_int_equal(f.data.len, sizeof(all));
	assert_memory_equal(buf_head(&f.data), all, sizeof(all));
	output("stdout", 1, all, sizeof(all));
	finish(1, OK);

	text = fake_read(c.out, NULL, &size);
	assert_int_equal(size, sizeof(all));
	assert_memory_equal(text, all, sizeof(all));
	free(text);
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_slow_reader_holds_the_broker_back_and_loses_nothing(void **state NP_UNUSED)
{
	static char block[65536];
	struct pollfd pfd;
	size_t sent = 0, got = 0;
	double stalls = 0;

	run("r1 dump");
	fake_expect(&f, "exec");
	pfd = (struct pollfd){.fd = f.fd, .events = POLLOUT};
	memset(block, 'x', sizeof(block));
	while (stalls < 3 && sent < ((size_t)64 << 20)) {
		if (poll(&pfd, 1, 100) != 1) {
			stalls++;
			continue;
		}
		/* A frame may stay in the middle: the rest of it is sent below, when the reader reads. */
		output("stdout", 1, block, 1024);
		sent += 1024;
	}
	assert_true(sent < ((size_t)64 << 20)); /* it did not take everything into its memory */
	while (got < sent) {
		static char chunk[65536];
		ssize_t n = read(c.out, chunk, sizeof(chunk));
		assert_true(n > 0);
		got += (size_t)n;
	}
	finish(1, OK);
	expect_text(c.out, "");
	assert_int_equal(got, sent);
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_blocked_stdout_does_not_hold_stderr(void **state NP_UNUSED)
{
	static char block[60000];
	struct pollfd pfd;

	run("r1 both");
	fake_expect(&f, "exec");
	for (int i = 0; i < 4; i++)
		output("stdout", 1, block, sizeof(block));
	output("stderr", 1, "urgent", 6);

	pfd = (struct pollfd){.fd = c.err, .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, (int)(FAKE_SECONDS * 1000)), 1);
	finish(1, OK);
	free(fake_read(c.out, NULL, NULL));
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_closed_stdout_ends_like_a_program_in_a_pipeline(void **state NP_UNUSED)
{
	run("r1 yes");
	fake_expect(&f, "exec");
	close(c.out);
	c.out = -1;
	output("stdout", 1, "y\n", 2);

	fake_expect_end(&f);
	assert_int_equal(fake_wait(&c), 1000 + SIGPIPE);
}

static void
test_standard_streams_stay_blocking(void **state NP_UNUSED)
{
	run("r1 cat");
	fake_expect(&f, "exec");
	note("credit", 1, "\"bytes\":100");
	fake_write(c.in, "x");
	fake_expect(&f, "stdin");
	output("stdout", 1, "x", 1);
	/* The flags belong to the pipe's end, which the client shares with nobody else here: look into /proc. */
	for (int fd = 0; fd < 3; fd++) {
		char path[64], text[256] = "";
		snprintf(path, sizeof(path), "/proc/%ld/fdinfo/%d", (long)c.pid, fd);
		int info = open(path, O_RDONLY | O_CLOEXEC);
		if (info == -1)
			continue;
		assert_true(read(info, text, sizeof(text) - 1) > 0);
		close(info);
		const char *flags = strstr(text, "flags:");
		assert_non_null(flags);
		assert_int_equal(strtol(flags + 6, NULL, 8) & O_NONBLOCK, 0);
	}
	finish(1, OK);
	assert_int_equal(fake_wait(&c), 0);
}

/* ---- endings ---- */

static void
test_failures_have_one_line_and_their_status(void **state NP_UNUSED)
{
	static const struct {
		const char *reason;
		int status;
	} cases[] = {
	    {"auth_failed", 255},
	    {"command_timeout", 124},
	    {"first_byte_timeout", 124},
	    {"idle_timeout", 124},
	    {"queue_timeout", 255},
	    {"cancelled", 255},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		char line[128];
		run("r1 x");
		fake_expect(&f, "exec");
		fail_request(1, cases[i].reason, "why (what to do)");
		snprintf(line, sizeof(line), "npexec: r1: %s: why (what to do)\n", cases[i].reason);
		expect_text(c.err, line);
		assert_int_equal(fake_wait(&c), cases[i].status);
		fake_hang_up(&f);
	}
}

static void
test_broker_that_dies_leaves_the_outcome_unknown(void **state NP_UNUSED)
{
	char *text;

	run("r1 x");
	fake_expect(&f, "exec");
	note("credit", 1, "\"bytes\":100");
	output("stdout", 1, "half", 4);
	fake_hang_up(&f);

	expect_text(c.out, "half");
	text = fake_read(c.err, NULL, NULL);
	assert_non_null(strstr(text, "npexec: r1: outcome_unknown: the command was running"));
	free(text);
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_errors_of_the_connection_reach_the_client(void **state NP_UNUSED)
{
	run("r1 x");
	fake_expect(&f, "exec");
	fake_send(&f,
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"reason\":"
	    "\"queue_full\"}}}");

	expect_text(c.err, "npexec: r1: queue_full: m\n");
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_texts_from_the_network_are_made_harmless(void **state NP_UNUSED)
{
	run("r1 x");
	fake_expect(&f, "exec");
	fail_request(1, "auth_failed", "\\u001b]0;x\\u0007");

	expect_text(c.err, "npexec: r1: auth_failed: \\033]0;x\\007\n");
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_messages_for_others_and_unknown_ones_are_ignored(void **state NP_UNUSED)
{
	run("r1 x");
	fake_expect(&f, "exec");
	output("stdout", 7, "not ours", 8);
	note("fireworks", 1, "\"colour\":1");
	respond(9, OK);
	finish(1, OK);

	expect_text(c.out, "");
	assert_int_equal(fake_wait(&c), 0);
}

/* ---- several commands ---- */

static void
test_list_gives_the_largest_status(void **state NP_UNUSED)
{
	const cJSON *commands;

	run("-e one -e two -e three r1");
	commands = cJSON_GetObjectItemCaseSensitive(fake_expect(&f, "exec"), "commands");
	assert_int_equal(cJSON_GetArraySize(commands), 3);
	note("result", 1, "\"index\":0,\"exit_status\":0");
	note("result", 1, "\"index\":1,\"exit_status\":7");
	note("result", 1, "\"index\":2,\"exit_status\":1");
	respond(1, "\"x\":1");

	assert_int_equal(fake_wait(&c), 7);
}

/* Without a command the broker knows what standard input is for. */
static void
expect_question_about_input(void)
{
	const cJSON *params = fake_expect(&f, "exec");

	assert_null(cJSON_GetObjectItemCaseSensitive(params, "command"));
	assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(params, "lines")));
}

static void
test_input_without_a_command_is_for_the_shell(void **state NP_UNUSED)
{
	run("r1");
	expect_question_about_input();
	fake_write(c.in, "X=5\necho $X\n");
	note("credit", 1, "\"bytes\":100");
	fake_expect(&f, "stdin");
	assert_int_equal(f.data.len, 12);
	assert_memory_equal(buf_head(&f.data), "X=5\necho $X\n", 12);
	close(c.in);
	c.in = -1;
	fake_expect(&f, "eof");
	output("stdout", 1, "5\n", 2);
	finish(1, "\"exit_status\":4");

	expect_text(c.out, "5\n");
	assert_int_equal(fake_wait(&c), 4);
}

static void
test_lines_run_one_after_the_other(void **state NP_UNUSED)
{
	run("r1");
	fake_write(c.in, "one\n\ntwo\r\nthree");
	expect_question_about_input();
	respond(1, "\"lines\":true");
	assert_string_equal(member(fake_expect(&f, "exec"), "command"), "one");
	note("credit", 2, "\"bytes\":100");
	fake_expect(&f, "eof");
	assert_false(fake_has_message(&f, 50)); /* not before the first has ended */
	finish(2, OK);
	assert_string_equal(member(fake_expect(&f, "exec"), "command"), "two");
	note("credit", 3, "\"bytes\":100");
	fake_expect(&f, "eof");
	finish(3, "\"exit_status\":3");
	close(c.in);
	c.in = -1;
	assert_string_equal(member(fake_expect(&f, "exec"), "command"), "three");
	finish(4, OK);

	assert_int_equal(fake_wait(&c), 3);
}

static void
test_lines_stop_when_the_connection_fails(void **state NP_UNUSED)
{
	run("r1");
	fake_write(c.in, "one\ntwo\n");
	expect_question_about_input();
	respond(1, "\"lines\":true");
	fake_expect(&f, "exec");
	fake_expect(&f, "eof");
	fail_request(2, "auth_failed", "no");

	fake_expect_end(&f);
	expect_text(c.err, "npexec: r1: auth_failed: no\n");
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_json_has_a_line_for_every_command(void **state NP_UNUSED)
{
	run("-j -e one -e two r1");
	fake_expect(&f, "exec");
	output("stdout", 1, "1\n", 2);
	note("result", 1, "\"index\":0,\"exit_status\":0");
	output("stdout", 1, "2\xff", 2);
	fail_request(1, "outcome_unknown", "lost");

	expect_text(c.out,
	    "{\"command\":\"one\",\"index\":0,\"exit_status\":0,\"stdout\":\"1\\n\",\"stderr\":\"\"}\n"
	    "{\"command\":\"two\",\"device\":\"r1\",\"error\":{\"code\":-32000,\"message\":\"lost\",\"data\":"
	    "{\"reason\":\"outcome_unknown\"}},\"stdout_base64\":\"Mv8=\",\"stderr\":\"\"}\n");
	expect_text(c.err, "npexec: r1: outcome_unknown: lost\n");
	assert_int_equal(fake_wait(&c), 255);
}

static void
run_flood(void)
{
	static char block[65536];

	run("-j r1 flood");
	fake_expect(&f, "exec");
	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 257; i++)
		output("stdout", 1, block, sizeof(block));
	fake_expect(&f, "cancel");
}

static void
expect_output_limit(void)
{
	char *text = fake_read(c.out, NULL, NULL);

	assert_non_null(strstr(text, "\"reason\":\"output_limit\""));
	free(text);
	text = fake_read(c.err, NULL, NULL);
	assert_non_null(strstr(text, "npexec: r1: output_limit: "));
	free(text);
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_json_output_beyond_its_limit_cancels(void **state NP_UNUSED)
{
	run_flood();
	fail_request(1, "cancelled", "by the client");

	expect_output_limit();
}

static void
test_json_output_beyond_its_limit_fails_also_when_the_cancel_is_late(void **state NP_UNUSED)
{
	run_flood();
	finish(1, OK);

	expect_output_limit();
}

/* ---- signals ---- */

static void
test_interrupt_before_the_start_cancels(void **state NP_UNUSED)
{
	run("r1 x");
	fake_expect(&f, "exec");
	kill(c.pid, SIGINT);
	fake_expect(&f, "cancel");
	fail_request(1, "cancelled", "cancelled by the client");

	expect_text(c.err, "");
	assert_int_equal(fake_wait(&c), 130);
}

/* Nothing tells whether it runs: what has not begun the broker ends. */
static void
test_interrupt_is_for_a_command_without_input_from_the_start(void **state NP_UNUSED)
{
	run("-n r1 x");
	fake_expect(&f, "exec");
	fake_expect(&f, "eof");
	kill(c.pid, SIGINT);
	assert_string_equal(member(fake_expect(&f, "signal"), "name"), "INT");
	fail_request(1, "cancelled", "cancelled by the client");

	expect_text(c.err, "");
	assert_int_equal(fake_wait(&c), 130);
}

static void
test_first_interrupt_is_for_the_command_second_for_us(void **state NP_UNUSED)
{
	run("r1 x");
	fake_expect(&f, "exec");
	note("credit", 1, "\"bytes\":100");
	output("stdout", 1, "go", 2);
	free(fake_read(c.out, "go", NULL));
	kill(c.pid, SIGINT);
	assert_string_equal(member(fake_expect(&f, "signal"), "name"), "INT");
	kill(c.pid, SIGINT);

	fake_expect_end(&f);
	assert_int_equal(fake_wait(&c), 130);
}

static void
test_command_that_dies_of_the_interrupt_gives_130(void **state NP_UNUSED)
{
	run("r1 x");
	fake_expect(&f, "exec");
	output("stdout", 1, "go", 2);
	free(fake_read(c.out, "go", NULL));
	kill(c.pid, SIGINT);
	fake_expect(&f, "signal");
	finish(1, "\"exit_status\":null,\"exit_signal\":\"INT\"");

	assert_int_equal(fake_wait(&c), 130);
}

static void
test_term_leaves_at_once(void **state NP_UNUSED)
{
	run("r1 x");
	fake_expect(&f, "exec");
	kill(c.pid, SIGTERM);

	fake_expect_end(&f);
	assert_int_equal(fake_wait(&c), 128 + SIGTERM);
}

static void
test_interrupt_while_output_is_stuck_leaves(void **state NP_UNUSED)
{
	static char block[65536];

	run("r1 x");
	fake_expect(&f, "exec");
	for (int i = 0; i < 4; i++)
		output("stdout", 1, block, sizeof(block));
	finish(1, OK);
	fake_expect_end(&f); /* npexec is done with the broker, its output is not taken */
	kill(c.pid, SIGINT);

	assert_int_equal(fake_wait(&c), 130);
}

/* ---- on a terminal ---- */

static bool
is_raw(int master)
{
	struct termios t;

	assert_int_equal(tcgetattr(master, &t), 0);
	return (t.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

static void
test_shell_on_a_terminal_gets_a_terminal(void **state NP_UNUSED)
{
	const cJSON *params;

	run_on("r1", true);
	params = fake_expect(&f, "exec");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(params, "pty")));
	assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(params, "interactive")));
	assert_string_equal(member(params, "term"), "vt100");
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "cols")->valueint, 100);
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "rows")->valueint, 30);
	assert_null(cJSON_GetObjectItemCaseSensitive(params, "command"));
	assert_false(is_raw(c.out)); /* a prompt may still come */
	note("credit", 1, "\"bytes\":1000");
	output("stdout", 1, "r1# ", 4);
	free(fake_read(c.out, "r1# ", NULL));
	assert_true(is_raw(c.out));

	fake_write(c.out, "\003x"); /* Ctrl-C is a byte for the remote now */
	fake_expect(&f, "stdin");
	assert_memory_equal(buf_head(&f.data), "\003x", f.data.len);
	struct winsize size = {.ws_col = 120, .ws_row = 40};
	assert_int_equal(ioctl(c.out, TIOCSWINSZ, &size), 0);
	params = fake_expect(&f, "resize");
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "cols")->valueint, 120);
	finish(1, "\"exit_status\":5");
	fake_expect_end(&f);
	assert_false(is_raw(c.out));
	assert_int_equal(fake_wait(&c), 5);
}

static void
test_escape_leaves_a_hung_session_and_restores_the_terminal(void **state NP_UNUSED)
{
	run_on("r1", true);
	fake_expect(&f, "exec");
	note("credit", 1, "\"bytes\":1");
	output("stdout", 1, "r1# ", 4);
	free(fake_read(c.out, "r1# ", NULL));
	fake_write(c.out, "xyz\r");
	fake_expect(&f, "stdin");
	assert_int_equal(f.data.len, 1);
	fake_write(c.out, "~."); /* there is no credit: seen all the same */

	fake_expect_end(&f);
	assert_false(is_raw(c.out));
	free(fake_read(c.out, "Connection to r1 closed.", NULL));
	assert_int_equal(fake_wait(&c), 255);
}

static void
test_terminal_is_restored_when_killed(void **state NP_UNUSED)
{
	run_on("r1", true);
	fake_expect(&f, "exec");
	output("stdout", 1, "r1# ", 4);
	free(fake_read(c.out, "r1# ", NULL));
	assert_true(is_raw(c.out));
	kill(c.pid, SIGTERM);

	fake_expect_end(&f);
	assert_false(is_raw(c.out));
	assert_int_equal(fake_wait(&c), 128 + SIGTERM);
}

static bool
is_echoing(int master)
{
	struct termios t;

	assert_int_equal(tcgetattr(master, &t), 0);
	return (t.c_lflag & ECHO) != 0;
}

static void
test_password_is_asked_without_echo(void **state NP_UNUSED)
{
	const cJSON *params;

	run_on("r1 x", true);
	fake_expect(&f, "exec");
	note("prompt", 1,
	    "\"prompt_id\":7,\"device\":\"r1\",\"kind\":\"password\",\"text\":\"\\u001bops@r1's "
	    "password:\",\"echo\":false");
	free(fake_read(c.out, "\\033ops@r1's password: ", NULL));
	assert_false(is_echoing(c.out));
	fake_write(c.out, "s3cret\n");

	params = fake_expect(&f, "answer");
	assert_string_equal(member(params, "value"), "s3cret");
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(params, "prompt_id")->valueint, 7);
	finish(1, OK);
	fake_expect_end(&f);
	assert_true(is_echoing(c.out));
	char *shown = fake_read(c.out, NULL, NULL);
	assert_null(strstr(shown, "s3cret"));
	free(shown);
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_host_key_question_insists_on_yes_or_no(void **state NP_UNUSED)
{
	run_on("r1 x", true);
	fake_expect(&f, "exec");
	note("prompt", 1, "\"prompt_id\":8,\"kind\":\"host_key\",\"text\":\"(yes/no/[fingerprint])? \",\"echo\":true");
	free(fake_read(c.out, "(yes/no/[fingerprint])? ", NULL));
	fake_write(c.out, "y\n");
	free(fake_read(c.out, "Please type 'yes'", NULL));
	fake_write(c.out, "yes\n");

	assert_string_equal(member(fake_expect(&f, "answer"), "value"), "yes");
	finish(1, OK);
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_interrupt_declines_a_prompt(void **state NP_UNUSED)
{
	const cJSON *params;

	run_on("r1 x", true);
	fake_expect(&f, "exec");
	note("prompt", 1, "\"prompt_id\":9,\"kind\":\"password\",\"text\":\"Password: \",\"echo\":false");
	free(fake_read(c.out, "Password: ", NULL));
	fake_write(c.out, "\003");

	params = fake_expect(&f, "answer");
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(params, "value")));
	fake_expect(&f, "cancel");
	fail_request(1, "cancelled", "cancelled by the client");
	fake_expect_end(&f);
	assert_true(is_echoing(c.out));
	assert_int_equal(fake_wait(&c), 130);
}

static void
test_prompt_without_a_terminal_is_declined(void **state NP_UNUSED)
{
	const cJSON *params;

	run("r1 x");
	params = fake_expect(&f, "exec");
	assert_null(cJSON_GetObjectItemCaseSensitive(params, "interactive"));
	note("prompt", 1, "\"prompt_id\":7,\"kind\":\"password\",\"text\":\"Password: \",\"echo\":false");

	params = fake_expect(&f, "answer");
	assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(params, "value")));
	fail_request(1, "auth_failed", "no");
	assert_int_equal(fake_wait(&c), 255);
}

/* Writes a program that stands for a person at a window. */
static void
write_askpass(char path[static 160], const char *script)
{
	FILE *file;

	snprintf(path, 160, "%s/askpass", f.dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	assert_int_equal(chmod(path, 0700), 0);
	setenv("SSH_ASKPASS", path, 1);
}

static void
test_ssh_askpass_asks(void **state NP_UNUSED)
{
	static const struct {
		const char *require, *display, *script;
		bool tty, asked;
		const char *answer;
	} cases[] = {
	    {"force", "", "echo \"for $1\"", false, true, "for Password: "},
	    {"force", "", "echo \"for $1\"", true, true, "for Password: "},
	    {"prefer", ":0", "printf one", true, true, "one"},
	    {"", ":0", "echo two; echo three", false, true, "two"},
	    {"", ":0", "echo x; exit 1", false, true, NULL},
	    {"force", "", "exec </nonexistent", false, true, NULL},
	    {"never", ":0", "echo x", false, false, NULL},
	    {"prefer", "", "echo x", false, false, NULL},
	    {"", "", "echo x", false, false, NULL},
	};
	const cJSON *params, *value;
	char path[160];

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		if (i > 0) {
			kit_teardown(NULL);
			kit_setup(NULL);
		}
		write_askpass(path, cases[i].script);
		setenv("SSH_ASKPASS_REQUIRE", cases[i].require, 1);
		setenv("DISPLAY", cases[i].display, 1);
		run_on("r1 x", cases[i].tty);
		params = fake_expect(&f, "exec");
		assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(params, "interactive")) == cases[i].asked);
		note("prompt", 1, "\"prompt_id\":7,\"kind\":\"password\",\"text\":\"Password: \",\"echo\":false");
		params = fake_expect(&f, "answer");
		value = cJSON_GetObjectItemCaseSensitive(params, "value");
		if (cases[i].asked)
			assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(params, "program")));
		if (cases[i].answer == NULL)
			assert_true(cJSON_IsNull(value));
		else
			assert_string_equal(value->valuestring, cases[i].answer);
		finish(1, OK);
		assert_int_equal(fake_wait(&c), 0);
		unlink(path);
	}
	unsetenv("SSH_ASKPASS");
	unsetenv("SSH_ASKPASS_REQUIRE");
	unsetenv("DISPLAY");
}

static void
test_batch_mode_asks_nobody(void **state NP_UNUSED)
{
	run_on("-o BatchMode=yes r1 x", true);
	assert_null(cJSON_GetObjectItemCaseSensitive(fake_expect(&f, "exec"), "interactive"));
	finish(1, OK);
	assert_int_equal(fake_wait(&c), 0);
}

static void
test_notices_are_for_people(void **state NP_UNUSED)
{
	run("r1 x");
	fake_expect(&f, "exec");
	note("notice", 1, "\"text\":\"queued behind 3 others\"");
	finish(1, OK);
	expect_text(c.err, "");
	assert_int_equal(fake_wait(&c), 0);
	fake_hang_up(&f);

	run("-v r1 x");
	fake_expect(&f, "exec");
	note("notice", 1, "\"text\":\"queued behind 3 others\"");
	finish(1, OK);
	expect_text(c.err, "npexec: r1: queued behind 3 others\nnpexec: r1: session #1 reused\n");
	assert_int_equal(fake_wait(&c), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(test_command_runs_and_its_status_is_ours),
	    WITH(test_stdin_is_not_read_before_credit),
	    WITH(test_end_does_not_wait_for_stdin),
	    WITH(test_n_gives_an_empty_input),
	    WITH(test_every_byte_comes_through_both_ways),
	    WITH(test_slow_reader_holds_the_broker_back_and_loses_nothing),
	    WITH(test_blocked_stdout_does_not_hold_stderr),
	    WITH(test_closed_stdout_ends_like_a_program_in_a_pipeline),
	    WITH(test_standard_streams_stay_blocking),
	    WITH(test_failures_have_one_line_and_their_status),
	    WITH(test_broker_that_dies_leaves_the_outcome_unknown),
	    WITH(test_errors_of_the_connection_reach_the_client),
	    WITH(test_texts_from_the_network_are_made_harmless),
	    WITH(test_messages_for_others_and_unknown_ones_are_ignored),
	    WITH(test_list_gives_the_largest_status),
	    WITH(test_input_without_a_command_is_for_the_shell),
	    WITH(test_lines_run_one_after_the_other),
	    WITH(test_lines_stop_when_the_connection_fails),
	    WITH(test_json_has_a_line_for_every_command),
	    WITH(test_json_output_beyond_its_limit_cancels),
	    WITH(test_json_output_beyond_its_limit_fails_also_when_the_cancel_is_late),
	    WITH(test_interrupt_before_the_start_cancels),
	    WITH(test_interrupt_is_for_a_command_without_input_from_the_start),
	    WITH(test_first_interrupt_is_for_the_command_second_for_us),
	    WITH(test_command_that_dies_of_the_interrupt_gives_130),
	    WITH(test_term_leaves_at_once),
	    WITH(test_interrupt_while_output_is_stuck_leaves),
	    WITH(test_shell_on_a_terminal_gets_a_terminal),
	    WITH(test_escape_leaves_a_hung_session_and_restores_the_terminal),
	    WITH(test_terminal_is_restored_when_killed),
	    WITH(test_password_is_asked_without_echo),
	    WITH(test_host_key_question_insists_on_yes_or_no),
	    WITH(test_interrupt_declines_a_prompt),
	    WITH(test_prompt_without_a_terminal_is_declined),
	    WITH(test_ssh_askpass_asks),
	    WITH(test_batch_mode_asks_nobody),
	    WITH(test_notices_are_for_people),
	};

	return cmocka_run_group_tests_name("npexec", tests, NULL, NULL);
}
