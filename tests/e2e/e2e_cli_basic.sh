#!/bin/sh
# Commands on devices whose only interface is an interactive shell: output, errors, pagers, questions, privilege, and what
# goes wrong in the middle.
. "$(dirname "$0")/../kit/lib.sh"
need jq

ios='device_type: cisco_ios, username: admin, password: admin-pw'
start_simdev core1 --scenario ios.txt
start_simdev user1 --scenario ios.txt --listen 127.0.1.1
start_simdev wrong --scenario ios.txt --listen 127.0.1.2
start_simdev pager --scenario ios.txt --listen 127.0.1.3 --set paging_refused=yes
start_simdev shy --scenario ios.txt --listen 127.0.1.4 --set shells=1 --set idle=1
start_simdev lone --scenario ios.txt --listen 127.0.1.6
start_simdev tik --scenario ios.txt --listen 127.0.1.7 --user admin+ct511w
start_simdev mx1 --scenario junos.txt --listen 127.0.2.1 --set exec=no
printf '%s\n' 'extends: cisco_ios' 'name: suffixed' "login_suffix: '+ct511w'" >"$(platform_files)/suffixed.yaml"
start_broker "
devices:
  tik: {device_type: suffixed, username: admin, password: admin-pw, secret: enable-pw}
  core1: {$ios, secret: enable-pw}
  user1: {$ios}
  wrong: {$ios, secret: not-this-one}
  pager: {$ios, secret: enable-pw}
  shy: {$ios, secret: enable-pw, connection_args: {max_connections: 1}}
  lone: {$ios, secret: enable-pw, connection_args: {max_connections: 1}}
  mx1: {device_type: juniper_junos, username: ops, password: ops-pw}
"

# How often a device was sent this line.
typed()
{
	grep -Fxc "line $(device_address "$1") $2" "$T/$1/events"
}

device_address()
{
	sed -n 's/^login \([0-9.]*\) .*/\1/p' "$T/$1/events" | head -n 1
}

# ---- output and status ----

run npexec core1 'show version'
is "$status" 0 "a command: status 0"
is "$out" "$(printf '%s\n' 'Cisco IOS Software, Simulated Software (SIM-ADVENTERPRISEK9-M), Version 15.7(3)M' \
	'Copyright (c) nobody at all' '' 'R1 uptime is 1 week, 2 days' 'System image file is "flash:sim.bin"')" \
	"its output: no echo, no prompt, no carriage returns"
is "$err" '' "nothing else"
run npexec core1 'show nothing'
is "$status:$out" 0: "a command without output"
run npexec core1 'show nonewline'
is "$out" 'no newline at the end' "output that ends without a newline"
run npexec core1 'show nonsense'
is "$status" 1 "a device error: status 1"
like "$out" '^% Invalid input detected' "and the device's words"
run npexec --ignore-errors -e 'show nonsense' -e 'show nothing' core1
is "$status" 0 "--ignore-errors: such words are output"
like "$out" '^% Invalid input detected' "as any other"
is "$(npexec -j core1 'show nonsense' | jq -r '.exit_status, .mode, .prompt, .device_error' | tr '\n' '|')" \
	"1|priv|R1#|% Invalid input detected at '^' marker.|" "-j: exit_status, mode, prompt, device_error"
is "$(npexec -j core1 'show clock' | jq -c '[.command, .stdout, .reused, .device_error]')" \
	'["show clock","*00:01:02.003 UTC Mon Mar 1 2027\n",true,null]' "-j: command and output"
is "$(grep -c '^login' "$T/core1/events")" 1 "all over one login"
is "$(grep -c '^shell' "$T/core1/events")" 1 "and one shell"

is "$(npexec tik 'show clock')" '*00:01:02.003 UTC Mon Mar 1 2027' "a platform's login_suffix"
like "$(grep '^login' "$T/tik/events")" ' admin\+ct511w$' "goes behind the user name"

# ---- several commands ----

run npexec core1 <<END
show privilege
sim say two
END
is "$(echo "$out" | tr '\n' '|')" 'Current privilege level is 15|two|' "commands from standard input"
run npexec -j -e 'sim say one' -e 'show nonsense' -e 'sim say three' core1
is "$(jq -r '.error.data.reason // .exit_status' "$T/out" | tr '\n' ' ')" '0 1 not_run ' "an error ends a batch: the rest is not run"
is "$(typed core1 'sim say three')" 0 "and was not typed"

# Each of many gets its own.
pids=
for i in 1 2 3 4 5 6 7 8 9 10; do
	{
		for k in 1 2 3 4 5; do
			[ "$(npexec -n core1 "sim say $i.$k of mine")" = "$i.$k of mine" ] || echo "$i.$k" >>"$T/mixed"
		done
	} &
	pids="$pids $!"
done
for pid in $pids; do
	wait_for "$pid" 60
done
is "$(cat "$T/mixed" 2>/dev/null)" '' "50 commands of 10 processes: each gets its own output"
at_most "$(grep -c '^shell' "$T/core1/events")" 2 "over at most as many shells as the platform allows"

# ---- the pager ----

is "$(npexec core1 'show lines 2000' | tail -n 1)" 'line 2000' "2,000 lines"
is "$(grep -c '^more' "$T/core1/events")" 0 "without a pager"
npexec pager 'show lines 2000' >"$T/got"
seq -f 'line %.0f' 2000 >"$T/want"
same "$T/got" "$T/want" "a pager that cannot be turned off leaves nothing behind"
at_most 80 "$(grep -c '^pager .* space$' "$T/pager/events")" "though it was there on every page"

# ---- questions ----

run npexec core1 'sim ask Really?'
is "$status" 255 "a question: status 255"
like "$err" '^npexec: core1: waiting_for_input: .*Really\?' "waiting_for_input, and the question"
is "$(grep -c '^answer' "$T/core1/events")" 0 "nobody answered"
is "$(npexec core1 'sim say on')" on "the shell goes on"
run npexec --answer 'First name=Ada' --answer 'Last=Lovelace' core1 'sim questions'
is "$status:$(echo "$out" | tail -n 1)" '0:Ada Lovelace' "--answer: two questions, two answers" || diag "$out"
run npexec --answer 'confirm=' core1 'erase startup-config'
like "$out" '\[OK\]' "--answer: an empty one confirms"

# ---- privilege ----

is "$(npexec -j user1 'show privilege' | jq -r '.mode, .stdout' | tr '\n' ' ')" 'user Current privilege level is 1  ' \
	"no secret: the mode after login"
run npexec --enable user1 'show running-config'
is "$status" 255 "--enable without a secret: status 255"
like "$err" '^npexec: user1: privilege_failed: ' "privilege_failed"
is "$(grep -c '^\(hidden\|answer\)' "$T/user1/events")" 0 "nothing was entered at the question for it"
is "$(npexec user1 'sim say on')" on "and the shell goes on"
run npexec wrong 'show privilege'
is "$status" 255 "a wrong secret: status 255"
like "$err" '^npexec: wrong: privilege_failed: ' "privilege_failed"
is "$(grep -c '^hidden' "$T/wrong/events")" 1 "it was offered once"
is "$(grep -c '^line .*not-this-one' "$T/wrong/events")" 0 "and never as a command"
npexec wrong 'show privilege' >/dev/null 2>&1
is "$(grep -c '^hidden' "$T/wrong/events")" 1 "nor again"

# ---- names that change ----

npexec -e 'configure terminal' -e 'hostname a-new-name' -e end core1 >/dev/null
is $? 0 "commands that change the prompt"
is "$(npexec -j core1 'show privilege' | jq -r .prompt)" 'a-new-name#' "the next one ends at the new one"
npexec lone 'sim rename another' >/dev/null
is $? 0 "a prompt that changes though nothing said so"
is "$(npexec -j lone 'show privilege' | jq -r .prompt)" 'another#' "costs at most a session"

# ---- what happens at the wrong time ----

run npexec core1 'sim drop'
is "$status" 255 "disconnected in the middle of the output: status 255"
like "$err" '^npexec: core1: outcome_unknown: ' "outcome_unknown"
is "$out" "$(printf 'line 1\nline 2\nline 3')" "what came before has arrived"
is "$(typed core1 'sim drop')" 1 "it was sent once"
is "$(npexec core1 'sim say back')" back "the next command has a new session"

is "$(npexec lone 'sim late 0.3')" 'in time' "a command behind which text comes late"
ok "it comes" wait_until "grep -q '^async' $T/lone/events"
is "$(npexec lone 'sim say mine')" mine "and is in nobody else's output"
is "$(npexec lone 'sim log split')" logged "a log line in the middle of the prompt"
is "$(npexec lone 'sim say mine')" mine "is in nobody else's output"
is "$(npexec lone 'sim log' | tr '\n' '|')" 'before|*Mar  1 00:01:02.003: %LINK-3-UPDOWN: Interface GigabitEthernet0/1, changed state to up|after|' \
	"a log line within the output stays there"
device lone 'async 127.0.1.6 *Mar  1 00:01:02.003: %SYS-5-NOTICE: while nobody asks'
is "$(npexec lone 'sim say mine')" mine "a log line while nobody asks is in nobody's output"
run npexec --prove lone 'sim lookalike 0.4'
is "$(echo "$out" | tr '\n' '|')" 'before|another#|after|' "--prove: a line that looks like the prompt, then a pause"

is "$(npexec lone 'sim drip 2 0.02')" 'a line that drips' "bytes that drip"
run npexec --timeout 1 lone 'sim hang'
is "$status" 124 "--timeout: status 124"
ok "the device was interrupted" grep -q '^interrupt 127.0.1.6' "$T/lone/events"
logins=$(grep -c '^login' "$T/lone/events")
is "$(npexec lone 'sim say on')" on "and the shell goes on"
run npexec --idle-timeout "$(slow 3)" lone 'sim slow 8 0.5'
is "$status" 0 "--idle-timeout: output renews it"
npexec lone 'sim wait never' >"$T/got" 2>&1 &
pid=$!
ok "a command runs" wait_until "grep -q '^waits 127.0.1.6 never' $T/lone/events"
interrupts=$(grep -c '^interrupt' "$T/lone/events")
kill -KILL $pid
wait_for $pid 2>/dev/null
ok "its client is killed: it is interrupted" wait_until "[ \$(grep -c '^interrupt' $T/lone/events) -gt $interrupts ]"
is "$(npexec lone 'sim say on')" on "and the shell goes on"
is "$(grep -c '^login' "$T/lone/events")" "$logins" "all of it over the same session"

# ---- limits of devices ----

is "$(npexec shy 'sim say one')" one "a device that logs out who is idle"
ok "does so" wait_until "grep -q '^idle' $T/shy/events"
ok "its session is gone" wait_until '[ "$(status ".devices[] | select(.device == \"shy\") | .sessions")" = 0 ]'
is "$(npexec shy 'sim say two')" two "and the next command has a new one"

# ---- Junos ----

is "$(npexec mx1 'show system uptime')" 'Current time: 2027-03-01 00:01:02 UTC' "exec refused: a shell is taken"
is "$(npexec -j mx1 'show lines 3' | jq -r '.mode, .prompt, .stdout' | tr '\n' '|')" 'oper|ops@mx1> |line 1|line 2|line 3||' \
	"its prompts"
run npexec mx1 nonsense
is "$status" 1 "and its errors"

# ---- secrets ----

npctl status --json >"$T/status"
is "$(npexec core1 'sim secret')" 'the enable secret is enable-pw, in plain sight' "a secret in the output is the device's"
cat "$T/broker.log" "$T/status" >"$T/said"
is "$(grep -c 'enable-pw\|admin-pw\|not-this-one' "$T/said")" 0 "no secret in log and status"

npctl close lone >/dev/null
ok "a session that is closed says goodbye" wait_until "grep -q '^line 127.0.1.6 exit' $T/lone/events"
ok "the broker ends well" stop_broker
done_testing
