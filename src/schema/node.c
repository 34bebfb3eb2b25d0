/* Views of values; see node.h. */
#include "schema/node.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

void
node_of_yaml(struct node *node, const struct yamldoc_node *yaml)
{
	*node = (struct node){
	    .kind = yaml->kind, .style = yaml->plain ? NODE_PLAIN : NODE_QUOTED, .text = yaml->text, .yaml = yaml};
}

void
node_of_option(struct node *node, const char *text)
{
	*node = (struct node){.kind = YAMLDOC_SCALAR, .style = NODE_OPTION, .text = text};
}

/* A whole number without an exponent; others as short as they can be without becoming another number. */
static void
print_number(char *text, size_t size, double number)
{
	const double most = 9007199254740992.0; /* 2^53 */
	double again = 0;

	if (number >= -most && number <= most && !(number < nearbyint(number)) && !(number > nearbyint(number))) {
		snprintf(text, size, "%.0f", number);
		return;
	}
	snprintf(text, size, "%.15g", number);
	if (sscanf(text, "%lf", &again) != 1 || again < number || again > number)
		snprintf(text, size, "%.17g", number);
}

void
node_of_json(struct node *node, const cJSON *json)
{
	node->kind = cJSON_IsObject(json) ? YAMLDOC_MAPPING : cJSON_IsArray(json) ? YAMLDOC_SEQUENCE : YAMLDOC_SCALAR;
	node->style = cJSON_IsString(json) ? NODE_QUOTED : NODE_BARE;
	node->text = cJSON_IsString(json) ? json->valuestring
		     : cJSON_IsTrue(json) ? "true"
		     : cJSON_IsNull(json) ? "null"
					  : "false";
	if (cJSON_IsNumber(json)) {
		print_number(node->number, sizeof(node->number), json->valuedouble);
		node->text = node->number;
	}
	node->yaml = NULL;
	node->json = json;
}

bool
node_is_null(const struct node *node)
{
	return node->kind == YAMLDOC_SCALAR && (node->style == NODE_PLAIN || node->style == NODE_BARE) &&
	       yamldoc_text_is_null(node->text);
}

bool
node_is_blank(const struct node *node)
{
	return node->kind == YAMLDOC_SCALAR && node->style == NODE_PLAIN && node->text[0] == '\0';
}

const char *
node_kind_name(const struct node *node)
{
	if (node->yaml != NULL)
		return yamldoc_kind_name(node->yaml);
	return node->kind == YAMLDOC_MAPPING ? "an object" : node->kind == YAMLDOC_SEQUENCE ? "an array" : "a value";
}

static bool
walk_yaml(const struct yamldoc_node *of, struct node_walk *walk)
{
	if (walk->next == of->count)
		return false;
	if (of->kind == YAMLDOC_MAPPING) {
		walk->key_yaml = of->keys[walk->next];
		walk->key = walk->key_yaml->text;
	}
	node_of_yaml(&walk->item, of->items[walk->next++]);
	return true;
}

bool
node_walk(const struct node *of, struct node_walk *walk)
{
	if (of->yaml != NULL)
		return walk_yaml(of->yaml, walk);
	if (of->json == NULL)
		return false;
	walk->child = walk->next++ == 0 ? of->json->child : walk->child->next;
	if (walk->child == NULL)
		return false;
	walk->key = walk->child->string;
	node_of_json(&walk->item, walk->child);
	return true;
}

size_t
node_count(const struct node *of)
{
	if (of->yaml != NULL)
		return of->yaml->count;
	return of->json != NULL ? (size_t)cJSON_GetArraySize(of->json) : 0;
}
