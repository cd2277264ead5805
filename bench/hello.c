/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Hello: starts, says how many ranks there are, ends. `bench/compare` times the whole mpirun.
 */
#include "bench.h"

#include <stdio.h>

static struct bench bench = {.title = "Caravan Hello World Test", .options = "", .ranks = -1};

int main(int argc, char **argv)
{
    bench_begin(&bench, argc, argv);
    bench_head(&bench);
    if (bench.rank == 0)
        printf("This is a test with %d processes\n", bench.size);
    return bench_end(&bench);
}
