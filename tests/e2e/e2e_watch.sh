#!/bin/sh
# npctl watch: everything that happens, in order, with ids that grow; a slow watcher is told what it missed.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_sshd other
add_host nobody 1
start_broker 'devices:
  dev: {}
  other: {}
  nobody: {}'

# watch FILE [ARGUMENT...]: starts one and waits until it is told everything; its pid in $watcher.
watch()
{
	_file=$1
	shift
	npctl watch "$@" >"$_file" 2>"$_file.err" </dev/null &
	watcher=$!
	wait_until "grep -q '\"event\":\"watching\"' $_file"
}

# events FILE FILTER: of the events in FILE, in jq.
seen()
{
	jq -r "$2" "$1"
}

# ---- the life of a session and of a request ----

ok "a watcher is told that it is one" watch "$T/all"
all=$watcher
ok "another for one device" watch "$T/one" dev
one=$watcher
is "$(seen "$T/all" 'select(.event == "watching") | .id | type')" number "with the id of the last event"

run npexec dev 'echo hello; exit 3'
is "$status" 3 "a command"
run npexec other true
npctl close other --now >/dev/null
npctl sync
ok "the events of it come" wait_until "grep -q session_down $T/all"
is "$(seen "$T/all" 'select(.device == "dev" and .event == "state") | "\(.from)>\(.to)"' | tr '\n' ' ')" \
	'idle>connecting connecting>executing executing>connected ' "every state of the device"
like "$(seen "$T/all" 'select(.device == "other" and .event == "state") | .to' | tr '\n' ' ')" \
	'^connecting executing connected (disconnected )?idle $' "and of one that was closed"
is "$(seen "$T/all" 'select(.device == "dev" and .event != "state") | .event' | tr '\n' ' ')" \
	'request_queued session_up request_started command_ended request_ended ' "a request from its queue to its end"
request=$(seen "$T/all" 'select(.device == "dev" and .event == "request_queued") | .request')
is "$(seen "$T/all" "select(.request == $request) | .event" | sort | tr '\n' ' ')" \
	'command_ended request_ended request_queued request_started ' "all of it by the number of the request"
is "$(seen "$T/all" "select(.request == $request and .event == \"request_ended\") | .outcome, .exit_status, .kind, .bytes_out" |
	tr '\n' ' ')" 'done 3 exec 6 ' "how it ended"
is "$(seen "$T/all" "select(.request == $request and .event == \"request_queued\") | .program, .uid" | tr '\n' ' ')" \
	"npexec $uid " "who asked"
is "$(seen "$T/all" 'select(.event == "session_up" and .device == "dev") | .user, .port, (.auth | split(" ")[0])' | tr '\n' ' ')" \
	"$me $port_dev publickey " "a session: where and how it is logged in"
is "$(seen "$T/all" 'select(.event == "session_down") | .device, .commands' | tr '\n' ' ')" 'other 1 ' "a closed session"
is "$(seen "$T/all" 'select(.event == "steering") | .action, .device, .program' | tr '\n' ' ')" \
	'close --now other npctl ' "who closed it"
unlike "$(cat "$T/all")" 'hello' "commands are not told"
like "$(seen "$T/all" 'select(.event == "session_up") | .time' | head -n 1)" \
	'^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$' "the time of day"
is "$(seen "$T/all" 'select(.id) | .id' | sort -n -u | tr '\n' ' ')" \
	"$(seen "$T/all" 'select(.id) | .id' | tr '\n' ' ')" "ids grow"
is "$(seen "$T/all" 'select(.id) | .id' | tail -n 1)" "$(status .broker.event_id)" "status tells the last one"

# ---- one device ----

is "$(seen "$T/one" 'select(.event != "watching") | .device' | sort -u)" dev "one device: no other is told of"
is "$(seen "$T/one" 'select(.event != "watching") | .id' | tr '\n' ' ')" \
	"$(seen "$T/all" 'select(.device == "dev") | .id' | tr '\n' ' ')" "and all of it"
run npctl watch no_such_device
is "$status" 1 "a device that nobody knows"
like "$err" 'no_such_device' "is named"

# ---- what goes wrong ----

run npexec nobody true
ok "a failed attempt" wait_until "grep -q 'login_failed' $T/all"
is "$(seen "$T/all" 'select(.event == "login_failed") | .device, .reason' | tr '\n' ' ')" 'nobody connect_failed ' \
	"login_failed says which and why"
is "$(seen "$T/all" 'select(.event == "state" and .to == "failed") | .reason, (.retry_in | type)' | tr '\n' ' ')" \
	'connect_failed number ' "the state failed: why, and when the next attempt is"
is "$(seen "$T/all" 'select(.event == "request_ended" and .device == "nobody") | .outcome')" connect_failed \
	"the request that waited for it"
echo '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"x","tiemout":1}}' | nprpc >/dev/null
ok "a refused request" wait_until "grep -q '\"refused\"' $T/one"
is "$(seen "$T/one" 'select(.event == "refused") | .method, .reason, .program' | tr '\n' ' ')" \
	'exec invalid_params nprpc ' "what was refused to whom"
write_config 'devices: {dev: {}, other: {}, x: {bogus: 1}}'
run npctl reload
ok "a bad file" wait_until "grep -q '\"event\":\"reload\"' $T/one"
like "$(seen "$T/one" 'select(.event == "reload") | .message')" 'config.yaml:[0-9]+: .*bogus' "is told with its place"
write_config 'devices: {dev: {}, other: {}, nobody: {}}'
kill -HUP "$broker_pid"
ok "a reload by HUP" wait_until "[ \$(grep -c '\"event\":\"reload\"' $T/one) = 2 ]"

# ---- several commands ----

npexec -e true -e false -e true dev >/dev/null
ok "several commands" wait_until "grep -q '\"index\":2' $T/one"
is "$(seen "$T/one" 'select(.event == "command_ended" and .index != null) | "\(.index):\(.exit_status)"' | tr '\n' ' ')" \
	'0:0 1:1 2:0 ' "each with its status"
is "$(seen "$T/one" 'select(.event == "request_ended" and .count == 3) | .failed')" 1 "and the request with the failures"

# ---- a watcher that does not read ----

kill "$one"
wait_for "$one" 2>/dev/null
kill -STOP "$all"
last=$(tail -n 1 "$T/all" | jq .id)
rss=$(rss_kb "$broker_pid")
i=0
while [ $i -lt 8000 ]; do
	echo '{"jsonrpc":"2.0","id":1,"method":"no_such_method_that_has_a_long_name"}'
	i=$((i + 1))
done >"$T/flood"
before=$(status .broker.event_id)
nprpc <"$T/flood" >"$T/flood.out" 2>&1
is "$(grep -c unknown_method "$T/flood.out")" 8000 "while it sleeps others are served"
flooded=$(($(status .broker.event_id) - before))
ok "and everything is an event" [ "$flooded" -ge 8000 ]
memory_at_most "$(rss_kb "$broker_pid")" $((rss + 4000)) "which costs no memory"
run npexec dev 'echo quick'
is "$out" quick "the device answers"
kill -CONT "$all"
ok "awake again it is told what it missed" wait_until "grep -q '\"event\":\"missed\"' $T/all"
npexec other true
ok "and all that follows" wait_until "tail -n 5 $T/all | grep -q '\"device\":\"other\"'"
last_now=$(status .broker.event_id)
ok "it has read everything" wait_until "[ \"\$(tail -n 1 $T/all | jq .id)\" = $last_now ]"
missed=$(seen "$T/all" 'select(.event == "missed") | .count' | awk '{ n += $1 } END { print n }')
got=$(seen "$T/all" "select(.id > $last) | .id" | sort -u | wc -l)
is $((missed + got)) $((last_now - last)) "what it was told and what it missed is all that happened"
is "$(seen "$T/all" 'select(.id) | .id' | sort -n -u | tr '\n' ' ')" \
	"$(seen "$T/all" 'select(.id) | .id' | tr '\n' ' ')" "in order"

# ---- by the protocol ----

printf '%s\n' '{"jsonrpc":"2.0","id":"w","method":"watch","params":{}}' '!wait "watching"' \
	'{"jsonrpc":"2.0","id":"w","method":"ping"}' '!wait still in use' \
	'{"jsonrpc":"2.0","method":"cancel","params":{"id":"w"}}' '!wait "cancelled"' \
	'{"jsonrpc":"2.0","id":"w","method":"ping"}' >"$T/lines"
run nprpc <"$T/lines"
is "$status" 0 "a watch is cancelled, and its id free again"
like "$out" '"id":"w","result":\{"version"' "which a ping shows"
{
	for i in 1 2 3 4 5 6 7 8 9; do
		echo "{\"jsonrpc\":\"2.0\",\"id\":$i,\"method\":\"watch\"}"
		echo '!wait "watching"'
		[ $i -lt 8 ] || break
	done
	echo '{"jsonrpc":"2.0","id":9,"method":"watch"}'
	echo '!wait "error"'
	echo '!close'
} >"$T/lines"
run nprpc <"$T/lines"
like "$out" '"id":9,"error".*queue_full' "a connection has a limit of watches"
run npctl watch dev other
is "$status" 2 "two devices are a usage error"

# ---- the end ----

ok "a watcher that reads" watch "$T/end"
end=$watcher
kill -STOP "$all"
nprpc <"$T/flood" >"$T/flood.out" 2>&1
# One that is behind when the broker ends is told no more.
last_now=$(status .broker.event_id)
wait_until "[ \"\$(tail -n 1 $T/end | jq .id)\" = $last_now ]"
start=$(now_ms)
ok "a watcher that sleeps does not hold up the broker's end" stop_broker
at_most $(($(now_ms) - start)) "$(slow 8)000" "for long"
wait_for "$end"
is $? 0 "one that reads ends well when the broker has ended as it should"
is "$(seen "$T/end" 'select(.event == "stopping") | .action')" now "stopping is told"
is "$(seen "$T/end" 'select(.event == "session_down") | .device' | sort | tr '\n' ' ')" 'dev other ' \
	"and the sessions that it ended"
kill -CONT "$all"
wait_for "$all"
is $? 1 "the one that slept knows only that the connection is lost"
done_testing
