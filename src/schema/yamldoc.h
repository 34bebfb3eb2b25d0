/*
 * YAML text (JSON is YAML) as a tree of nodes that know their line, for typed reading with "FILE:LINE: text" in every
 * error.
 *
 * (Not called yaml.h: that is libyaml's own header.)  Refused, because the readers here need none of it and each is a
 * way to surprise or to exhaust: several documents, anchors and aliases, tags, duplicate keys, keys that are no text,
 * NUL bytes, deep nesting.  Pure; any thread.
 */
#ifndef NP_YAMLDOC_H
#define NP_YAMLDOC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

#define YAMLDOC_SIZE_MAX (4 << 20) /* bytes of text */
#define YAMLDOC_DEPTH_MAX 16

enum yamldoc_kind { YAMLDOC_SCALAR, YAMLDOC_SEQUENCE, YAMLDOC_MAPPING };

struct yamldoc_node {
	enum yamldoc_kind kind;
	int line;                    /* from 1 */
	char *text;                  /* scalar: UTF-8 without NUL bytes */
	bool plain;                  /* scalar: written without quotes, so that `true`, `7` and `null` are no text */
	size_t count;                /* sequence, mapping */
	struct yamldoc_node **keys;  /* mapping: scalars, no text twice */
	struct yamldoc_node **items; /* sequence: its elements; mapping: the values */
};

struct yamldoc {
	char *name;                /* begins the errors */
	bool lines;                /* whether errors name the line: not for a request, whose text nobody sees */
	struct yamldoc_node *root; /* NULL: nothing but comments */
};

/*
 * Parses one document of at most YAMLDOC_SIZE_MAX bytes and max_nodes nodes.  Returns it, or NULL with err
 * (invalid_params).  Texts are wiped when the document is destroyed: they may be passwords.
 */
struct yamldoc *yamldoc_parse(
    const char *text, size_t size, const char *name, bool lines, size_t max_nodes, struct np_error *err) NP_MUST_CHECK;
void yamldoc_destroy(struct yamldoc *doc);

/* Sets "NAME:LINE: text" (or "NAME: text"); -1. */
#define yamldoc_error(doc, node, err, ...)                                                                             \
	(error_set((err), REASON_INVALID_PARAMS, __VA_ARGS__), yamldoc_error_at((doc), (node), (err)))
/* Puts "NAME:LINE: " before the error's text and returns -1. */
int yamldoc_error_at(const struct yamldoc *doc, const struct yamldoc_node *node, struct np_error *err);

/* "a mapping", "a list", "text in quotes", "nothing" or "a value", for messages. */
const char *yamldoc_kind_name(const struct yamldoc_node *node);
/* Whether it is a plain scalar that says nothing: empty, or one of yamldoc_text_is_null(). */
bool yamldoc_is_nothing(const struct yamldoc_node *node);
/* The value of a key of a mapping, or NULL. */
const struct yamldoc_node *yamldoc_get(const struct yamldoc_node *mapping, const char *key);

/* What a plain scalar may stand for. */
bool yamldoc_text_is_null(const char *text);           /* null, Null, NULL, ~ */
bool yamldoc_text_bool(const char *text, bool *value); /* true false yes no on off, each also Capitalised and UPPER */
bool yamldoc_text_number(const char *text, double *value);  /* decimal, as JSON writes it; no octal, hex, 1:30, NaN */
bool yamldoc_text_integer(const char *text, double *value); /* the same without fraction and exponent */

#endif
