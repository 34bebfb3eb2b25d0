/* Public keys as bytes, and the HMAC-SHA-1 of hashed host names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit/dialkit.h"
#include "login/keyblob.h"
#include "base/text.h"
#include "base/xalloc.h"

static struct keyblob
read_key(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name), *text = kit_read(path);
	struct keyblob b = keyblob_parse_line(text, strlen(text));

	free(path);
	free(text);
	return b;
}

static void
test_certificates_lead_to_their_keys(void **state)
{
	static const char *const kinds[] = {"rsa -b 2048", "ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521"};
	struct keyblob key, cert, plain, same;
	struct kit kit;
	size_t i;

	(void)state;
	kit_begin(&kit);
	kit_run("cd %s && ssh-keygen -q -t ed25519 -N '' -f ca", kit.dir);
	for (i = 0; i < NP_COUNT(kinds); i++) {
		kit_run("cd %s && rm -f k* && ssh-keygen -q -t %s -N '' -f k && ssh-keygen -q -s ca -I x -n y k.pub",
		    kit.dir, kinds[i]);
		key = read_key(kit.dir, "k.pub");
		cert = read_key(kit.dir, "k-cert.pub");
		assert_false(keyblob_is_cert(&key));
		assert_true(keyblob_is_cert(&cert));
		plain = keyblob_plain(&cert);
		same = keyblob_plain(&key);
		assert_true(keyblob_equal(&plain, &key));
		assert_true(keyblob_equal(&same, &key));
		assert_false(keyblob_equal(&cert, &key));
		keyblob_finish(&key);
		keyblob_finish(&cert);
		keyblob_finish(&plain);
		keyblob_finish(&same);
	}
	kit_end(&kit);
}

static void
test_truncated_certificates_have_no_key(void **state)
{
	/* type, nonce, public key, and the start of what follows */
	static const char text[] = "\0\0\0\x20ssh-ed25519-cert-v01@openssh.com\0\0\0\2NN\0\0\0\4KKKK\0\0\0\0";
	struct keyblob cert, plain;
	size_t n, whole = 4 + 32 + 6 + 8;

	(void)state;
	for (n = 0; n < sizeof(text) - 1; n++) {
		cert = keyblob_copy(text, n);
		plain = keyblob_plain(&cert);
		if (n < whole)
			assert_null(plain.data);
		else
			assert_memory_equal(plain.data, "\0\0\0\013ssh-ed25519\0\0\0\4KKKK", plain.size);
		keyblob_finish(&cert);
		keyblob_finish(&plain);
	}
}

static void
test_lengths_beyond_the_end_are_refused(void **state)
{
	static const char text[] = "\xff\xff\xff\xffssh-rsa";
	struct keyblob b = keyblob_copy(text, sizeof(text) - 1), none = {NULL, 0};
	char type[64];

	(void)state;
	assert_false(keyblob_type(&b, type, sizeof(type)));
	assert_false(keyblob_type(&none, type, sizeof(type)));
	assert_false(keyblob_is_cert(&b));
	assert_false(keyblob_equal(&none, &none));
	keyblob_finish(&b);
	/* A type with a NUL in it, and one longer than any. */
	b = keyblob_copy("\0\0\0\3a\0b", 7);
	assert_false(keyblob_type(&b, type, sizeof(type)));
	keyblob_finish(&b);
	b = keyblob_copy("\0\0\0\4abcd", 8);
	assert_false(keyblob_type(&b, type, 4));
	assert_true(keyblob_type(&b, type, 5));
	keyblob_finish(&b);
}

static void
test_lines_of_public_key_files(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
	    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAABEtLS0s= comment\n", true},
	    {"  ssh-ed25519\tAAAAC3NzaC1lZDI1NTE5AAAABEtLS0s=\r\n", true},
	    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAABEtLS0s=", true},
	    {"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAABEtLS0s=\n", false},
	    {"ssh-ed25519\n", false},
	    {"ssh-ed25519 !!!\n", false},
	    {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n", false},
	    {"\n", false},
	    {"", false},
	};
	struct keyblob b;
	size_t i;

	(void)state;
	for (i = 0; i < NP_COUNT(cases); i++) {
		b = keyblob_parse_line(cases[i].text, strlen(cases[i].text));
		if ((b.data != NULL) != cases[i].good)
			fail_msg("case %zu", i);
		keyblob_finish(&b);
	}
	b = keyblob_parse_line("ssh-ed25519 AAAA\0AAAA", 21);
	assert_null(b.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_certificates_lead_to_their_keys),
	    cmocka_unit_test(test_truncated_certificates_have_no_key),
	    cmocka_unit_test(test_lengths_beyond_the_end_are_refused),
	    cmocka_unit_test(test_lines_of_public_key_files),
	};

	return cmocka_run_group_tests_name("keyblob", tests, NULL, NULL);
}
