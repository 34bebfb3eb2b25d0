#!/bin/sh
# How the broker logs in without a person: keys, agent, certificates, configured passwords.
. "$(dirname "$0")/../kit/lib.sh"
need jq ssh-agent ssh-add

start_sshd dev 'MaxAuthTries 3'
start_simdev pw --user admin --password 'p w"d'
start_simdev slow --user admin --password 'p w"d' --auth-delay 2
start_simdev kb --user admin --kbdint 'p w"d'
start_simdev codefirst --user admin --round 'Verification code: =123456' --round 'Password: =p w"d'
start_simdev renew --user admin --round 'Password: =p w"d' --round 'New password: =p w"d'
start_simdev confirm --user admin --round '+Do you accept the terms? (yes/no): =yes' --round 'Password: =p w"d'
make_key "$T/ca"
make_key "$T/agentkey"
make_key "$T/certkey"
make_key "$T/locked" hidden
cat "$T/agentkey.pub" "$T/locked.pub" >>"$T/dev/authorized_keys"
ssh-keygen -q -s "$T/ca" -I test -n "$me" "$T/certkey.pub" 2>/dev/null
echo "cert-authority $(cat "$T/ca.pub")" >>"$T/dev/authorized_keys"
printf 'p w"d\nsecond line\n' >"$T/password"

identity=
add_host agent "$port_dev" "IdentityFile $T/agentkey.pub"
add_host anyagent "$port_dev" 'IdentitiesOnly no' "IdentityFile $T/nosuch"
add_host cert "$port_dev" "IdentityFile $T/certkey" "CertificateFile $T/certkey-cert.pub"
add_host locked "$port_dev" "IdentityFile $T/locked"
add_host nokey "$port_dev" "IdentityFile $T/nosuch"
add_host unlocked "$port_dev" "IdentityFile $T/nosuch"
identity=$T/key
for name in literal file command bad lazy; do
	add_host $name "$port_pw" 'User admin'
done
add_host late "$port_slow" 'User admin' "UserKnownHostsFile $T/kh-late" 'StrictHostKeyChecking accept-new'
add_host question "$port_kb" 'User admin'
add_host codefirst "$port_codefirst" 'User admin'
add_host renew "$port_renew" 'User admin'
add_host confirm "$port_confirm" 'User admin'

# Six keys that open nothing, then the one that does: more than MaxAuthTries.
eval "$(ssh-agent -a "$T/agent" 2>/dev/null)" >/dev/null
i=0
while [ $i -lt 6 ]; do
	make_key "$T/useless$i"
	ssh-add -q "$T/useless$i" 2>/dev/null
	i=$((i + 1))
done
ssh-add -q "$T/agentkey" 2>/dev/null
agent=$SSH_AUTH_SOCK
unset SSH_AUTH_SOCK

start_broker "
devices:
  literal: {username: admin, password: 'p w\"d'}
  file: {username: admin, password_file: $T/password}
  command: {username: admin, password_command: 'head -n 1 $T/password; echo noise >&2'}
  bad: {username: admin, password: wrong}
  late: {username: admin, password_file: $T/late}
  lazy: {username: admin, password_command: 'exit 3'}
  question: {username: admin, password: 'p w\"d'}
  codefirst: {username: admin, password: 'p w\"d', otp_command: 'echo 123456'}
  renew: {username: admin, password: 'p w\"d', otp_command: 'echo 123456'}
  confirm: {username: admin, password: 'p w\"d', otp_command: 'echo 123456'}
  unlocked: {key_file: $T/locked, passphrase_command: 'echo hidden'}
"

# ---- passwords from the configuration ----

is "$(npexec literal 'echo hi')" hi "password"
is "$(npexec file 'echo hi')" hi "password_file: its first line"
is "$(npexec command 'echo hi')" hi "password_command: its first line"
is "$(npexec question 'echo hi')" hi "a password for keyboard-interactive with one hidden prompt"
is "$(npexec codefirst 'echo hi')" hi "a code asked for before the password: each gets its own"
run npexec confirm true
like "$err" ' auth_failed: .*nobody answered .Do you accept the terms\? .yes/no.: .; run it on a terminal to answer' \
	"a yes or no gets neither, and is named"
is "$(events confirm '^round')" 0 "nor anything else"
run ptyrun -e 'yes/no' -s 'yes\r' npexec -o timeout=9 confirm 'echo "<in>"'
like "$out" '<in>' "a person answers it, the configured password follows"
run npexec renew true
like "$err" ' auth_failed: .*wants a new password or PIN .`New password: `' "a new password is not chosen by the broker"
is "$(events renew '^round 2')" 0 "nor is the old one or a code sent for it"
run npexec bad true
is "$status" 255 "a wrong password: exit status 255"
like "$err" '^npexec: bad: auth_failed: ' "reason auth_failed"
is "$(events pw ' bad ')" 1 "it was offered once"
run npexec bad true
like "$err" '^npexec: bad: auth_backoff: ' "the next is told at once"
is "$(events pw ' bad ')" 1 "without another attempt"
npctl open bad >/dev/null 2>&1
is "$(events pw ' bad ')" 2 "npctl open makes one"
run npexec lazy true
like "$err" '^npexec: lazy: credential_failed: .*password_command' "a password_command that fails: credential_failed"

# A password given later, in its file.  Each wrong one is another: what an account was refused with is offered no more.
printf 'wrong too\n' >"$T/password"
npctl close file >/dev/null
run npexec file true
like "$err" 'auth_failed' "a wrong password_file"
printf 'p w"d\n' >"$T/password"
run npexec file true
is "$status" 0 "once the file has changed, it is tried again"

# Mended while the login with the wrong one is still under way.
printf 'wrong and late\n' >"$T/late"
npexec late true 2>"$T/late.err" </dev/null &
late=$!
ok "a slow login offers a wrong password" wait_until "grep -q '^asked password' $T/slow/events"
printf 'p w"d\n' >"$T/late"
wait_for $late
is $? 255 "and fails"
like "$(cat "$T/late.err")" ' auth_failed: ' "by that"
run npexec late true
is "$status" 0 "what was mended meanwhile is tried at the next request"

# A host key that the failed login itself has written down is no reason to try the password again.
printf 'wrong and new\n' >"$T/late"
rm "$T/kh-late"
npctl close late >/dev/null
run npexec late true
like "$err" ' auth_failed: ' "a wrong password, and a host key that is new"
before=$(events slow '^auth password')
run npexec late true
like "$err" ' auth_backoff: ' "the next is told at once"
is "$(events slow '^auth password')" "$before" "without another attempt"

# ---- keys ----

run npexec nokey true
like "$err" '^npexec: nokey: auth_failed: ' "no key that fits: auth_failed"
is "$(npexec -i "$T/key" nokey 'echo hi')" hi "-i names one"
is "$(npexec unlocked 'echo hi')" hi "key_file with passphrase_command"
run npexec locked true
is "$status" 255 "a passphrase and no terminal: exit status 255"
like "$err" '^npexec: locked: (auth_failed|credential_failed): .*passphrase' "which is said"
run npexec -o key_file="$T/nosuch" nokey true
like "$err" "credential_failed: .*$T/nosuch" "a key file that is not there is named"

# ---- agent ----

run npexec agent true
like "$err" '^npexec: agent: auth_failed: ' "no agent: auth_failed"
SSH_AUTH_SOCK=$agent run npexec agent 'echo hi'
is "$out" hi "the client's agent signs; IdentitiesOnly picks the key among seven"
is "$(npexec agent 'echo hi')" hi "later commands need no agent"
SSH_AUTH_SOCK=$agent run npexec anyagent true
is "$status" 255 "without IdentitiesOnly six wrong keys come first, as with ssh"
ssh-keygen -q -t ed25519 -N '' -f "$T/other"
SSH_AUTH_SOCK=$T/nosocket run npexec "$me@agent" true
is "$status" 255 "an agent socket that is not there"
unlike "$(tr '\000' '\n' <"/proc/$broker_pid/environ" 2>/dev/null)" "$agent" "the broker does not inherit it"

# ---- certificates ----

is "$(npexec cert 'echo hi')" hi "a user certificate with its key"
like "$(grep '^Accepted publickey' "$T/dev/log" | tail -n 1)" 'ED25519-CERT' "was what the server took"

# ---- many devices that the configuration does not name ----

ok "the broker ends" stop_broker
start_broker "
max_sessions: 2
devices:
  literal: {username: admin, password: 'p w\"d'}
"
add_host many "$port_pw" 'User admin'
auth_failed=0
for i in 1 2 3 4 5 6 7 8; do
	npexec -l nobody$i -o password_file="$T/password" many true 2>"$T/err"
	grep -q ' auth_failed: ' "$T/err" && auth_failed=$((auth_failed + 1))
done
is $auth_failed 8 "eight wrong passwords"
before=$(events pw ' bad ')
run npexec -l nobody9 -o password_file="$T/password" many true
like "$err" ' auth_backoff: .*8 devices.*npctl accounts retry' "the ninth is not tried"
run npexec -l nobody1 -o password_file="$T/password" many true
like "$err" ' auth_backoff: .*login refused' "and none of the others is forgotten"
is "$(events pw ' bad ')" "$before" "so no attempt is made"
run npexec literal true
is "$status" 0 "a device of the configuration is none of them"
npctl reload >/dev/null
run npexec -l nobody9 -o password_file="$T/password" many true
like "$err" ' auth_backoff: .*8 devices' "npctl reload, with nothing changed, lifts nothing"
for i in 1 2 3 4 5 6 7 8; do
	npctl accounts retry nobody$i >/dev/null
done
run npexec -l nobody9 -o password_file="$T/password" many true
like "$err" ' auth_failed: ' "npctl accounts retry lifts that"
npctl accounts retry nobody9 >/dev/null
for i in 1 2 3 4 5 6 7 8 9; do
	npexec -o timeout=$i -o password_file="$T/password" many true || break
done
is $i 9 "nine that work"
at_most "$(status '.devices | length')" 10 "are not all remembered"

# ---- secrets ----

unlike "$(npctl status --json; cat "$T/broker.log")" 'p w"d|p w.."d|hidden' "no secret in status or log"

ok "the broker ends well" stop_broker
kill "$SSH_AGENT_PID"
done_testing
