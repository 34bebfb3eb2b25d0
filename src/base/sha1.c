/* SHA-1 and its HMAC; see sha1.h. */
#include "base/sha1.h"

#include <string.h>

#define BLOCK 64

struct state {
	uint32_t h[5];
	uint8_t block[BLOCK];
	size_t used;    /* bytes of block that are filled */
	uint64_t total; /* bytes seen */
};

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
compress(struct state *s)
{
	uint32_t w[80], v[5], next;
	const uint8_t *p = s->block;
	int t;

	for (t = 0; t < 16; t++, p += 4)
		w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	memcpy(v, s->h, sizeof(v));
	for (t = 0; t < 80; t++) {
		next = rotate(v[0], 5) + round_value(t, v[1], v[2], v[3]) + v[4] + w[t];
		v[4] = v[3];
		v[3] = v[2];
		v[2] = rotate(v[1], 30);
		v[1] = v[0];
		v[0] = next;
	}
	for (t = 0; t < 5; t++)
		s->h[t] += v[t];
}

static void
begin(struct state *s)
{
	*s = (struct state){.h = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u}};
}

static void
update(struct state *s, const void *data, size_t size)
{
	const uint8_t *p = data;
	size_t n;

	s->total += size;
	while (size > 0) {
		n = BLOCK - s->used < size ? BLOCK - s->used : size;
		memcpy(s->block + s->used, p, n);
		s->used += n;
		p += n;
		size -= n;
		if (s->used == BLOCK) {
			compress(s);
			s->used = 0;
		}
	}
}

static void
finish(struct state *s, uint8_t digest[SHA1_SIZE])
{
	static const uint8_t padding[BLOCK] = {0x80};
	uint64_t bits = s->total * 8;
	uint8_t length[8];
	int i;

	for (i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	update(s, padding, 1 + (BLOCK + 55 - s->used) % BLOCK);
	update(s, length, sizeof(length));
	for (i = 0; i < SHA1_SIZE; i++)
		digest[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void
sha1(const void *data, size_t size, uint8_t digest[SHA1_SIZE])
{
	struct state s;

	begin(&s);
	update(&s, data, size);
	finish(&s, digest);
}

void
sha1_hmac(const void *key, size_t key_size, const void *data, size_t size, uint8_t digest[SHA1_SIZE])
{
	uint8_t pad[BLOCK] = {0}, inner[SHA1_SIZE];
	struct state s;
	int i;

	if (key_size > BLOCK)
		sha1(key, key_size, pad);
	else
		memcpy(pad, key, key_size);
	for (i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36;
	begin(&s);
	update(&s, pad, BLOCK);
	update(&s, data, size);
	finish(&s, inner);
	for (i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	begin(&s);
	update(&s, pad, BLOCK);
	update(&s, inner, sizeof(inner));
	finish(&s, digest);
}
