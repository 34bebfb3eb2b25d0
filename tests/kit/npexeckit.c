/* npexec and a scripted broker in front of it: what the tests of npexec share.  See npexeckit.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "kit/npexeckit.h"

struct fakebroker f;
struct fakeclient c;

int
kit_setup(void **state NP_UNUSED)
{
	fake_start(&f);
	c = (struct fakeclient){.pid = -1, .in = -1, .out = -1, .err = -1};
	setenv("NETPULSE_SOCKET", f.path, 1);
	unsetenv("SSH_AUTH_SOCK");
	unsetenv("SSH_ASKPASS");
	setenv("TERM", "vt100", 1);
	return 0;
}

int
kit_teardown(void **state NP_UNUSED)
{
	fake_finish(&f);
	return 0;
}

void
begin_on(const char *line, bool on_tty)
{
	static char copy[256];
	static char *argv[16];
	int argc = 0;
	char *save = NULL;

	snprintf(copy, sizeof(copy), "npexec %s", line);
	for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	if (on_tty)
		fake_npexec_tty(&c, argv);
	else
		fake_npexec(&c, argv);
}

void
greet(void)
{
	fake_accept(&f);
	fake_hello(&f);
}

void
run_on(const char *line, bool on_tty)
{
	begin_on(line, on_tty);
	greet();
}

void
run(const char *line)
{
	run_on(line, false);
}

void
note(const char *method, int id, const char *members)
{
	char json[1024];

	snprintf(json, sizeof(json), "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":{\"id\":%d%s%s}}", method, id,
	    *members != '\0' ? "," : "", members);
	fake_send(&f, json);
}

void
output(const char *method, int id, const void *p, size_t n)
{
	char json[256];

	snprintf(json, sizeof(json), "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":{\"id\":%d}}", method, id);
	fake_send_data(&f, json, p, n);
}

void
respond(int id, const char *members)
{
	char json[1024];

	snprintf(json, sizeof(json), "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"count\":1,\"failed\":0,%s}}", id,
	    members);
	fake_send(&f, json);
}

/* A result and the response, as for a single command. */
void
finish(int id, const char *members)
{
	note("result", id, members);
	respond(id, members);
}

void
fail_request(int id, const char *reason, const char *text)
{
	char json[1024];

	snprintf(json, sizeof(json),
	    "{\"jsonrpc\":\"2.0\",\"id\":%d,\"error\":{\"code\":-32000,\"message\":\"%s\",\"data\":{\"reason\":\"%s\"}}"
	    "}",
	    id, text, reason);
	fake_send(&f, json);
}

void
expect_text(int fd, const char *expected)
{
	char *text = fake_read(fd, NULL, NULL);

	assert_string_equal(text, expected);
	free(text);
}

const char *
member(const cJSON *params, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(params, name);

	return cJSON_IsString(value) ? value->valuestring : NULL;
}
