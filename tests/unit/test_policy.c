/*
 * Tests of src/policy: which rule decides, what a command line may hold where an expression decides, limits and words.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "kit/platdir.h"
#include "platform/platform.h"
#include "policy/policy.h"
#include "schema/schema.h"
#include "schema/yamldoc.h"

#define MONDAY_NOON (12 * 60)

static const struct schema_row rows[] = {{"policy", SCHEMA_LIST, .offset = offsetof(struct policy, rules),
    .also = offsetof(struct policy, count), .table = &policy_table}};
static const struct schema_table table = {SCHEMA_TABLE(SCHEMA_SETTINGS, "here", rows)};

static int
parse(const char *text, struct policy *p, struct np_error *err)
{
	struct yamldoc *doc = yamldoc_parse(text, strlen(text), "p.yaml", true, 10000, err);
	struct node node;
	int rc;

	*p = (struct policy){.count = 0};
	if (doc == NULL)
		return -1;
	node_of_yaml(&node, doc->root);
	rc = schema_read(&(struct schema_reader){.table = &table, .doc = doc, .err = err}, &node, p);
	yamldoc_destroy(doc);
	return rc;
}

static void
finish(struct policy *p)
{
	schema_free(&table, p);
}

static void
load(struct policy *p, const char *text)
{
	struct np_error err;

	if (parse(text, p, &err) == -1)
		fail_msg("%s", err.text);
}

/* What a command line is like: pipes only to filters, words that may be cut. */
static const char platform_text[] =
    "name: box\n"
    "modes: {m: {prompt: 'x>', samples: ['x>']}}\n"
    "base_mode: m\n"
    "abbreviations: ['sh[ow]', 'ver[sion]', 'rel[oad]', 'conf[igure]', 'int[erfaces]']\n"
    "read_only: ['show( .*)?', 'ping [0-9.]+']\n"
    "filters: ['(include|i|exclude) .+', 'count']\n";

static struct platform *
make_platform(void)
{
	struct np_error err;
	struct platform *p = platform_parse(platform_text, strlen(platform_text), "box.yaml", NULL, NULL, &err);

	if (p == NULL)
		fail_msg("%s", err.text);
	return p;
}

/* ---- whom and what ---- */

static struct strings edge = {NULL, 0};

static struct policy_ask
ask_of(const char *role, const char *device, enum policy_method method, const char *command)
{
	struct policy_ask ask = {.who = {.role = role, .uid = 1000, .gid = 100},
	    .device = {.name = device},
	    .method = method,
	    .command = command,
	    .size = command != NULL ? strlen(command) : 0,
	    .minute = MONDAY_NOON};

	if (device != NULL && strncmp(device, "edge", 4) == 0)
		ask.device.groups = &edge;
	return ask;
}

static enum policy_then
then(const struct policy *p, const char *role, const char *device, enum policy_method method, const char *command)
{
	struct policy_ask ask = ask_of(role, device, method, command);
	struct policy_verdict v;

	policy_decide(p, &ask, &v);
	return v.then;
}

static void
test_without_rules_only_the_main_socket_may(void **state)
{
	struct policy p = {.count = 0};
	(void)state;

	assert_int_equal(then(&p, "main", "a", POLICY_EXEC, "x"), POLICY_ALLOW);
	assert_int_equal(then(&p, "main", NULL, POLICY_STEER, NULL), POLICY_ALLOW);
	assert_int_equal(then(&p, "agent", "a", POLICY_EXEC, "x"), POLICY_DENY);
	assert_int_equal(then(&p, "agent", NULL, POLICY_STEER, NULL), POLICY_DENY);
}

/* There root must get in whatever rules there are for others. */
static void
test_on_a_system_s_broker_rules_without_a_role_are_for_others(void **state)
{
	struct policy p;
	(void)state;

	load(&p, "policy: [{devices: [a], then: allow}]\n");
	assert_int_equal(then(&p, "main", "b", POLICY_EXEC, "x"), POLICY_DENY);
	p.system = true;
	assert_int_equal(then(&p, "main", "b", POLICY_EXEC, "x"), POLICY_ALLOW);
	assert_int_equal(then(&p, "main", NULL, POLICY_STEER, NULL), POLICY_ALLOW);
	assert_int_equal(then(&p, "users", "a", POLICY_EXEC, "x"), POLICY_ALLOW);
	assert_int_equal(then(&p, "users", "b", POLICY_EXEC, "x"), POLICY_DENY);
	finish(&p);
	load(&p, "policy: [{role: main, devices: [a], then: allow}]\n");
	p.system = true;
	assert_int_equal(then(&p, "main", "b", POLICY_EXEC, "x"), POLICY_DENY);
	finish(&p);
}

static void
test_a_rule_may_be_about_a_group(void **state)
{
	const gid_t further[] = {7, 8};
	struct policy_ask ask = ask_of("users", "d", POLICY_EXEC, "x");
	struct policy_verdict v;
	struct policy p;
	struct np_error err;
	(void)state;

	load(&p, "policy: [{group: root, then: deny}, {group: 8, then: allow}]\n");
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_DENY);
	ask.who.groups = further;
	ask.who.groups_count = 2;
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_ALLOW);
	ask.who.gid = 0;
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_DENY);
	ask.who.groups_count = 0;
	ask.who.gid = 8;
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_ALLOW);
	finish(&p);
	assert_int_equal(parse("policy: [{group: nobody-has-it, then: deny}]\n", &p, &err), -1);
	assert_non_null(strstr(err.text, "p.yaml:1: there is no group `nobody-has-it`"));
	finish(&p);
}

/* Elsewhere credentials are all keys of a device; there, what acts with the broker's rights takes more. */
static void
test_on_a_system_s_broker_its_own_rights_take_trust(void **state)
{
	struct policy_ask ask = ask_of("users", "d", POLICY_EXEC, "x");
	struct policy_verdict v;
	struct np_error err;
	struct policy p;
	(void)state;

	ask.wants = POLICY_CREDENTIALS | POLICY_TRUSTED;
	load(&p, "policy: [{may: [credentials], then: allow}]\n");
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_ALLOW);
	p.system = true;
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_DENY);
	ask.keys = "`password_command`";
	policy_explain(&ask, &v, &err);
	assert_non_null(strstr(err.text, "(`may: [trusted]`): `password_command`"));
	ask.wants = POLICY_CREDENTIALS;
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_ALLOW);
	finish(&p);
	load(&p, "policy: [{may: [trusted], then: allow}]\n");
	p.system = true;
	ask.wants = POLICY_CREDENTIALS | POLICY_TRUSTED;
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_ALLOW);
	finish(&p);
}

static void
test_the_first_rule_that_matches_decides(void **state)
{
	struct policy p;
	(void)state;

	load(&p, "policy:\n"
		 "- {role: agent, devices: [core1], then: deny}\n"
		 "- {role: agent, devices: ['@edge', 'core*'], methods: [exec], then: allow}\n"
		 "- {role: agent, methods: [config], then: confirm}\n");
	assert_int_equal(then(&p, "agent", "core1", POLICY_EXEC, "x"), POLICY_DENY);
	assert_int_equal(then(&p, "agent", "core2", POLICY_EXEC, "x"), POLICY_ALLOW);
	assert_int_equal(then(&p, "agent", "edge1", POLICY_EXEC, "x"), POLICY_ALLOW);
	assert_int_equal(then(&p, "agent", "other", POLICY_EXEC, "x"), POLICY_DENY);
	assert_int_equal(then(&p, "agent", "edge1", POLICY_SHELL, NULL), POLICY_DENY);
	assert_int_equal(then(&p, "agent", "edge1", POLICY_CONFIG, NULL), POLICY_CONFIRM);
	assert_int_equal(then(&p, "agent", "core1", POLICY_CONFIG, NULL), POLICY_DENY);
	assert_int_equal(then(&p, "agent", NULL, POLICY_STEER, NULL), POLICY_DENY);
	assert_int_equal(then(&p, "else", "edge1", POLICY_EXEC, "x"), POLICY_DENY);
	/* no rule speaks of the main socket */
	assert_int_equal(then(&p, "main", "core1", POLICY_CONFIG, NULL), POLICY_ALLOW);
	finish(&p);
}

static void
test_one_rule_about_the_main_socket_ends_its_freedom(void **state)
{
	struct policy p;
	(void)state;

	load(&p, "policy: [{devices: [lab], then: allow}]\n");
	assert_int_equal(then(&p, "main", "lab", POLICY_EXEC, "x"), POLICY_ALLOW);
	assert_int_equal(then(&p, "main", "core", POLICY_EXEC, "x"), POLICY_DENY);
	assert_int_equal(then(&p, "main", NULL, POLICY_STEER, NULL), POLICY_DENY);
	finish(&p);
}

static void
test_who_is_role_uid_gid_and_door(void **state)
{
	struct policy p;
	struct policy_ask ask = ask_of("main", "d", POLICY_EXEC, "x");
	struct policy_verdict v;
	(void)state;

	load(&p, "policy:\n"
		 "- {uid: 0, then: allow}\n"
		 "- {gid: 0, then: allow}\n"
		 "- {door: mux, methods: [shell], then: allow}\n"
		 "- {door: socket, uid: 1000, gid: 100, then: allow}\n");
	policy_decide(&p, &ask, &v);
	assert_ptr_equal(v.rule, &p.rules[3]);
	assert_string_equal(v.rule->where, "p.yaml:5");
	ask.who.gid = 101;
	policy_decide(&p, &ask, &v);
	assert_null(v.rule);
	ask.who.gid = 0;
	policy_decide(&p, &ask, &v);
	assert_ptr_equal(v.rule, &p.rules[1]);
	ask.who = (struct policy_who){.role = "main", .uid = 1000, .gid = 100, .mux = true};
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_DENY);
	ask.method = POLICY_SHELL;
	policy_decide(&p, &ask, &v);
	assert_ptr_equal(v.rule, &p.rules[2]);
	ask.who.uid = 0;
	policy_decide(&p, &ask, &v);
	assert_ptr_equal(v.rule, &p.rules[0]);
	finish(&p);
}

/* What is denied is denied under each name; what is allowed only as it is configured. */
static void
test_a_user_before_the_name_gets_around_no_denial(void **state)
{
	struct policy p;
	struct policy_ask ask = ask_of("main", "admin@edge1", POLICY_EXEC, "x");
	struct policy_verdict v;
	(void)state;

	load(&p, "policy: [{devices: ['@edge'], then: deny}, {devices: ['@lab'], then: allow}, {devices: ['r*'], then: "
		 "allow}]\n");
	ask.device =
	    (struct policy_device){.name = "admin@edge1", .host = "edge1", .like = "edge1", .like_groups = &edge};
	policy_decide(&p, &ask, &v);
	assert_ptr_equal(v.rule, &p.rules[0]);
	ask.device = (struct policy_device){.name = "admin@r1:22", .host = "r1:22"};
	policy_decide(&p, &ask, &v);
	assert_ptr_equal(v.rule, &p.rules[2]);
	ask.device = (struct policy_device){.name = "R1", .like = "r1"};
	policy_decide(&p, &ask, &v);
	assert_null(v.rule); /* nothing is allowed under another spelling, but denied */
	ask.device = (struct policy_device){.name = "admin@l1", .host = "l1", .like = "l1", .like_groups = &edge};
	policy_decide(&p, &ask, &v);
	assert_ptr_equal(v.rule, &p.rules[0]);
	finish(&p);
}

static void
test_hours_are_of_the_week(void **state)
{
	static const struct {
		const char *hours;
		int day, hour, minute;
		bool in;
	} cases[] = {
	    {"08:00-18:00", 0, 8, 0, true},
	    {"08:00-18:00", 6, 17, 59, true},
	    {"08:00-18:00", 0, 18, 0, false},
	    {"Mon-Fri 08:00-18:00", 4, 9, 0, true},
	    {"Mon-Fri 08:00-18:00", 5, 9, 0, false},
	    {"Sat 00:00-24:00", 5, 23, 59, true},
	    {"Sat 00:00-24:00", 6, 0, 0, false},
	    {"Sat-Mon 10:00-11:00", 0, 10, 30, true},
	    {"Sat-Mon 10:00-11:00", 1, 10, 30, false},
	    {"Fri 22:00-06:00", 4, 23, 0, true},
	    {"Fri 22:00-06:00", 5, 5, 59, true},
	    {"Fri 22:00-06:00", 5, 6, 0, false},
	    {"Fri 22:00-06:00", 4, 5, 0, false},
	    {"Sun 22:00-06:00", 0, 1, 0, true},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		char *text = xasprintf("policy: [{hours: '%s', then: allow}]\n", cases[i].hours);
		struct policy_ask ask = ask_of("r", "d", POLICY_EXEC, "x");
		struct policy_verdict v;
		struct policy p;

		load(&p, text);
		ask.minute = (cases[i].day * 24 + cases[i].hour) * 60 + cases[i].minute;
		policy_decide(&p, &ask, &v);
		if ((v.then == POLICY_ALLOW) != cases[i].in)
			fail_msg(
			    "%s on day %d at %d:%02d", cases[i].hours, cases[i].day, cases[i].hour, cases[i].minute);
		finish(&p);
		free(text);
	}
}

/* ---- commands ---- */

static enum policy_then
on_line(const struct policy *p, const struct platform *platform, bool shell, const char *command, size_t size)
{
	struct policy_ask ask = ask_of("r", "d", POLICY_EXEC, NULL);
	struct policy_verdict v;

	ask.command = command;
	ask.size = size;
	ask.device.platform = platform;
	ask.device.shell = shell;
	policy_decide(p, &ask, &v);
	return v.then;
}

/* Whoever may only `show` gets nothing else through, whatever it looks like. */
static void
test_what_may_only_show_shows(void **state)
{
	static const struct {
		const char *command;
		bool shell, channel;
	} cases[] = {
	    {"show version", true, true},
	    {"show", true, true},
	    {"sh ver", true, false},
	    {"SHOW Version", true, false},
	    {"  show   version  ", true, false},
	    {"show version | include IOS", true, false},
	    {"show version | i [0-9]+$", true, false},
	    {"show version | include a | count", true, false},
	    {"show version | exclude \"a b\"", true, false},
	    {"show interfaces Gi1/0/1", true, true},
	    {"ping 10.0.0.1", true, true},

	    {"", false, false},
	    {" ", false, false},
	    {"s ver", false, false}, /* too short to be one */
	    {"shx", false, false},
	    {"showx version", false, false},
	    {"configure terminal", false, false},
	    {"conf t", false, false},
	    {"reload", false, false},
	    {"rel", false, false},
	    {"do show version", false, false},
	    {"run show version", false, false},
	    {"!show version", false, false},
	    {"show !reload", false, false},
	    {"ping 10.0.0.1 repeat 100000", false, false},
	    /* two in one */
	    {"show version; reload", false, false},
	    {"show version ;reload", false, false},
	    {"show version\nreload", false, false},
	    {"show version\rreload", false, false},
	    {"\nreload\nshow version", false, false},
	    {"show version\n", false, false},
	    {"show version && reload", false, false},
	    {"show version & reload", false, false},
	    {"show version || reload", false, false},
	    {"show $(reload)", false, false},
	    {"show ${x}", false, false},
	    {"show $x", false, false},
	    {"show `reload`", false, false},
	    {"show <(reload)", false, false},
	    {"show (reload)", false, false},
	    {"show [reload]", false, false},
	    {"show {reload}", false, false},
	    {"show \\", false, false},
	    {"show \\\nreload", false, false},
	    {"show #", false, false},
	    /* to a file */
	    {"show run > flash:x", false, false},
	    {"show run >> x", false, false},
	    {"show run < x", false, false},
	    {"show run | redirect flash:x", false, false},
	    {"show run | tee flash:x", false, false},
	    {"show run | append flash:x", false, false},
	    {"show run | save x", false, false},
	    {"show run|redirect flash:x", false, false},
	    {"show run | include a | redirect flash:x", false, false},
	    {"show run | include a > x", false, false},
	    {"show run | include a; reload", false, false},
	    {"show run | include $(reload)", false, false},
	    {"show run | include $x", false, false},
	    {"show run | include `x`", false, false},
	    {"show run | include a?", false, false},
	    {"show run | include !reload", false, false},
	    {"show run | include \"a", false, false},
	    {"show run |", false, false},
	    {"show run | | include a", false, false},
	    {"| include a", false, false},
	    /* keys */
	    {"show ver\t", false, false},
	    {"sh\tver", false, false},
	    {"show ?", false, false},
	    {"show \x03reload", false, false},
	    {"show\x1a", false, false},
	    {"show \x16\n", false, false},
	    {"show \x1b[A", false, false},
	    {"show x\x08\x08\x08\x08\x08\x08reload", false, false},
	    {"show \x7f", false, false},
	    {"show\x0bx", false, false},
	    /* what looks like a blank, or a letter */
	    {"show\xc2\xa0version", false, false},
	    {"show\xe2\x80\x83version", false, false},
	    {"show \xe2\x80\xa8reload", false, false},
	    {"s\xd2\xbbow version", false, false},
	    {"show \xff", false, false},
	    /* quoted */
	    {"\"show\" version", false, false},
	    {"sh'ow' version", false, false},
	    {"show \"version\"", false, true},
	    {"show 'x", false, false},
	    {"show \"a'b\"", false, true},
	};
	struct platform *platform = make_platform();
	struct policy p;
	(void)state;

	load(&p, "policy: [{command: ['show( .*)?', 'ping [0-9.]+'], then: allow}]\n");
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		size_t n = strlen(cases[i].command);

		if ((on_line(&p, platform, true, cases[i].command, n) == POLICY_ALLOW) != cases[i].shell)
			fail_msg("on a command line, `%s'", cases[i].command);
		if ((on_line(&p, platform, false, cases[i].command, n) == POLICY_ALLOW) != cases[i].channel)
			fail_msg("on a channel, `%s'", cases[i].command);
		/* Of an unknown platform there are no filters and no abbreviations. */
		if (on_line(&p, NULL, true, cases[i].command, n) == POLICY_ALLOW && !cases[i].shell)
			fail_msg("on an unknown one, `%s'", cases[i].command);
	}
	assert_int_equal(on_line(&p, NULL, true, "show run | include a", 20), POLICY_DENY);
	assert_int_equal(on_line(&p, NULL, true, "sh run", 6), POLICY_DENY);
	assert_int_equal(on_line(&p, platform, true, "show a\0reload", 13), POLICY_DENY);
	assert_int_equal(on_line(&p, platform, false, "show a\0reload", 13), POLICY_DENY);
	finish(&p);
	platform_unref(platform);
}

static void
test_every_byte_that_is_not_known_to_be_harmless_decides_nothing(void **state)
{
	static const char harmless[] = " ._:/,@+=%-";
	struct platform *platform = make_platform();
	struct policy p;
	(void)state;

	load(&p, "policy: [{command: '(?s).*', then: allow}]\n");
	for (int c = 0; c < 256; c++) {
		char text[] = "show x y";
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    (c != 0 && strchr(harmless, c) != NULL);

		text[5] = (char)c;
		if ((on_line(&p, platform, true, text, 8) == POLICY_ALLOW) != (word || c == '*' || c == '~'))
			fail_msg("byte %d on a command line", c);
		if ((on_line(&p, platform, false, text, 8) == POLICY_ALLOW) != word)
			fail_msg("byte %d on a channel", c);
	}
	finish(&p);
	platform_unref(platform);
}

static void
test_long_commands_decide_nothing(void **state)
{
	struct platform *platform = make_platform();
	char text[2 * POLICY_LINE_MAX];
	struct policy p;
	(void)state;

	load(&p, "policy: [{command: 'show .*', then: allow}]\n");
	memset(text, 'a', sizeof(text));
	memcpy(text, "show ", 5);
	for (int shell = 0; shell < 2; shell++) {
		assert_int_equal(on_line(&p, platform, shell, text, POLICY_LINE_MAX), POLICY_ALLOW);
		assert_int_equal(on_line(&p, platform, shell, text, POLICY_LINE_MAX + 1), POLICY_DENY);
	}
	/* What is written out is longer than what was typed. */
	for (size_t i = 0; i + 4 <= POLICY_LINE_MAX; i += 4)
		memcpy(text + i, "ver ", 4);
	memcpy(text, "show", 4);
	assert_int_equal(on_line(&p, platform, true, text, POLICY_LINE_MAX), POLICY_DENY);
	finish(&p);
	platform_unref(platform);
}

/* A rule that denies matches in doubt; so that it is no rule of another that lets a doubt through. */
static void
test_a_denial_of_commands_is_wide(void **state)
{
	static const char *const denied[] = {"reload", "RELOAD", "rel", " reload", "show; reload", "show\nreload",
	    "show $(x)", "Rel", "reload in 5", "show \xc2\xa0"};
	struct platform *platform = make_platform();
	struct policy p;
	(void)state;

	load(&p, "policy: [{command: 'reload( .*)?', then: deny}, {then: allow}]\n");
	for (size_t i = 0; i < NP_COUNT(denied); i++) {
		if (on_line(&p, platform, true, denied[i], strlen(denied[i])) != POLICY_DENY)
			fail_msg("`%s'", denied[i]);
	}
	assert_int_equal(on_line(&p, platform, true, "show version", 12), POLICY_ALLOW);
	assert_int_equal(on_line(&p, platform, true, "show run | include a", 20), POLICY_ALLOW);
	finish(&p);
	platform_unref(platform);
}

static void
test_costly_expressions_are_a_doubt(void **state)
{
	struct policy allow, deny;
	char text[40];
	(void)state;

	memset(text, 'q', sizeof(text)); /* those of `a' are found out when they are read */
	load(&allow, "policy: [{command: '(q+)+(b|c)?(q+)+$x', then: allow}]\n");
	load(&deny, "policy: [{command: '(q+)+(b|c)?(q+)+[xy]', then: deny}, {then: allow}]\n");
	assert_int_equal(on_line(&allow, NULL, false, text, sizeof(text)), POLICY_DENY);
	assert_int_equal(on_line(&deny, NULL, false, text, sizeof(text)), POLICY_DENY);
	finish(&allow);
	finish(&deny);
}

static void
test_read_only_is_what_the_platform_says(void **state)
{
	struct platform *platform = make_platform();
	struct policy p;
	(void)state;

	load(&p, "policy: [{command: read_only, then: allow}]\n");
	assert_int_equal(on_line(&p, platform, true, "sh int", 6), POLICY_ALLOW);
	assert_int_equal(on_line(&p, platform, true, "ping 1.2.3.4", 12), POLICY_ALLOW);
	assert_int_equal(on_line(&p, platform, true, "reload", 6), POLICY_DENY);
	assert_int_equal(on_line(&p, NULL, true, "show version", 12), POLICY_DENY);
	finish(&p);
	platform_unref(platform);
}

/* ---- the installed platforms ---- */

/* What no platform may call harmless, whatever it is. */
static void
test_no_platform_lets_a_change_pass(void **state)
{
	static const char *const never[] = {"reload", "reboot", "configure", "configure terminal", "conf t", "write",
	    "write memory", "wr", "copy running-config startup-config", "delete x", "erase startup-config", "clear log",
	    "system-view", "save", "reset counters", "undo x", "request system reboot", "edit", "set x", "commit",
	    "execute reboot", "config global", "/system reboot", "/system script run x", "/user remove print",
	    "/file remove x", "/export file=x", "/ip address print file=x", "/ip address set 0", "tools system reboot",
	    "enter candidate", "admin reboot", "debug all", "debug software", "test x", "start shell", "bash",
	    "run bash", "tclsh", "do show version", "show tech-support file x | tee y", "show run | redirect x",
	    "show run | append x", "show run | tee x", "show run | save x", "show run | bash", "show run | sh",
	    "show run | sed x", "show run | awk x", "show run | find /", "display x | tee y",
	    "display diagnostic-information x", "dis dia x", "ping 1.2.3.4 repeat 1000000", "ping -f 1.2.3.4",
	    "ping -c 100000 1.2.3.4", "ip -b x", "ip link set x down", "ip addr add 1.2.3.4 dev x", "ss -K",
	    "systemctl restart x", "systemctl status -H x", "find / -delete", "cat /etc/shadow", "show x;reload",
	    "show x\nreload", "show `x`", "show $(x)", "show x > y", "disable", "exit", "quit", "logout"};
	struct platforms *set = platdir_load();
	struct policy p;
	(void)state;

	load(&p, "policy: [{command: read_only, then: allow}]\n");
	for (size_t i = 0; i < set->count; i++) {
		for (size_t k = 0; k < 2 * NP_COUNT(never); k++) {
			const char *command = never[k / 2];

			if (on_line(&p, set->items[i], k % 2, command, strlen(command)) != POLICY_DENY)
				fail_msg("%s: `%s'", set->items[i]->name, command);
		}
	}
	finish(&p);
	platforms_destroy(set);
}

static void
test_what_each_platform_calls_harmless(void **state)
{
	static const struct {
		const char *platform, *command;
		bool allowed;
	} cases[] = {
	    {"cisco_ios", "sh ip int br | i up", true},
	    {"cisco_ios", "show tech-support", true},
	    {"cisco_ios", "ping vrf MGMT 10.0.0.1 source Loopback0", true},
	    {"cisco_iosxr", "show bgp summary | in Established", true},
	    {"cisco_ios", "show log | include %SYS", true},
	    {"cisco_ios", "show logging profile wireless to-file flash:x", false},
	    {"cisco_ios", "SHOW LOG PROC x TO-FILE flash:x", false},
	    {"cisco_ios", "show platform hardware qfp active statistics drop CL", false},
	    {"cisco_iosxr", "show tech-support file disk0:/x", false},
	    {"cisco_iosxr", "show TECH-SUPPORT file disk0:/x", false},
	    {"cisco_iosxr", "show interfaces GigabitEthernet0/0/0/1", true},
	    {"cisco_nxos", "show tech-support all binary bootflash:", false},
	    {"cisco_nxos", "show vpc | json", true},
	    {"cisco_asa", "show tech", false},
	    {"cisco_asa", "SH TECH", false},
	    {"hp_comware", "DIS Dia", false},
	    {"arista_eos", "show interfaces status | include connected", true},
	    {"arista_eos", "show interfaces status | i connected", false},
	    {"juniper_junos", "show route | match \"0.0.0.0\" | count", true},
	    {"juniper_junos", "sh conf | display set", true},
	    {"juniper_junos", "ping 10.0.0.1", false},
	    {"juniper_junos", "ping 10.0.0.1 count 5", true},
	    {"huawei_vrp", "dis cur | include bgp", true},
	    {"huawei_vrpv8", "display version", true},
	    {"hp_comware", "display interface brief", true},
	    {"mikrotik_routeros", "/ip address print", true},
	    {"mikrotik_routeros", "ip/route/print detail", true},
	    {"mikrotik_routeros", "/interface bridge port print", true},
	    {"mikrotik_routeros", "/ip address print where [/system reboot]", false},
	    {"fortinet_fortios", "get system status", true},
	    {"paloalto_panos", "show system info | match serial", true},
	    {"nokia_srlinux", "info from state interface ethernet-1/1", true},
	    {"nokia_sros", "show router bgp summary", true},
	    {"vyos", "show interfaces | match eth0", true},
	    {"vyos", "show interfaces | match *", false},
	    {"frr", "sh ip bgp summary", true},
	    {"extreme_exos", "show ports | include active", true},
	    {"linux", "uptime", true},
	    {"linux", "ip -br addr", true},
	    {"linux", "ping -c 3 192.0.2.1", true},
	};
	struct platforms *set = platdir_load();
	struct policy p;
	(void)state;

	load(&p, "policy: [{command: read_only, then: allow}]\n");
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		const struct platform *platform = platforms_find(set, cases[i].platform);
		const char *command = cases[i].command;

		assert_non_null(platform);
		if ((on_line(&p, platform, true, command, strlen(command)) == POLICY_ALLOW) != cases[i].allowed)
			fail_msg("%s: `%s'", cases[i].platform, command);
	}
	finish(&p);
	platforms_destroy(set);
}

/* Two words that one abbreviation means: to a rule it would be the first of them. */
static void
test_no_abbreviation_is_two_words(void **state)
{
	struct platforms *set = platdir_load();
	(void)state;

	for (size_t i = 0; i < set->count; i++) {
		const struct strings *all = &set->items[i]->abbreviations;

		for (size_t a = 0; a < all->n; a++) {
			for (size_t b = 0; b < all->n; b++) {
				size_t least = strcspn(all->v[a], "[");

				if (a != b && strncmp(all->v[a], all->v[b], least) == 0)
					fail_msg("%s: %s and %s", set->items[i]->name, all->v[a], all->v[b]);
			}
		}
	}
	platforms_destroy(set);
}

/* ---- what is asked for beside ---- */

static void
test_beside_the_command_nothing_is_allowed_by_itself(void **state)
{
	static const struct {
		const char *name;
		unsigned bit;
		bool of_others; /* than the main socket */
	} cases[] = {
	    {"env", POLICY_ENV, false},
	    {"stdin", POLICY_STDIN, false},
	    {"pty", POLICY_PTY, false},
	    {"answers", POLICY_ANSWERS, false},
	    {"adhoc", POLICY_ADHOC, true},
	    {"options", POLICY_OPTIONS, true},
	    {"credentials", POLICY_CREDENTIALS, true},
	};
	struct policy strict;
	(void)state;

	load(&strict, "policy: [{command: 'x', then: allow}]\n");
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		char *text = xasprintf("policy: [{command: 'x', may: [%s], then: allow}]\n", cases[i].name);
		struct policy_ask ask = ask_of("r", "d", POLICY_EXEC, "x");
		struct policy_verdict v;
		struct np_error err;
		struct policy p;

		load(&p, text);
		ask.wants = cases[i].bit;
		policy_decide(&strict, &ask, &v);
		assert_int_equal(v.then, POLICY_DENY);
		policy_explain(&ask, &v, &err);
		assert_non_null(strstr(err.text, cases[i].name));
		assert_non_null(strstr(err.text, "p.yaml:1"));
		policy_decide(&p, &ask, &v);
		assert_int_equal(v.then, POLICY_ALLOW);
		ask.who.role = "main";
		policy_decide(&strict, &ask, &v);
		assert_int_equal(v.then, cases[i].of_others ? POLICY_ALLOW : POLICY_DENY);
		finish(&p);
		free(text);
	}
	finish(&strict);
}

static void
test_without_expressions_it_is_not_asked(void **state)
{
	struct policy_ask ask = ask_of("r", "d", POLICY_EXEC, "x; y");
	struct policy_verdict v;
	struct policy p;
	(void)state;

	load(&p, "policy: [{methods: [exec], then: allow}]\n");
	ask.wants = POLICY_ENV | POLICY_STDIN | POLICY_PTY | POLICY_ANSWERS;
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_ALLOW);
	ask.wants = POLICY_ADHOC;
	policy_decide(&p, &ask, &v);
	assert_int_equal(v.then, POLICY_DENY);
	finish(&p);
}

/* ---- the lines of a configuration ---- */

static void
test_each_line_of_a_configuration_is_asked_about(void **state)
{
	static const struct {
		const char *line;
		enum policy_then some, no_shutdown; /* by the first policy, by the second */
	} cases[] = {
	    {"interface Gi0/1", POLICY_ALLOW, POLICY_ALLOW},
	    {"  interface   Gi0/1 ", POLICY_ALLOW, POLICY_ALLOW},
	    {"int Gi0/1", POLICY_DENY, POLICY_ALLOW},
	    {"shutdown", POLICY_DENY, POLICY_DENY},
	    {"SHUTDOWN", POLICY_DENY, POLICY_DENY},
	    {"no shutdown", POLICY_DENY, POLICY_ALLOW},
	    {"do reload", POLICY_DENY, POLICY_ALLOW},
	    {"! a remark", POLICY_DENY, POLICY_DENY},
	    {"interface Gi0/1 | include x", POLICY_DENY, POLICY_DENY}, /* no filters there */
	    {"interface Gi0/1\r", POLICY_DENY, POLICY_DENY},
	    {"interface Gi0/1\t", POLICY_DENY, POLICY_DENY},
	    {"interface Gi0/1; x", POLICY_DENY, POLICY_DENY},
	};
	struct platform *platform = make_platform();
	struct policy_ask ask = ask_of("r", "d", POLICY_CONFIG, NULL);
	struct policy_verdict v;
	struct policy some, others;
	(void)state;

	ask.device.platform = platform;
	load(&some, "policy: [{methods: [config], command: 'interface [A-Za-z0-9/]+', then: allow}]\n");
	load(&others, "policy: [{methods: [config, exec], command: shutdown, then: deny}, {then: allow}]\n");
	policy_decide(&some, &ask, &v);
	assert_int_equal(v.then, POLICY_ALLOW);
	assert_true(v.lines);
	assert_null(v.rule);
	policy_decide(&others, &ask, &v);
	assert_int_equal(v.then, POLICY_ALLOW);
	assert_true(v.lines);
	assert_ptr_equal(v.rule, &others.rules[1]);
	ask.wants = POLICY_CREDENTIALS;
	policy_decide(&some, &ask, &v);
	assert_int_equal(v.then, POLICY_DENY);
	ask.wants = 0;
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		ask.command = cases[i].line;
		ask.size = strlen(cases[i].line);
		policy_decide(&some, &ask, &v);
		if (v.then != cases[i].some || v.lines)
			fail_msg("`%s' by what is allowed", cases[i].line);
		policy_decide(&others, &ask, &v);
		if (v.then != cases[i].no_shutdown || v.lines)
			fail_msg("`%s' by what is denied", cases[i].line);
	}
	finish(&some);
	finish(&others);
	platform_unref(platform);
}

/* ---- saying why ---- */

static void
test_a_denial_names_its_rule(void **state)
{
	static const struct {
		const char *device, *command;
		enum policy_method method;
		const char *says;
	} cases[] = {
	    {"core", "show x", POLICY_EXEC, "p.yaml:2 denies it"},
	    {"edge1", "reload", POLICY_EXEC,
		"p.yaml:3 allows other commands: what its platform calls read_only, `show"},
	    {"edge1", "show x; y", POLICY_EXEC, "p.yaml:3 allows one command at a time, and this holds a `;`"},
	    {"edge1", NULL, POLICY_CONFIG, "no rule of the policy allows it config on this device"},
	    {NULL, NULL, POLICY_STEER, "no rule of the policy allows it steer of the broker"},
	};
	struct policy p;
	(void)state;

	load(&p,
	    "policy:\n- {devices: [core], then: deny}\n- {role: r, command: [read_only, 'show .*'], then: allow}\n");
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		struct policy_ask ask = ask_of("r", cases[i].device, cases[i].method, cases[i].command);
		struct policy_verdict v;
		struct np_error err;

		policy_decide(&p, &ask, &v);
		assert_int_equal(v.then, POLICY_DENY);
		policy_explain(&ask, &v, &err);
		assert_int_equal(err.reason, REASON_DENIED);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("`%s' says nothing of `%s'", err.text, cases[i].says);
	}
	finish(&p);
}

static void
test_what_a_role_is_shown(void **state)
{
	const struct policy_who who = {.role = "r"}, own = {.role = "main"};
	const struct policy_device edge1 = {.name = "edge1", .groups = &edge}, core = {.name = "core"};
	struct policy p;
	(void)state;

	load(&p, "policy: [{role: r, devices: [core], then: deny}, {role: r, devices: ['@edge'], hours: 'Sat "
		 "00:00-01:00', then: allow}]\n");
	assert_true(policy_shows(&p, &who, &edge1));
	assert_false(policy_shows(&p, &who, &core));
	assert_true(policy_shows(&p, &own, &core));
	finish(&p);
}

/* ---- limits ---- */

static void
test_requests_a_minute(void **state)
{
	struct policy p;
	struct np_error err;
	(void)state;

	load(&p, "policy: [{requests_per_minute: 6, then: allow}]\n");
	assert_int_equal(policy_enter(&p.rules[0], "a", 4, 100, &err), 0);
	assert_int_equal(policy_enter(&p.rules[0], "a", 3, 100, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
	assert_non_null(strstr(err.text, "p.yaml:1 allows 6 requests a minute: try again in 10 s"));
	assert_int_equal(policy_enter(&p.rules[0], "b", 2, 100, &err), 0);
	assert_int_equal(policy_enter(&p.rules[0], "b", 1, 109.9, &err), -1);
	assert_int_equal(policy_enter(&p.rules[0], "b", 1, 110.1, &err), 0);
	assert_int_equal(policy_enter(&p.rules[0], "b", 7, 1000, &err), -1);
	assert_non_null(strstr(err.text, "p.yaml:1 allows 6 requests a minute, and these are 7"));
	assert_int_equal(policy_enter(&p.rules[0], "b", 6, 1000, &err), 0);
	finish(&p);
}

static void
test_devices_at_once(void **state)
{
	struct policy p;
	struct np_error err;
	(void)state;

	load(&p, "policy: [{devices_at_once: 2, then: allow}]\n");
	assert_int_equal(policy_enter(&p.rules[0], "a", 1, 0, &err), 0);
	assert_int_equal(policy_enter(&p.rules[0], "a", 1, 0, &err), 0);
	assert_int_equal(policy_enter(&p.rules[0], "b", 1, 0, &err), 0);
	assert_int_equal(policy_enter(&p.rules[0], "c", 1, 0, &err), -1);
	assert_int_equal(err.reason, REASON_DENIED);
	policy_leave(&p.rules[0], "a");
	assert_int_equal(policy_enter(&p.rules[0], "c", 1, 0, &err), -1);
	policy_leave(&p.rules[0], "a");
	assert_int_equal(policy_enter(&p.rules[0], "c", 1, 0, &err), 0);
	policy_leave(&p.rules[0], "b");
	policy_leave(&p.rules[0], "c");
	policy_leave(&p.rules[0], "c"); /* once too often does no harm */
	assert_int_equal(p.rules[0].meter.devices, 0);
	finish(&p);
}

/* ---- rules that cannot be ---- */

static void
test_a_rule_that_makes_no_sense_is_refused(void **state)
{
	static const struct {
		const char *rule, *says;
	} cases[] = {
	    {"{role: r}", "`then` is missing"},
	    {"{then: maybe}", "`then` must be one of allow confirm deny"},
	    {"{roles: r, then: deny}", "did you mean `role`"},
	    {"{then: allow, methods: [run]}", "`run` is none of"},
	    {"{then: allow, may: [anything]}", "`anything` is none of"},
	    {"{then: allow, methods: exec}", "must be a list"},
	    {"{then: allow, command: '('}", "regular expression"},
	    {"{then: allow, command: '(a+)+(b|c)?(a+)+[xy]'}", "takes too long"},
	    {"{then: allow, command: []}", "would match no command"},
	    {"{then: allow, command: x, methods: [exec, shell]}", "`methods` is exec, config or both"},
	    {"{then: confirm, command: x, methods: [config]}", "before its lines are there"},
	    {"{then: allow, command: [read_only], methods: [exec, config]}", "no line of a configuration is"},
	    {"{then: deny, may: [env], command: x}", "neither `may` nor limits"},
	    {"{then: deny, requests_per_minute: 3}", "neither `may` nor limits"},
	    {"{then: confirm, methods: [steer]}", "cannot wait for a person"},
	    {"{then: allow, may: [pty]}", "goes with `command`"},
	    {"{then: allow, hours: 8-18}", "write hours as in"},
	    {"{then: allow, hours: '08:00-25:00'}", "write hours as in"},
	    {"{then: allow, hours: 'Mon 08:00-08:00'}", "write hours as in"},
	    {"{then: allow, devices_at_once: 65}", "from 1 to 64"},
	    {"{then: allow, uid: root}", "whole number"},
	    {"{then: allow, uid: -1}", "whole number"},
	    {"{then: allow, devices: ['a b']}", "each is one name"},
	    {"{then: allow, role: 'a b'}", "a role has"},
	    {"allow", "a rule: a mapping"},
	};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		char *text = xasprintf("policy:\n- %s\n", cases[i].rule);
		struct np_error err;
		struct policy p;

		if (parse(text, &p, &err) == 0)
			fail_msg("%s was taken", cases[i].rule);
		if (strstr(err.text, cases[i].says) == NULL || strstr(err.text, "p.yaml:2") == NULL)
			fail_msg("%s: %s", cases[i].rule, err.text);
		finish(&p);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_without_rules_only_the_main_socket_may),
	    cmocka_unit_test(test_on_a_system_s_broker_rules_without_a_role_are_for_others),
	    cmocka_unit_test(test_a_rule_may_be_about_a_group),
	    cmocka_unit_test(test_on_a_system_s_broker_its_own_rights_take_trust),
	    cmocka_unit_test(test_the_first_rule_that_matches_decides),
	    cmocka_unit_test(test_one_rule_about_the_main_socket_ends_its_freedom),
	    cmocka_unit_test(test_who_is_role_uid_gid_and_door),
	    cmocka_unit_test(test_a_user_before_the_name_gets_around_no_denial),
	    cmocka_unit_test(test_hours_are_of_the_week),
	    cmocka_unit_test(test_what_may_only_show_shows),
	    cmocka_unit_test(test_every_byte_that_is_not_known_to_be_harmless_decides_nothing),
	    cmocka_unit_test(test_long_commands_decide_nothing),
	    cmocka_unit_test(test_a_denial_of_commands_is_wide),
	    cmocka_unit_test(test_costly_expressions_are_a_doubt),
	    cmocka_unit_test(test_read_only_is_what_the_platform_says),
	    cmocka_unit_test(test_no_platform_lets_a_change_pass),
	    cmocka_unit_test(test_what_each_platform_calls_harmless),
	    cmocka_unit_test(test_no_abbreviation_is_two_words),
	    cmocka_unit_test(test_beside_the_command_nothing_is_allowed_by_itself),
	    cmocka_unit_test(test_without_expressions_it_is_not_asked),
	    cmocka_unit_test(test_each_line_of_a_configuration_is_asked_about),
	    cmocka_unit_test(test_a_denial_names_its_rule),
	    cmocka_unit_test(test_what_a_role_is_shown),
	    cmocka_unit_test(test_requests_a_minute),
	    cmocka_unit_test(test_devices_at_once),
	    cmocka_unit_test(test_a_rule_that_makes_no_sense_is_refused),
	};
	int rc;

	strings_add(&edge, "edge");
	rc = cmocka_run_group_tests_name("policy", tests, NULL, NULL);
	strings_finish(&edge);
	return rc;
}
