/* `npctl top`: a live screen of the devices. */
#ifndef NP_TOP_H
#define NP_TOP_H

#include "npctl/npctl.h"

/* Runs it until its user or a signal ends it; returns npctl's exit status. */
int nptop_run(const struct npctl_options *o);

#endif
