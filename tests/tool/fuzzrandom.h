/* A generator for fuzzers: the same numbers for the same seed, everywhere. */
#ifndef NP_TESTS_FUZZRANDOM_H
#define NP_TESTS_FUZZRANDOM_H

#include <stdint.h>

/* 0 .. n - 1. */
static inline unsigned
fuzz_random(uint64_t *random, unsigned n)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (unsigned)((*random >> 16) % n);
}

/* Where it begins for each case. */
static inline uint64_t
fuzz_seed(uint64_t seed, unsigned long number)
{
	uint64_t random = (seed * 1000003 + number + 1) * 0x9e3779b97f4a7c15u;

	for (int i = 0; i < 8; i++)
		(void)fuzz_random(&random, 2);
	return random;
}

#endif
