#!/usr/bin/env bash
# A whole program whose compiler contracted all the same (a launcher adds the flag to every command) builds, and then
# refuses to compute anything.
#   refuses_to_run.sh ROOT BUILD CMAKE [cmake options...]
set -euo pipefail
root=$1 build=$2/broken-build cmake=$3
shift 3
mkdir -p "$build"
printf '#!/bin/sh\nexec "$@" -O2 -ffp-contract=fast\n' >"$build/launcher"
chmod +x "$build/launcher"
"$cmake" -S "$root" -B "$build" -DCMAKE_CXX_COMPILER_LAUNCHER="$build/launcher" -DINVAR_BUILD_TESTS=OFF \
  -DINVAR_BUILD_BENCH=OFF -DINVAR_AVX3_DL=OFF -DCMAKE_BUILD_TYPE=None "$@" >"$build/configure.log" ||
  { cat "$build/configure.log"; exit 1; }
"$cmake" --build "$build" -j "$(getconf _NPROCESSORS_ONLN)" --target invar >"$build/build.log" 2>&1 ||
  { tail -n 40 "$build/build.log"; exit 1; }
code=0
output=$("$build/bin/invar" generate -m "$root/models/gpt2" -p ROMEO: -n 4 2>&1) || code=$?
echo "exit status $code: $output"
[ "$code" = 1 ] && grep -q 'self-test of .* failed: .*contracted' <<<"$output" && [ "$(wc -l <<<"$output")" = 1 ]
