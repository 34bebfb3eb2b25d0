#!/bin/sh
# A broker without further descriptors: whatever cannot be opened for that, requests fail by a reason that ends with the
# shortage.  It is no refusal, which would bar the account until somebody comes.
. "$(dirname "$0")/../kit/lib.sh"
need jq prlimit ssh-agent ssh-add

start_sshd dev
eval "$(ssh-agent -a "$T/agent" 2>/dev/null)" >/dev/null
ssh-add -q "$T/key"
mkdir "$T/public"
cp "$T/key.pub" "$T/public/key"
identity=$T/public/key
add_host keyless "$port_dev" "IdentityAgent $T/agent"
identity=$T/key
add_host behind "$port_dev" 'ProxyJump dev'
start_broker 'long_connection: {retry_delay: 0.1, retry_max: 0.1}
devices: {dev: {}, keyless: {}, behind: {}}'
nofile=$(prlimit --pid "$broker_pid" --noheadings --output SOFT --nofile | tr -d ' ')

# limit_for FREE: the RLIMIT_NOFILE with which the broker can open so many: what counts is the number of a descriptor.
limit_for()
{
	ls "/proc/$broker_pid/fd" | sort -n | awk -v free="$1" '
		{
			for (; n < $1 && free > 0; n++)
				free--
			if (free == 0)
				exit
			n++
		}
		END { print n + free }'
}

# starve DEVICE: one command with one free descriptor, two ... until one succeeds; what they said in $T/said.
starve()
{
	: >"$T/said"
	for free in $(seq 40); do
		npctl close --now --wait dev keyless behind >/dev/null
		[ "$1" != behind ] || npexec dev true
		# Ours is one of those that it has while the request runs.
		prlimit --pid "$broker_pid" "--nofile=$(limit_for "$free"):"
		npexec "$1" true 2>>"$T/said"
		_status=$?
		prlimit --pid "$broker_pid" "--nofile=$nofile:"
		[ "$_status" -ne 0 ] || break
		ok "$1, $free left: succeeds when there are more" wait_until "npexec $1 true" 5
	done
	is "$_status" 0 "$1: with $free it succeeds"
	unlike "$(cat "$T/said")" ' (auth_failed|auth_backoff|host_key_[a-z]*): ' "$1: nothing is taken for a refusal"
	[ -s "$T/said" ] && like "$(cat "$T/said")" 'Too many open files' "$1: they say what was wanting"
}
starve dev
starve keyless
starve behind

ok "the broker ends well" stop_broker
kill "$SSH_AGENT_PID"
done_testing
