#!/bin/sh
# Looking without doing: netpulsed -t, npctl config check and show, npctl platform check, list and show.
. "$(dirname "$0")/../kit/lib.sh"
need jq

NETPULSE_DAEMON=$bin/netpulsed
export NETPULSE_DAEMON
platforms=$(platform_files)

# config TEXT: a configuration that is checked, not served.
config()
{
	printf '%s\nplatform_path: %s\n' "$1" "$platforms" >"$T/c.yaml"
}

# ---- checking a configuration ----

config 'devices:
  core1: {host: 192.0.2.1, device_type: cisco_ios, password: hunter2}'
run netpulsed -t -f "$T/c.yaml"
is "$status:$err" 0: "netpulsed -t: a good configuration"
like "$out" "^$T/c.yaml: good, 1 device; [0-9]+ platforms\$" "says so in one line"
ok "and serves nothing" test ! -e "$NETPULSE_SOCKET"
run npctl config check -f "$T/c.yaml"
is "$status:$err" 0: "npctl config check is the same"
like "$out" 'good, 1 device' "with its words"

config 'long_connection:
  max_idle: 3'
run netpulsed -t -f "$T/c.yaml"
is "$status:$out" 1: "an unknown key fails"
is "$err" "$T/c.yaml:2: unknown key \`max_idle\` under long_connection or connection_args: did you mean \`max_idle_time\`?" \
	"with file, line and the nearest key"
run npctl config check -f "$T/c.yaml"
is "$status" 1 "npctl config check exits with the same status"
like "$err" "^$T/c.yaml:2: " "and the same words"

config 'devices:
  core1:
    host: 192.0.2.1
    device_type: cisco_iso
  core2: {driver: cli}
  core3: {device_type: cisco_xe, key_file: /nonexistent/key}'
run netpulsed -t -f "$T/c.yaml"
is "$status:$out" 1: "device types that are no platform fail"
like "$err" "^$T/c.yaml:4: .device_type. of core1: no platform is called .cisco_iso.: did you mean .cisco_ios.\?\$" \
	"each with its line"
like "$err" "^$T/c.yaml:5: .driver: cli. of core2 needs a .device_type.:" "also a missing one"
like "$err" "^$T/c.yaml:6: warning: .key_file. of core3: cannot read /nonexistent/key:" "a missing file is a warning"
unlike "$err" 'core3.*platform' "an alias is a platform"

config 'devices:
  core1: {host: h, key_file: /nonexistent/key}'
chmod 640 "$T/c.yaml"
run netpulsed -t -f "$T/c.yaml"
is "$status" 0 "warnings alone do not fail"
printf 'devices:\n  core1: {host: h, password: hunter2}\nplatform_path: %s\n' "$platforms" >"$T/c.yaml"
run netpulsed -t -f "$T/c.yaml"
is "$status" 0 "nor does a password that others can read"
like "$err" "^$T/c.yaml:2: warning: .password. in a file that others can read" "which is named"
chmod 600 "$T/c.yaml"

printf 'devices: [' >"$T/c.yaml"
run netpulsed -t -f "$T/c.yaml"
is "$status" 1 "malformed YAML fails"
like "$err" "^$T/c.yaml:2: " "with its line"
run netpulsed -t -f "$T/nosuch.yaml"
is "$status" 1 "a file that is not there fails"
like "$err" "^$T/nosuch.yaml: " "by name"
mkdir -p "$T/config/netpulse"
printf 'platform_path: %s\nmax_clients: many\n' "$platforms" >"$T/config/netpulse/config.yaml"
run npctl config check
is "$status" 1 "without -f the usual files are checked"
like "$err" "^$T/config/netpulse/config.yaml:2: .max_clients. must be" "and named"
rm "$T/config/netpulse/config.yaml"

# ---- checking a platform file ----

config ''
cp "$platforms/frr.yaml" "$T/frr.yaml"
run npctl platform check -f "$T/c.yaml" "$T/frr.yaml"
is "$status:$err" 0: "a good platform file"
like "$out" "^$T/frr.yaml: good, platform frr \(recorded\), 3 modes\$" "says what it is"
cat >"$T/mine.yaml" <<'END'
extends: cisco_ios
name: mine
aliases: [ios]
END
run npctl platform check -f "$T/c.yaml" "$T/mine.yaml" "$T/frr.yaml"
is "$status" 0 "files that extend an installed one, several at once"
is "$(echo "$out" | grep -c ': good, ')" 2 "each is named"
like "$err" "^$T/mine.yaml:[0-9]*: warning: alias .ios. means $platforms/cisco_ios.yaml already" "a name that is taken"
cat >"$T/mine.yaml" <<'END'
name: mine
base_mode: priv
modes:
  priv: {prompt: '\w+#', samples: ['R1#']}
  conf: {prompt: '.+#', samples: ['R1(config)#']}
END
run npctl platform check -f "$T/c.yaml" "$T/mine.yaml"
is "$status:$out" 1: "two modes with one prompt are refused"
like "$err" "^$T/mine.yaml:[45]: sample .* also matches mode" "with file, line and reason"
sed 's/base_mode/base_mod/' "$T/mine.yaml" >"$T/other.yaml"
run netpulsed -t -f "$T/c.yaml" -P "$T/other.yaml"
like "$err" "^$T/other.yaml:2: unknown key .base_mod. in a platform: did you mean .base_mode.\?" "an unknown key, and the nearest"
is "$status" 1 "is refused"
run npctl platform check -f "$T/c.yaml" "$T/nosuch.yaml"
is "$status" 1 "a file that is not there"
cp "$T/frr.yaml" "$T/writable.yaml"
chmod 666 "$T/writable.yaml"
run npctl platform check -f "$T/c.yaml" "$T/writable.yaml"
like "$status:$err" '^1:.*writable.yaml: others can write to it' "a file that others can write"

# ---- a malformed platform file among the others ----

start_sshd dev 'ForceCommand echo from dev'
mv "$T/mine.yaml" "$platforms/mine.yaml"
start_broker "
long_connection:
  retry_max: 44
devices:
  dev: {}
  core1:
    host: 127.0.0.1
    port: $port_dev
    username: $me
    device_type: cisco_ios
    password: hunter2
    secret_command: echo hunter3
    connection_args:
      max_idle_time: 77
"
like "$(grep refused "$T/broker.log")" "platform refused: $platforms/mine.yaml:[45]: sample" "the broker's log says which"
run npctl platform list
is "$status:$err" 0: "npctl platform list"
like "$out" '^cisco_ios +documented +Cisco IOS, IOS-XE +cisco_xe,' "the other platforms are there"
like "$out" '^frr +recorded ' "with their origins"
like "$out" "^refused: $platforms/mine.yaml:[45]: sample .* also matches mode" "the refused file, its line and the reason"
is "$(npctl --json platform list | jq -r '.platforms | length')" "$(($(ls "$platforms" | wc -l) - 1))" "--json has all others"
like "$(npctl --json platform list | jq -r '.refused[]')" "^$platforms/mine.yaml:" "and the refused one"
is "$(npctl --json platform list | jq -r '.platforms[] | select(.name == "frr") | .file')" "$platforms/frr.yaml" "and the files"
run netpulsed -t -f "$T/config.yaml"
is "$status" 1 "netpulsed -t fails for it"
like "$err" "^$platforms/mine.yaml:[45]: " "with its line"
rm "$platforms/mine.yaml"
ok "the file is gone" npctl reload
unlike "$(npctl platform list)" refused "after a reload nothing is refused"

run npctl platform show CISCO-XE
is "$status:$err" 0: "npctl platform show takes aliases"
like "$out" '^cisco_ios: Cisco IOS, IOS-XE' "it shows the name"
like "$out" '^ *prompt +\(\?<host>' "the prompts"
like "$out" '^ *enter +configure terminal' "the configuration recipe"
like "$out" '^ *sessions +2$' "the limits"
npctl --json platform show huawei_vrpv8 | jq .platform >"$T/huawei_vrpv8.yaml"
run npctl platform check "$T/huawei_vrpv8.yaml"
like "$out" ': good, platform huawei_vrpv8' "what --json shows is a platform file, with all that it extends"
run npctl platform show cisco_iso
is "$status:$out" 1: "a platform that there is not"
like "$err" 'did you mean .cisco_ios' "and the nearest"

# ---- what is used, and from where ----

# setting DEVICE KEY: "VALUE ORIGIN[:LINE]"
setting()
{
	npctl --json config show "$1" | jq -r --arg key "$2" '.settings[] | select(.key == $key) |
		"\(if has("set") then "set=\(.set)" else .value end) \(.origin)\(if .line then ":\(.line)" else "" end)"'
}

is "$(setting core1 host)" '127.0.0.1 file:8' "a value of the entry has its line"
is "$(setting core1 max_idle_time)" '77 file:15' "one of connection_args too"
is "$(setting core1 retry_max)" '44 file:4' "one of long_connection"
is "$(setting core1 keepalive_interval)" '60 default' "a default says so"
is "$(setting core1 max_connections)" '2 platform' "the platform's limit"
is "$(setting core1 driver)" 'cli device_type' "the driver follows the type"
is "$(setting core1 ssh_config)" "$T/ssh_config file:1" "the global key"
is "$(setting core1 password)" 'set=true file:12' "a password is set"
is "$(setting core1 secret_command)" 'set=true file:13' "a secret command is set"
is "$(setting core1 secret)" 'set=false default' "another is not"
is "$(setting dev port)" "$port_dev ssh" "what ssh's configuration says"
is "$(setting dev username)" "$me ssh" "also the user"
is "$(setting dev key_file)" "[\"$T/key\"] ssh" "and the key"
is "$(setting "nobody@127.0.0.1:2022" username)" 'nobody operand' "an operand that is not configured"
is "$(npctl --json config show core1 | jq -r .source)" "$T/config.yaml:7" "where the entry is"
is "$(npctl --json config show dev | jq -r '.ssh.files[0]')" "$T/ssh_config" "the files that ssh read"
is "$(npctl --json config show | jq -r '.settings[] | select(.key == "retry_max") | .line')" 4 "without a device: the global settings"

npexec dev true >/dev/null
is "$(setting dev port)" "$port_dev ssh" "the same of a device in use"
run npctl config show core1
is "$status:$err" 0: "npctl config show for people"
like "$out" "^core1: configured at $T/config.yaml:7, shells of platform cisco_ios" "the entry"
like "$out" "^max_idle_time +77 +$T/config.yaml:15\$" "a setting and its line"
like "$out" "^password +\(set, not shown\) +$T/config.yaml:12\$" "a password"
{
	npctl config show core1
	npctl --json config show core1
	npctl --json config show
	npctl config show
	netpulsed -T -f "$T/config.yaml" core1
	npctl config check -f "$T/config.yaml"
} >"$T/all" 2>&1
unlike "$(cat "$T/all" "$T/broker.log")" 'hunter' "no secret is shown anywhere"
run npctl config show -- '-oProxyCommand=touch x'
is "$status" 1 "a name that can be no device"
like "$err" '^npctl: ' "is refused in words"

# Entries that cannot be used are shown all the same.
write_config '
devices:
  odd: {device_type: cisco_iso, host: 127.0.0.1}
'
npctl reload
run npctl config show odd
is "$status" 0 "a device whose type is no platform"
like "$out" '^Problem: odd: no platform is called .cisco_iso.: did you mean .cisco_ios' "is shown with its problem"

# What the broker uses is shown, not what the file says since.
write_config '
devices:
  odd: {host: 127.0.0.2}
'
is "$(setting odd host)" '127.0.0.1 file:4' "the running broker's settings"
is "$(npctl --json config show -f "$T/config.yaml" odd | jq -r '.settings[] | select(.key == "host") | .value')" 127.0.0.2 \
	"-f: those of the file"

# ---- askers who do not wait ----

# ssh is asked about a device that is not in use, and takes its time.
printf 'Match host slow exec "sleep 20"\n' | cat - "$T/ssh_config" >"$T/slow_config"
write_config "
devices:
  slow: {host: slow, ssh_config: $T/slow_config}
"
npctl reload >/dev/null
ask='{"jsonrpc":"2.0","id":1,"method":"config_show","params":{"device":"slow"}}'
printf '%s\n!close\n' "$ask" | nprpc >/dev/null
ok "one who leaves is forgotten" npctl sync
printf '%s\n' "$ask" '{"jsonrpc":"2.0","id":1,"method":"ping"}' '!wait still in use' \
	'{"jsonrpc":"2.0","method":"cancel","params":{"id":1}}' '!wait "cancelled"' \
	'{"jsonrpc":"2.0","id":1,"method":"ping"}' >"$T/lines"
run nprpc <"$T/lines"
like "$out" '"id":1,"result":\{"version"' "one who cancels is told, and the id is free again"
printf '%s\n' "$ask" | nprpc >"$T/asked" 2>&1 &
pid=$!
ok "another is asking" wait_until 'grep -q hello "$T/asked" && descendants "$broker_pid" | grep -q .'

# ---- without a broker ----

ok "the broker ends all the same" stop_broker
wait_for $pid
write_config '
devices:
  odd: {host: 127.0.0.2}
'
run npctl config show -f "$T/config.yaml" odd
is "$status:$err" 0: "-f needs no broker"
like "$out" "^host +127.0.0.2 +$T/config.yaml:4\$" "and shows the same table"
cp "$T/config.yaml" "$T/config/netpulse/config.yaml"
run npctl config show odd
is "$status" 0 "without a broker: what one would use"
like "$err" '^npctl: no broker is running at .*: this is what one would use' "with a word about it"
like "$out" "^host +127.0.0.2 +$T/config/netpulse/config.yaml:4\$" "from the usual files"
run npctl platform list
like "$out" '^frr +recorded' "the platforms too"
ok "no broker was started" test ! -S "$NETPULSE_SOCKET"
NETPULSE_DAEMON=/nonexistent/netpulsed
run npctl config check
is "$status" 1 "a daemon that cannot be executed"
like "$err" '^npctl: execute /nonexistent/netpulsed .*NETPULSE_DAEMON' "is named"
run npctl config show odd
like "$status:$err" '1:.*
npctl: /nonexistent/netpulsed cannot be executed' "also where an answer is read"

done_testing
