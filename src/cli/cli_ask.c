/*
 * What stands at the tail and is no prompt: pagers, and questions.
 *
 * The driver answers by itself only what the platform's own recipes foresee; a command's question is answered by the
 * request's answers or by a person, never by a guess.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/cli_impl.h"

#define PAGER_MAX 128u     /* bytes of a pager that are looked for on the line behind it */
#define QUIET_QUESTION 0.2 /* a known question: it may yet turn out to be the middle of a line */

const struct platform_question *
cli_find_question(const struct platform_questions *list, const char *tail, size_t size)
{
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		if (pattern_matches(list->items[i].match, tail, size))
			return &list->items[i];
	}
	return NULL;
}

/* --- the same tail is answered once --- */

bool
cli_question_stands(const struct cli *cli)
{
	const struct cli_job *job = &cli->job;
	struct platform_view view = cli_view(cli);

	return job->asked_lines == cli->terminal.lines && cli_begins(view.tail, view.size, &job->asked);
}

struct platform_view
cli_unasked(const struct cli *cli)
{
	struct platform_view view = cli_view(cli);

	if (!cli_question_stands(cli))
		return view;
	view.tail += cli->job.asked.size;
	view.size -= cli->job.asked.size;
	if (prompt_trim(view.tail, view.size) == 0)
		view.size = 0;
	return view;
}

void
cli_note_asked(struct cli *cli)
{
	struct cli_job *job = &cli->job;
	struct platform_view view = cli_view(cli);

	cli_keep(&job->asked, view.tail, view.size < PROMPT_MAX ? prompt_trim(view.tail, view.size) : 0);
	job->asked_lines = cli->terminal.lines;
	cli->changes++;
}

/* --- replies of dialogues --- */

/* The device asks once more: what it was given before is wrong. */
static int
refused(struct cli *cli, bool secret, struct np_error *err)
{
	const char *words = cli->state == CLI_LOGIN ? cli->last_words : cli->job.verdict.text;

	error_set(err, secret ? REASON_PRIVILEGE_FAILED : REASON_AUTH_FAILED, "the device did not accept the %s%s%s",
	    secret ? "enable secret" : "password", words[0] != '\0' ? ": " : "", words);
	cli_offer_end(cli, CLI_DENIED, err->text);
	return -1;
}

static int
reply_hidden(struct cli *cli, const struct platform_question *q, const char *tail, size_t size, struct np_error *err)
{
	bool secret = q->reply == PLATFORM_SECRET;
	struct secret *value = !secret ? cli->password : cli->lent != NULL ? cli->lent : cli->secret;
	bool *used = secret ? &cli->secret_used : &cli->password_used;
	enum np_reason reason = secret ? REASON_PRIVILEGE_FAILED : REASON_AUTH_FAILED;

	if (!pattern_list_matches(&cli->platform->passwords, tail, size))
		return error_set(
		    err, REASON_INTERNAL, "%s: a secret is only sent at one of `passwords`", cli->platform->file);
	if (value == NULL)
		return error_set(err, reason, "the device asks for %s, and none is configured",
		    secret ? "an enable secret (key `secret`, or --enable)"
			   : "a password inside the shell (key `password`)");
	if (*used)
		return refused(cli, secret, err);
	*used = true;
	cli->last_words[0] = '\0';
	cli_offer(cli, secret, value, NULL);
	return 0;
}

/* A name begins an attempt: where a password will follow, that must be allowed. */
static int
reply_name(struct cli *cli, struct np_error *err)
{
	if (cli->username == NULL)
		return error_set(err, REASON_AUTH_FAILED,
		    "the device asks for a user name inside the shell, and none is configured (key `username`)");
	if (cli->state == CLI_LOGIN && cli->password_used)
		return refused(cli, false, err);
	if (cli->state == CLI_LOGIN && cli->password != NULL)
		cli_offer(cli, false, cli->password, cli->username);
	else
		cli_type(cli, cli->username, strlen(cli->username));
	return 0;
}

int
cli_reply(struct cli *cli, const struct platform_question *q, const char *tail, size_t size, struct np_error *err)
{
	switch (q->reply) {
	case PLATFORM_TEXT:
		cli_type(cli, q->send, strlen(q->send));
		return 0;
	case PLATFORM_KEYS:
		cli_type_keys(cli, q->keys);
		return 0;
	case PLATFORM_USERNAME:
		return reply_name(cli, err);
	case PLATFORM_PASSWORD:
	case PLATFORM_SECRET:
		break;
	}
	return reply_hidden(cli, q, tail, size, err);
}

/* --- pagers --- */

static bool
turn_page(struct cli *cli, const struct platform_view *view)
{
	const struct platform_question *q = cli_find_question(&cli->platform->pager, view->tail, view->size);
	struct cli_job *job = &cli->job;
	struct platform_view whole;
	struct np_error err = {0};

	if (q == NULL)
		return false;
	cli_note_asked(cli);
	if (++job->pages > CLI_PAGES_MAX) {
		if (cli->platform->pager_quit != NULL)
			cli_type_keys(cli, cli->platform->pager_quit);
		error_set(&err, REASON_OUTPUT_LIMIT, "more than %d pages of output", CLI_PAGES_MAX);
		cli_job_end(cli, &err);
		return true;
	}
	whole = cli_view(cli);
	cli_keep(&job->pager, whole.tail, whole.size < PAGER_MAX ? whole.size : 0);
	if (cli_reply(cli, q, view->tail, view->size, &err) < 0)
		cli_job_end(cli, &err);
	return true;
}

/* --- questions --- */

static bool
too_many(struct cli *cli)
{
	struct np_error err = {0};

	if (++cli->job.questions_asked <= CLI_QUESTIONS_MAX)
		return false;
	error_set(&err, REASON_WAITING_FOR_INPUT, "the device asked more than %d questions", CLI_QUESTIONS_MAX);
	cli_job_end(cli, &err);
	return true;
}

static bool
answer_by_recipe(struct cli *cli, const struct platform_view *view)
{
	const struct platform_question *q = cli_find_question(cli->job.questions, view->tail, view->size);
	struct np_error err = {0};

	/* A name that nobody gave is for a person to type. */
	if (q == NULL || (q->reply == PLATFORM_USERNAME && cli->username == NULL))
		return false;
	cli_note_asked(cli);
	cli_judge_answered(&cli->job);
	if (cli_judge_is_decline(q) && !cli->job.declined) {
		cli->job.declined = true;
		cli_show(cli, view->tail, view->size, cli->job.verdict.text, sizeof(cli->job.verdict.text));
	}
	if (!too_many(cli) && cli_reply(cli, q, view->tail, view->size, &err) < 0)
		cli_job_end(cli, &err);
	return true;
}

/* Words that are as short as `yes' say nothing, unless it is a secret that the device asks for. */
static void
know_answer(struct cli *cli, struct secret *text, bool hidden)
{
	if (hidden || secret_size(text) >= REDACT_SIZE_MIN)
		redact_add(cli->known, text, REDACT_PASSING);
}

/*
 * Whether that is the question of the platform's own way to a further mode, whose line was given as a command: what
 * answers it is judged by the device as a configured secret is.
 */
static bool
asks_for_secret(const struct cli *cli, const struct platform_view *view)
{
	const struct platform_question *q;
	const struct platform_step *step;
	size_t word = strcspn(cli->job.text, " ");

	for (size_t i = 0; i < cli->platform->modes_count; i++) {
		step = cli->platform->modes[i]->enter;
		if (step == NULL || word == 0 || word > strlen(step->send) ||
		    strncasecmp(cli->job.text, step->send, word) != 0)
			continue;
		q = cli_find_question(&step->questions, view->tail, view->size);
		if (q != NULL && q->reply == PLATFORM_SECRET)
			return true;
	}
	return false;
}

/* Text that does not end as questions do may be the middle of a line that happens to match: it must stand a while. */
static bool
answer_by_request(struct cli *cli, const struct platform_view *view, enum cli_asking asks, bool hidden)
{
	const struct cli_job *job = &cli->job;
	double quiet = cli_quiet(cli), need = asks != CLI_ASKS_NOT ? 0 : CLI_QUIET_TYPED;
	struct platform_view whole = cli_view(cli);

	/* A secret that was not taken is not sent again: that counts as one more failure. */
	if (hidden && cli_begins(whole.tail, whole.size, &job->asked)) {
		cli_offer_end(cli, CLI_DENIED, "it asks again");
		return false;
	}
	for (size_t i = 0; i < job->answers_count; i++) {
		const struct cli_answer *a = &job->answers[i];

		if (!pattern_matches(a->match, view->tail, view->size))
			continue;
		if (quiet < need) {
			cli_wake_in(cli, need - quiet);
			return false;
		}
		cli_note_asked(cli);
		cli_judge_answered(&cli->job);
		know_answer(cli, a->text, hidden);
		if (too_many(cli))
			return true;
		if (hidden && job->kind == CLI_JOB_COMMAND && asks_for_secret(cli, view))
			cli_offer_answer_of_request(cli, a->text);
		else
			cli_type(cli, secret_text(a->text), secret_size(a->text));
		return true;
	}
	return false;
}

static void
relay(struct cli *cli, const char *question, bool hidden)
{
	struct cli_event event = {.kind = CLI_EVENT_QUESTION, .hidden = hidden};

	snprintf(event.text, sizeof(event.text), "%s", question);
	cli_set_state(cli, CLI_QUESTION);
	cli_emit(cli, &event);
}

/* Nobody has answered: a person may, or the job ends. */
static void
ask_person(struct cli *cli, const struct platform_view *view, bool hidden)
{
	struct np_error err = {0};
	char question[256];

	cli_show(cli, view->tail, view->size, question, sizeof(question));
	if (cli->job.kind == CLI_JOB_COMMAND && cli->job.interactive && cli->op != CLI_OP_NONE) {
		cli_note_asked(cli);
		cli->job.asked_hidden = hidden;
		if (!too_many(cli))
			relay(cli, question, hidden);
		return;
	}
	error_set(&err, REASON_WAITING_FOR_INPUT, "the device asks `%s`%s", question,
	    cli->job.kind == CLI_JOB_COMMAND ? " (answer it with --answer REGEX=TEXT)"
					     : ", which the platform's own steps do not answer");
	cli_job_end(cli, &err);
}

/* What asks a line of configuration for the next one: ">" by itself, "..." and such where a text was announced. */
static bool
is_mark_of_text(const struct cli_job *job, const struct platform_view *view)
{
	return (job->judged_as == CLI_JUDGE_ANSWER || job->expects_mode) && cli_is_mark(view->tail, view->size) &&
	       (job->verdict.wants_text || !cli_is_progress(view));
}

/* What only shows seldom asks, and may show any question: that of a banner, a description. */
static bool
only_shows(const struct cli *cli)
{
	const struct cli_job *job = &cli->job;
	const char *filter = memchr(job->text, '|', job->size);
	size_t size = prompt_trim(job->text, filter != NULL ? (size_t)(filter - job->text) : job->size);

	return job->kind == CLI_JOB_COMMAND && pattern_list_matches(&cli->platform->read_only, job->text, size);
}

bool
cli_ask(struct cli *cli)
{
	struct platform_view view = cli_unasked(cli);
	double quiet = cli_quiet(cli), need;
	enum cli_asking asks;
	bool hidden;

	if (view.size == 0 || view.size > PROMPT_MAX)
		return false;
	asks = cli_asking(cli, &view, &hidden);
	if (turn_page(cli, &view) || answer_by_recipe(cli, &view) || answer_by_request(cli, &view, asks, hidden))
		return true;
	if (asks == CLI_ASKS)
		need = only_shows(cli) ? CLI_QUIET_STALL : QUIET_QUESTION;
	else if (is_mark_of_text(&cli->job, &view))
		need = CLI_QUIET_STALL;
	else if (asks != CLI_ASKS_NOT)
		need = cli->job.interactive || asks == CLI_ASKS_LIKELY ? CLI_QUIET_STALL : CLI_QUIET_DOUBT;
	else
		return false;
	if (quiet < need) {
		cli_wake_in(cli, need - quiet);
		return false;
	}
	ask_person(cli, &view, hidden);
	return true;
}

static size_t
text_size(const char *text)
{
	size_t n = 0;

	while ((unsigned char)text[n] >= ' ' && text[n] != 0x7f)
		n++;
	return n;
}

void
cli_question_end(struct cli *cli, struct secret *text)
{
	struct np_error err = {0};

	/* The clocks stood still while the person thought. */
	cli->job.sent_at += cli->now - cli->last_rx;
	cli->last_rx = cli->heard = cli->now;
	cli_set_state(cli, CLI_RUNNING);
	if (text == NULL) {
		error_set(&err, REASON_WAITING_FOR_INPUT, "the device asked, and nobody answered");
		cli_job_end(cli, &err);
	} else {
		cli_judge_answered(&cli->job);
		know_answer(cli, text, cli->job.asked_hidden);
		/* A key among it ends it: what follows might be meant for no question. */
		cli_type(cli, secret_text(text), text_size(secret_text(text)));
	}
}
