/*
 * Settings as JSON, by the tables that read them, so that none can be forgotten.
 */
#include <stdint.h>

#include <cjson/cJSON.h>

#include "schema/schema.h"
#include "wire/json.h"

const char *
schema_word(const struct schema_word *words, int value)
{
	for (; words->word != NULL; words++) {
		if (words->value == value)
			return words->word;
	}
	return NULL;
}

static cJSON *
show_text(const char *text)
{
	return text != NULL ? cJSON_CreateString(text) : NULL;
}

/* What lies outside its bounds was never given. */
static cJSON *
show_number(const struct schema_row *row, double number)
{
	return number >= row->min && number <= row->max ? cJSON_CreateNumber(number) : NULL;
}

/* Text alone where nothing else says anything. */
static cJSON *
show_struct(const struct schema_table *table, const void *base)
{
	cJSON *o = schema_show(table, base), *first = o->child, *other;

	if (!table->brief || first == NULL)
		return o;
	for (other = first->next; other != NULL; other = other->next) {
		if (!cJSON_IsFalse(other) && !(cJSON_IsNumber(other) && other->valuedouble <= 0))
			return o;
	}
	first = cJSON_Duplicate(first, true);
	cJSON_Delete(o);
	return first;
}

static cJSON *
show_list(const struct schema_table *table, const char *items, size_t count)
{
	cJSON *list = count > 0 ? cJSON_CreateArray() : NULL;

	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(list, show_struct(table, items + i * table->size));
	return list;
}

cJSON *
schema_show_value(const struct schema_row *row, const void *base)
{
	const void *field = (const char *)base + row->offset, *also = (const char *)base + row->also;

	if ((row->flags & SCHEMA_SECRET) != 0)
		return *(void *const *)field != NULL ? cJSON_CreateTrue() : NULL;
	switch (row->type) {
	case SCHEMA_TEXT:
	case SCHEMA_PATH:
		return show_text(*(char *const *)field);
	case SCHEMA_BOOL:
		return cJSON_CreateBool(*(const bool *)field);
	case SCHEMA_TRISTATE:
		return *(const int *)field >= 0 ? cJSON_CreateBool(*(const int *)field) : NULL;
	case SCHEMA_INT:
		return show_number(row, *(const int *)field);
	case SCHEMA_SIZE:
		return show_number(row, (double)*(const uint64_t *)field);
	case SCHEMA_SECONDS:
		return show_number(row, *(const double *)field);
	case SCHEMA_WORD:
		return show_text(schema_word(row->words, *(const int *)field));
	case SCHEMA_TEXTS:
		return ((const struct strings *)field)->n > 0 ? json_strings(field) : NULL;
	case SCHEMA_BLOCK:
		return row->also == 0 || *(const bool *)also ? show_struct(row->table, field) : NULL;
	case SCHEMA_ONE:
		return *(void *const *)field != NULL ? show_struct(row->table, *(void *const *)field) : NULL;
	case SCHEMA_LIST:
		return show_list(row->table, *(const char *const *)field, *(const size_t *)also);
	case SCHEMA_KIND:
		return row->kind->show != NULL ? row->kind->show(row, base) : NULL;
	case SCHEMA_HIDDEN: /* has the flag */
	case SCHEMA_APART:
		break;
	}
	return NULL;
}

cJSON *
schema_show(const struct schema_table *table, const void *base)
{
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < table->count; i++) {
		cJSON *value = schema_show_value(&table->rows[i], base);

		if (value != NULL)
			cJSON_AddItemToObject(o, table->rows[i].name, value);
	}
	return o;
}
