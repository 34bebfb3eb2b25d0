/* ssh's configuration, changed: a line at its front, and the file that this includes. */
#ifndef NP_CTL_SSHCONFIG_H
#define NP_CTL_SSHCONFIG_H

#include "base/compiler.h"
#include "base/error.h"

/*
 * Writes block to `included`, and puts line, which includes it, in front of `config`, where the first value wins; once,
 * and missing files are made.  What is changed is printed.  0, or -1 with err: a file is no regular one, not one's own,
 * or a link, which is left as it is.
 */
int sshconfig_install(
    const char *config, const char *line, const char *included, const char *block, struct np_error *err) NP_MUST_CHECK;
/* Takes both away, where they are. */
int sshconfig_remove(const char *config, const char *line, const char *included, struct np_error *err) NP_MUST_CHECK;

#endif
