#!/bin/sh
# Devices that are odd: every way to echo, packets of one and of seven bytes, lines that nobody asked for all the time, a login
# dialogue in the shell, no exec, one channel a connection, no room for another shell, restarts.
. "$(dirname "$0")/../kit/lib.sh"
need jq

# odd NAME ADDRESS [LINE...]: an IOS-like device whose scenario has these further lines.
odd()
{
	_odd=$1
	_address=$2
	shift 2
	{
		cat "$tests/scenarios/ios.txt"
		printf '%s\n' "$@"
	} >"$T/$_odd.txt"
	start_simdev "$_odd" --scenario "$T/$_odd.txt" --listen "$_address"
	devices="$devices  $_odd: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw, connection_args: {max_connections: 1${odd_limit:+, connection_timeout: $odd_limit}}}
"
}

devices='devices:
'
i=0
echoes='plain none double repaint wrap-crlf wrap-space wrap-cr scroll backspace'
for echo in $echoes; do
	i=$((i + 1))
	name=$(echo "$echo" | tr -d -)
	width=60
	# A CR wraps only where both ends have the same idea of the width.
	[ "$echo" != wrap-cr ] || width=0
	# A line and its prompt painted twice are a command without output, where the device pauses between them.
	piece=7
	[ "$echo" != double ] || piece=32768
	odd "$name" "127.0.3.$i" "echo $echo" "width $width" "piece $piece" 'page 9' 'value paging_refused yes'
done
odd bytes 127.0.4.1 'piece 1' 'page 9' 'value paging_refused yes'
odd_limit=$(slow 4)
odd noisy 127.0.4.2 'async every 0.05 *Mar  1 00:01:02.003: %SYS-5-NOISE: who asked?'
odd redraw 127.0.4.3 'async every 0.05 *Mar  1 00:01:02.003: %SYS-5-NOISE: who asked?' 'redraw yes'
odd_limit=
odd slow 127.0.4.4 'value enable_delay 3' 'delay 0.1'
odd full 127.0.4.5 'shells 1'
odd rekey 127.0.4.6 'rekey 100000'
odd echodies 127.0.4.7 'drop_echo show cl'
odd ahead 127.0.4.8 'typeahead 10'
# Its platform: what the switch of minimal.txt needs.
start_simdev minimal --scenario minimal.txt --listen 127.0.5.1
mkdir "$T/platforms"
for file in "$tests"/../src/platform/vendors/*.yaml; do
	cat "$file" >"$T/platforms/$(basename "$file")"
done
cat >"$T/platforms/simple_switch.yaml" <<'END'
name: simple_switch
title: the switch of tests/scenarios/minimal.txt
origin: simulated
source: tests/scenarios/minimal.txt
modes:
  cli:
    prompt: '(?<host>[a-z0-9]{1,32})\$'
    samples: ['switch1$ ']
base_mode: cli
login:
  - {match: 'Username: ?', reply: username}
  - {match: 'Password: ?', reply: password}
passwords: 'Password: ?'
pager: {match: '-- more --', keys: ' '}
errors: ['Unknown command']
logout: exit
END
start_broker "platform_path: $T/platforms
$devices  minimal: {device_type: simple_switch, username: admin, password: switch-pw}
"

# ---- echoes ----

long='sim say a command that is a good deal longer than the terminal of this device is wide, which is why it breaks'
longer="$long $long $long $long $long $long"
for echo in $echoes; do
	name=$(echo "$echo" | tr -d -)
	is "$(npexec "$name" "$longer")" "${longer#sim say }" "echo $echo: a very long command"
	is "$(npexec "$name" "$long")" "${long#sim say }" "echo $echo: a long command"
	is "$(npexec "$name" 'show lines 25' | tail -n 1)" 'line 25' "echo $echo: pages"
	is "$(npexec "$name" 'sim say x')" x "echo $echo: a short one"
	is "$(grep -c '^login' "$T/$name/events")" 1 "echo $echo: over one login"
done

# ---- pieces, rekeying ----

npexec bytes 'show lines 300' >"$T/got"
seq -f 'line %.0f' 300 >"$T/want"
same "$T/got" "$T/want" "packets of one byte, with a pager"
is "$(npexec rekey 'show bytes 2M' | wc -c | tr -d ' ')" 2097152 "2 MB from a device that changes its keys"

# ---- lines that nobody asked for ----

for name in noisy redraw; do
	# A line that comes right behind the question for the secret hides it: no secret is typed where no question stands.
	ok "$name: a shell, sooner or later" wait_until "npctl open $name" 60
	bad=0
	for i in 1 2 3 4 5 6 7 8; do
		[ "$(npexec -n $name "sim say $i" | grep -v NOISE)" = $i ] || bad=$((bad + 1))
	done
	is $bad 0 "$name: eight commands"
	is "$(npexec -n $name 'sim silent 0.5' | grep -v NOISE)" 'after 0.5 s' "$name: and one that takes long"
done

# ---- slow devices ----

is "$(npexec slow 'sim say at last')" 'at last' "enable that takes six seconds"
is "$(grep -c '^hidden' "$T/slow/events")" 1 "the secret was sent once"
is "$(npexec ahead 'sim say one' && npexec ahead 'sim say two')" "$(printf 'one\ntwo')" "a device that loses type-ahead"
is "$(grep -c '^lost' "$T/ahead/events")" 0 "is given none"

# ---- no room ----

shell()
{
	ssh -F "$T/ssh_config" -o NumberOfPasswordPrompts=0 -l admin full true
}
ok "no login by key here" not shell
is "$(npexec full 'sim say one')" one "a device with one line"
run npexec -o max_connections=2 full 'sim say two'
is "$status" 255 "no room for another shell: status 255"
unlike "$(cat "$T/full/events")" '^line 127.0.4.5 No more' "nothing was typed at it"
is "$(npexec full 'sim say three')" three "the first one is not disturbed"

# ---- breaks ----

is "$(npexec echodies 'sim say on')" on "a device"
run npexec echodies 'show clock'
is "$status" 255 "disconnected in the middle of the echo: status 255"
like "$err" '^npexec: echodies: outcome_unknown: ' "outcome_unknown"
is "$(grep -c '^connect' "$T/echodies/events")" 1 "and nothing was tried again"
is "$(npexec echodies 'sim say back')" back "the next command has a new session"
run npexec --answer 'Save\?.*=no' --answer 'Proceed with reload=' bytes reload
is "$status" 255 "a restart: the session is lost"
like "$err" 'outcome_unknown' "outcome_unknown"
ok "and it is reached again" wait_until 'npexec bytes "sim say up" | grep -qx up' 10

# ---- a dialogue in the shell, one channel, no exec ----

is "$(npexec minimal who)" admin "a login in the shell"
is "$(grep -c '^hidden .* switch-pw$' "$T/minimal/events")" 1 "the password was sent once"
is "$(npexec minimal 'show lines 35' | tail -n 1)" 'line 35' "pages"
run npexec minimal nonsense
is "$status" 1 "errors"
is "$(grep -c '^connect' "$T/minimal/events")" 1 "all over one connection"
is "$(grep -c '^channel refused' "$T/minimal/events")" 0 "and one channel"

ok "the broker ends well" stop_broker
done_testing
