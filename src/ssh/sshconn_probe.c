/*
 * Signs of life of a session: the probe (keepalive@openssh.com, a global request that wants a reply) and the round-trip
 * time.  Called from the pump; main thread.
 *
 * libssh has no asynchronous global request, and in non-blocking mode ssh_send_keepalive() sends nothing while an
 * earlier request is unanswered.  So the reply is looked for with ssh_channel_cancel_forward(), which, while a global
 * request is pending, sends nothing and says SSH_AGAIN, and afterwards resets libssh's state.
 *
 * Some servers never answer, or answer UNIMPLEMENTED, which libssh does not match with the request: there any received
 * packet ends the probe, and libssh can never send the request again.  The next probe then sends SSH_MSG_IGNORE and is
 * answered when the peer's TCP has acknowledged all of it; that proves the host and the path, though not the server's
 * process, and is all that can be had.
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <libssh/server.h>

#include "base/clock.h"
#include "base/log.h"
#include "ssh/sshconn_impl.h"

/* A probe waits until what had arrived before it is read, so that old bytes are no answer; but not for ever. */
#define PROBE_PATIENCE 0.5

/* As TCP smooths it, RFC 6298 section 2. */
static void
rtt_sample(struct sshconn *s, double seconds)
{
	s->srtt = s->srtt < 0 ? seconds : s->srtt + (seconds - s->srtt) / 8;
}

void
sshconn_open_sample(struct sshconn *s, double seconds)
{
	if (s->open_rtt < 0 || seconds < s->open_rtt)
		s->open_rtt = seconds;
}

double
sshconn_rtt_guess(const struct sshconn *s)
{
	if (s->srtt >= 0 && (s->open_rtt < 0 || s->srtt < s->open_rtt))
		return s->srtt;
	return s->open_rtt >= 0 ? s->open_rtt : 0;
}

bool
sshconn_probe(struct session *base)
{
	struct sshconn *s = sshconn_of(base);

	if (s->state != SESSION_LIVE || s->probing)
		return false;
	s->probing = true;
	s->probe_wanted = true;
	s->probe_answered = false;
	s->probe_since = clock_now();
	sshconn_wake(s);
	return true;
}

static void
probe_send(struct sshconn *s)
{
	s->probe_wanted = false;
	s->probe_packets = s->raw_count.in_packets;
	s->probe_by_ack = s->request_pending || s->paused; /* which reads no answer */
	s->probe_sent = clock_now();
	if (s->probe_by_ack) {
		(void)ssh_send_ignore(s->ssh, "");
		return;
	}
	(void)ssh_send_keepalive(s->ssh);
	s->request_pending = true;
	s->request_sent = s->probe_sent;
}

static void
probe_answered(struct sshconn *s, double rtt)
{
	if (!s->probing || s->probe_wanted || s->probe_answered)
		return;
	s->probe_answered = true;
	s->probe_rtt = rtt;
}

/* Everything sent has been acknowledged by the peer's TCP. */
static bool
probe_acked(const struct sshconn *s)
{
	int unsent = 0;

	return (ssh_get_status(s->ssh) & SSH_WRITE_PENDING) == 0 && ioctl(s->fd, SIOCOUTQ, &unsent) == 0 && unsent == 0;
}

bool
sshconn_probe_service(struct sshconn *s, bool drained)
{
	bool moved = false;

	if (s->probe_wanted && (drained || clock_now() - s->probe_since > PROBE_PATIENCE)) {
		probe_send(s);
		moved = true;
	}
	if (s->request_pending && !s->paused && ssh_channel_cancel_forward(s->ssh, "", 0) != SSH_AGAIN &&
	    sshconn_alive(s)) {
		double rtt = clock_now() - s->request_sent;

		s->request_pending = false;
		rtt_sample(s, rtt);
		probe_answered(s, rtt);
		moved = true;
	}
	if (s->probing && !s->probe_wanted && (s->probe_by_ack || s->paused) && probe_acked(s))
		probe_answered(s, clock_now() - s->probe_sent);
	return moved;
}

void
sshconn_probe_note(struct sshconn *s)
{
	if (s->raw_count.in_packets == s->packets_seen)
		return;
	s->packets_seen = s->raw_count.in_packets;
	s->last_rx = clock_now();
	if (s->packets_seen > s->probe_packets)
		probe_answered(s, s->last_rx - s->probe_sent);
}

void
sshconn_probe_deliver(struct sshconn *s)
{
	if (!s->probe_answered)
		return;
	s->probe_answered = false;
	s->probing = false;
	if (s->base.events.probed != NULL)
		s->base.events.probed(&s->base, s->probe_rtt, s->base.arg);
}
