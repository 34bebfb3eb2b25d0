#!/bin/sh
# Each key of long_connection and connection_args that shapes sessions has an effect that a real server sees.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_sshd one 'MaxSessions 1'
start_simdev sim --any-key
start_relay far sim
for alias in idle keep off caps slots single aged checked; do
	case $alias in
	caps) add_host $alias "$port_one" ;;
	keep | off | checked) add_host $alias "$port_sim" ;;
	*) add_host $alias "$port_dev" ;;
	esac
done
start_broker "
long_connection:
  enabled: true
  max_idle_time: 300
  keepalive_interval: 60
  max_connections: 10
  connection_timeout: $(slow 30)
devices:
  idle:
    connection_args: {max_idle_time: 1}
  keep:
    username: keeper
    connection_args: {keepalive: true, keepalive_interval: 0.5}
  off:
    username: silent
    connection_args: {keepalive: false, keepalive_interval: 0.5}
  checked:
    username: checked
    connection_args: {keepalive_interval: 0, check_delay: $(slow 3)}
  far:
    connection_args: {keepalive_interval: 1, keepalive_count_max: 2}
  caps:
    connection_args: {max_connections: 2}
  slots:
    connection_args: {max_connections: 1, max_channels: 2}
  single:
    connection_args: {enabled: false}
  aged:
    connection_args: {max_age: 1}
"
sessions() { status ".devices[] | select(.device == \"$1\") | .sessions"; }

# ---- max_idle_time ----

ok "dev: a session" npexec dev true
ok "idle: a session" npexec idle true
ok "max_idle_time 1: an unused session is closed" wait_until '[ "$(sessions idle)" = 0 ]' 10
ok "the server saw it go" wait_until 'grep -q "^Disconnected from\|^Received disconnect" "$T/dev/log"'
is "$(sessions dev)" 1 "max_idle_time 300: the other stays"
ok "idle: the next command connects again" npexec idle true

# ---- keepalive_interval, keepalive ----

npexec keep true
npexec off true
ok "keepalive_interval 0.5: the server is probed" wait_until '[ "$(events sim keepalive)" -ge 3 ]' 10
like "$(status '.devices[] | select(.device == "keep") | .rtt_ms')" '^[0-9.]+$' "and the round trip is measured"
is "$(status '.devices[] | select(.device == "off") | .rtt_ms')" null "keepalive false: no probe"
is "$(sessions keep)" 1 "an answered probe keeps the session"

# ---- keepalive_count_max ----

npexec far true
relay far drop
ok "keepalive_count_max 2: a session that answers no probe is given up" wait_until '[ "$(sessions far)" = 0 ]' 15
relay far close
relay far thaw
ok "and the next command has a new one" npexec far true

# ---- check_delay ----

probes() { grep -c "^keepalive $1\$" "$T/sim/events"; }
npexec checked true
client=$(sed -n 's/^auth publickey checked ok //p' "$T/sim/events")
npexec checked true
is "$(probes "$client")" 0 "check_delay: a session just used is not probed"
ok "after a pause" wait_until '[ "$(status ".devices[] | select(.device == \"checked\") | .last_used > $(slow 3).1")" = true ]'
npexec checked true
probed=$(probes "$client")
ok "check_delay: it is probed before the command" [ "$probed" -gt 0 ]
npexec checked true
is "$(probes "$client")" "$probed" "and not before the next"

# ---- max_connections ----

before=$(connections one)
pids=
for _ in 1 2 3 4 5 6; do
	npexec caps 'sleep 0.3' </dev/null &
	pids="$pids $!"
done
bad=0
for pid in $pids; do
	wait_for "$pid" || bad=$((bad + 1))
done
is "$bad" 0 "max_connections 2 on a server with one channel each: six commands succeed"
is "$(($(connections one) - before))" 2 "over two connections"

# ---- max_channels ----

pids=
for i in 1 2 3 4 5 6; do
	npexec slots "echo + >>$T/slots; sleep 0.2; echo - >>$T/slots" </dev/null &
	pids="$pids $!"
done
for pid in $pids; do
	wait_for "$pid" || bad=$((bad + 1))
done
is "$bad" 0 "max_channels 2: six commands succeed"
is "$(awk '/[+]/ { n++; if (n > max) max = n } /-/ { n-- } END { print max }' "$T/slots")" 2 "at most two at a time"

# ---- enabled ----

before=$(logins dev)
npexec single true
npexec single true
is "$(($(logins dev) - before))" 2 "enabled false: a connection for each request"
ok "closed afterwards" wait_until '[ "$(sessions single)" = 0 ]' 5

# ---- --fresh ----

before=$(logins dev)
session=$(npexec -j dev true | jq -r .session)
is "$(npexec -j --fresh dev true | jq -r .reused)" false "--fresh takes no warm session"
is "$(($(logins dev) - before))" 1 "but logs in"
is "$(npexec -j dev true | jq -r .session)" "$session" "and leaves the others their own"

# ---- max_age ----

before=$(logins dev)
bad=0
aged_run()
{
	npexec aged true || bad=$((bad + 1))
	[ $(($(logins dev) - before)) -ge 3 ]
}
ok "max_age 1: sessions in use are replaced" wait_until aged_run 15
is "$bad" 0 "and no command notices"

# ---- persistent ----

write_config "
devices:
  dev: {connection_args: {persistent: true, retry_delay: 0.2, retry_max: 0.5}}
"
sessions() { status ".devices[] | select(.device == \"$1\") | .sessions"; }
# The server knows of a login before the broker does: one that is closed then was a failed attempt.
has_logged_in() { [ "$(logins dev)" -gt "$before" ] && [ "$(sessions dev)" = 1 ]; }
before=$(logins dev)
npctl close dev >/dev/null
npctl reload >/dev/null
ok "persistent: connects without a request" wait_until has_logged_in
kill_server dev
before=$(logins dev)
ok "restart the server" restart_sshd dev
ok "persistent: connects again by itself" wait_until has_logged_in 60

# A person who closes means it: until a request, npctl open, or reload.
closed()
{
	npctl close "$@" >/dev/null
	ok "persistent: npctl close $1 closes it" wait_until '[ "$(sessions dev)" = 0 ]'
	before=$(logins dev)
	npctl sync
	is "$(status '.devices[] | select(.device == "dev") | .state')" disconnected "and does not open it again"
	is "$(logins dev)" "$before" "nor log in"
}
closed dev
npexec dev true
ok "until a request: then it is kept again" wait_until '[ "$(sessions dev)" = 1 ]'
kill_server dev
before=$(logins dev)
restart_sshd dev
ok "and made again when it is lost" wait_until has_logged_in 60
closed dev --now
ok "until npctl open" npctl open dev
closed "#$(status '.devices[] | select(.device == "dev") | .list[0].id')" --now
npctl reload >/dev/null
ok "until a reload" wait_until '[ "$(sessions dev)" = 1 ]'

ok "the broker ends well" stop_broker
done_testing
