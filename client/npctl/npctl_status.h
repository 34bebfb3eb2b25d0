/*
 * The status of the broker as people read it: lines and a table of at most NPCTL_WIDTH columns.  Pure.
 */
#ifndef NP_CTL_STATUS_H
#define NP_CTL_STATUS_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/compiler.h"

#define NPCTL_WIDTH 100

struct npctl_view {
	bool detail;  /* with every session and request and the whole last error, as for a single device */
	size_t first; /* of the devices in the order of the table, from 0 */
	size_t rows;  /* of the table at most; 0: all */
};

/*
 * Appends the text for the result of `status` to b: devices that are in use, failed or were steered come first.
 * Missing and unknown members are no error.  -1 when it does not fit.
 */
int npctl_status_text(struct buf *b, const cJSON *status, const struct npctl_view *view) NP_MUST_CHECK;

#endif
