#!/bin/sh
# Many ssh at once at the mux door of a cold device: they log in as rarely as so many npexec would, and none can tell.
. "$(dirname "$0")/../kit/lib.sh"
need jq ssh

start_sshd dev 'MaxSessions 10'
start_sshd other 'MaxSessions 10'
start_broker 'devices: {dev: {connection_args: {max_connections: 4}}}'
npctl mux --config | cat - "$T/ssh_config" >"$T/with"

# storm HOST CONNECTIONS SSH...: 200 of them; each says who it is, and has a status of its own.
storm()
{
	_host=$1 _most=$2
	shift 2
	for i in $(seq 200); do
		(
			"$@" "$_host" "echo $i >>$T/$_host.ran; echo $i; exit $((i % 7))" </dev/null >"$T/$_host.out.$i" 2>"$T/$_host.err.$i"
			echo "$? $(cat "$T/$_host.out.$i")" >"$T/$_host.end.$i"
		) &
	done
	ok "$_host: 200 at once on a cold device end" wait_until "[ \$(ls $T | grep -c '^$_host\\.end') -eq 200 ]" 100
	is "$(for i in $(seq 200); do cat "$T/$_host.end.$i"; done)" "$(for i in $(seq 200); do echo "$((i % 7)) $i"; done)" \
		"each with its output and its status"
	is "$(cat "$T/$_host".err.*)" '' "nobody hears of the server's channel limit"
	is "$(sort -n "$T/$_host.ran")" "$(seq 200)" "each command has run once"
	at_most "$(connections "$_host")" "$_most" "at most max_connections connections"
	_first=$(grep -n '^Accepted publickey for' "$T/$_host/log" | head -n 1 | cut -d: -f1)
	is "$(head -n "$_first" "$T/$_host/log" | grep -c '^Connection from')" 1 "one attempt until the first login has succeeded"
}

storm dev 4 ssh -F "$T/ssh_config" -S "$T/run/mux/dev" -o ProxyCommand=false
storm other 10 ssh -F "$T/with"
ok "nothing is left of them" wait_until '[ "$(status "(.requests | length), (.peers | length)" | tr -d "\n")" = 01 ]'
ok "the broker ends well" stop_broker
done_testing
