# The self-check at start, on builds that flags have broken behind CMake's back: each program is compiled with flags that
# come after the project's own (which a linked target's would not).
function(invar_self_check name expected)
  add_executable(self_check_${name} self_check/self_check_main.cc)
  target_include_directories(self_check_${name} PRIVATE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
  target_compile_definitions(self_check_${name} PRIVATE HWY_COMPILE_ALL_ATTAINABLE)
  target_link_libraries(self_check_${name} PRIVATE invar_deps::hwy)
  target_compile_options(self_check_${name} PRIVATE ${INVAR_NUMERIC_FLAGS} ${ARGN})
  set_target_properties(self_check_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  add_test(NAME self_check/${name} COMMAND self_check_${name} ${expected})
endfunction()

invar_self_check(sound sound)
if(NOT INVAR_SANITIZE)
  invar_self_check(contract broken -O2 -ffp-contract=fast)
  invar_self_check(fast_math broken -O2 -ffast-math)
  invar_self_check(ofast broken -Ofast)
  invar_self_check(unsafe_math broken -O2 -funsafe-math-optimizations)
  add_test(NAME self_check/refused_flags COMMAND bash "${CMAKE_CURRENT_LIST_DIR}/refused_flags.sh" "${PROJECT_SOURCE_DIR}"
    "${PROJECT_BINARY_DIR}" "${CMAKE_COMMAND}")
  if(TARGET invar)
    add_test(NAME self_check/refuses_to_run COMMAND bash "${CMAKE_CURRENT_LIST_DIR}/refuses_to_run.sh"
      "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}" "${CMAKE_COMMAND}" "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
      -G "${CMAKE_GENERATOR}" "-DINVAR_SYSTEM_LIBS=${INVAR_SYSTEM_LIBS}" "-DINVAR_ARCHIVE_DIR=${INVAR_ARCHIVE_DIR}"
      "-DINVAR_CODEGEN=${INVAR_CODEGEN}")
    set_tests_properties(self_check/refuses_to_run PROPERTIES TIMEOUT 1500 RUN_SERIAL ON)
  endif()
endif()
