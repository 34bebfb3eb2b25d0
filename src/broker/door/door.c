/*
 * The sockets of the mux door: which there are, made, looked after, removed.  Who comes is visit.c's, their folder
 * door_folder.c's.  What others have put in the place of ours stays theirs.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hashtab.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/xalloc.h"
#include "broker/door/door_impl.h"
#include "serve/sockfile.h"

#define BACKLOG 128
#define EVERYBODYS ".ssh" /* the name of no device has a dot in front */
#define ACCEPTS_PER_TURN 16

struct door {
	TAILQ_ENTRY(door) link;
	struct hash_entry by_name;
	struct doors *all;
	struct whither to; /* of everybody's: ref is NULL, each of them gets somewhere else */
	char *path;
	int fd; /* -1: it cannot be made, which was said */
	dev_t dev;
	ino_t ino;
	bool wanted; /* by the configuration */
	ev_io io;
};

/* ---- who comes ---- */

static void
admit(struct door *d, int fd)
{
	struct np_error err;
	struct whither to;
	struct paths_peer peer;

	if (paths_peer(fd, &peer, &err) == -1) {
		close(fd);
		return;
	}
	if (peer.uid == geteuid() || peer.uid == 0) {
		if (d == d->all->everybodys)
			(void)guest_comes(d->all, peer.pid, &to);
		else
			to = whither_copy(&d->to);
		visit_begin(d->all, &to, fd, peer.uid, peer.pid);
		return;
	}
	log_warning("door", "%s: connection of uid %lu (pid %ld) refused", d->to.device, (unsigned long)peer.uid,
	    (long)peer.pid);
	d->all->events->refused(peer.uid, peer.pid, d->all->arg);
	close(fd);
}

static void
on_connection(struct ev_loop *loop NP_UNUSED, ev_io *w, int revents NP_UNUSED)
{
	struct door *d = w->data;

	for (int i = 0; i < ACCEPTS_PER_TURN && d->fd >= 0; i++) {
		int fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE) /* ssh waits until doors_tick() */
				ev_io_stop(d->all->loop, &d->io);
			return;
		}
		admit(d, fd);
	}
}

/* ---- a name ---- */

/* While it does not listen yet it has a name that nobody asks for.  -1 with err. */
static int
listen_at(struct door *d, struct np_error *err)
{
	char *temporary = xasprintf("%s/.new", d->all->folder);
	struct stat st;
	int fd = sockfile_make(d->path, temporary, BACKLOG, NULL, &st, err);

	if (fd >= 0) {
		d->dev = st.st_dev;
		d->ino = st.st_ino;
	}
	free(temporary);
	return fd;
}

static void
door_open(struct door *d)
{
	struct np_error err;

	if (strlen(d->path) > DOOR_PATH_MAX) {
		log_warning(
		    "door", "%s: no socket for ssh: `%s` has more than %d bytes", d->to.device, d->path, DOOR_PATH_MAX);
		return;
	}
	if (!folder_is_free(d->path)) {
		log_warning("door", "%s: no socket for ssh: something else is at %s", d->to.device, d->path);
		return;
	}
	d->fd = listen_at(d, &err);
	if (d->fd == -1) {
		log_warning("door", "%s: no socket for ssh: %s", d->to.device, err.text);
		return;
	}
	ev_io_init(&d->io, on_connection, d->fd, EV_READ);
	d->io.data = d;
	ev_io_start(d->all->loop, &d->io);
}

/* 0: it is ours; else errno, EEXIST: another's. */
static int
look_at_name(const struct door *d)
{
	struct stat st;

	if (lstat(d->path, &st) == -1)
		return errno;
	return st.st_dev == d->dev && st.st_ino == d->ino ? 0 : EEXIST;
}

static void
door_close(struct door *d)
{
	if (d->fd == -1)
		return;
	if (look_at_name(d) == 0)
		unlink(d->path);
	ev_io_stop(d->all->loop, &d->io);
	close(d->fd);
	d->fd = -1;
}

static void
door_free(struct door *d)
{
	door_close(d);
	if (d->to.ref != NULL)
		forwardings_of_device(d->all, d->to.ref);
	TAILQ_REMOVE(&d->all->list, d, link);
	hashtab_remove(&d->all->by_name, &d->by_name);
	d->all->count--;
	whither_finish(&d->to);
	free(d->path);
	free(d);
}

/* ---- which there are ---- */

/* Its name is one of a file. */
static bool
has_door(const struct device_conf *c)
{
	return strchr(c->name, '/') == NULL && c->name[0] != '.';
}

/* Its commands may run on a command line. */
static bool
has_shell(const struct device_conf *c)
{
	return c->driver != DRIVER_EXEC && c->device_type != NULL && strcmp(c->device_type, "linux") != 0;
}

static struct door *
find(struct doors *all, const char *device)
{
	struct hash_entry *e;

	for (e = hashtab_find(&all->by_name, hash_string(device)); e != NULL; e = hashtab_next(e)) {
		if (strcmp(NP_CONTAINER(e, struct door, by_name)->to.device, device) == 0)
			return NP_CONTAINER(e, struct door, by_name);
	}
	return NULL;
}

static struct door *
door_create(struct doors *all, const char *device)
{
	struct door *d = xcalloc(1, sizeof(*d));

	d->all = all;
	d->to.device = xstrdup(device);
	d->path = xasprintf("%s/%s", all->folder, device);
	d->fd = -1;
	TAILQ_INSERT_TAIL(&all->list, d, link);
	hashtab_put(&all->by_name, &d->by_name, hash_string(device));
	all->count++;
	return d;
}

/* As JSON. */
static char *
quoted(const char *name)
{
	cJSON *text = cJSON_CreateString(name);
	char *printed = xchecked(cJSON_PrintUnformatted(text)), *copy = xstrdup(printed);

	cJSON_free(printed);
	cJSON_Delete(text);
	return copy;
}

/* Sessions and clients need descriptors as well. */
static int
most_doors(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < INT_MAX ? (int)(limit.rlim_cur / 4)
										     : INT_MAX;
}

void
doors_follow(struct doors *all, const struct config *config)
{
	struct door *d, *next;
	int most = most_doors();

	if (all->lock == -1)
		return;
	TAILQ_FOREACH (d, &all->list, link)
		d->wanted = d == all->everybodys;
	for (size_t i = 0; i < config->devices_count; i++) {
		const struct device_conf *c = config->devices[i];
		if (!has_door(c))
			continue;
		d = find(all, c->name);
		if (d == NULL && all->count >= most) {
			log_warning(
			    "door", "no sockets for ssh behind the first %d: too few open files (ulimit -n)", most);
			break;
		}
		if (d == NULL) {
			door_open(d = door_create(all, c->name));
			d->to.ref = quoted(c->name);
		}
		d->wanted = true;
		d->to.shell = has_shell(c);
	}
	TAILQ_FOREACH_SAFE (d, &all->list, link, next) {
		if (!d->wanted)
			door_free(d);
	}
}

const char *
doors_announce(struct doors *all, pid_t pid, const struct whither *to, struct np_error *err)
{
	if (all->everybodys != NULL && all->everybodys->fd >= 0)
		return guest_announce(all, pid, to, err) == 0 ? all->everybodys->path : NULL;
	error_set(err, REASON_INTERNAL, "there is no socket for ssh");
	return NULL;
}

/* ---- their life ---- */

/* With all that was in it. */
static void
make_again(struct doors *all)
{
	struct door *d;

	log_warning("door", "%s was removed by others: made again", all->folder);
	close(all->lock);
	all->lock = -1;
	folder_take(all);
	TAILQ_FOREACH (d, &all->list, link) {
		door_close(d);
		if (all->lock != -1)
			door_open(d);
	}
}

/* Somebody has removed one: made again.  Where another stands in its place, that is left alone. */
void
doors_tick(struct doors *all)
{
	struct door *d;
	struct stat st;

	guests_forget(all, clock_now());
	TAILQ_FOREACH (d, &all->list, link)
		if (d->fd >= 0)
			ev_io_start(all->loop, &d->io);
	if (all->lock == -1)
		return;
	if (!folder_is_ours(all, &st)) {
		make_again(all);
		return;
	}
	if (st.st_mtim.tv_sec == all->changed.tv_sec && st.st_mtim.tv_nsec == all->changed.tv_nsec)
		return;
	all->changed = st.st_mtim;
	TAILQ_FOREACH (d, &all->list, link) {
		if (d->fd >= 0 && look_at_name(d) == ENOENT) {
			log_warning("door", "%s was removed by others: made again", d->path);
			door_close(d);
			door_open(d);
		}
	}
}

/* Some ssh says that its terminal has another size: there is no telling which. */
static void
on_resized(struct ev_loop *loop NP_UNUSED, ev_signal *w, int revents NP_UNUSED)
{
	struct doors *all = w->data;
	struct visit *v;

	TAILQ_FOREACH (v, &all->visits, link)
		tty_resized(v);
}

struct doors *
doors_create(struct ev_loop *loop, const char *socket_path, const struct door_events *events, void *arg)
{
	struct doors *all = xcalloc(1, sizeof(*all));
	const char *slash = strrchr(socket_path, '/');

	all->loop = loop;
	all->events = events;
	all->arg = arg;
	all->lock = -1;
	TAILQ_INIT(&all->list);
	TAILQ_INIT(&all->guests);
	TAILQ_INIT(&all->visits);
	TAILQ_INIT(&all->forwardings);
	all->folder =
	    xasprintf("%.*s/mux", slash != NULL ? (int)(slash - socket_path) : 1, slash != NULL ? socket_path : ".");
	ev_signal_init(&all->resized, on_resized, SIGWINCH);
	all->resized.data = all;
	ev_signal_start(loop, &all->resized);
	if (socket_path[0] != '@')
		doors_open(all);
	return all;
}

void
doors_open(struct doors *all)
{
	folder_take(all);
	if (all->lock != -1)
		door_open(all->everybodys = door_create(all, EVERYBODYS));
}

void
doors_close(struct doors *all)
{
	struct door *d;

	while ((d = TAILQ_FIRST(&all->list)) != NULL)
		door_free(d);
	all->everybodys = NULL;
	guests_forget(all, INFINITY);
	if (all->lock == -1)
		return;
	(void)rmdir(all->folder); /* where nobody else has left something */
	close(all->lock);
	all->lock = -1;
}

void
doors_destroy(struct doors *all)
{
	if (all == NULL)
		return;
	doors_close(all);
	ev_signal_stop(all->loop, &all->resized);
	hashtab_finish(&all->by_name);
	free(all->folder);
	free(all);
}
