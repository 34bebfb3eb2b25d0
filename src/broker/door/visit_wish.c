/*
 * What an ssh at the mux door wants, as an `exec` of netpulse-protocol(7).
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "broker/door/door_impl.h"

#define ENV_MAX 256 /* of an exec */

/* A copy as a string, or NULL where JSON could not say it. */
static char *
string_of(const struct mux_text *text)
{
	if (!text_is_utf8(text->p, text->size) || memchr(text->p, '\0', text->size) != NULL)
		return NULL;
	return xstrndup(text->p, text->size);
}

/* Gives the params a member; false: it cannot be said. */
static bool
add_text(cJSON *params, const char *name, const struct mux_text *text)
{
	char *copy = string_of(text);

	if (copy == NULL)
		return false;
	cJSON_AddStringToObject(params, name, copy);
	free(copy);
	return true;
}

/* Of a name that comes twice the last value counts.  What cannot be said is left out, as servers leave most out. */
static void
add_env(cJSON *params, struct mux_message *m)
{
	cJSON *env = cJSON_AddObjectToObject(params, "env");
	struct mux_text pair;
	int count = 0;

	while (mux_next_env(m, &pair) && count < ENV_MAX) {
		char *copy = string_of(&pair), *value = copy != NULL ? strchr(copy, '=') : NULL;
		if (value != NULL && value != copy) {
			*value++ = '\0';
			cJSON_DeleteItemFromObjectCaseSensitive(env, copy);
			cJSON_AddStringToObject(env, copy, value);
			count++;
		}
		free(copy);
	}
}

static void
add_command(cJSON *params, const struct mux_message *m, struct wish *wish)
{
	char *base64;

	if (memchr(m->command.p, '\0', m->command.size) != NULL)
		wish->refusal = "a command with a NUL byte";
	else if (m->subsystem && !add_text(params, "subsystem", &m->command))
		wish->refusal = "the name of the subsystem is not UTF-8";
	else if (!m->subsystem && m->command.size > 0) {
		base64 = text_base64(m->command.p, m->command.size);
		cJSON_AddStringToObject(params, "command_base64", base64);
		free(base64);
	}
}

static void
wish_session(cJSON *params, const struct mux_message *m, struct visit *v)
{
	bool on_shell = v->to.shell && m->command.size > 0 && !m->subsystem;
	struct wish *wish = &v->wish;
	struct mux_message rest = *m;

	if (m->agent)
		wish->refusal = "the agent is forwarded on a connection of one's own";
	if (m->x11)
		wish->refusal = "X11 is forwarded on a connection of one's own";
	wish->tty = m->tty;
	wish->what = m->subsystem ? "subsystem" : m->command.size > 0 ? "exec" : "shell";
	if (m->tty) {
		cJSON_AddTrueToObject(params, "pty");
		if (m->term.size > 0)
			(void)add_text(params, "term", &m->term);
	}
	add_command(params, m, wish);
	if (m->env.size > 0 && !on_shell) /* a command line has none */
		add_env(params, &rest);
}

static void
add_connect(cJSON *params, const char *host, uint32_t port)
{
	char *where = port == MUX_PORT_PATH
			  ? xstrdup(host)
			  : xasprintf(strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, (unsigned)port);

	cJSON_AddStringToObject(params, "connect", where);
	free(where);
}

static void
wish_forward(cJSON *params, const struct mux_message *m, struct wish *wish)
{
	char *name = string_of(&m->host);

	if (name != NULL)
		add_connect(params, name, m->port);
	else
		wish->refusal = "the name of the host is not UTF-8";
	free(name);
}

static cJSON *
begin_params(const struct visit *v)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddRawToObject(params, "device", v->to.ref != NULL ? v->to.ref : "\"\"");
	cJSON_AddTrueToObject(params, "interactive"); /* who would be asked goes by itself */
	if (v->to.agent_socket != NULL)
		cJSON_AddStringToObject(params, "agent_socket", v->to.agent_socket);
	return params;
}

void
session_wish_connect(struct visit *v, const char *host, uint32_t port)
{
	v->wish = (struct wish){.forward = true, .params = begin_params(v)};
	add_connect(v->wish.params, host, port);
	cJSON_AddTrueToObject(v->wish.params, "half_close"); /* but ssh -W ends with the far end */
	escape_init(&v->escape, MUX_NO_ESCAPE);
}

void
session_wish(struct visit *v, const struct mux_message *m)
{
	cJSON *params = begin_params(v);

	if (v->to.ref == NULL)
		v->wish.refusal = "nobody has announced this ssh (npctl mux)";
	else if (v->wish.forward)
		wish_forward(params, m, &v->wish);
	else
		wish_session(params, m, v);
	escape_init(&v->escape, m->tty ? m->escape : MUX_NO_ESCAPE);
	v->wish.params = params;
}

/* The same wish, for a server that gives none. */
cJSON *
session_without_terminal(const cJSON *params)
{
	cJSON *copy = cJSON_Duplicate(params, true);

	cJSON_DeleteItemFromObjectCaseSensitive(copy, "pty");
	cJSON_DeleteItemFromObjectCaseSensitive(copy, "term");
	cJSON_DeleteItemFromObjectCaseSensitive(copy, "modes");
	return copy;
}
