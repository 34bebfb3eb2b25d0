/* Tests of src/broker/client/user.c: what one user may have at once, and whose turn it is. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/client/user.h"

static const struct user_limits limits = {.clients = 2, .requests = 3, .devices = 2}, none = {0, 0, 0};

static struct user_list users = TAILQ_HEAD_INITIALIZER(users);

static int
end(void **state)
{
	(void)state;
	users_finish(&users);
	return 0;
}

static void
expect_refused(const struct np_error *err, const char *key)
{
	assert_int_equal(err->reason, REASON_QUEUE_FULL);
	assert_non_null(strstr(err->text, key));
	assert_non_null(strstr(err->text, "1001"));
}

static void
test_a_user_is_one_whatever_he_comes_by(void **state)
{
	struct user *a = users_get(&users, 1001), *b = users_get(&users, 1002);
	(void)state;

	assert_ptr_equal(users_get(&users, 1001), a);
	assert_ptr_not_equal(a, b);
	assert_true(user_party(a) != user_party(b));
	assert_true(user_party(a) > UINT32_MAX);
}

static void
test_connections_are_counted_by_user(void **state)
{
	struct user *a = users_get(&users, 1001), *b = users_get(&users, 1002);
	struct np_error err;
	(void)state;

	for (int i = 0; i < limits.clients; i++) {
		assert_int_equal(user_admits(a, &limits, &err), 0);
		user_joins(a);
	}
	assert_int_equal(user_admits(a, &limits, &err), -1);
	expect_refused(&err, "max_clients_per_user");
	assert_int_equal(user_admits(b, &limits, &err), 0);
	assert_int_equal(user_admits(a, &none, &err), 0);
	user_parts(a);
	assert_int_equal(user_admits(a, &limits, &err), 0);
}

static void
test_requests_and_their_devices_are_counted_by_user(void **state)
{
	struct user *a = users_get(&users, 1001), *b = users_get(&users, 1002);
	struct np_error err;
	(void)state;

	assert_int_equal(user_enter(a, &limits, "r1", &err), 0);
	assert_int_equal(user_enter(a, &limits, "r2", &err), 0);
	assert_int_equal(user_enter(a, &limits, "r3", &err), -1);
	expect_refused(&err, "max_devices_per_user");
	assert_int_equal(user_enter(a, &limits, "r1", &err), 0);
	assert_int_equal(user_enter(a, &limits, "r1", &err), -1);
	expect_refused(&err, "max_requests_per_user");
	assert_int_equal(user_enter(b, &limits, "r3", &err), 0);
	user_leave(a, "r1");
	assert_int_equal(user_enter(a, &limits, "r3", &err), -1); /* one is still on r1 */
	user_leave(a, "r1");
	assert_int_equal(user_enter(a, &limits, "r3", &err), 0);
	user_leave(a, "r2");
	user_leave(a, "r3");
	user_leave(b, "r3");
}

static void
test_without_limits_there_may_be_any_number(void **state)
{
	struct user *a = users_get(&users, 1001);
	struct np_error err;
	char name[16];
	(void)state;

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		assert_int_equal(user_enter(a, &none, name, &err), 0);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		user_leave(a, name);
	}
	assert_int_equal(user_enter(a, &limits, "r1", &err), 0);
}

/* It is asked for in a thread, and is there in a moment. */
static void
test_a_user_has_a_name(void **state)
{
	struct user *root = users_get(&users, 0), *stranger = users_get(&users, 0xfffffffd);
	time_t until = time(NULL) + 10;
	(void)state;

	while (user_name(root)[0] == '\0' && time(NULL) < until)
		usleep(1000);
	assert_string_equal(user_name(root), "root");
	assert_string_equal(user_name(stranger), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_a_user_is_one_whatever_he_comes_by, end),
	    cmocka_unit_test_teardown(test_connections_are_counted_by_user, end),
	    cmocka_unit_test_teardown(test_requests_and_their_devices_are_counted_by_user, end),
	    cmocka_unit_test_teardown(test_without_limits_there_may_be_any_number, end),
	    cmocka_unit_test_teardown(test_a_user_has_a_name, end),
	};

	return cmocka_run_group_tests_name("user", tests, NULL, NULL);
}
