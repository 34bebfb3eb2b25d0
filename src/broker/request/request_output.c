/*
 * What a request says to its client: streams as far as the client reads them, what is left when their source has gone,
 * and credit for standard input.
 */
#include <string.h>

#include "broker/request/request_impl.h"
#include "serve/lent.h"
#include "base/log.h"

/* A stream frame smaller than this is not worth sending while the client's socket is nearly full. */
#define STREAM_MIN 4096u

/* The stream notifications of a command differ in their data alone. */
static const char *
head(struct request *r, int which)
{
	if (r->heads[which] == NULL)
		r->heads[which] = message_make_notification(which == 0 ? "stdout" : "stderr", request_note_command(r));
	return r->heads[which];
}

void
request_drop_output(struct request *r)
{
	for (int i = 0; i < 2; i++) {
		cJSON_free(r->heads[i]);
		r->heads[i] = NULL;
		buf_free(&r->captured[i]);
	}
}

/*
 * Leases do not bound what waits for one client, for they end with their commands: it is counted, all that it costs.
 */
void
request_note_unread(struct request *r)
{
	size_t unread = r->tails[0].len + r->tails[1].len;

	if (r->answer.client == NULL)
		return;
	if (r->state == REQUEST_FLUSHING)
		unread += r->captured[0].len + r->captured[1].len + sizeof(*r);
	request_backlog(r)->bytes += unread - r->unread;
	r->unread = unread;
}

void
request_keep_tail(struct request *r, int which, const void *p, size_t n)
{
	if (n == 0)
		return;
	if (buf_append(&r->tails[which], p, n) == -1)
		log_error("request", "%s: %zu bytes of output lost: the channel gave more than its limit",
		    request_device(r), n);
	request_note_unread(r);
}

/* Moves what fits of p[0..n) to the client (or its capture); returns how much was taken. */
size_t
request_stream(struct request *r, int which, const uint8_t *p, size_t n)
{
	size_t room;

	if (r->answer.client == NULL || r->cancelled || r->abort.reason == REASON_OUTPUT_LIMIT)
		return n;
	if (r->params.capture) {
		if (buf_append(&r->captured[which], p, n) == -1)
			request_give_up(r, REASON_OUTPUT_LIMIT,
			    "the command printed more than 256 KiB, the most that `capture` holds: let it stream "
			    "instead");
		else
			r->bytes_out += n;
		return n;
	}
	room = client_room(r->answer.client);
	if (r->params.window > 0 && r->window_left < room)
		room = (size_t)r->window_left;
	else if (room < STREAM_MIN && room < n)
		return 0;
	if (n > room)
		n = room;
	if (n > FRAME_DATA_MAX)
		n = FRAME_DATA_MAX;
	if (n == 0)
		return 0;
	client_stream(r->answer.client, head(r, which), p, n);
	if (r->params.window > 0)
		r->window_left -= n;
	r->bytes_out += n;
	return n;
}

bool
request_pump_tails(struct request *r)
{
	for (int which = 0; which < 2; which++) {
		struct buf *tail = &r->tails[which];
		while (tail->len > 0) {
			size_t n = request_stream(r, which, buf_head(tail), tail->len);
			if (n == 0)
				return false;
			buf_consume(tail, n);
			request_note_unread(r);
		}
	}
	return true;
}

void
request_grant_stdin(struct request *r, size_t n)
{
	cJSON *params = r->input == NULL ? request_note(r) : NULL;

	r->stdin_granted += n;
	if (r->input != NULL)
		lent_want(r->input, n);
	if (params == NULL)
		return;
	cJSON_AddNumberToObject(params, "bytes", (double)n);
	if (r->chan != NULL && !r->params.no_lend)
		cJSON_AddBoolToObject(params, "lend", true);
	client_notify(r->answer.client, "credit", params);
}
