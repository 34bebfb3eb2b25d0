/*
 * Errors on their way up: reason word and text.  Owns only the table of words; any thread.
 *
 * Every function leaves errno as it was, and the arguments of the format may point into the error that is written.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const reason_names[] = {
    [REASON_NONE] = "none",
    [REASON_PARSE_ERROR] = "parse_error",
    [REASON_INVALID_REQUEST] = "invalid_request",
    [REASON_UNKNOWN_METHOD] = "unknown_method",
    [REASON_INVALID_PARAMS] = "invalid_params",
    [REASON_UNKNOWN_DEVICE] = "unknown_device",
    [REASON_RESOLVE_FAILED] = "resolve_failed",
    [REASON_CONNECT_FAILED] = "connect_failed",
    [REASON_CONNECT_TIMEOUT] = "connect_timeout",
    [REASON_JUMP_FAILED] = "jump_failed",
    [REASON_HOST_KEY_UNKNOWN] = "host_key_unknown",
    [REASON_HOST_KEY_CHANGED] = "host_key_changed",
    [REASON_AUTH_FAILED] = "auth_failed",
    [REASON_AUTH_BACKOFF] = "auth_backoff",
    [REASON_BACKOFF] = "backoff",
    [REASON_CREDENTIAL_FAILED] = "credential_failed",
    [REASON_CHANNEL_REFUSED] = "channel_refused",
    [REASON_EXEC_REFUSED] = "exec_refused",
    [REASON_PROMPT_NOT_FOUND] = "prompt_not_found",
    [REASON_PRIVILEGE_FAILED] = "privilege_failed",
    [REASON_CONFIG_REJECTED] = "config_rejected",
    [REASON_QUEUE_TIMEOUT] = "queue_timeout",
    [REASON_QUEUE_FULL] = "queue_full",
    [REASON_FIRST_BYTE_TIMEOUT] = "first_byte_timeout",
    [REASON_IDLE_TIMEOUT] = "idle_timeout",
    [REASON_COMMAND_TIMEOUT] = "command_timeout",
    [REASON_OUTCOME_UNKNOWN] = "outcome_unknown",
    [REASON_WAITING_FOR_INPUT] = "waiting_for_input",
    [REASON_OUTPUT_LIMIT] = "output_limit",
    [REASON_CANCELLED] = "cancelled",
    [REASON_NOT_RUN] = "not_run",
    [REASON_DENIED] = "denied",
    [REASON_PAUSED] = "paused",
    [REASON_DISABLED] = "disabled",
    [REASON_SHUTTING_DOWN] = "shutting_down",
    [REASON_INTERNAL] = "internal",
};

_Static_assert(NP_COUNT(reason_names) == REASON_COUNT, "every reason needs its word");

const char *
reason_name(enum np_reason reason)
{
	if ((unsigned)reason >= REASON_COUNT)
		return "internal";
	return reason_names[reason];
}

enum np_reason
reason_parse(const char *name)
{
	unsigned i;

	for (i = 0; i < REASON_COUNT; i++)
		if (strcmp(reason_names[i], name) == 0)
			return (enum np_reason)i;
	return REASON_COUNT;
}

/* Copies src, cut so that no UTF-8 character loses its tail. */
static void
error_store(struct np_error *err, const char *src)
{
	size_t n = strlen(src);

	if (n >= sizeof(err->text)) {
		n = sizeof(err->text) - 1;
		while (n > 0 && ((unsigned char)src[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(err->text, src, n);
	err->text[n] = '\0';
}

/* Twice the size of the text and more: whatever is cut here would be cut by error_store() anyway. */
struct error_scratch {
	char text[2 * sizeof(((struct np_error *)0)->text) + 256];
};

int
error_set(struct np_error *err, enum np_reason reason, const char *fmt, ...)
{
	struct error_scratch s;
	int saved = errno;
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(s.text, sizeof(s.text), fmt, ap);
	va_end(ap);
	err->reason = reason;
	error_store(err, s.text);
	errno = saved;
	return -1;
}

int
error_set_errno(struct np_error *err, enum np_reason reason, const char *fmt, ...)
{
	struct error_scratch s;
	int saved = errno;
	size_t n;
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(s.text, sizeof(s.text), fmt, ap);
	va_end(ap);
	n = strlen(s.text);
	errno = saved;
	snprintf(s.text + n, sizeof(s.text) - n, ": %m"); /* strerror() is not thread-safe everywhere */
	err->reason = reason;
	error_store(err, s.text);
	errno = saved;
	return -1;
}

int
error_prefix(struct np_error *err, const char *fmt, ...)
{
	struct error_scratch s;
	int saved = errno;
	size_t n;
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(s.text, sizeof(err->text), fmt, ap);
	va_end(ap);
	n = strlen(s.text);
	snprintf(s.text + n, sizeof(s.text) - n, ": %s", err->text);
	error_store(err, s.text);
	errno = saved;
	return -1;
}

void
error_clear(struct np_error *err)
{
	if (err == NULL)
		return;
	err->reason = REASON_NONE;
	err->text[0] = '\0';
}
