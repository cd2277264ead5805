# SPDX-License-Identifier: BSD-2-Clause
"""Intent: users who are not root have domains through the root agent: those on its list, within their limits, with their own
rights on files; whatever they send, and whoever is killed, no domain is left and nobody else's is touched. Xen is played as
in domu_test; mpirun runs as user 65534, without xl, without Xen's libraries."""

import fcntl
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

from domu_test import ENTER, DomuTest
from launcher import BUILD, LIMIT, RANK

USER, OTHER = 65534, 54321
LOOK, MAKE, DESTROY = 1, 2, 3
YES, NO, CHANNEL, ENDED, GONE = 1, 2, 3, 4, 5
ANSWER = "<3Ii16s40s1024s"


def as_user(call, user):
    """`call` with the rights of this user, as the kernel notes them for the other end of a socket."""
    os.setegid(user)
    os.seteuid(user)
    try:
        return call()
    finally:
        os.seteuid(0)
        os.setegid(0)


class RootAgentTest(DomuTest):
    ALLOW = f"# who may\n{USER}\n"

    def setUp(self):
        super().setUp()
        shutil.copy(os.path.join(BUILD, "bin", "caravan"), self.place + "/bin/caravan")
        self.rank = shutil.copy(RANK, self.place + "/bin/fake_rank")
        os.chmod(self.place, 0o755)
        self.home = self.place + "/home"
        os.mkdir(self.home)
        os.chown(self.home, USER, USER)
        self.allow(self.ALLOW)
        self.log = self.place + "/log"
        open(self.log, "w").close()
        # Somebody has to be in the namespaces when the agent is not.
        self.environment["FAKE_MPIRUN"] = "cat"
        self.holder = subprocess.Popen(["unshare", "-m", "sh", "-c", ENTER, "sh"], text=True, env=self.environment,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.running.append(self.holder)
        self.holder.stdin.write("ready\n")
        self.holder.stdin.flush()
        self.assertEqual(self.holder.stdout.readline(), "ready\n")
        self.agent = self.start_agent()

    def tearDown(self):
        if self.agent.poll() is None:
            self.assertEqual(self.stop_agent(), 0, "the root agent failed")
            self.assertEqual(super().left(), [], "the root agent left something")
        self.holder.communicate(timeout=LIMIT)
        super().tearDown()

    def left(self):
        return [name for name in super().left() if not name.startswith("agent")]

    def allow(self, text, mode=0o644):
        path = self.place + "/allow"
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)

    def enter(self, *command):
        return ["nsenter", "-t", str(self.holder.pid), "-m", "--", *map(str, command)]

    def start_agent(self):
        said = len(self.said())
        # With groups, none of which is to come through to a user's process.
        with open(self.log, "a") as log:
            agent = subprocess.Popen(self.enter("setpriv", "--groups", "4,5", self.place + "/bin/caravan", "node-agent",
                                                "--allow", self.place + "/allow"),
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        self.running.append(agent)
        end = time.monotonic() + LIMIT
        # It serves once it says so; the socket of one that was killed is still there.
        while "for those in" not in self.said()[said:] and agent.poll() is None:
            self.assertLess(time.monotonic(), end, "no agent")
            time.sleep(0.01)
        return agent

    def said(self):
        with open(self.log) as log:
            return log.read()

    def stop_agent(self):
        self.agent.send_signal(signal.SIGTERM)
        return self.agent.wait(LIMIT)

    def start(self, *arguments, user=USER, groups=None, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        environment = {name: value for name, value in self.environment.items()
                       if not name.startswith("FAKE_") or name == "FAKE_GUEST_HOW"}
        environment.update({"PATH": "/usr/bin:/bin", "HOME": self.home})
        environment.pop("LD_LIBRARY_PATH", None)
        process = subprocess.Popen(
            self.enter("setpriv", "--reuid", user, "--regid", user,
                       *(["--groups", groups] if groups else ["--clear-groups"]), "--inh-caps", "-all", "--",
                       "sh", "-c", 'cd "$HOME" && exec "$@"', "sh", self.place + "/bin/mpirun", *arguments),
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **options)
        self.running.append(process)
        return process

    def configurations(self):
        texts = {}
        for name in os.listdir(self.domains):
            if name.endswith(".cfg"):
                with open(os.path.join(self.domains, name)) as file:
                    texts[name[:-4]] = file.read()
        return texts

    # A client of our own.
    def connect(self, user=USER):
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end.settimeout(LIMIT)
        as_user(lambda: end.connect(self.run + "/caravan/agent"), user)
        self.addCleanup(end.close)
        return end

    def request(self, kind=MAKE, version=2, job=0xabc, process=0, memory=64, count=0, cpu=-1, zero=0, bridge=b""):
        return struct.pack("<6IiI16s", version, kind, job, process, memory, count, cpu, zero, bridge)

    def ramdisk(self, content=b"070701" + b"0" * 200, seals=None, size=None):
        fd = os.memfd_create("test", os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, fd)
        os.write(fd, content)
        if size:
            os.truncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
                    if seals is None else seals)
        return fd

    def ask(self, packet, fds=(), user=USER):
        """A connection that was told this, and its first answer: kind and text, or None: it was closed."""
        end = self.connect(user)
        socket.send_fds(end, [packet], fds)
        return end, self.hear(end)

    def hear(self, end):
        try:
            answer, fds, *_ = socket.recv_fds(end, 4096, 4)
        except ConnectionResetError:  # it closed with something unread: what it said last comes behind that
            answer, fds, *_ = socket.recv_fds(end, 4096, 4)
        if not answer:
            return None, ""
        kind, _, _, _, _, _, text = struct.unpack(ANSWER, answer)
        for fd in fds:
            self.addCleanup(os.close, fd)
        self.fds = fds
        return kind, text.split(b"\0")[0].decode()

    def wait_for_answer(self, end, wanted):
        while True:
            kind, text = self.hear(end)
            if kind == wanted:
                return
            self.assertIn(kind, (CHANNEL, ENDED), text)

    def serves(self):
        """The agent is as it was: a user gets what he may have."""
        self.assertEqual(self.ask(self.request(LOOK, count=1))[1], (YES, ""))


class Allowed(RootAgentTest):
    def test_output_status_and_environment(self):
        out = self.run_mpirun("--domu", "-n", 2, "sh", "-c",
                              "echo $OMPI_COMM_WORLD_RANK/$OMPI_COMM_WORLD_SIZE $1; echo err >&2", "x", "a b")
        self.assertEqual(sorted(out.splitlines()), ["0/2 a b", "1/2 a b"])
        self.assertEqual(sorted(self.errors.splitlines()),
                         ["caravan: a line of the kernel's"] * 2 + ["err"] * 2)
        self.run_mpirun("--domu", "-n", 2, "sh", "-c", "exit $((OMPI_COMM_WORLD_RANK * 7))", status=7)
        self.run_mpirun("--domu", "-n", 1, "sh", "-c", "kill -SEGV $$", status=128 + 11)

    def test_configuration(self):
        self.run_mpirun("--domu", "--mem", 48, "--cpus", "2-3", "-n", 2, "true")
        texts = self.configurations()
        self.assertEqual(sorted(name.rsplit("-", 1)[1] for name in texts), [f"0.{USER}", f"1.{USER}"])
        for name, text in texts.items():
            rank = int(name.rsplit("-", 1)[1].split(".")[0])
            self.assertIn("memory=48\n", text)
            self.assertIn(f'cpus="{rank + 2}"\n', text)
            self.assertIn('extra="control=1"\n', text)
            self.assertRegex(text, r'vif=\["mac=06:(..:){4}0' + str(rank) + ',bridge=xenbr0,mtu=1500"]')
            self.assertRegex(text, r'uuid="63617261-7661-6e01-')
            self.assertIn(f'kernel="{self.place}/lib/caravan/caravan-guest"', text)
            self.assertRegex(text, r'ramdisk="/proc/\d+/fd/\d+"\n')

    def test_input_and_much_output(self):
        text = "line\n" * 200000
        self.assertEqual(self.run_mpirun("--domu", "-n", 1, "cat", input=text), text)
        out = self.run_mpirun("--domu", "-n", 2, "sh", "-c", "yes $OMPI_COMM_WORLD_RANK | head -c 2000000")
        self.assertEqual(sorted(len([c for c in out if c == r]) for r in "01"), [1000000, 1000000])

    def test_control_stream_with_processes(self):
        out = self.run_mpirun("-n", 1, self.rank, "init", "barrier", "print=process", "finalize", ":",
                              "--domu", "-n", 2, self.rank, "init", "barrier", "print=domain", "finalize")
        self.assertEqual(sorted(out.split()), ["domain", "domain", "process"])

    def test_signal_to_rank(self):
        process = self.start("--domu", "-n", 1, "sh", "-c", "trap 'echo caught; exit' USR2; echo up; while :; do sleep 0.05; done")
        self.assertEqual(process.stdout.readline(), "up\n")
        process.send_signal(signal.SIGUSR2)
        self.assertEqual(process.communicate(timeout=LIMIT)[0], "caught\n")

    def test_files_with_the_users_rights(self):
        def use(path):
            self.environment["FAKE_GUEST_HOW"] = "file=" + path
            return self.run_mpirun("--domu", "-n", 1, "-x", "FAKE_GUEST_HOW", "true")
        self.assertEqual(use("made"), "file: the channel\n")
        status = os.stat(self.home + "/made")
        self.assertEqual((status.st_uid, status.st_gid), (USER, USER))
        secret = self.place + "/secret"
        with open(secret, "w") as file:
            file.write("root's")
        os.chmod(secret, 0o600)
        self.assertEqual(use(secret), "file: Permission denied\n")
        self.assertEqual(use(self.place + "/new"), "file: Permission denied\n")
        os.symlink(secret, self.home + "/link")
        self.assertEqual(use("link"), "file: Permission denied\n")

    def test_by_group(self):
        self.allow("@4321 domains=1\n")
        self.run_mpirun("--domu", "-n", 1, "true", groups="4320,4321")
        self.run_mpirun("--domu", "-n", 1, "true", groups="4320", status=1)
        self.run_mpirun("--domu", "-n", 1, "true", user=4321)

    def test_names(self):
        self.allow("@nogroup domains=1\n")
        self.run_mpirun("--domu", "-n", 1, "true")
        self.allow("daemon\nnobody domains=1\nnobody\n")
        self.run_mpirun("--domu", "-n", 1, "true")
        self.run_mpirun("--domu", "-n", 2, "true", status=1)
        self.assertRegex(self.errors, r"line 2 of")


class Refusals(RootAgentTest):
    def refused(self, pattern, *arguments, **options):
        self.run_mpirun("--domu", *arguments, status=1, **options)
        self.assertRegex(self.errors, pattern)
        self.assertEqual(len(self.errors.splitlines()), 1, self.errors)
        self.assertEqual(self.configurations(), {})

    def test_no_agent(self):
        self.assertEqual(self.stop_agent(), 0)
        self.refused(r"user 65534 is not root, and no root agent serves /run/caravan/agent \(No such file or"
                     r" directory\): ask the administrator to start `caravan node-agent`", "-n", 1, "true")

    def test_not_on_the_list(self):
        self.refused(r"user 54321 is not allowed to have domains on this host: ask its administrator for a line"
                     r" with that name in \S+/allow", "-n", 1, "true", user=OTHER)
        self.allow("# nobody\n54321\n@54321\nno-such-user\n@no-such-group\n")
        self.refused(r"user nobody \(65534\) is not allowed", "-n", 1, "true")

    def test_a_list_that_cannot_be_used(self):
        for text in (f"{USER} doamins=3", f"{USER}\nother domains=-1", f"{USER} bridge=a,,b/c", f"{USER}\n@ x=1",
                     f"{USER} memory=99999999999", f"{USER} cpus=3-1", f"{USER} cpus=", f"{USER} domains", f"{USER}\nx\0y"):
            self.allow(text)
            self.refused("allow is not (used|a text)", "-n", 1, "true")
        self.allow(f"{USER}\n", 0o664)
        self.refused("is not used: it has to be a file of root's", "-n", 1, "true")
        self.allow(f"{USER}\n")
        os.chown(self.place + "/allow", USER, 0)
        self.refused("is not used: it has to be a file of root's", "-n", 1, "true")
        os.remove(self.place + "/allow")
        self.refused("allow: No such file", "-n", 1, "true")

    def test_limits(self):
        self.allow(f"{USER} domains=2 memory=200 bridge=xenbr0\n")
        self.refused("may have 2 domains at once on this host, has 0, and wants 3 more.*line 1", "-n", 3, "true")
        self.refused("domains of 200 MiB in all on this host, has 0 MiB, and wants 202 MiB more", "-n", 2,
                     "--mem", 101, "true")
        self.refused("may not use the bridge br9 on this host: leave out --bridge", "-n", 1, "--bridge", "br9", "true")
        self.allow(f"{USER} bridge=br9\n")
        self.refused("there is no bridge br9; name one of these with --bridge: xenbr0", "-n", 1, "true")

    def test_processors(self):
        self.allow(f"{USER} cpus=2-3,5\n")
        self.run_mpirun("--domu", "-n", 1, "true")
        self.run_mpirun("--domu", "--cpus", "5", "-n", 1, "true")
        self.assertEqual(sorted(re.search('cpus="(.*)"', text)[1] for text in self.configurations().values()), ["2-3,5", "5"])
        self.run_mpirun("--domu", "--cpus", "3-4", "-n", 2, "true", status=1)
        self.assertRegex(self.errors, r"user nobody \(65534\) may not use processor 4 on this host: .*some of 2-3,5,.*line 1 of")
        self.assertRegex(self.errors, r"rank 1 on \S+ \(domain caravan-[0-9a-f]{8}-1\.65534, true\)")

    def test_limits_over_jobs(self):
        self.allow(f"{USER} domains=2 memory=100\n{OTHER}\n")
        first = self.start("--domu", "-n", 1, "--mem", 64, "sleep", 30)
        self.wait_for_domains(1)
        self.run_mpirun("--domu", "-n", 2, "--mem", 16, "true", status=1)
        self.assertRegex(self.errors, "may have 2 domains at once on this host, has 1, and wants 2 more")
        self.run_mpirun("--domu", "-n", 1, "--mem", 48, "true", status=1)
        self.assertRegex(self.errors, "has 64 MiB, and wants 48 MiB more")
        self.run_mpirun("--domu", "-n", 1, "--mem", 32, "true")
        # Another's domains are his.
        other = self.start("--domu", "-n", 3, "--mem", 64, "sleep", 30, user=OTHER)
        self.wait_for_domains(4)
        self.run_mpirun("--domu", "-n", 1, "--mem", 32, "true")
        other.send_signal(signal.SIGINT)
        other.communicate(timeout=LIMIT)
        # Without asking first: the limits hold for who makes.
        self.assertRegex(self.ask(self.request(memory=48), [self.ramdisk()])[1][1], "wants 48 MiB more")
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=LIMIT)
        self.run_mpirun("--domu", "-n", 2, "--mem", 48, "true")

    def test_what_the_host_lacks(self):
        # Also without asking first: dom0's own memory is not to be had.
        self.assertRegex(self.ask(self.request(memory=3100), [self.ramdisk()])[1][1],
                         "1 domain of 3100 MiB needs 3102 MiB, and Xen has 3000 MiB free")
        self.refused("4 domains of 1024 MiB need 4104 MiB, and Xen has 3000 MiB free", "-n", 4, "--mem", 1024, "true")
        self.refused("--mem 5: too little", "--mem", 5, "-n", 1, "true")
        os.remove(self.place + "/lib/caravan/caravan-guest")
        self.refused("the guest kernel .*: No such file", "-n", 1, "true")

    def test_second_agent(self):
        second = subprocess.run(self.enter(self.place + "/bin/caravan", "node-agent", "--allow", self.place + "/allow"),
                                env=self.environment, capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(second.returncode, 1)
        self.assertRegex(second.stderr, "another root agent serves it")
        self.serves()

    def test_not_root(self):
        one = subprocess.run([self.place + "/bin/caravan", "node-agent"], user=USER, group=USER, extra_groups=[],
                             capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(one.returncode, 1)
        self.assertRegex(one.stderr, "has to run as root")


class Creation(RootAgentTest):
    """While xl is at work, and when it fails."""

    def agent_with(self, name, value):
        self.assertEqual(self.stop_agent(), 0)
        self.environment[name] = value
        self.agent = self.start_agent()

    def test_xl_says_no(self):
        self.agent_with("FAKE_XL_FAILS", "1")
        self.run_mpirun("--domu", "-n", 1, "true", status=1)
        self.assertRegex(self.errors, r"domain caravan-\S+-0\.65534 could not be made: libxl: error: no domain for you")

    def ends_unnamed(self, end, seconds):
        self.agent_with("FAKE_XL_SLOW", "1")
        process = self.start("--domu", "-n", 1, "sleep", 30)
        limit = time.monotonic() + 5
        while not self.left():
            self.assertLess(time.monotonic(), limit, "no domain")
            time.sleep(0.01)
        end(process)
        limit = time.monotonic() + seconds
        while self.left():
            self.assertLess(time.monotonic(), limit, f"still there: {self.left()}")
            time.sleep(0.01)
        self.assertNotEqual(process.wait(LIMIT), 0)

    def test_session_killed_while_xl_works(self):
        # What xl has made has no name yet: its UUID tells.
        self.ends_unnamed(lambda process: os.kill(self.keepers("caravan-session")[0], signal.SIGKILL), 3)

    def test_mpirun_killed_while_xl_works(self):
        self.ends_unnamed(lambda process: process.kill(), 4)

    def test_agent_stopped_while_xl_works(self):
        self.ends_unnamed(lambda process: self.assertEqual(self.stop_agent(), 0), 1)


class Ends(RootAgentTest):
    def run_until(self, end, status, pattern=None):
        process = self.start("--domu", "-n", 2, "sleep", 30)
        self.wait_for_domains(2)
        began = time.monotonic()
        end(process)
        out, err = process.communicate(timeout=LIMIT)
        while self.left():
            self.assertLess(time.monotonic(), began + 3, f"still there: {self.left()}")
            time.sleep(0.01)
        self.assertNotEqual(process.returncode, 0, err)
        if status is not None:
            self.assertEqual(process.returncode, status, err)
        if pattern:
            self.assertRegex(err, pattern)
        return err

    def named(self, name):
        return self.keepers(name)

    def one(self, pids):
        os.kill(pids[0], signal.SIGKILL)

    def test_interrupted(self):
        self.run_until(lambda process: process.send_signal(signal.SIGINT), 130)
        self.serves()

    def test_mpirun_killed(self):
        self.run_until(lambda process: process.kill(), -9)
        self.serves()

    def test_users_agent_killed(self):
        self.run_until(lambda process: self.one(self.children(process.pid)), 1, "agent was killed by signal 9")

    def test_keeper_killed(self):
        self.run_until(lambda process: self.one(self.named("caravan-keeper")), 137, "was killed by signal 9")

    def test_session_killed(self):
        self.run_until(lambda process: self.one(self.named("caravan-session")), 1, "the root agent of this host has ended")
        self.serves()

    def test_relay_killed(self):
        self.run_until(lambda process: self.one(self.named("caravan-relay")), None,
                       "its relay has ended|has ended without an exit status")
        self.serves()

    def test_root_agent_killed(self):
        def end(process):
            self.agent.kill()
            self.agent.wait()
        self.run_until(end, 1, "the root agent of this host was stopped")
        self.run_mpirun("--domu", "-n", 1, "true", status=1)
        self.assertRegex(self.errors, r"no root agent serves /run/caravan/agent \(Connection refused\)")
        self.agent = self.start_agent()
        self.run_mpirun("--domu", "-n", 1, "true")

    def test_all_of_the_root_agent_killed(self):
        def end(process):
            sessions = self.named("caravan-session")
            for pid in sessions:
                os.kill(pid, signal.SIGSTOP)  # or it would notice
            for pid in [self.agent.pid] + sessions:
                os.kill(pid, signal.SIGKILL)
            self.agent.wait()
            self.agent = self.start_agent()
        self.run_until(end, None)
        self.assertRegex(self.said(), "2 domains of an earlier one destroyed")

    def test_root_agent_stopped(self):
        self.run_until(lambda process: self.assertEqual(self.stop_agent(), 0), 1, "the root agent of this host was stopped")

    def test_domain_destroyed(self):
        def end(process):
            name = sorted(n for n in os.listdir(self.domains) if n.isdigit())[0]
            subprocess.run([self.place + "/bin/xl", "destroy", name], env=self.environment, check=True)
        self.run_until(end, 137, "domain caravan-.* has ended without an exit status")

    def test_domain_shut_down(self):
        def end(process):
            name = sorted(n for n in os.listdir(self.domains) if n.isdigit())[0]
            subprocess.run([self.place + "/bin/xl", "shutdown", name], env=self.environment, check=True)
        self.run_until(end, 143, r"domain caravan-\S+\.65534 was told to shut down")

    def test_guests_that_are_not_as_they_should_be(self):
        for how, status, pattern in (("noise", 1, "do not understand each other"), ("flood", 1, "do not understand"),
                                     ("vanish", 137, "has ended without"), ("version", 1, "launcher 1, kernel 77")):
            self.environment["FAKE_GUEST_HOW"] = how
            if how == "version": # which a guest has before it hears of a program
                self.assertEqual(self.stop_agent(), 0)
                self.agent = self.start_agent()
            self.run_mpirun("--domu", "-n", 1, "-x", "FAKE_GUEST_HOW", "sleep", 30, status=status)
            self.assertRegex(self.errors, pattern)


class Hostile(RootAgentTest):
    ALLOW = f"{USER} domains=3\n{OTHER}\n"

    def no(self, pattern, packet, fds=()):
        kind, text = self.ask(packet, fds)[1]
        self.assertEqual(kind, NO, text)
        self.assertRegex(text, pattern)
        self.assertEqual(self.configurations(), {})

    def test_packets(self):
        good = self.request()
        for packet in (good[:-1], good + b"x", good[:4], os.urandom(64)[:3], self.request(kind=0), self.request(kind=DESTROY),
                       self.request(kind=99), self.request(zero=1), self.request(memory=0), self.request(memory=2 ** 31),
                       self.request(process=65536), self.request(cpu=-2), self.request(cpu=5000),
                       self.request(LOOK, count=0), self.request(LOOK, count=70000),
                       self.request(bridge=b"a" * 16), self.request(bridge=b"xen\0br0"), self.request(bridge=b"a,b=c"),
                       self.request(bridge=b'x"]\nextra="'), self.request(bridge=b".."), self.request(bridge=b"a b")):
            self.no("the request is not understood", packet, [self.ramdisk()])
        self.no(r"different versions \(7 and 2\)", self.request(version=7))
        self.no(r"different versions", b"\1\0\0\0")
        self.serves()

    def test_initrds(self):
        pipe = os.pipe()
        plain = os.open(self.place + "/allow", os.O_RDONLY)
        zero = os.open("/dev/zero", os.O_RDONLY)
        for fd in (*pipe, plain, zero):
            self.addCleanup(os.close, fd)
        for fds in ([], [pipe[0]], [plain], [zero], [self.ramdisk(seals=0)], [self.ramdisk(seals=fcntl.F_SEAL_SHRINK)],
                    [self.ramdisk(seals=fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK)]):
            self.no("the initrd is not a sealed memory file", self.request(), fds)
        self.no("the request is not understood", self.request(), [self.ramdisk(), self.ramdisk()])
        self.no("--mem 64: too little", self.request(), [self.ramdisk(size=80 << 20)])
        self.no("the initrd is not a cpio archive", self.request(), [self.ramdisk(b"\x1f\x8b" + b"0" * 100)])
        self.no("the initrd is not a cpio archive", self.request(), [self.ramdisk(b"0707")])
        self.serves()

    def test_garbage(self):
        seed = int.from_bytes(os.urandom(4), "little")
        numbers = random.Random(seed)
        for _ in range(100):
            packet = bytearray(self.request(count=1))
            for _ in range(numbers.randrange(1, 8)):
                packet[numbers.randrange(len(packet))] = numbers.randrange(256)
            end = self.connect()
            socket.send_fds(end, [bytes(packet)], [])
            self.assertIn(self.hear(end)[0], (YES, NO), f"seed {seed}")
        self.assertEqual(self.configurations(), {}, f"seed {seed}")
        self.serves()

    def test_silence(self):
        silent = [self.connect() for _ in range(20)]
        self.serves()
        self.run_mpirun("--domu", "-n", 1, "true")
        for end in silent:
            end.close()

    def test_who_may_not_is_not_listened_to(self):
        end = self.connect(OTHER + 1)
        self.assertRegex(self.hear(end)[1], "is not allowed")
        self.assertEqual(self.hear(end), (None, ""))

    def test_other_users_domains(self):
        process = self.start("--domu", "-n", 1, "sleep", 30)
        self.wait_for_domains(1)
        name = list(self.configurations())[0]
        job = int(name.split("-")[1], 16)
        # The same number is taken, whoever asks, and no name that a user can form is another's.
        for user in (USER, OTHER):
            self.assertRegex(self.ask(self.request(job=job), [self.ramdisk()], user)[1][1], "job number .* is taken")
        end, answer = self.ask(self.request(job=job, process=1), [self.ramdisk()], OTHER)
        self.assertEqual(answer, (YES, ""))
        end.send(self.request(DESTROY))
        self.wait_for_answer(end, GONE)
        self.assertEqual(len(self.left()), 1)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)

    def test_a_domain_of_ones_own(self):
        """By hand: a domain is there as long as the connection, and no longer."""
        end, answer = self.ask(self.request(), [self.ramdisk()])
        self.assertEqual(answer, (YES, ""))
        self.assertEqual(self.hear(end)[0], CHANNEL)
        channel = socket.socket(fileno=os.dup(self.fds[0]))
        self.addCleanup(channel.close)
        channel.settimeout(LIMIT)
        self.assertTrue(channel.recv(100))
        self.assertEqual(len(self.left()), 1)
        # Another packet is the end, whatever it says.
        end.send(b"?")
        self.wait_for_answer(end, GONE)
        self.assertEqual(self.left(), [])
        # Without a word.
        end, answer = self.ask(self.request(), [self.ramdisk()])
        end.close()
        limit = time.monotonic() + 3
        while self.left():
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.01)
        # Many at once, and the limit among them.
        self.serves()
        ends = [self.ask(self.request(process=i + 1), [self.ramdisk()]) for i in range(5)]
        self.assertEqual([answer[0] for _, answer in ends], [YES] * 3 + [NO] * 2)

    def test_relay_has_no_rights(self):
        process = self.start("--domu", "-n", 1, "sleep", 30)
        self.wait_for_domains(1)
        limit = time.monotonic() + 3
        status = {"Seccomp": ["0"]}
        while status["Seccomp"] != ["2"]:
            self.assertLess(time.monotonic(), limit, status)
            relays = self.keepers("caravan-relay")
            for relay in relays:
                with open(f"/proc/{relay}/status") as file:
                    status = {name: value.split() for name, value in (line.split(":", 1) for line in file)}
        self.assertEqual(status["Uid"], [str(USER)] * 4)
        self.assertEqual(status["Gid"], [str(USER)] * 4)
        self.assertEqual(status["Groups"], [])
        for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(int(status[name][0], 16), 0, name)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), (["1"], ["2"]))
        # The user's other processes may not look into it.
        look = subprocess.run(["ls", f"/proc/{relays[0]}/fd"], user=USER, group=USER, extra_groups=[], capture_output=True,
                              text=True)
        self.assertRegex(look.stderr, "Permission denied")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)


if __name__ == "__main__":
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "mount", "--make-rprivate", "/"], check=False).returncode:
        print("skipped: needs root, and a mount namespace (unshare)")
        sys.exit(77)
    unittest.main(verbosity=1)
