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
#include "base/strings.h"
#include "cli/cli.h"
#include "secret/secret.h"

struct schema_table;

#define PARAMS_ANSWERS_MAX 100
#define PARAMS_COMMANDS_MAX 10000
#define PARAMS_ENV_MAX 256
#define PARAMS_CAPTURE_MAX (256u * 1024u)
#define ASK_LABELS_MAX 8

/* Which device, and what the client said about it beside its name.  The part of the params that makes the pool key. */
struct device_ref {
	char *operand;            /* name, user@host, host:port; NULL when object is set */
	struct secret *object;    /* JSON text of one device entry, which may hold a password */
	struct secret *overrides; /* JSON text of an object with sorted keys, or NULL */
	unsigned long of_user;    /* no param: 1 + the uid whose alone its sessions are; 0: anybody's */
};

enum on_error { ON_ERROR_DEFAULT, ON_ERROR_CONTINUE, ON_ERROR_STOP };

enum exec_kind { EXEC_COMMAND, EXEC_SHELL, EXEC_SUBSYSTEM, EXEC_FORWARD };

struct command {
	char *text; /* any bytes, with a NUL behind */
	size_t size;
};

/* The params of all verbs that make a request; each fills what it has. */
struct exec_params {
	struct device_ref device;
	enum exec_kind kind;
	struct command *commands; /* one, HOST:PORT for EXEC_FORWARD, several for a batch, none for a shell */
	size_t commands_count;
	bool batch; /* `commands` was used: results carry an index */
	bool capture;
	bool no_stdin;   /* the command's standard input is empty, nobody says eof */
	bool no_lend;    /* no param: its client is another user's, whose descriptor is not ours to open */
	bool half_close; /* of EXEC_FORWARD: the client says eof itself when the far end has */
	bool pty;
	char *term;
	char *modes; /* of the terminal, RFC 4254 section 8 in base64; or NULL */
	int cols, rows;
	char **env;        /* NAME=VALUE, NULL-terminated, or NULL */
	bool env_optional; /* a command line, which has no environment, may do without */
	enum on_error on_error;
	bool fresh;
	bool interactive;
	bool verbose; /* until it was told what of ssh's configuration is not honoured */
	char *agent_socket;
	uint64_t window; /* 0: back-pressure by the socket */
	/* Seconds; negative: not given. */
	double timeout;
	double first_byte_timeout;
	double idle_timeout;
	double queue_timeout;
	/* Devices that are driven through an interactive shell. */
	bool enable;            /* in the privileged mode */
	bool lines;             /* no command: where there is a command line, nothing runs, and the client is told */
	bool hold;              /* the lease stays with this client after the request */
	struct cli_command cli; /* each of the commands, or the configuration: all but its text and limits */
	bool login;             /* `test`: log in, too */
	bool parent;            /* `mux`: not the client is to come, but who has started it */
	bool present;           /* `mux`: only to a session that there is */
};

/* The verbs whose params make a request; bits of a row's `where`. */
enum params_verb {
	PARAMS_EXEC = 1 << 0,
	PARAMS_CONFIG = 1 << 1, /* its lines come as stdin */
	PARAMS_OPEN = 1 << 2,
	PARAMS_RECORD = 1 << 3, /* exec on a shell of its own; without commands, what tells the platform */
	PARAMS_PLATFORM_TEST = 1 << 4,
	PARAMS_TEST = 1 << 5,
	PARAMS_MUX = 1 << 6
};

/* Those that look and steer. */
enum ask_verb {
	ASK_NOTHING = 1 << 0, /* has no params */
	ASK_CLOSE = 1 << 1,
	ASK_KILL = 1 << 2,
	ASK_STEER = 1 << 3, /* resume, enable */
	ASK_PAUSE = 1 << 4,
	ASK_SHUT = 1 << 5, /* disable, drain */
	ASK_RECONNECT = 1 << 6,
	ASK_STATUS = 1 << 7,
	ASK_STOP = 1 << 8,
	ASK_DEVICES = 1 << 9,
	ASK_CONFIG_SHOW = 1 << 10,
	ASK_PLATFORMS = 1 << 11,
	ASK_WATCH = 1 << 12,
	ASK_METRICS = 1 << 13,
	ASK_ACCOUNTS = 1 << 14,
	ASK_CONFIRM = 1 << 15
};

struct ask_label {
	char *name, *value;
};

/* What is not given is NULL, 0 or false. */
struct ask_params {
	char *device;
	struct strings devices;
	bool all;
	uint64_t number; /* `session` or `id` */
	bool now, wait;
	char *text; /* the operator's words */
	char *agent_socket;
	bool brief;
	char *page;
	int limit;
	char *name; /* `name`, `pattern` or `retry` */
	struct ask_label *labels;
	size_t labels_count;
	bool each_device; /* `devices` of metrics */
	bool confirm;     /* `watch`: asks a person */
	bool allow;       /* `confirm`: what that one says */
};

/* What a client notifies. */
enum note_kind {
	NOTE_STDIN = 1 << 0,
	NOTE_EOF = 1 << 1,
	NOTE_CANCEL = 1 << 2,
	NOTE_SIGNAL = 1 << 3,
	NOTE_RESIZE = 1 << 4,
	NOTE_ANSWER = 1 << 5,
	NOTE_CREDIT = 1 << 6,
	NOTE_LEND = 1 << 7
};

struct note_params {
	char *name; /* of a signal */
	int cols, rows;
	uint64_t number;      /* `prompt_id` or `bytes` */
	struct secret *value; /* NULL: declined */
	bool program;         /* no person gave it */
};

extern const struct schema_table params_table, ask_table, note_table;

/* Reads them into the zeroed struct of its table: 0, or -1 with err (invalid_params); either way schema_free(). */
int params_read(const struct schema_table *table, unsigned where, const cJSON *params, void *base,
    struct np_error *err) NP_MUST_CHECK;
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

#endif
