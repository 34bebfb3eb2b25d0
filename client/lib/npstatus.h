/*
 * The result of `status`, as all who show it need it: its pages, which become one again, and the words for one device.
 * Pure; missing and unknown members are no error.
 */
#ifndef NP_STATUS_H
#define NP_STATUS_H

#include <stddef.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"

/* Takes `next` out of the page: the caller's, for `page` of the following request; NULL when this was the last one. */
cJSON *npstatus_page_next(cJSON *page);
/* Moves what the page holds behind what status holds, and frees the page. */
void npstatus_page_join(cJSON *status, cJSON *page);

/* Writes the text for one device of the status: its sessions, what runs and waits there, and for whom. */
/* What became of an account, in a line: who waits for it, who refused it. */
void npstatus_account(char *out, size_t size, const cJSON *account);
void npstatus_device_text(FILE *out, const cJSON *status, const cJSON *device);
/* What the operator has ordered for a device, "paused", or NULL. */
const char *npstatus_order(const cJSON *device);
/* "s", or "" behind one. */
const char *npstatus_plural(double n);
/* "5s", "3m", "2h", "4d"; "-" for negative values. */
const char *npstatus_duration(char *out, size_t size, double seconds);
/* "0.3ms", "12ms", "40s"; "-" for negative values. */
const char *npstatus_rtt(char *out, size_t size, double ms);

#endif
