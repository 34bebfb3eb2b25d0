#!/bin/sh
# --prove on a real sshd and bash, whose terminal repeats at once what is typed ahead: a prompt inside the output, and a
# pause behind it, end no command, and no output reaches another request.
. "$(dirname "$0")/../kit/lib.sh"

# A shell without the start-up files of who runs this, which may take any time.
printf '#!/bin/sh\nHOME=%s exec bash\n' "$T/home" >"$T/login"
chmod 755 "$T/login"
start_sshd dev "ForceCommand $T/login"
start_broker "
devices:
  sh1: {host: dev, device_type: linux, driver: cli, connection_args: {max_connections: 1}}
"
fake='printf %s "${PS1@P}"'

is "$(npexec --prove sh1 'echo one')" one "a shell of its own, proven"
is "$(npexec --prove sh1 "echo before; $fake; sleep 0.7; echo after" | tail -n 1)" after \
	"a prompt in the output and a pause behind it end no command"
is "$(npexec --prove sh1 "echo before; $fake; sleep 0.3; echo; $fake; sleep 0.3; echo after" | grep -o 'before\|after' | tr '\n' ' ')" \
	"before after " "nor do two of them"
is "$(npexec --prove sh1 "$fake; sleep 0.3; $fake; sleep 0.3; echo last" | tail -n 1 | grep -o last)" last \
	"nor prompts without a line end"
is "$(npexec --prove sh1 'echo two')" two "the next command gets its own answer"
run npexec sh1 'echo out; exit_with() { return "$1"; }; exit_with 7'
is "$status $out" "7 out" "a shell's command line knows the exit status, without --prove too"
run npexec sh1 false
is "$status" 1 "also that of false"
run npexec --ignore-errors sh1 false
is "$status" 1 "which is no word of a device"
run npexec sh1 'PS1="9foo7\$ "; (exit 3)'
is "$status" 3 "also with digits in a prompt that is new"
run npexec sh1 'set -x; (exit 4)'
is "$status" 4 "also where the shell shows what it runs"
is "$out" "+ exit 4" "which shows nothing of the proof"
run npexec sh1 'set +x; echo plain'
is "$(echo "$out" | tail -n 1)" plain "and ends"
is "$(npexec -n sh1 'printf %s "${PS1@P}"; sleep 1.5' | sed 's/np-[0-9a-f]*[#$]/NONCE/')" 'NONCE ' \
	"a prompt and nothing else is output"

# Random pauses, four clients at once on one shell: each gets all of its own output, and nothing else.
seed=$$
draw()
{
	seed=$(((seed * 1103515245 + 12345) % 2147483648))
	echo "0.$((seed / 65536 % 4))"
}
# client N: five commands; what is not as it must be is written down.
client()
{
	seed=$((seed + $1 * 7919))
	for _n in 1 2 3 4 5; do
		_a=$(draw)
		seed=$((seed + 1))
		_b=$(draw)
		seed=$((seed + 1))
		npexec sh1 "echo begin-$1-$_n; $fake; sleep $_a; echo; $fake; sleep $_b; echo end-$1-$_n" \
			>"$T/out.$1" 2>&1 || echo "$1-$_n: status $?" >>"$T/wrong"
		_marks=$(grep -o '\(begin\|end\)-[0-9]-[0-9]' "$T/out.$1" | tr '\n' ' ')
		[ "$_marks" = "begin-$1-$_n end-$1-$_n " ] || echo "$1-$_n: $_marks" >>"$T/wrong"
	done
}
: >"$T/wrong"
clients=
for i in 1 2 3 4; do
	client "$i" &
	clients="$clients $!"
done
wait $clients
is "$(cat "$T/wrong")" "" "with random pauses no output is lost or reaches another request (seed $$)"

ok "the broker ends well" stop_broker
done_testing
