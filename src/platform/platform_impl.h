/*
 * What the platform*.c files share; for them only.  One table of keys drives reading and freeing.
 */
#ifndef NP_PLATFORM_IMPL_H
#define NP_PLATFORM_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"
#include "platform/platform.h"
#include "schema/yamldoc.h"

enum platform_type {
	PT_TEXT,      /* char * */
	PT_TEXTS,     /* char **, its size_t count at `also`; one text stands for a list of one */
	PT_BOOL,      /* bool */
	PT_INT,       /* int */
	PT_SECONDS,   /* double */
	PT_WORD,      /* an enum: one of words */
	PT_PATTERN,   /* struct pattern * */
	PT_PATTERNS,  /* struct pattern_list; one text stands for a list of one */
	PT_QUESTIONS, /* struct platform_questions */
	PT_STEP,      /* struct platform_step *: a text, or a mapping */
	PT_STEPS,     /* struct platform_steps */
	PT_MODES,     /* modes and modes_count of struct platform */
	PT_BLOCK,     /* a struct in place, read by `table`; its bool at `also` says that it was given */
	PT_EXTENDS    /* read before all others */
};

struct platform_word {
	const char *word;
	int value;
};

struct platform_key {
	const char *name;
	enum platform_type type;
	size_t offset;
	size_t also;
	enum pattern_anchor anchor;
	double min, max;
	const struct platform_word *words; /* ends with a NULL word */
	const struct platform_table *table;
};

struct platform_table {
	const char *what; /* "a platform", for messages */
	const struct platform_key *keys;
	size_t count;
};

/* --- platform_key.c: the tables --- */

const struct platform_table *platform_table(void);
const struct platform_table *platform_mode_table(void);
const struct platform_table *platform_step_table(void);

/* --- platform_read.c --- */

#define PLATFORM_LIST_MAX 256

struct platform_reader {
	const struct yamldoc *doc;
	const struct platform_key *key; /* the one being read: for messages, bounds, words */
	struct np_error *err;
};

/* Each reads one node into a field, whose former value it frees; 0, or -1 with the reader's err. */
int platform_read_text(const struct platform_reader *r, const struct yamldoc_node *node, char **field) NP_MUST_CHECK;
/* One value, or each of a list of them; item() reads one. */
int platform_read_each(const struct platform_reader *r, const struct yamldoc_node *node, void *field,
    int (*item)(const struct platform_reader *r, const struct yamldoc_node *node, void *field)) NP_MUST_CHECK;
/* Sets err: "`key` must be EXPECTED, not ..."; returns -1. */
int platform_wrong_kind(const struct platform_reader *r, const struct yamldoc_node *node, const char *expected);

/* Reads the mapping into base: what it names replaces what base holds. */
int platform_table_read(const struct platform_table *table, const struct yamldoc *doc, const struct yamldoc_node *node,
    void *base, struct np_error *err) NP_MUST_CHECK;
void platform_table_free(const struct platform_table *table, void *base);

/* --- platform_dialogue.c --- */

int platform_read_questions(
    const struct platform_reader *r, const struct yamldoc_node *node, struct platform_questions *list) NP_MUST_CHECK;
int platform_read_one_step(
    const struct platform_reader *r, const struct yamldoc_node *node, struct platform_step **field) NP_MUST_CHECK;
int platform_read_steps(
    const struct platform_reader *r, const struct yamldoc_node *node, struct platform_steps *list) NP_MUST_CHECK;
int platform_read_modes(const struct platform_reader *r, const struct yamldoc_node *node, struct platform_mode ***modes,
    size_t *count) NP_MUST_CHECK;
void platform_free_questions(struct platform_questions *list);
void platform_free_steps(struct platform_steps *list);
void platform_free_modes(struct platform_mode **modes, size_t count);

/* --- platform_lint.c --- */

/* What no single key can tell: references, samples, ambiguity, costly expressions.  0, or -1 with err. */
int platform_lint(struct platform *p, const struct yamldoc *doc, struct np_error *err) NP_MUST_CHECK;

#endif
