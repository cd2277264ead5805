#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Intent: mpirun --check names what a rank left behind, with the call that gave it, and nothing else; without --check nothing
is said. usage: leaks.py MPIRUN PROGRAM"""
import re
import subprocess
import sys

LEFT = """
the request of MPI_Irecv from any rank, tag 9, on MPI_COMM_WORLD: never completed
the request of MPI_Recv_init from rank 0, tag 3, on the ocean: not freed by MPI_Request_free
1 sends that were complete at once: no MPI_Wait or MPI_Test asked for them
a message of 4 bytes from rank 0, tag 5, on the ocean was never received
the communicator of MPI_Comm_dup named "the ocean" was not freed
the group of MPI_Comm_group was not freed
the datatype of MPI_Type_vector was not freed
the operation of MPI_Op_create was not freed
the error handler of MPI_Comm_create_errhandler was not freed
the info of MPI_Info_create was not freed
"""


def said(*arguments, ranks=2):
    run = subprocess.run([sys.argv[1], "--oversubscribe", "-n", str(ranks), *arguments], timeout=60,
                         stderr=subprocess.PIPE, text=True)
    assert run.returncode == 0, run
    return run.stderr.splitlines()


def main():
    program = sys.argv[2]
    assert said(program) == []
    assert said("--check", program) == [], said("--check", program)
    assert said(program, "leave") == []
    # One has left the last call while others are still in it.
    for ranks in 2, 3, 4, 3, 2:
        assert said("--check", program, "barrier", ranks=ranks) == []
    lines = said("--check", program, "leave")
    found = []
    for line in lines:
        match = re.fullmatch(r"caravan: check: rank 1: (.*)", line)
        assert match, line
        found.append(match.group(1))
    wanted = LEFT.strip().splitlines()
    assert sorted(found) == sorted(wanted), "\n".join(lines)


if __name__ == "__main__":
    main()
