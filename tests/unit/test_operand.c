/* Tests of src/base/operand.c: tables of what people write and of what must not reach ssh. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"

static void
test_operands_are_split_into_user_host_and_port(void **state)
{
	static const struct {
		const char *text, *user, *host;
		int port;
	} table[] = {
	    {"core1", NULL, "core1", 0},
	    {"admin@core1", "admin", "core1", 0},
	    {"core1:2222", NULL, "core1", 2222},
	    {"admin@core1.example.net:22", "admin", "core1.example.net", 22},
	    {"192.168.1.1", NULL, "192.168.1.1", 0},
	    {"192.168.1.1:1", NULL, "192.168.1.1", 1},
	    {"r1:65535", NULL, "r1", 65535},
	    {"r1:00022", NULL, "r1", 22},
	    {"[2001:db8::1]:22", NULL, "2001:db8::1", 22},
	    {"[2001:db8::1]", NULL, "2001:db8::1", 0},
	    {"2001:db8::1", NULL, "2001:db8::1", 0},
	    {"::1", NULL, "::1", 0},
	    {"admin@::1", "admin", "::1", 0},
	    {"admin@[::1]:830", "admin", "::1", 830},
	    {"fe80::1%eth0", NULL, "fe80::1%eth0", 0},
	    {"[fe80::1%eth0.5]:22", NULL, "fe80::1%eth0.5", 22},
	    {"[core1]:22", NULL, "core1", 22},
	    {"ssh://core1", NULL, "core1", 0},
	    {"ssh://admin@core1:2222", "admin", "core1", 2222},
	    {"ssh://admin@core1:2222/", "admin", "core1", 2222},
	    {"ssh://[::1]:22", NULL, "::1", 22},
	    {"first.last@corp.example@r1", "first.last@corp.example", "r1", 0},
	    {"CORP\\anna@r1", "CORP\\anna", "r1", 0},
	    {"my_switch-1", NULL, "my_switch-1", 0},
	    {"b\xc3\xbcro", NULL, "b\xc3\xbcro", 0},
	    {"rack+1", NULL, "rack+1", 0},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err;
		struct operand op;

		if (operand_parse(table[i].text, &op, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(op.host, table[i].host);
		assert_int_equal(op.port, table[i].port);
		if (table[i].user == NULL)
			assert_null(op.user);
		else
			assert_string_equal(op.user, table[i].user);
		operand_finish(&op);
	}
}

static void
test_bad_operands_are_refused_and_named(void **state)
{
	static const struct {
		const char *text, *says;
	} table[] = {
	    {"", "host is empty"},
	    {"@", "user is empty"},
	    {"@host", "user is empty"},
	    {"user@", "host is empty"},
	    {":22", "host is empty"},
	    {"host:", "port"},
	    {"host:0", "port"},
	    {"host:65536", "port"},
	    {"host:22x", "port"},
	    {"host:-1", "port"},
	    {"host: 22", "port"},
	    {"[::1", "']' is missing"},
	    {"[::1]22", "can follow"},
	    {"[::1]:", "port"},
	    {"[]", "host is empty"},
	    {"[]:22", "host is empty"},
	    {"ssh://", "host is empty"},
	    {"ssh://host/path", "'/'"},
	    {"ssh://host:22/x", "port"},
	    {"a:b:c", "IPv6"},
	    {"1:2:3", "IPv6"},
	    {"::1%", "'%'"},
	    {"::1%a;b", "'%'"},
	    {"::1::2", "IPv6"},
	    {"-oProxyCommand=x", "begins with '-'"},
	    {"user@-host", "begins with '-'"},
	    {"-user@host", "begins with '-'"},
	    {"[-host]:22", "begins with '-'"},
	    {"ssh://-host", "begins with '-'"},
	    {"ho st", "' '"},
	    {"host\n", "'\\012'"},
	    {"\thost", "'\t'"},
	    {"host\x1b[m", "'\\033'"},
	    {"host\x7f", "'\\177'"},
	    {"ho;st", "';'"},
	    {"$(id)", "'$'"},
	    {"`id`", "'`'"},
	    {"a|b", "'|'"},
	    {"a&b", "'&'"},
	    {"a>b", "'>'"},
	    {"a<b", "'<'"},
	    {"a'b", "'''"},
	    {"a\"b", "'\"'"},
	    {"a\\b", "'\\'"},
	    {"a{b}", "'{'"},
	    {"a(b)", "'('"},
	    {"core*", "'*'"},
	    {"core?", "'?'"},
	    {"core[12]", "'['"},
	    {"~root", "'~'"},
	    {"a!b", "'!'"},
	    {"#a", "'#'"},
	    {"%h", "'%'"},
	    {"a,b", "','"},
	    {"a/b", "'/'"},
	    {"a=b", "'='"},
	    {"u;x@host", "';'"},
	    {"u x@host", "' '"},
	    {"%r@host", "'%'"},
	    {"user\\@host", "'\\'"},
	    {"user:secret@host", "password"},
	    {"a\xc2\x9b"
	     "5mb",
		"act on terminals"},
	    {"us\xe2\x80\xae"
	     "er@host",
		"act on terminals"},
	    {"host\xff", "UTF-8"},
	    {"\xc3@host", "UTF-8"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err;
		struct operand op;

		error_clear(&err);
		if (operand_parse(table[i].text, &op, &err) == 0)
			fail_msg("accepted \"%s\"", table[i].text);
		assert_int_equal(err.reason, REASON_INVALID_PARAMS);
		if (strstr(err.text, table[i].says) == NULL)
			fail_msg("\"%s\" does not say %s", err.text, table[i].says);
		assert_memory_equal(err.text, "device \"", 8);
		assert_true(text_is_utf8(err.text, strlen(err.text)));
		assert_null(strchr(err.text, '\x1b'));
		assert_null(op.host);
		assert_null(op.user);
	}
}

static void
test_password_in_an_operand_is_not_repeated(void **state)
{
	struct np_error err;
	struct operand op;
	(void)state;

	assert_int_equal(operand_parse("admin:tops3cret@core1", &op, &err), -1);

	assert_null(strstr(err.text, "tops3cret"));
}

static void
test_overlong_operands_are_refused(void **state)
{
	static const char *const forms[] = {"%s", "%s@host", "user@%s", "%s:22", "[%s]:22", "host:%s"};
	char *fill = xcalloc(1, 300);
	(void)state;

	memset(fill, '1', 299);
	for (size_t i = 0; i < NP_COUNT(forms); i++) {
		char text[1000];
		struct np_error err;
		struct operand op;
		const char *at = strstr(forms[i], "%s");

		memcpy(text, forms[i], (size_t)(at - forms[i]));
		strcpy(text + (at - forms[i]), fill);
		strcat(text, at + 2);
		assert_int_equal(operand_parse(text, &op, &err), -1);
		assert_int_equal(err.reason, REASON_INVALID_PARAMS);
	}
	fill[255] = '\0';
	assert_int_equal(operand_check_host(fill, NULL), 0);
	assert_int_equal(operand_check_user(fill, NULL), 0);
	free(fill);
}

static void
test_hosts_and_users_are_checked_alone(void **state)
{
	struct np_error err;
	(void)state;

	assert_int_equal(operand_check_host("core1", &err), 0);
	assert_int_equal(operand_check_host("2001:db8::1", &err), 0);
	assert_int_equal(operand_check_host("core1:22", &err), -1);
	assert_int_equal(operand_check_host("user@core1", &err), -1);
	assert_int_equal(operand_check_host("[::1]", &err), -1);
	assert_int_equal(operand_check_user("anna", &err), 0);
	assert_int_equal(operand_check_user("anna@example.net", &err), 0);
	assert_int_equal(operand_check_user("", &err), -1);
	assert_int_equal(operand_check_user("a:b", &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_operands_are_split_into_user_host_and_port),
	    cmocka_unit_test(test_bad_operands_are_refused_and_named),
	    cmocka_unit_test(test_password_in_an_operand_is_not_repeated),
	    cmocka_unit_test(test_overlong_operands_are_refused),
	    cmocka_unit_test(test_hosts_and_users_are_checked_alone),
	};

	return cmocka_run_group_tests_name("operand", tests, NULL, NULL);
}
