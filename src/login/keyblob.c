/* Public keys as bytes; see keyblob.h. */
#include "login/keyblob.h"

#include <stdio.h>
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
	free((void *)(uintptr_t)b->data);
	*b = (struct keyblob){NULL, 0};
}

bool
keyblob_equal(const struct keyblob *a, const struct keyblob *b)
{
	return a->data != NULL && b->data != NULL && a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

bool
keyblob_put_string(struct buf *b, const void *p, size_t n)
{
	return buf_append_u32(b, (uint32_t)n) == 0 && buf_append(b, p, n) == 0;
}

bool
keyblob_get_u32(struct keyblob *left, uint32_t *value)
{
	const uint8_t *p = left->data;

	if (left->size < 4)
		return false;
	*value = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	*left = (struct keyblob){p + 4, left->size - 4};
	return true;
}

bool
keyblob_get_string(struct keyblob *left, struct keyblob *string)
{
	uint32_t n;

	if (!keyblob_get_u32(left, &n) || n > left->size)
		return false;
	*string = (struct keyblob){left->data, n};
	*left = (struct keyblob){left->data + n, left->size - n};
	return true;
}

/* FNV-1a, 64 bits. */
uint64_t
keyblob_hash(const struct keyblob *b)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < b->size; i++)
		h = (h ^ b->data[i]) * 1099511628211u;
	return h != 0 ? h : 1;
}

bool
keyblob_type(const struct keyblob *b, char *type, size_t size)
{
	struct keyblob left = *b, name;

	if (b->data == NULL || !keyblob_get_string(&left, &name) || name.size == 0 || name.size >= size ||
	    memchr(name.data, '\0', name.size) != NULL)
		return false;
	memcpy(type, name.data, name.size);
	type[name.size] = '\0';
	return true;
}

bool
keyblob_is_cert(const struct keyblob *b)
{
	char type[64];

	if (!keyblob_type(b, type, sizeof(type)))
		return false;
	for (size_t i = 0; i < NP_COUNT(types); i++)
		if (strcmp(type, types[i].cert) == 0)
			return true;
	return false;
}

/* TYPE and the key's own fields. */
static struct keyblob
join_plain(const char *type, const uint8_t *fields, size_t fields_size)
{
	size_t n = strlen(type), size = 4 + n + fields_size;
	uint8_t *data = xcalloc(1, size);

	data[3] = (uint8_t)n;
	memcpy(data + 4, type, n);
	memcpy(data + 4 + n, fields, fields_size);
	return (struct keyblob){data, size};
}

struct keyblob
keyblob_plain(const struct keyblob *b)
{
	struct keyblob none = {NULL, 0}, left = *b, field, key;
	char type[64];
	size_t i;

	if (!keyblob_type(b, type, sizeof(type)))
		return none;
	for (i = 0; i < NP_COUNT(types) && strcmp(type, types[i].cert) != 0; i++)
		if (strcmp(type, types[i].plain) == 0)
			return keyblob_copy(b->data, b->size);
	/* The type, then the nonce, then the key. */
	if (i == NP_COUNT(types) || !keyblob_get_string(&left, &field) || !keyblob_get_string(&left, &field))
		return none;
	key = left;
	for (int n = 0; n < types[i].fields; n++)
		if (!keyblob_get_string(&left, &field))
			return none;
	return join_plain(types[i].plain, key.data, key.size - left.size);
}

struct keyblob
keyblob_parse_line(const char *text, size_t size)
{
	struct keyblob b = {NULL, 0};
	const char *end = memchr(text, '\n', size);
	char *line, *base64 = NULL, type[64], inside[64];

	if (end != NULL)
		size = (size_t)(end - text);
	if (size > LINE_MAX_SIZE || memchr(text, '\0', size) != NULL)
		return b;
	line = xstrndup(text, size);
	if (sscanf(line, "%63s %ms", type, &base64) == 2)
		b.data = text_unbase64(base64, &b.size);
	if (b.data != NULL && (!keyblob_type(&b, inside, sizeof(inside)) || strcmp(inside, type) != 0))
		keyblob_finish(&b);
	free(base64);
	free(line);
	return b;
}
