/*
 * One request for the list is in flight at most: a broker that answers slowly is asked slowly.  While it is away the
 * last news stay on the screen, with a line that says so.
 */
#include "top/nptop_broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/npstatus.h"
#include "lib/npsignal.h"
#include "base/text.h"
#include "base/xalloc.h"

/* Seconds between attempts to find it, and for one of them: a key must not wait longer. */
#define RETRY 1.0
#define PATIENCE 0.2
/* Seconds without an answer that are worth a word, beside the interval. */
#define SILENCE 3.0

int
nptop_broker_init(struct nptop_broker *b, const char *socket, double interval, struct np_error *err)
{
	memset(b, 0, sizeof(*b));
	b->socket = socket;
	b->interval = interval;
	return npclient_init(&b->client, socket, false, err);
}

/* Of the connection that has gone. */
static void
forget(struct nptop_broker *b)
{
	b->list_id = b->detail_id = 0;
	cJSON_Delete(b->pages);
	b->pages = NULL;
	for (size_t i = 0; i < NPTOP_ORDERS; i++) {
		free(b->orders[i].device);
		b->orders[i] = (struct nptop_order){.id = 0};
	}
}

void
nptop_broker_finish(struct nptop_broker *b)
{
	npclient_close(&b->client);
	forget(b);
	free(b->detail);
	b->detail = NULL;
	b->connected = false;
}

/* ---- the connection ---- */

static void
lose(struct nptop_broker *b, struct nptop_ui *ui, const struct np_error *err, double now)
{
	snprintf(ui->trouble, sizeof(ui->trouble), "%s (trying again)", err->text);
	npclient_close(&b->client);
	forget(b);
	b->connected = b->old = false;
	b->connect_at = now + RETRY;
}

static bool
connect_due(struct nptop_broker *b, struct nptop_ui *ui, double now)
{
	struct np_error err;

	if (b->connected || now < b->connect_at)
		return false;
	npclient_close(&b->client);
	int result = npclient_init(&b->client, b->socket, false, &err);
	b->client.stop = npsignal_stop_flag();
	if (result == 0)
		result = npclient_connect_within(&b->client, PATIENCE, &err);
	if (result == -1) {
		lose(b, ui, &err, now);
		return true;
	}
	b->connected = true;
	b->ask_at = now;
	return true;
}

/* ---- asking ---- */

static int64_t
ask(struct nptop_broker *b, struct nptop_ui *ui, const char *method, cJSON *params, double now)
{
	struct np_error err;

	if (npclient_request(&b->client, ++b->last_id, method, params, &err) == 0)
		return b->last_id;
	nptop_ui_say(ui, true, now, "%s", err.text);
	return 0;
}

/* A page of the list; takes over the words that name it. */
static void
ask_page(struct nptop_broker *b, struct nptop_ui *ui, cJSON *page, double now)
{
	cJSON *params = cJSON_CreateObject();

	if (b->old) {
		cJSON_Delete(page);
	} else {
		cJSON_AddTrueToObject(params, "brief");
		cJSON_AddItemToObject(params, "page", page);
	}
	b->list_id = ask(b, ui, "status", params, now);
	b->asked_at = now;
}

/* Of the device in full the first page is enough: what it leaves off no screen would hold. */
static void
ask_detail(struct nptop_broker *b, struct nptop_ui *ui, double now)
{
	cJSON *params = cJSON_CreateObject();

	free(b->detail);
	b->detail = xstrdup(ui->detail);
	cJSON_AddStringToObject(params, "device", ui->detail);
	if (!b->old)
		cJSON_AddStringToObject(params, "page", "");
	b->detail_id = ask(b, ui, "status", params, now);
}

static void
ask_due(struct nptop_broker *b, struct nptop_ui *ui, double now)
{
	if (!b->connected || b->list_id != 0 || (now < b->ask_at && !ui->ask_now))
		return;
	ui->ask_now = false;
	b->ask_at = b->ask_at + b->interval > now ? b->ask_at + b->interval : now + b->interval;
	ask_page(b, ui, cJSON_CreateString(""), now);
	if (ui->mode == NPTOP_DETAIL && b->detail_id == 0)
		ask_detail(b, ui, now);
}

static void
order_due(struct nptop_broker *b, struct nptop_ui *ui, double now)
{
	struct nptop_order *order = NULL;
	char name[96];

	if (ui->act == NPTOP_NOTHING)
		return;
	for (size_t i = 0; i < NPTOP_ORDERS && order == NULL; i++)
		if (b->orders[i].id == 0)
			order = &b->orders[i];
	if (!b->connected || order == NULL)
		nptop_ui_say(ui, true, now, "%s", order == NULL ? "Too much at once" : "No broker is there to do it");
	else {
		cJSON *params = cJSON_CreateObject();
		cJSON_AddStringToObject(params, "device", ui->act_device);
		if (ui->act == NPTOP_CLOSE_NOW)
			cJSON_AddTrueToObject(params, "now");
		nptop_ui_say(ui, false, now, "%s: %s", text_vis_into(name, sizeof(name), ui->act_device),
		    nptop_act_method(ui->act));
		order->id = ask(b, ui, nptop_act_method(ui->act), params, now);
		order->act = ui->act;
		order->device = xstrdup(ui->act_device);
	}
	ui->act = NPTOP_NOTHING;
}

/* ---- answers ---- */

/* The list is news once its last page is there. */
static void
take_page(struct nptop_broker *b, struct nptop_ui *ui, cJSON *page, double now)
{
	cJSON *next = npstatus_page_next(page);
	struct np_error err;

	if (b->pages == NULL)
		b->pages = page;
	else
		npstatus_page_join(b->pages, page);
	if (next != NULL) {
		ask_page(b, ui, next, now);
		return;
	}
	ui->trouble[0] = '\0';
	if (nptop_model_update(&ui->model, b->pages, now, &err) == -1)
		snprintf(ui->trouble, sizeof(ui->trouble), "%s", err.text);
	nptop_ui_sampled(ui, NULL, now);
	cJSON_Delete(b->pages);
	b->pages = NULL;
}

static void
take_list(struct nptop_broker *b, struct nptop_ui *ui, const struct message *m, double now)
{
	struct np_error err;

	b->list_id = 0;
	if (m->kind == MESSAGE_RESULT) {
		take_page(b, ui, cJSON_DetachItemFromObjectCaseSensitive(m->root, "result"), now);
		return;
	}
	cJSON_Delete(b->pages);
	b->pages = NULL;
	message_error_read(m->error, &err);
	if (err.reason == REASON_INVALID_PARAMS && !b->old) {
		b->old = true;
		ui->ask_now = true;
		return;
	}
	snprintf(ui->trouble, sizeof(ui->trouble), "%s: %s", reason_name(err.reason), err.text);
}

static void
take_detail(struct nptop_broker *b, struct nptop_ui *ui, const struct message *m, double now)
{
	b->detail_id = 0;
	if (ui->mode != NPTOP_DETAIL)
		return;
	if (strcmp(ui->detail, b->detail) != 0)
		ui->ask_now = true;
	else if (m->kind == MESSAGE_RESULT)
		nptop_ui_sampled(ui, m->result, now);
}

static void
take_order(struct nptop_ui *ui, struct nptop_order *order, const struct message *m, double now)
{
	struct np_error err;
	char name[96];

	text_vis_into(name, sizeof(name), order->device);
	if (m->kind == MESSAGE_RESULT) {
		nptop_ui_say(ui, false, now, "%s: %s done", name, nptop_act_method(order->act));
		ui->ask_now = true;
	} else {
		message_error_read(m->error, &err);
		nptop_ui_say(ui, true, now, "%s: %s: %s: %s", name, nptop_act_method(order->act),
		    reason_name(err.reason), err.text);
	}
	free(order->device);
	*order = (struct nptop_order){.id = 0};
}

static void
take(struct nptop_broker *b, struct nptop_ui *ui, const struct message *m, double now)
{
	if ((m->kind != MESSAGE_RESULT && m->kind != MESSAGE_ERROR) || m->id.kind != MESSAGE_ID_NUMBER ||
	    m->id.number < 1)
		return;
	if (m->id.number == b->list_id)
		take_list(b, ui, m, now);
	else if (m->id.number == b->detail_id)
		take_detail(b, ui, m, now);
	for (size_t i = 0; i < NPTOP_ORDERS; i++)
		if (b->orders[i].id == m->id.number)
			take_order(ui, &b->orders[i], m, now);
}

static bool
take_all(struct nptop_broker *b, struct nptop_ui *ui, double now)
{
	struct message m;
	struct frame frame;
	struct np_error err;
	bool any = false;

	for (;; any = true) {
		switch (npclient_next(&b->client, &m, &frame, &err)) {
		case FRAME_MORE:
			return any;
		case FRAME_BAD:
			lose(b, ui, &err, now);
			return true;
		case FRAME_READY:
			take(b, ui, &m, now);
			npclient_done(&b->client, &m, &frame);
			break;
		}
	}
}

/* ---- all ---- */

/* One that says nothing may be busy or stopped: it is waited for, and the screen says so. */
static bool
note_silence(const struct nptop_broker *b, struct nptop_ui *ui, double now)
{
	char silence[32];

	if (!b->connected || b->list_id == 0 || now - b->asked_at < SILENCE + b->interval)
		return false;
	snprintf(ui->trouble, sizeof(ui->trouble), "The broker has not answered for %s",
	    npstatus_duration(silence, sizeof(silence), now - b->asked_at));
	return true;
}

bool
nptop_broker_turn(struct nptop_broker *b, struct nptop_ui *ui, bool readable, double now)
{
	bool changed = ui->act != NPTOP_NOTHING;
	struct np_error err;

	if (b->connected && readable) {
		int result = npclient_fill(&b->client, &err);
		changed |= take_all(b, ui, now);
		if (result == -1 && b->connected) {
			lose(b, ui, &err, now);
			changed = true;
		}
	}
	changed |= connect_due(b, ui, now);
	order_due(b, ui, now);
	ask_due(b, ui, now);
	if (b->connected)
		npclient_flush(&b->client);
	return note_silence(b, ui, now) || changed;
}

int
nptop_broker_fd(const struct nptop_broker *b)
{
	return b->connected ? b->client.fd : -1;
}

int
nptop_broker_timeout_ms(const struct nptop_broker *b, double now)
{
	double until = !b->connected ? b->connect_at : b->list_id != 0 ? now + 1 : b->ask_at;

	return until > now ? (int)((until - now) * 1000) + 1 : 0;
}
