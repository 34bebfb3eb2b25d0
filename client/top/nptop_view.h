/*
 * The list of `npctl top`: which devices of the model are shown, in which order, where the cursor is and which part of
 * the list is on the screen.  Pure.
 *
 * The cursor stays on its device when rows move, so that a key never hits another one.  Until it is moved for the first
 * time, and after nptop_view_home(), it stays on the first row instead.
 */
#ifndef NP_TOP_VIEW_H
#define NP_TOP_VIEW_H

#include "top/nptop_model.h"

/* How the list is sorted. */
void nptop_view_sort(struct nptop_model *m, enum nptop_sort sort, bool reverse);
const char *nptop_sort_name(enum nptop_sort sort);
/* Shows only devices whose name, place, state or error contains text, in upper or lower case; "" shows all. */
void nptop_view_filter(struct nptop_model *m, const char *text);

/* The device under the cursor, NULL in an empty list. */
struct nptop_device *nptop_view_current(const struct nptop_model *m);
/* Its index; 0 in an empty list. */
size_t nptop_view_cursor(const struct nptop_model *m);
/* Moves the cursor by so many rows, stopping at the ends; beyond the first row it is as after nptop_view_home(). */
void nptop_view_move(struct nptop_model *m, long rows);
void nptop_view_home(struct nptop_model *m);
void nptop_view_end(struct nptop_model *m);
/* Sets top so that the cursor is among rows rows of the screen and none of them is empty without need. */
void nptop_view_scroll(struct nptop_model *m, size_t rows);

/*
 * For nptop_model.c, after devices came and went.  had: the cursor was on a device, at this index; when that has gone,
 * or is shown no longer, its neighbour takes its place.
 */
void nptop_view_rebuild(struct nptop_model *m, bool had, size_t cursor);

#endif
