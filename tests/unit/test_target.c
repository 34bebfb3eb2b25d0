/*
 * Tests of src/target/target.c and target_stamp.c: who wins, what a login is made of, what a change of a file is.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/target.h"
#include "kit/confkit.h"
#include "base/xalloc.h"

#define SSH                                                                                                            \
	"user ops\nhostname R1.Example.net\nport 22\nidentityfile ~/.ssh/id_%r\nidentityfile /k/id\n"                  \
	"certificatefile /k/%n-cert.pub\nuserknownhostsfile /h/kh /h/kh2\nglobalknownhostsfile /etc/ssh/kh\n"

static struct device_conf *
make_device(const char *yaml)
{
	struct np_error err = {0};
	struct config *config = config_parse("", 0, "f", &err);
	struct device_conf *device = device_conf_parse(config, yaml, strlen(yaml), &err);

	if (device == NULL)
		fail_msg("%s", err.text);
	config_unref(config);
	return device;
}

/* A target of a device ({name: r1, ...}) and the output of ssh -G; NULL with err. */
static struct target *
try_make(const char *yaml, const char *ssh_text, struct np_error *err)
{
	struct device_conf *device = make_device(yaml);
	struct strings files = {0};
	struct target *t;

	strings_add(&files, "/etc/ssh/ssh_config");
	t = target_make(device, ssh_text, &files, err);
	strings_finish(&files);
	device_conf_free(device);
	return t;
}

static struct target *
make(const char *yaml, const char *ssh_text)
{
	struct np_error err = {0};
	struct target *t = try_make(yaml, ssh_text, &err);

	if (t == NULL)
		fail_msg("%s", err.text);
	return t;
}

static bool
has_notice(const struct target *t, const char *text)
{
	for (size_t i = 0; i < t->notices.n; i++) {
		if (strcmp(t->notices.v[i], text) == 0)
			return true;
	}
	return false;
}

static void
test_ssh_says_what_the_device_does_not(void **state)
{
	struct target *t = make("{name: r1}",
	    SSH "addressfamily inet6\nbindaddress 10.0.0.1\nidentitiesonly yes\npasswordauthentication no\n"
		"kbdinteractiveauthentication no\nhashknownhosts yes\nbatchmode yes\ncompression yes\n"
		"numberofpasswordprompts 2\nstricthostkeychecking accept-new\nsetenv A=b c\nforwardagent yes\n"
		"proxycommand nc %h %p %r ~ ${HOME} %%\n");
	(void)state;

	assert_string_equal(t->name, "r1");
	assert_string_equal(t->host, "R1.Example.net");
	assert_string_equal(t->user, "ops");
	assert_int_equal(t->port, 22);
	assert_string_equal(t->known_as, "r1.example.net");
	assert_string_equal(t->bind_address, "10.0.0.1");
	assert_int_equal(t->address_family, AF_INET6);
	assert_null(t->proxy_jump);
	assert_string_equal(t->proxy_command, "nc R1.Example.net 22 ops ~ ${HOME} %");
	assert_int_equal(t->identity_files.n, 2);
	assert_non_null(strstr(t->identity_files.v[0], "/.ssh/id_ops"));
	assert_int_not_equal(t->identity_files.v[0][0], '~');
	assert_string_equal(t->identity_files.v[1], "/k/id");
	assert_string_equal(t->certificate_files.v[0], "/k/r1-cert.pub");
	assert_int_equal(t->user_known_hosts.n, 2);
	assert_int_equal(t->global_known_hosts.n, 1);
	assert_string_equal(t->set_env.v[0], "A=b c");
	assert_true(t->identities_only && t->use_agent && t->pubkey_auth && t->hash_known_hosts && t->batch_mode);
	assert_true(t->compression);
	assert_false(t->password_auth || t->kbdint_auth || t->explicit_key);
	assert_int_equal(t->password_prompts, 2);
	assert_int_equal(t->strict, STRICT_ACCEPT_NEW);
	assert_null(t->agent_path);
	assert_int_equal(t->config_files.n, 1);
	assert_string_equal(t->config_files.v[0].path, "/etc/ssh/ssh_config");
	assert_true(has_notice(t, "ssh's configuration: `forwardagent yes` is not honoured"));
	target_unref(t);
}

static void
test_the_device_wins(void **state)
{
	struct target *t = make("{name: r1, host: 10.0.0.9, port: 2222, username: admin, key_file: /d/key, "
				"certificate_file: /d/cert, proxy_jump: j1, kex: +diffie-hellman-group1-sha1, "
				"ciphers: 'aes128-cbc,blowfish-cbc', legacy_algorithms: false}",
	    SSH "proxycommand nc %h\nproxyjump other\nkexalgorithms curve25519-sha256\n");
	(void)state;

	assert_string_equal(t->user, "admin");
	assert_int_equal(t->port, 2222);
	assert_string_equal(t->known_as, "[r1.example.net]:2222");
	assert_string_equal(t->proxy_jump, "j1");
	assert_null(t->proxy_command);
	assert_int_equal(t->identity_files.n, 1);
	assert_string_equal(t->identity_files.v[0], "/d/key");
	assert_int_equal(t->certificate_files.n, 1);
	assert_string_equal(t->certificate_files.v[0], "/d/cert");
	assert_true(t->identities_only && t->explicit_key && t->use_agent);
	assert_string_equal(t->kex, "curve25519-sha256,diffie-hellman-group1-sha1");
	assert_string_equal(t->ciphers, "aes128-cbc");
	assert_true(has_notice(t, "ciphers: blowfish-cbc is not supported"));
	assert_string_equal(t->device->username, "admin");
	target_unref(t);
}

static void
test_names_in_known_hosts_are_written_as_ssh_does(void **state)
{
	static const struct {
		const char *ssh, *known_as;
	} table[] = {
	    {"user u\nhostname Host\nport 22\n", "host"},
	    {"user u\nhostname Host\nport 2200\n", "[host]:2200"},
	    {"user u\nhostname ::1\nport 22\n", "::1"},
	    {"user u\nhostname FE80::1\nport 23\n", "[fe80::1]:23"},
	    {"user u\nhostname Host\nport 2200\nhostkeyalias Alias\n", "alias"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct target *t = make("{name: r1}", table[i].ssh);

		assert_string_equal(t->known_as, table[i].known_as);
		target_unref(t);
	}
}

static void
test_the_operand_of_an_ad_hoc_device_is_its_host(void **state)
{
	struct target *t = make("{name: 'admin@r7:2200'}", SSH);
	(void)state;

	assert_string_equal(t->certificate_files.v[0], "/k/r7-cert.pub");
	target_unref(t);
}

static void
test_agents(void **state)
{
	static const struct {
		const char *device, *ssh, *path;
		bool use_agent;
	} table[] = {
	    {"{name: r1}", SSH, NULL, true},
	    {"{name: r1, use_agent: false}", SSH, NULL, false},
	    {"{name: r1, use_agent: true, key_file: /k}", SSH, NULL, true},
	    {"{name: r1}", SSH "identityagent SSH_AUTH_SOCK\n", NULL, true},
	    {"{name: r1}", SSH "identityagent none\n", "none", false},
	    {"{name: r1, use_agent: true}", SSH "identityagent none\n", "none", false},
	    {"{name: r1}", SSH "identityagent /a/%r.sock\n", "/a/ops.sock", true},
	    {"{name: r1}", SSH "identityagent ${NP_TEST_AGENT}/x\n", "/run/agent/x", true},
	    {"{name: r1}", SSH "identityagent $NP_TEST_AGENT\n", "/run/agent", true},
	    {"{name: r1}", SSH "identityagent $NP_TEST_NONE\n", "none", false},
	};
	(void)state;

	setenv("NP_TEST_AGENT", "/run/agent", 1);
	unsetenv("NP_TEST_NONE");
	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct target *t = make(table[i].device, table[i].ssh);

		assert_int_equal(t->use_agent, table[i].use_agent);
		if (table[i].path == NULL)
			assert_null(t->agent_path);
		else
			assert_string_equal(t->agent_path, table[i].path);
		target_unref(t);
	}
	unsetenv("NP_TEST_AGENT");
}

static void
test_jumps_and_proxies(void **state)
{
	static const struct {
		const char *device, *ssh, *jump, *command;
	} table[] = {
	    {"{name: r1}", SSH, NULL, NULL},
	    {"{name: r1}", SSH "proxyjump a,b\n", "a,b", NULL},
	    {"{name: r1, proxy_jump: c}", SSH "proxyjump a,b\n", "c", NULL},
	    {"{name: r1, proxy_jump: none}", SSH "proxyjump a,b\n", NULL, NULL},
	    {"{name: r1, proxy_jump: none}", SSH "proxycommand x\n", NULL, NULL},
	    {"{name: r1}", SSH "proxycommand x %p\n", NULL, "x 22"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct target *t = make(table[i].device, table[i].ssh);

		assert_string_equal(t->proxy_jump != NULL ? t->proxy_jump : "-", table[i].jump ? table[i].jump : "-");
		assert_string_equal(
		    t->proxy_command != NULL ? t->proxy_command : "-", table[i].command ? table[i].command : "-");
		target_unref(t);
	}
}

static void
test_the_shorter_time_limit_holds(void **state)
{
	static const struct {
		const char *device, *ssh;
		double seconds;
	} table[] = {
	    {"{name: r1}", SSH, 30},
	    {"{name: r1}", SSH "connecttimeout none\n", 30},
	    {"{name: r1}", SSH "connecttimeout 7\n", 7},
	    {"{name: r1}", SSH "connecttimeout 70\n", 30},
	    {"{name: r1, connection_args: {connection_timeout: 0}}", SSH, 0},
	    {"{name: r1, connection_args: {connection_timeout: 0}}", SSH "connecttimeout 7\n", 7},
	    {"{name: r1, connection_args: {connection_timeout: 0.5}}", SSH "connecttimeout 7\n", 0.5},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct target *t = make(table[i].device, table[i].ssh);

		assert_true(t->connection_timeout >= table[i].seconds && t->connection_timeout <= table[i].seconds);
		target_unref(t);
	}
}

static void
test_preferred_authentications_leave_methods_out(void **state)
{
	struct target *t = make("{name: r1}", SSH "preferredauthentications keyboard-interactive,publickey\n");
	(void)state;

	assert_true(t->pubkey_auth);
	assert_true(t->kbdint_auth);
	assert_false(t->password_auth);
	target_unref(t);
}

static void
test_what_cannot_be_resolved_is_an_error_with_the_device(void **state)
{
	static const struct {
		const char *device, *ssh, *error;
	} table[] = {
	    {"{name: r1}", SSH "identityfile /k/%C\n",
		"r1: ssh's IdentityFile: `/k/%C`: the token `%C` of ssh_config(5) is not supported here"},
	    {"{name: r1}", SSH "certificatefile ${NP_NONE}\n",
		"r1: ssh's CertificateFile: `${NP_NONE}`: the environment variable `NP_NONE` is not set in the "
		"broker"},
	    {"{name: r1}", SSH "identityagent /a/%x\n",
		"r1: ssh's IdentityAgent: `/a/%x`: the token `%x` of ssh_config(5) is not supported here"},
	    {"{name: r1}", SSH "proxycommand nc %\n",
		"r1: ssh's ProxyCommand: `nc %`: a `%` at the end: write `%%` for a percent sign"},
	    {"{name: r1}", SSH "ciphers arcfour\n",
		"r1: ssh's Ciphers: no name in it is supported; supported: aes128-gcm@openssh.com,"},
	};
	(void)state;

	unsetenv("NP_NONE");
	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err = {0};

		assert_null(try_make(table[i].device, table[i].ssh, &err));
		assert_memory_equal(err.text, table[i].error, strlen(table[i].error));
		assert_int_equal(err.reason, REASON_INVALID_PARAMS);
	}
}

static void
test_every_file_with_a_credential_is_stamped(void **state)
{
	static const char *const all[] = {"/d/key", "/d/cert", "/d/pw", "/d/sec"};
	struct target *t = make(
	    "{name: r1, key_file: /d/key, certificate_file: /d/cert, password_file: /d/pw, secret_file: /d/sec}", SSH);
	(void)state;

	assert_int_equal(t->credential_files.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(t->credential_files.v[i].path, all[i]);
	target_unref(t);

	setenv("CREDENTIALS_DIRECTORY", "/run/credentials/np", 1);
	t = make("{name: r1, credential: r1.pw}", SSH);
	assert_int_equal(t->credential_files.n, 4); /* two keys, one certificate, the credential */
	assert_string_equal(t->credential_files.v[3].path, "/run/credentials/np/r1.pw");
	target_unref(t);
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void
test_logins_differ_in_everything_that_makes_a_session(void **state)
{
	static const struct {
		const char *device, *ssh;
		bool same;
	} table[] = {
	    {"{name: r1}", SSH, true},
	    {"{name: r1}", SSH "forwardagent yes\n", true},
	    {"{name: r1}", SSH "connecttimeout 3\n", true},
	    {"{name: r1, groups: [a]}", SSH, true},
	    {"{name: r1, connection_args: {max_idle_time: 1}}", SSH, true},
	    {"{name: r2}", SSH, false},
	    {"{name: r1, username: x}", SSH, false},
	    {"{name: r1, port: 2222}", SSH, false},
	    {"{name: r1, password: x}", SSH, false},
	    {"{name: r1, key_file: /k/id}", SSH, false},
	    {"{name: r1, use_agent: false}", SSH, false},
	    {"{name: r1, proxy_jump: j}", SSH, false},
	    {"{name: r1, kex: curve25519-sha256}", SSH, false},
	    {"{name: r1, legacy_algorithms: true}", SSH, false},
	    {"{name: r1}", SSH "hostkeyalias x\n", false},
	    {"{name: r1}", SSH "proxycommand x\n", false},
	    {"{name: r1}", SSH "identityagent /x\n", false},
	    {"{name: r1}", SSH "identityfile /x\n", false},
	    {"{name: r1}", SSH "certificatefile /x\n", false},
	    {"{name: r1}", SSH "bindaddress ::1\n", false},
	    {"{name: r1}", SSH "addressfamily inet\n", false},
	    {"{name: r1}", SSH "setenv A=b\n", false},
	    {"{name: r1}", SSH "identitiesonly yes\n", false},
	    {"{name: r1}", SSH "pubkeyauthentication no\n", false},
	    {"{name: r1}", SSH "passwordauthentication no\n", false},
	    {"{name: r1}", SSH "kbdinteractiveauthentication no\n", false},
	    {"{name: r1}", SSH "hashknownhosts yes\n", false},
	    {"{name: r1}", SSH "batchmode yes\n", false},
	    {"{name: r1}", SSH "compression yes\n", false},
	    {"{name: r1}", SSH "numberofpasswordprompts 1\n", false},
	    {"{name: r1}", SSH "stricthostkeychecking yes\n", false},
	    {"{name: r1}", SSH "userknownhostsfile /x\n", false},
	    {"{name: r1}", SSH "globalknownhostsfile /x\n", false},
	    {"{name: r1}", SSH "ciphers aes128-ctr\n", false},
	    {"{name: r1}", SSH "macs hmac-sha1\n", false},
	    {"{name: r1}", SSH "hostkeyalgorithms ssh-rsa\n", false},
	    {"{name: r1}", SSH "pubkeyacceptedalgorithms ssh-rsa\n", false},
	};
	struct target *t = make("{name: r1}", SSH);
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct target *other = make(table[i].device, table[i].ssh);

		if (target_same_login(t, other) != table[i].same || target_same_login(other, t) != table[i].same)
			fail_msg("%s %s", table[i].device, table[i].ssh + strlen(SSH));
		target_unref(other);
	}
	target_unref(t);
}

static void
test_targets_are_counted(void **state)
{
	struct target *t = make("{name: r1}", SSH);
	(void)state;

	assert_ptr_equal(target_ref(t), t);
	target_unref(t);
	assert_string_equal(t->name, "r1");
	target_unref(t);
	target_unref(NULL);
}

/* --- stamps --- */

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Sets the time of last change to what it was, as a careless or malicious copy does. */
static void
set_mtime(const char *path, int64_t mtime_ns)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = mtime_ns % 1000000000}};

	times[1].tv_sec = mtime_ns / 1000000000;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
test_a_changed_file_is_noticed(void **state)
{
	char dir[] = "/tmp/np-test-target-XXXXXX", *path, *other;
	struct file_stamps stamps = {0};
	(void)state;

	assert_non_null(mkdtemp(dir));
	path = xasprintf("%s/a", dir);
	other = xasprintf("%s/b", dir);

	/* missing, then made */
	file_stamps_add(&stamps, path);
	assert_false(stamps.v[0].exists);
	assert_false(file_stamps_changed(&stamps));
	put(path, "1");
	assert_true(file_stamps_changed(&stamps));
	file_stamps_finish(&stamps);

	/* another size */
	file_stamps_add(&stamps, path);
	assert_true(stamps.v[0].exists);
	assert_false(file_stamps_changed(&stamps));
	put(path, "22");
	assert_true(file_stamps_changed(&stamps));
	file_stamps_finish(&stamps);

	/* another time, a nanosecond apart */
	file_stamps_add(&stamps, path);
	set_mtime(path, stamps.v[0].mtime_ns + 1);
	assert_true(file_stamps_changed(&stamps));
	file_stamps_finish(&stamps);

	/* another file under the name, alike in size and time */
	file_stamps_add(&stamps, path);
	put(other, "33");
	set_mtime(other, stamps.v[0].mtime_ns);
	assert_int_equal(rename(other, path), 0);
	assert_true(file_stamps_changed(&stamps));
	file_stamps_finish(&stamps);

	/* gone */
	file_stamps_add(&stamps, path);
	assert_int_equal(unlink(path), 0);
	assert_true(file_stamps_changed(&stamps));
	file_stamps_finish(&stamps);

	assert_false(file_stamps_changed(&stamps));
	assert_int_equal(rmdir(dir), 0);
	free(path);
	free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ssh_says_what_the_device_does_not),
	    cmocka_unit_test(test_the_device_wins),
	    cmocka_unit_test(test_names_in_known_hosts_are_written_as_ssh_does),
	    cmocka_unit_test(test_the_operand_of_an_ad_hoc_device_is_its_host),
	    cmocka_unit_test(test_agents),
	    cmocka_unit_test(test_jumps_and_proxies),
	    cmocka_unit_test(test_the_shorter_time_limit_holds),
	    cmocka_unit_test(test_preferred_authentications_leave_methods_out),
	    cmocka_unit_test(test_what_cannot_be_resolved_is_an_error_with_the_device),
	    cmocka_unit_test(test_every_file_with_a_credential_is_stamped),
	    cmocka_unit_test(test_logins_differ_in_everything_that_makes_a_session),
	    cmocka_unit_test(test_targets_are_counted),
	    cmocka_unit_test(test_a_changed_file_is_noticed),
	};

	return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
