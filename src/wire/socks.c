/*
 * SOCKS requests; see socks.h.
 */
#include "wire/socks.h"

#include <stdio.h>
#include <string.h>

#define CONNECT 1
enum { ADDRESS_IPV4 = 1, ADDRESS_NAME = 3, ADDRESS_IPV6 = 4 };

/* A name that was given: nothing that could mean another. */
static bool
take_name(struct socks *s, const uint8_t *p, size_t size)
{
	if (size == 0 || size >= sizeof(s->host) || memchr(p, '\0', size) != NULL)
		return false;
	memcpy(s->host, p, size);
	s->host[size] = '\0';
	return true;
}

static void
take_ipv4(struct socks *s, const uint8_t *p)
{
	snprintf(s->host, sizeof(s->host), "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
}

static void
take_ipv6(struct socks *s, const uint8_t *p)
{
	size_t len = 0;

	for (int i = 0; i < 16; i += 2)
		len += (size_t)snprintf(
		    s->host + len, sizeof(s->host) - len, "%s%x", i > 0 ? ":" : "", (unsigned)(p[i] << 8 | p[i + 1]));
}

/* VERSION COMMAND PORT ADDRESS USER 0 [NAME 0]: a name follows where the address is 0.0.0.x. */
static enum socks_status
read_version4(struct socks *s, const uint8_t *p, size_t n, size_t *used)
{
	const uint8_t *end, *name;

	if (n < 9)
		return SOCKS_MORE;
	if (p[1] != CONNECT)
		return SOCKS_BAD;
	end = memchr(p + 8, '\0', n - 8);
	if (end == NULL)
		return SOCKS_MORE;
	s->port = p[2] << 8 | p[3];
	take_ipv4(s, p + 4);
	if (p[4] == 0 && p[5] == 0 && p[6] == 0 && p[7] != 0) {
		name = end + 1;
		end = memchr(name, '\0', (size_t)(p + n - name));
		if (end == NULL)
			return SOCKS_MORE;
		if (!take_name(s, name, (size_t)(end - name)))
			return SOCKS_BAD;
	}
	*used = (size_t)(end + 1 - p);
	return SOCKS_READY;
}

/* VERSION COUNT METHOD...: one of them has to be none. */
static enum socks_status
read_greeting(struct socks *s, const uint8_t *p, size_t n, size_t *used)
{
	if (n < 2 || n < 2u + p[1])
		return SOCKS_MORE;
	if (memchr(p + 2, 0, p[1]) == NULL)
		return SOCKS_BAD;
	s->greeted = true;
	*used = 2u + p[1];
	return SOCKS_GREET;
}

/* VERSION COMMAND 0 TYPE ADDRESS PORT */
static enum socks_status
read_version5(struct socks *s, const uint8_t *p, size_t n, size_t *used)
{
	size_t at = 4, size;

	if (!s->greeted)
		return read_greeting(s, p, n, used);
	if (n < 5)
		return SOCKS_MORE;
	if (p[1] != CONNECT || (p[3] != ADDRESS_IPV4 && p[3] != ADDRESS_IPV6 && p[3] != ADDRESS_NAME))
		return SOCKS_BAD;
	size = p[3] == ADDRESS_IPV4 ? 4 : p[3] == ADDRESS_IPV6 ? 16 : p[4];
	at += p[3] == ADDRESS_NAME;
	if (n < at + size + 2)
		return SOCKS_MORE;
	if (p[3] == ADDRESS_IPV4)
		take_ipv4(s, p + at);
	else if (p[3] == ADDRESS_IPV6)
		take_ipv6(s, p + at);
	else if (!take_name(s, p + at, size))
		return SOCKS_BAD;
	s->port = p[at + size] << 8 | p[at + size + 1];
	*used = at + size + 2;
	return SOCKS_READY;
}

enum socks_status
socks_read(struct socks *s, const uint8_t *p, size_t n, size_t *used)
{
	enum socks_status status;

	*used = 0;
	if (n == 0)
		return SOCKS_MORE;
	if (s->version == 0)
		s->version = p[0];
	if (p[0] != s->version || (s->version != 4 && s->version != 5))
		return SOCKS_BAD;
	status = s->version == 4 ? read_version4(s, p, n, used) : read_version5(s, p, n, used);
	return status == SOCKS_MORE && n >= SOCKS_REQUEST_MAX ? SOCKS_BAD : status;
}

size_t
socks_greeting(uint8_t *out)
{
	out[0] = 5;
	out[1] = 0;
	return 2;
}

size_t
socks_reply(const struct socks *s, bool connected, uint8_t *out)
{
	memset(out, 0, SOCKS_REPLY_MAX);
	if (s->version == 4) {
		out[1] = connected ? 0x5a : 0x5b;
		return 8;
	}
	out[0] = 5;
	out[1] = connected ? 0 : 5; /* refused */
	out[3] = ADDRESS_IPV4;
	return 10;
}
