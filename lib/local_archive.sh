#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# local_archive.sh OUTPUT PATTERN ARCHIVE...: one archive of one object, in which every hidden symbol and every one that
# matches PATTERN has become local. A static library has no other way to keep its inner names out of the programs that
# link it.
set -eu
output=$1 pattern=$2
shift 2
object=${output%.a}.o
ld -r -o "$object" --whole-archive "$@"
objcopy --localize-hidden --wildcard --localize-symbol="$pattern" "$object"
rm -f "$output"
ar rcs "$output" "$object"
rm -f "$object"
