/*
 * Letters that mean another thing to ssh(1): -b ADDRESS, -c CIPHER, -e CHARACTER, -f.  Programs and fingers that know
 * ssh are told, as far as it can be seen from what stands behind them.
 */
#include "npexec/npexec_options.h"

#include <arpa/inet.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* "none", "^X" and signs that are no command. */
int
npexec_habit_escape(struct npexec_options *o, const char *arg, struct np_error *err)
{
	bool sign =
	    arg[0] == '^' ? strlen(arg) <= 2 : arg[0] != '\0' && arg[1] == '\0' && strchr("~%@&=+,;", arg[0]) != NULL;

	o->no_escape |= strcmp(arg, "none") == 0;
	if (strcmp(arg, "none") == 0 || strcmp(arg, "~") == 0)
		return 1;
	return sign ? npoption_usage(err, "-e", "the escape character is ~, or none") : 0;
}

static bool
is_cipher(const char *text)
{
	static const char *const patterns[] = {
	    "3des-cbc*", "aes[12][0-9][0-9]-[cg]*", "chacha20-poly1305*", "blowfish*"};
	bool is = false;

	text += strspn(text, "+-^");
	for (size_t i = 0; i < NP_COUNT(patterns); i++)
		is |= fnmatch(patterns[i], text, 0) == 0;
	return is;
}

/* One of this machine, where ssh's -b binds to. */
static bool
is_own_address(const char *text)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	bool is_in = inet_pton(AF_INET, text, &in.sin_addr) == 1;
	bool is = false;
	int fd;

	if (!is_in && inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
		return false;
	fd = socket(is_in ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd != -1) {
		is = (is_in ? bind(fd, (const struct sockaddr *)&in, sizeof(in))
			    : bind(fd, (const struct sockaddr *)&in6, sizeof(in6))) == 0;
		close(fd);
	}
	return is;
}

int
npexec_habit_check(const struct npexec_options *o, struct np_error *err)
{
	if (o->config && is_cipher(o->device))
		return npoption_usage(err, "-c", "the lines are configuration; a cipher is chosen by -o Ciphers=");
	if (o->gather && is_own_address(o->device))
		return npoption_usage(err, "-b", "gathers outputs; where to connect from is said by -o BindAddress=");
	for (size_t i = 0; i < o->sources_count; i++) {
		const struct npexec_source *s = &o->sources[i];

		if (s->option == 'f' && s->arg[0] != '\0' && s->arg[strspn(s->arg, "nNT")] == '\0')
			return npoption_usage(
			    err, "-f", "names a file of commands; for the background write & behind it");
	}
	return 0;
}
