/*
 * The device operand.  Owns the strings of a struct operand; pure; any thread.
 */
#include "base/operand.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

#define PART_MAX 255 /* bytes of a host or user: what DNS and passwd(5) bear, and more than people type */

/* Whether byte c is one that neither a host nor a user has, and a shell, a terminal or ssh could act upon. */
static bool
is_forbidden(unsigned char c)
{
	return c <= 0x20 || c == 0x7f || strchr("'`\"$;&<>|(){}*?[]!#~%,/=^", c) != NULL;
}

static bool
has_ascii_control(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

/* The checks that hosts and users share. */
static int
check_part(const char *what, const char *s, struct np_error *err)
{
	char shown[PART_MAX * 4 + 1];

	if (*s == '\0')
		return error_set(err, REASON_INVALID_PARAMS, "%s is empty", what);
	if (strlen(s) > PART_MAX)
		return error_set(err, REASON_INVALID_PARAMS, "%s is longer than %d bytes", what, PART_MAX);
	text_vis_into(shown, sizeof(shown), s);
	if (*s == '-')
		return error_set(err, REASON_INVALID_PARAMS, "%s \"%s\" begins with '-'", what, shown);
	if (!text_is_utf8(s, strlen(s)))
		return error_set(err, REASON_INVALID_PARAMS, "%s \"%s\" is not UTF-8", what, shown);
	/* C1 controls, marks that turn the direction of text; of ASCII's the callers name the byte. */
	if (strcmp(shown, s) != 0 && !has_ascii_control(s))
		return error_set(
		    err, REASON_INVALID_PARAMS, "%s \"%s\" holds characters that act on terminals", what, shown);
	return 0;
}

static int
refuse_byte(const char *what, const char *s, const char *at, struct np_error *err)
{
	const char one[2] = {*at, '\0'};

	return error_set(
	    err, REASON_INVALID_PARAMS, "%s \"%s\": '%s' is not allowed", what, TEXT_SHOWN(s), TEXT_SHOWN(one));
}

/* An IPv6 address, perhaps with a zone ("fe80::1%eth0"). */
static bool
is_ipv6(const char *host)
{
	struct in6_addr address;
	size_t n = strcspn(host, "%");
	const char *zone = host + n;
	char plain[INET6_ADDRSTRLEN];

	if (n >= sizeof(plain))
		return false;
	memcpy(plain, host, n);
	plain[n] = '\0';
	if (inet_pton(AF_INET6, plain, &address) != 1)
		return false;
	if (*zone == '\0')
		return true;
	for (zone++, n = 0; zone[n] != '\0'; n++)
		if (!isalnum((unsigned char)zone[n]) && strchr("._-", zone[n]) == NULL)
			return false;
	return n > 0;
}

int
operand_check_host(const char *host, struct np_error *err)
{
	const char *s;

	if (check_part("host", host, err) < 0)
		return -1;
	if (is_ipv6(host))
		return 0;
	for (s = host; *s != '\0'; s++)
		if (is_forbidden((unsigned char)*s) || strchr("\\@", *s) != NULL)
			return refuse_byte("host", host, s, err);
	if (strchr(host, ':') != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "host \"%s\" is neither a name nor an IPv6 address", host);
	return 0;
}

int
operand_check_user(const char *user, struct np_error *err)
{
	const char *s;

	if (check_part("user", user, err) < 0)
		return -1;
	for (s = user; *s != '\0'; s++) {
		if (*s == ':')
			return error_set(err, REASON_INVALID_PARAMS,
			    "user: ':' is not allowed; a password belongs into the configuration, not on a command "
			    "line");
		/* DOMAIN\user is what some directories want; a backslash at the end would escape what follows it. */
		if (is_forbidden((unsigned char)*s) || (*s == '\\' && s[1] == '\0'))
			return refuse_byte("user", user, s, err);
	}
	return 0;
}

static int
parse_port(const char *text, int *port, struct np_error *err)
{
	unsigned long v = 0;

	if (!text_parse_ulong(text, 65535, &v) || v == 0)
		return error_set(
		    err, REASON_INVALID_PARAMS, "port \"%s\" is not a number from 1 to 65535", TEXT_SHOWN(text));
	*port = (int)v;
	return 0;
}

/* "HOST", "HOST:PORT", "[ADDRESS]", "[ADDRESS]:PORT" or a bare IPv6 address. */
static int
parse_host_port(const char *text, struct operand *op, struct np_error *err)
{
	const char *colon = strchr(text, ':');
	const char *end;

	if (*text == '[') {
		end = strchr(text, ']');
		if (end == NULL)
			return error_set(err, REASON_INVALID_PARAMS, "']' is missing");
		if (end[1] != '\0' && end[1] != ':')
			return error_set(err, REASON_INVALID_PARAMS, "only a port can follow ']'");
		op->host = xstrndup(text + 1, (size_t)(end - text - 1));
		if (operand_check_host(op->host, err) < 0)
			return -1;
		return end[1] == ':' ? parse_port(end + 2, &op->port, err) : 0;
	}
	if (colon == NULL || strchr(colon + 1, ':') != NULL) {
		op->host = xstrdup(text);
		return operand_check_host(op->host, err);
	}
	op->host = xstrndup(text, (size_t)(colon - text));
	if (operand_check_host(op->host, err) < 0)
		return -1;
	return parse_port(colon + 1, &op->port, err);
}

static int
parse_parts(char *text, struct operand *op, struct np_error *err)
{
	char *at;
	size_t n;

	if (strncmp(text, "ssh://", 6) == 0) {
		text += 6;
		n = strlen(text);
		if (n > 0 && text[n - 1] == '/')
			text[n - 1] = '\0';
	}
	/* The last one: user names of directories hold '@' themselves. */
	at = strrchr(text, '@');
	if (at != NULL) {
		op->user = xstrndup(text, (size_t)(at - text));
		if (operand_check_user(op->user, err) < 0)
			return -1;
		text = at + 1;
	}
	return parse_host_port(text, op, err);
}

/* The part of an operand that a message may repeat: not what looks like USER:PASSWORD@. */
static const char *
showable(const char *text)
{
	const char *start = strncmp(text, "ssh://", 6) == 0 ? text + 6 : text;
	const char *at = strrchr(text, '@');
	const char *colon = strchr(start, ':');

	return at != NULL && colon != NULL && colon < at ? at + 1 : text;
}

int
operand_parse(const char *text, struct operand *op, struct np_error *err)
{
	char *copy = xstrdup(text);
	int r;

	memset(op, 0, sizeof(*op));
	r = parse_parts(copy, op, err);
	free(copy);
	if (r < 0) {
		operand_finish(op);
		error_prefix(err, "device \"%s\"", TEXT_SHOWN(showable(text)));
	}
	return r;
}

int
operand_check(const char *text, struct np_error *err)
{
	struct operand op;

	if (operand_parse(text, &op, err) < 0)
		return -1;
	operand_finish(&op);
	return 0;
}

/* "[ADDRESS]" or "[ADDRESS]:PORT". */
static bool
is_bracketed(const char *host)
{
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;

	return end != NULL && (end[1] == '\0' || end[1] == ':' || end[1] == '/');
}

bool
operand_is_list(const char *text)
{
	const char *host = strncmp(text, "ssh://", 6) == 0 ? text + 6 : text;
	const char *at = strrchr(host, '@');

	if (*text == '@' || strpbrk(text, ",*?") != NULL)
		return true;
	if (at != NULL)
		host = at + 1;
	return strchr(host, '[') != NULL && !is_bracketed(host);
}

void
operand_finish(struct operand *op)
{
	free(op->user);
	free(op->host);
	memset(op, 0, sizeof(*op));
}
