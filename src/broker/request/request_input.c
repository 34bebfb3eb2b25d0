/*
 * What a client says to a request that is under way: cancel, standard input and its end, signals, the terminal's size.
 */
#include "broker/broker_impl.h"

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
	if (r->kind->cancelled != NULL) {
		r->kind->cancelled(r);
		return;
	}
	switch (r->state) {
	case REQUEST_MADE:
	case REQUEST_GATHERING:
	case REQUEST_QUEUED:
		request_send_response(r);
		request_ended(r);
		break;
	case REQUEST_RUNNING:
		request_drive(r)->cancel(r);
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
	return r->kind->input != NULL ? r->kind->input(r, data, size, err)
				      : request_drive(r)->write(r, data, size, err);
}

void
request_eof(struct request *r)
{
	r->stdin_ended = true;
	if (r->kind->eof != NULL)
		r->kind->eof(r);
	else
		request_drive(r)->eof(r);
}

void
request_signal(struct request *r, const char *name)
{
	request_drive(r)->signal(r, name);
}

/* 0 is what a terminal says that does not know: it stays as it was (RFC 4254, section 6.2). */
void
request_resize(struct request *r, int cols, int rows)
{
	r->params.cols = cols > 0 ? cols : r->params.cols;
	r->params.rows = rows > 0 ? rows : r->params.rows;
	if (cols > 0 || rows > 0)
		request_drive(r)->resize(r);
}

/* What the person said; NULL: nothing. */
void
request_answer_prompt(struct request *r, uint64_t prompt_id, struct secret *value)
{
	(void)question_answer(r->broker->devices, r->uid, prompt_id, value);
}
