/*
 * See login_files.h.
 */
#include "broker/link/login_files.h"

#include "base/clock.h"

void
login_files_take(struct login_files *files, const struct target *t)
{
	files->since = clock_now();
	for (size_t i = 0; i < t->config_files.n; i++)
		file_stamps_add(&files->credentials, t->config_files.v[i].path);
	for (size_t i = 0; i < t->credential_files.n; i++)
		file_stamps_add(&files->credentials, t->credential_files.v[i].path);
	for (size_t i = 0; i < t->user_known_hosts.n; i++)
		file_stamps_add(&files->known_hosts, t->user_known_hosts.v[i]);
	for (size_t i = 0; i < t->global_known_hosts.n; i++)
		file_stamps_add(&files->known_hosts, t->global_known_hosts.v[i]);
}

void
login_files_finish(struct login_files *files)
{
	file_stamps_finish(&files->credentials);
	file_stamps_finish(&files->known_hosts);
}
