#!/bin/sh
# The mux door: an unmodified ssh, and what runs over it, by the broker's session of a device.
NP_TEST_SECONDS=${NP_TEST_SECONDS:-300}
. "$(dirname "$0")/../kit/lib.sh"
need jq ssh

door=$T/run/mux/dev
start_sshd dev 'Subsystem sftp internal-sftp' 'AcceptEnv TOLD_*'
start_sshd few 'MaxSessions 4'
start_sshd bare 'PermitTTY no'
start_sshd locked 'PubkeyAuthentication no' 'PasswordAuthentication yes'
start_broker "audit_log: $T/audit
devices:
  dev: {}
  few: {}
  bare: {}
  locked: {}
  gone: {host: 127.0.0.1, port: 1}
  shut: {}
  cli: {device_type: cisco_ios}
  a/b: {host: 127.0.0.1}"

# through NAME OPTION...: ssh by the door of that device, with no way of its own to its server unless it goes direct.
through()
{
	_door=$T/run/mux/$1
	shift
	ssh -F "$T/ssh_config" -o ControlMaster=no -o "ControlPath=$_door" "$@"
}

# straight OPTION...: the same without the door, for comparison.
straight()
{
	ssh -F "$T/ssh_config" -o ControlPath=none "$@"
}

# ---- the sockets ----

is "$(ls "$T/run/mux" | tr '\n' ' ')" 'bare cli dev few gone locked shut ' "a socket for each device"
is "$(stat -c %a "$T/run/mux" "$door" | tr '\n' ' ')" '700 600 ' "for their owner alone"
is "$(through dev -O check dev 2>&1 | tr -d '\r')" "Master running (pid=$broker_pid)" "the broker is a master"

# ---- commands ----

run through dev dev 'echo out; echo err >&2; exit 5'
is "$status:$out:$err" "5:out:err" "a command: output, errors, status"
is "$(echo text | through dev dev 'cat; cat')" text "standard input, and its end"
run through dev dev 'kill -TERM $$'
is "$status:$out$err" 255: "a command that dies of a signal"
is "$(through dev dev 'printf "%s|" "$0"' "'a  b'" '"*"')" "$(straight few 'printf "%s|" "$0"' "'a  b'" '"*"')" "quoting"
is "$(TOLD_ONE='x y' TOLD_TWO=2 through dev -o SendEnv='TOLD_*' -o SetEnv=TOLD_TWO=3 dev 'echo $TOLD_ONE:$TOLD_TWO')" 'x y:3' \
	"environment"
is "$(echo 'echo $((2+3)); exit 4' | through dev dev sh -s; echo $?)" '5
4' "a script on standard input"
is "$(echo 'echo from the shell' | through dev -T dev 2>/dev/null | tail -n 1)" 'from the shell' "a login shell"
is "$(for i in 1 2 3; do echo $i; done | while read -r i; do through dev -n dev "echo $i"; done | tr '\n' ' ')" '1 2 3 ' \
	"a loop that reads"
head -c 5000000 /dev/urandom >"$T/blob"
ok "binary data both ways" sh -c "ssh -F $T/ssh_config -S $door dev cat <$T/blob | cmp - $T/blob"
is "$(through dev dev 'cat >&2' <"$T/blob" 2>&1 >/dev/null | cksum)" "$(cksum <"$T/blob")" "and by standard error"
is "$(through dev dev 'echo a; exec sh -c "sleep 0.2; echo b >&2" >&-' 2>&1 | tr '\n' ' ')" 'a b ' \
	"errors after the end of output"
is "$(logins dev)" 1 "all of it over one login"

# ---- descriptors ----

flags()
{
	sed -n 's/^flags:[^0-9]*//p' "/proc/$$/fdinfo/$1"
}
mkfifo "$T/pipe"
exec 7<>"$T/pipe" 8>>"$T/appended"
before=$(flags 7):$(flags 8)
through dev dev "echo >$T/runs; while [ ! -e $T/seen ]; do sleep 0.05; done; echo here" <&7 >&8 2>&1 &
pid=$!
wait_until "[ -s $T/runs ]"
is "$(flags 7):$(flags 8)" "$before" "the files of others keep their flags"
: >"$T/seen"
wait_for "$pid"
through dev dev 'echo and there' </dev/null >&8
is "$(tr '\n' ' ' <"$T/appended")" 'here and there ' "a file that several append to"
exec 7>&- 8>&-
{
	through dev -n dev 'echo one'
	echo two
	through dev -n dev 'echo three'
} >"$T/plain"
is "$(tr '\n' ' ' <"$T/plain")" 'one two three ' "a file with a shared position"
for i in 1 2 3 4 5 6; do
	through dev -n dev "seq -f '$i %.0f' 5000" &
done | od -An -v -tx1 -w1 | sort | cksum >"$T/sum"
is "$(cat "$T/sum")" "$(for i in 1 2 3 4 5 6; do seq -f "$i %.0f" 5000; done | od -An -v -tx1 -w1 | sort | cksum)" \
	"a pipe that several write to"
mkfifo "$T/fifo"
echo fifo >"$T/fifo" &
is "$(timeout "$(slow 20)" sh -c "exec ssh -F $T/ssh_config -S $door dev cat" <"$T/fifo"; echo $?)" 'fifo
0' "a FIFO whose writer has gone"
is "$(through dev dev 'echo in' <&-)" in "standard input is closed"
through dev dev 'exit 6' >&-
is $? 6 "a closed standard output"
through dev dev 'exit 6' <&- >&- 2>&-
is $? 6 "all of them closed"
is "$(through dev dev 'yes; echo told >&2' 2>&1 >/dev/full)" "" "a full disk ends the command"
is "$(through dev dev yes | head -n 2 | tr '\n' ' ')" 'y y ' "somebody who reads no further"
if command -v socat >/dev/null; then
	is "$(echo told | socat - "EXEC:ssh -F $T/ssh_config -S $door dev cat,nofork" 2>&1)" told "nofork: a socket for all"
	is "$(socat -u "EXEC:ssh -F $T/ssh_config -S $door dev 'seq 20000'" - | cksum)" "$(seq 20000 | cksum)" "a socket pair"
else
	skip 2 "socat is not installed"
fi
{
	through dev dev 'seq 200000'
	echo "status $?"
} | { sleep 1; cat; } >"$T/slow"
is "$(cksum <"$T/slow")" "$({ seq 200000; echo status 0; } | cksum)" "a slow reader loses nothing"

# ---- terminals ----

if straight -tt few true </dev/null >/dev/null 2>&1; then
	is "$(ptyrun sh -c "stty cols 101 rows 37; ssh -F $T/ssh_config -S $door -t dev 'stty size; tty' 2>&1" </dev/null | tr -d '\r' | head -n 1)" \
		'37 101' "a terminal of the same size"
	cat >"$T/resize" <<-END
		tty >$T/tty
		stty cols 90 rows 30
		exec ssh -F $T/ssh_config -S $door -t dev 'trap "stty size; exit 7" WINCH; echo READY; while :; do sleep 0.1; done'
	END
	ptyrun sh "$T/resize" >"$T/resized" 2>&1 </dev/null &
	pid=$!
	wait_until "grep -q READY $T/resized"
	stty -F "$(cat "$T/tty")" cols 77 rows 22
	wait_for "$pid"
	is "$?:$(tr -d '\r' <"$T/resized" | grep '^22')" '7:22 77' "which changes"
	run ptyrun -e READY -s '\r~.' ssh -F "$T/ssh_config" -S "$door" -t dev 'echo READY; sleep 100'
	is "$status" 255 "the escape character ends the session"
	run ptyrun -e READY -s 'a~\r~~\r' ssh -F "$T/ssh_config" -S "$door" -t dev 'stty -echo; echo READY; head -n 2 | tr "~" @'
	like "$(echo "$out" | tr -d '\r' | tr '\n' ' ')" '^READY a@ @ ' "and is sent where it means nothing"
else
	skip 4 "this sshd gives no terminals"
fi
run through bare -tt bare 'echo runs all the same' </dev/null
like "$status:$out:$err" '^0:runs all the same:PTY allocation request failed' "a server that gives no terminal"

# ---- programs over ssh ----

export GIT_CONFIG_GLOBAL="$T/gitconfig" GIT_CONFIG_NOSYSTEM=1
ssh_by_door="ssh -F $T/ssh_config -o ControlMaster=no -o ControlPath=$door"
if command -v git >/dev/null; then
	git init -q "$T/repo" && git -C "$T/repo" -c user.name=n -c user.email=e@x commit -q --allow-empty -m first
	ok "git clone" env GIT_SSH_COMMAND="$ssh_by_door" git clone -q "dev:$T/repo" "$T/cloned"
	git -C "$T/cloned" -c user.name=n -c user.email=e@x commit -q --allow-empty -m second
	ok "git push" env GIT_SSH_COMMAND="$ssh_by_door" git -C "$T/cloned" push -q origin HEAD:other
else
	skip 2 "git is not installed"
fi
if command -v rsync >/dev/null; then
	mkdir "$T/tree" && seq 100 | while read -r i; do echo "$i" >"$T/tree/$i"; done
	ok "rsync" rsync -a -e "$ssh_by_door" "$T/tree" dev:"$T/copied"
	is "$(ls "$T/copied/tree" | wc -l)" 100 "of all files"
else
	skip 2 "rsync is not installed"
fi
for mode in '' -O; do
	ok "scp $mode, there" scp -q $mode -F "$T/ssh_config" -o "ControlPath=$door" "$T/blob" dev:"$T/there$mode"
	ok "scp $mode, back" scp -q $mode -F "$T/ssh_config" -o "ControlPath=$door" dev:"$T/there$mode" "$T/back$mode"
	same "$T/blob" "$T/back$mode" "the same bytes"
done
echo "put $T/blob $T/by_sftp" | sftp -q -b - -F "$T/ssh_config" -o "ControlPath=$door" dev >/dev/null
same "$T/blob" "$T/by_sftp" "sftp"
is "$(through dev -W "127.0.0.1:$port_bare" dev </dev/null 2>"$T/err" | head -c 7)" 'SSH-2.0' "-W: a connection from there"
is "$(ssh -F "$T/ssh_config" -o "ProxyCommand=ssh -F $T/ssh_config -o ControlPath=$door -W %h:%p dev" bare 'echo behind')" behind \
	"a jump host"
exec 7<>"$T/pipe"
echo 'this is no ssh' >&7
$ssh_by_door -W "127.0.0.1:$port_bare" dev <&7 >"$T/out" 2>"$T/err" &
ok "-W to somebody who hangs up: ends" wait_for $!
like "$(cat "$T/out")" 'Invalid SSH' "with what he said"
exec 7>&-
run through dev -W 127.0.0.1:1 dev </dev/null
ok "-W to where nobody listens: fails" [ "$status" -ne 0 ]
like "$err" 'open failed: connect failed: Connection refused' "as ssh calls it"
is "$(logins dev)" 1 "still one login"

# ---- many at once ----

for i in $(seq 50); do
	(
		through few few "echo $i >>$T/ran; exit $((i % 7))" </dev/null >>"$T/many" 2>&1
		[ $? -eq $((i % 7)) ] || echo "$i: wrong status" >>"$T/many"
	) &
done
wait_until "[ \$(wc -l <$T/ran) -eq 50 ]" 60
wait_until '[ "$(status ".requests | length")" = 0 ]'
is "$(sort -n "$T/ran" | uniq | wc -l):$(cat "$T/many")" '50:' "50 at once where 4 sessions are allowed: no word of it"
at_most "$(logins few)" 13 "and few logins"

# ---- ssh goes by itself ----

before=$(logins dev)
run through dev -A dev 'echo by itself'
like "$status:$out:$err" '^0:by itself:.*session request failed: the agent' "with its agent"
is "$(logins dev)" $((before + 1)) "by a login of its own"
run through gone -p 1 127.0.0.1 true
like "$status:$err" '^255:.*session request failed: .*refused' "what cannot be reached"
like "$err" 'ssh: connect to host' "in ssh's own words"
run through dev -o ExitOnForwardFailure=yes -L "$(free_port):127.0.0.1:1" dev 'echo forwards'
like "$status:$out" '^0:forwards' "with ports to forward"
for i in 1 2; do
	run through locked -o BatchMode=yes locked true
	like "$status:$err" '^255:' "a login that is not to be had, $i"
done

# ---- it is not let through ----

npctl disable shut --reason 'not now' >/dev/null 2>&1 || npctl disable shut >/dev/null
run through shut shut true
like "$status:$err" '^255:netpulsed: shut: disabled: ' "a device that the operator has disabled"
unlike "$err" 'session request failed' "ssh does not go round that"
npctl enable shut >/dev/null

# ---- steering ----

through dev dev "echo \$\$ >$T/long; exec sleep 100" &
pid=$!
wait_until "[ -s $T/long ]"
is "$(status '[.peers[]? | select(.door == "mux")] | length')" 1 "status: by which door"
through dev -O stop dev 2>/dev/null
ok "-O stop: what runs goes on" alive "$pid"
before=$(logins dev)
is "$(through dev dev 'echo anew')" anew "and what comes has another session"
ok "a new one" [ "$(logins dev)" -gt "$before" ]
through dev -O exit dev 2>/dev/null
wait_for "$pid"
is $? 255 "-O exit: the sessions end"
is "$(through dev -O check dev 2>&1 | tr -d '\r')" "Master running (pid=$broker_pid)" "the broker does not"
through dev dev "echo >$T/killed; exec sleep 100" 2>"$T/err" &
pid=$!
wait_until "[ -s $T/killed ]"
npctl kill "$(status '.requests[0].id')" >/dev/null
wait_for "$pid"
is $? 255 "npctl kill"
like "$(cat "$T/err")" '^netpulsed: dev: cancelled: killed by the operator' "which is said"
$ssh_by_door dev "echo \$\$ >$T/pid; exec cat" <"$T/pipe" &
pid=$!
exec 7>"$T/pipe"
wait_until "[ -s $T/pid ]"
kill -TERM "$pid"
wait_for "$pid"
ok "who leaves ends the command" wait_until "! alive $(cat "$T/pid")"
exec 7>&-
ok "the audit log names the door" sh -c "jq -e 'select(.door == \"mux\" and .event == \"command_ended\")' $T/audit | grep -q program"

# ---- reload, removal, other masters ----

write_config "devices: {dev: {}, other: {}}"
npctl reload >/dev/null
is "$(ls "$T/run/mux" | tr '\n' ' ')" 'dev other ' "the sockets follow the configuration"
rm "$door"
ok "one that was removed comes back" wait_until "[ -S $door ]"
is "$(through dev dev 'echo found')" found "and works"

# ---- the broker dies ----

for i in $(seq 50); do
	(
		through dev dev "echo $i >>$T/counted; sleep 0.$((i % 5))" </dev/null >/dev/null 2>&1
		echo "$i $?" >>"$T/statuses"
	) &
done
wait_until "[ -s $T/counted ]"
kill -KILL "$broker_pid"
wait "$broker_pid" 2>/dev/null
ok "all of them end" wait_until "[ \$(wc -l <$T/statuses) -eq 50 ]" 60
is "$(sort "$T/counted" | uniq -d)" '' "nothing ran twice"
is "$(awk '$2 != 0 && $2 != 255' "$T/statuses")" '' "each with 255, or well by itself"
is "$(awk '$2 == 0 { print $1 }' "$T/statuses" | sort | comm -23 - "$(sort "$T/counted" >"$T/sorted"; echo "$T/sorted")")" '' \
	"and what went well has run"
ok "a socket is left" [ -S "$door" ]
run through dev dev 'echo direct'
is "$status:$out" 0:direct "ssh goes by itself then"

# At each step, which the relay makes long enough to be seen.
start_relay far dev --delay-ms 40
for step in 'connected: mux' 'files -> asked' 'adopted' 'asked -> open' 'starting -> running' 'open -> ending'; do
	: >"$T/broker.log"
	: >"$T/counted"
	start_broker 'devices: {far: {}}'
	ssh -F "$T/ssh_config" -S "$T/run/mux/far" far "echo >>$T/counted; exit 3" </dev/null >/dev/null 2>&1 &
	pid=$!
	wait_until "grep -q -e '$step' $T/broker.log"
	kill -KILL "$broker_pid"
	wait "$broker_pid" 2>/dev/null
	wait_for "$pid"
	status=$?
	[ "$status" -eq 255 ] || is "$status:$(wc -l <"$T/counted")" 3:1 "killed at \`$step': once, by itself"
	at_most "$(wc -l <"$T/counted")" 1 "killed at \`$step': never twice"
done
touch "$T/run/mux/file"
start_broker 'devices: {other: {}}'
is "$(ls "$T/run/mux" | tr '\n' ' ')" 'file other ' "a new broker sweeps sockets alone"
ok "the broker ends well" stop_broker
is "$(ls "$T/run/mux")" file "and leaves none"
run through other dev 'echo silent'
is "$status:$out:$err" '0:silent:' "where there is none ssh says nothing of it"
done_testing
