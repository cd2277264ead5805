# SPDX-License-Identifier: BSD-2-Clause
"""Intent: what builds MPI programs elsewhere builds them here: mpicc, mpicxx and mpifort by hand, CMake's FindMPI, autoconf,
pkg-config; from the build directory and from an installed prefix. What was built runs under our mpirun."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from launcher import BUILD, LauncherTest

BIN = os.path.join(BUILD, "bin")
LIB = os.path.join(BUILD, "lib")
HELLO = """#include <mpi.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    int rank, size;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    printf("hello %d of %d\\n", rank, size);
    MPI_Finalize();
    return 0;
}
"""
HELLO_FORTRAN = """      program hello
      %s
      integer rank, ranks, ierr
      call MPI_INIT(ierr)
      call MPI_COMM_RANK(MPI_COMM_WORLD, rank, ierr)
      call MPI_COMM_SIZE(MPI_COMM_WORLD, ranks, ierr)
      write (*, '(a, i0, a, i0)') 'hello ', rank, ' of ', ranks
      call MPI_FINALIZE(ierr)
      end
"""
HELLO_AGAIN = ["hello 0 of 2", "hello 1 of 2"]


class WrapperTest(LauncherTest):
    bin = BIN
    lib = LIB

    def setUp(self):
        super().setUp()
        self.environment.pop("LD_LIBRARY_PATH", None)  # meson test sets it to build/lib
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        for name, text in (("hello.c", HELLO), ("hello.cc", HELLO), ("hello.f90", HELLO_FORTRAN % "use mpi"),
                           ("hello77.f", HELLO_FORTRAN % "include 'mpif.h'")):
            with open(os.path.join(self.directory, name), "w") as file:
                file.write(text)

    def command(self, *arguments, status=0, **environment):
        done = subprocess.run([str(argument) for argument in arguments], cwd=self.directory, timeout=60,
                              env={**self.environment, **environment}, capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.errors = done.stderr
        return done.stdout

    def wrapper(self, name, *arguments, **options):
        return self.command(os.path.join(self.bin, name), *arguments, **options)

    def check(self, program):
        """It runs, and on our library."""
        out = self.command(os.path.join(self.bin, "mpirun"), "-n", 2, os.path.join(self.directory, program))
        self.assertEqual(sorted(out.splitlines()), HELLO_AGAIN)
        loaded = self.command("ldd", os.path.join(self.directory, program))
        self.assertIn(os.path.realpath(os.path.join(self.lib, "libmpi.so.40")), [
            os.path.realpath(path) for path in re.findall(r"libmpi\.so\.40 => (\S+)", loaded)])


class Showme(WrapperTest):
    def test_parts(self):
        include = self.command("pkg-config", "--cflags-only-I", "ompi-c").split()
        link = ["-Wl,-rpath," + self.lib, "-Wl,--enable-new-dtags", "-L" + self.lib, "-lmpi"]
        skip = ["-DOMPI_SKIP_MPICXX"]
        for name, compiler, define in (("mpicc", "gcc", []), ("mpicxx", "g++", skip), ("mpic++", "g++", skip),
                                       ("mpiCC", "g++", skip)):
            for dashes in ("-", "--"):
                for part, wanted in (("command", [compiler]), ("compile", include + define), ("link", link),
                                     ("incdirs", [word[2:] for word in include]), ("libdirs", [self.lib]),
                                     ("libs", ["mpi"])):
                    out = self.wrapper(name, f"{dashes}showme:{part}")
                    self.assertEqual(len(out.splitlines()), 1)
                    self.assertEqual(out.split(), wanted)
                for whole in ("showme", "show"):
                    self.assertEqual(self.wrapper(name, dashes + whole).split(),
                                     [compiler] + include + define + link)
            self.assertIn("Caravan", self.wrapper(name, "--showme:version"))
            self.assertIn("-showme:incdirs", self.wrapper(name, "-showme:help"))
        modules = include + ["-I" + word for word in self.command("mpifort.openmpi", "--showme:incdirs").split()]
        for name in ("mpifort", "mpif77", "mpif90"):
            self.assertEqual(self.wrapper(name, "--showme:command"), "gfortran\n")
            self.assertEqual(self.wrapper(name, "-showme:compile").split(), modules)
            self.assertEqual(self.wrapper(name, "-showme:libs").split(), ["mpi_mpifh", "mpi", "mpi_usempif08"])
            self.assertEqual(self.wrapper(name, "-show").split()[:1 + len(modules)], ["gfortran"] + modules)
            self.assertIn("OMPI_FC", self.wrapper(name, "--showme:help"))
        self.assertEqual(self.wrapper("mpif90", "-showme:command", OMPI_FC="flang -x"), "flang -x\n")
        self.wrapper("mpicc", "--showme:lnik", status=1)
        self.assertIn("did you mean -showme:link?", self.errors)

    def test_commands(self):
        def words(*arguments, **environment):
            return shlex.split(self.wrapper("mpicc", *arguments, **environment))
        for stop in ("-c", "-S", "-E"):
            self.assertNotIn("-lmpi", words("-showme", stop, "a.c"))
        self.assertEqual(words("-showme", "-v"), ["gcc", "-v"])
        self.assertEqual(words("a.c", "-o", "a b", "-show")[:4], ["gcc", "a.c", "-o", "a b"])
        out = words("-showme", "a.c", OMPI_CC="ccache clang", OMPI_CPPFLAGS="-DX", OMPI_CFLAGS="-O1 -g",
                    OMPI_LDFLAGS="-L/x", OMPI_LIBS="-lz")
        self.assertEqual(out[:3], ["ccache", "clang", "a.c"])
        for word in ("-DX", "-O1", "-g", "-L/x", "-lz"):
            self.assertIn(word, out)
        self.assertEqual(out[-1], "-lz")
        self.assertEqual(self.wrapper("mpicxx", "-showme:command", OMPI_CXX="clang++"), "clang++\n")
        self.wrapper("mpicc", "a.c", OMPI_CC="/does/not/exist", status=1)
        self.assertIn("cannot execute the compiler '/does/not/exist'", self.errors)
        self.assertIn("gcc", self.wrapper("mpicc", "--version"))


class Builds(WrapperTest):
    def test_by_hand(self):
        self.wrapper("mpicc", "-Wall", "-Werror", "hello.c", "-o", "hello")
        self.check("hello")
        self.wrapper("mpicc", "-c", "hello.c")
        self.wrapper("mpicc", "hello.o", "-o", "hello2")
        self.check("hello2")
        for name in ("mpicxx", "mpic++", "mpiCC"):
            self.wrapper(name, "-Wall", "hello.cc", "-o", "hello3")
            self.check("hello3")
        for name in ("mpifort", "mpif90"):
            self.wrapper(name, "-Wall", "hello.f90", "-o", "hello4")
            self.check("hello4")
        self.wrapper("mpif77", "-Wall", "hello77.f", "-o", "hello5")
        self.check("hello5")

    def test_pkg_config(self):
        # `uninstalled` variants are what pkg-config prefers by itself; in a prefix there is none.
        path = self.pkg_config_path()
        for language, source in (("gcc", "hello.c"), ("g++", "hello.cc")):
            flags = self.command("pkg-config", "--cflags", "--libs", "caravan-mpi", PKG_CONFIG_PATH=path).split()
            self.command(language, "-DOMPI_SKIP_MPICXX", source, "-o", "hello", *flags)
            self.check("hello")
        flags = self.command("pkg-config", "--cflags", "--libs", "caravan", PKG_CONFIG_PATH=path)
        self.assertIn("-lcaravan", flags)

    def pkg_config_path(self):
        return os.path.join(BUILD, "meson-uninstalled")

    def test_cmake(self):
        with open(os.path.join(self.directory, "CMakeLists.txt"), "w") as file:
            file.write("cmake_minimum_required(VERSION 3.18)\nproject(hello C CXX Fortran)\n"
                       "find_package(MPI REQUIRED COMPONENTS C CXX Fortran)\n"
                       'message(STATUS "exec=${MPIEXEC_EXECUTABLE}")\n'
                       "add_executable(hello hello.c)\ntarget_link_libraries(hello MPI::MPI_C)\n"
                       "add_executable(hellocc hello.cc)\ntarget_link_libraries(hellocc MPI::MPI_CXX)\n"
                       "add_executable(hellof hello.f90)\ntarget_link_libraries(hellof MPI::MPI_Fortran)\n")
        path = self.bin + ":" + self.environment["PATH"]
        out = self.command("cmake", "-S", ".", "-B", "b", PATH=path)
        self.assertIn("Found MPI_C: " + self.lib, out)
        self.assertIn("exec=" + self.bin, out)
        self.command("cmake", "--build", "b")
        self.check("b/hello")
        self.check("b/hellocc")
        self.check("b/hellof")

    def test_autoconf(self):
        """AX_MPI's way: a compiler from MPICC or the path, then a link test of MPI_Init."""
        with open(os.path.join(self.directory, "configure.ac"), "w") as file:
            file.write("AC_INIT([hello], [1])\n"
                       "AC_ARG_VAR([MPICC], [MPI C compiler])\n"
                       "AC_CHECK_PROGS([MPICC], [mpicc], [none])\nCC=$MPICC\nAC_PROG_CC\n"
                       "AC_CHECK_FUNC([MPI_Init], [], [AC_MSG_ERROR([no MPI_Init])])\n"
                       "AC_CHECK_HEADER([mpi.h], [], [AC_MSG_ERROR([no mpi.h])])\n"
                       "AC_CHECK_FUNCS([MPI_Comm_split_type MPI_Session_init])\n"
                       "AC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n")
        with open(os.path.join(self.directory, "Makefile.in"), "w") as file:
            file.write("hello: hello.c\n\t@CC@ @CFLAGS@ hello.c -o hello @LIBS@\n")
        self.command("autoconf")
        out = self.command("sh", "./configure", PATH=self.bin + ":" + self.environment["PATH"])
        self.assertRegex(out, "MPI_Comm_split_type... yes")
        self.assertRegex(out, "MPI_Session_init... no")
        self.command("make", PATH=self.bin + ":" + self.environment["PATH"])
        self.check("hello")


class Installed(Builds):
    """The same from a prefix, which is moved after it was installed."""

    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.TemporaryDirectory()
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.root.name],
                       check=True, stdout=subprocess.DEVNULL, timeout=60)
        prefix, = (directory for directory, names, _ in os.walk(cls.root.name) if "bin" in names)
        moved = os.path.join(cls.root.name, "moved")
        shutil.move(prefix, moved)
        cls.bin = os.path.join(moved, "bin")
        cls.lib, = (directory for directory, _, names in os.walk(moved) if "libmpi.so.40" in names)
        cls.lib = os.path.realpath(cls.lib)

    @classmethod
    def tearDownClass(cls):
        cls.root.cleanup()

    def pkg_config_path(self):
        # A .pc file names the prefix that was configured; this one was moved.
        self.environment["PKG_CONFIG_LIBDIR"] = self.lib + "/pkgconfig:" + self.command(
            "pkg-config", "--variable", "pc_path", "pkg-config").strip()
        for name in ("caravan-mpi.pc", "caravan.pc"):
            path = os.path.join(self.lib, "pkgconfig", name)
            with open(path) as file:
                text = re.sub("(?m)^prefix=.*$", "prefix=" + os.path.dirname(self.bin), file.read())
            with open(path, "w") as file:
                file.write(text)
        return self.lib + "/pkgconfig"

    def test_everything_is_there(self):
        for name in ("mpicc", "mpicxx", "mpic++", "mpiCC", "mpifort", "mpif77", "mpif90", "mpirun", "mpiexec", "caravan", "caravan-packet"):
            self.assertTrue(os.access(os.path.join(self.bin, name), os.X_OK), name)
        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(self.bin), "include", "caravan", "am.h")))


class Info(WrapperTest):
    def test_caravan(self):
        out = self.wrapper("caravan", "info")
        for word in ("caravan ", "cores", "ring links", "single copy", "wake-up", "granted memory", "interface",
                     "packet helper", "frames", "which link a pair has"):
            self.assertIn(word, out)
        self.assertRegex(self.wrapper("caravan", "--version"), r"^caravan \d+\.\d+\.\d+\n$")
        self.wrapper("caravan", "ifno", status=1)
        self.assertIn("Did you mean 'info'?", self.errors)


if __name__ == "__main__":
    unittest.main(verbosity=1)
