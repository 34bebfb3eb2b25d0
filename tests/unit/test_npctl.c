/* npctl's command line and the table of its status. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "npctl/npctl_verb.h"
#include "npctl/npctl_show.h"
#include "lib/npstatus.h"

static char *
render_view(const char *json, const struct npctl_view *view)
{
	cJSON *status = cJSON_Parse(json);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(status);
	assert_non_null(out);
	npctl_status_text(out, status, view);
	fclose(out);
	cJSON_Delete(status);
	return text;
}

static char *
render(const char *json, bool detail)
{
	struct npctl_view view = {.detail = detail};

	return render_view(json, &view);
}

static const char one_device[] =
    "{\"broker\":{\"version\":\"0.1.0\",\"pid\":42,\"uptime\":125,\"socket\":\"/run/"
    "s\",\"state\":\"serving\",\"peers\":1,"
    "\"sessions\":2,\"requests\":3},\"devices\":[{\"device\":\"core1\",\"user\":\"ops\",\"host\":\"10.0.0.1\",\"port\":"
    "22,"
    "\"state\":\"executing\",\"sessions\":2,\"channels_used\":3,\"channels_max\":20,\"running\":3,\"queued\":1,\"rtt_"
    "ms\":0.25,"
    "\"last_used\":0,\"age\":7300,\"last_error\":null,\"list\":[{\"id\":7,\"state\":\"connected\",\"age\":7300,"
    "\"last_used\":0,\"rtt_ms\":0.25,\"channels_used\":3,\"channels_max\":10,\"bytes_in\":10,\"bytes_out\":20,"
    "\"banner\":\"SSH-2.0-x\\u001b[2J\",\"algorithms\":\"curve25519\",\"auth\":\"publickey\"}]},"
    "{\"device\":\"edge-with-a-name-that-is-far-too-long.example.net\",\"state\":\"failed\",\"sessions\":0,"
    "\"channels_used\":0,\"channels_max\":0,\"running\":0,\"queued\":0,\"rtt_ms\":null,\"last_used\":null,\"age\":null,"
    "\"last_error\":{\"reason\":\"connect_failed\",\"message\":\"connection refused\",\"retry_in\":12},\"list\":[]}]}";

static void
test_table_shows_a_row_a_device(void **state NP_UNUSED)
{
	char *text = render(one_device, false);

	assert_string_equal(text, "netpulsed 0.1.0, pid 42, serving for 2m: 1 client, 2 sessions, 3 requests; /run/s\n"
				  "DEVICE                 STATE     SESSIONS CHANNELS RUN QUEUE   RTT LAST AGE NOTE\n"
				  "core1                  executing        2     3/20   3     1 0.2ms   0s  2h\n"
				  "edge-with-a-name-that+ failed           0      0/0   0     0     -    -   - "
				  "connect_failed (12s)\n");
	free(text);
}

static void
test_account_is_told_who_waits_for_it_and_whose_words_bar_it(void **state NP_UNUSED)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
	    {"{\"name\":\"the password of "
	     "admin\",\"state\":\"unproven\",\"waiting\":2,\"waiting_age\":7,\"refusals\":[]}",
		"the password of admin: 2 log-ins wait for it, for 7s"},
	    {"{\"name\":\"the password of admin\",\"state\":\"unproven\",\"waiting\":1,\"waiting_age\":7,\"refusals\":"
	     "[{\"place\":\"r1:22\",\"age\":9,\"judged\":true,\"text\":\"no\\u001b\"}]}",
		"the password of admin: 1 log-in waits for it, for 7s; r1:22 refused it 9s ago: no\\033"},
	    {"{\"name\":\"the enable secret of admin\",\"state\":\"refused\",\"waiting\":0,\"refusals\":"
	     "[{\"place\":\"r1:22\",\"age\":9,\"judged\":false,\"text\":\"closed\"}]}",
		"the enable secret of admin is tried nowhere: r1:22 had it and gave no verdict 9s ago: closed"},
	    {"{\"name\":\"the keys of "
	     "admin\",\"state\":\"unproven\",\"waiting\":0,\"refused_keys\":3,\"place\":\"r1:22\"}",
		"the keys of admin: 3 refused by r1:22"},
	};
	char text[200];

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		cJSON *account = cJSON_Parse(cases[i].json);
		npstatus_account(text, sizeof(text), account);
		assert_string_equal(text, cases[i].text);
		cJSON_Delete(account);
	}
}

static void
test_detail_shows_sessions_and_the_whole_error(void **state NP_UNUSED)
{
	char *text = render(one_device, true);

	assert_non_null(strstr(text, "\ncore1: ops@10.0.0.1, port 22\n"));
	assert_non_null(strstr(text, "\n  session #7: connected, channels 3/10"));
	assert_non_null(strstr(text, "last error: connection refused\n"));
	assert_non_null(strstr(text, "SSH-2.0-x\\033[2J"));
	assert_null(strchr(text, '\033'));
	free(text);
}

static void
test_note_says_what_the_operator_did_and_what_failed(void **state NP_UNUSED)
{
	static const struct {
		const char *members;
		const char *note;
	} cases[] = {
	    {"\"paused\":true", "paused"},
	    {"\"disabled\":true,\"text\":\"upgrade\"", "disabled: upgrade"},
	    {"\"disabled\":true,\"text\":null", "disabled"},
	    {"\"draining\":true,\"paused\":true", "draining"},
	    {"\"last_error\":{\"reason\":\"auth_failed\",\"blocked\":true,\"retry_in\":null,\"age\":5}",
		"auth_failed (barred)"},
	    {"\"last_error\":{\"reason\":\"connect_failed\",\"retry_in\":null,\"age\":7200}", "connect_failed, 2h ago"},
	    {"\"sessions\":1,\"last_error\":{\"reason\":\"connect_failed\",\"retry_in\":null,\"age\":7200}", ""},
	    {"\"paused\":true,\"last_error\":{\"reason\":\"backoff\",\"retry_in\":3}", "paused; backoff (3s)"},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		char json[512];
		snprintf(
		    json, sizeof(json), "{\"devices\":[{\"device\":\"a\",\"state\":\"idle\",%s}]}", cases[i].members);
		char *text = render(json, false), *line = strchr(text, '\n') + 1;
		line[strcspn(line, "\n")] = '\0';
		if (strlen(line) < strlen(cases[i].note) ||
		    strcmp(line + strlen(line) - strlen(cases[i].note), cases[i].note) != 0)
			fail_msg("`%s` does not end in `%s`", line, cases[i].note);
		free(text);
	}
}

static const char five_devices[] =
    "{\"devices\":[{\"device\":\"d1\",\"state\":\"idle\"},{\"device\":\"d2\",\"state\":\"connected\"},"
    "{\"device\":\"d3\",\"state\":\"idle\"},{\"device\":\"d4\",\"state\":\"idle\",\"paused\":true},"
    "{\"device\":\"d5\",\"state\":\"failed\"}]}";

/* The first letters of the lines but the first: "d2,d4,--". */
static const char *
first_words(const char *text, char *out, size_t size)
{
	out[0] = '\0';
	for (const char *line = strchr(text, '\n') + 1; *line != '\0'; line = strchr(line, '\n') + 1)
		snprintf(out + strlen(out), size - strlen(out), "%s%.2s", out[0] != '\0' ? "," : "", line);
	return out;
}

static void
test_devices_of_interest_come_first_and_pages_follow_each_other(void **state NP_UNUSED)
{
	static const struct {
		struct npctl_view view;
		const char *lines;
		const char *footer;
	} cases[] = {
	    {{.rows = 0}, "d2,d4,d5,d1,d3", NULL},
	    {{.rows = 5}, "d2,d4,d5,d1,d3", NULL},
	    {{.rows = 2}, "d2,d4,--", "-- 1 to 2 of 5 devices; more: npctl status --page 2; all: npctl status --all\n"},
	    {{.rows = 2, .first = 2}, "d5,d1,--", "more: npctl status --page 3"},
	    {{.rows = 2, .first = 4}, "d3,--", "-- 5 to 5 of 5 devices, the last;"},
	};
	char words[64];

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		char *text = render_view(five_devices, &cases[i].view);
		assert_string_equal(first_words(text, words, sizeof(words)), cases[i].lines);
		if (cases[i].footer != NULL)
			assert_non_null(strstr(text, cases[i].footer));
		free(text);
	}
}

static void
test_detail_shows_requests_and_who_asked(void **state NP_UNUSED)
{
	char *text = render(
	    "{\"devices\":[{\"device\":\"a\",\"user\":\"u\",\"host\":\"h\",\"port\":22,\"state\":\"executing\","
	    "\"logins\":1,"
	    "\"failures\":2,\"requests\":3,\"commands\":1,\"bytes_in\":1234567,\"bytes_out\":10,\"disabled\":true,"
	    "\"text\":\"later\",\"last_error\":{\"reason\":\"auth_failed\",\"message\":\"no\",\"blocked\":true,\"age\":"
	    "60},"
	    "\"list\":[]}],\"peers\":[{\"id\":9,\"pid\":123,\"program\":\"npexec\"}],\"requests\":["
	    "{\"id\":12,\"peer\":9,\"device\":\"a\",\"kind\":\"exec\",\"state\":\"running\",\"age\":3,\"index\":1,"
	    "\"count\":5,\"session\":7,\"bytes_out\":2048},"
	    "{\"id\":13,\"peer\":null,\"device\":\"a\",\"kind\":\"forward\",\"state\":\"queued\",\"age\":1},"
	    "{\"id\":14,\"peer\":9,\"device\":\"b\",\"kind\":\"exec\",\"state\":\"queued\",\"age\":1}]}",
	    true);

	assert_non_null(strstr(text, "  disabled by the operator: later\n"
				     "  1 log-in, 2 failed; 3 requests, 1 command; 1.2 MB in, 10 B out\n"
				     "  last error 60s ago: no\n"
				     "  no log-in is tried until its credentials change, or npctl open\n"
				     "  request 12: exec runs for 3s on #7, command 2 of 5, 2.0 kB out, by npexec (pid "
				     "123, client 9)\n"
				     "  request 13: forward waits for 1s, 0 B out, by the broker\n"));
	assert_null(strstr(text, "request 14"));
	free(text);
}

static void
test_table_stays_within_its_width(void **state NP_UNUSED)
{
	cJSON *status = cJSON_CreateObject(), *devices = cJSON_AddArrayToObject(status, "devices");
	char name[200];

	for (int i = 0; i < 60; i++) {
		cJSON *d = cJSON_CreateObject(), *e = cJSON_AddObjectToObject(d, "last_error");
		for (int k = 0; k < i; k++)
			memcpy(name + 2 * k, "\xc3\xbc", 2);
		name[2 * i] = '\0';
		cJSON_AddStringToObject(d, "device", name);
		cJSON_AddStringToObject(d, "state", "disconnected");
		cJSON_AddNumberToObject(d, "sessions", i);
		cJSON_AddNumberToObject(d, "channels_used", i * 17);
		cJSON_AddNumberToObject(d, "channels_max", 10 * i);
		cJSON_AddNumberToObject(d, "rtt_ms", i * 300.0);
		cJSON_AddNumberToObject(d, "age", i * 86400.0);
		cJSON_AddStringToObject(e, "reason", "first_byte_timeout");
		cJSON_AddNumberToObject(e, "retry_in", i * 100);
		cJSON_AddItemToArray(devices, d);
	}
	char *json = cJSON_PrintUnformatted(status);
	char *text = render(json, false);
	cJSON_free(json);
	cJSON_Delete(status);

	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		int columns = 0;
		for (char *p = line; p < end; p++)
			columns += ((unsigned char)*p & 0xc0) != 0x80;
		assert_in_range(columns, 1, NPCTL_WIDTH);
	}
	free(text);
}

static void
test_missing_and_hostile_members_do_no_harm(void **state NP_UNUSED)
{
	static const char *const cases[] = {
	    "{}",
	    "[]",
	    "{\"devices\":3}",
	    "{\"broker\":[],\"devices\":[1,null,{}]}",
	    "{\"broker\":{\"pid\":1e300,\"uptime\":-1e300},\"devices\":[{\"sessions\":1e308,\"rtt_ms\":1e308,\"age\":"
	    "1e308,"
	    "\"channels_used\":-1e308,\"last_error\":{\"retry_in\":1e308,\"reason\":7},\"list\":[{\"id\":1e308}]}]}",
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++)
		free(render(cases[i], true));
}

static void
test_durations_are_short(void **state NP_UNUSED)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {{-1, "-"}, {0, "0s"}, {99, "99s"}, {120, "2m"}, {7300, "2h"}, {200000, "2d"}};
	char out[32];

	for (size_t i = 0; i < NP_COUNT(cases); i++)
		assert_string_equal(npstatus_duration(out, sizeof(out), cases[i].seconds), cases[i].text);
}

static enum npoption_parsed
parse(const char *line, struct npctl_options *o, struct np_error *err)
{
	static char copy[256];
	static char *argv[16];
	int argc = 0;
	char *save = NULL;

	snprintf(copy, sizeof(copy), "npctl %s", line);
	for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	return npctl_options_parse(argc, argv, o, err);
}

static void
test_options_may_stand_anywhere(void **state NP_UNUSED)
{
	struct npctl_options o;
	struct np_error err;

	assert_int_equal(parse("close core1 --now -S /s --json", &o, &err), NPOPTION_PARSED);

	assert_string_equal(o.verb->name, "close");
	assert_int_equal(o.args_count, 1);
	assert_string_equal(o.args[0], "core1");
	assert_string_equal(o.socket, "/s");
	assert_true(o.now && o.json);
}

static void
test_second_words_take_their_own_arguments(void **state NP_UNUSED)
{
	static const struct {
		const char *line, *name;
		int args_count;
		const char *file;
	} cases[] = {
	    {"config check", "config check", 0, NULL},
	    {"config check -f c.yaml", "config check", 0, "c.yaml"},
	    {"-f c.yaml config show", "config show", 0, "c.yaml"},
	    {"config show core1", "config show", 1, NULL},
	    {"config show check", "config show", 1, NULL},
	    {"platform list --json", "platform list", 0, NULL},
	    {"platform show frr", "platform show", 1, NULL},
	    {"platform check a.yaml b.yaml", "platform check", 2, NULL},
	    {"status", "status", 0, NULL},
	};
	struct npctl_options o;
	struct np_error err;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		if (parse(cases[i].line, &o, &err) != NPOPTION_PARSED)
			fail_msg("`%s` gave `%s`", cases[i].line, err.text);
		assert_string_equal(o.verb->name, cases[i].name);
		assert_int_equal(o.args_count, cases[i].args_count);
		assert_string_equal(o.file != NULL ? o.file : "none", cases[i].file != NULL ? cases[i].file : "none");
	}
}

static void
test_mistakes_are_named(void **state NP_UNUSED)
{
	static const struct {
		const char *line;
		const char *says;
	} cases[] = {
	    {"", "no command given"},
	    {"stauts", "did you mean status"},
	    {"frobnicate", "no such command"},
	    {"open", "name a device"},
	    {"close", "device or a session"},
	    {"ping a", "a: one argument too many"},
	    {"pause", "or give --all"},
	    {"pause --all a", "a: --all means all devices"},
	    {"resume a --wait", "--wait does not go with it"},
	    {"pause a -m later", "-m does not go with it"},
	    {"kill", "give the number"},
	    {"kill 1 2", "2: one argument too many"},
	    {"stop --all", "--all does not go with it"},
	    {"open a --login", "--login does not go with it"},
	    {"status --page 0", "--page takes a number from 1"},
	    {"status --page x", "--page takes a number from 1"},
	    {"status --page 2 --all", "--page goes neither with --all"},
	    {"ping --page 2", "--page does not go with it"},
	    {"disable a -m \xff", "the text is not UTF-8"},
	    {"ping x", "x: one argument too many"},
	    {"ping --now", "--now does not go with it"},
	    {"ping -x", "-x: no such option"},
	    {"ping --nope", "--nope: no such option"},
	    {"ping --json=1", "--json=1: --json takes no argument"},
	    {"ping -S", "-S: an argument is missing"},
	    {"open \xff", "not UTF-8"},
	    {"config", "config: say what to do with it: check, show"},
	    {"config shw", "config shw: no such command; there are check, show"},
	    {"config check x", "x: one argument too many"},
	    {"config check --json", "--json does not go with it"},
	    {"config show a b", "b: one argument too many"},
	    {"platform", "platform: say what to do with it: check, list, test, show"},
	    {"platform check", "check: name a platform file"},
	    {"platform show", "show: name a platform"},
	    {"platform list frr", "frr: one argument too many"},
	    {"platform show \xff", "not UTF-8"},
	    {"status -f c.yaml", "-f does not go with it"},
	};
	struct npctl_options o;
	struct np_error err;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		assert_int_equal(parse(cases[i].line, &o, &err), NPOPTION_USAGE);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("`%s` gave `%s`", cases[i].line, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table_shows_a_row_a_device),
	    cmocka_unit_test(test_account_is_told_who_waits_for_it_and_whose_words_bar_it),
	    cmocka_unit_test(test_detail_shows_sessions_and_the_whole_error),
	    cmocka_unit_test(test_note_says_what_the_operator_did_and_what_failed),
	    cmocka_unit_test(test_devices_of_interest_come_first_and_pages_follow_each_other),
	    cmocka_unit_test(test_detail_shows_requests_and_who_asked),
	    cmocka_unit_test(test_table_stays_within_its_width),
	    cmocka_unit_test(test_missing_and_hostile_members_do_no_harm),
	    cmocka_unit_test(test_durations_are_short),
	    cmocka_unit_test(test_options_may_stand_anywhere),
	    cmocka_unit_test(test_second_words_take_their_own_arguments),
	    cmocka_unit_test(test_mistakes_are_named),
	};

	return cmocka_run_group_tests_name("npctl", tests, NULL, NULL);
}
