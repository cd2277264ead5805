#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""One program, linked with Open MPI, says the same on our library as on Open MPI's.

The program's first line is the library's version, which differs.

usage: same.py OUR_LIBRARY_DIRECTORY PROGRAM [ARGUMENT...]
"""
import difflib
import os
import subprocess
import sys


def run(environment, program):
    result = subprocess.run(program, env={**os.environ, **environment}, text=True, timeout=120,
                            stdout=subprocess.PIPE)
    if result.returncode != 0:
        sys.exit(f"{program[0]} ended with status {result.returncode} under {environment}")
    return result.stdout.splitlines()


def main():
    directory, program = sys.argv[1], sys.argv[2:]
    theirs = run({"LD_LIBRARY_PATH": "", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                  "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}, program)
    ours = run({"LD_LIBRARY_PATH": directory}, program)
    if not any("Open MPI" in line for line in theirs) or not any("Caravan" in line for line in ours):
        sys.exit("the program did not run on two libraries")
    differences = [line for line in difflib.unified_diff(theirs[1:], ours[1:], "Open MPI", "ours",
                                                         lineterm="", n=1)]
    print("\n".join(differences) or f"{len(ours)} lines agree")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
