/*
 * What devices say, and what becomes of it (cli_judge.c): every row of tests/transcripts/answers.tsv.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "cli/cli_impl.h"
#include "kit/platdir.h"

#define FIELDS 4

enum field { PLATFORM, COMMAND, ANSWER, OUTCOME };

static const struct platform_steps *
steps_named(const struct platform_config *c, const char *name)
{
	const struct {
		const char *name;
		const struct platform_steps *steps;
	} all[] = {{"{commit}", &c->commit}, {"{confirmed}", &c->confirmed}, {"{abort}", &c->abort},
	    {"{save}", &c->save}, {"{check}", &c->check}};

	for (size_t i = 0; i < NP_COUNT(all); i++) {
		if (strcmp(all[i].name, name) == 0)
			return all[i].steps;
	}
	return NULL;
}

static void
judge(struct cli *cli, const char *answer)
{
	for (const char *end; answer != NULL; answer = end != NULL ? end + 2 : NULL) {
		end = strstr(answer, "\\n");
		cli_judge_line(cli, answer, end != NULL ? (size_t)(end - answer) : strlen(answer));
	}
}

/* The word for what the answer comes to. */
static const char *
outcome_of(struct cli *cli, char *const field[FIELDS])
{
	static const char *const lines[] = {"taken", "remark", "unclear", "refused"}, *const claims[] = {"done", "?",
											  "unknown", "refused"};
	const struct platform_config *c = &cli->platform->config;
	const struct platform_steps *steps = steps_named(c, field[COMMAND]);
	enum cli_outcome outcome;

	if (field[COMMAND][0] == '{' && (steps == NULL || steps->count == 0))
		return "of no step that there is";

	cli->op = CLI_OP_CONFIG;
	cli->phase = steps != NULL ? CLI_CONFIG_COMMIT : CLI_CONFIG_LINES;
	cli->job.ok = NULL;
	for (size_t i = 0; steps != NULL && i < steps->count; i++)
		cli->job.ok = steps->items[i].ok != NULL ? steps->items[i].ok : cli->job.ok;
	cli->job.judged_as = steps == NULL && pattern_list_matches(&c->shows, field[COMMAND], strlen(field[COMMAND]))
				 ? CLI_JUDGE_OUTPUT
				 : CLI_JUDGE_ANSWER;
	judge(cli, field[ANSWER]);
	outcome = steps != NULL ? cli_judge_step(&cli->job) : cli->job.verdict.outcome;
	cli->job.ok = NULL;
	if (outcome == CLI_REFUSED && cli->job.verdict.busy)
		return "busy";
	return steps != NULL ? claims[outcome] : lines[outcome];
}

/* Cuts a row at its tabs; false of comments and blank lines. */
static bool
split(char *row, char *field[FIELDS])
{
	size_t n = 0;

	row[strcspn(row, "\n")] = '\0';
	if (row[0] == '#' || row[0] == '\0')
		return false;
	for (char *at = row; at != NULL && n < FIELDS; n++) {
		field[n] = at;
		at = strchr(at, '\t');
		if (at != NULL)
			*at++ = '\0';
	}
	if (n != FIELDS)
		fail_msg("a row of %d fields was expected: %s", FIELDS, row);
	return true;
}

static void
test_every_answer_of_the_list_has_its_outcome(void **state)
{
	const char *srcdir = getenv("srcdir");
	char *path = xasprintf("%s/tests/transcripts/answers.tsv", srcdir != NULL ? srcdir : "."), *row = NULL;
	struct platforms *set = platdir_load();
	FILE *file = fopen(path, "r");
	int number = 0, judged = 0, wrong = 0;
	size_t size = 0;
	(void)state;

	if (file == NULL)
		fail_msg("cannot read %s", path);
	while (getline(&row, &size, file) > 0) {
		struct cli_options options = {.name = "dev", .seed = 1};
		char *field[FIELDS] = {NULL};
		struct cli *cli;
		const char *got;

		number++;
		if (!split(row, field))
			continue;
		judged++;
		options.platform = platforms_find(set, field[PLATFORM]);
		if (options.platform == NULL)
			fail_msg("%s:%d: no platform %s", path, number, field[PLATFORM]);
		cli = cli_create(&options, 1000);
		got = outcome_of(cli, field);
		if (strcmp(got, field[OUTCOME]) != 0) {
			print_message("%s:%d: %s, `%s`: `%s` is %s, not %s\n", path, number, field[PLATFORM],
			    field[COMMAND], field[ANSWER], field[OUTCOME], got);
			wrong++;
		}
		cli_destroy(cli);
	}
	fclose(file);
	free(row);
	free(path);
	platforms_destroy(set);
	assert_true(judged > 0);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_answer_of_the_list_has_its_outcome),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
