#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""When something dies the job ends soon, says who it was, and leaves no process, memory or socket behind:
a rank killed with -9 (waiting, busy or missing from a collective, same node or another), mpirun itself killed with -9, an agent killed
with -9, a rank that exits early or aborts, and a cable that is pulled."""

import os
import re
import signal
import sys
import time

from network import Network
import scenario
from scenario import BENCH, Job

SOON = 3.0  # seconds, from the death to the end of mpirun
CABLE = 4   # seconds that an unreachable node is given in these tests
IDLE = [os.path.join(BENCH, "idle"), "-t", "60"]
OUTSTANDING = [os.path.join(scenario.BUILD, "tests", "net", "outstanding")]
BUSY = [os.path.join(BENCH, "ring"), "-m", "8:8", "-i", "1000000000"]


def started(job, command, ranks):
    """Pids of the ranks, once all run and have had time to talk to each other."""
    deadline = time.monotonic() + 20
    while len(job.ranks(command[0])) < ranks:
        assert time.monotonic() < deadline and job.process.poll() is None, \
            f"the ranks did not start: {job.processes()} {job.wait(5)}"
        time.sleep(0.02)
    time.sleep(1.0)
    return job.ranks(command[0])


def rank_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as environ:
        for word in environ.read().split(b"\0"):
            if word.startswith(b"OMPI_COMM_WORLD_RANK="):
                return int(word.split(b"=")[1])
    raise AssertionError(f"process {pid} has no rank in its environment")


def killed(command, ranks, net=None, slots=1):
    """Kill the last rank; mpirun names it and ends soon."""
    job = Job(ranks, command, net=net, slots=slots)
    by_rank = {rank_of(pid): pid for pid in started(job, command, ranks)}
    assert sorted(by_rank) == list(range(ranks)), by_rank
    began = time.monotonic()
    os.kill(by_rank[ranks - 1], signal.SIGKILL)
    result = job.wait(20)
    took = time.monotonic() - began
    assert took < SOON, f"took {took:.1f} s: {result}"
    assert result.status == 128 + signal.SIGKILL, str(result)
    assert re.search(rf"rank {ranks - 1}\b", result.err), f"does not name rank {ranks - 1}: {result}"
    assert re.search(r"signal 9|SIGKILL|[Kk]illed", result.err), f"does not say how it died: {result}"
    job.nothing_left()
    return f"{took:.2f} s: {result.err.strip().splitlines()[0]}"


def killed_waiting():
    return killed(IDLE, 3)


def killed_busy():
    return killed(BUSY, 2)


def killed_waiting_on_frames():
    with Network() as net:
        return killed(IDLE, 2, net)


def killed_busy_on_frames():
    with Network() as net:
        said = killed(BUSY, 4, net, slots=2)
        assert not net.processes(), net.processes()
        return said


def killed_outside_a_collective():
    """The others wait for nonblocking collectives in which it never took part."""
    with Network() as net:
        return killed(OUTSTANDING, 3) + "; " + killed(OUTSTANDING, 4, net, slots=2)


def mpirun_killed():
    """Nobody is left to report: only that nothing stays."""
    with Network() as net:
        for where in ({}, {"net": net, "slots": 2}):
            job = Job(4, BUSY, **where)
            started(job, BUSY, 4)
            job.process.kill()
            job.wait(10)
            job.nothing_left(SOON)


def agent_killed():
    with Network() as net:
        job = Job(2, BUSY, net=net)
        pids = started(job, BUSY, 2)
        victim = parent = int(open(f"/proc/{pids[-1]}/stat").read().rsplit(")", 1)[1].split()[1])
        assert parent != job.process.pid and parent in job.processes(), "a rank's parent is its agent"
        os.kill(victim, signal.SIGKILL)
        result = job.wait(20)
        assert result.status != 0, str(result)
        assert [host for host in net.hosts if host in result.err], f"does not name the host: {result}"
        job.nothing_left(SOON)


def interrupted():
    """Ctrl-C."""
    with Network() as net:
        job = Job(2, BUSY, net=net)
        started(job, BUSY, 2)
        job.process.send_signal(signal.SIGINT)
        result = job.wait(SOON + 5)
        assert result.status != 0, str(result)
        job.nothing_left()


def exits_early():
    """A rank that leaves with a status of its own while the others wait for it."""
    job = Job(2, ["sh", "-c", f'[ $OMPI_COMM_WORLD_RANK = 1 ] && exit 7; exec {" ".join(IDLE)}'])
    result = job.wait(20)
    assert result.status == 7, str(result)
    job.nothing_left()


def unplugged(cut):
    with Network(faults=[]) as net:
        job = Job(2, BUSY, net=net, options=["--peer-timeout", str(CABLE)])
        started(job, BUSY, 2)
        began = time.monotonic()
        cut(net)
        result = job.wait(CABLE + 20)
        took = time.monotonic() - began
        assert result.status not in (0, None), str(result)
        assert CABLE * 0.5 <= took <= CABLE + SOON, f"took {took:.1f} s: {result}"
        assert re.search(r"rank [01]\b", result.err), f"names no rank: {result}"
        assert [host for host in net.hosts if host in result.err], f"names no host: {result}"
        assert "known error not in list" not in result.err, f"says that it knows nothing: {result}"
        job.nothing_left(SOON)
        return f"{took:.1f} s: {result.err.strip().splitlines()[0]}"


def unplugged_silently():
    """A switch dies: the interface stays up and nothing comes any more."""
    return unplugged(lambda net: net.toggle_cut())


def unplugged_at_the_plug():
    """The interface loses its carrier."""
    return unplugged(lambda net: net.unplug(1))


def short_outage():
    """The cable is back in time: nothing is lost."""
    with Network(faults=[]) as net:
        command = [os.path.join(BENCH, "latency"), "-c", "-m", "1024:1024", "-i", "20000"]
        job = Job(2, command, net=net)
        started(job, command, 2)
        net.toggle_cut()
        time.sleep(2)
        net.toggle_cut()
        result = job.wait(60).ok()
        assert "Pass" in result.out, str(result)
        counts = net.counts()
        assert counts["cut"] > 0, f"the outage came too late: {counts}"
        job.nothing_left()
        return counts


if __name__ == "__main__":
    sys.exit(scenario.run([killed_waiting, killed_busy, killed_waiting_on_frames, killed_busy_on_frames,
                           killed_outside_a_collective,
                           mpirun_killed, agent_killed, interrupted, exits_early, unplugged_silently,
                           unplugged_at_the_plug, short_outage]))
