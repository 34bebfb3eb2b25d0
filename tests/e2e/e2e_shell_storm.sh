#!/bin/sh
# Shells at bad moments: clients that leave or ask for several things at once, operators who close, kill and reload while
# others work.  Every command gets its own answer, and no shell is lost.
. "$(dirname "$0")/../kit/lib.sh"
need jq

ios='device_type: cisco_ios, username: admin, password: admin-pw'
start_simdev one --scenario ios.txt
start_simdev r1 --scenario ios.txt --listen 127.0.1.2
start_simdev r2 --scenario ios.txt --listen 127.0.1.3
start_simdev r3 --scenario ios.txt --listen 127.0.1.4
start_broker "
devices:
  one: {host: one, $ios, secret: enable-pw, connection_args: {max_connections: 1}}
  r1: {host: r1, $ios, secret: enable-pw}
  r2: {host: r2, $ios, secret: enable-pw, connection_args: {max_connections: 4}}
  r3: {host: r3, $ios, secret: enable-pw, connection_args: {max_connections: 1}}
"
# rpc ID DEVICE PARAMS: a request of nprpc's, PARAMS without their braces.
rpc()
{
	printf '{"jsonrpc":"2.0","id":%d,"method":"exec","params":{"device":"%s",%s}}\n' "$@"
}

# ---- leases come back ----

for i in 1 2 3; do
	run npctl open one
	is "$status" 0 "npctl open, $i"
done
run npexec -o queue_timeout="$(slow 10)" one 'sim say on'
is "$status:$out" 0:on "a shell that was opened is there for commands"

# ---- one result for each command ----

{
	rpc 1 one '"commands":["show lines 60000","sim say second","sim say third"],"capture":true,"on_error":"continue"'
	echo '!wait "id":1,"result"'
} | nprpc >"$T/limit" 2>&1
is "$(grep '"method":"result"' "$T/limit" | jq -r '[.params.error.data.reason // "ok", .params.stdout[:7] // ""] | join(":")' |
	sed '1s/:.*//' | grep . | tr '\n' '|')" 'output_limit|ok:second|ok:third|' \
	"too much output of one command is not the end of the next" || diag "$(cut -c1-300 "$T/limit" | tail -5)"

# ---- clients ----

{
	rpc 1 one '"command":"configure terminal","hold":true'
	rpc 2 one '"command":"interface GigabitEthernet0/1","hold":true'
	rpc 3 one '"command":"sim say last","hold":true'
	echo '!wait "id":3,"result"'
} >"$T/rpc"
began=$(date +%s)
run nprpc <"$T/rpc"
like "$(echo "$out" | grep '"id":2,"result"')" '"mode":"config"' "requests sent at once are one conversation"
at_most $(($(date +%s) - began)) 4 "and do not wait for themselves"

# ---- clients that are killed, operators who interfere ----

pids=
for i in 1 2 3 4 5 6 7 8; do
	{
		for k in 1 2 3; do
			npexec "r$((i % 3 + 1))" 'sim slow 5 0.1' >/dev/null 2>&1 &
			victim=$!
			got=$(npexec -n "r$(((i + k) % 3 + 1))" "sim say $i.$k of mine" 2>/dev/null)
			kill -KILL $victim 2>/dev/null
			[ -z "$got" ] || [ "$got" = "$i.$k of mine" ] || echo "$i.$k: $got" >>"$T/mixed"
		done
	} &
	pids="$pids $!"
done
for k in 1 2 3; do
	npctl close --now r1 >/dev/null 2>&1
	npctl reload >/dev/null 2>&1
	npctl kill "$(status '[.devices[].list[]?.id] | max')" >/dev/null 2>&1
	npctl close r2 >/dev/null 2>&1
done
for pid in $pids; do
	wait_for "$pid" 90
done
is "$(cat "$T/mixed" 2>/dev/null)" '' "nobody gets what is another's"
for d in one r1 r2 r3; do
	is "$(npexec -n -o queue_timeout="$(slow 30)" $d 'sim say on')" on "$d is there afterwards"
done
ok "the broker ends well" stop_broker
done_testing
