#!/bin/sh
# A full disk under the state directory, under known_hosts, under the socket: named, and nothing is damaged.
if [ "$(id -u)" -ne 0 ] || ! unshare -m --propagation private true 2>/dev/null; then
	echo "1..0 # SKIP needs root and mount namespaces"
	exit 0
fi
if [ -z "${NP_OWN_MOUNTS:-}" ]; then
	export NP_OWN_MOUNTS=yes
	exec unshare -m --propagation private "${TEST_SHELL:-sh}" "$0" "$@"
fi
. "$(dirname "$0")/../kit/lib.sh"

need jq
start_sshd dev
mkdir "$T/full"
if ! mount -t tmpfs -o size=64k,nr_inodes=12,mode=0700 tmpfs "$T/full" 2>/dev/null; then
	skip_all "no tmpfs can be mounted here"
fi
key=$(cut -d' ' -f1,2 "$T/dev/hostkey.pub")
{
	echo "other.example $key"
	head -c 5000 /dev/zero | tr '\000' '#'
} | head -c 4095 >"$T/full/known_hosts"
echo >>"$T/full/known_hosts" # a page: what is appended needs another
cp "$T/full/known_hosts" "$T/known_before"
mkdir "$T/full/state" "$T/full/run"
: >"$T/full/audit"
chmod 700 "$T/full/state" "$T/full/run"
add_host accepting "$port_dev" "UserKnownHostsFile $T/full/known_hosts" 'StrictHostKeyChecking accept-new'
head -c 1000000 /dev/zero >"$T/full/filler" 2>/dev/null
i=0
while touch "$T/full/empty$i" 2>/dev/null; do
	i=$((i + 1))
done

# ---- known_hosts ----

start_broker "audit_log: $T/full/audit"
run npexec accepting echo hi
is "$status:$out" 0:hi "a new host key that cannot be written down does not stop the command"
ok "known_hosts is not damaged" cmp "$T/known_before" "$T/full/known_hosts"
ok "it is said" grep -q "$T/full/known_hosts.*No space" "$T/err" "$T/broker.log"

# ---- the audit log ----

i=0
while [ $i -lt 20 ]; do # what is left of the disk takes a few records
	npexec accepting "true $i $(head -c 2000 /dev/zero | tr '\000' x)" || break
	i=$((i + 1))
done
is $i 20 "an audit log that cannot be written does not stop commands"
ok "it is said" wait_until 'grep -q "audit: write audit_log .*No space" "$T/broker.log"'
is "$(grep -c 'audit: ' "$T/broker.log")" 1 "once"
rm "$T/full/filler"
ok "what waited is written when there is room" wait_until 'grep -q "\"command\":\"true 19 " "$T/full/audit"'
is "$(grep -c '"event":"command_ended"' "$T/full/audit")" 21 "all of it"
ok "in whole lines" jq -e . "$T/full/audit"
head -c 1000000 /dev/zero >"$T/full/filler" 2>/dev/null

# ---- the configuration ----

ok "reload" npctl reload
ok "the broker ends well" stop_broker

# ---- the log of a broker that starts by itself ----

NETPULSE_DAEMON=$bin/netpulsed
NETPULSE_CONFIG=$T/config.yaml
export NETPULSE_CONFIG
XDG_STATE_HOME=$T/full/state run npexec dev echo hi
like "$status:$out:$err" '^0:hi:$|^255::npexec: .*No space' "a log that cannot be written: it works, or it is said"
npctl stop --now 2>/dev/null

# ---- the socket ----

run netpulsed -S "$T/full/run/s" -f "$T/config.yaml"
is "$status" 1 "no room for the socket: netpulsed does not start"
like "$err" '^netpulsed: .*No space' "and says why"
run env NETPULSE_SOCKET="$T/full/run/s" npexec dev true
like "$status:$err" '^255:npexec: .*No space' "npexec passes it on"
umount "$T/full"
done_testing
