#!/bin/sh
# Programs that run ssh go over the broker and need not know: by ssh's configuration, and by npssh as ssh in PATH.
. "$(dirname "$0")/../kit/lib.sh"

need ssh
NETPULSE_DAEMON=$bin/netpulsed
export NETPULSE_DAEMON

start_sshd dev 'Subsystem sftp internal-sftp'
npctl mux --config | cat - "$T/ssh_config" >"$T/with"
real=$(command -v ssh)
mkdir "$T/exec" "$T/npssh" "$T/src" "$T/tmp"
# the test's own files of ssh, which a user has at home
printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$real" "$T/with" >"$T/exec/ssh"
printf '#!/bin/sh\nexec %s/npssh -F %s "$@"\n' "$bin" "$T/ssh_config" >"$T/npssh/ssh"
chmod +x "$T/exec/ssh" "$T/npssh/ssh"
for i in $(seq 200); do echo "$i" >"$T/src/$i"; done
head -c 3000000 /dev/urandom >"$T/big"
cat >"$T/ansible.cfg" <<END
[defaults]
local_tmp = $T/tmp/local
remote_tmp = $T/tmp/remote
interpreter_python = auto_silent
[ssh_connection]
ssh_args = -C
sftp_executable = $T/sftp
END
printf '#!/bin/sh\nexec sftp -S "$(command -v ssh)" "$@"\n' >"$T/sftp"
chmod +x "$T/sftp"
export ANSIBLE_CONFIG="$T/ansible.cfg" GIT_CONFIG_GLOBAL="$T/gitconfig" GIT_CONFIG_NOSYSTEM=1
usual=$PATH

logins()
{
	grep -c 'Accepted publickey' "$T/dev/log"
}

# program NAME COMMAND...: it does what it should, twice, and the second time without a log-in.
program()
{
	_what=$1
	shift
	if ! command -v "$1" >/dev/null || { [ "$1" = env ] && ! command -v "$3" >/dev/null; }; then
		skip 2 "$_what is not installed"
		return
	fi
	ok "$way: $_what" "$@"
	_before=$(logins)
	"$@" >"$T/said" 2>&1
	is "$?:$(($(logins) - _before))" 0:0 "$way: $_what, without a log-in" || diag "$(head -c 500 "$T/said")"
}

clone()
{
	rm -rf "$T/cloned"
	git clone -q "dev:$T/repo" "$T/cloned" && git -C "$T/cloned" fetch -q
}
copy()
{
	rm -f "$T/to" "$T/back"
	scp -q "$@" -S "$T/$way/ssh" "$T/big" "dev:$T/to" && scp -q "$@" -S "$T/$way/ssh" "dev:$T/to" "$T/back" && cmp "$T/big" "$T/back"
}
synchronise()
{
	rm -rf "$T/there" "$T/here"
	rsync -a "$T/src/" "dev:$T/there/" && rsync -a "dev:$T/there/" "$T/here/" && diff -r "$T/src" "$T/here"
}
get()
{
	rm -f "$T/got"
	echo "get $T/big $T/got" | sftp -q -S "$T/$way/ssh" -b - dev && cmp "$T/big" "$T/got"
}

if command -v git >/dev/null; then
	git init -q "$T/repo" && git -C "$T/repo" -c user.name=n -c user.email=e@x commit -q --allow-empty -m first
fi
for way in exec npssh; do
	PATH=$T/$way:$usual
	ok "$way: ssh" ssh dev true
	if command -v git >/dev/null; then program git clone; else skip 2 "git is not installed"; fi
	if command -v rsync >/dev/null; then program rsync synchronise; else skip 2 "rsync is not installed"; fi
	program scp copy
	program 'scp -O' copy -O
	program sftp get
	program clush clush -w dev uname
	program 'GNU parallel' parallel -S dev --nonall uname
	program pssh parallel-ssh -i -H dev uname
	program pdsh pdsh -R ssh -w dev uname
	program Ansible env LC_ALL=C.UTF-8 ansible -i dev, all -m ping
done

npctl stop >/dev/null
wait_until '[ -z "$(brokers)" ]'
done_testing
