#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""ranks_test.py: `mpirun --domu` in the pocket, in one boot: programs that know nothing of it, each rank a domain.

What a rank does is held against the same program as a process of dom0. RANKS_LONG=1 in the environment makes it by hand what
takes too long in CI: files of 100 MB, hpcc on four ranks, 200 jobs in a row.
"""
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

from pocket import BUILD, CARAVAN, MPIRUN, PocketCase

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "net"))
import hpcc_test  # noqa: E402
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "guest"))
import initrd  # noqa: E402

LONG = "RANKS_LONG" in os.environ
MESSAGES = os.path.join(BUILD, "tests/xen/messages")
HOST_FILES = os.path.join(BUILD, "tests/xen/host_files")
TAKE_MEMORY = os.path.join(BUILD, "tests/xen/take_memory")
REGISTERS = os.path.join(BUILD, "tests/xen/registers")


def program(name):
    return os.path.join(BUILD, "tests/mpi", "mpi_" + name)


class Ranks(PocketCase):
    def mpirun(self, *words, timeout=120, **arguments):
        return self.run_pocket("--pocket", "--domu", *map(str, words), program=MPIRUN, timeout=timeout,
                               **arguments)

    def good(self, *words, **arguments):
        done = self.mpirun(*words, **arguments)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)
        return done.stdout

    def host(self):
        """What the Xen host has, all of which a job has to give back."""
        done = self.shell("""xl list | tail -n +2 | awk '{ print $1, $3 }'
            xenstore-ls | wc -l; ls -A /run/caravan | wc -l; ls /sys/class/net | wc -l
            cat /proc/[0-9]*/comm 2>/dev/null | grep -cE '^(caravan|mpirun|xl)'; xl info free_memory
            grep -c xen-dyn /proc/interrupts # dom0's event channels
            xl dmesg -c >/dev/null; xl debug-keys g; xl dmesg | grep -cE '\\[0x[0-9a-f]+\\]|grant-table for'""")  # grants, and tables of them
        self.assertEqual(done.stderr, "", done.stdout)
        self.assertNotRegex(done.stdout, r"(?m)^0\n(\d+\n)?\Z")
        return done.stdout

    # --- A program and its streams ---------------------------------------------

    def test_1_streams_and_status(self):
        text = "".join(f"{i}\n" for i in range(50000))
        self.assertEqual(self.good("-n", 1, "cat", input=text), text)
        done = self.mpirun("-n", 1, "sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual((done.stdout, done.returncode), ("out\n", 7), done.stderr)
        self.assertIn("err\n", done.stderr)

    def test_1_a_signal_is_the_end_that_it_would_be(self):
        done = self.mpirun("-n", 1, "sh", "-c", "kill -SEGV $$")
        self.assertEqual(done.returncode, 128 + signal.SIGSEGV, done.stderr)
        self.assertIn("was killed by signal 11", done.stderr)

    def test_1_arguments_environment_and_directory(self):
        word = "a word, with spaces; and \"quotes\""
        out = self.good("-n", 1, "-x", "COLOUR=" + word, "sh", "-c", 'echo "$1 $COLOUR"; pwd; umask', "sh", word)
        self.assertEqual(out.splitlines()[:2], [f"{word} {word}", os.path.realpath(self.work)])
        # More than Xen's command line or a page would take.
        words = [f"argument number {i}" for i in range(3000)]
        out = self.good("-n", 1, "sh", "-c", 'echo $#; shift 2998; echo "$1"', "sh", *words)
        self.assertEqual(out, "3000\nargument number 2998\n")

    def test_1_too_little_memory(self):
        for how in "touch", "read":
            done = self.mpirun("-n", 1, "--mem", 32, TAKE_MEMORY, how)
            self.assertEqual((done.stdout, done.returncode), ("begins\n", 128 + signal.SIGKILL), done.stderr)
            self.assertRegex(done.stderr, "caravan: domain caravan-.*-0 has run out of memory: --mem 32 is too little for .*take_memory")
        self.assertEqual(self.good("-n", 1, "--mem", 32, TAKE_MEMORY, "ask"), "begins\nrefused\n")
        # With the least that is asked for a program runs; with 3.5 MB of arguments beside it, it cannot even be started.
        need = int(re.search("at least --mem ([0-9]+),", self.mpirun("-n", 1, "--mem", 1, "true").stderr)[1])
        self.good("-n", 1, "--mem", need, "true")
        done = self.mpirun("-n", 1, "--mem", need, "true", *["x" * 100000] * 35, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_STACK, (64 << 20, resource.RLIM_INFINITY)))  # of which Linux lets arguments be a quarter
        self.assertEqual(done.returncode, 128 + signal.SIGKILL, done.stderr)
        self.assertIn(f"has run out of memory: --mem {need} is too little for true", done.stderr)

    def test_1_vector_registers_are_their_own(self):
        """Two processes of dom0 and three domains share processors. Where one gets another's registers, any copy in memory may go wrong."""
        dom0 = subprocess.Popen([CARAVAN, "pocket", "shell", "sh", "-c", '"$1" 12 & "$1" 12 && wait %1', "sh", REGISTERS], text=True,
                                env=self.environment, cwd=self.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(dom0.kill)
        self.assertEqual(self.good("-n", 3, REGISTERS, 5), "")
        self.assertEqual((dom0.communicate(timeout=60)[0], dom0.returncode), ("", 0))

    # --- The host's files ---------------------------------------------------------

    def test_2_files_are_as_on_linux(self):
        expected = self.run_pocket("shell", HOST_FILES, "/run/files")
        self.assertEqual(expected.returncode, 0, expected.stderr)
        self.assertEqual(self.good("-n", 1, HOST_FILES, "/run/files"), expected.stdout)

    def test_2_a_large_file_is_read_and_written(self):
        size = 100 << 20 if LONG else 10 << 20
        source, target = (os.path.join(self.work, name) for name in ("large", "copied"))
        with open(source, "wb") as file:
            file.write(os.urandom(size))
        self.good("-n", 1, HOST_FILES, "copy", "large", target, timeout=300)
        self.assertEqual(subprocess.run(["cmp", source, target], check=False).returncode, 0)
        os.unlink(source)
        os.unlink(target)

    def test_2_a_full_disk_is_said(self):
        self.shell("mkdir -p /run/small; mount -t tmpfs -o size=1m tmpfs /run/small")
        self.addCleanup(self.shell, "umount /run/small; rmdir /run/small")
        self.assertEqual(self.good("-n", 1, HOST_FILES, "fill", "/run/small/file"),
                         "after some: No space left on device\n")

    def test_2_a_lock_is_waited_for(self):
        first = subprocess.Popen([MPIRUN, "--pocket", "--domu", "-n", "1", HOST_FILES, "lock", "/run/locked"],
                                 env=self.environment, cwd=self.work, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(first.kill)
        self.assertEqual(first.stdout.readline(), "locked\n")
        second = subprocess.Popen([MPIRUN, "--pocket", "--domu", "-n", "1", HOST_FILES, "lock", "/run/locked"],
                                  env=self.environment, cwd=self.work, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(second.kill)
        time.sleep(3)
        self.assertEqual(self.shell("xl list | grep -c caravan-").stdout, "2\n")
        self.assertIsNone(second.poll())
        first.communicate(timeout=30)
        self.assertEqual(second.communicate(timeout=30)[0], "locked\n")
        self.assertEqual((first.returncode, second.returncode), (0, 0))

    # --- Programs of MPI ------------------------------------------------------------

    def test_3_hello(self):
        for ranks in (1, 2, 4):
            out = self.good("-n", ranks, os.path.join(BUILD, "bench/hello"))
            self.assertIn(f"{ranks} process", out)

    def test_3_random_messages_and_collectives(self):
        self.good("-n", 3, program("stress"), 1, 3, timeout=200)
        self.good("-n", 4, program("stress_coll"), 2, 3, timeout=200)
        self.good("-n", 2, program("modes"), timeout=200)

    def test_3_programs_that_others_built(self):
        need(self, "NPopenmpi", "hpcc")
        out = self.mpirun("-n", 2, "NPopenmpi", "-i", "-u", 20000, "-o", "/dev/null", timeout=200)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertGreater(out.stderr.count("Integrity check passed"), 20)
        for ranks in (2, 4) if LONG else (2,):
            with open(os.path.join(self.work, "hpccinf.txt"), "w", encoding="ascii") as file:
                file.write(hpcc_test.INPUT.format(size=100, rows=ranks // 2, columns=2,
                                                  threshold=hpcc_test.THRESHOLD))
            self.good("-n", ranks, "--mem", 160, "hpcc", timeout=900)
            with open(os.path.join(self.work, "hpccoutf.txt"), encoding="ascii") as file:
                hpcc_test.check(file.read(), ranks)
            os.unlink(os.path.join(self.work, "hpccoutf.txt"))

    def test_3_python(self):
        with open(os.path.join(self.work, "sum.py"), "w", encoding="ascii") as file:
            file.write("from mpi4py import MPI\nc = MPI.COMM_WORLD\n"
                       "print(c.rank, c.allreduce(c.rank + 1), flush=True)\n")
        out = self.good("--mem", 200, "-n", 2, "/usr/bin/python3", "sum.py", timeout=200)
        self.assertEqual(sorted(out.splitlines()), ["0 3", "1 3"])

    def test_4_processes_and_domains_in_one_job(self):
        stress = program("stress")
        done = self.run_pocket("--pocket", "-n", "2", stress, "3", "3", ":", "--domu", "-n", "2", stress, "3",
                               "3", program=MPIRUN, timeout=200)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_4_two_agents_are_two_nodes(self):
        self.good("--host", "a,b", "-n", 4, program("stress_coll"), 4, 3, timeout=200)

    # --- Memory that one domain grants to another --------------------------------------

    def exchange(self, *words):
        """Messages of all lengths between all ranks for a while, each checked; returns what the ranks say of themselves."""
        done = self.run_pocket("--pocket", *words, program=MPIRUN, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout[-2000:])
        return {int(rank): dict(zip(words[::2], map(int, words[1::2]))) for rank, words in
                ((rank, words.split()) for rank, words in re.findall(r"(?m)^messages: (\d+): (\w+ \d+.*)$", done.stdout))}

    def test_4_domains_speak_through_granted_memory(self):
        for ranks in (2, 4) if LONG else (2, 3):
            said = self.exchange("--domu", "-n", str(ranks), MESSAGES, "granted")
            self.assertEqual(len(said), ranks)
            for rank in said.values():
                self.assertEqual(rank["ring_granted"], ranks - 1, said)
                self.assertGreater(rank["ring_messages_received"], 0, said)

    def test_4_frames_can_be_forced(self):
        said = self.exchange("--link", "wire", "--domu", "-n", "2", MESSAGES, "exchange")
        self.assertEqual(len(said), 2)
        for rank in said.values():
            self.assertNotIn("ring_granted", rank)
            self.assertGreater(rank["wire_frames_received"], 1000)

    def test_4_a_process_of_dom0_speaks_through_granted_memory(self):
        said = self.exchange("-n", "1", MESSAGES, "granted", ":", "--domu", "-n", "2", MESSAGES, "granted")
        self.assertEqual(len(said), 3)
        for rank in said.values():
            self.assertEqual(rank["ring_granted"], 2, said)

    def test_4_a_shortage_of_grants_is_said_once(self):
        """Of 20 pages, in dom0 by the kernel's limit, and in a domain because the rank has taken the others: of Xen's table, which
        has two frames. There is a ring of the smallest kind, and frames for the rest."""
        limit, conf = "/sys/module/xen_gntalloc/parameters/limit", "/proc/1/root/etc/xen/xl.conf"  # which lies below what a session sees
        self.shell(f"cp {conf} /run/; echo 20 >{limit}; echo max_grant_frames=2 >>{conf}")
        self.addCleanup(self.shell, f"cp /run/xl.conf {conf}; echo 1024 >{limit}")
        for first in ["-n", "1", MESSAGES, "granted", "1"], ["--domu", "-n", "1", MESSAGES, "granted", "1", "20"]:
            done = self.run_pocket("--pocket", *first, ":", "--domu", "-n", "2", MESSAGES, "granted", "2", program=MPIRUN, timeout=120)
            self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)
            self.assertRegex(done.stderr, r"\A\S+ process 0 on \S+: no granted memory for a ring of 17 pages to process [12] \(No space left on"
                             r" device\): 17 pages are granted to other processes already; this pair keeps to frames, .*\n\Z")
            self.assertEqual(sorted(re.findall(r"(?m)^messages: (\d+): .* ring_granted (\d+)", done.stdout)),
                             [("0", "1"), ("1", "2"), ("2", "2")], done.stdout)

    def test_4_info_says_who_has_granted_memory(self):
        info = "/run/caravan-info info"
        self.shell(f"cp '{CARAVAN}' /run/caravan-info")  # where every user may read it
        self.addCleanup(self.shell, "rm /run/caravan-info")
        self.assertRegex(self.shell(info).stdout,
                         r"(?m)^granted memory +between domains, and with processes: .* 1024 pages \(.*\), 31 rings$")
        self.assertRegex(self.shell("setpriv --reuid 65534 " + info).stdout,
                         "(?m)^granted memory +between domains; not with processes: /dev/xen/gntalloc: Permission denied; it is root's$")
        self.assertRegex(self.shell(f"mv /dev/xen/gntdev /run; {info}; mv /run/gntdev /dev/xen").stdout,
                         "(?m)^granted memory +between domains; not with processes: /dev/xen/gntdev: .*; modprobe xen-gntdev$")

    # Two ordinary domains, with what an ordinary user would have put there; and what stands for ssh.
    LINUX = r"""
        for i in 1 2; do
            cat >/run/linux$i.cfg <<END
name="linux$i"
type="pv"
kernel="$HOST/vmlinux"
ramdisk="$ROOT"
extra="console=hvc0 rdinit=/init quiet panic=1 mitigations=off address=192.0.2.$i"
memory=160
vcpus=1
cpus="$i"
tsc_mode="native"
vif=[""]
on_poweroff="destroy"
END
            xl create -q /run/linux$i.cfg >/run/linux$i.log 2>&1 &
        done
        ip address add 192.0.2.254/24 dev xenbr0
        wait
        for i in 1 2; do
            for try in $(seq 100); do nc -w 1 192.0.2.$i 1 </dev/null >/dev/null 2>&1 && continue 2; usleep 100000; done
            cat /run/linux*.log; exit 1
        done"""
    COMMAND = b"""#!/bin/sh
for module in xen-evtchn xen-gntdev xen-gntalloc; do modprobe $module; done
exec nc -ll -p 1 -e /serve
"""
    SERVE = b"""#!/bin/sh
read -r line
exec 2>/dev/console
eval "exec $line"
"""
    ENTER = """#!/bin/sh
host=$1; shift
[ "$host" = dom0 ] && exec "$@"
for word; do line="$line '$word'"; done
{ echo "$line"; exec cat; } | exec nc "192.0.2.${host#linux}" 1
"""

    def start_linux(self):
        host = os.path.realpath(os.environ.get("POCKET_HOST", os.path.join(BUILD, "tests/xen/host")))
        root, enter = (os.path.join(self.home, name) for name in ("linux.cpio", "enter"))
        archive = initrd.Initrd()
        archive.add_bytes("/command", self.COMMAND, 0o755)
        archive.add_bytes("/serve", self.SERVE, 0o755)
        for path in MPIRUN, CARAVAN, os.path.join(BUILD, "bin/caravan-packet"), MESSAGES:
            archive.add(path)
            for library in initrd.libraries(path):
                archive.add(os.path.realpath(library), re.sub("^/lib", "/usr/lib", library))
        with open(root, "wb") as file, open(os.path.join(host, "linux-domu.cpio"), "rb") as base:
            file.write(base.read() + archive.pack())
        with open(enter, "w", encoding="ascii") as file:
            file.write(self.ENTER)
        os.chmod(enter, 0o755)
        self.addCleanup(self.shell, "xl destroy linux1; xl destroy linux2; ip address del 192.0.2.254/24 dev xenbr0")
        done = self.shell(f"HOST='{host}' ROOT='{root}'" + self.LINUX, timeout=100)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return enter

    def test_4_linux_domains_speak_through_granted_memory(self):
        """Agents in two Linux domains and in dom0 find out that they share a host; a rank in each, or (by hand) one more in a domain of its own."""
        began = time.monotonic()
        enter = self.start_linux()
        print(f"two Linux domains after {time.monotonic() - began:.0f} s", file=sys.stderr)
        mpirun = f"{MPIRUN} --launch-agent {enter} --eth eth0,xenbr0 "

        def exchange(*words):
            began = time.monotonic()
            done = self.shell(mpirun + " ".join(words), timeout=120)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout[-2000:])
            print(f"{words[0]}: {time.monotonic() - began:.0f} s", file=sys.stderr)
            return [dict(zip(words[::2], map(int, words[1::2]))) for words in
                    (line.split() for line in re.findall(r"(?m)^messages: \d+: (\w+ \d+ .*)$", done.stdout))]

        said = exchange("--host linux1,linux2,dom0 -n 3", MESSAGES, "granted")
        self.assertEqual([rank["ring_granted"] for rank in said], [2] * 3, said)
        if LONG:
            said = exchange("--host linux1,linux2,dom0 -n 3", MESSAGES, "granted : --host dom0 --domu --cpus 1-2 -n 1", MESSAGES,
                            "granted")
            self.assertEqual([rank["ring_granted"] for rank in said], [3] * 4, said)
        info = f"{enter} linux2 {CARAVAN} info </dev/null"
        self.assertRegex(self.shell(info).stdout, r"(?m)^granted memory +with other domains of this Xen host: .* 1024 pages \(.*\), 31 rings$")
        # Without a right, or a module, there are frames, and nothing is said.
        self.assertEqual(self.shell(f"{enter} linux2 mv /dev/xen/gntdev /dev/gntdev </dev/null").returncode, 0)
        self.assertRegex(self.shell(info).stdout, "(?m)^granted memory +no: /dev/xen/gntdev: .*; modprobe xen-gntdev$")
        said = exchange("--host linux1,linux2 -n 2", MESSAGES, "ping 50")
        self.assertEqual([(rank.get("ring_granted", 0), rank["wire_frames_received"] >= 50) for rank in said], [(0, True)] * 2, said)
        # Nobody holds what they had granted.
        listed = self.shell("xl destroy linux1; xl destroy linux2;"
                            "for i in $(seq 50); do [ $(xl list | wc -l) = 2 ] && exit 0; sleep 0.1; done; xl list; exit 1")
        self.assertEqual(listed.returncode, 0, listed.stdout + listed.stderr)

    def test_4_garbage_in_shared_pages_is_an_error_by_name(self):
        for seed in range(1, 41 if LONG else 4):
            done = self.mpirun("-n", 3, MESSAGES, "garbage", seed)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr, r"messages: process [01] is down: process [01] on .*: .* in the shared ring; its memory is"
                             r" damaged|messages: message \d+ from 1 is wrong|messages: \d+ messages from 1 are missing", f"{seed}")
            self.assertNotRegex(done.stderr, "signal|crashed|without an exit status")

    def test_5_a_domain_that_died_goes_while_the_others_go_on(self):
        """Who hears that a peer is down unmaps what it had granted, or the domain would stay in Xen's list without a name."""
        process = subprocess.Popen([MPIRUN, "--pocket", "--timeout", "100", "--enable-recovery", "--domu", "-n", "3",
                                    MESSAGES, "outlive"],
                                   env=self.environment, cwd=self.work, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for clean_up in (process.stdout.close, process.stdin.close, process.kill):
            self.addCleanup(clean_up)
        for _ in range(10):
            self.assertRegex(process.stdout.readline(), r"^messages: \d+000$")
        self.assertEqual(self.shell("xl list | tail -n +2 | wc -l").stdout, "4\n")
        done = self.shell("xl destroy $(xl list | awk '/caravan-.*-2 / { print $2 }');"
                          " for i in $(seq 100); do [ $(xl list | tail -n +2 | wc -l) = 3 ] && exit 0; sleep 0.1; done; xl list; exit 1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for _ in range(3):
            self.assertRegex(process.stdout.readline(), r"^messages: \d+000$")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 128 + signal.SIGKILL)  # the status of the first that ended badly

    def test_5_either_side_dies_or_stands_still(self):
        """Domains that write to each other, of which one is destroyed, killed, or paused for a while."""
        self.good("-n", 2, os.path.join(BUILD, "bench/hello"))
        before, seed = self.host(), int(os.environ.get("SEED", time.time()))
        print(f"SEED={seed}", file=sys.stderr)
        chance = random.Random(seed)
        for i in range(200 if LONG else 6):
            what = chance.choice(("destroy", "pause", "kill"))
            process = subprocess.Popen([MPIRUN, "--pocket", "--domu", "-n", "2", MESSAGES, "granted"],
                                       env=self.environment, cwd=self.work, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for clean_up in (process.stdout.close, process.stderr.close, process.kill):
                self.addCleanup(clean_up)
            self.assertRegex(process.stdout.readline(), r"^messages: 1000$")
            time.sleep(chance.random() / 10)
            victim = f"$(xl list | awk '/caravan-.*-{chance.randrange(2)} / {{ print $2 }}')"
            if what == "pause":
                done = self.shell(f"id={victim}; xl pause $id && sleep 0.5 && xl unpause $id")
                self.assertEqual(done.returncode, 0, done.stderr)
                process.stdin.close()
                process.stdin = None
                out, error = process.communicate(timeout=60)
                self.assertEqual((process.returncode, error), (0, ""), f"{i}: {what}")
                self.assertEqual(len(re.findall("ring_granted 1", out)), 2, out)
                continue
            if what == "kill":
                self.kill("caravan-keeper")
            else:
                self.shell(f"xl destroy {victim}")
            _, error = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 128 + signal.SIGKILL, f"{i}: {what}: {error}")
            self.assertRegex(error, r"rank [01] on pocket")
        for _ in range(50):
            after = self.host()
            if after == before:
                break
            time.sleep(0.1)
        self.assertEqual(after, before)

    def traffic(self, *options):
        """A job of two that exchange messages: the process (with `all_lines()`, what it said until its end), a call that waits for
        it to say more, and one that runs a script in dom0 with rank 1's domain in $id."""
        process = subprocess.Popen([MPIRUN, "--pocket", "--domu", "--cpus", "1,2", "-n", "2", *options, MESSAGES, "exchange"],
                                   env=self.environment, cwd=self.work, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for clean_up in (process.stdin.close, process.stdout.close, process.stderr.close, process.kill):
            self.addCleanup(clean_up)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))
        reader.start()
        self.addCleanup(reader.join)
        self.addCleanup(process.kill)

        def progress():
            count, end = len(lines) + 2, time.monotonic() + 60
            while len(lines) < count:
                self.assertIsNone(process.poll())
                self.assertLess(time.monotonic(), end, "no progress")
                time.sleep(0.05)

        def trouble(script):
            done = self.shell("set -e; id=$(xl list | awk '/caravan-.*-1 / { print $2 }'); " + script)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            return done.stdout

        progress()
        process.all_lines = lambda: (reader.join(), lines)[1]
        return process, progress, trouble

    def test_4_messages_outlive_outages(self):
        """The interface of one goes down and up, its backend away and back: every message arrives once, whole and in order."""
        process, progress, trouble = self.traffic("--link", "wire")
        trouble("ip link set vif$id.0 down; usleep 500000; ip link set vif$id.0 up")
        progress()
        trouble("vif=/local/domain/$id/device/vif/0; mac=$(xenstore-read $vif/mac); mtu=$(xenstore-read $vif/mtu);"
                "xl network-detach $id 0; usleep 500000; xl network-attach $id mac=$mac mtu=$mtu")
        progress()
        process.stdin.close()
        self.assertEqual((process.stderr.read(), process.wait(60)), ("", 0))
        for rank in range(2):
            self.assertRegex("".join(process.all_lines()), rf"(?m)^messages: {rank}: .* wire_frames_resent [1-9]")

    def test_4_paused_saved_and_shut_down(self):
        """What xl does to a rank: a pause is waited for, longer than a peer would be without an answer; a save fails and does no harm; a
        shutdown ends it."""
        process, progress, trouble = self.traffic("--link", "wire", "--peer-timeout", "2")
        trouble("xl pause $id; sleep 4; xl list $id | grep -q -- --p---; xl unpause $id")
        progress()
        said = trouble("! xl save $id /run/saved 2>&1; xl list $id; rm -f /run/saved")
        self.assertIn("Failed to save domain", said)
        progress()
        trouble("xl shutdown $id")
        self.assertEqual(process.wait(30), 128 + signal.SIGTERM)
        error = process.stderr.read()
        self.assertRegex(error, "caravan: domain caravan-.*-1 was told to shut down")
        self.assertRegex(error, r"mpirun: rank 1 on pocket \(domain .*\) was killed by signal 15")

    # --- Ends ---------------------------------------------------------------------------

    def start(self, ranks):
        """A job whose ranks compute, with all its domains made."""
        process = subprocess.Popen(
            [MPIRUN, "--pocket", "--domu", "-n", str(ranks), "sh", "-c", "echo ready; while :; do :; done"],
            env=self.environment, cwd=self.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        for _ in range(ranks):
            self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def ended(self, process, said, status=128 + signal.SIGKILL):
        began = time.monotonic()
        _, error = process.communicate(timeout=30)
        self.assertIn(said, error)
        self.assertEqual(process.returncode, status)
        left = self.shell("for i in $(seq 100); do"
                          " [ $(xl list | wc -l) = 2 ] && [ -z \"$(ls /run/caravan)\" ] && exit 0;"
                          " sleep 0.1; done; xl list; exit 1")
        self.assertEqual(left.returncode, 0, left.stdout)
        print(f"{said}: nothing is left after {time.monotonic() - began:.1f} s", file=sys.stderr)

    def kill(self, which):
        """kill -9 in dom0 of the first process of that name."""
        # Without a program for each process, which beside ranks that poll may take half a minute.
        done = self.shell("for p in /proc/[0-9]*; do read -r name 2>/dev/null <$p/comm || continue;"
                          f" if [ \"$name\" = {which} ]; then kill -9 ${{p#/proc/}}; exit; fi; done; exit 1")
        self.assertEqual(done.returncode, 0, f"there is no {which}")

    def test_5_a_domain_is_destroyed(self):
        process = self.start(2)
        self.shell("xl destroy $(xl list | awk '/caravan-/ { print $1; exit }')")
        self.ended(process, "has ended without an exit status")

    def test_5_a_keeper_is_killed(self):
        process = self.start(2)
        self.kill("caravan-keeper")
        self.ended(process, "was killed by signal 9")

    def test_5_the_agent_is_killed(self):
        process = self.start(2)
        self.kill("mpirun")
        self.ended(process, "host pocket", status=1)

    def test_5_mpirun_is_killed(self):
        process = self.start(2)
        process.kill()
        self.ended(process, "", status=-signal.SIGKILL)

    def test_5_mpirun_is_interrupted(self):
        process = self.start(2)
        process.send_signal(signal.SIGINT)
        self.ended(process, "", status=128 + signal.SIGINT)

    def test_5_a_program_that_fails_ends_the_others(self):
        done = self.mpirun("-n", 2, "sh", "-c", "[ $PMI_RANK = 1 ] && exit 5; while :; do :; done")
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("rank 1 on pocket", done.stderr)

    # --- Users who are not root ------------------------------------------------------------

    # A prefix that they can read, in dom0's own memory; the root agent; and a user's mpirun.
    AGENT = r"""
        set -e
        prefix=/run/prefix
        mkdir -p $prefix/bin $prefix/lib/caravan /run/user
        chown 65534:65534 /run/user
        cp "$BUILD/bin/mpirun" "$BUILD/bin/caravan" "$BUILD/bench/hello" "$BUILD/tests/xen/host_files" $prefix/bin/
        cp "$BUILD/lib/libmpi.so.40" $prefix/lib/
        cp "$BUILD/guest/caravan-guest" $prefix/lib/caravan/
        echo '65534 domains=2' >/run/allow
        chmod 644 /run/allow
        (setsid $prefix/bin/caravan node-agent --allow /run/allow >/run/agent.log 2>&1 </dev/null &)
        for i in $(seq 100); do [ -S /run/caravan/agent ] && exit 0; sleep 0.1; done
        cat /run/agent.log; exit 1"""
    USER = "cd /run/user; setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/run/user /run/prefix/bin/mpirun "

    def test_7_users_who_are_not_root(self):
        begun = self.shell("BUILD='" + os.path.abspath(BUILD) + "'" + self.AGENT)
        self.assertEqual(begun.returncode, 0, begun.stdout + begun.stderr)
        self.addCleanup(self.shell, "for p in /proc/[0-9]*; do grep -qx caravan $p/comm 2>/dev/null && kill ${p#/proc/}; done;"
                        " for i in $(seq 100); do [ -e /run/caravan/agent ] || exit 0; sleep 0.1; done")
        out = self.shell(self.USER + "--domu -n 2 /run/prefix/bin/hello", timeout=120)
        self.assertIn("2 process", out.stdout, out.stderr)
        # What a rank does is what its user may.
        out = self.shell(self.USER + """--domu -n 1 sh -c '
            echo mine >made; read -r word <made; echo $word; echo x >/run/allow; read -r word </etc/shadow; exit 3'""", timeout=120)
        self.assertEqual((out.stdout, out.returncode), ("mine\n", 3), out.stderr)
        self.assertEqual(out.stderr.count("Permission denied"), 2, out.stderr)
        self.assertEqual(self.shell("stat -c %u:%g /run/user/made").stdout, "65534:65534\n")
        out = self.shell(self.USER + "--domu -n 3 /run/prefix/bin/hello")
        self.assertIn("may have 2 domains at once on this host, has 0, and wants 3 more", out.stderr)
        # The channel's process, with Xen's own library: nothing but the user's rights, and of them few calls.
        out = self.shell(self.USER + """--domu -n 1 sh -c 'echo ready; while :; do :; done' >/run/said 2>&1 &
            mpirun=$!
            for i in $(seq 300); do grep -q ready /run/said && break; sleep 0.1; done
            for p in /proc/[0-9]*; do
                grep -qx caravan-relay $p/comm 2>/dev/null && awk '/^(Uid|Groups|CapPrm|Seccomp):/ { print $1, $2 }' $p/status
            done
            kill -9 $mpirun
            for i in $(seq 50); do [ $(xl list | wc -l) = 2 ] && break; sleep 0.1; done
            xl list | wc -l""", timeout=120)
        self.assertEqual(out.stdout.splitlines(), ["Uid: 65534", "Groups: ", "CapPrm: 0000000000000000", "Seccomp: 2", "2"],
                         out.stdout + out.stderr)

    def test_6_jobs_in_a_row_leave_nothing(self):
        self.good("-n", 2, os.path.join(BUILD, "bench/hello"))
        before = self.host()
        for _ in range(200 if LONG else 6):
            self.good("-n", 2, os.path.join(BUILD, "bench/hello"))
        self.assertEqual(self.host(), before)


def need(case, *names):
    for name in names:
        if not shutil.which(name):
            case.skipTest(f"{name} is missing")


if __name__ == "__main__":
    unittest.main()
