/*
 * The broker's side of `npctl top`: asks for its status again and again over one connection, sends what the keys order,
 * and finds it again when it has gone.  Never starts one.
 */
#ifndef NP_TOP_BROKER_H
#define NP_TOP_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/npclient.h"
#include "top/nptop_ui.h"

#define NPTOP_ORDERS 8

/* An order that waits for its answer. */
struct nptop_order {
	int64_t id; /* 0: free */
	enum nptop_act act;
	char *device;
};

struct nptop_broker {
	const char *socket; /* option -S, or NULL */
	double interval;    /* seconds */
	struct npclient client;
	bool connected;
	bool old; /* it knows neither pages nor a brief status */
	double connect_at, ask_at;
	double asked_at; /* when the list was asked for */
	int64_t last_id;
	int64_t list_id, detail_id; /* in flight; 0: none */
	cJSON *pages;               /* of the list, so far */
	char *detail;               /* the device that detail_id asks about */
	struct nptop_order orders[NPTOP_ORDERS];
};

/* -1 when there can be no such socket. */
int nptop_broker_init(struct nptop_broker *b, const char *socket, double interval, struct np_error *err) NP_MUST_CHECK;
void nptop_broker_finish(struct nptop_broker *b);

/*
 * Does what is due: connects, asks, orders what ui wants, takes what has come (readable: as poll(2) has said).  Waits
 * for nothing.  True when there is something new to show.
 */
bool nptop_broker_turn(struct nptop_broker *b, struct nptop_ui *ui, bool readable, double now);
/* What to poll for, and for how long at most. */
int nptop_broker_fd(const struct nptop_broker *b);
int nptop_broker_timeout_ms(const struct nptop_broker *b, double now);

#endif
