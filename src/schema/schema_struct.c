/*
 * Whole structs: copying, comparing and freeing what their tables say they hold.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "schema/schema.h"

static bool
holds_text(const struct schema_row *row)
{
	return row->type == SCHEMA_TEXT || row->type == SCHEMA_PATH;
}

void
schema_copy(const struct schema_table *table, void *copy)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct schema_row *row = &table->rows[i];
		void *field = (char *)copy + row->offset;

		if (row->type == SCHEMA_HIDDEN) {
			secret_ref(*(struct secret **)field);
		} else if (holds_text(row)) {
			*(char **)field = xstrdup_null(*(char **)field);
		} else if (row->type == SCHEMA_TEXTS) {
			struct strings own = {0};

			strings_add_all(&own, field);
			*(struct strings *)field = own;
		} else if (row->type == SCHEMA_BLOCK) {
			schema_copy(row->table, field);
		}
	}
}

static void
free_structs(const struct schema_table *table, char **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		schema_free(table, *items + i * table->size);
	free(*items);
	*items = NULL;
}

void
schema_free_row(const struct schema_row *row, void *base)
{
	void *field = (char *)base + row->offset;

	if (holds_text(row)) {
		secret_free(*(char **)field);
		*(char **)field = NULL;
	} else if (row->type == SCHEMA_HIDDEN) {
		secret_unref(*(struct secret **)field);
		*(struct secret **)field = NULL;
	} else if (row->type == SCHEMA_TEXTS) {
		strings_finish(field);
	} else if (row->type == SCHEMA_LIST) {
		size_t *count = (size_t *)(void *)((char *)base + row->also);

		free_structs(row->table, field, *count);
		*count = 0;
	} else if (row->type == SCHEMA_ONE) {
		free_structs(row->table, field, *(void **)field != NULL);
	} else if (row->type == SCHEMA_BLOCK) {
		schema_free(row->table, field);
	} else if (row->type == SCHEMA_KIND && row->kind->free != NULL) {
		row->kind->free(row, base);
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
	const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;

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
		bool given_differs = row->also != 0 && *(const bool *)((const char *)a + row->also) !=
							   *(const bool *)((const char *)b + row->also);

		if ((row->flags & but) == 0 && (given_differs || !equal_row(row, a, b)))
			return false;
	}
	return true;
}
