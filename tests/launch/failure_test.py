# SPDX-License-Identifier: BSD-2-Clause
"""Intent: whatever ends badly ends the whole job soon, is named in one message, gives the exit status that Open MPI
gives, and leaves no process behind. tearDown looks for processes after every test."""

import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

from launcher import MPIRUN, RANK, LauncherTest


class Ends(LauncherTest):
    def check(self, arguments, status, message, within=3.0):
        before = time.monotonic()
        self.run_mpirun(*arguments, status=status)
        self.assertLess(time.monotonic() - before, within)
        self.assertRegex(self.errors, message)
        # The first failure is said, and nothing that follows from it.
        self.assertEqual(len(re.findall("^mpirun: rank", self.errors, re.M)), 1, self.errors)

    def test_exit_status_of_the_first(self):
        self.check(["-n", 2, RANK, "1:exit=3", "sleep=30"], 3,
                   r"mpirun: rank 1 on \S+ \(pid \d+, .*fake_rank\) ended with exit status 3")

    def test_killed_rank(self):
        for number, name in ((9, "Killed"), (11, "Segmentation fault"), (6, "Aborted")):
            self.check(["-n", 2, RANK, "init", "hello", "0:sleep=30", f"1:signal={number}"], 128 + number,
                       rf"rank 1 on \S+ \(pid \d+, .*fake_rank\) was killed by signal {number} \({name}")

    def test_killed_from_outside(self):
        process = self.start("-n", 2, "sleep", 60)
        self.wait_for_processes(4)
        ranks = [pid for agent in self.children(process.pid) for pid in self.children(agent)]
        os.kill(ranks[0], signal.SIGKILL)
        before = time.monotonic()
        _, errors = process.communicate(timeout=10)
        self.assertLess(time.monotonic() - before, 3)
        self.assertEqual(process.returncode, 137)
        self.assertIn(f"(pid {ranks[0]}, sleep) was killed by signal 9 (Killed)", errors)

    def test_no_finalize(self):
        self.check(["-n", 2, RANK, "init", "hello", "1:exit=0", "sleep=30"], 1,
                   "rank 1 .* ended after MPI_Init without calling MPI_Finalize")

    def test_no_init_where_others_wait(self):
        self.check(["-n", 2, RANK, "1:exit=0", "init", "hello", "barrier"], 1,
                   "rank 1 .* has ended without taking part, and rank 0 waits for it")
        self.check(["-n", 2, RANK, "init", "0:sleep=0.3", "1:finalize", "1:exit=0", "barrier"], 1,
                   "rank 1 .* has ended without taking part, and rank 0 waits for it")

    def test_abort(self):
        self.check(["-n", 2, RANK, "init", "hello", "1:abort=7:out of luck=%", "sleep=30"], 7,
                   r"rank 1 on \S+ \(pid \d+, .*fake_rank\) aborted the job: out of luck=%")
        self.check(["-n", 2, RANK, "init", "0:abort=0:", "sleep=30"], 0, "aborted the job$")

    def test_stream_that_ends(self):
        self.check(["-n", 2, RANK, "init", "1:close", "sleep=30"], 1,
                   "rank 1 .*: its control stream ended before MPI_Finalize")

    def test_protocol(self):
        self.check(["-n", 2, RANK, "1:raw=nonsense", "sleep=30"], 1, "rank 1 .* is not a line")
        self.check(["-n", 1, RANK, "raw=cmd=put key=a value=b", "sleep=30"], 1, "sent `put` before `init`")
        self.check(["-n", 1, RANK, "init", "version=77"], 1, "launcher 1, library 77")
        self.check(["-n", 1, RANK, "init", "raw=cmd=caravan_hello version=1", "sleep=30"], 1,
                   "rank 0 .* greeting")
        self.check(["-n", 1, RANK, "init", "hello", "raw=cmd=caravan_ring peer=0 bytes=1 fds=1", "sleep=9"],
                   1, "rank 0 .* is not a line")

    def test_rank_that_ignores_term(self):
        self.check(["-n", 2, RANK, "ignore-term", "1:exit=5", "sleep=30"], 5, "exit status 5")

    def test_stopped_rank(self):
        self.check(["-n", 2, RANK, "0:signal=19", "1:sleep=0.2", "1:exit=5"], 5, "exit status 5")

    def test_rank_in_a_session_of_its_own(self):
        script = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(50)"
        self.check(["-n", 1, "setsid", "--wait", "python3", "-c", script, ":", "-n", 1, RANK, "sleep=0.3", "exit=6"],
                   6, "exit status 6")

    def test_closed_standard_streams(self):
        out = subprocess.run(["sh", "-c", '"$0" -n 2 sh -c "echo out; echo err >&2; cat" <&-; echo $?; "$0" -n 1 true >&- 2>&-; echo $?',
                              MPIRUN], env=self.environment, capture_output=True, text=True, timeout=10)
        self.assertEqual(out.stdout, "out\nout\n0\n0\n")
        self.assertEqual(out.stderr, "err\nerr\n")

    def test_grace(self):
        script = "trap 'sleep 0.3; echo cleaned up; exit 0' TERM; sleep 0.2; kill -9 $1 2>/dev/null; " \
                 "test $OMPI_COMM_WORLD_RANK = 1 && exit 4; while :; do sleep 0.05; done"
        self.assertEqual(self.run_mpirun("-n", 2, "sh", "-c", script, status=4), "cleaned up\n")

    def test_timeout(self):
        before = time.monotonic()
        self.run_mpirun("--timeout", 1, "-n", 2, "sleep", 60, status=110)
        self.assertLess(time.monotonic() - before, 3)
        self.assertEqual(self.errors, "mpirun: the job has not ended after 1 seconds (--timeout)\n")

    def test_recovery(self):
        out = self.run_mpirun("--enable-recovery", "-n", 3, "--oversubscribe", RANK, "init", "hello",
                              "1:signal=9", "down", "finalize", status=137)
        self.assertEqual(out, "down 1\ndown 1\n")

    def test_leftover_children_end_with_the_job(self):
        before = time.monotonic()
        self.run_mpirun("-n", 2, RANK, "fork=50")
        self.assertLess(time.monotonic() - before, 3)
        self.assertEqual(self.processes(), [])

    def test_outputs_before_the_end_arrive(self):
        out = self.run_mpirun("-n", 2, "sh", "-c", "test $OMPI_COMM_WORLD_RANK = 0 && sleep 30; seq 20000; exit 3",
                              status=3)
        self.assertEqual(out, "".join(f"{i}\n" for i in range(1, 20001)))


class Signals(LauncherTest):
    def start_and_signal(self, number, *arguments):
        process = self.start(*arguments)
        self.wait_for_processes(4)
        time.sleep(0.1)
        process.send_signal(number)
        return process

    def test_interrupt_and_terminate_end_everything(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = time.monotonic()
            process = self.start_and_signal(number, "-n", 2, RANK, "init", "hello", "fork=50", "sleep=50")
            process.communicate(timeout=10)
            self.assertEqual(process.returncode, 128 + number)
            self.assertLess(time.monotonic() - before, 3)
            self.assertEqual(self.processes(), [])

    def test_second_interrupt_kills(self):
        process = self.start_and_signal(signal.SIGINT, "--kill-grace", 60000, "-n", 2, RANK, "ignore-term",
                                        "sleep=50")
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=3)
        self.assertEqual(process.returncode, 130)

    def test_user_signals(self):
        """The second reaches the ranks. The first is mpirun's (stall_test.py), and would end a program that does not expect it."""
        script = "trap 'echo one' USR1; trap 'echo two; exit 0' USR2; while :; do sleep 0.05; done"
        process = self.start_and_signal(signal.SIGUSR1, "-n", 2, "bash", "-c", script)
        time.sleep(0.5)
        process.send_signal(signal.SIGUSR2)
        out, _ = process.communicate(timeout=10)
        self.assertEqual(sorted(out.split()), ["two", "two"])
        self.assertEqual(process.returncode, 0)

    def state(self, pid):
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    def test_stop_and_continue(self):
        process = self.start_and_signal(signal.SIGTSTP, "-n", 2, "sleep", "1")
        time.sleep(0.3)
        agent, = self.children(process.pid)
        ranks = self.children(agent)
        self.assertEqual([self.state(pid) for pid in [process.pid, *ranks]], ["T", "T", "T"])
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=10)
        self.assertEqual(process.returncode, 0)

    def test_ignored_signals_stay_ignored(self):
        process = self.start("-n", 2, "sleep", "0.5", preexec_fn=lambda: signal.signal(
            signal.SIGHUP, signal.SIG_IGN))
        self.wait_for_processes(4)
        process.send_signal(signal.SIGHUP)
        self.assertEqual(process.wait(10), 0)


class Killed(LauncherTest):
    """kill -9, where nobody can clean up after himself."""

    def test_mpirun(self):
        process = self.start("-n", 2, RANK, "init", "hello", "ignore-term", "fork=50", "sleep=50")
        self.wait_for_processes(8)
        process.kill()
        self.wait_for_none()

    def test_agent(self):
        process = self.start("-n", 2, RANK, "init", "hello", "ignore-term", "fork=50", "sleep=50")
        self.wait_for_processes(8)
        agent, = self.children(process.pid)
        os.kill(agent, signal.SIGKILL)
        _, errors = process.communicate(timeout=5)
        self.assertEqual(process.returncode, 1)
        self.assertRegex(errors, r"mpirun: host \S+: its agent was killed by signal 9 \(Killed\)")
        self.assertEqual(self.processes(), [])

    def test_every_one_at_once(self):
        process = self.start("-n", 2, RANK, "fork=50", "sleep=50")
        self.wait_for_processes(8)
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.communicate(timeout=5)
        self.wait_for_none()

    def test_children_of_the_shell_before_are_not_ours(self):
        script = "sleep 2 & echo $!; exec \"$0\" -n 1 true"
        with tempfile.TemporaryFile("w+") as file:
            subprocess.run(["bash", "-c", script, MPIRUN], env=self.environment, stdout=file, timeout=10)
            file.seek(0)
            sleeper = int(file.read())
        self.assertEqual(self.processes(), [sleeper])
        os.kill(sleeper, signal.SIGKILL)
        self.wait_for_none()


class Hosts(LauncherTest):
    """Entering other hosts, by scripts that take the place of ssh."""

    def script(self, text):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = os.path.join(directory.name, "enter")
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def test_every_host_is_entered(self):
        agent = self.script('echo "$1" >>"$LOG"; shift; exec "$@"\n')
        with tempfile.NamedTemporaryFile("r") as log:
            self.environment["LOG"] = log.name
            out = self.run_mpirun("-H", "a:2,b,localhost", "--launch-agent", agent, "sh", "-c",
                                  "echo $OMPI_COMM_WORLD_RANK $OMPI_COMM_WORLD_LOCAL_RANK $OMPI_COMM_WORLD_LOCAL_SIZE")
            self.assertEqual(sorted(out.splitlines()), ["0 0 2", "1 1 2", "2 0 1", "3 0 1"])
            self.assertEqual(sorted(log.read().split()), ["a", "b", "localhost"])

    def test_words_before_the_host(self):
        agent = self.script('test "$1" = -v && test "$2" = 3 && shift 3 && exec "$@"\n')
        self.run_mpirun("-H", "a,b", "--launch-agent", agent + " -v 3", "true")

    def test_mapping(self):
        agent = self.script('shift; exec "$@"\n')
        show = ["sh", "-c", "echo $OMPI_COMM_WORLD_RANK:$OMPI_COMM_WORLD_LOCAL_RANK"]
        enter = ["--oversubscribe", "--launch-agent", agent]
        for options, wanted in ((["-H", "a:2,b:2", "-n", 4], "0:0 1:1 2:0 3:1"),
                                (["-H", "a:2,b:2", "-n", 4, "--map-by", "node"], "0:0 1:0 2:1 3:1"),
                                (["-H", "a:2,b:2", "-n", 4, "--bynode"], "0:0 1:0 2:1 3:1"),
                                (["-H", "a:1,b:3", "-n", 3], "0:0 1:0 2:1"),
                                (["-H", "a:4,b:4", "-N", 1], "0:0 1:0"),
                                (["-H", "a:1,b:1", "-n", 6], "0:0 1:1 2:2 3:0 4:1 5:2"),
                                (["-H", "a:3,b", "--map-by", "ppr:2:node"], "0:0 1:1 2:0 3:1"),
                                (["-H", "a,b", "-n", 1], "0:0")):
            out = self.run_mpirun(*options, *enter, *show)
            self.assertEqual(" ".join(sorted(out.split())), wanted, options)
        out = self.run_mpirun(*enter, "-H", "a", "-n", 1, *show, ":", "-H", "b", "-n", 2, *show)
        self.assertEqual(sorted(out.split()), ["0:0", "1:0", "2:1"])
        self.run_mpirun(*enter, "--display-map", "-H", "a:2,b", "true")
        self.assertIn("ranks 0-1: a, true", self.errors)

    def test_the_key_value_space_spans_nodes(self):
        agent = self.script('shift; exec "$@"\n')
        out = self.run_mpirun("--oversubscribe", "--launch-agent", agent, "-H", "a:2,b:1", RANK, "init",
                              "0:put=zero:0=%20", "1:put=one:1", "2:put=two:2", "barrier", "get=zero", "get=one",
                              "get=two", "get=PMI_process_mapping", "barrier", "barrier", "finalize")
        self.assertEqual(sorted(out.split()),
                         sorted(["zero=0=%20", "one=1", "two=2",
                                 "PMI_process_mapping=(vector,(0,1,2),(1,1,1))"] * 3))

    def test_input_and_environment_reach_another_host(self):
        agent = self.script('shift; cd /; unset MINE; exec "$@"\n')
        self.environment["MINE"] = "of here"
        with tempfile.TemporaryDirectory() as directory:
            out = self.run_mpirun("--launch-agent", agent, "-H", "a", "sh", "-c", "pwd -P; echo $MINE; wc -c",
                                  input="y" * 200000, cwd=directory)
            self.assertEqual(out.split("\n"), [os.path.realpath(directory), "of here", "200000", ""])
        with open(RANK, "rb") as file:
            out = self.run_mpirun("--launch-agent", agent, "-H", "a", "wc", "-c", stdin=file)
        self.assertEqual(int(out), os.path.getsize(RANK))

    def test_no_answer(self):
        before = time.monotonic()
        agent = self.script('test "$1" = b && sleep 50; shift; exec "$@"\n')
        self.run_mpirun("-H", "a,b,c", "--launch-agent", agent, "--start-timeout", 1, "true", status=1)
        self.assertLess(time.monotonic() - before, 4)
        self.assertEqual(self.errors, "mpirun: host b: no answer within 1 seconds (--start-timeout)\n"
                         "mpirun: the job was not started\n")

    def test_refusal(self):
        agent = self.script('test "$1" = b && { echo "no such host" >&2; exit 255; }; shift; exec "$@"\n')
        self.run_mpirun("-H", "a,b", "--launch-agent", agent, "true", status=1)
        self.assertEqual(self.errors,
                         "mpirun: host b: no agent could be started there (status 255): no such host\n")
        self.run_mpirun("-H", "a", "--launch-agent", "/does/not/exist", "true", status=1)
        self.assertIn("cannot execute '/does/not/exist': No such file", self.errors)

    def test_no_ssh(self):
        self.environment["PATH"] = "/nowhere"
        self.run_mpirun("-H", "elsewhere", "/bin/true", status=1)
        self.assertRegex(self.errors, "host elsewhere: no agent could be started there .*: cannot execute 'ssh'")

    def test_noise_of_a_login_shell(self):
        agent = self.script('echo "Welcome to $1"; head -c 5000 /dev/zero; echo "motd" >&2; shift; exec "$@"\n')
        self.assertEqual(self.run_mpirun("-H", "a", "--launch-agent", agent, "echo", "x"), "x\n")

    def test_something_else_answers(self):
        agent = self.script('yes\n')
        self.run_mpirun("-H", "a", "--launch-agent", agent, "true", status=1)
        self.assertIn("do not understand each other", self.errors)

    def agents(self, process):
        """Guard and agent of each host."""
        return [(guard, *self.children(guard)) for guard in self.children(process.pid)]

    def start_two(self):
        agent = self.script('shift; exec "$@"\n')
        process = self.start("-H", "a,b", "--launch-agent", agent, RANK, "ignore-term", "fork=50", "sleep=50")
        self.wait_for_processes(11)
        return process

    def test_kill_an_entered_agent(self):
        for index in (0, 1):
            process = self.start_two()
            os.kill(self.agents(process)[1][index], signal.SIGKILL)
            _, errors = process.communicate(timeout=6)
            self.assertEqual(process.returncode, 1)
            self.assertRegex(errors, "mpirun: host b: its agent (was killed|has ended)")
            self.wait_for_none()

    def test_kill_mpirun(self):
        process = self.start_two()
        process.kill()
        self.wait_for_none(4)

    def test_interrupt(self):
        process = self.start_two()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=5)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.processes(), [])

    def test_fence_with_one_that_ended(self):
        agent = self.script('shift; exec "$@"\n')
        self.run_mpirun("-H", "a,b", "--launch-agent", agent, RANK, "1:exit=0", "init", "barrier", status=1)
        self.assertRegex(self.errors, "rank 1 on b .* has ended without taking part, and rank 0 waits")


if __name__ == "__main__":
    unittest.main(verbosity=1)
