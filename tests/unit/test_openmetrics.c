/* Tests of src/report/histogram.c and src/report/openmetrics.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "report/histogram.h"
#include "report/openmetrics.h"

static const double bounds[] = {0.5, 1, 2.5};

static void
test_a_value_counts_in_the_first_bucket_that_holds_it(void **state)
{
	static const struct {
		double value;
		size_t bucket;
	} samples[] = {{0, 0}, {0.5, 0}, {0.50001, 1}, {1, 1}, {2.5, 2}, {2.6, 3}, {1e300, 3}, {-1, 0}};
	(void)state;

	for (size_t i = 0; i < NP_COUNT(samples); i++) {
		struct histogram h;
		histogram_init(&h, bounds, NP_COUNT(bounds));
		histogram_add(&h, samples[i].value);
		for (size_t k = 0; k <= NP_COUNT(bounds); k++)
			assert_int_equal(h.counts[k], k == samples[i].bucket ? 1 : 0);
		assert_int_equal(histogram_total(&h), 1);
	}
}

static void
test_sums_leave_out_what_is_no_number(void **state)
{
	struct histogram h;
	(void)state;

	histogram_init(&h, bounds, NP_COUNT(bounds));
	histogram_add(&h, 0.25);
	histogram_add(&h, NAN);
	histogram_add(&h, 3);
	histogram_add(&h, -5);

	assert_int_equal(histogram_total(&h), 3);
	assert_true(h.sum == 3.25);
}

static void
test_more_bounds_than_there_is_room_for(void **state)
{
	double many[HISTOGRAM_BOUNDS_MAX + 10];
	struct histogram h;
	(void)state;

	for (size_t i = 0; i < NP_COUNT(many); i++)
		many[i] = (double)i;
	histogram_init(&h, many, NP_COUNT(many));
	histogram_add(&h, 1e9);

	assert_int_equal(h.bounds_count, HISTOGRAM_BOUNDS_MAX);
	assert_int_equal(h.counts[HISTOGRAM_BOUNDS_MAX], 1);
}

/* ---- text ---- */

static void
check_text(struct openmetrics *m, const char *expected)
{
	assert_int_equal(openmetrics_finish(m), 0);
	assert_int_equal(buf_append(m->out, "", 1), 0);
	assert_string_equal((const char *)buf_head(m->out), expected);
	buf_free(m->out);
}

static void
test_counters_and_gauges(void **state)
{
	struct openmetrics m;
	struct buf out;
	(void)state;

	buf_init(&out, 10000);
	openmetrics_init(&m, &out, NULL, 0);
	openmetrics_family(&m, "x_bytes", OPENMETRICS_COUNTER, "bytes", "All \"bytes\".\nOf x\\y.");
	openmetrics_value(&m, 123456789012345.0);
	openmetrics_family(&m, "y", OPENMETRICS_GAUGE, NULL, "Y.");
	openmetrics_labelled(&m, "a", "q\"u\\o\nte \xc3\xa9", 0.125);
	openmetrics_labelled(&m, "a", "", -3);

	check_text(&m, "# TYPE x_bytes counter\n"
		       "# UNIT x_bytes bytes\n"
		       "# HELP x_bytes All \\\"bytes\\\".\\nOf x\\\\y.\n"
		       "x_bytes_total 123456789012345\n"
		       "# TYPE y gauge\n"
		       "# HELP y Y.\n"
		       "y{a=\"q\\\"u\\\\o\\nte \xc3\xa9\"} 0.125\n"
		       "y{a=\"\"} -3\n"
		       "# EOF\n");
}

static void
test_histograms_are_cumulative(void **state)
{
	struct openmetrics m;
	struct histogram h;
	struct buf out;
	(void)state;

	histogram_init(&h, bounds, NP_COUNT(bounds));
	histogram_add(&h, 0.25);
	histogram_add(&h, 0.75);
	histogram_add(&h, 1);
	histogram_add(&h, 100);
	buf_init(&out, 10000);
	openmetrics_init(&m, &out, NULL, 0);
	openmetrics_family(&m, "t_seconds", OPENMETRICS_HISTOGRAM, "seconds", "T.");
	openmetrics_histogram(&m, &h);

	check_text(&m, "# TYPE t_seconds histogram\n"
		       "# UNIT t_seconds seconds\n"
		       "# HELP t_seconds T.\n"
		       "t_seconds_bucket{le=\"0.5\"} 1\n"
		       "t_seconds_bucket{le=\"1.0\"} 3\n"
		       "t_seconds_bucket{le=\"2.5\"} 3\n"
		       "t_seconds_bucket{le=\"+Inf\"} 4\n"
		       "t_seconds_count 4\n"
		       "t_seconds_sum 102\n"
		       "# EOF\n");
}

static void
test_common_labels_come_first_everywhere(void **state)
{
	static const struct openmetrics_label common[] = {{"user", "ops"}, {"site", "a\"b"}};
	struct openmetrics m;
	struct histogram h;
	struct buf out;
	(void)state;

	histogram_init(&h, bounds, 1);
	buf_init(&out, 10000);
	openmetrics_init(&m, &out, common, NP_COUNT(common));
	openmetrics_family(&m, "x", OPENMETRICS_COUNTER, NULL, "X.");
	openmetrics_value(&m, 1);
	openmetrics_labelled(&m, "k", "v", 2);
	openmetrics_family(&m, "t", OPENMETRICS_HISTOGRAM, NULL, "T.");
	openmetrics_histogram(&m, &h);

	check_text(&m, "# TYPE x counter\n"
		       "# HELP x X.\n"
		       "x_total{user=\"ops\",site=\"a\\\"b\"} 1\n"
		       "x_total{user=\"ops\",site=\"a\\\"b\",k=\"v\"} 2\n"
		       "# TYPE t histogram\n"
		       "# HELP t T.\n"
		       "t_bucket{user=\"ops\",site=\"a\\\"b\",le=\"0.5\"} 0\n"
		       "t_bucket{user=\"ops\",site=\"a\\\"b\",le=\"+Inf\"} 0\n"
		       "t_count{user=\"ops\",site=\"a\\\"b\"} 0\n"
		       "t_sum{user=\"ops\",site=\"a\\\"b\"} 0\n"
		       "# EOF\n");
}

static void
test_what_does_not_fit_is_said(void **state)
{
	struct openmetrics m;
	struct buf out;
	(void)state;

	buf_init(&out, 30);
	openmetrics_init(&m, &out, NULL, 0);
	openmetrics_family(&m, "x", OPENMETRICS_COUNTER, NULL, "A text that is too long.");
	openmetrics_value(&m, 1);

	assert_int_equal(openmetrics_finish(&m), -1);
	buf_free(&out);
}

static void
test_names_of_labels(void **state)
{
	(void)state;

	assert_true(openmetrics_is_label_name("a"));
	assert_true(openmetrics_is_label_name("_x9"));
	assert_false(openmetrics_is_label_name(""));
	assert_false(openmetrics_is_label_name("9x"));
	assert_false(openmetrics_is_label_name("a-b"));
	assert_false(openmetrics_is_label_name("a b"));
	assert_false(openmetrics_is_label_name("\xc3\xa9"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_value_counts_in_the_first_bucket_that_holds_it),
	    cmocka_unit_test(test_sums_leave_out_what_is_no_number),
	    cmocka_unit_test(test_more_bounds_than_there_is_room_for),
	    cmocka_unit_test(test_counters_and_gauges),
	    cmocka_unit_test(test_histograms_are_cumulative),
	    cmocka_unit_test(test_common_labels_come_first_everywhere),
	    cmocka_unit_test(test_what_does_not_fit_is_said),
	    cmocka_unit_test(test_names_of_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
