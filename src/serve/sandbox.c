/* What the process gives up; see sandbox.h. */
#include "serve/sandbox.h"

#include <stdio.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

void
sandbox_decline(struct sandbox *s)
{
	*s = (struct sandbox){.lack = "switched off by the configuration"};
}

void
sandbox_enter(struct sandbox *s, const struct strings *writable)
{
	char calls[128] = "", files[128] = "";

	*s = (struct sandbox){.calls = false};
#ifdef __linux__
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#endif
	s->files = writable != NULL && sandbox_files(writable, files, sizeof(files)) == 0;
	s->calls = sandbox_filter(calls, sizeof(calls)) == 0;
	snprintf(s->lack, sizeof(s->lack), "%s%s%s", calls, calls[0] != '\0' && files[0] != '\0' ? "; " : "", files);
}
