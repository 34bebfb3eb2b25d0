/*
 * The device operand as people write it: NAME, USER@HOST, HOST:PORT, [IPV6]:PORT, ssh://USER@HOST:PORT.  Pure.
 */
#ifndef NP_OPERAND_H
#define NP_OPERAND_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"

struct operand {
	char *user; /* or NULL */
	char *host;
	int port; /* 0 when not given */
};

/*
 * Splits text.  A bare IPv6 address (two colons or more, no brackets) is a host without port.  Refused with
 * invalid_params: empty parts, hosts or users that start with '-', hold shell metacharacters, white space or control
 * bytes (they would reach ssh's command line and ssh_config's tokens), ports outside 1..65535.
 */
int operand_parse(const char *text, struct operand *op, struct np_error *err) NP_MUST_CHECK;
void operand_finish(struct operand *op);
/* Whether it could be split. */
int operand_check(const char *text, struct np_error *err) NP_MUST_CHECK;
/* Whether text stands for several devices: it begins with '@', or holds a comma, `*`, `?` or a bracket that is not the
 * one around an address. */
bool operand_is_list(const char *text);
/* 0 when host (or user) alone is acceptable by the rules above. */
int operand_check_host(const char *host, struct np_error *err) NP_MUST_CHECK;
int operand_check_user(const char *user, struct np_error *err) NP_MUST_CHECK;

#endif
