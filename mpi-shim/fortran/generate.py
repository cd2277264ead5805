#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Fortran's entry points in C, from the table in functions.txt.

usage: generate.py functions.txt OUTPUT.c
"""
import re
import sys

HANDLES = {"comm": "Comm", "group": "Group", "type": "Type", "op": "Op", "request": "Request", "message": "Message",
           "errhandler": "Errhandler", "info": "Info", "win": "Win", "file": "File"}
NULLS = {"type": "MPI_DATATYPE_NULL"}
NUMBERS = {"int": "MPI_Fint", "aint": "MPI_Aint", "offset": "MPI_Offset", "count": "MPI_Count"}


def c_type(kind):
    return "MPI_Datatype" if kind == "type" else f"MPI_{HANDLES[kind]}"


class Function:
    """One entry point: its parameters, what is done before the call, the call's arguments, what is done after it."""

    def __init__(self, prefix, name, kinds):
        self.prefix, self.name = prefix, name
        self.parameters, self.lengths = [], []
        self.before, self.arguments, self.after = [], [], []
        self.allocated = []
        if "comm" in kinds:
            self.comm = f"PMPI_Comm_f2c(*a{kinds.index('comm')})"
        for number, kind in enumerate(kinds):
            self.add(f"a{number}", f"c{number}", kind)

    def parameter(self, c, argument, expression):
        self.parameters.append(f"{c} *{argument}")
        self.arguments.append(expression)

    def add(self, a, c, kind):
        base, way = kind.rstrip(">&"), kind[-1]
        array = re.fullmatch(r"types\((\w+)\)", kind)
        if kind in NUMBERS:
            self.parameter(NUMBERS[kind], a, f"*{a}")
        elif kind.endswith("s") and kind[:-1] in NUMBERS:
            self.parameter(NUMBERS[kind[:-1]], a, a)
        elif kind == "ranges":
            self.parameter("MPI_Fint", a, f"(int(*)[3]){a}")
        elif kind == "weights":
            self.parameter("MPI_Fint", a, f"fortran_weights({a})")
        elif kind == "buffer":
            self.parameter("void", a, f"fortran_buffer({a})")
            self.buffer = a
        elif kind == "flag":
            self.parameter("MPI_Fint", a, f"&{c}")
            self.before.append(f"int {c} = 0;")
            self.after.append(f"*{a} = {c} != 0;")
        elif array:
            self.parameter("MPI_Fint", a, c)
            if array[1].isdigit():
                count = f"*a{array[1]}"
            elif array[1] == "peers":
                count = f"fortran_peers({self.comm}, {self.buffer})"
            else:
                count = f"fortran_{array[1]}({self.comm})"
            self.before.append(f"MPI_Datatype *{c} = fortran_types({a}, {count});")
            self.allocated.append(c)
        elif base == "status":
            self.add_status(a, c, way)
        elif base in ("string", "word"):
            self.add_string(a, c, base, way)
        elif base in HANDLES:
            self.add_handle(a, c, base, way)
        else:
            sys.exit(f"{self.name}: no kind of argument: {kind}")

    def add_handle(self, a, c, base, way):
        convert = f"PMPI_{HANDLES[base]}"
        if way not in ">&":
            self.parameter("MPI_Fint", a, f"{convert}_f2c(*{a})")
            return
        self.parameter("MPI_Fint", a, f"&{c}")
        null = NULLS.get(base, f"MPI_{base.upper()}_NULL")
        self.before.append(f"{c_type(base)} {c} = " + (f"{convert}_f2c(*{a});" if way == "&" else f"{null};"))
        condition = "" if way == "&" else "if (*ierror == MPI_SUCCESS) "
        self.after.append(f"{condition}*{a} = {convert}_c2f({c});")

    def add_status(self, a, c, way):
        if way == "s":
            self.parameter("MPI_Fint", a, f"&{c}")
        else:
            self.parameter("MPI_Fint", a, f"fortran_status({a}, &{c})")
            self.after.append(f"fortran_status_out({a}, &{c});")
        self.before.append(f"MPI_Status {c};")
        if way != ">":
            self.before.append(f"fortran_status_in({a}, &{c});")

    def add_string(self, a, c, base, way):
        length = f"{a}_length"
        self.parameter("char", a, c)
        self.lengths.append(f"size_t {length}")
        if way == ">":
            self.before.append(f"char {c}[FORTRAN_STRING] = \"\";")
            self.after.append(f"if (*ierror == MPI_SUCCESS) fortran_string_out({a}, {length}, {c});")
        else:
            self.before.append(f"char *{c} = fortran_{base}_in({a}, {length});")
            self.allocated.append(c)

    def text(self):
        lower = self.name.lower()
        own = f"f_{self.prefix.lower()}_{lower}"
        parameters = ", ".join(self.parameters + ["MPI_Fint *ierror"] + self.lengths)
        lines = [f"static void {own}({parameters})", "{", *self.before]
        call = f"*ierror = P{self.prefix}_{self.name}({', '.join(self.arguments)});"
        if self.allocated:
            call = f"if ({' && '.join(self.allocated)}) {call} else *ierror = fortran_no_memory();"
        lines += [call, *self.after, *(f"free({c});" for c in self.allocated), "}"]
        lines.append(f"FORTRAN_NAMES({own}, {self.prefix.lower()}_{lower}, {self.prefix}_{self.name.upper()}, "
                     f"{'ompix' if self.prefix == 'MPIX' else 'ompi'}_{lower}_f);\n")
        return "\n".join(lines)


def main():
    table, output = sys.argv[1:]
    with open(table) as lines, open(output, "w") as out:
        out.write('/* Made by generate.py from functions.txt. */\n#include <stdlib.h>\n\n#include "mpi-shim/fortran/fortran.h"\n\n')
        for line in lines:
            words = line.split("#")[0].split()
            if words:
                name = words[0].removeprefix("X:")
                out.write(Function("MPI" if name == words[0] else "MPIX", name, words[1:]).text() + "\n")


if __name__ == "__main__":
    main()
