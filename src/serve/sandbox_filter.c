/*
 * The filter of system calls.
 *
 * The list is what the tests use (strace(1) over tests/e2e, the calls of the broker's threads after the start) and what
 * the C library takes instead on other kernels and machines.  Anything else has "never been implemented" (ENOSYS): that
 * is what libraries are prepared for, and take another way.  What only an intruder tries ends the process at once.
 *
 * Names, not numbers: a call that a machine or a libseccomp does not know is none to be allowed.
 */
#include "config.h"

#include "serve/sandbox.h"

#include "base/compiler.h"

#if defined(HAVE_SECCOMP) && !defined(NP_SANITIZED)
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

/* Which argument of clone(2) has them: see its manual. */
#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

/* TCGETS2, which stands in a header that <termios.h> does not bear; glibc 2.42 and later ask so. */
#define LATER_TCGETS 0x802c542a

static const char *const allowed[] = {
    /* memory */
    "brk", "cacheflush", "madvise", "mlock", "mlock2", "mmap", "mmap2", "mprotect", "mremap", "munlock", "munmap",
    /* files */
    "access", "chmod", "close", "close_range", "dup", "dup2", "faccessat", "faccessat2", "fchmod", "fchmodat",
    "fchmodat2", "fchownat", "fcntl", "fcntl64", "fdatasync", "flock", "fstat", "fstat64", "fstatat64", "fstatfs",
    "fstatfs64", "fsync", "ftruncate", "ftruncate64", "getcwd", "getdents", "getdents64", "lchown", "lchown32", "lseek",
    "_llseek", "lstat", "lstat64", "memfd_create", "mkdir", "mkdirat", "newfstatat", "open", "openat", "pread64",
    "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readlink", "readlinkat", "readv", "rename",
    "renameat", "renameat2", "rmdir", "stat", "stat64", "statfs", "statfs64", "statx", "unlink", "unlinkat", "write",
    "writev",
    /* sockets */
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "listen", "recv", "recvfrom",
    "recvmmsg", "recvmsg", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2",
    "inotify_add_watch", "inotify_init1", "inotify_rm_watch", "_newselect", "pipe", "pipe2", "poll", "ppoll",
    "ppoll_time64", "timerfd_create", "timerfd_settime", "pselect6", "pselect6_time64", "select", "wait4", "waitid",
    /* time */
    "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
    "clock_nanosleep_time64", "gettimeofday", "nanosleep", "time",
    /* this process and its threads */
    "exit", "exit_group", "futex", "futex_time64", "getcpu", "getegid", "getegid32", "geteuid", "geteuid32", "getgid",
    "getgid32", "getgroups", "getgroups32", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getrandom",
    "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid", "getuid", "getuid32", "membarrier",
    "restart_syscall", "riscv_flush_icache", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_yield", "set_robust_list", "set_tid_address",
    "sigaltstack", "sigreturn", "sysinfo", "ugetrlimit", "uname"};

/* To run another program, to be another one, to get at other processes and at the kernel. */
static const char *const deadly[] = {"bpf", "chroot", "delete_module", "execve", "execveat", "finit_module", "fsmount",
    "fsopen", "init_module", "kexec_file_load", "kexec_load", "mount", "move_mount", "open_by_handle_at", "open_tree",
    "perf_event_open", "pidfd_getfd", "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "setns",
    "umount", "umount2", "unshare", "userfaultfd"};

/* Calls of which only those with this argument are allowed; the upper half of the register is nobody's. */
static const struct narrow {
	const char *name;
	unsigned argument;
	uint64_t value;
} narrow[] = {{"socket", 0, AF_UNIX}, {"socket", 0, AF_INET}, {"socket", 0, AF_INET6}, {"socketpair", 0, AF_UNIX},
    {"ioctl", 1, FIONBIO}, {"ioctl", 1, FIONREAD}, {"ioctl", 1, SIOCGIFINDEX}, {"ioctl", 1, SIOCGIFNAME},
    {"ioctl", 1, SIOCOUTQ}, {"ioctl", 1, TCGETS}, {"ioctl", 1, LATER_TCGETS}, {"ioctl", 1, TIOCGWINSZ},
    {"prctl", 0, PR_GET_DUMPABLE}, {"prctl", 0, PR_GET_NAME}, {"prctl", 0, PR_SET_NAME}, {"prctl", 0, PR_SET_VMA},
    {"prlimit64", 0, 0}};

static int
add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int number = seccomp_syscall_resolve_name(names[i]), rc;

		rc = number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, number, 0);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
add_narrow(scmp_filter_ctx filter, const char *name, struct scmp_arg_cmp how)
{
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(name), 1, &how);
}

/* clone3(2) has its flags in memory, where they can change: without it, the C library takes clone(2). */
static int
add_rules(scmp_filter_ctx filter)
{
	uint64_t self = (uint64_t)getpid();
	int rc = add_names(filter, SCMP_ACT_ALLOW, allowed, NP_COUNT(allowed));

	if (rc == 0)
		rc = add_names(filter, SCMP_ACT_KILL_PROCESS, deadly, NP_COUNT(deadly));
	for (size_t i = 0; i < NP_COUNT(narrow) && rc == 0; i++)
		rc = add_narrow(filter, narrow[i].name,
		    SCMP_CMP(narrow[i].argument, SCMP_CMP_MASKED_EQ, 0xffffffffu, narrow[i].value));
	if (rc == 0) /* getaddrinfo(3) asks for our addresses */
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffu, AF_NETLINK), SCMP_A2(SCMP_CMP_MASKED_EQ, 0xffffffffu, 0));
	if (rc == 0)
		rc = add_narrow(filter, "clone", SCMP_CMP(CLONE_FLAGS, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (rc == 0) /* abort(3) */
		rc = add_narrow(filter, "tgkill", SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffu, self));
	if (rc == 0) /* lent.c: whether two descriptors are one */
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kcmp), 2,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffu, self), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, self));
	return rc;
}

int
sandbox_filter(char *lack, size_t size)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = filter == NULL ? -ENOMEM : seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (rc == 0)
		rc = add_rules(filter);
#if SCMP_VER_MAJOR > 2 || (SCMP_VER_MAJOR == 2 && SCMP_VER_MINOR >= 5)
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
#endif
	if (rc == 0)
		rc = seccomp_load(filter);
	seccomp_release(filter);
	if (rc == 0)
		return 0;
	snprintf(lack, size, "no filter of system calls: %s", strerror(-rc));
	return -1;
}

#else
#include <stdio.h>

int
sandbox_filter(char *lack, size_t size)
{
#ifdef NP_SANITIZED
	snprintf(lack, size, "no filter of system calls: this is a build with sanitizers");
#else
	snprintf(lack, size, "no filter of system calls: built without libseccomp");
#endif
	return -1;
}
#endif
