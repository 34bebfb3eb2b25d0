/*
 * A scripted device for the cli driver: no process, no socket, no clock.  A script says what the device sends, where it
 * pauses, what it must receive, what is asked of the driver and what must come out.
 *
 *   # comment                      (also: `# origin: ...`, which every transcript file must have)
 *   platform NAME                  before anything else; NAME of src/platform/vendors
 *   secret TEXT | password TEXT | username TEXT
 *   gated                          the driver asks before it types these: `! offer`, then allow | bar WHY
 *   begin                          creates the driver
 *   login PROMPT                   the same, and a login without surprises up to READY
 *   next PROMPT                    `! ready` where it stands, then `show clock` gets its own answer, in one round
 *                                  trip, and nothing else is there
 *   < BYTES                        the device sends; \r \n \t \b \e \a \0 \xHH \\, \s a blank, \N and \T: below
 *   .                              the channel is drained: the device pauses
 *   > BYTES                        the device must have received exactly this next; \N matches a nonce, which \N
 *                                  then stands for; \T likewise for the shell's own
 *   + SECONDS                      time passes
 *   run TEXT                       with what `set` lines before it said: prove, raw, interactive, first N, idle N,
 *                                  total N, answer REGEX=TEXT, hidden REGEX=TEXT
 *   config [save] [keep_going] [dry_run] [confirm N]     lines from `| TEXT` lines before it
 *   enable [SECRET] | reset | keepalive | cancel | logout | answer TEXT | noanswer | closed
 *   refuse TEXT                    run TEXT, which must be refused
 *   = TEXT                         output, line by line; \c at the end: no newline
 *   =                              no output (beyond what other `=` said)
 *   ! ready | ! result REASON [mode MODE] | ! device_error TEXT | ! line N STATUS [TEXT] | ! question TEXT | ! dead
 *   REASON | ! offer [given] password|secret TEXT | ! judged WORD [TEXT] | ! lines N to N, COUNT (one event)   ? state
 * NAME | ? dirty | ? resyncs N | ? late N | ? async N | ? absent ? status N
 *
 * Every script is run with the device's bytes whole, in 7-byte and in 1-byte pieces; piece boundaries are no pauses.
 * Files, and scripts whose first line is `pauses`, are run once more with a pause behind each byte.
 */
#ifndef NP_CLIDEV_H
#define NP_CLIDEV_H

#include <stddef.h>

/* Runs a script in all piece sizes; fails the test with the script's name and line. */
void clidev_run(const char *name, const char *script);
/* The same from a file, which must state its origin. */
void clidev_run_file(const char *path);

struct clidev_script {
	const char *name; /* a sentence */
	const char *text;
};

/* Runs each as a test of its own; what main() returns. */
int clidev_main(const char *group, const struct clidev_script *scripts, size_t count);
/* After the last script: frees what they share; clidev_main() does it by itself. */
void clidev_finish(void);

#endif
