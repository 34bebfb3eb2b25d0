/*
 * One TCP connection to a host: looked up, all its addresses tried, the first that answers wins.
 *
 * libssh would try the first address alone, with a descriptor that children inherit; so this is done here and libssh
 * gets the descriptor.  Connector threads only: it waits.
 */
#ifndef NP_NETCONN_H
#define NP_NETCONN_H

#include "base/compiler.h"
#include "login/hooks.h"
#include "base/error.h"

struct netconn_params {
	const char *host; /* a name or an address */
	int port;
	int family;                   /* AF_UNSPEC, AF_INET, AF_INET6 */
	const char *bind_address;     /* NULL: any */
	unsigned int user_timeout_ms; /* TCP_USER_TIMEOUT: unacknowledged data end the connection; 0 = kernel's own */
};

/*
 * Connects and sets *fd (non-blocking, CLOEXEC, TCP_NODELAY, SO_KEEPALIVE).  The second address is tried when the first
 * has not answered for a quarter of a second, and so on (RFC 8305).  Reasons: resolve_failed; connect_failed, naming
 * each address and its error; connect_timeout, naming those that never answered; whatever hooks->left() says.
 */
int netconn_open(
    const struct netconn_params *params, const struct dial_hooks *hooks, int *fd, struct np_error *err) NP_MUST_CHECK;

#endif
