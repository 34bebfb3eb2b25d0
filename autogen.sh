#!/bin/sh
# Makes ./configure after a checkout; a release tarball has it already.
set -eu
cd "$(dirname "$0")"
mkdir -p build-aux
exec autoreconf -fi
