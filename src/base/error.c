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

#define REASON_WORD(reason, word) [reason] = word,
static const char *const reason_names[] = {REASONS(REASON_WORD)};

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

/*
 * Writes the text and, where there is one, ": tail" behind it.  Cut so that no UTF-8 character loses its tail; what the
 * scratch space cuts would be cut anyway.
 */
static int NP_PRINTF(2, 0) error_write(struct np_error *err, const char *fmt, va_list ap, const char *tail)
{
	char text[2 * sizeof(struct np_error) + 256];
	int saved = errno;
	size_t n;

	if (err == NULL)
		return -1;
	vsnprintf(text, sizeof(text), fmt, ap);
	n = strlen(text);
	if (tail != NULL)
		snprintf(text + n, sizeof(text) - n, ": %s", tail);
	n = strlen(text);
	if (n >= sizeof(err->text))
		n = sizeof(err->text) - 1;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	memcpy(err->text, text, n);
	err->text[n] = '\0';
	errno = saved;
	return -1;
}

int
error_set(struct np_error *err, enum np_reason reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_write(err, fmt, ap, NULL);
	va_end(ap);
	if (err != NULL) {
		err->reason = reason;
		err->cause = REASON_NONE;
	}
	return -1;
}

int
error_set_errno(struct np_error *err, enum np_reason reason, const char *fmt, ...)
{
	char why[128];
	va_list ap;

	snprintf(why, sizeof(why), "%m"); /* strerror() is not thread-safe everywhere */
	va_start(ap, fmt);
	error_write(err, fmt, ap, why);
	va_end(ap);
	if (err != NULL) {
		err->reason = reason;
		err->cause = REASON_NONE;
	}
	return -1;
}

int
error_prefix(struct np_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	error_write(err, fmt, ap, err != NULL ? err->text : NULL);
	va_end(ap);
	return -1;
}

void
error_clear(struct np_error *err)
{
	if (err == NULL)
		return;
	err->reason = err->cause = REASON_NONE;
	err->text[0] = '\0';
}
