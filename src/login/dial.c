/*
 * The dial; see dial.h.  One descriptor goes through it: owned by us until ssh_connect() has taken it into the session,
 * by libssh from then on.
 */
#include "login/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "login/agent.h"
#include "login/child.h"
#include "login/resolve.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conf/algorithm.h"
#include "ssh/sshdialled.h"

#define AGENT_HASH_SECONDS 2.0
#define LEGACY_RSA_BITS 768

struct dialing {
	const char *stage; /* the step under way */
	struct attempt *attempt;
	const struct target *target;
	const struct dial_hooks *hooks;
	struct np_error *err;
	struct sshdialled *made; /* as far as it has come; its fd is a dup from the start */
	int fd;                  /* not yet libssh's, or -1 */
	struct child_stream proxy;
};

/* Every result is checked: libssh keeps its own defaults, silently, when it does not like a value. */
static int
set_algorithms(struct dialing *d)
{
	const struct target *t = d->target;
	char *host_keys;
	int bits = LEGACY_RSA_BITS, rc = hostkey_algorithms(t, &host_keys, d->err);
	const struct {
		enum ssh_options_e option;
		const char *key, *list;
	} lists[] = {
	    {SSH_OPTIONS_HOSTKEYS, "host_key_algorithms", host_keys},
	    {SSH_OPTIONS_KEY_EXCHANGE, "kex", t->kex},
	    {SSH_OPTIONS_CIPHERS_C_S, "ciphers", t->ciphers},
	    {SSH_OPTIONS_CIPHERS_S_C, "ciphers", t->ciphers},
	    {SSH_OPTIONS_HMAC_C_S, "macs", t->macs},
	    {SSH_OPTIONS_HMAC_S_C, "macs", t->macs},
	    {SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, "pubkey_algorithms", t->pubkey_algorithms},
	    {SSH_OPTIONS_COMPRESSION, "Compression", t->compression ? "yes" : "none"},
	};

	for (size_t i = 0; i < NP_COUNT(lists) && rc == 0; i++)
		if (lists[i].list != NULL && ssh_options_set(d->made->ssh, lists[i].option, lists[i].list) != 0)
			rc = error_set(d->err, REASON_CONNECT_FAILED, "%s: libssh supports none of \"%s\"",
			    lists[i].key, lists[i].list);
	free(host_keys);
	if (rc == 0 && t->device->legacy_algorithms &&
	    ssh_options_set(d->made->ssh, SSH_OPTIONS_RSA_MIN_SIZE, &bits) != 0)
		return error_set(d->err, REASON_INTERNAL, "libssh refuses RSA keys of %d bits", bits);
	return rc;
}

/*
 * What keeps libssh from looking into files of its own: no configuration, no known_hosts, no ~/.ssh.  The host is a
 * mere word to it: the connection is made already, and known_hosts are ours.
 */
static int
set_basics(struct dialing *d)
{
	const char *suffix = d->attempt->login_suffix != NULL ? d->attempt->login_suffix : "";
	char *user = xasprintf("%s%s", d->target->user, suffix);
	bool process_config = false;
	int level = SSH_LOG_NONE, rc = 0;

	if (ssh_options_set(d->made->ssh, SSH_OPTIONS_LOG_VERBOSITY, &level) != 0 ||
	    ssh_options_set(d->made->ssh, SSH_OPTIONS_PROCESS_CONFIG, &process_config) != 0 ||
	    ssh_options_set(d->made->ssh, SSH_OPTIONS_HOST, "device") != 0 ||
	    ssh_options_set(d->made->ssh, SSH_OPTIONS_USER, user) != 0 ||
	    ssh_options_set(d->made->ssh, SSH_OPTIONS_SSH_DIR, "/dev/null") != 0 ||
	    ssh_options_set(d->made->ssh, SSH_OPTIONS_KNOWNHOSTS, "/dev/null") != 0 ||
	    ssh_options_set(d->made->ssh, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") != 0)
		rc = error_set(d->err, REASON_INTERNAL, "libssh refuses an option: %s", ssh_get_error(d->made->ssh));
	free(user);
	return rc;
}

/* Unacknowledged data may be as old as keep-alives would let a silent device live. */
static unsigned int
user_timeout_ms(const struct conn_args *args)
{
	double seconds = args->keepalive_interval * args->keepalive_count_max;

	if (!args->keepalive || seconds <= 0 || seconds > 86400)
		return 0;
	return seconds < 10 ? 10000u : (unsigned int)(seconds * 1000);
}

/* The ssh of PATH may be ours, which would ask us. */
static int
start_proxy(struct dialing *d)
{
	const char *command = d->target->proxy_command;
	bool is_ssh = strncmp(command, "ssh ", 4) == 0 && access(resolve_ssh, X_OK) == 0;
	char *real = is_ssh ? xasprintf("%s%s", resolve_ssh, command + 3) : xstrdup(command);
	int rc = child_stream_start(real, &d->proxy, d->err);

	free(real);
	return rc;
}

static int
open_stream(struct dialing *d)
{
	const struct target *t = d->target;
	struct netconn_params params = {.host = t->host,
	    .port = t->port,
	    .family = t->address_family,
	    .bind_address = t->bind_address,
	    .user_timeout_ms = user_timeout_ms(&t->device->args)};

	if (d->attempt->ready_fd != -1)
		return 0;
	/* Never around a jump host: what is behind it is not meant to be reached from here. */
	if (t->proxy_jump != NULL)
		return error_set(d->err, REASON_JUMP_FAILED, "%s: no stream through %s", t->host, t->proxy_jump);
	if (t->proxy_command == NULL)
		return netconn_open(&params, d->hooks, &d->fd, d->err);
	d->stage = "proxy command";
	if (start_proxy(d) == -1)
		return -1;
	d->fd = d->proxy.fd;
	hooks_step(d->hooks, d->stage, STEP_OK, "started");
	return 0;
}

/* A dup for the loop and one for the canceller: libssh closes its own inside any call. */
static int
watch_stream(struct dialing *d)
{
	int fd;

	d->made->fd = fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
	fd = d->made->fd == -1 ? -1 : fcntl(d->fd, F_DUPFD_CLOEXEC, 0);
	if (fd == -1)
		return error_set_errno(d->err, REASON_INTERNAL, "dup");
	d->hooks->watch_fd(fd, SHUT_RD, d->hooks->arg);
	return 0;
}

/* What a ProxyCommand wrote to its standard error tells more than the end of its stream. */
static void
add_proxy_words(struct dialing *d)
{
	char *words = child_log_text(d->proxy.log_fd);

	if (d->err->reason == REASON_CONNECT_FAILED && words[0] != '\0')
		error_prefix(d->err, "ProxyCommand: %.300s", words);
	free(words);
}

static int
shake_hands(struct dialing *d)
{
	if (d->hooks->left(d->err, d->hooks->arg) < 0)
		return error_prefix(d->err, "%s: before the SSH handshake", d->target->host);
	return handshake_run(d->made->ssh, &d->fd, d->made->fd, d->target, d->hooks, d->err);
}

static int
log_in(struct dialing *d, uint64_t *agent_hash)
{
	int rc = auth_run(d->attempt, d->made, d->hooks, agent_hash, d->err);

	/* Who waits for the agent's list to change must know it as it was, also when the login never came to it. */
	if (rc == -1 && *agent_hash == 0)
		*agent_hash = agent_keys_hash(d->target, d->attempt->agent_socket, AGENT_HASH_SECONDS, -1);
	return rc;
}

static const char *
known(const char *name, const char *otherwise)
{
	return name != NULL ? name : otherwise;
}

/* What the server is, and what was agreed on. */
static void
tell_handshake(struct dialing *d)
{
	ssh_session s = d->made->ssh;
	const char *banner = known(ssh_get_serverbanner(s), "no banner");
	/* libssh names no group exchange. */
	const char *kex = known(ssh_get_kex_algo(s), "diffie-hellman-group-exchange");
	const char *cipher = known(ssh_get_cipher_out(s), "no cipher");
	char *agreed = xasprintf("%s %s", kex, cipher), *remark = algorithm_remark(agreed, banner);

	hooks_step(d->hooks, d->stage, STEP_OK, "%s: %s, %s, %s%s%s", banner, kex, cipher,
	    known(ssh_get_hmac_out(s), "no MAC"), remark != NULL ? "; " : "", remark != NULL ? remark : "");
	free(remark);
	free(agreed);
}

static int
stop_before_login(struct dialing *d)
{
	hooks_step(d->hooks, d->stage, STEP_SKIPPED, "not tried");
	return error_set(d->err, REASON_CANCELLED, "%s: ended before the login, as was asked", d->target->host);
}

static int
dial_steps(struct dialing *d, uint64_t *agent_hash)
{
	d->stage = "connect";
	if (open_stream(d) == -1 || watch_stream(d) == -1)
		return -1;
	d->stage = "key exchange";
	d->made->ssh = ssh_new();
	if (d->made->ssh == NULL)
		return error_set(d->err, REASON_INTERNAL, "libssh cannot make a session");
	if (set_basics(d) == -1 || set_algorithms(d) == -1 || shake_hands(d) == -1)
		return -1;
	tell_handshake(d);
	d->stage = "host key";
	if (hostkey_check(d->made->ssh, d->attempt, d->hooks, d->err) == -1)
		return -1;
	d->stage = "authentication";
	if (d->attempt->no_login)
		return stop_before_login(d);
	return log_in(d, agent_hash);
}

/* A name without an address never came to a connection. */
static void
tell_failure(struct dialing *d)
{
	const char *stage = d->err->reason == REASON_RESOLVE_FAILED ? "resolve" : d->stage;

	if (!d->attempt->no_login || strcmp(d->stage, "authentication") != 0)
		hooks_step(d->hooks, stage, STEP_FAILED, "%s", d->err->text);
}

static void
give_up(struct dialing *d)
{
	if (d->made->ssh != NULL) {
		ssh_silent_disconnect(d->made->ssh);
		handshake_last_words(d->made->ssh, d->err);
		ssh_free(d->made->ssh);
		d->made->ssh = NULL;
	}
	if (d->fd != -1)
		close(d->fd);
	dialled_discard(&d->made->base);
	if (d->proxy.process.line != -1) {
		child_kill(&d->proxy.process);
		add_proxy_words(d);
	}
}

struct dialled *
dial(struct attempt *attempt, const struct dial_hooks *hooks, uint64_t *agent_hash, struct np_error *err)
{
	struct dialing d = {.attempt = attempt,
	    .target = attempt->target,
	    .hooks = hooks,
	    .err = err,
	    .made = sshdialled_create(),
	    .fd = attempt->ready_fd,
	    .proxy = {.process = {.line = -1}, .fd = -1, .log_fd = -1}};
	int rc;

	*agent_hash = 0;
	rc = dial_steps(&d, agent_hash);
	attempt->ready_fd = -1;
	hooks->watch_fd(-1, 0, hooks->arg);
	if (rc == 0) {
		d.made->proxy = d.proxy.process;
	} else {
		give_up(&d);
		tell_failure(&d);
	}
	if (d.proxy.log_fd != -1)
		close(d.proxy.log_fd);
	return rc == 0 ? &d.made->base : NULL;
}
