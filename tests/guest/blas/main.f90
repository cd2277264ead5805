! SPDX-License-Identifier: BSD-2-Clause
! Small integers in floating point: sums and products are exact, whatever order a BLAS takes them in.
program main
    use, intrinsic :: iso_fortran_env, only: dp => real64
    implicit none
    integer, parameter :: n = 150
    real(dp) :: a(n, n), b(n, n), c(n, n), x(n), y(n)
    complex(dp) :: z(n), w(n), zdotc
    real(dp), external :: ddot, dasum, dnrm2
    integer, external :: idamax
    integer :: i, j

    do j = 1, n
        x(j) = mod(j * 37, 19) - 9
        y(j) = mod(j * 11, 23) - 11
        z(j) = cmplx(x(j), y(j), dp)
        do i = 1, n
            a(i, j) = mod(i * 7 + j * 13, 17) - 8
            b(i, j) = mod(i * 5 + j * 3, 13) - 6
        end do
    end do
    print *, ddot(n, x, 1, y, 1), dasum(n, x, 1), idamax(n, x, 1)
    print *, dnrm2(2, [3d0, 4d0], 1)
    call daxpy(n, 3d0, x, 1, y, 1)
    print *, sum(y)
    call dgemv('t', n, n, 2d0, a, n, x, 1, -1d0, y, 1)
    print *, sum(y), y(77)
    call dgemm('n', 't', n, n, n, 1d0, a, n, b, n, 0d0, c, n)
    print *, sum(c), c(3, 5), maxval(abs(c - matmul(a, transpose(b))))
    call dsyrk('u', 'n', n, n, 1d0, a, n, 0d0, c, n)
    print *, c(1, n), c(10, 20)
    do j = 1, n
        a(j, j) = 1
    end do
    x = 1
    call dtrsv('l', 'n', 'u', 3, a, n, x, 1)
    print *, x(1:4)
    w = z
    call zscal(n, (0d0, 1d0), w, 1)
    print *, sum(w)
    call dger(n, n, 1d0, y, 1, y, 1, b, n)
    print *, b(2, 3), b(n, n)
end program main
