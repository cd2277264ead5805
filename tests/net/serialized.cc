// SPDX-License-Identifier: BSD-2-Clause
//
// serialized.cc: libboost-mpi, as Debian ships it, carries C++ objects of varying size: to one, to all, back, and through
// reductions whose operation does not commute, with what a serial loop gives. On any number of ranks.
#include <boost/mpi.hpp>
#include <boost/serialization/map.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/vector.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace mpi = boost::mpi;
using Words = std::map<std::string, std::vector<int>>;

static void check(bool right, const char *what)
{
    if (right)
        return;
    std::cerr << "serialized: wrong: " << what << std::endl;
    mpi::environment::abort(1);
}

static std::string word(int rank)
{
    return std::string(1 + rank * 1000, static_cast<char>('a' + rank % 26));
}

static Words words(int rank)
{
    Words made;

    for (int i = 0; i <= rank; i++)
        made[word(i)] = std::vector<int>(i * 100, rank);
    return made;
}

int main(int argc, char **argv)
{
    mpi::environment environment(argc, argv);
    mpi::communicator world;
    const int rank = world.rank(), ranks = world.size();
    const int right = (rank + 1) % ranks, left = (rank + ranks - 1) % ranks;

    Words received;
    mpi::request requests[] = {world.irecv(left, 3, received), world.isend(right, 3, words(rank))};
    mpi::wait_all(requests, requests + 2);
    check(received == words(left), "a map that was sent");

    for (int root = 0; root < ranks; root++) {
        Words shared = rank == root ? words(root) : Words();

        mpi::broadcast(world, shared, root);
        check(shared == words(root), "a map that was broadcast");
    }

    std::string all, serial;
    for (int i = 0; i < ranks; i++)
        serial += word(i);
    mpi::all_reduce(world, word(rank), all, std::plus<std::string>());
    check(all == serial, "the concatenation of all words");
    std::string upto, wanted;
    for (int i = 0; i <= rank; i++)
        wanted += word(i);
    mpi::scan(world, word(rank), upto, std::plus<std::string>());
    check(upto == wanted, "the concatenation of the words before");
    check(mpi::all_reduce(world, 1.5 * rank, mpi::maximum<double>()) == 1.5 * (ranks - 1), "the largest number");

    std::vector<std::string> gathered;
    mpi::gather(world, word(rank), gathered, ranks - 1);
    for (int i = 0; rank == ranks - 1 && i < ranks; i++)
        check(gathered.at(i) == word(i), "what was gathered");
    std::vector<std::vector<int>> out(ranks), in;
    for (int i = 0; i < ranks; i++)
        out[i].assign(rank * 10 + i, rank);
    mpi::all_to_all(world, out, in);
    for (int i = 0; i < ranks; i++)
        check(in.at(i) == std::vector<int>(i * 10 + rank, i), "what came from all");

    mpi::communicator half = world.split(rank % 2);
    check(mpi::all_reduce(half, 1, std::plus<int>()) == (ranks + 1 - rank % 2) / 2, "the half of all");
    if (rank == 0)
        std::cout << "serialized on " << ranks << " ranks: right" << std::endl;
    return EXIT_SUCCESS;
}
