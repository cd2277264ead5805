#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's NPopenmpi, a program that nobody here compiled, runs to its end on our libmpi.so.40, and its
integrity check passes: over shared memory, over frames between two nodes, and over the lossy bridge.

In the timed runs each of its sizes, up to 8 MiB, is sent a fixed number of times, which makes them short."""

import os
import sys
import tempfile

from network import Network
import scenario
from scenario import mpirun, need

SIZES = 124  # lines of a whole run
CHECKS = 28  # of an integrity run up to 64 KiB


def netpipe(*options, net=None, timeout=120):
    with tempfile.TemporaryDirectory(prefix="caravan-test.") as scratch:
        command = [need("NPopenmpi"), "-o", os.path.join(scratch, "np.out"), *options]
        result = mpirun(2, command, net=net, timeout=timeout).ok()
    # It reports on standard error.
    return [line for line in (result.out + result.err).splitlines() if "-->" in line]


def timed(net=None, repeats=5):
    lines = netpipe("-n", str(repeats), net=net)
    assert len(lines) == SIZES and all("Mbps" in line for line in lines), lines
    return lines[-1].strip()


def checked(net=None):
    lines = netpipe("-i", "-u", "65536", net=net)
    assert len(lines) == CHECKS and all("Integrity check passed" in line for line in lines), lines


def timed_on_shared_memory():
    return timed()


def checked_on_shared_memory():
    checked()


def timed_on_frames():
    with Network() as net:
        return timed(net)


def checked_on_frames():
    with Network() as net:
        checked(net)


def checked_on_lossy_frames():
    with Network(faults=["--seed", 11, *scenario.LOSSY]) as net:
        checked(net)
        return net.counts()


if __name__ == "__main__":
    sys.exit(scenario.run([timed_on_shared_memory, checked_on_shared_memory, timed_on_frames,
                           checked_on_frames, checked_on_lossy_frames]))
