/*
 * What its neighbours tell a request: its device, who waits for a lease of it; its client, what is said while it is
 * under way: cancel, standard input and its end, signals, the terminal's size, credit.
 */
#include <string.h>

#include "broker/request/request_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "serve/lent.h"

/* ---- the device ---- */

static struct request *
of_waiter(struct waiter *w)
{
	return NP_CONTAINER(w, struct request, waiter);
}

static void
on_assigned(struct waiter *w, struct link *link)
{
	request_assigned(of_waiter(w), link);
}

static void
on_failed(struct waiter *w, const struct np_error *err)
{
	request_fail(of_waiter(w), err);
}

static void
on_resolved(struct waiter *w)
{
	struct request *r = of_waiter(w);

	if (r->kind->resolved != NULL)
		r->kind->resolved(r);
}

static void
on_notice(struct waiter *w, const char *text)
{
	request_notice(of_waiter(w), text);
}

static struct waiter *
find_audience(struct waiter *w, int depth NP_UNUSED)
{
	const struct request *r = of_waiter(w);

	return r->answer.client != NULL && r->params.interactive ? w : NULL;
}

static void
on_ask(struct waiter *w, const struct question *q)
{
	const struct request *r = of_waiter(w);
	cJSON *params = request_note(r);

	cJSON_AddNumberToObject(params, "prompt_id", (double)q->prompt_id);
	cJSON_AddStringToObject(params, "device", q->device);
	cJSON_AddStringToObject(params, "kind", q->kind);
	cJSON_AddStringToObject(params, "text", q->text);
	cJSON_AddBoolToObject(params, "echo", q->echo);
	client_notify(r->answer.client, "prompt", params);
}

static void
on_answered(struct waiter *w, struct secret *value)
{
	request_cli_answer(of_waiter(w), value);
}

const struct waiter_ops request_waiter_ops = {
    .assigned = on_assigned,
    .failed = on_failed,
    .resolved = on_resolved,
    .notice = on_notice,
    .audience = find_audience,
    .ask = on_ask,
    .answered = on_answered,
};

/* ---- its end, from the client's side or the operator's ---- */

/* The client asks for the end (answer), or has left. */
static void
cancel(struct request *r, bool answer)
{
	if (r->state == REQUEST_ENDED || (answer && r->cancelled))
		return;
	r->cancelled = true;
	if (!answer)
		request_detach_client(r);
	if (r->kind->cancelled != NULL) {
		r->kind->cancelled(r);
		return;
	}
	switch (r->state) {
	case REQUEST_MADE:
	case REQUEST_GATHERING:
	case REQUEST_QUEUED:
		request_respond(r, NULL);
		break;
	case REQUEST_RUNNING:
		request_drive(r)->cancel(r);
		break;
	case REQUEST_FLUSHING:
		request_pump(r); /* without a client everything left is dropped */
		break;
	case REQUEST_ENDED:
		break;
	}
}

void
request_kill(struct request *r)
{
	log_info("request", "%s: request %llu: killed by the operator", request_device(r), (unsigned long long)r->uid);
	r->killed = true;
	cancel(r, r->answer.client != NULL);
}

void
requests_kill(struct broker *b, struct client *client, const struct np_error *err)
{
	struct request *r, *next;

	TAILQ_FOREACH_SAFE (r, &b->requests.list, link, next) {
		if (r->answer.client != client)
			continue;
		client_error(client, &r->answer.id, err, request_device(r));
		r->killed = true;
		cancel(r, false);
	}
}

/* ---- the client ---- */

static struct request *
of_answer(struct answer *a)
{
	return NP_CONTAINER(a, struct request, answer);
}

static void
on_cancel(struct answer *a)
{
	cancel(of_answer(a), true);
}

static void
on_left(struct answer *a)
{
	cancel(of_answer(a), false);
}

static void
on_drained(struct answer *a)
{
	request_pump(of_answer(a));
}

const struct answer_ops request_answer_ops = {
    .kind = ANSWER_REQUEST, .cancel = on_cancel, .left = on_left, .drained = on_drained};
const struct answer_ops request_bounded_ops = {
    .kind = ANSWER_REQUEST, .bounded = true, .cancel = on_cancel, .left = on_left, .drained = on_drained};

struct request *
request_of_answer(struct answer *a)
{
	return a != NULL && a->ops->kind == ANSWER_REQUEST ? of_answer(a) : NULL;
}

/* What runs its commands; NULL: it has none, and what is said to a command is said in vain. */
static const struct drive *
driven(const struct request *r)
{
	return r->kind->works ? request_drive(r) : NULL;
}

static int
take_stdin(struct request *r, const void *data, size_t size, struct np_error *err)
{
	const struct drive *drive = driven(r);

	if (size > r->stdin_granted)
		return error_set(err, REASON_INVALID_REQUEST,
		    "%zu bytes of stdin were sent with a credit of %zu: wait for `credit`", size, r->stdin_granted);
	r->stdin_granted -= size;
	if (r->kind->input != NULL)
		return r->kind->input(r, data, size, err);
	return drive != NULL && drive->write != NULL ? drive->write(r, data, size, err) : 0;
}

int
request_stdin(struct request *r, const void *data, size_t size, struct np_error *err)
{
	if (r->input != NULL)
		return error_set(err, REASON_INVALID_REQUEST, "its standard input is the descriptor that was lent");
	return take_stdin(r, data, size, err);
}

void
request_eof(struct request *r)
{
	const struct drive *drive = driven(r);

	request_give_back(r);
	r->stdin_ended = true;
	if (r->kind->eof != NULL)
		r->kind->eof(r);
	else if (drive != NULL && drive->eof != NULL)
		drive->eof(r);
}

/* ---- what is read in the client's place ---- */

/* No more than was granted is wanted. */
static void
on_lent_data(struct lent *l NP_UNUSED, const void *p, size_t n, void *arg)
{
	struct request *r = arg;
	struct np_error err;

	if (take_stdin(r, p, n, &err) == -1)
		request_fail(r, &err);
}

static void
on_lent_end(struct lent *l NP_UNUSED, bool failed NP_UNUSED, void *arg)
{
	request_eof(arg);
}

static const struct lent_events lent_callbacks = {.data = on_lent_data, .ended = on_lent_end};

int
request_lend(struct request *r, int fd, struct np_error *err)
{
	if (fd == -1)
		return error_set(err, REASON_INVALID_REQUEST, "no descriptor came with it");
	if (r->params.no_lend) {
		lent_drop(fd);
		return error_set(err, REASON_INVALID_REQUEST, "nothing may be lent here: send it as stdin");
	}
	if (r->input != NULL || r->stdin_ended ||
	    r->chan == NULL) { /* the command has ended meanwhile, or it is wrong */
		lent_drop(fd);
		return r->input == NULL ? 0 : error_set(err, REASON_INVALID_REQUEST, "another one has been lent");
	}
	r->input = lent_reader(r->broker->loop, fd, &lent_callbacks, r);
	if (r->input == NULL)
		request_give_up(r, REASON_INTERNAL,
		    "standard input is no open file, or the broker has no descriptor or thread left for it");
	else
		lent_want(r->input, r->stdin_granted);
	log_debug(
	    "request", "%s: request %llu: standard input is read here", request_device(r), (unsigned long long)r->uid);
	return 0;
}

/* ---- what else the client says ---- */

/* Once it has ended what is left goes as it is read, and its end is known. */
static void
note_unread(struct request *r)
{
	if (r->state == REQUEST_FLUSHING || r->unread_since > 0)
		return;
	if (r->chan == NULL) {
		cancel(r, true);
		return;
	}
	r->unread_since = clock_now();
	chan_unread(r->chan);
	request_start_limits(r);
}

void
request_signal(struct request *r, const char *name)
{
	const struct drive *drive = driven(r);

	if (strcmp(name, REQUEST_UNREAD) == 0)
		note_unread(r);
	else if (drive != NULL && (r->state == REQUEST_RUNNING || r->state == REQUEST_FLUSHING))
		drive->signal(r, name);
	else if (strcmp(name, "INT") == 0)
		cancel(r, true); /* the person at the terminal wants it to end */
}

/* 0 is what a terminal says that does not know: it stays as it was (RFC 4254, section 6.2). */
void
request_resize(struct request *r, int cols, int rows)
{
	const struct drive *drive = driven(r);

	r->params.cols = cols > 0 ? cols : r->params.cols;
	r->params.rows = rows > 0 ? rows : r->params.rows;
	if ((cols > 0 || rows > 0) && drive != NULL && drive->resize != NULL)
		drive->resize(r);
}

void
request_answer_prompt(struct request *r, uint64_t prompt_id, struct secret *value)
{
	(void)question_answer(r->broker->devices, r->uid, prompt_id, value);
}

void
request_credit(struct request *r, uint64_t bytes)
{
	if (r->params.window == 0)
		return;
	r->window_left = r->window_left > UINT64_MAX / 2 ? r->window_left : r->window_left + bytes;
	request_pump(r);
}
