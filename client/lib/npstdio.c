/* Standard streams.  Changes which file is behind a number of this process, never a file that others have open. */
#include "lib/npstdio.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

int
npstdio_keep(bool lose)
{
	struct pollfd fds[3] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};

	if (poll(fds, 3, 0) <= 0)
		return 0;
	for (int i = 0; i < 3; i++)
		if ((fds[i].revents & POLLNVAL) != 0 && open("/dev/null", lose ? O_RDWR : O_RDONLY) != i)
			return -1;
	return 0;
}

void
npstdio_block_output(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL), fd;
	struct stat st;

	if (flags == -1 || (flags & O_NONBLOCK) == 0 || fstat(STDOUT_FILENO, &st) == -1)
		return;
	/* Of a file another opening would have another offset; a socket cannot be opened. */
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	fd = open("/dev/fd/1", (flags & O_ACCMODE) | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return;
	dup2(fd, STDOUT_FILENO);
	close(fd);
}
