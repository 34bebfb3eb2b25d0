/*
 * What the platform*.c files share; for them only.
 */
#ifndef NP_PLATFORM_IMPL_H
#define NP_PLATFORM_IMPL_H

#include "base/compiler.h"
#include "base/error.h"
#include "platform/platform.h"
#include "schema/docfile.h"
#include "schema/schema.h"
#include "schema/yamldoc.h"

/* --- platform_key.c: the keys --- */

extern const struct schema_table platform_table, platform_mode_table;

/* --- platform_kind.c: their types, where those are more than a value --- */

extern const struct schema_kind platform_pattern_kind, platform_patterns_kind, platform_modes_kind;

/* --- platform_lint.c --- */

/* What no single key can tell: references, samples, ambiguity, costly expressions.  0, or -1 with err. */
int platform_lint(struct platform *p, const struct yamldoc *doc, struct np_error *err) NP_MUST_CHECK;

struct lint {
	struct platform *p;
	const struct yamldoc *doc;
	struct np_error *err;
};

/* Where the mode stands, or the beginning when it came from a base. */
const struct yamldoc_node *platform_lint_where_mode(const struct lint *l, const struct platform_mode *mode);
/* Kept in the platform for `npctl platform check`; node NULL: the beginning. */
void platform_lint_warn(const struct lint *l, const struct yamldoc_node *node, const char *fmt, ...) NP_PRINTF(3, 4);

/* --- platform_lint_sample.c --- */

/* 0, or -1 with l->err. */
int platform_lint_samples(const struct lint *l) NP_MUST_CHECK;

#endif
