/* Configurations of a simulated device: lines, those with a leading blank below the last one without.  Not locked. */
#ifndef SIMDEV_CONFIG_H
#define SIMDEV_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct sim_config {
	char **lines;
	size_t count;
};

void sim_config_free(struct sim_config *c);
/* A line that is there already stays where it is; one with a leading blank goes below context. */
void sim_config_add(struct sim_config *c, const char *context, const char *line);
/* All lines that begin with these words, with what stands below them; with a leading blank: only below context. */
void sim_config_delete(struct sim_config *c, const char *context, const char *line);
void sim_config_copy(struct sim_config *to, const struct sim_config *from);
bool sim_config_equal(const struct sim_config *a, const struct sim_config *b);
/* Each line with a newline. */
void sim_config_print(const struct sim_config *c, struct buf *out);

#endif
