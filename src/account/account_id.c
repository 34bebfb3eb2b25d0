/* Claims, and which account each is about: a keyed hash, so that no secret is kept.  The one user of libcrypto here. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "account/account_impl.h"
#include "base/xalloc.h"

struct account_claim
account_claim_copy(const struct account_claim *c)
{
	struct account_claim copy = *c;

	copy.user = xstrdup(c->user);
	copy.place = xstrdup(c->place);
	copy.secret = secret_ref(c->secret);
	copy.keys = c->count > 0 ? xmemdup(c->keys, c->count * sizeof(c->keys[0])) : NULL;
	copy.barred = c->count > 0 ? xcalloc(c->count, sizeof(copy.barred[0])) : NULL;
	return copy;
}

void
account_claim_finish(struct account_claim *c)
{
	free(c->user);
	free(c->place);
	secret_unref(c->secret);
	free(c->keys);
	free(c->barred);
	*c = (struct account_claim){.user = NULL};
}

int
account_key_make(uint8_t key[ACCOUNT_ID_SIZE])
{
	return RAND_bytes(key, ACCOUNT_ID_SIZE) == 1 ? 0 : -1;
}

int
account_identify(const uint8_t key[ACCOUNT_ID_SIZE], const struct account_claim *claim, uint8_t id[ACCOUNT_ID_SIZE])
{
	static const char *const kinds[] = {[ACCOUNT_SECRET] = "s", [ACCOUNT_ENABLE] = "e", [ACCOUNT_KEYS] = "k"};
	bool keys = claim->kind == ACCOUNT_KEYS;
	/* Each with its NUL, which parts it from the next; the secret ends the row. */
	const struct {
		const void *data;
		size_t size;
	} parts[] = {
	    {kinds[claim->kind], 2},
	    {claim->user, strlen(claim->user) + 1},
	    {keys || claim->by_place ? claim->place : "", (keys || claim->by_place ? strlen(claim->place) : 0) + 1},
	    {keys ? "" : secret_text(claim->secret), keys ? 0 : secret_size(claim->secret)},
	};
	size_t size = 0, used = 0;
	uint8_t *bytes;
	int rc;

	for (size_t i = 0; i < NP_COUNT(parts); i++)
		size += parts[i].size;
	bytes = xmalloc(size); /* at once: what grows leaves copies behind */
	for (size_t i = 0; i < NP_COUNT(parts); used += parts[i++].size)
		memcpy(bytes + used, parts[i].data, parts[i].size);
	/* Devices and directories often take Admin for admin. */
	for (size_t i = parts[0].size; i < parts[0].size + parts[1].size; i++)
		if (bytes[i] >= 'A' && bytes[i] <= 'Z')
			bytes[i] += 'a' - 'A';
	rc = HMAC(EVP_sha256(), key, ACCOUNT_ID_SIZE, bytes, size, id, NULL) != NULL ? 0 : -1;
	secret_wipe(bytes, size);
	free(bytes);
	return rc;
}
