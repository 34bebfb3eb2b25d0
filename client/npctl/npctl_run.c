/* A run of npctl: to the broker, or without one, by the row of its verb; and the end of its output. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "lib/npsignal.h"
#include "npctl/npctl_impl.h"

static int
start(struct npctl *c, struct np_error *err)
{
	bool asks = c->o->verb->broker == NPCTL_BROKER_STARTS;

	if (asks) {
		if (npsignal_install(&c->wake_fd, err) == -1)
			return -1;
		npsignal_take_terminal();
		npprompt_init(&c->prompt, false);
	}
	if (npclient_init(&c->client, c->o->socket, asks, err) == -1)
		return -1;
	if (asks)
		c->client.stop = npsignal_stop_flag();
	return npclient_connect(&c->client, err);
}

/* What can be done all the same where no broker runs. */
static bool
run_without(struct npctl *c, const struct np_error *err)
{
	if (c->o->verb->task != NULL)
		npctl_daemon_show(c, err);
	return c->o->verb->task != NULL || (c->o->verb->without != NULL && c->o->verb->without(c));
}

static void
run_with_broker(struct npctl *c)
{
	const struct npctl_verb *verb = c->o->verb;
	struct np_error err;
	cJSON *params = npctl_params(c->o, &err);

	if (params == NULL) {
		npctl_say_error(c, NULL, &err);
		c->status = NPCTL_EXIT_USAGE;
	} else if (start(c, &err) == -1) {
		bool absent = err.reason == REASON_BROKER_UNAVAILABLE && clock_now() < c->client.deadline;
		if (!absent || !run_without(c, &err))
			npctl_say_error(c, NULL, &err);
	} else if (verb->login != NULL) {
		npctl_login(c);
	} else if (verb->run != NULL) {
		verb->run(c);
	} else {
		npctl_show(c, npctl_ask(c, npctl_method(verb), params));
		return;
	}
	cJSON_Delete(params);
}

/*
 * Whether all of the output has gone where it should.  Who does not want it any more ends us as it ends other programs
 * in a pipeline, also where our own handlers stood in the way of the signal.
 */
static int
finish_output(struct npctl *c)
{
	if (npctl_flush(c) && !ferror(stdout))
		return c->status;
	if (c->output_error == EPIPE && c->wake_fd != -1)
		npsignal_die_of_sigpipe();
	fprintf(stderr, "npctl: write to standard output: %s\n",
	    c->output_error != 0 ? strerror(c->output_error) : "failed");
	return NPCTL_EXIT_FAILED;
}

int
npctl_run(const struct npctl_options *o)
{
	struct npctl c = {.o = o, .wake_fd = -1, .client = {.fd = -1}, .prompt = {.tty = -1}};

	if (o->verb->broker == NPCTL_BROKER_UNUSED)
		o->verb->run(&c);
	else if (o->file != NULL)
		npctl_daemon_show(&c, NULL);
	else
		run_with_broker(&c);
	npprompt_finish(&c.prompt);
	npclient_close(&c.client);
	cJSON_Delete(c.steps);
	return finish_output(&c);
}
