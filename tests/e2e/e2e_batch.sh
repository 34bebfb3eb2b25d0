#!/bin/sh
# Several commands in one call: -e, -f, standard input, and -j.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_broker

run npexec -e 'echo a' -e 'echo b >&2; exit 3' -e 'echo c; exit 2' dev
is "$out" "$(printf 'a\nc')" "-e: all commands run, in order"
is "$err" b "-e: their errors arrive"
is "$status" 3 "-e: the exit status is the largest"

printf 'echo one\necho two\n' >"$T/commands"
is "$(npexec -f "$T/commands" dev)" "$(printf 'one\ntwo')" "-f: commands from a file"
run npexec -f "$T/missing" dev
is "$status" 255 "-f: a missing file is a usage error"
like "$err" "^npexec: .*$T/missing.*No such file" "-f: which is named"

is "$(npexec dev <<'END'
X=5
for line in a b; do
	echo "$X $line"
done
END
)" "$(printf '5 a\n5 b')" "standard input is for one login shell, as with ssh"
printf 'exit 4\nexit 5\n' | npexec dev
is $? 4 "its status counts"
printf 'echo last' | npexec dev >"$T/got"
is "$(cat "$T/got")" last "a last line without newline counts"
npexec dev </dev/null
is $? 0 "no command at all is no error"
is "$(printf 'echo 1; X=1\necho 2$X\n' | npexec -f - dev)" "$(printf '1\n2')" "-f -: lines are commands"
printf 'exit 5\nexit 4\n' | npexec -f - dev
is $? 5 "-f -: the largest status"
is "$(logins dev)" 1 "all of it used one login"

# ---- JSON lines ----

npexec -j -e 'echo a' -e 'echo b >&2; exit 3' dev >"$T/json"
is $? 3 "-j keeps the exit status"
is "$(wc -l <"$T/json" | tr -d ' ')" 2 "-j: one line a command"
is "$(jq -c '[.command, .stdout, .stderr, .exit_status, .device]' "$T/json")" \
	'["echo a","a\n","",0,"dev"]
["echo b >&2; exit 3","","b\n",3,"dev"]' "-j: what was run and what came of it"
is "$(jq -r '(.queue_ms|type) + (.connect_ms|type) + (.duration_ms|type) + (.session|type)' "$T/json" | sort -u |
	grep -vc number)" 0 "-j: session and times are numbers"
is "$(npexec -j dev "printf '\\377\\000x'" | jq -r .stdout_base64)" "$(printf '\377\000x' | base64)" \
	"-j: output that is not UTF-8 comes as base64"
is "$(npexec -j dev "printf 'a\"\\\\\\n\\303\\244'" | jq -r .stdout)" "$(printf 'a"\\\n\303\244')" "-j: quotes and umlauts"
printf 'echo x\nexit 7\n' | npexec -j dev >"$T/json"
is "$?" 7 "-j with commands from standard input"
is "$(jq -c '[.command, .exit_status]' "$T/json")" '["echo x",0]
["exit 7",7]' "gives a line each"
is "$(echo in | npexec -j dev cat | jq -r .stdout)" in "-j passes standard input on"

npexec -j dev "printf '\\302\\2332J\\033\\177\\342\\200\\256\\303\\244'" >"$T/json"
like "$(cat "$T/json")" '"stdout":"\\u009b2J\\u001b\\u007f\\u202eä"' "-j: what would steer a terminal is escaped"
is "$(jq -r .stdout "$T/json")" "$(printf '\302\2332J\033\177\342\200\256\303\244')" "and is the same to a program"

npexec -j dev 'head -c 17000000 /dev/zero' >"$T/json" 2>"$T/err"
is $? 255 "-j: output beyond 16 MiB is refused"
is "$(jq -r '.error.data.reason // .error.reason' "$T/json")" output_limit "with reason output_limit"
is "$(npexec dev 'head -c 17000000 /dev/zero' | wc -c | tr -d ' ')" 17000000 "without -j there is no such limit"

run npexec -j nosuchhost.invalid true
is "$status" 255 "-j: a device that cannot be reached exits 255"
like "$(printf '%s' "$out" | jq -r '.error.data.reason // .error.reason')" '^resolve_failed$' "-j: and says why in JSON"

# ---- the session is lost in the middle of a batch ----

start_sshd other
npexec -j -e 'echo before' -e 'kill -9 $PPID; sleep 2' -e 'echo after' other \
	>"$T/json" 2>"$T/err"
is "$(jq -r '.error.data.reason // .error.reason // "ok"' "$T/json" | tr '\n' ' ')" 'ok outcome_unknown not_run ' \
	"after outcome_unknown the remaining commands are not run"

ok "the broker ends well" stop_broker
done_testing
