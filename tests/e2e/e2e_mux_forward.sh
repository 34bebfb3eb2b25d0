#!/bin/sh
# The mux door: ports that an unmodified ssh forwards over the broker's session of a device.
. "$(dirname "$0")/../kit/lib.sh"
need jq ssh ssh-keyscan

start_sshd dev
start_sshd far
start_sshd lone 'AllowTcpForwarding no'
start_broker 'devices: {dev: {}, lone: {}, gone: {host: 127.0.0.1, port: 1}}'

through()
{
	_door=$T/run/mux/$1
	shift
	ssh -F "$T/ssh_config" -o ControlMaster=no -o "ControlPath=$_door" "$@"
}

# Whether the server behind this port of ours is far.
reaches()
{
	[ "$(ssh-keyscan -t ed25519 -p "$1" 127.0.0.1 2>/dev/null | grep -v '^#' | cut -d' ' -f2,3)" = "$(cut -d' ' -f1,2 "$T/far/hostkey.pub")" ]
}

one=$(free_port) two=$(free_port)
spec=$one:127.0.0.1:$port_far

# ---- with a session ----

mkfifo "$T/pipe"
ssh -F "$T/ssh_config" -S "$T/run/mux/dev" -L "$spec" -D "$two" dev "echo >$T/up; cat >/dev/null" <"$T/pipe" 2>"$T/err" &
pid=$!
exec 7>"$T/pipe"
wait_until "[ -s $T/up ]"
ok "-L" reaches "$one"
ok "again" reaches "$one"
if command -v socat >/dev/null; then
	is "$(socat - "SOCKS4A:127.0.0.1:127.0.0.1:$port_far,socksport=$two" </dev/null | head -c 7)" 'SSH-2.0' "-D, SOCKS 4"
else
	skip 1 "socat is not installed"
fi
if command -v curl >/dev/null; then
	is "$(curl -s -m 5 --socks5-hostname "127.0.0.1:$two" "telnet://127.0.0.1:$port_far" </dev/null | head -c 7)" 'SSH-2.0' \
		"-D, SOCKS 5"
else
	skip 1 "curl is not installed"
fi
is "$(logins dev)" 1 "over one login"
is "$(status '[.broker.ports[] | "\(.device) \(.listen_port) \(.port)"] | sort | join(",")')" \
	"$(printf '%s\n' "dev $one $port_far" "dev $two null" | sort | paste -sd,)" "status: which ports"
is "$(status '[.peers[] | select(.door == "mux")] | length')" 1 "connections end with their sockets"
is "$(through dev -O check dev 2>&1 | tr -d '\r')" "Master running (pid=$broker_pid)" "a second ssh"
head -c 3000000 /dev/urandom >"$T/blob"
if command -v socat >/dev/null; then
	three=$(free_port) four=$(free_port)
	socat "TCP4-LISTEN:$three,bind=127.0.0.1,reuseaddr" "SYSTEM:cat" 2>/dev/null 7>&- &
	wait_until "listens $three"
	through dev -O forward -L "$four:127.0.0.1:$three" dev
	socat -t 20 - "TCP4:127.0.0.1:$four" <"$T/blob" >"$T/got"
	same "$T/blob" "$T/got" "all bytes, both ways"
	through dev -O cancel -L "$four:127.0.0.1:$three" dev
else
	skip 1 "socat is not installed"
fi
if command -v perl >/dev/null; then
	five=$(free_port) six=$(free_port)
	# Says its last word at once, and listens on; the other one answers that.
	perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 1, LocalAddr => $ARGV[0], ReuseAddr => 1) or die;
		$c = $s->accept; print $c "ended"; $c->shutdown(1); open O, ">", $ARGV[1]; print O $_ while <$c>; close O;
		rename $ARGV[1], "$ARGV[1].all"' "127.0.0.1:$five" "$T/heard" 7>&- &
	wait_until "listens $five"
	through dev -O forward -L "$six:127.0.0.1:$five" dev
	perl -MIO::Socket::INET -e '$c = IO::Socket::INET->new($ARGV[0]) or die; print <$c>; open I, $ARGV[1];
		print $c $_ while <I>; $c->shutdown(1); sysread $c, $_, 1' "127.0.0.1:$six" "$T/blob" >"$T/got"
	ok "what is said behind the far end's last word" wait_until "[ -e $T/heard.all ]"
	is "$(cat "$T/got"):$(cksum <"$T/heard.all")" "ended:$(cksum <"$T/blob")" "arrives there"
	through dev -O cancel -L "$six:127.0.0.1:$five" dev
else
	skip 2 "perl is not installed"
fi
exec 7>&-
wait_for "$pid"
is "$?:$(cat "$T/err")" 0: "the session ends well"
ok "and its ports with it" not listens "$one"
ok "both" not listens "$two"

# ---- without one ----

ok "-O forward" through dev -O forward -L "$spec" dev
ok "stays" reaches "$one"
ok "the same again" through dev -O forward -L "$spec" dev
run through dev -O forward -L "$one:127.0.0.1:22" dev
like "$status:$err" '^255:.*in use' "another one at the same port"
ok "-O cancel" through dev -O cancel -L "$spec" dev
ok "ends it" not listens "$one"

# ---- the same for two ----

mkfifo "$T/first"
ssh -F "$T/ssh_config" -S "$T/run/mux/dev" -L "$spec" dev "echo >$T/up-first; cat >/dev/null" <"$T/first" 2>>"$T/err" &
first=$!
exec 8>"$T/first"
wait_until "[ -s $T/up-first ]"
run through dev -L "$spec" dev 'echo second'
is "$status:$out" 0:second "a second one comes without the port"
like "$err" "bind.*$one.*in use" "and says so, as plain ssh"
run through dev -o ExitOnForwardFailure=yes -L "$spec" dev 'echo second'
is "$status:$out" 255: "ExitOnForwardFailure is a lock"
ok "the first has it" reaches "$one"
exec 8>&-
wait_for "$first"
ok "until it ends" not listens "$one"
through dev -O forward -L "$spec" dev
is "$(through dev -L "$spec" dev 'echo shares' 2>&1)" shares "what -O forward has asked for is there for all"
ok "and stays" reaches "$one"
through dev -O cancel -L "$spec" dev
run through dev -O cancel -L "$spec" dev
like "$err" 'no such port' "until it is cancelled, once"
through dev -O forward -L "$spec" dev
through dev -O exit dev 2>/dev/null
ok "-O exit ends all" not listens "$one"

# ---- what is not to be had ----

run through lone -L "$spec" lone 'echo runs'
is "$status:$out" '0:runs' "a server that forwards nothing: the session"
through lone -O forward -L "$spec" lone
ok "whose connections are closed" not reaches "$one"
through lone -O exit lone 2>/dev/null
run through dev -o ExitOnForwardFailure=yes -R "0:127.0.0.1:22" dev 'echo by itself'
like "$status:$out:$err" '^0:by itself:.*of one.s own' "-R: by itself"
run through dev -A -L "$spec" dev 'echo by itself'
like "$status:$out" '^0:by itself' "what goes by itself has its ports itself"
unlike "$err" 'in use' "and not twice"
run through gone -p 1 -L "$spec" 127.0.0.1 true
is "$status" 255 "nor where there is no way"
ok "is a port left behind" not listens "$one"
through dev -O forward -L "$spec" dev
write_config 'devices: {lone: {}}'
npctl reload >/dev/null
ok "a device that is no longer configured forwards nothing" not listens "$one"
through lone -O forward -L "$spec" lone
ok "the broker ends well" stop_broker
ok "with its ports" not listens "$one"
start_broker 'devices: {dev: {}}' --idle-exit 0.5
through dev -O forward -L "$spec" dev
since=$(date +%s)
wait_until '[ "$(date +%s)" -ge $((since + 3)) ]'
ok "a port keeps an idle broker" listens "$one"
through dev -O cancel -L "$spec" dev
wait_for "$broker_pid" 15
is $? 0 "for as long as it is forwarded"
broker_pid=
done_testing
