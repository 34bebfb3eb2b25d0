/*
 * Fuzz target for src/platform*.c: any text is either refused with a message that names the file and line, or makes a
 * definition that can be asked.
 */
#include "fuzz.h"

#include <string.h>

#include "platform/platform.h"

static void
ask(const struct platform *p)
{
	static const char *const tails[] = {"R1#", "ops@mx1> ", "<SW1>", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	FUZZ_ASSERT(p->name != NULL && p->base_mode != NULL && p->modes_count > 0);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct platform_view view = {.tail = tails[i], .size = strlen(tails[i])};
		struct pattern_span host = {0, 0};
		char *shown;
		size_t size;

		if (platform_mode_of(p, &view, &host) != NULL)
			FUZZ_ASSERT(host.start + host.size <= view.size);
		pattern_list_matches(&p->errors, tails[i], strlen(tails[i]));
		shown = platform_redact(p, tails[i], strlen(tails[i]), &size);
		free(shown);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct np_error err = {0};
	struct platform *p = platform_parse((const char *)data, size, "t.yaml", NULL, NULL, &err);

	if (p == NULL) {
		FUZZ_ASSERT(err.reason != REASON_NONE && strncmp(err.text, "t.yaml:", 7) == 0);
		return 0;
	}
	ask(p);
	platform_unref(p);
	return 0;
}
