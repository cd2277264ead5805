#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A rank that waits in MPI_Recv uses under 1 % of a core, its helpers and agents included: on shared memory and
on frames."""

import os
import sys
import time

from network import Network
import scenario
from scenario import BENCH, Job

SECONDS = 4
MOST = 1.0  # percent of a core
TICKS = os.sysconf("SC_CLK_TCK")
IDLE = [os.path.join(BENCH, "idle"), "-t", str(SECONDS)]


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def idle(ranks, **where):
    job = Job(ranks, IDLE, **where)
    while len(job.ranks(IDLE[0])) < ranks:
        assert job.process.poll() is None, str(job.wait(5))
        time.sleep(0.05)
    time.sleep(0.7)
    pids = list(job.processes())
    before, began = cpu_seconds(pids), time.monotonic()
    time.sleep(SECONDS / 2)
    # What each of the job's processes uses on average, mpirun and agents included.
    whole = 100 * (cpu_seconds(pids) - before) / (time.monotonic() - began) / len(pids)
    result = job.wait(60).ok()
    job.nothing_left()
    said = float(result.out.split()[-1])
    assert said < MOST, str(result)
    assert whole < MOST, f"{whole:.2f} % by all of the job's processes"
    return f"{said:.2f} % by a waiting rank, {whole:.2f} % by each of the job's processes"


def on_shared_memory():
    return idle(2)


def on_frames():
    with Network() as net:
        return idle(2, net=net)


def oversubscribed():
    return idle(8)


if __name__ == "__main__":
    sys.exit(scenario.run([on_shared_memory, on_frames, oversubscribed]))
