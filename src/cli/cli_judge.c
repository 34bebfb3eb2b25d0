/*
 * What a device's words mean: the one judge of lines of answers, and of whether a step did what it claims.
 *
 * Output of commands is judged by the platform's `errors` alone: a show command may print anything.  What answers a
 * line of configuration is judged in this order, and the worst line decides (remark < unclear < refused):
 *
 *   blank, `async`           nothing, nor is the text of a message to all that one announces
 *   `ignore`                 remark
 *   `errors`                 refused
 *   config's `remarks`       remark, and what is indented below one goes on with it
 *   config's `refusals`      refused;  `busy`: for now
 *   "....", "[###] 45%"      remark
 *   "Warning: ..." and such  remark;   "... not allowed", "invalid ..." and such: refused.  Any vendor's words
 *   the rest of a sentence   remark, as its beginning;   "... successfully" and such: remark, but prove no step
 *   anything else            unclear
 *
 * A step that commits, confirms, saves or throws away is judged likewise.  It is done when the platform's `ok` was
 * seen, nothing was refused before it and nothing but remarks came behind it, or, without one, when nothing but remarks
 * came.  No `ok`, or something unclear, leaves it open what the device did.  Words of any vendor do not make a refusal
 * of the line that is `ok` itself ("0 failed, done"), unless it denies that ("not saved successfully"), nor of what an
 * `ok` follows and only sounds busy ("in progress").
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli_impl.h"

#define JUDGE_LOOK 512 /* bytes of a line that expressions see */

/* --- words of any vendor --- */

/* Text without the blanks and marks that devices put before it: "% ", " Error:", "*** ". */
static size_t
skip_marks(const char *text, size_t size)
{
	size_t at = 0;

	while (at < size && strchr(" \t%!*#?-^<>", text[at]) != NULL && text[at] != '\0')
		at++;
	return at;
}

static bool
begins_with_word(const char *text, size_t size, const char *word)
{
	size_t n = strlen(word);

	return size >= n && strncasecmp(text, word, n) == 0 && (size == n || strchr(":!,.- ", text[n]) != NULL);
}

static bool
says_any(const char *text, size_t size, const char *const *words, size_t count)
{
	char line[JUDGE_LOOK + 1];

	memcpy(line, text, size);
	line[size] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (strcasestr(line, words[i]) != NULL)
			return true;
	}
	return false;
}

/* Texts that say of themselves that they only tell something. */
static bool
calls_itself_remark(const char *text, size_t size)
{
	static const char *const words[] = {"warning", "warn", "info", "information", "note", "notes", "notice",
	    "attention", "caution", "use with caution", "reminder", "please wait", "please note", "this may take",
	    "this will take", "it will take", "this operation may take", "building configuration"};
	static const char *const undone[] = {"configuration failed", "command rejected", "was rejected", "not applied",
	    "not be applied", "not accepted", "not committed", "not saved"};
	size_t at = skip_marks(text, size);

	for (size_t i = 0; i < NP_COUNT(words); i++) {
		if (begins_with_word(text + at, size - at, words[i]))
			return !says_any(text, size, undone, NP_COUNT(undone));
	}
	return false;
}

/* A line that begins so refuses, also where it belongs to a remark. */
static bool
begins_as_refusal(const char *text, size_t size)
{
	static const char *const words[] = {
	    "error", "invalid", "failed", "failure", "incomplete", "ambiguous", "illegal", "denied", "unable"};
	size_t at = skip_marks(text, size);

	for (size_t i = 0; i < NP_COUNT(words); i++) {
		if (begins_with_word(text + at, size - at, words[i]))
			return true;
	}
	return memchr(text, '%', at) != NULL;
}

/* Taken, and not before something else happens: "will not take effect until ...", but not "cannot take effect here". */
static bool
is_for_later(const char *text, size_t size)
{
	static const char *const words[] = {"take effect", "takes effect", "be in effect", "next reload", "next reboot",
	    "next boot", "after reload", "after reboot", "after a reload", "after a reboot", "after the reload"};
	static const char *const undone[] = {
	    "not ", "n't ", "never ", "unable", "fail", "reject", "refuse", "ignored", "invalid"};
	static const char *const until[] = {"take effect until", "takes effect until", "be in effect until"};

	return says_any(text, size, words, NP_COUNT(words)) && !begins_as_refusal(text, size) &&
	       (!says_any(text, size, undone, NP_COUNT(undone)) || says_any(text, size, until, NP_COUNT(until)));
}

/* What devices say of what they did. */
static bool
sounds_done(const char *text, size_t size)
{
	static const char *const words[] = {"successful", "deprecated", "has been created", "have been created",
	    "has been added", "have been added", "has been enabled", "has been updated", "has been modified"},
				 *const not [] = {"not ", "n't ", "ignor", "discard", "skip", "cancel", "revert",
				     "roll back", "rolled back", "only "};

	return says_any(text, size, words, NP_COUNT(words)) && !says_any(text, size, not, NP_COUNT(not ));
}

/* What devices say when they do not do as they were told: the verbs and adjectives are few, over all vendors. */
static bool
sounds_like_refusal(const char *text, size_t size)
{
	static const char *const words[] = {"invalid", "illegal", "incorrect", "incomplete", "ambiguous", "unknown",
	    "unrecognized", "unrecognised", "unsupported", "unexpected", "undefined", "unavailable", "unreachable",
	    "bad ", "wrong", "duplicate", "overlap", "conflict", "denied", "reject", "refus", "forbidden", "not allow",
	    "not permit", "not support", "not found", "not present", "not valid", "not exist", "not configured",
	    "not enabled", "not enough", "not a valid", "not possible", "not applicable", "not available",
	    "not authorized", "not running", "no such", "no corresponding", "does not ", "doesn't ", "cannot",
	    "can not", "can't", "could not", "couldn't", "unable", "fail", "error", "missing", "exceed", "too many",
	    "too long", "too large", "too small", "out of range", "already exist", "already in use", "already running",
	    "already defined", "already configured", "in use", "being used", "must ", "should be", "expects ",
	    "expected", "mismatch", "maximum number", "aborted", "insufficient", "permission", "privilege",
	    "may need to", "unsuccessful"};

	return says_any(text, size, words, NP_COUNT(words));
}

/* "... was not saved successfully": no success, whatever word of it stands there. */
static bool
denies(const char *text, size_t size)
{
	static const char *const words[] = {" not ", "n't ", "unsuccess", "without success", "no success"};

	return says_any(text, size, words, NP_COUNT(words));
}

/* For now: another one holds the lock, or the device has something else to do. */
static bool
sounds_busy(const char *text, size_t size)
{
	static const char *const words[] = {"locked", "busy", "try again", "in progress", "temporarily", "retry later"};

	return says_any(text, size, words, NP_COUNT(words));
}

/* The device counts the time while it works: "....", "[###   ]", "45%". */
static bool
is_progress(const char *text, size_t size)
{
	const char *marks = memchr(text, '%', size) != NULL ? ".+*#=-[]()|>! %0123456789" : ".+*#=-[]()|>! ";

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\0' || strchr(marks, text[i]) == NULL)
			return false;
	}
	return true;
}

/* --- the verdict --- */

/* The worst so far is kept, with its words: the first of a refusal, all that fit of what is to be read as a whole. */
static void
note(struct cli *cli, enum cli_outcome outcome, const char *text, size_t size)
{
	struct cli_verdict *v = &cli->job.verdict;
	size_t used = 0;

	/* It worked, and then it did not: the device's last word holds. */
	if (outcome > CLI_REMARK)
		cli->job.ok_seen = false;
	if (outcome < v->outcome || (outcome == CLI_REFUSED && v->outcome == CLI_REFUSED))
		return;
	if (outcome == v->outcome)
		used = strlen(v->text);
	v->outcome = outcome;
	if (used > 0 && used + 2 < sizeof(v->text)) {
		memcpy(v->text + used, "; ", 3);
		used += 2;
	}
	while (size > 0 && used > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		size--;
	}
	if (used + 1 < sizeof(v->text))
		cli_show(cli, text, size, v->text + used, sizeof(v->text) - used);
}

static void
refuse(struct cli *cli, bool known, bool busy, const char *text, size_t size)
{
	struct cli_verdict *v = &cli->job.verdict;

	if (v->outcome != CLI_REFUSED)
		v->busy = busy;
	v->known = v->known || known;
	note(cli, CLI_REFUSED, text, size);
}

static void
refuse_error(struct cli *cli, const char *text, size_t size, size_t look)
{
	refuse(cli, true, sounds_busy(text, look) || pattern_list_matches(&cli->platform->config.busy, text, look),
	    text, size);
	cli->job.verdict.error = true;
}

/* "Enter TEXT message.  End with the character '^'.": what follows is no answer but the device's silence. */
bool
cli_judge_announces(const char *text, size_t size)
{
	static const char *const words[] = {"end with", "quit with", "terminate with", "terminate the", "end the input",
	    "end your input", "on a line by itself", "on its own line", "on a separate line", "on a new line",
	    "enter text", "to end input", "to finish input"};
	static const char *const commands[] = {"configuration commands"};

	size = size < JUDGE_LOOK ? size : JUDGE_LOOK;
	return says_any(text, size, words, NP_COUNT(words)) && !says_any(text, size, commands, 1);
}

void
cli_judge_broadcast(const struct cli *cli, enum cli_broadcast *at, const char *line, size_t size)
{
	static const char *const words[] = {"message from"};
	size_t look = size < JUDGE_LOOK ? size : JUDGE_LOOK;
	bool blank = prompt_trim(line, look) == 0;

	if (pattern_list_matches(&cli->platform->async, line, look)) {
		if (says_any(line, look, words, NP_COUNT(words)))
			*at = CLI_BROADCAST_ANNOUNCED;
	} else if (*at != CLI_BROADCAST_NONE && prompt_prefix(&cli->prompt, line, size) > 0) {
		*at = CLI_BROADCAST_NONE;
	} else if (*at == CLI_BROADCAST_ANNOUNCED && !blank) {
		*at = CLI_BROADCAST_TEXT;
	} else if (*at == CLI_BROADCAST_TEXT && blank) {
		*at = CLI_BROADCAST_NONE;
	}
}

/* The text of a message to all, unless it is what the device says of errors. */
static bool
is_broadcast(const struct cli *cli, const char *text, size_t look)
{
	const struct platform *p = cli->platform;

	return cli->job.verdict.broadcast == CLI_BROADCAST_TEXT && !pattern_list_matches(&p->errors, text, look) &&
	       !pattern_list_matches(&p->config.refusals, text, look) &&
	       !pattern_list_matches(&p->config.busy, text, look);
}

static void
remark(struct cli *cli, const char *text, size_t size, size_t look)
{
	struct cli_verdict *v = &cli->job.verdict;
	size_t end = prompt_trim(text, look);

	v->in_remark = true;
	v->in_sentence = end > 0 && strchr(".!?:;", text[end - 1]) == NULL;
	note(cli, CLI_REMARK, text, size);
}

static void
judge_words(struct cli *cli, const char *text, size_t size, size_t look, bool is_ok)
{
	const struct platform *p = cli->platform;
	struct cli_verdict *v = &cli->job.verdict;
	bool indented = v->in_remark && (text[0] == ' ' || text[0] == '\t') && !begins_as_refusal(text, look);
	bool goes_on = v->in_remark && v->in_sentence && text[0] >= 'a' && text[0] <= 'z';

	v->wants_text = v->wants_text || cli_judge_announces(text, look);
	v->in_remark = false;
	if (pattern_list_matches(&p->ignore, text, look) || pattern_list_matches(&p->config.remarks, text, look))
		remark(cli, text, size, look);
	else if (pattern_list_matches(&p->config.busy, text, look))
		refuse(cli, true, true, text, size);
	else if (pattern_list_matches(&p->config.refusals, text, look))
		refuse(cli, true, sounds_busy(text, look), text, size);
	else if (is_ok || indented || is_progress(text, look) || calls_itself_remark(text, look) ||
		 is_for_later(text, look))
		remark(cli, text, size, look);
	else if (sounds_like_refusal(text, look) || sounds_busy(text, look))
		refuse(cli, false, sounds_busy(text, look), text, size);
	else if (goes_on || (sounds_done(text, look) && !cli_judge_is_claim(cli)))
		remark(cli, text, size, look);
	else
		note(cli, CLI_UNCLEAR, text, size);
}

void
cli_judge_line(struct cli *cli, const char *text, size_t size)
{
	const struct platform *p = cli->platform;
	struct cli_job *job = &cli->job;
	struct cli_verdict *v = &job->verdict;
	size_t look = size < JUDGE_LOOK ? size : JUDGE_LOOK;
	bool is_ok, denied;

	/* Nor is the question itself an answer, with what was typed behind it. */
	if (job->judged_as == CLI_JUDGE_NOTHING || cli_begins(text, size, &job->asked))
		return;
	cli_judge_broadcast(cli, &v->broadcast, text, size);
	if (prompt_trim(text, look) == 0) {
		v->in_remark = false;
		return;
	}
	if (pattern_list_matches(&p->async, text, look) || is_broadcast(cli, text, look))
		return;
	is_ok = job->ok != NULL && pattern_matches(job->ok, text, look);
	denied = is_ok && job->judged_as == CLI_JUDGE_ANSWER && denies(text, look);
	if (pattern_list_matches(&p->errors, text, look) && !pattern_list_matches(&p->ignore, text, look) &&
	    (cli->op != CLI_OP_RUN || !cli->asked.ignore_errors))
		refuse_error(cli, text, size, look);
	else if (denied)
		refuse(cli, false, sounds_busy(text, look), text, size);
	else if (job->judged_as != CLI_JUDGE_OUTPUT)
		judge_words(cli, text, size, look, is_ok);
	if (!is_ok || denied)
		return;
	/* What nobody knows, and what only sounds busy ("in progress"), was no more than chatter then. */
	if (v->outcome == CLI_UNCLEAR || (v->outcome == CLI_REFUSED && v->busy && !v->known))
		v->outcome = CLI_REMARK;
	job->ok_seen = true;
}

/*
 * What was said before a question was its preface, "% Removing ... will destroy all ..." as well: what it comes to is
 * said behind the answer.  Only an error stays one.
 */
void
cli_judge_answered(struct cli_job *job)
{
	struct cli_verdict *v = &job->verdict;

	if (v->outcome > CLI_REMARK && !v->error)
		v->outcome = CLI_REMARK;
	job->ok_seen = false;
}

void
cli_judge_strayed(struct cli *cli)
{
	struct cli_job *job = &cli->job;

	if (job->judged_as == CLI_JUDGE_OUTPUT)
		return;
	note(cli, CLI_UNCLEAR, job->suspect.text, job->suspect.size);
	job->judged_as = CLI_JUDGE_NOTHING;
}

bool
cli_judge_is_claim(const struct cli *cli)
{
	return cli->op == CLI_OP_CONFIG && (cli->phase == CLI_CONFIG_COMMIT || cli->phase == CLI_CONFIG_ABORT ||
					       cli->phase == CLI_CONFIG_SAVE_INSIDE || cli->phase == CLI_CONFIG_SAVE);
}

enum cli_outcome
cli_judge_step(const struct cli *cli)
{
	const struct cli_job *job = &cli->job;
	const struct cli_verdict *v = &job->verdict;

	if (job->declined || v->outcome == CLI_REFUSED)
		return CLI_REFUSED;
	if (job->ok != NULL)
		return job->ok_seen ? CLI_TAKEN : CLI_UNCLEAR;
	return v->outcome == CLI_UNCLEAR && cli_judge_is_claim(cli) ? CLI_UNCLEAR : CLI_TAKEN;
}

bool
cli_judge_is_decline(const struct platform_question *q)
{
	static const char *const words[] = {"n", "no", "c", "cancel", "q", "quit", "abort"};
	const char *said = q->reply == PLATFORM_TEXT ? q->send : q->reply == PLATFORM_KEYS ? q->keys : NULL;

	for (size_t i = 0; said != NULL && i < NP_COUNT(words); i++) {
		if (strcasecmp(said, words[i]) == 0)
			return true;
	}
	return false;
}
