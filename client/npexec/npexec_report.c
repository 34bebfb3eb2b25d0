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

static void
append_ms(struct buf *b, const cJSON *result, const char *member, const char *label)
{
	double ms = npjson_number(result, member, -1);

	if (ms >= 0 && buf_printf(b, ", %s %.0f ms", label, ms) == -1)
		return;
}

char *
npexec_timing_line(const cJSON *result)
{
	double session = npjson_number(result, "session", -1);
	const char *kind = npjson_true(result, "reused") ? "reused" : "new";
	struct buf b;
	char *line;
	int failed;

	buf_init(&b, 512);
	failed = session >= 0 ? buf_printf(&b, "session #%.0f %s", session, kind) : buf_append_str(&b, "no session");
	if (failed == 0) {
		append_ms(&b, result, "queue_ms", "queued");
		append_ms(&b, result, "connect_ms", "connecting");
		append_ms(&b, result, "duration_ms", "running");
	}
	line = xstrndup((const char *)buf_head(&b), b.len);
	buf_free(&b);
	return line;
}

/* ---- for programs ---- */

static int
append_escaped(struct buf *b, uint32_t c)
{
	const char escaped[] = {'\\', (char)c};

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
	default: /* what would move the cursor of a terminal, or turn the text around: text_harmful() */
		return buf_printf(b, "\\u%04x", (unsigned)c);
	}
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
static int
append_string(struct buf *b, const uint8_t *p, size_t n)
{
	size_t plain = 0, i = 0, used;
	uint32_t cp;

	if (buf_append(b, "\"", 1) == -1)
		return -1;
	while (i < n) {
		used = to_escape(p + i, n - i, &cp);
		if (used == 0) {
			i++;
			continue;
		}
		if (buf_append(b, p + plain, i - plain) == -1 || append_escaped(b, cp) == -1)
			return -1;
		i += used;
		plain = i;
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
		char *value = message_print(member);
		int failed = append_string(b, (const uint8_t *)member->string, strlen(member->string)) == -1 ||
			     buf_append(b, ":", 1) == -1 || buf_append_str(b, value) == -1 ||
			     buf_append(b, ",", 1) == -1;
		free(value);
		if (failed)
			return -1;
	}
	return 0;
}

/* The members that stand before those of the result, each with a comma behind. */
static int
append_front(struct buf *b, const char *device, const char *command, size_t command_size, const cJSON *result)
{
	if (device != NULL && cJSON_GetObjectItemCaseSensitive(result, "device") == NULL &&
	    (append_bytes(b, "device", device, strlen(device)) == -1 || buf_append(b, ",", 1) == -1))
		return -1;
	if (command != NULL && (append_bytes(b, "command", command, command_size) == -1 || buf_append(b, ",", 1) == -1))
		return -1;
	return 0;
}

int
npexec_json_line(struct buf *b, const char *device, const char *command, size_t command_size, const cJSON *result,
    const struct npexec_kept *output)
{
	if (buf_append(b, "{", 1) == -1 || append_front(b, device, command, command_size, result) == -1 ||
	    append_members(b, result) == -1)
		return -1;
	if (output != NULL &&
	    (append_bytes(b, "stdout", output->out, output->out_size) == -1 || buf_append(b, ",", 1) == -1 ||
		append_bytes(b, "stderr", output->err, output->err_size) == -1 || buf_append(b, ",", 1) == -1))
		return -1;
	if (buf_head(b)[b->len - 1] == ',')
		b->len--;
	return buf_append(b, "}\n", 2);
}
