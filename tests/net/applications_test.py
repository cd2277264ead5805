#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Applications and libraries that nobody here compiled, as Debian ships them for Open MPI, run on our libraries and find their
own results right, over shared memory, over frames, and over the lossy bridge: MUMPS and ScaLAPACK (Fortran), and programs of ours on
FFTW's and Boost's MPI libraries, which are linked BIND_NOW."""

import os
import re
import sys
import tempfile

from network import Network
import scenario
from scenario import mpirun, need

SCALAPACK = "/usr/lib/x86_64-linux-gnu/scalapack/openmpi-tests"
SCALAPACK_DATA = "/usr/share/scalapack"
MUMPS = "/usr/lib/mumps"


def on_all_links(case, seed):
    """Over shared memory, over frames, and, where they are lost, on two nodes of two ranks."""
    seconds = [case(2), case(4)]
    with Network() as net:
        seconds.append(case(2, net=net))
    with Network(faults=["--seed", seed, *scenario.LOSSY]) as net:
        seconds.append(case(4, net=net, slots=2))
    return " ".join(f"{second:.1f}" for second in seconds) + " s"


def directory():
    return tempfile.TemporaryDirectory(prefix="caravan-test.")


def mumps(ranks, **where):
    """It solves for (1, 2, 3, 4, 5), in four precisions."""
    seconds = 0.0
    for letter, kind in (("s", "real"), ("d", "real"), ("c", "cmplx"), ("z", "cmplx")):
        program = os.path.join(MUMPS, letter + "simpletest")
        script = f"exec {need(program)} <{os.path.join(MUMPS, 'input_simpletest_' + kind)}"
        # Only rank 0 reads it.
        result = mpirun(ranks, ["sh", "-c", script], timeout=60, **where).ok()
        solution = re.search(r"Solution is\s+(.*)", result.out)
        assert solution, str(result)
        numbers = [float(number) for number in re.findall(r"-?\d+\.\d+(?:E[-+]?\d+)?", solution[1])]
        if kind == "cmplx":
            assert all(abs(number) < 1e-3 for number in numbers[1::2]), solution[0]
            numbers = numbers[::2]
        assert len(numbers) == 5, solution[0]
        assert all(abs(number - wanted) < 1e-3 for number, wanted in zip(numbers, range(1, 6))), solution[0]
        seconds += result.seconds
    return seconds


def scalapack(ranks, program="xdlu", data="LU.dat", checks=240, **where):
    """LU with four processes or fewer in every shape, and what it does on two; residuals are checked by the tester."""
    with directory() as scratch:
        with open(os.path.join(SCALAPACK_DATA, data)) as file:
            text = file.read()
        with open(os.path.join(scratch, data), "w") as file:
            file.write(text)
        result = mpirun(ranks, [need(os.path.join(SCALAPACK, program))], timeout=120,
                        options=["-wdir", scratch], **where).ok()
    assert "END OF TESTS." in result.out, str(result)
    assert re.search(r"^\s*0 tests completed and failed residual checks", result.out, re.M), str(result)
    passed = int(re.search(r"(\d+) tests completed and passed residual checks", result.out)[1])
    assert passed == checks if ranks == 4 else passed > 0, str(result)
    return result.seconds


def program_of_ours(name):
    def run(ranks, **where):
        return mpirun(ranks, [os.path.join(scenario.BUILD, "tests/net", name)], timeout=60, **where).ok().seconds
    return run


def mumps_solves():
    return on_all_links(mumps, 22)


def scalapack_factors():
    return on_all_links(scalapack, 23)


def fftw():
    for ranks in (1, 3):
        program_of_ours("transform")(ranks)
    return on_all_links(program_of_ours("transform"), 24)


def boost():
    for ranks in (1, 3, 5):
        program_of_ours("serialized")(ranks)
    return on_all_links(program_of_ours("serialized"), 25)


if __name__ == "__main__":
    sys.exit(scenario.run([mumps_solves, scalapack_factors, fftw, boost]))
