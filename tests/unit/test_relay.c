/* Relays: a connection carried by a channel of a warm session, and sessions that run over it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "transport/relay.h"
#include "ssh/sshdialled.h"
#include "kit/sshpair.h"

#define MIB (1024u * 1024u)

static const struct sshpair_options plain = {0};

/* A relay over the session of `t`, and the end of the pair that is not its own. */
struct hop {
	struct relay *relay;
	int fd;
	bool opened, closed;
	int closes;
	struct np_error err;
};

static void
on_opened(struct relay *r, void *arg)
{
	struct hop *h = arg;

	assert_ptr_equal(h->relay, r);
	assert_false(h->opened);
	h->opened = true;
}

static void
on_closed(struct relay *r, const struct np_error *err, void *arg)
{
	struct hop *h = arg;

	assert_ptr_equal(h->relay, r);
	h->relay = NULL;
	h->closed = true;
	h->closes++;
	h->err = *err;
}

static const struct relay_events hop_events = {.opened = on_opened, .closed = on_closed};

static void
hop_start(struct hop *h, struct sshpair *t, int port)
{
	int pair[2];

	memset(h, 0, sizeof *h);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	h->fd = pair[1];
	h->relay = relay_create(t->loop, t->session, "127.0.0.1", port, pair[0], &hop_events, h);
	assert_non_null(h->relay);
	assert_false(h->closed);
}

static bool
hop_opened(void *arg)
{
	return ((struct hop *)arg)->opened;
}

static bool
hop_closed(void *arg)
{
	return ((struct hop *)arg)->closed;
}

/* A plain TCP server of the test's own: the far host. */
struct far {
	int listener, fd, port;
};

static void
far_start(struct far *f)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sin;

	f->fd = -1;
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(f->listener >= 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(f->listener, 1), 0);
	assert_int_equal(getsockname(f->listener, (struct sockaddr *)&sin, &len), 0);
	f->port = ntohs(sin.sin_port);
}

static bool
far_accepted(void *arg)
{
	struct far *f = arg;

	f->fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return f->fd >= 0;
}

static void
far_stop(struct far *f)
{
	close(f->listener);
	if (f->fd >= 0)
		close(f->fd);
}

/* Reads what a descriptor has until it has given `want` bytes or its end. */
struct reader {
	int fd;
	size_t got, want;
	bool ended;
	bool check; /* against sshpair_byte() */
	char text[64];
};

static bool
reader_has(void *arg)
{
	struct reader *r = arg;
	unsigned char chunk[65536];

	while (r->got < r->want && !r->ended) {
		ssize_t n = recv(r->fd, chunk, sizeof chunk, MSG_DONTWAIT);

		if (n < 0)
			break;
		r->ended = n == 0;
		for (ssize_t i = 0; i < n; i++) {
			if (r->check)
				assert_int_equal(chunk[i], sshpair_byte(r->got + (size_t)i));
			else if (r->got + (size_t)i < sizeof r->text - 1)
				r->text[r->got + (size_t)i] = (char)chunk[i];
		}
		r->got += (size_t)n;
	}
	return r->got >= r->want || r->ended;
}

static void
expect_text(struct sshpair *t, int fd, const char *text)
{
	struct reader r = {.fd = fd, .want = strlen(text)};

	sshpair_until(t, reader_has, &r);
	assert_string_equal(r.text, text);
}

static void
expect_end(struct sshpair *t, int fd)
{
	struct reader r = {.fd = fd, .want = 1};

	sshpair_until(t, reader_has, &r);
	assert_int_equal(r.got, 0);
	assert_true(r.ended);
}

/* ---- plain connections ---- */

static void
test_bytes_written_before_the_connection_stands_arrive(void **state NP_UNUSED)
{
	struct sshpair t;
	struct hop h;
	struct far f;

	sshpair_start(&t, &plain);
	far_start(&f);
	hop_start(&h, &t, f.port);
	assert_int_equal(write(h.fd, "early", 5), 5);
	sshpair_until(&t, far_accepted, &f);
	expect_text(&t, f.fd, "early");
	assert_true(h.opened);
	assert_int_equal(session_stats(t.session).slots_used, 0); /* not one of the server's sessions */
	assert_int_equal(write(f.fd, "answer", 6), 6);
	expect_text(&t, h.fd, "answer");
	close(h.fd);
	sshpair_until(&t, hop_closed, &h);
	assert_int_equal(h.err.reason, REASON_NONE);
	expect_end(&t, f.fd);
	assert_int_equal(h.closes, 1);
	far_stop(&f);
	sshpair_stop(&t);
}

static void
test_each_direction_ends_on_its_own(void **state NP_UNUSED)
{
	struct sshpair t;
	struct hop h;
	struct far f;

	sshpair_start(&t, &plain);
	far_start(&f);
	hop_start(&h, &t, f.port);
	sshpair_until(&t, far_accepted, &f);
	assert_int_equal(write(h.fd, "question", 8), 8);
	assert_int_equal(shutdown(h.fd, SHUT_WR), 0);
	expect_text(&t, f.fd, "question");
	expect_end(&t, f.fd);
	assert_false(h.closed);
	assert_int_equal(write(f.fd, "late answer", 11), 11);
	expect_text(&t, h.fd, "late answer");
	close(f.fd);
	f.fd = -1;
	expect_end(&t, h.fd);
	sshpair_until(&t, hop_closed, &h);
	assert_int_equal(h.err.reason, REASON_NONE);
	close(h.fd);
	far_stop(&f);
	sshpair_stop(&t);
}

static void
test_the_far_end_closing_ends_the_relay(void **state NP_UNUSED)
{
	struct sshpair t;
	struct hop h;
	struct far f;

	sshpair_start(&t, &plain);
	far_start(&f);
	hop_start(&h, &t, f.port);
	sshpair_until(&t, far_accepted, &f);
	assert_int_equal(write(f.fd, "bye", 3), 3);
	close(f.fd);
	f.fd = -1;
	expect_text(&t, h.fd, "bye");
	expect_end(&t, h.fd);
	close(h.fd);
	sshpair_until(&t, hop_closed, &h);
	far_stop(&f);
	sshpair_stop(&t);
}

static void
test_last_words_reach_the_far_end(void **state NP_UNUSED)
{
	struct sshpair t;
	struct hop h;
	struct far f;
	struct reader r = {.want = 100000};
	char block[100000] = {0};

	sshpair_start(&t, &plain);
	far_start(&f);
	hop_start(&h, &t, f.port);
	sshpair_until(&t, far_accepted, &f);
	assert_int_equal(write(h.fd, block, sizeof block), sizeof block);
	close(h.fd);
	r.fd = f.fd;
	sshpair_until(&t, reader_has, &r);
	assert_int_equal(r.got, sizeof block);
	sshpair_until(&t, hop_closed, &h);
	expect_end(&t, f.fd);
	far_stop(&f);
	sshpair_stop(&t);
}

static void
test_an_unreachable_host_fails_the_relay(void **state NP_UNUSED)
{
	struct sshpair t;
	struct record r = {0};
	struct hop h;
	struct far f;

	sshpair_start(&t, &plain);
	far_start(&f);
	far_stop(&f); /* its port is free again: nobody listens */
	hop_start(&h, &t, f.port);
	sshpair_until(&t, hop_closed, &h);
	assert_false(h.opened);
	assert_int_equal(h.err.reason, REASON_JUMP_FAILED);
	assert_non_null(strstr(h.err.text, "127.0.0.1"));
	expect_end(&t, h.fd);
	close(h.fd);
	/* The refusal taught no limit of channels, and the session is as before. */
	assert_int_equal(session_stats(t.session).slots_max, 10);
	record_exec(&r, t.session, "exit 3");
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.end.status, 3);
	record_free(&r);
	sshpair_stop(&t);
}

static void
test_a_server_that_forbids_forwarding_fails_the_relay(void **state NP_UNUSED)
{
	struct sshpair_options options = {.sshd = "AllowTcpForwarding no"};
	struct sshpair t;
	struct hop h;

	sshpair_start(&t, &options);
	hop_start(&h, &t, t.server->port);
	sshpair_until(&t, hop_closed, &h);
	assert_int_equal(h.err.reason, REASON_JUMP_FAILED);
	close(h.fd);
	sshpair_stop(&t);
}

static void
test_a_relay_can_be_closed_at_any_time(void **state NP_UNUSED)
{
	struct sshpair t;
	struct hop h;
	struct far f;

	sshpair_start(&t, &plain);
	far_start(&f);
	for (int i = 0; i < 4; i++) {
		hop_start(&h, &t, f.port);
		if (i >= 1)
			sshpair_run(&t, 0.002 * (i - 1));
		if (i == 3)
			sshpair_until(&t, hop_opened, &h);
		relay_close(h.relay);
		relay_close(h.relay);
		assert_false(h.closed);
		sshpair_until(&t, hop_closed, &h);
		assert_int_equal(h.err.reason, REASON_NONE);
		expect_end(&t, h.fd);
		close(h.fd);
	}
	far_stop(&f);
	sshpair_stop(&t);
}

static void
test_the_loss_of_the_carrier_closes_the_pair(void **state NP_UNUSED)
{
	struct sshpair t;
	struct hop h;
	struct far f;

	sshpair_start(&t, &plain);
	far_start(&f);
	hop_start(&h, &t, f.port);
	sshpair_until(&t, far_accepted, &f);
	sshpair_until(&t, hop_opened, &h);
	testsshd_signal_sessions(t.server, SIGKILL);
	sshpair_until(&t, sshpair_closed, &t);
	assert_true(h.closed); /* before the session, as every channel */
	assert_int_equal(h.err.reason, REASON_JUMP_FAILED);
	expect_end(&t, h.fd);
	close(h.fd);
	far_stop(&f);
	sshpair_stop(&t);
}

static void
test_a_slow_reader_holds_the_far_end_back(void **state NP_UNUSED)
{
	unsigned char block[65536] = {0};
	size_t sent = 0;
	struct sshpair t;
	struct hop h;
	struct far f;
	struct reader r = {.check = false};

	sshpair_start(&t, &plain);
	far_start(&f);
	hop_start(&h, &t, f.port);
	sshpair_until(&t, far_accepted, &f);
	/* The far end writes until nothing more is taken for a while: all buffers on the way are full. */
	for (int idle = 0; idle < 20;) {
		ssize_t n = send(f.fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
			idle = 0;
		} else {
			idle++;
			sshpair_run(&t, 0.02);
		}
		assert_true(sent < 64 * MIB);
	}
	shutdown(f.fd, SHUT_WR);
	r.fd = h.fd;
	r.want = sent;
	sshpair_until(&t, reader_has, &r);
	assert_int_equal(r.got, sent);
	expect_end(&t, h.fd);
	close(h.fd);
	sshpair_until(&t, hop_closed, &h);
	far_stop(&f);
	sshpair_stop(&t);
}

/* ---- sessions over it ---- */

/* The connector of the inner session: blocks in a thread, as the real one does. */
struct dialling {
	const struct testsshd *server;
	int fd, dup_fd;
	ssh_session ssh;
	pthread_t thread;
	pthread_mutex_t lock;
	bool done;
};

static void *
dial_thread(void *arg)
{
	struct dialling *d = arg;
	ssh_session ssh = testsshd_login(d->server, d->fd, &d->dup_fd);

	pthread_mutex_lock(&d->lock);
	d->ssh = ssh;
	d->done = true;
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

static bool
dial_done(void *arg)
{
	struct dialling *d = arg;
	bool done;

	pthread_mutex_lock(&d->lock);
	done = d->done;
	pthread_mutex_unlock(&d->lock);
	return done;
}

static void
on_inner_closed(struct session *s, const struct np_error *why NP_UNUSED, void *arg)
{
	struct session **inner = arg;

	assert_ptr_equal(*inner, s);
	*inner = NULL;
}

static bool
inner_gone(void *arg)
{
	return *(struct session **)arg == NULL;
}

static const struct session_events inner_events = {.closed = on_inner_closed};

/* A session to `far` through the session of `t`. */
static void
inner_start(struct sshpair *t, struct testsshd *far, struct hop *h, struct session **inner)
{
	struct dialling d = {.server = far, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct sshdialled *made = sshdialled_create();
	struct session_setup setup = {.id = 9, .name = "inner", .max_channels = 10, .spare_channels = true};

	hop_start(h, t, far->port);
	d.fd = h->fd;
	assert_int_equal(pthread_create(&d.thread, NULL, dial_thread, &d), 0);
	sshpair_until(t, dial_done, &d);
	assert_int_equal(pthread_join(d.thread, NULL), 0);
	made->ssh = d.ssh;
	made->fd = d.dup_fd;
	*inner = dialled_adopt(&made->base, t->loop, &setup, &inner_events, inner);
	dialled_discard(&made->base);
}

static void
test_a_session_runs_through_a_jump_host(void **state NP_UNUSED)
{
	struct testsshd *far;
	struct session *inner;
	struct record r = {0};
	struct sshpair t;
	struct hop h;

	sshpair_start(&t, &plain);
	far = testsshd_start(NULL);
	inner_start(&t, far, &h, &inner);
	record_exec(&r, inner, "echo behind; exit 4");
	sshpair_until(&t, record_done, &r);
	assert_string_equal(record_text(&r, 0), "behind\n");
	assert_int_equal(r.end.status, 4);
	record_free(&r);
	memset(&r, 0, sizeof r);
	record_exec(&r, inner, "cat");
	record_feed(&r, 20 * MIB, true);
	sshpair_until(&t, record_done, &r);
	assert_int_equal(r.out[0].len, 20 * MIB);
	for (size_t i = 0; i < 20 * MIB; i++) {
		if (buf_head(&r.out[0])[i] != sshpair_byte(i))
			fail_msg("byte %zu is wrong", i);
	}
	record_free(&r);
	session_close(inner, REASON_NONE, "over");
	sshpair_until(&t, inner_gone, &inner);
	sshpair_until(&t, hop_closed, &h); /* its end of the pair was closed */
	assert_int_equal(h.err.reason, REASON_NONE);
	testsshd_stop(far);
	sshpair_stop(&t);
}

static void
test_a_session_dies_with_its_carrier(void **state NP_UNUSED)
{
	struct testsshd *far;
	struct session *inner;
	struct record r = {0};
	struct sshpair t;
	struct hop h;

	sshpair_start(&t, &plain);
	far = testsshd_start(NULL);
	inner_start(&t, far, &h, &inner);
	record_exec(&r, inner, "echo on; exec sleep 1000");
	sshpair_until(&t, record_started, &r);
	session_close(t.session, REASON_NONE, "the jump host is closed");
	sshpair_until(&t, sshpair_closed, &t);
	sshpair_until(&t, inner_gone, &inner);
	assert_true(r.done);
	assert_int_equal(r.end.err.reason, REASON_OUTCOME_UNKNOWN);
	assert_true(h.closed);
	record_free(&r);
	testsshd_stop(far);
	sshpair_stop(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bytes_written_before_the_connection_stands_arrive),
	    cmocka_unit_test(test_each_direction_ends_on_its_own),
	    cmocka_unit_test(test_the_far_end_closing_ends_the_relay),
	    cmocka_unit_test(test_last_words_reach_the_far_end),
	    cmocka_unit_test(test_an_unreachable_host_fails_the_relay),
	    cmocka_unit_test(test_a_server_that_forbids_forwarding_fails_the_relay),
	    cmocka_unit_test(test_a_relay_can_be_closed_at_any_time),
	    cmocka_unit_test(test_the_loss_of_the_carrier_closes_the_pair),
	    cmocka_unit_test(test_a_slow_reader_holds_the_far_end_back),
	    cmocka_unit_test(test_a_session_runs_through_a_jump_host),
	    cmocka_unit_test(test_a_session_dies_with_its_carrier),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
