/*
 * What ssh(1) would be told by -o: the words of ssh_config(5), beside the keys of netpulse.yaml(5).  Programs that
 * call ssh say many of them, most of which concern a connection of its own and mean nothing here.
 *
 *   ours       a setting of the device, or an option of npexec
 *   log-in     decides how a session is made: ssh -G is told of it, and sessions are not shared with who says else
 *   harmless   nothing is lost by ignoring it, whatever it says
 *   refused    harmless where it says no; else it asks for what npexec cannot do
 */
#include "npexec/npexec_options.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "lib/npstart.h"

#define WORD_MAX 40 /* the longest has 32 letters */

extern char **environ;

static const char harmless[] =
    " addkeystoagent addressfamily casignaturealgorithms channeltimeout checkhostip clearallforwardings compression "
    "compressionlevel connectionattempts controlmaster controlpath controlpersist enableescapecommandline "
    "enablesshkeysign exitonforwardfailure fingerprinthash forwardx11timeout forwardx11trusted gatewayports "
    "gssapiauthentication gssapidelegatecredentials gssapiclientidentity gssapikexalgorithms gssapikeyexchange "
    "gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hashknownhosts hostbasedacceptedalgorithms "
    "hostbasedauthentication hostbasedkeytypes ignoreunknown ipqos kbdinteractivedevices localcommand logverbose "
    "nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming permitremoteopen protocol "
    "rekeylimit securitykeyprovider serveralivecountmax serveraliveinterval streamlocalbindmask streamlocalbindunlink "
    "syslogfacility tcpkeepalive tunneldevice updatehostkeys verifyhostkeydns visualhostkey warnweakcrypto "
    "xauthlocation ";
static const char login[] =
    " bindaddress canonicaldomains canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots "
    "canonicalizepermittedcnames challengeresponseauthentication ciphers hostkeyalgorithms hostkeyalias hostname "
    "identitiesonly kbdinteractiveauthentication kexalgorithms macs passwordauthentication preferredauthentications "
    "proxycommand pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication stricthostkeychecking ";
static const char login_files[] = " globalknownhostsfile identityagent userknownhostsfile ";
static const char refused[] =
    " bindinterface dynamicforward forkafterauthentication forwardagent forwardx11 include knownhostscommand "
    "localforward match permitlocalcommand pkcs11provider proxyusefdpass remotecommand remoteforward requiredrsasize "
    "revokedhostkeys tunnel ";
/* Not their first value alone counts. */
static const char lists[] = " certificatefile identityfile sendenv ";
/* Spelled like this they are keys of netpulse.yaml(5). */
static const char ours[] = " ciphers macs ";

static bool
holds(const char *words, const char *word)
{
	char padded[WORD_MAX + 3];

	snprintf(padded, sizeof(padded), " %s ", word);
	return strstr(words, padded) != NULL;
}

static bool
says(const char *value, const char *a, const char *b)
{
	return strcasecmp(value, a) == 0 || strcasecmp(value, b) == 0;
}

static bool
says_yes(const char *value)
{
	return says(value, "yes", "true");
}

static bool
says_no(const char *value)
{
	return says(value, "no", "false") || strcasecmp(value, "none") == 0;
}

/* ---- for the log-in ---- */

/* Words are told to ssh -G in the order in which they were said: the first value counts, as with ssh. */
static int
add_login(struct npexec_options *o, const char *word, const char *value, struct np_error *err)
{
	const char *before = NULL;
	char *text;

	if (strpbrk(value, " \t") != NULL)
		return npoption_usage(err, word, "a value with blanks must stand in ~/.ssh/config, or a file for -F");
	if (o->overrides != NULL)
		before = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o->overrides, "ssh_options"));
	text = before != NULL ? xasprintf("%s %s=%s", before, word, value) : xasprintf("%s=%s", word, value);
	npexec_override(o, "ssh_options", text);
	free(text);
	return 0;
}

/* The broker works in another directory. */
static int
add_login_file(struct npexec_options *o, const char *word, const char *value, struct np_error *err)
{
	bool is_path = strchr("~%$", value[0]) == NULL && !says(value, "none", "SSH_AUTH_SOCK");
	char *absolute = is_path ? npstart_absolute(value, err) : xstrdup(value);
	int result = absolute != NULL ? add_login(o, word, absolute, err) : -1;

	free(absolute);
	return result;
}

/* What a list of files is told by: by a key of the device where it is one that is there, else as ssh tells itself. */
static const struct {
	size_t list;
	const char *key, *word;
} file_lists[] = {
    {offsetof(struct npexec_options, key_files), "key_file", "IdentityFile"},
    {offsetof(struct npexec_options, certificate_files), "certificate_file", "CertificateFile"},
};

/* Those that only ssh can tell the names of. */
static bool
is_for_ssh(const char *path)
{
	return strcmp(path, "none") == 0 || strpbrk(path, "%$") != NULL || (path[0] == '~' && path[1] != '/');
}

static int
add_file(struct strings *files, const char *word, const char *path, struct np_error *err)
{
	char *expanded, *absolute;

	if (*path == '\0')
		return npoption_usage(err, word, "the file name is empty");
	expanded = paths_expand_home(path);
	absolute = is_for_ssh(path) ? xstrdup(path) : npstart_absolute(expanded, err);
	strings_take(files, absolute);
	free(expanded);
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
		return add_file(&o->key_files, row->name, path, err);
	strings_add(&o->missing_keys, path);
	return 0;
}

int
npexec_ssh_files(struct npexec_options *o, struct np_error *err)
{
	int result = 0;

	for (size_t i = 0; i < NP_COUNT(file_lists); i++) {
		const struct strings *files = (const void *)((const char *)o + file_lists[i].list);

		if (files->n == 1 && !is_for_ssh(files->v[0])) {
			npexec_override_first(o, file_lists[i].key, files->v[0]);
			continue;
		}
		for (size_t n = 0; n < files->n && result == 0; n++)
			result = add_login(o, file_lists[i].word, files->v[n], err);
	}
	return result;
}

/* ---- for npexec ---- */

static int
take_user(struct npexec_options *o, const char *value, struct np_error *err NP_UNUSED)
{
	npexec_override_first(o, "username", value);
	return 0;
}

static int
take_port(struct npexec_options *o, const char *value, struct np_error *err NP_UNUSED)
{
	npexec_override_first(o, "port", value);
	return 0;
}

static int
take_jump(struct npexec_options *o, const char *value, struct np_error *err NP_UNUSED)
{
	npexec_override_first(o, "proxy_jump", value);
	return 0;
}

/* How long this caller waits; a log-in that others wait for as well has its own limit. */
static int
take_connect_timeout(struct npexec_options *o, const char *value, struct np_error *err NP_UNUSED)
{
	if (strcmp(value, "0") != 0 && strcasecmp(value, "none") != 0)
		npexec_override_first(o, "queue_timeout", value);
	return 0;
}

static int
take_identity(struct npexec_options *o, const char *value, struct np_error *err)
{
	return npexec_identity(o, &(const struct npoption){.name = "IdentityFile"}, value, err);
}

static int
take_certificate(struct npexec_options *o, const char *value, struct np_error *err)
{
	return add_file(&o->certificate_files, "CertificateFile", value, err);
}

static int
take_batch(struct npexec_options *o, const char *value, struct np_error *err NP_UNUSED)
{
	o->batch = says_yes(value);
	return 0;
}

static int
take_tty(struct npexec_options *o, const char *value, struct np_error *err NP_UNUSED)
{
	if (o->tty != 0) /* -t and -T are stronger */
		return 0;
	if (says_no(value))
		o->tty = -1;
	else if (strcasecmp(value, "auto") != 0)
		o->tty = strcasecmp(value, "force") == 0 ? 2 : 1;
	return 0;
}

static int
take_null(struct npexec_options *o, const char *value, struct np_error *err NP_UNUSED)
{
	o->no_stdin |= says_yes(value);
	return 0;
}

static int
take_log_level(struct npexec_options *o, const char *value, struct np_error *err NP_UNUSED)
{
	if (o->quiet || o->verbose) /* so are -q and -v */
		return 0;
	o->quiet |= says(value, "quiet", "fatal") || strcasecmp(value, "error") == 0;
	o->verbose |= strcasecmp(value, "verbose") == 0 || strncasecmp(value, "debug", 5) == 0;
	return 0;
}

static int
take_escape(struct npexec_options *o, const char *value, struct np_error *err)
{
	bool none = strcasecmp(value, "none") == 0;

	o->no_escape |= none;
	if (none || strcmp(value, "~") == 0)
		return 0;
	return npoption_usage(err, "EscapeChar", "it is ~ or none");
}

static int
take_session_type(struct npexec_options *o, const char *value, struct np_error *err)
{
	o->subsystem |= strcasecmp(value, "subsystem") == 0;
	if (o->subsystem || strcasecmp(value, "default") == 0)
		return 0;
	return npoption_usage(err, "SessionType", "npexec runs something: use ssh for that");
}

/* ---- the environment ---- */

/* Most servers take few variables, and command lines none: what was not asked for by --env may be left out. */
static int
add_env(struct npexec_options *o, const char *pair, struct np_error *err)
{
	if (o->env == NULL)
		o->env_optional = true;
	return npexec_override_env(o, &(const struct npoption){.name = "-o"}, pair, err);
}

static int
send_matching(struct npexec_options *o, const char *pattern, struct np_error *err)
{
	int result = 0;

	for (char **e = environ; e != NULL && *e != NULL && result == 0; e++) {
		char *name = xstrndup(*e, strcspn(*e, "="));

		if (fnmatch(pattern, name, 0) == 0 && text_is_utf8(*e, strlen(*e)) && (*e)[strlen(name)] == '=' &&
		    *name != '\0')
			result = add_env(o, *e, err);
		free(name);
	}
	return result;
}

static int
take_send_env(struct npexec_options *o, const char *value, struct np_error *err)
{
	char *copy = xstrdup(value), *rest = copy, *pattern;
	int result = 0;

	while (result == 0 && (pattern = strsep(&rest, " \t")) != NULL)
		if (*pattern != '\0' && *pattern != '-')
			result = send_matching(o, pattern, err);
	free(copy);
	return result;
}

/* Several, separated by blanks. */
static int
take_set_env(struct npexec_options *o, const char *value, struct np_error *err)
{
	char *copy = xstrdup(value), *rest = copy, *pair;
	int result = 0;

	while (result == 0 && (pair = strsep(&rest, " \t")) != NULL) {
		if (*pair != '\0' && (strchr(pair, '=') == NULL || strchr(pair, '"') != NULL))
			result =
			    npoption_usage(err, "SetEnv", "write NAME=VALUE, or use --env for a value with blanks");
		else if (*pair != '\0')
			result = add_env(o, pair, err);
	}
	free(copy);
	return result;
}

/* ---- all of them ---- */

static const struct {
	const char *word;
	int (*take)(struct npexec_options *o, const char *value, struct np_error *err);
} takers[] = {
    {"user", take_user},
    {"port", take_port},
    {"proxyjump", take_jump},
    {"connecttimeout", take_connect_timeout},
    {"identityfile", take_identity},
    {"certificatefile", take_certificate},
    {"batchmode", take_batch},
    {"requesttty", take_tty},
    {"stdinnull", take_null},
    {"loglevel", take_log_level},
    {"escapechar", take_escape},
    {"sessiontype", take_session_type},
    {"sendenv", take_send_env},
    {"setenv", take_set_env},
};

/* The row, or NP_COUNT(takers). */
static size_t
find_taker(const char *lower)
{
	size_t i = 0;

	while (i < NP_COUNT(takers) && strcmp(takers[i].word, lower) != 0)
		i++;
	return i;
}

/* As ssh takes a line apart: "Keyword value", "Keyword=value", "Keyword = \"value\"". */
static char *
find_value(const char *p)
{
	char *value;
	size_t n;

	p += strspn(p, " \t");
	p += *p == '=';
	p += strspn(p, " \t");
	for (n = strlen(p); n > 0 && strchr(" \t", p[n - 1]) != NULL;)
		n--;
	if (n > 1 && p[0] == '"' && p[n - 1] == '"') {
		p++;
		n -= 2;
	}
	value = xstrndup(p, n);
	return value;
}

static int
take_word(struct npexec_options *o, const char *word, const char *lower, const char *value, struct np_error *err)
{
	size_t row = find_taker(lower);

	if (row < NP_COUNT(takers)) {
		bool again = (o->words >> row & 1) != 0 && !holds(lists, lower);

		o->words |= UINT32_C(1) << row;
		return again ? 0 : takers[row].take(o, value, err);
	}
	if (holds(login, lower))
		return add_login(o, word, value, err);
	if (holds(login_files, lower))
		return add_login_file(o, word, value, err);
	if (holds(harmless, lower) || says_no(value))
		return 0;
	return npoption_usage(err, word, "npexec cannot do what this asks for: use ssh for it");
}

static bool
is_known(const char *lower)
{
	return find_taker(lower) < NP_COUNT(takers) || holds(login, lower) || holds(login_files, lower) ||
	       holds(harmless, lower) || holds(refused, lower);
}

enum npexec_said
npexec_ssh_option(struct npexec_options *o, const char *arg, struct np_error *err)
{
	char word[WORD_MAX + 1], lower[WORD_MAX + 1], *value;
	size_t n;
	int result;

	arg += strspn(arg, " \t");
	n = strcspn(arg, " \t=");
	if (n == 0 || n > WORD_MAX)
		return NPEXEC_NOT_SSH;
	snprintf(word, sizeof(word), "%.*s", (int)n, arg);
	for (size_t i = 0; i <= n; i++)
		lower[i] = (char)tolower((unsigned char)word[i]);
	if (!is_known(lower) || holds(ours, word))
		return NPEXEC_NOT_SSH;
	value = find_value(arg + n);
	result =
	    *value != '\0' ? take_word(o, word, lower, value, err) : npoption_usage(err, word, "a value is missing");
	free(value);
	return result == 0 ? NPEXEC_TAKEN : NPEXEC_REFUSED;
}
