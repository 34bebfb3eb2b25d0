#!/bin/sh
# A policy: a client of a role socket, as another user where we are root, may `show` on @edge and changes nothing by any
# way there is.
. "$(dirname "$0")/../kit/lib.sh"
need jq ssh-agent ssh-add

# as COMMAND...: as the one who was handed the socket.  An ordinary user has nobody to become.
other=$uid
tab=$(printf '\t')
as() { "$@"; }
bins=$bin
rpc=nprpc
if [ "$uid" = 0 ] && command -v setpriv >/dev/null && setpriv --reuid=65534 --regid=65534 --clear-groups true; then
	other=65534
	as() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent "$@"; }
	chmod 711 "$T"
	mkdir -m 755 "$T/bin"
	cp "$bin/npexec" "$bin/npctl" "$bin/tests/tool/nprpc" "$T/bin"
	chmod 755 "$T/bin"/*
	bins=$T/bin
	rpc=$T/bin/nprpc
fi
NETPULSE_BROKER_UID=$uid
export NETPULSE_BROKER_UID

start_sshd dev 'AcceptEnv NP_*'
start_simdev edge1 --scenario ios.txt
start_simdev core1 --scenario ios.txt --listen 127.0.1.1
add_host new "$port_dev" "UserKnownHostsFile $T/none" 'StrictHostKeyChecking ask'
identity= add_host keyless "$port_dev" 'IdentitiesOnly no' 'PasswordAuthentication no' 'KbdInteractiveAuthentication no'
eval "$(ssh-agent -a "$T/keys" 2>/dev/null)" >/dev/null
ssh-add -q "$T/key" 2>/dev/null
unset SSH_AUTH_SOCK
mkdir -m 711 "$T/agent"
log=$T/audit
: >"$log"
devices="
devices:
  edge1: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw, groups: [edge]}
  core1: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw}
  dev: {groups: [edge]}
  keyless: {}
  new: {groups: [edge], connection_args: {prompt_timeout: 1}}
"
sockets="
sockets:
  - {path: $T/agent/show, role: show, mode: 0666}
  - {path: $T/agent/boss, role: boss, mode: 0666}
  - {path: $T/agent/none, role: none, mode: 0666}
  - {path: $T/agent/some, role: some, mode: 0666}
  - {path: $T/agent/ask, role: ask, mode: 0666}
  - {path: $T/agent/line, role: line, mode: 0666}
  - {path: $T/agent/closed, role: show, mode: 0600}
"
start_broker "audit_log: $log
$sockets
policy:
  - {role: show, devices: ['@edge'], command: ['show .*', 'echo [a-z ]*'], then: allow}
  - {role: ask, devices: [edge1], command: reload, then: deny}
  - {role: ask, devices: ['@edge'], then: confirm}
  - {role: line, devices: ['@edge'], methods: [config], command: shutdown, then: deny}
  - {role: line, devices: ['@edge'], methods: [config], command: ['interface [A-Za-z]+[0-9/]+', '(no )?shutdown'], then: allow}
  - {role: boss, methods: [steer], then: allow}
  - {role: boss, devices: ['@edge'], then: allow}
  - {role: some, devices: ['@edge'], command: 'cat', may: [stdin], then: allow}
  - {role: some, devices: ['@edge'], command: 'printenv NP_X', may: [env], then: allow}
  - {role: some, devices: ['@edge'], methods: [exec], requests_per_minute: 2, then: allow}
$devices"

cp "$T/config.yaml" "$T/config.good"
show() { as "$bins/npexec" -S "$T/agent/show" "$@"; }
# denied NAME COMMAND...: it ends with 255 and says that it was denied.
denied()
{
	_what=$1
	shift
	run "$@" </dev/null
	like "$status $err" '^255 .*denied' "$_what"
}
# rpc SOCKET LINE...: its answers.
rpc()
{
	_socket=$1
	shift
	printf '%s\n' "$@" | as "$rpc" -S "$T/agent/$_socket" -t 20
}
# exec_json MEMBERS: an exec of the role.
request() { printf '{"jsonrpc":"2.0","id":1,"method":"%s","params":{%s}}' "$1" "$2"; }
refuses()
{
	like "$(rpc show "$(request "$2" "$3")" 2>&1)" '"reason": *"denied"' "$1"
}

# ---- the sockets ----

is "$(stat -c '%a %F' "$T/agent/show")" '666 socket' "the socket has its mode"
is "$(stat -c '%a' "$T/agent")" 711 "its directory lets others pass"
is "$(npctl --json status | jq -c '[.broker.rules, (.broker.sockets | length)]')" '[10,7]' "status tells"
if [ "$other" != "$uid" ]; then
	run as "$bins/npexec" -S "$T/agent/closed" edge1 show clock
	like "$status $err" '^255 .*ermission denied' "nobody comes by a socket that its mode closes"
	run as "$bins/npexec" -S "$NETPULSE_SOCKET" edge1 show clock
	is "$status" 255 "nor by the broker's own"
else
	skip 2 "nobody else to be"
fi

printf '%s\n' "sockets: [{path: $T/agent/x, role: x, owner: nobody-at-all}]" >"$T/bad.yaml"
run netpulsed -S "$T/run/other" -f "$T/bad.yaml"
like "$err $status" '^netpulsed: .*bad.yaml:1: there is no user .nobody-at-all.* 1$' "a broker says which socket it cannot make"
printf '%s\n' "sockets: [{path: $T/agent/show, role: x}]" >"$T/bad.yaml"
run netpulsed -S "$T/run/other" -f "$T/bad.yaml"
like "$err $status" '^netpulsed: .*bad.yaml:1: another broker .pid [0-9]+. serves.* 1$' "nor takes another's"
mkdir -m 777 "$T/world"
chmod 777 "$T/world"
printf '%s\n' "sockets: [{path: $T/world/x, role: x}]" >"$T/bad.yaml"
run netpulsed -S "$T/run/other" -f "$T/bad.yaml"
like "$err $status" '^netpulsed: .*writable by others.* 1$' "nor makes one where others could put theirs"

# ---- what it may ----

run show edge1 show clock
is "$status $out" '0 *00:01:02.003 UTC Mon Mar 1 2027' "it may show"
run show -e 'show clock' -e 'show privilege' edge1
is "$status" 0 "several, too"
run show dev echo hello world
is "$status $out" '0 hello world' "and what else is allowed"
is "$(npexec edge1 show clock)" '*00:01:02.003 UTC Mon Mar 1 2027' "the broker's own user is not asked about"
is "$(as "$bins/npctl" -S "$T/agent/show" ping | wc -l)" 1 "it may ask whether the broker lives"

# ---- what it may not ----

before=$(npexec edge1 show running-config)
: >"$T/marks"
chmod 666 "$T/marks"
for command in 'configure terminal' 'conf t' 'reload' 'write memory' 'wr' 'erase startup-config' 'do show clock' \
	'show clock; reload' 'show clock | redirect flash:x' 'show clock | tee flash:x' 'show clock > x' \
	"show clock
configure terminal
hostname evil" "$(printf 'show clock\rreload')" "$(printf 'show cl\t')" 'show ?' "$(printf 'show\302\240clock')" '' ' '; do
	denied "edge1: $(printf %s "$command" | tr '\n\r\t' '+++')" show edge1 "$command"
done
for command in "touch $T/marks/x" "echo a; echo b >$T/marks" "echo a && echo b >$T/marks" "echo \$(echo b >$T/marks)" \
	"echo \`echo b >$T/marks\`" "echo a | tee $T/marks" "echo a >$T/marks" "echo a
echo b >$T/marks" "echo a & echo b >$T/marks" 'sh' 'echo A' "echo a\\"; do
	denied "dev: $(printf %s "$command" | tr '\n' + | sed "s#$T##")" show dev "$command"
done
denied "a batch with one that it may not" show -e 'show clock' -e 'reload' edge1
denied "another device" show core1 show clock
denied "a device that is not configured" show admin@edge1 show clock
denied "one by address" show 127.0.0.1 echo a
denied "a shell" show -tt edge1
denied "a terminal" show -tt dev echo a
denied "a subsystem" show -s dev sftp
denied "an environment" show --env NP_X=y dev echo a
denied "answers" show --answer 'x=y' edge1 show clock
denied "another user" show -l root dev echo a
denied "another port" show -p 22 dev echo a
denied "an option" show -o max_idle_time=3 dev echo a
denied "a command of its own" show -o "password_command=touch $T/marks/y" dev echo a
denied "an ssh configuration" show -F "$T/ssh_config" dev echo a
denied "a jump host" show -J core1 dev echo a
echo 'hostname evil' >"$T/in"
run show -c edge1 <"$T/in"
like "$status $err" '^255 .*denied' "a configuration"
run show edge1 <"$T/in"
like "$status $err" '.*denied' "commands by a pipe"
run show dev <"$T/in"
like "$status $err" '^255 .*denied' "a login shell by a pipe"
like "$(show edge1 reload 2>&1)" "denied to role show: .*config.yaml:[0-9]+ allows other commands: .show \.\*" \
	"it is told which rule, and what it may"

refuses "a connection through" exec '"device":"dev","connect":"127.0.0.1:22"'
refuses "an object" exec '"device":{"host":"127.0.0.1","name":"edge1"},"command":"show clock"'
refuses "a command in base64" exec "\"device\":\"dev\",\"command_base64\":\"$(printf 'echo a;id' | base64)\""
refuses "a recording" record '"device":"edge1","commands":["show clock"]'
refuses "a session" open '"device":"edge1"'
refuses "a test" test '"device":"edge1","login":true'
refuses "a test of its platform" platform_test '"device":"edge1"'
refuses "the mux door" mux '"device":"dev","parent":true'
for verb in status sync reload stop watch accounts metrics config_show platforms; do
	refuses "$verb" $verb ''
done
for verb in close pause resume disable enable drain reconnect; do
	refuses "$verb" $verb '"device":"edge1"'
done
refuses "kill" kill '"id":1'
like "$(rpc show "$(request devices '"pattern":"@edge,core1"')")" '"devices": *\["edge1","dev","new"\]' "of a list it sees what it may use"
if [ "$other" != "$uid" ]; then
	ok "the mux sockets are not for it" not as ls "$T/run/mux"
else
	skip 1 "nobody else to be"
fi

# Its input goes nowhere, and nobody asks it anything.
run show dev echo a <"$T/in"
is "$status $out" '0 a' "what is piped to it does not get there"
like "$(rpc show "$(request exec '"device":"dev","command":"echo a"')" \
	'{"jsonrpc":"2.0","method":"stdin","params":{"id":1}}')" '"exit_status": *0|credit' "a notification of input gets nothing to it"
like "$(rpc show "$(request exec '"device":"dev","command":"echo a"')" '!data xx' \
	'{"jsonrpc":"2.0","method":"stdin","params":{"id":1}}' 2>&1)" 'credit of 0|exit_status' "nor does input without credit"

# Another one's request, by its id.
npexec dev "until [ -e $T/go ]; do sleep 0.05; done; echo end" >"$T/own" 2>&1 </dev/null &
own=$!
wait_until 'npctl --json status | jq -e ".requests | length == 1"'
id=$(npctl --json status | jq '.requests[0].id')
peer=$(npctl --json status | jq '.requests[0].peer')
rpc show "$(request kill "\"id\":$id")" "{\"jsonrpc\":\"2.0\",\"method\":\"cancel\",\"params\":{\"id\":$id}}" \
	"{\"jsonrpc\":\"2.0\",\"method\":\"cancel\",\"params\":{\"id\":1}}" \
	"{\"jsonrpc\":\"2.0\",\"method\":\"signal\",\"params\":{\"id\":1,\"name\":\"KILL\"}}" \
	"{\"jsonrpc\":\"2.0\",\"method\":\"answer\",\"params\":{\"id\":1,\"prompt_id\":1,\"value\":\"x\"}}" >/dev/null
run as "$bins/npctl" -S "$T/agent/show" kill "$peer"
like "$status $err" '^1 npctl: .*denied' "npctl kill"
: >"$T/go"
wait_for "$own"
is "$(cat "$T/own")" end "the requests of others go on"

is "$(npexec edge1 show running-config)" "$before" "nothing has changed on the command line"
ok "nor was it reloaded" not grep reload "$T/edge1/events"
is "$(cat "$T/marks")" '' "nor on the server"
is "$(npexec core1 show running-config | grep -c evil)" 0 "nor elsewhere"

# ---- what is told of it ----

ok "denials are counted" [ "$(npctl --json status | jq .broker.denied)" -gt 60 ]
ok "and in the metrics" [ "$(npctl metrics | sed -n 's/.*refusals.*reason="denied".* //p')" -gt 60 ]
ok "and logged" grep -q 'policy: client .*denied to role show' "$T/broker.log"
wait_until "grep -q '\"command\":\"reload\"' $log"
is "$(jq -c 'select(.event == "refused" and .command == "reload") | [.role, .uid, .device, .reason]' "$log" | head -n 1)" \
	"[\"show\",$other,\"edge1\",\"denied\"]" "the audit log says who wanted what"

# ---- which rule decides ----

NETPULSE_DAEMON=$bin/netpulsed # asked for what would be, never started
# verdict PATTERN ARGUMENT...: what npctl policy test says of it.
verdict()
{
	_pattern=$1
	shift
	run npctl policy test "$@" -f "$T/config.yaml"
	like "$status $out$err" "$_pattern" "npctl policy test $*"
}
verdict '^0 allow: .*config.yaml:[0-9]+: ' show edge1 'sh clock'
verdict '^0 allow' show edge1 'show clock | include x'
verdict '^1 deny: .*allows other commands' show edge1 reload
verdict '^1 deny: .*this holds a .;' show edge1 'show x; y'
verdict '^1 deny: .*no rule' show core1 'show clock'
verdict '^1 deny: .*no rule' show admin@edge1 'show clock'
verdict '^1 confirm: ' ask dev 'echo a'
verdict '^1 deny: .*config.yaml' ask edge1 rel
verdict '^0 allow: no rule is about' main core1 reload
verdict '^0 allow' boss - --method steer
verdict '^1 deny' show edge1 --method config
verdict '^0 allow: a rule is about its lines' line edge1 --method config
verdict '^0 allow: .*config.yaml' line edge1 'no shutdown' --method config
verdict '^1 deny: .*config.yaml:[0-9]+ denies it' line edge1 shutdown --method config
run npctl --json policy test show edge1 reload -f "$T/config.yaml"
is "$(printf %s "$out" | jq -r .then)" deny "for programs too"
run npctl policy check -f "$T/config.yaml"
like "$err" 'no rule allows anything to the role .none' "npctl policy check warns of a role without rules"
write_config "
policy:
  - {role: agnet, devices: ['@edgy', nodev], then: allow}
  - {role: main, then: deny}
  - {role: main, devices: [dev], command: '.*', then: allow}
" && mv "$T/config.yaml" "$T/bad.yaml" && cp "$T/config.good" "$T/config.yaml"
run npctl policy check -f "$T/bad.yaml"
like "$err" 'warning: no socket has the role .agnet' "of a role that no socket has"
like "$err" 'warning: no configured device is in group .edgy' "of an empty group"
like "$err" 'warning: no configured device is .nodev' "of a device that is not there"
like "$err" 'warning: never reached: .*bad.yaml:[0-9]+ has decided before .deny' "of a rule that is never reached"
like "$err" 'lets any command stand at its beginning' "and of an expression that begins anyhow"
like "$(npctl config check -f "$T/bad.yaml" 2>&1)" 'never reached' "npctl config check as well"

NETPULSE_DAEMON=/nonexistent/netpulsed

# ---- other roles ----

for command in 'show clock' ping; do
	denied "a role without rules: $command" as "$bins/npexec" -S "$T/agent/none" edge1 "$command"
done
run as "$bins/npctl" -S "$T/agent/boss" status
is "$status" 0 "a role that may steer sees the status"
ok "and steers" as "$bins/npctl" -S "$T/agent/boss" pause edge1
ok "whom it wants" as "$bins/npctl" -S "$T/agent/boss" resume edge1
# reconnects SOCKET: with an agent of one's own; the device's log-ins that went well, and those that failed.
reconnects()
{
	_logins=$(npctl --json status keyless | jq '.devices[0] | .logins + .failures')
	printf '%s\n' "$(request reconnect "\"devices\":[\"keyless\"],\"agent_socket\":\"$T/keys\"")" | nprpc -S "$1" >/dev/null
	wait_until "npctl --json status keyless | jq -e '.devices[0] | .logins + .failures > $_logins'"
	npctl --json status keyless | jq -c '.devices[0] | [.logins, .failures]'
}
SSH_AUTH_SOCK=$T/keys npexec keyless true
is "$(reconnects "$NETPULSE_SOCKET")" '[2,0]' "an agent that comes with a reconnect logs in"
is "$(reconnects "$T/agent/boss")" '[2,1]' "whoever may only steer lends no keys to a session that others will use"
asked=$(rpc boss "$(request exec '"device":"new","command":"true","interactive":true')" 2>&1)
like "$asked" '"reason": *"host_key_unknown"' "nobody of a role says whether a host key is right"
unlike "$asked" '"method": *"prompt"' "nor is asked"
denied "and is held to its devices" as "$bins/npexec" -S "$T/agent/boss" core1 show clock
run as "$bins/npexec" -S "$T/agent/some" dev cat <"$T/in"
is "$status $out" '0 hostname evil' "a rule may give an input"
run as "$bins/npexec" -S "$T/agent/some" --env NP_X=env dev printenv NP_X
is "$status $out" '0 env' "or an environment"
denied "a batch of too many" as "$bins/npexec" -S "$T/agent/some" -e true -e true -e true dev
like "$err" 'allows 2 requests a minute, and these are 3' "it is told that it never fits"
run as "$bins/npexec" -S "$T/agent/some" dev true
run as "$bins/npexec" -S "$T/agent/some" dev true
is "$status" 0 "so many requests"
denied "and no more in a minute" as "$bins/npexec" -S "$T/agent/some" dev true
like "$err" 'allows 2 requests a minute: try again in [0-9]+ s' "which says when"

# ---- the lines of a configuration ----

line() { as "$bins/npexec" -S "$T/agent/line" -c edge1; }
for _lines in 'hostname evil' 'interface GigabitEthernet0/1
hostname evil' 'interface GigabitEthernet0/1
do reload' 'interface GigabitEthernet0/1 | include x' '! a remark' 'shutdown' 'no	shutdown' 'interface GigabitEthernet0/1\
hostname evil' 'end
reload' 'exit'; do
	printf '%s\n' "$_lines" >"$T/lines"
	run line <"$T/lines"
	like "$status $err" '^255 .*denied' "lines: $(tr '\n\t' '++' <"$T/lines")"
done
denials=$(npctl --json status | jq .broker.denied)
printf 'interface GigabitEthernet0/1\n\nhostname evil\n' | line >"$T/out" 2>&1
is "$(npctl --json status | jq .broker.denied)" $((denials + 1)) "a line that is denied counts"
like "$(cat "$T/out")" 'line 3: denied to role line: .*allows other commands: .interface' "it is told which line"
is "$(npexec edge1 show running-config)" "$before" "and none of them was typed"
like "$before" '^ shutdown' "an interface is down"
printf '\n  interface  GigabitEthernet0/1\r\n no shutdown\n' >"$T/lines"
run line <"$T/lines"
is "$status" 0 "lines that are allowed are typed"
unlike "$(npexec edge1 show running-config)" '^ shutdown' "and heard"
denied "whoever may configure so may not show" as "$bins/npexec" -S "$T/agent/line" edge1 show clock

# ---- what a person confirms ----

ask() { as "$bins/npexec" -S "$T/agent/ask" "$@"; }
denied "while nobody is there it is denied" ask dev echo a
like "$err" 'config.yaml:[0-9]+ has a person confirm it, and nobody is there .npctl watch --confirm.' "and says so"
# person ANSWER: watches at a terminal, answers the first question so, and stays until $T/done is there.
person()
{
	rm -f "$T/done"
	later person ptyrun -t 60 -e 'Allow it' -s "$1\n" sh -c "npctl watch --confirm & until [ -e $T/done ]; do sleep 0.05; done; kill \$!"
	wait_until 'npctl --json status | jq -e "[.peers[] | select(.program == \"npctl\")] | length == 2"'
}
leaves()
{
	: >"$T/done"
	wait_for "$bg_person"
	wait_until 'npctl --json status | jq -e "[.peers[] | select(.program == \"npctl\")] | length == 1"'
}
person y
run ask -e 'echo a' -e 'echo b; echo c' dev
is "$status $(echo $out)" '0 a b c' "what a person confirms runs"
leaves
like "$(cat "$T/person.out")" "exec of role ask .uid $other, npexec. on dev" "that person saw who, and where"
like "$(tr -d '\r' <"$T/person.out")" '^    echo b; echo c$' "and all that runs"
person n
denied "what is masked elsewhere" ask dev "echo --token=\$(touch${tab}$T/marks/w) password \"\$(id)\""
leaves
like "$(tr -d '\r' <"$T/person.out")" '^    echo --token=.\(touch\\011.*/marks/w\) password "\$\(id\)"$' "is shown to who judges it"
for word in n yep ''; do
	person "$word"
	denied "what a person answers by \`$word' does not run" ask dev echo a
	leaves
done
like "$err" 'it was refused' "it says so"
person y
denied "a batch with one that is denied asks nobody" ask -e 'echo a' -e 'reload' edge1
echo 'interface GigabitEthernet0/0' >"$T/conf"
ask -c edge1 <"$T/conf" >"$T/waits" 2>&1 &
waits=$!
wait_until 'grep -q "config of role ask" "$T/person.out"'
ok "a configuration waits before its lines are asked for" wait_for "$waits"
leaves
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"watch","params":{"confirm":true}}' '!hold' | nprpc >/dev/null &
watcher=$!
wait_until 'npctl --json status | jq -e "[.peers[] | select(.program == \"nprpc\")] | length == 1"'
later asks as "$bins/npexec" -S "$T/agent/ask" dev echo late
wait_until 'npctl --json status | jq -e ".broker.confirming == 1"'
like "$(rpc boss "$(request watch '"confirm":true')")" '"reason": *"denied"' "only our own socket confirms"
denied "what nobody answers is denied after prompt_timeout" ask new echo a
like "$err" 'nobody has answered within prompt_timeout' "and says so"
kill "$watcher"
wait_until '! alive "$bg_asks"'
like "$(cat "$T/asks.err")" 'denied.*nobody is there any more' "who watched has left: it is denied"
is "$(npctl --json status | jq .broker.confirming)" 0 "and waits no more"

# ---- what waits meanwhile ----

npctl pause edge1
later waits1 as "$bins/npexec" -S "$T/agent/show" edge1 show clock
later waits2 as "$bins/npexec" -S "$T/agent/show" edge1 show privilege
later waits3 sh -c "printf 'interface GigabitEthernet0/1\n' | $bins/npexec -S $T/agent/line -c edge1"
wait_until 'npctl --json status | jq -e "[.requests[] | select(.state == \"queued\")] | length == 3"'
sed 's/show \.\*/show clock/; s/interface \[A-Za-z\]+\[0-9/interface [A-Za-z]+[1-9/' "$T/config.good" >"$T/config.yaml"
npctl reload >/dev/null
ok "what waits is judged by the new policy" wait_until '! alive "$bg_waits2" && ! alive "$bg_waits3"'
like "$(cat "$T/waits2.err")" 'denied to role show: .*allows other commands: .show clock' "it is told"
like "$(cat "$T/waits3.err")" 'line 1: denied to role line' "lines as well"
npctl resume edge1
wait_for "$bg_waits1"
is "$?" 0 "what is still allowed goes on"
cp "$T/config.good" "$T/config.yaml"
npctl reload >/dev/null

# ---- another configuration ----

later held as "$bins/npexec" -S "$T/agent/boss" dev sleep 100
wait_until 'npctl --json status | jq -e "[.peers[] | select(.role == \"boss\")] | length == 1"'
write_config "audit_log: $log
sockets: [{path: $T/agent/show, role: show, mode: 0666}]
$devices"
npctl reload >/dev/null
ok "a socket that is configured no more is gone" [ ! -e "$T/agent/boss" ]
ok "with those who came by it" wait_until '! alive "$bg_held"'
ok "the other one stays" [ -S "$T/agent/show" ]
sed "s#^sockets: .#&{path: $T/world/x, role: x}, #" "$T/config.yaml" >"$T/worse" && cp "$T/config.yaml" "$T/good" && cp "$T/worse" "$T/config.yaml"
run npctl reload
like "$status $err" '^1 .*the configuration is in force, but a socket of it is not: .*world.* is writable by others' \
	"a reload says which socket it cannot make"
ok "and the others are there" [ -S "$T/agent/show" ]
cp "$T/good" "$T/config.yaml"
denied "without a policy it may nothing" show edge1 show clock
run npexec dev echo own
is "$status $out$err" "0 own" "and we everything"
cat >>"$T/config.yaml" <<END
policy:
  - {door: mux, command: 'echo .*', then: allow}
  - {door: socket, devices: [dev], command: 'echo .*', then: allow}
  - {methods: [steer], then: allow}
END
npctl reload >/dev/null
run npexec dev echo mine
is "$status $out$err" '0 mine' "a rule without a role is about our own socket as well"
denied "and holds us to it" npexec dev true
denied "by the socket on other devices" npexec core1 echo a
door() { ssh -o ControlMaster=no -o ControlPath="$T/run/mux/dev" -F "$T/ssh_config" dev "$@"; }
run door echo through </dev/null
is "$status $out" '0 through' "an ssh is let in by the rule about its door"
run door touch "$T/marks/z" </dev/null
like "$status $err" '^255 .*denied' "and held to it, without going round it"
write_config "max_clients: 8
sockets: [{path: $T/agent/show, role: show, mode: 0666}]
policy: [{role: show, devices: ['@edge'], then: allow}]
$devices"
npctl reload >/dev/null
for _i in 1 2 3 4 5 6 7; do
	printf '%s\n' "$(request ping '')" '!wait "version"' '!hold' | as "$rpc" -S "$T/agent/show" >"$T/holds$_i" &
	holders="${holders:-} $!"
	wait_until "grep -q version $T/holds$_i" # nobody else takes a place meanwhile
done
run show dev echo a
like "$status $err" '^255 .*queue_full' "clients of roles cannot take all places"
is "$(npexec dev echo own)" own "we have one"
kill $holders
stop_broker
ok "at the end the sockets are gone" [ ! -e "$T/agent/show" ]
done_testing
