/*
 * The prompt engine: whether the last line of a terminal is the device's prompt, and how sure that is.
 *
 * The learned literal first (a comparison of bytes), the platform's expressions second; only the tail is looked at, and
 * only when the channel is drained, which the caller says: a prompt is where a device falls silent, and the boundary of
 * a read is no silence.  Pure; the owner's thread.
 */
#ifndef NP_PROMPT_H
#define NP_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "platform/platform.h"

#define PROMPT_MAX 512 /* a longer line is no prompt */

enum prompt_tier {
	PROMPT_NONE,
	PROMPT_SHAPE,  /* a mode's expression matches, but it names another host than the learned one, or none */
	PROMPT_HOST,   /* a mode's expression matches, with the learned host's name */
	PROMPT_LITERAL /* byte for byte the learned prompt, but for what the platform masks */
};

struct prompt_match {
	enum prompt_tier tier;
	const struct platform_mode *mode;
};

/* What was learned of one shell. */
struct prompt {
	const struct platform *platform;  /* the owner holds a reference */
	const struct platform_mode *mode; /* NULL: nothing learned yet */
	char shown[PROMPT_MAX];           /* as it stood there last: echoes begin with it */
	size_t shown_size;
	char host[128];
	size_t host_size;
	bool derived; /* no mode's expression matches it: a sub-mode that was seen for the first time */
};

/* How much a tail that is of no mode has in common with the known prompt. */
enum prompt_kin {
	PROMPT_STRANGER,
	PROMPT_SAME_HOST, /* begins with the same name, and ends as prompts do */
	PROMPT_DERIVED    /* and ends as the known one does: "R1(config-x)#" behind "R1(config)#" */
};

void prompt_init(struct prompt *p, const struct platform *platform);
/* The size of a text without the blanks at its end: 0 when it holds nothing else. */
size_t prompt_trim(const char *text, size_t size);
/*
 * Judges the tail; whole false (the end of a very long line) or drained false: PROMPT_NONE.
 */
struct prompt_match prompt_test(const struct prompt *p, const struct platform_view *view, bool whole, bool drained);
enum prompt_kin prompt_kin(const struct prompt *p, const struct platform_view *view);
/* Takes the view, which prompt_test() called a prompt of that mode, or which was proven, as the literal from now on. */
void prompt_learn(struct prompt *p, const struct platform_view *view, const struct platform_mode *mode);
/* Whether two tails are the same prompt, but for what the platform masks, and blanks at the end. */
bool prompt_same(const struct prompt *p, const char *a, size_t a_size, const char *b, size_t b_size);
/* Bytes at the start of a line that are the prompt as it was shown last (for echoes); 0 when it does not begin so. */
size_t prompt_prefix(const struct prompt *p, const char *line, size_t size);

#endif
