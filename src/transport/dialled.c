/* See dialled.h. */
#include "transport/dialled.h"

#include <stdlib.h>

#include "base/xalloc.h"

struct session *
dialled_adopt(struct dialled *d, struct ev_loop *loop, const struct session_setup *setup,
    const struct session_events *events, void *arg)
{
	return d->ops->adopt(d, loop, setup, events, arg);
}

void
dialled_discard(struct dialled *d)
{
	if (d == NULL)
		return;
	free(d->auth_method);
	secret_unref(d->secret);
	secret_unref(d->password);
	secret_unref(d->offered);
	d->ops->discard(d);
}
