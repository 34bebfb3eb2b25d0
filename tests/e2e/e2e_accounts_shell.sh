#!/bin/sh
# Accounts, where devices ask for password and enable secret inside their shells: counted by what was typed there.
. "$(dirname "$0")/../kit/lib.sh"
need jq

sim='--scenario inband.txt'
start_simdev fan $sim --listen 127.0.12.1-127.0.12.20
start_simdev line $sim --listen 127.0.12.21-127.0.12.24 --set names=no
start_simdev mute $sim --listen 127.0.12.31 --set odd=mute
start_simdev cut $sim --listen 127.0.12.32 --set odd=cut
start_simdev aged $sim --listen 127.0.12.33 --set odd=change
start_simdev enmute $sim --listen 127.0.12.34 --set odd_enable=mute
start_simdev encut $sim --listen 127.0.12.35 --set odd_enable=cut
start_simdev slow $sim --listen 127.0.12.36-127.0.12.37 --set think=2
for _i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	add_host fan$_i "$port_fan" "HostName 127.0.12.$_i"
done
for _i in 1 2 3 4; do
	add_host line$_i "$port_line" "HostName 127.0.12.2$_i"
done
for _i in mute cut; do
	eval "_port=\$port_$_i"
	add_host ${_i}2 "$_port" "HostName 127.0.12.3$([ $_i = mute ] && echo 1 || echo 2)"
done
add_host slow2 "$port_slow" 'HostName 127.0.12.37'
start_sshd hop
start_simdev behind $sim --listen 127.0.12.38 --set think=600
add_host behind "$port_behind" 'HostName 127.0.12.38' 'ProxyJump hop'

for _f in word enable; do
	printf 'wrong %s\n' $_f >"$T/$_f"
	cp "$T/$_f" "$T/$_f.copy"
done
ios='device_type: cisco_ios, username: admin'
quick='connection_timeout: 3, retry_delay: 0.1, retry_max: 0.2'
config=$(
	echo 'devices:'
	for _i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		echo "  fan$_i: {$ios, password_file: $T/word, secret_file: $T/enable, groups: [fan]}"
	done
	for _i in 1 2 3 4 5 6 7 8; do
		echo "  plain$_i: {$ios, host: fan$_i, password: line-pw, groups: [plain]}"
	done
	for _i in 1 2 3 4; do
		echo "  line$_i: {device_type: cisco_ios, username: liner, password: all lines wrong, groups: [line]}"
	done
	for _i in mute cut; do
		echo "  $_i: {$ios, password: $_i it, connection_args: {persistent: true, $quick}}"
		echo "  ${_i}2: {$ios, password: $_i it, connection_args: {$quick}}"
	done
	echo "  aged: {$ios, password: line-pw, connection_args: {connection_timeout: 20}}"
	echo "  enmute: {$ios, password: line-pw, secret: mute it, connection_args: {persistent: true, $quick}}"
	echo "  encut: {$ios, password: line-pw, secret: cut it, connection_args: {persistent: true, $quick}}"
	echo "  hop: {key_file: $T/key}"
	echo "  behind: {$ios, password: line-pw}"
	echo "  slow: {$ios, password_file: $T/slow.word}"
	echo "  slow2: {$ios, password_file: $T/slow.word}"
)
start_broker "$config"

# So many answers that are not echoed did devices get.
typed()
{
	events "$1" "^hidden [0-9.]* ${2:-}"
}

# ---- a password inside the shell ----

run npexec -n @fan 'show clock'
is "$status" 255 "a fan-out with one wrong password inside the shells"
like "$err" 'fan[0-9]*: auth_failed: .*did not accept the password' "fails"
like "$err" 'the password of admin is barred: 127\.0\.12\..* refused it at ' "by the account"
at_most "$(typed fan)" 2 "it was typed twice at most"
at_most "$(events fan '^answer ')" 2 "and the name with it alone"
_pids=
for _p in 1 2 3 4 5 6 7 8 9 10; do
	for _i in 1 2 3 4 5 6; do
		npexec -n -o check_delay=$((_p % 5 + 1)) "fan$(((_p + 2 * _i) % 20 + 1))" 'show clock'
		npexec -n -o password_file="$T/word.copy" "fan$(((_p + _i) % 20 + 1))" 'show clock'
	done >/dev/null 2>&1 &
	_pids="$_pids $!"
done
npctl reload >/dev/null
npexec -n --fresh @fan 'show clock' >/dev/null 2>&1
for _pid in $_pids; do
	wait_for "$_pid" 60
done
at_most "$(typed fan)" 2 "overrides, copies, a reload and a second fan-out: as often"
like "$(npctl accounts)" '^admin +password +refused ' "npctl accounts has it"
is "$(status '[.devices[] | select(.device == "fan3" and .account != null)][0].account.kind')" password \
	"npctl status says what bars a device"
run npctl open fan3
is "$(typed fan)" 3 "npctl open types it"
run npexec -n -l other fan7 'show clock'
is "$(typed fan)" 4 "so does another user"
like "$err" ' auth_failed: ' "whose password it is not"

# ---- what leads to the privileged mode ----

printf 'line-pw\n' >"$T/word"
: >"$T/fan/events"
run npexec -n @fan 'show clock'
is "$status" 255 "a fan-out with a right password and a wrong enable secret"
like "$err" 'fan[0-9]*: privilege_failed: ' "fails"
like "$err" 'the enable secret of admin is barred: 127\.0\.12\..* refused it at ' "by an account of its own"
at_most "$(typed fan 'wrong enable')" 2 "the secret was typed twice at most"
npctl reload >/dev/null
for _i in 1 2 3 4 5; do
	npexec -n -o check_delay=$_i fan$_i,fan1$_i 'show clock'
	npexec -n -o secret_file="$T/enable.copy" fan$_i,fan1$_i 'show clock'
done >/dev/null 2>&1
at_most "$(typed fan 'wrong enable')" 2 "overrides, copies and a reload: as often"
is "$(npctl accounts --json | jq '[.accounts[] | select(.kind == "enable" and .state == "refused")] | length')" 1 \
	"npctl accounts has it"
is "$(npctl accounts --json | jq '[.accounts[] | select(.kind == "password" and .state == "proven")] | length')" 1 \
	"and that the password is right"
printf 'enable-pw\n' >"$T/enable"
run npexec -n @fan 'show privilege'
is "$status" 0 "the right one opens all of them"
is "$(grep -c 'level is 15' "$T/out")" 20 "in the privileged mode"

# ---- printed by a command ----

printf 'printed wrong\n' >"$T/printed"
run npexec -n -o secret_command="cat $T/printed" fan1 'show clock'
like "$err" ' privilege_failed: ' "an enable secret that a command prints"
run npexec -n -o secret_command="cat $T/printed" fan1 'show clock'
like "$err" ' auth_backoff: ' "is not typed again"
is "$(typed fan 'printed wrong')" 1 "while it is the same"
printf 'enable-pw\n' >"$T/printed"
ok "one that it prints later is" wait_until "npexec -n -o secret_command='cat $T/printed' fan1 'show clock'"

# Another word each time: the second one that is refused bars the command.
turn='mktemp -u turn.XXXXXXXX'
for _k in secret password; do
	: >"$T/fan/events"
	for _i in 1 2 3 4 5; do
		run npexec -n -o ${_k}_command="$turn" fan$_i 'show clock'
	done
	at_most "$(typed fan 'turn')" 2 "a ${_k}_command that prints another word each time is tried twice at most"
	like "$err" " auth_backoff: .*the $_k command of admin is barred: " "and barred then"
	: >"$T/fan/events"
	run npexec -n -P 20 -o ${_k}_command="$turn # other" @fan 'show clock'
	at_most "$(typed fan 'turn')" 2 "in a fan-out as well"
done

# ---- what a request answers ----

: >"$T/fan/events"
run npexec -n -P 8 --answer 'assword=answered wrong' @plain enable
is "$status" 255 "a command that leads to the privileged mode, with a wrong answer, on eight devices"
like "$err" 'the enable secret of admin is barred: ' "meets the gate as a configured secret does"
at_most "$(typed fan 'answered wrong')" 2 "it was typed twice at most"
run npexec -n -P 8 --answer 'assword=enable-pw' @plain en
is "$status" 0 "the right one is typed everywhere"
is "$(typed fan 'enable-pw')" 8 "once"

# ---- one password for lines ----

run npexec -n @line 'show clock'
at_most "$(typed line)" 2 "devices that ask for no name: a wrong password is typed twice at most"
npctl accounts retry liner >"$T/out"
like "$(cat "$T/out")" '^liner: [0-9]* accounts? may be tried again' "npctl accounts retry lifts that"
run npexec -n line1 'show clock'
like "$err" ' auth_failed: ' "and it is tried again"

# ---- typed and not judged ----

for _d in mute cut; do
	ok "$_d: a persistent device types its password" wait_until "[ \$(typed $_d) -ge 1 ]"
	ok "$_d: that is no verdict, which counts as a refusal" \
		wait_until "status '.devices[] | select(.device == \"$_d\") | .last_error.blocked' | grep true"
	run npexec $_d 'show clock'
	like "$err" ' auth_backoff: .*no verdict within [0-9]* s on the password' "$_d: which is said"
	run npexec -n ${_d}2 'show clock'
	like "$err" ' auth_backoff: ' "$_d: to others as well"
	is "$(typed $_d)" 1 "$_d: it was typed once"
done
ok "an enable secret that is swallowed" wait_until "[ \$(typed enmute 'mute it') -ge 1 ]"
ok "blocks as well" wait_until "status '.devices[] | select(.device == \"enmute\") | .last_error.blocked' | grep true"
ok "and one behind which the connection breaks" \
	wait_until "status '.devices[] | select(.device == \"encut\") | .last_error.blocked' | grep true"
run npexec -o check_delay=9 encut 'show clock'
like "$err" ' auth_backoff: .*the enable secret of admin is barred' "for others too"
is "$(typed enmute 'mute it')$(typed encut 'cut it')" 11 "each was typed once"
run npexec aged 'show clock'
like "$err" 'New password:' "a device that wants another password says so"
run npexec -o check_delay=9 aged 'show clock'
like "$err" ' auth_backoff: ' "which is no verdict"
is "$(typed aged)" 1 "it was typed once"

# ---- a login that we end ourselves ----

printf 'line-pw\n' >"$T/slow.word"
before=$(typed slow)
npexec -n -l slowly slow 'show clock' >/dev/null 2>&1 &
_pid=$!
ok "an unproven password is with a device" wait_until "[ \$(typed slow) -gt $before ]"
write_config "$(printf '%s\n' "$config" | sed 's/^  slow: {/&connection_args: {keepalive_interval: 77}, /')"
npctl reload >/dev/null
wait_for $_pid
run npexec -n -l slowly slow2 'show clock'
is "$status" 0 "a reload that ends the login bars it nowhere"
run npexec -n -l slowly slow 'show clock'
is "$status" 0 "nor there"
printf 'closed\n' >"$T/slow.word"
npexec -n -l slowly -o check_delay=5 slow 'show clock' >/dev/null 2>&1 &
_pid=$!
ok "another one is" wait_until "[ \$(typed slow closed) -ge 1 ]"
npctl close --now slow >/dev/null
wait_for $_pid
run npexec -n -l slowly -o check_delay=6 slow 'show clock'
like "$err" ' auth_backoff: ' "close --now in the middle of a login lifts nothing"
is "$(typed slow closed)" 1 "it was typed once"

run npexec -n -l admin slow2 'show clock'
npexec -n behind 'show clock' >/dev/null 2>&1 &
_pid=$!
ok "a proven password is with a device behind a bastion" wait_until "[ \$(typed behind) -ge 1 ]"
npctl close --now hop >/dev/null
wait_for $_pid
is "$(npctl accounts --json | jq '[.accounts[].refusals // [] | .[] | select(.place | contains(":'"$port_behind"'"))] | length')" 0 \
	"a bastion that is closed bars it nowhere"

unlike "$(npctl accounts --json; npctl accounts; npctl status --json; cat "$T/broker.log")" \
	'wrong word|printed wrong|wrong enable|all lines wrong|(mute|cut) it|line-pw' "no secret in accounts, status or log"
ok "the broker ends well" stop_broker
done_testing
