/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/probe.c: looking at messages before receiving them (MPI 3.1 section 3.8). MPI_Iprobe is hot.
 */
#include "check.h"

#define CHECK_PROBE(source, tag, comm)                                                             \
    do {                                                                                           \
        if (unlikely(!probe_ok(source, tag, comm)))                                                \
            return raise_comm(comm, CALL, probe_bad(source, tag, comm));                           \
    } while (0)

int PMPI_Probe(int source, int tag, MPI_Comm comm, MPI_Status *status)
{
    CHECK_PROBE(source, tag, comm);
    FINISH_COMM(comm, probe_blocking(source, tag, comm, status_of(status)));
}
EXPORT(MPI_Probe);

int PMPI_Iprobe(int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status)
{
    CHECK_PROBE(source, tag, comm);
    CHECK_NOT_NULL_COMM(comm, flag);
    FINISH_COMM(comm, probe_now(source, tag, comm, flag, status_of(status)));
}
EXPORT(MPI_Iprobe);

int PMPI_Mprobe(int source, int tag, MPI_Comm comm, MPI_Message *message, MPI_Status *status)
{
    CHECK_PROBE(source, tag, comm);
    CHECK_NOT_NULL_COMM(comm, message);
    FINISH_COMM(comm, mprobe_blocking(source, tag, comm, message, status_of(status)));
}
EXPORT(MPI_Mprobe);

int PMPI_Improbe(int source, int tag, MPI_Comm comm, int *flag, MPI_Message *message,
                 MPI_Status *status)
{
    CHECK_PROBE(source, tag, comm);
    CHECK_NOT_NULL_COMM(comm, flag);
    CHECK_NOT_NULL_COMM(comm, message);
    FINISH_COMM(comm, mprobe_now(source, tag, comm, flag, message, status_of(status)));
}
EXPORT(MPI_Improbe);
