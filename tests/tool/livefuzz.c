/* Cases of livefuzz: their connections, their random texts and descriptors, and the verdict: see livefuzz.h. */
#include "tool/livefuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "kit/slow.h"
#include "wire/frame.h"

#define SLOTS 24
#define IN_MAX (4 * FRAME_SIZE_MAX)
#define READ_SIZE 65536

/* ---- random things ---- */

const char *
fuzz_word(struct fuzz_case *c)
{
	return c->all->words[fuzz_draw(c, c->all->words_count)];
}

const char *
fuzz_text(struct fuzz_case *c)
{
	static const char *const texts[] = {"", " ", "a", "admin", "0", "-1", "yes", "none", "journal", "*", "@all",
	    "%s%n", "../..", "/", "~", "/dev/null", "/nonexistent", "a b", "\t", "\n", "\r\n", "a\nb", "\x1b[2J",
	    "\x7f", "\"\\", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x80\xae", "1e999", "{}", "[]", "xterm",
	    "127.0.0.1", "::1", "a@b@c", "a:b:c", "-oProxyCommand=x", "YWJj", "AAAA====", "(a+)+$", "(?<n>x", "[[:"};
	static char longs[70001];

	if (fuzz_draw(c, 20) > 0)
		return fuzz_pick(c, texts);
	memset(longs, 'a' + (int)fuzz_draw(c, 26), sizeof(longs) - 1);
	longs[fuzz_draw(c, fuzz_draw(c, 4) == 0 ? sizeof(longs) : 300)] = '\0';
	return longs;
}

/* One end stays ours, open or closed at once. */
static int
one_of(struct fuzz_case *c, const int pair[2], unsigned which)
{
	if (fuzz_draw(c, 3) == 0 || c->kept_count == FUZZ_FILES)
		close(pair[!which]);
	else
		c->kept[c->kept_count++] = pair[!which];
	return pair[which];
}

static int
make_file(struct fuzz_case *c)
{
	/* They are written to, by whoever runs this: nothing that is kept may stand here. */
	static const char *const paths[] = {"/dev/null", "/dev/full", "/dev/zero", "/dev/urandom", "/", "/dev/ptmx"};
	static const int flags[] = {O_RDONLY, O_RDWR, O_RDONLY | O_NONBLOCK, O_PATH, O_WRONLY};
	int pair[2] = {-1, -1};

	switch (fuzz_draw(c, 7)) {
	case 0:
	case 1:
		if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) == -1)
			break;
		(void)!write(pair[1], "input\n", fuzz_draw(c, 7));
		return one_of(c, pair, fuzz_draw(c, 2));
	case 2:
		if (socketpair(AF_UNIX, fuzz_draw(c, 2) ? SOCK_STREAM : SOCK_DGRAM, 0, pair) == -1)
			break;
		return one_of(c, pair, 0);
	case 3:
		if (openpty(&pair[0], &pair[1], NULL, NULL, NULL) == -1)
			break;
		return one_of(c, pair, fuzz_draw(c, 2));
	case 4:
		pair[0] = memfd_create("input", MFD_CLOEXEC);
		(void)!ftruncate(pair[0], (off_t)fuzz_draw(c, 1000000));
		return pair[0];
	case 5:
		return eventfd(fuzz_draw(c, 2), EFD_CLOEXEC);
	default:
		pair[0] = open(fuzz_pick(c, paths), fuzz_pick(c, flags) | O_CLOEXEC | O_NOCTTY);
	}
	return pair[0] >= 0 ? pair[0] : open("/dev/null", O_RDWR | O_CLOEXEC);
}

void
fuzz_attach(struct fuzz_case *c)
{
	if (c->files_count < FUZZ_FILES)
		c->files[c->files_count++] = make_file(c);
}

void
fuzz_spoil(struct fuzz_case *c, size_t from)
{
	uint8_t *p = c->out.data + c->out.off + from;
	size_t n = c->out.len - from;

	c->broken = true;
	for (unsigned times = 1 + fuzz_draw(c, 3); n > 0 && times > 0; times--) {
		size_t at = fuzz_draw(c, fuzz_draw(c, 2) && n > 64 ? 64 : (unsigned)n);
		switch (fuzz_draw(c, 4)) {
		case 0:
			p[at] ^= (uint8_t)(1u << fuzz_draw(c, 8));
			break;
		case 1:
			p[at] = (uint8_t)fuzz_draw(c, 256);
			break;
		case 2: /* ends too soon */
			c->out.len -= n - at;
			n = at;
			break;
		default: /* a part of it lacks */
			memmove(p + at, p + at + (n - at) / 2, n - at - (n - at) / 2);
			c->out.len -= (n - at) / 2;
			n -= (n - at) / 2;
		}
	}
}

/* ---- the verdict ---- */

void
fuzz_complain(struct fuzz_case *c, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	printf("%llu %lu %s\n", (unsigned long long)c->all->seed, c->number, text);
	fflush(stdout);
	free(text);
	((struct fuzz *)(uintptr_t)c->all)->complaints++;
}

void
fuzz_show(const struct fuzz_case *c, const char *what, const void *p, size_t n)
{
	char *text;

	if (!c->all->shown)
		return;
	text = text_vis(p, n < 2000 ? n : 2000, false);
	printf("# %.3f %s %zu: %s\n", clock_now(), what, n, text);
	fflush(stdout);
	free(text);
}

struct fuzz_id *
fuzz_find(struct fuzz_case *c, const char *text)
{
	for (int i = 0; i < c->ids_count; i++)
		if (strcmp(c->ids[i].text, text) == 0)
			return &c->ids[i];
	return NULL;
}

void
fuzz_answered(struct fuzz_case *c, const char *text)
{
	struct fuzz_id *id = fuzz_find(c, text);

	if (id != NULL && id->due > 0)
		id->due--;
	else if (!c->broken)
		fuzz_complain(c, "an answer too many for %s", text);
}

static const struct fuzz_id *
unanswered(const struct fuzz_case *c)
{
	for (int i = 0; i < c->ids_count; i++)
		if (c->ids[i].due > 0)
			return &c->ids[i];
	return NULL;
}

/* ---- a connection ---- */

static void
close_files(int *files, int *count)
{
	while (*count > 0)
		close(files[--*count]);
}

static void
case_end(struct fuzz_case *c)
{
	struct linger hard = {.l_onoff = 1};

	if (fuzz_draw(c, 4) == 0)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(c->fd);
	c->fd = -1;
	close_files(c->files, &c->files_count);
	close_files(c->kept, &c->kept_count);
	buf_free(&c->in);
	buf_free(&c->out);
}

static bool
case_begin(struct fuzz_case *c, const struct fuzz *all, unsigned long number)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	*c = (struct fuzz_case){.all = all, .number = number, .random = fuzz_seed(all->seed, number)};
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, IN_MAX);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	all->protocol->path(c, sun.sun_path, sizeof(sun.sun_path));
	c->steps = 1 + fuzz_draw(c, fuzz_draw(c, 3) == 0 ? 60 : 15);
	c->polite = fuzz_draw(c, 3) > 0;
	c->piece = fuzz_draw(c, 5) == 0 ? 1 + fuzz_draw(c, 9) : READ_SIZE;
	while (connect(c->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		if (errno != EAGAIN && errno != EINTR) {
			fuzz_complain(c, "no connection: %s", strerror(errno));
			case_end(c);
			return false;
		}
	return true;
}

/* The broker has closed it. */
static void
case_closed(struct fuzz_case *c)
{
	const struct fuzz_id *id = unanswered(c);

	if (c->broken || c->deaf)
		return;
	/* Where nothing is under way it may have been killed, by another one of us. */
	if (id != NULL && !c->told)
		fuzz_complain(c, "closed, and no answer for %s", id->text);
}

/* True while it goes on. */
static bool
case_read(struct fuzz_case *c)
{
	uint8_t *at = buf_reserve(&c->in, READ_SIZE);
	ssize_t n = at != NULL ? recv(c->fd, at, READ_SIZE, 0) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		case_closed(c);
		return false;
	}
	buf_commit(&c->in, (size_t)n);
	while (c->all->protocol->take(c))
		if (c->waits > 0 && --c->waits == 0)
			c->wake = 0;
	return true;
}

static bool
case_write(struct fuzz_case *c)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FUZZ_FILES * sizeof(int))];
	} control = {.space = {0}};
	size_t size = sizeof(int) * (size_t)c->files_count;
	struct iovec part = {(void *)(uintptr_t)buf_head(&c->out), c->out.len < c->piece ? c->out.len : c->piece};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (c->files_count > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(size);
		*CMSG_FIRSTHDR(&m) =
		    (struct cmsghdr){.cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), c->files, size);
	}
	n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || case_read(c);
	close_files(c->files, &c->files_count);
	buf_consume(&c->out, (size_t)n);
	return true;
}

/* ---- its course ---- */

/* The script is done: how does it leave?  False: at once. */
static bool
case_leaves(struct fuzz_case *c)
{
	unsigned how = fuzz_draw(c, 8);

	if (how == 0)
		return false;
	if (how == 1 && shutdown(c->fd, SHUT_WR) == 0)
		c->broken = true; /* has left as well */
	c->deaf = false;
	c->finishing = true;
	c->limit = clock_now() + slow(40);
	c->all->protocol->finish(c);
	return true;
}

static bool
case_step(struct fuzz_case *c)
{
	double now = clock_now();
	size_t before = c->out.len;

	if (c->finishing) {
		if (unanswered(c) == NULL || c->broken)
			return false;
		if (now < c->limit)
			return true;
		fuzz_complain(c, "no answer for %s", unanswered(c)->text);
		return false;
	}
	c->deaf = false;
	if (c->steps == 0 && c->files_due == 0)
		return case_leaves(c);
	c->steps -= c->steps > 0;
	c->all->protocol->step(c);
	fuzz_show(c, "sent", buf_head(&c->out) + before, c->out.len - before);
	switch (fuzz_draw(c, 12)) {
	case 0:
		c->wake = now + fuzz_draw(c, 60) / 1000.0;
		break;
	case 1:
		c->deaf = !c->polite && fuzz_draw(c, 2) == 0;
		c->wake = now + 0.05 + fuzz_draw(c, 300) / 1000.0;
		break;
	case 2:
	case 3:
		c->waits = 1 + (int)fuzz_draw(c, 4);
		break;
	default:
		break;
	}
	if (c->waits > 0)
		c->wake = now + 0.15;
	return true;
}

/* ---- all of them ---- */

static void
run(struct fuzz *all, double seconds, unsigned long only)
{
	struct fuzz_case cases[SLOTS];
	struct pollfd pfds[SLOTS];
	unsigned long number = only > 0 ? only : 1, done = 0;
	double now = clock_now(), end = now + seconds;
	int slots = only > 0 ? 1 : SLOTS, open = 0;

	for (int i = 0; i < slots; i++)
		cases[i].fd = -1;
	for (;;) {
		now = clock_now();
		open = 0;
		for (int i = 0; i < slots; i++) {
			struct fuzz_case *c = &cases[i];
			if (c->fd == -1 && (only > 0 ? done == 0 : now < end)) {
				done++;
				(void)case_begin(c, all, number++);
			}
			if (c->fd != -1 && c->out.len == 0 && now >= c->wake && !case_step(c))
				case_end(c);
			open += c->fd != -1;
			pfds[i] = (struct pollfd){
			    .fd = c->fd, .events = (short)((c->deaf ? 0 : POLLIN) | (c->out.len > 0 ? POLLOUT : 0))};
		}
		if (open == 0 && (only > 0 || now >= end))
			break;
		if (poll(pfds, (nfds_t)slots, 5) < 0 && errno != EINTR)
			break;
		for (int i = 0; i < slots; i++) {
			bool good = true;
			if (pfds[i].revents & POLLOUT)
				good = case_write(&cases[i]);
			if (good && pfds[i].revents & (POLLIN | POLLHUP | POLLERR) && !cases[i].deaf)
				good = case_read(&cases[i]);
			if (!good)
				case_end(&cases[i]);
		}
	}
	printf("# %lu cases\n", done);
}

static int
usage(void)
{
	fprintf(stderr, "usage: livefuzz rpc|ask|mux SOCKET|FOLDER SEED SECONDS [CASE] -- WORD...\n"
			"       livefuzz verbs\n");
	return 2;
}

int
main(int argc, char **argv)
{
	static const struct fuzz_protocol *const protocols[] = {&fuzz_rpc, &fuzz_ask, &fuzz_mux};
	struct fuzz all = {.protocol = NULL};
	unsigned long only = 0;
	int words = 5;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && strcmp(argv[1], "verbs") == 0) {
		fuzz_verbs();
		return 0;
	}
	if (argc < 7)
		return usage();
	for (size_t i = 0; i < NP_COUNT(protocols); i++)
		if (strcmp(argv[1], protocols[i]->name) == 0)
			all.protocol = protocols[i];
	all.where = argv[2];
	all.seed = strtoull(argv[3], NULL, 10);
	if (strcmp(argv[words], "--") != 0)
		only = strtoul(argv[words++], NULL, 10);
	if (all.protocol == NULL || words >= argc - 1 || strcmp(argv[words], "--") != 0)
		return usage();
	all.shown = only > 0;
	all.words = (const char *const *)(uintptr_t)(argv + words + 1);
	all.words_count = (unsigned)(argc - words - 1);
	run(&all, strtod(argv[4], NULL), only);
	return all.complaints > 0;
}
