#!/bin/sh
# Called by `cargo run` with a fuzz target and its arguments: adds the target's corpus (which grows), its seeds
# (which do not) and the dictionary, unless files or folders are given, as when a crash is to be seen again.
set -eu
binary=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
name=$(basename "$binary")
for argument in "$@"; do
    case $argument in
    -*) ;;
    *) exec "$binary" "$@" ;;
    esac
done
corpus=$here/corpus/$name
artifacts=$here/artifacts/$name
mkdir -p "$corpus" "$artifacts"
exec "$binary" "-artifact_prefix=$artifacts/" "-dict=$here/packets.dict" "$@" "$corpus" "$here/seeds/$name"
