/* What `npctl top` makes of the broker's status: rates, order, filter, cursor, columns, bars. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "top/nptop_layout.h"
#include "top/nptop_model.h"
#include "base/xalloc.h"

/* ---- statuses ---- */

static cJSON *
status_new(double pid)
{
	cJSON *status = cJSON_CreateObject(), *broker = cJSON_AddObjectToObject(status, "broker");

	cJSON_AddNumberToObject(broker, "pid", pid);
	cJSON_AddStringToObject(broker, "version", "0.1.0");
	cJSON_AddStringToObject(broker, "state", "serving");
	cJSON_AddNumberToObject(broker, "max_sessions", 1000);
	cJSON_AddArrayToObject(status, "devices");
	return status;
}

static cJSON *
status_add(cJSON *status, const char *name, const char *state, double commands)
{
	cJSON *d = cJSON_CreateObject();

	cJSON_AddStringToObject(d, "device", name);
	cJSON_AddStringToObject(d, "user", "ops");
	cJSON_AddStringToObject(d, "host", "192.0.2.1");
	cJSON_AddNumberToObject(d, "port", 22);
	cJSON_AddStringToObject(d, "state", state);
	cJSON_AddNumberToObject(d, "commands", commands);
	cJSON_AddItemToArray(cJSON_GetObjectItem(status, "devices"), d);
	return d;
}

static void
status_fail(cJSON *device, const char *reason, double retry_in)
{
	cJSON *error = cJSON_AddObjectToObject(device, "last_error");

	cJSON_AddStringToObject(error, "reason", reason);
	cJSON_AddNumberToObject(error, "retry_in", retry_in);
}

static void
take(struct nptop_model *m, cJSON *status, double now)
{
	struct np_error err;

	assert_int_equal(nptop_model_update(m, status, now, &err), 0);
	cJSON_Delete(status);
}

/* The names of the view in their order. */
static const char *
order_of(const struct nptop_model *m)
{
	static char names[256];
	size_t n = 0;

	names[0] = '\0';
	for (size_t i = 0; i < m->view_count; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i > 0 ? " " : "", m->view[i]->name);
	return names;
}

static const struct nptop_device *
device(const struct nptop_model *m, const char *name)
{
	const struct nptop_device *d = nptop_model_find(m, name, 0);

	assert_non_null(d);
	return d;
}

/* ---- rates ---- */

static void
test_rate_approaches_commands_a_second(void **state NP_UNUSED)
{
	struct nptop_model m;

	memset(&m, 0, sizeof(m));
	for (int t = 0; t <= 60; t++) {
		cJSON *status = status_new(1);
		status_add(status, "core1", "connected", 1000 + 10 * t);
		take(&m, status, 50 + t);
		if (t == 0)
			assert_true(device(&m, "core1")->rate == 0);
		if (t == 1)
			assert_true(fabs(device(&m, "core1")->rate - 2.5) < 0.001);
	}
	assert_true(fabs(device(&m, "core1")->rate - 10) < 0.01);
	assert_true(fabs(m.rate - 10) < 0.01);
	nptop_model_finish(&m);
}

static void
test_rate_does_not_depend_on_how_often_one_asks(void **state NP_UNUSED)
{
	struct nptop_model m;

	memset(&m, 0, sizeof(m));
	for (int t = 0; t <= 600; t++) {
		cJSON *status = status_new(1);
		status_add(status, "core1", "connected", t);
		take(&m, status, t * 0.1);
	}
	assert_true(fabs(device(&m, "core1")->rate - 10) < 0.1);
	nptop_model_finish(&m);
}

static void
test_counter_that_begins_anew_is_no_negative_rate(void **state NP_UNUSED)
{
	struct nptop_model m;
	cJSON *status;

	memset(&m, 0, sizeof(m));
	status = status_new(1);
	status_add(status, "core1", "connected", 1000);
	take(&m, status, 1);
	status = status_new(1);
	status_add(status, "core1", "idle", 0);
	take(&m, status, 2);

	assert_true(device(&m, "core1")->rate == 0);
	nptop_model_finish(&m);
}

static void
test_another_broker_is_not_compared_with_the_former(void **state NP_UNUSED)
{
	struct nptop_model m;
	cJSON *status;

	memset(&m, 0, sizeof(m));
	status = status_new(1);
	status_add(status, "core1", "connected", 10);
	take(&m, status, 1);
	status = status_new(2);
	status_add(status, "core1", "connected", 5000);
	take(&m, status, 2);

	assert_true(device(&m, "core1")->rate == 0);
	nptop_model_finish(&m);
}

static void
test_old_broker_counts_requests(void **state NP_UNUSED)
{
	struct nptop_model m;

	memset(&m, 0, sizeof(m));
	for (int t = 0; t < 2; t++) {
		cJSON *status = status_new(1), *d = status_add(status, "core1", "connected", 0);
		cJSON_DeleteItemFromObject(d, "commands");
		cJSON_AddNumberToObject(d, "requests", 4 * t);
		take(&m, status, t);
	}
	assert_true(device(&m, "core1")->rate > 0.9);
	nptop_model_finish(&m);
}

/* ---- devices ---- */

static void
test_past_of_a_device_survives_others_that_come_and_go(void **state NP_UNUSED)
{
	struct nptop_model m;

	memset(&m, 0, sizeof(m));
	for (int t = 0; t < 5; t++) {
		cJSON *status = status_new(1), *d;
		char other[16];
		snprintf(other, sizeof(other), "%c%d", t % 2 ? 'a' : 'z', t);
		status_add(status, other, "idle", 0);
		d = status_add(status, "core1", "connected", 0);
		cJSON_AddNumberToObject(d, "rtt_ms", 10 + t);
		take(&m, status, t);
		assert_int_equal(m.count, 2);
	}
	assert_int_equal(device(&m, "core1")->rtt.count, 5);
	assert_true(device(&m, "core1")->rtt.value[4] == 14);
	nptop_model_finish(&m);
}

static void
test_pools_of_one_name_stay_apart(void **state NP_UNUSED)
{
	struct nptop_model m;

	memset(&m, 0, sizeof(m));
	for (int t = 0; t < 2; t++) {
		cJSON *status = status_new(1);
		status_add(status, "core1", "connected", 100 * t);
		status_add(status, "core1", "failed", 0);
		take(&m, status, t);
	}
	assert_int_equal(m.count, 2);
	assert_string_equal(nptop_model_find(&m, "core1", 0)->state, "connected");
	assert_string_equal(nptop_model_find(&m, "core1", 1)->state, "failed");
	assert_null(nptop_model_find(&m, "core1", 2));
	assert_null(nptop_model_find(&m, "core0", 0));
	nptop_model_finish(&m);
}

static void
test_what_is_no_status_changes_nothing(void **state NP_UNUSED)
{
	static const char *const bad[] = {"{}", "[]", "3", "{\"devices\":[]}", "{\"broker\":{},\"devices\":{}}"};
	struct nptop_model m;
	struct np_error err;
	cJSON *status = status_new(1);

	memset(&m, 0, sizeof(m));
	status_add(status, "core1", "connected", 1);
	take(&m, status, 1);
	for (size_t i = 0; i < NP_COUNT(bad); i++) {
		status = cJSON_Parse(bad[i]);
		assert_int_equal(nptop_model_update(&m, status, 2, &err), -1);
		cJSON_Delete(status);
	}
	assert_string_equal(order_of(&m), "core1");
	assert_true(m.sampled_at == 1);
	nptop_model_finish(&m);
}

static void
test_orders_of_the_operator_are_the_state(void **state NP_UNUSED)
{
	struct nptop_model m;
	cJSON *status = status_new(1);

	memset(&m, 0, sizeof(m));
	cJSON_AddTrueToObject(status_add(status, "core1", "connected", 1), "paused");
	cJSON_AddFalseToObject(status_add(status, "core2", "connected", 1), "paused");
	take(&m, status, 1);

	assert_string_equal(device(&m, "core1")->state, "paused");
	assert_string_equal(device(&m, "core2")->state, "connected");
	nptop_model_finish(&m);
}

/* Every text that is made of it is made. */
static void
render(const struct nptop_model *m)
{
	char text[NPTOP_TEXT_MAX];

	for (size_t i = 0; i < m->count; i++) {
		for (int c = 0; c < NPTOP_COL_COUNT; c++)
			assert_true(strlen(nptop_cell(m->devices[i], (enum nptop_column)c, text)) < NPTOP_TEXT_MAX);
		nptop_graph(&m->devices[i]->rtt, 1000, true, text);
	}
	nptop_line_broker(m, text);
	nptop_line_totals(m, true, text);
	nptop_line_list(m, 10, text);
}

static void
test_hostile_members_do_no_harm(void **state NP_UNUSED)
{
	static const char *const cases[] = {
	    "{\"broker\":{},\"devices\":[1,null,{},[],{\"device\":7},{\"device\":\"\"}]}",
	    "{\"broker\":{\"pid\":\"x\",\"uptime\":1e308,\"memory_kb\":1e308,\"sessions\":-1e308},\"devices\":[{"
	    "\"device\":"
	    "\"a\\u001b[2Jb\",\"state\":\"\\u009b31m\",\"host\":[],\"port\":1e308,\"running\":1e308,\"queued\":-1e308,"
	    "\"commands\":1e308,\"rtt_ms\":1e308,\"last_used\":1e308,\"channels_used\":1e308,\"channels_max\":1e308,"
	    "\"last_error\":{\"reason\":\"\\u001b]0;x\\u0007\",\"retry_in\":1e308}}]}",
	    "{\"broker\":{},\"devices\":[{\"device\":\"a\",\"commands\":-1e308,\"rtt_ms\":-1,\"last_error\":7}]}",
	};
	struct nptop_model m;

	memset(&m, 0, sizeof(m));
	for (size_t round = 0; round < 3; round++)
		for (size_t i = 0; i < NP_COUNT(cases); i++) {
			cJSON *status = cJSON_Parse(cases[i]);
			assert_non_null(status);
			take(&m, status, (double)(round * 10 + i));
			for (int sort = 0; sort < NPTOP_SORT_COUNT; sort++)
				nptop_view_sort(&m, (enum nptop_sort)sort, sort % 2 != 0);
			render(&m);
			for (size_t k = 0; k < m.count; k++) {
				assert_null(strchr(m.devices[k]->shown, '\033'));
				assert_null(strchr(m.devices[k]->reason, '\033'));
				assert_null(strstr(m.devices[k]->state, "\xc2\x9b"));
				assert_true(isfinite(m.devices[k]->rate));
			}
		}
	nptop_model_finish(&m);
}

/* ---- order and filter ---- */

/* c works most, b fails, a was used lately, d never, e connects. */
static void
fill(struct nptop_model *m)
{
	memset(m, 0, sizeof(*m));
	for (int t = 0; t < 2; t++) {
		cJSON *status = status_new(1), *d;
		d = status_add(status, "a", "connected", 5);
		cJSON_AddNumberToObject(d, "last_used", 3);
		cJSON_AddNumberToObject(d, "rtt_ms", 7);
		cJSON_AddNumberToObject(d, "sessions", 2);
		d = status_add(status, "b", "failed", 0);
		status_fail(d, "auth_failed", 0);
		d = status_add(status, "c", "executing", 100 * t);
		cJSON_AddNumberToObject(d, "running", 3);
		cJSON_AddNumberToObject(d, "queued", 4);
		cJSON_AddNumberToObject(d, "rtt_ms", 90);
		cJSON_AddNumberToObject(d, "sessions", 1);
		status_add(status, "d", "idle", 0);
		d = status_add(status, "e", "connecting", 0);
		cJSON_AddNumberToObject(d, "queued", 1);
		take(m, status, t);
	}
}

static void
test_devices_are_sorted(void **state NP_UNUSED)
{
	static const struct {
		enum nptop_sort sort;
		const char *order, *reversed;
	} cases[] = {
	    {NPTOP_SORT_ACTIVITY, "c e b a d", "d a b e c"},
	    {NPTOP_SORT_NAME, "a b c d e", "e d c b a"},
	    {NPTOP_SORT_STATE, "b e c a d", "d a c e b"},
	    {NPTOP_SORT_RATE, "c a b d e", "e d b a c"},
	    {NPTOP_SORT_QUEUE, "c e a b d", "d b a e c"},
	    {NPTOP_SORT_RTT, "c a b d e", "e d b a c"},
	    {NPTOP_SORT_SESSIONS, "a c b d e", "e d b c a"},
	    {NPTOP_SORT_ERROR, "b a c d e", "e d c a b"},
	};
	struct nptop_model m;

	fill(&m);
	assert_string_equal(order_of(&m), "c e b a d");
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		nptop_view_sort(&m, cases[i].sort, false);
		assert_string_equal(order_of(&m), cases[i].order);
		nptop_view_sort(&m, cases[i].sort, true);
		assert_string_equal(order_of(&m), cases[i].reversed);
		assert_true(strlen(nptop_sort_name(cases[i].sort)) > 0);
	}
	nptop_model_finish(&m);
}

static void
test_filter_looks_at_name_place_state_and_error(void **state NP_UNUSED)
{
	static const struct {
		const char *filter, *order;
	} cases[] = {{"", "c e b a d"}, {"FAIL", "b"}, {"auth_", "b"}, {"connect", "e a"}, {"192.0", "c e b a d"},
	    {"ops@", "c e b a d"}, {"nothing such", ""}, {"executing", "c"}};
	struct nptop_model m;

	fill(&m);
	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		nptop_view_filter(&m, cases[i].filter);
		assert_string_equal(order_of(&m), cases[i].order);
	}
	nptop_model_finish(&m);
}

/* ---- cursor ---- */

static void
test_cursor_stays_on_its_device(void **state NP_UNUSED)
{
	struct nptop_model m;

	fill(&m);
	nptop_view_move(&m, 2);
	assert_string_equal(nptop_view_current(&m)->name, "b");
	nptop_view_sort(&m, NPTOP_SORT_NAME, false);
	assert_string_equal(nptop_view_current(&m)->name, "b");
	assert_int_equal(nptop_view_cursor(&m), 1);
	nptop_view_filter(&m, "auth");
	assert_string_equal(nptop_view_current(&m)->name, "b");
	nptop_view_filter(&m, "idle");
	assert_string_equal(nptop_view_current(&m)->name, "d");
	nptop_model_finish(&m);
}

static void
test_cursor_stays_on_the_first_row_until_it_is_moved(void **state NP_UNUSED)
{
	struct nptop_model m;

	fill(&m);
	assert_string_equal(nptop_view_current(&m)->name, "c");
	nptop_view_sort(&m, NPTOP_SORT_NAME, false);
	assert_string_equal(nptop_view_current(&m)->name, "a");
	nptop_view_move(&m, 3);
	nptop_view_move(&m, -10);
	nptop_view_sort(&m, NPTOP_SORT_NAME, true);
	assert_string_equal(nptop_view_current(&m)->name, "e");
	nptop_view_end(&m);
	assert_string_equal(nptop_view_current(&m)->name, "a");
	nptop_view_move(&m, 5);
	assert_string_equal(nptop_view_current(&m)->name, "a");
	nptop_view_home(&m);
	assert_int_equal(nptop_view_cursor(&m), 0);
	nptop_model_finish(&m);
}

static void
test_neighbour_gets_the_cursor_of_a_device_that_went(void **state NP_UNUSED)
{
	struct nptop_model m;
	cJSON *status;

	fill(&m);
	nptop_view_sort(&m, NPTOP_SORT_NAME, false);
	nptop_view_move(&m, 2);
	status = status_new(1);
	status_add(status, "a", "idle", 0);
	status_add(status, "b", "idle", 0);
	status_add(status, "d", "idle", 0);
	take(&m, status, 3);
	assert_string_equal(nptop_view_current(&m)->name, "d");
	status = status_new(1);
	status_add(status, "a", "idle", 0);
	take(&m, status, 4);
	assert_string_equal(nptop_view_current(&m)->name, "a");
	take(&m, status_new(1), 5);
	assert_null(nptop_view_current(&m));
	nptop_view_move(&m, 1);
	nptop_view_end(&m);
	nptop_view_scroll(&m, 10);
	assert_null(nptop_view_current(&m));
	nptop_model_finish(&m);
}

static void
test_thousand_devices_scroll(void **state NP_UNUSED)
{
	struct nptop_model m;
	cJSON *status = status_new(1);
	char name[16];

	memset(&m, 0, sizeof(m));
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "r%03d", (i * 7) % 1000);
		status_add(status, name, "idle", 0);
	}
	take(&m, status, 1);
	assert_int_equal(m.view_count, 1000);
	for (int i = 0; i < 100; i++) {
		nptop_view_move(&m, i % 3 == 0 ? 17 : 9);
		nptop_view_scroll(&m, 18);
		assert_in_range(nptop_view_cursor(&m), m.top, m.top + 17);
	}
	nptop_view_end(&m);
	nptop_view_scroll(&m, 18);
	assert_int_equal(m.top, 982);
	nptop_view_scroll(&m, 100);
	assert_int_equal(m.top, 900);
	nptop_view_home(&m);
	nptop_view_scroll(&m, 18);
	assert_int_equal(m.top, 0);
	assert_string_equal(nptop_view_current(&m)->name, "r000");
	nptop_model_finish(&m);
}

/* ---- layout ---- */

static void
test_columns_fit_any_width(void **state NP_UNUSED)
{
	for (int width = 0; width <= 400; width++) {
		for (int name = 0; name <= 90; name += 15) {
			struct nptop_columns c;
			int used = -1;
			nptop_layout_columns(&c, width, name);
			assert_true(c.count > 0);
			for (size_t i = 0; i < c.count; i++)
				used += c.width[i] + 1;
			assert_in_range(used, 0, width);
		}
	}
}

static bool
shows(const struct nptop_columns *c, enum nptop_column column)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->column[i] == column)
			return true;
	return false;
}

static void
test_narrow_screens_show_what_matters_most(void **state NP_UNUSED)
{
	struct nptop_columns c;

	nptop_layout_columns(&c, 80, 14);
	assert_true(shows(&c, NPTOP_COL_RATE) && shows(&c, NPTOP_COL_QUEUE) && shows(&c, NPTOP_COL_GRAPH) &&
		    shows(&c, NPTOP_COL_ERROR) && shows(&c, NPTOP_COL_RTT));
	nptop_layout_columns(&c, 40, 14);
	assert_true(shows(&c, NPTOP_COL_NAME) && shows(&c, NPTOP_COL_STATE) && shows(&c, NPTOP_COL_RATE));
	assert_false(shows(&c, NPTOP_COL_ERROR));
	nptop_layout_columns(&c, 200, 70);
	assert_int_equal(c.count, NPTOP_COL_COUNT);
	assert_int_equal(c.width[0], 70);
}

static void
test_lines_fit_any_height(void **state NP_UNUSED)
{
	for (int height = 0; height <= 100; height++) {
		struct nptop_lines l;
		nptop_layout_lines(&l, height);
		assert_in_range(l.rows, 0, height);
		assert_true(l.first + l.rows + (l.footer != -1) <= height || height == 0);
		if (height >= 2)
			assert_int_equal(l.footer, height - 1);
		if (height >= 10)
			assert_int_equal(l.rows, height - 5);
		if (height >= 3)
			assert_true(l.rows >= 1);
	}
}

/* ---- texts ---- */

static void
test_cells(void **state NP_UNUSED)
{
	struct nptop_device d = {.channels_used = 3,
	    .channels_max = 10,
	    .queued = 12,
	    .rate = 0.26,
	    .rtt_ms = 12.3,
	    .last_used = -1,
	    .retry_in = 12,
	    .reason = "connect_failed"};
	static const struct {
		enum nptop_column column;
		const char *text;
	} cases[] = {{NPTOP_COL_CHANNELS, "3/10"}, {NPTOP_COL_QUEUE, "12"}, {NPTOP_COL_RUN, "-"},
	    {NPTOP_COL_RATE, "0.3"}, {NPTOP_COL_RTT, "12ms"}, {NPTOP_COL_LAST, "-"},
	    {NPTOP_COL_ERROR, "connect_failed (12s)"}};
	char text[NPTOP_TEXT_MAX];

	for (size_t i = 0; i < NP_COUNT(cases); i++)
		assert_string_equal(nptop_cell(&d, cases[i].column, text), cases[i].text);
	d.blocked = true;
	assert_string_equal(nptop_cell(&d, NPTOP_COL_ERROR, text), "connect_failed (blocked)");
	d.blocked = false;
	d.retry_in = 0;
	assert_string_equal(nptop_cell(&d, NPTOP_COL_ERROR, text), "connect_failed");
	assert_string_equal(nptop_rate(text, sizeof(text), 12.4), "12");
	assert_string_equal(nptop_rate(text, sizeof(text), 14200), "14k");
}

static void
test_bars_show_the_past_against_zero(void **state NP_UNUSED)
{
	struct nptop_history h = {{10, 10, 10, 10}, 4};
	struct nptop_history spike = {{5, 5, 5, -1, 40, 0}, 6};
	struct nptop_history empty = {{0}, 0};
	char text[NPTOP_TEXT_MAX];

	assert_string_equal(nptop_graph(&h, 8, false, text), "    ====");
	assert_string_equal(nptop_graph(&h, 2, false, text), "==");
	assert_string_equal(nptop_graph(&spike, 6, false, text), "... #_");
	assert_string_equal(
	    nptop_graph(&spike, 6, true, text), "\xe2\x96\x82\xe2\x96\x82\xe2\x96\x82 \xe2\x96\x88\xe2\x96\x81");
	assert_string_equal(nptop_graph(&empty, 3, true, text), "   ");
	assert_string_equal(nptop_graph(&h, 0, true, text), "");
	assert_string_equal(nptop_graph(&h, -5, true, text), "");
}

static void
test_history_keeps_the_newest(void **state NP_UNUSED)
{
	struct nptop_model m;

	memset(&m, 0, sizeof(m));
	for (int t = 0; t < NPTOP_HISTORY + 25; t++) {
		cJSON *status = status_new(1);
		cJSON_AddNumberToObject(status_add(status, "core1", "connected", 0), "rtt_ms", t);
		take(&m, status, t);
	}
	assert_int_equal(device(&m, "core1")->rtt.count, NPTOP_HISTORY);
	assert_true(device(&m, "core1")->rtt.value[0] == 25);
	assert_true(device(&m, "core1")->rtt.value[NPTOP_HISTORY - 1] == NPTOP_HISTORY + 24);
	nptop_model_finish(&m);
}

static void
test_lines_above_the_table(void **state NP_UNUSED)
{
	struct nptop_model m;
	char text[NPTOP_TEXT_MAX];

	fill(&m);
	assert_string_equal(
	    nptop_line_broker(&m, text), "netpulsed 0.1.0, pid 1, serving for -: 0 clients, 0 of 1000 sessions");
	assert_non_null(
	    strstr(nptop_line_totals(&m, false, text), "5 devices, 1 failed; 3 running, 5 queued, 25 comm"));
	assert_string_equal(nptop_line_list(&m, 3, text), "By activity: 1-3 of 5");
	nptop_view_sort(&m, NPTOP_SORT_RTT, true);
	nptop_view_filter(&m, "none such");
	assert_string_equal(nptop_line_list(&m, 3, text), "By round trip, reversed, with `none such`: 0-0 of 0");
	nptop_model_finish(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rate_approaches_commands_a_second),
	    cmocka_unit_test(test_rate_does_not_depend_on_how_often_one_asks),
	    cmocka_unit_test(test_counter_that_begins_anew_is_no_negative_rate),
	    cmocka_unit_test(test_another_broker_is_not_compared_with_the_former),
	    cmocka_unit_test(test_old_broker_counts_requests),
	    cmocka_unit_test(test_past_of_a_device_survives_others_that_come_and_go),
	    cmocka_unit_test(test_pools_of_one_name_stay_apart),
	    cmocka_unit_test(test_what_is_no_status_changes_nothing),
	    cmocka_unit_test(test_orders_of_the_operator_are_the_state),
	    cmocka_unit_test(test_hostile_members_do_no_harm),
	    cmocka_unit_test(test_devices_are_sorted),
	    cmocka_unit_test(test_filter_looks_at_name_place_state_and_error),
	    cmocka_unit_test(test_cursor_stays_on_its_device),
	    cmocka_unit_test(test_cursor_stays_on_the_first_row_until_it_is_moved),
	    cmocka_unit_test(test_neighbour_gets_the_cursor_of_a_device_that_went),
	    cmocka_unit_test(test_thousand_devices_scroll),
	    cmocka_unit_test(test_columns_fit_any_width),
	    cmocka_unit_test(test_narrow_screens_show_what_matters_most),
	    cmocka_unit_test(test_lines_fit_any_height),
	    cmocka_unit_test(test_cells),
	    cmocka_unit_test(test_bars_show_the_past_against_zero),
	    cmocka_unit_test(test_history_keeps_the_newest),
	    cmocka_unit_test(test_lines_above_the_table),
	};

	return cmocka_run_group_tests_name("nptop", tests, NULL, NULL);
}
