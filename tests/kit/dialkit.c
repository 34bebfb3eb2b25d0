/* See dialkit.h. */
#include "kit/dialkit.h"
#include "kit/confkit.h"
#include "kit/slow.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "login/child.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "login/resolve.h"
#include "base/xalloc.h"

/* As netpulsed does before anything else. */
static __attribute__((constructor)) void
open_starter(void)
{
	struct np_error err;

	if (starter_open(NULL, &err) == -1)
		abort();
}

static void
append(char *text, size_t size, const char *more)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s\n", more);
}

static struct secret *
kit_ask(enum prompt_kind kind, const char *text, bool echo, void *arg)
{
	struct kit *kit = arg;
	const char *answer;

	append(kit->questions, sizeof(kit->questions), text);
	if (kit->asked == KIT_ANSWERS)
		return NULL;
	kit->kinds[kit->asked] = kind;
	kit->echoes[kit->asked] = echo;
	answer = kit->answers[kit->asked++];
	return secret_make(answer);
}

static void
kit_notice(const char *text, void *arg)
{
	struct kit *kit = arg;

	append(kit->notices, sizeof(kit->notices), text);
}

static void
kit_step(const char *name, enum step_outcome outcome, const char *text, void *arg)
{
	static const char *const words[] = {"ok", "refused", "failed", "skipped"};
	struct kit *kit = arg;
	char *line;

	if (outcome == STEP_HEARD)
		return;
	line = xasprintf("%s %s %s", name, words[outcome], text);
	append(kit->steps, sizeof(kit->steps), line);
	free(line);
}

static int
kit_offer(struct account_claim *claim, struct np_error *err, void *arg)
{
	struct kit *kit = arg;
	bool keys = claim->kind == ACCOUNT_KEYS;
	char *line =
	    xasprintf("offer %s%s", keys ? "keys" : secret_text(claim->secret), claim->insists ? " insists" : "");

	append(kit->gate, sizeof(kit->gate), line);
	free(line);
	for (size_t i = 0; i < claim->count; i++)
		claim->barred[i] = i < kit->barred_keys;
	if (keys)
		kit->offered_keys = claim->count;
	if (keys ? kit->barred_keys < claim->count : kit->barred == REASON_NONE)
		return 0;
	return error_set(err, kit->barred, "barred by the test");
}

static void
kit_judged(enum account_verdict verdict, const bool *denied, size_t count, const char *words NP_UNUSED, void *arg)
{
	static const char *const names[] = {"accepted", "denied", "unjudged", "doubted", "given up", "unused"};
	struct kit *kit = arg;
	size_t n = 0;
	char *line;

	for (size_t i = 0; denied != NULL && i < count; i++)
		n += denied[i];
	line = denied != NULL ? xasprintf("keys %s, %zu denied", names[verdict], n)
			      : xasprintf("judged %s", names[verdict]);
	append(kit->gate, sizeof(kit->gate), line);
	free(line);
}

static void
kit_watch_fd(int fd, int how, void *arg)
{
	struct kit *kit = arg;
	int old;

	pthread_mutex_lock(&kit->lock);
	old = kit->watch_fd;
	kit->watch_fd = fd;
	kit->watch_how = how;
	if (fd != -1 && kit->cancelled)
		shutdown(fd, how);
	pthread_mutex_unlock(&kit->lock);
	if (old != -1)
		close(old);
}

static double
kit_left(struct np_error *err, void *arg)
{
	struct kit *kit = arg;
	double left = kit->deadline - clock_now();
	bool cancelled;

	pthread_mutex_lock(&kit->lock);
	cancelled = kit->cancelled;
	pthread_mutex_unlock(&kit->lock);
	if (cancelled) {
		error_set(err, REASON_CANCELLED, "cancelled by the test");
		return -1;
	}
	if (left <= 0) {
		error_set(err, REASON_CONNECT_TIMEOUT, "not done in the time the test gives");
		return -1;
	}
	return left;
}

void
kit_begin(struct kit *kit)
{
	memset(kit, 0, sizeof(*kit));
	snprintf(kit->dir, sizeof(kit->dir), "/tmp/np-dial-XXXXXX");
	assert_non_null(mkdtemp(kit->dir));
	snprintf(kit->known_hosts, sizeof(kit->known_hosts), "%s/known_hosts", kit->dir);
	snprintf(kit->config, sizeof(kit->config), "%s/ssh_config", kit->dir);
	kit->seconds = kit->deadline = INFINITY;
	kit->watch_fd = -1;
	pthread_mutex_init(&kit->lock, NULL);
	kit->hooks = (struct dial_hooks){.ask = kit_ask,
	    .notice = kit_notice,
	    .watch_fd = kit_watch_fd,
	    .left = kit_left,
	    .step = kit_step,
	    .offer = kit_offer,
	    .judged = kit_judged,
	    .arg = kit};
}

void
kit_end(struct kit *kit)
{
	assert_int_equal(kit->watch_fd, -1);
	pthread_mutex_destroy(&kit->lock);
	kit_run("rm -rf %s", kit->dir);
}

void
kit_cancel(struct kit *kit)
{
	pthread_mutex_lock(&kit->lock);
	kit->cancelled = true;
	if (kit->watch_fd != -1)
		shutdown(kit->watch_fd, kit->watch_how);
	pthread_mutex_unlock(&kit->lock);
}

void
kit_limit(struct kit *kit, double seconds)
{
	kit->seconds = seconds;
	kit->deadline = clock_now() + seconds;
}

void
kit_write(struct kit *kit, const char *name, const char *text, char path[128])
{
	FILE *f;

	snprintf(path, 128, "%s/%s", kit->dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

char *
kit_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (f == NULL)
		return xstrdup("");
	if (getdelim(&text, &size, '\0', f) == -1) {
		free(text);
		text = xstrdup("");
	}
	fclose(f);
	return text;
}

struct target *
kit_target(struct kit *kit, int port, const char *device, const char *config)
{
	struct np_error err = {.reason = REASON_NONE};
	char *lines, path[128], number[16], *json;
	struct device_conf *d;
	struct config *conf;
	struct target *t;

	lines = xasprintf("%s\nUserKnownHostsFile %s\nGlobalKnownHostsFile /dev/null\nIdentityFile none\n"
			  "IdentityAgent none\nStrictHostKeyChecking yes\nHashKnownHosts no\n",
	    config, kit->known_hosts);
	kit_write(kit, "ssh_config", lines, path);
	free(lines);
	conf = config_parse("", 0, "test", &err);
	assert_non_null(conf);
	json = xasprintf("{%s%s%s}", strstr(device, "\"host\"") == NULL ? "\"host\": \"127.0.0.1\"" : "",
	    device[0] != '\0' && strstr(device, "\"host\"") == NULL ? ", " : "", device);
	d = device_conf_parse(conf, json, strlen(json), &err);
	if (d == NULL)
		fail_msg("%s: %s", json, err.text);
	snprintf(number, sizeof(number), "%d", port);
	if (device_conf_set(d, "port", number, "test", &err) == -1)
		fail_msg("%s", err.text);
	kit->deadline = clock_now() + slow(20); /* the limit is one of the dial */
	t = resolve_target(d, path, &kit->hooks, NULL, &err);
	if (t == NULL)
		fail_msg("%s", err.text);
	kit->deadline = clock_now() + kit->seconds;
	device_conf_free(d);
	config_unref(conf);
	free(json);
	return t;
}

void
kit_run(const char *fmt, ...)
{
	struct child_limits limits = {.out_max = 1 << 20, .err_max = 4096, .seconds = slow(60), .cancel_fd = -1};
	struct child_output output;
	char *line, words[512];
	enum child_end end;
	va_list ap;

	va_start(ap, fmt);
	line = xvasprintf(fmt, ap);
	va_end(ap);
	end = child_run((const char *[]){"sh", "-c", line, NULL}, &limits, &output);
	if (end != CHILD_EXITED || output.status != 0) {
		child_describe(end, &limits, &output, words, sizeof(words));
		fail_msg("%s %s", line, words);
	}
	child_output_finish(&output);
	free(line);
}

int
kit_count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

int
kit_dial(struct attempt *attempt, const struct dial_hooks *hooks, struct kit_dialled *out, struct np_error *err)
{
	struct sshdialled *made;

	*out = (struct kit_dialled){.fd = -1};
	out->all = dial(attempt, hooks, &out->agent_keys_hash, err);
	made = (struct sshdialled *)out->all;
	if (made == NULL)
		return -1;
	out->session = made->ssh;
	out->fd = made->fd;
	out->proxy_pid = made->proxy.pid;
	out->needed_person = made->base.needed_person;
	out->auth_method = made->base.auth_method;
	return 0;
}

void
kit_hang_up(struct kit_dialled *out)
{
	dialled_discard(out->all);
	*out = (struct kit_dialled){.fd = -1};
}
