! SPDX-License-Identifier: BSD-2-Clause
! Intent: with mpif.h, MPI calls the program's own functions as Fortran functions: operations, attributes (of MPI-1 and of
! MPI-2), error handlers and generalised requests.
program callbacks
  implicit none
  include 'mpif.h'
  integer :: rank, ranks, ierr
  integer :: copies, deletions, errors, queries, releases, cancellations

  call MPI_INIT(ierr)
  call MPI_COMM_RANK(MPI_COMM_WORLD, rank, ierr)
  call MPI_COMM_SIZE(MPI_COMM_WORLD, ranks, ierr)
  call operations
  call attributes
  call attributes_of_mpi_1
  call error_handlers
  call generalised_requests
  call MPI_FINALIZE(ierr)
contains
  include 'checking.inc'

  ! (a, b): the function a x + b. Composition does not commute.
  subroutine compose(in, inout, length, type)
    integer :: length, type
    integer(8) :: in(2, length), inout(2, length)
    integer :: i

    call check(type /= MPI_DATATYPE_NULL .and. type /= MPI_INTEGER8, 'the type that an operation is given')
    do i = 1, length
      inout(:, i) = mod([in(1, i) * inout(1, i), in(1, i) * inout(2, i) + in(2, i)], 1000003_8)
    end do
  end subroutine

  subroutine operations
    integer :: op, type, i
    integer(8) :: mine(2, 3), result(2, 3), wanted(2, 3)

    call MPI_OP_CREATE(compose, .false., op, ierr)
    call MPI_TYPE_CONTIGUOUS(2, MPI_INTEGER8, type, ierr)
    call MPI_TYPE_COMMIT(type, ierr)
    mine = function_of(rank)
    call MPI_ALLREDUCE(mine, result, 3, type, op, MPI_COMM_WORLD, ierr)
    wanted = function_of(ranks - 1)
    do i = ranks - 2, 0, -1
      mine = function_of(i)
      call compose(mine, wanted, 3, type)
    end do
    call check(all(result == wanted), 'an operation that does not commute')
    call MPI_OP_FREE(op, ierr)
    call check(op == MPI_OP_NULL, 'MPI_OP_FREE')
    call MPI_TYPE_FREE(type, ierr)
  end subroutine

  function function_of(i) result(values)
    integer, intent(in) :: i
    integer(8) :: values(2, 3)

    values(1, :) = [2, 3, 5] + i
    values(2, :) = [7, 11, 13] * (i + 1)
  end function

  subroutine copy(comm, keyval, state, in, out, flag, error)
    integer :: comm, keyval, error
    integer(MPI_ADDRESS_KIND) :: state, in, out
    logical :: flag

    call check(comm /= MPI_COMM_NULL .and. state == 1234567890123_8, 'what a copy function is given')
    copies = copies + 1
    out = in + 1
    flag = .true.
    error = MPI_SUCCESS
  end subroutine

  subroutine remove(comm, keyval, value, state, error)
    integer :: comm, keyval, error
    integer(MPI_ADDRESS_KIND) :: value, state

    call check(state == 1234567890123_8, 'what a delete function is given')
    deletions = deletions + 1
    error = MPI_SUCCESS
  end subroutine

  subroutine attributes
    integer :: keyval, all_keyval, none_keyval, comm, dup
    integer(MPI_ADDRESS_KIND) :: state, value
    logical :: flag

    copies = 0
    deletions = 0
    state = 1234567890123_8
    call MPI_COMM_CREATE_KEYVAL(copy, remove, keyval, state, ierr)
    call MPI_COMM_CREATE_KEYVAL(MPI_COMM_DUP_FN, MPI_COMM_NULL_DELETE_FN, all_keyval, state, ierr)
    call MPI_COMM_CREATE_KEYVAL(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, none_keyval, state, ierr)
    call MPI_COMM_DUP(MPI_COMM_SELF, comm, ierr)
    value = 9876543210987_8
    call MPI_COMM_SET_ATTR(comm, keyval, value, ierr)
    call MPI_COMM_SET_ATTR(comm, all_keyval, value, ierr)
    call MPI_COMM_SET_ATTR(comm, none_keyval, value, ierr)
    call MPI_COMM_DUP(comm, dup, ierr)
    call MPI_COMM_GET_ATTR(dup, keyval, value, flag, ierr)
    call check(flag .and. value == 9876543210988_8 .and. copies == 1, 'a copied attribute')
    call MPI_COMM_GET_ATTR(dup, all_keyval, value, flag, ierr)
    call check(flag .and. value == 9876543210987_8, 'MPI_COMM_DUP_FN')
    call MPI_COMM_GET_ATTR(dup, none_keyval, value, flag, ierr)
    call check(.not. flag, 'MPI_COMM_NULL_COPY_FN')
    call MPI_COMM_FREE(dup, ierr)
    call check(deletions == 1, 'a delete function')
    call MPI_COMM_FREE_KEYVAL(keyval, ierr)
    call check(keyval == MPI_KEYVAL_INVALID, 'MPI_COMM_FREE_KEYVAL')
    call MPI_COMM_FREE(comm, ierr)
    call check(deletions == 2, 'a delete function after its key value was freed')
    call MPI_COMM_FREE_KEYVAL(all_keyval, ierr)
    call MPI_COMM_FREE_KEYVAL(none_keyval, ierr)
  end subroutine

  subroutine copy_1(comm, keyval, state, in, out, flag, error)
    integer :: comm, keyval, state, in, out, error
    logical :: flag

    call check(state == -5 .and. in == -7, 'what a copy function of MPI-1 is given')
    out = in - 1
    flag = .true.
    error = MPI_SUCCESS
  end subroutine

  subroutine remove_1(comm, keyval, value, state, error)
    integer :: comm, keyval, value, state, error

    call check(state == -5 .and. value < 0, 'what a delete function of MPI-1 is given')
    deletions = deletions + 1
    error = MPI_SUCCESS
  end subroutine

  subroutine attributes_of_mpi_1
    integer :: keyval, comm, dup, value
    logical :: flag

    deletions = 0
    call MPI_KEYVAL_CREATE(copy_1, remove_1, keyval, -5, ierr)
    call MPI_COMM_DUP(MPI_COMM_SELF, comm, ierr)
    call MPI_ATTR_PUT(comm, keyval, -7, ierr)
    call MPI_COMM_DUP(comm, dup, ierr)
    call MPI_ATTR_GET(dup, keyval, value, flag, ierr)
    call check(flag .and. value == -8, 'an attribute of MPI-1')
    call MPI_ATTR_DELETE(dup, keyval, ierr)
    call MPI_COMM_FREE(dup, ierr)
    call MPI_COMM_FREE(comm, ierr)
    call check(deletions == 2, 'delete functions of MPI-1')
    call MPI_KEYVAL_FREE(keyval, ierr)
    call MPI_ATTR_GET(MPI_COMM_WORLD, MPI_WTIME_IS_GLOBAL, value, flag, ierr)
    call check(flag .and. (value == 0 .or. value == 1), 'a predefined attribute')
  end subroutine

  subroutine handle(comm, error)
    integer :: comm, error
    integer :: class, ierr

    call MPI_ERROR_CLASS(error, class, ierr)
    call check(comm == MPI_COMM_SELF .and. class == MPI_ERR_TAG, 'what an error handler is given')
    errors = errors + 1
  end subroutine

  subroutine error_handlers
    integer :: handler, before, now, error

    errors = 0
    call MPI_COMM_CREATE_ERRHANDLER(handle, handler, ierr)
    call MPI_COMM_GET_ERRHANDLER(MPI_COMM_SELF, before, ierr)
    call MPI_COMM_SET_ERRHANDLER(MPI_COMM_SELF, handler, ierr)
    call MPI_COMM_GET_ERRHANDLER(MPI_COMM_SELF, now, ierr)
    call check(now == handler, 'MPI_COMM_GET_ERRHANDLER')
    call MPI_ERRHANDLER_FREE(now, ierr)
    call MPI_ERRHANDLER_FREE(handler, ierr)
    call check(handler == MPI_ERRHANDLER_NULL, 'MPI_ERRHANDLER_FREE')
    call MPI_SEND(errors, 1, MPI_INTEGER, 0, -5, MPI_COMM_SELF, error)
    call check(errors == 1 .and. error /= MPI_SUCCESS, 'an error handler')
    call MPI_COMM_SET_ERRHANDLER(MPI_COMM_SELF, before, ierr)
    call MPI_ERRHANDLER_FREE(before, ierr)
  end subroutine

  subroutine query(state, status, error)
    integer(MPI_ADDRESS_KIND) :: state
    integer :: status(MPI_STATUS_SIZE), error, ierr

    call check(state == -99, 'what a query function is given')
    queries = queries + 1
    call MPI_STATUS_SET_ELEMENTS(status, MPI_INTEGER, 4, ierr)
    call MPI_STATUS_SET_CANCELLED(status, .false., ierr)
    status(MPI_SOURCE) = 11
    status(MPI_TAG) = 12
    error = MPI_SUCCESS
  end subroutine

  subroutine release(state, error)
    integer(MPI_ADDRESS_KIND) :: state
    integer :: error

    releases = releases + 1
    error = MPI_SUCCESS
  end subroutine

  subroutine cancel(state, complete, error)
    integer(MPI_ADDRESS_KIND) :: state
    logical :: complete
    integer :: error

    call check(.not. complete, 'what a cancel function is given')
    cancellations = cancellations + 1
    error = MPI_SUCCESS
  end subroutine

  subroutine generalised_requests
    integer :: request, status(MPI_STATUS_SIZE), count
    logical :: flag

    queries = 0
    releases = 0
    cancellations = 0
    call MPI_GREQUEST_START(query, release, cancel, -99_MPI_ADDRESS_KIND, request, ierr)
    call MPI_TEST(request, flag, status, ierr)
    call check(.not. flag, 'a generalised request that is not complete')
    call MPI_CANCEL(request, ierr)
    call check(cancellations == 1, 'a cancel function')
    call MPI_GREQUEST_COMPLETE(request, ierr)
    call MPI_WAIT(request, status, ierr)
    call MPI_GET_COUNT(status, MPI_INTEGER, count, ierr)
    call check(status(MPI_SOURCE) == 11 .and. status(MPI_TAG) == 12 .and. count == 4, 'the status of a query function')
    call check(queries >= 1 .and. releases == 1, 'a query function and a free function')
  end subroutine
end program
