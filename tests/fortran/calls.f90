! SPDX-License-Identifier: BSD-2-Clause
! Intent: with the module mpi, whatever Fortran passes differently from C arrives: handles, statuses, sentinels, indices from 1,
! logicals, strings with their hidden lengths, addresses, arrays of handles. On any number of ranks.
program calls
  use mpi
  implicit none
  integer :: rank, ranks, left, right, ierr

  call MPI_Init(ierr)
  call check(ierr == MPI_SUCCESS, 'MPI_Init')
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, ierr)
  right = mod(rank + 1, ranks)
  left = mod(rank + ranks - 1, ranks)
  call point_to_point
  call completion
  call sentinels
  call types
  call collectives
  call communicators
  call topologies
  call strings
  call odd_ones
  call MPI_Barrier(MPI_COMM_WORLD, ierr)
  call MPI_Finalize(ierr)
  call check(ierr == MPI_SUCCESS, 'MPI_Finalize')
contains
  include 'checking.inc'

  subroutine point_to_point
    integer :: value, request, count, message
    integer :: status(MPI_STATUS_SIZE)
    real(8) :: numbers(5)
    logical :: flag

    numbers = rank
    call MPI_Isend(numbers, 3, MPI_DOUBLE_PRECISION, right, 17, MPI_COMM_WORLD, request, ierr)
    numbers(4:5) = -1
    call MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, status, ierr)
    call check(status(MPI_SOURCE) == left .and. status(MPI_TAG) == 17, 'the status of a probe')
    call MPI_Get_count(status, MPI_DOUBLE_PRECISION, count, ierr)
    call check(count == 3, 'the count of a probe')
    call MPI_Wait(request, MPI_STATUS_IGNORE, ierr)
    call check(request == MPI_REQUEST_NULL, 'a request after its wait')
    call MPI_Recv(numbers, 5, MPI_DOUBLE_PRECISION, left, 17, MPI_COMM_WORLD, status, ierr)
    call check(all(numbers == [left, left, left, -1, -1]), 'what was received')
    call MPI_Sendrecv(rank, 1, MPI_INTEGER, right, 1, value, 1, MPI_INTEGER, left, 1, MPI_COMM_WORLD, status, ierr)
    call check(value == left .and. status(MPI_SOURCE) == left, 'MPI_Sendrecv')
    call MPI_Sendrecv_replace(value, 1, MPI_INTEGER, left, 2, right, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE, ierr)
    call check(value == rank, 'MPI_Sendrecv_replace')
    call MPI_Isend(rank, 1, MPI_INTEGER, rank, 4, MPI_COMM_WORLD, request, ierr)
    call MPI_Mprobe(rank, 4, MPI_COMM_WORLD, message, status, ierr)
    call check(message /= MPI_MESSAGE_NULL, 'MPI_Mprobe')
    call MPI_Mrecv(value, 1, MPI_INTEGER, message, status, ierr)
    call check(message == MPI_MESSAGE_NULL .and. value == rank, 'MPI_Mrecv')
    call MPI_Wait(request, status, ierr)
    call MPI_Iprobe(MPI_ANY_SOURCE, 99, MPI_COMM_WORLD, flag, status, ierr)
    call check(.not. flag, 'MPI_Iprobe without a message')
    call MPI_Recv(value, 1, MPI_INTEGER, MPI_PROC_NULL, 0, MPI_COMM_WORLD, status, ierr)
    call check(status(MPI_SOURCE) == MPI_PROC_NULL .and. status(MPI_TAG) == MPI_ANY_TAG, 'a receive from nobody')
    call MPI_Irecv(value, 1, MPI_INTEGER, rank, 98, MPI_COMM_WORLD, request, ierr)
    call MPI_Cancel(request, ierr)
    call MPI_Wait(request, status, ierr)
    call MPI_Test_cancelled(status, flag, ierr)
    call check(flag, 'MPI_Test_cancelled')
  end subroutine

  subroutine completion
    integer, parameter :: many = 4
    integer :: requests(many), statuses(MPI_STATUS_SIZE, many), status(MPI_STATUS_SIZE), values(many)
    integer :: which(many), done, index, i, total
    logical :: flag

    do i = 1, many
      call MPI_Irecv(values(i), 1, MPI_INTEGER, rank, i, MPI_COMM_WORLD, requests(i), ierr)
    end do
    call MPI_Testany(many, requests, index, flag, status, ierr)
    call check(.not. flag .and. index == MPI_UNDEFINED, 'MPI_Testany of nothing')
    call MPI_Send(30, 1, MPI_INTEGER, rank, 3, MPI_COMM_WORLD, ierr)
    call MPI_Waitany(many, requests, index, status, ierr)
    call check(index == 3 .and. status(MPI_TAG) == 3 .and. values(3) == 30, 'MPI_Waitany counts from 1')
    call check(requests(3) == MPI_REQUEST_NULL .and. requests(1) /= MPI_REQUEST_NULL, 'the requests after MPI_Waitany')
    call MPI_Send(10, 1, MPI_INTEGER, rank, 1, MPI_COMM_WORLD, ierr)
    call MPI_Waitsome(many, requests, done, which, statuses, ierr)
    call check(done == 1 .and. which(1) == 1 .and. statuses(MPI_TAG, 1) == 1, 'MPI_Waitsome counts from 1')
    call MPI_Send(40, 1, MPI_INTEGER, rank, 4, MPI_COMM_WORLD, ierr)
    call MPI_Send(20, 1, MPI_INTEGER, rank, 2, MPI_COMM_WORLD, ierr)
    total = 0
    do while (total < 2)
      call MPI_Testsome(many, requests, done, which, MPI_STATUSES_IGNORE, ierr)
      call check(done /= MPI_UNDEFINED, 'MPI_Testsome')
      total = total + done
    end do
    call check(all(values == [10, 20, 30, 40]), 'what MPI_Testsome completed')
    call MPI_Testsome(many, requests, done, which, statuses, ierr)
    call check(done == MPI_UNDEFINED, 'MPI_Testsome of no request')
    call MPI_Waitany(many, requests, index, status, ierr)
    call check(index == MPI_UNDEFINED, 'MPI_Waitany of no request')

    do i = 1, many / 2
      call MPI_Recv_init(values(i), 1, MPI_INTEGER, left, i, MPI_COMM_WORLD, requests(i), ierr)
      call MPI_Send_init(rank, 1, MPI_INTEGER, right, i, MPI_COMM_WORLD, requests(i + many / 2), ierr)
    end do
    call MPI_Startall(many, requests, ierr)
    call MPI_Waitall(many, requests, statuses, ierr)
    call check(all(values(1:2) == left) .and. all(statuses(MPI_TAG, 1:2) == [1, 2]), 'persistent requests')
    call check(all(requests /= MPI_REQUEST_NULL), 'persistent requests stay')
    call MPI_Startall(many, requests, ierr)
    flag = .false.
    do while (.not. flag)
      call MPI_Testall(many, requests, flag, MPI_STATUSES_IGNORE, ierr)
    end do
    do i = 1, many
      call MPI_Request_free(requests(i), ierr)
    end do
    call check(all(requests == MPI_REQUEST_NULL), 'MPI_Request_free')
  end subroutine

  subroutine sentinels
    integer :: value, type, ones(2)
    integer(MPI_ADDRESS_KIND) :: place(2)

    value = rank + 1
    call MPI_Allreduce(MPI_IN_PLACE, value, 1, MPI_INTEGER, MPI_SUM, MPI_COMM_WORLD, ierr)
    call check(value == ranks * (ranks + 1) / 2, 'MPI_IN_PLACE')
    call MPI_Get_address(value, place(1), ierr)
    call MPI_Get_address(ones(2), place(2), ierr)
    call MPI_Type_create_hindexed(2, [1, 1], place, MPI_INTEGER, type, ierr)
    call MPI_Type_commit(type, ierr)
    value = rank
    ones = -1
    if (rank == 0) ones(2) = 7
    call MPI_Bcast(MPI_BOTTOM, 1, type, 0, MPI_COMM_WORLD, ierr)
    call check(value == 0 .and. ones(1) == -1 .and. ones(2) == 7, 'MPI_BOTTOM')
    call MPI_Type_free(type, ierr)
    call check(type == MPI_DATATYPE_NULL, 'MPI_Type_free')
  end subroutine

  subroutine types
    integer :: type, dupe, integers(8), handles(3), numbers(4), combiner, size, i, matrix(3, 4), column(3)
    integer(MPI_ADDRESS_KIND) :: addresses(2), lb, extent, places(2)

    places = [0, 16]
    call MPI_Type_create_struct(2, [2, 1], places, [MPI_INTEGER, MPI_DOUBLE_PRECISION], type, ierr)
    call MPI_Type_get_extent(type, lb, extent, ierr)
    call check(lb == 0 .and. extent == 24, 'the extent of a struct')
    call MPI_Type_size(type, size, ierr)
    call check(size == 16, 'the size of a struct')
    call MPI_Type_get_envelope(type, numbers(1), numbers(2), numbers(3), combiner, ierr)
    call check(all(numbers(1:3) == [3, 2, 2]) .and. combiner == MPI_COMBINER_STRUCT, 'an envelope')
    call MPI_Type_get_contents(type, 8, 2, 3, integers, addresses, handles, ierr)
    call check(all(integers(1:3) == [2, 2, 1]) .and. all(addresses == places), 'contents')
    call check(all(handles(1:2) == [MPI_INTEGER, MPI_DOUBLE_PRECISION]), 'types in contents')
    call MPI_Type_dup(type, dupe, ierr)
    call check(dupe /= type, 'MPI_Type_dup')
    call MPI_Type_free(dupe, ierr)
    call MPI_Type_free(type, ierr)
    call MPI_Type_vector(4, 1, 3, MPI_INTEGER, type, ierr)
    call MPI_Type_commit(type, ierr)
    matrix = reshape([(i, i = 1, 12)], [3, 4])
    call MPI_Sendrecv(matrix(2, 1), 1, type, rank, 0, numbers, 4, MPI_INTEGER, rank, 0, MPI_COMM_WORLD, &
                      MPI_STATUS_IGNORE, ierr)
    call check(all(numbers == matrix(2, :)), 'a row of a matrix')
    call MPI_Type_free(type, ierr)
    call MPI_Type_create_subarray(2, [3, 4], [3, 1], [0, 2], MPI_ORDER_FORTRAN, MPI_INTEGER, type, ierr)
    call MPI_Type_commit(type, ierr)
    call MPI_Sendrecv(matrix, 1, type, rank, 0, column, 3, MPI_INTEGER, rank, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE, ierr)
    call check(all(column == matrix(:, 3)), 'a column by MPI_Type_create_subarray')
    call MPI_Type_free(type, ierr)
    call MPI_Type_match_size(MPI_TYPECLASS_REAL, 8, type, ierr)
    call check(type == MPI_REAL8, 'MPI_Type_match_size')
    call MPI_Sizeof(lb, size, ierr)
    call check(size == 8, 'MPI_Sizeof')
    call MPI_Sizeof(matrix, size, ierr)
    call check(size == 4, 'MPI_Sizeof of an array')
    call MPI_Sizeof((1.0, 2.0), size, ierr)
    call check(size == 8, 'MPI_Sizeof of a complex number')
  end subroutine

  subroutine collectives
    integer :: sent(ranks), received(ranks), counts(ranks), places(ranks), kinds(ranks), i, request
    real :: pair(2), best(2)

    sent = [(rank * 100 + i, i = 0, ranks - 1)]
    call MPI_Alltoall(sent, 1, MPI_INTEGER, received, 1, MPI_INTEGER, MPI_COMM_WORLD, ierr)
    call check(all(received == [(i * 100 + rank, i = 0, ranks - 1)]), 'MPI_Alltoall')
    counts = 1
    places = [(4 * i, i = 0, ranks - 1)]
    kinds = MPI_INTEGER
    received = -1
    call MPI_Alltoallw(sent, counts, places, kinds, received, counts, places, kinds, MPI_COMM_WORLD, ierr)
    call check(all(received == [(i * 100 + rank, i = 0, ranks - 1)]), 'MPI_Alltoallw')
    received = sent
    call MPI_Alltoallw(MPI_IN_PLACE, [0], [0], [0], received, counts, places, kinds, MPI_COMM_WORLD, ierr)
    call check(all(received == [(i * 100 + rank, i = 0, ranks - 1)]), 'MPI_Alltoallw in place')
    received = -1
    call MPI_Ialltoallw(sent, counts, places, kinds, received, counts, places, kinds, MPI_COMM_WORLD, request, ierr)
    call MPI_Wait(request, MPI_STATUS_IGNORE, ierr)
    call check(all(received == [(i * 100 + rank, i = 0, ranks - 1)]), 'MPI_Ialltoallw')
    call MPI_Gatherv(rank, 1, MPI_INTEGER, received, counts, [(i, i = 0, ranks - 1)], MPI_INTEGER, 0, MPI_COMM_WORLD, ierr)
    if (rank == 0) call check(all(received == [(i, i = 0, ranks - 1)]), 'MPI_Gatherv')
    pair = [real(mod(rank * 7, 5)), real(rank)]
    call MPI_Allreduce(pair, best, 1, MPI_2REAL, MPI_MAXLOC, MPI_COMM_WORLD, ierr)
    call check(best(1) == maxval([(mod(i * 7, 5), i = 0, ranks - 1)]), 'MPI_MAXLOC of MPI_2REAL')
    call check(best(2) == maxloc([(mod(i * 7, 5), i = 0, ranks - 1)], 1) - 1, 'where MPI_MAXLOC found it')
  end subroutine

  subroutine communicators
    integer :: half, group, part, size, result, ranges(3, 1), translated(1), extra, dup
    integer(MPI_ADDRESS_KIND) :: value
    logical :: flag

    call MPI_Comm_split(MPI_COMM_WORLD, mod(rank, 2), rank, half, ierr)
    call MPI_Comm_size(half, size, ierr)
    call check(size == (ranks + 1 - mod(rank, 2)) / 2, 'MPI_Comm_split')
    call MPI_Comm_group(MPI_COMM_WORLD, group, ierr)
    ranges(:, 1) = [0, ranks - 1, 2]
    call MPI_Group_range_incl(group, 1, ranges, part, ierr)
    call MPI_Group_size(part, size, ierr)
    call check(size == (ranks + 1) / 2, 'MPI_Group_range_incl')
    call MPI_Group_translate_ranks(part, 1, [0], group, translated, ierr)
    call check(translated(1) == 0, 'MPI_Group_translate_ranks')
    call MPI_Comm_compare(MPI_COMM_WORLD, half, result, ierr)
    call check(result == merge(MPI_CONGRUENT, MPI_UNEQUAL, ranks == 1), 'MPI_Comm_compare')
    call MPI_Comm_split(MPI_COMM_WORLD, MPI_UNDEFINED, 0, extra, ierr)
    call check(extra == MPI_COMM_NULL, 'MPI_UNDEFINED for MPI_Comm_split')
    call MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, value, flag, ierr)
    call check(flag .and. value >= 32767, 'MPI_TAG_UB is its value')
    call MPI_Comm_test_inter(half, flag, ierr)
    call check(.not. flag, 'MPI_Comm_test_inter')
    call MPI_Comm_dup(half, dup, ierr)
    call MPI_Comm_compare(half, dup, result, ierr)
    call check(result == MPI_CONGRUENT, 'MPI_Comm_dup')
    call MPI_Comm_free(dup, ierr)
    call MPI_Comm_free(half, ierr)
    call check(half == MPI_COMM_NULL, 'MPI_Comm_free')
    call MPI_Group_free(part, ierr)
    call MPI_Group_free(group, ierr)
    call check(group == MPI_GROUP_NULL, 'MPI_Group_free')
  end subroutine

  subroutine topologies
    integer :: ring, source, target, dims(2), coords(1), graph, sources(1), targets(1), weights(1), ins, outs, kind
    integer :: value
    logical :: periods(1), weighted

    dims = 0
    call MPI_Dims_create(ranks, 2, dims, ierr)
    call check(product(dims) == ranks, 'MPI_Dims_create')
    call MPI_Cart_create(MPI_COMM_WORLD, 1, [ranks], [.true.], .false., ring, ierr)
    call MPI_Cart_shift(ring, 0, 1, source, target, ierr)
    call check(source == left .and. target == right, 'MPI_Cart_shift')
    call MPI_Cart_get(ring, 1, dims, periods, coords, ierr)
    call check(dims(1) == ranks .and. periods(1) .and. coords(1) == rank, 'MPI_Cart_get')
    call MPI_Comm_free(ring, ierr)
    call MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 1, [left], MPI_UNWEIGHTED, 1, [right], MPI_UNWEIGHTED, &
                                        MPI_INFO_NULL, .false., graph, ierr)
    call MPI_Topo_test(graph, kind, ierr)
    call check(kind == MPI_DIST_GRAPH, 'MPI_Topo_test')
    call MPI_Dist_graph_neighbors_count(graph, ins, outs, weighted, ierr)
    call check(ins == 1 .and. outs == 1 .and. .not. weighted, 'MPI_UNWEIGHTED')
    call MPI_Dist_graph_neighbors(graph, 1, sources, weights, 1, targets, weights, ierr)
    call check(sources(1) == left .and. targets(1) == right, 'MPI_Dist_graph_neighbors')
    call MPI_Neighbor_alltoallw(rank, [1], [0_MPI_ADDRESS_KIND], [MPI_INTEGER], value, [1], [0_MPI_ADDRESS_KIND], &
                                [MPI_INTEGER], graph, ierr)
    call check(value == left, 'MPI_Neighbor_alltoallw')
    call MPI_Comm_free(graph, ierr)
  end subroutine

  subroutine strings
    character(MPI_MAX_PROCESSOR_NAME) :: host
    character(MPI_MAX_OBJECT_NAME) :: name
    character(MPI_MAX_ERROR_STRING) :: text
    character(MPI_MAX_LIBRARY_VERSION_STRING) :: version
    character(5) :: value
    character(20) :: long
    integer :: length, info, class, keys, dup
    logical :: flag

    call MPI_Get_processor_name(host, length, ierr)
    call check(length > 0 .and. len_trim(host) == length, 'MPI_Get_processor_name pads with blanks')
    call MPI_Comm_dup(MPI_COMM_WORLD, dup, ierr)
    call MPI_Comm_set_name(dup, 'of two words   ', ierr)
    call MPI_Comm_get_name(dup, name, length, ierr)
    call check(name == 'of two words' .and. length == 12, 'MPI_Comm_set_name cuts blanks')
    call MPI_Comm_free(dup, ierr)
    call MPI_Error_class(MPI_ERR_RANK, class, ierr)
    call MPI_Error_string(class, text, length, ierr)
    call check(class == MPI_ERR_RANK .and. length > 0 .and. len_trim(text) == length, 'MPI_Error_string')
    call MPI_Get_library_version(version, length, ierr)
    call check(len_trim(version) > 0, 'MPI_Get_library_version')
    call MPI_Info_create(info, ierr)
    call MPI_Info_set(info, 'the key ', 'a long value  ', ierr)
    call MPI_Info_get(info, 'the key', 20, long, flag, ierr)
    call check(flag .and. long == 'a long value', 'MPI_Info_get')
    call MPI_Info_get(info, 'the key', 5, value, flag, ierr)
    call check(flag .and. value == 'a lon', 'MPI_Info_get cuts')
    call MPI_Info_get(info, 'none', 5, value, flag, ierr)
    call check(.not. flag, 'MPI_Info_get of no key')
    call MPI_Info_get_valuelen(info, 'the key', length, flag, ierr)
    call check(flag .and. length == 12, 'MPI_Info_get_valuelen')
    call MPI_Info_set(info, '  the key', '   a value', ierr)
    call MPI_Info_get(info, ' the key ', 20, long, flag, ierr)
    call check(flag .and. long == 'a value', 'MPI_Info_set and MPI_Info_get cut leading blanks')
    call MPI_Info_get_valuelen(info, '  the key', length, flag, ierr)
    call check(flag .and. length == 7, 'MPI_Info_get_valuelen cuts leading blanks')
    call MPI_Info_set(info, 'other', 'one', ierr)
    call MPI_Info_delete(info, '  other', ierr)
    call check(ierr == MPI_SUCCESS, 'MPI_Info_delete cuts leading blanks')
    call MPI_Info_get_nkeys(info, keys, ierr)
    call MPI_Info_get_nthkey(info, 0, long, ierr)
    call check(keys == 1 .and. long == 'the key', 'MPI_Info_get_nthkey')
    call MPI_Info_free(info, ierr)
    call check(info == MPI_INFO_NULL, 'MPI_Info_free')
  end subroutine

  subroutine odd_ones
    integer :: packed, position, bytes(64), values(3), status(MPI_STATUS_SIZE), count, error
    integer(MPI_ADDRESS_KIND) :: here, there
    logical :: flag
    real(8) :: before

    before = MPI_Wtime()
    call check(MPI_Wtime() >= before .and. MPI_Wtick() > 0, 'MPI_Wtime')
    call MPI_Get_address(values(1), here, ierr)
    call MPI_Get_address(values(3), there, ierr)
    call check(MPI_Aint_diff(there, here) == 8 .and. MPI_Aint_add(here, 8_MPI_ADDRESS_KIND) == there, 'MPI_Aint_add')
    position = 0
    call MPI_Pack([1, 2, 3], 3, MPI_INTEGER, bytes, 256, position, MPI_COMM_WORLD, ierr)
    call MPI_Pack_size(3, MPI_INTEGER, MPI_COMM_WORLD, packed, ierr)
    call check(position > 0 .and. position <= packed, 'MPI_Pack')
    position = 0
    call MPI_Unpack(bytes, 256, position, values, 3, MPI_INTEGER, MPI_COMM_WORLD, ierr)
    call check(all(values == [1, 2, 3]), 'MPI_Unpack')
    call MPI_Status_set_elements(status, MPI_INTEGER, 5, ierr)
    call MPI_Status_set_cancelled(status, .true., ierr)
    call MPI_Get_elements(status, MPI_INTEGER, count, ierr)
    call MPI_Test_cancelled(status, flag, ierr)
    call check(count == 5 .and. flag, 'MPI_Status_set_elements')
    call MPI_Op_commutative(MPI_SUM, flag, ierr)
    call check(flag, 'MPI_Op_commutative')
    call MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN, ierr)
    call MPI_Send(values, 1, MPI_INTEGER, ranks, 0, MPI_COMM_WORLD, error)
    call check(error /= MPI_SUCCESS, 'an error is returned')
    call MPI_Error_class(error, count, ierr)
    call check(count == MPI_ERR_RANK, 'the class of an error')
    call MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL, ierr)
    call MPI_Initialized(flag, ierr)
    call check(flag, 'MPI_Initialized')
    call MPI_Finalized(flag, ierr)
    call check(.not. flag, 'MPI_Finalized')
  end subroutine
end program
