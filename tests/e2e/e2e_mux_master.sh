#!/bin/sh
# The mux door does what OpenSSH asks of a master of its own: environment, data, statuses, ports and sockets that are
# forwarded and cancelled, how a master is ended.
. "$(dirname "$0")/../kit/lib.sh"
need jq ssh socat

door=$T/run/mux/dev
start_sshd dev 'Subsystem sftp internal-sftp' 'AcceptEnv TOLD_*'
start_sshd far
start_sshd told 'LogLevel DEBUG1' 'AcceptEnv TOLD_*'
start_broker 'devices: {dev: {}, told: {}}'

# by OPTION...: ssh, which may have no way of its own to dev.
by()
{
	ssh -F "$T/ssh_config" -o ControlMaster=no -S "$door" -o ProxyCommand=false "$@"
}

# said SOCAT_ADDRESS: what is heard there first.
said()
{
	socat -t 5 -T 10 - "$1" </dev/null 2>/dev/null | head -c 7
}

# ---- a session ----

is "$(TOLD_BY='a  b' by -o SendEnv=TOLD_BY dev sh <<-'END'
	echo "$TOLD_BY"
END
)" 'a  b' "SendEnv, and a script"
is "$(by -o SetEnv=TOLD_BY=set dev sh <<-'END'
	echo "$TOLD_BY"
END
)" set "SetEnv"
many=
for i in $(seq 40); do many="$many TOLD_$i=value$i"; done
is "$(by -o "SetEnv=$many" dev 'env | grep -c "^TOLD_[0-9]*=value"')" 40 "many of them"
# A round trip each, unless they are there before the command is.
told()
{
	TOLD_A=$1 TOLD_B=2 ssh -F "$T/ssh_config" -S "$T/run/mux/told" -o ProxyCommand=false -o SendEnv='TOLD_*' told \
		'echo "$TOLD_A:$TOLD_B:$TOLD_C"'
}
asked()
{
	grep -c 'request env' "$T/told/log"
}
is "$(told 1) $(told 1) $(told 1)" '1:2: 1:2: 1:2:' "the same ones for each command"
ok "are sent before it is known" wait_until '[ "$(asked)" -eq 8 ]'
is "$(told 1)" 1:2: "and are for it"
ok "once" wait_until '[ "$(asked)" -eq 10 ]'
is "$(told 3)" 3:2: "others are no others'"
is "$(ssh -F "$T/ssh_config" -S "$T/run/mux/told" -o ProxyCommand=false told 'echo "$TOLD_A:$TOLD_B"')" : "nor are any where there are none"
is "$(logins told)" 1 "over one login"
head -c 2000000 /dev/urandom >"$T/data"
by dev "cat $T/data" >"$T/copy"
same "$T/data" "$T/copy" "data"
echo "get $T/data $T/copy-sftp" | sftp -q -b - -F "$T/ssh_config" -o "ControlPath=$door" -o ProxyCommand=false dev >/dev/null
same "$T/data" "$T/copy-sftp" "by sftp"
for s in 0 1 4 5 44; do
	by dev "exit $s"
	is $? "$s" "status $s"
	later "early$s" by -n dev "exec sh -c 'sleep 0.2; exec >/dev/null 2>&1; sleep 0.5; exit $s'"
done
for s in 0 1 4 5 44; do
	eval "wait_for \"\$bg_early$s\""
	is $? "$s" "status $s, of one that closes its output early"
done
is "$(logins dev)" 1 "over one login"

# ---- forwarded, and cancelled ----

ok "-O check" by -O check dev
one=$(free_port)
ok "-O forward, a port" by -O forward -L "$one:localhost:$port_far" dev
is "$(said "TCP4:127.0.0.1:$one")" SSH-2.0 "is there"
ok "-O cancel" by -O cancel -L "$one:localhost:$port_far" dev
ok "is not there" not listens "$one"
socat "UNIX-LISTEN:$T/there,fork" "SYSTEM:echo from there; cat" 2>/dev/null &
wait_until "[ -S $T/there ]"
for way in "$one:$T/there" "$T/here:$T/there" "$T/here:localhost:$port_far"; do
	at=UNIX-CONNECT:$T/here
	[ "$way" != "$one:$T/there" ] || at=TCP4:127.0.0.1:$one
	what=${way#"$T/"} what=${what%%:*}:${way##*[:/]}
	ok "-O forward $what" by -O forward -L "$way" dev
	like "$(said "$at")" '^(from th|SSH-2\.0)$' "is there"
	ok "-O cancel $what" by -O cancel -L "$way" dev
	is "$(said "$at")$(ls "$T/here" 2>/dev/null)" '' "is not there"
done
by -O forward -L "$T/here:$T/there" dev
is "$(stat -c %a "$T/here")" 600 "a socket is its owner's"
is "$(status '.broker.ports[0] | "\(.listen_host) \(.host)"')" "$T/here $T/there" "status lists it"
{ echo 'from there'; cat "$T/data"; } >"$T/expected"
socat -t 20 - "UNIX-CONNECT:$T/here" <"$T/data" >"$T/copy"
same "$T/expected" "$T/copy" "all bytes, both ways"
run by -O forward -L "$T/here:$T/other" dev
like "$status:$err" '^255:.*in use' "another one at the same path"
rm "$T/here"
echo mine >"$T/here"
by -O cancel -L "$T/here:$T/there" dev
is "$(cat "$T/here")" mine "what others have put there stays"
rm "$T/here"
by -L "$T/here:$T/there" dev "ls $T/here" >/dev/null
is "$?:$(ls "$T/here" 2>/dev/null)" 0: "-L with a session, whose end is its end"
by -O forward -L "$T/here:$T/nobody" dev
is "$(said "UNIX-CONNECT:$T/here")" '' "nobody is there: closed"
run by -O forward -L "$T/no/such/folder:$T/there" dev
is "$status" 255 "where no socket can be"
run by -O forward -R "0:localhost:$port_far" dev
is "$status" 255 "-R is on a connection of one's own"

# ---- ended ----

later long by -n dev "echo >$T/runs; while [ ! -e $T/go ]; do sleep 0.05; done; exit 3"
wait_until "[ -e $T/runs ]"
ok "-O stop" by -O stop dev
ok "what runs goes on" alive "$bg_long"
echo >"$T/go"
wait_for "$bg_long"
is $? 3 "to its end"
is "$(by dev 'echo again')" again "another session for the next"
later long by -n dev "echo >$T/runs2; sleep 100"
wait_until "[ -e $T/runs2 ]"
ok "-O exit" by -O exit dev
wait_for "$bg_long"
is $? 255 "ends what runs"
is "$(ls "$T/here" 2>/dev/null)" '' "and what is forwarded"
ok "the broker ends well" stop_broker
done_testing
