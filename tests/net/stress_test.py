#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Random programs over frames that a bridge drops, doubles, reorders and damages, and on two nodes of two ranks, where rings
and frames are in use at once; every byte checked. tests/mpi/stress_types.c: types, communicators, modes, collectives;
tests/mpi/stress_coll.c: collectives of all kinds under way at once. A failure names its seed. And tests/mpi/collectives.c where
nodes have several ranks, one after the other and in turns. By hand, for hours:

    STRESS_SEED=1000 STRESS_SEEDS=10000 CARAVAN_BUILD=$PWD/build tests/net/stress_test.py [lossy_mixed]"""

import os
import sys

from network import Network
import scenario
from scenario import mpirun

PROGRAMS = {name: os.path.join(scenario.BUILD, "tests", "mpi", f"mpi_stress_{name}") for name in ("types", "coll")}
first = int(os.environ.get("STRESS_SEED", 1))
seeds = int(os.environ.get("STRESS_SEEDS", 10))
phases = int(os.environ.get("STRESS_PHASES", 40))


def stress(ranks, **where):
    seconds = 0
    for seed in range(first, first + seeds):
        for name, program in PROGRAMS.items():
            result = mpirun(ranks, [program, str(seed), str(phases)], timeout=120 + phases, **where)
            assert result.status == 0, f"{name}, seed {seed}, {phases} phases: {result}"
            seconds += result.seconds
    return f"{seconds:.1f} s"


def shared_memory():
    return stress(2) + ", " + stress(4)


def lossy():
    with Network(faults=["--seed", first, *scenario.LOSSY]) as net:
        return f"{stress(2, net=net)}; {net.counts()}"


def lossy_mixed():
    with Network(faults=["--seed", first + 1, *scenario.LOSSY]) as net:
        return f"{stress(4, net=net, slots=2)}; {net.counts()}"


def two_levels():
    program = os.path.join(scenario.BUILD, "tests", "mpi", "mpi_collectives")
    seconds = 0
    with Network() as net:
        for ranks, slots in ((3, 2), (5, 3)):
            for order in ("slot", "node"):
                result = mpirun(ranks, [program], net=net, slots=slots, timeout=120, options=["--map-by", order])
                assert result.status == 0, f"{ranks} ranks by {order}: {result}"
                seconds += result.seconds
    return f"{seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(scenario.run([shared_memory, lossy, lossy_mixed, two_levels]))
