/*
 * memfind PID WORD: how often WORD stands in the writable memory of a process, as "LOCKED OTHER": in mappings that are
 * locked (mlock(2)), and in others.  For tests of what becomes of secrets; Linux, and as root where the process is not
 * dumpable.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (1u << 20)
#define SPARSE (1ul << 32) /* a sanitizer's shadow: reading all of it takes for ever */

struct mapping {
	uint64_t start, end;
	bool writable;
};

/* In pieces that overlap by the word, so that none is missed or counted twice. */
static unsigned long
count_in(int fd, const struct mapping *m, const char *word)
{
	static char piece[PIECE];
	size_t size = strlen(word);
	unsigned long count = 0;

	if (!m->writable || m->end - m->start >= SPARSE)
		return 0;
	for (uint64_t at = m->start; at < m->end; at += PIECE - size + 1) {
		uint64_t left = m->end - at;
		ssize_t n = pread(fd, piece, left < PIECE ? (size_t)left : PIECE, (off_t)at);

		for (ssize_t i = 0; i + (ssize_t)size <= n; i++)
			count += piece[i] == word[0] && memcmp(piece + i, word, size) == 0;
	}
	return count;
}

int
main(int argc, char **argv)
{
	char path[64], line[512], rights[8];
	struct mapping m = {0};
	unsigned long locked = 0, other = 0;
	FILE *maps;
	int fd;

	if (argc != 3 || argv[2][0] == '\0') {
		fputs("usage: memfind PID WORD\n", stderr);
		return 2;
	}
	snprintf(path, sizeof(path), "/proc/%s/smaps", argv[1]);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%s/mem", argv[1]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (maps == NULL || fd == -1) {
		perror(path);
		return 1;
	}
	while (fgets(line, sizeof(line), maps) != NULL) {
		uint64_t start, end;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, rights) == 3)
			m = (struct mapping){start, end, rights[0] == 'r' && rights[1] == 'w'};
		else if (strncmp(line, "VmFlags:", 8) == 0)
			*(strstr(line, " lo") != NULL ? &locked : &other) += count_in(fd, &m, argv[2]);
	}
	fclose(maps);
	close(fd);
	printf("%lu %lu\n", locked, other);
	return 0;
}
