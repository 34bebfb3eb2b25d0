/* What a dial of SSH has made.  The dial fills it, src/ssh takes it onto the loop; nobody else looks into it. */
#ifndef NP_SSHDIALLED_H
#define NP_SSHDIALLED_H

#include <libssh/libssh.h>

#include "base/compiler.h"
#include "base/starter.h"
#include "transport/session.h"

struct sshdialled {
	struct dialled base;
	ssh_session ssh;      /* blocking mode as libssh left it; NULL: not made yet, or taken */
	int fd;               /* dup of its descriptor, CLOEXEC, to watch and to shut down; -1: none */
	struct started proxy; /* the ProxyCommand's process, to be ended */
};

/* Without a connection. */
struct sshdialled *sshdialled_create(void) NP_MALLOC;

#endif
