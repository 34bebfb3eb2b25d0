/*
 * What the conf*.c files share; for them only.  One table of keys drives everything that is done with a settings
 * struct: reading it from YAML, setting one key from text, copying, comparing, freeing.
 */
#ifndef NP_CONF_KEY_H
#define NP_CONF_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "base/error.h"
#include "schema/docfile.h"
#include "schema/yamldoc.h"

#define CONF_TEXT_MAX 8192   /* bytes of one value */
#define CONF_SECONDS_MAX 1e9 /* about 31 years */

enum conf_type {
	CONF_STRING,   /* char * */
	CONF_PATH,     /* char *: absolute, "~/" expanded */
	CONF_BOOL,     /* bool */
	CONF_TRISTATE, /* int: -1 not given, 0, 1 */
	CONF_INT,      /* int */
	CONF_SECONDS,  /* double */
	CONF_WORD,     /* an enum: one of words */
	CONF_STRINGS,  /* char **, its size_t count at `also` */
	CONF_BLOCK     /* has its own reader; here so that its name is known */
};

enum conf_flag {
	CONF_SECRET = 1 << 0,    /* never in a message; wiped */
	CONF_FREE_TEXT = 1 << 1, /* any bytes, also newlines and control characters */
	CONF_MAY_BE_EMPTY = 1 << 2,
	CONF_NOT_LOGIN = 1 << 3,      /* does not decide what sessions are made */
	CONF_MAY_BE_NONE = 1 << 4,    /* CONF_PATH: the word "none" too */
	CONF_PASSWORD_GROUP = 1 << 5, /* only one of the group may be given */
	CONF_SECRET_GROUP = 1 << 6,
	CONF_PATH_LIST = 1 << 7,     /* CONF_PATH: several, separated by colons */
	CONF_MAY_BE_JOURNAL = 1 << 8 /* CONF_PATH: the word "journal" too */
};
#define CONF_GROUPS (CONF_PASSWORD_GROUP | CONF_SECRET_GROUP)

struct conf_word {
	const char *word;
	int value;
};

struct conf_key {
	const char *name;
	enum conf_type type;
	size_t offset;
	unsigned flags;
	double min, max;               /* CONF_INT, CONF_SECONDS */
	const struct conf_word *words; /* CONF_WORD: ends with a NULL word */
	/* CONF_STRING, each of CONF_STRINGS: further checks; sets err without naming the key */
	int (*check)(const char *text, struct np_error *err);
	size_t also; /* CONF_STRINGS: the count; others: a bool that says that the key was given (0: none) */
};

struct conf_table {
	const char *place; /* "in a device entry", for messages */
	const struct conf_key *keys;
	size_t count;
};

/* One value as it was written. */
enum conf_style { CONF_PLAIN, CONF_QUOTED, CONF_OPTION /* from a command line: quotes mean nothing */ };
struct conf_value {
	const char *text;
	enum conf_style style;
};

const struct conf_key *conf_table_find(const struct conf_table *table, const char *name);

/* What is read: one of the configuration's files; or a request, whose lines nobody sees and whose origins are not kept.
 */
struct conf_source {
	const struct yamldoc *doc;
	unsigned file; /* index in config.files */
};
/*
 * Reads a mapping into base: every key but those of CONF_BLOCK, which the caller reads; notes in origins where each
 * stood.  others: tables to look in for a better place of an unknown key, ends with NULL.
 */
int conf_table_read(const struct conf_table *table, const struct conf_table *const *others,
    const struct conf_source *source, const struct yamldoc_node *node, void *base, struct conf_origins *origins,
    struct np_error *err) NP_MUST_CHECK;
void conf_origins_finish(struct conf_origins *origins);
/* Sets err: no such key in any of the tables (the list ends with NULL), and which was meant. */
int conf_unknown_key(const struct conf_table *const *tables, const char *name, struct np_error *err);

/* Sets one key; the error begins with the key's name. */
int conf_key_set(
    const struct conf_key *key, void *base, const struct conf_value *value, struct np_error *err) NP_MUST_CHECK;

/* After `*to = *from`: gives `to` strings of its own. */
void conf_table_copy(const struct conf_table *table, void *to, const void *from);
void conf_table_free(const struct conf_table *table, void *base);
/* Equal in all keys without one of the flags in `but`. */
bool conf_table_equal(const struct conf_table *table, const void *a, const void *b, unsigned but);
/* Forgets the strings of all keys with that flag, except one. */
void conf_table_clear(const struct conf_table *table, void *base, unsigned flag, const struct conf_key *except);
/* The name of a second given key of that group besides first, or NULL. */
const char *conf_table_conflict(const struct conf_table *table, const void *base, unsigned group, const char **first);

/* --- conf_device.c --- */

const struct conf_table *conf_args_table(void);
const struct conf_table *conf_device_table(void);
void conf_args_defaults(struct conn_args *args);
/* Reads a long_connection or connection_args block over what args holds; NULL and empty blocks change nothing. */
int conf_args_read(const char *key, const struct conf_source *source, const struct yamldoc_node *node,
    struct conn_args *args, struct conf_origins *origins, struct np_error *err) NP_MUST_CHECK;
/* One entry; name_node: its key in the file, or NULL when `name` inside may say it.  Caller: device_conf_free(). */
struct device_conf *conf_device_read(const struct conn_args *defaults, const struct conf_source *source,
    const struct yamldoc_node *name_node, const struct yamldoc_node *node, struct np_error *err) NP_MUST_CHECK;

/* --- conf_check.c: 0, or -1 with err --- */

int conf_check_name(const char *text, struct np_error *err) NP_MUST_CHECK;
int conf_check_type(const char *text, struct np_error *err) NP_MUST_CHECK;
int conf_check_credential(const char *text, struct np_error *err) NP_MUST_CHECK;
int conf_check_jump(const char *text, struct np_error *err) NP_MUST_CHECK;
int conf_check_group(const char *text, struct np_error *err) NP_MUST_CHECK;

/* --- conf.c --- */

const struct conf_table *conf_global_table(void);
/* The snapshot that these files make, later ones over earlier ones. */
struct config *config_from_files(const struct docfile *files, size_t count, struct np_error *err) NP_MUST_CHECK;

#endif
