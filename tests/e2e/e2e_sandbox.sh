#!/bin/sh
# The broker's process can do little: its children are another process's, which can do nothing but start them.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
way="nc 127.0.0.1 $port_dev"
! command -v socat >/dev/null || way="socat - TCP:127.0.0.1:$port_dev"
add_host piped "$port_dev" "ProxyCommand sh -c 'echo \$\$ \$PPID >$T/proxy; exec $way'"
start_simdev asking --user admin --password word
add_host asking "$port_asking"
echo word >"$T/password"
start_broker "devices:
  dev: {}
  piped: {}
  asking: {username: admin, password_command: 'ls /proc/self/fd | tr \"\\n\" \" \" >$T/fds; echo \$PPID >$T/parent; cat $T/password'}"
NETPULSE_DAEMON=$(command -v netpulsed)
export NETPULSE_DAEMON

# The only child of a process.
child_of()
{
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^\([0-9]*\) .*) [A-Z] \([0-9]*\) .*/\1 \2/' |
		awk -v of="$1" '$2 == of { print $1 }'
}

# ---- what the broker gives up ----

# state KEY: of the process, as the kernel says.
state()
{
	sed -n "s/^$1:[^0-9]*//p" "/proc/${2:-$broker_pid}/status"
}
if grep -q '__[at]san_init' "$bin/netpulsed"; then
	like "$(status .broker.sandbox.lacks)" 'a build with sanitizers' "sanitizers do what the sandbox forbids: there is none"
	skip 2 "no sandbox"
elif [ "$(status .broker.sandbox.lacks)" != null ]; then
	skip 3 "$(status .broker.sandbox.lacks)"
else
	is "$(state Seccomp)" 2 "its system calls are filtered"
	is "$(state NoNewPrivs)" 1 "it gets no new privileges"
	is "$(status .broker.sandbox.system_calls)" true "status says so"
fi

# ---- the starter ----

starter=$(child_of "$broker_pid")
like "$(tr '\000' ' ' <"/proc/$starter/cmdline")" '^npstarter *$' "a process of its own starts programs"
is "$(ls "/proc/$starter/fd" | tr '\n' ' ')" "0 1 2 3 " "it has the broker's descriptor, and no other"
is "$(npexec dev 'echo hi')" hi "ssh -G runs"
is "$(npexec asking true 2>&1)" "" "password_command runs"
is "$(cat "$T/parent")" "$starter" "the starter has started it"
is "$(cat "$T/fds")" "0 1 2 3 " "it inherits no descriptor (the fourth is that of ls)"
is "$(npexec piped 'echo hi')" hi "ProxyCommand runs"
read -r proxy parent <"$T/proxy"
is "$parent" "$starter" "the starter has started it"
ok "with nothing of ours" [ "$(ls "/proc/$proxy/fd" | sed -n '/^[012]$/p' | wc -l)" -eq 3 ]
npctl close piped >/dev/null
ok "it ends with the session" wait_until "! alive $proxy"
ok "and leaves no child behind" wait_until "[ -z \"\$(child_of $starter)\" ]"
is "$(state Seccomp "$starter") $(status .broker.sandbox.starter)" "0 true" "it is outside of the sandbox, and there"
kill -TERM "$starter"
kill -INT "$starter"
is "$(npexec piped 'echo hi')" hi "what a terminal or a service manager sends to all does not end the starter"

# ---- it is gone ----

read -r proxy parent <"$T/proxy"
kill -KILL "$starter"
ok "its end is told" wait_until 'grep -q "npstarter. is gone" "$T/broker.log"'
is "$(status .broker.sandbox.starter)" false "also in status"
like "$(npctl status)" '^npstarter is gone, .*npctl upgrade$' "for people as well"
is "$(npexec dev 'echo hi')" hi "sessions that there are go on"
is "$(npexec piped 'echo hi')" hi "also through a ProxyCommand"
npctl close piped >/dev/null
ok "which ends with its stream" wait_until "! alive $proxy"
run npexec piped true
like "$err" '^npexec: piped: connect_failed: .*ProxyCommand.*npstarter.*npctl upgrade' "what needs it says so, and what to do"
run npexec "localhost:$port_dev" true
like "$err" "resolve_failed: ssh -G localhost could not be started: .*npctl upgrade" "a new name as well"
run npctl upgrade
is "$status:$err" "0:" "npctl upgrade"
ok "the old broker ends" wait_until "! alive $broker_pid"
wait "$broker_pid"
is "$(npexec piped 'echo hi')" hi "and the new one starts programs"

# ---- the broker is gone ----

broker_pid=$(npctl ping --json | jq .pid)
starter=$(child_of "$broker_pid")
read -r proxy parent <"$T/proxy"
is "$parent" "$starter" "by a starter of its own"
kill -KILL "$broker_pid"
ok "a broker that dies leaves no starter" wait_until "! alive $starter"
ok "and no child" wait_until "! alive $proxy"
broker_pid=

# ---- other wishes ----

start_broker "sandbox: off
devices: {dev: {}}"
is "$(state Seccomp) $(state NoNewPrivs)" "0 0" "sandbox: off"
like "$(status .broker.sandbox.lacks)" '^switched off by the configuration$' "is told"
like "$(npctl status)" '^sandbox: switched off by the configuration$' "for people as well"
ok "also in the log" grep -q 'warning main: sandbox: switched off' "$T/broker.log"
is "$(npexec dev 'echo hi')" hi "it serves"
write_config "children_no_new_privileges: true
devices: {dev: {}, asking: {username: admin, password_command: 'grep NoNewPrivs /proc/self/status >$T/nnp; cat $T/password'}}"
ok "a reload" npctl reload
ok "says that a process does not change its sandbox" grep -q 'take effect with a new broker' "$T/broker.log"
is "$(npexec asking true 2>&1)" "" "a command runs"
is "$(sed 's/[^0-9]*//' "$T/nnp")" 0 "with the privileges that it had"
ok "npctl upgrade" npctl upgrade
wait "$broker_pid"
broker_pid=$(npctl ping --json | jq .pid)
is "$(npexec asking true 2>&1)" "" "it runs again"
is "$(sed 's/[^0-9]*//' "$T/nnp")" 1 "and gets no new privileges"
is "$(status .broker.sandbox.children_no_new_privileges)" true "status says so"
npctl stop --now
ok "the broker ends" wait_until "! alive $broker_pid"
broker_pid=
mkdir "$T/elsewhere" "$T/there"
add_host late "$port_dev" "UserKnownHostsFile $T/elsewhere/known_hosts" 'StrictHostKeyChecking accept-new'
add_host known "$port_dev" "UserKnownHostsFile $T/there/known_hosts" 'StrictHostKeyChecking accept-new'
mkdir "$T/logs"
was_home=$HOME
HOME=$T/strict
mkdir "$HOME"
start_broker "sandbox: strict
sandbox_writes: $T/there
audit_log: $T/logs/audit
devices: {dev: {}, piped: {}}"
if [ "$(status .broker.sandbox.files)" = true ]; then
	is "$(npexec dev 'echo hi')" hi "sandbox: strict serves"
	is "$(npexec piped 'echo hi')" hi "its children are free"
	run npexec late true
	not "it writes nowhere else" [ -e "$T/elsewhere/known_hosts" ]
	ok "and says so" grep -q "cannot write $T/elsewhere/known_hosts: Permission denied" "$T/broker.log"
	is "$(npexec known 'echo hi')" hi "but where the configuration says"
	like "$(cat "$T/there/known_hosts")" ssh-ed25519 "it has written"
	is "$(ls -A "$HOME/.ssh")" known_hosts "known hosts have a file, where there was none"
	ok "and what it is known to write: the audit log" [ -s "$T/logs/audit" ]
	ok "a socket for ssh" [ -S "$T/run/mux/dev" ]
else
	skip 9 "$(status .broker.sandbox.lacks)"
fi
ok "the broker ends" stop_broker
HOME=$was_home
done_testing
