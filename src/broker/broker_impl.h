/* What the parts of the broker share; included by broker*.c only. */
#ifndef NP_BROKER_IMPL_H
#define NP_BROKER_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <ev.h>

#include "broker/broker.h"
#include "broker/report/report.h"
#include "broker/steer/steer.h"
#include "base/buf.h"
#include "ssh/channel.h"
#include "cli/cli.h"
#include "conf/conf.h"
#include "login/connector.h"
#include "base/error.h"
#include "serve/listener.h"
#include "wire/message.h"
#include "params/params.h"
#include "serve/peer.h"
#include "platform/platform.h"
#include "pool/pool.h"
#include "base/queue.h"
#include "ssh/relay.h"
#include "ssh/session.h"
#include "ssh/shell.h"
#include "target/target.h"
#include "cli/transcript.h"

#define BROKER_CONNECTORS_MAX 64
#define BROKER_AGENT_HASHES 16
#define BROKER_REQUEUES_MAX 8
#define BROKER_JUMPS_MAX 8
#define BROKER_STDIN_WINDOW CHANNEL_BUFFER_MAX
#define BROKER_AUTODETECT "autodetect" /* device_type, and the definition that serves until the true one is known */
#define BROKER_CONFIG_MAX (16u * 1024u * 1024u) /* bytes of the lines of one configuration */
#define REQUEST_TAIL_MAX (9u * 1024u * 1024u)   /* what a lost session may leave behind, see chan_events.done */

struct request;
struct broker_pool;
TAILQ_HEAD(request_list, request);

/* The broker's record of one client connection.  Owned by broker.peers, freed when the peer has closed. */
struct broker_peer {
	TAILQ_ENTRY(broker_peer) link;
	struct broker *broker;
	struct peer *peer;
	struct request_list requests;
	int requests_count;
	double since;
	struct event_who who;
	int watches;
	bool refused;          /* one too many: told so, and closed */
	const char *hold_lost; /* why a lease that it held has ended, static text: its next request is told */
};

/* What the shell of a session is doing. */
enum broker_shell_use {
	SHELL_LOGIN,    /* until the driver is ready for the first time; the session still counts as connecting */
	SHELL_FREE,     /* at its prompt, no lease; a keep-alive may run */
	SHELL_LEASED,   /* a request has it, or its client holds it for the next one */
	SHELL_RESETTING /* the lease has ended: on the way back to the mode after login */
};

/* The interactive shell of a session whose device is driven by its command line. */
struct broker_shell {
	struct shell *shell; /* NULL: none, or none any more */
	enum broker_shell_use use;
	struct request *runner;     /* who has the lease, or NULL */
	struct broker_peer *holder; /* between two requests of this client */
	double held_since;
	ev_timer clock;        /* the next keep-alive, or the end of the time that a lease may be held */
	struct np_error error; /* why it ended */
	char *secret;          /* from the connector, until the driver has them */
	char *password;
	bool outdated; /* the configuration changed while it connected */
	bool needed_person;
	bool secret_given;             /* one is configured: the base mode is where its shells belong */
	bool trial;                    /* what comes is looked at by broker_trial.c */
	struct transcript *transcript; /* of a session that a recording made; NULL: none */
	bool provisional;              /* by the definition that fits most: of no use once the right one is known */
	bool detecting;                /* broker_detect.c: */
	size_t asked;                  /* definitions whose commands were tried */
	struct buf seen;               /* the answer to the last one */
};

/*
 * One SSH session, from the decision to connect to its end.  Owned by the pool's list of entries; freed by
 * broker_session_free(), which only the two ends (failed connect, closed session) call.
 */
/*
 * The files that decide about a login, as they were before it was tried.  One that changes while the login is under way
 * may have been read before.
 */
struct login_files {
	double since;                   /* clock_now() */
	struct file_stamps credentials; /* and configuration */
	struct file_stamps known_hosts; /* a login may write them itself: what they lift is no failed authentication */
};

struct broker_session {
	struct pool_entry entry;
	struct broker_pool *pool;
	uint64_t id;             /* never repeats */
	uint64_t dial_job;       /* connector's id while dialling */
	struct session *session; /* NULL while connecting */
	struct target *target;   /* what was dialled: a reference */
	struct login_files tried;
	struct np_error jump_error; /* why the connection through the jump host ended under the dial */
	struct request *test;       /* shows how it comes about (broker_test.c), or NULL */
	struct request *forward;    /* the lease on the jump host's session that carries this one, or NULL */
	char *agent_socket;         /* of the client that caused the login; only until it is done */
	char *auth;                 /* how it authenticated */
	bool closing;               /* told to end; closed() is on its way */
	double connect_seconds;
	uint64_t commands; /* run on it so far */
	struct broker_shell sh;
	char *end_why; /* of a session whose shell says goodbye first */
};

/* A question of a connector or of a command, on its way to a person. */
struct broker_prompt {
	TAILQ_ENTRY(broker_prompt) link;
	struct broker_pool *pool;
	struct request *asker; /* whose command asks; NULL: a connector does */
	uint64_t job_id;
	uint64_t prompt_id;
	uint64_t request_uid; /* who is asked at present */
	bool trial;           /* by a test's session: of no concern to the pool's waiters */
	enum prompt_kind kind;
	bool echo;
	char *text;
	ev_timer timer; /* prompt_timeout */
};

/* One pool key: how its device is reached, its policy, and what the policy must be told. */
struct broker_pool {
	TAILQ_ENTRY(broker_pool) link;
	struct broker *broker;
	char *key;
	uint64_t key_hash;
	struct device_ref ref;
	char *device_name;           /* whose max_connections counts: the device's name, or host[:port] */
	struct broker_pool *sibling; /* the next pool of that name, in a ring; itself when there is no other */
	struct device_conf *device;
	struct platform *platform; /* its sessions are shells of this one; NULL: every command has a channel */
	bool is_default;           /* takes the requests that leave the driver open */
	struct target *target;     /* NULL until resolved */
	struct pool policy;
	ev_timer wake;
	ev_prepare kick; /* fed, never started: runs the policy before the loop blocks again */
	uint64_t resolve_job;
	uint64_t agent_job;
	struct request_list held; /* wait for the agent's key list before they may wait for a session */
	uint64_t agent_hashes[BROKER_AGENT_HASHES]; /* key lists that did not open the door */
	int agent_hashes_count;
	struct login_files tried; /* of the failed attempt that began last: their change lifts what blocks */
	bool asking;              /* a person is being asked something that the waiters wait for */
	bool prompted;            /* the last failed login had questions: a person may try again */
	bool adhoc;               /* the configuration names no such device */
	bool retired;             /* the configuration allows it no longer: it ends with its sessions */
	bool wants_room;          /* a limit outside stood in the way */
	double last_used;         /* a request began or ended */
	uint64_t requests_done;
	uint64_t commands;            /* begun on its sessions */
	uint64_t logins, failures;    /* attempts to make a session that did, and that did not */
	uint64_t bytes_in, bytes_out; /* of sessions that are gone */
	uint64_t serial;              /* of the broker's row of ids */
	const char *told_state;       /* the last word that events gave for it; NULL: none yet */
};

enum request_kind { REQUEST_EXEC, REQUEST_CONFIG, REQUEST_OPEN, REQUEST_FORWARD, REQUEST_TEST };

enum request_state {
	REQUEST_GATHERING, /* config: its lines are still coming */
	REQUEST_QUEUED,    /* waits for a session (in the pool's waiters, or held) */
	REQUEST_RUNNING,   /* has a lease; a command is on a channel */
	REQUEST_FLUSHING,  /* the command has ended, its output waits for the client to read */
	REQUEST_ENDED      /* answered; freed at the end of the turn */
};

/* What a request needs on an interactive shell. */
struct request_cli {
	struct cli_answer *answers; /* the params' */
	bool asked_secret;          /* a person was asked for the secret */
	bool waits_secret;          /* and has not answered yet: nothing runs on the shell meanwhile */
	bool moved;       /* the last command left the mode in which the lease began: the next one may count on that */
	char began[64];   /* that mode */
	char prompt[128]; /* of the last command: what it ended at */
	char mode[64];    /* likewise; a copy, for the platform may be replaced before the client has read */
	char device_error[256];
	struct buf text;        /* config: the lines as they came */
	struct cli_line *lines; /* config: where they are in it */
	size_t lines_count;
	struct cli_result result; /* config */
};

struct request {
	TAILQ_ENTRY(request) link;      /* broker.requests, or broker.ended */
	TAILQ_ENTRY(request) peer_link; /* broker_peer.requests */
	TAILQ_ENTRY(request) held_link; /* broker_pool.held */
	struct broker *broker;
	uint64_t uid;
	enum request_kind kind;
	enum request_state state;
	struct broker_peer *peer; /* NULL: internal, or the client has left */
	struct message_id id;
	struct exec_params params;
	struct broker_pool *pool;
	struct pool_waiter waiter;
	bool held;
	double queue_left; /* of the queue limit while a prompt is open; 0 = no limit */
	bool clock_stopped;
	struct broker_session *session; /* the lease; NULL once the session has gone, though output may still wait */
	struct {
		uint64_t id; /* 0: none yet */
		bool reused;
		double connect_seconds;
	} ran_on;   /* what results tell about the session, which may be gone by then */
	bool opens; /* npctl open, or the way to what it opens: lifts blocks */
	struct chan *chan;
	int requeues;

	/* exec */
	size_t index; /* of the command that runs */
	size_t failed;
	double received, assigned, started; /* clock_now() */
	double last_activity;
	bool got_output;
	bool cancelled;
	bool killed;           /* by the operator: the answer says so */
	struct np_error abort; /* why we gave the channel up: reported in place of the channel's own end */
	ev_timer clock;        /* the earliest of the three limits */
	size_t stdin_granted;  /* bytes the client may still send */
	size_t stdin_owed;     /* bytes that have left and are not granted anew yet */
	bool stdin_ended;
	char *heads[2];      /* JSON of the stdout and stderr notifications of this command */
	struct buf tails[2]; /* left over when the channel ended before the client had read */
	struct buf captured[2];
	struct chan_end end; /* of the command, while flushing */
	uint64_t window_left;
	uint64_t bytes_in, bytes_out; /* from and to the client */

	/* what events need to know of it, see broker_event.c */
	struct event_who who;
	uint64_t told_in, told_out; /* bytes of earlier commands */
	bool told_command, told_end;
	struct request_cli cli;

	/* forward */
	struct broker_session *dependent; /* the session that shall run through it */
	struct relay *relay;

	/* test */
	struct {
		uint64_t job;                   /* reads ssh's configuration, or 0 */
		struct broker_session *session; /* being made, or NULL */
		bool login;                     /* also where log-ins are barred */
		struct np_error barred;         /* why it ends before the login */
		double since;                   /* the end of the last step */
		int cli;                        /* enum cli_state at that time */
		bool failed_told;
	} test;
};

struct broker {
	struct ev_loop *loop;
	struct config *config;
	struct platforms *platforms;
	cJSON *recognised; /* device name: platform */
	struct broker_options options;
	struct listener *listener;
	struct connector *connector;
	struct broker_events *events;
	TAILQ_HEAD(, broker_pool) pools;
	TAILQ_HEAD(, broker_peer) peers;
	TAILQ_HEAD(, broker_prompt) prompts;
	struct request_list requests;
	struct request_list ended; /* freed at the end of the turn */
	TAILQ_HEAD(, broker_sync) syncs;
	struct steer_rules rules;
	struct steer_waits waits;
	bool waits_due; /* something has ended that somebody may wait for */
	TAILQ_HEAD(, broker_show) shows;
	int pools_count, peers_count, requests_count, sessions_count;
	uint64_t logins, failures; /* as of its pools, also those forgotten */
	uint64_t next_id;          /* sessions, requests, peers: one row of numbers, so that no two things share one */
	double started;
	double idle_since; /* 0: not idle */
	bool stopping;
	bool at_once; /* stopping, and nothing is waited for */
	bool finished;
	uint32_t random;
	ev_timer tick;
	ev_timer drain;
	ev_prepare turn;
};

/* broker.c */
uint64_t broker_next_id(struct broker *b);
void broker_peer_send(struct broker_peer *bp, char *json, const void *data, size_t size); /* frees json */
void broker_peer_result(struct broker_peer *bp, const struct message_id *id, cJSON *result);
void broker_peer_error(
    struct broker_peer *bp, const struct message_id *id, const struct np_error *err, const char *device);
void broker_peer_notify(struct broker_peer *bp, const char *method, cJSON *params);
void broker_note_idle(struct broker *b);
struct broker_peer *broker_peer_by_id(struct broker *b, uint64_t id); /* or NULL */

/* broker_dispatch.c */
void broker_dispatch(struct broker_peer *bp, const struct frame *frame);

/* broker_driver.c */
enum broker_want {
	WANT_ANY,    /* whatever the device is driven by */
	WANT_SHELL,  /* an interactive command line: privilege, configuration */
	WANT_CHANNEL /* a channel of its own: a terminal of a person, a subsystem, a forwarded connection */
};
struct platforms *broker_platforms_load(const struct config *config);
int broker_driver_choose(const struct broker *b, const struct platforms *set, const struct device_conf *device,
    enum broker_want want, struct platform **platform, struct np_error *err);
void broker_driver_apply(struct device_conf *device, const struct platform *platform);
int broker_driver_again(const struct platforms *set, const struct broker_pool *pool, const struct device_conf *device,
    struct platform **platform, struct np_error *err);
bool broker_driver_is_default(const struct broker *b, const struct platforms *set, const struct device_conf *device,
    const struct platform *platform);
enum broker_want broker_want_of(enum request_kind kind, const struct exec_params *params);
int broker_check_params(const struct broker_pool *pool, const struct exec_params *params, struct np_error *err);
bool broker_fall_back_to_shell(struct request *r);

/* broker_pool.c */
struct broker_pool *broker_pool_get(
    struct broker *b, const struct device_ref *ref, enum broker_want want, struct np_error *err);
struct device_conf *broker_device_make(const struct config *config, const struct device_ref *ref, struct np_error *err);
uint64_t broker_hash(const char *s);
void broker_pool_kick(struct broker_pool *pool);
void broker_pools_kick_room(struct broker *b);
struct pool_room broker_pool_room(const struct broker_pool *pool);
char *broker_device_of(const struct config *config, const char *name);
struct pool_entry *broker_pool_longer_unused(const struct broker_pool *pool, struct pool_entry *best);
void broker_pool_free(struct broker_pool *pool);
struct broker_session *broker_entry_session(struct pool_entry *e);

/* broker_access.c */
void broker_pool_wait(struct broker_pool *pool, struct request *r);
void broker_pool_wait_again(struct broker_pool *pool, struct request *r);
void broker_pool_freshen(struct broker_pool *pool);
void broker_pool_unblock(struct broker_pool *pool, bool credentials_changed);
void broker_pool_failed(struct broker_pool *pool, struct login_files *tried, uint64_t agent_hash);
void login_files_take(struct login_files *files, const struct target *target);
void login_files_finish(struct login_files *files);
void broker_resolve_done(struct broker_pool *pool, struct connect_result *result);
void broker_agent_keys_done(struct broker_pool *pool, struct connect_result *result);

/* broker_reload.c */
void broker_pools_reload(struct broker *b, struct config *config, struct platforms *platforms, int *changed);
bool broker_ref_is_adhoc(const struct config *config, const struct device_ref *ref);
int broker_pools_make_room(struct broker *b, struct np_error *err);
void broker_pools_tick(struct broker *b);

/* broker_session.c */
extern const struct connector_events broker_connector_events;
void broker_session_connect(struct broker_pool *pool, const struct pool_action *action);
void broker_session_end(struct broker_session *s, enum np_reason reason, const char *why);
void broker_session_refresh(struct broker_session *s);
void broker_session_ready(struct broker_session *s);

/* broker_shell.c */
void broker_shell_open(struct broker_session *s);
void broker_shell_lease(struct broker_session *s, struct request *r);
void broker_shell_lease_end(struct broker_session *s, struct request *r);
void broker_shell_pause(struct broker_session *s);
bool broker_shell_resume(struct request *r);
void broker_shell_check_hold(struct broker_session *s, double now);
void broker_shells_check_hold(struct broker *b, double now);
void broker_shell_peer_left(struct broker *b, const struct broker_peer *bp);
void broker_shell_unhold_all(struct broker *b);
bool broker_shell_say_goodbye(struct broker_session *s, const char *why);
bool broker_shell_is_leaving(const struct broker_session *s);
void broker_shell_keepalive(struct broker_session *s);
void broker_shell_finish(struct broker_session *s);

cJSON *broker_shell_json(const struct broker_session *s);

/* broker_detect.c */
cJSON *broker_detect_load(void);
const char *broker_detect_known(const struct broker *b, const char *device);
bool broker_detects(const struct broker_pool *pool);
void broker_detect_begin(struct broker_session *s);
void broker_detect_output(struct broker_session *s, const struct buf *out);
void broker_detect_result(struct broker_session *s);
void broker_detect_forget(struct broker_session *s);

/* broker_cli.c */
void request_cli_start(struct request *r);
void request_cli_result(struct request *r, const struct cli_result *result);
void request_cli_pump(struct request *r);
void request_cli_cancel(struct request *r);
void request_cli_question(struct request *r, const struct cli_event *event);
void request_cli_answer(struct request *r, const char *value);
void request_cli_free(struct request *r);
void request_cli_mode(struct request *r, const char *mode);
void request_cli_begin(struct request *r);

/* broker_record.c */
int verb_record(struct broker_peer *bp, const struct message *m, struct np_error *err);
void broker_record_begin(struct broker_session *s);
void broker_request_add_command(struct request *r, const char *text);
void broker_record_command(struct request *r);
void broker_record_result(struct request *r, const struct cli_result *result);
void broker_record_end(struct request *r);

/* broker_trial.c */
int verb_platform_test(struct broker_peer *bp, const struct message *m, struct np_error *err);
void broker_trial_seen(struct broker_session *s, const void *bytes, size_t size);
void broker_trial_command(struct request *r);
bool broker_trial_result(struct request *r, const struct cli_result *result);

/* broker_config.c */
int verb_config(struct broker_peer *bp, const struct message *m, struct np_error *err);
int request_config_lines(struct request *r, const void *data, size_t size, struct np_error *err);
void request_config_eof(struct request *r);
void request_config_line(struct request *r, const struct cli_event *event);
void request_config_result(struct request *r, const struct cli_result *result);
void request_config_fields(cJSON *o, const struct request *r);
void broker_forward_start(struct request *r);
void broker_forward_failed(struct request *r, const struct np_error *err);
struct broker_pool *broker_pool_by_job(struct broker *b, uint64_t job);
struct broker_session *broker_session_by_job(struct broker *b, uint64_t job);
/* Makes a session that nobody gets, for a test; it may have failed when this returns. */
void broker_session_try(struct request *r, struct target *target);

/* broker_prompt.c */
void broker_prompt_ask(const struct connect_prompt *prompt, void *broker);
void broker_question_ask(struct request *r, enum prompt_kind kind, const char *text, bool echo);
void broker_connector_notice(uint64_t job_id, const char *text, void *broker);
void broker_question_drop(struct request *r);
void broker_prompts_reassign(struct broker *b, uint64_t request_uid);
bool broker_prompt_answer(struct broker *b, struct request *r, uint64_t prompt_id, const char *value);
void broker_prompts_drop(struct broker_pool *pool);
void broker_prompts_drop_job(struct broker *b, uint64_t job_id);

/* broker_request.c */
struct request *request_create(
    struct broker *b, enum request_kind kind, struct broker_peer *peer, const struct message_id *id);
void request_fail(struct request *r, const struct np_error *err);
void request_ended(struct request *r);
void request_detach_peer(struct request *r);
void request_release_lease(struct request *r);
void request_free(struct request *r);
void request_notice(struct request *r, const char *text);
struct request *request_find(struct broker_peer *bp, const struct message_id *id);
struct request *request_by_waiter(struct pool_waiter *w);
const char *request_device(const struct request *r);
cJSON *request_note_params(const struct request *r);
const struct np_error *request_command_error(const struct request *r);
bool request_command_failed(const struct request *r);
void request_add_session(cJSON *o, const struct request *r);
void request_send_result(struct request *r);
void request_send_response(struct request *r);
void request_send_not_run(struct request *r);

/* broker_limits.c */
void request_start_limits(struct request *r);

/* broker_exec.c */
void request_submit(struct request *r);
void request_begin_command(struct request *r);
size_t request_stream(struct request *r, int which, const uint8_t *p, size_t n);
void request_keep_tail(struct request *r, int which, const void *p, size_t n);
void request_grant_stdin(struct request *r, size_t n);
void request_command_done(struct request *r);
bool request_try_again(struct request *r, const struct np_error *why, bool sent);
void request_assigned(struct request *r, struct broker_session *s);
void request_give_up(struct request *r, enum np_reason reason, const char *text);
void request_drained(struct broker_peer *bp);
void request_credit(struct request *r, uint64_t bytes);
void request_pump(struct request *r);

/* broker_client.c */
void request_cancel(struct request *r, bool answer);
int request_stdin(struct request *r, const void *data, size_t size, struct np_error *err);
void request_eof(struct request *r);
void request_signal(struct request *r, const char *name);
void request_resize(struct request *r, int cols, int rows);

/* broker_control.c */
struct broker_sync {
	TAILQ_ENTRY(broker_sync) link;
	uint64_t peer_id;
	struct message_id id;
};
struct verb {
	const char *name;
	/* Answers now and returns 0, or sets err and returns -1; a verb that answers later returns 0 as well. */
	int (*run)(struct broker_peer *bp, const struct message *m, struct np_error *err);
};
/* A request with its pool, of parsed params, which are taken over; it is not in the pool's queue yet. */
int broker_request_make(struct broker_peer *bp, const struct message *m, enum request_kind kind,
    struct exec_params *params, struct request **made, struct np_error *err);
const struct verb *broker_verb(const char *name);
void broker_syncs_answer(struct broker *b);

/* broker_devices.c */
int verb_devices(struct broker_peer *bp, const struct message *m, struct np_error *err);

/* broker_stop.c */
void broker_stop_turn(struct broker *b);
void broker_end_everything(struct broker *b, double deadline);

/* broker_steer.c, broker_close.c */
int broker_verb_steer(struct broker_peer *bp, const struct message *m, struct np_error *err);
int broker_verb_close(struct broker_peer *bp, const struct message *m, struct np_error *err);
int broker_verb_kill(struct broker_peer *bp, const struct message *m, struct np_error *err);
void broker_drains_follow(struct broker *b);

/* broker_confshow.c */
struct conf_parts;
int broker_conf_parts(struct conf_parts *parts, const struct broker *b, struct config *config,
    const struct platforms *set, const char *name, struct np_error *err);
bool broker_show_done(struct broker *b, const struct connect_result *result);
int broker_shows_of(const struct broker *b, uint64_t peer);
bool broker_show_has(const struct broker_peer *bp, const struct message_id *id);
void broker_show_cancel(struct broker_peer *bp, const struct message_id *id);
void broker_shows_peer_left(const struct broker_peer *bp);
void broker_shows_free(struct broker *b);
int broker_verb_config_show(struct broker_peer *bp, const struct message *m, struct np_error *err);
int broker_verb_platforms(struct broker_peer *bp, const struct message *m, struct np_error *err);

/* broker_test.c */
int broker_verb_test(struct broker_peer *bp, const struct message *m, struct np_error *err);
bool broker_test_resolved(struct broker *b, struct connect_result *result);
void broker_test_connector_step(uint64_t job, const struct connect_step *step, void *broker);
void broker_test_step(struct request *r, const char *name, enum step_outcome outcome, const char *text);
void broker_test_shell(struct broker_session *s);
void broker_test_passed(struct broker_session *s);
void broker_test_failed(struct broker_session *s, const struct np_error *err);
void broker_test_cancel(struct request *r);

/* broker_status.c */
cJSON *broker_strings(char *const *v, size_t n);
double broker_round(double x, double per_unit);
/* Resident memory. */
double broker_memory_kb(void);
/* brief: without sessions, clients, requests and the texts of errors, for who asks often.  NULL with err: no such
 * device. */
int broker_verb_status(struct broker_peer *bp, const struct message *m, struct np_error *err);
/* The name of a running program, made harmless; "" when it cannot be had.  Returns out. */
const char *broker_program(pid_t pid, char *out, size_t size);
/* The parent of a process; 0 when it cannot be had. */
pid_t broker_parent(pid_t pid);

#endif
