/*
 * evilssh: SSH servers that go wrong, on loopback ports, for tests/fuzz/live.sh.
 *
 *   evilssh SEED COUNT PORTS_FILE KNOWN_HOSTS [CASE]
 *
 * Each of COUNT ports is a server; each connection to one is a case, numbered through, and a process.  It does what a
 * server does (curve25519, ed25519, aes128-ctr; lets everybody in; runs echo, cat, flood, in name), but for one message
 * in so many, which comes garbled, twice, later or not at all, or after something odd: see oddity() in evilssh.c.  What
 * it does depends on the seed and the case's number, and on what its client sends.  Prints "CASE WHAT" for each oddity.
 * With CASE all connections are that one.
 *
 * Written against RFC 4253, 4252, 4254 and 8731 with libcrypto: what libssh offers to servers cannot send what is
 * wrong.
 */
#ifndef NP_TESTS_EVILSSH_H
#define NP_TESTS_EVILSSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "tool/fuzzrandom.h"

#define EVIL_CHANNELS 16

enum {
	SSH_DISCONNECT = 1,
	SSH_IGNORE = 2,
	SSH_UNIMPLEMENTED = 3,
	SSH_DEBUG = 4,
	SSH_SERVICE_REQUEST = 5,
	SSH_SERVICE_ACCEPT = 6,
	SSH_EXT_INFO = 7,
	SSH_KEXINIT = 20,
	SSH_NEWKEYS = 21,
	SSH_ECDH_INIT = 30,
	SSH_ECDH_REPLY = 31,
	SSH_AUTH_REQUEST = 50,
	SSH_AUTH_FAILURE = 51,
	SSH_AUTH_SUCCESS = 52,
	SSH_AUTH_BANNER = 53,
	SSH_AUTH_INFO_REQUEST = 60, /* and PK_OK, and PASSWD_CHANGEREQ */
	SSH_AUTH_INFO_RESPONSE = 61,
	SSH_GLOBAL_REQUEST = 80,
	SSH_REQUEST_SUCCESS = 81,
	SSH_REQUEST_FAILURE = 82,
	SSH_OPEN = 90,
	SSH_OPEN_CONFIRM = 91,
	SSH_OPEN_FAILURE = 92,
	SSH_WINDOW_ADJUST = 93,
	SSH_DATA = 94,
	SSH_EXTENDED_DATA = 95,
	SSH_EOF = 96,
	SSH_CLOSE = 97,
	SSH_CHANNEL_REQUEST = 98,
	SSH_CHANNEL_SUCCESS = 99,
	SSH_CHANNEL_FAILURE = 100
};

/* One direction. */
struct evil_keys {
	EVP_CIPHER_CTX *cipher; /* NULL: in the clear */
	uint8_t mac[32];
	uint32_t sequence;
};

struct evil_channel {
	bool used, runs, echoes;
	uint32_t theirs; /* its number at the client */
	uint32_t window; /* what we may send */
	uint64_t left;   /* bytes of output still to be sent */
};

struct evil {
	int fd;
	unsigned long number;
	uint64_t random;
	unsigned rate; /* one message in so many goes wrong; 0: none */
	EVP_PKEY *host_key;
	struct buf received;
	struct evil_keys read, write;
	char versions[2][256]; /* the client's, ours */
	struct buf inits[2];   /* KEXINIT of both, of the exchange that is under way */
	bool asked;            /* ours has been sent */
	uint8_t id[32];        /* of the session */
	bool has_id;
	struct buf held; /* a message that comes late */
	struct evil_channel channels[EVIL_CHANNELS];
	unsigned rounds; /* of the log-in */
	bool in;         /* it is over */
};

#define evil_draw(e, n) fuzz_random(&(e)->random, n)

/* evilssh_packet.c: messages.  A connection that breaks ends its process. */

/* Takes one message if it begins within so many milliseconds: its size, or 0. */
size_t evil_receive(struct evil *e, uint8_t *p, size_t room, int wait_ms);
/* Sends it as it is. */
void evil_send_plain(struct evil *e, const void *p, size_t n);
/* The same, and now and then not; frees it. */
void evil_send(struct evil *e, struct buf *b);
void evil_write(struct evil *e, const void *p, size_t n);
void evil_say(const struct evil *e, const char *fmt, ...) NP_PRINTF(2, 3);

void evil_byte(struct buf *b, unsigned value);
void evil_number(struct buf *b, uint32_t value);
void evil_bytes(struct buf *b, const void *p, size_t n);
void evil_text(struct buf *b, const char *text);
/* A message of that type, empty so far. */
void evil_begin(struct buf *b, unsigned type);

/* evilssh_kex.c */
EVP_PKEY *evil_make_key(void);
/* "ssh-ed25519" and the key, as in a known_hosts file, without the base64. */
void evil_key_blob(EVP_PKEY *key, struct buf *b);
/* Sends KEXINIT, unless it has been sent. */
void evil_ask_keys(struct evil *e);
/* The client's KEXINIT, and what follows of it; true: it was one of those. */
bool evil_take_keys(struct evil *e, const uint8_t *p, size_t n);

#endif
