#!/bin/sh
# Who may use a shell, and for how long: leases, places that a client holds, keep-alive, limits of lines, platforms that
# are found out or change.
. "$(dirname "$0")/../kit/lib.sh"
need jq

ios=$tests/scenarios/ios.txt
start_simdev one --scenario "$ios"
start_simdev two --scenario "$ios"
start_simdev alive --scenario "$ios" --set idle=8
start_simdev junos --scenario "$tests/scenarios/junos.txt" --set exec=no
start_simdev auto --scenario "$ios" --set auth=none
mkdir -m 700 "$T/platforms"
cp "$tests"/../src/platform/vendors/*.yaml "$T/platforms" 2>/dev/null || cp "${srcdir:-.}"/src/platform/vendors/*.yaml "$T/platforms"
chmod 600 "$T"/platforms/*

login='username: admin, password: admin-pw, secret: enable-pw, device_type: cisco_ios'
config="
platform_path: $T/platforms
devices:
  one: {host: one, $login, connection_args: {max_connections: 1}}
  two: {host: two, $login}
  wide: {host: two, $login, connection_args: {max_connections: 4}}
  alive: {host: alive, $login, connection_args: {keepalive_mode: cli, keepalive_interval: 2}}
  ssh: {host: alive, $login, connection_args: {keepalive_mode: ssh, keepalive_interval: 2}}
  calm: {host: two, $login, connection_args: {keepalive_mode: cli, keepalive_interval: 0.3, keepalive_count_max: 2}}
  junos: {host: junos, username: ops, password: ops-pw, device_type: juniper_junos}
  auto: {host: auto, username: admin, device_type: autodetect}
  wrong: {host: auto, device_type: cisco_iso}
"
start_broker "$config"
typed()
{
	grep -c "^line [0-9.]* $2\$" "$T/$1/events"
}
rpc()
{
	printf '{"jsonrpc":"2.0","id":%d,"method":"exec","params":{"device":"%s","command":"%s"%s}}\n' "$@"
}

# ---- a place that is held ----

{
	rpc 1 one 'configure terminal' ',"hold":true'
	echo '!wait "id":1,"result"'
	rpc 2 one 'interface GigabitEthernet0/1' ',"hold":true'
	echo '!wait "id":2,"result"'
	rpc 3 one 'description held'
} >"$T/rpc"
run nprpc <"$T/rpc"
like "$(echo "$out" | grep '"id":3')" '"mode":"config' "three requests of one client are one conversation"
like "$(npexec one 'show running-config')" ' description held' "what they configured is there"
is "$(npexec -j one 'show clock' | jq -r .mode)" priv "the last one has given the shell back as it was"
is "$(grep -c '^shell' "$T/one/events")" 1 "all on one shell"

mkfifo "$T/slow"
nprpc <"$T/slow" >"$T/slow.out" 2>&1 &
slow=$!
exec 3>"$T/slow"
{
	rpc 1 one 'configure terminal' ',"hold":true'
	echo '!wait "id":1,"result"'
} >&3
ok "a client holds its place" wait_until 'grep -q "\"id\":1,\"result\"" "$T/slow.out"'
run npexec one 'show clock'
is "$status" 0 "another one gets the shell in the end"
is "$(status '.devices[] | select(.device == "one") | .list[0].shell.mode')" priv "in the mode after login"
{
	rpc 2 one 'show clock' ',"hold":true'
	echo '!wait "id":2,"result"'
} >&3
ok "the first one goes on" wait_until 'grep -q "\"id\":2,\"result\"" "$T/slow.out"'
like "$(cat "$T/slow.out")" '"method":"notice".*others waited' "and is told that its place was lost"
npexec one 'show clock' >"$T/waits" 2>&1 &
pid=$!
ok "who waits" wait_until '[ "$(status "[.devices[] | select(.device == \"one\") | .queued] | add")" = 1 ]'
kill -KILL $slow
exec 3>&-
began=$(date +%s)
wait_for $pid
is "$?" 0 "is served when the holder is killed"
at_most $(($(date +%s) - began)) 4 "and need not wait any longer"

# ---- lines are few ----

for i in 1 2 3 4 5 6; do
	npexec two 'sim silent 0.3' >/dev/null 2>&1 &
	eval "two_$i=$!"
	npexec wide 'sim silent 0.3' >/dev/null 2>&1 &
	eval "wide_$i=$!"
done
bad=0
for i in 1 2 3 4 5 6; do
	eval "wait_for \$two_$i" || bad=$((bad + 1))
	eval "wait_for \$wide_$i" || bad=$((bad + 1))
done
is $bad 0 "twelve at once on two devices"
at_most "$(status '[.devices[] | select(.device == "two") | .sessions] | add')" 2 "a platform's limit of lines"
like "$(status '[.devices[] | select(.device == "wide") | .sessions] | add')" '^[34]$' "which a device's own max_connections raises"

# ---- keep-alive on the command line ----

npexec alive 'show clock' >/dev/null
npexec ssh 'show clock' >/dev/null
ok "without a word on its command line, a device logs out" \
	wait_until '[ "$(status "[.devices[] | select(.device == \"ssh\") | .sessions] | add")" = 0 ]' 30
is "$(npexec -j alive 'show clock' | jq -r .reused)" true "with empty commands it does not"
like "$(status '[.devices[] | select(.device == "alive") | .list[0].shell.keepalives] | add')" '^[1-9]' "and are counted"

run npexec calm 'sim silent 3'
is "$status $err" '0 ' "a command that is silent for longer than all keep-alives may take is no dead device"
is "$(npexec -j calm 'show clock' | jq -r .reused)" true "and its shell serves on"

# ---- drivers ----

is "$(npexec junos 'show version' | grep -c "^Junos:")" 1 "channels preferred and refused: a shell"
is "$(npexec -j junos 'show version' | jq -r .mode)" oper "the next one is not tried on a channel"
is "$(grep -c '^shell' "$T/junos/events")" 1 "by one shell"
run npexec wrong 'show version'
like "$err" '^npexec: wrong: invalid_params: .*`cisco_iso.*did you mean `cisco_ios' "an unknown device_type, and the nearest"

# ---- a platform that is not known ----

run npexec auto 'show version'
is "$status" 0 "autodetect: answered"
is "$(status '[.devices[] | select(.device == "auto") | .platform] | join(" ")')" cisco_ios "and recognised"
is "$(jq -r .auto "$XDG_STATE_HOME/netpulse/platforms.json")" cisco_ios "it is remembered"
before=$(grep -c '^login' "$T/auto/events")
stop_broker
start_broker "$config"
run npexec auto 'show version'
is "$(($(grep -c '^login' "$T/auto/events") - before))" 1 "by the next broker, too"
echo '{"auto":"huawei_vrp"}' >"$XDG_STATE_HOME/netpulse/platforms.json"
stop_broker
start_broker "$config"
npexec -o connection_timeout="$(slow 8)" auto 'show version' >/dev/null 2>&1
ok "what is remembered wrongly is found out" wait_until 'npexec -o connection_timeout="$(slow 8)" auto "show version" 2>&1 | grep -q "^Cisco IOS"' 90

# ---- definitions that change ----

npexec one 'show clock' >/dev/null
session=$(npexec -j one 'show clock' | jq .session)
sed -i 's/^prepare:/prepare:\n  - {send: terminal width 333, optional: true}/' "$T/platforms/cisco_ios.yaml"
npctl reload >/dev/null
ok "a changed definition: new shells" [ "$(npexec -j one 'show clock' | jq .session)" != "$session" ]
is "$(typed one 'terminal width 333')" 1 "which follow it"
session=$(npexec -j one 'show clock' | jq .session)
sed -i 's/^modes:/moods:/' "$T/platforms/cisco_ios.yaml"
cp "$T/platforms/cisco_ios.yaml" "$T/platforms/mine.yaml"
npctl reload >/dev/null
run npexec one 'show clock'
like "$err" 'no platform is called .cisco_ios' "a malformed one: its devices are refused"
ok "with file, line and reason" grep -q 'platform refused: .*cisco_ios.yaml:[0-9]*: .*moods' "$T/broker.log"
is "$(npexec -j junos 'show version' | jq -r .mode)" oper "the others go on"

ok "the broker ends well" stop_broker
done_testing
