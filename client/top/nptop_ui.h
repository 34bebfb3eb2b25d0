/*
 * What `npctl top` shows at present and what the keys make of it, without a terminal.  Pure: time is an argument.
 */
#ifndef NP_TOP_UI_H
#define NP_TOP_UI_H

#include <stdbool.h>
#include <stddef.h>

#include "top/nptop_layout.h"
#include "top/nptop_model.h"
#include "top/nptop_page.h"

/* Keys without a character; the others are their byte. */
enum nptop_key {
	NPTOP_KEY_NONE = -1,
	NPTOP_KEY_OTHER = 0x1000, /* one that means nothing here */
	NPTOP_KEY_UP,
	NPTOP_KEY_DOWN,
	NPTOP_KEY_LEFT,
	NPTOP_KEY_RIGHT,
	NPTOP_KEY_PAGE_UP,
	NPTOP_KEY_PAGE_DOWN,
	NPTOP_KEY_HOME,
	NPTOP_KEY_END,
	NPTOP_KEY_ENTER,
	NPTOP_KEY_BACKSPACE,
	NPTOP_KEY_HELP
};

enum nptop_mode { NPTOP_LIST, NPTOP_DETAIL, NPTOP_HELP };

enum nptop_act { NPTOP_NOTHING, NPTOP_PAUSE, NPTOP_RESUME, NPTOP_CLOSE, NPTOP_CLOSE_NOW, NPTOP_RECONNECT };

struct nptop_ui {
	struct nptop_model model;
	struct nptop_page page; /* what stands in place of the list */
	enum nptop_mode mode, before_help;
	bool unicode;
	int width, height;
	/* The device of NPTOP_DETAIL. */
	char *detail;
	size_t detail_ordinal;
	/* The last line: a filter being typed, a question, or a message. */
	bool typing;
	char typed[NPTOP_FILTER_MAX];
	enum nptop_act asked; /* a question is open */
	char *asked_device;
	char message[NPTOP_TEXT_MAX];
	bool message_bad;
	double message_until;
	char trouble[2 * NPTOP_TEXT_MAX]; /* why there is no news of the broker, or "" */
	/* What is to be done, by whoever has the broker; reset there. */
	enum nptop_act act;
	char *act_device;
	bool ask_now;  /* for a new sample */
	bool draw_all; /* the screen cannot be trusted */
	bool quit;
};

void nptop_ui_init(struct nptop_ui *ui, bool unicode);
void nptop_ui_finish(struct nptop_ui *ui);
/* The screen has this size from now on. */
void nptop_ui_resize(struct nptop_ui *ui, int width, int height);
/* Rows of the screen for the list or the page. */
size_t nptop_ui_rows(const struct nptop_ui *ui);

/* Acts on a key: an enum nptop_key, or a byte. */
void nptop_ui_key(struct nptop_ui *ui, int key);

/* Shows a message in the last line until a key or some seconds have passed. */
void nptop_ui_say(struct nptop_ui *ui, bool bad, double now, const char *fmt, ...) NP_PRINTF(4, 5);
/* The model has changed; status: the answer about the device in full, or NULL. */
void nptop_ui_sampled(struct nptop_ui *ui, const cJSON *status, double now);
/* The last line of the screen; returns out. */
const char *nptop_ui_footer(const struct nptop_ui *ui, char out[NPTOP_TEXT_MAX]);

/* "pause", for messages; the method of the protocol. */
const char *nptop_act_method(enum nptop_act act);

#endif
