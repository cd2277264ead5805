#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The benchmarks, checking every byte, give right answers over shared memory, over frames, on two nodes of two
ranks (where both links are in use at once), and over a bridge that drops, doubles, reorders and damages
frames; on all of them with small and with large messages.

They were linked against Debian's Open MPI and run on our library unchanged. Nothing outlives a job."""

import os
import sys

from network import Network
import scenario
from scenario import BENCH, mpirun

PAIR = [("latency", ["-m", "0:1048576", "-i", "20", "-x", "2"]),
        ("bandwidth", ["-m", "1:262144", "-i", "4", "-x", "1"]),
        ("bibandwidth", ["-m", "1:262144", "-i", "4", "-x", "1"])]
ANY = [("mbw_mr", ["-m", "1:65536", "-i", "4", "-x", "1"]),
       ("ring", ["-m", "8:65536", "-i", "50"])]


# Under loss a large window takes long: smaller ones.
LOSSY_PAIR = [("latency", ["-m", "0:262144", "-i", "10", "-x", "1"]),
              ("bandwidth", ["-m", "1:65536", "-i", "2", "-x", "0", "-W", "16"]),
              ("bibandwidth", ["-m", "1:65536", "-i", "2", "-x", "0", "-W", "16"])]
LOSSY_ANY = [("mbw_mr", ["-m", "1:16384", "-i", "2", "-x", "0", "-W", "16"]),
             ("ring", ["-m", "8:16384", "-i", "20"])]


def validated(ranks, program, options, **where):
    result = mpirun(ranks, [os.path.join(BENCH, program), "-c", *options], timeout=120, **where).ok()
    rows = [line.split() for line in result.out.splitlines() if line[:1].isdigit()]
    assert rows and all(row[-1] == "Pass" for row in rows), str(result)
    return result.seconds


def all_of(programs, ranks, **where):
    return ", ".join(f"{program} {validated(ranks, program, options, **where):.1f} s"
                     for program, options in programs)


def shared_memory():
    return all_of(PAIR, 2) + ", " + all_of(ANY, 4)


def alone():
    """No mpirun: a job of one."""
    result = scenario.alone([os.path.join(BENCH, "hello")]).ok()
    assert "1 processes" in result.out, str(result)


def frames():
    with Network() as net:
        return all_of(PAIR + ANY, 2, net=net)


def jumbo_frames():
    with Network(mtu=9000) as net:
        return all_of(PAIR, 2, net=net)


def mixed():
    """2 nodes x 2 ranks: neighbours by ring, the others by frames through one interface."""
    with Network() as net:
        return all_of(ANY, 4, net=net, slots=2)


def lossy():
    with Network(faults=["--seed", 3, *scenario.LOSSY]) as net:
        return f"{all_of(LOSSY_PAIR, 2, net=net)}; {net.counts()}"


def lossy_mixed():
    with Network(faults=["--seed", 4, *scenario.LOSSY]) as net:
        return f"{all_of(LOSSY_ANY, 4, net=net, slots=2)}; {net.counts()}"


def lossy_four_nodes():
    with Network(4, faults=["--seed", 5, *scenario.LOSSY]) as net:
        return f"{all_of(LOSSY_ANY, 4, net=net)}; {net.counts()}"


def collectives():
    """Collectives in flight, on two nodes of two ranks: shared memory within, a lossy network between."""
    with Network(faults=["--seed", 6, *scenario.LOSSY]) as net:
        result = mpirun(4, [os.path.join(scenario.BUILD, "tests/mpi/mpi_nonblocking"), "9"], timeout=120,
                        net=net, slots=2).ok()
        return f"{result.seconds:.1f} s; {net.counts()}"


def oversubscribed():
    """More ranks than cores finish, and do not spin each other out of time."""
    return f"{validated(8, 'ring', ['-m', '8:1024', '-i', '100']):.1f} s"


if __name__ == "__main__":
    sys.exit(scenario.run([shared_memory, alone, frames, jumbo_frames, mixed, lossy, lossy_mixed,
                           lossy_four_nodes, collectives, oversubscribed]))
