! SPDX-License-Identifier: BSD-2-Clause
program main
    use, intrinsic :: iso_fortran_env, only: real64, real128, output_unit, error_unit
    implicit none
    integer :: i, unit, status
    real(real64), allocatable :: a(:, :), b(:, :)
    complex(real64) :: z
    real(real128) :: q
    character(len=80) :: line
    real(real64) :: values(5), back(5)

    print *, 'list-directed', 42, 1.5d0, .true., (1.0, -2.0)
    write (*, '(a, i8.4, f12.6, es14.5e3, l3, z10)') 'formatted', 42, acos(-1d0), 6.02d23, .false., 48879
    z = exp((0d0, 1d0) * acos(-1d0))
    write (*, '(2f20.15)') z
    write (*, '(2f20.15)') sqrt(cmplx(-1d0, 0d0, real64))
    q = 4 * atan(1.0_real128)
    write (*, '(f40.34)') q
    write (*, '(es45.34e4)') exp(q) ** 50
    allocate (a(200, 200), b(200, 200))
    forall (i = 1:200) a(i, :) = i
    b = matmul(transpose(a), a)
    write (*, '(es22.14)') sum(b)
    write (line, '(i0, a, i0)') 6, ' times 7 is ', 6 * 7
    print *, trim(line)
    values = [(sqrt(real(i, real64)), i = 1, 5)]
    open (newunit=unit, file='/tmp/caravan-fortran', form='unformatted', status='replace')
    write (unit) values
    rewind (unit)
    read (unit) back
    close (unit, status='delete')
    print *, all(values == back)
    open (newunit=unit, file='/tmp/does-not-exist/file', status='old', iostat=status)
    print *, status
    open (newunit=unit, status='scratch')
    do i = 1, 1000
        write (unit, *) i, i * i
    end do
    rewind (unit)
    do i = 1, 999
        read (unit, *)
    end do
    read (unit, *) i, status
    print *, i, status
    flush (output_unit)
    write (error_unit, *) 'to standard error'
    stop 5
end program main
