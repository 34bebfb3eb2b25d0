#!/bin/sh
# The simulated device itself, with OpenSSH's client: what the tests of the cli driver rest on.
. "$(dirname "$0")/../kit/lib.sh"

start_simdev ios --scenario ios.txt --any-key --listen 127.0.1.1-127.0.1.4
start_simdev slow --scenario ios.txt --any-key --listen 127.0.2.1 --set echo=none --set idle=4 --set shells=1 \
	--set paging_refused=yes --set start=priv --set page=3
start_simdev junos --scenario junos.txt --any-key --listen 127.0.3.1
start_simdev once --scenario junos.txt --any-key --listen 127.0.3.2 --set exec=once
start_simdev minimal --scenario minimal.txt --listen 127.0.4.1
start_simdev odd --scenario ios.txt --any-key --listen 127.0.5.1 --set echo=wrap-crlf --set width=20 --set piece=1 \
	--set drop_echo='show cl' --set start=priv

cr=$(printf '\r')
# The client of a shell: type TEXT, seen ERE; $T/screen holds what came, CRs taken out.  Nothing is echoed locally.
shell()
{
	_host=$1
	shift
	rm -f "$T/keys"
	mkfifo "$T/keys"
	ssh -F "$T/ssh_config" -o BatchMode=yes -o LogLevel=ERROR -tt "$@" "$_host" <"$T/keys" >"$T/raw" 2>"$T/ssh.err" &
	client=$!
	exec 9>"$T/keys"
}

type_line()
{
	printf '%s\r' "$1" >&9
}

type_raw()
{
	# shellcheck disable=SC2059
	printf "$1" >&9
}

screen()
{
	tr -d '\r' <"$T/raw"
}

# The end of the screen: its last line, without the prompt's blanks.
seen()
{
	wait_until "tr -d '\\r' <\"$T/raw\" | grep -Eq -e '$1'" || diag "screen: $(screen | tail -n 15)"
}

at_prompt()
{
	wait_until "tail -c 400 \"$T/raw\" | tr -d '\\r' | tail -n 1 | grep -Eq -e '^$1\$'" || diag "screen: $(screen | tail -n 15)"
}

leave()
{
	exec 9>&-
	wait_for $client
}

# all HOST LINE...: types the lines ahead, and prints what came.
all()
{
	_host=$1
	shift
	printf '%s\r' "$@" | ssh -F "$T/ssh_config" -o BatchMode=yes -o LogLevel=ERROR -tt -l "${user:-admin}" "$_host" 2>"$T/ssh.err" | tr -d '\r'
}

had()
{
	grep -Eqx -e "$2" "$T/$1/events"
}

# ---- prompts, echoes, errors ----

all ios 'show privilege' 'sh ver' 'nonsense here' '' exit >"$T/out"
printf '%s\n' '' 'Authorized access only. Rack #7, port #12 #' 'R1>show privilege' 'Current privilege level is 1' \
	'R1>sh ver' 'Cisco IOS Software, Simulated Software (SIM-ADVENTERPRISEK9-M), Version 15.7(3)M' \
	'Copyright (c) nobody at all' '' 'R1 uptime is 1 week, 2 days' 'System image file is "flash:sim.bin"' \
	'R1>nonsense here' '   ^' "% Invalid input detected at '^' marker." '' 'R1>' 'R1>exit' >"$T/want"
same "$T/out" "$T/want" "a dialogue, byte by byte"
ok "the end of input ends the shell" ssh -F "$T/ssh_config" -o BatchMode=yes -o LogLevel=ERROR -l admin -tt ios </dev/null
ok "events: the login" had ios 'login 127.0.1.1 admin'
ok "events: the shell" had ios 'shell 127.0.1.1 [0-9]+'
ok "events: the line" had ios 'line 127.0.1.1 show privilege'
ok "events: the end" wait_until "grep -Eqx 'hangup 127.0.1.1 [0-9]+' $T/ios/events"

shell ios -l admin
at_prompt 'R1>'
type_raw 'show versx\b ion\025show privilege'
type_raw '\r'
ok "the line editor knows backspace and ^U" seen 'privilege level is 1'

# ---- privilege, the pager, configuration ----

type_line enable
at_prompt 'Password: '
type_line wrong
wait_until "[ \$(grep -c 'Password: ' $T/raw) -ge 2 ]"
type_line enable-pw
ok "enable: wrong, then right" at_prompt 'R1#'
unlike "$(cat "$T/raw")" 'wrong|enable-pw' "no secret is echoed"
ok "events: what was typed unseen" had ios 'hidden 127.0.1.1 enable-pw'
unlike "$(cat "$T/ios/events")" '^line .*enable-pw' "which was no command"

type_line 'show lines 60'
at_prompt ' --More-- '
is "$(screen | grep -c '^line ')" 24 "a page has 24 lines"
type_raw '\r'
wait_until "grep -qx 'line 25$cr' $T/raw || grep -q 'line 25' $T/raw"
type_raw ' '
wait_until "grep -q 'line 49' $T/raw"
at_prompt ' --More-- .*'
type_raw q
at_prompt '.*R1#'
is "$(screen | grep -c 'line [0-9]')" 49 "Enter: one more, space: a page, q: no more"
is "$(grep -c '^more 127.0.1.1$' "$T/ios/events")" 3 "events: each page"
type_line 'terminal length 0'
type_line 'show lines 60'
at_prompt 'R1#'
seen 'line 60'
is "$(grep -c '^more 127.0.1.1$' "$T/ios/events")" 3 "terminal length 0: no pager"

type_line 'configure terminal'
ok "configuration mode" at_prompt 'R1[(]config[)]#'
for line in 'interface GigabitEthernet0/7' 'description to the core' 'bogus line' 'no shutdown' 'exit' \
	'hostname a-rather-long-name-of-a-router'; do
	type_line "$line"
done
ok "the hostname is cut in the prompt" at_prompt 'a-rather-long-name-o[(]config[)]#'
like "$(screen)" "Invalid input detected" "a line that is wrong"
ok "events: what is live" had ios 'add 127.0.1.1 running  description to the core'
type_raw '\032'
ok "^Z leaves" at_prompt 'a-rather-long-name-of-a-router#'
type_line 'show running-config'
seen '^ description to the core'
at_prompt '.*router#'
like "$(screen | tr '\n' '|')" '[|]interface GigabitEthernet0/7[|] description to the core[|]' "the running configuration"
type_line 'write memory'
seen '^\[OK\]'
ok "events: saved" had ios 'copy 127.0.1.1 running startup'

# ---- at the wrong time ----

type_line 'sim silent 60'
wait_until "grep -q 'line 127.0.1.1 sim silent 60' $T/ios/events"
type_raw '\003'
ok "^C ends a command" at_prompt '.*router#'
type_line 'sim wait red-light'
seen 'waiting for red-light'
unlike "$(screen)" 'it came' "a command waits"
device ios 'go red-light'
ok "until it is told" seen 'it came'
device ios 'async 127.0.1.1 *Mar  1 00:00:00: %SIM-5-TEST: hello'
ok "a line by the device itself" seen '%SIM-5-TEST: hello'
type_line 'sim log split'
ok "which may split the prompt" seen 'a-rather-long-n$'
device ios 'set 127.0.1.1 host R1'
type_line 'sim ask Sure?'
at_prompt 'Sure[?] '
type_line perhaps
ok "a question" seen 'the answer was <perhaps>'
type_line reload
at_prompt '.*\[confirm\]'
type_raw '\r'
ok "a reload breaks the connection" wait_until "! alive $client"
wait_for $client
is $? 255 "without a goodbye"
leave
ok "and takes no other for a while" wait_until "grep -q 'turned away 127.0.1.1' $T/ios/events || { all ios exit; false; }" 5
ok "then it does" wait_until "all ios exit | grep -q 'R1>exit'"

all ios enable enable-pw 'terminal length 0' 'show bytes 3M' exit >"$T/out"
is "$(sed -n '/^0000000000/,/^R1#exit/p' "$T/out" | sed '$d' | wc -c)" 3145728 "3 MB are 3 MB"
all ios enable enable-pw 'sim drop' >"$T/out"
is "$(tail -n 1 "$T/out")" "line 3" "disconnected in the middle of the output"

# ---- limits ----

shell slow -l admin
at_prompt 'R1#'
type_line 'show privilege'
at_prompt 'R1#'
unlike "$(screen)" 'show privilege' "echo none"
like "$(all slow exit)" 'No more lines' "shells 1: the second is refused"
type_line 'terminal length 0'
ok "the pager may be refused" seen 'Invalid input'
type_line 'show lines 9'
ok "and stays" at_prompt ' --More-- '
type_raw q
ok "idle 4: it logs out" seen 'Idle timeout expired'
wait_for $client
leave
ok "events: idle" had slow 'idle 127.0.2.1'
ok "the slot is free again" wait_until 'all slow exit | grep -q Authorized'

all odd 'show privilege' 'terminal length 0' 'show startup-config' exit >"$T/out"
like "$(cat "$T/out")" '^R1#show startup-conf$' "echo wrap-crlf breaks at the width"
like "$(cat "$T/out")" '^interface GigabitEthernet0/0$' "pieces of a byte"
like "$(all odd 'show clock' exit | tail -n 1)" '^R1#show c' "disconnected in the middle of the echo"
unlike "$(cat "$T/odd/events")" 'line .*show clock' "the command was not run"

# ---- a candidate ----

user=ops
all junos 'show version' 'configure exclusive' 'set system domain-name lab' 'show | compare' 'commit check' commit \
	'exit configuration-mode' exit >"$T/out"
like "$(tr '\n' '|' <"$T/out")" '[|][|]\[edit\][|]ops@mx1# set system domain-name lab[|]' "[edit] above the prompt"
like "$(cat "$T/out")" '^commit complete$' "a commit"
ok "events: it is live" had junos 'copy 127.0.3.1 candidate running'
like "$(all junos 'show configuration' exit)" '^set system domain-name lab$' "and shown"
all junos 'configure exclusive' 'set bogus' 'set system fail-commit' commit 'rollback 0' 'exit configuration-mode' exit >"$T/out"
like "$(cat "$T/out")" '^syntax error' "a wrong line"
like "$(cat "$T/out")" '^error: commit failed' "a commit that fails"
unlike "$(all junos 'show configuration' exit)" 'fail-commit' "leaves nothing"
shell junos -l ops
at_prompt 'ops@mx1> '
type_line 'configure exclusive'
at_prompt 'ops@mx1# '
type_line 'set system domain-name lost'
at_prompt 'ops@mx1# '
like "$(all junos 'configure exclusive' exit)" 'configuration database locked by' "the candidate is locked"
type_line 'exit configuration-mode'
ok "leaving asks" at_prompt '.*[(]yes[)] '
kill -KILL $client
leave 2>/dev/null
ok "a lost shell gives the lock back" wait_until "grep -q 'unlock 127.0.3.1' $T/junos/events && grep -q 'clear 127.0.3.1 candidate' $T/junos/events"
unlike "$(all junos 'show configuration' exit)" 'lost' "and its candidate is gone"
is "$(ssh -F "$T/ssh_config" -l ops junos show system uptime)" "Current time: 2027-03-01 00:01:02 UTC$cr" "exec runs commands"

# ---- channels ----

master="ssh -F $T/ssh_config -o BatchMode=yes -o LogLevel=ERROR -o ControlPath=$T/cm-%n"
$master -l ops -o ControlMaster=yes -fN once
is "$($master once show system uptime)" "Current time: 2027-03-01 00:01:02 UTC$cr" "exec once: the first"
ok "exec once: the second is refused" not $master once show system uptime
$master -O exit once 2>/dev/null

user=anybody
all minimal wrong wrong admin switch-pw 'show name' who 'show lines 2' exit >"$T/out"
like "$(tr '\n' '|' <"$T/out")" \
	'Welcome[.][|]Username: wrong[|]Password: [|]Login incorrect[.][|][|]Username: admin[|]Password: [|][|]switch1[$] show name[|]switch1[|]' \
	"a login dialogue in the shell"
like "$(cat "$T/out")" '^admin$' "after authentication none"
ok "no exec" not ssh -F "$T/ssh_config" -o BatchMode=yes -o LogLevel=ERROR minimal show name
$master -o ControlMaster=yes -tt minimal </dev/null >"$T/raw" 2>&1 &
wait_for $!
mkfifo "$T/keys2"
$master -o ControlMaster=yes -tt minimal <"$T/keys2" >"$T/raw" 2>&1 &
client=$!
exec 8>"$T/keys2"
wait_until "grep -q Username $T/raw"
ok "one channel a connection: the second is refused" not $master -o ControlMaster=no minimal true
ok "events: the refusal" grep -q '^channel refused 127.0.4.1$' "$T/minimal/events"
exec 8>&-
wait_for $client 2>/dev/null

# ---- many ----

user=admin
start_simdev many --scenario ios.txt --any-key --listen 127.0.8.1 --count 300
add_addresses many '127.0.8.* 127.0.9.*'
like "$(all 127.0.8.200 exit)" '^R200>' "the 200th of 300 devices"
like "$(all 127.0.9.44 exit)" '^R300>' "and the last"
ok "events name the device" had many 'line 127.0.9.44 exit'
device many 'set 127.0.8.2 host other'
like "$(all 127.0.8.2 exit)" '^other>' "each has its state"
like "$(all many exit)" '^R1>' "of its own"

# ---- scenarios that are wrong ----

bad()
{
	printf "$1" >"$T/bad.txt"
	run simdev --check --scenario "$T/bad.txt"
	is "$status" 1 "refused: $3"
	like "$err" "^$T/bad.txt:$2" "$3: where and why"
}
bad 'pag 3\nmode a b\n' '1: .*did you mean .page' "a setting misspelt"
bad 'mode a b\ncommand a x\n  | y\n    | z\n' '4: not indented' "a wrong indentation"
bad 'mode a b\ncommand a x\n  mode c\n' '3: there is no mode .c' "a mode that is not there"
bad 'mode a b\ncommand c x\n' '2: there is no mode .c' "a command of such a mode"
bad 'mode a b\ncommand a x\n  say y\n' '3: .say. does nothing' "an unknown step"
bad 'mode a b\ncommand a x\n  delay\n' '3: delay: argument 1' "a missing argument"
bad 'mode a b\ncommand a x\n  if {answer} ~ [\n' '3: .*regular expression' "a regular expression"
bad '# nothing\n' '1: no mode' "no mode at all"
done_testing
