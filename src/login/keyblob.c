/* Public keys as bytes; see keyblob.h. */
#include "login/keyblob.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

#define LINE_MAX_SIZE (64u * 1024u)

/* How many fields the public key has, in the plain form as in the certificate behind its nonce. */
static const struct {
	const char *plain;
	const char *cert;
	int fields;
} types[] = {
    {"ssh-rsa", "ssh-rsa-cert-v01@openssh.com", 2},
    {"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", 1},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", 2},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com", 2},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com", 2},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", 2},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", 3},
};

struct keyblob
keyblob_copy(const void *data, size_t size)
{
	struct keyblob b = {.data = xmemdup(data, size), .size = size};

	return b;
}

void
keyblob_finish(struct keyblob *b)
{
	free(b->data);
	b->data = NULL;
	b->size = 0;
}

bool
keyblob_equal(const struct keyblob *a, const struct keyblob *b)
{
	return a->data != NULL && b->data != NULL && a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

bool
keyblob_get_u32(const uint8_t **p, size_t *left, uint32_t *value)
{
	const uint8_t *b = *p;

	if (*left < 4)
		return false;
	*value = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	*p += 4;
	*left -= 4;
	return true;
}

bool
keyblob_get_string(const uint8_t **p, size_t *left, const uint8_t **string, size_t *size)
{
	uint32_t n;

	if (!keyblob_get_u32(p, left, &n) || n > *left)
		return false;
	*string = *p;
	*size = n;
	*p += n;
	*left -= n;
	return true;
}

bool
keyblob_type(const struct keyblob *b, char *type, size_t size)
{
	const uint8_t *p = b->data, *name;
	size_t left = b->size, n;

	if (p == NULL || !keyblob_get_string(&p, &left, &name, &n) || n == 0 || n >= size ||
	    memchr(name, '\0', n) != NULL)
		return false;
	memcpy(type, name, n);
	type[n] = '\0';
	return true;
}

bool
keyblob_is_cert(const struct keyblob *b)
{
	char type[64];
	size_t i;

	if (!keyblob_type(b, type, sizeof(type)))
		return false;
	for (i = 0; i < NP_COUNT(types); i++)
		if (strcmp(type, types[i].cert) == 0)
			return true;
	return false;
}

/* TYPE and the key's own fields, which begin at fields. */
static struct keyblob
join_plain(const char *type, const uint8_t *fields, size_t fields_size)
{
	size_t n = strlen(type);
	struct keyblob b = {.size = 4 + n + fields_size};

	b.data = xcalloc(1, b.size);
	b.data[3] = (uint8_t)n;
	memcpy(b.data + 4, type, n);
	memcpy(b.data + 4 + n, fields, fields_size);
	return b;
}

struct keyblob
keyblob_plain(const struct keyblob *b)
{
	struct keyblob none = {NULL, 0};
	const uint8_t *p = b->data, *skipped, *start;
	size_t left = b->size, n, i;
	char type[64];
	int field;

	if (!keyblob_type(b, type, sizeof(type)))
		return none;
	for (i = 0; i < NP_COUNT(types) && strcmp(type, types[i].cert) != 0; i++)
		if (strcmp(type, types[i].plain) == 0)
			return keyblob_copy(b->data, b->size);
	if (i == NP_COUNT(types))
		return none;
	/* The type, then the nonce, then the key. */
	if (!keyblob_get_string(&p, &left, &skipped, &n) || !keyblob_get_string(&p, &left, &skipped, &n))
		return none;
	start = p;
	for (field = 0; field < types[i].fields; field++)
		if (!keyblob_get_string(&p, &left, &skipped, &n))
			return none;
	return join_plain(types[i].plain, start, (size_t)(p - start));
}

struct keyblob
keyblob_parse_line(const char *text, size_t size)
{
	struct keyblob b = {NULL, 0};
	const char *end = memchr(text, '\n', size);
	char *line, *rest, *type, *base64, inside[64];

	if (end != NULL)
		size = (size_t)(end - text);
	if (size > LINE_MAX_SIZE || memchr(text, '\0', size) != NULL)
		return b;
	line = rest = xstrndup(text, size);
	rest += strspn(rest, " \t\r");
	type = strsep(&rest, " \t\r");
	if (rest != NULL)
		rest += strspn(rest, " \t\r");
	base64 = strsep(&rest, " \t\r");
	if (base64 != NULL)
		b.data = text_unbase64(base64, &b.size);
	if (b.data != NULL && (!keyblob_type(&b, inside, sizeof(inside)) || strcmp(inside, type) != 0))
		keyblob_finish(&b);
	free(line);
	return b;
}
