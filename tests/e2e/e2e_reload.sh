#!/bin/sh
# Changing the configuration under a running broker: what changed drains, a bad file changes nothing.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_sshd other
add_host moving "$port_dev"
start_broker "
devices:
  dev: {}
  named: {host: 127.0.0.1, port: $port_dev, username: $me, key_file: $T/key}
  other: {}
"
cp "$T/known_hosts" "$T/kh"
session() { npexec -j "$1" true | jq -r .session; }

dev=$(session dev)
other=$(session other)
ok "a device with everything in its entry" npexec -F "$T/ssh_config" dev true

# ---- a device changes while it runs a command ----

npexec other "echo up; until [ -e $T/go ]; do sleep 0.1; done; echo end" >"$T/up" </dev/null &
pid=$!
ok "a command runs" wait_until '[ -s "$T/up" ]'
write_config "
devices:
  dev: {}
  other: {username: $me, kex: ecdh-sha2-nistp256}
"
kill -HUP "$broker_pid"
ok "HUP: the changed device gets a new session" wait_until '[ "$(session other)" != "$other" ]'
: >"$T/go"
wait_for $pid
is $? 0 "the command that ran is not cut"
is "$(tail -n 1 "$T/up")" end "and ends as it would"
is "$(session dev)" "$dev" "the device that did not change keeps its session"
like "$(status '.devices[] | select(.device == "other") | .list[].algorithms')" 'ecdh-sha2-nistp256' \
	"the new key is in force"

# ---- limits alone change ----

write_config '
devices:
  dev: {connection_args: {timeout: 1}}
  other: {}
'
ok "npctl reload" npctl reload
is "$(session dev)" "$dev" "connection_args change without a new session"
run npexec dev 'sleep 30'
is "$status" 124 "and act at once"

# ---- a bad file ----

write_config '
devices:
  dev: {connection_args: {timeout: never}}
'
run npctl reload
ok "a bad file: npctl reload fails" [ "$status" -ne 0 ]
like "$err$out" "$T/config.yaml:[0-9]+: .*timeout" "and says where and what"
is "$(echo "$err" | wc -l | tr -d ' ')" 1 "in one line"
kill -HUP "$broker_pid"
ok "HUP: the log says so" wait_until 'grep -q "config.yaml:[0-9]*: " "$T/broker.log"'
run npexec dev 'sleep 30'
is "$status" 124 "the old configuration stays in force"
rm "$T/config.yaml"
run npctl reload
ok "a file that is gone: npctl reload fails" [ "$status" -ne 0 ]
is "$(session dev)" "$dev" "and nothing changes"

# ---- ssh's configuration changes ----

write_config ''
npctl reload >/dev/null
before=$(logins other)
npexec moving true
sed "/^Host moving/,/^Host/ s/Port $port_dev/Port $port_other/" "$T/ssh_config" >"$T/ssh_config.new"
mv "$T/ssh_config.new" "$T/ssh_config"
npexec moving true
is "$(($(logins other) - before))" 1 "ssh_config: a changed port is seen by the next command"
printf '\n# a comment\n' >>"$T/ssh_config"
is "$(session dev)" "$dev" "ssh_config: a change that means nothing keeps the session"

# Broken in an included file, by nobody's fault but the editor's.
cp "$T/ssh_config" "$T/ssh_config.good"
echo 'NoSuchKeyword yes' >"$T/included"
sed "1i Include $T/included" "$T/ssh_config.good" >"$T/ssh_config"
write_config 'long_connection: {retry_delay: 1000, retry_max: 1000}'
npctl reload >/dev/null
run npexec dev true
like "$err" ' resolve_failed: .*nosuchkeyword' "a broken ssh_config is told"
run npexec dev true
like "$err" ' backoff: ' "and not tried again at once"
: >"$T/included"
run npexec dev true
is "$status" 0 "until it has been mended"
cp "$T/ssh_config.good" "$T/ssh_config"
write_config ''
npctl reload >/dev/null
dev=$(session dev)

# ---- again and again ----

rss=$(rss_kb "$broker_pid")
i=0
while [ $i -lt 60 ]; do
	write_config "
devices:
  dev: {}
  d$i: {host: h$i, connection_args: {timeout: $i}}
"
	npctl reload >/dev/null || break
	i=$((i + 1))
	[ $i -gt 1 ] || fds=$(count_fds "$broker_pid") # with the sockets of two devices
done
is $i 60 "sixty reloads"
memory_at_most "$(rss_kb "$broker_pid")" $((rss + 3000)) "cost no memory"
at_most "$(count_fds "$broker_pid")" "$fds" "and no descriptor"
is "$(session dev)" "$dev" "and no session"

ok "the broker ends well" stop_broker
done_testing
