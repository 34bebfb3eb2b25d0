#!/bin/sh
# Persons and shells: secrets that somebody types, questions that lose their asker or their answerer, batches that lose
# their shell, output as it came.
. "$(dirname "$0")/../kit/lib.sh"
need jq

ios='device_type: cisco_ios, username: admin, password: admin-pw'
start_simdev typed --scenario ios.txt --listen 127.0.7.1
start_simdev asks --scenario ios.txt --listen 127.0.7.2
start_simdev lost --scenario ios.txt --listen 127.0.7.3
start_simdev raw --scenario ios.txt --listen 127.0.7.4
start_simdev leaves --scenario ios.txt --listen 127.0.7.5
start_sshd dev
start_broker "
audit_log: $T/audit.log
devices:
  typed: {$ios, connection_args: {max_connections: 1}}
  asks: {$ios, secret: enable-pw, connection_args: {max_connections: 1}}
  lost: {$ios, secret: enable-pw, connection_args: {max_connections: 1}}
  raw: {$ios, secret: enable-pw}
  leaves: {$ios, connection_args: {max_connections: 1}}
"
count() { grep -c "$2" "$T/$1/events"; }

# ---- an enable secret that somebody types serves one request ----

run ptyrun -e 'assword' -s 'enable-pw\r' npexec --enable typed 'show privilege'
is "$status" 0 "a person types the enable secret"
like "$out" 'Current privilege level is 15' "and is let in"
unlike "$out" 'enable-pw' "it is not shown"
npctl close typed >/dev/null
run npexec --enable typed 'show privilege'
is "$status" 255 "the next request, in a new shell and without a person"
like "$err" '^npexec: typed: privilege_failed: ' "is not let in by it"
is "$(count typed '^hidden .* enable-pw$')" 1 "it was sent once"
run ptyrun -e 'assword' -s 'wrong\r' npexec --enable typed 'show privilege'
like "$out" 'npexec: typed: privilege_failed: ' "a wrong one typed"
npexec --enable typed 'show privilege' >/dev/null 2>&1
is "$(count typed '^hidden .* wrong$')" 1 "is not tried again for others"
is "$(npexec typed 'sim say on')" on "and the shell goes on"
grep -F 'enable-pw' "$T/broker.log" >/dev/null
is $? 1 "the log knows nothing of it"

run ptyrun -e 'assword' -s 'enable-pw\r' npexec --enable typed 'sim say audit enable-pw'
like "$out" 'audit ' "a command that repeats it"
ok "is in the audit log" wait_until 'grep -q "sim say audit" "$T/audit.log"'
grep -F 'enable-pw' "$T/audit.log" >/dev/null
is $? 1 "without it"

# ---- the shell goes while somebody is asked for it ----

for end in 'npctl close --now leaves' 'kill_server leaves'; do
	npexec leaves 'show privilege' >/dev/null
	ptyrun -t 60 -e 'assword' npexec --enable leaves 'sim say never' >"$T/left" 2>&1 </dev/null &
	asker=$!
	ok "somebody is asked for it" wait_until 'grep -q assword "$T/left"'
	$end >/dev/null
	ok "its session ends ($end): the request does as well" wait_until '! alive $asker'
	wait_for $asker
	like "$(cat "$T/left")" 'npexec: leaves: privilege_failed: the session ended while ' "and says why"
	is "$(npctl status --json | jq '[.requests[]?] | length')" 0 "nothing of it is left"
done
is "$(count leaves ' sim say never$')" 0 "its command was never sent"

# ---- and is in no recording ----

run ptyrun -e 'assword' -s 'enable-pw\r' npctl record typed enable 'sim say it was enable-pw'
is "$status" 0 "a recording in which a person types it"
like "$out" '^> [*]+\\n' "shows that something was typed"
like "$out" '^= it was [*]+' "and what the device repeated of it"
unlike "$out" 'enable-pw' "but not what"
run ptyrun -e 'Word' -s 'rosebud\r' npctl record typed 'sim ask Word?' 'sim say rosebud again'
like "$out" '^= the answer was <[*]+>' "an answer to any question is masked"
unlike "$(printf '%s\n' "$out" | sed '1,/begin/d')" 'rosebud again' "from then on"
printf '%s\n' '{"jsonrpc": "2.0", "id": 1, "method": "record", "params": {"device": "typed",
	"commands": ["sim ask Word?", "sim say rosebud"], "answers": [{"match": "Word", "answer": "rosebud"}]}}' |
	tr -d '\n' | nprpc -d "$T/answered" >/dev/null
like "$(cat "$T/answered")" '^= the answer was <[*]+>' "one that a request brings as well"
grep rosebud "$T/answered" >/dev/null
is $? 1 "wherever the device repeats it"

# ---- questions of commands ----

run ptyrun -e 'Your name' -s 'Ada\r' npexec asks 'sim ask Your name?'
is "$status" 0 "a question is put to the person at the terminal"
like "$out" 'the answer was <Ada>' "and answered"
ptyrun -t 60 -e 'Again' npexec asks 'sim ask Again?' >"$T/asked" 2>&1 </dev/null &
asker=$!
ok "somebody is asked" wait_until 'grep -q Again "$T/asked"'
kill -KILL "$(descendants $asker | head -n 1)"
wait_for $asker 2>/dev/null
is "$(npexec -o queue_timeout="$(slow 30)" asks 'sim say mine')" mine "who is asked leaves: the shell serves the next"
is "$(count asks '^answer')" 1 "and nobody answered in that person's place"

# ---- a batch loses its shell ----

run npexec -e 'configure terminal' -e 'sim drop' -e 'hostname elsewhere' lost
is "$status" 255 "a batch whose shell breaks in configuration mode"
like "$err" 'npexec: lost: outcome_unknown: ' "says that nobody knows"
is "$(count lost ' hostname elsewhere$')" 0 "and does not go on in another"
is "$(npexec -j lost 'show privilege' | jq -r '.mode, .prompt' | tr '\n' ' ')" 'priv R1# ' "the next request begins anew"
run npexec -e 'sim say one' -e 'sim drop' -e 'sim say three' lost
is "$status" 255 "and one whose shell breaks in the mode that it began in"
like "$out" '^one$' "shows what was done"
is "$(count lost ' sim say three$')" 0 "and does not go on unasked"

# ---- bytes as they came ----

npexec --raw raw 'sim say as it is' >"$T/raw.out"
is "$?" 0 "--raw"
is "$(od -An -c "$T/raw.out" | tr -d ' \n')" 'simsayasitis\r\nasitis\r\nR1#' "echo, carriage returns and prompt are there"
npexec -n raw 'sim say as it is' >"$T/clean.out"
is "$(od -An -c "$T/clean.out" | tr -d ' \n')" 'asitis\n' "and not without it"
is "$(npexec --raw dev 'printf "as\r\nit is"' | od -An -c | tr -d ' \n')" 'as\r\nitis' "a channel's output is never touched"
for option in --enable --prove '--answer=x=y'; do
	run npexec $option dev true
	is "$status" 255 "$option for a device without a command line"
	like "$err" '^npexec: dev: invalid_params: ' "is refused"
done

# ---- the end ----

before=$(count raw '^line .* exit$')
npctl stop
wait_for "$broker_pid"
is $? 0 "the broker ends well"
ok "and its shells have said goodbye" wait_until '[ "$(count raw "^line .* exit\$")" -gt "$before" ]'
done_testing
