/*
 * What ssh(1) would be told by -o: the words of ssh_config(5), beside the keys of netpulse.yaml(5).  Programs that
 * call ssh say many of them, most of which concern a connection of its own and mean nothing here.
 *
 *   ours       a setting of the device, or an option of npexec
 *   log-in     decides how a session is made: ssh -G is told of it, and sessions are not shared with who says else
 *   harmless   nothing is lost by ignoring it, whatever it says that ssh would take
 *   refused    harmless where it says no; else it asks for what npexec cannot do
 */
#include "npexec/npexec_options.h"

#include <ctype.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/xalloc.h"

#define WORD_MAX 40 /* the longest has 32 letters */

static const char flags[] =
    " checkhostip clearallforwardings compression enableescapecommandline enablesshkeysign exitonforwardfailure "
    "forwardx11trusted gatewayports gssapiauthentication gssapidelegatecredentials gssapikeyexchange "
    "gssapirenewalforcesrekey gssapitrustdns hashknownhosts hostbasedauthentication "
    "nohostauthenticationforlocalhost streamlocalbindunlink tcpkeepalive visualhostkey ";
static const char numbers[] = " compressionlevel connectionattempts numberofpasswordprompts serveralivecountmax ";
static const char times[] = " forwardx11timeout serveraliveinterval ";
static const char harmless[] =
    " addkeystoagent casignaturealgorithms channeltimeout controlmaster controlpath controlpersist fingerprinthash "
    "gssapiclientidentity gssapikexalgorithms gssapiserveridentity hostbasedacceptedalgorithms hostbasedkeytypes ipqos "
    "kbdinteractivedevices localcommand logverbose obscurekeystroketiming permitremoteopen protocol rekeylimit "
    "securitykeyprovider streamlocalbindmask syslogfacility tunneldevice updatehostkeys verifyhostkeydns "
    "warnweakcrypto xauthlocation ";
static const char login[] =
    " addressfamily bindaddress canonicaldomains canonicalizefallbacklocal canonicalizehostname canonicalizemaxdots "
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
/* Made of words that may have quotes of their own. */
static const char several[] = " sendenv setenv ";
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
allows(const char *values, const char *value)
{
	char padded[WORD_MAX + 3];

	snprintf(padded, sizeof(padded), " %s ", value);
	return strchr(value, ' ') == NULL && strcasestr(values, padded) != NULL;
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

/* As ssh counts: "90", "1m30", "2h"; seconds. */
static bool
parse_time(const char *text, unsigned long *seconds)
{
	static const struct {
		char letter;
		unsigned long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};

	*seconds = 0;
	if (strcasecmp(text, "none") == 0)
		return true;
	do {
		size_t n = strspn(text, "0123456789"), unit = 0;
		char number[10];

		if (n == 0 || n >= sizeof(number))
			return false;
		snprintf(number, sizeof(number), "%.*s", (int)n, text);
		text += n;
		while (unit < NP_COUNT(units) && tolower((unsigned char)*text) != units[unit].letter)
			unit++;
		if (unit == NP_COUNT(units) && *text != '\0')
			return false;
		*seconds += strtoul(number, NULL, 10) * units[unit % NP_COUNT(units)].seconds;
		text += *text != '\0';
	} while (*text != '\0');
	return true;
}

static bool
says_no(const char *value)
{
	return says(value, "no", "false") || strcasecmp(value, "none") == 0;
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
take_connect_timeout(struct npexec_options *o, const char *value, struct np_error *err)
{
	unsigned long seconds;
	char number[24];

	if (!parse_time(value, &seconds))
		return npoption_usage(err, "ConnectTimeout", "a time is written as 90, 1m30s or none");
	snprintf(number, sizeof(number), "%lu", seconds);
	if (seconds > 0)
		npexec_override_first(o, "queue_timeout", number);
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
	return npexec_login_file(&o->certificate_files, "CertificateFile", value, err);
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

/* ---- all of them ---- */

static int
take_unknown(struct npexec_options *o, const char *value, struct np_error *err NP_UNUSED)
{
	o->ignored = xstrdup(value);
	return 0;
}

/* A pattern is no word for keys of netpulse.yaml(5), which have no capitals. */
static bool
is_ignored(const struct npexec_options *o, const char *word)
{
	char *copy = xstrdup(o->ignored != NULL ? o->ignored : ""), *rest = copy, *pattern;
	bool capitals = strpbrk(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL, ignored = false;

	while (!ignored && (pattern = strsep(&rest, ", \t")) != NULL)
		ignored = strcasecmp(pattern, word) == 0 || (capitals && fnmatch(pattern, word, FNM_CASEFOLD) == 0);
	free(copy);
	return ignored;
}

static const char yes_or_no[] = " yes no true false ";

static const struct {
	const char *word;
	int (*take)(struct npexec_options *o, const char *value, struct np_error *err);
	const char *values; /* NULL: any */
} takers[] = {
    {"user", take_user, NULL},
    {"port", take_port, NULL},
    {"proxyjump", take_jump, NULL},
    {"connecttimeout", take_connect_timeout, NULL},
    {"identityfile", take_identity, NULL},
    {"certificatefile", take_certificate, NULL},
    {"batchmode", take_batch, yes_or_no},
    {"requesttty", take_tty, " yes no true false force auto "},
    {"stdinnull", take_null, yes_or_no},
    {"loglevel", take_log_level, " silent quiet fatal error info verbose debug debug1 debug2 debug3 "},
    {"escapechar", take_escape, NULL},
    {"sessiontype", take_session_type, NULL},
    {"sendenv", npexec_send_env, NULL},
    {"setenv", npexec_set_env, NULL},
    {"ignoreunknown", take_unknown, NULL},
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
	size_t n;

	p += strspn(p, " \t");
	p += *p == '=';
	p += strspn(p, " \t");
	for (n = strlen(p); n > 0 && strchr(" \t", p[n - 1]) != NULL;)
		n--;
	return xstrndup(p, n);
}

static bool
is_sensible(const char *lower, const char *value)
{
	unsigned long number;
	size_t row = find_taker(lower);
	const char *values = row < NP_COUNT(takers) ? takers[row].values : holds(flags, lower) ? yes_or_no : NULL;

	if (values != NULL)
		return allows(values, value);
	if (holds(numbers, lower))
		return text_parse_ulong(value, INT_MAX, &number);
	return !holds(times, lower) || parse_time(value, &number);
}

static int
take_word(struct npexec_options *o, const char *word, const char *lower, const char *value, struct np_error *err)
{
	size_t row = find_taker(lower);

	if (!is_sensible(lower, value))
		return npoption_usage(err, word, "it has no such value");
	if (row < NP_COUNT(takers)) {
		bool again = (o->words >> row & 1) != 0 && !holds(lists, lower);

		o->words |= UINT32_C(1) << row;
		return again ? 0 : takers[row].take(o, value, err);
	}
	if (!holds(refused, lower) || says_no(value))
		return 0;
	return npoption_usage(err, word, "npexec cannot do what this asks for: use ssh for it");
}

/* What ssh is asked about is told to it as it was said; of all others a value in quotes stands for itself. */
static int
take_said(struct npexec_options *o, const char *word, const char *lower, char *value, struct np_error *err)
{
	size_t n = strlen(value);

	if (n == 0)
		return npoption_usage(err, word, "a value is missing");
	if (holds(login, lower)) {
		npexec_login_word(o, word, value);
		return 0;
	}
	if (holds(login_files, lower))
		return npexec_login_paths(o, word, value, err);
	if (n > 1 && !holds(several, lower) && value[0] == '"' && value[n - 1] == '"') {
		value[n - 1] = '\0';
		value++;
	}
	return take_word(o, word, lower, value, err);
}

static bool
is_known(const char *lower)
{
	static const char *const all[] = {login, login_files, flags, numbers, times, harmless, refused};
	bool known = find_taker(lower) < NP_COUNT(takers);

	for (size_t i = 0; i < NP_COUNT(all) && !known; i++)
		known = holds(all[i], lower);
	return known;
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
		return is_ignored(o, word) ? NPEXEC_TAKEN : NPEXEC_NOT_SSH;
	value = find_value(arg + n);
	result = take_said(o, word, lower, value, err);
	free(value);
	return result == 0 ? NPEXEC_TAKEN : NPEXEC_REFUSED;
}
