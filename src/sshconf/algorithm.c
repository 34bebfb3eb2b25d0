/*
 * Algorithm names: tables of what libssh 0.10 has, and lists made of them.
 */
#include "sshconf/algorithm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

/* Where a name goes in a list that nobody has put in order by hand. */
enum rank {
	RANK_NORMAL,
	RANK_GEX,     /* the server may choose a large group */
	RANK_GROUP16, /* 17 ms on the loop at every rekey */
	RANK_GROUP18, /* 117 ms */
	RANK_LEGACY   /* offered only when asked for */
};

struct algorithm {
	const char *name;
	enum rank rank;
};

static const struct algorithm kex_table[] = {
    {"curve25519-sha256", RANK_NORMAL},
    {"curve25519-sha256@libssh.org", RANK_NORMAL},
    {"ecdh-sha2-nistp256", RANK_NORMAL},
    {"ecdh-sha2-nistp384", RANK_NORMAL},
    {"ecdh-sha2-nistp521", RANK_NORMAL},
    {"diffie-hellman-group14-sha256", RANK_NORMAL},
    {"diffie-hellman-group-exchange-sha256", RANK_GEX},
    {"diffie-hellman-group16-sha512", RANK_GROUP16},
    {"diffie-hellman-group18-sha512", RANK_GROUP18},
    {"diffie-hellman-group14-sha1", RANK_LEGACY},
    {"diffie-hellman-group-exchange-sha1", RANK_LEGACY},
    {"diffie-hellman-group1-sha1", RANK_LEGACY},
};

static const struct algorithm host_key_table[] = {
    {"ssh-ed25519", RANK_NORMAL},
    {"ecdsa-sha2-nistp256", RANK_NORMAL},
    {"ecdsa-sha2-nistp384", RANK_NORMAL},
    {"ecdsa-sha2-nistp521", RANK_NORMAL},
    {"sk-ssh-ed25519@openssh.com", RANK_NORMAL},
    {"sk-ecdsa-sha2-nistp256@openssh.com", RANK_NORMAL},
    {"rsa-sha2-512", RANK_NORMAL},
    {"rsa-sha2-256", RANK_NORMAL},
    {"ssh-rsa", RANK_LEGACY},
};

static const struct algorithm cipher_table[] = {
    {"aes128-gcm@openssh.com", RANK_NORMAL},
    {"aes256-gcm@openssh.com", RANK_NORMAL},
    {"chacha20-poly1305@openssh.com", RANK_NORMAL},
    {"aes128-ctr", RANK_NORMAL},
    {"aes192-ctr", RANK_NORMAL},
    {"aes256-ctr", RANK_NORMAL},
    {"aes256-cbc", RANK_LEGACY},
    {"aes192-cbc", RANK_LEGACY},
    {"aes128-cbc", RANK_LEGACY},
    {"3des-cbc", RANK_LEGACY},
};

static const struct algorithm mac_table[] = {
    {"hmac-sha2-256-etm@openssh.com", RANK_NORMAL},
    {"hmac-sha2-512-etm@openssh.com", RANK_NORMAL},
    {"hmac-sha2-256", RANK_NORMAL},
    {"hmac-sha2-512", RANK_NORMAL},
    {"hmac-sha1-etm@openssh.com", RANK_LEGACY},
    {"hmac-sha1", RANK_LEGACY},
};

static const struct algorithm pubkey_table[] = {
    {"ssh-ed25519-cert-v01@openssh.com", RANK_NORMAL},
    {"ecdsa-sha2-nistp256-cert-v01@openssh.com", RANK_NORMAL},
    {"ecdsa-sha2-nistp384-cert-v01@openssh.com", RANK_NORMAL},
    {"ecdsa-sha2-nistp521-cert-v01@openssh.com", RANK_NORMAL},
    {"sk-ssh-ed25519-cert-v01@openssh.com", RANK_NORMAL},
    {"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", RANK_NORMAL},
    {"rsa-sha2-512-cert-v01@openssh.com", RANK_NORMAL},
    {"rsa-sha2-256-cert-v01@openssh.com", RANK_NORMAL},
    {"ssh-ed25519", RANK_NORMAL},
    {"ecdsa-sha2-nistp256", RANK_NORMAL},
    {"ecdsa-sha2-nistp384", RANK_NORMAL},
    {"ecdsa-sha2-nistp521", RANK_NORMAL},
    {"sk-ssh-ed25519@openssh.com", RANK_NORMAL},
    {"sk-ecdsa-sha2-nistp256@openssh.com", RANK_NORMAL},
    {"rsa-sha2-512", RANK_NORMAL},
    {"rsa-sha2-256", RANK_NORMAL},
    {"ssh-rsa-cert-v01@openssh.com", RANK_LEGACY},
    {"ssh-rsa", RANK_LEGACY},
};

#define ALGORITHM_MAX 32 /* names in the longest table, with room */

static const struct algorithm_table {
	const char *key;
	const char *ssh_keyword;
	const struct algorithm *names;
	size_t count;
} tables[] = {
    [ALGORITHM_KEX] = {"kex", "KexAlgorithms", kex_table, NP_COUNT(kex_table)},
    [ALGORITHM_HOST_KEY] = {"host_key_algorithms", "HostKeyAlgorithms", host_key_table, NP_COUNT(host_key_table)},
    [ALGORITHM_CIPHER] = {"ciphers", "Ciphers", cipher_table, NP_COUNT(cipher_table)},
    [ALGORITHM_MAC] = {"macs", "MACs", mac_table, NP_COUNT(mac_table)},
    [ALGORITHM_PUBKEY] = {"pubkey_algorithms", "PubkeyAcceptedAlgorithms", pubkey_table, NP_COUNT(pubkey_table)},
};

/* ssh's compiled-in ciphers, by version: who has these has not chosen. */
static const char *const openssh_default_ciphers[] = {
    "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
    ("chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com,"
     "aes128-cbc,aes192-cbc,aes256-cbc"),
    "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr",
};

/* Names chosen so far: pointers into a table, each once. */
struct chosen {
	const struct algorithm *v[ALGORITHM_MAX];
	size_t n;
};

const char *
algorithm_kind_key(enum algorithm_kind kind)
{
	return tables[kind].key;
}

static const struct algorithm *
table_find(const struct algorithm_table *table, const char *name, size_t length)
{
	for (size_t i = 0; i < table->count; i++) {
		if (strncmp(table->names[i].name, name, length) == 0 && table->names[i].name[length] == '\0')
			return &table->names[i];
	}
	return NULL;
}

static void
chosen_add(struct chosen *c, const struct algorithm *a)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i] == a)
			return;
	}
	if (c->n < ALGORITHM_MAX)
		c->v[c->n++] = a;
}

static char *
chosen_join(const struct chosen *c)
{
	char text[ALGORITHM_MAX * 48];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < c->n && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? "," : "", c->v[i]->name);
	return xstrdup(text);
}

/* Adds the known names of a comma separated list; the others go to unknown when that is not NULL. */
static void
chosen_add_list(struct chosen *c, const struct algorithm_table *table, const char *list, struct strings *unknown)
{
	for (const char *p = list; *p != '\0';) {
		size_t length = strcspn(p, ",");
		const struct algorithm *a = table_find(table, p, length);

		if (a != NULL) {
			chosen_add(c, a);
		} else if (unknown != NULL && length > 0) {
			strings_take(unknown, xstrndup(p, length));
		}
		p += length;
		p += *p == ',';
	}
}

static void
chosen_add_all(struct chosen *c, const struct algorithm_table *table, bool legacy)
{
	for (size_t i = 0; i < table->count; i++) {
		if ((table->names[i].rank == RANK_LEGACY) == legacy)
			chosen_add(c, &table->names[i]);
	}
}

/* Puts the names in order of rank, otherwise as they are. */
static void
chosen_sort(struct chosen *c)
{
	struct chosen sorted = {.n = 0};

	for (enum rank rank = RANK_NORMAL; rank <= RANK_LEGACY; rank++) {
		for (size_t i = 0; i < c->n; i++) {
			if (c->v[i]->rank == rank)
				sorted.v[sorted.n++] = c->v[i];
		}
	}
	*c = sorted;
}

static int
error_none_left(const struct algorithm_table *table, struct np_error *err)
{
	struct chosen all = {.n = 0};
	char *supported;

	chosen_add_all(&all, table, false);
	chosen_add_all(&all, table, true);
	supported = chosen_join(&all);
	error_set(err, REASON_INVALID_PARAMS, "no name in it is supported; supported: %s", supported);
	free(supported);
	return -1;
}

static int
error_unknown_name(const struct algorithm_table *table, const char *name, struct np_error *err)
{
	const char *names[ALGORITHM_MAX];
	const char *nearest;

	for (size_t i = 0; i < table->count; i++)
		names[i] = table->names[i].name;
	nearest = text_nearest(name, names, table->count);
	if (nearest != NULL)
		return error_set(
		    err, REASON_INVALID_PARAMS, "`%s` is not supported; did you mean `%s`?", TEXT_SHOWN(name), nearest);
	return error_none_left(table, err);
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
	const struct algorithm_table *table = &tables[kind];
	const char *list = wanted[0] == '+' ? wanted + 1 : wanted;
	struct chosen chosen = {.n = 0};
	struct strings unknown = {0};
	int r = 0;

	if (check_syntax(list, err) < 0)
		return -1;
	chosen_add_list(&chosen, table, list, &unknown);
	if (unknown.n > 0 && (list != wanted || chosen.n == 0))
		r = error_unknown_name(table, unknown.v[0], err);
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
choose_from_ssh(struct chosen *c, enum algorithm_kind kind, const char *ssh, struct np_error *err)
{
	const struct algorithm_table *table = &tables[kind];

	if (ssh == NULL) {
		chosen_add_all(c, table, false);
		return 0;
	}
	if (kind == ALGORITHM_CIPHER && is_compiled_in(ssh))
		chosen_add_list(c, table, "aes128-gcm@openssh.com,aes256-gcm@openssh.com", NULL);
	chosen_add_list(c, table, ssh, NULL);
	if (c->n == 0) {
		error_none_left(table, err);
		return error_prefix(err, "ssh's %s", table->ssh_keyword);
	}
	return 0;
}

char *
algorithm_list(
    enum algorithm_kind kind, const struct algorithm_wish *wish, struct strings *dropped, struct np_error *err)
{
	const struct algorithm_table *table = &tables[kind];
	const char *wanted = wish->wanted;
	struct chosen chosen = {.n = 0};

	if (wanted != NULL && wanted[0] != '+') {
		chosen_add_list(&chosen, table, wanted, dropped);
		if (chosen.n == 0) {
			error_none_left(table, err);
			error_prefix(err, "`%s`", table->key);
			return NULL;
		}
	} else {
		if (choose_from_ssh(&chosen, kind, wish->ssh, err) < 0)
			return NULL;
		if (wanted != NULL)
			chosen_add_list(&chosen, table, wanted + 1, dropped);
		if (kind == ALGORITHM_KEX)
			chosen_sort(&chosen);
	}
	if (wish->legacy)
		chosen_add_all(&chosen, table, true);
	return chosen_join(&chosen);
}
