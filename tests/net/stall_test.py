#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Eight ranks on two nodes come to a standstill over frames: mpirun merges what both agents' ranks say, and tells the state of the
wire between them; a node whose agent is stopped is told as that."""

import os
import re
import signal
import sys
import time

from network import Network
import scenario
from scenario import BUILD, Job

STALL = os.path.join(BUILD, "tests", "launch", "stall")
LIMIT = 30


def standstill(way, ranks, *options, before=None):
    """What mpirun says of it, up to its end by --timeout."""
    with Network() as net:
        job = Job(ranks, [STALL, way], net=net, slots=ranks // 2, options=["-q", *options])
        assert job.process.stdout.readline() == "ready\n"
        if before:
            before(job)
        result = job.wait(LIMIT)
        job.nothing_left(5)
    return result


def has(result, *wanted):
    for line in wanted:
        assert re.search(line, result.err, re.M), f"{line} is not in\n{result}"


def eight_ranks_on_two_nodes():
    result = standstill("recv", 8, "--stall-report", "1", "--timeout", "5")
    assert result.status == 110, str(result)
    has(result, r"^mpirun: no rank has sent or received a message for \d+ s; what the 8 ranks wait for:$",
        r"^mpirun:   7 ranks \(1-7\) in MPI_Allreduce on MPI_COMM_WORLD for \d+",
        r"^mpirun:   rank 0 in MPI_Recv from 7 tag 7 on MPI_COMM_WORLD for \d+",
        r"^mpirun:     process 4: wire to \S+: open, .*sent \d+, 0 under way")
    assert len(re.findall("ranks wait for:", result.err)) == 1, str(result)


def a_rank_that_is_stopped():
    has(standstill("stopped", 2, "--stall-report", "1", "--timeout", "5"),
        r"rank 0 in MPI_Barrier on MPI_COMM_WORLD", r"rank 1 gives no answer: it is stopped \(state T\)")


def an_agent_that_is_stopped():
    def stop(job):
        # The guard of node 1's agent and the agent itself.
        with_agents = [pid for pid, line in job.processes().items() if "--be-agent-of" in line]
        assert len(with_agents) >= 2, job.processes()
        for pid in with_agents[len(with_agents) // 2:]:
            os.kill(pid, signal.SIGSTOP)
        job.process.send_signal(signal.SIGUSR1)
        time.sleep(6)
        for pid in with_agents:
            os.kill(pid, signal.SIGCONT)
        job.process.terminate()
    has(standstill("recv", 2, before=stop), r"gives no answer, nor does the agent of its node")


if __name__ == "__main__":
    sys.exit(scenario.run([eight_ranks_on_two_nodes, a_rank_that_is_stopped, an_agent_that_is_stopped]))
