/* The table of verbs, and how one is found in it.  Knows no verb by name. */
#include "npctl/npctl_verb.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "base/text.h"

extern const struct npctl_verb npctl_verb_ping, npctl_verb_status, npctl_verb_open, npctl_verb_close, npctl_verb_pause,
    npctl_verb_resume, npctl_verb_disable, npctl_verb_enable, npctl_verb_drain, npctl_verb_reconnect, npctl_verb_kill,
    npctl_verb_config_check, npctl_verb_config_show, npctl_verb_platform_check, npctl_verb_platform_list,
    npctl_verb_platform_test, npctl_verb_platform_show, npctl_verb_policy_check, npctl_verb_policy_test,
    npctl_verb_record, npctl_verb_reload, npctl_verb_stop, npctl_verb_sync, npctl_verb_test, npctl_verb_top,
    npctl_verb_watch, npctl_verb_metrics, npctl_verb_help, npctl_verb_accounts, npctl_verb_accounts_retry,
    npctl_verb_mux, npctl_verb_upgrade;

/* In the order of --help. */
const struct npctl_verb *const npctl_verbs[] = {&npctl_verb_ping, &npctl_verb_status, &npctl_verb_open,
    &npctl_verb_close, &npctl_verb_pause, &npctl_verb_resume, &npctl_verb_disable, &npctl_verb_enable,
    &npctl_verb_drain, &npctl_verb_reconnect, &npctl_verb_kill, &npctl_verb_config_check, &npctl_verb_config_show,
    &npctl_verb_platform_check, &npctl_verb_platform_list, &npctl_verb_platform_test, &npctl_verb_platform_show,
    &npctl_verb_policy_check, &npctl_verb_policy_test, &npctl_verb_record, &npctl_verb_accounts_retry,
    &npctl_verb_accounts, &npctl_verb_reload, &npctl_verb_upgrade, &npctl_verb_stop, &npctl_verb_sync, &npctl_verb_test,
    &npctl_verb_top, &npctl_verb_watch, &npctl_verb_metrics, &npctl_verb_mux, &npctl_verb_help, NULL};

bool
npctl_verb_takes(const struct npctl_verb *verb, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = strstr(verb->usage, word); p != NULL; p = strstr(p + 1, word))
		if ((p == verb->usage || p[-1] == '[' || p[-1] == ' ' || p[-1] == '\n') &&
		    strchr(" ]\n", p[n]) != NULL) /* or at the end */
			return true;
	return false;
}

void
npctl_verb_arguments(const struct npctl_verb *verb, int *min, int *max)
{
	*min = *max = 0;
	for (const char *p = verb->usage; *p != '\0' && *p != '\n'; p += strspn(p, " ")) {
		if (strncmp(p, "[-", 2) == 0) { /* options, up to their bracket */
			p += strcspn(p, "]") + 1;
			continue;
		}
		if (strncmp(p, "...", 3) == 0)
			*max = NPCTL_ARGS_MANY;
		else {
			*min += *p != '[';
			(*max)++;
		}
		p += strcspn(p, " \n");
	}
}

/* Whether the verb's name is the first of these words, or the first two; of how many it is, or 0. */
static int
matches(const struct npctl_verb *verb, char *const *words, int count)
{
	const char *second = strchr(verb->name, ' ');
	size_t n = second != NULL ? (size_t)(second - verb->name) : strlen(verb->name);

	if (count < 1 || strncmp(verb->name, words[0], n) != 0 || words[0][n] != '\0')
		return 0;
	if (second == NULL)
		return 1;
	return count > 1 && strcmp(second + 1, words[1]) == 0 ? 2 : 0;
}

/* ---- what else was meant ---- */

#define NAME_SIZE 16

/* The second words of those whose first one it is, as "check, show"; empty when there are none. */
static void
second_words(const char *first, char *out, size_t size)
{
	size_t used = 0, n = strlen(first);

	out[0] = '\0';
	for (size_t i = 0; npctl_verbs[i] != NULL && used < size; i++)
		if (strncmp(npctl_verbs[i]->name, first, n) == 0 && npctl_verbs[i]->name[n] == ' ')
			used += (size_t)snprintf(
			    out + used, size - used, "%s%s", used > 0 ? ", " : "", npctl_verbs[i]->name + n + 1);
}

static const char *
nearest(const char *word)
{
	static char first[NP_COUNT(npctl_verbs)][NAME_SIZE];
	const char *names[NP_COUNT(npctl_verbs)];
	size_t i;

	for (i = 0; npctl_verbs[i] != NULL; i++) {
		snprintf(first[i], NAME_SIZE, "%s", npctl_verbs[i]->name);
		first[i][strcspn(first[i], " ")] = '\0';
		names[i] = first[i];
	}
	return text_nearest(word, names, i);
}

static int
unknown(char *const *words, int count, struct np_error *err)
{
	char seconds[128], shown[64], shown_second[64];
	const char *near;

	text_vis_into(shown, sizeof(shown), words[0]);
	second_words(words[0], seconds, sizeof(seconds));
	if (seconds[0] != '\0' && count < 2)
		return error_set(err, REASON_INVALID_PARAMS, "%s: say what to do with it: %s", shown, seconds);
	if (seconds[0] != '\0')
		return error_set(err, REASON_INVALID_PARAMS, "%s %s: no such command; there are %s", shown,
		    text_vis_into(shown_second, sizeof(shown_second), words[1]), seconds);
	near = nearest(words[0]);
	if (near != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "%s: no such command; did you mean %s?", shown, near);
	return error_set(err, REASON_INVALID_PARAMS, "%s: no such command; npctl --help lists them", shown);
}

const struct npctl_verb *
npctl_verb_find(char *const *words, int count, int *used, struct np_error *err)
{
	for (size_t i = 0; npctl_verbs[i] != NULL; i++) {
		*used = matches(npctl_verbs[i], words, count);
		if (*used > 0)
			return npctl_verbs[i];
	}
	unknown(words, count, err);
	return NULL;
}
