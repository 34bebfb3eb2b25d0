/* One connection of simdev: what simdev_conn.c and simdev_auth.c share. */
#ifndef SIMDEV_CONN_H
#define SIMDEV_CONN_H

#include <libssh/callbacks.h>
#include <libssh/server.h>

#include "tool/simdev.h"
#include "tool/simdev_device.h"

#define SIM_CHANNELS_MAX 256

struct sim_conn {
	const struct sim_options *options;
	struct sim_device *device;
	struct sim_link link;
	ssh_session session;
	const char *peer;
	char *user;        /* who logged in */
	char *kbdint_user; /* said when it began; the answers carry none */
	int round;         /* the one that was asked last */
	struct sim_channel *channels[SIM_CHANNELS_MAX];
	struct ssh_channel_callbacks_struct callbacks[SIM_CHANNELS_MAX];
	int channels_count, channels_total, execs, globals;
	bool drop;   /* break it */
	bool polite; /* ... with a goodbye */
};

/* Sets libssh's callbacks for logins; server is the connection's and gets them. */
void sim_auth_prepare(struct sim_conn *c, struct ssh_server_callbacks_struct *server);

#endif
