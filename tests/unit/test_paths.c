/* Tests of src/base/paths.c: which socket, which directories are trusted, home directories. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/paths.h"
#include "base/xalloc.h"

static const char *const variables[] = {"NETPULSE_SOCKET", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME"};

/* A directory of its own for each test, and the environment to put back. */
struct fixture {
	char base[64];
	char dir[96];
	char socket[128];
	char *saved[NP_COUNT(variables)];
	mode_t umask;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->base, sizeof(f->base), "/tmp/np-test-paths-XXXXXX");
	if (mkdtemp(f->base) == NULL)
		return -1;
	snprintf(f->dir, sizeof(f->dir), "%s/netpulse", f->base);
	snprintf(f->socket, sizeof(f->socket), "%s/broker.sock", f->dir);
	for (size_t i = 0; i < NP_COUNT(variables); i++) {
		f->saved[i] = xstrdup_null(getenv(variables[i]));
		unsetenv(variables[i]);
	}
	f->umask = umask(022);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	umask(f->umask);
	for (size_t i = 0; i < NP_COUNT(variables); i++) {
		if (f->saved[i] != NULL)
			setenv(variables[i], f->saved[i], 1);
		else
			unsetenv(variables[i]);
		free(f->saved[i]);
	}
	if (unlink(f->dir) < 0)
		rmdir(f->dir);
	if (rmdir(f->base) < 0)
		return -1; /* something was left behind */
	free(f);
	return 0;
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
test_socket_comes_from_option_then_variable_then_runtime_dir(void **state)
{
	char path[200], expected[200], *own = paths_run_user("/run/user");
	(void)state;

	if (own != NULL)
		snprintf(expected, sizeof(expected), "%s/netpulse/broker.sock", own);
	else
		snprintf(expected, sizeof(expected), "/tmp/netpulse-%lu/broker.sock", (unsigned long)geteuid());
	free(own);
	assert_int_equal(paths_socket(NULL, path, sizeof(path), NULL), 0);
	assert_string_equal(path, expected);
	setenv("XDG_RUNTIME_DIR", "/run/user/5", 1);
	assert_int_equal(paths_socket(NULL, path, sizeof(path), NULL), 0);
	assert_string_equal(path, "/run/user/5/netpulse/broker.sock");
	setenv("NETPULSE_SOCKET", "/x/y.sock", 1);
	assert_int_equal(paths_socket(NULL, path, sizeof(path), NULL), 0);
	assert_string_equal(path, "/x/y.sock");
	assert_int_equal(paths_socket("other.sock", path, sizeof(path), NULL), 0);
	assert_string_equal(path, "other.sock");
}

/* Who has lost his environment, as below cron(8), finds the directory that a log-in has made. */
static void
test_runtime_dir_is_found_without_the_variable(void **state)
{
	const struct fixture *f = *state;
	char dir[100], *found;

	snprintf(dir, sizeof(dir), "%s/%lu", f->base, (unsigned long)geteuid());
	assert_null(paths_run_user(f->base));
	assert_int_equal(mkdir(dir, 0700), 0);
	found = paths_run_user(f->base);
	assert_string_equal(found, dir);
	free(found);
	assert_int_equal(chmod(dir, 0750), 0);
	assert_null(paths_run_user(f->base));
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(symlink(f->base, dir), 0);
	assert_null(paths_run_user(f->base));
	assert_int_equal(unlink(dir), 0);
	if (geteuid() == 0 && mkdir(dir, 0700) == 0) {
		assert_int_equal(chown(dir, 1, 1), 0);
		assert_null(paths_run_user(f->base));
		rmdir(dir);
	}
}

static void
test_empty_and_relative_variables_count_as_unset(void **state)
{
	char path[200];
	struct np_error err;
	(void)state;

	char *own = paths_run_user("/run/user");

	setenv("NETPULSE_SOCKET", "", 1);
	setenv("XDG_RUNTIME_DIR", "run", 1);
	assert_int_equal(paths_socket(NULL, path, sizeof(path), NULL), 0);
	assert_memory_equal(path, own != NULL ? "/run/user/" : "/tmp/netpulse-", own != NULL ? 10 : 14);
	setenv("XDG_RUNTIME_DIR", "", 1);
	assert_int_equal(paths_socket(NULL, path, sizeof(path), NULL), 0);
	assert_memory_equal(path, own != NULL ? "/run/user/" : "/tmp/netpulse-", own != NULL ? 10 : 14);
	free(own);
	assert_int_equal(paths_socket("", path, sizeof(path), &err), -1);
	assert_non_null(strstr(err.text, "empty"));
}

static void
test_too_long_socket_path_is_refused_with_the_limit(void **state)
{
	size_t limit = sizeof(((struct sockaddr_un *)0)->sun_path);
	char path[300], out[300], number[32];
	struct np_error err;
	(void)state;

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[limit - 1] = '\0';
	assert_int_equal(paths_socket(path, out, sizeof(out), &err), 0);
	assert_string_equal(out, path);
	path[limit - 1] = 'x';
	path[limit] = '\0';
	assert_int_equal(paths_socket(path, out, sizeof(out), &err), -1);
	snprintf(number, sizeof(number), "at most %zu", limit - 1);
	assert_non_null(strstr(err.text, number));
	assert_non_null(strstr(err.text, "-S"));
	assert_int_equal(paths_socket("/four", out, 5, &err), -1);
	assert_int_equal(paths_socket("/four", out, 6, &err), 0);
}

static void
test_missing_directory_is_no_trust_and_no_denial(void **state)
{
	struct fixture *f = *state;
	struct np_error err;

	assert_int_equal(paths_check_dir(f->socket, &err), -1);
	assert_int_equal(err.reason, REASON_BROKER_UNAVAILABLE);
	assert_non_null(strstr(err.text, f->dir));
}

static void
test_made_directory_is_private_whatever_the_umask(void **state)
{
	static const mode_t masks[] = {0, 022, 077, 0777};
	struct fixture *f = *state;
	struct np_error err;

	for (size_t i = 0; i < NP_COUNT(masks); i++) {
		if (masks[i] == 0777 && geteuid() != 0)
			continue; /* nobody but root can open what that makes */
		umask(masks[i]);
		if (paths_make_dir(f->socket, &err) < 0)
			fail_msg("%s", err.text);
		umask(022);
		assert_int_equal(mode_of(f->dir), 0700);
		assert_int_equal(paths_check_dir(f->socket, &err), 0);
		assert_int_equal(paths_make_dir(f->socket, &err), 0);
		assert_int_equal(rmdir(f->dir), 0);
	}
}

static void
test_parents_are_not_created(void **state)
{
	struct fixture *f = *state;
	char path[200];
	struct np_error err;

	snprintf(path, sizeof(path), "%s/deeper/broker.sock", f->dir);
	assert_int_equal(paths_make_dir(path, &err), -1);
	assert_non_null(strstr(err.text, "No such file"));
}

static void
test_directory_writable_by_others_is_refused(void **state)
{
	static const mode_t modes[] = {0720, 0702, 0777, 01777, 0770};
	struct fixture *f = *state;
	struct np_error err;

	assert_int_equal(mkdir(f->dir, 0700), 0);
	for (size_t i = 0; i < NP_COUNT(modes); i++) {
		assert_int_equal(chmod(f->dir, modes[i]), 0);
		assert_int_equal(paths_check_dir(f->socket, &err), -1);
		assert_int_equal(err.reason, REASON_DENIED);
		assert_non_null(strstr(err.text, "writable by others"));
		assert_int_equal(paths_make_dir(f->socket, &err), -1);
		assert_int_equal(err.reason, REASON_DENIED);
		assert_int_equal(mode_of(f->dir), modes[i]);
	}
}

static void
test_directory_that_others_can_replace_is_refused_and_not_made(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	struct np_error err;

	assert_int_equal(chmod(f->base, 0777), 0);
	assert_int_equal(paths_make_dir(f->socket, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
	assert_non_null(strstr(err.text, f->base));
	assert_non_null(strstr(err.text, "chmod go-w"));
	assert_int_equal(lstat(f->dir, &st), -1);
	assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_int_equal(paths_check_dir(f->socket, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
	assert_int_equal(chmod(f->base, 01777), 0);
	assert_int_equal(paths_check_dir(f->socket, &err), 0);
	assert_int_equal(paths_make_dir(f->socket, &err), 0);
}

static void
test_readable_directory_is_trusted_and_made_private_only_if_the_brokers(void **state)
{
	struct fixture *f = *state;
	char path[200];
	struct np_error err;

	assert_int_equal(mkdir(f->dir, 0755), 0);
	assert_int_equal(paths_check_dir(f->socket, &err), 0);
	assert_int_equal(mode_of(f->dir), 0755);
	assert_int_equal(paths_make_dir(f->socket, &err), 0);
	assert_int_equal(mode_of(f->dir), 0700);

	assert_int_equal(chmod(f->base, 0755), 0);
	snprintf(path, sizeof(path), "%s/broker.sock", f->base);
	assert_int_equal(paths_make_dir(path, &err), 0);
	assert_int_equal(mode_of(f->base), 0755);
}

static void
test_symlink_in_place_of_the_directory_is_refused(void **state)
{
	static const char *const names[] = {"broker.sock", "/broker.sock", "//broker.sock"};
	struct fixture *f = *state;
	char path[200];
	struct np_error err;

	assert_int_equal(symlink(".", f->dir), 0);
	for (size_t i = 0; i < NP_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		assert_int_equal(paths_check_dir(path, &err), -1);
		assert_int_equal(err.reason, REASON_DENIED);
		assert_non_null(strstr(err.text, "symbolic link"));
		assert_int_equal(paths_make_dir(path, &err), -1);
		assert_int_equal(err.reason, REASON_DENIED);
		assert_non_null(strstr(err.text, "symbolic link"));
	}
}

static void
test_file_in_place_of_the_directory_is_refused(void **state)
{
	struct fixture *f = *state;
	struct np_error err;
	FILE *fp = fopen(f->dir, "w");

	assert_non_null(fp);
	fclose(fp);
	assert_int_equal(paths_check_dir(f->socket, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
	assert_int_equal(paths_make_dir(f->socket, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
}

static void
test_directory_of_another_user_is_refused(void **state)
{
	struct fixture *f = *state;
	struct np_error err;

	if (geteuid() != 0)
		skip(); /* only root can give a directory away */
	assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_int_equal(chown(f->dir, 54321, (gid_t)-1), 0);

	assert_int_equal(paths_check_dir(f->socket, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
	assert_non_null(strstr(err.text, "uid 54321"));
	assert_int_equal(paths_make_dir(f->socket, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
}

static void
test_directories_of_root_are_trusted(void **state)
{
	struct np_error err;
	(void)state;

	assert_int_equal(paths_check_dir("/broker.sock", &err), 0);
	assert_int_equal(paths_check_dir("/etc/broker.sock", &err), 0);
	assert_int_equal(paths_check_dir("/tmp/broker.sock", &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
}

static void
test_peer_of_a_socket_is_known(void **state)
{
	struct paths_peer peer = {(uid_t)-1, (gid_t)-1, -1};
	int fds[2];
	struct np_error err;
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(paths_peer(fds[0], &peer, &err), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.gid, getegid());
	assert_true(peer.pid == getpid() || peer.pid == 0);
	peer.uid = (uid_t)-1;
	assert_int_equal(paths_peer(fds[1], &peer, &err), 0);
	assert_int_equal(peer.uid, geteuid());
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(paths_peer(fds[0], &peer, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
}

static void
test_tilde_stands_for_the_home_directory(void **state)
{
	static const struct {
		const char *path, *expanded;
	} table[] = {
	    {"~", "/home/x"},
	    {"~/", "/home/x/"},
	    {"~/.ssh/config", "/home/x/.ssh/config"},
	    {"~other/file", "~other/file"},
	    {"/a/~/b", "/a/~/b"},
	    {"plain", "plain"},
	    {"", ""},
	};
	(void)state;

	setenv("HOME", "/home/x", 1);
	for (size_t i = 0; i < NP_COUNT(table); i++) {
		char *s = paths_expand_home(table[i].path);

		assert_string_equal(s, table[i].expanded);
		free(s);
	}
}

static void
test_home_without_variable_is_that_of_the_password_file(void **state)
{
	char *s;
	(void)state;

	s = paths_expand_home("~/x");
	assert_true(*s == '/' || strcmp(s, "~/x") == 0); /* the latter for a uid without entry */
	free(s);
}

static void
test_log_file_is_in_the_state_directory_which_is_made(void **state)
{
	static const char *const parts[] = {".local/state/netpulse", ".local/state", ".local"};
	struct fixture *f = *state;
	char expected[200];
	char *path;

	setenv("HOME", f->base, 1);
	path = paths_log_file(NULL);
	assert_non_null(path);
	snprintf(expected, sizeof(expected), "%s/.local/state/netpulse/netpulsed.log", f->base);
	assert_string_equal(path, expected);
	free(path);
	path = paths_log_file(NULL);
	assert_non_null(path);
	free(path);
	for (size_t i = 0; i < NP_COUNT(parts); i++) {
		snprintf(expected, sizeof(expected), "%s/%s", f->base, parts[i]);
		assert_int_equal(mode_of(expected), 0700);
		assert_int_equal(rmdir(expected), 0);
	}
}

static void
test_log_file_follows_the_xdg_variable(void **state)
{
	struct fixture *f = *state;
	char expected[200];
	struct np_error err;
	char *path;

	setenv("HOME", "/nonexistent", 1);
	setenv("XDG_STATE_HOME", f->base, 1);
	path = paths_log_file(&err);
	assert_non_null(path);
	snprintf(expected, sizeof(expected), "%s/netpulse/netpulsed.log", f->base);
	assert_string_equal(path, expected);
	free(path);
	setenv("XDG_STATE_HOME", "/proc/nonexistent/x", 1);
	assert_null(paths_log_file(&err));
	assert_non_null(strstr(err.text, "/proc/nonexistent"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_socket_comes_from_option_then_variable_then_runtime_dir),
	    TEST(test_runtime_dir_is_found_without_the_variable),
	    TEST(test_empty_and_relative_variables_count_as_unset),
	    TEST(test_too_long_socket_path_is_refused_with_the_limit),
	    TEST(test_missing_directory_is_no_trust_and_no_denial),
	    TEST(test_made_directory_is_private_whatever_the_umask),
	    TEST(test_parents_are_not_created),
	    TEST(test_directory_writable_by_others_is_refused),
	    TEST(test_directory_that_others_can_replace_is_refused_and_not_made),
	    TEST(test_readable_directory_is_trusted_and_made_private_only_if_the_brokers),
	    TEST(test_symlink_in_place_of_the_directory_is_refused),
	    TEST(test_file_in_place_of_the_directory_is_refused),
	    TEST(test_directory_of_another_user_is_refused),
	    TEST(test_directories_of_root_are_trusted),
	    TEST(test_peer_of_a_socket_is_known),
	    TEST(test_tilde_stands_for_the_home_directory),
	    TEST(test_home_without_variable_is_that_of_the_password_file),
	    TEST(test_log_file_is_in_the_state_directory_which_is_made),
	    TEST(test_log_file_follows_the_xdg_variable),
	};

	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
