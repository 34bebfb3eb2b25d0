/* npctl accounts: who may log in, who was refused where; and `retry`, which forgets that. */
#include <stdio.h>
#include <string.h>

#include "lib/npjson.h"
#include "lib/npstatus.h"
#include "npctl/npctl_impl.h"

#define ACCOUNTS_SHAPE "%-16s %-8s %-9s %4s %4s  %s\n"

static void
put_refusal(const cJSON *refusal)
{
	char place[100], text[256], age[32];

	printf("    %s, %s ago: %s\n", npjson_text(refusal, "place", place, sizeof(place)),
	    npstatus_duration(age, sizeof(age), npjson_number(refusal, "age", -1)),
	    npjson_text(refusal, "text", text, sizeof(text)));
}

/* What is worth a note: where it was refused, or else where it is good. */
static void
note(const cJSON *a, char *out, size_t size)
{
	double keys = npjson_number(a, "refused_keys", 0), places = npjson_number(a, "refused_at", 0);
	bool alone = keys == 0 && npjson_string(a, "place") != NULL; /* credential_scope: device */
	char place[100], age[32];
	size_t n = 0;

	out[0] = '\0';
	if (alone)
		n = (size_t)snprintf(out, size, "%s alone: ", npjson_text(a, "place", place, sizeof(place)));
	if (keys > 0)
		snprintf(out, size, "%.0f key%s refused by %s", keys, npstatus_plural(keys),
		    npjson_text(a, "place", place, sizeof(place)));
	else if (places > 0)
		snprintf(out + n, size - n, "refused by %.0f device%s%s", places, npstatus_plural(places),
		    npjson_true(a, "barred") && strcmp(npjson_text(a, "state", age, sizeof(age)), "refused") == 0
			? ": tried nowhere"
			: "");
	else if (npjson_string(a, "proven_at") != NULL)
		snprintf(out + n, size - n, "good at %s, %s ago", npjson_text(a, "proven_at", place, sizeof(place)),
		    npstatus_duration(age, sizeof(age), npjson_number(a, "proven_age", -1)));
	else if (alone)
		out[n - 2] = '\0';
}

static void
print_accounts(const struct npctl_options *o NP_UNUSED, const cJSON *result)
{
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(result, "accounts"), *a, *refusal;
	double count = npjson_number(result, "count", 0);
	char user[64], kind[16], state[16], busy[16], waiting[16], text[320];

	if (count == 0) {
		printf("No account has been used yet.\n");
		return;
	}
	printf(ACCOUNTS_SHAPE, "USER", "BY", "STATE", "BUSY", "WAIT", "NOTE");
	cJSON_ArrayForEach (a, all) {
		snprintf(busy, sizeof(busy), "%.0f", npjson_number(a, "under_way", 0));
		snprintf(waiting, sizeof(waiting), "%.0f", npjson_number(a, "requests", 0));
		note(a, text, sizeof(text));
		printf(ACCOUNTS_SHAPE, npjson_text(a, "user", user, sizeof(user)),
		    npjson_text(a, "kind", kind, sizeof(kind)), npjson_text(a, "state", state, sizeof(state)), busy,
		    waiting, text);
		cJSON_ArrayForEach (refusal, cJSON_GetObjectItemCaseSensitive(a, "refusals"))
			put_refusal(refusal);
	}
	if (count > cJSON_GetArraySize(all))
		printf("-- %d of %.0f accounts, those that were refused first\n", cJSON_GetArraySize(all), count);
}

static void
print_retry(const struct npctl_options *o, const cJSON *result)
{
	double n = npjson_number(result, "lifted", 0);

	npctl_put_text(stdout, "", o->args[0], ": ");
	if (n == 0)
		printf("nothing bars it\n");
	else
		printf("%.0f account%s may be tried again\n", n, npstatus_plural(n));
}

const struct npctl_verb npctl_verb_accounts = {
    .name = "accounts",
    .usage = "",
    .help = "show which accounts log in, and which were refused where",
    .print = print_accounts,
};

const struct npctl_verb npctl_verb_accounts_retry = {
    .name = "accounts retry",
    .usage = "USER",
    .help = "let what was refused be tried again",
    .missing = "name the user",
    .method = "accounts",
    .param = "retry",
    .print = print_retry,
};
