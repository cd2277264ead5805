#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Run mpi4py_program.py with Debian's Python on 1 and 3 ranks. usage: mpi4py.sh MPIRUN OUR_LIBRARY_DIRECTORY
set -e
for ranks in 1 3; do
    "$1" -n "$ranks" -x LD_LIBRARY_PATH="$2" /usr/bin/python3 "$(dirname "$0")/mpi4py_program.py"
done
