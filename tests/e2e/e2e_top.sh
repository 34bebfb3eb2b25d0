#!/bin/sh
# The live screen, in a real terminal: what it shows, its keys, its sizes, and the terminal after it.
. "$(dirname "$0")/../kit/lib.sh"
need jq tmux
run npctl top
case $err in
*'built without curses'*) skip_all "npctl is built without curses" ;;
esac

# A tmux of our own; it sees to the terminals and tells what is on them.  It stays between two sessions: a session that
# is asked of one which is just ending comes to nothing.
echo 'set -g exit-empty off' >"$T/tmux.conf"
TMUX_TMPDIR=$T/run
export TMUX_TMPDIR
unset TMUX
tm()
{
	tmux -u -L top -f "$T/tmux.conf" "$@"
}
end_tmux()
{
	tm kill-server 2>/dev/null
	wait_until '! tm ls 2>/dev/null'
}

screen()
{
	tm capture-pane -p
}

# sees ERE: a line of the screen matches, now or soon.
sees()
{
	_sees=$1
	wait_until 'screen | grep -Eq -e "$_sees"' || {
		diag "the screen:
$(screen)"
		return 1
	}
}

# hides ERE: no line matches, now or soon.
hides()
{
	_hides=$1
	wait_until '! screen | grep -Eq -e "$_hides"' || {
		diag "the screen:
$(screen)"
		return 1
	}
}

# row N: a line of the screen, counted from 1.
row()
{
	screen | sed -n "$1p"
}

# top SIZE VARIABLE=VALUE... -- ARGUMENT...: in a terminal of that size, between two marks that a person would see again.
# The status comes to $T/top.status, the terminal's settings before and after to $T/stty.before and $T/stty.after.
top()
{
	_columns=${1%x*}
	_rows=${1#*x}
	shift
	_env=
	while [ "$1" != -- ]; do
		_env="$_env $1"
		shift
	done
	shift
	rm -f "$T/top.status" "$T/top.pid"
	cat >"$T/top.sh" <<-END
		trap : INT
		echo mark one
		stty -g >$T/stty.before
		env $_env sh -c 'echo \$\$ >$T/top.pid; exec npctl top $*'
		echo \$? >$T/top.new
		stty -g >$T/stty.after
		echo mark two
		mv $T/top.new $T/top.status
		exec cat
	END
	tm kill-session -t top 2>/dev/null
	tm new-session -d -s top -x "$_columns" -y "$_rows" "sh $T/top.sh"
}

# ended STATUS WHAT: it has ended so and left the terminal as it was.
ended()
{
	ok "$2: it ends" wait_until '[ -s "$T/top.status" ]'
	is "$(cat "$T/top.status")" "$1" "$2: with status $1"
	is "$(cat "$T/stty.after")" "$(cat "$T/stty.before")" "$2: the settings of the terminal are as before"
	ok "$2: what was on the screen is there again" sees 'mark two'
	is "$(screen | head -n 2 | tr '\n' ,)" 'mark one,mark two,' "$2: and nothing else"
	is "$(tm display-message -p '#{cursor_flag} #{alternate_on} #{keypad_cursor_flag} #{keypad_flag}')" '1 0 0 0' \
		"$2: the cursor shows, keys are plain"
}

# Nothing may start a broker: it would leave a trace.
cat >"$T/daemon" <<END
#!/bin/sh
: >$T/started
exit 1
END
chmod 755 "$T/daemon"
NETPULSE_DAEMON=$T/daemon
export NETPULSE_DAEMON

start_sshd core1
start_sshd core2
start_sshd edge1
add_host dead 1
config='
long_connection: {keepalive_interval: 1}
devices:
  core1: {}
  core2: {}
  edge1: {}
  dead: {}
  spare1: {}
  spare2: {}
'

# ---- before there is a broker ----

top 100x30 -- -d 0.2
ok "without a broker it says so" sees "^no broker is running at $NETPULSE_SOCKET \\(trying again\\)"
start_broker "$config"
ok "and finds one that starts later" sees "^netpulsed [0-9.]+, pid $broker_pid, serving"
ok "configured devices are there" sees '^spare2 +idle'
npexec core1 true
npexec edge1 true
npexec dead true 2>/dev/null
ok "devices appear with their state" sees '^core1 +connected +1 '
ok "a failure is there with its reason" sees '^dead +failed .* connect_failed'
ok "and is counted" sees '^6 devices, 1 failed'
ok "round trips are measured" sees '^core1 .* [0-9.]+ms '
ok "and drawn as a line, in ASCII" sees '^core1 .*ms +[-_.:=+*#]{2}'
like "$(tm capture-pane -p -e | grep 'connect_failed')" "$(printf '\033')\\[[0-9;]*31m.*connect_failed" "a failure is red"

# ---- order ----

mkfifo "$T/hold"
npexec -n core2 "cat $T/hold" &
held=$!
ok "what runs is at the top" sees '^core2 +executing '
wait_until 'row 5 | grep -q "^core2 "'
like "$(row 5)" '^core2 +executing +1 +1/10 +1 ' "with its channel"
tm send-keys n
ok "n sorts by name" sees '^By name: 1-6 of 6'
is "$(screen | sed -n '5,10s/ .*//p' | tr '\n' ' ')" 'core1 core2 dead edge1 spare1 spare2 ' "in order"
tm send-keys r
ok "r reverses it" sees '^By name, reversed: '
is "$(screen | sed -n '5,10s/ .*//p' | tr '\n' ' ')" 'spare2 spare1 edge1 dead core2 core1 ' "in order"
tm send-keys e
ok "e sorts by error" sees '^By error: '
like "$(row 5)" '^dead ' "failures first"
tm send-keys s
ok "s goes on" sees '^By activity: '
like "$(row 5)" '^core2 ' "to activity, after the last"
: >"$T/hold"
wait_for $held
for _ in 1 2 3 4 5; do
	npexec edge1 true
done
ok "commands are counted" sees '^edge1 .* [0-9]+\.[0-9] '
ok "all together" sees '[1-9][0-9.]* commands/s'

# ---- filter ----

tm send-keys / D E A
ok "a filter is shown as it is typed" sees '^Filter: DEA'
ok "and works at once" hides '^core1'
tm send-keys Enter
ok "Enter keeps it" sees '^By activity, with `DEA`: 1-1 of 1'
tm send-keys Escape
ok "Escape ends it" sees '^core1 '

# ---- a device in full, help ----

tm send-keys n
sees '^By name: ' >/dev/null
tm send-keys Enter
ok "Enter shows a device in full" sees "^core1: $me@127.0.0.1:$port_core1"
ok "with its sessions" sees '^  session #[0-9]+: connected, channels 0/10'
ok "and their server" sees '^ +SSH-2.0-OpenSSH'
npexec -n core1 "cat $T/hold" &
held=$!
ok "and what runs there" sees "^ .* npexec \\(pid $held, client [0-9]+\\)"
tm send-keys '?'
ok "? shows the keys" sees '^The keys of npctl top'
tm send-keys q
ok "q goes back to the device" sees '^core1: '
: >"$T/hold"
wait_for $held
tm send-keys q
ok "and to the list" sees '^By name: '
tm send-keys Down Down Enter
ok "the error of a device is there in full" sees '^  last error.*: .*Connection refused'
tm send-keys Left

# ---- orders ----

ok "the cursor stays where it was" sees '^By name: '
tm send-keys Home c
ok "c asks back" sees '^Close the sessions of core1 when their commands have ended\? \(y/n\)'
tm send-keys n
ok "and takes a no" hides '\(y/n\)'
is "$(status '.devices[] | select(.device == "core1").sessions')" 1 "then nothing is closed"
tm send-keys c y
ok "or a yes" sees '^core1: close done'
ok "then it is" wait_until '[ "$(status ".devices[] | select(.device == \"core1\").sessions")" = 0 ]'
tm send-keys p
sees '\(y/n\)'
tm send-keys y
ok "p pauses" sees '^core1: pause done'
ok "which shows" sees '^core1 +paused '
npexec core1 true &
held=$!
ok "commands wait then" sees '^core1 +paused .* 1 +[-0-9]'
tm send-keys u
ok "u resumes" sees '^core1: resume done'
ok "and they run" wait_for $held
tm send-keys R
sees '\(y/n\)'
tm send-keys y
ok "R reconnects" sees '^core1: reconnect done'
ok "with another session" wait_until '[ "$(logins core1)" -ge 3 ]'

# ---- sizes ----

# framed COLUMNS ROWS: the screen is used from its first line to its last one.
framed()
{
	tm resize-window -t top -x "$1" -y "$2"
	ok "$1x$2: the last line is the last" wait_until "row $2 | grep -q '^q:quit'"
	ok "$1x$2: the first line is the first" wait_until "row 1 | grep -q '^netpulsed '"
	is "$(screen | grep -c '^DEVICE ')" 1 "$1x$2: the titles are there once"
	like "$(screen)" '^core2 +connected' "$1x$2: devices are shown"
}
framed 80 24
like "$(screen)" '^DEVICE +STATE .*QUEUE +CMD/S +RTT +TREND .*ERROR' "80x24: with their errors"
framed 40 10
like "$(row 3)" '1-5 of 6' "40x10: the list scrolls"
tm send-keys End
ok "40x10: to its end" sees '2-6 of 6'
framed 250 60
framed 100 30
tm resize-window -t top -x 5 -y 2
ok "5x2: something is shown" sees '^(spar|q:qu|DEVI)'
tm resize-window -t top -x 1 -y 1
tm send-keys Home End
framed 100 30

# ---- the broker goes away and comes back ----

first=$broker_pid
ok "the broker ends well" stop_broker
ok "its end is shown" sees '^no broker is running at .* \(trying again\)'
ok "with the last that was known" sees '^core2 +connected'
tm send-keys c y
ok "nothing can be ordered then" sees '^No broker is there to do it'
start_broker "$config"
ok "the next one is found" sees "^netpulsed [0-9.]+, pid $broker_pid, serving"
ok "with what it knows" hides '^core2 +connected'
ok "it is another one" [ "$first" != "$broker_pid" ]
kill -STOP "$broker_pid"
ok "one that does not answer is named" sees '^The broker has not answered for [0-9]+s'
tm send-keys '?'
ok "keys work meanwhile" sees '^The keys of npctl top'
tm send-keys q
kill -CONT "$broker_pid"
ok "until it does" sees "^netpulsed [0-9.]+, pid $broker_pid, serving"
kill -KILL "$broker_pid"
ok "one that dies is missed" sees '(trying again)'
start_broker "$config"
ok "and replaced" sees "^netpulsed [0-9.]+, pid $broker_pid, serving"
ok "no broker was started for it" [ ! -e "$T/started" ]

# ---- the end ----

tm send-keys q
ended 0 "q"
top 80x24 -- -d 0.2
sees '^DEVICE '
kill -TERM "$(cat "$T/top.pid")"
ended 143 "TERM"
top 80x24 -- -d 0.2
sees '^DEVICE '
tm send-keys C-c
ended 130 "Ctrl-C"
top 80x24 -- -d 0.2
sees '^DEVICE '
tm send-keys /
kill -HUP "$(cat "$T/top.pid")"
ended 129 "HUP, while a filter is typed"
# Not with LeakSanitizer, whose ptrace at the end now and then hangs when the terminal's second SIGHUP comes just then.
top 80x24 "ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0" -- -d 0.2
sees '^DEVICE '
pid=$(cat "$T/top.pid")
tm kill-session -t top
ok "it ends with its terminal" wait_until "! alive $pid"

# ---- stopped and continued ----

tm new-session -d -s top -x 80 -y 24 env 'PS1=prompt> ' sh -i
sees 'prompt>'
tm send-keys "stty -g >$T/stty.before" Enter 'npctl top -d 0.2' Enter
ok "from an interactive shell" sees '^DEVICE '
tm send-keys C-z
ok "Ctrl-Z gives the terminal back" sees 'Stopped'
ok "with what was on it" hides '^DEVICE '
tm send-keys "stty -g >$T/stty.after; echo stty \$?" Enter
sees 'stty 0'
is "$(cat "$T/stty.after")" "$(cat "$T/stty.before")" "as it was"
tm resize-window -t top -x 90 -y 20
tm send-keys fg Enter
ok "fg brings it back, in the new size" wait_until 'row 20 | grep -q "^q:quit"'
npctl_pid=$(descendants "$(tm display-message -p '#{pane_pid}')")
kill -STOP "$npctl_pid"
sees '^.*Stopped'
# The terminal is not the shell's, as after any such stop: Enter is no end of a line.
tm send-keys C-j fg C-j
ok "also after a stop that nobody can catch" wait_until 'row 20 | grep -q "^q:quit" && row 4 | grep -q "^DEVICE"'
tm send-keys q
hides '^DEVICE '
tm send-keys "stty -g >$T/stty.after; echo again \$?" Enter
sees 'again 0'
is "$(cat "$T/stty.after")" "$(cat "$T/stty.before")" "and at last the terminal is as it was"
tm kill-session -t top

# ---- kinds of terminals ----

npexec dead true 2>/dev/null
esc=$(printf '\033')
top 80x24 NO_COLOR=1 -- -d 0.2
sees '^dead +failed'
unlike "$(tm capture-pane -p -e)" "$esc\\[[0-9;]*3[0-7]" "NO_COLOR: no colour"
like "$(tm capture-pane -p -e | grep dead)" "$esc\\[[0-9;]*1mfailed" "a failure is bold"
tm send-keys q
ended 0 "NO_COLOR"
top 80x24 TERM=vt100 -- -d 0.2
ok "vt100: it works" sees '^dead +failed'
unlike "$(tm capture-pane -p -e)" "$esc\\[[0-9;]*3[0-7]" "vt100: without colour"
tm send-keys Down Down
tm send-keys q
ok "vt100: it ends" wait_until '[ -s "$T/top.status" ]'
is "$(cat "$T/top.status") $(cat "$T/stty.after")" "0 $(cat "$T/stty.before")" "vt100: the terminal is as it was"
npexec core1 true
if [ "$(LC_ALL=C.UTF-8 locale charmap 2>/dev/null)" = UTF-8 ] && ldd "$bin/npctl" | grep -q ncursesw; then
	top 100x24 LC_ALL=C.UTF-8 -- -d 0.2
	ok "UTF-8: round trips are blocks" sees '^core1 .*ms +[▁▂▃▄▅▆▇█]'
	tm send-keys / ü
	ok "UTF-8: and so are letters" sees '^Filter: ü'
	tm send-keys BSpace c o r
	ok "UTF-8: a key erases a letter" sees '^Filter: cor$'
	tm send-keys Enter q
	ended 0 "UTF-8"
else
	skip 9 "no UTF-8 locale here, or a curses without it"
fi

# refused NAME ERE VARIABLE...: an error, a status, and nothing else.
refused()
{
	_name=$1
	_says=$2
	shift 2
	top 100x24 "$@" -- -d 0.2
	ok "$_name: it ends" wait_until '[ -s "$T/top.status" ]'
	is "$(cat "$T/top.status") $(cat "$T/stty.after")" "1 $(cat "$T/stty.before")" "$_name: with status 1"
	like "$(screen)" "^npctl: .*$_says" "$_name: which says why"
}
refused "a terminal without a cursor" 'TERM=dumb.*cannot place its cursor' TERM=dumb
refused "an unknown terminal" 'TERM=nonesuch' TERM=nonesuch
refused "no word about the terminal" 'set TERM' TERM=
run npctl top
is "$status:$out" 1: "no terminal at all: exits 1"
like "$err" '^npctl: top needs a terminal .*npctl status' "and says what does without one"

for arguments in '-d 0' '-d 0.05' '-d x' '-d 1e9' '-d nan' '-d -1' '-d 0x10' '--json' '--now' 'core1'; do
	# shellcheck disable=SC2086
	run npctl top $arguments
	is "$status" 2 "npctl top $arguments: exits 2"
done
run npctl status -d 1
is "$status" 2 "npctl status -d 1: exits 2"

# ---- a thousand devices ----

ok "the broker ends well" stop_broker
start_broker "$(awk 'BEGIN { print "devices:"; for (i = 0; i < 1000; i++) printf "  r%04d: {groups: [g]}\n", i }')"
top 80x24 -- -d 0.2
ok "a thousand devices" sees 'By activity: 1-19 of 1000'
tm send-keys NPage
tm send-keys NPage NPage
ok "a page down" sees 'By activity: [0-9]+-[0-9]+ of 1000'
ok "the cursor is there" sees '^r0054 '
tm send-keys End
ok "the end" sees 'By activity: 982-1000 of 1000'
tm send-keys / 7 7
ok "a filter among them" sees 'with `77`: 1-[0-9]+ of [0-9]+'
is "$(screen | grep -c '^r.*77')" "$(screen | grep -c '^r')" "shows what matches"
tm send-keys Escape
tm send-keys Home
ok "and all again" sees 'By activity: 1-19 of 1000'
tm send-keys q
ended 0 "a thousand devices"

end_tmux
ok "the broker ends well" stop_broker
done_testing
