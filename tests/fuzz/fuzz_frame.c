/*
 * Fuzz target for src/wire/frame.c: a stream of frames, read whole and in pieces, must give the same frames, each
 * inside its bytes and within the limits, and each must come out again as it went in.
 */
#include "fuzz.h"

#include <string.h>

#include "wire/frame.h"

/* A frame that frame_peek() calls ready; p holds n bytes. */
static void
check_frame(const struct frame *frame, const uint8_t *p, size_t n)
{
	struct buf out;

	FUZZ_ASSERT(frame->json_size >= 1 && frame->json_size <= FRAME_JSON_MAX);
	FUZZ_ASSERT(frame->data_size <= FRAME_DATA_MAX);
	FUZZ_ASSERT(frame->total == FRAME_HEADER_SIZE + frame->json_size + frame->data_size);
	FUZZ_ASSERT(frame->total <= n);
	FUZZ_ASSERT((const uint8_t *)frame->json == p + FRAME_HEADER_SIZE);
	FUZZ_ASSERT(frame->data == p + FRAME_HEADER_SIZE + frame->json_size);

	buf_init(&out, FRAME_SIZE_MAX);
	FUZZ_ASSERT(frame_append(&out, frame->json, frame->json_size, frame->data, frame->data_size) == 0);
	FUZZ_ASSERT(out.len == frame->total && memcmp(buf_head(&out), p, out.len) == 0);
	buf_free(&out);
}

/* Reads the stream in pieces; returns how many frames came, and through *used how many bytes they had. */
static size_t
read_stream(const uint8_t *data, size_t size, size_t piece, size_t *used, enum frame_status *last)
{
	size_t at = 0, frames = 0;
	struct np_error err;
	struct frame frame;
	struct buf in;

	buf_init(&in, FRAME_SIZE_MAX + piece);
	*used = 0;
	*last = FRAME_MORE;
	while (at < size && *last != FRAME_BAD) {
		size_t n = size - at < piece ? size - at : piece;

		FUZZ_ASSERT(buf_append(&in, data + at, n) == 0);
		at += n;
		error_clear(&err);
		while ((*last = frame_peek(buf_head(&in), in.len, &frame, &err)) == FRAME_READY) {
			check_frame(&frame, buf_head(&in), in.len);
			*used += frame.total;
			frames++;
			buf_consume(&in, frame.total);
		}
		FUZZ_ASSERT((*last == FRAME_BAD) == (err.reason == REASON_PARSE_ERROR));
		/* What is kept while a frame is incomplete never exceeds the largest frame. */
		FUZZ_ASSERT(*last == FRAME_BAD || in.len < FRAME_SIZE_MAX);
	}
	buf_free(&in);
	return frames;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t pieces[] = {1, 3, 4096, size > 0 ? size : 1};
	enum frame_status first_last = FRAME_MORE;
	size_t first = 0, first_used = 0, i;

	for (i = 0; i < NP_COUNT(pieces); i++) {
		enum frame_status last;
		size_t used;
		size_t frames = read_stream(data, size, pieces[i], &used, &last);

		if (i == 0) {
			first = frames;
			first_used = used;
			first_last = last;
		}
		FUZZ_ASSERT(frames == first && used == first_used && last == first_last);
	}
	return 0;
}
