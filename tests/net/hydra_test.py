#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""MPICH's mpiexec.hydra starts our ranks on several nodes: rings within a node, frames between, over a network that loses some; called
back by TCP (PMI_PORT) as well. A rank that computes is not taken for dead, a cable that is cut is named, and what cannot be says
why. Nothing outlives a job."""

import os
import select
import subprocess
import sys
import time
import uuid

import network
from network import Network
import scenario
from scenario import BENCH, BUILD, LIB, MARK, Job

MPI = os.path.join(BUILD, "tests", "mpi", "mpi_")
STALL = os.path.join(BUILD, "tests", "launch", "stall")
REMOTE_SHELL = os.path.join(scenario.HERE, "remote-shell")


class HydraJob(Job):
    """Started in the first node, from where it reaches the others; its own connections are on the same network."""

    def __init__(self, ranks, command, net, options=(), env=None):
        self.mark = uuid.uuid4().hex
        self.net = net
        words = net.command(0, ["mpiexec.hydra", "-launcher", "ssh", "-launcher-exec", REMOTE_SHELL, "-iface",
                                network.INTERFACE, "-hosts", ",".join(net.hosts), *options, "-n", str(ranks)])
        environment = {**os.environ, "LD_LIBRARY_PATH": LIB, MARK: self.mark, **(env or {})}
        self.began = time.monotonic()
        self.process = subprocess.Popen([*words, *command], stdin=subprocess.DEVNULL, env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def hydra(ranks, command, net, timeout=60, **arguments):
    scenario.need("mpiexec.hydra")
    job = HydraJob(ranks, command, net, **arguments)
    result = job.wait(timeout)
    job.nothing_left(10)  # its proxies end some time after it
    return result


def programs():
    with Network(faults=[]) as net:
        for name, ranks, options in (("collectives", 4, ["-ppn", "2"]), ("communicators", 3, []),
                                     ("completion", 2, []), ("threads", 2, [])):
            hydra(ranks, [MPI + name], net, options=options).ok()
        return str(net.counts())


def three_nodes():
    with Network(3, faults=[]) as net:
        result = hydra(3, [os.path.join(BENCH, "ring"), "-c", "-m", "8:65536", "-i", "50"], net).ok()
        rows = [line.split() for line in result.out.splitlines() if line[:1].isdigit()]
        assert rows and all(row[-1] == "Pass" for row in rows), str(result)


def lossy():
    with Network(faults=["--seed", 7, *scenario.LOSSY]) as net:
        result = hydra(4, [MPI + "nonblocking", "9"], net, options=["-ppn", "2"], timeout=120).ok()
        return f"{result.seconds:.1f} s; {net.counts()}"


def called_back():
    with Network() as net:
        hydra(4, [MPI + "collectives"], net, options=["-pmi-port"]).ok()
        assert hydra(2, [STALL, "aborting"], net, options=["-pmi-port"]).status == 7


def a_rank_that_computes():
    """The first rank of a node is outside MPI for 4 s with messages on the way; its peers would take 1 s of silence for its end, and
    that its node can be reached is for that very process to say."""
    with Network() as net:
        result = hydra(4, [os.path.join(BUILD, "tests", "net", "pending"), "4", "work"], net,
                       env={"CARAVAN_PEER_TIMEOUT": "1"}).ok()
        assert "all arrived" in result.out, str(result)


def bad_ends():
    with Network() as net:
        assert hydra(3, [STALL, "aborting"], net).status == 7
        assert hydra(3, [STALL, "dying"], net).status != 0


def a_cable_that_is_cut():
    scenario.need("mpiexec.hydra")
    with Network(faults=[]) as net:
        job = HydraJob(2, [os.path.join(BENCH, "latency"), "-m", "8:8", "-i", "100000000"], net,
                       env={"CARAVAN_PEER_TIMEOUT": "1"})
        limit = time.monotonic() + 20
        while net.counts()["in"] < 2000:
            assert time.monotonic() < limit, "no messages"
            time.sleep(0.05)
        net.toggle_cut()
        # Hydra has no way to its other half either; what our rank says is what counts.
        said, limit = "", time.monotonic() + 20
        while "cannot be reached" not in said and time.monotonic() < limit:
            if select.select([job.process.stderr], [], [], 0.1)[0]:
                said += os.read(job.process.stderr.fileno(), 4096).decode()
        net.toggle_cut()
        job.kill()
        job.process.communicate()
        job.nothing_left(10)
        assert "process 1 on" in said and "node 1's agent has not answered" in said, said


def a_last_message_that_cannot_arrive():
    """The sender is in MPI_Finalize by then, where only the launcher's barrier is left to wait for, and nothing crosses the cut for that."""
    scenario.need("mpiexec.hydra")
    with Network(faults=[]) as net:
        job = HydraJob(2, [os.path.join(BUILD, "tests", "net", "last_words")], net, env={"CARAVAN_PEER_TIMEOUT": "1"})
        said = {job.process.stdout: "", job.process.stderr: ""}
        limit = time.monotonic() + 20
        cut = False
        while "could not end together" not in said[job.process.stderr] and time.monotonic() < limit:
            for stream in select.select(list(said), [], [], 0.1)[0]:
                said[stream] += os.read(stream.fileno(), 4096).decode()
            if not cut and "ready" in said[job.process.stdout]:
                net.toggle_cut()
                cut = True
        took = time.monotonic() - job.began
        net.toggle_cut()
        job.kill()
        job.process.communicate()
        job.nothing_left(10)
        told = said[job.process.stderr]
        assert "the launcher's barrier has not ended for 1.0 s" in told, str(said)
        assert "MPI_Finalize" in told and "could not end together" in told, str(said)
        assert "process 1 on" in told and "node 1's agent has not answered" in told, str(said)
        return f"{took:.1f} s"


def what_cannot_be():
    with Network() as net:
        for name, value, words in (("ETH", "eth7", "no way to the job's other nodes: there is no interface eth7"),
                                   ("ETHERTYPE", "0x12", "CARAVAN_ETHERTYPE or CARAVAN_PEER_TIMEOUT is not a number"),
                                   ("PEER_TIMEOUT", "soon", "CARAVAN_ETHERTYPE or CARAVAN_PEER_TIMEOUT is not a number")):
            result = hydra(2, [STALL, "none"], net, env={"CARAVAN_" + name: value})
            assert result.status != 0 and words in result.err + result.out, str(result)
        # Of two names the one that there is.
        hydra(2, [STALL, "none"], net, env={"CARAVAN_ETH": "eth7,eth0", "CARAVAN_ETHERTYPE": "0x88b6"}).ok()


if __name__ == "__main__":
    sys.exit(scenario.run([programs, three_nodes, lossy, called_back, a_rank_that_computes, bad_ends, a_cable_that_is_cut,
                           a_last_message_that_cannot_arrive, what_cannot_be]))
