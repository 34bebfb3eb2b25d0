#!/bin/sh
# What the gate before accounts costs: one right password on many devices, cold, as one account (one login at a time, then
# 2, 4 ...) and as an account of each device (nobody waits for anybody), by turns (`make bench`).
#
# NP_BENCH_DEVICES (1000) and NP_BENCH_FANOUTS (3) change the size, NP_BENCH_AUTH_DELAY (none)
# how long a server thinks.  Asserts nothing.
NP_TEST_SECONDS=${NP_BENCH_SECONDS:-900}
broker_debug=
. "$(dirname "$0")/../kit/lib.sh"

devices=${NP_BENCH_DEVICES:-1000}

start_simdev many --listen 127.0.20.1 --count "$devices" --user admin --password right ${NP_BENCH_AUTH_DELAY:+--auth-delay "$NP_BENCH_AUTH_DELAY"}
add_addresses many '127.0.2?.*'
names=$(cut -d' ' -f1 "$T/known_hosts" | sed 's/^\[//; s/\].*//' | grep '^127\.0\.2' | head -n "$devices" | paste -sd,)

echo right >"$T/word"

# seconds SCOPE: of a fan-out from a broker that knows nothing yet.
seconds()
{
	start_broker "max_sessions: $((devices * 2))
long_connection: {queue_timeout: 0}
devices:
$(echo "$names" | tr , '\n' | sed "s|.*|  &: {username: admin, password_file: $T/word, credential_scope: $1}|")"
	npctl ping >/dev/null
	_began=$(date +%s.%N)
	npexec -n -P "$devices" "$names" true >"$T/out" 2>"$T/err" || diag "$(tail -n 3 "$T/err")" >&2
	echo "$_began $(date +%s.%N)" | awk '{ printf "%.2f", $2 - $1 }'
	stop_broker >/dev/null
}

echo
echo "fan-out, cold, $devices devices with one right password (s)"
printf '%-24s %-24s %s\n' "one account" "each its own" "ratio"
for _i in $(seq "${NP_BENCH_FANOUTS:-3}"); do
	one=$(seconds account)
	own=$(seconds device)
	printf '%-24s %-24s %s\n' "$one" "$own" "$(echo "$one $own" | awk '{ printf "%.2f", $1 / $2 }')"
done
test_done=yes
