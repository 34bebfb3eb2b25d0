/*
 * Facts about an SSH connection that all parts call for and that call none of them: whether it lives, how its end
 * begins (the reason is noted once, and the pump takes the connection down in its own turn of the loop), and how many
 * channels the server bears at a time: the configured limit, and what its refusals teach.  Main thread.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/state.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "ssh/sshconn_impl.h"

/* A slot that the server is about to free may be refused; see sshconn_refusal_is_race(). */
#define OPEN_TRIES 8
#define OPEN_RACE_SECONDS 1.0

void
sshconn_move(struct sshconn *s, enum session_state state)
{
	static const char *const names[] = {
	    [SESSION_LIVE] = "live",
	    [SESSION_ENDING] = "ending",
	    [SESSION_REAPING] = "reaping",
	    [SESSION_GONE] = "gone",
	};
	static const unsigned moves[] = {
	    [SESSION_LIVE] = STATE_TO(SESSION_ENDING),
	    [SESSION_ENDING] = STATE_TO(SESSION_REAPING),
	    [SESSION_REAPING] = STATE_TO(SESSION_GONE),
	    [SESSION_GONE] = 0,
	};
	static const struct state_machine machine = {"session", names, moves};

	if (state_may_move(&machine, s->state, state, "%s: connection", s->base.name))
		s->state = state;
}

void
sshconn_wake(struct sshconn *s)
{
	if (s->pumping) /* others have their turn first */
		ev_idle_start(s->loop, &s->wake);
	else
		ev_feed_event(s->loop, &s->turn, EV_CUSTOM);
}

bool
sshconn_alive(const struct sshconn *s)
{
	return ssh_is_connected(s->ssh) && (ssh_get_status(s->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)) == 0;
}

void
sshconn_end(struct sshconn *s, enum np_reason reason, const char *text)
{
	if (s->state != SESSION_LIVE)
		return;
	sshconn_move(s, SESSION_ENDING);
	s->unsent = reason == REASON_NONE ? REASON_CONNECT_FAILED : reason;
	s->why = xcalloc(1, sizeof *s->why);
	error_set(s->why, reason, "%s", text);
	sshconn_wake(s);
}

void
sshconn_violated(struct sshconn *s, const char *text)
{
	char why[512];

	(void)snprintf(why, sizeof why, "the server broke the protocol: %s", text);
	sshconn_end(s, REASON_CONNECT_FAILED, why);
}

/* libssh's words for what happens every day are riddles. */
void
sshconn_lost(struct sshconn *s)
{
	const char *error = ssh_get_error(s->ssh);
	char vis[384], text[512];

	(void)text_vis_into(vis, sizeof vis, error);
	if (strcmp(error, "Socket error: disconnected") == 0)
		(void)snprintf(text, sizeof text, "the server closed the connection");
	else if (error[0] == '\0' || strcmp(error, "Socket error: Success") == 0)
		(void)snprintf(text, sizeof text, "the connection was lost");
	else
		(void)snprintf(text, sizeof text, "the connection was lost (%s)", vis);
	s->lost = s->state == SESSION_LIVE;
	sshconn_end(s, REASON_CONNECT_FAILED, text);
}

/* ---- slots ---- */

/*
 * Whether the server counts a channel against its limit, as far as we know: our side of one that it has closed is
 * closed before anything else is opened.
 */
static bool
counts(const struct sshchan *ch)
{
	bool over = ch->state == CHAN_GONE || (ch->state == CHAN_CLOSING && ch->got_close);

	return !over && ch->base.spec.kind != CHANNEL_FORWARD;
}

int
sshconn_slots_used(const struct sshconn *s)
{
	const struct sshchan *ch;
	int n = 0;

	TAILQ_FOREACH (ch, &s->chans, link) {
		if (counts(ch) && ch != s->spare)
			n++;
	}
	return n;
}

bool
sshconn_has_slot(const struct sshconn *s)
{
	return s->state == SESSION_LIVE && !s->hoards && sshconn_slots_used(s) < s->slots_max;
}

static bool
is_open(const struct sshchan *ch)
{
	return ch->opened || (ch->ssh != NULL && ssh_channel_is_open(ch->ssh));
}

int
sshconn_confirmed(const struct sshconn *s)
{
	const struct sshchan *ch;
	int n = 0;

	TAILQ_FOREACH (ch, &s->chans, link)
		n += counts(ch) && is_open(ch);
	return n;
}

/* How many channels the server bears now, which may be more than ever before. */
static int
note_peak(struct sshconn *s)
{
	int confirmed = sshconn_confirmed(s);

	if (confirmed > s->peak)
		s->peak = confirmed;
	return confirmed;
}

/*
 * How many the server bore when it refused this one: it reads in order.  Those that were asked for before, and whose
 * CLOSE had not left when the OPEN did; that they have ended meanwhile may have been read together with the refusal.
 */
static int
borne_when_refused(const struct sshchan *ch)
{
	const struct sshchan *other;
	int n = (int)(ch->conn->closes - ch->closes_before);

	TAILQ_FOREACH (other, &ch->conn->chans, link)
		n += is_open(other) && other->base.spec.kind != CHANNEL_FORWARD && other->close_sent <= 0 &&
		     other->open_order < ch->open_order;
	return n;
}

void
sshconn_note_open(struct sshconn *s)
{
	s->refusals = 0;
	(void)note_peak(s);
}

/* The server bears no more than that at a time. */
static void
learn(struct sshconn *s, int limit)
{
	if (limit < 1)
		limit = 1;
	if (limit < s->peak)
		s->peak = limit;
	if (limit >= s->slots_max)
		return;
	log_info("session", "%s: the server bears %d channel%s at a time", s->base.name, limit, limit == 1 ? "" : "s");
	s->slots_max = limit;
	s->slots_changed = true;
}

/*
 * OpenSSH frees a slot a moment after it has read our CLOSE: an OPEN that arrives together with it is refused although
 * there is room.  So a refusal with fewer channels than were borne before, or shortly after a CLOSE, is tried again;
 * that costs a round trip and no command has been sent.
 */
bool
sshconn_refusal_is_race(struct sshchan *ch)
{
	struct sshconn *s = ch->conn;
	int borne = borne_when_refused(ch);

	(void)note_peak(s);
	if (borne >= s->peak && (s->last_close <= 0 || ch->open_sent - s->last_close >= OPEN_RACE_SECONDS))
		return false;
	return !ch->base.abandoned && ch->tries++ < OPEN_TRIES;
}

/*
 * Fewer than were borne before are believed of an OPEN alone that left when the refusal before it was known and no
 * CLOSE was on its way: of many that wait for one slot all but one are refused, whatever the limit is, and by the time
 * that is read others have ended.
 */
static bool
tells_of_less(const struct sshchan *ch)
{
	const struct sshconn *s = ch->conn;

	return s->refusals > 1 && ch->open_sent > s->refused_at &&
	       (s->last_close <= 0 || ch->open_sent - s->last_close >= OPEN_RACE_SECONDS);
}

int
sshconn_learn_refusal(struct sshchan *ch)
{
	struct sshconn *s = ch->conn;
	int borne = borne_when_refused(ch);

	(void)note_peak(s);
	s->refusals++;
	learn(s, s->peak > borne && !tells_of_less(ch) ? s->peak : borne);
	s->refused_at = clock_now();
	if (ch->is_spare && borne < s->slots_max)
		s->spares = false;
	return borne;
}
