# SPDX-License-Identifier: BSD-2-Clause
"""A pocket of its own for a test: up before its first case, down after its last."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = os.environ["CARAVAN_BUILD"]
CARAVAN = os.path.join(BUILD, "bin", "caravan")
MPIRUN = os.path.join(BUILD, "bin", "mpirun")


def cache_of(home):
    """A cache directory below home, whose pocket is what the other Xen tests boot from."""
    host = os.environ.get("POCKET_HOST", os.path.join(BUILD, "tests/xen/host"))
    os.makedirs(host, exist_ok=True)
    os.makedirs(os.path.join(home, "caravan"))
    os.symlink(host, os.path.join(home, "caravan", "pocket"))
    return home


class PocketCase(unittest.TestCase):
    """CARAVAN_BUILD names the build directory, POCKET_HOST where the other Xen tests keep what they boot from."""

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="pocket-test.")
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        cls.runtime = os.path.join(cls.home, "run")
        cls.place = os.path.join(cls.runtime, "caravan-pocket")
        cls.work = os.path.join(cls.home, "work, with a space")
        os.makedirs(cls.runtime)
        os.makedirs(cls.work)
        cls.environment = dict(os.environ, XDG_RUNTIME_DIR=cls.runtime, SHELL="/bin/sh", PS1="> ",
                               XDG_CACHE_HOME=cache_of(os.path.join(cls.home, "cache")))
        cls.addClassCleanup(cls.run_pocket, "down", timeout=60)
        began = time.monotonic()
        up = cls.run_pocket("up", timeout=400)
        if "missing" in up.stderr:
            print(up.stderr, file=sys.stderr)
            sys.exit(77)
        assert up.returncode == 0, up.stderr
        assert "dom0's Linux boots" in up.stderr, up.stderr
        print(f"up after {time.monotonic() - began:.0f} s", file=sys.stderr)

    @classmethod
    def run_pocket(cls, *words, timeout=30, program=CARAVAN, **arguments):
        arguments.setdefault("stdin", subprocess.DEVNULL if "input" not in arguments else None)
        if "input" in arguments:
            del arguments["stdin"]
        words = words if program != CARAVAN else ("pocket", *words)
        return subprocess.run([program, *words], timeout=timeout, env=cls.environment, cwd=cls.work,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **arguments)

    def shell(self, script, **arguments):
        return self.run_pocket("shell", "sh", "-c", script, **arguments)
