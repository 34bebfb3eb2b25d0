/*
 * The policy: which client may do what on which device (netpulse.yaml(5), POLICY).  Rules in the order of the file, the
 * first one that matches decides.
 *
 * Pure: time is an argument, devices and clients are told by facts.  Rules are made when the configuration is read and
 * change no more, but for their meters, which count what is under way.  Main thread (expressions match with scratch
 * memory of their own).
 *
 *   who, device, method, hours match -- deny ----> and the command does, or might --> denied
 *                               \-- allow, confirm --> and all that is asked for is covered --> allowed, confirmed
 *   otherwise the next rule; behind the last one: denied, but for the main socket while no rule speaks of it
 *
 * A configuration is asked about twice where a rule on its way has expressions: when it comes, without its lines, and
 * for each line when they are there.
 *
 * So a doubt never lets anything through: a text that could be more than one command matches no rule that allows, and
 * every rule that denies.
 */
#ifndef NP_POLICY_H
#define NP_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/strings.h"
#include "platform/pattern.h"

struct platform;
struct node;
struct schema_reader;
struct schema_row;
struct schema_table;

#define POLICY_MAIN "main"    /* the role of the broker's own socket and of the mux door */
#define POLICY_USERS "users"  /* that of other users at the own socket of a system's broker */
#define POLICY_ROLE_MAX 32    /* bytes, with a NUL */
#define POLICY_LINE_MAX 1024  /* bytes of a command that an expression decides about */
#define POLICY_DEVICES_MAX 64 /* devices_at_once */
#define POLICY_WHERE_MAX 200  /* bytes of "FILE:LINE" */
#define POLICY_WEEK (7 * 24 * 60)

enum policy_then { POLICY_DENY, POLICY_CONFIRM, POLICY_ALLOW };
enum policy_door { POLICY_ANY_DOOR, POLICY_SOCKET, POLICY_MUX };

/* What is asked for: bits of a rule's methods. */
enum policy_method {
	POLICY_EXEC = 1 << 0, /* commands */
	POLICY_CONFIG = 1 << 1,
	POLICY_SHELL = 1 << 2,
	POLICY_SUBSYSTEM = 1 << 3,
	POLICY_FORWARD = 1 << 4,
	POLICY_STEER =
	    1 << 5 /* all that looks at the broker and others' work, or steers them; logging in and testing */
};

/* What a rule allows beside; bits. */
enum policy_may {
	POLICY_ENV = 1 << 0, /* these where an expression decides */
	POLICY_STDIN = 1 << 1,
	POLICY_PTY = 1 << 2,
	POLICY_ANSWERS = 1 << 3,
	POLICY_ADHOC = 1 << 4, /* these of other sockets than the main one */
	POLICY_OPTIONS = 1 << 5,
	POLICY_CREDENTIALS = 1 << 6,
	POLICY_TRUSTED = 1 << 7 /* of credentials, but for a system's broker: what acts with the broker's own rights */
};

/* Which commands: expressions about the whole of one, and what the platform calls harmless. */
struct policy_commands {
	bool given, read_only;
	struct pattern_list list; /* PATTERN_WHOLE */
};

/* What is under way by a rule. */
struct policy_meter {
	double tokens, filled; /* requests that may come now; when that was so */
	struct {
		uint64_t name; /* hash of a device's name */
		unsigned count;
	} busy[POLICY_DEVICES_MAX];
	size_t devices;
};

struct policy_rule {
	char *role; /* NULL: any */
	int uid, gid;
	bool uid_given, gid_given;
	char *group;   /* its name or number; NULL: any */
	gid_t members; /* that one, looked up when the rule was read */
	enum policy_door door;
	struct strings devices; /* names, globs, @groups; none: any, and what concerns no device */
	struct strings method_names;
	unsigned methods; /* enum policy_method */
	struct policy_commands commands;
	char *hours;
	struct {
		unsigned days; /* bit 0 is Monday; 0: whenever */
		int from, to;  /* minutes of the day */
	} when;
	enum policy_then then;
	struct strings may_names;
	unsigned may;                 /* enum policy_may */
	int requests_per_minute;      /* 0: any number */
	int devices_at_once;          /* 0: likewise */
	char where[POLICY_WHERE_MAX]; /* "FILE:LINE" */
	struct policy_meter meter;
};

struct policy {
	struct policy_rule *rules; /* by policy_table */
	size_t count;
	bool system; /* of a broker that serves other users: only rules that name the main role concern it */
};

/* The rows of a rule, for the key `policy` of the configuration. */
extern const struct schema_table policy_table;

/* ---- what is asked ---- */

struct policy_who {
	const char *role;
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* further ones of its process; borrowed */
	size_t groups_count;
	bool mux; /* came by the mux door */
};

/* Members are borrowed; all zero: what is asked concerns no device. */
struct policy_device {
	const char *name;             /* as configured, or as it was named */
	const char *host;             /* what follows the user in the name of one that is not configured; or NULL */
	const struct strings *groups; /* of a configured one */
	const char *like;             /* a configured one of that host: only to deny; or NULL */
	const struct strings *like_groups;
	const struct platform *platform; /* whose command line reads its commands; NULL: unknown */
	bool shell;                      /* they are typed there; else they are run by a channel of their own */
};

struct policy_ask {
	struct policy_who who;
	struct policy_device device;
	enum policy_method method;
	const char *command; /* of POLICY_EXEC; a line of POLICY_CONFIG; NULL: none yet */
	size_t size;
	unsigned wants;   /* enum policy_may */
	const char *keys; /* by which it wants what a rule may not: for a message; or NULL */
	int minute;       /* of the week, local time, Monday 00:00 is 0 */
};

/* Why a rule that matched otherwise did not allow it. */
enum policy_miss {
	POLICY_MISS_NONE,
	POLICY_MISS_COMMAND,  /* another command */
	POLICY_MISS_COMPOUND, /* might be more than one command: policy_verdict.why */
	POLICY_MISS_MAY       /* it does not allow policy_verdict.lacks */
};

struct policy_verdict {
	enum policy_then then;
	bool lines;                 /* of a configuration: each of its lines has to be asked about */
	struct policy_rule *rule;   /* that decided; NULL: none matched, or the lines decide */
	struct policy_rule *nearly; /* the first that all but matched, of a denial by none; or NULL */
	enum policy_miss miss;      /* what it lacked */
	const char *why;            /* static */
	unsigned lacks;
};

/* Whether any rule could concern the main socket: else its clients may everything. */
bool policy_concerns_main(const struct policy *p);
void policy_decide(const struct policy *p, const struct policy_ask *ask, struct policy_verdict *verdict);
/* Whether a rule allows this client anything on that device, by day or by night. */
bool policy_shows(const struct policy *p, const struct policy_who *who, const struct policy_device *device);
/* Sets err to a denial (`denied`): which rule, and what would be allowed. */
void policy_explain(const struct policy_ask *ask, const struct policy_verdict *verdict, struct np_error *err);
/* Whether a text may be the name of a role; for rows. */
int policy_check_role(const struct schema_row *row, const char *text, struct np_error *err) NP_MUST_CHECK;
/* "FILE:LINE" of what is being read. */
void policy_note_where(const struct schema_reader *r, const struct node *node, char where[POLICY_WHERE_MAX]);
const char *policy_then_name(enum policy_then then);
const char *policy_method_name(enum policy_method method);
/* The method of that name, or 0. */
unsigned policy_method_of(const char *name);

/* ---- limits ---- */

/*
 * `requests` more on this device, at `now` (seconds, monotonic): 0 and they are counted, or -1 with err (denied).  Each
 * that was let in and whose device counts is followed by policy_leave().
 */
int policy_enter(
    struct policy_rule *rule, const char *device, unsigned requests, double now, struct np_error *err) NP_MUST_CHECK;
void policy_leave(struct policy_rule *rule, const char *device);

/* ---- policy_command.c: a command as expressions see it ---- */

struct policy_line {
	char text[POLICY_LINE_MAX + 1];
	size_t size;
};

/*
 * The one command that this text is on this device; NULL and the line: on a command line its words are separated by
 * single blanks, abbreviations of the platform are written out, and filters behind it that the platform calls harmless
 * are left out; else it is as it was written.  A line of a configuration has a command line without a platform: its
 * words are those of modes that nobody knows here.  Or why it could be more than that (static text); the line is then
 * of no use.
 */
const char *policy_read_command(
    const char *command, size_t size, const struct policy_device *device, struct policy_line *line);

#endif
