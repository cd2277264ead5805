// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <unordered_map>
#include <vector>

struct noisy {
    std::string name;
    explicit noisy(std::string n) : name(std::move(n)) { std::cout << "made " << name << '\n'; }
    ~noisy() { std::cout << "gone " << name << '\n'; }
};

thread_local noisy per_thread("thread_local");
static thread_local int counter = 41;

struct base {
    virtual ~base() = default;
};
struct derived : base {
};

static int deep(int level)
{
    noisy here("level " + std::to_string(level));
    if (level == 3)
        throw std::runtime_error("thrown at the bottom");
    return deep(level + 1) + 1;
}

int main()
{
    std::cout << per_thread.name << ' ' << ++counter << '\n';
    try {
        deep(0);
    } catch (const std::exception &error) {
        std::cout << "caught " << error.what() << '\n';
    }
    try {
        std::vector<int>().at(3);
    } catch (const std::out_of_range &) {
        std::cout << "out of range\n";
    }
    try {
        std::unique_ptr<base> object = std::make_unique<base>();
        (void)dynamic_cast<derived &>(*object);
    } catch (const std::bad_cast &) {
        std::cout << "bad cast\n";
    }
    try {
        std::vector<char> huge(static_cast<size_t>(-1) / 4);
        std::cout << huge.size();
    } catch (const std::bad_alloc &) {
        std::cout << "bad alloc\n";
    }

    std::vector<int> numbers(100000);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::reverse(numbers.begin(), numbers.end());
    std::sort(numbers.begin(), numbers.end());
    std::cout << std::accumulate(numbers.begin(), numbers.end(), 0ll) << '\n';

    std::map<std::string, int> words;
    std::istringstream text("the quick brown fox jumps over the lazy dog and the cat");
    for (std::string word; text >> word;)
        words[word]++;
    for (const auto &[word, times] : words)
        std::cout << std::left << std::setw(8) << word << times << '\n';
    std::unordered_map<int, double> table;
    for (int i = 0; i < 10000; i++)
        table[i * 7919] = i / 3.0;
    std::cout << std::setprecision(17) << table[7919 * 9999] << '\n';

    std::ofstream("/tmp/caravan-cxx") << "written " << 3.5 << "\nand read\n";
    std::ifstream file("/tmp/caravan-cxx");
    std::cout << file.rdbuf();
    std::remove("/tmp/caravan-cxx");
    return 0;
}
