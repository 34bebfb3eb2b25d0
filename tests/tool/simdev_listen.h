/* Where simdev listens: addresses, their devices and sockets. */
#ifndef SIMDEV_LISTEN_H
#define SIMDEV_LISTEN_H

#include <poll.h>
#include <stdint.h>

#include "tool/simdev.h"
#include "tool/simdev_device.h"

#define SIM_DEVICES_MAX 2048

struct sim_listen {
	int port;            /* 0: any */
	int count;           /* of devices */
	uint32_t first;      /* 0: 127.0.0.1 to .250, 127.0.1.1 to .250, ...; else from this address on */
	const char *control; /* a FIFO; NULL: none */
	struct sim_device *devices[SIM_DEVICES_MAX];
	struct pollfd fds[SIM_DEVICES_MAX + 1]; /* the last is of control */
};

/* Reads FIRST-LAST or FIRST; -1 when it is neither. */
int sim_listen_parse(struct sim_listen *l, const char *text);
/* Opens all sockets, on one port; makes the devices. */
void sim_listen_open(struct sim_listen *l, const struct sim_options *o, const struct sim_scenario *scenario);
/* Appends a line for each address. */
void sim_listen_known_hosts(const struct sim_listen *l, const struct sim_options *o, const char *path);
/* Never returns. */
void sim_listen_serve(struct sim_listen *l, const struct sim_options *o) __attribute__((noreturn));

/* Does what a line of the control file says. */
void sim_control(const struct sim_listen *l, const char *line);

/* Ends the program with errno's text. */
void sim_die(const char *what) __attribute__((noreturn));

#endif
