/*
 * What a client says to a request that is under way: cancel, standard input and its end, signals, the terminal's size.
 */
#include <string.h>

#include "broker/broker_impl.h"
#include "base/clock.h"

/* The client asks for the end (answer), or has left. */
void
request_cancel(struct request *r, bool answer)
{
	if (r->state == REQUEST_ENDED)
		return;
	if (answer && r->cancelled)
		return;
	r->cancelled = true;
	if (!answer)
		request_detach_peer(r);
	switch (r->state) {
	case REQUEST_MADE:
	case REQUEST_GATHERING:
	case REQUEST_QUEUED:
		request_send_response(r);
		request_ended(r);
		break;
	case REQUEST_RUNNING:
		if (r->kind == REQUEST_TEST)
			broker_test_cancel(r);
		else if (device_platform(r->dev) != NULL)
			request_cli_cancel(r);
		else if (r->chan != NULL)
			chan_abandon(r->chan);
		break;
	case REQUEST_FLUSHING:
		request_pump(r); /* without a peer everything left is dropped */
		break;
	case REQUEST_ENDED:
		break;
	}
}

int
request_stdin(struct request *r, const void *data, size_t size, struct np_error *err)
{
	if (size > r->stdin_granted)
		return error_set(err, REASON_INVALID_REQUEST,
		    "%zu bytes of stdin were sent with a credit of %zu: wait for `credit`", size, r->stdin_granted);
	r->stdin_granted -= size;
	if (r->kind == REQUEST_CONFIG)
		return request_config_lines(r, data, size, err);
	if (r->stdin_ended || r->chan == NULL)
		return 0; /* the command has ended meanwhile: the client could not know */
	r->bytes_in += size;
	r->last_activity = clock_now();
	if (chan_write(r->chan, data, size) == -1)
		return error_set(err, REASON_INTERNAL, "stdin exceeds the channel's buffer");
	return 0;
}

void
request_eof(struct request *r)
{
	r->stdin_ended = true;
	if (r->kind == REQUEST_CONFIG)
		request_config_eof(r);
	else if (r->chan != NULL)
		chan_eof(r->chan);
}

void
request_signal(struct request *r, const char *name)
{
	if (device_platform(r->dev) != NULL && r->state == REQUEST_RUNNING && strcmp(name, "INT") == 0)
		request_give_up(r, REASON_CANCELLED, "interrupted");
	else if (r->chan != NULL)
		chan_signal(r->chan, name);
}

void
request_resize(struct request *r, int cols, int rows)
{
	r->params.cols = cols;
	r->params.rows = rows;
	if (r->chan != NULL && r->params.pty)
		chan_resize(r->chan, cols, rows);
}

/* What the person said; NULL: nothing. */
void
request_answer_prompt(struct request *r, uint64_t prompt_id, struct secret *value)
{
	(void)question_answer(r->broker, r->uid, prompt_id, value);
}
