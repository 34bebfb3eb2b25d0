#!/bin/sh
# Nobody reads what a command says: an ssh at the mux door ends as one does that has gone by itself.
. "$(dirname "$0")/../kit/lib.sh"
need ssh

start_sshd dev 'MaxSessions 4' 'Subsystem sftp internal-sftp'
other=
! start_dropbear bear || other=bear
start_broker "devices: {dev: {}, bear: {}}"

through()
{
	ssh -F "$T/ssh_config" -o ControlMaster=no -o "ControlPath=$T/run/mux/%n" -o ProxyCommand=false "$@"
}
straight()
{
	ssh -F "$T/ssh_config" -o ControlPath=none "$@"
}

# read_once HOW INPUT ARGUMENT...: what somebody sees who reads one line of it, its errors, its status.
read_once()
{
	_how=$1 _input=$2
	shift 2
	{
		"$_how" "$@" <"$_input" 2>"$T/err"
		echo "$?" >"$T/status"
	} | head -n 1
	echo "err $(cat "$T/err"), status $(cat "$T/status")"
}

# alike NAME INPUT ARGUMENT...: the same by the door as without it.
alike()
{
	_what=$1
	shift
	is "$(read_once through "$@")" "$(read_once straight "$@")" "$_what"
}

head -c 3000000 /dev/zero | tr '\0' '\n' >"$T/much"
printf 'echo $PPID\nyes\nexit 3\n' >"$T/script"
mkfifo "$T/silent"
exec 7<>"$T/silent"

# ---- as plain ssh ----

alike "the status of what runs on" /dev/null dev 'seq 1000000; exit 3'
alike "also where input might still come" "$T/silent" dev 'seq 1000000; exit 3'
alike "a command that dies of it" /dev/null dev 'exec seq 1000000'
alike "of which there is no end" /dev/null dev 'exec yes'
alike "or which is one of several" "$T/silent" dev 'yes; exit 3'
alike "one that does not care" /dev/null dev 'trap "" PIPE; seq 1000000 2>/dev/null; exit 4'
alike "one that complains" /dev/null dev 'trap "" PIPE; seq 1000000; exit 4'
alike "a pipe there" /dev/null dev 'yes | cat; exit 5'
alike "input that all is there" /dev/null -n dev 'cat; yes; exit 5'
alike "input that is read to its end" "$T/much" dev 'cat; exit 6'
alike "a script as input" "$T/script" dev 'sh -c "exec sh" | sed "s/.*/line/"'
alike "one line at a time" /dev/null dev "for i in 1 2; do echo \$i; until [ -e $T/never ]; do echo again; done; done; exit 7"
rm -f "$T/teed"
alike "input that is for something else" "$T/much" dev "tee -p $T/teed; exit 8"
is "$(wc -c <"$T/teed")" 3000000 "which gets all of it"
for how in straight through; do
	"$how" -n dev 'yes; exit 6' >/dev/full 2>"$T/err"
	echo "$? $(cat "$T/err")" >"$T/full-$how"
	"$how" -n dev 'seq 100000; echo told >&2; exit 6' >&- 2>"$T/err"
	echo "$? $(cat "$T/err")" >"$T/closed-$how"
	{
		"$how" -n dev 'yes; exit 6' 2>&1
		echo $? >"$T/both-$how"
	} | head -n 1
done >"$T/heads"
is "$(cat "$T/full-through")" "$(cat "$T/full-straight")" "a full disk"
is "$(cat "$T/closed-through")" "$(cat "$T/closed-straight")" "a closed descriptor"
is "$(cat "$T/both-through")" "$(cat "$T/both-straight")" "output and errors in one"
npexec -n dev 'echo lost; exit 6' >&- 2>"$T/err"
is "$? $(cat "$T/err")" '6 ' "npexec, whose output is closed"

# ---- what cannot be told to the command ----

read_once through "$T/much" dev "echo \$\$ >$T/pid; exec yes" >"$T/out"
is "$(cat "$T/out")" 'y
err , status 255' "a command that leaves its input unread is ended soon"
ok "and is not there any more" wait_until "! alive $(cat "$T/pid")"
read_once through /dev/null -tt dev "echo \$\$ >$T/pid; exec yes" | tr -d '\r' >"$T/out"
like "$(cat "$T/out")" 'status 255' "one with a terminal likewise"
ok "nor is that" wait_until "! alive $(cat "$T/pid")"
{
	through dev "echo 1; echo >$T/told; while [ ! -e $T/told.go ]; do sleep 0.05; done; yes; sleep 0.2; echo >$T/left
		while [ ! -e $T/go ]; do sleep 0.05; done; exit 3" <"$T/silent" 2>"$T/err"
	echo "$? $(cat "$T/err")" >"$T/late"
} | {
	head -n 1 >"$T/line"
	exec <&-
	: >"$T/told.go"
	wait_until "[ -e $T/left ]"
	echo late >&7
	wait_until "[ -e $T/late ]"
}
is "$(cat "$T/late")" '255 ' "input that comes too late: no status that knows nothing of it"
: >"$T/go"
if [ -n "$other" ]; then
	alike "another server" /dev/null bear 'seq 1000000; exit 3'
	is "$(read_once through /dev/null bear 'yes; exit 3')" 'y
err , status 255' "which would wait for ever"
else
	skip 2 "Dropbear does not run here"
fi

# ---- the session ----

is "$(for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do through -n dev 'yes; exit 3' | head -n 1; done | tr -d '\n')" yyyyyyyyyyyy \
	"many in a row"
ok "nothing is left" wait_until '[ "$(npctl status --json | grep -c \"request\":)" = 0 ]'
before=$(logins dev)
is "$(through dev 'echo well')" well "and their session serves on"
is "$(logins dev)" "$before" "it is the same"
exec 7>&-
ok "the broker ends well" stop_broker
done_testing
