#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run a program on the guest kernel: run.py [options] -- program [argument ...]

Packs the program, its libraries and what --file names into an initrd, boots the kernel as dom0 under Xen in
QEMU, prints what the program printed, the kernel's messages to standard error, and exits as it did.
"""
import argparse
import os
import sys

import initrd
import xenhost


def quote(word):
    """For guest/boot/options.h."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped + '"' if not word or any(c in word for c in ' \t\n"\\') else word


def command_line(arguments, environment=(), options=()):
    words = list(options) + ["env=" + variable for variable in environment] + ["--", *arguments]
    return " ".join(quote(word) for word in words)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--memory", type=int, default=256, help="MiB of the emulated machine")
    parser.add_argument("--cpu", default=xenhost.CPU)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--option", action="append", default=[], help="for the kernel: log=2")
    parser.add_argument("--file", action="append", default=[], metavar="HOST[:GUEST]")
    parser.add_argument("--keep", help="write the initrd here as well")
    parser.add_argument("--log", help="write the serial line here")
    parser.add_argument("program")
    parser.add_argument("argument", nargs=argparse.REMAINDER)
    options = parser.parse_args()

    archive = initrd.Initrd()
    program = os.path.abspath(options.program)
    archive.add_program(program)
    for name in options.file:
        host, _, guest = name.partition(":")
        archive.add(host, guest or host)
    packed = archive.pack()
    if options.keep:
        with open(options.keep, "wb") as file:
            file.write(packed)
    line = command_line([program, *options.argument], options.env,
                        options.option)
    try:
        result = xenhost.boot(options.kernel, line, packed, options.memory, options.cpu,
                              options.timeout)
    except xenhost.Missing as missing:
        print(f"skipped: this machine lacks {missing}", file=sys.stderr)
        return xenhost.SKIP
    if options.log:
        with open(options.log, "wb") as file:
            file.write(result.log)
    sys.stdout.buffer.write(result.output)
    sys.stdout.flush()
    for message in result.messages:
        print("caravan:", message, file=sys.stderr)
    if result.status is None:
        print(f"no end within {options.timeout} s", file=sys.stderr)
        return 124
    return result.status


if __name__ == "__main__":
    sys.exit(main())
