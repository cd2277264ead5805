# SPDX-License-Identifier: BSD-2-Clause
"""Intent: mpirun's options on one host do what docs/mpirun.md says, for programs with MPI and without."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest

from launcher import BUILD, MPIRUN, RANK, LauncherTest

SHOW = 'echo $OMPI_COMM_WORLD_RANK/$OMPI_COMM_WORLD_SIZE'


class Options(LauncherTest):
    def test_ranks(self):
        for option in ("-n", "-np", "-c", "--n", "--np"):
            out = self.run_mpirun(option, 3, "--oversubscribe", "sh", "-c", SHOW)
            self.assertEqual(sorted(out.split()), ["0/3", "1/3", "2/3"])

    def test_without_a_number_one_a_core(self):
        out = self.run_mpirun("echo", "x")
        self.assertEqual(len(out.split()), len(os.sched_getaffinity(0)))

    def test_environment(self):
        names = ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
                 "OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_NODE_RANK", "OMPI_UNIVERSE_SIZE",
                 "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "CARAVAN_CONTROL"]
        out = self.run_mpirun("-n", 2, "sh", "-c", "echo " + " ".join("$" + name for name in names))
        self.assertEqual(sorted(out.splitlines()), ["0 2 0 2 0 2 0 0 2 1", "1 2 1 2 1 2 1 1 2 1"])

    def test_secrets_are_nowhere_to_be_seen(self):
        out = self.run_mpirun("-n", 1, "sh", "-c", "env; cat /proc/$PPID/cmdline /proc/$PPID/environ | tr '\\0' '\\n'")
        for line in out.splitlines():
            if not line.startswith("CARAVAN_TEST_MARK"):
                self.assertIsNone(re.search(r"(?i)key=[0-9a-f]{32}", line), line)

    def test_export(self):
        self.environment["FROM_HERE"] = "a b"
        out = self.run_mpirun("-n", 1, "-x", "FROM_HERE", "-x", "SET=c=d", "sh", "-c",
                              'echo "$FROM_HERE,$SET"')
        self.assertEqual(out, "a b,c=d\n")
        self.run_mpirun("-n", 1, "-x", "NOT_THERE", "true")
        self.assertIn("NOT_THERE", self.errors)

    def test_directory(self):
        with tempfile.TemporaryDirectory() as directory:
            for option in ("-wdir", "--wdir", "-wd"):
                out = self.run_mpirun("-n", 1, option, directory, "sh", "-c", "pwd -P; echo $PWD")
                self.assertEqual(out.split(), [os.path.realpath(directory), directory])
            self.run_mpirun("-n", 2, "-wdir", directory + "/not", "true", status=1)
            self.assertRegex(self.errors, r"cannot enter the directory '.*not': No such file")
            self.assertEqual(len(self.errors.splitlines()), 1)

    def test_program_is_found_as_open_mpi_finds_it(self):
        with tempfile.TemporaryDirectory() as directory:
            program = os.path.join(directory, "hello-here")
            with open(program, "w") as file:
                file.write("#!/bin/sh\necho here\n")
            os.chmod(program, 0o755)
            self.assertEqual(self.run_mpirun("-n", 1, "./hello-here", cwd=directory), "here\n")
            self.assertEqual(self.run_mpirun("-n", 1, "hello-here", cwd=directory), "here\n")
            self.assertEqual(self.run_mpirun("-n", 1, "-x", "PATH=" + directory, "hello-here",
                                             cwd="/"), "here\n")
            os.chmod(program, 0o644)
            self.run_mpirun("-n", 2, program, status=126)
            self.assertIn("Permission denied", self.errors)

    def test_no_such_program(self):
        self.run_mpirun("-n", 3, "--oversubscribe", "./does-not-exist", status=127)
        self.assertRegex(self.errors,
                         r"^mpirun: rank \d on .*: cannot execute './does-not-exist': No such file")
        self.assertEqual(len(self.errors.splitlines()), 1)

    def test_several_programs(self):
        out = self.run_mpirun("-n", 1, "sh", "-c", "echo A $OMPI_COMM_WORLD_RANK $V", ":", "-n", 1,
                              "-x", "V=v", "sh", "-c", "echo B $OMPI_COMM_WORLD_RANK $V")
        self.assertEqual(sorted(out.splitlines()), ["A 0", "B 1 v"])

    def test_program_numbers(self):
        self.environment["SHOW_WELCOME"] = "1"
        out = self.run_mpirun("-n", 1, RANK, "init", "hello", "finalize", ":", "-n", 2, RANK, "init",
                              "hello", "finalize")
        welcome = sorted(line for line in out.splitlines() if line.startswith("welcome"))
        self.assertEqual(welcome, [f"welcome process={i} size=3 node=0 nodes=1 ranks=3"
                                   f" program={min(i, 1)} link=auto" for i in range(3)])

    def test_hosts_of_this_machine_need_no_ssh(self):
        self.environment["PATH"] = "/nowhere"
        for host in ("localhost", "127.0.0.1", "127.0.1.1", "::1", socket.gethostname(),
                     "localhost,127.0.0.1"):
            self.run_mpirun("-H", host, "-n", 2, "/bin/true")

    def test_slots(self):
        for hosts, count in (("localhost", 1), ("localhost:3", 3), ("localhost,localhost", 2)):
            out = self.run_mpirun("--oversubscribe", "--host", hosts, "echo", "x")
            self.assertEqual(len(out.split()), count)

    def test_hostfile(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("# hosts\n\nlocalhost slots=3 max_slots=4 # here\n")
            file.flush()
            for option in ("--hostfile", "-hostfile", "-machinefile", "--machinefile"):
                out = self.run_mpirun("--oversubscribe", option, file.name, "echo", "x")
                self.assertEqual(len(out.split()), 3)
            out = self.run_mpirun("--oversubscribe", "--hostfile", file.name, "-n", 5, "echo", "x")
            self.assertEqual(len(out.split()), 5)
            file.write("localhost slots=many\n")
            file.flush()
            self.run_mpirun("--hostfile", file.name, "true", status=1)
            self.assertIn("line 4: 'slots=many'", self.errors)
        self.run_mpirun("--hostfile", "/does/not/exist", "true", status=1)
        self.assertIn("No such file", self.errors)

    def test_per_node(self):
        for option in (("-N", 3), ("-npernode", 3), ("--map-by", "ppr:3:node")):
            out = self.run_mpirun("--oversubscribe", *option, "echo", "x")
            self.assertEqual(len(out.split()), 3)

    def test_oversubscribed_is_said_once(self):
        count = len(os.sched_getaffinity(0)) + 1
        self.run_mpirun("-n", count, "true")
        self.assertRegex(self.errors, rf"^mpirun: {count} ranks share the \d+ cores? of [^\n]*\n$")
        for quiet in (["--oversubscribe"], ["-q"], ["--map-by", "slot:OVERSUBSCRIBE"]):
            self.run_mpirun("-n", count, *quiet, "true")
            self.assertEqual(self.errors, "")

    def test_parameters(self):
        self.environment["OMPI_MCA_btl"] = "vader,self"
        self.environment["OMPI_MCA_pml"] = "ob1"
        out = self.run_mpirun("-n", 1, "--mca", "btl", "tcp,self", "--mca", "orte_base_help_aggregate", 0,
                              "--allow-run-as-root", "sh", "-c", "echo $OMPI_MCA_btl $OMPI_MCA_pml")
        self.assertEqual(out, "tcp,self ob1\n")
        self.assertEqual(self.errors, "mpirun: without meaning here, and ignored: mca btl, mca pml\n")

    def test_binding(self):
        count = len(os.sched_getaffinity(0))
        out = self.run_mpirun("-n", count, "--bind-to", "hwthread", "--report-bindings", "sh", "-c",
                              "grep Cpus_allowed_list /proc/self/status")
        self.assertEqual(sorted(out.split()[1::2]), sorted(map(str, os.sched_getaffinity(0))))
        self.assertEqual(len(re.findall("is bound to cpus", self.errors)), count)
        whole = self.run_mpirun("-n", 1, "--bind-to", "none", "nproc")
        self.assertEqual(whole.strip(), str(count))

    def test_unknown_options(self):
        for wrong, right in (("--hostfle", "--hostfile"), ("-tag-ouput", "--tag-output"),
                             ("--oversubcsribe", "--oversubscribe"), ("--tiemout=3", "--timeout")):
            self.run_mpirun(wrong, "-n", 1, "true", status=1)
            self.assertIn(f"there is no option '{wrong}'; did you mean '{right}'?", self.errors)
        self.run_mpirun("--zzzzzzzz", "true", status=1)
        self.assertNotIn("did you mean", self.errors)

    def test_wrong_values(self):
        for arguments in (["-n", "0", "true"], ["-n", "two", "true"], ["-n", "-1", "true"], ["-n"],
                          ["--timeout", "x", "true"], ["--bind-to", "moon", "true"], [],
                          ["--map-by", "moon", "true"], ["-n", "1"], ["-n", "1", "true", ":"],
                          ["--link", "tcp", "true"], ["--host", "-oProxyCommand=x", "true"],
                          ["--host", "a;b", "true"], ["--mca", "btl"], ["-x", "=1", "true"],
                          ["--ethertype", "0x100", "true"], ["-n", "99999999", "true"]):
            self.run_mpirun(*arguments, status=1)
            self.assertTrue(self.errors.startswith("mpirun: "), f"{arguments}: {self.errors}")

    def test_help_and_version(self):
        out = self.run_mpirun("--help")
        for option in ("-n N", "--hostfile", "--tag-output", "--launch-agent", "--bind-to"):
            self.assertIn(option, out)
        self.assertRegex(self.run_mpirun("--version"), r"^mpirun \(Caravan\) \d+\.\d+\.\d+\n$")
        self.assertEqual(self.run_mpirun("-V"), self.run_mpirun("--version"))

    def test_link_that_cannot_be(self):
        self.run_mpirun("-n", 2, "--link", "wire", "true", status=1)
        self.assertIn("--link wire: 2 ranks are on", self.errors)
        self.run_mpirun("-n", 2, "--link", "ring", "true")

    def test_mpiexec_is_mpirun(self):
        out = subprocess.run([os.path.join(BUILD, "bin", "mpiexec"), "-n", "2", "echo", "x"],
                             env=self.environment, capture_output=True, text=True, timeout=10)
        self.assertEqual(out.stdout, "x\nx\n")

    def test_inside_a_job(self):
        out = self.run_mpirun("-n", 1, MPIRUN, "-n", 2, "sh", "-c", SHOW)
        self.assertEqual(sorted(out.split()), ["0/2", "1/2"])


class Streams(LauncherTest):
    def test_input_goes_to_rank_0(self):
        out = self.run_mpirun("-n", 2, "sh", "-c", 'echo "$OMPI_COMM_WORLD_RANK:$(wc -c)"',
                              input="x" * 300000)
        self.assertEqual(sorted(out.split()), ["0:300000", "1:0"])

    def test_input_that_nobody_reads(self):
        self.run_mpirun("-n", 2, "true", input="x" * 50000)

    def test_input_from_a_file_is_only_read_by_the_rank(self):
        # The loop's own list is not eaten by what runs in it, as long as the ranks do not read.
        out = subprocess.run(["sh", "-c", 'printf "a\\nb\\n" | while read x; do "$0" -n 1 echo $x; done',
                              MPIRUN], env=self.environment, capture_output=True, text=True, timeout=10)
        self.assertEqual(out.stdout, "a\nb\n")

    def test_lines_are_not_mixed(self):
        script = ("import os, sys\n"
                  "me = os.environ['OMPI_COMM_WORLD_RANK']\n"
                  "for i in range(40):\n"
                  "    line = (me * (3000 + 997 * i) + '\\n').encode()\n"
                  "    for at in range(0, len(line), 1001):\n"
                  "        os.write(1, line[at:at + 1001])\n")
        out = self.run_mpirun("-n", 4, "--oversubscribe", sys.executable, "-c", script)
        lines = out.splitlines()
        self.assertEqual(len(lines), 160)
        for line in lines:
            self.assertEqual(len(set(line)), 1, "a line of several ranks")

    def test_last_lines_without_an_end(self):
        out = self.run_mpirun("-n", 2, "sh", "-c", "printf x$OMPI_COMM_WORLD_RANK")
        self.assertEqual(sorted(out.split("\n")), ["x0", "x1"])
        self.assertEqual(self.run_mpirun("-n", 1, "printf", "x"), "x")

    def test_tags(self):
        out = self.run_mpirun("-n", 2, "--tag-output", "sh", "-c",
                              "echo a; echo; echo b >&2; printf c")
        self.assertEqual(sorted(out.splitlines()), sorted(
            f"[1,{rank}]<stdout>:{text}" for rank in (0, 1) for text in ("a", "", "c")))
        self.assertEqual(sorted(self.errors.splitlines()),
                         ["[1,0]<stderr>:b", "[1,1]<stderr>:b"])

    def test_merged_errors(self):
        out = self.run_mpirun("-n", 1, "--merge-stderr-to-stdout", "sh", "-c", "echo a; echo b >&2")
        self.assertEqual(sorted(out.split()), ["a", "b"])
        self.assertEqual(self.errors, "")

    def test_output_files(self):
        with tempfile.TemporaryDirectory() as directory:
            for suffix, shown in (("", "out 0\nout 1\n"), (":nocopy", "")):
                place = os.path.join(directory, "deep", "er" + str(len(suffix)))
                out = self.run_mpirun("-n", 2, "--output-filename", place + suffix, "sh", "-c",
                                      "echo out $OMPI_COMM_WORLD_RANK; echo err >&2")
                self.assertEqual("".join(sorted(out.splitlines(True))), shown)
                for rank in (0, 1):
                    with open(f"{place}/1/rank.{rank}/stdout") as file:
                        self.assertEqual(file.read(), f"out {rank}\n")
                    with open(f"{place}/1/rank.{rank}/stderr") as file:
                        self.assertEqual(file.read(), "err\n")
        self.run_mpirun("-n", 1, "--output-filename", "/proc/not/here", "true", status=1)
        self.assertIn("cannot write the output of rank 0", self.errors)

    def test_much_output_to_a_slow_reader(self):
        process = self.start("-n", 2, "sh", "-c", "yes | head -c 3000000")
        total = 0
        while True:
            bytes_read = process.stdout.read(65536)
            if not bytes_read:
                break
            total += len(bytes_read)
            if total < 1000000:
                import time
                time.sleep(0.02)
        self.assertEqual(process.wait(10), 0)
        self.assertEqual(total, 6000000)

    def test_reader_that_goes_away(self):
        process = self.start("-n", 2, "sh", "-c", "yes", stderr=subprocess.DEVNULL)
        process.stdout.read(100)
        process.stdout.close()
        self.assertEqual(process.wait(10), 141)
        process.stdout = None

    def test_binary_output_of_one_rank(self):
        data = bytes(range(256)) * 1000
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            out = subprocess.run([MPIRUN, "-n", "1", "cat", file.name], env=self.environment,
                                 capture_output=True, timeout=10)
        self.assertEqual(out.stdout, data)

    def test_a_terminal_is_passed_on(self):
        script = ("import pty, os, sys\n"
                  "status = pty.spawn(sys.argv[1:])\n"
                  "sys.exit(os.waitstatus_to_exitcode(status))\n")
        out = subprocess.run([sys.executable, "-c", script, MPIRUN, "-n", "2", "sh", "-c",
                              "test -t 1 && echo terminal $OMPI_COMM_WORLD_RANK"],
                             env=self.environment, capture_output=True, text=True, timeout=10,
                             stdin=subprocess.DEVNULL)
        self.assertEqual(sorted(out.stdout.split("\n")), ["", "terminal 0", "terminal 1"])
        self.assertEqual(self.run_mpirun("-n", 1, "sh", "-c", "test -t 1 || echo pipe"), "pipe\n")

    def test_prompt_on_a_terminal_is_seen_at_once(self):
        script = ("import os, pty, sys\n"
                  "pid, fd = pty.fork()\n"
                  "if pid == 0: os.execv(sys.argv[1], sys.argv[1:])\n"
                  "seen = b''\n"
                  "while b'name? ' not in seen: seen += os.read(fd, 100)\n"
                  "os.write(fd, b'Ada\\n')\n"
                  "try:\n"
                  "    while True:\n"
                  "        more = os.read(fd, 100)\n"
                  "        if not more: break\n"
                  "        seen += more\n"
                  "except OSError: pass\n"
                  "print(b'hello Ada' in seen)\n")
        out = subprocess.run([sys.executable, "-c", script, MPIRUN, "-n", "2", "sh", "-c",
                              'test $OMPI_COMM_WORLD_RANK = 1 || '
                              '{ printf "name? "; read name; echo hello $name; }'],
                             env=self.environment, capture_output=True, text=True, timeout=10)
        self.assertEqual(out.stdout, "True\n", out.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
