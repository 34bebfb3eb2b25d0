#!/bin/sh
# npctl test: every step of a dry connection, at a failure what to do, nothing kept, no account locked.  npctl open of
# many devices.
. "$(dirname "$0")/../kit/lib.sh"
need jq

ios='device_type: cisco_ios, username: admin, password: admin-pw'
start_sshd dev
start_sshd hop
start_sshd stranger
sed -i "/:$port_stranger\]* /d; /\]:$port_stranger /d" "$T/known_hosts"
add_host behind "$port_dev" 'ProxyJump hop'
add_host nothere "$port_dev" 'ProxyJump gone'
add_host gone 1
start_simdev sim --user admin --password right
add_host wrong "$port_sim" 'User admin'
start_simdev slow --any-key --auth-delay 2
start_simdev core1 --scenario ios.txt
start_simdev lone --scenario ios.txt --listen 127.0.1.6 --set shells=1
start_broker "
long_connection: {connection_timeout: $(slow 10)}
devices:
  dev: {groups: [lab], connection_args: {max_connections: 1, max_channels: 1}}
  wrong: {groups: [lab], username: admin, password: bad}
  dead: {host: 127.0.0.1, port: 1}
  noname: {host: no.such.host.invalid}
  core1: {$ios, secret: enable-pw}
  lone: {$ios, secret: enable-pw}
"
device() { status ".devices[] | select(.device == \"$1\") | $2"; }
steps() { jq -r '.steps[] | "\(.step) \(.outcome)"' | tr '\n' '|'; }

# ---- a server ----

run npctl test dev
is "$status" 0 "a device that can be reached: status 0"
like "$out" "^  configuration +[0-9]+ ms  $me@127.0.0.1 port $port_dev" "where it is, as ssh's configuration says"
like "$out" '^  resolve +[0-9]+ ms  127.0.0.1$' "its addresses"
like "$out" "^  connect +[0-9]+ ms  127.0.0.1 port $port_dev" "the one that answered"
like "$out" '^  key exchange +[0-9]+ ms  SSH-2.0-OpenSSH.*: [a-z0-9@.-]+,' "the server and the algorithms"
like "$out" '^  host key +[0-9]+ ms  ssh-ed25519 SHA256:[^ ]*, known' "the host key, and that it is known"
like "$out" '^  authentication +[0-9]+ ms  none: the server offers publickey' "what the server offers"
like "$out" '^  authentication +[0-9]+ ms  publickey \(.*\): accepted' "the method that opened the door"
like "$out" '^dev: ok in [0-9]+ ms' "and the whole time"
is "$(echo "$out" | awk 'length > 100' | wc -l)" 0 "no line is longer than 100 columns"
is "$(device dev '[.sessions, .logins] | join(" ")')" '0 1' "no session is kept"
ok "the server saw it go" wait_until 'grep -q "^Disconnected from\|^Received disconnect" "$T/dev/log"'
is "$(npctl test --json dev | jq -r '[.device, .ok, (.ms > 0), (.steps | length)] | join(" ")')" 'dev true true 7' "--json"
is "$(npctl test --json dev | steps)" \
	'configuration ok|resolve ok|connect ok|key exchange ok|host key ok|authentication refused|authentication ok|' \
	"the steps in their order"
run npctl test behind
like "$out" '^  jump host +[0-9]+ ms  hop$' "through a jump host"
is "$status" 0 "a device behind it"

# ---- with what is there already ----

session=$(npexec -j dev true | jq -r .session)
run npctl test dev
like "$status $err" '^1 npctl: dev: queue_full: .*max_connections.*npctl close' "no room beside max_connections 1: says so"
is "$(npexec -j dev true | jq -r .session)" "$session" "the session that was there stays"
npctl close --wait dev >/dev/null
npctl disable dev -m 'upgrade' >/dev/null
run npctl test dev
is "$status" 0 "a disabled device can be tested before it is enabled"
npctl enable dev >/dev/null
npctl pause dev >/dev/null
run npctl test dev
is "$status" 0 "and a paused one"
npctl resume dev >/dev/null

# ---- failures, and what to do ----

run npctl test dead
like "$out" '^  connect +[0-9]+ ms  FAILED' "nobody listens: the step that failed"
like "$out" 'what to do +see that the device is up' "and what to do"
like "$status $err" '^1 npctl: dead: connect_failed: .*refused' "status 1, and the reason"
run npctl test noname
like "$out" '^  resolve +[0-9]+ ms  FAILED' "an unknown name"
like "$err" 'resolve_failed' "its reason"
run npctl test nothere
like "$out" '^  jump host +[0-9]+ ms  FAILED' "a jump host that is not there"
like "$err" 'jump_failed: jump host gone' "its reason"
run npctl test stranger
like "$out" '^  host key +[0-9]+ ms  FAILED' "a host key that nobody knows"
like "$err" 'host_key_unknown: .*Compare' "what to do about it"
is "$(npctl test --json dead 2>/dev/null | jq -r '[.ok, .error.data.reason, .steps[-1].outcome] | join(" ")')" \
	'false connect_failed failed' "--json of a failure"
is "$(device dead '[.state, .last_error] | map(tostring) | join(" ")')" 'idle null' "a test sets no back-off"

# ---- no lockout ----

tries() { grep -c '^auth password admin bad' "$T/sim/events"; }
run npctl test wrong
like "$out" '^  authentication +[0-9]+ ms  password \(configured\): refused' "a wrong password: the method that was refused"
like "$err" 'auth_failed: .*correct the configured password' "what to do about it"
is "$(tries)" 1 "one attempt"
run npexec wrong true
like "$err" 'auth_backoff' "it bars the log-ins of others"
run npctl test wrong
like "$out" '^  host key ' "another test goes as far as the host key"
like "$out" '^  authentication +[0-9]+ ms  SKIPPED' "and no further"
like "$err" 'auth_backoff: .*npctl test --login' "and says how to go on"
is "$(tries)" 1 "still one attempt"
run npctl test --login wrong
like "$err" 'auth_backoff: .*npctl accounts retry lifts this: the password of admin is barred' \
	"with --login it meets the gate before accounts, and says what opens that"
is "$(tries)" 1 "still one attempt"
npctl accounts retry admin >/dev/null
run npctl test --login wrong
like "$err" 'auth_failed' "then it tries"
is "$(tries)" 2 "once"
sed -i 's/password: bad/password: right/' "$T/config.yaml"
npctl reload >/dev/null
run npctl test wrong
is "$status" 0 "a changed password is tried at once"
ok "and lets others in" npexec wrong help

npexec slow help >"$T/slow.out" 2>&1 </dev/null &
pid=$!
ok "a first login is under way" wait_until '[ "$(events slow "^connect")" = 1 ]'
run npctl test slow
like "$err" 'backoff: another login is under way' "no second one beside it before it has succeeded"
wait_for $pid
is "$(events slow '^auth')" 1 "the server saw one attempt"

# A request that comes while a test logs in waits for its outcome.
npctl close --wait slow >/dev/null
npctl test slow >"$T/slow.out" 2>&1 &
pid=$!
ok "a test logs in" wait_until '[ "$(events slow "^connect")" = 3 ]'
ok "its client leaves" kill -KILL $pid
ok "then it is given up" wait_until '[ "$(device slow ".list | length")" = 0 ]'
wait_for $pid

# ---- command lines ----

run npctl test core1
is "$status" 0 "a device with a command line"
is "$(npctl test --json core1 | steps | sed 's/.*authentication ok|//')" 'shell ok|prompt ok|privilege ok|paging ok|' \
	"up to its prompt, its privilege and its paging"
like "$out" '^  paging +[0-9]+ ms  mode priv' "and the mode it is in"
is "$(device core1 .sessions)" 0 "nothing is kept"
npexec lone 'show clock' >/dev/null
run npctl test lone
like "$status $out" '^1 ' "a device with a single line, which is taken"
ok "the session that was there stays" [ "$(device lone .sessions)" = 1 ]

# ---- mistakes ----

run npctl test
is "$status" 2 "no device: a usage error"
run npctl test dev wrong
is "$status" 2 "two of them as well"
run npctl test --now dev
is "$status" 2 "--now does not go with it"
for bad in '{}' '{"device":7}' '{"device":"dev","login":1}' '{"device":"dev","fresh":true}' '{"device":"dev","all":true}'; do
	like "$(printf '{"jsonrpc":"2.0","id":1,"method":"test","params":%s}\n' "$bad" | nprpc)" 'invalid_params' \
		"test with $bad is refused"
done

# ---- open: groups, all ----

npctl close --all --wait >/dev/null
is "$(npctl open @lab | sed 's/#[0-9]* opened in [0-9]* ms/N/' | sort | tr '\n' '|')" 'dev: session N|wrong: session N|' \
	"open of a group"
npctl open --all >"$T/opened" 2>"$T/opened.err"
is $? 1 "open --all: not all of them can be"
is "$(cut -d: -f1 "$T/opened" | sort | tr '\n' ' ')" 'core1 dev lone wrong ' "those that can are open"
is "$(cut -d: -f2 "$T/opened.err" | sort | tr '\n' ' ')" ' dead  noname ' "the others are named"
run npctl open @nosuch
is "$status" 1 "a group that is none"

ok "the broker ends well" stop_broker
done_testing
