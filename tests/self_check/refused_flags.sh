#!/usr/bin/env bash
# CMake refuses flags that would change results, from wherever they come.
#   refused_flags.sh ROOT BUILD CMAKE
set -euo pipefail
root=$1 build=$2/refused-flags cmake=$3
tried=0
for flag in -ffast-math -Ofast -funsafe-math-optimizations -fassociative-math -freciprocal-math -ffinite-math-only; do
  for way in CMAKE_CXX_FLAGS CMAKE_CXX_FLAGS_RELEASE CXXFLAGS; do
    rm -rf "$build"
    if [ "$way" = CXXFLAGS ]; then
      output=$(CXXFLAGS="-g $flag" "$cmake" -S "$root" -B "$build" 2>&1) && { echo "CXXFLAGS=$flag was not refused"; exit 1; }
    else
      output=$("$cmake" -S "$root" -B "$build" "-D$way=-O2 $flag" 2>&1) && { echo "$way=$flag was not refused"; exit 1; }
    fi
    grep -q -- "contain $flag" <<<"$(tr '\n' ' ' <<<"$output" | tr -s ' ')" || { echo "$output"; exit 1; }
    tried=$((tried + 1))
  done
done
rm -rf "$build"
echo "$tried ways to ask for fast-math refused"
