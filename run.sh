#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Caravan at first sight, on a fresh Debian 12: install what is missing (as root or with sudo), build, compile a
# latency benchmark with our mpicc, and run it on two ranks beside Open MPI: over shared memory, and
# between two network namespaces, over raw Ethernet frames where Open MPI uses TCP on the same link.
set -eu -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
source_dir=$PWD
build=${BUILD:-$source_dir/build}
packages=(gcc meson ninja-build pkg-config check libopenmpi-dev openmpi-bin iproute2 ethtool python3)

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

say() { printf '\n== %s\n' "$1"; }

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if ((${#missing[@]})); then
    say "installing ${missing[*]}"
    as_root apt-get -q update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}"
fi

say "building in $build"
[ -f "$build/build.ninja" ] || meson setup "$build" -Dguest=false -Dtests=false >/dev/null
ninja -C "$build" | tail -1

scratch=$(mktemp -d "${TMPDIR:-/tmp}/caravan-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"

say "mpicc -O2 -o latency bench/latency.c bench/bench.c"
program=$scratch/latency
"$build/bin/mpicc" -O2 -o "$program" bench/latency.c bench/bench.c
arguments=(-m "1:1048576")

# The same binary: its RUNPATH leads to our library, LD_LIBRARY_PATH to Open MPI's.
open_mpi_library=$(dirname "$(readlink -f "$(pkg-config --variable=libdir ompi-c)/libmpi.so")")
open_mpi=(env "LD_LIBRARY_PATH=$open_mpi_library" mpirun.openmpi --allow-run-as-root --oversubscribe -n 2)

# compare TITLE CARAVAN-TABLE OTHER'S-NAME OTHER'S-TABLE
compare() {
    say "$1"
    awk -v other="$3" '
        /^[0-9]/ && FNR == NR { ours[$1] = $2; next }
        /^[0-9]/ {
            if (!lines++)
                printf "%10s %14s %14s %8s\n", "bytes", "Caravan", other, "ratio"
            printf "%10d %14.2f %14.2f %8.2f\n", $1, ours[$1], $2, ours[$1] / $2
        }' "$2" "$4"
}

"$build/bin/mpirun" -n 2 "$program" "${arguments[@]}" >"$scratch/ring"
"${open_mpi[@]}" "$program" "${arguments[@]}" >"$scratch/shm"
compare "shared memory: half a round trip, microseconds" "$scratch/ring" "Open MPI" "$scratch/shm"

# For both MPIs, in one network. Open MPI tells nodes apart by host name, and would bind the first rank of each to the same core.
as_root env "PATH=$PATH" PYTHONDONTWRITEBYTECODE=1 python3 tests/net/network.py -- bash -euc '
        build=$1 source_dir=$2 scratch=$3 library=$4
        shift 4
        "$build/bin/mpirun" -n 2 -H "$HOSTS" --launch-agent "$source_dir/tests/net/enter-namespace" --eth eth0 \
            "$@" >"$scratch/frames"
        TMPDIR=$scratch "$source_dir/bench/as-host" "${HOSTS%%,*}" env "LD_LIBRARY_PATH=$library" \
            mpirun.openmpi --allow-run-as-root --oversubscribe -n 2 -H "$HOSTS" --map-by node --bind-to none \
            -x LD_LIBRARY_PATH --mca plm rsh --mca plm_rsh_agent "$source_dir/bench/as-host" \
            --mca btl tcp,self --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 \
            "$@" >"$scratch/tcp"' both "$build" "$source_dir" "$scratch" "$open_mpi_library" \
    "$program" "${arguments[@]}"
compare "Ethernet (veth, MTU 1500): half a round trip, microseconds" "$scratch/frames" "Open MPI, TCP" \
    "$scratch/tcp"
echo
echo "One run each. bench/compare interleaves several, adds MPICH, and prints medians."
