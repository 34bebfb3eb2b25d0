/* Lists of devices: what people write, against a small configuration. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buf.h"
#include "kit/confkit.h"
#include "base/clock.h"
#include "base/glob.h"
#include "conf/devlist.h"
#include "base/operand.h"
#include "kit/slow.h"

static const char configuration[] = "devices:\n"
				    "  core2: {groups: [core, all]}\n"
				    "  core1: {groups: [core, all]}\n"
				    "  edge1: {groups: [edge, all]}\n"
				    "  edge10: {groups: [edge, all]}\n"
				    "  'odd:name/x': {host: 192.0.2.1}\n";

/* The names, joined by blanks, or "REASON: text". */
static const char *
expand(const char *text)
{
	static char out[2048];
	struct np_error err = {0};
	struct devlist list;
	struct config *config = config_parse(configuration, strlen(configuration), "f.yaml", &err);

	assert_non_null(config);
	out[0] = '\0';
	if (devlist_expand(config, text, &list, &err) == -1)
		snprintf(out, sizeof(out), "%s: %s", reason_name(err.reason), err.text);
	else
		for (size_t i = 0, at = 0; i < list.names.n; i++)
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%s", i > 0 ? " " : "", list.names.v[i]);
	devlist_finish(&list);
	config_unref(config);
	return out;
}

static void
test_lists_groups_and_patterns_become_names(void **state NP_UNUSED)
{
	static const struct {
		const char *text, *names;
	} table[] = {
	    {"core1", "core1"},
	    {"core1,core2", "core1 core2"},
	    {"@core", "core2 core1"},
	    {"@all", "core2 core1 edge1 edge10"},
	    {"*", "core2 core1 edge1 edge10 odd:name/x"},
	    {"edge*", "edge1 edge10"},
	    {"edge?", "edge1"},
	    {"edge??", "edge10"},
	    {"core[12]", "core2 core1"},
	    {"core[!2]", "core1"},
	    {"[a-c]*", "core2 core1"},
	    {"odd:name/x", "odd:name/x"},
	    {"*/x", "odd:name/x"},
	    {"edge10,@core,core*,192.0.2.9,ops@r1:2222,core1", "edge10 core2 core1 192.0.2.9 ops@r1:2222"},
	    {"[2001:db8::1]:22,core1", "[2001:db8::1]:22 core1"},
	    {"r1,r1,r1", "r1"},
	    {"web[1-3]", "web1 web2 web3"},
	    {"web[08-11]", "web08 web09 web10 web11"},
	    {"web[8-11]x", "web8x web9x web10x web11x"},
	    {"web[1,3,5-6]", "web1 web3 web5 web6"},
	    {"r[1-2]n[01-02],core1", "r1n01 r1n02 r2n01 r2n02 core1"},
	    {"ops@web[1-2]:2222", "ops@web1:2222 ops@web2:2222"},
	    {"core[1-2]", "core1 core2"},
	};

	for (size_t i = 0; i < NP_COUNT(table); i++)
		assert_string_equal(expand(table[i].text), table[i].names);
}

static void
test_what_matches_nothing_is_unknown_and_nonsense_is_refused(void **state NP_UNUSED)
{
	static const struct {
		const char *text, *begin;
	} table[] = {
	    {"@nosuch", "unknown_device: no configured device is in group `nosuch`"},
	    {"@", "unknown_device: no configured device is in group ``"},
	    {"core1,@nosuch", "unknown_device: "},
	    {"nosuch*", "unknown_device: no configured device matches `nosuch*`"},
	    {"core[ab", "unknown_device: no configured device matches `core[ab`"},
	    {"", "invalid_params: a name in the list of devices is empty"},
	    {"core1,", "invalid_params: a name in the list of devices is empty"},
	    {",core1", "invalid_params: a name in the list of devices is empty"},
	    {"core1,,core2", "invalid_params: a name in the list of devices is empty"},
	    {"core1, core2", "invalid_params: device \" core2\""},
	    {"core1;reboot,core2", "invalid_params: device \"core1;reboot\""},
	    {"ops@core*", "invalid_params: a user before a pattern"},
	    {"web[3-1]", "invalid_params: `3-1]`: write the numbers"},
	    {"web[1-]", "invalid_params: "},
	    {"web[1,]", "invalid_params: "},
	    {"web[-1]", "invalid_params: "},
	    {"web[1-2-3]", "invalid_params: "},
	    {"web[1-3]*", "invalid_params: numbers in brackets do not go together with `*` and `?`"},
	    {"web[1-3][ab]", "invalid_params: `[ab]`: write the numbers"},
	    {"web[0-999999999]", "invalid_params: more than 10000 devices"},
	    {"web[0-9999999999]", "invalid_params: "},
	    {"-o[1-2]", "invalid_params: device \"-o1\""},
	};

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		const char *got = expand(table[i].text);
		if (strncmp(got, table[i].begin, strlen(table[i].begin)) != 0)
			fail_msg("%s gave: %s", table[i].text, got);
	}
}

static void
test_huge_lists_end_soon_and_softly(void **state NP_UNUSED)
{
	static const char *const pieces[] = {"*,", "[1-2]", "a*", "[", "a,", "[1-9]"};
	double start = clock_now();

	for (size_t i = 0; i < NP_COUNT(pieces); i++) {
		struct buf b;
		buf_init(&b, (size_t)1 << 20);
		while (buf_append_str(&b, pieces[i]) == 0)
			;
		char *text = strndup((const char *)buf_head(&b), b.len);
		expand(text);
		free(text);
		buf_free(&b);
	}
	assert_true(clock_now() - start < slow(20));
}

static void
test_globs_take_no_exponential_time(void **state NP_UNUSED)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} table[] = {
	    {"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		false},
	    {"a**b", "ab", true},
	    {"*ab", "aab", true},
	    {"*[ab]c*", "xxbcd", true},
	    {"[]]", "]", true},
	    {"[!]]", "x", true},
	    {"[a-]", "-", true},
	    {"[^a-y]", "z", true},
	    {"?", "", false},
	    {"*", "", true},
	    {"", "", true},
	    {"", "x", false},
	    {"a", "ab", false},
	};

	for (size_t i = 0; i < NP_COUNT(table); i++)
		assert_int_equal(glob_match(table[i].pattern, table[i].name), table[i].matches);
}

static void
test_addresses_in_brackets_are_no_lists(void **state NP_UNUSED)
{
	static const char *const single[] = {
	    "r1", "[::1]", "[::1]:22", "ops@[::1]:22", "ssh://ops@[::1]:22/", "ops@r1"};
	static const char *const several[] = {"a,b", "@g", "r*", "r?", "r[12]", "ops@r[1-2]", "[ab]1", "[::1],a"};

	for (size_t i = 0; i < NP_COUNT(single); i++)
		assert_false(operand_is_list(single[i]));
	for (size_t i = 0; i < NP_COUNT(several); i++)
		assert_true(operand_is_list(several[i]));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lists_groups_and_patterns_become_names),
	    cmocka_unit_test(test_what_matches_nothing_is_unknown_and_nonsense_is_refused),
	    cmocka_unit_test(test_huge_lists_end_soon_and_softly),
	    cmocka_unit_test(test_globs_take_no_exponential_time),
	    cmocka_unit_test(test_addresses_in_brackets_are_no_lists),
	};

	return cmocka_run_group_tests_name("devlist", tests, NULL, NULL);
}
