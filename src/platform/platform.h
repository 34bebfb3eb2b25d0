/*
 * Platform definitions: what a YAML file tells the cli driver about a vendor's command line (netpulse-platform(5)).
 *
 * Immutable and counted.  Every expression is compiled when the file is read, and every reference checked: a platform
 * that exists can be used.  Pure but for platform_find.c, which reads directories.  Main thread (patterns match with
 * scratch memory of their own).
 */
#ifndef NP_PLATFORM_H
#define NP_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/strings.h"
#include "platform/pattern.h"

struct docfile;

#define PLATFORM_CONTEXT_MAX 4 /* lines of a prompt before its last */
#define PLATFORM_WORD_MAX 64   /* bytes of a word that has an abbreviation */
#define PLATFORM_DEPTH_MAX 8   /* modes inside modes, and `extends` */

/* Where the transcripts that prove a definition come from. */
enum platform_origin { PLATFORM_DOCUMENTED, PLATFORM_SIMULATED, PLATFORM_RECORDED };

/* What exec channels do on it, until a device teaches otherwise. */
enum platform_exec {
	PLATFORM_EXEC_UNKNOWN,
	PLATFORM_EXEC_NONE,      /* shell only */
	PLATFORM_EXEC_ONCE,      /* one exec for each connection */
	PLATFORM_EXEC_MANY,      /* works, but the shell is preferred */
	PLATFORM_EXEC_PREFERRED, /* where neither enable nor configuration is wanted */
};

/* What is sent for a question. */
enum platform_reply {
	PLATFORM_TEXT,     /* `send`: text and a newline */
	PLATFORM_KEYS,     /* `keys`: as it is, no newline */
	PLATFORM_USERNAME, /* `reply`: the login's own, and a newline */
	PLATFORM_PASSWORD,
	PLATFORM_SECRET
};

struct platform_question {
	struct pattern *match; /* PATTERN_END, on the last line */
	enum platform_reply reply;
	char *send, *keys; /* of PLATFORM_TEXT and _KEYS */
};

struct platform_questions {
	struct platform_question *items;
	size_t count;
};

/* What a step that worked prints, where that is known. */
enum platform_says { PLATFORM_SAYS_SOMETHING, PLATFORM_SAYS_NOTHING };

/* Which quotes may be left open by a line of configuration, to be closed by a later one. */
enum platform_quotes { PLATFORM_QUOTES_NONE, PLATFORM_QUOTES_DOUBLE, PLATFORM_QUOTES_BOTH };

/* One line that the driver sends by itself, and what may follow. */
struct platform_step {
	char *send;         /* may hold {nonce}, {cols}, {minutes}, {seconds}, {hh:mm}: platform_expand() */
	bool optional;      /* an error of the device changes nothing */
	struct pattern *ok; /* when given, some line of the answer must match (PATTERN_ANYWHERE) */
	enum platform_says says;
	struct platform_questions questions;
	double timeout; /* 0: the driver's */
};

struct platform_steps {
	struct platform_step *items;
	size_t count;
};

struct platform_mode {
	char *name;
	struct pattern *prompt;  /* PATTERN_WHOLE, the last line; (?<host>...) is the device's own name */
	struct pattern *context; /* PATTERN_WHOLE, a line before it that must be there; or NULL */
	char *parent_name;
	const struct platform_mode *parent; /* the mode that `leave` leads to; NULL: outermost */
	struct platform_step *enter;        /* from the parent; NULL: the driver never goes there */
	struct platform_step *leave;        /* NULL: nothing leads out */
	struct platform_step *login;        /* sent when a login lands here */
	bool config;                        /* configuration lines may run here */
	struct strings samples; /* prompts of this mode, context lines before "\n": what the lint and the tests try */
	int line;               /* of the file */
};

/* A line that begins a text of several lines, which are typed as one. */
struct platform_block {
	struct pattern *match; /* PATTERN_START; its (?<end>...) is a word in the last line, where `end' is NULL */
	struct pattern *end;   /* PATTERN_WHOLE: the last line */
	bool optional;         /* the device says when it waits for the text; else the first line was all */
};

struct platform_config {
	bool given;
	struct platform_steps enter; /* empty: lines run at the base mode */
	bool candidate;              /* lines change nothing until commit: all or nothing */
	struct platform_steps check;
	struct platform_steps commit;
	struct platform_steps confirmed; /* {minutes}, {seconds} or {hh:mm} */
	struct platform_steps abort;     /* throws the candidate away; for others, brings a sub-mode to an end */
	struct platform_steps leave;
	struct platform_steps save;
	bool save_inside;  /* `save` comes before `leave`, not after it */
	bool saves_itself; /* what is committed, or live, is saved: there is no `save` */
	struct platform_block *blocks;
	size_t blocks_count;
	enum platform_quotes quotes;
	bool brackets;                /* likewise those, and a backslash at its end */
	struct pattern_list shows;    /* PATTERN_START: lines that are meant to print something */
	struct pattern_list remarks;  /* PATTERN_START: answers to a line that was taken all the same */
	struct pattern_list refusals; /* PATTERN_START: answers to one that was not; `errors` are, too */
	struct pattern_list busy;     /* PATTERN_START: likewise, for now */
};

struct platform {
	unsigned refs;
	char *name;
	char *title;
	struct strings aliases;
	char *file; /* it was read from */
	enum platform_origin origin;
	char *source; /* for people: where the facts are from */

	/* The terminal. */
	char *newline;
	char *interrupt;
	char *term;
	int cols, rows;
	bool echo; /* it repeats what is typed (default) */
	bool cr_ends_line;
	int window;         /* bytes of a line that may be typed before the device has echoed them */
	bool repaint;       /* it prints a prompt before the output, and erases it */
	char *login_suffix; /* appended to the user name of the login */

	/* Prompts. */
	struct platform_mode **modes;
	size_t modes_count;
	char *base_mode_name;
	const struct platform_mode *base_mode; /* where commands run when a secret is configured */
	int prompt_lines;
	struct pattern_list prompt_context; /* PATTERN_WHOLE: lines before the prompt that belong to it */
	struct pattern_list false_prompts;  /* PATTERN_WHOLE */
	struct pattern_list mask;           /* PATTERN_ANYWHERE: parts of a prompt that change by themselves */
	int host_cut;                       /* names longer than this are cut in some modes; 0 = never */
	struct pattern_list mode_change;    /* PATTERN_START: commands after which another prompt is no surprise */

	/* Dialogues. */
	struct platform_questions login;
	struct platform_questions pager;
	char *pager_quit;              /* keys that leave a pager */
	struct pattern_list passwords; /* PATTERN_END: prompts for something that is not echoed */
	struct pattern_list questions; /* PATTERN_END: questions that commands ask */
	struct platform_steps prepare;
	struct platform_steps
	    reset; /* at the end of a lease, in a mode that is not the base; empty: the modes' own ways */
	struct platform_steps logout;
	struct platform_config config;

	/* Reading output. */
	struct pattern_list errors; /* PATTERN_START, a line of output */
	struct pattern_list ignore; /* PATTERN_START: lines that are no errors all the same */
	struct pattern_list async;  /* PATTERN_START: lines that come by themselves, as log messages */
	struct pattern_list redact; /* PATTERN_ANYWHERE, the secret is (?<end>...) or all of it: for transcripts */
	char *sentinel;             /* a line without effect, holding {nonce}; NULL: there is none */
	char *sentinel_says;        /* what it prints, holding {nonce} and {status} as its end; NULL: nothing */
	bool prove;
	bool
	    bare; /* prompts of some mode are like ordinary text, until `prepare' sets another one, or each is proven */

	/* What commands do, for policies. */
	struct strings abbreviations;  /* "sh[ow]": what may be left out of a word */
	struct pattern_list read_only; /* PATTERN_WHOLE: commands that change nothing */
	struct pattern_list filters;   /* PATTERN_WHOLE: what may stand behind a `|` and only picks lines */

	/* Limits and habits. */
	enum platform_exec exec;
	int max_sessions; /* VTY lines to use at most */
	double idle;      /* the device closes an unused shell after so long; 0 = unknown */
	bool keepalive_ssh;
	double keepalive_cli; /* seconds; 0 = none */

	/* Recognition. */
	struct pattern_list
	    detect; /* PATTERN_ANYWHERE, in the SSH banner, login texts or the answer to detect_command */
	char *detect_command;

	uint64_t fingerprint;    /* of its text and that of its bases: whether a reload changed it */
	struct strings warnings; /* "FILE:LINE: ..." of the lint: allowed, but unwise */
};

/* Gives another definition, for `extends`: 0 and the file, which the caller finishes, or -1 with err. */
typedef int platform_base_fn(void *arg, const char *name, struct docfile *file, struct np_error *err);

/*
 * Reads one definition; file stands in messages and must be called NAME.yaml after its `name`.  base may be NULL: then
 * `extends` is an error.  Returns it with one reference, or NULL with err = "FILE:LINE: what, and what to do".
 */
struct platform *platform_parse(const char *text, size_t size, const char *file, platform_base_fn *base, void *arg,
    struct np_error *err) NP_MUST_CHECK;
struct platform *platform_ref(struct platform *p);
void platform_unref(struct platform *p);

const char *platform_origin_name(enum platform_origin origin);
const struct platform_mode *platform_mode(const struct platform *p, const char *name);
/* Whether `inner` is `outer` or lies inside it by parents. */
bool platform_mode_inside(const struct platform_mode *inner, const struct platform_mode *outer);

/* The last line of a terminal and the lines just before it, nearest first. */
struct platform_view {
	const char *tail;
	size_t size;
	const char *context[PLATFORM_CONTEXT_MAX];
	size_t context_size[PLATFORM_CONTEXT_MAX];
	size_t context_count;
};

/* The mode whose prompt this is, or NULL; host (may be NULL): where the device's name stands in the tail. */
const struct platform_mode *platform_mode_of(
    const struct platform *p, const struct platform_view *view, struct pattern_span *host);

/* text with every {key} replaced; the caller frees it. */
char *platform_expand(const char *text, const char *key, const char *value) NP_MALLOC;
/* A line as a transcript may show it: what the `redact` expressions find is "********"; the caller frees it. */
char *platform_redact(const struct platform *p, const char *line, size_t size, size_t *out_size) NP_MALLOC;

/* --- platform_find.c: the definitions of some directories --- */

struct platforms {
	struct platform **items; /* by name; of a name that several directories define, the one of the first */
	size_t count;
	struct strings errors; /* of the files that were refused */
};

/*
 * Where platform files are looked for (netpulse-platform(5), FILES), earlier ones over later ones: the directories of
 * platform_path (the key of the configuration: separated by colons, "~/" expanded), which win alone; or, where it names
 * none, $XDG_CONFIG_HOME/netpulse/platforms (~/.config without it), /etc/netpulse/platforms and the installed ones.
 * They need not exist.  Reads the environment: main thread.  The caller finishes the list.
 */
struct strings platform_dirs(const char *platform_path) NP_MUST_CHECK;
/*
 * Reads *.yaml of each directory, earlier ones over later ones; missing directories are no error, refused files are
 * listed in errors and leave the others alone.  `extends: NAME` in a file of that very name means the next directory's.
 */
struct platforms *platforms_load(const struct strings *dirs) NP_MUST_CHECK;
/* The same of platform_dirs(). */
struct platforms *platform_dirs_load(const char *platform_path) NP_MUST_CHECK;
/*
 * One file, which need not lie in any of the directories: `extends` is looked up beside it first, then in them (in a
 * file of one of them: as platforms_load() does).  Returns it with one reference, or NULL with err = "FILE:LINE: why".
 */
struct platform *platforms_load_file(const char *path, const struct strings *dirs, struct np_error *err) NP_MUST_CHECK;
/* Those who need a platform longer hold a reference of it. */
void platforms_destroy(struct platforms *set);
/* By name or alias, upper and lower case, `-` and `_` being the same; or NULL.  Lives as long as the set. */
struct platform *platforms_find(const struct platforms *set, const char *name);
/* The nearest name for messages, or NULL. */
const char *platforms_nearest(const struct platforms *set, const char *name);
/* Sets err: there is none of that name, and which was meant; returns -1. */
int platforms_unknown(const struct platforms *set, const char *name, struct np_error *err);
/* Adds a line for each alias of p that means another definition: one of them would be picked silently. */
void platforms_shared_names(const struct platforms *set, const struct platform *p, struct strings *lines);
/*
 * Which definition a text speaks of (SSH banner, login text, answer to a harmless command), by `detect`; NULL when none
 * or when several do.
 */
struct platform *platforms_guess(const struct platforms *set, const char *text, size_t size);

#endif
