#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Debian's libraries that are linked with BIND_NOW against libmpi.so.40 load with ours: one symbol missing would end them.

usage: load.py OUR_LIBRARY_DIRECTORY LIBRARY...
"""
import os
import subprocess
import sys

CHILD = """
import ctypes, sys
ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL | 2)  # RTLD_NOW
version, length = ctypes.create_string_buffer(256), ctypes.c_int()
ctypes.CDLL(None).MPI_Get_library_version(version, ctypes.byref(length))
print(version.value.decode())
"""


def main():
    directory, libraries = sys.argv[1], sys.argv[2:]
    failed = False
    for library in libraries:
        result = subprocess.run([sys.executable, "-c", CHILD, library], text=True, timeout=60,
                                env={**os.environ, "LD_LIBRARY_PATH": directory},
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        good = result.returncode == 0 and result.stdout.startswith("Caravan")
        failed |= not good
        print(f"{library}: {'loads' if good else result.stdout}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
