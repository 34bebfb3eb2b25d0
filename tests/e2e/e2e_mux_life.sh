#!/bin/sh
# The life of sessions as pgbouncer's tests have it (scenarios 29 to 40 of HACKING.md): servers that are down, and come
# back; connections that pass nothing for a while; requests given up in bulk; devices that move.
# Many processes: on a busy machine they take their time.
NP_TEST_SECONDS=${NP_TEST_SECONDS:-300}
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev 'MaxSessions 10'
start_sshd other
start_relay down dev
start_relay hole dev
for alias in calm busy; do
	add_host $alias "$port_dev"
done
for alias in kept asked late; do
	add_host $alias "$port_down"
done
for alias in brief running stuck; do
	add_host $alias "$port_hole"
done
# config HOST [MORE]: where `moves` is
config()
{
	cat <<-END
		devices:
		  calm: {}
		  kept: {connection_args: {persistent: true, retry_delay: 0.4, retry_max: 1.6}}
		  asked: {connection_args: {retry_delay: 0.4, retry_max: 1.6}}
		  late: {connection_args: {retry_delay: 2, retry_max: 2}}
		  brief: {connection_args: {check_delay: 1, keepalive_interval: 30}}
		  running: {connection_args: {check_delay: 1, keepalive_interval: 30}}
		  stuck: {connection_args: {max_connections: 1, max_channels: 1, keepalive_interval: 30, check_delay: 0}}
		  busy: {connection_args: {max_connections: 1, max_channels: 2}}
		  moves: {host: $1}
		${2:-}
	END
}
start_broker "$(config dev)"
device() { status ".devices[] | select(.device == \"$1\") | $2"; }
uptime() { status .broker.uptime | cut -d. -f1; }

# hold NAME DEVICE: a command that runs until $T/NAME.go exists.
hold()
{
	later "$1" npexec "$2" "echo up; until [ -e $T/$1.go ]; do sleep 0.1; done; echo end"
	wait_until "[ -s $T/$1.out ]"
}
released()
{
	: >"$T/$1.go"
	eval "wait_for \$bg_$1" && [ "$(tail -n 1 "$T/$1.out")" = end ]
}

# ---- 29: a server that is down for long ----

npctl watch >"$T/watch" 2>&1 </dev/null &
watcher=$!
ok "a watcher" wait_until 'grep -q watching "$T/watch"'
failed() { jq -r "select(.event == \"login_failed\" and .device == \"$1\") | $2" "$T/watch"; }
count() { failed "$1" .reason | wc -l; }
# Milliseconds from each failure to the next one.
gaps()
{
	failed "$1" .time | sed 's/.*T//; s/[:.Z]/ /g' | awk '{ t = (($1 * 60 + $2) * 60 + $3) * 1000 + $4 }
		NR > 1 { print t < last ? t - last + 86400000 : t - last } { last = t }'
}
# early DEVICE: the attempts that came before they were due, retry_delay 0.4 doubling up to 1.6, by a quarter less.
early() { gaps "$1" | awk 'BEGIN { d = 400 } { if ($1 < d * 0.75 - 5) print; d = d < 1600 ? d * 2 : d }'; }

ok "kept: a persistent session" wait_until '[ "$(device kept .sessions)" = 1 ]'
ok "asked: a session" npexec asked true
relay down refuse
relay down reset
for i in 1 2 3; do
	(until [ -e "$T/up" ]; do npexec asked true </dev/null; sleep 0.1; done) 2>"$T/asked.err.$i" &
	eval "asking$i=$!"
done
ok "an outage of five attempts, a persistent device and one that three clients ask for all the time" wait_until \
	'[ "$(count kept)" -ge 5 ] && [ "$(count asked)" -ge 5 ]' 60
is "$(early kept)" '' "kept: each attempt comes after its back-off, which doubles up to retry_max"
is "$(early asked)" '' "asked: so it does with clients at the door"
is "$(failed kept '.retry_in <= 1.6' | sort -u)" true "the events say how long that is"
is "$(device kept .state)" failed "status shows the device failed"
like "$(npctl status kept)" 'refused' "and why"
is "$(cat "$T"/asked.err.* | sed 's/^\(npexec: asked: [a-z_]*\): .*/\1/' | grep -v ': connect_failed$\|: backoff$' | head -n 3)" '' \
	"every client is told connect_failed or backoff"
like "$(cat "$T"/asked.err.*)" 'refused' "with the original error"
before=$(logins dev)
relay down accept
: >"$T/up"
for i in 1 2 3; do
	eval "wait_for \$asking$i"
done
ok "the server is up: the persistent device is connected again" wait_until '[ "$(device kept .sessions)" = 1 ]'
run npexec asked true
is "$status $err" '0 ' "the other one serves"
all_told() { [ "$(device kept .failures) $(device asked .failures)" = "$(count kept) $(count asked)" ]; }
ok "all attempts were told" wait_until all_told
is "$(($(logins dev) - before))" 2 "one login each"

# Clients that come while the next attempt is not due wait for it.
relay down refuse
run npexec late true
like "$err" '^npexec: late: connect_failed: ' "another outage: the first client is told"
relay down accept
pids=
bad=0
for _ in 1 2 3 4 5; do
	npexec late true </dev/null &
	pids="$pids $!"
done
for pid in $pids; do
	wait_for "$pid" || bad=$((bad + 1))
done
is $bad 0 "five that come within the retry delay wait for it, and succeed"
is "$(device late '[.failures, .logins] | join(" ")')" '1 1' "by one login"
kill $watcher

# ---- 32: a connection that passes nothing for longer than check_delay ----

idle_for() { [ "$(device "$1" '.last_used > 1.1')" = true ]; }
session=$(npexec -j brief true | jq -r .session)
ok "brief: unused for longer than check_delay" wait_until 'idle_for brief'
relay hole freeze
later blocked npexec -j brief 'echo through'
ok "nothing passes: the session that gives no sign of life is given up" wait_until \
	"grep -q 'brief#$session: closed: no sign of life' '$T/broker.log'"
ok "the command waits" alive "$bg_blocked"
relay hole thaw
wait_for "$bg_blocked"
is "$? $(jq -c '[.stdout, .exit_status, .reused]' "$T/blocked.out")" '0 ["through\n",0,false]' \
	"and completes over a new one when it is healed"

ok "a command runs" hold across running
relay hole freeze
begin=$(uptime)
: >"$T/across.go"
later second npexec running 'echo second'
ok "nothing passes for twice check_delay" wait_until '[ $(($(uptime) - begin)) -ge 3 ]'
ok "the command that ran waits" alive "$bg_across"
relay hole thaw
ok "and ends as it would" released across
wait_for "$bg_second"
is "$? $(cat "$T/second.out")" '0 second' "and so does one that was sent into the hole"

# ---- 37: giving up ----

ok "one command runs" hold stuck stuck
relay hole freeze
kill -KILL "$bg_stuck"
ok "its client dies while the server cannot be reached: the request is gone" wait_until '[ "$(status .broker.requests)" = 0 ]'
: >"$T/stuck.go"
later next npexec stuck 'echo next'
ok "the next waits for the channel" wait_until '[ "$(device stuck .queued)" = 1 ]'
relay hole thaw
wait_for "$bg_next"
is "$? $(cat "$T/next.out")" '0 next' "and gets it when the server has closed it"
is "$(device stuck .logins)" 1 "in the same session"

ok "two commands fill the pool" hold b1 busy
hold b2 busy
pids=
for i in $(seq 100); do
	npexec busy "echo $i >>$T/ran" </dev/null >/dev/null 2>&1 &
	pids="$pids $!"
done
ok "a hundred wait" wait_until '[ "$(device busy .queued)" = 100 ]' 60
# shellcheck disable=SC2086
kill -KILL $pids
ok "killed all at once they are gone" wait_until '[ "$(device busy .queued)" = 0 ]'
is "$(device busy .running)" 2 "those of others run on"
for pid in $pids; do
	wait_for "$pid"
done 2>/dev/null

# Two clients with the same ids; one gives up all of its requests.
say() { printf '{"jsonrpc":"2.0","id":%d,"method":"exec","params":{"device":"busy","command":"echo %s%d >>%s/ran"}}\n' "$2" "$1" "$2" "$T"; }
{
	for i in $(seq 50); do say B "$i"; done
	wait_until "[ -e $T/enough ]" 60 >&2
} | nprpc -t 60 >"$T/B" &
b=$!
ok "client B has fifty requests" wait_until '[ "$(device busy .queued)" = 50 ]'
{
	for i in $(seq 50); do say A "$i"; done
	wait_until '[ "$(device busy .queued)" = 100 ]' >&2
	for i in $(seq 50); do
		printf '{"jsonrpc":"2.0","method":"cancel","params":{"id":%d}}\n' "$i"
	done
} | nprpc -t 60 >"$T/A"
is "$(grep -c '"reason":"cancelled"' "$T/A")" 50 "client A gives up fifty with the same ids: all are cancelled"
is "$(device busy '[.queued, .running] | join(" ")')" '50 2' "none of B's, and none that runs"
ok "those end as they would" released b1
ok "both of them" released b2
: >"$T/enough"
wait_for $b
is "$(grep -c '"result":{"count":1,"failed":0' "$T/B")" 50 "all of B's are served"
is "$(sort "$T/ran" | sed 's/[0-9]*$//' | uniq -c | tr -s ' ')" ' 50 B' "and nothing that was given up has run"

# ---- 35: a device moves; hundreds of devices come and go ----

before=$(logins other)
ok "moves: at its first place" npexec moves true
hold mover moves
write_config "$(config other)"
ok "its host changes" npctl reload
ok "later commands go to the new one" npexec moves true
is "$(($(logins other) - before))" 1 "which sees a login"
ok "what ran at the old one ends as it would" released mover
ok "and its session with it" wait_until '[ "$(device moves .sessions)" = 1 ]'

calm=$(npexec -j calm true | jq -r .session)
rss=$(rss_kb "$broker_pid")
fds=$(count_fds "$broker_pid")
for round in 1 2 3 4 5 6 7 8; do
	write_config "$(config other "$(for i in $(seq 400); do echo "  d$i: {host: h$((i * round)), groups: [g$((i % 7))]}"; done)")"
	npctl reload >/dev/null || break
	npexec calm true || break
done
is "$round $(status '.devices | length')" '8 409' "four hundred devices are changed eight times"
write_config "$(config other)"
npctl reload >/dev/null
is "$(npexec -j calm true | jq -r .session)" "$calm" "one that did not change keeps its session"
broker_is_back "$fds" $((rss + 6000))

# ---- 40: numbers ----

is "$(status .broker.version)" "$(netpulsed --version | sed 's/^netpulsed //; 1q')" "status tells the version of netpulsed"
is "$(npctl --version | sed 's/^npctl //; 1q') $(npexec --version 2>&1 | sed 's/^npexec //; 1q')" \
	"$(status '"\(.broker.version) \(.broker.version)"')" "so do npctl and npexec"
ids() { sed -n "s/.*debug peer: client \([0-9]*\) (pid .*) connected.*/\1/p; s/.* session: [^ ]*#\([0-9]*\): connecting to .*/\1/p; s/.* info request: [^ ]* request \([0-9]*\): .*/\1/p" "$T/broker.log"; }
is "$(ids | sort | uniq -d)" '' "no number was given twice to a client, a session or a request"

ok "the broker ends well" stop_broker
done_testing
