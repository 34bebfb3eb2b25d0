/*
 * Masking by words.  A line is read word by word; a word may make the next one a secret (`password`), more so behind a
 * word for how it is written (`password 7`), or hold one itself (`--password=x`, `http://u:x@h`).
 */
#include "mask.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "buf.h"
#include "xalloc.h"

#define MASK "********"
#define CORE_MAX 40

enum want {
	WANT_NOTHING,
	WANT_NEXT,  /* the next word is a secret, or the one behind the word for its type */
	WANT_TYPED, /* only if there is a word for its type */
	WANT_VALUE, /* the very next word is */
	WANT_USER   /* the next word is USER:SECRET */
};

/* Programs with secrets behind one-letter options. */
struct program {
	const char *prefix;
	const char *letters;
	bool attached; /* -pSECRET only: a lone -p asks */
	bool user;     /* -u USER:SECRET */
};

static const struct program programs[] = {
    {"sshpass", "p", false, false},
    {"mysql", "p", true, false},
    {"mariadb", "p", true, false},
    {"snmp", "cAX", false, false},
    {"ldap", "w", false, false},
    {"curl", "uU", false, true},
    {"redis-cli", "a", false, false},
};

struct masker {
	const char *at; /* what is not read yet */
	struct buf out;
	enum want want;
	bool typed;
	bool keys_are_secret; /* the line speaks of RADIUS and the like */
	const struct program *program;
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

/*
 * Masks the value that begins at p, whole with its quotes, else up to one of `stops` or white space; returns where it
 * ends.
 */
static const char *
put_masked(struct masker *m, const char *p, const char *stops)
{
	const char *end, *close;
	char quote = *p == '"' || *p == '\'' ? *p : '\0';

	if (quote != '\0') {
		size_t line = strcspn(p + 1, "\n");
		close = memchr(p + 1, quote, line);
		while (quote == '"' && close != NULL && close[-1] == '\\')
			close = memchr(close + 1, quote, (size_t)(p + 1 + line - (close + 1)));
		end = close != NULL ? close : p + 1 + line;
		put(m, p, 1);
		put(m, MASK, strlen(MASK));
		return end;
	}
	end = word_end(p);
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
		if (*value != '"' && *value != '\'') {
			const char *until =
			    value + strcspn(value, *sign == '=' ? " \t\r\n&;|\"')" : " \t\r\n&;|\"'),}");
			put(m, MASK, strlen(MASK));
			return until;
		}
		return put_masked(m, value, "");
	}
	return NULL;
}

/* SCHEME://USER:SECRET@HOST */
static const char *
mask_url(struct masker *m, const char *p, const char *end)
{
	const char *host = memmem(p, (size_t)(end - p), "://", 3), *at = NULL, *colon;

	if (host == NULL)
		return NULL;
	host += 3;
	for (const char *s = host; s < end && *s != '/'; s++)
		if (*s == '@')
			at = s;
	colon = at != NULL ? memchr(host, ':', (size_t)(at - host)) : NULL;
	if (colon == NULL)
		return NULL;
	put(m, p, (size_t)(colon + 1 - p));
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

/* An option of a program that we know: -cSECRET, -c SECRET. */
static const char *
mask_option(struct masker *m, const char *p, const char *end)
{
	size_t n = (size_t)(end - p);

	if (m->program != NULL && m->program->user && (is_word(p, n, "--user") || is_word(p, n, "--proxy-user"))) {
		m->want = WANT_USER;
		put(m, p, n);
		return end;
	}
	if (m->program == NULL || n < 2 || p[0] != '-' || strchr(m->program->letters, p[1]) == NULL)
		return NULL;
	if (n == 2) {
		if (m->program->attached)
			return NULL;
		m->want = m->program->user ? WANT_USER : WANT_VALUE;
		put(m, p, n);
		return end;
	}
	if (m->program->user)
		return mask_user(m, p, end);
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
	m->typed = false;
	if (is_secret_word(core))
		m->want = WANT_NEXT;
	else if (strcmp(core, "key") == 0)
		m->want = m->keys_are_secret ? WANT_NEXT : WANT_TYPED;
	else if (strcmp(core, "auth") == 0 || strcmp(core, "priv") == 0)
		m->want = WANT_TYPED;
	name = name != NULL ? name + 1 : p;
	for (size_t i = 0; i < NP_COUNT(programs); i++)
		if (strncmp(name, programs[i].prefix, strlen(programs[i].prefix)) == 0)
			m->program = &programs[i];
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

	if ((want == WANT_NEXT || want == WANT_TYPED) && is_type(p, (size_t)(end - p)) && has_next_word(end)) {
		m->typed = true;
		put(m, p, (size_t)(end - p));
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
	char *result;

	buf_init(&m.out, SIZE_MAX / 2);
	while (*m.at != '\0') {
		size_t space = strspn(m.at, " \t\r\n");
		if (memchr(m.at, '\n', space) != NULL) {
			forget(&m);
			m.keys_are_secret = false;
		}
		put(&m, m.at, space);
		m.at += space;
		if (*m.at != '\0')
			take_word(&m);
	}
	result = xstrndup(m.out.len > 0 ? (const char *)buf_head(&m.out) : "", m.out.len);
	buf_wipe(&m.out);
	return result;
}
