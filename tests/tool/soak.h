/*
 * soak: clients for the random soak (tests/soak/soak.sh), which judges what they write down.
 *
 *   soak work DIR SEED WORKERS SECONDS ECHO_PORT NAME:TYPE...    TYPE: sshd, unix (no subsystem), cli, dead
 *   soak serve PORTS_FILE ECHOED_FILE                            an echo, and servers that speak nonsense
 *
 * Each worker is a process with a generator of its own, so that a seed repeats the mix of requests (not their timing),
 * and does one round after the other: up to six requests at once over the protocol (soak_ask.c), or a program, or a
 * rude client (soak_process.c).  Every command has a token, T and ten digits: two for the worker, six for the request,
 * two for the command; it leaves the token with the device when it runs, and its output is made of it.
 *
 * DIR/journal gets a line for each command, "DEVICE TOKEN once|maybe|never KIND REASON BEGAN ENDED": how often the
 * device must have run it by what its client was told, and times as in the broker's log.  DIR/complaints gets what no
 * counting can find, "TOKEN BEGAN ENDED TEXT": output that is not the command's own, an answer that is missing, or
 * twice, or comes late.
 */
#ifndef NP_TESTS_SOAK_H
#define NP_TESTS_SOAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"

#define SOAK_DEVICES 16
#define SOAK_COMMANDS 6      /* of a request */
#define SOAK_TOKEN_SIZE 12   /* "T0100004200" and NUL, */
#define SOAK_REQUEST_CHARS 9 /* of which so many are the request's */
#define SOAK_OUT_MAX (16 * 1024 * 1024)

enum soak_type { SOAK_SSHD, SOAK_UNIX, SOAK_CLI, SOAK_DEAD };
enum soak_verdict { SOAK_ONCE, SOAK_MAYBE, SOAK_NEVER };

struct soak_device {
	const char *name;
	enum soak_type type;
};

struct soak {
	const char *dir;
	struct soak_device devices[SOAK_DEVICES];
	size_t devices_count;
	int echo_port;
	double end;   /* no round begins after it, by clock_now() */
	double limit; /* seconds in which every request has an answer */
	unsigned worker, serial;
	uint64_t random;
	char began[20]; /* the round, local time to the second */
	int journal, complaints;
};

/* A command: what it should print, and what came of it. */
struct soak_command {
	char token[SOAK_TOKEN_SIZE];
	struct buf expect, out, err;
	bool periodic; /* expect again and again, as far as it goes */
	bool prompted; /* behind its output may stand a prompt with what was logged behind it, which is none */
	int results;
	enum soak_verdict verdict;
	char reason[40];
};

/* 0 .. n - 1. */
unsigned soak_random(struct soak *s, unsigned n);
/* A device of the types in the set (1 << type), or NULL. */
const struct soak_device *soak_pick(struct soak *s, unsigned types);

void soak_command_init(struct soak *s, struct soak_command *c, int index);
void soak_command_free(struct soak_command *c);
/* What a command prints: so many lines of its token and a number. */
void soak_expect_lines(struct soak_command *c, unsigned lines);
/* The shell command that leaves its token and prints those lines.  The caller frees it. */
char *soak_shell_lines(const struct soak_command *c, unsigned lines) NP_MALLOC;
/* The reason, or "descriptors" where the broker had none: the soak takes them away. */
const char *soak_reason(const char *reason, const char *message);
/* What a failure of that reason says about the command: it cannot have run, or it may have. */
enum soak_verdict soak_judge_reason(const char *reason);
/* Checks the output against the verdict and writes the command into the journal. */
void soak_command_end(struct soak *s, struct soak_command *c, const char *device, const char *kind);
void soak_complain(struct soak *s, const char *token, const char *fmt, ...) NP_PRINTF(3, 4);

/* One round of requests over one connection. */
void soak_ask_round(struct soak *s);
/* One program, one fan-out, or one rude client. */
void soak_process_round(struct soak *s);
/* `soak serve`; does not return. */
void soak_serve(const char *ports_file, const char *echoed_file);

#endif
