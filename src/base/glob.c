/* Shell patterns; see glob.h. */
#include "base/glob.h"

#include <string.h>

/* The bracket that begins at *p against byte c; *p is moved behind it.  A `]` that stands first is an ordinary byte. */
static bool
match_bracket(const char **p, unsigned char c)
{
	const char *s = *p + 1;
	bool negated = *s == '!' || *s == '^', found = false;
	const char *first = negated ? ++s : s;
	const char *end = *first != '\0' ? strchr(first + 1, ']') : NULL;

	if (end == NULL)
		return false;
	while (s < end) {
		unsigned char low = (unsigned char)*s++, high = low;

		if (s + 1 < end && *s == '-') {
			high = (unsigned char)s[1];
			s += 2;
		}
		if (c >= low && c <= high)
			found = true;
	}
	*p = end + 1;
	return found != negated;
}

/* One byte of name against the element at *p, which is moved behind it. */
static bool
match_one(const char **p, char c)
{
	if (**p == '[')
		return match_bracket(p, (unsigned char)c);
	bool matches = **p == '?' || **p == c;
	(*p)++;
	return matches;
}

/*
 * Whether the pattern matches the whole of the name: `*`, `?`, `[a-c]`, `[!a-c]`; a bracket that is not closed matches
 * nothing.  Not fnmatch(3), which may take exponential time for patterns with many stars: these come from clients.
 */
bool
glob_match(const char *pattern, const char *name)
{
	const char *star = NULL, *star_name = NULL; /* behind the last `*`, and the name where it ended last */

	while (*name != '\0') {
		const char *next = pattern;

		if (*pattern == '*') {
			star = ++pattern;
			star_name = name;
		} else if (*pattern != '\0' && match_one(&next, *name)) {
			pattern = next;
			name++;
		} else if (star != NULL) {
			pattern = star;
			name = ++star_name;
		} else
			return false;
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
