/* What the process gives up; see sandbox.h. */
#include "serve/sandbox.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif

void
sandbox_decline(struct sandbox *s)
{
	*s = (struct sandbox){.lack = "switched off by the configuration"};
}

void
sandbox_enter(struct sandbox *s)
{
	*s = (struct sandbox){.calls = false};
#ifdef __linux__
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#endif
	s->calls = sandbox_filter(s->lack, sizeof(s->lack)) == 0;
}
