/*
 * The modes of a terminal as SSH carries them: RFC 4254 section 8, RFC 8160.  Pure.
 */
#ifndef NP_TTYMODES_H
#define NP_TTYMODES_H

#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#define TTYMODES_MAX 512

/* The bytes, as many as are returned; those that the system does not know are left out. */
size_t ttymodes_encode(const struct termios *t, uint8_t out[TTYMODES_MAX]);

#endif
