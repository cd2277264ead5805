#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# instructions.sh PROGRAM: the hot path takes at most 200 instructions for a frame sent without a doorbell (its
# 64 bytes written included), and 200 for a frame received while polling. callgrind counts.
set -eu

command -v valgrind >/dev/null || { echo "missing: valgrind"; exit 77; }
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

status=0
for path in send receive; do
    frames=$(valgrind --tool=callgrind --callgrind-out-file="$directory/out" \
        --toggle-collect="count_$path" "$1" 2>"$directory/log")
    total=$(sed -n 's/^summary: //p' "$directory/out")
    echo "$path: $((total / frames)) instructions a frame"
    [ "$total" -gt "$frames" ] || { echo "nothing was counted"; status=1; }
    [ $((total / frames)) -le 200 ] || status=1
done
exit $status
