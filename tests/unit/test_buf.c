/* Tests of src/base/buf.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buf.h"

static void
test_fresh_buffer_is_empty_and_has_a_head(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 10);

	assert_int_equal(b.len, 0);
	assert_int_equal(buf_room(&b), 10);
	assert_non_null(buf_head(&b));
	buf_free(&b);
}

static void
test_bytes_come_out_as_they_went_in(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 100);

	assert_int_equal(buf_append(&b, "ab\0c", 4), 0);
	assert_int_equal(buf_append_str(&b, "de"), 0);
	assert_int_equal(buf_printf(&b, "%d-%s", 42, "x"), 0);

	assert_int_equal(b.len, 10);
	assert_memory_equal(buf_head(&b), "ab\0cde42-x", 10);
	buf_free(&b);
}

static void
test_u32_is_in_network_order(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 8);

	assert_int_equal(buf_append_u32(&b, 0x01020304), 0);
	assert_int_equal(buf_append_u32(&b, 0xfffefdfc), 0);
	assert_int_equal(buf_append_u32(&b, 1), -1);

	assert_memory_equal(buf_head(&b), "\x01\x02\x03\x04\xff\xfe\xfd\xfc", 8);
	buf_free(&b);
}

static void
test_appending_nothing_always_works(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 0);

	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(buf_append_str(&b, ""), 0);
	assert_int_equal(buf_append(&b, "x", 1), -1);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void
test_what_exceeds_the_maximum_changes_nothing(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 5);
	assert_int_equal(buf_append(&b, "abc", 3), 0);

	assert_int_equal(buf_append(&b, "def", 3), -1);
	assert_int_equal(buf_printf(&b, "%s", "ghi"), -1);
	assert_null(buf_reserve(&b, 3));
	assert_null(buf_reserve(&b, SIZE_MAX));

	assert_int_equal(b.len, 3);
	assert_memory_equal(buf_head(&b), "abc", 3);
	assert_int_equal(buf_append(&b, "de", 2), 0);
	assert_int_equal(buf_room(&b), 0);
	buf_free(&b);
}

static void
test_consumed_room_can_be_used_again(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 5);
	assert_int_equal(buf_append(&b, "abcde", 5), 0);

	buf_consume(&b, 2);
	assert_int_equal(buf_append(&b, "fg", 2), 0);

	assert_int_equal(b.len, 5);
	assert_memory_equal(buf_head(&b), "cdefg", 5);
	buf_free(&b);
}

static void
test_reserve_of_nothing_works_in_a_full_buffer(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 3);
	assert_non_null(buf_reserve(&b, 0));
	assert_int_equal(buf_append(&b, "abc", 3), 0);

	assert_non_null(buf_reserve(&b, 0));

	assert_memory_equal(buf_head(&b), "abc", 3);
	buf_free(&b);
}

static void
test_reserved_room_becomes_content_by_commit(void **state)
{
	struct buf b;
	uint8_t *p;
	(void)state;

	buf_init(&b, 1000);
	assert_int_equal(buf_append(&b, "a", 1), 0);

	p = buf_reserve(&b, 999);
	assert_non_null(p);
	memset(p, 'x', 999);
	buf_commit(&b, 2);

	assert_int_equal(b.len, 3);
	assert_memory_equal(buf_head(&b), "axx", 3);
	buf_free(&b);
}

static void
test_large_buffer_gives_memory_back_when_emptied(void **state)
{
	struct buf b;
	uint8_t *p;
	(void)state;

	buf_init(&b, 1u << 20);
	p = buf_reserve(&b, 1u << 20);
	assert_non_null(p);
	memset(p, 1, 1u << 20);
	buf_commit(&b, 1u << 20);

	buf_consume(&b, (1u << 20) - 1);
	assert_non_null(b.data);
	buf_consume(&b, 1);

	assert_null(b.data);
	assert_int_equal(b.cap, 0);
	assert_int_equal(b.max, 1u << 20);
	buf_free(&b);
}

static void
test_small_buffer_keeps_its_memory_when_emptied(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 1u << 20);
	assert_int_equal(buf_append(&b, "abc", 3), 0);

	buf_consume(&b, 3);

	assert_non_null(b.data);
	assert_int_equal(b.off, 0);
	buf_free(&b);
}

static void
test_buffer_keeps_what_it_was_told_to_keep(void **state)
{
	const size_t size = 512u * 1024u;
	struct buf b;
	uint8_t *before;
	(void)state;

	buf_init(&b, 4 * size);
	buf_keep(&b, size);
	before = buf_reserve(&b, size);
	assert_non_null(before);
	buf_commit(&b, size);
	buf_consume(&b, size);
	assert_ptr_equal(b.data, before);

	assert_non_null(buf_reserve(&b, size + 1));
	buf_commit(&b, size + 1);
	buf_consume(&b, size + 1);
	assert_null(b.data);

	assert_non_null(buf_reserve(&b, size)); /* being freed, it has not forgotten */
	buf_commit(&b, size);
	buf_consume(&b, size);
	assert_non_null(b.data);
	buf_free(&b);
}

/* Whose reader is always a little behind: it is never empty, and its memory does not grow for that. */
static void
test_stream_with_a_backlog_moves_instead_of_growing(void **state)
{
	const size_t cap = 128u * 1024u, frame = 48u * 1024u;
	struct buf b;
	uint8_t *p;
	(void)state;

	buf_init(&b, 64 * cap);
	p = buf_reserve(&b, cap);
	assert_non_null(p);
	for (unsigned i = 0; i < 64; i++) {
		p = buf_reserve(&b, frame);
		assert_non_null(p);
		memset(p, (int)i, frame);
		buf_commit(&b, frame);
		if (i == 0)
			continue;
		assert_int_equal(buf_head(&b)[0], i - 1);
		assert_int_equal(buf_head(&b)[frame - 1], i - 1);
		assert_int_equal(buf_head(&b)[frame], i);
		buf_consume(&b, frame);
		assert_int_equal(b.cap, cap);
	}
	buf_free(&b);
}

/* Nearly full, with a byte in and a byte out each time: the allocation doubles once, and is not made anew each time. */
static void
test_backlog_of_nearly_all_is_not_copied_each_time(void **state)
{
	struct buf b;
	const uint8_t *last;
	unsigned allocations = 0;
	(void)state;

	buf_init(&b, 1024u * 1024u);
	assert_non_null(buf_reserve(&b, 64u * 1024u));
	buf_commit(&b, 64u * 1024u - 1);
	last = b.data;
	for (unsigned i = 0; i < 1000; i++) {
		buf_consume(&b, 1);
		assert_non_null(buf_reserve(&b, 1));
		buf_commit(&b, 1);
		allocations += b.data != last;
		last = b.data;
	}
	assert_true(allocations <= 1);
	buf_free(&b);
}

static void
test_freed_buffer_is_usable_with_the_same_maximum(void **state)
{
	struct buf b;
	(void)state;

	buf_init(&b, 4);
	assert_int_equal(buf_append(&b, "abcd", 4), 0);

	buf_wipe(&b);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_append(&b, "efgh", 4), 0);
	assert_int_equal(buf_append(&b, "i", 1), -1);

	assert_memory_equal(buf_head(&b), "efgh", 4);
	buf_free(&b);
	buf_free(&b);
}

static void
test_allocation_never_exceeds_the_maximum(void **state)
{
	struct buf b;
	size_t i;
	(void)state;

	buf_init(&b, 1000);

	for (i = 0; i < 1000; i++) {
		assert_int_equal(buf_append(&b, "x", 1), 0);
		assert_in_range(b.cap, b.len, 1000);
	}
	buf_free(&b);
}

/* A queue of numbered bytes, filled and drained in steps that do not fit each other. */
static void
test_stream_through_a_small_buffer_is_intact(void **state)
{
	const size_t total = 200000;
	size_t in = 0, out = 0, step = 1;
	struct buf b;
	(void)state;

	buf_init(&b, 777);

	while (out < total) {
		size_t n = step % 311;

		while (n-- > 0 && in < total && buf_room(&b) > 0) {
			uint8_t byte = (uint8_t)(in * 7 + in / 256);

			assert_int_equal(buf_append(&b, &byte, 1), 0);
			in++;
		}
		n = step * 13 % 293;
		if (n > b.len)
			n = b.len;
		for (size_t i = 0; i < n; i++, out++)
			if (buf_head(&b)[i] != (uint8_t)(out * 7 + out / 256))
				fail_msg("byte %zu differs", out);
		buf_consume(&b, n);
		step++;
	}
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fresh_buffer_is_empty_and_has_a_head),
	    cmocka_unit_test(test_bytes_come_out_as_they_went_in),
	    cmocka_unit_test(test_u32_is_in_network_order),
	    cmocka_unit_test(test_appending_nothing_always_works),
	    cmocka_unit_test(test_what_exceeds_the_maximum_changes_nothing),
	    cmocka_unit_test(test_consumed_room_can_be_used_again),
	    cmocka_unit_test(test_reserve_of_nothing_works_in_a_full_buffer),
	    cmocka_unit_test(test_reserved_room_becomes_content_by_commit),
	    cmocka_unit_test(test_large_buffer_gives_memory_back_when_emptied),
	    cmocka_unit_test(test_small_buffer_keeps_its_memory_when_emptied),
	    cmocka_unit_test(test_buffer_keeps_what_it_was_told_to_keep),
	    cmocka_unit_test(test_stream_with_a_backlog_moves_instead_of_growing),
	    cmocka_unit_test(test_backlog_of_nearly_all_is_not_copied_each_time),
	    cmocka_unit_test(test_freed_buffer_is_usable_with_the_same_maximum),
	    cmocka_unit_test(test_allocation_never_exceeds_the_maximum),
	    cmocka_unit_test(test_stream_through_a_small_buffer_is_intact),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
