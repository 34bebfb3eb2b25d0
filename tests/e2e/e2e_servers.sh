#!/bin/sh
# What real servers do beside answering: rekey in mid-stream, end idle channels and connections, probe their clients.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd rekey 'RekeyLimit 1M 1s'
# Long enough for the shell to start on a busy machine: what it printed must have come before.
start_sshd chan 'ChannelTimeout session:*=4s'
start_sshd unused 'UnusedConnectionTimeout 1s'
start_sshd probing 'ClientAliveInterval 1' 'ClientAliveCountMax 2'
start_sshd talk "Banner $T/banner"
printf 'Keep out.\033[31m\nOr else.\n' >"$T/banner"
start_broker
head -c 20000000 /dev/urandom >"$T/big"

# ---- key exchanges while data flows ----

npexec rekey cat <"$T/big" >"$T/got" &
pid=$!
npexec rekey "cat $T/big" >"$T/got2" </dev/null &
pid2=$!
bad=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(npexec -n rekey echo hi)" = hi ] || bad=$((bad + 1))
done
is $bad 0 "commands while the keys change"
wait_for $pid 60
same "$T/big" "$T/got" "20 MB there and back with a rekey every megabyte"
wait_for $pid2 60
same "$T/big" "$T/got2" "and 20 MB down beside it"
is "$(logins rekey)" 1 "over one connection"

# ---- idle channels and connections ----

run npexec chan 'echo up; sleep 30'
is "$status" 255 "ChannelTimeout: the server closes a silent channel"
like "$err" '^npexec: chan: outcome_unknown: ' "reason outcome_unknown"
is "$out" up "what came before has arrived"
is "$(npexec -j chan true | jq -r .reused)" true "the connection goes on"

npexec unused true
ok "UnusedConnectionTimeout: the server closes the connection" wait_until \
	'[ "$(status ".devices[] | select(.device == \"unused\") | .sessions")" = 0 ]' 10
ok "the next command has a new one" npexec unused true
is "$(logins unused)" 2 "two logins"

npexec probing true
uptime() { status .broker.uptime | cut -d. -f1; }
begin=$(uptime)
ok "ClientAliveInterval 1, CountMax 2" wait_until '[ $(($(uptime) - begin)) -ge 4 ]'
is "$(npexec -j probing true | jq -r .reused)" true "the server's probes are answered"

# ---- texts before the login ----

run npexec talk echo hi
is "$out" hi "a banner does not reach standard output"
unlike "$err" "$(printf '\033')" "nor do its control bytes reach the terminal"

# ---- what a command leaves behind ----

npexec talk 'exec >&- 2>&-; sleep 0.3; exit 7'
is $? 7 "exit status 7 after the streams were closed"
is "$(npexec talk 'exec >&-; echo late >&2' 2>&1)" late "standard error after the end of standard output"

# ---- dropbear ----

if start_dropbear bear; then
	bad=0
	i=0
	while [ $i -lt 30 ]; do
		[ "$(npexec -n bear echo $i)" = $i ] || bad=$((bad + 1))
		i=$((i + 1))
	done
	is $bad 0 "dropbear: thirty commands one after the other"
	pids=
	for i in 1 2 3 4 5 6 7 8; do
		npexec -n bear 'sleep 0.2' &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait_for "$pid" || bad=$((bad + 1))
	done
	is $bad 0 "dropbear: eight at once"
	npexec bear cat <"$T/big" >"$T/got"
	same "$T/big" "$T/got" "dropbear: 20 MB there and back"
	is "$(grep -c 'Pubkey auth succeeded' "$T/bear/log")" 1 "dropbear: all over one connection"
	npexec bear 'exit 3'
	is $? 3 "dropbear: exit status"
	npexec bear 'kill -TERM $$'
	is $? 143 "dropbear: signal"
else
	skip 6 "dropbear needs root, mount namespaces and the program"
fi

ok "the broker ends well" stop_broker
done_testing
