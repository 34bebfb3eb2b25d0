#!/bin/sh
# The completion of npctl: what it offers is what the program says of itself.
set -u

srcdir=${srcdir:-.}
builddir=${builddir:-.}

skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}
[ -x "$builddir/npctl" ] || skip_all "npctl is not built"
command -v bash >/dev/null || skip_all "no bash"
srcdir=$(cd "$srcdir" && pwd)
PATH=$(cd "$builddir" && pwd):$PATH
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
export PATH srcdir
# Devices come from the configuration of ssh where no broker runs.
mkdir -p "$dir/home/.ssh" "$dir/work" && echo 'Host core1 edge1' >"$dir/home/.ssh/config"
: >"$dir/work/file1"
: >"$dir/work/file2"
cat >"$dir/complete" <<'END'
. "$srcdir/contrib/completions/npexec"
COMP_WORDS=("$@")
[ "${COMP_WORDS[-1]}" != _ ] || COMP_WORDS[-1]=
COMP_CWORD=$(($# - 1))
_npctl
printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
END

count=0
# offers WORDS WANTED...: for the last of these words behind npctl, of which "_" has not been begun, it offers those.
offers()
{
	_line=$1
	shift
	_want=$*
	# shellcheck disable=SC2086 # words
	set -- $_line
	_got=$(cd "$dir/work" && HOME=$dir/home NETPULSE_SOCKET=$dir/none bash "$dir/complete" npctl "$@")
	count=$((count + 1))
	if [ "${_got% }" = "$_want" ]; then
		echo "ok $count - npctl $_line"
	else
		echo "not ok $count - npctl $_line"
		echo "# got:  $_got"
		echo "# want: $_want"
	fi
}

first=$(npctl help | sed -n 's/^  \([a-z][a-z]*\).*/\1/p' | sort -u)
# shellcheck disable=SC2086 # words
offers _ $first
offers cl close
offers '--json cl' close
offers "-S file1 cl" close
offers '-S _' file1 file2
# shellcheck disable=SC2086 # words
offers 'help _' $first
offers 'config _' check show
offers 'config s' show
offers 'platform _' check list show test
offers 'close _' core1 edge1
offers 'close core1 e' edge1
offers 'close --now e' edge1
offers 'test _' core1 edge1
offers 'test core1 _' ''
offers 'ping _' ''
offers 'config show c' core1
offers 'config show -f file1 c' core1
offers 'platform check f' file1 file2
offers 'close --n' --now
offers 'pause core1 --' --all --help --json --version --wait
offers 'stop --' --help --json --now --version
offers 'disable core1 -m _' ''
offers 'metrics --output f' file1 file2
offers 'status --page _' ''
offers 'frobnicate _' ''
echo "1..$count"
