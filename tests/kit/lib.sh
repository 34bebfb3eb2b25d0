# The world of an end-to-end test: sourced first by tests/e2e/*.sh, in plain POSIX sh.
#
# A test runs under tests/tool/world, which gives it a directory ($T, removed at the end) and owns every process that it
# starts.  Environment, sockets, keys, servers and brokers are private to it; programs come from $top_builddir.  Nothing
# here waits for a fixed time: wait_until polls a condition until a deadline.
#
#   ok NAME COMMAND...   is GOT WANT NAME   like GOT ERE NAME   unlike GOT ERE NAME   same FILE FILE NAME
#   skip COUNT WHY       skip_all WHY       diag TEXT           done_testing          run COMMAND...
#   later NAME COMMAND...   wait_for PID [SECONDS]   slow SECONDS   brokers
#   start_sshd NAME [LINE...]    start_dropbear NAME [OPTION...]    start_simdev NAME [OPTION...]
#   add_addresses NAME PATTERN    device NAME TEXT
#   start_relay NAME TARGET [OPTION...]    start_broker [CONFIG]    stop_broker
#   platform_files
#
# A server NAME is Host NAME in $T/ssh_config, so `npexec NAME true` works once a broker runs.

set -u
tests=$(cd "$(dirname "$0")/.." && pwd)
top_builddir=${top_builddir:-${builddir:-}}
if [ -z "$top_builddir" ]; then
	top_builddir=$tests/..
	[ ! -x ./npexec ] || top_builddir=.
fi
bin=$(cd "$top_builddir" && pwd)
PATH=$bin:$bin/tests/tool:$PATH:/usr/sbin:/sbin
export PATH

# slow SECONDS: a limit that is there so that no test hangs, on this machine (whole seconds; see tests/kit/slow.h).
slow()
{
	echo $(($1 * ${NP_TEST_SLOW:-1}))
}

if [ -z "${NP_WORLD:-}" ]; then
	top_builddir=$bin
	export top_builddir
	exec world "$(slow "${NP_TEST_SECONDS:-150}")" "${TEST_SHELL:-sh}" "$0" "$@"
fi

T=$NP_WORLD
unset SSH_AUTH_SOCK SSH_ASKPASS DISPLAY NETPULSE_CONFIG LISTEN_FDS LISTEN_PID NOTIFY_SOCKET TERM
mkdir "$T/home" "$T/run" "$T/config" "$T/state"
chmod 700 "$T/home" "$T/run" "$T/config" "$T/state"
HOME=$T/home
XDG_RUNTIME_DIR=$T/run
XDG_CONFIG_HOME=$T/config
XDG_STATE_HOME=$T/state
NETPULSE_SOCKET=$T/run/s
# A broker that has died must not be replaced unnoticed; tests of that set it.
NETPULSE_DAEMON=/nonexistent/netpulsed
LC_ALL=C
TERM=dumb
export HOME XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_STATE_HOME NETPULSE_SOCKET NETPULSE_DAEMON LC_ALL TERM
umask 077

me=$(id -un)
uid=$(id -u)
test_count=0
test_failed=0
test_done=no
broker_pid=
polite_pids=
: >"$T/ssh_config"
: >"$T/known_hosts"

# ---- TAP ----

diag()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

# report STATUS NAME
report()
{
	test_count=$((test_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $test_count - $2"
	else
		test_failed=$((test_failed + 1))
		echo "not ok $test_count - $2"
	fi
	return "$1"
}

ok()
{
	_name=$1
	shift
	if "$@" >"$T/ok.out" 2>&1; then
		report 0 "$_name"
	else
		report 1 "$_name" || diag "$*: status not 0: $(head -c 600 "$T/ok.out")"
		return 1
	fi
}

# Succeeds when the command fails.
not()
{
	! "$@"
}

is()
{
	if [ "$1" = "$2" ]; then
		report 0 "$3"
	else
		report 1 "$3" || diag "got:  $(printf %s "$1" | head -c 600)
want: $(printf %s "$2" | head -c 600)"
	fi
}

like()
{
	if printf '%s\n' "$1" | grep -Eq -e "$2"; then
		report 0 "$3"
	else
		report 1 "$3" || diag "got: $(printf %s "$1" | head -c 900)
no match of: $2"
	fi
}

unlike()
{
	if printf '%s\n' "$1" | grep -Eq -e "$2"; then
		report 1 "$3" || diag "got: $(printf %s "$1" | head -c 900)
should not match: $2"
	else
		report 0 "$3"
	fi
}

# at_most NUMBER MAXIMUM NAME
at_most()
{
	if [ "$1" -le "$2" ] 2>/dev/null; then
		report 0 "$3"
	else
		report 1 "$3" || diag "got $1, at most $2 are allowed"
	fi
}

same()
{
	ok "$3" cmp "$1" "$2"
}

skip()
{
	for _i in $(seq "$1"); do
		test_count=$((test_count + 1))
		echo "ok $test_count # SKIP $2"
	done
}

skip_all()
{
	test_done=yes
	echo "1..0 # SKIP $1"
	exit 0
}

need()
{
	for _program in "$@"; do
		command -v "$_program" >/dev/null || skip_all "$_program is not installed"
	done
}

# A state that was to move as it must not is logged and stays: nothing else would show it.
check_moves()
{
	_moves=$(cat "$T"/*.log "$T/state/netpulse/netpulsed.log" 2>/dev/null | grep -a ' cannot go from [a-z]* to [a-z]*$')
	[ -z "$_moves" ] || report 1 "states move as they may" || diag "$_moves"
}

done_testing()
{
	check_moves
	test_done=yes
	echo "1..$test_count"
	[ "$test_failed" -eq 0 ]
	exit
}

# Runs the command with its output in $T/out and $T/err; sets $status, $out and $err.
run()
{
	"$@" >"$T/out" 2>"$T/err"
	status=$?
	out=$(tr -d '\000' <"$T/out")
	err=$(tr -d '\000' <"$T/err")
}

# ---- waiting ----

# wait_until CONDITION [SECONDS]: polls until the shell command CONDITION succeeds, on a slow machine longer.
wait_until()
{
	_until=$(($(date +%s) + $(slow "${2:-20}")))
	_pauses='0.01 0.01 0.02 0.02 0.05'
	until eval "$1" >/dev/null 2>&1; do
		if [ "$(date +%s)" -ge "$_until" ]; then
			diag "did not come true in $(slow "${2:-20}") s: $1"
			return 1
		fi
		_pause=${_pauses%% *}
		_pauses=${_pauses#* }
		sleep "$_pause"
	done
}

now_ms()
{
	echo $(($(date +%s%N) / 1000000))
}

# later NAME COMMAND...: in the background, output in $T/NAME.out and .err, process $bg_NAME.
later()
{
	_later=$1
	shift
	: >"$T/$_later.out" # at once: an earlier one of this name may have left something
	"$@" >"$T/$_later.out" 2>"$T/$_later.err" </dev/null &
	eval "bg_$_later=$!"
}

# The brokers of this world that run.
brokers()
{
	for _broker in $(descendants "$PPID"); do
		case $(tr '\000' ' ' <"/proc/$_broker/cmdline") in
		netpulsed\ * | */netpulsed\ *) echo "$_broker" ;;
		esac
	done 2>/dev/null
}

# Waits for a background child with a deadline; its status.
wait_for()
{
	wait_until "! alive $1" "${2:-20}" || {
		kill -KILL "$1"
		return 125
	}
	wait "$1"
}

# Whether the process runs (a zombie does not).
alive()
{
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	'' | Z* | X*) return 1 ;;
	esac
}

count_fds()
{
	ls "/proc/$1/fd" | wc -l
}

peak_kb()
{
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

rss_kb()
{
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

# The descendants of a process, one a line.
descendants()
{
	cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^\([0-9]*\) .*) [A-Z] \([0-9]*\) .*/\1 \2/' | awk -v top="$1" '
		{ parent[$1] = $2 }
		END {
			for (p in parent)
				for (q = p; q in parent; q = parent[q])
					if (parent[q] == top) { print p; break }
		}'
}

# The process that keeps this test's family together.
world_pid()
{
	echo "$PPID"
}

# ---- servers ----

free_port()
{
	# Below the range that the kernel gives to clients; who starts there tries another when it is taken.  Never one twice in
	# a test: what nobody shall listen at would be one's own server once in some thousand runs.
	while :; do
		_free=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
		grep -qsx "$_free" "$T/drawn_ports" || listens "$_free" || break
	done
	echo "$_free" | tee -a "$T/drawn_ports"
}

make_key()
{
	[ -f "$1" ] || ssh-keygen -q -t ed25519 -N "${2:-}" -C "$(basename "$1")" -f "$1"
}

# add_host NAME PORT [LINE...]: how ssh and the broker find it.  $identity: the key file, $T/key; empty: none is named.
add_host()
{
	_name=$1
	_port=$2
	shift 2
	{
		printf 'Host %s\n' "$_name"
		# ssh takes the first value: further lines come first.
		[ $# -eq 0 ] || printf '  %s\n' "$@"
		[ -z "${identity-$T/key}" ] || echo "  IdentityFile ${identity-$T/key}"
		cat <<-END
			  HostName 127.0.0.1
			  Port $_port
			  User $me
			  IdentitiesOnly yes
			  UserKnownHostsFile $T/known_hosts
			  GlobalKnownHostsFile /dev/null
			  StrictHostKeyChecking yes
		END
	} >>"$T/ssh_config"
	case $_name in
	*[!A-Za-z0-9_]*) ;;
	*) eval "port_$_name=$_port" ;;
	esac
}

# start_sshd NAME [LINE...]: OpenSSH with these further lines of sshd_config; $pid_NAME, $port_NAME, $T/NAME/log.
start_sshd()
{
	_server=$1
	shift
	_dir=$T/$_server
	mkdir -p "$_dir"
	make_key "$T/key"
	make_key "$_dir/hostkey"
	cp "$T/key.pub" "$_dir/authorized_keys"
	_pam=no
	if [ "$uid" -eq 0 ]; then
		mkdir -p /run/sshd
		# Without PAM, sshd refuses accounts whose password is locked.
		! grep -q '^root:!' /etc/shadow || _pam=yes
	fi
	{
		[ $# -eq 0 ] || printf '%s\n' "$@"
		cat <<-END
			HostKey $_dir/hostkey
			AuthorizedKeysFile $_dir/authorized_keys
			PidFile none
			StrictModes no
			UsePAM $_pam
			PasswordAuthentication no
			KbdInteractiveAuthentication no
			PermitRootLogin yes
			PermitUserRC no
			PrintMotd no
			PrintLastLog no
			MaxStartups 1000:30:2000
			LogLevel VERBOSE
			SetEnv SHLVL=5 HOME=$_dir
		END
	} >"$_dir/config"
	_sshd=$(command -v sshd) || skip_all "sshd is not installed"
	for _try in 1 2 3 4 5 6 7 8; do
		_port=$(free_port)
		: >"$_dir/log"
		"$_sshd" -D -f "$_dir/config" -o "ListenAddress=127.0.0.1:$_port" -E "$_dir/log" </dev/null >/dev/null 2>&1 &
		_pid=$!
		if wait_until "grep -q 'Server listening on' $_dir/log || ! alive $_pid" && alive $_pid; then
			server_started "$_server" "$_port" "$_pid" "$_dir/hostkey.pub"
			return 0
		fi
		kill "$_pid" 2>/dev/null
	done
	diag "sshd does not start: $(cat "$_dir/log")"
	exit 1
}

# Whether the installed sshd knows a line of sshd_config.
sshd_takes()
{
	make_key "$T/takes"
	printf '%s\n' "$1" "HostKey $T/takes" >"$T/takes.config"
	[ "$uid" -ne 0 ] || mkdir -p /run/sshd
	"$(command -v sshd)" -t -f "$T/takes.config" >/dev/null 2>&1
}

# server_started NAME PORT PID HOSTKEY [LINE...]
server_started()
{
	eval "pid_$1=$3"
	_key=$4
	_server=$1
	_port=$2
	shift 4
	add_host "$_server" "$_port" "$@"
	[ -z "$_key" ] || echo "[127.0.0.1]:$_port $(cut -d' ' -f1,2 "$_key")" >>"$T/known_hosts"
}

# The same server again on its old port, after kill_server.
restart_sshd()
{
	eval "_port=\$port_$1"
	_lines=$(grep -c 'Server listening on' "$T/$1/log")
	"$(command -v sshd)" -D -f "$T/$1/config" -o "ListenAddress=127.0.0.1:$_port" -E "$T/$1/log" \
		</dev/null >/dev/null 2>&1 &
	eval "pid_$1=$!"
	wait_until "[ \$(grep -c 'Server listening on' $T/$1/log) -gt $_lines ]"
}

# Ends a server with all its connections, at once.  Stopped first, as a server that has just logged somebody in starts
# processes, and one that is missed keeps its connection.
kill_server()
{
	eval "_pid=\$pid_$1"
	_all=$_pid
	_seen=
	while [ "$_all" != "$_seen" ]; do
		_seen=$_all
		# shellcheck disable=SC2086
		kill -STOP $_all 2>/dev/null
		_all="$_pid $(descendants "$_pid" | sort -n | tr '\n' ' ')"
	done
	# shellcheck disable=SC2086
	kill -KILL $_all 2>/dev/null
	wait_for "$_pid" 2>/dev/null
	return 0
}

# start_dropbear NAME [OPTION...]: 1 where it cannot be had.  It reads only the authorized_keys in the user's real home
# directory, so this one is hidden behind its own in a mount namespace: as root only.
start_dropbear()
{
	_server=$1
	shift
	_dir=$T/$_server
	_home=$(getent passwd "$me" | cut -d: -f6)
	if [ "$uid" -ne 0 ] || ! command -v dropbear >/dev/null || ! unshare -m --propagation private true 2>/dev/null || [ ! -d "$_home" ]; then
		return 1
	fi
	mkdir -p "$_dir/home/.ssh"
	make_key "$T/key"
	cp "$T/key.pub" "$_dir/home/.ssh/authorized_keys"
	dropbearkey -t ed25519 -f "$_dir/hostkey" >"$_dir/hostkey.out" 2>&1
	grep '^ssh-' "$_dir/hostkey.out" >"$_dir/hostkey.pub"
	for _try in 1 2 3 4 5 6 7 8; do
		_port=$(free_port)
		# shellcheck disable=SC2016
		unshare -m --propagation private sh -c 'mount --bind "$1" "$2" && shift 2 && exec dropbear "$@"' sh \
			"$_dir/home" "$_home" -F -E -r "$_dir/hostkey" -p "127.0.0.1:$_port" "$@" \
			</dev/null >"$_dir/log" 2>&1 &
		_pid=$!
		if wait_until "listens $_port || ! alive $_pid" && alive $_pid; then
			server_started "$_server" "$_port" "$_pid" "$_dir/hostkey.pub"
			return 0
		fi
	done
	diag "dropbear does not start: $(cat "$_dir/log")"
	exit 1
}

# Whether somebody listens on this port of 127.0.0.1, without connecting to it.
listens()
{
	grep -qi "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp
}

# start_simdev NAME [--scenario FILE] [OPTION...]: simulated devices, see simdev --help; events in $T/NAME/events.  A FILE
# without a directory is one of tests/scenarios.  The first address is Host NAME; add_addresses names the others.
start_simdev()
{
	_server=$1
	shift
	_dir=$T/$_server
	mkdir -p "$_dir"
	make_key "$T/key"
	: >"$_dir/events"
	_host=127.0.0.1
	_count=$#
	while [ "$_count" -gt 0 ]; do
		_option=$1
		shift
		case ${_last:-} in
		--scenario) [ "${_option#*/}" != "$_option" ] || _option=$tests/scenarios/$_option ;;
		--listen) _host=${_option%%-*} ;;
		esac
		set -- "$@" "$_option"
		_last=$_option
		_count=$((_count - 1))
	done
	_last=
	simdev --port-file "$_dir/port" --known-hosts "$T/known_hosts" --events "$_dir/events" \
		--control "$_dir/control" "$@" </dev/null >"$_dir/log" 2>&1 &
	_pid=$!
	if ! wait_until "[ -s $_dir/port ] || ! alive $_pid" || ! alive $_pid; then
		diag "simdev does not start: $(cat "$_dir/log")"
		exit 1
	fi
	server_started "$_server" "$(cat "$_dir/port")" "$_pid" "" "HostName $_host"
}

# add_addresses NAME PATTERN: how ssh and the broker find the simdev NAME by addresses like 127.0.9.*.
add_addresses()
{
	eval "_port=\$port_$1"
	add_host "$2" "$_port" 'HostName %h'
}

# device NAME TEXT: tells a simdev what its control file takes: go WORD, async|set|close|drop|down ADDRESS ...
device()
{
	echo "$2" >"$T/$1/control"
}

# start_relay NAME TARGET [OPTION...]: a relay to the server TARGET; told by `relay NAME WORD`, which waits until it has
# done so.
start_relay()
{
	_server=$1
	eval "_target=\$port_$2"
	shift 2
	_dir=$T/$_server
	mkdir -p "$_dir"
	mkfifo "$_dir/control"
	tcprelay --to "$_target" --port-file "$_dir/port" "$@" <>"$_dir/control" >"$_dir/log" 2>&1 &
	_pid=$!
	wait_until "[ -s $_dir/port ]" || exit 1
	server_started "$_server" "$(cat "$_dir/port")" "$_pid" ""
	sed -n "s/^\[127.0.0.1\]:$_target /[127.0.0.1]:$(cat "$_dir/port") /p" "$T/known_hosts" >"$_dir/known"
	cat "$_dir/known" >>"$T/known_hosts"
}

relay()
{
	_done=$(grep -c '^did ' "$T/$1/log")
	echo "$2" >"$T/$1/control"
	wait_until "[ \$(grep -c '^did ' $T/$1/log) -gt $_done ]"
}

# What a server has seen.
logins()
{
	grep -c '^Accepted [a-z/-]* for ' "$T/$1/log"
}

connections()
{
	grep -c '^Connection from' "$T/$1/log"
}

events()
{
	grep -c "$2" "$T/$1/events"
}

# ---- the broker ----

# start_broker [CONFIG [OPTION...]]: serves $NETPULSE_SOCKET with this configuration; $broker_pid, $T/broker.log.
start_broker()
{
	write_config "${1:-}"
	[ $# -eq 0 ] || shift
	# shellcheck disable=SC2086
	${NP_WRAPPER:-} netpulsed -S "$NETPULSE_SOCKET" -f "$T/config.yaml" ${broker_debug--d} "$@" </dev/null >>"$T/broker.log" 2>&1 &
	broker_pid=$!
	polite_pids="$polite_pids $broker_pid"
	if ! wait_until "npctl ping || ! alive $broker_pid" || ! alive "$broker_pid"; then
		diag "netpulsed does not start: $(tail -n 5 "$T/broker.log")"
		exit 1
	fi
}

write_config()
{
	{
		case $1 in
		*ssh_config:*) ;;
		*) echo "ssh_config: $T/ssh_config" ;;
		esac
		printf '%s\n' "$1"
		# Last, so that the lines of what the test wrote keep their numbers.
		case $1 in
		*platform_path:*) ;;
		*) printf 'platform_path: %s\n' "$(platform_files)" ;;
		esac
	} >"$T/config.new"
	mv "$T/config.new" "$T/config.yaml"
}

# Where the platform files are, as a private copy: the source tree may be writable by a group, and such files are refused.
platform_files()
{
	if [ ! -d "$T/platforms" ]; then
		mkdir "$T/platforms"
		for _file in "$tests"/../src/platform/vendors/*.yaml; do
			cat "$_file" >"$T/platforms/$(basename "$_file")"
		done
	fi
	echo "$T/platforms"
}

# Ends the broker and says whether it ended well (the sanitizers and valgrind speak through its status).
stop_broker()
{
	[ -n "$broker_pid" ] || return 0
	npctl stop --now >/dev/null 2>&1 || kill -TERM "$broker_pid" 2>/dev/null
	wait_for "$broker_pid"
	_status=$?
	broker_pid=
	[ "$_status" -eq 0 ] || diag "netpulsed ended with $_status"
	return "$_status"
}

# A field of `npctl status --json`, by a jq expression.
status()
{
	npctl status --json | jq -r "$1"
}

# memory_at_most KB MAXIMUM NAME: not judged under sanitizers, which keep what was freed.
memory_at_most()
{
	if grep -q '__[at]san_init' "$bin/netpulsed"; then
		skip 1 "memory is not measured under a sanitizer"
	else
		at_most "$1" "$2" "$3"
	fi
}

# broker_is_back FDS RSS_KB: descriptors and memory of the broker return to what they were (RSS_KB: give or take).
broker_is_back()
{
	ok "descriptors return to where they were" wait_until "[ \"\$(count_fds $broker_pid)\" -le $1 ]" ||
		diag "$(ls -l "/proc/$broker_pid/fd" | sed 's/.* \([0-9]* -> \)/\1/'; npctl status)"
	memory_at_most "$(rss_kb "$broker_pid")" "$2" "memory returns to where it was"
}

# all_closed: no session, no request, nobody but us.
all_closed()
{
	npctl close --now --wait $(status '.devices[] | select(.sessions > 0) | .device') >/dev/null 2>&1
	[ "$(status '([.devices[] | .sessions + .running + .queued + .channels_used] | add) + (.requests | length) + (.peers | length) - 1')" = 0 ]
}
# ---- the end ----

cleanup()
{
	_status=$?
	trap - EXIT
	trap '' HUP INT TERM
	for _pid in $polite_pids; do
		alive "$_pid" && kill -TERM "$_pid" 2>/dev/null && kill -TERM "$_pid" 2>/dev/null
	done
	for _pid in $polite_pids; do
		wait_until "! alive $_pid" 10 >/dev/null || diag "netpulsed $_pid does not end"
	done
	if [ "$test_failed" -gt 0 ] || [ "$test_done" = no ]; then
		diag "$(grep -A 40 'ERROR: .*Sanitizer\|WARNING: .*Sanitizer\|runtime error:' "$T/broker.log" 2>/dev/null | head -n 70)"
		for _log in "$T/broker.log" "$T/state/netpulse/netpulsed.log"; do
			[ ! -s "$_log" ] || diag "--- the end of $_log:
$(tail -n 40 "$_log" | cut -c1-300)"
		done
		[ -z "${NP_KEEP:-}" ] || cp -R "$T" "$NP_KEEP"
	fi
	# Servers and what they run; what is still there of our own programs is for `world` to complain about.
	for _pid in $(descendants "$PPID"); do
		[ "$_pid" = $$ ] || case $(tr '\000' ' ' <"/proc/$_pid/cmdline" 2>/dev/null) in
		*netpulsed*) ;;
		*) kill -KILL "$_pid" ;;
		esac
	done 2>/dev/null
	exit "$_status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
