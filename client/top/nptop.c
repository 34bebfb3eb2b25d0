/*
 * The loop of `npctl top`: keys, signals and the broker, in one poll(2).  Nothing in it waits for anything else.
 */
#include "top/nptop.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/npsignal.h"
#include "top/nptop_broker.h"
#include "top/nptop_screen.h"
#include "top/nptop_ui.h"

/* Seconds between two looks at the broker, unless -d says otherwise. */
#define DELAY 1.0
/* Reads without a key in a row, after which the terminal counts as gone. */
#define EMPTY_READS 50

struct nptop {
	struct nptop_screen screen;
	struct nptop_ui ui;
	struct nptop_broker broker;
	int wake_fd;
	int empty_reads;
	bool draw;    /* something is new */
	bool stopped; /* but the terminal takes nothing */
	int status;
};

static void
resize(struct nptop *t)
{
	int width, height;

	nptop_screen_size(&t->screen, &width, &height);
	nptop_ui_resize(&t->ui, width, height);
	t->draw = true;
}

static void
on_signals(struct nptop *t)
{
	npsignal_drain(t->wake_fd);
	if (npsignal_came(SIGTSTP)) {
		nptop_screen_suspend(&t->screen);
		npsignal_stop_process(false);
		npsignal_came(SIGCONT);
		nptop_screen_resume(&t->screen);
		resize(t);
	}
	/* After a stop that could not be caught somebody else had the terminal. */
	if (npsignal_came(SIGCONT)) {
		nptop_screen_resume(&t->screen);
		resize(t);
	}
	if (npsignal_came(SIGWINCH))
		resize(t);
}

static void
on_keys(struct nptop *t)
{
	int key;

	t->empty_reads++;
	while ((key = nptop_screen_key(&t->screen)) != NPTOP_KEY_NONE) {
		nptop_ui_key(&t->ui, key);
		t->empty_reads = 0;
		t->draw = true;
	}
}

static void
draw(struct nptop *t)
{
	if (!t->draw)
		return;
	t->stopped = !nptop_screen_takes(&t->screen);
	if (t->stopped)
		return;
	nptop_screen_draw(&t->screen, &t->ui);
	t->draw = false;
}

/* Returns whether the broker has something for us. */
static bool
wait_for_events(struct nptop *t)
{
	struct pollfd fds[4] = {{.fd = t->wake_fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN},
	    {.fd = nptop_broker_fd(&t->broker), .events = npclient_events(&t->broker.client)},
	    {.fd = t->draw && t->stopped ? STDOUT_FILENO : -1, .events = POLLOUT}};

	if (poll(fds, 4, nptop_broker_timeout_ms(&t->broker, clock_now())) == -1)
		return false;
	if (fds[0].revents != 0)
		on_signals(t);
	if ((fds[1].revents & POLLIN) != 0)
		on_keys(t);
	if ((fds[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 || t->empty_reads > EMPTY_READS) {
		t->status = 128 + SIGHUP;
		t->ui.quit = true;
	}
	return (fds[2].revents & ~POLLOUT) != 0;
}

static void
loop(struct nptop *t)
{
	const volatile sig_atomic_t *stop = npsignal_stop_flag();
	bool readable = false;

	while (!t->ui.quit && *stop == 0) {
		if (nptop_broker_turn(&t->broker, &t->ui, readable, clock_now()))
			t->draw = true;
		draw(t);
		readable = wait_for_events(t);
	}
	if (*stop != 0)
		t->status = 128 + *stop;
}

static int
start(struct nptop *t, const char *socket, double delay, struct np_error *err)
{
	if (nptop_broker_init(&t->broker, socket, delay > 0 ? delay : DELAY, err) == -1)
		return -1;
	/* Before curses, which leaves alone what is taken. */
	if (npsignal_install(&t->wake_fd, err) == -1)
		return -1;
	npsignal_take_terminal();
	npsignal_take(SIGCONT);
	return nptop_screen_open(&t->screen, err);
}

int
nptop_run(const char *socket, double delay)
{
	struct nptop t = {.wake_fd = -1};
	struct np_error err;

	if (start(&t, socket, delay, &err) == -1) {
		fprintf(stderr, "npctl: %s\n", err.text);
		t.status = 1;
	} else {
		nptop_ui_init(&t.ui, t.screen.unicode);
		resize(&t);
		loop(&t);
		nptop_screen_close(&t.screen);
		nptop_ui_finish(&t.ui);
	}
	nptop_broker_finish(&t.broker);
	return t.status;
}
