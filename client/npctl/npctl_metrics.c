/*
 * npctl metrics: the broker's metrics on standard output, or in a file that is replaced at once, as a collector of text
 * files wants it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/npjson.h"
#include "npctl/npctl_impl.h"
#include "base/xalloc.h"

/* What a collector is told while there is no broker: that is nothing wrong, brokers end when they are not needed. */
static const char down_text[] = "# TYPE netpulse_up gauge\n# HELP netpulse_up Whether a broker runs.\nnetpulse_up";

static cJSON *
metrics_params(const struct npctl_options *o, struct np_error *err NP_UNUSED)
{
	cJSON *params = cJSON_CreateObject(), *labels;

	if (o->devices)
		cJSON_AddTrueToObject(params, "devices");
	if (o->labels_count == 0)
		return params;
	labels = cJSON_AddObjectToObject(params, "labels");
	for (int i = 0; i < o->labels_count; i++) {
		const char *sign = strchr(o->labels[i], '=');
		char *name = xstrndup(o->labels[i], (size_t)(sign - o->labels[i]));
		cJSON_AddStringToObject(labels, name, sign + 1);
		free(name);
	}
	return params;
}

/* ---- the file ---- */

/* The file is there as a whole or as it was before. */
static int
replace_file(const char *path, const char *text, struct np_error *err)
{
	char *temporary = xasprintf("%s.%ld", path, (long)getpid());
	FILE *f = fopen(temporary, "wxe");
	int rc = 0;

	if (f == NULL)
		rc = error_set_errno(err, REASON_INTERNAL, "make %s", temporary);
	else if (fputs(text, f) == EOF || fflush(f) == EOF)
		rc = error_set_errno(err, REASON_INTERNAL, "write %s", temporary);
	if (f != NULL && fclose(f) == EOF && rc == 0)
		rc = error_set_errno(err, REASON_INTERNAL, "write %s", temporary);
	if (rc == 0 && rename(temporary, path) == -1)
		rc = error_set_errno(err, REASON_INTERNAL, "rename %s to %s", temporary, path);
	if (rc == -1 && f != NULL)
		unlink(temporary);
	free(temporary);
	return rc;
}

static void
put_text(struct npctl *c, const char *text)
{
	struct np_error err;

	if (c->o->output == NULL)
		fputs(text, stdout);
	else if (replace_file(c->o->output, text, &err) == -1)
		npctl_say_error(c, NULL, &err);
}

/* ---- the request ---- */

static void
run_metrics(struct npctl *c)
{
	struct np_error err;
	cJSON *result = npctl_ask(c, "metrics", npctl_params(c->o, &err));
	const char *text = npjson_string(result, "text");

	if (result != NULL && c->o->json)
		npctl_print_json(result);
	else if (text != NULL)
		put_text(c, text);
	cJSON_Delete(result);
}

/* Labels are written as openmetrics.c does; names were checked with the options. */
static bool
write_without(struct npctl *c)
{
	const struct npctl_options *o = c->o;
	char *text = NULL;
	size_t size;
	FILE *f;

	if (o->output == NULL)
		return false;
	f = xchecked(open_memstream(&text, &size));
	fputs(down_text, f);
	for (int i = 0; i < o->labels_count; i++) {
		int n = (int)strcspn(o->labels[i], "=");
		fprintf(f, "%c%.*s=\"%s\"", i > 0 ? ',' : '{', n, o->labels[i], o->labels[i] + n + 1);
	}
	fprintf(f, "%s 0\n# EOF\n", o->labels_count > 0 ? "}" : "");
	fclose(f);
	put_text(c, xchecked(text));
	free(text);
	return true;
}

static int
check_metrics(const struct npctl_options *o, struct np_error *err)
{
	if (o->json && o->output != NULL)
		return error_set(err, REASON_INVALID_PARAMS, "metrics: either --json or --output");
	return 0;
}

const struct npctl_verb npctl_verb_metrics = {
    .name = "metrics",
    .usage = "[--devices] [--label NAME=VALUE] [--output FILE]",
    .help = "counters and histograms as OpenMetrics text",
    .check = check_metrics,
    .params = metrics_params,
    .run = run_metrics,
    .without = write_without,
};
