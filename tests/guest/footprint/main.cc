// SPDX-License-Identifier: BSD-2-Clause
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

int main()
{
    std::vector<double> touched(2 << 20, 1.0);
    char *reserved = new char[64 << 20]; // half of it is used

    for (size_t i = 0; i < 32 << 20; i += 4096)
        reserved[i] = 1;
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.rfind("VmHWM:", 0) == 0)
            std::cout << line << '\n';
    std::exit(touched[77] != 1.0); // nothing is given back
}
