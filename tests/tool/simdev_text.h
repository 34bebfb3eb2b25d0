/* The texts of scenarios: escapes, values in braces, patterns of words. */
#ifndef SIMDEV_TEXT_H
#define SIMDEV_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Appends the value of a name and returns true, or appends nothing: false. */
typedef bool (*sim_value_fn)(void *arg, const char *name, struct buf *out);

/*
 * Appends what a template stands for: \n \r \t \b \e \a \0 \s (a blank) \xHH \\ and {NAME} or {NAME:WIDTH} (cut to so
 * many characters); braces around anything else are just that.  value may be NULL.  True: it ended with \c.
 */
bool sim_expand(struct buf *out, const char *template, sim_value_fn value, void *arg);
/* The same as a string of its own; free(3). */
char *sim_expand_string(const char *template, sim_value_fn value, void *arg);

/* Whether a name is in a comma-separated list, whose members may end in `*`. */
bool sim_in_list(const char *list, const char *name);
/* Takes the first word off the text (moves *text behind it and the blanks that follow); NULL: no more.  free(3). */
char *sim_take_word(const char **text);

#endif
