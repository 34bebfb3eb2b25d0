/*
 * An error as it travels up: a stable reason word for programs and a text for people, filled where it happened and
 * prefixed with context on the way.  Functions return 0 or -1 and take a struct np_error *.  Any thread.
 */
#ifndef NP_ERROR_H
#define NP_ERROR_H

#include "base/compiler.h"

/* The reason words of protocol version 1 (netpulse-protocol(7)); reason_name() gives their text. */
enum np_reason {
	REASON_NONE,
	REASON_PARSE_ERROR,
	REASON_INVALID_REQUEST,
	REASON_UNKNOWN_METHOD,
	REASON_INVALID_PARAMS,
	REASON_UNKNOWN_DEVICE,
	REASON_RESOLVE_FAILED,
	REASON_CONNECT_FAILED,
	REASON_CONNECT_TIMEOUT,
	REASON_JUMP_FAILED,
	REASON_HOST_KEY_UNKNOWN,
	REASON_HOST_KEY_CHANGED,
	REASON_AUTH_FAILED,
	REASON_AUTH_BACKOFF,
	REASON_BACKOFF,
	REASON_CREDENTIAL_FAILED,
	REASON_CHANNEL_REFUSED,
	REASON_EXEC_REFUSED,
	REASON_PROMPT_NOT_FOUND,
	REASON_PRIVILEGE_FAILED,
	REASON_CONFIG_REJECTED,
	REASON_QUEUE_TIMEOUT,
	REASON_QUEUE_FULL,
	REASON_FIRST_BYTE_TIMEOUT,
	REASON_IDLE_TIMEOUT,
	REASON_COMMAND_TIMEOUT,
	REASON_OUTCOME_UNKNOWN,
	REASON_WAITING_FOR_INPUT,
	REASON_OUTPUT_LIMIT,
	REASON_CANCELLED,
	REASON_NOT_RUN,
	REASON_DENIED,
	REASON_PAUSED,
	REASON_DISABLED,
	REASON_SHUTTING_DOWN,
	REASON_INTERNAL,
	REASON_COUNT
};

struct np_error {
	enum np_reason reason;
	char text[640]; /* cut at a character boundary when longer, always terminated */
};

/* The word of the protocol, "auth_failed"; "none" for REASON_NONE. */
const char *reason_name(enum np_reason reason);
/* The reason with that name, or REASON_COUNT. */
enum np_reason reason_parse(const char *name);

/* Sets reason and text; returns -1 so that `return error_set(...)` reads well.  err may be NULL. */
int error_set(struct np_error *err, enum np_reason reason, const char *fmt, ...) NP_PRINTF(3, 4);
/* As error_set() with ": " and strerror(errno) behind the text. */
int error_set_errno(struct np_error *err, enum np_reason reason, const char *fmt, ...) NP_PRINTF(3, 4);
/* Puts "context: " before the text; returns -1. */
int error_prefix(struct np_error *err, const char *fmt, ...) NP_PRINTF(2, 3);
void error_clear(struct np_error *err);

#endif
