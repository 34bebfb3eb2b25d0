#!/bin/sh
# A console at some thousand baud: output comes character by character, and lines that begin with the prompt end nothing.
. "$(dirname "$0")/../kit/lib.sh"

cat >"$T/console.sh" <<'END'
#!/bin/sh
nl=$(printf '\r\n.')
nl=${nl%.}
say()
{
	text=$1
	while [ -n "$text" ]; do
		rest=${text#?}
		printf '%s' "${text%"$rest"}"
		text=$rest
		sleep 0.001
	done
}
stty raw -echo 2>/dev/null
say "${nl}R1#"
while read -r line; do
	say "$line$nl"
	case $line in
	show*) say "R1#show clock${nl}first line of the output${nl}R1#show version${nl}R1#${nl}last${nl}" ;;
	exit) exit ;;
	esac
	say 'R1#'
done
END
chmod +x "$T/console.sh"
start_sshd console "ForceCommand $T/console.sh"
start_broker 'devices: {console: {device_type: cisco_ios, driver: cli}}'

for n in 1 2 3 4 5; do
	run npexec console 'show x'
	is "$status:$out" '0:R1#show clock
first line of the output
R1#show version
R1#
last' "command $n: all of its output"
done

ok "the broker ends well" stop_broker
done_testing
