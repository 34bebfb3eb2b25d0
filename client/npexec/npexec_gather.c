/* -b: equal outputs once, under the folded list of the devices that gave them, as clush(1) and dshbak(1) print them. */
#include <stdlib.h>
#include <string.h>

#include "npexec/npexec_impl.h"
#include "lib/npfold.h"
#include "base/text.h"
#include "base/xalloc.h"

/* All names came in one message: they fit. */
#define NAMES_MAX ((size_t)2 * 1024 * 1024)

static const char rule[] = "---------------\n";

static bool
same_output(const struct npexec_job *a, const struct npexec_job *b)
{
	size_t n = a->kept[0].len;

	return n == b->kept[0].len && memcmp(buf_head(&a->kept[0]), buf_head(&b->kept[0]), n) == 0;
}

void
npexec_gather_job(struct npexec *x, struct npexec_job *job)
{
	if (job->kept[0].len == 0)
		return;
	for (size_t i = 0; i < x->jobs_begun; i++) {
		struct npexec_job *other = &x->jobs[i];

		if (other == job || other->busy || other->twin != NULL || !same_output(job, other))
			continue;
		job->twin = other;
		x->kept_total -= job->kept[0].len;
		buf_free(&job->kept[0]);
		return;
	}
}

static bool
is_among(const struct npexec *x, size_t i, const struct npexec_job *leader)
{
	if (leader == NULL)
		return i >= x->jobs_begun;
	return &x->jobs[i] == leader || x->jobs[i].twin == leader;
}

char *
npexec_gather_names(struct npexec *x, const struct npexec_job *leader, size_t *count)
{
	const char **names = xcalloc(x->jobs_count, sizeof(names[0]));
	struct buf b;
	char *shown;

	*count = 0;
	for (size_t i = 0; i < x->jobs_count; i++)
		if (is_among(x, i, leader))
			names[(*count)++] = x->jobs[i].device;
	buf_init(&b, NAMES_MAX);
	if (npfold_names(&b, names, *count) == -1)
		buf_free(&b);
	shown = text_vis(buf_head(&b), b.len, false);
	buf_free(&b);
	free(names);
	return shown;
}

static void
print_header(struct npexec *x, const struct npexec_job *leader)
{
	size_t count;
	char *names = npexec_gather_names(x, leader, &count);

	sink_printf(&x->out, "%s%s", rule, names);
	if (count > 1)
		sink_printf(&x->out, " (%zu)", count);
	sink_printf(&x->out, "\n%s", rule);
	free(names);
}

void
npexec_gather_print(struct npexec *x)
{
	npexec_progress_hide(x, true);
	for (size_t i = 0; i < x->jobs_count; i++) {
		struct npexec_job *leader = x->jobs[i].twin != NULL ? x->jobs[i].twin : &x->jobs[i];
		const struct buf *output = &leader->kept[0];

		if (leader->printed || output->len == 0)
			continue;
		leader->printed = true;
		print_header(x, leader);
		sink_write(&x->out, buf_head(output), output->len);
		if (buf_head(output)[output->len - 1] != '\n')
			sink_write(&x->out, "\n", 1);
	}
}
