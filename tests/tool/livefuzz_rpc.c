/*
 * livefuzz: netpulse-protocol(7), its requests and notifications made from the tables that the broker reads them by.
 */
#include "tool/livefuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/xalloc.h"
#include "broker/verb/verb.h"
#include "conf/conf_impl.h"
#include "params/params.h"
#include "schema/schema.h"
#include "wire/frame.h"
#include "wire/message.h"

/* Not `stop`.  Those that come often stand here more than once, those for a device first: so many. */
#define WORKING 13
static const char *const verbs[] = {"exec", "exec", "exec", "exec", "exec", "exec", "exec", "config", "config",
    "record", "platform_test", "open", "test", "mux", "close", "kill", "confirm", "pause", "resume", "disable",
    "enable", "drain", "reconnect", "status", "devices", "ping", "ping", "sync", "reload", "hand_over", "config_show",
    "platforms", "watch", "accounts", "metrics"};

static const struct {
	const char *name;
	unsigned kind;
} notes[] = {{"stdin", NOTE_STDIN}, {"stdin", NOTE_STDIN}, {"stdin", NOTE_STDIN}, {"eof", NOTE_EOF},
    {"cancel", NOTE_CANCEL}, {"cancel", NOTE_CANCEL}, {"signal", NOTE_SIGNAL}, {"resize", NOTE_RESIZE},
    {"answer", NOTE_ANSWER}, {"answer", NOTE_ANSWER}, {"credit", NOTE_CREDIT}, {"credit", NOTE_CREDIT},
    {"lend", NOTE_LEND}, {"unheard_of", 0}};

static cJSON *object_of(struct fuzz_case *c, const struct schema_table *table, unsigned where, unsigned one_in);

/* ---- values ---- */

/* Of some kind or other. */
static cJSON *
make_anything(struct fuzz_case *c, unsigned depth)
{
	static const double numbers[] = {0, 1, -1, 0.5, 1e308, -1e308, 9007199254740993.0, 4294967295.0, 65536, -0.0};
	cJSON *json;

	switch (fuzz_draw(c, depth > 0 ? 7 : 5)) {
	case 0:
		return cJSON_CreateNull();
	case 1:
		return cJSON_CreateBool((int)fuzz_draw(c, 2));
	case 2:
	case 3:
		return cJSON_CreateNumber(fuzz_pick(c, numbers));
	case 4:
		return cJSON_CreateString(fuzz_text(c));
	case 5:
		json = cJSON_CreateArray();
		for (unsigned n = fuzz_draw(c, 4); n > 0; n--)
			cJSON_AddItemToArray(json, make_anything(c, depth - 1));
		return json;
	default:
		json = cJSON_CreateObject();
		for (unsigned n = fuzz_draw(c, 4); n > 0; n--)
			cJSON_AddItemToObject(json, fuzz_text(c), make_anything(c, depth - 1));
		return json;
	}
}

static const char *
some_command(struct fuzz_case *c)
{
	static const char *const commands[] = {"true", "exit 3", "echo hello", "stderr hello", "cat", "cat", "cat",
	    "sink", "sleep 0.05", "sleep 1", "stubborn 0.2", "flood 5000", "flood 1000000", "hang", "signal TERM",
	    "no-status", "show version", "show running-config", "show interfaces", "show lines 200",
	    "show bytes 200000", "show nothing", "enable", "disable", "exit", "configure terminal", "hostname x",
	    "interface Ethernet0", "end", "write memory", "reload", "sim wait x", "sim silent 0.3", "sim slow 5 0.2",
	    "sim drip 30 0.2", "sim drop", "sim close", "sim hang", "sim rename y", "sim lookalike 0.1", "sim late 0.1",
	    "sim log", "sim secret", "sim ask What?", "sim questions", "banner motd #",
	    "copy running-config startup-config", "terminal length 5"};

	return fuzz_draw(c, 10) > 0 ? fuzz_pick(c, commands) : fuzz_text(c);
}

static const char *
some_devices(struct fuzz_case *c)
{
	static const char *const others[] = {
	    "@all", "*", "nosuch", "c*", "dev,cli", "x@dev", "dev:1", "", "-x", "[::1]:1"};

	return fuzz_draw(c, 8) > 0 ? fuzz_word(c) : fuzz_pick(c, others);
}

/* A device's own settings; hosts are none but our own, and no text is a command that does harm. */
static cJSON *
make_device(struct fuzz_case *c)
{
	cJSON *json;

	if (fuzz_draw(c, 6) > 0)
		return cJSON_CreateString(some_devices(c));
	json = object_of(c, &conf_device_table, 0, 12);
	cJSON_DeleteItemFromObjectCaseSensitive(json, "host");
	cJSON_AddStringToObject(json, "host", fuzz_draw(c, 4) > 0 ? "127.0.0.1" : fuzz_word(c));
	return json;
}

/* Strings by string names. */
static cJSON *
make_texts_object(struct fuzz_case *c)
{
	cJSON *json = cJSON_CreateObject();

	for (unsigned n = fuzz_draw(c, 5); n > 0; n--)
		cJSON_AddStringToObject(json, fuzz_draw(c, 2) ? "name" : fuzz_text(c), fuzz_text(c));
	return json;
}

static cJSON *
make_overrides(struct fuzz_case *c)
{
	cJSON *json = object_of(c, fuzz_draw(c, 2) ? &conf_args_table : &conf_device_table, 0, 25);

	cJSON_DeleteItemFromObjectCaseSensitive(json, "host");
	return json;
}

static cJSON *
make_answers(struct fuzz_case *c)
{
	static const char *const matches[] = {"confirm", ".*", "\\?", "[yes/no]", "(", "What"};
	cJSON *json = cJSON_CreateArray(), *one;

	for (unsigned n = fuzz_draw(c, 4); n > 0; n--) {
		cJSON_AddItemToArray(json, one = cJSON_CreateObject());
		cJSON_AddStringToObject(one, "match", fuzz_pick(c, matches));
		cJSON_AddStringToObject(one, "answer", fuzz_text(c));
	}
	return json;
}

static cJSON *
make_commands(struct fuzz_case *c)
{
	cJSON *json = cJSON_CreateArray();

	for (unsigned n = 1 + fuzz_draw(c, 6); n > 0; n--)
		cJSON_AddItemToArray(json, cJSON_CreateString(some_command(c)));
	return json;
}

/* The kinds that are more than a value, by the name of their row; any other is told by its type. */
static cJSON *
make_kind(struct fuzz_case *c, const struct schema_row *row)
{
	static const char *const base64[] = {"dHJ1ZQ==", "Y2F0", "/////w==", "AA==", "ZWNobyAB"};
	static const char *const places[] = {
	    "127.0.0.1:1", "dev:22", "[::1]:65535", "/nonexistent/socket", "localhost:http"};

	if (strcmp(row->name, "device") == 0)
		return make_device(c);
	if (strcmp(row->name, "overrides") == 0)
		return make_overrides(c);
	if (strcmp(row->name, "command") == 0)
		return cJSON_CreateString(some_command(c));
	if (strcmp(row->name, "commands") == 0)
		return make_commands(c);
	if (strcmp(row->name, "command_base64") == 0)
		return cJSON_CreateString(fuzz_pick(c, base64));
	if (strcmp(row->name, "connect") == 0)
		return cJSON_CreateString(fuzz_pick(c, places));
	if (strcmp(row->name, "env") == 0 || strcmp(row->name, "labels") == 0)
		return make_texts_object(c);
	return strcmp(row->name, "answers") == 0 ? make_answers(c) : cJSON_CreateString(fuzz_text(c));
}

static const char *
make_text(struct fuzz_case *c, const struct schema_row *row)
{
	static const char *const signals[] = {"INT", "TERM", "KILL", "HUP", "own@example"};
	static const char *const types[] = {"cisco_ios", "linux", "juniper_junos", "nonsense", "cisco_nxos"};
	size_t n = strlen(row->name);

	if (strcmp(row->name, "name") == 0 && row->where == NOTE_SIGNAL)
		return fuzz_pick(c, signals);
	if (strcmp(row->name, "device") == 0 || strcmp(row->name, "pattern") == 0 ||
	    strcmp(row->name, "proxy_jump") == 0)
		return some_devices(c);
	if (strcmp(row->name, "device_type") == 0)
		return fuzz_pick(c, types);
	if (strcmp(row->name, "username") == 0)
		return fuzz_draw(c, 3) > 0 ? "admin" : fuzz_text(c);
	if (n > 8 && strcmp(row->name + n - 8, "_command") == 0)
		return fuzz_draw(c, 2) ? "echo admin-pw" : "exit 1";
	return fuzz_draw(c, 3) > 0 && (row->flags & SCHEMA_SECRET) ? "admin-pw" : fuzz_text(c);
}

static cJSON *
make_number(struct fuzz_case *c, const struct schema_row *row)
{
	bool seconds = row->type == SCHEMA_SECONDS;

	switch (fuzz_draw(c, 8)) {
	case 0:
		return cJSON_CreateNumber(row->min);
	case 1:
		return cJSON_CreateNumber(row->max);
	case 2:
		return cJSON_CreateNumber(row->max + 1);
	case 3:
		return cJSON_CreateNumber(row->min - 1);
	case 4:
		return cJSON_CreateNumber(row->min + fuzz_draw(c, 100000));
	default:
		return cJSON_CreateNumber(row->min + fuzz_draw(c, 40) * (seconds ? 0.05 : 1));
	}
}

static cJSON *
make_value(struct fuzz_case *c, const struct schema_row *row)
{
	cJSON *json;
	unsigned words = 0;

	if (fuzz_draw(c, 80) == 0)
		return make_anything(c, 3);
	switch (row->type) {
	case SCHEMA_BOOL:
	case SCHEMA_TRISTATE:
		return cJSON_CreateBool((int)fuzz_draw(c, 2));
	case SCHEMA_INT:
	case SCHEMA_SIZE:
	case SCHEMA_SECONDS:
		return make_number(c, row);
	case SCHEMA_WORD:
		while (row->words[words].word != NULL)
			words++;
		return cJSON_CreateString(row->words[fuzz_draw(c, words)].word);
	case SCHEMA_TEXTS:
		json = cJSON_CreateArray();
		for (unsigned n = fuzz_draw(c, 4); n > 0; n--)
			cJSON_AddItemToArray(json, cJSON_CreateString(some_devices(c)));
		return json;
	case SCHEMA_BLOCK:
	case SCHEMA_ONE:
		return object_of(c, row->table, 0, 8);
	case SCHEMA_KIND:
		return make_kind(c, row);
	default:
		return cJSON_CreateString(make_text(c, row));
	}
}

/* Rows that apply, one in so many; those that are required nearly always. */
static cJSON *
object_of(struct fuzz_case *c, const struct schema_table *table, unsigned where, unsigned one_in)
{
	cJSON *json = cJSON_CreateObject();

	for (size_t i = 0; i < table->count; i++) {
		const struct schema_row *row = &table->rows[i];
		bool required = (row->flags & SCHEMA_REQUIRED) != 0;

		if ((where != 0 && (row->where & where) == 0) || row->type == SCHEMA_APART)
			continue;
		if (required ? fuzz_draw(c, 100) > 0 : fuzz_draw(c, one_in) == 0)
			cJSON_AddItemToObject(json, row->name, make_value(c, row));
	}
	if (fuzz_draw(c, 100) == 0)
		cJSON_AddItemToObject(json, fuzz_text(c), make_anything(c, 2));
	return json;
}

/* ---- what is sent ---- */

/* data is repeated up to its size. */
static void
send_json(struct fuzz_case *c, cJSON *json, size_t data_size)
{
	static uint8_t data[FRAME_DATA_MAX];
	char *text = cJSON_PrintUnformatted(json);
	size_t before = c->out.len;

	memset(data, 'd', sizeof(data));
	if (frame_append(&c->out, text, strlen(text), data, data_size) == -1)
		c->broken = true;
	else if (!c->polite && fuzz_draw(c, 25) == 0)
		fuzz_spoil(c, before);
	cJSON_free(text);
	cJSON_Delete(json);
}

/* A new one, or one that was used already. */
static struct fuzz_id *
some_id(struct fuzz_case *c)
{
	struct fuzz_id *id = &c->ids[c->ids_count];

	if (c->ids_count == FUZZ_IDS || (c->ids_count > 0 && fuzz_draw(c, 12) == 0))
		return &c->ids[fuzz_draw(c, (unsigned)c->ids_count)];
	*id = (struct fuzz_id){.due = 0};
	if (fuzz_draw(c, 4) > 0)
		snprintf(id->text, sizeof(id->text), "%d", c->ids_count);
	else
		snprintf(id->text, sizeof(id->text), "\"%.*s%d\"", (int)fuzz_draw(c, 60),
		    "................................................................", c->ids_count);
	c->ids_count++;
	return id;
}

static void
send_request(struct fuzz_case *c)
{
	const char *method = verbs[fuzz_draw(c, c->all->protocol == &fuzz_ask ? WORKING : NP_COUNT(verbs))];
	const struct verb *verb = broker_verb(method);
	struct fuzz_id *id = some_id(c);
	cJSON *json = cJSON_CreateObject();

	if (verb == NULL) {
		fuzz_complain(c, "there is no method %s", method);
		exit(1);
	}
	cJSON_AddStringToObject(json, "jsonrpc", "2.0");
	cJSON_AddRawToObject(json, "id", id->text);
	cJSON_AddStringToObject(json, "method", fuzz_draw(c, 60) > 0 ? method : fuzz_text(c));
	cJSON_AddItemToObject(json, "params",
	    object_of(c, verb->makes != NULL ? &params_table : &ask_table, verb->params, verb->makes != NULL ? 14 : 4));
	if (*cJSON_GetObjectItemCaseSensitive(json, "method")->valuestring == '\0')
		c->broken = true; /* no request */
	/* Where one of this id may be under way, whose credit it is cannot be known. */
	id->twice = id->due > 0;
	id->credit = 0;
	id->lend = false;
	id->lent = id->lent && id->twice;
	id->due++;
	send_json(c, json, fuzz_draw(c, 80) == 0 ? 10 : 0);
}

static void
send_note(struct fuzz_case *c)
{
	unsigned which = fuzz_draw(c, NP_COUNT(notes)), size = fuzz_draw(c, FRAME_DATA_MAX + 1);
	struct fuzz_id *id = c->ids_count > 0 ? &c->ids[fuzz_draw(c, (unsigned)c->ids_count)] : NULL;
	bool overrun = !c->polite && fuzz_draw(c, 20) == 0, lends = notes[which].kind == NOTE_LEND;
	cJSON *json, *params;

	if (id == NULL || (lends && !id->lend && !overrun) || (id->lent && notes[which].kind == NOTE_STDIN && !overrun))
		return;
	if (notes[which].kind != NOTE_STDIN)
		size = overrun ? size : 0;
	else if (!overrun && size > id->credit)
		size = (unsigned)id->credit;
	id->credit -= notes[which].kind == NOTE_STDIN && size <= id->credit ? size : 0;
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "jsonrpc", "2.0");
	cJSON_AddStringToObject(json, "method", notes[which].name);
	cJSON_AddItemToObject(json, "params", params = object_of(c, &note_table, notes[which].kind, 2));
	cJSON_AddRawToObject(params, "id", id->text);
	if (id->prompt > 0 && notes[which].kind == NOTE_ANSWER && fuzz_draw(c, 5) > 0) {
		cJSON_DeleteItemFromObjectCaseSensitive(params, "prompt_id");
		cJSON_AddNumberToObject(params, "prompt_id", (double)id->prompt);
	}
	c->broken |= overrun;
	if (lends) {
		id->lend = false;
		id->lent = true;
		id->credit = 0;
		fuzz_attach(c);
	}
	/* What is wrong in a notification ends the connection: whether it is, the table says. */
	if (notes[which].kind != 0) {
		struct note_params p = {.name = NULL};
		struct np_error err;
		if (params_read(&note_table, notes[which].kind, params, &p, &err) == -1)
			c->broken = true;
		schema_free(&note_table, &p);
	}
	send_json(c, json, size);
}

static void
send_nonsense(struct fuzz_case *c)
{
	static const char *const texts[] = {"[]", "{}", "null", "\"x\"", "{\"jsonrpc\":\"2.0\"}",
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"method\":\"ping\"}",
	    "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]",
	    "{\"jsonrpc\":\"2.0\",\"id\":1e999,\"method\":\"ping\"}",
	    "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
	    "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1}}",
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[1]}", "{\"a\":\"\xff\xfe\"}",
	    "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}", "{\"jsonrpc\":\"2.0\",\"method\":\"exec\"}",
	    "{\"jsonrpc\":\"2.0\",\"method\":\"cancel\"}"};
	static const uint32_t sizes[] = {
	    0, 1, 8, 65535, 65536, 65537, 1048576, 1048577, 0x7fffffff, 0x80000000, 0xffffffff};
	const char *text = fuzz_pick(c, texts);
	unsigned depth;

	c->broken = true;
	switch (fuzz_draw(c, 4)) {
	case 0:
		if (buf_append_u32(&c->out, fuzz_pick(c, sizes)) == -1 ||
		    buf_append_u32(&c->out, fuzz_pick(c, sizes)) == -1 || buf_append(&c->out, text, strlen(text)) == -1)
			abort();
		break;
	case 1: /* deep, or many */
		depth = fuzz_draw(c, 2) ? 33 : 100001;
		if (buf_append_u32(&c->out, 2 * depth) == -1 || buf_append_u32(&c->out, 0) == -1)
			abort();
		for (unsigned i = 0; i < 2 * depth; i++)
			if (buf_append(&c->out,
				depth > 50  ? (i % 2       ? ","
						  : i == 0 ? "["
							   : "1")
				: i < depth ? "["
					    : "]",
				1) == -1)
				abort();
		break;
	default:
		if (frame_append(&c->out, text, strlen(text), NULL, 0) == -1)
			abort();
	}
}

static void
step(struct fuzz_case *c)
{
	unsigned what = fuzz_draw(c, 100);

	if (!c->polite && fuzz_draw(c, 30) == 0)
		for (unsigned n = 1 + fuzz_draw(c, 4); n > 0; n--)
			fuzz_attach(c); /* unasked */
	if (what < 50 || c->ids_count == 0)
		send_request(c);
	else if (what < 97 || c->polite)
		send_note(c);
	else
		send_nonsense(c);
}

static void
finish(struct fuzz_case *c)
{
	for (int i = 0; i < c->ids_count; i++) {
		cJSON *json = cJSON_CreateObject();
		cJSON_AddStringToObject(json, "jsonrpc", "2.0");
		cJSON_AddStringToObject(json, "method", "cancel");
		cJSON_AddRawToObject(cJSON_AddObjectToObject(json, "params"), "id", c->ids[i].text);
		send_json(c, json, 0);
	}
}

/* ---- what comes ---- */

static void
take_note(struct fuzz_case *c, const struct message *m)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(m->params, "id");
	char *text = id != NULL ? cJSON_PrintUnformatted(id) : NULL;
	struct fuzz_id *of = text != NULL ? fuzz_find(c, text) : NULL;
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(m->params, "prompt_id");

	if (text != NULL && (of == NULL || of->due == 0) && !c->broken)
		fuzz_complain(c, "a %s for %s, which has been answered", m->method, text);
	if (of != NULL && value != NULL)
		of->prompt = (uint64_t)value->valuedouble;
	value = cJSON_GetObjectItemCaseSensitive(m->params, "bytes");
	if (of != NULL && !of->twice && value != NULL && strcmp(m->method, "credit") == 0) {
		of->credit += value->valuedouble;
		of->lend |= cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(m->params, "lend"));
	}
	cJSON_free(text);
}

static void
take_answer(struct fuzz_case *c, const struct message *m)
{
	cJSON *id = message_id_to_json(&m->id);
	char *text = cJSON_PrintUnformatted(id);
	struct np_error err = {.text = ""};

	if (m->kind == MESSAGE_ERROR) {
		message_error_read(m->error, &err);
		c->told |= strstr(err.text, "killed by the operator") != NULL;
		if (err.text[0] == '\0' ||
		    (err.reason == REASON_INTERNAL && strstr(err.text, "socket for ssh") == NULL))
			fuzz_complain(c, "%s has an odd answer: %s: %s", text, reason_name(err.reason), err.text);
	}
	if (m->id.kind != MESSAGE_ID_NULL)
		fuzz_answered(c, text);
	else if (!c->broken)
		fuzz_complain(c, "closed, as it were: %s", err.text);
	c->told |= m->id.kind == MESSAGE_ID_NULL;
	cJSON_free(text);
	cJSON_Delete(id);
}

static bool
take(struct fuzz_case *c)
{
	struct frame frame;
	struct message m;
	struct np_error err;
	enum frame_status status = frame_peek(buf_head(&c->in), c->in.len, &frame, &err);

	if (status == FRAME_MORE)
		return false;
	if (status == FRAME_BAD || message_parse(frame.json, frame.json_size, &m, &err) == -1) {
		fuzz_complain(c, "no message: %s", err.text);
		buf_consume(&c->in, c->in.len);
		return false;
	}
	fuzz_show(c, "got", frame.json, frame.json_size);
	if (m.kind == MESSAGE_NOTIFICATION)
		take_note(c, &m);
	else
		take_answer(c, &m);
	message_finish(&m);
	buf_consume(&c->in, frame.total);
	return true;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
fuzz_verbs(void)
{
	const char *sorted[NP_COUNT(verbs)];

	memcpy(sorted, verbs, sizeof(verbs));
	qsort(sorted, NP_COUNT(sorted), sizeof(sorted[0]), compare);
	for (size_t i = 0; i < NP_COUNT(sorted); i++)
		if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
			puts(sorted[i]);
}

static void
path(struct fuzz_case *c, char *where, size_t size)
{
	snprintf(where, size, "%s", c->all->where);
}

const struct fuzz_protocol fuzz_ask = {"ask", path, step, take, finish};
const struct fuzz_protocol fuzz_rpc = {"rpc", path, step, take, finish};
