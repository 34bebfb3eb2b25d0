/*
 * What a connector is doing for somebody: found by its id when it answers, so that who asked is told and nobody else is
 * looked at.  Main thread only.
 */
#ifndef NP_JOB_H
#define NP_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hashtab.h"
#include "login/connector.h"
#include "secret/secret.h"

struct job;

/* NULL members: not expected of this kind of job. */
struct job_events {
	/* It has ended; its owner may submit it anew. */
	void (*done)(struct job *j, struct connect_result *result);
	/* Somebody must answer: jobs_answer(). */
	void (*prompt)(struct job *j, const struct connect_prompt *prompt);
	void (*notice)(struct job *j, const char *text);
	void (*step)(struct job *j, const struct connect_step *step);
};

/* Embedded in who asks.  All zero but events: not under way. */
struct job {
	struct hash_entry entry;
	const struct job_events *events;
	uint64_t id; /* the connector's; 0: not under way */
};

struct jobs {
	struct connector *connector;
	struct hashtab table;
};

void jobs_init(struct jobs *jobs, struct connector *connector);
/* Those that are left end, failed. */
void jobs_finish(struct jobs *jobs);

void job_submit(struct jobs *jobs, struct job *j, const struct attempt *attempt);
/* The end of it comes soon. */
void job_cancel(struct jobs *jobs, struct job *j, enum np_reason reason, const char *why);
/* A server has a secret of it, and has not judged that yet. */
bool job_is_judged(const struct jobs *jobs, const struct job *j);
/* See connector_awaits(). */
uint64_t job_awaits(const struct jobs *jobs, const struct job *j);
/* Its answer is no longer wanted: nothing is told any more. */
void job_forget(struct jobs *jobs, struct job *j);
/* The answer to a prompt; NULL: none. */
void jobs_answer(struct jobs *jobs, uint64_t job, uint64_t prompt, struct secret *value);

/* For the connector's events; false: the job is none of these. */
bool jobs_done(struct jobs *jobs, struct connect_result *result);
void jobs_prompt(struct jobs *jobs, const struct connect_prompt *prompt);
void jobs_notice(struct jobs *jobs, uint64_t id, const char *text);
void jobs_step(struct jobs *jobs, uint64_t id, const struct connect_step *step);

#endif
