/*
 * The params of requests (netpulse-protocol(7)), checked and copied out of JSON.  Pure.
 *
 * Unknown members are refused and named: a misspelt time limit that is silently ignored would be worse than an error.
 */
#ifndef NP_PARAMS_H
#define NP_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/error.h"
#include "platform/pattern.h"
#include "secret/secret.h"

struct schema_table;

#define PARAMS_ANSWERS_MAX 100
#define PARAMS_COMMANDS_MAX 10000
#define PARAMS_ENV_MAX 256
#define PARAMS_CAPTURE_MAX (256u * 1024u)

/* Which device, and what the client said about it beside its name.  The part of the params that makes the pool key. */
struct device_ref {
	char *operand;   /* name, user@host, host:port; NULL when object is set */
	char *object;    /* JSON text of one device entry */
	char *overrides; /* JSON text of an object with sorted keys, or NULL */
};

/* For questions that a command asks on a command line. */
struct params_answer {
	struct pattern *match;
	struct secret *text;
};

enum on_error { ON_ERROR_DEFAULT, ON_ERROR_CONTINUE, ON_ERROR_STOP };

enum exec_kind { EXEC_COMMAND, EXEC_SHELL, EXEC_SUBSYSTEM };

struct command {
	char *text; /* any bytes, with a NUL behind */
	size_t size;
};

/* The params of all verbs that make a request; each fills what it has. */
struct exec_params {
	struct device_ref device;
	enum exec_kind kind;
	struct command *commands; /* one for EXEC_COMMAND and EXEC_SUBSYSTEM, several for a batch, none for a shell */
	size_t commands_count;
	bool batch; /* `commands` was used: results carry an index */
	bool capture;
	bool no_stdin; /* the command's standard input is empty, nobody says eof */
	bool pty;
	char *term;
	int cols, rows;
	char **env; /* NAME=VALUE, NULL-terminated, or NULL */
	enum on_error on_error;
	bool fresh;
	bool interactive;
	char *agent_socket;
	uint64_t window; /* 0: back-pressure by the socket */
	/* Seconds; negative: not given. */
	double timeout;
	double first_byte_timeout;
	double idle_timeout;
	double queue_timeout;
	/* Devices that are driven through an interactive shell. */
	bool enable; /* in the privileged mode */
	bool prove;
	bool raw;
	bool hold; /* the lease stays with this client after the request */
	struct params_answer *answers;
	size_t answers_count;
	/* `config` */
	bool save, keep_going, dry_run;
	int confirm_minutes; /* 0: a plain commit */
	bool login;          /* `test`: log in, too */
};

/* The verbs whose params make a request; bits of a row's `where`. */
enum params_verb {
	PARAMS_EXEC = 1 << 0,
	PARAMS_CONFIG = 1 << 1, /* its lines come as stdin */
	PARAMS_OPEN = 1 << 2,
	PARAMS_RECORD = 1 << 3, /* exec on a shell of its own; without commands, what tells the platform */
	PARAMS_PLATFORM_TEST = 1 << 4,
	PARAMS_TEST = 1 << 5
};
extern const struct schema_table params_table;

/* 0, or -1 with err (invalid_params).  Either way the caller calls exec_params_finish(). */
int exec_params_parse(
    enum params_verb verb, const cJSON *params, struct exec_params *p, struct np_error *err) NP_MUST_CHECK;
void exec_params_finish(struct exec_params *p);

/* A key that is equal for equal references: the pool key (caller frees). */
char *device_ref_key(const struct device_ref *ref) NP_MALLOC;
void device_ref_finish(struct device_ref *ref);
struct device_ref device_ref_copy(const struct device_ref *ref);

/* Overwrites every string of a JSON tree, which may have held a secret, before it is freed. */
void params_wipe(cJSON *item);

/* 0 when params (NULL: none) has no members but those in names[]; else -1 with err naming the first and the nearest. */
int params_only(const cJSON *params, const char *const *names, size_t count, struct np_error *err) NP_MUST_CHECK;
/* err: "`name` must be wanted"; returns -1. */
int params_bad(struct np_error *err, const char *name, const char *wanted);
/* Reads an optional boolean member into *value; -1 with err when it is something else. */
int params_bool(const cJSON *params, const char *name, bool *value, struct np_error *err) NP_MUST_CHECK;
/* Reads an optional string member (a pointer into params, else *value is left); -1 when it is something else. */
int params_string(const cJSON *params, const char *name, const char **value, struct np_error *err) NP_MUST_CHECK;
/* Reads an optional number between min and max; -1 when it is something else. */
int params_number(
    const cJSON *params, const char *name, double min, double max, double *value, struct np_error *err) NP_MUST_CHECK;

#endif
