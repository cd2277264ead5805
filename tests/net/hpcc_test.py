#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's hpcc, a program that nobody here compiled, solves small problems on our libmpi.so.40 and finds its own
results right: on two ranks and on four, over shared memory and over frames. `hpcc_test.py lossy lossy_mixed` does
the same over the lossy bridge, where it takes a minute each: by hand.

Of its output is asked: residuals below the threshold in HPL, PTRANS and FFT, no wrong word in RandomAccess, a bandwidth
and a latency of b_eff that are numbers above nothing, and no part that failed."""

import os
import sys
import tempfile

from network import Network
import scenario
from scenario import mpirun, need

THRESHOLD = 16.0

INPUT = """HPLinpack benchmark input file
a test
HPL.out      output file name
8            device out (a file)
1            problem sizes
{size}       N
1            block sizes
32           NB
0            process mapping by row
1            process grids
{rows}       P
{columns}    Q
{threshold}  threshold
1            panel factorisations
2            right
1            stopping criteria
4            NBMIN
1            panels in recursion
2            NDIV
1            recursive panel factorisations
1            Crout
1            broadcasts
1            modified ring
1            look-ahead depths
1            depth
2            mixed swapping
64           swapping threshold
0            L1 transposed
0            U transposed
1            equilibration
8            alignment in doubles
##### a line that is not read
0            more sizes for PTRANS
0
0            more block sizes for PTRANS
0
"""


def hpcc(ranks, size=200, timeout=120, **where):
    program = need("hpcc")
    with tempfile.TemporaryDirectory(prefix="caravan-test.") as scratch:
        with open(os.path.join(scratch, "hpccinf.txt"), "w", encoding="ascii") as file:
            file.write(INPUT.format(size=size, rows=ranks // 2, columns=2, threshold=THRESHOLD))
        result = mpirun(ranks, [program], options=["-wdir", scratch], timeout=timeout, **where).ok()
        with open(os.path.join(scratch, "hpccoutf.txt"), encoding="ascii") as file:
            output = file.read()
    check(output, ranks)
    return f"{ranks} ranks {result.seconds:.1f} s"


def check(output, ranks):
    summary = output.partition("Begin of Summary section.")[2].partition("End of Summary section.")[0]
    values = dict(line.split("=", 1) for line in summary.splitlines() if "=" in line)

    def number(name):
        assert name in values, f"no {name} in:\n{output}"
        return float(values[name])

    assert number("Success") == 1, output
    assert number("CommWorldProcs") == ranks, output
    assert output.count("PASSED") > 1 and "FAILED" not in output, output
    assert 0 <= number("PTRANS_residual") < THRESHOLD, output
    for name in ("HPL_Tflops", "PTRANS_GBs", "MPIRandomAccess_GUPs", "MPIFFT_Gflops", "MaxPingPongBandwidth_GBytes",
                 "NaturallyOrderedRingBandwidth_GBytes", "RandomlyOrderedRingLatency_usec"):
        assert number(name) > 0, f"{name} in:\n{output}"
    assert 0 <= number("MPIFFT_maxErr") < 1e-12, output
    for name in ("MPIRandomAccess_ErrorsFraction", "MPIRandomAccess_LCG_ErrorsFraction"):
        assert number(name) == 0, output


def shared_memory():
    return f"{hpcc(2)}, {hpcc(4)}"


def frames():
    with Network() as net:
        return hpcc(2, net=net)


def frames_mixed():
    with Network() as net:
        return hpcc(4, net=net, slots=2)


def lossy():
    with Network(faults=["--seed", 20, *scenario.LOSSY]) as net:
        return f"{hpcc(2, net=net)}; {net.counts()}"


def lossy_mixed():
    with Network(faults=["--seed", 21, *scenario.LOSSY]) as net:
        return f"{hpcc(4, net=net, slots=2)}; {net.counts()}"


if __name__ == "__main__":
    by_hand = [lossy, lossy_mixed] if sys.argv[1:] else []
    sys.exit(scenario.run([shared_memory, frames, frames_mixed, *by_hand]))
