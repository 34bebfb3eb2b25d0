/*
 * device_type: autodetect.  A device whose platform is not known is met with a definition that fits most command lines;
 * its banner, its login texts and the answers to harmless commands say what it is.  Its device remembers that, so that
 * it happens once; then the session is made anew with the right definition.
 *
 * The session counts as connecting all the while: no request sees it.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/link/link_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/xalloc.h"

#define DETECT_TEXT_MAX (64u * 1024u) /* of one answer: what names the system stands at its beginning */
#define DETECT_SECONDS 10.0           /* for one command */

static void
finish(struct link *link, const struct platform *found)
{
	log_info("platform", "%s: recognised as %s", link->home->conf->name, found->name);
	link->home->events->recognised(link, found);
	link_blame(link, REASON_CANCELLED, "recognised as %s: connecting again", link->home->platform->name);
	shell_logout(link->sh.shell);
}

static bool
guess(struct link *link, const void *text, size_t size)
{
	const struct platform *found = platforms_guess(*link->home->platforms, text, size);

	if (found != NULL)
		finish(link, found);
	return found != NULL;
}

/* Whether an earlier definition asks the same. */
static bool
asked_before(const struct platforms *set, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		const char *other = set->items[i]->detect_command;
		if (other != NULL && strcmp(other, set->items[index]->detect_command) == 0)
			return true;
	}
	return false;
}

static void
give_up(struct link *link)
{
	char shown[160];

	text_vis_into(shown, sizeof(shown), cli_banner(shell_cli(link->sh.shell)));
	link_blame(link, REASON_PROMPT_NOT_FOUND,
	    "its platform was not recognised%s%s: set `device_type` (npctl platform list)",
	    shown[0] != '\0' ? "; it says " : "", shown);
	shell_logout(link->sh.shell);
}

static void
ask_next(struct link *link)
{
	const struct platforms *set = *link->home->platforms;
	struct cli_command command = {.limits = {DETECT_SECONDS, DETECT_SECONDS, DETECT_SECONDS}};
	struct np_error err;

	while (link->sh.asked < set->count &&
	       (set->items[link->sh.asked]->detect_command == NULL || asked_before(set, link->sh.asked)))
		link->sh.asked++;
	if (link->sh.asked == set->count) {
		give_up(link);
		return;
	}
	command.text = set->items[link->sh.asked++]->detect_command;
	command.size = strlen(command.text);
	buf_free(&link->sh.seen);
	if (cli_run(shell_cli(link->sh.shell), &command, clock_now(), &err) == -1)
		give_up(link);
	else
		shell_wake(link->sh.shell);
}

/* The shell is at something like a prompt. */
void
link_detect_begin(struct link *link)
{
	char *text = xasprintf("%s\n%s", session_banner(link->is.session), cli_banner(shell_cli(link->sh.shell)));

	link->sh.detecting = true;
	buf_free(&link->sh.seen);
	buf_init(&link->sh.seen, DETECT_TEXT_MAX);
	if (!guess(link, text, strlen(text)))
		ask_next(link);
	free(text);
}

void
link_detect_result(struct link *link)
{
	if (cli_state(shell_cli(link->sh.shell)) != CLI_CLOSED &&
	    !guess(link, buf_head(&link->sh.seen), link->sh.seen.len))
		ask_next(link);
}

bool
link_was_asked(const struct link *link)
{
	return link->sh.shell != NULL && cli_was_asked(shell_cli(link->sh.shell));
}

/* What was remembered does not lead to a prompt: perhaps another device has taken its place. */
void
link_detect_forget(struct link *link)
{
	const char *type = link->home->conf->device_type;

	if (type != NULL && strcmp(type, PLATFORM_AUTODETECT) == 0 && !link_home_detects(link->home) &&
	    link->blamed != NULL && link->blamed->reason == REASON_PROMPT_NOT_FOUND)
		link->home->events->recognised(link, NULL);
}
