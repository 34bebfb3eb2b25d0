/*
 * The % tokens of ssh_config(5), "~/" and ${NAME}.  Reads the environment, the password file and the host's name.
 */
#include "target/sshconf.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"

#define EXPANDED_MAX 8192

static int
append_user(struct buf *out)
{
	struct passwd pw, *found = NULL;
	char space[4096];
	const char *name;

	if (getpwuid_r(getuid(), &pw, space, sizeof(space), &found) == 0 && found != NULL)
		return buf_append_str(out, found->pw_name);
	name = getenv("USER");
	return name != NULL ? buf_append_str(out, name) : buf_printf(out, "%lu", (unsigned long)getuid());
}

static int
append_own_host(struct buf *out, bool domain)
{
	char name[256];

	if (gethostname(name, sizeof(name)) < 0)
		return buf_append_str(out, "localhost");
	name[sizeof(name) - 1] = '\0';
	if (!domain)
		name[strcspn(name, ".")] = '\0';
	return buf_append_str(out, name);
}

static int
append_home(struct buf *out)
{
	char *home = paths_expand_home("~");
	int r = buf_append_str(out, home);

	free(home);
	return r;
}

/* 0; -1 with err for an unknown token; 1 when it does not fit. */
static int
append_token(struct buf *out, char token, const struct sshconf_tokens *t, struct np_error *err)
{
	switch (token) {
	case '%':
		return buf_append_str(out, "%") < 0;
	case 'd':
		return append_home(out) < 0;
	case 'h':
		return buf_append_str(out, t->hostname) < 0;
	case 'i':
		return buf_printf(out, "%lu", (unsigned long)getuid()) < 0;
	case 'k':
		return buf_append_str(out, t->host_key_alias != NULL ? t->host_key_alias : t->operand) < 0;
	case 'L':
		return append_own_host(out, false) < 0;
	case 'l':
		return append_own_host(out, true) < 0;
	case 'n':
		return buf_append_str(out, t->operand) < 0;
	case 'p':
		return buf_printf(out, "%d", t->port) < 0;
	case 'r':
		return buf_append_str(out, t->user) < 0;
	case 'u':
		return append_user(out) < 0;
	case '\0':
		return error_set(err, REASON_INVALID_PARAMS, "a `%%` at the end: write `%%%%` for a percent sign");
	}
	return error_set(err, REASON_INVALID_PARAMS, "the token `%%%c` of ssh_config(5) is not supported here",
	    token > ' ' && token < 0x7f ? token : '?');
}

/* p points behind "${"; returns the first character behind "}" or NULL with err. */
static const char *
append_variable(struct buf *out, const char *p, bool *full, struct np_error *err)
{
	size_t length = strcspn(p, "}");
	char *name;
	const char *value;

	if (p[length] != '}' || length == 0) {
		error_set(err, REASON_INVALID_PARAMS, "`${` without a name and `}`");
		return NULL;
	}
	name = xstrndup(p, length);
	value = getenv(name);
	if (value == NULL)
		error_set(err, REASON_INVALID_PARAMS, "the environment variable `%s` is not set in the broker",
		    TEXT_SHOWN(name));
	else if (buf_append_str(out, value) < 0)
		*full = true;
	free(name);
	return value != NULL ? p + length + 1 : NULL;
}

static int
expand_into(struct buf *out, const char *p, const struct sshconf_tokens *t, bool is_file, struct np_error *err)
{
	bool full = false;

	if (is_file && p[0] == '~' && (p[1] == '/' || p[1] == '\0')) {
		full = append_home(out) < 0;
		p++;
	}
	while (*p != '\0' && !full) {
		if (*p == '%') {
			int r = append_token(out, p[1], t, err);

			if (r < 0)
				return -1;
			full = r > 0;
			p += 2;
		} else if (is_file && p[0] == '$' && p[1] == '{') {
			p = append_variable(out, p + 2, &full, err);
			if (p == NULL)
				return -1;
		} else {
			full = buf_append(out, p++, 1) < 0;
		}
	}
	if (full)
		return error_set(err, REASON_INVALID_PARAMS, "longer than %d bytes when expanded", EXPANDED_MAX);
	return 0;
}

char *
sshconf_expand(const char *text, const struct sshconf_tokens *t, bool tilde, struct np_error *err)
{
	struct buf out;

	buf_init(&out, EXPANDED_MAX);
	if (expand_into(&out, text, t, tilde, err) == 0)
		return buf_take(&out);
	error_prefix(err, "`%s`", TEXT_SHOWN(text));
	buf_free(&out);
	return NULL;
}
