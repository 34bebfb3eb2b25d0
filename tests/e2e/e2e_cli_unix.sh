#!/bin/sh
# The shells of Unix as command lines: bash, dash and BusyBox behind a real sshd that has no exec channels to offer.
. "$(dirname "$0")/../kit/lib.sh"
need jq

shells=
for shell in bash dash busybox; do
	command -v "$shell" >/dev/null || continue
	case $shell in
	bash) line='bash --norc --noprofile -i' ;;
	dash) line='dash -i' ;;
	busybox) line='busybox sh -i' ;;
	esac
	start_sshd "$shell" "ForceCommand env -u ENV -u PS1 PS1='\$ ' TERM=dumb $line"
	shells="$shells $shell"
done
[ -n "$shells" ] || skip_all "no shell"
# A terminal server or a menu: it asks for a name and a password before the command line comes, whatever was asked for.
cat >"$T/menu.sh" <<'END'
#!/bin/sh
printf 'Username: '
read -r name || exit
printf 'Password: '
stty -echo 2>/dev/null
read -r word || exit
stty echo 2>/dev/null
[ "$word" = word ] || exit
printf '\nHello, this is FRRouting (version 8.4).\n'
while printf 'r1# ' && read -r line; do
	case $line in
	'show version') echo 'FRRouting 8.4 (r1)' ;;
	exit) exit ;;
	esac
done
END
chmod +x "$T/menu.sh"
start_sshd menu "ForceCommand $T/menu.sh"
start_broker "$(
	echo devices:
	echo "  menu: {device_type: autodetect, username: $me, password: word}"
	for shell in $shells; do
		echo "  $shell: {device_type: linux, driver: cli}"
	done
)"

for shell in $shells; do
	run npexec "$shell" 'echo hello; printf "%s\n" two'
	is "$status" 0 "$shell: a command"
	is "$out" "hello
two" "its output, and nothing else"
	run npexec "$shell" false
	is "$status" 1 "$shell: the status of a command that fails"
	run npexec "$shell" 'exec 3>&1; (exit 42)'
	is "$status" 42 "and any other"
	run npexec --prove "$shell" 'echo "$ "; sleep 0.5; printf "# "; (exit 3)'
	is "$status" 3 "$shell: proven, too"
	is "$out" '$ 
# ' "output that looks like a prompt is output"
	is "$(npexec -j "$shell" 'cd / && pwd' | jq -r '[.stdout, .exit_status] | @json')" '["/\n",0]' "as JSON"
	run npexec --timeout 1 "$shell" 'sleep 60'
	is "$status" 124 "$shell: a limit"
	run npexec "$shell" 'echo again'
	is "$out" again "and a command behind it"
done

for n in first second; do
	run npexec menu 'show version'
	is "$status" 0 "a command line behind a menu, recognised by itself: the $n command"
	is "$out" 'FRRouting 8.4 (r1)' "its output"
done

ok "the broker ends well" stop_broker
done_testing
