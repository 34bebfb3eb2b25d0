#!/bin/sh
# npctl upgrade: another broker takes the socket over while clients come and commands run; nobody is refused.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
config="
drain_timeout: $(slow 20)
sockets: [{path: $T/run/ops, role: ops}]
policy:
  - {role: ops, methods: [exec, steer], then: allow}
devices:
  dev: {}
"
start_broker "$config"
NETPULSE_DAEMON=$(command -v netpulsed)
export NETPULSE_DAEMON
old=$broker_pid

# pid_of SOCKET: who answers there.
pid_of()
{
	npctl -S "$1" ping --json | jq .pid
}

# Clients one behind another, until $T/enough is there; a line with what each got.
come()
{
	while [ ! -e "$T/enough" ]; do
		npexec --no-start "$@" dev 'echo $PPID >>'"$T/served; echo hi" 2>&1 </dev/null
		echo "status $?"
	done
}

# ---- a new broker that cannot start ----

cp "$T/config.yaml" "$T/good.yaml"
echo 'nonsense: 1' >>"$T/config.yaml"
run npctl upgrade
is "$status" 1 "an upgrade to a broker that cannot start fails"
like "$err" 'the broker that there was serves on: .*nonsense' "and says why"
is "$(npexec --no-start dev 'echo hi')" hi "the one that there was serves on"
is "$(pid_of "$NETPULSE_SOCKET")" "$old" "it is the same"
cp "$T/good.yaml" "$T/config.yaml"
ok "with its own socket again" wait_until 'grep -q "no other broker has come" "$T/broker.log"'
ok "and the sockets for ssh" wait_until '[ -S "$T/run/mux/dev" ]'

# ---- one that can ----

npexec dev "echo up; until [ -e $T/go ]; do sleep 0.1; done; echo end" >"$T/long" 2>"$T/long.err" </dev/null &
long=$!
ok "a command runs" wait_until '[ -s "$T/long" ]'
come >"$T/come1" &
come1=$!
come -S "$T/run/ops" >"$T/come2" &
come2=$!
ok "clients come" wait_until '[ "$(grep -c "status 0" "$T/come1")" -ge 5 ] && [ "$(grep -c "status 0" "$T/come2")" -ge 5 ]'
run npctl upgrade
is "$status:$err" "0:" "upgrade"
like "$out" "another broker serves $NETPULSE_SOCKET; the former .pid $old. ends" "says what it did"
new=$(pid_of "$NETPULSE_SOCKET")
not "another broker answers" [ "$new" = "$old" ]
is "$(pid_of "$T/run/ops" 2>&1 | tail -n 1)" "$new" "at the other socket as well"
ok "and at the one for ssh" wait_until '[ -S "$T/run/mux/dev" ]'
n=$(grep -c status "$T/come1") m=$(grep -c status "$T/come2")
ok "clients go on to come" wait_until "[ \$(grep -c status $T/come1) -gt $((n + 5)) ] && [ \$(grep -c status $T/come2) -gt $((m + 5)) ]"
: >"$T/enough"
wait_for $come1
wait_for $come2
is "$(grep -vx 'hi\|status 0' "$T/come1")" "" "each got its answer"
is "$(grep -vx 'hi\|status 0' "$T/come2")" "" "also at the other socket"
is "$(grep -c hi "$T/come1" "$T/come2" | awk -F: '{n += $2} END {print n}')" "$(grep -c . "$T/served")" "each command ran once"
ok "the former broker lives while a command runs there" alive "$old"
: >"$T/go"
wait_for $long
is $? 0 "that command ends as it would"
is "$(tail -n 1 "$T/long")" end "with all its output"
wait_for "$old" 30
is $? 0 "then it ends by itself, and well"
is "$(pid_of "$NETPULSE_SOCKET")" "$new" "and leaves the other's socket"
is "$(npexec --no-start dev 'echo hi')" hi "which serves"
broker_pid=
npctl stop --now >/dev/null
ok "the other ends as any" wait_until "! alive $new"
done_testing
