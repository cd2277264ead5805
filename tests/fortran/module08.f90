! SPDX-License-Identifier: BSD-2-Clause
! Intent: Open MPI's module mpi_f08, a library of its own, works above our entry points.
program module08
  use mpi_f08
  implicit none
  integer :: rank, ranks, value
  type(MPI_Comm) :: comm
  type(MPI_Status) :: status
  type(MPI_Request) :: requests(2)
  type(MPI_Op) :: op

  call MPI_Init()
  call MPI_Comm_dup(MPI_COMM_WORLD, comm)
  call MPI_Comm_rank(comm, rank)
  call MPI_Comm_size(comm, ranks)
  call MPI_Irecv(value, 1, MPI_INTEGER, MPI_ANY_SOURCE, 5, comm, requests(1))
  call MPI_Isend(rank, 1, MPI_INTEGER, mod(rank + 1, ranks), 5, comm, requests(2))
  call MPI_Wait(requests(1), status)
  call MPI_Wait(requests(2), MPI_STATUS_IGNORE)
  if (value /= mod(rank + ranks - 1, ranks) .or. status%MPI_SOURCE /= value .or. status%MPI_TAG /= 5) error stop 'receive'
  call MPI_Op_create(larger, .true., op)
  call MPI_Allreduce(MPI_IN_PLACE, value, 1, MPI_INTEGER, op, comm)
  if (value /= ranks - 1) error stop 'operation'
  call MPI_Op_free(op)
  call MPI_Comm_free(comm)
  call MPI_Finalize()
contains
  subroutine larger(in, inout, length, type)
    use, intrinsic :: iso_c_binding
    type(c_ptr), value :: in, inout
    integer :: length
    type(MPI_Datatype) :: type
    integer, pointer :: from(:), to(:)

    call c_f_pointer(in, from, [length])
    call c_f_pointer(inout, to, [length])
    to = max(from, to)
  end subroutine
end program
