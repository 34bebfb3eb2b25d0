/*
 * The strict sandbox's files (Landlock): nothing is executed, and nothing written but where the broker is known to
 * write. Everything is read as before: a configuration names files anywhere, and so may a reload.
 */
#include "config.h"

#include "serve/sandbox.h"

#include <stdio.h>

#include "base/compiler.h"

#if defined(HAVE_LINUX_LANDLOCK_H) && !defined(NP_SANITIZED)
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

/* Rights that headers may not name yet, with the version that brought them. */
#define REFER (UINT64_C(1) << 13)    /* 2 */
#define TRUNCATE (UINT64_C(1) << 14) /* 3 */

#define ON_FILES (LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)
#define IN_DIRECTORIES                                                                                                 \
	(ON_FILES | REFER | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                           \
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK)
#define NOWHERE                                                                                                        \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                   \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* Terminals and pipes that an ssh lends are opened anew. */
static const char *const always[] = {"/dev/null", "/dev/pts", "/dev/tty"};

static void
allow(int rules, uint64_t known, const char *path)
{
	struct landlock_path_beneath_attr rule = {.parent_fd = open(path, O_PATH | O_CLOEXEC)};
	struct stat st;

	if (rule.parent_fd == -1 || fstat(rule.parent_fd, &st) == -1) {
		log_debug("main", "sandbox: nothing can be written in %s: %s", path, strerror(errno));
	} else {
		rule.allowed_access = known & (S_ISDIR(st.st_mode) ? IN_DIRECTORIES : ON_FILES);
		if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == -1)
			log_warning("main", "sandbox: nothing can be written in %s: %s", path, strerror(errno));
	}
	if (rule.parent_fd != -1)
		close(rule.parent_fd);
}

int
sandbox_files(const struct strings *writable, char *lack, size_t size)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	/* All versions take the size of the first one. */
	uint64_t known = (IN_DIRECTORIES | NOWHERE) & ~(version < 2 ? REFER : 0) & ~(version < 3 ? TRUNCATE : 0);
	int rules = version < 1 ? -1 : (int)syscall(SYS_landlock_create_ruleset, &known, sizeof(known), 0), rc = -1;

	if (rules != -1) {
		for (size_t i = 0; i < NP_COUNT(always); i++)
			allow(rules, known, always[i]);
		for (size_t i = 0; i < writable->n; i++)
			allow(rules, known, writable->v[i]);
		rc = (int)syscall(SYS_landlock_restrict_self, rules, 0);
	}
	if (rc == -1)
		snprintf(lack, size, "files can be written anywhere (Landlock: %s)", strerror(errno));
	if (rules != -1)
		close(rules);
	return rc;
}

#else

int
sandbox_files(const struct strings *writable NP_UNUSED, char *lack, size_t size)
{
#ifdef NP_SANITIZED
	snprintf(lack, size, "files can be written anywhere: this is a build with sanitizers");
#else
	snprintf(lack, size, "files can be written anywhere: built without Landlock");
#endif
	return -1;
}
#endif
