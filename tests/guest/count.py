#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Count instructions in the guest: count.py KERNEL PROGRAM FIGURES [--record]

Runs tests/guest/icount's program under `-icount shift=0`, where the time stamp counter counts instructions,
and compares with docs/guest-instructions.txt: more than 5 % away from what is recorded there, or above a
goal, is a failure. --record writes the figures instead.
"""
import re
import sys

import initrd
import run
import xenhost

TOLERANCE = 0.05
GOALS = {
    "null system call": 900,
    "doorbell": 1350,
    "clock_gettime through the vDSO": 80,
    "frame of 64 B sent, no doorbell": 200,
    "frame of 64 B received, polling": 200,
}
HEADER = """# Instructions in the guest kernel and Xen together, as tests/guest/count.py counts them under QEMU's -icount.
# Record anew with: meson compile -C build record-instructions
"""


def figures(text):
    return {match[1]: int(match[2]) for match in re.finditer(r"(?m)^([^#\n].*?) +(\d+)$", text)}


def main():
    kernel, program, path = sys.argv[1:4]
    archive = initrd.Initrd()
    archive.add_program(program)
    try:
        result = xenhost.boot(kernel, run.command_line([program]), archive.pack(), timeout=200,
                              qemu_options=["-icount", "shift=0,sleep=off"])
    except xenhost.Missing as missing:
        print(f"skipped: this machine lacks {missing}")
        return xenhost.SKIP
    found = figures(result.output.decode())
    print(result.output.decode(), "\n".join(result.messages), sep="")
    if result.status != 0 or not set(GOALS) <= set(found):
        return 1
    if "--record" in sys.argv:
        with open(path, "w", encoding="utf-8") as file:
            file.write(HEADER + result.output.decode())
        return 0
    with open(path, encoding="utf-8") as file:
        recorded = figures(file.read())
    failed = 0
    for name, count in found.items():
        if name not in recorded:
            print(f"{name}: nothing is recorded in {path}")
            failed = 1
        elif abs(count - recorded[name]) > max(TOLERANCE * recorded[name], 1):
            print(f"{name}: {count}, but {recorded[name]} is recorded")
            failed = 1
        if count > GOALS.get(name, count):
            print(f"{name}: {count} is above the goal, {GOALS[name]}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
