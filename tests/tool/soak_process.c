/*
 * Rounds of programs: npexec on one device or on a group, ssh by the mux door, clients that are killed or stopped; and
 * rude ones, which speak no protocol, or begin to.
 */
#include "tool/soak.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"

#define UNIX (1u << SOAK_SSHD | 1u << SOAK_UNIX)

/* What happens to a program while it runs. */
enum harm { UNHARMED, KILLED, STOPPED };

static bool
ended_within(int pidfd, double seconds)
{
	double end = clock_now() + seconds;
	for (;;) {
		double left = end - clock_now();
		int n = poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, left > 0 ? (int)(left * 1000) : 0);
		if (n > 0 || (n == 0 && left <= 0))
			return n > 0;
	}
}

static void
read_file(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (ssize_t n = 1; n > 0;) {
		uint8_t *p = buf_reserve(b, 65536);
		n = p != NULL ? read(fd, p, 65536) : 0;
		buf_commit(b, n > 0 ? (size_t)n : 0);
	}
	close(fd);
}

/* Runs it; its exit status, 256 when it was killed, -1 when it did not end in time. */
static int
run_program(struct soak *s, const char *const *argv, enum harm harm, struct buf *out, struct buf *err)
{
	char *out_name = xasprintf("%s/soak.%u.out", s->dir, s->worker);
	char *err_name = xasprintf("%s/soak.%u.err", s->dir, s->worker);
	double delay = soak_random(s, 300) / 1000.0;
	/* Emptied here: a child may be killed before it is a program. */
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC), status = 0;
	int out_fd = open(out_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int err_fd = open(err_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in, 0);
		dup2(out_fd, 1);
		dup2(err_fd, 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(126);
	}
	close(in);
	close(out_fd);
	close(err_fd);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (harm != UNHARMED && !ended_within(pidfd, delay)) {
		kill(pid, harm == KILLED ? SIGKILL : SIGSTOP);
		if (harm == STOPPED) {
			ended_within(pidfd, 0.5);
			kill(pid, SIGCONT);
		}
	}
	bool ended = ended_within(pidfd, s->limit);
	if (!ended)
		kill(pid, SIGKILL);
	close(pidfd);
	waitpid(pid, &status, 0);
	read_file(out_name, out);
	read_file(err_name, err);
	free(out_name);
	free(err_name);
	if (!ended)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256;
}

/* REASON of the line "npexec: DEVICE: REASON: text", or of "npexec: REASON: text"; "said" where there is none. */
static void
find_reason(const struct buf *err, const char *device, char *reason, size_t size)
{
	char *text = xasprintf("%.*s", (int)err->len, (const char *)buf_head(err));
	char *own = xasprintf("npexec: %s: ", device);
	char *at = strstr(text, own);
	snprintf(reason, size, "said");
	if (at != NULL)
		at += strlen(own);
	else if ((at = strstr(text, "npexec: ")) != NULL)
		at += strlen("npexec: ");
	size_t n = at != NULL ? strspn(at, "abcdefghijklmnopqrstuvwxyz_") : 0;
	if (n > 0 && at[n] == ':') {
		at[n] = '\0';
		snprintf(reason, size, "%s", soak_reason(at, at + n + 1));
	}
	free(own);
	free(text);
}

static void
judge_status(struct soak *s, struct soak_command *c, int status, const char *device, const char *kind)
{
	char reason[sizeof(c->reason)];
	if (status == 0) {
		c->verdict = SOAK_ONCE;
		snprintf(c->reason, sizeof(c->reason), "ok");
	} else if (status == 255) {
		find_reason(&c->err, device, reason, sizeof(reason));
		c->verdict = soak_judge_reason(reason);
		snprintf(c->reason, sizeof(c->reason), "%s", reason);
	} else
		snprintf(c->reason, sizeof(c->reason), "status-%d", status);
	if (status == -1)
		soak_complain(s, c->token, "%s %s: has not ended in %.0f s", device, kind, s->limit);
}

static unsigned
some_lines(struct soak *s)
{
	return soak_random(s, 6) == 0 ? 20000 : soak_random(s, 50);
}

static void
npexec_one(struct soak *s, enum harm harm)
{
	static const char *const names[] = {"npexec", "killed", "stopped"};
	const struct soak_device *d = soak_pick(s, UNIX | 1u << SOAK_CLI);
	unsigned lines = some_lines(s);
	struct soak_command c;
	soak_command_init(s, &c, 0);
	char *command =
	    d->type == SOAK_CLI ? xasprintf("sim many %u %s", lines % 500, c.token) : soak_shell_lines(&c, lines);
	c.prompted = d->type == SOAK_CLI;
	soak_expect_lines(&c, d->type == SOAK_CLI ? lines % 500 : lines);
	const char *argv[] = {"npexec", "-n", d->name, command, NULL};
	judge_status(s, &c, run_program(s, argv, harm, &c.out, &c.err), d->name, names[harm]);
	soak_command_end(s, &c, d->name, names[harm]);
	soak_command_free(&c);
	free(command);
}

/* ssh by the mux door; where that cannot, ssh connects by itself, which must run it once as well. */
static void
ssh_mux(struct soak *s)
{
	const struct soak_device *d = soak_pick(s, UNIX);
	unsigned lines = some_lines(s);
	struct soak_command c;
	soak_command_init(s, &c, 0);
	soak_expect_lines(&c, lines);
	char *command = soak_shell_lines(&c, lines);
	char *config = xasprintf("%s/ssh_config", s->dir);
	char *door = xasprintf("ControlPath=%s/run/mux/%s", s->dir, d->name);
	const char *argv[] = {"ssh", "-n", "-o", "ConnectTimeout=5", "-F", config, "-o", door, d->name, command, NULL};
	int status = run_program(s, argv, UNHARMED, &c.out, &c.err);
	c.verdict = status == 0 ? SOAK_ONCE : SOAK_MAYBE;
	snprintf(c.reason, sizeof(c.reason), status == 0 ? "ok" : "status-%d", status);
	if (status == -1)
		soak_complain(s, c.token, "%s mux: has not ended in %.0f s", d->name, s->limit);
	soak_command_end(s, &c, d->name, "mux");
	soak_command_free(&c);
	free(command);
	free(config);
	free(door);
}

/* The lines of one device of a fan-out, without its name. */
static void
take_lines(struct soak_command *c, const struct buf *all, const char *device)
{
	const char *p = (const char *)buf_head(all), *end = p + all->len, *eol;
	size_t n = strlen(device);
	for (; (eol = memchr(p, '\n', (size_t)(end - p))) != NULL; p = eol + 1)
		if ((size_t)(eol - p) > n + 1 && memcmp(p, device, n) == 0 && memcmp(p + n, ": ", 2) == 0 &&
		    buf_append(&c->out, p + n + 2, (size_t)(eol - p) - n - 1) < 0)
			abort();
}

static void
fan_out(struct soak *s)
{
	struct soak_command c, all;
	unsigned lines = soak_random(s, 50);
	soak_command_init(s, &all, 0);
	char *command = soak_shell_lines(&all, lines);
	const char *argv[] = {"npexec", "-n", "@soak", command, NULL};
	int status = run_program(s, argv, UNHARMED, &all.out, &all.err);
	if (status == -1)
		soak_complain(s, all.token, "a fan-out has not ended in %.0f s", s->limit);
	for (size_t i = 0; i < s->devices_count; i++) {
		const char *name = s->devices[i].name;
		if ((UNIX & 1u << s->devices[i].type) == 0)
			continue;
		char *own = xasprintf("npexec: %s: ", name);
		soak_command_init(s, &c, 0);
		soak_expect_lines(&c, lines);
		take_lines(&c, &all.out, name);
		if (buf_append(&c.err, buf_head(&all.err), all.err.len) < 0 || buf_append(&c.err, "", 1) < 0)
			abort();
		/* Who failed has a line there. */
		judge_status(s, &c, strstr((const char *)buf_head(&c.err), own) != NULL ? 255 : 0, name, "fanout");
		soak_command_end(s, &c, name, "fanout");
		soak_command_free(&c);
		free(own);
	}
	soak_command_free(&all);
	free(command);
}

/* Bytes that are no protocol, or the beginning of one; the broker has to close, or may be left. */
static void
be_rude(struct soak *s)
{
#define BYTES(text)                                                                                                    \
	{                                                                                                              \
		text, sizeof(text) - 1                                                                                 \
	}
	static const struct {
		const char *bytes;
		size_t size;
	} openings[] = {BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), BYTES("GET / HTTP/1.0\r\n\r\n"), BYTES(""),
	    BYTES("\0\0\0\x10\0\0\0\0{\"jsonrpc\":"), BYTES("\0\0\0\2\0\0\0\0[]"), BYTES("\0\0\0\4\0\1\0\0null"),
	    BYTES("\0\0\0\x43\0\0\0\0{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"watch\",\"params\":{\"device\":\"dev\"}"
		  "}"),
	    BYTES("\0\0\0\x3b\0\0\0\0{\"jsonrpc\":\"2.0\",\"method\":\"stdin\",\"params\":{\"id\":\"nobody\"}}\0\0\0")};
	unsigned which = soak_random(s, sizeof(openings) / sizeof(openings[0]));
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	char block[4096];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/run/s", s->dir);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0) {
		if (send(fd, openings[which].bytes, openings[which].size, MSG_NOSIGNAL) > 0 && soak_random(s, 2) == 0)
			for (int i = 0; i < 200 && send(fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT) > 0; i++)
				memset(block, i, sizeof(block));
		poll(&(struct pollfd){.fd = fd, .events = POLLRDHUP}, 1, (int)soak_random(s, 500));
	}
	close(fd);
}

void
soak_process_round(struct soak *s)
{
	switch (soak_random(s, 10)) {
	case 0:
	case 1:
		fan_out(s);
		break;
	case 2:
	case 3:
		npexec_one(s, UNHARMED);
		break;
	case 4:
	case 5:
		npexec_one(s, KILLED);
		break;
	case 6:
		npexec_one(s, STOPPED);
		break;
	case 7:
		ssh_mux(s);
		break;
	default:
		be_rude(s);
	}
}
