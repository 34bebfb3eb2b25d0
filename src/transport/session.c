/* What all sessions have in common; see session.h and provider.h. */
#include "transport/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "transport/provider.h"

void
session_init(struct session *s, const struct session_ops *ops, const struct session_setup *setup,
    const struct session_events *events, void *arg)
{
	s->ops = ops;
	s->events = *events;
	s->arg = arg;
	s->id = setup->id;
	s->name = xasprintf("%s#%llu", setup->name, (unsigned long long)setup->id);
}

void
session_clear(struct session *s)
{
	free(s->name);
	free(s->banner);
	free(s->algorithms);
}

void
session_close(struct session *s, enum np_reason reason, const char *fmt, ...)
{
	char text[sizeof(((struct np_error *)0)->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	s->ops->close(s, reason, text);
}

bool
session_probe(struct session *s)
{
	return s->ops->probe(s);
}

struct session_stats
session_stats(const struct session *s)
{
	return s->ops->stats(s);
}

const char *
session_name(const struct session *s)
{
	return s->name;
}

const char *
session_banner(const struct session *s)
{
	return s->banner;
}

const char *
session_algorithms(const struct session *s)
{
	return s->algorithms;
}

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
