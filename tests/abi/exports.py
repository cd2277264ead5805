#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Our libmpi.so.40 exports what Debian's (Open MPI 4.1) does: each public name, with its kind, size and binding.

Also: MPI_x and PMPI_x are one function; nothing public beyond Open MPI's (configure scripts decide by link tests);
and nothing that would break copy relocations (protected symbols, -Bsymbolic).

usage: exports.py OURS THEIRS
"""
import re
import subprocess
import sys

FUNCTION = re.compile(r"P?MPIX?_\w+|OMPI_C_\w+|OMPI_Affinity_str|ompi_(op_set_cxx_callback|attr_(create_keyval|get_aint|set_aint|set_fint)|errhandler_(create|invoke))|mpi_\w+_(fn|fn_null|f90)_{0,2}")
DATA = re.compile(r"MPI_F_\w+|mpi_fortran_\w+_|ompi_mpi_[a-z0-9_]+|ompi_request_null|ompi_(errcode_intern_lastused|errcodes_intern|registered_datareps)|ompi_message_(null|no_proc)")
# Objects that Open MPI exports for its own libraries. mpi.h and mpif.h name none of them.
INTERNAL = re.compile(
    r"\w+_addr|ompi_mpi_(c_complex|comm_parent|communicators|dynamics_enabled|errcode\w*"
    r"|event_tick_rate|external32_convertor|f90_\w+|file_bootstrap_mutex"
    r"|have_sparse_group_storage|keep_fqdn_hostnames|local_convertor|main_thread|ompio_bootstrap_mutex"
    r"|param_check|preconnect_mpi|show_mca\w+|spc_\w+|state|thread_\w+|unavailable|windows"
    r"|yield_when_idle)")


def symbols(path):
    """{name: (type, binding, visibility, size, address)} of what the library defines."""
    found = {}
    output = subprocess.run(["readelf", "-W", "--dyn-syms", path], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    for line in output.splitlines():
        field = line.split()
        if len(field) == 8 and field[0].endswith(":") and field[6] not in ("UND", "Ndx"):
            address, size, kind, bind, visibility = field[1:6]
            found[field[7]] = (kind, bind, visibility, int(size, 0), int(address, 16))
    return found


def public(found):
    return {name: symbol for name, symbol in found.items()
            if (symbol[0] == "FUNC" and FUNCTION.fullmatch(name)) or
            (symbol[0] == "OBJECT" and DATA.fullmatch(name) and not INTERNAL.fullmatch(name))}


def main():
    ours_path, theirs_path = sys.argv[1:]
    everything = symbols(ours_path)
    ours, theirs = public(everything), public(symbols(theirs_path))
    errors = []

    if len(theirs) < 1000:
        errors.append(f"only {len(theirs)} public names in {theirs_path}: not Open MPI's library?")
    for name in sorted(theirs):
        kind, bind, _, size, _ = theirs[name]
        if name not in ours:
            errors.append(f"{name}: missing ({kind}, {bind}, size {size})")
            continue
        our_kind, our_bind, visibility, our_size, _ = ours[name]
        if (our_kind, our_bind) != (kind, bind):
            errors.append(f"{name}: {our_kind} {our_bind}, not {kind} {bind}")
        if kind == "OBJECT" and our_size != size:
            errors.append(f"{name}: {our_size} bytes, not {size}")
        if visibility != "DEFAULT":
            errors.append(f"{name}: visibility {visibility}")
    for name in sorted(set(everything) - set(theirs)):
        errors.append(f"{name}: exported, and Open MPI does not")
    for name in ours:
        if name.startswith("PMPI") and ours[name][4] != ours[name[1:]][4]:
            errors.append(f"{name}: not at the address of {name[1:]}")

    dynamic = subprocess.run(["readelf", "-W", "-d", ours_path], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    if "[libmpi.so.40]" not in dynamic:
        errors.append("the soname is not libmpi.so.40")
    for forbidden in ("SYMBOLIC", "VERDEF"):
        if forbidden in dynamic:
            errors.append(f"the dynamic section has {forbidden}")

    print("\n".join(errors) or f"{len(theirs)} names agree")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
