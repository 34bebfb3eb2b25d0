/*
 * What can be said about a configuration that could be read: names of platforms that do not exist, files that are
 * missing.  Looks at the file system; main thread.
 */
#ifndef NP_CONF_LINT_H
#define NP_CONF_LINT_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "platform/platform.h"

/* One remark.  text: "FILE:LINE: what, and what to do". */
struct conf_remark {
	char *text;
	bool is_error; /* requests for the device will be refused; else it is only unwise */
};

struct conf_remarks {
	struct conf_remark *items;
	size_t count;
};

/* In the order of the file.  The caller frees them by conf_remarks_finish(). */
struct conf_remarks conf_lint(const struct config *config, const struct platforms *set);
/* About the policy. */
void policy_lint(struct conf_remarks *remarks, const struct config *config);
void conf_remark_add(struct conf_remarks *remarks, bool is_error, const char *where, const char *fmt, ...)
    NP_PRINTF(4, 5);
void conf_remarks_finish(struct conf_remarks *remarks);

#endif
