#!/bin/sh
# A reader that stops holds only its own stream; the broker's memory stays bounded meanwhile.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_broker '
devices:
  dev: {connection_args: {max_connections: 1}}
'
npexec dev true
head -c 20000000 /dev/urandom >"$T/big"
rss=$(rss_kb "$broker_pid")

# ---- three readers that stop, on one connection ----

mkfifo "$T/fifo1" "$T/fifo2" "$T/fifo3"
for i in 1 2 3; do
	npexec dev "cat $T/big; cat $T/big >&2" >"$T/fifo$i" 2>"$T/err$i" </dev/null &
	eval "pid$i=$!"
done
exec 5<"$T/fifo1" 6<"$T/fifo2" 7<"$T/fifo3"
ok "three commands write to readers that do not read" wait_until '[ "$(status ".devices[0].running")" = 3 ]'
passed() { status '.devices[0].list[0].bytes_in'; }
still()
{
	_before=$(passed)
	npctl ping && sleep 0.2 && [ "$(passed)" = "$_before" ]
}
ok "after a while nothing more comes in" wait_until still

npexec dev "cat $T/big" >"$T/got" </dev/null
same "$T/big" "$T/got" "another command of the same session passes 20 MB"
npexec dev cat <"$T/big" >"$T/got"
same "$T/big" "$T/got" "and another both ways"
is "$(logins dev)" 1 "all over one connection"
# The SSH window of a stopped stream is 1.3 MB; three streams, what one may buffer on its way, and what malloc keeps of
# buffers that grew: 6 to 16 MB.  Without a bound there would be 60.
memory_at_most "$(($(rss_kb "$broker_pid") - rss))" 24000 "the broker holds no more than the windows"

cat <&5 >"$T/got1" &
cat <&6 >"$T/got2" &
cat <&7 >"$T/got3" &
bad=0
for i in 1 2 3; do
	eval "pid=\$pid$i"
	wait_for "$pid" 60 || bad=$((bad + 1))
done
exec 5<&- 6<&- 7<&-
is $bad 0 "when the readers go on, the commands end"
ok "all output has arrived" wait_until 'cmp $T/big $T/got1 && cmp $T/big $T/got2 && cmp $T/big $T/got3'
same "$T/big" "$T/err2" "standard error as well"

# ---- a remote that does not read ----

rss=$(rss_kb "$broker_pid")
npexec dev "until [ -e $T/go ]; do sleep 0.1; done; cksum" <"$T/big" >"$T/sum" &
pid=$!
ok "input for a command that does not read" wait_until '[ "$(status ".devices[0].running")" = 1 ]'
npexec dev cat <"$T/big" >"$T/got"
same "$T/big" "$T/got" "does not hold the input of another"
memory_at_most "$(($(rss_kb "$broker_pid") - rss))" 8000 "and waits outside the broker"
: >"$T/go"
wait_for $pid
is "$(cat "$T/sum")" "$(cksum <"$T/big")" "then it arrives"

# ---- one connection with several streams: credit per request ----

cat >"$T/lines" <<END
{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"head -c 100000 /dev/zero","window":1000}}
!wait "stdout"
{"jsonrpc":"2.0","id":2,"method":"exec","params":{"device":"dev","command":"echo second","window":1000}}
!wait "count":1
{"jsonrpc":"2.0","method":"credit","params":{"id":1,"bytes":200000}}
END
nprpc <"$T/lines" >"$T/rpc"
sum() { awk '/^#data/ { n += $2 } END { print n + 0 }'; }
is "$(sed '/"count":1/,$d' "$T/rpc" | grep -B1 '^#data [0-9]* \\^@\|^#data [0-9]* \\000' | sum)" 1000 \
	"a stream without credit stops at its window"
like "$(sed '/"count":1/q' "$T/rpc")" '^#data 7 second' "the other goes on"
is "$(grep -v second "$T/rpc" | sum)" 100000 "with new credit the rest comes"

# ---- much without credit ----

{
	for i in $(seq 1 12); do
		echo "{\"jsonrpc\":\"2.0\",\"id\":$i,\"method\":\"exec\",\"params\":{\"device\":\"dev\",\"window\":1,\"command\":\"head -c 1000000 /dev/zero\"}}"
	done
	wait_until '[ "$(status "[.requests[] | select(.session == null and .state == \"running\")] | length")" -ge 9 ]' >&2
	echo '{"jsonrpc":"2.0","id":50,"method":"exec","params":{"device":"dev","command":"echo all the same"}}'
	echo '!wait "count":1'
	echo '{"jsonrpc":"2.0","id":51,"method":"exec","params":{"device":"dev","window":1,"queue_timeout":0.5,"command":"echo x"}}'
	echo '!wait queue_timeout'
	echo '!close'
} | nprpc -t 60 >"$T/rpc"
like "$(cat "$T/rpc")" '^#data 13 all the same' "what waits for credit holds up nothing that does not"
is "$(grep -v '^#' "$T/rpc" | jq -r 'select(.id == 51) | .error.data.reason // .result.error.data.reason // "none"')" queue_timeout \
	"nor for longer than was said what does"

# ---- a client that is stopped ----

npexec dev "cat $T/big" >"$T/got" </dev/null &
pid=$!
kill -STOP $pid
ok "a stopped client does not disturb others" npexec dev true
kill -CONT $pid
ok "and goes on" wait_for $pid
same "$T/big" "$T/got" "without loss"

# ---- output that outlives its session ----

# With a window the client decides when it reads; the server's process for the connection is killed meanwhile, when the
# broker has had time to take all of it: less than libssh's first window, which nobody has to widen.
npexec dev true
tail -n 0 -F "$T/broker.log" >"$T/lost" 2>/dev/null &
tailing=$!
{
	printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","window":1000,"command":"head -c 50000 /dev/zero; sleep 3; kill -9 $PPID; sleep 1"}}' \
		'!wait "stdout"'
	wait_until 'grep -q "dev#[0-9]*: closed: " "$T/lost"'
	printf '%s\n' '{"jsonrpc":"2.0","method":"credit","params":{"id":1,"bytes":5000000}}'
} | nprpc -t 30 >"$T/rpc"
kill $tailing
is "$(sed -n 's/^#data \([0-9]*\).*/\1/p' "$T/rpc" | awk '{ n += $1 } END { print n }')" 50000 \
	"a session dies while its output waits for the client: all of it arrives"
is "$(grep -v '^#' "$T/rpc" | jq -r 'select(.id == 1) | .result.error.data.reason')" outcome_unknown "then the outcome"
ok "the broker lives" npctl ping

# ---- captured output and slow clients ----

printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","capture":true,
"command":"head -c 250000 /dev/zero | tr \"\\\\000\" \"\\\\001\" | tee /dev/stderr"}}' | tr -d '\n' >"$T/lines"
echo >>"$T/lines"
nprpc <"$T/lines" >"$T/rpc"
is "$(grep -v '^#' "$T/rpc" | jq -r 'select(.id == 1) | .result.stdout_base64' | base64 -d | wc -c)" 250000 \
	"captured output that JSON would blow up to more than a frame comes as base64"
{
	printf '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","capture":true,"commands":['
	for i in $(seq 60); do
		[ "$i" = 1 ] || printf ,
		printf '"head -c 200000 /dev/zero"'
	done
	printf ']}}\n!deaf 2\n'
} >"$T/lines"
nprpc -t 60 <"$T/lines" >"$T/rpc"
is "$(grep -c '"method":"result"' "$T/rpc")" 60 "a batch of captured output waits for a client that does not read"
is "$(grep -v '^#' "$T/rpc" | jq -r 'select(.id == 1) | .result.count')" 60 "and ends"

# ---- streams of one connection take turns ----

# The flood goes on until the other command's result has been seen.
{
	printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"while [ ! -e '"$T"'/seen ]; do head -c 1000000 /dev/zero; done"}}' \
		'!wait "stdout"' '{"jsonrpc":"2.0","id":2,"method":"exec","params":{"device":"dev","command":"echo second"}}' \
		'!wait "id":2,"result"'
	wait_until 'grep -q "\"id\":2,\"result\"" "$T/rpc"'
	touch "$T/seen"
} | nprpc -t 60 | grep --line-buffered -v '^#data' >"$T/rpc"
ok "a short command ends before the flood beside it" awk '/"id":2,"result"/ { second = NR } /"id":1,"result"/ { first = NR }
	END { exit !(second && first && second < first) }' "$T/rpc"

# ---- a command that has ended keeps no channel for a client that does not read ----

ok "the broker ends well, too" stop_broker
start_broker '
devices:
  dev: {connection_args: {max_connections: 1, max_channels: 1}}
'
# What sockets hold, and more: it waits in the channel, which the server has closed.
for size in 300000 1000000; do
	rm -f "$T/ended"
	{
		echo '!noread'
		echo "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"exec\",\"params\":{\"device\":\"dev\",\"command\":\"head -c $size /dev/zero; touch $T/ended\"}}"
		echo '!hold'
	} >"$T/deaf"
	nprpc -t 60 <"$T/deaf" >/dev/null 2>&1 &
	deaf=$!
	ok "a command ends whose output ($size bytes) waits for its reader" wait_until '[ -e $T/ended ]'
	run npexec -o queue_timeout="$(slow 20)" dev echo in </dev/null
	is "$out" in "another one has its channel meanwhile"
	kill -KILL "$deaf"
done

# ---- a client that reads nothing, however much there is ----

rss=$(rss_kb "$broker_pid")
{
	echo '!noread'
	for i in $(seq 20); do
		echo "{\"jsonrpc\":\"2.0\",\"id\":$i,\"method\":\"exec\",\"params\":{\"device\":\"dev\",\"command\":\"head -c 1000000 /dev/zero; echo >>$T/begun\"}}"
	done
	wait_until '[ -e $T/heard ]' 60
} | nprpc -t 60 2>/dev/null | grep -a -v '^#data' >"$T/rpc" &
deaf=$!
ok "from 8 MiB on nothing more is begun for it, and it has no lease" wait_until \
	'[ "$(status ".devices[0].running")" = 0 ] && [ "$(status "[.requests[] | select(.state == \"queued\")] | length")" -gt 0 ] && [ "$(wc -l <$T/begun)" -ge 8 ]'
run npexec -o queue_timeout="$(slow 20)" dev echo in </dev/null
is "$out" in "others have the channel at once"
at_most "$(wc -l <"$T/begun")" 12 "a part of its commands has run"
memory_at_most "$(($(rss_kb "$broker_pid") - rss))" 24000 "what waits for it is bounded"
touch "$T/heard"
ok "when it reads, the rest runs" wait_for "$deaf" 60
is "$(grep -c '"count":1' "$T/rpc")" 20 "and all is answered"

ok "the broker ends well" stop_broker
done_testing
