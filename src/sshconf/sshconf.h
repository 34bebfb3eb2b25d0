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

enum strict_checking { STRICT_ASK, STRICT_YES, STRICT_ACCEPT_NEW, STRICT_OFF };

/* The subset that the broker honours.  Strings are NULL where ssh said "none" or nothing. */
struct sshconf {
	char *hostname;
	char *user;
	int port;
	char *host_key_alias;
	char *proxy_jump;
	char *proxy_command;  /* unexpanded */
	char *identity_agent; /* unexpanded; NULL: not said; "none" */
	char *bind_address;
	struct strings identity_files;    /* unexpanded, in order */
	struct strings certificate_files; /* unexpanded, in order */
	struct strings user_known_hosts;  /* unexpanded */
	struct strings global_known_hosts;
	struct strings set_env; /* NAME=VALUE */
	bool identities_only;
	bool pubkey_auth;
	bool password_auth;
	bool kbdint_auth;
	bool hash_known_hosts;
	bool batch_mode;
	bool compression;
	int address_family;  /* AF_UNSPEC, AF_INET, AF_INET6 */
	int connect_timeout; /* seconds, 0: not said */
	int password_prompts;
	enum strict_checking strict;
	char *kex, *host_key_algorithms, *ciphers, *macs, *pubkey_algorithms; /* complete lists, as ssh expands them */
	char *preferred_authentications;
	struct strings unsupported; /* sentences: said things that we do not honour and that matter */
};

/* Parses the standard output of ssh -G.  -1 with err when hostname, user or port are missing. */
int sshconf_parse(const char *text, struct sshconf *c, struct np_error *err) NP_MUST_CHECK;
void sshconf_finish(struct sshconf *c);
/* The files named by "debug1: Reading configuration data FILE" lines of ssh -vG's standard error. */
void sshconf_files(const char *stderr_text, struct strings *files);

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
