/*
 * Runs a fuzz target over the files named as arguments, or over standard input: the replay of the corpus in
 * `make check`, and the entry for AFL++ (afl-fuzz -i corpus -o out -- ./replay_message @@).
 */
#include "fuzz.h"

#include <errno.h>
#include <string.h>

#include "base/xalloc.h"

#define INPUT_MAX (4u * 1024u * 1024u)

static int
run_stream(FILE *fp, const char *name)
{
	uint8_t *all = xmalloc(INPUT_MAX);
	size_t n = fread(all, 1, INPUT_MAX, fp);
	uint8_t *data;

	if (ferror(fp)) {
		fprintf(stderr, "%s: %s\n", name, strerror(errno));
		free(all);
		return -1;
	}
	/* An allocation of the exact size shows the sanitizer every look beyond the input. */
	data = xmemdup(all, n);
	free(all);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 0;
}

static int
run_file(const char *path)
{
	FILE *fp = fopen(path, "rb");
	int r;

	if (fp == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	r = run_stream(fp, path);
	fclose(fp);
	return r;
}

int
main(int argc, char **argv)
{
	int i, failed = 0;

	if (argc < 2)
		return run_stream(stdin, "standard input") < 0;
	for (i = 1; i < argc; i++)
		if (run_file(argv[i]) < 0)
			failed = 1;
	return failed;
}
