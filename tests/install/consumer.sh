#!/usr/bin/env bash
# Installs the build into a folder of its own, and builds and runs another project with what lies there.
#   consumer.sh ROOT BUILD CMAKE [cmake options...]
set -euo pipefail
root=$1 build=$2 cmake=$3
shift 3
folder=$build/consumer
rm -rf "$folder"
mkdir -p "$folder"
"$cmake" --install "$build" --prefix "$folder/prefix" >"$folder/install.log" || { cat "$folder/install.log"; exit 1; }
"$cmake" -S "$root/tests/install" -B "$folder/build" -DCMAKE_PREFIX_PATH="$folder/prefix" "$@" >"$folder/configure.log" 2>&1 ||
  { cat "$folder/configure.log"; exit 1; }
"$cmake" --build "$folder/build" >"$folder/build.log" 2>&1 || { cat "$folder/build.log"; exit 1; }
"$folder/build/consumer"
[ ! -x "$folder/prefix/bin/invar" ] || "$folder/prefix/bin/invar" --version
