/*
 * omcheck: reads metrics from standard input and holds them to OpenMetrics 1.0, strictly, and to the few types that the
 * older format knows as well (counter, gauge, histogram).  With -l it then prints the name of every sample, once.
 *
 * Exit status 0; 1 with the line and what is wrong with it.
 */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/text.h"
#include "base/xalloc.h"

#define FAMILIES_MAX 500
#define LABELS_MAX 30
#define SERIES_MAX 100000

struct family {
	char *name, *type, *unit, *help;
};

struct label {
	char *name, *value;
};

struct sample {
	char *name;
	struct label labels[LABELS_MAX];
	int labels_count;
	double value;
};

struct check {
	int line;
	struct family families[FAMILIES_MAX];
	int count;
	bool sampled; /* the present family has a sample */
	char **series;
	size_t series_count;
	/* the histogram that is being read */
	char *key;       /* its labels without le; NULL: none */
	double le, last; /* the last bucket */
	bool infinite, counted, summed;
};

static void NP_PRINTF(2, 3) NP_NORETURN die(const struct check *c, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "omcheck: line %d: ", c->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static size_t
name_size(const char *p, bool colons)
{
	size_t n = 0;

	if (!isalpha((unsigned char)p[0]) && p[0] != '_' && !(colons && p[0] == ':'))
		return 0;
	while (isalnum((unsigned char)p[n]) || p[n] == '_' || (colons && p[n] == ':'))
		n++;
	return n;
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), k = strlen(end);

	return n > k && strcmp(s + n - k, end) == 0;
}

static struct family *
present(struct check *c)
{
	return c->count > 0 ? &c->families[c->count - 1] : NULL;
}

/* ---- the end of a histogram ---- */

static void
finish_histogram(struct check *c)
{
	if (c->key == NULL)
		return;
	if (!c->infinite || !c->counted || !c->summed)
		die(c, "the histogram before has no +Inf bucket, _count or _sum");
	free(c->key);
	c->key = NULL;
}

/* ---- comments ---- */

static void
begin_family(struct check *c, char *name)
{
	for (int i = 0; i < c->count; i++)
		if (strcmp(c->families[i].name, name) == 0)
			die(c, "family %s is there twice, or not in one piece", name);
	finish_histogram(c);
	if (present(c) != NULL && (present(c)->type == NULL || present(c)->help == NULL))
		die(c, "family %s has no TYPE or no HELP", present(c)->name);
	if (c->count == FAMILIES_MAX)
		die(c, "too many families");
	c->families[c->count++] = (struct family){.name = xstrdup(name)};
	c->sampled = false;
}

static void
check_help(const struct check *c, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\\' && strchr("\\n\"", p[1]) == NULL)
			die(c, "a bad escape in HELP");
		if (*p == '\\')
			p++;
	}
}

static void
take_comment(struct check *c, char *line)
{
	char *word = line + 2, *name = word + strcspn(word, " "), *text, **member;
	bool type = strncmp(word, "TYPE ", 5) == 0, unit = strncmp(word, "UNIT ", 5) == 0;

	if (!type && !unit && strncmp(word, "HELP ", 5) != 0)
		die(c, "neither TYPE, UNIT, HELP nor EOF");
	name++;
	text = name + name_size(name, true);
	if (text == name || *text != ' ')
		die(c, "a bad name");
	*text++ = '\0';
	if (present(c) == NULL || strcmp(present(c)->name, name) != 0)
		begin_family(c, name);
	if (c->sampled)
		die(c, "metadata behind samples");
	member = type ? &present(c)->type : unit ? &present(c)->unit : &present(c)->help;
	if (*member != NULL)
		die(c, "said twice");
	*member = xstrdup(text);
	if (type && strcmp(text, "counter") != 0 && strcmp(text, "gauge") != 0 && strcmp(text, "histogram") != 0)
		die(c, "type %s", text);
	if (unit && (!ends_with(name, text) || name[strlen(name) - strlen(text) - 1] != '_'))
		die(c, "%s does not end in its unit", name);
	if (!type && !unit)
		check_help(c, text);
}

/* ---- samples ---- */

static char *
take_label_value(const struct check *c, char **at)
{
	char *p = *at, *value = xcalloc(1, strlen(p) + 1), *out = value;

	if (*p++ != '"')
		die(c, "a label's value is not quoted");
	while (*p != '"') {
		if (*p == '\0')
			die(c, "a label's value does not end");
		if (*p == '\\' && strchr("\\n\"", p[1]) == NULL)
			die(c, "a bad escape in a label");
		if (*p == '\\' && *++p == 'n') {
			*out++ = '\n';
			p++;
		} else
			*out++ = *p++;
	}
	*at = p + 1;
	return value;
}

static char *
take_labels(const struct check *c, char *p, struct sample *s)
{
	if (*p != '{')
		return p;
	do {
		size_t n = name_size(++p, false);
		struct label *label = &s->labels[s->labels_count];
		if (n == 0 || p[n] != '=' || s->labels_count == LABELS_MAX)
			die(c, "a bad label");
		label->name = xstrndup(p, n);
		p += n + 1;
		label->value = take_label_value(c, &p);
		for (int i = 0; i < s->labels_count; i++)
			if (strcmp(s->labels[i].name, label->name) == 0)
				die(c, "label %s is there twice", label->name);
		s->labels_count++;
	} while (*p == ',');
	if (*p != '}')
		die(c, "labels do not end");
	return p + 1;
}

static double
number(const struct check *c, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || isspace((unsigned char)*text) || strchr(text, 'x') != NULL)
		die(c, "not a number: %s", text);
	return value;
}

static struct sample
parse_sample(const struct check *c, char *line)
{
	struct sample s = {.labels_count = 0};
	size_t n = name_size(line, true);
	char *p;

	if (n == 0)
		die(c, "a bad name of a sample");
	s.name = xstrndup(line, n);
	p = take_labels(c, line + n, &s);
	if (*p != ' ')
		die(c, "no space before the value");
	s.value = number(c, p + 1);
	return s;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

/* The labels in order, without one of them.  The caller frees the text. */
static char *
labels_text(struct sample *s, const char *without)
{
	char *text = xstrdup("");

	qsort(s->labels, (size_t)s->labels_count, sizeof(s->labels[0]), by_name);
	for (int i = 0; i < s->labels_count; i++) {
		char *longer;
		if (without != NULL && strcmp(s->labels[i].name, without) == 0)
			continue;
		longer = xasprintf("%s%s=%s\x1f", text, s->labels[i].name, s->labels[i].value);
		free(text);
		text = longer;
	}
	return text;
}

static void
check_unique(struct check *c, struct sample *s)
{
	char *labels = labels_text(s, NULL), *series = xasprintf("%s %s", s->name, labels);

	free(labels);
	for (size_t i = 0; i < c->series_count; i++)
		if (strcmp(c->series[i], series) == 0)
			die(c, "this series is there twice");
	if (c->series_count == SERIES_MAX)
		die(c, "too many series");
	c->series = xreallocarray(c->series, c->series_count + 1, sizeof(char *));
	c->series[c->series_count++] = series;
}

static void
take_bucket(struct check *c, struct sample *s)
{
	const char *bound = NULL;
	double le;

	for (int i = 0; i < s->labels_count; i++)
		if (strcmp(s->labels[i].name, "le") == 0)
			bound = s->labels[i].value;
	if (bound == NULL)
		die(c, "a bucket without le");
	le = strcmp(bound, "+Inf") == 0 ? INFINITY : number(c, bound);
	if (!isinf(le) && strpbrk(bound, ".e") == NULL)
		die(c, "le is not written as a floating point number: %s", bound);
	if (c->infinite || le <= c->le)
		die(c, "buckets are not in order");
	if (s->value < c->last)
		die(c, "a bucket holds less than a smaller one");
	c->le = le;
	c->last = s->value;
	c->infinite = isinf(le);
}

static void
take_histogram(struct check *c, struct sample *s, const char *suffix)
{
	char *key = labels_text(s, "le");

	if (c->key == NULL || strcmp(c->key, key) != 0) {
		finish_histogram(c);
		c->key = xstrdup(key);
		c->le = -INFINITY;
		c->last = 0;
		c->infinite = c->counted = c->summed = false;
	}
	free(key);
	if (strcmp(suffix, "_bucket") == 0)
		take_bucket(c, s);
	else if (strcmp(suffix, "_count") == 0) {
		if (!c->infinite || s->value != c->last)
			die(c, "_count is not that of the +Inf bucket");
		c->counted = true;
	} else if (strcmp(suffix, "_sum") == 0)
		c->summed = true;
	else
		die(c, "no sample of a histogram: %s", s->name);
}

static void
take_sample(struct check *c, char *line)
{
	struct sample s = parse_sample(c, line);
	const struct family *f = present(c);
	const char *suffix;

	if (f == NULL || f->type == NULL || strncmp(s.name, f->name, strlen(f->name)) != 0)
		die(c, "%s belongs to no family before it", s.name);
	suffix = s.name + strlen(f->name);
	c->sampled = true;
	check_unique(c, &s);
	if (strcmp(f->type, "histogram") == 0)
		take_histogram(c, &s, suffix);
	else if (strcmp(suffix, strcmp(f->type, "counter") == 0 ? "_total" : "") != 0)
		die(c, "%s is no sample of the %s %s", s.name, f->type, f->name);
	if (strcmp(f->type, "gauge") != 0 && !(s.value >= 0))
		die(c, "a count that is not positive");
	for (int i = 0; i < s.labels_count; i++) {
		free(s.labels[i].name);
		free(s.labels[i].value);
	}
	free(s.name);
}

/* No sample of a family may look like one of another. */
static void
check_clashes(const struct check *c)
{
	static const char *const suffixes[] = {"_total", "_created", "_bucket", "_count", "_sum", "_info"};

	for (int i = 0; i < c->count; i++) {
		for (size_t k = 0; k < NP_COUNT(suffixes); k++) {
			char *name = xasprintf("%s%s", c->families[i].name, suffixes[k]);
			for (int j = 0; j < c->count; j++)
				if (strcmp(c->families[j].name, name) == 0)
					die(c, "families %s and %s clash", c->families[i].name, name);
			free(name);
		}
	}
}

static void
print_names(const struct check *c)
{
	const char *last = "";

	for (size_t i = 0; i < c->series_count; i++) {
		char *space = strchr(c->series[i], ' ');
		*space = '\0';
		if (strcmp(last, c->series[i]) != 0)
			puts(c->series[i]);
		last = c->series[i];
	}
}

static void
check_end(struct check *c, const char *line)
{
	if (line == NULL || strcmp(line, "# EOF\n") != 0)
		die(c, "the end is not `# EOF'");
	if (getchar() != EOF)
		die(c, "something follows the end");
	finish_histogram(c);
	check_clashes(c);
}

int
main(int argc, char **argv)
{
	struct check c = {.line = 0};
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, stdin)) > 0 && strcmp(line, "# EOF\n") != 0) {
		c.line++;
		if (line[n - 1] != '\n')
			die(&c, "the line has no end");
		line[n - 1] = '\0';
		if (strlen(line) != (size_t)n - 1 || !text_is_utf8(line, (size_t)n - 1))
			die(&c, "not UTF-8, or a NUL");
		if (strncmp(line, "# ", 2) == 0)
			take_comment(&c, line);
		else
			take_sample(&c, line);
	}
	c.line++;
	check_end(&c, n > 0 ? line : NULL);
	if (argc > 1 && strcmp(argv[1], "-l") == 0)
		print_names(&c);
	for (size_t i = 0; i < c.series_count; i++)
		free(c.series[i]);
	free(c.series);
	for (int i = 0; i < c.count; i++) {
		free(c.families[i].name);
		free(c.families[i].type);
		free(c.families[i].unit);
		free(c.families[i].help);
	}
	free(line);
	return 0;
}
