/* The workers of the soak, and what all of their rounds need: see soak.h. */
#include "tool/soak.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "kit/slow.h"

/* Reasons by which a command has not been sent, so that it cannot have run; after any other one it may have. */
static const char *const never_sent[] = {"unknown_device", "resolve_failed", "connect_failed", "connect_timeout",
    "jump_failed", "host_key_unknown", "host_key_changed", "auth_failed", "auth_backoff", "backoff",
    "credential_failed", "channel_refused", "exec_refused", "prompt_not_found", "privilege_failed", "queue_timeout",
    "queue_full", "not_run", "denied", "paused", "disabled", "shutting_down", "broker_unavailable", "descriptors",
    NULL};

/*
 * Reasons that no fault of the soak explains.  auth_failed is none: a password that was offered and not judged, as the
 * connection broke, counts as refused, and bars its account until the soak lifts that.
 */
static const char *const never_right[] = {"none", "parse_error", "invalid_request", "unknown_method", "invalid_params",
    "internal", "host_key_changed", "waiting_for_input", "output_limit", NULL};

unsigned
soak_random(struct soak *s, unsigned n)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (unsigned)((s->random >> 16) % n);
}

const struct soak_device *
soak_pick(struct soak *s, unsigned types)
{
	size_t first = soak_random(s, (unsigned)s->devices_count);
	for (size_t i = 0; i < s->devices_count; i++) {
		const struct soak_device *d = &s->devices[(first + i) % s->devices_count];
		if (types & 1u << d->type)
			return d;
	}
	return NULL;
}

static bool
is_among(const char *const *words, const char *word)
{
	while (*words != NULL && strcmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

const char *
soak_reason(const char *reason, const char *message)
{
	bool wanting = strcmp(reason, "internal") == 0 && strstr(message, "Too many open files") != NULL;
	return wanting ? "descriptors" : reason;
}

enum soak_verdict
soak_judge_reason(const char *reason)
{
	return is_among(never_sent, reason) ? SOAK_NEVER : SOAK_MAYBE;
}

static void
say_now(char *text, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;
	localtime_r(&now, &tm);
	strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
}

void
soak_complain(struct soak *s, const char *token, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = xvasprintf(fmt, ap);
	va_end(ap);
	char ended[sizeof(s->began)];
	say_now(ended, sizeof(ended));
	char *line = xasprintf("%s %s %s %s\n", token, s->began, ended, text);
	if (write(s->complaints, line, strlen(line)) < 0)
		perror("soak: complaints");
	free(line);
	free(text);
}

/* ---- commands ---- */

void
soak_command_init(struct soak *s, struct soak_command *c, int index)
{
	memset(c, 0, sizeof(*c));
	snprintf(
	    c->token, sizeof(c->token), "T%02u%06u%02u", s->worker % 100, s->serial % 1000000, (unsigned)index % 100);
	buf_init(&c->expect, SOAK_OUT_MAX);
	buf_init(&c->out, SOAK_OUT_MAX);
	buf_init(&c->err, SOAK_OUT_MAX);
	c->verdict = SOAK_MAYBE;
}

void
soak_command_free(struct soak_command *c)
{
	buf_free(&c->expect);
	buf_free(&c->out);
	buf_free(&c->err);
}

void
soak_expect_lines(struct soak_command *c, unsigned lines)
{
	for (unsigned i = 1; i <= lines; i++)
		if (buf_printf(&c->expect, "%s %u\n", c->token, i) < 0)
			abort();
}

char *
soak_shell_lines(const struct soak_command *c, unsigned lines)
{
	return xasprintf("echo %s >>~/ran; seq -f '%s %%.0f' %u", c->token, c->token, lines);
}

/* The first token in the text that belongs to another request, or NULL. */
static const char *
foreign_token(const struct buf *b, const char *token)
{
	const char *p = (const char *)buf_head(b), *end = p + b->len;
	for (; p + SOAK_TOKEN_SIZE - 1 <= end; p++)
		if (*p == 'T' && memcmp(p, token, SOAK_REQUEST_CHARS) != 0) {
			int digits = 1;
			while (digits < SOAK_TOKEN_SIZE - 1 && p[digits] >= '0' && p[digits] <= '9')
				digits++;
			if (digits == SOAK_TOKEN_SIZE - 1)
				return p;
		}
	return NULL;
}

/* How many bytes of the output are what they should be. */
static size_t
right_bytes(const struct soak_command *c)
{
	const uint8_t *out = buf_head(&c->out), *expect = buf_head(&c->expect);
	size_t i = 0;
	while (i < c->out.len && (i < c->expect.len || (c->periodic && c->expect.len > 0)) &&
	       out[i] == expect[i % c->expect.len])
		i++;
	return i;
}

static void
check_output(struct soak *s, struct soak_command *c, const char *device, const char *kind)
{
	size_t right = right_bytes(c);
	const char *foreign = foreign_token(&c->out, c->token);
	if (foreign == NULL)
		foreign = foreign_token(&c->err, c->token);
	if (foreign != NULL)
		soak_complain(s, c->token, "%s %s: the token %.*s of another in its output", device, kind,
		    SOAK_TOKEN_SIZE - 1, foreign);
	bool tail = c->prompted && right == c->expect.len && c->out.len > right + 2 &&
		    memcmp(buf_head(&c->out) + right, "R1", 2) == 0;
	if ((right < c->out.len && !tail) || (c->verdict == SOAK_ONCE && !c->periodic && right < c->expect.len)) {
		size_t n = c->out.len - right;
		char *vis = text_vis(buf_head(&c->out) + right, n < 100 ? n : 100, false);
		soak_complain(s, c->token, "%s %s (%s): %zu bytes of output, %zu expected, right are %zu, then: %s",
		    device, kind, c->reason, c->out.len, c->expect.len, right, vis);
		free(vis);
	}
	if (c->verdict == SOAK_NEVER && c->out.len > 0)
		soak_complain(s, c->token, "%s %s: output, and %s", device, kind, c->reason);
}

void
soak_command_end(struct soak *s, struct soak_command *c, const char *device, const char *kind)
{
	static const char *const names[] = {"once", "maybe", "never"};
	if (is_among(never_right, c->reason))
		soak_complain(s, c->token, "%s %s: %s", device, kind, c->reason);
	check_output(s, c, device, kind);
	char ended[sizeof(s->began)];
	say_now(ended, sizeof(ended));
	char *line =
	    xasprintf("%s %s %s %s %s %s %s\n", device, c->token, names[c->verdict], kind, c->reason, s->began, ended);
	if (write(s->journal, line, strlen(line)) < 0)
		perror("soak: journal");
	free(line);
}

/* ---- workers ---- */

static void
work(struct soak *s, uint64_t seed, unsigned worker)
{
	s->worker = worker;
	s->random = (seed * 100 + worker + 1) * 0x9e3779b97f4a7c15u;
	for (int i = 0; i < 8; i++)
		soak_random(s, 2);
	while (clock_now() < s->end) {
		s->serial++;
		say_now(s->began, sizeof(s->began));
		if (soak_random(s, 3) > 0)
			soak_ask_round(s);
		else
			soak_process_round(s);
	}
}

static int
open_log(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	free(path);
	return fd;
}

static bool
add_device(struct soak *s, char *spec)
{
	static const char *const types[] = {"sshd", "unix", "cli", "dead"};
	char *colon = strchr(spec, ':');
	if (colon == NULL || s->devices_count == SOAK_DEVICES)
		return false;
	*colon = '\0';
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i], colon + 1) == 0) {
			s->devices[s->devices_count++] = (struct soak_device){spec, (enum soak_type)i};
			return true;
		}
	return false;
}

static int
usage(void)
{
	fprintf(stderr, "usage: soak work DIR SEED WORKERS SECONDS ECHO_PORT NAME:TYPE...\n"
			"       soak serve PORTS_FILE ECHOED_FILE\n");
	return 2;
}

int
main(int argc, char **argv)
{
	struct soak s = {.limit = slow(120)};
	signal(SIGPIPE, SIG_IGN);
	if (argc == 4 && strcmp(argv[1], "serve") == 0)
		soak_serve(argv[2], argv[3]);
	if (argc < 8 || strcmp(argv[1], "work") != 0)
		return usage();
	for (int i = 7; i < argc; i++)
		if (!add_device(&s, argv[i]))
			return usage();
	s.dir = argv[2];
	s.end = clock_now() + strtod(argv[5], NULL);
	s.echo_port = atoi(argv[6]);
	s.journal = open_log(s.dir, "journal");
	s.complaints = open_log(s.dir, "complaints");
	int workers = atoi(argv[4]), status, failed = 0;
	for (int i = 0; i < workers; i++)
		if (fork() == 0) {
			work(&s, strtoull(argv[3], NULL, 10), (unsigned)i);
			exit(0);
		}
	for (int left = workers; left > 0;)
		if (wait(&status) > 0) {
			failed += status != 0;
			left--;
		} else if (errno != EINTR)
			return 1;
	return failed > 0;
}
