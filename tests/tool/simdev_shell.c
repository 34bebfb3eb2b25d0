/* An interactive shell of a simulated device: its life, prompts, and what happens at a certain time. */
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_shell.h"
#include "tool/simdev_text.h"
#include "base/xalloc.h"

#define INPUT_MAX (1024u * 1024)
#define LINE_MAX_SIZE (64u * 1024)

/* ---- values ---- */

void
sim_shell_let(struct sim_shell *sh, const char *name, const char *text)
{
	struct sim_value *v = NULL;
	for (size_t i = 0; i < sh->values_count; i++)
		if (strcmp(sh->values[i].name, name) == 0)
			v = &sh->values[i];
	if (v == NULL) {
		sh->values = xreallocarray(sh->values, sh->values_count + 1, sizeof(*sh->values));
		v = &sh->values[sh->values_count++];
		*v = (struct sim_value){.name = xstrdup(name)};
	}
	char *old = v->text;
	v->text = xstrdup(text);
	free(old);
}

const char *
sim_shell_user(const struct sim_shell *sh)
{
	for (size_t i = 0; i < sh->values_count; i++)
		if (strcmp(sh->values[i].name, "user") == 0)
			return sh->values[i].text;
	return sim_channel_user(sh->ch);
}

bool
sim_shell_value(void *arg, const char *name, struct buf *out)
{
	struct sim_shell *sh = arg;
	for (size_t i = 0; i < sh->values_count; i++)
		if (strcmp(sh->values[i].name, name) == 0)
			return buf_append_str(out, sh->values[i].text) == 0;
	if (strcmp(name, "mode") == 0)
		return buf_append_str(out, sh->mode->name) == 0;
	if (strcmp(name, "count") == 0)
		return buf_printf(out, "%u", sh->count) == 0;
	if (strcmp(name, "user") == 0)
		return buf_append_str(out, sim_shell_user(sh)) == 0;
	if (sim_in_list("context,answer,line", name))
		return true; /* nothing yet */
	return sim_device_value(sh->device, sh->id, name, out);
}

void
sim_shell_event(struct sim_shell *sh, const char *word, const char *text)
{
	sim_event(sim_channel_options(sh->ch), "%s %s%s%s", word, sim_device_address(sh->device),
	    text[0] != '\0' ? " " : "", text);
}

/* ---- lines that nobody asked for ---- */

static void
put_prompt(struct sim_shell *sh)
{
	char *prompt = sim_expand_string(sh->mode->prompt, sim_shell_value, sh);
	sim_output_string(sh, prompt);
	free(prompt);
}

/* Puts one where the output stands. */
static void
volunteer(struct sim_shell *sh, const char *template)
{
	struct buf text;
	bool framed = sh->at_prompt && !sh->more;
	buf_init(&text, SIM_TEXT_MAX);
	bool bare = sim_expand(&text, template, sim_shell_value, sh);
	sim_shell_event(sh, "async", "");
	if (framed && !bare)
		sim_output_string(sh, "\n");
	if (text.len > 0)
		sim_output_bare(sh, buf_head(&text), text.len);
	if (!bare)
		sim_output_string(sh, "\n");
	buf_free(&text);
	if (!framed || bare || !sh->scenario->settings.redraw)
		return;
	put_prompt(sh);
	if (sh->line.len > 0)
		sim_output_bare(sh, buf_head(&sh->line), sh->line.len);
}

void
sim_shell_later(struct sim_shell *sh, int when)
{
	for (int i = 0; i < SIM_LATER; i++) {
		struct sim_later *later = &sh->later[i];
		if ((int)later->when != when)
			continue;
		volunteer(sh, later->text);
		free(later->text);
		*later = (struct sim_later){0};
	}
}

/* Lines whose time has come. */
static bool
volunteers_run(struct sim_shell *sh, double now, double *wake)
{
	bool done = false;
	for (int i = 0; i < SIM_LATER; i++) {
		struct sim_later *later = &sh->later[i];
		if (later->when != SIM_LATER_DUE)
			continue;
		if (now >= later->time) {
			volunteer(sh, later->text);
			free(later->text);
			*later = (struct sim_later){0};
			done = true;
		} else if (later->time < *wake)
			*wake = later->time;
	}
	for (size_t i = 0; i < sh->scenario->asyncs_count; i++) {
		const struct sim_async *a = &sh->scenario->asyncs[i];
		double *at = &sh->async_at[i];
		if (*at <= 0 || (a->when == SIM_ASYNC_IDLE && !sh->at_prompt))
			continue;
		if (now >= *at) {
			volunteer(sh, a->text);
			*at = a->when == SIM_ASYNC_EVERY ? now + a->seconds : 0;
			done = true;
		} else if (*at < *wake)
			*wake = *at;
	}
	return done;
}

/* ---- prompts ---- */

static void
come_to_prompt(struct sim_shell *sh, double now)
{
	const struct sim_settings *s = &sh->scenario->settings;
	char *prompt = sim_expand_string(sh->mode->prompt, sim_shell_value, sh);
	size_t half = strlen(prompt) / 2;

	sim_output_bare(sh, prompt, half);
	sh->at_prompt = true;
	sim_shell_later(sh, SIM_LATER_SPLIT);
	sim_output_string(sh, prompt + half);
	free(prompt);
	sh->drip = 0;
	sh->prompt_at = now;
	if (!sh->paged && sh->page == 0)
		sh->page = (long)s->page;
	sh->paged = true;
	sh->lines = 0;
	sim_shell_later(sh, SIM_LATER_PROMPT);
	for (int i = 0; i < SIM_LATER; i++)
		if (sh->later[i].when == SIM_LATER_TIME) {
			sh->later[i].when = SIM_LATER_DUE;
			sh->later[i].time += now;
		}
	for (size_t i = 0; i < sh->scenario->asyncs_count; i++)
		if (sh->scenario->asyncs[i].when == SIM_ASYNC_IDLE)
			sh->async_at[i] = now + sh->scenario->asyncs[i].seconds;
}

void
sim_shell_start(struct sim_shell *sh, const struct sim_script *script, double now)
{
	static const struct sim_script nothing;
	double delay = sh->scenario->settings.delay;
	sh->at_prompt = false;
	sh->script = script != NULL ? script : &nothing;
	sh->pc = 0;
	sh->left = 0;
	sh->wait = delay > 0 ? SIM_WAIT_TIME : SIM_WAIT_NOTHING;
	sh->until = now + delay;
	for (int i = 0; i <= SIM_DEPTH; i++)
		sh->loops[i] = -1;
}

void
sim_shell_stop(struct sim_shell *sh)
{
	sh->script = NULL;
	sh->left = 0;
	sh->wait = SIM_WAIT_NOTHING;
	buf_consume(&sh->line, sh->line.len);
}

/* ---- life ---- */

/* It is no longer one of the device's shells. */
static void
leave(struct sim_shell *sh)
{
	if (sh->id == 0)
		return;
	if (!sh->exec)
		sim_event(sim_channel_options(sh->ch), "hangup %s %d", sim_device_address(sh->device), sh->id);
	sim_device_shell_end(sh->device, sh->id);
	sh->id = 0;
}

static void
end(struct sim_shell *sh)
{
	leave(sh);
	sim_channel_end(sh->ch, sh->status, NULL);
}

/* Logs out who has not touched a key for so long. */
static bool
idle_run(struct sim_shell *sh, double now, double *wake)
{
	double idle = sh->scenario->settings.idle;
	double at = (sh->key_at > sh->prompt_at ? sh->key_at : sh->prompt_at) + idle;
	bool sits = sim_input_wanted(sh);
	if (idle <= 0 || !sits || sh->closing)
		return false;
	if (now < at) {
		*wake = at < *wake ? at : *wake;
		return false;
	}
	sim_shell_event(sh, "idle", "");
	sim_output_drop(sh);
	sh->closing = true;
	sim_shell_start(sh, sim_scenario_hook(sh->scenario, "idle", sh->mode->name), now);
	return true;
}

static void
begin(struct sim_shell *sh, double now)
{
	const char *event = "shell";
	sh->id = sim_device_shell_begin(sh->device);
	if (sh->id == 0) {
		sim_shell_event(sh, "refused", "");
		event = "refused";
		sh->closing = true;
	} else if (!sh->exec)
		sim_event(sim_channel_options(sh->ch), "shell %s %d", sim_device_address(sh->device), sh->id);
	if (sh->exec && sh->id != 0) {
		(void)!buf_append_str(&sh->in, sh->ch->command);
		(void)!buf_append_str(&sh->in, "\n");
		sh->at_prompt = true;
		return;
	}
	sim_shell_start(sh, sim_scenario_hook(sh->scenario, event, sh->mode->name), now);
}

static struct sim_shell *
create(struct sim_channel *ch, double now)
{
	struct sim_shell *sh = xcalloc(1, sizeof(*sh));
	struct sim_device *device = sim_channel_device(ch);
	const struct sim_scenario *s = sim_device_scenario(device);
	ch->state = sh;
	sh->ch = ch;
	sh->device = device;
	sh->scenario = s;
	sh->exec = ch->command != NULL;
	sh->mode = s->settings.start[0] != '\0' ? sim_scenario_mode(s, s->settings.start) : &s->modes[0];
	sh->paged = s->settings.page_login && !sh->exec;
	sh->page = sh->paged ? (long)s->settings.page : 0;
	buf_init(&sh->in, INPUT_MAX);
	buf_init(&sh->line, LINE_MAX_SIZE);
	buf_init(&sh->text, SIM_TEXT_MAX);
	buf_init(&sh->out, 2 * SIM_TEXT_MAX);
	sh->async_at = xcalloc(s->asyncs_count + 1, sizeof(*sh->async_at));
	for (size_t i = 0; !sh->exec && i < s->asyncs_count; i++)
		sh->async_at[i] = s->asyncs[i].when != SIM_ASYNC_IDLE ? now + s->asyncs[i].seconds : 0;
	begin(sh, now);
	return sh;
}

/* What can be done now, once; true when something was. */
static bool
turn(struct sim_shell *sh, double now, double *wake)
{
	bool moved = sim_input_read(sh, now);
	moved |= volunteers_run(sh, now, wake);
	moved |= idle_run(sh, now, wake);
	moved |= sim_output_pump(sh, now, wake);
	if (sim_output_waits(sh) && !sh->more)
		return moved;
	if (sim_input_use(sh, now) || sim_run(sh, now, wake))
		return true;
	if (sim_input_wanted(sh) && sim_channel_is_eof(sh->ch)) {
		end(sh);
		return true;
	}
	if (sh->script != NULL || sh->at_prompt || sh->more)
		return moved;
	if (sh->closing || sh->exec)
		end(sh);
	else
		come_to_prompt(sh, now);
	return true;
}

static bool
shell_run(struct sim_channel *ch, double now, double *wake)
{
	if (ch->closed)
		return false;
	struct sim_shell *sh = ch->state != NULL ? ch->state : create(ch, now);
	bool moved = false;
	/* Not for ever: the connection's other channels have their turns too. */
	for (int i = 0; i < 64 && !ch->ended && !ch->closed && !ch->dropped; i++) {
		if (!turn(sh, now, wake))
			break;
		moved = true;
	}
	return moved;
}

static void
shell_mail(struct sim_channel *ch, const struct sim_mail *mail)
{
	struct sim_shell *sh = ch->state;
	if (sh == NULL || ch->ended || sh->exec)
		return;
	if (mail->what == SIM_MAIL_TEXT && mail->except != sh->id)
		volunteer(sh, mail->text);
	if (mail->what == SIM_MAIL_CLOSE) {
		sh->closing = true;
		sh->at_prompt = false;
		sim_shell_stop(sh);
	}
}

static void
shell_finish(struct sim_channel *ch)
{
	struct sim_shell *sh = ch->state;
	leave(sh);
	for (size_t i = 0; i < sh->values_count; i++) {
		free(sh->values[i].name);
		free(sh->values[i].text);
	}
	free(sh->values);
	for (int i = 0; i < SIM_LATER; i++)
		free(sh->later[i].text);
	free(sh->async_at);
	buf_free(&sh->in);
	buf_free(&sh->line);
	buf_free(&sh->text);
	buf_free(&sh->out);
}

const struct sim_program sim_shell_program = {.run = shell_run, .mail = shell_mail, .finish = shell_finish};
