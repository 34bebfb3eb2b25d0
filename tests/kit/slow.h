/*
 * Limits of time on a slow machine.
 *
 * Who runs the tests says by NP_TEST_SLOW how many times slower than an idle one of today this machine is:
 * contrib/test.sh measures it, the Makefile multiplies it for sanitizers and valgrind.  Every limit that is there so
 * that no test hangs goes through slow(); one whose expiry is what a test is about does not.
 */
#ifndef NP_TESTS_SLOW_H
#define NP_TESTS_SLOW_H

#include <stdlib.h>

static inline double
slow(double seconds)
{
	const char *factor = getenv("NP_TEST_SLOW");
	long times = factor != NULL ? strtol(factor, NULL, 10) : 1;

	return times > 1 ? seconds * (double)times : seconds;
}

#endif
