#!/bin/sh
# What breaks ends with the named reason, and nobody else notices.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_sshd other
start_relay cut dev
start_simdev odd --any-key
start_simdev refusing --any-key --refuse-exec
start_simdev dropping --drop
start_simdev narrow --any-key --max-channels 1
start_broker "
long_connection: {retry_delay: 0.1, retry_max: 0.2, queue_timeout: $(slow 10)}
"
npexec other true
npexec dev true
other_session=$(npexec -j other true | jq -r .session)
fds=$(count_fds "$broker_pid")
rss=$(rss_kb "$broker_pid")

# ---- a client dies ----

later victim npexec odd 'flood 1000000000'
ok "a command runs" wait_until '[ -s "$T/victim.out" ]'
kill -KILL "$bg_victim"
ok "its client is killed: the remote gets TERM" wait_until '[ "$(events odd "^signal TERM")" = 1 ]'
later victim npexec dev 'while echo up; do sleep 0.1; done'
ok "a command runs on a real server" wait_until '[ -s "$T/victim.out" ]'
kill -KILL "$bg_victim"
ok "its client is killed: it stops, and its channel is free again" wait_until \
	'[ "$(status "[.devices[] | select(.device == \"dev\") | .running] | add")" = 0 ]'
is "$(npexec -j dev true | jq -r .reused)" true "the session lives on"

# ---- the server dies ----

later killed npexec cut 'echo up; sleep 30'
ok "a command runs" wait_until '[ -s "$T/killed.out" ]'
relay cut close
wait_for "$bg_killed"
is $? 255 "the connection ends under a command: exit status 255"
like "$(cat "$T/killed.err")" '^npexec: cut: outcome_unknown: ' "reason outcome_unknown"
ok "the next command connects again" npexec cut true

later reset npexec cut 'echo up; sleep 30'
ok "a command runs" wait_until '[ -s "$T/reset.out" ]'
relay cut reset
wait_for "$bg_reset"
like "$(cat "$T/reset.err")" '^npexec: cut: outcome_unknown: .*reset' "a connection reset is named"

# A warm session that died silently is replaced before anything is sent.
npexec cut true
relay cut close
ok "between commands the client does not notice" npexec cut true

# ---- servers that behave badly ----

run npexec dropping true
is "$status" 255 "closed in the handshake: exit status 255"
like "$err" '^npexec: dropping: connect_failed: ' "reason connect_failed"
run npexec refusing true
is "$status" 255 "exec refused: exit status 255"
like "$err" '^npexec: refusing: exec_refused: ' "reason exec_refused"
run npexec odd no-status
is "$status" 255 "a channel closed without status: exit status 255"
like "$err" '^npexec: odd: outcome_unknown: ' "reason outcome_unknown"
is "$(npexec -j odd no-status 2>/dev/null | jq -c '[.exit_status, (.error.data.reason // .error.reason)]')" \
	'[null,"outcome_unknown"]' "exit_status is null"
run npexec odd 'signal KILL'
is "$status" 137 "a signal from a simulated device"
pids=
bad=0
for _ in 1 2 3 4; do
	npexec narrow 'sleep 0.2' </dev/null &
	pids="$pids $!"
done
for pid in $pids; do
	wait_for "$pid" || bad=$((bad + 1))
done
is "$bad" 0 "a server with one channel a connection serves four at once"

run npexec nobody@127.0.0.1:1 true
is "$status" 255 "nobody listens: exit status 255"
like "$err" '^npexec: nobody@127.0.0.1:1: connect_failed: .*refused' "reason connect_failed"
run npexec no.such.host.invalid true
like "$err" '^npexec: no.such.host.invalid: resolve_failed: ' "an unknown name: resolve_failed"

# ---- a server process that stands still ----

start_simdev still --any-key
write_config "
devices:
  still: {connection_args: {keepalive_interval: 1, keepalive_count_max: 2, connection_timeout: $(slow 4), queue_timeout: 0}}
"
npctl reload >/dev/null
later frozen npexec still 'sleep 30'
ok "a command runs" wait_until '[ "$(events still "^exec sleep")" = 1 ]'
eval "kill -STOP $pid_still"
wait_for "$bg_frozen"
like "$(cat "$T/frozen.err")" '^npexec: still: outcome_unknown: .*keep-alive' "a server that stands still is found by probes"
run npexec still true
like "$err" '^npexec: still: connect_timeout: ' "and lets nobody wait longer than connection_timeout"
eval "kill -CONT $pid_still"

# ---- everybody else ----

is "$(npexec -j other true | jq -r .session)" "$other_session" "the other device kept its session all the while"
for device in cut odd refusing narrow still; do
	npctl close $device >/dev/null
done
broker_is_back $((fds + 1)) $((rss + 6000)) # and the socket of a device that was configured meanwhile

ok "the broker ends well" stop_broker
done_testing
