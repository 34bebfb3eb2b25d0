/*
 * What is set on connections more than once.
 */
#ifndef NP_NET_H
#define NP_NET_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/*
 * Acknowledges at once what was read from fd; call it after each read that nothing is sent after.  A server that leaves
 * Nagle's algorithm on sends the echo of a command, and its output only when that is acknowledged: with the kernel's
 * delay that is 40 ms for every command (`make bench`: 44 ms in place of 3).  Linux forgets the option by itself
 * (tcp(7)); elsewhere there is none. Of no effect where fd is no TCP socket.
 */
static inline void
net_quickack(int fd)
{
#ifdef TCP_QUICKACK
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
#else
	(void)fd;
#endif
}

#endif
