/* SPDX-License-Identifier: BSD-2-Clause
 *
 * transform.c: libfftw3-mpi, as Debian ships it, transforms a matrix that is distributed over the ranks, and gives what the
 * serial library gives; and back. On any number of ranks; exit status 1 where they differ.
 */
#include <complex.h>
#include <fftw3-mpi.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 60, COLUMNS = 90 };
static const double CLOSE = 1e-9; /* of numbers up to ROWS * COLUMNS */

static double complex element(ptrdiff_t row, ptrdiff_t column)
{
    return (double)((row * 37 + column * 11) % 101) / 101 +
           I * (double)((row * 5 + column * 71) % 97) / 97;
}

static double worst(const double complex *some, const double complex *others, ptrdiff_t count)
{
    double most = 0;

    for (ptrdiff_t i = 0; i < count; i++)
        most = fmax(most, cabs(some[i] - others[i]));
    return most;
}

int main(int argc, char **argv)
{
    ptrdiff_t rows, first, room;
    fftw_complex *part, *whole;
    fftw_plan forward, backward, serial;
    double errors[2] = {0}, most[2];
    int rank, ranks;

    MPI_Init(&argc, &argv);
    fftw_mpi_init();
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    room = fftw_mpi_local_size_2d(ROWS, COLUMNS, MPI_COMM_WORLD, &rows, &first);
    part = fftw_alloc_complex((size_t)room);
    whole = fftw_alloc_complex(ROWS * COLUMNS);
    forward = fftw_mpi_plan_dft_2d(ROWS, COLUMNS, part, part, MPI_COMM_WORLD, FFTW_FORWARD,
                                   FFTW_ESTIMATE);
    backward = fftw_mpi_plan_dft_2d(ROWS, COLUMNS, part, part, MPI_COMM_WORLD, FFTW_BACKWARD,
                                    FFTW_ESTIMATE);
    serial = fftw_plan_dft_2d(ROWS, COLUMNS, whole, whole, FFTW_FORWARD, FFTW_ESTIMATE);
    for (ptrdiff_t i = 0; i < ROWS * COLUMNS; i++)
        whole[i] = element(i / COLUMNS, i % COLUMNS);
    for (ptrdiff_t i = 0; i < rows * COLUMNS; i++)
        part[i] = element(first + i / COLUMNS, i % COLUMNS);

    fftw_execute(serial);
    fftw_execute(forward);
    errors[0] = worst(part, whole + first * COLUMNS, rows * COLUMNS);
    fftw_execute(backward);
    for (ptrdiff_t i = 0; i < rows * COLUMNS; i++)
        errors[1] = fmax(errors[1], cabs(part[i] / (ROWS * COLUMNS) -
                                         element(first + i / COLUMNS, i % COLUMNS)));
    MPI_Allreduce(errors, most, 2, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    if (rank == 0)
        printf("transform on %d ranks: %g from the serial one, %g from the beginning\n", ranks,
               most[0], most[1]);
    fftw_destroy_plan(serial);
    fftw_destroy_plan(backward);
    fftw_destroy_plan(forward);
    fftw_free(whole);
    fftw_free(part);
    fftw_mpi_cleanup();
    MPI_Finalize();
    return most[0] < CLOSE && most[1] < CLOSE ? 0 : 1;
}
