/*
 * JSON-RPC 2.0 messages to and from cJSON.  Owns nothing but what it returns; knows no method; any thread.
 *
 * A text is scanned before cJSON sees it: cJSON recurses up to 1000 levels, takes control bytes for white space, cuts
 * strings at \u0000 and needs 60 times the memory of a short value.
 */
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

/* What the scan knows while it walks over a text. */
struct scan {
	const char *text;
	size_t size;
	size_t at;
	size_t depth;
	size_t values;
};

static int
scan_error(const struct scan *s, const char *what, struct np_error *err)
{
	return error_set(err, REASON_PARSE_ERROR, "%s at byte %zu of the message", what, s->at + 1);
}

/* Walks over one string; at stands on its opening quote and is left on the closing one. */
static int
scan_string(struct scan *s, struct np_error *err)
{
	for (s->at++; s->at < s->size; s->at++) {
		char c = s->text[s->at];

		if (c == '"')
			return 0;
		if ((unsigned char)c < 0x20)
			return scan_error(s, "control byte inside a string (write it as \\uXXXX)", err);
		if (c != '\\')
			continue;
		if (s->size - s->at > 5 && memcmp(s->text + s->at, "\\u0000", 6) == 0)
			return scan_error(s, "NUL inside a string", err);
		s->at++;
	}
	return scan_error(s, "string without end", err);
}

static int
scan_text(struct scan *s, struct np_error *err)
{
	for (; s->at < s->size; s->at++) {
		char c = s->text[s->at];

		if (c == '"') {
			if (scan_string(s, err) < 0)
				return -1;
		} else if (c == '{' || c == '[') {
			s->values++;
			if (++s->depth > MESSAGE_DEPTH_MAX)
				return scan_error(s, "more than 32 nested arrays and objects", err);
		} else if ((c == '}' || c == ']') && s->depth > 0) {
			s->depth--;
		} else if (c == ',') {
			s->values++;
		} else if ((unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r') {
			return scan_error(s, "control byte", err);
		}
		if (s->values > MESSAGE_VALUES_MAX)
			return scan_error(s, "more than 100000 values", err);
	}
	return 0;
}

/* The text as a tree that the caller deletes, or NULL with err. */
static cJSON *
parse_text(const char *json, size_t size, struct np_error *err)
{
	struct scan s = {.text = json, .size = size};
	const char *end = json;
	cJSON *root;

	if (!text_is_utf8(json, size)) {
		error_set(err, REASON_PARSE_ERROR, "the message is not UTF-8");
		return NULL;
	}
	if (scan_text(&s, err) < 0)
		return NULL;
	root = cJSON_ParseWithLengthOpts(json, size, &end, 0);
	s.at = (size_t)(end - json);
	if (root == NULL) {
		scan_error(&s, "malformed JSON", err);
		return NULL;
	}
	while (s.at < size && memchr(" \t\n\r", json[s.at], 4) != NULL)
		s.at++;
	if (s.at < size) {
		scan_error(&s, "something follows the JSON object", err);
		cJSON_Delete(root);
		return NULL;
	}
	return root;
}

bool
message_id_from_json(const cJSON *value, struct message_id *id)
{
	double number;

	memset(id, 0, sizeof(*id));
	if (cJSON_IsNull(value)) {
		id->kind = MESSAGE_ID_NULL;
		return true;
	}
	if (cJSON_IsString(value) && strlen(value->valuestring) <= MESSAGE_ID_MAX) {
		id->kind = MESSAGE_ID_STRING;
		memcpy(id->string, value->valuestring, strlen(value->valuestring));
		return true;
	}
	if (!cJSON_IsNumber(value))
		return false;
	number = value->valuedouble;
	if (!(number >= -MESSAGE_INT_MAX && number <= MESSAGE_INT_MAX) || (double)(int64_t)number != number)
		return false;
	id->kind = MESSAGE_ID_NUMBER;
	id->number = (int64_t)number;
	return true;
}

/* The members of a JSON-RPC object. */
struct envelope {
	const cJSON *jsonrpc;
	const cJSON *id;
	const cJSON *method;
	const cJSON *params;
	const cJSON *result;
	const cJSON *error;
};

/* Finds the members; -1 when one of them is there twice, since two readers could take different ones. */
static int
envelope_read(const cJSON *root, struct envelope *e, struct np_error *err)
{
	const struct {
		const char *name;
		const cJSON **slot;
	} members[] = {
	    {"jsonrpc", &e->jsonrpc},
	    {"id", &e->id},
	    {"method", &e->method},
	    {"params", &e->params},
	    {"result", &e->result},
	    {"error", &e->error},
	};
	const cJSON *item;
	size_t i;

	cJSON_ArrayForEach (item, root) {
		for (i = 0; i < NP_COUNT(members); i++) {
			if (strcmp(item->string, members[i].name) != 0)
				continue;
			if (*members[i].slot != NULL)
				return error_set(err, REASON_INVALID_REQUEST, "\"%s\" is there twice", members[i].name);
			*members[i].slot = item;
		}
	}
	return 0;
}

/* A call: request with an id, notification without. */
static int
classify_call(struct message *m, const struct envelope *e, struct np_error *err)
{
	if (!cJSON_IsString(e->method) || e->method->valuestring[0] == '\0')
		return error_set(err, REASON_INVALID_REQUEST, "\"method\" must be a string and not empty");
	if (e->result != NULL || e->error != NULL)
		return error_set(err, REASON_INVALID_REQUEST, "\"method\" excludes \"result\" and \"error\"");
	if (m->id.kind == MESSAGE_ID_NULL)
		return error_set(err, REASON_INVALID_REQUEST, "\"id\" of a request must not be null");
	if (e->params != NULL && !cJSON_IsObject(e->params))
		return error_set(err, REASON_INVALID_PARAMS, "\"params\" must be an object");
	m->kind = m->id.kind == MESSAGE_ID_NONE ? MESSAGE_NOTIFICATION : MESSAGE_REQUEST;
	m->method = e->method->valuestring;
	m->params = e->params;
	return 0;
}

/* A response: result or error, with the id of its request; an error may answer what had no readable id. */
static int
classify_response(struct message *m, const struct envelope *e, struct np_error *err)
{
	if (e->result == NULL && e->error == NULL)
		return error_set(err, REASON_INVALID_REQUEST, "\"method\" is missing");
	if (e->result != NULL && e->error != NULL)
		return error_set(err, REASON_INVALID_REQUEST, "\"result\" excludes \"error\"");
	if (m->id.kind == MESSAGE_ID_NONE)
		return error_set(err, REASON_INVALID_REQUEST, "\"id\" is missing");
	if (e->error != NULL && !cJSON_IsObject(e->error))
		return error_set(err, REASON_INVALID_REQUEST, "\"error\" must be an object");
	if (e->result != NULL && m->id.kind == MESSAGE_ID_NULL)
		return error_set(err, REASON_INVALID_REQUEST, "\"id\" of a result must not be null");
	m->kind = e->error != NULL ? MESSAGE_ERROR : MESSAGE_RESULT;
	m->result = e->result;
	m->error = e->error;
	return 0;
}

static int
classify(struct message *m, struct np_error *err)
{
	struct envelope e = {NULL, NULL, NULL, NULL, NULL, NULL};
	const char *version;
	int twice;

	if (cJSON_IsArray(m->root))
		return error_set(err, REASON_INVALID_REQUEST, "batches are not supported: send one object a frame");
	if (!cJSON_IsObject(m->root))
		return error_set(err, REASON_INVALID_REQUEST, "the message is not an object");
	twice = envelope_read(m->root, &e, err);
	if (e.id != NULL && !message_id_from_json(e.id, &m->id)) {
		m->id.kind = MESSAGE_ID_NULL;
		return error_set(err, REASON_INVALID_REQUEST,
		    "\"id\" must be an integer up to 2^53 or a string of at most %d bytes", MESSAGE_ID_MAX);
	}
	if (twice < 0)
		return -1;
	version = cJSON_GetStringValue(e.jsonrpc);
	if (version == NULL || strcmp(version, "2.0") != 0)
		return error_set(err, REASON_INVALID_REQUEST, "\"jsonrpc\" must be \"2.0\"");
	return e.method != NULL ? classify_call(m, &e, err) : classify_response(m, &e, err);
}

int
message_parse(const char *json, size_t size, struct message *m, struct np_error *err)
{
	memset(m, 0, sizeof(*m));
	m->root = parse_text(json, size, err);
	if (m->root != NULL && classify(m, err) == 0)
		return 0;
	if (m->id.kind == MESSAGE_ID_NONE)
		m->id.kind = MESSAGE_ID_NULL;
	m->method = NULL;
	m->params = NULL;
	message_finish(m);
	return -1;
}

void
message_finish(struct message *m)
{
	cJSON_Delete(m->root);
	m->root = NULL;
}

bool
message_id_equal(const struct message_id *a, const struct message_id *b)
{
	/* What a kind does not use is zero. */
	return a->kind == b->kind && a->number == b->number && strcmp(a->string, b->string) == 0;
}

struct message_id
message_id_number(int64_t number)
{
	return (struct message_id){.kind = MESSAGE_ID_NUMBER, .number = number};
}

cJSON *
message_id_to_json(const struct message_id *id)
{
	char number[32];

	switch (id->kind) {
	case MESSAGE_ID_NONE:
	case MESSAGE_ID_NULL:
		break;
	case MESSAGE_ID_NUMBER:
		/* cJSON prints integers beyond 2^31 with 15 digits and calls 9007199254740991 equal to what is left. */
		snprintf(number, sizeof(number), "%lld", (long long)id->number);
		return xchecked(cJSON_CreateRaw(number));
	case MESSAGE_ID_STRING:
		return xchecked(cJSON_CreateString(id->string));
	}
	return xchecked(cJSON_CreateNull());
}

/* Puts value, owned from now on, into object. */
static void
add(cJSON *object, const char *name, cJSON *value)
{
	/* The object is a fresh one: only memory can fail. */
	xchecked(cJSON_AddItemToObject(object, name, xchecked(value)) ? object : NULL);
}

/* Prints a message of these members, which are taken over; NULL: there is none. */
static char *
make(const struct message_id *id, const char *method, const char *name, cJSON *value)
{
	cJSON *root = xchecked(cJSON_CreateObject());
	char *text;

	add(root, "jsonrpc", cJSON_CreateString("2.0"));
	if (id != NULL)
		add(root, "id", message_id_to_json(id));
	if (method != NULL)
		add(root, "method", cJSON_CreateString(method));
	if (value != NULL)
		add(root, name, value);
	text = xchecked(cJSON_PrintUnformatted(root));
	cJSON_Delete(root);
	return text;
}

char *
message_print(const cJSON *json)
{
	char *printed = xchecked(cJSON_PrintUnformatted(json));
	char *text = text_json_vis(printed);

	cJSON_free(printed);
	return text;
}

char *
message_make_request(const struct message_id *id, const char *method, cJSON *params)
{
	return make(id, method, "params", params);
}

char *
message_make_notification(const char *method, cJSON *params)
{
	return make(NULL, method, "params", params);
}

char *
message_make_result(const struct message_id *id, cJSON *result)
{
	return make(id, NULL, "result", result != NULL ? result : xchecked(cJSON_CreateObject()));
}

char *
message_make_error(const struct message_id *id, const struct np_error *err, cJSON *data_extra)
{
	return make(id, NULL, "error", message_error_object(err, data_extra));
}

cJSON *
message_error_object(const struct np_error *err, cJSON *data_extra)
{
	cJSON *object = xchecked(cJSON_CreateObject());
	cJSON *data = xchecked(cJSON_CreateObject());
	char *text = text_vis(err->text, strlen(err->text), true); /* JSON must be UTF-8, whatever a server wrote */

	add(object, "code", cJSON_CreateNumber(message_code(err->reason)));
	add(object, "message", cJSON_CreateString(text));
	add(data, "reason", cJSON_CreateString(reason_name(err->reason)));
	if (err->cause != REASON_NONE)
		add(data, "cause", cJSON_CreateString(reason_name(err->cause)));
	while (data_extra != NULL && data_extra->child != NULL) {
		cJSON *item = cJSON_DetachItemViaPointer(data_extra, data_extra->child);
		char *name = xstrdup(item->string);

		add(data, name, item);
		free(name);
	}
	cJSON_Delete(data_extra);
	add(object, "data", data);
	free(text);
	return object;
}

static const struct {
	enum np_reason reason;
	int code;
} own_codes[] = {
    {REASON_PARSE_ERROR, MESSAGE_CODE_PARSE},
    {REASON_INVALID_REQUEST, MESSAGE_CODE_INVALID_REQUEST},
    {REASON_UNKNOWN_METHOD, MESSAGE_CODE_METHOD},
    {REASON_INVALID_PARAMS, MESSAGE_CODE_PARAMS},
};

int
message_code(enum np_reason reason)
{
	size_t i;

	for (i = 0; i < NP_COUNT(own_codes); i++)
		if (own_codes[i].reason == reason)
			return own_codes[i].code;
	return MESSAGE_CODE_SERVER;
}

void
message_error_read(const cJSON *error, struct np_error *err)
{
	const cJSON *code = cJSON_GetObjectItemCaseSensitive(error, "code");
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(error, "data");
	const char *word = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "reason"));
	const char *cause = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "cause"));
	const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "message"));
	char safe[sizeof(err->text)];
	char safe_word[64];
	size_t i;

	text_vis_into(safe, sizeof(safe), message != NULL ? message : "error without a message");
	if (word != NULL && reason_parse(word) < REASON_COUNT) {
		error_set(err, reason_parse(word), "%s", safe);
		if (cause != NULL)
			err->cause = reason_parse(cause);
	} else if (word != NULL) {
		/* A newer broker knows more words than we do; the word is still worth showing. */
		error_set(err, REASON_INTERNAL, "%s: %s", text_vis_into(safe_word, sizeof(safe_word), word), safe);
	} else {
		error_set(err, REASON_INTERNAL, "%s", safe);
		for (i = 0; i < NP_COUNT(own_codes); i++)
			if (cJSON_IsNumber(code) && code->valueint == own_codes[i].code)
				err->reason = own_codes[i].reason;
	}
}
