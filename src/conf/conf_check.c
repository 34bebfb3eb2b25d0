/*
 * Checks of single values that need more than a type and a range.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_impl.h"
#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"

#define NAME_MAX_BYTES 128
#define JUMPS_MAX 16

/* Names stand on command lines, in comma separated lists and beside globs. */
int
conf_check_name(const char *text, struct np_error *err)
{
	size_t length = strlen(text);

	if (length == 0 || length > NAME_MAX_BYTES)
		return error_set(err, REASON_INVALID_PARAMS, "a device name has 1 to %d bytes", NAME_MAX_BYTES);
	if (text[0] == '@' || text[0] == '-')
		return error_set(err, REASON_INVALID_PARAMS, "a device name must not begin with `%c`", text[0]);
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr(",*?[]", *p) != NULL)
			return error_set(err, REASON_INVALID_PARAMS,
			    "a device name must not hold white space, control bytes, commas or any of * ? [ ]");
	}
	return 0;
}

int
conf_check_group(const char *text, struct np_error *err)
{
	if (text[0] != '\0' && text[0] != '@' && strlen(text) <= NAME_MAX_BYTES && strpbrk(text, " \t,*?[]") == NULL)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS,
	    "a group name has 1 to %d bytes, no `@` at the front, no white space, comma or any of * ? [ ]",
	    NAME_MAX_BYTES);
}

int
conf_check_type(const char *text, struct np_error *err)
{
	if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text))
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "only a-z, 0-9 and _, as in cisco_ios");
}

int
conf_check_credential(const char *text, struct np_error *err)
{
	if (strchr(text, '/') == NULL && strcmp(text, ".") != 0 && strcmp(text, "..") != 0)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS,
	    "the name of a credential that systemd passes, without a `/`; for any other file use `password_file`");
}

int
conf_check_jump(const char *text, struct np_error *err)
{
	char *copy, *rest;
	int hops = 0, r = 0;

	if (strcmp(text, "none") == 0)
		return 0;
	copy = rest = xstrdup(text);
	for (char *hop; r == 0 && (hop = strsep(&rest, ",")) != NULL;) {
		struct operand op;

		if (++hops > JUMPS_MAX)
			r = error_set(err, REASON_INVALID_PARAMS, "more than %d hops", JUMPS_MAX);
		else if ((r = operand_parse(hop, &op, err)) == 0)
			operand_finish(&op);
	}
	free(copy);
	return r;
}
