/*
 * A target: everything a dial needs to know about one device, resolved from its entry and from ssh's configuration.
 *
 * Immutable once made, counted; made in a connector thread, read by any.  Pure but for stamps of files and what expands
 * their names.
 */
#ifndef NP_TARGET_H
#define NP_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "conf/conf.h"
#include "base/error.h"
#include "base/strings.h"

/* A file whose change means that something must be decided anew. */
struct file_stamp {
	char *path;
	bool exists;
	dev_t dev;
	ino_t ino;
	off_t size;
	int64_t mtime_ns;
	int64_t ctime_ns;
};

/* {0} is the empty set. */
struct file_stamps {
	struct file_stamp *v;
	size_t n;
};

enum strict_checking { STRICT_ASK, STRICT_YES, STRICT_ACCEPT_NEW, STRICT_OFF };

/*
 * Most of it is what ssh -G said, as far as the broker honours it, in place of which the device's own has been put and
 * file names are expanded.  Texts are NULL where ssh said "none" or nothing.
 */
struct target {
	atomic_uint refs;
	struct device_conf *device; /* our copy: passwords and commands */
	char *name;                 /* the operand or device name, for messages */
	char *host;                 /* to resolve and connect to */
	int port;
	char *user;
	char *known_as;      /* name looked up in known_hosts: HostKeyAlias, or host, or [host]:port */
	char *proxy_jump;    /* first to last hop, comma separated, or NULL */
	char *proxy_command; /* expanded, or NULL */
	char *agent_path;    /* expanded IdentityAgent; NULL: the client's or our own SSH_AUTH_SOCK; "none": no agent */
	char *bind_address;
	char *preferred_authentications;                     /* until what it leaves out is switched off below */
	struct strings identity_files, certificate_files;    /* expanded, in order */
	struct strings user_known_hosts, global_known_hosts; /* expanded */
	struct strings set_env;                              /* NAME=VALUE */
	bool identities_only;
	bool use_agent;
	bool pubkey_auth, password_auth, kbdint_auth;
	bool hash_known_hosts;
	bool batch_mode;
	bool compression;
	bool explicit_key;  /* the device names key_file: a missing file is an error, not skipped */
	int address_family; /* AF_UNSPEC, AF_INET, AF_INET6 */
	int password_prompts;
	int connect_timeout;       /* ssh's, in seconds; 0: not said */
	double connection_timeout; /* seconds: the device's, and ssh's when shorter */
	enum strict_checking strict;
	/* Only names that libssh knows; costly groups last. */
	char *kex, *host_key_algorithms, *ciphers, *macs, *pubkey_algorithms;
	struct file_stamps config_files;     /* those that ssh -G read or looked for */
	struct file_stamps credential_files; /* key, password and secret files: a change lifts auth_backoff */
	struct strings notices;              /* sentences: what ssh's configuration says and is not honoured */
	char *own_way; /* why an ssh that says this had better go by itself: what it would do is not what we would; or
			  NULL */
};

/*
 * Joins a device entry (which wins) and what ssh -G said for it; files: those that ssh read or looked for, or NULL.
 * libssh's algorithm names are in tables of ours, so that "+name" in a device entry and costly groups last need no
 * libssh.  Returns one reference, or NULL with err (invalid_params).
 */
struct target *target_make(const struct device_conf *device, const char *ssh_says, const struct strings *files,
    struct np_error *err) NP_MUST_CHECK;
struct target *target_ref(struct target *target);
void target_unref(struct target *target);

/* Whether sessions of both would be the same: everything but stamps, notices and connection_args. */
bool target_same_login(const struct target *a, const struct target *b);

/* Why an ssh goes by itself, unless there is a reason already. */
void target_own_way(struct target *t, const char *fmt, ...) NP_PRINTF(2, 3);

/* The same, whatever they are called and whatever ssh was asked to get there. */
bool target_same_session(const struct target *a, const struct target *b);

/* Where it is and by which way, "HOST:PORT via JUMP": what has the same is the same device.  Caller frees. */
char *target_place(const struct target *t) NP_MALLOC;

/* stat(2)s one path; one that is there keeps its stamp. */
void file_stamps_add(struct file_stamps *set, const char *path);
/* Empties it. */
void file_stamps_finish(struct file_stamps *set);
/* Whether any of the files differs from its stamp now.  A few microseconds a file: the warm path does this. */
bool file_stamps_changed(const struct file_stamps *set);

#endif
