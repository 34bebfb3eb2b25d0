#!/bin/sh
# The everyday path: a cold and a warm command, exact bytes, exit statuses.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev 'AcceptEnv NPT_*'
start_broker

# ---- cold and warm ----

run npexec dev 'echo hello; echo oops >&2'
is "$status" 0 "a cold command exits 0"
is "$out" hello "its standard output arrives"
is "$err" oops "and its standard error, with nothing added"

cold=$(npexec -j dev true)
warm=$(npexec -j dev true)
is "$(echo "$warm" | jq -r .session)" "$(echo "$cold" | jq -r .session)" "the next process uses the same session"
is "$(echo "$warm" | jq -r .reused)" true "and says so"
is "$(logins dev)" 1 "the server saw one login"

# ---- arguments ----

is "$(npexec dev echo a 'b   c')" 'a b c' "arguments are joined by spaces, as ssh does"
is "$(npexec dev printf '%s,' -j -e -- x)" '-j,-e,--,x,' "options behind the device belong to the command"
is "$(npexec dev 'printf %s "$NPT_X"')" '' "the environment is not sent by itself"
is "$(npexec --env NPT_X=y dev 'printf %s "$NPT_X"')" y "--env NAME=VALUE sends it"
is "$(NPT_X=z npexec --env NPT_X dev 'printf %s "$NPT_X"')" z "--env NAME takes it from the caller"
is "$(npexec "$me@dev" 'id -un')" "$me" "user@device"
is "$(npexec -l "$me" dev 'id -un')" "$me" "-l user"

# ---- exit status ----

for code in 0 1 4 5 44 124 255; do
	npexec dev "exit $code"
	is $? $code "exit status $code"
done
npexec dev 'kill -KILL $$'
is $? 137 "death by SIGKILL is 137"
npexec dev 'kill -TERM $$'
is $? 143 "death by SIGTERM is 143"
is "$(npexec -j dev 'kill -TERM $$' | jq -c '[.exit_status, .exit_signal]')" '[null,"TERM"]' "-j names the signal"

# ---- bytes ----

i=0
while [ $i -lt 256 ]; do
	# shellcheck disable=SC2059
	printf "\\$(printf %03o $i)"
	i=$((i + 1))
done >"$T/all"
npexec dev cat <"$T/all" >"$T/got"
same "$T/all" "$T/got" "every byte value goes there and back"
npexec dev 'cat >&2' <"$T/all" 2>"$T/got"
same "$T/all" "$T/got" "also on standard error"
npexec dev cat </dev/null >"$T/got"
ok "empty input gives empty output" [ ! -s "$T/got" ]
npexec dev 'cat; echo end' <&- >"$T/got"
is "$(cat "$T/got")" end "a closed standard input is an empty one"
for c in o n e ' ' b y t e; do
	printf %s "$c"
done | npexec dev cat >"$T/got"
is "$(cat "$T/got")" 'one byte' "writes of one byte"
head -c 20000000 /dev/urandom >"$T/big"
npexec dev cat <"$T/big" >"$T/got"
same "$T/big" "$T/got" "20 MB there and back"
npexec dev "cat $T/big" >"$T/got" </dev/null
same "$T/big" "$T/got" "20 MB down"
is "$(npexec dev 'cksum' <"$T/big")" "$(cksum <"$T/big")" "20 MB up"
npexec dev "cat $T/big & cat $T/all >&2; wait" >"$T/got" 2>"$T/got2" </dev/null
ok "both streams at once are exact" eval "cmp $T/big $T/got && cmp $T/all $T/got2"

if [ -n "${NP_BIG:-}" ]; then
	is "$(head -c 10G /dev/zero | npexec dev cat | wc -c)" 10737418240 "10 GiB there and back"
		is "$(npexec dev 'head -c 10G /dev/zero' | wc -c)" 10737418240 "10 GiB down"
else
	skip 2 "10 GiB there and back: set NP_BIG=1"
fi
memory_at_most "$(peak_kb "$broker_pid")" 60000 "the broker does not grow with what passes through it"

# ---- standard input ----

is "$(printf 'b\na\n' | npexec dev sort)" "$(printf 'a\nb')" "the end of input is passed on"
is "$(echo in | npexec dev 'cat; echo out')" "$(printf 'in\nout')" "output may follow the end of input"
# shellcheck disable=SC2216
yes | npexec dev true
is $? 0 "a command that reads nothing ends in spite of endless input"
is "$(echo x | npexec -n dev 'cat; echo end')" end "-n gives the command no input"
printf '1\n2\n3\n' | while read -r line; do
	npexec -n dev "echo $line"
done >"$T/got"
is "$(tr -d '\n' <"$T/got")" 123 "-n leaves the input to a loop"
is "$(npexec dev 'yes | head -n 100000' </dev/null | head -n 2000 | wc -l)" 2000 "a reader that has enough"

flags() { sed -n 's/^flags:[^0-9]*//p' "/proc/self/fdinfo/$1"; }
{
	before=$(flags 0)
	npexec dev cat >/dev/null
	is "$(flags 0)" "$before" "the flags of the caller's standard input stay as they were"
} <"$T/all"

# ---- terminals ----

if [ "$uid" -eq 0 ]; then
	like "$(npexec -tt dev tty </dev/null)" '^/dev/' "-tt: the command has a terminal"
else
	skip 1 "a server that is not root cannot give terminals away"
fi
like "$(npexec -T dev tty </dev/null)" 'not a tty' "-T: it has none"

ok "the broker ends well" stop_broker
done_testing
