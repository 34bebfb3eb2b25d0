/*
 * The frame codec.  Owns nothing, keeps no state between calls, knows nothing of what a frame means; any thread.
 */
#include "wire/frame.h"

static uint32_t
get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

enum frame_status
frame_peek(const uint8_t *p, size_t n, struct frame *frame, struct np_error *err)
{
	uint32_t json_size, data_size;

	if (n < 4)
		return FRAME_MORE;
	json_size = get_u32(p);
	if (json_size == 0 || json_size > FRAME_JSON_MAX) {
		error_set(err, REASON_PARSE_ERROR, "frame with %lu bytes of JSON: 1 to %u are allowed",
		    (unsigned long)json_size, FRAME_JSON_MAX);
		return FRAME_BAD;
	}
	if (n < FRAME_HEADER_SIZE)
		return FRAME_MORE;
	data_size = get_u32(p + 4);
	if (data_size > FRAME_DATA_MAX) {
		error_set(err, REASON_PARSE_ERROR, "frame with %lu bytes of data: at most %u are allowed",
		    (unsigned long)data_size, FRAME_DATA_MAX);
		return FRAME_BAD;
	}
	frame->total = (size_t)FRAME_HEADER_SIZE + json_size + data_size;
	if (n < frame->total)
		return FRAME_MORE;
	frame->json = (const char *)p + FRAME_HEADER_SIZE;
	frame->json_size = json_size;
	frame->data = p + FRAME_HEADER_SIZE + json_size;
	frame->data_size = data_size;
	return FRAME_READY;
}

int
frame_append(struct buf *out, const char *json, size_t json_size, const void *data, size_t data_size)
{
	if (json_size == 0 || json_size > FRAME_JSON_MAX || data_size > FRAME_DATA_MAX)
		return -1;
	/* Room for all of it first, so that no half frame is left behind when a later part fails. */
	if (buf_reserve(out, FRAME_HEADER_SIZE + json_size + data_size) == NULL)
		return -1;
	if (buf_append_u32(out, (uint32_t)json_size) < 0 || buf_append_u32(out, (uint32_t)data_size) < 0 ||
	    buf_append(out, json, json_size) < 0 || buf_append(out, data, data_size) < 0)
		return -1;
	return 0;
}
