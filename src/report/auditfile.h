/*
 * Where audit records go: lines appended to a file, or to systemd's journal, by a thread of its own, so that a disk
 * that is slow, full or gone never holds up who writes.
 *
 * At most AUDITFILE_WAITING_MAX bytes wait for the disk; further lines are counted, and a line {"event":"lost",
 * "count":N} says so where they are missing, once there is room again.  A trouble is logged when it begins and when it
 * ends.  The main thread calls; only auditfile_destroy() waits, for a bounded time.
 */
#ifndef NP_AUDITFILE_H
#define NP_AUDITFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define AUDITFILE_WAITING_MAX (1024u * 1024u)
#define AUDITFILE_JOURNAL "/run/systemd/journal/socket"

struct auditfile;

/*
 * A file (created 0600; made private when it is not; refused unless it is a plain file of this user's, not behind a
 * symbolic link), or with journal the socket of a journal at path.  Opening it is the thread's first deed.  NULL when
 * there can be no thread.
 */
struct auditfile *auditfile_create(const char *path, bool journal) NP_MUST_CHECK;
/* One line, without its newline and without newlines in it. */
void auditfile_write(struct auditfile *a, const char *line, size_t size);
/* How many lines were lost since the beginning. */
uint64_t auditfile_lost(struct auditfile *a);
/*
 * Opens the file again (after a rotation); the old one stays in use when that fails.  A file that was removed or
 * replaced is opened again without being told.
 */
void auditfile_reopen(struct auditfile *a);
/*
 * Writes what waits and closes.  Returns when that is done or after `patience` whole seconds; then the thread ends by
 * itself when it can.  NULL is fine.
 */
void auditfile_destroy(struct auditfile *a, double patience);

#endif
