/*
 * One platform definition: made from text, counted, asked.  Not here: the keys (platform_key.c) and their types
 * (platform_kind.c), how they are read (src/schema), what is checked (platform_lint.c), where files are
 * (platform_find.c).
 */
#include "platform/platform.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "platform/platform_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

#define NODES_MAX 20000
#define MASKED "********"

static void
set_defaults(struct platform *p)
{
	p->newline = xstrdup("\n");
	p->interrupt = xstrdup("\x03");
	p->term = xstrdup("vt100");
	p->cols = 511;
	p->rows = 1000;
	p->echo = true;
	p->window = 192; /* devices are known to drop what comes behind 200 */
	p->prompt_lines = 1;
	p->max_sessions = 2;
	p->keepalive_ssh = true;
}

static void
destroy(struct platform *p)
{
	schema_free(&platform_table, p);
	strings_finish(&p->warnings);
	free(p->file);
	free(p);
}

static int read_over(struct platform *p, const char *text, size_t size, const char *file, platform_base_fn *base,
    void *arg, int depth, struct yamldoc **kept, struct np_error *err);

/* What `extends` names comes first, so that the file's own keys replace it. */
static int
read_base(struct platform *p, const struct yamldoc *doc, const struct yamldoc_node *node, platform_base_fn *base,
    void *arg, int depth, struct np_error *err)
{
	struct docfile file;
	int r;

	if (node->kind != YAMLDOC_SCALAR)
		return yamldoc_error(doc, node, err, "`extends` must be the name of a platform");
	if (base == NULL)
		return yamldoc_error(doc, node, err, "`extends` cannot be used here");
	if (depth >= PLATFORM_DEPTH_MAX)
		return yamldoc_error(doc, node, err, "`extends` more than %d times: a circle?", PLATFORM_DEPTH_MAX);
	if (base(arg, node->text, &file, err) < 0)
		return error_prefix(err, "%s:%d: `extends`", doc->name, node->line);
	r = read_over(p, file.text, file.size, file.path, base, arg, depth + 1, NULL, err);
	docfile_finish(&file);
	return r;
}

/* What a base says of itself is not true of what extends it. */
static void
forget_identity(struct platform *p)
{
	free(p->name);
	p->name = NULL;
	strings_finish(&p->aliases);
	p->origin = PLATFORM_DOCUMENTED;
}

static int
read_keys(struct platform *p, const struct yamldoc *doc, struct np_error *err)
{
	const struct schema_reader reader = {.table = &platform_table, .doc = doc, .err = err};
	struct node mapping;

	node_of_yaml(&mapping, doc->root);
	return schema_read(&reader, &mapping, p);
}

static int
read_over(struct platform *p, const char *text, size_t size, const char *file, platform_base_fn *base, void *arg,
    int depth, struct yamldoc **kept, struct np_error *err)
{
	struct yamldoc *doc = yamldoc_parse(text, size, file, true, NODES_MAX, err);
	const struct yamldoc_node *extends;
	int r = 0;

	if (doc == NULL)
		return -1;
	for (size_t i = 0; i < size; i++) /* FNV-1a */
		p->fingerprint = (p->fingerprint ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
	if (doc->root == NULL || doc->root->kind != YAMLDOC_MAPPING) {
		r = yamldoc_error(doc, doc->root, err, "a platform file is a mapping of keys, beginning with `name`");
	} else {
		extends = yamldoc_get(doc->root, "extends");
		if (extends != NULL) {
			r = read_base(p, doc, extends, base, arg, depth, err);
			forget_identity(p);
		}
		if (r == 0)
			r = read_keys(p, doc, err);
	}
	if (r == 0 && kept != NULL)
		*kept = doc;
	else
		yamldoc_destroy(doc);
	return r;
}

struct platform *
platform_parse(const char *text, size_t size, const char *file, platform_base_fn *base, void *arg, struct np_error *err)
{
	struct platform *p = xcalloc(1, sizeof(*p));
	struct yamldoc *doc = NULL;
	int r;

	p->refs = 1;
	p->file = xstrdup(file);
	set_defaults(p);
	r = read_over(p, text, size, file, base, arg, 0, &doc, err);
	if (r == 0)
		r = platform_lint(p, doc, err);
	yamldoc_destroy(doc);
	if (r < 0) {
		destroy(p);
		return NULL;
	}
	return p;
}

struct platform *
platform_ref(struct platform *p)
{
	p->refs++;
	return p;
}

void
platform_unref(struct platform *p)
{
	if (p != NULL && --p->refs == 0)
		destroy(p);
}

/* --- asking --- */

const struct platform_mode *
platform_mode(const struct platform *p, const char *name)
{
	for (size_t i = 0; i < p->modes_count; i++) {
		if (strcmp(p->modes[i]->name, name) == 0)
			return p->modes[i];
	}
	return NULL;
}

bool
platform_mode_inside(const struct platform_mode *inner, const struct platform_mode *outer)
{
	for (; inner != NULL; inner = inner->parent) {
		if (inner == outer)
			return true;
	}
	return false;
}

static bool
context_matches(const struct platform_mode *mode, const struct platform_view *view)
{
	if (mode->context == NULL)
		return true;
	for (size_t i = 0; i < view->context_count; i++) {
		if (pattern_matches(mode->context, view->context[i], view->context_size[i]))
			return true;
	}
	return false;
}

const struct platform_mode *
platform_mode_of(const struct platform *p, const struct platform_view *view, struct pattern_span *host)
{
	if (view->size == 0 || pattern_list_matches(&p->false_prompts, view->tail, view->size))
		return NULL;
	for (size_t i = 0; i < p->modes_count; i++) {
		const struct platform_mode *mode = p->modes[i];

		if (pattern_find(mode->prompt, view->tail, view->size, NULL, host) == PATTERN_YES &&
		    context_matches(mode, view))
			return mode;
	}
	return NULL;
}

char *
platform_expand(const char *text, const char *key, const char *value)
{
	char *placeholder = xasprintf("{%s}", key);
	struct buf out;
	const char *found;
	int r = 0;

	buf_init(&out, SIZE_MAX / 2);
	while ((found = strstr(text, placeholder)) != NULL) {
		r |= buf_append(&out, text, (size_t)(found - text));
		r |= buf_append_str(&out, value);
		text = found + strlen(placeholder);
	}
	r |= buf_append_str(&out, text);
	free(placeholder);
	if (r != 0)
		buf_wipe(&out);
	return buf_take(&out);
}

/* Replaces what one expression finds, from left to right; -1: bytes were lost. */
static int
redact_by(const struct pattern *pattern, struct buf *line)
{
	const char *text = (const char *)buf_head(line);
	struct pattern_span whole, part;
	struct buf out;
	size_t at = 0;
	int r = 0;

	buf_init(&out, line->max);
	while (r == 0 && at <= line->len &&
	       pattern_find(pattern, text + at, line->len - at, &whole, &part) == PATTERN_YES && whole.size > 0) {
		if (part.size == 0)
			part = whole;
		r |= buf_append(&out, text + at, part.start);
		r |= buf_append_str(&out, MASKED);
		at += part.start + part.size;
	}
	r |= buf_append(&out, text + at, line->len - at);
	buf_wipe(line);
	*line = out;
	return r;
}

char *
platform_redact(const struct platform *p, const char *line, size_t size, size_t *out_size)
{
	struct buf work;
	int r;

	buf_init(&work, size * 10 + 1024);
	r = buf_append(&work, line, size);
	for (size_t i = 0; r == 0 && i < p->redact.count; i++)
		r = redact_by(p->redact.items[i], &work);
	*out_size = work.len;
	return buf_take(&work);
}
