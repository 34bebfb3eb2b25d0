/* Configurations of a simulated device; see simdev_config.h. */
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_config.h"
#include "base/xalloc.h"

void
sim_config_free(struct sim_config *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->lines[i]);
	free(c->lines);
	*c = (struct sim_config){0};
}

/* Where the line is among [from, to), or to. */
static size_t
find(const struct sim_config *c, size_t from, size_t to, const char *line)
{
	while (from < to && strcmp(c->lines[from], line) != 0)
		from++;
	return from;
}

/* Behind the lines that stand below the line at i. */
static size_t
block_end(const struct sim_config *c, size_t i)
{
	do
		i++;
	while (i < c->count && c->lines[i][0] == ' ');
	return i;
}

static void
insert(struct sim_config *c, size_t at, const char *line)
{
	c->lines = xreallocarray(c->lines, c->count + 1, sizeof(*c->lines));
	memmove(&c->lines[at + 1], &c->lines[at], (c->count - at) * sizeof(*c->lines));
	c->lines[at] = xstrdup(line);
	c->count++;
}

void
sim_config_add(struct sim_config *c, const char *context, const char *line)
{
	if (line[0] != ' ') {
		if (find(c, 0, c->count, line) == c->count)
			insert(c, c->count, line);
		return;
	}
	size_t top = find(c, 0, c->count, context);
	if (top == c->count)
		insert(c, c->count, context);
	size_t end = block_end(c, top);
	if (find(c, top, end, line) == end)
		insert(c, end, line);
}

/* Whether the line begins with these words. */
static bool
begins(const char *line, const char *words)
{
	size_t n = strlen(words);
	return strncmp(line, words, n) == 0 && (line[n] == '\0' || line[n] == ' ');
}

void
sim_config_delete(struct sim_config *c, const char *context, const char *line)
{
	size_t from = 0, to = c->count, kept = 0;
	bool inside = false;
	if (line[0] == ' ') {
		from = find(c, 0, c->count, context);
		to = from < c->count ? block_end(c, from) : from;
	}
	for (size_t i = 0; i < c->count; i++) {
		bool below = c->lines[i][0] == ' ';
		if (i < from || i >= to)
			inside = false;
		else if (!below || line[0] == ' ')
			inside = begins(c->lines[i], line);
		if (inside)
			free(c->lines[i]);
		else
			c->lines[kept++] = c->lines[i];
	}
	c->count = kept;
}

void
sim_config_copy(struct sim_config *to, const struct sim_config *from)
{
	if (to == from)
		return;
	sim_config_free(to);
	for (size_t i = 0; i < from->count; i++)
		insert(to, i, from->lines[i]);
}

bool
sim_config_equal(const struct sim_config *a, const struct sim_config *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->lines[i], b->lines[i]) != 0)
			return false;
	return true;
}

void
sim_config_print(const struct sim_config *c, struct buf *out)
{
	for (size_t i = 0; i < c->count; i++)
		(void)!buf_printf(out, "%s\n", c->lines[i]);
}
