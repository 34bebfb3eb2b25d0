#!/bin/sh
# Under a service manager: a socket handed over, and what is reported back.
. "$(dirname "$0")/lib.sh"

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

kill -TERM $manager
wait_for $manager
is $? 0 "TERM: it ends well"
ok "STOPPING=1 was reported" grep -q '^notify: STOPPING=1' "$T/reports"
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
