/* Tests of src/schema/yamldoc.c and yamldoc_text.c: the tree, its lines, and everything that is refused with its line.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/xalloc.h"
#include "schema/yamldoc.h"

#define NODES 1000

static struct yamldoc *
parse(const char *text, struct np_error *err)
{
	return yamldoc_parse(text, strlen(text), "f.yaml", true, NODES, err);
}

static struct yamldoc *
must_parse(const char *text)
{
	struct np_error err = {0};
	struct yamldoc *doc = parse(text, &err);

	if (doc == NULL)
		fail_msg("%s", err.text);
	return doc;
}

static void
test_mappings_lists_and_scalars_know_their_line(void **state)
{
	struct yamldoc *doc = must_parse("# comment\n"
					 "port: 22\n"
					 "groups: [a,\n"
					 "  \"b c\"]\n"
					 "args:\n"
					 "  keepalive: true\n");
	const struct yamldoc_node *port, *groups, *keepalive;
	(void)state;

	assert_int_equal(doc->root->kind, YAMLDOC_MAPPING);
	assert_int_equal(doc->root->count, 3);
	port = yamldoc_get(doc->root, "port");
	assert_string_equal(port->text, "22");
	assert_true(port->plain);
	assert_int_equal(port->line, 2);
	groups = yamldoc_get(doc->root, "groups");
	assert_int_equal(groups->kind, YAMLDOC_SEQUENCE);
	assert_int_equal(groups->count, 2);
	assert_string_equal(groups->items[1]->text, "b c");
	assert_false(groups->items[1]->plain);
	assert_int_equal(groups->items[1]->line, 4);
	keepalive = yamldoc_get(yamldoc_get(doc->root, "args"), "keepalive");
	assert_int_equal(keepalive->line, 6);
	assert_null(yamldoc_get(doc->root, "nothing"));
	assert_null(yamldoc_get(port, "scalars have no keys"));
	yamldoc_destroy(doc);
}

static void
test_json_is_read_as_yaml(void **state)
{
	struct yamldoc *doc = must_parse("{\"host\":\"h\",\"port\":22,\"path\":\"\\/a\\\"b\\u00e9\",\"ok\":true,"
					 "\"no\":null,\n\t\"list\":[1,\"2\",[]],\"o\":{}}");
	(void)state;

	assert_string_equal(yamldoc_get(doc->root, "host")->text, "h");
	assert_false(yamldoc_get(doc->root, "host")->plain);
	assert_true(yamldoc_get(doc->root, "port")->plain);
	assert_string_equal(yamldoc_get(doc->root, "path")->text, "/a\"b\xc3\xa9");
	assert_true(yamldoc_is_nothing(yamldoc_get(doc->root, "no")));
	assert_int_equal(yamldoc_get(doc->root, "list")->count, 3);
	assert_int_equal(yamldoc_get(doc->root, "list")->line, 2);
	assert_int_equal(yamldoc_get(doc->root, "o")->count, 0);
	yamldoc_destroy(doc);
}

static void
test_a_document_of_comments_has_no_root(void **state)
{
	static const char *const table[] = {"", "\n", "# nothing\n", "---\n...\n# x\n", "\xef\xbb\xbf# a mark first\n"};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct yamldoc *doc = must_parse(table[i]);

		assert_true(doc->root == NULL || yamldoc_is_nothing(doc->root));
		yamldoc_destroy(doc);
	}
}

static void
test_what_is_refused_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
	    {"a: 1\nb: 2\na: 3\n", "f.yaml:3: key `a` appears a second time (first in line 1): remove one"},
	    {"x:\n  a: {k: 1, \"k\": 2}\n", "f.yaml:2: key `k` appears a second time (first in line 2): remove one"},
	    {"a: &b 1\n", "f.yaml:1: YAML anchors (`&b`) are not supported: if text is meant, put it in quotes"},
	    {"a:\n  - &b [1]\n", "f.yaml:2: YAML anchors (`&b`) are not supported: if text is meant, put it in quotes"},
	    {"a: &b {}\n", "f.yaml:1: YAML anchors (`&b`) are not supported: if text is meant, put it in quotes"},
	    {"a: &b 1\nc: *b\n", "f.yaml:1: YAML anchors (`&b`) are not supported: if text is meant, put it in quotes"},
	    {"c: *b\n", "f.yaml:1: YAML aliases (`*b`) are not supported: if text is meant, put it in quotes"},
	    {"*b : 1\n", "f.yaml:1: a key must be text, not an alias"},
	    {"? [1]\n: 2\n", "f.yaml:1: a key must be text, not a list or a mapping"},
	    {"a: !vault x\n", "f.yaml:1: YAML tags (`!vault`) are not supported: if text is meant, put it in quotes"},
	    {"a: !!str 1\n",
		"f.yaml:1: YAML tags (`tag:yaml.org,2002:str`) are not supported: if text is meant, put it in quotes"},
	    {"a: \"x\\0y\"\n", "f.yaml:1: a NUL byte in text"},
	    {"\n\"x\\0y\": 1\n", "f.yaml:2: a NUL byte in text"},
	    {"a: 1\n---\nb: 2\n", "f.yaml:2: a second document: put everything into one"},
	    {"a: 1\n\tb: 2\n",
		"f.yaml:2: found a tab character that violates indentation while scanning a plain scalar "
		"that begins in line 1 (indent with spaces)"},
	    {"a:\n\tb: 2\n", "f.yaml:2: found character that cannot start any token (indent with spaces, not tabs; put "
			     "text that begins with a special character in quotes)"},
	    {"password: @x\n",
		"f.yaml:1: found character that cannot start any token (indent with spaces, not tabs; put "
		"text that begins with a special character in quotes)"},
	    {"a: b: c\n", "f.yaml:1: mapping values are not allowed in this context (check the indentation; put text "
			  "that holds `: ` in quotes)"},
	    {"a: 'it's'\n", "f.yaml:1: did not find expected key (check the indentation and the quotes)"},
	    {"a: \"\\ud83d\\ude00\"\n", "f.yaml:1: found invalid Unicode character escape code (write the character "
					"itself instead of \\u escapes)"},
	    {"a: * x\n", "f.yaml:1: did not find expected alphabetic or numeric character (put text that begins with & "
			 "or * in quotes)"},
	    {"a: 1\nb\nc: 2\n",
		"f.yaml:3: could not find expected ':' while scanning a simple key that begins in line 2 "
		"(is a `:` missing behind the key?)"},
	    {"a: [1, 2\nb: 3\n", "f.yaml:2: did not find expected ',' or ']' while parsing a flow sequence that begins "
				 "in line 1"},
	    {"a: 'x\n",
		"f.yaml:2: found unexpected end of stream while scanning a quoted scalar that begins in line 1"},
	    {"a: 1\n# \x01\n", "f.yaml:2: control characters are not allowed"},
	    {"a: 1\n\nb: \xff\n", "f.yaml:3: invalid leading UTF-8 octet"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err = {0};

		assert_null(parse(table[i].text, &err));
		assert_string_equal(err.text, table[i].error);
		assert_int_equal(err.reason, REASON_INVALID_PARAMS);
	}
}

static void
test_a_raw_nul_byte_is_refused(void **state)
{
	struct np_error err = {0};
	(void)state;

	assert_null(yamldoc_parse("a: 1\nb: x\0y\n", 12, "f.yaml", true, NODES, &err));
	assert_string_equal(err.text, "f.yaml:2: control characters are not allowed");
}

static void
test_requests_have_no_lines(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
	    {"{\"a\":1,\"a\":2}", "device: key `a` appears twice: remove one"},
	    {"{\"a\":", "device: did not find expected node content"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err = {0};

		assert_null(yamldoc_parse(table[i].text, strlen(table[i].text), "device", false, NODES, &err));
		assert_memory_equal(err.text, table[i].error, strlen(table[i].error));
	}
}

static void
test_depth_is_bounded(void **state)
{
	char text[2 * (YAMLDOC_DEPTH_MAX + 1) + 1];
	struct np_error err = {0};
	(void)state;

	memset(text, '[', YAMLDOC_DEPTH_MAX);
	memset(text + YAMLDOC_DEPTH_MAX, ']', YAMLDOC_DEPTH_MAX);
	text[2 * YAMLDOC_DEPTH_MAX] = '\0';
	yamldoc_destroy(must_parse(text));

	memset(text, '[', YAMLDOC_DEPTH_MAX + 1);
	memset(text + YAMLDOC_DEPTH_MAX + 1, ']', YAMLDOC_DEPTH_MAX + 1);
	text[2 * (YAMLDOC_DEPTH_MAX + 1)] = '\0';
	assert_null(parse(text, &err));
	assert_string_equal(err.text, "f.yaml:1: nested deeper than 16 levels");
}

static void
test_a_flood_of_brackets_ends_soon(void **state)
{
	static const char *const openings[] = {"[", "{", "- ", "? ", "a: ", "{a: "};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(openings); i++) {
		size_t one = strlen(openings[i]), count = 200000;
		char *text = xmalloc(one * count);
		struct np_error err = {0};

		for (size_t j = 0; j < count; j++)
			memcpy(text + j * one, openings[i], one);
		assert_null(yamldoc_parse(text, one * count, "f.yaml", true, NODES, &err));
		assert_int_not_equal(err.text[0], '\0');
		free(text);
	}
}

static void
test_number_of_values_is_bounded(void **state)
{
	struct np_error err = {0};
	struct yamldoc *doc;
	(void)state;

	doc = yamldoc_parse("[1,2,3]", 7, "f.yaml", true, 4, &err);
	assert_non_null(doc);
	yamldoc_destroy(doc);
	assert_null(yamldoc_parse("[1,\n2,3]", 8, "f.yaml", true, 3, &err));
	assert_string_equal(err.text, "f.yaml:2: too many values");
}

static void
test_size_is_bounded(void **state)
{
	char *text = xmalloc(YAMLDOC_SIZE_MAX + 1);
	struct np_error err = {0};
	struct yamldoc *doc;
	(void)state;

	memset(text, '\n', YAMLDOC_SIZE_MAX + 1);
	doc = yamldoc_parse(text, YAMLDOC_SIZE_MAX, "f.yaml", true, NODES, &err);
	assert_non_null(doc);
	yamldoc_destroy(doc);
	assert_null(yamldoc_parse(text, YAMLDOC_SIZE_MAX + 1, "f.yaml", true, NODES, &err));
	assert_string_equal(err.text, "f.yaml: larger than 4 MiB");
	free(text);
}

static void
test_every_beginning_of_a_document_is_survived(void **state)
{
	static const char text[] =
	    "a: {b: [1, 'two', \"th\\u00e9\"], c: |\n    x\n    y\n  }\nd:\n  - e: f\n  - >\n   g\n";
	(void)state;

	for (size_t size = 0; size < sizeof(text); size++) {
		struct np_error err = {0};
		struct yamldoc *doc = yamldoc_parse(text, size, "f.yaml", true, NODES, &err);

		assert_true(doc != NULL || err.text[0] != '\0');
		yamldoc_destroy(doc);
	}
}

static void
test_what_plain_text_stands_for(void **state)
{
	static const struct {
		const char *text;
		int boolean; /* -1: none */
		bool integer, number;
		double value;
	} table[] = {
	    {"true", 1, false, false, 0},
	    {"True", 1, false, false, 0},
	    {"TRUE", 1, false, false, 0},
	    {"yes", 1, false, false, 0},
	    {"On", 1, false, false, 0},
	    {"false", 0, false, false, 0},
	    {"No", 0, false, false, 0},
	    {"OFF", 0, false, false, 0},
	    {"tRUE", -1, false, false, 0},
	    {"TRuE", -1, false, false, 0},
	    {"oN", -1, false, false, 0},
	    {"y", -1, false, false, 0},
	    {"", -1, false, false, 0},
	    {"1", -1, true, true, 1},
	    {"0", -1, true, true, 0},
	    {"-7", -1, true, true, -7},
	    {"+7", -1, true, true, 7},
	    {"0.5", -1, false, true, 0.5},
	    {".5", -1, false, true, 0.5},
	    {"1e3", -1, false, true, 1000},
	    {"2.5E-1", -1, false, true, 0.25},
	    {"1.", -1, false, false, 0},
	    {".", -1, false, false, 0},
	    {"-", -1, false, false, 0},
	    {"1e", -1, false, false, 0},
	    {"1e+", -1, false, false, 0},
	    {"e1", -1, false, false, 0},
	    {"010", -1, false, false, 0},
	    {"0x10", -1, false, false, 0},
	    {"1_000", -1, false, false, 0},
	    {"1:30", -1, false, false, 0},
	    {"5m", -1, false, false, 0},
	    {" 5", -1, false, false, 0},
	    {"5 ", -1, false, false, 0},
	    {"nan", -1, false, false, 0},
	    {".nan", -1, false, false, 0},
	    {".inf", -1, false, false, 0},
	    {"inf", -1, false, false, 0},
	    {"1e999", -1, false, false, 0},
	    {"99999999999999999999", -1, true, true, 1e20},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		double number = 0, integer = 0;
		bool boolean = false;

		assert_int_equal(yamldoc_text_bool(table[i].text, &boolean), table[i].boolean >= 0);
		if (table[i].boolean >= 0)
			assert_int_equal(boolean, table[i].boolean);
		if (yamldoc_text_number(table[i].text, &number) != table[i].number ||
		    yamldoc_text_integer(table[i].text, &integer) != table[i].integer)
			fail_msg("\"%s\"", table[i].text);
		if (table[i].number)
			assert_true(number >= table[i].value && number <= table[i].value);
		if (table[i].integer)
			assert_true(integer >= table[i].value && integer <= table[i].value);
	}
}

static void
test_null_is_what_yaml_says(void **state)
{
	static const char *const yes[] = {"null", "Null", "NULL", "~"};
	static const char *const no[] = {"", "nULL", "none", "nil", "~~"};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(yes); i++)
		assert_true(yamldoc_text_is_null(yes[i]));
	for (size_t i = 0; i < NP_COUNT(no); i++)
		assert_false(yamldoc_text_is_null(no[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mappings_lists_and_scalars_know_their_line),
	    cmocka_unit_test(test_json_is_read_as_yaml),
	    cmocka_unit_test(test_a_document_of_comments_has_no_root),
	    cmocka_unit_test(test_what_is_refused_is_named_with_its_line),
	    cmocka_unit_test(test_a_raw_nul_byte_is_refused),
	    cmocka_unit_test(test_requests_have_no_lines),
	    cmocka_unit_test(test_depth_is_bounded),
	    cmocka_unit_test(test_a_flood_of_brackets_ends_soon),
	    cmocka_unit_test(test_number_of_values_is_bounded),
	    cmocka_unit_test(test_size_is_bounded),
	    cmocka_unit_test(test_every_beginning_of_a_document_is_survived),
	    cmocka_unit_test(test_what_plain_text_stands_for),
	    cmocka_unit_test(test_null_is_what_yaml_says),
	};

	return cmocka_run_group_tests_name("yamldoc", tests, NULL, NULL);
}
