/* Folded lists of names, as clush and pdsh write and read them.  No state. */
#include "lib/npfold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* Of more digits is no number made: they are part of a name. */
#define DIGITS_MAX 15u

/* A name taken apart at its last number. */
struct piece {
	const char *name;
	size_t start, digits; /* of the number; digits 0: none, start: where the name ends */
	unsigned long long number;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct piece
take_apart(const char *name)
{
	size_t end = strlen(name);
	struct piece p = {.name = name, .start = end};

	while (end > 0 && !is_digit(name[end - 1]))
		end--;
	if (end > 0)
		p.start = end;
	while (p.start > 0 && is_digit(name[p.start - 1]) && end - p.start < DIGITS_MAX)
		p.start--;
	for (size_t i = p.start; i < end; i++)
		p.number = p.number * 10 + (unsigned)(name[i] - '0');
	p.digits = end > p.start ? end - p.start : 0;
	return p;
}

/* By what stands around the number: equal only for names that can be put together. */
static int
compare_frames(const struct piece *a, const struct piece *b)
{
	size_t n = a->start < b->start ? a->start : b->start;
	int order = strncmp(a->name, b->name, n);

	if (order == 0)
		order = (a->start > b->start) - (a->start < b->start);
	if (order == 0)
		order = (a->digits > 0) - (b->digits > 0);
	if (order == 0)
		order = strcmp(a->name + a->start + a->digits, b->name + b->start + b->digits);
	return order;
}

static int
compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	int order = compare_frames(x, y);

	if (order != 0)
		return order;
	if (x->digits != y->digits)
		return x->digits < y->digits ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/* Whether b's number is the next one, written in the same way: 9 and 10, 09 and 10, but not 9 and 010. */
static bool
is_next(const struct piece *a, const struct piece *b)
{
	bool zero = a->name[a->start] == '0' || b->name[b->start] == '0';

	return b->number == a->number + 1 && (b->digits == a->digits || (b->digits == a->digits + 1 && !zero));
}

static int
append_range(struct buf *b, const struct piece *first, const struct piece *last)
{
	if (buf_append(b, first->name + first->start, first->digits) == -1)
		return -1;
	if (first == last)
		return 0;
	return buf_printf(b, "-%.*s", (int)last->digits, last->name + last->start);
}

/* The names p[0..count), which have the same frame. */
static int
append_group(struct buf *b, const struct piece *p, size_t count)
{
	size_t first, last;

	if (count == 1)
		return buf_append_str(b, p->name);
	if (buf_printf(b, "%.*s", (int)p->start, p->name) == -1)
		return -1;
	for (first = 0; first < count; first = last + 1) {
		for (last = first; last + 1 < count && is_next(&p[last], &p[last + 1]);)
			last++;
		if (buf_append(b, first == 0 ? "[" : ",", 1) == -1 || append_range(b, &p[first], &p[last]) == -1)
			return -1;
	}
	return buf_printf(b, "]%s", p->name + p->start + p->digits);
}

int
npfold_names(struct buf *b, const char *const *names, size_t count)
{
	struct piece *pieces = xcalloc(count + 1, sizeof(pieces[0]));
	int result = 0;

	for (size_t i = 0; i < count; i++)
		pieces[i] = take_apart(names[i]);
	qsort(pieces, count, sizeof(pieces[0]), compare_pieces);
	for (size_t i = 0, n; i < count && result == 0; i += n) {
		for (n = 1; i + n < count && compare_frames(&pieces[i], &pieces[i + n]) == 0;)
			n++;
		if (i > 0)
			result = buf_append(b, ",", 1);
		if (result == 0)
			result = append_group(b, &pieces[i], n);
	}
	free(pieces);
	return result;
}
