/* Tests of src/report/event.c: what watchers and the audit log are shown. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "report/event.h"

static void
check(const struct event *e, const char *expected)
{
	cJSON *o = event_to_json(e);
	char *text = cJSON_PrintUnformatted(o);

	assert_string_equal(text, expected);
	cJSON_free(text);
	cJSON_Delete(o);
}

static void
test_an_event_says_only_what_it_has_to_say(void **state)
{
	struct event e;
	(void)state;

	event_init(&e, EVENT_RELOAD);
	check(&e, "{\"event\":\"reload\"}");
	e.id = 7;
	e.time_ms = 1763893230123;
	e.count = 0;
	check(&e, "{\"id\":7,\"time\":\"2025-11-23T10:20:30.123Z\",\"event\":\"reload\",\"count\":0}");
}

static void
test_a_watch_begins_with_an_id_even_if_nothing_has_happened(void **state)
{
	struct event e;
	(void)state;

	event_init(&e, EVENT_WATCHING);
	check(&e, "{\"id\":0,\"event\":\"watching\"}");
}

static void
test_a_command_that_has_ended(void **state)
{
	const struct event_who who = {.peer = 3, .pid = 44, .uid = 1000, .program = "npexec", .parent = "backup.sh"};
	struct event e;
	(void)state;

	event_init(&e, EVENT_COMMAND_ENDED);
	e.device = "core1";
	e.alias = "alias";
	e.who = &who;
	e.session = 5;
	e.request = 6;
	e.what = "exec";
	e.command = "a command";
	e.ended = e.has_status = true;
	e.status = 0;
	e.signal = "";
	e.reused = 1;
	e.queue = 0;
	e.connect = 0;
	e.duration = 0.00214;
	e.bytes_in = 0;
	e.bytes_out = 12;
	check(&e,
	    "{\"event\":\"command_ended\",\"device\":\"core1\",\"session\":5,\"request\":6,\"kind\":\"exec\",\"peer\":"
	    "3,"
	    "\"pid\":44,\"uid\":1000,\"program\":\"npexec\",\"parent\":\"backup.sh\",\"reused\":true,\"outcome\":"
	    "\"done\",\"exit_status\":0,"
	    "\"queue_ms\":0,\"connect_ms\":0,\"duration_ms\":2.1,\"bytes_in\":0,\"bytes_out\":12}");
}

static void
test_an_outcome_is_a_reason_or_done(void **state)
{
	struct np_error err;
	struct event e;
	(void)state;

	error_set(&err, REASON_AUTH_FAILED, "refused \"x\"");
	event_init(&e, EVENT_REQUEST_ENDED);
	e.ended = true;
	e.err = &err;
	check(&e, "{\"event\":\"request_ended\",\"outcome\":\"auth_failed\",\"message\":\"refused \\\"x\\\"\"}");
	e.err = NULL;
	e.signal = "KILL";
	check(&e, "{\"event\":\"request_ended\",\"outcome\":\"done\",\"exit_signal\":\"KILL\"}");
}

static void
test_why_a_session_ended_need_not_be_a_failure(void **state)
{
	struct np_error err = {.reason = REASON_NONE, .text = "idle for 300 s"};
	struct event e;
	(void)state;

	event_init(&e, EVENT_SESSION_DOWN);
	e.err = &err;
	e.age = 301.26;
	check(&e, "{\"event\":\"session_down\",\"message\":\"idle for 300 s\",\"age\":301.3}");
	err.reason = REASON_CONNECT_FAILED;
	e.retry_in = 0;
	e.blocked = true;
	check(&e,
	    "{\"event\":\"session_down\",\"reason\":\"connect_failed\",\"message\":\"idle for 300 s\",\"age\":301.3,"
	    "\"retry_in\":0,\"blocked\":true}");
}

static void
test_the_broker_itself_is_nobody(void **state)
{
	const struct event_who nobody = {.peer = 0};
	struct event e;
	(void)state;

	event_init(&e, EVENT_REQUEST_QUEUED);
	e.who = &nobody;
	check(&e, "{\"event\":\"request_queued\"}");
}

static void
test_who_was_not_let_in_has_no_number(void **state)
{
	const struct event_who stranger = {.pid = 44, .uid = 65534};
	struct event e;
	(void)state;

	event_init(&e, EVENT_REFUSED);
	e.who = &stranger;
	check(&e, "{\"event\":\"refused\",\"pid\":44,\"uid\":65534}");
}

static void
test_every_kind_has_a_name_of_its_own(void **state)
{
	(void)state;

	for (int i = 0; i < EVENT_KINDS; i++) {
		assert_string_not_equal(event_name((enum event_kind)i), "?");
		for (int k = 0; k < i; k++)
			assert_string_not_equal(event_name((enum event_kind)i), event_name((enum event_kind)k));
	}
}

static void
test_times_are_utc_with_milliseconds(void **state)
{
	char text[40];
	(void)state;

	event_time_text(0, text, sizeof(text));
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	event_time_text(1709210096007, text, sizeof(text));
	assert_string_equal(text, "2024-02-29T12:34:56.007Z");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_event_says_only_what_it_has_to_say),
	    cmocka_unit_test(test_a_watch_begins_with_an_id_even_if_nothing_has_happened),
	    cmocka_unit_test(test_a_command_that_has_ended),
	    cmocka_unit_test(test_an_outcome_is_a_reason_or_done),
	    cmocka_unit_test(test_why_a_session_ended_need_not_be_a_failure),
	    cmocka_unit_test(test_the_broker_itself_is_nobody),
	    cmocka_unit_test(test_who_was_not_let_in_has_no_number),
	    cmocka_unit_test(test_every_kind_has_a_name_of_its_own),
	    cmocka_unit_test(test_times_are_utc_with_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
