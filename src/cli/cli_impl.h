/*
 * What the cli*.c files share; for them only.
 *
 *   cli_request.c  what the owner asks: run, configure, enable, ..., answer, cancel, logout
 *   cli.c          life, bytes and time in, the mover
 *   cli_op.c       operations: how each begins, goes on, ends
 *   cli_config.c   the configuration transaction
 *   cli_config_line.c  its lines, one after the other
 *   cli_text.c     its lines and blocks, and what became of them
 *   cli_login.c    login dialogue, learning, the way to IDLE
 *   cli_resync.c   interrupt and prove, or give up
 *   cli_walk.c     the way between modes; home
 *   cli_look.c     the tail of a line in flight: has it ended, and how sure is that
 *   cli_look_typed.c  before its echo, and between the lines of a text
 *   cli_ask.c      what is no prompt at the tail: pagers and questions
 *   cli_offer.c    passwords and secrets: the owner is asked first, and told what became of them
 *   cli_question.c  whether the tail asks
 *   cli_job.c      one line sent and answered: its beginning, its end, its limits
 *   cli_proof.c    the sentinel: sent, repeated, believed
 *   cli_line.c     lines of the terminal: echo, output
 *   cli_output.c   output, and what is kept back from it
 *   cli_judge.c    what the device's words mean
 *   cli_core.c     state, events, sending, the tail, silence
 *
 * Each calls only those below it.  What is to happen above is written down, and the mover acts on it:
 *
 *      bytes, time, requests
 *               |
 *               v            written down          by               what the mover does
 *   +-> look, then the clock   dying               cli_die()        cli_op_bury(): results, then DEAD
 *   |           |              job.ended           cli_job_end()    cli_op_next(): login or operation goes on
 *   |           v              pending, in IDLE    requests         cli_op_start()
 *   +---- act on what is written, until nothing moves
 */
#ifndef NP_CLI_IMPL_H
#define NP_CLI_IMPL_H

#include "cli/cli.h"
#include "cli/echo.h"
#include "platform/prompt.h"
#include "base/queue.h"
#include "cli/terminal.h"

#define CLI_HELD_MAX (64u * 1024u) /* lines kept while the echo has not come */

/* How long silence must last before it means something, in seconds. */
#define CLI_QUIET_MODE 0.03  /* a prompt of another mode */
#define CLI_QUIET_PAINT 0.15 /* a prompt before any output, where the line editor paints one and erases it */
#define CLI_QUIET_JOINED 0.3 /* a prompt behind text on the same line; another host's prompt */
#define CLI_QUIET_SILENT 0.5 /* a log message hides the prompt */
#define CLI_QUIET_ECHO 1.0   /* no echo: there will be none */
#define CLI_QUIET_STALL 3.0  /* text that looks like a question, or like the end of a prompt */
#define CLI_QUIET_DOUBT 10.0 /* text that may be a question, or the beginning of slow output */
#define CLI_QUIET_TYPED 0.5  /* the echo of a part of a long line does not come as it was typed */
#define CLI_QUIET_NUDGE 2.0  /* no prompt at login: an empty line may help */
#define CLI_QUIET_MUTE 5.0   /* nothing at all has come yet */
#define CLI_STEP_IDLE 30.0   /* limits of the driver's own lines */
#define CLI_STEP_TOTAL 60.0
#define CLI_LINE_TOTAL 300.0  /* and of a line of configuration that has none */
#define CLI_CANCEL_TOTAL 10.0 /* what remains for it when nobody waits for it any more */
#define CLI_MARK_MAX 8u       /* bytes of a mark that asks for the next line of a text */
#define CLI_QUESTIONS_MAX 30  /* answers that one line may need */
#define CLI_PAGES_MAX 200000

enum cli_job_kind {
	CLI_JOB_STEP,    /* a line of the driver's own recipes: output is not passed on */
	CLI_JOB_COMMAND, /* the user's */
	CLI_JOB_PROBE    /* an empty line: learning, keep-alive */
};

#define CLI_DOUBTS_MAX 20
#define CLI_PROOF_MAX 80 /* the sentinel, and what it says */

/* By what an answer is judged; see cli_judge.c. */
enum cli_judging {
	CLI_JUDGE_OUTPUT, /* the platform's errors alone */
	CLI_JUDGE_ANSWER, /* every word of it says something about what was typed */
	CLI_JUDGE_NOTHING
};

/*
 * A message of another user's to all: a line of the platform's `async' with "message from" announces it, its text ends
 * at an empty line.
 *
 *   NONE -> ANNOUNCED (empty lines, "***") -> TEXT -> NONE
 */
enum cli_broadcast { CLI_BROADCAST_NONE, CLI_BROADCAST_ANNOUNCED, CLI_BROADCAST_TEXT };

/* What the answer comes to so far. */
struct cli_verdict {
	enum cli_outcome outcome;
	bool known;       /* refused in words that the platform knows */
	bool error;       /* in words of its `errors` */
	bool busy;        /* refused for now */
	bool wants_text;  /* it announced a text of several lines */
	bool in_remark;   /* the last line was a remark: what is indented below belongs to it */
	bool in_sentence; /* and ended in the midst of one */
	enum cli_broadcast broadcast;
	char text[256]; /* the device's words, harmless for terminals */
};

struct cli_sentinel {
	char text[CLI_PROOF_MAX];
	char says[CLI_PROOF_MAX]; /* what it prints, up to the status; "": nothing */
};

enum cli_seen { CLI_SEEN_NOTHING, CLI_SEEN_TYPED, CLI_SEEN_SAID };

enum cli_proof { CLI_PROOF_NONE, CLI_PROOF_SENT, CLI_PROOF_REPEATED, CLI_PROOF_PROVEN };

/* A text that is remembered, a prompt mostly; as large as it is, for a shell at rest remembers for hours. */
struct cli_kept {
	char *text;
	size_t size;
};

/* One line sent and what comes back. */
struct cli_job {
	bool active;
	bool ended;           /* the mover has not heard of it yet */
	struct np_error *err; /* why it failed; NULL: it did not */
	enum cli_job_kind kind;
	char *text; /* all of it; lines of a block are sent one by one */
	size_t size;
	size_t line_at, line_size; /* the line in flight */
	size_t typed;              /* bytes of it; less than line_size: the newline too is still to come */
	struct cli_kept mark;      /* what asked for a further line of a text: it stands before its echo */
	const struct platform_questions *questions;
	const struct cli_answer *answers;
	size_t answers_count;
	struct pattern *ok;
	bool ok_seen;
	bool declined; /* a question of it was answered with no: it did not happen */
	enum cli_judging judged_as;
	struct cli_verdict verdict;
	bool raw, prove, interactive;
	bool text_optional; /* of several lines only the first is typed unless the device announces a text */
	bool expects_mode;  /* the prompt of another mode is no surprise */
	bool expects_host;  /* nor is another name in it */
	bool inside;        /* it was sent in a configuration mode: another name is the same device all the same */
	struct cli_limits limits;

	double sent_at;
	double typed_at;  /* the last part of it */
	double output_at; /* first output behind the echo that is no log message; 0: none yet */
	bool said;        /* some of it was not blank */
	struct echo echo;
	bool echo_seen, echo_absent;
	bool echo_bare;          /* no prompt stood before it: that may yet be painted */
	bool answered_once;      /* a question was answered: lines may follow without echo */
	bool received;           /* any byte since sending */
	bool literal;            /* it ended at the very prompt that was known */
	bool mid_line;           /* the beginning of this line was passed on */
	uint64_t lines_since;    /* finished lines since sending */
	struct buf held;         /* lines that may turn out to be nothing: before the echo, or in split_size's way */
	size_t split_size;       /* the first line held is so much of a prompt: a log message may have cut it in two */
	bool split_logged;       /* log messages are held behind it */
	bool split_painted;      /* on that very line, behind a whole prompt */
	bool split_context;      /* the lines that may belong to the prompt behind are held, too */
	char joined[PROMPT_MAX]; /* both parts of it */
	bool split_joined;       /* they are a prompt: what is held is no output */
	double
	    passed_quiet; /* a line began with the prompt, so the next may be hidden: so long a silence tells; or 0 */
	double passed_at; /* when the first such line came, with nothing but log messages since */
	enum cli_proof proof;
	uint64_t proof_rx;  /* bytes received when it was sent */
	bool proof_passed;  /* the prompt came behind its echo, and log messages behind that */
	size_t proof_cut;   /* so much of it was repeated when a log message came between */
	bool proof_doubted; /* output came behind its echo: another one is wanted */
	unsigned proof_doubts;
	unsigned proof_asked, proof_said; /* how often */
	char proof_nonce[16];
	bool proof_again; /* it took too long to be believed at once */
	struct buf aside; /* what stood around its echo: output, should more of that come */
	double proof_at;  /* PROVEN since */
	struct cli_sentinel sentinel;
	int status;              /* that it said */
	struct cli_kept suspect; /* what stood there, a prompt of no mode perhaps: if it comes again it is one */
	bool suspect_echoed;     /* the sentinel was repeated behind it */
	bool proof_bare;         /* its echo may stand without a prompt: none was at the tail when it was sent */

	int questions_asked;
	unsigned pages;
	struct cli_kept asked; /* the tail that was answered: not to be answered again while it stands */
	uint64_t asked_lines;
	bool asked_hidden;     /* of a person */
	struct cli_kept pager; /* text of a pager that may be left on the line */
};

/* What an operation comes to when it has begun or a line of it has ended. */
enum cli_next {
	CLI_GOES_ON,   /* a line is in flight, a resync has begun, or the shell dies */
	CLI_ENDS,      /* at a proven prompt */
	CLI_ENDS_DIRTY /* the shell is to be proven again */
};

enum cli_config_phase {
	CLI_CONFIG_ENTER,
	CLI_CONFIG_LINES,
	CLI_CONFIG_CHECK,
	CLI_CONFIG_COMMIT,
	CLI_CONFIG_ABORT,
	CLI_CONFIG_SAVE_INSIDE,
	CLI_CONFIG_LEAVE,
	CLI_CONFIG_SAVE,
	CLI_CONFIG_DONE
};

/*
 * The password or secret that the owner was asked for; see cli_offer.c.
 *
 *   NONE -> ASKED -> TYPED -> NONE       ASKED -> ALLOWED -> TYPED: a user name goes before it
 */
enum cli_offer_stage { CLI_OFFER_NONE, CLI_OFFER_ASKED, CLI_OFFER_ALLOWED, CLI_OFFER_TYPED };

struct cli_offer {
	enum cli_offer_stage stage;
	bool enable;
	struct secret *value;
	const char *name;                 /* what is typed first; NULL: the secret itself */
	const struct platform_mode *from; /* of an answer: who stays in this mode was refused; or NULL */
	double since;                     /* of this stage */
};

struct cli_event_item {
	TAILQ_ENTRY(cli_event_item) link;
	struct cli_event event;
};

/* An operation that waits for IDLE. */
struct cli_pending {
	enum cli_op op;
	struct cli_command command;
	char *text; /* the command's own copy of it, or NULL */
	struct secret *secret;
};

struct cli {
	struct platform *platform;
	char *name;
	char *username;
	struct secret *password, *secret;
	struct secret
	    *lent; /* a secret that a person gave for the operation that runs, in place of `secret'; never kept */
	bool password_used, secret_used;
	bool gated;
	struct cli_offer offer;
	enum cli_state state;
	struct cli_stats stats;
	uint64_t random;
	char tag[16]; /* "np-" and eight digits: this shell's own */

	struct terminal terminal;
	struct prompt prompt;
	struct redact *known; /* masked in texts for people */
	struct buf send, output, banner;
	TAILQ_HEAD(, cli_event_item) events;
	double now;                   /* of the call in progress */
	double last_rx;               /* last byte */
	double typed_at;              /* last byte sent */
	double heard;                 /* the last one that belongs to no log message, and to no blank line */
	double heard_line;            /* likewise, as the present line began */
	enum cli_broadcast broadcast; /* of the lines as they come; that of the verdict: as they are judged */
	double gap;                   /* longest silence inside lines that come slowly */
	size_t slow_bytes;            /* how much came so */
	char last_words[160];         /* of the login: the last line that said something */
	bool drained;                 /* since the last byte */
	double rtt;                   /* smoothed, from sending to the first byte */
	/* The tail as it was when a prompt was accepted: the prompt, but perhaps more than it, or only its end. */
	struct cli_kept rest;
	double wake_at;
	/* Lines just before the tail that may belong to the prompt, oldest first. */
	struct cli_kept context[PLATFORM_CONTEXT_MAX];
	size_t context_count;
	size_t prompt_blanks; /* blank lines that the device puts before its prompt by itself: an empty line told */
	const struct platform_mode *prompt_blanks_mode; /* and in which mode */

	struct cli_job job;
	enum cli_op op;
	double op_began;
	bool op_sent;             /* something of it was typed */
	struct cli_command asked; /* what it is; the text only of a configuration */
	struct cli_pending pending;
	const struct platform_mode *home; /* where the shell belongs */
	struct cli_kept home_shown;       /* its prompt */
	struct cli_kept home_context;     /* and the line before it, of prompts that have several */
	bool renamed;                     /* the name in the prompt was changed by a line of configuration */
	const struct platform_mode *goal; /* of a walk between modes */
	int walk_steps;
	struct cli_kept walk_from; /* the prompt before the last step: a step that leads nowhere ends it */
	size_t step;               /* index into the steps being run */
	bool dirty;                /* IDLE, but something came that was not expected: prove before anything is sent */
	unsigned changes;          /* counts moves, so that timers are looked at again after one */
	bool foreign;              /* the prompt of another host was accepted: never reused */

	/* LOGIN */
	double login_deadline;
	int nudges, learns;
	bool asked_in_band; /* a question of the login was answered */
	bool name_given;    /* the last one was for a name */

	/* RESYNC */
	int sync_attempts;
	double sync_deadline;
	bool sync_sent, sync_echoed;
	uint64_t sync_rx; /* bytes received when it was sent */
	bool sync_gentle; /* nothing runs that we know of: ask before interrupting */
	struct cli_sentinel sync_sentinel;

	/* CONFIG */
	enum cli_config_phase phase;
	struct cli_result *tally; /* its err: the first failure */
	bool config_cancelled;
	size_t config_line, config_at; /* the next one, or the first in flight: its index, and where it begins */
	size_t config_next;            /* where the one behind those in flight begins */
	bool abort_failed;
	bool commit_unknown; /* nothing tells whether it happened */
	bool discarded;      /* no candidate is known, and yet the device asked whether to commit, and was told no */
	bool leaving;        /* LEAVE goes on mode by mode */
	bool config_failed;  /* what was done is to be undone, where that is possible */
	char config_tag[16];

	double logout_deadline;
	struct np_error *dead; /* why it ends; the mover has not heard of it yet */
};

/* --- cli.c --- */

/* The mover: see above. */
void cli_think(struct cli *cli);

/* --- cli_core.c --- */

/* The only way into a state: checks and logs it, and says READY when nothing waits for IDLE.  Nothing leads out of
 * CLOSED. */
void cli_set_state(struct cli *cli, enum cli_state state);
void cli_emit(struct cli *cli, const struct cli_event *event);
/* Remembers this in its place; NULL: nothing. */
void cli_keep(struct cli_kept *kept, const char *text, size_t size);
/* Something is kept, and text begins with it. */
bool cli_begins(const char *text, size_t size, const struct cli_kept *kept);
/* Wiped. */
void cli_forget(void *p, size_t size);
/* Sends text and the platform's newline. */
void cli_type(struct cli *cli, const char *text, size_t size);
/* Without the newline. */
void cli_type_part(struct cli *cli, const char *text, size_t size);
void cli_type_keys(struct cli *cli, const char *keys);
/* A fresh "np-xxxxxxxx". */
void cli_nonce(struct cli *cli, char out[16]);
/* The tail with its context lines. */
struct platform_view cli_view(const struct cli *cli);
/* Judges the tail as it is now. */
struct prompt_match cli_look(const struct cli *cli);
/* Seconds since the last byte. */
double cli_quiet(const struct cli *cli);
/* Whether silence has lasted so long; else sees to it that somebody looks again. */
bool cli_quiet_for(struct cli *cli, double seconds);
/* Whether it is a few characters that are no word, as devices put before the next line of a text. */
bool cli_is_mark(const char *text, size_t size);
/* Asks to be ticked in so many seconds (or earlier). */
void cli_wake_in(struct cli *cli, double seconds);
/* A copy for people: without secrets and control bytes, cut to size. */
void cli_show(const struct cli *cli, const char *text, size_t size, char *out, size_t out_size);
/* The shell is of no use any more: CLOSED, and the mover ends what runs. */
void cli_die(struct cli *cli, enum np_reason reason, const char *fmt, ...) NP_PRINTF(3, 4);

/* Remembers the tail, which was taken for a prompt; view: that prompt, which is learned. */
void cli_settle(struct cli *cli, const struct platform_view *view, const struct platform_mode *mode);
/* Whether the tail is still as it was then, or empty, or the prompt again. */
bool cli_is_settled(const struct cli *cli);

/* --- cli_judge.c --- */

/* A line of the answer, or its beginning. */
void cli_judge_line(struct cli *cli, const char *text, size_t size);
/* Follows messages to all over the lines, each of which is given once. */
void cli_judge_broadcast(const struct cli *cli, enum cli_broadcast *at, const char *line, size_t size);
/* Whether the steps of this phase change what a person relies on: they must prove it. */
bool cli_judge_is_claim(const struct cli *cli);
/* Of a step: TAKEN when it is done (proven, where it must prove that), REFUSED, or UNCLEAR when nothing tells. */
enum cli_outcome cli_judge_step(const struct cli *cli);
/* A question was answered. */
void cli_judge_answered(struct cli_job *job);
/* The sentinel was typed at what may be the prompt of no mode: what follows may answer that. */
void cli_judge_strayed(struct cli *cli);
/* Whether this answer of a recipe is a no. */
bool cli_judge_is_decline(const struct platform_question *q);
/* Whether the text says that lines are to follow, and how to end them. */
bool cli_judge_announces(const char *text, size_t size);

/* --- cli_line.c --- */

/* A line of the terminal, or (end false) what stands before one that is too long. */
void cli_line(struct cli *cli, const char *line, size_t size, bool end);
/* How much of the line is a prompt in front of something else: the known one, or any before the text that was typed. */
size_t cli_prompt_before(const struct cli *cli, const char *line, size_t size, const char *typed, size_t typed_size);

/* --- cli_output.c --- */

/* Passes text on as output; end: with a newline. */
void cli_output_line(struct cli *cli, const char *text, size_t size, bool end);
/* Passes on the context lines, which belong to no prompt. */
void cli_context_flush(struct cli *cli);
/* Passes on those that the prompt at the tail does not bring along by itself. */
void cli_context_part(struct cli *cli, const struct platform_mode *mode);
/* Keeps the line back when it may belong to a prompt; output: what must give way for it is output. */
bool cli_context_take(struct cli *cli, const char *text, size_t size, bool output);
void cli_context_clear(struct cli *cli);
/* The lines that were held are output after all. */
void cli_held_flush(struct cli *cli);
/* The same of lines in a buffer, which is empty then. */
void cli_output_lines(struct cli *cli, struct buf *lines);
/* One of the platform's log messages. */
bool cli_is_log(const struct cli *cli, const char *line, size_t size);
/* A prompt, of another mode perhaps, that a log message cut in two: its beginning is held, view becomes all of it. */
struct prompt_match cli_join_split(struct cli *cli, struct platform_view *view);
/* Keeps text back; -1: no more than that. */
int cli_hold(struct cli *cli, const char *text, size_t size, bool end);
/* What is kept back is no part of a prompt. */
void cli_hold_forget(struct cli_job *job);
/* A line between echo and prompt: true when it is no output all the same, or kept back. */
bool cli_is_paint(struct cli *cli, const char *line, size_t size);
/* True when the line is kept back, as a prompt that a log message may have cut, or what came behind it. */
bool cli_split_take(struct cli *cli, const char *line, size_t size);

/* --- cli_proof.c --- */

/* A sentinel that no output can hold. */
void cli_sentinel_make(struct cli *cli, struct cli_sentinel *out);
/*
 * Whether the line ends in the sentinel as it was typed, or as line editors paint it, or in what it says.  before:
 * bytes in front of that; status: what it says.
 */
enum cli_seen cli_sentinel_seen(
    const struct cli *cli, const struct cli_sentinel *s, const char *line, size_t size, size_t *before, int *status);
/* Whether the prompt at the tail is that behind the sentinel; false also when it took too long to be that. */
bool cli_proof_holds(struct cli *cli);
/* Sends the sentinel; false when the platform has none.  bare: its echo may stand without a prompt. */
bool cli_job_prove(struct cli *cli, bool bare);
/* What a comment can make a device say: nothing, its prompt, log messages, that it knows no comments. */
bool cli_is_comment_answer(const struct cli *cli, const char *line, size_t size);
/* A line while a sentinel is on its way: true when it is none of the command's output. */
bool cli_proof_line(struct cli *cli, const char *line, size_t size);

/* --- cli_job.c --- */

struct cli_job_spec {
	enum cli_job_kind kind;
	const char *text;
	size_t size;
	const struct platform_step *step;  /* questions, ok, timeout; or NULL */
	const struct cli_command *command; /* likewise */
	bool expects_mode;
	bool text_optional;
	enum cli_judging judged_as;
};
void cli_job_start(struct cli *cli, const struct cli_job_spec *spec);
/* A step of a recipe; its placeholders are filled. */
void cli_job_step(struct cli *cli, const struct platform_step *step);
/* An empty line. */
void cli_job_probe(struct cli *cli);
/* Types the line that begins at `at`, or as much of it as may be in flight. */
void cli_job_type_line(struct cli *cli, size_t at);
/* The rest of it, likewise. */
void cli_job_type_rest(struct cli *cli);
/* Ends at this prompt; before: bytes of the view in front of it, which are output. */
void cli_job_accept(struct cli *cli, const struct platform_view *view, const struct prompt_match *match, size_t before);
/* The limits and the quiet times. */
void cli_job_tick(struct cli *cli);
/* Ends it; err NULL: at a proven prompt.  The mover goes on from there. */
void cli_job_end(struct cli *cli, const struct np_error *err);
/* The operation ends under it: what came of its output is passed on. */
void cli_job_abandon(struct cli *cli);
void cli_job_clear(struct cli *cli);
/* 0 when every line of the text can be typed. */
int cli_check_text(const char *text, size_t size, struct np_error *err) NP_MUST_CHECK;

/* --- cli_look.c --- */

/* Looks at the tail: may end the job. */
void cli_job_look(struct cli *cli);

/* --- cli_look_typed.c --- */

/* A long line is typed in parts, each when the one before was echoed. */
void cli_look_while_typing(struct cli *cli, const struct platform_view *view);
/* The prompt is there, but the echo is not. */
void cli_look_without_echo(struct cli *cli, struct platform_view *view, struct prompt_match match);
/* The text of several lines: the next one, unless the device is back at its prompt. */
void cli_look_in_block(struct cli *cli, struct platform_view *view, const struct prompt_match *match);
/* Passes over prompts that stand before the rest of the tail, which nothing echoed; true: there were some. */
bool cli_skip_old_prompt(const struct cli *cli, struct platform_view *view);

/* --- cli_ask.c --- */

/* The tail without what was already answered on this line; an empty view when nothing was added since. */
struct platform_view cli_unasked(const struct cli *cli);
/* The tail was answered: it is not answered again while it stands. */
void cli_note_asked(struct cli *cli);

/* Deals with a tail that is no prompt: pager, question; true when it did something or ended the job. */
bool cli_ask(struct cli *cli);
/* Whether the tail still begins with what was answered, or asked of a person: the device may go on by itself. */
bool cli_question_stands(const struct cli *cli);
/* The person's answer, or NULL: none will come. */
void cli_question_end(struct cli *cli, struct secret *text);
/* Finds the question of this list that the tail asks, or NULL. */
const struct platform_question *cli_find_question(const struct platform_questions *list, const char *tail, size_t size);
/* Sends the reply of a dialogue; -1 with err when it may not or cannot. */
int cli_reply(struct cli *cli, const struct platform_question *q, const char *tail, size_t size, struct np_error *err);

/* --- cli_offer.c --- */

/* Types the secret, or a name before it (NULL: none): at once, or when the owner allows it. */
void cli_offer(struct cli *cli, bool enable, struct secret *value, const char *name);
/* Likewise, of the request, for the privileged mode. */
void cli_offer_answer_of_request(struct cli *cli, struct secret *value);
/* The owner has allowed it. */
void cli_offer_allowed(struct cli *cli);
/* What was typed is judged; what was not is unused. */
void cli_offer_end(struct cli *cli, enum cli_judged judged, const char *words);
/* The login or the operation ends for this, which then says so where a secret has had no verdict. */
void cli_offer_lost(struct cli *cli, struct np_error *err);

/* --- cli_question.c --- */

/* How sure it is that the tail waits for an answer. */
enum cli_asking {
	CLI_ASKS_NOT,
	CLI_ASKS_OR_PROMPTS, /* it ends with what ends prompts, too */
	CLI_ASKS_PERHAPS,    /* it ends as questions do */
	CLI_ASKS_LIKELY,     /* with a mark of them, or with what a default stands in: "Protocol [ip]:" */
	CLI_ASKS             /* one that the platform knows, for a secret, or yes or no */
};
/* The one definition of a question; hidden: its answer is not to be seen again. */
enum cli_asking cli_asking(const struct cli *cli, const struct platform_view *view, bool *hidden);
/* Whether it counts the time while the device works: "...", "....++++", "[###  ]", "Loading 45%". */
bool cli_is_progress(const struct platform_view *view);
/* Whether the tail waits for an answer, as far as its words and its end tell. */
bool cli_is_question(const struct cli *cli, const struct platform_view *view);
/* Whether it ends as prompts do: whose, the modes of the platform do not know. */
bool cli_looks_like_prompt(const struct platform_view *view);

/* --- cli_walk.c --- */

void cli_walk_begin(struct cli *cli, const struct platform_mode *goal);
/* Moves one step toward the goal: 1 when it is there, 0 when a step was started, -1 with err. */
int cli_walk(struct cli *cli, struct np_error *err) NP_MUST_CHECK;
/* The prompt as it is now is where the shell belongs. */
void cli_home_learn(struct cli *cli);
bool cli_is_home(const struct cli *cli);

/* --- cli_login.c --- */

void cli_login_look(struct cli *cli);
void cli_login_tick(struct cli *cli);
void cli_login_ended(struct cli *cli, const struct np_error *err);

/* --- cli_op.c --- */

/* Begins the operation that waits. */
void cli_op_start(struct cli *cli);
/* A line ended: the login, or the operation, goes on or ends. */
void cli_op_next(struct cli *cli);
/* The result of the operation; then IDLE, or RESYNC when dirty. */
void cli_op_end(struct cli *cli, const struct np_error *err, bool dirty);
/* The shell is CLOSED: the result of what ran and of what waited, and DEAD. */
void cli_op_bury(struct cli *cli);
/* The result of what waits, if anything does. */
void cli_pending_drop(struct cli *cli, const struct np_error *err);
void cli_pending_clear(struct cli *cli);
void cli_logout_look(struct cli *cli);
void cli_logout_tick(struct cli *cli);

/* --- cli_config.c --- */

/* As cli_op.c's table says. */
enum cli_next cli_config_begin(struct cli *cli, struct np_error *err);
enum cli_next cli_config_ended(struct cli *cli, struct np_error *err);
/* The shell is gone, and why: what became of the lines.  What had failed before is put in front of that. */
void cli_config_lost(struct cli *cli, struct np_error *why);

void cli_config_set_phase(struct cli *cli, enum cli_config_phase phase);
/* The first failure is the one that is told. */
void cli_config_fail(struct cli *cli, enum np_reason reason, const char *fmt, ...) NP_PRINTF(3, 4);
/* On the way to what undoes. */
void cli_config_undo(struct cli *cli);
bool cli_config_committed_and_left(const struct cli *cli);

/* --- cli_config_line.c --- */

/* The next line; true when one is in flight. */
bool cli_config_next_line(struct cli *cli);
/* It ended; err NULL: at a prompt. */
void cli_config_line_done(struct cli *cli, const struct np_error *err);

/* --- cli_text.c --- */

struct cli_text_line {
	const char *text;
	size_t size; /* without what ends it */
	size_t next; /* where the one behind it begins */
};
/* The line that begins there; false: there is none. */
bool cli_text_line_at(const struct cli_command *c, size_t at, struct cli_text_line *line);
bool cli_text_is_empty(const struct cli_text_line *line);
/* 0 when every line of it can be typed. */
int cli_config_check_text(const struct platform *p, const struct cli_command *c, struct np_error *err) NP_MUST_CHECK;
/* Whether the line is a commit of its own: where there is a candidate, what stands before it is real then. */
bool cli_text_commits(const struct platform *p, const char *text, size_t size);
/* What proves that this line saved, if it is the platform's own way to save, abbreviated perhaps; else NULL. */
struct pattern *cli_text_saves(const struct platform *p, const char *text, size_t size);
/* Whether it only shows, leaves a mode or is a comment. */
bool cli_text_changes_nothing(const struct platform *p, const char *text, size_t size);
/* Takes the lines that belong together: one, or a block with its end; true: which the device may not want. */
bool cli_text_take(struct cli *cli);
/* Tells what became of the lines in flight; of a text of several those that were never typed are not run. */
void cli_text_report(struct cli *cli, enum cli_outcome outcome, const char *text);
/* The rest was not run. */
void cli_text_report_rest(struct cli *cli);
/* How many were taken, with a remark or without. */
size_t cli_text_taken(const struct cli *cli);

/* --- cli_resync.c --- */

/* gentle: ask for the prompt first, interrupt only when it does not come. */
void cli_resync_begin(struct cli *cli, bool gentle);
void cli_resync_line(struct cli *cli, const char *line, size_t size);
void cli_resync_look(struct cli *cli);
void cli_resync_tick(struct cli *cli);

#endif
