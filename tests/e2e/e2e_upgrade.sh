#!/bin/sh
# npctl upgrade: another broker takes the socket over while clients come and commands run; nobody is refused.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
devices="
sockets: [{path: $T/ops/s, role: ops}]
policy:
  - {role: ops, methods: [exec, steer], then: allow}
devices:
  dev: {}
"
mkdir "$T/ops" "$T/world"
chmod 777 "$T/world"
start_broker "drain_timeout: $(slow 20)
$devices"
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

# serves_on PID NAME: that broker, by all its sockets.
serves_on()
{
	is "$(pid_of "$NETPULSE_SOCKET") $(pid_of "$T/ops/s") $(npexec --no-start dev 'echo hi')" "$1 $1 hi" "$2"
	ok "with the sockets for ssh" wait_until '[ -S "$T/run/mux/dev" ]'
}

# ---- a new broker that cannot start ----

printf '#!/bin/sh\nexit 3\n' >"$T/dies"
chmod +x "$T/dies"
run env NETPULSE_DAEMON="$T/dies" npctl upgrade
like "$status $err" '^1 .*the broker that there was serves on: .*ended without a word' "an upgrade to a program that dies fails"
serves_on "$old" "the one that there was serves on"
NETPULSE_DAEMON=$(command -v netpulsed)
export NETPULSE_DAEMON
cp "$T/config.yaml" "$T/good.yaml"
sed "s#^sockets: .#&{path: $T/world/s, role: ops}, #" "$T/good.yaml" >"$T/config.yaml"
wait_until '[ "$(grep -c "no other broker has come" "$T/broker.log")" = 1 ]'
run npctl upgrade
like "$status $err" '^1 .*serves on: .*world.* is writable by others' "one to a broker that cannot make all its sockets fails"
serves_on "$old" "it has taken none of them"
is "$(ls "$T/run" "$T/ops" | grep -v 'mux\|^$\|:$' | tr '\n' ' ')" "s s.lock s s.lock " "and left nothing behind"
cp "$T/good.yaml" "$T/config.yaml"
wait_until '[ "$(grep -c "no other broker has come" "$T/broker.log")" = 2 ]'
echo 'nonsense: 1' >>"$T/config.yaml"
run npctl upgrade
is "$status" 1 "an upgrade to a broker that cannot start fails"
like "$err" 'the broker that there was serves on: .*nonsense' "and says why"
serves_on "$old" "the one that there was serves on"
cp "$T/good.yaml" "$T/config.yaml"
ok "with its own socket again" wait_until '[ "$(grep -c "no other broker has come" "$T/broker.log")" = 3 ]'

# ---- one that can ----

npexec dev "echo up; until [ -e $T/go ]; do sleep 0.1; done; echo end" >"$T/long" 2>"$T/long.err" </dev/null &
long=$!
ok "a command runs" wait_until '[ -s "$T/long" ]'
come >"$T/come1" &
come1=$!
come -S "$T/ops/s" >"$T/come2" &
come2=$!
ok "clients come" wait_until '[ "$(grep -c "status 0" "$T/come1")" -ge 5 ] && [ "$(grep -c "status 0" "$T/come2")" -ge 5 ]'
run npctl upgrade
is "$status:$err" "0:" "upgrade"
like "$out" "another broker serves $NETPULSE_SOCKET; the former .pid $old. ends" "says what it did"
new=$(pid_of "$NETPULSE_SOCKET")
not "another broker answers" [ "$new" = "$old" ]
is "$(pid_of "$T/ops/s" 2>&1 | tail -n 1)" "$new" "at the other socket as well"
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

# ---- a stop amid it ----

write_config "drain_timeout: $(slow 5)
$devices"
npctl reload
rm -f "$T/go"
npexec dev "echo up; until [ -e $T/go ]; do sleep 0.1; done; echo end" >"$T/long" 2>"$T/long.err" </dev/null &
long=$!
ok "a command runs" wait_until '[ -s "$T/long" ]'
ok "another upgrade" npctl upgrade
old=$new
new=$(pid_of "$NETPULSE_SOCKET")
write_config "drain_timeout: $(slow 100)
$devices"
kill -HUP "$old"
log=$T/state/netpulse/netpulsed.log
wait_until 'grep -q "reloaded: " "$log"'
kill -TERM "$old"
ok "the former broker is told to end" wait_until 'grep -q "draining: 1 commands run" "$log"'
late=$(($(date +%s) + $(slow 5) + 1))
wait_until '[ "$(date +%s)" -gt $late ]' # the time for who is left would have passed
ok "the time of a stop is its own" alive "$old"
: >"$T/go"
wait_for $long
is "$?:$(tail -n 1 "$T/long")" "0:end" "the command ends as it would"

# ---- a socket that cannot be handed over ----

# The broker may be faster in making it again.
in_the_way() { rm -rf "$T/ops" && (: >"$T/ops"); }
wait_until 'in_the_way 2>/dev/null'
wait_until 'grep -q "ops/s was removed by others and cannot be made again" "$log"'
said=$(grep -c 'no sockets for ssh' "$log")
run npctl upgrade
like "$status $err" '^1 .*ops/s was removed by others' "an upgrade without one of the sockets fails"
is "$(pid_of "$NETPULSE_SOCKET") $(npexec --no-start dev 'echo hi')" "$new hi" "the broker serves on"
ok "also ssh" wait_until '[ -S "$T/run/mux/dev" ]'
is "$(grep -c 'no sockets for ssh' "$log")" "$said" "whose folder it had let go before it took it again"
npctl stop --now >/dev/null
ok "the other ends as any" wait_until "! alive $new"
done_testing
