/* Tests of src/base/options.c: netpulsed's command line. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"

static char words[16][64];

/* What it says goes nowhere. */
static int
parse(const char *line, struct daemon_options *o)
{
	static char copy[256];
	char *argv[16], *save = NULL;
	int argc = 0, rc, kept = dup(2), kept_out = dup(1), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	fflush(stdout);
	dup2(null, 2);
	dup2(null, 1);
	snprintf(copy, sizeof(copy), "netpulsed %s", line);
	for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		snprintf(words[argc], sizeof(words[argc]), "%s", word);
		argv[argc] = words[argc];
		argc++;
	}
	argv[argc] = NULL;
	rc = options_parse(o, argc, argv);
	fflush(stdout);
	dup2(kept, 2);
	dup2(kept_out, 1);
	close(kept);
	close(kept_out);
	close(null);
	return rc;
}

static void
test_it_serves_unless_told_otherwise(void **state)
{
	struct daemon_options o;
	(void)state;

	assert_int_equal(parse("-d -f c.yaml -S /s --idle-exit 2.5 --startup-fd 3", &o), 0);
	assert_int_equal(o.task, TASK_SERVE);
	assert_true(o.debug);
	assert_string_equal(o.config_file, "c.yaml");
	assert_string_equal(o.socket, "/s");
	assert_true(o.idle_exit > 2.4 && o.idle_exit < 2.6);
	assert_int_equal(o.startup_fd, 3);
	assert_false(o.system);
	assert_int_equal(parse("--system", &o), 0);
	assert_true(o.system);
	assert_int_equal(parse("", &o), 0);
	assert_int_equal(o.startup_fd, -1);
	assert_false(o.debug);
}

static void
test_tasks_and_their_arguments(void **state)
{
	static const struct {
		const char *line;
		enum daemon_task task;
		const char *name, *platform_file;
	} cases[] = {
	    {"-t", TASK_CHECK, NULL, NULL},
	    {"--check -f x", TASK_CHECK, NULL, NULL},
	    {"-t -P p.yaml", TASK_CHECK, NULL, "p.yaml"},
	    {"-t -P p.yaml q.yaml", TASK_CHECK, NULL, "p.yaml"},
	    {"-T", TASK_SHOW_CONFIG, NULL, NULL},
	    {"-T core1", TASK_SHOW_CONFIG, "core1", NULL},
	    {"core1 -T -f x", TASK_SHOW_CONFIG, "core1", NULL},
	    {"-L", TASK_SHOW_PLATFORMS, NULL, NULL},
	    {"--show-platforms frr", TASK_SHOW_PLATFORMS, "frr", NULL},
	    {"-A agent edge1", TASK_POLICY, NULL, NULL},
	    {"-t -A", TASK_CHECK, NULL, NULL},
	    {"--version", TASK_DONE, NULL, NULL},
	    {"--help", TASK_DONE, NULL, NULL},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct daemon_options o;

		if (parse(cases[i].line, &o) != 0 || o.task != cases[i].task)
			fail_msg("`%s'", cases[i].line);
		assert_int_equal(o.name != NULL, cases[i].name != NULL);
		assert_int_equal(o.platform_file != NULL, cases[i].platform_file != NULL);
		if (o.name != NULL)
			assert_string_equal(o.name, cases[i].name);
		if (o.platform_file != NULL)
			assert_string_equal(o.platform_file, cases[i].platform_file);
	}
}

static void
test_what_makes_no_sense_is_refused(void **state)
{
	static const char *const lines[] = {"core1", "-t core1", "-t -T", "-T -L", "-T a b", "-L a b", "-P p.yaml",
	    "-T -P p.yaml", "-L -P p.yaml", "-t -P", "-f", "-Z", "--idle-exit soon", "--idle-exit -1", "--startup-fd 1",
	    "--startup-fd x", "--no-such"};
	(void)state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct daemon_options o;

		if (parse(lines[i], &o) != -1)
			fail_msg("`%s' is accepted", lines[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_serves_unless_told_otherwise),
	    cmocka_unit_test(test_tasks_and_their_arguments),
	    cmocka_unit_test(test_what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
