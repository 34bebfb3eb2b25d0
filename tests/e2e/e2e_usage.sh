#!/bin/sh
# Bad input: one line that says what is wrong, and the exit status of the manual.
. "$(dirname "$0")/../kit/lib.sh"

start_broker
: >"$T/empty"

# refused STATUS PROGRAM ARGUMENT...: exits so, says one line that begins with the program's name, prints nothing.
refused()
{
	_status=$1
	shift
	run "$@"
	_what="$*"
	is "$status:$out" "$_status:" "$_what: exits $_status"
	like "$err" "^$1: " "$_what: says why"
	is "$(echo "$err" | grep -vc "^usage: \|^  ")" 1 "$_what: in one line"
}

refused 255 npexec
refused 255 npexec -Z dev true
refused 255 npexec --no-such-option dev true
refused 255 npexec -p 0 dev true
refused 255 npexec -p 70000 dev true
refused 255 npexec -p ssh dev true
refused 255 npexec --timeout soon dev true
refused 255 npexec --timeout -1 dev true
refused 255 npexec -o max_idle=3 dev true
like "$err" 'max_idle_time' "-o: the nearest key is named"
refused 255 npexec -o port dev true
refused 255 npexec -o port=x dev true
refused 255 npexec -o password=x dev true
refused 255 npexec -F "$T/nosuch" dev true
refused 255 npexec -f "$T/nosuch" dev
refused 255 npexec --env '=x' dev true
refused 255 npexec ''  true
refused 255 npexec -- '-oProxyCommand=touch x' true
refused 255 npexec 'dev;touch x' true
refused 255 npexec 'a b' true
refused 255 npexec 'dev:99999' true
refused 255 npexec 'user@' true
refused 255 npexec @nogroup true
refused 255 npexec -S "$T/nosuch/socket" --no-start dev true
refused 255 npexec -S "/tmp/$(printf '%0200d' 0)" dev true
refused 255 npexec --type no_such_type dev true
refused 255 npexec -e true dev extra
refused 255 npexec -P 0 dev true
refused 255 npexec -P 2000 dev true
refused 255 npexec -t -n dev,dev2 true
refused 255 npexec -b -j dev true
refused 255 npexec 'dev,,dev2' -n true
refused 255 npexec -n 'dev,,dev2' true
refused 255 npexec -n 'dev,a b' true
refused 255 npexec -n 'dev,dev;touch x' true
refused 255 npexec -n 'nosuch*' true
like "$err" 'unknown_device' "a pattern that matches nothing: the reason is named"
refused 255 npexec -n 'me@nosuch*' true
refused 255 npexec -n 'dev[3-1]' true
refused 255 npexec -n 'dev[1-99999]' true
refused 255 npexec --save dev true
refused 255 npexec --dry-run dev true
refused 255 npexec --keep-going dev true
refused 255 npexec --confirm 5 dev true
refused 255 npexec -c --confirm 0 dev true
refused 255 npexec -c --confirm soon dev true
refused 255 npexec -c --dry-run --save dev true
refused 255 npexec -c -t dev true
refused 255 npexec -c --raw dev true
refused 255 npexec -c -n dev
refused 255 npexec -c -f "$T/empty" dev
refused 255 npexec -c -f "$T/nosuch" dev
for operand in dev,dev2 @all 'dev*'; do
	run sh -c 'echo lost | npexec "$1" cat' sh "$operand"
	is "$status:$out" 255: "$operand: standard input for several is refused"
	like "$err" '^npexec: .*-n' "and what to do is said"
	run sh -c 'echo lost | npexec "$1"' sh "$operand"
	like "$status:$err" '^255:npexec: .*-f -' "$operand: and so are commands"
done

refused 2 npctl
refused 2 npctl bogus
refused 2 npctl -Z
refused 2 npctl open
refused 2 npctl stop --then
refused 2 npctl ping extra
run npctl open nosuchdevice.invalid
ok "npctl open of an unknown host fails" [ "$status" -ne 0 ]
like "$err" '^npctl: .*nosuchdevice.invalid' "and names it"
run npctl close nosuchdevice
ok "npctl close of nothing fails" [ "$status" -ne 0 ]
like "$err" '^npctl: .*nosuchdevice' "and names it"
run npctl -S "$T/nosuch" ping
ok "npctl without a broker fails" [ "$status" -ne 0 ]
like "$err" '^npctl: ' "and says so"

for words in help 'help close' 'help config' 'help config show'; do
	# shellcheck disable=SC2086 # words
	run npctl $words
	is "$status:$err" 0: "npctl $words"
	like "$out" "npctl" "says something"
done
like "$(npctl help close)" '^npctl close DEVICE .*--now' "of one command its forms"
refused 2 npctl help bogus
refused 2 npctl help --json

refused 2 netpulsed -Z
refused 2 netpulsed extra
refused 2 netpulsed --idle-exit never
refused 1 netpulsed -S "$T/run/s2" -f "$T/nosuch.yaml"
like "$err" "$T/nosuch.yaml" "netpulsed: a missing file is named"

for program in npexec npctl netpulsed; do
	run $program --help
	is "$status" 0 "$program --help"
	like "$out" "^usage: $program" "prints its usage"
	run $program --version
	like "$out" "^$program [0-9]" "$program --version"
done

# ---- configuration ----

# bad LINE PATTERN TEXT: netpulsed refuses the text at FILE:LINE with these words.
bad()
{
	printf '%s\n' "$3" >"$T/bad.yaml"
	run netpulsed -S "$T/run/s2" -f "$T/bad.yaml"
	like "$status $err" "^1 netpulsed: $T/bad.yaml:$1: .*$2" "config: $2"
}

bad 2 'max_idle_time' 'long_connection:
  max_idle: 3'
bad 1 'devices' 'device: {}'
bad 2 'max_connections' 'long_connection:
  max_connections: many'
bad 2 'max_connections' 'long_connection: {
  max_connections: 0}'
bad 3 'port' 'devices:
  r1:
    port: 70000'
bad 3 'keepalive' 'devices:
  r1:
    connection_args: {keepalive: perhaps}'
bad 3 'device_type' 'devices:
  r1:
    device_type: [a]'
bad '[12]' '' 'devices: ['
bad '[12]' '' '	tabs: no'
bad 3 'second time' 'devices:
  r1: {}
  r1: {}'
bad '[0-9]+' '' "$(awk 'BEGIN { for (i = 0; i < 2000; i++) printf "["; print "" }')"
bad 2 'prompt_timeout' 'long_connection:
  prompt_timeout: -1'
# Anchors that would grow without bound.
bad '[0-9]+' '' 'a: &a [x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]
e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]'
echo 'devices: {}' >"$T/shared.yaml"
chmod 660 "$T/shared.yaml"
run netpulsed -S "$T/run/s2" -f "$T/shared.yaml"
is "$status" 1 "a configuration file that a group may write is refused"
like "$err" "^netpulsed: $T/shared.yaml: .*writ" "which is said"
printf 'devices: {r1: {password: x}}\n' >"$T/open.yaml"
chmod 644 "$T/open.yaml"
netpulsed -S "$T/run/s2" -f "$T/open.yaml" >"$T/warn" 2>&1 &
pid=$!
ok "a password in a file that others can read" wait_until 'npctl -S "$T/run/s2" ping'
like "$(cat "$T/warn")" "$T/open.yaml:1: .*password" "is warned about"
kill $pid
wait_for $pid

ok "the broker ends well" stop_broker
done_testing
