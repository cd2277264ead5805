# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of mpirun share: running it with a limit, and looking for what it leaves behind."""

import os
import signal
import subprocess
import time
import unittest
import uuid

BUILD = os.environ.get("CARAVAN_BUILD", os.path.join(os.path.dirname(__file__), "..", "..", "build"))
BUILD = os.path.abspath(BUILD)
MPIRUN = os.path.join(BUILD, "bin", "mpirun")
RANK = os.path.join(BUILD, "tests", "launch", "fake_rank")
HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 20

# Under nohup, or in the background of a script, these come ignored; mpirun takes that as meant, and the tests do not mean it.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


class LauncherTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        # Everything that a run starts has this in its environment, whatever becomes of its parents.
        self.mark = "CARAVAN_TEST_MARK=" + uuid.uuid4().hex
        self.environment = dict(os.environ)
        # meson leads every test to the libraries of the build tree; an installed prefix has its own.
        for name in list(self.environment):
            if name.startswith(("OMPI_", "PMI", "CARAVAN_CONTROL", "CARAVAN_DOMU", "LD_LIBRARY_PATH")):
                del self.environment[name]
        self.environment.update([self.mark.split("=")])
        self.running = []

    def tearDown(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()
        left = self.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(left, [], "processes were left behind")

    def processes(self):
        """Who was started by this test and lives."""
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                try:
                    with open(f"/proc/{name}/environ", "rb") as file:
                        if self.mark.encode() in file.read().split(b"\0"):
                            with open(f"/proc/{name}/stat") as stat:
                                if stat.read().rsplit(")", 1)[1].split()[0] != "Z":
                                    found.append(int(name))
                except OSError:
                    pass
        return found

    def start(self, *arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen([MPIRUN, *map(str, arguments)], text=True,
                                   stdout=options.pop("stdout", subprocess.PIPE),
                                   stderr=options.pop("stderr", subprocess.PIPE),
                                   env=options.pop("env", self.environment), **options)
        self.running.append(process)
        return process

    def run_mpirun(self, *arguments, status=0, input=None, **options):
        """Run it to its end; returns its output, and checks its status."""
        if input is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(*arguments, **options)
        out, err = process.communicate(input, timeout=LIMIT)
        self.assertEqual(process.returncode, status, f"stdout: {out}\nstderr: {err}")
        self.errors = err
        return out

    def wait_for_processes(self, wanted, seconds=5):
        """Until at least so many processes of the test run."""
        end = time.monotonic() + seconds
        while len(self.processes()) < wanted:
            self.assertLess(time.monotonic(), end, f"no {wanted} processes: {self.processes()}")
            time.sleep(0.01)

    def wait_for_none(self, seconds=3):
        end = time.monotonic() + seconds
        while self.processes():
            self.assertLess(time.monotonic(), end, f"still there: {self.processes()}")
            time.sleep(0.01)

    def children(self, pid):
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
