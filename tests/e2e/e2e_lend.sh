#!/bin/sh
# Standard input that the broker reads in npexec's place: large files and pipes, to the byte, with their position and end.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_broker
npexec dev true
head -c 3000000 /dev/urandom >"$T/blob"
head -c 200000 "$T/blob" >"$T/small"
sum=$(cksum <"$T/blob")

# lent: how often the broker has read it itself.
lent()
{
	grep -c 'standard input is read here' "$T/broker.log"
}

is "$(npexec dev cksum <"$T/small")" "$(cksum <"$T/small")" "a small file"
is "$(lent)" 0 "which npexec sends"
is "$(npexec dev cksum <"$T/blob")" "$sum" "a large file"
is "$(lent)" 1 "which the broker reads"
# shellcheck disable=SC2002
is "$(cat "$T/blob" | npexec dev cksum)" "$sum" "a pipe"
is "$(lent)" 2 "likewise"
cat "$T/blob" "$T/blob" >"$T/twice"
{
	head -c 1000000 >/dev/null
	npexec dev 'cat >/dev/null'
	wc -c
} <"$T/twice" >"$T/rest"
is "$(tr -d ' ' <"$T/rest")" 0 "its position is the one of all who have it"
is "$(npexec dev 'sleep 1; cksum' <"$T/blob")" "$sum" "a command that reads late"
run npexec dev 'head -c 1000000 >/dev/null; exit 3' </dev/zero
is "$status" 3 "an input without an end, of which a part was read"
yes | npexec dev 'head -c 1000000 | wc -c' >"$T/yes"
is "$(tr -d ' ' <"$T/yes")" 1000000 "the same of a pipe"
(
	cat "$T/blob"
	sleep 30
) | npexec dev 'cat >/dev/null' &
fed=$!
wait_until "[ \$(lent) -ge 6 ]"
kill -KILL "$fed"
ok "a client that is killed leaves nothing behind" wait_until "[ \$(npctl status --json | jq '[.requests[]?] | length') -eq 0 ]"

# A descriptor is what makes it.
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","command":"cat"}}' '!wait "credit"' \
	'{"jsonrpc":"2.0","method":"lend","params":{"id":1}}' '!eof' >"$T/lines"
run nprpc -t 10 <"$T/lines"
like "$out" 'no descriptor came' "lend without one is a violation"

done_testing
