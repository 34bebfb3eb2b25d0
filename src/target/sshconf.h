/*
 * What `ssh -G` said: its output parsed, the files it read, ssh_config(5)'s % tokens expanded.  Pure; any thread.
 */
#ifndef NP_SSHCONF_H
#define NP_SSHCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/strings.h"

struct target;

/* Reads the standard output of ssh -G into an empty target.  -1 with err when hostname, user or port are missing. */
int sshconf_parse(const char *text, struct target *t, struct np_error *err) NP_MUST_CHECK;
/* The files named by "debug1: Reading configuration data FILE" lines of ssh -vG's standard error. */
void sshconf_files(const char *stderr_text, struct strings *files);
/* What in the log of ssh -vvvG tells that another ssh could be given another answer: the target's own_way. */
void sshconf_conditions(const char *log, struct target *t);
/* What ssh -G, without -v, says of what it tells by itself: likewise. */
void sshconf_log_level(const char *text, struct target *t);

/* What the % tokens of ssh_config(5) stand for. */
struct sshconf_tokens {
	const char *operand;        /* %n */
	const char *hostname;       /* %h */
	const char *user;           /* %r */
	const char *host_key_alias; /* %k; NULL: %n, as ssh has it */
	int port;                   /* %p */
};
/*
 * Expands %% %d %h %i %k %L %l %n %p %r %u (and %C, %T refused); with tilde, for file names, also a leading "~/" and
 * ${NAME}: in a ProxyCommand those belong to the shell.  Caller frees; NULL with err for an unknown token or an unset
 * variable.
 */
char *sshconf_expand(const char *text, const struct sshconf_tokens *t, bool tilde, struct np_error *err) NP_MUST_CHECK;

#endif
