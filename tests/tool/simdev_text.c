/* The texts of scenarios; see simdev_text.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_scenario.h"
#include "tool/simdev_text.h"
#include "base/xalloc.h"

static void
put(struct buf *out, const void *p, size_t n)
{
	/* A scenario that exceeds the maximum is cut: nothing that a test expects. */
	(void)!buf_append(out, p, n);
}

/* The byte behind a backslash; returns how many characters of the template it took. */
static size_t
put_escape(struct buf *out, const char *s)
{
	static const char names[] = "nrtbea0s\\", values[] = "\n\r\t\b\033\a\0 \\";
	const char *name;

	if (*s == 'x' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
		char hex[3] = {s[1], s[2], '\0'};
		char c = (char)strtoul(hex, NULL, 16);
		put(out, &c, 1);
		return 3;
	}
	name = *s != '\0' ? strchr(names, *s) : NULL;
	if (name == NULL) {
		put(out, "\\", 1);
		return 0;
	}
	put(out, &values[name - names], 1);
	return 1;
}

/* The value in braces; returns how many characters of the template it took, 0: none. */
static size_t
put_value(struct buf *out, const char *s, sim_value_fn value, void *arg)
{
	char name[32];
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
	size_t cut = SIZE_MAX, end = n;

	if (value == NULL || n == 0 || n >= sizeof(name))
		return 0;
	memcpy(name, s, n);
	name[n] = '\0';
	if (s[n] == ':') {
		char *rest;
		cut = strtoul(s + n + 1, &rest, 10);
		end = (size_t)(rest - s);
	}
	if (s[end] != '}')
		return 0;
	struct buf text;
	buf_init(&text, SIM_TEXT_MAX);
	bool known = value(arg, name, &text);
	put(out, buf_head(&text), text.len < cut ? text.len : cut);
	buf_free(&text);
	return known ? end + 1 : 0;
}

bool
sim_expand(struct buf *out, const char *template, sim_value_fn value, void *arg)
{
	for (const char *s = template; *s != '\0';) {
		size_t taken = strcspn(s, "\\{");
		put(out, s, taken);
		s += taken;
		if (*s == '\0')
			break;
		if (strcmp(s, "\\c") == 0)
			return true;
		if (*s == '\\') {
			s += 1 + put_escape(out, s + 1);
		} else {
			taken = put_value(out, s + 1, value, arg);
			if (taken == 0)
				put(out, s, 1);
			s += 1 + taken;
		}
	}
	return false;
}

char *
sim_expand_string(const char *template, sim_value_fn value, void *arg)
{
	struct buf text;
	buf_init(&text, SIM_TEXT_MAX);
	sim_expand(&text, template, value, arg);
	char *s = xstrndup(text.len > 0 ? (const char *)buf_head(&text) : "", text.len);
	buf_free(&text);
	return s;
}

bool
sim_in_list(const char *list, const char *name)
{
	while (*list != '\0') {
		size_t n = strcspn(list, ",");
		if (n > 0 && list[n - 1] == '*') {
			if (strncmp(list, name, n - 1) == 0)
				return true;
		} else if (strlen(name) == n && strncmp(list, name, n) == 0)
			return true;
		list += n;
		list += *list == ',' ? 1 : 0;
	}
	return false;
}

char *
sim_take_word(const char **text)
{
	*text += strspn(*text, " \t");
	size_t n = strcspn(*text, " \t");
	if (n == 0)
		return NULL;
	char *word = xstrndup(*text, n);
	*text += n;
	*text += strspn(*text, " \t");
	return word;
}
