/* ssh's configuration, changed: a line at its front, and the file that this includes. */
#ifndef NP_CTL_SSHCONFIG_H
#define NP_CTL_SSHCONFIG_H

#include "base/compiler.h"
#include "base/error.h"

/* The first line of what is included: a file without it is somebody else's. */
#define SSHCONFIG_MARK "# ssh goes over the sessions of NetPulse: npctl(1), `mux'"

/*
 * Writes block to `included`, and puts line, which includes it, in front of `config`, where the first value wins; once,
 * and missing files are made.  What is changed is printed.  0, or -1 with err, and nothing is changed: a file is no
 * regular one, not one's own, a link or no text, or `included` is there and is somebody else's.
 */
int sshconfig_install(
    const char *config, const char *line, const char *included, const char *block, struct np_error *err) NP_MUST_CHECK;
/* Takes both away, where they are, and `config` with them when nothing else stands in it. */
int sshconfig_remove(const char *config, const char *line, const char *included, struct np_error *err) NP_MUST_CHECK;

#endif
