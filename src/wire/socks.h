/*
 * What a client of a SOCKS proxy asks for: versions 4, 4a and 5 (RFC 1928) without authentication, CONNECT alone, as
 * ssh -D understands them.  Pure.
 */
#ifndef NP_SOCKS_H
#define NP_SOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOCKS_REPLY_MAX 10u
#define SOCKS_REQUEST_MAX 1024u /* bytes of which a client says all that there is to say */

struct socks {
	int version; /* 4, 5; 0: not known yet */
	bool greeted;
	char host[256];
	int port;
};

enum socks_status {
	SOCKS_MORE,  /* not all of it is there yet */
	SOCKS_GREET, /* socks_greeting() is to be sent; there is more to come */
	SOCKS_READY, /* host and port are known */
	SOCKS_BAD    /* it will never be understood, or is nothing that we do */
};

/* s begins zeroed.  *used: bytes of p[0..n) that are done with. */
enum socks_status socks_read(struct socks *s, const uint8_t *p, size_t n, size_t *used);
/* Their size; out holds SOCKS_REPLY_MAX. */
size_t socks_greeting(uint8_t *out);
/* Whether it is connected. */
size_t socks_reply(const struct socks *s, bool connected, uint8_t *out);

#endif
