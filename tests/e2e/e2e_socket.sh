#!/bin/sh
# Only you: the socket, its directory, and who is at the other end.
. "$(dirname "$0")/../kit/lib.sh"

start_sshd dev
write_config ''
NETPULSE_CONFIG=$T/config.yaml
NETPULSE_DAEMON=$bin/netpulsed
export NETPULSE_CONFIG
unset NETPULSE_SOCKET

# ---- the default place ----

ok "a broker starts at the default place" npexec dev true
is "$(stat -c '%a %F' "$XDG_RUNTIME_DIR/netpulse")" '700 directory' "its directory is private"
is "$(stat -c '%a %F' "$XDG_RUNTIME_DIR/netpulse/broker.sock")" '600 socket' "so is the socket"
npctl stop --now
ok "it ends" wait_until '[ ! -e "$XDG_RUNTIME_DIR/netpulse/broker.sock" ]'

# ---- directories that cannot be trusted ----

# distrusted SOCKET PATTERN NAME: client and broker refuse it.
distrusted()
{
	run npexec -S "$1" dev true
	is "$status" 255 "$3: npexec refuses it"
	like "$err" "^npexec: .*denied: .*$2" "$3: and says why"
	run netpulsed -S "$1" -f "$T/config.yaml"
	is "$status" 1 "$3: netpulsed refuses it"
	like "$err" "^netpulsed: .*$2" "$3: and says why"
}
mkdir -m 700 "$T/real"
ln -s real "$T/link"
distrusted "$T/link/s" 'symbolic link' "a symbolic link"
mkdir -m 770 "$T/group"
chmod 770 "$T/group"
distrusted "$T/group/s" 'writable' "a directory that a group may write"
mkdir -m 777 "$T/world"
chmod 1777 "$T/world"
distrusted "$T/world/s" 'writable' "a directory that all may write"
mkdir -p "$T/open/netpulse"
chmod 777 "$T/open"
chmod 700 "$T/open/netpulse"
distrusted "$T/open/netpulse/s" "$T/open is writable by others.*chmod go-w" "a directory in one that all may write"
run netpulsed -S "$T/open/new/s" -f "$T/config.yaml"
# A build with sanitizers says before that it has no sandbox.
like "$status:$(echo "$err" | tail -n 1)" "^1:netpulsed: .*$T/open is writable by others" "one that is not there yet: netpulsed refuses it"
ok "it is not made" [ ! -e "$T/open/new" ]
cp "$T/config.yaml" "$T/open/netpulse/config.yaml"
run netpulsed -S "$T/run/s2" -f "$T/open/netpulse/config.yaml"
is "$status" 1 "a configuration below it: netpulsed refuses"
like "$err" "^netpulsed: $T/open/netpulse/config.yaml: $T/open is writable by others" "and says why"
chmod 1777 "$T/open"
run netpulsed -t -f "$T/open/netpulse/config.yaml"
is "$status" 0 "with the sticky bit it is read"
run env NETPULSE_SOCKET="$T/open/netpulse/s" npexec dev true
is "$status" 0 "and a broker is found there"
npctl -S "$T/open/netpulse/s" stop --now
echo text >"$T/real/file"
run netpulsed -S "$T/real/file" -f "$T/config.yaml"
is "$status" 1 "a file where the socket should be: netpulsed refuses"
is "$(cat "$T/real/file")" text "and leaves it alone"
run npexec --no-start -S "$T/real/file" dev true
is "$status" 255 "npexec as well"

# ---- two brokers ----

NETPULSE_SOCKET=$T/run/s
export NETPULSE_SOCKET
start_broker
run netpulsed -S "$NETPULSE_SOCKET" -f "$T/config.yaml"
is "$status" 1 "a second broker on the same socket refuses"
like "$err" "^netpulsed: .*another broker.*$broker_pid" "naming the first"
ok "which goes on" npexec dev true
kill -KILL "$broker_pid"
wait_until '! alive "$broker_pid"'
ok "after a broker that was killed its socket is left" [ -S "$NETPULSE_SOCKET" ]
start_broker
ok "the next one takes its place" npexec dev true

# ---- another user ----

if [ "$uid" -eq 0 ] && command -v setpriv >/dev/null && id nobody >/dev/null 2>&1; then
	as_nobody() { setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups "$@"; }
	chmod 711 "$T" "$T/run"
	chmod 777 "$NETPULSE_SOCKET"
	echo '{"jsonrpc":"2.0","id":1,"method":"ping"}' >"$T/ping"
	chmod 644 "$T/ping"
	cp "$(command -v nprpc)" "$T/nprpc"
	chmod 755 "$T/nprpc"
	run as_nobody "$T/nprpc" -S "$NETPULSE_SOCKET" <"$T/ping"
	ok "another user who reaches the socket is not served" [ "$status" -ne 0 ]
	unlike "$out" '"result"' "and hears nothing"
	ok "the owner is" npctl ping
	mkdir -m 700 "$T/theirs"
	chown nobody "$T/theirs"
	distrusted "$T/theirs/s" 'neither to you' "a directory of another user"
else
	skip 7 "needs root, setpriv and the user nobody"
fi

# A stranger's broker in a directory that looks right is found out by its uid before anything is sent.
if [ "$uid" -eq 0 ] && command -v setpriv >/dev/null && id nobody >/dev/null 2>&1 && command -v socat >/dev/null; then
	mkdir -m 755 "$T/trap"
	chown nobody "$T/trap"
	as_nobody socat "UNIX-LISTEN:$T/trap/s" "CREATE:$T/trap/heard" >/dev/null 2>&1 &
	pid=$!
	wait_until '[ -S "$T/trap/s" ]'
	chown root "$T/trap"
	run npexec --no-start -S "$T/trap/s" dev 'echo secret'
	is "$status" 255 "a broker of another user is refused"
	like "$err" '^npexec: .*denied: ' "reason denied"
	ok "before anything is sent" [ ! -s "$T/trap/heard" ]
	kill $pid 2>/dev/null
	wait_for $pid
else
	skip 3 "needs root, setpriv, socat and the user nobody"
fi

ok "the broker ends well" stop_broker
done_testing
