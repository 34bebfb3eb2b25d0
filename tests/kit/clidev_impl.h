/*
 * What the scripted device's two files share; for them only.
 *
 *   clidev.c         the script: requests of the driver, the device's side
 *   clidev_check.c   the checks
 */
#ifndef NP_CLIDEV_IMPL_H
#define NP_CLIDEV_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "platform/platform.h"

#define ANSWERS_MAX 8
#define NONCE_SIZE 11 /* np-01234567 */

struct dev {
	const char *name;
	int line;
	size_t piece;
	bool pauses; /* the channel is drained behind each piece */
	struct platforms *set;
	struct platform *platform;
	struct secret *secret, *password;
	char *username;
	bool gated;
	const char *newline; /* as it is written in scripts */
	struct cli *cli;
	double now;
	struct buf feed, sent, output;
	char nonce[NONCE_SIZE + 1], tag[NONCE_SIZE + 1];
	struct cli_command command;
	struct cli_answer answers[ANSWERS_MAX];
	size_t answers_count;
	struct buf lines;
	bool lines_given;        /* to a configuration: the next line begins another */
	struct cli_event result; /* the last RESULT taken */
	struct cli_event range;  /* the last LINE taken; line: the next of it that the script is to name */
	size_t range_left;
};

/* --- clidev_check.c --- */

void clidev_fail(const struct dev *d, const char *what, const char *expected, const char *got);
void clidev_put(struct buf *b, const void *p, size_t n);
/* Writes the bytes that a text with escapes stands for; true: it ended with \c. */
bool clidev_unescape(const struct dev *d, const char *s, struct buf *out);
/* For messages of tests that fail: never freed. */
char *clidev_visible(const struct buf *b);
/* Takes what the driver wants to send and what it puts out. */
void clidev_collect(struct dev *d);
/* The next event, which must be of that kind; text: what stands for it in the script. */
struct cli_event clidev_take_event(struct dev *d, enum cli_event_kind kind, const char *text);
/* `>`, `=`, `!`, `?` of a script, without these marks. */
void clidev_check_sent(struct dev *d, const char *expected);
void clidev_check_output(struct dev *d, const char *expected);
void clidev_check_event(struct dev *d, char *text);
void clidev_check_stat(struct dev *d, const char *text);

#endif
