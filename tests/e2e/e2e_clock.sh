#!/bin/sh
# Clocks that jump, and a machine that sleeps: tests/tool/clockjump.c tells the broker so, nobody else.  What runs goes
# on, nothing runs twice or is lost, and what depends on time is judged by the time that it is.
. "$(dirname "$0")/../kit/lib.sh"
need jq

lib=$bin/tests/tool/clockjump.so
[ -f "$lib" ] || skip_all "no library can be loaded here"
TZ=UTC
export TZ
printf '%-63s\n' '0 0' >"$T/clock"

# jump DAY BOOT: seconds that the time of day is off, and that the machine has slept.
jump()
{
	printf '%-63s\n' "$1 $2" 1<>"$T/clock"
}
ran() { grep -c "^$1\$" "$T/dev/ran"; }
negative() { status '[.. | numbers | select(. < 0)] | length'; }

start_sshd dev
start_simdev cli --scenario ios.txt
add_host gone "$(free_port)"
mkdir -m 700 "$T/agent"
NP_WRAPPER="env LD_PRELOAD=$lib NP_CLOCK_FILE=$T/clock ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0"
start_broker "audit_log: $T/audit
long_connection: {retry_delay: 300, retry_max: 600, queue_timeout: 600, check_delay: 30, max_connections: 1, max_channels: 1}
sockets: [{path: $T/agent/day, role: day}]
policy: [{role: day, devices: [dev], command: 'echo .*', hours: '08:00-18:00', then: allow}]
devices:
  dev: {}
  gone: {}
  cli: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw}"
NP_WRAPPER=

# ---- an hour of sleep ----

is "$(npexec dev 'echo one >>~/ran; echo one')" one "a command"
is "$(npexec cli show privilege)" 'Current privilege level is 15' "and one on a command line"
run npexec gone true
like "$err" connect_failed "nobody answers"
run npexec gone true
like "$err" 'backoff: ' "and nobody is asked again for minutes"
later runs npexec dev "echo two >>~/ran; until [ -e $T/go ]; do sleep 0.05; done; echo two"
ok "a command runs" wait_until '[ "$(ran two)" = 1 ]'
later waits npexec dev 'echo three >>~/ran; echo three'
ok "another one waits for it" wait_until '[ "$(status ".devices[] | select(.device == \"dev\") | .queued")" = 1 ]'
jump 3600 3600
run npexec gone true
like "$err" connect_failed "after an hour of sleep the back-off is over"
: >"$T/go"
ok "what ran has run on" wait_for "$bg_runs"
is "$(cat "$T/runs.out")" two "with all of its output"
wait_for "$bg_waits"
like "$? $(cat "$T/waits.err") $(ran three)" '^255 .* queue_timeout: .* 0$' "what waited for it is told that its time is over, and was not run"
is "$(npexec dev 'echo four >>~/ran; echo four')" four "the next command finds its way"
is "$(npexec cli show privilege)" 'Current privilege level is 15' "on a command line, too"
is "$(ran one) $(ran two) $(ran four)" '1 1 1' "none has run twice"
is "$(negative)" 0 "no age is negative"

# ---- a wrong time of day is put right ----

for off in -90000 90000; do
	is "$(npexec -j dev true | jq -r .reused)" true "a warm session"
	jump $((3600 + off)) 3600
	is "$(npexec -j dev true | jq -r .reused)" true "is one when the time of day jumps by $off"
	is "$(npexec -j cli show privilege | jq -r .reused)" true "and a shell"
	is "$(negative)" 0 "no age is negative"
	like "$(tail -n 1 "$T/audit")" "\"time\":\"$(date -u -d "@$(($(date +%s) + 3600 + off))" +%F)" "the audit log has the new day"
done

# at HOUR: the time of day is that, whatever it is.
at()
{
	jump $(($1 * 3600 + 1800 - $(date +%s) % 86400)) 3600
}
day() { npexec -S "$T/agent/day" dev echo day; }
for hour in 12 20 12; do
	at "$hour"
	run day
	if [ "$hour" = 12 ]; then
		is "$status $out" '0 day' "at $hour o'clock a role's hours are now"
	else
		like "$status $err" '^255 .*denied' "at $hour they are over"
	fi
done
ok "the broker ends well" stop_broker
done_testing
