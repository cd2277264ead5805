/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/abi.h: what the files of the Open MPI face share.
 *
 * The face turns handles into objects of the core, checks arguments, and raises errors. A handle is the address
 * of its object. Here alone the names MPI_X and PMPI_X are defined; nothing in the library calls them.
 */
#ifndef CARAVAN_ABI_H
#define CARAVAN_ABI_H

/* The functions that MPI 3.0 removed are declared for us: existing binaries import them. */
#define OMPI_OMIT_MPI1_COMPAT_DECLS 0
#include <mpi.h>
#include <mpi-ext.h>

#define MPI_VISIBLE __attribute__((visibility("default")))

/* Export MPI_x beside PMPI_x: the same code at the same address, weak, so that a profiling library may have
 * its own (MPI 3.1 section 14.2). It follows the definition of PMPI_x. */
#define EXPORT(name) extern __typeof__(P##name) name __attribute__((weak, alias("P" #name)))

/* The name of the MPI function that this is used in: __func__ is "PMPI_Send". */
#define CALL (__func__ + 1)

#endif
