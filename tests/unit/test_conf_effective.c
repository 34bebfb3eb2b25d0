/* Tests of src/inspect/conf_effective.c and conf_lint.c: who has the last word on a setting, and what is remarked. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_impl.h"
#include "kit/confkit.h"
#include "inspect/conf_effective.h"
#include "inspect/conf_lint.h"
#include "conf/conf_show.h"
#include "kit/platdir.h"
#include "base/xalloc.h"

static struct config *
parse(const char *text)
{
	struct np_error err;
	struct config *config = config_parse(text, strlen(text), "f.yaml", &err);

	if (config == NULL)
		fail_msg("%s", err.text);
	return config;
}

/* What ssh says of that device. */
static struct target *
resolve(const struct device_conf *device, const char *ssh_text)
{
	struct strings files = {0};
	struct np_error err;
	struct target *t;

	strings_add(&files, "/");
	strings_add(&files, "/nonexistent/ssh_config");
	t = target_make(device, ssh_text, &files, &err);
	if (t == NULL)
		fail_msg("%s", err.text);
	strings_finish(&files);
	return t;
}

/* "VALUE ORIGIN" of a setting. */
static const char *
shown(const cJSON *effective, const char *key)
{
	static char out[1024];
	const cJSON *row = conf_show_row(cJSON_GetObjectItemCaseSensitive(effective, "settings"), key);
	char *text;

	assert_non_null(row);
	text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(row, "value"));
	snprintf(
	    out, sizeof(out), "%s %s", text, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "origin")));
	cJSON_free(text);
	return out;
}

struct expectation {
	const char *key, *shown;
};

static void
expect(struct config *config, const char *name, const char *ssh_text, const struct expectation *e, size_t count)
{
	struct platforms *set = platdir_load();
	struct conf_parts parts;
	struct target *target;
	struct np_error err;
	cJSON *o;

	if (broker_conf_parts(&parts, NULL, config, set, name, &err) < 0)
		fail_msg("%s", err.text);
	platforms_destroy(set);
	parts.target = target = ssh_text != NULL ? resolve(parts.device, ssh_text) : NULL;
	if (ssh_text == NULL)
		error_set(&parts.problem, REASON_RESOLVE_FAILED, "no ssh");
	o = conf_effective(&parts);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(shown(o, e[i].key), e[i].shown) != 0)
			fail_msg("%s: %s is `%s', not `%s'", name, e[i].key, shown(o, e[i].key), e[i].shown);
	}
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "device")), name);
	assert_int_equal(
	    cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "configured")), config_device(config, name) != NULL);
	assert_int_equal(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(o, "problem")), ssh_text == NULL);
	cJSON_Delete(o);
	target_unref(target);
	conf_parts_finish(&parts);
}

#define EXPECT(config, name, ssh, e) expect(config, name, ssh, e, sizeof(e) / sizeof((e)[0]))

#define SSH "user sshuser\nhostname 10.9.9.9\nport 2022\nidentityfile /k/id\nconnecttimeout 7\nproxyjump j1\n"

static void
test_ssh_decides_what_the_entry_leaves_open(void **state)
{
	static const struct expectation e[] = {{"host", "\"10.9.9.9\" ssh"}, {"port", "2022 ssh"},
	    {"username", "\"sshuser\" ssh"}, {"key_file", "[\"/k/id\"] ssh"}, {"proxy_jump", "\"j1\" ssh"},
	    {"connection_timeout", "7 ssh"}, {"use_agent", "true ssh"}, {"driver", "\"exec\" default"},
	    {"first_byte_timeout", "0 default"}, {"max_channels", "10 default"}};
	struct config *config = parse("devices: {r1: {}}\n");
	(void)state;

	EXPECT(config, "r1", SSH, e);
	config_unref(config);
}

static void
test_the_entry_wins_over_ssh(void **state)
{
	static const struct expectation e[] = {{"host", "\"h1\" file"}, {"port", "22 file"},
	    {"username", "\"me\" file"}, {"key_file", "\"/k/mine\" file"}, {"proxy_jump", "\"none\" file"},
	    {"use_agent", "false file"}, {"connection_timeout", "3 file"}, {"macs", "\"hmac-sha2-256\" file"},
	    {"idle_timeout", "9 file"}};
	struct config *config = parse(
	    "devices:\n  r1: {host: h1, port: 22, username: me, key_file: /k/mine, proxy_jump: none, use_agent: no,\n"
	    "    macs: hmac-sha2-256, connection_args: {connection_timeout: 3, idle_timeout: 9}}\n");
	(void)state;

	EXPECT(config, "r1",
	    "user sshuser\nhostname h1\nport 2022\nidentityfile /k/id\nconnecttimeout 7\nproxyjump j1\n", e);
	config_unref(config);
}

static void
test_an_operand_is_shown_by_its_parts(void **state)
{
	static const struct expectation e[] = {{"host", "\"r9\" operand"}, {"port", "2222 operand"},
	    {"username", "\"admin\" operand"}, {"max_idle_time", "5 file"}};
	static const struct expectation moved[] = {{"host", "\"10.0.0.9\" ssh"}};
	struct config *config = parse("long_connection: {max_idle_time: 5}\n");
	(void)state;

	EXPECT(config, "admin@r9:2222", "user admin\nhostname r9\nport 2222\n", e);
	EXPECT(config, "admin@r9:2222", "user admin\nhostname 10.0.0.9\nport 2222\n", moved);
	config_unref(config);
}

static void
test_without_ssh_the_rest_is_shown(void **state)
{
	static const struct expectation e[] = {{"host", "\"r1\" name"}, {"port", "null default"},
	    {"username", "null default"}, {"connection_timeout", "30 default"}};
	struct config *config = parse("devices: {r1: {}}\n");
	(void)state;

	EXPECT(config, "r1", NULL, e);
	config_unref(config);
}

static void
test_a_platform_decides_about_shells(void **state)
{
	static const struct expectation ios[] = {{"driver", "\"cli\" device_type"}, {"max_channels", "1 platform"},
	    {"max_connections", "2 platform"}, {"keepalive_mode", "\"both\" platform"},
	    {"first_byte_timeout", "60 default"}, {"idle_timeout", "60 default"}};
	static const struct expectation many[] = {
	    {"max_connections", "5 file"}, {"idle_timeout", "0 file"}, {"keepalive_mode", "\"ssh\" file"}};
	static const struct expectation exec[] = {{"driver", "\"exec\" file"}, {"max_channels", "10 default"},
	    {"max_connections", "10 default"}, {"first_byte_timeout", "0 default"}};
	static const struct expectation linux_type[] = {{"driver", "\"exec\" device_type"}};
	static const struct expectation preferred[] = {{"driver", "\"exec\" platform"}, {"idle_timeout", "0 default"}};
	static const struct expectation privileged[] = {{"driver", "\"cli\" device_type"}};
	struct config *config = parse("devices:\n"
				      "  ios: {device_type: cisco_xe}\n"
				      "  many: {device_type: cisco_ios, connection_args: {max_connections: 5, "
				      "idle_timeout: 0, keepalive_mode: ssh}}\n"
				      "  exec: {device_type: cisco_ios, driver: exec}\n"
				      "  tux: {device_type: linux}\n"
				      "  frr: {device_type: frr}\n"
				      "  frr2: {device_type: frr, secret: x}\n");
	(void)state;

	EXPECT(config, "ios", SSH, ios);
	EXPECT(config, "many", SSH, many);
	EXPECT(config, "exec", SSH, exec);
	EXPECT(config, "tux", SSH, linux_type);
	EXPECT(config, "frr", SSH, preferred);
	EXPECT(config, "frr2", SSH, privileged);
	config_unref(config);
}

static void
test_what_ssh_read_is_named_but_no_command_of_its(void **state)
{
	struct config *config = parse("devices: {r1: {}}\n");
	struct conf_parts parts;
	struct np_error err;
	struct target *target;
	char *text;
	cJSON *o;
	(void)state;

	assert_int_equal(conf_parts_init(&parts, config, "r1", &err), 0);
	parts.target = target =
	    resolve(parts.device, "user u\nhostname h\nport 22\nproxycommand nc --token=hunter2 %h %p\n");
	o = conf_effective(&parts);
	text = cJSON_PrintUnformatted(o);
	assert_non_null(strstr(text, "\"files\":[\"/\"]"));
	assert_non_null(strstr(text, "\"proxy_command\":true"));
	assert_non_null(strstr(text, "\"source\":\"f.yaml:1\""));
	assert_null(strstr(text, "hunter2"));
	cJSON_free(text);
	cJSON_Delete(o);
	target_unref(target);
	conf_parts_finish(&parts);
	config_unref(config);
}

static void
test_a_name_that_can_be_no_operand_is_refused(void **state)
{
	struct config *config = parse("");
	struct conf_parts parts;
	struct np_error err;
	(void)state;

	assert_int_equal(conf_parts_init(&parts, config, "-oProxyCommand=x", &err), -1);
	assert_int_equal(err.reason, REASON_INVALID_PARAMS);
	config_unref(config);
}

/* --- conf_lint.c --- */

static void
test_remarks_name_the_line_and_the_nearest_platform(void **state)
{
	static const struct {
		const char *text;
		bool is_error;
		const char *remark; /* NULL: none */
	} cases[] = {
	    {"devices:\n  a:\n    device_type: cisco_iso\n", true,
		"f.yaml:3: `device_type` of a: no platform is called `cisco_iso`: did you mean `cisco_ios`?"},
	    {"devices:\n  a:\n    device_type: what_is_that\n", true,
		"f.yaml:3: `device_type` of a: no platform is called `what_is_that`: npctl platform list shows which "
		"there are"},
	    {"devices:\n  a:\n    driver: cli\n", true,
		"f.yaml:3: `driver: cli` of a needs a `device_type`: a platform's name, see npctl platform list"},
	    {"devices:\n  a:\n    host: h\n    key_file: /nonexistent/k\n", false,
		"f.yaml:4: `key_file` of a: cannot read /nonexistent/k: No such file or directory"},
	    {"devices:\n  a: {device_type: cisco_xe}\n  b: {device_type: autodetect}\n  c: {device_type: linux}\n"
	     "  d: {ssh_config: none, key_file: /dev/null}\n",
		false, NULL},
	};
	struct platforms *set = platdir_load();
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *config = parse(cases[i].text);
		struct conf_remarks remarks = conf_lint(config, set);

		assert_int_equal(remarks.count, cases[i].remark != NULL ? 1 : 0);
		if (cases[i].remark != NULL) {
			assert_string_equal(remarks.items[0].text, cases[i].remark);
			assert_int_equal(remarks.items[0].is_error, cases[i].is_error);
		}
		conf_remarks_finish(&remarks);
		config_unref(config);
	}
	platforms_destroy(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ssh_decides_what_the_entry_leaves_open),
	    cmocka_unit_test(test_the_entry_wins_over_ssh),
	    cmocka_unit_test(test_an_operand_is_shown_by_its_parts),
	    cmocka_unit_test(test_without_ssh_the_rest_is_shown),
	    cmocka_unit_test(test_a_platform_decides_about_shells),
	    cmocka_unit_test(test_what_ssh_read_is_named_but_no_command_of_its),
	    cmocka_unit_test(test_a_name_that_can_be_no_operand_is_refused),
	    cmocka_unit_test(test_remarks_name_the_line_and_the_nearest_platform),
	};

	return cmocka_run_group_tests_name("conf_effective", tests, NULL, NULL);
}
