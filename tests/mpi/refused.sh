#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Intent: a setting that is none (in the environment) ends the job, and the error says what there is.
# refused.sh MPIRUN PROGRAM PATTERN
output=$("$1" -n 2 -x CARAVAN_COLL "$2" 2>&1) && {
    echo "the job ran"
    exit 1
}
echo "$output" | grep -q "$3" || {
    echo "not said: $3"
    echo "$output"
    exit 1
}
