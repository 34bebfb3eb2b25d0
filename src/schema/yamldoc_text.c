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

bool
yamldoc_text_is_null(const char *text)
{
	return strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
	       strcmp(text, "NULL") == 0;
}

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

static const char *
skip_digits(const char *p)
{
	while (*p >= '0' && *p <= '9')
		p++;
	return p;
}

/* [-+] digits [. digits] [e [-+] digits]; the number begins no second digit after a zero. */
static bool
is_number(const char *p, bool integer)
{
	const char *start;

	if (*p == '-' || *p == '+')
		p++;
	start = p;
	p = skip_digits(p);
	if (p - start > 1 && *start == '0')
		return false;
	if (integer)
		return p > start && *p == '\0';
	if (*p == '.') {
		const char *fraction = p + 1;

		p = skip_digits(fraction);
		if (p == fraction)
			return false;
	} else if (p == start) {
		return false;
	}
	if (*p == 'e' || *p == 'E') {
		const char *exponent = p + 1 + (p[1] == '-' || p[1] == '+');

		p = skip_digits(exponent);
		if (p == exponent)
			return false;
	}
	return *p == '\0';
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
