#!/bin/sh
# Under a service manager: a socket handed over, and what is reported back.
. "$(dirname "$0")/../kit/lib.sh"

start_sshd dev
write_config ''
NETPULSE_SOCKET=$T/run/act
activate "$NETPULSE_SOCKET" netpulsed -f "$T/config.yaml" >"$T/reports" 2>"$T/broker.log" </dev/null &
manager=$!
polite_pids=$manager

is "$(wait_until '[ -S "$NETPULSE_SOCKET" ]' && npexec --no-start dev 'echo hi')" hi "the handed-over socket is served"
ok "READY=1 is reported" wait_until 'grep -q "^notify: READY=1" "$T/reports"'
ok "and a status" wait_until 'grep -q "^notify: STATUS=." "$T/reports"'
ok "npctl ping" npctl ping

: >"$T/reports"
kill -HUP $manager
ok "HUP: RELOADING=1 is reported" wait_until 'grep -q "^notify: RELOADING=1" "$T/reports"'
ok "then READY=1" wait_until 'grep -q "^notify: READY=1" "$T/reports"'


: >"$T/reports"
ok "npctl reload" npctl reload
ok "RELOADING=1 is reported as well" wait_until 'grep -q "^notify: RELOADING=1" "$T/reports"'
ok "then READY=1 again" wait_until 'grep -q "^notify: READY=1" "$T/reports"'

npexec dev "echo up; until [ -e $T/go ]; do sleep 0.1; done" >"$T/up" </dev/null &
running=$!
ok "a command runs" wait_until '[ -s "$T/up" ]'
: >"$T/reports"
kill -TERM $manager
ok "STOPPING=1 is reported" wait_until 'grep -q "^notify: STOPPING=1" "$T/reports"'
# Listed, by the name that activate gave the socket first, are those that are connected and those that nobody has accepted.
# Who was there may leave at any time.
comers() { awk -v path="$NETPULSE_SOCKET.new" '$NF == path { print $(NF - 1) }' /proc/net/unix; }
comers >"$T/before"
later late npexec --no-start dev true
wait_until "comers | grep -qvxFf $T/before || ! alive $bg_late"
reloads=$(grep -c 'config: reloaded' "$T/broker.log")
kill -HUP $manager
ok "a reload while it drains" wait_until '[ "$(grep -c "config: reloaded" "$T/broker.log")" -gt "$reloads" ]'
: >"$T/go"
wait_for $running
is $? 0 "what ran ends"
wait_for $manager
is $? 0 "TERM: it ends well"
unlike "$(cat "$T/reports")" 'READY=1' "and was not ready again"
wait_for "$bg_late"
unlike "$(cat "$T/late.err")" 'shutting_down|shutting down' "who came meanwhile waited for the next one"
ok "the socket belongs to the manager and stays" [ -S "$NETPULSE_SOCKET" ]
polite_pids=

# ---- watchdog ----

rm "$NETPULSE_SOCKET"
NETPULSE_SOCKET=$T/run/act2
WATCHDOG_USEC=400000 activate "$NETPULSE_SOCKET" netpulsed -f "$T/config.yaml" >"$T/reports" 2>>"$T/broker.log" </dev/null &
manager=$!
polite_pids=$manager
ok "WATCHDOG=1 is reported in time" wait_until '[ "$(grep -c "^notify: WATCHDOG=1" "$T/reports")" -ge 3 ]' 10
kill -TERM $manager
wait_for $manager
is $? 0 "it ends well"
polite_pids=

# Variables meant for another process are not believed.
NETPULSE_SOCKET=$T/run/own
LISTEN_PID=1 LISTEN_FDS=1 netpulsed -S "$NETPULSE_SOCKET" -f "$T/config.yaml" 2>>"$T/broker.log" </dev/null &
broker_pid=$!
ok "LISTEN_PID of another process: it makes its own socket" wait_until 'npctl ping'
ok "the broker ends well" stop_broker
done_testing
