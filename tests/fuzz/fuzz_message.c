/*
 * Fuzz target for src/wire/message.c: whatever the bytes, parsing ends in a message that keeps the promises of
 * message.h and survives being printed and parsed again, or in an error with its reason.
 */
#include "fuzz.h"

#include <string.h>

#include "wire/message.h"
#include "base/text.h"

static void
check_id(const struct message_id *id)
{
	struct message_id back;
	cJSON *json;

	FUZZ_ASSERT(strlen(id->string) <= MESSAGE_ID_MAX);
	if (id->kind == MESSAGE_ID_NONE)
		return;
	json = message_id_to_json(id);
	/* A number is a raw text there, so it is read back through print and parse. */
	char *text = cJSON_PrintUnformatted(json);
	cJSON *parsed = cJSON_Parse(text);
	FUZZ_ASSERT(message_id_from_json(parsed, &back));
	FUZZ_ASSERT(message_id_equal(id, &back));
	cJSON_Delete(parsed);
	cJSON_free(text);
	cJSON_Delete(json);
}

static void
check_error_object(const cJSON *error)
{
	struct np_error err;

	message_error_read(error, &err);
	FUZZ_ASSERT((unsigned)err.reason < REASON_COUNT);
	FUZZ_ASSERT(text_is_utf8(err.text, strlen(err.text)));
	FUZZ_ASSERT(strpbrk(err.text, "\x1b\r\n") == NULL);
}

static void
check_members(const struct message *m)
{
	switch (m->kind) {
	case MESSAGE_REQUEST:
	case MESSAGE_NOTIFICATION:
		FUZZ_ASSERT(m->method != NULL && *m->method != '\0');
		FUZZ_ASSERT(m->params == NULL || cJSON_IsObject(m->params));
		FUZZ_ASSERT((m->kind == MESSAGE_NOTIFICATION) == (m->id.kind == MESSAGE_ID_NONE));
		FUZZ_ASSERT(m->id.kind != MESSAGE_ID_NULL);
		break;
	case MESSAGE_RESULT:
		FUZZ_ASSERT(m->result != NULL && m->error == NULL && m->method == NULL);
		FUZZ_ASSERT(m->id.kind == MESSAGE_ID_NUMBER || m->id.kind == MESSAGE_ID_STRING);
		break;
	case MESSAGE_ERROR:
		FUZZ_ASSERT(cJSON_IsObject(m->error) && m->result == NULL && m->method == NULL);
		FUZZ_ASSERT(m->id.kind != MESSAGE_ID_NONE);
		check_error_object(m->error);
		break;
	}
}

/* Printed and parsed again, it is the same message.  Ids beyond 15 digits are rounded by cJSON's printer: not equal. */
static void
check_reparse(const struct message *m)
{
	char *text = cJSON_PrintUnformatted(m->root);
	struct message again;
	struct np_error err;

	FUZZ_ASSERT(text != NULL);
	if (message_parse(text, strlen(text), &again, &err) < 0) {
		fprintf(stderr, "%s\n%s\n", text, err.text);
		abort();
	}
	FUZZ_ASSERT(again.kind == m->kind && again.id.kind == m->id.kind);
	FUZZ_ASSERT((again.method == NULL) == (m->method == NULL));
	FUZZ_ASSERT(m->method == NULL || strcmp(m->method, again.method) == 0);
	message_finish(&again);
	cJSON_free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct np_error err;
	struct message m;

	error_clear(&err);
	if (message_parse((const char *)data, size, &m, &err) < 0) {
		FUZZ_ASSERT(err.reason == REASON_PARSE_ERROR || err.reason == REASON_INVALID_REQUEST ||
			    err.reason == REASON_INVALID_PARAMS);
		FUZZ_ASSERT(err.text[0] != '\0' && text_is_utf8(err.text, strlen(err.text)));
		FUZZ_ASSERT(m.root == NULL && m.id.kind != MESSAGE_ID_NONE);
		check_id(&m.id);
		return 0;
	}
	check_id(&m.id);
	check_members(&m);
	check_reparse(&m);
	message_finish(&m);
	return 0;
}
