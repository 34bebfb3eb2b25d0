/* Where each key of a configuration was given. */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conf/conf_impl.h"

/* What a reader's note() is told beside the key. */
struct notes {
	struct conf_origins *origins;
	unsigned file;
};

/* Of a key that several files give, the last one counts. */
static void
note_origin(void *arg, const struct schema_row *row, int line)
{
	const struct notes *notes = arg;
	struct conf_origins *origins = notes->origins;
	size_t i = 0;

	while (i < origins->count && strcmp(origins->items[i].key, row->name) != 0)
		i++;
	if (i == origins->count)
		origins->items = xreallocarray(origins->items, ++origins->count, sizeof(origins->items[0]));
	origins->items[i] = (struct conf_origin){row->name, line, notes->file};
}

int
conf_read(const struct schema_table *table, const struct schema_table *const *others, const struct conf_source *source,
    const struct yamldoc_node *node, void *base, struct conf_origins *origins, struct np_error *err)
{
	struct notes notes = {origins, source->file};
	const struct schema_reader reader = {.table = table,
	    .others = others,
	    .doc = source->doc,
	    .note = source->doc->lines ? note_origin : NULL,
	    .arg = &notes,
	    .err = err};
	struct node mapping;

	node_of_yaml(&mapping, node);
	return schema_read(&reader, &mapping, base);
}

const struct conf_origin *
conf_origin(const struct conf_origins *origins, const char *key)
{
	for (size_t i = 0; i < origins->count; i++) {
		if (strcmp(origins->items[i].key, key) == 0)
			return &origins->items[i];
	}
	return NULL;
}

void
conf_origins_finish(struct conf_origins *origins)
{
	free(origins->items);
	*origins = (struct conf_origins){NULL, 0};
}
