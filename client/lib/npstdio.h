/*
 * The standard streams as a caller may leave them to us: closed, or non-blocking.
 */
#ifndef NP_STDIO_H
#define NP_STDIO_H

#include <stdbool.h>

#include "base/compiler.h"

/*
 * Call first of all.  A standard stream that the caller has closed is replaced, so that its number does not go to a
 * socket of ours; reading from it ends at once, and writing to it fails or (lose) is in vain.  -1 when that is not
 * possible.
 */
int npstdio_keep(bool lose) NP_MUST_CHECK;
/*
 * For programs that print with stdio, which loses what a non-blocking stream does not take at once.  Where standard
 * output is such a pipe or terminal it is opened again for us alone; the caller's flags stay as they are.  Best effort.
 */
void npstdio_block_output(void);

#endif
