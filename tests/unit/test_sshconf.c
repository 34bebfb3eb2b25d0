/*
 * Tests of src/target/sshconf.c and sshconf_expand.c.  tests/sshconf/ holds the output of `ssh -G` of several
 * versions.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "target/sshconf.h"
#include "target/target.h"
#include "base/xalloc.h"

#define NOT_HONOURED(line) "ssh's configuration: `" line "` is not honoured"
#define HEAD "hostname h\nuser u\nport 22\n"

static char *
read_recorded(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char *path = xasprintf("%s/tests/sshconf/%s", srcdir != NULL ? srcdir : ".", name);
	char *text = xcalloc(1, 65536);
	FILE *f = fopen(path, "r");

	if (f == NULL)
		fail_msg("%s", path);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	free(path);
	return text;
}

/* What is read from the text, or NULL with err. */
static struct target *
try_parse(const char *text, struct np_error *err)
{
	struct target *t = xcalloc(1, sizeof(*t));

	atomic_init(&t->refs, 1);
	if (sshconf_parse(text, t, err) == 0)
		return t;
	target_unref(t);
	return NULL;
}

static struct target *
parse(const char *text)
{
	struct np_error err = {0};
	struct target *t = try_parse(text, &err);

	if (t == NULL)
		fail_msg("%s", err.text);
	return t;
}

static struct target *
parse_recorded(const char *name)
{
	char *text = read_recorded(name);
	struct target *t = parse(text);

	free(text);
	return t;
}

static void
expect_strings(const struct strings *s, const char *const *expected, size_t count)
{
	assert_int_equal(s->n, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(s->v[i], expected[i]);
}

static void
check_all(const struct target *c)
{
	static const char *const identity_files[] = {"~/.ssh/%h-%r", "/keys/a b", "${HOME}/x"};
	static const char *const certificate_files[] = {"~/.ssh/%r-cert.pub"};
	static const char *const user_known_hosts[] = {"/home/ops/.ssh/kh_r1.example.net", "/tmp/k h"};
	static const char *const global_known_hosts[] = {"/etc/ssh/a", "/etc/ssh/b"};

	assert_string_equal(c->host, "r1.example.net");
	assert_string_equal(c->user, "ops");
	assert_int_equal(c->port, 2222);
	assert_string_equal(c->known_as, "r1-alias");
	assert_string_equal(c->proxy_jump, "bob@j1:2200,j2");
	assert_null(c->proxy_command);
	assert_string_equal(c->agent_path, "/run/user/1000/agent.sock");
	assert_string_equal(c->bind_address, "10.0.0.1");
	expect_strings(&c->identity_files, identity_files, 3);
	expect_strings(&c->certificate_files, certificate_files, 1);
	expect_strings(&c->user_known_hosts, user_known_hosts, 2);
	expect_strings(&c->global_known_hosts, global_known_hosts, 2);
	assert_int_equal(c->set_env.n, 0);
	assert_true(c->identities_only);
	assert_false(c->pubkey_auth);
	assert_false(c->password_auth);
	assert_true(c->hash_known_hosts);
	assert_true(c->batch_mode);
	assert_true(c->compression);
	assert_int_equal(c->address_family, AF_INET6);
	assert_int_equal(c->connect_timeout, 7);
	assert_int_equal(c->password_prompts, 1);
	assert_int_equal(c->strict, STRICT_ACCEPT_NEW);
	assert_non_null(strstr(c->kex, "curve25519-sha256"));
	assert_non_null(strstr(c->host_key_algorithms, "ssh-ed25519"));
	assert_memory_equal(c->macs, "hmac-sha2-512,", 14);
	assert_non_null(strstr(c->pubkey_algorithms, "ssh-ed25519"));
	assert_string_equal(c->preferred_authentications, "publickey,password");
}

static void
test_everything_that_ssh_9_2_says_is_read(void **state)
{
	static const char *const unsupported[] = {NOT_HONOURED("forwardx11 yes"),
	    NOT_HONOURED("hostbasedauthentication yes"), NOT_HONOURED("tunnel point-to-point"),
	    NOT_HONOURED("verifyhostkeydns true"), NOT_HONOURED("remotecommand uptime"),
	    NOT_HONOURED("pkcs11provider /usr/lib/p11.so"), NOT_HONOURED("revokedhostkeys /etc/ssh/revoked"),
	    NOT_HONOURED("dynamicforward 1080"), NOT_HONOURED("localforward 8080 [localhost]:80"),
	    NOT_HONOURED("remoteforward 9090 [localhost]:90"), NOT_HONOURED("forwardagent yes"),
	    NOT_HONOURED("rekeylimit 1073741824 3600"), NOT_HONOURED("localcommand echo hi")};
	struct target *c = parse_recorded("openssh-9.2-all");
	(void)state;

	check_all(c);
	assert_string_equal(c->ciphers, "aes256-ctr,aes128-cbc");
	assert_false(c->kbdint_auth);
	expect_strings(&c->notices, unsupported, NP_COUNT(unsupported));
	target_unref(c);
}

static void
test_older_keywords_of_ssh_8_4_are_understood(void **state)
{
	struct target *c = parse_recorded("openssh-8.4-all");
	(void)state;

	check_all(c);
	assert_string_equal(c->kex, "curve25519-sha256@libssh.org,curve25519-sha256");
	assert_true(c->kbdint_auth); /* by ChallengeResponseAuthentication, as that version does */
	target_unref(c);
}

static void
test_a_proxy_command_and_environment_are_read(void **state)
{
	static const char *const set_env[] = {"FOO=bar", "BAZ=a b"};
	struct target *c = parse_recorded("openssh-9.2-proxycommand");
	(void)state;

	assert_string_equal(c->host, "r2");
	assert_string_equal(c->proxy_command, "nc -x proxy:1080 %h %p");
	assert_null(c->proxy_jump);
	assert_string_equal(c->agent_path, "none");
	assert_int_equal(c->strict, STRICT_OFF);
	assert_int_equal(c->user_known_hosts.n, 0);
	assert_int_equal(c->connect_timeout, 0);
	assert_int_equal(c->address_family, AF_UNSPEC);
	expect_strings(&c->set_env, set_env, 2);
	assert_true(c->pubkey_auth && c->password_auth && c->kbdint_auth);
	assert_false(c->batch_mode || c->compression || c->identities_only);
	assert_int_equal(c->identity_files.n, 7);
	assert_int_equal(c->notices.n, 0);
	target_unref(c);
}

static void
test_strict_checking_and_no_keys_of_ssh_9_9_are_understood(void **state)
{
	struct target *c = parse_recorded("openssh-9.9-strict");
	(void)state;

	assert_int_equal(c->strict, STRICT_YES);
	assert_string_equal(c->agent_path, "SSH_AUTH_SOCK");
	assert_int_equal(c->identity_files.n, 0);
	assert_null(c->proxy_jump);
	assert_false(c->compression); /* said as UNKNOWN by an ssh without zlib */
	assert_int_equal(c->notices.n, 0);
	target_unref(c);
}

static void
test_what_debian_says_by_itself(void **state)
{
	struct target *c = parse_recorded("openssh-9.2-debian");
	(void)state;

	assert_string_equal(c->user, "bob");
	assert_int_equal(c->port, 2222);
	assert_int_equal(c->strict, STRICT_ASK);
	assert_null(c->agent_path);
	assert_null(c->bind_address);
	assert_int_equal(c->password_prompts, 3);
	assert_int_equal(c->notices.n, 0); /* so that nobody gets a notice who configured nothing */
	target_unref(c);
}

static void
test_single_values_are_understood(void **state)
{
	struct target *c;
	(void)state;

	c = parse(HEAD);
	assert_true(c->pubkey_auth && c->password_auth && c->kbdint_auth);
	assert_int_equal(c->password_prompts, 3);
	assert_int_equal(c->strict, STRICT_ASK);
	target_unref(c);

	c = parse("port 65535\r\nUSER none\r\nHostName none\r\n");
	assert_string_equal(c->host, "none");
	assert_string_equal(c->user, "none");
	assert_int_equal(c->port, 65535);
	target_unref(c);

	c = parse(HEAD "pubkeyauthentication unbound\nstricthostkeychecking off\naddressfamily inet\n");
	assert_true(c->pubkey_auth);
	assert_int_equal(c->strict, STRICT_OFF);
	assert_int_equal(c->address_family, AF_INET);
	target_unref(c);

	c = parse(HEAD "stricthostkeychecking yes\nlocalcommand x\npermitlocalcommand no\n");
	assert_int_equal(c->strict, STRICT_YES);
	assert_int_equal(c->notices.n, 0);
	target_unref(c);

	c = parse(HEAD "userknownhostsfile /a/my hosts /b\nglobalknownhostsfile  known other\n");
	assert_int_equal(c->user_known_hosts.n, 2);
	assert_string_equal(c->user_known_hosts.v[0], "/a/my hosts");
	assert_string_equal(c->user_known_hosts.v[1], "/b");
	assert_int_equal(c->global_known_hosts.n, 2);
	assert_string_equal(c->global_known_hosts.v[0], "known");
	target_unref(c);
}

static void
test_output_without_a_target_is_refused(void **state)
{
	static const struct {
		const char *text, *missing;
	} table[] = {
	    {"", "`hostname`"},
	    {"user u\nport 22\n", "`hostname`"},
	    {"hostname h\nport 22\n", "`user`"},
	    {"hostname h\nuser u\n", "`port`"},
	    {"hostname h\nuser u\nport 0\n", "`port`"},
	    {"hostname h\nuser u\nport 65536\n", "`port`"},
	    {"hostname h\nuser u\nport x\n", "`port`"},
	    {"hostname \nuser u\nport 1\n", "`hostname`"},
	    {"usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy]\n", "`hostname`"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err = {0};

		assert_null(try_parse(table[i].text, &err));
		assert_non_null(strstr(err.text, table[i].missing));
	}
}

static void
test_every_beginning_of_an_output_is_survived(void **state)
{
	char *text = read_recorded("openssh-9.2-all");
	(void)state;

	for (size_t size = strlen(text); size > 0; size--) {
		struct np_error err = {0};

		text[size] = '\0';
		target_unref(try_parse(text, &err));
	}
	free(text);
}

static void
test_the_files_that_ssh_read_are_found(void **state)
{
	static const char *const expected[] = {
	    "/home/ops/.ssh/config", "/home/ops/.ssh/conf.d/a b", "/etc/ssh/ssh_config"};
	struct strings files = {0};
	(void)state;

	sshconf_files("OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026\r\n"
		      "debug1: Reading configuration data /home/ops/.ssh/config\r\n"
		      "debug1: /home/ops/.ssh/config line 1: include x matched no files\r\n"
		      "debug1: Reading configuration data /home/ops/.ssh/conf.d/a b\r\n"
		      "debug1: Reading configuration data /etc/ssh/ssh_config\r\n"
		      "debug2: Reading configuration data /etc/ssh/ssh_config\n"
		      "Reading configuration data /not/this\n"
		      "debug1: Reading configuration data ",
	    &files);
	expect_strings(&files, expected, NP_COUNT(expected));
	strings_finish(&files);
	sshconf_files("", &files);
	assert_int_equal(files.n, 0);
}

/* --- tokens --- */

static void
test_tokens_are_expanded(void **state)
{
	static const struct sshconf_tokens tokens = {
	    .operand = "r1", .hostname = "r1.example.net", .user = "ops", .port = 2222};
	static const struct {
		const char *text;
		bool file;
		const char *expected;
	} table[] = {
	    {"", true, ""},
	    {"plain", true, "plain"},
	    {"%h:%p", false, "r1.example.net:2222"},
	    {"%r@%n %k %%h", false, "ops@r1 r1 %h"},
	    {"~/.ssh/%h", true, "/home/me/.ssh/r1.example.net"},
	    {"~", true, "/home/me"},
	    {"%d/x", true, "/home/me/x"},
	    {"a~/b", true, "a~/b"},
	    {"~/x ${NP_TEST}", false, "~/x ${NP_TEST}"},
	    {"/a/${NP_TEST}/b", true, "/a/v%h/b"},
	    {"$NP_TEST", true, "$NP_TEST"},
	    {"${NP_TEST}", true, "v%h"},
	};
	char *home = xstrdup_null(getenv("HOME"));
	(void)state;

	setenv("HOME", "/home/me", 1);
	setenv("NP_TEST", "v%h", 1);
	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err = {0};
		char *out = sshconf_expand(table[i].text, &tokens, table[i].file, &err);

		if (out == NULL)
			fail_msg("%s", err.text);
		assert_string_equal(out, table[i].expected);
		free(out);
	}
	unsetenv("NP_TEST");
	if (home != NULL)
		setenv("HOME", home, 1);
	else
		unsetenv("HOME");
	free(home);
}

static void
test_local_tokens_are_something(void **state)
{
	static const struct sshconf_tokens tokens = {
	    .operand = "n", .hostname = "h", .user = "r", .host_key_alias = "alias", .port = 1};
	struct np_error err = {0};
	char *out = sshconf_expand("%i|%u|%L|%l|%k", &tokens, true, &err);
	(void)state;

	assert_non_null(out);
	assert_null(strstr(out, "||"));
	assert_null(strchr(out, '%'));
	assert_string_equal(strrchr(out, '|'), "|alias");
	free(out);
}

static void
test_what_cannot_be_expanded_is_refused(void **state)
{
	static const struct sshconf_tokens tokens = {.operand = "n", .hostname = "h", .user = "r", .port = 1};
	static const struct {
		const char *text, *error;
	} table[] = {
	    {"%C", "`%C`: the token `%C` of ssh_config(5) is not supported here"},
	    {"%T", "`%T`: the token `%T` of ssh_config(5) is not supported here"},
	    {"x%", "`x%`: a `%` at the end: write `%%` for a percent sign"},
	    {"%\x01", "`%\\001`: the token `%?` of ssh_config(5) is not supported here"},
	    {"${NP_NOT_SET}", "`${NP_NOT_SET}`: the environment variable `NP_NOT_SET` is not set in the broker"},
	    {"${}", "`${}`: `${` without a name and `}`"},
	    {"${HOME", "`${HOME`: `${` without a name and `}`"},
	};
	(void)state;

	unsetenv("NP_NOT_SET");
	for (size_t i = 0; i < NP_COUNT(table); i++) {
		struct np_error err = {0};

		assert_null(sshconf_expand(table[i].text, &tokens, true, &err));
		assert_string_equal(err.text, table[i].error);
	}
}

static void
test_expansion_is_bounded(void **state)
{
	char host[256], text[2 * 200 + 1];
	struct sshconf_tokens tokens = {.operand = "n", .hostname = host, .user = "r", .port = 1};
	struct np_error err = {0};
	(void)state;

	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = '\0';
	for (size_t i = 0; i < 200; i++)
		memcpy(text + 2 * i, "%h", 3);
	assert_null(sshconf_expand(text, &tokens, true, &err));
	assert_non_null(strstr(err.text, "longer than 8192 bytes when expanded"));
}

static void
test_lists_of_strings_compare_by_content_and_order(void **state)
{
	struct strings a = {0}, b = {0};
	(void)state;

	assert_true(strings_equal(&a, &b));
	strings_add(&a, "x");
	assert_false(strings_equal(&a, &b));
	strings_add(&b, "x");
	assert_true(strings_equal(&a, &b));
	strings_add(&a, "y");
	strings_add(&b, "z");
	assert_false(strings_equal(&a, &b));
	strings_finish(&a);
	strings_finish(&b);
	assert_int_equal(a.n, 0);
}

/* Whether an ssh goes by itself that says this, with this log. */
static bool
goes_alone(const char *line, const char *log)
{
	char *text = xasprintf(HEAD "%s\n", line);
	struct target *t = parse(text);
	bool alone;

	sshconf_conditions(log, t);
	alone = t->own_way != NULL;
	target_unref(t);
	free(text);
	return alone;
}

static void
test_what_a_shared_session_does_not_keep_is_told(void **state)
{
	static const char *const told[] = {NOT_HONOURED("serveraliveinterval 15")};
	static const char *const quiet[] = {"loglevel INFO\n", "loglevel QUIET\n", "user loglevel\n"};
	struct target *t = parse(HEAD "serveraliveinterval 15\n");
	(void)state;

	expect_strings(&t->notices, told, NP_COUNT(told));
	for (size_t i = 0; i < NP_COUNT(quiet); i++) {
		sshconf_log_level(quiet[i], t);
		assert_null(t->own_way);
	}
	sshconf_log_level("port 22\nloglevel VERBOSE\nmacs x\n", t);
	assert_string_equal(t->own_way, "its configuration says `loglevel VERBOSE`");
	target_unref(t);
	t = parse(HEAD "serveraliveinterval 0\n");
	assert_int_equal(t->notices.n, 0);
	target_unref(t);
}

static void
test_what_is_ssh_s_own_is_found(void **state)
{
	static const char *const own[] = {"forwardagent yes", "forwardagent /tmp/agent", "controlpath /tmp/%C",
	    "remoteforward 1 [h]:2", "sessiontype none", "visualhostkey yes",
	    "permitlocalcommand yes\nlocalcommand date", "tunnel point-to-point"};
	static const char *const others[] = {"forwardagent no", "controlpath none", "localforward 1 [h]:2",
	    "remotecommand date", "sessiontype subsystem", "permitlocalcommand no\nlocalcommand date",
	    "controlmaster auto", "loglevel DEBUG3"};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(own); i++)
		if (!goes_alone(own[i], ""))
			fail_msg("%s", own[i]);
	for (size_t i = 0; i < NP_COUNT(others); i++)
		if (goes_alone(others[i], ""))
			fail_msg("%s", others[i]);
	assert_true(goes_alone("", "debug1: Executing command: 'test -f /x'\r\n"));
	assert_false(goes_alone("", "debug1: Executing command: 'exec '/usr/bin/npctl' -S '/s' mux'\r\n"));
	assert_true(goes_alone("", "debug3: /c line 1: not matched 'sessiontype \"exec\"' \r\n"));
	assert_false(goes_alone("", "debug3: /c line 1: matched 'host \"xh\"' \r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_ssh_s_own_is_found),
	    cmocka_unit_test(test_everything_that_ssh_9_2_says_is_read),
	    cmocka_unit_test(test_older_keywords_of_ssh_8_4_are_understood),
	    cmocka_unit_test(test_a_proxy_command_and_environment_are_read),
	    cmocka_unit_test(test_strict_checking_and_no_keys_of_ssh_9_9_are_understood),
	    cmocka_unit_test(test_what_debian_says_by_itself),
	    cmocka_unit_test(test_single_values_are_understood),
	    cmocka_unit_test(test_output_without_a_target_is_refused),
	    cmocka_unit_test(test_every_beginning_of_an_output_is_survived),
	    cmocka_unit_test(test_the_files_that_ssh_read_are_found),
	    cmocka_unit_test(test_tokens_are_expanded),
	    cmocka_unit_test(test_what_a_shared_session_does_not_keep_is_told),
	    cmocka_unit_test(test_local_tokens_are_something),
	    cmocka_unit_test(test_what_cannot_be_expanded_is_refused),
	    cmocka_unit_test(test_expansion_is_bounded),
	    cmocka_unit_test(test_lists_of_strings_compare_by_content_and_order),
	};

	return cmocka_run_group_tests_name("sshconf", tests, NULL, NULL);
}
