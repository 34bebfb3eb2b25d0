/* What npexec's options mean together with where it runs: the mode, and whether there is a terminal. */
#include "npexec/npexec_options.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

void
npexec_world_look(struct npexec_world *world)
{
	struct stat st = {.st_mode = 0}, null;
	mode_t type;

	fstat(STDIN_FILENO, &st);
	type = st.st_mode & S_IFMT;
	world->stdin_is_null = type == S_IFCHR && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev;
	world->stdin_is_tty = type == S_IFCHR && !world->stdin_is_null && isatty(STDIN_FILENO) == 1;
	world->stdin_has_data = type == S_IFREG || type == S_IFIFO || type == S_IFSOCK;
}

static int
decide_mode(struct npexec_options *o, const struct npexec_world *world, struct np_error *err)
{
	if (o->sources != NULL && o->command != NULL)
		return npoption_usage(err, "-e, -f", "no further command can be given behind the device");
	if (o->subsystem && o->command == NULL)
		return npoption_usage(err, "-s", "name the subsystem behind the device");
	if (o->subsystem && !text_is_utf8(o->command, strlen(o->command)))
		return npoption_usage(err, "-s", "the subsystem's name is not UTF-8");
	if (o->config)
		o->mode = NPEXEC_CONFIG;
	else if (o->command != NULL)
		o->mode = NPEXEC_COMMAND;
	else if (o->sources != NULL)
		o->mode = NPEXEC_LIST;
	else if (world->stdin_is_tty || o->tty == 2)
		o->mode = NPEXEC_SHELL;
	else
		o->mode = o->json ? NPEXEC_LINES : NPEXEC_INPUT;
	if (o->no_stdin && o->command == NULL && o->sources == NULL)
		return npoption_usage(err, "-n", "without standard input there must be a command");
	if (o->json && o->mode == NPEXEC_SHELL)
		return npoption_usage(err, "-j", "there must be a command");
	return 0;
}

/* Several devices share no terminal and no input. */
static int
check_several(const struct npexec_options *o, const struct npexec_world *world, struct np_error *err)
{
	if (!o->several)
		return 0;
	if (o->json && o->gather)
		return npoption_usage(err, "-b", "not together with -j, which keeps the outputs apart");
	if (o->tty > 0)
		return npoption_usage(err, "-t", "a terminal is for one device");
	if (o->mode == NPEXEC_SHELL)
		return npoption_usage(err, o->device, "a shell is for one device: give a command");
	if (o->mode == NPEXEC_LINES || o->mode == NPEXEC_INPUT)
		return npoption_usage(err, o->device,
		    "commands from standard input are for one device, or use -f - to run all of them on each");
	if (o->mode == NPEXEC_COMMAND && world->stdin_has_data && !o->no_stdin)
		return npoption_usage(err, o->device, "standard input is for one device: give -n to leave it alone");
	return 0;
}

static void
decide_pty(struct npexec_options *o, const struct npexec_world *world)
{
	bool wanted = o->tty > 0 || (o->tty == 0 && o->mode == NPEXEC_SHELL);

	o->want_pty = wanted && (o->tty == 2 || world->stdin_is_tty);
	o->pty_refused = wanted && !o->want_pty;
}

int
npexec_mode_decide(struct npexec_options *o, const struct npexec_world *world, struct np_error *err)
{
	if (decide_mode(o, world, err) == -1 || check_several(o, world, err) == -1)
		return -1;
	decide_pty(o, world);
	o->no_stdin |= world->stdin_is_null;
	return 0;
}
