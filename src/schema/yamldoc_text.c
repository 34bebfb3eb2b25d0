/*
 * What plain YAML scalars stand for: null, booleans, numbers.  Stricter than YAML 1.1 on purpose: `010` (octal there),
 * `1:30` (base sixty) and `.inf` are refused, because people who write them rarely mean that.
 */
#include "schema/yamldoc.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* word in lower case, Capitalised or in UPPER case, but not mIxEd. */
static bool
is_word(const char *text, const char *word)
{
	bool upper = isupper((unsigned char)text[0]) && isupper((unsigned char)text[1]);

	if (strcasecmp(text, word) != 0)
		return false;
	for (size_t i = 1; text[i] != '\0'; i++) {
		if ((isupper((unsigned char)text[i]) != 0) != upper)
			return false;
	}
	return true;
}

bool
yamldoc_text_is_null(const char *text)
{
	return strcmp(text, "~") == 0 || is_word(text, "null");
}

bool
yamldoc_text_bool(const char *text, bool *value)
{
	if (is_word(text, "true") || is_word(text, "yes") || is_word(text, "on"))
		*value = true;
	else if (is_word(text, "false") || is_word(text, "no") || is_word(text, "off"))
		*value = false;
	else
		return false;
	return true;
}

/* [-+] digits [. digits] [e [-+] digits]; the number begins no second digit after a zero. */
static bool
is_number(const char *text, bool integer)
{
	const char *p = text + (*text == '-' || *text == '+'), *point = strchr(p, '.');
	char *end;

	if ((p[0] != '.' && !isdigit((unsigned char)p[0])) || (p[0] == '0' && isdigit((unsigned char)p[1])) ||
	    (point != NULL && !isdigit((unsigned char)point[1])) ||
	    p[strspn(p, integer ? "0123456789" : "0123456789.eE+-")] != '\0')
		return false;
	(void)strtod(text, &end);
	return *end == '\0';
}

bool
yamldoc_text_number(const char *text, double *value)
{
	if (!is_number(text, false))
		return false;
	*value = strtod(text, NULL);
	return isfinite(*value);
}

bool
yamldoc_text_integer(const char *text, double *value)
{
	return is_number(text, true) && yamldoc_text_number(text, value);
}
