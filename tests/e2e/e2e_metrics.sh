#!/bin/sh
# npctl metrics: OpenMetrics text by a strict parser, numbers that are true, a file for node_exporter, a dashboard.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_sshd other
add_host nobody 1
start_broker "
devices:
  dev: {connection_args: {keepalive_interval: 1}}
  other: {}
  nobody: {}
  unused: {host: 127.0.0.1}
"

# value SERIES: its number in $T/metrics.
value()
{
	awk -v series="$1" '$1 == series { print $2 }' "$T/metrics"
}

metrics()
{
	npctl metrics "$@" >"$T/metrics"
}

# ---- a broker that has done nothing ----

metrics
ok "a strict parser takes it" omcheck <"$T/metrics"
is "$(tail -n 1 "$T/metrics")" '# EOF' "to its end"
is "$(value 'netpulse_devices{state="idle"}')" 4 "the configured devices are idle"
is "$(value netpulse_logins_total)" 0 "nothing has happened"
is "$(value 'netpulse_login_failures_total{reason="auth_failed"}')" 0 "what may go wrong is there as 0"
is "$(value netpulse_up)" 1 "it is up"

# ---- what happens is counted ----

npctl reload >/dev/null
npexec dev 'echo hello' >/dev/null
npexec dev 'exit 3'
printf 12345 | npexec dev 'cat >/dev/null'
npexec -e true -e false -e true other >/dev/null
npexec nobody true 2>/dev/null
npexec --timeout 0.2 dev 'sleep 30' 2>/dev/null
npctl open other >/dev/null
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"exec","params":{"device":"dev","commands":["false","true"],"on_error":"stop"}}' \
	'{"jsonrpc":"2.0","id":2,"method":"exec","params":{"device":"dev","tiemout":1}}' \
	'{"jsonrpc":"2.0","id":3,"method":"exec","params":{"device":"dev"}}' \
	'{"jsonrpc":"2.0","method":"eof","params":{"id":3}}' | nprpc >/dev/null
npctl close other --now >/dev/null
npctl sync
ok "probes are sent" wait_until 'metrics; [ "$(value netpulse_rtt_seconds_count)" -ge 1 ]'
metrics
ok "a strict parser takes it" omcheck <"$T/metrics"
is "$(value netpulse_logins_total)" 2 "log-ins"
is "$(value netpulse_login_seconds_count)" 2 "and their times"
is "$(value 'netpulse_login_failures_total{reason="connect_failed"}')" 1 "failed attempts by reason"
is "$(value 'netpulse_session_ends_total{how="closed"}')" 1 "sessions that were closed"
is "$(value 'netpulse_sessions{state="connected"}')" 1 "sessions that there are"
is "$(value 'netpulse_devices{state="connected"}'):$(value 'netpulse_devices{state="failed"}'):$(value 'netpulse_devices{state="idle"}')" \
	1:1:2 "devices by state"
is "$(value 'netpulse_requests_total{kind="exec"}')" 7 "requests"
is "$(value 'netpulse_requests_total{kind="shell"}')" 1 "shells"
is "$(value 'netpulse_requests_total{kind="open"}')" 1 "opens"
is "$(value 'netpulse_request_failures_total{reason="connect_failed"}')" 1 "requests that failed, by reason"
is "$(value 'netpulse_request_failures_total{reason="command_timeout"}')" 1 "and by time limit"
is "$(value 'netpulse_refusals_total{reason="invalid_params"}')" 1 "refusals"
is "$(value 'netpulse_commands_total{outcome="succeeded"}')" 5 "commands that succeeded"
is "$(value 'netpulse_commands_total{outcome="nonzero"}')" 3 "that did not"
is "$(value 'netpulse_commands_total{outcome="error"}')" 1 "that went wrong"
is "$(value 'netpulse_commands_total{outcome="not_run"}')" 1 "that were not run"
is "$(value netpulse_command_seconds_count)" 8 "times of commands, not of shells"
ok "the one that was cut took its time" \
	[ "$(value 'netpulse_command_seconds_bucket{le="0.1"}')" -lt "$(value netpulse_command_seconds_count)" ]
is "$(value netpulse_queue_seconds_count)" 7 "times in the queue, one a request"
is "$(value 'netpulse_leases_total{session="new"}')" 2 "requests that needed a new session"
is "$(value 'netpulse_leases_total{session="warm"}')" 6 "and those that did not"
is "$(value 'netpulse_reloads_total{result="done"}')" 1 "reloads"
is "$(value netpulse_steerings_total)" 2 "steering"
ok "bytes" [ "$(value netpulse_ssh_received_bytes_total)" -gt 1000 ]
ok "of clients" [ "$(value netpulse_client_received_bytes_total)" -gt 500 ]
ok "memory" [ "$(value netpulse_resident_memory_bytes)" -gt 1000000 ]
ok "descriptors" [ "$(value netpulse_open_fds)" -gt 5 ]
ok "turns of the loop" [ "$(value netpulse_loop_lag_seconds_count)" -gt 20 ]
is "$(value netpulse_clients)" 1 "we are the only client"
unlike "$(cat "$T/metrics")" 'device=' "devices are no labels"

# ---- devices, labels ----

ok "devices one by one" metrics --devices --label site=lab --label 'who=a b'
ok "a strict parser takes it" omcheck <"$T/metrics"
like "$(cat "$T/metrics")" '^netpulse_device_up\{site="lab",who="a b",device="dev"\} 1$' "one that has a session"
like "$(cat "$T/metrics")" '^netpulse_device_failed\{site="lab",who="a b",device="nobody"\} 1$' "one that failed"
like "$(cat "$T/metrics")" '^netpulse_device_requests_total\{site="lab",who="a b",device="dev"\} 6$' "what it has served"
is "$(grep -v '^#' "$T/metrics" | grep -vc 'site="lab",who="a b"')" 0 "every sample has the labels"
npexec -o connection_timeout=9 dev true
metrics --devices
is "$(grep -c '^netpulse_device_up{device="dev"}' "$T/metrics")" 1 "two pools of one device are one device"
is "$(value 'netpulse_device_sessions{device="dev"}')" "$(status '[.devices[] | select(.device == "dev").sessions] | add')" \
	"with the sessions of both"
for label in 9x=1 state=x le=1; do
	run npctl metrics --label "$label"
	is "$status" 1 "a label that cannot be: $label"
done
for label in x =x 'x=a"b'; do
	run npctl metrics --label "$label"
	is "$status" 2 "no label: $label"
done
run npctl status --label a=b
is "$status" 2 "labels go with metrics only"
like "$(npctl --json metrics | jq -r .content_type)" '^application/openmetrics-text; version=1.0.0' "as JSON"

# ---- a file ----

umask 022
ok "a file" npctl metrics --label user=ops --output "$T/x.prom"
ok "a strict parser takes it" omcheck <"$T/x.prom"
is "$(stat -c %a "$T/x.prom")" 644 "others can read it"
cp "$T/x.prom" "$T/x.before"
run npctl metrics --label 9x=1 --output "$T/x.prom"
is "$status" 1 "a failure"
same "$T/x.prom" "$T/x.before" "leaves the file as it was"
run npctl metrics --output "$T/missing/x.prom"
is "$status" 1 "a file that cannot be made"
like "$err" "$T/missing/x.prom.*No such file" "is named"
is "$(ls "$T" | grep -c 'x.prom.')" 0 "nothing is left behind"

# ---- the dashboard ----

dashboard=$tests/../contrib/grafana/netpulse.json
metrics --devices
omcheck -l <"$T/metrics" | sort -u >"$T/names"
ok "the dashboard is JSON" jq -e '.panels | length > 10' "$dashboard"
jq -r '.. | .expr? // empty' "$dashboard" | grep -o 'netpulse_[a-z_]*' | sort -u >"$T/wanted"
ok "it asks for something" [ "$(wc -l <"$T/wanted")" -gt 15 ]
is "$(grep -vxF -f "$T/names" "$T/wanted")" '' "all that it asks for is there"
is "$(jq -r '.panels[].id' "$dashboard" | sort | uniq -d)" '' "its panels have ids of their own"
jq -r '.. | .expr? // empty' "$dashboard" | grep -o 'rate(netpulse_[a-z_]*' | sed 's/rate(//' | grep -v '_total$\|_bucket$' \
	>"$T/rates"
is "$(cat "$T/rates")" '' "rates are of counters"

# ---- no broker ----

ok "the broker ends well" stop_broker
run npctl metrics
is "$status" 1 "without a broker there are no metrics"
run npctl metrics --label user=ops --output "$T/x.prom"
is "$status" 0 "but a file that says so"
ok "a strict parser takes it" omcheck <"$T/x.prom"
is "$(grep -v '^#' "$T/x.prom")" 'netpulse_up{user="ops"} 0' "it is down"

# ---- the units ----

for unit in "$bin/contrib/netpulse-metrics.service" "$tests/../contrib/netpulse-metrics.timer"; do
	if [ ! -f "$unit" ]; then
		skip 1 "$(basename "$unit") is not built here"
	elif command -v systemd-analyze >/dev/null; then
		mkdir -p "$T/units"
		sed "s|^ExecStart=[^ ]*|ExecStart=$bin/npctl|" "$unit" >"$T/units/$(basename "$unit")"
		cp "$tests/../contrib/netpulse-metrics.timer" "$T/units/" 2>/dev/null
		run systemd-analyze verify --user --man=no "$T/units/$(basename "$unit")"
		unlike "$err$out" "$(basename "$unit")" "$(basename "$unit"): systemd has nothing to say about it"
	else
		skip 1 "systemd-analyze is not installed"
	fi
done
done_testing
