#!/bin/sh
# npexec in the place of ssh, under the programs that call one, as netpulse-wrapping(7) has it: those that are here.
NP_TEST_SECONDS=${NP_TEST_SECONDS:-300}
. "$(dirname "$0")/../kit/lib.sh"
need ssh

start_sshd dev 'Subsystem sftp internal-sftp' 'AcceptEnv TOLD_*'
start_sshd other 'Subsystem sftp internal-sftp'
# Its banner with a # confuses clogin, under any ssh.
sed 's/ Rack #7, port #12 #//' "$tests/scenarios/ios.txt" >"$T/ios.txt"
start_simdev core1 --scenario "$T/ios.txt"
add_host asked "$port_core1"
add_host asked2 "$port_core1"
start_broker "devices:
  dev: {}
  other: {}
  core1: {username: admin, password: admin-pw, secret: enable-pw, device_type: cisco_ios}"

# have PROGRAM COUNT: whether it is here; else so many tests are skipped.
have()
{
	command -v "$1" >/dev/null && return 0
	skip "$2" "no $1"
	return 1
}

# have_with_tty PROGRAM COUNT: one that asks for a terminal there, which a server that is not root cannot give away.
have_with_tty()
{
	have "$@" || return 1
	[ "$uid" -ne 0 ] || return 0
	skip "$2" "a server that is not root cannot give terminals away"
	return 1
}

# ---- options ----

is "$(npexec -x -a -2 -C -4 -T -q -o BatchMode=yes -o LogLevel=ERROR -oControlPath=none dev echo hi)" hi \
	"what programs say to ssh"
is "$(npexec dev -l "$me" -o ConnectTimeout=10 -- echo -n hi)" hi "options and -- behind the host"
is "$(npexec -- dev echo -x -n)" '-x -n' "and none of them behind a --"
is "$(TOLD_ONE='x y' npexec -o SendEnv='TOLD_*' -o SetEnv=TOLD_TWO=2 dev 'echo $TOLD_ONE:$TOLD_TWO')" 'x y:2' \
	"the environment that ssh_config would send"
is "$(TOLD_ONE=1 npexec -o SendEnv='TOLD_*' core1 'sim say fine')" fine "which a command line does without"
run npexec -o ForwardAgent=yes dev true
is "$status" 255 "a word that asks for what npexec cannot do: 255"
like "$err" '^npexec: ForwardAgent: .*ssh' "and why"
run npexec -L 8080:localhost:80 dev true
like "$status:$err" '^255:npexec: -L: .*ssh' "a port to be forwarded"
run npexec -i "$T/nosuch" dev echo hi
is "$status:$out" 0:hi "a key file that is not there is left out"
like "$err" "^npexec: key file $T/nosuch " "which is said"
is "$(npexec -q -i "$T/nosuch" dev echo hi 2>&1)" hi "but with -q"
mkdir "$T/empty"
is "$(cd "$T/empty" && npexec -S none dev echo hi)" hi "-S none"
for ctl in ctl "$T/empty/cm-%r@%h"; do
	run sh -c 'cd "$1" && NETPULSE_DAEMON=$3/netpulsed npexec -S "$2" dev echo hi' sh "$T/empty" "$ctl" "$bin"
	like "$status:$out$err" '^255:npexec: dev: broker_unavailable: .*NETPULSE_SOCKET' "-S ${ctl##*/}"
	is "$(ls -A "$T/empty")" '' "starts no broker there"
done
is "$(npexec -F "$T/ssh_config" -G -p 22 dev)" "$(ssh -F "$T/ssh_config" -G -p 22 dev)" "-G is ssh's own"
is "$(brokers | wc -l)" 1 "there is one broker"
mkdir "$T/wrap" && ln -s "$bin/npexec" "$T/wrap/ssh"
is "$(PATH=$T/wrap:$PATH NETPULSE_SOCKET=$T/run/other NETPULSE_DAEMON=$bin/netpulsed NETPULSE_CONFIG=$T/config.yaml ssh dev echo hi)" \
	hi "a broker that was started under the name of ssh asks the real one"
npctl -S "$T/run/other" stop --now >/dev/null
ok "it ends" wait_until '[ "$(brokers | wc -l)" -eq 1 ]'

# ---- what is not honoured ----

printf 'Host told\n  ForwardAgent yes\n  LocalForward 8080 localhost:80\n  RemoteCommand ls\n' >>"$T/ssh_config"
add_host told "$port_dev"
run npexec -v told echo hi
is "$status:$out" 0:hi "a host whose ssh_config asks for more"
is "$(echo "$err" | grep -c 'npexec: told: .*\(forwardagent\|localforward\|remotecommand\).* is not honoured')" 3 "-v tells of it"
is "$(npexec told echo hi 2>&1)" hi "nothing does without -v"
is "$(npctl test told 2>&1 | grep -c 'forwardagent\|localforward\|remotecommand')" 3 "npctl test tells of it"

# ---- how the log-in is made ----

echo "[127.0.0.1]:1 nothing" >"$T/no_hosts"
run npexec -o UserKnownHostsFile="$T/no_hosts" other true
like "$status:$err" '^255:npexec: other: host_key_unknown' "UserKnownHostsFile counts"
run npexec -o UserKnownHostsFile="$T/no_hosts" -o StrictHostKeyChecking=accept-new other echo hi
is "$status:$out" 0:hi "and StrictHostKeyChecking=accept-new"
ok "the key was added" grep -q "^\[127.0.0.1\]:$port_other" "$T/no_hosts"

# Several keys are tried in order, as ssh tries them.
accepted_key()
{
	grep 'Accepted publickey' "$T/dev/log" | tail -n 1 | grep -o 'SHA256:[A-Za-z0-9+/]*'
}

make_key "$T/second"
cat "$T/second.pub" >>"$T/dev/authorized_keys"
is "$(npexec -i "$T/second" -o IdentityFile="$T/key" dev echo hi)" hi "two key files"
is "$(accepted_key)" "$(ssh-keygen -lf "$T/second.pub" | cut -d' ' -f2)" "the first of them logs in"

# ---- a connection from there ----

printf '%s\n' 'SSH-2.0-test' | npexec -W "127.0.0.1:$port_other" dev >"$T/got" 2>"$T/err"
is "$?:$(head -n 1 "$T/got" | tr -d '\r' | cut -c1-8)" '0:SSH-2.0-' "-W"
is "$(ssh -F "$T/ssh_config" -o ProxyCommand='npexec -W 127.0.0.1:%p dev' other echo hi)" hi "under an ssh"
run npexec -W 127.0.0.1:1 dev </dev/null
like "$status:$err" '^255:npexec: dev: channel_refused: ' "a port that is closed"

# ---- files ----

head -c 3000000 /dev/urandom >"$T/blob"
mkdir "$T/tree" && for i in 1 2 3 4 5 6 7 8 9; do echo "file $i" >"$T/tree/$i"; done
if have scp 4; then
	ok "scp" scp -q -S "$bin/npexec" "$T/blob" "dev:$T/blob.scp"
	same "$T/blob" "$T/blob.scp" "the same bytes"
	ok "scp -O -r, back" scp -O -r -q -S "$bin/npexec" "dev:$T/tree" "$T/tree.scp"
	ok "the same files" diff -r "$T/tree" "$T/tree.scp"
fi
if have sftp 1; then
	printf 'get %s %s\n' "$T/blob" "$T/blob.sftp" >"$T/batch"
	sftp -q -S "$bin/npexec" -b "$T/batch" dev >/dev/null 2>"$T/err"
	same "$T/blob" "$T/blob.sftp" "sftp"
fi
if have rsync 2; then
	ok "rsync" rsync -a -e npexec "$T/tree" "dev:$T/tree.rsync"
	ok "the same files" diff -r "$T/tree" "$T/tree.rsync/tree"
fi
if have git 4; then
	GIT_CONFIG_GLOBAL=/dev/null
	GIT_CONFIG_NOSYSTEM=1
	GIT_SSH_COMMAND=npexec
	export GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_SSH_COMMAND
	git init -q --bare "$T/bare.git"
	ok "git clone" git clone -q "dev:$T/bare.git" "$T/work"
	(cd "$T/work" && echo x >x && git add x && git -c user.name=n -c user.email=e commit -qm x) >"$T/ok.out" 2>&1
	ok "git push" git -C "$T/work" push -q origin HEAD:main
	ok "git fetch" git -C "$T/work" fetch -q origin main
	ok "git clone ssh://, with a port" git clone -q -b main "ssh://$me@dev:$port_dev$T/bare.git" "$T/again"
fi

# ---- many hosts ----

if have clush 1; then
	is "$(clush -O ssh_path=npexec -l "$me" -w dev,other echo hi 2>&1 | sort | tr '\n' ' ')" 'dev: hi other: hi ' clush
fi
pssh=$(command -v parallel-ssh || command -v pssh || echo pssh)
if have "$pssh" 1; then
	like "$(PATH=$T/wrap:$PATH "$pssh" -i -H 'dev other' -l "$me" 'echo hi from $USER' </dev/null 2>&1 | grep -c "^hi from $me")" 2 pssh
fi
if have pdsh 1; then
	is "$(PATH=$T/wrap:$PATH PDSH_RCMD_TYPE=ssh pdsh -w dev,other -l "$me" echo hi 2>&1 | sort | tr '\n' ' ')" 'dev: hi other: hi ' pdsh
fi
ansible=0
if have_with_tty ansible 2; then
	ansible=1
	mkdir "$T/ansible"
	printf 'dev\nother\n' >"$T/ansible/hosts"
	printf '%s\n' '[defaults]' 'interpreter_python = /usr/bin/python3' "local_tmp = $T/ansible/tmp" "remote_tmp = $T/ansible/there" \
		'[ssh_connection]' "ssh_executable = $bin/npexec" "sftp_extra_args = -S $bin/npexec" >"$T/ansible/ansible.cfg"
	run env LC_ALL=C.UTF-8 ANSIBLE_CONFIG="$T/ansible/ansible.cfg" ansible -i "$T/ansible/hosts" all -m ping
	is "$(grep -c pong "$T/out")" 2 Ansible
	unlike "$err" 'WARNING' "and its file transfers"
fi
if have parallel 1; then
	is "$(HOME=$T/home parallel --will-cite --ssh npexec -S 1/dev,1/other 'echo {}' ::: a b c 2>"$T/err" | sort | tr '\n' ' ')" \
		'a b c ' "GNU parallel"
fi

# ---- passwords ----

# Programs that know ssh's question for one.
by_password='-l admin -o PubkeyAuthentication=no --type cisco_ios'
if have sshpass 1; then
	# shellcheck disable=SC2086 # words
	is "$(sshpass -p admin-pw npexec $by_password asked 'sim say by sshpass')" 'by sshpass' sshpass
fi
if have "$pssh" 1; then
	like "$(echo admin-pw | PATH=$T/wrap:$PATH "$pssh" -A -i -H asked2 -x "$by_password" 'sim say by pssh' 2>/dev/null)" '^by pssh$' \
		"pssh -A, by its SSH_ASKPASS"
fi

# ---- people's terminals ----

if have expect 1; then
	cat >"$T/script" <<-END
		set timeout 20
		log_user 0
		spawn npexec core1
		expect -re {[>#]\$} {send "sim say from expect\r"} timeout {exit 1}
		expect "\nfrom expect" {send "exit\r"} timeout {exit 2}
		expect eof
	END
	ok "an expect script" expect "$T/script"
fi
if have clogin 1; then
	printf 'add method * ssh\nadd sshcmd * {npexec}\nadd user * admin\nadd password * admin-pw enable-pw\nadd autoenable * 0\n' >"$T/home/.cloginrc"
	chmod 600 "$T/home/.cloginrc"
	like "$(clogin -c "show clock" core1 2>&1 | tr -d '\r')" '^.00:01:02.003 UTC' "rancid's clogin"
fi
if have vim 1; then
	cat >"$T/script" <<-END
		set nocompatible
		filetype plugin on
		let g:netrw_scp_cmd = 'scp -q -S $bin/npexec'
		edit scp://dev/$T/tree/1
		%s/file/changed/
		write
		quitall!
	END
	timeout 60 vim -u NONE -N -c 'set rtp+=$VIMRUNTIME' -c 'runtime plugin/netrwPlugin.vim' -S "$T/script" </dev/null >"$T/out" 2>&1
	is "$(cat "$T/tree/1")" 'changed 1' "vim edits a file there"
fi

if have_with_tty emacs 1; then
	cat >"$T/script.el" <<-END
		(require 'tramp)
		(add-to-list 'tramp-methods
		  (cons "npexec"
		    (mapcar (lambda (p)
		              (if (eq (car p) 'tramp-login-program)
		                  '(tramp-login-program "npexec") p))
		            (cdr (assoc "ssh" tramp-methods)))))
		(setq tramp-persistency-file-name nil)
		(find-file "/npexec:dev:$T/tree/new")
		(insert "from emacs")
		(save-buffer)
	END
	TERM=xterm timeout 100 emacs -Q --batch -l "$T/script.el" </dev/null >"$T/out" 2>&1
	is "$(cat "$T/tree/new")" 'from emacs' "Emacs, by TRAMP"
fi

# ---- where nobody is ----

run env -i HOME="$HOME" PATH="$PATH" NETPULSE_SOCKET="$NETPULSE_SOCKET" "$bin/npexec" -nq -o BatchMode=yes --timeout 20 core1 show clock
like "$status:$out" '^0:.00:01:02' "a job of cron"
check=/usr/lib/nagios/plugins/check_by_ssh
if have $check 1; then
	printf 'Host *\n  ControlMaster no\n  ControlPath %s\n' "$T/run/mux/%n" | cat - "$T/ssh_config" >"$T/by_the_door"
	run $check -F "$T/by_the_door" -H dev -C 'echo OK - fine; exit 0'
	is "$status:$out" '0:OK - fine' "check_by_ssh, by the door"
fi

# As user@dev:PORT, by -l, and without, two as told, with two keys, and what Ansible says of passwords: requests that say other things
# have sessions of their own.
is "$(logins dev) $(brokers | wc -l)" "$((7 + ansible)) 1" "all of it used a login for each way to name the account"

done_testing
