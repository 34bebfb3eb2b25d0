#!/bin/sh
# What a warm session is worth: whole processes timed side by side in one run, on a private sshd (`make bench`).
#
# NP_BENCH_ROUNDS (200), NP_BENCH_RTT_ROUNDS (40), NP_BENCH_BYTES (256 MiB) and NP_BENCH_BULK_ROUNDS (7) change the size.
# Asserts nothing.
NP_TEST_SECONDS=${NP_BENCH_SECONDS:-1800}
broker_debug=
. "$(dirname "$0")/../kit/lib.sh"

rounds=${NP_BENCH_ROUNDS:-200}
rtt_rounds=${NP_BENCH_RTT_ROUNDS:-40}
bytes=${NP_BENCH_BYTES:-268435456}
bulk_rounds=${NP_BENCH_BULK_ROUNDS:-7}
python=/usr/bin/python3

start_sshd dev
start_relay far dev --delay-ms 25
start_broker
for host in dev far; do
	ssh -F "$T/ssh_config" -M -S "$T/cm-$host" -f -N "$host" </dev/null >/dev/null 2>&1 ||
		diag "no ControlMaster for $host"
	npexec "$host" true || diag "npexec $host failed"
done

cat >"$T/fresh.py" <<'END'
import sys, paramiko
c = paramiko.SSHClient()
c.load_host_keys(sys.argv[4])
c.connect("127.0.0.1", port=int(sys.argv[1]), username=sys.argv[2], key_filename=sys.argv[3],
          allow_agent=False, look_for_keys=False)
_, out, _ = c.exec_command("true")
sys.exit(out.channel.recv_exit_status())
END

# cases HOST ROUNDS EVERY: `true` on HOST, the slow ways only in every EVERY-th round.
cases()
{
	_port=$port_dev
	[ "$1" = dev ] || _port=$port_far
	set -- "$1" "$2" "$3" -n "$2" \
		"ssh -S, ControlMaster" ssh -F "$T/ssh_config" -S "$T/cm-$1" "$1" true -- \
		"npexec, warm" npexec "$1" true -- \
		"ssh, cold/$3" ssh -F "$T/ssh_config" -S none "$1" true --
	_every=$3
	shift 3
	if "$python" -W ignore -c 'import paramiko' 2>/dev/null; then
		set -- "$@" "paramiko, fresh/$_every" "$python" -W ignore "$T/fresh.py" "$_port" "$me" "$T/key" \
			"$T/known_hosts" --
	fi
	bench "$@"
}

echo
echo "host true: whole processes, loopback (ratio: to ssh -S, paired)"
cases dev "$rounds" 10
echo
echo "host true: round trip 50 ms"
cases far "$rtt_rounds" 5
echo
echo "host true: a server that leaves Nagle on"
start_simdev nagle --any-key --nagle
ssh -F "$T/ssh_config" -M -S "$T/cm-nagle" -f -N nagle </dev/null >/dev/null 2>&1 || diag "no ControlMaster for nagle"
npexec nagle true || diag "npexec nagle failed"
bench -n "$rtt_rounds" "ssh -S, ControlMaster" ssh -F "$T/ssh_config" -S "$T/cm-nagle" nagle true -- \
	"npexec, warm" npexec nagle true
# Bulk against the cipher that the broker has chosen as well as ssh's own choice.
cipher=$(status '[.. | .algorithms? // empty][0]' | sed 's/.* //')
ssh -F "$T/ssh_config" -c "$cipher" -M -S "$T/cm-same" -f -N dev </dev/null >/dev/null 2>&1 ||
	diag "no ControlMaster with $cipher"

# bulk COMMAND [OPTION...]: bytes one way.
bulk()
{
	_command=$1
	shift
	bench -n "$bulk_rounds" -w 1 -b "$bytes" "$@" \
		"ssh -S, our cipher" ssh -F "$T/ssh_config" -S "$T/cm-same" dev "$_command" -- \
		"ssh -S, its default" ssh -F "$T/ssh_config" -S "$T/cm-dev" dev "$_command" -- \
		"npexec, warm" npexec dev "$_command"
}

echo
echo "download, $bytes bytes, $cipher"
bulk "head -c $bytes /dev/zero"
echo
echo "download into a pipe, $bytes bytes"
bench -n "$bulk_rounds" -w 1 -b "$bytes" \
	"ssh -S, our cipher" sh -c "ssh -F $T/ssh_config -S $T/cm-same dev 'head -c $bytes /dev/zero' | cat" -- \
	"npexec, warm" sh -c "npexec dev 'head -c $bytes /dev/zero' | cat"
echo
echo "upload, $bytes bytes"
truncate -s "$bytes" "$T/zeros"
bulk "cat >/dev/null" -i "$T/zeros"
echo
echo "broker: $(rss_kb "$broker_pid") kB resident"
for host in dev far nagle; do
	ssh -F "$T/ssh_config" -S "$T/cm-$host" -O exit "$host" 2>/dev/null
done
ssh -F "$T/ssh_config" -S "$T/cm-same" -O exit dev 2>/dev/null
test_done=yes
