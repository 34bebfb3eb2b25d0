/*
 * From the first byte to IDLE: the login dialogue, learning the prompt, the way to the mode where commands run, the
 * preparation.
 */
#include <math.h>

#include "cli/cli_impl.h"

#define LEARNS_MAX 6
#define NUDGES_MAX 3
#define LOOK_AHEAD 0.05 /* a candidate must stand this long: banners come in pieces */

/* --- looking for a prompt --- */

/* A question of the login, or a pager in a long banner; true when it was answered. */
static bool
login_reply(struct cli *cli)
{
	struct platform_view view = cli_unasked(cli);
	const struct platform_question *q = cli_find_question(&cli->platform->login, view.tail, view.size);
	bool asked = q != NULL && (q->reply != PLATFORM_TEXT || q->send[0] != '\0');
	struct np_error err = {0};

	if (view.size == 0 || view.size > PROMPT_MAX)
		return false;
	if (q == NULL)
		q = cli_find_question(&cli->platform->pager, view.tail, view.size);
	if (q == NULL)
		return false;
	/* A name or a secret is for a question that stands, not for a banner that speaks of logins and passwords. */
	if (q->reply != PLATFORM_TEXT && q->reply != PLATFORM_KEYS && cli_quiet(cli) < LOOK_AHEAD) {
		cli_wake_in(cli, LOOK_AHEAD - cli_quiet(cli));
		return true;
	}
	cli->asked_in_band = cli->asked_in_band || asked;
	cli->name_given = q->reply == PLATFORM_USERNAME;
	cli_note_asked(cli);
	if (++cli->job.questions_asked > CLI_QUESTIONS_MAX)
		cli_die(cli, REASON_PROMPT_NOT_FOUND, "the login asked more than %d questions", CLI_QUESTIONS_MAX);
	else if (cli_reply(cli, q, view.tail, view.size, &err) < 0)
		cli_die(cli, err.reason, "%s", err.text);
	return true;
}

void
cli_login_look(struct cli *cli)
{
	struct platform_view view = cli_view(cli);
	struct prompt_match match;

	if (view.size == 0 || login_reply(cli))
		return;
	match = cli_look(cli);
	if (match.tier == PROMPT_NONE)
		return;
	if (cli_quiet(cli) < LOOK_AHEAD) {
		cli_wake_in(cli, LOOK_AHEAD - cli_quiet(cli));
		return;
	}
	cli_settle(cli, &view, match.mode);
	cli_set_state(cli, CLI_LEARN);
	cli_job_probe(cli);
}

/*
 * What stands there waits for an answer that nobody has given: an empty line would be one, a new administrator's
 * password for example.  Or it is a prompt that no mode knows, and came again behind each empty line.  It may yet go on
 * by itself; then the login ends with its words.
 */
static void
give_up(struct cli *cli, const struct platform_view *view, double need)
{
	char tail[128];

	if (cli_quiet(cli) < need) {
		cli_wake_in(cli, need - cli_quiet(cli));
		return;
	}
	cli_show(cli, view->tail, view->size, tail, sizeof(tail));
	if (cli_is_question(cli, view))
		cli_die(cli, REASON_WAITING_FOR_INPUT,
		    "the login asks `%s`, and `login` of platform %s has no answer: log in by hand once", tail,
		    cli->platform->name);
	else {
		cli_offer_end(cli, CLI_ACCEPTED, NULL); /* whatever it is, it is past the login */
		cli_die(cli, REASON_PROMPT_NOT_FOUND,
		    "the device shows `%s`, which is no prompt of platform %s: is device_type right?", tail,
		    cli->platform->name);
	}
}

/*
 * How long silence must last before an empty line is typed.  It must not become the answer to a question that comes
 * late: behind a name its password is asked for, and who was asked once may be asked again.
 */
static double
nudge_after(const struct cli *cli)
{
	if (cli->name_given)
		return INFINITY;
	if (cli->asked_in_band)
		return CLI_QUIET_DOUBT;
	return cli->stats.bytes_in == 0 ? CLI_QUIET_MUTE : CLI_QUIET_NUDGE;
}

void
cli_login_tick(struct cli *cli)
{
	struct platform_view view = cli_view(cli), unasked = cli_unasked(cli);
	double nudge = nudge_after(cli);
	enum cli_asking asks;
	char tail[128];
	bool hidden;

	if (cli->now >= cli->login_deadline) {
		if (!cli_is_question(cli, &view) && cli_looks_like_prompt(&view))
			cli_offer_end(cli, CLI_ACCEPTED, NULL);
		cli_show(cli, view.tail, view.size, tail, sizeof(tail));
		cli_die(cli, REASON_PROMPT_NOT_FOUND,
		    "no prompt of platform %s within the limit (in %s); the last line is `%s`: is device_type "
		    "right, and connection_timeout long enough?",
		    cli->platform->name, cli_state_name(cli->state), tail);
		return;
	}
	cli_wake_in(cli, cli->login_deadline - cli->now);
	if (cli->state != CLI_LOGIN)
		return;
	asks = cli_asking(cli, &unasked, &hidden);
	if (asks >= CLI_ASKS_PERHAPS) {
		give_up(cli, &unasked, asks == CLI_ASKS ? CLI_QUIET_NUDGE : CLI_QUIET_DOUBT);
		return;
	}
	if (cli->nudges >= NUDGES_MAX && cli_looks_like_prompt(&unasked))
		give_up(cli, &unasked, CLI_QUIET_STALL);
	if (cli->nudges >= NUDGES_MAX || cli_question_stands(cli))
		return;
	if (cli_quiet(cli) < nudge) {
		cli_wake_in(cli, nudge - cli_quiet(cli));
		return;
	}
	/* A text without a newline stands before the prompt, or it waits for a key. */
	cli->nudges++;
	cli->last_rx = cli->now;
	cli_type(cli, "", 0);
	cli_wake_in(cli, nudge);
}

/* --- the stations --- */

static void
fail(struct cli *cli, const struct np_error *err)
{
	cli_die(cli, err->reason, "%s", err->text);
}

static void
finish(struct cli *cli)
{
	cli->home = cli->prompt.mode;
	cli_home_learn(cli);
	cli_set_state(cli, CLI_IDLE);
}

/* The next step of the preparation, or the end of it. */
static void
prepare_next(struct cli *cli)
{
	const struct platform_steps *steps = &cli->platform->prepare;

	cli_set_state(cli, CLI_PREPARE);
	if (cli->step < steps->count)
		cli_job_step(cli, &steps->items[cli->step++]);
	else
		finish(cli);
}

static void
enable_next(struct cli *cli)
{
	struct np_error err = {0};
	int r;

	cli_set_state(cli, CLI_ENABLE);
	r = cli_walk(cli, &err);
	if (r < 0) {
		fail(cli, &err);
	} else if (r > 0) {
		cli->step = 0;
		prepare_next(cli);
	}
}

/* The prompt came again: is it where commands run? */
static void
learned(struct cli *cli)
{
	const struct platform_mode *mode = cli->prompt.mode;

	cli_offer_end(cli, CLI_ACCEPTED, NULL);
	if (mode->login != NULL && cli->learns < LEARNS_MAX) {
		cli->learns++;
		cli_job_step(cli, mode->login);
		return;
	}
	cli_walk_begin(cli, cli->secret != NULL ? cli->platform->base_mode : mode);
	enable_next(cli);
}

static void
learn_again(struct cli *cli)
{
	if (++cli->learns > LEARNS_MAX) {
		cli_die(
		    cli, REASON_PROMPT_NOT_FOUND, "no prompt of platform %s came twice the same", cli->platform->name);
		return;
	}
	cli_job_probe(cli);
}

static void
learn_done(struct cli *cli, const struct np_error *err)
{
	bool was_probe = cli->job.kind == CLI_JOB_PROBE;

	if (err != NULL) {
		/* What looked like a prompt was none: part of a banner. */
		if (++cli->learns > LEARNS_MAX)
			fail(cli, err);
		else
			cli_set_state(cli, CLI_LOGIN);
	} else if (was_probe && cli->job.literal) {
		learned(cli);
	} else {
		learn_again(cli);
	}
}

static void
prepare_done(struct cli *cli)
{
	const struct platform_step *step = &cli->platform->prepare.items[cli->step - 1];

	if (cli->job.verdict.outcome == CLI_REFUSED && !step->optional)
		cli_die(cli, REASON_PROMPT_NOT_FOUND, "the device refuses `%s`: %s", step->send, cli->job.verdict.text);
	else
		prepare_next(cli);
}

void
cli_login_ended(struct cli *cli, const struct np_error *err)
{
	if (cli->state == CLI_LEARN)
		learn_done(cli, err);
	else if (err != NULL)
		fail(cli, err);
	else if (cli->state == CLI_ENABLE)
		enable_next(cli);
	else
		prepare_done(cli);
}
