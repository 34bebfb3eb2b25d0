#!/bin/sh
# Runs one unit test for `make check': run_unit.sh [WRAPPER ...] PROGRAM
#
# cmocka writes "not ok 3 # SKIP name" for a test that was skipped; in TAP that is a failure.
set -u

exec 3>&1
status=$( { { "$@" 3>&- 4>&-; echo $? >&4; } | sed 's/^not ok \([0-9][0-9]* # SKIP\)/ok \1/' >&3; } 4>&1)
exit "$status"
