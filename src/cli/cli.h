/*
 * The cli driver: one object for each interactive shell on a network device.  It eats the shell's bytes and the time,
 * appends bytes to send and output to pass on, and says what happened.  No descriptor, no loop, no clock of its own.
 *
 *   LOGIN -> LEARN -> ENABLE -> PREPARE -> IDLE <-> RUNNING <-> QUESTION
 *                                           ^|          |
 *                                           |v          v
 *                                          RESYNC <-----+      any -> LOGOUT -> CLOSED
 *
 * The law: IDLE is entered by proof only, and the proof is the prompt at the tail of a drained channel, behind the echo
 * of what was sent.  One operation at a time; its result comes once.  What it is given to send is sent once, never
 * again.
 *
 * How the owner drives it (all times are clock_now()):
 *   - bytes arrived: cli_feed(), again after cli_output() was emptied while it takes less than all of them;
 *   - nothing more to read at this moment, all bytes taken: cli_drained();
 *   - at cli_wake_at(): cli_tick();
 *   - after each of these and after each request: write cli_send(), pass cli_output() on, then take the events until
 *     there is none.  Output of an operation is complete in cli_output() when its CLI_EVENT_RESULT is taken.
 *   - the channel ended: cli_closed().
 */
#ifndef NP_CLI_H
#define NP_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "platform/pattern.h"
#include "platform/platform.h"
#include "secret/redact.h"

#define CLI_COMMAND_MAX 2000           /* bytes of one line that is sent */
#define CLI_OUTPUT_HIGH (256u * 1024u) /* cli_feed() takes nothing more while so much waits in cli_output() */

/*
 *   LOGIN <-> LEARN -> ENABLE -> PREPARE -> IDLE <-> RUNNING <-> QUESTION
 *                                            ^ \      ^ |
 *                                            |  v     | v
 *                                            +--- RESYNC         any -> LOGOUT -> CLOSED, any -> CLOSED
 */
enum cli_state {
	CLI_LOGIN,    /* banners and login dialogue, until something looks like a prompt */
	CLI_LEARN,    /* that prompt must come again after an empty line */
	CLI_ENABLE,   /* on the way to the mode where commands run */
	CLI_PREPARE,  /* paging off, width */
	CLI_IDLE,     /* at a proven prompt */
	CLI_RUNNING,  /* an operation */
	CLI_QUESTION, /* it asks something that only a person can answer: clocks stand still */
	CLI_RESYNC,   /* interrupted or suspect: to be proven again */
	CLI_LOGOUT,
	CLI_CLOSED
};

enum cli_op { CLI_OP_NONE, CLI_OP_RUN, CLI_OP_CONFIG, CLI_OP_ENABLE, CLI_OP_KEEPALIVE, CLI_OP_RESET };

struct cli_options {
	struct platform *platform; /* a reference is taken */
	const char *name;          /* for the log: the device and session */
	const char *username;      /* for dialogues inside the shell; NULL: none */
	struct secret *password;   /* likewise, sent once at most and only at a prompt for it */
	struct secret *secret;     /* given: shells are brought to the platform's base mode and stay there */
	struct redact *known;      /* every secret that is sent is added here first; NULL: nobody else looks */
	bool gated;                /* no password or secret is sent before the owner has allowed it: CLI_EVENT_OFFER */
	double login_timeout;      /* seconds from cli_create() to IDLE; 0: 30 */
	uint64_t seed;             /* for the nonces: different for each shell */
};

/* For questions of commands: text is sent, with a newline, when match finds something in the last line. */
struct cli_answer {
	struct pattern *match; /* PATTERN_ANYWHERE; the caller's, until the result */
	struct secret *text;   /* likewise */
};

/* Seconds; 0 = no limit. */
struct cli_limits {
	double first_byte; /* from sending to the first output behind the echo */
	double idle;       /* between bytes, renewed by each */
	double total;
};

/*
 * What is asked of a command line: the facts of one command, or of the lines of a configuration, as the request's
 * params say them (params.h) and the driver uses them.  What they point to is the caller's, until the result.
 */
struct cli_command {
	const char
	    *text; /* a command without its newline, its lines sent one by one; lines of a configuration with it */
	size_t size;
	struct cli_answer *answers;
	size_t answers_count;
	struct cli_limits limits; /* of a configuration: of one line */
	/* Commands: */
	bool raw;           /* output is the bytes as they came, from sending to the prompt */
	bool prove;         /* end only behind a sentinel, where the platform has one */
	bool interactive;   /* questions are relayed as CLI_EVENT_QUESTION */
	bool ignore_errors; /* lines like the platform's errors are output like any other */
	/* Configurations: */
	bool keep_going; /* an error of one line does not end it (and the candidate is committed all the same) */
	bool dry_run;    /* candidates only: check and show, then abort */
	bool save;
	int confirm_minutes; /* candidates only: commit, undone by the device unless confirmed in time; 0 = plain */
};

/* What became of a line of a configuration, from the best to the worst; see cli_judge.c. */
enum cli_outcome {
	CLI_TAKEN,   /* the device was silent */
	CLI_REMARK,  /* taken; it said something known to be harmless */
	CLI_UNCLEAR, /* it said something that is known neither so nor so, or nothing in time */
	CLI_REFUSED,
	CLI_NOT_RUN /* never typed */
};

struct cli_result {
	enum cli_op op;
	struct np_error err;  /* reason REASON_NONE: it ended at a prompt */
	bool sent;            /* something of it was typed: if not, it may be tried on another shell */
	bool device_error;    /* a line of output is one of the platform's errors */
	char error_line[256]; /* the first such line, harmless for terminals */
	char prompt[128];     /* that ended it */
	const char *mode;     /* lives as long as the platform */
	int status;           /* of a command of a shell, when proof told one; else 0 */
	bool echo_absent;     /* the device did not repeat the command */
	double duration;      /* seconds from sending */
	/* CLI_OP_CONFIG */
	size_t lines[CLI_NOT_RUN + 1]; /* by outcome */
	bool temporary;                /* it was refused for now: somebody else holds the lock, the device is busy */
	bool committed, aborted, saved;
	bool live;    /* lines act at once there, and some were typed; with `aborted': but what a sub-mode began */
	bool unended; /* lost in a sub-mode whose lines act only where it ends, or the device complained as it ended */
};

/* What became of a password or secret that the owner was asked for. */
enum cli_judged {
	CLI_ACCEPTED, /* a prompt was proven behind it, or another one was asked for */
	CLI_DENIED,
	CLI_UNJUDGED, /* it was typed; then silence, or the end of the shell */
	CLI_GIVEN_UP, /* likewise, as the owner ended it */
	CLI_UNUSED    /* it was not typed */
};

enum cli_event_kind {
	CLI_EVENT_READY,    /* IDLE: the next operation may begin */
	CLI_EVENT_RESULT,   /* of the operation */
	CLI_EVENT_LINE,     /* of a configuration: what became of a line, or of several that follow each other */
	CLI_EVENT_QUESTION, /* answer with cli_answer() */
	CLI_EVENT_OFFER,    /* gated: cli_offer_answer(), at once or later; until then all stands still */
	CLI_EVENT_JUDGED,   /* what became of that; comes for each OFFER, with no other one between them */
	CLI_EVENT_DEAD      /* CLOSED: of no further use; close the channel.  The last event */
};

struct cli_event {
	enum cli_event_kind kind;
	struct cli_result result; /* RESULT */
	size_t line, last;        /* LINE: indexes of the first and the last one */
	size_t count;             /* LINE: how many of them; those that are blank may not count */
	enum cli_outcome outcome; /* LINE */
	char text[512];           /* LINE: the device's words; QUESTION: the question; DEAD, JUDGED: why */
	bool hidden;              /* QUESTION: the answer is not to be shown */
	struct np_error err;      /* DEAD: reason REASON_NONE when it was logged out on purpose */
	struct secret *secret;    /* OFFER: to be read at once, no reference */
	bool enable;              /* OFFER: it leads to the privileged mode; else it is the login's password */
	bool given;               /* OFFER: for this operation, by a person */
	bool configured;          /* OFFER: it is one of the options */
	enum cli_judged judged;   /* JUDGED */
};

struct cli_stats {
	uint64_t bytes_in, commands, keepalives, resyncs;
	uint64_t late;  /* bytes behind a declared end that were no log messages: each forced a resync */
	uint64_t async; /* lines that the device sent by itself */
};

struct cli *cli_create(const struct cli_options *options, double now) NP_MALLOC;
/* Wipes all that it held. */
void cli_destroy(struct cli *cli);

enum cli_state cli_state(const struct cli *cli);
const char *cli_state_name(enum cli_state state);
/* The mode of the last prompt, or NULL before there was one. */
const struct platform_mode *cli_mode(const struct cli *cli);
const struct cli_stats *cli_stats(const struct cli *cli);
/* The texts of the login, cut to a few KiB: for recognising platforms. */
const char *cli_banner(const struct cli *cli);

/* Whether the login asked for something inside the shell: a name, a password, a choice. */
bool cli_was_asked(const struct cli *cli);

/* Takes bytes; returns how many.  Fewer than n: empty cli_output() first. */
size_t cli_feed(struct cli *cli, const void *bytes, size_t n, double now) NP_MUST_CHECK;
void cli_drained(struct cli *cli, double now);
void cli_tick(struct cli *cli, double now);
/* When cli_tick() has something to do; 0: never. */
double cli_wake_at(const struct cli *cli);
/* Nothing is expected for a while: gives back what it does not need at its prompt. */
void cli_rest(struct cli *cli);
/* The channel ended, for why (may be NULL). */
void cli_closed(struct cli *cli, const char *why, double now);

/* Bytes for the device, to be consumed as they are written. */
struct buf *cli_send(struct cli *cli);
/* Output of the operation, to be consumed. */
struct buf *cli_output(struct cli *cli);
/* The next event; false: none. */
bool cli_next_event(struct cli *cli, struct cli_event *event);

/*
 * Each begins an operation in IDLE; in RESYNC, and while a keep-alive runs, it waits for IDLE.  0, or -1 with err when
 * it cannot: invalid_params for text that cannot be typed (control bytes are keys), internal when another operation is
 * in the way.
 */
int cli_run(struct cli *cli, const struct cli_command *command, double now, struct np_error *err) NP_MUST_CHECK;
/* Also when the platform has no configuration, or no candidate where one is needed: invalid_params. */
int cli_configure(struct cli *cli, const struct cli_command *config, double now, struct np_error *err) NP_MUST_CHECK;
/* To the platform's base mode, with this secret (NULL: that of the options); privilege_failed when it cannot be. */
int cli_enable(struct cli *cli, struct secret *secret, double now, struct np_error *err) NP_MUST_CHECK;
/* An empty command, as a transaction like any other. */
int cli_keepalive(struct cli *cli, double now, struct np_error *err) NP_MUST_CHECK;
/* The end of a lease: back to the mode that the shell had after login.  Ends at once when it is there. */
int cli_reset(struct cli *cli, double now, struct np_error *err) NP_MUST_CHECK;

/* The person's answer to CLI_EVENT_QUESTION; NULL: none, the operation ends with waiting_for_input. */
void cli_answer(struct cli *cli, struct secret *text, double now);
/* Answers CLI_EVENT_OFFER: why NULL, and it is typed; else the login, or the operation, ends for that. */
void cli_offer_answer(struct cli *cli, const struct np_error *why, double now);
/*
 * Ends the operation: a command is interrupted, its result is `cancelled`; a configuration finishes the line in flight,
 * then aborts (candidate) or leaves (others).  No effect without one.
 */
void cli_cancel(struct cli *cli, double now);
/* Says goodbye and expects the device to close; CLI_EVENT_DEAD comes within seconds.  At any time. */
void cli_logout(struct cli *cli, double now);

#endif
