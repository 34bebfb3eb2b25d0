#!/bin/sh
# Under load: brokers and servers that are restarted, a network that flaps (scenarios 39 and 42 of HACKING.md).  Every
# command ends with success or with a named error, none runs twice, and afterwards all is as it was.
# Many processes: on a busy machine they take their time.
NP_TEST_SECONDS=${NP_TEST_SECONDS:-300}
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev 'MaxSessions 10'
start_sshd calm
start_relay flap dev
NETPULSE_CONFIG=$T/config.yaml
NETPULSE_DAEMON=$bin/netpulsed
export NETPULSE_CONFIG
config="
long_connection: {retry_delay: 0.1, retry_max: 0.3, connection_timeout: $(slow 3)}
drain_timeout: $(slow 5)
devices:
  dev: {}
  calm: {}
  flap: {connection_args: {keepalive_interval: 1, keepalive_count_max: 2, check_delay: 1}}
"

# load COUNT DEVICE: so many clients run command after command until $T/enough exists.  A command leaves its name in
# $T/ran, its client in $T/done when it succeeded, else what it said in $T/failed; $loaders.
load()
{
	rm -f "$T/enough" "$T/ran" "$T/done" "$T/failed"
	: >"$T/ran"
	: >"$T/done"
	: >"$T/failed"
	loaders=
	for _i in $(seq "$1"); do
		(
			n=0
			until [ -e "$T/enough" ]; do
				n=$((n + 1))
				if said=$(npexec "$2" "echo $_i.$n >>$T/ran" 2>&1 </dev/null); then
					echo "$_i.$n" >>"$T/done"
				else
					echo "$? $said" >>"$T/failed"
				fi
				sleep 0.1
			done
		) &
		loaders="$loaders $!"
	done
}
progress() { wc -l <"$T/done"; }
# more COUNT: waits until so many further commands have succeeded.
more()
{
	_goal=$(($(progress) + $1))
	wait_until "[ \$(progress) -ge $_goal ]" 40
}
# judge REASONS WHAT: ends the load.
judge()
{
	: >"$T/enough"
	_bad=0
	for _pid in $loaders; do
		wait_for "$_pid" 60 || _bad=$((_bad + 1))
	done
	is $_bad 0 "$2: every client ends"
	is "$(grep -Ev "^255 npexec: ([a-z]+: )?($1): " "$T/failed" | sort | uniq -c | head -n 5)" '' \
		"$2: what fails has a reason: $1"
	diag "$(progress) succeeded; failed: $(sed 's/^255 npexec: \([a-z]*: \)*\([a-z_]*\):.*/\2/' "$T/failed" | sort | uniq -c | tr -s ' \n' ' ')"
	is "$(sort "$T/ran" | uniq -d)" '' "$2: no command was run twice"
	sort "$T/done" >"$T/done.sorted"
	is "$(sort -u "$T/ran" | comm -13 - "$T/done.sorted")" '' "$2: what succeeded has run"
}

# ---- 39: five brokers, one after the other ----

write_config "$config"
load 5 dev
for how in TERM KILL TERM KILL TERM; do
	ok "commands succeed" more 5
	pid=$(status .broker.pid)
	kill -$how "$pid"
	ok "a broker is ended by $how" wait_until "! alive $pid"
done
ok "the next one serves, started by itself" more 5
judge 'shutting_down|outcome_unknown|cancelled' 'brokers restarted'
ok "one broker is left" wait_until '[ "$(brokers | wc -l)" = 1 ]'
npctl stop >/dev/null
ok "it ends" wait_until '[ -z "$(brokers)" ]'

# ---- 39: five servers, one after the other ----

NETPULSE_DAEMON=/nonexistent/netpulsed
start_broker "$config"
npexec calm true
npexec dev true
npexec flap true
calm=$(npexec -j calm true | jq -r .session)
fds=$(count_fds "$broker_pid")
rss=$(rss_kb "$broker_pid")
load 5 dev
for _ in 1 2 3 4 5; do
	ok "commands succeed" more 5
	failures=$(wc -l <"$T/failed")
	kill_server dev
	ok "the server dies, and commands fail" wait_until '[ "$(wc -l <"$T/failed")" -gt "$failures" ]'
	restart_sshd dev
done
ok "the server is back, and commands succeed" more 5
judge 'connect_failed|outcome_unknown|backoff|channel_refused' 'servers restarted'
is "$(npexec -j calm true | jq -r .session)" "$calm" "the other device has not noticed"

# ---- 42: a network that flaps ----

load 24 flap
ok "commands succeed" more 24
for _ in 1 2 3; do
	relay flap drop
	sleep 0.7
	relay flap reset
	relay flap thaw
	more 8 >/dev/null
	relay flap freeze
	sleep 0.3
	relay flap thaw
	relay flap refuse
	relay flap close
	sleep 0.3
	relay flap accept
	more 8 >/dev/null
done
ok "the network is well again, and commands succeed" more 24
judge 'connect_failed|connect_timeout|outcome_unknown|backoff|queue_timeout|channel_refused' 'a flapping network'
run npexec flap 'echo fine'
is "$status $out$err" '0 fine' "the device is as it was"
is "$(npexec -j calm true | jq -r .session)" "$calm" "the other device has not noticed"
ok "no request is left" wait_until '[ "$(status .broker.requests)" = 0 ]'
ok "no channel either" wait_until '[ "$(status "[.devices[].running] | add")" = 0 ]'
npctl close --wait dev flap >/dev/null
npexec dev true
npexec flap true
is "$(status '[.devices[].sessions] | add')" 3 "three sessions, as at first"
broker_is_back "$fds" $((rss + 8000))

ok "the broker ends well" stop_broker
done_testing
