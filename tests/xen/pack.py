#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""pack.py ARCHIVE FILE ...: an initrd with the files in its root."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "guest"))
import initrd  # noqa: E402

archive = initrd.Initrd()
for path in sys.argv[2:]:
    archive.add(path, "/" + os.path.basename(path))
with open(sys.argv[1], "wb") as file:
    file.write(archive.pack())
