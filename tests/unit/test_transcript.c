/* Transcripts as they are written. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kit/platdir.h"
#include "platform/platform.h"
#include "cli/transcript.h"
#include "base/xalloc.h"

static struct platforms *set;
static struct redact *known;

static void
know(const char *text)
{
	struct secret *secret = secret_make(text);

	redact_add(known, secret, REDACT_PASSING);
	secret_unref(secret);
}

static struct transcript *
create(void)
{
	struct transcript *t;

	known = redact_create(true);
	know("firstword");
	know("enablesecret");
	t = transcript_create(platforms_find(set, "cisco_ios"), "SSH-2.0-Cisco-1.25", known, true, true, 10);
	redact_unref(known); /* its own reference is enough */
	return t;
}

static char *
text_of(struct transcript *t)
{
	struct buf *b = transcript_text(t);

	return xstrndup((const char *)buf_head(b), b->len);
}

static void
received(struct transcript *t, const char *bytes, double now)
{
	transcript_received(t, bytes, strlen(bytes), now);
}

static void
sent(struct transcript *t, const char *bytes, double now)
{
	transcript_sent(t, bytes, strlen(bytes), now);
}

static void
test_a_dialogue_is_written_line_by_line(void **state NP_UNUSED)
{
	struct transcript *t = create();
	char *text;

	received(t, "\r\nHi\x1b[m", 10.001);
	received(t, "\r\nR1> ", 10.002);
	sent(t, "enable\n", 10.5);
	received(t, "enable\r\nPassword: ", 10.505);
	sent(t, "enablesecret\n", 10.506);
	received(t, "\r\nR1#", 10.507);
	transcript_note(t, "! ready");
	transcript_note(t, "run %s", "show x");
	sent(t, "show x\n", 10.508);
	received(t, "show x\r\n  two\r\nR1#", 10.509);
	transcript_output(t, "  t", 3);
	transcript_output(t, "wo\nlast", 7);
	transcript_note(t, "! result ok mode %s", "priv");
	transcript_output_end(t);
	text = text_of(t);
	assert_string_equal(text, "# origin: recorded (SSH-2.0-Cisco-1.25)\n"
				  "platform cisco_ios\n"
				  "secret ********\n"
				  "password ********\n"
				  "begin\n"
				  "< \\r\\nHi\\e[m\\r\\nR1>\\s\n.\n"
				  "+ 0.499\n"
				  "> enable\\n\n"
				  "< enable\\r\\nPassword:\\s\n.\n"
				  "> ********\\n\n"
				  "< \\r\\nR1#\n.\n"
				  "! ready\n"
				  "run show x\n"
				  "> show x\\n\n"
				  "< show x\\r\\n  two\\r\\nR1#\n.\n"
				  "! result ok mode priv\n"
				  "= \\s two\n"
				  "= last\\c\n");
	free(text);
	transcript_destroy(t);
}

/* Also one that the device echoes in pieces, beside NULs, and what only the platform knows to be secret. */
static void
test_no_secret_is_written(void **state NP_UNUSED)
{
	static const char line[] = "a\0enablesecret\0b";
	struct transcript *t = create();
	char *text;

	received(t, "firs", 10);
	received(t, "tw", 10.1);
	received(t, "ord\r\nsnmp-server community topsecretcommunity RO\r\n", 10.2);
	transcript_received(t, line, sizeof(line) - 1, 10.3);
	transcript_note(t, "run password firstword");
	transcript_output(t, "enable", 6);
	transcript_output(t, "secret\nusername x password 0 anotherone\n", 39);
	transcript_output_end(t);
	know("latersecret");
	redact_forget(known);
	sent(t, "latersecret\n", 10.4);
	know("abc");
	sent(t, "abc\n", 10.5);
	sent(t, "show abc\n", 10.6);
	text = text_of(t);
	assert_null(strstr(text, "firstword"));
	assert_null(strstr(text, "enablesecret"));
	assert_null(strstr(text, "topsecretcommunity"));
	assert_null(strstr(text, "anotherone"));
	assert_null(strstr(text, "latersecret"));
	assert_null(strstr(text, "> abc"));
	assert_non_null(strstr(text, "> show abc\\n\n"));
	assert_non_null(strstr(text, "a\\0********\\0b"));
	assert_non_null(strstr(text, "snmp-server community"));
	free(text);
	transcript_destroy(t);
}

/* One pass over them, and a secret that is full of them is one. */
static void
test_a_flood_of_nuls_is_written(void **state NP_UNUSED)
{
	struct transcript *t = create();
	size_t size = (size_t)1 << 16;
	char *nuls = xcalloc(1, size);
	char *text;

	transcript_received(t, "ena\0blesec\0ret", 14, 10.5);
	transcript_received(t, nuls, size, 10.6);
	transcript_received(t, "end", 3, 10.7);
	sent(t, "x\n", 10.8);
	text = text_of(t);
	assert_null(strstr(text, "blesec"));
	assert_non_null(strstr(text, "end"));
	free(text);
	free(nuls);
	transcript_destroy(t);
}

static void
test_nonces_are_placeholders(void **state NP_UNUSED)
{
	struct transcript *t = create();
	char *text;

	sent(t, "PS1=np-01234567\n", 10);
	received(t, "np-01234567$ ", 10);
	sent(t, ": np-89abcdef\n", 10);
	received(t, "np-89abcdef np-xyz", 10);
	transcript_note(t, "closed");
	text = text_of(t);
	assert_non_null(strstr(text, "> PS1=\\T\\n\n< \\T$\\s\n.\n> : \\N\\n\n< \\N np-xyz\n.\nclosed\n"));
	free(text);
	transcript_destroy(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_dialogue_is_written_line_by_line),
	    cmocka_unit_test(test_no_secret_is_written),
	    cmocka_unit_test(test_a_flood_of_nuls_is_written),
	    cmocka_unit_test(test_nonces_are_placeholders),
	};
	int failed;

	set = platdir_load();
	failed = cmocka_run_group_tests_name("transcript", tests, NULL, NULL);
	platforms_destroy(set);
	return failed;
}
