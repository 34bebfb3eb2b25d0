#!/bin/sh
# Scripts that were written for ssh say and do the same, byte for byte, over the broker: out of ssh's configuration, and
# by npssh, also where it is called ssh.
. "$(dirname "$0")/../kit/lib.sh"

need ssh
NETPULSE_DAEMON=$bin/netpulsed
export NETPULSE_DAEMON

start_sshd dev
npctl mux --config | cat - "$T/ssh_config" >"$T/with"
mkdir "$T/wrap" "$T/far"
ln -s "$bin/npssh" "$T/wrap/ssh"
real=$(command -v ssh)

logins()
{
	grep -c 'Accepted publickey' "$T/dev/log"
}

# ---- scripts: each is run with ssh as a function of the three ways ----

# way WAY: the beginning of a script, in which `ssh' goes that way.
way()
{
	case $1 in
	plain) echo "WAY=$1; ssh() { command ssh -F $T/ssh_config \"\$@\"; }" ;;
	exec) echo "WAY=$1; ssh() { command ssh -F $T/with \"\$@\"; }" ;;
	npssh) echo "WAY=$1; ssh() { npssh -F $T/ssh_config \"\$@\"; }" ;;
	esac
}

# script NAME [IN]: standard input is the script; it says the same in all three ways.
script()
{
	_title=$1
	_in=${2:-/dev/null}
	cat >"$T/body"
	for _way in plain exec npssh; do
		rm -rf "$T/work" && mkdir "$T/work"
		{
			way "$_way"
			cat "$T/body"
		} >"$T/script"
		(cd "$T/work" && sh "$T/script" <"$_in" >"$T/$_way.out" 2>"$T/$_way.err")
		echo "status $?" >>"$T/$_way.out"
	done
	for _way in exec npssh; do
		ok "$_title: $_way" cmp "$T/plain.out" "$T/$_way.out"
		ok "$_title: $_way, standard error" diff "$T/plain.err" "$T/$_way.err"
	done
}

seq 5 >"$T/lines"
head -c 300000 /dev/urandom >"$T/blob"

script 'exit 3' <<'END'
ssh dev 'exit 3'; echo $?
ssh dev 'echo to stdout; echo to stderr >&2; exit 3'
echo $?
ssh dev false || echo failed
ssh dev 'kill -9 $$'; echo $?
ssh dev /nonexistent/program; echo $?
exit 4
END
script 'while read' "$T/lines" <<'END'
while read -r line; do
	ssh -n dev "echo got $line"
done
END
script 'while read, and ssh swallows the rest' "$T/lines" <<'END'
while read -r line; do
	echo "line $line"
	ssh dev cat
done
END
script 'here-documents' <<'END'
ssh dev sh <<E
X=5
echo \$X
exit 6
echo $?
ssh -T dev <<'E'
X=5; echo $X
E
ssh dev 'cat; echo end' <<E
`seq 1000`
E
END
script 'quoting' <<'END'
ssh dev echo 'a  b' "c  d" e\ f
ssh dev "echo 'a  b'" '"*"' \$HOME '$((1+2))'
ssh dev 'printf "<%s>\n"' "''" '"  "' "\\\\" '`echo x`' '$(echo y)' ';' echo z
ssh dev 'for i in 1 2; do echo "$i"; done
echo second line'
ssh dev "printf '\001\002\377\n'"
END
script 'tar both ways' <<'END'
mkdir tree; seq 1000 >tree/a; ln -s a tree/b; printf '\0\1' >tree/c
tar -cf - tree | ssh dev 'rm -rf away; mkdir away; tar -xf - -C away; ls away/tree; cat away/tree/a | cksum'
ssh dev 'tar -cf - -C away tree; rm -r away' | tar -xOf - tree/a tree/c | cksum
END
script 'binary' "$T/blob" <<'END'
ssh dev cat | cksum
ssh dev 'head -c 200000 /dev/zero; head -c 10 /dev/zero >&2' | cksum
END
script 'background jobs' <<'END'
for i in 1 2 3 4 5; do
	ssh -n dev "echo $i; exit $i" >out.$i & eval p$i=$!
done
for i in 1 2 3 4 5; do eval wait \$p$i; echo $? $(cat out.$i); done
ssh dev 'sleep 0.1 >/dev/null 2>&1 & echo started' </dev/null
END
script 'closed streams' <<'END'
ssh dev 'echo no input; cat' <&-; echo $?
ssh dev 'exit 7' >&-; echo $?
ssh dev 'echo lost >&2; exit 8' 2>&-; echo $?
ssh dev yes | head -n 3
ssh dev 'seq 100000' | head -n 1
ssh dev cat </dev/zero | head -c 10 | od -c
END
script 'command substitution and streams that are mixed' <<'END'
x=$(ssh dev 'echo one; echo two >&2') && echo "[$x]"
ssh dev 'echo 1; echo 3' 2>&1
test "$(ssh dev 'echo -n')" = '' && echo empty
ssh dev true && ssh dev false; echo $?
END
script 'errors of ssh itself' <<'END'
ssh; echo $?
ssh -Z dev true; echo $?
ssh -p 99999 dev true; echo $?
ssh -oNoSuch=1 dev true; echo $?
ssh -i /no/such/key dev true; echo $?
ssh nowhere.invalid true; echo $?
ssh -p 1 -oConnectTimeout=5 127.0.0.1 true; echo $?
ssh -s dev no-such-subsystem; echo $?
ssh -W 127.0.0.1:1 -oPort=1 dev; echo $?
END
script 'new host keys' <<'END'
for i in 1 2 3; do ssh -oStrictHostKeyChecking=accept-new -oUserKnownHostsFile=../known.$WAY dev 'echo known'; done
ssh -oStrictHostKeyChecking=no -oUserKnownHostsFile=../other.$WAY dev 'echo known'
cut -d' ' -f1,2 ../known.$WAY ../other.$WAY
END
script 'environment' <<'END'
LC_SENT='a b' ssh -oSendEnv=LC_SENT dev 'echo "$LC_SENT"'
ssh -oSetEnv=LC_SET=x dev 'echo "$LC_SET"'
END

if ssh -F "$T/ssh_config" -tt dev true </dev/null >/dev/null 2>&1; then
	# libssh 0.10 cannot tell the server of modes
	odd=
	! grep -q '^#define HAVE_SSH_CHANNEL_REQUEST_PTY_SIZE_MODES' "$bin/config.h" 2>/dev/null || odd='-ixon erase ^H intr ^B iutf8'
	for way in plain exec npssh; do
		{
			way $way
			# shellcheck disable=SC2016
			echo "stty cols 91 rows 33 $odd; ssh -qt dev 'stty size; stty -a | tr \";\" \"\\n\" | grep -v speed; tty >/dev/null && echo tty; exit 5'; echo \$?; stty -a"
		} >"$T/script"
		ptyrun sh "$T/script" </dev/null >"$T/$way.tty" 2>&1
	done
	same "$T/plain.tty" "$T/exec.tty" "-t: the terminal there, and here afterwards: exec"
	same "$T/plain.tty" "$T/npssh.tty" "-t: npssh"
else
	skip 2 "this sshd gives no terminals"
fi

# ---- npssh ----

npssh -F "$T/ssh_config" dev true
before=$(logins)
for i in 1 2 3; do npssh -F "$T/ssh_config" dev true; done
is "$(logins)" "$before" "npssh: no log-in of its own"
PATH=$T/wrap:$PATH
is "$(ssh -F "$T/ssh_config" dev 'echo called ssh'):$(logins)" "called ssh:$before" "npssh: as ssh, in front of PATH"
is "$(PATH=$T/wrap ssh -F "$T/ssh_config" dev 'echo found')" found "alone in PATH: the ssh that was there when it was built"
cp "$bin/npssh" "$T/far/ssh"
is "$(PATH=$T/far:$PATH ssh -F "$T/ssh_config" dev 'echo found'):$(logins)" "found:$before" "a copy and a link of it"
printf '#!/bin/sh\nexec npssh "$@"\n' >"$T/far/ssh"
chmod +x "$T/far/ssh"
is "$(PATH=$T/far:$PATH:$bin ssh -F "$T/ssh_config" dev 'echo found')" found "a script that calls it"
is "$(NETPULSE_MUX=no npssh -F "$T/ssh_config" dev 'echo alone'):$(logins)" "alone:$((before + 1))" "told to let it be"
if command -v git >/dev/null; then
	export GIT_CONFIG_GLOBAL="$T/gitconfig" GIT_CONFIG_NOSYSTEM=1
	git init -q "$T/repo" && git -C "$T/repo" -c user.name=n -c user.email=e@x commit -q --allow-empty -m first
	printf '#!/bin/sh\nexec npssh -F %s "$@"\n' "$T/ssh_config" >"$T/gitssh"
	chmod +x "$T/gitssh"
	before=$(logins)
	ok "git clone" env GIT_SSH="$T/gitssh" git clone -q "dev:$T/repo" "$T/cloned"
	ok "git fetch" env GIT_SSH="$T/gitssh" git -C "$T/cloned" fetch -q
	at_most "$(($(logins) - before))" 1 "over a session that is there"
else
	skip 3 "git is not installed"
fi

# The daemon finds the real one behind the wrapper, as its first client may have it in front of PATH.
npctl stop >/dev/null
wait_until '[ -z "$(brokers)" ]'
is "$(ssh -F "$T/ssh_config" dev 'echo started')" started "a broker that is started by it"
wait_until '[ -n "$(brokers)" ]'
is "$(npexec -F "$T/ssh_config" dev 'echo resolved')" resolved "resolves by the real one"

# So it does with npexec as ssh, by a link, or by a script, which does not show whom it calls.
ln -sf "$bin/npexec" "$T/far/ssh"
like "$(PATH=$T/far:$PATH npssh -V 2>&1)" '^OpenSSH' "npssh passes npexec over as well"
for way in "a link" "a script"; do
	npctl stop >/dev/null
	wait_until '[ -z "$(brokers)" ]'
	is "$(PATH=$T/far:$PATH ssh -F "$T/ssh_config" dev 'echo started' 2>&1)" started "a broker that is started by npexec as ssh: $way"
	is "$(npexec -F "$T/ssh_config" dev 'echo resolved')" resolved "resolves by the real one as well"
	rm "$T/far/ssh"
	printf '#!/bin/sh\nexec npexec "$@"\n' >"$T/far/ssh"
	chmod +x "$T/far/ssh"
done

npctl stop >/dev/null
wait_until '[ -z "$(brokers)" ]'
printf '#!/bin/sh\necho "$@" >>%s/called\nexec %s "$@"\n' "$T" "$real" >"$T/far/ssh"
add_host behind "$port_dev" "ProxyCommand ssh -F $T/ssh_config -W %h:%p dev" "HostKeyAlias [127.0.0.1]:$port_dev"
is "$(PATH=$T/far:$PATH npexec -F "$T/ssh_config" behind 'echo came')" came "a ProxyCommand that calls ssh"
ok "calls the real one" [ ! -e "$T/called" ]
npctl stop >/dev/null
wait_until '[ -z "$(brokers)" ]'
run env NETPULSE_DAEMON=/nonexistent npssh -F "$T/ssh_config" dev 'echo alone; exit 9'
is "$status:$out:$err" 9:alone: "without a broker it is ssh"
like "$(PATH=/nonexistent "$bin/npssh" -V 2>&1)" '^OpenSSH' "without PATH as well"
is "$real" "$(PATH=${PATH#"$T/wrap:"} command -v ssh)" "nothing was changed"
done_testing
