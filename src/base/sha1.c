/* SHA-1 and its HMAC; see sha1.h. */
#include "base/sha1.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define BLOCK 64

static uint32_t
rotate(uint32_t x, int n)
{
	return (x << n) | (x >> (32 - n));
}

static uint32_t
round_value(int t, uint32_t b, uint32_t c, uint32_t d)
{
	if (t < 20)
		return ((b & c) | (~b & d)) + 0x5a827999u;
	if (t < 40)
		return (b ^ c ^ d) + 0x6ed9eba1u;
	if (t < 60)
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu;
	return (b ^ c ^ d) + 0xca62c1d6u;
}

static void
compress(uint32_t h[5], const uint8_t p[BLOCK])
{
	uint32_t w[80], v[5], next;
	int t;

	for (t = 0; t < 16; t++, p += 4)
		w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	memcpy(v, h, sizeof(v));
	for (t = 0; t < 80; t++) {
		next = rotate(v[0], 5) + round_value(t, v[1], v[2], v[3]) + v[4] + w[t];
		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotate(v[1], 30);
		v[1] = v[0];
		v[0] = next;
	}
	for (t = 0; t < 5; t++)
		h[t] += v[t];
}

void
sha1(const void *data, size_t size, uint8_t digest[SHA1_SIZE])
{
	uint32_t h[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
	size_t left = size % BLOCK, end = left < BLOCK - 8 ? BLOCK : 2 * BLOCK;
	uint8_t tail[2 * BLOCK] = {0};
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + BLOCK <= size; i += BLOCK)
		compress(h, p + i);
	memcpy(tail, p + i, left);
	tail[left] = 0x80;
	for (i = 0; i < 8; i++)
		tail[end - 1 - i] = (uint8_t)((uint64_t)size * 8 >> 8 * i);
	for (i = 0; i < end; i += BLOCK)
		compress(h, tail + i);
	for (i = 0; i < SHA1_SIZE; i++)
		digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* The digest of the key, each byte changed by `with`, and what follows it. */
static void
keyed(const uint8_t key[BLOCK], uint8_t with, const void *data, size_t size, uint8_t digest[SHA1_SIZE])
{
	uint8_t *text = xmalloc(BLOCK + size);

	for (int i = 0; i < BLOCK; i++)
		text[i] = key[i] ^ with;
	memcpy(text + BLOCK, data, size);
	sha1(text, BLOCK + size, digest);
	free(text);
}

void
sha1_hmac(const void *key, size_t key_size, const void *data, size_t size, uint8_t digest[SHA1_SIZE])
{
	uint8_t block[BLOCK] = {0}, inner[SHA1_SIZE];

	if (key_size > BLOCK)
		sha1(key, key_size, block);
	else
		memcpy(block, key, key_size);
	keyed(block, 0x36, data, size, inner);
	keyed(block, 0x5c, inner, sizeof(inner), digest);
}
