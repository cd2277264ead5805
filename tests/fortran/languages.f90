! SPDX-License-Identifier: BSD-2-Clause
! Intent: attributes cross languages as MPI 3.1 section 17.2.7 says (languages.c is the other half): what C has set is in Fortran the
! pointer as an integer; what Fortran has set is in C a pointer to that INTEGER, of MPI-1 or of the size of an address; a key value's
! functions get what their own language would get, whichever has set it. Communicators and datatypes.
program languages
  use iso_c_binding
  implicit none
  include 'mpif.h'

  interface
    subroutine c_set_comm(comm, keyval, value) bind(c)
      import c_int, c_intptr_t
      integer(c_int), value :: comm, keyval
      integer(c_intptr_t), value :: value
    end subroutine
    subroutine c_set_type(datatype, keyval, value) bind(c)
      import c_int, c_intptr_t
      integer(c_int), value :: datatype, keyval
      integer(c_intptr_t), value :: value
    end subroutine
    ! The integer to which C's pointer points, of `bytes` bytes; with 0 the pointer itself.
    integer(c_int64_t) function c_get_comm(comm, keyval, bytes) bind(c)
      import c_int, c_int64_t
      integer(c_int), value :: comm, keyval, bytes
    end function
    integer(c_int64_t) function c_get_type(datatype, keyval, bytes) bind(c)
      import c_int, c_int64_t
      integer(c_int), value :: datatype, keyval, bytes
    end function
    ! Key values whose functions are C's. They sum up what they are given, pointers to integers of `bytes` bytes; with 0 they do not look.
    integer(c_int) function c_comm_keyval(bytes) bind(c)
      import c_int
      integer(c_int), value :: bytes
    end function
    integer(c_int) function c_type_keyval(bytes) bind(c)
      import c_int
      integer(c_int), value :: bytes
    end function
    integer(c_int64_t) function c_sum() bind(c)
      import c_int64_t
    end function
  end interface

  integer(c_int64_t), parameter :: LARGE = 81985529216486895_8
  integer(c_int64_t) :: given
  integer :: ierr

  call MPI_INIT(ierr)
  call c_sets
  call fortran_sets
  call fortran_sets_of_mpi_1
  call functions_of_fortran
  call functions_of_c
  call types
  call MPI_FINALIZE(ierr)

contains

  include 'checking.inc'

  subroutine c_sets
    integer :: keyval, comm, narrow
    integer(MPI_ADDRESS_KIND) :: state, wide
    logical :: flag

    state = 0
    call MPI_COMM_DUP(MPI_COMM_SELF, comm, ierr)
    call MPI_COMM_CREATE_KEYVAL(MPI_COMM_NULL_COPY_FN, MPI_COMM_NULL_DELETE_FN, keyval, state, ierr)
    call c_set_comm(comm, keyval, LARGE)
    call MPI_COMM_GET_ATTR(comm, keyval, wide, flag, ierr)
    call check(flag .and. wide == LARGE, 'a pointer of C')
    narrow = 0
    call MPI_ATTR_GET(comm, keyval, narrow, flag, ierr)
    call check(flag .and. narrow == -1985229329, 'a pointer of C, in an INTEGER of MPI-1')
    call check(c_get_comm(comm, keyval, 0) == LARGE, 'a pointer of C, in C')
    call MPI_COMM_FREE(comm, ierr)
    call MPI_COMM_FREE_KEYVAL(keyval, ierr)
  end subroutine

  subroutine fortran_sets
    integer :: keyval, comm, narrow
    integer(MPI_ADDRESS_KIND) :: state, wide
    logical :: flag

    state = 0
    call MPI_COMM_DUP(MPI_COMM_SELF, comm, ierr)
    keyval = c_comm_keyval(0)
    wide = LARGE
    call MPI_COMM_SET_ATTR(comm, keyval, wide, ierr)
    call check(c_get_comm(comm, keyval, 8) == LARGE, 'an integer of Fortran, in C')
    wide = 0
    call MPI_COMM_GET_ATTR(comm, keyval, wide, flag, ierr)
    call check(flag .and. wide == LARGE, 'an integer of Fortran, in Fortran')
    call MPI_ATTR_GET(comm, keyval, narrow, flag, ierr)
    call check(flag .and. narrow == -1985229329, 'an integer of Fortran, in one of MPI-1')
    ! Set again, by the other language
    call c_set_comm(comm, keyval, LARGE + 1)
    call MPI_COMM_GET_ATTR(comm, keyval, wide, flag, ierr)
    call check(flag .and. wide == LARGE + 1, 'a pointer of C in its place')
    wide = -3
    call MPI_COMM_SET_ATTR(comm, keyval, wide, ierr)
    call check(c_get_comm(comm, keyval, 8) == -3, 'an integer in that one''s place')
    call MPI_COMM_FREE(comm, ierr)
    call MPI_COMM_FREE_KEYVAL(keyval, ierr)
  end subroutine

  subroutine fortran_sets_of_mpi_1
    integer :: keyval, comm, narrow
    integer(MPI_ADDRESS_KIND) :: wide
    logical :: flag

    call MPI_COMM_DUP(MPI_COMM_SELF, comm, ierr)
    keyval = c_comm_keyval(4)
    call MPI_ATTR_PUT(comm, keyval, -7, ierr)
    call check(c_get_comm(comm, keyval, 4) == -7, 'an INTEGER of MPI-1, in C')
    wide = 0
    call MPI_COMM_GET_ATTR(comm, keyval, wide, flag, ierr)
    call check(flag .and. wide == -7, 'an INTEGER of MPI-1, sign-extended')
    narrow = 0
    call MPI_ATTR_GET(comm, keyval, narrow, flag, ierr)
    call check(flag .and. narrow == -7, 'an INTEGER of MPI-1, by MPI-1')
    call MPI_COMM_FREE(comm, ierr)
    call MPI_COMM_FREE_KEYVAL(keyval, ierr)
    call check(c_sum() == -7, 'what a delete function of C is given')
  end subroutine

  subroutine copy(comm, keyval, state, in, out, flag, error)
    integer :: comm, keyval, error
    integer(MPI_ADDRESS_KIND) :: state, in, out
    logical :: flag

    given = given + in
    out = in + 1
    flag = .true.
    error = MPI_SUCCESS
  end subroutine

  subroutine remove(comm, keyval, value, state, error)
    integer :: comm, keyval, error
    integer(MPI_ADDRESS_KIND) :: value, state

    given = given + 1000 * value
    error = MPI_SUCCESS
  end subroutine

  ! A pointer is an integer to them.
  subroutine functions_of_fortran
    integer :: keyval, comm, dup
    integer(MPI_ADDRESS_KIND) :: state, wide
    logical :: flag

    state = 0
    given = 0
    call MPI_COMM_DUP(MPI_COMM_SELF, comm, ierr)
    call MPI_COMM_CREATE_KEYVAL(copy, remove, keyval, state, ierr)
    call c_set_comm(comm, keyval, 20_8)
    call MPI_COMM_DUP(comm, dup, ierr)
    call check(given == 20, 'a copy function of Fortran, for a pointer of C')
    call check(c_get_comm(dup, keyval, 8) == 21, 'what it made, in C')
    call MPI_COMM_GET_ATTR(dup, keyval, wide, flag, ierr)
    call check(flag .and. wide == 21, 'what it made, in Fortran')
    call MPI_COMM_FREE(dup, ierr)
    call MPI_COMM_FREE(comm, ierr)
    call check(given == 41020, 'a delete function of Fortran, for both')
    call MPI_COMM_FREE_KEYVAL(keyval, ierr)
  end subroutine

  ! C's copy function makes a pointer of C, to twice the integer.
  subroutine functions_of_c
    integer :: keyval, comm, dup
    integer(MPI_ADDRESS_KIND) :: wide
    logical :: flag

    call MPI_COMM_DUP(MPI_COMM_SELF, comm, ierr)
    keyval = c_comm_keyval(8)
    wide = LARGE / 4
    call MPI_COMM_SET_ATTR(comm, keyval, wide, ierr)
    call MPI_COMM_DUP(comm, dup, ierr)
    call check(c_sum() == LARGE / 4, 'what a copy function of C is given')
    call check(c_get_comm(dup, keyval, 8) == 2 * (LARGE / 4), 'what it made, in C')
    call MPI_COMM_GET_ATTR(dup, keyval, wide, flag, ierr)
    call check(flag .and. wide == c_get_comm(dup, keyval, 0), 'what it made, in Fortran')
    call MPI_COMM_FREE(dup, ierr)
    call MPI_COMM_FREE(comm, ierr)
    call check(c_sum() == 3 * (LARGE / 4), 'what a delete function of C is given, for both')
    call MPI_COMM_FREE_KEYVAL(keyval, ierr)
  end subroutine

  subroutine types
    integer :: keyval, datatype, dup
    integer(MPI_ADDRESS_KIND) :: wide
    logical :: flag

    call MPI_TYPE_DUP(MPI_INTEGER, datatype, ierr)
    keyval = c_type_keyval(8)
    wide = LARGE / 4
    call MPI_TYPE_SET_ATTR(datatype, keyval, wide, ierr)
    call check(c_get_type(datatype, keyval, 8) == LARGE / 4, 'a datatype''s integer of Fortran, in C')
    call MPI_TYPE_DUP(datatype, dup, ierr)
    call check(c_get_type(dup, keyval, 8) == 2 * (LARGE / 4), 'a datatype''s copy')
    call MPI_TYPE_FREE(dup, ierr)
    call MPI_TYPE_DELETE_ATTR(datatype, keyval, ierr)
    call MPI_TYPE_FREE_KEYVAL(keyval, ierr)
    call check(c_sum() == 4 * (LARGE / 4), 'what a datatype''s functions of C are given')
    keyval = c_type_keyval(0)
    call c_set_type(datatype, keyval, LARGE)
    call MPI_TYPE_GET_ATTR(datatype, keyval, wide, flag, ierr)
    call check(flag .and. wide == LARGE, 'a datatype''s pointer of C, in Fortran')
    call MPI_TYPE_FREE(datatype, ierr)
    call MPI_TYPE_FREE_KEYVAL(keyval, ierr)
  end subroutine
end program
