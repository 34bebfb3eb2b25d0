/* `npctl test`: the steps of a dry connection as they are told, one a line, and what to do about the one that failed.
 */
#include <stdio.h>
#include <string.h>

#include "lib/npjson.h"
#include "npctl/npctl_impl.h"
#include "base/text.h"

#define TEXT_COLUMN 29 /* where the text of a step begins */
#define TEXT_WIDTH (100 - TEXT_COLUMN)

/* Breaks text at blanks, with what follows the first line below its beginning. */
static void
print_text(const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		if (column > 0 && column + 1 + n > TEXT_WIDTH) {
			printf("\n%*s", TEXT_COLUMN, "");
			column = 0;
		}
		printf("%s%.*s", column > 0 ? " " : "", (int)n, text);
		column += n + (column > 0);
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

/* A step, or a notice, which has only its text: what ssh's configuration says and is not honoured. */
static void
test_step(struct npctl *c, const cJSON *step)
{
	const char *outcome = npjson_string(step, "outcome");
	char name[32], text[1400];

	if (c->o->json && npjson_string(step, "step") == NULL)
		return;
	if (c->o->json) {
		if (c->steps == NULL)
			c->steps = cJSON_CreateArray();
		cJSON *copy = cJSON_Duplicate(step, true);
		cJSON_DeleteItemFromObjectCaseSensitive(copy, "id");
		cJSON_AddItemToArray(c->steps, copy);
		return;
	}
	if (npjson_string(step, "step") == NULL) /* a notice */
		printf("%*s", TEXT_COLUMN, "");
	else
		printf(
		    "  %-15s%7.0f ms  ", npjson_text(step, "step", name, sizeof(name)), npjson_number(step, "ms", 0));
	if (outcome != NULL && strcmp(outcome, "failed") == 0)
		printf("FAILED\n%*s", TEXT_COLUMN, "");
	else if (outcome != NULL && strcmp(outcome, "skipped") == 0)
		printf("SKIPPED\n%*s", TEXT_COLUMN, "");
	print_text(npjson_text(step, "text", text, sizeof(text)));
	npctl_flush(c);
}

/* {device, ok, ms, steps, error} */
static void
print_json(struct npctl *c, const char *device, const cJSON *result, const cJSON *error)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "device", device != NULL ? device : "");
	cJSON_AddBoolToObject(o, "ok", error == NULL);
	if (result != NULL)
		cJSON_AddNumberToObject(o, "ms", npjson_number(result, "ms", 0));
	cJSON_AddItemToObject(o, "steps", c->steps != NULL ? c->steps : cJSON_CreateArray());
	c->steps = NULL;
	if (error != NULL)
		cJSON_AddItemToObject(o, "error", cJSON_Duplicate(error, true));
	npctl_print_json(o);
	cJSON_Delete(o);
}

static void
test_passed(struct npctl *c, const char *device, const cJSON *result)
{
	char shown[256];

	if (c->o->json)
		print_json(c, device, result, NULL);
	else
		printf("%s: ok in %.0f ms; nothing is kept of it\n", text_vis_into(shown, sizeof(shown), device),
		    npjson_number(result, "ms", 0));
}

/* What helps, where the error itself does not say it. */
static const char *
advice(enum np_reason reason)
{
	static const struct {
		enum np_reason reason;
		const char *text;
	} table[] = {
	    {REASON_RESOLVE_FAILED, "correct `host` of the device (npctl config show), or the name service; an address "
				    "works without one"},
	    {REASON_CONNECT_FAILED,
		"see that the device is up, that SSH is enabled on it and listens on this port, and "
		"that nothing between refuses the connection"},
	    {REASON_CONNECT_TIMEOUT,
		"see that the address is right and that nothing between drops the packets; a device "
		"that is merely slow needs a larger connection_timeout"},
	    {REASON_JUMP_FAILED, "test the jump host by itself: npctl test JUMPHOST"},
	    {REASON_PROMPT_NOT_FOUND,
		"see that `device_type` is right (npctl platform list), and look at what the device "
		"says: npctl record DEVICE"},
	    {REASON_PRIVILEGE_FAILED, "correct `secret` of the device, or its user's privileges"},
	    {REASON_CREDENTIAL_FAILED, "run the command, or look at the file, that shall give the secret"},
	};

	for (size_t i = 0; i < NP_COUNT(table); i++)
		if (table[i].reason == reason)
			return table[i].text;
	return NULL;
}

static void
test_failed(struct npctl *c, const char *device, const cJSON *error, const struct np_error *err)
{
	const char *help = advice(err->reason);

	if (c->o->json) {
		print_json(c, device, NULL, error);
		return;
	}
	if (help != NULL) {
		printf("  %-*s", TEXT_COLUMN - 2, "what to do");
		print_text(help);
	}
	npctl_flush(c);
}

static cJSON *
test_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = cJSON_CreateObject();

	if (o->login)
		cJSON_AddTrueToObject(params, "login");
	return params;
}

const struct npctl_verb npctl_verb_test = {
    .name = "test",
    .usage = "DEVICE [--login]",
    .help = "connect step by step, say what to do, keep nothing",
    .broker = NPCTL_BROKER_STARTS,
    .params = test_params,
    .login = &(const struct npctl_login){.done = test_passed, .failed = test_failed, .step = test_step},
};
