#!/bin/sh
# The units: what systemd says of how much they leave to who gets hold of the service, and the broker in them.
. "$(dirname "$0")/../kit/lib.sh"
need jq perl systemd-analyze systemctl

units=$tests/../contrib

# Settings that cannot be judged without installing are put right: where the programs are.
mkdir "$T/user" "$T/system"
for unit in user/netpulsed user/netpulse-metrics system/netpulsed system/netpulsed@; do
	sed "s|@sbindir@|$bin|; s|@bindir@|$bin|" "$units/${unit#user/}.service.in" >"$T/$unit.service"
done
cp "$units/netpulsed.socket" "$T/user/"
mv "$T/system/netpulsed@.service" "$T/system/netpulsed@account.service"

# exposed UNIT TENTHS: at most so much by `systemd-analyze security', which judges a user's unit as one of root.
exposed()
{
	if ! systemd-analyze security --help | grep -q -e --offline; then
		skip 1 "this systemd judges no unit that is not loaded"
		return
	fi
	ok "$1: exposure at most $2 tenths" systemd-analyze security --offline=true --threshold="$2" "$T/$1.service"
	diag "$(systemd-analyze security --offline=true "$T/$1.service" | tail -n 1)"
}
exposed user/netpulsed 66
exposed user/netpulse-metrics 66
exposed system/netpulsed 24
exposed system/netpulsed@account 24

# ---- in a user's service manager ----

if grep -q '__[at]san_init' "$bin/netpulsed"; then
	skip 5 "sanitizers do what the units forbid"
	done_testing
	exit
fi
if [ "$uid" -ne 0 ] || ! unshare -m --propagation private mount -t tmpfs none /run 2>/dev/null; then
	skip 5 "needs a mount namespace of its own"
	done_testing
	exit
fi
start_sshd dev
write_config 'devices: {dev: {}}'
mkdir -p "$T/home/.config/systemd/user" "$T/runtime"
chmod 700 "$T/runtime"
cp "$T/user/netpulsed.service" "$T/user/netpulsed.socket" "$T/home/.config/systemd/user/"
mkdir "$T/home/.config/systemd/user/netpulsed.service.d"
# The system's unit by the same manager, which is root's: with the account of who tests, and another socket.
sed "/^User=/d; /^Group=/d; /^Requires=/d; /^After=/d; s|--system|--system -f $T/system.yaml -S %t/netpulse-roles/sock|" \
	"$T/system/netpulsed.service" >"$T/home/.config/systemd/user/all.service"
mkdir "$T/home/.config/systemd/user/all.service.d"
printf '[Service]\nBindPaths=%s\nBindReadOnlyPaths=%s\n' "$T" "$bin" >"$T/home/.config/systemd/user/all.service.d/test.conf"
{
	cat "$T/config.yaml"
	echo 'policy: [{then: allow}]'
	echo "main_socket: {group: '0'}"
} >"$T/system.yaml"
printf '[Service]\nEnvironment=NETPULSE_CONFIG=%s\n' "$T/config.yaml" >"$T/home/.config/systemd/user/netpulsed.service.d/test.conf"
cat >"$T/manager.sh" <<'END'
mount -t tmpfs none /run/systemd 2>/dev/null || { mkdir -p /run/systemd && mount -t tmpfs none /run/systemd; } || exit 99
mkdir -p /run/systemd/system /run/systemd/inaccessible/dir
cd /run/systemd/inaccessible || exit 99 # what a service manager puts in the place of what a service shall not see
: >reg
mkfifo fifo
mknod chr c 0 0
mknod blk b 0 0
perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) && bind(S, pack_sockaddr_un("sock"))'
chmod 000 ./*
cd /
systemd --user >"$T/manager.log" 2>&1 &
manager=$!
systemctl() { command systemctl --user "$@"; }
for i in $(seq 100); do
	case $(systemctl is-system-running 2>/dev/null) in running | degraded) break ;; esac
	kill -0 $manager 2>/dev/null || exit 99
	sleep 0.1
done
systemctl start netpulsed.socket
NETPULSE_SOCKET=$XDG_RUNTIME_DIR/netpulse/broker.sock npexec --no-start dev 'echo hi' >"$T/said" 2>&1
pid=$(systemctl show -p MainPID --value netpulsed.service)
sed -n 's/^Seccomp:[^0-9]*//p; s/^NoNewPrivs:[^0-9]*//p' "/proc/$pid/status" | tr '\n' ' ' >"$T/status"
NETPULSE_SOCKET=$XDG_RUNTIME_DIR/netpulse/broker.sock npctl status --json >"$T/status.json"
systemctl stop netpulsed.service netpulsed.socket
systemctl start all.service || systemctl status all.service >"$T/all.status"
NETPULSE_SOCKET=$XDG_RUNTIME_DIR/netpulse-roles/sock npexec --no-start dev 'echo all' >"$T/all.said" 2>&1
NETPULSE_SOCKET=$XDG_RUNTIME_DIR/netpulse-roles/sock npctl status --json >"$T/all.json"
systemctl stop all.service
systemctl exit
wait $manager
exit 0
END
HOME=$T/home XDG_CONFIG_HOME=$T/home/.config XDG_RUNTIME_DIR=$T/runtime T=$T unshare -m --propagation private sh "$T/manager.sh"
case $? in
99) skip 5 "no user's service manager runs here: $(tail -n 1 "$T/manager.log")" ;;
*)
	is "$(cat "$T/said")" hi "a socket's client gets its answer: ssh -G runs, the broker serves"
	is "$(cat "$T/status")" "1 2 " "its process gets no new privileges, its system calls are filtered"
	is "$(jq -r .broker.sandbox.lacks "$T/status.json")" null "its own sandbox lacks nothing"
	is "$(cat "$T/all.said")" all "so it is in the system's unit" || diag "$(cat "$T/all.status")"
	is "$(jq -c '.broker.sandbox | [.system_calls, .files, .children_no_new_privileges, .lacks]' "$T/all.json")" \
		'[true,true,true,null]' "where its sandbox is strict"
	;;
esac
done_testing
