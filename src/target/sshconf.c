/*
 * The output of `ssh -G`, parsed by one table of keywords.
 *
 * Not here: running ssh (the resolver does), expanding tokens (sshconf_expand.c), what a device entry overrides
 * (target.c).
 */
#include "target/sshconf.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/text.h"
#include "target/target.h"
#include "base/xalloc.h"

/* --- keywords that we honour --- */

enum kind {
	KIND_STRING, /* "none" is nothing */
	KIND_TEXT,   /* "none" is a name like any other */
	KIND_BOOL,   /* anything but no and false is true: pubkeyauthentication also says unbound and host-bound */
	KIND_INT,    /* "none" is 0 */
	KIND_APPEND, /* one value a line */
	KIND_FILES,  /* all in one line */
	KIND_FAMILY,
	KIND_STRICT
};

#define AT(member) offsetof(struct target, member)

static const struct keyword {
	const char *name;
	enum kind kind;
	size_t offset;
} keywords[] = {
    {"addressfamily", KIND_FAMILY, AT(address_family)},
    {"batchmode", KIND_BOOL, AT(batch_mode)},
    {"bindaddress", KIND_STRING, AT(bind_address)},
    {"certificatefile", KIND_APPEND, AT(certificate_files)},
    {"ciphers", KIND_STRING, AT(ciphers)},
    {"compression", KIND_BOOL, AT(compression)},
    {"connecttimeout", KIND_INT, AT(connect_timeout)},
    {"globalknownhostsfile", KIND_FILES, AT(global_known_hosts)},
    {"hashknownhosts", KIND_BOOL, AT(hash_known_hosts)},
    {"hostkeyalgorithms", KIND_STRING, AT(host_key_algorithms)},
    {"hostkeyalias", KIND_TEXT, AT(known_as)},
    {"hostname", KIND_TEXT, AT(host)},
    {"identitiesonly", KIND_BOOL, AT(identities_only)},
    {"identityagent", KIND_TEXT, AT(agent_path)},
    {"identityfile", KIND_APPEND, AT(identity_files)},
    {"kbdinteractiveauthentication", KIND_BOOL, AT(kbdint_auth)},
    {"kexalgorithms", KIND_STRING, AT(kex)},
    {"macs", KIND_STRING, AT(macs)},
    {"numberofpasswordprompts", KIND_INT, AT(password_prompts)},
    {"passwordauthentication", KIND_BOOL, AT(password_auth)},
    {"port", KIND_INT, AT(port)},
    {"preferredauthentications", KIND_STRING, AT(preferred_authentications)},
    {"proxycommand", KIND_STRING, AT(proxy_command)},
    {"proxyjump", KIND_STRING, AT(proxy_jump)},
    {"pubkeyacceptedalgorithms", KIND_STRING, AT(pubkey_algorithms)},
    {"pubkeyacceptedkeytypes", KIND_STRING, AT(pubkey_algorithms)}, /* before 8.5 */
    {"pubkeyauthentication", KIND_BOOL, AT(pubkey_auth)},
    {"setenv", KIND_APPEND, AT(set_env)},
    {"stricthostkeychecking", KIND_STRICT, AT(strict)},
    {"user", KIND_TEXT, AT(user)},
    {"userknownhostsfile", KIND_FILES, AT(user_known_hosts)},
};

/* To whom it matters. */
enum whom {
	WHOM_ALL,    /* to people, who are told, and to an ssh at the door, which goes by itself */
	WHOM_OTHERS, /* not to an ssh: it does that itself, or asks at the door for it */
	WHOM_SSH     /* to an ssh alone: what it would do by itself, and what it has chosen to have instead of us */
};

/*
 * Said things that matter to safety or function and that we do not honour, with the values that change nothing.  Not
 * GSSAPIAuthentication: Debian's ssh_config says it to everybody, and a login that fails for want of it names it.
 */
static const struct unsupported {
	const char *name;
	const char *harmless[3];
	enum whom whom;
} unsupported[] = {
    {"bindinterface", {"none"}, WHOM_ALL},
    {"controlpath", {"none"}, WHOM_SSH},
    {"dynamicforward", {NULL}, WHOM_OTHERS},
    {"forkafterauthentication", {"no", "false"}, WHOM_SSH},
    {"forwardagent", {"no", "false"}, WHOM_ALL},
    {"forwardx11", {"no", "false"}, WHOM_ALL},
    {"gatewayports", {"no", "false"}, WHOM_SSH},
    {"gssapidelegatecredentials", {"no", "false"}, WHOM_SSH},
    {"hostbasedauthentication", {"no", "false"}, WHOM_ALL},
    {"knownhostscommand", {"none"}, WHOM_ALL},
    {"localforward", {NULL}, WHOM_OTHERS},
    {"logverbose", {"none"}, WHOM_SSH},
    {"nohostauthenticationforlocalhost", {"no", "false"}, WHOM_ALL},
    {"pkcs11provider", {"none"}, WHOM_ALL},
    {"proxyusefdpass", {"no", "false"}, WHOM_ALL},
    {"refuseconnection", {NULL}, WHOM_ALL},
    {"rekeylimit", {"0 0"}, WHOM_OTHERS},
    {"remotecommand", {"none"}, WHOM_OTHERS},
    {"remoteforward", {NULL}, WHOM_ALL},
    {"requiredrsasize", {"1024"}, WHOM_ALL},
    {"revokedhostkeys", {"none"}, WHOM_ALL},
    {"serveraliveinterval", {"0", "300"}, WHOM_OTHERS}, /* 300: of Debian's BatchMode */
    {"sessiontype", {"default", "subsystem"}, WHOM_SSH},
    {"tunnel", {"no", "false"}, WHOM_ALL},
    {"verifyhostkeydns", {"no", "false"}, WHOM_ALL},
    {"visualhostkey", {"no", "false"}, WHOM_SSH},
};

static bool
says_no(const char *value)
{
	/* ssh without zlib says "compression UNKNOWN" */
	return strcasecmp(value, "no") == 0 || strcasecmp(value, "false") == 0 || strcasecmp(value, "off") == 0 ||
	       strcasecmp(value, "unknown") == 0;
}

static bool
says_none(const char *value)
{
	return strcasecmp(value, "none") == 0;
}

static int
parse_family(const char *value)
{
	if (strcasecmp(value, "inet") == 0)
		return AF_INET;
	return strcasecmp(value, "inet6") == 0 ? AF_INET6 : AF_UNSPEC;
}

static enum strict_checking
parse_strict(const char *value)
{
	if (says_no(value))
		return STRICT_OFF;
	if (strcasecmp(value, "accept-new") == 0)
		return STRICT_ACCEPT_NEW;
	return strcasecmp(value, "ask") == 0 ? STRICT_ASK : STRICT_YES;
}

static bool
begins_file_name(const char *piece)
{
	return piece[0] != '\0' && strchr("/~%$", piece[0]) != NULL;
}

/*
 * ssh separates file names by a space and does not quote those that hold one.  It has made them absolute, so a piece
 * that cannot begin a file name belongs to the piece before it.
 */
static void
add_files(struct strings *files, const char *value)
{
	char *copy = xstrdup(value);
	char *rest = copy, *name = NULL;

	for (char *piece; (piece = strsep(&rest, " ")) != NULL;) {
		if (name != NULL && begins_file_name(name) && !begins_file_name(piece)) {
			piece[-1] = ' ';
			continue;
		}
		if (name != NULL)
			strings_add(files, name);
		name = piece[0] != '\0' ? piece : NULL;
	}
	if (name != NULL)
		strings_add(files, name);
	free(copy);
}

static int
set_int(int *field, const char *name, const char *value, struct np_error *err)
{
	unsigned long number = 0;

	if (!says_none(value) && !text_parse_ulong(value, 1000000000, &number))
		return error_set(err, REASON_INVALID_PARAMS, "ssh -G said `%s` without a usable number", name);
	*field = (int)number;
	return 0;
}

static int
set_keyword(struct target *t, const struct keyword *k, const char *value, struct np_error *err)
{
	void *field = (char *)t + k->offset;

	switch (k->kind) {
	case KIND_STRING:
		xreplace(field, says_none(value) ? NULL : value);
		break;
	case KIND_TEXT:
		xreplace(field, value);
		break;
	case KIND_BOOL:
		*(bool *)field = !says_no(value);
		break;
	case KIND_INT:
		return set_int(field, k->name, value, err);
	case KIND_APPEND:
		if (!says_none(value))
			strings_add(field, value);
		break;
	case KIND_FILES:
		if (!says_none(value))
			add_files(field, value);
		break;
	case KIND_FAMILY:
		*(int *)field = parse_family(value);
		break;
	case KIND_STRICT:
		*(enum strict_checking *)field = parse_strict(value);
		break;
	}
	return 0;
}

static void
add_unsupported(struct target *t, const char *line)
{
	char shown[256];

	strings_addf(
	    &t->notices, "ssh's configuration: `%s` is not honoured", text_vis_into(shown, sizeof(shown), line));
}

static bool
is_harmless(const struct unsupported *u, const char *value)
{
	for (size_t i = 0; i < NP_COUNT(u->harmless) && u->harmless[i] != NULL; i++)
		if (strcasecmp(u->harmless[i], value) == 0)
			return true;
	return false;
}

static void
note_unsupported(struct target *t, const char *name, const char *value, const char *line)
{
	for (size_t i = 0; i < NP_COUNT(unsupported); i++) {
		const struct unsupported *u = &unsupported[i];

		if (strcasecmp(u->name, name) != 0)
			continue;
		if (!is_harmless(u, value) && u->whom != WHOM_SSH)
			add_unsupported(t, line);
		if (!is_harmless(u, value) && u->whom != WHOM_OTHERS)
			target_own_way(t, "its configuration says `%s`", TEXT_SHOWN(line));
		return;
	}
}

/* Pairs of keywords that say together what neither says alone; either may come first. */
struct pairs {
	bool local_permitted; /* LocalCommand does nothing unless PermitLocalCommand allows it */
	char *local_command;
	bool challenge_response; /* before 8.7 this one, too, switched keyboard-interactive on */
};

static void
note_pairs(struct pairs *pairs, const char *name, const char *value, const char *line)
{
	if (strcasecmp(name, "permitlocalcommand") == 0)
		pairs->local_permitted = !says_no(value);
	else if (strcasecmp(name, "localcommand") == 0 && !says_none(value))
		xreplace(&pairs->local_command, line);
	else if (strcasecmp(name, "challengeresponseauthentication") == 0)
		pairs->challenge_response = !says_no(value);
}

static void
finish_pairs(struct pairs *pairs, struct target *t)
{
	if (pairs->local_permitted && pairs->local_command != NULL) {
		add_unsupported(t, pairs->local_command);
		target_own_way(t, "its configuration says `%s`", TEXT_SHOWN(pairs->local_command));
	}
	if (pairs->challenge_response)
		t->kbdint_auth = true;
	free(pairs->local_command);
}

static int
parse_line(struct target *t, struct pairs *pairs, char *line, struct np_error *err)
{
	char *whole = xstrdup(line);
	char *value = line + strcspn(line, " ");
	int r = 0;

	if (*value == ' ')
		*value++ = '\0';
	if (*value != '\0') {
		note_unsupported(t, line, value, whole);
		note_pairs(pairs, line, value, whole);
		for (size_t i = 0; i < NP_COUNT(keywords); i++) {
			if (strcasecmp(keywords[i].name, line) == 0)
				r = set_keyword(t, &keywords[i], value, err);
		}
	}
	free(whole);
	return r;
}

static int
check_complete(const struct target *t, struct np_error *err)
{
	const char *missing = t->host == NULL ? "hostname" : t->user == NULL ? "user" : "port";

	if (t->host != NULL && t->user != NULL && t->port >= 1 && t->port <= 65535)
		return 0;
	return error_set(err, REASON_INVALID_PARAMS, "ssh -G named no usable `%s`: is ssh on PATH OpenSSH's?", missing);
}

int
sshconf_parse(const char *text, struct target *t, struct np_error *err)
{
	struct pairs pairs = {0};
	char *copy = xstrdup(text);
	char *rest = copy;
	int r = 0;

	/* ssh's own defaults, for versions that do not say them */
	t->pubkey_auth = t->password_auth = t->kbdint_auth = true;
	t->password_prompts = 3;
	t->address_family = AF_UNSPEC;
	t->strict = STRICT_ASK;
	while (r == 0 && rest != NULL && *rest != '\0') {
		char *line = strsep(&rest, "\n");

		line[strcspn(line, "\r")] = '\0';
		r = parse_line(t, &pairs, line, err);
	}
	finish_pairs(&pairs, t);
	free(copy);
	return r == 0 ? check_complete(t, err) : r;
}

/* The rest of the line at p. */
static bool
line_has(const char *p, size_t n, const char *what)
{
	return memmem(p, n, what, strlen(what)) != NULL;
}

void
sshconf_conditions(const char *log, struct target *t)
{
	static const char said[] = "Executing command: ";
	static const char *const criteria[] = {
	    "matched 'command ", "matched 'sessiontype ", "matched 'localnetwork ", NULL};

	for (const char *line = log; *line != '\0'; line += strspn(line, "\r\n")) {
		size_t n = strcspn(line, "\r\n");
		const char *at = memmem(line, n, said, sizeof(said) - 1);

		/* Our own, which has said no, decides nothing. */
		if (at != NULL && !(line_has(line, n, "npctl") && line_has(line, n, " mux'")))
			target_own_way(t, "what a command says decides in its configuration (Match exec)");
		for (size_t i = 0; criteria[i] != NULL; i++)
			if (line_has(line, n, criteria[i]))
				target_own_way(t, "its configuration asks for more than its target (Match)");
		line += n;
	}
}

void
sshconf_log_level(const char *text, struct target *t)
{
	static const char *const words[] = {
	    "loglevel VERBOSE\n", "loglevel DEBUG\n", "loglevel DEBUG1\n", "loglevel DEBUG2\n", "loglevel DEBUG3\n"};

	for (size_t i = 0; i < NP_COUNT(words); i++)
		if (strstr(text, words[i]) != NULL)
			target_own_way(t, "its configuration says `%.*s`", (int)strcspn(words[i], "\n"), words[i]);
}

void
sshconf_files(const char *stderr_text, struct strings *files)
{
	static const char said[] = "Reading configuration data ";

	for (const char *line = stderr_text; *line != '\0';) {
		size_t length = strcspn(line, "\r\n");
		const char *at = memmem(line, length, said, sizeof(said) - 1);

		if (strncmp(line, "debug", 5) == 0 && at != NULL) {
			const char *name = at + sizeof(said) - 1;
			char *copy = xstrndup(name, length - (size_t)(name - line));

			if (copy[0] != '\0')
				strings_add_new(files, copy);
			free(copy);
		}
		line += length;
		line += strspn(line, "\r\n");
	}
}
