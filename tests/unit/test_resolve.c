/* Resolving a device by the real ssh -G, and without an ssh client by libssh. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "kit/confkit.h"
#include "kit/dialkit.h"
#include "kit/slow.h"
#include "login/resolve.h"
#include "base/xalloc.h"

struct fixture {
	struct kit kit;
	struct config *conf;
	struct device_conf *device;
	struct target *target;
	struct np_error err;
	char config[128]; /* an ssh_config file */
	char *path;       /* of the environment */
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kit_begin(&f->kit);
	f->conf = config_parse("", 0, "test", &f->err);
	assert_non_null(f->conf);
	f->path = xstrdup(getenv("PATH"));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	setenv("PATH", f->path, 1);
	resolve_ssh = SSH_PATH;
	if (f->target != NULL)
		target_unref(f->target);
	device_conf_free(f->device);
	config_unref(f->conf);
	free(f->path);
	kit_end(&f->kit);
	free(f);
	return 0;
}

static bool
have_ssh(void)
{
	return access("/usr/bin/ssh", X_OK) == 0 || access("/usr/local/bin/ssh", X_OK) == 0;
}

/* Resolves an ad-hoc operand, or a device entry in JSON, with these lines of ssh_config. */
static bool
resolve(struct fixture *f, const char *device, const char *lines)
{
	if (f->target != NULL)
		target_unref(f->target);
	device_conf_free(f->device);
	kit_write(&f->kit, "ssh_config", lines, f->config);
	if (device[0] == '{')
		f->device = device_conf_parse(f->conf, device, strlen(device), &f->err);
	else
		f->device = device_conf_adhoc(f->conf, device);
	assert_non_null(f->device);
	f->target = resolve_target(f->device, f->config, &f->kit.hooks, NULL, &f->err);
	return f->target != NULL;
}

static void
assert_refused(const struct fixture *f, enum np_reason reason, const char *text)
{
	assert_null(f->target);
	if (f->err.reason != reason || strstr(f->err.text, text) == NULL)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
}

static bool
has_stamp(const struct target *t, const char *path)
{
	size_t i;

	for (i = 0; i < t->config_files.n; i++)
		if (strcmp(t->config_files.v[i].path, path) == 0)
			return true;
	return false;
}

/* They count more than the file, and the first of two counts. */
static void
test_options_are_told_to_ssh(void **state)
{
	struct fixture *f = *state;

	if (!have_ssh())
		skip();
	assert_true(resolve(f,
	    "{\"host\": \"r1\", \"ssh_options\": \" StrictHostKeyChecking=no  HostKeyAlias=a HostKeyAlias=b\"}",
	    "Host r1\n User conf\n StrictHostKeyChecking yes\n"));
	assert_int_equal(f->target->strict, STRICT_OFF);
	assert_string_equal(f->target->known_as, "a");
	assert_string_equal(f->target->user, "conf");
	assert_true(resolve(f, "{\"host\": \"r1\", \"ssh_options\": \"User=u ProxyCommand=nc\\\\ a\\\\\\\\b\"}", ""));
	assert_string_equal(f->target->proxy_command, "nc a\\b");
	assert_string_equal(f->target->user, "u");
	assert_false(resolve(f, "{\"host\": \"r1\", \"ssh_options\": \"NoSuchWord=1\"}", ""));
	assert_refused(f, REASON_RESOLVE_FAILED, "nosuchword");
}

static void
test_operand_and_configuration_meet(void **state)
{
	static const struct {
		const char *device;
		const char *host, *user;
		int port;
	} cases[] = {
	    {"r1", "192.0.2.1", "conf", 2201},
	    {"ops@r1", "192.0.2.1", "ops", 2201},
	    {"r1:99", "192.0.2.1", "conf", 99},
	    {"ops@r1:99", "192.0.2.1", "ops", 99},
	    {"ssh://ops@r1:99", "192.0.2.1", "ops", 99},
	    {"[2001:db8::1]:99", "2001:db8::1", "other", 99},
	    {"{\"host\": \"r1\"}", "192.0.2.1", "conf", 2201},
	    {"{\"name\": \"r1\", \"username\": \"entry\"}", "192.0.2.1", "entry", 2201},
	    {"{\"host\": \"r1\", \"username\": \"entry\", \"port\": 98}", "192.0.2.1", "entry", 98},
	};
	struct fixture *f = *state;
	size_t i;

	if (!have_ssh())
		skip();
	for (i = 0; i < NP_COUNT(cases); i++) {
		if (!resolve(f, cases[i].device,
			"Host r1\n HostName 192.0.2.1\n User conf\n Port 2201\nHost *\n User other\n"))
			fail_msg("%s: %s", cases[i].device, f->err.text);
		assert_string_equal(f->target->host, cases[i].host);
		assert_string_equal(f->target->user, cases[i].user);
		assert_int_equal(f->target->port, cases[i].port);
	}
}

static void
test_user_of_the_entry_decides_match_user(void **state)
{
	struct fixture *f = *state;

	if (!have_ssh())
		skip();
	assert_true(resolve(f, "{\"host\": \"r1\", \"username\": \"entry\"}", "Match user entry\n Port 2202\n"));
	assert_int_equal(f->target->port, 2202);
}

static void
test_files_that_were_read_are_watched(void **state)
{
	struct fixture *f = *state;
	char included[128], lines[256];

	if (!have_ssh())
		skip();
	kit_write(&f->kit, "included", "User inc\n", included);
	snprintf(lines, sizeof(lines), "Include %s\n", included);
	assert_true(resolve(f, "r1", lines));
	assert_string_equal(f->target->user, "inc");
	assert_true(has_stamp(f->target, f->config));
	assert_true(has_stamp(f->target, included));
	assert_false(file_stamps_changed(&f->target->config_files));
	kit_write(&f->kit, "included", "User other\n", included);
	assert_true(file_stamps_changed(&f->target->config_files));
}

static void
test_usual_files_are_watched_though_missing(void **state)
{
	struct fixture *f = *state;
	size_t i;
	bool user = false;

	if (!have_ssh())
		skip();
	f->device = device_conf_adhoc(f->conf, "192.0.2.1");
	f->target = resolve_target(f->device, NULL, &f->kit.hooks, NULL, &f->err);
	assert_non_null(f->target);
	assert_true(has_stamp(f->target, "/etc/ssh/ssh_config"));
	for (i = 0; i < f->target->config_files.n; i++)
		user |= strstr(f->target->config_files.v[i].path, "/.ssh/config") != NULL;
	assert_true(user);
}

static void
test_none_reads_no_file(void **state)
{
	struct fixture *f = *state;

	if (!have_ssh())
		skip();
	kit_write(&f->kit, "ssh_config", "User fromfile\n", f->config);
	assert_false(resolve(f, "{\"host\": \"r1\", \"ssh_config\": \"none\"}", "User fromfile\n") == false);
	assert_string_not_equal(f->target->user, "fromfile");
	assert_int_equal(f->target->config_files.n, 0);
}

static void
test_configuration_that_ssh_rejects_is_told_in_its_words(void **state)
{
	struct fixture *f = *state;

	if (!have_ssh())
		skip();
	assert_false(resolve(f, "r1", "User ok\nNoSuchKeyword yes\n"));
	assert_refused(f, REASON_RESOLVE_FAILED, "line 2: Bad configuration option: nosuchkeyword; ");
	assert_null(strstr(f->err.text, "debug1"));
	assert_null(strstr(f->err.text, "OpenSSH_"));
}

static void
test_file_that_is_missing_is_told(void **state)
{
	struct fixture *f = *state;

	if (!have_ssh())
		skip();
	f->device = device_conf_adhoc(f->conf, "r1");
	f->target = resolve_target(f->device, "/nonexistent/ssh_config", &f->kit.hooks, NULL, &f->err);
	assert_refused(f, REASON_RESOLVE_FAILED, "/nonexistent/ssh_config");
}

/* What must be mended may be in an included file. */
static void
test_files_of_a_refused_configuration_are_stamped(void **state)
{
	struct fixture *f = *state;
	struct file_stamps read = {0};
	char *lines, included[128];

	if (!have_ssh())
		skip();
	kit_write(&f->kit, "included", "NoSuchKeyword yes\n", included);
	lines = xasprintf("Include %s\n", included);
	kit_write(&f->kit, "ssh_config", lines, f->config);
	f->device = device_conf_adhoc(f->conf, "r1");
	f->target = resolve_target(f->device, f->config, &f->kit.hooks, &read, &f->err);
	assert_refused(f, REASON_RESOLVE_FAILED, "nosuchkeyword");
	assert_int_equal(read.n, 2);
	assert_string_equal(read.v[0].path, f->config);
	assert_string_equal(read.v[1].path, included);
	assert_false(file_stamps_changed(&read));
	kit_write(&f->kit, "included", "Port 99\n", included);
	assert_true(file_stamps_changed(&read));
	file_stamps_finish(&read);
	free(lines);
}

static void
test_dangerous_operands_never_reach_ssh(void **state)
{
	static const char *const bad[] = {
	    "-oProxyCommand=touch${IFS}x", "a b", "$(id)", "a;b", "-l@host", "host:0", ""};
	struct fixture *f = *state;
	size_t i;

	resolve_ssh = "/nonexistent";
	setenv("PATH", f->kit.dir, 1); /* were it asked, this would be its answer */
	for (i = 0; i < NP_COUNT(bad); i++) {
		assert_false(resolve(f, bad[i], ""));
		assert_refused(f, REASON_INVALID_PARAMS, "");
	}
}

/* An ssh of our own in $PATH. */
static void
fake_ssh(struct fixture *f, const char *script)
{
	char path[128], *dirs;

	kit_write(&f->kit, "ssh", script, path);
	assert_int_equal(chmod(path, 0700), 0);
	dirs = xasprintf("%s:%s", f->kit.dir, f->path);
	setenv("PATH", dirs, 1);
	free(dirs);
	resolve_ssh = "/nonexistent";
}

static void
test_ssh_is_the_one_that_is_installed(void **state)
{
	struct fixture *f = *state;
	char path[128];

	if (access(SSH_PATH, X_OK) == -1)
		skip();
	fake_ssh(f, "#!/bin/sh\nexec npexec \"$@\"\n");
	resolve_ssh = SSH_PATH;
	assert_true(resolve(f, "r1", ""));
	kit_write(&f->kit, "npexec", "#!/bin/sh\n", path); /* where it is gone: none of ours */
	assert_int_equal(chmod(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/ssh", f->kit.dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("npexec", path), 0);
	resolve_ssh = "/nonexistent";
	assert_true(resolve(f, "r1", ""));
}

static void
test_arguments_of_ssh(void **state)
{
	struct fixture *f = *state;
	char script[256], *args;

	snprintf(script, sizeof(script),
	    "#!/bin/sh\nfor a; do echo \"$a\"; done >%s/args\nprintf 'hostname h\\nuser u\\nport 22\\n'\n", f->kit.dir);
	fake_ssh(f, script);
	assert_true(resolve(f, "ops@r1:99", ""));
	snprintf(script, sizeof(script), "%s/args", f->kit.dir);
	args = kit_read(script);
	snprintf(script, sizeof(script), "-vG\n-F\n%s\n-l\nops\n-p\n99\n--\nr1\n", f->config);
	assert_string_equal(args, script);
	free(args);
}

static void
test_ssh_that_hangs_is_ended(void **state)
{
	struct fixture *f = *state;
	double began = clock_now();

	fake_ssh(f, "#!/bin/sh\nexec sleep 100\n");
	assert_false(resolve(f, "r1", ""));
	assert_refused(f, REASON_RESOLVE_FAILED, "did not end within 5 s");
	assert_true(clock_now() - began < slow(15));

	kit_limit(&f->kit, 0.2);
	assert_false(resolve(f, "r1", ""));
	assert_refused(f, REASON_CONNECT_TIMEOUT, "not done in the time");
}

static void
test_nonsense_from_ssh_is_an_error(void **state)
{
	struct fixture *f = *state;

	fake_ssh(f, "#!/bin/sh\necho hello\n");
	assert_false(resolve(f, "r1", ""));
	fake_ssh(f, "#!/bin/sh\nyes\n");
	assert_false(resolve(f, "r1", ""));
	assert_refused(f, REASON_RESOLVE_FAILED, "wrote more than");
	fake_ssh(f, "#!/bin/sh\nkill -9 $$\n");
	assert_false(resolve(f, "r1", ""));
	assert_refused(f, REASON_RESOLVE_FAILED, "killed by signal 9");
}

static void
test_without_ssh_libssh_reads_the_configuration(void **state)
{
	struct fixture *f = *state;

	resolve_ssh = "/nonexistent";
	setenv("PATH", "/nonexistent", 1);
	if (!resolve(f, "ops@r1", "Host r1\n HostName 192.0.2.1\n Port 2201\n User ignored\nIdentityFile /k/one\n"))
		fail_msg("%s", f->err.text);
	assert_string_equal(f->target->host, "192.0.2.1");
	assert_string_equal(f->target->user, "ops");
	assert_int_equal(f->target->port, 2201);
	assert_true(f->target->identity_files.n >= 1);
	assert_string_equal(f->target->identity_files.v[0], "/k/one");
	assert_true(f->target->pubkey_auth && f->target->password_auth && f->target->kbdint_auth);
	assert_int_equal(f->target->strict, STRICT_ASK);
	assert_true(f->target->notices.n >= 1);
	assert_non_null(strstr(f->target->notices.v[0], "no ssh client is installed"));
	assert_true(has_stamp(f->target, f->config));
}

static void
test_cancel_ends_it(void **state)
{
	struct fixture *f = *state;

	kit_cancel(&f->kit);
	assert_false(resolve(f, "r1", ""));
	assert_refused(f, REASON_CANCELLED, "cancelled by the test");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(test_operand_and_configuration_meet),
	    T(test_ssh_is_the_one_that_is_installed),
	    T(test_options_are_told_to_ssh),
	    T(test_user_of_the_entry_decides_match_user),
	    T(test_files_that_were_read_are_watched),
	    T(test_usual_files_are_watched_though_missing),
	    T(test_none_reads_no_file),
	    T(test_configuration_that_ssh_rejects_is_told_in_its_words),
	    T(test_file_that_is_missing_is_told),
	    T(test_files_of_a_refused_configuration_are_stamped),
	    T(test_dangerous_operands_never_reach_ssh),
	    T(test_arguments_of_ssh),
	    T(test_ssh_that_hangs_is_ended),
	    T(test_nonsense_from_ssh_is_an_error),
	    T(test_without_ssh_libssh_reads_the_configuration),
	    T(test_cancel_ends_it),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
