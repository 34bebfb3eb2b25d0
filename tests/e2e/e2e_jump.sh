#!/bin/sh
# Jump hosts are warm sessions of the broker itself; proxy commands run on a socketpair.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd bastion
start_sshd second
start_sshd shut 'AllowTcpForwarding no'
start_sshd dev
start_sshd other
add_host inner "$port_dev" 'ProxyJump bastion'
add_host inner2 "$port_other" 'ProxyJump bastion'
add_host deep "$port_dev" 'ProxyJump bastion,second'
add_host walled "$port_dev" 'ProxyJump shut'
add_host closed 1 'ProxyJump bastion'
start_sshd stranger
sed -i "/:$port_stranger /d" "$T/known_hosts"
add_host beyond "$port_dev" 'ProxyJump stranger'
command -v socat >/dev/null && add_host piped "$port_dev" "ProxyCommand socat - TCP:%h:%p"
add_host broken "$port_dev" 'ProxyCommand sh -c "echo no way through >&2; exit 1"'
add_host configured "$port_dev"
start_broker '
long_connection: {retry_delay: 0.1, retry_max: 0.2}
devices:
  configured: {proxy_jump: second}
'
head -c 3000000 /dev/urandom >"$T/big"

run npexec inner 'echo hi'
is "$out" hi "a command behind a jump host"
is "$err" '' "without further words"
is "$(logins bastion) $(logins dev)" '1 1' "one login at each"
npexec inner cat <"$T/big" >"$T/got"
same "$T/big" "$T/got" "3 MB there and back"
is "$(npexec inner2 'echo hi')" hi "another device behind the same"
is "$(logins bastion)" 1 "shares the login at the jump host"
is "$(npexec bastion 'echo hi')" hi "commands on the jump host itself"
is "$(logins bastion)" 1 "share it too"

is "$(npexec deep 'echo hi')" hi "two jump hosts in a row"
is "$(logins bastion) $(logins second)" '1 1' "one login at each"
is "$(npexec configured 'echo hi')" hi "proxy_jump of a device"
npexec deep cat <"$T/big" >"$T/got"
same "$T/big" "$T/got" "3 MB through both"
is "$(npexec -J bastion dev 'echo hi')" hi "-J"

run npexec walled true
is "$status" 255 "a jump host that forwards nothing: exit status 255"
like "$err" '^npexec: walled: jump_failed: .*shut' "reason jump_failed, with its name"
run npexec closed true
like "$err" '^npexec: closed: (jump_failed|connect_failed): .*bastion' "nobody listens behind the jump host"
run npexec beyond true
like "$err" '^npexec: beyond: (jump_failed|host_key_unknown): .*stranger' "a jump host whose key is unknown"

# ---- the way through it is killed ----

forward() { status '.requests[] | select(.kind == "forward") | .id'; }
npctl close --all --wait >/dev/null
npctl pause bastion >/dev/null
npexec inner true >"$T/out" 2>"$T/err" </dev/null &
pid=$!
ok "somebody waits for a way through a paused jump host" wait_until '[ -n "$(forward)" ]'
ok "npctl kill ends that way" npctl kill "$(forward)"
wait_for $pid
is $? 255 "the command ends"
like "$(cat "$T/err")" '^npexec: inner: jump_failed: .*bastion: .*npctl kill' "and says why"
npctl resume bastion >/dev/null
npctl open inner >/dev/null
is "$(npexec inner 'echo hi')" hi "the next has a way"
ok "killing it while it is used" npctl kill "$(forward)"
ok "ends the session behind it" wait_until '[ "$(status ".devices[] | select(.device == \"inner\") | .sessions")" = 0 ]'
is "$(npexec inner 'echo hi')" hi "and the next has another"

# ---- the jump host goes away ----

npexec inner 'echo up; sleep 30' >"$T/up" 2>"$T/err" </dev/null &
pid=$!
ok "a command runs" wait_until '[ -s "$T/up" ]'
kill_server bastion
wait_for $pid
like "$(cat "$T/err")" '^npexec: inner: outcome_unknown: ' "the jump host dies: outcome_unknown"
restart_sshd bastion
is "$(npexec inner 'echo hi')" hi "the next command opens both again"
is "$(npexec other 'echo hi')" hi "others have not noticed"

# ---- proxy commands ----

if command -v socat >/dev/null; then
	is "$(npexec piped 'echo hi')" hi "a proxy command"
	npexec piped cat <"$T/big" >"$T/got"
	same "$T/big" "$T/got" "3 MB through it"
	npctl close piped >/dev/null
	ok "it ends with the session" wait_until '! cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\000" " " |
		grep -q "socat - TCP:127.0.0.1:$port_dev"'
else
	skip 3 "socat is not installed"
fi
run npexec broken true
is "$status" 255 "a proxy command that fails: exit status 255"
like "$err" '^npexec: broken: connect_failed: ' "reason connect_failed"

ok "the broker ends well" stop_broker
done_testing
