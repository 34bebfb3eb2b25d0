/*
 * Pages of text that `npctl top` shows instead of the list: a device in full, and the keys.  Pure.
 */
#ifndef NP_TOP_PAGE_H
#define NP_TOP_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "top/nptop_model.h"

struct nptop_page_line {
	char *text; /* UTF-8, harmless for terminals */
	enum nptop_mood mood;
	bool title;
};

/* Owns its lines. */
struct nptop_page {
	struct nptop_page_line *line;
	size_t count;
	size_t top; /* the first line on the screen */
};

/* Forgets the lines, not where the reader was; a page of zeros is empty and needs no init. */
void nptop_page_clear(struct nptop_page *p);
/* Moves the text by so many lines on a screen that shows rows of them. */
void nptop_page_scroll(struct nptop_page *p, long lines, size_t rows);

/*
 * The device in full, for a screen of that width: d as the list has it, and the result of `status` for it (NULL: not
 * there yet), of which the text of npstatus_device_text() follows.
 */
void nptop_page_detail(
    struct nptop_page *p, const struct nptop_device *d, const cJSON *status, int width, bool unicode);
/* In place of a device that the broker knows no longer. */
void nptop_page_gone(struct nptop_page *p, const char *name);
/* The keys. */
void nptop_page_help(struct nptop_page *p);

#endif
