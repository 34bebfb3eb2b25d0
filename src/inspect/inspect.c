/*
 * Checking and showing without a broker; see inspect.h.
 */
#include "inspect/inspect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "broker/broker_impl.h"
#include "conf/conf.h"
#include "inspect/conf_effective.h"
#include "inspect/conf_lint.h"
#include "inspect/inspect_impl.h"
#include "conf/conf_show.h"
#include "wire/message.h"
#include "platform/platform_show.h"
#include "login/resolve.h"
#include "base/text.h"
#include "base/xalloc.h"

/* ---- words ---- */

static void
say(const char *text)
{
	char *shown = text_vis(text, strlen(text), false);

	fprintf(stderr, "%s\n", shown);
	free(shown);
}

/* Behind "FILE:LINE: " of a remark, or its beginning. */
static const char *
behind_place(const char *text)
{
	for (const char *p = text; (p = strchr(p, ':')) != NULL; p++) {
		size_t digits = strspn(p + 1, "0123456789");

		if (digits > 0 && strncmp(p + 1 + digits, ": ", 2) == 0)
			return p + digits + 3;
	}
	return text;
}

/* What has no place in a file. */
static void
say_failed(const struct np_error *err)
{
	fputs("netpulsed: ", stderr);
	say(err->text);
}

static void
say_warning(const char *text)
{
	const char *rest = behind_place(text);
	char *line = xasprintf("%.*swarning: %s", (int)(rest - text), text, rest);

	say(line);
	free(line);
}

int
inspect_print_json(cJSON *json)
{
	char *text = message_print(json);
	int printed = puts(text);

	free(text);
	cJSON_Delete(json);
	return printed == EOF || fflush(stdout) == EOF;
}

struct config *
inspect_load_config(const struct daemon_options *o)
{
	struct np_error err;
	struct config *config = config_load(o->config_file, o->system, &err);

	if (config == NULL)
		say(err.text);
	return config;
}

/* ---- checking ---- */

static bool
say_remarks(struct conf_remarks remarks)
{
	bool good = true;

	for (size_t i = 0; i < remarks.count; i++) {
		if (remarks.items[i].is_error) {
			say(remarks.items[i].text);
			good = false;
		} else {
			say_warning(remarks.items[i].text);
		}
	}
	conf_remarks_finish(&remarks);
	return good;
}

static void
say_good(const struct config *config, const struct platforms *set)
{
	for (size_t i = 0; i < config->files.n; i++)
		printf("%s%s", i > 0 ? ", " : "", config->files.v[i]);
	if (config->files.n == 0)
		fputs("no configuration file", stdout);
	printf(": good, %zu device%s; %zu platforms\n", config->devices_count, config->devices_count == 1 ? "" : "s",
	    set->count);
}

int
inspect_check(const struct daemon_options *o)
{
	struct config *config = inspect_load_config(o);
	struct platforms *set;
	bool good;

	if (config == NULL)
		return 1;
	set = platform_dirs_load(config->platform_path);
	for (size_t i = 0; i < config->warnings.n; i++)
		say_warning(config->warnings.v[i]);
	for (size_t i = 0; i < set->errors.n; i++)
		say(set->errors.v[i]);
	good = say_remarks(conf_lint(config, set)) && set->errors.n == 0;
	if (good)
		say_good(config, set);
	platforms_destroy(set);
	config_unref(config);
	return good ? 0 : 1;
}

int
inspect_check_policy(const struct daemon_options *o)
{
	struct config *config = inspect_load_config(o);
	struct conf_remarks remarks = {NULL, 0};

	if (config == NULL)
		return 1;
	policy_lint(&remarks, config);
	(void)say_remarks(remarks);
	printf("%zu rule%s, %zu socket%s; the broker's own socket: %s\n", config->policy.count,
	    config->policy.count == 1 ? "" : "s", config->sockets_count, config->sockets_count == 1 ? "" : "s",
	    policy_concerns_main(&config->policy) ? "what rules allow" : "everything is allowed");
	config_unref(config);
	return 0;
}

static int
check_platform(const char *path, const struct strings *dirs, const struct platforms *set)
{
	struct np_error err;
	struct platform *p = platforms_load_file(path, dirs, &err);

	if (p == NULL) {
		say(err.text);
		return 1;
	}
	/* Names that others have: the file is good by itself, but would be refused or shadow another. */
	platforms_shared_names(set, p, &p->warnings);
	for (size_t i = 0; i < p->warnings.n; i++)
		say_warning(p->warnings.v[i]);
	printf("%s: good, platform %s (%s), %zu mode%s\n", path, p->name, platform_origin_name(p->origin),
	    p->modes_count, p->modes_count == 1 ? "" : "s");
	platform_unref(p);
	return 0;
}

int
inspect_check_platforms(const struct daemon_options *o, const char *first, char *const *more)
{
	struct config *config = inspect_load_config(o);
	struct platforms *set;
	struct strings dirs;
	int status;

	if (config == NULL)
		return 1;
	dirs = platform_dirs(config->platform_path);
	set = platforms_load(&dirs);
	status = check_platform(first, &dirs, set);
	for (; *more != NULL; more++)
		status |= check_platform(*more, &dirs, set);
	platforms_destroy(set);
	strings_finish(&dirs);
	config_unref(config);
	return status;
}

/* ---- showing ---- */

/* Resolving needs somebody who can be told to stop; here it is only limited by its own time. */
static void
keep_fd(int fd, int how NP_UNUSED, void *arg)
{
	int *kept = arg;

	if (*kept != -1)
		close(*kept);
	*kept = fd;
}

static double
no_limit(struct np_error *err NP_UNUSED, void *arg NP_UNUSED)
{
	return INFINITY;
}

static struct target *
resolve(const struct config *config, const struct device_conf *device, struct np_error *err)
{
	int kept = -1;
	const struct dial_hooks hooks = {.watch_fd = keep_fd, .left = no_limit, .arg = &kept};

	return resolve_target(device, config->ssh_config, &hooks, NULL, err);
}

static int
show_device(struct config *config, const struct platforms *set, const char *name)
{
	struct conf_parts parts;
	struct target *target;
	struct np_error err;
	int status;

	if (broker_conf_parts(&parts, NULL, config, set, name, &err) == -1) {
		say_failed(&err);
		return 1;
	}
	parts.target = target = resolve(config, parts.device, &err);
	if (target == NULL)
		parts.problem = err;
	status = inspect_print_json(conf_effective(&parts));
	target_unref(target);
	conf_parts_finish(&parts);
	return status;
}

int
inspect_config(const struct daemon_options *o, const char *device)
{
	struct config *config = inspect_load_config(o);
	struct platforms *set;
	int status;

	if (config == NULL)
		return 1;
	if (device == NULL) {
		status = inspect_print_json(conf_effective_globals(config));
	} else {
		set = platform_dirs_load(config->platform_path);
		status = show_device(config, set, device);
		platforms_destroy(set);
	}
	config_unref(config);
	return status;
}

int
inspect_platforms(const struct daemon_options *o, const char *name)
{
	struct config *config = inspect_load_config(o);
	struct platforms *set;
	struct np_error err;
	cJSON *json;
	int status = 1;

	if (config == NULL)
		return 1;
	set = platform_dirs_load(config->platform_path);
	json = name == NULL ? platform_show_list(set) : platform_show_named(set, name, &err);
	if (json != NULL)
		status = inspect_print_json(json);
	else
		say_failed(&err);
	platforms_destroy(set);
	config_unref(config);
	return status;
}
