/*
 * A device entry and ssh's configuration, joined: the entry wins over ssh -G, which wins over defaults.
 *
 * Not here: running ssh -G (the resolver), file stamps (target_stamp.c), names of algorithms (algorithm.c).
 */
#include "target/target.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/operand.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conf/algorithm.h"
#include "target/sshconf.h"

/* The name that known_hosts has, as ssh writes it there. */
static char *
make_known_as(const char *alias, const char *host, int port)
{
	char *name;

	if (alias != NULL)
		name = xstrdup(alias);
	else if (port == 22)
		name = xstrdup(host);
	else
		name = xasprintf("[%s]:%d", host, port);
	for (char *p = name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return name;
}

/* Methods that PreferredAuthentications leaves out are not tried; our own order stays. */
static bool
is_preferred(const struct target *t, const char *method)
{
	char *copy, *rest, *name;
	bool found = false;

	if (t->preferred_authentications == NULL)
		return true;
	copy = rest = xstrdup(t->preferred_authentications);
	while (!found && (name = strsep(&rest, ",")) != NULL)
		found = strcmp(name, method) == 0;
	free(copy);
	return found;
}

static void
take_settings(struct target *t)
{
	double ours = t->device->args.connection_timeout, theirs = t->connect_timeout;

	/* 0 is no limit on either side */
	t->connection_timeout = ours > 0 && (theirs <= 0 || ours < theirs) ? ours : theirs;
	t->pubkey_auth = t->pubkey_auth && is_preferred(t, "publickey");
	t->password_auth = t->password_auth && is_preferred(t, "password");
	t->kbdint_auth = t->kbdint_auth && is_preferred(t, "keyboard-interactive");
	xreplace(&t->preferred_authentications, NULL);
}

static int
expand(char **text, const char *keyword, const struct sshconf_tokens *tokens, bool is_file, struct np_error *err)
{
	char *expanded = sshconf_expand(*text, tokens, is_file, err);

	if (expanded == NULL)
		return error_prefix(err, "ssh's %s", keyword);
	free(*text);
	*text = expanded;
	return 0;
}

static int
expand_files(struct strings *files, const char *keyword, const struct sshconf_tokens *tokens, struct np_error *err)
{
	for (size_t i = 0; i < files->n; i++) {
		if (expand(&files->v[i], keyword, tokens, true, err) < 0)
			return -1;
	}
	return 0;
}

/* A file of the device's in place of those that ssh would use. */
static void
take_file(struct strings *files, const char *file)
{
	strings_finish(files);
	strings_add(files, file);
}

static int
take_files(struct target *t, const struct sshconf_tokens *tokens, struct np_error *err)
{
	const struct device_conf *device = t->device;

	if (device->key_file != NULL) {
		take_file(&t->identity_files, device->key_file);
		t->identities_only = true;
		t->explicit_key = true;
	} else if (expand_files(&t->identity_files, "IdentityFile", tokens, err) < 0) {
		return -1;
	}
	if (device->certificate_file != NULL)
		take_file(&t->certificate_files, device->certificate_file);
	else if (expand_files(&t->certificate_files, "CertificateFile", tokens, err) < 0)
		return -1;
	if (expand_files(&t->user_known_hosts, "UserKnownHostsFile", tokens, err) < 0)
		return -1;
	return expand_files(&t->global_known_hosts, "GlobalKnownHostsFile", tokens, err);
}

/* IdentityAgent: a path, "none", "SSH_AUTH_SOCK" or "$NAME" of the broker's environment. */
static int
take_agent(struct target *t, const struct sshconf_tokens *tokens, struct np_error *err)
{
	const char *said = t->agent_path;

	t->use_agent = t->device->use_agent != 0;
	if (said == NULL)
		return 0;
	if (strcmp(said, "SSH_AUTH_SOCK") == 0) {
		xreplace(&t->agent_path, NULL);
		return 0;
	}
	if (said[0] == '$' && said[1] != '{') {
		const char *value = getenv(said + 1);

		if (value == NULL)
			strings_addf(&t->notices, "identityagent %s (not set in the broker's environment)", said);
		xreplace(&t->agent_path, value != NULL && value[0] != '\0' ? value : "none");
	} else if (expand(&t->agent_path, "IdentityAgent", tokens, true, err) < 0) {
		return -1;
	}
	if (strcmp(t->agent_path, "none") == 0)
		t->use_agent = false;
	return 0;
}

/* A jump host of the entry takes the place of both of ssh's ways; "none" is a direct connection. */
static int
take_proxy(struct target *t, const struct sshconf_tokens *tokens, struct np_error *err)
{
	if (t->device->proxy_jump != NULL)
		xreplace(&t->proxy_jump, t->device->proxy_jump);
	if (t->proxy_jump != NULL)
		xreplace(&t->proxy_command, NULL);
	if (t->proxy_jump != NULL && strcmp(t->proxy_jump, "none") == 0)
		xreplace(&t->proxy_jump, NULL);
	return t->proxy_command != NULL ? expand(&t->proxy_command, "ProxyCommand", tokens, false, err) : 0;
}

static int
take_algorithms(struct target *t, struct np_error *err)
{
	const struct device_conf *device = t->device;
	const struct {
		enum algorithm_kind kind;
		const char *wanted;
		char **list; /* ssh's, then ours */
	} all[] = {
	    {ALGORITHM_KEX, device->kex, &t->kex},
	    {ALGORITHM_HOST_KEY, device->host_key_algorithms, &t->host_key_algorithms},
	    {ALGORITHM_CIPHER, device->ciphers, &t->ciphers},
	    {ALGORITHM_MAC, device->macs, &t->macs},
	    {ALGORITHM_PUBKEY, device->pubkey_algorithms, &t->pubkey_algorithms},
	};

	for (size_t i = 0; i < NP_COUNT(all); i++) {
		struct algorithm_wish wish = {*all[i].list, all[i].wanted, device->legacy_algorithms};
		struct strings dropped = {0};
		char *list = algorithm_list(all[i].kind, &wish, &dropped, err);

		free(*all[i].list);
		*all[i].list = list;
		for (size_t j = 0; j < dropped.n; j++)
			strings_addf(
			    &t->notices, "%s: %s is not supported", algorithm_kind_key(all[i].kind), dropped.v[j]);
		strings_finish(&dropped);
		if (list == NULL)
			return -1;
	}
	return 0;
}

/* --- stamps --- */

static void
add_stamps(struct file_stamps *set, const struct strings *files)
{
	for (size_t i = 0; i < files->n; i++)
		file_stamps_add(set, files->v[i]);
}

static void
take_stamps(struct target *t, const struct strings *files)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	const struct device_conf *device = t->device;

	if (files != NULL)
		add_stamps(&t->config_files, files);
	add_stamps(&t->credential_files, &t->identity_files);
	add_stamps(&t->credential_files, &t->certificate_files);
	if (device->password_file != NULL)
		file_stamps_add(&t->credential_files, device->password_file);
	if (device->secret_file != NULL)
		file_stamps_add(&t->credential_files, device->secret_file);
	if (device->credential != NULL && directory != NULL) {
		char *path = xasprintf("%s/%s", directory, device->credential);

		file_stamps_add(&t->credential_files, path);
		free(path);
	}
}

/* --- what is ssh's own --- */

void
target_own_way(struct target *t, const char *fmt, ...)
{
	char text[256];
	va_list args;

	if (t->own_way != NULL)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	t->own_way = xstrdup(text);
}

/* Names are ours only where they mean the same in this process, its directory and its environment. */
static void
judge_names(struct target *t, const struct strings *files, const char *what)
{
	for (size_t i = 0; i < files->n; i++)
		if (files->v[i][0] != '/')
			target_own_way(t, "%s `%s` is not an absolute name", what, TEXT_SHOWN(files->v[i]));
}

static void
judge_expansions(struct target *t, const struct strings *files)
{
	for (size_t i = 0; i < files->n; i++)
		if (strchr(files->v[i], '$') != NULL)
			target_own_way(t, "`%s` is one's environment's", TEXT_SHOWN(files->v[i]));
}

/* Before names are expanded. */
static void
judge_environment(struct target *t)
{
	judge_expansions(t, &t->identity_files);
	judge_expansions(t, &t->certificate_files);
	judge_expansions(t, &t->user_known_hosts);
	if (t->agent_path != NULL && strchr(t->agent_path, '$') != NULL)
		target_own_way(t, "IdentityAgent is one's environment's");
	/* Whatever its line says, its program sees the environment, the directory and the terminal of who runs ssh. */
	if (t->proxy_command != NULL && t->device->proxy_jump == NULL)
		target_own_way(t, "ProxyCommand is run by who wants it");
}

static void
judge_files(struct target *t)
{
	judge_names(t, &t->identity_files, "IdentityFile");
	judge_names(t, &t->certificate_files, "CertificateFile");
	judge_names(t, &t->user_known_hosts, "UserKnownHostsFile");
}

/* --- the whole --- */

/* What ssh would have been given as its operand, %n: an ad-hoc device is named by user, host and port. */
static char *
make_operand(const struct device_conf *device)
{
	struct operand op;
	char *host;

	if (device->host != NULL || operand_parse(device->name, &op, NULL) < 0)
		return xstrdup(device->host != NULL ? device->host : device->name);
	host = xstrdup(op.host);
	operand_finish(&op);
	return host;
}

static int
take_all(struct target *t, const struct sshconf_tokens *tokens, struct np_error *err)
{
	if (take_files(t, tokens, err) < 0 || take_agent(t, tokens, err) < 0 || take_proxy(t, tokens, err) < 0 ||
	    take_algorithms(t, err) < 0)
		return error_prefix(err, "%s", t->name);
	return 0;
}

/* After ssh's words have been read: the device's own in their place. */
static int
join(struct target *t, const struct device_conf *device, struct np_error *err)
{
	char *operand = make_operand(device), *alias = t->known_as;
	int r;

	t->device = device_conf_copy(device);
	t->name = xstrdup(device->name);
	if (device->port != 0)
		t->port = device->port;
	if (device->username != NULL)
		xreplace(&t->user, device->username);
	t->known_as = make_known_as(alias, t->host, t->port);
	take_settings(t);
	judge_environment(t);
	r = take_all(t,
	    &(struct sshconf_tokens){
		.operand = operand, .hostname = t->host, .user = t->user, .host_key_alias = alias, .port = t->port},
	    err);
	free(alias);
	free(operand);
	return r;
}

struct target *
target_make(const struct device_conf *device, const char *ssh_says, const struct strings *files, struct np_error *err)
{
	struct target *t = xcalloc(1, sizeof(*t));

	atomic_init(&t->refs, 1);
	if (sshconf_parse(ssh_says, t, err) < 0 || join(t, device, err) < 0) {
		target_unref(t);
		return NULL;
	}
	judge_files(t);
	take_stamps(t, files);
	return t;
}

struct target *
target_ref(struct target *target)
{
	atomic_fetch_add(&target->refs, 1);
	return target;
}

/* --- all that a target is made of --- */

#define AT(member) offsetof(struct target, member)

static const size_t texts[] = {AT(name), AT(host), AT(user), AT(known_as), AT(proxy_jump), AT(proxy_command),
    AT(agent_path), AT(bind_address), AT(preferred_authentications), AT(kex), AT(host_key_algorithms), AT(ciphers),
    AT(macs), AT(pubkey_algorithms)};

static const size_t lists[] = {
    AT(identity_files), AT(certificate_files), AT(user_known_hosts), AT(global_known_hosts), AT(set_env)};

static const size_t flags[] = {AT(identities_only), AT(use_agent), AT(pubkey_auth), AT(password_auth), AT(kbdint_auth),
    AT(hash_known_hosts), AT(batch_mode), AT(compression), AT(explicit_key)};

static char **
text_at(const struct target *t, size_t offset)
{
	return (char **)(void *)((char *)(uintptr_t)t + offset);
}

static struct strings *
list_at(const struct target *t, size_t offset)
{
	return (struct strings *)(void *)((char *)(uintptr_t)t + offset);
}

static void
target_destroy(struct target *t)
{
	for (size_t i = 0; i < NP_COUNT(texts); i++)
		free(*text_at(t, texts[i]));
	for (size_t i = 0; i < NP_COUNT(lists); i++)
		strings_finish(list_at(t, lists[i]));
	strings_finish(&t->notices);
	free(t->own_way);
	file_stamps_finish(&t->config_files);
	file_stamps_finish(&t->credential_files);
	device_conf_free(t->device);
	free(t);
}

void
target_unref(struct target *target)
{
	if (target != NULL && atomic_fetch_sub(&target->refs, 1) == 1)
		target_destroy(target);
}

static bool
same_settings(const struct target *a, const struct target *b)
{
	bool same = a->port == b->port && a->address_family == b->address_family &&
		    a->password_prompts == b->password_prompts && a->strict == b->strict;

	for (size_t i = 0; same && i < NP_COUNT(texts); i++)
		same = texts[i] == AT(name) || text_equal(*text_at(a, texts[i]), *text_at(b, texts[i]));
	for (size_t i = 0; same && i < NP_COUNT(lists); i++)
		same = strings_equal(list_at(a, lists[i]), list_at(b, lists[i]));
	for (size_t i = 0; same && i < NP_COUNT(flags); i++)
		same = *(const bool *)((const char *)a + flags[i]) == *(const bool *)((const char *)b + flags[i]);
	return same;
}

/* connection_timeout is one of connection_args: it decides how a session is made, not which. */
bool
target_same_login(const struct target *a, const struct target *b)
{
	return text_equal(a->name, b->name) && same_settings(a, b) && device_conf_same_login(a->device, b->device);
}

/* What is left of a device once ssh's words have been joined with it: what ssh has no word for. */
static struct device_conf *
own_part(const struct target *t)
{
	struct device_conf *rest = device_conf_copy(t->device);

	xreplace(&rest->name, "");
	xreplace(&rest->host, NULL);
	xreplace(&rest->username, NULL);
	xreplace(&rest->proxy_jump, NULL);
	if (t->proxy_jump == NULL) /* else it says who its jump hosts are */
		xreplace(&rest->ssh_config, NULL);
	xreplace(&rest->ssh_options, NULL);
	strings_finish(&rest->ssh_arguments);
	rest->port = 0;
	return rest;
}

bool
target_same_session(const struct target *a, const struct target *b)
{
	struct device_conf *one, *other;
	bool same = same_settings(a, b);

	if (!same)
		return false;
	one = own_part(a);
	other = own_part(b);
	same = device_conf_same_login(one, other);
	device_conf_free(one);
	device_conf_free(other);
	return same;
}

char *
target_place(const struct target *t)
{
	const char *way = t->proxy_jump != NULL ? t->proxy_jump : t->proxy_command;

	return xasprintf("%s:%d%s%s", t->host, t->port, way != NULL ? " via " : "", way != NULL ? way : "");
}
