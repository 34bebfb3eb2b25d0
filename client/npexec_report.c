/* Results made into exit statuses, lines and JSON.  No state; nothing is printed here. */
#include "npexec_report.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "text.h"
#include "xalloc.h"

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
	const cJSON *sig = cJSON_GetObjectItemCaseSensitive(result, "exit_signal");
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(result, "exit_status");

	error_clear(err);
	if (cJSON_IsObject(error)) {
		message_error_read(error, err);
		return npexec_status_of_reason(err->reason);
	}
	if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(result, "device_error")))
		return NPEXEC_STATUS_DEVICE_ERROR;
	if (cJSON_IsString(sig))
		return status_of_signal(sig->valuestring, err);
	if (cJSON_IsNumber(status) && status->valuedouble >= 0)
		return status->valuedouble > 255 ? 255 : (int)status->valuedouble;
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

static void
append_ms(struct buf *b, const cJSON *result, const char *member, const char *label)
{
	const cJSON *ms = cJSON_GetObjectItemCaseSensitive(result, member);

	if (cJSON_IsNumber(ms) && buf_printf(b, ", %s %.0f ms", label, ms->valuedouble) == -1)
		return;
}

char *
npexec_timing_line(const cJSON *result)
{
	const cJSON *session = cJSON_GetObjectItemCaseSensitive(result, "session");
	bool reused = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "reused"));
	struct buf b;
	char *line;

	buf_init(&b, 512);
	if (cJSON_IsNumber(session) &&
	    buf_printf(&b, "session #%.0f %s", session->valuedouble, reused ? "reused" : "new") == -1)
		return xstrdup("");
	if (!cJSON_IsNumber(session) && buf_append_str(&b, "no session") == -1)
		return xstrdup("");
	append_ms(&b, result, "queue_ms", "queued");
	append_ms(&b, result, "connect_ms", "connecting");
	append_ms(&b, result, "duration_ms", "running");
	line = xstrndup((const char *)buf_head(&b), b.len);
	buf_free(&b);
	return line;
}

/* ---- for programs ---- */

static int
append_escaped(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char escaped[] = {'\\', (char)c};
	const char control[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	switch (c) {
	case '"':
	case '\\':
		return buf_append(b, escaped, sizeof(escaped));
	case '\n':
		return buf_append(b, "\\n", 2);
	case '\r':
		return buf_append(b, "\\r", 2);
	case '\t':
		return buf_append(b, "\\t", 2);
	default: /* the other control bytes */
		return buf_append(b, control, sizeof(control));
	}
}

/* Not by cJSON: its strings end at a NUL byte, and it would need three copies of a large output. */
static int
append_string(struct buf *b, const uint8_t *p, size_t n)
{
	size_t plain = 0;

	if (buf_append(b, "\"", 1) == -1)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (p[i] >= 0x20 && p[i] != '"' && p[i] != '\\' && p[i] != 0x7f)
			continue;
		if (buf_append(b, p + plain, i - plain) == -1 || append_escaped(b, p[i]) == -1)
			return -1;
		plain = i + 1;
	}
	if (buf_append(b, p + plain, n - plain) == -1)
		return -1;
	return buf_append(b, "\"", 1);
}

/* "name":"..." where it is UTF-8, else "name_base64":"...". */
static int
append_bytes(struct buf *b, const char *name, const void *p, size_t n)
{
	char *base64;
	int result;

	if (text_is_utf8(p, n))
		return buf_printf(b, "\"%s\":", name) == -1 ? -1 : append_string(b, p, n);
	base64 = text_base64(p, n);
	result = buf_printf(b, "\"%s_base64\":\"", name);
	if (result == 0)
		result = buf_append_str(b, base64);
	if (result == 0)
		result = buf_append(b, "\"", 1);
	free(base64);
	return result;
}

static int
append_members(struct buf *b, const cJSON *result)
{
	const cJSON *member;

	cJSON_ArrayForEach (member, result) {
		if (strcmp(member->string, "id") == 0)
			continue;
		char *value = cJSON_PrintUnformatted(member);
		int failed = value == NULL || buf_append(b, ",", 1) == -1 ||
			     append_string(b, (const uint8_t *)member->string, strlen(member->string)) == -1 ||
			     buf_append(b, ":", 1) == -1 || buf_append_str(b, value) == -1;
		cJSON_free(value);
		if (failed)
			return -1;
	}
	return 0;
}

int
npexec_json_line(
    struct buf *b, const char *command, size_t command_size, const cJSON *result, const struct npexec_output *output)
{
	if (buf_append(b, "{", 1) == -1 || append_bytes(b, "command", command, command_size) == -1 ||
	    append_members(b, result) == -1 || buf_append(b, ",", 1) == -1 ||
	    append_bytes(b, "stdout", output->out, output->out_size) == -1 || buf_append(b, ",", 1) == -1 ||
	    append_bytes(b, "stderr", output->err, output->err_size) == -1)
		return -1;
	return buf_append(b, "}\n", 2);
}
