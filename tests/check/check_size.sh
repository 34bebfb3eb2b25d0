#!/bin/sh
# npexec starts for every command: at most 96 KiB of text, and no library but libc and cJSON.
set -u

builddir=${builddir:-.}
npexec=$builddir/npexec
limit=98304

skip_all()
{
	echo "1..0 # SKIP $1"
	exit 0
}

[ -x "$npexec" ] || skip_all "npexec is not built"
command -v size >/dev/null && command -v readelf >/dev/null || skip_all "binutils are not installed"
grep -q '^SAN_CFLAGS = *-' "$builddir/Makefile" && skip_all "sanitizers make it larger"
grep -q '^\(OPT_\)\{0,1\}CFLAGS = .*-O[1s2]' "$builddir/Makefile" || skip_all "not built with -O1, -O2 or -Os"

echo "1..2"
text=$(size "$npexec" | awk 'NR == 2 { print $1 }')
if [ "$text" -le "$limit" ]; then
	echo "ok 1 - npexec has at most $limit bytes of text"
else
	echo "not ok 1 - npexec has at most $limit bytes of text"
	echo "# it has $text; the largest parts:"
	nm --size-sort -S "$npexec" | tail -n 15 | sed 's/^/# /'
fi
foreign=$(readelf -d "$npexec" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p' | grep -v '^\(libc\|libcjson\|libpthread\|ld-linux.*\|libgcc_s\)\.so')
if [ -z "$foreign" ]; then
	echo "ok 2 - npexec needs libc and cJSON only"
else
	echo "not ok 2 - npexec needs libc and cJSON only"
	echo "# it needs $foreign"
fi
