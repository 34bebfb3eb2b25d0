/*
 * Tests of src/conf*.c: what netpulse.yaml(5) promises, key by key, from files, in requests and one by one.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "conf/conf.h"
#include "kit/confkit.h"
#include "conf/conf_impl.h"
#include "base/xalloc.h"

static struct config *
parse(const char *text)
{
	struct np_error err = {0};
	struct config *config = config_parse(text, strlen(text), "f.yaml", &err);

	if (config == NULL)
		fail_msg("%s", err.text);
	return config;
}

static void
expect_error(const char *text, const char *expected)
{
	struct np_error err = {0};

	assert_null(config_parse(text, strlen(text), "f.yaml", &err));
	assert_string_equal(err.text, expected);
	assert_int_equal(err.reason, REASON_INVALID_PARAMS);
}

static struct device_conf *
parse_device(const char *json)
{
	struct config *config = parse("");
	struct np_error err = {0};
	struct device_conf *device = device_conf_parse(config, json, strlen(json), &err);

	if (device == NULL)
		fail_msg("%s", err.text);
	config_unref(config);
	return device;
}

#define assert_number(a, b) assert_true((a) >= (b) && (a) <= (b))

static void
test_an_empty_file_gives_the_documented_defaults(void **state)
{
	struct config *config = parse("");
	const struct conn_args *args = &config->defaults;
	(void)state;

	assert_null(config->ssh_config);
	assert_int_equal(config->devices_count, 0);
	assert_int_equal(config->max_sessions, 1000);
	assert_int_equal(config->max_clients, 1024);
	assert_int_equal(config->sandbox, SANDBOX_ON);
	assert_false(config->children_no_new_privileges);
	assert_int_equal(config->max_queue, 1000);
	assert_number(config->drain_timeout, 30);
	assert_false(config->log_level_given);
	assert_true(args->enabled);
	assert_true(args->keepalive);
	assert_number(args->keepalive_interval, 60);
	assert_int_equal(args->keepalive_count_max, 3);
	assert_int_equal(args->keepalive_mode, KEEPALIVE_SSH);
	assert_number(args->max_idle_time, 300);
	assert_number(args->max_age, 86400);
	assert_number(args->check_delay, 30);
	assert_number(args->connection_timeout, 30);
	assert_number(args->queue_timeout, 60);
	assert_number(args->timeout, 0);
	assert_true(args->first_byte_timeout < 0);
	assert_true(args->idle_timeout < 0);
	assert_number(args->prompt_timeout, 120);
	assert_number(args->retry_delay, 1);
	assert_number(args->retry_max, 60);
	assert_int_equal(args->max_connections, 10);
	assert_int_equal(args->max_channels, 10);
	assert_false(args->persistent);
	assert_false(args->max_connections_given);
	config_unref(config);
}

/* The block and the dictionary that users of NetPulse already have, as YAML and as JSON. */
static const char netpulse_yaml[] = "long_connection:\n"
				    "  enabled: true             # false: every request gets its own connection\n"
				    "  max_idle_time: 300        # close a session unused for so long\n"
				    "  keepalive_interval: 60\n"
				    "  keepalive_count_max: 3\n"
				    "  max_connections: 10       # sessions per device\n"
				    "  connection_timeout: 30\n"
				    "devices:\n"
				    "  core1:\n"
				    "    host: 192.168.1.1\n"
				    "    port: 22\n"
				    "    username: admin\n"
				    "    password: admin123\n"
				    "    device_type: cisco_ios  # names as in netmiko\n"
				    "    groups: [core]\n"
				    "    connection_args:\n"
				    "      keepalive: true\n"
				    "      keepalive_interval: 60\n"
				    "      max_idle_time: 300\n";

static const char netpulse_json[] =
    "{\"long_connection\": {\"enabled\": true, \"max_idle_time\": 300, \"keepalive_interval\": 60,\n"
    "\t\"keepalive_count_max\": 3, \"max_connections\": 10, \"connection_timeout\": 30},\n"
    " \"devices\": {\"core1\": {\"host\": \"192.168.1.1\", \"port\": 22, \"username\": \"admin\",\n"
    "  \"password\": \"admin123\", \"device_type\": \"cisco_ios\", \"groups\": [\"core\"],\n"
    "  \"connection_args\": {\"keepalive\": true, \"keepalive_interval\": 60, \"max_idle_time\": 300}}}}";

static void
check_netpulse_device(const struct device_conf *device)
{
	assert_non_null(device);
	assert_string_equal(device->host, "192.168.1.1");
	assert_string_equal(device->username, "admin");
	assert_string_equal(secret_text(device->password), "admin123");
	assert_true(device->args.keepalive);
	assert_number(device->args.keepalive_interval, 60);
	assert_number(device->args.max_idle_time, 300);
}

static void
test_netpulse_blocks_load_verbatim_as_yaml_and_as_json(void **state)
{
	static const char *const texts[] = {netpulse_yaml, netpulse_json};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(texts); i++) {
		struct config *config = parse(texts[i]);
		const struct device_conf *device = config_device(config, "core1");

		assert_int_equal(config->defaults.max_connections, 10);
		assert_int_equal(config->defaults.keepalive_count_max, 3);
		assert_number(config->defaults.connection_timeout, 30);
		check_netpulse_device(device);
		assert_int_equal(device->port, 22);
		assert_string_equal(device->device_type, "cisco_ios");
		assert_int_equal(device->groups.n, 1);
		assert_string_equal(device->groups.v[0], "core");
		assert_string_equal(device->source, i == 0 ? "f.yaml:9" : "f.yaml:3");
		assert_int_equal(config->warnings.n, 0);
		config_unref(config);
	}
}

static void
test_netpulse_dictionary_loads_verbatim_inside_a_request(void **state)
{
	static const char *const texts[] = {
	    "{\"host\": \"192.168.1.1\", \"username\": \"admin\", \"password\": \"admin123\",\n"
	    " \"connection_args\": {\"keepalive\": true, \"keepalive_interval\": 60, \"max_idle_time\": 300}}",
	    "{\"host\":\"192.168.1.1\",\"username\":\"admin\",\"password\":\"admin123\","
	    "\"connection_args\":{\"keepalive\":true,\"keepalive_interval\":60,\"max_idle_time\":300}}",
	    /* as Python prints it */
	    "{'host': '192.168.1.1', 'username': 'admin', 'password': 'admin123',\n"
	    " 'connection_args': {'keepalive': True, 'keepalive_interval': 60, 'max_idle_time': 300}}",
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(texts); i++) {
		struct device_conf *device = parse_device(texts[i]);

		check_netpulse_device(device);
		assert_string_equal(device->name, "192.168.1.1");
		assert_string_equal(device->source, "request");
		device_conf_free(device);
	}
}

static const char every_key[] = "ssh_config: /etc/lab/ssh_config\n"
				"max_sessions: 11\n"
				"max_clients: 12\n"
				"max_queue: 13\n"
				"drain_timeout: 14.5\n"
				"log_level: debug\n"
				"audit_log: /var/log/audit\n"
				"platform_path: /etc/netpulse/platforms:/p\n"
				"long_connection:\n"
				"  enabled: off\n"
				"  keepalive: no\n"
				"  keepalive_interval: 21\n"
				"  keepalive_count_max: 22\n"
				"  keepalive_mode: both\n"
				"  max_idle_time: 23.5\n"
				"  max_age: 24\n"
				"  check_delay: 25\n"
				"  connection_timeout: 26\n"
				"  queue_timeout: 27\n"
				"  timeout: 28\n"
				"  first_byte_timeout: 29\n"
				"  idle_timeout: 0\n"
				"  prompt_timeout: 31\n"
				"  retry_delay: 0.5\n"
				"  retry_max: 33\n"
				"  max_connections: 34\n"
				"  max_channels: 35\n"
				"  persistent: True\n"
				"devices:\n"
				"  core1:\n"
				"    host: r1.example.net\n"
				"    port: 2222\n"
				"    username: ops\n"
				"    password: '#p w:\"'\n"
				"    key_file: /k/id\n"
				"    certificate_file: /k/id-cert.pub\n"
				"    use_agent: false\n"
				"    passphrase_command: |\n"
				"      pass show x\n"
				"      true\n"
				"    proxy_jump: u@j1:2200,[::1]:22\n"
				"    ssh_config: none\n"
				"    ssh_options: A=b  C=d=e\n"
				"    device_type: huawei_vrp\n"
				"    driver: cli\n"
				"    secret: s3\n"
				"    groups: [core, 'site-1']\n"
				"    kex: +diffie-hellman-group14-sha1\n"
				"    host_key_algorithms: ssh-rsa,rsa-sha2-256\n"
				"    ciphers: aes128-cbc\n"
				"    macs: hmac-sha1\n"
				"    pubkey_algorithms: +ssh-rsa\n"
				"    legacy_algorithms: yes\n"
				"    connection_args:\n"
				"      max_connections: 2\n"
				"  core2:\n"
				"    password_command: echo x\n"
				"    secret_command: echo y\n"
				"  core3:\n"
				"    password_file: /p/w\n"
				"    secret_file: /p/s\n"
				"  core4: {credential: core4.pw, use_agent: true}\n";

static void
test_every_global_key_is_read(void **state)
{
	struct config *config = parse(every_key);
	(void)state;

	assert_string_equal(config->ssh_config, "/etc/lab/ssh_config");
	assert_int_equal(config->max_sessions, 11);
	assert_int_equal(config->max_clients, 12);
	assert_int_equal(config->max_queue, 13);
	assert_number(config->drain_timeout, 14.5);
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
	assert_true(config->log_level_given);
	assert_string_equal(config->audit_log, "/var/log/audit");
	assert_string_equal(config->platform_path, "/etc/netpulse/platforms:/p");
	assert_int_equal(config->files.n, 1);
	assert_string_equal(config->files.v[0], "f.yaml");
	config_unref(config);
}

static void
test_every_key_of_long_connection_is_read_and_inherited(void **state)
{
	struct config *config = parse(every_key);
	const struct conn_args *all[] = {&config->defaults, &config_device(config, "core2")->args};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(all); i++) {
		const struct conn_args *args = all[i];

		assert_false(args->enabled);
		assert_false(args->keepalive);
		assert_number(args->keepalive_interval, 21);
		assert_int_equal(args->keepalive_count_max, 22);
		assert_int_equal(args->keepalive_mode, KEEPALIVE_BOTH);
		assert_number(args->max_idle_time, 23.5);
		assert_number(args->max_age, 24);
		assert_number(args->check_delay, 25);
		assert_number(args->connection_timeout, 26);
		assert_number(args->queue_timeout, 27);
		assert_number(args->timeout, 28);
		assert_number(args->first_byte_timeout, 29);
		assert_number(args->idle_timeout, 0);
		assert_number(args->prompt_timeout, 31);
		assert_number(args->retry_delay, 0.5);
		assert_number(args->retry_max, 33);
		assert_int_equal(args->max_connections, 34);
		assert_int_equal(args->max_channels, 35);
		assert_true(args->persistent);
		assert_false(args->max_connections_given);
	}
	assert_int_equal(config_device(config, "core1")->args.max_connections, 2);
	assert_true(config_device(config, "core1")->args.max_connections_given);
	assert_number(config_device(config, "core1")->args.max_age, 24);
	config_unref(config);
}

static void
test_every_key_of_a_device_is_read(void **state)
{
	struct config *config = parse(every_key);
	const struct device_conf *d = config_device(config, "core1");
	(void)state;

	assert_string_equal(d->name, "core1");
	assert_string_equal(d->host, "r1.example.net");
	assert_int_equal(d->port, 2222);
	assert_string_equal(d->username, "ops");
	assert_string_equal(secret_text(d->password), "#p w:\"");
	assert_string_equal(d->key_file, "/k/id");
	assert_string_equal(d->certificate_file, "/k/id-cert.pub");
	assert_int_equal(d->use_agent, 0);
	assert_string_equal(d->passphrase_command, "pass show x\ntrue\n");
	assert_string_equal(d->proxy_jump, "u@j1:2200,[::1]:22");
	assert_string_equal(d->ssh_config, "none");
	assert_string_equal(d->ssh_options, "A=b  C=d=e");
	assert_string_equal(d->device_type, "huawei_vrp");
	assert_int_equal(d->driver, DRIVER_CLI);
	assert_string_equal(secret_text(d->secret), "s3");
	assert_int_equal(d->groups.n, 2);
	assert_string_equal(d->groups.v[1], "site-1");
	assert_string_equal(d->kex, "+diffie-hellman-group14-sha1");
	assert_string_equal(d->host_key_algorithms, "ssh-rsa,rsa-sha2-256");
	assert_string_equal(d->ciphers, "aes128-cbc");
	assert_string_equal(d->macs, "hmac-sha1");
	assert_string_equal(d->pubkey_algorithms, "+ssh-rsa");
	assert_true(d->legacy_algorithms);
	d = config_device(config, "core2");
	assert_null(d->host);
	assert_int_equal(d->port, 0);
	assert_int_equal(d->use_agent, -1);
	assert_int_equal(d->driver, DRIVER_DEFAULT);
	assert_string_equal(d->password_command, "echo x");
	assert_string_equal(d->secret_command, "echo y");
	d = config_device(config, "core3");
	assert_string_equal(d->password_file, "/p/w");
	assert_string_equal(d->secret_file, "/p/s");
	d = config_device(config, "core4");
	assert_string_equal(d->credential, "core4.pw");
	assert_int_equal(d->use_agent, 1);
	assert_null(config_device(config, "core5"));
	config_unref(config);
}

/* device_conf_set() looks into two of them: a name in both would hide one. */
static void
test_keys_are_in_order_and_each_in_one_table(void **state)
{
	const struct schema_table *tables[] = {&conf_global_table, &conf_args_table, &conf_device_table};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(tables); i++) {
		for (size_t j = 0; j < tables[i]->count; j++) {
			const char *name = tables[i]->rows[j].name;

			if (j > 0)
				assert_true(strcmp(tables[i]->rows[j - 1].name, name) < 0);
			assert_ptr_equal(schema_find(tables[i], 0, name), &tables[i]->rows[j]);
		}
	}
	for (size_t j = 0; j < tables[1]->count; j++)
		assert_null(schema_find(tables[2], 0, tables[1]->rows[j].name));
}

static void
test_bad_input_is_refused_with_line_and_hint(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
	    /* shape */
	    {"- a\n", "f.yaml:1: a configuration is a mapping of keys to values, not a list"},
	    {"core1\n", "f.yaml:1: a configuration is a mapping of keys to values, not a value"},
	    {"\n\"core1\"\n", "f.yaml:2: a configuration is a mapping of keys to values, not text in quotes"},
	    {"devices: [core1]\n", "f.yaml:1: `devices` must be a mapping of names to devices, not a list"},
	    {"devices: core1\n", "f.yaml:1: `devices` must be a mapping of names to devices, not a value"},
	    {"devices:\n  a: x\n", "f.yaml:2: `a` must be a mapping of keys to values, not a value"},
	    {"long_connection: true\n", "f.yaml:1: `long_connection` must be a mapping of keys to values, not a value"},
	    {"devices:\n  a:\n    connection_args: []\n",
		"f.yaml:3: `connection_args` must be a mapping of keys to values, not a list"},
	    {"devices:\n  a: {}\n  a: {}\n", "f.yaml:3: key `a` appears a second time (first in line 2): remove one"},

	    /* unknown keys */
	    {"long_conection:\n", "f.yaml:1: unknown key `long_conection` at the top level: did you mean "
				  "`long_connection`?"},
	    {"long_connection:\n  max_idle: 3\n",
		"f.yaml:2: unknown key `max_idle` under long_connection or connection_args: did you mean "
		"`max_idle_time`?"},
	    {"devices:\n  a:\n    user: x\n",
		"f.yaml:3: unknown key `user` in a device entry: did you mean `username`?"},
	    {"devices:\n  a:\n    ip: 10.0.0.1\n",
		"f.yaml:3: unknown key `ip` in a device entry: did you mean `host`?"},
	    {"devices:\n  a:\n    frobnicate: x\n",
		"f.yaml:3: unknown key `frobnicate` in a device entry: netpulse.yaml(5) lists the valid ones"},
	    {"redis:\n  host: x\n",
		"f.yaml:1: unknown key `redis` at the top level: netpulse.yaml(5) lists the valid ones"},
	    {"devices:\n  a:\n    max_idle_time: 3\n",
		"f.yaml:3: `max_idle_time` belongs under long_connection or connection_args, not in a device entry"},
	    {"devices:\n  a:\n    connection_args:\n      host: b\n",
		"f.yaml:4: `host` belongs in a device entry, not under long_connection or connection_args"},
	    {"host: a\n", "f.yaml:1: `host` belongs in a device entry, not at the top level"},
	    {"max_age: 1\n",
		"f.yaml:1: `max_age` belongs under long_connection or connection_args, not at the top level"},
	    {"\"a\\x1bb\": 1\n",
		"f.yaml:1: unknown key `a\\033b` at the top level: netpulse.yaml(5) lists the valid ones"},

	    /* types */
	    {"max_sessions: many\n", "f.yaml:1: `max_sessions` must be a whole number from 1 to 1000000, not `many`"},
	    {"max_sessions: \"5\"\n",
		"f.yaml:1: `max_sessions` must be a whole number from 1 to 1000000, not the text \"5\""},
	    {"max_sessions: 5.5\n", "f.yaml:1: `max_sessions` must be a whole number from 1 to 1000000, not `5.5`"},
	    {"max_sessions: [5]\n", "f.yaml:1: `max_sessions` must be a whole number, not a list"},
	    {"max_sessions:\n", "f.yaml:1: `max_sessions` is empty: give a value or leave the key out"},
	    {"max_sessions:\n\n\nmax_queue: 3\n",
		"f.yaml:1: `max_sessions` is empty: give a value or leave the key out"},
	    {"log_level: loud\n", "f.yaml:1: `log_level` must be one of error warning info debug, not `loud`"},
	    {"audit_log: a.log\n", "f.yaml:1: `audit_log` must be an absolute path, `~/...` or `journal`, not `a.log`"},
	    {"audit_log: none\n", "f.yaml:1: `audit_log` must be an absolute path, `~/...` or `journal`, not `none`"},
	    {"platform_path: /a:b\n",
		"f.yaml:1: `platform_path` must be absolute paths or `~/...`, separated by colons, not `/a:b`"},
	    {"platform_path: '/a:'\n", "f.yaml:1: `platform_path` must be absolute paths or `~/...`, separated by "
				       "colons, not the text \"/a:\""},
	    {"devices: {a: {ssh_options: 'A=b\\  C'}}\n",
		"f.yaml:1: `ssh_options`: Keyword=value, separated by blanks, with keywords of ssh_config"},
	    {"devices: {a: {ssh_options: Compression}}\n",
		"f.yaml:1: `ssh_options`: Keyword=value, separated by blanks, with keywords of ssh_config"},
	    {"ssh_config: config\n",
		"f.yaml:1: `ssh_config` must be an absolute path, `~/...` or `none`, not `config`"},
	    {"long_connection:\n  enabled: 1\n", "f.yaml:2: `enabled` must be true or false, not `1`"},
	    {"long_connection:\n  enabled: \"true\"\n",
		"f.yaml:2: `enabled` must be true or false, not the text \"true\""},
	    {"long_connection:\n  keepalive: 60\n", "f.yaml:2: `keepalive` must be true or false, not `60`"},
	    {"long_connection:\n  keepalive_mode: always\n",
		"f.yaml:2: `keepalive_mode` must be one of ssh cli both none, not `always`"},
	    {"devices:\n  a:\n    groups: core\n", "f.yaml:3: `groups` must be a list ([a, b]), not a value"},
	    {"devices:\n  a:\n    groups: [core,\n      {}]\n",
		"f.yaml:4: each of `groups` must be text, not a mapping"},
	    {"devices:\n  a:\n    groups: [~]\n", "f.yaml:3: each of `groups` must be text, not nothing"},
	    {"devices:\n  a:\n    groups: [a b]\n",
		"f.yaml:3: `groups`: a group name has 1 to 128 bytes, no `@` at the front, no white space, comma or "
		"any of * ? [ ]"},
	    {"devices:\n  a:\n    username: yes\n",
		"f.yaml:3: `username` must be text: put it in quotes if that word is meant, not `yes`"},
	    {"devices:\n  a:\n    password: {}\n", "f.yaml:3: `password` must be text, not a mapping"},
	    {"devices:\n  a:\n    password:\n", "f.yaml:3: `password` is empty: give a value or leave the key out"},
	    {"devices:\n  a:\n    username: ''\n", "f.yaml:3: `username` is empty: give a value or leave the key out"},
	    {"devices:\n  a:\n    use_agent: sometimes\n",
		"f.yaml:3: `use_agent` must be true or false, not `sometimes`"},
	    {"devices:\n  a:\n    driver: telnet\n", "f.yaml:3: `driver` must be one of exec cli, not `telnet`"},

	    /* impossible values */
	    {"max_sessions: 0\n", "f.yaml:1: `max_sessions` must be a whole number from 1 to 1000000, not `0`"},
	    {"max_queue: -1\n", "f.yaml:1: `max_queue` must be a whole number from 1 to 1000000, not `-1`"},
	    {"max_clients: 99999999999999999999\n",
		"f.yaml:1: `max_clients` must be a whole number from 1 to 1000000, not `99999999999999999999`"},
	    {"drain_timeout: -0.5\n",
		"f.yaml:1: `drain_timeout` must be a number of seconds from 0 to 1000000000 (0 = no limit), not "
		"`-0.5`"},
	    {"drain_timeout: .nan\n",
		"f.yaml:1: `drain_timeout` must be a number of seconds from 0 to 1000000000 (0 = no limit), not "
		"`.nan`"},
	    {"drain_timeout: 1e300\n",
		"f.yaml:1: `drain_timeout` must be a number of seconds from 0 to 1000000000 (0 = no limit), not "
		"`1e300`"},
	    {"drain_timeout: 5m\n",
		"f.yaml:1: `drain_timeout` must be a number of seconds from 0 to 1000000000 (0 = no limit), not `5m`"},
	    {"drain_timeout: 0:30\n",
		"f.yaml:1: `drain_timeout` must be a number of seconds from 0 to 1000000000 (0 = no limit), not "
		"`0:30`"},
	    {"long_connection:\n  keepalive_count_max: 0\n",
		"f.yaml:2: `keepalive_count_max` must be a whole number from 1 to 1000, not `0`"},
	    {"long_connection:\n  max_connections: 0\n",
		"f.yaml:2: `max_connections` must be a whole number from 1 to 10000, not `0`"},
	    {"long_connection:\n  max_channels: 0\n",
		"f.yaml:2: `max_channels` must be a whole number from 1 to 10000, not `0`"},
	    {"long_connection:\n  retry_delay: 0\n",
		"f.yaml:2: `retry_delay` must be a number of seconds from 0.1 to 1000000000, not `0`"},
	    {"long_connection:\n  retry_delay: 90\n",
		"f.yaml:2: `retry_max` (60) must not be less than `retry_delay` (90)"},
	    {"devices:\n  a:\n    connection_args: {retry_max: 0.5}\n",
		"f.yaml:3: `retry_max` (0.5) must not be less than `retry_delay` (1)"},
	    {"devices:\n  a:\n    port: 0\n", "f.yaml:3: `port` must be a whole number from 1 to 65535, not `0`"},
	    {"devices:\n  a:\n    port: 65536\n",
		"f.yaml:3: `port` must be a whole number from 1 to 65535, not `65536`"},
	    {"devices:\n  a:\n    port: 022\n", "f.yaml:3: `port` must be a whole number from 1 to 65535, not `022`"},
	    {"devices:\n  a:\n    port: 22.0\n", "f.yaml:3: `port` must be a whole number from 1 to 65535, not `22.0`"},
	    {"devices:\n  a:\n    device_type: Cisco IOS\n",
		"f.yaml:3: `device_type`: only a-z, 0-9 and _, as in cisco_ios"},
	    {"devices:\n  a:\n    credential: ../x\n",
		"f.yaml:3: `credential`: the name of a credential that systemd passes, without a `/`; for any other "
		"file use `password_file`"},
	    {"devices:\n  a:\n    password: x\n    password_command: y\n",
		"f.yaml:4: give only one of `password` and `password_command`"},
	    {"devices:\n  a:\n    secret: x\n    secret_file: /y\n",
		"f.yaml:4: give only one of `secret` and `secret_file`"},
	    {"devices:\n  a:\n    username: \"a\\nb\"\n", "f.yaml:3: `username` holds a line break or control byte"},
	    {"devices:\n  a:\n    key_file: id_rsa\n",
		"f.yaml:3: `key_file` must be an absolute path or `~/...`, not `id_rsa`"},

	    /* algorithms */
	    {"devices:\n  a:\n    kex: +diffie-hellman-group14-sha2\n",
		"f.yaml:3: `kex`: `diffie-hellman-group14-sha2` is not supported; did you mean "
		"`diffie-hellman-group14-sha1`?"},
	    {"devices:\n  a:\n    macs: hmac-md5-96-quux\n",
		"f.yaml:3: `macs`: no name in it is supported; supported: hmac-sha2-256-etm@openssh.com,"
		"hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1-etm@openssh.com,hmac-sha1"},
	    {"devices:\n  a:\n    ciphers: aes128-ctr, aes256-ctr\n",
		"f.yaml:3: `ciphers`: names separated by commas without spaces, or `+name` to append to the usual "
		"ones"},
	    {"devices:\n  a:\n    ciphers: -aes128-ctr\n",
		"f.yaml:3: `ciphers`: a full list or `+name`, not `-name`: write the full list"},
	    {"devices:\n  a:\n    ciphers: +\n",
		"f.yaml:3: `ciphers`: names separated by commas without spaces, or `+name` to append to the usual "
		"ones"},

	    /* names */
	    {"devices:\n  '@a': {}\n", "f.yaml:2: `@a`: a device name must not begin with `@`"},
	    {"devices:\n  -a: {}\n", "f.yaml:2: `-a`: a device name must not begin with `-`"},
	    {"devices:\n  'a,b': {}\n", "f.yaml:2: `a,b`: a device name must not hold white space, control bytes, "
					"commas or any of * ? [ ]"},
	    {"devices:\n  'a*': {host: b}\n", "f.yaml:2: `a*`: a device name must not hold white space, control bytes, "
					      "commas or any of * ? [ ]"},
	    {"devices:\n  a b: {host: b}\n", "f.yaml:2: `a b`: a device name must not hold white space, control "
					     "bytes, commas or any of * ? [ ]"},
	    {"devices:\n  '': {host: b}\n", "f.yaml:2: ``: a device name has 1 to 128 bytes"},
	    {"devices:\n  a: {name: b}\n", "f.yaml:2: `name` differs from the entry's own name: leave it out"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		expect_error(table[i].text, table[i].error);
	}
}

static void
test_a_nul_byte_does_not_end_the_text(void **state)
{
	static const char text[] = "max_queue: 5\n\0max_queue: 6\n";
	struct np_error err = {0};
	(void)state;

	assert_null(config_parse(text, sizeof(text) - 1, "f.yaml", &err));
	assert_string_equal(err.text, "f.yaml:2: control characters are not allowed");
}

static void
test_null_is_as_if_the_key_were_absent(void **state)
{
	struct config *config =
	    parse("long_connection: ~\nmax_sessions: null\ndevices:\n  a:\n  b: {host: ~, port: null, "
		  "groups: , connection_args: ~}\n");
	(void)state;

	assert_int_equal(config->max_sessions, 1000);
	assert_int_equal(config->devices_count, 2);
	assert_null(config_device(config, "b")->host);
	config_unref(config);

	config = parse("devices:\nlong_connection:\n");
	assert_int_equal(config->devices_count, 0);
	config_unref(config);
}

static void
test_texts_are_taken_as_they_are_written(void **state)
{
	static const struct {
		const char *yaml, *password;
	} table[] = {
	    {"12345", "12345"},
	    {"0123", "0123"},
	    {"1e5", "1e5"},
	    {"'yes'", "yes"},
	    {"\"null\"", "null"},
	    {"''", ""},
	    {"'a # b'", "a # b"},
	    {"a#b", "a#b"},
	    {"p\xc3\xa4ss", "p\xc3\xa4ss"},
	    {"\"tab\\there\"", "tab\there"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		char *text = xasprintf("devices:\n  a:\n    password: %s\n", table[i].yaml);
		struct config *config = parse(text);

		assert_string_equal(secret_text(config_device(config, "a")->password), table[i].password);
		config_unref(config);
		free(text);
	}
}

static void
test_home_is_expanded_in_paths(void **state)
{
	char *home = xstrdup_null(getenv("HOME"));
	struct config *config;
	(void)state;

	setenv("HOME", "/home/ops", 1);
	config = parse("ssh_config: ~/c\nplatform_path: ~/a:/b:~/c\n"
		       "devices: {a: {key_file: ~/.ssh/id, password_file: ~/p, password: ~}}\n");
	assert_string_equal(config->ssh_config, "/home/ops/c");
	assert_string_equal(config->platform_path, "/home/ops/a:/b:/home/ops/c");
	assert_string_equal(config_device(config, "a")->key_file, "/home/ops/.ssh/id");
	assert_string_equal(config_device(config, "a")->password_file, "/home/ops/p");
	config_unref(config);
	if (home != NULL)
		setenv("HOME", home, 1);
	else
		unsetenv("HOME");
	free(home);
}

static void
test_a_wrong_password_never_appears_in_a_message(void **state)
{
	static const char *const table[] = {
	    "devices:\n  a:\n    password: [hunter2]\n",
	    "devices:\n  a:\n    password: yes\n    secret: 'hunter2'\n",
	    "devices:\n  a:\n    secret: hunter2\n    secret_command: hunter2\n",
	    "devices:\n  a: hunter2\n",
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err = {0};

		assert_null(config_parse(table[i], strlen(table[i]), "f.yaml", &err));
		assert_null(strstr(err.text, "hunter2"));
	}
}

/* --- requests --- */

static void
test_device_objects_of_requests_are_checked_without_lines(void **state)
{
	static const struct {
		const char *json, *error;
	} table[] = {
	    {"", "device: `host` is missing"},
	    {"null", "device: `host` is missing"},
	    {"{}", "device: `host` is missing"},
	    {"[]", "device: `device` must be a mapping of keys to values, not a list"},
	    {"\"r1\"", "device: `device` must be a mapping of keys to values, not text in quotes"},
	    {"{\"host\":\"a b\"}", "device: `host`: host \"a b\": ' ' is not allowed"},
	    {"{\"host\":\"-oProxyCommand=x\"}", "device: `host`: host \"-oProxyCommand=x\" begins with '-'"},
	    {"{\"host\":\"a\",\"usernam\":\"x\"}",
		"device: unknown key `usernam` in a device entry: did you mean `username`?"},
	    {"{\"host\":\"a\",\"port\":\"22\"}",
		"device: `port` must be a whole number from 1 to 65535, not the text \"22\""},
	    {"{\"host\":\"a\",\"name\":[]}", "device: `name` must be a single value, not a list"},
	    {"{\"host\":\"a\",\"name\":\"x y\"}", "device: `x y`: a device name must not hold white space, control "
						  "bytes, commas or any of * ? [ ]"},
	    {"{\"name\":\"a;b\"}",
		"device: `a;b` has no `host` and cannot be one itself: device \"a;b\": host \"a;b\": ';' is not "
		"allowed"},
	    {"{\"host\":\"a\",\"host\":\"b\"}", "device: key `host` appears twice: remove one"},
	    {"{\"host\":\"a\",\"credential_scope\":\"device\"}",
		"device: `credential_scope` can be set in the configuration only"},
	};
	struct config *config = parse("");
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err = {0};

		assert_null(device_conf_parse(config, table[i].json, strlen(table[i].json), &err));
		assert_string_equal(err.text, table[i].error);
	}
	config_unref(config);
}

static void
test_a_device_is_named_after_its_host_or_reached_under_its_name(void **state)
{
	static const struct {
		const char *json, *name, *host;
	} table[] = {
	    {"{\"host\":\"r1\"}", "r1", "r1"},
	    {"{\"host\":\"::1\"}", "::1", "::1"},
	    {"{\"name\":\"core\",\"host\":\"r1\"}", "core", "r1"},
	    {"{\"name\":\"r1\"}", "r1", NULL},
	    {"{\"name\":\"admin@r1:2222\"}", "admin@r1:2222", NULL},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct device_conf *device = parse_device(table[i].json);

		assert_string_equal(device->name, table[i].name);
		if (table[i].host == NULL)
			assert_null(device->host);
		else
			assert_string_equal(device->host, table[i].host);
		device_conf_free(device);
	}
}

static void
test_devices_of_requests_inherit_long_connection(void **state)
{
	struct config *config = parse("long_connection: {max_connections: 4, max_age: 7}\n");
	struct np_error err = {0};
	struct device_conf *device = device_conf_parse(config, "{\"host\":\"a\"}", 12, &err);
	struct device_conf *adhoc = device_conf_adhoc(config, "admin@a:2222");
	(void)state;

	assert_non_null(device);
	assert_int_equal(device->args.max_connections, 4);
	assert_false(device->args.max_connections_given);
	assert_number(adhoc->args.max_age, 7);
	assert_string_equal(adhoc->name, "admin@a:2222");
	assert_null(adhoc->host);
	assert_int_equal(adhoc->use_agent, -1);
	device_conf_free(adhoc);
	device_conf_free(device);
	config_unref(config);
}

static void
test_a_request_with_too_many_values_is_refused(void **state)
{
	struct config *config = parse("");
	size_t count = 3000, size = 0;
	char *json = xmalloc(2 * count + 64);
	struct np_error err = {0};
	(void)state;

	size += (size_t)sprintf(json, "{\"host\":\"a\",\"groups\":[");
	for (size_t i = 0; i < count; i++)
		size += (size_t)sprintf(json + size, "b,");
	size += (size_t)sprintf(json + size, "b]}");
	assert_null(device_conf_parse(config, json, size, &err));
	assert_string_equal(err.text, "device: too many values");
	free(json);
	config_unref(config);
}

/* --- one key at a time --- */

static void
test_single_keys_are_set_from_text(void **state)
{
	static const struct {
		const char *key, *value, *error; /* error NULL: accepted */
	} table[] = {
	    {"port", "2222", NULL},
	    {"port", "0", "-o: `port` must be a whole number from 1 to 65535, not `0`"},
	    {"port", "", "-o: `port` must be a whole number from 1 to 65535, not ``"},
	    {"username", "yes", NULL},
	    {"username", "-l", "-o: `username`: user \"-l\" begins with '-'"},
	    {"password", "", NULL},
	    {"password", "x", NULL},
	    {"keepalive", "false", NULL},
	    {"keepalive", "maybe", "-o: `keepalive` must be true or false, not `maybe`"},
	    {"use_agent", "no", NULL},
	    {"max_connections", "3", NULL},
	    {"idle_timeout", "2.5", NULL},
	    {"driver", "exec", NULL},
	    {"groups", "a,b", NULL},
	    {"groups", "a,,b", "-o: `groups` is empty: give a value or leave the key out"},
	    {"proxy_jump", "j1,j 2", "-o: `proxy_jump`: device \"j 2\": host \"j 2\": ' ' is not allowed"},
	    {"proxy_jump", "none", NULL},
	    {"connection_args", "x", "-o: `connection_args` cannot be set this way"},
	    {"name", "x", "-o: `name` cannot be set this way"},
	    {"keepalive_intervall", "3", "-o: unknown key `keepalive_intervall`: did you mean `keepalive_interval`?"},
	    {"credential_scope", "device", "-o: `credential_scope` can be set in the configuration only"},
	    {"user", "x", "-o: unknown key `user`: did you mean `username`?"},
	    {"log_level", "debug", "-o: unknown key `log_level`: netpulse.yaml(5) lists the valid ones"},
	};
	struct config *config = parse("");
	struct device_conf *device = device_conf_adhoc(config, "a");
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err = {0};
		int r = device_conf_set(device, table[i].key, table[i].value, "-o", &err);

		if (table[i].error != NULL)
			assert_string_equal(err.text, table[i].error);
		else if (r < 0)
			fail_msg("%s", err.text);
		assert_int_equal(r, table[i].error != NULL ? -1 : 0);
	}
	assert_int_equal(device->port, 2222);
	assert_string_equal(device->username, "yes");
	assert_string_equal(secret_text(device->password), "x");
	assert_false(device->args.keepalive);
	assert_int_equal(device->use_agent, 0);
	assert_int_equal(device->args.max_connections, 3);
	assert_true(device->args.max_connections_given);
	assert_number(device->args.idle_timeout, 2.5);
	assert_int_equal(device->driver, DRIVER_EXEC);
	assert_string_equal(device->proxy_jump, "none");
	device_conf_free(device);
	config_unref(config);
}

static void
test_a_set_password_source_takes_the_place_of_the_others(void **state)
{
	struct device_conf *device = parse_device("{\"host\":\"a\",\"password\":\"x\",\"secret\":\"y\"}");
	struct np_error err = {0};
	(void)state;

	assert_int_equal(device_conf_set(device, "password_file", "/p", "-o", &err), 0);
	assert_null(device->password);
	assert_string_equal(device->password_file, "/p");
	assert_string_equal(secret_text(device->secret), "y");
	assert_int_equal(device_conf_set(device, "secret_command", "z", "-o", &err), 0);
	assert_null(device->secret);
	assert_string_equal(device->password_file, "/p");
	device_conf_free(device);
}

/* --- comparing and copying --- */

static void
test_the_same_text_read_again_is_equal(void **state)
{
	struct config *a = parse(every_key), *b = parse(every_key);
	(void)state;

	assert_int_equal(a->devices_count, 4);
	for (size_t i = 0; i < a->devices_count; i++) {
		struct device_conf *copy = device_conf_copy(a->devices[i]);

		assert_true(device_conf_equal(a->devices[i], b->devices[i]));
		assert_true(device_conf_same_login(a->devices[i], b->devices[i]));
		assert_true(device_conf_equal(a->devices[i], copy));
		assert_string_equal(copy->source, a->devices[i]->source);
		device_conf_free(copy);
		if (i > 0)
			assert_false(device_conf_equal(a->devices[0], b->devices[i]));
	}
	config_unref(a);
	config_unref(b);
}

static void
test_every_difference_is_noticed(void **state)
{
	static const struct {
		const char *key, *value;
		bool same_login;
	} table[] = {
	    {"certificate_file", "/x", false},
	    {"ciphers", "aes256-ctr", false},
	    {"credential", "x", false},
	    {"device_type", "linux", false},
	    {"driver", "cli", false},
	    {"groups", "x", true},
	    {"groups", "g,x", true},
	    {"host", "b", false},
	    {"host_key_algorithms", "ssh-rsa", false},
	    {"kex", "+diffie-hellman-group1-sha1", false},
	    {"key_file", "/x", false},
	    {"legacy_algorithms", "true", false},
	    {"macs", "hmac-sha1", false},
	    {"passphrase_command", "x", false},
	    {"password", "other", false},
	    {"password_command", "x", false},
	    {"password_file", "/x", false},
	    {"port", "23", false},
	    {"proxy_jump", "x", false},
	    {"pubkey_algorithms", "ssh-rsa", false},
	    {"secret", "x", false},
	    {"secret_command", "x", false},
	    {"secret_file", "/x", false},
	    {"ssh_config", "/x", false},
	    {"ssh_options", "Compression=yes", false},
	    {"use_agent", "true", false},
	    {"username", "x", false},
	    {"check_delay", "1", true},
	    {"connection_timeout", "1", true},
	    {"enabled", "false", true},
	    {"first_byte_timeout", "1", true},
	    {"idle_timeout", "1", true},
	    {"keepalive", "false", true},
	    {"keepalive_count_max", "1", true},
	    {"keepalive_interval", "1", true},
	    {"keepalive_mode", "none", true},
	    {"max_age", "1", true},
	    {"max_channels", "1", true},
	    {"max_connections", "1", true},
	    {"max_connections", "10", true}, /* the default, but now said for this device */
	    {"max_idle_time", "1", true},
	    {"persistent", "true", true},
	    {"prompt_timeout", "1", true},
	    {"queue_timeout", "1", true},
	    {"retry_delay", "2", true},
	    {"retry_max", "61", true},
	    {"timeout", "1", true},
	};
	struct device_conf *a = parse_device("{\"host\":\"a\",\"password\":\"p\",\"groups\":[\"g\"]}");
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct device_conf *b = device_conf_copy(a);
		struct np_error err = {0};

		if (device_conf_set(b, table[i].key, table[i].value, "test", &err) < 0)
			fail_msg("%s", err.text);
		if (device_conf_equal(a, b) || device_conf_same_login(a, b) != table[i].same_login)
			fail_msg("%s", table[i].key);
		device_conf_free(b);
	}
	device_conf_free(a);
}

static void
test_snapshots_are_counted(void **state)
{
	struct config *config = parse("devices: {a: {}}\n");
	(void)state;

	assert_ptr_equal(config_ref(config), config);
	config_unref(config);
	assert_non_null(config_device(config, "a"));
	config_unref(config);
	config_unref(NULL);
}

static void
test_many_devices_are_found_and_keep_their_order(void **state)
{
	enum { COUNT = 5000 };
	char *text = xmalloc(COUNT * 32 + 16), name[16];
	size_t size = (size_t)sprintf(text, "devices:\n");
	struct config *config;
	(void)state;

	for (int i = 0; i < COUNT; i++)
		size += (size_t)sprintf(text + size, "  r%d: {port: %d}\n", i * 7919 % COUNT, i + 1);
	config = parse(text);
	assert_int_equal(config->devices_count, COUNT);
	for (int i = 0; i < COUNT; i++) {
		sprintf(name, "r%d", i * 7919 % COUNT);
		assert_int_equal(config_device(config, name)->port, i + 1);
		assert_string_equal(config->devices[i]->name, name);
	}
	assert_null(config_device(config, "r5000"));
	config_unref(config);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_empty_file_gives_the_documented_defaults),
	    cmocka_unit_test(test_netpulse_blocks_load_verbatim_as_yaml_and_as_json),
	    cmocka_unit_test(test_netpulse_dictionary_loads_verbatim_inside_a_request),
	    cmocka_unit_test(test_every_global_key_is_read),
	    cmocka_unit_test(test_every_key_of_long_connection_is_read_and_inherited),
	    cmocka_unit_test(test_every_key_of_a_device_is_read),
	    cmocka_unit_test(test_keys_are_in_order_and_each_in_one_table),
	    cmocka_unit_test(test_bad_input_is_refused_with_line_and_hint),
	    cmocka_unit_test(test_a_nul_byte_does_not_end_the_text),
	    cmocka_unit_test(test_null_is_as_if_the_key_were_absent),
	    cmocka_unit_test(test_texts_are_taken_as_they_are_written),
	    cmocka_unit_test(test_home_is_expanded_in_paths),
	    cmocka_unit_test(test_a_wrong_password_never_appears_in_a_message),
	    cmocka_unit_test(test_device_objects_of_requests_are_checked_without_lines),
	    cmocka_unit_test(test_a_device_is_named_after_its_host_or_reached_under_its_name),
	    cmocka_unit_test(test_devices_of_requests_inherit_long_connection),
	    cmocka_unit_test(test_a_request_with_too_many_values_is_refused),
	    cmocka_unit_test(test_single_keys_are_set_from_text),
	    cmocka_unit_test(test_a_set_password_source_takes_the_place_of_the_others),
	    cmocka_unit_test(test_the_same_text_read_again_is_equal),
	    cmocka_unit_test(test_every_difference_is_noticed),
	    cmocka_unit_test(test_snapshots_are_counted),
	    cmocka_unit_test(test_many_devices_are_found_and_keep_their_order),
	};

	return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
