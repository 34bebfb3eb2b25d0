/*
 * The log: one line an event, that stands alone: token, who, what, why, how long.
 *
 * Levels: error = somebody must act; warning = degraded, retried; info = session up or down, request done; debug =
 * state moves and frame types, never payload and never a secret.  Thread-safe.  The log is one of the two places with
 * state of its own (HACKING.md).
 */
#ifndef NP_LOG_H
#define NP_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * Receives finished lines, "token: text", without a newline and with control bytes made harmless.  The default writes
 * them to stderr or the log file, with time and level.  Runs under the log's lock: a sink must not log.
 */
typedef void log_sink_fn(enum log_level level, const char *line, void *arg);

void log_set_level(enum log_level level);
/* Whether lines of this level are written. */
bool log_wants(enum log_level level);
/* For tests; fn NULL restores stderr. */
void log_set_sink(log_sink_fn *fn, void *arg);
/*
 * Appends to path (0600, created; symlinks refused) from now on.  At max_bytes the file becomes PATH.1, one old copy,
 * and a new one begins.  Returns 0, or -1 with err set and the former sink kept.
 */
int log_open_file(const char *path, size_t max_bytes, struct np_error *err) NP_MUST_CHECK;
/* Opens the file again after a log rotation by others (HUP).  No effect without log_open_file(). */
void log_reopen(void);
void log_close(void);

/* One line.  token: the subsystem ("pool", "session", "peer").  Texts from servers must have passed text_vis() before.
 */
void log_at(enum log_level level, const char *token, const char *fmt, ...) NP_PRINTF(3, 4);
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
