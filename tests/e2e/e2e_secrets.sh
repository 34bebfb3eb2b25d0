#!/bin/sh
# Where secrets stand in the broker's memory: configured ones in locked pages alone, others no longer than they are needed.
. "$(dirname "$0")/../kit/lib.sh"
need jq
[ "$(id -u)" = 0 ] || skip_all "only root may read the broker's memory"
[ -r /proc/self/smaps ] || skip_all "no /proc/PID/smaps here"
case $(ulimit -l) in
unlimited) ;;
*) [ "$(ulimit -l)" -ge 512 ] || skip_all "no memory can be locked here" ;;
esac

start_simdev kept --user admin --password Xq7kept
start_simdev lent --user admin --password Xq7lent
start_simdev said --user admin --password Xq7said
start_simdev line --scenario inband.txt
start_simdev told --user admin --password Xq7told
start_simdev file --user admin --password Xq7file
start_simdev ring --user admin --password Xq7ring
start_sshd dev
ssh-keygen -q -t ed25519 -N Xq7phrase -f "$T/locked" && cat "$T/locked.pub" >>"$T/dev/authorized_keys"
printf 'echo Xq7told\n' >"$T/tell"
printf 'echo enable-pw\n' >"$T/enable"
echo Xq7file >"$T/password"
printf 'exit 1\n' >"$T/pipe"
if ring=$(keyctl add user "np-test-$$" Xq7ring @u 2>/dev/null) && keyctl pipe "%user:np-test-$$" >/dev/null 2>&1; then
	keyctl timeout "$ring" "$(slow 60)"
	printf 'keyctl pipe %%user:np-test-%d\n' $$ >"$T/pipe"
else
	ring=
fi
for _h in kept lent said line told file ring; do
	eval "add_host $_h \$port_$_h 'User admin'"
done
start_broker "
audit_log: $T/audit
devices:
  kept: {username: admin, password: Xq7kept}
  line: {device_type: cisco_ios, username: admin, password: line-pw, secret_command: sh $T/enable}
  told: {username: admin, password_command: sh $T/tell}
  ring: {username: admin, password_command: sh $T/pipe}
  file: {username: admin, password_file: $T/password}
  locked: {host: 127.0.0.1, port: $port_dev, username: $me, key_file: $T/locked}
"

# in_memory WORD: copies in locked memory and elsewhere.
in_memory()
{
	memfind "$broker_pid" "$1"
}

is "$(npexec kept 'echo hi')" hi "a configured password"
is "$(in_memory Xq7kept)" "1 0" "stands once in memory, which is locked"
npctl close kept >/dev/null
is "$(in_memory Xq7kept)" "1 0" "and no more often after its session"
npctl reload >/dev/null
like "$(in_memory Xq7kept)" '^[12] 0$' "nor in other memory after a reload"

request='{"jsonrpc":"2.0","id":1,"method":"exec","params":{"command":"echo hi","device":
	{"host":"lent","username":"admin","password":"Xq7lent"}}}'
echo "$request" | tr -d '\n\t' | nprpc >"$T/lent.out" 2>&1
like "$(cat "$T/lent.out")" '"exit_status":0' "a password that comes with a request"
like "$(in_memory Xq7lent)" ' 0$' "is in locked memory alone while its session lasts"
npctl close --all >/dev/null
ok "and gone with the session" wait_until '[ "$(in_memory Xq7lent)" = "0 0" ]'

run ptyrun -e 'assword' -s 'Xq7said\r' npexec admin@said 'echo inside'
like "$out" 'inside' "a password that a person types"
is "$(in_memory Xq7said)" "0 0" "is gone once the server has it"

for _h in told file ring; do
	if [ "$_h:$ring" = ring: ]; then
		skip 3 "no keyring here (keyutils)"
		break
	fi
	is "$(npexec $_h 'echo hi')" hi "a password of a $_h"
	is "$(in_memory Xq7$_h)" "1 0" "is in locked memory alone while its session lasts"
	npctl close $_h >/dev/null
	ok "and gone with it" wait_until '[ "$(in_memory Xq7$_h)" = "0 0" ]'
done
[ -z "$ring" ] || keyctl unlink "$ring" @u
is "$(for _p in $(pgrep -P "$broker_pid"); do memfind "$_p" Xq7told; done | grep -v '^0 0$')" "" \
	"what starts programs has never seen it"
run ptyrun -e 'Trust it' -s 'yes\r' -e 'assphrase' -s 'Xq7phrase\r' npexec locked 'echo inside'
like "$out" 'inside' "a passphrase that a person types"
is "$(in_memory Xq7phrase)" "0 0" "is gone once the key is read"

run npexec --answer 'Really=Xq7answer' line 'show clock'
is "$status" 0 "an answer that is not needed"
ok "is gone with its request" wait_until '[ "$(in_memory Xq7answer)" = "0 0" ]'
run npexec --enable line 'show clock'
is "$status" 0 "an enable secret"
like "$(in_memory enable-pw)" ' 0$' "is in locked memory alone"
npctl record line 'show clock' >"$T/record"
unlike "$(cat "$T/record" "$T/broker.log" "$T/audit" "$T"/*.out)" 'Xq7|enable-pw|line-pw' "none of them is in a recording, the log or an audit log"
done_testing
