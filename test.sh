#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Run every test of Caravan, from nothing: install what is missing, build three ways, run.
#
#   ./test.sh              everything; the last line is `N passed, N failed`
#   ./test.sh --no-install the same without apt-get
#   ./test.sh --keep       leave the build directories and logs where they are, and say where
#
# What runs: the formatting check; the unit and sim suites under AddressSanitizer and
# UndefinedBehaviorSanitizer; every fuzz target for FUZZ_SECONDS (10) from its seed corpus; every suite of
# the release build. A test that is skipped for want of something in this machine counts as failed when
# CI=true, and is named either way. Nothing is written into the source tree.
set -u -o pipefail
exec </dev/null

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fuzz_seconds=${FUZZ_SECONDS:-10}
install=yes keep=no
for argument in "$@"; do
    case $argument in
    --no-install) install=no ;;
    --keep) keep=yes ;;
    *)
        sed -n '4,8s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
done

packages=(
    gcc meson ninja-build pkg-config check                  # to build
    libopenmpi-dev openmpi-bin mpich libmpich-dev           # mpi.h, and what we compare with
    libxen-dev xen-hypervisor-4.17-amd64                    # the guest and the pocket Xen
    qemu-system-x86 busybox-static cpio xz-utils
    netpipe-openmpi libboost-mpi-dev libfftw3-mpi-dev libfftw3-dev  # programs and libraries that nobody here wrote
    hpcc mumps-test scalapack-mpi-test
    python3-mpi4py binutils
    iproute2 ethtool libcap2-bin python3 gnuplot-nox        # namespaces, capabilities, comparisons
    g++ bc sqlite3 python3-numpy libblas-dev                # programs that the guest kernel runs
    cmake make autoconf automake gfortran                   # builds that use our mpicc
    clang llvm libclang-rt-14-dev clang-format              # fuzz targets, formatting
    valgrind procps git ca-certificates
    systemd                                                 # which looks at our unit
)

scratch=$(mktemp -d "${TMPDIR:-/tmp}/caravan-test.XXXXXX")
leave() {
    if [ $keep = yes ]; then
        echo "build directories and logs: $scratch" >&2
    else
        rm -rf "$scratch"
    fi
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
began=$SECONDS
passed=0 failed=0
failures=() skips=()

say() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - began)); }
pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    failures+=("$1")
    echo "FAILED: $1"
}
skip() {
    skips+=("$1")
    if [ "${CI:-}" = true ]; then
        failed=$((failed + 1))
        failures+=("$1 (skipped)")
    fi
}
finish() {
    say "results"
    ((${#skips[@]})) && printf 'skipped: %s\n' "${skips[@]}"
    ((${#failures[@]})) && printf 'failed: %s\n' "${failures[@]}"
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ]
    exit
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

install_packages() {
    local missing=() package

    for package in "${packages[@]}"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    echo "installing: ${missing[*]}"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends
        -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
    if ! { as_root "${apt[@]}" update && as_root "${apt[@]}" install "${missing[@]}"; } \
        >"$scratch/apt.log" 2>&1; then
        tail -20 "$scratch/apt.log"
        return 1
    fi
}

# configure_and_build NAME SETUP-ARGUMENTS...: into $scratch/NAME.
configure_and_build() {
    local name=$1
    shift
    if meson setup "$scratch/$name" "$source_dir" "$@" >"$scratch/$name.log" 2>&1 &&
        ninja -C "$scratch/$name" >>"$scratch/$name.log" 2>&1; then
        pass
        return 0
    fi
    tail -60 "$scratch/$name.log"
    fail "build: $name"
    return 1
}

# run_suites NAME MESON-TEST-ARGUMENTS...: in $scratch/NAME, and count what its log says.
run_suites() {
    local name=$1 result test
    shift
    (cd "$scratch/$name" && meson test --no-rebuild --print-errorlogs "$@")
    while read -r result test; do
        case $result in
        OK | EXPECTEDFAIL) pass ;;
        SKIP) skip "$name: $test" ;;
        *) fail "$name: $test ($result)" ;;
        esac
    done < <(python3 - "$scratch/$name/meson-logs/testlog.json" <<'PYTHON'
import json, sys
for line in open(sys.argv[1]):
    test = json.loads(line)
    print(test["result"], test["name"])
PYTHON
    )
}

check_format() {
    local files

    files=$(cd "$source_dir" && { git ls-files '*.c' '*.h' 2>/dev/null || find . -name '*.[ch]'; })
    if (cd "$source_dir" && xargs clang-format --dry-run --Werror <<<"$files"); then
        pass
    else
        fail "clang-format"
    fi
}

# One fuzz target for a while, from a copy of its corpus: tests/fuzz/corpus/NAME for tests/fuzz/NAME.
fuzz_one() {
    local target=$1 name
    name=$(basename "$target")
    local corpus=$scratch/corpus-$name seeds=$source_dir/tests/fuzz/corpus/$name

    mkdir -p "$corpus"
    [ -d "$seeds" ] || {
        echo "no seed corpus $seeds"
        return 1
    }
    cp "$seeds"/* "$corpus"/ &&
        (cd "$scratch" && timeout $((fuzz_seconds * 4 + 60)) "$target" -max_total_time="$fuzz_seconds" \
            -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 -artifact_prefix="$scratch/" \
            "$corpus")
}

fuzz_all() {
    local targets target name runs

    mapfile -t targets < <(meson introspect --targets "$scratch/fuzz" 2>/dev/null | python3 -c '
import json, os, sys
for target in json.load(sys.stdin):
    if target["type"] == "executable" and os.sep + "tests/fuzz" + os.sep in target["defined_in"]:
        print(target["filename"][0])')
    if ((${#targets[@]} == 0)); then
        fail "fuzz: no targets"
        return
    fi
    if ! ninja -C "$scratch/fuzz" "${targets[@]#"$scratch/fuzz/"}" >"$scratch/fuzz-build.log" 2>&1; then
        tail -60 "$scratch/fuzz-build.log"
        fail "build: fuzz"
        return
    fi
    export -f fuzz_one
    export scratch source_dir fuzz_seconds
    printf '%s\n' "${targets[@]}" |
        xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {} >"$scratch/fuzz-$(basename {}).log" 2>&1; \
            echo $? >"$scratch/fuzz-$(basename {}).status"'
    for target in "${targets[@]}"; do
        name=$(basename "$target")
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/fuzz-$name.log")
        if [ "$(cat "$scratch/fuzz-$name.status" 2>/dev/null)" = 0 ] && ((runs > 0)); then
            echo "$name: $runs runs"
            pass
        else
            # A sanitizer's report begins well before the end.
            grep -m1 -A25 "ERROR: " "$scratch/fuzz-$name.log" || true
            tail -40 "$scratch/fuzz-$name.log"
            fail "fuzz: $name"
        fi
    done
}

say "packages"
if [ $install = yes ] && ! install_packages; then
    fail "installing packages"
fi

say "formatting"
check_format

say "build"
configure_and_build release || finish

say "build with sanitizers"
if configure_and_build sanitize -Db_sanitize=address,undefined -Dbuildtype=debugoptimized -Dguest=false; then
    say "unit and sim suites under sanitizers"
    run_suites sanitize --suite unit --suite sim
fi
[ $keep = yes ] || rm -rf "$scratch/sanitize"

say "fuzz targets, $fuzz_seconds s each"
if CC=clang meson setup "$scratch/fuzz" "$source_dir" -Dfuzz=true -Dguest=false \
    -Db_sanitize=address,undefined -Db_lundef=false >"$scratch/fuzz-setup.log" 2>&1; then
    fuzz_all
else
    tail -40 "$scratch/fuzz-setup.log"
    fail "build: fuzz"
fi
[ $keep = yes ] || rm -rf "$scratch/fuzz"

say "every suite"
run_suites release
finish
