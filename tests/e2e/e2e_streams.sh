#!/bin/sh
# npctl in scripts: standard streams that are closed, full or no longer read, and JSON that programs can rely on.
. "$(dirname "$0")/../kit/lib.sh"
need jq

start_sshd dev
start_broker 'devices: {dev: {groups: [all]}, spare: {host: 127.0.0.1, port: 1}}'
npexec dev true

# ---- closed streams ----

# quiet NAME: the broker has not been told anything that is no message.
quiet()
{
	npctl sync
	unlike "$(cat "$T/broker.log")" 'client [0-9]+( closed)?: .*(JSON|frame|protocol|does not fit)' "$1"
}

npctl status >&- 2>"$T/err"
is $? 1 "a closed standard output is an error"
like "$(cat "$T/err")" '^npctl: write to standard output: ' "that is said"
quiet "and nothing goes to the broker instead"
npctl ping 2>&- >"$T/out"
is "$?:$(cut -d' ' -f1 "$T/out")" 0:netpulsed "a closed standard error does no harm"
npctl close nosuchdevice 2>&-
is $? 1 "also to a failure"
npctl status <&- >"$T/out"
is $? 0 "nor does a closed standard input"
npctl status <&- >&- 2>&-
is $? 1 "with all of them closed"
npctl open dev <&- >&- 2>&-
is $? 1 "npctl open likewise"
npctl bogus >&- 2>&-
is $? 2 "a usage error is one"
quiet "nothing of it reached the broker"

# ---- no room ----

for verb in ping status '--json status' 'status dev' 'open dev' '--json open dev' reload; do
	# shellcheck disable=SC2086
	npctl $verb >/dev/full 2>"$T/err"
	is $? 1 "npctl $verb, on a full disk: exits 1"
	like "$(cat "$T/err")" '^npctl: write to standard output: .*No space' "and says why"
done
npctl --help >/dev/full 2>/dev/null
is $? 1 "npctl --help, on a full disk: exits 1"

# ---- nobody reads ----

mkfifo "$T/fifo"
exec 8<>"$T/fifo" 9>"$T/fifo"
exec 8<&-
for verb in ping status '--json status' 'open dev' watch; do
	# shellcheck disable=SC2086
	npctl $verb >&9 2>"$T/err"
	is $? 141 "npctl $verb, for nobody: dies of SIGPIPE"
	is "$(cat "$T/err")" '' "without a word"
	# shellcheck disable=SC2086
	(trap '' PIPE && npctl $verb >&9 2>"$T/err")
	is $? 1 "npctl $verb, where SIGPIPE is ignored: exits 1"
	is "$(wc -l <"$T/err" | tr -d ' ')" 1 "with one line"
done
exec 9>&-
{
	npctl watch
	echo $? >"$T/status"
} | head -n 1 >"$T/out"
ok "a watcher ends with its reader, without another event" [ -s "$T/status" ]
like "$(cat "$T/status"):$(cat "$T/out")" '^141:.*"watching"' "as others in a pipeline do"

# ---- JSON ----

# json NAME ARGUMENT...: one line, one JSON object, no other word.
json()
{
	_name=$1
	shift
	run npctl --json "$@"
	is "$status:$err" 0: "--json $_name: no other word"
	is "$(wc -l <"$T/out" | tr -d ' '):$(jq -r type "$T/out")" 1:object "--json $_name: an object on one line"
}
json ping ping
json status status
json "status of one" status dev
json sync sync
json reload reload
json "close of one" close spare
json open open dev
is "$(jq -r '.reused | type' "$T/out")" boolean "--json open: with its fields"
json "open at both ends" open dev --json
if npctl --help | grep -q ' pause '; then
	json pause pause dev
	json resume resume dev
	json reconnect reconnect dev --wait
fi
json stop stop --now
wait_for "$broker_pid"
broker_pid=
start_broker 'devices: {dev: {groups: [all]}, spare: {host: 127.0.0.1, port: 1}}'
npctl open dev spare >"$T/out" 2>/dev/null
run npctl --json open dev spare
is "$status" 1 "--json open, of which one fails: exits 1"
is "$(jq -r .session "$T/out" | wc -l | tr -d ' ')" 1 "an object for the other"
like "$err" '^npctl: spare: [a-z_]+: ' "and a line for the one"

# What fails has no output, whatever was asked for.
for arguments in 'status nosuchdevice' 'close nosuchdevice' 'close #999' 'open -oProxyCommand=x'; do
	# shellcheck disable=SC2086
	run npctl --json $arguments
	ok "--json $arguments: fails" [ "$status" -ne 0 ]
	is "$out" '' "without output"
	is "$(printf '%s\n' "$err" | wc -l | tr -d ' ')" 1 "in one line"
done

# Numbers are JSON's in every locale, and ids whole.
for locale in C.UTF-8 de_DE.UTF-8 fr_FR.UTF-8; do
	unlike "$(LC_ALL=$locale npctl --json status)" '[0-9],[0-9]+[,}]' "numbers under $locale have no comma"
done
is "$(npctl --json status | jq '[.. | .id? // empty | numbers | select(floor != .)] | length')" 0 "ids are whole numbers"

ok "the broker ends well" stop_broker
done_testing
