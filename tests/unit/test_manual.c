/*
 * The manual pages and the completions against the rows of src/schema: each key and param is described where it
 * belongs, with its type, and nothing is described that does not exist.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "conf/conf_impl.h"
#include "npexec/npexec_options.h"
#include "params/params.h"
#include "platform/platform_impl.h"

#define FILE_MAX (1u << 20)
#define ITEMS_MAX 256

static char *
read_file(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char *path = xasprintf("%s/%s", srcdir != NULL ? srcdir : ".", name), *text = xcalloc(1, FILE_MAX);
	FILE *f = fopen(path, "r");

	if (f == NULL)
		fail_msg("cannot read %s", path);
	assert_true(fread(text, 1, FILE_MAX - 1, f) > 0);
	fclose(f);
	free(path);
	return text;
}

/* --- what a page describes --- */

struct item {
	char *name, *type; /* type "": not said here */
	bool used;
};

struct items {
	struct item all[ITEMS_MAX];
	size_t count;
};

static struct item *
add_item(struct items *items, const char *name, const char *type, size_t size)
{
	struct item *item = &items->all[items->count++];

	assert_true(items->count < ITEMS_MAX);
	*item = (struct item){xstrdup(name), xstrndup(type, size), false};
	return item;
}

static void
items_finish(struct items *items)
{
	for (size_t i = 0; i < items->count; i++) {
		free(items->all[i].name);
		free(items->all[i].type);
	}
	items->count = 0;
}

/* The part of a page from one text up to another, both of which must be there. */
static char *
part_of(const char *page, const char *from, const char *to)
{
	const char *start = strstr(page, from), *end = start != NULL ? strstr(start + strlen(from), to) : NULL;

	if (end == NULL)
		fail_msg("no part from `%s' to `%s'", from, to);
	return xstrndup(start, (size_t)(end - start));
}

/* ".It Cm NAME : TYPE , Cm NAME : TYPE": what stands between a name and the next one is its type. */
static void
add_keys(struct items *items, const char *line)
{
	char name[64];
	int skip = 0;

	while (sscanf(line, "Cm %63s :%n", name, &skip) == 1 && skip > 0) {
		const char *type = line + skip + 1, *end = type;

		skip = 0;
		while (*end != '\0' && !(strncmp(end, " , Cm ", 6) == 0 && strstr(end, " : ") != NULL))
			end++;
		add_item(items, name, type, (size_t)(end - type));
		line = *end != '\0' ? end + 3 : end;
	}
}

/* ".Va NAME No (TYPE) , Va NAME , NAME No (TYPE)": a type is of all names before it that have none. */
static void
add_params(struct items *items, char *line)
{
	size_t first = items->count;
	char *save = NULL;

	for (char *word = strtok_r(line, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		char *type;

		if (strcmp(word, "Va") == 0 || strcmp(word, "No") == 0 || strspn(word, ",.;:") == strlen(word))
			continue;
		if (*word != '(') {
			add_item(items, word, "", 0);
			continue;
		}
		type = word[strlen(word) - 1] == ')' ? xstrdup(word)
						     : xasprintf("%s %s", word, strtok_r(NULL, ")", &save));
		for (; first < items->count; first++) {
			free(items->all[first].type);
			items->all[first].type = xstrndup(type + 1, strcspn(type + 1, ",)"));
		}
		free(type);
	}
}

/* The items of a part of a page; lines: what begins one. */
static void
read_items(char *part, const char *const *lines, bool params, struct items *items)
{
	char *save = NULL;

	for (char *line = strtok_r(part, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		for (size_t i = 0; lines[i] != NULL; i++) {
			if (strncmp(line, lines[i], strlen(lines[i])) != 0)
				continue;
			if (params)
				add_params(items, line + strlen(lines[i]) - strlen("Va "));
			else
				add_keys(items, line + strlen(lines[i]) - strlen("Cm "));
			break;
		}
	}
}

/* --- what a row should be called --- */

enum page { PAGE_CONF, PAGE_PLATFORM, PAGE_PROTOCOL };

static char *
words_of(const struct schema_row *row)
{
	char *text = xasprintf("Cm %s", row->words[0].word);

	for (const struct schema_word *w = row->words + 1; w->word != NULL; w++) {
		char *longer = xasprintf("%s | %s", text, w->word);

		free(text);
		text = longer;
	}
	return text;
}

static char *
path_type(const struct schema_row *row)
{
	return xasprintf("Ar path%s%s%s", (row->flags & SCHEMA_MAY_BE_NONE) != 0 ? " No or Cm none" : "",
	    (row->flags & SCHEMA_MAY_BE_JOURNAL) != 0 ? " | Cm journal" : "",
	    (row->flags & SCHEMA_PATH_LIST) != 0 ? " Ns Op : Ns Ar path ..." : "");
}

static const char *const kinds[] = {"step", "question", "block", "socket", "rule"};

/* "in a step": a step. */
static const char *
struct_name(const struct schema_table *table)
{
	for (size_t i = 0; i < NP_COUNT(kinds); i++) {
		if (strstr(table->place, kinds[i]) != NULL)
			return kinds[i];
	}
	fail_msg("a struct %s", table->place);
	return NULL;
}

static char *
key_type(enum page page, const struct schema_row *row)
{
	static const char *const anchors[] = {[PATTERN_ANYWHERE] = " , anywhere",
	    [PATTERN_START] = " , start",
	    [PATTERN_END] = " , end",
	    [PATTERN_WHOLE] = " , whole line"};
	bool expression =
	    row->type == SCHEMA_KIND && (row->kind == &platform_pattern_kind || row->kind == &platform_patterns_kind);

	switch (row->type) {
	case SCHEMA_TEXT:
	case SCHEMA_HIDDEN:
		return xstrdup("Ar text");
	case SCHEMA_PATH:
		return path_type(row);
	case SCHEMA_BOOL:
	case SCHEMA_TRISTATE:
		return xstrdup("Ar boolean");
	case SCHEMA_INT:
	case SCHEMA_SIZE:
		return xstrdup(page == PAGE_CONF ? "Ar integer" : "Ar number");
	case SCHEMA_SECONDS:
		return xstrdup("Ar seconds");
	case SCHEMA_WORD:
		return page == PAGE_CONF ? xstrdup("Ar word") : words_of(row);
	case SCHEMA_TEXTS:
		return xstrdup(page == PAGE_CONF ? "Ar list" : "Ar list of text");
	case SCHEMA_ONE:
		return xasprintf("Ar %s", struct_name(row->table));
	case SCHEMA_LIST:
		return xasprintf("Ar list of %ss", struct_name(row->table));
	case SCHEMA_KIND:
		return xasprintf("Ar %s%s", row->kind->name, expression ? anchors[row->detail] : "");
	case SCHEMA_BLOCK:
	case SCHEMA_APART:
		break;
	}
	return xstrdup("Ar mapping");
}

static char *
param_type(const struct schema_row *row, bool range)
{
	switch (row->type) {
	case SCHEMA_BOOL:
	case SCHEMA_TRISTATE:
		return xstrdup("boolean");
	case SCHEMA_INT:
	case SCHEMA_SIZE:
		return range ? xasprintf("%.0f to %.0f", row->min, row->max) : xstrdup("number");
	case SCHEMA_SECONDS:
		return xstrdup("seconds");
	case SCHEMA_KIND:
		return xstrdup(row->kind->name);
	case SCHEMA_TEXT:
	case SCHEMA_HIDDEN:
	case SCHEMA_PATH:
	case SCHEMA_WORD:
	case SCHEMA_TEXTS:
	case SCHEMA_BLOCK:
	case SCHEMA_ONE:
	case SCHEMA_LIST:
	case SCHEMA_APART:
		break;
	}
	return xstrdup("string");
}

/* A name is told as such where it refers to something. */
static bool
is_type(enum page page, const struct schema_row *row, const char *type)
{
	bool range = type[0] >= '0' && type[0] <= '9';
	char *wanted = page == PAGE_PROTOCOL ? param_type(row, range) : key_type(page, row);
	bool same = strcmp(wanted, type) == 0 || (page == PAGE_PROTOCOL && type[0] == '\0') ||
		    (strcmp(wanted, "boolean") == 0 && strcmp(type, "booleans") == 0) ||
		    (page == PAGE_PLATFORM && strcmp(type, "Ar name") == 0 &&
			(row->type == SCHEMA_TEXT || row->type == SCHEMA_APART));

	free(wanted);
	return same;
}

/* --- comparing --- */

static void
expect_row(const char *file, enum page page, struct items *items, const struct schema_row *row)
{
	const char *other = NULL;

	for (size_t i = 0; i < items->count; i++) {
		struct item *item = &items->all[i];

		if (item->used || strcmp(item->name, row->name) != 0)
			continue;
		other = item->type;
		item->used = is_type(page, row, item->type);
		if (item->used)
			return;
	}
	if (other != NULL) {
		char *wanted = page == PAGE_PROTOCOL ? param_type(row, false) : key_type(page, row);

		fail_msg("%s: `%s' is described as `%s', it is `%s'", file, row->name, other, wanted);
	}
	fail_msg("%s says nothing of `%s'", file, row->name);
}

/* Tables inside tables each once, as the page describes them. */
static void
expect_table(const char *file, struct items *items, const struct schema_table *table, const struct schema_table **seen)
{
	size_t n = 0;

	while (seen[n] != NULL && seen[n] != table)
		n++;
	if (seen[n] == table)
		return;
	seen[n] = table;
	for (size_t i = 0; i < table->count; i++) {
		expect_row(file, PAGE_PLATFORM, items, &table->rows[i]);
		if (table->rows[i].table != NULL)
			expect_table(file, items, table->rows[i].table, seen);
		if (table->rows[i].kind == &platform_modes_kind)
			expect_table(file, items, &platform_mode_table, seen);
	}
}

static void
expect_no_more(const char *file, const struct items *items)
{
	for (size_t i = 0; i < items->count; i++) {
		if (!items->all[i].used)
			fail_msg("%s describes `%s' (%s), which does not exist", file, items->all[i].name,
			    items->all[i].type);
	}
}

static void
test_the_page_of_the_configuration(void **state)
{
	static const char *const lines[] = {".It Cm ", NULL};
	static const struct {
		const char *from, *to;
		const struct schema_table *table;
	} parts[] = {{".Ss Global keys", ".Ss Connection", &conf_global_table},
	    {".Ss Connection", ".Ss Devices", &conf_args_table}, {".Ss Devices", ".Ss What of", &conf_device_table}};
	char *page = read_file("man/netpulse.yaml.5");
	(void)state;

	for (size_t i = 0; i < NP_COUNT(parts); i++) {
		const struct schema_table *table = parts[i].table;
		char *part = part_of(page, parts[i].from, parts[i].to);
		struct items items = {.count = 0};

		read_items(part, lines, false, &items);
		for (size_t k = 0; k < table->count; k++) {
			if (strcmp(table->rows[k].name, "name") != 0) /* of a request's object alone */
				expect_row(parts[i].from, PAGE_CONF, &items, &table->rows[k]);
			for (size_t j = 0; table->rows[k].type == SCHEMA_LIST && j < table->rows[k].table->count; j++)
				expect_row(parts[i].from, PAGE_CONF, &items, &table->rows[k].table->rows[j]);
		}
		expect_no_more(parts[i].from, &items);
		items_finish(&items);
		free(part);
	}
	free(page);
}

static void
test_the_page_of_platforms(void **state)
{
	static const char *const lines[] = {".It Cm ", NULL};
	const struct schema_table *seen[16] = {NULL};
	char *page = read_file("man/netpulse-platform.5"), *part = part_of(page, ".Sh KEYS", "\n.Sh ");
	struct items items = {.count = 0};
	(void)state;

	read_items(part, lines, false, &items);
	expect_table("netpulse-platform.5", &items, &platform_table, seen);
	expect_no_more("netpulse-platform.5", &items);
	items_finish(&items);
	free(part);
	free(page);
}

static const struct {
	const char *section;
	enum params_verb verb;
} verbs[] = {{"exec", PARAMS_EXEC}, {"config", PARAMS_CONFIG}, {"open", PARAMS_OPEN},
    {"platform_test", PARAMS_PLATFORM_TEST}, {"record", PARAMS_RECORD}, {"test", PARAMS_TEST}};

/* A request's params are a list, or a sentence that may end in one. */
static void
read_params_of(const char *page, const char *section, struct items *items)
{
	static const char *const list[] = {".It Va ", NULL}, *const sentence[] = {".Va ", ".It Va ", NULL};
	static const char *const ends[] = {"\n.El\n", "\nResult:\n", "\nResponse as"};
	char *begin = xasprintf(".Ss %s\n", section), *part = part_of(page, begin, "\n.Ss ");
	char *params = strstr(part, "\nParams:\n");

	for (size_t i = 0; i < NP_COUNT(ends); i++) {
		char *end = strstr(part, ends[i]);

		if (end != NULL)
			*end = '\0';
	}
	read_items(params != NULL ? params : part, params != NULL ? sentence : list, true, items);
	free(part);
	free(begin);
}

static void
test_the_params_of_requests(void **state)
{
	char *page = read_file("man/netpulse-protocol.7");
	const struct schema_table *table = &params_table;
	(void)state;

	for (size_t i = 0; i < NP_COUNT(verbs); i++) {
		struct items items = {.count = 0};

		read_params_of(page, verbs[i].section, &items);
		for (size_t k = 0; k < table->count; k++) {
			if ((table->rows[k].where & verbs[i].verb) != 0)
				expect_row(verbs[i].section, PAGE_PROTOCOL, &items, &table->rows[k]);
		}
		expect_no_more(verbs[i].section, &items);
		items_finish(&items);
	}
	free(page);
}

/* What is asked of the broker itself and what is notified is told in sentences: each name is in one. */
static void
test_what_is_asked_and_notified_is_told(void **state)
{
	const struct {
		const char *begin;
		const struct schema_table *table;
	} parts[] = {{".Sh REQUESTS", &ask_table}, {".Sh NOTIFICATIONS OF THE CLIENT", &note_table}};
	char *page = read_file("man/netpulse-protocol.7");
	(void)state;

	for (size_t i = 0; i < NP_COUNT(parts); i++) {
		char *part = part_of(page, parts[i].begin, "\n.Sh ");

		for (size_t k = 0; k < parts[i].table->count; k++) {
			const char *name = parts[i].table->rows[k].name, *at = part;
			size_t n = strlen(name);

			while ((at = strstr(at, name)) != NULL && (at[-1] != ' ' || (at[n] != ' ' && at[n] != '\n')))
				at++;
			if (at == NULL)
				fail_msg("netpulse-protocol(7), %s: no `%s`", parts[i].begin, name);
		}
		free(part);
	}
	free(page);
}

/* --- what npexec knows of keys --- */

static bool
npexec_takes(const char *key, bool *made_absolute)
{
	struct npexec_options o = {.overrides = NULL};
	char *arg = xasprintf("%s=x", key);
	struct np_error err;
	bool takes = npexec_override_parse(&o, &(const struct npoption){.name = "-o"}, arg, &err) == 0;
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o.overrides, key));

	*made_absolute = value != NULL && value[0] == '/';
	cJSON_Delete(o.overrides);
	free(arg);
	return takes;
}

/* The broker works in another directory; a secret among the arguments can be read by everybody. */
static void
test_npexec_knows_which_keys_are_paths_and_secrets(void **state)
{
	const struct schema_table *tables[] = {&conf_device_table, &conf_args_table};
	(void)state;

	for (size_t t = 0; t < NP_COUNT(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct schema_row *row = &tables[t]->rows[i];
			bool command = strstr(row->name, "_command") != NULL, absolute;
			bool secret = (row->flags & SCHEMA_SECRET) != 0 && !command;

			if (npexec_takes(row->name, &absolute) == secret)
				fail_msg("npexec -o %s", row->name);
			if (absolute != (row->type == SCHEMA_PATH))
				fail_msg("npexec -o %s=x: not as the file it is, or as one that it is not", row->name);
		}
	}
}

/* The words of a variable in a completion: name='a b c', over several lines. */
static bool
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at += n) {
		if (at > list && strchr(" \n\t'", at[-1]) != NULL && strchr(" \n\t'", at[n]) != NULL)
			return true;
	}
	return false;
}

static void
test_the_completion_offers_every_key(void **state)
{
	const struct schema_table *tables[] = {&conf_device_table, &conf_args_table};
	char *file = read_file("contrib/completions/npexec"), *list = part_of(file, "local keys=", "\n\n"),
	     *save = NULL;
	size_t wanted = 0, found = 0;
	bool ignored;
	(void)state;

	for (size_t t = 0; t < NP_COUNT(tables); t++) {
		for (size_t i = 0; i < tables[t]->count; i++) {
			const struct schema_row *row = &tables[t]->rows[i];

			if (row->type == SCHEMA_APART || row->type == SCHEMA_BLOCK ||
			    !npexec_takes(row->name, &ignored))
				continue;
			wanted++;
			if (!has_word(list, row->name))
				fail_msg("contrib/completions/npexec lacks the key `%s'", row->name);
		}
	}
	for (char *word = strtok_r(strchr(list, '\''), "' \n\t", &save); word != NULL;
	     word = strtok_r(NULL, "' \n\t", &save))
		found++;
	assert_int_equal(found, wanted);
	free(list);
	free(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_page_of_the_configuration),
	    cmocka_unit_test(test_the_page_of_platforms),
	    cmocka_unit_test(test_the_params_of_requests),
	    cmocka_unit_test(test_what_is_asked_and_notified_is_told),
	    cmocka_unit_test(test_npexec_knows_which_keys_are_paths_and_secrets),
	    cmocka_unit_test(test_the_completion_offers_every_key),
	};

	return cmocka_run_group_tests_name("manual", tests, NULL, NULL);
}
