/*
 * The state of one simulated device that its connections share: values, configurations, who is there.  Every function
 * takes the device's own lock, so that the threads of its connections may call it.
 */
#ifndef SIMDEV_DEVICE_H
#define SIMDEV_DEVICE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/buf.h"
#include "tool/simdev_scenario.h"

struct sim_device;
struct sim_options;

/* Something for a connection's shells, from another thread. */
struct sim_mail {
	STAILQ_ENTRY(sim_mail) entry;
	enum { SIM_MAIL_TEXT, SIM_MAIL_CLOSE, SIM_MAIL_DROP, SIM_MAIL_LOOK } what;
	int except; /* the shell that it is not for; 0: none */
	char *text;
};

STAILQ_HEAD(sim_mailbox, sim_mail);

/* A connection's place in its device; the connection's, which sets wake_fd. */
struct sim_link {
	LIST_ENTRY(sim_link) entry;
	int wake_fd; /* an eventfd(2): it has mail */
	struct sim_mailbox mail;
};

/* scenario: NULL, or must live as long. */
struct sim_device *sim_device_create(
    const struct sim_scenario *scenario, const struct sim_options *options, int number, const char *address);
void sim_device_free(struct sim_device *d);
const char *sim_device_address(const struct sim_device *d);
const struct sim_scenario *sim_device_scenario(const struct sim_device *d);

/* A connection arrives; false: there is no room, or the device is down. */
bool sim_device_admit(struct sim_device *d, struct sim_link *link);
void sim_device_leave(struct sim_device *d, struct sim_link *link);
/* Moves what has come to the (empty) box; each is freed by sim_mail_free(). */
void sim_device_collect(struct sim_device *d, struct sim_link *link, struct sim_mailbox *box);
void sim_mail_free(struct sim_mail *mail);

/* A shell begins; its id, or 0: there are too many. */
int sim_device_shell_begin(struct sim_device *d);
/* It ends: gives its lock back, with which its candidate goes. */
void sim_device_shell_end(struct sim_device *d, int shell);

/* As sim_value_fn, for what the device knows. */
bool sim_device_value(struct sim_device *d, int shell, const char *name, struct buf *out);
void sim_device_set(struct sim_device *d, const char *name, const char *value);

void sim_device_add(struct sim_device *d, const char *list, const char *context, const char *line);
void sim_device_delete(struct sim_device *d, const char *list, const char *context, const char *line);
void sim_device_copy(struct sim_device *d, const char *from, const char *to);
void sim_device_clear(struct sim_device *d, const char *list);
/* No effect when another shell has it. */
void sim_device_lock(struct sim_device *d, int shell, const char *user);
void sim_device_unlock(struct sim_device *d, int shell);

/* To all connections. */
void sim_device_tell(struct sim_device *d, int what, int except, const char *text);
/* Ends all connections; new ones are closed for so many seconds. */
void sim_device_down(struct sim_device *d, double seconds);
/* `go WORD`, and whether that was said. */
void sim_device_say(struct sim_device *d, const char *word);
bool sim_device_was_said(struct sim_device *d, const char *word);

#endif
