/*
 * Algorithm names: tables of what libssh has, and lists made of them.
 */
#include "config.h"

#include "conf/algorithm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

/*
 * The names of each kind.  First those that stay in the order that somebody has put them in, then costly ones: the
 * server may choose a large group, a rekey takes 17 ms on the loop with group 16 and 117 ms with group 18.  Then legacy
 * ones, which are offered only when asked for.
 */
static const char *const kex_names[] = {
#ifdef HAVE_LIBSSH_HYBRID_KEX
    "mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com",
#endif
    "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256", "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha1",
    "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1"};

static const char *const host_key_names[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512",
    "rsa-sha2-256", "ssh-rsa"};

static const char *const cipher_names[] = {"aes128-gcm@openssh.com", "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr", "aes256-cbc", "aes192-cbc", "aes128-cbc",
    "3des-cbc"};

static const char *const mac_names[] = {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1-etm@openssh.com", "hmac-sha1"};

static const char *const pubkey_names[] = {"ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512",
    "rsa-sha2-256", "ssh-rsa-cert-v01@openssh.com", "ssh-rsa"};

#define ALGORITHM_MAX 32 /* names of the longest list, with room */

static const struct algorithms {
	const char *key, *ssh_keyword;
	const char *const *names;
	size_t count;
	const char *costly, *legacy; /* the first of each */
} tables[] = {
    [ALGORITHM_KEX] = {"kex", "KexAlgorithms", kex_names, NP_COUNT(kex_names), "diffie-hellman-group-exchange-sha256",
	"diffie-hellman-group14-sha1"},
    [ALGORITHM_HOST_KEY] = {"host_key_algorithms", "HostKeyAlgorithms", host_key_names, NP_COUNT(host_key_names),
	"ssh-rsa", "ssh-rsa"},
    [ALGORITHM_CIPHER] = {"ciphers", "Ciphers", cipher_names, NP_COUNT(cipher_names), "aes256-cbc", "aes256-cbc"},
    [ALGORITHM_MAC] = {"macs", "MACs", mac_names, NP_COUNT(mac_names), "hmac-sha1-etm@openssh.com",
	"hmac-sha1-etm@openssh.com"},
    [ALGORITHM_PUBKEY] = {"pubkey_algorithms", "PubkeyAcceptedAlgorithms", pubkey_names, NP_COUNT(pubkey_names),
	"ssh-rsa-cert-v01@openssh.com", "ssh-rsa-cert-v01@openssh.com"},
};

/* ssh's compiled-in ciphers, by version: who has these has not chosen. */
static const char *const openssh_default_ciphers[] = {
    "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
    ("chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
     "aes128-cbc,aes192-cbc,aes256-cbc"),
    "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr",
};

/* Names chosen so far, by their place in the table, each once. */
struct chosen {
	const struct algorithms *table;
	size_t v[ALGORITHM_MAX];
	size_t n;
};

const char *
algorithm_kind_key(enum algorithm_kind kind)
{
	return tables[kind].key;
}

/* Where the name stands in the table; the number of all: nowhere. */
static size_t
place_of(const struct algorithms *table, const char *name)
{
	size_t i = 0;

	while (i < table->count && strcmp(table->names[i], name) != 0)
		i++;
	return i;
}

static void
chosen_add(struct chosen *c, size_t name)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i] == name)
			return;
	}
	c->v[c->n++] = name;
}

static char *
chosen_join(const struct chosen *c)
{
	char text[ALGORITHM_MAX * 48];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < c->n && used < sizeof(text); i++)
		used += (size_t)snprintf(
		    text + used, sizeof(text) - used, "%s%s", i > 0 ? "," : "", c->table->names[c->v[i]]);
	return xstrdup(text);
}

/* Adds the known names of a comma separated list; the others go to unknown when that is not NULL. */
static void
chosen_add_list(struct chosen *c, const char *list, struct strings *unknown)
{
	char *copy = xstrdup(list), *rest = copy;

	for (char *name; (name = strsep(&rest, ",")) != NULL;) {
		size_t i = place_of(c->table, name);

		if (i < c->table->count)
			chosen_add(c, i);
		else if (unknown != NULL && name[0] != '\0')
			strings_add(unknown, name);
	}
	free(copy);
}

/* Those that are legacy, or those that are not. */
static void
chosen_add_all(struct chosen *c, bool legacy)
{
	size_t middle = place_of(c->table, c->table->legacy);

	for (size_t i = legacy ? middle : 0; i < (legacy ? c->table->count : middle); i++)
		chosen_add(c, i);
}

/* Puts costly names and legacy ones behind the others, which stay as they are. */
static void
chosen_sort(struct chosen *c)
{
	size_t costly = place_of(c->table, c->table->costly), legacy = place_of(c->table, c->table->legacy);
	struct chosen sorted = {.table = c->table};

	for (size_t rank = 0; rank <= legacy; rank++) {
		for (size_t i = 0; i < c->n; i++) {
			size_t name = c->v[i];

			if (rank == (name < costly ? 0 : name < legacy ? name : legacy))
				sorted.v[sorted.n++] = name;
		}
	}
	*c = sorted;
}

static int
error_none_left(const struct algorithms *table, struct np_error *err)
{
	struct chosen all = {.table = table};
	char *supported;

	chosen_add_all(&all, false);
	chosen_add_all(&all, true);
	supported = chosen_join(&all);
	error_set(err, REASON_INVALID_PARAMS, "no name in it is supported; supported: %s", supported);
	free(supported);
	return -1;
}

static int
error_unknown_name(const struct algorithms *table, const char *name, struct np_error *err)
{
	const char *nearest = text_nearest(name, table->names, table->count);

	if (nearest == NULL)
		return error_none_left(table, err);
	return error_set(
	    err, REASON_INVALID_PARAMS, "`%s` is not supported; did you mean `%s`?", TEXT_SHOWN(name), nearest);
}

/* Names of RFC 4251 section 6: printable, no comma; here without anything odd. */
static int
check_syntax(const char *list, struct np_error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._+-,";
	size_t length = strlen(list);

	if (length == 0 || list[0] == ',' || list[length - 1] == ',' || strstr(list, ",,") != NULL ||
	    strspn(list, letters) != length)
		return error_set(err, REASON_INVALID_PARAMS,
		    "names separated by commas without spaces, or `+name` to append to the usual ones");
	if (list[0] == '-')
		return error_set(
		    err, REASON_INVALID_PARAMS, "a full list or `+name`, not `-name`: write the full list");
	return 0;
}

int
algorithm_check(enum algorithm_kind kind, const char *wanted, struct np_error *err)
{
	const char *list = wanted[0] == '+' ? wanted + 1 : wanted;
	struct chosen chosen = {.table = &tables[kind]};
	struct strings unknown = {0};
	int r = 0;

	if (check_syntax(list, err) < 0)
		return -1;
	chosen_add_list(&chosen, list, &unknown);
	if (unknown.n > 0 && (list != wanted || chosen.n == 0))
		r = error_unknown_name(chosen.table, unknown.v[0], err);
	strings_finish(&unknown);
	return r;
}

static bool
is_compiled_in(const char *ciphers)
{
	for (size_t i = 0; i < NP_COUNT(openssh_default_ciphers); i++) {
		if (strcmp(ciphers, openssh_default_ciphers[i]) == 0)
			return true;
	}
	return false;
}

/* What ssh would offer, as far as libssh can, in our order. */
static int
choose_from_ssh(struct chosen *c, const char *ssh, struct np_error *err)
{
	if (ssh == NULL) {
		chosen_add_all(c, false);
		return 0;
	}
	if (c->table == &tables[ALGORITHM_CIPHER] && is_compiled_in(ssh))
		chosen_add_list(c, "aes128-gcm@openssh.com,aes256-gcm@openssh.com", NULL);
	chosen_add_list(c, ssh, NULL);
	if (c->n > 0)
		return 0;
	error_none_left(c->table, err);
	return error_prefix(err, "ssh's %s", c->table->ssh_keyword);
}

char *
algorithm_list(
    enum algorithm_kind kind, const struct algorithm_wish *wish, struct strings *dropped, struct np_error *err)
{
	const char *wanted = wish->wanted;
	struct chosen chosen = {.table = &tables[kind]};

	if (wanted != NULL && wanted[0] != '+') {
		chosen_add_list(&chosen, wanted, dropped);
		if (chosen.n == 0) {
			error_none_left(chosen.table, err);
			error_prefix(err, "`%s`", chosen.table->key);
			return NULL;
		}
	} else {
		if (choose_from_ssh(&chosen, wish->ssh, err) < 0)
			return NULL;
		if (wanted != NULL)
			chosen_add_list(&chosen, wanted + 1, dropped);
		if (kind == ALGORITHM_KEX)
			chosen_sort(&chosen);
	}
	if (wish->legacy)
		chosen_add_all(&chosen, true);
	return chosen_join(&chosen);
}

/* A hybrid of a quantum-resistant exchange and a usual one, as OpenSSH and libssh name them. */
static bool
is_hybrid(const char *kex)
{
	return strncmp(kex, "mlkem", 5) == 0 || strncmp(kex, "sntrup", 6) == 0;
}

static bool
is_legacy(const struct algorithms *table, const char *name)
{
	size_t i = place_of(table, name);

	return i < table->count && i >= place_of(table, table->legacy);
}

/* ssh of 9.0 and later asks for a hybrid first, and a server of that age has one. */
static bool
hybrid_with_openssh(const char *banner)
{
	const char *at = strstr(banner, "OpenSSH_");

	return at != NULL && strtol(at + strlen("OpenSSH_"), NULL, 10) >= 9;
}

char *
algorithm_remark(const char *algorithms, const char *banner)
{
	const char *space = strchr(algorithms, ' ');
	char *kex = xstrndup(algorithms, strcspn(algorithms, " ")), *remark = NULL;
	const char *cipher = space != NULL ? space + 1 : "";

	if (is_legacy(&tables[ALGORITHM_KEX], kex) || is_legacy(&tables[ALGORITHM_CIPHER], cipher))
		remark = xasprintf("weak: %s", is_legacy(&tables[ALGORITHM_CIPHER], cipher) ? cipher : kex);
	else if (!is_hybrid(kex) && hybrid_with_openssh(banner))
		remark = xstrdup("ssh would have had a post-quantum key exchange with this server"
#ifndef HAVE_LIBSSH_HYBRID_KEX
				 "; this libssh has none (0.12 has)"
#endif
		);
	free(kex);
	return remark;
}
