/*
 * What is asked of the broker itself, and what is told to a request in flight: one row for each param, and who has it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "params/params_impl.h"

#define ASK_LABEL_MAX 256
#define ASK_PAGE_MAX 100000
#define ASK_REMARK_MAX 159
#define SIZE_CELLS_MAX 65535
#define CREDIT_MAX 1e15
#define NUMBER_MAX 9007199254740992.0 /* 2^53: integers beyond it are not exact in JSON */

/* ---- types of their own ---- */

static int
read_labels(const struct schema_reader *r, const struct schema_row *row, const struct node *node, void *base)
{
	struct ask_params *p = base;
	struct node_walk walk = {0};

	if (node->kind != YAMLDOC_MAPPING || node_count(node) > ASK_LABELS_MAX)
		return params_bad(r->err, row->name, "an object of at most 8 texts");
	p->labels = xcalloc(node_count(node) + 1, sizeof(p->labels[0]));
	while (node_walk(node, &walk)) {
		if (walk.item.kind != YAMLDOC_SCALAR || walk.item.style != NODE_QUOTED ||
		    strlen(walk.item.text) > ASK_LABEL_MAX)
			return params_bad(r->err, row->name, "an object of texts of at most 256 bytes");
		p->labels[p->labels_count++] = (struct ask_label){xstrdup(walk.key), xstrdup(walk.item.text)};
	}
	return 0;
}

static void
free_labels(const struct schema_row *row NP_UNUSED, void *base)
{
	struct ask_params *p = base;

	for (size_t i = 0; i < p->labels_count; i++) {
		free(p->labels[i].name);
		free(p->labels[i].value);
	}
	free(p->labels);
}

static const struct schema_kind labels_kind = {"object of up to 8 strings", read_labels, NULL, free_labels};

static int
check_remark(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	if (strlen(text) <= ASK_REMARK_MAX)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "longer than %d bytes", ASK_REMARK_MAX);
}

/* RFC 4254 section 6.10: these, or a name of one's own with an at sign. */
static int
check_signal(const struct schema_row *row NP_UNUSED, const char *name, struct np_error *err)
{
	static const char *const known[] = {
	    "ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"};
	static const char own[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@.-_abcdefghijklmnopqrstuvwxyz";
	size_t n = strlen(name);

	for (size_t i = 0; i < NP_COUNT(known); i++)
		if (strcmp(known[i], name) == 0)
			return 0;
	if (n < 64 && strchr(name, '@') != NULL && strspn(name, own) == n)
		return 0;
	return error_set(
	    err, REASON_INVALID_PARAMS, "neither a signal of RFC 4254 (INT, TERM, ...) nor one of your own with an @");
}

/* ---- the rows ---- */

#define AT(member) .offset = offsetof(struct ask_params, member)
#define SELECTS (ASK_CLOSE | ASK_STEER | ASK_PAUSE | ASK_SHUT | ASK_RECONNECT | ASK_STATUS)

static const struct schema_row ask_rows[] = {
    {"device", SCHEMA_TEXT, AT(device), .where = SELECTS | ASK_WATCH | ASK_CONFIG_SHOW},
    {"devices", SCHEMA_TEXTS, AT(devices), .where = SELECTS},
    {"all", SCHEMA_BOOL, AT(all), .where = SELECTS},
    {"session", SCHEMA_SIZE, AT(number), .min = 1, .max = NUMBER_MAX, .where = ASK_CLOSE},
    {"id", SCHEMA_SIZE, AT(number), .min = 1, .max = NUMBER_MAX, .flags = SCHEMA_REQUIRED,
	.where = ASK_KILL | ASK_CONFIRM},
    {"now", SCHEMA_BOOL, AT(now), .where = ASK_CLOSE | ASK_STOP},
    {"wait", SCHEMA_BOOL, AT(wait), .where = ASK_CLOSE | ASK_PAUSE | ASK_SHUT | ASK_RECONNECT},
    {"text", SCHEMA_TEXT, AT(text), .check = check_remark, .where = ASK_SHUT},
    {"agent_socket", SCHEMA_PATH, AT(agent_socket), .where = ASK_RECONNECT},
    {"brief", SCHEMA_BOOL, AT(brief), .where = ASK_STATUS},
    {"page", SCHEMA_TEXT, AT(page), .where = ASK_STATUS},
    {"limit", SCHEMA_INT, AT(limit), .min = 1, .max = ASK_PAGE_MAX, .where = ASK_STATUS},
    {"pattern", SCHEMA_TEXT, AT(name), .flags = SCHEMA_REQUIRED, .where = ASK_DEVICES},
    {"name", SCHEMA_TEXT, AT(name), .where = ASK_PLATFORMS},
    {"retry", SCHEMA_TEXT, AT(name), .where = ASK_ACCOUNTS},
    {"labels", SCHEMA_KIND, .kind = &labels_kind, .where = ASK_METRICS},
    {"devices", SCHEMA_BOOL, AT(each_device), .where = ASK_METRICS},
    {"confirm", SCHEMA_BOOL, AT(confirm), .where = ASK_WATCH},
    {"allow", SCHEMA_BOOL, AT(allow), .flags = SCHEMA_REQUIRED, .where = ASK_CONFIRM},
};
const struct schema_table ask_table = {SCHEMA_TABLE(SCHEMA_PARAMS, NULL, ask_rows)};

#undef AT
#define AT(member) .offset = offsetof(struct note_params, member), .flags = SCHEMA_REQUIRED

static const struct schema_row note_rows[] = {
    {"id", SCHEMA_APART, .flags = SCHEMA_REQUIRED, .where = ~0u},
    {"name", SCHEMA_TEXT, AT(name), .check = check_signal, .where = NOTE_SIGNAL},
    {"cols", SCHEMA_INT, AT(cols), .max = SIZE_CELLS_MAX, .where = NOTE_RESIZE},
    {"rows", SCHEMA_INT, AT(rows), .max = SIZE_CELLS_MAX, .where = NOTE_RESIZE},
    {"prompt_id", SCHEMA_SIZE, AT(number), .min = 1, .max = NUMBER_MAX, .where = NOTE_ANSWER},
    {"value", SCHEMA_HIDDEN, .offset = offsetof(struct note_params, value), .flags = SCHEMA_SECRET,
	.where = NOTE_ANSWER},
    {"program", SCHEMA_BOOL, .offset = offsetof(struct note_params, program), .where = NOTE_ANSWER},
    {"bytes", SCHEMA_SIZE, AT(number), .min = 1, .max = CREDIT_MAX, .where = NOTE_CREDIT},
};
const struct schema_table note_table = {SCHEMA_TABLE(SCHEMA_PARAMS, NULL, note_rows)};

int
params_read(const struct schema_table *table, unsigned where, const cJSON *params, void *base, struct np_error *err)
{
	/* A newer client may say more in a notification; a limit in a request that is misspelt must not be none. */
	const struct schema_reader reader = {
	    .table = table, .where = where, .lenient = table == &note_table, .err = err};
	struct node node;

	node_of_json(&node, params);
	return schema_read(&reader, &node, base);
}
