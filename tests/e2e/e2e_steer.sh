#!/bin/sh
# Steering: pause, resume, disable, enable, drain, reconnect, close, kill.  Nothing that runs is cut but by close --now
# and kill.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_sshd other
add_host late "$port_dev"
start_broker '
devices:
  dev: {groups: [core, lab], connection_args: {max_connections: 2, max_channels: 4}}
  other: {groups: [core]}
  late: {groups: [lab]}
'
device() { status ".devices[] | select(.device == \"$1\") | $2"; }
session() { npexec -j "$1" true | jq -r .session; }

# hold DEVICE: a command that runs until $T/go exists; $holder, output in $T/up.
hold()
{
	rm -f "$T/go" "$T/up"
	npexec "$1" "echo up; until [ -e $T/go ]; do sleep 0.05; done; echo end" >"$T/up" 2>"$T/up.err" </dev/null &
	holder=$!
	wait_until '[ -s "$T/up" ]' 60 || {
		diag "$(cat "$T/up.err")" "$(npctl status)"
		return 1
	}
}
released()
{
	: >"$T/go"
	wait_for $holder && [ "$(tail -n 1 "$T/up")" = end ]
}

# ---- pause and resume ----

npexec dev true
ok "a command runs" hold dev
is "$(npctl pause dev)" "dev: paused; 1 session ends when what runs there has ended" "pause says what becomes of it"
is "$(npctl pause dev)" "dev: already paused; 1 session ends when what runs there has ended" "a second pause changes nothing"
later queued npexec dev 'echo served'
ok "a new command waits" wait_until '[ "$(device dev .queued)" = 1 ]'
is "$(device dev .paused)" true "status shows the pause"
run npexec -o queue_timeout=0.5 dev true
like "$err" '^npexec: dev: queue_timeout: .*paused' "queue_timeout goes on while it is paused"
ok "what ran ends as it would" released
ok "its session is closed then" wait_until '[ "$(device dev .sessions)" = 0 ]'
is "$(device dev .queued)" 1 "and the other still waits"
ok "other devices do not notice" npexec other true
is "$(npctl resume dev)" "dev: resumed" "resume"
wait_for "$bg_queued"
is "$? $(cat "$T/queued.out")" "0 served" "what waited is served"
is "$(npctl resume dev)" "dev: not paused" "a second resume changes nothing"

# A pause in the middle of many commands loses none (scenario 33).
(
	i=0
	while [ $i -lt 50 ]; do
		npexec dev "echo $i" || echo "lost $i"
		i=$((i + 1))
	done >"$T/fifty" 2>&1
) &
many=$!
for _ in 1 2 3 4 5; do
	_lines=$(wc -l <"$T/fifty")
	npctl pause --wait dev >/dev/null
	npctl resume dev >/dev/null
	wait_until "[ \$(wc -l <$T/fifty) -gt $_lines ] || ! alive $many" >/dev/null
done
ok "fifty commands under five pauses end" wait_for $many 60
is "$(cat "$T/fifty")" "$(seq 0 49)" "and none of them is lost"

# Devices without a pool, pools that come later, reloads.
like "$(npctl pause @lab late)" '^2 devices: paused; ' "a group, and a name twice"
later asleep npexec late 'echo awake'
ok "a device that was never used is paused as well" wait_until '[ "$(device late .queued)" = 1 ]'
write_config '
devices:
  dev: {groups: [core, lab], connection_args: {max_connections: 2, max_channels: 4}}
  other: {groups: [core]}
  late: {connection_args: {timeout: 20}}
'
npctl reload >/dev/null
is "$(device late '[.paused, .queued]' | tr -d ' \n')" '[true,1]' "a reload changes nothing about it"
npctl resume 'l*' >/dev/null
wait_for "$bg_asleep"
is "$? $(cat "$T/asleep.out")" "0 awake" "a glob resumes it"
is "$(device dev .paused)" true "the other one is still paused"
npctl pause --all >/dev/null
npctl resume dev >/dev/null
is "$(status '[.devices[] | select(.paused).device] | sort | join(" ")')" 'late other' "all are paused but one"
npctl resume --all >/dev/null
is "$(status '[.devices[] | select(.paused)] | length')" 0 "resume --all"

# ---- disable and enable ----

ok "a command runs" hold dev
rm -f "$T/queued.err"
npctl pause dev >/dev/null
later queued npexec dev true
ok "one waits" wait_until '[ "$(device dev .queued)" = 1 ]'
is "$(npctl disable dev -m 'router upgrade until 14:00')" "dev: disabled; 1 session ends when what runs there has ended" \
	"disable"
wait_for "$bg_queued"
is "$? $(cat "$T/queued.err")" '255 npexec: dev: disabled: router upgrade until 14:00' "what waits is refused at once"
run npexec dev true
is "$status $err" '255 npexec: dev: disabled: router upgrade until 14:00' "and so is what comes"
run npctl open dev
like "$err" 'dev: disabled: router upgrade' "npctl open as well"
is "$(device dev '[.disabled, .text] | join(" ")')" 'true router upgrade until 14:00' "status shows the text"
ok "what ran ends as it would" released
npctl resume dev >/dev/null
is "$(npctl enable dev)" "dev: enabled" "enable"
ok "then commands run" npexec dev true
npctl disable --all >/dev/null
run npexec other true
like "$err" '^npexec: other: disabled: .*npctl enable' "disable --all without a text says how to undo it"
run npexec "127.0.0.1:$port_dev" true
like "$err" 'disabled' "hosts without an entry are refused too"
npctl enable --all >/dev/null
ok "enable --all" npexec other true
run npctl disable dev -m "$(head -c 200 /dev/zero | tr '\000' x)"
is "$status" 1 "a text that is too long is an error"
ok "and changes nothing" npexec dev true

# ---- drain ----

rm -f "$T/go"
for i in 1 2 3 4 5 6 7 8; do
	later full$i npexec dev "echo up >>$T/full; until [ -e $T/go ]; do sleep 0.05; done; echo $i"
done
ok "eight commands use all channels" wait_until '[ "$(wc -l <"$T/full")" = 8 ]'
later queued npexec dev 'echo served'
ok "a ninth waits" wait_until '[ "$(device dev .queued)" = 1 ]'
later drain npctl drain --wait -m 'going down' dev
ok "drain" wait_until '[ "$(device dev .draining)" = true ]'
run npexec dev true
is "$err" 'npexec: dev: disabled: going down' "what comes is refused"
ok "npctl drain --wait waits" alive "$bg_drain"
: >"$T/go"
wait_for "$bg_queued"
is "$? $(cat "$T/queued.out")" '0 served' "what had been let in is served"
wait_for "$bg_drain"
is "$? $(cat "$T/drain.out")" '0 dev: drained' "then drain answers"
is "$(device dev '[.sessions, .queued, .running] | join(" ")')" '0 0 0' "and nothing is left"
for i in 1 2 3 4 5 6 7 8; do
	eval "wait_for \$bg_full$i"
done
is "$(cat "$T"/full[1-8].out | tr '\n' ' ')" '1 2 3 4 5 6 7 8 ' "nothing was lost"
npctl enable dev >/dev/null

# ---- reconnect ----

before=$(session dev)
ok "a command runs" hold dev
later reconnect npctl reconnect --wait dev
connected_since() { device dev ".list | map(select(.state == \"connected\" and .id > $1)) | length"; }
ok "reconnect: a new session at once, without a request" wait_until '[ "$(connected_since "$before")" = 1 ]'
is "$(npexec -j dev true | jq -r '[.reused, .session > '"$before"'] | join(" ")')" 'true true' \
	"the next command finds it warm"
ok "reconnect --wait waits for the old one" alive "$bg_reconnect"
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"reconnect","params":{"devices":["dev"],"wait":true}}' \
	'{"jsonrpc":"2.0","id":1,"method":"ping"}' '!wait still in use' \
	'{"jsonrpc":"2.0","method":"cancel","params":{"id":1}}' '!wait "cancelled"' \
	'{"jsonrpc":"2.0","id":1,"method":"ping"}' >"$T/lines"
run nprpc <"$T/lines"
like "$out" '"id":1,"result":\{"version"' "who waits may cancel that, and the id is free again"
ok "what ran there ends as it would" released
wait_for "$bg_reconnect"
is "$? $(cat "$T/reconnect.out")" '0 dev: reconnecting; 1 session ended' "then it answers"
is "$(device dev '.list | length')" 1 "one session is left"
is "$(npctl reconnect late)" 'late: reconnecting; no session was open' "reconnect of a device without a session"
like "$(npctl reconnect @core --wait)" '^2 devices: reconnecting; [0-9] sessions? ended' "reconnect of a group"

# ---- close ----

before=$(session dev)
is "$(npctl close "#$before")" "1 session of #$before closed, or will be when what runs there has ended" "close a session"
ok "it is gone" wait_until '[ "$(device dev .sessions)" = 0 ]'
npexec dev true
npexec other true
is "$(npctl close --all --wait | sed 's/^[0-9]*/N/')" 'N sessions of all devices closed' "close --all --wait"
is "$(status '[.devices[].sessions] | add')" 0 "no session is left"

# ---- kill ----

ids() { status '[.devices[].list[].id, .peers[].id, .requests[].id] | sort | join(" ")'; }
ok "a command runs" hold dev
id=$(status '.requests[0].id')
is "$(npctl kill "$id")" "request $id of dev killed" "kill a request"
wait_for $holder
is "$? $(cat "$T/up.err")" '255 npexec: dev: cancelled: killed by the operator (npctl kill)' "its client is told"
: >"$T/go"
is "$(npexec -j dev true | jq -r .reused)" true "the session lives on"
run npctl kill "$id"
is "$status" 1 "an id that is no more is an error"
like "$err" "no session, request or client has the number $id" "which says so"

ok "a command runs" hold dev
id=$(device dev '.list[0].id')
is "$(npctl kill "#$id")" "session $id of dev killed" "kill a session"
wait_for $holder
like "$? $(cat "$T/up.err")" '^255 npexec: dev: outcome_unknown: .*killed by the operator' "what ran there is told"
: >"$T/go"

ok "a command runs" hold dev
later queued npexec -o max_connections=1 -o max_channels=1 late true
id=$(status ".requests[0].peer")
is "$(npctl kill "$id")" "client $id killed" "kill a client"
wait_for $holder
like "$? $(cat "$T/up.err")" '^255 npexec: dev: cancelled: .*killed by the operator' "it is told, too"
: >"$T/go"
: >"$T/watched"
printf '%s\n' '{"jsonrpc":"2.0","id":7,"method":"watch","params":{}}' '!wait "watching"' '!eof' | nprpc >"$T/watched" &
watcher=$!
ok "a client watches" wait_until 'grep -q watching "$T/watched"'
ok "it is killed" npctl kill "$(status '.peers[] | select(.program == "nprpc") | .id')"
wait_for $watcher
like "$(cat "$T/watched")" '"id":7,"error":.*killed by the operator' "what it waits for has an answer, whatever it is"
ok "what it ran has ended, its channel is free" wait_until '[ "$(device dev .running)" = 0 ]'
wait_for "$bg_queued"
is $? 0 "others are not touched"

npexec other true
before=$(status '[.devices[].list[].id] | sort | join(" ")')
for bad in 0 -1 abc 1x '#' '' 99999999999999999999 1.5; do
	run npctl kill -- "$bad"
	is "$status" 2 "kill '$bad' is a usage error"
done
for bad in '{"id":0}' '{"id":-1}' '{"id":1.5}' '{"id":"7"}' '{"id":1e300}' '{"id":null}' '{}' '{"id":7,"now":true}'; do
	like "$(printf '{"jsonrpc":"2.0","id":1,"method":"kill","params":%s}\n' "$bad" | nprpc)" 'invalid_params' \
		"kill with $bad is refused"
done
run npctl kill 987654321
is "$status" 1 "kill of an id that never was"
is "$(status '[.devices[].list[].id] | sort | join(" ")')" "$before" "nothing has changed"
like "$(printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"sync"}' '!wait "result"' \
	'{"jsonrpc":"2.0","id":2,"method":"kill","params":{"id":1}}' | nprpc)" 'invalid_params' "the number of what is gone"

# ---- mistakes ----

for verb in pause resume disable enable drain reconnect close; do
	run npctl $verb no-such-device
	is "$status" 1 "$verb of an unknown device fails"
	like "$err" 'knows no device .no-such-device' "$verb: and says so"
done
run npctl pause dev nosuch
is "$status $(device dev .paused)" '1 false' "one unknown name among others: nothing is paused"
run npctl pause deb
like "$err" 'did you mean .dev' "a misspelt name gets a hint"
run npctl pause @nosuch
like "$err" 'no configured device is in group .nosuch' "an empty group"
run npctl pause 'x*'
is "$status" 1 "a glob that matches nothing"
for bad in '{}' '{"device":"dev","all":true}' '{"devices":[]}' '{"devices":["dev",7]}' '{"devices":"dev"}' '{"device":7}' \
	'{"all":"yes"}' '{"device":"dev","text":"x"}' '{"device":"dev","wait":1}' '{"device":"dev","when":1}'; do
	like "$(printf '{"jsonrpc":"2.0","id":1,"method":"pause","params":%s}\n' "$bad" | nprpc)" 'invalid_params' \
		"pause with $bad is refused"
done

# ---- a jump host ----

start_sshd hop
add_host behind "$port_dev" "ProxyJump hop"
npexec behind true
ok "a command runs behind a jump host" hold behind
later pause npctl pause --wait hop
ok "pause of the jump host" wait_until '[ "$(device hop .paused)" = true ]'
later queued npexec behind 'echo served'
ok "what is new waits" wait_until '[ "$(device behind .queued)" = 1 ]'
ok "the pause waits for what runs behind it" alive "$bg_pause"
ok "that ends as it would" released
wait_for "$bg_pause"
is "$? $(device hop .sessions)" '0 0' "then nothing goes through it any more"
npctl resume hop >/dev/null
wait_for "$bg_queued"
is "$? $(cat "$T/queued.out")" '0 served' "resume: what waited behind it is served"
npctl disable hop -m 'bastion down' >/dev/null
ok "disable of the jump host ends idle sessions behind it" wait_until '[ "$(device behind .sessions)" = 0 ]'
run npexec behind true
like "$err" '^npexec: behind: jump_failed: jump host hop: bastion down' "and refuses new ones"
npctl enable hop >/dev/null
npctl open behind >/dev/null
ok "a command runs again" hold behind
later drain npctl drain --wait hop
ok "drain of the jump host" wait_until '[ "$(device hop .draining)" = true ]'
ok "waits for what runs behind it" alive "$bg_drain"
ok "that ends as it would" released
wait_for "$bg_drain"
is $? 0 "drain is done when nothing is left"
npctl enable hop >/dev/null

# ---- a device and its users ----

npexec "$me@dev" true
npctl pause dev >/dev/null
like "$(npctl resume "$me@dev")" ": resumed" "a device is paused, one user's sessions are resumed"
is "$(npexec -o queue_timeout="$(slow 20)" "$me@dev" 'echo on')" on "and serve"
run npexec -o queue_timeout=0.5 dev true
like "$err" '^npexec: dev: queue_timeout: .*paused' "the others wait"
npctl resume dev >/dev/null
npctl disable -m 'new power supply' dev >/dev/null
like "$(npctl enable "$me@dev")" ": enabled" "a device is disabled, one user's is enabled"
is "$(npexec "$me@dev" 'echo on')" on "and serves"
npctl enable dev >/dev/null
npctl disable dev >/dev/null
run npexec "$me@dev" true
like "$err" ': disabled: ' "what is said about the device afterwards holds for all its users"
npctl enable dev >/dev/null

# ---- while the broker ends ----

ok "a command runs" hold dev
npctl stop &
stopping=$!
ok "stop drains" wait_until '[ "$(status .broker.state)" = draining ]'
for verb in pause resume disable enable drain reconnect; do
	run npctl $verb dev
	like "$status $err" '^1 npctl: .*shutting down' "$verb is refused meanwhile"
done
id=$(status '.requests[0].id')
ok "kill acts" npctl kill "$id"
wait_for $stopping
is $? 0 "and then the broker ends"
: >"$T/go"
wait_for "$broker_pid"
is $? 0 "well"
broker_pid=

# ---- a configured name that looks like another's user ----

start_broker '
devices:
  dev: {}
  own@dev: {host: dev}
'
npctl pause dev >/dev/null
like "$(npctl pause own@dev)" ': paused; ' "a configured own@dev is paused by itself"
npctl resume dev >/dev/null
is "$(device own@dev .paused)" true "and what is said about dev is not said about it"
ok "the broker ends well" stop_broker
done_testing
