#!/bin/sh
# Replays the seed corpus, and every file that once broke something, through the fuzz targets.
set -u

srcdir=${srcdir:-.}
builddir=${builddir:-.}

echo "1..7"
n=0
for target in cli conf frame message mux platform terminal; do
	n=$((n + 1))
	if "$builddir/tests/fuzz/replay_$target" "$srcdir/tests/fuzz/corpus/$target"/*; then
		echo "ok $n - corpus of $target"
	else
		echo "not ok $n - corpus of $target"
	fi
done
