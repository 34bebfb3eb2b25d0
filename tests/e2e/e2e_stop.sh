#!/bin/sh
# The end of a broker: TERM drains, what waits is refused, a second TERM ends at once.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
config="
drain_timeout: $(slow 20)
devices:
  dev: {connection_args: {max_connections: 1, max_channels: 1}}
"

# occupy: one command that runs until $T/go exists, and one that waits behind it.
occupy()
{
	rm -f "$T/go" "$T/up" "$T/err" "$T/queued"
	npexec dev "echo up; until [ -e $T/go ]; do sleep 0.1; done; echo end" >"$T/up" 2>"$T/err" </dev/null &
	running=$!
	wait_until '[ -s "$T/up" ]'
	npexec dev 'echo never' >"$T/never" 2>"$T/queued" </dev/null &
	queued=$!
	wait_until '[ "$(status ".devices[0].queued")" = 1 ]'
}

# ---- drain ----

start_broker "$config"
ok "one command runs, one waits" occupy
kill -TERM "$broker_pid"
wait_for "$queued"
is $? 255 "TERM: what waits exits 255"
like "$(cat "$T/queued")" '^npexec: dev: shutting_down: ' "reason shutting_down"
run npexec --no-start dev true
is "$status" 255 "new calls exit 255"
ok "the broker lives while the command runs" alive "$broker_pid"
: >"$T/go"
wait_for $running
is $? 0 "the command ends as it would"
is "$(tail -n 1 "$T/up")" end "with all its output"
wait_for "$broker_pid"
is $? 0 "then the broker ends, status 0"
ok "the socket is gone" [ ! -e "$NETPULSE_SOCKET" ]

# ---- a second TERM ----

start_broker "$config"
ok "one command runs, one waits" occupy
kill -TERM "$broker_pid"
wait_for "$queued"
kill -TERM "$broker_pid"
wait_for "$broker_pid"
is $? 0 "a second TERM ends the broker at once"
wait_for $running
is $? 255 "the command is cut"
like "$(cat "$T/err")" '^npexec: dev: (outcome_unknown|shutting_down): ' "and its client is told"
: >"$T/go"

# ---- npctl stop, npctl stop --now ----

start_broker "$config"
ok "one command runs, one waits" occupy
npctl stop &
stopping=$!
wait_for "$queued"
like "$(cat "$T/queued")" 'shutting_down' "drains as TERM does"
ok "npctl still answers" npctl status
is "$(status .broker.state)" draining "and says that it drains"
ok "npctl stop waits for the end" alive $stopping
ok "npctl stop --now" npctl stop --now
wait_for "$broker_pid"
is $? 0 "ends at once"
wait_for $stopping
is $? 0 "which the waiting npctl sees as well"
wait_for $running
is $? 255 "the command is cut"
: >"$T/go"

# ---- drain_timeout ----

start_broker 'drain_timeout: 1'
npexec dev 'echo up; sleep 30' >"$T/up2" 2>"$T/err" </dev/null &
running=$!
ok "a long command" wait_until '[ -s "$T/up2" ]'
kill -INT "$broker_pid"
wait_for "$broker_pid" 10
is $? 0 "drain_timeout 1: INT waits no longer than that"
wait_for $running
is $? 255 "the command is cut"

# ---- while a login is under way, and with a persistent device ----

start_simdev late --any-key --auth-delay 30
before=$(logins dev)
start_broker '
devices:
  dev: {connection_args: {persistent: true}}
'
ok "a persistent device" wait_until '[ "$(status ".devices[0].sessions")" = 1 ]'
npexec late true >"$T/late.err" 2>&1 </dev/null &
running=$!
ok "a login that takes long" wait_until '[ "$(events late "^connect")" = 1 ]'
npctl stop --now
wait_for "$broker_pid" 20
is $? 0 "npctl stop --now does not wait for it"
wait_for $running
is $? 255 "who waited for it is told"
at_most "$(($(logins dev) - before))" 1 "and the persistent device is not opened again"

# ---- nothing to do ----

start_broker
npexec dev true
kill -TERM "$broker_pid"
wait_for "$broker_pid" 20
is $? 0 "TERM with idle sessions: status 0, without sitting out drain_timeout (30 s)"
ok "the server saw a polite end" wait_until 'tail -n 4 "$T/dev/log" | grep -q "^Received disconnect\|^Disconnected from"'
broker_pid=
done_testing
