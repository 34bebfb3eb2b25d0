/*
 * netpulsed's command line.
 */
#ifndef NP_OPTIONS_H
#define NP_OPTIONS_H

#include <stdbool.h>

#include "base/compiler.h"

/* What the process shall do. */
enum daemon_task {
	TASK_SERVE,
	TASK_CHECK,          /* -t: check the configuration, or with platform_file that file */
	TASK_SHOW_CONFIG,    /* -T [DEVICE] */
	TASK_SHOW_PLATFORMS, /* -L [NAME] */
	TASK_POLICY,         /* -A ROLE DEVICE ... */
	TASK_DONE            /* --help, --version: printed */
};

/* Strings are those of argv. */
struct daemon_options {
	enum daemon_task task;
	const char *config_file;
	const char *platform_file;
	const char *name;  /* the argument of -T and -L, or NULL */
	char **more_files; /* behind platform_file, ends with NULL */
	bool policy;       /* -A; with -t: check the policy alone */
	char **args;       /* of -A, ends with NULL */
	bool system;       /* --system: a broker for all who may connect */
	const char *socket;
	double idle_exit;
	bool debug;
	int startup_fd; /* -1: none */
};

/* 0, or -1 after a word on stderr. */
int options_parse(struct daemon_options *o, int argc, char **argv) NP_MUST_CHECK;

#endif
