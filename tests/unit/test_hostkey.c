/* known_hosts files as ssh-keygen and ssh write them, and what StrictHostKeyChecking makes of an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <libssh/libssh.h>

#include "kit/dialkit.h"
#include "kit/slow.h"
#include "login/dial.h"
#include "kit/testserver.h"
#include "kit/testsshd.h"
#include "base/xalloc.h"

/* Keys that tests put into files; made once. */
struct keys {
	ssh_key ed, ed2, rsa;
	char *ed_text, *ed2_text, *rsa_text; /* "TYPE BASE64" */
};

struct fixture {
	struct kit kit;
	struct keys *keys;
	struct testserver *server;
	int learned; /* logins of learn_key() */
	struct testsshd *sshd;
	struct kit_dialled out;
	struct np_error err;
	int rc;
	struct target target; /* for look-ups without a dial */
	char *files[2];
	struct known_answer answer;
};

static struct keys keys;

static char *
key_text(ssh_key key)
{
	char *base64 = NULL, *text;

	assert_int_equal(ssh_pki_export_pubkey_base64(key, &base64), SSH_OK);
	text = xasprintf("%s %s", ssh_key_type_to_char(ssh_key_type(key)), base64);
	ssh_string_free_char(base64);
	return text;
}

static int
make_keys(void **state)
{
	(void)state;
	assert_int_equal(ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &keys.ed), SSH_OK);
	assert_int_equal(ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &keys.ed2), SSH_OK);
	assert_int_equal(ssh_pki_generate(SSH_KEYTYPE_RSA, 2048, &keys.rsa), SSH_OK);
	keys.ed_text = key_text(keys.ed);
	keys.ed2_text = key_text(keys.ed2);
	keys.rsa_text = key_text(keys.rsa);
	return 0;
}

static int
free_keys(void **state)
{
	(void)state;
	ssh_key_free(keys.ed);
	ssh_key_free(keys.ed2);
	ssh_key_free(keys.rsa);
	free(keys.ed_text);
	free(keys.ed2_text);
	free(keys.rsa_text);
	return 0;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	kit_begin(&f->kit);
	f->keys = &keys;
	f->out.fd = -1;
	f->files[0] = xasprintf("%s/known_hosts", f->kit.dir);
	f->files[1] = xasprintf("%s/known_hosts2", f->kit.dir);
	f->target.known_as = xstrdup("r1.example.net");
	f->target.host = f->target.known_as;
	f->target.user_known_hosts.v = f->files;
	f->target.user_known_hosts.n = 2;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	known_answer_finish(&f->answer);
	kit_hang_up(&f->out);
	testserver_stop(f->server);
	testsshd_stop(f->sshd);
	free(f->target.known_as);
	free(f->files[0]);
	free(f->files[1]);
	kit_end(&f->kit);
	free(f);
	return 0;
}

static void
write_hosts(struct fixture *f, const char *name, const char *text)
{
	char path[128];

	kit_write(&f->kit, name, text, path);
}

static enum known_state
look_up(struct fixture *f, ssh_key key)
{
	known_answer_finish(&f->answer);
	known_hosts_look_up(&f->target, key, &f->answer);
	return f->answer.state;
}

/* In the patterns below %E, %F and %R stand for the two Ed25519 keys and the RSA key. */
static char *
fill_in(const struct keys *k, const char *pattern)
{
	char *text = xstrdup(""), *longer;

	for (; *pattern != '\0'; pattern++) {
		if (*pattern != '%')
			longer = xasprintf("%s%c", text, *pattern);
		else if (*++pattern == 'E')
			longer = xasprintf("%s%s", text, k->ed_text);
		else
			longer = xasprintf("%s%s", text, *pattern == 'F' ? k->ed2_text : k->rsa_text);
		free(text);
		text = longer;
	}
	return text;
}

static void
test_lines_are_judged(void **state)
{
	static const struct {
		const char *name;  /* looked up */
		const char *lines; /* with the key %E in question */
		enum known_state state;
		unsigned line;
	} cases[] = {
	    {"r1", "", KNOWN_NOT, 0},
	    {"r1", "r1 %E\n", KNOWN_MATCH, 1},
	    {"r1", "r1 %E", KNOWN_MATCH, 1},
	    {"r1", "r1 %E\r\n", KNOWN_MATCH, 1},
	    {"R1", "r1 %E\n", KNOWN_MATCH, 1},
	    {"r1", "R1 %E\n", KNOWN_MATCH, 1},
	    {"r1", "r1\t%E\tcomment here\n", KNOWN_MATCH, 1},
	    {"r1", "   r1   %E   comment\n", KNOWN_MATCH, 1},
	    {"r1", "# r1 %E\n\n\nr2,r1,r3 %E\n", KNOWN_MATCH, 4},
	    {"r1", "r2 %E\nr10 %E\n", KNOWN_NOT, 0},
	    {"r1", "r1 %F\n", KNOWN_CHANGED, 1},
	    {"r1", "r1 %F\nr1 %E\n", KNOWN_MATCH, 2},
	    {"r1", "r1 %E\nr1 %F\n", KNOWN_MATCH, 1},
	    {"r1", "r1 %R\n", KNOWN_OTHER_TYPE, 1},
	    {"r1", "r1 %R\nr1 %F\n", KNOWN_CHANGED, 2},
	    {"r1.example.net", "*.example.net %E\n", KNOWN_MATCH, 1},
	    {"r1.example.net", "r?.example.net %E\n", KNOWN_MATCH, 1},
	    {"r1.example.net", "!r1.example.net,*.example.net %E\n", KNOWN_NOT, 0},
	    {"r1.example.net", "*.example.net,!r1.example.net %E\n", KNOWN_NOT, 0},
	    {"r2.example.net", "*.example.net,!r1.example.net %E\n", KNOWN_MATCH, 1},
	    {"[r1]:2222", "[r1]:2222 %E\n", KNOWN_MATCH, 1},
	    {"[r1]:2222", "[r1]:2223 %E\n", KNOWN_NOT, 0},
	    {"[r1]:2222", "[r1]:2222 %F\n", KNOWN_CHANGED, 1},
	    {"[r1]:2222", "[r1]:2222 %F\nr1 %E\n", KNOWN_CHANGED, 1},
	    /* As ssh: the bare name speaks for the key, not against it. */
	    {"[r1]:2222", "r1 %E\n", KNOWN_MATCH, 1},
	    {"[r1]:2222", "r1 %F\n", KNOWN_NOT, 0},
	    {"[r1]:2222", "@revoked r1 %E\n", KNOWN_REVOKED, 1},
	    {"[2001:db8::1]:2222", "[2001:db8::1]:2222 %E\n", KNOWN_MATCH, 1},
	    {"2001:db8::1", "2001:db8::1 %E\n", KNOWN_MATCH, 1},
	    {"r1", "@revoked r1 %E\n", KNOWN_REVOKED, 1},
	    {"r1", "@revoked * %E\nr1 %E\n", KNOWN_REVOKED, 1},
	    {"r1", "r1 %E\n@revoked\t*  %E\n", KNOWN_REVOKED, 2},
	    {"r1", "@revoked r1 %F\nr1 %E\n", KNOWN_MATCH, 2},
	    {"r1", "@revoked r2 %E\nr1 %E\n", KNOWN_MATCH, 2},
	    {"r1", "@cert-authority * %E\n", KNOWN_NOT, 0},
	    {"r1", "@future r1 %E\n", KNOWN_NOT, 0},
	    /* What cannot be read says nothing, and hides nothing. */
	    {"r1", "r1\nr1 ssh-ed25519\nr1 ssh-ed25519 !!!\nr1 %E\n", KNOWN_MATCH, 4},
	    {"r1", "r1 ssh-nonsense AAAA\n", KNOWN_NOT, 0},
	    {"r1", "|1|bad|hash %E\n|1|| %E\n|1 %E\n", KNOWN_NOT, 0},
	};
	struct fixture *f = *state;
	char *text;
	size_t i;

	for (i = 0; i < NP_COUNT(cases); i++) {
		free(f->target.known_as);
		f->target.known_as = xstrdup(cases[i].name);
		text = fill_in(f->keys, cases[i].lines);
		write_hosts(f, "known_hosts", text);
		free(text);
		look_up(f, f->keys->ed);
		if (f->answer.state != cases[i].state || f->answer.line != cases[i].line)
			fail_msg("case %zu (%s): state %d, line %u", i, cases[i].lines, (int)f->answer.state,
			    f->answer.line);
	}
}

static void
test_all_files_are_read(void **state)
{
	struct fixture *f = *state;
	char *text = xasprintf("r1.example.net %s\n", f->keys->ed_text), *global, path[128];
	struct strings none = {NULL, 0};

	write_hosts(f, "known_hosts2", text);
	assert_int_equal(look_up(f, f->keys->ed), KNOWN_MATCH);
	assert_string_equal(f->answer.file, f->files[1]);

	unlink(f->files[1]);
	assert_int_equal(look_up(f, f->keys->ed), KNOWN_NOT);

	kit_write(&f->kit, "global", text, path);
	global = path;
	f->target.global_known_hosts.v = &global;
	f->target.global_known_hosts.n = 1;
	assert_int_equal(look_up(f, f->keys->ed), KNOWN_MATCH);
	f->target.global_known_hosts = none;
	free(text);
}

static void
test_names_hashed_by_ssh_keygen_are_found(void **state)
{
	struct fixture *f = *state;
	char *text = xasprintf(
	    "other %s\nr1.example.net %s\n[r1]:2222 %s\n", f->keys->ed2_text, f->keys->ed_text, f->keys->ed2_text);

	write_hosts(f, "known_hosts", text);
	free(text);
	kit_run("ssh-keygen -q -H -f %s 2>/dev/null", f->files[0]);
	text = kit_read(f->files[0]);
	assert_null(strstr(text, "example"));
	free(text);

	assert_int_equal(look_up(f, f->keys->ed), KNOWN_MATCH);
	assert_int_equal(f->answer.line, 2);
	assert_int_equal(look_up(f, f->keys->ed2), KNOWN_CHANGED);
	free(f->target.known_as);
	f->target.known_as = xstrdup("[r1]:2222");
	assert_int_equal(look_up(f, f->keys->ed2), KNOWN_MATCH);
}

static void
test_files_that_are_none_count_as_empty(void **state)
{
	struct fixture *f = *state;

	kit_run("mkfifo %s && mkdir %s", f->files[0], f->files[1]);
	assert_int_equal(look_up(f, f->keys->ed), KNOWN_NOT);
}

static void
test_types_known_for_the_host_come_first(void **state)
{
	struct fixture *f = *state;
	char *text = xasprintf("r1.example.net %s\n", f->keys->rsa_text), *list;
	struct rlimit limit, none;
	struct np_error err;

	f->target.host_key_algorithms = (char *)(uintptr_t) "ssh-ed25519,rsa-sha2-512,ecdsa-sha2-nistp256,ssh-rsa";
	write_hosts(f, "known_hosts", text);
	assert_int_equal(hostkey_algorithms(&f->target, &list, &err), 0);
	assert_string_equal(list, "rsa-sha2-512,ssh-rsa,ssh-ed25519,ecdsa-sha2-nistp256");
	free(list);
	free(text);

	/* Without descriptors nobody knows: that is no unknown host. */
	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	assert_int_equal(hostkey_algorithms(&f->target, &list, &err), -1);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_int_equal(err.reason, REASON_INTERNAL);
	free(list);

	unlink(f->files[0]);
	assert_int_equal(hostkey_algorithms(&f->target, &list, &err), 0);
	assert_string_equal(list, f->target.host_key_algorithms);
	free(list);
	f->target.host_key_algorithms = NULL;
	assert_int_equal(hostkey_algorithms(&f->target, &list, &err), 0);
	assert_null(list);
}

static void
add(struct fixture *f, ssh_key key)
{
	const char *file;

	if (known_hosts_add(&f->target, key, &file, &f->err) == -1)
		fail_msg("%s", f->err.text);
	assert_string_equal(file, f->files[0]);
}

static void
test_added_key_is_found_again(void **state)
{
	struct fixture *f = *state;
	char *text;
	struct stat st;

	add(f, f->keys->ed);
	add(f, f->keys->rsa);
	assert_int_equal(look_up(f, f->keys->ed), KNOWN_MATCH);
	assert_int_equal(look_up(f, f->keys->rsa), KNOWN_MATCH);
	assert_int_equal(f->answer.line, 2);
	assert_int_equal(stat(f->files[0], &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	text = xasprintf("r1.example.net %s\nr1.example.net %s\n", f->keys->ed_text, f->keys->rsa_text);
	char *written = kit_read(f->files[0]);
	assert_string_equal(written, text);
	free(written);
	free(text);
}

static void
test_hashed_line_is_one_that_ssh_keygen_finds(void **state)
{
	struct fixture *f = *state;
	char *text;

	f->target.hash_known_hosts = true;
	free(f->target.known_as);
	f->target.known_as = xstrdup("[R1.example.net]:2222");
	add(f, f->keys->ed);
	text = kit_read(f->files[0]);
	assert_int_equal(strncmp(text, "|1|", 3), 0);
	free(text);
	kit_run("ssh-keygen -F '[r1.example.net]:2222' -f %s | grep -q ssh-ed25519", f->files[0]);
	assert_int_equal(look_up(f, f->keys->ed), KNOWN_MATCH);
}

static void
test_line_without_newline_is_not_spoilt(void **state)
{
	struct fixture *f = *state;
	char *text = xasprintf("other %s", f->keys->ed2_text), *written;

	write_hosts(f, "known_hosts", text);
	add(f, f->keys->ed);
	written = kit_read(f->files[0]);
	assert_int_equal(strncmp(written, text, strlen(text)), 0);
	assert_int_equal(written[strlen(text)], '\n');
	assert_int_equal(look_up(f, f->keys->ed), KNOWN_MATCH);
	assert_int_equal(f->answer.line, 2);
	free(written);
	free(text);
}

static void
test_missing_directory_is_made(void **state)
{
	struct fixture *f = *state;
	const char *file;
	char *path = xasprintf("%s/dot-ssh/known_hosts", f->kit.dir), *dir = xasprintf("%s/dot-ssh", f->kit.dir);
	struct stat st;

	f->target.user_known_hosts.v = &path;
	f->target.user_known_hosts.n = 1;
	assert_int_equal(known_hosts_add(&f->target, f->keys->ed, &file, &f->err), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	f->target.user_known_hosts.n = 0;
	assert_int_equal(known_hosts_add(&f->target, f->keys->ed, &file, &f->err), -1);
	free(path);
	free(dir);
}

/* ---- what a dial makes of it ---- */

/* Dials a server whose key nobody knows yet; its port is kept for further dials. */
static void
dial_server(struct fixture *f, const char *config)
{
	struct target *target;
	struct attempt attempt = {.ready_fd = -1};

	if (f->server == NULL) {
		struct testserver_login login = {
		    .open_door = true, .steps_count = 1, .steps = {{.methods = SSH_AUTH_METHOD_PASSWORD}}};

		f->server = testserver_start_ssh(&login);
	}
	target = kit_target(&f->kit, testserver_port(f->server), "", config);
	attempt.target = target;
	kit_limit(&f->kit, slow(20));
	f->rc = kit_dial(&attempt, &f->kit.hooks, &f->out, &f->err);
	target_unref(target);
	kit_hang_up(&f->out);
}

static void
assert_refused(const struct fixture *f, enum np_reason reason, const char *text)
{
	assert_int_equal(f->rc, -1);
	if (f->err.reason != reason || strstr(f->err.text, text) == NULL)
		fail_msg("%s: %s", reason_name(f->err.reason), f->err.text);
	assert_int_equal(testserver_counts(f->server).nones, f->learned); /* nothing was sent for a login */
}

static int
count_lines(const char *path)
{
	char *text = kit_read(path), *p;
	int n = 0;

	for (p = text; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	free(text);
	return n;
}

static void
test_unknown_key_is_refused_when_checking_is_strict(void **state)
{
	struct fixture *f = *state;

	f->kit.answers[0] = "yes";
	dial_server(f, "StrictHostKeyChecking yes\n");
	assert_refused(f, REASON_HOST_KEY_UNKNOWN, "it shows the ssh-ed25519 key SHA256:");
	assert_non_null(strstr(f->err.text, "`ssh -p "));
	assert_int_equal(f->kit.asked, 0);
	assert_int_equal(access(f->kit.known_hosts, F_OK), -1);
}

static void
test_unknown_key_without_a_person_is_refused(void **state)
{
	struct fixture *f = *state;

	dial_server(f, "StrictHostKeyChecking ask\n");
	assert_refused(f, REASON_HOST_KEY_UNKNOWN, "SHA256:");
	assert_int_equal(f->kit.asked, 1);
	assert_int_equal(f->kit.kinds[0], PROMPT_HOST_KEY);
	assert_true(f->kit.echoes[0]);
	assert_non_null(strstr(f->kit.questions, "SHA256:"));
}

static void
test_batch_mode_does_not_ask_about_keys(void **state)
{
	struct fixture *f = *state;

	f->kit.answers[0] = "yes";
	dial_server(f, "StrictHostKeyChecking ask\nBatchMode yes\n");
	assert_refused(f, REASON_HOST_KEY_UNKNOWN, "BatchMode");
	assert_int_equal(f->kit.asked, 0);
}

static void
test_yes_adds_the_key(void **state)
{
	struct fixture *f = *state;

	f->kit.answers[0] = "what?";
	f->kit.answers[1] = "YES";
	dial_server(f, "StrictHostKeyChecking ask\n");
	assert_int_equal(f->rc, 0);
	assert_false(f->out.needed_person);
	assert_int_equal(f->kit.asked, 2);
	assert_int_equal(count_lines(f->kit.known_hosts), 1);
	assert_non_null(strstr(f->kit.notices, "was added to"));

	dial_server(f, "StrictHostKeyChecking yes\n");
	assert_int_equal(f->rc, 0);
	assert_int_equal(f->kit.asked, 2);
	assert_int_equal(count_lines(f->kit.known_hosts), 1);
}

static void
test_fingerprint_is_as_good_as_yes(void **state)
{
	struct fixture *f = *state;
	char *p, fingerprint[64];

	dial_server(f, "StrictHostKeyChecking ask\n");
	p = strstr(f->kit.questions, "SHA256:");
	snprintf(fingerprint, sizeof(fingerprint), "%.*s", (int)strcspn(p, "\n"), p);
	f->kit.asked = 0;
	f->kit.answers[0] = fingerprint;
	dial_server(f, "StrictHostKeyChecking ask\n");
	assert_int_equal(f->rc, 0);
	assert_int_equal(f->kit.asked, 1);
}

static void
test_no_refuses(void **state)
{
	struct fixture *f = *state;

	f->kit.answers[0] = "no";
	f->kit.answers[1] = "yes";
	dial_server(f, "StrictHostKeyChecking ask\n");
	assert_refused(f, REASON_HOST_KEY_UNKNOWN, "the answer was no");
	assert_int_equal(f->kit.asked, 1);
}

static void
test_accept_new_and_off_add_unknown_keys(void **state)
{
	static const char *const words[] = {"accept-new", "no", "off"};
	struct fixture *f = *state;
	char config[64];
	size_t i;

	for (i = 0; i < NP_COUNT(words); i++) {
		unlink(f->kit.known_hosts);
		snprintf(config, sizeof(config), "StrictHostKeyChecking %s\n", words[i]);
		dial_server(f, config);
		assert_int_equal(f->rc, 0);
		assert_int_equal(count_lines(f->kit.known_hosts), 1);
	}
	assert_int_equal(f->kit.asked, 0);
}

static void
test_key_that_cannot_be_added_serves_this_session(void **state)
{
	struct fixture *f = *state;

	kit_run("mkdir %s", f->kit.known_hosts);
	dial_server(f, "StrictHostKeyChecking accept-new\n");
	assert_int_equal(f->rc, 0);
	assert_non_null(strstr(f->kit.notices, "for this session only: cannot write"));
}

static void
write_line_for_server(struct fixture *f, const char *marker, const char *key)
{
	char *text = xasprintf("%s[127.0.0.1]:%d %s\n", marker, testserver_port(f->server), key);

	write_hosts(f, "known_hosts", text);
	free(text);
}

static void
test_changed_key_is_refused_whatever_the_checking(void **state)
{
	static const char *const words[] = {"yes", "ask", "accept-new", "no"};
	struct fixture *f = *state;
	struct testserver_login login = {.open_door = true, .steps_count = 1};
	char config[64], fingerprint[FINGERPRINT_SIZE], hint[160];
	size_t i;

	f->server = testserver_start_ssh(&login);
	f->kit.answers[0] = "yes";
	write_line_for_server(f, "", f->keys->ed_text);
	known_hosts_fingerprint(f->keys->ed, fingerprint);
	snprintf(hint, sizeof(hint), "ssh-keygen -f '%s' -R '[127.0.0.1]:%d'", f->kit.known_hosts,
	    testserver_port(f->server));
	for (i = 0; i < NP_COUNT(words); i++) {
		snprintf(config, sizeof(config), "StrictHostKeyChecking %s\n", words[i]);
		dial_server(f, config);
		assert_refused(f, REASON_HOST_KEY_CHANGED, "HAS CHANGED");
		assert_non_null(strstr(f->err.text, fingerprint));
		assert_non_null(strstr(f->err.text, "known_hosts:1 has"));
		assert_non_null(strstr(f->err.text, hint));
	}
	assert_int_equal(f->kit.asked, 0);
	assert_int_equal(count_lines(f->kit.known_hosts), 1);
}

/* The server's own key as known_hosts would have it: learned by accept-new. */
static char *
learn_key(struct fixture *f)
{
	char *text, *key;

	dial_server(f, "StrictHostKeyChecking accept-new\n");
	assert_int_equal(f->rc, 0);
	f->learned++;
	text = kit_read(f->kit.known_hosts);
	text[strcspn(text, "\n")] = '\0';
	key = xstrdup(strchr(text, ' ') + 1);
	free(text);
	return key;
}

static void
test_revoked_key_is_refused(void **state)
{
	struct fixture *f = *state;
	char *key = learn_key(f), *text;

	text = xasprintf("[127.0.0.1]:%d %s\n@revoked * %s\n", testserver_port(f->server), key, key);
	write_hosts(f, "known_hosts", text);
	dial_server(f, "StrictHostKeyChecking accept-new\n");
	assert_refused(f, REASON_HOST_KEY_CHANGED, "is revoked");
	assert_non_null(strstr(f->err.text, "known_hosts:2"));
	free(text);
	free(key);
}

static void
test_host_certificates_are_said_not_to_work(void **state)
{
	struct fixture *f = *state;
	char *key = learn_key(f), *text;

	text = xasprintf("@cert-authority * %s\n", f->keys->ed_text);
	write_hosts(f, "known_hosts", text);
	dial_server(f, "StrictHostKeyChecking yes\n");
	assert_refused(f, REASON_HOST_KEY_UNKNOWN, "is not in known_hosts");
	assert_non_null(strstr(f->kit.notices, "host certificates are not supported"));
	free(text);
	free(key);
}

static void
test_alias_is_what_is_looked_up_and_added(void **state)
{
	struct fixture *f = *state;
	char *text;

	dial_server(f, "StrictHostKeyChecking accept-new\nHostKeyAlias Core-1\n");
	assert_int_equal(f->rc, 0);
	text = kit_read(f->kit.known_hosts);
	assert_int_equal(strncmp(text, "core-1 ssh-ed25519 ", 19), 0);
	free(text);
	dial_server(f, "StrictHostKeyChecking yes\nHostKeyAlias core-1\n");
	assert_int_equal(f->rc, 0);
	dial_server(f, "StrictHostKeyChecking yes\n");
	assert_int_equal(f->rc, -1);
}

static void
test_server_with_two_keys_shows_the_one_that_is_known(void **state)
{
	struct fixture *f = *state;
	char *line, config[256], extra[160];
	char *pub;

	kit_run("ssh-keygen -q -t rsa -b 2048 -N '' -f %s/rsa_host", f->kit.dir);
	snprintf(extra, sizeof(extra), "HostKey %s/rsa_host\n", f->kit.dir);
	f->sshd = testsshd_start(extra);
	if (f->sshd == NULL)
		skip();
	snprintf(config, sizeof(config), "%s/rsa_host.pub", f->kit.dir);
	pub = kit_read(config);
	line = xasprintf("[127.0.0.1]:%d %s", f->sshd->port, pub);
	write_hosts(f, "known_hosts", line);
	snprintf(config, sizeof(config), "IdentityFile %s\n", f->sshd->user_key);

	struct target *target = kit_target(&f->kit, f->sshd->port, "", config);
	struct attempt attempt = {.target = target, .ready_fd = -1};
	if (kit_dial(&attempt, &f->kit.hooks, &f->out, &f->err) == -1)
		fail_msg("%s", f->err.text);
	target_unref(target);
	free(line);
	free(pub);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    T(test_lines_are_judged),
	    T(test_all_files_are_read),
	    T(test_names_hashed_by_ssh_keygen_are_found),
	    T(test_files_that_are_none_count_as_empty),
	    T(test_types_known_for_the_host_come_first),
	    T(test_added_key_is_found_again),
	    T(test_hashed_line_is_one_that_ssh_keygen_finds),
	    T(test_line_without_newline_is_not_spoilt),
	    T(test_missing_directory_is_made),
	    T(test_unknown_key_is_refused_when_checking_is_strict),
	    T(test_unknown_key_without_a_person_is_refused),
	    T(test_batch_mode_does_not_ask_about_keys),
	    T(test_yes_adds_the_key),
	    T(test_fingerprint_is_as_good_as_yes),
	    T(test_no_refuses),
	    T(test_accept_new_and_off_add_unknown_keys),
	    T(test_key_that_cannot_be_added_serves_this_session),
	    T(test_changed_key_is_refused_whatever_the_checking),
	    T(test_revoked_key_is_refused),
	    T(test_host_certificates_are_said_not_to_work),
	    T(test_alias_is_what_is_looked_up_and_added),
	    T(test_server_with_two_keys_shows_the_one_that_is_known),
	};

	unsetenv("SSH_AUTH_SOCK");
	return cmocka_run_group_tests_name("hostkey", tests, make_keys, free_keys);
}
