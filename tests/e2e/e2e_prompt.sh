#!/bin/sh
# What a person is asked, on the terminal of the client that started the login.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_simdev pw --user admin --password secret
start_simdev two --user admin --kbdint first --kbdint second
start_sshd dev
make_key "$T/locked" hidden
cat "$T/locked.pub" >>"$T/dev/authorized_keys"
add_host pw2 "$port_pw" 'User admin'
add_host pw3 "$port_pw" 'User admin'
identity=
add_host locked "$port_dev" "IdentityFile $T/locked"
identity=$T/key
start_broker "
long_connection: {connection_timeout: $(slow 4), prompt_timeout: $(slow 10)}
devices:
  pw: {username: admin}
  pw2: {username: admin, connection_args: {prompt_timeout: 1}}
  two: {username: admin}
"

# ---- password ----

run npexec pw true
is "$status" 255 "no terminal: exit status 255"
like "$err" '^npexec: pw: auth_failed: ' "reason auth_failed"
run ptyrun -e 'assword' -s 'secret\r' npexec pw 'echo "<in>"'
is "$status" 0 "a password typed at the terminal"
like "$out" '<in>' "opens the device"
unlike "$out" 'secret' "and is not shown"
is "$(npexec -j pw true | jq -r .reused)" true "others use the session"
npctl close pw >/dev/null
run npexec pw true
is "$status" 255 "the password was not kept"

run ptyrun -e 'assword' -s 'wrong\r' npexec pw true
is "$status" 255 "a wrong password typed"
like "$out" 'npexec: pw: auth_failed' "is told"
run ptyrun -e 'assword' -s 'secret\r' npexec pw 'echo "<in>"'
like "$out" '<in>' "an answered prompt lifts the back-off"

run ptyrun -t 15 -e 'assword' npexec pw2 true
is "$status" 255 "prompt_timeout 1: nobody types"
like "$out" 'prompt_timeout|auth_failed' "and the wait ends"

# While a prompt is open, connection_timeout stands still.
run ptyrun -t 15 -e 'assword' -w "$(slow 4).5" -s 'secret\r' npexec pw3 'echo "<late>"'
like "$out" '<late>' "so one who takes longer is in time"

# ---- several persons and one login ----

npctl close pw >/dev/null
ptyrun -t 30 -e 'assword' npexec pw true >"$T/person1" 2>&1 </dev/null &
person1=$!
ok "somebody is asked" wait_until 'grep -q assword "$T/person1"'
ptyrun -t 30 -e 'assword' -s 'secret\r' npexec pw 'echo "<in>"' >"$T/person2" 2>&1 </dev/null &
person2=$!
npexec pw 'echo "<in>"' >"$T/nobody" 2>&1 </dev/null &
nobody=$!
ok "two others wait" wait_until '[ "$(status "[.devices[] | select(.device == \"pw\") | .queued] | add")" -ge 3 ]'
not grep -q assword "$T/person2"
report $? "without being asked"
kill -KILL "$(descendants $person1 | head -n 1)"
wait_for $person2
is $? 0 "the first leaves: the next person is asked and is let in"
like "$(cat "$T/person2")" 'assword.*' "and is asked"
wait_for $nobody
like "$(cat "$T/nobody")" '<in>' "who has no terminal uses that session"
kill $person1 2>/dev/null
wait_for $person1

# ---- a login that needed a person is not repeated by itself ----

before=$(events pw '^auth')
pids=
bad=0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	npexec -n pw 'sleep 0.1' &
	pids="$pids $!"
done
for pid in $pids; do
	wait_for "$pid" || bad=$((bad + 1))
done
is $bad 0 "twelve commands at once are served"
is "$(events pw '^auth')" "$before" "over the session that there is"

# ---- keyboard-interactive ----

run ptyrun -e 'Answer 1' -s 'first\r' -e 'Answer 2' -s 'second\r' npexec two 'echo "<in>"'
is "$status" 0 "two prompts of keyboard-interactive"
like "$out" '<in>' "open the device"
unlike "$out" 'first' "the hidden one is not shown"
like "$out" 'second' "the other is"

# ---- passphrase ----

run ptyrun -e 'assphrase' -s 'hidden\r' npexec locked 'echo "<in>"'
is "$status" 0 "the passphrase of a key"
like "$out" "assphrase.*$T/locked" "the prompt names the key"
like "$out" '<in>' "opens the device"

# ---- a terminal whose owner leaves ----

npctl close two >/dev/null
run ptyrun -e 'Answer 1' -s '\x03' npexec two true
is "$status" 130 "Ctrl-C at a prompt leaves"
run ptyrun -e 'Answer 1' -s 'first\r' -e 'Answer 2' -s 'second\r' npexec two 'echo "<in>"'
like "$out" '<in>' "the next is asked again"

ok "the broker ends well" stop_broker
done_testing
