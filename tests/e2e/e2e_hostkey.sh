#!/bin/sh
# Host keys: known, unknown, changed, revoked, hashed.
. "$(dirname "$0")/../kit/lib.sh"

start_sshd dev
start_simdev sim --user admin --password secret
key=$(cut -d' ' -f1,2 "$T/dev/hostkey.pub")
make_key "$T/another"
wrong=$(cut -d' ' -f1,2 "$T/another.pub")
at="[127.0.0.1]:$port_dev"
for name in unknown changed revoked hashed accepting asked off alias; do
	: >"$T/kh-$name"
done
echo "$at $wrong" >"$T/kh-changed"
printf '%s\n' "$at $key" "@revoked * $key" >"$T/kh-revoked"
echo "$at $key" >"$T/kh-hashed"
ssh-keygen -q -H -f "$T/kh-hashed" >/dev/null 2>&1
echo "router $key" >"$T/kh-alias"
for name in unknown changed revoked hashed asked; do
	add_host $name "$port_dev" "UserKnownHostsFile $T/kh-$name" 'StrictHostKeyChecking ask'
done
add_host accepting "$port_dev" "UserKnownHostsFile $T/kh-accepting" 'StrictHostKeyChecking accept-new'
add_host alias "$port_dev" "UserKnownHostsFile $T/kh-alias" 'HostKeyAlias router'
echo "[127.0.0.1]:$port_sim $wrong" >"$T/kh-sim"
add_host liar "$port_sim" "UserKnownHostsFile $T/kh-sim"
start_broker '
long_connection: {retry_delay: 20, retry_max: 20, queue_timeout: 10}
devices:
  liar: {username: admin, password: secret}
'
fingerprint=$(ssh-keygen -l -f "$T/dev/hostkey.pub" | cut -d' ' -f2)

run npexec unknown true
is "$status" 255 "an unknown key and no terminal: exit status 255"
like "$err" '^npexec: unknown: host_key_unknown: ' "reason host_key_unknown"
ok "with its fingerprint" grep -qF "$fingerprint" "$T/err"
ok "nothing is written" [ ! -s "$T/kh-unknown" ]
is "$(logins dev)" 0 "no login was tried"
run npexec unknown true
like "$err" 'host_key_unknown|backoff' "again"
echo "$at $key" >"$T/kh-unknown"
run npexec unknown 'echo hi'
is "$out" hi "a changed known_hosts file ends the back-off at once"

run ptyrun -e 'yes/no' -s 'no\r' npexec asked true
is "$status" 255 "asked at a terminal, answered no"
ok "nothing is written" [ ! -s "$T/kh-asked" ]
npctl open asked >/dev/null 2>&1
run ptyrun -e 'yes/no' -s 'yes\r' npexec asked 'echo "<in>"'
ok "the question shows the fingerprint" grep -qF "$fingerprint" "$T/out"
like "$out" '<in>' "answered yes, it goes on"
ok "and the key is written down" grep -qF "$key" "$T/kh-asked"

is "$(npexec accepting 'echo hi')" hi "StrictHostKeyChecking accept-new takes an unknown key"
ok "and writes it down" grep -qF "$key" "$T/kh-accepting"
is "$(npexec hashed 'echo hi')" hi "hashed names"
is "$(npexec alias 'echo hi')" hi "HostKeyAlias"

run npexec changed true
is "$status" 255 "a changed key: exit status 255"
like "$err" '^npexec: changed: host_key_changed: .*kh-changed' "reason host_key_changed, and where the old one stands"
run ptyrun npexec changed true
is "$status" 255 "also at a terminal"
unlike "$out" 'yes/no' "where nobody is asked"
run npexec revoked true
is "$status" 255 "a revoked key: exit status 255"
like "$err" '^npexec: revoked: host_key_[a-z]+: .*revoked' "which is said"

run npexec liar true
like "$err" '^npexec: liar: host_key_changed: ' "a device with a password and a changed key"
is "$(events sim '^auth')" 0 "was not sent the password"

ok "the broker ends well" stop_broker
done_testing
