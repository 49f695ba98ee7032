#!/usr/bin/env bash
# Registering a kernel is one line in the list: with it, the kernel has an equality test and a benchmark. A copy of the
# list gets a kernel that no other file names; both programs are built from it, and both must show it.
#   dummy_kernel.sh ROOT BUILD CMAKE [cmake options...]
set -euo pipefail
root=$1 build=$2/dummy-kernel cmake=$3
shift 3
mkdir -p "$build"
{
  cat "$root/codegen/kernels.yaml"
  printf -- '\n- file: dummy\n  template: map.cc.j2\n  kernels:\n    - {operation: twice, operands: 1, expression: "hn::Add(x, x)"}\n'
} >"$build/kernels.yaml.new"
cmp -s "$build/kernels.yaml.new" "$build/kernels.yaml" || cp "$build/kernels.yaml.new" "$build/kernels.yaml"
"$cmake" -S "$root" -B "$build" -DINVAR_KERNEL_LIST="$build/kernels.yaml" -DINVAR_CODEGEN=ON -DINVAR_BUILD_CLI=OFF \
  -DINVAR_BUILD_TESTS=ON -DINVAR_BUILD_BENCH=ON -DINVAR_AVX3_DL=OFF -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=-O1 "$@" \
  >"$build/configure.log" || { cat "$build/configure.log"; exit 1; }
"$cmake" --build "$build" -j "$(getconf _NPROCESSORS_ONLN)" --target kernel_equality_test --target invar_bench \
  >"$build/build.log" 2>&1 || { tail -n 40 "$build/build.log"; exit 1; }
"$build/tests/kernel_equality_test" --gtest_filter='Kernel.twice/*' | tee "$build/test.log"
ran=$(grep -c '^\[       OK \] Kernel.twice/' "$build/test.log")
"$build/bin/invar_bench" --benchmark_list_tests=true --benchmark_filter='^twice/' | tee "$build/bench.log"
listed=$(grep -c '^twice/' "$build/bench.log")
# On every instruction set that ran, and at least on one.
echo "twice: $ran equality tests passed, $listed benchmarks listed"
[ "$ran" -ge 1 ] && [ "$listed" -ge 1 ]
