/* See fakelink.h. */
#include "kit/fakelink.h"
#include "kit/confkit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "kit/drive.h"

double fake_now = 1000;
const char *fake_password;

/* In place of the one of the library. */
double
clock_now(void)
{
	return fake_now;
}

/* ---- connectors: likewise ---- */

static struct fake_jobs *
of_connector(struct connector *c)
{
	return (struct fake_jobs *)(void *)c;
}

uint64_t
connector_submit(struct connector *c, const struct attempt *a)
{
	struct fake_jobs *f = of_connector(c);

	f->submitted++;
	f->kind = a->kind;
	f->for_shell = a->for_shell;
	f->steps = a->steps;
	f->no_login = a->no_login;
	f->insists = a->insists;
	if (f->ready_fd > 0)
		close(f->ready_fd);
	f->ready_fd = a->ready_fd;
	(void)snprintf(f->agent_socket, sizeof f->agent_socket, "%s", a->agent_socket != NULL ? a->agent_socket : "");
	return ++f->id;
}

void
connector_cancel(struct connector *c, uint64_t id, enum np_reason reason, const char *why)
{
	struct fake_jobs *f = of_connector(c);

	assert_int_equal(id, f->id);
	assert_int_not_equal(reason, REASON_NONE);
	f->cancelled++;
	(void)snprintf(f->why, sizeof f->why, "%s", why);
}

bool
connector_is_judged(struct connector *c, uint64_t id NP_UNUSED)
{
	return of_connector(c)->judged;
}

uint64_t
connector_awaits(struct connector *c NP_UNUSED, uint64_t id NP_UNUSED)
{
	return 0;
}

bool
connector_answer(struct connector *c, uint64_t job NP_UNUSED, uint64_t prompt NP_UNUSED, struct secret *value NP_UNUSED)
{
	of_connector(c)->answered++;
	return true;
}

void
fake_jobs_init(struct fake_jobs *f)
{
	memset(f, 0, sizeof *f);
	f->ready_fd = -1;
	jobs_init(&f->jobs, (struct connector *)(void *)f);
}

void
fake_jobs_finish(struct fake_jobs *f)
{
	if (f->ready_fd > 0)
		close(f->ready_fd);
	jobs_finish(&f->jobs);
}

static void
done(struct fake_jobs *f, struct connect_result *result)
{
	result->id = f->id;
	result->kind = f->kind;
	assert_true(jobs_done(&f->jobs, result));
	target_unref(result->target);
	file_stamps_finish(&result->read);
	dialled_discard(result->dialled);
}

void
fake_fail(struct fake_jobs *f, enum np_reason reason, const char *text, uint64_t agent_hash)
{
	struct connect_result result = {.ok = false, .agent_keys_hash = agent_hash};

	error_set(&result.err, reason, "%s", text);
	done(f, &result);
}

void
fake_agent_keys(struct fake_jobs *f, uint64_t hash)
{
	struct connect_result result = {.ok = true, .agent_keys_hash = hash};

	assert_int_equal(f->kind, CONNECT_AGENT_KEYS);
	done(f, &result);
}

void
fake_resolved(struct fake_jobs *f, struct target *target)
{
	struct connect_result result = {.ok = true, .target = target};

	assert_int_equal(f->kind, CONNECT_RESOLVE);
	done(f, &result);
}

struct target *
fake_target(const char *host, const char *proxy_jump)
{
	struct device_conf *device;
	struct np_error err;
	struct target *t;
	char text[256];
	struct config *config = config_parse("", 0, "none", &err);

	assert_non_null(config);
	device = device_conf_adhoc(config, host);
	(void)snprintf(text, sizeof text, "hostname %s\nuser admin\nport 22\n%s%s\n", host,
	    proxy_jump != NULL ? "proxyjump " : "", proxy_jump != NULL ? proxy_jump : "");
	t = target_make(device, text, NULL, &err);
	assert_non_null(t);
	device_conf_free(device);
	config_unref(config);
	return t;
}

/* ---- connections ---- */

struct fake_session *fake_last;

static struct fake_session *
of(const struct session *s)
{
	return (struct fake_session *)(uintptr_t)s;
}

static struct chan *
on_open(struct session *s, const struct chan_spec *spec NP_UNUSED)
{
	struct chan *ch = xcalloc(1, sizeof *ch);

	chan_init(ch, s, 0);
	of(s)->chan = ch;
	return ch;
}

static void
on_wake(struct session *s)
{
	of(s)->wakes = true;
}

static void
on_close(struct session *s, enum np_reason reason, const char *text)
{
	struct fake_session *f = of(s);

	if (f->closing)
		return;
	f->closing = true;
	f->reason = reason;
	(void)snprintf(f->why, sizeof f->why, "%s", text);
}

static bool
on_probe(struct session *s)
{
	return of(s)->probes++ == 0;
}

static struct session_stats
on_stats(const struct session *s)
{
	return of(s)->stats;
}

static const struct session_ops session_ops = {
    .open = on_open, .wake = on_wake, .close = on_close, .probe = on_probe, .stats = on_stats};

static struct session *
on_adopt(struct dialled *d NP_UNUSED, struct ev_loop *loop NP_UNUSED, const struct session_setup *setup,
    const struct session_events *events, void *arg)
{
	struct fake_session *f = xcalloc(1, sizeof *f);

	session_init(&f->session, &session_ops, setup, events, arg);
	f->session.banner = xstrdup("SSH-2.0-fake");
	f->session.algorithms = xstrdup("none");
	f->stats = (struct session_stats){.last_rx = fake_now, .rtt = -1, .slots_max = 10, .has_slot = true};
	fake_last = f;
	return &f->session;
}

static void
on_discard(struct dialled *d)
{
	free(d);
}

void
fake_dialled(struct fake_jobs *f)
{
	static const struct dialled_ops ops = {.adopt = on_adopt, .discard = on_discard};
	struct dialled *d = xcalloc(1, sizeof *d);
	struct connect_result result = {.ok = true, .dialled = d};

	assert_int_equal(f->kind, CONNECT_DIAL);
	d->ops = &ops;
	d->auth_method = xstrdup("publickey");
	d->password = fake_password != NULL ? secret_make(fake_password) : NULL;
	done(f, &result);
}

/* ---- the router ---- */

static void
answer_line(struct chan *ch, const char *line)
{
	assert_int_equal(buf_printf(&ch->output[0], "%s\r\n", fake_last->asks ? "" : line), 0);
	if (line[0] != '\0' && !fake_last->asks)
		assert_int_equal(buf_printf(&ch->output[0], "out of %s\r\n", line), 0);
	assert_int_equal(buf_printf(&ch->output[0], "r1#"), 0);
	fake_last->asks = false;
}

static void
answer(struct chan *ch)
{
	char line[256];
	size_t n = 0;

	for (size_t i = 0; i < ch->input.len; i++) {
		char c = (char)buf_head(&ch->input)[i];
		if (c != '\n' && c != '\r') {
			line[n++] = c;
			continue;
		}
		line[n] = '\0';
		n = 0;
		answer_line(ch, line);
	}
	ch->wrote += ch->input.len;
	buf_consume(&ch->input, ch->input.len);
}

void
fake_turn(struct fake_session *s)
{
	struct chan *ch = s->chan;

	s->wakes = false;
	if (ch == NULL)
		return;
	if (!ch->runs && !ch->ended) {
		ch->runs = true;
		s->asks = fake_password != NULL;
		assert_int_equal(buf_printf(&ch->output[0], "%s", s->asks ? "Password: " : "r1#"), 0);
	}
	if (!s->mute && !ch->ended)
		answer(ch);
	ch->has_news = ch->output[0].len > 0;
	chan_deliver(ch, false);
	if (ch->has_user)
		return;
	chan_clear(ch);
	free(ch);
	s->chan = NULL;
}

void
fake_run(struct ev_loop *loop, struct fake_session *s, bool (*cond)(void *arg), void *arg)
{
	double began = ev_time();
	ev_timer look;

	ev_timer_init(&look, drive_on_look, DRIVE_LOOK, DRIVE_LOOK);
	ev_now_update(loop);
	ev_timer_start(loop, &look);
	while (!cond(arg) && ev_time() - began < DRIVE_DEADLINE) {
		double before = ev_time();
		fake_turn(s);
		ev_run(loop, s->wakes ? EVRUN_NOWAIT : EVRUN_ONCE);
		fake_now += ev_time() - before;
	}
	ev_timer_stop(loop, &look);
	assert_true(cond(arg));
}

void
fake_hang_up(struct fake_session *s)
{
	chan_end_set(s->chan, REASON_OUTCOME_UNKNOWN, "the device has hung up");
	fake_turn(s);
}

void
fake_session_closed(struct fake_session *s, enum np_reason reason, const char *why)
{
	struct np_error err;

	error_set(&err, reason, "%s", why);
	if (s->chan != NULL) {
		chan_end_set(s->chan, reason, "%s", why);
		chan_deliver(s->chan, true);
		chan_clear(s->chan);
		free(s->chan);
	}
	s->session.events.closed(&s->session, &err, s->session.arg);
	session_clear(&s->session);
	free(s);
	if (fake_last == s)
		fake_last = NULL;
}
