/* What a dial of SSH has made.  The dial fills it, src/ssh takes it onto the loop; nobody else looks into it. */
#ifndef NP_SSHDIALLED_H
#define NP_SSHDIALLED_H

#include <sys/types.h>

#include <libssh/libssh.h>

#include "base/compiler.h"
#include "transport/session.h"

struct sshdialled {
	struct dialled base;
	ssh_session ssh; /* blocking mode as libssh left it; NULL: not made yet, or taken */
	int fd;          /* dup of its descriptor, CLOEXEC, to watch and to shut down; -1: none */
	pid_t proxy_pid; /* the ProxyCommand's process, to be ended and reaped; 0: none */
};

/* Without a connection. */
struct sshdialled *sshdialled_create(void) NP_MALLOC;

#endif
