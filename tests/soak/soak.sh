#!/bin/sh
# The fault laboratory: random clients (tests/tool/soak.c) on real and simulated servers, and faults all the while.
# `make soak SECONDS=n SEED=n`; the seed repeats the mix of requests and of faults, not their timing.
#
#   clients   requests of all kinds over the protocol, several at once, fan-outs, ssh by the mux door; cancelled, killed,
#             stopped, half-open and lying ones
#   devices   three OpenSSH (one behind a relay, one also behind the first as a jump host, one with two channels), a
#             Dropbear, command lines (one behind a relay), and those that flood, drip, say nothing, or nonsense
#   faults    the functions fault_* below, two at a time
#
# Each command leaves its token with the device when it runs.  What its client was told says how often that must have
# been: `once` with exit status 0 (and its output is exactly its own), `never` where the reason says that it was not
# sent, `maybe` after all else.  Each request has one answer.  In the end nothing is left: no request, no session, no
# descriptor.
NP_TEST_SECONDS=${NP_TEST_SECONDS:-$((${NP_SOAK_SECONDS:-60} * 2 + 300))}
. "$(dirname "$0")/../kit/lib.sh"
need jq prlimit

seconds=${NP_SOAK_SECONDS:-60}
seed=${NP_SOAK_SEED:-1}

# ---- the laboratory ----

cat >"$T/subsystem" <<'END'
#!/bin/sh
read -r token || exit 1
echo "$token" >>~/ran
echo "$token"
exec cat
END
chmod 755 "$T/subsystem"
common="Subsystem soak $T/subsystem
RekeyLimit 1M"
start_sshd dev 'MaxSessions 10' "$common"
start_sshd far0 'MaxSessions 4' "$common" 'ClientAliveInterval 1'
start_sshd few 'MaxSessions 2' "$common"
start_relay far far0
add_host behind "$port_far0" 'ProxyJump dev'
start_simdev cli --scenario ios.txt
start_simdev asks --scenario ios.txt --set globals=1000 --set rekey=1000000
start_simdev cli0 --scenario ios.txt --set shells=3
start_relay clifar cli0
cat >"$T/flood.txt" <<'END'
host flood
auth none
mode cli {host}$\s
on shell
  bytes 1000M
END
start_simdev flood --scenario "$T/flood.txt"
start_simdev drip --drip
start_simdev drops --drop
devices='dev:sshd far:sshd few:sshd behind:sshd cli:cli clifar:cli asks:cli flood:dead drip:dead drops:dead'
if start_dropbear bear; then
	devices="$devices bear:unix"
fi
soak serve "$T/ports" "$T/echoed" >"$T/serve.log" 2>&1 &
wait_until "[ -s $T/ports ]" || exit 1
{
	read -r echo_port
	for name in noise banner garbage silent; do
		read -r port
		add_host "$name" "$port"
		devices="$devices $name:dead"
	done
} <"$T/ports"

# config CHANNELS
config()
{
	printf '%s\n' "
long_connection: {retry_delay: 0.1, retry_max: 0.5, connection_timeout: $(slow 5), queue_timeout: $(slow 10),
  timeout: $(slow 10), keepalive_interval: $(slow 1), keepalive_count_max: 2, check_delay: 1, max_connections: 3}
audit_log: $T/audit
devices:
  dev: {groups: [soak], connection_args: {max_channels: $1}}
  far: {groups: [soak]}
  few: {groups: [soak]}
  behind: {groups: [soak]}
  bear: {groups: [soak]}
  cli: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw}
  asks: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw}
  clifar: {device_type: cisco_ios, username: admin, password: admin-pw, secret: enable-pw}
  flood: {device_type: cisco_ios, username: admin, connection_args: {connection_timeout: 2}}"
}

# ---- faults: each does its harm and mends it ----

# fault_relay WORD: to both relays.
fault_relay()
{
	relay far "$1"
	relay clifar "$1"
}
fault_reset() { fault_relay reset; }
fault_close() { fault_relay close; }
fault_flip() { fault_relay flip; }
fault_truncate() { fault_relay truncate; }
fault_freeze()
{
	fault_relay freeze
	sleep 0.$((100 + $1 * 8))
	fault_relay thaw
}
fault_silence()
{
	fault_relay drop
	sleep 0.$((100 + $1 * 8))
	fault_relay reset
	fault_relay thaw
}
fault_delay()
{
	fault_relay "delay $1"
	sleep 0.9
	fault_relay 'delay 0'
}
fault_refuse()
{
	fault_relay refuse
	fault_relay close
	sleep 0.$((100 + $1 * 8))
	fault_relay accept
}
# A server by the number.
some_server()
{
	case $(($1 % 3)) in
	0) echo dev ;;
	1) echo far0 ;;
	2) echo few ;;
	esac
}
fault_kill_server()
{
	_which=$(some_server "$1")
	kill_server "$_which"
	sleep 0.$1
	restart_sshd "$_which"
}
fault_stop_server()
{
	eval "_pid=\$pid_$(some_server "$1")"
	_all="$_pid $(descendants "$_pid" | tr '\n' ' ')"
	# shellcheck disable=SC2086
	kill -STOP $_all
	sleep "$((1 + $1 % 3))"
	# shellcheck disable=SC2086
	kill -CONT $_all
}
fault_shells() { device cli 'close *'; }
fault_drop() { device cli 'drop *'; }
fault_down() { device cli0 'down * 0.5'; }
fault_async() { device cli 'async * *Mar  1 00:01:02.003: %SYS-6-NOTICE: nobody asked'; }
some_device()
{
	set -- "$1" dev far few behind cli clifar asks
	shift $(($1 % 7 + 1))
	echo "$1"
}
fault_close_sessions() { npctl close "$(some_device "$1")" $([ $(($1 % 2)) = 0 ] || echo --now); }
fault_open() { npctl open "$(some_device "$1")"; }
fault_retry() { npctl accounts retry admin; }
fault_reconnect() { npctl reconnect "$(some_device "$1")"; }
fault_pause()
{
	npctl pause "$(some_device "$1")"
	sleep 0.$1
	npctl resume "$(some_device "$1")"
}
fault_disable()
{
	npctl disable "$(some_device "$1")"
	sleep 0.$1
	npctl enable "$(some_device "$1")"
}
fault_drain()
{
	npctl drain "$(some_device "$1")"
	sleep 0.$1
	npctl enable "$(some_device "$1")"
}
fault_kill()
{
	_id=$(status "[.devices[].list[].id, .requests[].id] | .[$1 % (length + 1)] // empty")
	[ -z "$_id" ] || npctl kill "$_id"
}
fault_config()
{
	write_config "$(config "$((2 + $1 % 8))")"
	npctl reload
}
fault_bad_config()
{
	write_config 'nonsense: yes'
	npctl reload && diag "nonsense was taken for a configuration"
	write_config "$(config 10)"
	npctl reload
}
fault_known_hosts()
{
	cp "$T/known_hosts" "$T/known.old"
	: >"$T/known.new"
	mv "$T/known.new" "$T/known_hosts"
	npctl close "$(some_device "$1")"
	sleep 0.$1
	mv "$T/known.old" "$T/known_hosts"
}
fault_descriptors()
{
	prlimit --pid "$broker_pid" "--nofile=$(($(count_fds "$broker_pid") + $1 % 4)):"
	sleep 1
	prlimit --pid "$broker_pid" "--nofile=$nofile:"
}

# What others do to servers and networks, and what people do to the broker: one of each at a time.
theirs='reset close flip truncate freeze silence delay refuse kill_server stop_server shells drop down async'
ours='close_sessions open retry retry reconnect pause disable drain kill config bad_config known_hosts descriptors'

# faults SEED NAME...: one after the other, while the workers work.
faults()
{
	echo "$@" | awk '{
		srand($1)
		for (;;)
			print $(2 + int(rand() * (NF - 1))), 10 + int(rand() * 90)
	}' | while alive "$work" && read -r fault number; do
		echo "$(date +%FT%T) $fault $number" >>"$T/faults"
		"fault_$fault" "$number" >>"$T/fault.log" 2>&1
		sleep 0.$number
	done
}

# ---- the verdict ----

# Who has run what, "DEVICE TOKEN" a line.  far and behind are one server.
executed()
{
	for _server in dev far0 few; do
		[ ! -f "$T/$_server/ran" ] || sed "s/^/$_server /" "$T/$_server/ran"
	done
	[ ! -f "$T/bear/home/ran" ] || sed 's/^/bear /' "$T/bear/home/ran"
	[ ! -f "$T/echoed" ] || sed 's/^/echo /' "$T/echoed"
	for _server in cli cli0 asks; do
		sed -n "s/^line .*\(T[0-9]\{10\}\).*/$_server \1/p" "$T/$_server/events"
	done
}

# judge: what is wrong, "TOKEN BEGAN ENDED TEXT" a line.
judge()
{
	executed >"$T/executed"
	awk '
		FILENAME ~ /executed$/ { n[$1 " " $2]++; next }
		{
			server = $1
			if (server == "far" || server == "behind")
				server = "far0"
			if (server == "clifar")
				server = "cli0"
			# A fan-out has one token for all, and two of its ways lead to one server.
			key = server " " $2
			least[key] += $3 == "once"
			most[key] += $3 != "never"
			what[key] = what[key] " (" $1 " " $4 ": " $5 ")"
			when[key] = $6 " " $7
		}
		END {
			for (key in what)
				if (n[key] + 0 < least[key] || n[key] + 0 > most[key]) {
					split(key, part, " ")
					print part[2], when[key], "run " n[key] + 0 " times by " part[1] ":" what[key]
				}
			for (key in n)
				if (!(key in what))
					print substr(key, index(key, " ") + 1), "- - run by nobody: " key
		}' "$T/executed" "$T/journal"
	[ ! -s "$T/complaints" ] || cat "$T/complaints"
}

# explain COMPLAINT...: what the broker said from the beginning of that request to its end.
explain()
{
	echo "seed $seed: $*"
	sed 's/\(T[0-9]*\) \([^ ]*\) \([^ ]*\) .*/\2 \3/' <<-END | {
		$*
	END
		read -r _from _to
		awk -v from="$_from" -v to="$_to" '{ t = substr($1, 1, 19) } t >= from && t <= to' "$T/broker.log" |
			cut -c1-220 | tail -n 40
	}
}

# ---- a quiet beginning ----

start_broker "$(config 10)"
nofile=$(prlimit --pid "$broker_pid" --noheadings --output SOFT --nofile | tr -d ' ')
# shellcheck disable=SC2086
ok "clients without faults" soak work "$T" "$seed" 6 "$(slow 4)" "$echo_port" $(printf '%s\n' $devices | grep -v :dead)
is "$(judge)" '' "each command once, with its own output"
is "$(grep ' never ' "$T/journal" | grep -v ' not_run ' | head -n 5)" '' "and none was refused"
rm -f "$T/journal" "$T/complaints" "$T"/*/ran "$T"/bear/home/ran
for file in echoed cli/events cli0/events asks/events; do
	: >"$T/$file"
done

ok "all is closed" wait_until all_closed 60
fds=$(count_fds "$broker_pid")
rss=$(rss_kb "$broker_pid")

# ---- the soak ----

# shellcheck disable=SC2086
soak work "$T" "$((seed + 1000))" 10 "$seconds" "$echo_port" $devices >"$T/work.log" 2>&1 &
work=$!
# shellcheck disable=SC2086
faults "$seed" $theirs &
outside=$!
# shellcheck disable=SC2086
faults "$((seed + 1000))" $ours &
inside=$!
ok "the workers end" wait_for "$work" "$((seconds + 130))"
wait "$outside" "$inside"
diag "$(wc -l <"$T/journal") commands, $(wc -l <"$T/faults") faults; $(cut -d' ' -f3 "$T/journal" | sort | uniq -c | tr -s ' \n' ' ')"
diag "$(cut -d' ' -f5 "$T/journal" | sort | uniq -c | sort -rn | tr -s ' \n' ' ')"
judge >"$T/judged"
if [ -n "${NP_KEEP:-}" ]; then
	mkdir -p "$NP_KEEP"
	cp "$T/journal" "$T/faults" "$T/fault.log" "$T/judged" "$T/broker.log" "$NP_KEEP"
fi
ok "each request one answer, each command at most once, each output its own (seed $seed)" test ! -s "$T/judged" ||
	diag "$(wc -l <"$T/judged") complaints; $(head -n 5 "$T/judged" | while read -r line; do explain "$line"; done)"

# ---- what is left ----

ok "the broker is alive" alive "$broker_pid"
fault_relay thaw
npctl accounts retry admin >/dev/null
for name in dev far few behind cli clifar asks; do
	ok "$name is as it was" wait_until "npctl open $name"
done
ok "all is closed, nobody waits" wait_until all_closed 60 || diag "$(npctl status)"
# What a connector thread or a burst has taken once stays with the allocator: an arena a thread, so a bound and no share.
broker_is_back "$fds" $((rss + 24000))
ok "the broker ends well" stop_broker
done_testing
