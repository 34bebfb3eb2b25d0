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

/* The step that tells: the one with an `ok', or the last one; NULL: there is none of this name. */
static const struct platform_step *
step_named(const struct platform_config *c, const char *name, enum cli_config_phase *phase)
{
	const struct {
		const char *name;
		const struct platform_steps *steps;
		enum cli_config_phase phase;
	} all[] = {{"{commit}", &c->commit, CLI_CONFIG_COMMIT}, {"{confirmed}", &c->confirmed, CLI_CONFIG_COMMIT},
	    {"{abort}", &c->abort, CLI_CONFIG_ABORT}, {"{save}", &c->save, CLI_CONFIG_SAVE},
	    {"{check}", &c->check, CLI_CONFIG_CHECK}};

	for (size_t i = 0; i < NP_COUNT(all); i++) {
		const struct platform_steps *steps = all[i].steps;
		const struct platform_step *step = steps->count > 0 ? &steps->items[steps->count - 1] : NULL;

		if (strcmp(all[i].name, name) != 0)
			continue;
		for (size_t k = 0; k < steps->count; k++)
			step = steps->items[k].ok != NULL ? &steps->items[k] : step;
		*phase = all[i].phase;
		return step;
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
	enum cli_config_phase phase = CLI_CONFIG_LINES;
	const struct platform_step *step = step_named(c, field[COMMAND], &phase);
	enum cli_outcome outcome;

	if (field[COMMAND][0] == '{' && step == NULL)
		return "of no step that there is";

	cli->op = CLI_OP_CONFIG;
	cli->phase = phase;
	if (step != NULL)
		cli_job_step(cli, step);
	else if (!pattern_list_matches(&c->shows, field[COMMAND], strlen(field[COMMAND])))
		cli->job.judged_as = CLI_JUDGE_ANSWER;
	judge(cli, field[ANSWER]);
	outcome = step != NULL ? cli_judge_step(cli) : cli->job.verdict.outcome;
	if (outcome == CLI_REFUSED && cli->job.verdict.busy)
		return "busy";
	return step != NULL ? claims[outcome] : lines[outcome];
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
