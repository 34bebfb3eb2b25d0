#!/bin/sh
# Runs all tests: sh contrib/test.sh [--quick] [--keep] [PASS ...]
#
# Installs what is missing (apt, as root or with sudo), builds in a temporary directory of its own and removes it at the
# end; the tree stays as it is.  Needs no terminal, can be run again, by root and by an ordinary user.  The last line is
# "N passed, N failed, N skipped", the exit status 1 when something failed; logs of failures are then kept.
#
# Passes, all of them unless some are named:
#   plain      gcc, warnings are errors: all tests
#   asan       AddressSanitizer and UndefinedBehaviorSanitizer: all tests
#   tsan       ThreadSanitizer: the unit tests
#   valgrind   the unit tests under valgrind
#   clang      clang, warnings are errors: build of everything
#   distcheck  the release tarball: make distcheck, with the unit tests and a few others, by an ordinary user when root
#              runs this
#   other      the other Debian (13 on 12, 12 on 13) in a root of its own: build, unit tests and a few others
#   lint       manual pages, formatting, static analysis
#
# --quick is the pass plain alone; --keep leaves the build directory.
# NETPULSE_TEST_JOBS: parallel jobs (3: most tests wait).  NETPULSE_TEST_INSTALL=no: installs nothing.
# NP_TEST_SLOW: how many times longer all limits of time in tests are; not given, it is measured before each pass.
set -u

packages="autoconf automake make gcc clang pkg-config libssh-dev libev-dev libcjson-dev libyaml-dev libpcre2-dev
	libssl-dev libcmocka-dev libncurses-dev libseccomp-dev openssh-server openssh-client dropbear-bin frr telnet iproute2 mandoc
	valgrind clang-format clang-tidy cppcheck jq socat curl rsync tmux python3-paramiko python3-netmiko xz-utils debootstrap"
# What e2e_npexec_ssh.sh, e2e_mux_programs.sh and e2e_mux_tty.sh run over the broker where it is there; not every Debian has
# all of them.
callers="git clustershell pssh pdsh parallel expect rancid vim ansible-core emacs-nox monitoring-plugins-basic sshfs sshuttle
	iptables autossh sshpass mosh docker.io docker-cli ruby-net-ssh"
all_passes="plain asan tsan valgrind clang distcheck other lint"

top=$(cd "$(dirname "$0")/.." && pwd)
jobs=${NETPULSE_TEST_JOBS:-3}
keep=
passes=
work=
made_policy=
made_user=
limited_pid=
passed=0
failed=0
skipped=0

say()
{
	printf '%s\n' "$*"
}

die()
{
	say "test.sh: $*" >&2
	exit 2
}

usage()
{
	sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
}

have()
{
	command -v "$1" >/dev/null 2>&1
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		have sudo || die "needs root to run: $* (no sudo here)"
		sudo -n "$@"
	fi
}

cleanup()
{
	status=$?
	trap - EXIT
	trap '' HUP INT TERM
	[ -z "$limited_pid" ] || kill -KILL "$limited_pid" 2>/dev/null
	[ -z "$made_policy" ] || as_root rm -f /usr/sbin/policy-rc.d
	if [ -n "$made_user" ]; then
		processes_of_user | while read -r pid _; do
			kill -KILL "$pid" 2>/dev/null
		done
		userdel "$made_user" >/dev/null 2>&1 || say "test.sh: the user $made_user could not be removed" >&2
	fi
	if [ -n "$work" ] && [ -z "$keep" ]; then
		# distcheck makes its source directory read-only
		for entry in "$work"/*; do
			[ "$entry" = "$work/logs" ] && [ "$failed" -gt 0 ] && continue
			chmod -R u+w "$entry" 2>/dev/null
			rm -rf "$entry"
		done
		rmdir "$work" 2>/dev/null
	fi
	exit "$status"
}

# ---- what is needed ----

# missing_packages NAME...
missing_packages()
{
	for package in "$@"; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		*' installed') ;;
		*) printf ' %s' "$package" ;;
		esac
	done
}

install_missing()
{
	[ "${NETPULSE_TEST_INSTALL:-yes}" = yes ] || return 0
	if ! have dpkg-query || ! have apt-get; then
		say "Not a Debian system: taking what is installed."
		return 0
	fi
	# shellcheck disable=SC2086
	missing=$(missing_packages $packages)
	# shellcheck disable=SC2086
	missing_callers=$(missing_packages $callers)
	[ -n "$missing$missing_callers" ] || return 0
	say "Installing:$missing$missing_callers"
	# A package that brings a server would start it; the tests start their own.
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		made_policy=yes
		printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
		as_root chmod 755 /usr/sbin/policy-rc.d
	fi
	# shellcheck disable=SC2086
	{
		as_root apt-get update
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
	} </dev/null >"$logs/apt.log" 2>&1 || {
		tail -n 5 "$logs/apt.log"
		say "The installation failed; what is there is tested."
	}
	for package in $missing_callers; do
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package"
	done </dev/null >>"$logs/apt.log" 2>&1
	[ -z "$made_policy" ] || as_root rm -f /usr/sbin/policy-rc.d
	made_policy=
}

# A copy of the tree without anything built, so that a configured tree does no harm and a read-only one suffices.
copy_source()
{
	mkdir "$work/source"
	tar -C "$top" --exclude=./.git --exclude='./_build*' --exclude='./netpulse-broker-*' --exclude=./autom4te.cache \
		--exclude=./configure --exclude=Makefile --exclude=Makefile.in --exclude='./config.*' --exclude=./stamp-h1 \
		--exclude=.deps --exclude=.dirstamp --exclude='*.[oa]' --exclude='*.log' --exclude='*.trs' \
		--exclude=./netpulsed --exclude=./npexec --exclude=./npctl --exclude=./npssh -cf - . |
		tar -xf - -C "$work/source" || die "cannot copy $top"
	# Programs of an earlier build in the tree, which have no suffix to know them by.
	find "$work/source/tests" -type f -perm -100 -exec sh -c '
		for f; do head -c 4 "$f" | grep -q ELF && rm -f "$f"; done' sh {} +
	# Another system has autotools of its own.
	cp -r "$work/source" "$work/pristine"
	(cd "$work/source" && sh autogen.sh) </dev/null >"$logs/autogen.log" 2>&1 || {
		tail -n 20 "$logs/autogen.log"
		die "autogen.sh failed"
	}
}

# ---- counting ----

# count NAME PASSED FAILED SKIPPED: adds to the sums and reports.
count()
{
	passed=$((passed + $2))
	failed=$((failed + $3))
	skipped=$((skipped + $4))
	say "$1: $2 passed, $3 failed, $4 skipped ($(($(date +%s) - pass_began)) s)"
}

results()
{
	find "$1" -name '*.trs' -exec sed -n "s/^:test-result: \($2\).*/\1/p" {} + | wc -l | tr -d ' '
}

# Counts the results of `make check' in a build directory, and shows the logs of what failed.
count_trs()
{
	name=$1
	dir=$2
	bad=$(results "$dir" 'FAIL\|XPASS\|ERROR')
	count "$name" "$(results "$dir" 'PASS\|XFAIL')" "$bad" "$(results "$dir" SKIP)"
	[ "$bad" -gt 0 ] || return 0
	for trs in $(find "$dir" -name '*.trs' -exec grep -l '^:test-result: \(FAIL\|XPASS\|ERROR\)' {} +); do
		log=${trs%.trs}.log
		kept=$logs/$name.$(basename "$log")
		cp "$log" "$kept"
		say "---- $name: ${log#"$dir"/}"
		grep '^:test-result: \(FAIL\|XPASS\|ERROR\)' "$trs" | sed 's/^:test-result: //'
		grep -v '^PASS: \|^ok ' "$kept" | tail -n 150
		say "----"
	done
}

# One result for a step without tests of its own: step NAME COMMAND...; its output is shown when it fails.
step()
{
	step_name=$1
	shift
	if "$@" </dev/null >"$logs/$step_name.log" 2>&1; then
		count "$step_name" 1 0 0
		return 0
	fi
	count "$step_name" 0 1 0
	say "---- $step_name"
	tail -n 60 "$logs/$step_name.log"
	say "----"
	return 1
}

skip_step()
{
	count "$1" 0 0 1
	say "# $1 skipped: $2"
}

# How many times slower than an idle one of today this machine is now, by what tests do most: start small programs.  Not
# below 3, for what else it will have to do is not known yet, and a limit that is not reached costs nothing.
measure_slowness()
{
	measure_began=$(date +%s%N)
	for _ in $(seq 500); do
		env true
	done
	slowness=$((3 * ($(date +%s%N) - measure_began) / 500000000))
	[ "$slowness" -ge 3 ] || slowness=3
	[ "$slowness" -le 15 ] || slowness=15
	echo "$slowness"
}

# limited COMMAND...: under the time limit of a pass; a test that hangs has its own, shorter one.
limited()
{
	if have timeout; then
		timeout -k 30 $((800 * NP_TEST_SLOW)) "$@"
	else
		"$@"
	fi
}

# ---- passes ----

# configure_in NAME [OPTION...]: a build directory $work/NAME.
configure_in()
{
	name=$1
	shift
	mkdir "$work/$name"
	(cd "$work/$name" && $wrapper ../source/configure "$@") </dev/null >"$logs/$name-configure.log" 2>&1
}

configure_failed()
{
	count "$1" 0 1 0
	say "---- $1: configure failed"
	tail -n 30 "$logs/$1-configure.log"
	say "----"
}

# check_in NAME [ARGUMENT...]: builds and tests there.
check_in()
{
	name=$1
	shift
	if ! limited $wrapper make -C "$work/$name" -j"$jobs" all </dev/null >"$logs/$name-build.log" 2>&1; then
		count "$name" 0 1 0
		say "---- $name: the build failed"
		grep -B2 -A6 -E '(error|warning):|\*\*\*' "$logs/$name-build.log" | head -n 60
		say "----"
		return 1
	fi
	limited $wrapper make -C "$work/$name" -k -j"$jobs" "$@" </dev/null >"$logs/$name-check.log" 2>&1
	check_status=$?
	count_trs "$name" "$work/$name"
	# It can also fail before or between the tests: a helper that does not compile, the time limit.
	if [ "$check_status" -ne 0 ] && [ "$(results "$work/$name" 'FAIL\|XPASS\|ERROR')" -eq 0 ]; then
		count "$name" 0 1 0
		say "---- $name: make $* failed with status $check_status"
		grep -B2 -A6 -E '(error|warning):|\*\*\*' "$logs/$name-check.log" | head -n 60
		say "----"
	fi
}

pass_plain()
{
	configure_in plain --enable-werror && check_in plain check || configure_failed_if plain
}

configure_failed_if()
{
	[ -f "$work/$1/Makefile" ] || configure_failed "$1"
}

pass_asan()
{
	configure_in asan --enable-werror --enable-sanitizers CFLAGS='-O1 -g' || {
		configure_failed asan
		return
	}
	check_in asan check
	pass_began=$(date +%s)
	limited make -C "$work/asan" soak SECONDS=120 SEED="$(date +%s)" </dev/null >"$logs/asan-soak.log" 2>&1
	if [ -f "$work/asan/tests/soak/soak.trs" ]; then
		count_trs soak "$work/asan/tests/soak"
	else
		count soak 0 1 0
	fi
}

# ThreadSanitizer of older compilers does not run with more random addresses than it knows.
pass_tsan()
{
	if have setarch && setarch "$(uname -m)" -R true 2>/dev/null; then
		wrapper="setarch $(uname -m) -R"
	fi
	if configure_in tsan --enable-werror --enable-tsan CFLAGS='-O1 -g'; then
		check_in tsan check-units
	elif grep -q 'these sanitizers do not work here' "$logs/tsan-configure.log"; then
		skip_step tsan "ThreadSanitizer does not work on this machine"
	else
		configure_failed tsan
	fi
	wrapper=
}

pass_valgrind()
{
	if ! have valgrind; then
		skip_step valgrind "not installed"
		return
	fi
	configure_in valgrind CFLAGS='-O1 -g' && check_in valgrind check-valgrind || configure_failed_if valgrind
}

pass_clang()
{
	if ! have clang; then
		skip_step clang "not installed"
		return
	fi
	configure_in clang --enable-werror CC=clang || {
		configure_failed clang
		return
	}
	# Tests too, but none is run.
	step clang limited make -C "$work/clang" -j"$jobs" check TESTS=
}

# A user of its own, with a shell that sshd can start: "nobody" has none.
make_user()
{
	user=netpulse-test
	while id "$user" >/dev/null 2>&1; do
		user=netpulse-test-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')
	done
	useradd --home-dir "$work/home" --no-create-home --shell /bin/sh "$user" || return 1
	made_user=$user
	mkdir "$work/home" && chown "$user" "$work/home"
}

# Runs a command as the ordinary user with a bare environment.
as_user()
{
	if [ -z "$made_user" ]; then
		"$@"
		return
	fi
	setpriv --reuid "$made_user" --regid "$(id -g "$made_user")" --clear-groups -- env -i "HOME=$work/home" \
		"USER=$made_user" "LOGNAME=$made_user" "PATH=$PATH" LC_ALL=C SHELL=/bin/sh \
		"NP_TEST_SLOW=$NP_TEST_SLOW" "$@"
}

# Processes of the ordinary user, "PID COMMAND" a line.  Nobody else uses that name, so all of them are the tests'.
processes_of_user()
{
	for dir in /proc/[0-9]*; do
		[ "$(stat -c %U "$dir" 2>/dev/null)" = "$made_user" ] || continue
		printf '%s %s\n' "${dir#/proc/}" "$(tr '\0' ' ' <"$dir/cmdline" 2>/dev/null)"
	done
}

# Tests must leave nothing behind; what a user of our own runs afterwards can only be theirs.
check_leftovers()
{
	[ -n "$made_user" ] || return 0
	deadline=$(($(date +%s) + 10 * NP_TEST_SLOW)) # what is being ended may end
	while :; do
		left=$(processes_of_user)
		[ -n "$left" ] && [ "$(date +%s)" -lt "$deadline" ] || break
		sleep 0.2
	done
	[ -n "$left" ] || {
		count leftovers 1 0 0
		return
	}
	count leftovers 0 1 0
	say "---- leftovers: processes that the tests left behind"
	say "$left"
	say "----"
}

# distcheck removes its directories when all went well, so its results are counted from what it prints.
pass_distcheck()
{
	if [ "$(id -u)" -eq 0 ]; then
		make_user || say "# distcheck: no ordinary user can be made here, root it is"
	fi
	mkdir "$work/distcheck"
	[ -z "$made_user" ] || chown "$made_user" "$work/distcheck"
	log=$logs/distcheck.log
	(
		cd "$work/distcheck" && as_user ../source/configure &&
			limited_user make -j"$jobs" distcheck SH_TESTS_HERE="$(some_tests)"
	) </dev/null >"$log" 2>&1
	status=$?
	check_leftovers
	if [ "$status" -eq 0 ]; then
		count distcheck $((1 + $(summary PASS "$log"))) 0 "$(summary SKIP "$log")"
		return
	fi
	count_trs distcheck "$work/distcheck"
	if [ "$(results "$work/distcheck" 'FAIL\|XPASS\|ERROR')" -eq 0 ]; then
		count distcheck 0 1 0
		say "---- distcheck"
		tail -n 60 "$log"
		say "----"
	fi
}

# The end-to-end tests that passes run which repeat another one under another compiler, user or system.
some_tests()
{
	sed -n 's/^SOME_SH_TESTS = //p' "$work/source/Makefile.am"
}

limited_user()
{
	if have timeout; then
		as_user timeout -k 30 $((800 * NP_TEST_SLOW)) "$@"
	else
		as_user "$@"
	fi
}

# ---- the other Debian ----

other_codename()
{
	# shellcheck disable=SC1091
	case $(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}") in
	bookworm) echo trixie ;;
	trixie) echo bookworm ;;
	esac
}

# Where apt gets this Debian from.
mirror()
{
	apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -v security | sort | uniq -c | sort -rn |
		sed -n '1s/^ *[0-9]* //p'
}

# Mount and process namespaces of its own, so that nothing that runs there mounts or starts outlives it.
own_namespaces="unshare --mount --propagation private --pid --fork --kill-child"

# Makes the root $work/other, builds in /build there and runs the tests.
run_in_other()
{
	exec $own_namespaces sh -c "
		set -e
		root='$work/other'
		debootstrap --variant=minbase '$1' \"\$root\" '$2'
		cp /etc/resolv.conf \"\$root/etc/\"
		mount --bind \"\$root\" \"\$root\" # tests make mount namespaces, which a root that is no mount forbids
		mount -t proc proc \"\$root/proc\"
		mount --rbind /dev \"\$root/dev\"
		printf '#!/bin/sh\nexit 101\n' >\"\$root/usr/sbin/policy-rc.d\"
		chmod 755 \"\$root/usr/sbin/policy-rc.d\"
		cp -r '$work/pristine' \"\$root/source\"
		exec chroot \"\$root\" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
			NP_TEST_SLOW=$NP_TEST_SLOW DEBIAN_FRONTEND=noninteractive sh -e -c '
			apt-get update
			apt-get install -y --no-install-recommends $(echo $packages)
			cd /source && sh autogen.sh
			mkdir /build && cd /build && ../source/configure --enable-werror
			make -j$jobs all
			make -j$jobs -k check SH_TESTS_HERE=\"$(some_tests)\"'
	"
}

pass_other()
{
	codename=$(other_codename)
	from=$(mirror)
	if [ "$(id -u)" -ne 0 ]; then
		skip_step other "needs root to make a root file system"
	elif [ -z "$codename" ] || ! have debootstrap || [ -z "$from" ]; then
		skip_step other "neither Debian 12 nor 13, no debootstrap, or no archive"
	elif ! $own_namespaces mount -t tmpfs none /mnt 2>/dev/null; then
		skip_step other "namespaces are not permitted here"
	else
		limited_function run_in_other "$codename" "$from" </dev/null >"$logs/other.log" 2>&1
		other_status=$?
		count_trs "other" "$work/other/build"
		[ "$other_status" -eq 0 ] || [ "$(results "$work/other/build" 'FAIL\|XPASS\|ERROR')" -gt 0 ] || {
			count "other" 0 1 0
			say "---- other ($codename): status $other_status"
			tail -n 40 "$logs/other.log"
			say "----"
		}
	fi
}

# A function under the time limit of a pass: a process of this shell that is killed when the time is over.
limited_function()
{
	"$@" &
	limited_pid=$!
	limited_end=$(($(date +%s) + 800 * NP_TEST_SLOW))
	while kill -0 "$limited_pid" 2>/dev/null; do
		[ "$(date +%s)" -lt "$limited_end" ] || kill -TERM "$limited_pid"
		sleep 1
	done
	wait "$limited_pid"
	limited_status=$?
	limited_pid=
	return "$limited_status"
}

summary()
{
	sed -n "s/^# $1: *//p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# mandoc looks for the pages that are referred to on this machine, where ours need not be installed.
lint_man()
{
	# Its two outputs one after the other: in one they cut each other's lines.
	lint_output=$({
		mandoc -T lint "$top"/man/*.[1-9] 2>/dev/null
		mandoc -T lint "$top"/man/*.[1-9] 2>&1 >/dev/null
	} | grep -v -e 'referenced manual not found' -e 'mandoc.db lacks')
	printf '%s\n' "$lint_output"
	[ -z "$lint_output" ]
}

lint_format()
{
	find "$top/src" "$top/client" "$top/tests" -name '*.[ch]' -exec clang-format --dry-run -Werror {} +
}

lint_cppcheck()
{
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		-D_GNU_SOURCE -DNETPULSE_VERSION='"0"' -DNETPULSED_PATH='"/"' --include="$top/tests/kit/cppcheck.h" \
		-I "$top/src" -I "$top/client" -I "$top/tests" "$top/src" "$top/client"
}

# What clang's analyzer finds that no test and no compiler does.
lint_tidy()
{
	configure_in tidy && limited make -C "$work/tidy" tidy
}

lint_analyze()
{
	configure_in analyze && limited make -C "$work/analyze" analyze
}

lint_shell()
{
	for script in "$top"/autogen.sh "$top"/contrib/*.sh "$top"/tests/*/*.sh "$top"/.ci/run; do
		sh -n "$script" || return 1
	done
}

# lint_tool TOOL NAME COMMAND
lint_tool()
{
	pass_began=$(date +%s)
	if have "$1"; then
		step "$2" "$3"
	else
		skip_step "$2" "$1 is not installed"
	fi
}

pass_lint()
{
	lint_tool mandoc lint-man lint_man
	lint_tool clang-format lint-format lint_format
	lint_tool cppcheck lint-cppcheck lint_cppcheck
	lint_tool clang-tidy lint-tidy lint_tidy
	lint_tool gcc lint-analyze lint_analyze
	lint_tool sh lint-shell lint_shell
}

# ---- all of it ----

# A function, so that the shell has read all of it before anything runs: an edit of this file harms no running test.
main()
{
	for argument in "$@"; do
		case $argument in
		--quick) passes=plain ;;
		--keep) keep=yes ;;
		-h | --help)
			usage
			exit 0
			;;
		*)
			case " $all_passes " in
			*" $argument "*) passes="$passes $argument" ;;
			*) die "unknown argument $argument; passes are: $all_passes" ;;
			esac
			;;
		esac
	done

	trap cleanup EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM

	# Nothing of the caller's environment may decide a test.
	unset NETPULSE_SOCKET NETPULSE_CONFIG NETPULSE_DAEMON CFLAGS CPPFLAGS LDFLAGS MAKEFLAGS MAKELEVEL
	umask 022
	given_slowness=${NP_TEST_SLOW:-}
	export NP_TEST_SLOW
	work=$(mktemp -d "${TMPDIR:-/tmp}/netpulse-tests-XXXXXX") || die "no temporary directory"
	chmod 755 "$work" # the ordinary user must get there
	logs=$work/logs
	mkdir "$logs"
	wrapper=

	install_missing
	copy_source
	for pass in ${passes:-$all_passes}; do
		pass_began=$(date +%s)
		NP_TEST_SLOW=${given_slowness:-$(measure_slowness)}
		"pass_$pass"
	done

	[ "$failed" -eq 0 ] || say "Logs: $logs"
	[ -z "$keep" ] || say "Build directories: $work"
	say "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}

main "$@"; exit
