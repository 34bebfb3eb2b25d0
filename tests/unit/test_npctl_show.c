/* Tests of client/npctl/npctl_config.c and npctl_platform.c: what people see of a configuration and of platforms. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npctl/npctl_show.h"

enum what { CONFIG, LIST, DETAIL };

static char *
render(const char *json, enum what what)
{
	cJSON *result = cJSON_Parse(json);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(result);
	assert_non_null(out);
	if (what == CONFIG)
		npctl_config_text(out, result);
	else
		npctl_platforms_text(out, result, what == DETAIL);
	fclose(out);
	cJSON_Delete(result);
	return text;
}

static void
expect(const char *json, enum what what, const char *text)
{
	char *got = render(json, what);

	assert_string_equal(got, text);
	free(got);
}

static void
test_settings_say_where_they_come_from(void **state)
{
	(void)state;
	expect("{\"device\":\"core1\",\"configured\":true,\"source\":\"/c.yaml:4\",\"platform\":\"cisco_ios\","
	       "\"problem\":\"no ssh\",\"ssh\":{\"files\":[\"/etc/ssh/ssh_config\"],\"known_as\":\"r1\","
	       "\"proxy_command\":true,\"notices\":[\"a\",\"b\"]},\"settings\":["
	       "{\"key\":\"host\",\"value\":\"10.0.0.1\",\"origin\":\"file\",\"file\":\"/c.yaml\",\"line\":5},"
	       "{\"key\":\"key_file\",\"value\":[\"/k/a\",\"/k/b\"],\"origin\":\"ssh\"},"
	       "{\"key\":\"password\",\"set\":true,\"origin\":\"file\",\"file\":\"/c.yaml\",\"line\":6},"
	       "{\"key\":\"secret\",\"set\":false,\"origin\":\"default\"},"
	       "{\"key\":\"groups\",\"value\":null,\"origin\":\"default\"},"
	       "{\"key\":\"kex\",\"value\":\"a,b\",\"origin\":\"ssh\"},"
	       "{\"key\":\"macs\",\"value\":\"x\",\"origin\":\"file\",\"file\":\"/c.yaml\",\"line\":7},"
	       "{\"key\":\"max_channels\",\"value\":1,\"origin\":\"platform\"},"
	       "{\"key\":\"enabled\",\"value\":true,\"origin\":\"default\"}]}",
	    CONFIG,
	    "core1: configured at /c.yaml:4, shells of platform cisco_ios\n"
	    "Problem: no ssh\n"
	    "host                   10.0.0.1                           /c.yaml:5\n"
	    "key_file               /k/a, /k/b                         ssh's configuration\n"
	    "password               (set, not shown)                   /c.yaml:6\n"
	    "macs                   x                                  /c.yaml:7\n"
	    "max_channels           1                                  platform cisco_ios\n"
	    "enabled                true                               default\n"
	    "ssh's configuration: /etc/ssh/ssh_config\n"
	    "In known_hosts as: r1\n"
	    "Through a ProxyCommand of ssh's configuration\n"
	    "Not honoured: a, b\n");
	expect("{\"files\":[\"/a\",\"/b\"],\"settings\":[]}", CONFIG, "Files: /a, /b\n");
	expect(
	    "{\"device\":\"r9\",\"configured\":false,\"source\":null,\"settings\":[]}", CONFIG, "r9: not configured\n");
}

static void
test_the_list_shows_origins_and_what_was_refused(void **state)
{
	(void)state;
	expect("{\"platforms\":[{\"name\":\"frr\",\"origin\":\"recorded\",\"title\":\"FRRouting\",\"aliases\":[\"a\","
	       "\"b\"]},{\"name\":\"x\",\"origin\":\"documented\",\"title\":null,\"aliases\":[]}],"
	       "\"refused\":[\"/p/y.yaml:3: why\"]}",
	    LIST,
	    "NAME                 ORIGIN      TITLE                      ALIASES\n"
	    "frr                  recorded    FRRouting                  a, b\n"
	    "x                    documented  -                          \n"
	    "refused: /p/y.yaml:3: why\n");
}

static void
test_a_definition_shows_modes_recipes_and_limits(void **state)
{
	(void)state;
	expect("{\"file\":\"/p/t.yaml\",\"warnings\":[\"/p/t.yaml:1: w\"],\"platform\":{\"name\":\"t\",\"title\":\"T\","
	       "\"aliases\":[\"tt\"],\"origin\":\"simulated\",\"source\":\"a book\",\"base_mode\":\"priv\",\"modes\":{"
	       "\"user\":{\"prompt\":\"\\\\w+>\",\"samples\":[\"R>\"]},"
	       "\"priv\":{\"prompt\":\"\\\\w+#\",\"parent\":\"user\",\"config\":true,\"leave\":\"disable\","
	       "\"enter\":{\"send\":\"enable\",\"questions\":[{\"match\":\"word:\",\"reply\":\"secret\"}]},"
	       "\"samples\":[\"[edit]\\nR#\"]}},"
	       "\"prepare\":[{\"send\":\"terminal length 0\",\"optional\":true},\"b\"],\"logout\":[\"exit\"],"
	       "\"config\":{\"candidate\":true,\"enter\":[\"configure\"],\"commit\":[{\"send\":\"commit\",\"ok\":"
	       "\"done\"}],"
	       "\"leave\":[\"end\"]},\"exec\":\"none\",\"max_sessions\":2,\"idle\":600,\"keepalive_cli\":240}}",
	    DETAIL,
	    "t: T\n"
	    "  file         /p/t.yaml\n"
	    "  origin       simulated\n"
	    "  source       a book\n"
	    "  aliases      tt\n"
	    "  warning      /p/t.yaml:1: w\n"
	    "modes\n"
	    "  user\n"
	    "    prompt       \\w+>\n"
	    "    such as      R>\n"
	    "  priv (commands run here) (configuration lines run here)\n"
	    "    prompt       \\w+#\n"
	    "    such as      R#\n"
	    "    inside       user\n"
	    "    enter        enable (asked word:: secret)\n"
	    "    leave        disable\n"
	    "prepare      terminal length 0 (may fail); b\n"
	    "logout       exit\n"
	    "configuration: a candidate, all or nothing\n"
	    "  enter        configure\n"
	    "  commit       commit (expects done)\n"
	    "  leave        end\n"
	    "limits\n"
	    "  exec         none\n"
	    "  sessions     2\n"
	    "  unused       closed by the device after 600 s\n"
	    "  keep-alive   an empty command every 240 s\n");
}

static void
test_missing_and_hostile_members_do_no_harm(void **state)
{
	static const char *const cases[] = {"{}", "[]", "3", "{\"settings\":3,\"ssh\":[]}",
	    "{\"device\":\"\\u001b[2J\",\"source\":7,\"settings\":[{},1,null,{\"key\":7},{\"key\":\"\\u001b]0;"
	    "x\\u0007\","
	    "\"value\":{\"a\":[1,\"\\u001b[1m\"]},\"origin\":\"\\u001b[1m\"},{\"key\":\"k\",\"value\":[1],\"origin\":1}"
	    ","
	    "{\"key\":\"l\",\"value\":1,\"origin\":\"file\",\"file\":\"/\\u001b[1m\",\"line\":1e300},"
	    "{\"key\":\"m\",\"set\":true}]}",
	    "{\"platforms\":[{},1,{\"name\":\"\\u001b[1m\",\"aliases\":[1,\"\\u001b[1m\"]}],\"refused\":[1,"
	    "\"\\u001b[1m\"]}",
	    "{\"platform\":{\"name\":\"\\u001b[1m\",\"modes\":{\"\\u001b[1m\":3,\"b\":{\"samples\":[1],\"enter\":3}},"
	    "\"prepare\":[1,{\"send\":7,\"questions\":[1,{}]}],\"config\":7,\"idle\":\"x\"},\"warnings\":{}}",
	    "{\"platform\":{\"modes\":[1,2],\"config\":{\"enter\":\"\\u001b[1m\"},\"max_sessions\":1e300}}"};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int what = CONFIG; what <= DETAIL; what++) {
			char *text = render(cases[i], (enum what)what);

			assert_null(strchr(text, '\033'));
			free(text);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_settings_say_where_they_come_from),
	    cmocka_unit_test(test_the_list_shows_origins_and_what_was_refused),
	    cmocka_unit_test(test_a_definition_shows_modes_recipes_and_limits),
	    cmocka_unit_test(test_missing_and_hostile_members_do_no_harm),
	};

	return cmocka_run_group_tests_name("npctl_show", tests, NULL, NULL);
}
