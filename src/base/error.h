/*
 * An error as it travels up: a stable reason word for programs and a text for people, filled where it happened and
 * prefixed with context on the way.  Functions return 0 or -1 and take a struct np_error *.  Any thread.
 */
#ifndef NP_ERROR_H
#define NP_ERROR_H

#include "base/compiler.h"

/* The reason words of protocol version 1 (netpulse-protocol(7)); reason_name() gives their text. */
#define REASONS(X)                                                                                                     \
	X(REASON_NONE, "none")                                                                                         \
	X(REASON_PARSE_ERROR, "parse_error")                                                                           \
	X(REASON_INVALID_REQUEST, "invalid_request")                                                                   \
	X(REASON_UNKNOWN_METHOD, "unknown_method")                                                                     \
	X(REASON_INVALID_PARAMS, "invalid_params")                                                                     \
	X(REASON_UNKNOWN_DEVICE, "unknown_device")                                                                     \
	X(REASON_RESOLVE_FAILED, "resolve_failed")                                                                     \
	X(REASON_CONNECT_FAILED, "connect_failed")                                                                     \
	X(REASON_CONNECT_TIMEOUT, "connect_timeout")                                                                   \
	X(REASON_JUMP_FAILED, "jump_failed")                                                                           \
	X(REASON_HOST_KEY_UNKNOWN, "host_key_unknown")                                                                 \
	X(REASON_HOST_KEY_CHANGED, "host_key_changed")                                                                 \
	X(REASON_AUTH_FAILED, "auth_failed")                                                                           \
	X(REASON_AUTH_BACKOFF, "auth_backoff")                                                                         \
	X(REASON_BACKOFF, "backoff")                                                                                   \
	X(REASON_CREDENTIAL_FAILED, "credential_failed")                                                               \
	X(REASON_CHANNEL_REFUSED, "channel_refused")                                                                   \
	X(REASON_EXEC_REFUSED, "exec_refused")                                                                         \
	X(REASON_PROMPT_NOT_FOUND, "prompt_not_found")                                                                 \
	X(REASON_PRIVILEGE_FAILED, "privilege_failed")                                                                 \
	X(REASON_CONFIG_REJECTED, "config_rejected")                                                                   \
	X(REASON_QUEUE_TIMEOUT, "queue_timeout")                                                                       \
	X(REASON_QUEUE_FULL, "queue_full")                                                                             \
	X(REASON_FIRST_BYTE_TIMEOUT, "first_byte_timeout")                                                             \
	X(REASON_IDLE_TIMEOUT, "idle_timeout")                                                                         \
	X(REASON_COMMAND_TIMEOUT, "command_timeout")                                                                   \
	X(REASON_OUTCOME_UNKNOWN, "outcome_unknown")                                                                   \
	X(REASON_WAITING_FOR_INPUT, "waiting_for_input")                                                               \
	X(REASON_OUTPUT_LIMIT, "output_limit")                                                                         \
	X(REASON_CANCELLED, "cancelled")                                                                               \
	X(REASON_NOT_RUN, "not_run")                                                                                   \
	X(REASON_DENIED, "denied")                                                                                     \
	X(REASON_PAUSED, "paused")                                                                                     \
	X(REASON_DISABLED, "disabled")                                                                                 \
	X(REASON_SHUTTING_DOWN, "shutting_down")                                                                       \
	X(REASON_BROKER_UNAVAILABLE, "broker_unavailable")                                                             \
	X(REASON_INTERNAL, "internal")

#define REASON_MEMBER(reason, word) reason,
enum np_reason { REASONS(REASON_MEMBER) REASON_COUNT };
#undef REASON_MEMBER

struct np_error {
	enum np_reason reason;
	enum np_reason cause; /* of jump_failed: the jump host's own; else none */
	char text[640];       /* cut at a character boundary when longer, always terminated */
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
