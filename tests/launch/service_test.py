#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Intent: systemd finds nothing to complain about in the root agent's unit. It looks for the program as well, so it gets the build's."""
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ["CARAVAN_BUILD"]
NAME = "caravan-node-agent.service"

if not shutil.which("systemd-analyze"):
    print("skipped: systemd-analyze is missing (Debian: systemd)")
    sys.exit(77)
with open(os.path.join(BUILD, "launch/root", NAME), encoding="ascii") as file:
    lines = file.read().splitlines()
with tempfile.TemporaryDirectory() as place:
    path = os.path.join(place, NAME)
    with open(path, "w", encoding="ascii") as file:
        for line in lines:
            if line.startswith("ExecStart="):
                line = "ExecStart=" + os.path.join(BUILD, "bin/caravan") + line[line.index(" "):]
            print(line, file=file)
    # What it does not know, or does not like, it says and goes on.
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, timeout=30, check=False)
print(done.stdout + done.stderr, end="")
sys.exit(done.returncode or bool(done.stdout or done.stderr))
