/*
 * Where platform files are looked for (netpulse-platform(5), FILES).  Owns nothing; reads the environment, so main
 * thread only.
 */
#ifndef NP_PLATFORM_DIRS_H
#define NP_PLATFORM_DIRS_H

#include <stddef.h>

#include "base/compiler.h"
#include "platform/platform.h"

/*
 * The directories, earlier ones over later ones: those of platform_path (the key of the configuration: separated by
 * colons, "~/" expanded), which win alone; or, where it is NULL, $XDG_CONFIG_HOME/netpulse/platforms (~/.config without
 * it), /etc/netpulse/platforms and the installed ones.  They need not exist.  Returns their number, which is never 0;
 * the caller frees *dirs by platform_dirs_free().
 */
size_t platform_dirs(const char *platform_path, char ***dirs);
void platform_dirs_free(char **dirs, size_t count);

/* platforms_load() of these directories: the caller's reference, given back by platforms_unref(). */
struct platforms *platform_dirs_load(const char *platform_path) NP_MUST_CHECK;

#endif
