/* Which device a request means, what its client said about it, and the key that equal ones share. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "params/params_impl.h"

/* It may hold a password: into memory that is wiped, for cJSON's own grows and shrinks and leaves copies behind. */
static struct secret *
print_json(const cJSON *json)
{
	struct secret *text = NULL;

	for (size_t size = 512; text == NULL; size *= 2) {
		char *room = xmalloc(size);

		if (cJSON_PrintPreallocated((cJSON *)(uintptr_t)json, room, (int)size, 0))
			text = secret_make(room);
		secret_wipe(room, size);
		free(room);
	}
	return text;
}

/* ---- device ---- */

static int
read_device(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct device_ref *ref = &((struct exec_params *)base)->device;

	if (node->style == NODE_QUOTED && node->kind == YAMLDOC_SCALAR && node->text[0] != '\0') {
		ref->operand = xstrdup(node->text);
		return 0;
	}
	if (node->kind != YAMLDOC_MAPPING)
		return params_bad(r->err, row->name, "a name, user@host, host:port, or an object with a device's keys");
	ref->object = print_json(node->json);
	return 0;
}

static void
free_device(const struct schema_row *row NP_UNUSED, void *base)
{
	device_ref_finish(&((struct exec_params *)base)->device);
}

const struct schema_kind params_device_kind = {"string or object", read_device, NULL, free_device};

/* ---- overrides ---- */

static int
compare_members(const void *a, const void *b)
{
	const cJSON *const *x = a;
	const cJSON *const *y = b;

	return strcmp((*x)->string, (*y)->string);
}

/* The limit of a request that is meant, or NULL: it concerns this request alone and makes no other pool. */
static const struct schema_row *
find_limit(const char *name)
{
	const struct schema_row *row = schema_find(&params_table, 0, name);

	return row != NULL && row->type == SCHEMA_SECONDS ? row : NULL;
}

/* Equal overrides must give equal text whatever the order of their members: the text is part of the pool key. */
static struct secret *
overrides_canonical(const cJSON *object)
{
	size_t count = (size_t)cJSON_GetArraySize(object), n = 0;
	const cJSON **members = xcalloc(count + 1, sizeof(members[0]));
	const cJSON *member;
	cJSON *sorted = cJSON_CreateObject();
	struct secret *text;

	cJSON_ArrayForEach (member, object)
		if (find_limit(member->string) == NULL)
			members[n++] = member;
	qsort(members, n, sizeof(members[0]), compare_members);
	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToObject(sorted, members[i]->string, cJSON_Duplicate(members[i], 0));
	text = n > 0 ? print_json(sorted) : NULL;
	params_wipe(sorted);
	cJSON_Delete(sorted);
	free(members);
	return text;
}

/* A limit of the request's own counts more, wherever it stands. */
static int
take_limit(const struct schema_reader *r, const struct schema_row *row, const struct node *node, struct exec_params *p)
{
	double *limit = (double *)(void *)((char *)p + row->offset), own = *limit;
	struct node text;

	node_of_option(&text, node->text); /* of npexec's -o it is a string */
	if (schema_set(r, row, &text, p) == -1)
		return -1;
	if (own >= 0)
		*limit = own;
	return 0;
}

static int
read_override(const struct schema_reader *r, const struct node_walk *walk, struct exec_params *p)
{
	const struct schema_row *limit = find_limit(walk->key);

	if (walk->item.kind != YAMLDOC_SCALAR || node_is_null(&walk->item))
		return error_set(r->err, REASON_INVALID_PARAMS,
		    "`overrides.%s` must be a string, a number, true or false", TEXT_SHOWN(walk->key));
	return limit != NULL ? take_limit(r, limit, &walk->item, p) : 0;
}

static int
read_overrides(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct exec_params *p = base;
	struct node_walk walk = {0};

	if (node->kind != YAMLDOC_MAPPING)
		return params_bad(r->err, row->name, "an object with keys of a device");
	while (node_walk(node, &walk)) {
		if (read_override(r, &walk, p) == -1)
			return -1;
	}
	p->device.overrides = overrides_canonical(node->json);
	return 0;
}

const struct schema_kind params_overrides_kind = {"object", read_overrides, NULL, NULL};

/* ---- the key ---- */

/* Texts that may hold a password stand there as what they hash to. */
char *
device_ref_key(const struct device_ref *ref)
{
	char *object = ref->object != NULL ? secret_digest(ref->object) : NULL;
	char *overrides = ref->overrides != NULL ? secret_digest(ref->overrides) : NULL;
	/* A unit separator is in no operand: those refuse control bytes. */
	char *key = xasprintf("%s\x1f%s\x1f%s\x1f%lu", ref->operand != NULL ? ref->operand : "",
	    object != NULL ? object : "", overrides != NULL ? overrides : "", ref->of_user);

	free(object);
	free(overrides);
	return key;
}

void
device_ref_finish(struct device_ref *ref)
{
	free(ref->operand);
	secret_unref(ref->object);
	secret_unref(ref->overrides);
	memset(ref, 0, sizeof(*ref));
}

struct device_ref
device_ref_copy(const struct device_ref *ref)
{
	return (struct device_ref){.operand = xstrdup_null(ref->operand),
	    .object = secret_ref(ref->object),
	    .overrides = secret_ref(ref->overrides),
	    .of_user = ref->of_user};
}
