/*
 * Commands as a record may show them: where words say that a secret follows, it becomes "********".
 *
 * A guess by its nature, and on the side of caution: what network operating systems and common Unix programs write is
 * recognised (`enable secret 5 ...`, `snmp-server community ...`, `--password=...`, `PGPASSWORD=...`,
 * `https://user:...@host`), an ordinary word behind `password` is masked as well.  Secrets that are known are
 * redact.h's.  Pure.
 */
#ifndef NP_MASK_H
#define NP_MASK_H

#include "base/compiler.h"

/* A copy of the text, of one or more lines, that the caller frees. */
char *mask_command(const char *text) NP_MALLOC;

#endif
