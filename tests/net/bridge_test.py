#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The lossy bridge does to frames what it is told to, says truthfully what it did, and does the same
again from the same seed: otherwise the scenarios that run over it prove nothing."""

import ctypes
import os
import socket
import struct
import subprocess
import sys
import time

from network import INTERFACE, Network
import scenario

ETHERTYPE = 0x88B5
FRAMES = 20000
LENGTH = 200
MAX_SEND_AHEAD = 256
SO_RCVBUFFORCE = 33

SENDER, RECEIVER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


def frame(number):
    body = struct.pack("<I", number) + bytes((number + i) & 0xFF for i in range(LENGTH - 4))
    return RECEIVER + SENDER + struct.pack(">H", ETHERTYPE) + body


def open_in(network, node):
    """A packet socket in a node, made by a child that enters the namespace and passes the socket back."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    pid = os.fork()
    if pid == 0:
        with open("/run/netns/" + network.hosts[node]) as namespace:
            setns(namespace.fileno())
        packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
        packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        packets.bind((INTERFACE, ETHERTYPE))
        socket.send_fds(there, [b"s"], [packets.fileno()])
        os._exit(0)
    there.close()
    _, fds, _, _ = socket.recv_fds(here, 1, 1)
    os.waitpid(pid, 0)
    here.close()
    return socket.socket(fileno=fds[0])


def setns(fd):
    """os.setns is newer than Debian 12's Python."""
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
        raise OSError(ctypes.get_errno(), "setns")


def send_all(faults, seed):
    """Send FRAMES frames over a bridge; return what arrived, in order, and the bridge's counts."""
    with Network(2, faults=["--seed", seed, *faults]) as network:
        out, into = open_in(network, 0), open_in(network, 1)
        into.settimeout(0.5)
        arrived = []

        def receive(timeout):
            into.settimeout(timeout)
            try:
                while True:
                    arrived.append(into.recv(2048))
            except (TimeoutError, BlockingIOError):
                pass

        for number in range(FRAMES):
            out.send(frame(number))
            if number % MAX_SEND_AHEAD == 0:
                receive(0.002)
        receive(0.3)
        return arrived, network.counts()


def fates(arrived):
    """Intact numbers in their order of arrival, and how many frames were not as they were sent."""
    numbers, damaged = [], 0
    for data in arrived:
        number = struct.unpack_from("<I", data, 14)[0] if len(data) >= 18 else FRAMES
        if number < FRAMES and data == frame(number):
            numbers.append(number)
        else:
            damaged += 1
    return numbers, damaged


def near(what, count, expected):
    """Within five standard deviations of a Poisson count."""
    assert abs(count - expected) <= 5 * expected ** 0.5, f"{what}: {count}, expected about {expected}"


def faithful():
    arrived, counts = send_all([], 1)
    numbers, damaged = fates(arrived)
    assert numbers == list(range(FRAMES)) and damaged == 0
    assert counts["in"] == counts["out"] == FRAMES, counts


def lossy():
    faults = ["--drop", "5", "--duplicate", "2", "--reorder", "10", "--damage", "0.5"]
    arrived, counts = send_all(faults, 7)
    numbers, damaged = fates(arrived)
    near("dropped", counts["dropped"], 0.05 * FRAMES)
    near("duplicated", counts["duplicated"], 0.02 * 0.95 * FRAMES)
    near("reordered", counts["reordered"], 0.10 * 0.95 * FRAMES)
    near("damaged", counts["damaged"], 0.005 * 0.95 * FRAMES)
    assert counts["in"] == FRAMES and counts["overrun"] == 0, counts
    assert counts["out"] + counts["refused"] == FRAMES - counts["dropped"] + counts["duplicated"], counts
    # Damage may change the type or the length so that the frame reaches no receiver, or be undone by itself.
    assert 0 < damaged <= 1.2 * counts["damaged"], damaged
    near("distinct", len(set(numbers)), 0.95 * 0.995 * FRAMES)
    overtaken = sum(1 for a, b in zip(numbers, numbers[1:]) if b < a)
    assert overtaken > 0.05 * FRAMES, overtaken
    again, _ = send_all(faults, 7)
    assert set(fates(again)[0]) == set(numbers), "another outcome from the same seed"
    other, _ = send_all(faults, 8)
    assert set(fates(other)[0]) != set(numbers), "the same outcome from another seed"


def cut():
    with Network(2, faults=[]) as network:
        out, into = open_in(network, 0), open_in(network, 1)
        into.settimeout(0.2)
        out.send(frame(1))
        assert into.recv(2048) == frame(1)
        network.toggle_cut()
        time.sleep(0.05)
        out.send(frame(2))
        try:
            into.recv(2048)
            raise AssertionError("a frame passed the cut")
        except TimeoutError:
            pass
        network.toggle_cut()
        time.sleep(0.05)
        out.send(frame(3))
        assert into.recv(2048) == frame(3)
        assert network.counts()["cut"] == 1


def cleans_up():
    with Network(3, faults=[]) as network:
        hosts = network.hosts
        sleeper = subprocess.Popen(network.command(1, ["sleep", "60"]))
        while sleeper.pid not in network.processes():
            time.sleep(0.01)
    assert sleeper.wait(5) != 0
    assert not [host for host in hosts if os.path.exists("/run/netns/" + host)]


if __name__ == "__main__":
    sys.exit(scenario.run([faithful, lossy, cut, cleans_up]))
