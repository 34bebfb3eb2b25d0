/* Tests of src/wire/message.c: tables of good and bad JSON, ids at their limits, messages made and read back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/json.h"
#include "wire/message.h"
#include "base/text.h"
#include "base/xalloc.h"

#define RPC "\"jsonrpc\":\"2.0\""

/* Parses a copy of exactly n bytes, so that the sanitizer sees every look beyond them. */
static int
parse_exact(const char *json, size_t n, struct message *m, struct np_error *err)
{
	char *copy = xmemdup(json, n);
	int r = message_parse(copy, n, m, err);

	free(copy);
	return r;
}

static void
test_each_kind_is_recognised(void **state)
{
	static const struct {
		const char *json;
		enum message_kind kind;
		enum message_id_kind id;
	} table[] = {
	    {"{" RPC ",\"id\":1,\"method\":\"ping\"}", MESSAGE_REQUEST, MESSAGE_ID_NUMBER},
	    {"{" RPC ",\"id\":\"a\",\"method\":\"ping\",\"params\":{}}", MESSAGE_REQUEST, MESSAGE_ID_STRING},
	    {"{" RPC ",\"id\":\"\",\"method\":\"ping\"}", MESSAGE_REQUEST, MESSAGE_ID_STRING},
	    {"{" RPC ",\"method\":\"hello\",\"params\":{\"protocol\":1}}", MESSAGE_NOTIFICATION, MESSAGE_ID_NONE},
	    {"{" RPC ",\"id\":1,\"result\":{}}", MESSAGE_RESULT, MESSAGE_ID_NUMBER},
	    {"{" RPC ",\"id\":1,\"result\":null}", MESSAGE_RESULT, MESSAGE_ID_NUMBER},
	    {"{" RPC ",\"id\":\"x\",\"error\":{\"code\":1,\"message\":\"m\"}}", MESSAGE_ERROR, MESSAGE_ID_STRING},
	    {"{" RPC ",\"id\":null,\"error\":{}}", MESSAGE_ERROR, MESSAGE_ID_NULL},
	    {" \t\r\n{" RPC ", \"id\" : 1 , \"method\":\"m\" } \n\r\t ", MESSAGE_REQUEST, MESSAGE_ID_NUMBER},
	    {"{\"unknown\":[1,2],\"unknown\":3," RPC ",\"method\":\"m\"}", MESSAGE_NOTIFICATION, MESSAGE_ID_NONE},
	    {"{" RPC ",\"method\":\"m\",\"params\":{\"s\":\"\\\\u0000 \\u0001\"}}", MESSAGE_NOTIFICATION,
		MESSAGE_ID_NONE},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err;
		struct message m;

		if (parse_exact(table[i].json, strlen(table[i].json), &m, &err) < 0)
			fail_msg("%s: %s", table[i].json, err.text);
		assert_int_equal(m.kind, table[i].kind);
		assert_int_equal(m.id.kind, table[i].id);
		message_finish(&m);
	}
}

static void
test_members_are_found(void **state)
{
	static const char json[] = "{" RPC ",\"id\":7,\"method\":\"exec\",\"params\":{\"device\":\"core1\"}}";
	struct message m;
	(void)state;

	assert_int_equal(parse_exact(json, sizeof(json) - 1, &m, NULL), 0);

	assert_string_equal(m.method, "exec");
	assert_int_equal(m.id.number, 7);
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(m.params, "device")->valuestring, "core1");
	assert_null(m.result);
	assert_null(m.error);
	message_finish(&m);
	assert_null(m.root);
	message_finish(&m);
}

static void
test_bad_messages_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *json;
		enum np_reason reason;
		const char *says;
	} table[] = {
	    {"", REASON_PARSE_ERROR, "malformed"},
	    {" ", REASON_PARSE_ERROR, "malformed"},
	    {"{", REASON_PARSE_ERROR, "malformed"},
	    {"{]", REASON_PARSE_ERROR, "malformed"},
	    {"}", REASON_PARSE_ERROR, "malformed"},
	    {"nonsense", REASON_PARSE_ERROR, "malformed"},
	    {"GET / HTTP/1.1\r\n", REASON_PARSE_ERROR, "malformed"},
	    {"{" RPC ",}", REASON_PARSE_ERROR, "malformed"},
	    {"{" RPC ",\"id\":}", REASON_PARSE_ERROR, "malformed"},
	    {"{" RPC ",\"id\":1,\"method\":\"m\"", REASON_PARSE_ERROR, "malformed"},
	    {"{" RPC ",\"id\":1,\"method\":\"m", REASON_PARSE_ERROR, "without end"},
	    {"{" RPC ",\"id\":1,\"method\":\"m\\\"}", REASON_PARSE_ERROR, "without end"},
	    {"{" RPC ",\"method\":\"\\x\"}", REASON_PARSE_ERROR, "malformed"},
	    {"{" RPC ",\"method\":\"\\ud800\"}", REASON_PARSE_ERROR, "malformed"},
	    {"{" RPC ",\"method\":\"\\udc00\"}", REASON_PARSE_ERROR, "malformed"},
	    {"{" RPC ",\"method\":\"a\\u0000b\"}", REASON_PARSE_ERROR, "NUL"},
	    {"{" RPC ",\"method\":\"m\",\"params\":{\"a\\u0000b\":1}}", REASON_PARSE_ERROR, "NUL"},
	    {"{" RPC ",\"method\":\"a\nb\"}", REASON_PARSE_ERROR, "control byte inside"},
	    {"{" RPC ",\x01\"method\":\"m\"}", REASON_PARSE_ERROR, "control byte at"},
	    {"{" RPC ",\"method\":\"\xff\"}", REASON_PARSE_ERROR, "UTF-8"},
	    {"{" RPC ",\"method\":\"\xed\xa0\x80\"}", REASON_PARSE_ERROR, "UTF-8"},
	    {"{" RPC ",\"method\":\"m\"}x", REASON_PARSE_ERROR, "follows"},
	    {"{" RPC ",\"method\":\"m\"}{}", REASON_PARSE_ERROR, "follows"},
	    {"{" RPC ",\"method\":\"m\"},", REASON_PARSE_ERROR, "follows"},
	    {"[]", REASON_INVALID_REQUEST, "batches"},
	    {"[{" RPC ",\"id\":1,\"method\":\"m\"}]", REASON_INVALID_REQUEST, "batches"},
	    {"null", REASON_INVALID_REQUEST, "not an object"},
	    {"true", REASON_INVALID_REQUEST, "not an object"},
	    {"1", REASON_INVALID_REQUEST, "not an object"},
	    {"\"s\"", REASON_INVALID_REQUEST, "not an object"},
	    {"{}", REASON_INVALID_REQUEST, "jsonrpc"},
	    {"{\"id\":1,\"method\":\"m\"}", REASON_INVALID_REQUEST, "jsonrpc"},
	    {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"m\"}", REASON_INVALID_REQUEST, "jsonrpc"},
	    {"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"m\"}", REASON_INVALID_REQUEST, "jsonrpc"},
	    {"{\"JSONRPC\":\"2.0\",\"id\":1,\"method\":\"m\"}", REASON_INVALID_REQUEST, "jsonrpc"},
	    {"{" RPC "}", REASON_INVALID_REQUEST, "\"method\" is missing"},
	    {"{" RPC ",\"id\":1}", REASON_INVALID_REQUEST, "\"method\" is missing"},
	    {"{" RPC ",\"id\":1,\"Method\":\"m\"}", REASON_INVALID_REQUEST, "\"method\" is missing"},
	    {"{" RPC ",\"id\":1,\"method\":5}", REASON_INVALID_REQUEST, "\"method\" must"},
	    {"{" RPC ",\"id\":1,\"method\":null}", REASON_INVALID_REQUEST, "\"method\" must"},
	    {"{" RPC ",\"id\":1,\"method\":\"\"}", REASON_INVALID_REQUEST, "\"method\" must"},
	    {"{" RPC ",\"id\":1,\"method\":\"m\",\"result\":1}", REASON_INVALID_REQUEST, "excludes"},
	    {"{" RPC ",\"id\":1,\"method\":\"m\",\"error\":{}}", REASON_INVALID_REQUEST, "excludes"},
	    {"{" RPC ",\"id\":1,\"method\":\"m\",\"params\":[]}", REASON_INVALID_PARAMS, "object"},
	    {"{" RPC ",\"id\":1,\"method\":\"m\",\"params\":null}", REASON_INVALID_PARAMS, "object"},
	    {"{" RPC ",\"id\":1,\"method\":\"m\",\"params\":\"x\"}", REASON_INVALID_PARAMS, "object"},
	    {"{" RPC ",\"method\":\"m\",\"params\":1}", REASON_INVALID_PARAMS, "object"},
	    {"{" RPC ",\"id\":null,\"method\":\"m\"}", REASON_INVALID_REQUEST, "null"},
	    {"{" RPC ",\"result\":1}", REASON_INVALID_REQUEST, "\"id\" is missing"},
	    {"{" RPC ",\"error\":{}}", REASON_INVALID_REQUEST, "\"id\" is missing"},
	    {"{" RPC ",\"id\":null,\"result\":1}", REASON_INVALID_REQUEST, "null"},
	    {"{" RPC ",\"id\":1,\"result\":1,\"error\":{}}", REASON_INVALID_REQUEST, "excludes"},
	    {"{" RPC ",\"id\":1,\"error\":5}", REASON_INVALID_REQUEST, "\"error\" must"},
	    {"{" RPC "," RPC ",\"id\":1,\"method\":\"m\"}", REASON_INVALID_REQUEST, "\"jsonrpc\" is there twice"},
	    {"{" RPC ",\"id\":1,\"id\":1,\"method\":\"m\"}", REASON_INVALID_REQUEST, "\"id\" is there twice"},
	    {"{" RPC ",\"id\":1,\"method\":\"m\",\"method\":\"n\"}", REASON_INVALID_REQUEST,
		"\"method\" is there twice"},
	    {"{" RPC ",\"method\":\"m\",\"params\":{},\"params\":{}}", REASON_INVALID_REQUEST, "\"params\" is there"},
	    {"{" RPC ",\"id\":1,\"result\":1,\"result\":1}", REASON_INVALID_REQUEST, "\"result\" is there twice"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err;
		struct message m;

		error_clear(&err);
		if (parse_exact(table[i].json, strlen(table[i].json), &m, &err) == 0)
			fail_msg("accepted %s", table[i].json);
		if (err.reason != table[i].reason || strstr(err.text, table[i].says) == NULL)
			fail_msg("%s: %s: %s", table[i].json, reason_name(err.reason), err.text);
		assert_null(m.root);
		message_finish(&m);
	}
}

static void
test_no_beginning_of_a_message_is_a_message(void **state)
{
	static const char json[] =
	    "{" RPC ",\"id\":\"\xc3\xa9\\u00e9\\\"\",\"method\":\"m\",\"params\":{\"a\":[1,-2.5e3,true,null]}}";
	struct message m;
	(void)state;

	for (size_t n = 0; n < sizeof(json) - 1; n++)
		if (parse_exact(json, n, &m, NULL) == 0)
			fail_msg("accepted %zu bytes", n);
	assert_int_equal(parse_exact(json, sizeof(json) - 1, &m, NULL), 0);
	message_finish(&m);
}

static void
test_nul_byte_is_refused_wherever_it_stands(void **state)
{
	static const char json[] = "{" RPC ",\"id\":1,\"method\":\"m\"}";
	struct message m;
	struct np_error err;
	(void)state;

	for (size_t at = 0; at <= sizeof(json) - 1; at++) {
		char copy[sizeof(json)];

		memcpy(copy, json, at);
		copy[at] = '\0';
		memcpy(copy + at + 1, json + at, sizeof(json) - 1 - at);
		assert_int_equal(parse_exact(copy, sizeof(copy), &m, &err), -1);
		assert_int_equal(err.reason, REASON_PARSE_ERROR);
	}
}

static void
test_refused_request_keeps_its_id_for_the_answer(void **state)
{
	static const struct {
		const char *json;
		enum message_id_kind kind;
		int64_t number;
	} table[] = {
	    {"{" RPC ",\"id\":5,\"method\":1}", MESSAGE_ID_NUMBER, 5},
	    {"{" RPC ",\"id\":5,\"method\":\"m\",\"params\":[]}", MESSAGE_ID_NUMBER, 5},
	    {"{" RPC ",\"id\":\"q\",\"method\":\"\"}", MESSAGE_ID_STRING, 0},
	    {"{\"id\":5,\"method\":\"m\"}", MESSAGE_ID_NUMBER, 5},
	    {"{" RPC ",\"id\":5,\"method\":\"m\",\"method\":\"m\"}", MESSAGE_ID_NUMBER, 5},
	    {"{" RPC ",\"id\":5.5,\"method\":\"m\"}", MESSAGE_ID_NULL, 0},
	    {"{" RPC ",\"method\":1}", MESSAGE_ID_NULL, 0},
	    {"nonsense", MESSAGE_ID_NULL, 0},
	    {"[]", MESSAGE_ID_NULL, 0},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct message m;

		assert_int_equal(parse_exact(table[i].json, strlen(table[i].json), &m, NULL), -1);
		assert_int_equal(m.id.kind, table[i].kind);
		assert_int_equal(m.id.number, table[i].number);
	}
}

static void
test_ids_are_accepted_up_to_their_limits(void **state)
{
	static const struct {
		const char *id;
		bool good;
		int64_t number;
	} table[] = {
	    {"0", true, 0},
	    {"-1", true, -1},
	    {"2147483648", true, 2147483648},
	    {"9007199254740991", true, 9007199254740991},
	    {"9007199254740992", true, 9007199254740992},
	    {"-9007199254740992", true, -9007199254740992},
	    {"1e3", true, 1000},
	    {"1.0", true, 1},
	    {"9007199254740994", false, 0},
	    {"-9007199254740994", false, 0},
	    {"1e300", false, 0},
	    {"1e999", false, 0},
	    {"-1e999", false, 0},
	    {"0.5", false, 0},
	    {"true", false, 0},
	    {"[]", false, 0},
	    {"{}", false, 0},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		char json[200];
		struct np_error err;
		struct message m;

		snprintf(json, sizeof(json), "{" RPC ",\"id\":%s,\"method\":\"m\"}", table[i].id);
		if ((parse_exact(json, strlen(json), &m, &err) == 0) != table[i].good)
			fail_msg("id %s", table[i].id);
		if (table[i].good) {
			assert_int_equal(m.id.kind, MESSAGE_ID_NUMBER);
			assert_true(m.id.number == table[i].number);
			message_finish(&m);
		} else {
			assert_int_equal(err.reason, REASON_INVALID_REQUEST);
			assert_non_null(strstr(err.text, "\"id\" must"));
		}
	}
}

static void
test_string_ids_are_at_most_64_bytes(void **state)
{
	char json[300], id[80];
	struct message m;
	(void)state;

	memset(id, 'i', sizeof(id));
	for (size_t n = 0; n <= 66; n++) {
		snprintf(json, sizeof(json), "{" RPC ",\"id\":\"%.*s\",\"method\":\"m\"}", (int)n, id);
		assert_int_equal(parse_exact(json, strlen(json), &m, NULL), n <= 64 ? 0 : -1);
		if (n > 64)
			continue;
		assert_int_equal(strlen(m.id.string), n);
		message_finish(&m);
	}
}

/* n opening brackets or objects, well closed, as params. */
static char *
nested(size_t n, bool objects)
{
	char *json = xmalloc(n * 6 + 100), *p = json;
	size_t i;

	p += sprintf(p, "{" RPC ",\"method\":\"m\",\"params\":{\"a\":");
	for (i = 0; i < n; i++)
		p += sprintf(p, objects ? "{\"a\":" : "[");
	p += sprintf(p, "0");
	for (i = 0; i < n; i++)
		p += sprintf(p, objects ? "}" : "]");
	sprintf(p, "}}");
	return json;
}

static void
test_nesting_is_bounded_before_anything_recurses(void **state)
{
	static const size_t depths[] = {1, 29, 30, 31, 32, 100, 999, 1001, 100000};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(depths); i++) {
		for (int objects = 0; objects < 2; objects++) {
			char *json = nested(depths[i], objects);
			struct np_error err;
			struct message m;
			int r = parse_exact(json, strlen(json), &m, &err);

			/* The message and params are two levels themselves. */
			assert_int_equal(r, depths[i] + 2 <= MESSAGE_DEPTH_MAX ? 0 : -1);
			if (r == 0)
				message_finish(&m);
			else
				assert_non_null(strstr(err.text, "nested"));
			free(json);
		}
	}
}

static void
test_brackets_inside_strings_do_not_count(void **state)
{
	char json[400], fill[200];
	struct message m;
	(void)state;

	memset(fill, '[', sizeof(fill) - 1);
	fill[sizeof(fill) - 1] = '\0';
	snprintf(json, sizeof(json), "{" RPC ",\"method\":\"\\\"%s\"}", fill);

	assert_int_equal(parse_exact(json, strlen(json), &m, NULL), 0);
	assert_int_equal(strlen(m.method), 200);
	message_finish(&m);
}

static void
test_number_of_values_is_bounded(void **state)
{
	static const char head[] = "{" RPC ",\"method\":\"m\",\"params\":{\"a\":[0";
	struct np_error err;
	struct message m;
	(void)state;

	for (int over = 0; over < 2; over++) {
		/* Counted are commas and opening brackets: two in the head, and the array's and two objects' brackets.
		 */
		size_t n = MESSAGE_VALUES_MAX - 5 + (size_t)over;
		char *json = xmalloc(sizeof(head) + n * 2 + 4);
		size_t len = sizeof(head) - 1;

		memcpy(json, head, len);
		for (size_t i = 0; i < n; i++, len += 2)
			memcpy(json + len, ",0", 2);
		memcpy(json + len, "]}}", 3);
		assert_int_equal(parse_exact(json, len + 3, &m, &err), over ? -1 : 0);
		if (over)
			assert_non_null(strstr(err.text, "values"));
		message_finish(&m);
		free(json);
	}
}

static void
test_ids_are_equal_by_kind_and_value(void **state)
{
	struct message_id none = {.kind = MESSAGE_ID_NONE}, null = {.kind = MESSAGE_ID_NULL};
	struct message_id one = message_id_number(1), two = message_id_number(2);
	struct message_id a = {.kind = MESSAGE_ID_STRING, .string = "1"};
	struct message_id b = {.kind = MESSAGE_ID_STRING, .string = "2"};
	const struct message_id *all[] = {&none, &null, &one, &two, &a, &b};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(all); i++)
		for (size_t j = 0; j < NP_COUNT(all); j++)
			assert_int_equal(message_id_equal(all[i], all[j]), i == j);
}

static void
test_made_messages_parse_back(void **state)
{
	static const int64_t numbers[] = {0, -1, 1, 2147483647, 2147483648, 999999999999999, 1000000000000001,
	    9007199254740991, 9007199254740992, -9007199254740991};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(numbers); i++) {
		struct message_id id = message_id_number(numbers[i]);
		cJSON *params = cJSON_CreateObject();
		struct message m;
		char *json;

		cJSON_AddStringToObject(params, "device", "a \"b\" \\ \n \xc3\xa9");
		json = message_make_request(&id, "exec", params);
		assert_int_equal(parse_exact(json, strlen(json), &m, NULL), 0);
		assert_int_equal(m.kind, MESSAGE_REQUEST);
		assert_true(message_id_equal(&m.id, &id));
		assert_string_equal(m.method, "exec");
		assert_string_equal(cJSON_GetObjectItem(m.params, "device")->valuestring, "a \"b\" \\ \n \xc3\xa9");
		message_finish(&m);
		cJSON_free(json);
	}
}

static void
test_made_results_and_notifications_parse_back(void **state)
{
	struct message_id id = {.kind = MESSAGE_ID_STRING, .string = "r-1"};
	struct message m;
	char *json;
	(void)state;

	json = message_make_result(&id, cJSON_CreateNumber(3));
	assert_int_equal(parse_exact(json, strlen(json), &m, NULL), 0);
	assert_int_equal(m.kind, MESSAGE_RESULT);
	assert_true(message_id_equal(&m.id, &id));
	assert_int_equal(m.result->valueint, 3);
	message_finish(&m);
	cJSON_free(json);

	json = message_make_result(&id, NULL);
	assert_int_equal(parse_exact(json, strlen(json), &m, NULL), 0);
	assert_true(cJSON_IsObject(m.result));
	message_finish(&m);
	cJSON_free(json);

	json = message_make_notification("hello", NULL);
	assert_string_equal(json, "{" RPC ",\"method\":\"hello\"}");
	cJSON_free(json);
}

static void
test_every_error_survives_the_wire(void **state)
{
	struct message_id id = message_id_number(1);
	(void)state;

	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		struct np_error err, back;
		struct message m;
		cJSON *extra = cJSON_CreateObject();
		char *json;

		cJSON_AddStringToObject(extra, "device", "core1");
		cJSON_AddNumberToObject(extra, "retry_in", 2);
		error_set(&err, (enum np_reason)r, "core1: it \"broke\"");
		json = message_make_error(&id, &err, extra);
		assert_int_equal(parse_exact(json, strlen(json), &m, NULL), 0);
		assert_int_equal(m.kind, MESSAGE_ERROR);
		assert_int_equal(cJSON_GetObjectItem(m.error, "code")->valueint, message_code(err.reason));
		assert_string_equal(
		    cJSON_GetObjectItem(cJSON_GetObjectItem(m.error, "data"), "device")->valuestring, "core1");
		assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(m.error, "data"), "retry_in")->valueint, 2);
		message_error_read(m.error, &back);
		assert_int_equal(back.reason, err.reason);
		assert_string_equal(back.text, err.text);
		message_finish(&m);
		cJSON_free(json);
	}
}

static void
test_error_text_of_a_server_becomes_valid_and_harmless(void **state)
{
	struct message_id id = message_id_number(1);
	struct np_error err, back;
	struct message m;
	char *json;
	(void)state;

	error_set(&err, REASON_AUTH_FAILED, "said \"\x1b[2J\xff\"");
	json = message_make_error(&id, &err, NULL);
	assert_true(text_is_utf8(json, strlen(json)));
	assert_int_equal(parse_exact(json, strlen(json), &m, NULL), 0);
	message_error_read(m.error, &back);

	assert_string_equal(back.text, "said \"\\033[2J\\377\"");
	message_finish(&m);
	cJSON_free(json);
}

static void
test_foreign_error_objects_are_read_as_far_as_possible(void **state)
{
	static const struct {
		const char *json;
		enum np_reason reason;
		const char *text;
	} table[] = {
	    {"{}", REASON_INTERNAL, "error without a message"},
	    {"{\"code\":-32601,\"message\":\"m\"}", REASON_UNKNOWN_METHOD, "m"},
	    {"{\"code\":-32602,\"message\":\"m\"}", REASON_INVALID_PARAMS, "m"},
	    {"{\"code\":-32000,\"message\":\"m\"}", REASON_INTERNAL, "m"},
	    {"{\"code\":\"x\",\"message\":5,\"data\":[]}", REASON_INTERNAL, "error without a message"},
	    {"{\"message\":\"m\",\"data\":{\"reason\":\"paused\"}}", REASON_PAUSED, "m"},
	    {"{\"message\":\"m\",\"data\":{\"reason\":\"new_word\"}}", REASON_INTERNAL, "new_word: m"},
	    {"{\"message\":\"a\\u001b[2Jb\",\"data\":{\"reason\":\"\\u001b\"}}", REASON_INTERNAL, "\\033: a\\033[2Jb"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		cJSON *object = cJSON_Parse(table[i].json);
		struct np_error err;

		assert_non_null(object);
		message_error_read(object, &err);
		assert_int_equal(err.reason, table[i].reason);
		assert_string_equal(err.text, table[i].text);
		cJSON_Delete(object);
	}
}

static void
test_codes_are_those_of_json_rpc(void **state)
{
	(void)state;

	assert_int_equal(message_code(REASON_PARSE_ERROR), -32700);
	assert_int_equal(message_code(REASON_INVALID_REQUEST), -32600);
	assert_int_equal(message_code(REASON_UNKNOWN_METHOD), -32601);
	assert_int_equal(message_code(REASON_INVALID_PARAMS), -32602);
	assert_int_equal(message_code(REASON_AUTH_FAILED), -32000);
	assert_int_equal(message_code(REASON_INTERNAL), -32000);
}

static void
test_printed_json_is_harmless_on_a_terminal(void **state)
{
	cJSON *json = cJSON_CreateObject();
	char *text;
	(void)state;

	cJSON_AddStringToObject(json, "name\xc2\x9b", "\xe2\x80\xae\x1b\xc3\xa4");
	text = message_print(json);
	assert_string_equal(text, "{\"name\\u009b\":\"\\u202e\\u001b\xc3\xa4\"}");
	free(text);
	cJSON_Delete(json);
}

static void
test_rounded_numbers_are_written_as_people_do(void **state NP_UNUSED)
{
	static const struct {
		double x;
		int per_unit;
		const char *text;
	} cases[] = {
	    {0, 10, "0"},
	    {0.04, 10, "0"},
	    {0.05, 10, "0.1"},
	    {2.96, 10, "3"},
	    {10, 10, "10"},
	    {12.34, 10, "12.3"},
	    {-0.06, 10, "-0.1"},
	    {-3, 10, "-3"},
	    {1.005001, 100, "1.01"},
	    {1.1, 100, "1.1"},
	    {100, 1, "100"},
	    {4294967296.0, 1, "4294967296"},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		cJSON *object = cJSON_CreateObject();
		char want[40], *text;

		json_add_rounded(object, "x", cases[i].x, cases[i].per_unit);
		text = cJSON_PrintUnformatted(object);
		snprintf(want, sizeof(want), "{\"x\":%s}", cases[i].text);
		assert_string_equal(text, want);
		cJSON_free(text);
		cJSON_Delete(object);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_kind_is_recognised),
	    cmocka_unit_test(test_rounded_numbers_are_written_as_people_do),
	    cmocka_unit_test(test_members_are_found),
	    cmocka_unit_test(test_bad_messages_are_refused_with_a_reason),
	    cmocka_unit_test(test_no_beginning_of_a_message_is_a_message),
	    cmocka_unit_test(test_nul_byte_is_refused_wherever_it_stands),
	    cmocka_unit_test(test_refused_request_keeps_its_id_for_the_answer),
	    cmocka_unit_test(test_ids_are_accepted_up_to_their_limits),
	    cmocka_unit_test(test_string_ids_are_at_most_64_bytes),
	    cmocka_unit_test(test_nesting_is_bounded_before_anything_recurses),
	    cmocka_unit_test(test_brackets_inside_strings_do_not_count),
	    cmocka_unit_test(test_number_of_values_is_bounded),
	    cmocka_unit_test(test_ids_are_equal_by_kind_and_value),
	    cmocka_unit_test(test_made_messages_parse_back),
	    cmocka_unit_test(test_made_results_and_notifications_parse_back),
	    cmocka_unit_test(test_every_error_survives_the_wire),
	    cmocka_unit_test(test_error_text_of_a_server_becomes_valid_and_harmless),
	    cmocka_unit_test(test_foreign_error_objects_are_read_as_far_as_possible),
	    cmocka_unit_test(test_codes_are_those_of_json_rpc),
	    cmocka_unit_test(test_printed_json_is_harmless_on_a_terminal),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
