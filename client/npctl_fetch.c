/*
 * `npctl status` in pages: however much the broker holds, each answer fits a frame, and here they become one again.
 */
#include <string.h>

#include "npclient.h"
#include "npctl.h"
#include "npctl_impl.h"

/* Moves what `from` holds to the end of `to`; both are arrays. */
static void
move_items(cJSON *to, cJSON *from)
{
	cJSON *item;

	while ((item = cJSON_DetachItemFromArray(from, 0)) != NULL)
		cJSON_AddItemToArray(to, item);
}

/* A device whose sessions did not fit the page goes on with the next one. */
static void
continue_device(cJSON *devices, cJSON *more)
{
	cJSON *last = devices->child != NULL ? devices->child->prev : NULL; /* cJSON's first child points to the last */
	cJSON *first = more->child;

	if (last == NULL || !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(first, "continued")))
		return;
	cJSON *list = cJSON_GetObjectItemCaseSensitive(last, "list");
	cJSON *rest = cJSON_GetObjectItemCaseSensitive(first, "list");
	if (cJSON_IsArray(list) && cJSON_IsArray(rest))
		move_items(list, rest);
	cJSON_DeleteItemFromArray(more, 0);
}

static void
join_page(cJSON *status, cJSON *page)
{
	static const char *const names[] = {"devices", "peers", "requests"};

	for (size_t i = 0; i < NP_COUNT(names); i++) {
		cJSON *to = cJSON_GetObjectItemCaseSensitive(status, names[i]);
		cJSON *from = cJSON_GetObjectItemCaseSensitive(page, names[i]);
		if (!cJSON_IsArray(to) || !cJSON_IsArray(from))
			continue;
		if (i == 0)
			continue_device(to, from);
		move_items(to, from);
	}
}

/* Takes `next` out of the page, into the params of the following request; false: it is the last one. */
static bool
follow(cJSON *page, cJSON *params)
{
	cJSON *next = cJSON_DetachItemFromObjectCaseSensitive(page, "next");

	if (!cJSON_IsString(next)) {
		cJSON_Delete(next);
		return false;
	}
	cJSON_DeleteItemFromObjectCaseSensitive(params, "page");
	cJSON_AddItemToObject(params, "page", next);
	return true;
}

cJSON *
npctl_fetch_status(struct npctl *c, cJSON *params)
{
	cJSON *status = NULL, *page;
	bool more = true;

	cJSON_AddStringToObject(params, "page", "");
	while (more && (page = npctl_ask(c, "status", cJSON_Duplicate(params, true))) != NULL) {
		more = follow(page, params);
		if (status == NULL) {
			status = page;
			continue;
		}
		join_page(status, page);
		cJSON_Delete(page);
	}
	cJSON_Delete(params);
	if (more) {
		cJSON_Delete(status);
		return NULL;
	}
	return status;
}
