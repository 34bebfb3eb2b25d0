/*
 * What a test may tell simdev while it runs, by lines written to the FIFO of --control:
 *
 *   go WORD                    `wait WORD` of all devices is over, now and later
 *   async ADDRESS TEXT         a line that nobody asked for, on all shells of the device
 *   set ADDRESS NAME TEXT      a value of the device, as {NAME}
 *   close ADDRESS              ends its shells
 *   drop ADDRESS               breaks its connections
 *   down ADDRESS SECONDS       the same, and takes no other for so long
 *
 * ADDRESS may be `*`.  A line that is none of these goes to standard error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_listen.h"
#include "tool/simdev_text.h"

static bool
tell_device(struct sim_device *d, const char *verb, const char *text)
{
	if (strcmp(verb, "async") == 0)
		sim_device_tell(d, SIM_MAIL_TEXT, 0, text);
	else if (strcmp(verb, "close") == 0)
		sim_device_tell(d, SIM_MAIL_CLOSE, 0, "");
	else if (strcmp(verb, "drop") == 0)
		sim_device_tell(d, SIM_MAIL_DROP, 0, "");
	else if (strcmp(verb, "down") == 0)
		sim_device_down(d, strtod(text, NULL));
	else if (strcmp(verb, "set") == 0) {
		char *name = sim_take_word(&text);
		if (name != NULL)
			sim_device_set(d, name, text);
		free(name);
	} else
		return false;
	return true;
}

void
sim_control(const struct sim_listen *l, const char *line)
{
	const char *rest = line;
	char *verb = sim_take_word(&rest), *address = sim_take_word(&rest);
	bool known = false;
	for (int i = 0; verb != NULL && address != NULL && i < l->count; i++) {
		if (strcmp(verb, "go") == 0) {
			sim_device_say(l->devices[i], address);
			known = true;
		} else if (strcmp(address, "*") == 0 || strcmp(address, sim_device_address(l->devices[i])) == 0)
			known = tell_device(l->devices[i], verb, rest);
	}
	if (!known)
		fprintf(stderr, "simdev: control: `%s' says nothing\n", line);
	free(verb);
	free(address);
}
