/*
 * Tests of src/schema: the same rows read from YAML, from JSON and from text; what holds other structs; what is shown.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/xalloc.h"
#include "schema/schema.h"

struct part {
	char *name;
	bool loud;
	double wait;
};

struct thing {
	char *text, *secret, *path;
	bool flag, flag_given;
	int tristate, count;
	uint64_t size;
	double seconds;
	int word;
	struct strings texts;
	struct part block, *one;
	bool block_given;
	struct part *list;
	size_t list_count;
};

static const struct schema_word words[] = {{"red", 1}, {"green", 2}, {NULL, 0}};

static const struct schema_row part_rows[] = {
    {"name", SCHEMA_TEXT, .offset = offsetof(struct part, name)},
    {"loud", SCHEMA_BOOL, .offset = offsetof(struct part, loud)},
    {"wait", SCHEMA_SECONDS, .offset = offsetof(struct part, wait), .max = 10},
};

static int
complete_part(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	return ((struct part *)base)->name != NULL ? 0
						   : schema_error(r, node, "a part of `%s` needs `name`", row->name);
}

static const struct schema_table part_table = {SCHEMA_TABLE(SCHEMA_DEFINITION, "in a part", part_rows),
    .size = sizeof(struct part), .brief = true, .expected = "a name, or a mapping with `name`",
    .complete = complete_part};

#define AT(member) .offset = offsetof(struct thing, member)
#define LEFT 1
#define RIGHT 2

static const struct schema_row thing_rows[] = {
    {"text", SCHEMA_TEXT, AT(text), .where = LEFT | RIGHT, .group = 1},
    {"secret", SCHEMA_TEXT, AT(secret), .where = LEFT, .group = 1, .flags = SCHEMA_SECRET},
    {"path", SCHEMA_PATH, AT(path), .where = LEFT},
    {"flag", SCHEMA_BOOL, AT(flag), .where = LEFT, .also = offsetof(struct thing, flag_given)},
    {"tristate", SCHEMA_TRISTATE, AT(tristate), .where = LEFT},
    {"count", SCHEMA_INT, AT(count), .where = LEFT, .min = 1, .max = 9},
    {"size", SCHEMA_SIZE, AT(size), .where = LEFT, .min = 1, .max = 1e15},
    {"seconds", SCHEMA_SECONDS, AT(seconds), .where = LEFT, .max = 1e9},
    {"word", SCHEMA_WORD, AT(word), .where = LEFT, .words = words},
    {"texts", SCHEMA_TEXTS, AT(texts), .where = LEFT},
    {"needed", SCHEMA_APART, .where = RIGHT, .flags = SCHEMA_REQUIRED},
};

static const struct schema_table thing_table = {SCHEMA_TABLE(SCHEMA_SETTINGS, "in a thing", thing_rows)};
static const struct schema_table param_table = {SCHEMA_TABLE(SCHEMA_PARAMS, NULL, thing_rows)};

static const struct schema_row nest_rows[] = {
    {"block", SCHEMA_BLOCK, AT(block), .table = &part_table, .also = offsetof(struct thing, block_given)},
    {"one", SCHEMA_ONE, AT(one), .table = &part_table},
    {"list", SCHEMA_LIST, AT(list), .table = &part_table, .also = offsetof(struct thing, list_count)},
    {"texts", SCHEMA_TEXTS, AT(texts)},
};

static const struct schema_table nest_table = {SCHEMA_TABLE(SCHEMA_DEFINITION, "in a nest", nest_rows)};

static int
read_yaml(const struct schema_table *table, const char *text, struct thing *thing, struct np_error *err)
{
	struct yamldoc *doc = yamldoc_parse(text, strlen(text), "f", true, 1000, err);
	const struct schema_reader reader = {
	    .table = table, .where = table == &thing_table ? LEFT : 0, .doc = doc, .err = err};
	struct node node;
	int result;

	if (doc == NULL)
		fail_msg("%s", err->text);
	node_of_yaml(&node, doc->root);
	result = schema_read(&reader, &node, thing);
	yamldoc_destroy(doc);
	return result;
}

static int
read_json(const char *text, unsigned where, struct thing *thing, struct np_error *err)
{
	cJSON *json = cJSON_Parse(text);
	const struct schema_reader reader = {.table = &param_table, .where = where, .err = err};
	struct node node;
	int result;

	assert_non_null(json);
	node_of_json(&node, json);
	result = schema_read(&reader, &node, thing);
	cJSON_Delete(json);
	return result;
}

static char *
shown(const struct schema_table *table, const struct thing *thing)
{
	cJSON *json = schema_show(table, thing);
	char *text = cJSON_PrintUnformatted(json), *copy = xstrdup(text);

	cJSON_free(text);
	cJSON_Delete(json);
	return copy;
}

static void
expect_shown(const struct schema_table *table, const struct thing *thing, const char *expected)
{
	char *text = shown(table, thing);

	assert_string_equal(text, expected);
	free(text);
}

#define ALL                                                                                                            \
	"\"text\": \"a b\", \"path\": \"/x\", \"flag\": true, \"tristate\": false, \"count\": 3, \"size\": 1000000,"   \
	" \"seconds\": 2.5, \"word\": \"green\", \"texts\": [\"p\", \"q\"]"
#define ALL_SHOWN                                                                                                      \
	"{\"text\":\"a b\",\"path\":\"/x\",\"flag\":true,\"tristate\":false,\"count\":3,\"size\":1000000,"             \
	"\"seconds\":2.5,\"word\":\"green\",\"texts\":[\"p\",\"q\"]}"

static void
test_yaml_and_json_are_read_alike(void **state)
{
	struct thing yaml = {.tristate = -1}, json = {.tristate = -1}, copy;
	struct np_error err;
	(void)state;

	assert_int_equal(read_yaml(&thing_table, "{" ALL "}", &yaml, &err), 0);
	assert_int_equal(read_json("{" ALL "}", LEFT, &json, &err), 0);
	expect_shown(&thing_table, &yaml, ALL_SHOWN);
	expect_shown(&thing_table, &json, ALL_SHOWN);
	assert_true(yaml.flag_given && json.flag_given);
	assert_true(schema_equal(&thing_table, &yaml, &json, 0));
	copy = yaml;
	schema_copy(&thing_table, &copy);
	schema_free(&thing_table, &yaml);
	assert_true(schema_equal(&thing_table, &copy, &json, 0));
	assert_false(schema_equal(&thing_table, &copy, &yaml, 0));
	schema_free(&thing_table, &copy);
	schema_free(&thing_table, &json);
}

static void
test_what_is_not_set_is_not_shown(void **state)
{
	struct thing thing = {.tristate = -1, .seconds = -1};
	(void)state;

	expect_shown(&thing_table, &thing, "{\"flag\":false}");
}

static void
test_a_secret_is_told_of_and_not_told(void **state)
{
	struct thing thing = {.tristate = -1, .seconds = -1};
	struct np_error err;
	(void)state;

	assert_int_equal(read_yaml(&thing_table, "secret: hunter2\n", &thing, &err), 0);
	expect_shown(&thing_table, &thing, "{\"secret\":true,\"flag\":false}");
	assert_int_equal(read_yaml(&thing_table, "secret: x\ntext: ~\n", &thing, &err), 0);
	assert_int_equal(read_yaml(&thing_table, "secret: x\ntext: y\n", &thing, &err), -1);
	assert_string_equal(err.text, "f:2: give only one of `secret` and `text`");
	schema_alone(&thing_table, schema_find(&thing_table, LEFT, "text"), &thing);
	assert_null(thing.secret);
	assert_int_equal(read_json("{\"secret\": 4711}", LEFT, &thing, &err), -1);
	assert_null(strstr(err.text, "4711"));
	schema_free(&thing_table, &thing);
}

static void
test_json_errors_are_named(void **state)
{
	static const struct {
		const char *json, *error;
		unsigned where;
	} cases[] = {
	    {"{\"txt\": 1}", "unknown param `txt`: did you mean `text`?", LEFT},
	    {"{\"size\": 1}", "unknown param `size`", RIGHT},
	    {"{\"text\": \"x\"}", "`needed` is missing", RIGHT},
	    {"{\"needed\": null}", "`needed` is missing", RIGHT},
	    {"{\"text\": 7}", "`text` must be a string, not `7`", LEFT},
	    {"{\"text\": true}", "`text` must be a string, not `true`", LEFT},
	    {"{\"text\": {}}", "`text` must be text, not an object", LEFT},
	    {"{\"flag\": \"true\"}", "`flag` must be true or false, not the text \"true\"", LEFT},
	    {"{\"count\": 10}", "`count` must be a whole number from 1 to 9, not `10`", LEFT},
	    {"{\"count\": 2.5}", "`count` must be a whole number from 1 to 9, not `2.5`", LEFT},
	    {"{\"count\": \"2\"}", "`count` must be a whole number from 1 to 9, not the text \"2\"", LEFT},
	    {"{\"size\": 9007199254740993}",
		"`size` must be a whole number from 1 to 1000000000000000, not "
		"`9007199254740992`",
		LEFT},
	    {"{\"seconds\": 1e400}",
		"`seconds` must be a number of seconds from 0 to 1000000000 (0 = no limit), not "
		"`inf`",
		LEFT},
	    {"{\"word\": \"blue\"}", "`word` must be one of red green, not the text \"blue\"", LEFT},
	    {"{\"texts\": \"p\"}", "`texts` must be a list ([a, b]), not a value", LEFT},
	    {"{\"texts\": [[]]}", "each of `texts` must be text, not an array", LEFT},
	    {"{\"text\": \"a\", \"text\": \"b\"}", "`text` is given twice", LEFT},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct thing thing = {.tristate = -1};
		struct np_error err = {0};

		assert_int_equal(read_json(cases[i].json, cases[i].where, &thing, &err), -1);
		assert_string_equal(err.text, cases[i].error);
		assert_int_equal(err.reason, REASON_INVALID_PARAMS);
		schema_free(&thing_table, &thing);
	}
}

static void
test_structs_inside_structs(void **state)
{
	struct thing thing = {.tristate = -1};
	struct np_error err;
	(void)state;

	assert_int_equal(
	    read_yaml(&nest_table,
		"block: {name: b, loud: true}\none: o\nlist: [p, {name: q, wait: 0.5}]\ntexts: alone\n", &thing, &err),
	    0);
	assert_true(thing.block_given);
	assert_string_equal(thing.one->name, "o");
	assert_int_equal(thing.list_count, 2);
	expect_shown(&nest_table, &thing,
	    "{\"block\":{\"name\":\"b\",\"loud\":true,\"wait\":0},\"one\":\"o\","
	    "\"list\":[\"p\",{\"name\":\"q\",\"loud\":false,\"wait\":0.5}],\"texts\":[\"alone\"]}");
	/* What is said again replaces what was there; nothing takes it away where it can. */
	assert_int_equal(read_yaml(&nest_table, "one: ~\nlist: []\nblock: {name: c}\n", &thing, &err), 0);
	assert_null(thing.one);
	assert_int_equal(thing.list_count, 0);
	assert_string_equal(thing.block.name, "c");
	assert_true(thing.block.loud);
	schema_free(&nest_table, &thing);
}

static void
test_errors_inside_structs_have_their_line(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"block:\n  nam: x\n", "f:2: unknown key `nam` in a part: did you mean `name`?"},
	    {"list:\n- a\n- {loud: true}\n", "f:3: a part of `list` needs `name`"},
	    {"list:\n- a\n- [b]\n", "f:3: `list` must be a name, or a mapping with `name`, not a list"},
	    {"one: yes\n", "f:1: `one` must be text: put it in quotes if that word is meant, not `yes`"},
	    {"one: {name: ~}\n", "f:1: `name` must be text, not nothing"},
	    {"one: {name: x, wait: 11}\n", "f:1: `wait` must be a number of seconds from 0 to 10, not `11`"},
	    {"one: {name: x, wait: long}\n", "f:1: `wait` must be a number of seconds from 0 to 10, not `long`"},
	    {"texts: [a, ~]\n", "f:1: `texts` must be text, not nothing"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct thing thing = {.tristate = -1};
		struct np_error err = {0};

		assert_int_equal(read_yaml(&nest_table, cases[i].text, &thing, &err), -1);
		assert_string_equal(err.text, cases[i].error);
		schema_free(&nest_table, &thing);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_yaml_and_json_are_read_alike),
	    cmocka_unit_test(test_what_is_not_set_is_not_shown),
	    cmocka_unit_test(test_a_secret_is_told_of_and_not_told),
	    cmocka_unit_test(test_json_errors_are_named),
	    cmocka_unit_test(test_structs_inside_structs),
	    cmocka_unit_test(test_errors_inside_structs_have_their_line),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
