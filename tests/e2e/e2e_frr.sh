#!/bin/sh
# Real routers: FRR's vtysh as the login shell behind a real sshd, driven through its command line, and the terminal of
# zebra itself behind telnet.
. "$(dirname "$0")/../kit/lib.sh"
. "$(dirname "$0")/../kit/frr.sh"
need jq
why=$(frr_missing)
[ -z "$why" ] || skip_all "$why"

start_frr
start_vtysh vty
broker_config='
devices:
  r1: {host: vty, device_type: frr, driver: cli, connection_args: {max_connections: 4}}
  one: {host: vty, device_type: frr, driver: cli, connection_args: {max_connections: 1}}
  chan: {host: vty, device_type: frr}
'
command -v telnet >/dev/null && command -v nsenter >/dev/null && have_telnet=yes || have_telnet=
if [ -n "$have_telnet" ]; then
	start_vty zvty
	broker_config=$broker_config'
  z1: {host: zvty, device_type: frr, driver: cli, password: zebra, secret: s3cret-word}
  z2: {host: zvty, device_type: frr, driver: cli, password: zebra}
  z3: {host: zvty, device_type: frr, driver: cli, password: zebra, secret: wrong-word}
'
fi
start_broker "$broker_config"

# ---- show ----

run npexec r1 'show version'
is "$status" 0 "show version: status 0"
like "$out" '^FRRouting [0-9.]+ \(r1\)' "its output"
unlike "$out" 'show version|r1#|Lab router' "without echo, prompt and banner"
is "$err" "" "and nothing on standard error"
is "$(npexec -j r1 'show version' | jq -r '"\(.prompt)|\(.mode)|\(.reused)|\(.exit_status)"')" 'r1# |priv|true|0' \
	"-j tells prompt and mode, on the same session"

run npexec r1 'show bogus'
is "$status" 1 "an unknown command: status 1"
is "$out" "% Unknown command: show bogus" "its words on standard output"
is "$(npexec -j r1 'show bogus' | jq -r .device_error)" "% Unknown command: show bogus" "and as device_error"
run npexec r1 'show'
like "$out" '^% Command incomplete' "an incomplete command"
is "$(npexec r1 '   show   clock  ' 2>&1 | wc -l)" "$(npexec r1 'show clock' 2>&1 | wc -l)" "blanks do no harm"

# ---- the mode stays within a lease and ends with it ----

run npexec -e 'configure terminal' -e 'interface veth7' -e 'description one' -e 'do show running-config' r1
is "$status" 0 "a batch that ends inside configuration"
like "$out" 'description one' "sees what it configured"
is "$(npexec -j r1 'show clock' | jq -r .mode)" priv "the next request is at the first prompt again"
printf 'configure terminal\ninterface veth7\ndescription two\n' | npexec r1
like "$(npexec r1 'show running-config')" '^ description two' "lines of standard input share one lease"
run npexec -e 'show bogus' -e 'show version' r1
is "$out" "% Unknown command: show bogus" "a batch stops at the first error"
is "$status" 1 "with status 1"

# ---- configuration ----

config()
{
	npexec -c "$@"
}
printf 'hostname r9\ninterface veth8\n description eight\nexit\n' >"$T/change"
# A vtysh knows only its own changes of the host name, so this device has one.
run config one <"$T/change"
is "$status" 0 "npexec -c: all lines taken"
like "$(npexec one 'show running-config')" '^ description eight' "they are live"
is "$(npexec -j one 'show version' | jq -r .prompt)" 'r9# ' "a changed host name is no obstacle"
printf 'hostname r1\ninterface veth8\n descripion nine\n description nine\n' >"$T/change"
run config r1 <"$T/change"
is "$status" 1 "a refused line: status 1"
like "$err" 'line 3: .*Unknown command: +descripion nine' "which says line and words"
unlike "$(npexec r1 'show running-config')" 'description nine' "what came after was not sent"
is "$(npexec -j r1 'show clock' | jq -r .mode)" priv "configuration mode was left"
ok "nothing was saved" not grep -q veth8 -r "$T/frr/etc"
run config --save r1 'hostname r1'
is "$status" 0 "--save"
ok "writes the configuration" wait_until 'grep -q veth8 -r "$T/frr/etc"'

# ---- the definition tried on the device ----

run npctl platform test r1
is "$status" 0 "npctl platform test"
like "$out" '^login +at a prompt of mode .priv' "tells the mode after login"
like "$out" '^prepare +2 steps, none was refused' "the preparation"
like "$out" '^detect +its answer is recognised as frr' "what the platform is recognised by"
like "$out" '^config +entered and left' "and the way into configuration mode and out"

# ---- size ----

i=0
{
	while [ $i -lt 2000 ]; do
		i=$((i + 1))
		echo "ip prefix-list big seq $i permit 10.$((i / 256)).$((i % 256)).0/24"
	done
} >"$T/big"
vtysh --vty_socket "$T/frr/run" --config_dir "$T/frr/etc" -f "$T/big" >"$T/vtysh.out" 2>&1
is "$(npexec r1 'show running-config' | grep -c '^ip prefix-list big')" 2000 "a configuration of 2,000 lines, no pager"
npexec r1 'show running-config' >"$T/shell.out"
npexec chan 'show running-config' >"$T/chan.out"
same "$T/chan.out" "$T/shell.out" "the same bytes as on a channel of its own"

# ---- many at once ----

one()
{
	for j in 1 2 3 4 5; do
		for k in a b c d e; do
			want="% Unknown command: show p$1x$j$k"
			got=$(npexec r1 "show p$1x$j$k" 2>&1)
			[ "$got" = "$want" ] || echo "p$1x$j$k got: $got"
		done
	done
}
pids=
for p in $(seq 20); do
	one "$p" >"$T/many.$p" 2>&1 </dev/null &
	pids="$pids $!"
done
for pid in $pids; do
	wait_for "$pid" 200
done
is "$(cat "$T"/many.*)" "" "500 commands of 20 processes: each has its own answer"
at_most "$(logins vty)" 7 "over at most four shells, the one and a channel"
is "$(npctl status --json | jq '[.devices[] | select(.device == "r1") | .list[].shell.late] | add')" 0 "nothing came late"

# ---- the terminal of zebra behind telnet ----

if [ -n "$have_telnet" ]; then
	run npexec z1 'show running-config'
	is "$status" 0 "telnet: two passwords and enable"
	like "$out" '^hostname r1' "telnet: the output"
	unlike "$out" '\[|--More--' "telnet: without pager and escapes"
	is "$(npexec -j z1 'show version' | jq -r .mode)" priv "telnet: the base is the privileged mode"
	npexec -e 'terminal length 5' -e 'show running-config' z1 >"$T/paged"
	npexec z1 'show running-config' >"$T/plain"
	same "$T/plain" "$T/paged" "telnet: a pager that is on shows the same"
	is "$(npexec -j z2 'show version' | jq -r .mode)" user "telnet: no secret: the mode after login"
	echo s3cret-word >"$T/secret"
	run npexec --enable z2 'show running-config'
	is "$status" 255 "telnet: --enable without a secret fails"
	like "$err" '^npexec: z2: privilege_failed: ' "telnet: with privilege_failed"
	is "$(npexec --enable -j -o secret_file="$T/secret" z2 'show version' | jq -r .mode)" priv "telnet: a secret in the request"
	run npexec z3 'show version'
	like "$err" '^npexec: z3: privilege_failed: ' "telnet: a wrong secret fails"
	run npexec z3 'show version'
	like "$err" '^npexec: z3: auth_backoff: ' "telnet: and is not tried again"
	npctl record z1 "show running-config" >"$T/transcript"
	like "$(cat "$T/transcript")" "^> show running-config" "npctl record: a transcript"
	ok "without secrets" not grep -qE "s3cret-word|> zebra|wrong-word" "$T/transcript"
	npexec -c -e 'line vty' -e 'exec-timeout 0 3' z1 2>"$T/err" || diag "$(cat "$T/err")"
	npctl close z1 >/dev/null
	before=$(npexec -j z1 'show version' | jq -r .session)
	ok "telnet: an idle logout of the device" wait_until \
		'[ "$(status "[.devices[] | select(.device == \"z1\") | .sessions] | add")" = 0 ]' 30
	after=$(npexec -j z1 'show version' | jq -r .session)
	ok "telnet: is not noticed by the next command" [ -n "$after" ] && [ "$before" != "$after" ]
	ok "no secret in the log" not grep -qE 's3cret-word|wrong-word|zebra$' "$T/broker.log"
	unlike "$(npctl status --json)" 's3cret-word|wrong-word' "nor in the status"
else
	skip 17 "telnet or nsenter is not installed"
fi

ok "the broker ends well" stop_broker
done_testing
