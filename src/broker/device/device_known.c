/*
 * What platform a device of device_type autodetect turned out to have: remembered in memory and in a file, so that it
 * is found out once in its life.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/device/device_impl.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/xalloc.h"
#include "schema/docfile.h"

static char *
memory_path(void)
{
	struct np_error err;
	char *log_path = paths_log_file(&err), *slash, *path;

	if (log_path == NULL)
		return NULL;
	slash = strrchr(log_path, '/');
	path = xasprintf("%.*s/platforms.json", (int)(slash != NULL ? slash - log_path : 0), log_path);
	free(log_path);
	return path;
}

/* Reads what former brokers found out; a file that cannot be used is as none. */
cJSON *
device_known_load(void)
{
	char *path = memory_path();
	struct docfile file;
	struct np_error err;
	cJSON *known = NULL;

	if (path == NULL)
		return cJSON_CreateObject();
	if (docfile_read(path, false, &file, &err) == 0) {
		if (file.exists)
			known = cJSON_ParseWithLength(file.text, file.size);
		docfile_finish(&file);
	} else
		log_warning("platform", "%s: not used: %s", path, err.text);
	free(path);
	if (!cJSON_IsObject(known)) {
		cJSON_Delete(known);
		known = cJSON_CreateObject();
	}
	return known;
}

static int
write_file(const char *path, const char *text)
{
	char *temporary = xasprintf("%s.new", path);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t size = (ssize_t)strlen(text);
	bool ok = fd != -1 && write(fd, text, (size_t)size) == size;

	if (fd != -1)
		ok = close(fd) == 0 && ok;
	ok = ok && rename(temporary, path) == 0;
	if (!ok) {
		int saved = errno;
		unlink(temporary);
		errno = saved;
	}
	free(temporary);
	return ok ? 0 : -1;
}

static void
save(const struct devices *all)
{
	char *path = memory_path(), *text = cJSON_Print(all->recognised);

	if (path != NULL && write_file(path, text) == -1)
		log_warning("platform", "%s: cannot be written: %s", path, strerror(errno));
	cJSON_free(text);
	free(path);
}

/* The platform that a device of this name turned out to have, or NULL. */
const char *
device_known(const struct devices *all, const char *device)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(all->recognised, device);

	if (cJSON_IsArray(name))
		name = cJSON_GetArrayItem(name, 0);
	return cJSON_IsString(name) ? name->valuestring : NULL;
}

/* Such a one stands in a list: ["NAME"]. */
bool
device_known_asks(const struct devices *all, const char *device)
{
	return all != NULL && cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(all->recognised, device));
}

/* It is of that platform from now on; NULL: nobody knows. */
void
device_know(struct devices *all, const char *device, const char *platform, bool asks)
{
	cJSON_DeleteItemFromObjectCaseSensitive(all->recognised, device);
	if (platform != NULL)
		cJSON_AddItemToObject(all->recognised, device,
		    asks ? cJSON_CreateStringArray(&platform, 1) : cJSON_CreateString(platform));
	save(all);
}
