/*
 * One value as it was written, wherever it stands: in a YAML document, in JSON, or on a command line.  A view: the
 * document owns the text.  Pure; any thread.
 */
#ifndef NP_NODE_H
#define NP_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "schema/yamldoc.h"

struct cJSON;

enum node_style {
	NODE_PLAIN,  /* YAML without quotes: text as well, but for `true`, `null` and the like */
	NODE_QUOTED, /* text, whatever it looks like */
	NODE_BARE,   /* a number, a boolean or null of JSON: no text */
	NODE_OPTION  /* from a command line, where quotes mean nothing */
};

struct node {
	enum yamldoc_kind kind;
	enum node_style style; /* of a scalar, and its text */
	const char *text;
	const struct yamldoc_node *yaml; /* one of these, or neither */
	const struct cJSON *json;
	char number[32]; /* what text is then: not to be copied */
};

void node_of_yaml(struct node *node, const struct yamldoc_node *yaml);
void node_of_json(struct node *node, const struct cJSON *json);
void node_of_option(struct node *node, const char *text);

/* It says that there is no value; blank: it says nothing at all. */
bool node_is_null(const struct node *node);
bool node_is_blank(const struct node *node);
/* "a list", "an object", ..., for messages. */
const char *node_kind_name(const struct node *node);

/* The elements of a list, or the keys and values of a mapping: zero it, and ask until there are no more. */
struct node_walk {
	size_t next;
	const struct cJSON *child;
	const char *key;                     /* of a mapping */
	const struct yamldoc_node *key_yaml; /* where it stands, or NULL */
	struct node item;
};
bool node_walk(const struct node *of, struct node_walk *walk);
size_t node_count(const struct node *of);

#endif
