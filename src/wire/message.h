/*
 * Messages of protocol version 1: JSON-RPC 2.0 objects to and from cJSON.  Pure; shared by the daemon and the clients.
 */
#ifndef NP_MESSAGE_H
#define NP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/error.h"

#define MESSAGE_ID_MAX 64                  /* bytes of a string id */
#define MESSAGE_INT_MAX 9007199254740992.0 /* 2^53: integers beyond it are not exact in JSON */
#define MESSAGE_DEPTH_MAX 32               /* nested arrays and objects: cJSON recurses */
#define MESSAGE_VALUES_MAX 100000          /* values in one message: each costs cJSON 64 bytes and more */

/* JSON-RPC's own error codes; everything else is MESSAGE_CODE_SERVER with a reason word in data.reason. */
#define MESSAGE_CODE_PARSE (-32700)
#define MESSAGE_CODE_INVALID_REQUEST (-32600)
#define MESSAGE_CODE_METHOD (-32601)
#define MESSAGE_CODE_PARAMS (-32602)
#define MESSAGE_CODE_SERVER (-32000)

enum message_id_kind { MESSAGE_ID_NONE, MESSAGE_ID_NULL, MESSAGE_ID_NUMBER, MESSAGE_ID_STRING };

/* An id by value; compare with message_id_equal(). */
struct message_id {
	enum message_id_kind kind;
	int64_t number;
	char string[MESSAGE_ID_MAX + 1];
};

enum message_kind { MESSAGE_REQUEST, MESSAGE_NOTIFICATION, MESSAGE_RESULT, MESSAGE_ERROR };

/* One parsed message.  All pointers point into root, which message_finish() frees. */
struct message {
	enum message_kind kind;
	struct message_id id;
	const char *method;  /* request, notification */
	const cJSON *params; /* an object, or NULL */
	const cJSON *result; /* MESSAGE_RESULT */
	const cJSON *error;  /* MESSAGE_ERROR: the error object */
	cJSON *root;
};

/*
 * Parses one JSON text (UTF-8, not terminated).  Returns 0, or -1 with err: parse_error when it is not JSON or exceeds
 * the bounds above, invalid_request when it is no JSON-RPC 2.0 object, invalid_params when params are no object; in the
 * two latter cases m->id is set as far as it could be read, for the answer, else it is null.  Trailing bytes, NUL bytes
 * (also as \u0000, which cJSON would cut strings at), invalid UTF-8, batches and repeated members of the envelope are
 * refused; members of params are for their reader to check.  On 0 the caller calls message_finish(); after -1 it may.
 */
int message_parse(const char *json, size_t size, struct message *m, struct np_error *err) NP_MUST_CHECK;
void message_finish(struct message *m);

bool message_id_equal(const struct message_id *a, const struct message_id *b);
struct message_id message_id_number(int64_t number);
/* Reads an id from a JSON value (params.id of notifications); false when it is none. */
bool message_id_from_json(const cJSON *value, struct message_id *id);
cJSON *message_id_to_json(const struct message_id *id);

/* Each takes ownership of params/result, and returns JSON text that the caller frees with cJSON_free(). */
char *message_make_request(const struct message_id *id, const char *method, cJSON *params) NP_MALLOC;
char *message_make_notification(const char *method, cJSON *params) NP_MALLOC;
char *message_make_result(const struct message_id *id, cJSON *result) NP_MALLOC;
/* data_extra: further members for error.data beside reason (owned, may be NULL). */
char *message_make_error(const struct message_id *id, const struct np_error *err, cJSON *data_extra) NP_MALLOC;
/* JSON on one line for a file or a terminal: text_json_vis() of it.  The caller frees it with free(). */
char *message_print(const cJSON *json) NP_MALLOC;
/* The error object {code, message, data:{reason}} alone, for `result` notifications. */
cJSON *message_error_object(const struct np_error *err, cJSON *data_extra);
/* The JSON-RPC code that goes with a reason. */
int message_code(enum np_reason reason);
/* Reads an error object back into err; texts are made harmless for terminals. */
void message_error_read(const cJSON *error, struct np_error *err);

#endif
