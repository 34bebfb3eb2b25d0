/*
 * A whole broker on nothing: its connector and its transport are fakes, so each order of events can be had, at once and
 * without a network.  The client is a socket of the test.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "base/log.h"
#include "kit/confkit.h"
#include "broker/broker.h"
#include "kit/drive.h"
#include "kit/fakeconnector.h"
#include "kit/faketransport.h"
#include "wire/frame.h"

#define ANSWERS_MAX 8

struct fixture {
	char dir[64], path[96];
	struct ev_loop *loop;
	struct broker *broker;
	struct fake fake, other;
	int fd; /* the client */
	struct buf in;
	char out[256];               /* of standard output, of all commands */
	cJSON *answers[ANSWERS_MAX]; /* by id */
	int wanted;                  /* what drive_until() waits for */
	enum connect_kind kind;
	struct fake *where;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct broker_options options = {0};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct np_error err;

	log_set_level(LOG_LEVEL_ERROR);
	signal(SIGPIPE, SIG_IGN);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/np-broker-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	f->loop = ev_loop_new(EVFLAG_AUTO);
	options.socket_path = f->path;
	f->broker = broker_create(f->loop, config_parse("", 0, "test", &err), &options);
	if (broker_listen(f->broker, &err) == -1)
		fail_msg("%s", err.text);
	fake_init(&f->fake);
	fake_init(&f->other);
	buf_init(&f->in, 4 * FRAME_SIZE_MAX);
	f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
	assert_int_equal(connect(f->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(fcntl(f->fd, F_SETFL, O_NONBLOCK), 0);
	*state = f;
	return 0;
}

static void
remove_dir(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	assert_int_equal(rmdir(path), 0);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	int i;

	if (f->fd != -1)
		close(f->fd);
	for (i = 0; i < ANSWERS_MAX; i++)
		cJSON_Delete(f->answers[i]);
	buf_free(&f->in);
	broker_destroy(f->broker);
	fake_finish(&f->fake);
	fake_finish(&f->other);
	ev_loop_destroy(f->loop);
	remove_dir(f->dir);
	free(f);
	return 0;
}

/* ---- the client ---- */

static void
send_json(struct fixture *f, const char *json)
{
	struct buf out;

	buf_init(&out, FRAME_SIZE_MAX);
	assert_int_equal(frame_append(&out, json, strlen(json), NULL, 0), 0);
	assert_int_equal(write(f->fd, buf_head(&out), out.len), (ssize_t)out.len);
	buf_free(&out);
}

static void
exec(struct fixture *f, int id, const char *params)
{
	char json[512];

	(void)snprintf(
	    json, sizeof(json), "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"exec\",\"params\":{%s}}", id, params);
	send_json(f, json);
}

static void
take_frame(struct fixture *f, const struct frame *frame)
{
	cJSON *o = cJSON_ParseWithLength(frame->json, frame->json_size);
	const cJSON *id = cJSON_GetObjectItem(o, "id"), *method = cJSON_GetObjectItem(o, "method");

	assert_non_null(o);
	if (cJSON_IsString(method) && strcmp(method->valuestring, "stdout") == 0)
		strncat(f->out, (const char *)frame->data, frame->data_size);
	if (cJSON_IsNumber(id) && method == NULL) {
		assert_in_range(id->valueint, 0, ANSWERS_MAX - 1);
		assert_null(f->answers[id->valueint]);
		f->answers[id->valueint] = o;
		return;
	}
	cJSON_Delete(o);
}

static void
read_frames(struct fixture *f)
{
	char chunk[4096];
	struct np_error err;
	struct frame frame;
	ssize_t n;

	while (f->fd != -1 && (n = read(f->fd, chunk, sizeof(chunk))) > 0)
		assert_int_equal(buf_append(&f->in, chunk, (size_t)n), 0);
	while (frame_peek(buf_head(&f->in), f->in.len, &frame, &err) == FRAME_READY) {
		take_frame(f, &frame);
		buf_consume(&f->in, frame.total);
	}
}

static bool
has_answer(void *arg)
{
	struct fixture *f = arg;

	read_frames(f);
	return f->answers[f->wanted] != NULL;
}

static const cJSON *
answer(struct fixture *f, int id)
{
	f->wanted = id;
	if (!drive_until(f->loop, has_answer, f))
		fail_msg("request %d was not answered", id);
	return f->answers[id];
}

static const cJSON *
result(struct fixture *f, int id, const char *member)
{
	const cJSON *o = cJSON_GetObjectItem(answer(f, id), "result");

	if (o == NULL)
		fail_msg("%s", cJSON_PrintUnformatted(answer(f, id)));
	return cJSON_GetObjectItem(o, member);
}

static void
assert_refused(struct fixture *f, int id, const char *reason, const char *text)
{
	const cJSON *error = cJSON_GetObjectItem(answer(f, id), "error"), *data;

	if (error == NULL) /* of what had been sent */
		error = cJSON_GetObjectItem(cJSON_GetObjectItem(answer(f, id), "result"), "error");
	if (error == NULL)
		fail_msg("%s", cJSON_PrintUnformatted(answer(f, id)));
	data = cJSON_GetObjectItem(error, "data");
	assert_string_equal(cJSON_GetObjectItem(data, "reason")->valuestring, reason);
	assert_non_null(strstr(cJSON_GetObjectItem(error, "message")->valuestring, text));
}

/* ---- the world ---- */

static bool
has_job(void *arg)
{
	return fakeconnector_job(((struct fixture *)arg)->kind)->id != 0;
}

static const struct fake_job *
next_job(struct fixture *f, enum connect_kind kind)
{
	f->kind = kind;
	if (!drive_until(f->loop, has_job, f))
		fail_msg("no job of kind %d", kind);
	return fakeconnector_job(kind);
}

static bool
has_channel(void *arg)
{
	struct fixture *f = arg;

	return f->where->count >= f->wanted;
}

static struct fake_chan *
channel(struct fixture *f, struct fake *where, int number)
{
	f->where = where;
	f->wanted = number;
	if (!drive_until(f->loop, has_channel, f))
		fail_msg("no channel %d", number);
	return &where->chans[number - 1];
}

static void
resolve(struct fixture *f, const char *more)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "user ops\nhostname 192.0.2.1\nport 22\n%s", more);
	fakeconnector_resolve(next_job(f, CONNECT_RESOLVE)->id, text);
}

/* A first request, up to its channel. */
static struct fake_chan *
connect_device(struct fixture *f, const char *params)
{
	exec(f, 1, params);
	resolve(f, "");
	fakeconnector_connect(next_job(f, CONNECT_DIAL)->id, fake_dialled(&f->fake));
	return channel(f, &f->fake, 1);
}

static void
test_the_second_command_finds_the_session_warm(void **state)
{
	struct fixture *f = *state;
	struct fake_chan *ch = connect_device(f, "\"device\":\"r1\",\"command\":\"show version\"");

	assert_string_equal(ch->command, "show version");
	fake_start(ch);
	fake_say(ch, 0, "v1\n", 3);
	fake_exit(ch, 0);
	assert_int_equal(result(f, 1, "exit_status")->valueint, 0);
	assert_true(cJSON_IsFalse(result(f, 1, "reused")));
	exec(f, 2, "\"device\":\"r1\",\"command\":\"show clock\"");
	ch = channel(f, &f->fake, 2);
	assert_string_equal(ch->command, "show clock");
	fake_start(ch);
	fake_say(ch, 0, "noon\n", 5);
	fake_exit(ch, 4);
	assert_int_equal(result(f, 2, "exit_status")->valueint, 4);
	assert_true(cJSON_IsTrue(result(f, 2, "reused")));
	assert_string_equal(f->out, "v1\nnoon\n");
	assert_int_equal(fakeconnector_job(CONNECT_DIAL)->id, 0);
}

static void
test_a_sent_command_is_lost_with_its_session_an_unsent_one_moves(void **state)
{
	struct fixture *f = *state;
	struct fake_chan *ch = connect_device(f, "\"device\":\"r1\",\"command\":\"reload\"");

	fake_start(ch);
	exec(f, 2, "\"device\":\"r1\",\"command\":\"show clock\"");
	(void)channel(f, &f->fake, 2); /* opened, and never started */
	fake_lose(&f->fake, "cable cut");
	assert_refused(f, 1, "outcome_unknown", "cable cut");
	fakeconnector_connect(next_job(f, CONNECT_DIAL)->id, fake_dialled(&f->other));
	ch = channel(f, &f->other, 1);
	assert_string_equal(ch->command, "show clock");
	fake_start(ch);
	fake_exit(ch, 0);
	assert_int_equal(result(f, 2, "exit_status")->valueint, 0);
	assert_int_equal(f->other.count, 1); /* reload was not sent again */
}

static void
test_a_failed_dial_is_the_answer(void **state)
{
	struct fixture *f = *state;

	exec(f, 1, "\"device\":\"r1\",\"command\":\"true\"");
	resolve(f, "");
	fakeconnector_fail(next_job(f, CONNECT_DIAL)->id, REASON_AUTH_FAILED, "ops@192.0.2.1: login refused");
	assert_refused(f, 1, "auth_failed", "login refused");
	exec(f, 2, "\"device\":\"r1\",\"command\":\"true\"");
	fakeconnector_fail(next_job(f, CONNECT_AGENT_KEYS)->id, REASON_INTERNAL, "no agent");
	assert_refused(f, 2, "auth_backoff", "login refused");
}

static void
test_a_jump_host_carries_the_session_behind_it(void **state)
{
	struct fixture *f = *state;
	const struct fake_job *job;
	struct fake_chan *way, *ch;

	exec(f, 1, "\"device\":\"r9\",\"command\":\"true\"");
	resolve(f, "proxyjump gate\n");
	resolve(f, ""); /* gate */
	job = next_job(f, CONNECT_DIAL);
	assert_int_equal(job->attempt.ready_fd, -1);
	fakeconnector_connect(job->id, fake_dialled(&f->fake));
	way = channel(f, &f->fake, 1);
	assert_int_equal(way->kind, CHANNEL_FORWARD);
	assert_string_equal(way->command, "192.0.2.1");
	fake_start(way);
	job = next_job(f, CONNECT_DIAL);
	assert_true(job->attempt.ready_fd >= 0);
	fakeconnector_connect(job->id, fake_dialled(&f->other));
	ch = channel(f, &f->other, 1);
	fake_start(ch);
	fake_exit(ch, 0);
	assert_int_equal(result(f, 1, "exit_status")->valueint, 0);
}

/* Each number there is, and one after the other: whatever waits for it is still looked at when it has been told. */
static void
test_a_session_that_waits_for_its_way_is_killed(void **state)
{
	struct fixture *f = *state;
	char json[128];
	int killed = 0;

	exec(f, 1, "\"device\":\"r9\",\"command\":\"true\"");
	resolve(f, "proxyjump gate\n");
	resolve(f, ""); /* gate */
	(void)next_job(f, CONNECT_DIAL);
	for (int number = 1; number < 8; number++) {
		const cJSON *what;

		(void)snprintf(json, sizeof(json),
		    "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"kill\",\"params\":{\"id\":%d}}", number);
		send_json(f, json);
		what = cJSON_GetObjectItem(cJSON_GetObjectItem(answer(f, 2), "result"), "killed");
		killed += what != NULL && strcmp(what->valuestring, "session") == 0;
		cJSON_Delete(f->answers[2]);
		f->answers[2] = NULL;
	}
	assert_int_equal(killed, 2); /* r9's, and gate's */
}

static bool
is_given_up(void *arg)
{
	return ((struct fake_chan *)arg)->chan == NULL;
}

static void
test_a_client_that_leaves_takes_its_command_along(void **state)
{
	struct fixture *f = *state;
	struct fake_chan *ch = connect_device(f, "\"device\":\"r1\",\"command\":\"sleep 1000\"");

	fake_start(ch);
	close(f->fd);
	f->fd = -1;
	assert_true(drive_until(f->loop, is_given_up, ch));
	assert_non_null(f->fake.session); /* for the next one */
}

static void
test_who_waits_for_a_dial_waits_no_longer_than_he_said(void **state)
{
	struct fixture *f = *state;

	exec(f, 1, "\"device\":\"r1\",\"command\":\"true\",\"queue_timeout\":0.05");
	resolve(f, "");
	(void)next_job(f, CONNECT_DIAL);
	assert_refused(f, 1, "queue_timeout", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_the_second_command_finds_the_session_warm),
	    TEST(test_a_sent_command_is_lost_with_its_session_an_unsent_one_moves),
	    TEST(test_a_failed_dial_is_the_answer),
	    TEST(test_a_jump_host_carries_the_session_behind_it),
	    TEST(test_a_session_that_waits_for_its_way_is_killed),
	    TEST(test_a_client_that_leaves_takes_its_command_along),
	    TEST(test_who_waits_for_a_dial_waits_no_longer_than_he_said),
	};

	return cmocka_run_group_tests_name("broker", tests, NULL, NULL);
}
