/* `npctl top`: a live screen of the devices. */
#ifndef NP_TOP_H
#define NP_TOP_H

/* Runs it until its user or a signal ends it, asking every so many seconds (0: the usual); returns the exit status. */
int nptop_run(const char *socket, double delay);

#endif
