/* See fakerequest.h. */
#include "kit/fakerequest.h"
#include "kit/confkit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/xalloc.h"

double fake_now = 1000;
static struct fake_around *world;

/* In place of the one of the library. */
double
clock_now(void)
{
	return fake_now;
}

/* ---- connectors ---- */

uint64_t
connector_submit(struct connector *c NP_UNUSED, const struct attempt *attempt NP_UNUSED)
{
	return 1;
}

void
connector_cancel(
    struct connector *c NP_UNUSED, uint64_t id NP_UNUSED, enum np_reason reason NP_UNUSED, const char *why NP_UNUSED)
{
}

bool
connector_is_judged(struct connector *c NP_UNUSED, uint64_t id NP_UNUSED)
{
	return false;
}

uint64_t
connector_awaits(struct connector *c NP_UNUSED, uint64_t id NP_UNUSED)
{
	return 0;
}

bool
connector_answer(
    struct connector *c NP_UNUSED, uint64_t job NP_UNUSED, uint64_t prompt NP_UNUSED, struct secret *value NP_UNUSED)
{
	return false;
}

/* ---- reports ---- */

static void NP_PRINTF(1, 2) note_event(const char *fmt, ...)
{
	size_t used = strlen(world->events);
	va_list ap;

	if (used > sizeof world->events - 64)
		return; /* no test looks at so many */
	if (used > 0)
		world->events[used++] = ' ';
	va_start(ap, fmt);
	(void)vsnprintf(world->events + used, sizeof world->events - used, fmt, ap);
	va_end(ap);
}

void
report_emit(struct reports *events NP_UNUSED, struct event *e)
{
	const char *why = e->err != NULL ? reason_name(e->err->reason) : "ok";

	if (e->kind == EVENT_REQUEST_QUEUED)
		note_event("queued");
	else if (e->kind == EVENT_REQUEST_STARTED)
		note_event("started");
	else if (e->kind == EVENT_COMMAND_ENDED)
		note_event("command:%s", why);
	else if (e->kind == EVENT_REQUEST_ENDED)
		note_event("ended:%s", why);
}

void
report_name_program(struct reports *events NP_UNUSED, struct client *client NP_UNUSED)
{
}

bool
audit_is_on(const struct reports *events NP_UNUSED)
{
	return false;
}

char *
audit_command(const struct reports *events NP_UNUSED, const char *command NP_UNUSED, size_t size NP_UNUSED,
    const struct redact *secrets NP_UNUSED, const struct platform *platform NP_UNUSED)
{
	return NULL;
}

/* ---- the client ---- */

void
answer_begin(struct answer *a, struct client *client, const struct message_id *id, const struct answer_ops *ops)
{
	*a = (struct answer){.client = client, .id = *id, .ops = ops};
	if (client != NULL)
		TAILQ_INSERT_TAIL(&client->answers, a, link);
}

void
answer_end(struct answer *a)
{
	if (a->client != NULL)
		TAILQ_REMOVE(&a->client->answers, a, link);
	a->client = NULL;
}

int
answer_room(const struct client *client NP_UNUSED, struct np_error *err NP_UNUSED)
{
	return 0;
}

static void NP_PRINTF(2, 3) tell(struct client *client, const char *fmt, ...)
{
	size_t used = strlen(client->told);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(client->told + used, sizeof client->told - used, fmt, ap);
	va_end(ap);
}

static void
tell_json(struct client *client, const char *what, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	tell(client, "%s %.2000s\n", what, text);
	cJSON_free(text);
	cJSON_Delete(json);
}

void
client_result(struct client *client, const struct message_id *id NP_UNUSED, cJSON *result)
{
	tell_json(client, "=result", result);
}

void
client_error(struct client *client, const struct message_id *id NP_UNUSED, const struct np_error *err,
    const char *device NP_UNUSED)
{
	tell(client, "=error %s %s\n", reason_name(err->reason), err->text);
}

void
client_notify(struct client *client, const char *method, cJSON *params)
{
	tell_json(client, method, params);
}

void
client_stream(struct client *client, const char *head, const void *data, size_t size)
{
	assert_true(size <= client->room);
	client->room -= size;
	assert_int_equal(buf_append(&client->out[strstr(head, "stderr") != NULL], data, size), 0);
}

size_t
client_room(struct client *client)
{
	return client->room;
}

void
client_begins(struct client *client, const struct message_id *id NP_UNUSED)
{
	client->begun++;
}

uint64_t
client_id(const struct client *client NP_UNUSED)
{
	return 1;
}

uint64_t
client_party(const struct client *client)
{
	return client_id(client);
}

const struct event_who *
client_who(const struct client *client NP_UNUSED)
{
	static const struct event_who who = {.peer = 1};

	return &who;
}

struct holder *
client_holder(struct client *client)
{
	return &client->holder;
}

int
client_note_waiting(struct client *client, int more)
{
	return client->waiting += more;
}

double
client_wishes(struct client *client NP_UNUSED, bool begins NP_UNUSED)
{
	return clock_now();
}

struct backlog *
client_backlog(struct client *client, bool windowed)
{
	return &client->backlogs[windowed];
}

size_t
client_note_lines(struct client *client, ptrdiff_t bytes)
{
	return client->lines += (size_t)bytes;
}

/* ---- the device ---- */

struct device *
device_get(struct devices *all NP_UNUSED, const struct device_ref *ref NP_UNUSED, enum broker_want want NP_UNUSED,
    struct np_error *err NP_UNUSED)
{
	return &world->dev;
}

int
device_admit(const struct device *dev NP_UNUSED, struct np_error *err NP_UNUSED)
{
	return 0;
}

bool
device_has_command_line(const struct device_conf *device)
{
	return device->driver == DRIVER_CLI;
}

int
device_check_params(
    const struct device *dev NP_UNUSED, const struct exec_params *params NP_UNUSED, struct np_error *err NP_UNUSED)
{
	return 0;
}

bool
device_is_awaited(const struct device *dev)
{
	return dev->awaited;
}

void
device_enter(struct device *dev, struct waiter *w)
{
	if (w->dev != NULL)
		w->dev->users--;
	w->dev = dev;
	if (dev != NULL)
		dev->users++;
}

void
device_wait(struct device *dev, struct waiter *w)
{
	assert_null(dev->waiter);
	dev->waiter = w;
	dev->waits++;
}

void
device_wait_again(struct device *dev, struct waiter *w, bool anew NP_UNUSED)
{
	assert_null(dev->waiter);
	dev->waiter = w;
	dev->waits_again++;
}

void
device_unwait(struct waiter *w)
{
	if (w->dev != NULL && w->dev->waiter == w)
		w->dev->waiter = NULL;
}

void
device_postpone(struct waiter *w, bool postponed)
{
	w->dev->postponed += postponed - w->postponed;
	w->postponed = postponed;
}

struct link *
device_kept(const struct device *dev, const struct holder *holder NP_UNUSED)
{
	return dev->kept;
}

const struct device_conf *
device_settings(const struct device *dev)
{
	return dev->conf;
}

struct platform *
device_platform(const struct device *dev)
{
	return dev->platform;
}

const struct pool *
device_pool(const struct device *dev)
{
	return &dev->pool;
}

struct pool_room
device_room(const struct device *dev NP_UNUSED)
{
	return (struct pool_room){.device = 1, .global = 1};
}

void
device_try(struct device *dev, struct target *target NP_UNUSED, struct witness *t)
{
	dev->witness = t;
}

struct link *
witness_leave(struct witness *t)
{
	if (world->dev.witness != t)
		return NULL;
	world->dev.witness = NULL;
	return &world->link;
}

struct device *
device_prefer_shells(struct device *dev, struct np_error *err NP_UNUSED)
{
	return dev->shells;
}

void
device_unblock(struct device *dev NP_UNUSED, bool credentials_changed NP_UNUSED)
{
}

void
device_served(struct device *dev)
{
	dev->served++;
}

void
device_name_event(struct event *e NP_UNUSED, const struct device *dev NP_UNUSED)
{
}

void
question_ask(struct waiter *w, enum prompt_kind kind NP_UNUSED, const char *text, bool echo NP_UNUSED)
{
	(void)snprintf(w->dev->asked, sizeof w->dev->asked, "%s", text);
}

void
question_drop(struct waiter *w)
{
	if (w->dev != NULL)
		w->dev->asked[0] = '\0';
}

bool
question_answer(struct devices *all NP_UNUSED, uint64_t asked NP_UNUSED, uint64_t prompt_id NP_UNUSED,
    struct secret *value NP_UNUSED)
{
	return false;
}

void
questions_reassign(struct devices *all NP_UNUSED, uint64_t asked NP_UNUSED)
{
}

/* ---- the session ---- */

void
link_lease(struct link *link, struct lease *l)
{
	assert_null(l->link);
	l->link = link;
	link->lease = l;
	link->leases++;
}

void
link_release(struct lease *l, struct holder *holder)
{
	if (l->link == NULL)
		return;
	l->link->lease = NULL;
	l->link->released++;
	l->link->holder = holder;
	l->link->paused = false;
	l->link = NULL;
}

struct link_facts
link_facts(const struct link *link)
{
	return link->is;
}

struct session *
link_session(struct link *link)
{
	return link->session;
}

struct pool_entry *
link_entry(struct link *link)
{
	return &link->entry;
}

void
link_count_command(struct link *link)
{
	link->commands++;
}

void
link_end(struct link *link, enum np_reason reason NP_UNUSED, const char *why NP_UNUSED)
{
	link->ends++;
}

/* ---- its command line ---- */

static int
begin(struct lease *l, enum cli_op op, const char *text, size_t size)
{
	assert_int_equal(l->link->op, CLI_OP_NONE);
	l->link->op = op;
	l->link->paused = false;
	l->link->cancelled = false;
	(void)snprintf(l->link->text, sizeof l->link->text, "%.*s", (int)size, text);
	return 0;
}

int
link_run(struct lease *l, const struct cli_command *command, struct np_error *err NP_UNUSED)
{
	l->link->commands++;
	l->link->limits = command->limits;
	return begin(l, CLI_OP_RUN, command->text, command->size);
}

int
link_configure(struct lease *l, const struct cli_command *config, struct np_error *err NP_UNUSED)
{
	l->link->commands++;
	return begin(l, CLI_OP_CONFIG, config->text, config->size);
}

int
link_enable(struct lease *l, struct secret *secret, struct np_error *err NP_UNUSED)
{
	(void)snprintf(
	    l->link->secret, sizeof l->link->secret, "%s", secret != NULL ? secret_text(secret) : "configured");
	return begin(l, CLI_OP_ENABLE, "", 0);
}

void
link_answer(struct lease *l, struct secret *value)
{
	l->link->asks = false;
	(void)snprintf(l->link->answer, sizeof l->link->answer, "%s", value != NULL ? secret_text(value) : "nothing");
}

const struct redact *
link_known(const struct lease *l NP_UNUSED)
{
	return NULL;
}

void
link_cancel(struct lease *l)
{
	l->link->cancelled = true;
}

void
link_pause(struct lease *l)
{
	if (l->link != NULL)
		l->link->paused = true;
}

const struct buf *
link_output(const struct lease *l)
{
	return l->link != NULL && !l->link->dead ? &l->link->output : NULL;
}

void
link_consume(struct lease *l, size_t n)
{
	buf_consume(&l->link->output, n);
}

bool
link_serves(const struct lease *l)
{
	return l->link != NULL && !l->link->dead;
}

bool
link_asks(const struct lease *l)
{
	return l->link != NULL && l->link->asks;
}

const struct platform_mode *
link_mode(const struct lease *l)
{
	return l->link != NULL ? l->link->mode : NULL;
}

struct transcript *
link_transcript(const struct link *link NP_UNUSED)
{
	return NULL;
}

const struct buf *
link_seen(const struct link *link)
{
	return &link->output;
}

void
link_see(struct link *link NP_UNUSED, const void *p NP_UNUSED, size_t n NP_UNUSED)
{
}

void
link_forget_seen(struct link *link NP_UNUSED)
{
}

bool
link_has_secret(const struct link *link NP_UNUSED)
{
	return false;
}

/* ---- the world ---- */

static void
on_closed(struct session *s NP_UNUSED, const struct np_error *why NP_UNUSED, void *arg)
{
	((struct fake_around *)arg)->link.session = NULL;
}

void
fake_around_init(struct fake_around *f, const char *yaml, const char *device, struct platform *platform)
{
	static const struct session_events session_events = {.closed = on_closed};
	struct np_error err;

	memset(f, 0, sizeof *f);
	world = f;
	f->b.loop = ev_loop_new(EVFLAG_AUTO);
	f->b.config = config_parse(yaml, strlen(yaml), "test", &err);
	if (f->b.config == NULL)
		fail_msg("%s", err.text);
	requests_init(&f->b.requests);
	TAILQ_INIT(&f->client.answers);
	TAILQ_INIT(&f->client.holder.list);
	f->client.room = SIZE_MAX / 2;
	for (int i = 0; i < 2; i++) {
		buf_init(&f->client.out[i], 64u * 1024u * 1024u);
		TAILQ_INIT(&f->client.backlogs[i].stalled);
	}
	f->dev.conf = config_device(f->b.config, device);
	assert_non_null(f->dev.conf);
	f->dev.platform = platform;
	fake_init(&f->transport);
	f->link = (struct link){.dev = &f->dev,
	    .is = {.id = 7, .connect_seconds = 0.5, .auth = "publickey", .target = &f->target},
	    .entry = {.ready_since = fake_now}};
	buf_init(&f->link.output, 64u * 1024u * 1024u);
	if (platform == NULL)
		f->link.session = fake_adopt(&f->transport, f->b.loop, 4, &session_events, f);
	else
		f->link.mode = platform->base_mode;
}

void
fake_around_finish(struct fake_around *f)
{
	fake_client_leaves(f);
	if (f->link.session != NULL)
		session_close(f->link.session, REASON_NONE, "the test is over");
	fake_turn(f);
	requests_free(&f->b);
	assert_true(TAILQ_EMPTY(&f->b.requests.list));
	assert_int_equal(f->b.requests.count, 0);
	assert_int_equal(f->b.requests.queued, 0);
	assert_int_equal(f->dev.users, 0);
	assert_int_equal(f->link.leases, f->link.released);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(f->client.backlogs[i].bytes, 0);
		assert_true(TAILQ_EMPTY(&f->client.backlogs[i].stalled));
	}
	jobs_finish(&f->b.jobs);
	fake_finish(&f->transport);
	for (int i = 0; i < 2; i++)
		buf_free(&f->client.out[i]);
	buf_free(&f->link.output);
	config_unref(f->b.config);
	ev_loop_destroy(f->b.loop);
}

void
fake_turn(struct fake_around *f)
{
	for (int i = 0; i < 8; i++)
		ev_run(f->b.loop, EVRUN_NOWAIT);
}

/* ---- who does what ---- */

int
fake_ask(struct fake_around *f, int id, const char *verb, const char *params, struct np_error *err)
{
	static const struct {
		const char *verb;
		enum params_verb params;
		const struct request_kind *kind;
	} verbs[] = {
	    {"exec", PARAMS_EXEC, &request_exec},
	    {"config", PARAMS_CONFIG, &request_config},
	    {"open", PARAMS_OPEN, &request_open},
	    {"test", PARAMS_TEST, &request_test},
	    {"platform_test", PARAMS_PLATFORM_TEST, &request_platform_test},
	    {"record", PARAMS_RECORD, &request_record},
	};
	const struct message_id as = {.kind = MESSAGE_ID_NUMBER, .number = id};
	struct exec_params parsed;
	cJSON *json = cJSON_Parse(params);
	size_t i = 0;
	int rc;

	while (strcmp(verbs[i].verb, verb) != 0)
		i++;
	assert_non_null(json);
	rc = exec_params_parse(verbs[i].params, json, &parsed, err);
	if (rc == 0)
		rc = broker_request_make(&f->b, &f->client, &as, verbs[i].kind, &parsed, NULL, err);
	exec_params_finish(&parsed);
	cJSON_Delete(json);
	return rc;
}

void
fake_client_reads(struct fake_around *f, size_t room)
{
	struct answer *a, *next;

	f->client.room = room;
	TAILQ_FOREACH_SAFE (a, &f->client.answers, link, next)
		a->ops->drained(a);
	fake_turn(f);
}

void
fake_client_cancels(struct fake_around *f, int id)
{
	struct answer *a, *next;

	TAILQ_FOREACH_SAFE (a, &f->client.answers, link, next) {
		if ((int)a->id.number == id)
			a->ops->cancel(a);
	}
	fake_turn(f);
}

void
fake_client_leaves(struct fake_around *f)
{
	struct answer *a;

	while ((a = TAILQ_FIRST(&f->client.answers)) != NULL) {
		a->ops->left(a);
		answer_end(a);
	}
	fake_turn(f);
}

void
fake_assign(struct fake_around *f)
{
	struct waiter *w = f->dev.waiter;

	assert_non_null(w);
	f->dev.waiter = NULL;
	w->ops->assigned(w, &f->link);
	fake_turn(f);
}

void
fake_resolved(struct fake_around *f)
{
	struct connect_result result = {.id = 1, .ok = true, .target = &f->target};

	assert_true(jobs_done(&f->b.jobs, &result));
}

void
fake_fail(struct fake_around *f, enum np_reason reason, const char *text)
{
	struct waiter *w = f->dev.waiter;
	struct np_error err;

	assert_non_null(w);
	f->dev.waiter = NULL;
	error_set(&err, reason, "%s", text);
	w->ops->failed(w, &err);
}

void
fake_print(struct fake_around *f, const char *text)
{
	assert_int_equal(buf_append(&f->link.output, text, strlen(text)), 0);
	f->link.lease->events->output(f->link.lease);
}

void
fake_result(struct fake_around *f, enum np_reason reason, const char *error_line)
{
	struct cli_result result = {.op = f->link.op, .sent = true, .device_error = error_line != NULL};

	assert_int_not_equal(f->link.op, CLI_OP_NONE);
	f->link.op = CLI_OP_NONE;
	if (reason != REASON_NONE)
		error_set(&result.err, reason, "%s", "it is the test's wish");
	(void)snprintf(result.error_line, sizeof result.error_line, "%s", error_line != NULL ? error_line : "");
	(void)snprintf(result.prompt, sizeof result.prompt, "r1#");
	result.mode = f->link.mode != NULL ? f->link.mode->name : NULL;
	f->link.lease->events->result(f->link.lease, &result);
}

void
fake_shell_lost(struct fake_around *f)
{
	struct lease *l = f->link.lease;

	f->link.dead = true;
	if (f->link.op != CLI_OP_NONE)
		fake_result(f, REASON_OUTCOME_UNKNOWN, NULL);
	if (l->link == NULL)
		return;
	f->link.released++;
	f->link.lease = NULL;
	l->link = NULL;
	l->events->lost(l);
}
