/*
 * Files that say what the broker does: read only when nobody else could have written them.
 */
#ifndef NP_DOCFILE_H
#define NP_DOCFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

struct docfile {
	char *path;
	bool exists;
	bool is_private; /* nobody but its owner can read it */
	char *text;      /* secret: docfile_finish() wipes it */
	size_t size;
};

/* A missing file is an error only when it must exist.  Refuses what others could have written. */
int docfile_read(const char *path, bool must_exist, struct docfile *file, struct np_error *err) NP_MUST_CHECK;
void docfile_finish(struct docfile *file);

#endif
