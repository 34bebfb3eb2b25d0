/*
 * Fuzz target for the configuration: whatever the bytes, as a file, as a device object of a request, as KEY=VALUE of a
 * command line or as the output of ssh -G, reading ends in something whole or in an error that can be shown.
 */
#include "fuzz.h"
#include "kit/confkit.h"

#include <string.h>

#include "conf/conf.h"
#include "target/sshconf.h"
#include "target/target.h"
#include "base/text.h"
#include "base/xalloc.h"

static void
check_error(const struct np_error *err)
{
	FUZZ_ASSERT(err->reason == REASON_INVALID_PARAMS);
	FUZZ_ASSERT(err->text[0] != '\0' && text_is_utf8(err->text, strlen(err->text)));
	FUZZ_ASSERT(strpbrk(err->text, "\x1b\r\n") == NULL);
}

/* The limits that the rest of the broker relies on. */
static void
check_args(const struct conn_args *args)
{
	FUZZ_ASSERT(args->max_connections >= 1 && args->max_channels >= 1 && args->keepalive_count_max >= 1);
	FUZZ_ASSERT(args->keepalive_interval >= 0 && args->max_idle_time >= 0 && args->max_age >= 0);
	FUZZ_ASSERT(args->connection_timeout >= 0 && args->queue_timeout >= 0 && args->timeout >= 0);
	FUZZ_ASSERT(args->retry_delay > 0 && args->retry_max > 0 && args->check_delay >= 0);
	FUZZ_ASSERT(args->prompt_timeout >= 0 && args->first_byte_timeout >= -1 && args->idle_timeout >= -1);
}

static void
check_device(const struct device_conf *device)
{
	struct device_conf *copy = device_conf_copy(device);

	FUZZ_ASSERT(device->name != NULL && device->name[0] != '\0' && device->name[0] != '@');
	FUZZ_ASSERT(device->port >= 0 && device->port <= 65535);
	FUZZ_ASSERT(device_conf_equal(device, copy) && device_conf_same_login(device, copy));
	check_args(&device->args);
	device_conf_free(copy);
}

static void
try_file(const char *text, size_t size)
{
	struct np_error err = {.reason = REASON_NONE, .text = ""};
	struct config *config = config_parse(text, size, "f", &err);

	if (config == NULL) {
		check_error(&err);
		FUZZ_ASSERT(strncmp(err.text, "f:", 2) == 0);
		return;
	}
	check_args(&config->defaults);
	for (size_t i = 0; i < config->devices_count; i++) {
		check_device(config->devices[i]);
		FUZZ_ASSERT(config_device(config, config->devices[i]->name) == config->devices[i]);
	}
	config_unref(config);
}

static void
try_request(const struct config *config, const char *text, size_t size)
{
	struct np_error err = {.reason = REASON_NONE, .text = ""};
	struct device_conf *device = device_conf_parse(config, text, size, &err);

	if (device == NULL)
		check_error(&err);
	else
		check_device(device);
	device_conf_free(device);
}

static void
try_option(const struct config *config, char *text)
{
	struct device_conf *device = device_conf_adhoc(config, "r1");
	struct np_error err = {.reason = REASON_NONE, .text = ""};
	char *value = strchr(text, '=');

	if (value != NULL) {
		*value++ = '\0';
		if (device_conf_set(device, text, value, "-o", &err) < 0)
			check_error(&err);
		else
			check_device(device);
	}
	device_conf_free(device);
}

static void
try_ssh(const struct config *config, const char *text)
{
	struct device_conf *device = device_conf_adhoc(config, "r1");
	struct np_error err = {.reason = REASON_NONE, .text = ""};
	struct strings files = {NULL, 0};
	struct target *t;

	sshconf_files(text, &files);
	t = target_make(device, text, NULL, &err);
	if (t == NULL)
		check_error(&err);
	else
		FUZZ_ASSERT(target_same_login(t, t) && t->port > 0 && t->kex[0] != '\0');
	target_unref(t);
	strings_finish(&files);
	device_conf_free(device);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size); /* ends at the first NUL byte, as the readers of text do */
	struct np_error err;
	struct config *config = config_parse("", 0, "f", &err);

	FUZZ_ASSERT(config != NULL);
	try_file((const char *)data, size);
	try_request(config, (const char *)data, size);
	try_ssh(config, text);
	try_option(config, text);
	config_unref(config);
	free(text);
	return 0;
}
