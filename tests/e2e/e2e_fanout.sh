#!/bin/sh
# Several devices in one call: lists, groups, patterns; names before lines, gathering, limits, failures.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd r1
start_sshd r2
start_sshd r3 "SetEnv WHERE=far SHLVL=5"
config="devices:
  r2: {groups: [near, all]}
  r1: {groups: [near, all]}
  r3: {groups: [far, all]}
  lost: {host: 127.0.0.1, port: 1, groups: [broken]}"
start_broker "$config"

# ---- which devices ----

asked()
{
	printf '%s\n' "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"devices\",\"params\":{\"pattern\":\"$1\"}}" | nprpc |
		grep '"id":1' | jq -r '(.result.devices // [.error.data.reason]) | join(" ")'
}
is "$(asked '@all')" "r2 r1 r3" "a group is in the order of the configuration"
is "$(asked 'r*')" "r2 r1 r3" "and so is what a pattern matches"
is "$(asked 'r3,@all,r[1-2],me@192.0.2.1:22')" "r3 r2 r1 me@192.0.2.1:22" "a list keeps its order, nobody comes twice"
is "$(asked '@nosuch')" unknown_device "an empty group is unknown_device"
is "$(asked 'x*')" unknown_device "and so is a pattern that matches nothing"
is "$(asked 'r1,')" invalid_params "an empty name is refused"

# ---- lines ----

run npexec -n r1,r2 'echo one; echo two >&2; printf three'
is "$status" 0 "a list: all succeed"
is "$(sort "$T/out")" "$(printf 'r1: one\nr1: three\nr2: one\nr2: three')" "each line is behind its device's name"
is "$(sort "$T/err")" "$(printf 'r1: two\nr2: two')" "on standard error as well"
is "$(npexec -n @far 'echo $WHERE')" "r3: far" "a group of one has its name as well"
is "$(npexec @near 'echo $PPID' </dev/null | wc -l | tr -d ' ')" 2 "an empty standard input needs no -n"
is "$(npexec -n 'r?' true)" "" "no output, no line"
npexec -n @all 'for i in $(seq 3000); do echo "$i and a text that makes the line longer"; done' >"$T/out"
is "$(grep -cx 'r[123]: [0-9]* and a text that makes the line longer' "$T/out")" 9000 "lines of several are never mixed"
for r in r1 r2 r3; do
	is "$(sed -n "s/^$r: \([0-9]*\) .*/\1/p" "$T/out" | cksum)" "$(seq 3000 | cksum)" "$r: all of them, in their order"
done
is "$(npexec -e 'echo a' -e 'echo b' r1,r3 | sort)" "$(printf 'r1: a\nr1: b\nr3: a\nr3: b')" "-e: each runs all"
printf 'echo c\necho d\n' >"$T/commands"
is "$(npexec -f - @near <"$T/commands" | sort)" "$(printf 'r1: c\nr1: d\nr2: c\nr2: d')" "-f -: each runs all of standard input"
is "$(logins r1)$(logins r2)$(logins r3)" 111 "all of it used one login each"

# ---- statuses ----

run npexec -n r1,r2,r3 'test -z "$WHERE" || exit 7'
is "$status:$out" 7: "the exit status is the largest"
is "$err" "npexec: r3: exit status 7" "and it is said whose it was"
run npexec -n @near,lost 'echo ok'
is "$status" 255 "a device that cannot be reached fails the whole"
is "$(sort "$T/out")" "$(printf 'r1: ok\nr2: ok')" "the others have run"
like "$err" '^npexec: lost: connect_failed: ' "its error has its name"
is "$(echo "$err" | wc -l | tr -d ' ')" 1 "in one line"
npexec -j -n @near,lost 'echo ok' >"$T/json" 2>/dev/null
is "$(jq -c '[.device, .stdout, .error.data.reason]' "$T/json" | sort | tr '\n' ' ')" \
	'["lost","","connect_failed"] ["r1","ok\n",null] ["r2","ok\n",null] ' "-j: one object a device, with its name"

# ---- gathering ----

run npexec -b -n @all 'echo "${WHERE:-near}"; echo end'
is "$out" "---------------
r[1-2] (2)
---------------
near
end
---------------
r3
---------------
far
end" "-b: equal outputs once, under the folded names"
run npexec -b -n r1,lost 'printf x'
is "$status" 255 "-b: the largest status"
is "$out" "---------------
r1
---------------
x" "-b: what came, ended by a newline"

# ---- at once, and not ----

# Each writes when it begins and when it ends.
slow='echo begin >>'$T/trace'; while [ ! -e '$T/go' ]; do sleep 0.02; done; echo end >>'$T/trace
: >"$T/trace"
npexec -n @all "$slow" &
pid=$!
ok "several run at once" wait_until "[ \$(grep -c begin $T/trace) -eq 3 ]"
is "$(status '.broker.peers')" 2 "over one connection to the broker"
: >"$T/go"
wait_for $pid
is "$?" 0 "and end"
: >"$T/trace"
npexec -P 1 -n @all "$slow"
is "$(tr '\n' ' ' <"$T/trace")" "begin end begin end begin end " "-P 1: one after the other"

# A device that does not answer holds nobody.
npexec --timeout 5 -P 2 -n @all 'test "$WHERE" = far || exec sleep 100; echo here' >"$T/out" 2>"$T/err"
is "$?" 124 "a time limit ends it for those that are slow"
is "$(cat "$T/out")" "r3: here" "the others have run"
like "$(sort "$T/err" | tr '\n' ' ')" '^npexec: r1: command_timeout: .* npexec: r2: command_timeout: ' "each says so"

# ---- slow readers ----

mkfifo "$T/slow"
npexec -n @near 'head -c 3000000 /dev/zero | tr "\0" "\n"; test -z "$WHERE"' >"$T/slow" 2>"$T/err" &
pid=$!
exec 3<"$T/slow"
ok "while nobody reads, the broker holds both streams" wait_until \
	"[ \"\$(npctl status --json | jq '[.requests[] | select(.state == \"running\")] | length')\" -eq 2 ]"
is "$(npexec -n r3 'echo free')" free "and serves others"
is "$(wc -l <&3 | tr -d ' ')" 6000000 "all of it arrives in the end"
exec 3<&-
wait_for $pid
is "$?" 0 "and they succeed"
cp "$(command -v yes)" "$T/flood"
npexec -n @near "exec $T/flood" | head -n 3 >"$T/out"
is "$(wc -l <"$T/out" | tr -d ' ')" 3 "a reader that leaves ends all of it"
ok "also on the devices" wait_until "! pgrep -f '^$T/flood'"

# ---- Ctrl-C ----

# The shell starts background commands with INT ignored; ptyrun gives them a terminal and the usual signals.
ptyrun -t 60 npexec @all 'echo up; exec sleep 60' >"$T/out" 2>&1 </dev/null &
pid=$!
ok "all are at work" wait_until "[ \$(grep -c ': up' $T/out) -eq 3 ]"
kill -INT "$(descendants $pid | head -n 1)"
wait_for $pid
is "$?" 130 "an interrupt cancels all"
unlike "$(cat "$T/out")" 'npexec: ' "without further words"
ok "nothing runs any more" wait_until "[ \"\$(status '.requests | length')\" = 0 ]"

# ---- a terminal ----

TERM=vt100 ptyrun npexec @all 'test -z "$WHERE"' >"$T/out" 2>&1
is "$?" 1 "on a terminal no -n is needed"
like "$(tr '\r\033' '\n_' <"$T/out")" '^3 of 3 done, 1 failed, 0 at work|^2 of 3 done|^[01] of 3 done' "progress is shown"
unlike "$(tail -c 60 "$T/out" | tr '\r\033' '\n_' | tail -n 1)" 'done' "and taken away in the end"

ok "the broker ends well" stop_broker
done_testing
