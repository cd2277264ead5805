# SPDX-License-Identifier: BSD-2-Clause
"""What the end-to-end scenarios share: Caravan's mpirun, and the check that nothing is left behind."""

import glob
import os
import re
import subprocess
import sys
import time
import traceback
import uuid

import network

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.normpath(os.path.join(HERE, "..", ".."))
BUILD = os.path.abspath(os.environ.get("CARAVAN_BUILD", os.path.join(SOURCE, "build")))
BIN, LIB = os.path.join(BUILD, "bin"), os.path.join(BUILD, "lib")
BENCH = os.path.join(BUILD, "bench")
MPIRUN = os.path.join(BIN, "mpirun")

SKIP = 77
LOSSY = ["--drop", "5", "--duplicate", "2", "--reorder", "10", "--damage", "0.5"]

# Every process of a job inherits it, so that those which outlive their job are found.
MARK = "CARAVAN_TEST_JOB"


class Skip(Exception):
    pass


def need(*programs):
    """Paths of programs that come from Debian packages."""
    paths = []
    for program in programs:
        path = subprocess.run(["sh", "-c", f"command -v {program}"], stdout=subprocess.PIPE, text=True,
                              check=False).stdout.strip()
        if not path:
            raise Skip(f"{program} is not installed")
        paths.append(path)
    return paths[0] if len(paths) == 1 else paths


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    def __str__(self):
        return f"exit status {self.status} after {self.seconds:.1f} s\n{self.out}\n{self.err}"

    def ok(self):
        assert self.status == 0, str(self)
        return self


class Job:
    """mpirun, started. On several nodes of `net`: slots says how many ranks each gets, one host after
    the other. `options` go to mpirun, before the program."""

    def __init__(self, ranks, command, net=None, options=(), env=None, slots=1):
        self.mark = uuid.uuid4().hex
        self.net = net
        words = [MPIRUN, "-n", str(ranks), *options]
        if net:
            words += ["--launch-agent", network.LAUNCH_AGENT, "--eth", network.INTERFACE,
                      "-H", ",".join(f"{host}:{slots}" for host in net.hosts)]
        environment = {**os.environ, "LD_LIBRARY_PATH": LIB, MARK: self.mark, **(env or {})}
        self.began = time.monotonic()
        self.process = subprocess.Popen([*words, *command], stdin=subprocess.DEVNULL, env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait(self, timeout):
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"no end after {timeout} s\n{out}\n{err}") from None
        return Result(self.process.returncode, out, err, time.monotonic() - self.began)

    def processes(self):
        """Those of this job that live, as {pid: command line}; mpirun is one of them."""
        found = {}
        mark = f"{MARK}={self.mark}".encode()
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as environ:
                    if mark not in environ.read().split(b"\0"):
                        continue
                with open(os.path.join(os.path.dirname(path), "cmdline"), "rb") as cmdline:
                    words = cmdline.read().split(b"\0")
            except OSError:
                continue
            if words != [b""]:  # else it is a zombie
                found[int(path.split("/")[2])] = b" ".join(words).decode(errors="replace").strip()
        return found

    def ranks(self, program):
        """Pids of this job's processes that run `program` (its first word), once there are any."""
        return sorted(pid for pid, line in self.processes().items()
                      if line.split(" ")[0] == program)

    def kill(self):
        for pid in self.processes():
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass

    def nothing_left(self, within=1.0):
        """No process of the job lives any more, so none of its memory, which is memfds, or sockets."""
        deadline = time.monotonic() + within
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        left = self.processes()
        self.kill()
        assert not left, f"left behind: {left}"


def mpirun(ranks, command, timeout=60, **arguments):
    """Run a job to its end and see that nothing of it remains."""
    before = named_things()
    job = Job(ranks, command, **arguments)
    result = job.wait(timeout)
    job.nothing_left()
    assert named_things() <= before, f"left behind: {named_things() - before}"
    return result


def alone(command, timeout=30):
    """Run a program on our library without mpirun."""
    began = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=timeout,
                          stderr=subprocess.PIPE, text=True, env=dict(os.environ, LD_LIBRARY_PATH=LIB))
    return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def named_things():
    """What may outlive processes: names in /dev/shm and /tmp. Tests' own directories are not meant."""
    things = set(glob.glob("/dev/shm/*caravan*")) | set(glob.glob("/tmp/caravan*"))
    return {thing for thing in things if not re.match(r"/tmp/caravan-(test|bench|guest)", thing)}


def run(cases):
    """Run the functions in turn, or those named on the command line. Returns the exit status."""
    names = sys.argv[1:]
    failed, skipped = [], []
    unknown = set(names) - {case.__name__ for case in cases}

    if unknown:
        sys.exit(f"no case {', '.join(sorted(unknown))}; there are {', '.join(case.__name__ for case in cases)}")
    network.end_on_signals()
    if os.geteuid() != 0:
        print("skipped: network namespaces take root")
        return SKIP
    for case in cases:
        if names and case.__name__ not in names:
            continue
        began = time.monotonic()
        try:
            said = case()
            verdict = "ok"
        except Skip as reason:
            said, verdict = str(reason), "skipped"
            skipped.append(case.__name__)
        except Exception:  # noqa: any failure of one case leaves the others to run
            traceback.print_exc()
            said, verdict = None, "FAILED"
            failed.append(case.__name__)
        print(f"{verdict} {case.__name__} ({time.monotonic() - began:.1f} s)"
              + (f": {said}" if said else ""), flush=True)
    return 1 if failed else SKIP if skipped else 0
