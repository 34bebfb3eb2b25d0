/* Exit statuses, lines for people, JSON for programs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "npexec/npexec_report.h"
#include "npexec/npexec_tty.h"
#include "base/text.h"

static void
test_result_becomes_an_exit_status(void **state NP_UNUSED)
{
	static const struct {
		const char *result;
		int status;
		enum np_reason reason;
	} cases[] = {
	    {"{\"exit_status\":0}", 0, REASON_NONE},
	    {"{\"exit_status\":44}", 44, REASON_NONE},
	    {"{\"exit_status\":255}", 255, REASON_NONE},
	    {"{\"exit_status\":256}", 255, REASON_NONE},
	    {"{\"exit_status\":4294967295}", 255, REASON_NONE},
	    {"{\"exit_status\":null,\"exit_signal\":\"TERM\"}", 143, REASON_NONE},
	    {"{\"exit_status\":null,\"exit_signal\":\"KILL\"}", 137, REASON_NONE},
	    {"{\"exit_status\":null,\"exit_signal\":\"BUS@openssh.com\"}", 135, REASON_NONE},
	    {"{\"exit_status\":null,\"exit_signal\":\"TER\"}", 255, REASON_OUTCOME_UNKNOWN},
	    {"{\"exit_status\":null,\"exit_signal\":\"\"}", 255, REASON_OUTCOME_UNKNOWN},
	    {"{\"exit_status\":null}", 255, REASON_OUTCOME_UNKNOWN},
	    {"{\"exit_status\":0,\"device_error\":\"% Invalid input\"}", 1, REASON_NONE},
	    {"{\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"reason\":\"command_timeout\"}}}", 124,
		REASON_COMMAND_TIMEOUT},
	    {"{\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"reason\":\"first_byte_timeout\"}}}", 124,
		REASON_FIRST_BYTE_TIMEOUT},
	    {"{\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"reason\":\"idle_timeout\"}}}", 124,
		REASON_IDLE_TIMEOUT},
	    {"{\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"reason\":\"queue_timeout\"}}}", 255,
		REASON_QUEUE_TIMEOUT},
	    {"{\"exit_status\":null,\"error\":{\"code\":-32000,\"message\":\"m\",\"data\":{\"reason\":\"outcome_"
	     "unknown\"}}}",
		255, REASON_OUTCOME_UNKNOWN},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct np_error err;
		cJSON *result = cJSON_Parse(cases[i].result);
		assert_non_null(result);
		assert_int_equal(npexec_status(result, &err), cases[i].status);
		assert_int_equal(err.reason, cases[i].reason);
		cJSON_Delete(result);
	}
}

static void
test_error_line_is_harmless(void **state NP_UNUSED)
{
	struct np_error err;

	error_set(&err, REASON_AUTH_FAILED, "no");
	char *line = npexec_error_line("r1\033[2J", &err);
	assert_string_equal(line, "r1\\033[2J: auth_failed: no");
	free(line);
}

static void
test_timing_line_says_what_is_known(void **state NP_UNUSED)
{
	static const struct {
		const char *result;
		const char *line;
	} cases[] = {
	    {"{\"session\":3,\"reused\":true,\"queue_ms\":1,\"connect_ms\":0,\"duration_ms\":12.6}",
		"session #3 reused, queued 1 ms, connecting 0 ms, running 13 ms"},
	    {"{\"session\":4,\"reused\":false,\"connect_ms\":320}", "session #4 new, connecting 320 ms"},
	    {"{}", "no session"},
	    {"{\"session\":1e308,\"queue_ms\":1e308,\"connect_ms\":1e308,\"duration_ms\":3}", NULL},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		cJSON *result = cJSON_Parse(cases[i].result);
		char *line = npexec_timing_line(result);
		if (cases[i].line != NULL)
			assert_string_equal(line, cases[i].line);
		assert_true(strlen(line) < 512);
		free(line);
		cJSON_Delete(result);
	}
}

static char *
json_line(const char *command, const char *result_text, const void *out, size_t out_size)
{
	cJSON *result = cJSON_Parse(result_text);
	struct buf output[2], b;

	buf_init(&output[0], 1 << 20);
	buf_init(&output[1], 1 << 20);
	buf_init(&b, 1 << 20);
	assert_int_equal(buf_append(&output[0], out, out_size), 0);
	assert_int_equal(npexec_json_line(&b, NULL, command, strlen(command), result, output), 0);
	buf_free(&output[0]);
	char *line = strndup((const char *)buf_head(&b), b.len);
	buf_free(&b);
	cJSON_Delete(result);
	return line;
}

static void
test_json_line_holds_command_result_and_output(void **state NP_UNUSED)
{
	char *line = json_line("echo \"a\"", "{\"id\":1,\"index\":0,\"exit_status\":0}", "a\t\\\033\n", 5);

	assert_string_equal(line, "{\"command\":\"echo \\\"a\\\"\",\"index\":0,\"exit_status\":0,"
				  "\"stdout\":\"a\\t\\\\\\u001b\\n\",\"stderr\":\"\"}\n");
	free(line);
}

static void
test_json_line_carries_every_byte_value(void **state NP_UNUSED)
{
	uint8_t all[256];
	size_t size;

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	char *line = json_line("x", "{}", all, sizeof(all));
	cJSON *parsed = cJSON_Parse(line);
	uint8_t *bytes = text_unbase64(cJSON_GetObjectItemCaseSensitive(parsed, "stdout_base64")->valuestring, &size);

	assert_int_equal(size, 256);
	assert_memory_equal(bytes, all, 256);
	assert_null(cJSON_GetObjectItemCaseSensitive(parsed, "stdout"));
	free(bytes);
	cJSON_Delete(parsed);
	free(line);

	/* ASCII with NUL is UTF-8: escaped, and never cut at the NUL. */
	line = json_line("x", "{}", all, 128);
	assert_non_null(strstr(line, "\"stdout\":\"\\u0000\\u0001"));
	assert_non_null(strstr(line, "~\\u007f\",\"stderr\""));
	free(line);
}

static void
test_json_line_escapes_hostile_member_names(void **state NP_UNUSED)
{
	char *line = json_line("x", "{\"a\\\"b\\n\":1}", "", 0);

	assert_non_null(strstr(line, "\"a\\\"b\\n\":1"));
	free(line);
}

/* ---- escapes on a terminal ---- */

static void
test_escapes_are_found_at_every_split(void **state NP_UNUSED)
{
	static const struct {
		const char *typed;
		const char *sent;
		enum tty_escape escape;
		size_t left; /* typed behind the escape */
	} cases[] = {
	    {"ls\r", "ls\r", TTY_ESCAPE_NONE, 0},
	    {"~.", "", TTY_ESCAPE_DISCONNECT, 0},
	    {"ls\r~.x", "ls\r", TTY_ESCAPE_DISCONNECT, 1},
	    {"a~.", "a~.", TTY_ESCAPE_NONE, 0},
	    {"~~.", "~.", TTY_ESCAPE_NONE, 0},
	    {"~a", "~a", TTY_ESCAPE_NONE, 0},
	    {"~\r~.", "~\r", TTY_ESCAPE_DISCONNECT, 0},
	    {"\n~?", "\n", TTY_ESCAPE_HELP, 0},
	    {"~\032x", "", TTY_ESCAPE_SUSPEND, 1},
	    {"x~\r~", "x~\r", TTY_ESCAPE_NONE, 0},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		size_t n = strlen(cases[i].typed);
		for (size_t split = 0; split <= n; split++) {
			struct npexec_tty t;
			char sent[32] = "";
			size_t sizes[2] = {split, n - split}, used = 0;
			enum tty_escape escape = TTY_ESCAPE_NONE;

			npexec_tty_init(&t, -1);
			for (int part = 0; part < 2 && escape == TTY_ESCAPE_NONE; part++) {
				char out[32];
				size_t out_size;
				used +=
				    npexec_tty_filter(&t, cases[i].typed + used, sizes[part], out, &out_size, &escape);
				strncat(sent, out, out_size);
			}
			assert_string_equal(sent, cases[i].sent);
			assert_int_equal(escape, cases[i].escape);
			/* What stands behind an escape in the same part is left for the next call. */
			if (escape != TTY_ESCAPE_NONE)
				assert_int_equal(n - used, cases[i].left);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_result_becomes_an_exit_status),
	    cmocka_unit_test(test_error_line_is_harmless),
	    cmocka_unit_test(test_timing_line_says_what_is_known),
	    cmocka_unit_test(test_json_line_holds_command_result_and_output),
	    cmocka_unit_test(test_json_line_carries_every_byte_value),
	    cmocka_unit_test(test_json_line_escapes_hostile_member_names),
	    cmocka_unit_test(test_escapes_are_found_at_every_split),
	};

	return cmocka_run_group_tests_name("npexec_report", tests, NULL, NULL);
}
