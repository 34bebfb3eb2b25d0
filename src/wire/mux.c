/*
 * Messages between ssh and its ControlMaster; see mux.h.  All numbers are big-endian uint32, also what is yes or no; a
 * string is its size and its bytes (RFC 4251, section 5).
 */
#include "wire/mux.h"

#include <string.h>

#include "base/log.h"

#define MUX_HEADER_SIZE 4u /* the size of what follows */

/* ---- reading ---- */

/* What is left of a packet; `bad` once more was asked of it than it has. */
struct reader {
	const uint8_t *p;
	size_t left;
	bool bad;
};

static uint32_t
number_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
read_number(struct reader *r)
{
	uint32_t value;

	if (r->left < 4) {
		r->bad = true;
		return 0;
	}
	value = number_at(r->p);
	r->p += 4;
	r->left -= 4;
	return value;
}

static struct mux_text
read_text(struct reader *r)
{
	size_t size = read_number(r);
	struct mux_text text = {(const char *)r->p, size};

	if (r->bad || size > r->left) {
		r->bad = true;
		return (struct mux_text){"", 0};
	}
	r->p += size;
	r->left -= size;
	return text;
}

/* Pairs of a name and a value; none is known. */
static void
read_extensions(struct reader *r)
{
	while (r->left > 0 && !r->bad) {
		(void)read_text(r);
		(void)read_text(r);
	}
}

static void
read_session(struct reader *r, struct mux_message *m)
{
	struct reader env;

	(void)read_text(r); /* reserved */
	m->tty = read_number(r) != 0;
	m->x11 = read_number(r) != 0;
	m->agent = read_number(r) != 0;
	m->subsystem = read_number(r) != 0;
	m->escape = read_number(r);
	m->term = read_text(r);
	m->command = read_text(r);
	m->env = (struct mux_text){(const char *)r->p, r->left};
	for (env = *r; env.left > 0 && !env.bad;)
		(void)read_text(&env);
	r->bad |= env.bad;
}

static void
read_members(struct reader *r, struct mux_message *m)
{
	if (m->type == MUX_HELLO) {
		m->version = read_number(r);
		read_extensions(r);
		return;
	}
	m->id = read_number(r);
	if (m->type == MUX_NEW_SESSION) {
		read_session(r, m);
	} else if (m->type == MUX_NEW_STDIO_FORWARD) {
		(void)read_text(r); /* reserved */
		m->host = read_text(r);
		m->port = read_number(r);
	} else if (m->type == MUX_OPEN_FORWARD || m->type == MUX_CLOSE_FORWARD) {
		m->forward = read_number(r);
		m->listen_host = read_text(r);
		m->listen_port = read_number(r);
		m->host = read_text(r);
		m->port = read_number(r);
	}
}

enum frame_status
mux_peek(const uint8_t *p, size_t n, struct mux_message *m, struct np_error *err)
{
	struct reader r;
	size_t size;

	memset(m, 0, sizeof(*m));
	if (n < MUX_HEADER_SIZE)
		return FRAME_MORE;
	size = number_at(p);
	if (size > MUX_PACKET_MAX) {
		error_set(
		    err, REASON_PARSE_ERROR, "a message of %zu bytes: ssh's have at most %u", size, MUX_PACKET_MAX);
		return FRAME_BAD;
	}
	if (n < MUX_HEADER_SIZE + size)
		return FRAME_MORE;
	m->total = MUX_HEADER_SIZE + size;
	r = (struct reader){p + MUX_HEADER_SIZE, size, false};
	m->type = read_number(&r);
	read_members(&r, m);
	if (!r.bad)
		return FRAME_READY;
	error_set(err, REASON_PARSE_ERROR, "a message of type 0x%08x that ends too soon", (unsigned)m->type);
	return FRAME_BAD;
}

bool
mux_next_env(struct mux_message *m, struct mux_text *env)
{
	struct reader r = {(const uint8_t *)m->env.p, m->env.size, false};

	if (r.left == 0)
		return false;
	*env = read_text(&r);
	m->env = (struct mux_text){(const char *)r.p, r.left};
	return !r.bad;
}

/* ---- writing ---- */

/* Answers are small, and there is room for them: see mux.h. */
static void
add_number(struct buf *out, uint32_t value)
{
	if (buf_append_u32(out, value) == -1)
		log_error("door", "an answer does not fit");
}

static void
add_header(struct buf *out, enum mux_type type, size_t rest)
{
	add_number(out, (uint32_t)(4 + rest));
	add_number(out, type);
}

void
mux_add_hello(struct buf *out)
{
	add_header(out, MUX_HELLO, 4);
	add_number(out, MUX_VERSION);
}

void
mux_add_ok(struct buf *out, uint32_t id)
{
	add_header(out, MUX_OK, 4);
	add_number(out, id);
}

void
mux_add_number(struct buf *out, enum mux_type type, uint32_t id, uint32_t number)
{
	add_header(out, type, 8);
	add_number(out, id);
	add_number(out, number);
}

void
mux_add_refusal(struct buf *out, enum mux_type type, uint32_t id, const char *reason)
{
	size_t size = strnlen(reason, MUX_REASON_MAX);

	add_header(out, type, 8 + size);
	add_number(out, id);
	add_number(out, (uint32_t)size);
	if (buf_append(out, reason, size) == -1)
		log_error("door", "an answer does not fit");
}

void
mux_add_tty_alloc_fail(struct buf *out, uint32_t session)
{
	add_header(out, MUX_TTY_ALLOC_FAIL, 4);
	add_number(out, session);
}
