/*
 * Characters of the present line: a UTF-8 sequence is one, any other byte is one too.
 */
#include "cli/terminal_impl.h"

int
terminal_utf8_size(uint8_t lead)
{
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 1;
}

bool
terminal_is_continuation(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/* Bytes of the character at `at` < len. */
size_t
terminal_char_size(const struct terminal *t, size_t at)
{
	size_t want = (size_t)terminal_utf8_size(t->text[at]), n = 1;

	while (n < want && at + n < t->len && terminal_is_continuation(t->text[at + n]))
		n++;
	return n == want ? n : 1;
}

/* Where the character before `at` > 0 begins. */
size_t
terminal_char_before(const struct terminal *t, size_t at)
{
	for (size_t back = 1; back <= 4 && back <= at; back++) {
		if (!terminal_is_continuation(t->text[at - back]))
			return terminal_char_size(t, at - back) == back ? at - back : at - 1;
	}
	return at - 1;
}

/* Characters in text[from..to). */
size_t
terminal_count_chars(const struct terminal *t, size_t from, size_t to)
{
	size_t n = 0;

	if (!t->multibyte)
		return to > from ? to - from : 0;
	for (size_t at = from; at < to; at += terminal_char_size(t, at))
		n++;
	return n;
}

/* Where n characters behind `at` are, at most at the end of the line; *left: how many of them were too many. */
size_t
terminal_skip_chars(const struct terminal *t, size_t at, size_t n, size_t *left)
{
	if (!t->multibyte) {
		size_t part = n < t->len - at ? n : t->len - at;

		*left = n - part;
		return at + part;
	}
	for (; n > 0 && at < t->len; n--)
		at += terminal_char_size(t, at);
	*left = n;
	return at;
}
