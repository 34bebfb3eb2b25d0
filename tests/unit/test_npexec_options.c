/* npexec's command line and the request that it becomes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "npexec/npexec_options.h"
#include "params/params.h"

#define ARGS_MAX 32

static struct npexec_options o;
static struct np_error err;
static bool stdin_has_data, stdin_is_null;

/* Splits at blanks; '^' stands for one inside a word. */
static enum npoption_parsed
parse_on(const char *line, bool stdin_is_tty)
{
	static char copy[512];
	char *argv[ARGS_MAX], *save = NULL;
	int argc = 0;
	struct npexec_world world = {
	    .stdin_is_tty = stdin_is_tty, .stdin_has_data = stdin_has_data, .stdin_is_null = stdin_is_null};

	snprintf(copy, sizeof(copy), "npexec %s", line);
	for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		for (char *p = word; *p != '\0'; p++)
			if (*p == '^')
				*p = ' ';
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	error_clear(&err);
	return npexec_options_parse(argc, argv, &world, &o, &err);
}

static enum npoption_parsed
parse(const char *line)
{
	return parse_on(line, false);
}

/* The broker understands all that npexec asks. */
static void
expect_understood(const cJSON *params)
{
	enum params_verb verb = o.mode == NPEXEC_CONFIG ? PARAMS_CONFIG : PARAMS_EXEC;
	struct exec_params p;
	struct np_error why;

	if (exec_params_parse(verb, params, &p, &why) == -1)
		fail_msg("%s", why.text);
	exec_params_finish(&p);
}

static char *
request(const struct npexec_terminal *terminal)
{
	struct npexec_terminal none = {0};
	const char *command = o.mode == NPEXEC_COMMAND ? o.command : NULL;
	cJSON *params = npexec_params(
	    &o, o.device, command, command != NULL ? strlen(command) : 0, terminal != NULL ? terminal : &none);
	char *text = cJSON_PrintUnformatted(params);

	expect_understood(params);
	cJSON_Delete(params);
	return text;
}

static void
test_options_become_params(void **state NP_UNUSED)
{
	static const struct {
		const char *line;
		const char *params;
	} cases[] = {
	    {"r1 show version", "{\"device\":\"r1\",\"command\":\"show version\"}"},
	    {"r1 -- -x -n", "{\"device\":\"r1\",\"command\":\"-x -n\"}"},
	    {"-- r1 -x -n", "{\"device\":\"r1\",\"command\":\"-x -n\"}"},
	    {"-l ops r1 -p 22 x -l", "{\"device\":\"r1\",\"command\":\"x -l\",\"overrides\":{\"username\":\"ops\","
				     "\"port\":\"22\"}}"},
	    {"-- r1 uptime", "{\"device\":\"r1\",\"command\":\"uptime\"}"},
	    {"r1 a^^b c", "{\"device\":\"r1\",\"command\":\"a  b c\"}"},
	    {"-l ops -p 2222 r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"username\":\"ops\",\"port\":\"2222\"}}"},
	    {"-J a,b -F none -i /dev/null r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"proxy_jump\":\"a,b\","
		"\"ssh_config\":\"none\",\"key_file\":\"/dev/null\"}}"},
	    {"-o max_channels=4 -o kex=+a=b --type linux r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"max_channels\":\"4\",\"kex\":\"+a=b\","
		"\"device_type\":\"linux\"}}"},
	    {"-l a -l b r1 x", "{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"username\":\"a\"}}"},
	    {"-o username=a -o username=b -l c r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"username\":\"b\"}}"},
	    {"-l c -o username=a -o port=1 -p 2 r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"username\":\"a\",\"port\":\"1\"}}"},
	    {"--timeout 1.5 --idle-timeout=0 --fresh r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"timeout\":1.5,\"idle_timeout\":0,\"fresh\":true}"},
	    {"--enable --prove --answer [yn]=y=1 r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"answers\":[{\"match\":\"[yn]\",\"answer\":\"y=1\"}],"
		"\"enable\":true,\"prove\":true}"},
	    {"--env A=1 --env NP_TEST_SET --env NP_TEST_UNSET r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"env\":{\"A\":\"1\",\"NP_TEST_SET\":\"v\"}}"},
	    {"-s r1 sftp", "{\"device\":\"r1\",\"subsystem\":\"sftp\"}"},
	    {"-e one -e two^2 r1", "{\"device\":\"r1\",\"commands\":[\"one\",\"two 2\"]}"},
	    {"r1", "{\"device\":\"r1\",\"lines\":true}"},
	    {"-j r1", "{\"device\":\"r1\",\"hold\":true}"},
	    {"--raw r1 x", "{\"device\":\"r1\",\"command\":\"x\",\"raw\":true}"},
	    {"--ignore-errors r1 x", "{\"device\":\"r1\",\"command\":\"x\",\"ignore_errors\":true}"},
	    {"-n r1,r2 x", "{\"device\":\"r1,r2\",\"command\":\"x\",\"window\":131072}"},
	    {"-tt r1", "{\"device\":\"r1\",\"pty\":true}"},
	    {"-tt r1 top", "{\"device\":\"r1\",\"command\":\"top\",\"pty\":true}"},
	    {"-t r1 top", "{\"device\":\"r1\",\"command\":\"top\"}"},
	};

	setenv("NP_TEST_SET", "v", 1);
	unsetenv("NP_TEST_UNSET");
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		assert_int_equal(parse(cases[i].line), NPOPTION_PARSED);
		char *text = request(NULL);
		assert_string_equal(text, cases[i].params);
		cJSON_free(text);
		npexec_options_finish(&o);
	}
}

static void
test_mistakes_are_named(void **state NP_UNUSED)
{
	static const struct {
		const char *line;
		const char *says;
	} cases[] = {
	    {"", "no device"},
	    {"-j", "no device"},
	    {"-Z r1 x", "-Z: no such option"},
	    {"--bogus r1 x", "--bogus: no such option"},
	    {"--fresh=1 r1 x", "--fresh=1: --fresh takes no argument"},
	    {"--fr=1 r1 x", "--fr=1: --fresh takes no argument"},
	    {"--i r1 x", "--i: ambiguous: --idle-timeout or --ignore-errors"},
	    {"--i=1 r1 x", "--i=1: ambiguous: --idle-timeout or --ignore-errors"},
	    {"-P 0 r1 x", "-P: write a number from 1 to 1000"},
	    {"-P 1001 r1 x", "-P: write a number"},
	    {"-P many r1 x", "-P: write a number"},
	    {"-e", "-e: an argument is missing"},
	    {"--timeout", "--timeout: an argument is missing"},
	    {"-p 0 r1 x", "1 to 65535"},
	    {"-p 65536 r1 x", "1 to 65535"},
	    {"-p 22x r1 x", "1 to 65535"},
	    {"--timeout x r1 x", "--timeout: write a number"},
	    {"--timeout -1 r1 x", "--timeout: write a number"},
	    {"--timeout 1s r1 x", "--timeout: write a number"},
	    {"--timeout nan r1 x", "--timeout: write a number"},
	    {"--timeout inf r1 x", "--timeout: write a number"},
	    {"-o key r1 x", "key=value"},
	    {"-o =x r1 x", "key=value"},
	    {"-o password=x r1 x", "password_command"},
	    {"-o secret=x r1 x", "secret_command"},
	    {"--answer y r1 x", "REGEX=TEXT"},
	    {"--env =x r1 x", "NAME"},
	    {"-c --confirm 0 r1 x", "--confirm: write a number"},
	    {"-c --confirm 5m r1 x", "--confirm: write a number"},
	    {"--confirm 5 r1 x", "--confirm: only for configuration lines, with -c"},
	    {"-o ForwardAgent=yes r1 x", "ForwardAgent: npexec cannot do what this asks for"},
	    {"-o^localforward^8080^a:80 r1 x", "localforward: npexec cannot"},
	    {"-o RemoteCommand=ls r1", "RemoteCommand: npexec cannot"},
	    {"-o Compression=maybe r1 x", "Compression: it has no such value"},
	    {"-o ServerAliveInterval=abc r1 x", "ServerAliveInterval: it has no such value"},
	    {"-o ConnectionAttempts=1m r1 x", "ConnectionAttempts: it has no such value"},
	    {"-o BatchMode=maybe r1 x", "BatchMode: it has no such value"},
	    {"-o LogLevel=loud r1 x", "LogLevel: it has no such value"},
	    {"-o RequestTTY=often r1 x", "RequestTTY: it has no such value"},
	    {"-o ConnectTimeout=10x r1 x", "ConnectTimeout: a time is written"},
	    {"-o ConnectTimeout=-1 r1 x", "ConnectTimeout: a time is written"},
	    {"-o ConnectTimeout=1m30ss r1 x", "ConnectTimeout: a time is written"},
	    {"-e % r1", "-e: the escape character is ~"},
	    {"-b 127.0.0.1 r1 x", "-b: gathers outputs"},
	    {"-b ::1 r1 x", "-b: gathers outputs"},
	    {"-c aes128-ctr r1 x", "-c: the lines are configuration"},
	    {"-c chacha20-poly1305@openssh.com r1 x", "-c: the lines are configuration"},
	    {"-c aes256-gcm@openssh.com,aes128-ctr r1 x", "-c: the lines are configuration"},
	    {"-f r1/nonexistent r2", "names a file of commands"},
	    {"-f / r1", "names a file of commands"},
	    {"-fN r1", "-f: names a file of commands"},
	    {"-f nNT r1", "-f: names a file of commands"},
	    {"-o EscapeChar=^A r1 x", "EscapeChar: it is ~ or none"},
	    {"-o StrictHostKeyChecking r1 x", "StrictHostKeyChecking: a value is missing"},
	    {"-o SetEnv=A=b^C r1 x", "SetEnv: write NAME=VALUE"},
	    {"-L 1:b:2 r1", "-L: npexec cannot do what that asks for"},
	    {"r1 -A x", "-A: npexec cannot do what that asks for"},
	    {"r1 -Z x", "-Z: no such option"},
	    {"-W a:1 r1 x", "-W: only a connection"},
	    {"-W a:1 r1,r2", "-W: only a connection"},
	    {"-j -W a:1 r1", "-W: only a connection"},
	    {"--save r1 x", "--save: only for configuration lines, with -c"},
	    {"--keep-going r1 x", "--keep-going: only for"},
	    {"--dry-run r1 x", "--dry-run: only for"},
	    {"-c --prove r1 x", "--prove: not together with -c"},
	    {"-c --raw r1 x", "--raw: not together with -c"},
	    {"-c -t r1 x", "not together with -c"},
	    {"-c -s r1 x", "not together with -c"},
	    {"-c --env A=b r1 x", "not together with -c"},
	    {"-c --dry-run --save r1 x", "--dry-run: nothing is kept"},
	    {"-c --dry-run --confirm 5 r1 x", "--dry-run: nothing is kept"},
	    {"-c --confirm 5 --save r1 x", "leave out --save"},
	    {"-c -f /dev/null r1", "no line to configure"},
	    {"-c -f /nonexistent/f r1", "/nonexistent/f"},
	    {"-c -n r1", "there must be a command"},
	    {"-c -e a r1 b", "no further command"},
	    {"-j -b r1,r2 x", "-b: not together with -j"},
	    {"-tt r1,r2 x", "-t: a terminal is for one device"},
	    {"r1,r2", "commands from standard input are for one device"},
	    {"@core", "commands from standard input are for one device"},
	    {"-e a r1 b", "no further command"},
	    {"-f /nonexistent/f r1", "/nonexistent/f"},
	    {"-f /dev/null r1", "no command in it"},
	    {"-s r1", "name the subsystem"},
	    {"-n r1", "there must be a command"},
	    {"-j -tt r1", "there must be a command"},
	    {"-l \xff r1 x", "not UTF-8"},
	    {"-e \xff r1", "UTF-8"},
	    {"\xff x", "not UTF-8"},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		assert_int_equal(parse(cases[i].line), NPOPTION_USAGE);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("`%s` gave `%s`", cases[i].line, err.text);
		npexec_options_finish(&o);
	}
}

/* What programs that call ssh pass to it: as rancid, git, rsync, scp, clush, pssh, scrapli and Ansible do. */
static void
test_habits_of_ssh_are_understood(void **state NP_UNUSED)
{
	static const struct {
		const char *line, *params;
	} cases[] = {
	    {"-x -a -2 -C -4 -k -T -q -vv r1 x", "{\"device\":\"r1\",\"command\":\"x\",\"verbose\":true}"},
	    {"-6 -x -oForwardX11=no -oForwardAgent=no -oPermitLocalCommand=no -oClearAllForwardings=yes "
	     "-oRemoteCommand=none -oRequestTTY=no -oControlMaster=no -l u -s -- r1 sftp",
		"{\"device\":\"r1\",\"subsystem\":\"sftp\",\"overrides\":{\"username\":\"u\"}}"},
	    {"r1 -o ConnectTimeout=9 -o BatchMode=yes -- date -u",
		"{\"device\":\"r1\",\"command\":\"date -u\",\"overrides\":{\"queue_timeout\":\"9\"}}"},
	    {"-o ^User=a -oUser^b -o User^=^\"c\" -o uSER=d r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"username\":\"a\"}}"},
	    {"-o Port=2 -o ProxyJump=j -o LogLevel=ERROR r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"port\":\"2\",\"proxy_jump\":\"j\"}}"},
	    {"-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PasswordAuthentication=no r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"ssh_options\":\"StrictHostKeyChecking=no "
		"UserKnownHostsFile=/dev/null PasswordAuthentication=no\"}}"},
	    {"-o ciphers=aes128-ctr -o Ciphers=aes256-ctr r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"ciphers\":\"aes128-ctr\","
		"\"ssh_options\":\"Ciphers=aes256-ctr\"}}"},
	    {"-o SendEnv=NP_TEST_SET*^-X^NP_TEST_UNSET r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"env\":{\"NP_TEST_SET\":\"v\"},\"env_optional\":true}"},
	    {"--env A=b -o SetEnv=C=d^^E=f r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"env\":{\"A\":\"b\",\"C\":\"d\",\"E\":\"f\"}}"},
	    {"-S none -e none r1 x", "{\"device\":\"r1\",\"command\":\"x\"}"},
	    {"-i /nonexistent/key -o IdentityFile=/nonexistent/k r1 x", "{\"device\":\"r1\",\"command\":\"x\"}"},
	    {"-o IdentityFile=%d/k r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"ssh_options\":\"IdentityFile=%d/k\"}}"},
	    {"-o IdentityFile=/dev/null -o key_file=/k r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"key_file\":\"/k\"}}"},
	    {"-i /dev/zero -o IdentityFile=/nonexistent/k -i /dev/null r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"ssh_options\":\"IdentityFile=/dev/zero "
		"IdentityFile=/dev/null\"}}"},
	    {"-o CertificateFile=/a -o CertificateFile=/b r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"ssh_options\":\"CertificateFile=/a "
		"CertificateFile=/b\"}}"},
	    {"-o ProxyCommand=a^\"b^c\"^%h\\ r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"ssh_options\":"
		"\"ProxyCommand=a\\\\ \\\"b\\\\ c\\\"\\\\ %h\\\\\\\\\"}}"},
	    {"-o UserKnownHostsFile=/a^\"/b^c\"^~x/d r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"ssh_options\":\"UserKnownHostsFile=/a\\\\ "
		"\\\"/b\\\\ c\\\"\\\\ ~x/d\"}}"},
	    {"-o AddressFamily=inet6 -o HostName=\"h\" r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"ssh_options\":\"AddressFamily=inet6 "
		"HostName=\\\"h\\\"\"}}"},
	    {"-o ConnectTimeout=1m30s r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"queue_timeout\":\"90\"}}"},
	    {"-o ConnectTimeout=none -o Compression=yes -o ServerAliveInterval=1m -o TCPKeepAlive=YES r1 x",
		"{\"device\":\"r1\",\"command\":\"x\"}"},
	    {"-o IgnoreUnknown=Foo*,bar -o FooBar=x -o Bar^=^y -o foolish=1 r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"overrides\":{\"foolish\":\"1\"}}"},
	    {"-b 192.0.2.1 x", "{\"device\":\"192.0.2.1\",\"command\":\"x\",\"window\":131072}"},
	    {"-o SetEnv=A=\"b^c\"^\"D=e^f\" r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"env\":{\"A\":\"b c\",\"D\":\"e f\"},\"env_optional\":true}"},
	    {"-o SetEnv=\"A=b^c\" r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"env\":{\"A\":\"b c\"},\"env_optional\":true}"},
	    {"-T -o RequestTTY=force r1 x", "{\"device\":\"r1\",\"command\":\"x\"}"},
	    {"-o RequestTTY=force -o RequestTTY=no r1 x", "{\"device\":\"r1\",\"command\":\"x\",\"pty\":true}"},
	    {"-o SetEnv=A=1 -o SetEnv=B=2 r1 x",
		"{\"device\":\"r1\",\"command\":\"x\",\"env\":{\"A\":\"1\"},\"env_optional\":true}"},
	    {"-o RequestTTY=force -o StdinNull=yes r1 x", "{\"device\":\"r1\",\"command\":\"x\",\"pty\":true}"},
	    {"-W [::1]:22 r1", "{\"device\":\"r1\",\"connect\":\"[::1]:22\"}"},
	};

	setenv("NP_TEST_SET", "v", 1);
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		if (parse(cases[i].line) != NPOPTION_PARSED)
			fail_msg("`%s` gave `%s`", cases[i].line, err.text);
		char *text = request(NULL);
		assert_string_equal(text, cases[i].params);
		cJSON_free(text);
		npexec_options_finish(&o);
	}
}

static void
test_what_ssh_is_told_beside_the_request_counts(void **state NP_UNUSED)
{
	assert_int_equal(
	    parse("-o BatchMode=yes -o LogLevel=QUIET -e none -S none -i /nonexistent/k r1 x"), NPOPTION_PARSED);
	assert_true(o.batch && o.quiet && o.no_escape);
	assert_null(o.socket);
	assert_string_equal(o.missing_keys.v[0], "/nonexistent/k");
	npexec_options_finish(&o);
	assert_int_equal(parse("-o IdentityFile=\"/nonexistent/a\" -i /nonexistent/b r1 x"), NPOPTION_PARSED);
	assert_int_equal(o.missing_keys.n, 2);
	assert_string_equal(o.missing_keys.v[0], "/nonexistent/a");
	assert_string_equal(o.missing_keys.v[1], "/nonexistent/b");
	npexec_options_finish(&o);
	assert_int_equal(
	    parse("-o BatchMode=yes -o BatchMode=no -o LogLevel=QUIET -o LogLevel=DEBUG r1 x"), NPOPTION_PARSED);
	assert_true(o.batch && o.quiet && !o.verbose);
	npexec_options_finish(&o);
	assert_int_equal(parse("-o batchmode=no -o loglevel=DEBUG3 -o EscapeChar=none -G r1"), NPOPTION_PARSED);
	assert_true(!o.batch && o.verbose && o.no_escape && o.show);
	npexec_options_finish(&o);
}

/* What ssh -G says of a keyword with these options; empty: nothing, or there is no ssh. */
static void
ask_ssh(const char *options, const char *keyword, char value[128])
{
	char line[512];
	size_t n = strlen(keyword);
	FILE *ssh;

	value[0] = '\0';
	snprintf(line, sizeof(line), "ssh -F none -G %s r1 2>/dev/null", options);
	ssh = popen(line, "r"); /* NOLINT(cert-env33-c): the test's own words */
	assert_non_null(ssh);
	while (fgets(line, sizeof(line), ssh) != NULL)
		if (value[0] == '\0' && strncmp(line, keyword, n) == 0 && line[n] == ' ')
			snprintf(value, 128, "%.*s", (int)strcspn(line + n + 1, "\n"), line + n + 1);
	pclose(ssh);
}

static void
test_the_value_that_counts_is_that_of_ssh(void **state NP_UNUSED)
{
	static const struct {
		const char *options, *keyword, *key;
	} cases[] = {
	    {"-oUser=a -oUser=b", "user", "username"},
	    {"-l a -l b", "user", "username"},
	    {"-oUser=a -l b", "user", "username"},
	    {"-l b -oUser=a", "user", "username"},
	    {"-p 5 -p 6", "port", "port"},
	    {"-oPort=5 -p 6", "port", "port"},
	    {"-p 6 -oPort=5", "port", "port"},
	    {"-oProxyJump=a -oProxyJump=b", "proxyjump", "proxy_jump"},
	    {"-J a -oProxyJump=b", "proxyjump", "proxy_jump"},
	    {"-oConnectTimeout=4 -oConnectTimeout=9", "connecttimeout", "queue_timeout"},
	    {"-oConnectTimeout=1H2m3", "connecttimeout", "queue_timeout"},
	    {"-oConnectTimeout=1w2d", "connecttimeout", "queue_timeout"},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		char line[256], said[128];

		ask_ssh(cases[i].options, cases[i].keyword, said);
		snprintf(line, sizeof(line), "%s r1 x", cases[i].options);
		assert_int_equal(parse(line), NPOPTION_PARSED);
		if (said[0] != '\0')
			assert_string_equal(
			    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o.overrides, cases[i].key)), said);
		npexec_options_finish(&o);
	}
}

static void
test_secret_on_the_command_line_is_not_repeated(void **state NP_UNUSED)
{
	assert_int_equal(parse("-o password=hunter2 r1 x"), NPOPTION_USAGE);

	assert_null(strstr(err.text, "hunter2"));
	npexec_options_finish(&o);
}

static void
test_mode_follows_from_command_and_terminal(void **state NP_UNUSED)
{
	static const struct {
		const char *line;
		bool tty;
		enum npexec_mode mode;
		bool pty;
	} cases[] = {
	    {"r1 x", false, NPEXEC_COMMAND, false},
	    {"r1 x", true, NPEXEC_COMMAND, false},
	    {"-t r1 x", true, NPEXEC_COMMAND, true},
	    {"-t r1 x", false, NPEXEC_COMMAND, false},
	    {"-t -t r1 x", false, NPEXEC_COMMAND, true},
	    {"r1", false, NPEXEC_INPUT, false},
	    {"-j r1", false, NPEXEC_LINES, false},
	    {"r1", true, NPEXEC_SHELL, true},
	    {"-T r1", true, NPEXEC_SHELL, false},
	    {"-tt r1", false, NPEXEC_SHELL, true},
	    {"-e x r1", true, NPEXEC_LIST, false},
	    {"-n r1 x", true, NPEXEC_COMMAND, false},
	    {"-c r1 x", true, NPEXEC_CONFIG, false},
	    {"-c -e x r1", false, NPEXEC_CONFIG, false},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		assert_int_equal(parse_on(cases[i].line, cases[i].tty), NPOPTION_PARSED);
		assert_int_equal(o.mode, cases[i].mode);
		assert_int_equal(o.want_pty, cases[i].pty);
		npexec_options_finish(&o);
	}
}

static void
test_operand_says_whether_there_are_several(void **state NP_UNUSED)
{
	static const struct {
		const char *line;
		bool several;
		size_t parallel;
	} cases[] = {
	    {"r1 x", false, 32},
	    {"[2001:db8::1]:22 x", false, 32},
	    {"-P 4 r1,r2 x", true, 4},
	    {"@core x", true, 32},
	    {"r* x", true, 32},
	    {"-b r1 x", true, 32},
	    {"-n r[1-2] x", true, 32},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		assert_int_equal(parse(cases[i].line), NPOPTION_PARSED);
		assert_int_equal(o.several, cases[i].several);
		assert_int_equal(o.parallel, cases[i].parallel);
		npexec_options_finish(&o);
	}
}

/* What is piped in would reach none of them. */
static void
test_input_for_several_is_refused(void **state NP_UNUSED)
{
	static const char *const fine[] = {"-n r1,r2 x", "-e x r1,r2", "-c r1,r2 x", "r1 x"};

	stdin_has_data = true;
	assert_int_equal(parse("r1,r2 x"), NPOPTION_USAGE);
	assert_string_equal(err.text, "r1,r2: standard input is for one device: give -n to leave it alone");
	npexec_options_finish(&o);
	for (size_t i = 0; i < NP_COUNT(fine); i++) {
		assert_int_equal(parse(fine[i]), NPOPTION_PARSED);
		npexec_options_finish(&o);
	}
	stdin_has_data = false;
}

static void
test_null_device_is_an_empty_input(void **state NP_UNUSED)
{
	stdin_is_null = true;
	assert_int_equal(parse("r1 x"), NPOPTION_PARSED);
	assert_true(o.no_stdin);
	npexec_options_finish(&o);
	assert_int_equal(parse("r1"), NPOPTION_PARSED); /* holds nothing, which is no mistake */
	assert_int_equal(o.mode, NPEXEC_INPUT);
	npexec_options_finish(&o);
	stdin_is_null = false;
}

static void
test_pty_that_cannot_be_is_noted(void **state NP_UNUSED)
{
	assert_int_equal(parse("-t r1 x"), NPOPTION_PARSED);
	assert_true(o.pty_refused);
	npexec_options_finish(&o);
	assert_int_equal(parse("r1 x"), NPOPTION_PARSED);
	assert_false(o.pty_refused);
	npexec_options_finish(&o);
}

static void
test_terminal_is_described_for_a_pty(void **state NP_UNUSED)
{
	struct npexec_terminal terminal = {
	    .term = "xterm", .cols = 100, .rows = 30, .interactive = true, .agent_socket = "/agent"};

	assert_int_equal(parse_on("r1", true), NPOPTION_PARSED);
	char *text = request(&terminal);
	assert_string_equal(text, "{\"device\":\"r1\",\"interactive\":true,\"agent_socket\":\"/agent\",\"pty\":true,"
				  "\"term\":\"xterm\",\"cols\":100,\"rows\":30}");
	cJSON_free(text);
	npexec_options_finish(&o);
}

static void
test_command_that_is_not_utf8_travels_as_base64(void **state NP_UNUSED)
{
	assert_int_equal(parse("r1 \xff"), NPOPTION_PARSED);
	char *text = request(NULL);
	assert_string_equal(text, "{\"device\":\"r1\",\"command_base64\":\"/w==\"}");
	cJSON_free(text);
	npexec_options_finish(&o);
}

static void
test_relative_files_become_absolute(void **state NP_UNUSED)
{
	char cwd[512], expected[600];

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(parse("-o key_file=key -o password_file=~/pw r1 x"), NPOPTION_PARSED);

	snprintf(expected, sizeof(expected), "%s/key", cwd);
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(o.overrides, "key_file")->valuestring, expected);
	assert_int_equal(cJSON_GetObjectItemCaseSensitive(o.overrides, "password_file")->valuestring[0], '/');
	npexec_options_finish(&o);
}

static void
parse_file(const char *options, const char *content, size_t size)
{
	char path[] = "/tmp/npoptXXXXXX", line[64];
	int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, content, size), (ssize_t)size);
	close(fd);
	snprintf(line, sizeof(line), "%s -e first -f %s r1", options, path);
	enum npoption_parsed parsed = parse(line);
	unlink(path);
	assert_int_equal(parsed, NPOPTION_PARSED);
}

static void
test_file_gives_a_command_a_line(void **state NP_UNUSED)
{
	static const char content[] = "show version\r\n\n  spaces stay \n# so do these\nno newline";

	parse_file("", content, strlen(content));

	assert_int_equal(o.commands_count, 5);
	assert_string_equal(o.commands[0], "first");
	assert_string_equal(o.commands[1], "show version");
	assert_string_equal(o.commands[2], "  spaces stay ");
	assert_string_equal(o.commands[3], "# so do these");
	assert_string_equal(o.commands[4], "no newline");
	npexec_options_finish(&o);
}

static void
test_lines_of_a_configuration_stay_as_they_are(void **state NP_UNUSED)
{
	static const char content[] = "interface Gi0/1\r\n description \xe4\r \n\n!\nend";
	static const char expected[] = "first\ninterface Gi0/1\n description \xe4\r \n\n!\nend\n";

	parse_file("-c", content, strlen(content));

	assert_int_equal(o.text.len, strlen(expected));
	assert_memory_equal(buf_head(&o.text), expected, strlen(expected));
	npexec_options_finish(&o);
	assert_int_equal(parse("-c r1 no  shutdown"), NPOPTION_PARSED);
	assert_int_equal(o.text.len, 12);
	assert_memory_equal(buf_head(&o.text), "no shutdown\n", 12);
	npexec_options_finish(&o);
}

static void
test_configuration_has_its_own_request(void **state NP_UNUSED)
{
	static const struct {
		const char *line, *params;
	} cases[] = {
	    {"-c r1 x", "{\"device\":\"r1\"}"},
	    {"-c --enable --save --keep-going --fresh r1 x",
		"{\"device\":\"r1\",\"fresh\":true,\"save\":true,\"keep_going\":true}"},
	    {"-c --dry-run --timeout 5 r1 x", "{\"device\":\"r1\",\"timeout\":5,\"dry_run\":true}"},
	    {"-c --confirm 10 --type junos --answer a=b r1 x",
		"{\"device\":\"r1\",\"overrides\":{\"device_type\":\"junos\"},\"answers\":[{\"match\":\"a\","
		"\"answer\":\"b\"}],\"confirm_minutes\":10}"},
	};

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		assert_int_equal(parse(cases[i].line), NPOPTION_PARSED);
		assert_string_equal(npexec_method(&o), "config");
		char *text = request(NULL);
		assert_string_equal(text, cases[i].params);
		cJSON_free(text);
		npexec_options_finish(&o);
	}
}

static void
test_help_and_version_win(void **state NP_UNUSED)
{
	assert_int_equal(parse("--help"), NPOPTION_HELP);
	npexec_options_finish(&o);
	assert_int_equal(parse("-j --version"), NPOPTION_VERSION);
	npexec_options_finish(&o);
}

static bool
is_option(const char *word)
{
	bool known;

	(void)parse(word);
	known = strstr(err.text, "no such option") == NULL;
	npexec_options_finish(&o);
	return known;
}

/* The completion takes them from there: the page and the program's own words agree. */
static void
test_the_manual_and_the_help_tell_of_the_same_options(void **state NP_UNUSED)
{
	const char *srcdir = getenv("srcdir");
	char path[4096], page[65536] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/man/npexec.1", srcdir != NULL ? srcdir : ".");
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(page, 1, sizeof(page) - 1, f) > 0);
	fclose(f);
	for (const char *at = npexec_usage_text; (at = strstr(at, " --")) != NULL; at += 3) {
		char word[64], item[80];

		snprintf(word, sizeof(word), "%.*s", (int)strcspn(at + 1, " ,\n"), at + 1);
		snprintf(item, sizeof(item), "Fl %s", word + 1);
		if (!is_option(word) || strstr(page, item) == NULL)
			fail_msg("the help tells of %s", word);
	}
	for (const char *at = page; (at = strstr(at, "Fl -")) != NULL; at += 4) {
		char word[64];

		snprintf(word, sizeof(word), "-%.*s", (int)strcspn(at + 3, " \n"), at + 3);
		if (!is_option(word) || strstr(npexec_usage_text, word) == NULL)
			fail_msg("the manual tells of %s", word);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options_become_params),
	    cmocka_unit_test(test_mistakes_are_named),
	    cmocka_unit_test(test_habits_of_ssh_are_understood),
	    cmocka_unit_test(test_what_ssh_is_told_beside_the_request_counts),
	    cmocka_unit_test(test_the_value_that_counts_is_that_of_ssh),
	    cmocka_unit_test(test_secret_on_the_command_line_is_not_repeated),
	    cmocka_unit_test(test_mode_follows_from_command_and_terminal),
	    cmocka_unit_test(test_operand_says_whether_there_are_several),
	    cmocka_unit_test(test_input_for_several_is_refused),
	    cmocka_unit_test(test_null_device_is_an_empty_input),
	    cmocka_unit_test(test_pty_that_cannot_be_is_noted),
	    cmocka_unit_test(test_terminal_is_described_for_a_pty),
	    cmocka_unit_test(test_command_that_is_not_utf8_travels_as_base64),
	    cmocka_unit_test(test_relative_files_become_absolute),
	    cmocka_unit_test(test_file_gives_a_command_a_line),
	    cmocka_unit_test(test_lines_of_a_configuration_stay_as_they_are),
	    cmocka_unit_test(test_configuration_has_its_own_request),
	    cmocka_unit_test(test_help_and_version_win),
	    cmocka_unit_test(test_the_manual_and_the_help_tell_of_the_same_options),
	};

	return cmocka_run_group_tests_name("npexec_options", tests, NULL, NULL);
}
