/* Tests of src/platform*.c: the files that are installed, what a malformed one is told, extension, lookup, redaction.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "platform/pattern.h"
#include "kit/platdir.h"
#include "platform/platform.h"
#include "base/xalloc.h"

#define MINIMAL                                                                                                        \
	"name: t\n"                                                                                                    \
	"base_mode: priv\n"                                                                                            \
	"modes:\n"                                                                                                     \
	"  priv: {prompt: '(?<host>\\w+)#', samples: ['R1#']}\n"
#define CONFIG                                                                                                         \
	"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '(?<host>\\w+)#', samples: ['R#'], config: true}\nconfig: {"

static struct platform *
parse(const char *text, struct np_error *err)
{
	error_clear(err);
	return platform_parse(text, strlen(text), "dir/t.yaml", NULL, NULL, err);
}

static void
test_every_installed_definition_passes_its_own_lint(void **state)
{
	static const char *const names[] = {"arista_eos", "autodetect", "cisco_asa", "cisco_ios", "cisco_iosxr",
	    "cisco_nxos", "dell_os10", "extreme_exos", "fortinet_fortios", "frr", "hp_comware", "hpe_aruba_aoscx",
	    "huawei_smartax", "huawei_vrp", "huawei_vrpv8", "juniper_junos", "linux", "mikrotik_routeros",
	    "nokia_srlinux", "nokia_sros", "paloalto_panos", "vyos"};
	struct platforms *set = platdir_load();
	(void)state;

	for (size_t i = 0; i < set->errors.n; i++)
		print_message("%s\n", set->errors.v[i]);
	assert_int_equal(set->errors.n, 0);
	assert_int_equal(set->count, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < set->count; i++) {
		assert_string_equal(set->items[i]->name, names[i]);
		assert_non_null(set->items[i]->title);
		assert_non_null(set->items[i]->source);
		assert_true(set->items[i]->logout.count > 0);
	}
	platforms_destroy(set);
}

static void
test_names_of_netmiko_and_ansible_lead_to_the_definition(void **state)
{
	static const struct {
		const char *name, *platform;
	} cases[] = {{"cisco_ios", "cisco_ios"}, {"cisco_xe", "cisco_ios"}, {"CISCO-IOS", "cisco_ios"},
	    {"cisco.ios.ios", "cisco_ios"}, {"cisco_xr", "cisco_iosxr"}, {"juniper", "juniper_junos"},
	    {"huawei", "huawei_vrp"}, {"ce", "huawei_vrpv8"}, {"huawei_smartax", "huawei_smartax"},
	    {"huawei_vrpv8", "huawei_vrpv8"}, {"aruba_aoscx", "hpe_aruba_aoscx"}, {"vyos.vyos.vyos", "vyos"},
	    {"linux", "linux"}, {"nokia_srl", "nokia_srlinux"}};
	struct platforms *set = platdir_load();
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform *p = platforms_find(set, cases[i].name);

		assert_non_null(p);
		assert_string_equal(p->name, cases[i].platform);
	}
	assert_null(platforms_find(set, "cisco_iso"));
	assert_string_equal(platforms_nearest(set, "cisco_iso"), "cisco_ios");
	platforms_destroy(set);
}

/* Prompts quoted in bug reports, each of one mode and no other. */
static void
test_cases_11_to_17_prompts_are_of_the_right_mode(void **state)
{
	static const struct {
		const char *platform, *context, *tail, *mode;
	} cases[] = {
	    {"cisco_ios", NULL, "R1(config-if)#", "config"},
	    {"cisco_ios", NULL, "R1(tcl)#", "tcl"},
	    {"cisco_ios", NULL, "+>", "tcl"},
	    {"cisco_ios", NULL, "R1#show version", NULL},
	    {"cisco_ios", NULL, "foo R1#", NULL},
	    {"cisco_nxos", NULL, "N9K(maint-mode)#", "priv"},
	    {"cisco_nxos", NULL, "N9K(conf-tm-dest)#", "config"},
	    {"cisco_nxos", NULL, "N9K(maint-mode)(config-if)#", "config"},
	    {"arista_eos", NULL, "sw(config-s-abc)#", "session"},
	    {"arista_eos", NULL, "sw(s1)(config-s-abc-if)#", "session"},
	    {"extreme_exos", NULL, "sw.17 # ", "admin"},
	    {"extreme_exos", NULL, "* sw.18 # ", "admin"},
	    {"extreme_exos", NULL, "! sw.19 # ", "admin"},
	    {"nokia_srlinux", "--{ running }--[  ]--", "A:srl# ", "running"},
	    {"nokia_srlinux", "--{ * candidate private admin }--[ interface ethernet-1/1 ]--", "A:srl# ", "candidate"},
	    {"nokia_srlinux", NULL, "A:srl# ", NULL},
	    {"nokia_sros", "[/show]", "A:admin@sr1# ", "oper"},
	    {"nokia_sros", "*(ex)[/configure]", "A:admin@sr1# ", "edit"},
	    {"huawei_vrp", NULL, "[V200R009C00SPC500]", NULL},
	    {"huawei_vrp", NULL, "[SW1]", "system"},
	    {"huawei_vrp", NULL, "[*SW1-bgp]", "system"},
	    {"huawei_vrp", NULL, "HRP_M[FW1]", "system"},
	    {"hp_comware", NULL, "RBM_P<FW1>", "view"},
	    {"juniper_junos", "[edit]", "ops@mx1# ", "config"},
	    {"juniper_junos", "{master:0}", "ops@mx1> ", "oper"},
	    {"juniper_junos", NULL, "root@mx1:~ # ", "shell"},
	    {"cisco_iosxr", NULL, "RP/0/RP0/CPU0:xr1(config-bgp)#", "config"},
	    {"cisco_iosxr", NULL, "RP/0/RP0/CPU0:xr1(admin)#", "admin"},
	    {"mikrotik_routeros", NULL, "[admin@My Router] /ip/address> ", "cli"},
	    {"fortinet_fortios", NULL, "FGT (port1) # ", "context"},
	    {"paloalto_panos", NULL, "admin@PA(active)> ", "oper"},
	    /* Names of ranges, queues, files; shells and boot loaders; names that somebody thought fine. */
	    {"arista_eos", NULL, "leaf1(config-if-Et1,6)#", "config"},
	    {"arista_eos", NULL, "leaf1(config-s-np1-qos-profile-CORE-EGRESS-QUEUING-NAME-txq-6)#", "session"},
	    {"hpe_aruba_aoscx", NULL, "cx1(config-vlan-<2-5,10>)#", "config"},
	    {"dell_os10", NULL, "OS10(conf-range-eth1/1/1,1/1/3)#", "config"},
	    {"cisco_ios", NULL, "[R1:/]$", "shell"},
	    {"cisco_ios", NULL, "rommon 2 >", "boot"},
	    {"cisco_ios", NULL, "R&D+lab'2!#", "priv"},
	    {"cisco_ios", NULL, "Z\xc3\xbcrich-1#", "priv"},
	    {"cisco_ios", NULL, "R1(config-sg-tacacs+)#", "config"},
	    {"cisco_ios", NULL, "</interface>", NULL},
	    {"cisco_ios", NULL, "a=b>", NULL},
	    {"cisco_nxos", NULL, "N9K%mgmt#", "priv"},
	    {"cisco_nxos", NULL, "N9K%mgmt(config)#", "config"},
	    {"cisco_nxos", NULL, "bash-4.2$", "shell"},
	    {"cisco_nxos", NULL, "switch(boot)#", "boot"},
	    {"cisco_nxos", NULL, "loader>", "boot"},
	    {"cisco_iosxr", NULL, "[node0_RP0_CPU0:~]$", "shell"},
	    {"juniper_junos", NULL, "root>", "oper"},
	    {"juniper_junos", "[edit]", "root#", "config"},
	    {"juniper_junos", NULL, "root@%", "shell"},
	    {"huawei_smartax", NULL, "OLT1#", "priv"},
	    {"huawei_smartax", NULL, "OLT1(config)#", "config"},
	    {"huawei_smartax", NULL, "OLT1(config-if-gpon-0/1)#", "config"},
	    {"nokia_srlinux", "--{ [FACTORY] running }--[  ]--", "A:leaf1#", "running"},
	    {"nokia_srlinux", "--{ [OLD STARTUP] running }--[  ]--", "A:leaf1#", "running"},
	    {"nokia_srlinux", "--{ [FACTORY] + candidate shared default }--[  ]--", "A:leaf1#", "candidate"},
	    {"paloalto_panos", NULL, "corp\\jane@PA-1> ", "oper"},
	    {"huawei_vrp", NULL, "<R&D,2>", "view"},
	};
	struct platforms *set = platdir_load();
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform *p = platforms_find(set, cases[i].platform);
		struct platform_view view = {.tail = cases[i].tail, .size = strlen(cases[i].tail)};
		const struct platform_mode *mode;

		if (cases[i].context != NULL) {
			view.context[0] = cases[i].context;
			view.context_size[0] = strlen(cases[i].context);
			view.context_count = 1;
		}
		mode = platform_mode_of(p, &view, NULL);
		if ((mode == NULL) != (cases[i].mode == NULL) ||
		    (mode != NULL && strcmp(mode->name, cases[i].mode) != 0))
			fail_msg("%s: `%s' is of mode %s, not %s", cases[i].platform, cases[i].tail,
			    mode != NULL ? mode->name : "(none)", cases[i].mode != NULL ? cases[i].mode : "(none)");
	}
	platforms_destroy(set);
}

static void
test_case_64_a_malformed_file_is_refused_with_its_line_and_what_to_do(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"", "dir/t.yaml:1: a platform file is a mapping"},
	    {"- a\n", "dir/t.yaml:1: a platform file is a mapping"},
	    {"name: t\n", "`modes` is missing"},
	    {"base_mode: x\n", "`name` is missing"},
	    {"name: other\nmodes: {}\n", "dir/t.yaml:1: `name` is `other`: the file must be called other.yaml"},
	    {"name: Bad Name\n", "`name` must be small letters"},
	    {MINIMAL "errrors: x\n", "dir/t.yaml:5: unknown key `errrors` in a platform: did you mean `errors`?"},
	    {MINIMAL "base_mod: x\n", "did you mean `base_mode`?"},
	    {MINIMAL "cols: many\n", "dir/t.yaml:5: `cols` must be a whole number from 20 to 2000, not `many`"},
	    {MINIMAL "cols: 5\n", "`cols` must be a whole number from 20 to 2000, not `5`"},
	    {MINIMAL "echo: maybe\n", "`echo` must be true or false"},
	    {MINIMAL "exec: manny\n", "`exec` must be one of unknown none once many preferred, not `manny`"},
	    {MINIMAL "title: no\n", "`title` must be text: put it in quotes if that word is meant, not `no`"},
	    {MINIMAL "errors: '('\n", "dir/t.yaml:5: `errors`: regular expression `(`:"},
	    {MINIMAL "errors: ['a', 'b)|(c']\n", "regular expression `b)|(c`"},
	    {MINIMAL "errors: '(a+)+b'\n", "takes too long on long lines"},
	    {MINIMAL "prepare: [{send: x, ok: '(a+)+b'}]\n",
		"dir/t.yaml:5: `ok`: the expression `(a+)+b` takes too long"},
	    {MINIMAL "reset: {send: x, questions: {match: '(a+)+b', send: y}}\n",
		"dir/t.yaml:5: `match`: the expression `(a+)+b` takes too long"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: 'R#', samples: ['R#']}\n  b: {prompt: 'X#', samples: "
	     "['X#'], "
	     "parent: a, enter: {send: x, ok: '(a+)+b'}}\n",
		"dir/t.yaml:5: `ok`: the expression `(a+)+b` takes too long"},
	    {MINIMAL "errors: 'a{0,9}'\n",
		"dir/t.yaml:5: `errors`: the expression `a{0,9}` also matches an empty line"},
	    {MINIMAL "login: {match: ' ?', send: y}\n",
		"dir/t.yaml:5: `match`: the expression ` ?` also matches an empty"},
	    {CONFIG "commit: {send: c, ok: x, says: nothing}}\n", "a step of `commit` says nothing and has an `ok`"},
	    {CONFIG "commit: c, abort: a}\n", "`commit`, `confirmed` and `check` are for a candidate"},
	    {CONFIG "save_inside: true}\n", "`save_inside` without `save`"},
	    {CONFIG "save: s, saves_itself: true}\n", "`saves_itself` and a `save`"},
	    {CONFIG "blocks: [{match: x}]}\n", "each of `blocks` needs `end`, or a group"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '\\w+#', samples: ['R#']}\n  b: {prompt: '\\w+>', samples: "
	     "['R>'], config: true}\nconfig: {save: x}\n",
		"no `enter`, and the base mode `a` does not say `config: true`"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '[#>]', samples: ['#']}\n",
		"also matches the ordinary line `#`: make it stricter, say `prove: true`, or have `prepare` set one"},
	    {MINIMAL "sentinel: '! x'\n", "`sentinel` must hold {nonce}"},
	    {MINIMAL "prove: true\n", "`prove` needs a `sentinel`"},
	    {MINIMAL "sentinel: 'echo {nonce}:$?'\nsentinel_says: '{nonce}:{status}'\n", "differ from what `sentinel`"},
	    {MINIMAL "sentinel: '# {nonce}'\nsentinel_says: 'x{nonce}'\n", "end in {status}"},
	    {MINIMAL "newline: ''\n", "`newline` must be"},
	    {MINIMAL "prompt_lines: 2\n", "needs `prompt_context`"},
	    {MINIMAL "passwords: ['assword:', ': ?']\n",
		"dir/t.yaml:5: `passwords` also matches `login: `, which asks for no secret"},
	    {MINIMAL "passwords: '[]] ?'\n", "`passwords` also matches `Proceed? [confirm]`"},
	    {MINIMAL "idle: 10\nkeepalive_cli: 10\n", "dir/t.yaml:6: `keepalive_cli` must be below `idle`"},
	    {MINIMAL "config: {}\n", "no mode says `config: true`"},
	    {MINIMAL "pager: {match: x}\n", "needs `match` and exactly one of"},
	    {MINIMAL "pager: {match: x, send: y, keys: z}\n", "needs `match` and exactly one of"},
	    {MINIMAL "pager: {macth: x, send: y}\n", "unknown key `macth` in a question: did you mean `match`?"},
	    {MINIMAL "prepare: [{optional: true}]\n", "a step of `prepare` needs `send`"},
	    {MINIMAL "prepare: [{send: x, optinal: true}]\n", "did you mean `optional`?"},
	    {MINIMAL "extends: cisco_ios\n", "`extends` cannot be used here"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '(?<host>\\w+)#'}\n",
		"dir/t.yaml:4: mode `a` needs `samples`"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {samples: ['R#']}\n", "mode `a` needs `prompt`"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '\\w+#', samples: ['R>']}\n",
		"does not match its own prompt"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '\\w+#', samples: ['R#']}\n  b: {prompt: '.+#', samples: "
	     "['R(x)#']}\n",
		"also matches mode `b`"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '.*#', samples: ['R#']}\n",
		"also matches the ordinary line"},
	    {"name: t\nbase_mode: prov\nmodes:\n  priv: {prompt: '\\w+#', samples: ['R#']}\n",
		"dir/t.yaml:2: `base_mode` names the mode `prov`, which `modes` does not define: did you mean `priv`?"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '\\w+#', samples: ['R#'], parent: b}\n",
		"`parent` names the mode `b`"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '\\w+#', samples: ['R#'], parent: a}\n", "lead in a circle"},
	    {"name: t\nbase_mode: a\nmodes:\n  a: {prompt: '\\w+#', samples: ['R#'], enter: x}\n",
		"has `enter` but no `parent`"},
	    {"name: t\nname: t\n", "appears a second time"},
	    {"name: t\n\tx: y\n", "dir/t.yaml:2"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct np_error err;
		struct platform *p = parse(cases[i].text, &err);

		if (p != NULL || strstr(err.text, cases[i].says) == NULL || strncmp(err.text, "dir/t.yaml:", 11) != 0)
			fail_msg(
			    "`%s' says `%s', not `%s'", cases[i].text, p != NULL ? "nothing" : err.text, cases[i].says);
		assert_int_equal(err.reason, REASON_INVALID_PARAMS);
	}
}

static void
test_a_minimal_file_gets_defaults_and_warnings(void **state)
{
	struct np_error err;
	struct platform *p = parse(MINIMAL, &err);
	(void)state;

	assert_non_null(p);
	assert_string_equal(p->newline, "\n");
	assert_string_equal(p->interrupt, "\x03");
	assert_true(p->echo);
	assert_true(p->keepalive_ssh);
	assert_int_equal(p->origin, PLATFORM_DOCUMENTED);
	assert_ptr_equal(p->base_mode, p->modes[0]);
	assert_int_equal(p->warnings.n, 5);
	assert_non_null(strstr(p->warnings.v[2], "no `passwords`"));
	assert_non_null(strstr(p->warnings.v[0], "dir/t.yaml:1: no `config`"));
	assert_ptr_equal(platform_ref(p), p);
	platform_unref(p);
	platform_unref(p);
	platform_unref(NULL);
}

static void
test_a_hidden_answer_to_a_new_password_is_warned_of(void **state)
{
	static const char *const texts[] = {MINIMAL
	    "login: {match: 'Password: ?', reply: password}\npasswords: '(?i)password: ?'\n",
	    MINIMAL "logout: {send: x, questions: {match: '(?i)new password: ?', reply: secret}}\n"
		    "passwords: '(?i)password: ?'\n",
	    MINIMAL "login: {match: '\\APassword: ?', reply: password}\npasswords: '(?i)password: ?'\n"};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(texts); i++) {
		struct np_error err;
		struct platform *p = parse(texts[i], &err);
		bool warned = false;

		assert_non_null(p);
		for (size_t k = 0; k < p->warnings.n; k++)
			warned |= strstr(p->warnings.v[k], "t.yaml:5: a question with a hidden answer also") != NULL;
		assert_int_equal(warned, i < 2);
		platform_unref(p);
	}
}

static void
test_what_commits_or_saves_without_a_proof_is_warned_of(void **state)
{
	static const struct {
		const char *text;
		const char *says; /* NULL: nothing */
	} cases[] = {
	    {CONFIG "save: s}\n", "dir/t.yaml:5: `save` has no `ok`"}, {CONFIG "save: {send: s, ok: done}}\n", NULL},
	    {CONFIG "candidate: true, commit: [c, {send: d, says: nothing}], abort: {send: a, says: nothing}}\n", NULL},
	    {CONFIG "candidate: true, commit: c, abort: a}\n", "dir/t.yaml:5: `commit` has no `ok`"},
	    {CONFIG "candidate: true, commit: {send: c, says: nothing}, abort: a}\n",
		"dir/t.yaml:5: `abort` has no `ok`"},
	    {CONFIG "abort: a}\n", NULL}, /* it ends a sub-mode there */
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct np_error err;
		struct platform *p = parse(cases[i].text, &err);
		bool warned = false;

		if (p == NULL)
			fail_msg("%s", err.text);
		for (size_t k = 0; k < p->warnings.n; k++)
			warned = warned ||
				 strstr(p->warnings.v[k], cases[i].says != NULL ? cases[i].says : "no `ok`") != NULL;
		if (warned != (cases[i].says != NULL))
			fail_msg("%s", cases[i].text);
		platform_unref(p);
	}
}

/* --- extension, directories --- */

static void
write_file(const char *dir, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0644), 0);
	free(path);
}

static void
remove_file(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);

	unlink(path);
	free(path);
}

static void
test_the_first_directory_wins_and_a_bad_file_leaves_the_others_alone(void **state)
{
	char first[] = "/tmp/np-platform-XXXXXX", second[] = "/tmp/np-platform-XXXXXX";
	const struct strings dirs = {(char *[]){first, (char[]){"/nonexistent/dir"}, second}, 3};
	struct platforms *set;
	struct platform *p;
	(void)state;

	assert_non_null(mkdtemp(first));
	assert_non_null(mkdtemp(second));
	write_file(second, "t.yaml", MINIMAL "title: second\naliases: [tt]\nerrors: 'Error'\n");
	write_file(first, "t.yaml", "extends: t\nname: t\ntitle: first\n");
	write_file(first, "bad.yaml", "name: bad\nmodess: {}\n");
	write_file(first, "u.yaml", "extends: t\nname: u\naliases: [t]\n");
	write_file(first, "loop.yaml", "extends: loop2\nname: loop\n");
	write_file(first, "loop2.yaml", "extends: loop\nname: loop2\n");
	write_file(first, "lost.yaml", "extends: nothing\nname: lost\n");
	write_file(first, "notes.txt", "not a definition");

	set = platforms_load(&dirs);

	assert_int_equal(set->count, 2);
	p = platforms_find(set, "t");
	assert_string_equal(p->title, "first");
	assert_string_equal(p->name, "t");
	assert_int_equal(p->errors.count, 1);
	assert_int_equal(p->modes_count, 1);
	assert_int_equal(p->aliases.n, 0);
	assert_non_null(platforms_find(set, "u"));
	assert_int_equal(set->errors.n, 5);
	assert_non_null(strstr(set->errors.v[0], "bad.yaml:2: unknown key `modess`"));
	assert_non_null(strstr(set->errors.v[1], "a circle?"));
	assert_non_null(strstr(set->errors.v[3], "lost.yaml:1: `extends`: there is no platform `nothing`"));
	assert_non_null(strstr(set->errors.v[4], "alias `t` means"));
	platforms_destroy(set);

	remove_file(second, "t.yaml");
	for (size_t i = 0; i < 7; i++) {
		static const char *const names[] = {
		    "t.yaml", "bad.yaml", "u.yaml", "loop.yaml", "loop2.yaml", "lost.yaml", "notes.txt"};

		remove_file(first, names[i]);
	}
	assert_int_equal(rmdir(first), 0);
	assert_int_equal(rmdir(second), 0);
}

static void
test_a_file_that_others_may_write_is_refused(void **state)
{
	char dir[] = "/tmp/np-platform-XXXXXX";
	const struct strings dirs = {(char *[]){dir}, 1};
	struct platforms *set;
	char *path;
	(void)state;

	assert_non_null(mkdtemp(dir));
	write_file(dir, "t.yaml", MINIMAL);
	path = xasprintf("%s/t.yaml", dir);
	assert_int_equal(chmod(path, 0666), 0);
	set = platforms_load(&dirs);
	assert_int_equal(set->count, 0);
	assert_int_equal(set->errors.n, 1);
	assert_non_null(strstr(set->errors.v[0], "others can write"));
	platforms_destroy(set);
	remove_file(dir, "t.yaml");
	assert_int_equal(rmdir(dir), 0);
	free(path);
}

static void
check_dirs(const char *platform_path, const char *const *expected, size_t count)
{
	struct strings dirs = platform_dirs(platform_path);

	assert_int_equal(dirs.n, count);
	for (size_t i = 0; i < dirs.n; i++)
		assert_string_equal(dirs.v[i], expected[i]);
	strings_finish(&dirs);
}

static void
test_directories_are_the_users_the_systems_and_the_installed_one(void **state)
{
	static const char *const ours[] = {"/x/netpulse/platforms", "/etc/netpulse/platforms", NETPULSE_PLATFORMS};
	static const char *const home[] = {
	    "/home/ops/.config/netpulse/platforms", "/etc/netpulse/platforms", NETPULSE_PLATFORMS};
	static const char *const named[] = {"/a", "/home/ops/b"};
	char *old_home = xstrdup_null(getenv("HOME")), *old_base = xstrdup_null(getenv("XDG_CONFIG_HOME"));
	(void)state;

	setenv("HOME", "/home/ops", 1);
	setenv("XDG_CONFIG_HOME", "/x", 1);
	check_dirs(NULL, ours, 3);
	check_dirs("", ours, 3);
	check_dirs("/a:~/b", named, 2);
	check_dirs(":/a::~/b:", named, 2);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	check_dirs(NULL, home, 3);
	unsetenv("XDG_CONFIG_HOME");
	check_dirs(NULL, home, 3);
	if (old_base != NULL)
		setenv("XDG_CONFIG_HOME", old_base, 1);
	if (old_home != NULL)
		setenv("HOME", old_home, 1);
	else
		unsetenv("HOME");
	free(old_base);
	free(old_home);
}

static void
test_directories_that_are_named_are_loaded(void **state)
{
	char dir[] = "/tmp/np-platform-XXXXXX";
	struct platforms *set;
	char *path;
	(void)state;

	assert_non_null(mkdtemp(dir));
	write_file(dir, "t.yaml", MINIMAL);
	path = xasprintf("/nonexistent/np:%s", dir);
	set = platform_dirs_load(path);
	assert_int_equal(set->count, 1);
	assert_int_equal(set->errors.n, 0);
	assert_non_null(platforms_find(set, "t"));
	platforms_destroy(set);
	remove_file(dir, "t.yaml");
	assert_int_equal(rmdir(dir), 0);
	free(path);
}

static void
test_an_extension_replaces_a_mode_as_a_whole(void **state)
{
	struct platforms *set = platdir_load();
	struct platform *v8 = platforms_find(set, "huawei_vrpv8"), *v5 = platforms_find(set, "huawei_vrp");
	(void)state;

	assert_true(v8->config.candidate);
	assert_false(v5->config.candidate);
	assert_int_equal(v8->config.enter.count, 1);
	assert_int_equal(v8->modes_count, v5->modes_count);
	platforms_destroy(set);
}

static void
test_a_version_text_tells_the_platform(void **state)
{
	static const struct {
		const char *text, *platform;
	} cases[] = {{"Cisco IOS XE Software, Version 17.03.04", "cisco_ios"},
	    {"Cisco IOS XR Software, Version 7.3.2", "cisco_iosxr"},
	    {"Cisco Nexus Operating System (NX-OS) Software", "cisco_nxos"}, {"JUNOS 21.4R1 Kernel", "juniper_junos"},
	    {"FRRouting 8.4.4 (r1).", "frr"}, {"nothing of that", NULL}, {"SSH-2.0-ROSSSH", "mikrotik_routeros"},
	    {"Arista and Cisco IOS Software", NULL}};
	struct platforms *set = platdir_load();
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct platform *p = platforms_guess(set, cases[i].text, strlen(cases[i].text));

		if (cases[i].platform == NULL)
			assert_null(p);
		else
			assert_string_equal(p != NULL ? p->name : "(none)", cases[i].platform);
	}
	platforms_destroy(set);
}

static void
test_transcripts_do_not_show_secrets_of_the_configuration(void **state)
{
	static const struct {
		const char *platform, *line, *shown;
	} cases[] = {
	    {"cisco_ios", "username admin password 7 094F471A1A0A", "username admin password 7 ********"},
	    {"cisco_ios", "enable secret 5 $1$abc$def", "enable secret 5 ********"},
	    {"cisco_ios", "snmp-server community public RO", "snmp-server community ******** RO"},
	    {"cisco_ios", "interface Loopback0", "interface Loopback0"},
	    {"juniper_junos", "encrypted-password \"$6$x\"; ## SECRET-DATA",
		"encrypted-password \"********\"; ## SECRET-DATA"},
	    {"mikrotik_routeros", "/user add name=a password=b secret=\"c\"",
		"/user add name=a password=******** "
		"secret=\"********\""},
	};
	struct platforms *set = platdir_load();
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n;
		char *shown =
		    platform_redact(platforms_find(set, cases[i].platform), cases[i].line, strlen(cases[i].line), &n);

		assert_string_equal(shown, cases[i].shown);
		assert_int_equal(n, strlen(shown));
		free(shown);
	}
	platforms_destroy(set);
}

static void
test_placeholders_are_replaced_wherever_they_stand(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {{"commit confirmed {minutes}", "commit confirmed 5"}, {"{minutes}{minutes}", "55"},
	    {"no placeholder {other}", "no placeholder {other}"}, {"", ""}};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = platform_expand(cases[i].text, "minutes", "5");

		assert_string_equal(text, cases[i].expected);
		free(text);
	}
}

/* --- pattern.c --- */

static void
test_anchors_hold_whatever_the_expression_says(void **state)
{
	static const struct {
		enum pattern_anchor anchor;
		const char *expression, *text;
		bool matches;
	} cases[] = {{PATTERN_WHOLE, "a|b", "a", true}, {PATTERN_WHOLE, "a|b", "xb", false},
	    {PATTERN_WHOLE, "R#", "R# ", true}, {PATTERN_WHOLE, "R#", "R#  ", false},
	    {PATTERN_WHOLE, "R#", "R#\n", false}, {PATTERN_START, "Error|Fail", "Error: x", true},
	    {PATTERN_START, "Error|Fail", " no Fail", false}, {PATTERN_END, "\\?", "sure? ", true},
	    {PATTERN_END, "\\?|!", "sure! or", false}, {PATTERN_ANYWHERE, "b", "abc", true},
	    {PATTERN_WHOLE, "caf\xe9", "caf\xe9", true}};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct np_error err;
		struct pattern *p = pattern_create(cases[i].expression, cases[i].anchor, &err);

		assert_non_null(p);
		if (pattern_matches(p, cases[i].text, strlen(cases[i].text)) != cases[i].matches)
			fail_msg("`%s' on `%s'", cases[i].expression, cases[i].text);
		pattern_destroy(p);
	}
	pattern_destroy(NULL);
}

static void
test_a_costly_expression_ends_and_says_so(void **state)
{
	struct np_error err;
	struct pattern *p = pattern_create("(a|aa)+$", PATTERN_START, &err);
	char text[300];
	(void)state;

	assert_non_null(p);
	memset(text, 'a', sizeof(text));
	text[299] = 'b';
	assert_int_equal(pattern_find(p, text, sizeof(text), NULL, NULL), PATTERN_COSTLY);
	assert_false(pattern_matches(p, text, sizeof(text)));
	assert_true(pattern_matches(p, "aaa", 3));
	pattern_destroy(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_installed_definition_passes_its_own_lint),
	    cmocka_unit_test(test_names_of_netmiko_and_ansible_lead_to_the_definition),
	    cmocka_unit_test(test_cases_11_to_17_prompts_are_of_the_right_mode),
	    cmocka_unit_test(test_case_64_a_malformed_file_is_refused_with_its_line_and_what_to_do),
	    cmocka_unit_test(test_a_minimal_file_gets_defaults_and_warnings),
	    cmocka_unit_test(test_a_hidden_answer_to_a_new_password_is_warned_of),
	    cmocka_unit_test(test_what_commits_or_saves_without_a_proof_is_warned_of),
	    cmocka_unit_test(test_the_first_directory_wins_and_a_bad_file_leaves_the_others_alone),
	    cmocka_unit_test(test_a_file_that_others_may_write_is_refused),
	    cmocka_unit_test(test_directories_are_the_users_the_systems_and_the_installed_one),
	    cmocka_unit_test(test_directories_that_are_named_are_loaded),
	    cmocka_unit_test(test_an_extension_replaces_a_mode_as_a_whole),
	    cmocka_unit_test(test_a_version_text_tells_the_platform),
	    cmocka_unit_test(test_transcripts_do_not_show_secrets_of_the_configuration),
	    cmocka_unit_test(test_placeholders_are_replaced_wherever_they_stand),
	    cmocka_unit_test(test_anchors_hold_whatever_the_expression_says),
	    cmocka_unit_test(test_a_costly_expression_ends_and_says_so),
	};

	return cmocka_run_group_tests_name("platform", tests, NULL, NULL);
}
