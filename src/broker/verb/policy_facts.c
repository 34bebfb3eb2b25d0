/* What rules of the policy are about, gathered; see policy_facts.h. */
#include "broker/verb/policy_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "broker/client/client.h"
#include "conf/conf_impl.h"
#include "conf/devlist.h"

int
policy_minute_of_week(void)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	return (tm.tm_wday + 6) % 7 * 24 * 60 + tm.tm_hour * 60 + tm.tm_min;
}

struct policy_who
policy_who_of(const struct client *client)
{
	const struct event_who *who = client_who(client);

	struct policy_who of = {.role = who->role, .uid = who->uid, .gid = who->gid, .mux = who->door != NULL};

	of.groups = client_groups(client, &of.groups_count);
	return of;
}

void
policy_facts_finish(struct policy_facts *f)
{
	free(f->name);
	free(f->host);
	free(f->bare);
}

/* A configured one that DNS would take for the same host. */
static const struct device_conf *
find_host(const struct config *config, const char *host)
{
	for (size_t i = 0; i < config->devices_count; i++) {
		if (strcasecmp(config->devices[i]->name, host) == 0)
			return config->devices[i];
	}
	return NULL;
}

/* USER@HOST:PORT is HOST:PORT to rules as well; HOST alone may be one that is configured, by another way. */
static void
add_host(struct policy_facts *f, const struct config *config, const char *name)
{
	const struct device_conf *like;
	struct operand op;

	f->host = config_device_of_user(config, name);
	f->device.host = f->host;
	if (operand_parse(name, &op, NULL) != 0)
		return;
	f->bare = xstrdup(op.host);
	operand_finish(&op);
	for (size_t n = strlen(f->bare); n > 1 && f->bare[n - 1] == '.'; n--)
		f->bare[n - 1] = '\0';
	like = config_device(config, f->host != NULL ? f->host : name);
	if (like == NULL)
		like = find_host(config, f->bare);
	f->device.like = like != NULL ? like->name : f->bare;
	f->device.like_groups = like != NULL ? &like->groups : NULL;
}

void
policy_facts_of_name(struct policy_facts *f, const struct config *config, const char *name)
{
	const struct device_conf *device = config_device(config, name);

	*f = (struct policy_facts){.name = xstrdup(name)};
	f->device.name = f->name;
	if (device != NULL)
		f->device.groups = &device->groups;
	else
		add_host(f, config, name);
}

/* Who reads its commands: as it is configured, for nothing that a client says of it decides that. */
static void
add_reader(struct policy_facts *f, const struct policy_world *w, enum broker_want want)
{
	const struct device_conf *device = config_device(w->config, f->name);
	struct platform *p = NULL;
	struct np_error err;

	if (device == NULL)
		return;
	if (device_choose_driver(w->devices, w->platforms, device, want, &p, &err) == 0 && p != NULL)
		f->device.shell = true;
	else
		p = platforms_find(w->platforms, device->device_type != NULL ? device->device_type : "linux");
	f->device.platform = p;
}

/* ---- what is wanted of a device beside its name ---- */

static unsigned
want_of_key(const char *key, bool adhoc)
{
	static const char *const plain[] = {"name", "host", "port", "username", "device_type", "driver"};
	static const char *const theirs[] = {"password", "secret", "use_agent"};

	if (strcmp(key, "connection_args") == 0 || schema_find(&conf_args_table, 0, key) != NULL)
		return POLICY_OPTIONS;
	for (size_t i = 0; adhoc && i < NP_COUNT(plain); i++) {
		if (strcmp(plain[i], key) == 0)
			return POLICY_ADHOC;
	}
	for (size_t i = 0; i < NP_COUNT(theirs); i++) {
		if (strcmp(theirs[i], key) == 0)
			return POLICY_CREDENTIALS;
	}
	return POLICY_CREDENTIALS | POLICY_TRUSTED;
}

static void
add_keys(const struct secret *json, bool adhoc, unsigned wants, char *out, size_t size)
{
	cJSON *object = json != NULL ? cJSON_Parse(secret_text(json)) : NULL;
	const cJSON *member;

	cJSON_ArrayForEach (member, object) {
		size_t used = strlen(out);
		char shown[64];

		if ((want_of_key(member->string, adhoc) & wants) != 0)
			snprintf(out + used, size - used, "%s`%s`", used > 0 ? ", " : "",
			    text_vis_into(shown, sizeof(shown), member->string));
	}
	params_wipe(object);
	cJSON_Delete(object);
}

const char *
policy_facts_keys(const struct device_ref *ref, unsigned wants, char *out, size_t size)
{
	out[0] = '\0';
	add_keys(ref->object, true, wants, out, size);
	add_keys(ref->overrides, false, wants, out, size);
	return out[0] != '\0' ? out : NULL;
}

/* Where a device leads: to its `host`, without one to its `name` (a number is a name as well). */
static char *
host_of(const cJSON *object)
{
	const cJSON *host = cJSON_GetObjectItemCaseSensitive(object, "host");

	if (host == NULL || cJSON_IsNull(host))
		host = cJSON_GetObjectItemCaseSensitive(object, "name");
	if (host == NULL || cJSON_IsNull(host))
		return xstrdup("?");
	return cJSON_IsString(host) ? xstrdup(host->valuestring) : cJSON_PrintUnformatted(host);
}

static unsigned
wants_of_object(const struct secret *json, bool adhoc, char **host)
{
	cJSON *object = json != NULL ? cJSON_Parse(secret_text(json)) : NULL;
	const cJSON *member;
	unsigned wants = 0;

	cJSON_ArrayForEach (member, object)
		wants |= want_of_key(member->string, adhoc);
	if (host != NULL)
		*host = host_of(object);
	params_wipe(object);
	cJSON_Delete(object);
	return wants;
}

/* What an object connects to is what counts; what it is called beside is for its client to say. */
unsigned
policy_facts_of_ref(
    struct policy_facts *f, const struct policy_world *world, const struct device_ref *ref, enum broker_want want)
{
	unsigned wants = wants_of_object(ref->overrides, false, NULL);
	char *host = NULL;

	if (ref->object != NULL) {
		wants |= POLICY_ADHOC | wants_of_object(ref->object, true, &host);
		policy_facts_of_name(f, world->config, host);
		free(host);
		if (f->device.groups != NULL) {
			/* What is configured under this name is another one, by which nothing is allowed. */
			f->device.like = f->name;
			f->device.like_groups = f->device.groups;
			f->device.groups = NULL;
		}
		return wants;
	}
	policy_facts_of_name(f, world->config, ref->operand);
	if (config_device(world->config, ref->operand) == NULL)
		wants |= POLICY_ADHOC;
	else if ((wants & POLICY_CREDENTIALS) == 0)
		add_reader(f, world, want);
	return wants;
}
