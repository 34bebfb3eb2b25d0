/* Keys at a simulated shell: the line editor, echoes, answers, type-ahead. */
#include <stdlib.h>
#include <string.h>

#include "tool/simdev_shell.h"
#include "tool/simdev_text.h"
#include "base/xalloc.h"

#define CTRL(c) ((c)&0x1f)
#define DEL 0x7f

bool
sim_input_wanted(const struct sim_shell *sh)
{
	return sh->more || (sh->script == NULL ? sh->at_prompt : sh->wait >= SIM_WAIT_ANSWER);
}

/* ^C while a command runs: what it would still say is lost. */
static void
interrupt(struct sim_shell *sh)
{
	sim_shell_event(sh, "interrupt", "");
	sim_output_drop(sh);
	buf_consume(&sh->in, sh->in.len);
	sh->drip = 0;
	sim_output_string(sh, sh->scenario->settings.interrupted);
	sim_shell_stop(sh);
}

bool
sim_input_read(struct sim_shell *sh, double now)
{
	char block[4096];
	int n = sim_channel_read(sh->ch, block, sizeof(block));
	if (n <= 0)
		return false;
	sh->key_at = now;
	bool busy = !sim_input_wanted(sh) && !sh->exec;
	if (busy && sh->scenario->settings.interruptible && memchr(block, CTRL('C'), (size_t)n) != NULL) {
		interrupt(sh);
		return true;
	}
	size_t room = (size_t)n;
	if (busy) {
		size_t most = (size_t)sh->scenario->settings.typeahead;
		room = sh->in.len < most ? most - sh->in.len : 0;
		if (room < (size_t)n)
			sim_shell_event(sh, "lost", "type-ahead");
	}
	(void)!buf_append(&sh->in, block, room < (size_t)n ? room : (size_t)n);
	return true;
}

/* ---- echoes ---- */

static long
width_of(const struct sim_shell *sh)
{
	long width = (long)sh->scenario->settings.width;
	if (width == 0)
		width = sh->ch->pty && sh->ch->cols > 0 ? sh->ch->cols : 80;
	return width;
}

/* The prompt's last line, as it stands there. */
static char *
prompt_text(struct sim_shell *sh)
{
	char *text = sim_expand_string(sh->mode->prompt, sim_shell_value, sh);
	char *nl = strrchr(text, '\n');
	char *last = xstrdup(nl != NULL ? nl + 1 : text);
	free(text);
	return last;
}

/* Where the line being typed stands: behind the prompt's last line. */
static size_t
prompt_width(struct sim_shell *sh)
{
	char *prompt = prompt_text(sh);
	size_t n = strlen(prompt);
	free(prompt);
	return n;
}

/* The line was moved to the left, behind a `$`: prints what is visible of it, and blanks over the rest. */
static void
scroll_left(struct sim_shell *sh, size_t home)
{
	const char *s = (const char *)buf_head(&sh->line);
	size_t width = (size_t)width_of(sh), keep = width > home + 20 ? 10 : 2;
	size_t shown = sh->line.len < keep ? sh->line.len : keep;
	for (size_t k = home; k < sh->column; k++)
		sim_output_string(sh, "\b");
	sim_output_string(sh, "$");
	sim_output_bare(sh, s + sh->line.len - shown, shown);
	for (size_t k = home + 1 + shown; k < sh->column; k++)
		sim_output_string(sh, " ");
	for (size_t k = home + 1 + shown; k < sh->column; k++)
		sim_output_string(sh, "\b");
	sh->column = home + 1 + shown;
}

static void
repaint(struct sim_shell *sh)
{
	char *prompt = prompt_text(sh);
	sim_output_string(sh, "\r");
	sim_output_string(sh, prompt);
	sim_output_bare(sh, buf_head(&sh->line), sh->line.len);
	sim_output_string(sh, "\033[K");
	free(prompt);
}

/* The echo of the key that was just appended to the line. */
static void
echo_key(struct sim_shell *sh, char key)
{
	enum sim_echo echo = (enum sim_echo)sh->scenario->settings.echo;
	size_t home = sh->wait == SIM_WAIT_NOTHING ? prompt_width(sh) : 0;
	bool edge;

	if (sh->exec || sh->wait == SIM_WAIT_HIDDEN || (sh->wait == SIM_WAIT_NOTHING && echo == SIM_ECHO_NONE))
		return;
	if (sh->line.len == 1)
		sh->column = home;
	if (echo == SIM_ECHO_REPAINT && sh->wait == SIM_WAIT_NOTHING) {
		repaint(sh);
		return;
	}
	if (echo == SIM_ECHO_WRAP_CR && sh->column > home && sh->column % (size_t)width_of(sh) == 0) {
		sim_output_bare(sh, &key, 1);
		sim_output_string(sh, "\r");
	}
	sim_output_bare(sh, &key, 1);
	edge = ++sh->column % (size_t)width_of(sh) == 0;
	if (echo == SIM_ECHO_BACKSPACE)
		sim_output_string(sh, " \b");
	else if (edge && echo == SIM_ECHO_WRAP_CRLF)
		sim_output_string(sh, "\r\n");
	else if (edge && echo == SIM_ECHO_WRAP_SPACE)
		sim_output_string(sh, " \b");
	else if (edge && echo == SIM_ECHO_SCROLL)
		scroll_left(sh, home);
}

/* What the end of the line brings. */
static void
echo_end(struct sim_shell *sh)
{
	char *prompt;
	if (sh->scenario->settings.echo == SIM_ECHO_DOUBLE) {
		prompt = prompt_text(sh);
		sim_output_string(sh, "\n");
		sim_output_string(sh, prompt);
		sim_output_bare(sh, buf_head(&sh->line), sh->line.len);
		free(prompt);
	}
	sim_output_string(sh, "\n");
}

/* ---- lines ---- */

static char *
take_line(struct sim_shell *sh)
{
	char *line = xstrndup(sh->line.len > 0 ? (const char *)buf_head(&sh->line) : "", sh->line.len);
	buf_consume(&sh->line, sh->line.len);
	return line;
}

static void
answer_entered(struct sim_shell *sh)
{
	char *line = take_line(sh);
	sim_shell_event(sh, sh->wait == SIM_WAIT_HIDDEN ? "hidden" : "answer", line);
	sim_shell_let(sh, "answer", line);
	free(line);
	sim_output_string(sh, "\n");
	sh->wait = SIM_WAIT_NOTHING;
}

/* The column of the caret below the line: behind the prompt. */
static void
let_caret(struct sim_shell *sh)
{
	char *prompt = prompt_text(sh);
	char *caret = xasprintf("%*s^", (int)strlen(prompt), "");
	sim_shell_let(sh, "caret", caret);
	free(caret);
	free(prompt);
}

static void
command_entered(struct sim_shell *sh, double now)
{
	struct sim_capture captures[SIM_CAPTURES];
	const struct sim_scenario *s = sh->scenario;
	if (!sh->exec)
		echo_end(sh);
	char *line = take_line(sh);
	sim_shell_event(sh, "line", line);
	sim_shell_let(sh, "line", line);
	let_caret(sh);
	sh->count++;
	const struct sim_script *script = NULL;
	if (line[strspn(line, " \t")] == '\0')
		script = sim_scenario_hook(s, "empty", sh->mode->name);
	else {
		const struct sim_command *c = sim_scenario_command(s, sh->mode->name, line, captures);
		script = c != NULL ? &c->script : sim_scenario_hook(s, "unknown", sh->mode->name);
		for (int i = 0; i < SIM_CAPTURES && captures[i].value != NULL; i++) {
			sim_shell_let(sh, captures[i].name, captures[i].value);
			free(captures[i].value);
		}
	}
	free(line);
	sim_shell_start(sh, script, now);
}

/* ^C, ^D and ^Z at the prompt. */
static void
control_key(struct sim_shell *sh, char key, double now)
{
	char name[3] = {'^', (char)(key + 0x40), '\0'};
	const struct sim_script *hook = sim_scenario_hook(sh->scenario, name, sh->mode->name);
	sim_shell_event(sh, "key", name);
	buf_consume(&sh->line, sh->line.len);
	if (hook == NULL)
		sim_output_string(sh, key == CTRL('C') ? "^C\n" : "\n");
	sim_shell_start(sh, hook, now);
}

static void
rub_out(struct sim_shell *sh, size_t n)
{
	for (; n > 0 && sh->line.len > 0; n--) {
		sh->line.len--;
		if (sh->wait != SIM_WAIT_HIDDEN)
			sim_output_string(sh, "\b \b");
		sh->column -= sh->column > 0 ? 1 : 0;
	}
}

/* Whether the connection breaks at this point of the echo. */
static bool
breaks(const struct sim_shell *sh)
{
	const char *at = sh->scenario->settings.drop_echo;
	size_t n = strlen(at);
	return n > 0 && sh->line.len == n && memcmp(buf_head(&sh->line), at, n) == 0;
}

static void
line_key(struct sim_shell *sh, char key, double now)
{
	if (sh->line.len == 0 && sh->wait == SIM_WAIT_NOTHING)
		sim_shell_later(sh, SIM_LATER_ECHO);
	if (key == '\r' || key == '\n') {
		if (sh->wait == SIM_WAIT_NOTHING)
			command_entered(sh, now);
		else
			answer_entered(sh);
	} else if (key == '\b' || key == DEL)
		rub_out(sh, 1);
	else if (key == CTRL('U'))
		rub_out(sh, SIZE_MAX);
	else if ((key == CTRL('C') || key == CTRL('D') || key == CTRL('Z')) && sh->wait == SIM_WAIT_NOTHING)
		control_key(sh, key, now);
	else if (key == CTRL('C'))
		interrupt(sh);
	else if (key == '\t' || (unsigned char)key >= ' ') {
		(void)!buf_append(&sh->line, &key, 1);
		echo_key(sh, key);
		if (sh->wait == SIM_WAIT_NOTHING && breaks(sh)) {
			sim_output_pump(sh, now, &(double){0});
			sim_channel_drop(sh->ch);
		}
	}
}

static void
single_key(struct sim_shell *sh, char key)
{
	char text[2] = {key == '\r' || key == '\n' ? '\0' : key, '\0'};
	sim_shell_event(sh, "answer", text);
	sim_shell_let(sh, "answer", text);
	sh->wait = SIM_WAIT_NOTHING;
}

bool
sim_input_use(struct sim_shell *sh, double now)
{
	bool used = false;
	while (sh->in.len > 0 && sim_input_wanted(sh) && !sh->ch->dropped) {
		char key = (char)*buf_head(&sh->in);
		buf_consume(&sh->in, 1);
		used = true;
		/* CR LF and CR NUL are one key. */
		bool rest = sh->after_cr && (key == '\n' || key == '\0');
		sh->after_cr = key == '\r';
		if (rest || key == '\0')
			continue;
		if (sh->more)
			sim_output_key(sh, key);
		else if (sh->wait == SIM_WAIT_KEY)
			single_key(sh, key);
		else
			line_key(sh, key, now);
	}
	return used;
}
