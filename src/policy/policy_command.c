/*
 * A command as the expressions of rules see it.
 *
 * What a text does is known only where it is one command: so it is refused here unless all its bytes are known to
 * separate, redirect, substitute, complete and hide nothing.  That is a list of what is harmless, not of what harms: a
 * byte that nobody thought of decides nothing.
 */
#include <ctype.h>
#include <string.h>

#include "platform/platform.h"
#include "policy/policy.h"

/* Beside letters and digits. */
#define COMMAND_LINE_BYTES " ._:/,@*+=~%-"
#define CHANNEL_BYTES " ._:/,@+=%-'\""
/* Of a filter behind a command: those of an expression, but no escapes, and no `!', which brings back what others typed
 * where a shell reads it; `$' has a rule of its own. */
#define FILTER_BYTES " ._:/,@*+=~%-'\"^()[]{}#$"

static const char *
check_bytes(const char *text, size_t size, const char *others)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\n' || c == '\r')
			return "a line break";
		if (c == '\t')
			return "a tab, which completes words on many command lines";
		if (c < ' ' || c == 0x7f)
			return "a control byte";
		if (c >= 0x80)
			return "a byte that is not ASCII";
		if (!isalnum(c) && strchr(others, c) == NULL)
			return c == ';'   ? "a `;`"
			       : c == '|' ? "a `|`"
			       : c == '&' ? "a `&`"
			       : c == '>' ? "a `>`"
			       : c == '$' ? "a `$`"
			       : c == '`' ? "a backquote"
			       : c == '?' ? "a `?`"
					  : "a character that is special to a shell or a command line";
	}
	return NULL;
}

/* A quote that stays open makes the next line a part of this one. */
static const char *
check_quotes(const char *text, size_t size)
{
	char open = '\0';

	for (size_t i = 0; i < size; i++) {
		if (open == '\0' && (text[i] == '"' || text[i] == '\''))
			open = text[i];
		else if (text[i] == open)
			open = '\0';
	}
	return open != '\0' ? "a quote without its other one" : NULL;
}

/* At the end of a word it ends a line of output; anywhere else it could begin a variable. */
static const char *
check_dollars(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '$' && i + 1 < size && strchr(" '\")", text[i + 1]) == NULL)
			return "a `$`";
	}
	return NULL;
}

/* ---- words ---- */

/* The word that is meant, written out into out; whether it is one of this platform's abbreviations. */
static bool
write_out(const struct platform *p, const char *word, size_t size, char *out, size_t *out_size)
{
	for (size_t i = 0; p != NULL && i < p->abbreviations.n; i++) {
		const char *a = p->abbreviations.v[i];
		size_t least = strcspn(a, "["), whole = strlen(a) - 2, k = 0;

		if (size < least || size > whole)
			continue;
		while (k < size && tolower((unsigned char)word[k]) == (k < least ? a[k] : a[k + 1]))
			k++;
		if (k < size)
			continue;
		memcpy(out, a, least);
		memcpy(out + least, a + least + 1, whole - least);
		*out_size = whole;
		return true;
	}
	return false;
}

/* Words with one blank between them, abbreviations written out. */
static const char *
add_words(const struct platform *p, const char *text, size_t size, struct policy_line *line)
{
	const char *end = text + size;
	char full[PLATFORM_WORD_MAX];

	line->size = 0;
	while (text < end) {
		const char *word = text;
		size_t n = 0, full_size;

		while (text < end && *text != ' ')
			text++;
		n = (size_t)(text - word);
		while (text < end && *text == ' ')
			text++;
		if (n == 0)
			continue;
		if (write_out(p, word, n, full, &full_size)) {
			word = full;
			n = full_size;
		}
		if (line->size + n + 2 > sizeof(line->text))
			return "more bytes than a rule decides about";
		if (line->size > 0)
			line->text[line->size++] = ' ';
		memcpy(line->text + line->size, word, n);
		line->size += n;
	}
	line->text[line->size] = '\0';
	return NULL;
}

/* ---- the command ---- */

/* What stands behind a `|`: only what the platform says changes nothing. */
static const char *
check_filter(const struct platform *p, const char *text, size_t size)
{
	const char *why = check_bytes(text, size, FILTER_BYTES);
	struct policy_line filter;

	if (why == NULL)
		why = check_quotes(text, size);
	if (why == NULL)
		why = check_dollars(text, size);
	if (why == NULL)
		why = add_words(NULL, text, size, &filter);
	if (why != NULL || (p != NULL && pattern_list_matches(&p->filters, filter.text, filter.size)))
		return why;
	return "a `|` with what is no harmless filter of this platform";
}

const char *
policy_read_command(const char *command, size_t size, const struct policy_device *device, struct policy_line *line)
{
	const char *end = command + size, *bar, *why;

	if (size > POLICY_LINE_MAX)
		return "more bytes than a rule decides about";
	bar = device->shell ? memchr(command, '|', size) : NULL;
	size = bar != NULL ? (size_t)(bar - command) : size;
	why = check_bytes(command, size, device->shell ? COMMAND_LINE_BYTES : CHANNEL_BYTES);
	if (why == NULL && !device->shell)
		why = check_quotes(command, size);
	if (why != NULL)
		return why;
	if (!device->shell) {
		memcpy(line->text, command, size);
		line->text[line->size = size] = '\0';
		return NULL;
	}
	why = add_words(device->platform, command, size, line);
	while (why == NULL && bar != NULL) {
		const char *filter = bar + 1;

		bar = memchr(filter, '|', (size_t)(end - filter));
		why = check_filter(device->platform, filter, (size_t)((bar != NULL ? bar : end) - filter));
	}
	return why;
}
