/*
 * Authentication with public keys, in ssh's order: certificates on disk, the agent's keys that the configuration names,
 * the agent's other keys (not with IdentitiesOnly), key files that no agent holds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "login/agent.h"
#include "login/auth_impl.h"
#include "base/clock.h"
#include "login/dial.h"
#include "base/text.h"
#include "base/xalloc.h"

#define AGENT_SECONDS 5.0
#define PASSPHRASE_TRIES 3

/* What may be shown to the server through the agent, in order; the keys are those of a->ids and of the agent's list. */
struct offers {
	struct agent_offer *v;
	size_t n;
	size_t room;
};

static bool
offers_have(const struct offers *o, const struct keyblob *shown)
{
	for (size_t i = 0; i < o->n; i++)
		if (keyblob_equal(o->v[i].shown, shown))
			return true;
	return false;
}

static bool
was_used(const struct auth *a, const struct keyblob *blob)
{
	for (size_t i = 0; i < a->used_count; i++)
		if (keyblob_equal(&a->used[i], blob))
			return true;
	return false;
}

static void
note_used(struct auth *a, const struct keyblob *blob)
{
	if (a->used_count < NP_COUNT(a->used) && blob->data != NULL)
		a->used[a->used_count++] = keyblob_copy(blob->data, blob->size);
}

/* By what the gate knows a key file. */
static const struct keyblob *
known_by(const struct identity *id)
{
	return id->pub.data != NULL ? &id->pub : &id->file;
}

/* libssh ends its walk through an agent's keys at the first that it does not know: such are never shown to it. */
static void
offers_add(struct auth *a, struct offers *o, const struct keyblob *shown, const struct keyblob *signer)
{
	ssh_key key;

	if (o->n == o->room || offers_have(o, shown) || was_used(a, shown) || auth_key_is_barred(a, shown))
		return;
	key = identity_public(shown);
	if (key == NULL)
		return;
	ssh_key_free(key);
	o->v[o->n++] = (struct agent_offer){.shown = shown, .signer = signer};
}

/* The agent's own copy of a key, or NULL. */
static const struct keyblob *
agent_find(const struct agent_keys *keys, const struct keyblob *blob)
{
	for (size_t i = 0; i < keys->n; i++)
		if (keyblob_equal(&keys->v[i], blob))
			return &keys->v[i];
	return NULL;
}

/* The agent's certificates for one of our key files. */
static void
add_agent_certificates(struct auth *a, struct offers *o, const struct agent_keys *keys, const struct keyblob *pub)
{
	for (size_t i = 0; i < keys->n; i++) {
		struct keyblob plain;

		if (!keyblob_is_cert(&keys->v[i]))
			continue;
		plain = keyblob_plain(&keys->v[i]);
		if (keyblob_equal(&plain, pub))
			offers_add(a, o, &keys->v[i], &keys->v[i]);
		keyblob_finish(&plain);
	}
}

static void
offers_make(struct auth *a, const struct agent_keys *keys, struct offers *o)
{
	const struct identities *ids = &a->ids;
	const struct keyblob *key;

	o->n = 0;
	o->room = keys->n + ids->certs_count;
	o->v = xcalloc(o->room + 1, sizeof(o->v[0]));
	for (size_t i = 0; i < ids->certs_count; i++) {
		key = agent_find(keys, &ids->certs[i].plain);
		if (key != NULL)
			offers_add(a, o, &ids->certs[i].blob, key);
	}
	for (size_t i = 0; i < ids->keys_count; i++) {
		add_agent_certificates(a, o, keys, &ids->keys[i].pub);
		key = agent_find(keys, &ids->keys[i].pub);
		if (key != NULL)
			offers_add(a, o, key, key);
	}
	for (size_t i = 0; i < keys->n && !a->target->identities_only; i++)
		offers_add(a, o, &keys->v[i], &keys->v[i]);
}

/* The server has ended the login at a key: that is its answer, as many do that count them (MaxAuthTries). */
static bool
ended_by_server(const struct auth *a, enum auth_outcome outcome)
{
	return outcome == AUTH_OUTCOME_FAILED && a->err->reason == REASON_AUTH_FAILED;
}

/* How many of the keys that were shown the server has refused: libssh does not say, but each refusal was a packet. */
static size_t
count_denied(struct auth *a, const struct agent_proxy *proxy, enum auth_outcome outcome, uint64_t packets)
{
	size_t shown = proxy->count - proxy->from;

	if (proxy->signer >=
	    0) /* the server has taken it; the signature, if the agent gave one, it may have swallowed */
		return (size_t)proxy->signer - proxy->from + (!proxy->refused && auth_key_swallowed(a, outcome));
	if (outcome == AUTH_OUTCOME_DENIED)
		return shown;
	packets = a->traffic.in_packets - packets;
	packets += ended_by_server(a, outcome) || auth_key_swallowed(a, outcome); /* the key in flight */
	packets -= packets > 0 && a->told_end;
	return packets < shown ? (size_t)packets : shown;
}

/* One walk of libssh's through what the proxy shows. */
static enum auth_outcome
walk(struct auth *a, struct agent_proxy *proxy)
{
	uint64_t packets = a->traffic.in_packets;
	enum auth_outcome outcome;
	char fingerprint[FINGERPRINT_SIZE];
	size_t denied;
	int rc;

	proxy->signer = -1;
	proxy->refused = false;
	rc = auth_step(a, STEP_AGENT, NULL, NULL);
	a->key_answered = a->traffic.in_packets > packets;
	outcome = auth_outcome(a, rc);
	denied = count_denied(a, proxy, outcome, packets);
	for (size_t i = 0; i < denied; i++)
		auth_key_denied(a, proxy->offers[proxy->from + i].shown);
	if ((outcome == AUTH_OUTCOME_DONE || outcome == AUTH_OUTCOME_PARTIAL) && proxy->signer >= 0) {
		const struct keyblob *shown = proxy->offers[proxy->signer].shown;

		identity_fingerprint(shown, fingerprint);
		auth_note_success(a, "publickey (agent: %s)", fingerprint);
		note_used(a, shown);
	}
	return outcome;
}

static enum auth_outcome
try_offers(struct auth *a, int agent_fd, const struct offers *o)
{
	double left = a->hooks->left(a->err, a->hooks->arg);
	enum auth_outcome outcome = AUTH_OUTCOME_DENIED;
	struct agent_proxy proxy = {.agent_fd = agent_fd,
	    .offers = o->v,
	    .count = o->n,
	    .session_fd = a->made->fd,
	    .deadline = clock_now() + left};

	if (left < 0 || agent_proxy_start(&proxy, a->err) == -1)
		return AUTH_OUTCOME_FAILED;
	auth_note_tried(a, "publickey (%zu agent key%s)", o->n, o->n == 1 ? "" : "s");
	ssh_set_agent_socket(a->made->ssh, proxy.client_fd);
	while (outcome == AUTH_OUTCOME_DENIED && proxy.from < o->n) {
		outcome = walk(a, &proxy);
		/* A key that the server takes and the agent then will not use ends libssh's walk, not ours. */
		if (outcome != AUTH_OUTCOME_DENIED || !proxy.refused || proxy.signer < 0)
			break;
		auth_note_problem(a, "the agent refused to sign with a key that the server would accept");
		proxy.from = (size_t)proxy.signer + 1;
	}
	ssh_set_agent_socket(a->made->ssh, -1);
	agent_proxy_stop(&proxy);
	return outcome;
}

/*
 * Connects and lists; -1 when there is no agent: the other ways remain, unless *wanting, where descriptors were, and
 * a->err says so.
 */
static int
open_agent(struct auth *a, struct agent_keys *keys, bool *wanting)
{
	char *path = agent_choose_path(a->target, a->attempt->agent_socket);
	double left = a->hooks->left(a->err, a->hooks->arg), deadline;
	struct np_error problem;
	int fd;

	if (path == NULL || left < 0) {
		free(path);
		return -1;
	}
	deadline = clock_now() + (left < AGENT_SECONDS ? left : AGENT_SECONDS);
	fd = agent_open(path, deadline, a->made->fd, keys, &problem);
	free(path);
	*wanting = fd == -1 && problem.reason == REASON_INTERNAL;
	if (*wanting)
		*a->err = problem;
	/* A socket that is gone is no news: ssh says nothing of it either.  One that hangs costs the person time. */
	if (fd == -1 && problem.reason == REASON_CONNECT_TIMEOUT)
		auth_note_problem(a, problem.text);
	else if (fd == -1 && a->note[0] == '\0')
		snprintf(a->note, sizeof(a->note), "%.*s", (int)sizeof(a->note) - 1, problem.text);
	else if (fd != -1)
		*a->agent_hash = keys->hash;
	return fd;
}

static enum auth_outcome
try_agent(struct auth *a, const struct agent_keys *keys, int fd)
{
	enum auth_outcome outcome = AUTH_OUTCOME_DENIED;
	struct offers offers;

	offers_make(a, keys, &offers);
	if (offers.n > 0)
		outcome = try_offers(a, fd, &offers);
	free(offers.v);
	return outcome;
}

/* A passphrase from passphrase_command (at the first try) or from a person; NULL: none to be had. */
static struct secret *
get_passphrase(struct auth *a, const char *path, int tries, enum auth_outcome *failed)
{
	const char *command = a->target->device->passphrase_command;
	struct secret *passphrase = NULL;
	char *text;

	if (command != NULL && tries > 0) {
		error_set(a->err, REASON_CREDENTIAL_FAILED,
		    "passphrase_command gave a passphrase that does not open %s", path);
		*failed = AUTH_OUTCOME_FAILED;
		return NULL;
	}
	if (command != NULL) {
		if (credential_run("passphrase_command", command, a->hooks, &passphrase, a->err) == -1)
			*failed = AUTH_OUTCOME_FAILED;
		auth_watch(a);
		return passphrase;
	}
	text = xasprintf(
	    "%sEnter passphrase for key '%s': ", tries > 0 ? "That does not open it, please try again. " : "", path);
	passphrase = tries < PASSPHRASE_TRIES ? auth_ask(a, PROMPT_PASSPHRASE, text, false) : NULL;
	free(text);
	if (passphrase == NULL)
		auth_note_problem(a, tries > 0 ? "no passphrase opened the key"
					       : "the server accepts a key file whose passphrase nobody gave; load it "
						 "with ssh-add or set passphrase_command");
	return passphrase;
}

/* The private key, with a passphrase where needed.  *failed stays DENIED unless the login is to end. */
static ssh_key
open_private(struct auth *a, const char *path, enum auth_outcome *failed)
{
	enum identity_result result;
	struct np_error problem;
	struct secret *passphrase;
	ssh_key key;
	int tries;

	*failed = AUTH_OUTCOME_DENIED;
	result = identity_private(path, NULL, &key, &problem);
	for (tries = 0; result == IDENTITY_ENCRYPTED; tries++) {
		passphrase = get_passphrase(a, path, tries, failed);
		if (passphrase == NULL)
			return NULL;
		result = identity_private(path, secret_text(passphrase), &key, &problem);
		secret_unref(passphrase);
	}
	if (result == IDENTITY_OK)
		return key;
	if (problem.reason == REASON_CREDENTIAL_FAILED) {
		*a->err = problem;
		*failed = AUTH_OUTCOME_FAILED;
	} else
		auth_note_problem(a, problem.text);
	return NULL;
}

static bool
is_encrypted(const char *path)
{
	struct np_error ignored;
	ssh_key key;
	bool encrypted = identity_private(path, NULL, &key, &ignored) == IDENTITY_ENCRYPTED;

	ssh_key_free(key);
	return encrypted;
}

/* What the server says of a key, known by its public half where that is known. */
static enum auth_outcome
key_outcome(struct auth *a, const struct keyblob *pub, int rc)
{
	bool denied = rc == SSH_AUTH_DENIED && ssh_is_connected(a->made->ssh);
	enum auth_outcome outcome = auth_outcome(a, rc);

	if (denied || ended_by_server(a, outcome) || auth_key_swallowed(a, outcome))
		auth_key_denied(a, pub);
	return outcome;
}

/* Whether the server would accept the public half: asked before a passphrase is. */
static enum auth_outcome
ask_server(struct auth *a, const struct keyblob *pub)
{
	ssh_key key = identity_public(pub);
	enum auth_outcome outcome;

	if (key == NULL)
		return AUTH_OUTCOME_DENIED;
	outcome = key_outcome(a, pub, auth_step(a, STEP_TRY_KEY, NULL, key));
	ssh_key_free(key);
	return outcome;
}

/* Signs with a key file, as itself or, where cert says so, as what the certificate in shown certifies. */
static enum auth_outcome
sign(struct auth *a, const char *path, const char *name, const struct keyblob *shown, const struct keyblob *known,
    bool cert)
{
	enum auth_outcome outcome;
	ssh_key private_key = open_private(a, path, &outcome), key;

	if (private_key == NULL)
		return outcome;
	key = cert ? identity_with_certificate(private_key, shown) : private_key;
	if (key != NULL)
		outcome = key_outcome(a, known, auth_step(a, STEP_SIGN, NULL, key));
	if (outcome == AUTH_OUTCOME_DONE || outcome == AUTH_OUTCOME_PARTIAL) {
		auth_note_success(a, "publickey (%s)", name);
		note_used(a, shown);
	}
	if (key != private_key)
		ssh_key_free(key);
	ssh_key_free(private_key);
	return outcome;
}

/* The private key is in the file; what the server sees is in shown, under the name of its own file. */
static enum auth_outcome
try_file(struct auth *a, const char *path, const char *name, const struct keyblob *shown, const struct keyblob *known,
    bool cert)
{
	enum auth_outcome outcome;

	auth_note_tried(a, "publickey (%s)", name);
	if (shown->data != NULL && is_encrypted(path)) {
		outcome = ask_server(a, shown);
		if (outcome != AUTH_OUTCOME_DONE) /* here: the server would accept it */
			return outcome;
	}
	return sign(a, path, name, shown, known, cert);
}

/* Certificates whose private keys are files. */
static enum auth_outcome
try_file_certificates(struct auth *a, const struct agent_keys *keys)
{
	enum auth_outcome outcome = AUTH_OUTCOME_DENIED;
	const struct identity *id;

	for (size_t i = 0; i < a->ids.certs_count && outcome == AUTH_OUTCOME_DENIED; i++) {
		const struct certificate *cert = &a->ids.certs[i];

		id = identities_find(&a->ids, &cert->plain);
		if (id == NULL || id->missing || id->public_only || was_used(a, &cert->blob) ||
		    auth_key_is_barred(a, &cert->blob) || agent_find(keys, &cert->plain) != NULL)
			continue;
		outcome = try_file(a, id->path, cert->path, &cert->blob, &cert->blob, true);
	}
	return outcome;
}

static enum auth_outcome
try_files(struct auth *a, const struct agent_keys *keys)
{
	enum auth_outcome outcome = AUTH_OUTCOME_DENIED;

	for (size_t i = 0; i < a->ids.keys_count && outcome == AUTH_OUTCOME_DENIED; i++) {
		const struct identity *id = &a->ids.keys[i];

		if (id->missing && a->target->explicit_key) {
			error_set(a->err, REASON_CREDENTIAL_FAILED, "key_file: %s does not exist", id->path);
			return AUTH_OUTCOME_FAILED;
		}
		if (id->missing || id->public_only || agent_find(keys, &id->pub) != NULL || was_used(a, &id->pub) ||
		    auth_key_is_barred(a, known_by(id)))
			continue;
		outcome = try_file(a, id->path, id->path, &id->pub, known_by(id), false);
	}
	return outcome;
}

/* Asks for all that may be shown, whatever the order: the gate knows what this server has refused. */
static int
claim(struct auth *a, const struct agent_keys *keys)
{
	const struct identities *ids = &a->ids;
	struct keyblob *all = xcalloc(ids->certs_count + ids->keys_count + keys->n + 1, sizeof(all[0]));
	size_t n = 0;
	int rc;

	while (n < keys->n) {
		all[n] = keys->v[n];
		n++;
	}
	for (size_t i = 0; i < ids->certs_count; i++)
		all[n++] = ids->certs[i].blob;
	for (size_t i = 0; i < ids->keys_count; i++)
		if (known_by(&ids->keys[i])->data != NULL && !ids->keys[i].missing)
			all[n++] = *known_by(&ids->keys[i]);
	rc = auth_claim_keys(a, all, n, keys->n, keys->n > 0 ? keys->hash : 0);
	free(all);
	return rc;
}

enum auth_outcome
auth_pubkey(struct auth *a)
{
	struct agent_keys keys = {.v = NULL};
	enum auth_outcome outcome;
	bool wanting = false;
	int fd;

	/* A server that sees fewer keys than there are refuses, and that would bar the account. */
	if (!a->keys_loaded) {
		a->keys_loaded = true;
		if (identities_load(a->target, &a->ids, a->err) == -1)
			return AUTH_OUTCOME_FAILED;
	}
	fd = open_agent(a, &keys, &wanting);
	if (wanting)
		return AUTH_OUTCOME_FAILED;
	outcome = claim(a, &keys) == 0 ? try_file_certificates(a, &keys) : AUTH_OUTCOME_FAILED;
	if (outcome == AUTH_OUTCOME_DENIED && fd != -1)
		outcome = try_agent(a, &keys, fd);
	if (outcome == AUTH_OUTCOME_DENIED)
		outcome = try_files(a, &keys);
	auth_settle_keys(a, outcome);
	if (fd != -1)
		close(fd);
	agent_keys_finish(&keys);
	return outcome;
}
