/*
 * The one file that speaks PCRE2.  Owns compiled expressions.
 *
 * JIT is used where the system permits it; systems that forbid writable executable memory get the interpreter, which
 * answers the same.
 */
#include "platform/pattern.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/xalloc.h"

#define MATCH_LIMIT 100000u /* steps: a few milliseconds at most */
#define DEPTH_LIMIT 5000u
#define HEAP_LIMIT 2048u /* KiB */
#define NEST_LIMIT 32u
#define TORTURE_SIZE 1500

struct pattern {
	char *text;
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	int group; /* number of the named group, 0 = none */
	enum pattern_anchor anchor;
	bool jit;
	bool has_first;    /* a match begins with one of these bytes: most texts need no look at the expression */
	uint8_t first[32]; /* a bit for each */
};

/* What is put around an expression. */
static const struct {
	const char *head, *foot;
} anchors[] = {
    [PATTERN_ANYWHERE] = {"(?:", ")"},
    [PATTERN_START] = {"\\A(?:", ")"},
    [PATTERN_END] = {"(?:", ")[ \\t]*\\z"},
    [PATTERN_WHOLE] = {"\\A(?:", ") ?\\z"},
};

static int
compile(struct pattern *p, const char *wrapped, size_t before, struct np_error *err)
{
	pcre2_compile_context *context = xchecked(pcre2_compile_context_create(NULL));
	PCRE2_SIZE offset = 0;
	PCRE2_UCHAR why[128];
	int code = 0;

	pcre2_set_parens_nest_limit(context, NEST_LIMIT);
	p->code = pcre2_compile((PCRE2_SPTR)wrapped, PCRE2_ZERO_TERMINATED,
	    PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &offset, context);
	pcre2_compile_context_free(context);
	if (p->code != NULL)
		return 0;
	if (pcre2_get_error_message(code, why, sizeof(why)) < 0)
		why[0] = '\0';
	offset = offset > before ? offset - before : 0;
	if (offset > strlen(p->text))
		offset = strlen(p->text);
	return error_set(err, REASON_INVALID_PARAMS, "regular expression `%s`: %s at character %zu", p->text,
	    (const char *)why, offset + 1);
}

static void
set_first(struct pattern *p, uint32_t byte)
{
	p->first[byte / 8 % 32] |= (uint8_t)(1u << byte % 8);
	p->has_first = true;
}

/* With which bytes a match can begin, as far as PCRE2 has found out: only of expressions without an anchor. */
static void
learn_first(struct pattern *p, const pcre2_code *code)
{
	const uint8_t *bitmap = NULL;
	uint32_t type = 0, byte = 0, least = 0;

	if (pcre2_pattern_info(code, PCRE2_INFO_MINLENGTH, &least) != 0 || least == 0 ||
	    pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODETYPE, &type) != 0)
		return;
	if (type == 1 && pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODEUNIT, &byte) == 0 && byte < 128) {
		set_first(p, (uint32_t)tolower((int)byte));
		set_first(p, (uint32_t)toupper((int)byte));
	} else if (type == 0 && pcre2_pattern_info(code, PCRE2_INFO_FIRSTBITMAP, &bitmap) == 0 && bitmap != NULL) {
		memcpy(p->first, bitmap, sizeof(p->first));
		p->has_first = true;
	}
}

/* An expression must stand by itself: `a)|(b` would break out of the anchors around it. */
static int
check_alone(struct pattern *p, const char *text, struct np_error *err)
{
	struct pattern alone = {.text = xstrdup(text)};
	int r = compile(&alone, text, 0, err);

	if (r == 0)
		learn_first(p, alone.code);
	pcre2_code_free(alone.code);
	free(alone.text);
	return r;
}

struct pattern *
pattern_create(const char *text, enum pattern_anchor anchor, struct np_error *err)
{
	const char *head = anchors[anchor].head;
	struct pattern *p;
	char *wrapped;
	int r;

	if (strlen(text) > PATTERN_TEXT_MAX) {
		error_set(err, REASON_INVALID_PARAMS, "regular expression longer than %d bytes", PATTERN_TEXT_MAX);
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->text = xstrdup(text);
	p->anchor = anchor;
	wrapped = xasprintf("%s%s%s", head, text, anchors[anchor].foot);
	r = check_alone(p, text, err);
	if (r == 0)
		r = compile(p, wrapped, strlen(head), err);
	free(wrapped);
	if (r < 0) {
		pattern_destroy(p);
		return NULL;
	}
	/* Where it is not permitted or not built in, pcre2_match() interprets. */
	p->jit = pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0;
	p->data = xchecked(pcre2_match_data_create_from_pattern(p->code, NULL));
	p->limits = xchecked(pcre2_match_context_create(NULL));
	pcre2_set_match_limit(p->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(p->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(p->limits, HEAP_LIMIT);
	r = pcre2_substring_number_from_name(p->code, (PCRE2_SPTR) "host");
	if (r <= 0)
		r = pcre2_substring_number_from_name(p->code, (PCRE2_SPTR) "end");
	p->group = r > 0 ? r : 0;
	return p;
}

void
pattern_destroy(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_match_context_free(p->limits);
	pcre2_match_data_free(p->data);
	pcre2_code_free(p->code);
	free(p->text);
	free(p);
}

const char *
pattern_text(const struct pattern *p)
{
	return p->text;
}

bool
pattern_has_group(const struct pattern *p)
{
	return p->group > 0;
}

static struct pattern_span
span_of(const struct pattern *p, int group)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(p->data);
	struct pattern_span span = {0, 0};

	if ((uint32_t)group >= pcre2_get_ovector_count(p->data))
		return span;
	at += 2 * group;
	if (at[0] == PCRE2_UNSET || at[1] < at[0])
		return span;
	span.start = at[0];
	span.size = at[1] - at[0];
	return span;
}

enum pattern_result
pattern_find(
    const struct pattern *p, const void *text, size_t size, struct pattern_span *whole, struct pattern_span *group)
{
	PCRE2_SPTR subject = size > 0 ? text : (PCRE2_SPTR) "";
	int r;

	if (p->has_first && (p->anchor == PATTERN_START || p->anchor == PATTERN_WHOLE) &&
	    (size == 0 || (p->first[subject[0] / 8] >> subject[0] % 8 & 1) == 0))
		return PATTERN_NO;
	r = p->jit ? pcre2_jit_match(p->code, subject, size, 0, 0, p->data, p->limits)
		   : pcre2_match(p->code, subject, size, 0, 0, p->data, p->limits);
	if (r == PCRE2_ERROR_JIT_STACKLIMIT)
		r = pcre2_match(p->code, subject, size, 0, PCRE2_NO_JIT, p->data, p->limits);
	if (r == PCRE2_ERROR_NOMATCH)
		return PATTERN_NO;
	if (r < 0)
		return PATTERN_COSTLY;
	if (whole != NULL)
		*whole = span_of(p, 0);
	if (group != NULL)
		*group = p->group > 0 && p->group < r ? span_of(p, p->group) : (struct pattern_span){0, 0};
	return PATTERN_YES;
}

bool
pattern_matches(const struct pattern *p, const void *text, size_t size)
{
	return pattern_find(p, text, size, NULL, NULL) == PATTERN_YES;
}

/* --- what they cost --- */

/* The unit again and again.  By copies: a division for every byte would cost more than the matching. */
static void
repeat_unit(char *text, size_t size, const char *unit)
{
	size_t have = strlen(unit);

	memcpy(text, unit, have);
	for (; have < size; have *= 2)
		memcpy(text + have, text, have < size - have ? have : size - have);
}

bool
pattern_is_costly(const struct pattern *pattern)
{
	static const char *const units[] = {
	    "a", " ", "-", "#", "0", "a ", "a.", "a-", "(a)", "[a]", "a/", "1 ", "\t", "=", "a@", "*", "% "};
	char *text = xmalloc(TORTURE_SIZE + 128);
	bool costly = false;

	/* With every character behind, too: else the search for one that must come ends most matches before they begin.
	 */
	for (size_t i = 0; i < NP_COUNT(units) && !costly; i++) {
		repeat_unit(text, TORTURE_SIZE, units[i]);
		for (size_t k = 0; k < 127; k++)
			text[TORTURE_SIZE + k] = (char)(k + 1);
		costly = pattern_find(pattern, text, TORTURE_SIZE + 1, NULL, NULL) == PATTERN_COSTLY ||
			 pattern_find(pattern, text, TORTURE_SIZE + 127, NULL, NULL) == PATTERN_COSTLY;
	}
	free(text);
	return costly;
}

/* --- lists --- */

/* All of them as one expression, which costs a line of output one match instead of many. */
static struct pattern *
join(const struct pattern_list *list)
{
	struct buf text;
	struct pattern *p = NULL;

	buf_init(&text, PATTERN_TEXT_MAX);
	for (size_t i = 0; i < list->count; i++) {
		if (buf_printf(&text, "%s(?:%s)", i > 0 ? "|" : "", list->items[i]->text) < 0)
			goto out;
	}
	if (buf_append(&text, "", 1) == 0)
		p = pattern_create((const char *)buf_head(&text), list->anchor, NULL);
out:
	buf_free(&text);
	return p;
}

void
pattern_list_add(struct pattern_list *list, struct pattern *pattern)
{
	list->items = xreallocarray(list->items, list->count + 1, sizeof(struct pattern *));
	list->items[list->count++] = pattern;
	pattern_destroy(list->joined);
	list->joined = NULL;
}

void
pattern_list_seal(struct pattern_list *list)
{
	if (list->count > 1 && list->joined == NULL)
		list->joined = join(list);
}

void
pattern_list_finish(struct pattern_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		pattern_destroy(list->items[i]);
	free(list->items);
	pattern_destroy(list->joined);
	*list = (struct pattern_list){.anchor = list->anchor};
}

bool
pattern_list_matches(const struct pattern_list *list, const void *text, size_t size)
{
	if (list->joined != NULL)
		return pattern_matches(list->joined, text, size);
	for (size_t i = 0; i < list->count; i++) {
		if (pattern_matches(list->items[i], text, size))
			return true;
	}
	return false;
}
