/* Which device a request means, what its client said about it, and the key that equal ones share. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "params/params_impl.h"

/* Limits among the overrides that concern one request and therefore do not make another pool. */
static const char *const request_only_overrides[] = {
    "timeout", "first_byte_timeout", "idle_timeout", "queue_timeout", "prompt_timeout"};

/* cJSON's print in memory of our own; it may hold a password. */
static char *
print_json(const cJSON *json)
{
	char *printed = xchecked(cJSON_PrintUnformatted(json)), *text = xstrdup(printed);

	secret_wipe(printed, strlen(printed));
	cJSON_free(printed);
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

static bool
is_request_only(const char *name)
{
	for (size_t i = 0; i < NP_COUNT(request_only_overrides); i++)
		if (strcmp(name, request_only_overrides[i]) == 0)
			return true;
	return false;
}

/* Equal overrides must give equal text whatever the order of their members: the text is part of the pool key. */
static char *
overrides_canonical(const cJSON *object)
{
	size_t count = (size_t)cJSON_GetArraySize(object), n = 0;
	const cJSON **members = xcalloc(count + 1, sizeof(members[0]));
	const cJSON *member;
	cJSON *sorted = cJSON_CreateObject();
	char *text;

	cJSON_ArrayForEach (member, object)
		if (!is_request_only(member->string))
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
overrides_limits(const cJSON *object, struct exec_params *p, struct np_error *err)
{
	struct {
		const char *name;
		double *value;
	} limits[] = {{"timeout", &p->timeout}, {"first_byte_timeout", &p->first_byte_timeout},
	    {"idle_timeout", &p->idle_timeout}, {"queue_timeout", &p->queue_timeout}};

	for (size_t i = 0; i < NP_COUNT(limits); i++) {
		const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, limits[i].name);
		if (member == NULL)
			continue;
		double value = member->valuedouble;
		if (cJSON_IsString(member)) {
			char *end;
			value = strtod(member->valuestring, &end);
			if (*member->valuestring == '\0' || *end != '\0')
				return params_bad(err, limits[i].name, "a number of seconds");
		} else if (!cJSON_IsNumber(member))
			return params_bad(err, limits[i].name, "a number of seconds");
		if (!(value >= 0 && value <= 1e9))
			return params_bad(err, limits[i].name, "between 0 and 1000000000 seconds");
		if (*limits[i].value < 0)
			*limits[i].value = value;
	}
	return 0;
}

static int
overrides_check(const cJSON *object, struct np_error *err)
{
	const cJSON *member;

	cJSON_ArrayForEach (member, object) {
		if (!cJSON_IsString(member) && !cJSON_IsNumber(member) && !cJSON_IsBool(member)) {
			char shown[64];
			text_vis_into(shown, sizeof(shown), member->string);
			return error_set(err, REASON_INVALID_PARAMS,
			    "`overrides.%s` must be a string, a number, true or false", shown);
		}
	}
	return 0;
}

static int
read_overrides(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct exec_params *p = base;

	if (node->kind != YAMLDOC_MAPPING)
		return params_bad(r->err, row->name, "an object with keys of a device");
	if (overrides_check(node->json, r->err) == -1 || overrides_limits(node->json, p, r->err) == -1)
		return -1;
	p->device.overrides = overrides_canonical(node->json);
	return 0;
}

const struct schema_kind params_overrides_kind = {"object", read_overrides, NULL, NULL};

/* ---- the key ---- */

char *
device_ref_key(const struct device_ref *ref)
{
	/* A unit separator can be in none of the parts: operands refuse control bytes, JSON text escapes them. */
	return xasprintf("%s\x1f%s", ref->operand != NULL ? ref->operand : ref->object,
	    ref->overrides != NULL ? ref->overrides : "");
}

void
device_ref_finish(struct device_ref *ref)
{
	free(ref->operand);
	secret_free(ref->object);
	secret_free(ref->overrides);
	memset(ref, 0, sizeof(*ref));
}

struct device_ref
device_ref_copy(const struct device_ref *ref)
{
	return (struct device_ref){.operand = xstrdup_null(ref->operand),
	    .object = xstrdup_null(ref->object),
	    .overrides = xstrdup_null(ref->overrides)};
}
