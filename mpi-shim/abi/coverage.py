#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write docs/mpi-coverage.md: which functions of MPI work, read from the source.

An implemented function is named at the start of a line in one of abi/*.c: EXPORT(MPI_Send), or a macro that defines
several alike, SCAN(MPI_Scan, ...); where it takes several names, they are on that line. The others are the lines of unimplemented.h.

usage: coverage.py [--check]   with --check, only say whether the page is what it would be
"""
import pathlib
import re
import sys

ABI = pathlib.Path(__file__).resolve().parent
PAGE = ABI.parent.parent / "docs" / "mpi-coverage.md"
NAMED = re.compile(r"^([A-Z_0-9]+)\((MPIX?_(?:T_)?[A-Za-z][a-z]\w*)", re.M)
MORE = re.compile(r"(, MPIX?_[A-Z][a-z]\w*)*")
SEVERAL = ("COLLECTIVE", "NEIGHBOR")  # the macros whose first arguments are all names; others go on with types
NO_FUNCTIONS = ("unimplemented.c", "constants.c", "callbacks.c")


def implemented():
    """{title: names}, a title a file."""
    found = {}
    for path in sorted(ABI.glob("*.c")):
        text = path.read_text()
        if path.name in NO_FUNCTIONS:
            continue
        title = " ".join(re.search(rf"{path.name}: (.*?)\.(?: |\n)", text, re.S).group(1)
                         .replace("\n *", "").split())
        names = []
        for entry in NAMED.finditer(text):
            macro, name = entry.groups()
            names += [name + "_c2f", name + "_f2c"] if macro == "CONVERSION" else [name]
            if macro in SEVERAL:
                names += MORE.match(text, entry.end()).group().replace(",", " ").split()
        if names:
            found[title[0].upper() + title[1:]] = sorted(set(names))
    return found


def missing():
    """{title: names}, a title a section of unimplemented.h."""
    found, title = {}, None
    for line in (ABI / "unimplemented.h").read_text().splitlines():
        section = re.match(r"/\* ([A-Z].*) \*/$", line)
        entry = NAMED.match(line)
        if section:
            title = section.group(1)
        elif entry:
            found.setdefault(title, []).append(entry.group(2))
    return found


def table(sections):
    lines = ["| | functions |", "|---|---|"]
    lines += [f"| {title} | {' '.join(f'`{name}`' for name in names)} |"
              for title, names in sections.items()]
    return lines


def page():
    have, lack = implemented(), missing()
    count = sum(len(names) for names in have.values())
    absent = sum(len(names) for names in lack.values())
    return "\n".join([
        "# Which MPI functions work", "",
        "Written by `mpi-shim/abi/coverage.py` from the source; do not edit.", "",
        f"Of {count + absent} functions that `libmpi.so.40` exports under the name `MPI_` (and `PMPI_`), {count} work.",
        "The others can be linked to. Called, they raise `MPI_ERR_UNSUPPORTED_OPERATION` and name themselves.", "",
        "## Working", "", *table(have), "",
        "## Not yet", "", *table(lack), ""])


def main():
    text = page()
    if sys.argv[1:] == ["--check"]:
        if PAGE.read_text() == text:
            return 0
        print(f"{PAGE.name} is out of date: run mpi-shim/abi/coverage.py")
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
