#!/bin/sh
# npctl status with much to tell: more than a frame holds, in pages that neither repeat nor lose anything.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev 'MaxSessions 10'
long=$(head -c 120 /dev/zero | tr "\000" n)
{
	echo 'long_connection: {max_idle_time: 600}'
	echo 'max_sessions: 50'
	echo 'devices:'
	echo '  dev: {connection_args: {max_connections: 40, max_channels: 1}}'
	i=0
	while [ $i -lt 3000 ]; do
		echo "  d$i-$long: {host: 192.0.2.1, groups: [g$((i % 10))]}"
		i=$((i + 1))
	done
} >"$T/many"
start_broker "$(cat "$T/many")"

ask() { printf '{"jsonrpc":"2.0","id":1,"method":"status","params":%s}\n' "$1" | nprpc; }

# ---- thousands of devices ----

like "$(ask '{}')" 'by .page.*output_limit' "what does not fit a frame is refused, with what to do"
npctl status --json >"$T/all"
is "$(jq -r '.devices | length' "$T/all")" 3001 "npctl joins the pages"
is "$(jq -r '[.devices[].device] | unique | length' "$T/all")" 3001 "no device comes twice"
is "$(jq -r '.devices[2].device' "$T/all")" "d1-$long" "they come in the order of the configuration"
is "$(jq -r 'has("next")' "$T/all")" false "nothing of the pages is left"
like "$(ask '{"page":""}' | jq -r '.result.next // empty')" '^d:[0-9]+:[0-9]+:[0-9]+$' "a page says where the next one begins"
page=''
pages=0
: >"$T/seen"
while :; do
	ask "{\"page\":\"$page\",\"limit\":500}" | grep '"id":1' >"$T/page"
	jq -r '.result.devices[].device' "$T/page" >>"$T/seen"
	pages=$((pages + 1))
	page=$(jq -r '.result.next // empty' "$T/page")
	[ -n "$page" ] && [ $pages -lt 20 ] || break
done
is "$pages $(sort -u "$T/seen" | wc -l) $(wc -l <"$T/seen")" '7 3001 3001' "pages of 500, each device once"
is "$(npctl status --json @g3 | jq -r '[.devices[].device[0:3]] | .[0:3] | join(" ")')" 'd3- d13 d23' "a group of them"
is "$(npctl status --json @g3 | jq -r '.devices | length')" 300 "all of the group"
is "$(npctl status --json dev "d7-$long" | jq -r '[.devices[].device[0:3]] | join(" ")')" 'dev d7-' "two of them"
run npctl status nosuch
is "$status" 1 "an unknown device is an error"
for bad in '{"page":7}' '{"page":"x"}' '{"page":"d:1"}' '{"page":"d:1:2:3:4"}' '{"page":"p:"}' '{"page":"p:-1"}' \
	'{"page":"r:1x"}' '{"page":"p:99999999999999999999"}' '{"limit":5}' '{"page":"","limit":0}' '{"page":"","limit":"x"}'; do
	like "$(ask "$bad")" 'invalid_params' "status with $bad is refused"
done

# ---- on a terminal ----

npctl pause "d2999-$long" >/dev/null
run ptyrun sh -c 'stty rows 24 cols 100; npctl status'
out=$(echo "$out" | grep -v '^sandbox: no filter') # which a build with sanitizers says above the table
is "$(echo "$out" | wc -l)" 23 "a screen of 24 rows is not overrun"
is "$(echo "$out" | awk '{ sub(/\r$/, "") } length > 100' | wc -l)" 0 "nor are 100 columns"
like "$(echo "$out" | sed -n 3p)" '^d2999-n.*paused' "what was steered comes first"
like "$(echo "$out" | sed -n 4p)" '^dev ' "then the others as they are configured"
like "$out" '^-- 1 to 20 of 3001 devices; more: npctl status --page 2; all: npctl status --all' "the last line says how to go on"
like "$(npctl status --page 2 | tail -n 1)" '^-- 21 to 40 of 3001 devices; more: npctl status --page 3' "the next page"
like "$(npctl status --page 151 | tail -n 1)" '^-- 3001 to 3001 of 3001 devices, the last' "the last one"
like "$(npctl status --page 152)" '^There are 3001 devices, on 151 pages' "and none behind it"
is "$(ptyrun npctl status --all @g3 | grep -vc "^sandbox: no filter")" 302 "--all prints all of them"
is "$(npctl status | grep -vc "^sandbox: no filter")" 3003 "and so does a pipe"
npctl resume --all >/dev/null

# ---- sessions, clients and requests on pages of one ----

for i in 1 2 3 4 5 6; do
	npexec dev "echo up >>$T/up; until [ -e $T/go ]; do sleep 0.1; done" </dev/null &
	eval "pid$i=$!"
done
ok "six commands run over six sessions" wait_until '[ "$(wc -l <"$T/up")" = 6 ]' 40
npctl status --json dev >"$T/one"
is "$(jq -r '[.devices[0].list, .peers, .requests] | map(length) | join(" ")' "$T/one")" '6 6 6' \
	"status of one device: its sessions, requests, and the clients that asked for them"
is "$(jq -r '.devices[0] | [.sessions, .running, .logins, .failures] | join(" ")' "$T/one")" '6 6 6 0' "counted"
is "$(jq -r '[.devices[0].list[].id, .peers[].id, .requests[].id] | [length, (unique | length)] | join(" ")' "$T/one")" \
	'18 18' "no number is given twice"
is "$(jq -r '[.requests[].session] | length == (unique | length)' "$T/one")" true "each on its own session"
is "$(jq -r '[.peers[] | .program, .uid] | unique | join(" ")' "$T/one")" "$uid npexec" "clients have a uid and a program"
is "$(jq -r '[.peers[].pid] | sort | join(" ")' "$T/one")" \
	"$(printf '%s\n' "$pid1" "$pid2" "$pid3" "$pid4" "$pid5" "$pid6" | sort -n | tr '\n' ' ' | sed 's/ $//')" "and a pid"
page=''
pages=0
: >"$T/seen"
while :; do
	ask "{\"device\":\"dev\",\"page\":\"$page\",\"limit\":1}" | grep '"id":1' >"$T/page"
	jq -r '.result | (.devices[] | .list[].id), .peers[].id, .requests[].id' "$T/page" >>"$T/seen"
	pages=$((pages + 1))
	page=$(jq -r '.result.next // empty' "$T/page")
	[ -n "$page" ] && [ $pages -lt 40 ] || break
done
is "$pages $(sort -u "$T/seen" | wc -l) $(wc -l <"$T/seen")" '13 18 18' "page by page: each of them once"
: >"$T/go"
for i in 1 2 3 4 5 6; do
	eval "wait_for \$pid$i" >/dev/null
done
npexec dev 'head -c 100000 /dev/zero' >/dev/null
ok "bytes are counted" [ "$(status '.devices[] | select(.device == "dev") | .bytes_in')" -ge 100000 ]
bytes=$(status '.devices[] | select(.device == "dev") | .bytes_in')
npctl close --wait dev >/dev/null
ok "and kept when the sessions are gone" [ "$(status '.devices[] | select(.device == "dev") | .bytes_in')" -ge "$bytes" ]

# ---- many requests ----

for i in $(seq 4000); do
	printf '{"jsonrpc":"2.0","id":%d,"method":"exec","params":{"device":"dev","command":"until [ -e %s/go2 ]; do sleep 0.2; done"}}\n' "$i" "$T"
done >"$T/lines"
sed -i 's/^max_sessions.*/max_sessions: 2/; 1i max_queue: 10000' "$T/config.yaml"
npctl reload >/dev/null
{
	cat "$T/lines"
	wait_until '[ -e "$T/go2" ]' 60
} | nprpc -t 100 >"$T/rpc" &
asking=$!
ok "four thousand requests wait" wait_until '[ "$(status .broker.requests)" = 4000 ]' 60
npctl status --json dev >"$T/one"
is "$(jq -r '[.requests[].id] | [length, (unique | length)] | join(" ")' "$T/one")" '4000 4000' "all are told, each once"
kill $asking
ok "and end with their client" wait_until '[ "$(status .broker.requests)" = 0 ]' 60
: >"$T/go2"

ok "the broker ends well" stop_broker
done_testing
