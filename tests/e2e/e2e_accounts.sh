#!/bin/sh
# Accounts: what one wrong secret can do, counted by the servers, whatever people and their scripts try.
. "$(dirname "$0")/../kit/lib.sh"
need jq ssh-agent ssh-add

command -v sshd >/dev/null || skip_all "sshd is not installed"
# From OpenSSH 9.8 on it keeps out who fails so often.
penalties=
! sshd_takes 'PerSourcePenalties no' || penalties='PerSourcePenalties no'
start_sshd dev 'PasswordAuthentication yes' ${penalties:+"$penalties"}
start_sshd many 'MaxAuthTries 30' ${penalties:+"$penalties"}
start_simdev fan --listen 127.0.9.1-127.0.9.20 --user admin --password right
start_simdev printed --user admin --password right
start_simdev program --user admin --password right
start_simdev once --user admin --password right --accepts 1
start_simdev mute --user admin --password right --auth-delay 600
start_simdev reset --user admin --password right --hang-up
start_simdev keymute --user admin --any-key --auth-delay 600
start_simdev keyreset --user admin --any-key --hang-up
start_simdev kbmute --user admin --kbdint right --auth-delay 600
start_simdev one --listen 127.0.10.1-127.0.10.3 --user admin --password "right one"
start_simdev slow --user admin --password slowly --auth-delay 3
start_simdev behind --listen 127.0.11.1-127.0.11.2 --user admin --password slowly --auth-delay 600
start_sshd few 'MaxAuthTries 6' ${penalties:+"$penalties"}
start_simdev crowd --listen 127.0.13.1-127.0.14.90 --user admin --password right --auth-delay 600
start_simdev opened --listen 127.0.15.1-127.0.15.100 --user admin --password right
start_simdev odd --user admin --password other

start_sshd pem ${penalties:+"$penalties"}
identity=$T/nosuch
add_host pw "$port_dev"
add_host copy "$port_dev"
add_host agent "$port_many" 'IdentitiesOnly no'
add_host agent2 "$port_many" 'IdentitiesOnly no'
add_host fewkeys "$port_few" 'IdentitiesOnly no'
add_addresses crowd '127.0.13.* 127.0.14.*'
add_addresses opened '127.0.15.*'
identity=$T/useless
add_host nokey "$port_dev"
identity=$T/nosuch
for _i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	add_host fan$_i "$port_fan" "HostName 127.0.9.$_i" 'User admin'
done
for _i in 1 2 3; do
	add_host one$_i "$port_one" "HostName 127.0.10.$_i" 'User admin'
done
for _i in mute2 kbmute2 odd2; do
	eval "_port=\$port_${_i%2}"
	add_host $_i "$_port" 'User admin'
done
for _i in 1 2; do
	add_host behind$_i "$port_behind" "HostName 127.0.11.$_i" 'User admin' 'ProxyJump many'
done
make_key "$T/useless"
ssh-keygen -q -t rsa -m PEM -N secret -f "$T/pemkey"
rm "$T/pemkey.pub"
printf 'wrong\n' >"$T/wrong"
cp "$T/wrong" "$T/wrong.copy"

config=$(
	echo 'devices:'
	echo "  pw: {password_file: $T/wrong}"
	echo "  printed: {username: admin, password_command: 'echo x >>$T/runs; cat $T/word'}"
	echo "  copy: {password_file: $T/wrong.copy}"
	for _i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		echo "  fan$_i: {username: admin, password_file: $T/fanwrong, groups: [fan]}"
	done
	for _i in 1 2 3 4; do
		echo "  scoped$_i: {host: fan$_i, username: admin, password_file: $T/scoped, credential_scope: device, groups: [scoped]}"
	done
	for _i in $(seq 100); do
		echo "  opened$_i: {host: 127.0.15.$_i, username: admin, password: opened wrong}"
	done
	echo "  program: {username: admin}"
	echo "  once: {username: admin, password: right}"
	echo "  mute: {username: admin, password: swallowed, connection_args: {connection_timeout: 2, persistent: true, retry_delay: 0.1, retry_max: 0.2}}"
	for _i in keymute keyreset; do
		echo "  $_i: {username: admin, key_file: $T/useless, connection_args: {connection_timeout: 2, persistent: true, retry_delay: 0.1, retry_max: 0.2}}"
	done
	echo "  kbmute: {username: admin, password: kbswallowed, connection_args: {connection_timeout: 2}}"
	echo "  pem: {key_file: $T/pemkey, passphrase_command: 'echo secret'}"
	echo "  reset: {username: admin, password: cut off}"
	echo "  odd: {username: admin, password: right one}"
	echo "  slow: {username: admin, password: slowly}"
	echo "  many: {key_file: $T/key}"
	for _i in 1 2; do
		echo "  behind$_i: {username: admin, password: slowly}"
	done
	for _i in 1 2 3; do
		echo "  one$_i: {username: admin, password: right one}"
	done
)
printf 'fan wrong\n' >"$T/fanwrong"
start_broker "$config"

# So many passwords did a server see.
offered()
{
	events "$1" '^asked \(password\|kbdint\)'
}

refused()
{
	grep -c '^Failed password' "$T/dev/log"
}

# ---- overrides, copies, touched files, reloads ----

run npexec pw true
like "$err" '^npexec: pw: auth_failed: ' "a wrong password"
is "$(refused)" 1 "is one attempt"
for _i in 1 2 3 4 5; do
	run npexec -o check_delay=$_i pw true
	like "$err" ' auth_backoff: .*the password of .* is barred there: 127.0.0.1:[0-9]* refused it at ' \
		"override $_i: it is said which account is barred, and by whom"
done
run npexec --fresh pw true
like "$err" ' auth_backoff: ' "--fresh lifts nothing"
run npexec copy true
like "$err" ' auth_backoff: ' "nor does a copy of the file"
touch "$T/wrong"
run npexec pw true
like "$err" ' auth_backoff: ' "or a touched one"
npctl reload >/dev/null
kill -HUP "$broker_pid"
npctl sync >/dev/null
run npexec pw true
like "$err" ' auth_backoff: ' "or a reload"
is "$(refused)" 1 "and the server has seen it once"

npctl open pw >"$T/out" 2>&1
is "$(refused)" 2 "npctl open tries it"
npctl accounts retry "$me" >"$T/out"
like "$(cat "$T/out")" "^$me: 1 account may be tried again" "npctl accounts retry says what it lifted"
run npexec pw true
is "$(refused)" 3 "and one attempt follows"
printf 'changed\n' >"$T/wrong"
run npexec pw true
like "$err" ' auth_failed: ' "another password is tried"
is "$(refused)" 4 "once"
run npexec copy true
is "$(refused)" 4 "the old one, in a copy, is not"

printf 'printed wrong\n' >"$T/word"
run npexec printed true
like "$err" ' auth_failed: ' "a password that a command prints"
run npexec printed true
like "$err" ' auth_backoff: ' "is not offered again"
is "$(events printed ' bad ')" 1 "while it is the same"
before=$(wc -l <"$T/runs" | tr -d ' ')
for _i in 1 2 3 4 5; do
	npexec printed true 2>/dev/null
done
at_most $(($(wc -l <"$T/runs" | tr -d ' ') - before)) 1 "nor is the command run for every request"
barred() { npctl status | grep -c "^the password of admin: .*:$port_printed refused it "; }
is "$(barred)" 1 "npctl status says that it bars a device"
printf 'right\n' >"$T/word"
ok "one that it prints later is" wait_until "npexec -n printed true"
is "$(barred)" 0 "and no longer speaks of it then"

printf '#!/bin/sh\necho program wrong\n' >"$T/askpass"
chmod +x "$T/askpass"
for _i in 1 2 3; do
	run env SSH_ASKPASS="$T/askpass" SSH_ASKPASS_REQUIRE=force npexec -n program true
done
is "$(offered program)" 1 "a program that answers, and answers the same each time, is one attempt"
like "$err" ' auth_backoff: .*npctl accounts retry' "and is told what lifts that"

# ---- a fan-out, many processes, a reload ----

run npexec -n @fan true
is "$status" 255 "a fan-out with one wrong password"
like "$err" 'fan[0-9]*: auth_failed: ' "fails"
at_most "$(offered fan)" 2 "after two attempts at most"
_pids=
for _p in $(seq 30); do
	for _i in 1 2 3 4 5 6 7 8 9 10; do
		npexec -n -o check_delay=$((_p % 5 + 1)) "fan$(((_p + 2 * _i) % 20 + 1))" true
	done >/dev/null 2>&1 &
	_pids="$_pids $!"
done
npctl reload >/dev/null
npexec -n @fan true >/dev/null 2>&1
for _pid in $_pids; do
	wait_for "$_pid" 60
done
at_most "$(offered fan)" 2 "300 requests with five overrides, a reload and a fan-out more: as many"
is "$(npctl accounts --json | jq '[.accounts[] | select(.user == "admin" and .state == "refused")] | length')" 1 \
	"npctl accounts has it"
like "$(npctl accounts)" '^admin +password +refused .*tried nowhere' "and says so to people"
is "$(status '[.devices[] | select(.device == "fan3" and .account != null)][0].account.state')" refused \
	"npctl status says which account bars a device"
like "$(status '[.devices[] | select(.device == "fan3" and .account != null)][0].account.refusals[0].place')" \
	'^127\.0\.9\.' "and who refused it"
like "$(npctl status fan3)" '^  the password of admin is tried nowhere: 127\.0\.9\..* refused it .* ago: ' \
	"to people too"
like "$(npctl status)" '^the password of admin is tried nowhere: 127\.0\.9\.' "and of the account, whatever device"
printf 'right\n' >"$T/fanwrong"
run npexec -n @fan true
is "$status" 0 "the right password opens all of them"
is "$(events fan ' ok ')" 20 "with one login each"

# ---- equal words, other accounts ----

before=$(offered fan)
printf 'scoped wrong\n' >"$T/scoped"
run npexec -n @scoped true
is "$(grep -c ' auth_failed: ' "$T/err")" 4 "credential_scope device: each device is another account"
is $(($(offered fan) - before)) 4 "that is tried once"
like "$(npctl accounts)" '^admin .* 127\.0\.9\.3:[0-9]* alone: refused by 1 device' "npctl accounts says which"
run npexec -n -o check_delay=9 @scoped true
is $(($(offered fan) - before)) 4 "and not again"
run npexec -n -o credential_scope=device fan1 true
like "$err" 'overrides: `credential_scope` can be set in the configuration only' "no override makes others of them"

# ---- good once ----

run npexec once true
is "$status" 0 "a password that is good once"
_pids=
for _i in 1 2 3 4 5 6 7 8; do
	npexec -n --fresh once true >/dev/null 2>&1 &
	_pids="$_pids $!"
done
for _pid in $_pids; do
	wait_for "$_pid"
done
at_most "$(offered once)" 3 "is offered three times at most"

# ---- offered and not judged ----

ok "a persistent device offers its password to a server that swallows it" wait_until "[ \$(offered mute) -ge 1 ]"
ok "silence is a refusal" wait_until "status '.devices[] | select(.device == \"mute\") | .last_error.blocked' | grep true"
run npexec mute true
like "$err" ' auth_backoff: .*no verdict within [0-9]* s' "which says how long it was waited for"
printf 'swallowed\n' >"$T/swallowed"
run npexec -o password_file="$T/swallowed" mute2 true
at_most "$(offered mute)" 1 "and it was offered once"
run npexec kbmute true
like "$err" ' auth_failed: .*no verdict within [0-9]* s' "keyboard-interactive as well"
printf 'kbswallowed\n' >"$T/swallowed"
run npexec -o password_file="$T/swallowed" kbmute2 true
like "$err" ' auth_backoff: ' "counts"
is "$(offered kbmute)" 1 "once"
run npexec reset true
like "$err" ' auth_failed: ' "a connection that is cut off while the password is judged"
npctl reload >/dev/null
run npexec -o check_delay=9 reset true
like "$err" ' auth_backoff: ' "is a refusal"
is "$(offered reset)" 1 "too"

# ---- a login that is given up ----

printf 'given up\n' >"$T/swallowed"
npexec -n -o password_file="$T/swallowed" -o connection_timeout=60 mute2 true >/dev/null 2>&1 &
_pid=$!
ok "a password is with a server" wait_until "[ \$(offered mute) -ge 2 ]"
npctl close --now mute2 >/dev/null
ok "who gives up an unproven password is told that it counts" \
	wait_until "grep 'mute2: the password of admin counts as refused there.*npctl accounts retry admin' '$T/broker.log'"
wait_for $_pid
run npexec -n -o password_file="$T/swallowed" -o check_delay=3 mute2 true
like "$err" ' auth_backoff: .*had it and gave no verdict' "close --now in the middle of a login lifts nothing"
is "$(offered mute)" 2 "that password was offered once"

# ---- logins that we end ourselves ----

npexec -n slow true >/dev/null 2>&1 &
_pid=$!
ok "an unproven password is with a server" wait_until "[ \$(offered slow) -ge 1 ]"
write_config "$(printf '%s\n' "$config" | sed 's/^  slow: {/&connection_args: {keepalive_interval: 77, connection_timeout: 29}, /')"
npctl reload >/dev/null
wait_for $_pid
is "$(npctl accounts --json | jq '[.accounts[].refusals // [] | .[] | select(.place | endswith(":'"$port_slow"'"))] | length')" 0 \
	"a reload that ends the login does not bar it"
run npexec -n slow true
is "$status" 0 "it is accepted"

for _i in 1 2; do
	npexec -n behind$_i true >/dev/null 2>&1 &
	_pid=$!
	ok "a proven password is with a server behind a bastion ($_i)" wait_until "[ \$(offered behind) -ge $_i ]"
	npctl close --now many >/dev/null
	wait_for $_pid
	run npexec -n --fresh slow true
	is "$status" 0 "a bastion that is closed bars nothing"
done
is "$(npctl accounts --json | jq '[.accounts[].refusals // [] | .[] | select(.place | contains(":'"$port_behind"'"))] | length')" 0 \
	"nowhere"

# ---- a crowd that waits for one account ----

# As many as would take all places for dials, had they to keep them.
printf 'crowded\n' >"$T/crowded"
npexec -P 400 -o username=admin -o password_file="$T/crowded" -o connection_timeout=30 \
	"$(seq 1 250 | sed 's/^/127.0.13./' | paste -sd,),$(seq 1 90 | sed 's/^/127.0.14./' | paste -sd,)" true >/dev/null 2>&1 &
_crowd=$!
ok "340 devices wait for one mute account" \
	wait_until "npctl accounts --json | jq -e '[.accounts[] | .waiting] | max >= 339'"
ok "npctl status says that, of the requests behind them, and for how long" \
	wait_until "npctl status | grep '^the password of admin: 340 requests wait for it, for [0-9]*[sm]'"
is "$(npexec -n dev 'echo hi')" hi "others log in meanwhile"
npexec -v -o username=admin -o password_file="$T/crowded" -o check_delay=4 127.0.13.7 true 2>"$T/waits" &
_pid=$!
ok "who waits is told for what" \
	wait_until "grep 'waiting for the outcome of another login with the password of admin, at 127.0.1' '$T/waits'"
kill $_pid $_crowd
wait_for $_pid
wait_for $_crowd

# Of one device each request counts, also those of the login that is under way.
printf 'many wait\n' >"$T/crowded"
_pids=
for _i in 1 2 3 4 5 6; do
	npexec -n -o username=admin -o password_file="$T/crowded" 127.0.13.9 true >/dev/null 2>&1 &
	_pids="$_pids $!"
done
ok "six requests wait for one login" \
	wait_until "npctl status | grep '^the password of admin: 6 requests wait for it, for [0-9]*[sm]'"
ok "npctl accounts has them too" wait_until "npctl accounts | grep '^admin *password *unproven *1 *6 '"
npctl close --now 127.0.13.9 >/dev/null
for _pid in $_pids; do
	kill "$_pid" 2>/dev/null
	wait_for "$_pid"
done

# ---- a person opens many at once ----

# shellcheck disable=SC2046
run npctl open $(seq -f opened%g 100)
like "$err" 'auth_(failed|backoff): .*the password of admin is barred' "npctl open of a hundred devices with a wrong password"
is "$(offered opened)" 2 "makes as many attempts as a fan-out"
# shellcheck disable=SC2046
run npctl open $(seq -f opened%g 100)
is "$(offered opened)" 3 "and one more when it is said again"

# ---- wrong for one device only ----

run npexec -n one1,one2,odd true
is "$(grep -c 'odd: auth_failed: ' "$T/err")" 1 "a password that one device does not know"
is "$(wc -l <"$T/err" | tr -d ' ')" 1 "others take it"
printf 'right one\n' >"$T/swallowed"
run npexec -o password_file="$T/swallowed" odd2 true
like "$err" ' auth_backoff: .*barred there' "that device is barred"
run npexec -n --fresh one3,one1 true
is "$status" 0 "the others are not"
is "$(offered odd)" 1 "and has been offered it once"

# ---- keys ----

run npexec nokey true
like "$err" ' auth_failed: ' "a key that one host does not know"
is "$(grep -c 'Failed publickey' "$T/dev/log")" 1 "was shown to it"
run npexec -o check_delay=9 nokey true
like "$err" ' auth_backoff: .*npctl open' "is not shown to it again"
is "$(grep -c 'Failed publickey' "$T/dev/log")" 1 "by nobody"
cat "$T/useless.pub" >>"$T/many/authorized_keys"
is "$(npexec -i "$T/useless" many 'echo hi')" hi "to others it is"
cat "$T/useless.pub" >>"$T/dev/authorized_keys"
run npexec -o check_delay=9 nokey true
like "$err" ' auth_backoff: ' "it may be known there by now: that is not asked"
ok "npctl open shows it again" npctl open nokey
is "$(npexec -o check_delay=9 nokey 'echo hi')" hi "and what was accepted is for all pools of the device"

eval "$(ssh-agent -a "$T/agent" 2>/dev/null)" >/dev/null
for _i in $(seq 20); do
	make_key "$T/agent$_i"
	ssh-add -q "$T/agent$_i" 2>/dev/null
done
run npexec agent true
like "$err" ' auth_failed: .*20 agent keys' "an agent with twenty keys that open nothing"
run npexec -o check_delay=9 agent true
run npexec -o check_delay=8 agent2 true
npctl reload >/dev/null
run npexec agent2 true
is "$(grep -c 'Failed publickey' "$T/many/log")" 20 "the server sees each of them once"
make_key "$T/agent21"
ssh-add -q "$T/agent21" 2>/dev/null
for _i in 1 2 3 4; do
	npexec -o check_delay=$_i agent true
	npexec -o check_delay=$_i agent2 true
done 2>/dev/null
is "$(grep -c 'Failed publickey' "$T/many/log")" 21 "and one that is added later, whatever pools there are"
cat "$T/agent7.pub" >>"$T/many/authorized_keys"
ssh-add -q -d "$T/agent1" "$T/agent21" 2>/dev/null
is "$(npexec agent 'echo hi')" hi "an agent from which keys have gone shows the others again"
for _i in 1 2 3 4 5; do
	run npexec -o check_delay=$_i fewkeys true
done
like "$err" ' auth_backoff: .*not 19 keys that it has refused before' "a server that ends the login after a few keys"
is "$(grep -c 'Failed publickey' "$T/few/log")" 19 "has seen each key once at last"
cat "$T/agent9.pub" >>"$T/few/authorized_keys"
ssh-add -q -D 2>/dev/null
ssh-add -q "$T/agent8" "$T/agent9" 2>/dev/null
is "$(npexec -o check_delay=3 fewkeys 'echo hi')" hi "a changed agent shows them again"
is "$(npexec -o check_delay=4 fewkeys 'echo hi')" hi "to the other pools of that device as well"
kill "$SSH_AGENT_PID"

# A key whose public half only its passphrase would tell.
for _i in 1 2 3; do
	run npexec -n -o check_delay=$_i pem true
done
is "$(grep -c 'Failed publickey' "$T/pem/log")" 1 "an encrypted key file without a public one is used once, whatever pools"
like "$err" ' auth_backoff: .*npctl open' "and barred then"

for _d in keymute keyreset; do
	ok "$_d: a persistent device uses a key of which nothing is heard" \
		wait_until "status '.devices[] | select(.device == \"$_d\") | .last_error.blocked' | grep true"
	run npexec -n $_d true
	run npexec -n -o check_delay=9 $_d true
	like "$err" ' auth_backoff: .*npctl open' "$_d: that counts as refused, there"
	is "$(events $_d '^asked publickey')" 1 "$_d: it was used once"
done

# ---- nothing of it is told ----

unlike "$(npctl accounts --json; npctl accounts; npctl status --json; cat "$T/broker.log")" \
	'printed wrong|program wrong|scoped wrong|fan wrong|swallowed"|cut off|given up"|crowded"|right one' "no secret in accounts, status or log"
ok "the broker ends well" stop_broker

# ---- a broker that nobody needs ----

# Of two, one has been refused: the other shows when both would have ended.
printf 'wrong at last\n' >"$T/fanwrong"
start_broker "$(printf %s "$config" | sed "s/ persistent: true,//")" --idle-exit 1
refused_pid=$broker_pid
run npexec fan1 true
like "$err" ' auth_failed: ' "a broker that is to end when it is idle has a login refused"
NETPULSE_SOCKET=$T/run/s2
start_broker 'devices: {}' --idle-exit 1
ok "one without ends" wait_until "! alive $broker_pid"
NETPULSE_SOCKET=$T/run/s
ok "the other remembers" alive "$refused_pid"
run npexec fan1 true
like "$err" ' auth_backoff: ' "what was refused"
npctl accounts retry admin >/dev/null
ok "until that is lifted" wait_until "! alive $refused_pid"
wait_for "$refused_pid"
is $? 0 "it ends well"
broker_pid=
done_testing
