/* SPDX-License-Identifier: BSD-2-Clause
 *
 * mpi-shim/abi/unimplemented.h: the functions that Caravan does not have yet: one line each, expanded in unimplemented.c.
 *
 * KIND(name, object, parameters): the error goes to the error handler of the object, which COMM, WIN and FILE tell the
 * kind of; NONE has no object, and the error goes to MPI_COMM_WORLD's (MPI 3.1 section 8.3).
 */

/* clang-format off */

/* Files (chapter 13) */
FILE(MPI_File_close, *fh, MPI_File *fh)
FILE(MPI_File_delete, MPI_FILE_NULL, const char *filename, MPI_Info info)
FILE(MPI_File_get_amode, fh, MPI_File fh, int *amode)
FILE(MPI_File_get_atomicity, fh, MPI_File fh, int *flag)
FILE(MPI_File_get_byte_offset, fh, MPI_File fh, MPI_Offset offset, MPI_Offset *disp)
FILE(MPI_File_get_group, fh, MPI_File fh, MPI_Group *group)
FILE(MPI_File_get_info, fh, MPI_File fh, MPI_Info *info_used)
FILE(MPI_File_get_position, fh, MPI_File fh, MPI_Offset *offset)
FILE(MPI_File_get_position_shared, fh, MPI_File fh, MPI_Offset *offset)
FILE(MPI_File_get_size, fh, MPI_File fh, MPI_Offset *size)
FILE(MPI_File_get_type_extent, fh, MPI_File fh, MPI_Datatype datatype, MPI_Aint *extent)
FILE(MPI_File_get_view, fh, MPI_File fh, MPI_Offset *disp, MPI_Datatype *etype,
    MPI_Datatype *filetype, char *datarep)
FILE(MPI_File_iread, fh, MPI_File fh, void *buf, int count, MPI_Datatype datatype,
    MPI_Request *request)
FILE(MPI_File_iread_all, fh, MPI_File fh, void *buf, int count, MPI_Datatype datatype,
    MPI_Request *request)
FILE(MPI_File_iread_at, fh, MPI_File fh, MPI_Offset offset, void *buf, int count,
    MPI_Datatype datatype, MPI_Request *request)
FILE(MPI_File_iread_at_all, fh, MPI_File fh, MPI_Offset offset, void *buf, int count,
    MPI_Datatype datatype, MPI_Request *request)
FILE(MPI_File_iread_shared, fh, MPI_File fh, void *buf, int count, MPI_Datatype datatype,
    MPI_Request *request)
FILE(MPI_File_iwrite, fh, MPI_File fh, const void *buf, int count, MPI_Datatype datatype,
    MPI_Request *request)
FILE(MPI_File_iwrite_all, fh, MPI_File fh, const void *buf, int count, MPI_Datatype datatype,
    MPI_Request *request)
FILE(MPI_File_iwrite_at, fh, MPI_File fh, MPI_Offset offset, const void *buf, int count,
    MPI_Datatype datatype, MPI_Request *request)
FILE(MPI_File_iwrite_at_all, fh, MPI_File fh, MPI_Offset offset, const void *buf, int count,
    MPI_Datatype datatype, MPI_Request *request)
FILE(MPI_File_iwrite_shared, fh, MPI_File fh, const void *buf, int count, MPI_Datatype datatype,
    MPI_Request *request)
FILE(MPI_File_open, MPI_FILE_NULL, MPI_Comm comm, const char *filename, int amode, MPI_Info info,
    MPI_File *fh)
FILE(MPI_File_preallocate, fh, MPI_File fh, MPI_Offset size)
FILE(MPI_File_read, fh, MPI_File fh, void *buf, int count, MPI_Datatype datatype,
    MPI_Status *status)
FILE(MPI_File_read_all, fh, MPI_File fh, void *buf, int count, MPI_Datatype datatype,
    MPI_Status *status)
FILE(MPI_File_read_all_begin, fh, MPI_File fh, void *buf, int count, MPI_Datatype datatype)
FILE(MPI_File_read_all_end, fh, MPI_File fh, void *buf, MPI_Status *status)
FILE(MPI_File_read_at, fh, MPI_File fh, MPI_Offset offset, void *buf, int count,
    MPI_Datatype datatype, MPI_Status *status)
FILE(MPI_File_read_at_all, fh, MPI_File fh, MPI_Offset offset, void *buf, int count,
    MPI_Datatype datatype, MPI_Status *status)
FILE(MPI_File_read_at_all_begin, fh, MPI_File fh, MPI_Offset offset, void *buf, int count,
    MPI_Datatype datatype)
FILE(MPI_File_read_at_all_end, fh, MPI_File fh, void *buf, MPI_Status *status)
FILE(MPI_File_read_ordered, fh, MPI_File fh, void *buf, int count, MPI_Datatype datatype,
    MPI_Status *status)
FILE(MPI_File_read_ordered_begin, fh, MPI_File fh, void *buf, int count, MPI_Datatype datatype)
FILE(MPI_File_read_ordered_end, fh, MPI_File fh, void *buf, MPI_Status *status)
FILE(MPI_File_read_shared, fh, MPI_File fh, void *buf, int count, MPI_Datatype datatype,
    MPI_Status *status)
FILE(MPI_File_seek, fh, MPI_File fh, MPI_Offset offset, int whence)
FILE(MPI_File_seek_shared, fh, MPI_File fh, MPI_Offset offset, int whence)
FILE(MPI_File_set_atomicity, fh, MPI_File fh, int flag)
FILE(MPI_File_set_info, fh, MPI_File fh, MPI_Info info)
FILE(MPI_File_set_size, fh, MPI_File fh, MPI_Offset size)
FILE(MPI_File_set_view, fh, MPI_File fh, MPI_Offset disp, MPI_Datatype etype, MPI_Datatype filetype,
    const char *datarep, MPI_Info info)
FILE(MPI_File_sync, fh, MPI_File fh)
FILE(MPI_File_write, fh, MPI_File fh, const void *buf, int count, MPI_Datatype datatype,
    MPI_Status *status)
FILE(MPI_File_write_all, fh, MPI_File fh, const void *buf, int count, MPI_Datatype datatype,
    MPI_Status *status)
FILE(MPI_File_write_all_begin, fh, MPI_File fh, const void *buf, int count, MPI_Datatype datatype)
FILE(MPI_File_write_all_end, fh, MPI_File fh, const void *buf, MPI_Status *status)
FILE(MPI_File_write_at, fh, MPI_File fh, MPI_Offset offset, const void *buf, int count,
    MPI_Datatype datatype, MPI_Status *status)
FILE(MPI_File_write_at_all, fh, MPI_File fh, MPI_Offset offset, const void *buf, int count,
    MPI_Datatype datatype, MPI_Status *status)
FILE(MPI_File_write_at_all_begin, fh, MPI_File fh, MPI_Offset offset, const void *buf, int count,
    MPI_Datatype datatype)
FILE(MPI_File_write_at_all_end, fh, MPI_File fh, const void *buf, MPI_Status *status)
FILE(MPI_File_write_ordered, fh, MPI_File fh, const void *buf, int count, MPI_Datatype datatype,
    MPI_Status *status)
FILE(MPI_File_write_ordered_begin, fh, MPI_File fh, const void *buf, int count,
    MPI_Datatype datatype)
FILE(MPI_File_write_ordered_end, fh, MPI_File fh, const void *buf, MPI_Status *status)
FILE(MPI_File_write_shared, fh, MPI_File fh, const void *buf, int count, MPI_Datatype datatype,
    MPI_Status *status)
NONE(MPI_Register_datarep, const char *datarep, MPI_Datarep_conversion_function *read_conversion_fn,
    MPI_Datarep_conversion_function *write_conversion_fn,
    MPI_Datarep_extent_function *dtype_file_extent_fn, void *extra_state)

/* One-sided communication (chapter 11) */
WIN(MPI_Accumulate, win, const void *origin_addr, int origin_count, MPI_Datatype origin_datatype,
    int target_rank, MPI_Aint target_disp, int target_count, MPI_Datatype target_datatype,
    MPI_Op op, MPI_Win win)
WIN(MPI_Compare_and_swap, win, const void *origin_addr, const void *compare_addr, void *result_addr,
    MPI_Datatype datatype, int target_rank, MPI_Aint target_disp, MPI_Win win)
WIN(MPI_Fetch_and_op, win, const void *origin_addr, void *result_addr, MPI_Datatype datatype,
    int target_rank, MPI_Aint target_disp, MPI_Op op, MPI_Win win)
WIN(MPI_Get, win, void *origin_addr, int origin_count, MPI_Datatype origin_datatype,
    int target_rank, MPI_Aint target_disp, int target_count, MPI_Datatype target_datatype,
    MPI_Win win)
WIN(MPI_Get_accumulate, win, const void *origin_addr, int origin_count,
    MPI_Datatype origin_datatype, void *result_addr, int result_count, MPI_Datatype result_datatype,
    int target_rank, MPI_Aint target_disp, int target_count, MPI_Datatype target_datatype,
    MPI_Op op, MPI_Win win)
WIN(MPI_Put, win, const void *origin_addr, int origin_count, MPI_Datatype origin_datatype,
    int target_rank, MPI_Aint target_disp, int target_count, MPI_Datatype target_datatype,
    MPI_Win win)
WIN(MPI_Raccumulate, win, const void *origin_addr, int origin_count, MPI_Datatype origin_datatype,
    int target_rank, MPI_Aint target_disp, int target_count, MPI_Datatype target_datatype,
    MPI_Op op, MPI_Win win, MPI_Request *request)
WIN(MPI_Rget, win, void *origin_addr, int origin_count, MPI_Datatype origin_datatype,
    int target_rank, MPI_Aint target_disp, int target_count, MPI_Datatype target_datatype,
    MPI_Win win, MPI_Request *request)
WIN(MPI_Rget_accumulate, win, const void *origin_addr, int origin_count,
    MPI_Datatype origin_datatype, void *result_addr, int result_count, MPI_Datatype result_datatype,
    int target_rank, MPI_Aint target_disp, int target_count, MPI_Datatype target_datatype,
    MPI_Op op, MPI_Win win, MPI_Request *request)
WIN(MPI_Rput, win, const void *origin_addr, int origin_count, MPI_Datatype origin_datatype,
    int target_rank, MPI_Aint target_disp, int target_cout, MPI_Datatype target_datatype,
    MPI_Win win, MPI_Request *request)
COMM(MPI_Win_allocate, comm, MPI_Aint size, int disp_unit, MPI_Info info, MPI_Comm comm,
    void *baseptr, MPI_Win *win)
COMM(MPI_Win_allocate_shared, comm, MPI_Aint size, int disp_unit, MPI_Info info, MPI_Comm comm,
    void *baseptr, MPI_Win *win)
WIN(MPI_Win_attach, win, MPI_Win win, void *base, MPI_Aint size)
WIN(MPI_Win_call_errhandler, win, MPI_Win win, int errorcode)
WIN(MPI_Win_complete, win, MPI_Win win)
COMM(MPI_Win_create, comm, void *base, MPI_Aint size, int disp_unit, MPI_Info info, MPI_Comm comm,
    MPI_Win *win)
COMM(MPI_Win_create_dynamic, comm, MPI_Info info, MPI_Comm comm, MPI_Win *win)
WIN(MPI_Win_delete_attr, win, MPI_Win win, int win_keyval)
WIN(MPI_Win_detach, win, MPI_Win win, const void *base)
WIN(MPI_Win_fence, win, int assert, MPI_Win win)
WIN(MPI_Win_flush, win, int rank, MPI_Win win)
WIN(MPI_Win_flush_all, win, MPI_Win win)
WIN(MPI_Win_flush_local, win, int rank, MPI_Win win)
WIN(MPI_Win_flush_local_all, win, MPI_Win win)
WIN(MPI_Win_free, *win, MPI_Win *win)
WIN(MPI_Win_get_attr, win, MPI_Win win, int win_keyval, void *attribute_val, int *flag)
WIN(MPI_Win_get_errhandler, win, MPI_Win win, MPI_Errhandler *errhandler)
WIN(MPI_Win_get_group, win, MPI_Win win, MPI_Group *group)
WIN(MPI_Win_get_info, win, MPI_Win win, MPI_Info *info_used)
WIN(MPI_Win_get_name, win, MPI_Win win, char *win_name, int *resultlen)
WIN(MPI_Win_lock, win, int lock_type, int rank, int assert, MPI_Win win)
WIN(MPI_Win_lock_all, win, int assert, MPI_Win win)
WIN(MPI_Win_post, win, MPI_Group group, int assert, MPI_Win win)
WIN(MPI_Win_set_attr, win, MPI_Win win, int win_keyval, void *attribute_val)
WIN(MPI_Win_set_errhandler, win, MPI_Win win, MPI_Errhandler errhandler)
WIN(MPI_Win_set_info, win, MPI_Win win, MPI_Info info)
WIN(MPI_Win_set_name, win, MPI_Win win, const char *win_name)
WIN(MPI_Win_shared_query, win, MPI_Win win, int rank, MPI_Aint *size, int *disp_unit, void *baseptr)
WIN(MPI_Win_start, win, MPI_Group group, int assert, MPI_Win win)
WIN(MPI_Win_sync, win, MPI_Win win)
WIN(MPI_Win_test, win, MPI_Win win, int *flag)
WIN(MPI_Win_unlock, win, int rank, MPI_Win win)
WIN(MPI_Win_unlock_all, win, MPI_Win win)
WIN(MPI_Win_wait, win, MPI_Win win)

/* Processes that come and go (chapter 10) */
NONE(MPI_Close_port, const char *port_name)
COMM(MPI_Comm_accept, comm, const char *port_name, MPI_Info info, int root, MPI_Comm comm,
    MPI_Comm *newcomm)
COMM(MPI_Comm_connect, comm, const char *port_name, MPI_Info info, int root, MPI_Comm comm,
    MPI_Comm *newcomm)
NONE(MPI_Comm_join, int fd, MPI_Comm *intercomm)
COMM(MPI_Comm_spawn, comm, const char *command, char *argv[], int maxprocs, MPI_Info info, int root,
    MPI_Comm comm, MPI_Comm *intercomm, int array_of_errcodes[])
COMM(MPI_Comm_spawn_multiple, comm, int count, char *array_of_commands[], char **array_of_argv[],
    const int array_of_maxprocs[], const MPI_Info array_of_info[], int root, MPI_Comm comm,
    MPI_Comm *intercomm, int array_of_errcodes[])
NONE(MPI_Lookup_name, const char *service_name, MPI_Info info, char *port_name)
NONE(MPI_Open_port, MPI_Info info, char *port_name)
NONE(MPI_Publish_name, const char *service_name, MPI_Info info, const char *port_name)
NONE(MPI_Unpublish_name, const char *service_name, MPI_Info info, const char *port_name)
