#!/usr/bin/env bash
# What the provers refuse, in one sentence, before anything is computed: an argument that is misread proves less, and a proof of
# nothing passes. And what ./run answers without building anything.
#   arguments.sh ROOT PROGRAMS
set -uo pipefail
root=$1 programs=$2 failed=0
fail() { echo "$*"; failed=1; }

refused() { # words program arguments...
  local words=$1 output code=0
  shift
  output=$(timeout 60 "$@" 2>&1) || code=$?
  [ "$code" = 2 ] && [ "$(wc -l <<<"$output")" = 1 ] && grep -q -- "$words" <<<"$output" || fail "$*: exit status $code: ${output:0:300}"
}

for wrong in "--count abc" "--count 1000x" "--count 0" "--count -1" "--count 4294967297" "--random abc" "--random 0" "--random 5x" \
  "--seed -1" "--seed 1.5" "--first 0x100000000" "--threads 0" "--threads 2x" "--count 0x"; do
  # shellcheck disable=SC2086
  refused "${wrong%% *} '${wrong##* }' is not a whole number from" "$programs/prove_functions" --function exp $wrong
done
refused "value is missing after --count" "$programs/prove_functions" --count
refused "no option --numbers" "$programs/prove_functions" --numbers 3
refused "beyond the last" "$programs/prove_functions" --function exp --first 0xFFFFFFFF --count 2
refused "exclude each other" "$programs/prove_functions" --first 3 --random 5
refused "no such function: sine" "$programs/prove_functions" --function sine --count 1
refused "no such target here: MMX" "$programs/prove_functions" --target MMX --count 1
if [[ "$("$programs/prove_functions" --function exp --count 16)" == *" AVX2-in-doubles "* ]]; then
  refused "AVX2-in-doubles has no log" "$programs/prove_functions" --target AVX2-in-doubles --function log --count 1
fi
refused "'2x' is not a whole number" "$programs/prove_rope" --threads 2x
refused "only arguments" "$programs/prove_rope" --count 3

output=$("$programs/prove_functions" --function exp --first 0xFFFFFFF0 --threads 1) || fail "the last arguments: $output"
grep -q '^some exp.* 16 ' <<<"$output" || fail "not the 16 arguments that were asked for: $output"

nowhere=$(mktemp -d)/build
for command in demo build test fuzz bench bench-peers prove-functions test-isa test-compilers count-instructions test-mutants regenerate; do
  output=$(INVAR_BUILD_DIR=$nowhere "$root/run" "$command" --help 2>&1) || fail "run $command --help failed: $output"
  grep -q "run $command" <<<"$output" || fail "run $command --help says: $output"
done
lists="fuzz bench-peers"
! python3 -c 'import yaml' 2>/dev/null || lists+=" test-isa test-compilers test-mutants"
for command in $lists; do
  output=$(INVAR_BUILD_DIR=$nowhere "$root/run" "$command" --list 2>&1) || fail "run $command --list failed: $output"
  [ "$(wc -l <<<"$output")" -gt 3 ] || fail "run $command --list says: $output"
done
help=$("$programs/prove_functions" --help)
[ -n "$help" ] && [[ "$(INVAR_BUILD_DIR=$nowhere "$root/run" prove-functions --help)" == *"$help" ]] || fail "run prove-functions --help is not the program's"
refused_run=$(INVAR_BUILD_DIR=$nowhere "$root/run" nonsense --help 2>&1) && fail "run nonsense --help succeeded: $refused_run"
[ ! -e "$nowhere" ] || fail "asking for help made a build folder"
rmdir "$(dirname "$nowhere")"
exit $failed
