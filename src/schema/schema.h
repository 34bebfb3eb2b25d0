/*
 * Settings by rows: what a key or a param is called, what it may be, and where its value is kept.  One table drives all
 * that is done with a struct of settings: reading it from YAML or JSON, setting one member from text, showing, copying,
 * comparing and freeing it; and the manual pages are checked against it (tests/unit/test_manual.c).
 *
 * Pure; any thread.
 */
#ifndef NP_SCHEMA_H
#define NP_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/strings.h"
#include "schema/node.h"
#include "schema/yamldoc.h"
#include "secret/secret.h"

struct schema_row;
struct schema_reader;

enum schema_type {
	SCHEMA_TEXT,     /* char * */
	SCHEMA_HIDDEN,   /* struct secret *: text with the flag SCHEMA_SECRET */
	SCHEMA_PATH,     /* char *: absolute, "~/" expanded */
	SCHEMA_BOOL,     /* bool */
	SCHEMA_TRISTATE, /* int: -1 not given, 0, 1 */
	SCHEMA_INT,      /* int; out of bounds: not given */
	SCHEMA_SIZE,     /* uint64_t; likewise */
	SCHEMA_SECONDS,  /* double; likewise */
	SCHEMA_WORD,     /* an enum: one of words */
	SCHEMA_TEXTS,    /* struct strings */
	SCHEMA_BLOCK,    /* a struct in place with a table of its own */
	SCHEMA_ONE,      /* a pointer to such a struct */
	SCHEMA_LIST,     /* an array of such structs, its size_t count at `also` */
	SCHEMA_KIND,     /* what `kind` reads, shows and frees */
	SCHEMA_APART     /* read by who reads the struct; a row, so that its name is known */
};

enum schema_flag {
	SCHEMA_SECRET = 1 << 0,    /* never in a message, never shown; wiped */
	SCHEMA_FREE_TEXT = 1 << 1, /* any bytes, also newlines and control characters */
	SCHEMA_MAY_BE_EMPTY = 1 << 2,
	SCHEMA_SAME_SESSIONS = 1 << 3,  /* a change of it needs no new sessions */
	SCHEMA_MAY_BE_NONE = 1 << 4,    /* SCHEMA_PATH: the word "none" too */
	SCHEMA_MAY_BE_JOURNAL = 1 << 5, /* SCHEMA_PATH: the word "journal" too */
	SCHEMA_PATH_LIST = 1 << 6,      /* SCHEMA_PATH: several, separated by colons */
	SCHEMA_REQUIRED = 1 << 7,
	SCHEMA_FILES_ONLY = 1 << 8 /* of a configuration; for who reads requests to refuse */
};

struct schema_word {
	const char *word;
	int value;
};

/* A type of one user.  read() sets err by schema_error() and friends; what it left must be fit for free(). */
struct schema_kind {
	const char *name; /* as manual pages call it */
	int (*read)(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base);
	struct cJSON *(*show)(const struct schema_row *row, const void *base); /* NULL: nothing is set */
	void (*free)(const struct schema_row *row, void *base);                /* leaves it fit for read() */
};

struct schema_row {
	const char *name;
	enum schema_type type;
	size_t offset;
	unsigned flags;
	unsigned where;                  /* bits of the reader's: where it applies */
	int group;                       /* of those with the same one only one may be given */
	double min, max;                 /* SCHEMA_INT, _SIZE, _SECONDS */
	const struct schema_word *words; /* ends with a NULL word */
	/* SCHEMA_TEXT, each of SCHEMA_TEXTS: further checks; sets err without naming the row */
	int (*check)(const struct schema_row *row, const char *text, struct np_error *err);
	size_t also; /* SCHEMA_LIST: the count; others: a bool that says that it was given (0: none) */
	const struct schema_table *table;
	const struct schema_kind *kind;
	int detail; /* for the kind, or the check */
};

/* What is written so, and how its errors are worded. */
enum schema_dialect {
	SCHEMA_SETTINGS,   /* null is as if the key were absent; text is one line unless its row says else */
	SCHEMA_DEFINITION, /* null is no value; any text; one value stands for a list of one */
	SCHEMA_PARAMS      /* of a request: null is as if it were absent; any text */
};

struct schema_table {
	enum schema_dialect dialect;
	const char *place;                        /* "in a device entry", for messages; may be NULL */
	const struct schema_table *const *others; /* where an unknown key may belong; ends with NULL; or NULL */
	const struct schema_row *rows;
	size_t count;
	/* Of what is a SCHEMA_BLOCK, _ONE or _LIST of others: */
	size_t size;          /* of the struct */
	bool brief;           /* text alone stands for a mapping of nothing but the first row */
	const char *expected; /* "a mapping with `send`", for messages */
	/* What no single row can tell, for the row that holds the struct; or NULL. */
	int (*complete)(
	    const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base);
};

/* The beginning of a table's initializer. */
#define SCHEMA_TABLE(words, where, array)                                                                              \
	.dialect = (words), .place = (where), .rows = (array), .count = NP_COUNT(array)

/* What is being read. */
struct schema_reader {
	const struct schema_table *table;
	unsigned where;            /* only rows that apply there; 0: all */
	bool lenient;              /* unknown keys are passed over */
	const struct yamldoc *doc; /* names the place in errors; NULL: nothing does */
	void (*note)(void *arg, const struct schema_row *row, int line); /* each that is given; or NULL */
	void *arg;
	struct np_error *err;
};

const struct schema_row *schema_find(const struct schema_table *table, unsigned where, const char *name);

/* Reads a mapping over what base holds: all rows but SCHEMA_APART.  0, or -1 with the reader's err. */
int schema_read(const struct schema_reader *r, const struct node *mapping, void *base) NP_MUST_CHECK;
/* Sets one member. */
int schema_set(
    const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base) NP_MUST_CHECK;
/* Sets err: none of the tables (the list ends with NULL) has that key, and which was meant; returns -1. */
int schema_unknown_key(const struct schema_table *const *tables, const char *name, struct np_error *err);

/* --- for kinds and for what follows reading --- */

/* Sets err, with file and line of node where there are such; -1. */
#define schema_error(r, node, ...)                                                                                     \
	(error_set((r)->err, REASON_INVALID_PARAMS, __VA_ARGS__), schema_error_at((r), (node)))
/* Puts them before the text that err has; returns -1. */
int schema_error_at(const struct schema_reader *r, const struct node *node);
/* "`row` must be EXPECTED, not KIND"; returns -1. */
int schema_wrong_kind(
    const struct schema_reader *r, const struct schema_row *row, const struct node *node, const char *expected);
/* Whether it is text that this row may be: 0, or -1 with err. */
int schema_check_text(
    const struct schema_reader *r, const struct schema_row *row, const struct node *node) NP_MUST_CHECK;
/* Calls item() for each of a list, or for the one value that stands for it. */
int schema_each(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base,
    int (*item)(const struct schema_reader *r, const struct schema_row *row, const struct node *node,
	void *base)) NP_MUST_CHECK;

/* --- whole structs --- */

/*
 * Gives what is a plain copy so far texts of its own.  This and schema_equal() are for tables of values, lists of texts
 * and blocks of such.
 */
void schema_copy(const struct schema_table *table, void *copy);
/* Equal in all rows without one of the flags in `but`. */
bool schema_equal(const struct schema_table *table, const void *a, const void *b, unsigned but);
/* Frees what the members own, wipes texts, and leaves nothing set. */
void schema_free(const struct schema_table *table, void *base);
void schema_free_row(const struct schema_row *row, void *base);
/* Forgets all of the row's group but itself. */
void schema_alone(const struct schema_table *table, const struct schema_row *row, void *base);

/* --- schema_show.c --- */

/* The value in JSON, or NULL where nothing is set; of a secret never more than whether it is set. */
struct cJSON *schema_show_value(const struct schema_row *row, const void *base);
/* An object of all that is set. */
struct cJSON *schema_show(const struct schema_table *table, const void *base) NP_MALLOC;
/* The word of that value, or NULL. */
const char *schema_word(const struct schema_word *words, int value);

#endif
