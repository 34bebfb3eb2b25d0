/* Tests of src/conf/conf_show.c: values and where they came from, several files over each other, no secret shown. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_impl.h"
#include "conf/conf_show.h"
#include "base/xalloc.h"

/* A snapshot of two files, the second over the first. */
static struct config *
load(const char *first, const char *second)
{
	struct docfile files[2] = {
	    {.path = xstrdup("a.yaml"), .text = xstrdup(first)}, {.path = xstrdup("b.yaml"), .text = xstrdup(second)}};
	struct np_error err;
	struct config *config;

	for (size_t i = 0; i < 2; i++)
		files[i].size = strlen(files[i].text);
	config = config_from_files(files, 2, false, &err);
	for (size_t i = 0; i < 2; i++)
		docfile_finish(&files[i]);
	if (config == NULL)
		fail_msg("%s", err.text);
	return config;
}

/* "VALUE ORIGIN[:FILE:LINE]" of a row. */
static const char *
shown(const cJSON *rows, const char *key)
{
	static char out[512];
	const cJSON *row = conf_show_row(rows, key), *value, *file, *line;
	char *text;

	assert_non_null(row);
	value = cJSON_GetObjectItemCaseSensitive(row, "value");
	file = cJSON_GetObjectItemCaseSensitive(row, "file");
	line = cJSON_GetObjectItemCaseSensitive(row, "line");
	text = value != NULL ? cJSON_PrintUnformatted(value) : NULL;
	snprintf(out, sizeof(out), "%s %s", text != NULL ? text : "hidden",
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "origin")));
	if (file != NULL)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), ":%s:%d", file->valuestring, line->valueint);
	cJSON_free(text);
	return out;
}

static const char first[] = "ssh_config: /etc/lab\n"
			    "long_connection:\n"
			    "  max_idle_time: 100\n"
			    "  retry_max: 50\n"
			    "devices:\n"
			    "  core1:\n"
			    "    host: old\n"
			    "  core2: {host: kept, groups: [a, b]}\n";

static const char second[] = "# over it\n"
			     "max_sessions: 7\n"
			     "long_connection: {max_idle_time: 200}\n"
			     "devices:\n"
			     "  core1:\n"
			     "    host: 192.0.2.1\n"
			     "    port: 2222\n"
			     "    username: null\n"
			     "    password: hunter2\n"
			     "    secret_command: pass show hunter3\n"
			     "    driver: cli\n"
			     "    legacy_algorithms: yes\n"
			     "    use_agent: no\n"
			     "    connection_args:\n"
			     "      keepalive: off\n"
			     "      retry_delay: 0.5\n";

static void
test_each_value_names_the_file_and_line_that_gave_it(void **state)
{
	static const struct {
		const char *key, *shown;
	} cases[] = {
	    {"host", "\"192.0.2.1\" file:b.yaml:6"},
	    {"port", "2222 file:b.yaml:7"},
	    {"username", "null default"},
	    {"driver", "\"cli\" file:b.yaml:11"},
	    {"legacy_algorithms", "true file:b.yaml:12"},
	    {"use_agent", "false file:b.yaml:13"},
	    {"key_file", "null default"},
	    {"groups", "null default"},
	    {"ssh_config", "\"/etc/lab\" file:a.yaml:1"},
	    {"keepalive", "false file:b.yaml:15"},
	    {"retry_delay", "0.5 file:b.yaml:16"},
	    {"max_idle_time", "200 file:b.yaml:3"},
	    {"retry_max", "50 file:a.yaml:4"},
	    {"keepalive_interval", "60 default"},
	    {"keepalive_mode", "\"ssh\" default"},
	    {"first_byte_timeout", "null default"},
	};
	struct config *config = load(first, second);
	cJSON *rows = conf_show_device(config, config_device(config, "core1"));
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(shown(rows, cases[i].key), cases[i].shown) != 0)
			fail_msg("%s is `%s', not `%s'", cases[i].key, shown(rows, cases[i].key), cases[i].shown);
	}
	cJSON_Delete(rows);
	rows = conf_show_device(config, config_device(config, "core2"));
	assert_string_equal(shown(rows, "host"), "\"kept\" file:a.yaml:8");
	assert_string_equal(shown(rows, "groups"), "[\"a\",\"b\"] file:a.yaml:8");
	cJSON_Delete(rows);
	config_unref(config);
}

static void
test_a_secret_is_said_to_be_set_and_never_shown(void **state)
{
	static const struct {
		const char *key;
		bool set;
	} cases[] = {{"password", true}, {"secret_command", true}, {"password_command", false},
	    {"passphrase_command", false}, {"secret", false}};
	struct config *config = load(first, second);
	cJSON *rows = conf_show_device(config, config_device(config, "core1"));
	char *text = cJSON_Print(rows);
	(void)state;

	assert_null(strstr(text, "hunter"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const cJSON *row = conf_show_row(rows, cases[i].key);

		assert_null(cJSON_GetObjectItemCaseSensitive(row, "value"));
		assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(row, "set")), cases[i].set);
	}
	assert_string_equal(shown(rows, "password"), "hidden file:b.yaml:9");
	cJSON_free(text);
	cJSON_Delete(rows);
	config_unref(config);
}

/* So that no key is forgotten when one is added. */
static void
test_every_key_has_a_row(void **state)
{
	const struct schema_table *tables[] = {&conf_device_table, &conf_args_table, &conf_global_table};
	struct config *config = load(first, second);
	cJSON *device = conf_show_device(config, config_device(config, "core1")), *all = conf_show_globals(config);
	(void)state;

	for (size_t t = 0; t < 3; t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			if (tables[t]->rows[i].type != SCHEMA_APART && tables[t]->rows[i].type != SCHEMA_BLOCK)
				assert_non_null(conf_show_row(t < 2 ? device : all, tables[t]->rows[i].name));
		}
	}
	assert_string_equal(shown(all, "max_sessions"), "7 file:b.yaml:2");
	assert_string_equal(shown(all, "ssh_config"), "\"/etc/lab\" file:a.yaml:1");
	assert_string_equal(shown(all, "max_idle_time"), "200 file:b.yaml:3");
	assert_string_equal(shown(all, "log_level"), "\"info\" default");
	assert_null(conf_show_row(all, "nothing"));
	cJSON_Delete(device);
	cJSON_Delete(all);
	config_unref(config);
}

static void
test_a_row_can_be_corrected(void **state)
{
	struct config *config = load(first, second);
	cJSON *rows = conf_show_device(config, config_device(config, "core1"));
	(void)state;

	conf_show_set(rows, "host", cJSON_CreateString("10.0.0.1"), "ssh");
	conf_show_set(rows, "no such key", cJSON_CreateString("10.0.0.1"), "ssh");
	assert_string_equal(shown(rows, "host"), "\"10.0.0.1\" ssh");
	cJSON_Delete(rows);
	config_unref(config);
}

/* Copies outlive the files' list, and requests have no lines. */
static void
test_copies_and_requests_have_no_origins(void **state)
{
	struct config *config = load(first, second);
	struct device_conf *copy = device_conf_copy(config_device(config, "core1"));
	const char request[] = "{\"host\": \"h\", \"port\": 23}";
	struct np_error err;
	struct device_conf *asked = device_conf_parse(config, request, strlen(request), &err);
	cJSON *rows;
	(void)state;

	assert_int_equal(copy->origins.count, 0);
	assert_non_null(asked);
	rows = conf_show_device(config, asked);
	assert_string_equal(shown(rows, "port"), "23 default");
	assert_string_equal(shown(rows, "retry_max"), "50 file:a.yaml:4");
	cJSON_Delete(rows);
	device_conf_free(asked);
	device_conf_free(copy);
	config_unref(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_value_names_the_file_and_line_that_gave_it),
	    cmocka_unit_test(test_a_secret_is_said_to_be_set_and_never_shown),
	    cmocka_unit_test(test_every_key_has_a_row),
	    cmocka_unit_test(test_a_row_can_be_corrected),
	    cmocka_unit_test(test_copies_and_requests_have_no_origins),
	};

	return cmocka_run_group_tests_name("conf_show", tests, NULL, NULL);
}
