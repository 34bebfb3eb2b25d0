/*
 * The directories of platform files: the user's, the system's, the installed ones; or those that the configuration
 * names.
 */
#include "platform/platform_dirs.h"

#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "base/xalloc.h"

#define SYSTEM_DIR "/etc/netpulse/platforms"

#ifndef NETPULSE_PLATFORMS
#define NETPULSE_PLATFORMS "/usr/share/netpulse/platforms"
#endif

static void
add_dir(char ***dirs, size_t *count, char *dir)
{
	*dirs = xreallocarray(*dirs, *count + 1, sizeof(char *));
	(*dirs)[(*count)++] = dir;
}

static char *
user_dir(void)
{
	const char *base = getenv("XDG_CONFIG_HOME");

	if (base != NULL && base[0] == '/')
		return xasprintf("%s/netpulse/platforms", base);
	return paths_expand_home("~/.config/netpulse/platforms");
}

/* Empty parts name nothing: they are not the working directory, as they would be in $PATH. */
static void
split_path(const char *path, char ***dirs, size_t *count)
{
	while (*path != '\0') {
		size_t n = strcspn(path, ":");

		if (n > 0) {
			char *part = xstrndup(path, n);

			add_dir(dirs, count, paths_expand_home(part));
			free(part);
		}
		path += n + (path[n] == ':');
	}
}

size_t
platform_dirs(const char *platform_path, char ***dirs)
{
	size_t count = 0;

	*dirs = NULL;
	if (platform_path != NULL)
		split_path(platform_path, dirs, &count);
	if (count > 0)
		return count;
	add_dir(dirs, &count, user_dir());
	add_dir(dirs, &count, xstrdup(SYSTEM_DIR));
	add_dir(dirs, &count, xstrdup(NETPULSE_PLATFORMS));
	return count;
}

void
platform_dirs_free(char **dirs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(dirs[i]);
	free(dirs);
}

struct platforms *
platform_dirs_load(const char *platform_path)
{
	char **dirs;
	size_t count = platform_dirs(platform_path, &dirs);
	struct platforms *set = platforms_load((const char *const *)dirs, count);

	platform_dirs_free(dirs, count);
	return set;
}
