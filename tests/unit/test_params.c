/* Request params: what is accepted, what is refused and how it is named, and what makes two references one pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "params/params.h"
#include "schema/schema.h"

static int
parse(const char *json, struct exec_params *p, struct np_error *err)
{
	cJSON *o = cJSON_Parse(json);
	int rc;

	assert_non_null(o);
	error_clear(err);
	rc = exec_params_parse(PARAMS_EXEC, o, p, err);
	cJSON_Delete(o);
	return rc;
}

static void
test_bad_params_are_refused_and_named(void **state NP_UNUSED)
{
	static const struct {
		const char *json, *part;
	} cases[] = {
	    {"{}", "`device`"},
	    {"{\"device\":7}", "`device`"},
	    {"{\"device\":\"\"}", "`device`"},
	    {"{\"device\":\"r1\",\"comand\":\"x\"}", "unknown param `comand`: did you mean `command`?"},
	    {"{\"device\":\"r1\",\"zzzzzzzzzzz\":1}", "unknown param `zzzzzzzzzzz`"},
	    {"{\"device\":\"r1\",\"Command\":\"x\"}", "unknown param `Command`"},
	    {"{\"device\":\"r1\",\"command\":1}", "`command` must be a string"},
	    {"{\"device\":\"r1\",\"command\":\"a\",\"commands\":[\"b\"]}", "only one of"},
	    {"{\"device\":\"r1\",\"command\":\"a\",\"subsystem\":\"sftp\"}", "only one of"},
	    {"{\"device\":\"r1\",\"command\":\"a\",\"connect\":\"h:22\"}", "only one of"},
	    {"{\"device\":\"r1\",\"command\":\"a\",\"lines\":true}", "`lines` goes without"},
	    {"{\"device\":\"r1\",\"connect\":\"h\"}", "`connect` must be HOST:PORT, or the path of a socket"},
	    {"{\"device\":\"r1\",\"connect\":\"u@h:22\"}", "`connect` must be HOST:PORT, or the path of a socket"},
	    {"{\"device\":\"r1\",\"commands\":[]}", "`commands`"},
	    {"{\"device\":\"r1\",\"commands\":\"x\"}", "`commands`"},
	    {"{\"device\":\"r1\",\"commands\":[\"a\",2]}", "`commands`"},
	    {"{\"device\":\"r1\",\"command_base64\":\"$$$\"}", "`command_base64`"},
	    {"{\"device\":\"r1\",\"timeout\":-1}", "`timeout`"},
	    {"{\"device\":\"r1\",\"timeout\":\"5\"}", "`timeout` must be a number"},
	    {"{\"device\":\"r1\",\"cols\":0}", "`cols`"},
	    {"{\"device\":\"r1\",\"cols\":80.5}", "`cols` must be a whole number"},
	    {"{\"device\":\"r1\",\"rows\":65536}", "`rows`"},
	    {"{\"device\":\"r1\",\"pty\":1}", "`pty` must be true or false"},
	    {"{\"device\":\"r1\",\"capture\":\"yes\"}", "`capture`"},
	    {"{\"device\":\"r1\",\"env\":[]}", "`env`"},
	    {"{\"device\":\"r1\",\"env\":{\"A\":1}}", "`env`"},
	    {"{\"device\":\"r1\",\"env\":{\"A=B\":\"x\"}}", "`env`"},
	    {"{\"device\":\"r1\",\"on_error\":\"maybe\"}", "`on_error`"},
	    {"{\"device\":\"r1\",\"agent_socket\":\"agent\"}", "`agent_socket` must be an absolute path"},
	    {"{\"device\":\"r1\",\"window\":0}", "`window`"},
	    {"{\"device\":\"r1\",\"overrides\":[]}", "`overrides`"},
	    {"{\"device\":\"r1\",\"overrides\":{\"port\":{}}}", "`overrides.port`"},
	    {"{\"device\":\"r1\",\"overrides\":{\"timeout\":\"soon\"}}", "`timeout`"},
	    {"{\"device\":\"r1\",\"enable\":1}", "`enable`"},
	    {"{\"device\":null}", "`device` is missing"},
	    {"{\"device\":\"r1\",\"device\":\"r2\"}", "`device` is given twice"},
	    {"{\"device\":\"r1\",\"pty\":true,\"pty\":false}", "`pty` is given twice"},
	    {"{\"device\":\"r1\",\"save\":true}", "unknown param `save`"},
	    {"{\"device\":\"r1\",\"timeout\":1e300}", "not `1e+300`"},
	    {"{\"device\":\"r1\",\"answers\":{}}", "`answers`"},
	    {"{\"device\":\"r1\",\"answers\":[{\"match\":\"x\"}]}", "answers: `answer` is missing"},
	    {"{\"device\":\"r1\",\"answers\":[{\"match\":\"(\",\"answer\":\"y\"}]}", "answers: "},
	    {"{\"device\":\"r1\",\"answers\":[{\"match\":\"x\",\"answer\":\"y\",\"anser\":\"z\"}]}", "`anser`"},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct exec_params p;
		struct np_error err;
		assert_int_equal(parse(cases[i].json, &p, &err), -1);
		assert_int_equal(err.reason, REASON_INVALID_PARAMS);
		if (strstr(err.text, cases[i].part) == NULL)
			fail_msg("%s: got \"%s\", wanted \"%s\"", cases[i].json, err.text, cases[i].part);
		exec_params_finish(&p);
	}
}

static void
test_a_single_command_is_no_batch(void **state NP_UNUSED)
{
	struct exec_params p;
	struct np_error err;

	assert_int_equal(parse("{\"device\":\"r1\",\"command\":\"show version\",\"timeout\":2.5}", &p, &err), 0);
	assert_int_equal(p.kind, EXEC_COMMAND);
	assert_int_equal(p.commands_count, 1);
	assert_string_equal(p.commands[0].text, "show version");
	assert_int_equal(p.commands[0].size, 12);
	assert_false(p.batch);
	assert_true(p.timeout == 2.5);
	assert_true(p.idle_timeout < 0);
	exec_params_finish(&p);
}

static void
test_commands_are_a_batch_even_when_one(void **state NP_UNUSED)
{
	struct exec_params p;
	struct np_error err;

	assert_int_equal(parse("{\"device\":\"r1\",\"commands\":[\"a\"],\"on_error\":\"stop\"}", &p, &err), 0);
	assert_true(p.batch);
	assert_int_equal(p.on_error, ON_ERROR_STOP);
	exec_params_finish(&p);
}

static void
test_command_line_params(void **state NP_UNUSED)
{
	struct exec_params p;
	struct np_error err;

	assert_int_equal(parse("{\"device\":\"r1\",\"command\":\"reload\",\"enable\":true,\"prove\":true,\"raw\":true,"
			       "\"hold\":true,\"answers\":[{\"match\":\"confirm.$\",\"answer\":\"y\"}]}",
			     &p, &err),
	    0);
	assert_true(p.enable && p.cli.prove && p.cli.raw && p.hold && !p.lines);
	assert_int_equal(p.on_error, ON_ERROR_DEFAULT);
	assert_int_equal(p.cli.answers_count, 1);
	assert_string_equal(secret_text(p.cli.answers[0].text), "y");
	assert_true(pattern_matches(p.cli.answers[0].match, "[confirm]", 9));
	exec_params_finish(&p);
}

static void
test_config_params(void **state NP_UNUSED)
{
	cJSON *json = cJSON_Parse("{\"device\":\"r1\",\"save\":true,\"keep_going\":true,\"confirm_minutes\":5}");
	struct exec_params p;
	struct np_error err;

	assert_int_equal(exec_params_parse(PARAMS_CONFIG, json, &p, &err), 0);
	assert_true(p.cli.save && p.cli.keep_going && !p.cli.dry_run);
	assert_int_equal(p.cli.confirm_minutes, 5);
	exec_params_finish(&p);
	cJSON_Delete(json);
	json = cJSON_Parse("{\"device\":\"r1\",\"save\":true,\"dry_run\":true}");
	assert_int_equal(exec_params_parse(PARAMS_CONFIG, json, &p, &err), -1);
	assert_non_null(strstr(err.text, "`dry_run`"));
	exec_params_finish(&p);
	cJSON_Delete(json);
}

static void
test_base64_carries_any_bytes(void **state NP_UNUSED)
{
	static const char bytes[] = {'a', 0, (char)0xff, 'b'};
	struct exec_params p;
	struct np_error err;

	assert_int_equal(parse("{\"device\":\"r1\",\"command_base64\":\"YQD/Yg==\"}", &p, &err), 0);
	assert_int_equal(p.commands[0].size, sizeof(bytes));
	assert_memory_equal(p.commands[0].text, bytes, sizeof(bytes));
	exec_params_finish(&p);
}

static void
test_without_a_command_it_is_a_shell(void **state NP_UNUSED)
{
	struct exec_params p;
	struct np_error err;

	assert_int_equal(
	    parse("{\"device\":\"r1\",\"pty\":true,\"cols\":132,\"rows\":50,\"term\":\"xterm\"}", &p, &err), 0);
	assert_int_equal(p.kind, EXEC_SHELL);
	assert_int_equal(p.commands_count, 0);
	assert_int_equal(p.cols, 132);
	assert_string_equal(p.term, "xterm");
	exec_params_finish(&p);
}

static void
test_environment_becomes_a_list(void **state NP_UNUSED)
{
	struct exec_params p;
	struct np_error err;

	assert_int_equal(parse("{\"device\":\"r1\",\"env\":{\"LANG\":\"C\",\"E\":\"\"}}", &p, &err), 0);
	assert_string_equal(p.env[0], "LANG=C");
	assert_string_equal(p.env[1], "E=");
	assert_null(p.env[2]);
	exec_params_finish(&p);
}

static char *
key_of(const char *json)
{
	struct exec_params p;
	struct np_error err;
	char *key;

	assert_int_equal(parse(json, &p, &err), 0);
	key = device_ref_key(&p.device);
	exec_params_finish(&p);
	return key;
}

static void
test_equal_overrides_make_one_pool(void **state NP_UNUSED)
{
	char *a = key_of("{\"device\":\"r1\",\"overrides\":{\"port\":22,\"username\":\"bob\"}}");
	char *b = key_of("{\"device\":\"r1\",\"overrides\":{\"username\":\"bob\",\"port\":22}}");
	char *c = key_of("{\"device\":\"r1\",\"overrides\":{\"username\":\"bob\",\"port\":23}}");
	char *d = key_of("{\"device\":\"r1\"}");

	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	assert_string_not_equal(a, d);
	free(a);
	free(b);
	free(c);
	free(d);
}

/* What somebody has logged in to by himself is nobody else's. */
static void
test_sessions_of_one_user_are_a_pool(void **state NP_UNUSED)
{
	struct device_ref all = {.operand = xstrdup("r1")}, his = device_ref_copy(&all), copy;
	char *a, *b, *c;

	his.of_user = 1001;
	copy = device_ref_copy(&his);
	a = device_ref_key(&all);
	b = device_ref_key(&his);
	c = device_ref_key(&copy);
	assert_string_not_equal(a, b);
	assert_string_equal(b, c);
	free(a);
	free(b);
	free(c);
	device_ref_finish(&all);
	device_ref_finish(&his);
	device_ref_finish(&copy);
}

static void
test_limits_of_one_request_make_no_other_pool(void **state NP_UNUSED)
{
	char *a = key_of("{\"device\":\"r1\",\"overrides\":{\"timeout\":5,\"queue_timeout\":\"7\"}}");
	char *b = key_of("{\"device\":\"r1\"}");

	assert_string_equal(a, b);
	free(a);
	free(b);
}

/* It was left out of the key as if it were one of those, and so had no effect at all. */
static void
test_a_limit_that_requests_do_not_have_makes_another_pool(void **state NP_UNUSED)
{
	char *a = key_of("{\"device\":\"r1\",\"overrides\":{\"prompt_timeout\":5}}");
	char *b = key_of("{\"device\":\"r1\"}");

	assert_string_not_equal(a, b);
	free(a);
	free(b);
}

static void
test_limits_among_overrides_act_on_the_request(void **state NP_UNUSED)
{
	struct exec_params p;
	struct np_error err;

	assert_int_equal(
	    parse("{\"device\":\"r1\",\"overrides\":{\"timeout\":5,\"queue_timeout\":\"7.5\"}}", &p, &err), 0);
	assert_true(p.timeout == 5);
	assert_true(p.queue_timeout == 7.5);
	exec_params_finish(&p);
}

/* As members come in any order, so must their effect. */
static void
test_a_limit_of_the_request_outdoes_the_same_among_overrides(void **state NP_UNUSED)
{
	static const char *const cases[] = {"{\"device\":\"r1\",\"timeout\":7,\"overrides\":{\"timeout\":5}}",
	    "{\"device\":\"r1\",\"overrides\":{\"timeout\":5},\"timeout\":7}"};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct exec_params p;
		struct np_error err;

		assert_int_equal(parse(cases[i], &p, &err), 0);
		assert_true(p.timeout == 7);
		exec_params_finish(&p);
	}
}

static void
test_null_is_as_if_the_param_were_absent(void **state NP_UNUSED)
{
	struct exec_params p;
	struct np_error err;

	assert_int_equal(
	    parse("{\"device\":\"r1\",\"command\":\"x\",\"term\":null,\"timeout\":null,\"env\":null}", &p, &err), 0);
	assert_null(p.term);
	assert_true(p.timeout < 0);
	assert_null(p.env);
	exec_params_finish(&p);
}

static void
test_large_windows_are_whole_numbers(void **state NP_UNUSED)
{
	struct exec_params p;
	struct np_error err;

	assert_int_equal(parse("{\"device\":\"r1\",\"window\":1e15,\"cols\":132.0}", &p, &err), 0);
	assert_true(p.window == UINT64_C(1000000000000000));
	assert_int_equal(p.cols, 132);
	exec_params_finish(&p);
}

static void
test_an_answer_never_appears_in_a_message(void **state NP_UNUSED)
{
	struct exec_params p;
	struct np_error err;

	assert_int_equal(
	    parse("{\"device\":\"r1\",\"answers\":[{\"answer\":\"hunter2\",\"match\":\"(\"}]}", &p, &err), -1);
	assert_null(strstr(err.text, "hunter2"));
	exec_params_finish(&p);
	assert_int_equal(parse("{\"device\":\"r1\",\"answers\":[{\"answer\":4711,\"match\":\"x\"}]}", &p, &err), -1);
	assert_null(strstr(err.text, "4711"));
	exec_params_finish(&p);
}

static void
test_open_refuses_what_only_exec_has(void **state NP_UNUSED)
{
	cJSON *o = cJSON_Parse("{\"device\":\"r1\",\"command\":\"x\"}");
	struct exec_params p;
	struct np_error err;

	assert_int_equal(exec_params_parse(PARAMS_OPEN, o, &p, &err), -1);
	assert_non_null(strstr(err.text, "`command`"));
	exec_params_finish(&p);
	cJSON_Delete(o);
}

static const struct {
	const struct schema_table *table;
	unsigned where;
	const char *json, *why; /* NULL: nothing is wrong */
} asked[] = {
    {&ask_table, ASK_NOTHING, "{\"x\":1}", "unknown param `x`"},
    {&ask_table, ASK_NOTHING, "{}", NULL},
    {&ask_table, ASK_KILL, "{}", "`id` is missing"},
    {&ask_table, ASK_KILL, "{\"id\":null}", "`id` is missing"},
    {&ask_table, ASK_KILL, "{\"id\":1.5}", "`id` must be a whole number from 1 to 9007199254740992, not `1.5`"},
    {&ask_table, ASK_CLOSE, "{\"devices\":\"a\"}", "`devices` must be a list ([a, b]), not a value"},
    {&ask_table, ASK_CLOSE, "{\"devices\":[\"a\",1]}", "`devices` must be a string, not `1`"},
    {&ask_table, ASK_CLOSE, "{\"devices\":[\"a\",\"b\"],\"now\":true}", NULL},
    {&ask_table, ASK_STEER, "{\"wait\":true}", "unknown param `wait`"},
    {&ask_table, ASK_METRICS, "{\"devices\":[\"a\"]}", "`devices` must be true or false, not an array"},
    {&ask_table, ASK_METRICS, "{\"labels\":{\"a\":1}}", "`labels` must be an object of texts of at most 256 bytes"},
    {&ask_table, ASK_METRICS, "{\"labels\":{\"a\":\"b\",\"a\":\"c\"},\"devices\":true}", NULL},
    {&note_table, NOTE_EOF, "{\"id\":1,\"newer\":[]}", NULL},
    {&note_table, NOTE_EOF, "{\"ID\":1}", "`id` is missing"},
    {&note_table, NOTE_CREDIT, "{\"id\":1}", "`bytes` is missing"},
    {&note_table, NOTE_CREDIT, "{\"id\":1,\"bytes\":1e15}", NULL},
    {&note_table, NOTE_ANSWER, "{\"id\":1,\"prompt_id\":9007199254740990,\"value\":null}", NULL},
    {&ask_table, ASK_KILL, "{\"id\":9007199254740992}", NULL},
    {&note_table, NOTE_CREDIT, "{\"id\":1,\"bytes\":\"1\"}", "`bytes` must be a whole number from 1 to"},
    {&note_table, NOTE_RESIZE, "{\"id\":1,\"cols\":0,\"rows\":0}", NULL},
    {&note_table, NOTE_RESIZE, "{\"id\":1,\"cols\":70000,\"rows\":1}", "`cols` must be a whole number from 0 to 65535"},
    {&note_table, NOTE_SIGNAL, "{\"id\":1,\"name\":\"SIGINT\"}", "`name`: neither a signal of RFC 4254"},
    {&note_table, NOTE_SIGNAL, "{\"id\":1,\"name\":\"x@y.z\"}", NULL},
    {&note_table, NOTE_ANSWER, "{\"id\":1,\"prompt_id\":1,\"value\":null}", NULL},
    {&note_table, NOTE_ANSWER, "{\"id\":1,\"prompt_id\":1,\"value\":7}", "`value` must be a string"},
};

/* What is asked of the broker itself, and what is told to a request in flight. */
static void
test_what_is_asked_and_notified_is_judged_by_its_rows(void **state)
{
	(void)state;

	for (size_t i = 0; i < NP_COUNT(asked); i++) {
		cJSON *o = cJSON_Parse(asked[i].json);
		union {
			struct ask_params ask;
			struct note_params note;
		} p;
		struct np_error err = {.text = ""};
		int rc;

		assert_non_null(o);
		memset(&p, 0, sizeof(p));
		rc = params_read(asked[i].table, asked[i].where, o, &p, &err);
		if ((rc == 0) != (asked[i].why == NULL) || (rc == -1 && strstr(err.text, asked[i].why) != err.text))
			fail_msg("%s: %s", asked[i].json, rc == 0 ? "taken" : err.text);
		schema_free(asked[i].table, &p);
		cJSON_Delete(o);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_asked_and_notified_is_judged_by_its_rows),
	    cmocka_unit_test(test_command_line_params),
	    cmocka_unit_test(test_config_params),
	    cmocka_unit_test(test_bad_params_are_refused_and_named),
	    cmocka_unit_test(test_a_single_command_is_no_batch),
	    cmocka_unit_test(test_commands_are_a_batch_even_when_one),
	    cmocka_unit_test(test_base64_carries_any_bytes),
	    cmocka_unit_test(test_without_a_command_it_is_a_shell),
	    cmocka_unit_test(test_environment_becomes_a_list),
	    cmocka_unit_test(test_equal_overrides_make_one_pool),
	    cmocka_unit_test(test_sessions_of_one_user_are_a_pool),
	    cmocka_unit_test(test_limits_of_one_request_make_no_other_pool),
	    cmocka_unit_test(test_limits_among_overrides_act_on_the_request),
	    cmocka_unit_test(test_a_limit_that_requests_do_not_have_makes_another_pool),
	    cmocka_unit_test(test_open_refuses_what_only_exec_has),
	    cmocka_unit_test(test_a_limit_of_the_request_outdoes_the_same_among_overrides),
	    cmocka_unit_test(test_null_is_as_if_the_param_were_absent),
	    cmocka_unit_test(test_large_windows_are_whole_numbers),
	    cmocka_unit_test(test_an_answer_never_appears_in_a_message),
	};

	return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
