#!/bin/sh
# The mux door of devices with an interactive command line: an unmodified ssh gets what npexec gets.
. "$(dirname "$0")/../kit/lib.sh"
need jq ssh

ios='device_type: cisco_ios, username: admin, password: admin-pw'
start_simdev core1 --scenario ios.txt
start_simdev wrong --scenario ios.txt --listen 127.0.1.2
start_simdev mx1 --scenario junos.txt --listen 127.0.2.1 --set exec=no
start_broker "
devices:
  core1: {$ios, secret: enable-pw}
  wrong: {device_type: cisco_ios, username: admin, password: not-this-one}
  mx1: {device_type: juniper_junos, username: ops, password: ops-pw}
"

through()
{
	_door=$T/run/mux/$1
	shift
	ssh -F "$T/ssh_config" -o ControlMaster=no -o "ControlPath=$_door" "$@"
}

# the_same DEVICE COMMAND: status, output and no other word, as npexec has them.
the_same()
{
	npexec "$1" "$2" >"$T/want" 2>/dev/null
	want=$?
	through "$1" "$1" "$2" >"$T/got" 2>"$T/err" </dev/null
	is "$?:$(cat "$T/err")" "$want:" "$1: \`$2': status $want"
	same "$T/got" "$T/want" "and the same output"
}

the_same core1 'show version'
the_same core1 'show nothing'
the_same core1 'show nonsense'
the_same core1 'show lines 2000'
the_same mx1 'show version'
run through core1 -o SetEnv=LANG=C core1 'show privilege'
is "$status:$out:$err" '0:Current privilege level is 15:' "variables are left out"
run through core1 -tt core1 'show privilege' </dev/null
like "$status:$out" '^0:Current privilege level is 15' "a command with a terminal"
run through core1 core1 'sim ask Really?' </dev/null
is "$status" 255 "a question: status 255"
like "$(echo $err)" '^netpulsed: core1: .*Really\? netpulsed: core1: waiting_for_input: ' "and the question"
run through wrong wrong 'show version'
is "$status" 255 "a wrong password: status 255"
like "$err" '^netpulsed: wrong: auth_failed: ' "ssh does not try another one"
for i in 1 2 3 4 5 6 7 8 9 10; do
	(
		[ "$(through core1 -n core1 "sim say $i of mine" 2>&1)" = "$i of mine" ] || echo "$i" >>"$T/mixed"
		echo "$i" >>"$T/done"
	) &
done
wait_until "[ \$(wc -l <$T/done) -eq 10 ]" 60
is "$(cat "$T/mixed" 2>/dev/null)" '' "ten at once: each its own output"
at_most "$(grep -c '^shell' "$T/core1/events")" 2 "over at most as many shells as the platform allows"
is "$(printf 'show privilege\nexit\n' | through core1 -T core1 2>/dev/null | grep -c 'privilege level')" 1 \
	"a shell of one's own"
ok "the broker ends well" stop_broker
done_testing
