/* What --help and `npctl help` say, from the rows of the verbs and of the options. */
#include <stdio.h>
#include <string.h>

#include "npctl/npctl_impl.h"

#define HELP_COLUMN 29

/* A line for each form of a verb: what stands before its options, and the help; or, in full, all of it and then the
 * help. */
static void
print_verb(const struct npctl_verb *verb, bool full)
{
	const char *usage = verb->usage, *help = verb->help;

	for (;;) {
		size_t n = strcspn(usage, "\n"), h = strcspn(help, "\n");
		const char *options = strstr(usage, "[-");
		size_t shown = !full && options != NULL && options < usage + n ? (size_t)(options - usage) : n;
		int used =
		    printf("%s %s%s%.*s", full ? "npctl" : " ", verb->name, shown > 0 ? " " : "", (int)shown, usage);

		printf("%*s %.*s\n",
		    full                 ? 0
		    : used < HELP_COLUMN ? HELP_COLUMN - used
					 : 0,
		    full ? "\n   " : "", (int)h, help);
		if (usage[n] == '\0' || help[h] == '\0')
			return;
		usage += n + 1;
		help += h + 1;
	}
}

void
npctl_help(void)
{
	puts("usage: npctl [-S SOCKET] [--json] COMMAND [ARGUMENT ...]\n");
	for (size_t i = 0; npctl_verbs[i] != NULL; i++)
		print_verb(npctl_verbs[i], false);
	puts("\nDEVICE is a name; where several are taken also a list, a @group or a glob, or --all.\n");
	npctl_options_help(NULL);
}

static void
print_one(const struct npctl_verb *verb)
{
	print_verb(verb, true);
	npctl_options_help(verb);
}

/* Of `config` alone all that begins so. */
static void
run_help(struct npctl *c)
{
	const struct npctl_verb *verb;
	struct np_error err;
	size_t found = 0;
	int used;

	if (c->o->args_count == 0) {
		npctl_help();
		return;
	}
	verb = npctl_verb_find(c->o->args, c->o->args_count, &used, &err);
	if (verb != NULL) {
		print_one(verb);
		return;
	}
	for (size_t i = 0; npctl_verbs[i] != NULL && c->o->args_count == 1; i++) {
		size_t n = strlen(c->o->args[0]);
		if (strncmp(npctl_verbs[i]->name, c->o->args[0], n) != 0 || npctl_verbs[i]->name[n] != ' ')
			continue;
		print_one(npctl_verbs[i]);
		found++;
	}
	if (found == 0) {
		npctl_say_error(c, NULL, &err);
		c->status = NPCTL_EXIT_USAGE;
	}
}

const struct npctl_verb npctl_verb_help = {
    .name = "help",
    .usage = "[COMMAND ...]",
    .help = "what a command takes, or this",
    .no_json = "it is for people",
    .broker = NPCTL_BROKER_UNUSED,
    .run = run_help,
};
