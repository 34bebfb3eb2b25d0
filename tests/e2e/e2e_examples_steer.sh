#!/bin/sh
# contrib/examples for operators, check_netpulse and maintenance: on devices that work, that are down and that refuse.
. "$(dirname "$0")/../kit/lib.sh"
need jq

PATH=$tests/../contrib/examples:$PATH
start_sshd srv
start_simdev core1 --scenario ios.txt --set host=core1 --listen 127.0.3.1
ios='device_type: cisco_ios, username: admin, password: admin-pw'
config="
devices:
  core1: {$ios, secret: enable-pw, groups: [core]}
  lost: {host: 127.0.0.1, port: 1}
  srv: {}
"
start_broker "$config"

# ---- check_netpulse ----

run check_netpulse -t 60 -w 60000 -e 'Version 15' core1 'show version'
is "$status" 0 "check_netpulse: OK"
like "$out" "^NETPULSE OK - core1: 'show version' took [0-9]+ ms \| time=[0-9]+ms;60000;;0 connect=[0-9]+ms;;;0\$" "in one line, with performance data"
run check_netpulse -w 0 -c 60000 srv 'sleep 0.01'
is "$status" 1 "slower than -w: WARNING"
run check_netpulse -c 0 srv 'sleep 0.01'
is "$status" 2 "slower than -c: CRITICAL"
run check_netpulse -e 'Version 16' core1 'show version'
is "$status" 2 "another output: CRITICAL"
run check_netpulse core1 'show nonsense'
is "$status" 2 "a refused command: CRITICAL"
like "$out" "^NETPULSE CRITICAL - core1: 'show nonsense' ended with 1: % Invalid input .* \| time=" "with the device's words"
run check_netpulse lost 'show version'
is "$status" 2 "a device that is down: CRITICAL"
like "$out" '^NETPULSE CRITICAL - lost: connect_failed: [^|]*$' "with the reason"
run check_netpulse -t 1 srv 'sleep 100'
is "$status" 2 "no answer in time: CRITICAL"
like "$out" '^NETPULSE CRITICAL - srv: command_timeout: ' "with the limit that ended it"
run check_netpulse @nosuch 'show version'
is "$status" 3 "no such device: UNKNOWN"
run check_netpulse srv 'echo "a|b" >&2; exit 3'
is "$(echo "$out" | tr -cd '|')" "|" "a device's words cannot begin performance data"
run check_netpulse -w 1k
is "$status" 3 "a usage error: UNKNOWN"
run check_netpulse -w 2
is "$status" 0 "the broker: OK"
like "$out" '^NETPULSE OK - 2 of 3 devices connected, 1 failed: lost \(connect_failed\) \| failed=1;1;4;0 connected=2;;;0 ' "counts and names"
run check_netpulse
is "$status" 1 "the broker: WARNING"
run check_netpulse -c 1
is "$status" 2 "the broker: CRITICAL"

start_relay again srv
relay again refuse
npexec again true 2>/dev/null
run check_netpulse -w 2 -c 9
is "$status" 1 "two have failed: WARNING"
relay again accept
npctl open again >/dev/null
npctl close --wait again >/dev/null
run check_netpulse -w 2 -c 9
is "$status" 0 "one has worked again and been closed: OK"

# ---- maintenance ----

held()
{
	status '.devices[] | select(.paused or .draining or .disabled) | .device'
}

# What the change does is in files, as it would be in life.
cat >"$T/change" <<'SCRIPT'
#!/bin/sh
npexec -n core1 'show clock' >"$T/waited" 2>&1 &
until npctl status --json core1 | jq -e 'any(.devices[]; .queued == 1)' >/dev/null; do
	sleep 0.05
done
npctl status --json core1 | jq -c '[.devices[] | .paused, .sessions]' >"$T/seen"
SCRIPT
cat >"$T/reboot" <<'SCRIPT'
#!/bin/sh
while npctl test core1 >/dev/null 2>&1; do
	echo 'down 127.0.3.1 1' >"$T/core1/control"
done
SCRIPT
chmod 755 "$T/change" "$T/reboot"
export T
run maintenance core1 "$T/change"
is "$status" 0 "maintenance: a change"
is "$(cat "$T/seen")" '[true,0]' "nobody is logged in meanwhile"
ok "who came waited" wait_until "grep -q UTC $T/waited"
is "$(held)" "" "the device is given back"
run maintenance -m 'new line card' core1 npexec -n core1 'show clock'
is "$status" 255 "-m: the status is that of the command"
like "$err" '^npexec: core1: disabled: new line card$' "who comes is refused with the text"
is "$(held)" "" "the device is given back"
run maintenance core1 sh -c 'exit 7'
is "$status" 7 "a change that fails"
is "$(held)" "" "the device is given back"
run maintenance core1 sh -c 'kill -TERM $PPID'
is "$status" 143 "told to leave"
is "$(held)" "" "the device is given back"
run maintenance -t 0 lost true
is "$status" 124 "a device that does not come back"
like "$err" '^maintenance: lost did not come back within 0 s:' "is said"
is "$(held)" "" "and given back"
run maintenance core1 "$T/reboot"
is "$status" 0 "a restart"
like "$(npexec -n core1 'show clock')" UTC "is waited for"
npctl disable -m 'by somebody else' core1 >/dev/null
run maintenance core1 touch "$T/touched"
is "$status" 125 "a device that is held already"
ok "the change was not made" not test -e "$T/touched"
is "$(held)" core1 "nobody else's hold is ended"
npctl enable core1 >/dev/null
run maintenance @core touch "$T/touched"
is "$status" 125 "several devices are refused"

# ---- without a broker ----

ok "the broker ends well" stop_broker
run check_netpulse
is "$status" 2 "check_netpulse: no broker"
like "$out" '^NETPULSE CRITICAL - npctl: no broker is running' "is said"
run maintenance core1 touch "$T/touched"
is "$status" 125 "maintenance: no broker"
ok "nothing was done" not test -e "$T/touched"
done_testing
