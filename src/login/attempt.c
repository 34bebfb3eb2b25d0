/* See attempt.h. */
#include "login/attempt.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/xalloc.h"

struct attempt
attempt_copy(const struct attempt *a)
{
	struct attempt copy = *a;

	copy.device = a->device != NULL ? device_conf_copy(a->device) : NULL;
	copy.default_ssh_config = xstrdup_null(a->default_ssh_config);
	copy.target = a->target != NULL ? target_ref(a->target) : NULL;
	copy.agent_socket = xstrdup_null(a->agent_socket);
	copy.login_suffix = xstrdup_null(a->login_suffix);
	if (a->kind != CONNECT_DIAL)
		copy.ready_fd = -1;
	return copy;
}

/* The members are const for those who lend them; a copy's are its own. */
static void
release(const char *text)
{
	free((void *)(uintptr_t)text);
}

void
attempt_finish(struct attempt *a)
{
	device_conf_free((struct device_conf *)(uintptr_t)a->device);
	release(a->default_ssh_config);
	if (a->target != NULL)
		target_unref(a->target);
	release(a->agent_socket);
	release(a->login_suffix);
	if (a->ready_fd != -1)
		close(a->ready_fd);
}
