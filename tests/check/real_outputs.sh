#!/bin/sh
# Plays 1,367 outputs of real devices through the cli driver, at six paces and with prompts inside (tests/tool/realout.c).
# They are no part of the project: ../shared/data/ntc-raw.tar.xz beside the source tree, or what NP_REAL_OUTPUTS names
# (the folder `tests' of networktocode/ntc-templates in a tar file); without it there is nothing to do.
set -u

srcdir=${srcdir:-.}
builddir=${builddir:-.}
outputs=${NP_REAL_OUTPUTS:-$srcdir/../shared/data/ntc-raw.tar.xz}

if [ ! -r "$outputs" ]; then
	echo "1..0 # SKIP no outputs of real devices: NP_REAL_OUTPUTS may name a tar file of ntc-templates' tests"
	exit 0
fi
dir=$(mktemp -d "${TMPDIR:-/tmp}/np-real.XXXXXX") || exit 99
trap 'rm -rf "$dir"' EXIT
trap 'exit 99' HUP INT TERM
tar -xf "$outputs" -C "$dir" || exit 99
"$builddir/tests/tool/realout" "$dir/tests"
