/*
 * The arguments of an ssh: what is left of them says where it gets to, and what is not known keeps it to itself.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/xalloc.h"
#include "lib/sshargv.h"

#define WORDS_MAX 16

/* Words behind "ssh", separated by blanks; the result as "HOST | ARGUMENTS", or "no". */
static char *
judge(const char *words)
{
	const char *argv[WORDS_MAX] = {"ssh"};
	char *copy = xstrdup(words), *rest = copy, *word, *said;
	struct sshargv a;
	struct buf text;
	int argc = 1;

	while (*words != '\0' && (word = strsep(&rest, " ")) != NULL)
		argv[argc++] = word;
	sshargv_read(&a, argc, argv);
	buf_init(&text, 4096);
	assert_int_equal(buf_printf(&text, "%s |", a.fits ? a.host : "no"), 0);
	assert_string_equal(a.arguments.v[0], "-oControlMaster=no");
	for (size_t i = 1; i < a.arguments.n; i++)
		assert_int_equal(buf_printf(&text, " %s", a.arguments.v[i]), 0);
	said = a.fits ? buf_take(&text) : xstrdup("no");
	buf_free(&text);
	sshargv_finish(&a);
	free(copy);
	return said;
}

static void
expect(const char *words, const char *wanted)
{
	char *said = judge(words);

	if (strcmp(said, wanted) != 0)
		fail_msg("ssh %s: %s, not %s", words, said, wanted);
	free(said);
}

static void
test_what_says_where_it_gets_to_is_kept_in_its_order(void **state NP_UNUSED)
{
	expect("h", "h |");
	expect("u@h", "h | -l u");
	expect("u@v@h uptime -A", "h | -l u@v");
	expect("-p22 h -l x", "h | -p 22 -l x");
	expect("-l a u@h", "h | -l a -l u");
	expect("u@h -l a cmd", "h | -l u -l a");
	expect("-F /f -i /k -J a,b -b 10.0.0.1 -c aes -m mac -46C h",
	    "h | -F /f -i /k -J a,b -b 10.0.0.1 -c aes -m mac -4 -6 -C");
	expect("-oPort=3 -o User=x -o ProxyCommand=none h", "h | -oPort=3 -oUser=x -oProxyCommand=none");
	expect("-i ~/k -i %d/k h", "h | -i ~/k -i %d/k");
	expect("-F none h", "h | -F none");
}

static void
test_what_a_session_says_for_itself_is_left_out(void **state NP_UNUSED)
{
	expect("-ttTnqxa2 -e none -L 1:h:2 -D 3 h", "h |");
	expect("-s h sftp", "h |");
	expect("-O check h", "h |");
	expect("-W h:1 j", "j |");
	expect("-oSendEnv=A -oRequestTTY=no -oBatchMode=yes -oLogLevel=ERROR -oForwardAgent=no h", "h |");
	expect("-x -oForwardAgent=no -oPermitLocalCommand=no -oClearAllForwardings=yes -oRemoteCommand=none "
	       "-oRequestTTY=no -l u -s "
	       "-- h sftp",
	    "h | -l u");
}

static void
test_the_command_is_not_read(void **state NP_UNUSED)
{
	expect("h ls -A", "h |");
	expect("h -p 2 ls -A", "h | -p 2");
	expect("-- h -A", "h |");
	expect("h -- -A", "h |");
}

static void
test_what_is_not_harmless_keeps_it_to_itself(void **state NP_UNUSED)
{
	static const char *const words[] = {"", "-p", "-A h", "-X h", "-Y h", "-N h", "-f h true", "-M h", "-S x h",
	    "-R 1:h:2 h", "-G h", "-v h", "-g h", "-K h", "-w 0 h", "-E f h", "-I p h", "-Q cipher", "-V", "-P tag h",
	    "-y h", "-Z h", "h -A", "-oControlPath=x h", "-oControlMaster=auto h", "-oForwardAgent=yes h",
	    "-oPermitLocalCommand=yes h", "-oRemoteForward=1 h", "-oNewThing=1 h", "-oLogLevel=DEBUG h", "-oPort h",
	    "-nA h", "@h", "u@", "ssh://u@h:1", "-"};

	for (size_t i = 0; i < NP_COUNT(words) - 1; i++)
		expect(words[i], "no");
}

static void
test_names_of_files_begin_in_its_directory(void **state NP_UNUSED)
{
	char *before = getcwd(NULL, 0);

	assert_non_null(before);
	assert_int_equal(chdir("/tmp"), 0);
	expect("-i k -F dir/f h", "h | -i /tmp/k -F /tmp/dir/f");
	assert_int_equal(chdir(before), 0);
	free(before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_says_where_it_gets_to_is_kept_in_its_order),
	    cmocka_unit_test(test_what_a_session_says_for_itself_is_left_out),
	    cmocka_unit_test(test_the_command_is_not_read),
	    cmocka_unit_test(test_what_is_not_harmless_keeps_it_to_itself),
	    cmocka_unit_test(test_names_of_files_begin_in_its_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
