/* What signals do to a run of npexec: Ctrl-C, a resized or stopped terminal, a request to leave. */
#include <signal.h>

#include "npexec/npexec_impl.h"
#include "npexec/npexec_report.h"
#include "lib/npsignal.h"

/* At once: what still waits for a slow reader is dropped. */
static void
leave(struct npexec *x, int status)
{
	x->leave = true;
	npexec_end(x, status);
}

/*
 * The first Ctrl-C is for the remote command; before there is one, and for the second, it is for us.  Where nothing
 * tells us that it has begun, the broker knows.  Several commands at once, and configurations, are cancelled.
 */
static void
on_interrupt(struct npexec *x)
{
	bool asked = npprompt_current(&x->prompt) != NULL;
	cJSON *params;

	npsignal_clear_stop();
	if (x->interrupted || x->jobs_busy == 0) {
		leave(x, NPEXEC_STATUS_INTERRUPTED);
		return;
	}
	x->interrupted = true;
	if (asked || x->o->several || x->o->mode == NPEXEC_CONFIG || (npexec_forwards_stdin(x) && !x->jobs->started)) {
		npprompt_decline(&x->prompt, &x->client);
		npexec_cancel_all(x);
		return;
	}
	params = cJSON_CreateObject();
	cJSON_AddStringToObject(params, "name", "INT");
	npclient_notify(&x->client, x->jobs->id, "signal", params);
}

static void
on_resize(struct npexec *x)
{
	cJSON *params;
	int cols, rows;

	if (x->jobs_busy == 0 || !x->o->want_pty || !npexec_tty_size(&x->tty, &cols, &rows))
		return;
	params = cJSON_CreateObject();
	cJSON_AddNumberToObject(params, "cols", cols);
	cJSON_AddNumberToObject(params, "rows", rows);
	npclient_notify(&x->client, x->jobs->id, "resize", params);
}

static void
on_stop(struct npexec *x)
{
	bool raw = x->tty.raw;

	npexec_tty_restore(&x->tty);
	npprompt_suspend(&x->prompt);
	npsignal_stop_process(false);
	npprompt_resume(&x->prompt);
	if (raw)
		npexec_tty_raw(&x->tty);
	on_resize(x);
}

void
npexec_signals(struct npexec *x)
{
	static const int asked[] = {SIGTERM, SIGHUP, SIGQUIT};

	npsignal_drain(x->wake_fd);
	for (size_t i = 0; i < NP_COUNT(asked); i++)
		if (npsignal_came(asked[i]))
			leave(x, NPEXEC_STATUS_SIGNAL + asked[i]);
	if (npsignal_came(SIGINT))
		on_interrupt(x);
	if (npsignal_came(SIGTSTP))
		on_stop(x);
	if (npsignal_came(SIGWINCH))
		on_resize(x);
}
