/* Messages of evilssh: the binary packet protocol (RFC 4253 section 6), and what goes wrong with any of them. */
#include "tool/evilssh.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/hmac.h>

#define PACKET_MAX (256u * 1024u)
#define MAC_SIZE 32u

void
evil_say(const struct evil *e, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("%lu %s\n", e->number, text);
	fflush(stdout);
}

/* ---- building ---- */

static void
must(int rc)
{
	if (rc == -1)
		abort();
}

void
evil_byte(struct buf *b, unsigned value)
{
	uint8_t byte = (uint8_t)value;

	must(buf_append(b, &byte, 1));
}

void
evil_number(struct buf *b, uint32_t value)
{
	must(buf_append_u32(b, value));
}

void
evil_bytes(struct buf *b, const void *p, size_t n)
{
	evil_number(b, (uint32_t)n);
	must(buf_append(b, p, n));
}

void
evil_text(struct buf *b, const char *text)
{
	evil_bytes(b, text, strlen(text));
}

void
evil_begin(struct buf *b, unsigned type)
{
	buf_init(b, SIZE_MAX / 2);
	evil_byte(b, type);
}

/* ---- sending ---- */

void
evil_write(struct evil *e, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t sent = send(e->fd, at, n, MSG_NOSIGNAL);
		if (sent <= 0)
			exit(0);
		at += sent;
		n -= (size_t)sent;
	}
}

static void
put_number(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void
sign(const struct evil_keys *keys, const uint8_t *p, size_t n, uint8_t *mac)
{
	uint8_t *all = malloc(4 + n);
	unsigned size = MAC_SIZE;

	put_number(all, keys->sequence);
	memcpy(all + 4, p, n);
	HMAC(EVP_sha256(), keys->mac, sizeof(keys->mac), all, 4 + n, mac, &size);
	free(all);
}

static void
spoil_packet(struct evil *e, uint8_t *packet)
{
	static const uint32_t sizes[] = {0, 1, 5, 0x7fffffff, 0xffffffff, 262145, 35001};

	evil_say(e, "a packet of a wrong size");
	put_number(packet, sizes[evil_draw(e, NP_COUNT(sizes))]);
	packet[4] = (uint8_t)evil_draw(e, 256);
}

void
evil_send_plain(struct evil *e, const void *p, size_t n)
{
	size_t block = e->write.cipher != NULL ? 16 : 8, pad = block - (5 + n) % block, size;
	uint8_t *packet = calloc(1, 5 + n + 2 * block + MAC_SIZE);
	int used;

	pad += pad < 4 ? block : 0;
	size = 5 + n + pad;
	put_number(packet, (uint32_t)(size - 4));
	packet[4] = (uint8_t)pad;
	memcpy(packet + 5, p, n);
	if (e->rate > 0 && evil_draw(e, 40 * e->rate) == 0)
		spoil_packet(e, packet);
	if (e->write.cipher != NULL) {
		sign(&e->write, packet, size, packet + size);
		if (EVP_EncryptUpdate(e->write.cipher, packet, &used, packet, (int)size) != 1)
			abort();
		size += MAC_SIZE;
		if (e->rate > 0 && evil_draw(e, 40 * e->rate) == 0) {
			evil_say(e, "a packet with a wrong code");
			packet[evil_draw(e, (unsigned)size)] ^= 1;
		}
	}
	e->write.sequence++;
	evil_write(e, packet, size);
	free(packet);
}

static void
garble(struct evil *e, struct buf *b)
{
	uint8_t *p = b->data + b->off;
	size_t at = evil_draw(e, (unsigned)b->len);

	switch (evil_draw(e, 4)) {
	case 0:
		p[at] ^= (uint8_t)(1u << evil_draw(e, 8));
		break;
	case 1:
		b->len = at;
		break;
	case 2: /* a number, or a size, that is very large */
		memset(p + at, 0xff, b->len - at < 4 ? b->len - at : 4);
		break;
	default:
		for (unsigned n = 1 + evil_draw(e, 40); n > 0; n--)
			evil_byte(b, evil_draw(e, 256));
	}
}

/* True: it is not to be sent now. */
static bool
spoil(struct evil *e, struct buf *b)
{
	static const char *const words[] = {"not sent", "sent twice", "sent later", "garbled", "garbled", "garbled"};
	unsigned what = evil_draw(e, NP_COUNT(words));

	evil_say(e, "message %u is %s", buf_head(b)[0], words[what]);
	if (what == 1)
		evil_send_plain(e, buf_head(b), b->len);
	if (what == 2 && e->held.len == 0)
		must(buf_append(&e->held, buf_head(b), b->len));
	if (what > 2)
		garble(e, b);
	return what == 0 || what == 2;
}

void
evil_send(struct evil *e, struct buf *b)
{
	bool lost = e->rate > 0 && evil_draw(e, 3 * e->rate) == 0 && spoil(e, b);

	if (!lost)
		evil_send_plain(e, buf_head(b), b->len);
	buf_free(b);
	if (!lost && e->held.len > 0) {
		evil_send_plain(e, buf_head(&e->held), e->held.len);
		buf_free(&e->held);
	}
}

/* ---- receiving ---- */

/* True once so many bytes are there. */
static bool
fill(struct evil *e, size_t n, int wait_ms)
{
	while (e->received.len < n) {
		struct pollfd polled = {.fd = e->fd, .events = POLLIN};
		uint8_t *at = buf_reserve(&e->received, 16384);
		ssize_t got;

		if (at == NULL)
			exit(0);
		if (poll(&polled, 1, wait_ms) <= 0)
			return false;
		got = recv(e->fd, at, 16384, 0);
		if (got <= 0)
			exit(0);
		buf_commit(&e->received, (size_t)got);
	}
	return true;
}

static uint32_t
number_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
decipher(struct evil *e, uint8_t *p, size_t n)
{
	int used;

	if (e->read.cipher != NULL && n > 0 && EVP_DecryptUpdate(e->read.cipher, p, &used, p, (int)n) != 1)
		abort();
}

/* Its first block says how long it is. */
size_t
evil_receive(struct evil *e, uint8_t *p, size_t room, int wait_ms)
{
	size_t block = e->read.cipher != NULL ? 16 : 8, mac = e->read.cipher != NULL ? MAC_SIZE : 0, size, payload;
	uint8_t *at;

	if (!fill(e, block, wait_ms))
		return 0;
	at = e->received.data + e->received.off;
	decipher(e, at, block);
	size = 4 + (size_t)number_at(at);
	if (size < block || size > PACKET_MAX || !fill(e, size + mac, 10000))
		exit(0);
	at = e->received.data + e->received.off;
	decipher(e, at + block, size - block);
	if ((size_t)at[4] + 5 >= size || size - 5 - at[4] > room)
		exit(0);
	payload = size - 5 - at[4];
	memcpy(p, at + 5, payload);
	buf_consume(&e->received, size + mac);
	e->read.sequence++;
	return payload;
}
