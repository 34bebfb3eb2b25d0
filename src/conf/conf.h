/*
 * The broker's configuration: an immutable, counted snapshot of what netpulse.yaml(5) says.
 *
 * (Named conf because autoconf owns config.h.)  Pure but for reading the files; made on the main thread, read by any.
 * A reload makes a new snapshot; who still needs the old one holds a reference.
 */
#ifndef NP_CONF_H
#define NP_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "policy/policy.h"

enum keepalive_mode { KEEPALIVE_NONE, KEEPALIVE_SSH, KEEPALIVE_CLI, KEEPALIVE_BOTH };

/* Where the value of a key was written. */
struct conf_origin {
	const char *key; /* static */
	int line;
	unsigned file; /* index in config.files */
};

struct conf_origins {
	struct conf_origin *items;
	size_t count;
};

/* `long_connection` and, per device, `connection_args`.  Durations in seconds, 0 = no limit. */
struct conn_args {
	bool enabled;
	bool keepalive; /* false: no probes at all */
	double keepalive_interval;
	int keepalive_count_max;
	enum keepalive_mode keepalive_mode;
	double max_idle_time;
	double max_age;
	double check_delay;
	double connection_timeout;
	double queue_timeout;
	double timeout;
	double first_byte_timeout; /* negative: not set, the driver's default applies (exec 0, cli 60) */
	double idle_timeout;       /* likewise */
	double prompt_timeout;
	double retry_delay;
	double retry_max;
	int max_connections;
	int max_channels;
	bool persistent;
	bool keepalive_mode_given;  /* else a platform may add keep-alives on the command line */
	bool max_connections_given; /* said for this very device: may exceed the platform's limit of VTY lines */
};

/* Whether equal words are the same account on all devices, or another one on each. */
enum credential_scope { SCOPE_ACCOUNT, SCOPE_DEVICE };

enum device_driver { DRIVER_DEFAULT, DRIVER_EXEC, DRIVER_CLI };

/* One device entry, from the file or from inside a request.  Strings are NULL where not given. */
struct device_conf {
	char *name;
	char *host; /* NULL: the name */
	int port;   /* 0: not given */
	char *username;
	struct secret *password;
	char *password_command;
	char *password_file;
	char *credential; /* name below $CREDENTIALS_DIRECTORY */
	enum credential_scope credential_scope;
	char *key_file;
	char *certificate_file;
	int use_agent; /* -1 not given, 0, 1 */
	char *passphrase_command;
	char *otp_command; /* prints the second factor */
	char *proxy_jump;
	char *ssh_config;  /* a file, "none", or NULL */
	char *ssh_options; /* KEYWORD=VALUE, separated by blanks, or NULL */
	/* Options of ssh(1) in place of all other keys that say how it is reached, also of which file is read. */
	struct strings ssh_arguments;
	char *device_type;
	enum device_driver driver;
	struct secret *secret;
	char *secret_file;
	char *secret_command;
	struct strings groups;
	char *kex;
	char *host_key_algorithms;
	char *ciphers;
	char *macs;
	char *pubkey_algorithms;
	bool legacy_algorithms;
	struct conn_args args;       /* complete: long_connection's values where the device says nothing */
	char *source;                /* "FILE:LINE" of the entry, or "request" */
	struct conf_origins origins; /* of its keys and those of its connection_args; empty in copies and requests */
};

/* A socket beside the broker's own: what one hands to others, whose clients have its role.  Of `main_socket` only who
 * may connect is said. */
struct socket_conf {
	char *path;
	char *mode;  /* octal digits, or NULL: 0600 */
	char *owner; /* a user's name or number, or NULL: the broker's */
	char *group; /* likewise, of a group */
	char *role;
	char where[POLICY_WHERE_MAX]; /* "FILE:LINE" */
};

enum sandbox_mode { SANDBOX_OFF, SANDBOX_ON, SANDBOX_STRICT };

struct config {
	unsigned refs;
	bool system;      /* of a broker that serves other users */
	char *ssh_config; /* as above; the default for every device */
	struct conn_args defaults;
	struct device_conf **devices; /* in the order of the file */
	size_t devices_count;
	struct device_conf **by_name; /* the same ones, sorted: config_device() is on the path of every request */
	int max_sessions;
	int max_clients;
	int max_queue;
	/* What each other user may have at once; 0: as much as he likes. */
	int max_clients_per_user;
	int max_requests_per_user;
	int max_devices_per_user;
	double drain_timeout;
	enum log_level log_level;
	bool log_level_given;
	char *audit_log; /* a file, "journal", or NULL */
	char *platform_path;
	enum sandbox_mode sandbox; /* this and the following hold for a broker's life */
	char *sandbox_writes;      /* paths separated by colons, or NULL */
	bool children_no_new_privileges;
	struct policy policy;
	struct socket_conf main_socket; /* of a system's broker: mode, owner and group of its own one */
	struct socket_conf *sockets;
	size_t sockets_count;
	struct conf_origins origins; /* of the global keys and those of long_connection */
	struct strings files;        /* those read, for messages and stat */
	/* "FILE:LINE: ..." things that are allowed but unwise (a password in a file others can read) */
	struct strings warnings;
};

/*
 * Loads /etc/netpulse/config.yaml and over it the user's file ($NETPULSE_CONFIG, else
 * $XDG_CONFIG_HOME/netpulse/config.yaml, else ~/.config/netpulse/config.yaml); only_file (option -f), when not NULL, is
 * read alone and must exist.  Missing default files are no error.  of_system: for a broker that serves other users the
 * second file is /etc/netpulse/system.yaml, and there must be a policy.  Returns a snapshot with one reference, or NULL
 * with err = "FILE:LINE: what, and what to do".  Files writable by group or others, or owned by someone else but root,
 * are refused.
 */
struct config *config_load(const char *only_file, bool of_system, struct np_error *err) NP_MUST_CHECK;
struct config *config_ref(struct config *config);
void config_unref(struct config *config);

/* The device of that name, or NULL.  Lives as long as the snapshot. */
const struct device_conf *config_device(const struct config *config, const char *name);

/*
 * One device from the text of a request's `device` object (JSON is YAML): the same keys, checks and messages as in the
 * file, with `name` allowed as a key.  An object without name is named after its host.  Caller: device_conf_free().
 */
struct device_conf *device_conf_parse(
    const struct config *config, const char *json, size_t size, struct np_error *err) NP_MUST_CHECK;
/* An ad-hoc device: nothing but a name and the defaults. */
struct device_conf *device_conf_adhoc(const struct config *config, const char *name) NP_MALLOC;
struct device_conf *device_conf_copy(const struct device_conf *device) NP_MALLOC;
void device_conf_free(struct device_conf *device);
/* Whether two entries would make the same sessions: everything but connection_args, groups and source. */
bool device_conf_same_login(const struct device_conf *a, const struct device_conf *b);
/* Whether all of it is equal, but source. */
bool device_conf_equal(const struct device_conf *a, const struct device_conf *b);

/* Where that key was given, or NULL: nowhere. */
const struct conf_origin *conf_origin(const struct conf_origins *origins, const char *key);

/*
 * Sets one key of a device or of its connection_args from text, as npexec -o key=value and request params do; the same
 * checks as in the file.  where ("-o", "params") begins the message.
 */
int device_conf_set(struct device_conf *device, const char *key, const char *value, const char *where,
    struct np_error *err) NP_MUST_CHECK;

#endif
