/* Tests of src/wire/socks.c: requests of every version, in pieces, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "wire/socks.h"

static const struct {
	const char *bytes;
	size_t size;
	enum socks_status status;
	const char *host; /* NULL: none */
	int port;
} cases[] = {
    {"\4\1\0\120\12\0\0\1me\0", 11, SOCKS_READY, "10.0.0.1", 80},
    {"\4\1\0\120\0\0\0\1\0web\0", 13, SOCKS_READY, "web", 80},
    {"\4\1\0\120\0\0\0\0\0", 9, SOCKS_READY, "0.0.0.0", 80},
    {"\4\2\0\120\12\0\0\1\0", 9, SOCKS_BAD, NULL, 0},
    {"\4\1\0\120\0\0\0\1\0\0", 10, SOCKS_BAD, NULL, 0},
    {"\5\1\0\5\1\0\1\12\0\0\1\0\26", 13, SOCKS_READY, "10.0.0.1", 22},
    {"\5\2\2\0\5\1\0\3\3web\1\0", 14, SOCKS_READY, "web", 256},
    {"\5\1\0\5\1\0\4\0\1\0\2\0\0\0\0\0\0\0\0\0\0\0\3\0\26", 25, SOCKS_READY, "1:2:0:0:0:0:0:3", 22},
    {"\5\1\2", 3, SOCKS_BAD, NULL, 0},
    {"\5\0", 2, SOCKS_BAD, NULL, 0},
    {"\5\1\0\5\2\0\1\12\0\0\1\0\26", 13, SOCKS_BAD, NULL, 0},
    {"\5\1\0\5\1\0\2\12\0\0\1\0\26", 13, SOCKS_BAD, NULL, 0},
    {"\5\1\0\5\1\0\3\0\0\26", 10, SOCKS_BAD, NULL, 0},
    {"\5\1\0\5\1\0\3\2a\0\0\26", 12, SOCKS_BAD, NULL, 0},
    {"\5\1\0\4\1\0\1\12\0\0\1\0\26", 13, SOCKS_BAD, NULL, 0},
    {"GET / HTTP/1.0", 14, SOCKS_BAD, NULL, 0},
};

/* Reads the bytes as they come, so many at once; *used: of all. */
static enum socks_status
read_pieces(struct socks *s, const char *bytes, size_t size, size_t piece, size_t *used)
{
	enum socks_status status = SOCKS_MORE;
	size_t have = 0, done = 0, n;

	memset(s, 0, sizeof(*s));
	while (have < size && status != SOCKS_READY && status != SOCKS_BAD) {
		have = size - have < piece ? size : have + piece;
		do {
			/* A copy of exactly those bytes lets the sanitizer see every look beyond them. */
			uint8_t *part = xmemdup(bytes + done, have - done);

			status = socks_read(s, part, have - done, &n);
			done += n;
			free(part);
		} while (status == SOCKS_GREET);
	}
	*used = done;
	return status;
}

static void
test_requests_are_read_in_any_pieces(void **state)
{
	struct socks s;
	size_t used;
	(void)state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		for (size_t piece = 1; piece <= cases[i].size; piece++) {
			assert_int_equal(read_pieces(&s, cases[i].bytes, cases[i].size, piece, &used), cases[i].status);
			if (cases[i].host == NULL)
				continue;
			assert_string_equal(s.host, cases[i].host);
			assert_int_equal(s.port, cases[i].port);
			assert_int_equal(used, cases[i].size);
		}
	}
}

static void
test_a_request_without_end_is_refused(void **state)
{
	uint8_t bytes[SOCKS_REQUEST_MAX];
	struct socks s = {0};
	size_t used;
	(void)state;

	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "\4\1\0\120\12\0\0\1", 8);
	assert_int_equal(socks_read(&s, bytes, sizeof(bytes) - 1, &used), SOCKS_MORE);
	assert_int_equal(socks_read(&s, bytes, sizeof(bytes), &used), SOCKS_BAD);
}

static void
test_replies(void **state)
{
	uint8_t out[SOCKS_REPLY_MAX];
	struct socks four = {.version = 4}, five = {.version = 5};
	(void)state;

	assert_int_equal(socks_greeting(out), 2);
	assert_memory_equal(out, "\5\0", 2);
	assert_int_equal(socks_reply(&four, true, out), 8);
	assert_memory_equal(out, "\0\x5a\0\0\0\0\0\0", 8);
	assert_int_equal(socks_reply(&four, false, out), 8);
	assert_int_equal(out[1], 0x5b);
	assert_int_equal(socks_reply(&five, true, out), 10);
	assert_memory_equal(out, "\5\0\0\1\0\0\0\0\0\0", 10);
	assert_int_equal(socks_reply(&five, false, out), 10);
	assert_int_equal(out[1], 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requests_are_read_in_any_pieces),
	    cmocka_unit_test(test_a_request_without_end_is_refused),
	    cmocka_unit_test(test_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
