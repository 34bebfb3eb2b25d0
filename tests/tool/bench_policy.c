/*
 * What the policy costs a request on the warm path: the facts about its device, the decision, the limits (`make
 * bench`).  Processor time a request, of 1 and of 50 rules, the last of which decides.  Asserts nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "broker/verb/policy_facts.h"
#include "kit/confkit.h"
#include "kit/platdir.h"
#include "policy/policy.h"

#define ROUNDS 200000

static double
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* A thousand devices in ten groups; rules about other roles, other groups and other commands, then the one. */
static struct config *
make_config(int rules, const char *last)
{
	struct config *config;
	struct np_error err;
	struct buf text;

	buf_init(&text, 1u << 20);
	(void)!buf_printf(&text, "devices:\n");
	for (int i = 0; i < 1000; i++)
		(void)!buf_printf(&text, "  r%d: {device_type: cisco_ios, groups: [g%d, all]}\n", i, i % 10);
	(void)!buf_printf(&text, "policy:\n");
	for (int i = 1; i < rules; i++) {
		if (i % 3 == 0)
			(void)!buf_printf(&text, "  - {role: other%d, then: deny}\n", i);
		else if (i % 3 == 1)
			(void)!buf_printf(&text, "  - {role: agent, devices: ['@none%d', 'x*'], then: allow}\n", i);
		else
			(void)!buf_printf(&text,
			    "  - {role: agent, devices: ['@all'], command: ['ping %d.*', 'clear [a-z]+ .*'], then: "
			    "allow}\n",
			    i);
	}
	(void)!buf_printf(
	    &text, "  - {role: agent, devices: ['@all'], requests_per_minute: 100000, %s, then: allow}\n", last);
	config = config_parse((const char *)buf_head(&text), text.len, "bench.yaml", &err);
	if (config == NULL) {
		fprintf(stderr, "bench_policy: %s\n", err.text);
		exit(1);
	}
	buf_free(&text);
	return config;
}

static void
measure(const char *title, const struct config *config, const struct platforms *set, const char *command)
{
	const struct policy_world world = {.config = config, .platforms = set};
	struct device_ref ref = {.operand = (char[]){"r777"}};
	unsigned allowed = 0;
	double began = cpu_us();
	struct np_error err;

	for (int i = 0; i < ROUNDS; i++) {
		struct policy_ask ask = {.who = {.role = "agent", .uid = 1000, .gid = 1000},
		    .method = POLICY_EXEC,
		    .command = command,
		    .size = strlen(command),
		    .minute = policy_minute_of_week()};
		struct policy_facts facts;
		struct policy_verdict v;

		ask.wants = policy_facts_of_ref(&facts, &world, &ref, WANT_ANY);
		ask.device = facts.device;
		policy_decide(&config->policy, &ask, &v);
		if (v.then == POLICY_ALLOW && v.rule != NULL)
			allowed += policy_enter(v.rule, "r777", 1, i, &err) == 0;
		policy_facts_finish(&facts);
	}
	printf("%-44s %6.2f us  %s\n", title, (cpu_us() - began) / ROUNDS, allowed > 0 ? "allowed" : "denied");
}

int
main(void)
{
	struct platforms *set = platdir_load();
	struct config *one = make_config(1, "command: ['show .*']"), *many = make_config(50, "command: ['show .*']"),
		      *data = make_config(50, "command: read_only");

	printf("\nThe policy, a request:\n");
	measure("1 rule", one, set, "show ip interface brief");
	measure("50 rules", many, set, "show ip interface brief");
	measure("50 rules, abbreviated, with a filter", many, set, "sh ip int br | include up");
	measure("50 rules, read_only of the platform", data, set, "sh ip int br | include up");
	measure("50 rules, two commands in one", many, set, "show version; reload");
	measure("50 rules, another command", many, set, "configure terminal");
	config_unref(one);
	config_unref(many);
	config_unref(data);
	platforms_destroy(set);
	return 0;
}
