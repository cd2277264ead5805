#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Random programs over shared memory, over frames that a bridge drops, doubles, reorders and damages, and on two nodes of two
ranks, where rings and frames are in use at once; every byte checked. tests/mpi/stress_types.c: types, communicators, modes,
collectives; tests/mpi/stress_coll.c: collectives of all kinds under way at once. A failure names its seed. The three take
STRESS_SECONDS (22) each, side by side, for those over frames wait most of the time; more than a minute in all. And
tests/mpi/collectives.c where nodes have several ranks, one after the other and in turns. By hand, for hours, or one seed again:

    STRESS_SEED=1000 STRESS_SECONDS=7200 CARAVAN_BUILD=$PWD/build tests/net/stress_test.py [lossy_mixed]
    STRESS_SEED=1234 STRESS_SECONDS=0 CARAVAN_BUILD=$PWD/build tests/net/stress_test.py lossy"""

from concurrent.futures import ThreadPoolExecutor
import os
import sys
import time

from network import Network
import scenario
from scenario import mpirun

PROGRAMS = {name: os.path.join(scenario.BUILD, "tests", "mpi", f"mpi_stress_{name}") for name in ("types", "coll")}
first = int(os.environ.get("STRESS_SEED", 1))
seconds = float(os.environ.get("STRESS_SECONDS", 22))
phases = int(os.environ.get("STRESS_PHASES", 40))


def stress(*numbers, **where):
    """Both programs with one seed after the other, on each number of ranks, until the time is over."""
    end = time.monotonic() + seconds
    seed = first
    while seed == first or time.monotonic() < end:
        for ranks in numbers:
            for name, program in PROGRAMS.items():
                what = f"{name}, seed {seed}, {phases} phases, {ranks} ranks"
                try:
                    result = mpirun(ranks, [program, str(seed), str(phases)], timeout=120 + phases, **where)
                except AssertionError as error:
                    raise AssertionError(f"{what}: {error}") from None
                assert result.status == 0, f"{what}: {result}"
        seed += 1
    return f"{seed - first} seeds"


def shared_memory():
    return stress(2, 4)


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


LINKS = [shared_memory, lossy, lossy_mixed]


def side_by_side():
    with ThreadPoolExecutor() as pool:
        running = {case.__name__: pool.submit(case) for case in LINKS}
    return "; ".join(f"{name}: {case.result()}" for name, case in running.items())


if __name__ == "__main__":
    sys.exit(scenario.run([*(LINKS if sys.argv[1:] else [side_by_side]), two_levels]))
