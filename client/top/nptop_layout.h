/*
 * Where things go on a screen of any size, and the texts that go there.  Pure; texts are UTF-8, harmless for terminals
 * and may be longer than their place.
 */
#ifndef NP_TOP_LAYOUT_H
#define NP_TOP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "top/nptop_model.h"

#define NPTOP_TEXT_MAX 512 /* size of any text here, with its end */

enum nptop_column {
	NPTOP_COL_NAME,
	NPTOP_COL_STATE,
	NPTOP_COL_SESSIONS,
	NPTOP_COL_CHANNELS,
	NPTOP_COL_RUN,
	NPTOP_COL_QUEUE,
	NPTOP_COL_RATE,
	NPTOP_COL_RTT,
	NPTOP_COL_GRAPH,
	NPTOP_COL_LAST,
	NPTOP_COL_ERROR,
	NPTOP_COL_COUNT
};

/* The columns of the table from left to right, with a space between them. */
struct nptop_columns {
	enum nptop_column column[NPTOP_COL_COUNT];
	int width[NPTOP_COL_COUNT];
	size_t count;
};

/* Lines of the screen; -1: left off for want of room. */
struct nptop_lines {
	int broker, totals, list, titles, footer;
	int first, rows; /* of the table */
};

/* What fits a screen of that width, the most important first; name: columns that the longest name takes. */
void nptop_layout_columns(struct nptop_columns *c, int width, int name);
void nptop_layout_lines(struct nptop_lines *l, int height);

struct nptop_column_look {
	const char *title;
	int width;   /* the least */
	bool number; /* its cells stand to the right */
	int sort;    /* the enum nptop_sort by which it is sorted, or -1 */
};
extern const struct nptop_column_look nptop_column_looks[NPTOP_COL_COUNT];

/* The text of a cell, of any column but NPTOP_COL_GRAPH; valid as long as d and out. */
const char *nptop_cell(const struct nptop_device *d, enum nptop_column column, char out[NPTOP_TEXT_MAX]);
/* Commands a second: "0.3", "12", "14k". */
const char *nptop_rate(char *out, size_t size, double rate);
/*
 * The last width samples as bars, the newest to the right, a space where there is none.  Zero is at the bottom, and a
 * steady value half way up.  unicode: block elements, else ASCII.  Returns out.
 */
const char *nptop_graph(const struct nptop_history *h, int width, bool unicode, char out[NPTOP_TEXT_MAX]);

/* The lines above the table; each returns out. */
const char *nptop_line_broker(const struct nptop_model *m, char out[NPTOP_TEXT_MAX]);
const char *nptop_line_totals(const struct nptop_model *m, bool unicode, char out[NPTOP_TEXT_MAX]);
const char *nptop_line_list(const struct nptop_model *m, int rows, char out[NPTOP_TEXT_MAX]);

#endif
