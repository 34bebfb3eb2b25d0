/*
 * Fuzz target for src/cli/terminal.c: any bytes, in pieces of any size, must give the same lines and tail, within
 * bounds.
 */
#include "fuzz.h"

#include <string.h>

#include "cli/terminal.h"

/* FNV-1a over everything handed out: two runs that differ anywhere differ here. */
struct sum {
	uint64_t hash;
	size_t bytes;
};

static void
sum_byte(struct sum *sum, uint8_t c)
{
	sum->hash = (sum->hash ^ c) * 1099511628211u;
	sum->bytes++;
}

static void
on_line(void *arg, const uint8_t *text, size_t size, bool end)
{
	struct sum *sum = arg;

	FUZZ_ASSERT(size <= TERMINAL_LINE_MAX);
	for (size_t i = 0; i < size; i++)
		sum_byte(sum, text[i]);
	if (end)
		sum_byte(sum, '\n');
}

static struct sum
run(const uint8_t *data, size_t size, size_t piece, bool cr_ends_line)
{
	struct sum sum = {14695981039346656037u, 0};
	struct terminal t;
	const uint8_t *tail;
	size_t n;

	terminal_init(&t, 80, 24, on_line, &sum);
	t.cr_ends_line = cr_ends_line;
	for (size_t at = 0; at < size; at += piece) {
		terminal_feed(&t, data + at, size - at < piece ? size - at : piece);
		FUZZ_ASSERT(t.len < TERMINAL_LINE_MAX + 1 && t.cursor <= t.len);
		tail = terminal_tail(&t, &n);
		FUZZ_ASSERT(n <= t.len);
	}
	tail = terminal_tail(&t, &n);
	for (size_t i = 0; i < n; i++)
		sum_byte(&sum, tail[i]);
	for (size_t i = 0; i < t.answers.len; i++)
		sum_byte(&sum, buf_head(&t.answers)[i]);
	terminal_finish(&t);
	return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t pieces[] = {3, 7, 4096};

	for (int cr = 0; cr < 2; cr++) {
		struct sum first = run(data, size, 1, cr == 1);

		/* Blanks to an asked-for column are the only thing that grows: at most a line for each sequence. */
		FUZZ_ASSERT(first.bytes <= size * 81 + 1024);
		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
			struct sum other = run(data, size, pieces[i], cr == 1);

			FUZZ_ASSERT(other.hash == first.hash && other.bytes == first.bytes);
		}
	}
	return 0;
}
