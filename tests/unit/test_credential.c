/* Configured secrets: where they come from, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "login/dial.h"
#include "kit/dialkit.h"
#include "kit/slow.h"
#include "base/xalloc.h"

struct fixture {
	struct kit kit;
	struct device_conf device;
	struct np_error err;
	struct secret *secret;
	char path[128];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kit_begin(&f->kit);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	secret_unref(f->secret);
	kit_end(&f->kit);
	unsetenv("CREDENTIALS_DIRECTORY");
	free(f);
	return 0;
}

static char *
unconst(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void
assert_secret(struct fixture *f, const char *secret)
{
	secret_unref(f->secret);
	if (credential_password(&f->device, &f->kit.hooks, &f->secret, &f->err) == -1)
		fail_msg("%s", f->err.text);
	if (secret == NULL)
		assert_null(f->secret);
	else
		assert_string_equal(secret_text(f->secret), secret);
}

static void
assert_refused(struct fixture *f, enum np_reason reason, const char *text)
{
	secret_unref(f->secret);
	assert_int_equal(credential_password(&f->device, &f->kit.hooks, &f->secret, &f->err), -1);
	assert_null(f->secret);
	if (f->err.reason != reason || strstr(f->err.text, text) == NULL)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
}

static void
test_none_configured_is_no_error(void **state)
{
	assert_secret(*state, NULL);
}

static void
test_password_comes_before_the_other_sources(void **state)
{
	struct fixture *f = *state;

	f->device.password = secret_make("plain");
	f->device.password_command = unconst("echo command");
	assert_secret(f, "plain");
	secret_unref(f->device.password);
	f->device.password = NULL;
	assert_secret(f, "command");
}

static void
test_command_gives_its_first_line(void **state)
{
	struct fixture *f = *state;

	f->device.password_command = unconst("printf 'one two \\r\\nthree\\n'");
	assert_secret(f, "one two ");
	f->device.password_command = unconst("printf no-newline");
	assert_secret(f, "no-newline");
}

static void
test_command_that_fails_is_told_without_its_output(void **state)
{
	static const struct {
		const char *command;
		const char *text;
	} cases[] = {
	    {"echo s3cret; exit 2", "password_command exited with status 2"},
	    {"echo s3cret; echo locked >&2; exit 2", "exited with status 2: locked"},
	    {"exit 0", "printed nothing on the first line"},
	    {"echo; echo s3cret", "printed nothing on the first line"},
	    {"printf 's3\\0cret\\n'", "printed nothing on the first line"},
	    {"yes s3cret", "wrote more than"},
	    {"echo s3cret; kill -15 $$", "was killed by signal 15"},
	    {"np-no-such-command s3cret", "exited with status 127"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < NP_COUNT(cases); i++) {
		f->device.password_command = unconst(cases[i].command);
		assert_refused(f, REASON_CREDENTIAL_FAILED, cases[i].text);
		if (strstr(cases[i].command, "no-such") == NULL)
			assert_null(strstr(f->err.text, "s3cret"));
	}
}

static void
test_command_does_not_outlive_the_login(void **state)
{
	struct fixture *f = *state;

	f->device.password_command = unconst("sleep 100");
	kit_limit(&f->kit, 0.3);
	assert_refused(f, REASON_CONNECT_TIMEOUT, "waiting for password_command: not done in the time");

	f->kit.deadline = clock_now() + slow(100);
	kit_cancel(&f->kit);
	assert_refused(f, REASON_CANCELLED, "cancelled by the test");
}

static void
test_file_gives_its_first_line(void **state)
{
	struct fixture *f = *state;

	kit_write(&f->kit, "secret", "hunter2\nmore\n", f->path);
	f->device.password_file = f->path;
	assert_secret(f, "hunter2");
	assert_int_equal(chmod(f->path, 0400), 0);
	assert_secret(f, "hunter2");
}

static void
test_file_open_to_others_is_refused(void **state)
{
	static const mode_t modes[] = {0640, 0620, 0604, 0602, 0644, 0777};
	struct fixture *f = *state;
	size_t i;

	kit_write(&f->kit, "secret", "hunter2\n", f->path);
	f->device.password_file = f->path;
	for (i = 0; i < NP_COUNT(modes); i++) {
		assert_int_equal(chmod(f->path, modes[i]), 0);
		assert_refused(f, REASON_CREDENTIAL_FAILED, "run: chmod 600");
	}
}

static void
test_file_that_others_can_replace_is_refused(void **state)
{
	struct fixture *f = *state;

	kit_write(&f->kit, "secret", "hunter2\n", f->path);
	f->device.password_file = f->path;
	assert_int_equal(chmod(f->kit.dir, 0777), 0);
	assert_refused(f, REASON_CREDENTIAL_FAILED, "writable by others");
	assert_int_equal(chmod(f->kit.dir, 0700), 0);
	assert_secret(f, "hunter2");
}

static void
test_file_of_another_user_is_refused(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	kit_write(&f->kit, "secret", "hunter2\n", f->path);
	assert_int_equal(chown(f->path, 12345, 12345), 0);
	f->device.password_file = f->path;
	assert_refused(f, REASON_CREDENTIAL_FAILED, "belongs to another user (uid 12345)");
}

static void
test_files_that_hold_no_secret_are_refused(void **state)
{
	struct fixture *f = *state;
	char big[5000];

	f->device.password_file = f->path;
	snprintf(f->path, sizeof(f->path), "%s/absent", f->kit.dir);
	assert_refused(f, REASON_CREDENTIAL_FAILED, "No such file or directory");
	assert_non_null(strstr(f->err.text, "password_file: "));
	kit_write(&f->kit, "empty", "", f->path);
	assert_refused(f, REASON_CREDENTIAL_FAILED, "is empty");
	kit_write(&f->kit, "newline", "\nx\n", f->path);
	assert_refused(f, REASON_CREDENTIAL_FAILED, "is empty");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	kit_write(&f->kit, "big", big, f->path);
	assert_refused(f, REASON_CREDENTIAL_FAILED, "too long");
	snprintf(f->path, sizeof(f->path), "%s/fifo", f->kit.dir);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_refused(f, REASON_CREDENTIAL_FAILED, "not a regular file");
}

static void
test_systemd_credential(void **state)
{
	struct fixture *f = *state;

	f->device.credential = unconst("r1");
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_refused(f, REASON_CREDENTIAL_FAILED, "LoadCredential=r1:FILE");
	setenv("CREDENTIALS_DIRECTORY", f->kit.dir, 1);
	assert_refused(f, REASON_CREDENTIAL_FAILED, "No such file");
	kit_write(&f->kit, "r1", "from-systemd\n", f->path);
	assert_int_equal(chmod(f->path, 0440), 0); /* as systemd's, with their access control list */
	assert_secret(f, "from-systemd");
	f->device.credential = unconst("../r1");
	assert_refused(f, REASON_CREDENTIAL_FAILED, "is not a credential's name");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(test_none_configured_is_no_error),
	    T(test_password_comes_before_the_other_sources),
	    T(test_command_gives_its_first_line),
	    T(test_command_that_fails_is_told_without_its_output),
	    T(test_command_does_not_outlive_the_login),
	    T(test_file_gives_its_first_line),
	    T(test_file_open_to_others_is_refused),
	    T(test_file_that_others_can_replace_is_refused),
	    T(test_file_of_another_user_is_refused),
	    T(test_files_that_hold_no_secret_are_refused),
	    T(test_systemd_credential),
	};

	return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
