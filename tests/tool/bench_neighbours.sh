#!/bin/sh
# What bad neighbours cost: commands on two good devices while others flood, say nothing and die in the key exchange, one
# after the other without end (`make bench`).  The promise: no failure, and the 99th percentile within twice the quiet
# value of the same run.  The same flood by ssh, past the broker, says what of it is this machine's.
#
# NP_BENCH_NEIGHBOURS (500 on each device) changes the size.  Asserts nothing.
NP_TEST_SECONDS=${NP_BENCH_SECONDS:-900}
broker_debug=
. "$(dirname "$0")/../kit/lib.sh"

rounds=${NP_BENCH_NEIGHBOURS:-500}

start_sshd dev
start_sshd flood
start_simdev cli --scenario ios.txt
start_simdev silent --silent
start_simdev drops --drop
start_broker "long_connection: {connection_timeout: 2, retry_delay: 0.1, retry_max: 0.1}
devices:
  cli: {device_type: cisco_ios, username: admin, password: admin-pw}"
npexec flood true
npexec dev true
npexec cli 'show clock' >/dev/null

# commands TITLE
commands()
{
	echo "$1"
	bench -l 100 -n "$rounds" "exec" npexec -n dev true -- "command line" npexec -n cli 'show clock'
}

# Again and again until $T/trouble is gone; how often is in $T/times.NAME.
again()
{
	_name=$1
	shift
	_times=0
	while [ -e "$T/trouble" ]; do
		"$@" </dev/null >/dev/null 2>&1
		_times=$((_times + 1))
		echo "$_times" >"$T/times.$_name"
	done
}

# troubles: all of them, until `peace`.
troubles()
{
	: >"$T/trouble"
	pids=
	for _flood in "$@"; do
		again flood timeout 3 $_flood yes &
		pids="$pids $!"
	done
	[ "$1" != 'npexec flood' ] || for _name in silent drops; do
		again "$_name" npexec "$_name" true &
		pids="$pids $!"
	done
}
peace()
{
	rm "$T/trouble"
	# shellcheck disable=SC2086
	wait $pids
}

echo
commands "quiet"
troubles 'npexec flood'
commands "beside a flood, a silent device, and one that dies in the key exchange"
peace
echo "  (meanwhile: $(cd "$T" && for _file in times.*; do echo "${_file#times.} $(cat "$_file")"; done | paste -sd,) times)"
commands "quiet again"
troubles "ssh -F $T/ssh_config -S none flood"
commands "beside the same flood by ssh, past the broker"
peace
stop_broker
test_done=yes
