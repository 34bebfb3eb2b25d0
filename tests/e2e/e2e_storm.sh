#!/bin/sh
# Many processes at once on a cold device: one storm of logins as wide as allowed, one attempt while none succeeded.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev 'MaxSessions 10'
start_simdev shy --user admin --password right --auth-delay 1
add_host wrong "$port_shy" 'User admin'
start_broker '
devices:
  dev: {connection_args: {max_connections: 4}}
  wrong: {username: admin, password: bad}
  shy: {username: admin, password: right}
'

# storm COUNT DEVICE COMMAND: starts them all; statuses in $T/storm.N.
storm()
{
	rm -f "$T"/storm.*
	_i=0
	while [ $_i -lt "$1" ]; do
		(
			npexec "$2" "$3" </dev/null >"$T/storm.out.$_i" 2>"$T/storm.err.$_i"
			echo $? >"$T/storm.$_i"
		) &
		_i=$((_i + 1))
	done
	wait_until "[ \$(ls $T | grep -c '^storm\\.[0-9]') -eq $1 ]" 100
}

# ---- 200 on a device with 10 channels a connection ----

fds=$(count_fds "$broker_pid")
rss=$(rss_kb "$broker_pid")
ok "200 processes at once on a cold device end" storm 200 dev 'echo hi'
is "$(cat "$T"/storm.[0-9]* | sort | uniq -c | tr -s ' ')" ' 200 0' "every one succeeds"
is "$(cat "$T"/storm.out.* | sort | uniq -c | tr -s ' ')" ' 200 hi' "every one has its output"
is "$(cat "$T"/storm.err.*)" '' "nobody hears of the server's channel limit"
at_most "$(connections dev)" 4 "at most max_connections connections"
first=$(grep -n '^Accepted publickey for' "$T/dev/log" | head -n 1 | cut -d: -f1)
is "$(head -n "$first" "$T/dev/log" | grep -c '^Connection from')" 1 "one attempt until the first login has succeeded"

npctl close dev >/dev/null
broker_is_back "$fds" $((rss + 8000))

# ---- 100 more, cold again, with the login itself slow ----

ok "100 processes on a device whose login takes a second" storm 100 shy 'echo hi'
is "$(cat "$T"/storm.[0-9]* | sort | uniq -c | tr -s ' ')" ' 100 0' "every one succeeds"
first=$(grep -n ' ok ' "$T/shy/events" | head -n 1 | cut -d: -f1)
is "$(head -n "$first" "$T/shy/events" | grep -c '^connect')" 1 "one attempt until the first login has succeeded"

# ---- 300 with a wrong password ----

before=$(events shy ' bad ')
ok "300 processes with a wrong password end" storm 300 wrong true
is "$(events shy ' bad ')" $((before + 1)) "the server saw one attempt"
is "$(cat "$T"/storm.[0-9]* | sort | uniq -c | tr -s ' ')" ' 300 255' "every one exits 255"
is "$(grep -Lc 'auth_failed\|auth_backoff' "$T"/storm.err.* | wc -l | tr -d ' ')" 0 "every one is told why"
run npexec --fresh wrong true
like "$err" '^npexec: wrong: auth_backoff: ' "--fresh does not lift it"
is "$(events shy ' bad ')" $((before + 1)) "still one attempt"

write_config '
devices:
  dev: {connection_args: {max_connections: 4}}
  wrong: {username: admin, password: right}
'
npctl reload >/dev/null
ok "a changed password lifts it" npexec wrong true

ok "the broker ends well" stop_broker
done_testing
