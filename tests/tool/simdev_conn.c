/*
 * One connection of simdev, in a thread of its own: handshake, channels.
 *
 * libssh's callbacks only note what was asked; the loop below acts on it, as libssh answers a request only after its
 * callback has returned.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool/simdev_conn.h"

const struct sim_options *
sim_channel_options(const struct sim_channel *ch)
{
	return ch->conn->options;
}

struct sim_device *
sim_channel_device(const struct sim_channel *ch)
{
	return ch->conn->device;
}

const char *
sim_channel_user(const struct sim_channel *ch)
{
	return ch->conn->user != NULL ? ch->conn->user : "";
}

bool
sim_channel_is_eof(const struct sim_channel *ch)
{
	return ssh_channel_is_eof(ch->ssh) != 0;
}

void
sim_channel_drop(struct sim_channel *ch)
{
	ch->dropped = true;
	ch->conn->drop = true;
}

size_t
sim_channel_room(const struct sim_channel *ch)
{
	return ch->ended || ch->closed ? 0 : ssh_channel_window_size(ch->ssh);
}

size_t
sim_channel_write(struct sim_channel *ch, const void *p, size_t n, bool is_stderr)
{
	size_t room = sim_channel_room(ch);
	uint32_t size = (uint32_t)(n < room ? n : room);
	if (size == 0)
		return 0;
	int rc = is_stderr ? ssh_channel_write_stderr(ch->ssh, p, size) : ssh_channel_write(ch->ssh, p, size);
	return rc > 0 ? (size_t)rc : 0;
}

int
sim_channel_read(struct sim_channel *ch, void *p, size_t n)
{
	int rc = ssh_channel_read_nonblocking(ch->ssh, p, (uint32_t)n, 0);
	if (rc > 0)
		return rc;
	return rc == SSH_ERROR || rc == SSH_EOF || ssh_channel_is_eof(ch->ssh) ? -1 : 0;
}

void
sim_channel_end(struct sim_channel *ch, int status, const char *signal)
{
	if (ch->ended || ch->closed)
		return;
	if (!ch->conn->options->no_status) {
		if (status >= 0)
			ssh_channel_request_send_exit_status(ch->ssh, status);
		else if (signal != NULL)
			ssh_channel_request_send_exit_signal(ch->ssh, signal, 0, "as told", "");
	}
	ssh_channel_send_eof(ch->ssh);
	ssh_channel_close(ch->ssh);
	ch->ended = true;
}

static void
on_global_request(ssh_session session, ssh_message message, void *arg)
{
	struct sim_conn *c = arg;
	(void)session;
	sim_event(c->options, "keepalive %s", c->peer);
	if (!c->options->no_keepalive)
		ssh_message_global_request_reply_success(message, 0);
}

/* ---- channels ---- */

static int
on_exec(ssh_session session, ssh_channel channel, const char *command, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	sim_event(ch->conn->options, "exec %s", command);
	if (ch->conn->options->refuse_exec || ch->program != NULL ||
	    (ch->conn->options->exec_once && ch->conn->execs > 0))
		return 1;
	ch->conn->execs++;
	ch->command = strdup(command);
	ch->program = sim_device_scenario(ch->conn->device) != NULL ? &sim_shell_program : &sim_exec_program;
	return 0;
}

static int
on_shell(ssh_session session, ssh_channel channel, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	if (sim_device_scenario(ch->conn->device) == NULL || ch->program != NULL)
		return 1;
	ch->program = &sim_shell_program;
	return 0;
}

static int
on_resize(ssh_session session, ssh_channel channel, int cols, int rows, int px, int py, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	(void)px;
	(void)py;
	ch->cols = cols;
	ch->rows = rows;
	return 0;
}

static int
on_pty(ssh_session session, ssh_channel channel, const char *term, int cols, int rows, int px, int py, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	(void)term;
	(void)px;
	(void)py;
	ch->pty = true;
	ch->cols = cols;
	ch->rows = rows;
	return 0;
}

static void
on_signal(ssh_session session, ssh_channel channel, const char *signal, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	sim_event(ch->conn->options, "signal %s", signal);
	free(ch->signal);
	ch->signal = strdup(signal);
}

static void
on_close(ssh_session session, ssh_channel channel, void *arg)
{
	struct sim_channel *ch = arg;
	(void)session;
	(void)channel;
	ch->closed = true;
}

static ssh_channel
on_open(ssh_session session, void *arg)
{
	struct sim_conn *c = arg;
	const struct sim_options *o = c->options;
	if (c->channels_count == SIM_CHANNELS_MAX || (o->max_channels > 0 && c->channels_count >= o->max_channels) ||
	    (o->all_channels > 0 && c->channels_total >= o->all_channels)) {
		sim_event(o, "channel refused %s", sim_device_address(c->device));
		return NULL;
	}
	struct sim_channel *ch = calloc(1, sizeof(*ch));
	if (ch == NULL)
		abort();
	int slot = 0;
	while (c->callbacks[slot].userdata != NULL)
		slot++;
	struct ssh_channel_callbacks_struct *callbacks = &c->callbacks[slot];
	*callbacks = (struct ssh_channel_callbacks_struct){.userdata = ch,
	    .channel_exec_request_function = on_exec,
	    .channel_shell_request_function = on_shell,
	    .channel_pty_window_change_function = on_resize,
	    .channel_pty_request_function = on_pty,
	    .channel_signal_function = on_signal,
	    .channel_close_function = on_close};
	ssh_callbacks_init(callbacks);
	ch->conn = c;
	ch->ssh = ssh_channel_new(session);
	ssh_set_channel_callbacks(ch->ssh, callbacks);
	c->channels[c->channels_count++] = ch;
	c->channels_total++;
	return ch->ssh;
}

static void
sim_channel_free(struct sim_conn *c, int index)
{
	struct sim_channel *ch = c->channels[index];
	for (int slot = 0; slot < SIM_CHANNELS_MAX; slot++)
		if (c->callbacks[slot].userdata == ch) {
			ssh_remove_channel_callbacks(ch->ssh, &c->callbacks[slot]);
			c->callbacks[slot].userdata = NULL;
		}
	if (!ch->ended && ssh_is_connected(c->session)) {
		sim_event(c->options, "closed by client: %s", ch->command != NULL ? ch->command : "");
		ssh_channel_close(ch->ssh);
	}
	ssh_channel_free(ch->ssh);
	free(ch->command);
	free(ch->signal);
	if (ch->state != NULL && ch->program->finish != NULL)
		ch->program->finish(ch);
	free(ch->state);
	free(ch);
	c->channels[index] = c->channels[--c->channels_count];
	if (c->channels_count == 0 && c->options->last_closes && !c->drop)
		c->drop = c->polite = true;
}

static bool
channels_run(struct sim_conn *c, double now, double *wake)
{
	bool moved = false;
	for (int i = c->channels_count; i-- > 0;) {
		struct sim_channel *ch = c->channels[i];
		if (ch->program != NULL && !ch->ended)
			moved |= ch->program->run(ch, now, wake);
		if (ch->closed)
			sim_channel_free(c, i);
	}
	return moved;
}

/* ---- the connection ---- */

static int
on_wake(socket_t fd, int revents, void *arg)
{
	uint64_t n;
	(void)revents;
	(void)arg;
	(void)!read(fd, &n, sizeof(n));
	return 0;
}

static void
mail_run(struct sim_conn *c)
{
	struct sim_mailbox box = STAILQ_HEAD_INITIALIZER(box);
	sim_device_collect(c->device, &c->link, &box);
	for (struct sim_mail *mail; (mail = STAILQ_FIRST(&box)) != NULL;) {
		STAILQ_REMOVE_HEAD(&box, entry);
		c->drop |= mail->what == SIM_MAIL_DROP;
		for (int i = 0; i < c->channels_count; i++)
			if (c->channels[i]->program != NULL && c->channels[i]->program->mail != NULL)
				c->channels[i]->program->mail(c->channels[i], mail);
		sim_mail_free(mail);
	}
}

static void
conn_loop(struct sim_conn *c)
{
	ssh_event event = ssh_event_new();
	ssh_event_add_session(event, c->session);
	ssh_event_add_fd(event, c->link.wake_fd, POLLIN, on_wake, c);
	while (ssh_is_connected(c->session)) {
		mail_run(c);
		double now = sim_now(), wake = now + 3600;
		/* A channel's read or write may take in packets of the others, after which no readiness follows. */
		bool moved = channels_run(c, now, &wake);
		/* One a turn: each waits for its answer. */
		if (c->channels_total > 0 && c->globals < c->options->globals) {
			ssh_send_keepalive(c->session);
			c->globals++;
			moved = true;
		}
		if (c->drop)
			break;
		int wait_ms = moved ? 0 : (int)((wake - now) * 1000) + 1;
		if (ssh_event_dopoll(event, wait_ms) == SSH_ERROR)
			break;
	}
	while (c->channels_count > 0) {
		c->channels[0]->closed = true;
		if (c->channels[0]->program != NULL && !c->channels[0]->ended)
			c->channels[0]->program->run(c->channels[0], sim_now(), &(double){0});
		sim_channel_free(c, 0);
	}
	ssh_event_remove_fd(event, c->link.wake_fd);
	ssh_event_remove_session(event, c->session);
	ssh_event_free(event);
}

/* Breaks it so that all that was sent arrives: closing with unread bytes would take it back. */
static void
conn_break(struct sim_conn *c)
{
	struct pollfd p = {.fd = ssh_get_fd(c->session), .events = POLLIN};
	double end = sim_now() + 2;
	char block[4096];
	if (shutdown(p.fd, SHUT_WR) == 0)
		while (sim_now() < end && poll(&p, 1, 200) >= 0)
			if (p.revents != 0 && recv(p.fd, block, sizeof(block), MSG_DONTWAIT) <= 0)
				break;
	ssh_silent_disconnect(c->session);
}

static void
conn_serve_ssh(struct sim_conn *c, ssh_bind bind, int fd)
{
	const struct sim_options *o = c->options;
	struct ssh_server_callbacks_struct server = {.userdata = c, .channel_open_request_session_function = on_open};
	struct ssh_callbacks_struct common = {.userdata = c, .global_request_function = on_global_request};
	if (ssh_bind_accept_fd(bind, c->session, fd) != SSH_OK) {
		sim_event(o, "accept failed: %s", ssh_get_error(bind));
		return;
	}
	sim_auth_prepare(c, &server);
	ssh_callbacks_init(&server);
	ssh_callbacks_init(&common);
	ssh_set_server_callbacks(c->session, &server);
	ssh_set_callbacks(c->session, &common);
	if (o->rekey > 0)
		ssh_options_set(c->session, SSH_OPTIONS_REKEY_DATA, &o->rekey);
	if (ssh_handle_key_exchange(c->session) != SSH_OK)
		sim_event(o, "handshake failed: %s", ssh_get_error(c->session));
	else
		conn_loop(c);
	/* A broken connection says no goodbye. */
	if (c->drop && !c->polite)
		conn_break(c);
	else
		ssh_disconnect(c->session);
}

/* Misbehaviour that needs no SSH. */
static bool
conn_serve_badly(const struct sim_options *o, int fd)
{
	static const char greeting[] = "SSH-2.0-simdev\r\n";
	char c;
	if (o->drop)
		return send(fd, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) < 0 || read(fd, &c, 1) < 0 || true;
	if (o->drip) {
		for (const char *p = "SSH-2.0-"; send(fd, *p != '\0' ? p++ : "x", 1, MSG_NOSIGNAL) == 1;)
			sim_sleep(0.2);
		return true;
	}
	if (o->silent)
		while (read(fd, &c, 1) > 0)
			;
	return o->silent;
}

static void
conn_serve(struct sim_conn *c, int fd)
{
	const struct sim_options *o = c->options;
	bool no = false;
	ssh_bind bind = ssh_bind_new();
	c->session = ssh_new();
	ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
	ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, ssh_key_dup(o->host_key));
	if (o->banner != NULL)
		ssh_bind_options_set(bind, SSH_BIND_OPTIONS_BANNER, o->banner);
	conn_serve_ssh(c, bind, fd);
	ssh_free(c->session);
	ssh_bind_free(bind);
}

void
sim_conn_serve(const struct sim_options *options, struct sim_device *device, int fd, const char *peer)
{
	struct sim_conn *c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	sim_event(options, "connect %s %s", peer, sim_device_address(device));
	c->options = options;
	c->device = device;
	c->peer = peer;
	c->link.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->link.wake_fd < 0)
		abort();
	if (!sim_device_admit(device, &c->link)) {
		sim_event(options, "turned away %s", sim_device_address(device));
		close(fd);
	} else {
		if (conn_serve_badly(options, fd))
			close(fd);
		else
			conn_serve(c, fd);
		sim_device_leave(device, &c->link);
	}
	close(c->link.wake_fd);
	sim_event(options, "disconnect %s %s", peer, sim_device_address(device));
	free(c->user);
	free(c->kbdint_user);
	free(c);
}
