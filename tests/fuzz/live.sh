#!/bin/sh
# The stateful fuzzers (tests/tool/livefuzz.h) against a broker that runs: clients of its protocol and of the mux door
# that mostly keep to it, and servers that do not.  `make fuzz-live SECONDS=n SEED=n`: so many seconds of each; in
# `make check` a few, always the same.  What a case does wrong is a line "SEED CASE TEXT": NP_FUZZ_ONLY=rpc|mux and
# NP_FUZZ_CASE=CASE repeat that one alone and show what was said (the broker's log: NP_KEEP=DIR).
NP_TEST_SECONDS=${NP_TEST_SECONDS:-$((${NP_FUZZ_SECONDS:-3} * 6 + 300))}
. "$(dirname "$0")/../kit/lib.sh"
need jq

seconds=${NP_FUZZ_SECONDS:-3}
seed=${NP_FUZZ_SEED:-1}
cd "$T" || exit 1
mkdir -m 700 "$T/agent"

start_simdev dev --open-door
start_simdev few --open-door --max-channels 1
start_simdev cli --scenario ios.txt
start_simdev asks --scenario ios.txt
start_simdev refuses --user nobody --password never
start_simdev mute --silent
start_simdev drops --drop
add_host gone "$(free_port)"
words="dev dev dev cli cli few asks refuses mute drops gone"

# Servers that go wrong: as many again are command lines.
evilssh "$seed" 12 "$T/ports.evil" "$T/known_hosts" ${NP_FUZZ_SERVER:-} >"$T/evil.log" 2>&1 &
ok "servers that go wrong" wait_until "[ -s $T/ports.evil ]" || exit 1
evils=
while read -r port; do
	add_host "evil$port" "$port"
	evils="$evils evil$port"
done <"$T/ports.evil"
# Last, as the first value counts: for what has no entry nothing outside of here is read or written.
add_host '*' 1
evil_devices()
{
	_type=linux
	for _name in $evils; do
		echo "  $_name: {username: evil, password: evil-pw, device_type: $_type, credential_scope: device,"
		echo "    connection_args: {enabled: false, retry_max: 0.1}}"
		[ "$_type" = linux ] && _type=cisco_ios || _type=linux
	done
}

limits="
long_connection: {retry_delay: 0.1, retry_max: 0.5, connection_timeout: 2, queue_timeout: 3, timeout: 5, prompt_timeout: 2,
  check_delay: 1, keepalive_interval: 1}
audit_log: $T/audit
devices:
  dev: {groups: [all]}
  few: {}
  refuses: {username: other, password: wrong}
  mute: {}
  drops: {}
  gone: {}
  cli: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw}
  asks: {device_type: cisco_ios, username: admin}
$(evil_devices)"

# What is allowed here is little, and one may have to wait for a person who never looks.
policy="
sockets: [{path: $T/agent/some, role: some}]
policy:
  - {role: some, devices: [dev, cli], command: ['show .*', 'echo .*', cat, 'flood .*'], then: allow, devices_at_once: 2, requests_per_minute: 500}
  - {role: some, devices: [few], methods: [exec], then: confirm}
  - {role: some, methods: [config, shell, forward], devices: [dev], then: allow}
  - {role: some, then: deny}"

# One device among those that go wrong is well, and stays so.
well()
{
	while :; do
		_began=$(now_ms)
		[ "$(npexec dev echo hello 2>&1)" = hello ] || echo failed
		echo "$(($(now_ms) - _began))"
		npctl accounts retry evil >/dev/null 2>&1
	done
}

# fuzz NAME PLACE WORD...: no complaint, and the broker as it was.
fuzz()
{
	_what=$1
	_place=$2
	[ "${NP_FUZZ_ONLY:-$1}" = "$1" ] || return 0
	shift 2
	if [ "$_what" = ask ]; then
		well >"$T/well" &
		well=$!
	fi
	# shellcheck disable=SC2086
	livefuzz "$_what" "$_place" "$seed" "$seconds" ${NP_FUZZ_CASE:-} -- "$@" >"$T/fuzz.out" 2>&1
	_status=$?
	is "$_status $(grep -v '^#' "$T/fuzz.out" | head -n 20)" '0 ' "$_what: each request one answer (seed $seed)"
	[ -z "${NP_FUZZ_CASE:-}" ] || cat "$T/fuzz.out"
	diag "$(grep '^# [0-9]* cases' "$T/fuzz.out")"
	ok "$_what: the broker is alive" alive "$broker_pid"
	if [ "$_what" = ask ]; then
		kill "$well"
		diag "$(cut -d' ' -f2- "$T/evil.log" | sort -u | wc -l) sorts of oddities in $(cut -d' ' -f1 "$T/evil.log" | sort -u | wc -l) connections"
		is "$(grep -c failed "$T/well")" 0 "ask: a device among them is well: $(wc -l <"$T/well") commands"
		at_most "$(sort -n "$T/well" | tail -n 1)" "$(slow 3000)" "ask: and quick"
	fi
	if [ "$_what" = mux ]; then # what `ssh -O forward` asks for outlives its ssh
		for _name in $(printf '%s\n' "$@" | sort -u); do
			ok "mux: $_name: forwarded ports are closed" ssh -F "$T/ssh_config" -S "$T/run/mux/$_name" -O exit "$_name"
		done
	fi
	npctl resume --all >/dev/null 2>&1
	npctl enable --all >/dev/null 2>&1
	npctl accounts retry admin >/dev/null 2>&1
	is "$(npexec dev echo hello 2>&1)" hello "$_what: and works"
	ok "$_what: all is closed, nobody waits" wait_until all_closed 30 || diag "$(npctl status)"
	broker_is_back "$fds" $((rss + 24000))
}

is "$(livefuzz verbs)" "$(sed -n 's/^    {"\([a-z_]*\)", [PA][AS][A-Z_]*, \.\(makes\|run\).*/\1/p' "$tests/../src/broker/verb/verbs.c" | grep -v '^stop$' | sort)" "all verbs are asked for"
start_broker "$limits"
for name in dev few cli asks; do
	npctl open "$name" >/dev/null 2>&1
done
ok "all is closed" wait_until all_closed 30
fds=$(count_fds "$broker_pid")
rss=$(rss_kb "$broker_pid")
# shellcheck disable=SC2086
fuzz rpc "$NETPULSE_SOCKET" $words
# doors: those of all devices, for they are made one after another.
doors()
{
	for _name in $words; do
		[ -S "$T/run/mux/$_name" ] || return 1
	done
}
ok "the doors are open again after a hand-over that came to nothing" wait_until doors
# shellcheck disable=SC2086
fuzz mux "$T/run/mux" $words
# shellcheck disable=SC2086
fuzz ask "$NETPULSE_SOCKET" $evils
write_config "$limits$policy"
ok "a policy comes into force" npctl reload
fds=$(count_fds "$broker_pid")
# shellcheck disable=SC2086
fuzz rpc "$T/agent/some" $words
ok "the broker ends well" stop_broker
done_testing
