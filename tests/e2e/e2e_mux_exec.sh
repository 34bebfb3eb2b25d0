#!/bin/sh
# ssh goes over the broker because its configuration says so: `npctl mux` out of Match exec.  What it gets to is what it
# would have got to by itself, and where it goes by itself nothing tells that it was asked.
. "$(dirname "$0")/../kit/lib.sh"

need ssh
NETPULSE_DAEMON=$bin/netpulsed
export NETPULSE_DAEMON

start_sshd one
start_sshd two
make_key "$T/other"
# who came, by which key
printf 'environment="WHO=key" %s\n' "$(cat "$T/key.pub")" >"$T/one/authorized_keys"
printf 'environment="WHO=other" %s\n' "$(cat "$T/other.pub")" >>"$T/one/authorized_keys"
echo 'PermitUserEnvironment yes' >>"$T/one/config"
kill -HUP "$pid_one"
wait_until "[ \$(grep -c 'Server listening on' $T/one/log) -ge 2 ]"

# with OPTION... HOST COMMAND...: over the broker where it can be.  plain: the same without it.
with()
{
	ssh -F "$T/with" "$@"
}
plain()
{
	ssh -F "$T/ssh_config" "$@"
}
settings()
{
	npctl mux --config | cat - "$T/ssh_config" >"$T/with"
}
logins()
{
	grep -c 'Accepted publickey' "$T/$1/log"
}
# over NAME COMMAND...: it makes no login of its own, for there is a session.
over()
{
	_text=$1
	shift
	"$@" >/dev/null 2>&1
	_before=$(logins one)
	"$@" >/dev/null 2>&1
	is "$(logins one)" "$_before" "$_text"
}
# alone NAME COMMAND...: it logs in by itself.
alone()
{
	_text=$1
	shift
	_before=$(logins one)
	"$@" >/dev/null 2>&1
	is "$(logins one)" "$((_before + 1))" "$_text"
}

# ---- the block ----

settings
like "$(npctl mux --config)" "^Match exec \"test -x '$bin/npctl' && exec '$bin/npctl' -S '$T/run/s' mux\"$" "the block names its programs by absolute path"
is "$(ssh -G -F "$T/with" one | grep -c '^control\(path\|persist\)')" "$(ssh -G -F "$T/ssh_config" one | grep -c '^control\(path\|persist\)')" \
	"ssh -G is told what is there without it"
run with one 'echo out; echo err >&2; exit 3'
is "$status:$out:$err" 3:out:err "the first command starts a broker and logs in"
is "$(logins one)" 1 "once"
run with one 'echo out; echo err >&2; exit 3'
is "$status:$out:$err:$(logins one)" 3:out:err:1 "and the second does not"
is "$(for i in 1 2 3; do echo "$i"; done | while read -r i; do with -n one "echo $i"; done | tr '\n' ' ')" '1 2 3 ' "a loop"
is "$(logins one)" 1 "over one login"
over "-p, -l, -t, -x and settings of the session share it" with -p "$port_one" -l "$me" -T -x -oSendEnv=LC_X -oForwardAgent=no one true

# Other words for the same session.
before=$(logins one)
with -oConnectTimeout=9 -oUser="$me" one true
ssh -F "$T/ssh_config" -oControlPath=none one true
sed 's/^Host one/Host named one/' "$T/with" >"$T/renamed"
ssh -F "$T/renamed" named true
is "$(($(logins one) - before))" 1 "what would be the same session is, by whatever words"

# ---- which session it is ----

is "$(with one 'echo $WHO')" key "the key of the configuration"
is "$(with -i "$T/other" one 'echo $WHO'):$(plain -i "$T/other" one 'echo $WHO')" other:other "another one for the same account"
is "$(with one 'echo $WHO')$(with -i "$T/other" one 'echo $WHO')$(with one 'echo $WHO')" keyotherkey "side by side"
cp "$T/ssh_config" "$T/aliases"
add_host alias "$port_one" "IdentityFile $T/other"
sed -i '/^Host alias/,$ s/IdentityFile .*key$//' "$T/ssh_config"
settings
is "$(with one 'echo $WHO')$(with alias 'echo $WHO')$(with one 'echo $WHO')" keyotherkey "two names of one address, each with its key"
over "each over its own session" with alias true
is "$(cd "$T" && ssh -F with -i other one 'echo $WHO')" other "file names of the directory in which ssh runs"
sed 's/^Host one/Host two one/; s/^  Port .*/  Port '"$port_two"'/' "$T/with" >"$T/elsewhere"
is "$(ssh -F "$T/elsewhere" one 'echo $SSH_CONNECTION' | cut -d' ' -f4)" "$port_two" "another file of ssh's is another host"
is "$(with -oPort="$port_two" -oHostKeyAlias="[127.0.0.1]:$port_two" one 'echo $SSH_CONNECTION' | cut -d' ' -f4)" "$port_two" "-o says where"

# One inner address behind two bastions: the servers are told apart by where they are seen to be reached from.
identity='' add_host inner "$port_one" "ProxyJump one" "IdentityFile $T/key"
identity='' add_host inner2 "$port_one" "ProxyJump two" "IdentityFile $T/key"
settings
with inner true && with inner2 true
is "$(grep -c 'Accepted publickey' "$T/two/log")" "$(($(plain inner2 true; grep -c 'Accepted publickey' "$T/two/log") - 1))" \
	"each way goes through its own bastion"
is "$(npctl status --json | grep -o '"device":"inner2\?"' | sort -u | wc -l)" 2 "and is a session of its own"
is "$(with -J two one 'echo $WHO')" key "-J"
for gate in one two; do
	{
		npctl mux --config
		sed "s/^Host $gate\$/Host $gate gate/" "$T/ssh_config"
		printf 'Host behind\n  ProxyJump gate\n  HostName 127.0.0.1\n  Port %s\n  User %s\n  IdentityFile %s\n' "$port_one" "$me" "$T/key"
		printf '  UserKnownHostsFile %s\n' "$T/known_hosts"
	} >"$T/gate-$gate"
done
ssh -F "$T/gate-one" behind true
before=$(logins two)
ssh -F "$T/gate-two" behind true
is "$(($(logins two) - before)):$(npctl status --json | grep -o '"device":"behind"' | wc -l)" 1:2 "one name for two bastions, in two files"

# -O asks about what there is, and makes nothing.
with one true
like "$(with -O check one 2>&1)" "^Master running" "-O check"
before=$(logins one)
with -O exit one 2>/dev/null
run with -O check one
is "$status:$(($(logins one) - before))" 255:0 "-O exit ended it, and -O check makes no other"

# ---- where it goes by itself ----

for option in -A -X -M '-S none' -v '-oControlPath=none' '-oIgnoreUnknown=UnknownOption -oUnknownOption=no' '-E /dev/null' \
	'-R 0:127.0.0.1:1' '-oPermitLocalCommand=yes -oLocalCommand=true' '-oForwardAgent=yes'; do
	# shellcheck disable=SC2086
	alone "with $option" with $option one true
done
for line in 'ForwardAgent yes' "ControlPath $T/own-%C" 'RemoteForward 0 127.0.0.1:1' 'Match exec "true"'; do
	settings
	{
		cat "$T/with"
		printf 'Host *\n%s\n' "$line"
	} >"$T/with2"
	alone "where the configuration says $line" ssh -F "$T/with2" one true
done
export NETPULSE_MUX=no
alone "where it is told to" with one true
unset NETPULSE_MUX
is "$(sh -c 'npctl mux; echo $?' 2>&1)" 1 "whoever asks is no ssh"
run with nowhere.invalid true
_err=$err
run plain nowhere.invalid true
is "$_err" "$err" "a host that there is not: ssh's own words"
sed "s/^\[127.*\]:$port_two .*//" "$T/known_hosts" >"$T/known2"
run with -oUserKnownHostsFile="$T/known2" two true
_err=$status:$err
run plain -oUserKnownHostsFile="$T/known2" two true
is "$_err" "$status:$err" "an unknown host key likewise"

# ---- what is in the way of the broker ----

npctl disable --text 'maintenance' --all >/dev/null
run with one true
like "$status:$err" '^255:netpulsed: .*maintenance' "an operator is not gone round"
npctl enable --all >/dev/null

pid=$(brokers)
kill -KILL "$pid"
wait_until "! alive $pid"
run with one 'echo back'
is "$status:$out:$err" 0:back: "a broker that crashed is replaced"
pid=$(brokers)
kill -KILL "$pid"
wait_until "! alive $pid"
NETPULSE_DAEMON=/nonexistent run with one 'echo alone'
NETPULSE_DAEMON=$bin/netpulsed
is "$status:$out:$err" 0:alone: "one that cannot be started is not missed"
run ssh -o ControlMaster=no -o ControlPath="$T/run/mux/.ssh" -F "$T/ssh_config" one 'echo alone'
is "$status:$out" 0:alone "a socket that nobody serves"
with one true
run ssh -o ControlMaster=no -o ControlPath="$T/run/mux/.ssh" -F "$T/ssh_config" one 'echo alone'
like "$status:$out:$err" '^0:alone:.*nobody has announced' "who was not announced goes by itself"

# ---- a quarter of a hundred at once ----

npctl close --all >/dev/null
before=$(logins one)
for i in $(seq 25); do
	{ with -n one "echo $i" >"$T/at.$i" 2>&1 || echo failed >"$T/at.$i"; } &
	pids="${pids:-} $!"
done
for p in $pids; do wait "$p"; done
is "$(cat "$T"/at.* | sort -n | tr '\n' ' ')" "$(seq 25 | tr '\n' ' ')" "25 at once, each with its own"
at_most "$(($(logins one) - before))" 4 "a few log-ins"

# ---- installed ----

mkdir -m 700 "$T/dot"
printf 'Host x\n' >"$T/dot/config"
chmod 640 "$T/dot/config"
run npctl mux --install "$T/dot/config"
like "$out" "^\+ Include \"$T/dot/netpulse.conf\"" "what is installed is shown"
is "$(cat "$T/dot/config"):$(stat -c %a "$T/dot/config")" "Include \"$T/dot/netpulse.conf\"
Host x:640" "one line in front, the mode stays"
is "$(cat "$T/dot/netpulse.conf")" "$(npctl mux --config)" "of a file of its own"
npctl mux --install "$T/dot/config" >/dev/null
is "$(grep -c Include "$T/dot/config")" 1 "once"
is "$(ls -A "$T/dot" | tr '\n' ' ')" 'config netpulse.conf ' "and nothing is left beside"
cat "$T/ssh_config" >>"$T/dot/config"
before=$(logins one)
ssh -F "$T/dot/config" one true
ssh -F "$T/dot/config" one true
is "$(($(logins one) - before))" 0 "it works there"
run npctl mux --remove "$T/dot/config"
like "$out" '^- Include' "what is removed is shown"
is "$(head -n 1 "$T/dot/config"):$(ls -A "$T/dot" | tr '\n' ' ')" 'Host x:config ' "and is gone"
ln -s config "$T/dot/link"
run npctl mux --install "$T/dot/link"
like "$status:$err" '^1:.*symbolic link' "a link is left alone"
mkdir -m 700 "$T/new"
rmdir "$T/new"
ok "a folder that there is not" npctl mux --install "$T/new/config"
is "$(stat -c %a "$T/new" "$T/new/config" | tr '\n' ' ')" '700 600 ' "is made for its owner"

# kept NAME FILE: what cannot be changed safely is as it was
kept()
{
	cp "$2" "$T/kept"
	run npctl mux --install "$T/dot/config"
	ok "$1: is refused" [ "$status" -ne 0 ]
	run npctl mux --remove "$T/dot/config"
	same "$2" "$T/kept" "$1: and left as it is"
}
rm -f "$T/dot/config" "$T/dot/netpulse.conf"
printf 'Host x\n\000 Port 7\n' >"$T/dot/config"
kept "a file with a NUL byte" "$T/dot/config"
printf 'Host mine\n' >"$T/dot/config"
printf 'Host old\n' >"$T/dot/netpulse.conf"
kept "a netpulse.conf of one's own" "$T/dot/netpulse.conf"
rm "$T/dot/netpulse.conf"
line="Include \"$T/dot/netpulse.conf\""
printf '%s\n' 'Host *' "$line" ' Port 3' "$line" >"$T/dot/config"
run npctl mux --install "$T/dot/config"
is "$(cat "$T/dot/config")" "$line
Host *
 Port 3" "an Include that is not the first is moved there"
is "$(printf '%s\n' "$out" | grep -c '^[-+] Include')" 3 "which is shown"
npctl -S "$T/run/elsewhere" mux --install "$T/dot/config" >"$T/out"
like "$(cat "$T/out")" '^- Match exec' "another block takes the place of the former, which is shown"
rm -f "$T/dot/config" "$T/dot/netpulse.conf"
npctl mux --install "$T/dot/config" >"$T/out"
npctl mux --remove "$T/dot/config" >"$T/out"
ok "a configuration of which nothing is left goes" [ ! -e "$T/dot/config" ]

# ---- what must cost no more than without a broker ----

settings
sed "s,^Match exec .*,Match exec \"test -x '$T/gone' \&\& exec '$T/gone' mux\"," "$T/with" >"$T/removed"
run ssh -F "$T/removed" one 'echo out'
is "$status:$out:$err" 0:out: "npctl is not there any more"
like "$(npctl mux --config)" "^Match exec \"test -x '$bin/npctl' && " "as the block has it"
alone "ServerAliveInterval ends one's own connection alone" with -oServerAliveInterval=5 one true
with one true
stopped=$(brokers)
kill -STOP "$stopped"
begun=$(now_ms)
with one true
took=$(($(now_ms) - begun))
kill -CONT "$stopped"
at_most "$took" "$(($(slow 10) * 1000))" "a broker that hangs holds up no ssh"
# Nobody answers: a full backlog is as silent as a dead host.
if command -v perl >/dev/null; then
	dead=$(free_port)
	perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 0, LocalAddr => $ARGV[0], ReuseAddr => 1) or die;
		@c = map { IO::Socket::INET->new(PeerAddr => $ARGV[0], Blocking => 0) } 1 .. 9; open O, ">", $ARGV[1]; close O; sleep 300' \
		"127.0.0.1:$dead" "$T/full" &
	pid=$!
	wait_until "[ -e $T/full ]"
	like "$(npctl mux --explain -- -F "$T/with" -p "$dead" 127.0.0.1)" '^no: .*it has not answered' "a dead host is not waited for"
	like "$(npctl mux --explain -- -F "$T/with" -p "$dead" 127.0.0.1)" '^no: .*it has not answered' "nor again"
	kill "$pid"
	# Or somebody answers who says nothing.
	mute=$(free_port)
	perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 9, LocalAddr => $ARGV[0], ReuseAddr => 1) or die; sleep 300' \
		"127.0.0.1:$mute" &
	pid=$!
	wait_until "listens $mute"
	like "$(npctl mux --explain -- -F "$T/with" -p "$mute" 127.0.0.1)" '^no: .*it has not answered' "nor a mute one"
	kill "$pid"
else
	skip 3 "perl is not installed"
fi
with -C two true
like "$(npctl status)" "^two .* ssh -F $T/with -C\$" "status tells those of one name apart"
# What ssh says of itself at a LogLevel of the configuration it says.
printf 'Host one\n  LogLevel VERBOSE\nHost two\n  LogLevel ERROR\n' | cat - "$T/with" >"$T/loud"
like "$(ssh -F "$T/loud" one true 2>&1)" '^Authenticated to ' "LogLevel VERBOSE of the configuration"
like "$(npctl mux --explain -- -F "$T/loud" one true)" '^no: .*loglevel VERBOSE' "goes by itself"
is "$(npctl mux --explain -- -F "$T/loud" two true)" 'yes: two has a session' "ERROR does not"
is "$(npctl mux --explain -- -F "$T/with" one true)" 'yes: one has a session' "it is told to people"
like "$(npctl mux --explain -- -A one)" '^no: .*its arguments.*: -A$' "and why it is not"
like "$(npctl mux --explain -- -n -R 0:127.0.0.1:1 one)" '^no: .*its arguments.*: -R$' "in each case"
like "$(npctl mux --explain -- -F "$T/with" -oProxyCommand=x one)" '^no: .*ProxyCommand' "by the broker's word"
identity='' add_host refusing 1
settings
attempts()
{
	npctl status --json refusing | grep -o '"failures":[0-9]*' | tail -n 1
}
with refusing true 2>"$T/err"
first=$(attempts)
wait_until '[ "$(attempts)" != "" ]'
with refusing true 2>"$T/err"
is "$(attempts)" "$first" "where a login has just failed none is made"

npctl stop >/dev/null
wait_until '[ -z "$(brokers)" ]'
done_testing
