#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run one test folder on the guest kernel: run_test.py KERNEL FOLDER/test.ini [PROGRAM]

A folder has `test.ini` and usually a program. The program is built in each of the ways that test.ini names,
runs here, on Linux, and in the guest, and must write the same bytes and end in the same way.

    [name]                       one run; there may be several, and [DEFAULT] for what they share
    intent = what this test shows
    source = main.c              compiled by cc, c++ or gfortran, by its suffix; or
    program = /usr/bin/bc        a program of the system's; {given}: PROGRAM
    link = dynamic static        also no-pie and static-pie; `dynamic` unless given
    flags = -O2 -mavx2           for the compiler
    arguments = -l {folder}/pi.bc
    environment = LC_ALL=C ...
    files = {folder}/pi.bc ...   into the initrd, beside the program and its libraries; HOST:GUEST
    libraries = {folder}/x.so ... as files, with the libraries they need
    stdin = {folder}/input
    prepare = a shell command that runs here first, in {directory}
    memory = 256                 MiB of the machine
    timeout = 60                 seconds in the guest
    options = counters=1         for the kernel
    compare = linux              or `expect`: no run on Linux; the output is in the file `output`, if there
                                 is one, and the status is `status` (0)
    status = 0
    output = text that the output must have in it
    messages = regular expressions, one a line, each of which a message of the kernel's must match; where
               none is given, the kernel must be silent but for the exit status
"""
import configparser
import os
import re
import shlex
import subprocess
import sys
import tempfile

import initrd
import run
import xenhost

COMPILERS = {".c": "cc", ".cc": "c++", ".f90": "gfortran"}
LINKS = {"dynamic": [], "static": ["-static"], "no-pie": ["-no-pie"], "static-pie": ["-static-pie"]}


class Failure(Exception):
    pass


def build(folder, source, link, flags, directory):
    compiler = COMPILERS[os.path.splitext(source)[1]]
    program = os.path.join(directory, "program-" + link)
    command = [compiler, "-g", *(["-D_GNU_SOURCE"] if compiler == "cc" else []), *flags, *LINKS[link], "-o", program, os.path.join(folder, source),
               *[flag for flag in flags if flag.startswith("-l")]]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False)
    if result.returncode:
        raise Failure(f"{' '.join(command)}:\n{result.stdout}")
    return program


def difference(expected, found):
    """The first byte where two outputs part, with what is around it."""
    at = next((i for i, (a, b) in enumerate(zip(expected, found)) if a != b),
              min(len(expected), len(found)))
    line = expected[:at].count(b"\n") + 1
    start = expected.rfind(b"\n", 0, at) + 1
    return (f"line {line}, byte {at} of {len(expected)} and {len(found)}:\n"
            f"  expected: {expected[start:at + 120]!r}\n  found:    {found[start:at + 120]!r}")


def run_here(program, arguments, environment, stdin, directory):
    with open(stdin or "/dev/null", "rb") as source:
        result = subprocess.run([program, *arguments], stdin=source, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, cwd=directory, env=environment,
                                timeout=60, check=False)
    code = result.returncode
    return result.stdout, 128 - code if code < 0 else code


def check_messages(patterns, result):
    said = [line for line in result.messages
            if not re.match(r"(exit status|killed by signal|counters:|memory:) ?", line)]
    if not patterns and said:
        raise Failure("the kernel said: " + "\n  ".join(said))
    for pattern in patterns:
        if not any(re.search(pattern, line) for line in result.messages):
            raise Failure(f"no message of the kernel's matches {pattern!r} in:\n  "
                          + "\n  ".join(result.messages))


def check_footprint(limit, here, result):
    """Memory in use at the end, which the program must not give back, against the peak on Linux. The kernel's figures: its option counters=1."""
    figures = re.search(r"memory: (\d+) KiB of (\d+) KiB free; .* (\d+) KiB page tables",
                        "\n".join(result.messages))
    linux = re.search(rb"VmHWM:\s+(\d+) kB", here)
    guest = re.search(rb"VmHWM:\s+(\d+) kB", result.output)
    if not figures or not linux or not guest:
        raise Failure("no figures: " + "\n".join(result.messages))
    free, total, tables = map(int, figures.groups())
    beyond = total - free - tables - int(linux[1])
    print(f"Linux {int(linux[1])} KiB, guest {int(guest[1])} KiB, beyond Linux's {beyond} KiB, "
          f"page tables {tables} KiB")
    if beyond > limit:
        raise Failure(f"the domain uses {beyond} KiB more than the program on Linux")


def run_one(kernel, folder, test, program, directory):
    def words(key):
        return [word.format(folder=folder, program=program, directory=directory)
                for word in shlex.split(test.get(key, ""))]

    arguments = words("arguments")
    environment = words("environment")
    stdin = test.get("stdin", "").format(folder=folder, directory=directory)
    archive = initrd.Initrd()
    if os.path.exists(program):
        archive.add_program(program)
    for name in words("files"):
        host, _, guest = name.partition(":")
        archive.add(host, guest or host)
    for name in words("libraries"):
        archive.add_program(name)
    options = words("options")
    if stdin:
        archive.add(stdin)
        options.append("stdin=" + stdin)
    options.append("cwd=/tmp")

    expected = None
    if test.get("compare", "linux") == "linux":
        expected, status = run_here(program, arguments, dict(v.split("=", 1) for v in environment),
                                    stdin, directory)
    else:
        output = os.path.join(folder, "output")
        if os.path.exists(output):
            with open(output, "rb") as file:
                expected = file.read()
        status = int(test.get("status", "0"))
    result = xenhost.boot(kernel, run.command_line([program, *arguments], environment, options),
                          archive.pack(), test.getint("memory", 256), xenhost.CPU,
                          test.getfloat("timeout", 60))
    if result.status is None:
        tail = result.log[-2000:].decode(errors="replace")
        raise Failure(f"it did not end; the serial line's end:\n{tail}")
    if expected is not None and result.output != expected:
        raise Failure("the output differs: " + difference(expected, result.output)
                      + "\nthe kernel said:\n  " + "\n  ".join(result.messages))
    if "output" in test and test["output"].encode() not in result.output:
        raise Failure(f"{test['output']!r} is not in the output {result.output!r}")
    if test.get("compare") == "footprint":
        here, _ = run_here(program, arguments, {}, stdin, directory)
        check_footprint(test.getint("limit"), here, result)
    if result.status != status:
        raise Failure(f"status {result.status} instead of {status}; the kernel said:\n  "
                      + "\n  ".join(result.messages))
    check_messages([line for line in test.get("messages", "").splitlines() if line], result)


def run_section(kernel, folder, test, link, directory):
    if "prepare" in test:
        command = test["prepare"].format(folder=folder, directory=directory)
        subprocess.run(command, shell=True, cwd=directory, check=True)
    if "source" in test:
        program = build(folder, test["source"], link, test.get("flags", "-O2").split(), directory)
    else:
        program = test["program"].format(folder=folder, directory=directory, given="".join(map(os.path.abspath, sys.argv[3:])))
        if program.startswith("/usr/") and not os.path.exists(program):
            raise xenhost.Missing(program)
    run_one(kernel, folder, test, program, directory)


def main():
    kernel = os.path.abspath(sys.argv[1])
    folder = os.path.dirname(os.path.abspath(sys.argv[2]))
    parser = configparser.ConfigParser(interpolation=None)
    with open(os.path.join(folder, "test.ini"), encoding="utf-8") as file:
        parser.read_file(file)
    failed = 0
    for name in parser.sections():
        for link in parser[name].get("link", "dynamic").split():
            what = f"{os.path.basename(folder)}, {name}, {link}"
            with tempfile.TemporaryDirectory(prefix="caravan-guest-") as directory:
                try:
                    run_section(kernel, folder, parser[name], link, directory)
                    print(f"{what}: good")
                except Failure as failure:
                    print(f"{what}: {failure}")
                    failed = 1
                except xenhost.Missing as missing:
                    print(f"skipped: this machine lacks {missing}")
                    return xenhost.SKIP
    return failed


if __name__ == "__main__":
    sys.exit(main())
