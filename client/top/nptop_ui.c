/*
 * Keys.  Whatever ends sessions or holds commands up is asked back first, with the name of the device: rows move by
 * themselves, and a key is quickly hit.
 */
#include "top/nptop_ui.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

#define CONTROL(c) ((c)&0x1f)
#define ESCAPE 27

/* Movements beyond any list. */
#define TO_START (-1000000000L)
#define TO_END 1000000000L

/* Seconds that a message stays. */
#define MESSAGE_STAYS 8.0

static const struct {
	int key;
	const char *method;
	const char *question; /* NULL: not asked back */
} acts[] = {
    [NPTOP_NOTHING] = {0, "", NULL},
    [NPTOP_PAUSE] = {'p', "pause", "Pause %s: let its commands wait?"},
    [NPTOP_RESUME] = {'u', "resume", NULL},
    [NPTOP_CLOSE] = {'c', "close", "Close the sessions of %s when their commands have ended?"},
    [NPTOP_CLOSE_NOW] = {'C', "close", "Close the sessions of %s now, cutting what runs there?"},
    [NPTOP_RECONNECT] = {'R', "reconnect", "Reconnect %s: new sessions, and an end to the old ones?"},
};

const char *
nptop_act_method(enum nptop_act act)
{
	return acts[act].method;
}

void
nptop_ui_init(struct nptop_ui *ui, bool unicode)
{
	memset(ui, 0, sizeof(*ui));
	ui->unicode = unicode;
}

void
nptop_ui_finish(struct nptop_ui *ui)
{
	nptop_model_finish(&ui->model);
	nptop_page_clear(&ui->page);
	free(ui->detail);
	free(ui->asked_device);
	free(ui->act_device);
}

size_t
nptop_ui_rows(const struct nptop_ui *ui)
{
	struct nptop_lines lines;

	if (ui->mode != NPTOP_LIST)
		return ui->height > 1 ? (size_t)ui->height - 1 : 1;
	nptop_layout_lines(&lines, ui->height);
	return (size_t)lines.rows;
}

static void
settle(struct nptop_ui *ui)
{
	if (ui->mode == NPTOP_LIST)
		nptop_view_scroll(&ui->model, nptop_ui_rows(ui));
	else
		nptop_page_scroll(&ui->page, 0, nptop_ui_rows(ui));
}

void
nptop_ui_resize(struct nptop_ui *ui, int width, int height)
{
	ui->width = width;
	ui->height = height;
	ui->draw_all = true;
	settle(ui);
}

/* ---- the last line ---- */

void
nptop_ui_say(struct nptop_ui *ui, bool bad, double now, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ui->message, sizeof(ui->message), fmt, ap);
	va_end(ap);
	ui->message_bad = bad;
	ui->message_until = now + MESSAGE_STAYS;
}

static const char *
question(const struct nptop_ui *ui, char out[NPTOP_TEXT_MAX])
{
	char name[96];
	const char *text = acts[ui->asked].question, *device = strstr(text, "%s");

	text_vis_into(name, sizeof(name), ui->asked_device);
	snprintf(out, NPTOP_TEXT_MAX, "%.*s%s%s (y/n) ", (int)(device - text), text, name, device + 2);
	return out;
}

const char *
nptop_ui_footer(const struct nptop_ui *ui, char out[NPTOP_TEXT_MAX])
{
	static const char *const keys[] = {
	    [NPTOP_LIST] = "q:quit ?:help Enter:detail /:filter s:sort p:pause u:resume c:close R:reconnect",
	    [NPTOP_DETAIL] = "q:back ?:help p:pause u:resume c:close C:close now R:reconnect",
	    [NPTOP_HELP] = "q:back",
	};

	if (ui->asked != NPTOP_NOTHING)
		return question(ui, out);
	if (ui->typing)
		snprintf(out, NPTOP_TEXT_MAX, "Filter: %s", ui->typed);
	else
		snprintf(out, NPTOP_TEXT_MAX, "%s", ui->message[0] != '\0' ? ui->message : keys[ui->mode]);
	return out;
}

/* ---- pages ---- */

static void
show_page(struct nptop_ui *ui, enum nptop_mode mode)
{
	ui->mode = mode;
	ui->page.top = 0;
}

static void
show_list(struct nptop_ui *ui)
{
	ui->mode = NPTOP_LIST;
	nptop_page_clear(&ui->page);
	free(ui->detail);
	ui->detail = NULL;
}

static void
fill_detail(struct nptop_ui *ui, const cJSON *status)
{
	const struct nptop_device *d = nptop_model_find(&ui->model, ui->detail, ui->detail_ordinal);

	if (d != NULL)
		nptop_page_detail(&ui->page, d, status, ui->width, ui->unicode);
	else
		nptop_page_gone(&ui->page, ui->detail);
}

static void
open_detail(struct nptop_ui *ui)
{
	const struct nptop_device *d = nptop_view_current(&ui->model);

	if (d == NULL)
		return;
	ui->detail = xstrdup(d->name);
	ui->detail_ordinal = d->ordinal;
	show_page(ui, NPTOP_DETAIL);
	fill_detail(ui, NULL);
	ui->ask_now = true;
}

static void
open_help(struct nptop_ui *ui)
{
	ui->before_help = ui->mode;
	show_page(ui, NPTOP_HELP);
	nptop_page_help(&ui->page);
}

static void
leave_page(struct nptop_ui *ui)
{
	if (ui->mode != NPTOP_HELP || ui->before_help == NPTOP_LIST) {
		show_list(ui);
		return;
	}
	show_page(ui, ui->before_help);
	fill_detail(ui, NULL);
	ui->ask_now = true;
}

void
nptop_ui_sampled(struct nptop_ui *ui, const cJSON *status, double now)
{
	if (now >= ui->message_until)
		ui->message[0] = '\0';
	if (ui->mode == NPTOP_DETAIL &&
	    (status != NULL || nptop_model_find(&ui->model, ui->detail, ui->detail_ordinal) == NULL))
		fill_detail(ui, status);
	settle(ui);
}

/* ---- orders ---- */

static void
order(struct nptop_ui *ui, enum nptop_act act, const char *device)
{
	free(ui->act_device);
	ui->act_device = xstrdup(device);
	ui->act = act;
}

static const char *
present_device(const struct nptop_ui *ui)
{
	const struct nptop_device *d;

	if (ui->mode == NPTOP_DETAIL)
		return ui->detail;
	d = nptop_view_current(&ui->model);
	return d != NULL ? d->name : NULL;
}

static void
want(struct nptop_ui *ui, enum nptop_act act)
{
	const char *device = present_device(ui);

	if (device == NULL)
		return;
	if (acts[act].question == NULL) {
		order(ui, act, device);
		return;
	}
	free(ui->asked_device);
	ui->asked_device = xstrdup(device);
	ui->asked = act;
}

static void
key_of_question(struct nptop_ui *ui, int key)
{
	if (key == 'y' || key == 'Y')
		order(ui, ui->asked, ui->asked_device);
	ui->asked = NPTOP_NOTHING;
}

/* What goes for the list and for a device in full. */
static void
key_of_orders(struct nptop_ui *ui, int key)
{
	for (size_t i = NPTOP_NOTHING + 1; i < NP_COUNT(acts); i++)
		if (acts[i].key == key)
			want(ui, (enum nptop_act)i);
}

/* ---- the filter ---- */

static void
erase_character(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
		n--;
	text[n > 0 ? n - 1 : 0] = '\0';
}

static void
key_of_filter(struct nptop_ui *ui, int key)
{
	size_t n = strlen(ui->typed);

	if (key == ESCAPE || (key == NPTOP_KEY_BACKSPACE && n == 0)) {
		ui->typing = false;
		ui->typed[0] = '\0';
	} else if (key == NPTOP_KEY_ENTER) {
		ui->typing = false;
	} else if (key == NPTOP_KEY_BACKSPACE) {
		erase_character(ui->typed);
	} else if (key == CONTROL('u')) {
		ui->typed[0] = '\0';
	} else if (key >= ' ' && key <= 0xff && key != 0x7f && n + 1 < sizeof(ui->typed)) {
		ui->typed[n] = (char)key;
		ui->typed[n + 1] = '\0';
	}
	/* In the middle of a character there is nothing to look for. */
	if (text_is_utf8(ui->typed, strlen(ui->typed)))
		nptop_view_filter(&ui->model, ui->typed);
	else if (!ui->typing)
		ui->typed[0] = '\0';
}

/* ---- the list ---- */

static void
sort_by(struct nptop_ui *ui, enum nptop_sort sort)
{
	nptop_view_sort(&ui->model, sort, false);
	nptop_view_home(&ui->model);
}

static void
sort_next(struct nptop_ui *ui, int step)
{
	sort_by(ui, (enum nptop_sort)(((int)ui->model.sort + step + NPTOP_SORT_COUNT) % NPTOP_SORT_COUNT));
}

/* false: another key. */
static bool
key_of_sorting(struct nptop_ui *ui, int key)
{
	static const struct {
		int key;
		enum nptop_sort sort;
	} keys[] = {{'a', NPTOP_SORT_ACTIVITY}, {'n', NPTOP_SORT_NAME}, {'m', NPTOP_SORT_RATE}, {'w', NPTOP_SORT_QUEUE},
	    {'t', NPTOP_SORT_RTT}, {'e', NPTOP_SORT_ERROR}};

	if (key == 's' || key == 'S')
		sort_next(ui, key == 's' ? 1 : -1);
	else if (key == 'r')
		nptop_view_sort(&ui->model, ui->model.sort, !ui->model.reverse);
	else {
		size_t i = 0;
		while (i < NP_COUNT(keys) && keys[i].key != key)
			i++;
		if (i == NP_COUNT(keys))
			return false;
		sort_by(ui, keys[i].sort);
	}
	return true;
}

/* How far a key moves, in lines; 0 for other keys. */
static long
movement(int key, size_t rows)
{
	long page = rows > 1 ? (long)rows - 1 : 1;

	switch (key) {
	case NPTOP_KEY_UP:
	case 'k':
		return -1;
	case NPTOP_KEY_DOWN:
	case 'j':
		return 1;
	case NPTOP_KEY_PAGE_UP:
	case CONTROL('b'):
		return -page;
	case NPTOP_KEY_PAGE_DOWN:
	case CONTROL('f'):
		return page;
	case NPTOP_KEY_HOME:
	case 'g':
		return TO_START;
	case NPTOP_KEY_END:
	case 'G':
		return TO_END;
	default: /* keys are no enum */
		return 0;
	}
}

static void
key_of_list(struct nptop_ui *ui, int key)
{
	long rows = movement(key, nptop_ui_rows(ui));

	if (rows == TO_START)
		nptop_view_home(&ui->model);
	else if (rows == TO_END)
		nptop_view_end(&ui->model);
	else if (rows != 0)
		nptop_view_move(&ui->model, rows);
	else if (key == 'q')
		ui->quit = true;
	else if (key == NPTOP_KEY_ENTER || key == NPTOP_KEY_RIGHT)
		open_detail(ui);
	else if (key == '/') {
		ui->typing = true;
		snprintf(ui->typed, sizeof(ui->typed), "%s", ui->model.filter);
	} else if (key == ESCAPE)
		nptop_view_filter(&ui->model, "");
	else if (!key_of_sorting(ui, key))
		key_of_orders(ui, key);
}

static void
key_of_page(struct nptop_ui *ui, int key)
{
	long lines = movement(key, nptop_ui_rows(ui));

	if (lines != 0)
		nptop_page_scroll(&ui->page, lines, nptop_ui_rows(ui));
	else if (key == 'q' || key == ESCAPE || key == NPTOP_KEY_LEFT || key == NPTOP_KEY_BACKSPACE ||
		 key == NPTOP_KEY_ENTER)
		leave_page(ui);
	else if (ui->mode == NPTOP_DETAIL)
		key_of_orders(ui, key);
}

void
nptop_ui_key(struct nptop_ui *ui, int key)
{
	ui->message[0] = '\0';
	if (ui->asked != NPTOP_NOTHING)
		key_of_question(ui, key);
	else if (ui->typing)
		key_of_filter(ui, key);
	else if (key == CONTROL('l'))
		ui->draw_all = true;
	else if (key == ' ')
		ui->ask_now = true;
	else if (ui->mode != NPTOP_HELP && (key == '?' || key == 'h' || key == NPTOP_KEY_HELP))
		open_help(ui);
	else if (ui->mode == NPTOP_LIST)
		key_of_list(ui, key);
	else
		key_of_page(ui, key);
	settle(ui);
}
