/*
 * `npctl status` in pages: however much the broker holds, each answer fits a frame, and here they become one again.
 */
#include "npctl/npctl_fetch.h"

#include <string.h>

#include "lib/npclient.h"
#include "npctl/npctl.h"
#include "npctl/npctl_impl.h"

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

void
npctl_page_join(cJSON *status, cJSON *page)
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
	cJSON_Delete(page);
}

cJSON *
npctl_page_next(cJSON *page)
{
	cJSON *next = cJSON_DetachItemFromObjectCaseSensitive(page, "next");

	if (cJSON_IsString(next))
		return next;
	cJSON_Delete(next);
	return NULL;
}

cJSON *
npctl_fetch_status(struct npctl *c, cJSON *params)
{
	cJSON *status = NULL, *page, *next = cJSON_CreateString("");

	while (next != NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(params, "page");
		cJSON_AddItemToObject(params, "page", next);
		page = npctl_ask(c, "status", cJSON_Duplicate(params, true));
		if (page == NULL) {
			cJSON_Delete(status);
			status = NULL;
			break;
		}
		next = npctl_page_next(page);
		if (status == NULL)
			status = page;
		else
			npctl_page_join(status, page);
	}
	cJSON_Delete(params);
	return status;
}
