/*
 * Whether somebody else could put another file at a path: what a file or directory itself permits says nothing as long
 * as a directory on the way to it can be changed by others.  libc only; any thread.
 */
#ifndef NP_TRUST_H
#define NP_TRUST_H

#include "base/compiler.h"
#include "base/error.h"

/*
 * Judges every directory that is passed on the way from / to path, through symbolic links, which must be ours or root's
 * as well.  Others may change a directory when it belongs to them, or when its mode lets them and it is not sticky; a
 * group counts as others unless root has let it in, or it is the private group of this user.  What stands at path is
 * the caller's to judge, and may be missing.
 *
 * 0, or -1 with err (denied), which names the directory and says what to do about it.
 */
int trust_way(const char *path, struct np_error *err) NP_MUST_CHECK;

#endif
