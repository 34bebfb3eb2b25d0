/*
 * Fuzz target for src/wire/mux.c: a stream of messages, read whole and in pieces, must give the same messages, each of
 * which says no more than its bytes do.
 */
#include "fuzz.h"

#include <string.h>

#include "wire/mux.h"

static void
check_text(const struct mux_text *text, const uint8_t *p, size_t n)
{
	const uint8_t *at = (const uint8_t *)text->p;

	FUZZ_ASSERT(text->size == 0 || (at >= p && at + text->size <= p + n));
}

static void
check_message(struct mux_message *m, const uint8_t *p, size_t n)
{
	struct mux_text env;
	size_t count = 0;

	FUZZ_ASSERT(m->total >= 8 && m->total <= n && m->total <= 4 + MUX_PACKET_MAX);
	check_text(&m->term, p, m->total);
	check_text(&m->command, p, m->total);
	check_text(&m->host, p, m->total);
	check_text(&m->listen_host, p, m->total);
	while (mux_next_env(m, &env)) {
		check_text(&env, p, m->total);
		count++;
	}
	FUZZ_ASSERT(count <= m->total && m->env.size == 0);
}

/* Reads the stream in pieces; returns how many messages came, and through *used how many bytes they had. */
static size_t
read_stream(const uint8_t *data, size_t size, size_t piece, size_t *used, enum frame_status *last)
{
	size_t at = 0, messages = 0;
	struct mux_message m;
	struct np_error err;
	struct buf in;

	buf_init(&in, MUX_PACKET_MAX + 4 + piece);
	*used = 0;
	*last = FRAME_MORE;
	while (at < size && *last != FRAME_BAD) {
		size_t n = size - at < piece ? size - at : piece;

		FUZZ_ASSERT(buf_append(&in, data + at, n) == 0);
		at += n;
		error_clear(&err);
		while ((*last = mux_peek(buf_head(&in), in.len, &m, &err)) == FRAME_READY) {
			check_message(&m, buf_head(&in), in.len);
			*used += m.total;
			messages++;
			buf_consume(&in, m.total);
		}
		FUZZ_ASSERT((*last == FRAME_BAD) == (err.reason == REASON_PARSE_ERROR));
	}
	buf_free(&in);
	return messages;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t pieces[] = {1, 5, 4096, size > 0 ? size : 1};
	enum frame_status first_last = FRAME_MORE, last;
	size_t first = 0, first_used = 0, used;

	for (size_t i = 0; i < NP_COUNT(pieces); i++) {
		size_t messages = read_stream(data, size, pieces[i], &used, &last);

		if (i == 0) {
			first = messages;
			first_used = used;
			first_last = last;
		}
		FUZZ_ASSERT(messages == first && used == first_used && last == first_last);
	}
	return 0;
}
