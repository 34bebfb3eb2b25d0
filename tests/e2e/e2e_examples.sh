#!/bin/sh
# contrib/examples that read, inventory and config-backup: on devices that work, that are down and that refuse.
. "$(dirname "$0")/../kit/lib.sh"
need jq split base64

PATH=$tests/../contrib/examples:$PATH
start_sshd srv
start_simdev core1 --scenario ios.txt --set host=core1 --listen 127.0.3.1
start_simdev core2 --scenario ios.txt --set host=core2 --listen 127.0.3.2
ios='device_type: cisco_ios, username: admin, password: admin-pw'
config="
devices:
  core1: {$ios, secret: enable-pw, groups: [core, net]}
  core2: {$ios, groups: [core, net]}
  lost: {host: 127.0.0.1, port: 1, groups: [net]}
  srv: {}
"
start_broker "$config"

# ---- inventory ----

run inventory @core
is "$status" 0 "inventory: all have answered"
is "$(echo "$out" | awk '{ print $1, $2, $3, $4, $5, $6 }')" "DEVICE VERSION UPTIME TOOK NOTE 
core1 15.7(3)M 1 week, 2 days
core2 15.7(3)M 1 week, 2 days" "a line each"
run inventory @net
is "$status" 1 "a device that is down: 1"
like "$out" '^lost +- +- +- +connect_failed$' "its line says why"
like "$out" '^core2 +15\.7' "the others are there"
like "$err" '^npexec: lost: connect_failed: .*refused' "the whole story is on standard error"
run inventory @core 'show running-config'
is "$status" 1 "a refused command: 1"
like "$out" '^core2 .*refused: % Invalid input' "and the device's words"
run inventory srv "printf 'Version 7\033[31m, on\nuptime: 3 days\n'"
is "$status:$(printf %s "$out" | tr -cd '\033')" 0: "control characters of a device stay away from the terminal"
like "$out" '^srv +7.31m +3 days ' "the text does not"
run inventory
is "$status" 2 "a usage error: 2"

# ---- config-backup ----

mkdir "$T/conf"
echo "of yesterday" >"$T/conf/core2.cfg"
run config-backup "$T/conf" @net
is "$status:$out" 2: "config-backup: two have failed"
is "$(echo "$err" | sort)" "config-backup: core2: refused: % Invalid input detected at '^' marker.
config-backup: lost: connect_failed: 127.0.0.1: 127.0.0.1 port 1: Connection refused" "each is named"
like "$(cat "$T/conf/core1.cfg")" '^hostname core1$' "the third is saved"
is "$(cat "$T/conf/core2.cfg")" "of yesterday" "a failure leaves the file as it was"
is "$(ls -A "$T/conf" | tr '\n' ' ')" "core1.cfg core2.cfg " "nothing else is there"
is "$(ls -l "$T/conf/core1.cfg" | cut -c1-10)" "-rw-------" "for nobody else to read"
before=$(ls -i "$T/conf/core1.cfg")
run config-backup "$T/conf" core1
is "$status:$err:$(ls -i "$T/conf/core1.cfg")" "0::$before" "what has not changed is not touched"
run config-backup -x '^hostname|^!' "$T/conf" core1
is "$status:$(grep -c 'hostname\|!' "$T/conf/core1.cfg")" 0:0 "-x leaves lines out"
run config-backup -c "printf 'a\\377b\\000\\nno end'" "$T/conf" srv
is "$status" 0 "what is not UTF-8"
printf 'a\377b\000\nno end' | cmp - "$T/conf/srv.cfg" >/dev/null
is "$?" 0 "is saved byte by byte"
LC_ALL=C.UTF-8 config-backup -x '^!' -c "printf 'a\\n!x\\nb\\377\\000\\nc\\n'" "$T/conf" srv
is "$?:$(od -An -c "$T/conf/srv.cfg" | tr -d ' \n')" '0:a\nb377\0\nc\n' "config-backup -x: bytes that are no text here stay"
run config-backup -c 'show nothing' "$T/conf" core1
is "$status:$err" "1:config-backup: core1: it printed nothing" "an empty answer is a failure"
like "$(cat "$T/conf/core1.cfg")" '^interface ' "and replaces nothing"
run config-backup "$T/conf" @nosuch
is "$status" 1 "an unknown group"
like "$err" '^config-backup: @nosuch: unknown_device: ' "is said"
run config-backup "$T/conf"
is "$status" 125 "a usage error: 125"

if command -v git >/dev/null; then
	commits()
	{
		git -C "$T/git" log --oneline | wc -l | tr -d ' '
	}
	run config-backup -g "$T/git" @net
	is "$status:$out" 2: "-g, with failures"
	is "$(commits):$(git -C "$T/git" ls-files)" 1:core1.cfg "commits what there is"
	run config-backup -g "$T/git" core1
	is "$status:$out$err:$(commits)" 0::1 "no change, no commit"
	npexec -q -c core1 'ntp server 192.0.2.9'
	run config-backup -g "$T/git" core1
	is "$status:$out$err:$(commits)" 0::2 "a change is committed"
	like "$(git -C "$T/git" show --format=)" '^\+ntp server 192.0.2.9$' "and to be seen"
	is "$(git -C "$T/git" status --porcelain)" "" "nothing is left over"
else
	skip 7 "git is not installed"
fi

# ---- without a broker ----

ok "the broker ends well" stop_broker
run config-backup "$T/conf" core1
is "$status" 125 "config-backup: no broker"
like "$err" 'the broker did not start' "is said"
run inventory core1
is "$status" 2 "inventory: no broker"
done_testing
