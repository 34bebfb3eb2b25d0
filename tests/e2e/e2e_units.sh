#!/bin/sh
# The units: what systemd says of how much they leave to who gets hold of the service, and the broker in them.
. "$(dirname "$0")/../kit/lib.sh"
need jq systemd-analyze systemctl

units=$tests/../contrib

# Settings that cannot be judged without installing are put right: where the programs are.
for unit in netpulsed netpulse-metrics; do
	sed "s|@sbindir@|$bin|; s|@bindir@|$bin|" "$units/$unit.service.in" >"$T/$unit.service"
done
cp "$units/netpulsed.socket" "$T/"

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
exposed netpulsed 66
exposed netpulse-metrics 66

# ---- in a user's service manager ----

if [ "$uid" -ne 0 ] || ! unshare -m --propagation private mount -t tmpfs none /run 2>/dev/null; then
	skip 3 "needs a mount namespace of its own"
	done_testing
	exit
fi
start_sshd dev
write_config 'devices: {dev: {}}'
mkdir -p "$T/home/.config/systemd/user" "$T/runtime"
chmod 700 "$T/runtime"
cp "$T/netpulsed.service" "$T/netpulsed.socket" "$T/home/.config/systemd/user/"
mkdir "$T/home/.config/systemd/user/netpulsed.service.d"
printf '[Service]\nEnvironment=NETPULSE_CONFIG=%s\n' "$T/config.yaml" >"$T/home/.config/systemd/user/netpulsed.service.d/test.conf"
cat >"$T/manager.sh" <<'END'
mount -t tmpfs none /run/systemd 2>/dev/null || { mkdir -p /run/systemd && mount -t tmpfs none /run/systemd; } || exit 99
mkdir -p /run/systemd/system
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
systemctl exit
wait $manager
exit 0
END
HOME=$T/home XDG_CONFIG_HOME=$T/home/.config XDG_RUNTIME_DIR=$T/runtime T=$T unshare -m --propagation private sh "$T/manager.sh"
case $? in
99) skip 3 "no user's service manager runs here: $(tail -n 1 "$T/manager.log")" ;;
*)
	is "$(cat "$T/said")" hi "a socket's client gets its answer: ssh -G runs, the broker serves"
	is "$(cat "$T/status")" "1 2 " "its process gets no new privileges, its system calls are filtered"
	is "$(jq -r .broker.sandbox.lacks "$T/status.json")" null "its own sandbox lacks nothing"
	;;
esac
done_testing
