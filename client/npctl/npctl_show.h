/*
 * What npctl shows to people: status, `config show`, `platform list` and `platform show`.  JSON in, text out; missing
 * and unknown members are no error, and what a hostile broker or file says is made harmless.
 */
#ifndef NP_CTL_SHOW_H
#define NP_CTL_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#define NPCTL_WIDTH 100 /* columns of the table of devices at most */

struct npctl_view {
	bool detail;  /* with every session and request and the whole last error, as for a single device */
	size_t first; /* of the devices in the order of the table, from 0 */
	size_t rows;  /* of the table at most; 0: all */
};

/* A result of status: devices that are in use, failed or were steered come first. */
void npctl_status_text(FILE *out, const cJSON *status, const struct npctl_view *view);
/* A result of config_show: each setting that has a value, and where it came from. */
void npctl_config_text(FILE *out, const cJSON *result);
/* A result of platforms: the table, or with detail one definition. */
void npctl_platforms_text(FILE *out, const cJSON *result, bool detail);

#endif
