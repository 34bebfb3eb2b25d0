/*
 * See testsshd.h.  Every process below a server has our directory in its environment (sshd's SetEnv, dropbear's HOME):
 * that is how strays are found at the end, also those whose session process was killed.  HOME is elsewhere, as the
 * start-up files of whoever runs the tests may do anything: wait for a lock for a minute, for example.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kit/testsshd.h"
#include "kit/slow.h"

enum { START_TRIES = 5, NO_NAMESPACE = 126 };

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The tick of the few waits on something that has no descriptor to poll. */
static void
tick(void)
{
	(void)poll(NULL, 0, 5);
}

static const char *
find_program(const char *const *candidates)
{
	for (; *candidates != NULL; candidates++)
		if (access(*candidates, X_OK) == 0)
			return *candidates;
	return NULL;
}

static void
write_file(const char *path, const char *text, const char *more)
{
	FILE *f = fopen(path, "we");

	if (f == NULL || fputs(text, f) == EOF || fputs(more, f) == EOF || fclose(f) != 0)
		fail_msg("write %s: %s", path, strerror(errno));
}

static void
path_in(char *out, size_t size, const struct testsshd *t, const char *name)
{
	if (snprintf(out, size, "%s/%s", t->dir, name) >= (int)size)
		fail_msg("path too long: %s/%s", t->dir, name);
}

static void
make_key(const char *path, char *pub_base64, size_t size)
{
	ssh_key key = NULL;
	char *b64 = NULL;
	char pub[128];

	snprintf(pub, sizeof pub, "%s.pub", path);
	if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) != SSH_OK ||
	    ssh_pki_export_privkey_file(key, NULL, NULL, NULL, path) != SSH_OK || chmod(path, 0600) != 0 ||
	    ssh_pki_export_pubkey_file(key, pub) != SSH_OK || ssh_pki_export_pubkey_base64(key, &b64) != SSH_OK)
		fail_msg("cannot make the key %s", path);
	snprintf(pub_base64, size, "%s", b64);
	ssh_string_free_char(b64);
	ssh_key_free(key);
}

/* Servers of this process: a test that fails does not stop its own, exit(3) does. */
static struct testsshd *live_servers[64];

static void
stop_all(void)
{
	for (size_t i = 0; i < sizeof live_servers / sizeof *live_servers; i++)
		if (live_servers[i] != NULL && live_servers[i]->owner == getpid())
			testsshd_stop(live_servers[i]);
}

static void
note_live(struct testsshd *t)
{
	static bool registered;

	t->owner = getpid();
	if (!registered)
		(void)atexit(stop_all);
	registered = true;
	for (size_t i = 0; i < sizeof live_servers / sizeof *live_servers; i++) {
		if (live_servers[i] == NULL) {
			live_servers[i] = t;
			return;
		}
	}
}

static void
forget_live(const struct testsshd *t)
{
	for (size_t i = 0; i < sizeof live_servers / sizeof *live_servers; i++)
		if (live_servers[i] == t)
			live_servers[i] = NULL;
}

static struct testsshd *
create(void)
{
	struct testsshd *t = calloc(1, sizeof *t);
	struct passwd *pw = getpwuid(getuid());
	char user_pub[256], path[128];

	if (t == NULL || pw == NULL)
		fail_msg("no memory, or no password entry for uid %d", (int)getuid());
	snprintf(t->user, sizeof t->user, "%s", pw->pw_name);
	snprintf(t->dir, sizeof t->dir, "/tmp/np-sshd-XXXXXX");
	if (mkdtemp(t->dir) == NULL)
		fail_msg("mkdtemp: %s", strerror(errno));
	path_in(t->user_key, sizeof t->user_key, t, "user_key");
	path_in(t->host_key, sizeof t->host_key, t, "host_key");
	path_in(t->known_hosts, sizeof t->known_hosts, t, "known_hosts");
	path_in(t->log, sizeof t->log, t, "log");
	make_key(t->user_key, user_pub, sizeof user_pub);
	snprintf(path, sizeof path, "%s/authorized_keys", t->dir);
	write_file(path, "ssh-ed25519 ", user_pub);
	write_file(t->log, "", "");
	note_live(t);
	return t;
}

/* A port that was free a moment ago; whoever loses the race for it tries another. */
static int
pick_port(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof sin;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
		fail_msg("no free port: %s", strerror(errno));
	close(fd);
	return ntohs(sin.sin_port);
}

static int
try_connect(int port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&sin, sizeof sin) != 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

/* In the child: nothing of the test's descriptors, signals or life time. */
static void
child_prepare(const struct testsshd *t)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);
	int log = open(t->log, O_WRONLY | O_APPEND | O_CREAT, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, 0);
	dup2(null, 1);
	dup2(log, 2);
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setenv("NP_TESTSSHD", t->dir, 1);
}

/* True when the server listens; false when it ended, most likely because another had taken the port. */
static bool
wait_until_up(struct testsshd *t, const char *pid_file, int *status)
{
	double deadline = now() + slow(20);

	while (now() < deadline) {
		if (waitpid(t->pid, status, WNOHANG) == t->pid) {
			t->pid = 0;
			return false;
		}
		if (access(pid_file, R_OK) == 0) {
			int fd = try_connect(t->port);

			if (fd >= 0) {
				close(fd);
				return true;
			}
		}
		tick();
	}
	return false;
}

static void
write_sshd_config(const struct testsshd *t, const char *extra)
{
	char path[128];
	const char *match;
	FILE *f;

	if (extra == NULL)
		extra = "";
	match = strncmp(extra, "Match ", 6) == 0 ? extra : strstr(extra, "\nMatch ");
	if (match == NULL)
		match = extra + strlen(extra);
	snprintf(path, sizeof path, "%s/sshd_config", t->dir);
	f = fopen(path, "we");
	if (f == NULL)
		fail_msg("write %s: %s", path, strerror(errno));
	/* sshd takes the first value it meets: the caller's lines come before ours. */
	fprintf(f, "%.*s\n", (int)(match - extra), extra);
	fprintf(f,
	    "ListenAddress 127.0.0.1:%d\nHostKey %s\nPidFile %s/pid\nAuthorizedKeysFile %s/authorized_keys\n"
	    "StrictModes no\nUsePAM no\nPrintMotd no\nPrintLastLog no\nPermitRootLogin yes\nUseDNS no\n"
	    "MaxStartups 1000:30:2000\nLogLevel VERBOSE\nAcceptEnv NP_TEST_*\nSubsystem sftp internal-sftp\n"
	    "SetEnv SHLVL=5 HOME=%s NP_TESTSSHD=%s\n",
	    t->port, t->host_key, t->dir, t->dir, t->dir, t->dir);
	fprintf(f, "%s\n", match);
	if (fclose(f) != 0)
		fail_msg("write %s: %s", path, strerror(errno));
}

static void
write_known_hosts(const struct testsshd *t, const char *host_pub)
{
	char line[320];

	snprintf(line, sizeof line, "[127.0.0.1]:%d ssh-ed25519 %s\n", t->port, host_pub);
	write_file(t->known_hosts, line, "");
}

static void
fail_with_log(const struct testsshd *t)
{
	char text[2048] = "";
	FILE *f = fopen(t->log, "re");

	if (f != NULL) {
		size_t n = fread(text, 1, sizeof text - 1, f);

		text[n] = '\0';
		fclose(f);
	}
	fail_msg("the server does not start; its log:\n%s", text);
}

/* Runs a program of the harness to its end; false when that failed. */
static bool
run(const struct testsshd *t, const char *const *argv)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		child_prepare(t);
		execv(argv[0], (char **)(uintptr_t)argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status == 0;
}

static const char *const sshd_programs[] = {"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd", NULL};

struct testsshd *
testsshd_start(const char *extra)
{
	const char *sshd = find_program(sshd_programs);
	char host_pub[256], config[128], pid_file[128];
	struct testsshd *t;
	int status;

	if (sshd == NULL)
		return NULL;
	t = create();
	make_key(t->host_key, host_pub, sizeof host_pub);
	snprintf(config, sizeof config, "%s/sshd_config", t->dir);
	snprintf(pid_file, sizeof pid_file, "%s/pid", t->dir);
	if (geteuid() == 0)
		(void)mkdir("/run/sshd", 0755); /* its privilege separation directory; sshd refuses to start without */
	for (int i = 0; i < START_TRIES; i++) {
		t->port = pick_port();
		write_sshd_config(t, extra);
		t->pid = fork();
		if (t->pid == 0) {
			child_prepare(t);
			execl(sshd, sshd, "-D", "-f", config, "-E", t->log, (char *)NULL);
			_exit(127);
		}
		if (wait_until_up(t, pid_file, &status)) {
			write_known_hosts(t, host_pub);
			return t;
		}
	}
	fail_with_log(t);
	return NULL;
}

bool
testsshd_accepts(const char *extra)
{
	const char *sshd = find_program(sshd_programs);
	char config[128], host_pub[256];
	const char *argv[] = {sshd, "-t", "-f", config, NULL};
	struct testsshd *t;
	bool accepted;

	if (sshd == NULL)
		return false;
	t = create();
	make_key(t->host_key, host_pub, sizeof host_pub);
	t->port = 22;
	write_sshd_config(t, extra);
	snprintf(config, sizeof config, "%s/sshd_config", t->dir);
	if (geteuid() == 0)
		(void)mkdir("/run/sshd", 0755);
	accepted = run(t, argv);
	t->pid = 0;
	testsshd_stop(t);
	return accepted;
}

/* dropbear knows no other place for authorized_keys than the home directory: give it a passwd file where that is ours.
 */
static bool
enter_private_passwd(const struct testsshd *t)
{
	char passwd[128];

	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	snprintf(passwd, sizeof passwd, "%s/passwd", t->dir);
	return mount(passwd, "/etc/passwd", NULL, MS_BIND, NULL) == 0;
}

static void
write_dropbear_home(const struct testsshd *t)
{
	char line[512], path[128], keys[128];

	snprintf(line, sizeof line, "%s:x:%d:%d::%s:/bin/sh\n", t->user, (int)getuid(), (int)getgid(), t->dir);
	snprintf(path, sizeof path, "%s/passwd", t->dir);
	write_file(path, line, "");
	snprintf(path, sizeof path, "%s/.ssh", t->dir);
	if (mkdir(path, 0700) != 0)
		fail_msg("mkdir %s: %s", path, strerror(errno));
	snprintf(path, sizeof path, "%s/.ssh/authorized_keys", t->dir);
	snprintf(keys, sizeof keys, "%s/authorized_keys", t->dir);
	if (rename(keys, path) != 0)
		fail_msg("rename %s: %s", path, strerror(errno));
	(void)chmod(path, 0600);
}

/* dropbear's host key in its own format. */
static bool
convert_host_key(const struct testsshd *t, char *out, size_t size)
{
	static const char *const programs[] = {"/usr/bin/dropbearconvert", "/usr/lib/dropbear/dropbearconvert", NULL};
	const char *argv[] = {find_program(programs), "openssh", "dropbear", t->host_key, out, NULL};

	path_in(out, size, t, "dropbear_key");
	return argv[0] != NULL && run(t, argv);
}

struct testsshd *
testsshd_start_dropbear(void)
{
	static const char *const programs[] = {"/usr/sbin/dropbear", "/usr/local/sbin/dropbear", NULL};
	const char *dropbear = find_program(programs);
	char address[32], pid_file[128], key[128], host_pub[256];
	struct testsshd *t;
	int status = 0;

	if (dropbear == NULL || geteuid() != 0)
		return NULL;
	t = create();
	t->dropbear = true;
	write_dropbear_home(t);
	make_key(t->host_key, host_pub, sizeof host_pub);
	snprintf(pid_file, sizeof pid_file, "%s/pid", t->dir);
	for (int i = 0; i < START_TRIES && convert_host_key(t, key, sizeof key); i++) {
		t->port = pick_port();
		snprintf(address, sizeof address, "127.0.0.1:%d", t->port);
		t->pid = fork();
		if (t->pid == 0) {
			child_prepare(t);
			if (!enter_private_passwd(t))
				_exit(NO_NAMESPACE);
			execl(dropbear, dropbear, "-F", "-E", "-p", address, "-r", key, "-P", pid_file, (char *)NULL);
			_exit(127);
		}
		if (wait_until_up(t, pid_file, &status)) {
			write_known_hosts(t, host_pub);
			return t;
		}
		if (WIFEXITED(status) && WEXITSTATUS(status) == NO_NAMESPACE) {
			testsshd_stop(t);
			return NULL;
		}
	}
	fail_with_log(t);
	return NULL;
}

/* The parent of a process, or -1. */
static pid_t
parent_of(pid_t pid)
{
	char path[64], text[512];
	const char *p;
	pid_t parent = -1;
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')'); /* behind the name, which may hold anything: state and parent */
	if (p == NULL || sscanf(p, ") %*c %d", &parent) != 1)
		return -1;
	return parent;
}

static int
compare_pids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
children_of(pid_t parent, pid_t *pids, int max)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int count = 0;

	if (d == NULL)
		fail_msg("/proc: %s", strerror(errno));
	while ((e = readdir(d)) != NULL) {
		pid_t pid = (pid_t)atoi(e->d_name);

		if (pid <= 0 || parent_of(pid) != parent)
			continue;
		if (count < max)
			pids[count] = pid;
		count++;
	}
	closedir(d);
	qsort(pids, (size_t)(count < max ? count : max), sizeof *pids, compare_pids);
	return count;
}

int
testsshd_session_pids(const struct testsshd *t, pid_t *pids, int max)
{
	return children_of(t->pid, pids, max);
}

/* The whole of /proc/PID/NAME, NUL bytes and all; returns its size. */
static size_t
proc_read(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n, total = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while ((n = read(fd, buf + total, size - (size_t)total)) > 0)
		total += n;
	close(fd);
	return (size_t)total;
}

/* The monitor's child serves, too, where there is one. */
static bool
serves(pid_t pid)
{
	char name[32] = "";
	size_t n = proc_read(pid, "comm", name, sizeof name - 1);

	name[n] = '\0';
	return strncmp(name, "sshd", 4) == 0 || strncmp(name, "dropbear", 8) == 0;
}

static void
signal_tree(pid_t parent, int sig)
{
	pid_t pids[256];
	int n = children_of(parent, pids, 256);

	for (int i = 0; i < n && i < 256; i++) {
		if (!serves(pids[i]))
			continue;
		/* Who has just logged somebody in starts processes: none may be missed. */
		if (sig == SIGKILL)
			(void)kill(pids[i], SIGSTOP);
		signal_tree(pids[i], sig);
		(void)kill(pids[i], sig);
	}
}

void
testsshd_signal_sessions(const struct testsshd *t, int sig)
{
	signal_tree(t->pid, sig);
}

bool
testsshd_passes_signals(const struct testsshd *t)
{
	return t->dropbear || getuid() != 0;
}

/* Calls fn for each process that has our directory in its environment, and returns how often fn said yes. */
static int
walk_marked(const struct testsshd *t, bool (*fn)(pid_t pid, const void *arg), const void *arg)
{
	static char environment[65536];
	DIR *d = opendir("/proc");
	struct dirent *e;
	int count = 0;

	while (d != NULL && (e = readdir(d)) != NULL) {
		pid_t pid = (pid_t)atoi(e->d_name);
		size_t n;

		if (pid <= 0 || pid == getpid() || pid == t->pid)
			continue;
		n = proc_read(pid, "environ", environment, sizeof environment);
		if (memmem(environment, n, t->dir, strlen(t->dir)) != NULL && fn(pid, arg))
			count++;
	}
	if (d != NULL)
		closedir(d);
	return count;
}

static bool
kill_one(pid_t pid, const void *arg)
{
	(void)arg;
	return kill(pid, SIGKILL) == 0;
}

static bool
has_word(pid_t pid, const void *arg)
{
	char line[4096];
	const char *word = arg;
	size_t n = proc_read(pid, "cmdline", line, sizeof line);

	return memmem(line, n, word, strlen(word)) != NULL;
}

int
testsshd_count_commands(const struct testsshd *t, const char *word)
{
	return walk_marked(t, has_word, word);
}

void
testsshd_kill_commands(const struct testsshd *t)
{
	(void)walk_marked(t, kill_one, NULL);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
testsshd_stop(struct testsshd *t)
{
	double deadline = now() + slow(10);

	if (t == NULL)
		return;
	forget_live(t);
	if (t->pid > 0) {
		testsshd_signal_sessions(t, SIGKILL);
		kill(t->pid, SIGKILL);
		while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	/* Commands live on without their session; zombies have no environment any more and so end the wait. */
	while (walk_marked(t, kill_one, NULL) > 0 && now() < deadline)
		tick();
	nftw(t->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
}

int
testsshd_dial(const struct testsshd *t)
{
	int fd = try_connect(t->port);

	if (fd < 0)
		fail_msg("connect to port %d: %s", t->port, strerror(errno));
	return fd;
}

ssh_session
testsshd_login(const struct testsshd *t, int fd, int *dup_fd)
{
	ssh_session s = ssh_new();
	ssh_key key = NULL;
	unsigned int port = (unsigned int)t->port;
	int no = 0;
	long timeout = (long)slow(30);

	if (s == NULL)
		fail_msg("ssh_new failed");
	if (fd < 0)
		fd = testsshd_dial(t);
	*dup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	ssh_options_set(s, SSH_OPTIONS_HOST, "127.0.0.1");
	ssh_options_set(s, SSH_OPTIONS_PORT, &port);
	ssh_options_set(s, SSH_OPTIONS_USER, t->user);
	ssh_options_set(s, SSH_OPTIONS_PROCESS_CONFIG, &no);
	ssh_options_set(s, SSH_OPTIONS_KNOWNHOSTS, t->known_hosts);
	ssh_options_set(s, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, t->known_hosts);
	ssh_options_set(s, SSH_OPTIONS_TIMEOUT, &timeout);
	ssh_options_set(s, SSH_OPTIONS_FD, &fd);
	ssh_options_set(s, SSH_OPTIONS_KEY_EXCHANGE, "curve25519-sha256,ecdh-sha2-nistp256");
	ssh_options_set(s, SSH_OPTIONS_CIPHERS_C_S, "aes128-gcm@openssh.com,aes128-ctr,chacha20-poly1305@openssh.com");
	ssh_options_set(s, SSH_OPTIONS_CIPHERS_S_C, "aes128-gcm@openssh.com,aes128-ctr,chacha20-poly1305@openssh.com");
	if (ssh_connect(s) != SSH_OK)
		fail_msg("connect: %s", ssh_get_error(s));
	(void)ssh_options_set(s, SSH_OPTIONS_FD, NULL); /* as the dial does it */
	if (ssh_pki_import_privkey_file(t->user_key, NULL, NULL, NULL, &key) != SSH_OK)
		fail_msg("cannot read %s", t->user_key);
	if (ssh_userauth_publickey(s, NULL, key) != SSH_AUTH_SUCCESS)
		fail_msg("log in: %s", ssh_get_error(s));
	ssh_key_free(key);
	return s;
}
