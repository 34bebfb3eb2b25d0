/* See question.h. */
#include "login/question.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/compiler.h"
#include "base/error.h"
#include "platform/pattern.h"

#define PASS "pass(?:wor[dt]|wd|phrase)s?"

/* The first that fits: "new PIN" before "PIN", "one-time password" before "password". */
static const struct {
	enum question_kind kind;
	const char *words;
} known[] = {
    {QUESTION_RENEWAL, "(?i)\\b(?:new|old|current|re-?enter|re-?type|repeat|confirm|verify|change|expired|generate)\\b"
		       ".{0,40}\\b(?:" PASS "|pin)\\b"},
    {QUESTION_RENEWAL, "(?i)\\b(?:" PASS "|pin)\\b.{0,40}\\b(?:again|change[ds]?|confirmation|expired)\\b"},
    {QUESTION_OTHER, "(?i)\\by(?:es)?\\s?[/|,]\\s?no?\\b"},
    {QUESTION_OTHER, "(?i)\\b(?:press|hit)\\b|\\b(?:accept|agree|acknowledge|continue)\\b.*\\?"},
    {QUESTION_OTHER, "(?i)\\b" PASS "\\s?(?:and|&|\\+)"},
    {QUESTION_CODE,
	"(?i)\\bone[ -]?time\\b|(?<![a-z])[ht]?otp(?![a-z])|\\b(?:pass|token|auth)?(?:codes?|tokens?)\\b(?!['@])"},
    {QUESTION_CODE, "(?i)\\b(?:second|two|2nd|2)[ -]?factor\\b|\\b(?:2|m)fa\\b|\\b(?:verification|authenticator)\\b"},
    {QUESTION_OTHER, "(?i)\\bpin\\b"},
    {QUESTION_PASSWORD, "(?i)" PASS},
};

static bool
says(const char *words, const char *line, size_t size)
{
	struct np_error err;
	struct pattern *p = pattern_create(words, PATTERN_ANYWHERE, &err);
	bool found = p != NULL && pattern_matches(p, line, size);

	pattern_destroy(p);
	return found;
}

/* A letter, of any language. */
static bool
has_word(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)line[i], lower = c | 0x20;

		if ((lower >= 'a' && lower <= 'z') || c >= 0x80)
			return true;
	}
	return false;
}

const char *
question_line(const char *prompt)
{
	const char *end = prompt + strlen(prompt), *line;

	for (;; end = line - 1) {
		for (line = end; line > prompt && line[-1] != '\n' && line[-1] != '\r'; line--)
			;
		if (line == prompt || has_word(line, (size_t)(end - line)))
			return line;
	}
}

enum question_kind
question_kind(const char *prompt)
{
	const char *line = question_line(prompt);

	for (size_t i = 0; i < NP_COUNT(known); i++)
		if (says(known[i].words, line, strcspn(line, "\r\n")))
			return known[i].kind;
	return QUESTION_UNKNOWN;
}
