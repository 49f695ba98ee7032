#!/usr/bin/env bash
# CMake refuses flags that would change results, from wherever they come.
#   refused_flags.sh ROOT BUILD CMAKE
set -euo pipefail
root=$1 build=$2/refused-flags cmake=$3
# Some flags are one compiler's alone, and another stops at them in CMake's own trial before ours is read.
trust=(-DCMAKE_CXX_COMPILER_WORKS=1 -DCMAKE_C_COMPILER_WORKS=1)
tried=0
for flag in -ffast-math -Ofast -funsafe-math-optimizations -fassociative-math -freciprocal-math -ffinite-math-only \
  -fno-signed-zeros -fsingle-precision-constant -ffp-model=fast -ffp-model=aggressive; do
  for way in CMAKE_CXX_FLAGS CMAKE_CXX_FLAGS_RELEASE CXXFLAGS; do
    rm -rf "$build"
    if [ "$way" = CXXFLAGS ]; then
      output=$(CXXFLAGS="-g $flag" "$cmake" -S "$root" -B "$build" "${trust[@]}" 2>&1) && { echo "CXXFLAGS=$flag was not refused"; exit 1; }
    else
      output=$("$cmake" -S "$root" -B "$build" "${trust[@]}" "-D$way=-O2 $flag" 2>&1) && { echo "$way=$flag was not refused"; exit 1; }
    fi
    grep -q -- "contain $flag" <<<"$(tr '\n' ' ' <<<"$output" | tr -s ' ')" || { echo "$output"; exit 1; }
    tried=$((tried + 1))
  done
done
rm -rf "$build"
echo "$tried ways to ask for fast-math refused"
