#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""pocket_test.py: the pocket (docs/pocket.md) from up to down, as its user sees it, in one boot."""
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from pocket import BUILD, CARAVAN, MPIRUN, PocketCase


class Pocket(PocketCase):
    def test_1_status_says_since_when_and_which_domains(self):
        status = self.run_pocket("status")
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertRegex(status.stdout, r"(?m)^up since \d{4}-")
        self.assertRegex(status.stdout, r"(?m)^free_memory +\d+")
        self.assertRegex(status.stdout, r"(?m)^Domain-0 +0 ")

    def test_1_there_is_one_pocket_for_a_user(self):
        again = self.run_pocket("up")
        self.assertEqual(again.returncode, 1)
        self.assertIn("already up", again.stderr)

    def test_2_a_command_has_its_streams_and_its_status(self):
        done = self.shell("cat; echo to stderr >&2; exit 7", input="in and out\n")
        self.assertEqual((done.stdout, done.stderr, done.returncode),
                         ("in and out\n", "to stderr\n", 7))
        self.assertEqual(self.shell("kill -KILL $$").returncode, 128 + signal.SIGKILL)
        absent = self.run_pocket("shell", "/no/such/program")
        self.assertEqual(absent.returncode, 127)
        self.assertIn("cannot execute '/no/such/program'", absent.stderr)

    def test_2_many_bytes_arrive_in_order_and_wait_for_a_slow_reader(self):
        text = "".join(f"{i}\n" for i in range(400000))
        done = self.shell("sleep 1; cat", input=text, timeout=60)
        self.assertTrue(done.stdout == text, f"{len(done.stdout)} of {len(text)} bytes")
        # Nobody reads it: the sender must not wait for ever, and a status comes.
        self.assertEqual(self.shell("exit 5", input=text).returncode, 5)

    def test_3_files_are_the_users_at_the_same_paths(self):
        with open(os.path.join(self.work, "from outside"), "w", encoding="utf-8") as file:
            file.write("written outside\n")
        done = self.shell("cat 'from outside' && echo written inside >'from inside' && pwd")
        self.assertEqual(done.stdout, "written outside\n" + os.path.realpath(self.work) + "\n")
        path = os.path.join(self.work, "from inside")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "written inside\n")
        self.assertEqual(os.stat(path).st_uid, os.geteuid())
        # And a file that is replaced outside is the new one inside at once.
        for word in ("one", "two"):
            with open(os.path.join(self.work, "script"), "w", encoding="utf-8") as file:
                file.write(f"echo {word}\n")
            self.assertEqual(self.shell(". ./script").stdout, word + "\n")
        self.assertNotEqual(self.shell("echo no >/usr/no").returncode, 0)

    def test_4_a_signal_passes_a_command_that_does_not_read(self):
        process = subprocess.Popen(
            [CARAVAN, "pocket", "shell", "sh", "-c",
             "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.1; done"],
            env=self.environment, cwd=self.work, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # Without this a lost signal would be a test that hangs.
        guard = threading.Timer(30, process.kill)
        guard.start()
        self.addCleanup(guard.cancel)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        os.set_blocking(process.stdin.fileno(), False)
        process.stdin.raw.write(b"x" * 65536)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.stdout.read(), b"interrupted\n")
        self.assertEqual(process.wait(20), 9)
        process.stdout.close()
        process.stdin.close()

    def test_4_a_command_ends_when_its_user_is_killed(self):
        process = subprocess.Popen([CARAVAN, "pocket", "shell", "sh", "-c",
                                    "echo ready; echo $$ >pid; sleep 1000; sleep 1000"],
                                   env=self.environment, cwd=self.work, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE)
        guard = threading.Timer(30, process.kill)
        guard.start()
        self.addCleanup(guard.cancel)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        process.kill()
        process.wait(10)
        process.stdout.close()
        gone = self.shell("for i in $(seq 100); do kill -0 $(cat pid) 2>/dev/null || exit 0;"
                          " sleep 0.1; done; exit 1")
        self.assertEqual(gone.returncode, 0)

    def test_5_domains_run(self):
        host = os.path.join(self.home, "cache/caravan/pocket")
        done = self.shell(f"""
            cat >guest.cfg <<END
name='guest'
kernel='{host}/vmlinuz'
ramdisk='{host}/linux-domu.cpio'
memory=128
vif=['']
on_poweroff='destroy'
END
            xl create -q -p guest.cfg || exit 1
            ls /sys/class/net/xenbr0/brif
            xl destroy guest && xl list | wc -l""", timeout=60)
        self.assertRegex(done.stdout, r"^vif\d+\.0\n2\n$", done.stderr)

    def test_6_mpirun(self):
        done = self.run_pocket("--pocket", "-n", "2", os.path.join(BUILD, "bench/hello"),
                               program=MPIRUN, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 processes", done.stdout)
        done = self.run_pocket(
            "--pocket", "-q", "-n", "1", "-x", "COLOUR=blue", "sh", "-c",
            "read line; echo $line $COLOUR $(uname -n); pwd; echo last >&2; exit 3",
            program=MPIRUN, timeout=60, input="hello\n")
        self.assertEqual(done.stdout, f"hello blue pocket\n{os.path.realpath(self.work)}\n")
        self.assertIn("last\n", done.stderr)
        self.assertEqual(done.returncode, 3)

    def test_9_down_leaves_nothing(self):
        with open(os.path.join(self.place, "pid"), encoding="utf-8") as file:
            pid = int(file.read())
        down = self.run_pocket("down", timeout=60)
        self.assertEqual(down.returncode, 0, down.stderr)
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                # Ended, and not yet waited for by whoever adopted it.
                self.assertEqual(file.read().rpartition(")")[2].split()[0], "Z")
        except FileNotFoundError:
            pass
        self.assertEqual(os.listdir(self.place), ["lock"])
        status = self.run_pocket("status")
        self.assertEqual((status.stdout, status.returncode), ("down\n", 1))
        self.assertEqual(self.shell("true").returncode, 255)


class Refused(unittest.TestCase):
    """What cannot be brought up says why. Nothing is started."""

    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="pocket-test.")
        self.addCleanup(shutil.rmtree, self.home)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.home, XDG_CACHE_HOME=self.home)

    def up(self, *words, **environment):
        return subprocess.run([CARAVAN, "pocket", "up", *words], timeout=60, text=True,
                              env=dict(self.environment, **environment), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_no_qemu(self):
        done = self.up(PATH="/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install qemu-system-x86", done.stderr)

    def test_too_little_memory(self):
        done = self.up("--memory", "1000000")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"needs 1000000 MiB .* \d+ MiB are available")

    def test_boot_that_fails_shows_the_logs_and_what_was_killed_is_cleared(self):
        # A QEMU that writes to its serial line and ends.
        tools = os.path.join(self.home, "bin")
        os.mkdir(tools)
        with open(os.path.join(tools, "qemu-system-x86_64"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nwhile [ \"$1\" != -serial ]; do shift; done\n"
                       "echo 'Xen says goodbye' >${2#file:}\necho 'no such machine' >&2\n")
        os.chmod(file.name, 0o755)
        os.mkdir(os.path.join(self.home, "caravan"))
        host = os.environ.get("POCKET_HOST", os.path.join(BUILD, "tests/xen/host"))
        os.makedirs(host, exist_ok=True)
        os.symlink(host, os.path.join(self.home, "caravan", "pocket"))
        place = os.path.join(self.home, "caravan-pocket")
        os.mkdir(place, 0o700)
        for name in ("pid", "1.sock", "ready"):
            open(os.path.join(place, name), "w", encoding="utf-8").close()
        done = self.up(PATH=tools + ":" + os.environ["PATH"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("the boot failed", done.stderr)
        self.assertIn("Xen says goodbye", done.stderr)
        self.assertIn("no such machine", done.stderr)
        self.assertEqual(os.listdir(place), ["lock"])


if __name__ == "__main__":
    unittest.main()
