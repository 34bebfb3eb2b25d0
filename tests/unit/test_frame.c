/* Tests of src/wire/frame.c: every split, hostile lengths, several frames in one buffer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/frame.h"
#include "base/xalloc.h"

static void
put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void
test_appended_frame_reads_back(void **state)
{
	struct frame frame;
	struct buf b;
	(void)state;

	buf_init(&b, FRAME_SIZE_MAX);

	assert_int_equal(frame_append(&b, "{}", 2, "\0\xff", 2), 0);
	assert_int_equal(frame_peek(buf_head(&b), b.len, &frame, NULL), FRAME_READY);

	assert_int_equal(frame.json_size, 2);
	assert_memory_equal(frame.json, "{}", 2);
	assert_int_equal(frame.data_size, 2);
	assert_memory_equal(frame.data, "\0\xff", 2);
	assert_int_equal(frame.total, 12);
	assert_memory_equal(buf_head(&b), "\0\0\0\2\0\0\0\2{}\0\xff", 12);
	buf_free(&b);
}

static void
test_frame_is_complete_at_its_last_byte_and_no_earlier(void **state)
{
	static const uint8_t bytes[] = "\0\0\0\5\0\0\0\3{   }abc";
	struct frame frame;
	(void)state;

	for (size_t n = 0; n < 16; n++) {
		/* A copy of exactly n bytes lets the sanitizer see every look beyond them. */
		uint8_t *part = xmemdup(bytes, n);

		assert_int_equal(frame_peek(part, n, &frame, NULL), FRAME_MORE);
		free(part);
	}
	assert_int_equal(frame_peek(bytes, 16, &frame, NULL), FRAME_READY);
	assert_int_equal(frame.total, 16);
}

static void
test_two_frames_in_one_buffer_come_one_after_the_other(void **state)
{
	struct frame frame;
	struct buf b;
	(void)state;

	buf_init(&b, 1000);
	assert_int_equal(frame_append(&b, "{\"a\":1}", 7, NULL, 0), 0);
	assert_int_equal(frame_append(&b, "[]", 2, "data", 4), 0);

	assert_int_equal(frame_peek(buf_head(&b), b.len, &frame, NULL), FRAME_READY);
	assert_memory_equal(frame.json, "{\"a\":1}", 7);
	assert_int_equal(frame.data_size, 0);
	buf_consume(&b, frame.total);
	assert_int_equal(frame_peek(buf_head(&b), b.len, &frame, NULL), FRAME_READY);
	assert_memory_equal(frame.json, "[]", 2);
	assert_memory_equal(frame.data, "data", 4);
	buf_consume(&b, frame.total);
	assert_int_equal(frame_peek(buf_head(&b), b.len, &frame, NULL), FRAME_MORE);
	buf_free(&b);
}

/* A stream of frames of many sizes, in pieces of every size from 1 to 40 bytes: each arrives once and whole. */
static void
test_stream_of_frames_is_the_same_at_every_split(void **state)
{
	struct buf stream, b;
	struct frame frame;
	char json[64];
	uint8_t data[64];
	(void)state;

	buf_init(&stream, 100000);
	for (unsigned i = 0; i < 50; i++) {
		int n =
		    snprintf(json, sizeof(json), "{\"n\":%u,\"pad\":\"%.*s\"}", i, (int)(i % 17), "xxxxxxxxxxxxxxxxxx");

		memset(data, (int)i, sizeof(data));
		assert_int_equal(frame_append(&stream, json, (size_t)n, data, i % 5 * 13), 0);
	}
	for (size_t piece = 1; piece <= 40; piece++) {
		unsigned got = 0;

		buf_init(&b, 1000);
		for (size_t at = 0; at < stream.len; at += piece) {
			size_t n = stream.len - at < piece ? stream.len - at : piece;

			assert_int_equal(buf_append(&b, buf_head(&stream) + at, n), 0);
			while (frame_peek(buf_head(&b), b.len, &frame, NULL) == FRAME_READY) {
				int k = snprintf(json, sizeof(json), "{\"n\":%u,", got);

				assert_memory_equal(frame.json, json, (size_t)k);
				assert_int_equal(frame.data_size, got % 5 * 13);
				if (frame.data_size > 0)
					assert_int_equal(frame.data[frame.data_size - 1], got);
				buf_consume(&b, frame.total);
				got++;
			}
		}
		assert_int_equal(got, 50);
		assert_int_equal(b.len, 0);
		buf_free(&b);
	}
	buf_free(&stream);
}

static void
test_hostile_sizes_are_refused_as_soon_as_they_are_known(void **state)
{
	static const struct {
		uint32_t json, data;
		bool json_bad;
	} table[] = {
	    {0, 0, true},
	    {0, 5, true},
	    {FRAME_JSON_MAX + 1, 0, true},
	    {0x7fffffff, 0, true},
	    {0x80000000, 0, true},
	    {0xffffffff, 0xffffffff, true},
	    {0x47455420, 0x2f204854, true}, /* "GET / HT" */
	    {1, FRAME_DATA_MAX + 1, false},
	    {1, 0x80000000, false},
	    {FRAME_JSON_MAX, 0xffffffff, false},
	};
	struct np_error err;
	struct frame frame;
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		uint8_t header[8];

		put_u32(header, table[i].json);
		put_u32(header + 4, table[i].data);
		for (size_t n = 0; n <= sizeof(header); n++) {
			bool bad = n >= (table[i].json_bad ? 4 : 8);

			error_clear(&err);
			assert_int_equal(frame_peek(header, n, &frame, &err), bad ? FRAME_BAD : FRAME_MORE);
			assert_int_equal(err.reason, bad ? REASON_PARSE_ERROR : REASON_NONE);
			assert_int_equal(err.text[0] != '\0', bad);
		}
	}
}

static void
test_largest_frame_passes_and_one_byte_more_does_not(void **state)
{
	char *json = xcalloc(1, FRAME_JSON_MAX + 1);
	uint8_t *data = xcalloc(1, FRAME_DATA_MAX + 1);
	struct frame frame;
	struct buf b;
	(void)state;

	memset(json, ' ', FRAME_JSON_MAX + 1);
	data[FRAME_DATA_MAX - 1] = 0xee;
	buf_init(&b, 2 * FRAME_SIZE_MAX);

	assert_int_equal(frame_append(&b, json, FRAME_JSON_MAX + 1, NULL, 0), -1);
	assert_int_equal(frame_append(&b, json, 1, data, FRAME_DATA_MAX + 1), -1);
	assert_int_equal(frame_append(&b, json, 0, data, 1), -1);
	assert_int_equal(b.len, 0);
	assert_int_equal(frame_append(&b, json, FRAME_JSON_MAX, data, FRAME_DATA_MAX), 0);

	assert_int_equal(b.len, FRAME_SIZE_MAX);
	assert_int_equal(frame_peek(buf_head(&b), b.len - 1, &frame, NULL), FRAME_MORE);
	assert_int_equal(frame_peek(buf_head(&b), b.len, &frame, NULL), FRAME_READY);
	assert_int_equal(frame.total, FRAME_SIZE_MAX);
	assert_int_equal(frame.data[FRAME_DATA_MAX - 1], 0xee);
	buf_free(&b);
	free(json);
	free(data);
}

static void
test_frame_that_does_not_fit_leaves_no_part_behind(void **state)
{
	struct buf b;
	(void)state;

	for (size_t max = 0; max < 14; max++) {
		buf_init(&b, max);
		assert_int_equal(frame_append(&b, "{}", 2, "data", 4), -1);
		assert_int_equal(b.len, 0);
		buf_free(&b);
	}
	buf_init(&b, 14);
	assert_int_equal(frame_append(&b, "{}", 2, "data", 4), 0);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_appended_frame_reads_back),
	    cmocka_unit_test(test_frame_is_complete_at_its_last_byte_and_no_earlier),
	    cmocka_unit_test(test_two_frames_in_one_buffer_come_one_after_the_other),
	    cmocka_unit_test(test_stream_of_frames_is_the_same_at_every_split),
	    cmocka_unit_test(test_hostile_sizes_are_refused_as_soon_as_they_are_known),
	    cmocka_unit_test(test_largest_frame_passes_and_one_byte_more_does_not),
	    cmocka_unit_test(test_frame_that_does_not_fit_leaves_no_part_behind),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
