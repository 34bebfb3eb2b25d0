/*
 * HMAC-SHA-1 (FIPS 180-4, RFC 2104), for one purpose: hashed host names in known_hosts files, whose format prescribes
 * it.  libssh reads such names but gives no way to make them.  Pure; any thread.
 */
#ifndef NP_SHA1_H
#define NP_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

void sha1(const void *data, size_t size, uint8_t digest[SHA1_SIZE]);
void sha1_hmac(const void *key, size_t key_size, const void *data, size_t size, uint8_t digest[SHA1_SIZE]);

#endif
