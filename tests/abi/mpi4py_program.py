# SPDX-License-Identifier: BSD-2-Clause
"""Intent: Debian's python3-mpi4py, which was built with Open MPI, works on ours under MPI_THREAD_MULTIPLE.

Run by mpirun on any number of ranks.
"""
from array import array

from mpi4py import MPI

world = MPI.COMM_WORLD
rank, size = world.Get_rank(), world.Get_size()

assert MPI.Get_library_version().startswith("Caravan")
assert MPI.Query_thread() == MPI.THREAD_MULTIPLE

# Objects of Python: probed messages, collectives of bytes.
assert world.allgather(rank * 2) == [2 * other for other in range(size)]
assert world.bcast({"a": [1, 2, 3]} if rank == 0 else None) == {"a": [1, 2, 3]}
assert world.sendrecv(("hello", rank), dest=(rank + 1) % size,
                      source=(rank - 1) % size) == ("hello", (rank - 1) % size)
gathered = world.gather("x" * rank, root=size - 1)
assert gathered is None if rank < size - 1 else gathered == ["x" * n for n in range(size)]

# Buffers, an operation and a datatype of the program's own.
mine, total = array("d", [rank, 2 * rank]), array("d", [0, 0])
world.Allreduce(mine, total, op=MPI.SUM)
assert list(total) == [sum(range(size)), 2 * sum(range(size))]


def maximum(left, right, datatype):
    """Elementwise, on the bytes of doubles."""
    x, y = memoryview(left).cast("d"), memoryview(right).cast("d")
    for i, value in enumerate(x):
        y[i] = max(value, y[i])


op = MPI.Op.Create(maximum, commute=True)
world.Allreduce(mine, total, op=op)
assert list(total) == [size - 1, 2 * (size - 1)]
op.Free()

column = MPI.DOUBLE.Create_vector(3, 1, 4)
column.Commit()
matrix, taken = array("d", range(12)), array("d", [0] * 3)
request = world.Irecv(taken, source=rank, tag=5)
world.Send([matrix, 1, column], dest=rank, tag=5)
status = MPI.Status()
request.Wait(status)
assert list(taken) == [0, 4, 8] and status.Get_elements(MPI.DOUBLE) == 3
column.Free()

# Communicators, groups, attributes, info.
part = world.Split(rank % 2, rank)
assert part.allreduce(1) == (size + 1 - rank % 2) // 2
part.Free()
alone = world.Create(world.Get_group().Incl([0]))
assert (alone == MPI.COMM_NULL) == (rank != 0)
keyval = MPI.Comm.Create_keyval(copy_fn=lambda comm, key, value: value)
world.Set_attr(keyval, {"x": 1})
copied = world.Dup()
assert copied.Get_attr(keyval) == {"x": 1}
copied.Free()
world.Delete_attr(keyval)
info = MPI.Info.Create()
info["wind"] = "north"
assert info.get("wind") == "north"
info.Free()

# Errors are exceptions, and explain themselves.
try:
    world.Send(b"x", dest=99)
    raise AssertionError("rank 99 was accepted")
except MPI.Exception as error:
    assert error.Get_error_class() == MPI.ERR_RANK
    assert "rank 99 is not in MPI_COMM_WORLD" in str(error), str(error)
world.Barrier()
