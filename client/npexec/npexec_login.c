/*
 * What options say of the log-in: the words of ssh_config(5) that ssh itself is to be asked about, by ssh_options of
 * netpulse.yaml(5), and the files of keys and certificates.  The broker works in another directory: what names a file
 * is made absolute here.
 */
#include "npexec/npexec_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/paths.h"
#include "base/xalloc.h"
#include "lib/npstart.h"

/* In the order in which they were said: the first value counts, as with ssh. */
void
npexec_login_word(struct npexec_options *o, const char *word, const char *value)
{
	const char *before = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o->overrides, "ssh_options"));
	size_t n = before != NULL ? strlen(before) : 0;
	char *text = xmalloc(n + strlen(word) + 2 * strlen(value) + 3), *to = text;

	to += sprintf(to, "%s%s%s=", n > 0 ? before : "", n > 0 ? " " : "", word);
	for (; *value != '\0'; value++) { /* words are separated by blanks */
		if (*value == ' ' || *value == '\\')
			*to++ = '\\';
		*to++ = *value;
	}
	*to = '\0';
	npexec_override(o, "ssh_options", text);
	free(text);
}

/* Those that only ssh can tell the names of. */
static bool
is_for_ssh(const char *path)
{
	return strcmp(path, "none") == 0 || strcmp(path, "SSH_AUTH_SOCK") == 0 || strpbrk(path, "%$") != NULL ||
	       (path[0] == '~' && path[1] != '/');
}

/* NULL with err: the working directory is not known. */
static char *
make_absolute(const char *path, struct np_error *err)
{
	char *expanded = paths_expand_home(path);
	char *absolute = is_for_ssh(path) ? xstrdup(path) : npstart_absolute(expanded, err);

	free(expanded);
	return absolute;
}

static char *
quote(const char *path)
{
	return strpbrk(path, " \t") != NULL ? xasprintf("\"%s\"", path) : xstrdup(path);
}

char *
npexec_login_split(const char **p)
{
	const char *from = *p + strspn(*p, " \t");
	char *word = *from != '\0' ? xmalloc(strlen(from) + 1) : NULL, *to = word;
	bool quoted = false;

	for (; *from != '\0' && (quoted || strchr(" \t", *from) == NULL); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	if (word != NULL)
		*to = '\0';
	*p = from;
	return word;
}

/* One or several, as ssh reads them. */
int
npexec_login_paths(struct npexec_options *o, const char *word, const char *value, struct np_error *err)
{
	char *list = xstrdup(""), *path;
	bool failed = false;

	while (!failed && (path = npexec_login_split(&value)) != NULL) {
		char *absolute = make_absolute(path, err);

		failed = absolute == NULL;
		if (!failed) {
			char *shown = quote(absolute);
			char *longer = xasprintf("%s%s%s", list, *list != '\0' ? " " : "", shown);

			free(list);
			free(shown);
			list = longer;
		}
		free(absolute);
		free(path);
	}
	if (!failed)
		npexec_login_word(o, word, list);
	free(list);
	return failed ? -1 : 0;
}

/* ---- keys and certificates ---- */

int
npexec_login_file(struct strings *files, const char *word, const char *path, struct np_error *err)
{
	char *absolute;

	if (*path == '\0')
		return npoption_usage(err, word, "the file name is empty");
	absolute = make_absolute(path, err);
	strings_take(files, absolute);
	return absolute != NULL ? 0 : -1;
}

int
npexec_identity(void *to, const struct npoption *row, const char *path, struct np_error *err)
{
	struct npexec_options *o = to;
	char *expanded = paths_expand_home(path);
	bool is_missing = *path != '\0' && !is_for_ssh(path) && access(expanded, R_OK) == -1;

	free(expanded);
	if (!is_missing)
		return npexec_login_file(&o->key_files, row->name, path, err);
	strings_add(&o->missing_keys, path);
	return 0;
}

/* A single one is what the device's key says; of several ssh makes its list, with those of its configuration. */
static void
tell_files(struct npexec_options *o, const struct strings *files, const char *key, const char *word)
{
	if (files->n == 1 && !is_for_ssh(files->v[0])) {
		npexec_override_first(o, key, files->v[0]);
		return;
	}
	for (size_t i = 0; i < files->n; i++) {
		char *shown = quote(files->v[i]);

		npexec_login_word(o, word, shown);
		free(shown);
	}
}

void
npexec_login_finish(struct npexec_options *o)
{
	tell_files(o, &o->key_files, "key_file", "IdentityFile");
	tell_files(o, &o->certificate_files, "certificate_file", "CertificateFile");
}
