/*
 * Masking by words.  A line is read word by word; a word may make the next one a secret (`password`), more so behind a
 * word for how it is written (`password 7`), or hold one itself (`--password=x`, `http://u:x@h`).
 */
#include "secret/mask.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/xalloc.h"

#define MASK "********"
#define CORE_MAX 40

enum want {
	WANT_NOTHING,
	WANT_NEXT,  /* the next word is a secret, or the one behind the word for its type */
	WANT_TYPED, /* only if there is a word for its type */
	WANT_VALUE, /* the very next word is */
	WANT_USER,  /* the next word is USER:SECRET */
	WANT_AUTH,  /* as WANT_NEXT, unless the next word says itself what is behind it */
	WANT_SCHEME /* HTTP: the word behind the next one is, or the next one if it is the last */
};

/* Programs with secrets behind one-letter options. */
struct program {
	const char *prefix;
	const char *verb; /* only behind this word; NULL: always */
	const char *letters;
	bool attached; /* -pSECRET only: a lone -p asks */
	bool user;     /* -u USER:SECRET */
};

static const struct program programs[] = {
    {"sshpass", NULL, "p", false, false},
    {"mysql", NULL, "p", true, false},
    {"mariadb", NULL, "p", true, false},
    {"snmp", NULL, "cAX", false, false},
    {"ldap", NULL, "w", false, false},
    {"curl", NULL, "uU", false, true},
    {"redis-cli", NULL, "a", false, false},
    {"docker", "login", "p", false, false},
    {"podman", "login", "p", false, false},
    {"openssl", "enc", "kK", false, false},
};

struct masker {
	const char *at; /* what is not read yet */
	struct buf out;
	enum want want;
	bool typed;
	bool keys_are_secret; /* the line speaks of RADIUS and the like */
	bool first_hop;       /* the line speaks of HSRP or VRRP, whose secret has no word of its own */
	const struct program *program;
	bool verb_seen; /* the program's */
};

/* ---- words ---- */

static const char *const exact_words[] = {
    "authentication-key", "bearer", "community", "key-string", "message-digest-key", "passcode", "server-key", "token"};

static const char *const secret_endings[] = {"password", "passwd", "passphrase", "secret", "pre-shared-key", "psk",
    "-token", "_token", "password-value", "apikey", "api-key", "api_key", "-pass", "_pass", "auth-key", "priv-key"};

/* Further ones, where a value is assigned to the name. */
static const char *const name_endings[] = {"access_key", "access-key", "community", "credential", "credentials", "pass",
    "private_key", "private-key", "pwd", "token"};

static const char *const type_words[] = {"0", "128", "192", "256", "3des", "=", ":", "aes", "ascii", "ascii-text",
    "cipher", "ciphertext", "clear", "clear-text", "cleartext", "des", "encrypted", "encryption", "hash", "hashed",
    "hex", "hexadecimal", "irreversible-cipher", "level", "md5", "plain", "plain-text", "plaintext", "reversible",
    "sha", "sha1", "sha224", "sha256", "sha384", "sha512", "simple", "unencrypted"};

static const char *const key_words[] = {
    "radius", "tacacs", "isakmp", "ikev", "keyring", "server-private", "pre-shared"};

static bool
is_one_of(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

static bool
ends_in_one_of(const char *word, const char *const *list, size_t count)
{
	size_t n = strlen(word);

	for (size_t i = 0; i < count; i++) {
		size_t k = strlen(list[i]);
		if (n >= k && strcmp(word + n - k, list[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_secret_word(const char *core)
{
	return is_one_of(core, exact_words, NP_COUNT(exact_words)) ||
	       (ends_in_one_of(core, secret_endings, NP_COUNT(secret_endings)) && strcmp(core, "nopassword") != 0);
}

static bool
is_secret_name(const char *core)
{
	return is_secret_word(core) || ends_in_one_of(core, name_endings, NP_COUNT(name_endings));
}

/* The word p[0..n) in lower case, without quotes, brackets and dashes around it; of a long one the end. */
static void
core_of(const char *p, size_t n, char core[CORE_MAX])
{
	while (n > 0 && strchr("\"'`([{<-$", *p) != NULL) {
		p++;
		n--;
	}
	while (n > 0 && strchr("\"'`)]}>,;:", p[n - 1]) != NULL)
		n--;
	if (n >= CORE_MAX) {
		p += n - (CORE_MAX - 1);
		n = CORE_MAX - 1;
	}
	for (size_t i = 0; i < n; i++)
		core[i] = (char)tolower((unsigned char)p[i]);
	core[n] = '\0';
}

static bool
is_type(const char *p, size_t n)
{
	char core[CORE_MAX];

	if (n <= 2 && isdigit((unsigned char)p[0]) && (n == 1 || isdigit((unsigned char)p[1])))
		return true;
	if (n == 1 && (*p == '=' || *p == ':'))
		return true;
	core_of(p, n, core);
	return is_one_of(core, type_words, NP_COUNT(type_words));
}

/* ---- output ---- */

static void
put(struct masker *m, const char *p, size_t n)
{
	(void)!buf_append(&m->out, p, n); /* without a maximum */
}

static const char *
word_end(const char *p)
{
	return p + strcspn(p, " \t\r\n");
}

/* Where a value without quotes ends: at one of `stops`, but not at white space that a shell's backslash keeps in it. */
static const char *
value_end(const char *p, const char *stops)
{
	const char *end = p + strcspn(p, stops);

	while (end > p && end[-1] == '\\' && (*end == ' ' || *end == '\t'))
		end += 1 + strcspn(end + 1, stops);
	return end;
}

/*
 * Masks the value that begins at p, whole with its quotes, else up to one of `stops` or white space; returns where it
 * ends.
 */
static const char *
put_masked(struct masker *m, const char *p, const char *stops)
{
	bool dollar = p[0] == '$' && p[1] == '\''; /* a shell's $'A\'B' */
	const char *end, *close;
	char quote;

	if (dollar)
		put(m, p++, 1);
	quote = *p == '"' || *p == '\'' ? *p : '\0';
	if (quote != '\0') {
		size_t line = strcspn(p + 1, "\n");
		close = memchr(p + 1, quote, line);
		while ((quote == '"' || dollar) && close != NULL && close[-1] == '\\')
			close = memchr(close + 1, quote, (size_t)(p + 1 + line - (close + 1)));
		end = close != NULL ? close : p + 1 + line;
		put(m, p, 1);
		put(m, MASK, strlen(MASK));
		return end;
	}
	end = value_end(p, " \t\r\n");
	while (end > p && strchr(stops, end[-1]) != NULL)
		end--;
	put(m, MASK, strlen(MASK));
	return end;
}

/* ---- what a word may hold ---- */

/* NAME=VALUE, "NAME":"VALUE": masks the value and returns where it ends; NULL: none. */
static const char *
mask_assignment(struct masker *m, const char *p, const char *end)
{
	for (const char *sign = p + 1; sign + 1 < end; sign++) {
		const char *name = sign, *value = sign + 1, *stop;
		char core[CORE_MAX];

		if (*sign != '=' && *sign != ':')
			continue;
		if (name > p && (name[-1] == '"' || name[-1] == '\''))
			name--;
		stop = name;
		while (name > p && (isalnum((unsigned char)name[-1]) || name[-1] == '_' || name[-1] == '-'))
			name--;
		core_of(name, (size_t)(stop - name), core);
		if (core[0] == '\0' || !is_secret_name(core) || *value == '=')
			continue;
		if (*value == '/' && *sign == ':') /* token://, secret:/path */
			continue;
		put(m, p, (size_t)(value - p));
		if (*value != '"' && *value != '\'' && strncmp(value, "$'", 2) != 0) {
			put(m, MASK, strlen(MASK));
			return value_end(value, *sign == '=' ? " \t\r\n&;|\"')" : " \t\r\n&;|\"'),}");
		}
		return put_masked(m, value, "");
	}
	return NULL;
}

static bool
ends_with(const char *p, size_t n, const char *what)
{
	size_t k = strlen(what);

	return n >= k && strncasecmp(p + n - k, what, k) == 0;
}

/* SCHEME://USER:SECRET@HOST, and http://TOKEN@HOST */
static const char *
mask_url(struct masker *m, const char *p, const char *end)
{
	const char *sign = memmem(p, (size_t)(end - p), "://", 3), *at = NULL, *host, *secret;

	if (sign == NULL)
		return NULL;
	host = sign + 3;
	for (const char *s = host; s < end && *s != '/'; s++)
		if (*s == '@')
			at = s;
	secret = at != NULL ? memchr(host, ':', (size_t)(at - host)) : NULL;
	if (secret != NULL)
		secret++;
	else if (at != NULL && (ends_with(p, (size_t)(sign - p), "http") || ends_with(p, (size_t)(sign - p), "https")))
		secret = host;
	else
		return NULL;
	put(m, p, (size_t)(secret - p));
	put(m, MASK, strlen(MASK));
	return at;
}

/* USER:SECRET */
static const char *
mask_user(struct masker *m, const char *p, const char *end)
{
	const char *colon = memchr(p, ':', (size_t)(end - p));
	char quote = *p == '"' || *p == '\'' ? *p : '\0';

	if (colon == NULL)
		return NULL;
	put(m, p, (size_t)(colon + 1 - p));
	put(m, MASK, strlen(MASK));
	return quote != '\0' && end[-1] == quote ? end - 1 : end;
}

static bool
is_word(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(p, word, n) == 0;
}

/* Whether the word ends in an option whose value is USER:SECRET: --user, -u, -su. */
static bool
is_user_option(const struct program *program, const char *p, size_t n)
{
	if (is_word(p, n, "--user") || is_word(p, n, "--proxy-user"))
		return true;
	if (n < 2 || p[0] != '-' || strchr(program->letters, p[n - 1]) == NULL)
		return false;
	for (size_t i = 1; i < n; i++)
		if (!isalpha((unsigned char)p[i]))
			return false;
	return true;
}

/* The options of a program that takes USER:SECRET. */
static const char *
mask_user_option(struct masker *m, const char *p, const char *end)
{
	size_t n = (size_t)(end - p);
	const char *value = memchr(p, '=', n);

	if (is_user_option(m->program, p, n)) {
		m->want = WANT_USER;
		put(m, p, n);
		return end;
	}
	if (value != NULL && is_user_option(m->program, p, (size_t)(value - p))) {
		if (memchr(value, ':', (size_t)(end - value)) == NULL)
			return NULL;
		put(m, p, (size_t)(value + 1 - p));
		return mask_user(m, value + 1, end);
	}
	return n > 2 && p[0] == '-' && strchr(m->program->letters, p[1]) != NULL ? mask_user(m, p, end) : NULL;
}

/* An option of a program that we know: -cSECRET, -c SECRET. */
static const char *
mask_option(struct masker *m, const char *p, const char *end)
{
	size_t n = (size_t)(end - p);

	if (m->program == NULL || (m->program->verb != NULL && !m->verb_seen))
		return NULL;
	if (m->program->user)
		return mask_user_option(m, p, end);
	if (n < 2 || p[0] != '-' || strchr(m->program->letters, p[1]) == NULL)
		return NULL;
	if (n == 2) {
		if (m->program->attached)
			return NULL;
		m->want = WANT_VALUE;
		put(m, p, n);
		return end;
	}
	put(m, p, 2);
	put(m, MASK, strlen(MASK));
	return end;
}

/* What the word says about those behind it. */
static void
note_word(struct masker *m, const char *p, size_t n)
{
	const char *name = memrchr(p, '/', n);
	char core[CORE_MAX];

	core_of(p, n, core);
	for (size_t i = 0; i < NP_COUNT(key_words); i++)
		m->keys_are_secret |= strstr(core, key_words[i]) != NULL;
	m->first_hop |= strcmp(core, "standby") == 0 || strcmp(core, "vrrp") == 0;
	m->verb_seen |= m->program != NULL && m->program->verb != NULL && is_word(p, n, m->program->verb);
	m->typed = false;
	if (ends_with(core, strlen(core), "authorization") && p[n - 1] == ':')
		m->want = WANT_SCHEME;
	else if (strcmp(core, "authentication") == 0 && m->first_hop)
		m->want = WANT_AUTH;
	else if (is_secret_word(core))
		m->want = WANT_NEXT;
	else if (strcmp(core, "key") == 0)
		m->want = m->keys_are_secret ? WANT_NEXT : WANT_TYPED;
	else if (strcmp(core, "auth") == 0 || strcmp(core, "priv") == 0)
		m->want = WANT_TYPED;
	name = name != NULL ? name + 1 : p;
	for (size_t i = 0; i < NP_COUNT(programs); i++) {
		if (strncmp(name, programs[i].prefix, strlen(programs[i].prefix)) == 0) {
			m->program = &programs[i];
			m->verb_seen = false;
		}
	}
}

/* ---- the line ---- */

static void
forget(struct masker *m)
{
	m->want = WANT_NOTHING;
	m->program = NULL;
}

static bool
has_next_word(const char *end)
{
	const char *next = end + strspn(end, " \t");

	return *next != '\0' && *next != '\n' && *next != '\r';
}

/* A word behind one that announced a secret: returns where it ends, or NULL when it is a word like any other. */
static const char *
take_wanted(struct masker *m, const char *p, const char *end)
{
	enum want want = m->want;
	size_t n = (size_t)(end - p);
	char core[CORE_MAX];
	bool says_how;

	if (want == WANT_NOTHING)
		return NULL;
	core_of(p, n, core);
	if (want == WANT_AUTH && is_secret_word(core)) /* authentication md5 key-string X */
		want = WANT_NOTHING;
	says_how = want == WANT_AUTH && strcmp(core, "text") == 0;
	if (want == WANT_NEXT || want == WANT_TYPED || want == WANT_AUTH)
		says_how |= is_type(p, n);
	if ((says_how || want == WANT_SCHEME) && has_next_word(end)) {
		if (want == WANT_SCHEME)
			m->want = WANT_VALUE;
		m->typed = true;
		put(m, p, n);
		return end;
	}
	m->want = WANT_NOTHING;
	if (want == WANT_USER)
		return mask_user(m, p, end);
	if (want == WANT_NOTHING || (want == WANT_TYPED && !m->typed))
		return NULL;
	return put_masked(m, p, "\"')]};,");
}

static void
take_word(struct masker *m)
{
	static const char *const separators[] = {"|", "||", "&", "&&", ";", ">", ">>", "<"};
	const char *p = m->at, *end = word_end(p), *done;
	size_t n = (size_t)(end - p);

	for (size_t i = 0; i < NP_COUNT(separators); i++) {
		if (strlen(separators[i]) == n && memcmp(p, separators[i], n) == 0)
			forget(m);
	}
	done = take_wanted(m, p, end);
	if (done == NULL)
		done = mask_option(m, p, end);
	if (done == NULL)
		done = mask_url(m, p, end);
	if (done == NULL)
		done = mask_assignment(m, p, end);
	if (done == NULL) {
		note_word(m, p, n);
		put(m, p, n);
		done = end;
	}
	m->at = done;
}

char *
mask_command(const char *text)
{
	struct masker m = {.at = text};

	buf_init(&m.out, SIZE_MAX / 2);
	while (*m.at != '\0') {
		size_t space = strspn(m.at, " \t\r\n");
		if (memchr(m.at, '\n', space) != NULL) {
			forget(&m);
			m.keys_are_secret = m.first_hop = false;
		}
		put(&m, m.at, space);
		m.at += space;
		if (*m.at != '\0')
			take_word(&m);
	}
	return buf_take(&m.out);
}
