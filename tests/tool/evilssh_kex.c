/* The key exchange of evilssh: curve25519-sha256 (RFC 8731) with an ed25519 host key, as often as it is asked for. */
#include "tool/evilssh.h"

#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 32u
#define MESSAGE_MAX 40000u
#define LIST_MAX 200000u

static void
must(bool good)
{
	if (!good)
		abort();
}

EVP_PKEY *
evil_make_key(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	must(key != NULL);
	return key;
}

void
evil_key_blob(EVP_PKEY *key, struct buf *b)
{
	uint8_t raw[KEY_SIZE];
	size_t size = sizeof(raw);

	must(EVP_PKEY_get_raw_public_key(key, raw, &size) == 1);
	evil_text(b, "ssh-ed25519");
	evil_bytes(b, raw, size);
}

static void
add_odd_list(struct evil *e, struct buf *b)
{
	static char commas[LIST_MAX + 1];
	size_t n = evil_draw(e, evil_draw(e, 3) == 0 ? LIST_MAX : 10);

	memset(commas, ',', LIST_MAX);
	evil_bytes(b, commas, n);
}

void
evil_ask_keys(struct evil *e)
{
	static const char *const lists[] = {"curve25519-sha256,curve25519-sha256@libssh.org", "ssh-ed25519",
	    "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""};
	bool odd = e->rate > 0 && evil_draw(e, 4 * e->rate) == 0;
	unsigned which = odd ? evil_draw(e, NP_COUNT(lists)) : NP_COUNT(lists);
	struct buf b;

	if (e->asked)
		return;
	e->asked = true;
	evil_begin(&b, SSH_KEXINIT);
	for (int i = 0; i < 16; i++)
		evil_byte(&b, evil_draw(e, 256));
	for (unsigned i = 0; i < NP_COUNT(lists); i++)
		if (i == which)
			add_odd_list(e, &b);
		else
			evil_text(&b, lists[i]);
	evil_byte(&b, odd && evil_draw(e, 2)); /* a guess follows */
	evil_number(&b, 0);
	if (odd)
		evil_say(e, "list %u of KEXINIT is odd", which);
	buf_free(&e->inits[1]);
	must(buf_append(&e->inits[1], buf_head(&b), b.len) == 0);
	evil_send(e, &b);
}

/* RFC 4251 section 5: no zeros before it but one where it would be negative. */
static void
add_mpint(struct buf *b, const uint8_t *p, size_t n)
{
	bool sign;

	while (n > 0 && *p == 0) {
		p++;
		n--;
	}
	sign = n > 0 && *p >= 0x80;
	evil_number(b, (uint32_t)(n + sign));
	if (sign)
		evil_byte(b, 0);
	must(buf_append(b, p, n) == 0);
}

static void
digest(const struct buf *b, uint8_t *hash)
{
	must(EVP_Digest(buf_head(b), b->len, hash, NULL, EVP_sha256(), NULL) == 1);
}

/* RFC 4253 section 7.2; none is longer than a hash. */
static void
derive(const struct evil *e, const struct buf *secret, const uint8_t *hash, char letter, uint8_t *out)
{
	struct buf b;

	buf_init(&b, 1000);
	must(buf_append(&b, buf_head(secret), secret->len) == 0 && buf_append(&b, hash, 32) == 0);
	evil_byte(&b, (unsigned char)letter);
	must(buf_append(&b, e->id, sizeof(e->id)) == 0);
	digest(&b, out);
	buf_free(&b);
}

static void
use_keys(
    const struct evil *e, struct evil_keys *keys, const struct buf *secret, const uint8_t *hash, const char *letters)
{
	uint8_t iv[32], key[32];

	derive(e, secret, hash, letters[0], iv);
	derive(e, secret, hash, letters[1], key);
	derive(e, secret, hash, letters[2], keys->mac);
	EVP_CIPHER_CTX_free(keys->cipher);
	keys->cipher = EVP_CIPHER_CTX_new();
	must(EVP_CipherInit_ex(keys->cipher, EVP_aes_128_ctr(), NULL, key, iv, keys == &e->write) == 1);
}

/* The secret, as an mpint; our public half goes to `ours`. */
static void
agree(const uint8_t *theirs, uint8_t *ours, struct buf *secret)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, theirs, KEY_SIZE);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t shared[KEY_SIZE];
	size_t size = KEY_SIZE;

	must(EVP_PKEY_get_raw_public_key(key, ours, &size) == 1 && EVP_PKEY_derive_init(ctx) == 1 &&
	     EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, shared, &size) == 1);
	add_mpint(secret, shared, size);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(key);
}

static void
add_signature(const struct evil *e, const uint8_t *hash, struct buf *b)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[64];
	size_t size = sizeof(signature);
	struct buf inner;

	must(EVP_DigestSignInit(ctx, NULL, NULL, NULL, e->host_key) == 1 &&
	     EVP_DigestSign(ctx, signature, &size, hash, 32) == 1);
	EVP_MD_CTX_free(ctx);
	buf_init(&inner, 200);
	evil_text(&inner, "ssh-ed25519");
	evil_bytes(&inner, signature, size);
	evil_bytes(b, buf_head(&inner), inner.len);
	buf_free(&inner);
}

/* Theirs come with their NEWKEYS; what they send before that is passed over. */
static void
wait_for_new_keys(struct evil *e)
{
	static uint8_t message[MESSAGE_MAX];

	do {
		if (evil_receive(e, message, sizeof(message), 10000) == 0)
			exit(0);
	} while (message[0] != SSH_NEWKEYS);
}

static void
answer_init(struct evil *e, const uint8_t *theirs)
{
	uint8_t ours[KEY_SIZE], hash[32];
	struct buf key, secret, all, reply;

	buf_init(&key, 200);
	buf_init(&secret, 200);
	buf_init(&all, SIZE_MAX / 2);
	evil_key_blob(e->host_key, &key);
	agree(theirs, ours, &secret);
	evil_text(&all, e->versions[0]);
	evil_text(&all, e->versions[1]);
	evil_bytes(&all, buf_head(&e->inits[0]), e->inits[0].len);
	evil_bytes(&all, buf_head(&e->inits[1]), e->inits[1].len);
	evil_bytes(&all, buf_head(&key), key.len);
	evil_bytes(&all, theirs, KEY_SIZE);
	evil_bytes(&all, ours, KEY_SIZE);
	must(buf_append(&all, buf_head(&secret), secret.len) == 0);
	digest(&all, hash);
	if (!e->has_id)
		memcpy(e->id, hash, sizeof(hash));
	e->has_id = true;
	evil_begin(&reply, SSH_ECDH_REPLY);
	evil_bytes(&reply, buf_head(&key), key.len);
	evil_bytes(&reply, ours, KEY_SIZE);
	add_signature(e, hash, &reply);
	evil_send(e, &reply);
	evil_begin(&reply, SSH_NEWKEYS);
	evil_send(e, &reply);
	use_keys(e, &e->write, &secret, hash, "BDF");
	wait_for_new_keys(e);
	use_keys(e, &e->read, &secret, hash, "ACE");
	e->asked = false;
	buf_free(&key);
	buf_free(&secret);
	buf_free(&all);
}

bool
evil_take_keys(struct evil *e, const uint8_t *p, size_t n)
{
	if (p[0] == SSH_KEXINIT) {
		evil_ask_keys(e);
		buf_free(&e->inits[0]);
		must(buf_append(&e->inits[0], p, n) == 0);
		return true;
	}
	if (p[0] != SSH_ECDH_INIT)
		return false;
	if (n != 1 + 4 + KEY_SIZE || e->inits[0].len == 0)
		exit(0);
	answer_init(e, p + 5);
	return true;
}
