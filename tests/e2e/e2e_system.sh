#!/bin/sh
# A broker for all users of a system, with an account of its own: others do what the policy says, one at a time none
# keeps the others out, and nobody makes it act with its own rights.
. "$(dirname "$0")/../kit/lib.sh"
need jq setpriv
[ "$uid" = 0 ] || skip_all "only root can be several users"
setpriv --reuid=65534 --regid=65534 --clear-groups true || skip_all "no other user can be had here"

account=2 # bin's: some account with no rights
sock=$T/sys/netpulse.sock
NETPULSE_SOCKET=$sock
NETPULSE_BROKER_UID=$account # whom a client trusts there; at the usual place it need not be told
export NETPULSE_SOCKET NETPULSE_BROKER_UID
# as UID COMMAND...
as()
{
	_as=$1
	shift
	setpriv --reuid="$_as" --regid="$_as" --clear-groups env HOME=/nonexistent "$@"
}
nobody() { as 65534 "$@"; }
another() { as 1 "$@"; }

chmod 711 "$T"
mkdir -m 755 "$T/bin" "$T/sys"
mkdir -m 700 "$T/acct" "$T/creds"
cp "$bin/netpulsed" "$bin/npexec" "$bin/npctl" "$bin/tests/tool/nprpc" "$T/bin"
chmod 755 "$T/bin"/*
identity=$T/acct/key start_sshd dev
start_simdev edge1 --scenario ios.txt
start_simdev core1 --scenario ios.txt --listen 127.0.1.1
add_host own "$port_edge1"
identity=$T/acct/key add_host one "$port_dev"
cp "$T/key" "$T/acct/key"
printf '#!/bin/sh\nuntil [ -e %s ]; do sleep 0.02; done\necho "$1" >>%s\n' "$T/go" "$T/order" >"$T/bin/gate"
chmod 755 "$T/bin/gate"
echo admin-pw >"$T/creds/edge-password"
chmod 400 "$T/creds/edge-password"
chown -R "$account" "$T/sys" "$T/acct" "$T/creds"
platform_files >/dev/null
chmod -R a+rX "$T/platforms" "$T/ssh_config" "$T/known_hosts"
audit=$T/acct/audit

devices="
devices:
  edge1: {device_type: cisco_ios, username: admin, credential: edge-password, groups: [edge]}
  core1: {device_type: cisco_ios, username: admin, password: admin-pw}
  own: {username: admin, device_type: cisco_ios}
  dev: {}
  one: {connection_args: {max_connections: 1, max_channels: 1}}
main_socket: {mode: '0666', group: '$account'}
audit_log: $audit
"
policy="
policy:
  - {uid: 65534, devices: ['@edge'], command: read_only, then: allow}
  - {uid: 65534, devices: [dev], command: ['echo .*', 'sleep .*'], then: allow}
  - {uid: 65534, devices: [one], command: '$T/bin/gate [0-9]', then: allow}
  - {uid: 1, devices: [one], then: allow}
  - {uid: 1, devices: [own, dev], may: [credentials], then: allow}
  - {uid: 3, methods: [steer], then: allow}
  - {group: 4711, devices: [dev], then: allow}
  - {uid: 5, then: allow}
  - {uid: 4, devices: [dev], may: [trusted, adhoc], then: allow}
"
system_config()
{
	write_config "$1"
	chmod 644 "$T/config.yaml"
}
# A program, so that in the background it is the broker.
cat >"$T/bin/broker" <<END
#!/bin/sh
exec setpriv --reuid=$account --regid=$account --clear-groups env HOME=$T/acct CREDENTIALS_DIRECTORY=$T/creds \\
	$T/bin/netpulsed --system -S $sock -f $T/config.yaml "\$@"
END
chmod 755 "$T/bin/broker"
start_system()
{
	system_config "$1"
	"$T/bin/broker" -d </dev/null >>"$T/broker.log" 2>&1 &
	broker_pid=$!
	polite_pids=$broker_pid
	wait_until "$T/bin/npctl ping || ! alive $broker_pid" && alive "$broker_pid" && return
	diag "netpulsed does not start: $(tail -n 5 "$T/broker.log")"
	exit 1
}
# end_all PID...: with their children, which are other users' programs.
end_all()
{
	for _end in "$@"; do
		# shellcheck disable=SC2046
		kill $(descendants "$_end") "$_end"
	done
}
# hold NAME...: as many connections of nobody, that stay: $holders.
hold()
{
	holders=
	for _i in "$@"; do
		printf '%s\n' "$(request 1 ping '')" '!wait "version"' '!hold' | nobody "$T/bin/nprpc" -S "$sock" >"$T/holds$_i" &
		holders="$holders $!"
		wait_until "grep -q version $T/holds$_i"
	done
}
request() { printf '{"jsonrpc":"2.0","id":%s,"method":"%s","params":{%s}}' "$1" "$2" "$3"; }
# rpc UID LINE...
rpc()
{
	_rpc=$1
	shift
	printf '%s\n' "$@" | as "$_rpc" "$T/bin/nprpc" -S "$sock" -t 20
}

# ---- what it needs ----

system_config "$devices"
run "$T/bin/broker"
like "$status $err" '^1 netpulsed: .*config.yaml: .policy. is missing.*policy: \[\{role: users' "without a policy it does not start, and says what to write"
ok "nor is there a socket" [ ! -e "$sock" ]
system_config "policy: [{role: users, then: allow}]
main_socket: {group: nobody-has-it}"
run "$T/bin/broker"
like "$status $err" 'netpulsed: main_socket: there is no group .nobody-has-it' "nor without the group of its socket"
run "$T/bin/netpulsed" --system -t -f "$T/config.yaml"
is "$status" 0 "a configuration is checked as the system's"
system_config "$devices"
run "$T/bin/netpulsed" --system -t -f "$T/config.yaml"
like "$status $err" '^1 .*.policy. is missing' "which needs a policy there, too"

start_system "$policy$devices"
is "$(stat -c '%a %u %g' "$sock")" "666 $account $account" "the socket has its mode and group"
unlike "$(cat "$T/broker.log")" 'warning.*as root' "it has an account of its own"
ok "there is no door for ssh" [ ! -e "$T/sys/mux" ]
is "$("$T/bin/npctl" status --json | jq -r '.broker.sandbox | .files or .lacks != null, .children_no_new_privileges' | tr '\n' ' ')" \
	"true true " "it writes its own files alone, and no program of it gets privileges"

# ---- who may what ----

run nobody "$T/bin/npexec" edge1 show clock
like "$status $out" '^0 .*UTC' "another user may what a rule says, with a secret that systemd hands over"
run nobody "$T/bin/npexec" edge1 reload
like "$status $err" '^255 .*denied to role users: .*config.yaml:[0-9]+ allows other commands' "and nothing else"
run nobody "$T/bin/npexec" core1 show clock
like "$status $err" '^255 .*denied to role users: no rule' "on no other device"
run another "$T/bin/npexec" edge1 show clock
like "$status $err" '^255 .*denied' "rules are about one user"
run setpriv --reuid=6 --regid=6 --groups=12,4711 env HOME=/nonexistent "$T/bin/npexec" dev echo member
is "$status $out" '0 member' "or about all of a group, whichever of his groups that is"
run as 6 "$T/bin/npexec" dev echo member
like "$status $err" '^255 .*denied' "and nobody who is not in it"
run npexec core1 show clock
is "$status" 0 "root may everything"
run as "$account" "$T/bin/npexec" core1 show clock
is "$status" 0 "and so may the account of the broker"
for verb in 'reload' 'stop' 'upgrade' 'status' 'close edge1' 'pause edge1' 'watch' 'drain --all'; do
	# shellcheck disable=SC2086
	run nobody "$T/bin/npctl" $verb
	like "$status $err" '^1 npctl: .*denied' "npctl $verb is not for others"
done
run as 3 "$T/bin/npctl" pause core1
is "$status" 0 "but for whom a rule lets steer"
npctl resume core1 >/dev/null
run as 3 "$T/bin/npctl" upgrade
like "$status $err" '^1 npctl: .*systemctl restart' "an upgrade is the service manager's"
like "$(rpc 3 "$(request 1 watch '"confirm":true')")" '"reason": *"denied"' "nobody but root confirms"

# ---- what is taken from nobody ----

# refuses UID KEY VALUE WORD: an override is denied by name, with what a rule would have to say.
refuses()
{
	like "$(rpc "$1" "$(request 1 exec "\"device\":\"dev\",\"command\":\"echo a\",\"overrides\":{\"$2\":$3}")")" \
		"denied to role users: .*config.yaml:[0-9]+ allows it without .*may: \[$4\].*: .$2." "$2 of uid $1"
}
for key in password_command passphrase_command otp_command secret_command; do
	refuses 65534 $key "\"touch $T/marks\"" trusted
	refuses 1 $key "\"touch $T/marks\"" trusted
done
for key in password_file secret_file key_file certificate_file ssh_config; do
	refuses 65534 $key '"/etc/shadow"' trusted
	refuses 1 $key '"/etc/shadow"' trusted
done
refuses 1 credential '"edge-password"' trusted
refuses 1 ssh_options '"ProxyCommand=touch"' trusted
refuses 1 host '"127.0.0.1"' trusted
refuses 1 username '"root"' trusted
refuses 1 proxy_jump '"core1"' trusted
refuses 65534 proxy_jump '"core1"' trusted
refuses 65534 password '"x"' credentials
refuses 1 max_idle_time 3 options
like "$(rpc 1 "$(request 1 exec '"device":{"host":"127.0.0.1"},"command":"echo a"')")" '"reason": *"denied"' "a device of its own"
like "$(rpc 5 "$(request 1 exec '"device":{"host":"127.0.0.1"},"command":"echo a"')")" 'denied.*may: \[adhoc\]' "with what would allow it"
run another "$T/bin/npexec" root@127.0.0.1 echo a
like "$status $err" '^255 .*denied' "or an address"
ok "nothing of that was run" [ ! -e "$T/marks" ]
like "$(rpc 4 "$(request 1 exec "\"device\":\"dev\",\"command\":\"echo a\",\"overrides\":{\"username\":\"$me\"}")")" \
	'"exit_status": *0' "unless a rule trusts him"

# ---- secrets of one's own ----

pw() { request 1 exec "\"device\":\"own\",\"command\":\"show clock\",\"overrides\":{\"password\":\"$1\"}"; }
like "$(rpc 1 "$(pw admin-pw)")" '"session": *[0-9]+' "a password of one's own, where a rule takes it"
is "$(npctl --json status | jq '[.devices[] | select(.device == "own").sessions] | add')" 1 "has made a session"
run another "$T/bin/npexec" dev echo a
is "$status $out" '0 a' "who may bring a secret has sessions of his own"
run nobody "$T/bin/npexec" dev echo a
is "$(npctl --json status | jq -c '[.devices[] | select(.device == "dev" and .sessions > 0).sessions] | sort')" '[1,1,1]' \
	"which are nobody else's"

# ---- what is told ----

# A name comes from a thread: the first events of a user may lack it, and have his number.
named() { jq -e "select(.event == \"$1\" and .command == \"$2\" and .uid == 65534 and .user_name)" "$audit" | grep -q .; }
wait_until 'named refused reload || { nobody "$T/bin/npexec" edge1 reload; false; } >/dev/null 2>&1'
wait_until 'named command_ended "show clock" || { nobody "$T/bin/npexec" edge1 "show clock"; false; } >/dev/null 2>&1'
is "$(jq -c 'select(.event == "refused" and .command == "reload" and .user_name) | [.role, .uid, .user_name, .device, .reason, .program]' "$audit" | head -n 1)" \
	"[\"users\",65534,\"$(id -un 65534)\",\"edge1\",\"denied\",\"npexec\"]" "the audit log says who was refused what"
is "$(jq -c 'select(.event == "command_ended" and .command == "show clock" and .uid == 65534 and .user_name) | [.role, .user_name, .outcome]' "$audit" | head -n 1)" \
	"[\"users\",\"$(id -un 65534)\",\"done\"]" "and who ran what"
ok "a denial is logged" grep -q 'policy: client .*uid 65534.*denied to role users' "$T/broker.log"
like "$(cat "$audit")" '"user_name":"bin"|"uid":0' "what root does is there as well"

system_config "$devices"
run npctl reload
like "$status $err" '^1 .*.policy. is missing' "a configuration without a policy is not taken later either"
run nobody "$T/bin/npexec" edge1 show clock
is "$status" 0 "the former one holds"

# ---- limits ----

system_config "$policy
max_clients: 16
max_requests_per_user: 3
max_devices_per_user: 1
$devices"
npctl reload >/dev/null
hold 1 2 3 4
run nobody "$T/bin/npexec" dev echo a
like "$status $err" '^255 .*queue_full: 4 clients of uid 65534 .*max_clients_per_user' "one user has a quarter of the places"
run another "$T/bin/npexec" dev echo b
is "$status $out" '0 b' "the others have theirs"
is "$(npexec dev echo c)" c "and root"
is "$(npctl --json status | jq -c '[.peers[] | select(.uid == 65534) | .user] | unique')" "[\"$(id -un 65534)\"]" "status tells who they are"
end_all $holders
wait_until 'npctl --json status | jq -e "[.peers[] | select(.uid == 65534)] | length == 0"'
run nobody "$T/bin/npexec" dev echo a
is "$status" 0 "who has left has a place again"

system_config "$policy
max_clients: 4
max_clients_per_user: 4
$devices"
npctl reload >/dev/null
hold 5 6 7 8
run another "$T/bin/npexec" dev echo a
like "$status $err" '^255 .*queue_full' "where he may have all places, and has"
run npctl close dev
is "$status" 0 "root gets in all the same"
end_all $holders
wait_until 'npctl --json status | jq -e "[.peers[] | select(.uid == 65534)] | length == 0"'
system_config "$policy
max_clients: 16
max_requests_per_user: 3
max_devices_per_user: 1
$devices"
npctl reload >/dev/null

for _i in 1 2 3 4; do
	request $_i exec '"device":"dev","command":"sleep 60"'
	echo
done >"$T/four"
printf '%s\n' '!wait max_requests_per_user' '!hold' >>"$T/four"
nobody "$T/bin/nprpc" -S "$sock" <"$T/four" >"$T/flood" 2>&1 &
flood=$!
ok "a user has so many requests at once" wait_until "grep -q 'max_requests_per_user' $T/flood"
is "$(grep -c queue_full "$T/flood")" 1 "no more and no less"
run nobody "$T/bin/npexec" edge1 show clock
like "$status $err" '^255 .*queue_full: .*max_requests_per_user' "by any connection"
run another "$T/bin/npexec" dev echo d
is "$status $out" '0 d' "another user has his own"
end_all "$flood"
wait_until 'npctl --json status | jq -e ".requests | length == 0"'
later slow1 nobody "$T/bin/npexec" dev sleep 60
wait_until 'npctl --json status | jq -e ".requests | length == 1"'
run nobody "$T/bin/npexec" edge1 show clock
like "$status $err" '^255 .*queue_full: .*max_devices_per_user' "and so many devices"
run nobody "$T/bin/npexec" dev echo e
is "$status $out" '0 e' "of which the ones he is on are"
run another "$T/bin/npexec" dev echo f
is "$status $out" '0 f' "and nobody else's"

# ---- turns ----

system_config "$policy$devices"
end_all "$bg_slow1"
npctl reload >/dev/null
wait_until 'npctl --json status | jq -e ".requests | length == 0"'
for _i in 1 2 3 4; do
	later turn$_i nobody "$T/bin/npexec" -n one "$T/bin/gate" $_i
	wait_until "npctl --json status | jq -e '.requests | length == $_i'"
done
later turn5 another "$T/bin/npexec" -n one "$T/bin/gate" a
wait_until 'npctl --json status | jq -e ".requests | length == 5"'
: >"$T/go"
wait_until "[ \$(wc -l <$T/order) -eq 5 ]"
is "$(tr -d '\n' <"$T/order")" 12a34 "all that one user waits with holds another up for one turn"

# ---- how it is found ----

# usual UID COMMAND...: with the broker at its usual place, and a runtime directory of one's own without one.
usual()
{
	_usual=$1
	shift
	as_root='mount -t tmpfs none /run && mkdir /run/netpulse && mount --bind "$1" /run/netpulse && mkdir -m 700 /run/own &&
		chown "$2" /run/own && uid=$2 && shift 2 &&
		exec setpriv --reuid="$uid" --regid="$uid" --clear-groups env HOME=/nonexistent XDG_RUNTIME_DIR=/run/own "$@"'
	unshare -m --propagation private sh -c "$as_root" sh "$T/sys" "$_usual" "$@"
}
if unshare -m --propagation private true 2>/dev/null; then
	_socket=$NETPULSE_SOCKET
	unset NETPULSE_SOCKET NETPULSE_BROKER_UID
	run usual 65534 "$T/bin/npexec" dev echo found
	is "$status $out" '0 found' "who has no broker and is let in finds the system's"
	run usual 65534 "$T/bin/npexec" dev reload
	like "$status $err" '^255 .*denied to role users' "and is told whose rules hold"
	run usual 0 "$T/bin/npctl" --json ping
	is "$status" 0 "root finds it as well"
	run usual 65534 "$T/bin/npctl" -S /run/netpulse/netpulse.sock ping
	is "$status" 0 "it can be named"
	run usual 65534 env NETPULSE_SOCKET=/run/own/s "$T/bin/npexec" --no-start dev echo a
	like "$status $err" '^255 .*no broker is running at /run/own/s' "and another one, too"
	chmod 777 "$T/sys"
	run usual 65534 "$T/bin/npexec" dev echo found
	like "$status $err" '^255 .*writable by others' "it is not trusted where others could have made it"
	chmod 755 "$T/sys"
	chown 7 "$T/sys"
	run usual 65534 "$T/bin/npexec" dev echo found
	like "$status $err" '^255 .*runs as user 2, not as its directory' "nor where another account should serve"
	chown "$account" "$T/sys"
	chmod 600 "$sock"
	run usual 65534 env NETPULSE_DAEMON=/nonexistent/own "$T/bin/npexec" dev echo own
	like "$status $err" '^255 .*/nonexistent/own' "whom it does not let in gets one of his own"
	chmod 666 "$sock"
	kill -KILL "$broker_pid"
	wait "$broker_pid" 2>/dev/null
	run usual 65534 env NETPULSE_DAEMON=/nonexistent/own "$T/bin/npexec" dev echo a
	like "$status $err" '^255 .*no broker is running at /run/netpulse/netpulse.sock.*systemctl start' "nobody starts another one in its place"
	rm "$sock"
	for way in "-S /run/netpulse/netpulse.sock" ''; do
		# shellcheck disable=SC2086
		run usual 65534 env NETPULSE_SOCKET=/run/netpulse/netpulse.sock NETPULSE_DAEMON=/nonexistent/own \
			"$T/bin/npexec" $way dev echo a
		like "$status $err" '^255 .*no broker is running at /run/netpulse/netpulse.sock.*systemctl start' \
			"nor where it was asked for ${way:-by the environment}"
	done
	NETPULSE_SOCKET=$_socket
	NETPULSE_BROKER_UID=$account
	export NETPULSE_SOCKET NETPULSE_BROKER_UID
	start_system "$policy$devices"
else
	skip 12 "no mount namespace can be had"
fi

stop_broker
ok "at the end the socket is gone" [ ! -e "$sock" ]
done_testing
