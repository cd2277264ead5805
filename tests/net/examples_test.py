#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The programs on active messages alone: as built in the tree, over every link; and as a user builds them, with
pkg-config against an installed prefix."""

import os
import subprocess
import sys
import tempfile

from network import Network
import scenario
from scenario import BUILD, SOURCE, mpirun

PINGPONG = os.path.join(BUILD, "examples", "pingpong")
COUNTER = os.path.join(BUILD, "examples", "counter")


def counter(ranks, program=COUNTER, additions=2000, **where):
    result = mpirun(ranks, [program, str(additions)], **where).ok()
    words = result.out.replace(",", "").split()
    assert words[0] == str(ranks) and words[-1] == words[-3], str(result)


def pingpong(**where):
    result = mpirun(2, [PINGPONG], **where).ok()
    assert len(result.out.splitlines()) > 5, str(result)


def shared_memory():
    pingpong()
    counter(4)
    counter(1)


def frames():
    with Network() as net:
        pingpong(net=net)
        counter(4, net=net, slots=2)


def lossy_frames():
    with Network(3, faults=["--seed", 17, *scenario.LOSSY]) as net:
        counter(3, additions=300, net=net)
        return net.counts()


def with_pkg_config():
    with tempfile.TemporaryDirectory(prefix="caravan-test.") as scratch:
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", scratch],
                       check=True, stdout=subprocess.DEVNULL)
        found = [os.path.join(path, "caravan.pc") for path, _, names in os.walk(scratch)
                 if "caravan.pc" in names]
        assert len(found) == 1, found
        # Where it would be, were it not staged.
        prefix = os.path.dirname(next(path for path, names, _ in os.walk(scratch) if "include" in names)
                                 + os.sep)
        flags = subprocess.run(["pkg-config", "--define-variable=prefix=" + prefix, "--cflags", "--libs",
                                found[0]], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        program = os.path.join(scratch, "counter")
        library = next(flag[2:] for flag in flags if flag.startswith("-L"))
        subprocess.run(["cc", "-O2", "-o", program, os.path.join(SOURCE, "examples", "counter.c"), *flags],
                       check=True)
        counter(2, program, env={"LD_LIBRARY_PATH": library})


if __name__ == "__main__":
    sys.exit(scenario.run([shared_memory, frames, lossy_frames, with_pkg_config]))
