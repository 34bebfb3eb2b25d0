/*
 * The dial: the blocking sequence that makes an authenticated connection.  Resolve, connect (all addresses), key
 * exchange, host key, authentication.  Runs in a connector thread (connector.c) or directly in tests, for every step
 * waits; knows no loop.
 */
#ifndef NP_DIAL_H
#define NP_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libssh/libssh.h>

#include "base/compiler.h"
#include "base/error.h"
#include "login/hooks.h"
#include "ssh/sshdialled.h"
#include "secret/secret.h"
#include "base/strings.h"
#include "target/target.h"
#include "transport/session.h"

/*
 * The connection, or NULL with err.  ready_fd of the attempt is taken over (and -1 afterwards).  *agent_hash is
 * that of the agent's list as this login knew it; 0: no agent was asked, or none answered.
 */
struct dialled *dial(
    struct attempt *attempt, const struct dial_hooks *hooks, uint64_t *agent_hash, struct np_error *err) NP_MUST_CHECK;

/* ---- connect (netconn.c) ---- */

/*
 * One TCP connection to a host: looked up, all its addresses tried, the first that answers wins.
 *
 * libssh would try the first address alone, with a descriptor that children inherit; so this is done here and libssh
 * gets the descriptor.
 */
struct netconn_params {
	const char *host; /* a name or an address */
	int port;
	int family;                   /* AF_UNSPEC, AF_INET, AF_INET6 */
	const char *bind_address;     /* NULL: any */
	unsigned int user_timeout_ms; /* TCP_USER_TIMEOUT: unacknowledged data end the connection; 0 = kernel's own */
};

/*
 * Connects and sets *fd (non-blocking, CLOEXEC, TCP_NODELAY, SO_KEEPALIVE).  The second address is tried when the first
 * has not answered for a quarter of a second, and so on (RFC 8305).  Reasons: resolve_failed; connect_failed, naming
 * each address and its error; connect_timeout, naming those that never answered; whatever hooks->left() says.
 */
int netconn_open(
    const struct netconn_params *params, const struct dial_hooks *hooks, int *fd, struct np_error *err) NP_MUST_CHECK;

/* ---- key exchange (handshake.c) ---- */

/*
 * The SSH handshake of a dial: identification and key exchange, and the words for its failure, the server's own where
 * it had any.
 *
 * Over session, which has its options, and *fd, which is -1 once it is the session's; watch_fd is a dup of that, and
 * remains the caller's.
 */
int handshake_run(ssh_session session, int *fd, int watch_fd, const struct target *target,
    const struct dial_hooks *hooks, struct np_error *err) NP_MUST_CHECK;
/* Waits until libssh, which said SSH_AGAIN, can go on over fd; at most so many seconds. */
void libssh_wait(ssh_session session, int fd, double left);

/*
 * libssh (0.10 and 0.11) takes the lower 16 bits of a descriptor's number, so that a higher one would be another
 * stream. Moves *fd, where it is higher than that, to a number that is not; -1 with err when there is none.
 */
int handshake_lower_fd(int *fd, int highest, struct np_error *err) NP_MUST_CHECK;
/*
 * Takes libssh's text for a disconnect message of the server apart.  Its code, never 0, and in words, harmless, what
 * the server said, or what the code means where it said nothing; 0 when the text is about something else.
 */
int disconnect_parse(const char *message, char *words, size_t size);
/* Whether libssh's text says no more than that the stream has ended. */
bool handshake_is_mere_end(const char *message);
/*
 * After ssh_silent_disconnect(), which makes libssh give out what the server said when it ended the connection: adds it
 * to an error that does not have it.
 */
void handshake_last_words(ssh_session session, struct np_error *err);

/* ---- known_hosts (knownhosts.c) ---- */

/*
 * known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): looking keys up and adding them.
 *
 * libssh's own look-up stops at one file of each kind and accepts revoked keys, so the files are walked here and libssh
 * only judges single lines.  Connector threads and tests; nothing is kept between calls.
 */

/* Room for "SHA256:" and 43 characters. */
#define FINGERPRINT_SIZE 64

/* In rising order: what several lines say together is what the highest of them says. */
enum known_state {
	KNOWN_NOT,        /* no line for this host */
	KNOWN_OTHER_TYPE, /* lines for this host, with keys of other types only */
	KNOWN_CHANGED,    /* a line for this host with another key of this type, and none with this key */
	KNOWN_MATCH,
	KNOWN_REVOKED /* a @revoked line with this key matches this host */
};

struct known_answer {
	enum known_state state;
	char *file; /* where the deciding line is; NULL for KNOWN_NOT */
	unsigned line;
	char fingerprint[FINGERPRINT_SIZE]; /* of the key in that line */
	bool cert_authority;                /* a @cert-authority line matches this host; such lines are not honoured */
	struct strings types;               /* types of all keys known for this host, without repetition */
	int wanting;                        /* not 0: a file could not be opened for this, and nothing above is known */
};

/*
 * Looks the key up in the target's user and global files, as target->known_as, and when that is a [host]:port without
 * such a key, as the bare host as well, as ssh does.  key NULL: only types and cert_authority are of interest.  Files
 * that cannot be read count as empty, but where descriptors or memory were wanting.
 */
void known_hosts_look_up(const struct target *target, ssh_key key, struct known_answer *answer);
void known_answer_finish(struct known_answer *answer);

/*
 * Appends the key to the target's first user file in one write, hashed when HashKnownHosts says so; makes the file
 * (0600) and its directory (0700) when missing.  *file is set to the file's name, which lives as long as the target.
 */
int known_hosts_add(const struct target *target, ssh_key key, const char **file, struct np_error *err) NP_MUST_CHECK;

/* "SHA256:...", or "?" when libssh cannot say. */
void known_hosts_fingerprint(ssh_key key, char fingerprint[FINGERPRINT_SIZE]);

/* ---- host key (hostkey.c) ---- */

/*
 * The target's host key algorithms with those first whose keys are already known for it, so that a server with several
 * keys shows the one that can be checked.  Caller frees; NULL when the target names none (libssh's own list applies).
 * -1 with err (internal) where it cannot be known which are.
 */
int hostkey_algorithms(const struct target *target, char **list, struct np_error *err) NP_MUST_CHECK;

/*
 * Judges the key that the server of a connected session has shown: known, new, changed or revoked, and what
 * StrictHostKeyChecking of the attempt's target makes of it.  0: trusted, and added to known_hosts where that is
 * what the configuration or the person wants; -1: host_key_unknown or host_key_changed (also for revoked keys), with
 * fingerprints and what to do.
 */
int hostkey_check(ssh_session session, const struct attempt *attempt, const struct dial_hooks *hooks,
    struct np_error *err) NP_MUST_CHECK;

/* ---- configured secrets (credential.c) ---- */

/*
 * Configured secrets: where a device's entry says that a password or passphrase is to be had, fetched at the moment of
 * the login and wiped after it.  Never logged, never in an error text.  Connector threads only: commands are waited
 * for.
 */

/*
 * The device's configured password: of password, password_command, password_file and credential the first that is
 * given.  0 with *secret set (caller: secret_unref()), or NULL when none is configured; -1 with err, reason
 * credential_failed or what hooks->left() said.
 */
int credential_password(const struct device_conf *device, const struct dial_hooks *hooks, struct secret **secret,
    struct np_error *err) NP_MUST_CHECK;

/* The same for what leads to the privileged mode: of secret, secret_command and secret_file the first that is given. */
int credential_secret(const struct device_conf *device, const struct dial_hooks *hooks, struct secret **secret,
    struct np_error *err) NP_MUST_CHECK;

/*
 * Runs `sh -c COMMAND` (standard input /dev/null, at most 30 s) and takes the first line of its output.  key is the
 * configuration key that named it, for messages.
 */
int credential_run(const char *key, const char *command, const struct dial_hooks *hooks, struct secret **secret,
    struct np_error *err) NP_MUST_CHECK;

/* ---- authentication (auth.c) ---- */

/*
 * Authentication in the spirit of ssh(1): none, public keys (agent and files), then a configured password once, or what
 * a person answers.
 *
 * Logs in, on a connection that is made, blocking, and whose host key is checked.  0, with made->base.auth_method set,
 * or -1 with err: auth_failed (what was tried, what the server offers, what to do), credential_failed, connect_failed
 * when the connection was lost, or what hooks->left() said.  In both cases *agent_hash is that of the agent's list
 * where one was asked, and made->base.needed_person is true if a person typed a secret or an answer.  The session keeps
 * no agent descriptor.
 */
int auth_run(const struct attempt *attempt, struct sshdialled *made, const struct dial_hooks *hooks,
    uint64_t *agent_hash, struct np_error *err) NP_MUST_CHECK;

#endif
