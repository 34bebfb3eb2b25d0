/* The keys of a rule: names, types, bounds, and what they mean together. */
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "policy/policy.h"
#include "schema/schema.h"

#define READ_ONLY "read_only" /* in place of an expression */
#define NAMES_MAX 65536       /* bytes of a group's entry: its members are in it */
#define ID_MAX 2147483647.0
#define RATE_MAX 100000

_Static_assert(sizeof(enum policy_then) == sizeof(int) && sizeof(enum policy_door) == sizeof(int),
    "SCHEMA_WORD keys are set as int");

static const struct schema_word thens[] = {
    {"allow", POLICY_ALLOW}, {"confirm", POLICY_CONFIRM}, {"deny", POLICY_DENY}, {NULL, 0}};
static const struct schema_word doors[] = {{"socket", POLICY_SOCKET}, {"mux", POLICY_MUX}, {NULL, 0}};
static const struct schema_word methods[] = {{"exec", POLICY_EXEC}, {"config", POLICY_CONFIG}, {"shell", POLICY_SHELL},
    {"subsystem", POLICY_SUBSYSTEM}, {"forward", POLICY_FORWARD}, {"steer", POLICY_STEER}, {NULL, 0}};
static const struct schema_word mays[] = {{"env", POLICY_ENV}, {"stdin", POLICY_STDIN}, {"pty", POLICY_PTY},
    {"answers", POLICY_ANSWERS}, {"adhoc", POLICY_ADHOC}, {"options", POLICY_OPTIONS},
    {"credentials", POLICY_CREDENTIALS}, {"trusted", POLICY_TRUSTED}, {NULL, 0}};

const char *
policy_then_name(enum policy_then then)
{
	return schema_word(thens, (int)then);
}

const char *
policy_method_name(enum policy_method method)
{
	return schema_word(methods, (int)method);
}

static unsigned
bit_of(const struct schema_word *words, const char *text)
{
	for (; words->word != NULL; words++) {
		if (strcmp(words->word, text) == 0)
			return (unsigned)words->value;
	}
	return 0;
}

unsigned
policy_method_of(const char *name)
{
	return bit_of(methods, name);
}

static unsigned
bits_of(const struct schema_word *words, const struct strings *names)
{
	unsigned bits = 0;

	for (size_t i = 0; i < names->n; i++)
		bits |= bit_of(words, names->v[i]);
	return bits;
}

/* ---- checks ---- */

static int
check_bit(const struct schema_row *row, const char *text, struct np_error *err)
{
	if (bit_of(row->detail == 0 ? methods : mays, text) != 0)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "`%s` is none of %s", text,
	    row->detail == 0 ? "exec, config, shell, subsystem, forward, steer"
			     : "env, stdin, pty, answers, adhoc, options, credentials, trusted");
}

static int
check_device(const struct schema_row *row, const char *text, struct np_error *err)
{
	(void)row;
	if (text[0] != '\0' && strcmp(text, "@") != 0 && strpbrk(text, " ,") == NULL)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "each is one name, a pattern such as `edge*`, or a @group");
}

int
policy_check_role(const struct schema_row *row, const char *text, struct np_error *err)
{
	(void)row;
	if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(text) &&
	    strlen(text) < POLICY_ROLE_MAX)
		return 0;
	return error_set(
	    err, REASON_INVALID_PARAMS, "a role has at most %d letters, digits, - and _", POLICY_ROLE_MAX - 1);
}

/* The end of a path says more than its beginning. */
void
policy_note_where(const struct schema_reader *r, const struct node *node, char where[POLICY_WHERE_MAX])
{
	const char *name = r->doc != NULL ? r->doc->name : "policy";
	size_t n = strlen(name), most = POLICY_WHERE_MAX - 16;

	snprintf(where, POLICY_WHERE_MAX, "%s:%d", n > most ? name + n - most : name,
	    node->yaml != NULL ? node->yaml->line : 0);
}

/* ---- command ---- */

static struct policy_commands *
commands_of(const struct schema_row *row, void *base)
{
	return (struct policy_commands *)(void *)((char *)base + row->offset);
}

static int
add_command(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct policy_commands *c = commands_of(row, base);
	struct pattern *pattern;

	if (schema_check_text(r, row, node) == -1)
		return -1;
	c->given = true;
	if (strcmp(node->text, READ_ONLY) == 0) {
		c->read_only = true;
		return 0;
	}
	pattern = pattern_create(node->text, PATTERN_WHOLE, r->err);
	if (pattern == NULL) {
		error_prefix(r->err, "`%s`", row->name);
		return schema_error_at(r, node);
	}
	/* Thousands of commands come in one request, and nobody is served meanwhile. */
	if (pattern_is_costly(pattern)) {
		pattern_destroy(pattern);
		return schema_error(r, node,
		    "`%s`: the expression `%s` takes too long on long lines: avoid nested repetitions", row->name,
		    node->text);
	}
	pattern_list_add(&c->list, pattern);
	return 0;
}

static void
free_commands(const struct schema_row *row, void *base)
{
	struct policy_commands *c = commands_of(row, base);

	pattern_list_finish(&c->list);
	*c = (struct policy_commands){.list.anchor = PATTERN_WHOLE};
}

static int
read_commands(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct policy_commands *c = commands_of(row, base);

	free_commands(row, base);
	if (schema_each(r, row, node, base, add_command) == -1)
		return -1;
	if (!c->given)
		return schema_error(r, node, "`%s` is empty: it would match no command", row->name);
	pattern_list_seal(&c->list);
	return 0;
}

static cJSON *
show_commands(const struct schema_row *row, const void *base)
{
	const struct policy_commands *c = (const void *)((const char *)base + row->offset);
	cJSON *list = c->given ? cJSON_CreateArray() : NULL;

	if (c->read_only)
		cJSON_AddItemToArray(list, cJSON_CreateString(READ_ONLY));
	for (size_t i = 0; i < c->list.count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(pattern_text(c->list.items[i])));
	return list;
}

static const struct schema_kind commands_kind = {"list of expressions", read_commands, show_commands, free_commands};

/* ---- uid, gid: 0 is one, so that whether one was given is kept apart ---- */

static int
read_id(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct schema_row number = *row;

	number.type = SCHEMA_INT;
	return schema_set(r, &number, node, base);
}

static cJSON *
show_id(const struct schema_row *row, const void *base)
{
	bool given = *(const bool *)((const char *)base + row->also);

	return given ? cJSON_CreateNumber(*(const int *)(const void *)((const char *)base + row->offset)) : NULL;
}

static const struct schema_kind id_kind = {"integer", read_id, show_id, NULL};

/* ---- hours ---- */

/* The day of the week that text begins with, from Monday; -1: none. */
static int
day_of(const char *text)
{
	static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

	for (int i = 0; i < 7; i++) {
		if (strncmp(text, days[i], 3) == 0)
			return i;
	}
	return -1;
}

/* "Mon-Fri 08:00-18:00" or "22:00-06:00"; days is 0 when it cannot be read. */
static void
parse_hours(const char *text, struct policy_rule *rule)
{
	int first = day_of(text), last = first, h1 = 0, m1 = 0, h2 = 0, m2 = 0, used = -1;
	unsigned days = 0x7f;

	if (first >= 0) {
		text += 3;
		if (*text == '-' && (last = day_of(text + 1)) >= 0)
			text += 4;
		if (last < 0 || *text++ != ' ')
			return;
		days = 0;
		for (int i = first;; i = (i + 1) % 7) {
			days |= 1u << i;
			if (i == last)
				break;
		}
	}
	if (sscanf(text, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &used) != 4 || text[used] != '\0' || h1 < 0 ||
	    h1 > 23 || h2 < 0 || h2 > 24 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59 || h2 * 60 + m2 > 24 * 60)
		return;
	rule->when.from = h1 * 60 + m1;
	rule->when.to = h2 * 60 + m2;
	rule->when.days = rule->when.from != rule->when.to ? days : 0;
}

static int
check_hours(const struct schema_row *row, const char *text, struct np_error *err)
{
	struct policy_rule rule = {.when.days = 0};

	(void)row;
	parse_hours(text, &rule);
	if (rule.when.days != 0)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "write hours as in `Mon-Fri 08:00-18:00` or `22:00-06:00`");
}

/* ---- the rows ---- */

#define AT(member) .offset = offsetof(struct policy_rule, member)
#define GIVEN(member) .also = offsetof(struct policy_rule, member)

static const struct schema_row rows[] = {
    {"command", SCHEMA_KIND, AT(commands), .kind = &commands_kind},
    {"devices", SCHEMA_TEXTS, AT(devices), .check = check_device},
    {"devices_at_once", SCHEMA_INT, AT(devices_at_once), .min = 1, .max = POLICY_DEVICES_MAX},
    {"door", SCHEMA_WORD, AT(door), .words = doors},
    {"gid", SCHEMA_KIND, AT(gid), .kind = &id_kind, .max = ID_MAX, GIVEN(gid_given)},
    {"group", SCHEMA_TEXT, AT(group)},
    {"hours", SCHEMA_TEXT, AT(hours), .check = check_hours},
    {"may", SCHEMA_TEXTS, AT(may_names), .check = check_bit, .detail = 1},
    {"methods", SCHEMA_TEXTS, AT(method_names), .check = check_bit},
    {"requests_per_minute", SCHEMA_INT, AT(requests_per_minute), .min = 1, .max = RATE_MAX},
    {"role", SCHEMA_TEXT, AT(role), .check = policy_check_role},
    {"then", SCHEMA_WORD, AT(then), .flags = SCHEMA_REQUIRED, .words = thens},
    {"uid", SCHEMA_KIND, AT(uid), .kind = &id_kind, .max = ID_MAX, GIVEN(uid_given)},
};

static int
check_together(const struct schema_reader *r, const struct node *node, const struct policy_rule *rule)
{
	bool denies = rule->then == POLICY_DENY;

	if (rule->then == POLICY_CONFIRM && (rule->methods & POLICY_STEER) != 0)
		return schema_error(r, node, "what looks and steers cannot wait for a person: allow it or deny it");
	if (rule->commands.given && (rule->methods & ~(unsigned)(POLICY_EXEC | POLICY_CONFIG)) != 0)
		return schema_error(r, node,
		    "`command` is about commands, or lines of a configuration: `methods` is exec, config or both");
	if (rule->commands.given && (rule->methods & POLICY_CONFIG) != 0 && rule->then == POLICY_CONFIRM)
		return schema_error(r, node,
		    "a person confirms a configuration before its lines are there: leave out `command`, or config");
	if (rule->commands.read_only && (rule->methods & POLICY_CONFIG) != 0)
		return schema_error(r, node, "`read_only` is about commands: no line of a configuration is");
	if (denies && (rule->may != 0 || rule->requests_per_minute > 0 || rule->devices_at_once > 0))
		return schema_error(r, node, "a rule that denies has neither `may` nor limits: what would they allow?");
	if (!rule->commands.given && rule->then != POLICY_CONFIRM &&
	    (rule->may & (POLICY_ENV | POLICY_STDIN | POLICY_PTY | POLICY_ANSWERS)) != 0)
		return schema_error(
		    r, node, "`may` with env, stdin, pty or answers goes with `command`: without it they are allowed");
	return 0;
}

/* As it is now: a group that is made anew later has another number. */
static int
find_group(const struct schema_reader *r, const struct node *node, struct policy_rule *rule)
{
	char *scratch = xmalloc(NAMES_MAX);
	struct group gr, *found = NULL;
	unsigned long number;
	int rc = 0;

	if (text_parse_ulong(rule->group, 0xfffffffe, &number))
		rule->members = (gid_t)number;
	else if (getgrnam_r(rule->group, &gr, scratch, NAMES_MAX, &found) == 0 && found != NULL)
		rule->members = gr.gr_gid;
	else
		rc = schema_error(r, node, "there is no group `%s`", rule->group);
	free(scratch);
	return rc;
}

static int
complete(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct policy_rule *rule = base;

	(void)row;
	rule->methods = bits_of(methods, &rule->method_names);
	if (rule->method_names.n == 0)
		rule->methods = rule->commands.given           ? POLICY_EXEC
				: rule->then == POLICY_CONFIRM ? ~(unsigned)POLICY_STEER
							       : ~0u;
	rule->may = bits_of(mays, &rule->may_names);
	if ((rule->may & POLICY_TRUSTED) != 0)
		rule->may |= POLICY_CREDENTIALS;
	if (rule->hours != NULL)
		parse_hours(rule->hours, rule);
	policy_note_where(r, node, rule->where);
	rule->meter.filled = -1;
	if (rule->group != NULL && find_group(r, node, rule) == -1)
		return -1;
	return check_together(r, node, rule);
}

const struct schema_table policy_table = {SCHEMA_TABLE(SCHEMA_SETTINGS, "in a rule of `policy`", rows),
    .size = sizeof(struct policy_rule), .expected = "a rule: a mapping with `then` and what it is about",
    .complete = complete};
