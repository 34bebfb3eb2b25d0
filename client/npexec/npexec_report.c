/* Results made into exit statuses, lines and JSON.  No state; nothing is printed here. */
#include "npexec/npexec_report.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/message.h"
#include "lib/npjson.h"
#include "base/text.h"
#include "base/xalloc.h"

/* RFC 4254 section 6.10, and what servers send beside it. */
static const struct {
	const char *name;
	int number;
} signals[] = {{"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"FPE", SIGFPE}, {"HUP", SIGHUP}, {"ILL", SIGILL}, {"INT", SIGINT},
    {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV}, {"TERM", SIGTERM}, {"USR1", SIGUSR1},
    {"USR2", SIGUSR2}, {"BUS", SIGBUS}, {"SYS", SIGSYS}, {"TRAP", SIGTRAP}, {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}};

int
npexec_signal_number(const char *name)
{
	size_t n = strcspn(name, "@"); /* "BUS@openssh.com" */

	for (size_t i = 0; i < NP_COUNT(signals); i++)
		if (strlen(signals[i].name) == n && strncmp(signals[i].name, name, n) == 0)
			return signals[i].number;
	return 0;
}

int
npexec_status_of_reason(enum np_reason reason)
{
	if (reason == REASON_COMMAND_TIMEOUT || reason == REASON_FIRST_BYTE_TIMEOUT || reason == REASON_IDLE_TIMEOUT)
		return NPEXEC_STATUS_TIMEOUT;
	if (reason == REASON_CONFIG_REJECTED)
		return NPEXEC_STATUS_DEVICE_ERROR;
	return NPEXEC_STATUS_FAILED;
}

static int
status_of_signal(const char *name, struct np_error *err)
{
	int number = npexec_signal_number(name);
	char shown[64];

	if (number != 0)
		return NPEXEC_STATUS_SIGNAL + number;
	error_set(err, REASON_OUTCOME_UNKNOWN, "the command died of signal %s, which has no number here",
	    text_vis_into(shown, sizeof(shown), name));
	return NPEXEC_STATUS_FAILED;
}

int
npexec_status(const cJSON *result, struct np_error *err)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(result, "error");
	const char *sig = npjson_string(result, "exit_signal");
	double status = npjson_number(result, "exit_status", -1);

	error_clear(err);
	if (cJSON_IsObject(error)) {
		message_error_read(error, err);
		return npexec_status_of_reason(err->reason);
	}
	if (npjson_string(result, "device_error") != NULL)
		return NPEXEC_STATUS_DEVICE_ERROR;
	if (sig != NULL)
		return status_of_signal(sig, err);
	if (status >= 0)
		return status > 255 ? 255 : (int)status;
	error_set(err, REASON_OUTCOME_UNKNOWN, "the channel was closed without an exit status");
	return NPEXEC_STATUS_FAILED;
}

/* ---- for people ---- */

char *
npexec_error_line(const char *device, const struct np_error *err)
{
	char shown[256];

	return xasprintf(
	    "%s: %s: %s", text_vis_into(shown, sizeof(shown), device), reason_name(err->reason), err->text);
}

char *
npexec_status_line(const cJSON *result, const char *command)
{
	const char *words = npjson_string(result, "device_error"), *sig = npjson_string(result, "exit_signal");
	struct np_error err;
	int status = npexec_status(result, &err);
	char what[320], shown[128];

	if (status == 0 || err.reason != REASON_NONE)
		return NULL;
	if (words != NULL)
		snprintf(what, sizeof(what), "%s", words);
	else if (sig != NULL)
		snprintf(what, sizeof(what), "died of signal %s", sig);
	else
		snprintf(what, sizeof(what), "exit status %d", status);
	if (command == NULL)
		return xstrdup(what);
	return xasprintf("'%s': %s", text_vis_into(shown, sizeof(shown), command), what);
}

static size_t
put_ms(char *out, size_t size, const cJSON *result, const char *member, const char *label)
{
	double ms = npjson_number(result, member, -1);

	return ms >= 0 && ms < 1e15 ? (size_t)snprintf(out, size, ", %s %.0f ms", label, ms) : 0;
}

char *
npexec_timing_line(const cJSON *result)
{
	double session = npjson_number(result, "session", -1);
	char line[512] = "no session";
	size_t n = strlen(line);

	if (session >= 0)
		n = (size_t)snprintf(
		    line, sizeof(line), "session #%.0f %s", session, npjson_true(result, "reused") ? "reused" : "new");
	n += put_ms(line + n, sizeof(line) - n, result, "queue_ms", "queued");
	n += put_ms(line + n, sizeof(line) - n, result, "connect_ms", "connecting");
	put_ms(line + n, sizeof(line) - n, result, "duration_ms", "running");
	return xstrdup(line);
}

/* ---- for programs ---- */

/* A line that grows until it does not fit any more. */
struct line {
	struct buf *b;
	bool full;
};

static void
add(struct line *l, const void *p, size_t n)
{
	l->full = l->full || buf_append(l->b, p, n) == -1;
}

static void
add_text(struct line *l, const char *text)
{
	add(l, text, strlen(text));
}

/* What would move the cursor of a terminal, or turn the text around (text_harmful()), by its number. */
static void
add_escaped(struct line *l, uint32_t c)
{
	static const char plain[] = "\"\\\n\r\t", letters[] = "\"\\nrt";
	const char *known = c > 0 && c < 0x80 ? strchr(plain, (int)c) : NULL;
	char text[8] = {'\\', known != NULL ? letters[known - plain] : 'u'};

	if (known == NULL)
		snprintf(text + 2, sizeof(text) - 2, "%04x", (unsigned)c & 0xffff);
	add_text(l, text);
}

/* The bytes of the character at p that does not stand in a JSON string as it is; 0: it does. */
static size_t
to_escape(const uint8_t *p, size_t n, uint32_t *cp)
{
	*cp = *p;
	if (*p < 0x20 || *p == '"' || *p == '\\')
		return 1;
	return *p < 0x7f ? 0 : text_harmful(p, n, cp);
}

/* Not by cJSON: its strings end at a NUL byte, and it would need three copies of a large output. */
static void
add_string(struct line *l, const uint8_t *p, size_t n)
{
	size_t plain = 0, i = 0, used;
	uint32_t cp;

	add_text(l, "\"");
	while (i < n) {
		used = to_escape(p + i, n - i, &cp);
		if (used == 0) {
			i++;
			continue;
		}
		add(l, p + plain, i - plain);
		add_escaped(l, cp);
		i += used;
		plain = i;
	}
	add(l, p + plain, n - plain);
	add_text(l, "\"");
}

/* "name":"..." where it is UTF-8, else "name_base64":"...", and what stands between members. */
static void
add_bytes(struct line *l, const char *name, const void *p, size_t n)
{
	char *base64 = text_is_utf8(p, n) ? NULL : text_base64(p, n);

	add_text(l, "\"");
	add_text(l, name);
	add_text(l, base64 != NULL ? "_base64\":" : "\":");
	if (base64 != NULL)
		add_string(l, (const uint8_t *)base64, strlen(base64));
	else
		add_string(l, p, n);
	add_text(l, ",");
	free(base64);
}

static void
add_members(struct line *l, const cJSON *result)
{
	const cJSON *member;

	cJSON_ArrayForEach (member, result) {
		if (strcmp(member->string, "id") == 0)
			continue;
		char *value = message_print(member);
		add_string(l, (const uint8_t *)member->string, strlen(member->string));
		add_text(l, ":");
		add_text(l, value);
		add_text(l, ",");
		free(value);
	}
}

int
npexec_json_line(struct buf *b, const char *device, const char *command, size_t command_size, const cJSON *result,
    const struct buf *output)
{
	struct line l = {.b = b};

	add_text(&l, "{");
	if (device != NULL && cJSON_GetObjectItemCaseSensitive(result, "device") == NULL)
		add_bytes(&l, "device", device, strlen(device));
	if (command != NULL)
		add_bytes(&l, "command", command, command_size);
	add_members(&l, result);
	if (output != NULL) {
		add_bytes(&l, "stdout", buf_head(&output[0]), output[0].len);
		add_bytes(&l, "stderr", buf_head(&output[1]), output[1].len);
	}
	if (!l.full && buf_head(b)[b->len - 1] == ',')
		b->len--;
	add_text(&l, "}\n");
	return l.full ? -1 : 0;
}
