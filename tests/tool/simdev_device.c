/* The state of one simulated device; see simdev_device.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/simdev.h"
#include "tool/simdev_config.h"
#include "tool/simdev_device.h"
#include "tool/simdev_text.h"
#include "base/xalloc.h"

struct sim_device {
	const struct sim_scenario *scenario;
	const struct sim_options *options;
	int number;
	char address[32];
	pthread_mutex_t mutex; /* of all below */
	struct sim_value *values;
	size_t values_count;
	struct sim_config running, startup, candidate;
	bool has_candidate;
	int locked_by; /* shell */
	int shells, last_shell;
	int connections;
	double down_until;
	LIST_HEAD(, sim_link) links;
};

/* ---- values ---- */

static struct sim_value *
value_find(const struct sim_device *d, const char *name)
{
	for (size_t i = 0; i < d->values_count; i++)
		if (strcmp(d->values[i].name, name) == 0)
			return &d->values[i];
	return NULL;
}

static void
value_set(struct sim_device *d, const char *name, const char *text)
{
	struct sim_value *v = value_find(d, name);
	if (v == NULL) {
		d->values = xreallocarray(d->values, d->values_count + 1, sizeof(*d->values));
		v = &d->values[d->values_count++];
		*v = (struct sim_value){.name = xstrdup(name)};
	}
	char *old = v->text;
	v->text = xstrdup(text);
	free(old);
}

static struct sim_config *
config_of(struct sim_device *d, const char *list)
{
	return strcmp(list, "running") == 0 ? &d->running : strcmp(list, "startup") == 0 ? &d->startup : &d->candidate;
}

/* What it makes up on demand. */
static bool
value_made(struct sim_device *d, int shell, const char *name, struct buf *out)
{
	bool changed = d->has_candidate && !sim_config_equal(&d->candidate, &d->running);
	if (sim_in_list("running,startup,candidate", name))
		sim_config_print(
		    strcmp(name, "candidate") == 0 && !d->has_candidate ? &d->running : config_of(d, name), out);
	else if (strcmp(name, "n") == 0)
		return buf_printf(out, "%d", d->number) == 0;
	else if (strcmp(name, "addr") == 0)
		return buf_append_str(out, d->address) == 0;
	else if (strcmp(name, "dirty") == 0)
		return buf_append_str(out, sim_config_equal(&d->running, &d->startup) ? "" : "*") == 0;
	else if (strcmp(name, "staged") == 0)
		return buf_append_str(out, changed ? "*" : "") == 0;
	else if (strcmp(name, "mine") == 0)
		return d->locked_by != shell || shell == 0 || buf_append_str(out, value_find(d, "lock")->text) == 0;
	else
		return false;
	return true;
}

static bool
value_append(struct sim_device *d, int shell, const char *name, struct buf *out)
{
	const struct sim_value *v = value_find(d, name);
	if (v != NULL)
		return buf_append_str(out, v->text) == 0;
	return value_made(d, shell, name, out);
}

bool
sim_device_value(struct sim_device *d, int shell, const char *name, struct buf *out)
{
	pthread_mutex_lock(&d->mutex);
	bool known = value_append(d, shell, name, out);
	pthread_mutex_unlock(&d->mutex);
	return known;
}

void
sim_device_set(struct sim_device *d, const char *name, const char *value)
{
	pthread_mutex_lock(&d->mutex);
	value_set(d, name, value);
	pthread_mutex_unlock(&d->mutex);
}

/* ---- its life ---- */

static bool
value_unlocked(void *arg, const char *name, struct buf *out)
{
	return value_append(arg, 0, name, out);
}

struct sim_device *
sim_device_create(
    const struct sim_scenario *scenario, const struct sim_options *options, int number, const char *address)
{
	struct sim_device *d = xcalloc(1, sizeof(*d));
	d->scenario = scenario;
	d->options = options;
	d->number = number;
	snprintf(d->address, sizeof(d->address), "%s", address);
	pthread_mutex_init(&d->mutex, NULL);
	LIST_INIT(&d->links);
	value_set(d, "lock", "");
	if (scenario == NULL)
		return d;
	const struct sim_settings *s = &scenario->settings;
	char *host = sim_expand_string(s->host, value_unlocked, d);
	value_set(d, "host", host);
	value_set(d, "password", s->password);
	value_set(d, "secret", s->secret);
	free(host);
	for (size_t i = 0; i < scenario->values_count; i++)
		value_set(d, scenario->values[i].name, scenario->values[i].text);
	for (size_t i = 0; i < scenario->running_count; i++) {
		char *line = sim_expand_string(scenario->running[i], value_unlocked, d);
		sim_config_add(&d->running, d->running.count > 0 ? d->running.lines[d->running.count - 1] : "", line);
		free(line);
	}
	sim_config_copy(&d->startup, &d->running);
	return d;
}

void
sim_device_free(struct sim_device *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->values_count; i++) {
		free(d->values[i].name);
		free(d->values[i].text);
	}
	free(d->values);
	sim_config_free(&d->running);
	sim_config_free(&d->startup);
	sim_config_free(&d->candidate);
	pthread_mutex_destroy(&d->mutex);
	free(d);
}

const char *
sim_device_address(const struct sim_device *d)
{
	return d->address;
}

const struct sim_scenario *
sim_device_scenario(const struct sim_device *d)
{
	return d->scenario;
}

/* ---- connections ---- */

bool
sim_device_admit(struct sim_device *d, struct sim_link *link)
{
	double most = d->scenario != NULL ? d->scenario->settings.connections : 0;
	pthread_mutex_lock(&d->mutex);
	bool room = sim_now() >= d->down_until && (most <= 0 || d->connections < most);
	if (room) {
		d->connections++;
		STAILQ_INIT(&link->mail);
		LIST_INSERT_HEAD(&d->links, link, entry);
	}
	pthread_mutex_unlock(&d->mutex);
	return room;
}

void
sim_device_leave(struct sim_device *d, struct sim_link *link)
{
	pthread_mutex_lock(&d->mutex);
	d->connections--;
	LIST_REMOVE(link, entry);
	pthread_mutex_unlock(&d->mutex);
	for (struct sim_mail *mail; (mail = STAILQ_FIRST(&link->mail)) != NULL;) {
		STAILQ_REMOVE_HEAD(&link->mail, entry);
		sim_mail_free(mail);
	}
}

void
sim_device_collect(struct sim_device *d, struct sim_link *link, struct sim_mailbox *box)
{
	pthread_mutex_lock(&d->mutex);
	STAILQ_CONCAT(box, &link->mail);
	pthread_mutex_unlock(&d->mutex);
}

void
sim_mail_free(struct sim_mail *mail)
{
	free(mail->text);
	free(mail);
}

static void
tell(struct sim_device *d, int what, int except, const char *text)
{
	struct sim_link *link;
	uint64_t one = 1;
	LIST_FOREACH(link, &d->links, entry)
	{
		struct sim_mail *mail = xcalloc(1, sizeof(*mail));
		mail->what = what;
		mail->except = except;
		mail->text = xstrdup(text);
		STAILQ_INSERT_TAIL(&link->mail, mail, entry);
		(void)!write(link->wake_fd, &one, sizeof(one));
	}
}

void
sim_device_tell(struct sim_device *d, int what, int except, const char *text)
{
	pthread_mutex_lock(&d->mutex);
	tell(d, what, except, text);
	pthread_mutex_unlock(&d->mutex);
}

void
sim_device_down(struct sim_device *d, double seconds)
{
	pthread_mutex_lock(&d->mutex);
	d->down_until = sim_now() + seconds;
	tell(d, SIM_MAIL_DROP, 0, "");
	pthread_mutex_unlock(&d->mutex);
}

void
sim_device_say(struct sim_device *d, const char *word)
{
	char *name = xasprintf("go %s", word);
	pthread_mutex_lock(&d->mutex);
	value_set(d, name, "");
	tell(d, SIM_MAIL_LOOK, 0, "");
	pthread_mutex_unlock(&d->mutex);
	free(name);
}

bool
sim_device_was_said(struct sim_device *d, const char *word)
{
	char *name = xasprintf("go %s", word);
	pthread_mutex_lock(&d->mutex);
	bool said = value_find(d, name) != NULL;
	pthread_mutex_unlock(&d->mutex);
	free(name);
	return said;
}

/* ---- shells and configurations ---- */

int
sim_device_shell_begin(struct sim_device *d)
{
	double most = d->scenario->settings.shells;
	pthread_mutex_lock(&d->mutex);
	bool room = most <= 0 || d->shells < most;
	d->shells += room ? 1 : 0;
	int id = room ? ++d->last_shell : 0;
	pthread_mutex_unlock(&d->mutex);
	return id;
}

static void
candidate_clear(struct sim_device *d)
{
	if (d->has_candidate)
		sim_event(d->options, "clear %s candidate", d->address);
	sim_config_free(&d->candidate);
	d->has_candidate = false;
}

static void
unlock(struct sim_device *d, int shell)
{
	if (shell == 0 || d->locked_by != shell)
		return;
	sim_event(d->options, "unlock %s %d", d->address, shell);
	d->locked_by = 0;
	value_set(d, "lock", "");
}

void
sim_device_shell_end(struct sim_device *d, int shell)
{
	pthread_mutex_lock(&d->mutex);
	d->shells--;
	if (d->locked_by == shell)
		candidate_clear(d);
	unlock(d, shell);
	pthread_mutex_unlock(&d->mutex);
}

void
sim_device_lock(struct sim_device *d, int shell, const char *user)
{
	pthread_mutex_lock(&d->mutex);
	if (d->locked_by == 0) {
		d->locked_by = shell;
		value_set(d, "lock", user[0] != '\0' ? user : "somebody");
		sim_event(d->options, "lock %s %d", d->address, shell);
	}
	pthread_mutex_unlock(&d->mutex);
}

void
sim_device_unlock(struct sim_device *d, int shell)
{
	pthread_mutex_lock(&d->mutex);
	unlock(d, shell);
	pthread_mutex_unlock(&d->mutex);
}

/* The list to be changed; the candidate begins here. */
static struct sim_config *
config_open(struct sim_device *d, const char *list)
{
	struct sim_config *config = config_of(d, list);
	if (config == &d->candidate && !d->has_candidate) {
		sim_config_copy(config, &d->running);
		d->has_candidate = true;
	}
	return config;
}

void
sim_device_add(struct sim_device *d, const char *list, const char *context, const char *line)
{
	pthread_mutex_lock(&d->mutex);
	sim_config_add(config_open(d, list), context, line);
	sim_event(d->options, "add %s %s %s", d->address, list, line);
	pthread_mutex_unlock(&d->mutex);
}

void
sim_device_delete(struct sim_device *d, const char *list, const char *context, const char *line)
{
	pthread_mutex_lock(&d->mutex);
	sim_config_delete(config_open(d, list), context, line);
	sim_event(d->options, "delete %s %s %s", d->address, list, line);
	pthread_mutex_unlock(&d->mutex);
}

void
sim_device_copy(struct sim_device *d, const char *from, const char *to)
{
	pthread_mutex_lock(&d->mutex);
	sim_config_copy(config_open(d, to), config_open(d, from));
	sim_event(d->options, "copy %s %s %s", d->address, from, to);
	pthread_mutex_unlock(&d->mutex);
}

void
sim_device_clear(struct sim_device *d, const char *list)
{
	pthread_mutex_lock(&d->mutex);
	if (strcmp(list, "candidate") == 0)
		candidate_clear(d);
	else
		sim_config_free(config_of(d, list));
	pthread_mutex_unlock(&d->mutex);
}
