/* Folded lists of names, and that the broker's lists read them back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "kit/confkit.h"
#include "conf/devlist.h"
#include "lib/npfold.h"

#define NAMES_MAX 32

static char folded[512];

/* Folds the words of line. */
static const char *
fold(const char *line)
{
	char copy[512], *save = NULL;
	const char *names[NAMES_MAX];
	size_t count = 0;
	struct buf b;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		names[count++] = word;
	buf_init(&b, sizeof(folded) - 1);
	assert_int_equal(npfold_names(&b, names, count), 0);
	snprintf(folded, sizeof(folded), "%.*s", (int)b.len, (const char *)buf_head(&b));
	buf_free(&b);
	return folded;
}

static const struct {
	const char *names, *folded;
} table[] = {
    {"core1", "core1"},
    {"core1 core2 core3 edge1", "core[1-3],edge1"},
    {"edge1 core3 core1 core2", "core[1-3],edge1"},
    {"r9 r10 r11", "r[9-11]"},
    {"web08 web09 web10", "web[08-10]"},
    {"web8 web9 web08 web09 web010", "web[8-9,08-09,010]"},
    {"x099 x100 x9 x010", "x[9,010,099-100]"},
    {"r1 r3 r5 r6", "r[1,3,5-6]"},
    {"core core1 core2", "core,core[1-2]"},
    {"r1-dc1 r1-dc2 r2-dc1", "r1-dc[1-2],r2-dc1"},
    {"192.0.2.1 192.0.2.2 192.0.2.10", "192.0.2.[1-2,10]"},
    {"a1.lab a2.lab b1.lab", "a[1-2].lab,b1.lab"},
    {"alpha beta", "alpha,beta"},
    {"0 1", "[0-1]"},
    {"x123456789012345678901 x123456789012345678902", "x123456[789012345678901-789012345678902]"},
};

static void
test_names_that_differ_in_a_number_become_one(void **state NP_UNUSED)
{
	for (size_t i = 0; i < NP_COUNT(table); i++)
		assert_string_equal(fold(table[i].names), table[i].folded);
	assert_string_equal(fold(""), "");
}

/* What -b prints can be given to npexec. */
static void
test_folded_lists_are_lists_of_devices(void **state NP_UNUSED)
{
	struct np_error err;
	struct config *config = config_parse("", 0, "f.yaml", &err);

	for (size_t i = 0; i < NP_COUNT(table) - 1; i++) { /* the last has more digits than a list takes */
		struct devlist list;
		struct buf b;

		if (devlist_expand(config, table[i].folded, &list, &err) == -1)
			fail_msg("%s: %s", table[i].folded, err.text);
		buf_init(&b, sizeof(folded));
		assert_int_equal(npfold_names(&b, (const char *const *)list.names.v, list.names.n), 0);
		assert_int_equal(b.len, strlen(table[i].folded));
		assert_memory_equal(buf_head(&b), table[i].folded, b.len);
		buf_free(&b);
		devlist_finish(&list);
	}
	config_unref(config);
}

static void
test_list_that_does_not_fit_is_an_error(void **state NP_UNUSED)
{
	static const char *const names[] = {"core1", "core2", "core3"};
	struct buf b;

	for (size_t max = 0; max < 9; max++) {
		buf_init(&b, max);
		assert_int_equal(npfold_names(&b, names, 3), -1);
		buf_free(&b);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_that_differ_in_a_number_become_one),
	    cmocka_unit_test(test_folded_lists_are_lists_of_devices),
	    cmocka_unit_test(test_list_that_does_not_fit_is_an_error),
	};

	return cmocka_run_group_tests_name("npfold", tests, NULL, NULL);
}
