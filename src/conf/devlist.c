/*
 * Lists of devices.  Owns the names in a struct devlist; pure; main thread.
 *
 * Brackets that hold numbers are a list of them, as clush and pdsh write it and `npexec -b` prints it: read as a glob,
 * core[1-12] would quietly mean core1 and core2.
 */
#include "conf/devlist.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"

/* JSON may take two bytes for one, and all names go into one message of 1 MiB. */
#define BYTES_MAX ((size_t)448 * 1024)
#define DIGITS_MAX 9u
/* Longer ones are no operands; what is built up from brackets must not go on for ever. */
#define PREFIX_MAX 600u

static int
add_name(struct devlist *list, const char *name, struct np_error *err)
{
	size_t size = strlen(name) + 4;

	if (list->names.n >= DEVLIST_MAX || list->bytes + size > BYTES_MAX)
		return error_set(err, REASON_INVALID_PARAMS, "more than %u devices: name fewer at once", DEVLIST_MAX);
	strings_add(&list->names, name);
	list->bytes += size;
	return 0;
}

/* ---- groups and globs ---- */

static int
add_matching(const struct config *config, const char *item, struct devlist *list, struct np_error *err)
{
	bool found = false;

	for (size_t i = 0; i < config->devices_count; i++) {
		const struct device_conf *device = config->devices[i];
		bool matches = item[0] == '@' ? strings_has(&device->groups, item + 1) : glob_match(item, device->name);

		if (!matches)
			continue;
		found = true;
		if (add_name(list, device->name, err) == -1)
			return -1;
	}
	if (found)
		return 0;
	if (item[0] == '@')
		return error_set(err, REASON_UNKNOWN_DEVICE,
		    "no configured device is in group `%s`: see `groups` in netpulse.yaml(5)", TEXT_SHOWN(item) + 1);
	return error_set(err, REASON_UNKNOWN_DEVICE, "no configured device matches `%s`", TEXT_SHOWN(item));
}

/* ---- lists of numbers ---- */

/* Behind an opening bracket: the bracket's end when only numbers, with a dash or a comma among them, stand in it. */
static const char *
numbers_end(const char *p)
{
	size_t n = strspn(p, "0123456789-,");

	return p[n] == ']' && strcspn(p, "-,") < n ? p + n : NULL;
}

static bool
holds_numbers(const char *item)
{
	const char *bracket = strchr(item, '[');

	return bracket != NULL && numbers_end(bracket + 1) != NULL;
}

static int
bad_numbers(const char *item, struct np_error *err)
{
	return error_set(
	    err, REASON_INVALID_PARAMS, "`%s`: write the numbers in brackets as in [1-3,7]", TEXT_SHOWN(item));
}

/* One number at *p, which is moved behind it; its digits are counted. */
static bool
read_number(const char **p, unsigned long *number, size_t *digits)
{
	*digits = strspn(*p, "0123456789");
	if (*digits == 0 || *digits > DIGITS_MAX)
		return false;
	*number = strtoul(*p, NULL, 10);
	*p += *digits;
	return true;
}

static int add_numbered(const char *prefix, const char *rest, struct devlist *list, struct np_error *err);

/* "1-3" or "7" at *p: a name for each, with what follows the bracket. */
static int
add_range(const char *prefix, const char **p, const char *behind, struct devlist *list, struct np_error *err)
{
	unsigned long first, last;
	size_t digits, ignored;
	const char *start = *p;

	if (!read_number(p, &first, &digits))
		return bad_numbers(start, err);
	last = first;
	int width = *start == '0' ? (int)digits : 0;
	if (**p == '-') {
		(*p)++;
		if (!read_number(p, &last, &ignored) || last < first)
			return bad_numbers(start, err);
	}
	for (unsigned long n = first; n <= last; n++) {
		char *longer = xasprintf("%s%0*lu", prefix, width, n);
		int result = add_numbered(longer, behind, list, err);
		free(longer);
		if (result == -1)
			return -1;
	}
	return 0;
}

/* prefix is complete; rest may hold further brackets. */
static int
add_numbered(const char *prefix, const char *rest, struct devlist *list, struct np_error *err)
{
	const char *bracket = strchr(rest, '['), *end, *p;
	char *name;
	int result;

	if (bracket == NULL) {
		name = xasprintf("%s%s", prefix, rest);
		result = operand_check(name, err);
		if (result == 0)
			result = add_name(list, name, err);
		free(name);
		return result;
	}
	end = numbers_end(bracket + 1);
	if (end == NULL || strlen(prefix) > PREFIX_MAX)
		return bad_numbers(rest, err);
	name = xasprintf("%s%.*s", prefix, (int)(bracket - rest), rest);
	p = bracket + 1;
	do
		result = add_range(name, &p, end + 1, list, err);
	while (result == 0 && *p++ == ',');
	free(name);
	if (result == 0 && p != end + 1)
		return bad_numbers(rest, err);
	return result;
}

/* ---- the list ---- */

static int
add_item(const struct config *config, const char *item, struct devlist *list, struct np_error *err)
{
	if (*item == '\0')
		return error_set(err, REASON_INVALID_PARAMS, "a name in the list of devices is empty");
	if (item[0] == '@')
		return add_matching(config, item, list, err);
	if (!operand_is_list(item)) {
		if (config_device(config, item) == NULL && operand_check(item, err) == -1)
			return -1;
		return add_name(list, item, err);
	}
	if (!holds_numbers(item)) {
		if (strchr(item, '@') != NULL)
			return error_set(err, REASON_INVALID_PARAMS,
			    "a user before a pattern: patterns stand for configured devices, give the user with -l");
		return add_matching(config, item, list, err);
	}
	if (strpbrk(item, "*?") != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "numbers in brackets do not go together with `*` and `?`");
	return add_numbered("", item, list, err);
}

/* The end of the first item: a comma that stands in no bracket, or the end of the text. */
static const char *
item_end(const char *p)
{
	while (*p != '\0' && *p != ',') {
		const char *close = *p == '[' ? strchr(p, ']') : p;

		if (close == NULL)
			return p + strcspn(p, ",");
		p = close + 1;
	}
	return p;
}

static int
compare_places(const void *a, const void *b)
{
	char **const *x = a, **const *y = b;
	int order = strcmp(**x, **y);

	return order != 0 ? order : *x < *y ? -1 : 1;
}

/* Of equal names the first one stays. */
static void
drop_duplicates(struct strings *names)
{
	char ***places = xcalloc(names->n + 1, sizeof(places[0]));
	size_t kept = 0;

	for (size_t i = 0; i < names->n; i++)
		places[i] = &names->v[i];
	qsort(places, names->n, sizeof(places[0]), compare_places);
	for (size_t i = names->n; i > 1; i--) {
		if (strcmp(*places[i - 1], *places[i - 2]) == 0) {
			free(*places[i - 1]);
			*places[i - 1] = NULL;
		}
	}
	for (size_t i = 0; i < names->n; i++)
		if (names->v[i] != NULL)
			names->v[kept++] = names->v[i];
	names->n = kept;
	free(places);
}

int
devlist_expand(const struct config *config, const char *text, struct devlist *list, struct np_error *err)
{
	const char *p = text, *end;
	int result;

	memset(list, 0, sizeof(*list));
	do {
		end = item_end(p);
		char *item = xstrndup(p, (size_t)(end - p));
		result = add_item(config, item, list, err);
		free(item);
		p = end + 1;
	} while (result == 0 && *end == ',');
	if (result == 0)
		drop_duplicates(&list->names);
	return result;
}

void
devlist_finish(struct devlist *list)
{
	strings_finish(&list->names);
}

char *
config_device_of_user(const struct config *config, const char *name)
{
	struct operand op;
	char *device;

	if (config_device(config, name) != NULL || operand_parse(name, &op, NULL) != 0)
		return NULL;
	device = op.port != 0 ? xasprintf("%s:%d", op.host, op.port) : xstrdup(op.host);
	operand_finish(&op);
	if (strcmp(device, name) != 0)
		return device;
	free(device);
	return NULL;
}
