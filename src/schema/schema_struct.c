/*
 * Whole structs: copying, comparing and freeing what their tables say they hold.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "schema/schema.h"

static const void *
at(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static bool
holds_text(const struct schema_row *row)
{
	return row->type == SCHEMA_TEXT || row->type == SCHEMA_PATH;
}

static char **
text_of(const struct schema_row *row, void *base)
{
	return (char **)(void *)((char *)base + row->offset);
}

static struct secret **
secret_of(const struct schema_row *row, void *base)
{
	return (struct secret **)(void *)((char *)base + row->offset);
}

void
schema_copy(const struct schema_table *table, void *to, const void *from)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct schema_row *row = &table->rows[i];

		if (row->type == SCHEMA_HIDDEN) {
			*secret_of(row, to) = secret_ref(*(struct secret *const *)at(from, row->offset));
		} else if (holds_text(row)) {
			*text_of(row, to) = xstrdup_null(*(char *const *)at(from, row->offset));
		} else if (row->type == SCHEMA_TEXTS) {
			struct strings *copy = (void *)((char *)to + row->offset);

			*copy = (struct strings){0};
			strings_add_all(copy, at(from, row->offset));
		} else if (row->type == SCHEMA_BLOCK) {
			schema_copy(row->table, (char *)to + row->offset, at(from, row->offset));
		}
	}
}

static void
free_text(const struct schema_row *row, void *base)
{
	secret_free(*text_of(row, base));
	*text_of(row, base) = NULL;
}

static void
free_list(const struct schema_row *row, void *base)
{
	char **items = text_of(row, base);
	size_t *count = (size_t *)(void *)((char *)base + row->also);

	for (size_t i = 0; i < *count; i++)
		schema_free(row->table, *items + i * row->table->size);
	free(*items);
	*items = NULL;
	*count = 0;
}

void
schema_free_row(const struct schema_row *row, void *base)
{
	void *field = (char *)base + row->offset;

	switch (row->type) {
	case SCHEMA_TEXT:
	case SCHEMA_PATH:
		free_text(row, base);
		break;
	case SCHEMA_HIDDEN:
		secret_unref(*secret_of(row, base));
		*secret_of(row, base) = NULL;
		break;
	case SCHEMA_TEXTS:
		strings_finish(field);
		break;
	case SCHEMA_LIST:
		free_list(row, base);
		break;
	case SCHEMA_ONE:
		if (*(void **)field != NULL)
			schema_free(row->table, *(void **)field);
		free(*(void **)field);
		*(void **)field = NULL;
		break;
	case SCHEMA_BLOCK:
		schema_free(row->table, field);
		break;
	case SCHEMA_KIND:
		if (row->kind->free != NULL)
			row->kind->free(row, base);
		break;
	case SCHEMA_BOOL:
	case SCHEMA_TRISTATE:
	case SCHEMA_INT:
	case SCHEMA_SIZE:
	case SCHEMA_SECONDS:
	case SCHEMA_WORD:
	case SCHEMA_APART:
		break;
	}
}

void
schema_free(const struct schema_table *table, void *base)
{
	for (size_t i = 0; i < table->count; i++)
		schema_free_row(&table->rows[i], base);
}

void
schema_alone(const struct schema_table *table, const struct schema_row *row, void *base)
{
	for (size_t i = 0; row->group != 0 && i < table->count; i++) {
		if (&table->rows[i] != row && table->rows[i].group == row->group)
			schema_free_row(&table->rows[i], base);
	}
}

static bool
equal_row(const struct schema_row *row, const void *a, const void *b)
{
	static const size_t sizes[] = {[SCHEMA_BOOL] = sizeof(bool),
	    [SCHEMA_TRISTATE] = sizeof(int),
	    [SCHEMA_INT] = sizeof(int),
	    [SCHEMA_WORD] = sizeof(int),
	    [SCHEMA_SIZE] = sizeof(uint64_t),
	    [SCHEMA_SECONDS] = sizeof(double),
	    [SCHEMA_APART] = 0};
	const void *x = at(a, row->offset), *y = at(b, row->offset);

	if (holds_text(row))
		return text_equal(*(char *const *)x, *(char *const *)y);
	if (row->type == SCHEMA_HIDDEN)
		return text_equal(secret_text(*(struct secret *const *)x), secret_text(*(struct secret *const *)y));
	if (row->type == SCHEMA_TEXTS)
		return strings_equal(x, y);
	if (row->type == SCHEMA_BLOCK)
		return schema_equal(row->table, x, y, 0);
	return memcmp(x, y, sizes[row->type]) == 0;
}

bool
schema_equal(const struct schema_table *table, const void *a, const void *b, unsigned but)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct schema_row *row = &table->rows[i];
		bool given_differs =
		    row->also != 0 && *(const bool *)at(a, row->also) != *(const bool *)at(b, row->also);

		if ((row->flags & but) == 0 && (given_differs || !equal_row(row, a, b)))
			return false;
	}
	return true;
}
