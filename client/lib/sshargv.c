/*
 * ssh's options, read as ssh reads them: a getopt(3) of POSIX, once before the host and once behind it.
 *
 * Each option and each keyword of -o is on a list, or it is not harmless: what a new ssh brings is unknown here, and
 * makes it go by itself.
 */
#include "lib/sshargv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/xalloc.h"

/* The first value counts: that of the block in ssh_config, or of npssh. */
#define FIRST_ARGUMENT "-oControlMaster=no"

struct reading {
	struct sshargv *a;
	bool bad;
};

/* ---- keywords ---- */

enum meaning {
	COUNTS,   /* says where it gets to, or as whom */
	SESSIONS, /* of the session, which ssh tells the door; or of a connection of one's own, which is none of it */
	IF_NO,    /* harmless when it says no */
	IF_ZERO,  /* likewise; else it ends a connection that others have, too */
	LEVEL     /* of what is said: it may be less */
};

static const struct keyword {
	const char *name;
	enum meaning meaning;
} keywords[] = {
    {"addkeystoagent", SESSIONS},
    {"addressfamily", COUNTS},
    {"batchmode", SESSIONS},
    {"bindaddress", COUNTS},
    {"canonicaldomains", COUNTS},
    {"canonicalizefallbacklocal", COUNTS},
    {"canonicalizehostname", COUNTS},
    {"canonicalizemaxdots", COUNTS},
    {"canonicalizepermittedcnames", COUNTS},
    {"certificatefile", COUNTS},
    {"challengeresponseauthentication", COUNTS},
    {"checkhostip", SESSIONS},
    {"ciphers", COUNTS},
    {"clearallforwardings", SESSIONS},
    {"compression", COUNTS},
    {"connectionattempts", SESSIONS},
    {"connecttimeout", COUNTS},
    {"controlmaster", IF_NO},
    {"controlpersist", SESSIONS},
    {"dynamicforward", SESSIONS},
    {"enableescapecommandline", SESSIONS},
    {"escapechar", SESSIONS},
    {"exitonforwardfailure", SESSIONS},
    {"fingerprinthash", SESSIONS},
    {"forkafterauthentication", IF_NO},
    {"forwardagent", IF_NO},
    {"forwardx11", IF_NO},
    {"forwardx11trusted", SESSIONS},
    {"gatewayports", IF_NO},
    {"globalknownhostsfile", COUNTS},
    {"gssapiauthentication", SESSIONS},
    {"gssapidelegatecredentials", IF_NO},
    {"hashknownhosts", COUNTS},
    {"hostbasedauthentication", IF_NO},
    {"hostkeyalgorithms", COUNTS},
    {"hostkeyalias", COUNTS},
    {"hostname", COUNTS},
    {"identitiesonly", COUNTS},
    {"identityagent", COUNTS},
    {"identityfile", COUNTS},
    {"ipqos", SESSIONS},
    {"kbdinteractiveauthentication", COUNTS},
    {"kexalgorithms", COUNTS},
    {"localforward", SESSIONS},
    {"loglevel", LEVEL},
    {"macs", COUNTS},
    {"numberofpasswordprompts", SESSIONS},
    {"passwordauthentication", COUNTS},
    {"permitlocalcommand", IF_NO},
    {"port", COUNTS},
    {"preferredauthentications", COUNTS},
    {"proxycommand", COUNTS},
    {"proxyjump", COUNTS},
    {"pubkeyacceptedalgorithms", COUNTS},
    {"pubkeyacceptedkeytypes", COUNTS},
    {"pubkeyauthentication", COUNTS},
    {"remotecommand", SESSIONS},
    {"requesttty", SESSIONS},
    {"sendenv", SESSIONS},
    {"serveralivecountmax", SESSIONS},
    {"serveraliveinterval", IF_ZERO},
    {"setenv", SESSIONS},
    {"stdinnull", SESSIONS},
    {"stricthostkeychecking", COUNTS},
    {"tcpkeepalive", SESSIONS},
    {"tunnel", IF_NO},
    {"updatehostkeys", SESSIONS},
    {"user", COUNTS},
    {"userknownhostsfile", COUNTS},
    {"visualhostkey", IF_NO},
};

static bool
is_one_of(const char *value, const char *const *words)
{
	size_t n = strcspn(value, " \t\"");

	for (; *words != NULL; words++)
		if (strlen(*words) == n && strncasecmp(*words, value, n) == 0)
			return true;
	return false;
}

static const struct keyword *
find_keyword(const char *name, size_t n)
{
	for (size_t i = 0; i < NP_COUNT(keywords); i++)
		if (strlen(keywords[i].name) == n && strncasecmp(keywords[i].name, name, n) == 0)
			return &keywords[i];
	return NULL;
}

/* -o KEYWORD=VALUE, or KEYWORD VALUE. */
static void
take_setting(struct reading *r, const char *text)
{
	static const char *const no[] = {"no", "false", "none", NULL};
	static const char *const levels[] = {"quiet", "fatal", "error", "info", NULL};
	const char *name = text + strspn(text, " \t"), *value;
	size_t n = strcspn(name, " \t=\"");
	const struct keyword *k = find_keyword(name, n);

	value = name + n + strspn(name + n, " \t=\"");
	if (k == NULL || *value == '\0') {
		r->bad = true;
		return;
	}
	switch (k->meaning) {
	case COUNTS:
		strings_addf(&r->a->arguments, "-o%s", name);
		break;
	case SESSIONS:
		break;
	case IF_NO:
		r->bad |= !is_one_of(value, no);
		break;
	case IF_ZERO:
		r->bad |= strcmp(value, "0") != 0;
		break;
	case LEVEL:
		r->bad |= !is_one_of(value, levels);
		break;
	}
}

/* ---- options ---- */

static void
add_option(struct reading *r, char letter, const char *value)
{
	strings_addf(&r->a->arguments, "-%c", letter);
	if (value != NULL)
		strings_add(&r->a->arguments, value);
}

/* The broker runs elsewhere. */
static char *
absolute(const char *file)
{
	char *cwd = NULL, *path;

	if (file[0] == '\0' || strchr("/~%$", file[0]) != NULL)
		return xstrdup(file);
	cwd = getcwd(NULL, 0);
	/* what stands for something else in a file's name would do so in that of the directory */
	path = cwd != NULL && strpbrk(cwd, "%$") == NULL ? xasprintf("%s/%s", cwd, file) : NULL;
	free(cwd);
	return path;
}

static void
take_file(struct reading *r, char letter, const char *file)
{
	bool none = letter == 'F' && strcasecmp(file, "none") == 0;
	char *path = none ? xstrdup("none") : absolute(file);

	if (path == NULL) {
		r->bad = true;
		return;
	}
	add_option(r, letter, path);
	if (letter == 'F')
		xreplace(&r->a->config_file, path);
	free(path);
}

/* One of its options; value: NULL where it has none. */
static void
take_option(struct reading *r, char letter, const char *value)
{
	switch (letter) {
	case '4':
	case '6':
	case 'C':
	case 'J':
	case 'b':
	case 'c':
	case 'l':
	case 'm':
	case 'p':
		add_option(r, letter, value);
		break;
	case 'F':
	case 'i':
		if (value != NULL) /* which these have */
			take_file(r, letter, value);
		break;
	case 'O':
		r->a->about = true;
		break;
	case 'o':
		if (value != NULL)
			take_setting(r, value);
		break;
	case '2':
	case 'D':
	case 'L':
	case 'T':
	case 'W':
	case 'a':
	case 'e':
	case 'k':
	case 'n':
	case 'q':
	case 's':
	case 't':
	case 'x':
		break;
	default: /* its own connection, or its own words about it */
		r->bad = true;
	}
}

/* Returns the index of the first argument that is no option. */
static int
read_options(struct reading *r, int i, int argc, const char *const *argv)
{
	for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0' && !r->bad; i++) {
		if (strcmp(argv[i], "--") == 0)
			return i + 1;
		int at = i;
		for (const char *p = argv[i] + 1; *p != '\0' && !r->bad; p++) {
			const char *value = NULL;

			if (strchr("BbcDeEFIiJLlmOopPQRSwW", *p) == NULL) {
				take_option(r, *p, NULL);
				continue;
			}
			value = p[1] != '\0' ? p + 1 : i + 1 < argc ? argv[++i] : NULL;
			r->bad |= value == NULL;
			if (!r->bad)
				take_option(r, *p, value);
			break;
		}
		if (r->bad)
			r->a->own = strcmp(argv[at], "-o") == 0 ? argv[i] : argv[at];
	}
	return i;
}

static void
take_operand(struct reading *r, const char *operand)
{
	const char *at = strrchr(operand, '@');
	char *user = at != NULL ? xstrndup(operand, (size_t)(at - operand)) : NULL;

	r->bad |= at == operand || strncmp(operand, "ssh://", 6) == 0;
	if (user != NULL)
		add_option(r, 'l', user);
	r->a->host = xstrdup(at != NULL ? at + 1 : operand);
	r->a->name = xstrdup(operand);
	r->bad |= r->a->host[0] == '\0' || r->a->host[0] == '-';
	free(user);
}

void
sshargv_read(struct sshargv *a, int argc, const char *const *argv)
{
	struct reading r = {.a = a};
	int i;

	*a = (struct sshargv){.fits = false};
	strings_add(&a->arguments, FIRST_ARGUMENT);
	i = read_options(&r, 1, argc, argv);
	if (i < argc && !r.bad) {
		bool over = strcmp(argv[i - 1], "--") == 0;
		take_operand(&r, argv[i]);
		if (!over)
			(void)read_options(&r, i + 1, argc, argv);
	}
	a->fits = !r.bad && a->host != NULL;
}

void
sshargv_finish(struct sshargv *a)
{
	free(a->host);
	free(a->name);
	free(a->config_file);
	strings_finish(&a->arguments);
}
