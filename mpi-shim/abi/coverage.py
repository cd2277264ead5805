#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write docs/mpi-coverage.md: which functions of MPI work, read from the source.

An implemented function is named at the start of a line in one of abi/*.c: EXPORT(MPI_Send), or a macro that defines
several alike, SCAN(MPI_Scan, ...); where it takes several names, they are on that line. The others are the lines of unimplemented.h.
PARTIAL says what is missing of a function that works. A test of a function is a file under tests/ that calls it by its name; a macro that
makes the name of it (MPI_I##lower) counts as a call of all the names that its uses in the file make.

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
# What a function does not do yet; everything else that works is complete.
PARTIAL = {
    "MPI_Comm_get_parent": "no process was spawned yet, so there is never a parent",
    "MPI_Win_create_errhandler": "no window exists that could have it",
    "MPI_Win_create_keyval": "no window exists that could have attributes",
    "MPI_Win_free_keyval": "no window exists that could have attributes",
    "MPI_File_call_errhandler": "of MPI_FILE_NULL only: no file can be opened",
    "MPI_File_get_errhandler": "of MPI_FILE_NULL only: no file can be opened",
    "MPI_File_set_errhandler": "of MPI_FILE_NULL only: no file can be opened",
    "MPI_File_create_errhandler": "no file can be opened that could have it",
}
TESTS = ABI.parent.parent / "tests"
CALL = re.compile(r"\b(MPIX?_(?:T_)?[A-Za-z]\w*)\b")
# A macro pastes its first argument, or its second, between these.
PASTED = re.compile(r"\b(MPIX?_\w*)##(\w+)(?:##(\w+))?")
DEFINED = re.compile(r"#define (\w+)\(([^)]*)\)((?:.*\\\n)*.*)")
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


def calls_made(text):
    """Names of MPI functions that a test's source has, those that its macros make among them."""
    found = set(CALL.findall(text))
    for macro, parameters, body in DEFINED.findall(text):
        parameters = [parameter.strip() for parameter in parameters.split(",")]
        for use in re.finditer(rf"\b{macro}\(([^;{{}}]*)", text):
            arguments = [argument.strip() for argument in use.group(1).split(",")]
            for before, parameter, after in PASTED.findall(body):
                index = parameters.index(parameter) if parameter in parameters else len(arguments)
                if index < len(arguments) and re.fullmatch(r"\w+", arguments[index]):
                    found.add(before + arguments[index] + after)
    return found


def tested():
    """{function: test files that call it}"""
    found = {}
    for path in sorted(TESTS.rglob("*")):
        if path.suffix in (".c", ".cc", ".f90", ".f", ".h") and path.parent.name != "fuzz":
            for name in calls_made(path.read_text()):
                found.setdefault(name, []).append(path.relative_to(TESTS).as_posix())
    return found


def states(sections, state):
    """A line for each function, under its section's title."""
    tests, lines = tested(), []
    for title, names in sections.items():
        lines += ["", f"### {title}", "", "| function | state | tests |", "|---|---|---|"]
        for name in names:
            said = f"partial: {PARTIAL[name]}" if name in PARTIAL else state
            lines.append(f"| `{name}` | {said} | {' '.join(tests.get(name, [])) or '-'} |")
    return lines


def page():
    have, lack = implemented(), missing()
    count = sum(len(names) for names in have.values())
    absent = sum(len(names) for names in lack.values())
    return "\n".join([
        "# Which MPI functions work", "",
        "Written by `mpi-shim/abi/coverage.py` from the source; do not edit.", "",
        f"Of {count + absent} functions that `libmpi.so.40` exports under the name `MPI_` (and `PMPI_`), {count} work,",
        f"{len(PARTIAL)} of them in part.",
        "The others can be linked to. Called, they raise `MPI_ERR_UNSUPPORTED_OPERATION` and name themselves.", "",
        "Tests are files under `tests/` that call the function by its name; programs that nobody here wrote",
        "([conformance.md](conformance.md)) call others.", "",
        "## Working", *states(have, "full"), "",
        "## Not yet", *states(lack, "absent"), ""])


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
