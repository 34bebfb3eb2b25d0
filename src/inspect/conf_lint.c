/*
 * Remarks about a configuration; see conf_lint.h.
 */
#include "inspect/conf_lint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf_impl.h"
#include "base/xalloc.h"

static void NP_PRINTF(4, 0)
    add_remark(struct conf_remarks *remarks, bool is_error, const char *where, const char *fmt, va_list ap)
{
	char *text = xvasprintf(fmt, ap);

	remarks->items = xreallocarray(remarks->items, remarks->count + 1, sizeof(remarks->items[0]));
	remarks->items[remarks->count++] = (struct conf_remark){xasprintf("%s: %s", where, text), is_error};
	free(text);
}

void
conf_remark_add(struct conf_remarks *remarks, bool is_error, const char *where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_remark(remarks, is_error, where, fmt, ap);
	va_end(ap);
}

/* About a key of a device; where the key was given, else the entry. */
static void NP_PRINTF(6, 7) remark(struct conf_remarks *remarks, bool is_error, const struct config *config,
    const struct device_conf *device, const char *key, const char *fmt, ...)
{
	const struct conf_origin *origin = conf_origin(&device->origins, key);
	char *where =
	    origin != NULL ? xasprintf("%s:%d", config->files.v[origin->file], origin->line) : xstrdup(device->source);
	va_list ap;

	va_start(ap, fmt);
	add_remark(remarks, is_error, where, fmt, ap);
	va_end(ap);
	free(where);
}

static void
check_type(struct conf_remarks *remarks, const struct config *config, const struct device_conf *device,
    const struct platforms *set)
{
	const char *type = device->device_type;
	struct np_error why;

	if (type == NULL && device->driver == DRIVER_CLI)
		remark(remarks, true, config, device, "driver",
		    "`driver: cli` of %s needs a `device_type`: a platform's name, see npctl platform list",
		    device->name);
	if (type == NULL || strcmp(type, "linux") == 0 || platforms_find(set, type) != NULL)
		return;
	platforms_unknown(set, type, &why);
	remark(remarks, true, config, device, "device_type", "`device_type` of %s: %s", device->name, why.text);
}

/* The files that an entry names; ssh's own are ssh's business. */
static void
check_files(struct conf_remarks *remarks, const struct config *config, const struct device_conf *device)
{
	const struct schema_table *table = &conf_device_table;

	for (size_t i = 0; i < table->count; i++) {
		const struct schema_row *key = &table->rows[i];
		const char *path;

		if (key->type != SCHEMA_PATH)
			continue;
		path = *(char *const *)(const void *)((const char *)device + key->offset);
		if (path == NULL || strcmp(path, "none") == 0 || access(path, R_OK) == 0)
			continue;
		remark(remarks, false, config, device, key->name, "`%s` of %s: cannot read %s: %s", key->name,
		    device->name, path, strerror(errno));
	}
}

struct conf_remarks
conf_lint(const struct config *config, const struct platforms *set)
{
	struct conf_remarks remarks = {NULL, 0};

	for (size_t i = 0; i < config->devices_count; i++) {
		check_type(&remarks, config, config->devices[i], set);
		check_files(&remarks, config, config->devices[i]);
	}
	policy_lint(&remarks, config);
	return remarks;
}

void
conf_remarks_finish(struct conf_remarks *remarks)
{
	for (size_t i = 0; i < remarks->count; i++)
		free(remarks->items[i].text);
	free(remarks->items);
	*remarks = (struct conf_remarks){NULL, 0};
}
