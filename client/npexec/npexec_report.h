/*
 * What a result means: for the exit status, for people (one line), for programs (-j: one JSON object a line).  Pure.
 */
#ifndef NP_EXEC_REPORT_H
#define NP_EXEC_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"

#define NPEXEC_STATUS_DEVICE_ERROR 1
#define NPEXEC_STATUS_TIMEOUT 124
#define NPEXEC_STATUS_SIGNAL 128
#define NPEXEC_STATUS_INTERRUPTED 130
#define NPEXEC_STATUS_FAILED 255

/*
 * The exit status for the fields of a result.  When it stands for a failure of the connection or of a limit and not
 * for the remote command, err is set (else cleared): it belongs on stderr.
 */
int npexec_status(const cJSON *result, struct np_error *err);
/* The same for an error alone. */
int npexec_status_of_reason(enum np_reason reason);
/* The number of a signal by its name without SIG, 0 when it has none here. */
int npexec_signal_number(const char *name);

/* "core1: auth_failed: text" without a newline; device is made harmless.  Caller frees. */
char *npexec_error_line(const char *device, const struct np_error *err) NP_MALLOC;
/*
 * How a command ended that did not succeed: "exit status 3", "died of signal TERM", the device's own words; before it
 * the command, when not NULL.  NULL when it succeeded, or when npexec_status() gives an error.  Caller frees.
 */
char *npexec_status_line(const cJSON *result, const char *command) NP_MUST_CHECK;
/* The line of -v: session, whether it was warm, times. Caller frees. */
char *npexec_timing_line(const cJSON *result) NP_MALLOC;

/*
 * One line of -j into b: the device (when not NULL and not among the fields), the command (when not NULL), the fields
 * of the result, both outputs (when not NULL).  -1 when it does not fit.
 */
int npexec_json_line(struct buf *b, const char *device, const char *command, size_t command_size, const cJSON *result,
    const struct buf *output) NP_MUST_CHECK;

#endif
