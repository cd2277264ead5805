#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Caravan at first sight, on a fresh Debian 12: install what is missing (as root or with sudo), build, measure.
#
#   ./run.sh              latency between two Xen domains, each a rank on our guest kernel, beside TCP between two Linux
#                         domains, in one boot of the pocket: a Xen host in QEMU (docs/pocket.md). Some five minutes
#   ./run.sh --processes  the quick one: latency between two processes beside Open MPI, over shared memory, and
#                         between two network namespaces, over raw Ethernet frames where Open MPI uses TCP on the same link
#   ./run.sh --help       this
#
# BUILD in the environment names the build directory (default: build); SIZES the messages' sizes (default: 1:1048576).
set -eu -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
source_dir=$PWD
build=${BUILD:-$source_dir/build}
domains=yes
case ${1---domains} in
--domains) ;;
--processes) domains=no ;;
-h | --help)
    sed -n '4,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    exit 0
    ;;
*)
    echo "run.sh: what is '$1'? ./run.sh --help lists what there is" >&2
    exit 2
    ;;
esac

packages=(gcc meson ninja-build pkg-config libopenmpi-dev python3)
if [ $domains = yes ]; then
    packages+=(libxen-dev qemu-system-x86 cpio xz-utils iproute2)
else
    packages+=(openmpi-bin iproute2 ethtool)
fi

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

say "building in $build; a minute"
if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" -Dguest="$([ $domains = yes ] && echo true || echo false)" -Dtests=false >/dev/null
elif [ $domains = yes ]; then
    meson configure "$build" -Dguest=true # it may have been made by --processes
fi
ninja -C "$build" | tail -1

if [ $domains = yes ]; then
    # The pocket's packages are found in the lists, which a fresh machine does not have.
    if ! apt-cache show linux-image-amd64 xen-utils-4.17 >/dev/null 2>&1; then
        say "fetching Debian's package lists"
        as_root apt-get -q update
    fi
    say "two domains beside two Linux domains, in the pocket; some minutes"
    if ! bench/compare-domus --build "$build"; then
        echo "run.sh: not everything could be measured, see above; ./run.sh --processes needs no Xen" >&2
        exit 1
    fi
    echo
    echo "Emulated: ratios mean something, times do not. bench/compare-domus --help; docs/domains.md is about ranks as domains."
    exit 0
fi

scratch=$(mktemp -d "${TMPDIR:-/tmp}/caravan-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"

say "mpicc -O2 -o latency bench/latency.c bench/bench.c"
program=$scratch/latency
"$build/bin/mpicc" -O2 -o "$program" bench/latency.c bench/bench.c
arguments=(-m "${SIZES:-1:1048576}")

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
