/* See sshpair.h. */
#include "kit/sshpair.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "ssh/sshdialled.h"
#include "transport/provider.h"

unsigned char
sshpair_byte(size_t at)
{
	return (unsigned char)((at * 167 + (at >> 8) * 13 + (at >> 16) * 7) % 251);
}

/* ---- the session's events ---- */

static void
on_closed(struct session *s, const struct np_error *why, void *arg)
{
	struct sshpair *t = arg;

	assert_ptr_equal(t->session, s);
	t->session = NULL;
	t->closed = true;
	t->closes++;
	t->why = *why;
}

static void
on_probed(struct session *s NP_UNUSED, double rtt, void *arg)
{
	struct sshpair *t = arg;

	t->probes++;
	t->probe_rtt = rtt;
}

static void
on_slots(struct session *s NP_UNUSED, void *arg)
{
	struct sshpair *t = arg;

	t->slot_events++;
}

static const struct session_events session_recorder = {.closed = on_closed, .probed = on_probed, .slots = on_slots};

static int
count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

void
sshpair_login_fd(struct sshpair *t, const struct sshpair_options *options, int fd)
{
	struct sshdialled *made = sshdialled_create();
	struct session_setup setup = {
	    .id = 4,
	    .name = "box",
	    .max_channels = options->max_channels > 0 ? options->max_channels : 10,
	    .spare_channels = options->spares,
	};

	assert_null(t->session);
	t->closed = false;
	t->closes = 0;
	made->ssh = testsshd_login(t->server, fd, &made->fd);
	if (options->proxy != NULL)
		made->proxy = *options->proxy;
	t->session = dialled_adopt(&made->base, t->loop, &setup, &session_recorder, t);
	dialled_discard(&made->base);
}

void
sshpair_login_none(struct sshpair *t, int port)
{
	struct session_setup setup = {.id = 5, .name = "device", .max_channels = 10};
	struct sshdialled *made = sshdialled_create();
	struct testsshd address = {.port = port};
	int no = 0, fd = testsshd_dial(&address);

	made->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	made->ssh = ssh_new();
	assert_non_null(made->ssh);
	ssh_options_set(made->ssh, SSH_OPTIONS_HOST, "127.0.0.1");
	ssh_options_set(made->ssh, SSH_OPTIONS_USER, "admin");
	ssh_options_set(made->ssh, SSH_OPTIONS_PROCESS_CONFIG, &no);
	ssh_options_set(made->ssh, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
	ssh_options_set(made->ssh, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
	ssh_options_set(made->ssh, SSH_OPTIONS_FD, &fd);
	assert_int_equal(ssh_connect(made->ssh), SSH_OK);
	(void)ssh_options_set(made->ssh, SSH_OPTIONS_FD, NULL); /* as the dial does it */
	assert_int_equal(ssh_userauth_none(made->ssh, NULL), SSH_AUTH_SUCCESS);
	t->session = dialled_adopt(&made->base, t->loop, &setup, &session_recorder, t);
	dialled_discard(&made->base);
}

void
sshpair_login(struct sshpair *t, const struct sshpair_options *options)
{
	sshpair_login_fd(t, options, -1);
}

void
sshpair_start(struct sshpair *t, const struct sshpair_options *options)
{
	memset(t, 0, sizeof *t);
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_WARNING);
	t->descriptors = count_descriptors();
	t->server = options->dropbear ? testsshd_start_dropbear() : testsshd_start(options->sshd);
	if (t->server == NULL)
		skip();
	/* Not the default loop: that one reaps every child of the process. */
	t->loop = ev_loop_new(EVFLAG_AUTO);
	assert_non_null(t->loop);
	sshpair_login(t, options);
}

void
sshpair_stop(struct sshpair *t)
{
	if (t->session != NULL) {
		session_close(t->session, REASON_NONE, "the test is over");
		sshpair_until(t, sshpair_closed, t);
	}
	assert_int_equal(t->closes, 1);
	ev_loop_destroy(t->loop);
	testsshd_stop(t->server);
	assert_int_equal(count_descriptors(), t->descriptors);
}

/* ---- running the loop ---- */

static void
on_tick(struct ev_loop *loop NP_UNUSED, ev_timer *w NP_UNUSED, int revents NP_UNUSED)
{
}

void
sshpair_until_(struct sshpair *t, bool (*fact)(void *arg), void *arg, const char *what, const char *file, int line)
{
	double deadline = clock_now() + SSHPAIR_SECONDS;
	ev_timer tick;

	/* Facts about the server's processes come without an event of the loop. */
	ev_timer_init(&tick, on_tick, 0.01, 0.01);
	ev_timer_start(t->loop, &tick);
	while (!fact(arg)) {
		if (clock_now() > deadline) {
			print_error("%s:%d: %s did not come true\n", file, line, what);
			fail();
		}
		ev_run(t->loop, EVRUN_ONCE);
	}
	ev_timer_stop(t->loop, &tick);
}

void
sshpair_run(struct sshpair *t, double seconds)
{
	double deadline = clock_now() + seconds;
	ev_timer tick;

	ev_timer_init(&tick, on_tick, 0.01, 0.01);
	ev_timer_start(t->loop, &tick);
	while (clock_now() < deadline)
		ev_run(t->loop, EVRUN_ONCE);
	ev_timer_stop(t->loop, &tick);
}

bool
record_done(void *record)
{
	return ((struct record *)record)->done;
}

bool
record_started(void *record)
{
	return ((struct record *)record)->started;
}

bool
record_freed(void *record)
{
	return ((struct record *)record)->freed;
}

bool
sshpair_closed(void *pair)
{
	return ((struct sshpair *)pair)->closed;
}

bool
sshpair_probed(void *pair)
{
	return ((struct sshpair *)pair)->probes > 0;
}

/* ---- a channel's events ---- */

static void
record_take(struct record *r, struct chan *ch)
{
	for (int i = 0; i < 2; i++) {
		const struct buf *b = chan_output(ch, i);
		size_t n = r->step > 0 && b->len > r->step ? r->step : b->len;

		r->received += n;
		if (n > 0 && !r->count_only)
			assert_int_equal(buf_append(&r->out[i], buf_head(b), n), 0);
		chan_consume(ch, i, n);
	}
}

static void
feed(struct record *r)
{
	unsigned char chunk[8192];

	while (r->feed_left > 0) {
		size_t n = r->feed_left < sizeof chunk ? r->feed_left : sizeof chunk;

		if (chan_write_room(r->chan) < n)
			return;
		for (size_t i = 0; i < n; i++)
			chunk[i] = sshpair_byte(r->feed_at + i);
		assert_int_equal(chan_write(r->chan, chunk, n), 0);
		r->feed_at += n;
		r->feed_left -= n;
	}
	if (r->feed_eof)
		chan_eof(r->chan);
	r->feed_eof = false;
}

static void
on_started(struct chan *ch, void *arg)
{
	struct record *r = arg;

	assert_ptr_equal(r->chan, ch);
	assert_false(r->done);
	assert_false(r->started);
	r->started = true;
}

static void
on_output(struct chan *ch, void *arg)
{
	struct record *r = arg;

	assert_ptr_equal(r->chan, ch);
	assert_false(r->done);
	r->outputs++;
	if (!r->paused)
		record_take(r, ch);
	if (chan_output_ended(ch))
		r->ended_seen = true;
}

static void
on_wrote(struct chan *ch, size_t n, void *arg)
{
	struct record *r = arg;

	assert_ptr_equal(r->chan, ch);
	assert_false(r->done);
	r->wrote += n;
	feed(r);
}

static void
on_freed(struct chan *ch, const struct chan_end *end, void *arg)
{
	struct record *r = arg;

	assert_ptr_equal(r->chan, ch);
	assert_false(r->done);
	assert_false(r->freed);
	r->freed = true;
	r->end = *end;
}

static void
on_done(struct chan *ch, const struct chan_end *end, void *arg)
{
	struct record *r = arg;

	assert_ptr_equal(r->chan, ch);
	assert_false(r->done);
	r->step = 0;
	record_take(r, ch);
	r->done = true;
	r->end = *end;
	r->session_in_done = ch->session;
	r->chan = NULL;
	if (r->then != NULL)
		r->then(r);
}

static const struct chan_events recorder = {
    .started = on_started, .output = on_output, .wrote = on_wrote, .freed = on_freed, .done = on_done};

void
record_start(struct record *r, struct session *s, const struct chan_spec *spec)
{
	for (int i = 0; i < 2; i++)
		buf_init(&r->out[i], 64u * 1024u * 1024u);
	r->started = r->freed = r->done = r->ended_seen = false;
	r->received = r->wrote = 0;
	r->outputs = 0;
	r->chan = chan_start(s, spec, &recorder, r);
	assert_non_null(r->chan);
	assert_false(r->done); /* never from inside */
}

void
record_exec(struct record *r, struct session *s, const char *command)
{
	struct chan_spec spec = {.kind = CHANNEL_EXEC, .command = command, .command_size = strlen(command)};

	record_start(r, s, &spec);
}

void
record_resume(struct record *r)
{
	r->paused = false;
	if (r->chan != NULL)
		record_take(r, r->chan);
}

void
record_feed(struct record *r, size_t bytes, bool eof)
{
	r->feed_left = bytes;
	r->feed_at = 0;
	r->feed_eof = eof;
	feed(r);
}

void
record_free(struct record *r)
{
	buf_free(&r->out[0]);
	buf_free(&r->out[1]);
}

const char *
record_text(struct record *r, int stream)
{
	static char text[4096];
	size_t n = r->out[stream].len < sizeof text - 1 ? r->out[stream].len : sizeof text - 1;

	memcpy(text, buf_head(&r->out[stream]), n);
	text[n] = '\0';
	return text;
}

void
record_run(struct sshpair *t, struct record *r, const char *command)
{
	memset(r, 0, sizeof *r);
	record_exec(r, t->session, command);
	sshpair_until(t, record_done, r);
}

void
record_expect(struct sshpair *t, const char *command, int status)
{
	struct record r;

	record_run(t, &r, command);
	if (r.end.err.reason != REASON_NONE)
		fail_msg("%s: %s", command, r.end.err.text);
	assert_true(r.end.has_status);
	assert_int_equal(r.end.status, status);
	record_free(&r);
}

bool
sshpair_no_slot_used(void *pair)
{
	return session_stats(((struct sshpair *)pair)->session).slots_used == 0;
}

bool
record_any_output(void *record)
{
	return ((struct record *)record)->received > 0;
}

static bool
has_text(void *arg)
{
	struct record *r = arg;
	const char *want = r->then_arg;

	return strstr(record_text(r, 0), want) != NULL;
}

void
record_wait_text(struct sshpair *t, struct record *r, const char *text)
{
	r->then_arg = (void *)(uintptr_t)text;
	sshpair_until(t, has_text, r);
}

void
record_check_stream(struct record *r, size_t size)
{
	const uint8_t *p = buf_head(&r->out[0]);

	assert_int_equal(r->out[0].len, size);
	for (size_t i = 0; i < size; i++) {
		if (p[i] != sshpair_byte(i))
			fail_msg("byte %zu of %zu is wrong", i, size);
	}
}

bool
record_buffer_full(void *arg)
{
	struct record *r = arg;

	return chan_output(r->chan, 0)->len >= CHANNEL_BUFFER_MAX;
}
