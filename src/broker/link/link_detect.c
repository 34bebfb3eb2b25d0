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
#include "conf/conf_key.h"
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
broker_detect_load(void)
{
	char *path = memory_path();
	struct conf_file file;
	struct np_error err;
	cJSON *known = NULL;

	if (path == NULL)
		return cJSON_CreateObject();
	if (conf_file_read(path, false, &file, &err) == 0) {
		if (file.exists)
			known = cJSON_ParseWithLength(file.text, file.size);
		conf_file_finish(&file);
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
broker_detect_known(const struct broker *b, const char *device)
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
broker_detects(const struct broker_pool *pool)
{
	return pool->platform != NULL && strcmp(pool->platform->name, BROKER_AUTODETECT) == 0;
}

static void
finish(struct broker_session *s, const struct platform *found)
{
	struct broker_pool *pool = s->pool;
	struct broker *b = pool->broker;
	const char *name = pool->device->name;

	log_info("platform", "%s: recognised as %s", name, found->name);
	remember(b, name, found->name);
	platform_unref(pool->platform);
	pool->platform = platform_ref(platforms_find(b->platforms, found->name));
	broker_driver_apply(pool->device, pool->platform);
	pool->is_default = broker_driver_is_default(b, b->platforms, pool->device, pool->platform);
	error_set(&s->sh.error, REASON_CANCELLED, "recognised as %s: connecting again", found->name);
	shell_logout(s->sh.shell);
}

static bool
guess(struct broker_session *s, const void *text, size_t size)
{
	const struct platform *found = platforms_guess(s->pool->broker->platforms, text, size);

	if (found != NULL)
		finish(s, found);
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
give_up(struct broker_session *s)
{
	char shown[160];

	text_vis_into(shown, sizeof(shown), cli_banner(shell_cli(s->sh.shell)));
	error_set(&s->sh.error, REASON_PROMPT_NOT_FOUND,
	    "its platform was not recognised%s%s: set `device_type` (npctl platform list)",
	    shown[0] != '\0' ? "; it says " : "", shown);
	shell_logout(s->sh.shell);
}

static void
ask_next(struct broker_session *s)
{
	const struct platforms *set = s->pool->broker->platforms;
	struct cli_command command = {.limits = {DETECT_SECONDS, DETECT_SECONDS, DETECT_SECONDS}};
	struct np_error err;

	while (s->sh.asked < set->count &&
	       (set->items[s->sh.asked]->detect_command == NULL || asked_before(set, s->sh.asked)))
		s->sh.asked++;
	if (s->sh.asked == set->count) {
		give_up(s);
		return;
	}
	command.text = set->items[s->sh.asked++]->detect_command;
	command.size = strlen(command.text);
	buf_free(&s->sh.seen);
	if (cli_run(shell_cli(s->sh.shell), &command, clock_now(), &err) == -1)
		give_up(s);
	else
		shell_wake(s->sh.shell);
}

/* The shell is at something like a prompt. */
void
broker_detect_begin(struct broker_session *s)
{
	char *text = xasprintf("%s\n%s", session_banner(s->session), cli_banner(shell_cli(s->sh.shell)));

	s->sh.detecting = true;
	buf_free(&s->sh.seen);
	buf_init(&s->sh.seen, DETECT_TEXT_MAX);
	if (!guess(s, text, strlen(text)))
		ask_next(s);
	free(text);
}

void
broker_detect_output(struct broker_session *s, const struct buf *out)
{
	size_t room = buf_room(&s->sh.seen), n = out->len < room ? out->len : room;

	if (n > 0 && buf_append(&s->sh.seen, buf_head(out), n) == -1)
		log_debug("platform", "%s: more than enough", s->pool->device->name);
}

void
broker_detect_result(struct broker_session *s)
{
	if (cli_state(shell_cli(s->sh.shell)) != CLI_CLOSED && !guess(s, buf_head(&s->sh.seen), s->sh.seen.len))
		ask_next(s);
}

/* What was remembered does not lead to a prompt: perhaps another device has taken its place. */
void
broker_detect_forget(struct broker_session *s)
{
	struct broker_pool *pool = s->pool;
	struct broker *b = pool->broker;
	const char *type = pool->device->device_type;
	struct platform *again;

	if (type == NULL || strcmp(type, BROKER_AUTODETECT) != 0 || broker_detects(pool) ||
	    s->sh.error.reason != REASON_PROMPT_NOT_FOUND)
		return;
	again = platforms_find(b->platforms, BROKER_AUTODETECT);
	if (again == NULL)
		return;
	log_info("platform", "%s: is %s no longer: to be recognised again", pool->device->name, pool->platform->name);
	remember(b, pool->device->name, NULL);
	platform_unref(pool->platform);
	pool->platform = platform_ref(again);
	broker_driver_apply(pool->device, pool->platform);
}
