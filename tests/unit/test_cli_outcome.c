/*
 * What answers to a line of configuration mean (cli_judge.c), and why: one-line answers of many vendors, taken from
 * public reports of automation tools.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "base/log.h"
#include "cli/cli_impl.h"
#include "base/xalloc.h"
#include "kit/platdir.h"

/* Why. */
#define STANDS "it names what stands in the way; the line changed nothing"
#define VALUE "a value is not accepted"
#define SYNTAX "the line is not understood"
#define RIGHTS "the person may not"
#define OBJECT "what it refers to does not exist, or is in use"
#define BUSY "for now: somebody else holds what it needs"
#define WARNS "the device calls it a warning: the line is in the configuration"
#define IDLE "what was asked for is so already: nothing to do"
#define SHOW "the answer of a show or a ping; to a line of configuration it can only be a refusal"
#define HALF                                                                                                           \
	"it tells neither so nor so: a mark, or the beginning of something; what it comes to stands on the next line"

struct answer {
	const char *platform;
	const char *text;
	enum cli_outcome outcome;
	const char *why;
};

static const struct answer answers[] = {
    {"arista_eos", "% User not present", CLI_REFUSED, OBJECT},
    {"arista_eos", "% Subnet 10.0.0.0 overlaps with existing subnet 10.0.0.0 of Et1", CLI_REFUSED, STANDS},
    {"arista_eos", "% Prefix length must be less than 31", CLI_REFUSED, VALUE},
    {"arista_eos", "Maximum number of pending sessions has been reached", CLI_REFUSED, STANDS},
    {"arista_eos", "% More than 1 OSPF instance is not supported", CLI_REFUSED, STANDS},
    {"arista_eos", "% Address already in use", CLI_REFUSED, STANDS},
    {"arista_eos", "! Interface does not exist. The configuration will not take effect until the module is inserted.",
	CLI_REMARK, WARNS},
    {"arista_eos", "% Vlan 4095 is not valid", CLI_REFUSED, VALUE},
    {"arista_eos", "% Not permitted", CLI_REFUSED, RIGHTS},
    {"cisco_asa", "Removing object-group (X) not allowed, it is being used.", CLI_REFUSED, OBJECT},
    {"cisco_asa", "Adding object (X) to object-group (Y) failed; object already exists", CLI_REFUSED, STANDS},
    {"cisco_asa", "Address 192.0.2.1 overlaps with inside interface subnet", CLI_REFUSED, STANDS},
    {"cisco_ios", "%NAT: similar static entry (10.1.1.5 -> 192.0.2.101) in table_id 0 already exists", CLI_REFUSED,
	STANDS},
    {"cisco_ios", "Bad mask 0xFF00FF00 for address 10.0.0.1", CLI_REFUSED, VALUE},
    {"cisco_ios", "Bad mask /24 for address 192.0.2.1", CLI_REFUSED, VALUE},
    {"cisco_ios", "startup-config file open failed (Device or resource busy)", CLI_REFUSED, BUSY},
    {"cisco_ios", "% Not a valid value", CLI_REFUSED, VALUE},
    {"cisco_ios", "%SNMP agent not enabled", CLI_REFUSED, SHOW},
    {"cisco_ios", "% General session commands not allowed under the address family", CLI_REFUSED, STANDS},
    {"cisco_ios", "% Invalid IP address", CLI_REFUSED, VALUE},
    {"cisco_ios", "% Interface Vlan99 does not exist", CLI_REFUSED, OBJECT},
    {"cisco_ios", "%EIGRP: Invalid neighbor", CLI_REFUSED, VALUE},
    {"cisco_ios", "% BGP already running; AS is 65001", CLI_REFUSED, STANDS},
    {"cisco_ios", "% Can not configure ip address on a L2 port", CLI_REFUSED, STANDS},
    {"cisco_ios",
	"%You must disable VTPv1 and VTPv2 or switch to VTPv3 before configuring a VLAN name longer than 32 characters",
	CLI_REFUSED, STANDS},
    {"cisco_ios", "% Duplicate entry", CLI_REFUSED, STANDS},
    {"cisco_ios", "% Unable to apply", CLI_REFUSED, STANDS},
    {"cisco_ios", "Translating \"foo\"...domain server (255.255.255.255)", CLI_UNCLEAR, HALF},
    {"cisco_ios", "% Cannot delete VLAN 1", CLI_REFUSED, STANDS},
    {"cisco_ios", "% Policy map x not configured", CLI_REFUSED, OBJECT},
    {"cisco_ios", "% Host or network is unreachable", CLI_REFUSED, SHOW},
    {"cisco_ios", "%Default route without gateway, if not a point-to-point interface, may impact performance",
	CLI_REMARK, "the route is there; it only advises"},
    {"cisco_iosxr", "% Bad hostname or protocol not running", CLI_REFUSED, SHOW},
    {"cisco_iosxr", "% No such configuration item(s)", CLI_REFUSED, SHOW},
    {"cisco_iosxr", "% Commit database locked", CLI_REFUSED, BUSY},
    {"cisco_nxos", "Configuration update aborted: request was aborted", CLI_REFUSED, STANDS},
    {"cisco_nxos", "syntax error: unknown element", CLI_REFUSED, SYNTAX},
    {"cisco_nxos", "Error: Cannot apply ACL to an interface that is a port-channel member", CLI_REFUSED, STANDS},
    {"cisco_nxos", "% Invalid ip address/prefix length", CLI_REFUSED, VALUE},
    {"cisco_nxos", "Duplicate sequence number", CLI_REFUSED, STANDS},
    {"cisco_nxos", "% BGP is already running; AS is 65001", CLI_REFUSED, STANDS},
    {"cisco_nxos", "user not present", CLI_REFUSED, OBJECT},
    {"cisco_nxos", "Baud rate of console should be 38400 to increase logging level", CLI_REFUSED, STANDS},
    {"cisco_nxos", "No corresponding interface configured", CLI_REFUSED, OBJECT},
    {"cisco_nxos", "% Subnet overlaps with Vlan10", CLI_REFUSED, STANDS},
    {"cisco_nxos", "Failed to run replace. Config may have changed during the replace.", CLI_REFUSED, STANDS},
    {"dell_os10", "% Warning: x", CLI_REMARK, WARNS},
    {"dell_os10", "Error: x", CLI_REFUSED, STANDS},
    {"extreme_exos", "Invalid x", CLI_REFUSED, VALUE},
    {"fortinet_fortios", "value parse error before 'x'", CLI_REFUSED, SYNTAX},
    {"fortinet_fortios", "object set operator error, -15 discard the setting", CLI_REFUSED, STANDS},
    {"fortinet_fortios", "Duplicated entry.", CLI_REFUSED, STANDS},
    {"fortinet_fortios", "attribute set operator error, -39, discard the setting", CLI_REFUSED, STANDS},
    {"fortinet_fortios", "Unknown action", CLI_REFUSED, SYNTAX},
    {"fortinet_fortios", "incomplete command in the end", CLI_REFUSED, SYNTAX},
    {"frr", "% BGP instance already running", CLI_REFUSED, STANDS},
    {"frr", "Error: x", CLI_REFUSED, STANDS},
    {"frr", "Refusing to remove", CLI_REFUSED, STANDS},
    {"hp_comware", "The VLAN does not exist.", CLI_REFUSED, OBJECT},
    {"hp_comware", "Error: Failed to add", CLI_REFUSED, STANDS},
    {"hpe_aruba_aoscx", "Interface 1/1/99 does not exist.", CLI_REFUSED, OBJECT},
    {"hpe_aruba_aoscx", "Operation not allowed on x", CLI_REFUSED, STANDS},
    {"hpe_aruba_aoscx", "Failed to create", CLI_REFUSED, STANDS},
    {"huawei_vrp", "            ^", CLI_UNCLEAR, HALF},
    {"huawei_vrp", " Error: Ambiguous command found at '^' position.", CLI_REFUSED, SYNTAX},
    {"huawei_vrp", "Warning: x", CLI_REMARK, WARNS},
    {"juniper_junos", "warning: statement not found", CLI_REMARK, IDLE},
    {"juniper_junos", "invalid interface type in 'ge-x'", CLI_REFUSED, VALUE},
    {"mikrotik_routeros", "value of address expects range of ip addresses", CLI_REFUSED, VALUE},
    {"mikrotik_routeros", "not enough permissions (9)", CLI_REFUSED, RIGHTS},
    {"mikrotik_routeros", "missing value(s) of argument(s) address", CLI_REFUSED, SYNTAX},
    {"mikrotik_routeros", "couldn't change interface - already exists (6)", CLI_REFUSED, STANDS},
    {"mikrotik_routeros", "script error: x", CLI_REFUSED, STANDS},
    {"mikrotik_routeros", "error - contact MikroTik support", CLI_REFUSED, STANDS},
    {"nokia_srlinux", "error: x", CLI_REFUSED, STANDS},
    {"nokia_sros", "CLI ambiguous", CLI_REFUSED, SYNTAX},
    {"nokia_sros", "INFO: CLI #2054: x", CLI_REMARK, WARNS},
    {"nokia_sros", "WARNING: x", CLI_REMARK, WARNS},
    {"paloalto_panos", "Invalid target", CLI_REFUSED, VALUE},
    {"paloalto_panos", "set failed, may need to override template object x first", CLI_REFUSED, STANDS},
    {"paloalto_panos", "Commit failed", CLI_REFUSED, STANDS},
    {"paloalto_panos", "Error: x", CLI_REFUSED, STANDS},
    {"vyos", "Configuration system temporarily locked due to another commit in progress", CLI_REFUSED, BUSY},
    {"vyos", "Nothing to delete (the specified node does not exist)", CLI_REMARK, IDLE},
    {"vyos", "  Value validation failed", CLI_REFUSED, VALUE},
    /* And their like. */
    {"vyos", "  Configuration path: [system host-name r1] already exists", CLI_REMARK, IDLE},
    {"cisco_ios", "% Access VLAN does not exist. Creating vlan 10", CLI_REMARK, "what was missing was made"},
    {"cisco_ios", "%Warning: portfast should only be enabled on ports connected to a single", CLI_REMARK, WARNS},
    {"cisco_ios", "*Mar  1 00:00:01.003: %LINK-3-UPDOWN: Interface Ethernet0/0, changed state to up", CLI_TAKEN,
	"a log message answers nothing"},
    {"cisco_ios", "Translating \"a.example.net\"...domain server (192.0.2.53) [OK]", CLI_REMARK, "the name was found"},
    {"cisco_ios", "something that nobody has seen before", CLI_UNCLEAR, "no known word in it"},
    {"cisco_asa", "WARNING: Pool (10) overlap with existing pool.", CLI_REMARK, WARNS},
    {"cisco_iosxr", "Tue Nov 24 10:00:00.123 UTC", CLI_REMARK, "the time of the command"},
    {"huawei_vrp", "Info: The DHCP server is enabled.", CLI_REMARK, WARNS},
    {"cisco_nxos", "Please wait...", CLI_REMARK, "it only takes its time"},
    {"cisco_ios", "% Applying VLAN changes may take few minutes.  Please wait...", CLI_REMARK,
	"it only takes its time"},
    {"cisco_ios", "% Login disabled on line 2, until 'password' is set", CLI_REMARK, WARNS},
    {"cisco_ios", "Interface GigabitEthernet0/1 set to default configuration", CLI_REMARK, "what was asked for"},
    {"cisco_ios", "% Interface GigabitEthernet1 IPv4 disabled and address(es) removed due to enabling VRF MGMT",
	CLI_REMARK, WARNS},
    {"cisco_ios", "Creating a port-channel interface Port-channel 1", CLI_REMARK, "what was missing was made"},
    {"cisco_ios", "% Please define a hostname other than Router.", CLI_REFUSED, STANDS},
    {"fortinet_fortios", "new entry '1' added", CLI_REMARK, "what was missing was made"},
    {"huawei_smartax", "  Number of ONTs that can be added: 1, success: 1", CLI_REMARK, "what was asked for"},
    {"linux", "", CLI_TAKEN, "silence is taken"},
};

static struct cli *
cli_of(struct platforms *set, const char *name)
{
	struct cli_options options = {.platform = platforms_find(set, name), .name = "dev", .seed = 1};

	assert_non_null(options.platform);
	return cli_create(&options, 1000);
}

static enum cli_outcome
judge(struct cli *cli, enum cli_judging as, const char *text)
{
	memset(&cli->job.verdict, 0, sizeof(cli->job.verdict));
	cli->job.judged_as = as;
	cli_judge_line(cli, text, strlen(text));
	return cli->job.verdict.outcome;
}

static void
test_every_answer_has_the_outcome_that_it_deserves(void **state)
{
	static const char *const names[] = {"taken", "remark", "unclear", "refused", "not run"};
	struct platforms *set = platdir_load();
	int wrong = 0;
	(void)state;

	for (size_t i = 0; i < NP_COUNT(answers); i++) {
		struct cli *cli = cli_of(set, answers[i].platform);
		enum cli_outcome got = judge(cli, CLI_JUDGE_ANSWER, answers[i].text);

		if (got != answers[i].outcome) {
			print_message("%s: `%s`: expected %s (%s), got %s\n", answers[i].platform, answers[i].text,
			    names[answers[i].outcome], answers[i].why, names[got]);
			wrong++;
		}
		if (answers[i].outcome == CLI_REFUSED && cli->job.verdict.busy != (strcmp(answers[i].why, BUSY) == 0)) {
			print_message("%s: `%s`: for now, or for ever?\n", answers[i].platform, answers[i].text);
			wrong++;
		}
		cli_destroy(cli);
	}
	platforms_destroy(set);
	assert_int_equal(wrong, 0);
}

static void
test_output_of_commands_is_judged_by_the_narrow_list(void **state)
{
	static const char *const lines[][2] = {{"cisco_ios", "% Host or network is unreachable"},
	    {"cisco_iosxr", "% No such configuration item(s)"}, {"cisco_ios", "  5 input errors, 0 CRC"},
	    {"juniper_junos", "warning: statement not found"}, {"cisco_nxos", "Error: 0 packets"},
	    {"vyos", "  Configuration path: [a] already exists"}, {"cisco_ios", "%SNMP agent not enabled"}};
	struct platforms *set = platdir_load();
	(void)state;

	for (size_t i = 0; i < NP_COUNT(lines); i++) {
		struct cli *cli = cli_of(set, lines[i][0]);

		if (judge(cli, CLI_JUDGE_OUTPUT, lines[i][1]) != CLI_TAKEN)
			fail_msg("%s: `%s` is no error in the output of a command", lines[i][0], lines[i][1]);
		cli_destroy(cli);
	}
	platforms_destroy(set);
}

static void
test_the_worst_line_decides_and_what_is_indented_goes_on(void **state)
{
	struct platforms *set = platdir_load();
	struct cli *cli = cli_of(set, "cisco_ios");
	struct cli_verdict *v = &cli->job.verdict;
	(void)state;

	judge(cli, CLI_JUDGE_ANSWER, "%Warning: portfast should only be enabled on ports connected to a single");
	cli_judge_line(cli, " host. Connecting hubs here can fail in loops.", 46);
	assert_int_equal(v->outcome, CLI_REMARK);
	assert_non_null(strstr(v->text, "single; host. Connecting hubs"));
	cli_judge_line(cli, "", 0);
	cli_judge_line(cli, " nobody knows this", 18);
	assert_int_equal(v->outcome, CLI_UNCLEAR);
	assert_string_equal(v->text, " nobody knows this");
	cli_judge_line(cli, "% Incomplete command.", 21);
	assert_int_equal(v->outcome, CLI_REFUSED);
	assert_string_equal(v->text, "% Incomplete command.");
	cli_judge_line(cli, "% Another one", 13);
	assert_string_equal(v->text, "% Incomplete command.");
	cli_destroy(cli);
	platforms_destroy(set);
}

static enum cli_outcome
judge_step(struct cli *cli, const char *ok, const char *answer)
{
	struct np_error err;
	struct pattern *p = ok != NULL ? pattern_create(ok, PATTERN_ANYWHERE, &err) : NULL;
	enum cli_outcome outcome;

	cli->op = CLI_OP_CONFIG;
	cli->phase = CLI_CONFIG_COMMIT;
	cli->job.ok = p;
	cli->job.ok_seen = false;
	if (answer != NULL)
		judge(cli, CLI_JUDGE_ANSWER, answer);
	outcome = cli_judge_step(cli);
	cli->job.ok = NULL;
	pattern_destroy(p);
	return outcome;
}

static void
test_a_step_is_done_only_on_proof(void **state)
{
	struct platforms *set = platdir_load();
	struct cli *cli = cli_of(set, "cisco_ios");
	(void)state;

	assert_int_equal(judge_step(cli, "\\[OK\\]", "[OK]"), CLI_TAKEN);
	assert_int_equal(judge_step(cli, "\\[OK\\]", "who knows"), CLI_UNCLEAR);
	assert_int_equal(judge_step(cli, "\\[OK\\]", ""), CLI_UNCLEAR);
	assert_int_equal(judge_step(cli, "\\[OK\\]", "% Error opening nvram:/startup-config"), CLI_REFUSED);
	assert_int_equal(judge_step(cli, NULL, ""), CLI_TAKEN);
	assert_int_equal(judge_step(cli, NULL, "Building configuration..."), CLI_TAKEN);
	assert_int_equal(judge_step(cli, NULL, "who knows"), CLI_UNCLEAR);
	assert_int_equal(judge_step(cli, NULL, "it is locked by another user"), CLI_REFUSED);
	/* Words that only sound so prove less than the platform's own. */
	assert_int_equal(judge_step(cli, "done", "0 failed, done"), CLI_TAKEN);
	/* An answered question begins anew: what was said before it is no proof. */
	assert_int_equal(judge_step(cli, "\\[OK\\]", "[OK]"), CLI_TAKEN);
	cli->job.ok_seen = true;
	cli_judge_answered(&cli->job);
	assert_false(cli->job.ok_seen);
	cli->job.declined = true;
	assert_int_equal(judge_step(cli, "\\[OK\\]", "[OK]"), CLI_REFUSED);
	cli_destroy(cli);
	platforms_destroy(set);
}

static void
test_a_secret_goes_only_to_a_prompt_that_is_known_for_it(void **state)
{
	static const char text[] = "name: t\nbase_mode: a\nmodes:\n  a: {prompt: '(?<host>\\w+)#', samples: ['R#']}\n"
				   "login: {match: '[a-zA-Z]{1,20}[:?] ?', reply: secret}\n",
			  also[] = "passwords: 'assword: ?'\n";
	char known[sizeof(text) + sizeof(also)];
	const char *const files[] = {text, known};
	(void)state;

	snprintf(known, sizeof(known), "%s%s", text, also);
	for (size_t i = 0; i < NP_COUNT(files); i++) {
		struct np_error err;
		struct platform *p = platform_parse(files[i], strlen(files[i]), "t.yaml", NULL, NULL, &err);
		struct cli_options options = {.platform = p, .name = "dev", .seed = 1};
		struct cli *cli;

		assert_non_null(p);
		options.secret = secret_make("quiet");
		cli = cli_create(&options, 1000);
		assert_int_equal(cli_reply(cli, &p->login.items[0], "Proceed? ", 9, &err), -1);
		assert_int_equal(cli->send.len, 0);
		assert_int_equal(cli_reply(cli, &p->login.items[0], "Password: ", 10, &err), i == 0 ? -1 : 0);
		assert_int_equal(cli->send.len, i == 0 ? 0 : 6);
		cli_destroy(cli);
		secret_unref(options.secret);
		platform_unref(p);
	}
}

static void
test_what_cannot_be_saved_is_refused_before_anything_is_typed(void **state)
{
	static const char text[] = "name: t\nbase_mode: a\nmodes:\n  a: {prompt: '(?<host>\\w+)#', samples: ['R#']}\n"
				   "  c: {prompt: '(?<host>\\w+)!#', parent: a, config: true, samples: ['R!#']}\n"
				   "config: {enter: conf, leave: end";
	static const char *const more[] = {"}\n", ", saves_itself: true}\n"};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(more); i++) {
		struct cli_command lines = {.text = "x\n", .size = 2, .save = true};
		char *file = xasprintf("%s%s", text, more[i]);
		struct np_error err = {0};
		struct cli_options options = {
		    .platform = platform_parse(file, strlen(file), "t.yaml", NULL, NULL, &err),
		    .name = "dev",
		    .seed = 1};
		struct cli *cli;

		assert_non_null(options.platform);
		cli = cli_create(&options, 1000);
		assert_int_equal(cli_configure(cli, &lines, 1000, &err), -1);
		assert_int_equal(err.reason, i == 0 ? REASON_INVALID_PARAMS : REASON_INTERNAL); /* it logs in */
		assert_int_equal(cli_send(cli)->len, 0);
		cli_destroy(cli);
		platform_unref(options.platform);
		free(file);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_answer_has_the_outcome_that_it_deserves),
	    cmocka_unit_test(test_output_of_commands_is_judged_by_the_narrow_list),
	    cmocka_unit_test(test_the_worst_line_decides_and_what_is_indented_goes_on),
	    cmocka_unit_test(test_a_step_is_done_only_on_proof),
	    cmocka_unit_test(test_a_secret_goes_only_to_a_prompt_that_is_known_for_it),
	    cmocka_unit_test(test_what_cannot_be_saved_is_refused_before_anything_is_typed),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
