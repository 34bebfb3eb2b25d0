/*
 * How many channels a server bears at a time: the configured limit, and what its refusals teach.  Called by the pump
 * and by channels, calls none of them.  Main thread.
 */
#include "base/log.h"
#include "ssh/sshconn_impl.h"

/* A slot that the server is about to free may be refused; see sshconn_refusal_is_race(). */
#define OPEN_TRIES 8
#define OPEN_RACE_SECONDS 1.0

/* Whether the server counts a channel against its limit, as far as we know. */
static bool
counts(const struct sshchan *ch)
{
	return ch->state != CHAN_GONE && ch->base.spec.kind != CHANNEL_FORWARD;
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

int
sshconn_confirmed(const struct sshconn *s)
{
	const struct sshchan *ch;
	int n = 0;

	TAILQ_FOREACH (ch, &s->chans, link) {
		if (counts(ch) && (ch->opened || (ch->ssh != NULL && ssh_channel_is_open(ch->ssh))))
			n++;
	}
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
	int confirmed = note_peak(s);

	if (confirmed >= s->peak && (s->last_close <= 0 || ch->open_sent - s->last_close >= OPEN_RACE_SECONDS))
		return false;
	return !ch->base.abandoned && ch->tries++ < OPEN_TRIES;
}

int
sshconn_learn_refusal(struct sshchan *ch)
{
	struct sshconn *s = ch->conn;
	int confirmed = note_peak(s);

	s->refusals++;
	learn(s, s->refusals == 1 && s->peak > confirmed ? s->peak : confirmed);
	if (ch->is_spare && confirmed < s->slots_max)
		s->spares = false;
	return confirmed;
}
