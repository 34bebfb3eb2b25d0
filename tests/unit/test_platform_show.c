/* Tests of src/platform/platform_show.c: a definition that is shown is a definition, and says the same. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/platdir.h"
#include "platform/platform_show.h"
#include "base/xalloc.h"

static char *
shown(const struct platform *p)
{
	cJSON *all = platform_show(p);
	char *text = cJSON_Print(cJSON_GetObjectItemCaseSensitive(all, "platform"));

	cJSON_Delete(all);
	return text;
}

static void
test_what_is_shown_of_a_platform_is_that_platform(void **state)
{
	struct platforms *set = platdir_load();
	(void)state;

	assert_true(set->count > 10);
	for (size_t i = 0; i < set->count; i++) {
		char *first = shown(set->items[i]), *file = xasprintf("%s.yaml", set->items[i]->name), *second;
		struct np_error err;
		struct platform *again = platform_parse(first, strlen(first), file, NULL, NULL, &err);

		if (again == NULL)
			fail_msg("%s: %s", file, err.text);
		second = shown(again);
		assert_string_equal(first, second);
		platform_unref(again);
		cJSON_free(first);
		cJSON_free(second);
		free(file);
	}
	platforms_destroy(set);
}

/* Each kind of value once, as it stands in the file. */
static void
test_every_kind_of_value_is_shown(void **state)
{
	static const char text[] =
	    "name: t\n"
	    "title: A title\n"
	    "aliases: [x, y]\n"
	    "origin: simulated\n"
	    "newline: \"\\r\"\n"
	    "cols: 200\n"
	    "echo: false\n"
	    "idle: 90.5\n"
	    "modes:\n"
	    "  user: {prompt: '(?<host>\\w+)>', samples: ['R>']}\n"
	    "  priv:\n"
	    "    prompt: '(?<host>\\w+)#'\n"
	    "    parent: user\n"
	    "    enter: {send: enable, timeout: 5, optional: true, questions: [{match: 'word:', reply: secret}]}\n"
	    "    leave: disable\n"
	    "    config: true\n"
	    "    samples: ['R#', 'R1#']\n"
	    "base_mode: priv\n"
	    "login: [{match: 'name:', reply: username}, {match: 'word:', reply: password}, {match: 'Go', send: ''}]\n"
	    "pager: {match: More, keys: ' '}\n"
	    "config: {enter: conf, leave: end, candidate: true, commit: [a, {send: b, ok: done}], abort: c}\n"
	    "errors: ['%', bad]\n";
	static const char *const expected[] = {"\"title\":\"A title\"", "\"aliases\":[\"x\",\"y\"]",
	    "\"origin\":\"simulated\"", "\"newline\":\"\\r\"", "\"cols\":200", "\"rows\":1000", "\"echo\":false",
	    "\"keepalive_ssh\":true", "\"idle\":90.5", "\"exec\":\"unknown\"",
	    "\"user\":{\"prompt\":\"(?<host>\\\\w+)>\",\"config\":false,\"samples\":[\"R>\"]}",
	    "\"enter\":{\"send\":\"enable\",\"optional\":true,"
	    "\"questions\":[{\"match\":\"word:\",\"reply\":\"secret\"}],\"timeout\":5}",
	    "\"leave\":\"disable\"",
	    "\"login\":[{\"match\":\"name:\",\"reply\":\"username\"},{\"match\":\"word:\","
	    "\"reply\":\"password\"},{\"match\":\"Go\",\"send\":\"\"}]",
	    "\"pager\":[{\"match\":\"More\",\"keys\":\" \"}]",
	    "\"config\":{\"enter\":[\"conf\"],\"candidate\":true,\"commit\":[\"a\",{\"send\":\"b\",\"optional\":false,"
	    "\"ok\":\"done\",\"timeout\":0}],\"abort\":[\"c\"],\"leave\":[\"end\"],\"save_inside\":false,\"saves_"
	    "itself\":false,\"brackets\":false}",
	    "\"errors\":[\"%\",\"bad\"]", "\"file\":\"t.yaml\"", "no `logout`"};
	struct np_error err;
	struct platform *p = platform_parse(text, strlen(text), "t.yaml", NULL, NULL, &err);
	cJSON *all;
	char *json;
	(void)state;

	if (p == NULL)
		fail_msg("%s", err.text);
	all = platform_show(p);
	json = cJSON_PrintUnformatted(all);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		if (strstr(json, expected[i]) == NULL)
			fail_msg("no %s in %s", expected[i], json);
	}
	assert_null(strstr(json, "\"reset\""));
	cJSON_free(json);
	cJSON_Delete(all);
	platform_unref(p);
}

static void
test_the_list_says_what_each_is_and_which_files_were_refused(void **state)
{
	struct platforms *set = platdir_load();
	cJSON *o;
	const cJSON *list, *one, *refused;
	(void)state;

	strings_add(&set->errors, "/x/bad.yaml:7: why");
	o = platform_show_list(set);
	list = cJSON_GetObjectItemCaseSensitive(o, "platforms");
	refused = cJSON_GetObjectItemCaseSensitive(o, "refused");
	assert_int_equal(cJSON_GetArraySize(list), (int)set->count);
	cJSON_ArrayForEach (one, list) {
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "name"));
		const struct platform *p = platforms_find(set, name);

		assert_non_null(p);
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "origin")),
		    platform_origin_name(p->origin));
		assert_int_equal(
		    cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(one, "aliases")), (int)p->aliases.n);
		assert_true(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(one, "source")));
	}
	assert_int_equal(cJSON_GetArraySize(refused), 1);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(refused, 0)), "/x/bad.yaml:7: why");
	cJSON_Delete(o);
	platforms_destroy(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_shown_of_a_platform_is_that_platform),
	    cmocka_unit_test(test_every_kind_of_value_is_shown),
	    cmocka_unit_test(test_the_list_says_what_each_is_and_which_files_were_refused),
	};

	return cmocka_run_group_tests_name("platform_show", tests, NULL, NULL);
}
