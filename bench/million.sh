#!/bin/sh
# Opens many real connections to one server process, through loopback, and prints what they cost: see docs/million.md.
#
#     bench/million.sh [connections] [arguments for `million sockets`]
#
# Default 1,000,000 connections, for which it wants root (to raise limits), some 24 GiB of memory, and a kernel without
# other limits of its own. As another user, or with fewer connections, it tries what is allowed. It puts back the
# settings that it has changed.
set -eu

connections=${1:-1000000}
[ $# -gt 0 ] && shift
case $connections in
'' | *[!0-9]*)
    echo "usage: $0 [connections] [arguments for 'million sockets']" >&2
    exit 2
    ;;
esac

# A generator holds so many: one process with all clients would be the bottleneck. The server holds them all.
per_generator=50000
generators=$(((connections + per_generator - 1) / per_generator))
# Beside the connections: listeners, epoll, standard streams.
files=$((connections + 1000))

# setting VALUE NAME: raises a setting of the kernel, if it is lower, and remembers what it was.
changed=
raise() {
    name=$1 wanted=$2
    now=$(sysctl -n "$name" 2>/dev/null) || return 0
    if [ "$now" -lt "$wanted" ]; then
        if sysctl -q -w "$name=$wanted" 2>/dev/null; then
            changed="$changed $name=$now"
        else
            echo "warning: $name is $now and should be $wanted (root may change it)" >&2
        fi
    fi
}
# Called by the trap.
# shellcheck disable=SC2317,SC2329
restore() {
    for setting in $changed; do
        sysctl -q -w "$setting" || echo "warning: $setting could not be put back" >&2
    done
}
trap restore EXIT
trap 'exit 130' INT TERM

# Descriptors: of the whole system (both ends are here), and what a process may be allowed at most.
raise fs.file-max $((connections * 2 + 100000))
raise fs.nr_open "$files"
# Connections that come faster than they are accepted.
raise net.core.somaxconn 4096
raise net.ipv4.tcp_max_syn_backlog 4096
# Where a firewall follows connections it follows both directions of each.
raise net.netfilter.nf_conntrack_max $((connections * 2 + 100000))

if ! ulimit -n "$files" 2>/dev/null; then
    echo "error: a process may hold $(ulimit -Hn) descriptors only, and the server needs $files:" >&2
    echo "  start fewer connections, or raise the limit (root, LimitNOFILE=, /etc/security/limits.conf)" >&2
    exit 1
fi

# Each source address has the ports of this range; a quarter is left for what else needs them.
ports=$(sysctl -n net.ipv4.ip_local_port_range 2>/dev/null || echo "32768 60999")
first=${ports%%[!0-9]*}
last=${ports##*[!0-9]}
usable=$(((last - first + 1) * 3 / 4))
share=$(((connections + generators - 1) / generators))
sources=$(((share + usable - 1) / usable))

here=$(dirname -- "$0")
cargo build --quiet --release --manifest-path "$here/Cargo.toml" --bin million
million=$(cargo metadata --format-version 1 --no-deps --manifest-path "$here/Cargo.toml" |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/million
echo "$connections connections from $generators process(es) with $sources address(es) each" >&2
"$million" sockets --connections "$connections" --generators "$generators" --sources "$sources" "$@"
