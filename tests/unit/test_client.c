/* Clients and what they have in flight, over a socketpair; who makes the answers is a fake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <ev.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "broker/client/answer.h"
#include "broker/client/client.h"
#include "kit/drive.h"
#include "wire/frame.h"

#define ENDS 3

struct world {
	struct ev_loop *loop;
	struct clients *clients;
	struct client *client[ENDS]; /* NULL once it has left */
	int fd[ENDS];                /* their ends */
	int frames;
	int left;
	char order[64]; /* what the answers were told */
	size_t order_len;
	struct buf got; /* read at the end of client 0 */
};

/* An answer by name; what it is told is written down. */
struct fake {
	struct answer answer;
	struct world *world;
	char name;
	bool fills; /* it sends as much as there is room for when the client has read */
};

static void
note(struct fake *f, char what)
{
	struct world *w = f->world;

	if (w->order_len + 2 >= sizeof(w->order))
		return;
	w->order[w->order_len++] = f->name;
	w->order[w->order_len++] = what;
}

static struct fake *
of_answer(struct answer *a)
{
	return NP_CONTAINER(a, struct fake, answer);
}

static void
on_cancel(struct answer *a)
{
	note(of_answer(a), 'c');
	answer_cancelled(a, "cancelled");
}

static void
on_left(struct answer *a)
{
	assert_null(a->client);
	note(of_answer(a), 'l');
}

static void
fill(struct client *client)
{
	static const uint8_t data[FRAME_DATA_MAX];

	while (client_room(client) > 0)
		client_stream(client, "{}", data, sizeof(data));
}

static void
on_drained(struct answer *a)
{
	struct fake *f = of_answer(a);

	note(f, 'd');
	if (f->fills)
		fill(a->client);
}

static const struct answer_ops ops[] = {
    {.kind = ANSWER_REQUEST, .cancel = on_cancel, .left = on_left, .drained = on_drained},
    {.kind = ANSWER_LATER, .bounded = true, .cancel = on_cancel, .left = on_left},
};

static void
fake_begin(struct world *w, struct fake *f, char name, int which)
{
	struct message_id id = {.kind = MESSAGE_ID_NUMBER, .number = name};

	f->world = w;
	f->name = name;
	answer_begin(&f->answer, w->client[0], &id, &ops[which]);
}

static struct answer *
find(struct world *w, char name)
{
	struct message_id id = {.kind = MESSAGE_ID_NUMBER, .number = name};

	return answer_find(w->client[0], &id);
}

static void
on_frame(struct client *client NP_UNUSED, const struct frame *frame NP_UNUSED, void *arg)
{
	struct world *w = arg;

	w->frames++;
}

static void
on_client_left(struct client *client, void *arg)
{
	struct world *w = arg;

	w->left++;
	for (int i = 0; i < ENDS; i++)
		if (w->client[i] == client)
			w->client[i] = NULL;
}

static const struct client_events events = {.frame = on_frame, .left = on_client_left};

static void
come(struct world *w, int i)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	w->fd[i] = fds[1];
	w->client[i] = clients_accept(w->clients, (uint64_t)i + 1, fds[0], geteuid(), getpid());
}

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->loop = ev_loop_new(EVFLAG_AUTO);
	w->clients = clients_create(w->loop, &events, w);
	buf_init(&w->got, SIZE_MAX / 2);
	for (int i = 0; i < ENDS; i++)
		w->fd[i] = -1;
	come(w, 0);
	*state = w;
	return 0;
}

static bool
all_left(void *arg)
{
	struct world *w = arg;

	return clients_count(w->clients) == 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < ENDS; i++)
		if (w->fd[i] >= 0)
			close(w->fd[i]);
	assert_true(drive_until(w->loop, all_left, w));
	clients_destroy(w->clients);
	ev_loop_destroy(w->loop);
	buf_free(&w->got);
	free(w);
	return 0;
}

static void
read_end(struct world *w)
{
	uint8_t *at;
	ssize_t n;

	do {
		at = buf_reserve(&w->got, 65536);
		n = read(w->fd[0], at, 65536);
		if (n > 0)
			buf_commit(&w->got, (size_t)n);
	} while (n > 0);
}

static bool
has_text(struct world *w, const char *text)
{
	return memmem(buf_head(&w->got), w->got.len, text, strlen(text)) != NULL;
}

static bool
cancellation_came(void *arg)
{
	struct world *w = arg;

	read_end(w);
	return has_text(w, "\"reason\":\"cancelled\"");
}

static void
test_answers_are_found_by_their_id_until_they_end(void **state)
{
	struct world *w = *state;
	struct fake a = {.name = 0}, b = {.name = 0};

	fake_begin(w, &a, 'a', 0);
	fake_begin(w, &b, 'b', 1);
	assert_ptr_equal(find(w, 'a'), &a.answer);
	assert_ptr_equal(find(w, 'b'), &b.answer);
	assert_null(find(w, 'c'));
	assert_int_equal(client_answers(w->client[0], ANSWER_REQUEST), 1);

	answer_end(&a.answer);
	answer_end(&a.answer);
	assert_null(find(w, 'a'));
	assert_int_equal(client_answers(w->client[0], ANSWER_REQUEST), 0);
	answer_end(&b.answer);
}

static void
test_a_cancelled_answer_says_so_and_has_ended(void **state)
{
	struct world *w = *state;
	struct fake a = {.name = 0};

	fake_begin(w, &a, 'a', 1);
	a.answer.ops->cancel(&a.answer);

	assert_null(find(w, 'a'));
	assert_true(drive_until(w->loop, cancellation_came, w));
}

static void
test_an_answer_that_nobody_waits_for_is_dropped(void **state)
{
	struct message_id none = {.kind = MESSAGE_ID_NONE};
	struct fake a = {.world = *state};

	answer_begin(&a.answer, NULL, &none, &ops[0]);
	answer_result(&a.answer, cJSON_CreateObject());
	answer_end(&a.answer);
}

static void
test_who_leaves_tells_all_its_answers_before_it_is_gone(void **state)
{
	struct world *w = *state;
	struct fake a = {.name = 0}, b = {.name = 0};

	fake_begin(w, &a, 'a', 0);
	fake_begin(w, &b, 'b', 1);
	close(w->fd[0]);
	w->fd[0] = -1;

	assert_true(drive_until(w->loop, all_left, w));
	assert_string_equal(w->order, "albl");
	assert_int_equal(w->left, 1);
}

static void
test_so_many_bounded_answers_and_no_more(void **state)
{
	struct world *w = *state;
	struct fake many[ANSWERS_BOUNDED_MAX];
	struct np_error err;

	for (int i = 0; i < ANSWERS_BOUNDED_MAX; i++) {
		assert_int_equal(answer_room(w->client[0], &err), 0);
		fake_begin(w, &many[i], (char)(i + 1), 1);
	}
	assert_int_equal(answer_room(w->client[0], &err), -1);
	assert_int_equal(err.reason, REASON_QUEUE_FULL);

	answer_end(&many[0].answer);
	assert_int_equal(answer_room(w->client[0], &err), 0);
	for (int i = 1; i < ANSWERS_BOUNDED_MAX; i++)
		answer_end(&many[i].answer);
}

static bool
drained_twice(void *arg)
{
	struct world *w = arg;

	read_end(w);
	return w->order_len >= 8;
}

/* One that fills the room at each turn must not keep the other from its own. */
static void
test_answers_take_turns_when_the_client_has_read(void **state)
{
	struct world *w = *state;
	struct fake a = {.fills = true}, b = {.fills = true};

	fake_begin(w, &a, 'a', 0);
	fake_begin(w, &b, 'b', 0);
	fill(w->client[0]);
	assert_true(drive_until(w->loop, drained_twice, w));

	for (size_t i = 0; i + 3 < w->order_len; i += 2)
		assert_int_not_equal(w->order[i], w->order[i + 2]);
	answer_end(&a.answer);
	answer_end(&b.answer);
}

static void
test_who_was_refused_takes_nobodys_place(void **state)
{
	struct world *w = *state;
	struct np_error err;

	error_set(&err, REASON_QUEUE_FULL, "full");
	come(w, 1);
	assert_true(clients_have_place(w->clients, 3));
	come(w, 2);
	assert_false(clients_have_place(w->clients, 3));
	assert_true(clients_have_place(w->clients, 0));

	client_refuse(w->client[2], &err);
	assert_true(clients_have_place(w->clients, 3));
}

/* What he said last is still unread, and so is his end: he is in nobody's way. */
static void
test_who_has_left_takes_nobodys_place(void **state)
{
	struct world *w = *state;

	come(w, 1);
	assert_false(clients_have_left_place(w->clients, 2));
	assert_int_equal(write(w->fd[1], "\0", 1), 1);
	close(w->fd[1]);
	w->fd[1] = -1;
	assert_false(clients_have_place(w->clients, 2));
	assert_true(clients_have_left_place(w->clients, 2));
}

/* Whoever sits on the place that is kept free, it is another's as soon as that one comes. */
static void
test_guests_and_operators_make_room_for_those_after_them(void **state)
{
	struct world *w = *state;
	struct np_error err;

	error_set(&err, REASON_QUEUE_FULL, "full");
	come(w, 1);
	come(w, 2);
	client_set_place(w->client[1], PLACE_GUEST);
	client_set_place(w->client[2], PLACE_GUEST);
	assert_false(clients_have_place(w->clients, 1));
	assert_true(clients_have_place(w->clients, 2)); /* guests take nobody's */
	assert_null(clients_surplus(w->clients, PLACE_GUEST, 2, NULL));
	assert_ptr_equal(clients_surplus(w->clients, PLACE_GUEST, 1, w->client[2]), w->client[1]);

	client_set_place(w->client[1], PLACE_OPERATOR);
	client_set_place(w->client[2], PLACE_OPERATOR);
	assert_ptr_equal(clients_yielding(w->clients, 4, w->client[1]), w->client[2]);
	assert_ptr_equal(clients_yielding(w->clients, 4, w->client[2]), w->client[1]);
	client_refuse(w->client[1], &err);
	assert_null(clients_yielding(w->clients, 0, w->client[2]));
}

/* Who looks for a moment throws nobody out who awaits an answer, until these are too many. */
static void
test_an_operator_who_awaits_an_answer_stays(void **state)
{
	struct world *w = *state;
	struct message_id id = {.kind = MESSAGE_ID_NUMBER, .number = 'b'};
	struct fake f[2] = {0};

	come(w, 1);
	come(w, 2);
	for (int i = 0; i < 3; i++)
		client_set_place(w->client[i], PLACE_OPERATOR);
	fake_begin(w, &f[0], 'a', 1);
	assert_ptr_equal(clients_yielding(w->clients, 1, w->client[2]), w->client[1]);
	f[1] = (struct fake){.world = w, .name = 'b'};
	answer_begin(&f[1].answer, w->client[1], &id, &ops[1]);
	assert_null(clients_yielding(w->clients, 2, w->client[2]));
	assert_ptr_equal(clients_yielding(w->clients, 1, w->client[2]), w->client[0]);
	for (int i = 0; i < 2; i++)
		answer_end(&f[i].answer);
}

static void
test_clients_are_listed_in_the_order_of_their_coming(void **state)
{
	struct world *w = *state;
	struct client *client = NULL;

	come(w, 1);
	for (int i = 0; i < 2; i++) {
		client = clients_next(w->clients, client);
		assert_ptr_equal(client, w->client[i]);
		assert_ptr_equal(clients_by_id(w->clients, client_id(client)), client);
	}
	assert_null(clients_next(w->clients, client));
	assert_null(clients_by_id(w->clients, 99));
}

static bool
a_frame_came(void *arg)
{
	return ((struct world *)arg)->frames > 0;
}

static void
test_frames_are_told(void **state)
{
	struct world *w = *state;
	static const uint8_t frame[] = {0, 0, 0, 2, 0, 0, 0, 0, '{', '}'};

	assert_int_equal(write(w->fd[0], frame, sizeof(frame)), sizeof(frame));
	assert_true(drive_until(w->loop, a_frame_came, w));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_answers_are_found_by_their_id_until_they_end),
	    T(test_a_cancelled_answer_says_so_and_has_ended),
	    T(test_an_answer_that_nobody_waits_for_is_dropped),
	    T(test_who_leaves_tells_all_its_answers_before_it_is_gone),
	    T(test_so_many_bounded_answers_and_no_more),
	    T(test_answers_take_turns_when_the_client_has_read),
	    T(test_who_was_refused_takes_nobodys_place),
	    T(test_who_has_left_takes_nobodys_place),
	    T(test_guests_and_operators_make_room_for_those_after_them),
	    T(test_an_operator_who_awaits_an_answer_stays),
	    T(test_clients_are_listed_in_the_order_of_their_coming),
	    T(test_frames_are_told),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
