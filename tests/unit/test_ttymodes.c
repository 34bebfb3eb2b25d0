/*
 * The modes of a terminal as SSH carries them.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/compiler.h"
#include "wire/ttymodes.h"

/* What is said of an opcode; -1: nothing. */
static int64_t
value_of(const uint8_t *p, size_t n, uint8_t op)
{
	for (size_t i = 0; i + 5 <= n; i += 5)
		if (p[i] == op)
			return (int64_t)p[i + 1] << 24 | p[i + 2] << 16 | p[i + 3] << 8 | p[i + 4];
	return -1;
}

static void
test_what_is_on_is_on_and_what_is_off_is_off(void **state NP_UNUSED)
{
	struct termios t = {.c_iflag = ICRNL, .c_oflag = OPOST | ONLCR, .c_cflag = CS8 | CREAD, .c_lflag = ISIG | ECHO};
	uint8_t out[TTYMODES_MAX];
	size_t n;

	t.c_cc[VERASE] = 8;
	t.c_cc[VINTR] = _POSIX_VDISABLE;
	cfsetospeed(&t, B38400);
	n = ttymodes_encode(&t, out);
	assert_int_equal(n % 5, 1);
	assert_int_equal(out[n - 1], 0); /* TTY_OP_END */
	assert_int_equal(value_of(out, n, 129), 38400);
	assert_int_equal(value_of(out, n, 1), 255);
	assert_int_equal(value_of(out, n, 3), 8);
	assert_int_equal(value_of(out, n, 36), 1);
	assert_int_equal(value_of(out, n, 38), 0);
	assert_int_equal(value_of(out, n, 50), 1);
	assert_int_equal(value_of(out, n, 51), 0);
	assert_int_equal(value_of(out, n, 53), 1);
	assert_int_equal(value_of(out, n, 70), 1);
	assert_int_equal(value_of(out, n, 72), 1);
	assert_int_equal(value_of(out, n, 90), 0);
	assert_int_equal(value_of(out, n, 91), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_on_is_on_and_what_is_off_is_off)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
