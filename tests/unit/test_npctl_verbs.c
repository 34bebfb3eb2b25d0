/*
 * The rows of npctl's verbs: they agree with themselves and with the options, and npctl(1) says the same.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npctl/npctl_verb.h"
#include "base/compiler.h"
#include "base/xalloc.h"

#define PAGE_MAX (1u << 18)
#define FORM_MAX 256

static size_t
lines_of(const char *text)
{
	size_t n = 1;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void
test_usage_says_how_many_arguments_there_are(void **state NP_UNUSED)
{
	static const struct {
		const char *usage;
		int min, max;
	} cases[] = {{"", 0, 0}, {"ID", 1, 1}, {"[DEVICE]", 0, 1}, {"[DEVICE] [-f CONFIG]", 0, 1},
	    {"[--devices] [--label NAME=VALUE]", 0, 0}, {"[DEVICE ...] [--all | --page NUMBER]", 0, NPCTL_ARGS_MANY},
	    {"DEVICE ... [-m TEXT] [--wait]", 1, NPCTL_ARGS_MANY}, {"DEVICE [COMMAND ...]", 1, NPCTL_ARGS_MANY},
	    {"DEVICE ... [--now]\n#ID [--now]", 1, NPCTL_ARGS_MANY}, {"ONE TWO [-x]", 2, 2}};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct npctl_verb verb = {.usage = cases[i].usage};
		int min, max;

		npctl_verb_arguments(&verb, &min, &max);
		if (min != cases[i].min || max < cases[i].max || (max > cases[i].max && max < NPCTL_ARGS_MANY))
			fail_msg("`%s': %d to %d", cases[i].usage, min, max);
	}
}

static void
test_rows_agree_with_themselves(void **state NP_UNUSED)
{
	for (size_t i = 0; npctl_verbs[i] != NULL; i++) {
		const struct npctl_verb *v = npctl_verbs[i];
		int min, max;

		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(v->name, npctl_verbs[k]->name);
		assert_int_equal(lines_of(v->usage), lines_of(v->help));
		npctl_verb_arguments(v, &min, &max);
		assert_true(min == 0 || v->missing != NULL || strncmp(v->usage, "DEVICE", strlen("DEVICE")) == 0);
		assert_true((v->login == NULL) == (v->broker != NPCTL_BROKER_STARTS));
		assert_true(v->method == NULL || v->run == NULL);
		assert_true((v->print == NULL) || (v->done == NULL) == (v->already == NULL));
		assert_true(v->task != NULL || !npctl_verb_takes(v, "-f") || v->broker == NPCTL_BROKER_UNUSED);
		assert_true(strlen(v->name) + 1 < FORM_MAX);
	}
}

/* What the command line says to the verb with that option, or NULL when it says nothing. */
static const char *
complaint(const struct npctl_verb *v, const char *option, const char *argument, struct np_error *err)
{
	char name[FORM_MAX], *argv[8], *save = NULL;
	struct npctl_options o;
	int argc = 0, min, max;

	snprintf(name, sizeof(name), "%s", v->name);
	argv[argc++] = (char *)(uintptr_t) "npctl";
	for (char *word = strtok_r(name, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc++] = (char *)(uintptr_t)option;
	if (argument != NULL)
		argv[argc++] = (char *)(uintptr_t)argument;
	npctl_verb_arguments(v, &min, &max);
	if (min > 0)
		argv[argc++] = (char *)(uintptr_t) "1";
	argv[argc] = NULL;
	return npctl_options_parse(argc, argv, &o, err) == NPOPTION_USAGE ? err->text : NULL;
}

static void
test_each_verb_takes_the_options_of_its_usage_and_no_other(void **state NP_UNUSED)
{
	static const struct {
		const char *name, *argument;
	} options[] = {{"--all", NULL}, {"--wait", NULL}, {"--now", NULL}, {"-m", "text"}, {"-f", "file"},
	    {"--login", NULL}, {"--page", "2"}, {"-d", "2"}, {"--devices", NULL}, {"--label", "a=b"},
	    {"--output", "file"}};
	struct np_error err;

	for (size_t i = 0; npctl_verbs[i] != NULL; i++) {
		for (size_t k = 0; k < NP_COUNT(options); k++) {
			const char *said = complaint(npctl_verbs[i], options[k].name, options[k].argument, &err);
			bool refused = said != NULL && strstr(said, "does not go with it") != NULL;
			bool taken = npctl_verb_takes(npctl_verbs[i], options[k].name) ||
				     (k == 0 && npctl_verb_takes(npctl_verbs[i], "DEVICE ..."));

			if (refused == taken)
				fail_msg("%s %s: %s", npctl_verbs[i]->name, options[k].name, said != NULL ? said : "");
		}
	}
}

/* ---- the manual ---- */

static char *
read_page(void)
{
	const char *srcdir = getenv("srcdir");
	char *path = xasprintf("%s/man/npctl.1", srcdir != NULL ? srcdir : "."), *text = xcalloc(1, PAGE_MAX);
	FILE *f = fopen(path, "r");

	if (f == NULL)
		fail_msg("cannot read %s", path);
	assert_true(fread(text, 1, PAGE_MAX - 1, f) > 0);
	fclose(f);
	free(path);
	return text;
}

/* What is made of the words of an item: brackets, dashes and capitals as people read them. */
struct form {
	char text[FORM_MAX];
	char macro[4]; /* the last one, as "Ar" */
	bool joined;   /* no blank before the next word */
	bool to_end;   /* a bracket is open that ends with the line */
};

static void
put(struct form *f, const char *before, const char *word, bool upper)
{
	size_t n = strlen(f->text);

	n += (size_t)snprintf(f->text + n, sizeof(f->text) - n, "%s%s%s", f->joined || n == 0 ? "" : " ", before, word);
	assert_true(n < sizeof(f->text));
	for (char *p = f->text + n - strlen(word); upper && *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	f->joined = false;
}

static void
put_word(struct form *f, const char *word)
{
	static const char *const macros[] = {"Cm", "Ar", "Fl", "No", "Op", "Oo", "Oc", "Ns"};

	for (size_t i = 0; i < NP_COUNT(macros); i++) {
		if (strcmp(word, macros[i]) != 0)
			continue;
		snprintf(f->macro, sizeof(f->macro), "%s", i < 4 ? word : "");
		if (strcmp(word, "Op") == 0 || strcmp(word, "Oo") == 0) {
			put(f, "[", "", false);
			f->to_end |= strcmp(word, "Op") == 0;
			f->joined = true;
		} else if (strcmp(word, "Oc") == 0) {
			f->joined = true;
			put(f, "]", "", false);
		} else if (strcmp(word, "Ns") == 0) {
			f->joined = true;
		}
		return;
	}
	put(f, strcmp(f->macro, "Fl") == 0 && strcmp(word, "|") != 0 ? "-" : "", word, strcmp(f->macro, "Ar") == 0);
}

static void
end_line(struct form *f)
{
	if (f->to_end) {
		f->joined = true;
		put(f, "]", "", false);
	}
	f->to_end = false;
}

/* The next item of the page that begins with a command, as one form; NULL at the end of the list. */
static const char *
next_item(const char *p, struct form *f)
{
	char line[FORM_MAX], *save = NULL;
	bool inside = false;

	*f = (struct form){.joined = false};
	for (; *p != '\0' && strncmp(p, ".El", 3) != 0; p += strcspn(p, "\n") + 1) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
		if (strcmp(line, ".It Xo") == 0 || strncmp(line, ".It Cm", 6) == 0)
			inside = true;
		else if (strcmp(line, ".Xc") == 0)
			break;
		else if (!inside)
			continue;
		for (char *word = strtok_r(line, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
			word += word[0] == '.' && word[1] != '.';
			if (strcmp(word, "It") != 0 && strcmp(word, "Xo") != 0)
				put_word(f, word);
		}
		end_line(f);
		if (strncmp(p, ".It Cm", 6) == 0)
			break;
	}
	if (f->text[0] == '\0')
		return NULL;
	return p + strcspn(p, "\n");
}

/* Whether a verb has that form, whose bit is then set in *seen. */
static bool
has_form(const char *text, uint64_t *seen)
{
	size_t number = 0;

	for (size_t i = 0; npctl_verbs[i] != NULL; i++) {
		for (const char *usage = npctl_verbs[i]->usage;; usage += strcspn(usage, "\n") + 1, number++) {
			char form[FORM_MAX];
			size_t n = strcspn(usage, "\n");

			snprintf(form, sizeof(form), "%s%s%.*s", npctl_verbs[i]->name, n > 0 ? " " : "", (int)n, usage);
			if (strcmp(form, text) == 0) {
				*seen |= UINT64_C(1) << number;
				return true;
			}
			if (usage[n] == '\0')
				break;
		}
		number++;
	}
	return false;
}

static void
test_manual_has_every_form_of_every_verb(void **state NP_UNUSED)
{
	char *page = read_page();
	const char *p = strstr(page, "The commands are as follows:");
	struct form form;
	uint64_t seen = 0;
	size_t forms = 0;

	assert_non_null(p);
	while ((p = next_item(p, &form)) != NULL)
		if (!has_form(form.text, &seen))
			fail_msg("npctl(1) has `%s', which is the usage of no verb", form.text);
	for (size_t i = 0; npctl_verbs[i] != NULL; i++)
		for (size_t k = 0; k < lines_of(npctl_verbs[i]->usage); k++, forms++)
			if ((seen & UINT64_C(1) << forms) == 0)
				fail_msg("npctl(1) lacks `npctl %s %s'", npctl_verbs[i]->name, npctl_verbs[i]->usage);
	assert_true(forms <= 64);
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_usage_says_how_many_arguments_there_are),
	    cmocka_unit_test(test_rows_agree_with_themselves),
	    cmocka_unit_test(test_each_verb_takes_the_options_of_its_usage_and_no_other),
	    cmocka_unit_test(test_manual_has_every_form_of_every_verb),
	};

	return cmocka_run_group_tests_name("npctl_verbs", tests, NULL, NULL);
}
