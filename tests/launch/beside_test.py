# SPDX-License-Identifier: BSD-2-Clause
"""Intent: agents in domains of one Xen host find each other, and their ranks' lines about granted memory reach the other agent's
ranks; who is on another host, whatever number his domain has, or cannot be known, is left to frames, without a word. Xen's store
is played here; tests/xen has the real one."""

import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import unittest

from launcher import BUILD, HERE, RANK, LauncherTest

READ, WRITE, REMOVE, SET_PERMISSIONS, ERROR = 2, 11, 13, 14, 16


class Store:
    """The store of one Xen host (io/xs_wire.h), as its domains see it, each through a socket of its own."""

    def __init__(self, place, name, domains):
        self.values, self.readable, self.written, self.lock = {}, set(), [], threading.Lock()
        self.lie = None  # what readers of other domains get to see
        self.silent = lambda kind, path: False  # to which requests it gives no answer
        self.sockets = []
        for domain in domains:
            self.values[f"/local/domain/{domain}/domid"] = str(domain).encode()
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(os.path.join(place, f"{name}.{domain}"))
            listener.listen()
            self.sockets.append(listener)
            threading.Thread(target=self.accept, args=(listener, domain), daemon=True).start()

    def accept(self, listener, domain):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection, domain), daemon=True).start()

    def serve(self, connection, domain):
        with connection, connection.makefile("rb") as stream:
            while header := stream.read(16):
                kind, request, transaction, length = struct.unpack("=IIII", header)
                with self.lock:
                    words = stream.read(length).split(b"\0")
                    silent = self.silent(kind, words[0])
                    try:
                        answer = self.answer(domain, kind, words)
                    except (KeyError, PermissionError) as error:
                        kind, answer = ERROR, (b"ENOENT\0" if isinstance(error, KeyError) else b"EACCES\0")
                if silent:
                    continue
                # As the kernel may hand it over: in pieces.
                for piece in struct.pack("=IIII", kind, request, transaction, len(answer)), answer:
                    connection.sendall(piece)

    def answer(self, domain, kind, words):
        path, own = words[0].decode(), f"/local/domain/{domain}/"
        path = path if path.startswith("/") else own + path
        if kind == READ:
            value = self.values[path]
            if not path.startswith(own) and path not in self.readable:
                raise PermissionError
            return value if path.startswith(own) or self.lie is None else self.lie
        if not path.startswith(own + "data/"):
            raise PermissionError
        if kind == WRITE:
            self.values[path] = words[1]
            self.written.append(path)
        elif kind == REMOVE:
            del self.values[path]
        elif kind == SET_PERMISSIONS and words[1] == b"r%d" % domain:
            self.readable.add(path)
        return b"OK\0"

    def left(self):
        with self.lock:
            return [path for path in self.values if not path.endswith("/domid")]


class Beside(LauncherTest):
    def setUp(self):
        super().setUp()
        self.place = tempfile.mkdtemp(prefix="caravan-test.")
        self.addCleanup(shutil.rmtree, self.place)
        os.makedirs(self.place + "/bin")
        os.makedirs(self.place + "/lib")
        shutil.copy(os.path.join(BUILD, "bin", "mpirun"), self.place + "/bin/mpirun")
        os.symlink(os.path.join(HERE, "fake_packet"), self.place + "/bin/caravan-packet")
        enter = self.place + "/enter"  # HOST is xenN.DOMAIN, and perhaps -NAME; or has no Xen
        with open(enter, "w") as file:
            file.write('#!/bin/sh\nexport FAKE_XENBUS="${0%/*}/${1%-*}" LD_PRELOAD="$FAKE_XENBUS_MODULE"; shift; exec "$@"\n')
        os.chmod(enter, 0o755)
        self.stores = [Store(self.place, "xen1", [0, 5, 7]), Store(self.place, "xen2", [5, 7, 9])]
        for store in self.stores:
            for listener in store.sockets:
                self.addCleanup(listener.close)
                self.addCleanup(listener.shutdown, socket.SHUT_RDWR)
        self.environment.update({
            "SHOW_BESIDE": "1", "FAKE_XENBUS_MODULE": os.path.join(BUILD, "tests", "launch", "fake_xenbus.so"),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"})

    def job(self, hosts, *steps, status=0, options=()):
        """Ranks of those hosts in turn; returns what each has printed, in order."""
        process = self.start("--prefix", self.place, "--launch-agent", self.place + "/enter", "--host", ",".join(hosts), "-n",
                             len(hosts), *options, RANK, "init", *steps)
        out, self.errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, status, out + self.errors)
        said = [[] for _ in hosts]
        for rank, line in re.findall(r"(?m)^(\d+): (.*)$", out):
            said[int(rank)].append(line)
        for store in self.stores:
            self.assertEqual(store.left(), [])
        return said

    def test_a_pair_meets_across_agents(self):
        grant = "lines=2048 port=9 refs=1+32,40"
        # Rank 1 is asked before it has joined.
        said = self.job(["xen1.5", "xen1.7"], "1:sleep=0.3", "hello", "0:raw=cmd=caravan_meet peer=1", "0:expect=caravan_domain",
                        "0:raw=cmd=caravan_grant peer=1 " + grant, "1:expect=caravan_grant",
                        "1:raw=cmd=caravan_taken peer=0 error=28", "0:expect=caravan_taken", "1:raw=cmd=caravan_meet peer=0",
                        "1:expect=caravan_domain", "barrier", "finalize")
        self.assertEqual(said, [["caravan_beside first=1 count=1", "caravan_domain peer=1 domain=7", "caravan_taken peer=1 error=28"],
                                ["caravan_beside first=0 count=1", f"caravan_grant peer=0 domain=5 {grant}",
                                 "caravan_domain peer=0 domain=5"]])
        self.assertEqual(len(self.stores[0].written), 2)
        self.assertEqual(self.errors, "")

    def test_the_same_number_on_another_host_is_not_believed(self):
        said = self.job(["xen1.5", "xen1.7", "xen2.5", "xen2.7", "xen2.9", "xen1.0"], "hello", "barrier", "finalize")
        one, two = ["caravan_beside first={} count={}".format(*run) for run in ((1, 1), (5, 1))]
        self.assertEqual(said[0], [one, two])
        self.assertEqual(said[1], ["caravan_beside first=0 count=1", two])
        self.assertEqual(said[2], ["caravan_beside first=3 count=2"])
        self.assertEqual(said[3], ["caravan_beside first=2 count=1", "caravan_beside first=4 count=1"])
        self.assertEqual(said[4], ["caravan_beside first=2 count=2"])
        self.assertEqual(said[5], ["caravan_beside first=0 count=2"])

    def test_what_is_not_beside_is_left_to_frames(self):
        for hosts in (["xen1.5", "xen2.7"], ["xen1.5", "xen1.5-b"], ["xen1.5", "linux"], ["xen1.3", "linux"]):
            self.assertEqual(self.job(hosts, "hello", "barrier", "finalize"), [[], []], hosts)
            self.assertEqual(self.errors, "")

    def test_another_token_is_no_proof(self):
        for lie in b"0" * 32, b"", b"0" * 31, b"0" * 33, b"\0" * 32, b"0" * 4096:
            self.stores[0].lie = lie
            self.assertEqual(self.job(["xen1.5", "xen1.7"], "hello", "barrier", "finalize"), [[], []])

    def test_a_silent_store_holds_nobody_up(self):
        for silent in (lambda kind, path: kind == READ, lambda kind, path: kind == WRITE,
                       lambda kind, path: kind == SET_PERMISSIONS, lambda kind, path: path.startswith(b"/local")):
            self.stores[0].silent = silent
            self.assertEqual(self.job(["xen1.5", "xen1.7"], "hello", "barrier", "finalize"), [[], []])

    def test_frames_can_be_forced(self):
        self.assertEqual(self.job(["xen1.5", "xen1.7"], "hello", "barrier", "finalize", options=["--link", "wire"]), [[], []])
        self.assertEqual(self.stores[0].written, [])

    def test_one_agent_shows_nothing(self):
        self.job(["xen1.5"], "hello", "barrier", "finalize")
        self.assertEqual(self.stores[0].written, [])

    def test_nothing_stays_in_the_store_while_ranks_run(self):
        process = self.start("--prefix", self.place, "--launch-agent", self.place + "/enter", "--host", "xen1.5,xen1.7", "-n", 2,
                             RANK, "init", "hello", "barrier", "print=through", "sleep=20")
        self.assertEqual(sorted(process.stdout.readline() for _ in range(4)),
                         ["0: caravan_beside first=1 count=1\n", "1: caravan_beside first=0 count=1\n", "through\n", "through\n"])
        self.assertEqual(len(self.stores[0].written), 2)
        self.assertEqual(self.stores[0].left(), [])
        process.terminate()
        process.communicate(timeout=20)

    def test_who_is_not_beside_cannot_be_met(self):
        for line in "meet peer=1", "grant peer=1 lines=16 port=1 refs=1", "taken peer=1 error=0":
            self.job(["xen1.5", "xen2.7"], "hello", f"0:raw=cmd=caravan_{line}", "sleep=10", status=1)
            self.assertIn(f"it sent `caravan_{line.split()[0]}` for a process that is not beside it", self.errors)

    def test_only_the_believed_are_heard(self):
        """An agent whose mpirun is played: of two that claim one domain with one token, one's node is the token's."""
        token = "0123456789abcdef" * 2
        entry = "/local/domain/7/data/caravan-00000001-1"
        self.stores[0].values[entry] = token.encode()
        self.stores[0].readable.add(entry)
        rank = [RANK, "init", "hello", "expect=caravan_taken", "expect=caravan_taken",
                "raw=cmd=caravan_taken peer=1 error=6", "sleep=20"]
        agent = subprocess.Popen([self.place + "/enter", "xen1.5", self.place + "/bin/mpirun", "--be-agent-of", "x"],
                                 env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.running.append(agent)
        late = threading.Timer(20, agent.kill)
        late.start()
        self.addCleanup(late.cancel)
        output = b"\0\0\0\0\1"  # of process 0, standard output

        def say(text, kind=1):
            agent.stdin.write(struct.pack("<IB3x", len(text), kind) + text.encode())
            agent.stdin.flush()

        def hear(begin, kind=1):
            while True:
                length, found = struct.unpack("<IB3x", agent.stdout.read(8))
                text = agent.stdout.read(length)
                if found == kind and text.startswith(begin):
                    return text.decode()

        def claim(node, domain, token):
            say(f"cmd=caravan_claim node={node} nodes=1 domain={domain} token={token}")

        def passed(process, line):
            say(f"cmd=caravan_pass process={process} peer=0 line=" + line.replace("=", "%3d").replace(" ", "%20"))

        agent.stdout.readline()  # the preamble
        say("cmd=caravan_job version=4 job=0x1 key=" + token + " node=0 nodes=4 size=4 link=auto terminal=0 stdin=0 bind=0 report=0"
            " beside=1 frames=1 eth= ethertype=35000 timeout=10")
        say(f"cmd=caravan_program index=0 total=1 domu=0 needed=0 arguments={len(rank)} environment=0")
        for word in rank:
            say(word, 2)
        say("cmd=caravan_ranks first=0 count=1 program=0")
        say("cmd=caravan_prepare")
        self.assertRegex(hear(b"cmd=caravan_prepared"), " domain=5 token=[0-9a-f]{32} ")
        claim(1, 7, token)  # true
        claim(2, 7, token)  # not its node
        claim(3, 0, token)  # not its domain
        for node in range(4):
            say(f"cmd=caravan_place first={node} count=1 node={node}")
        say("cmd=caravan_start")
        self.assertEqual(hear(output, 3)[5:], "0: caravan_beside first=1 count=1\n")
        for process in 3, 2, 1, 2:
            say(f"cmd=caravan_meet process={process} peer=0")
            passed(process, f"cmd=caravan_taken peer={process} error=2{process}")
        self.assertEqual(hear(b"cmd=caravan_pass"),
                         "cmd=caravan_pass process=0 peer=1 line=cmd%3dcaravan_domain%20peer%3d0%20domain%3d5")
        self.assertEqual(hear(output, 3)[5:], "0: caravan_taken peer=1 error=21\n")
        passed(1, "cmd=caravan_taken peer=1 error=22")
        self.assertEqual(hear(b"cmd=caravan_pass"),
                         "cmd=caravan_pass process=0 peer=1 line=cmd%3dcaravan_taken%20peer%3d0%20error%3d6")
        passed(1, "cmd=caravan_taken peer=2 error=1")  # in another's name
        self.assertIn("do%20not%20understand", hear(b"cmd=caravan_agent_failed"))
        agent.communicate(timeout=20)
        del self.stores[0].values[entry]
        self.assertEqual(self.stores[0].left(), [])


if __name__ == "__main__":
    unittest.main()
