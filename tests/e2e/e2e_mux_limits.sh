#!/bin/sh
# Limits as pgbouncer's tests have them (scenarios 23 to 28 of HACKING.md): who is refused, who waits how long and is
# told so, how many sessions there are.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev 'MaxSessions 10'
start_simdev strict --user admin --password right
for alias in pool narrow lasting short own named slow; do
	add_host $alias "$port_dev"
done
add_host locked "$port_strict"
device() { status ".devices[] | select(.device == \"$1\") | $2"; }

# hold NAME DEVICE [OPTION...]: a command that runs until $T/NAME.go exists; its npexec in $bg_NAME.
hold()
{
	_held=$1
	_device=$2
	shift 2
	rm -f "$T/$_held.go" "$T/$_held.up"
	npexec -o queue_timeout="$(slow 60)" "$@" "$_device" "echo up >$T/$_held.up; until [ -e $T/$_held.go ]; do sleep 0.1; done; echo end" \
		>"$T/$_held.out" 2>"$T/$_held.err" </dev/null &
	eval "bg_$_held=$!"
}
running() { [ -s "$T/$1.up" ]; }
released()
{
	: >"$T/$1.go"
	eval "wait_for \$bg_$1" && [ "$(cat "$T/$1.out")" = end ]
}

# config MAX_CONNECTIONS [MAX_CLIENTS [MAX_SESSIONS]]
config()
{
	cat <<-END
		max_clients: ${2:-100}
		max_sessions: ${3:-1000}
		long_connection: {queue_timeout: 0.5, max_connections: 1, max_channels: 1}
		devices:
		  dev: {connection_args: {queue_timeout: $(slow 60), max_channels: 10}}
		  pool: {connection_args: {max_connections: $1, queue_timeout: $(slow 60)}}
		  narrow: {}
		  slow: {connection_args: {queue_timeout: $(slow 60), timeout: 1}}
		  lasting: {connection_args: {persistent: true, max_idle_time: 0.3}}
		  short: {connection_args: {max_idle_time: 0.3}}
		  own: {connection_args: {max_connections: 2}}
		  locked: {username: admin, password: wrong, connection_args: {persistent: true, retry_delay: 0.1, retry_max: 0.1}}
	END
}
reload()
{
	write_config "$(config "$@")"
	npctl reload >/dev/null
}
start_broker "$(config 2)"

# ---- 24: the size of a pool, under a burst and changed meanwhile ----

counts() { device pool '[.sessions, .running, .queued] | join(" ")'; }
for i in 1 2 3 4 5 6 7; do
	hold burst$i pool
done
ok "max_connections 2 with one channel each: two of seven run" wait_until '[ "$(counts)" = "2 2 5" ]'
reload 4
ok "raised to 4 by a reload: four run" wait_until '[ "$(counts)" = "4 4 3" ]'
reload 1
is "$(counts)" '4 4 3' "lowered to 1: what runs is not cut"
for i in 1 2 3 4 5 6 7; do
	: >"$T/burst$i.go"
done
bad=0
for i in 1 2 3 4 5 6 7; do
	released burst$i || bad=$((bad + 1))
done
is $bad 0 "all seven end as they would"
ok "one session is left" wait_until '[ "$(counts)" = "1 0 0" ]'
is "$(grep -c 'pool#[0-9]*: closed: max_connections was lowered' "$T/broker.log")" 3 "the log says why the others went"
is "$(grep -c 'pool#[0-9]*: connected' "$T/broker.log")" 4 "there were never more than four"

reload 3
for i in 1 2 3; do
	hold burst$i pool
done
ok "raised again: three run" wait_until '[ "$(counts)" = "3 3 0" ]'
released burst1
released burst2
released burst3
last=$(npexec -j pool true | jq -r .session)
reload 1
ok "lowered while they are idle: two go" wait_until '[ "$(device pool .sessions)" = 1 ]'
is "$(npexec -j pool true | jq -r .session)" "$last" "the one that was used last stays"

# The limit of all devices together: the longest unused go, what runs does not, and what is persistent stays.
ok "own: a session" npexec -o queue_timeout="$(slow 60)" own true
ok "narrow: a session" npexec -o queue_timeout="$(slow 60)" narrow true
hold slow slow -o timeout=0
ok "slow: a session in use" wait_until 'running slow'
open() { status '[.devices[] | select(.sessions > 0) | .device] | sort | join(" ")'; }
ok "lasting, narrow, own, pool and slow have one" wait_until '[ "$(open)" = "lasting narrow own pool slow" ]'
reload 1 100 3
ok "max_sessions lowered to 3: those used first are closed" wait_until '[ "$(open)" = "lasting narrow slow" ]'
reload 1 100 1
ok "lowered to 1: the idle one as well" wait_until '[ "$(open)" = "lasting slow" ]'
ok "what runs ends as it would" released slow
ok "and its session some time later" wait_until '[ "$(open)" = lasting ]'
reload 1

# ---- 25: queue_timeout of all, of the device, of the request ----

hold narrow narrow
ok "somebody has the only channel" wait_until 'running narrow'
later patient npexec -o queue_timeout="$(slow 60)" narrow 'echo served'
ok "one waits with a limit of its own" wait_until '[ "$(device narrow .queued)" = 1 ]'
run npexec narrow true
like "$status $err" '^255 npexec: narrow: queue_timeout: .* 1 request was ahead' "queue_timeout 0.5 of all: who came later has given up"
ok "released" released narrow
wait_for "$bg_patient"
is "$? $(cat "$T/patient.out")" '0 served' "the request's own 60 goes before it"
hold pool pool
ok "somebody has the only channel" wait_until 'running pool'
run npexec -o queue_timeout=0.3 pool true
like "$status $err" '^255 npexec: pool: queue_timeout: ' "the request's 0.3 goes before the device's 60"
ok "released" released pool

# ---- 26: who waits is told, after two seconds; 28: no limit of commands runs meanwhile ----

say() { printf '{"jsonrpc":"2.0","id":%d,"method":"exec","params":{"device":"slow","command":"echo $((%d * 111))"}}\n' "$1" "$1"; }
notice() { grep -q "^{.*\"method\":\"notice\".*\"id\":$1[,}]" "$T/rpc"; }
ask()
{
	hold first slow -o timeout=0
	wait_until 'running first' >&2
	say 1
	echo '!wait "notice"'
	wait_until 'notice 1' >&2
	released first
	echo '!wait "id":1,"result"'
	wait_until 'answered 1' >&2
	hold second slow -o timeout=0
	wait_until 'running second' >&2
	say 2
	say 3
	echo '!wait queued behind'
	wait_until 'notice 2 && notice 3' >&2
	released second
	echo '!wait "id":3,"result"'
	wait_until 'answered 3' >&2
	for i in 4 5 6 7 8 9; do
		say $i
	done
}
answered() { grep -q "^{.*\"id\":$1,\"result\"" "$T/rpc"; }
hold pool pool
ok "elsewhere a channel is taken" wait_until 'running pool'
later loud npexec -v pool true
ok "one waits" wait_until '[ "$(device pool .queued)" = 1 ]'
later quiet npexec pool true
: >"$T/rpc"
ask | nprpc -t 60 >"$T/rpc"
result() { grep '^{' "$T/rpc" | jq -r "select(.id == $1) | .result | $2"; }
text() { grep '^{' "$T/rpc" | jq -r "select(.method == \"notice\" and .params.id == $1) | .params.text"; }
is "$(text 1)" 'waiting for a session' "a request that waits long is told so, once"
ok "after two seconds" [ "$(result 1 '.queue_ms | floor')" -ge 2000 ]
is "$(text 2)" 'waiting for a session' "again at the second wait of the same client"
ok "after two more" [ "$(result 2 '.queue_ms | floor')" -ge 2000 ]
is "$(text 3)" 'queued behind 1' "who waits behind another is told the number"
early=0
for i in 4 5 6 7 8 9; do
	[ "$(result $i '.queue_ms | floor')" -ge 2000 ] || [ -z "$(text $i)" ] || early=$((early + 1))
done
is $early 0 "who has not waited so long is told nothing"
is "$(grep '^{' "$T/rpc" | jq -s -c '[.[] | select(.id and .result) | .result.exit_status] | unique')" '[0]' \
	"timeout 1 runs neither in the queue nor between commands"
ok "npexec -v shows it" wait_until 'grep -q "^npexec: pool: waiting for a session" "$T/loud.err"'
ok "released" released pool
wait_for "$bg_loud"
wait_for "$bg_quiet"
is "$? $(cat "$T/quiet.err")" '0 ' "npexec without -v does not"

# ---- 27: what is never reaped, and what is ----

ok "persistent with max_idle_time 0.3: a session" wait_until '[ "$(device lasting .sessions)" = 1 ]'
lasting=$(device lasting '.list[0].id')
ok "a persistent device whose login is refused" wait_until '[ "$(device locked .state)" = failed ]'
asked=$(events strict ' bad ')
for round in 1 2; do
	ok "$round: a session of a device that is not persistent" npexec -o queue_timeout="$(slow 60)" short true
	ok "$round: goes when it was idle so long" wait_until '[ "$(device short .sessions)" = 0 ]'
done
is "$(device lasting '.list[0].id')" "$lasting" "the persistent one is still the same"
run npexec locked true
like "$err" '^npexec: locked: auth_backoff: ' "the other persistent one is blocked"
is "$(events strict ' bad ')" "$asked" "and was not tried again, though retry_delay is 0.1"

# ---- 23: counters after failures, the limit of a device before that of all ----

is "$(device locked '[.sessions, .queued, .running] | join(" ")')" '0 0 0' "after a refused login nothing is counted"
is "$(status .broker.requests)" 0 "nor by the broker"
ok "max_connections 1 for all, 2 for the device" hold own1 own
hold own2 own
ok "two run" wait_until 'running own1 && running own2'
is "$(device own .sessions)" 2 "over two sessions"
hold narrow narrow
ok "where nothing else is said, one runs" wait_until 'running narrow'
run npexec narrow true
like "$err" '^npexec: narrow: queue_timeout: .*within 0.5 s: its session is busy, 0 requests were ahead' "and no second"

# ---- 23: the client above the limit ----

reload 1 6
# Three npexec hold their places; three more clients make six.
for i in 1 2 3; do
	{
		echo '!wait hello'
		wait_until "[ -e $T/say$i ]" 60
		echo '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"echo served"}}'
	} | nprpc -t 60 >"$T/rpc$i" 2>&1 &
	eval "rpc$i=$!"
	wait_until "grep -q hello $T/rpc$i" # one who has just left may still be counted in its place
done
ok "max_clients 6: with six clients the operator is a seventh" wait_until '[ "$(status .broker.peers)" = 7 ]'
run npexec dev true
is "$status" 255 "npexec is not"
like "$err" '^npexec: .*queue_full: .*6 clients \(max_clients\)' "which is told the limit"
: >"$T/say1"
wait_for "$rpc1"
like "$(cat "$T/rpc1")" 'served' "the six are served as before"
ok "one has left: the next is served at once" npexec dev true

# A client leaves and another comes while the broker looks elsewhere: it learns of both in one turn.
ok "the last place is taken" hold last0 dev
ok "by a command" wait_until 'running last0'
refused=0
for i in 1 2 3 4 5; do
	kill -STOP "$broker_pid"
	eval "kill -KILL \$bg_last$((i - 1))"
	eval "wait_for \$bg_last$((i - 1))" 2>/dev/null
	: >"$T/last$((i - 1)).go"
	hold last$i dev
	eval "pid=\$bg_last$i"
	wait_until "ls -l /proc/$pid/fd | grep -q socket:" || refused=none
	kill -CONT "$broker_pid"
	wait_until "running last$i || ! alive $pid"
	running last$i || refused=$((refused + 1))
done
is "$refused" 0 "five times one leaves and another comes in the same moment: nobody is refused"
ok "the last of them ends" released last5
: >"$T/say2"
: >"$T/say3"
wait_for "$rpc2"
wait_for "$rpc3"
ok "the first ones end as they would" released own1
ok "and the second" released own2
ok "and the third" released narrow

ok "the broker ends well" stop_broker
done_testing
