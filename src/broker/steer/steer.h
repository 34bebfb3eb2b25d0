/*
 * Steering: what an operator has said about devices, kept apart from their pools, which come and go; and who waits for
 * what he asked for to be done.  Included by broker*.c only; main thread only.
 *
 * Which devices exist is not known here: names alone.
 */
#ifndef NP_BROKER_STEER_H
#define NP_BROKER_STEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/strings.h"

struct config;

#define STEER_TEXT_MAX 160 /* bytes of the operator's text, with its NUL: as pool.disabled_text */

/* ---- which devices ---- */

/* The devices that a request names.  Names are sorted, none is there twice; also with `all` they are all there. */
struct selection {
	bool all;
	struct strings names;
	int patterns; /* read so far */
};

void selection_finish(struct selection *s);
bool selection_has_name(const struct selection *s, const char *name);

/* ---- what was said ---- */

enum steer_pause { PAUSE_UNSAID, PAUSE_OFF, PAUSE_ON };
enum steer_door {
	DOOR_UNSAID,
	DOOR_OPEN,
	DOOR_DRAINING, /* what has been taken in is still served, what comes is refused */
	DOOR_SHUT      /* what waits and what comes is refused */
};

/* About one device, or about all.  UNSAID: what is said about all holds. */
struct steer_rule {
	char *name;
	char *device; /* of a name USER@DEVICE, else NULL: what is said about the device holds for all its users */
	enum steer_pause pause;
	enum steer_door door;
	char text[STEER_TEXT_MAX]; /* why the door is not open; may be empty */
};

/* Owned by struct broker. */
struct steer_rules {
	struct steer_rule all;   /* never UNSAID */
	struct steer_rule *list; /* sorted by name */
	size_t count;
};

void steer_rules_init(struct steer_rules *rules);
void steer_rules_finish(struct steer_rules *rules);
/* Says it about the selected devices; UNSAID members of what are left as they are.  Returns how many it changed. */
int steer_rules_say(
    struct steer_rules *rules, const struct config *config, const struct selection *s, const struct steer_rule *what);
/* What holds for a device of that name; other: its second name, or NULL.  Nothing in it is UNSAID; name and device are
 * NULL. */
struct steer_rule steer_rules_about(const struct steer_rules *rules, const char *name, const char *other);
/* Whether something was said about the device of that name in particular. */
bool steer_rules_know(const struct steer_rules *rules, const char *name);
/* Whether any device is draining. */
bool steer_rules_drain(const struct steer_rules *rules);

/* Adds what was said about the device of that name (other: its second one, or NULL). */
void steer_json_add(cJSON *o, const struct steer_rules *rules, const char *name, const char *other);

#endif
