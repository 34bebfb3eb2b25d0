/*
 * The SSH handshake of a dial: identification and key exchange, and the words for its failure, the server's own where
 * it had any.  Connector threads only.
 */
#ifndef NP_HANDSHAKE_H
#define NP_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include <libssh/libssh.h>

#include "base/compiler.h"
#include "base/error.h"
#include "login/hooks.h"
#include "target/target.h"

/*
 * Over session, which has its options, and *fd, which is -1 once it is the session's; watch_fd is a dup of that, and
 * remains the caller's.
 */
int handshake_run(ssh_session session, int *fd, int watch_fd, const struct target *target,
    const struct dial_hooks *hooks, struct np_error *err) NP_MUST_CHECK;
/*
 * libssh (0.10 and 0.11) takes the lower 16 bits of a descriptor's number, so that a higher one would be another
 * stream. Moves *fd, where it is higher than that, to a number that is not; -1 with err when there is none.
 */
int handshake_lower_fd(int *fd, int highest, struct np_error *err) NP_MUST_CHECK;
/*
 * Takes libssh's text for a disconnect message of the server apart.  Its code, never 0, and in words, harmless, what
 * the server said, or what the code means where it said nothing; 0 when the text is about something else.
 */
int disconnect_parse(const char *message, char *words, size_t size);
/* Whether libssh's text says no more than that the stream has ended. */
bool handshake_is_mere_end(const char *message);
/*
 * After ssh_silent_disconnect(), which makes libssh give out what the server said when it ended the connection: adds it
 * to an error that does not have it.
 */
void handshake_last_words(ssh_session session, struct np_error *err);

#endif
