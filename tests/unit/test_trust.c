/* Tests of src/base/trust.c: who could put another file at a path. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/trust.h"
#include "base/xalloc.h"

#define STRANGER 54321

/* BASE/a/b/file, all of it ours; BASE/link is for the tests to make. */
struct tree {
	char base[64];
	char a[80], b[80], file[96], link[80];
};

static void
touch(const char *path)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
}

static int
setup(void **state)
{
	struct tree *t = xcalloc(1, sizeof(*t));

	snprintf(t->base, sizeof(t->base), "/tmp/np-test-trust-XXXXXX");
	if (mkdtemp(t->base) == NULL)
		return -1;
	snprintf(t->a, sizeof(t->a), "%s/a", t->base);
	snprintf(t->b, sizeof(t->b), "%s/a/b", t->base);
	snprintf(t->file, sizeof(t->file), "%s/a/b/file", t->base);
	snprintf(t->link, sizeof(t->link), "%s/link", t->base);
	if (mkdir(t->a, 0755) == -1 || mkdir(t->b, 0755) == -1)
		return -1;
	touch(t->file);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct tree *t = *state;

	unlink(t->link);
	unlink(t->file);
	rmdir(t->b);
	rmdir(t->a);
	if (rmdir(t->base) == -1)
		return -1; /* something was left behind */
	free(t);
	return 0;
}

/* The way to path is refused because of that directory or link. */
static void
assert_refused(const char *path, const char *culprit, const char *why)
{
	struct np_error err;

	assert_int_equal(trust_way(path, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
	assert_non_null(strstr(err.text, culprit));
	assert_non_null(strstr(err.text, why));
}

static void
assert_trusted(const char *path)
{
	struct np_error err;

	if (trust_way(path, &err) == -1)
		fail_msg("%s", err.text);
}

static void
test_own_directories_below_a_sticky_one_are_trusted(void **state)
{
	struct tree *t = *state;

	assert_trusted(t->file);
	assert_trusted(t->b);
	assert_trusted("/tmp");
	assert_trusted("/");
	assert_trusted("/etc/passwd");
}

static void
test_any_directory_above_that_others_may_write_is_refused(void **state)
{
	struct tree *t = *state;
	char *const above[] = {t->b, t->a, t->base};

	for (size_t i = 0; i < NP_COUNT(above); i++) {
		assert_int_equal(chmod(above[i], 0777), 0);
		assert_refused(t->file, above[i], "mode 0777");
		assert_refused(t->file, above[i], "chmod go-w");
		assert_int_equal(chmod(above[i], 01777), 0);
		assert_trusted(t->file);
		assert_int_equal(chmod(above[i], 0755), 0);
	}
	assert_trusted(t->file);
}

static void
test_what_stands_at_the_end_is_not_judged_and_may_be_missing(void **state)
{
	struct tree *t = *state;
	char path[128];

	assert_int_equal(chmod(t->b, 0777), 0);
	assert_trusted(t->b);
	snprintf(path, sizeof(path), "%s/nothing/here", t->a);
	assert_trusted(path);
}

static void
test_every_spelling_of_a_path_takes_the_same_way(void **state)
{
	static const char *const spellings[] = {"//a///b/./file", "/a/b/../b/file", "/./a/../a/b/file"};
	struct tree *t = *state;
	char path[160], cwd[4096];

	assert_int_equal(chmod(t->b, 0777), 0);
	for (size_t i = 0; i < NP_COUNT(spellings); i++) {
		snprintf(path, sizeof(path), "%s%s", t->base, spellings[i]);
		assert_refused(path, t->b, "writable by others");
	}
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(t->a), 0);
	assert_refused("b/file", t->b, "writable by others");
	assert_trusted("b");
	assert_int_equal(chdir(cwd), 0);
}

static void
test_links_are_followed_and_both_ways_are_judged(void **state)
{
	struct tree *t = *state;
	char path[160];

	assert_int_equal(symlink("a/b", t->link), 0);
	snprintf(path, sizeof(path), "%s/file", t->link);
	assert_trusted(path);
	assert_int_equal(chmod(t->a, 0777), 0);
	assert_refused(path, t->a, "writable by others");
	assert_refused(t->link, t->a, "writable by others");
	assert_int_equal(chmod(t->a, 0755), 0);
	assert_int_equal(chmod(t->base, 0777), 0);
	assert_int_equal(unlink(t->link), 0);
	assert_int_equal(symlink("/etc/passwd", t->link), 0);
	assert_refused(t->link, t->base, "writable by others");
}

static void
test_links_in_a_circle_end(void **state)
{
	struct tree *t = *state;

	assert_int_equal(symlink("link/x", t->link), 0);
	assert_refused(t->link, t->link, "too many symbolic links");
}

static void
test_directories_and_links_of_others_are_refused(void **state)
{
	struct tree *t = *state;

	if (geteuid() != 0)
		skip(); /* only root can give something away */
	assert_int_equal(chown(t->a, STRANGER, (gid_t)-1), 0);
	assert_refused(t->file, t->a, "uid 54321");
	assert_int_equal(chown(t->a, 0, (gid_t)-1), 0);
	assert_int_equal(chmod(t->base, 01777), 0);
	assert_int_equal(symlink("a/b/file", t->link), 0);
	assert_trusted(t->link);
	assert_int_equal(lchown(t->link, STRANGER, (gid_t)-1), 0);
	assert_refused(t->link, t->link, "uid 54321");
}

static void
test_group_that_root_let_in_is_trusted(void **state)
{
	struct tree *t = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(t->a, 0, STRANGER), 0);
	assert_int_equal(chmod(t->a, 02775), 0); /* as /usr/local of Debian */
	assert_trusted(t->file);
}

/* Whether the way is trusted when seen by that user. */
static bool
trusts(const struct passwd *user, const char *path)
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (setgroups(0, NULL) == -1 || setgid(user->pw_gid) == -1 || setuid(user->pw_uid) == -1)
			_exit(2);
		_exit(trust_way(path, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

static void
test_private_group_is_the_user_himself(void **state)
{
	struct tree *t = *state;
	const struct passwd *user = geteuid() == 0 ? getpwnam("daemon") : NULL;
	const struct group *group = user != NULL ? getgrgid(user->pw_gid) : NULL;

	if (group == NULL || strcmp(group->gr_name, user->pw_name) != 0 || group->gr_mem[0] != NULL)
		skip();
	assert_int_equal(chmod(t->base, 0755), 0);
	assert_int_equal(chown(t->a, user->pw_uid, user->pw_gid), 0);
	assert_int_equal(chmod(t->a, 0775), 0);
	assert_true(trusts(user, t->b));
	assert_int_equal(chown(t->a, user->pw_uid, STRANGER), 0);
	assert_false(trusts(user, t->b));
	assert_int_equal(chmod(t->a, 0755), 0);
	assert_true(trusts(user, t->b));
	assert_int_equal(chown(t->a, 0, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_own_directories_below_a_sticky_one_are_trusted),
	    TEST(test_any_directory_above_that_others_may_write_is_refused),
	    TEST(test_what_stands_at_the_end_is_not_judged_and_may_be_missing),
	    TEST(test_every_spelling_of_a_path_takes_the_same_way),
	    TEST(test_links_are_followed_and_both_ways_are_judged),
	    TEST(test_links_in_a_circle_end),
	    TEST(test_directories_and_links_of_others_are_refused),
	    TEST(test_group_that_root_let_in_is_trusted),
	    TEST(test_private_group_is_the_user_himself),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
