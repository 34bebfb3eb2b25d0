/*
 * What `npctl top` knows: samples of the broker's status go in, devices with their rates and their past come out; how
 * they are listed is nptop_view.c's.  Pure: time is an argument.
 *
 * The model owns all its devices; pointers to them are valid until the next nptop_model_update().
 */
#ifndef NP_TOP_MODEL_H
#define NP_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/error.h"

#define NPTOP_HISTORY 60     /* samples of the past that are kept */
#define NPTOP_FILTER_MAX 128 /* size of a filter, with its end */

/* The last samples, the newest last; negative where there was nothing to measure. */
struct nptop_history {
	float value[NPTOP_HISTORY];
	size_t count; /* of them, the newest at [count - 1] */
};

/* What a state means to a person who watches; the more of it, the more it deserves attention. */
enum nptop_mood { NPTOP_IDLE, NPTOP_CALM, NPTOP_BUSY, NPTOP_CHANGING, NPTOP_BAD };

struct nptop_device {
	char *name;      /* as the broker knows it */
	size_t ordinal;  /* of several pools of that name */
	char shown[96];  /* the name, made harmless */
	char place[160]; /* user@host:port, made harmless */
	char state[24];
	char reason[32]; /* of the last error, or "" */
	bool blocked;    /* no further log-in by itself */
	enum nptop_mood mood;
	double sessions, channels_used, channels_max, running, queued;
	double rtt_ms, last_used, age, retry_in; /* negative: unknown */
	double commands;                         /* the broker's counter */
	double rate;                             /* commands a second, smoothed */
	struct nptop_history rtt;
};

enum nptop_sort {
	NPTOP_SORT_ACTIVITY,
	NPTOP_SORT_NAME,
	NPTOP_SORT_STATE,
	NPTOP_SORT_RATE,
	NPTOP_SORT_QUEUE,
	NPTOP_SORT_RTT,
	NPTOP_SORT_SESSIONS,
	NPTOP_SORT_ERROR,
	NPTOP_SORT_COUNT
};

struct nptop_model {
	struct nptop_device **devices; /* by name and ordinal */
	size_t count;
	struct nptop_device **view; /* what is shown, in its order */
	size_t view_count;
	enum nptop_sort sort;
	bool reverse;
	char filter[NPTOP_FILTER_MAX];
	struct nptop_device *selected; /* NULL: whatever is first */
	size_t top;                    /* index in view of the first row on the screen */
	bool sampled;                  /* there has been an update */
	double sampled_at;
	double rate, running, queued; /* sums */
	struct nptop_history rates;
	size_t moods[NPTOP_BAD + 1]; /* devices by mood */
	char version[32], broker_state[24];
	double pid, uptime, peers, sessions, max_sessions, memory_kb;
};

/* A model of zeros is empty and needs no init. */
void nptop_model_finish(struct nptop_model *m);

/* Takes the result of `status` as of now.  -1 when it is none (then nothing has changed). */
int nptop_model_update(struct nptop_model *m, const cJSON *status, double now, struct np_error *err) NP_MUST_CHECK;
/* The device of that name and ordinal, or NULL. */
struct nptop_device *nptop_model_find(const struct nptop_model *m, const char *name, size_t ordinal);

/* ---- nptop_view.c ---- */

/*
 * The list of `npctl top`: which devices of the model are shown, in which order, where the cursor is and which part of
 * the list is on the screen.  Pure.
 *
 * The cursor stays on its device when rows move, so that a key never hits another one.  Until it is moved for the first
 * time, and after nptop_view_home(), it stays on the first row instead.
 */

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
