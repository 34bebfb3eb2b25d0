#!/bin/sh
# npexec -c: lines are checked one by one, candidates are all or nothing, configuration mode is always left, nothing is
# saved unasked; what holds afterwards is said and true.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_simdev core1 --scenario ios.txt --listen 127.0.3.1
start_simdev core2 --scenario ios.txt --listen 127.0.3.2
start_simdev core3 --scenario ios.txt --listen 127.0.3.3
start_simdev mx1 --scenario junos.txt --listen 127.0.3.4
ios='device_type: cisco_ios, username: admin, password: admin-pw'
config="
devices:
  brief: {host: core1, $ios, secret: enable-pw, connection_args: {prompt_timeout: 1}}
  drip: {host: core1, $ios, secret: enable-pw, connection_args: {prompt_timeout: 0.5}}
  core1: {$ios, secret: enable-pw, groups: [core]}
  core2: {$ios, secret: enable-pw, groups: [core]}
  core3: {$ios}
  mx1: {device_type: juniper_junos, username: ops, password: ops-pw}
"
start_broker "$config"

running()
{
	case $1 in
	mx*) npexec "$1" 'show configuration' ;;
	*) npexec "$1" 'show running-config' ;;
	esac
}

# How often a device was sent this line.
typed()
{
	grep -c "^line [0-9.]* $2\$" "$T/$1/events"
}

# ---- live configuration ----

printf 'interface GigabitEthernet0/1\r\n description uplink\r\n' >"$T/lines"
run npexec -c -f "$T/lines" core1
is "$status:$out" 0: "all lines taken"
is "$err" "npexec: core1: 2 of 2 lines taken, 0 refused, 0 not run; live, not saved" "one line says what holds"
like "$(running core1)" '^ description uplink$' "and it does"
is "$(npexec -j core1 'show clock' | jq -r .mode)" priv "configuration mode was left"
unlike "$(npexec core1 'show startup-config')" uplink "nothing was saved"
run npexec -c core1 hostname  renamed
is "$status:$err" "0:npexec: core1: 1 of 1 lines taken, 0 refused, 0 not run; live, not saved" "a line of arguments; it renames the device"
run npexec -c -q -e 'hostname R1' -e 'ip route 0.0.0.0 0.0.0.0 192.0.2.1' core1
is "$status:$err" 0: "-e, several; -q says nothing when all is well"

{
	echo 'interface GigabitEthernet0/2'
	echo ' description first'
	echo ' bogus 1.2.3.4'
	echo ' description second'
	echo ' shutdown'
} >"$T/lines"
run npexec -c core1 <"$T/lines"
is "$status" 1 "a refused line: status 1"
is "$err" "npexec: core1: line 3: ' bogus 1.2.3.4': % Invalid input detected at '^' marker.
npexec: core1: 2 of 5 lines taken, 1 refused, 2 not run; live, not saved" "it is shown with the device's words, and what holds"
like "$(running core1)" '^ description first$' "the lines before are live"
is "$(typed core1 ' *description second')" 0 "the lines behind were not typed"
is "$(npexec -j core1 'show clock' | jq -r .mode)" priv "configuration mode was left"
run npexec -c --save core1 <"$T/lines"
is "$status" 1 "--save with a refused line"
unlike "$(npexec core1 'show startup-config')" 'uplink|first' "saves nothing"
run npexec -c --keep-going core1 <"$T/lines"
is "$status" 1 "--keep-going: status 1 as well"
like "$err" '4 of 5 lines taken, 1 refused, 0 not run; live, not saved$' "but the others are taken"
like "$(running core1)" '^ description second$' "and live"
run npexec -c --save core1 'ntp server 192.0.2.7'
is "$status:$err" "0:npexec: core1: 1 of 1 lines taken, 0 refused, 0 not run; live and saved" "--save"
like "$(npexec core1 'show startup-config')" '^ntp server 192.0.2.7$' "saves"
run npexec -c --dry-run core1 'ntp server 192.0.2.8'
is "$status" 255 "--dry-run where there is no candidate"
like "$err" 'npexec: core1: invalid_params: .*dry run' "is refused"
unlike "$(running core1)" '192.0.2.8' "and nothing was done"

# ---- a candidate ----

npexec -c mx1 'set system domain-name lab' 2>"$T/err"
is "$?:$(cat "$T/err")" "0:npexec: mx1: 1 of 1 lines taken, 0 refused, 0 not run; committed and saved" "a candidate is committed"
like "$(running mx1)" 'domain-name lab' "and live"
printf 'set system one\nset bogus two\nset system three\n' >"$T/lines"
run npexec -c -f "$T/lines" mx1
is "$status" 1 "a refused line"
is "$err" "npexec: mx1: line 2: 'set bogus two': syntax error.
npexec: mx1: 1 of 3 lines taken, 1 refused, 1 not run; discarded: nothing was changed" "discards all"
unlike "$(running mx1)" 'system one' "indeed"
run npexec -c mx1 'set system fail-commit'
is "$status" 1 "a commit that fails"
like "$err" '^npexec: mx1: config_rejected: .*commit' "is said"
like "$err" '1 of 1 lines taken, .*; discarded: nothing was changed$' "and discards"
run npexec -c --dry-run mx1 'set system domain-name other'
is "$status" 0 "--dry-run"
like "$out" 'set system domain-name other' "shows the difference on standard output"
like "$err" '; discarded, as a dry run is$' "and discards it"
unlike "$(running mx1)" 'domain-name other' "indeed"
run npexec -c --confirm 7 mx1 'set system domain-name soon'
is "$status" 0 "--confirm"
like "$err" 'committed, to be undone unless confirmed in time$' "is said"
ok "to the device as well" grep -q 'commit confirmed 7' "$T/mx1/events"
is "$(grep '^line' "$T/mx1/events" | tail -n 1 | cut -d' ' -f3-)" 'exit configuration-mode' "configuration mode was left"

# ---- JSON ----

npexec -j -c -e 'hostname R1' -e 'bogus x' -e 'hostname R3' core1 >"$T/json" 2>"$T/err"
is "$?" 1 "-j: the status"
is "$(jq -c '[.device, .command, .index, .status, .text]' "$T/json" | head -n 3)" \
	"[\"core1\",\"hostname R1\",0,\"ok\",null]
[\"core1\",\"bogus x\",1,\"failed\",\"% Invalid input detected at '^' marker.\"]
[\"core1\",\"hostname R3\",2,\"not_run\",null]" "-j: one object a line"
is "$(jq -c 'select(.count) | [.device, .count, .ok, .failed, .not_run, .live, .saved, .committed, (.error.data.reason // .error.reason)]' "$T/json")" \
	'["core1",3,1,1,1,true,false,false,"config_rejected"]' "and one for all of it"

# ---- several devices ----

run npexec -c -e 'hostname R1' -e 'logging host 192.0.2.9' @core
is "$status" 0 "the same lines for several devices"
is "$(echo "$err" | sort)" "npexec: core1: 2 of 2 lines taken, 0 refused, 0 not run; live, not saved
npexec: core2: 2 of 2 lines taken, 0 refused, 0 not run; live, not saved" "each says what holds"
like "$(running core2)" '^logging host 192.0.2.9$' "and it does"

# ---- privilege, nobody there, too late ----

run npexec -c core3 'hostname x'
is "$status" 255 "without a secret and a person"
like "$err" '^npexec: core3: privilege_failed: ' "privilege_failed"
run ptyrun -e 'assword' -s 'enable-pw\r' npexec -c core3 'hostname R1'
is "$status" 0 "a person at the terminal is asked"
like "$out" 'core3: 1 of 1 lines taken, .* live, not saved' "and it is done"
unlike "$out" 'enable-pw' "the secret is not shown"
run npexec -c nosuchhost.invalid 'hostname x'
is "$status" 255 "a device that cannot be reached"

# Lines whose end never comes are never begun: a client that still reads, and one that has sent.
before=$(typed core1 'configure terminal')
mkfifo "$T/lines.fifo"
npexec -c core1 <"$T/lines.fifo" >"$T/out" 2>&1 &
pid=$!
exec 4>"$T/lines.fifo"
echo 'hostname never' >&4
kill -KILL $pid
wait_for $pid 2>/dev/null
exec 4>&-
cat >"$T/rpc" <<'END'
{"jsonrpc":"2.0","id":1,"method":"config","params":{"device":"core1"}}
!wait "method":"credit"
!data hostname never\n
{"jsonrpc":"2.0","method":"stdin","params":{"id":1}}
!close
END
nprpc <"$T/rpc" >"$T/out"
like "$(cat "$T/out")" '"method":"credit"' "credit is granted at once"
npctl sync
is "$(typed core1 'configure terminal')" "$before" "a client that leaves before the end of its lines has changed nothing"

# gather NAME DEVICE: a client that says one line and neither the next nor the end; it stays until it is told the end.
gather()
{
	cat >"$T/$1.rpc" <<-END
		{"jsonrpc":"2.0","id":1,"method":"config","params":{"device":"$2"}}
		!wait "method":"credit"
		!data hostname never\n
		{"jsonrpc":"2.0","method":"stdin","params":{"id":1}}
		!wait "id":1,"error"
	END
	later "$1" sh -c "exec nprpc <$T/$1.rpc"
	wait_until "grep -q '\"method\":\"credit\"' $T/$1.out"
}
gather slow brief
ok "a client that falls silent is waited for no longer than prompt_timeout" wait_for "$bg_slow"
like "$(cat "$T/slow.out")" '"reason":"idle_timeout".*' "reason idle_timeout"
like "$(cat "$T/slow.out")" 'no configuration line came for 1 s' "which says what was waited for"
# A line now and then does not stretch that for ever.
{
	echo '{"jsonrpc":"2.0","id":1,"method":"config","params":{"device":"drip"}}'
	while ! grep -q '"error"' "$T/drip.out" 2>/dev/null; do
		printf '%s\n' '!data \n' '{"jsonrpc":"2.0","method":"stdin","params":{"id":1}}' 2>/dev/null || break
		sleep 0.02
	done
} | nprpc -t 60 >"$T/drip.out" 2>&1
like "$(cat "$T/drip.out")" '"reason":"command_timeout"' "lines that come one by one without end are not waited for for ever"
like "$(cat "$T/drip.out")" 'did not end within 5 s .ten times prompt_timeout' "but ten times prompt_timeout"
# Each is bounded, and all of one client are: four whole ones wait, the fifth has no room.
{
	for i in 1 2 3 4 5; do
		echo "{\"jsonrpc\":\"2.0\",\"id\":$i,\"method\":\"config\",\"params\":{\"device\":\"core2\"}}"
		echo "!wait \"id\":$i,\"bytes\""
		[ $i -lt 5 ] && frames=256 || frames=1
		for k in $(seq $frames); do
			[ $k -le 4 ] || echo "!wait \"id\":$i,\"bytes\""
			printf '%s\n' '!data-size 65536' "{\"jsonrpc\":\"2.0\",\"method\":\"stdin\",\"params\":{\"id\":$i}}"
		done
	done
	printf '%s\n' '!wait "error"' '!close'
} >"$T/five"
run nprpc -t 30 <"$T/five"
is "$(printf '%s\n' "$out" | grep '"error"' | jq -r '[.id, .error.data.reason] | tostring')" '[5,"queue_full"]' \
	"64 MiB of lines of one client may wait"
like "$out" '64 MiB of configuration lines of this client' "it is told so"
ok "a configuration that is still being told" gather shut core2
npctl disable core2 >/dev/null
ok "ends when its device is disabled" wait_for "$bg_shut"
like "$(cat "$T/shut.out")" '"reason":"disabled"' "and says so"
npctl enable core2 >/dev/null
commands() { status '.devices[] | select(.device == "core1") | .commands'; }
before=$(commands)
npexec -c -q core1 'hostname R1'
is "$(commands)" "$((before + 1))" "configurations are counted with the commands of their device"

# One that is killed in the middle: the line in flight ends, then the mode is left.
npexec -c -e 'hostname R1' -e 'sim wait go' -e 'hostname late' core1 >"$T/out" 2>&1 &
pid=$!
ok "a configuration in its middle" wait_until "[ \"\$(typed core1 'sim wait go')\" -eq 1 ]"
kill -KILL $pid
wait_for $pid 2>/dev/null
npctl ping >/dev/null # the broker has seen it leave before the device goes on
device core1 'go go'
is "$(npexec -j core1 'show clock' | jq -r .mode)" priv "is left when its client has gone"
is "$(typed core1 'hostname late')" 0 "the rest was not typed"

# ---- very much: what is known of it stays small, and is told ----

# Batches of which the first command stops the rest, for a client that does not read: results wait.
{
	for i in 1 2 3 4 5 6 7 8 9 10; do
		printf '{"jsonrpc":"2.0","id":%d,"method":"exec","params":{"device":"core1","commands":["bogus"' $i
		yes ',"x"' | head -n 9999 | tr -d '\n'
		echo ']}}'
	done
	echo '!deaf 1'
} >"$T/rpc"
peak=$(peak_kb "$broker_pid")
nprpc -t 60 <"$T/rpc" >"$T/out"
is "$(grep -c '"count":10000,"failed":10000' "$T/out")" 10 "ten batches of 10,000 commands that are not run"
is "$(grep -c '"reason":"not_run"' "$T/out")" 99990 "have a result each"
memory_at_most $(($(peak_kb "$broker_pid") - peak)) 24576 "and wait for a client that does not read with the request"

awk 'BEGIN { print "bogus"; for (i = 0; i < 250000; i++) print " description of line number " i " of them" }' >"$T/lines"
peak=$(peak_kb "$broker_pid")
run npexec -c -f "$T/lines" core1
is "$status" 1 "250,000 lines, of which the first is refused"
is "$err" "npexec: core1: line 1: 'bogus': % Invalid input detected at '^' marker.
npexec: core1: 0 of 250001 lines taken, 1 refused, 250000 not run; no line is live" "the truth is told"
memory_at_most $(($(peak_kb "$broker_pid") - peak)) 65536 "what that took of memory"
is "$(npexec -j -c -f "$T/lines" core1 | jq -c 'select(.status == "not_run") | .index' | wc -l)" 250000 "-j has a line for each"
yes '' | head -c 16777000 >"$T/lines"
echo bogus >>"$T/lines"
peak=$(peak_kb "$broker_pid")
run npexec -c -f "$T/lines" core1
is "$status" 1 "16 MiB of the shortest lines"
like "$err" '0 of 1 lines taken, 1 refused, 0 not run' "are read"
memory_at_most $(($(peak_kb "$broker_pid") - peak)) 65536 "and take their own size, not a multiple"

# ---- lines that are still being told ----

write_config "max_queue: 1$config"
npctl reload >/dev/null
ok "one that counts for max_queue" gather full core1
run npexec core1 'show clock'
like "$err" 'core1: queue_full: ' "keeps others out of the queue of its device"
run npexec core2 'show clock'
is "$status" 0 "and only of that"
write_config "$(echo "$config" | grep -v core1)"
npctl reload >/dev/null
ok "it ends with its device, when that is no longer configured" wait_for "$bg_full"
like "$(cat "$T/full.out")" '"id":1,"error"' "and is told so"

ok "the broker ends well" stop_broker
done_testing
