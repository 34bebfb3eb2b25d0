/* Tests of src/base/log.c: lines, levels, the file and its bound. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/xalloc.h"

/* A directory of its own for each test, and the last line that the sink got. */
struct fixture {
	char dir[64];
	char path[96];
	char old[96];
	char line[4096];
	enum log_level level;
	int lines;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/np-test-log-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/log", f->dir);
	snprintf(f->old, sizeof(f->old), "%s/log.1", f->dir);
	log_set_level(LOG_LEVEL_INFO);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	log_set_sink(NULL, NULL);
	log_close();
	unlink(f->path);
	unlink(f->old);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void
remember(enum log_level level, const char *line, void *arg)
{
	struct fixture *f = arg;

	snprintf(f->line, sizeof(f->line), "%s", line);
	f->level = level;
	f->lines++;
}

/* The file's content, which the caller frees. */
static char *
slurp(const char *path)
{
	FILE *fp = fopen(path, "r");
	char *text = xcalloc(1, 1 << 16);

	assert_non_null(fp);
	text[fread(text, 1, (1 << 16) - 1, fp)] = '\0';
	fclose(fp);
	return text;
}

static size_t
file_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

static void
test_sink_gets_token_and_text_without_newline(void **state)
{
	struct fixture *f = *state;

	log_set_sink(remember, f);
	log_warning("pool", "core1: %d waiting", 3);

	assert_string_equal(f->line, "pool: core1: 3 waiting");
	assert_int_equal(f->level, LOG_LEVEL_WARNING);
}

static void
test_lines_above_the_level_are_dropped(void **state)
{
	struct fixture *f = *state;

	log_set_sink(remember, f);
	log_debug("x", "not seen");
	assert_int_equal(f->lines, 0);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("x", "seen");
	assert_int_equal(f->lines, 1);
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("x", "not seen");
	log_error("x", "seen");
	assert_int_equal(f->lines, 2);
}

static void
test_control_bytes_cannot_forge_a_second_line(void **state)
{
	struct fixture *f = *state;

	log_set_sink(remember, f);
	log_info("peer", "said %s", "a\nerror: b\x1b[2J\xff");

	assert_string_equal(f->line, "peer: said a\\012error: b\\033[2J\\377");
	assert_int_equal(f->lines, 1);
}

static void
test_overlong_line_is_cut_and_errno_kept(void **state)
{
	struct fixture *f = *state;
	char *fill = xcalloc(1, 100001);

	memset(fill, 'x', 100000);
	log_set_sink(remember, f);
	errno = ENOTTY;
	log_info("t", "%s", fill);
	free(fill);

	assert_int_equal(errno, ENOTTY);
	assert_in_range(strlen(f->line), 1000, 2048);
}

static void
test_file_is_private_and_gets_one_line_an_event(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char *text;
	int year, month, day;

	assert_int_equal(log_open_file(f->path, 10000, NULL), 0);
	log_info("session", "up");
	log_error("session", "down");

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	text = slurp(f->path);
	assert_int_equal(sscanf(text, "%d-%d-%dT", &year, &month, &day), 3);
	assert_non_null(strstr(text, " info session: up\n"));
	assert_non_null(strstr(text, " error session: down\n"));
	free(text);
}

static void
test_existing_file_is_appended_to_and_made_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char *text;
	int fd = open(f->path, O_WRONLY | O_CREAT, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(write(fd, "before\n", 7), 7);
	close(fd);

	assert_int_equal(log_open_file(f->path, 10000, NULL), 0);
	log_info("t", "after");

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	text = slurp(f->path);
	assert_memory_equal(text, "before\n", 7);
	assert_non_null(strstr(text, "t: after\n"));
	free(text);
}

static void
test_file_is_bounded_with_one_old_copy(void **state)
{
	struct fixture *f = *state;
	char *text;
	int i, entries = 0;
	DIR *dir;

	assert_int_equal(log_open_file(f->path, 2000, NULL), 0);
	for (i = 0; i < 500; i++) {
		log_info("t", "line number %d", i);
		assert_in_range(file_size(f->path), 1, 2000);
	}

	assert_in_range(file_size(f->old), 1800, 2000);
	text = slurp(f->path);
	assert_non_null(strstr(text, "line number 499\n"));
	free(text);
	dir = opendir(f->dir);
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		entries++;
	closedir(dir);
	assert_int_equal(entries, 4); /* ".", "..", the file, its old copy */
}

static void
test_file_stays_bounded_where_it_cannot_be_renamed(void **state)
{
	struct fixture *f = *state;
	int i;

	assert_int_equal(log_open_file(f->path, 2000, NULL), 0);
	assert_int_equal(mkdir(f->old, 0700), 0); /* rename() of a file over a directory fails, for root too */
	for (i = 0; i < 200; i++)
		log_info("t", "line number %d", i);

	assert_in_range(file_size(f->path), 1, 2000);
	rmdir(f->old);
}

static void
test_symlink_and_other_odd_files_are_refused(void **state)
{
	struct fixture *f = *state;
	struct np_error err;

	assert_int_equal(symlink("elsewhere", f->path), 0);
	assert_int_equal(log_open_file(f->path, 1000, &err), -1);
	assert_non_null(strstr(err.text, f->path));
	unlink(f->path);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(log_open_file(f->path, 1000, &err), -1);
	assert_int_equal(log_open_file("/nonexistent/dir/log", 1000, &err), -1);
	assert_non_null(strstr(err.text, "No such file"));
}

static void
test_failed_open_keeps_the_former_file(void **state)
{
	struct fixture *f = *state;
	char *text;

	assert_int_equal(log_open_file(f->path, 1000, NULL), 0);
	assert_int_equal(log_open_file("/nonexistent/log", 1000, NULL), -1);
	log_info("t", "still here");

	text = slurp(f->path);
	assert_non_null(strstr(text, "still here"));
	free(text);
}

static void
test_reopen_follows_a_rotation_by_others(void **state)
{
	struct fixture *f = *state;
	char *text;

	log_reopen(); /* without a file: no effect */
	assert_int_equal(log_open_file(f->path, 10000, NULL), 0);
	log_info("t", "first");
	assert_int_equal(rename(f->path, f->old), 0);
	log_info("t", "second");
	log_reopen();
	log_info("t", "third");

	text = slurp(f->old);
	assert_non_null(strstr(text, "second"));
	assert_null(strstr(text, "third"));
	free(text);
	text = slurp(f->path);
	assert_non_null(strstr(text, "third"));
	free(text);
}

static void *
log_many(void *arg)
{
	int i;

	for (i = 0; i < 200; i++)
		log_info("thread", "%s %d", (const char *)arg, i);
	return NULL;
}

static void
test_threads_log_whole_lines(void **state)
{
	static const char *const names[] = {"alpha", "beta", "gamma", "delta"};
	struct fixture *f = *state;
	pthread_t threads[NP_COUNT(names)];
	char *text, *line, *save;
	int lines = 0;

	assert_int_equal(log_open_file(f->path, 1 << 20, NULL), 0);
	for (size_t i = 0; i < NP_COUNT(names); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, (void *)(uintptr_t)names[i]), 0);
	for (size_t i = 0; i < NP_COUNT(names); i++)
		pthread_join(threads[i], NULL);

	text = slurp(f->path);
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		assert_non_null(strstr(line, " info thread: "));
		assert_null(strstr(strstr(line, "thread:") + 1, "thread:"));
		lines++;
	}
	free(text);
	assert_int_equal(lines, 800);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_sink_gets_token_and_text_without_newline),
	    TEST(test_lines_above_the_level_are_dropped),
	    TEST(test_control_bytes_cannot_forge_a_second_line),
	    TEST(test_overlong_line_is_cut_and_errno_kept),
	    TEST(test_file_is_private_and_gets_one_line_an_event),
	    TEST(test_existing_file_is_appended_to_and_made_private),
	    TEST(test_file_is_bounded_with_one_old_copy),
	    TEST(test_file_stays_bounded_where_it_cannot_be_renamed),
	    TEST(test_symlink_and_other_odd_files_are_refused),
	    TEST(test_failed_open_keeps_the_former_file),
	    TEST(test_reopen_follows_a_rotation_by_others),
	    TEST(test_threads_log_whole_lines),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
