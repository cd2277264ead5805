# SPDX-License-Identifier: BSD-2-Clause
"""A program on a terminal, with somebody who types."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time


class Terminal:
    """Its terminal has so many rows and columns; the master is ours."""

    def __init__(self, command, rows, columns, **arguments):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        start_new_session=True, **arguments,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def until(self, text, seconds=20):
        """What it writes, up to that text."""
        got, end = "", time.monotonic() + seconds
        while text not in got:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {text!r} within {seconds} s, but {got!r}")
            got += os.read(self.master, 4096).decode()
        return got

    def close(self):
        self.process.kill()
        self.process.wait(10)
        os.close(self.master)
        os.close(self.slave)
