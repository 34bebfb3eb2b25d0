#!/bin/sh
# Programs that run ssh go over the broker and need not know: by ssh's configuration, and by npssh as ssh in PATH.
# NP_LONG=yes (make long): with a GB, and with 10,000 files.
[ -z "${NP_LONG:-}" ] || NP_TEST_SECONDS=${NP_TEST_SECONDS:-900}
NP_TEST_SECONDS=${NP_TEST_SECONDS:-300}
. "$(dirname "$0")/../kit/lib.sh"

need ssh
NETPULSE_DAEMON=$bin/netpulsed
export NETPULSE_DAEMON

mkdir "$T/stub"
start_sshd dev 'Subsystem sftp internal-sftp' "SetEnv SHLVL=5 HOME=$T/dev PATH=$T/stub:/usr/bin:/bin"
start_sshd other 'Subsystem sftp internal-sftp'
npctl mux --config | cat - "$T/ssh_config" >"$T/with"
real=$(command -v ssh)
mkdir "$T/exec" "$T/npssh" "$T/src" "$T/tmp"
# the test's own files of ssh, which a user has at home
printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$real" "$T/with" >"$T/exec/ssh"
printf '#!/bin/sh\nexec %s/npssh -F %s "$@"\n' "$bin" "$T/ssh_config" >"$T/npssh/ssh"
chmod +x "$T/exec/ssh" "$T/npssh/ssh"
files=200 bytes=3000000
[ -z "${NP_LONG:-}" ] || files=10000 bytes=1000000000
for i in $(seq $files); do echo "$i" >"$T/src/$i"; done
head -c $bytes /dev/urandom >"$T/big"
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
	_before=$(logins dev)
	"$@" >"$T/said" 2>&1
	is "$?:$(($(logins dev) - _before))" 0:0 "$way: $_what, without a log-in" || diag "$(head -c 500 "$T/said")"
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
both_ways()
{
	rm -f "$T/put" "$T/got"
	printf 'put %s\nget %s\n' "$T/big $T/put" "$T/put $T/got" | sftp -q -S "$T/$way/ssh" -b - dev && cmp "$T/big" "$T/got"
}
across()
{
	rm -f "$T/to"
	scp -q -3 -S "$T/$way/ssh" "dev:$T/big" "other:$T/to" && cmp "$T/big" "$T/to"
}
mounted()
{
	mkdir -p "$T/mnt" && sshfs -o "ssh_command=$T/$way/ssh" "dev:$T/src" "$T/mnt" || return 1
	diff -r "$T/src" "$T/mnt" && cp "$T/src/1" "$T/mnt/new" && cmp "$T/src/1" "$T/src/new"
	_status=$?
	rm -f "$T/src/new"
	fusermount3 -u "$T/mnt" && return "$_status"
}
watched()
{
	[ "$(AUTOSSH_PATH=$T/$way/ssh autossh -M 0 dev 'echo by autossh')" = 'by autossh' ]
}
clone_url()
{
	rm -rf "$T/cloned"
	git clone -q "ssh://dev:$port_dev$T/repo" "$T/cloned" && git -C "$T/cloned" push -q origin HEAD:refs/heads/pushed
}
containers()
{
	DOCKER_HOST=ssh://dev docker version >"$T/docker" 2>&1 && grep -q 'Version: *9.9.9' "$T/docker"
}
# net-ssh, and with it oxidized, has an SSH of its own, but a way by ProxyCommand.
net_ssh()
{
	_said=$(ruby -rnet/ssh -rnet/ssh/proxy/command -e '
		Net::SSH.start("other", ARGV[1], config: ARGV[0], verify_host_key: :never,
			proxy: Net::SSH::Proxy::Command.new("ssh -W %h:%p dev")) { |s| print s.exec!("echo there") }' \
		"$T/ssh_config" "$me") && [ "$_said" = there ]
}
# In a network of its own, in which 127.0.0.2 is none of its addresses: all that it gets there comes by ssh.
tunnel()
{
	cat >"$T/tunnel" <<-END
		ip link set lo up; ip addr add 127.0.0.1/32 dev lo; ip addr del 127.0.0.1/8 dev lo
		ip addr add 192.0.2.9/32 dev lo; ip route add default dev lo src 192.0.2.9
		sshuttle -v --method nat -e $T/$way/ssh -r dev 127.0.0.2/32 >$T/sshuttle.log 2>&1 &
		pid=\$!
		until grep -q REDIRECT $T/sshuttle.log; do kill -0 \$pid && sleep 0.05 || exit; done
		curl -s -m 10 http://127.0.0.2:$port_page/page >$T/page.got
		kill \$pid
		wait \$pid
		exit 0
	END
	rm -f "$T/page.got"
	unshare -n sh "$T/tunnel" && cmp "$T/src/1" "$T/page.got"
}
# Its way back to the client is a port that only a server of ours could tell, and its terminal one of a person.
roam()
{
	LC_ALL=C.UTF-8 TERM=xterm ptyrun mosh "$@" --ssh="$T/$way/ssh" dev -- echo by mosh </dev/null >"$T/mosh" 2>&1
	grep -q 'by mosh' "$T/mosh"
}
copy_id()
{
	rm -rf "$T/dev/.ssh"
	ssh-copy-id -f -i "$T/key.pub" dev && cmp "$T/key.pub" "$T/dev/.ssh/authorized_keys"
}

cat >"$T/stub/docker" <<'END'
#!/usr/bin/perl
# What `docker system dial-stdio' reaches: a daemon that knows its version.
$| = 1;
while (<STDIN>) {
	($head, $path) = ($1 eq 'HEAD', $2) if /^(GET|HEAD) (\S+)/;
	next unless /^\r?\n$/;
	($type, $body) = $path =~ /version$/
		? ('application/json', '{"Version":"9.9.9","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}')
		: ('text/plain', 'OK');
	printf "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		$type, length $body, $head ? '' : $body;
}
END
chmod 755 "$T/stub/docker"
mkdir "$T/page" "$T/home/.ssh"
cp "$T/src/1" "$T/page/page"
port_page=$(free_port)

if command -v git >/dev/null; then
	git init -q "$T/repo" && git -C "$T/repo" -c user.name=n -c user.email=e@x commit -q --allow-empty -m first
fi
for way in exec npssh; do
	PATH=$T/$way:$usual
	ok "$way: ssh" ssh dev true
	if command -v git >/dev/null; then
		program git clone
		program 'git, by ssh://' clone_url
	else
		skip 4 "git is not installed"
	fi
	if command -v rsync >/dev/null; then program rsync synchronise; else skip 2 "rsync is not installed"; fi
	program scp copy
	program 'scp -O' copy -O
	program 'scp -3' across
	program sftp both_ways
	if command -v sshfs >/dev/null && [ -w /dev/fuse ]; then program sshfs mounted; else skip 2 "no sshfs, or no FUSE"; fi
	program clush clush -w dev uname
	program 'GNU parallel' parallel -S dev --nonall uname
	program pssh parallel-ssh -i -H dev uname
	program pdsh pdsh -R ssh -w dev uname
	program Ansible env LC_ALL=C.UTF-8 ansible -i dev, all -m ping
	if command -v autossh >/dev/null; then program autossh watched; else skip 2 "autossh is not installed"; fi
	program sshpass sshpass -p unused ssh dev true
	if command -v docker >/dev/null && [ -x /usr/bin/perl ]; then
		program docker containers
	else
		skip 2 "docker is not installed"
	fi
	if ruby -e 'require "net/ssh"' 2>/dev/null; then program net-ssh net_ssh; else skip 2 "net-ssh is not installed"; fi
	if [ "$uid" -eq 0 ] && command -v sshuttle >/dev/null && command -v curl >/dev/null && unshare -n iptables -t nat -L >/dev/null 2>&1; then
		(cd "$T/page" && exec python3 -m http.server -b 127.0.0.2 "$port_page" >/dev/null 2>&1) &
		pid=$!
		wait_until "curl -s http://127.0.0.2:$port_page/page"
		program sshuttle tunnel
		kill "$pid"
	else
		skip 2 "sshuttle is not installed, or there is no network for it"
	fi
	if command -v mosh >/dev/null && ssh -tt dev true </dev/null >/dev/null 2>&1; then
		program mosh roam --experimental-remote-ip=remote
		ok "$way: mosh, whose ProxyCommand goes by itself" roam
	else
		skip 3 "mosh is not installed, or this sshd gives no terminals"
	fi
	ok "$way: ssh-copy-id" copy_id
done

npctl stop >/dev/null
wait_until '[ -z "$(brokers)" ]'
done_testing
