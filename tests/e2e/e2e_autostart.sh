#!/bin/sh
# The broker starts by itself, once, and keeps nothing of its caller.
. "$(dirname "$0")/../kit/lib.sh"

start_sshd dev
write_config ''
NETPULSE_CONFIG=$T/config.yaml
NETPULSE_DAEMON=$bin/netpulsed
export NETPULSE_CONFIG

# ---- not started ----

run npexec --no-start dev true
is "$status" 255 "--no-start: exit status 255 without a broker"
like "$err" '^npexec: dev: broker_unavailable: no broker' "and says so, in a word of its own"
run npctl ping
ok "npctl starts none" [ "$status" -ne 0 ]
NETPULSE_DAEMON=$T/nosuch run npexec dev true
is "$status" 255 "a daemon that is not there: exit status 255"
like "$err" "^npexec: .*$T/nosuch" "it is named"
echo 'devices: [' >"$T/bad.yaml"
NETPULSE_CONFIG=$T/bad.yaml run npexec dev true
is "$status" 255 "a daemon that refuses its configuration: exit status 255"
like "$err" "^npexec: dev: broker_unavailable: .*$T/bad.yaml:[0-9]+: " "its own words reach the caller"
ok "nothing stays behind" wait_until '[ -z "$(brokers)" ]'

# ---- twenty at once ----

mkdir "$T/elsewhere"
i=0
while [ $i -lt 20 ]; do
	(cd "$T/elsewhere" && exec npexec dev 'echo hi' >"$T/out.$i" 2>"$T/err.$i" 9>"$T/nine" </dev/null) &
	eval "pid$i=$!"
	i=$((i + 1))
done
bad=0
while [ $i -gt 0 ]; do
	i=$((i - 1))
	eval "pid=\$pid$i"
	wait_for "$pid" 60 || bad=$((bad + 1))
done
is $bad 0 "twenty first calls at once succeed"
is "$(cat "$T"/out.* | sort | uniq -c | tr -s ' ')" ' 20 hi' "each has its output"
is "$(cat "$T"/err.*)" '' "and no complaint"
ok "exactly one broker is left" wait_until '[ "$(brokers | wc -l)" -eq 1 ]'
broker=$(brokers)
log=$XDG_STATE_HOME/netpulse/netpulsed.log
is "$(stat -c %a "$log")" 600 "its log is private"
ok "one broker has served" [ "$(grep -c ' serves ' "$log")" -eq 1 ]

# ---- what it keeps ----

# pid (name) state ppid pgrp session tty_nr ...
set -- $(sed 's/.*) //' "/proc/$broker/stat")
ok "it is in a session of its own" [ "$4" != "$(sed 's/.*) //' "/proc/$$/stat" | cut -d' ' -f4)" ]
is "$5" 0 "it has no terminal"
if [ -r "/proc/$broker/fd/0" ] && ls -l "/proc/$broker/fd" >"$T/fds" 2>/dev/null; then
	unlike "$(cat "$T/fds")" "$T/(nine|out|err)|pipe:" "it holds no descriptor of its callers"
	is "$(readlink "/proc/$broker/cwd")" / "nor their directory"
	unlike "$(tr '\000' '\n' <"/proc/$broker/environ" | cut -d= -f1)" \
		'^(NP_WORLD|PWD|OLDPWD|BUILDDIR|builddir|top_builddir|LC_ALL)$' "nor their environment"
	like "$(tr '\000' '\n' <"/proc/$broker/environ")" "^NETPULSE_CONFIG=$T" "but what it needs of it"
else
	skip 4 "another process's descriptors cannot be read here"
fi
rmdir "$T/elsewhere"
ok "commands run on" npexec dev true
ok "a pipeline ends though the broker lives on" sh -c 'npexec dev true | cat'
npctl stop >/dev/null
ok "npctl stop ends it" wait_until '[ -z "$(brokers)" ]'
ok "and removes the socket" [ ! -e "$NETPULSE_SOCKET" ]

ok "started from a terminal, it lets go of that" ptyrun -t 10 npexec dev true
broker=$(brokers)
set -- $(sed 's/.*) //' "/proc/$broker/stat")
is "$5" 0 "it has no terminal"
(ulimit -n 64 && exec npexec dev true)
is $? 0 "commands run on"

# ---- priority and limits ----

npctl stop --now >/dev/null
ok "npctl stop --now ends it" wait_until '[ -z "$(brokers)" ]'
: >"$log"
(
	ulimit -S -n 64
	ulimit -S -f 4096
	ulimit -S -t 3600
	ulimit -H -f 204800
	exec nice -n 7 npexec dev true
)
is $? 0 "a broker that is started at nice 7 with low limits"
broker=$(brokers)
# limit NAME: "SOFT HARD" of the broker.
limit()
{
	sed -n "s/^Max $1  *\([^ ]*\)  *\([^ ]*\) .*/\1 \2/p" "/proc/$broker/limits"
}
is "$(limit 'open files')" "$(ulimit -H -n | sed -E 's/^([0-9]{6,}|unlimited)$/65536/') $(ulimit -H -n)" "has all descriptors"
is "$(limit 'cpu time')" "$(limit 'cpu time' | sed 's/.* \(.*\)/\1 \1/')" "all processor time"
size=$(limit 'file size')
is "$size" "${size#* } ${size#* }" "files as large as may be"
like "$(cat "$log")" "warning main: .*at most ${size#* } bytes in a file.*npctl stop" "and warns of the hard limit"
nice=$(sed 's/.*) //' "/proc/$broker/stat" | cut -d' ' -f17)
if [ "$nice" -ne 0 ]; then
	like "$(cat "$log")" "warning main: .*runs at nice $nice" "and of its priority"
else
	unlike "$(cat "$log")" 'runs at nice' "has its priority back"
fi
if command -v taskset >/dev/null 2>&1; then
	npctl stop --now >/dev/null
	wait_until '[ -z "$(brokers)" ]'
	cpus=$(taskset -cp $$ | sed 's/.*: //')
	taskset -c "${cpus%%[,-]*}" npexec dev true
	is "$(taskset -cp "$(brokers)" | sed 's/.*: //')" "$cpus" "it runs on all processors"
	broker=$(brokers)
else
	skip 1 "no taskset"
fi

# ---- a broker that died ----

kill -KILL "$broker"
ok "its socket is left" wait_until '! alive "$broker" && [ -S "$NETPULSE_SOCKET" ]'
ok "the next call starts another" npexec dev true
npctl stop --now >/dev/null
ok "npctl stop --now ends it" wait_until '[ -z "$(brokers)" ]'

# ---- idle exit ----

start_broker '
devices:
  dev: {connection_args: {max_idle_time: 0.5}}
' --idle-exit 1
npexec dev true
wait_for "$broker_pid" 15
is $? 0 "--idle-exit 1: it ends when nothing is held"
broker_pid=
ok "and removes the socket" [ ! -e "$NETPULSE_SOCKET" ]
start_broker '
devices:
  dev: {connection_args: {persistent: true}}
' --idle-exit 0.5
ok "a persistent device" wait_until 'npctl status dev | grep -q connected'
ok "is a reason to stay" wait_until '[ "$(npctl status --json | sed "s/.*\"uptime\":\([0-9]*\).*/\1/")" -ge 2 ]'

ok "the broker ends well" stop_broker
done_testing
