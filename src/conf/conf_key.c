/*
 * Setting, copying, comparing and freeing the members of a settings struct by its table of keys.
 */
#include "conf/conf_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"

static void *
member(const struct conf_key *key, void *base)
{
	return (char *)base + key->offset;
}

static const void *
member_const(const struct conf_key *key, const void *base)
{
	return (const char *)base + key->offset;
}

static size_t *
strings_count(const struct conf_key *key, void *base)
{
	return (size_t *)(void *)((char *)base + key->also);
}

static size_t
strings_count_const(const struct conf_key *key, const void *base)
{
	return *(const size_t *)(const void *)((const char *)base + key->also);
}

static bool
holds_string(const struct conf_key *key)
{
	return key->type == CONF_STRING || key->type == CONF_PATH;
}

/* --- errors --- */

/* "`port` must be ..., not `x`"; what was written stays out of it when it may be a secret. */
static int
error_value(const struct conf_key *key, const struct conf_value *value, struct np_error *err, const char *expected)
{
	char shown[64];

	if ((key->flags & CONF_SECRET) != 0)
		return error_set(err, REASON_INVALID_PARAMS, "`%s` must be %s", key->name, expected);
	text_vis_into(shown, sizeof(shown), value->text);
	return error_set(err, REASON_INVALID_PARAMS, "`%s` must be %s, not %s%s%s", key->name, expected,
	    value->style == CONF_QUOTED ? "the text \"" : "`", shown, value->style == CONF_QUOTED ? "\"" : "`");
}

/* --- setting --- */

static bool
has_control_bytes(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	}
	return false;
}

static int
check_text(const struct conf_key *key, const struct conf_value *value, struct np_error *err)
{
	bool ignored;

	if (value->style == CONF_PLAIN && yamldoc_text_bool(value->text, &ignored))
		return error_value(key, value, err, "text: put it in quotes if that word is meant");
	if (value->text[0] == '\0' && (key->flags & CONF_MAY_BE_EMPTY) == 0)
		return error_set(
		    err, REASON_INVALID_PARAMS, "`%s` is empty: give a value or leave the key out", key->name);
	if (strlen(value->text) > CONF_TEXT_MAX)
		return error_set(err, REASON_INVALID_PARAMS, "`%s` is longer than %d bytes", key->name, CONF_TEXT_MAX);
	if ((key->flags & CONF_FREE_TEXT) == 0 && has_control_bytes(value->text))
		return error_set(err, REASON_INVALID_PARAMS, "`%s` holds a line break or control byte", key->name);
	if (key->check != NULL && key->check(value->text, err) < 0)
		return error_prefix(err, "`%s`", key->name);
	return 0;
}

static int
set_string(const struct conf_key *key, void *base, const struct conf_value *value, struct np_error *err)
{
	char **field = member(key, base);
	char *copy;

	if (check_text(key, value, err) < 0)
		return -1;
	copy = xstrdup(value->text);
	secret_free(*field);
	*field = copy;
	return 0;
}

/* Words that some keys have instead of a path. */
static bool
may_be_word(const struct conf_key *key, const char *text)
{
	return ((key->flags & CONF_MAY_BE_NONE) != 0 && strcmp(text, "none") == 0) ||
	       ((key->flags & CONF_MAY_BE_JOURNAL) != 0 && strcmp(text, "journal") == 0);
}

/* One path, or each of a list of them, with "~/" expanded; NULL where one is not absolute.  The caller frees it. */
static char *
expand_path(const struct conf_key *key, const char *text)
{
	const char *separator = (key->flags & CONF_PATH_LIST) != 0 ? ":" : "";
	char *whole = NULL;

	for (;;) {
		size_t n = strcspn(text, separator);
		char *part = xstrndup(text, n), *path = paths_expand_home(part), *longer;
		bool good = path[0] == '/' || may_be_word(key, path);

		longer =
		    good ? xasprintf("%s%s%s", whole != NULL ? whole : "", whole != NULL ? separator : "", path) : NULL;
		free(whole);
		free(path);
		free(part);
		whole = longer;
		if (!good || text[n] == '\0')
			return whole;
		text += n + 1;
	}
}

static int
set_path(const struct conf_key *key, void *base, const struct conf_value *value, struct np_error *err)
{
	char **field = member(key, base);
	char *path;

	if (check_text(key, value, err) < 0)
		return -1;
	path = expand_path(key, value->text);
	if (path == NULL && (key->flags & CONF_PATH_LIST) != 0)
		return error_value(key, value, err, "absolute paths or `~/...`, separated by colons");
	if (path == NULL)
		return error_value(key, value, err,
		    (key->flags & CONF_MAY_BE_NONE) != 0      ? "an absolute path, `~/...` or `none`"
		    : (key->flags & CONF_MAY_BE_JOURNAL) != 0 ? "an absolute path, `~/...` or `journal`"
							      : "an absolute path or `~/...`");
	free(*field);
	*field = path;
	return 0;
}

static int
set_bool(const struct conf_key *key, void *base, const struct conf_value *value, struct np_error *err)
{
	bool given = false;

	if (value->style == CONF_QUOTED || !yamldoc_text_bool(value->text, &given))
		return error_value(key, value, err, "true or false");
	if (key->type == CONF_TRISTATE)
		*(int *)member(key, base) = given;
	else
		*(bool *)member(key, base) = given;
	return 0;
}

static int
set_int(const struct conf_key *key, void *base, const struct conf_value *value, struct np_error *err)
{
	double number = 0;
	char expected[80];

	if (value->style == CONF_QUOTED || !yamldoc_text_integer(value->text, &number) || number < key->min ||
	    number > key->max) {
		snprintf(expected, sizeof(expected), "a whole number from %.0f to %.0f", key->min, key->max);
		return error_value(key, value, err, expected);
	}
	*(int *)member(key, base) = (int)number;
	return 0;
}

static int
set_seconds(const struct conf_key *key, void *base, const struct conf_value *value, struct np_error *err)
{
	double number = 0;
	char expected[80];

	if (value->style == CONF_QUOTED || !yamldoc_text_number(value->text, &number) || number < key->min ||
	    number > key->max) {
		snprintf(expected, sizeof(expected), "a number of seconds from %g to %.0f%s", key->min, key->max,
		    key->min > 0 ? "" : " (0 = no limit)");
		return error_value(key, value, err, expected);
	}
	*(double *)member(key, base) = number + 0.0; /* -0 is 0 */
	return 0;
}

static int
set_word(const struct conf_key *key, void *base, const struct conf_value *value, struct np_error *err)
{
	char expected[128] = "one of";
	size_t used = strlen(expected);

	for (const struct conf_word *w = key->words; w->word != NULL; w++) {
		if (strcmp(w->word, value->text) == 0) {
			*(int *)member(key, base) = w->value;
			return 0;
		}
		if (used < sizeof(expected))
			used += (size_t)snprintf(expected + used, sizeof(expected) - used, " %s", w->word);
	}
	return error_value(key, value, err, expected);
}

static void
free_strings(const struct conf_key *key, void *base)
{
	char ***field = member(key, base);
	size_t *count = strings_count(key, base);

	for (size_t i = 0; i < *count; i++)
		free((*field)[i]);
	free(*field);
	*field = NULL;
	*count = 0;
}

static void
append_string(const struct conf_key *key, void *base, const char *text, size_t length)
{
	char ***field = member(key, base);
	size_t *count = strings_count(key, base);

	*field = xreallocarray(*field, *count + 1, sizeof(char *));
	(*field)[(*count)++] = xstrndup(text, length);
}

/* "a,b" as on a command line. */
static int
set_strings(const struct conf_key *key, void *base, const struct conf_value *value, struct np_error *err)
{
	const char *p = value->text;

	if (value->style != CONF_OPTION)
		return error_value(key, value, err, "a list");
	free_strings(key, base);
	for (;;) {
		size_t length = strcspn(p, ",");
		char *one = xstrndup(p, length);
		int r = check_text(key, &(struct conf_value){one, CONF_OPTION}, err);

		free(one);
		if (r < 0)
			return -1;
		append_string(key, base, p, length);
		if (p[length] == '\0')
			return 0;
		p += length + 1;
	}
}

int
conf_key_set(const struct conf_key *key, void *base, const struct conf_value *value, struct np_error *err)
{
	int r = -1;

	switch (key->type) {
	case CONF_STRING:
		r = set_string(key, base, value, err);
		break;
	case CONF_PATH:
		r = set_path(key, base, value, err);
		break;
	case CONF_BOOL:
	case CONF_TRISTATE:
		r = set_bool(key, base, value, err);
		break;
	case CONF_INT:
		r = set_int(key, base, value, err);
		break;
	case CONF_SECONDS:
		r = set_seconds(key, base, value, err);
		break;
	case CONF_WORD:
		r = set_word(key, base, value, err);
		break;
	case CONF_STRINGS:
		return set_strings(key, base, value, err);
	case CONF_BLOCK:
		return error_set(err, REASON_INVALID_PARAMS, "`%s` cannot be set this way", key->name);
	}
	if (r == 0 && key->also != 0)
		*(bool *)((char *)base + key->also) = true;
	return r;
}

/* --- whole structs --- */

void
conf_table_copy(const struct conf_table *table, void *to, const void *from)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_key *key = &table->keys[i];

		if (holds_string(key)) {
			*(char **)member(key, to) = xstrdup_null(*(char *const *)member_const(key, from));
		} else if (key->type == CONF_STRINGS) {
			char *const *v = *(char *const *const *)member_const(key, from);

			*(char ***)member(key, to) = NULL;
			*strings_count(key, to) = 0;
			for (size_t j = 0; j < strings_count_const(key, from); j++)
				append_string(key, to, v[j], strlen(v[j]));
		}
	}
}

void
conf_table_free(const struct conf_table *table, void *base)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_key *key = &table->keys[i];

		if (holds_string(key)) {
			secret_free(*(char **)member(key, base));
			*(char **)member(key, base) = NULL;
		} else if (key->type == CONF_STRINGS) {
			free_strings(key, base);
		}
	}
}

void
conf_table_clear(const struct conf_table *table, void *base, unsigned flag, const struct conf_key *except)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_key *key = &table->keys[i];

		if (key != except && (key->flags & flag) != 0 && holds_string(key)) {
			secret_free(*(char **)member(key, base));
			*(char **)member(key, base) = NULL;
		}
	}
}

static bool
equal_string(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
equal_strings(const struct conf_key *key, const void *a, const void *b)
{
	char *const *x = *(char *const *const *)member_const(key, a);
	char *const *y = *(char *const *const *)member_const(key, b);
	size_t count = strings_count_const(key, a);

	if (count != strings_count_const(key, b))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(x[i], y[i]) != 0)
			return false;
	}
	return true;
}

static bool
equal_member(const struct conf_key *key, const void *a, const void *b)
{
	const void *x = member_const(key, a), *y = member_const(key, b);

	switch (key->type) {
	case CONF_STRING:
	case CONF_PATH:
		return equal_string(*(char *const *)x, *(char *const *)y);
	case CONF_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case CONF_TRISTATE:
	case CONF_INT:
	case CONF_WORD:
		return *(const int *)x == *(const int *)y;
	case CONF_SECONDS:
		return !(*(const double *)x < *(const double *)y) && !(*(const double *)x > *(const double *)y);
	case CONF_STRINGS:
		return equal_strings(key, a, b);
	case CONF_BLOCK:
		break;
	}
	return true;
}

bool
conf_table_equal(const struct conf_table *table, const void *a, const void *b, unsigned but)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_key *key = &table->keys[i];
		bool given_differs = key->type != CONF_STRINGS && key->also != 0 &&
				     *((const bool *)a + key->also) != *((const bool *)b + key->also);

		if ((key->flags & but) == 0 && (given_differs || !equal_member(key, a, b)))
			return false;
	}
	return true;
}

const char *
conf_table_conflict(const struct conf_table *table, const void *base, unsigned group, const char **first)
{
	*first = NULL;
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_key *key = &table->keys[i];

		if ((key->flags & group) == 0 || *(char *const *)member_const(key, base) == NULL)
			continue;
		if (*first != NULL)
			return key->name;
		*first = key->name;
	}
	return NULL;
}
