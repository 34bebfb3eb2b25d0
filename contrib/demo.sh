#!/bin/sh
# Shows what NetPulse does, on this machine alone: installs what is missing (apt, as root or with sudo), builds out of
# tree into ./_build-demo (or $NETPULSE_DEMO_BUILD), starts a throwaway SSH server as a device and a simulated router as
# another, runs commands on them cold and warm, and stops everything.  Needs no terminal and can be run again; only the
# build directory stays.
set -eu

packages="gcc make autoconf automake pkg-config libssh-dev libev-dev libcjson-dev libyaml-dev libpcre2-dev
	libssl-dev libseccomp-dev openssh-server openssh-client"
top=$(cd "$(dirname "$0")/.." && pwd)
build=${NETPULSE_DEMO_BUILD:-$top/_build-demo}
world=
sshd_pid=
router_pid=
made_policy=
made_run=

say()
{
	printf '%s\n' "$*"
}

# A command as a person would type it, then its output.
show()
{
	printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
	"$@"
}

bold=
plain=
if [ -t 1 ]; then
	bold=$(printf '\033[1m')
	plain=$(printf '\033[0m')
fi

die()
{
	say "demo: $*" >&2
	exit 1
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		command -v sudo >/dev/null || die "needs root to run: $* (no sudo here)"
		sudo -n "$@" || sudo "$@"
	fi
}

cleanup()
{
	status=$?
	trap - EXIT
	trap '' HUP INT TERM
	if [ -n "$world" ]; then
		"$build/npctl" stop --now >/dev/null 2>&1 || :
		for pid in $sshd_pid $router_pid; do
			kill "$pid" 2>/dev/null || :
			wait "$pid" 2>/dev/null || :
		done
		rm -rf "$world"
	fi
	[ -z "$made_policy" ] || as_root rm -f /usr/sbin/policy-rc.d
	[ -z "$made_run" ] || rmdir /run/sshd 2>/dev/null || :
	exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- what is needed ----

install_missing()
{
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		say "Not a Debian system: taking what is installed (needed: $(echo $packages))."
		return
	fi
	missing=
	for package in $packages; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		*' installed') ;;
		*) missing="$missing $package" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	say "Installing:$missing"
	# Packages that bring a server would start it; nothing but this demo shall run afterwards.
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		made_policy=yes
		printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
		as_root chmod 755 /usr/sbin/policy-rc.d
	fi
	mkdir -p "$build"
	# shellcheck disable=SC2086
	{
		as_root apt-get update &&
			as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
	} </dev/null >"$build/apt.log" 2>&1 || die "installation failed, see $build/apt.log:
$(tail -n 5 "$build/apt.log")"
	if [ -n "$made_policy" ]; then
		as_root rm -f /usr/sbin/policy-rc.d
		made_policy=
	fi
}

# Builds from a copy, so that the tree stays as it is, also when it is read-only or configured in place.
build_programs()
{
	say "Building in $build"
	mkdir -p "$build/source"
	# No made thing may come along: make would take it from the source directory for its own.
	tar -C "$top" --exclude="./${build#"$top"/}" --exclude=./.git --exclude='./_build*' --exclude='./netpulse-broker-*' \
		--exclude=./autom4te.cache --exclude=./configure --exclude=Makefile --exclude=Makefile.in \
		--exclude='./config.*' --exclude=./stamp-h1 --exclude=.deps --exclude=.dirstamp --exclude='*.[oa]' \
		--exclude='*.log' --exclude='*.trs' --exclude=./netpulsed --exclude=./npexec --exclude=./npctl \
		--exclude=./npssh -cf - . | tar -xf - -C "$build/source"
	if ! (
		cd "$build"
		# Made once; later make itself renews what has become older than its sources.
		[ -f source/Makefile.in ] || sh source/autogen.sh
		[ -f Makefile ] || source/configure
		make -j"$(getconf _NPROCESSORS_ONLN)" netpulsed npexec npctl tests/tool/simdev
	) </dev/null >"$build/build.log" 2>&1; then
		die "the build failed, see $build/build.log:
$(tail -n 15 "$build/build.log")"
	fi
}

# ---- the devices ----

make_world()
{
	umask 077
	world=$(mktemp -d /tmp/netpulse-demo-XXXXXX)
	chmod 700 "$world"
}

# An OpenSSH server: every command has a channel of its own.
start_server()
{
	sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || die "no sshd here: install openssh-server"
	ssh-keygen -q -t ed25519 -N '' -f "$world/hostkey"
	ssh-keygen -q -t ed25519 -N '' -f "$world/key"
	if [ "$(id -u)" -eq 0 ] && [ ! -d /run/sshd ]; then
		mkdir /run/sshd
		made_run=yes
	fi
	# SHLVL: root's start-up files are skipped by bash in a nested shell; they would hide what is measured.
	cat >"$world/sshd_config" <<-END
		HostKey $world/hostkey
		AuthorizedKeysFile $world/key.pub
		PidFile none
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PermitRootLogin yes
		PrintMotd no
		PrintLastLog no
		LogLevel VERBOSE
		SetEnv SHLVL=5
	END
	for _ in 1 2 3 4 5 6 7 8 9; do
		port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
		: >"$world/sshd.log"
		"$sshd" -D -f "$world/sshd_config" -o "ListenAddress=127.0.0.1:$port" -E "$world/sshd.log" </dev/null \
			>/dev/null 2>&1 &
		sshd_pid=$!
		while kill -0 "$sshd_pid" 2>/dev/null; do
			! grep -q 'Server listening' "$world/sshd.log" || return 0
			sleep 0.02
		done
		sshd_pid=
	done
	die "sshd does not start: $(cat "$world/sshd.log")"
}

# A router in the manner of Cisco IOS: nothing but a command line, with modes, an enable secret and a pager.
start_router()
{
	"$build/tests/tool/simdev" --scenario "$top/tests/scenarios/ios.txt" --set host=core1 --port-file "$world/router.port" \
		--known-hosts "$world/known_hosts" --events "$world/router.events" </dev/null >"$world/router.log" 2>&1 &
	router_pid=$!
	while kill -0 "$router_pid" 2>/dev/null; do
		[ ! -s "$world/router.port" ] || return 0
		sleep 0.02
	done
	router_pid=
	die "the router does not start: $(cat "$world/router.log")"
}

write_settings()
{
	cat >"$world/ssh_config" <<-END
		Host router1
		  HostName 127.0.0.1
		  Port $port
		  User $(id -un)
		  IdentityFile $world/key
		  IdentitiesOnly yes
		  UserKnownHostsFile $world/known_hosts
		  GlobalKnownHostsFile /dev/null
		  StrictHostKeyChecking yes
		Host core1
		  HostName 127.0.0.1
		  Port $(cat "$world/router.port")
		  UserKnownHostsFile $world/known_hosts
		  GlobalKnownHostsFile /dev/null
		  StrictHostKeyChecking yes
	END
	echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$world/hostkey.pub")" >>"$world/known_hosts"
	# Files that others may write are refused, and what was checked out may be such: a private copy.
	mkdir "$world/platforms"
	for file in "$top"/src/platform/vendors/*.yaml; do
		cat "$file" >"$world/platforms/$(basename "$file")"
	done
	cat >"$world/config.yaml" <<-END
		ssh_config: $world/ssh_config
		platform_path: $world/platforms
		devices:
		  core1:
		    device_type: cisco_ios
		    username: admin
		    password: admin-pw
		    secret: enable-pw
	END
	NETPULSE_CONFIG=$world/config.yaml
	NETPULSE_SOCKET=$world/broker.sock
	NETPULSE_DAEMON=$build/netpulsed
	XDG_STATE_HOME=$world/state
	PATH=$build:$PATH
	export NETPULSE_CONFIG NETPULSE_SOCKET NETPULSE_DAEMON XDG_STATE_HOME PATH
	mkdir "$XDG_STATE_HOME"
}

# timed WORD COMMAND...: runs it, its output indented by nothing, and says how long it took.
timed()
{
	word=$1
	shift
	begin=$(date +%s%N)
	"$@" </dev/null >"$world/output" || die "$* failed"
	end=$(date +%s%N)
	[ "$word" = ssh ] || cat "$world/output"
	printf '%s%-5s%4d ms%s\n' "$bold" "$word" $(((end - begin) / 1000000)) "$plain"
}

install_missing
build_programs
make_world
start_server
start_router
write_settings

say
say "The first device: a private OpenSSH server on 127.0.0.1:$port, known as router1."
say "No broker runs yet: the first npexec starts it, which logs in once."

printf '\n%s$ npexec router1 uname -sr%s\n' "$bold" "$plain"
timed cold npexec router1 uname -sr
for command in 'uname -sr' 'date +%F' 'id -un' 'echo $((6 * 7))' true; do
	printf '\n%s$ npexec router1 %s%s\n' "$bold" "'$command'" "$plain"
	timed warm npexec router1 "$command"
done

printf '\n%s$ ssh router1 true%s    # for comparison: a fresh login each time\n' "$bold" "$plain"
timed ssh ssh -F "$world/ssh_config" router1 true

say
say "The second device: a simulated router, core1, whose only interface is a command line (device_type: cisco_ios)."
printf '\n%s$ npexec core1 show version%s\n' "$bold" "$plain"
timed cold npexec core1 show version
for command in 'show version' 'show clock' 'show running-config'; do
	printf '\n%s$ npexec core1 %s%s\n' "$bold" "'$command'" "$plain"
	timed warm npexec core1 "$command"
done

say
say "Lines of configuration are checked one by one; configuration mode is always left, and nothing is saved unasked."
printf '\n%s$ printf "interface GigabitEthernet0/7\\n description uplink\\n" | npexec -c core1%s\n' "$bold" "$plain"
printf 'interface GigabitEthernet0/7\n description uplink\n' | npexec -c core1 2>&1 || die "npexec -c core1 failed"
printf "\n%s$ npexec core1 'show running-config' | grep -A 1 GigabitEthernet0/7%s\n" "$bold" "$plain"
npexec core1 'show running-config' </dev/null | grep -A 1 GigabitEthernet0/7

show npctl status
say
say "Logins that router1 has seen: $(grep -c '^Accepted publickey for' "$world/sshd.log") (npexec: 1, ssh: 1)"
say "Logins that core1 has seen: $(grep -c '^login' "$world/router.events"), lines that were typed there: $(grep -c '^line' "$world/router.events")"
