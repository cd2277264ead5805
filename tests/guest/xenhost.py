# SPDX-License-Identifier: BSD-2-Clause
"""Boot the guest kernel as dom0 under Debian's Xen in QEMU's emulation, and read what came of it."""
import dataclasses
import glob
import gzip
import os
import re
import shutil
import subprocess
import tempfile

SKIP = 77  # meson: the test cannot run here

# TCG's "max" has AVX2; Debian's dom0 kernels crash with SMAP there, and one line of options is enough.
CPU = "max,-smap"
XEN_OPTIONS = "console=com1 loglvl=error guest_loglvl=error"


class Missing(Exception):
    """Something that the machine lacks, with what provides it."""


@dataclasses.dataclass
class Result:
    output: bytes      # what the program wrote
    messages: list     # what the kernel said, without its prefix
    status: int        # exit status; 128 + signal as shells have it; None: it did not end
    signal: int        # 0, or what killed it
    log: bytes         # the serial line


def xen_image(directory):
    """Debian's hypervisor as the ELF file that QEMU loads."""
    packed = sorted(glob.glob("/boot/xen-4.17-*.gz"))
    if not packed:
        raise Missing("/boot/xen-4.17-amd64.gz (package xen-hypervisor-4.17-amd64)")
    path = os.path.join(directory, "xen")
    with gzip.open(packed[0]) as source, open(path, "wb") as target:
        shutil.copyfileobj(source, target)
    return path


def boot(kernel, command_line, initrd=b"", memory=256, cpu=CPU, timeout=60, xen_options="",
         qemu_options=()):
    """One run. `memory` in MiB is the machine's; Xen keeps some 60 of it."""
    if not shutil.which("qemu-system-x86_64"):
        raise Missing("qemu-system-x86_64 (package qemu-system-x86)")
    with tempfile.TemporaryDirectory(prefix="caravan-guest-") as directory:
        serial = os.path.join(directory, "serial")
        archive = os.path.join(directory, "initrd")
        with open(archive, "wb") as file:
            file.write(initrd)
        # QEMU takes the modules from one comma-separated list: a comma in an argument is doubled.
        modules = kernel + " " + command_line.replace(",", ",,")
        if initrd:
            modules += "," + archive
        try:
            subprocess.run(
                ["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-display", "none", "-nic", "none",
                 "-no-reboot", "-m", str(memory), "-monitor", "none", "-serial", "file:" + serial,
                 "-kernel", xen_image(directory), "-initrd", modules,
                 "-append", (XEN_OPTIONS + " " + xen_options).strip(), *qemu_options],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            pass
        with open(serial, "rb") as file:
            return parse(file.read())


def parse(log):
    """Take the serial line apart. Xen puts a CR before each LF, and its own lines begin with (XEN)."""
    text = log.replace(b"\r\n", b"\n")
    text = re.sub(rb"(?m)^\(XEN\) .*\n", b"", text)
    messages = []

    def message(match):
        messages.append(match.group(1).decode(errors="replace"))
        return b""

    output = re.sub(rb"(?:\x1f\n)?(?<![^\n\x1f])caravan: (.*)\n", message, text)
    status, killed = None, 0
    for line in messages:
        if match := re.fullmatch(r"exit status (\d+)", line):
            status = int(match.group(1))
        elif match := re.fullmatch(r"killed by signal (\d+) \(.*\)", line):
            killed = int(match.group(1))
            status = 128 + killed
    return Result(output, messages, status, killed, log)
