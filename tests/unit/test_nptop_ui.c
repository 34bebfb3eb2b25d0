/* The keys and the pages of `npctl top`. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "top/nptop_ui.h"
#include "base/text.h"

static const char whole[] =
    "{\"broker\":{\"pid\":1,\"version\":\"0.1.0\",\"state\":\"serving\"},\"devices\":["
    "{\"device\":\"core1\",\"user\":\"ops\",\"host\":\"192.0.2.1\",\"port\":22,\"state\":\"executing\",\"running\":1,"
    "\"commands\":7,\"rtt_ms\":3.2,\"paused\":false,\"last_error\":null,\"list\":[{\"id\":7,\"state\":\"connected\","
    "\"age\":7300,\"last_used\":0,\"rtt_ms\":3.2,\"channels_used\":1,\"channels_max\":10,\"commands\":7,"
    "\"bytes_in\":1234,\"bytes_out\":56000000,\"banner\":\"SSH-2.0-x\\u001b[2J\",\"algorithms\":\"curve25519\","
    "\"auth\":\"publickey\"}]},"
    "{\"device\":\"edge1\",\"user\":\"\",\"host\":\"edge1\",\"port\":0,\"state\":\"failed\",\"paused\":true,\"text\":"
    "\"do not "
    "touch\",\"last_error\":{\"reason\":\"connect_failed\",\"message\":\"a long text of many words that does not fit "
    "the line of a narrow terminal\",\"retry_in\":12,\"blocked\":false}}],"
    "\"peers\":[{\"id\":3,\"pid\":4242,\"program\":\"backup.sh\"}],"
    "\"requests\":[{\"id\":9,\"peer\":3,\"device\":\"core1\",\"state\":\"running\",\"age\":5,\"queue_ms\":12,"
    "\"session\":7,\"bytes_in\":0,\"bytes_out\":999},{\"id\":10,\"peer\":4,\"device\":\"edge1\",\"state\":\"queued\"}"
    "]}";

/* A screen of 80x24 with core1 (under the cursor) and edge1. */
static struct nptop_ui *
setup(void)
{
	static struct nptop_ui ui;
	cJSON *status = cJSON_Parse(whole);
	struct np_error err;

	nptop_ui_init(&ui, false);
	nptop_ui_resize(&ui, 80, 24);
	assert_int_equal(nptop_model_update(&ui.model, status, 1, &err), 0);
	nptop_ui_sampled(&ui, NULL, 1);
	cJSON_Delete(status);
	return &ui;
}

static void
type(struct nptop_ui *ui, const char *keys)
{
	for (; *keys != '\0'; keys++)
		nptop_ui_key(ui, (unsigned char)*keys);
}

static const char *
footer(const struct nptop_ui *ui)
{
	static char text[NPTOP_TEXT_MAX];

	return nptop_ui_footer(ui, text);
}

/* The page as text. */
static const char *
page(const struct nptop_page *p)
{
	static char text[16384];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < p->count; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", p->line[i].text);
	return text;
}

static void
sampled(struct nptop_ui *ui, const char *json)
{
	cJSON *status = cJSON_Parse(json);

	assert_non_null(status);
	nptop_ui_sampled(ui, status, 2);
	cJSON_Delete(status);
}

/* ---- orders ---- */

static void
test_orders_that_end_something_are_asked_back(void **state NP_UNUSED)
{
	static const struct {
		char key;
		const char *says;
		enum nptop_act act;
		const char *method;
	} cases[] = {{'p', "Pause core1", NPTOP_PAUSE, "pause"},
	    {'c', "Close the sessions of core1 when", NPTOP_CLOSE, "close"},
	    {'C', "Close the sessions of core1 now", NPTOP_CLOSE_NOW, "close"},
	    {'R', "Reconnect core1", NPTOP_RECONNECT, "reconnect"}};
	struct nptop_ui *ui = setup();

	for (size_t i = 0; i < NP_COUNT(cases); i++) {
		nptop_ui_key(ui, cases[i].key);
		assert_non_null(strstr(footer(ui), cases[i].says));
		assert_int_equal(ui->act, NPTOP_NOTHING);
		type(ui, "n");
		assert_int_equal(ui->act, NPTOP_NOTHING);
		nptop_ui_key(ui, cases[i].key);
		type(ui, "y");
		assert_int_equal(ui->act, cases[i].act);
		assert_string_equal(ui->act_device, "core1");
		assert_string_equal(nptop_act_method(ui->act), cases[i].method);
		ui->act = NPTOP_NOTHING;
		assert_null(strstr(footer(ui), cases[i].says));
	}
	nptop_ui_finish(ui);
}

static void
test_only_y_means_yes(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();
	static const int keys[] = {'n', 'q', 27, NPTOP_KEY_ENTER, ' ', 'c', '/', NPTOP_KEY_DOWN};

	for (size_t i = 0; i < NP_COUNT(keys); i++) {
		type(ui, "c");
		nptop_ui_key(ui, keys[i]);
		assert_int_equal(ui->act, NPTOP_NOTHING);
		assert_false(ui->quit);
		assert_false(ui->typing);
	}
	nptop_ui_finish(ui);
}

static void
test_question_keeps_its_device_when_rows_move(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	type(ui, "c");
	nptop_view_sort(&ui->model, NPTOP_SORT_NAME, true);
	assert_string_equal(nptop_view_current(&ui->model)->name, "edge1");
	type(ui, "y");
	assert_string_equal(ui->act_device, "core1");
	nptop_ui_finish(ui);
}

static void
test_resume_is_done_at_once(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	type(ui, "ju");
	assert_int_equal(ui->act, NPTOP_RESUME);
	assert_string_equal(ui->act_device, "edge1");
	nptop_ui_finish(ui);
}

static void
test_empty_list_takes_no_orders(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	type(ui, "/zzz\x15zzz");
	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	assert_int_equal(ui->model.view_count, 0);
	type(ui, "cyuRyjkGg");
	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	assert_int_equal(ui->act, NPTOP_NOTHING);
	assert_int_equal(ui->mode, NPTOP_LIST);
	nptop_ui_finish(ui);
}

/* ---- filter ---- */

static void
test_filter_works_while_it_is_typed(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	type(ui, "/");
	assert_string_equal(footer(ui), "Filter: ");
	type(ui, "edq");
	assert_string_equal(footer(ui), "Filter: edq");
	assert_int_equal(ui->model.view_count, 0);
	nptop_ui_key(ui, NPTOP_KEY_BACKSPACE);
	assert_int_equal(ui->model.view_count, 1);
	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	assert_string_equal(ui->model.filter, "ed");
	assert_false(ui->typing);
	type(ui, "/");
	assert_string_equal(footer(ui), "Filter: ed");
	nptop_ui_key(ui, 27);
	assert_int_equal(ui->model.view_count, 2);
	type(ui, "/core");
	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	assert_int_equal(ui->model.view_count, 1);
	nptop_ui_key(ui, 27);
	assert_int_equal(ui->model.view_count, 2);
	nptop_ui_finish(ui);
}

static void
test_filter_takes_characters_not_bytes(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	type(ui, "/e\xc3");
	assert_string_equal(ui->model.filter, "e");
	type(ui, "\xbc");
	assert_string_equal(ui->model.filter, "e\xc3\xbc");
	nptop_ui_key(ui, NPTOP_KEY_BACKSPACE);
	assert_string_equal(ui->model.filter, "e");
	type(ui, "\xc3");
	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	assert_true(text_is_utf8(ui->model.filter, strlen(ui->model.filter)));
	nptop_ui_finish(ui);
}

static void
test_endless_filter_stays_within_its_room(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	type(ui, "/");
	for (int i = 0; i < 1000; i++)
		type(ui, "x");
	assert_true(strlen(ui->model.filter) == NPTOP_FILTER_MAX - 1);
	for (int i = 0; i < 1000; i++)
		nptop_ui_key(ui, NPTOP_KEY_BACKSPACE);
	assert_false(ui->typing);
	assert_int_equal(ui->model.view_count, 2);
	nptop_ui_finish(ui);
}

/* ---- sorting ---- */

static void
test_keys_sort(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	type(ui, "n");
	assert_int_equal(ui->model.sort, NPTOP_SORT_NAME);
	type(ui, "r");
	assert_true(ui->model.reverse);
	type(ui, "s");
	assert_int_equal(ui->model.sort, NPTOP_SORT_STATE);
	assert_false(ui->model.reverse);
	type(ui, "SSS");
	assert_int_equal(ui->model.sort, NPTOP_SORT_ERROR);
	type(ui, "s");
	assert_int_equal(ui->model.sort, NPTOP_SORT_ACTIVITY);
	type(ui, "m");
	assert_int_equal(ui->model.sort, NPTOP_SORT_RATE);
	nptop_ui_finish(ui);
}

/* ---- pages ---- */

static void
test_detail_shows_all_of_a_device(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	assert_int_equal(ui->mode, NPTOP_DETAIL);
	assert_true(ui->ask_now);
	assert_non_null(strstr(page(&ui->page), "core1: ops@192.0.2.1:22\n"));
	sampled(ui, whole);
	assert_non_null(strstr(page(&ui->page), "\n  session #7: connected, channels 1/10"));
	assert_non_null(strstr(page(&ui->page), "SSH-2.0-x\\033[2J\n"));
	assert_non_null(strstr(page(&ui->page), "\n  request 9: - runs for 5s on #7"));
	assert_non_null(strstr(page(&ui->page), "backup.sh (pid 4242, client 3)\n"));
	assert_null(strstr(page(&ui->page), "request 10"));
	assert_null(strchr(page(&ui->page), '\033'));
	type(ui, "q");
	assert_int_equal(ui->mode, NPTOP_LIST);
	assert_false(ui->quit);
	nptop_ui_finish(ui);
}

static void
test_detail_wraps_the_error(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	nptop_ui_resize(ui, 40, 10);
	type(ui, "j");
	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	sampled(ui, whole);
	assert_non_null(strstr(page(&ui->page), "\n  last error: a long text of many words\n"));
	assert_non_null(strstr(page(&ui->page), "\n      that does not fit the line of a\n"));
	assert_non_null(strstr(page(&ui->page), "\n      narrow terminal\n"));
	assert_non_null(strstr(page(&ui->page), "the next attempt may be made in 12s\n"));
	assert_non_null(strstr(page(&ui->page), "  paused by the operator: do not touch\n"));
	for (size_t i = 0; i < ui->page.count; i++)
		assert_true(strlen(ui->page.line[i].text) <= 40);
	nptop_ui_finish(ui);
}

static void
test_detail_of_a_device_that_went_says_so(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();
	cJSON *status = cJSON_Parse("{\"broker\":{\"pid\":1},\"devices\":[]}");
	struct np_error err;

	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	assert_int_equal(nptop_model_update(&ui->model, status, 2, &err), 0);
	nptop_ui_sampled(ui, NULL, 2);
	cJSON_Delete(status);
	assert_non_null(strstr(page(&ui->page), "does not hold it any more"));
	nptop_ui_finish(ui);
}

static void
test_detail_takes_any_answer(void **state NP_UNUSED)
{
	static const char *const cases[] = {"{}", "[]", "7", "{\"devices\":3,\"requests\":7,\"peers\":{}}",
	    "{\"devices\":[{\"device\":\"core1\",\"list\":[1,{},{\"id\":1e308,\"bytes_in\":1e308,\"bytes_out\":-1e308,"
	    "\"age\":1e308,\"rtt_ms\":1e308,\"banner\":3}],\"last_error\":{\"retry_in\":1e308},\"text\":\"\"}],"
	    "\"requests\":[{\"device\":\"core1\"},{\"device\":\"core1\",\"id\":1e308,\"session\":1e308,\"age\":1e308,"
	    "\"queue_ms\":1e308,\"peer\":null}]}"};
	struct nptop_ui *ui = setup();

	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	for (size_t i = 0; i < NP_COUNT(cases); i++)
		for (int width = 1; width < 200; width += 33) {
			nptop_ui_resize(ui, width, 5);
			sampled(ui, cases[i]);
			assert_true(ui->page.count >= 4);
		}
	nptop_ui_finish(ui);
}

static void
test_orders_go_to_the_device_in_full(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	type(ui, "j");
	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	type(ui, "cy");
	assert_int_equal(ui->act, NPTOP_CLOSE);
	assert_string_equal(ui->act_device, "edge1");
	nptop_ui_finish(ui);
}

static void
test_help_goes_back_where_it_was_asked_for(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	type(ui, "?");
	assert_int_equal(ui->mode, NPTOP_HELP);
	assert_non_null(strstr(page(&ui->page), "The keys of npctl top\n"));
	type(ui, "q");
	assert_int_equal(ui->mode, NPTOP_LIST);
	nptop_ui_key(ui, NPTOP_KEY_ENTER);
	type(ui, "h");
	assert_int_equal(ui->mode, NPTOP_HELP);
	nptop_ui_key(ui, 27);
	assert_int_equal(ui->mode, NPTOP_DETAIL);
	assert_non_null(strstr(page(&ui->page), "core1: "));
	nptop_ui_key(ui, NPTOP_KEY_LEFT);
	assert_int_equal(ui->mode, NPTOP_LIST);
	assert_false(ui->quit);
	type(ui, "q");
	assert_true(ui->quit);
	nptop_ui_finish(ui);
}

static void
test_pages_scroll_to_their_end_and_no_further(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	nptop_ui_resize(ui, 40, 8);
	type(ui, "?");
	size_t last = ui->page.count - 7;
	type(ui, "jj");
	assert_int_equal(ui->page.top, 2);
	nptop_ui_key(ui, NPTOP_KEY_PAGE_DOWN);
	assert_int_equal(ui->page.top, 8);
	type(ui, "G");
	assert_int_equal(ui->page.top, last);
	type(ui, "j");
	assert_int_equal(ui->page.top, last);
	nptop_ui_resize(ui, 80, 24);
	assert_int_equal(ui->page.top, 0);
	type(ui, "kg");
	assert_int_equal(ui->page.top, 0);
	nptop_ui_finish(ui);
}

/* ---- the last line ---- */

static void
test_messages_go_with_a_key_or_with_time(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	assert_non_null(strstr(footer(ui), "q:quit"));
	assert_true(strlen(footer(ui)) < 80);
	nptop_ui_say(ui, true, 10, "core1: %s", "pause: unknown_method");
	assert_string_equal(footer(ui), "core1: pause: unknown_method");
	nptop_ui_sampled(ui, NULL, 12);
	assert_string_equal(footer(ui), "core1: pause: unknown_method");
	nptop_ui_sampled(ui, NULL, 19);
	assert_non_null(strstr(footer(ui), "q:quit"));
	nptop_ui_say(ui, false, 20, "done");
	type(ui, "j");
	assert_non_null(strstr(footer(ui), "q:quit"));
	nptop_ui_finish(ui);
}

static void
test_unknown_keys_do_nothing(void **state NP_UNUSED)
{
	struct nptop_ui *ui = setup();

	for (int key = 128; key < 256; key++)
		nptop_ui_key(ui, key);
	nptop_ui_key(ui, NPTOP_KEY_OTHER);
	nptop_ui_key(ui, 0);
	assert_int_equal(ui->mode, NPTOP_LIST);
	assert_int_equal(ui->act, NPTOP_NOTHING);
	assert_false(ui->quit || ui->typing);
	nptop_ui_finish(ui);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_orders_that_end_something_are_asked_back),
	    cmocka_unit_test(test_only_y_means_yes),
	    cmocka_unit_test(test_question_keeps_its_device_when_rows_move),
	    cmocka_unit_test(test_resume_is_done_at_once),
	    cmocka_unit_test(test_empty_list_takes_no_orders),
	    cmocka_unit_test(test_filter_works_while_it_is_typed),
	    cmocka_unit_test(test_filter_takes_characters_not_bytes),
	    cmocka_unit_test(test_endless_filter_stays_within_its_room),
	    cmocka_unit_test(test_keys_sort),
	    cmocka_unit_test(test_detail_shows_all_of_a_device),
	    cmocka_unit_test(test_detail_wraps_the_error),
	    cmocka_unit_test(test_detail_of_a_device_that_went_says_so),
	    cmocka_unit_test(test_detail_takes_any_answer),
	    cmocka_unit_test(test_orders_go_to_the_device_in_full),
	    cmocka_unit_test(test_help_goes_back_where_it_was_asked_for),
	    cmocka_unit_test(test_pages_scroll_to_their_end_and_no_further),
	    cmocka_unit_test(test_messages_go_with_a_key_or_with_time),
	    cmocka_unit_test(test_unknown_keys_do_nothing),
	};

	return cmocka_run_group_tests_name("nptop_ui", tests, NULL, NULL);
}
