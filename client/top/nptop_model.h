/*
 * What `npctl top` knows: samples of the broker's status go in, devices with their rates and their past come out; how
 * they are listed is in nptop_view.h.  Pure: time is an argument.
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

#endif
