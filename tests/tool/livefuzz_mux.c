/*
 * livefuzz: what an ssh says to its ControlMaster (PROTOCOL.mux of OpenSSH), with descriptors of all kinds.
 */
#include "tool/livefuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/mux.h"

static const uint32_t types[] = {MUX_NEW_SESSION, MUX_NEW_SESSION, MUX_NEW_SESSION, MUX_NEW_SESSION, MUX_NEW_SESSION,
    MUX_ALIVE_CHECK, MUX_ALIVE_CHECK, MUX_NEW_STDIO_FORWARD, MUX_NEW_STDIO_FORWARD, MUX_OPEN_FORWARD, MUX_OPEN_FORWARD,
    MUX_CLOSE_FORWARD, MUX_CLOSE_FORWARD, MUX_TERMINATE, MUX_STOP_LISTENING, 0x10000001, 0x10000003, 0x7fffffff};

static void
add_number(struct fuzz_case *c, uint32_t value)
{
	if (buf_append_u32(&c->out, value) == -1)
		abort();
}

/* Its size is now and then another. */
static void
add_bytes(struct fuzz_case *c, const char *text, size_t size)
{
	static const uint32_t sizes[] = {0xffffffff, 0x7fffffff, 1000000, 262144, 5};
	bool lies = !c->polite && fuzz_draw(c, 60) == 0;

	c->broken |= lies;
	add_number(c, lies ? fuzz_pick(c, sizes) : (uint32_t)size);
	if (buf_append(&c->out, text, size) == -1)
		abort();
}

static void
add_text(struct fuzz_case *c, const char *text)
{
	add_bytes(c, text, strlen(text));
}

static void
put_number(struct buf *b, size_t at, size_t value)
{
	for (int i = 0; i < 4; i++)
		b->data[b->off + at + (size_t)i] = (uint8_t)(value >> (24 - 8 * i));
}

static void
add_session(struct fuzz_case *c)
{
	static const char *const commands[] = {"true", "exit 3", "echo hello", "stderr hello", "cat", "cat", "sink",
	    "sleep 0.05", "stubborn 0.2", "flood 500000", "hang", "signal TERM", "no-status", "show version", "",
	    "sftp", "\xff\xfe", "echo \xc3\xa9"};
	static const char *const env[] = {"LANG=C", "LANG=de_DE", "X", "=", "=x", "NAME=", "A=\xff", "A=b\nc"};

	add_text(c, fuzz_draw(c, 30) > 0 ? "" : "reserved");
	add_number(c, fuzz_draw(c, 3) == 0);                                /* terminal */
	add_number(c, fuzz_draw(c, 20) == 0);                               /* X11 */
	add_number(c, fuzz_draw(c, 20) == 0);                               /* agent */
	add_number(c, fuzz_draw(c, 10) == 0);                               /* subsystem */
	add_number(c, fuzz_draw(c, 2) ? MUX_NO_ESCAPE : fuzz_draw(c, 300)); /* escape character */
	add_text(c, fuzz_draw(c, 4) > 0 ? "xterm" : fuzz_text(c));
	if (fuzz_draw(c, 30) == 0)
		add_bytes(c, "a\0b", 3);
	else
		add_text(c, fuzz_draw(c, 20) > 0 ? fuzz_pick(c, commands) : fuzz_text(c));
	for (unsigned n = fuzz_draw(c, fuzz_draw(c, 20) > 0 ? 3 : 400); n > 0; n--)
		add_text(c, fuzz_pick(c, env));
}

/* Ports that the broker would listen at are free ones, and never 1: other tests count on nobody there. */
static void
add_forward(struct fuzz_case *c)
{
	static const char *const hosts[] = {
	    "127.0.0.1", "localhost", "::1", "", "nosuch host", "/nonexistent/a", "\xff"};
	static const uint32_t listened[] = {0, 0, 0, MUX_PORT_PATH, 0xffffffff, 65536};
	static const uint32_t ports[] = {0, MUX_PORT_PATH, 0xffffffff, 65536, 1};

	add_number(c, 1 + fuzz_draw(c, 3));
	add_text(c, fuzz_pick(c, hosts));
	add_number(c, fuzz_pick(c, listened));
	add_text(c, fuzz_pick(c, hosts));
	add_number(c, fuzz_pick(c, ports));
}

static void
add_request(struct fuzz_case *c, uint32_t type)
{
	static const char *const hosts[] = {"127.0.0.1", "dev", "::1", "", "/nonexistent/a", "\xff", "a:b"};
	struct fuzz_id *id = &c->ids[c->ids_count];

	snprintf(id->text, sizeof(id->text), "%d", c->ids_count);
	id->due = 1;
	add_number(c, type);
	add_number(c, (uint32_t)c->ids_count++);
	if (type == MUX_NEW_SESSION) {
		add_session(c);
	} else if (type == MUX_OPEN_FORWARD || type == MUX_CLOSE_FORWARD) {
		add_forward(c);
	} else if (type == MUX_NEW_STDIO_FORWARD) {
		add_text(c, "");
		add_text(c, fuzz_pick(c, hosts));
		add_number(c, fuzz_draw(c, 3) > 0 ? fuzz_draw(c, 65536) : MUX_PORT_PATH);
	}
}

/* With the size before it, which is now and then another. */
static void
add_message(struct fuzz_case *c, uint32_t type)
{
	static const uint32_t sizes[] = {0, 1, 4, 262144, 262145, 0x7fffffff, 0xffffffff};
	size_t before = c->out.len, size;

	add_number(c, 0);
	if (type == MUX_HELLO) {
		bool other = !c->polite && fuzz_draw(c, 10) == 0;
		c->broken |= other;
		add_number(c, MUX_HELLO);
		add_number(c, other ? fuzz_draw(c, 10) : MUX_VERSION);
		if (fuzz_draw(c, 4) == 0) {
			add_text(c, "extension@example");
			add_text(c, "value");
		}
	} else {
		add_request(c, type);
	}
	size = c->out.len - before - 4;
	if (!c->polite && fuzz_draw(c, 30) == 0) {
		c->broken = true;
		size = fuzz_draw(c, 2) ? fuzz_pick(c, sizes) : size / 2;
	}
	put_number(&c->out, before, size);
	if (!c->polite && fuzz_draw(c, 25) == 0)
		fuzz_spoil(c, before);
}

/*
 * Descriptors go with a byte each, so they are steps of their own.  An ssh asks for one session in all; one that asks
 * again meanwhile is closed.
 */
static void
step(struct fuzz_case *c)
{
	uint32_t type = fuzz_pick(c, types);
	int files = type == MUX_NEW_SESSION ? 3 : type == MUX_NEW_STDIO_FORWARD ? 2 : 0;

	if (c->files_due > 0) {
		c->files_due--;
		if (buf_append(&c->out, "", 1) == -1)
			abort();
		if (c->polite || fuzz_draw(c, 12) > 0)
			fuzz_attach(c);
		else
			c->broken = true; /* none, or too many */
		for (unsigned n = c->broken ? fuzz_draw(c, 4) : 0; n > 0; n--)
			fuzz_attach(c);
		return;
	}
	if (!c->greeted) {
		c->greeted = true;
		if (c->polite || fuzz_draw(c, 10) > 0) {
			add_message(c, MUX_HELLO);
			return;
		}
		c->broken = true;
	}
	if (c->ids_count == FUZZ_IDS)
		return;
	if (c->asked && type != MUX_ALIVE_CHECK && type != MUX_OPEN_FORWARD && type != MUX_CLOSE_FORWARD) {
		if (c->polite)
			return;
		c->broken = true;
	}
	if (files > 0) {
		c->asked = true;
		c->asked_id = (uint32_t)c->ids_count;
	}
	add_message(c, type);
	c->files_due = files;
}

/* What is under way ends as its ssh goes: nothing can be said. */
static void
finish(struct fuzz_case *c NP_UNUSED)
{
}

static uint32_t
number_at(const struct buf *b, size_t at)
{
	const uint8_t *p = buf_head(b) + at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
take_answer(struct fuzz_case *c, uint32_t type, size_t size)
{
	uint32_t id = size >= 8 ? number_at(&c->in, 8) : 0;
	char text[16];

	snprintf(text, sizeof(text), "%u", (unsigned)id);
	switch (type) {
	case MUX_HELLO:
		break;
	case MUX_OK:
	case MUX_ALIVE:
		fuzz_answered(c, text);
		break;
	case MUX_FAILURE:
	case MUX_PERMISSION_DENIED:
		fuzz_answered(c, text);
		if (id == c->asked_id)
			c->asked = false;
		break;
	case MUX_SESSION_OPENED:
		fuzz_answered(c, text);
		if (c->opened)
			fuzz_complain(c, "opened twice");
		c->opened = c->told = true; /* what is asked of one that ends has no answer */
		c->session = number_at(&c->in, 12);
		break;
	case MUX_EXIT:
	case MUX_TTY_ALLOC_FAIL:
		if (!c->opened || c->session != id)
			fuzz_complain(c, "no such session: %u", (unsigned)id);
		break;
	default:
		fuzz_complain(c, "an odd message: %x", (unsigned)type);
	}
}

static bool
take(struct fuzz_case *c)
{
	size_t size = c->in.len >= 4 ? number_at(&c->in, 0) : 0;

	if (c->in.len < 4 || c->in.len < 4 + size)
		return false;
	fuzz_show(c, "got", buf_head(&c->in), 4 + size);
	if (size < 8)
		fuzz_complain(c, "a message of %zu bytes", size);
	else
		take_answer(c, number_at(&c->in, 4), size);
	buf_consume(&c->in, 4 + size);
	return true;
}

static void
path(struct fuzz_case *c, char *where, size_t size)
{
	snprintf(where, size, "%s/%s", c->all->where, fuzz_word(c));
}

const struct fuzz_protocol fuzz_mux = {"mux", path, step, take, finish};
