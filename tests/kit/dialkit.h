/*
 * What tests of the dial share: hooks that are plain functions, a directory of its own, targets made the way the broker
 * makes them (a device entry and an ssh_config file, resolved by ssh -G).
 */
#ifndef NP_DIALKIT_H
#define NP_DIALKIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "login/dial.h"
#include "ssh/sshdialled.h"
#include "target/target.h"

#define KIT_ANSWERS 8

struct kit {
	char dir[64];         /* absolute, empty at first, removed with all in it */
	char known_hosts[96]; /* a file name in it */
	char config[96];      /* the ssh_config that kit_target() writes */

	const char *answers[KIT_ANSWERS]; /* to questions, in order; NULL: nobody answers */
	int asked;
	char questions[4096]; /* one after the other, each followed by '\n' */
	enum prompt_kind kinds[KIT_ANSWERS];
	bool echoes[KIT_ANSWERS];
	char notices[8192];
	char steps[8192]; /* "NAME OUTCOME TEXT" each, followed by '\n' */

	/* The gate before accounts: "offer KIND COUNT insists" and "judged VERDICT DENIED", each followed by '\n'. */
	char gate[2048];
	enum np_reason barred; /* what it answers; REASON_NONE: go */
	size_t barred_keys;    /* so many of the first ones were refused before */
	size_t offered_keys;

	double seconds, deadline; /* of clock_now(); INFINITY at first */
	pthread_mutex_t lock;
	bool cancelled;
	int watch_fd;
	int watch_how;
	struct dial_hooks hooks;
};

void kit_begin(struct kit *kit);
/* Fails the test when the dial has left a watched descriptor behind. */
void kit_end(struct kit *kit);
/* What connector_cancel() does; from any thread. */
void kit_cancel(struct kit *kit);
void kit_limit(struct kit *kit, double seconds);

/*
 * The target for device (JSON of a device entry) at 127.0.0.1:port with these lines of ssh_config, which come first and
 * so win over those of the kit: kit->known_hosts as the only known_hosts file, no keys, no agent, no global files.
 */
struct target *kit_target(struct kit *kit, int port, const char *device, const char *config);

/* Writes a file below kit->dir, mode 0600; the name in path (size 128). */
void kit_write(struct kit *kit, const char *name, const char *text, char path[128]);
/* Reads a file; the caller frees. "" when it does not exist. */
char *kit_read(const char *path);
/* Runs a command line of sh; fails the test when it fails. */
void kit_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Open descriptors of this process. */
int kit_count_fds(void);
/* What a dial made, taken apart; the descriptor is -1 where there is none. */
struct kit_dialled {
	struct dialled *all;
	ssh_session session;
	int fd;
	pid_t proxy_pid; /* 0: none */
	bool needed_person;
	char *auth_method;
	uint64_t agent_keys_hash; /* also of a dial that failed */
};

/* dial(); ends what *out still held is the caller's.  0, or -1 with err. */
int kit_dial(struct attempt *attempt, const struct dial_hooks *hooks, struct kit_dialled *out, struct np_error *err);
/* Ends a connection that kit_dial() made. */
void kit_hang_up(struct kit_dialled *out);

#endif
