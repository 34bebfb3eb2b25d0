/*
 * Names of devices as a short list: core1, core2, core3 and edge1 are core[1-3],edge1.  Pure.
 */
#ifndef NP_FOLD_H
#define NP_FOLD_H

#include <stddef.h>

#include "base/buf.h"
#include "base/compiler.h"

/*
 * Appends the names, which differ, to b: in alphabetical order, those that differ in their last number only as one,
 * with the numbers in their order.  -1 when it does not fit.
 */
int npfold_names(struct buf *b, const char *const *names, size_t count) NP_MUST_CHECK;

#endif
