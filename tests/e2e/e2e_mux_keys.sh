#!/bin/sh
# A session is that ssh's alone which would have made it just so: by the same key, out of the same agent and files, by the
# same way.  Each other one goes by itself.
. "$(dirname "$0")/../kit/lib.sh"

need ssh ssh-agent
NETPULSE_DAEMON=$bin/netpulsed
export NETPULSE_DAEMON

start_sshd one
start_sshd two
make_key "$T/other"
# who came, by which key
for server in one two; do
	printf 'environment="WHO=key" %s\n' "$(cat "$T/key.pub")" >"$T/$server/authorized_keys"
	printf 'environment="WHO=other" %s\n' "$(cat "$T/other.pub")" >>"$T/$server/authorized_keys"
	echo 'PermitUserEnvironment yes' >>"$T/$server/config"
done
kill -HUP "$pid_one" "$pid_two"
wait_until "[ \$(grep -c 'Server listening on' $T/one/log) -ge 2 ] && [ \$(grep -c 'Server listening on' $T/two/log) -ge 2 ]"

logins()
{
	grep -c 'Accepted publickey' "$T/$1/log"
}
# files NAME: plain-NAME as it comes in, with-NAME over the broker
files()
{
	cat >"$T/plain-$1"
	npctl mux --config | cat - "$T/plain-$1" >"$T/with-$1"
}
stop()
{
	npctl stop --now >"$T/stop.out"
	wait_until '[ -z "$(brokers)" ]'
}

# ---- agents ----

for agent in 1 2 3; do
	ssh-agent -D -a "$T/ag$agent" >"$T/ag$agent.out" 2>&1 &
	eval "pid_ag$agent=$!"
	wait_until "[ -S $T/ag$agent ]"
done
SSH_AUTH_SOCK=$T/ag1 ssh-add -q "$T/key"
SSH_AUTH_SOCK=$T/ag2 ssh-add -q "$T/other"
SSH_AUTH_SOCK=$T/ag3 ssh-add -q "$T/key"
sed '/IdentityFile/d;/IdentitiesOnly/d' "$T/ssh_config" | files agent
# by AGENT...: who comes by each of these agents
by()
{
	for _agent in "$@"; do
		SSH_AUTH_SOCK=$_agent ssh -oBatchMode=yes -F "$T/with-agent" one 'echo $WHO' 2>&1
	done | tr '\n' ' '
}
is "$(by "$T/ag1" "$T/ag2" "$T/ag1" "$T/ag2")" 'key other key other ' "two agents for one account: each its own key"
before=$(logins one)
is "$(by "$T/ag1" "$T/ag3")$(($(logins one) - before))" 'key key 0' "agents with the same keys share the session"
like "$(by '')" 'Permission denied' "without an agent the server refuses it, as plain ssh"
SSH_AUTH_SOCK=$T/ag3 ssh-add -q -D 2>"$T/err"
like "$(by "$T/ag3")" 'Permission denied' "and with an emptied one"
SSH_AUTH_SOCK=$T/ag3 ssh-add -q "$T/other"
is "$(by "$T/ag3" "$T/ag1")" 'other key ' "an agent that holds another key by now"
stop
# the broker has an agent of its own
is "$(by "$T/ag1")" 'key ' "the broker is started by who has an agent"
npctl close one >"$T/close.out"
like "$(by '')" 'auth_backoff|Permission denied' "who has none does not come by the broker's"
is "$(by "$T/ag2")" 'other ' "and who has another by that one"
for name in one two; do
	is "$(SSH_AUTH_SOCK=$T/ag2 ssh -oBatchMode=yes -oIdentityAgent="$T/ag1" -F "$T/with-agent" $name 'echo $WHO')" key "IdentityAgent ($name)"
done
stop
kill "$pid_ag1" "$pid_ag2" "$pid_ag3"

# ---- key files ----

cp "$T/other" "$T/changing"
sed "s,IdentityFile .*,IdentityFile $T/changing," "$T/ssh_config" | files changing
is "$(ssh -F "$T/with-changing" one 'echo $WHO')" other "a key file"
before=$(logins one)
ssh -F "$T/with-changing" one true
is "$(logins one)" "$before" "whose session is shared"
cp "$T/key" "$T/changing"
is "$(ssh -F "$T/with-changing" one 'echo $WHO')" key "is another one: so is who comes"

# ---- ways ----

cat >"$T/proxy.py" <<-END
	import os, socket, threading
	s = socket.create_connection(("127.0.0.1", int(os.environ.get("PROXY_PORT", "$port_one"))))
	def up():
	    while True:
	        d = os.read(0, 65536)
	        if not d:
	            return s.shutdown(1)
	        s.sendall(d)
	threading.Thread(target=up, daemon=True).start()
	while True:
	    d = s.recv(65536)
	    if not d:
	        break
	    os.write(1, d)
END
files proxied <<-END
	Host proxied
	  ProxyCommand python3 $T/proxy.py
	  IdentityFile $T/key
	  IdentitiesOnly yes
	  User $me
	  StrictHostKeyChecking no
	  UserKnownHostsFile /dev/null
	  LogLevel ERROR
END
if command -v python3 >"$T/python"; then
	for port in $port_one $port_two; do
		is "$(PROXY_PORT=$port ssh -F "$T/with-proxied" proxied 'echo ${SSH_CONNECTION##* }')" "$port" \
			"a ProxyCommand sees the environment of its ssh ($port)"
	done
else
	skip 2 "python3 is not installed"
fi

{
	printf 'Match originalhost gate exec "test -e %s/flag"\n  Port %s\n' "$T" "$port_two"
	printf 'Host gate\n  HostName 127.0.0.1\n  Port %s\n' "$port_one"
	printf 'Host inner\n  ProxyJump gate\n  HostName 127.0.0.1\n  Port %s\n' "$port_two"
	printf 'Host *\n  User %s\n  IdentityFile %s\n  IdentitiesOnly yes\n  UserKnownHostsFile %s\n' "$me" "$T/key" "$T/known_hosts"
} | files gate
for want in one two; do
	one=$(logins one) two=$(logins two)
	[ $want = one ] || : >"$T/flag"
	ssh -F "$T/with-gate" inner true
	is "$(($(logins one) - one)):$(($(logins two) - two))" "$([ $want = one ] && echo 1:1 || echo 0:2)" \
		"a command decides about the jump host: by $want"
done
sed '/^Match/,/Port/d' "$T/plain-gate" | files straight
ssh -F "$T/with-straight" inner true
two=$(logins two)
ssh -F "$T/with-straight" inner true
is "$(logins two)" "$two" "one that is simply there carries a session"
sed 's/^Host gate/&\n  ForwardAgent yes/' "$T/plain-straight" >"$T/again"
files straight <"$T/again"
ssh -F "$T/with-straight" inner true
is "$(($(logins two) - two))" 1 "until it is configured so that ssh had better go by itself"
stop

# ---- sessions that nobody shares ----

printf 'long_connection:\n  enabled: false\n' >"$T/config.yaml"
NETPULSE_CONFIG=$T/config.yaml
export NETPULSE_CONFIG
files alone <"$T/ssh_config"
before=$(logins one)
ssh -F "$T/with-alone" one true
is "$(($(logins one) - before))" 1 "long_connection is off: one ssh, one login"
unset NETPULSE_CONFIG
stop
done_testing
