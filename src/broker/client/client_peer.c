/*
 * Clients that come by the socket: their end is a peer.
 */
#include "broker/client/client_impl.h"
#include "serve/peer.h"

/* ---- what the client says to its end ---- */

static void
end_send(void *at, const char *json, size_t json_size, const void *data, size_t size)
{
	peer_send(at, json, json_size, data, size);
}

static size_t
end_room(void *at)
{
	return peer_stream_room(at);
}

static void
end_close(void *at, bool at_once)
{
	if (at_once)
		peer_close(at);
	else
		peer_close_after_flush(at);
}

static bool
end_is_closing(const void *at)
{
	return peer_is_closing(at);
}

static bool
end_is_flushing(const void *at)
{
	return peer_is_flushing(at);
}

static bool
end_has_left(const void *at)
{
	return peer_has_left(at);
}

static bool
end_lives(const void *at)
{
	return peer_process_lives(at);
}

static struct client_bytes
end_bytes(const void *at)
{
	return (struct client_bytes){peer_bytes_in(at), peer_bytes_out(at), peer_out_pending(at)};
}

static int
end_take_descriptor(void *at)
{
	return peer_take_descriptor(at);
}

static const struct client_end end = {
    .send = end_send,
    .room = end_room,
    .close = end_close,
    .is_closing = end_is_closing,
    .is_flushing = end_is_flushing,
    .lives = end_lives,
    .has_left = end_has_left,
    .bytes = end_bytes,
    .take_descriptor = end_take_descriptor,
};

/* ---- what the peer tells ---- */

static void
on_frame(struct peer *peer NP_UNUSED, const struct frame *frame, void *arg)
{
	client_said(arg, frame);
}

static void
on_drained(struct peer *peer NP_UNUSED, void *arg)
{
	client_drained(arg);
}

static void
on_violated(struct peer *peer NP_UNUSED, const struct np_error *err, void *arg)
{
	client_violated(arg, err);
}

static void
on_closed(struct peer *peer NP_UNUSED, void *arg)
{
	client_gone(arg);
}

static const struct peer_events peer_callbacks = {
    .frame = on_frame,
    .drained = on_drained,
    .violated = on_violated,
    .closed = on_closed,
};

struct client *
clients_accept(struct clients *all, uint64_t id, int fd, uid_t uid, pid_t pid)
{
	struct client *client = clients_admit(all, id, uid, pid, &end, NULL);

	client->at = peer_create(all->loop, id, fd, pid, &peer_callbacks, client);
	return client;
}
