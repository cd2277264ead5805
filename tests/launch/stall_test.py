# SPDX-License-Identifier: BSD-2-Clause
"""Intent: mpirun tells what every rank waits for, merged, on SIGUSR1 and (--stall-report) once when nothing moves: the call, the
peer, the tag, the communicator; also of ranks that compute, sleep or are stopped, by the state that the kernel tells. No message
is lost for it, and a job that moves is not reported."""

import os
import re
import signal
import threading
import time
import unittest

from launcher import BUILD, LauncherTest

STALL = os.path.join(BUILD, "tests", "launch", "stall")
LIMIT = 30  # for what takes a moment, on a machine that does many things


class Stall(LauncherTest):
    def begin(self, way, ranks, *options):
        """Start it, and collect its standard error while it runs."""
        environment = dict(self.environment, LD_LIBRARY_PATH=os.path.join(BUILD, "lib"))
        process = self.start("-q", "-n", ranks, *options, STALL, way, env=environment)
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.lines = []
        self.reader = threading.Thread(target=self.read, args=(process.stderr,))
        self.reader.start()
        return process

    def read(self, stream):
        for line in stream:
            self.lines.append(line.rstrip("\n"))

    def end(self, process):
        process.terminate()
        process.wait(LIMIT)
        self.reader.join(LIMIT)

    def pictures(self):
        """What was said so far, divided at each title."""
        found = []
        for line in list(self.lines):
            if "ranks wait for:" in line:
                found.append([])
            if found:
                found[-1].append(line)
        return ["\n".join(lines) for lines in found]

    def ask_until(self, process, *wanted):
        """SIGUSR1 again and again, until one picture has all of it: the ranks may not be there yet."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.3)
            for picture in self.pictures():
                if all(re.search(line, picture, re.M) for line in wanted):
                    self.assertIsNone(process.poll())
                    return picture
        self.fail(f"{wanted} not in\n" + "\n".join(self.lines))

    def shows(self, way, ranks, *wanted):
        process = self.begin(way, ranks)
        picture = self.ask_until(process, *wanted)
        self.end(process)
        return picture

    def test_receive_and_collective(self):
        picture = self.shows(
            "recv", 8,
            r"^mpirun: what the 8 ranks wait for:$",
            r"^mpirun:   7 ranks \(1-7\) in MPI_Allreduce on MPI_COMM_WORLD",
            r"^mpirun:   rank 0 in MPI_Recv from 7 tag 7 on MPI_COMM_WORLD",
            r"^mpirun:     pending receive from MPI_ANY_SOURCE tag 33 on MPI_COMM_WORLD$",
            r"^mpirun:     pending receive from 7 tag 7 on MPI_COMM_WORLD$",
            r"^mpirun:     unexpected message from 1 tag 44, 4 bytes, on MPI_COMM_WORLD$",
            r"^mpirun:     process 1: shared memory, sent up to line \d+")
        self.assertEqual(len(re.findall(" in MPI_Allreduce", picture)), 1, picture)

    def test_sends(self):
        self.shows("ring", 3,
                   *(rf"rank {i} in MPI_Send to {(i + 1) % 3} tag 5 on MPI_COMM_WORLD" for i in range(3)),
                   "pending send to 1 tag 5, 1048576 bytes, on MPI_COMM_WORLD, not received yet",
                   "unexpected message from 2 tag 5, 1048576 bytes, on MPI_COMM_WORLD")

    def test_mixed(self):
        self.shows("mixed", 4,
                   "rank 0 in MPI_Barrier on the named one",
                   "rank 1 in MPI_Bcast on MPI_COMM_WORLD",
                   "rank 2 in MPI_Probe from 0 tag 9 on the named one",
                   "rank 3 in MPI_Waitall from 0 tag 1 on the named one, and for 1 more",
                   "pending receive from 1 tag 2 on the named one")

    def test_a_rank_that_polls(self):
        self.shows("testing", 2, "rank 0 in MPI_Barrier on MPI_COMM_WORLD",
                   "rank 1 not in a call that waits",
                   "pending receive from 0 tag 3 on MPI_COMM_WORLD")

    def test_a_rank_that_is_stopped(self):
        self.shows("stopped", 3, r"2 ranks \(0, 2\) in MPI_Barrier on MPI_COMM_WORLD",
                   r"rank 1 gives no answer: it is stopped \(state T\)")

    def test_a_rank_that_sleeps(self):
        self.shows("finalizing", 2, "rank 0 in MPI_Finalize", r"rank 1 gives no answer: it sleeps outside MPI \(state S\)")

    def test_a_rank_that_computes_ends_well(self):
        process = self.begin("computing", 2)
        self.ask_until(process, "rank 0 in MPI_Barrier on MPI_COMM_WORLD",
                       r"rank 1 gives no answer: it computes \(state R\)")
        self.assertEqual(process.wait(LIMIT), 0, self.lines)
        self.reader.join(LIMIT)

    def test_programs_without_mpi(self):
        process = self.start("-n", 2, "sleep", "60")
        self.wait_for_processes(4)
        process.send_signal(signal.SIGUSR1)
        for line in process.stderr:
            if "has not called MPI_Init" in line:
                break
        self.assertRegex(line, r"2 ranks \(0-1\) has not called MPI_Init")
        process.terminate()
        process.wait(LIMIT)

    def test_a_stall_is_reported_once(self):
        process = self.begin("recv", 2, "--stall-report", 1)
        end = time.monotonic() + LIMIT
        while not self.pictures() and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(2.5)
        self.end(process)
        said = "\n".join(self.lines)
        self.assertEqual(len(self.pictures()), 1, said)
        self.assertRegex(said, r"no rank has sent or received a message for [1-9]\d* s; what the 2 ranks wait for:")
        self.assertRegex(said, r"rank 0 in MPI_Recv from 1 tag 7 on MPI_COMM_WORLD for [1-9]\d* s")

    def test_what_moves_is_no_stall(self):
        process = self.begin("slow", 3, "--stall-report", 2)
        self.assertEqual(process.wait(LIMIT), 0)
        self.reader.join(LIMIT)
        self.assertEqual(self.lines, [])


if __name__ == "__main__":
    unittest.main()
