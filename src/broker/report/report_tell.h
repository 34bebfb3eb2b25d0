/*
 * The verb status, and how numbers and programs are shown.  Main thread only.
 */
#ifndef NP_REPORT_TELL_H
#define NP_REPORT_TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include <sys/types.h>
#include <cjson/cJSON.h>

struct broker;
struct client;
struct device;
struct link;
struct request;
struct message;

/* ---- report_status.c ---- */

cJSON *broker_strings(char *const *v, size_t n);
double broker_round(double x, double per_unit);
/* Resident memory. */
double broker_memory_kb(void);
/* brief: without sessions, clients, requests and the texts of errors, for who asks often.  NULL with err: no such
 * device. */
int broker_verb_status(struct client *client, const struct message *m, struct np_error *err);
/* The name of a running program, made harmless; "" when it cannot be had.  Returns out. */
const char *broker_program(pid_t pid, char *out, size_t size);
/* The parent of a process; 0 when it cannot be had. */
pid_t broker_parent(pid_t pid);

#endif
