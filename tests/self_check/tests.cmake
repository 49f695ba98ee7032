# The self-check at start, on builds that flags have broken behind CMake's back: each program is compiled with flags that
# come after the project's own (which a linked target's would not).
function(invar_self_check name expected words)
  add_executable(self_check_${name} self_check/self_check_main.cc)
  target_include_directories(self_check_${name} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
  target_compile_definitions(self_check_${name} PRIVATE HWY_COMPILE_ALL_ATTAINABLE)
  target_link_libraries(self_check_${name} PRIVATE invar_deps::hwy)
  target_compile_options(self_check_${name} PRIVATE ${INVAR_NUMERIC_FLAGS} ${ARGN})
  set_target_properties(self_check_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  add_test(NAME self_check/${name} COMMAND self_check_${name} ${expected} ${words})
endfunction()

invar_self_check(sound sound "")
if(NOT INVAR_SANITIZE)
  # Where there is no instruction to contract into, nothing is contracted.
  invar_self_check(contract some contracted -O2 -ffp-contract=fast)
  # Clang's also contract and take reciprocals, of which the first is told.
  set(fast_math_breaks "build with")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(fast_math_breaks reassociated)
  endif()
  invar_self_check(fast_math every "${fast_math_breaks}" -O2 -ffast-math)
  invar_self_check(ofast every "${fast_math_breaks}" -Ofast)
  invar_self_check(unsafe_math every "${fast_math_breaks}" -O2 -funsafe-math-optimizations)
  invar_self_check(finite_math every NaNs -O2 -ffinite-math-only)
  # Clang ignores the flag. Only where binary64 has a fused multiply-add does the check ask for more of a constant than binary32 holds.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    invar_self_check(single_precision some "split in two" -O2 -fsingle-precision-constant)
  endif()
  add_test(NAME self_check/refused_flags COMMAND bash "${CMAKE_CURRENT_LIST_DIR}/refused_flags.sh" "${PROJECT_SOURCE_DIR}"
    "${PROJECT_BINARY_DIR}" "${CMAKE_COMMAND}")
  find_program(INVAR_LINT_PYTHON NAMES python3)
  if(TARGET invar AND CMAKE_GENERATOR MATCHES "Ninja" AND INVAR_LINT_PYTHON)
    add_test(NAME self_check/refuses_to_run COMMAND "${INVAR_LINT_PYTHON}" "${CMAKE_CURRENT_LIST_DIR}/refuses_to_run.py"
      "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}")
    set_tests_properties(self_check/refuses_to_run PROPERTIES RUN_SERIAL ON)  # it compiles with every processor
  endif()
endif()
