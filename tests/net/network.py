#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces joined by Ethernet, for tests and measurements; needs root.

Each node is a network namespace with one interface, eth0. Two nodes are joined by a veth pair, or, when
frames are to be mistreated or there are more nodes, each by a pair to a namespace in which caravan-bridge
runs. Names hold the pid of their maker, so that runs do not meet; whatever a killed maker left is removed by
the next one.

As a program it runs a command inside such a network (or in one of its nodes, with --in N), whose namespaces
are named in $HOSTS (separated by commas):

    network.py --nodes 2 --mtu 9000 -- sh -c 'mpirun -H $HOSTS ...'
"""

import argparse
import ctypes
import glob
import os
import re
import signal
import subprocess
import sys

PREFIX = "caravan-"
INTERFACE = "eth0"
HERE = os.path.dirname(os.path.abspath(__file__))
LAUNCH_AGENT = os.path.join(HERE, "enter-namespace")

_made = 0


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=None if check else subprocess.DEVNULL)


def remove_stale():
    """Remove the namespaces of makers that no longer live."""
    for path in glob.glob("/run/netns/" + PREFIX + "*"):
        match = re.fullmatch(PREFIX + r"(\d+)-\d+-\w+", os.path.basename(path))
        if match and not os.path.exists("/proc/" + match.group(1)):
            ip("netns", "del", os.path.basename(path), check=False)


def _end_with_parent():
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Network:
    """faults: None for a plain veth pair, else the options of caravan-bridge (a list, may be empty).
    offload: whether TCP may leave segmentation and checksums to the interface. Always off behind a
    bridge, which forwards what it sees."""

    def __init__(self, nodes=2, mtu=1500, faults=None, offload=True, bridge=None):
        global _made
        if os.geteuid() != 0:
            raise PermissionError("network namespaces take root")
        remove_stale()
        _made += 1
        self.stem = f"{PREFIX}{os.getpid()}-{_made}-"
        self.hosts = [f"{self.stem}{n}" for n in range(nodes)]
        self.addresses = [f"10.77.{_made % 256}.{n + 1}" for n in range(nodes)]
        self.switch = None
        self.bridge = None
        self.bridge_output = ""
        try:
            for host in self.hosts:
                self._add_namespace(host)
            if nodes == 2 and faults is None:
                ip("link", "add", INTERFACE, "netns", self.hosts[0], "type", "veth",
                   "peer", "name", INTERFACE, "netns", self.hosts[1])
            else:
                offload = False
                self.switch = self.stem + "switch"
                self._add_namespace(self.switch)
                for n, host in enumerate(self.hosts):
                    ip("link", "add", INTERFACE, "netns", host, "type", "veth",
                       "peer", "name", f"port{n}", "netns", self.switch)
            for host, address in zip(self.hosts, self.addresses):
                self._bring_up(host, INTERFACE, mtu, offload)
                ip("-n", host, "addr", "add", address + "/24", "dev", INTERFACE)
            if self.switch:
                for n in range(nodes):
                    self._bring_up(self.switch, f"port{n}", mtu, False)
                self._start_bridge(bridge or find_bridge(), faults or [])
        except BaseException:
            self.close()
            raise

    def _add_namespace(self, name):
        ip("netns", "add", name)
        # No neighbour discovery of its own: only the frames of the test are on the wire.
        subprocess.run(["ip", "netns", "exec", name, "sh", "-c", "for f in all default; do "
                        "echo 1 >/proc/sys/net/ipv6/conf/$f/disable_ipv6; done 2>/dev/null"],
                       check=False, stdin=subprocess.DEVNULL)
        ip("-n", name, "link", "set", "lo", "up")

    def _bring_up(self, host, interface, mtu, offload):
        ip("-n", host, "link", "set", interface, "mtu", str(mtu), "up")
        if not offload:
            subprocess.run(["ip", "netns", "exec", host, "ethtool", "-K", interface, "tso", "off",
                            "gso", "off", "gro", "off", "tx", "off"], check=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def _start_bridge(self, program, options):
        ports = [f"port{n}" for n in range(len(self.hosts))]
        self.bridge = subprocess.Popen(
            ["ip", "netns", "exec", self.switch, program, *map(str, options), *ports],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, preexec_fn=_end_with_parent)
        if self.bridge.stdout.readline() != "ready\n":
            raise RuntimeError("caravan-bridge did not start")

    def command(self, node, arguments):
        """The words that run `arguments` in a node."""
        return ["ip", "netns", "exec", self.hosts[node], *arguments]

    def counts(self):
        """What the bridge has done so far."""
        self.bridge.send_signal(signal.SIGUSR2)
        return dict((key, int(value)) for key, value in
                    (word.split("=") for word in self.bridge.stdout.readline().split()))

    def toggle_cut(self):
        """Let nothing pass the bridge any more, or again."""
        self.bridge.send_signal(signal.SIGUSR1)

    def unplug(self, node):
        """Take the other end of the node's cable away: its interface loses its carrier."""
        if self.switch:
            ip("-n", self.switch, "link", "set", f"port{node}", "down")
        else:
            ip("-n", self.hosts[1 - node], "link", "set", INTERFACE, "down")

    def processes(self):
        """Who is in the nodes now."""
        return [int(pid) for host in self.hosts
                for pid in ip("netns", "pids", host, check=False).stdout.split()]

    def close(self):
        """Remove everything. Processes still in a node are ended."""
        if self.bridge:
            self.bridge.terminate()
            try:
                self.bridge.wait(10)
            except subprocess.TimeoutExpired:
                self.bridge.kill()
            self.bridge.stdout.close()
            self.bridge = None
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for name in [*self.hosts, self.switch]:
            if name and os.path.exists("/run/netns/" + name):
                ip("netns", "del", name, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def find_bridge():
    """caravan-bridge: $CARAVAN_BRIDGE, else from the build tree that $CARAVAN_BUILD or build/ is."""
    build = os.environ.get("CARAVAN_BUILD", os.path.join(HERE, "..", "..", "build"))
    path = os.environ.get("CARAVAN_BRIDGE", os.path.join(build, "tests", "net", "caravan-bridge"))
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"no caravan-bridge at {path}; set CARAVAN_BRIDGE or CARAVAN_BUILD")
    return path


def end_on_signals():
    """Turn the signals that end a program into exits, so that networks are removed."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0],
                                     epilog="caravan-bridge's options follow --faults in one word")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--mtu", type=int, default=1500)
    parser.add_argument("--no-offload", action="store_true")
    parser.add_argument("--faults", help="e.g. '--drop 5 --reorder 10'; empty: a faithful bridge")
    parser.add_argument("--in", type=int, dest="node", help="run the command in this node")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    end_on_signals()
    faults = None if arguments.faults is None else arguments.faults.split()
    with Network(arguments.nodes, arguments.mtu, faults, not arguments.no_offload) as network:
        environment = dict(os.environ, HOSTS=",".join(network.hosts),
                           ADDRESSES=",".join(network.addresses))
        command = arguments.command
        if arguments.node is not None:
            command = network.command(arguments.node, command)
        status = subprocess.call(command, env=environment)
        if network.bridge:
            print("bridge:", network.counts(), file=sys.stderr)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
