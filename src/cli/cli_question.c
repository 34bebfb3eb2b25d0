/*
 * What stands at the tail: a question, how sure that is, progress, or what ends as prompts do.
 */
#include <ctype.h>
#include <string.h>

#include "cli/cli_impl.h"

static char
last_char(const struct platform_view *view)
{
	size_t size = prompt_trim(view->tail, view->size);

	return size > 0 ? view->tail[size - 1] : ' ';
}

/* A number by itself before it: the `%' of a prompt has a name there. */
static bool
is_percentage(const struct platform_view *view)
{
	size_t end = prompt_trim(view->tail, view->size), at;

	if (end == 0 || view->tail[--end] != '%')
		return false;
	at = end = prompt_trim(view->tail, end);
	while (at > 0 && (isdigit((unsigned char)view->tail[at - 1]) || view->tail[at - 1] == '.'))
		at--;
	return at < end && (at == 0 || strchr(" \t([:=", view->tail[at - 1]) != NULL);
}

/* "... ", "{... ", "\\... ": they ask for the next line. */
static bool
is_mark_of_dots(const struct platform_view *view)
{
	size_t lead = view->size == 5 && strchr("{[(\\\"'", view->tail[0]) != NULL ? 1 : 0;

	return view->size == lead + 4 && memcmp(view->tail + lead, "... ", 4) == 0;
}

bool
cli_is_progress(const struct platform_view *view)
{
	if (is_percentage(view))
		return true;
	if (is_mark_of_dots(view))
		return false;
	for (size_t i = 0; i < view->size; i++) {
		unsigned char c = (unsigned char)view->tail[i];

		if (isalpha(c) || c >= 0x80 || c == '{' || c == '"' || c == '\'')
			return false;
	}
	return strchr("?:>", last_char(view)) == NULL;
}

static bool
end_holds(const struct platform_view *view, size_t most, const char *const *words, size_t count)
{
	char tail[160];
	size_t size = view->size < most ? view->size : most;

	memcpy(tail, view->tail + view->size - size, size);
	tail[size] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (strcasestr(tail, words[i]) != NULL)
			return true;
	}
	return false;
}

/* Words of secrets, wherever they stand: "new password>". */
static bool
speaks_of_secret(const struct platform_view *view)
{
	static const char *const words[] = {"passw", "passphrase", "passcode", "secret", "private key", "pin code"};

	return end_holds(view, 159, words, NP_COUNT(words));
}

/* Yes or no, in any vendor's brackets: "(y/n)", "[yes,no] (yes)", "(y or n)?". */
static bool
is_choice(const struct platform_view *view)
{
	static const char *const words[] = {"(y/n", "[y/n", "<y/n", "(yes/no", "[yes/no", "[yes,no", "(y or n",
	    "(yes or no", "[confirm", "(y/[n", "([y]/n", "[y]es", "[n]o"};

	return strchr("?:])>", last_char(view)) != NULL && end_holds(view, 28, words, NP_COUNT(words));
}

static bool
ends_with(const struct platform_view *view, const char *end)
{
	size_t size = prompt_trim(view->tail, view->size), n = strlen(end);

	return size >= n && memcmp(view->tail + size - n, end, n) == 0;
}

/* The one definition of a question; hidden: its answer is not to be seen again. */
enum cli_asking
cli_asking(const struct cli *cli, const struct platform_view *view, bool *hidden)
{
	const struct platform *p = cli->platform;
	char last = last_char(view);

	*hidden = false;
	if (view->size == 0 || view->size > PROMPT_MAX)
		return CLI_ASKS_NOT;
	*hidden = pattern_list_matches(&p->passwords, view->tail, view->size) ||
		  (strchr(":?>", last) != NULL && speaks_of_secret(view));
	if (*hidden || is_choice(view) || pattern_list_matches(&p->questions, view->tail, view->size))
		return CLI_ASKS;
	if (strchr("?:])>", last) == NULL || cli_is_progress(view))
		return CLI_ASKS_NOT;
	if (last == '?' || ends_with(view, "]:"))
		return CLI_ASKS_LIKELY;
	return last == '>' ? CLI_ASKS_OR_PROMPTS : CLI_ASKS_PERHAPS;
}

bool
cli_is_question(const struct cli *cli, const struct platform_view *view)
{
	bool hidden;

	return cli_asking(cli, view, &hidden) >= CLI_ASKS_PERHAPS;
}

bool
cli_looks_like_prompt(const struct platform_view *view)
{
	return view->size > 0 && view->size <= PROMPT_MAX && strchr("#>$%", last_char(view)) != NULL &&
	       !is_percentage(view);
}
