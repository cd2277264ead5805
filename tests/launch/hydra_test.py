# SPDX-License-Identifier: BSD-2-Clause
"""Intent: a launcher that speaks PMI-1 and knows nothing of us (MPICH's mpiexec.hydra, and one of our own that tells less) starts
our ranks on one node, also where it wants to be called back: programs run, whatever ends badly ends all of it, strangers on the ranks' sockets change nothing, and what is
not served says so."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

from launcher import BUILD, LauncherTest

HYDRA = shutil.which("mpiexec.hydra")
STALL = os.path.join(BUILD, "tests", "launch", "stall")
MPI = os.path.join(BUILD, "tests", "mpi", "mpi_")
LIMIT = 60


class Foreign(LauncherTest):
    def setUp(self):
        super().setUp()
        self.environment["LD_LIBRARY_PATH"] = os.path.join(BUILD, "lib")

    def spawn(self, words, **options):
        process = subprocess.Popen([str(word) for word in words], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=options.pop("env", self.environment), **options)
        self.running.append(process)
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=LIMIT)
        self.said = out + err
        return process.returncode


@unittest.skipUnless(HYDRA, "there is no mpiexec.hydra (Debian: mpich)")
class Hydra(Foreign):
    def tearDown(self):
        """Hydra's proxies end some time after it."""
        for process in self.running:
            if process.poll() is not None:
                self.wait_for_none(20)
        super().tearDown()

    def hydra(self, *words):
        return self.spawn([HYDRA, *words])

    def test_programs(self):
        for name, ranks in (("collectives", 4), ("communicators", 3), ("completion", 2), ("modes", 3), ("threads", 2)):
            self.assertEqual(self.finish(self.hydra("-n", ranks, MPI + name)), 0, self.said)

    def test_one_rank(self):
        self.assertEqual(self.finish(self.hydra("-n", 1, STALL, "none")), 0, self.said)
        self.assertIn("ready", self.said)

    def test_two_programs(self):
        self.assertEqual(self.finish(self.hydra("-n", 1, STALL, "none", ":", "-n", 2, STALL, "none")), 0, self.said)

    def test_abort(self):
        self.assertEqual(self.finish(self.hydra("-n", 3, STALL, "aborting")), 7, self.said)

    def test_a_rank_that_is_killed(self):
        before = time.monotonic()
        self.assertNotEqual(self.finish(self.hydra("-n", 3, STALL, "dying")), 0, self.said)
        self.assertLess(time.monotonic() - before, 20)

    def test_the_launcher_is_killed(self):
        process = self.hydra("-n", 2, STALL, "recv")
        self.assertEqual(process.stdout.readline(), "ready\n")
        for pid in self.processes():
            with open(f"/proc/{pid}/comm") as name:
                if name.read().startswith(("mpiexec", "hydra")):
                    os.kill(pid, signal.SIGKILL)
        self.wait_for_none(20)

    def test_one_host_under_two_names(self):
        """Two nodes for the launcher, and one for us: frames would not pass between them."""
        for name in ("collectives", "communicators"):
            self.assertEqual(self.finish(self.hydra("-launcher", "fork", "-hosts", "localhost,127.0.0.1", "-n", 3, MPI + name)),
                             0, self.said)

    def test_called_back(self):
        self.assertEqual(self.finish(self.hydra("-pmi-port", "-n", 3, MPI + "collectives")), 0, self.said)
        self.assertEqual(self.finish(self.hydra("-pmi-port", "-n", 3, STALL, "aborting")), 7, self.said)

    def listeners(self):
        """The abstract sockets on which the ranks of this job listen."""
        inodes = set()
        for pid in self.processes():
            for name in os.listdir(f"/proc/{pid}/fd"):
                try:
                    inodes.add(os.readlink(f"/proc/{pid}/fd/{name}"))
                except OSError:
                    pass
        with open("/proc/net/unix") as table:
            lines = [line.split() for line in table]
        return [words[7] for words in lines if len(words) == 8 and words[7].startswith("@") and len(words[7]) == 6 and
                words[3] == "00010000" and f"socket:[{words[6]}]" in inodes]

    def test_strangers(self):
        """Of four ranks process 1 has not yet opened a stream to process 0, so that it is the key that refuses its name."""
        process = self.hydra("-n", 4, STALL, "slow")
        self.assertEqual(process.stdout.readline(), "ready\n")
        names = self.listeners()
        self.assertEqual(len(names), 4, names)
        held = []
        for name in names:
            for said in (b"", b"nonsense\n", b"x" * 20000, b"cmd=caravan_ring bytes=1\n", b"cmd=caravan_bye\n",
                         b"cmd=caravan_hello version=1 process=1 key=" + b"0" * 32 + b"\n",
                         b"cmd=caravan_hello version=1 process=99 key=00\n", *[b""] * 100):
                stranger = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                stranger.connect("\0" + name[1:])
                stranger.setblocking(False)
                try:
                    stranger.send(said)
                except OSError:
                    pass
                held.append(stranger)
        self.assertEqual(self.finish(process), 0, getattr(self, "said", ""))
        for stranger in held:
            try:
                self.assertEqual(stranger.recv(1000), b"")
            except ConnectionResetError:
                pass
            stranger.close()


class Server(Foreign):
    """PMI-1 for some ranks, in threads of this process: without PMI_process_mapping, or with another one."""

    def job(self, ranks, way, **space):
        import threading
        self.space = dict(space)
        self.barrier = threading.Barrier(ranks)
        processes, threads = [], []
        for rank in range(ranks):
            ours, theirs = socket.socketpair()
            environment = dict(self.environment, PMI_FD=str(theirs.fileno()), PMI_RANK=str(rank), PMI_SIZE=str(ranks))
            processes.append(self.spawn([STALL, way], env=environment, pass_fds=[theirs.fileno()]))
            theirs.close()
            threads.append(threading.Thread(target=self.serve, args=(ours,), daemon=True))
            threads[-1].start()
        statuses = [self.finish(process) for process in processes]
        for thread in threads:
            thread.join(LIMIT)
        return statuses

    def serve(self, stream):
        with stream, stream.makefile("rw", newline="\n") as lines:
            for line in lines:
                words = dict(word.split("=", 1) for word in line.split())
                answer = {
                    "init": "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0",
                    "get_maxes": "cmd=maxes kvsname_max=256 keylen_max=64 vallen_max=1024",
                    "get_appnum": "cmd=appnum appnum=0",
                    "get_my_kvsname": "cmd=my_kvsname kvsname=space",
                    "finalize": "cmd=finalize_ack",
                    "put": "cmd=put_result rc=0 msg=success",
                    "barrier_in": "cmd=barrier_out",
                }.get(words["cmd"], "cmd=get_result rc=-1 msg=none value=unknown")
                if words["cmd"] == "put":
                    self.space[words["key"]] = words["value"]
                if words["cmd"] == "barrier_in":
                    self.barrier.wait(LIMIT)
                if words["cmd"] == "get" and words["key"] in self.space:
                    answer = "cmd=get_result rc=0 msg=success value=" + self.space[words["key"]]
                lines.write(answer + "\n")
                lines.flush()

    def test_without_mapping(self):
        self.assertEqual(self.job(3, "none"), [0, 0, 0], self.said)

    def test_mappings(self):
        for mapping in ("(vector,(0,1,3))", "(vector,(5,1,1))", "(vector,(2,1,1),(2,1,2))", "(vector,(0,1", "nonsense",
                        "(vector,(0,0,4294967295))", "(vector)", "(vector,(0,1,99999999999))",
                        "(vector,(0,1,3)", "(vector,(-1,1,3))"):
            self.assertEqual(self.job(3, "none", PMI_process_mapping=mapping), [0, 0, 0], (mapping, self.said))

    # Called back.
    def called(self, *lines, port=None, number="0"):
        """One process that calls us; we say these lines to its first and are gone. Its status."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            where = port or f"127.0.0.1:{server.getsockname()[1]}"
            process = self.spawn([STALL, "none"], env=dict(self.environment, PMI_PORT=where, PMI_ID=number))
            if not port:
                server.settimeout(LIMIT)
                stream, _ = server.accept()
                with stream, stream.makefile("rw", newline="\n") as file:
                    self.assertEqual(file.readline(), f"cmd=initack pmiid={number}\n")
                    file.write("".join(line + "\n" for line in lines))
                    file.flush()
                    stream.shutdown(socket.SHUT_WR)
                    file.read()
            return self.finish(process)

    def test_call_back(self):
        import threading
        self.space, self.barrier = {}, threading.Barrier(2)
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(LIMIT)
            processes = [self.spawn([STALL, "none"], env=dict(self.environment, PMI_ID=str(name),
                                                              PMI_PORT=f"localhost:{server.getsockname()[1]}"))
                         for name in (41, 40)]
            threads = []
            for _ in processes:
                stream, _ = server.accept()
                file = stream.makefile("rw", newline="\n")
                name = int(file.readline().removeprefix("cmd=initack pmiid="))
                file.write(f"cmd=initack\ncmd=set size=2\ncmd=set rank={name - 40}\ncmd=set debug=0\n")
                file.flush()
                threads.append(threading.Thread(target=self.serve, args=(stream,), daemon=True))
                threads[-1].start()
            self.assertEqual([self.finish(process) for process in processes], [0, 0], self.said)
            for thread in threads:
                thread.join(LIMIT)

    def test_bad_calls(self):
        setting = ["cmd=initack", "cmd=set size=2", "cmd=set rank=0", "cmd=set debug=0"]
        for lines, words in (([], "has closed the connection"), (setting[:2], "has closed the connection"),
                             (["nonsense"], "said something unexpected"), (["cmd=initack"] * 2, "said something unexpected"),
                             (["cmd=initack", "cmd=set size=x"], "said something unexpected"),
                             ([*setting[:2], "cmd=set rank=2", setting[3]], "said something unexpected"),
                             (setting, "the launcher is gone")):
            self.assertNotEqual(self.called(*lines), 0, lines)
            self.assertIn(words, self.said, lines)
        for port, words in (("host", "is not HOST:PORT"), (":1", "is not HOST:PORT"), ("localhost:", "is not HOST:PORT"),
                            ("localhost:1x", "is not HOST:PORT"), ("127.0.0.1:1", "Connection refused"),
                            ("no-such-host.invalid:1", "cannot be called back")):
            self.assertNotEqual(self.called(port=port), 0, port)
            self.assertIn(words, self.said, port)
        self.assertNotEqual(self.called(port="127.0.0.1:1", number="one"), 0)
        self.assertIn("PMI_ID is no number", self.said)


if __name__ == "__main__":
    unittest.main()
