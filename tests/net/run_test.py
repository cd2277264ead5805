#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""./run.sh --processes, which is how people meet Caravan: it builds, measures both ways, and prints a line with times for each."""

import os
import re
import subprocess
import sys

import scenario
from scenario import BUILD, SOURCE


def quick():
    # What is missing it would install.
    scenario.need("gcc", "meson", "ninja", "pkg-config", "mpirun.openmpi", "ip", "ethtool")
    done = subprocess.run([os.path.join(SOURCE, "run.sh"), "--processes"], env=dict(os.environ, BUILD=BUILD, SIZES="8:8"),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=110, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for title in ("shared memory", "Ethernet"):
        line = re.search(rf"== {title}.*\n +bytes .*\n +8 +([0-9.]+) +([0-9.]+) +[0-9.]+\n", said)
        assert line and float(line[1]) > 0 and float(line[2]) > 0, said
    return f"{line[1]} us over frames"


if __name__ == "__main__":
    sys.exit(scenario.run([quick]))
