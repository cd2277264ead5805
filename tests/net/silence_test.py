#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A rank that is outside MPI for 90 s (CARAVAN_SILENCE), with traffic pending both ways, is not declared
dead, and everything arrives; on frames, two ranks a node, with a peer timeout far below that."""

import os
import sys

from network import Network
import scenario
from scenario import BUILD, mpirun

SILENCE = float(os.environ.get("CARAVAN_SILENCE", "90"))
PENDING = os.path.join(BUILD, "tests", "net", "pending")
# By hand: CARAVAN_SILENCE_WORK=work makes it compute all that time, not sleep.
WORK = os.environ.get("CARAVAN_SILENCE_WORK", "")


def silence_on_frames():
    with Network(faults=[]) as net:
        result = mpirun(4, [PENDING, str(SILENCE), WORK], net=net, slots=2, timeout=SILENCE + 60,
                        options=["--peer-timeout", "10"]).ok()
        assert "all arrived" in result.out, str(result)
        assert result.seconds >= SILENCE, str(result)
        return f"{result.seconds:.1f} s; {net.counts()}"


if __name__ == "__main__":
    sys.exit(scenario.run([silence_on_frames]))
