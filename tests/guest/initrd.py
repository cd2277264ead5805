# SPDX-License-Identifier: BSD-2-Clause
"""Pack an initrd for the guest kernel: a cpio archive ("newc") whose files begin on pages.

The kernel maps such files in place (guest/linux/cpio.c); the padding is NULs behind each name, which
other readers of cpio accept as well.
"""
import os
import re
import stat
import subprocess

PAGE = 4096


class Initrd:
    def __init__(self):
        self.members = {}

    def directory(self, path):
        path = path.strip("/")
        if path and path not in self.members:
            self.directory(os.path.dirname(path))
            self.members[path] = (stat.S_IFDIR | 0o755, b"", 0)

    def add_bytes(self, path, data, mode=0o644, modified=0):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.members[path] = (stat.S_IFREG | mode, data, modified)

    def add_link(self, path, target):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.members[path] = (stat.S_IFLNK | 0o777, target.encode(), 0)

    def add(self, host_path, path=None):
        """A file, or a link and what it leads to, or a directory with all below it."""
        path = path or host_path
        if os.path.islink(host_path):
            target = os.readlink(host_path)
            self.add_link(path, target)
            joined = os.path.normpath(os.path.join(os.path.dirname(host_path), target))
            if os.path.exists(joined) and joined.strip("/") not in self.members:
                self.add(joined)
        elif os.path.isdir(host_path):
            self.directory(path)
            for name in sorted(os.listdir(host_path)):
                self.add(os.path.join(host_path, name), os.path.join(path, name))
        else:
            info = os.stat(host_path)
            with open(host_path, "rb") as file:
                self.add_bytes(path, file.read(), stat.S_IMODE(info.st_mode), int(info.st_mtime))

    def add_program(self, host_path, path=None):
        """An executable or library, its interpreter and the libraries it needs."""
        self.add(os.path.realpath(host_path), path or host_path)
        for library in libraries(host_path):
            if library.strip("/") not in self.members:
                self.add(os.path.realpath(library), library)

    def pack(self):
        out = bytearray()
        for number, (path, (mode, data, modified)) in enumerate(sorted(self.members.items()), 1):
            name = path.encode() + b"\0"
            if stat.S_ISREG(mode) and data:
                name += b"\0" * (-(len(out) + 110 + len(name)) % PAGE)
            append(out, number, mode, data, modified, name)
        append(out, 0, 0, b"", 0, b"TRAILER!!!\0")
        return bytes(out)


def append(out, number, mode, data, modified, name):
    out += b"070701" + b"".join(b"%08x" % value for value in (
        number, mode, 0, 0, 1, modified, len(data), 0, 0, 0, 0, len(name), 0))
    out += name
    out += b"\0" * (-len(out) % 4)
    out += data
    out += b"\0" * (-len(out) % 4)


def libraries(program):
    """What the dynamic linker would load, itself included; nothing for a static program."""
    result = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True, check=False)
    if result.returncode:
        return []
    return [os.path.normpath(path) for path in re.findall(r"(/\S+) \(0x", result.stdout)]
