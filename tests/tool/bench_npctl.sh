#!/bin/sh
# Whether npctl answers at once whatever the broker does: each of its commands as a whole process, while nothing goes on;
# while a transfer of NP_BENCH_BYTES runs and 100 devices connect, as routers do, that take their time over a login; with
# devices that answer at once, log-ins and transfers without end, which is more than this machine can do; and with 1,000
# devices configured (`make bench').  `npctl --version' asks no broker: it is what a process costs on this machine now, and
# the load average says who else is at work there.
#
# NP_BENCH_NPCTL_ROUNDS (30) and NP_BENCH_BYTES (1 GiB) change the size.  Asserts nothing.
NP_TEST_SECONDS=${NP_BENCH_SECONDS:-1800}
broker_debug=
. "$(dirname "$0")/../kit/lib.sh"

rounds=${NP_BENCH_NPCTL_ROUNDS:-30}
bytes=${NP_BENCH_BYTES:-1073741824}

start_sshd big
start_simdev slow --scenario ios.txt --listen 127.0.8.1 --count 100 --auth-delay 1
add_addresses slow '127.0.8.*'
start_simdev sim --scenario ios.txt --listen 127.0.9.1 --count 100
add_addresses sim '127.0.9.*'

# configured NUMBER: so many devices, of which the first 100 exist, and s1 to s100, the slow ones.
configured()
{
	echo "devices:"
	echo "  big: {}"
	awk -v n="$1" 'BEGIN {
		for (i = 1; i <= 100; i++)
			printf "  s%d: {host: 127.0.8.%d, device_type: cisco_ios, username: admin, password: admin-pw, groups: [slow]}\n", i, i
		for (i = 1; i <= n; i++)
			printf "  d%d: {host: 127.0.%d.%d, device_type: cisco_ios, username: admin, password: admin-pw%s}\n",
				i, i <= 100 ? 9 : 10 + i / 200, i <= 100 ? i : 1 + i % 200, i <= 100 ? ", groups: [sim]" : ""
	}'
}

# Repeats a command until $T/$1 is gone; says how often it was run.
repeat()
{
	_flag=$T/$1
	shift
	_times=0
	: >"$_flag"
	while [ -e "$_flag" ]; do
		"$@" </dev/null >/dev/null 2>>"$T/repeat.err" || echo "$*: status $?" >>"$T/repeat.err"
		_times=$((_times + 1))
		echo "$_times" >"$_flag.times"
	done
}

# Every command that answers at once.  d99 is a device that logs in, d100 one that is not in use.
all_commands()
{
	bench -l 100 -n "$rounds" \
		"version (no broker)" npctl --version -- \
		"ping" npctl ping -- \
		"status" npctl status -- \
		"status --all" npctl status --all -- \
		"status --json" npctl status --json -- \
		"status DEVICE" npctl status d99 -- \
		"status DEVICE --json" npctl status --json d99 -- \
		"metrics" npctl metrics -- \
		"metrics --devices" npctl metrics --devices -- \
		"config show" npctl config show -- \
		"config show DEVICE" npctl config show d99 -- \
		"config check (no broker)" env NETPULSE_DAEMON="$bin/netpulsed" npctl config check -f "$T/config.yaml" -- \
		"platform list" npctl platform list -- \
		"platform show NAME" npctl platform show cisco_ios -- \
		"watch, first line+" npctl watch -- \
		"pause" npctl pause d100 -- \
		"resume" npctl resume d100 -- \
		"drain" npctl drain d100 -- \
		"enable" npctl enable d100 -- \
		"disable" npctl disable d100 -- \
		"enable" npctl enable d100 -- \
		"close" npctl close d100 -- \
		"reload" npctl reload -- \
		"sync" npctl sync
}

lag()
{
	npctl metrics | awk '
		/^netpulse_loop_[a-z_]*_bucket/ { split($1, part, "\""); if ($2 > last) worst = part[2]; last = $2 }
		END {
			worst = worst == "+Inf" ? "longer than all buckets" : "up to " worst " s"
			print "the loop'\''s longest turn so far: " worst
		}'
}

# The machine's load comes first: what it takes is nobody's promise.
title()
{
	echo
	echo "npctl$1 (load average $(cut -d' ' -f1 /proc/loadavg) on $(getconf _NPROCESSORS_ONLN) processors)"
}

# What the scheduler says of the broker's loop since the last time; nothing where the kernel does not count it.
loop_waits()
{
	[ -r "/proc/$broker_pid/task/$broker_pid/schedstat" ] || return 0
	read -r _ran _waited _ <"/proc/$broker_pid/task/$broker_pid/schedstat"
	echo "the loop ran for $(((_ran - ran) / 1000000)) ms and waited for a processor for $(((_waited - waited) / 1000000)) ms"
	ran=$_ran
	waited=$_waited
}

# under_load WHAT DEVICES: every command while these devices log in again and again, and bytes go through.
under_load()
{
	title ": $bytes bytes go through, and $1"
	repeat transfer npexec big "head -c $bytes /dev/zero" &
	transfer=$!
	repeat logins npexec -n -q -P 100 --fresh "$2" 'show clock' &
	logins=$!
	wait_until "npctl status --json | jq -e '.broker.connecting > 20 and any(.requests[]; .bytes_in > 0 or .bytes_out > 0)'"
	loop_waits >/dev/null
	all_commands
	loop_waits
	rm "$T/transfer" "$T/logins"
	wait "$transfer" "$logins"
	echo "meanwhile: $(cat "$T/transfer.times") transfers, $(cat "$T/logins.times") times all log-ins; $(lag)"
	sort "$T/repeat.err" | uniq -c | head -n 5
}

ran=0
waited=0
start_broker "$(configured 100)"
npexec -n big true || diag "npexec big failed"
title ", whole processes: the broker has nothing else to do"
all_commands

under_load "100 devices connect that take a second for each answer to a login" 's[1-100]'
under_load "99 devices that answer at once log in without end" 'd[1-99]'

title ": 1,000 devices configured, 100 of them in use"
write_config "$(configured 1000)"
npctl reload >/dev/null || diag "the configuration was not read"
npexec -n -q -P 100 'd[1-100]' 'show clock' >/dev/null || diag "not all log in"
bench -l 100 -n "$rounds" \
	"version (no broker)" npctl --version -- \
	"status" npctl status -- \
	"status --all" npctl status --all -- \
	"status --json" npctl status --json -- \
	"metrics --devices" npctl metrics --devices -- \
	"config check (no broker)" env NETPULSE_DAEMON="$bin/netpulsed" npctl config check -f "$T/config.yaml" -- \
	"reload" npctl reload
echo "broker: $(rss_kb "$broker_pid") kB resident; $(lag)"
test_done=yes
