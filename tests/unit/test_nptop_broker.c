/* The connection of `npctl top`: what is asked when, old brokers, orders and their answers, brokers that go. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "kit/fakebroker.h"
#include "top/nptop_broker.h"

#define LIST "{\"broker\":{\"pid\":1},\"devices\":[{\"device\":\"core1\",\"state\":\"idle\"}]}"

static struct fakebroker f;
static struct nptop_broker b;
static struct nptop_ui ui;
static double now;

static int
setup_absent(void **state NP_UNUSED)
{
	struct np_error err;

	fake_prepare(&f);
	now = 1000;
	nptop_ui_init(&ui, false);
	nptop_ui_resize(&ui, 80, 24);
	return nptop_broker_init(&b, f.path, 1, &err);
}

static int
setup(void **state)
{
	int result = setup_absent(state);

	fake_listen(&f);
	return result;
}

static int
teardown(void **state NP_UNUSED)
{
	nptop_broker_finish(&b);
	nptop_ui_finish(&ui);
	fake_finish(&f);
	return 0;
}

/* A turn of the loop, with what has come meanwhile. */
static void
turn(void)
{
	struct pollfd pfd = {.fd = nptop_broker_fd(&b), .events = POLLIN};
	bool readable = pfd.fd != -1 && poll(&pfd, 1, 0) == 1;

	nptop_broker_turn(&b, &ui, readable, now);
}

/* Waits until the broker's words are there, then takes them. */
static void
hear(void)
{
	struct pollfd pfd = {.fd = nptop_broker_fd(&b), .events = POLLIN};

	assert_int_equal(poll(&pfd, 1, (int)(FAKE_SECONDS * 1000)), 1);
	turn();
}

static void
answer(const char *result)
{
	char json[512];

	snprintf(json, sizeof(json), "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":%s}", (long long)f.message.id.number,
	    result);
	fake_send(&f, json);
	hear();
}

static void
refuse(const char *reason, const char *text)
{
	char json[512];

	snprintf(json, sizeof(json),
	    "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"error\":{\"code\":-32000,\"message\":\"%s\",\"data\":{\"reason\":\"%"
	    "s\"}}}",
	    (long long)f.message.id.number, text, reason);
	fake_send(&f, json);
	hear();
}

/* Up to the first list. */
static void
connected(void)
{
	turn();
	fake_accept(&f);
	fake_hello(&f);
	fake_expect(&f, "status");
	answer(LIST);
	assert_string_equal(ui.trouble, "");
	assert_int_equal(ui.model.count, 1);
}

static void
test_list_is_asked_for_every_interval(void **state NP_UNUSED)
{
	turn();
	fake_accept(&f);
	fake_hello(&f);
	const cJSON *params = fake_expect(&f, "status");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(params, "brief")));
	assert_string_equal(cJSON_GetObjectItem(params, "page")->valuestring, "");
	assert_int_equal(cJSON_GetArraySize(params), 2);
	answer(LIST);
	assert_int_equal(ui.model.count, 1);
	assert_in_range(nptop_broker_timeout_ms(&b, now), 990, 1001);
	now += 0.9;
	turn();
	assert_false(fake_has_message(&f, 20));
	now += 0.1;
	assert_int_equal(nptop_broker_timeout_ms(&b, now), 0);
	turn();
	fake_expect(&f, "status");
}

static void
test_slow_broker_is_not_asked_twice(void **state NP_UNUSED)
{
	connected();
	now += 1;
	turn();
	fake_expect(&f, "status");
	now += 5;
	turn();
	assert_false(fake_has_message(&f, 20));
	assert_string_equal(ui.trouble, "The broker has not answered for 5s");
	answer(LIST);
	assert_string_equal(ui.trouble, "");
	fake_expect(&f, "status"); /* it is due */
}

static void
test_key_asks_at_once(void **state NP_UNUSED)
{
	connected();
	nptop_ui_key(&ui, ' ');
	turn();
	fake_expect(&f, "status");
}

static void
test_old_broker_is_asked_for_all(void **state NP_UNUSED)
{
	turn();
	fake_accept(&f);
	fake_hello(&f);
	fake_expect(&f, "status");
	refuse("invalid_params", "unknown parameter `brief`");
	const cJSON *params = fake_expect(&f, "status");
	assert_int_equal(cJSON_GetArraySize(params), 0);
	answer(LIST);
	assert_int_equal(ui.model.count, 1);
}

static void
test_pages_make_one_list(void **state NP_UNUSED)
{
	connected();
	now += 1;
	turn();
	fake_expect(&f, "status");
	answer("{\"broker\":{\"pid\":1},\"devices\":[{\"device\":\"core1\"}],\"next\":\"d:1\"}");
	const cJSON *params = fake_expect(&f, "status");
	assert_string_equal(cJSON_GetObjectItem(params, "page")->valuestring, "d:1");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(params, "brief")));
	assert_int_equal(ui.model.count, 1);
	answer("{\"broker\":{\"pid\":1},\"devices\":[{\"device\":\"core2\"}],\"next\":\"d:2\"}");
	fake_expect(&f, "status");
	answer("{\"broker\":{\"pid\":1},\"devices\":[{\"device\":\"core3\"}]}");
	assert_int_equal(ui.model.count, 3);
	assert_non_null(nptop_model_find(&ui.model, "core2", 0));
	turn();
	assert_false(fake_has_message(&f, 20));
}

static void
test_pages_of_a_broker_that_left_are_forgotten(void **state NP_UNUSED)
{
	connected();
	now += 1;
	turn();
	fake_expect(&f, "status");
	answer("{\"broker\":{\"pid\":1},\"devices\":[{\"device\":\"old1\"}],\"next\":\"d:1\"}");
	fake_expect(&f, "status");
	fake_hang_up(&f);
	hear();
	now += 1;
	connected();
	assert_null(nptop_model_find(&ui.model, "old1", 0));
}

static void
test_refusal_of_the_list_is_shown(void **state NP_UNUSED)
{
	connected();
	now += 1;
	turn();
	fake_expect(&f, "status");
	refuse("output_limit", "the answer exceeds a frame");
	assert_string_equal(ui.trouble, "output_limit: the answer exceeds a frame");
	assert_int_equal(ui.model.count, 1);
	now += 1;
	turn();
	fake_expect(&f, "status");
	answer("7");
	assert_string_equal(ui.trouble, "the broker's status is not one");
}

static void
test_order_is_sent_and_its_answer_shown(void **state NP_UNUSED)
{
	connected();
	nptop_ui_key(&ui, 'C');
	nptop_ui_key(&ui, 'y');
	turn();
	const cJSON *params = fake_expect(&f, "close");
	assert_string_equal(cJSON_GetObjectItem(params, "device")->valuestring, "core1");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(params, "now")));
	assert_string_equal(ui.message, "core1: close");
	answer("{\"closed\":1}");
	assert_string_equal(ui.message, "core1: close done");
	fake_expect(&f, "status"); /* to see what came of it */
	answer(LIST);
	nptop_ui_key(&ui, 'u');
	turn();
	fake_expect(&f, "resume");
	refuse("unknown_method", "unknown method `resume`");
	assert_string_equal(ui.message, "core1: resume: unknown_method: unknown method `resume`");
}

static void
test_more_orders_than_wait_are_refused(void **state NP_UNUSED)
{
	connected();
	for (int i = 0; i < NPTOP_ORDERS; i++) {
		nptop_ui_key(&ui, 'u');
		turn();
		fake_expect(&f, "resume");
	}
	nptop_ui_key(&ui, 'u');
	turn();
	assert_string_equal(ui.message, "Too much at once");
	assert_false(fake_has_message(&f, 20));
	answer("{}");
	fake_expect(&f, "status");
	nptop_ui_key(&ui, 'u');
	turn();
	fake_expect(&f, "resume");
}

static void
test_device_in_full_is_asked_for_by_name(void **state NP_UNUSED)
{
	connected();
	nptop_ui_key(&ui, NPTOP_KEY_ENTER);
	turn();
	fake_expect(&f, "status");
	answer(LIST);
	const cJSON *params = fake_expect(&f, "status");
	assert_string_equal(cJSON_GetObjectItem(params, "device")->valuestring, "core1");
	assert_string_equal(cJSON_GetObjectItem(params, "page")->valuestring, "");
	assert_int_equal(cJSON_GetArraySize(params), 2);
	answer("{\"devices\":[{\"device\":\"core1\",\"list\":[{\"id\":77}]}]}");
	bool found = false;
	for (size_t i = 0; i < ui.page.count; i++)
		found |= strncmp(ui.page.line[i].text, "  session #77:", 14) == 0;
	assert_true(found);
}

static void
test_late_answer_about_another_device_is_dropped(void **state NP_UNUSED)
{
	connected();
	nptop_ui_key(&ui, NPTOP_KEY_ENTER);
	turn();
	fake_expect(&f, "status");
	answer("{\"broker\":{\"pid\":1},\"devices\":[{\"device\":\"core1\"},{\"device\":\"core2\"}]}");
	fake_expect(&f, "status");
	nptop_ui_key(&ui, 'q');
	nptop_ui_key(&ui, NPTOP_KEY_DOWN);
	nptop_ui_key(&ui, NPTOP_KEY_ENTER);
	answer("{\"devices\":[{\"device\":\"core1\",\"list\":[{\"id\":77}]}]}");
	for (size_t i = 0; i < ui.page.count; i++)
		assert_int_not_equal(strncmp(ui.page.line[i].text, "  session #77:", 14), 0);
}

static void
test_missing_broker_is_looked_for_again(void **state NP_UNUSED)
{
	turn();
	assert_non_null(strstr(ui.trouble, "no broker is running at"));
	assert_non_null(strstr(ui.trouble, "(trying again)"));
	assert_int_equal(nptop_broker_fd(&b), -1);
	assert_in_range(nptop_broker_timeout_ms(&b, now), 990, 1001);
	fake_listen(&f);
	now += 0.5;
	turn();
	assert_int_equal(nptop_broker_fd(&b), -1);
	now += 0.5;
	connected();
}

static void
test_broker_that_leaves_is_looked_for_again(void **state NP_UNUSED)
{
	connected();
	nptop_ui_key(&ui, 'u');
	turn();
	fake_expect(&f, "resume");
	fake_hang_up(&f);
	hear();
	assert_non_null(strstr(ui.trouble, "closed the connection"));
	assert_int_equal(ui.model.count, 1);
	nptop_ui_key(&ui, 'u');
	turn();
	assert_string_equal(ui.message, "No broker is there to do it");
	now += 1;
	connected();
}

static void
test_what_is_no_broker_is_left(void **state NP_UNUSED)
{
	connected();
	fake_send_raw(&f, "HTTP/1.1 400 Bad Request\r\n", 26);
	hear();
	assert_non_null(strstr(ui.trouble, "something else than the protocol"));
	assert_int_equal(nptop_broker_fd(&b), -1);
	fake_hang_up(&f);
	now += 1;
	connected();
}

static void
test_strange_messages_are_ignored(void **state NP_UNUSED)
{
	connected();
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"method\":\"news\",\"params\":{}}");
	hear();
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}");
	hear();
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{}}");
	hear();
	fake_send(&f, "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"error\":{\"code\":1,\"message\":\"m\"}}");
	hear();
	assert_string_equal(ui.trouble, "");
	assert_string_equal(ui.message, "");
}

#define WITH_BROKER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_BROKER(test_list_is_asked_for_every_interval),
	    WITH_BROKER(test_slow_broker_is_not_asked_twice),
	    WITH_BROKER(test_key_asks_at_once),
	    WITH_BROKER(test_old_broker_is_asked_for_all),
	    WITH_BROKER(test_pages_make_one_list),
	    WITH_BROKER(test_pages_of_a_broker_that_left_are_forgotten),
	    WITH_BROKER(test_refusal_of_the_list_is_shown),
	    WITH_BROKER(test_order_is_sent_and_its_answer_shown),
	    WITH_BROKER(test_more_orders_than_wait_are_refused),
	    WITH_BROKER(test_device_in_full_is_asked_for_by_name),
	    WITH_BROKER(test_late_answer_about_another_device_is_dropped),
	    cmocka_unit_test_setup_teardown(test_missing_broker_is_looked_for_again, setup_absent, teardown),
	    WITH_BROKER(test_broker_that_leaves_is_looked_for_again),
	    WITH_BROKER(test_what_is_no_broker_is_left),
	    WITH_BROKER(test_strange_messages_are_ignored),
	};

	return cmocka_run_group_tests_name("nptop_broker", tests, NULL, NULL);
}
