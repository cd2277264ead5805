# SPDX-License-Identifier: BSD-2-Clause
"""Intent: mpirun --domu makes a domain a rank, relays all that a rank says and hears, and leaves no domain behind, however the
job ends. Xen is played by fake_xl, fake_xenstore, fake_xenvchan and fake_guest here; tests/xen has the real one."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from launcher import BUILD, HERE, LIMIT, RANK, LauncherTest

DOMU_RANK = os.path.join(BUILD, "tests", "launch", "domu_rank")
FAKES = os.path.join(BUILD, "tests", "launch")
UNSHARE = "-m" if os.geteuid() == 0 else "-rm"
# In a mount namespace: a /sys that knows Xen and a bridge, and a /run of the test's own.
ENTER = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /sys
mkdir -p /sys/hypervisor/version /sys/class/net/xenbr0/bridge
echo xen >/sys/hypervisor/type
echo 00000000-0000-0000-0000-000000000000 >/sys/hypervisor/uuid
echo 4 >/sys/hypervisor/version/major
echo 17 >/sys/hypervisor/version/minor
echo 1500 >/sys/class/net/xenbr0/mtu
mount --bind "$FAKE_RUN" /run
"$FAKE_SET_UP"
exec "$FAKE_MPIRUN" "$@"
"""


class DomuTest(LauncherTest):
    def setUp(self):
        super().setUp()
        self.place = tempfile.mkdtemp(prefix="caravan-test.")
        self.domains = os.path.join(self.place, "domains")
        self.run = os.path.join(self.place, "run")
        for name in ("bin", "lib/caravan", "domains", "run"):
            os.makedirs(os.path.join(self.place, name))
        # A prefix with a kernel in it, whether or not one was built.
        shutil.copy(os.path.join(BUILD, "bin", "mpirun"), self.place + "/bin/mpirun")
        for name in ("libmpi.so.40", "caravan/caravan-guest", "../domains/.keep"):
            open(os.path.join(self.place, "lib", name), "w").close()
        os.symlink(os.path.join(HERE, "fake_xl"), self.place + "/bin/xl")
        self.environment.update({
            "FAKE_XL": self.domains, "FAKE_RUN": self.run, "FAKE_SET_UP": "true",
            "FAKE_MPIRUN": self.place + "/bin/mpirun",
            "FAKE_GUEST": os.path.join(FAKES, "fake_guest"),
            "LD_LIBRARY_PATH": FAKES,
            "PATH": self.place + "/bin:" + os.environ["PATH"],
        })
        self.environment.pop("FAKE_GUEST_HOW", None)

    def tearDown(self):
        left = self.left()
        # The reaper answers and then ends, and what played the domain may be on its way out.
        if not left and all(process.poll() is not None for process in self.running):
            self.wait_for_none()
        super().tearDown()
        shutil.rmtree(self.place)
        self.assertEqual(left, [], "domains or files were left behind")

    def left(self):
        domains = [name for name in os.listdir(self.domains) if name.isdigit()]
        files = os.path.join(self.run, "caravan")
        return domains + (os.listdir(files) if os.path.isdir(files) else [])

    def start(self, *arguments, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(
            ["unshare", UNSHARE, "sh", "-c", ENTER, "sh", *map(str, arguments)],
            text=True, stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE), env=self.environment, **options)
        self.running.append(process)
        return process

    def wait_for_domains(self, count, seconds=5):
        end = time.monotonic() + seconds
        while len([n for n in os.listdir(self.domains) if n.startswith("socket-")]) < count:
            self.assertLess(time.monotonic(), end, "no domains")
            time.sleep(0.01)

    def wait_for_nothing(self, seconds=3):
        end = time.monotonic() + seconds
        while self.left() or self.processes():
            self.assertLess(time.monotonic(), end, f"still there: {self.left()} {self.processes()}")
            time.sleep(0.01)

    def keepers(self, name="caravan-keeper"):
        found = []
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/comm") as file:
                    if file.read().strip() == name:
                        found.append(pid)
            except OSError:
                pass  # it has just ended
        return found


class Runs(DomuTest):
    def test_output_status_and_environment(self):
        out = self.run_mpirun("--domu", "-n", 2, "sh", "-c",
                              "echo $OMPI_COMM_WORLD_RANK/$OMPI_COMM_WORLD_SIZE $1; echo err >&2", "x", "a b")
        self.assertEqual(sorted(out.splitlines()), ["0/2 a b", "1/2 a b"])
        self.assertEqual(sorted(self.errors.splitlines()),
                         ["caravan: a line of the kernel's"] * 2 + ["err"] * 2)
        self.run_mpirun("--domu", "-n", 2, "sh", "-c", "exit $((OMPI_COMM_WORLD_RANK * 7))", status=7)
        self.assertRegex(self.errors, r"rank 1 on \S+ \(domain caravan-[0-9a-f]{8}-1, sh\)")
        self.run_mpirun("--domu", "-n", 1, "sh", "-c", "kill -SEGV $$", status=128 + 11)

    def test_configuration(self):
        self.run_mpirun("--domu", "--mem", 48, "--cpus", "2-3", "-n", 2, "true")
        texts = []
        for name in sorted(os.listdir(self.domains)):
            if name.endswith(".cfg"):
                with open(os.path.join(self.domains, name)) as file:
                    texts.append(file.read())
        self.assertEqual(len(texts), 2)
        for rank, text in enumerate(texts):
            self.assertIn("memory=48\n", text)
            self.assertIn(f'cpus="{rank + 2}"\n', text)
            self.assertRegex(text, r'vif=\["mac=06:(..:){4}0' + str(rank) + ',bridge=xenbr0,mtu=1500"]')
            self.assertIn(f'kernel="{self.place}/lib/caravan/caravan-guest"', text)

    def test_phases(self):
        self.run_mpirun("--domu", "--report-phases", "-n", 2, "sleep", 0.3)
        lines = self.errors.splitlines()
        self.assertEqual(len(lines), 6, lines)  # two of them are the kernel's
        self.assertRegex(self.errors, r"(?m)^mpirun: host \S+: pack \d+\.\d\d s$")
        for rank in range(2):
            phases = re.search(rf"(?m)^mpirun: rank {rank} on .*: create (\S+) s, boot (\S+) s, run (\S+) s, destroy (\S+) s$", self.errors)
            self.assertGreaterEqual(float(phases[3]), 0.3)
        self.assertGreaterEqual(float(re.search(r"from start to end (\S+) s$", lines[-1])[1]), 0.3)

    def test_input(self):
        text = "line\n" * 200000
        self.assertEqual(self.run_mpirun("--domu", "-n", 1, "cat", input=text), text)

    def test_much_output(self):
        out = self.run_mpirun("--domu", "-n", 2, "sh", "-c", "yes $OMPI_COMM_WORLD_RANK | head -c 2000000")
        self.assertEqual(sorted(len([c for c in out if c == r]) for r in "01"), [1000000, 1000000])

    def test_control_stream(self):
        say = ["init", "barrier", "get=key", "barrier", "finalize"]
        out = self.run_mpirun("--domu", "-n", 1, RANK, "init", "put=key:value", *say[1:], ":",
                              "--domu", "-n", 2, RANK, *say)
        self.assertEqual(out.split(), ["key=value"] * 3)

    def test_joining(self):
        self.environment["SHOW_WELCOME"] = "1"
        out = self.run_mpirun("--domu", "-n", 2, "-x", "SHOW_WELCOME", RANK, "init", "greet=domu=1", "barrier", "finalize")
        lines = sorted(out.splitlines())
        self.assertEqual([line for line in lines if line.startswith("place")],
                         ["place first=0 count=1 node=0"] * 2 + ["place first=1 count=1 node=1"] * 2)
        for rank in range(2):
            self.assertRegex(lines[4 + rank], f"port interface=ethq0 mac=06[0-9a-f]{{6}}000{rank} mtu=1500 fds=0")
            self.assertEqual(lines[6 + rank], f"welcome process={rank} size=2 node={rank} nodes=2 ranks=1 program=0 link=auto")

    def test_greetings_that_do_not_fit(self):
        for arguments in (["--domu", "-n", 1, RANK, "init", "greet=domu=0"], ["--domu", "-n", 1, RANK, "init", "greet"],
                          ["-n", 1, RANK, "init", "greet=domu=1"], ["--domu", "-n", 1, RANK, "init", "greet=domu=2"]):
            self.run_mpirun(*arguments, status=1)
            self.assertRegex(self.errors, "its greeting is not as it should be")

    def test_the_library_joins(self):
        # The guest kernel's device is not here; one rank needs none.
        self.assertEqual(self.run_mpirun("--domu", "-n", 1, DOMU_RANK),
                         "process 0 of 1, node 0, 0 descriptors more, 1 threads\n")
        # What somebody has in his environment makes no domain of a process: it has its bell.
        self.environment["CARAVAN_DOMU"] = "1"
        self.assertEqual(self.run_mpirun("-n", 1, DOMU_RANK),
                         "process 0 of 1, node 0, 2 descriptors more, 1 threads\n")
        self.run_mpirun("--domu", "-n", 2, DOMU_RANK, status=3)
        self.assertRegex(self.errors, "cannot use the domain's network interface /dev/ethq0: No such file")

    def test_mixed_with_processes(self):
        out = self.run_mpirun("-n", 1, RANK, "init", "barrier", "print=process", "finalize", ":",
                              "--domu", "-n", 2, RANK, "init", "barrier", "print=domain", "finalize")
        self.assertEqual(sorted(out.split()), ["domain", "domain", "process"])
        self.assertEqual(len([n for n in os.listdir(self.domains) if n.endswith(".cfg")]), 2)

    def test_files_of_the_host(self):
        self.environment["FAKE_GUEST_HOW"] = "file=made-by-guest"
        out = self.run_mpirun("--domu", "-n", 1, "-wdir", self.place, "-x", "FAKE_GUEST_HOW", "true")
        self.assertEqual(out, "file: the channel\n")
        with open(self.place + "/made-by-guest") as file:
            self.assertEqual(file.read(), "through the channel")


class Refusals(DomuTest):
    def refused(self, pattern, *arguments):
        self.run_mpirun("--domu", *arguments, status=1)
        self.assertRegex(self.errors, pattern)
        self.assertEqual(len(self.errors.splitlines()), 1, self.errors)
        self.assertEqual([n for n in os.listdir(self.domains) if n.endswith(".cfg")], [])

    def test_what_the_host_lacks(self):
        self.environment["FAKE_XL_FREE"] = "200"
        self.refused("2 domains of 128 MiB need 260 MiB, and Xen has 200 MiB free of 4095", "-n", 2, "true")
        self.environment["FAKE_XL_FREE"] = "3000"
        self.refused("there is no bridge br9; name one of these with --bridge: xenbr0",
                     "--bridge", "br9", "-n", 1, "true")
        self.refused("--mem 5: too little", "--mem", 5, "-n", 1, "true")
        os.remove(self.place + "/lib/caravan/caravan-guest")
        self.refused("the guest kernel .*: No such file", "-n", 1, "true")

    def test_programs(self):
        self.refused("no-such-program: No such file", "-n", 1, "no-such-program")
        script = self.place + "/script"
        with open(script, "w") as file:
            file.write("#!/bin/sh\n")
        os.chmod(script, 0o755)
        self.refused("script is a script", "-n", 1, script)

    def test_xl_says_no(self):
        self.environment["FAKE_XL_FAILS"] = "1"
        self.run_mpirun("--domu", "-n", 1, "true", status=1)
        self.assertRegex(self.errors, "domain caravan-.*-0 could not be made: libxl: error: no domain for you")


class Ends(DomuTest):
    def run_until(self, end, status):
        process = self.start("--domu", "-n", 2, "sleep", 30)
        self.wait_for_domains(2)
        began = time.monotonic()
        end(process)
        out, err = process.communicate(timeout=LIMIT)
        self.wait_for_nothing(max(0.1, began + 3 - time.monotonic()))
        if status is not None:
            self.assertEqual(process.returncode, status, err)
        return err

    def test_interrupted(self):
        self.run_until(lambda process: process.send_signal(signal.SIGINT), 130)

    def test_mpirun_killed(self):
        self.run_until(lambda process: process.kill(), -9)
        # The fewest that do it: on a busy host each is a good part of the time that an end takes.
        with open(self.domains + "/.calls") as calls:
            self.assertEqual(sorted(calls.read().split()), ["create"] * 2 + ["destroy"] * 2 + ["info", "list"])

    def test_agent_killed(self):
        err = self.run_until(lambda process: os.kill(self.children(process.pid)[0], signal.SIGKILL), 1)
        self.assertRegex(err, "agent was killed by signal 9")

    def test_keeper_killed(self):
        err = self.run_until(lambda process: os.kill(self.keepers()[0], signal.SIGKILL), 137)
        self.assertRegex(err, r"rank [01] on \S+ \(domain caravan-\S+, sleep\) was killed by signal 9")

    def test_all_killed_at_once(self):
        def end(process):
            for pid in [process.pid] + self.children(process.pid) + self.keepers():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass  # it went with the one that was killed before
        self.run_until(end, -9)

    def test_domain_destroyed(self):
        def end(process):
            name = sorted(n for n in os.listdir(self.domains) if n.isdigit())[0]
            subprocess.run([self.place + "/bin/xl", "destroy", name], env=self.environment, check=True)
        err = self.run_until(end, 137)
        self.assertRegex(err, "domain caravan-.* has ended without an exit status")

    def shut_down(self, program, status, command="shutdown"):
        """`program` writes "up" when it is as far as it has to be."""
        process = self.start("--domu", "-n", 1, "sh", "-c", program)
        self.assertEqual(process.stdout.readline(), "up\n")
        name = [n for n in os.listdir(self.domains) if n.isdigit()][0]
        subprocess.run([self.place + "/bin/xl", command, name], env=self.environment, check=True)
        out, err = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, status, err)
        self.assertRegex(err, "domain caravan-.* was told to shut down")
        return out, err

    def test_domain_shut_down(self):
        self.assertIn("was killed by signal 15", self.shut_down("echo up; exec sleep 30", 128 + 15)[1])
        self.assertIn("was killed by signal 15", self.shut_down("echo up; exec sleep 30", 128 + 15, "reboot")[1])
        # The program may have something to do first, as on any system.
        self.assertEqual(self.shut_down("trap 'echo done; exit' TERM; echo up; while :; do sleep 0.05; done", 0)[0], "done\n")

    def test_domain_shut_down_and_does_not(self):
        err = self.shut_down("trap '' TERM; echo up; while :; do sleep 0.05; done", 128 + 9)[1]
        self.assertIn("its program has not ended within 5 s and is killed", err)

    def test_leftovers(self):
        self.environment["FAKE_SET_UP"] = self.place + "/set-up"
        with open(self.place + "/set-up", "w") as file:
            file.write("#!/bin/sh\nmkdir /run/caravan /run/caravan/0000abcd.0\n"
                       "touch /run/caravan/0000abcd.0.lock /run/caravan/0000abcd.0/program-0.cpio\n"
                       "echo caravan-0000abcd-0 >$FAKE_XL/name-9\n"
                       "echo 63617261-7661-6e00-0000-abcd00000000 >$FAKE_XL/9\n")
        os.chmod(self.place + "/set-up", 0o755)
        self.run_mpirun("--domu", "-n", 1, "true")


class Guests(DomuTest):
    """A guest that is not as it should be ends its job, and nothing else."""

    def ends(self, how, pattern, status):
        self.environment["FAKE_GUEST_HOW"] = how
        self.run_mpirun("--domu", "-n", 1, "-x", "FAKE_GUEST_HOW", "sleep", 30, status=status)
        self.assertRegex(self.errors, pattern)

    def test_noise(self):
        self.ends("noise", "do not understand each other", 1)

    def test_flood(self):
        self.ends("flood", "do not understand each other", 1)

    def test_version(self):
        self.ends("version", "do not fit together: launcher 1, kernel 77", 1)

    def test_reason(self):
        self.ends("reason", "do not understand each other", 1)

    def test_starved(self):
        self.ends("starved", r"(?s)caravan: domain caravan-\S+-0 has run out of memory: --mem 128 is too little for sleep\n"
                  "mpirun: rank 0 on .* was killed by signal 9", 137)

    def test_vanishes(self):
        self.ends("vanish", "has ended without an exit status", 137)


if __name__ == "__main__":
    if subprocess.run(["unshare", UNSHARE, "mount", "--make-rprivate", "/"], check=False).returncode:
        print("skipped: a mount namespace cannot be made here (unshare)")
        sys.exit(77)
    unittest.main(verbosity=1)
