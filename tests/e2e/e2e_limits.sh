#!/bin/sh
# Every wait is bounded, and the error says by which limit.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_simdev mute --silent
start_simdev drip --drip
start_simdev slow --any-key --auth-delay 100
start_relay gone dev
add_host silent "$port_mute"
for alias in queue command calm idle talk first later; do
	add_host $alias "$port_dev"
done
# Where a limit must not be met it is some seconds, and more on a slow machine.
start_broker "
long_connection:
  connection_timeout: $(slow 20)
  retry_delay: 0.1
  retry_max: 0.2
devices:
  dev: {}
  mute: {connection_args: {connection_timeout: 1}}
  drip: {connection_args: {connection_timeout: 1}}
  slow: {connection_args: {connection_timeout: 1}}
  queue: {connection_args: {max_connections: 1, max_channels: 1, queue_timeout: 1}}
  command: {connection_args: {timeout: 1}}
  calm: {connection_args: {timeout: $(slow 10)}}
  idle: {connection_args: {idle_timeout: 1}}
  talk: {connection_args: {idle_timeout: $(slow 3)}}
  first: {connection_args: {first_byte_timeout: 1}}
  later: {connection_args: {first_byte_timeout: $(slow 3)}}
  gone: {connection_args: {retry_delay: 300, retry_max: 300, queue_timeout: $(slow 20)}}
"

# timed MAXIMUM_SECONDS COMMAND...: $status, $out, $err, and whether it took at most so long.
timed()
{
	_max=$(slow "$1")000
	shift
	_begin=$(now_ms)
	run "$@"
	took=$(($(now_ms) - _begin))
	[ "$took" -le "$_max" ] || diag "took $took ms"
	[ "$took" -le "$_max" ]
}

# ---- connection_timeout ----

for server in mute drip slow; do
	ok "connection_timeout 1 ends a login at a server that is $server" timed 60 npexec $server true
	is "$status" 255 "$server: exits 255"
	like "$err" "^npexec: $server: connect_timeout: .*1 s" "$server: and says which limit it was"
done

# ssh's own word bounds what this call waits, not the log-in.
ok "-o ConnectTimeout=1 is for a call" timed 30 npexec -o ConnectTimeout=1 silent true
like "$status:$err" '^255:npexec: silent: queue_timeout: ' "which says so"

# ---- queue_timeout ----

# It dies of its closed output: OpenSSH passes no signal to what runs as root, and keeps the channel until it has ended.
npexec -o queue_timeout=$(slow 20) queue 'while echo up; do sleep 0.1; done' >"$T/up" </dev/null &
holder=$!
ok "somebody holds the only channel" wait_until '[ -s "$T/up" ]'
ok "queue_timeout 1 ends the wait" timed 60 npexec queue true
is "$status" 255 "exit status 255"
like "$err" '^npexec: queue: queue_timeout: ' "reason queue_timeout"
kill -KILL $holder
ok "the next gets the channel of the client that died" npexec -o queue_timeout=$(slow 20) queue true

# ---- turns ----

npexec -o queue_timeout="$(slow 60)" queue "echo up >$T/held; until [ -e $T/go ]; do sleep 0.1; done" </dev/null &
holder=$!
ok "somebody holds it again" wait_until '[ -s "$T/held" ]'
{
	for i in 1 2 3 4 5; do
		echo "{\"jsonrpc\":\"2.0\",\"id\":$i,\"method\":\"exec\",\"params\":{\"device\":\"queue\",\"queue_timeout\":60,\"command\":\"echo many $i >>$T/order\"}}"
	done
	echo '!hold'
} >"$T/many"
nprpc -t 60 <"$T/many" >"$T/many.out" 2>&1 &
many=$!
ok "five of one client wait" wait_until '[ "$(status ".devices[]|select(.device==\"queue\").queued")" = 5 ]'
npexec -o queue_timeout="$(slow 60)" queue "echo one >>$T/order" </dev/null &
one=$!
ok "and one of another" wait_until '[ "$(status ".devices[]|select(.device==\"queue\").queued")" = 6 ]'
: >"$T/go"
ok "who holds it ends" wait $holder
ok "all are served" wait_until '[ "$(wc -l <"$T/order")" = 6 ]'
ok "also the one" wait $one
is "$(head -n 3 "$T/order" | tr '\n' ' ')" "many 1 one many 2 " "clients take turns: the one waited for the first of the five, not for all"
kill -KILL $many

# ---- timeout, idle_timeout, first_byte_timeout ----

ok "timeout 1 ends a command" timed 60 npexec command 'while :; do echo x; sleep 0.2; done'
is "$status" 124 "exit status 124"
like "$err" '^npexec: command: command_timeout: .*1 s' "reason command_timeout"
like "$out" x "what it said before has arrived"
ok "timeout 10: a short command is not touched" npexec calm 'sleep 0.3'

ok "idle_timeout 1 ends a command that falls silent" timed 60 npexec idle 'echo x; sleep 100'
is "$status" 124 "exit status 124"
like "$err" '^npexec: idle: idle_timeout: ' "reason idle_timeout"
ok "idle_timeout 3: not one that keeps talking" npexec talk 'for i in 1 2 3 4 5 6 7; do echo $i; sleep 0.5; done'

ok "first_byte_timeout 1 ends a command that says nothing" timed 60 npexec first 'sleep 100'
is "$status" 124 "exit status 124"
like "$err" '^npexec: first: first_byte_timeout: ' "reason first_byte_timeout"
ok "first_byte_timeout 3: later silence is allowed" npexec later "echo x; sleep $(slow 3).2"

timed 60 npexec --timeout 1 dev 'sleep 100'
is "$status" 124 "--timeout"
like "$err" '^npexec: dev: command_timeout: ' "--timeout: reason command_timeout"
timed 60 npexec --idle-timeout 1 dev 'echo x; sleep 100'
like "$err" '^npexec: dev: idle_timeout: ' "--idle-timeout"
run npexec -o timeout=1 dev 'sleep 100'
like "$err" '^npexec: dev: command_timeout: ' "-o timeout=1"
is "$(npexec -j --timeout 1 dev 'sleep 100' 2>/dev/null | jq -r '.error.data.reason // .error.reason')" command_timeout \
	"the reason is in JSON as well"
ok "the session of ended commands still works" npexec dev true

# ---- back-off ----

relay gone refuse
run npexec gone true
is "$status" 255 "a refused connection exits 255"
like "$err" '^npexec: gone: connect_failed: .*refused' "and says so"
ok "retry_delay 300 beyond queue_timeout 20: the next fails at once" timed 60 npexec gone true
like "$err" '^npexec: gone: backoff: .*refused' "with the original error"
like "$err" 'the next attempt is possible in 2[0-9][0-9] s, or at once after npctl open' "and with what comes next"
relay gone accept
ok "npctl open lifts the back-off" npctl open gone
ok "then commands run" npexec gone true

start_relay flap dev
write_config '
devices:
  flap: {connection_args: {retry_delay: 1, retry_max: 1, queue_timeout: 60}}
'
npctl reload >/dev/null
relay flap refuse
run npexec flap true
like "$err" 'connect_failed' "retry_delay 1: the first fails"
relay flap accept
run npexec flap true
is "$status" 0 "retry_delay 1 within queue_timeout 60: the next waits and succeeds"

write_config '
devices:
  flap: {connection_args: {retry_delay: 50, retry_max: 50, queue_timeout: 0}}
'
npctl reload >/dev/null
npctl close flap >/dev/null
relay flap refuse
run npexec flap true
like "$err" 'connect_failed' "retry_delay 50 and no queue_timeout: the first fails"
ok "the next does not wait for the next attempt" timed 20 npexec flap true
like "$err" '^npexec: flap: backoff: .*refused.*possible in [345][0-9] s' "but is told when that is"
relay flap accept
printf '\n# a comment\n' >>"$T/ssh_config"
run npexec flap true
is "$status $err" '0 ' "a changed ssh_config ends the back-off"

# ---- max_queue, max_clients ----

stop_broker
start_broker '
max_queue: 2
max_clients: 5
devices:
  queue: {connection_args: {max_connections: 1, max_channels: 1}}
'
: >"$T/up"
npexec queue 'while echo up; do sleep 0.1; done' >"$T/up" 2>&1 </dev/null &
pids=$!
ok "one runs" wait_until '[ -s "$T/up" ]'
for _ in 1 2; do
	npexec queue true </dev/null >/dev/null 2>&1 &
	pids="$pids $!"
done
ok "two wait" wait_until '[ "$(status ".devices[0].queued")" = 2 ]'
run npexec queue true
like "$err" '^npexec: queue: queue_full: ' "max_queue 2: the next is refused"
# shellcheck disable=SC2086
kill -KILL $pids
stop_broker
start_broker '
max_queue: 8
max_clients: 5
devices:
  queue: {connection_args: {max_connections: 1, max_channels: 1}}
'
: >"$T/up"
npexec queue 'while echo up; do sleep 0.1; done' >"$T/up" 2>&1 </dev/null &
pids=$!
ok "one runs again" wait_until '[ -s "$T/up" ]'
{
	for i in $(seq 20); do
		echo "{\"jsonrpc\":\"2.0\",\"id\":$i,\"method\":\"exec\",\"params\":{\"device\":\"queue\",\"command\":\"true\"}}"
	done
	echo '!wait "id":20,"error"'
	echo '!hold'
} >"$T/greedy"
nprpc -t 60 <"$T/greedy" >"$T/greedy.out" 2>&1 &
pids="$pids $!"
ok "max_queue 8: one client alone has seven in the queue" wait_until '[ "$(grep -c queue_full "$T/greedy.out")" = 13 ]'
npexec queue true </dev/null >/dev/null 2>&1 &
pids="$pids $!"
ok "the last place is for another" wait_until '[ "$(status ".devices[0].queued")" = 8 ]'
for i in 1 2; do
	printf '!wait hello\n!hold\n' | nprpc >"$T/held$i" &
	pids="$pids $!"
	# Before somebody asks who is there, and takes the last place.
	wait_until "grep -q hello $T/held$i"
done
ok "max_clients 5: with five clients a sixth may look" wait_until '[ "$(status .broker.peers)" = 6 ]'
# Nobody can hold the place that is kept for an operator: who sits there idle or has his answer gives way; who awaits one
# stays, and does not stand in the way either.
for who in idle ping watch; do
	{
		[ $who = idle ] || echo '{"jsonrpc":"2.0","id":1,"method":"'$who'"}'
		echo '!eof'
	} | nprpc -t 60 >"$T/held.$who" &
	pids="$pids $!"
	case $who in
	idle) wait_until "grep -q hello $T/held.idle" ;;
	ping) wait_until "grep -q uptime $T/held.ping" ;;
	watch) wait_until "grep -q watching $T/held.watch" ;;
	esac
	ok "$who: the operator gets in all the same" npctl ping
done
ok "ping: who had the place is told" wait_until "grep -q 'taken by another' $T/held.ping"
for i in $(seq 20); do
	echo '!eof' | nprpc -t 60 >"$T/guest$i" &
	pids="$pids $!"
	wait_until "grep -q hello $T/guest$i"
done
ok "guests without end make room for each other" wait_until '[ "$(status .broker.peers)" -le 23 ]'
ok "the first of them is told the limit" wait_until "grep -q max_clients $T/guest1"
ok "the operator is let in" npctl ping
run npexec dev true
is "$status" 255 "it exits 255"
like "$err" 'max_clients' "which names the limit"
run npctl metrics
is "$status" 0 "a monitor looks"
is "$(grep -c 'taken by another' "$T/held.watch")" 0 "who watches stays"
for i in 1 2 3 4; do
	{
		echo '{"jsonrpc":"2.0","id":1,"method":"watch"}'
		echo '!eof'
	} | nprpc -t 60 >"$T/watch$i" &
	pids="$pids $!"
	wait_until "grep -q watching $T/watch$i"
done
ok "more than four who await answers: the operator gets in" npctl ping
ok "and the first of them is told" wait_until "grep -q 'taken by another' $T/held.watch"
# shellcheck disable=SC2086
kill -KILL $pids

ok "the broker ends well" stop_broker
done_testing
