# SPDX-License-Identifier: BSD-2-Clause
"""Intent: the agent's end of the control stream is as docs/control-stream.md says."""

import resource
import unittest

from launcher import RANK, LauncherTest


class Agent(LauncherTest):
    def test_welcome(self):
        self.environment["SHOW_WELCOME"] = "1"
        out = self.run_mpirun("-n", 2, RANK, "init", "hello", "finalize")
        self.assertEqual(sorted(out.splitlines()), [
            "place first=0 count=2 node=0", "place first=0 count=2 node=0",
            "welcome process=0 size=2 node=0 nodes=1 ranks=2 program=0 link=auto",
            "welcome process=1 size=2 node=0 nodes=1 ranks=2 program=0 link=auto"])

    def test_key_value_space(self):
        out = self.run_mpirun("-n", 2, RANK, "init", "0:put=a:1", "1:put=b:2=%41", "0:put=a:3", "barrier",
                              "get=a", "get=b", "get=c", "barrier", "finalize")
        self.assertEqual(sorted(out.splitlines()), sorted(["put: duplicate_key"] + ["a=1", "b=2=%41", "c=?"] * 2))

    def test_unknown_commands_are_answered(self):
        self.run_mpirun("-n", 1, RANK, "init", "raw=cmd=lookup_name service=x", "finalize")

    def test_ring_to_one_that_is_here(self):
        out = self.run_mpirun("-n", 2, RANK, "init", "hello", "barrier", "0:ring=1", "1:take-ring", "barrier",
                              "finalize")
        self.assertEqual(sorted(out.splitlines()), ["doorbell of 1", "ring from 0 of 4096 bytes, 4096"])

    def test_ring_to_one_that_comes_later(self):
        out = self.run_mpirun("-n", 2, RANK, "init", "1:sleep=0.3", "hello", "0:ring=1", "1:take-ring",
                              "barrier", "finalize")
        self.assertEqual(sorted(out.splitlines()), ["doorbell of 1", "ring from 0 of 4096 bytes, 4096"])

    def test_ring_to_nobody(self):
        self.run_mpirun("-n", 1, RANK, "init", "hello", "ring=5", status=1)
        self.assertIn("process 5, which is not on this node", self.errors)

    def test_ring_to_one_that_has_left(self):
        out = self.run_mpirun("-n", 2, RANK, "init", "hello", "barrier", "1:finalize", "1:sleep=1", "1:exit=0",
                              "sleep=0.3", "offer=1", "down", "finalize")
        self.assertEqual(out, "down 1\n")

    def test_report(self):
        self.run_mpirun("-n", 1, RANK, "init", "hello", "report=3 pending, oldest 2 s\033[2J", "finalize")
        self.assertRegex(self.errors, r"^mpirun: rank 0 on \S+: 3 pending, oldest 2 s \[2J\n$")

    def test_many_ranks(self):
        # More than a process may have descriptors by default; the ranks get the default.
        out = self.run_mpirun("-n", 100, "--oversubscribe", "sh", "-c",
                              'ulimit -n; exec "$0" init hello barrier finalize', RANK,
                              preexec_fn=lambda: resource.setrlimit(
                                  resource.RLIMIT_NOFILE,
                                  (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
        self.assertEqual(out.split(), ["256"] * 100)

    def test_a_second_program(self):
        self.run_mpirun("-n", 1, "sh", "-c", '"$0" init finalize; "$0" init finalize', RANK, status=1)
        self.assertIn("MPI_Init was called a second time", self.errors)


if __name__ == "__main__":
    unittest.main(verbosity=1)
