#!/bin/sh
# What a command on a router's command line costs, at a round trip of 50 ms, in one run: a warm npexec (the whole process),
# netmiko on a connection that stays open, and a client that waits for the echo before it sends the newline.  Then how
# time and memory grow with the output: 25 MB beside 50 MB (`make bench`).
#
# NP_BENCH_RTT_ROUNDS (40) changes the size.  Asserts nothing.
NP_TEST_SECONDS=${NP_BENCH_SECONDS:-1800}
broker_debug=
. "$(dirname "$0")/../kit/lib.sh"

rounds=${NP_BENCH_RTT_ROUNDS:-40}
python=/usr/bin/python3
scenario=$tests/scenarios/ios.txt

start_simdev sim --scenario "$scenario"
start_simdev nagle --scenario "$scenario" --nagle
start_relay far sim --delay-ms 25
port_sim=$(cat "$T/sim/port")
port_far=$(cat "$T/far/port")
start_broker "
devices:
  near: {host: sim, username: admin, password: admin-pw, secret: enable-pw, device_type: cisco_ios}
  nagle: {host: nagle, username: admin, password: admin-pw, secret: enable-pw, device_type: cisco_ios}
  router: {host: far, username: admin, password: admin-pw, secret: enable-pw, device_type: cisco_ios}
"

# Both connect once; then each round times one command, so that what disturbs the machine disturbs both.
cat >"$T/peers.py" <<'END'
import statistics, sys, time
import paramiko

port, rounds = int(sys.argv[1]), int(sys.argv[2])

class TwoStep:
    name = "two steps (echo first), paramiko"
    def __init__(self):
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect("127.0.0.1", port=port, username="admin", password="admin-pw", allow_agent=False,
                       look_for_keys=False)
        self.client, self.channel = client, client.invoke_shell(width=500)
        self.wait(">")
        self.channel.send("terminal length 0\n")
        self.wait(">")
    def wait(self, end):
        seen = ""
        while not seen.rstrip().endswith(end):
            seen += self.channel.recv(65536).decode()
    def run(self):
        self.channel.send("show clock")
        self.wait("show clock")
        self.channel.send("\n")
        self.wait(">")

peers = [TwoStep()]
try:
    import netmiko
    class Netmiko:
        name = "netmiko %s, connection kept" % netmiko.__version__
        def __init__(self):
            self.connection = netmiko.ConnectHandler(device_type="cisco_ios", host="127.0.0.1", port=port,
                                                     username="admin", password="admin-pw", fast_cli=True)
        def run(self):
            self.connection.send_command("show clock")
    peers.append(Netmiko())
except ImportError:
    print("# netmiko is not installed")

times = [[] for _ in peers]
for _ in range(rounds):
    for peer, list_ in zip(peers, times):
        begin = time.monotonic()
        peer.run()
        list_.append((time.monotonic() - begin) * 1000)
for peer, list_ in zip(peers, times):
    print("%-36s %8.1f ms median, %.1f to %.1f" % (peer.name, statistics.median(list_), min(list_), max(list_)))
END

npexec router 'show clock' >/dev/null || diag "npexec router failed"
npexec near 'show clock' >/dev/null || diag "npexec near failed"
npexec nagle 'show clock' >/dev/null || diag "npexec nagle failed"
echo
echo "show clock on a warm command line: round trip 50 ms"
bench -n "$rounds" "npexec, warm, whole process" npexec router 'show clock'
if "$python" -W ignore -c 'import paramiko' 2>/dev/null; then
	timeout 300 "$python" -W ignore "$T/peers.py" "$port_far" "$rounds"
else
	echo "# python3-paramiko is not installed"
fi
echo
echo "the same on loopback: a server with TCP_NODELAY, and one that leaves Nagle on"
bench -n "$rounds" "npexec, warm" npexec near 'show clock' -- "npexec, warm, Nagle" npexec nagle 'show clock'

echo
echo "output through a command line, loopback"
before=$(rss_kb "$broker_pid")
bench -n 5 -w 1 "25 MB" npexec near 'show bytes 25M' -- "50 MB" npexec near 'show bytes 50M'
echo "broker: $before kB resident before, $(peak_kb "$broker_pid") kB at the most"
test_done=yes
