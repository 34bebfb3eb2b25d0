/* The keys of `sockets`: sockets of the broker that others are handed. */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_impl.h"

/* Beside read and write nothing means anything, and who may write may connect. */
static int
check_mode(const struct schema_row *row NP_UNUSED, const char *text, struct np_error *err)
{
	const char *digits = text + (text[0] == '0');

	if (strlen(digits) == 3 && strspn(digits, "0246") == 3)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "octal digits as in 0660, read and write for those who may come");
}

#define AT(member) .offset = offsetof(struct socket_conf, member)

static const struct schema_row rows[] = {
    {"group", SCHEMA_TEXT, AT(group)},
    {"mode", SCHEMA_TEXT, AT(mode), .check = check_mode},
    {"owner", SCHEMA_TEXT, AT(owner)},
    {"path", SCHEMA_PATH, AT(path), .flags = SCHEMA_REQUIRED},
    {"role", SCHEMA_TEXT, AT(role), .flags = SCHEMA_REQUIRED, .check = policy_check_role},
};

static int
complete(const struct schema_reader *r, const struct schema_row *row NP_UNUSED, const struct node *node, void *base)
{
	struct socket_conf *s = base;

	policy_note_where(r, node, s->where);
	if (strcmp(s->role, POLICY_MAIN) == 0)
		return schema_error(
		    r, node, "the role `" POLICY_MAIN "` is that of the broker's own socket: choose another one");
	return 0;
}

const struct schema_table conf_socket_table = {SCHEMA_TABLE(SCHEMA_SETTINGS, "in an entry of `sockets`", rows),
    .size = sizeof(struct socket_conf), .expected = "a socket: a mapping with `path` and `role`", .complete = complete};

/* ---- main_socket ---- */

static const struct schema_row access_rows[] = {
    {"group", SCHEMA_TEXT, AT(group)},
    {"mode", SCHEMA_TEXT, AT(mode), .check = check_mode},
    {"owner", SCHEMA_TEXT, AT(owner)},
};

const struct schema_table conf_access_table = {SCHEMA_TABLE(SCHEMA_SETTINGS, "in `main_socket`", access_rows),
    .size = sizeof(struct socket_conf), .expected = "a mapping with `mode`, `owner` and `group`"};
