/*
 * Tests of src/schema/docfile.c and conf.c: which files are read, which are refused, how two lie over each other.
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
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/conf_impl.h"
#include "base/xalloc.h"

/* A directory of its own, and the environment as it was. */
struct world {
	char dir[64];
	char *netpulse_config, *xdg_config_home, *home;
};

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	strcpy(w->dir, "/tmp/np-test-conf-XXXXXX");
	if (mkdtemp(w->dir) == NULL) {
		free(w);
		return -1;
	}
	w->netpulse_config = xstrdup_null(getenv("NETPULSE_CONFIG"));
	w->xdg_config_home = xstrdup_null(getenv("XDG_CONFIG_HOME"));
	w->home = xstrdup_null(getenv("HOME"));
	unsetenv("NETPULSE_CONFIG");
	setenv("XDG_CONFIG_HOME", w->dir, 1);
	setenv("HOME", w->dir, 1);
	*state = w;
	return 0;
}

static void
restore(const char *name, char *value)
{
	if (value != NULL)
		setenv(name, value, 1);
	else
		unsetenv(name);
	free(value);
}

static int
teardown(void **state)
{
	static const char *const names[] = {"/c", "/d", "/link", "/fifo", "/netpulse/config.yaml", "/netpulse",
	    "/.config/netpulse/config.yaml", "/.config/netpulse", "/.config", "/dir", ""};
	struct world *w = *state;
	int r = 0;

	for (size_t i = 0; i < NP_COUNT(names); i++) {
		char *path = xasprintf("%s%s", w->dir, names[i]);

		r = remove(path);
		free(path);
	}
	restore("NETPULSE_CONFIG", w->netpulse_config);
	restore("XDG_CONFIG_HOME", w->xdg_config_home);
	restore("HOME", w->home);
	free(w);
	return r; /* of the directory itself: nothing is left behind */
}

/* Writes a file into the world's directory; the caller frees its path. */
static char *
put(const struct world *w, const char *name, const char *text, mode_t mode)
{
	char *path = xasprintf("%s%s", w->dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static void
expect_refusal(const char *path, const char *text)
{
	struct np_error err = {0};
	char *expected = xasprintf("%s: %s", path, text);

	assert_null(config_load(path, false, &err));
	assert_memory_equal(err.text, expected, strlen(expected));
	free(expected);
}

/* Where this machine has a configuration of its own, what is found below it says nothing. */
static void
skip_if_configured(void)
{
	if (access("/etc/netpulse/config.yaml", F_OK) == 0)
		skip();
}

static void
test_a_named_file_is_read_alone(void **state)
{
	struct world *w = *state;
	char *path = put(w, "/c", "max_queue: 5\n", 0600), *env = put(w, "/d", "max_sessions: 7\n", 0600);
	struct np_error err = {0};
	struct config *config;

	setenv("NETPULSE_CONFIG", env, 1);
	config = config_load(path, false, &err);
	assert_non_null(config);
	assert_int_equal(config->max_queue, 5);
	assert_int_equal(config->max_sessions, 1000);
	assert_int_equal(config->files.n, 1);
	assert_string_equal(config->files.v[0], path);
	config_unref(config);
	free(path);
	free(env);
}

static void
test_a_named_file_must_exist(void **state)
{
	struct world *w = *state;
	char *path = xasprintf("%s/c", w->dir);
	struct np_error err = {0};

	expect_refusal(path, "cannot open: No such file or directory");
	setenv("NETPULSE_CONFIG", path, 1);
	assert_null(config_load(NULL, false, &err));
	if (access("/etc/netpulse/config.yaml", F_OK) != 0)
		assert_non_null(strstr(err.text, "/c: cannot open: No such file or directory"));
	free(path);
}

static void
test_missing_default_files_are_no_error(void **state)
{
	struct np_error err = {0};
	struct config *config;
	(void)state;

	skip_if_configured();
	config = config_load(NULL, false, &err);
	if (config == NULL)
		fail_msg("%s", err.text);
	config_unref(config);
}

static void
test_the_users_file_is_found(void **state)
{
	struct world *w = *state;
	char *xdg, *config_dir, *dot, *named, *path;
	struct np_error err = {0};
	struct config *config;

	skip_if_configured();
	xdg = xasprintf("%s/netpulse", w->dir);
	config_dir = xasprintf("%s/.config", w->dir);
	dot = xasprintf("%s/.config/netpulse", w->dir);
	assert_int_equal(mkdir(xdg, 0700), 0);
	assert_int_equal(mkdir(config_dir, 0700), 0);
	assert_int_equal(mkdir(dot, 0700), 0);
	path = put(w, "/netpulse/config.yaml", "devices: {from-xdg: {}}\n", 0600);
	free(path);
	path = put(w, "/.config/netpulse/config.yaml", "devices: {from-home: {}}\n", 0600);
	free(path);
	named = put(w, "/c", "devices: {from-env: {}}\n", 0600);

	config = config_load(NULL, false, &err);
	assert_non_null(config_device(config, "from-xdg"));
	assert_null(config_device(config, "from-home"));
	config_unref(config);

	unsetenv("XDG_CONFIG_HOME");
	config = config_load(NULL, false, &err);
	assert_non_null(config_device(config, "from-home"));
	config_unref(config);

	setenv("NETPULSE_CONFIG", named, 1);
	config = config_load(NULL, false, &err);
	assert_non_null(config_device(config, "from-env"));
	assert_null(config_device(config, "from-home"));
	config_unref(config);
	free(named);
	free(xdg);
	free(config_dir);
	free(dot);
}

static void
test_files_that_others_can_write_are_refused(void **state)
{
	static const mode_t modes[] = {0620, 0602, 0666, 0664};
	struct world *w = *state;

	for (size_t i = 0; i < NP_COUNT(modes); i++) {
		char *path = put(w, "/c", "max_queue: 5\n", modes[i]);

		expect_refusal(path, "others can write to it: chmod go-w ");
		free(path);
	}
}

static void
test_files_of_somebody_else_are_refused(void **state)
{
	struct world *w = *state;
	char *path = put(w, "/c", "max_queue: 5\n", 0600);

	if (geteuid() == 0) {
		assert_int_equal(chown(path, 12345, 12345), 0);
		expect_refusal(path, "belongs to uid 12345: only root's files and one's own are read");
	} else {
		struct np_error err = {0};
		struct config *config = config_load("/etc/passwd", false, &err);

		/* root's file is looked at: it fails as YAML, not as somebody else's */
		assert_null(config);
		assert_null(strstr(err.text, "belongs to uid"));
	}
	free(path);
}

static void
test_what_is_no_regular_file_is_refused_at_once(void **state)
{
	struct world *w = *state;
	char *dir = xasprintf("%s/dir", w->dir), *fifo = xasprintf("%s/fifo", w->dir);

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	expect_refusal(dir, "is a directory, not a configuration file");
	expect_refusal(
	    fifo, "is not a regular file; the configuration is read again on reload, so a pipe cannot hold it");
	expect_refusal("/dev/zero", "is not a regular file");
	free(dir);
	free(fifo);
}

static void
test_dev_null_is_an_empty_configuration(void **state)
{
	struct np_error err = {0};
	struct config *config = config_load("/dev/null", false, &err);
	(void)state;

	assert_non_null(config);
	assert_int_equal(config->devices_count, 0);
	config_unref(config);
}

static void
test_a_symbolic_link_is_followed(void **state)
{
	struct world *w = *state;
	char *path = put(w, "/c", "max_queue: 5\n", 0600), *link = xasprintf("%s/link", w->dir);
	struct np_error err = {0};
	struct config *config;

	assert_int_equal(symlink(path, link), 0);
	config = config_load(link, false, &err);
	assert_non_null(config);
	assert_int_equal(config->max_queue, 5);
	config_unref(config);
	free(path);
	free(link);
}

static void
test_a_file_too_large_is_refused_unread(void **state)
{
	struct world *w = *state;
	char *path = put(w, "/c", "", 0600);

	assert_int_equal(truncate(path, 5 << 20), 0);
	expect_refusal(path, "larger than 4 MiB");
	free(path);
}

static void
test_an_unreadable_file_is_an_error_not_an_empty_one(void **state)
{
	struct world *w = *state;
	char *path = put(w, "/c", "max_queue: 5\n", 0);

	if (geteuid() != 0)
		expect_refusal(path, "cannot open: Permission denied");
	free(path);
}

static void
test_a_file_that_others_can_replace_is_refused(void **state)
{
	struct world *w = *state;
	char *path = put(w, "/c", "", 0600);
	struct np_error err = {0};
	struct config *config;

	assert_int_equal(chmod(w->dir, 0777), 0);
	expect_refusal(path, w->dir);
	assert_null(config_load(path, false, &err));
	assert_int_equal(err.reason, REASON_DENIED);
	assert_non_null(strstr(err.text, "chmod go-w"));
	assert_int_equal(chmod(w->dir, 01777), 0);
	config = config_load(path, false, &err);
	assert_non_null(config);
	config_unref(config);
	free(path);
}

static void
test_a_password_that_others_can_read_is_warned_about(void **state)
{
	static const char text[] =
	    "devices:\n  a:\n    password: x\n  b:\n    secret: y\n  c:\n    password_file: /p\n";
	struct world *w = *state;
	char *path = put(w, "/c", text, 0644), *expected;
	struct np_error err = {0};
	struct config *config = config_load(path, false, &err);

	assert_non_null(config);
	assert_int_equal(config->warnings.n, 2);
	expected = xasprintf("%s:3: `password` in a file that others can read: chmod go-r %s", path, path);
	assert_string_equal(config->warnings.v[0], expected);
	free(expected);
	expected = xasprintf("%s:5: `secret` in a file that others can read: chmod go-r %s", path, path);
	assert_string_equal(config->warnings.v[1], expected);
	free(expected);
	config_unref(config);

	assert_int_equal(chmod(path, 0600), 0);
	config = config_load(path, false, &err);
	assert_int_equal(config->warnings.n, 0);
	config_unref(config);
	free(path);
}

/* --- one file over another --- */

static struct config *
overlay(const char *below, const char *above, struct np_error *err)
{
	struct docfile files[] = {
	    {.path = xstrdup("sys"), .exists = true, .is_private = true, .text = xstrdup(below), .size = strlen(below)},
	    {.path = xstrdup("usr"), .exists = true, .is_private = true, .text = xstrdup(above), .size = strlen(above)},
	};
	struct config *config = config_from_files(files, 2, false, err);

	docfile_finish(&files[0]);
	docfile_finish(&files[1]);
	return config;
}

static void
test_globals_and_long_connection_are_laid_over_key_by_key(void **state)
{
	struct np_error err = {0};
	struct config *config = overlay("max_queue: 5\nmax_sessions: 6\nssh_config: none\n"
					"long_connection: {max_age: 7, max_connections: 8}\n",
	    "max_sessions: 16\nssh_config: /c\nlong_connection: {max_age: 17, retry_max: 90}\n", &err);
	(void)state;

	assert_non_null(config);
	assert_int_equal(config->max_queue, 5);
	assert_int_equal(config->max_sessions, 16);
	assert_string_equal(config->ssh_config, "/c");
	assert_true(config->defaults.max_age >= 17 && config->defaults.max_age <= 17);
	assert_int_equal(config->defaults.max_connections, 8);
	assert_int_equal(config->files.n, 2);
	config_unref(config);
}

static void
test_a_device_of_the_same_name_is_replaced_whole(void **state)
{
	struct np_error err = {0};
	struct config *config = overlay("devices:\n  a: {host: h1, username: u}\n  b: {host: h2}\n",
	    "devices:\n  c: {host: h3}\n  a: {host: h4}\n", &err);
	const struct device_conf *a;
	(void)state;

	assert_non_null(config);
	assert_int_equal(config->devices_count, 3);
	assert_string_equal(config->devices[0]->name, "a");
	assert_string_equal(config->devices[1]->name, "b");
	assert_string_equal(config->devices[2]->name, "c");
	a = config_device(config, "a");
	assert_ptr_equal(a, config->devices[0]);
	assert_string_equal(a->host, "h4");
	assert_null(a->username);
	assert_string_equal(a->source, "usr:3");
	assert_string_equal(config_device(config, "b")->source, "sys:3");
	config_unref(config);
}

static void
test_devices_of_the_system_inherit_what_the_user_says(void **state)
{
	struct np_error err = {0};
	struct config *config = overlay("devices: {a: {connection_args: {max_channels: 3}}}\n"
					"long_connection: {max_idle_time: 1}\n",
	    "long_connection: {max_idle_time: 2, max_channels: 4}\n", &err);
	const struct conn_args *args;
	(void)state;

	assert_non_null(config);
	args = &config_device(config, "a")->args;
	assert_true(args->max_idle_time >= 2 && args->max_idle_time <= 2);
	assert_int_equal(args->max_channels, 3);
	config_unref(config);
}

static struct config *
of_system(const char *text, struct np_error *err)
{
	struct docfile file = {.path = xstrdup("sys"), .exists = true, .is_private = true, .text = xstrdup(text)};
	struct config *config;

	file.size = strlen(text);
	config = config_from_files(&file, 1, true, err);
	docfile_finish(&file);
	return config;
}

static void
test_a_system_s_broker_needs_a_policy_and_has_limits(void **state)
{
	struct np_error err = {0};
	struct config *config;
	(void)state;

	assert_null(of_system("max_queue: 5\n", &err));
	assert_non_null(strstr(err.text, "sys: `policy` is missing"));
	config = of_system("policy: [{then: deny}]\nmax_clients: 40\nmax_queue: 2\nmain_socket: {mode: 0666}\n", &err);
	assert_non_null(config);
	assert_true(config->system);
	assert_int_equal(config->max_clients_per_user, 10);
	assert_int_equal(config->max_requests_per_user, 1);
	assert_int_equal(config->max_devices_per_user, 48);
	assert_string_equal(config->main_socket.mode, "0666");
	config_unref(config);
}

static void
test_an_error_names_the_file_that_holds_it(void **state)
{
	struct np_error err = {0};
	(void)state;

	assert_null(overlay("max_queue: 5\n", "\nmax_queue: x\n", &err));
	assert_memory_equal(err.text, "usr:2: ", 7);
	assert_null(overlay("a: [\n", "max_queue: 5\n", &err));
	assert_memory_equal(err.text, "sys:", 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_named_file_is_read_alone),
	    TEST(test_a_named_file_must_exist),
	    TEST(test_missing_default_files_are_no_error),
	    TEST(test_the_users_file_is_found),
	    TEST(test_files_that_others_can_write_are_refused),
	    TEST(test_files_of_somebody_else_are_refused),
	    TEST(test_what_is_no_regular_file_is_refused_at_once),
	    TEST(test_dev_null_is_an_empty_configuration),
	    TEST(test_a_symbolic_link_is_followed),
	    TEST(test_a_file_too_large_is_refused_unread),
	    TEST(test_an_unreadable_file_is_an_error_not_an_empty_one),
	    TEST(test_a_file_that_others_can_replace_is_refused),
	    TEST(test_a_password_that_others_can_read_is_warned_about),
	    cmocka_unit_test(test_globals_and_long_connection_are_laid_over_key_by_key),
	    cmocka_unit_test(test_a_device_of_the_same_name_is_replaced_whole),
	    cmocka_unit_test(test_devices_of_the_system_inherit_what_the_user_says),
	    cmocka_unit_test(test_a_system_s_broker_needs_a_policy_and_has_limits),
	    cmocka_unit_test(test_an_error_names_the_file_that_holds_it),
	};

	return cmocka_run_group_tests_name("conf_file", tests, NULL, NULL);
}
