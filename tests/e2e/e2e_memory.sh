#!/bin/sh
# A broker whose address space ends (RLIMIT_AS), under load: it refuses with a reason, or ends and says why, and what
# it has told its clients is true: a command that succeeded has run once and has all of its output, any other has run once
# at most, and its client knows a reason.
. "$(dirname "$0")/../kit/lib.sh"
need prlimit
! grep -q '__[at]san_init' "$bin/netpulsed" || skip_all "sanitizers need all of the address space"
[ -z "${NP_WRAPPER:-}" ] || skip_all "so does valgrind"

size=2000000
start_sshd dev
start_simdev cli --scenario ios.txt

# load: a dozen commands with output on new and warm sessions, and a few on a command line.
load()
{
	: >"$T/dev/ran"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		later "c$i" npexec -o max_channels=2 dev "echo $i >>~/ran; head -c $size /dev/zero | tr '\\000' x"
	done
	for i in 13 14 15; do
		later "c$i" npexec cli show lines 2000
	done
}

# verdict, no subshell, as it waits: what is wrong with what the clients were told.
verdict()
{
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		eval "wait_for \$bg_c$i 60"
		_status=$?
		_runs=$(grep -cx "$i" "$T/dev/ran")
		_got=$(wc -c <"$T/c$i.out")
		case $_status in
		0)
			[ "$i" -gt 12 ] || { [ "$_runs" = 1 ] && [ "$_got" = $size ]; } || echo "$i: success, run $_runs times, $_got bytes"
			;;
		255)
			grep -q '^npexec: .*: ' "$T/c$i.err" || echo "$i: no reason: $(cat "$T/c$i.err")"
			[ "$_runs" -le 1 ] || echo "$i: run $_runs times"
			;;
		*) echo "$i: status $_status: $(tail -n 2 "$T/c$i.err")" ;;
		esac
	done
}

ended=0
for spare in 0 200 600 1500 4000 10000 30000 100000; do
	: >"$T/broker.log"
	start_broker 'long_connection: {retry_delay: 0.1, retry_max: 0.1}
devices:
  dev: {}
  cli: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw}'
	npexec dev true
	space=$(sed -n 's/^VmSize:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$broker_pid/status")
	prlimit --pid "$broker_pid" "--as=$(((space + spare) * 1024)):"
	load
	verdict >"$T/verdict"
	is "$(cat "$T/verdict")" '' "$spare KiB of address space are left: what clients are told is true"
	if alive "$broker_pid"; then
		prlimit --pid "$broker_pid" --as=unlimited:
		ok "the broker serves on" wait_until '[ "$(npexec dev echo hello)" = hello ]'
		ok "and ends well" stop_broker
	else
		ended=$((ended + 1))
		ok "it has ended and says why" grep -qi 'memory' "$T/broker.log"
		broker_pid=
	fi
done
diag "ended $ended times"
done_testing
