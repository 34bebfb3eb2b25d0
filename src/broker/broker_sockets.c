/*
 * Sockets beside the broker's own (`sockets` of the configuration): what one hands to others, each with a role.  Owns
 * their listeners.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "broker/broker_impl.h"

struct shared_socket {
	TAILQ_ENTRY(shared_socket) link;
	struct broker *broker;
	struct socket_conf conf; /* as it was configured; owned */
	struct listener *listener;
	bool wanted;
};

static void
on_accept(int fd, const struct paths_peer *peer, void *arg)
{
	struct shared_socket *s = arg;

	s->broker->admit(s->broker, fd, peer, s->conf.role);
}

static const struct listener_events callbacks = {.accepted = on_accept};

static void
socket_destroy(struct shared_socket *s)
{
	TAILQ_REMOVE(&s->broker->sockets, s, link);
	listener_destroy(s->listener);
	free(s->conf.path);
	free(s->conf.mode);
	free(s->conf.owner);
	free(s->conf.group);
	free(s->conf.role);
	free(s);
}

static int
socket_open(struct shared_socket *s, struct np_error *err)
{
	struct sockfile_access access;

	if (sockfile_access(&access, s->conf.mode, s->conf.owner, s->conf.group, err) == -1)
		return -1;
	s->listener = listener_create_shared(s->broker->loop, s->conf.path, &access, &callbacks, s, err);
	if (s->listener == NULL)
		return -1;
	log_info("broker", "%s: socket for role %s", s->conf.path, s->conf.role);
	return 0;
}

static int
socket_add(struct broker *b, const struct socket_conf *conf, struct np_error *err)
{
	struct shared_socket *s = xcalloc(1, sizeof(*s));

	s->broker = b;
	s->wanted = true;
	s->conf = *conf;
	s->conf.path = xstrdup(conf->path);
	s->conf.mode = xstrdup_null(conf->mode);
	s->conf.owner = xstrdup_null(conf->owner);
	s->conf.group = xstrdup_null(conf->group);
	s->conf.role = xstrdup(conf->role);
	TAILQ_INSERT_TAIL(&b->sockets, s, link);
	if (socket_open(s, err) == 0)
		return 0;
	error_prefix(err, "%s", conf->where);
	socket_destroy(s);
	return -1;
}

/* ---- as it is configured ---- */

static bool
is_same(const struct socket_conf *a, const struct socket_conf *b)
{
	return strcmp(a->path, b->path) == 0 && strcmp(a->role, b->role) == 0 && text_equal(a->mode, b->mode) &&
	       text_equal(a->owner, b->owner) && text_equal(a->group, b->group);
}

static struct shared_socket *
find(const struct broker *b, const struct socket_conf *conf)
{
	struct shared_socket *s;

	TAILQ_FOREACH (s, &b->sockets, link) {
		if (is_same(&s->conf, conf))
			return s;
	}
	return NULL;
}

static bool
has_socket(const struct broker *b, const char *role)
{
	const struct shared_socket *s;

	if (b->config->system && strcmp(role, POLICY_USERS) == 0)
		return true;
	TAILQ_FOREACH (s, &b->sockets, link) {
		if (strcmp(s->conf.role, role) == 0)
			return true;
	}
	return false;
}

/* What was handed out is taken back, from those who hold it, too. */
static void
close_orphans(struct broker *b)
{
	struct client *client;

	for (client = clients_next(b->clients, NULL); client != NULL; client = clients_next(b->clients, client)) {
		if (!client_is_main(client) && !has_socket(b, client_who(client)->role))
			client_close(client);
	}
}

int
broker_sockets_follow(struct broker *b, const struct config *config, struct np_error *err)
{
	struct shared_socket *s, *next;
	struct np_error why;
	int rc = 0;

	TAILQ_FOREACH (s, &b->sockets, link)
		s->wanted = false;
	for (size_t i = 0; i < config->sockets_count; i++) {
		if ((s = find(b, &config->sockets[i])) != NULL)
			s->wanted = true;
	}
	TAILQ_FOREACH_SAFE (s, &b->sockets, link, next) {
		if (!s->wanted)
			socket_destroy(s);
	}
	for (size_t i = 0; i < config->sockets_count; i++) {
		if (find(b, &config->sockets[i]) == NULL && socket_add(b, &config->sockets[i], &why) == -1) {
			if (rc == 0)
				*err = why;
			rc = -1;
		}
	}
	close_orphans(b);
	return rc;
}

/* All are tried; err is the first one's. */
int
broker_sockets_show(struct broker *b, struct np_error *err)
{
	struct shared_socket *s, *next;
	struct np_error why;
	int rc = 0;

	TAILQ_FOREACH_SAFE (s, &b->sockets, link, next) {
		if (listener_show(s->listener, &why) == 0)
			continue;
		if (rc == 0)
			*err = why;
		rc = -1;
		socket_destroy(s);
	}
	return rc;
}

cJSON *
broker_sockets_json(const struct broker *b)
{
	cJSON *list = cJSON_CreateArray(), *o;
	const struct shared_socket *s;

	TAILQ_FOREACH (s, &b->sockets, link) {
		cJSON_AddItemToArray(list, o = cJSON_CreateObject());
		cJSON_AddStringToObject(o, "path", s->conf.path);
		cJSON_AddStringToObject(o, "role", s->conf.role);
	}
	return list;
}

int
broker_sockets_hand_over(struct broker *b, struct np_error *err)
{
	struct shared_socket *s;

	TAILQ_FOREACH (s, &b->sockets, link) {
		if (listener_hand_over(s->listener, err) == -1) {
			broker_sockets_take_back(b);
			return -1;
		}
	}
	return 0;
}

void
broker_sockets_take_back(struct broker *b)
{
	struct shared_socket *s;

	TAILQ_FOREACH (s, &b->sockets, link)
		(void)listener_take_back(s->listener);
}

void
broker_sockets_close(struct broker *b)
{
	while (!TAILQ_EMPTY(&b->sockets))
		socket_destroy(TAILQ_FIRST(&b->sockets));
}
