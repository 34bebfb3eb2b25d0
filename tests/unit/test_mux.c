/* Tests of src/wire/mux.c: the messages of real ssh clients, every split of them, hostile ones, and what we answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/xalloc.h"
#include "wire/mux.h"

#define U32(n) 0, 0, 0, (n)

/* As OpenSSH 9.2 sends it for: ssh -o SetEnv=A=1 -tt host ls */
static const uint8_t session[] = {U32(59), 0x10, 0, 0, 2, U32(7), U32(0), U32(1), U32(0), U32(0), U32(0), U32('~'),
    U32(5), 'v', 't', '1', '0', '0', U32(2), 'l', 's', U32(4), 'A', '=', '1', '2', U32(0)};
static const uint8_t forward[] = {
    U32(29), 0x10, 0, 0, 8, U32(3), U32(0), U32(9), 'l', 'o', 'c', 'a', 'l', 'h', 'o', 's', 't', U32(22)};
static const uint8_t hello[] = {U32(19), U32(1), U32(4), U32(1), 'x', U32(2), 'y', 'z'};

static const uint8_t port[] = {
    U32(35), 0x10, 0, 0, 6, U32(2), U32(1), U32(0), U32(80), U32(7), 'w', 'e', 'b', '.', 'e', 'x', '.', U32(81)};

static bool
is(const struct mux_text *text, const char *wanted)
{
	return text->size == strlen(wanted) && memcmp(text->p, wanted, text->size) == 0;
}

static void
test_session_is_read(void **state)
{
	struct mux_message m;
	struct mux_text env;
	(void)state;

	assert_int_equal(mux_peek(session, sizeof(session), &m, NULL), FRAME_READY);
	assert_int_equal(m.type, MUX_NEW_SESSION);
	assert_int_equal(m.id, 7);
	assert_true(m.tty && !m.x11 && !m.agent && !m.subsystem);
	assert_int_equal(m.escape, '~');
	assert_true(is(&m.term, "vt100") && is(&m.command, "ls"));
	assert_true(mux_next_env(&m, &env));
	assert_true(is(&env, "A=12"));
	assert_true(mux_next_env(&m, &env));
	assert_true(is(&env, ""));
	assert_false(mux_next_env(&m, &env));
	assert_int_equal(m.total, sizeof(session));
}

static void
test_forward_and_hello_are_read(void **state)
{
	struct mux_message m;
	(void)state;

	assert_int_equal(mux_peek(forward, sizeof(forward), &m, NULL), FRAME_READY);
	assert_true(is(&m.host, "localhost"));
	assert_int_equal(m.port, 22);
	assert_int_equal(mux_peek(hello, sizeof(hello), &m, NULL), FRAME_READY);
	assert_int_equal(m.type, MUX_HELLO);
	assert_int_equal(m.version, MUX_VERSION);
	assert_int_equal(mux_peek(port, sizeof(port), &m, NULL), FRAME_READY);
	assert_int_equal(m.forward, MUX_FORWARD_LOCAL);
	assert_true(is(&m.listen_host, "") && is(&m.host, "web.ex."));
	assert_int_equal(m.listen_port * 1000 + m.port, 80081);
}

static void
check_splits(const uint8_t *bytes, size_t size)
{
	struct mux_message m;
	struct np_error err;

	for (size_t n = 0; n < size; n++) {
		/* A copy of exactly n bytes lets the sanitizer see every look beyond them. */
		uint8_t *part = xmemdup(bytes, n);

		assert_int_equal(mux_peek(part, n, &m, &err), FRAME_MORE);
		if (n >= 8) { /* a packet that says it is no larger lacks members, unless those are optional */
			part[3] = (uint8_t)(n - 4);
			(void)mux_peek(part, n, &m, &err);
		}
		free(part);
	}
}

static void
test_message_is_complete_at_its_last_byte_and_no_earlier(void **state)
{
	(void)state;
	check_splits(session, sizeof(session));
	check_splits(forward, sizeof(forward));
	check_splits(hello, sizeof(hello));
	check_splits(port, sizeof(port));
}

static void
test_hostile_sizes_are_refused(void **state)
{
	static const struct {
		uint8_t bytes[24];
		size_t size;
		enum frame_status status;
	} cases[] = {
	    {{0xff, 0xff, 0xff, 0xff}, 4, FRAME_BAD},
	    {{0, 4, 0, 1}, 4, FRAME_BAD},
	    {{0, 4, 0, 0}, 4, FRAME_MORE},
	    {{U32(0)}, 4, FRAME_BAD},
	    {{U32(3), 1, 2, 3}, 7, FRAME_BAD},
	    {{U32(8), 0x10, 0, 0, 2, U32(1)}, 12, FRAME_BAD},
	    {{U32(12), 0x10, 0, 0, 8, U32(1), 0xff, 0xff, 0xff, 0xff}, 16, FRAME_BAD},
	    {{U32(4), 0x10, 0, 0, 4}, 8, FRAME_BAD},
	    {{U32(12), U32(1), U32(4), U32(9)}, 16, FRAME_BAD},
	    {{U32(8), 0x7f, 0, 0, 4, U32(2)}, 12, FRAME_READY},
	};
	struct mux_message m;
	struct np_error err;
	(void)state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		uint8_t *part = xmemdup(cases[i].bytes, cases[i].size);

		assert_int_equal(mux_peek(part, cases[i].size, &m, &err), cases[i].status);
		free(part);
	}
}

static void
test_answers_are_what_ssh_reads(void **state)
{
	static const uint8_t wanted[] = {U32(8), U32(1), U32(4), U32(8), 0x80, 0, 0, 1, U32(9), U32(12), 0x80, 0, 0, 6,
	    U32(9), U32(17), U32(14), 0x80, 0, 0, 3, U32(2), U32(2), 'n', 'o', U32(8), 0x80, 0, 0, 8, U32(17)};
	struct buf b;
	(void)state;

	buf_init(&b, 4096);
	mux_add_hello(&b);
	mux_add_ok(&b, 9);
	mux_add_number(&b, MUX_SESSION_OPENED, 9, 17);
	mux_add_refusal(&b, MUX_FAILURE, 2, "no");
	mux_add_tty_alloc_fail(&b, 17);
	assert_int_equal(b.len, sizeof(wanted));
	assert_memory_equal(buf_head(&b), wanted, sizeof(wanted));
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_session_is_read),
	    cmocka_unit_test(test_forward_and_hello_are_read),
	    cmocka_unit_test(test_message_is_complete_at_its_last_byte_and_no_earlier),
	    cmocka_unit_test(test_hostile_sizes_are_refused),
	    cmocka_unit_test(test_answers_are_what_ssh_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
