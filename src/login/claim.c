/* See claim.h. */
#include "login/claim.h"

#include "base/xalloc.h"

struct account_claim
claim_make(const struct target *t, enum account_kind kind)
{
	return (struct account_claim){.kind = kind,
	    .user = xstrdup(t->user),
	    .place = target_place(t),
	    .by_place = t->device->credential_scope == SCOPE_DEVICE};
}

struct secret *
claim_command(const char *key, const char *command)
{
	char *text = xasprintf("%s %s", key, command);
	struct secret *stands_for = secret_make(text);

	secret_free(text);
	return stands_for;
}

struct secret *
claim_printer(const struct device_conf *d, enum account_kind kind)
{
	bool enable = kind == ACCOUNT_ENABLE;
	const char *command = enable ? d->secret_command : d->password_command;

	if (command == NULL || (enable ? d->secret : d->password) != NULL)
		return NULL;
	return claim_command(enable ? "secret_command" : "password_command", command);
}
