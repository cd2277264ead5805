#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""pocket_test.py: the pocket (docs/pocket.md) from up to down, as its user sees it, in one boot."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import termios
import threading
import time
import unittest

from pocket import BUILD, CARAVAN, MPIRUN, PocketCase, cache_of
from terminal import Terminal

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            # It may not yet have been waited for by its parent, or whoever adopted it.
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


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

    def terminal(self, *words):
        terminal = Terminal([CARAVAN, "pocket", "shell", *words], 37, 99, env=self.environment,
                            cwd=self.work)
        self.addCleanup(terminal.close)
        return terminal

    def test_4_a_shell_on_a_terminal(self):
        shell = self.terminal()
        shell.until("> ")
        shell.type("stty size; echo first''\n")
        self.assertIn("\n37 99\r\n", shell.until("first\r\n"))
        shell.resize(20, 50)
        # The new size comes with a signal, which passes what is typed or not.
        shell.type("until stty size | grep 20; do sleep 0.1; done; echo second''\n")
        # The shell may have written its prompt before it reads on.
        self.assertRegex(shell.until("second\r\n"), r"(?:\n|> )20 50\r\n")
        # Ctrl-C and ctrl-Z are the shell's and its jobs', not ours.
        shell.type("echo begun''; sleep 1000\n")
        shell.until("begun\r\n")
        time.sleep(0.3)
        shell.type("\x03")
        shell.until("> ")
        shell.type("echo begun''; sleep 1.5\n")
        shell.until("begun\r\n")
        time.sleep(0.3)
        shell.type("\x1a")
        shell.until("Stopped")
        shell.type("fg; echo third''\n")
        shell.until("third\r\n")
        self.assertNotEqual(termios.tcgetattr(shell.slave), shell.before)
        shell.type("exit 5\n")
        self.assertEqual(shell.process.wait(20), 5)
        self.assertEqual(termios.tcgetattr(shell.slave), shell.before)

    def test_4_a_command_on_a_terminal(self):
        command = self.terminal("sh", "-c", "echo begun; sleep 1000")
        command.until("begun")
        # There is nobody who could continue it, so ctrl-Z does nothing.
        command.type("\x1a")
        with self.assertRaises(subprocess.TimeoutExpired):
            command.process.wait(0.5)
        command.type("\x03")
        self.assertEqual(command.process.wait(20), 128 + signal.SIGINT)

    def test_4_a_terminal_that_goes_takes_its_shell_along(self):
        shell = self.terminal()
        shell.until("> ")
        shell.type("echo $$ >shell; echo begun''\n")
        shell.until("begun\r\n")
        shell.process.send_signal(signal.SIGHUP)
        shell.process.wait(20)
        gone = self.shell("for i in $(seq 100); do kill -0 $(cat shell) 2>/dev/null || exit 0;"
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

    def compare(self, *words):
        return subprocess.Popen(
            [os.path.join(SOURCE, "bench", "compare-domus"), "--build", BUILD, "--out", self.work,
             "--runs", "1", "-x", "2", *words],
            env=dict(self.environment, TMPDIR=self.work), cwd=self.work, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def only_dom0(self):
        domains = self.run_pocket("shell", "xl", "list").stdout.splitlines()
        return len(domains) == 2 and domains[1].startswith("Domain-0 ")

    def test_7_latency_beside_tcp_between_linux_domains(self):
        process = self.compare("-m", "8:16", "-i", "20")
        out, err = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 0, err)
        # Six columns and five ratios, all of them there.
        self.assertRegex(out, r"(?m)^\| 8 B( \| [\d.]*[1-9][\d.]*(e-\d\d)?){11} \|$")
        self.assertRegex(out, r"(?m)^\| 16 B \|")
        self.assertEqual([name for name in os.listdir(self.work) if name.startswith("linux-domus.")], [])
        self.assertTrue(self.only_dom0())

    def test_7_an_interrupted_comparison_leaves_no_domain(self):
        process = self.compare("--without", "granted", "--without", "netfront", "--without", "memfd", "--without", "veth", "-m", "8:8", "-i", "100000000")
        self.addCleanup(process.kill)
        for _ in range(300):
            running = self.shell("xl list | awk '/linux-/ && $5 !~ /p/' | wc -l").stdout
            if running == "2\n":
                break
            time.sleep(0.1)
        self.assertEqual(running, "2\n")
        process.terminate()
        time.sleep(0.2)
        process.terminate()
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertTrue(self.only_dom0())
        self.assertEqual([name for name in os.listdir(self.work) if name.startswith("linux-domus.")], [])

    def test_8_an_installed_caravan(self):
        prefix = os.path.join(self.home, "installed")
        install = subprocess.run(["meson", "install", "--no-rebuild", "-C", BUILD, "--destdir", prefix],
                                 stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(install.returncode, 0, install.stdout)
        for directory, _, files in os.walk(prefix):
            if "mpirun" in files:
                bin_directory = directory
        # From the prefix alone: neither program nor library of the build directory.
        hello = shutil.copy(os.path.join(BUILD, "bench/hello"), self.work)
        done = self.run_pocket("--pocket", "-n", "2", hello, timeout=60,
                               program=os.path.join(bin_directory, "mpirun"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 processes", done.stdout)
        # The guest kernel is found as well.
        done = self.run_pocket("--pocket", "--domu", "--mem", "100000", "-n", "1", hello, timeout=60,
                               program=os.path.join(bin_directory, "mpirun"))
        self.assertRegex(done.stderr, "100000 MiB need.* Xen has [0-9]+ MiB free")
        # And it would boot a pocket, with scripts of its own.
        run = os.path.join(self.home, "other run")
        os.mkdir(run)
        done = subprocess.run([os.path.join(bin_directory, "caravan"), "pocket", "up"], timeout=60,
                              env=dict(self.environment, XDG_RUNTIME_DIR=run, PATH=fake_qemu(
                                  self.home, "for word; do case $word in */xen.elf | *mount_tag=tree)"
                                  " echo it got $word >&2 ;; esac; done")), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertRegex(done.stderr, r"(?m)^it got \S*/xen\.elf$")
        self.assertRegex(done.stderr, r"(?m)^it got \S*mount_tag=tree$")

    def test_9_down_leaves_nothing(self):
        with open(os.path.join(self.place, "pid"), encoding="utf-8") as file:
            pid = int(file.read())
        down = self.run_pocket("down", timeout=60)
        self.assertEqual(down.returncode, 0, down.stderr)
        self.assertTrue(has_ended(pid))
        self.assertEqual(os.listdir(self.place), ["lock"])
        status = self.run_pocket("status")
        self.assertEqual((status.stdout, status.returncode), ("down\n", 1))
        self.assertEqual(self.shell("true").returncode, 255)


def fake_qemu(home, script):
    """A PATH with a QEMU that is this script. What goes to "$serial" is on the machine's serial line."""
    tools = tempfile.mkdtemp(dir=home)
    path = os.path.join(tools, "qemu-system-x86_64")
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nfor word; do case $word in file:*) serial=${word#file:} ;; esac; done\n"
                   f"{script}\n")
    os.chmod(path, 0o755)
    return tools + ":" + os.environ["PATH"]


class Refused(unittest.TestCase):
    """What cannot be brought up says why, and nothing is left. No machine is booted."""

    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="pocket-test.")
        self.addCleanup(shutil.rmtree, self.home)
        self.place = os.path.join(self.home, "caravan-pocket")
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.home, XDG_CACHE_HOME=self.home)

    def pocket(self, *words, **environment):
        return subprocess.run([CARAVAN, "pocket", *words], timeout=60, text=True,
                              env=dict(self.environment, **environment), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def up(self, *words, **environment):
        return self.pocket("up", *words, **environment)

    def test_no_qemu(self):
        done = self.up(PATH="/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install qemu-system-x86", done.stderr)

    def test_too_little_memory(self):
        done = self.up("--memory", "1000000")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"needs 1000000 MiB .* \d+ MiB are available")

    def test_wrong_options(self):
        for words in (["up", "--cpus", "0"], ["up", "--timeout", "soon"], ["up", "--memory"],
                      ["up", "quickly"], ["down", "--later"], ["dwon"]):
            self.assertEqual(self.pocket(*words).returncode, 2, words)

    def test_boot_that_fails_shows_the_logs_and_what_was_killed_is_cleared(self):
        path = fake_qemu(self.home, "echo 'Xen says goodbye' >$serial; echo 'no such machine' >&2")
        cache_of(self.home)
        os.mkdir(self.place, 0o700)
        for name in ("pid", "1.sock", "ready"):
            open(os.path.join(self.place, name), "w", encoding="utf-8").close()
        done = self.up(PATH=path)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the boot failed", done.stderr)
        self.assertIn("Xen says goodbye", done.stderr)
        self.assertIn("no such machine", done.stderr)
        self.assertEqual(os.listdir(self.place), ["lock"])

    def test_boot_that_takes_too_long_is_ended(self):
        path = fake_qemu(self.home, "echo 'Xen takes its time' >$serial; exec sleep 1000")
        cache_of(self.home)
        began = time.monotonic()
        done = self.up("--timeout", "1", PATH=path)
        self.assertEqual(done.returncode, 1)
        self.assertLess(time.monotonic() - began, 20)
        self.assertIn("the boot was not over after 1 s", done.stderr)
        self.assertIn("Xen takes its time", done.stderr)
        self.assertEqual(os.listdir(self.place), ["lock"])
        self.assertEqual(self.pocket("status").stdout, "down\n")

    def test_down_ends_a_machine_that_does_not_want_to(self):
        # It does not even heed TERM. One that is still coming up, and one whose dom0 serves nobody.
        for ready in ("", "touch ${serial%/*}/host/ready; "):
            path = fake_qemu(self.home, f"trap '' TERM; {ready}echo >$serial; exec sleep 1000")
            if not ready:
                cache_of(self.home)
            up = subprocess.Popen([CARAVAN, "pocket", "up"], text=True, stdin=subprocess.DEVNULL,
                                  env=dict(self.environment, PATH=path), stderr=subprocess.PIPE)
            self.addCleanup(up.kill)
            for _ in range(200):
                status = self.pocket("status")
                if re.search("^coming up|^up since", status.stdout) and \
                        os.path.exists(os.path.join(self.place, "serial.log")):
                    break
                time.sleep(0.05)
            pid = int(re.search(r"QEMU is pid (\d+)", status.stdout)[1])
            down = self.pocket("down", "--now")
            self.assertEqual((down.returncode, down.stderr), (0, "pocket: down\n"))
            self.assertTrue(has_ended(pid))
            self.assertEqual(up.wait(20), 0 if ready else 1)
            up.stderr.close()
            self.assertEqual(os.listdir(self.place), ["lock"])

    def test_full_disk(self):
        # Of root, or one who is it in a namespace, a small file system of its own.
        words = ["unshare", "--mount"] + (["--map-root-user"] if os.geteuid() else [])

        def on_small_disk(mebibytes, *command):
            return subprocess.run(
                [*words, "sh", "-ec", "mount -t tmpfs -o size=$1m tmpfs $2; shift 2; status=0;"
                 " \"$@\" || status=$?; ls -A \"$XDG_CACHE_HOME\"/caravan/pocket; exit $status", "sh",
                 str(mebibytes), self.home, *command], text=True, timeout=120,
                env=dict(self.environment, TMPDIR=self.home), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        done = on_small_disk(300, CARAVAN, "pocket", "up")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"needs 700 MiB in \S*/caravan/pocket, where \d+ MiB are free")
        # And one that becomes full while it is built.
        script = os.path.join(BUILD, "launch/pocket/build-host")
        done = on_small_disk(250, script, os.path.join(self.home, "caravan", "pocket"))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, ".lock\n")
        self.assertRegex(done.stderr, r"cannot unpack linux-image.*\n.* [0-9] MiB are free in")
        self.assertLess(len(done.stderr.splitlines()), 10)


if __name__ == "__main__":
    unittest.main()
