/*
 * A target: everything a dial needs to know about one device, resolved from its entry and from ssh's configuration.
 *
 * Immutable once made, counted; made in a connector thread, read by any.  Pure but for target_stamp_files().
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
#include "sshconf/sshconf.h"

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

struct target {
	atomic_uint refs;
	char *name; /* the operand or device name, for messages */
	char *host; /* to resolve and connect to */
	int port;
	char *user;
	char *known_as;      /* name looked up in known_hosts: HostKeyAlias, or host, or [host]:port */
	char *proxy_jump;    /* first to last hop, comma separated, or NULL */
	char *proxy_command; /* expanded, or NULL */
	char *agent_path;    /* expanded IdentityAgent; NULL: the client's or our own SSH_AUTH_SOCK; "none": no agent */
	char *bind_address;
	struct strings identity_files; /* expanded */
	struct strings certificate_files;
	struct strings user_known_hosts;
	struct strings global_known_hosts;
	struct strings set_env;
	bool identities_only;
	bool use_agent;
	bool pubkey_auth, password_auth, kbdint_auth;
	bool hash_known_hosts;
	bool batch_mode;
	bool compression;
	bool explicit_key; /* the device names key_file: a missing file is an error, not skipped */
	int address_family;
	int password_prompts;
	double connection_timeout; /* seconds: the device's, and ssh's ConnectTimeout when shorter */
	enum strict_checking strict;
	char *kex, *host_key_algorithms, *ciphers, *macs,
	    *pubkey_algorithms;              /* only names that libssh knows; costly groups last */
	struct device_conf *device;          /* our copy: passwords and commands */
	struct file_stamps config_files;     /* those that ssh -G read or looked for */
	struct file_stamps credential_files; /* key, password and secret files: a change lifts auth_backoff */
	struct strings notices;              /* things in ssh's configuration that are not honoured */
};

/*
 * Joins a device entry (which wins) and what ssh -G said for it.  ssh is consumed: the caller still calls
 * sshconf_finish(). libssh's algorithm names are in tables here, so that "+name" in a device entry and costly groups
 * last need no libssh. Returns one reference, or NULL with err (invalid_params).
 */
struct target *target_make(const struct device_conf *device, const struct sshconf *ssh, const struct strings *files,
    struct np_error *err) NP_MUST_CHECK;
struct target *target_ref(struct target *target);
void target_unref(struct target *target);

/* Whether sessions of both would be the same: everything but stamps, notices and connection_args. */
bool target_same_login(const struct target *a, const struct target *b);

/* stat(2)s one path; one that is there keeps its stamp. */
void file_stamps_add(struct file_stamps *set, const char *path);
/* Empties it. */
void file_stamps_finish(struct file_stamps *set);
/* Whether any of the files differs from its stamp now.  A few microseconds a file: the warm path does this. */
bool file_stamps_changed(const struct file_stamps *set);

#endif
