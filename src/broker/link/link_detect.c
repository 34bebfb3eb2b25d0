/*
 * device_type: autodetect.  A device whose platform is not known is met with a definition that fits most command lines;
 * its banner, its login texts and the answers to harmless commands say what it is.  That is remembered, in memory and
 * in a file, so that it happens once in the life of a device; then the session is made anew with the right definition.
 *
 * The session counts as connecting all the while: no request sees it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/broker_impl.h"
#include "base/clock.h"
#include "schema/docfile.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "base/xalloc.h"

#define DETECT_TEXT_MAX (64u * 1024u) /* of one answer: what names the system stands at its beginning */
#define DETECT_SECONDS 10.0           /* for one command */

/* ---- what is remembered ---- */

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
link_detect_load(void)
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
save(const struct broker *b)
{
	char *path = memory_path(), *text = cJSON_Print(b->recognised);

	if (path != NULL && write_file(path, text) == -1)
		log_warning("platform", "%s: cannot be written: %s", path, strerror(errno));
	cJSON_free(text);
	free(path);
}

/* The platform that a device of this name turned out to have, or NULL. */
const char *
link_detect_known(const struct broker *b, const char *device)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(b->recognised, device);

	return cJSON_IsString(name) ? name->valuestring : NULL;
}

static void
remember(struct broker *b, const char *device, const char *platform)
{
	cJSON_DeleteItemFromObjectCaseSensitive(b->recognised, device);
	if (platform != NULL)
		cJSON_AddStringToObject(b->recognised, device, platform);
	save(b);
}

/* ---- finding out ---- */

bool
link_detects(const struct device *dev)
{
	return dev->platform != NULL && strcmp(dev->platform->name, BROKER_AUTODETECT) == 0;
}

static void
finish(struct link *link, const struct platform *found)
{
	struct device *dev = link->dev;
	struct broker *b = dev->broker;
	const char *name = dev->conf->name;

	log_info("platform", "%s: recognised as %s", name, found->name);
	remember(b, name, found->name);
	platform_unref(dev->platform);
	dev->platform = platform_ref(platforms_find(b->platforms, found->name));
	broker_driver_apply(dev->conf, dev->platform);
	dev->is_default = broker_driver_is_default(b, b->platforms, dev->conf, dev->platform);
	error_set(&link->sh.error, REASON_CANCELLED, "recognised as %s: connecting again", found->name);
	shell_logout(link->sh.shell);
}

static bool
guess(struct link *link, const void *text, size_t size)
{
	const struct platform *found = platforms_guess(link->dev->broker->platforms, text, size);

	if (found != NULL)
		finish(link, found);
	return found != NULL;
}

/* Whether an earlier definition asks the same. */
static bool
asked_before(const struct platforms *set, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		const char *other = set->items[i]->detect_command;
		if (other != NULL && strcmp(other, set->items[index]->detect_command) == 0)
			return true;
	}
	return false;
}

static void
give_up(struct link *link)
{
	char shown[160];

	text_vis_into(shown, sizeof(shown), cli_banner(shell_cli(link->sh.shell)));
	error_set(&link->sh.error, REASON_PROMPT_NOT_FOUND,
	    "its platform was not recognised%s%s: set `device_type` (npctl platform list)",
	    shown[0] != '\0' ? "; it says " : "", shown);
	shell_logout(link->sh.shell);
}

static void
ask_next(struct link *link)
{
	const struct platforms *set = link->dev->broker->platforms;
	struct cli_command command = {.limits = {DETECT_SECONDS, DETECT_SECONDS, DETECT_SECONDS}};
	struct np_error err;

	while (link->sh.asked < set->count &&
	       (set->items[link->sh.asked]->detect_command == NULL || asked_before(set, link->sh.asked)))
		link->sh.asked++;
	if (link->sh.asked == set->count) {
		give_up(link);
		return;
	}
	command.text = set->items[link->sh.asked++]->detect_command;
	command.size = strlen(command.text);
	buf_free(&link->sh.seen);
	if (cli_run(shell_cli(link->sh.shell), &command, clock_now(), &err) == -1)
		give_up(link);
	else
		shell_wake(link->sh.shell);
}

/* The shell is at something like a prompt. */
void
link_detect_begin(struct link *link)
{
	char *text = xasprintf("%s\n%s", session_banner(link->session), cli_banner(shell_cli(link->sh.shell)));

	link->sh.detecting = true;
	buf_free(&link->sh.seen);
	buf_init(&link->sh.seen, DETECT_TEXT_MAX);
	if (!guess(link, text, strlen(text)))
		ask_next(link);
	free(text);
}

void
link_detect_output(struct link *link, const struct buf *out)
{
	size_t room = buf_room(&link->sh.seen), n = out->len < room ? out->len : room;

	if (n > 0 && buf_append(&link->sh.seen, buf_head(out), n) == -1)
		log_debug("platform", "%s: more than enough", link->dev->conf->name);
}

void
link_detect_result(struct link *link)
{
	if (cli_state(shell_cli(link->sh.shell)) != CLI_CLOSED &&
	    !guess(link, buf_head(&link->sh.seen), link->sh.seen.len))
		ask_next(link);
}

/* What was remembered does not lead to a prompt: perhaps another device has taken its place. */
void
link_detect_forget(struct link *link)
{
	struct device *dev = link->dev;
	struct broker *b = dev->broker;
	const char *type = dev->conf->device_type;
	struct platform *again;

	if (type == NULL || strcmp(type, BROKER_AUTODETECT) != 0 || link_detects(dev) ||
	    link->sh.error.reason != REASON_PROMPT_NOT_FOUND)
		return;
	again = platforms_find(b->platforms, BROKER_AUTODETECT);
	if (again == NULL)
		return;
	log_info("platform", "%s: is %s no longer: to be recognised again", dev->conf->name, dev->platform->name);
	remember(b, dev->conf->name, NULL);
	platform_unref(dev->platform);
	dev->platform = platform_ref(again);
	broker_driver_apply(dev->conf, dev->platform);
}
