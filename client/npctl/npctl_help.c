/* What --help says, from the rows of the verbs and of the options. */
#include <stdio.h>
#include <string.h>

#include "npctl/npctl.h"
#include "npctl/npctl_verb.h"

#define HELP_COLUMN 29

/* A line for each form: what stands before its options, and the help. */
static void
print_verb(const struct npctl_verb *verb)
{
	const char *usage = verb->usage, *help = verb->help;

	for (;;) {
		size_t n = strcspn(usage, "\n"), h = strcspn(help, "\n");
		const char *options = strstr(usage, "[-");
		size_t args = options != NULL && options < usage + n ? (size_t)(options - usage) : n;
		int used = printf("  %s %.*s", verb->name, (int)args, usage);

		printf("%*s %.*s\n", used < HELP_COLUMN ? HELP_COLUMN - used : 0, "", (int)h, help);
		if (usage[n] == '\0' || help[h] == '\0')
			return;
		usage += n + 1;
		help += h + 1;
	}
}

void
npctl_help(void)
{
	puts("usage: npctl [-S socket] [--json] command [argument ...]\n");
	for (size_t i = 0; npctl_verbs[i] != NULL; i++)
		print_verb(npctl_verbs[i]);
	puts("\nDEVICE is a name; where several are taken also a list, a @group or a glob, or --all.\n");
	npctl_options_help(NULL);
}
