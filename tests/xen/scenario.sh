# SPDX-License-Identifier: BSD-2-Clause
# What scenarios are made of; dom0 reads it before it runs one.

# domain NAME KERNEL RAMDISK MEGABYTES COMMAND-LINE [LINE ...]: make a domain, paused, with one CPU.
# Further lines go into its configuration. Xen must not emulate its rdtsc, or that is all one would
# measure.
domain() {
    name=$1
    {
        echo "name='$1'"
        echo "kernel='$2'"
        echo "ramdisk='$3'"
        echo "memory=$4"
        echo "vcpus=1"
        echo "tsc_mode='native'"
        echo "on_poweroff='destroy'"
        echo "on_reboot='destroy'"
        echo "on_crash='destroy'"
        echo "extra=\"$5\""
        shift 5
        for line; do echo "$line"; done
    } >"/run/$name.cfg"
    xl create -q -p "/run/$name.cfg" || { echo "cannot create $name"; return 1; }
}

# console NAME: the file with everything that a domain has written.
console() { echo "/host/console/guest-$1.log"; }

# console_wait NAME PATTERN SECONDS: until a line like that has been written. Fails when time is up
# or the domain has gone without.
console_wait() {
    for try in $(seq $(($3 * 5))); do
        grep -q -- "$2" "$(console "$1")" 2>/dev/null && return
        if [ $((try % 25)) -eq 0 ] && ! xl domid "$1" >/dev/null 2>&1; then
            usleep 500000 # xenconsoled may be a little behind
            grep -q -- "$2" "$(console "$1")" && return
            echo "$1 has gone without a line like \"$2\""
            return 1
        fi
        usleep 200000
    done
    echo "$1: no line like \"$2\" within $3 s"
    return 1
}

# domain_wait NAME SECONDS: until it has gone.
domain_wait() {
    for try in $(seq $(($2 * 2))); do
        xl domid "$1" >/dev/null 2>&1 || return 0
        usleep 500000
    done
    echo "$1 is still there after $2 s"
    return 1
}
