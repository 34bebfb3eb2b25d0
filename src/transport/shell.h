/*
 * An interactive shell of a device: one channel with a pseudo-terminal (RFC 4254 sections 6.2 and 6.5), driven by one
 * cli driver.  Carries bytes between the two and keeps the driver's clock; decides nothing.
 *
 * Main thread only.  Owns the channel's use and the driver.  The user holds the pointer from shell_open() until
 * ended(), which is the last event and comes exactly once.  No event is called from inside a function of this header.
 */
#ifndef NP_SHELL_H
#define NP_SHELL_H

#include <stdbool.h>
#include <stddef.h>

#include <ev.h>

#include "cli/cli.h"
#include "base/compiler.h"
#include "base/error.h"
#include "transport/session.h"

struct shell;

struct shell_events {
	/* What the driver says (cli.h), in its order. */
	void (*event)(struct shell *sh, const struct cli_event *event, void *arg);
	/* Output of the operation waits in shell_output(). */
	void (*output)(struct shell *sh, void *arg);
	/* The channel is gone and the driver closed; the shell is freed when this returns. */
	void (*ended)(struct shell *sh, void *arg);
	/* Every byte that goes by, for transcripts; NULL: nobody listens.  Secrets are among them. */
	void (*tap)(struct shell *sh, bool from_device, const void *bytes, size_t size, void *arg);
};

/*
 * Opens a channel of s with the terminal of options->platform and begins the login.  Never NULL: what goes wrong comes
 * as CLI_EVENT_DEAD.
 */
struct shell *shell_open(struct ev_loop *loop, struct session *s, const struct cli_options *options,
    const struct shell_events *events, void *arg) NP_MUST_CHECK;

/*
 * The driver, to be asked and told (cli_run() and the others).  After telling it something call shell_wake(): what it
 * wants sent goes out in this turn of the loop.
 */
struct cli *shell_cli(struct shell *sh);
void shell_wake(struct shell *sh);

/* Output of the operation; consume it with shell_consume(), which lets the device go on. */
const struct buf *shell_output(const struct shell *sh);
void shell_consume(struct shell *sh, size_t n);

/* Says goodbye to the device; CLI_EVENT_DEAD and ended() follow within seconds. */
void shell_logout(struct shell *sh);
/* Gives the channel up without a word; ended() follows soon. */
void shell_abandon(struct shell *sh);

#endif
