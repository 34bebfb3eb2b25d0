/*
 * The files that decide about a login, as they were before it was tried.  One that changes while the login is under way
 * may have been read before.
 */
#ifndef NP_LOGIN_FILES_H
#define NP_LOGIN_FILES_H

#include "target/target.h"

struct login_files {
	double since;                   /* clock_now() */
	struct file_stamps credentials; /* and configuration */
	struct file_stamps known_hosts; /* a login may write them itself: what they lift is no failed authentication */
};

void login_files_take(struct login_files *files, const struct target *target);
void login_files_finish(struct login_files *files);

#endif
