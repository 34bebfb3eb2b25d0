/*
 * The audit log: who ran what, where, and how it ended; log-ins, refusals, and what operators did.
 *
 * One line of JSON for each: the event as watchers get it, for commands with the command, its secrets masked.  Owns the
 * file's writer.  What is not here: states, and the way of a request through the queue.
 */
#include <stdlib.h>
#include <string.h>

#include "report/auditfile.h"
#include "broker/report/report.h"
#include "platform/platform.h"
#include "secret/mask.h"
#include "wire/message.h"
#include "secret/redact.h"
#include "base/text.h"
#include "base/xalloc.h"

#define COMMAND_READ_MAX (64u * 1024u)  /* of a longer one no more is looked at */
#define COMMAND_SHOWN_MAX (16u * 1024u) /* and no more is recorded */
#define END_PATIENCE 2.0

/* ---- commands, masked ---- */

/* What the device's platform says about secrets in its lines. */
static char *
redact_by_platform(const struct platform *p, char *text)
{
	struct buf out;
	char *result;

	if (p == NULL)
		return text;
	buf_init(&out, SIZE_MAX / 2);
	for (const char *line = text, *next; line != NULL; line = next) {
		size_t size = strcspn(line, "\n"), shown_size;
		char *shown = platform_redact(p, line, size, &shown_size);
		next = line[size] == '\n' ? line + size + 1 : NULL;
		(void)!buf_append(&out, shown, shown_size); /* without a maximum */
		(void)!buf_append(&out, "\n", next != NULL ? 1 : 0);
		secret_free(shown);
	}
	result = xstrndup(out.len > 0 ? (const char *)buf_head(&out) : "", out.len);
	buf_wipe(&out);
	secret_free(text);
	return result;
}

static char *
as_text(const char *command, size_t size)
{
	if (text_is_utf8(command, size) && memchr(command, '\0', size) == NULL)
		return xstrndup(command, size);
	return text_vis(command, size, true);
}

/* Cuts between characters. */
static void
cut(char *text, size_t max)
{
	if (strlen(text) <= max)
		return;
	while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
		max--;
	text[max] = '\0';
}

bool
audit_is_on(const struct reports *events)
{
	return events->audit != NULL;
}

char *
audit_command(const struct reports *events, const char *command, size_t size, const struct redact *secrets,
    const struct platform *platform)
{
	char *text, *known, *masked;
	size_t read;

	if (events->audit == NULL || command == NULL)
		return NULL;
	read = size < COMMAND_READ_MAX ? size : COMMAND_READ_MAX;
	while (read < size && read > 0 && ((unsigned char)command[read] & 0xC0) == 0x80)
		read--; /* between characters */
	text = as_text(command, read);
	known = secrets != NULL ? redact_text(secrets, text, strlen(text), read < size) : xstrdup(text);
	known = redact_by_platform(platform, known);
	masked = mask_command(known);
	cut(masked, COMMAND_SHOWN_MAX);
	secret_free(text);
	secret_free(known);
	return masked;
}

/* ---- records ---- */

#define KIND(kind) (1u << (kind))
/* And EVENT_REQUEST_ENDED where no command of it has told it. */
#define RECORDED                                                                                                       \
	(KIND(EVENT_SESSION_UP) | KIND(EVENT_SESSION_DOWN) | KIND(EVENT_LOGIN_FAILED) | KIND(EVENT_COMMAND_ENDED) |    \
	    KIND(EVENT_REFUSED) | KIND(EVENT_RELOAD) | KIND(EVENT_STEERING) | KIND(EVENT_STARTED) |                    \
	    KIND(EVENT_STOPPING))

static bool
is_recorded(const struct event *e)
{
	return (RECORDED & KIND(e->kind)) != 0 || (e->kind == EVENT_REQUEST_ENDED && e->untold);
}

void
audit_event(struct reports *events, const struct event *e)
{
	cJSON *o;
	char *line;

	if (events->audit == NULL || !is_recorded(e))
		return;
	o = event_to_json(e);
	if (e->command != NULL) {
		cJSON_AddStringToObject(o, "command", e->command);
		if (e->command_size > COMMAND_SHOWN_MAX)
			cJSON_AddNumberToObject(o, "command_bytes", (double)e->command_size);
	}
	line = message_print(o);
	auditfile_write(events->audit, line, strlen(line));
	free(line);
	cJSON_Delete(o);
}

/* ---- the file ---- */

static void
open_audit(struct reports *events, const char *where)
{
	bool journal = strcmp(where, "journal") == 0;

	events->audit = auditfile_create(journal ? AUDITFILE_JOURNAL : where, journal);
	events->audit_where = events->audit != NULL ? xstrdup(where) : NULL;
}

void
audit_configure(struct reports *events, const char *where)
{
	if (events->audit != NULL && where != NULL && strcmp(events->audit_where, where) == 0) {
		auditfile_reopen(events->audit);
		return;
	}
	auditfile_destroy(events->audit, 0);
	events->audit = NULL;
	free(events->audit_where);
	events->audit_where = NULL;
	if (where != NULL)
		open_audit(events, where);
}

void
audit_reopen(struct reports *events)
{
	if (events->audit != NULL)
		auditfile_reopen(events->audit);
}

void
audit_finish(struct reports *events)
{
	auditfile_destroy(events->audit, END_PATIENCE);
	free(events->audit_where);
	events->audit = NULL;
	events->audit_where = NULL;
}
