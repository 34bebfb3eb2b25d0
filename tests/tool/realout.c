/*
 * Plays outputs of real devices through the cli driver, and compares what comes out byte for byte:
 *
 *   realout DIR      DIR/PLATFORM/COMMAND/NAME.raw, as networktocode/ntc-templates keeps them
 *
 * The device is in here: it repeats what is typed, sends the file with CRLF and its prompt, at six paces (whole, by
 * byte, by 7 bytes, by line with pauses, and twice cut anywhere).  A seventh run is the fuzzer of cuts: the device's
 * own prompt stands in front of a line of the output, inside one, and after one, and nothing may be lost.  Time is
 * invented.
 *
 * One TAP line a platform; what differs is listed as comments.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "cli/cli.h"
#include "kit/platdir.h"
#include "platform/platform.h"

#define FILE_MAX (4u << 20)
#define NONCE_SIZE 11   /* np-01234567 */
#define LINE_PAUSE 0.05 /* seconds */
#define CUT_PAUSE 0.02
#define PROMPT_PAUSE 3.0
#define PROMPTS_INSIDE 6 /* in one output */
#define SHOWN_MAX 20     /* differences that are listed for a platform */

/* Lines before the prompt, each with its CRLF, and the prompt. */
struct device {
	const char *folder;   /* of the collection */
	const char *platform; /* ours */
	const char *prompt;
	size_t refusals; /* files that are a device's error */
};

static const struct device devices[] = {
    {"alcatel_sros", "nokia_sros", "\r\n[]\r\nA:admin@sr1# ", 0},
    {"alcatel_sros", "nokia_sros", "A:sr1# ", 0},
    {"arista_eos", "arista_eos", "leaf1#", 0},
    {"aruba_aoscx", "hpe_aruba_aoscx", "cx1#", 0},
    {"cisco_asa", "cisco_asa", "asa1#", 0},
    {"cisco_ios", "cisco_ios", "core-1.example.net#", 0},
    {"cisco_nxos", "cisco_nxos", "N9K#", 1},
    {"cisco_xr", "cisco_iosxr", "RP/0/RP0/CPU0:xr1#", 0},
    {"extreme_exos", "extreme_exos", "sw1.17 # ", 0},
    {"fortinet", "fortinet_fortios", "FGT-1 # ", 0},
    {"hp_comware", "hp_comware", "<SW1>", 0},
    {"huawei_smartax", "huawei_vrp", "<SW1>", 0},
    {"huawei_vrp", "huawei_vrp", "<SW1>", 0},
    {"juniper_junos", "juniper_junos", "\r\nops@mx1> ", 0},
    {"juniper_junos", "juniper_junos", "ops@mx1> ", 0},
    {"linux", "linux", "ops@srv1:~$ ", 0},
    {"mikrotik_routeros", "mikrotik_routeros", "[admin@MikroTik] > ", 2},
    {"paloalto_panos", "paloalto_panos", "admin@PA-1> ", 0},
    {"vyatta_vyos", "vyos", "vyos@r1:~$ ", 0},
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum pace { WHOLE, BYTES, SEVENS, LINES, CUT_A, CUT_B, PROVEN, PACES };

static const char *const pace_names[PACES] = {
    "whole", "by byte", "by 7 bytes", "by line", "cut a", "cut b", "prompts inside, proven"};

struct shell {
	const struct device *device;
	struct cli *cli;
	double now;
	enum pace pace;
	uint32_t random;
	struct buf out;
	struct cli_result result;
	bool ended;
	const struct platform *platform;
	bool says; /* the sentinel, as `echo NONCE'':$?' does */
};

struct tally {
	size_t files, exact, differ, contexts, recorded, refused;
};

static uint32_t
draw(struct shell *s, uint32_t below)
{
	s->random = s->random * 1664525u + 1013904223u;
	return (s->random >> 8) % below;
}

static void
take(struct shell *s)
{
	struct buf *out = cli_output(s->cli);
	struct cli_event event;

	if (buf_append(&s->out, buf_head(out), out->len) < 0)
		abort();
	buf_consume(out, out->len);
	while (cli_next_event(s->cli, &event))
		if (event.kind == CLI_EVENT_RESULT) {
			s->result = event.result;
			s->ended = true;
		}
}

/* Time passes, with the driver's own moments in it. */
static void
wait_for(struct shell *s, double seconds)
{
	double until = s->now + seconds, at;

	while ((at = cli_wake_at(s->cli)) > 0 && at <= until && !(s->ended && seconds > 1)) {
		s->now = at > s->now ? at : s->now + 0.001;
		cli_tick(s->cli, s->now);
		take(s);
	}
	s->now = until;
}

static void
feed(struct shell *s, const char *p, size_t n)
{
	while (n > 0) {
		size_t taken = cli_feed(s->cli, p, n, s->now);

		p += taken;
		n -= taken;
		take(s);
	}
}

/* The last line of the prompt. */
static const char *
prompt_line(const struct shell *s)
{
	const char *end = strrchr(s->device->prompt, '\n');

	return end != NULL ? end + 1 : s->device->prompt;
}

/* Up to and with the next prompt. */
static size_t
to_prompt(const struct shell *s, const char *p, size_t n)
{
	const char *prompt = prompt_line(s), *found = memmem(p, n, prompt, strlen(prompt));

	return found != NULL ? (size_t)(found - p) + strlen(prompt) : n;
}

static size_t
piece(struct shell *s, const char *p, size_t n)
{
	const char *end = memchr(p, '\n', n);
	size_t size = n;

	switch (s->pace) {
	case BYTES:
		size = 1;
		break;
	case SEVENS:
		size = 7;
		break;
	case LINES:
		size = end != NULL ? (size_t)(end - p) + 1 : n;
		break;
	case CUT_A:
		size = 1 + draw(s, 64);
		break;
	case CUT_B:
		size = 1 + draw(s, 1500);
		break;
	case PROVEN:
		size = to_prompt(s, p, n);
		break;
	case WHOLE:
	case PACES:
		break;
	}
	return size < n ? size : n;
}

static double
pause_of(struct shell *s)
{
	switch (s->pace) {
	case LINES:
		return LINE_PAUSE;
	case CUT_A:
	case CUT_B:
		return (double)draw(s, 1000) / 1000.0 * CUT_PAUSE;
	case PROVEN:
		return draw(s, 2) == 0 ? 0.0001 : (double)draw(s, 1000) / 1000.0 * PROMPT_PAUSE;
	default:
		return 0.0001;
	}
}

static void
play(struct shell *s, const char *p, size_t n)
{
	while (n > 0) {
		size_t size = piece(s, p, n);

		feed(s, p, size);
		cli_drained(s->cli, s->now);
		take(s);
		p += size;
		n -= size;
		if (n > 0)
			wait_for(s, pause_of(s));
	}
}

/* Each line that was typed comes back; text and prompt follow. */
static void
answer(struct shell *s, const char *text, size_t size)
{
	struct buf reply, *sent = cli_send(s->cli);
	const char *typed = (const char *)buf_head(sent);
	size_t n = 0;

	const char *nonce = NULL;

	buf_init(&reply, 2 * FILE_MAX);
	while (n < sent->len && typed[n] != '\n' && typed[n] != '\r')
		n++;
	if (s->says && n > NONCE_SIZE)
		nonce = memmem(typed, n, "np-", 3);
	if (buf_append(&reply, typed, n) < 0 || buf_append(&reply, "\r\n", 2) < 0 ||
	    (nonce != NULL && buf_printf(&reply, "%.*s:0\r\n", NONCE_SIZE, nonce) < 0) ||
	    buf_append(&reply, text, size) < 0 || buf_append(&reply, s->device->prompt, strlen(s->device->prompt)) < 0)
		abort();
	for (n = n < sent->len ? n + 1 : n; n < sent->len && typed[n] == '\n';)
		n++;
	buf_consume(sent, n);
	play(s, (const char *)buf_head(&reply), reply.len);
	buf_free(&reply);
}

static void
login(struct shell *s, struct platforms *set)
{
	struct cli_options options = {.platform = platforms_find(set, s->device->platform), .name = "real"};

	if (options.platform == NULL)
		abort();
	s->platform = options.platform;
	s->says = options.platform->sentinel_says != NULL;
	s->now = 1000;
	s->cli = cli_create(&options, s->now);
	feed(s, s->device->prompt, strlen(s->device->prompt));
	cli_drained(s->cli, s->now);
	for (int i = 0; cli_state(s->cli) != CLI_IDLE && i < 200; i++) {
		take(s);
		if (cli_send(s->cli)->len > 0)
			answer(s, "", 0);
		else
			wait_for(s, 0.1);
	}
	take(s);
}

/* Runs one command that the device answers with text (CRLF); false: it did not end. */
static bool
run(struct shell *s, const char *command, const char *text, size_t size)
{
	struct cli_command c = {
	    .text = command, .size = strlen(command), .limits = {60, 60, 0}, .prove = s->pace == PROVEN};
	struct np_error err;

	buf_consume(&s->out, s->out.len);
	s->ended = false;
	if (cli_run(s->cli, &c, s->now, &err) < 0) {
		printf("# %s: %s\n", command, err.text);
		return false;
	}
	answer(s, text, size);
	for (int i = 0; !s->ended && i < 300; i++) {
		/* What was typed ahead is read, and repeated, at the prompt. */
		if (cli_send(s->cli)->len > 0)
			answer(s, "", 0);
		else
			wait_for(s, 0.1);
	}
	return s->ended && s->result.err.reason == REASON_NONE;
}

static char *
read_file(const char *path, size_t *size)
{
	char *text = xmalloc(FILE_MAX);
	FILE *f = fopen(path, "rb");

	if (f == NULL) {
		perror(path);
		exit(2);
	}
	*size = fread(text, 1, FILE_MAX, f);
	fclose(f);
	return text;
}

/* As it is compared: lines with LF, the last one too. */
static void
plain(const char *text, size_t size, struct buf *out)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] != '\r' || i + 1 == size || text[i + 1] != '\n')
			if (buf_append(out, &text[i], 1) < 0)
				abort();
	if (out->len > 0 && buf_head(out)[out->len - 1] != '\n' && buf_append(out, "\n", 1) < 0)
		abort();
}

/* The device's prompt between some of the lines: alone, before text, within and behind it. */
static void
add_prompts(struct shell *s, const char *text, size_t size, struct buf *out)
{
	static const char *const before[] = {"", "", "here ", "and behind: "}, *const behind[] = {
										   "", "show inside", " is", ""};
	const char *end = text + size;
	uint32_t lines = 1, every;

	for (const char *p = text; p < end; p++)
		lines += *p == '\n';
	every = lines / PROMPTS_INSIDE + 1;
	for (const char *p = text, *line; p < end; p = line) {
		line = memchr(p, '\n', (size_t)(end - p));
		line = line != NULL ? line + 1 : end;
		if (p > text && draw(s, every) == 0) {
			uint32_t shape = draw(s, ARRAY_SIZE(before));

			/* A prompt, a log message and the prompt are what a log message at the prompt looks like. */
			if (behind[shape][0] == '\0' &&
			    pattern_list_matches(&s->platform->async, p, (size_t)(line - p)))
				shape = 1;

			if (buf_printf(out, "%s%s%s\n", before[shape], prompt_line(s), behind[shape]) < 0)
				abort();
		}
		if (buf_append(out, p, (size_t)(line - p)) < 0)
			abort();
	}
}

static void
wired(const struct buf *plain_text, struct buf *out)
{
	const uint8_t *p = buf_head(plain_text);

	for (size_t i = 0; i < plain_text->len; i++)
		if ((p[i] == '\n' && buf_append(out, "\r", 1) < 0) || buf_append(out, &p[i], 1) < 0)
			abort();
}

/*
 * The collection's own prompt was recorded with the line above it, `{master:0}': the driver rightly takes it for a part
 * of the prompt, and with it the one blank line that stands before both.  Where that line begins; the size when there
 * is none.
 */
static size_t
context_at(const struct buf *text)
{
	const uint8_t *p = buf_head(text);
	size_t end = text->len, at;

	while (end > 0 && (p[end - 1] == '\n' || p[end - 1] == ' '))
		end--;
	for (at = end; at > 0 && p[at - 1] != '\n';)
		at--;
	return at < end && p[at] == '{' && p[end - 1] == '}' ? at : text->len;
}

static bool
is_without_context(const struct shell *s, const struct buf *expected)
{
	size_t at = context_at(expected), n = s->out.len;
	const uint8_t *p = buf_head(expected);

	return at < expected->len && (n == at || (n + 1 == at && n > 0 && p[n - 1] == '\n' && p[n] == '\n')) &&
	       memcmp(buf_head(&s->out), p, n) == 0;
}

static size_t
first_difference(const struct buf *a, const struct buf *b)
{
	size_t n = 0;

	while (n < a->len && n < b->len && buf_head(a)[n] == buf_head(b)[n])
		n++;
	return n;
}

static void
play_file(struct shell *s, const char *path, const char *command, struct tally *t)
{
	struct buf mixed, expected, wire;
	size_t size;
	char *text = read_file(path, &size);
	bool same;

	buf_init(&expected, FILE_MAX + 1);
	buf_init(&wire, 2 * FILE_MAX);
	buf_init(&mixed, FILE_MAX);
	if (s->pace == PROVEN) {
		add_prompts(s, text, size, &mixed);
		plain((const char *)buf_head(&mixed), mixed.len, &expected);
	} else {
		plain(text, size, &expected);
	}
	wired(&expected, &wire);
	t->files++;
	t->recorded += strcmp(s->device->platform, "juniper_junos") == 0 && context_at(&expected) < expected.len;
	if (!run(s, command, (const char *)buf_head(&wire), wire.len)) {
		printf("# %s, %s: no end, %s\n", path, pace_names[s->pace], s->result.err.text);
		t->differ++;
	} else {
		same = s->out.len == expected.len && memcmp(buf_head(&s->out), buf_head(&expected), s->out.len) == 0;
		if (s->result.device_error) {
			t->refused++;
			printf("# %s, %s: error: %s\n", path, pace_names[s->pace], s->result.error_line);
		}
		if (same)
			t->exact++;
		else if (is_without_context(s, &expected))
			t->contexts++;
		else if (t->differ++ < SHOWN_MAX)
			printf("# %s, %s: %zu bytes in place of %zu, different at %zu\n", path, pace_names[s->pace],
			    s->out.len, expected.len, first_difference(&s->out, &expected));
	}
	buf_free(&mixed);
	buf_free(&expected);
	buf_free(&wire);
	free(text);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
is_shown(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void
play_folder(struct shell *s, const char *dir, const char *command, struct tally *t)
{
	struct dirent **list;
	int n = scandir(dir, &list, is_shown, by_name);

	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", dir, list[i]->d_name);
		size_t size = strlen(path);

		if (size > 4 && strcmp(path + size - 4, ".raw") == 0)
			play_file(s, path, command, t);
		free(path);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static bool
play_device(const struct device *d, const char *root, struct platforms *set, enum pace pace, struct tally *t)
{
	struct shell s = {.device = d, .pace = pace, .random = 1 + pace};
	char *dir = xasprintf("%s/%s", root, d->folder);
	struct dirent **list;
	int n = scandir(dir, &list, is_shown, by_name);

	buf_init(&s.out, 2 * FILE_MAX);
	login(&s, set);
	for (int i = 0; i < n; i++) {
		char *folder = xasprintf("%s/%s", dir, list[i]->d_name);

		for (char *p = list[i]->d_name; *p != '\0'; p++)
			if (*p == '_')
				*p = ' ';
		if (cli_state(s.cli) != CLI_IDLE) {
			cli_destroy(s.cli);
			login(&s, set);
		}
		play_folder(&s, folder, list[i]->d_name, t);
		free(folder);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	free(dir);
	cli_destroy(s.cli);
	buf_free(&s.out);
	return n > 0;
}

int
main(int argc, char **argv)
{
	struct platforms *set;
	int failed = 0;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: realout DIR [FOLDER]\n");
		return 2;
	}
	set = platdir_load();
	printf("1..%zu\n", argc == 3 ? (size_t)PACES : ARRAY_SIZE(devices) * PACES);
	for (size_t i = 0, n = 1; i < ARRAY_SIZE(devices); i++) {
		if (argc == 3 && strcmp(devices[i].folder, argv[2]) != 0)
			continue;
		for (int pace = 0; pace < PACES; pace++) {
			struct tally t = {0};
			bool proves = platforms_find(set, devices[i].platform)->sentinel != NULL;
			bool ok;

			if (pace == PROVEN && !proves) {
				printf("ok %zu - %s, %s # SKIP the platform has no comments\n", n++, devices[i].folder,
				    pace_names[pace]);
				continue;
			}
			ok = play_device(&devices[i], argv[1], set, pace, &t) && t.differ == 0 &&
			     t.contexts == t.recorded && t.refused == devices[i].refusals;

			printf(
			    "%s %zu - %s, %s: %zu files, %zu exact, %zu but a context line, %zu differ, %zu refused\n",
			    ok ? "ok" : "not ok", n++, devices[i].folder, pace_names[pace], t.files, t.exact,
			    t.contexts, t.differ, t.refused);
			fflush(stdout);
			failed += !ok;
		}
	}
	platforms_destroy(set);
	return failed > 0;
}
