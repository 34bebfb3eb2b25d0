#!/bin/sh
# Arbitrary clients on the socket: truncated, oversized, malformed; each is told, none disturbs another.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_broker
npexec dev true
fds=$(count_fds "$broker_pid")

# rpc LINE...: sends them; the answers in $out.
rpc()
{
	printf '%s\n' "$@" >"$T/lines"
	run nprpc <"$T/lines"
}

# answers JQ-ARGUMENT...: the JSON lines of $out.  (echo would understand the backslashes in them.)
answers()
{
	printf '%s\n' "$out" | grep -v '^#' | jq "$@"
}

# ---- the protocol as it should be used ----

rpc '{"jsonrpc":"2.0","id":1,"method":"ping"}'
is "$status" 0 "ping is answered"
is "$(answers -c 'select(.method == "hello") | [.params.protocol, (.params.pid | type)]')" '[1,"number"]' "hello comes first"
is "$(answers -r 'select(.id == 1) | .result.pid')" "$broker_pid" "ping says who answers"
rpc '!bytewise' '{"jsonrpc":"2.0","id":"a","method":"ping"}' '{"jsonrpc":"2.0","id":"b","method":"sync"}'
is "$(answers -r 'select(has("result")) | .id' | sort | tr '\n' ' ')" 'a b ' "byte by byte, with string ids"
rpc '{"jsonrpc":"2.0","id":7,"method":"exec","params":{"device":"dev","command":"cat","capture":true}}' \
	'!wait "credit"' '!data hello\n' '{"jsonrpc":"2.0","method":"stdin","params":{"id":7}}' \
	'{"jsonrpc":"2.0","method":"eof","params":{"id":7}}'
is "$(answers -r 'select(.id == 7) | .result.stdout')" hello "exec with standard input, captured"
rpc '{"jsonrpc":"2.0","id":7,"method":"exec","params":{"device":"dev","command":"cat; echo end","capture":true,"no_stdin":true}}'
is "$(answers -r 'select(.id == 7) | .result.stdout')" end "no_stdin: a command that reads does not wait for eof"
rpc '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"echo one"}}' \
	'{"jsonrpc":"2.0","id":2,"method":"exec","params":{"device":"dev","command":"echo two"}}'
like "$out" '^#data 4 one' "two requests at once: the first's output"
like "$out" '^#data 4 two' "and the second's"
rpc '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"sleep 20"}}' '!wait "credit"' \
	'{"jsonrpc":"2.0","method":"cancel","params":{"id":1}}'
is "$(answers -r 'select(.id == 1) | .error.data.reason')" cancelled "a cancelled request"
rpc '{"jsonrpc":"2.0","method":"no_such_notification","params":{"x":1}}' '{"jsonrpc":"2.0","id":1,"method":"ping"}'
is "$(answers -r 'select(.id == 1) | .result.pid')" "$broker_pid" "unknown notifications are ignored"

# ---- requests that are wrong ----

# wrong REASON NAME LINE
wrong()
{
	rpc "$3" '!wait "error"'
	is "$(answers -r 'select(has("error")) | .error.data.reason')" "$1" "$2: $1"
}
wrong unknown_method "a method that does not exist" '{"jsonrpc":"2.0","id":1,"method":"bogus"}'
wrong invalid_params "no device" '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"command":"x"}}'
wrong invalid_params "an unknown parameter" \
	'{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"x","tiemout":1}}'
like "$out" 'tiemout' "which is named"
wrong invalid_params "a wrong type" \
	'{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":["x"]}}'
wrong invalid_params "a hostile operand" \
	'{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"-oProxyCommand=x","command":"x"}}'
wrong invalid_params "a bad key of a device" \
	'{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":{"host":"h","prot":1},"command":"x"}}'
wrong invalid_request "no jsonrpc member" '{"id":1,"method":"ping"}'
wrong invalid_params "brief must be a boolean" '{"jsonrpc":"2.0","id":1,"method":"status","params":{"brief":1}}'

npexec -e true -e true dev
rpc '{"jsonrpc":"2.0","id":1,"method":"status","params":{"brief":true}}'
is "$(answers -c '.result | [keys, (.devices[] | select(.device == "dev") | .commands >= 2, has("list"))]')" \
	'[["broker","devices"],true,false]' "a brief status counts commands and leaves off what is long"

# breaks NAME LINE...: the connection is ended with an error of id null.
breaks()
{
	_name=$1
	shift
	rpc "$@" '!eof'
	is "$(answers -c 'select(has("error")) | [.id, .error.data.reason]')" '[null,"parse_error"]' \
		"$_name: parse_error with id null"
	is "$(printf '%s\n' "$out" | tail -n 1)" '#closed' "$_name: the connection is closed"
}
breaks "not JSON" 'hello world'
breaks "half an object" '{"jsonrpc":"2.0",'
breaks "JSON of size 0" '!header 0 0'
breaks "a JSON size of 4 GiB" '!header 4294967295 0'
breaks "JSON one byte too large" '!header 1048577 0'
breaks "data one byte too large" '!header 10 65537'
breaks "text of another protocol" '!raw 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a'
breaks "invalid UTF-8" '!header 2 0' '!raw ff fe'
breaks "a deep nest" "$(awk 'BEGIN { for (i = 0; i < 100000; i++) printf "["; print "" }')"

# ---- clients that stop in the middle ----

printf '%s\n' '!part 12' '{"jsonrpc":"2.0","id":1,"method":"ping"}' '!hold' | nprpc >/dev/null &
half=$!
printf '%s\n' '!header 1000000 60000' '!hold' | nprpc >/dev/null &
greedy=$!
ok "clients that hold half a frame" wait_until '[ "$(status ".broker.peers")" -ge 2 ]'
ok "do not disturb others" npexec dev true
kill -KILL $half $greedy
printf '%s\n' '!part 30' '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"touch '"$T"'/ran"}}' '!close' |
	nprpc >/dev/null 2>&1
npctl ping >/dev/null
ok "a truncated request is not run" [ ! -e "$T/ran" ]

# Standard input beyond what was granted: more than the command's start grants and than the server's window takes.
{
	echo '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"sleep 20"}}'
	for _ in $(seq 80); do
		printf '%s\n' '!data-size 65536' '{"jsonrpc":"2.0","method":"stdin","params":{"id":1}}'
	done
	echo '!eof'
} >"$T/lines"
run nprpc -t 10 <"$T/lines"
like "$out" '"error"' "standard input without credit is a violation"

# What a notification says wrongly concerns a request that would otherwise wait for ever.
wrong_note()
{
	rpc '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"cat /dev/zero","window":1}}' \
		'!wait "credit"' "{\"jsonrpc\":\"2.0\",\"method\":$1}" '!wait "error"'
	is "$(answers -r 'select(has("error")) | [.id, .error.data.reason] | tostring')" '[null,"invalid_params"]' "$2"
	like "$out" "notification .*$3" "and named"
}
wrong_note '"credit","params":{"id":1,"bytes":9007199254740992}' "a credit of 2^53 is a violation" bytes
wrong_note '"credit","params":{"id":1,"bytes":-1}' "a credit of -1" bytes
wrong_note '"credit","params":{"id":1,"bytes":"x"}' "a credit that is no number" bytes
wrong_note '"credit","params":{"id":1}' "no number at all" bytes
wrong_note '"signal","params":{"id":1,"name":"NOPE"}' "a signal of no such name" name
wrong_note '"resize","params":{"id":1,"cols":80,"rows":-1}' "a terminal of less than nothing" rows
wrong_note '"resize","params":{"id":1,"cols":80}' "one of half a size" rows
wrong_note '"answer","params":{"id":1,"prompt_id":1,"value":7}' "an answer that is no string" value
wrong_note '"cancel","params":{}' "a cancel of nothing" id
wrong_note '"credit","params":{"id":9,"bytes":-1}' "a wrong one for a request that has ended" bytes

rpc '{"jsonrpc":"2.0","method":"credit","params":[1]}' '!eof'
is "$(answers -r 'select(has("error")) | [.id, .error.data.reason] | tostring')" '[null,"invalid_params"]' "params that are no object"
is "$(printf '%s\n' "$out" | tail -n 1)" '#closed' "are the end of the connection"

# Of whatever is in flight: a request, a watch, what is answered later.
wrong_of()
{
	rpc "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\"}" \
		'{"jsonrpc":"2.0","id":2,"method":"exec","params":{"device":"dev","command":"sleep 20"}}' \
		"{\"jsonrpc\":\"2.0\",\"method\":$2}" '!wait "id":null'
	is "$(answers -r 'select(has("error") and .id == null) | .error.data.reason')" "$3" "$1: $2"
}
wrong_of watch '"credit","params":{"id":1,"bytes":-1}' invalid_params
wrong_of reload '"signal","params":{"id":1,"name":"NOPE"}' invalid_params
wrong_of sync '"answer","params":{"id":1,"prompt_id":0}' invalid_params
rpc '{"jsonrpc":"2.0","id":1,"method":"watch"}' '!data-size 5' '{"jsonrpc":"2.0","method":"stdin","params":{"id":1}}' '!eof'
is "$(answers -r 'select(has("error")) | .error.data.reason')" invalid_request "a watch has no standard input"
rpc '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"stty size; read x; stty size","pty":true,"cols":90,"rows":30}}' \
	'!wait "stdout"' '{"jsonrpc":"2.0","method":"resize","params":{"id":1,"cols":0,"rows":0}}' \
	'{"jsonrpc":"2.0","method":"resize","params":{"id":1,"cols":100,"rows":0,"newer":true}}' \
	'!data go\n' '{"jsonrpc":"2.0","method":"stdin","params":{"id":1}}'
is "$(printf '%s\n' "$out" | grep -oE '30 [0-9]+' | tr '\n' ,)" '30 90,30 100,' \
	"a terminal that does not know its size, or half of it, stays as it was"

# Params of what is asked of the broker itself: named, with what is allowed.
bad_param()
{
	rpc "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":$1}" '!wait "error"'
	like "$(answers -r 'select(has("error")) | .error.message')" "$2" "$1"
}
bad_param '"kill"' '`id` is missing'
bad_param '"kill","params":{"id":0}' '`id` must be a whole number from 1 to'
bad_param '"close","params":{"all":1}' '`all` must be true or false'
bad_param '"close","params":{"all":true,"all":true}' '`all` is given twice'
bad_param '"close","params":{"all":true,"text":"x"}' 'unknown param `text`'
bad_param '"drain","params":{"all":true,"nwo":true}' 'unknown param `nwo`: did you mean `now`|unknown param `nwo`'
bad_param "\"disable\",\"params\":{\"device\":\"dev\",\"text\":\"$(printf %160s x)\"}" '`text`: longer than 159 bytes'
bad_param '"reconnect","params":{"device":"dev","agent_socket":"agent"}' '`agent_socket` must be an absolute path'
bad_param '"status","params":{"devices":"dev"}' '`devices` must be a list'
bad_param '"status","params":{"page":"","limit":0}' '`limit` must be a whole number from 1 to 100000'
bad_param '"devices"' '`pattern` is missing'
bad_param '"metrics","params":{"labels":{"9x":"y"}}' '`9x` is no name of a label'
bad_param '"ping","params":{"x":1}' 'unknown param `x`'

# Reloads without end: answered all, carried out as often as leaves time for the others.
before=$(npctl metrics | sed -n 's/^netpulse_reloads_total{result="done"} //p')
{
	awk 'BEGIN { for (i = 1; i <= 2000; i++) printf "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"reload\"}\n", i }'
	echo '!wait "id":2000,"result"'
} >"$T/reloads"
nprpc -t 60 <"$T/reloads" >"$T/reloaded" 2>&1 &
reloads=$!
ok "a command beside 2000 reloads" npexec dev true
wait_for "$reloads"
is "$(grep -c '"result"' "$T/reloaded")" 2000 "which are all answered"
done=$(($(npctl metrics | sed -n 's/^netpulse_reloads_total{result="done"} //p') - before))
ok "equal ones are one: $done were carried out" [ "$done" -ge 1 -a "$done" -le 1000 ]

# A client that only talks: many requests, no answer read.
{
	echo '!noread'
	awk 'BEGIN { for (i = 1; i <= 60000; i++) printf "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"status\"}\n", i }'
} >"$T/many"
nprpc -t 2 <"$T/many" >/dev/null 2>"$T/err" &
talker=$!
ok "a client that reads no answers does not disturb others" npexec dev true
wait_for $talker
is $? 3 "it is not read any more"
memory_at_most "$(peak_kb "$broker_pid")" 120000 "and costs bounded memory"

# Answers that come later wait in no queue; they are bounded all the same, and go with their client.
npexec dev 'echo up; sleep 100' >"$T/up" </dev/null 2>/dev/null &
holder=$!
ok "a command runs" wait_until '[ -s "$T/up" ]'
{
	awk 'BEGIN { for (i = 1; i <= 33; i++)
		printf "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"reconnect\",\"params\":{\"all\":true,\"wait\":true}}\n", i }'
	echo '!wait "id":33'
	echo '!close'
} >"$T/lines"
run nprpc -t 10 <"$T/lines"
is "$(echo "$out" | grep -c '"reason":"queue_full"')" 1 "32 answers may be outstanding, one more is refused"
kill -KILL $holder
wait_for $holder 2>/dev/null
npctl sync
ok "sessions come and go as before" npexec dev true

ok "random bytes for a client" sh -c "head -c 100000 /dev/urandom | socat -t1 - UNIX-CONNECT:$NETPULSE_SOCKET >/dev/null 2>&1; npctl ping"
broker_is_back "$fds" 60000
# What is answered later is answered also when the broker ends first.
rpc '{"jsonrpc":"2.0","id":1,"method":"reload"}' '{"jsonrpc":"2.0","id":2,"method":"reload"}' \
	'{"jsonrpc":"2.0","id":3,"method":"sync"}' '{"jsonrpc":"2.0","id":4,"method":"stop"}'
is "$(answers -r 'select(has("result") or has("error")) | .id' | sort | tr '\n' ' ')" '1 2 3 4 ' "a stop leaves no answer out"
ok "the broker ends well" wait_for "$broker_pid"
broker_pid=
done_testing
