#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Intent: our libmpi_mpifh.so.40 has every name that Fortran compilers make for a call of MPI, and that Open MPI's module mpi_f08 imports,
as Debian's (Open MPI 4.1) has it; nothing more; and every name of a function leads to the same code.

usage: exports.py OURS THEIRS
"""
import re
import subprocess
import sys

PUBLIC = re.compile(r"p?mpix?_[a-z0-9_]+|P?MPIX?_[A-Z0-9_]+|ompix?_\w+_f")
FEWEST = 3000  # names that a whole library has at least


def symbols(path):
    output = subprocess.run(["nm", "-D", "--defined-only", path], check=True, text=True, stdout=subprocess.PIPE).stdout
    return {fields[2]: fields[0] for fields in map(str.split, output.splitlines())}


def spellings(name):
    return (name, name + "_", name + "__", name.upper())


def main():
    ours, theirs = map(symbols, sys.argv[1:])
    wanted = {name for name in theirs if PUBLIC.fullmatch(name)}
    errors = [f"only {len(wanted)} names in {sys.argv[2]}"] if len(wanted) < FEWEST else []
    errors += [f"missing: {name}" for name in sorted(wanted - set(ours))]
    errors += [f"not in Open MPI's: {name}" for name in sorted(set(ours) - wanted)]
    for name in (name for name in ours if re.fullmatch(r"mpix?_[a-z0-9_]*[a-z0-9]", name)):
        places = {ours.get(spelling) for one in (name, "p" + name) for spelling in spellings(one)}
        if len(places) != 1:
            errors.append(f"the names of {name} lead to different functions")
    print("\n".join(errors) or f"{len(wanted)} names agree")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
