#!/bin/sh
# Signals to npexec: the first INT goes to the remote command, the second ends npexec; HUP and TERM end it.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_simdev sim --any-key
start_simdev late --any-key --auth-delay 30
start_broker
npexec sim true

# The shell starts background commands with INT ignored; ptyrun gives them a terminal and the usual signals.
# begin COMMAND [OPTION]: an npexec that runs it on sim; $pid, and $client once the command runs.
begin()
{
	_before=$(events sim '^exec')
	# shellcheck disable=SC2086
	ptyrun -t 30 npexec ${2:-} sim "$1" >"$T/out" 2>"$T/err" </dev/null &
	pid=$!
	wait_until '[ "$(events sim "^exec")" -gt "$_before" ]' &&
		client=$(descendants $pid | head -n 1) && [ -n "$client" ]
}

ok "a command runs" begin 'stubborn 60'
kill -INT "$client"
ok "INT is passed on to the remote command" wait_until '[ "$(events sim "^signal INT")" = 1 ]'
ok "npexec stays" alive "$client"
kill -INT "$client"
wait_for $pid
is $? 130 "a second INT ends npexec with 130"
ok "the remote command gets TERM" wait_until '[ "$(events sim "^signal TERM")" = 1 ]'
ok "and its channel is closed" wait_until 'grep -q "^closed by client: stubborn 60" "$T/sim/events"'

ok "a command without input runs" begin 'stubborn 60' -n
kill -INT "$client"
ok "INT is passed on to it" wait_until '[ "$(events sim "^signal INT")" = 2 ]'
kill -INT "$client"
wait_for $pid
is $? 130 "a second INT ends this npexec"
ok "and this command gets TERM" wait_until '[ "$(events sim "^signal TERM")" = 2 ]'

for signal in HUP:129 QUIT:131 TERM:143; do
	ok "a command runs" begin 'sleep 60'
	kill -${signal%:*} "$client"
	wait_for $pid
	is $? ${signal#*:} "${signal%:*} ends npexec"
done
ok "each remote command got TERM" wait_until '[ "$(events sim "^signal TERM")" = 5 ]'

# Ctrl-C typed at the terminal of a command without one of its own.
: >"$T/sim/events"
run ptyrun -e 'begun' -s '\x03' npexec -e 'echo begun' -e 'sleep 60' -e 'echo end' sim
is "$status" 130 "Ctrl-C in a batch ends it"
unlike "$out" 'end$' "the next commands are not run"

# Before the command was sent.
ptyrun -t 30 npexec late true >"$T/out" 2>&1 </dev/null &
pid=$!
ok "a login that takes long" wait_until '[ "$(events late "^connect")" = 1 ]'
client=$(descendants $pid | head -n 1)
kill -INT "$client"
wait_for $pid
is $? 130 "INT while it waits ends npexec with 130"
ptyrun -t 30 npexec -n late true >"$T/out" 2>&1 </dev/null &
pid=$!
ok "another one" wait_until '[ "$(status "[.requests[]] | length")" = 1 ]'
client=$(descendants $pid | head -n 1)
kill -INT "$client"
wait_for $pid
is $? 130 "also where it does not know that"

is "$(npexec -j sim true | jq -r .reused)" true "the session has lived through all of it"
ok "the broker ends well" stop_broker
done_testing
