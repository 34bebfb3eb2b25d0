/*
 * The verb `platform_test`: tries a device's platform definition on the device, on a shell of its own: login,
 * preparation, an empty command, the command by which it is recognised, the way into configuration mode and out again.
 * What matched and what did not is told in words; nothing is changed on the device.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "broker/request/request_impl.h"
#include "base/text.h"
#include "base/xalloc.h"

static void NP_PRINTF(3, 4) say(struct request *r, const char *what, const char *fmt, ...)
{
	char *text, *shown, *line;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	shown = text_vis(text, strlen(text), false);
	line = xasprintf("%-10s %s\n", what, shown);
	request_keep_tail(r, 0, line, strlen(line));
	free(line);
	free(shown);
	secret_free(text);
}

/* ---- what was seen ---- */

/* Lines of what was seen that the platform takes for errors: said one by one; how many. */
static int
say_errors(struct request *r, const char *what)
{
	const struct platform *p = device_platform(r->dev);
	const struct buf *seen = link_seen(r->lease.link);
	const char *line = (const char *)buf_head(seen), *end = line + seen->len;
	int count = 0;

	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t size = (size_t)((newline != NULL ? newline : end) - line);
		size_t shown = size > 0 && line[size - 1] == '\r' ? size - 1 : size;

		if (pattern_list_matches(&p->errors, line, shown) && !pattern_list_matches(&p->ignore, line, shown)) {
			say(r, what, "the device refused a step: %.*s", (int)(shown < 160 ? shown : 160), line);
			count++;
		}
		line += size + 1;
	}
	return count;
}

static void
say_login(struct request *r)
{
	const struct platform *p = device_platform(r->dev);
	const struct platform_mode *mode = link_mode(&r->lease);

	say(r, "platform", "%s (%s, %s), read from %s", p->name, p->title != NULL ? p->title : p->name,
	    platform_origin_name(p->origin), p->file);
	say(r, "login", "at a prompt of mode `%s' after %.0f ms", mode->name,
	    link_facts(r->lease.link).connect_seconds * 1000);
	if (link_has_secret(r->lease.link) && mode != p->base_mode)
		say(r, "login", "a secret is configured, but mode `%s' was not reached", p->base_mode->name);
	if (p->prepare.count > 0 && say_errors(r, "prepare") == 0)
		say(r, "prepare", "%zu steps, none was refused", p->prepare.count);
}

/* The next command; before the first one, the login is told. */
static int
platform_run(struct request *r, struct np_error *err)
{
	if (request_shell_run(r, err) == -1)
		return -1;
	if (r->index == 0)
		say_login(r);
	link_forget_seen(r->lease.link);
	return 0;
}

static bool
platform_output(struct request *r, const struct buf *out)
{
	link_see(r->lease.link, buf_head(out), out->len);
	return true;
}

static void
say_recognised(struct request *r)
{
	const struct buf *seen = link_seen(r->lease.link);
	const struct platform *found = platforms_guess(r->broker->platforms, (const char *)buf_head(seen), seen->len);

	if (found == device_platform(r->dev))
		say(r, "detect", "its answer is recognised as %s", found->name);
	else if (found != NULL)
		say(r, "detect", "its answer is that of %s: is `device_type` right?", found->name);
	else
		say(r, "detect", "its answer is not recognised, or as several platforms: autodetect would not work");
}

static void
say_command(struct request *r, const struct cli_result *result)
{
	const struct command *c = &r->params.commands[r->index];
	const struct buf *seen = link_seen(r->lease.link);
	size_t lines = 0;

	for (size_t i = 0; i < seen->len; i++)
		lines += buf_head(seen)[i] == '\n';
	if (result->err.reason != REASON_NONE) {
		say(r, "command", "`%s': %s: %s", c->text, reason_name(result->err.reason), result->err.text);
		return;
	}
	say(r, "command", "`%s': %zu lines in %.0f ms, prompt `%s', mode `%s'%s%s%s", c->text, lines,
	    result->duration * 1000, result->prompt, result->mode != NULL ? result->mode : "?",
	    result->echo_absent ? ", not echoed" : "", result->device_error ? ", error line: " : "",
	    result->device_error ? result->error_line : "");
	if (r->index > 0)
		say_recognised(r);
}

/* ---- configuration mode, without a line ---- */

static bool
try_config(struct request *r)
{
	const struct platform *p = device_platform(r->dev);
	struct cli_command config = {.dry_run = p->config.candidate};
	const struct platform_mode *mode = link_mode(&r->lease);
	struct np_error err;

	if (!p->config.given) {
		say(r, "config", "the platform has no configuration mode");
		return false;
	}
	if (mode == NULL || !platform_mode_inside(mode, p->base_mode)) {
		say(r, "config", "not tried: it begins in mode `%s', which needs a secret", p->base_mode->name);
		return false;
	}
	if (p->config.candidate && p->config.check.count == 0) {
		say(r, "config", "not tried: this platform cannot check without a commit");
		return false;
	}
	if (link_configure(&r->lease, &config, &err) == -1) {
		say(r, "config", "%s", err.text);
		return false;
	}
	return true;
}

/* An operation has ended; true when another one was begun by this function. */
static bool
platform_result(struct request *r, const struct cli_result *result)
{
	bool last = r->index + 1 == r->params.commands_count;

	if (result->op == CLI_OP_CONFIG) {
		if (result->err.reason == REASON_NONE)
			say(r, "config", "entered and left in %.0f ms, prompt `%s'", result->duration * 1000,
			    result->prompt);
		else
			say(r, "config", "%s", result->err.text);
		return false;
	}
	say_command(r, result);
	return last && result->err.reason == REASON_NONE && r->lease.link != NULL && try_config(r);
}

static void
platform_begin(struct request *r)
{
	request_add_command(r, "");
	if (device_platform(r->dev)->detect_command != NULL)
		request_add_command(r, device_platform(r->dev)->detect_command);
	request_submit(r);
}

const struct request_kind request_platform_test = {
    .name = "exec",
    .want = WANT_SHELL,
    .works = true,
    .results = true,
    .sees_login = true,
    .begin = platform_begin,
    .run = platform_run,
    .output = platform_output,
    .result = platform_result,
};
