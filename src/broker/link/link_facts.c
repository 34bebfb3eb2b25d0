/*
 * What others may ask a session.
 */
#include <string.h>

#include "broker/link/link_impl.h"
#include "base/clock.h"
#include "base/log.h"

struct link *
link_of_entry(struct pool_entry *e)
{
	return NP_CONTAINER(e, struct link, entry);
}

struct pool_entry *
link_entry(struct link *link)
{
	return &link->entry;
}

struct link_facts
link_facts(const struct link *link)
{
	return (struct link_facts){
	    .id = link->is.id,
	    .target = link->is.target,
	    .auth = link->is.auth,
	    .agent_socket = link->is.agent_socket,
	    .witness = link->is.witness,
	    .way = link->is.way,
	    .connect_seconds = link->is.connect_seconds,
	    .commands = link->is.commands,
	    .account = link->is.account,
	    .agent_hash = link->is.agent_hash,
	    .reached = link->is.reached || link->is.way != NULL,
	    .connected = link->is.session != NULL,
	    .needed_person = link->is.needed_person,
	    .closing = link->is.closing,
	};
}

bool
link_keys_changed(const struct link *link)
{
	return file_stamps_changed(&link->keys);
}

struct session *
link_session(struct link *link)
{
	return link->is.session;
}

struct waiter *
link_way(struct link *link)
{
	return link->is.way;
}

struct link_home *
link_home(const struct link *link)
{
	return link->home;
}

bool
link_home_detects(const struct link_home *home)
{
	return home->platform != NULL && strcmp(home->platform->name, PLATFORM_AUTODETECT) == 0;
}

/* The policy knows it by three facts: its last sign of life, and how many slots it has and uses. */
void
link_refresh(struct link *link)
{
	struct session_stats stats;

	if (link->is.session == NULL)
		return;
	stats = session_stats(link->is.session);
	link->entry.last_rx = stats.last_rx;
	if (link->home->platform != NULL) {
		/* Its one channel is the shell, which serves one lease after the other. */
		link->entry.slots_max = 1;
		link->entry.slots_used = link->is.closing;
		return;
	}
	link->entry.slots_used = stats.slots_used;
	link->entry.slots_max = stats.slots_max;
	/* One that is on its way out takes nobody in, although its end may take a while (a proxy's process). */
	if (!stats.has_slot && link->entry.slots_used < link->entry.slots_max)
		link->entry.slots_used = link->entry.slots_max;
}

struct login_files *
link_tried(struct link *link)
{
	return &link->tried;
}

struct session_stats
link_stats(const struct link *link)
{
	return link->is.session != NULL ? session_stats(link->is.session) : link->last;
}

void
link_count_command(struct link *link)
{
	link->is.commands++;
	link->home->commands++;
}

void
link_set_way(struct link *link, struct waiter *way)
{
	link->is.way = way;
}

struct transcript *
link_transcript(const struct link *link)
{
	return link->sh.transcript;
}

const struct buf *
link_seen(const struct link *link)
{
	return &link->sh.seen;
}

void
link_see(struct link *link, const void *bytes, size_t size)
{
	size_t room = buf_room(&link->sh.seen), n = size < room ? size : room; /* the rest would say nothing more */

	if (n > 0 && buf_append(&link->sh.seen, bytes, n) == -1)
		log_debug("shell", "%s: not all of it was seen", link->home->conf->name);
}

void
link_forget_seen(struct link *link)
{
	buf_free(&link->sh.seen);
	buf_init(&link->sh.seen, LINK_SEEN_MAX);
}

bool
link_has_secret(const struct link *link)
{
	return link->sh.secret_given;
}

/* ---- the files that decide about a login ---- */

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
