#!/bin/sh
# The audit log: who ran what, and how it ended, without secrets; it survives rotations and full disks.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
add_host nobody 1
mkdir "$T/logs"
log=$T/logs/audit
start_simdev core1 --scenario ios.txt
devices="
devices:
  core1: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw}
  dev: {password: kn0wnSecret}
  nobody: {}
"
start_broker "audit_log: $log
$devices"

# lines FILTER: of the audit log, in jq.
lines()
{
	jq -r "$1" "$log"
}

# recorded FILTER [COUNT]: waits until so many (1) records match.
recorded()
{
	wait_until "[ \"\$(jq -c 'select($1)' $log | wc -l)\" -ge ${2:-1} ]"
}

ok "it begins with the broker" recorded '.event == "started"'
is "$(stat -c %a "$log")" 600 "and is private"

# ---- commands ----

run npexec dev 'echo hello; exit 3'
ok "a command is recorded" recorded '.event == "command_ended"'
is "$(lines 'select(.event == "command_ended") | .device, .command, .kind, .outcome, .exit_status, .bytes_out, .uid, .program, .reused' |
	tr '\n' ' ')" "dev echo hello; exit 3 exec done 3 6 $uid npexec false " "what, where, by whom, how it ended"
is "$(lines 'select(.event == "command_ended") | [.pid, .session, .request, .queue_ms, .connect_ms, .duration_ms, .bytes_in | type] | unique[]')" \
	number "with its process, session and times"
like "$(lines 'select(.event == "command_ended") | .time')" '^20.*T.*\.[0-9]{3}Z$' "and the time of day"
is "$(lines 'select(.event == "session_up") | .device, .user' | tr '\n' ' ')" "dev $me " "the log-in is recorded"
is "$(lines '.event' | tr '\n' ' ')" 'started session_up command_ended ' "and nothing else"
printf 12345 | npexec dev 'cat >/dev/null'
ok "one with input" recorded '.bytes_in == 5'
npexec -e true -e 'exit 4' -e true dev >/dev/null
ok "several commands: a line each" recorded '.index == 2'
is "$(lines 'select(.index != null) | .command, .exit_status' | tr '\n' ' ')" 'true 0 exit 4 4 true 0 ' "with their ends"
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","commands":["false","true"],"on_error":"stop"}}' |
	nprpc >/dev/null
ok "one that was not run" recorded '.outcome == "not_run" and .command == "true"'
echo 'echo captured' | npexec -s dev bash >/dev/null 2>&1
ok "a subsystem" recorded '.kind == "subsystem" and .command == "bash"'
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev"}}' '!wait "credit"' \
	'{"jsonrpc":"2.0","method":"eof","params":{"id":1}}' | nprpc >/dev/null
ok "a shell" recorded '.kind == "shell" and .outcome == "done"'
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"echo c","capture":true}}' |
	nprpc >/dev/null
ok "captured output counts" recorded '.command == "echo c" and .bytes_out == 2'
# shellcheck disable=SC2016
printf '%s\n' '#!/bin/sh' 'npexec dev "echo from a script"' 'true' >"$T/nightly.sh"
chmod 700 "$T/nightly.sh"
"$T/nightly.sh" >/dev/null
ok "what ran the client" recorded '.command == "echo from a script" and .program == "npexec" and .parent == "nightly.sh"'
npexec dev 'sleep 60' &
pid=$!
ok "a command runs" wait_until '[ "$(status ".devices[] | select(.device == \"dev\").running")" = 1 ]'
kill -KILL $pid
wait $pid 2>/dev/null
csi=$(printf '\302\233')
npexec dev "true '${csi}2J'"
ok "a command that would steer a terminal" recorded '(.command // "" | explode | index(155)) != null'
is "$(grep -c "$csi" "$log")" 0 "which the file does not"
ok "one whose client was killed" recorded '.command == "sleep 60" and .outcome == "cancelled" and .program == "npexec"'
run npexec --timeout 0.3 dev 'sleep 50'
ok "one that a limit ended" recorded '.command == "sleep 50" and .outcome == "command_timeout"'
head -c 40000 /dev/zero | tr '\000' x >"$T/long"
printf '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"true %s"}}\n' "$(cat "$T/long")" |
	nprpc >/dev/null
ok "a long one" recorded '.command_bytes == 40005'
is "$(lines 'select(.command_bytes) | .command | length')" 16384 "is cut"
printf '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command_base64":"%s"}}\n' \
	"$(printf 'echo \377\n\033[1m' | base64)" | nprpc >/dev/null
ok "any bytes" recorded '.command == "echo \\377\n\\033[1m"'

# ---- what did not run ----

run npexec nobody uptime
ok "a device that cannot be reached" recorded '.device == "nobody" and .command == "uptime" and .outcome == "connect_failed"'
ok "and the failed attempt" recorded '.event == "login_failed" and .device == "nobody"'
echo '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"x","tiemout":1}}' | nprpc >/dev/null
ok "a refused request" recorded '.event == "refused" and .device == "dev" and .reason == "invalid_params" and .program == "nprpc"'

# ---- who is not let in ----

if [ "$uid" -eq 0 ] && command -v setpriv >/dev/null && id nobody >/dev/null 2>&1; then
	chmod 711 "$T" "$T/run"
	chmod 777 "$NETPULSE_SOCKET"
	cp "$(command -v nprpc)" "$T/stranger"
	chmod 755 "$T/stranger"
	setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$T/stranger" -S "$NETPULSE_SOCKET" </dev/null >/dev/null 2>&1
	ok "another user who knocks" recorded ".event == \"refused\" and .uid == $(id -u nobody) and .reason == \"denied\""
	chmod 700 "$T" "$T/run" "$NETPULSE_SOCKET"
else
	skip 1 "needs root, setpriv and the user nobody"
fi

# ---- operators ----

npctl open dev >/dev/null
ok "npctl open" recorded '.event == "request_ended" and .kind == "open" and .outcome == "done"'
npctl close dev >/dev/null
ok "npctl close" recorded '.event == "steering" and .action == "close" and .device == "dev" and .program == "npctl"'
ok "the log-out" recorded '.event == "session_down" and .device == "dev"'

# ---- secrets ----

npexec dev 'echo kn0wnSecret and more'
npexec -o password=0verridden dev 'echo 0verridden'
npexec dev ': snmp-server community c0mmunity RO; : enable secret 5 s3cret9; PGPASSWORD=env1ron true --password=0pt1on'
ok "secrets" recorded '(.command // "" | test("PGPASSWORD"))'
is "$(lines 'select(.command // "" | test("and more")) | .command')" 'echo ******** and more' "a configured one is masked"
is "$(lines 'select(.command // "" | test("PGPASSWORD")) | .command')" \
	': snmp-server community ******** RO; : enable secret 5 ********; PGPASSWORD=******** true --password=********' \
	"and what words give away"
unlike "$(cat "$log")" 'kn0wnSecret|0verridden|c0mmunity|s3cret9|env1ron|0pt1on' "none is in the log"

# ---- command lines ----

run npexec core1 'show version'
is "$status" 0 "a command line"
ok "a command there" recorded '.device == "core1" and .command == "show version" and .kind == "exec" and .outcome == "done"'
npexec core1 'show nonsense' >/dev/null
ok "one that the device refused" recorded '.command == "show nonsense" and .exit_status == 1'
npexec --answer 'confirm=4nswerSecret' core1 'sim say 4nswerSecret' >/dev/null 2>&1
ok "an answer of the client" recorded '.device == "core1" and .command == "sim say ********"'
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"config","params":{"device":"core1"}}' '!wait "credit"' \
	'!data hostname R1\nusername ops secret 9 conf1gSecret\nsnmp-server community conf2gSecret RO\n' \
	'{"jsonrpc":"2.0","method":"stdin","params":{"id":1}}' '{"jsonrpc":"2.0","method":"eof","params":{"id":1}}' |
	nprpc >"$T/config.out"
ok "configuration" recorded '.kind == "config" and .event == "command_ended" and .count == 3'
is "$(lines 'select(.kind == "config" and .event == "command_ended") | .command')" 'hostname R1
username ops secret 9 ********
snmp-server community ******** RO' "all of its lines, without secrets" || diag "$(cat "$T/config.out")"
unlike "$(cat "$log" "$T/broker.log")" '4nswerSecret|conf[12]gSecret' "no secret anywhere"

# ---- rotation ----

mv "$log" "$log.1"
kill -HUP "$broker_pid"
npexec dev 'echo after rotation'
ok "after a rotation a new file is written" recorded '.command == "echo after rotation"'
is "$(stat -c %a "$log")" 600 "which is private"
ok "and the old one is not" not grep -q 'after rotation' "$log.1"
ok "all lines of it are JSON" jq -e . "$log.1"
mv "$log" "$log.2"
write_config 'bogus: 1'
kill -HUP "$broker_pid"
ok "also when the configuration is bad" wait_until "grep -q '\"event\":\"reload\"' $log"
rm "$log"
npexec dev 'echo after removal'
ok "a file that is removed is made again" recorded '.command == "echo after removal"'

# ---- another file, none ----

write_config "audit_log: $T/logs/other
$devices"
npctl reload >/dev/null
npexec dev 'echo elsewhere'
ok "another file" wait_until "grep -q elsewhere $T/logs/other"
write_config "$devices"
npctl reload >/dev/null
npexec dev 'echo unseen'
npctl sync
write_config "audit_log: $log
$devices"
npctl reload >/dev/null
npexec dev 'echo seen again'
ok "none, and again one" recorded '.command == "echo seen again"'
ok "without the key nothing is recorded" not grep -rq unseen "$T/logs"

# ---- what cannot be written to ----

mkfifo "$T/logs/fifo"
ln -s "$T/logs/target" "$T/logs/link"
for what in fifo link missing/file; do
	write_config "audit_log: $T/logs/$what
$devices"
	ok "$what: reload" npctl reload
	run npexec dev "echo $what"
	is "$out" "$what" "$what: commands run"
	ok "$what: the log says it" wait_until "grep -q 'audit: open audit_log $T/logs/$what' $T/broker.log"
	npexec dev true
	npexec dev true
	is "$(grep -c "audit: open audit_log $T/logs/$what" "$T/broker.log")" 1 "$what: once"
done
ok "a link is not followed" [ ! -e "$T/logs/target" ]
mkdir "$T/logs/missing"
ok "once it can be written it is, with what waited" wait_until "grep -q 'echo missing/file' $T/logs/missing/file"

# ---- the end ----

write_config "audit_log: $log
$devices"
npctl reload >/dev/null
run npexec dev 'echo last'
ok "the broker ends well" stop_broker
is "$(tail -n 4 "$log" | jq -r .event | tr '\n' ' ')" 'steering stopping session_down session_down ' "its end is recorded"
ok "and what went before" grep -q 'echo last' "$log"
ok "every line is JSON" jq -e . "$log"
done_testing
