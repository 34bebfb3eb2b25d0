/*
 * What a person sees while several devices are at work: one line at the bottom of stderr's terminal, taken away before
 * anything else is written there.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "npexec/npexec_impl.h"

void
npexec_progress_init(struct npexec *x)
{
	const char *term = getenv("TERM");

	x->progress.wanted =
	    x->o->several && !x->o->quiet && term != NULL && strcmp(term, "dumb") != 0 && isatty(STDERR_FILENO) == 1;
	x->progress.with_output = x->progress.wanted && isatty(STDOUT_FILENO) == 1;
}

void
npexec_progress_hide(struct npexec *x, bool to_output)
{
	if (!x->progress.shown || (to_output && !x->progress.with_output))
		return;
	x->progress.shown = false;
	sink_printf(&x->err, "\r\033[K");
}

void
npexec_progress_show(struct npexec *x)
{
	if (!x->progress.wanted || x->done || x->jobs == NULL || !sink_is_empty(&x->err) ||
	    npprompt_current(&x->prompt) != NULL)
		return;
	if (x->progress.shown && x->progress.ended == x->jobs_ended && x->progress.failed == x->jobs_failed &&
	    x->progress.busy == x->jobs_busy)
		return;
	x->progress.shown = true;
	x->progress.ended = x->jobs_ended;
	x->progress.failed = x->jobs_failed;
	x->progress.busy = x->jobs_busy;
	sink_printf(&x->err, "\r%zu of %zu done, %zu failed, %zu at work\033[K", x->jobs_ended, x->jobs_count,
	    x->jobs_failed, x->jobs_busy);
}
