/*
 * Tests of src/conf/algorithm.c: which names are offered and in what order; that libssh knows every one of them.
 */
#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include <libssh/libssh.h>

#include "conf/algorithm.h"
#include "base/xalloc.h"

#ifdef HAVE_LIBSSH_HYBRID_KEX
#define HYBRID "sntrup761x25519-sha512@openssh.com,"
#else
#define HYBRID ""
#endif

static const enum algorithm_kind kinds[] = {
    ALGORITHM_KEX, ALGORITHM_HOST_KEY, ALGORITHM_CIPHER, ALGORITHM_MAC, ALGORITHM_PUBKEY};

static char *
list(enum algorithm_kind kind, const char *ssh, const char *wanted, bool legacy)
{
	const struct algorithm_wish wish = {ssh, wanted, legacy};
	struct strings dropped = {0};
	struct np_error err = {0};
	char *out = algorithm_list(kind, &wish, &dropped, &err);

	if (out == NULL)
		fail_msg("%s", err.text);
	strings_finish(&dropped);
	return out;
}

static void
expect_list(enum algorithm_kind kind, const char *ssh, const char *wanted, bool legacy, const char *expected)
{
	char *out = list(kind, ssh, wanted, legacy);

	assert_string_equal(out, expected);
	free(out);
}

static enum ssh_options_e
option_of(enum algorithm_kind kind)
{
	switch (kind) {
	case ALGORITHM_KEX:
		return SSH_OPTIONS_KEY_EXCHANGE;
	case ALGORITHM_HOST_KEY:
		return SSH_OPTIONS_HOSTKEYS;
	case ALGORITHM_CIPHER:
		return SSH_OPTIONS_CIPHERS_C_S;
	case ALGORITHM_MAC:
		return SSH_OPTIONS_HMAC_C_S;
	case ALGORITHM_PUBKEY:
		break;
	}
	return SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES;
}

static void
test_libssh_knows_every_name(void **state)
{
	(void)state;

	for (size_t i = 0; i < NP_COUNT(kinds); i++) {
		char *all = list(kinds[i], NULL, NULL, true), *rest = all;
		ssh_session session = ssh_new();

		for (char *name; (name = strsep(&rest, ",")) != NULL;) {
			if (ssh_options_set(session, option_of(kinds[i]), name) < 0)
				fail_msg("%s", name);
		}
		ssh_free(session);
		free(all);
	}
}

static void
test_lists_of_ssh_are_filtered_and_costly_exchanges_come_last(void **state)
{
	(void)state;

	expect_list(ALGORITHM_KEX,
	    "sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
	    "diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
	    "diffie-hellman-group14-sha256,diffie-hellman-group14-sha1",
	    NULL, false,
	    HYBRID "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,diffie-hellman-group14-sha256,"
		   "diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
		   "diffie-hellman-group14-sha1");
	expect_list(ALGORITHM_HOST_KEY, "ssh-ed25519-cert-v01@openssh.com,rsa-sha2-512,ssh-ed25519,rsa-sha2-512", NULL,
	    false, "rsa-sha2-512,ssh-ed25519");
	expect_list(
	    ALGORITHM_MAC, "umac-64@openssh.com,hmac-sha1,hmac-sha2-256", NULL, false, "hmac-sha1,hmac-sha2-256");
}

static void
test_without_ssh_nothing_legacy_is_offered(void **state)
{
	(void)state;

	for (size_t i = 0; i < NP_COUNT(kinds); i++) {
		char *out = list(kinds[i], NULL, NULL, false);

		assert_null(strstr(out, "sha1"));
		assert_null(strstr(out, "cbc"));
		assert_null(strstr(out, "ssh-rsa"));
		assert_non_null(strchr(out, ','));
		free(out);
	}
}

static void
test_gcm_comes_first_only_where_nobody_chose(void **state)
{
	(void)state;

	/* 9.2 and 9.9 as compiled in */
	expect_list(ALGORITHM_CIPHER,
	    "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,"
	    "aes256-gcm@openssh.com",
	    NULL, false,
	    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,"
	    "aes256-ctr");
	expect_list(ALGORITHM_CIPHER,
	    "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,"
	    "aes256-ctr",
	    NULL, false,
	    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,"
	    "aes256-ctr");
	/* chosen */
	expect_list(ALGORITHM_CIPHER, "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com", NULL, false,
	    "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com");
}

static void
test_what_a_person_should_know_of_what_was_agreed_on(void **state)
{
	static const struct {
		const char *algorithms, *banner, *says;
	} rows[] = {
	    {"curve25519-sha256 aes128-gcm@openssh.com", "SSH-2.0-OpenSSH_9.2p1 Debian-2", "post-quantum"},
	    {"curve25519-sha256 aes128-gcm@openssh.com", "SSH-2.0-OpenSSH_10.0p2", "post-quantum"},
	    {"sntrup761x25519-sha512@openssh.com aes128-gcm@openssh.com", "SSH-2.0-OpenSSH_9.2p1", NULL},
	    {"mlkem768x25519-sha256 aes128-ctr", "SSH-2.0-OpenSSH_10.0", NULL},
	    {"curve25519-sha256 aes128-gcm@openssh.com", "SSH-2.0-OpenSSH_8.4p1", NULL},
	    {"curve25519-sha256 aes128-gcm@openssh.com", "SSH-2.0-dropbear_2022.83", NULL},
	    {"curve25519-sha256 aes128-gcm@openssh.com", "", NULL},
	    {"diffie-hellman-group14-sha1 aes128-ctr", "SSH-2.0-Cisco-1.25", "weak: diffie-hellman-group14-sha1"},
	    {"curve25519-sha256 3des-cbc", "SSH-2.0-OpenSSH_9.2p1", "weak: 3des-cbc"},
	    {"diffie-hellman-group-exchange unknown", "SSH-2.0-Cisco-1.25", NULL},
	};

	(void)state;

	for (size_t i = 0; i < NP_COUNT(rows); i++) {
		char *remark = algorithm_remark(rows[i].algorithms, rows[i].banner);

		if ((remark == NULL) != (rows[i].says == NULL) ||
		    (remark != NULL && strstr(remark, rows[i].says) == NULL))
			fail_msg("row %zu: %s", i, remark != NULL ? remark : "nothing");
		free(remark);
	}
}

static void
test_a_full_list_of_the_device_keeps_its_order(void **state)
{
	const struct algorithm_wish wish = {
	    "curve25519-sha256", "diffie-hellman-group16-sha512,sntrup761x25519-sha512,curve25519-sha256", false};
	struct strings dropped = {0};
	struct np_error err = {0};
	char *out = algorithm_list(ALGORITHM_KEX, &wish, &dropped, &err);
	(void)state;

	assert_string_equal(out, "diffie-hellman-group16-sha512,curve25519-sha256");
	assert_int_equal(dropped.n, 1);
	assert_string_equal(dropped.v[0], "sntrup761x25519-sha512");
	strings_finish(&dropped);
	free(out);
}

static void
test_plus_appends_to_the_list_of_ssh(void **state)
{
	(void)state;

	expect_list(ALGORITHM_CIPHER, "aes256-ctr", "+aes128-cbc,3des-cbc", false, "aes256-ctr,aes128-cbc,3des-cbc");
	expect_list(ALGORITHM_CIPHER, "aes256-ctr", "+aes256-ctr", false, "aes256-ctr");
	expect_list(ALGORITHM_KEX, "diffie-hellman-group18-sha512", "+diffie-hellman-group1-sha1,curve25519-sha256",
	    false, "curve25519-sha256,diffie-hellman-group18-sha512,diffie-hellman-group1-sha1");
}

static void
test_legacy_appends_what_libssh_has_of_it(void **state)
{
	(void)state;

	expect_list(ALGORITHM_KEX, "curve25519-sha256", NULL, true,
	    "curve25519-sha256,diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1,"
	    "diffie-hellman-group1-sha1");
	expect_list(ALGORITHM_HOST_KEY, "ssh-ed25519", NULL, true, "ssh-ed25519,ssh-rsa");
	expect_list(ALGORITHM_CIPHER, "aes128-cbc,aes256-ctr", NULL, true,
	    "aes128-cbc,aes256-ctr,aes256-cbc,aes192-cbc,3des-cbc");
	expect_list(ALGORITHM_MAC, "hmac-sha1", NULL, true, "hmac-sha1,hmac-sha1-etm@openssh.com");
	expect_list(ALGORITHM_PUBKEY, "ssh-ed25519", NULL, true, "ssh-ed25519,ssh-rsa-cert-v01@openssh.com,ssh-rsa");
}

static void
test_a_list_that_leaves_nothing_is_an_error(void **state)
{
	static const struct {
		struct algorithm_wish wish;
		const char *error;
	} table[] = {
	    {{"umac-64@openssh.com,hmac-md5", NULL, false}, "ssh's MACs: no name in it is supported; supported: hmac-"},
	    {{"hmac-sha1", "hmac-md5", false}, "`macs`: no name in it is supported; supported: hmac-sha2-256-etm"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct strings dropped = {0};
		struct np_error err = {0};

		assert_null(algorithm_list(ALGORITHM_MAC, &table[i].wish, &dropped, &err));
		assert_memory_equal(err.text, table[i].error, strlen(table[i].error));
		assert_int_equal(err.reason, REASON_INVALID_PARAMS);
		strings_finish(&dropped);
	}
}

static void
test_the_longest_possible_lists_fit(void **state)
{
	(void)state;

	for (size_t i = 0; i < NP_COUNT(kinds); i++) {
		char *all = list(kinds[i], NULL, NULL, true), *wanted = xasprintf("+%s", all);

		expect_list(kinds[i], all, wanted, true, all);
		free(wanted);
		free(all);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_libssh_knows_every_name),
	    cmocka_unit_test(test_lists_of_ssh_are_filtered_and_costly_exchanges_come_last),
	    cmocka_unit_test(test_without_ssh_nothing_legacy_is_offered),
	    cmocka_unit_test(test_gcm_comes_first_only_where_nobody_chose),
	    cmocka_unit_test(test_what_a_person_should_know_of_what_was_agreed_on),
	    cmocka_unit_test(test_a_full_list_of_the_device_keeps_its_order),
	    cmocka_unit_test(test_plus_appends_to_the_list_of_ssh),
	    cmocka_unit_test(test_legacy_appends_what_libssh_has_of_it),
	    cmocka_unit_test(test_a_list_that_leaves_nothing_is_an_error),
	    cmocka_unit_test(test_the_longest_possible_lists_fit),
	};

	return cmocka_run_group_tests_name("algorithm", tests, NULL, NULL);
}
