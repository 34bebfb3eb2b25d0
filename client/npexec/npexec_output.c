/*
 * Where output goes.  One device: straight to the streams.  Several: whole lines behind the device's name.  -j and -b:
 * kept until the result, or all of them, are there.  Texts for people go to stderr, made harmless.
 *
 * With several devices every request has a window, so that the connection is read, and the other devices go on, while
 * a reader of ours is slow: what a job holds never exceeds it.  Lines that long are broken.
 */
#include <stdlib.h>
#include <string.h>

#include "npexec/npexec_impl.h"
#include "npexec/npexec_report.h"
#include "base/text.h"

/* Both streams may hold a partial line, and credit is owed: all three together stay below the window. */
#define LINE_MAX_BYTES ((size_t)NPEXEC_WINDOW / 4)
#define CREDIT_MIN ((size_t)NPEXEC_WINDOW / 4)
/* Lines that are written together. */
#define BATCH_MAX ((size_t)64 * 1024 + LINE_MAX_BYTES)
#define KEPT_TOTAL_MAX ((size_t)512 * 1024 * 1024)

/* ---- texts for people ---- */

static const char *
shown_device(const struct npexec *x, const struct npexec_job *job, char *shown, size_t size)
{
	return text_vis_into(shown, size, job != NULL ? job->device : x->o->device);
}

void
npexec_say_error(struct npexec *x, struct npexec_job *job, const char *device, const struct np_error *err)
{
	char *line;

	if (device == NULL || x->o->several)
		device = job != NULL ? job->device : x->o->device;
	line = npexec_error_line(device, err);
	if (job != NULL)
		job->errors++;
	npexec_progress_hide(x, false);
	sink_printf(&x->err, "npexec: %s%s\n", line, x->tty.raw ? "\r" : "");
	free(line);
}

bool
npexec_is_talkative(const struct npexec *x)
{
	return !x->o->quiet && (x->o->verbose || (npprompt_has_terminal(&x->prompt) && !x->o->several));
}

void
npexec_say(struct npexec *x, const struct npexec_job *job, const char *text)
{
	char device[256], *shown = text_vis(text, strlen(text), false);

	npexec_progress_hide(x, false);
	sink_printf(
	    &x->err, "npexec: %s: %s%s\n", shown_device(x, job, device, sizeof(device)), shown, x->tty.raw ? "\r" : "");
	free(shown);
}

/* ---- whole lines ---- */

static void
pay_credit(struct npexec *x, struct npexec_job *job, size_t n)
{
	cJSON *params;

	job->owed += n;
	if (job->owed < CREDIT_MIN || !job->busy || job->cancelled || x->o->mode == NPEXEC_CONFIG)
		return;
	params = cJSON_CreateObject();
	cJSON_AddNumberToObject(params, "bytes", (double)job->owed);
	job->owed = 0;
	npclient_notify(&x->client, job->id, "credit", params);
}

/* The length of the first line, or 0 when it is not whole yet; *skip: its newline, which is not part of it. */
static size_t
first_line(const struct npexec_job *job, const struct buf *b, size_t *skip)
{
	size_t n = b->len < LINE_MAX_BYTES ? b->len : LINE_MAX_BYTES;
	const uint8_t *head = buf_head(b), *newline = memchr(head, '\n', n);

	*skip = newline != NULL;
	if (newline != NULL)
		return (size_t)(newline - head);
	return n == LINE_MAX_BYTES || !job->busy ? n : 0;
}

/* Moves whole lines into batch, each behind the device's name. */
static void
batch_lines(const struct npexec_job *job, const char *device, struct buf *b, struct buf *batch)
{
	size_t n, skip;

	while (b->len > 0 && batch->len < BATCH_MAX - LINE_MAX_BYTES) {
		n = first_line(job, b, &skip);
		if (n + skip == 0 || buf_printf(batch, "%s: ", device) == -1 ||
		    buf_append(batch, buf_head(b), n) == -1 || buf_append(batch, "\n", 1) == -1)
			return;
		buf_consume(b, n + skip);
	}
}

static void
print_lines(struct npexec *x, struct npexec_job *job, int which)
{
	struct sink *sink = which == 0 ? &x->out : &x->err;
	struct buf *b = &job->kept[which], batch;
	size_t before = b->len, last;
	char device[256];

	if (b->len == 0)
		return;
	shown_device(x, job, device, sizeof(device));
	buf_init(&batch, BATCH_MAX + sizeof(device) + 4);
	do {
		last = b->len;
		if (!sink_has_room(sink, batch.max))
			break;
		batch_lines(job, device, b, &batch);
		if (batch.len > 0)
			npexec_progress_hide(x, which == 0);
		sink_write(sink, buf_head(&batch), batch.len);
		buf_consume(&batch, batch.len);
	} while (b->len > 0 && b->len < last);
	buf_free(&batch);
	pay_credit(x, job, before - b->len);
}

static bool
is_kept(const struct npexec *x, int which)
{
	return x->o->json || (x->o->gather && which == 0);
}

static void
keep(struct npexec *x, struct npexec_job *job, int which, const void *p, size_t n)
{
	if (!job->too_large && x->kept_total + n <= KEPT_TOTAL_MAX && buf_append(&job->kept[which], p, n) == 0) {
		x->kept_total += n;
		if (x->o->several)
			pay_credit(x, job, n);
		return;
	}
	job->too_large = true;
	npexec_cancel(x, job);
}

void
npexec_output(struct npexec *x, struct npexec_job *job, int which, const void *p, size_t n)
{
	if (is_kept(x, which)) {
		keep(x, job, which, p, n);
		return;
	}
	if (!x->o->several) {
		sink_write(which == 0 ? &x->out : &x->err, p, n);
		return;
	}
	/* The window bounds it; a broker that exceeds it loses bytes, not we our memory. */
	if (buf_append(&job->kept[which], p, n) == 0)
		print_lines(x, job, which);
}

void
npexec_output_pump(struct npexec *x, struct npexec_job *job)
{
	bool waits = false;

	for (int which = 0; which < 2; which++) {
		if (is_kept(x, which))
			continue;
		print_lines(x, job, which);
		waits |= job->kept[which].len > 0;
	}
	if (!job->busy && !waits)
		TAILQ_REMOVE(&x->live, job, link);
}

void
npexec_output_drop(struct npexec *x, struct npexec_job *job)
{
	for (int which = 0; which < 2; which++) {
		if (is_kept(x, which))
			x->kept_total -= job->kept[which].len;
		buf_consume(&job->kept[which], job->kept[which].len);
	}
}
