/*
 * A device that does something else than it should, once, in any step of a configuration: the driver ends with a named
 * reason, in bounded time, and never leaves the device in configuration mode while it can still be left.  What it calls
 * committed is committed, and what it calls thrown away is not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "cli/cli.h"
#include "kit/platdir.h"

#define STEPS_MAX 12     /* lines of the transaction in which it may go wrong */
#define ENDS_WITHIN 4000 /* seconds: a commit of Junos may take half an hour */

enum deed { AS_IT_SHOULD, RENAMES, STRANGE, FLOODS, LOGS, SILENT, STOPS, CLOSES, ASKS, TWICE, REFUSES, WONDERS, DEEDS };

static const char *const deeds[] = {"does as it should", "renames itself", "shows a prompt of no mode", "floods",
    "logs behind its prompt", "is silent", "stops in a line", "closes", "asks", "shows its prompt twice", "refuses",
    "says something that nobody knows"};

/* What the platforms differ in. */
struct kind {
	const char *platform;
	const char *exec[2], *config[2]; /* prompts: before and behind the name */
	const char *enter, *leave;       /* lines that begin so change the mode */
	const char *commits;             /* what it says to a commit; NULL: nothing */
	const char *save, *saves;        /* the line that saves, NULL: none; what it says to it */
};

static const struct kind kinds[] = {
    {"cisco_ios", {"", "#"}, {"", "(config)#"}, "configure terminal", "end", NULL, "write memory", "[OK]"},
    {"arista_eos", {"", "#"}, {"", "(config-s-np)#"}, "configure session", "end", NULL, "write memory",
	"Copy completed successfully."},
    {"juniper_junos", {"ops@", "> "}, {"[edit]\r\nops@", "# "}, "configure exclusive", "exit configuration-mode",
	"commit complete", NULL, NULL},
    {"vyos", {"vyos@", ":~$ "}, {"[edit]\r\nvyos@", "# "}, "configure", "exit discard", NULL, "save", "Done"},
    {"cisco_iosxr", {"RP/0/RP0/CPU0:", "#"}, {"RP/0/RP0/CPU0:", "(config)#"}, "configure terminal", "end", NULL, NULL,
	NULL},
    {"cisco_nxos", {"", "# "}, {"", "(config)# "}, "configure terminal", "end", NULL, "copy running-config",
	"Copy complete."},
    {"huawei_vrp", {"<", ">"}, {"[", "]"}, "system-view", "return", NULL, "save",
	"Info: Save the configuration successfully."},
    {"huawei_vrpv8", {"<", ">"}, {"[~", "]"}, "system-view", "return", NULL, "save",
	"Info: Save the configuration successfully."},
    {"hpe_aruba_aoscx", {"", "# "}, {"", "(config)# "}, "configure terminal", "end", NULL, "write memory", "Success"},
    {"paloalto_panos", {"admin@", "> "}, {"[edit]\r\nadmin@", "# "}, "configure", "exit",
	"Configuration committed successfully", NULL, NULL},
};

struct dev {
	const struct kind *kind;
	struct cli *cli;
	double now;
	const char *name;
	bool in_config, closed, committed, saved;
	size_t piece; /* bytes at once */
	bool stuck;   /* it waits for a key, or a line */
	int lines, wrong_at;
	enum deed deed;
	struct buf out;
	char typed[512];
	size_t typed_size;
};

static void NP_PRINTF(2, 3) say(struct dev *d, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	assert_int_equal(buf_append(&d->out, text, strlen(text)), 0);
	free(text);
}

static void
prompt(struct dev *d)
{
	const char *const *around = d->in_config ? d->kind->config : d->kind->exec;

	say(d, "%s%s%s", around[0], d->name, around[1]);
}

static void
obey(struct dev *d, const char *line)
{
	bool commits = strstr(line, "commit") != NULL;
	bool shows_session = commits || strstr(line, "abort") != NULL;

	d->committed = d->committed || commits;
	if (strncmp(line, d->kind->enter, strlen(d->kind->enter)) == 0 && !shows_session)
		d->in_config = true;
	else if (strncmp(line, d->kind->leave, strlen(d->kind->leave)) == 0 || strcmp(line, "abort") == 0)
		d->in_config = false;
	else if (strcmp(line, "commit") == 0 && d->kind->commits != NULL)
		say(d, "%s\r\n", d->kind->commits);
	else if (d->kind->save != NULL && strncmp(line, d->kind->save, strlen(d->kind->save)) == 0) {
		d->saved = true;
		say(d, "%s\r\n", d->kind->saves);
	} else if (strcmp(line, "rollback 0") == 0)
		say(d, "load complete\r\n");
}

static void
misbehave(struct dev *d)
{
	switch (d->deed) {
	case RENAMES:
		d->name = "other";
		prompt(d);
		break;
	case STRANGE:
		say(d, "%s{x}%s", d->name, d->in_config ? "#" : ">");
		break;
	case FLOODS:
		for (int i = 0; i < 500; i++)
			say(d, "line %d of many\r\n", i);
		prompt(d);
		break;
	case LOGS:
		prompt(d);
		say(d, "\r\n*Mar  1 00:01:23.456: %%SYS-5-CONFIG_I: Configured from console\r\n");
		break;
	case SILENT:
		d->stuck = true;
		break;
	case STOPS:
		d->stuck = true;
		say(d, "something that is not e");
		break;
	case CLOSES:
		d->closed = true;
		break;
	case ASKS:
		d->stuck = true;
		say(d, "Do you want to go on? [yes/no]: ");
		break;
	case TWICE:
		prompt(d);
		say(d, "\r\n");
		prompt(d);
		break;
	case WONDERS:
		say(d, "the moon is full\r\n");
		prompt(d);
		break;
	case AS_IT_SHOULD:
	case REFUSES:
	case DEEDS:
		break;
	}
}

static void
take_line(struct dev *d)
{
	d->typed[d->typed_size] = '\0';
	d->typed_size = 0;
	if (d->stuck)
		return; /* it reads it, and goes on waiting */
	say(d, "%s\r\n", d->typed);
	if (d->deed == REFUSES && d->lines == d->wrong_at) {
		d->lines++;
		say(d, "error: locked by another user\r\n");
		prompt(d);
		return;
	}
	obey(d, d->typed);
	if (d->lines++ == d->wrong_at && d->deed != AS_IT_SHOULD)
		misbehave(d);
	else
		prompt(d);
}

static void
take_bytes(struct dev *d)
{
	struct buf *sent = cli_send(d->cli);

	while (sent->len > 0 && !d->closed) {
		char c = (char)*buf_head(sent);

		buf_consume(sent, 1);
		if (c == '\x03') {
			d->stuck = false;
			d->typed_size = 0;
			say(d, "\r\n");
			prompt(d);
		} else if (c == '\n' || c == '\r') {
			take_line(d);
		} else if (d->typed_size < sizeof(d->typed) - 1) {
			d->typed[d->typed_size++] = c;
		}
	}
	buf_consume(sent, sent->len);
}

/* Until this event, or the end of the shell. */
static struct cli_event
drive(struct dev *d, enum cli_event_kind until, const char *what)
{
	double from = d->now;
	struct cli_event event;

	for (;;) {
		while (cli_next_event(d->cli, &event)) {
			if (event.kind == until || event.kind == CLI_EVENT_DEAD)
				return event;
		}
		take_bytes(d);
		if (d->out.len > 0) {
			size_t n = d->out.len < d->piece ? d->out.len : d->piece;

			n = cli_feed(d->cli, buf_head(&d->out), n, d->now);

			buf_consume(&d->out, n);
			buf_consume(cli_output(d->cli), cli_output(d->cli)->len);
			cli_drained(d->cli, d->now);
			continue;
		}
		if (d->closed && cli_state(d->cli) != CLI_CLOSED) {
			cli_closed(d->cli, NULL, d->now);
			continue;
		}
		d->now = cli_wake_at(d->cli) > d->now ? cli_wake_at(d->cli) : d->now + 1;
		if (d->now - from > ENDS_WITHIN)
			fail_msg(
			    "%s, line %d %s: %s does not end", d->kind->platform, d->wrong_at, deeds[d->deed], what);
		cli_tick(d->cli, d->now);
	}
}

/* What is claimed is so; and of a device that does as it should, all is claimed. */
static void
check_claims(const struct dev *d, const struct platform_config *c, const struct cli_result *r)
{
	bool saved = d->saved || (c->saves_itself && d->committed);

	if ((r->committed && !d->committed) || (r->aborted && d->committed) || (r->saved && !saved))
		fail_msg("%s, line %d %s: called %s", d->kind->platform, d->wrong_at, deeds[d->deed],
		    r->aborted           ? "thrown away"
		    : !r->saved || saved ? "committed"
					 : "saved");
	if (d->deed == AS_IT_SHOULD &&
	    (r->err.reason != REASON_NONE || r->committed != c->candidate || r->live == c->candidate || !r->saved))
		fail_msg("%s does as it should:%s%s%s %s", d->kind->platform, r->committed ? " committed" : "",
		    r->live ? " live" : "", r->saved ? " saved" : "", r->err.text);
}

static void
run_one(struct platforms *set, const struct kind *kind, int wrong_at, enum deed deed, size_t piece)
{
	struct dev d = {.kind = kind, .now = 1000, .name = "R1", .wrong_at = -1, .deed = deed, .piece = piece};
	struct cli_options options = {.platform = platforms_find(set, kind->platform), .name = "dev", .seed = 7};
	static const char lines[] = "set a\nset b\n";
	struct cli_command config = {.text = lines, .size = sizeof(lines) - 1, .limits = {60, 60, 0}, .save = true};
	struct cli_event end;
	struct np_error err;

	buf_init(&d.out, 1 << 20);
	d.cli = cli_create(&options, d.now);
	prompt(&d);
	assert_int_equal(drive(&d, CLI_EVENT_READY, "the login").kind, CLI_EVENT_READY);
	d.lines = 0;
	d.committed = false;
	d.wrong_at = wrong_at;
	assert_int_equal(cli_configure(d.cli, &config, d.now, &err), 0);
	end = drive(&d, CLI_EVENT_RESULT, "the configuration");
	if (deed == CLOSES && d.closed && end.result.err.reason == REASON_NONE)
		fail_msg("%s, line %d closes: no reason", kind->platform, wrong_at);
	check_claims(&d, &options.platform->config, &end.result);
	if (cli_state(d.cli) != CLI_CLOSED && cli_reset(d.cli, d.now, &err) == 0)
		drive(&d, CLI_EVENT_READY, "the way back");
	/* A shell that is given up is closed, and the device leaves configuration mode by itself. */
	if (cli_state(d.cli) != CLI_CLOSED && d.in_config)
		fail_msg("%s, line %d %s: left in configuration mode", kind->platform, wrong_at, deeds[deed]);
	cli_destroy(d.cli);
	buf_free(&d.out);
}

static void
test_a_device_that_misbehaves_in_any_step_is_not_left_in_configuration_mode(void **state)
{
	struct platforms *set = platdir_load();
	(void)state;

	for (size_t k = 0; k < NP_COUNT(kinds); k++) {
		for (int at = 0; at < STEPS_MAX; at++) {
			for (int deed = AS_IT_SHOULD; deed < DEEDS; deed++) {
				run_one(set, &kinds[k], at, (enum deed)deed, SIZE_MAX);
				run_one(set, &kinds[k], at, (enum deed)deed, 3);
			}
		}
	}
	platforms_destroy(set);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_device_that_misbehaves_in_any_step_is_not_left_in_configuration_mode),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
