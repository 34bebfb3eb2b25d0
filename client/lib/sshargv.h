/*
 * The arguments of an ssh, as far as one must know them to say whether it may go over the broker: where it would get
 * to, and that it wants nothing but what the mux door gives.  Pure, but for the directory that relative names begin in.
 */
#ifndef NP_SSHARGV_H
#define NP_SSHARGV_H

#include <stdbool.h>

#include "base/strings.h"

struct sshargv {
	bool fits;                /* only harmless ones, and a host */
	const char *own;          /* that of argv for which it does not; NULL: another reason */
	bool about;               /* -O: it asks about a session, and wants none */
	char *host;               /* as it was given, %n */
	char *name;               /* [USER@]HOST */
	char *config_file;        /* -F, absolute, or "none"; NULL: the usual files */
	struct strings arguments; /* those that say where it gets to and as whom, in their order */
};

/* argv[0] is a program's name.  The caller finishes it in every case. */
void sshargv_read(struct sshargv *a, int argc, const char *const *argv);
void sshargv_finish(struct sshargv *a);

#endif
